//! One cell: bytes of a row image to JSON text.
//!
//! Takes a cursor at the cell and its [`Column`], appends the JSON value in the modes that the plan holds. One arm a type, no
//! allocation, nothing else knows the types.

use crate::config::modes::InvalidTextMode;
use crate::cursor::{Cursor, Short};
use crate::decode::decimal;
use crate::decode::image::{prefixed, skip};
use crate::decode::jsonb;
use crate::decode::temporal;
use crate::schema::mask::Unreadable;
use crate::schema::plan::{Cell, Column, NoDate, Packed, Unit};
use crate::text::charset::{Charset, InvalidText};
use crate::text::civil::{self, Civil, Fraction};
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
    /// What is to be masked is no text.
    #[error(transparent)]
    Mask(#[from] Unreadable),
    /// An ENUM number or SET bit without a label.
    #[error("number {number} of {labels} labels")]
    Label {
        /// The number or bit.
        number: u64,
        /// How many the column has.
        labels: usize,
    },
    /// A date that is none, where that is to stop.
    #[error("a date that is zero, or has a zero or impossible part")]
    NoDate,
    /// A moment that the unit cannot express.
    #[error("a moment that 64 bits of nanoseconds do not reach")]
    Range,
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
    column: &Column,
    cursor: &mut Cursor<'_>,
    scratch: &mut Vec<u8>,
) -> Result<(), CellError> {
    match &column.cell {
        Cell::Long { unsigned: false } => json::write_i64(out, i64::from(cursor.u32()? as i32)),
        Cell::Long { unsigned: true } => json::write_i64(out, i64::from(cursor.u32()?)),
        Cell::LongLong => json::write_i64(out, cursor.u64()? as i64),
        Cell::Text {
            prefix,
            charset,
            invalid,
        } => {
            let bytes = prefixed(cursor, *prefix)?;
            let start = out.len();
            if let Err(bad) = charset.write_text(out, bytes) {
                out.truncate(start);
                write_invalid(out, bytes, *charset, *invalid, bad)?;
            }
        }
        Cell::LongLongPrecise => json::write_integer_base64(out, i128::from(cursor.u64()?)),
        Cell::Tiny { unsigned: false } => json::write_i64(out, i64::from(cursor.u8()? as i8)),
        Cell::Tiny { unsigned: true } => json::write_i64(out, i64::from(cursor.u8()?)),
        Cell::Short { unsigned: false } => json::write_i64(out, i64::from(cursor.u16()? as i16)),
        Cell::Short { unsigned: true } => json::write_i64(out, i64::from(cursor.u16()?)),
        Cell::Medium { unsigned } => write_medium(out, cursor.uint(3)? as i64, *unsigned),
        Cell::Float => json::write_f32(out, f32::from_le_bytes(cursor.array()?)),
        Cell::FloatAsDouble => {
            json::write_f64(out, f64::from(f32::from_le_bytes(cursor.array()?)));
        }
        Cell::Double => json::write_f64(out, f64::from_le_bytes(cursor.array()?)),
        Cell::Bit { bits } => write_bits(out, cursor.take(bits.div_ceil(8))?, *bits),
        Cell::Year => {
            let year = i64::from(cursor.u8()?);
            json::write_i64(out, if year == 0 { 0 } else { year + 1900 });
        }
        Cell::Bytes { prefix, write } => write(out, prefixed(cursor, *prefix)?),
        Cell::FixedBytes {
            prefix,
            size,
            write,
        } => write(out, padded(prefixed(cursor, *prefix)?, *size, scratch)),
        Cell::Enum { bytes, labels } => write_label(out, cursor.uint(*bytes)?, labels)?,
        Cell::Set { bytes, labels } => write_set(out, cursor.uint(*bytes)?, labels)?,
        Cell::Json { prefix } => jsonb::write_json_string(out, prefixed(cursor, *prefix)?)?,
        Cell::Geometry { prefix, point } => {
            write_geometry(out, prefixed(cursor, *prefix)?, *point)?
        }
        Cell::Vector { prefix } => write_vector(out, prefixed(cursor, *prefix)?)?,
        Cell::Hidden(layout) => skip(cursor, *layout)?,
        Cell::Masked(text) => {
            let start = out.len();
            write(out, &text.column, cursor, scratch)?;
            text.masked.apply(out, start)?;
        }
        Cell::Decimal(packed) => write_decimal(out, cursor, packed)?,
        Cell::DecimalText(packed) => write_decimal_text(out, cursor, packed)?,
        Cell::DecimalDouble(Packed {
            precision,
            scale,
            bytes,
        }) => {
            decimal::write_double(out, scratch, cursor.take(*bytes)?, *precision, *scale)?;
        }
        Cell::Date
        | Cell::DateText
        | Cell::Time { .. }
        | Cell::DateTime { .. }
        | Cell::Timestamp { .. }
        | Cell::OldTime { .. }
        | Cell::OldDateTime { .. }
        | Cell::OldTimestamp => write_temporal(out, column, cursor)?,
    }
    Ok(())
}

/// Bytes that are no text of their charset, by the column's mode.
#[cold]
fn write_invalid(
    out: &mut Vec<u8>,
    bytes: &[u8],
    charset: Charset,
    mode: InvalidTextMode,
    bad: InvalidText,
) -> Result<(), CellError> {
    match mode {
        InvalidTextMode::Fail => return Err(bad.into()),
        InvalidTextMode::Replace => charset.write_text_replaced(out, bytes),
        InvalidTextMode::Base64 => json::write_marked_base64(out, bytes),
    }
    Ok(())
}

fn write_medium(out: &mut Vec<u8>, number: i64, unsigned: bool) {
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

fn write_decimal(
    out: &mut Vec<u8>,
    cursor: &mut Cursor<'_>,
    packed: &Packed,
) -> Result<(), CellError> {
    let bytes = cursor.take(packed.bytes)?;
    decimal::write_unscaled_base64(out, bytes, packed.precision, packed.scale)?;
    Ok(())
}

fn write_decimal_text(
    out: &mut Vec<u8>,
    cursor: &mut Cursor<'_>,
    packed: &Packed,
) -> Result<(), CellError> {
    let bytes = cursor.take(packed.bytes)?;
    out.push(b'"');
    decimal::write_plain(out, bytes, packed.precision, packed.scale)?;
    out.push(b'"');
    Ok(())
}

fn write_temporal(
    out: &mut Vec<u8>,
    column: &Column,
    cursor: &mut Cursor<'_>,
) -> Result<(), CellError> {
    let fraction_bytes = |digits: u8| usize::from(digits).div_ceil(2);
    match &column.cell {
        Cell::Date => {
            let days = match temporal::date(cursor.array()?).days() {
                Some(days) => Some(days),
                None => instead(column)?.and_then(|date| date.days()),
            };
            write_number(out, days.map(i64::from));
        }
        Cell::DateText => {
            let date = or_instead(temporal::date(cursor.array()?), column)?;
            write_text(out, date, |date, out| date.write_date(out));
        }
        Cell::Time { digits, unit } => {
            let us = temporal::time(cursor.array()?, cursor.take(fraction_bytes(*digits))?);
            unit.write_time(out, us);
        }
        Cell::OldTime { unit } => unit.write_time(out, temporal::old_time(cursor.array()?)),
        Cell::DateTime { digits, unit } => {
            let civil = temporal::datetime(cursor.array()?, cursor.take(fraction_bytes(*digits))?);
            write_moment(out, civil, column, *unit)?;
        }
        Cell::OldDateTime { unit } => {
            let civil = temporal::old_datetime(cursor.u64()?);
            write_moment(out, civil, column, *unit)?;
        }
        Cell::Timestamp { digits } => {
            let stamp = temporal::timestamp(cursor.array()?, cursor.take(fraction_bytes(*digits))?);
            write_timestamp(out, stamp, *digits, column.no_date)?;
        }
        Cell::OldTimestamp => {
            let stamp = temporal::old_timestamp(cursor.u32()?);
            write_timestamp(out, stamp, 0, column.no_date)?;
        }
        Cell::Tiny { .. } | Cell::Short { .. } | Cell::Medium { .. } | Cell::Long { .. } => {}
        Cell::LongLong | Cell::LongLongPrecise | Cell::Float | Cell::FloatAsDouble => {}
        Cell::Double | Cell::Bit { .. } | Cell::Year => {}
        Cell::Decimal(_) | Cell::DecimalText(_) | Cell::DecimalDouble(_) => {}
        Cell::Text { .. } | Cell::FixedBytes { .. } | Cell::Bytes { .. } => {}
        Cell::Enum { .. } | Cell::Set { .. } | Cell::Json { .. } | Cell::Geometry { .. } => {}
        Cell::Vector { .. } | Cell::Hidden(_) | Cell::Masked(_) => {}
    }
    Ok(())
}

/// The date, or what stands for one that is none; nothing is null.
fn or_instead(civil: Civil, column: &Column) -> Result<Option<Civil>, CellError> {
    if civil.is_date() {
        return Ok(Some(civil));
    }
    instead(column)
}

/// What stands for a date that is none.
#[cold]
fn instead(column: &Column) -> Result<Option<Civil>, CellError> {
    match column.no_date {
        NoDate::Null => Ok(None),
        NoDate::Epoch => Ok(Some(Civil::EPOCH)),
        NoDate::Default(civil) => Ok(Some(civil)),
        NoDate::Fail => Err(CellError::NoDate),
    }
}

fn write_number(out: &mut Vec<u8>, number: Option<i64>) {
    match number {
        Some(number) => json::write_i64(out, number),
        None => out.extend_from_slice(b"null"),
    }
}

/// The text of a date with its `Z`.
fn write_text(
    out: &mut Vec<u8>,
    civil: Option<Civil>,
    write: impl FnOnce(&Civil, &mut Vec<u8>) -> bool,
) {
    if !civil::write_utc(out, |out| civil.is_some_and(|civil| write(&civil, out))) {
        out.extend_from_slice(b"null");
    }
}

fn write_moment(
    out: &mut Vec<u8>,
    civil: Civil,
    column: &Column,
    unit: Unit,
) -> Result<(), CellError> {
    if unit == Unit::Iso {
        let civil = or_instead(civil, column)?;
        write_text(out, civil, |civil, out| {
            civil.write_moment(out, Fraction::Trimmed)
        });
        return Ok(());
    }
    let us = match civil.epoch_us() {
        Some(us) => Some(us),
        None => instead(column)?.and_then(|civil| civil.epoch_us()),
    };
    let number = us.map(|us| unit.count(us).ok_or(CellError::Range));
    write_number(out, number.transpose()?);
    Ok(())
}

/// `"2018-06-20T13:37:03.120Z"` with exactly the column's digits.
fn write_timestamp(
    out: &mut Vec<u8>,
    stamp: Option<Civil>,
    digits: u8,
    no_date: NoDate,
) -> Result<(), CellError> {
    let civil = match (stamp, no_date) {
        (Some(stamp), _) => Some(stamp),
        (None, NoDate::Default(default)) => Some(default),
        (None, NoDate::Null) => None,
        (None, NoDate::Epoch) => {
            out.extend_from_slice(b"\"1970-01-01T00:00:00Z\"");
            return Ok(());
        }
        (None, NoDate::Fail) => return Err(CellError::NoDate),
    };
    write_text(out, civil, |civil, out| {
        civil.write_moment(out, Fraction::Exactly(digits))
    });
    Ok(())
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

/// The bytes with the zeros that the image leaves out.
fn padded<'a>(bytes: &'a [u8], size: usize, scratch: &'a mut Vec<u8>) -> &'a [u8] {
    if bytes.len() >= size {
        return bytes;
    }
    scratch.clear();
    scratch.extend_from_slice(bytes);
    scratch.resize(size, 0);
    scratch
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::modes::{InvalidDate, Modes, TimePrecision};
    use crate::schema::columns::ColumnRules;
    use crate::schema::declared::Declared;
    use crate::schema::plan::Plan;
    use crate::schema::table_map::{ColumnShape, Shape, code};
    use crate::sql::definition::DefaultValue;

    /// What the bytes become in a column of this code.
    fn check(shape: ColumnShape, modes: Modes, bytes: &[u8], expected: &str) {
        let name = "c".to_owned();
        let shape = Shape {
            columns: vec![ColumnShape { name, ..shape }],
            full: true,
            ..Shape::default()
        };
        let plan =
            Plan::compile(&shape, Arc::from("topic"), &modes, &ColumnRules::default()).unwrap();
        let (mut out, mut cursor) = (Vec::new(), Cursor::new(bytes));
        let result = write(&mut out, &plan.columns[0], &mut cursor, &mut Vec::new());
        let found = match result {
            Ok(()) => String::from_utf8(out).unwrap(),
            Err(error) => error.to_string(),
        };
        assert_eq!(found, expected);
        assert!(cursor.is_empty(), "bytes are left");
    }

    fn of(code: u8) -> ColumnShape {
        ColumnShape {
            code,
            ..ColumnShape::default()
        }
    }

    fn with_default(code: u8, digits: u8, default: &str) -> ColumnShape {
        ColumnShape {
            meta: [digits, 0],
            declared: Declared {
                default: DefaultValue::Literal(default.to_owned()),
                ..Declared::default()
            },
            ..of(code)
        }
    }

    fn precision(time_precision: TimePrecision) -> Modes {
        Modes {
            time_precision,
            ..Modes::default()
        }
    }

    /// No server of today can be made to write these, and so no test with a server sees them.
    #[test]
    fn temporal_types_before_5_6_4() {
        let time = (-8_385_959_i32).to_le_bytes();
        let time = &time[..3];
        check(of(code::TIME), Modes::default(), time, "-3020399000000");
        let iso = precision(TimePrecision::Isostring);
        check(of(code::TIME), iso, time, "\"-838:59:59Z\"");
        let connect = precision(TimePrecision::Connect);
        check(of(code::TIME), connect, time, "-3020399000");
        let moment = 20_240_229_123_456_u64.to_le_bytes();
        let datetime = of(code::DATETIME);
        check(datetime.clone(), Modes::default(), &moment, "1709210096000");
        check(datetime.clone(), iso, &moment, "\"2024-02-29T12:34:56Z\"");
        let micro = precision(TimePrecision::Microseconds);
        check(datetime.clone(), micro, &moment, "1709210096000000");
        check(datetime, Modes::default(), &[0; 8], "0");
        let seconds = 1_709_210_096_u32.to_le_bytes();
        let text = "\"2024-02-29T12:34:56Z\"";
        check(of(code::TIMESTAMP), Modes::default(), &seconds, text);
        let zero = "\"1970-01-01T00:00:00Z\"";
        check(of(code::TIMESTAMP), Modes::default(), &[0; 4], zero);
    }

    /// Debezium puts the column's default for a date that is none and must be one.
    #[test]
    fn defaults_stand_for_dates_that_are_none() {
        let iso = precision(TimePrecision::Isostring);
        let day = with_default(code::DATE, 0, "2000-02-29");
        check(day.clone(), Modes::default(), &[0; 3], "11016");
        check(day.clone(), iso, &[0; 3], "\"2000-02-29Z\"");
        let nullable = ColumnShape {
            nullable: true,
            ..day.clone()
        };
        check(nullable, Modes::default(), &[0; 3], "null");
        let fail = Modes {
            invalid_date: InvalidDate::Fail,
            ..Modes::default()
        };
        check(day, fail, &[0; 3], &CellError::NoDate.to_string());
        let stamp = with_default(code::TIMESTAMP2, 3, "2000-01-01 00:00:00");
        let text = "\"2000-01-01T00:00:00.000Z\"";
        check(stamp, Modes::default(), &[0; 6], text);
        let no_literal = with_default(code::DATETIME2, 6, "CURRENT_TIMESTAMP");
        let zero = [0x80, 0, 0, 0, 0, 0, 0, 0];
        check(no_literal, Modes::default(), &zero, "0");
    }

    #[test]
    fn floats_that_were_declared_with_digits_are_doubles() {
        let bytes = 1234.567_f32.to_le_bytes();
        check(of(code::FLOAT), Modes::default(), &bytes, "1234.567");
        let declared = ColumnShape {
            declared: Declared {
                float_digits: true,
                ..Declared::default()
            },
            ..of(code::FLOAT)
        };
        check(declared, Modes::default(), &bytes, "1234.5670166015625");
    }
}
