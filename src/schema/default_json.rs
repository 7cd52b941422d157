//! A column's default as the JSON value that the column would have.
//!
//! Takes what the table's definition says and how the column's values are written; gives the same form. What
//! is no constant (an expression, AUTO_INCREMENT, a generated column) is no default. Rules and corner cases:
//! Debezium 3.6 (`MySqlDefaultValueConverter`).

use crate::schema::plan::{Cell, Unit};
use crate::schema::table_map::ColumnShape;
use crate::sql::definition::DefaultValue;
use crate::text::civil::{self, Civil, Fraction};
use crate::text::json;
use crate::text::wide::Wide;

/// Appends a column's default; false, and nothing is appended, where it has none.
pub(super) fn write_default(out: &mut Vec<u8>, column: &ColumnShape, cell: &Cell) -> bool {
    let start = out.len();
    let written = match &column.declared.default {
        DefaultValue::None | DefaultValue::Null | DefaultValue::Expression(_) => None,
        // The moment of the insert is no constant: the beginning of 1970 stands for it.
        DefaultValue::CurrentTimestamp(_) => write_epoch(out, column, cell),
        DefaultValue::Bits(bits) => write_bits(out, cell, *bits),
        DefaultValue::Bytes(bytes) => write_bytes(out, cell, bytes),
        DefaultValue::Literal(text) => write_literal(out, column, cell, text),
    };
    if written.is_none() {
        out.truncate(start);
    }
    written.is_some()
}

fn write_bits(out: &mut Vec<u8>, cell: &Cell, number: u64) -> Option<()> {
    let Cell::Bit { bits } = cell else {
        return None;
    };
    if *bits == 1 {
        out.extend_from_slice(if number == 0 { b"false" } else { b"true" });
        return Some(());
    }
    json::write_base64(out, number.to_le_bytes().get(..bits.div_ceil(8))?);
    Some(())
}

fn write_bytes(out: &mut Vec<u8>, cell: &Cell, bytes: &[u8]) -> Option<()> {
    let (Cell::Bytes { write, .. } | Cell::FixedBytes { write, .. }) = cell else {
        return None;
    };
    write(out, bytes);
    Some(())
}

fn write_literal(out: &mut Vec<u8>, column: &ColumnShape, cell: &Cell, text: &str) -> Option<()> {
    match cell {
        Cell::Tiny { .. }
        | Cell::Short { .. }
        | Cell::Medium { .. }
        | Cell::Long { .. }
        | Cell::Year => json::write_i64(out, text.parse().ok()?),
        // Beyond the signed range it is the end of that, though values of rows wrap.
        Cell::LongLong => match text.parse::<u64>() {
            Ok(number) => json::write_i64(out, i64::try_from(number).unwrap_or(i64::MAX)),
            Err(_) => json::write_i64(out, text.parse().ok()?),
        },
        Cell::LongLongPrecise => json::write_integer_base64(out, text.parse().ok()?),
        Cell::Float => json::write_f32(out, text.parse().ok()?),
        Cell::FloatAsDouble | Cell::Double | Cell::DecimalDouble(_) => {
            json::write_f64(out, text.parse().ok()?);
        }
        Cell::Decimal(packed) => write_unscaled(out, text, packed.scale)?,
        Cell::DecimalText(_) => json::write_string(out, without_fill(text)),
        Cell::Text { .. } | Cell::Enum { .. } | Cell::Set { .. } => json::write_string(out, text),
        Cell::Time { unit, .. } | Cell::OldTime { unit } => {
            unit.write_time(out, civil::parse_time(text)?);
        }
        Cell::Date
        | Cell::DateText
        | Cell::DateTime { .. }
        | Cell::OldDateTime { .. }
        | Cell::Timestamp { .. }
        | Cell::OldTimestamp => match Civil::parse(text) {
            Some(moment) => write_moment(out, cell, moment)?,
            // A zero date is null where that is allowed.
            None if column.nullable => return None,
            None => write_epoch(out, column, cell)?,
        },
        Cell::Masked(_) => json::write_string(out, text),
        // Their defaults come as bits or bytes, or can only be expressions.
        Cell::Bit { .. }
        | Cell::FixedBytes { .. }
        | Cell::Bytes { .. }
        | Cell::Json { .. }
        | Cell::Geometry { .. }
        | Cell::Vector { .. }
        | Cell::Hidden(_) => return None,
    }
    Some(())
}

/// A TIMESTAMP has no digits of a fraction then, and none of this where it may be null.
fn write_epoch(out: &mut Vec<u8>, column: &ColumnShape, cell: &Cell) -> Option<()> {
    let is_timestamp = matches!(cell, Cell::Timestamp { .. } | Cell::OldTimestamp);
    match (is_timestamp, column.nullable) {
        (true, true) => None,
        (true, false) => write_moment(out, &Cell::OldTimestamp, Civil::EPOCH),
        (false, _) => write_moment(out, cell, Civil::EPOCH),
    }
}

fn write_moment(out: &mut Vec<u8>, cell: &Cell, moment: Civil) -> Option<()> {
    if let Cell::Date = cell {
        json::write_i64(out, i64::from(moment.days()?));
    } else if let Cell::DateText = cell {
        civil::write_utc(out, |out| moment.write_date(out)).then_some(())?;
    } else if let Cell::DateTime { unit, .. } | Cell::OldDateTime { unit } = cell {
        if *unit == Unit::Iso {
            write_text(out, moment, Fraction::Trimmed)?;
        } else {
            json::write_i64(out, unit.count(moment.epoch_us()?)?);
        }
    } else if let Cell::Timestamp { digits } = cell {
        write_text(out, moment, Fraction::Exactly(*digits))?;
    } else if let Cell::OldTimestamp = cell {
        write_text(out, moment, Fraction::Exactly(0))?;
    } else {
        return None;
    }
    Some(())
}

fn write_text(out: &mut Vec<u8>, moment: Civil, fraction: Fraction) -> Option<()> {
    civil::write_utc(out, |out| moment.write_moment(out, fraction)).then_some(())
}

/// Without the zeros of ZEROFILL.
fn without_fill(text: &str) -> &str {
    let rest = text.trim_start_matches('0');
    let kept = if rest.starts_with(|c: char| c.is_ascii_digit()) {
        0
    } else {
        1
    };
    let start = (text.len() - rest.len()).saturating_sub(kept);
    text.get(start..).unwrap_or(text)
}

/// Appends the unscaled integer of a decimal's text, as Connect's `Decimal` has it.
fn write_unscaled(out: &mut Vec<u8>, text: &str, scale: u8) -> Option<()> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let missing = usize::from(scale).checked_sub(fraction.len())?;
    let zeros = std::iter::repeat_n(b'0', missing);
    let mut unscaled = Wide::default();
    for digit in whole.bytes().chain(fraction.bytes()).chain(zeros) {
        let value = digit.checked_sub(b'0').filter(|value| *value <= 9)?;
        unscaled.push(10, u32::from(value));
    }
    if text.starts_with('-') {
        unscaled.negate();
    }
    unscaled.write_base64(out);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_unscaled() {
        for (text, scale, number) in [
            ("0", 0, 0_i128),
            ("-0.00", 2, 0),
            ("1.28", 2, 128),
            ("-1.29", 2, -129),
            ("3.5", 3, 3500),
            ("18446744073709551616", 0, 1 << 64),
        ] {
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            write_unscaled(&mut found, text, scale).unwrap();
            json::write_integer_base64(&mut expected, number);
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(write_unscaled(&mut Vec::new(), "1.234", 2), None);
        assert_eq!(write_unscaled(&mut Vec::new(), "1e3", 0), None);
    }

    #[test]
    fn zeros_of_zerofill_are_not_shown() {
        for (filled, text) in [
            ("00001.50", "1.50"),
            ("0000.50", "0.50"),
            ("000", "0"),
            ("-1.5", "-1.5"),
        ] {
            assert_eq!(without_fill(filled), text);
        }
    }
}
