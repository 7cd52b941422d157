//! One cell: bytes of a row image to JSON text, in Debezium's default modes.
//!
//! Takes a cursor at the cell and the column's [`Cell`], appends the JSON value. One arm a type, no
//! allocation, nothing else knows the types.

use crate::cursor::{Cursor, Short};
use crate::decode::decimal;
use crate::decode::image::{prefixed, skip};
use crate::decode::jsonb;
use crate::decode::temporal::{self, Civil};
use crate::schema::plan::Cell;
use crate::text::charset::InvalidText;
use crate::text::json;

/// Why a cell could not be turned into JSON. Never holds the value.
#[derive(Debug, thiserror::Error)]
pub enum CellError {
    /// The image ends inside the cell.
    #[error("the row image ends inside the value: {0}")]
    Short(#[from] Short),
    /// Bytes that are no text of the column's charset.
    #[error("invalid text: {0}")]
    Text(#[from] InvalidText),
    /// A JSON document that is none.
    #[error("invalid binary JSON: {0}")]
    Json(#[from] jsonb::JsonbError),
    /// A decimal that is none.
    #[error("invalid packed decimal: {0}")]
    Decimal(#[from] decimal::DecimalError),
    /// An ENUM number or SET bit without a label.
    #[error("number {number} of {labels} labels")]
    Label {
        /// The number or bit.
        number: u64,
        /// How many the column has.
        labels: usize,
    },
    /// A geometry shorter than its parts, or a vector that is no array of floats.
    #[error("malformed {what} of {bytes} bytes")]
    Malformed {
        /// Which type.
        what: &'static str,
        /// Bytes of the value.
        bytes: usize,
    },
}

/// Appends the cell's JSON value.
///
/// # Errors
/// [`CellError`]; what was appended is then incomplete.
#[inline]
pub fn write(
    out: &mut Vec<u8>,
    cell: &Cell,
    nullable: bool,
    cursor: &mut Cursor<'_>,
    scratch: &mut Vec<u8>,
) -> Result<(), CellError> {
    match cell {
        Cell::Long { unsigned: false } => json::write_i64(out, i64::from(cursor.u32()? as i32)),
        Cell::Long { unsigned: true } => json::write_i64(out, i64::from(cursor.u32()?)),
        Cell::LongLong => json::write_i64(out, cursor.u64()? as i64),
        Cell::Text { prefix, charset } => charset.write_text(out, prefixed(cursor, *prefix)?)?,
        Cell::Tiny { unsigned: false } => json::write_i64(out, i64::from(cursor.u8()? as i8)),
        Cell::Tiny { unsigned: true } => json::write_i64(out, i64::from(cursor.u8()?)),
        Cell::Short { unsigned: false } => json::write_i64(out, i64::from(cursor.u16()? as i16)),
        Cell::Short { unsigned: true } => json::write_i64(out, i64::from(cursor.u16()?)),
        Cell::Medium { unsigned } => {
            let number = cursor.uint(3)? as i64;
            let negative = !unsigned && number & 0x80_0000 != 0;
            json::write_i64(
                out,
                if negative {
                    number - 0x100_0000
                } else {
                    number
                },
            );
        }
        Cell::Float => json::write_f32(out, f32::from_le_bytes(cursor.array()?)),
        Cell::Double => json::write_f64(out, f64::from_le_bytes(cursor.array()?)),
        Cell::Decimal {
            precision,
            scale,
            bytes,
        } => {
            decimal::write_unscaled_base64(out, cursor.take(*bytes)?, *precision, *scale)?;
        }
        Cell::Bit { bits } => write_bits(out, cursor.take(bits.div_ceil(8))?, *bits),
        Cell::Year => {
            let year = i64::from(cursor.u8()?);
            json::write_i64(out, if year == 0 { 0 } else { year + 1900 });
        }
        Cell::Bytes { prefix } => json::write_base64(out, prefixed(cursor, *prefix)?),
        Cell::FixedBytes { prefix, size } => {
            let bytes = prefixed(cursor, *prefix)?;
            write_padded(out, bytes, *size, scratch);
        }
        Cell::Enum { bytes, labels } => write_label(out, cursor.uint(*bytes)?, labels)?,
        Cell::Set { bytes, labels } => write_set(out, cursor.uint(*bytes)?, labels)?,
        Cell::Json { prefix } => {
            jsonb::write_json_string(out, prefixed(cursor, *prefix)?)?;
        }
        Cell::Geometry { prefix, point } => {
            write_geometry(out, prefixed(cursor, *prefix)?, *point)?
        }
        Cell::Vector { prefix } => write_vector(out, prefixed(cursor, *prefix)?)?,
        Cell::Hidden(layout) => skip(cursor, *layout)?,
        Cell::Date
        | Cell::Time { .. }
        | Cell::DateTime { .. }
        | Cell::Timestamp { .. }
        | Cell::OldTime
        | Cell::OldDateTime
        | Cell::OldTimestamp => write_temporal(out, cell, nullable, cursor)?,
    }
    Ok(())
}

fn write_temporal(
    out: &mut Vec<u8>,
    cell: &Cell,
    nullable: bool,
    cursor: &mut Cursor<'_>,
) -> Result<(), CellError> {
    let fraction_bytes = |digits: u8| usize::from(digits).div_ceil(2);
    match cell {
        Cell::Date => {
            let days = temporal::date(cursor.array()?).days();
            write_instant(out, days.map(i64::from), nullable);
        }
        Cell::Time { digits } => {
            let us = temporal::time(cursor.array()?, cursor.take(fraction_bytes(*digits))?);
            json::write_i64(out, us);
        }
        Cell::OldTime => json::write_i64(out, temporal::old_time(cursor.array()?)),
        Cell::DateTime { digits } => {
            let civil = temporal::datetime(cursor.array()?, cursor.take(fraction_bytes(*digits))?);
            write_datetime(out, &civil, *digits, nullable);
        }
        Cell::OldDateTime => {
            let civil = temporal::old_datetime(cursor.u64()?);
            write_datetime(out, &civil, 0, nullable);
        }
        Cell::Timestamp { digits } => {
            let stamp = temporal::timestamp(cursor.array()?, cursor.take(fraction_bytes(*digits))?);
            write_timestamp(out, stamp, *digits, nullable);
        }
        Cell::OldTimestamp => {
            let seconds = cursor.u32()?;
            let stamp = (seconds != 0).then_some((seconds, 0));
            write_timestamp(out, stamp, 0, nullable);
        }
        Cell::Tiny { .. } | Cell::Short { .. } | Cell::Medium { .. } | Cell::Long { .. } => {}
        Cell::LongLong | Cell::Float | Cell::Double | Cell::Decimal { .. } | Cell::Bit { .. } => {}
        Cell::Year | Cell::Text { .. } | Cell::FixedBytes { .. } | Cell::Bytes { .. } => {}
        Cell::Enum { .. } | Cell::Set { .. } | Cell::Json { .. } | Cell::Geometry { .. } => {}
        Cell::Vector { .. } | Cell::Hidden(_) => {}
    }
    Ok(())
}

/// A date that is none is null, or the epoch where null is not allowed.
fn write_instant(out: &mut Vec<u8>, instant: Option<i64>, nullable: bool) {
    match instant {
        Some(number) => json::write_i64(out, number),
        None if nullable => out.extend_from_slice(b"null"),
        None => out.push(b'0'),
    }
}

/// Milliseconds up to three digits, microseconds beyond (`adaptive_time_microseconds`).
fn write_datetime(out: &mut Vec<u8>, civil: &Civil, digits: u8, nullable: bool) {
    let us = civil.epoch_us();
    let number = if digits <= 3 {
        us.map(|us| us.div_euclid(1000))
    } else {
        us
    };
    write_instant(out, number, nullable);
}

/// `"2018-06-20T13:37:03.120Z"` with exactly the column's digits.
fn write_timestamp(out: &mut Vec<u8>, stamp: Option<(u32, u32)>, digits: u8, nullable: bool) {
    let Some((seconds, us)) = stamp else {
        let text: &[u8] = if nullable {
            b"null"
        } else {
            b"\"1970-01-01T00:00:00Z\""
        };
        out.extend_from_slice(text);
        return;
    };
    let (year, month, day, rest) = temporal::civil_from_seconds(seconds);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    let mut text = *b"\"0000-00-00T00:00:00.000000";
    put(&mut text, 1, 4, year);
    put(&mut text, 6, 2, month);
    put(&mut text, 9, 2, day);
    put(&mut text, 12, 2, hour);
    put(&mut text, 15, 2, minute);
    put(&mut text, 18, 2, second);
    put(&mut text, 21, 6, us);
    let length = if digits == 0 {
        20
    } else {
        21 + usize::from(digits.min(6))
    };
    out.extend_from_slice(text.get(..length).unwrap_or_default());
    out.extend_from_slice(b"Z\"");
}

/// Puts `number` in decimal digits at `at`, filled with zeros to `width`.
fn put(text: &mut [u8], at: usize, width: usize, mut number: u32) {
    for digit in text.iter_mut().skip(at).take(width).rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// BIT(1) is a boolean; more bits are bytes, least significant first.
fn write_bits(out: &mut Vec<u8>, bytes: &[u8], bits: usize) {
    if bits == 1 {
        let set = bytes.iter().any(|byte| *byte != 0);
        out.extend_from_slice(if set { b"true" } else { b"false" });
        return;
    }
    let mut reversed = [0u8; 8];
    for (to, from) in reversed.iter_mut().zip(bytes.iter().rev()) {
        *to = *from;
    }
    json::write_base64(out, reversed.get(..bytes.len()).unwrap_or_default());
}

fn write_padded(out: &mut Vec<u8>, bytes: &[u8], size: usize, scratch: &mut Vec<u8>) {
    if bytes.len() >= size {
        return json::write_base64(out, bytes);
    }
    scratch.clear();
    scratch.extend_from_slice(bytes);
    scratch.resize(size, 0);
    json::write_base64(out, scratch);
}

/// Number 0 is MySQL's error value: the empty string.
fn write_label(out: &mut Vec<u8>, number: u64, labels: &[Vec<u8>]) -> Result<(), CellError> {
    if number == 0 {
        out.extend_from_slice(b"\"\"");
        return Ok(());
    }
    let label = usize::try_from(number - 1)
        .ok()
        .and_then(|index| labels.get(index));
    out.extend_from_slice(label.ok_or(CellError::Label {
        number,
        labels: labels.len(),
    })?);
    Ok(())
}

fn write_set(out: &mut Vec<u8>, bits: u64, labels: &[Vec<u8>]) -> Result<(), CellError> {
    let highest = u64::from(64 - bits.leading_zeros());
    if highest > labels.len() as u64 {
        return Err(CellError::Label {
            number: highest,
            labels: labels.len(),
        });
    }
    out.push(b'"');
    let mut first = true;
    for (bit, label) in labels.iter().enumerate().take(64) {
        if bits & (1 << bit) != 0 {
            if !first {
                out.push(b',');
            }
            first = false;
            out.extend_from_slice(label);
        }
    }
    out.push(b'"');
    Ok(())
}

/// Four bytes of SRID, then WKB; a POINT has x and y at fixed places of it.
fn write_geometry(out: &mut Vec<u8>, bytes: &[u8], point: bool) -> Result<(), CellError> {
    let malformed = || CellError::Malformed {
        what: "geometry",
        bytes: bytes.len(),
    };
    let (srid, wkb) = bytes.split_first_chunk::<4>().ok_or_else(malformed)?;
    out.push(b'{');
    if point {
        let mut cursor = Cursor::new(wkb.get(5..).ok_or_else(malformed)?);
        out.extend_from_slice(b"\"x\":");
        json::write_f64(out, f64::from_le_bytes(cursor.array()?));
        out.extend_from_slice(b",\"y\":");
        json::write_f64(out, f64::from_le_bytes(cursor.array()?));
        out.push(b',');
    }
    out.extend_from_slice(b"\"wkb\":");
    json::write_base64(out, wkb);
    out.extend_from_slice(b",\"srid\":");
    match u32::from_le_bytes(*srid) {
        0 => out.extend_from_slice(b"null"),
        srid => json::write_i64(out, i64::from(srid)),
    }
    out.push(b'}');
    Ok(())
}

fn write_vector(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), CellError> {
    let (floats, rest) = bytes.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(CellError::Malformed {
            what: "vector",
            bytes: bytes.len(),
        });
    }
    out.push(b'[');
    for (index, float) in floats.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        json::write_f32(out, f32::from_le_bytes(*float));
    }
    out.push(b']');
    Ok(())
}
