//! A payload from JSON to Avro's binary form.
//!
//! Takes the JSON that our encoder writes and the tree of its schema; appends Avro's bytes. Members must come
//! in the order of the schema, as they do in our records. Allocates only for what is no record of ours.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::schema::{Node, Null, Record, Shape};

/// Where a payload is not what its schema says. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mismatch {
    /// Names of fields from the payload down, dots between them.
    pub(super) field: String,
    /// What the schema says.
    pub(super) expected: &'static str,
    /// What is there instead.
    pub(super) found: Found,
}

/// What stands in a place of another thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Null, where the schema has no null.
    Null,
    /// An integer that the schema's type does not hold.
    OutOfRange,
    /// Anything else.
    Other,
}

impl Mismatch {
    fn inside(mut self, field: &str) -> Mismatch {
        let separator = if self.field.is_empty() { "" } else { "." };
        self.field = format!("{field}{separator}{}", self.field);
        self
    }
}

/// Appends a payload, behind which a `}` ends the JSON. `scratch` is memory for texts.
pub(super) fn write(
    out: &mut Vec<u8>,
    json: &[u8],
    root: &Node,
    scratch: &mut Vec<u8>,
) -> Result<(), Mismatch> {
    let mut reader = Reader {
        rest: json,
        scratch,
    };
    reader.value(out, root)?;
    match reader.rest {
        b"}" => Ok(()),
        _ => Err(reader.mismatch("the end of the record")),
    }
}

struct Reader<'a, 's> {
    rest: &'a [u8],
    scratch: &'s mut Vec<u8>,
}

impl<'a> Reader<'a, '_> {
    fn value(&mut self, out: &mut Vec<u8>, node: &Node) -> Result<(), Mismatch> {
        // A union begins with the number of its branch.
        match node.null {
            Null::No => {}
            Null::First if self.takes(b"null") => {
                out.push(0);
                return Ok(());
            }
            Null::Second if self.takes(b"null") => {
                out.push(2);
                return Ok(());
            }
            Null::First => out.push(2),
            Null::Second => out.push(0),
        }
        match &node.shape {
            Shape::Boolean => self.boolean(out),
            Shape::Integer(min, max) => self.integer(out, *min, *max),
            Shape::Float => {
                let number: f32 = self.float("a float")?;
                out.extend_from_slice(&number.to_le_bytes());
                Ok(())
            }
            Shape::Double => {
                let number: f64 = self.float("a double")?;
                out.extend_from_slice(&number.to_le_bytes());
                Ok(())
            }
            Shape::String => self.string(out),
            Shape::Bytes => self.bytes(out),
            Shape::Array(items) => self.array(out, items),
            Shape::Map(values) => self.map(out, values),
            Shape::Record(record) => self.record(out, record),
        }
    }

    fn record(&mut self, out: &mut Vec<u8>, record: &Record) -> Result<(), Mismatch> {
        let mut opening: &[u8] = b"{";
        for field in &record.fields {
            if !(self.takes(opening) && self.takes(&field.member)) {
                return Err(self.mismatch("this field here").inside(&field.name));
            }
            self.value(out, &field.node)
                .map_err(|mismatch| mismatch.inside(&field.name))?;
            opening = b",";
        }
        if record.fields.is_empty() && !self.takes(b"{") {
            return Err(self.mismatch("a struct"));
        }
        self.expect(b"}", "the end of a struct")
    }

    fn boolean(&mut self, out: &mut Vec<u8>) -> Result<(), Mismatch> {
        if self.takes(b"true") {
            out.push(1);
        } else if self.takes(b"false") {
            out.push(0);
        } else {
            return Err(self.mismatch("a boolean"));
        }
        Ok(())
    }

    fn integer(&mut self, out: &mut Vec<u8>, min: i64, max: i64) -> Result<(), Mismatch> {
        const EXPECTED: &str = "an integer of its size";
        let number = self.number().and_then(|text| text.parse().ok());
        match number {
            Some(number) if (min..=max).contains(&number) => write_long(out, number),
            Some(_) => {
                return Err(Mismatch {
                    found: Found::OutOfRange,
                    ..self.mismatch(EXPECTED)
                });
            }
            None => return Err(self.mismatch(EXPECTED)),
        }
        Ok(())
    }

    /// Texts stand for what JSON has no number for.
    fn float<F: std::str::FromStr>(&mut self, expected: &'static str) -> Result<F, Mismatch> {
        let text = match self.rest.first() {
            Some(b'"') => std::str::from_utf8(self.plain(expected)?).ok(),
            Some(_) | None => self.number(),
        };
        let number = text.and_then(|text| text.parse().ok());
        number.ok_or_else(|| self.mismatch(expected))
    }

    /// The text of a number, and past it; `None` for another value.
    fn number(&mut self) -> Option<&'a str> {
        let part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'E' | b'e');
        let end = self.rest.iter().position(|byte| !part(byte));
        let (number, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        if number.is_empty() {
            return None;
        }
        self.rest = rest;
        std::str::from_utf8(number).ok()
    }

    fn string(&mut self, out: &mut Vec<u8>) -> Result<(), Mismatch> {
        const EXPECTED: &str = "a text";
        self.expect(b"\"", EXPECTED)?;
        let Some(end) = memchr::memchr2(b'"', b'\\', self.rest) else {
            return Err(self.mismatch(EXPECTED));
        };
        if self.rest.get(end) == Some(&b'"') {
            let text = self.advance(end);
            write_bytes(out, text);
            return self.expect(b"\"", EXPECTED);
        }
        self.scratch.clear();
        loop {
            let Some(end) = memchr::memchr2(b'"', b'\\', self.rest) else {
                return Err(self.mismatch(EXPECTED));
            };
            let run = self.advance(end);
            self.scratch.extend_from_slice(run);
            if self.takes(b"\"") {
                break;
            }
            self.advance(1);
            if self.unescape().is_none() {
                return Err(self.mismatch(EXPECTED));
            }
        }
        write_bytes(out, self.scratch);
        Ok(())
    }

    /// What stands behind a backslash; `None` where it is no escape of JSON.
    fn unescape(&mut self) -> Option<()> {
        let (letter, rest) = self.rest.split_first()?;
        self.rest = rest;
        let byte = match letter {
            b'"' | b'\\' | b'/' => *letter,
            b'b' => 0x08,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 0x0c,
            b'r' => b'\r',
            b'u' => {
                let first = self.unit()?;
                let second = match first {
                    0xd800..0xdc00 => {
                        self.takes(b"\\u").then_some(())?;
                        Some(self.unit()?)
                    }
                    _ => None,
                };
                let units = [first].into_iter().chain(second);
                let character = char::decode_utf16(units).next()?.ok()?;
                let mut utf8 = [0; 4];
                let text = character.encode_utf8(&mut utf8);
                self.scratch.extend_from_slice(text.as_bytes());
                return Some(());
            }
            _ => return None,
        };
        self.scratch.push(byte);
        Some(())
    }

    /// Four hexadecimal digits.
    fn unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_first_chunk::<4>()?;
        self.rest = rest;
        let text = std::str::from_utf8(digits).ok()?;
        let plain = text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u16::from_str_radix(text, 16).ok().filter(|_| plain)
    }

    fn bytes(&mut self, out: &mut Vec<u8>) -> Result<(), Mismatch> {
        const EXPECTED: &str = "bytes in base64";
        let letters = self.plain(EXPECTED)?;
        let padding = letters
            .iter()
            .rev()
            .take_while(|byte| **byte == b'=')
            .count();
        let bytes = letters.len() / 4 * 3;
        let length = bytes.checked_sub(padding).filter(|_| padding < 3);
        let Some(length) = length.filter(|_| letters.len().is_multiple_of(4)) else {
            return Err(self.mismatch(EXPECTED));
        };
        write_length(out, length);
        let start = out.len();
        out.resize(start.saturating_add(length), 0);
        let space = out.get_mut(start..).unwrap_or_default();
        match STANDARD.decode_slice(letters, space) {
            Ok(written) if written == length => Ok(()),
            Ok(_) | Err(_) => Err(self.mismatch(EXPECTED)),
        }
    }

    /// A text without escapes.
    fn plain(&mut self, expected: &'static str) -> Result<&'a [u8], Mismatch> {
        self.expect(b"\"", expected)?;
        let Some(end) = memchr::memchr(b'"', self.rest) else {
            return Err(self.mismatch(expected));
        };
        let text = self.advance(end);
        self.expect(b"\"", expected)?;
        Ok(text)
    }

    fn array(&mut self, out: &mut Vec<u8>, items: &Node) -> Result<(), Mismatch> {
        self.expect(b"[", "an array")?;
        let start = out.len();
        let mut count = 0;
        while !self.takes(b"]") {
            if count > 0 {
                self.expect(b",", "another item")?;
            }
            self.value(out, items)?;
            count += 1;
        }
        close_block(out, start, count);
        Ok(())
    }

    fn map(&mut self, out: &mut Vec<u8>, values: &Node) -> Result<(), Mismatch> {
        self.expect(b"{", "a map")?;
        let start = out.len();
        let mut count = 0;
        while !self.takes(b"}") {
            if count > 0 {
                self.expect(b",", "another entry")?;
            }
            self.string(out)?;
            self.expect(b":", "a value")?;
            self.value(out, values)?;
            count += 1;
        }
        close_block(out, start, count);
        Ok(())
    }

    fn expect(&mut self, token: &[u8], expected: &'static str) -> Result<(), Mismatch> {
        match self.takes(token) {
            true => Ok(()),
            false => Err(self.mismatch(expected)),
        }
    }

    fn takes(&mut self, token: &[u8]) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn advance(&mut self, bytes: usize) -> &'a [u8] {
        let whole = (self.rest, <&[u8]>::default());
        let (taken, rest) = self.rest.split_at_checked(bytes).unwrap_or(whole);
        self.rest = rest;
        taken
    }

    #[cold]
    fn mismatch(&self, expected: &'static str) -> Mismatch {
        Mismatch {
            field: String::new(),
            expected,
            found: match self.rest.starts_with(b"null") {
                true => Found::Null,
                false => Found::Other,
            },
        }
    }
}

/// Appends an integer: zigzag, then seven bits a byte.
fn write_long(out: &mut Vec<u8>, number: i64) {
    let mut bits = ((number << 1) ^ (number >> 63)).cast_unsigned();
    loop {
        let [low, ..] = bits.to_le_bytes();
        bits >>= 7;
        if bits == 0 {
            return out.push(low & 0x7f);
        }
        out.push(low | 0x80);
    }
}

/// Nothing in memory is longer than this holds.
fn write_length(out: &mut Vec<u8>, length: usize) {
    write_long(out, i64::try_from(length).unwrap_or(i64::MAX));
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    write_length(out, bytes.len());
    out.extend_from_slice(bytes);
}

/// Puts the count of a block ahead of its items, which begin at `start`, and ends the collection.
fn close_block(out: &mut Vec<u8>, start: usize, count: usize) {
    if count > 0 {
        let end = out.len();
        write_length(out, count);
        let written = out.len().saturating_sub(end);
        if let Some(block) = out.get_mut(start..) {
            block.rotate_right(written);
        }
    }
    out.push(0);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::schema::Field;
    use super::*;

    fn node(shape: Shape) -> Node {
        Node {
            null: Null::No,
            shape,
        }
    }

    fn record(fields: &[(&str, Node)]) -> Node {
        let field = |(name, node): &(&str, Node)| Field {
            name: (*name).to_owned(),
            member: format!("\"{name}\":").into_bytes(),
            node: node.clone(),
        };
        let fields = fields.iter().map(field).collect();
        node(Shape::Record(Arc::new(Record { fields })))
    }

    fn written(json: &str, node: &Node) -> Result<Vec<u8>, Mismatch> {
        let mut out = Vec::new();
        write(
            &mut out,
            format!("{json}}}").as_bytes(),
            node,
            &mut Vec::new(),
        )?;
        Ok(out)
    }

    fn check(json: &str, shape: Shape, expected: &[u8]) {
        assert_eq!(
            written(json, &node(shape)).as_deref(),
            Ok(expected),
            "{json}"
        );
    }

    const LONG: Shape = Shape::Integer(i64::MIN, i64::MAX);

    /// The examples of Avro's specification, and the ends of each type.
    #[test]
    fn simple_values_are_as_avro_specifies() {
        for (json, expected) in [
            ("0", &[0][..]),
            ("-1", &[1]),
            ("1", &[2]),
            ("-64", &[0x7f]),
            ("64", &[0x80, 1]),
            (
                "9223372036854775807",
                &[0xfe, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            ),
            (
                "-9223372036854775808",
                &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1],
            ),
        ] {
            check(json, LONG, expected);
        }
        check("true", Shape::Boolean, &[1]);
        check("false", Shape::Boolean, &[0]);
        check("1.5", Shape::Float, &1.5_f32.to_le_bytes());
        check("1.4E-45", Shape::Float, &f32::from_bits(1).to_le_bytes());
        check("3.4028235E38", Shape::Float, &f32::MAX.to_le_bytes());
        check("0.1", Shape::Double, &0.1_f64.to_le_bytes());
        check(
            "-1.7976931348623157E308",
            Shape::Double,
            &f64::MIN.to_le_bytes(),
        );
        check("\"Infinity\"", Shape::Double, &f64::INFINITY.to_le_bytes());
        check("\"foo\"", Shape::String, &[6, b'f', b'o', b'o']);
        check("\"\"", Shape::String, &[0]);
        check("\"\"", Shape::Bytes, &[0]);
        check("\"AP8=\"", Shape::Bytes, &[4, 0, 255]);
        check("\"AA==\"", Shape::Bytes, &[2, 0]);
        check("\"+/+/\"", Shape::Bytes, &[6, 0xfb, 0xff, 0xbf]);
    }

    #[test]
    fn escapes_become_their_characters() {
        let text = |json: &str| {
            let bytes = written(json, &node(Shape::String)).unwrap();
            // Short texts have one byte of length.
            assert_eq!(usize::from(bytes[0]), (bytes.len() - 1) * 2);
            String::from_utf8(bytes[1..].to_vec()).unwrap()
        };
        assert_eq!(text(r#""a\"b\\c\/d""#), "a\"b\\c/d");
        assert_eq!(text(r#""\b\t\n\f\r\u0000""#), "\u{8}\t\n\u{c}\r\0");
        assert_eq!(text(r#""x\uD83D\uDC1Fy 이""#), "x🐟y 이");
        for wrong in [
            r#""\x""#,
            r#""\u12""#,
            r#""\uD83D""#,
            r#""\uDC1F""#,
            "\"",
            "1",
        ] {
            assert!(written(wrong, &node(Shape::String)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_union_begins_with_its_branch() {
        let with = |null: Null| Node { null, shape: LONG };
        assert_eq!(written("null", &with(Null::First)), Ok(vec![0]));
        assert_eq!(written("1", &with(Null::First)), Ok(vec![2, 2]));
        assert_eq!(written("null", &with(Null::Second)), Ok(vec![2]));
        assert_eq!(written("1", &with(Null::Second)), Ok(vec![0, 2]));
        let mismatch = written("null", &with(Null::No)).unwrap_err();
        assert_eq!(mismatch.found, Found::Null);
    }

    #[test]
    fn collections_are_one_block() {
        let longs = || Shape::Array(Box::new(node(LONG)));
        check("[3,27]", longs(), &[4, 6, 54, 0]);
        check("[]", longs(), &[0]);
        let many = vec!["1"; 100].join(",");
        let expected = [&[0xc8, 1][..], &[2; 100], &[0]].concat();
        check(&format!("[{many}]"), longs(), &expected);
        let map = Shape::Map(Box::new(node(LONG)));
        check("{\"a\":1,\"b\":2}", map, &[4, 2, b'a', 2, 2, b'b', 4, 0]);
    }

    #[test]
    fn records_are_their_fields() {
        let row = record(&[("a", node(LONG)), ("b", node(Shape::String))]);
        let outer = record(&[
            (
                "row",
                Node {
                    null: Null::First,
                    ..row.clone()
                },
            ),
            ("op", node(Shape::String)),
        ]);
        let json = r#"{"row":{"a":1,"b":"foo"},"op":"c"}"#;
        assert_eq!(written(json, &outer), Ok(b"\x02\x02\x06foo\x02c".to_vec()));
        assert_eq!(
            written(r#"{"row":null,"op":"d"}"#, &outer),
            Ok(b"\0\x02d".to_vec())
        );
        assert_eq!(written("{}", &record(&[])), Ok(Vec::new()));
        for (json, field, found) in [
            (
                r#"{"row":{"a":null,"b":""},"op":"c"}"#,
                "row.a",
                Found::Null,
            ),
            (r#"{"row":{"b":"","a":1},"op":"c"}"#, "row.a", Found::Other),
            (r#"{"row":{"a":1},"op":"c"}"#, "row.b", Found::Other),
            (
                r#"{"row":{"a":1,"b":"","c":1},"op":"c"}"#,
                "row",
                Found::Other,
            ),
            (
                r#"{"row":{"a":1.5,"b":""},"op":"c"}"#,
                "row.a",
                Found::Other,
            ),
            (r#"{"row":null,"op":"c"}}"#, "", Found::Other),
        ] {
            let mismatch = written(json, &outer).unwrap_err();
            assert_eq!(
                (mismatch.field.as_str(), mismatch.found),
                (field, found),
                "{json}"
            );
        }
    }

    #[test]
    fn integers_keep_to_their_size() {
        let short = node(Shape::Integer(i64::from(i16::MIN), i64::from(i16::MAX)));
        assert!(written("32767", &short).is_ok() && written("-32768", &short).is_ok());
        for wide in ["32768", "-32769"] {
            assert_eq!(written(wide, &short).unwrap_err().found, Found::OutOfRange);
        }
        for wrong in [
            "32768",
            "-32769",
            "1.0",
            "1E2",
            "99999999999999999999",
            "\"1\"",
            "",
        ] {
            assert!(written(wrong, &short).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bytes_are_whole_base64() {
        for wrong in [
            "\"A\"", "\"AA\"", "\"A===\"", "\"AA=A\"", "\"====\"", "\"A-_A\"", "\"AB==\"", "1",
        ] {
            assert!(written(wrong, &node(Shape::Bytes)).is_err(), "{wrong}");
        }
    }
}
