//! Defaults: from their text to the form in which the server keeps and prints them for the column's type.
//!
//! A default that is not in a form known here keeps the text that it has: it is shown to readers, and no decoding
//! depends on it.

use crate::sql::definition::{Column, ColumnType, DefaultValue, IntegerSize, same};
use crate::sql::parser::Parser;
use crate::sql::statement::NotUnderstood;
use crate::sql::temporal;
use crate::sql::token::Kind;
use crate::text::charset::Charset;

/// A default as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum DefaultSpec {
    Null,
    /// With its sign.
    Number(String),
    Text(String),
    /// `x'…'` and `b'…'`.
    Bytes(Vec<u8>),
    Now(u8),
    Expression(String),
}

/// Reads what follows DEFAULT.
pub(super) fn default_spec(parser: &mut Parser<'_>) -> Result<DefaultSpec, NotUnderstood> {
    if parser.is_sign('(') {
        return Ok(DefaultSpec::Expression(parser.parentheses()?.to_owned()));
    }
    const NOW: [&str; 4] = ["CURRENT_TIMESTAMP", "NOW", "LOCALTIME", "LOCALTIMESTAMP"];
    if parser.eat_any(&NOW) {
        let empty = parser.is_sign('(') && parser.peek_second().kind == Kind::Sign(')');
        if empty {
            parser.parentheses()?;
            return Ok(DefaultSpec::Now(0));
        }
        return Ok(DefaultSpec::Now(parser.optional_length()?.unwrap_or(0)));
    }
    if parser.eat("NULL") {
        return Ok(DefaultSpec::Null);
    }
    for (word, number) in [("TRUE", "1"), ("FALSE", "0")] {
        if parser.eat(word) {
            return Ok(DefaultSpec::Number(number.to_owned()));
        }
    }
    let sign = match parser.eat_sign('-') {
        true => "-",
        false => {
            parser.eat_sign('+');
            ""
        }
    };
    if parser.peek().kind == Kind::Number {
        return Ok(DefaultSpec::Number(format!(
            "{sign}{}",
            parser.advance().text
        )));
    }
    match sign {
        "" => literal(parser),
        _ => Err(NotUnderstood),
    }
}

/// A string or bytes, with an introducer or the word of a temporal literal.
fn literal(parser: &mut Parser<'_>) -> Result<DefaultSpec, NotUnderstood> {
    let mut charset = None;
    if parser.is_any(&["DATE", "TIME", "TIMESTAMP"]) {
        parser.advance();
    } else if let Some(name) = parser.peek().text.strip_prefix('_')
        && parser.peek().kind == Kind::Word
    {
        let name = match name.eq_ignore_ascii_case("utf8") {
            true => "utf8mb3".to_owned(),
            false => name.to_ascii_lowercase(),
        };
        charset = Some(Charset::from_name(&name).ok_or(NotUnderstood)?);
        parser.advance();
    }
    if let Some(bytes) = parser.peek().bytes() {
        parser.advance();
        return Ok(match charset.map(|charset| charset.decode(&bytes)) {
            Some(Ok(text)) => DefaultSpec::Text(text.into_owned()),
            Some(Err(_)) | None => DefaultSpec::Bytes(bytes),
        });
    }
    Ok(DefaultSpec::Text(parser.string()?))
}

/// The default in the form that the server prints. The column's type, length and collation are known by now.
pub(super) fn normal_default(spec: &DefaultSpec, column: &Column) -> DefaultValue {
    match spec {
        DefaultSpec::Null => DefaultValue::Null,
        DefaultSpec::Now(digits) => DefaultValue::CurrentTimestamp(*digits),
        DefaultSpec::Expression(text) => DefaultValue::Expression(text.clone()),
        DefaultSpec::Number(text) if matches!(column.kind, ColumnType::Bit(_)) => {
            DefaultValue::Bits(text.parse().unwrap_or_default())
        }
        DefaultSpec::Number(text) => match number(text, column) {
            Some(value) => value,
            // A string column stores the number's digits.
            None => text_default(&plain(text), column),
        },
        DefaultSpec::Text(text) => match number(text, column) {
            Some(value) => value,
            // Outside strict mode: what a text starts with, or 0.
            None if is_number(&column.kind) => {
                number(numeric_start(text), column).unwrap_or(DefaultValue::None)
            }
            None => text_default(text, column),
        },
        DefaultSpec::Bytes(bytes) => bytes_default(bytes, column),
    }
}

/// For columns of numbers; `None` for all others, and for what is no number.
fn number(text: &str, column: &Column) -> Option<DefaultValue> {
    let literal = match &column.kind {
        ColumnType::Integer { size, width } => {
            let digits = within_bytes(rounded(text, 0)?, *size, column.unsigned);
            match width {
                Some(width) if column.zerofill => padded(&digits, usize::from(*width)),
                Some(_) | None => digits,
            }
        }
        ColumnType::Decimal { precision, scale } => {
            let digits = within_digits(rounded(text, usize::from(*scale))?, *precision, *scale);
            let point = usize::from(*scale > 0);
            match column.zerofill {
                true => padded(&digits, usize::from(*precision) + point),
                false => digits,
            }
        }
        ColumnType::Float {
            digits: Some((precision, scale)),
        }
        | ColumnType::Double {
            digits: Some((precision, scale)),
        } => within_digits(rounded(text, usize::from(*scale))?, *precision, *scale),
        ColumnType::Float { digits: None } => {
            float(&format!("{:e}", text.trim().parse::<f32>().ok()?))?
        }
        ColumnType::Double { digits: None } => {
            float(&format!("{:e}", text.trim().parse::<f64>().ok()?))?
        }
        ColumnType::Year => temporal::year(text)?,
        ColumnType::Bit(_) => return None,
        ColumnType::Date
        | ColumnType::Time(_)
        | ColumnType::DateTime(_)
        | ColumnType::Timestamp(_)
        | ColumnType::Char(_)
        | ColumnType::VarChar(_)
        | ColumnType::Binary(_)
        | ColumnType::VarBinary(_)
        | ColumnType::Text(_)
        | ColumnType::Blob(_)
        | ColumnType::Enum(_)
        | ColumnType::Set(_)
        | ColumnType::Json
        | ColumnType::Geometry { .. }
        | ColumnType::Vector(_) => return None,
    };
    Some(DefaultValue::Literal(literal))
}

fn is_number(kind: &ColumnType) -> bool {
    match kind {
        ColumnType::Integer { .. }
        | ColumnType::Decimal { .. }
        | ColumnType::Float { .. }
        | ColumnType::Double { .. } => true,
        ColumnType::Bit(_)
        | ColumnType::Year
        | ColumnType::Date
        | ColumnType::Time(_)
        | ColumnType::DateTime(_)
        | ColumnType::Timestamp(_)
        | ColumnType::Char(_)
        | ColumnType::VarChar(_)
        | ColumnType::Binary(_)
        | ColumnType::VarBinary(_)
        | ColumnType::Text(_)
        | ColumnType::Blob(_)
        | ColumnType::Enum(_)
        | ColumnType::Set(_)
        | ColumnType::Json
        | ColumnType::Geometry { .. }
        | ColumnType::Vector(_) => false,
    }
}

fn numeric_start(text: &str) -> &str {
    let text = text.trim();
    let is_part = |sign: char| sign.is_ascii_digit() || matches!(sign, '-' | '+' | '.');
    let end = text.find(|sign| !is_part(sign)).unwrap_or(text.len());
    let start = text.get(..end).unwrap_or_default();
    match rounded(start, 0) {
        Some(_) => start,
        None => "0",
    }
}

/// Outside strict mode, what is out of range is the nearest that is in it.
fn within_bytes(digits: String, size: IntegerSize, unsigned: bool) -> String {
    let bits = match size {
        IntegerSize::Tiny => 8,
        IntegerSize::Small => 16,
        IntegerSize::Medium => 24,
        IntegerSize::Int => 32,
        IntegerSize::Big => 64,
    };
    let (min, max) = match unsigned {
        true => (0, (1_i128 << bits) - 1),
        false => (-(1_i128 << (bits - 1)), (1_i128 << (bits - 1)) - 1),
    };
    let limit = if digits.starts_with('-') { min } else { max };
    let value = digits.parse::<i128>().unwrap_or(limit);
    value.clamp(min, max).to_string()
}

/// The same for numbers with so many digits in all and behind the point.
fn within_digits(number: String, precision: u8, scale: u8) -> String {
    let whole = usize::from(precision.saturating_sub(scale));
    let unsigned = number.strip_prefix('-').unwrap_or(&number);
    let digits = unsigned.split('.').next().unwrap_or_default();
    if digits.len() <= whole.max(1) && (whole > 0 || digits == "0") {
        return number;
    }
    let sign = if number.starts_with('-') { "-" } else { "" };
    let whole = match whole {
        0 => "0".to_owned(),
        whole => "9".repeat(whole),
    };
    match scale {
        0 => format!("{sign}{whole}"),
        scale => format!("{sign}{whole}.{}", "9".repeat(usize::from(scale))),
    }
}

/// Longest number that is worth normalising: the server's own have at most 65 digits.
const DIGITS_MAX: usize = 400;

/// A decimal number with so many digits behind the point, rounded half away from zero. `None` for what is none.
fn rounded(text: &str, scale: usize) -> Option<String> {
    let text = text.trim();
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => {
            let (mantissa, exponent) = unsigned.split_at(at);
            (mantissa, exponent.get(1..)?.parse::<i32>().ok()?)
        }
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = whole.len() + fraction.len() > 0
        && whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit());
    let point = i32::try_from(whole.len()).ok()?.checked_add(exponent)?;
    let within = usize::try_from(point.unsigned_abs()).ok()? + mantissa.len() <= DIGITS_MAX;
    if !is_number || !within {
        return None;
    }
    let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    // Zeros ahead, so that there is a digit before the point, and behind, so that there are `scale` of them.
    let ahead = usize::try_from(1 - point).unwrap_or(0);
    digits.splice(0..0, std::iter::repeat_n(b'0', ahead));
    let point = usize::try_from(point).unwrap_or(0).max(1);
    let kept = point + scale;
    let round_up = digits.get(kept).is_some_and(|digit| *digit >= b'5');
    digits.resize(kept, b'0');
    if round_up {
        increment(&mut digits);
    }
    let point = digits.len() - scale;
    let (whole, fraction) = digits.split_at(point);
    let whole = std::str::from_utf8(whole).ok()?.trim_start_matches('0');
    let fraction = std::str::from_utf8(fraction).ok()?;
    let zero = digits.iter().all(|digit| *digit == b'0');
    let mut number = String::new();
    if negative && !zero {
        number.push('-');
    }
    number.push_str(if whole.is_empty() { "0" } else { whole });
    if scale > 0 {
        number.push('.');
        number.push_str(fraction);
    }
    Some(number)
}

fn increment(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// Zeros ahead, for ZEROFILL.
fn padded(digits: &str, width: usize) -> String {
    format!("{digits:0>width$}")
}

/// From `1.5e-7` to the server's form, which has an exponent only beyond 15 digits.
fn float(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once('e')?;
    let exponent: i32 = exponent.parse().ok()?;
    if !(-15..15).contains(&exponent) {
        return Some(text.to_owned());
    }
    let fraction = mantissa
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len());
    let scale = i32::try_from(fraction).ok()? - exponent;
    rounded(text, usize::try_from(scale).unwrap_or(0))
}

/// A number as a string column stores it.
fn plain(text: &str) -> String {
    let scale = |mantissa: &str| mantissa.split_once('.').map_or(0, |(_, f)| f.len());
    match text.find(['e', 'E']) {
        Some(_) => rounded(text, 0).unwrap_or_else(|| text.to_owned()),
        None => rounded(text, scale(text)).unwrap_or_else(|| text.to_owned()),
    }
}

fn text_default(text: &str, column: &Column) -> DefaultValue {
    let literal = match &column.kind {
        ColumnType::Char(_) => text.trim_end_matches(' ').to_owned(),
        ColumnType::Binary(_) | ColumnType::VarBinary(_) | ColumnType::Bit(_) => {
            return bytes_default(text.as_bytes(), column);
        }
        ColumnType::Date => temporal::date(text).unwrap_or_else(|| text.to_owned()),
        ColumnType::Time(digits) => {
            temporal::time(text, *digits).unwrap_or_else(|| text.to_owned())
        }
        ColumnType::DateTime(digits) | ColumnType::Timestamp(digits) => {
            temporal::date_time(text, *digits).unwrap_or_else(|| text.to_owned())
        }
        ColumnType::Enum(labels) => label(text, labels),
        ColumnType::Set(labels) => members(text, labels),
        // Only '' is possible, outside strict mode, and is forgotten.
        ColumnType::Text(_)
        | ColumnType::Blob(_)
        | ColumnType::Json
        | ColumnType::Geometry { .. }
        | ColumnType::Vector(_) => {
            return match column.nullable {
                true => DefaultValue::Null,
                false => DefaultValue::None,
            };
        }
        ColumnType::VarChar(_)
        | ColumnType::Integer { .. }
        | ColumnType::Decimal { .. }
        | ColumnType::Float { .. }
        | ColumnType::Double { .. }
        | ColumnType::Year => text.to_owned(),
    };
    DefaultValue::Literal(literal)
}

/// The label in its own spelling; a number counts from 1.
fn label(text: &str, labels: &[String]) -> String {
    let text = text.trim_end_matches(' ');
    let named = labels.iter().find(|label| *label == text);
    let named = named.or_else(|| labels.iter().find(|label| same(label, text)));
    let numbered = || labels.get(text.parse::<usize>().ok()?.checked_sub(1)?);
    named
        .or_else(numbered)
        .map_or(text, String::as_str)
        .to_owned()
}

/// The labels in their own order; a number has a bit for each.
fn members(text: &str, labels: &[String]) -> String {
    let is_label = |part: &str| labels.iter().any(|label| same(label, part));
    let bits = match text.parse::<u64>() {
        Ok(bits) if !is_label(text) => bits,
        Ok(_) | Err(_) => {
            let has = |label: &String| text.split(',').any(|part| same(label, part));
            let set = labels.iter().take(64).enumerate();
            set.filter(|(_, label)| has(label))
                .fold(0, |bits, (n, _)| bits | (1 << n))
        }
    };
    let set = labels.iter().take(64).enumerate();
    let chosen = set.filter(|(n, _)| bits & (1 << n) != 0);
    let chosen: Vec<&str> = chosen.map(|(_, label)| label.as_str()).collect();
    chosen.join(",")
}

fn bytes_default(bytes: &[u8], column: &Column) -> DefaultValue {
    match &column.kind {
        ColumnType::Bit(_) => DefaultValue::Bits(big_endian(bytes)),
        ColumnType::Binary(length) => {
            let mut padded = bytes.to_vec();
            let length = usize::try_from(*length).unwrap_or_default();
            // BINARY has at most 255 bytes.
            padded.resize(padded.len().max(length.min(255)), 0);
            DefaultValue::Bytes(padded)
        }
        ColumnType::VarBinary(_) => DefaultValue::Bytes(bytes.to_vec()),
        ColumnType::Integer { .. }
        | ColumnType::Decimal { .. }
        | ColumnType::Float { .. }
        | ColumnType::Double { .. }
        | ColumnType::Year => {
            let text = big_endian(bytes).to_string();
            number(&text, column).unwrap_or(DefaultValue::Literal(text))
        }
        ColumnType::Date
        | ColumnType::Time(_)
        | ColumnType::DateTime(_)
        | ColumnType::Timestamp(_)
        | ColumnType::Char(_)
        | ColumnType::VarChar(_)
        | ColumnType::Text(_)
        | ColumnType::Blob(_)
        | ColumnType::Enum(_)
        | ColumnType::Set(_)
        | ColumnType::Json
        | ColumnType::Geometry { .. }
        | ColumnType::Vector(_) => {
            let charset = column
                .collation
                .as_ref()
                .map(|collation| collation.charset());
            let charset = charset
                .and_then(Charset::from_name)
                .unwrap_or(Charset::Utf8mb4);
            match charset.decode(bytes) {
                Ok(text) => text_default(&text, column),
                Err(_) => DefaultValue::Bytes(bytes.to_vec()),
            }
        }
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| (value << 8) | u64::from(*byte))
}
