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
    fn offset_len(self) -> usize {
        if self.large { 4 } else { 2 }
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
    /// Bytes of the count, the size and all entries.
    header: usize,
}

impl<'a> Container<'a> {
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
        match kind {
            SMALL_OBJECT => self.container(
                Layout {
                    large: false,
                    object: true,
                },
                bytes,
            ),
            LARGE_OBJECT => self.container(
                Layout {
                    large: true,
                    object: true,
                },
                bytes,
            ),
            SMALL_ARRAY => self.container(
                Layout {
                    large: false,
                    object: false,
                },
                bytes,
            ),
            LARGE_ARRAY => self.container(
                Layout {
                    large: true,
                    object: false,
                },
                bytes,
            ),
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
        if self.depth == DEPTH_MAX {
            return Err(JsonbError::Depth);
        }
        self.depth += 1;
        let width = layout.offset_len();
        let count = unsigned(bytes, 0, width, "a container's count")?;
        let size = unsigned(bytes, width, width, "a container's size")?;
        let body = prefix(bytes, size, "a container")?;
        let key_len = if layout.object { width + 2 } else { 0 };
        // A count that the bytes present cannot hold fails here, before the first entry is read.
        let keys = 2 * width;
        let values = keys.saturating_add(count.saturating_mul(key_len));
        let header = values.saturating_add(count.saturating_mul(1 + width));
        prefix(body, header, "a container's entries")?;
        self.spend(header)?;
        let container = Container {
            layout,
            body,
            header,
        };
        self.out.push(if layout.object { b'{' } else { b'[' });
        for index in 0..count {
            if index > 0 {
                self.out.push(b',');
            }
            if layout.object {
                self.key(container, keys + index * key_len)?;
            }
            self.entry(container, values + index * (1 + width))?;
        }
        self.out.push(if layout.object { b'}' } else { b']' });
        self.depth -= 1;
        Ok(())
    }

    fn key(&mut self, container: Container<'_>, at: usize) -> Result<(), JsonbError> {
        let width = container.layout.offset_len();
        let offset = unsigned(container.body, at, width, "a key's offset")?;
        let len = unsigned(container.body, at + width, 2, "a key's length")?;
        self.text(prefix(container.target(offset, "a key")?, len, "a key")?)?;
        self.out.push(b':');
        Ok(())
    }

    /// Prints the value of an entry: from the entry itself, or from where its offset points.
    fn entry(&mut self, container: Container<'_>, at: usize) -> Result<(), JsonbError> {
        let [kind, inline @ ..] = suffix(container.body, at, "an entry")? else {
            return Err(JsonbError::Truncated {
                what: "an entry",
                missing: 1,
            });
        };
        let width = container.layout.offset_len();
        if container.layout.inlines(*kind) {
            self.scalar(*kind, prefix(inline, width, "an entry")?)?;
            return Ok(());
        }
        let offset = unsigned(inline, 0, width, "a value's offset")?;
        self.value(*kind, container.target(offset, "a value")?)
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
                    FIELD_TIME => write_time(self.out, packed),
                    FIELD_DATE => write_date(self.out, packed.unsigned_abs()),
                    _ => write_datetime(self.out, packed.unsigned_abs()),
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

/// The packed form of `my_time.h`: microseconds in the lowest 24 bits, above them second, minute and hour.
fn write_time(out: &mut Vec<u8>, packed: i64) {
    if packed < 0 {
        out.push(b'-');
    }
    let size = packed.unsigned_abs();
    let hms = size >> 24;
    write_padded(out, hms >> 12 & 0x3ff, 2);
    write_minutes(out, hms);
    write_fraction(out, size);
}

/// As a time, with the day in five bits and year * 13 + month above the hour.
fn write_date(out: &mut Vec<u8>, packed: u64) {
    let day = packed >> 41;
    let month = day >> 5;
    write_padded(out, month / 13, 4);
    out.push(b'-');
    write_padded(out, month % 13, 2);
    out.push(b'-');
    write_padded(out, day & 0x1f, 2);
}

fn write_datetime(out: &mut Vec<u8>, packed: u64) {
    write_date(out, packed);
    out.push(b' ');
    let hms = packed >> 24;
    write_padded(out, hms >> 12 & 0x1f, 2);
    write_minutes(out, hms);
    write_fraction(out, packed);
}

fn write_minutes(out: &mut Vec<u8>, hms: u64) {
    out.push(b':');
    write_padded(out, hms >> 6 & 0x3f, 2);
    out.push(b':');
    write_padded(out, hms & 0x3f, 2);
}

/// The fraction without trailing zeros, and nothing where it is zero.
fn write_fraction(out: &mut Vec<u8>, packed: u64) {
    let (mut micros, mut width) = (packed & 0xff_ffff, 6);
    if micros == 0 {
        return;
    }
    while micros % 10 == 0 && width > 1 {
        (micros, width) = (micros / 10, width - 1);
    }
    out.push(b'.');
    write_padded(out, micros, width);
}

fn write_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    out.resize(out.len() + width.saturating_sub(digits.len()), b'0');
    out.extend_from_slice(digits);
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
    #[test]
    fn tmp_differential() {
        let f = std::fs::read_to_string("/tmp/w/scratch/diff.in").unwrap();
        let mut o = String::new();
        for l in f.lines() {
            let b: Vec<u8> = (0..l.len() / 2)
                .map(|i| u8::from_str_radix(&l[2 * i..2 * i + 2], 16).unwrap())
                .collect();
            let mut out = Vec::new();
            let mut q = Vec::new();
            let r = write_json(&mut out, &b);
            let r2 = write_json_string(&mut q, &b);
            assert_eq!(r, r2);
            match r {
                Ok(()) => {
                    let t: String = serde_json::from_slice(&q).unwrap();
                    assert_eq!(t.as_bytes(), out);
                    let _: Box<serde_json::value::RawValue> = serde_json::from_slice(&out).unwrap();
                    o.push_str("OK ");
                    out.iter().for_each(|b| o.push_str(&format!("{b:02x}")));
                }
                Err(e) => o.push_str(&format!("ERR {e}")),
            }
            o.push('\n');
        }
        std::fs::write("/tmp/w/scratch/diff.rs.out", o).unwrap();
    }
}
