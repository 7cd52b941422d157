//! MySQL's binary JSON, as row events carry it, to text.
//!
//! Takes the bytes of one JSON value; gives the compact text that Debezium streams for it, either the
//! document itself or the document as a string literal. Never allocates for what the bytes claim: counts
//! and offsets are checked against the bytes present, nesting is bounded, and no byte is printed twice.
//!
//! The format is that of `sql-common/json_binary.h` in MySQL 8.0: a type byte, then scalars in little
//! endian, or a container of entries that point to keys and values by offsets from its start. Members
//! keep their stored order, shorter keys first. The text differs from the server's own in these points,
//! all of them Debezium's: no space after `,` and `:`, doubles below 1e-3 or from 1e7 are their exact
//! decimal expansion without exponent, times have no trailing zeros in their fraction, and opaque values
//! are plain base64 without the server's `base64:typeN:`.

pub mod diff;
mod packed;

use std::borrow::Cow;
use std::io::Write;

use crate::decode::decimal;
use crate::decode::decimal::DecimalError;
use crate::error::Classify;
use crate::error::Fault;
use crate::text::json;

/// MySQL refuses documents that nest deeper.
pub const DEPTH_MAX: u8 = 100;

/// Why bytes are no JSON document. Offsets are those within the value, or within the container where
/// that is said; no error holds a byte of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonbError {
    /// Something reaches beyond the bytes present.
    #[error("binary JSON: {what} ends {missing} bytes after the bytes present")]
    Truncated {
        /// What was read.
        what: &'static str,
        /// Bytes that are missing.
        missing: usize,
    },
    /// A type byte that MySQL does not define.
    #[error("binary JSON: unknown value type {0:#04x}")]
    Type(u8),
    /// A literal that is neither null nor true nor false.
    #[error("binary JSON: unknown literal {0:#04x}")]
    Literal(u8),
    /// The length of a string or an opaque value takes more than five bytes or exceeds 32 bits.
    #[error("binary JSON: a length exceeds 32 bits")]
    Length,
    /// Containers within containers beyond [`DEPTH_MAX`].
    #[error("binary JSON: nested deeper than {DEPTH_MAX} levels")]
    Depth,
    /// Values share bytes, which no server writes.
    #[error("binary JSON: values overlap")]
    Overlap,
    /// A key or a string is not UTF-8.
    #[error("binary JSON: invalid utf8mb4 at byte {offset} of a string")]
    Text {
        /// Where within the string.
        offset: usize,
    },
    /// A double that JSON cannot express.
    #[error("binary JSON: a double is not finite")]
    NotFinite,
    /// An opaque DECIMAL is broken.
    #[error("binary JSON: {0}")]
    Decimal(#[from] DecimalError),
    /// An opaque DECIMAL holds bytes after its digits.
    #[error("binary JSON: a DECIMAL of {expected} bytes lies in {found}")]
    DecimalLength {
        /// Bytes by precision and scale.
        expected: usize,
        /// Bytes there.
        found: usize,
    },
    /// An opaque date or time is not eight bytes long.
    #[error("binary JSON: a date or time of {0} bytes instead of 8")]
    TemporalLength(usize),
}

impl Classify for JsonbError {
    fn fault(&self) -> Fault {
        match self {
            JsonbError::Truncated { .. }
            | JsonbError::Type(_)
            | JsonbError::Literal(_)
            | JsonbError::Length
            | JsonbError::Depth
            | JsonbError::Overlap
            | JsonbError::Text { .. }
            | JsonbError::NotFinite
            | JsonbError::Decimal(_)
            | JsonbError::DecimalLength { .. }
            | JsonbError::TemporalLength(_) => Fault::Data,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(
            "read the row on the server: if it is whole there, check the binlog file with mysqlbinlog \
             --verify-binlog-checksum; otherwise repair the row and skip this transaction",
        ))
    }
}

/// Appends the document as JSON text. No bytes at all mean `null`: a server writes that for a NOT NULL
/// column that was never given a value, and reads it as `null` itself.
///
/// # Errors
/// As [`JsonbError`] says; `out` then holds a part of the document.
pub fn write_json(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), JsonbError> {
    write::<false>(out, bytes)
}

/// Appends the document as a string literal with its quotes: `"{\"k\":1}"`.
///
/// # Errors
/// As [`write_json`].
pub fn write_json_string(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), JsonbError> {
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    write::<true>(out, bytes)?;
    out.push(b'"');
    Ok(())
}

const SMALL_OBJECT: u8 = 0x00;
const LARGE_OBJECT: u8 = 0x01;
const SMALL_ARRAY: u8 = 0x02;
const LARGE_ARRAY: u8 = 0x03;
const LITERAL: u8 = 0x04;
const INT16: u8 = 0x05;
const UINT16: u8 = 0x06;
const INT32: u8 = 0x07;
const UINT32: u8 = 0x08;
const INT64: u8 = 0x09;
const UINT64: u8 = 0x0a;
const DOUBLE: u8 = 0x0b;
const STRING: u8 = 0x0c;
const OPAQUE: u8 = 0x0f;

// Column types of opaque values, as `enum_field_types` numbers them.
const FIELD_TIMESTAMP: u8 = 7;
const FIELD_DATE: u8 = 10;
const FIELD_TIME: u8 = 11;
const FIELD_DATETIME: u8 = 12;
const FIELD_NEWDECIMAL: u8 = 246;

/// What a container's offsets, counts and sizes look like.
#[derive(Clone, Copy)]
struct Layout {
    large: bool,
    object: bool,
}

impl Layout {
    /// The layout of a type; `None` for one that is no container.
    fn of(kind: u8) -> Option<Layout> {
        let (large, object) = match kind {
            SMALL_OBJECT => (false, true),
            LARGE_OBJECT => (true, true),
            SMALL_ARRAY => (false, false),
            LARGE_ARRAY => (true, false),
            _ => return None,
        };
        Some(Layout { large, object })
    }

    fn offset_len(self) -> usize {
        if self.large { 4 } else { 2 }
    }

    /// Bytes of a key's entry: its offset and its length.
    fn key_len(self) -> usize {
        if self.object {
            self.offset_len() + 2
        } else {
            0
        }
    }

    /// Whether a value of this type lies in its entry instead of behind an offset.
    fn inlines(self, kind: u8) -> bool {
        matches!(kind, LITERAL | INT16 | UINT16) || (self.large && matches!(kind, INT32 | UINT32))
    }
}

/// A container whose entries are known to be present.
#[derive(Clone, Copy)]
struct Container<'a> {
    layout: Layout,
    /// From the count to the end; offsets count from here.
    body: &'a [u8],
    count: usize,
    /// Bytes of the count, the size and all entries.
    header: usize,
}

/// A value of a container.
#[derive(Clone, Copy)]
struct Entry<'a> {
    kind: u8,
    /// From its first byte to the end of the container, or to its own end where it is inline.
    bytes: &'a [u8],
    /// It lies in the entry itself.
    inline: bool,
}

impl<'a> Container<'a> {
    fn read(layout: Layout, bytes: &'a [u8]) -> Result<Container<'a>, JsonbError> {
        let width = layout.offset_len();
        let count = unsigned(bytes, 0, width, "a container's count")?;
        let size = unsigned(bytes, width, width, "a container's size")?;
        let body = prefix(bytes, size, "a container")?;
        // A count that the bytes present cannot hold fails here, before the first entry is read.
        let entries = count.saturating_mul(layout.key_len() + 1 + width);
        let header = (2 * width).saturating_add(entries);
        prefix(body, header, "a container's entries")?;
        Ok(Container {
            layout,
            body,
            count,
            header,
        })
    }

    fn key(self, index: usize) -> Result<&'a [u8], JsonbError> {
        let width = self.layout.offset_len();
        let at = 2 * width + index * self.layout.key_len();
        let offset = unsigned(self.body, at, width, "a key's offset")?;
        let len = unsigned(self.body, at + width, 2, "a key's length")?;
        prefix(self.target(offset, "a key")?, len, "a key")
    }

    /// The value of an entry: in the entry itself, or where its offset points.
    fn entry(self, index: usize) -> Result<Entry<'a>, JsonbError> {
        let width = self.layout.offset_len();
        let at = 2 * width + self.count * self.layout.key_len() + index * (1 + width);
        let [kind, rest @ ..] = suffix(self.body, at, "an entry")? else {
            return Err(JsonbError::Truncated {
                what: "an entry",
                missing: 1,
            });
        };
        let (kind, inline) = (*kind, self.layout.inlines(*kind));
        let bytes = if inline {
            prefix(rest, width, "an entry")?
        } else {
            let offset = unsigned(rest, 0, width, "a value's offset")?;
            self.target(offset, "a value")?
        };
        Ok(Entry {
            kind,
            bytes,
            inline,
        })
    }

    /// What an offset points to: keys and values lie behind the entries.
    fn target(self, offset: usize, what: &'static str) -> Result<&'a [u8], JsonbError> {
        if offset < self.header {
            return Err(JsonbError::Overlap);
        }
        suffix(self.body, offset, what)
    }
}

fn write<const QUOTED: bool>(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), JsonbError> {
    match bytes.split_first() {
        None => out.extend_from_slice(b"null"),
        Some((&kind, value)) => {
            Writer::<QUOTED> {
                out,
                budget: value.len(),
                depth: 0,
            }
            .value(kind, value)?;
        }
    }
    Ok(())
}

struct Writer<'a, const QUOTED: bool> {
    out: &'a mut Vec<u8>,
    /// Bytes not yet printed. The parts of a document never overlap, so that what all of them take is
    /// at most its length; without this limit a few bytes could expand without end.
    budget: usize,
    depth: u8,
}

impl<const QUOTED: bool> Writer<'_, QUOTED> {
    /// Prints the value at the start of `bytes`, which reach to the end of its container.
    fn value(&mut self, kind: u8, bytes: &[u8]) -> Result<(), JsonbError> {
        if let Some(layout) = Layout::of(kind) {
            return self.container(layout, bytes);
        }
        match kind {
            STRING => self.string(bytes),
            OPAQUE => self.opaque(bytes),
            _ => {
                let used = self.scalar(kind, bytes)?;
                self.spend(used)
            }
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), JsonbError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(JsonbError::Overlap)?;
        Ok(())
    }

    fn quote(&mut self) {
        self.out
            .extend_from_slice(if QUOTED { b"\\\"" } else { b"\"" });
    }

    fn container(&mut self, layout: Layout, bytes: &[u8]) -> Result<(), JsonbError> {
        self.descend()?;
        let container = Container::read(layout, bytes)?;
        self.spend(container.header)?;
        self.out.push(if layout.object { b'{' } else { b'[' });
        for index in 0..container.count {
            if index > 0 {
                self.out.push(b',');
            }
            if layout.object {
                self.text(container.key(index)?)?;
                self.out.push(b':');
            }
            let entry = container.entry(index)?;
            if entry.inline {
                // Its bytes are those of the header.
                self.scalar(entry.kind, entry.bytes)?;
            } else {
                self.value(entry.kind, entry.bytes)?;
            }
        }
        self.out.push(if layout.object { b'}' } else { b']' });
        self.depth -= 1;
        Ok(())
    }

    fn descend(&mut self) -> Result<(), JsonbError> {
        if self.depth == DEPTH_MAX {
            return Err(JsonbError::Depth);
        }
        self.depth += 1;
        Ok(())
    }

    /// Prints a scalar of fixed width; returns the bytes it takes.
    fn scalar(&mut self, kind: u8, bytes: &[u8]) -> Result<usize, JsonbError> {
        let out = &mut *self.out;
        Ok(match kind {
            LITERAL => {
                let [literal] = array(bytes, "a literal")?;
                out.extend_from_slice(match literal {
                    0 => b"null",
                    1 => b"true",
                    2 => b"false",
                    other => return Err(JsonbError::Literal(other)),
                });
                1
            }
            INT16 => {
                json::write_i64(out, i16::from_le_bytes(array(bytes, "an int16")?).into());
                2
            }
            UINT16 => {
                json::write_u64(out, u16::from_le_bytes(array(bytes, "a uint16")?).into());
                2
            }
            INT32 => {
                json::write_i64(out, i32::from_le_bytes(array(bytes, "an int32")?).into());
                4
            }
            UINT32 => {
                json::write_u64(out, u32::from_le_bytes(array(bytes, "a uint32")?).into());
                4
            }
            INT64 => {
                json::write_i64(out, i64::from_le_bytes(array(bytes, "an int64")?));
                8
            }
            UINT64 => {
                json::write_u64(out, u64::from_le_bytes(array(bytes, "a uint64")?));
                8
            }
            DOUBLE => {
                write_double(out, f64::from_le_bytes(array(bytes, "a double")?))?;
                8
            }
            other => return Err(JsonbError::Type(other)),
        })
    }

    fn string(&mut self, bytes: &[u8]) -> Result<(), JsonbError> {
        let (len, rest) = length(bytes)?;
        self.spend(bytes.len() - rest.len())?;
        self.text(prefix(rest, len, "a string")?)
    }

    fn text(&mut self, bytes: &[u8]) -> Result<(), JsonbError> {
        self.spend(bytes.len())?;
        let text = std::str::from_utf8(bytes).map_err(|error| JsonbError::Text {
            offset: error.valid_up_to(),
        })?;
        self.quote();
        if QUOTED {
            json::write_escaped_twice(self.out, text);
        } else {
            json::write_escaped(self.out, text);
        }
        self.quote();
        Ok(())
    }

    fn opaque(&mut self, bytes: &[u8]) -> Result<(), JsonbError> {
        let [field, rest @ ..] = bytes else {
            return Err(JsonbError::Truncated {
                what: "an opaque value's type",
                missing: 1,
            });
        };
        let (len, rest) = length(rest)?;
        let value = prefix(rest, len, "an opaque value")?;
        self.spend(bytes.len() - rest.len() + len)?;
        match *field {
            FIELD_NEWDECIMAL => return self.decimal(value),
            FIELD_DATE | FIELD_TIME | FIELD_DATETIME | FIELD_TIMESTAMP => {
                let packed: [u8; 8] = value
                    .try_into()
                    .map_err(|_| JsonbError::TemporalLength(value.len()))?;
                let packed = i64::from_le_bytes(packed);
                self.quote();
                match *field {
                    FIELD_TIME => packed::write_time(self.out, packed),
                    FIELD_DATE => packed::write_date(self.out, packed.unsigned_abs()),
                    _ => packed::write_datetime(self.out, packed.unsigned_abs()),
                }
                self.quote();
            }
            _ if QUOTED => {
                // The two quotes of the literal need a backslash each; base64 itself needs none.
                self.out.push(b'\\');
                json::write_base64(self.out, value);
                self.out.pop();
                self.quote();
            }
            _ => json::write_base64(self.out, value),
        }
        Ok(())
    }

    fn decimal(&mut self, value: &[u8]) -> Result<(), JsonbError> {
        let [precision, scale, digits @ ..] = value else {
            let missing = 2_usize.saturating_sub(value.len());
            return Err(JsonbError::Truncated {
                what: "a DECIMAL's precision",
                missing,
            });
        };
        let expected = decimal::write_plain(self.out, digits, *precision, *scale)?;
        if expected != digits.len() {
            return Err(JsonbError::DecimalLength {
                expected,
                found: digits.len(),
            });
        }
        Ok(())
    }
}

/// Debezium prints a double through `BigDecimal.toPlainString` wherever Java's own form has an exponent,
/// which gives every digit of the binary fraction.
fn write_double(out: &mut Vec<u8>, value: f64) -> Result<(), JsonbError> {
    let size = value.abs();
    if !value.is_finite() {
        return Err(JsonbError::NotFinite);
    }
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        json::write_f64(out, value);
        return Ok(());
    }
    // The value is significand * 2^exponent, and 2^-n has exactly n decimal digits after the point.
    let bits = value.to_bits();
    let raw = (bits >> 52 & 0x7ff) as i32;
    let fraction = bits & ((1 << 52) - 1);
    let significand = if raw == 0 {
        fraction
    } else {
        fraction | 1 << 52
    };
    let exponent = raw.max(1) - 1075 + significand.trailing_zeros() as i32;
    let digits = usize::try_from(-exponent).unwrap_or(0);
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value:.digits$}");
    Ok(())
}

/// Seven bits a byte, the lowest first, the top bit set where another byte follows.
fn length(bytes: &[u8]) -> Result<(usize, &[u8]), JsonbError> {
    let mut value = 0_u64;
    let mut rest = bytes;
    for shift in [0, 7, 14, 21, 28] {
        let [byte, tail @ ..] = rest else {
            return Err(JsonbError::Truncated {
                what: "a length",
                missing: 1,
            });
        };
        value |= u64::from(byte & 0x7f) << shift;
        rest = tail;
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| JsonbError::Length)?;
            return Ok((value as usize, rest));
        }
    }
    Err(JsonbError::Length)
}

/// An integer of two or four bytes.
fn unsigned(
    bytes: &[u8],
    at: usize,
    width: usize,
    what: &'static str,
) -> Result<usize, JsonbError> {
    let bytes = suffix(bytes, at, what)?;
    Ok(if width == 2 {
        u16::from_le_bytes(array(bytes, what)?).into()
    } else {
        u32::from_le_bytes(array(bytes, what)?) as usize
    })
}

fn array<const N: usize>(bytes: &[u8], what: &'static str) -> Result<[u8; N], JsonbError> {
    let missing = N.saturating_sub(bytes.len());
    bytes
        .first_chunk()
        .copied()
        .ok_or(JsonbError::Truncated { what, missing })
}

fn prefix<'a>(bytes: &'a [u8], len: usize, what: &'static str) -> Result<&'a [u8], JsonbError> {
    let missing = len.saturating_sub(bytes.len());
    bytes
        .get(..len)
        .ok_or(JsonbError::Truncated { what, missing })
}

fn suffix<'a>(bytes: &'a [u8], at: usize, what: &'static str) -> Result<&'a [u8], JsonbError> {
    let missing = at.saturating_sub(bytes.len());
    bytes
        .get(at..)
        .ok_or(JsonbError::Truncated { what, missing })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Map;
    use serde_json::Value;

    fn plain(bytes: &[u8]) -> Result<String, JsonbError> {
        let mut out = b"x".to_vec();
        let result = write_json(&mut out, bytes);
        let mut quoted = Vec::new();
        assert_eq!(write_json_string(&mut quoted, bytes), result);
        result?;
        let text = String::from_utf8(out.split_off(1)).unwrap();
        assert_eq!(
            serde_json::from_slice::<String>(&quoted).unwrap(),
            unescaped(&text)
        );
        Ok(text)
    }

    /// Inside a string the document has characters beyond U+FFFF themselves: the literal escapes them.
    fn unescaped(text: &str) -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('\\') {
            let pair = rest
                .get(at..at + 12)
                .filter(|pair| pair.starts_with("\\uD"));
            let end = at + pair.map_or(2, str::len);
            out.push_str(&rest[..at]);
            match pair {
                Some(pair) => {
                    let literal = format!("\"{pair}\"");
                    out.push_str(&serde_json::from_str::<String>(&literal).unwrap());
                }
                None => out.push_str(&rest[at..end]),
            }
            rest = &rest[end..];
        }
        out + rest
    }

    fn unhex(text: &str) -> Vec<u8> {
        let digit = |place: usize| u8::from_str_radix(&text[place..place + 2], 16).unwrap();
        (0..text.len()).step_by(2).map(digit).collect()
    }

    /// Values from a server's binlog, and what Debezium 3.6.3 streamed for them; except that it prints
    /// negative times, and minutes of some years after 2500, as numbers that run into each other
    /// (`13:0-35:0-56` for -12:34:56, `9999-12-31 23:0-5:59` for 23:59:59), where this is the true value.
    const SAMPLES: &str = r##"
0400 null
0401 true
0402 false
050000 0
050100 1
05ffff -1
05ff7f 32767
0700800000 32768
050080 -32768
07ff7fffff -32769
07ffff0000 65535
0700000100 65536
07ffffff7f 2147483647
090000008000000000 2147483648
0700000080 -2147483648
09ffffff7fffffffff -2147483649
09ffffffff00000000 4294967295
0affffffffffffff7f 9223372036854775807
090000000000000080 -9223372036854775808
0affffffffffffffff 18446744073709551615
0b000000000000f043 18446744073709551616
0b7dc39425ad49b254 10000000000000000159028911097599180468360808563945281389781327557747838772170381060813469985856815104
0b0000000000000080 -0.0
0b0000000000000000 0.0
0b76830df4f521843e 0.00000014999999999999999321221677388293880284209080855362117290496826171875
0b000000000000f03f 1.0
0b0000000000005940 100.0
0b0000000087d63241 1234567.0
0b000000c0298c6741 12345678
0b00000000d0126341 10000000
0b093f2773e261503f 0.00099989999999999996417587855290776133188046514987945556640625
0bfca9f1d24d62503f 0.001
0b1f85eb51b81e0940 3.14
0b50efe2d6e41a4b44 1000000000000000000000
0bf64ae1c7022db544 99999999999999991611392
0b0080e03779c34143 10000000000000000
0a50f330a64b9bb601 123456789012345680
0bbbbdd7d9df7cdbbd -0.00000000010000000000000000364321973154977415791655470655996396089904010295867919921875
0b9a9999999999b93f 0.1
0b2d431cebe2361a3f 0.000100000000000000004792173602385929598312941379845142364501953125
0b0000000000004043 9007199254740992
0bfca9f1d24d62603f 0.002
0bb2909e20837e7c44 8409999999999999475712
0200000400 []
0000000400 {}
0c00 ""
0c0474657874 "text"
0201000b0002070000000400 [[]]
0201000b0000070000000400 [{}]
0001000b000b000000050100 {"":1}
0001001a000b000000000b0001000f000b000000020b0000000400 {"":{"":[]}}
0c21000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20 "\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000B\f\r\u000E\u000F\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001A\u001B\u001C\u001D\u001E\u001F "
0004006f00200001002100010022000100230003000b2600022e000c61000a6700656b756269677dc39425ad49b2540700330005010005feff0b19000401000400000c21000023000000000000000c400173010010000b000100000c006e0000040005c3a9ed959cffffffffffffffff {"e":10000000000000000159028911097599180468360808563945281389781327557747838772170381060813469985856815104,"k":[1,-2,3.5,true,null,"s",{"n":{}}],"u":"é한","big":18446744073709551615}
020b00350005000005ffff05ff7f050080072500072900072d00073100040000040100040200ffff0000008000007011010090eefeff [0,-1,32767,-32768,65535,32768,70000,-70000,null,true,false]
0005002f002700000027000100280002002a0002002c0003000505000502000504000501000503006161626262636363 {"":5,"a":2,"ab":4,"bb":1,"ccc":3}
0ff6070b02800000010a 1.10
0ff6080c037ffffffffffe -0.001
0ff6070b028000000000 0.00
0ff606090080000000 0
0ff620421e7f439eb1ca484078caf1cb3fd0f8a086f8a432eaff439eb1ca484078fc85 -12345678901234567890123456789012345.123456789012345678901234567890
0ff60609008001869f 99999
0ff6080c038000000003e7 0.999
0ff606090080000064 100
0ff60b130a800000000000000001 0.0000000001
0ff614271e800000000000000000000000000000000001 0.000000000000000000000000000001
0ff60a1209875bcd15075bcd15 123456789.123456789
0ff6224800800000633b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff3b9ac9ff 99999999999999999999999999999999999999999999999999999999999999999
0ff60a11088000000000000000 0.00000000
0ff60402018105 1.5
0ff6070a018000000000 0.0
0ff60d18067fffff84e4c5f3ebfe1dbf -123456789012.123456
0f0a080000000000bab219 "2024-02-29"
0f0a080000000000820300 "0001-01-01"
0f0a080000000000fef37e "9999-12-31"
0f0b08000000b8c8000000 "12:34:56"
0f0b0860ae0ab8c8000000 "12:34:56.7"
0f0b08010000b8c8000000 "12:34:56.000001"
0f0b080000004837ffffff "-12:34:56"
0f0b08ecf5f34737ffffff "-12:34:56.789012"
0f0b08ffffffffffffffff "-00:00:00.000001"
0f0b08000000fb6e340000 "838:59:59"
0f0b08c1bdf00591cbffff "-838:59:58.999999"
0f0b080000000000000000 "00:00:00"
0f0b08000000ffffffffff "-00:00:01"
0f0b080000000040060000 "100:00:00"
0f0b08e05ef8feffffffff "-00:00:01.5"
0f0b08c0d4018310000000 "01:02:03.12"
0f0c08000000b8c8bab219 "2024-02-29 12:34:56"
0f0c08080a0cb8c8bab219 "2024-02-29 12:34:56.789"
0f0c08010000000042b20c "1000-01-01 00:00:00.000001"
0f0c083f420ffb7efff37e "9999-12-31 23:59:59.999999"
0f0c08000000000042b219 "2024-01-01 00:00:00"
06e807 2024
0f0f0178 "eA=="
0f0f00 ""
0f0f0400ff80fe "AP+A/g=="
0f0f3d71717171717171717171717171717171717171717171717171717171717171717171717171717171717171717171717171717171717171717171717171 "cXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcQ=="
0b000000a09999b93f 0.10000000149011612
060500 5
0870110100 70000
0a00f2052a01000000 5000000000
09000efad5feffffff -5000000000
0c02c3a9 "é"
0001000f000b0001000c0c006302c3a9 {"c":"é"}
0c03782c79 "x,y"
0f10020201 "AgE="
00010010000b0001000f0c006310020201 {"c":"AgE="}
0ffc0300ff10 "AP8Q"
0ffe0401020000 "AQIAAA=="
0f0708080a0cb8c8bab219 "2024-02-29 12:34:56.789"
00010016000b0001000f0c00630708080a0cb8c8bab219 {"c":"2024-02-29 12:34:56.789"}
0f0f028081 "gIE="
0ffa026162 "YWI="
0ff90163 "Yw=="
0ffb0164 "ZA=="
0f1008ffffffffffffffff "//////////8="
050100 1
0001000c000b00010005010063 {"c":1}
"##;

    #[test]
    fn samples_of_a_server() {
        let samples = SAMPLES.lines().filter_map(|line| line.split_once(' '));
        assert!(samples.clone().count() > 90);
        for (bytes, text) in samples {
            assert_eq!(plain(&unhex(bytes)).as_deref(), Ok(text), "{bytes}");
        }
        // Characters that would not survive an editor.
        let bytes = unhex("0c0c7f20c28020e280a820e280a9");
        assert_eq!(
            plain(&bytes).as_deref(),
            Ok("\"\u{7f} \u{80} \u{2028} \u{2029}\"")
        );
        assert_eq!(plain(b"").as_deref(), Ok("null"));
    }

    #[test]
    fn a_string_literal_escapes_twice() {
        let mut out = Vec::new();
        write_json_string(&mut out, &unhex("0c05225c0a01c3")).unwrap_err();
        out.clear();
        write_json_string(&mut out, &unhex("0c04225c0a01")).unwrap();
        assert_eq!(out, br#""\"\\\"\\\\\\n\\u0001\"""#);
        out.clear();
        write_json_string(&mut out, &unhex("0f0f0178")).unwrap();
        assert_eq!(out, br#""\"eA==\"""#);
    }

    #[test]
    fn doubles_print_every_digit_where_java_has_an_exponent() {
        let cases = [
            (1e7, "10000000".to_owned()),
            (-9999999.5, "-9999999.5".to_owned()),
            (10000000.5, "10000000.5".to_owned()),
            (2.0_f64.powi(-11), "0.00048828125".to_owned()),
            (5e-324, format!("{:.1074}", 5e-324)),
            (f64::MAX, format!("{:.0}", f64::MAX)),
        ];
        for (value, text) in cases {
            let bytes = [&[DOUBLE][..], &value.to_le_bytes()].concat();
            assert_eq!(plain(&bytes).as_ref(), Ok(&text));
        }
        let nan = [&[DOUBLE][..], &f64::NAN.to_le_bytes()].concat();
        assert_eq!(plain(&nan), Err(JsonbError::NotFinite));
    }

    #[test]
    fn nesting_ends_at_the_servers_limit() {
        let nested = |depth| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        for large in [false, true] {
            let text = plain(&encode(&nested(100), large)).unwrap();
            assert_eq!(text, format!("{}null{}", "[".repeat(100), "]".repeat(100)));
            assert_eq!(plain(&encode(&nested(101), large)), Err(JsonbError::Depth));
        }
    }

    #[test]
    fn values_that_share_bytes_do_not_multiply() {
        // Each level points to the next one twice: 2^90 values in 900 bytes, without the check.
        let mut bytes = unhex("0200000400");
        for _ in 0..90 {
            let size = u16::try_from(bytes.len() + 9).unwrap().to_le_bytes();
            let mut outer = vec![SMALL_ARRAY, 2, 0, size[0], size[1]];
            outer.extend([bytes[0], 10, 0, bytes[0], 10, 0]);
            outer.extend(&bytes[1..]);
            bytes = outer;
        }
        assert_eq!(plain(&bytes), Err(JsonbError::Overlap));
    }

    #[test]
    fn broken_values_are_errors() {
        let truncated = |what, missing| JsonbError::Truncated { what, missing };
        let cases = [
            ("0d", JsonbError::Type(0x0d)),
            ("10", JsonbError::Type(0x10)),
            ("04", truncated("a literal", 1)),
            ("0403", JsonbError::Literal(3)),
            ("0500", truncated("an int16", 1)),
            ("0b0000", truncated("a double", 6)),
            ("0c", truncated("a length", 1)),
            ("0c0361", truncated("a string", 2)),
            ("0cffffffff7f", JsonbError::Length),
            ("0cffffffffff01", JsonbError::Length),
            ("0c0261ff", JsonbError::Text { offset: 1 }),
            ("0f", truncated("an opaque value's type", 1)),
            ("0f0a0400000000", JsonbError::TemporalLength(4)),
            ("0ff60105", truncated("a DECIMAL's precision", 1)),
            (
                "0ff60401008000",
                JsonbError::DecimalLength {
                    expected: 1,
                    found: 2,
                },
            ),
            ("0200000500", truncated("a container", 1)),
            (
                "03ffffffff08000000",
                truncated("a container's entries", 5 * u32::MAX as usize),
            ),
            ("02010007000c0300", JsonbError::Overlap),
            ("02010007000c0800", truncated("a value", 1)),
        ];
        for (bytes, expected) in cases {
            assert_eq!(plain(&unhex(bytes)), Err(expected), "{bytes}");
        }
    }

    /// The inverse, in either storage format.
    fn encode(value: &Value, large: bool) -> Vec<u8> {
        let (kind, bytes) = encode_value(value, large);
        [vec![kind], bytes].concat()
    }

    fn encode_value(value: &Value, large: bool) -> (u8, Vec<u8>) {
        match value {
            Value::Null => (LITERAL, vec![0]),
            Value::Bool(flag) => (LITERAL, vec![if *flag { 1 } else { 2 }]),
            Value::Number(number) => {
                let value = number.as_i64().unwrap();
                match (i16::try_from(value), i32::try_from(value)) {
                    (Ok(value), _) => (INT16, value.to_le_bytes().to_vec()),
                    (_, Ok(value)) => (INT32, value.to_le_bytes().to_vec()),
                    _ => (INT64, value.to_le_bytes().to_vec()),
                }
            }
            Value::String(text) => {
                let mut bytes = Vec::new();
                let mut len = text.len();
                while len > 0x7f {
                    bytes.push(len as u8 | 0x80);
                    len >>= 7;
                }
                bytes.push(len as u8);
                bytes.extend(text.as_bytes());
                (STRING, bytes)
            }
            Value::Array(values) => {
                let entries: Vec<_> = values.iter().map(|value| ("", value)).collect();
                let kind = if large { LARGE_ARRAY } else { SMALL_ARRAY };
                (kind, encode_container(&entries, false, large))
            }
            Value::Object(members) => {
                let entries: Vec<_> = members.iter().map(|(k, v)| (k.as_str(), v)).collect();
                let kind = if large { LARGE_OBJECT } else { SMALL_OBJECT };
                (kind, encode_container(&entries, true, large))
            }
        }
    }

    fn encode_container(entries: &[(&str, &Value)], object: bool, large: bool) -> Vec<u8> {
        let number = |value: usize| value.to_le_bytes()[..if large { 4 } else { 2 }].to_vec();
        let width = if large { 4 } else { 2 };
        let entry = 1 + width + if object { width + 2 } else { 0 };
        let (mut keys, mut values, mut data) = (Vec::new(), Vec::new(), Vec::new());
        let header = 2 * width + entries.len() * entry;
        for (key, _) in entries.iter().filter(|_| object) {
            keys.extend(number(header + data.len()));
            keys.extend(&key.len().to_le_bytes()[..2]);
            data.extend(key.as_bytes());
        }
        for (_, value) in entries {
            let (kind, mut bytes) = encode_value(value, large);
            values.push(kind);
            if (Layout { large, object }).inlines(kind) {
                bytes.resize(width, 0);
                values.extend(bytes);
            } else {
                values.extend(number(header + data.len()));
                data.extend(bytes);
            }
        }
        let size = header + data.len();
        [number(entries.len()), number(size), keys, values, data].concat()
    }

    fn documents() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i16>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[\\x00-\\x7f\"\\\\é한𝄞]{0,200}".prop_map(Value::from),
        ];
        scalar.prop_recursive(6, 40, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::vec(("[a-z\"é]{0,4}", inner), 0..6)
                    .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    #[test]
    fn documents_beyond_64_kib_use_wide_offsets() {
        let long = Value::from("é".repeat(40_000));
        let number = Value::from(-70_000);
        let value = Value::from(vec![long.clone(), number, Value::from(true), long]);
        assert_eq!(plain(&encode(&value, true)), Ok(value.to_string()));
    }

    proptest! {
        #[test]
        fn documents_read_back(value in documents(), large: bool) {
            let text = plain(&encode(&value, large)).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, kind in 0..16_u8) {
            let _ = plain(&bytes);
            let _ = plain(&[vec![kind], bytes].concat());
        }

        #[test]
        fn mutated_documents_never_panic(
            value in documents(),
            large: bool,
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
            cut in prop::option::of(any::<prop::sample::Index>()),
        ) {
            let mut bytes = encode(&value, large);
            for (place, byte) in edits {
                let place = place.index(bytes.len());
                bytes[place] = byte;
            }
            if let Some(cut) = cut {
                bytes.truncate(cut.index(bytes.len()));
            }
            // What is printed stays within a fixed multiple: the longest double has 1,079 characters.
            let limit = bytes.len() * 200 + 10;
            if let Ok(text) = plain(&bytes) {
                prop_assert!(text.len() <= limit);
                prop_assert!(serde_json::from_str::<Box<serde_json::value::RawValue>>(&text).is_ok());
            }
        }
    }
}
