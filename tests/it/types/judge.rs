//! Whether a record's cell says the same as the server's own SELECT: one rule a type, those of `docs/types.md`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How a cell and what the server says of it are made comparable.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// The same digits.
    Integer,
    /// The same 64 bits: the record's number is signed.
    WrappedInteger,
    /// The unscaled integer, with the point put in.
    Decimal { scale: usize },
    /// The same 32 bits.
    Float,
    /// The same 64 bits.
    Double,
    /// The same number of bits.
    Bit,
    /// The day, counted by hand; no day where the server's text names none.
    Date { null_allowed: bool },
    /// Microseconds.
    Time,
    /// Milliseconds or microseconds since 1970.
    DateTime { digits: usize, null_allowed: bool },
    /// The text in UTC.
    Timestamp { null_allowed: bool },
    /// The same characters.
    Text,
    /// The same bytes.
    Bytes,
    /// The same tokens; numbers by their digits or their 64 bits.
    Json,
    /// The same SRID and WKB.
    Geometry,
    /// As a geometry, and the coordinates are those of the WKB.
    Point,
    /// The same 32 bits each.
    Vector,
}

impl Rule {
    /// What the server is asked about the column.
    pub(crate) fn select(self, column: &str) -> String {
        match self {
            Rule::Integer | Rule::WrappedInteger | Rule::Bit => format!("{column} + 0"),
            Rule::Decimal { .. } | Rule::Double => column.to_owned(),
            // FLOAT itself is printed with six digits.
            Rule::Float => format!("CAST({column} AS DOUBLE)"),
            Rule::Date { .. } | Rule::Time | Rule::DateTime { .. } | Rule::Timestamp { .. } => {
                format!("CAST({column} AS CHAR)")
            }
            Rule::Text | Rule::Json => format!("HEX(CONVERT({column} USING utf8mb4))"),
            Rule::Bytes | Rule::Geometry | Rule::Point | Rule::Vector => format!("HEX({column})"),
        }
    }

    /// What is wrong, with both sides in the same form; `None` where they agree. `ours` is JSON text, `server` a
    /// cell of the client's output.
    pub(crate) fn differ(self, ours: &str, server: &str) -> Option<String> {
        if server == "NULL" {
            return (ours != "null").then(|| format!("{ours} | {server}"));
        }
        // A date that is none is null as well.
        if ours == "null" && self.expects(server).as_deref() != Some("null") {
            return Some(format!("{ours} | {server}"));
        }
        if let Rule::Json = self {
            let (ours, server) = (string(ours)?, String::from_utf8(unhex(server)).ok()?);
            return (!same_document(&ours, &server)).then(|| format!("{ours} | {server}"));
        }
        let (read, expected) = (self.read(ours), self.expects(server));
        let read = read.unwrap_or_else(|| format!("unreadable: {ours}"));
        let expected = expected.unwrap_or_else(|| format!("unreadable: {server}"));
        (read != expected).then(|| format!("{read} | {expected}"))
    }

    /// Our JSON in the common form.
    fn read(self, ours: &str) -> Option<String> {
        Some(match self {
            Rule::Integer
            | Rule::Date { .. }
            | Rule::Time
            | Rule::DateTime { .. }
            | Rule::Timestamp { .. } => ours.to_owned(),
            Rule::WrappedInteger => (ours.parse::<i64>().ok()? as u64).to_string(),
            Rule::Decimal { scale } => decimal(&bytes(ours)?, scale),
            Rule::Float => format!("{:08x}", ours.parse::<f32>().ok()?.to_bits()),
            Rule::Double => format!("{:016x}", ours.parse::<f64>().ok()?.to_bits()),
            Rule::Bit => match ours {
                "true" => "1".to_owned(),
                "false" => "0".to_owned(),
                _ => {
                    let value = bytes(ours)?
                        .iter()
                        .rev()
                        .fold(0_u64, |all, byte| all << 8 | u64::from(*byte));
                    value.to_string()
                }
            },
            Rule::Text => hex(string(ours)?.as_bytes()),
            Rule::Bytes => hex(&bytes(ours)?),
            Rule::Geometry | Rule::Point => geometry(ours, matches!(self, Rule::Point))?,
            Rule::Vector => {
                let numbers = ours.trim_matches(['[', ']']).split(',');
                let numbers: Result<Vec<f32>, _> = numbers.map(str::parse::<f32>).collect();
                let bytes = numbers.ok()?.into_iter().flat_map(f32::to_le_bytes);
                hex(&bytes.collect::<Vec<u8>>())
            }
            Rule::Json => return None,
        })
    }

    /// The server's text in the common form.
    fn expects(self, server: &str) -> Option<String> {
        let or_none = |number: Option<i64>, null_allowed: bool| match number {
            Some(number) => number.to_string(),
            None if null_allowed => "null".to_owned(),
            None => "0".to_owned(),
        };
        Some(match self {
            Rule::Float => format!("{:08x}", (server.parse::<f64>().ok()? as f32).to_bits()),
            Rule::Double => format!("{:016x}", server.parse::<f64>().ok()?.to_bits()),
            Rule::Date { null_allowed } => or_none(day(server), null_allowed),
            Rule::Time => clock(server)?.to_string(),
            Rule::DateTime {
                digits,
                null_allowed,
            } => {
                let (date, time) = server.split_once(' ')?;
                let us = day(date).map(|day| day * 86_400_000_000 + clock(time).unwrap_or(0));
                let unit = if digits <= 3 { 1000 } else { 1 };
                or_none(us.map(|us| us.div_euclid(unit)), null_allowed)
            }
            Rule::Timestamp { null_allowed } => match (server.starts_with("0000"), null_allowed) {
                (true, true) => "null".to_owned(),
                (true, false) => "\"1970-01-01T00:00:00Z\"".to_owned(),
                (false, _) => format!("\"{}Z\"", server.replacen(' ', "T", 1)),
            },
            Rule::Integer
            | Rule::WrappedInteger
            | Rule::Decimal { .. }
            | Rule::Bit
            | Rule::Text
            | Rule::Bytes
            | Rule::Geometry
            | Rule::Point
            | Rule::Vector => server.to_owned(),
            Rule::Json => return None,
        })
    }
}

fn string(json: &str) -> Option<String> {
    serde_json::from_str(json).ok()
}

fn bytes(json: &str) -> Option<Vec<u8>> {
    STANDARD.decode(string(json)?).ok()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(text.get(at..at + 2).unwrap_or("00"), 16);
    (0..text.len() / 2).map(|n| digit(n * 2).unwrap()).collect()
}

/// A two's-complement integer as decimal digits with a point.
fn decimal(bytes: &[u8], scale: usize) -> String {
    let negative = bytes.first().is_some_and(|first| first & 0x80 != 0);
    let mut magnitude = bytes.to_vec();
    if negative {
        magnitude.iter_mut().for_each(|byte| *byte = !*byte);
        for byte in magnitude.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
    }
    let mut digits = Vec::new();
    let point = usize::from(scale > 0);
    while magnitude.iter().any(|byte| *byte != 0) || digits.len() <= scale + point {
        let mut rest = 0_u32;
        for byte in &mut magnitude {
            let value = rest << 8 | u32::from(*byte);
            *byte = (value / 10) as u8;
            rest = value % 10;
        }
        digits.push(char::from(b'0' + rest as u8));
        if digits.len() == scale {
            digits.push('.');
        }
    }
    let digits: String = digits.iter().rev().collect();
    format!("{}{digits}", if negative { "-" } else { "" })
}

/// Days since 1970, counted year by year and month by month; `None` for no day of the calendar. Two digits of a
/// year are those of 1970 to 2069.
fn day(text: &str) -> Option<i64> {
    let mut parts = text.split('-').map(|part| part.parse::<i64>().unwrap());
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let year = match year {
        0 => return None,
        1..=69 => year + 2000,
        70..=99 => year + 1900,
        year => year,
    };
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let february = if leap(year) { 29 } else { 28 };
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let length = *months.get(usize::try_from(month - 1).ok()?)?;
    if day < 1 || day > length {
        return None;
    }
    let days = |year: i64| if leap(year) { 366 } else { 365 };
    let before: i64 = if year >= 1970 {
        (1970..year).map(days).sum()
    } else {
        -(year..1970).map(days).sum::<i64>()
    };
    let in_year: i64 = months.iter().take(month as usize - 1).sum();
    Some(before + in_year + day - 1)
}

/// Microseconds of `[-]HH:MM:SS[.f]`.
fn clock(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut parts = whole.split(':').map(|part| part.parse::<i64>().ok());
    let seconds = parts.next()?? * 3600 + parts.next()?? * 60 + parts.next()??;
    let us: i64 = format!("{fraction:0<6}").parse().ok()?;
    Some(sign * (seconds * 1_000_000 + us))
}

/// SRID and WKB as the server keeps them, from our object; of a point, its x and y must be those of the WKB.
fn geometry(json: &str, point: bool) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(json).ok()?;
    let wkb = STANDARD.decode(value["wkb"].as_str()?).ok()?;
    let srid = value["srid"].as_u64().unwrap_or(0) as u32;
    if point {
        let at = |from: usize| f64::from_le_bytes(*wkb.get(from..)?.first_chunk()?).into();
        // Numbers as they are written, since a parser's own could round.
        let raw: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_str(json).ok()?;
        for (name, from) in [("x", 5), ("y", 13)] {
            let number: f64 = raw[name].get().parse().ok()?;
            let expected: Option<f64> = at(from);
            if Some(number.to_bits()) != expected.map(f64::to_bits) {
                return Some(format!("{name} is not that of the WKB"));
            }
        }
    }
    let mut bytes = srid.to_le_bytes().to_vec();
    bytes.extend(wkb);
    Some(hex(&bytes))
}

/// Token by token. The server writes blanks, exponents, `base64:typeN:` before bytes, and all six digits of a
/// fraction; Debezium none of them.
fn same_document(ours: &str, server: &str) -> bool {
    let (ours, server) = (tokens(ours), tokens(server));
    let same = |(ours, server): (&&str, &&str)| {
        if ours == server {
            return true;
        }
        if let (Some(ours), Some(server)) = (string(ours), string(server)) {
            return ours == as_debezium(&server);
        }
        let number = |text: &str| text.parse::<f64>().ok().map(f64::to_bits);
        let integers = [ours, server].map(|text| text.parse::<i128>().is_ok());
        integers != [true, true] && number(ours).is_some() && number(ours) == number(server)
    };
    ours.len() == server.len() && ours.iter().zip(&server).all(same)
}

fn as_debezium(text: &str) -> String {
    if let Some((kind, base64)) = text
        .strip_prefix("base64:type")
        .and_then(|rest| rest.split_once(':'))
        && kind.parse::<u8>().is_ok()
    {
        return base64.to_owned();
    }
    let trimmed = text.trim_end_matches('0').trim_end_matches('.');
    let clock_like = |text: &str| {
        text.len() >= 15
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b"-: .".contains(&byte))
            && text.as_bytes()[text.len() - 7] == b'.'
    };
    if clock_like(text) { trimmed } else { text }.to_owned()
}

/// The tokens of JSON text, blanks left out.
pub(crate) fn tokens(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let length = if rest.starts_with('"') {
            let mut escaped = false;
            let end = rest.char_indices().skip(1).find(|(_, sign)| {
                let ends = *sign == '"' && !escaped;
                escaped = *sign == '\\' && !escaped;
                ends
            });
            end.map_or(rest.len(), |(at, _)| at + 1)
        } else if rest.starts_with(['{', '}', '[', ']', ',', ':']) {
            1
        } else {
            let end = rest.find(|sign: char| " ,:]}".contains(sign));
            end.unwrap_or(rest.len())
        };
        let (token, tail) = rest.split_at(length);
        found.push(token);
        rest = tail.trim_start();
    }
    found
}

#[test]
fn rules_find_what_is_wrong() {
    let check = |rule: Rule, ours: &str, server: &str, agree: bool| {
        let found = rule.differ(ours, server);
        assert_eq!(
            found.is_none(),
            agree,
            "{rule:?} {ours} {server}: {found:?}"
        );
    };
    check(Rule::Integer, "7", "7", true);
    check(Rule::Integer, "7", "8", false);
    check(Rule::Integer, "null", "NULL", true);
    check(Rule::Integer, "0", "NULL", false);
    check(Rule::Integer, "null", "0", false);
    check(Rule::WrappedInteger, "-1", "18446744073709551615", true);
    check(Rule::Decimal { scale: 2 }, "\"kg==\"", "-1.10", true);
    check(Rule::Decimal { scale: 2 }, "\"AA==\"", "0.00", true);
    check(Rule::Decimal { scale: 0 }, "\"AP8=\"", "255", true);
    check(Rule::Double, "-0.0", "0", false);
    check(Rule::Bit, "\"AQI=\"", "513", true);
    let null_allowed = true;
    check(Rule::Date { null_allowed }, "19782", "2024-02-29", true);
    check(Rule::Date { null_allowed }, "null", "2023-02-29", true);
    check(Rule::Date { null_allowed }, "null", "2024-02-29", false);
    check(Rule::Date { null_allowed }, "-354285", "1000-01-01", true);
    check(Rule::Time, "-3020399000000", "-838:59:59.000", true);
    check(Rule::Text, "\"é\"", "C3A9", true);
    check(Rule::Bytes, "\"AA==\"", "0000", false);
    let json = |text: &str| hex(text.as_bytes());
    check(Rule::Json, r#""[1,1E2]""#, &json("[1, 100.0]"), true);
    check(Rule::Json, r#""[1,2]""#, &json("[1, 3]"), false);
    check(
        Rule::Json,
        r#""[\"3q0=\"]""#,
        &json(r#"["base64:type15:3q0="]"#),
        true,
    );
    check(
        Rule::Json,
        r#""[\"12:34:56.5\"]""#,
        &json(r#"["12:34:56.500000"]"#),
        true,
    );
    check(
        Rule::Json,
        r#""{\"a\":\"b\\\"\"}""#,
        &json(r#"{"a": "b\""}"#),
        true,
    );
}
