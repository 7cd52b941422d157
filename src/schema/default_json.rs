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
        Cell::Decimal(packed) => json::write_base64(out, &unscaled(text, packed.scale)?),
        Cell::DecimalText(_) => json::write_string(out, without_fill(text)),
        Cell::Text { .. } | Cell::Enum { .. } | Cell::Set { .. } => json::write_string(out, text),
        Cell::Time { unit, .. } | Cell::OldTime { unit } => {
            let us = civil::parse_time(text)?;
            match unit {
                Unit::Milliseconds => json::write_i64(out, us / 1000),
                Unit::Microseconds => json::write_i64(out, us),
                Unit::Nanoseconds => json::write_i64(out, us.checked_mul(1000)?),
                Unit::Iso => {
                    out.push(b'"');
                    civil::write_time(out, us);
                    out.extend_from_slice(b"Z\"");
                }
            }
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
    let text = |out: &mut Vec<u8>, fraction: Option<Fraction>| {
        out.push(b'"');
        let written = match fraction {
            Some(fraction) => moment.write_moment(out, fraction),
            None => moment.write_date(out),
        };
        out.extend_from_slice(b"Z\"");
        written.then_some(())
    };
    if let Cell::Date = cell {
        json::write_i64(out, i64::from(moment.days()?));
    } else if let Cell::DateText = cell {
        text(out, None)?;
    } else if let Cell::DateTime { unit, .. } | Cell::OldDateTime { unit } = cell {
        match unit {
            Unit::Milliseconds => json::write_i64(out, moment.epoch_us()?.div_euclid(1000)),
            Unit::Microseconds => json::write_i64(out, moment.epoch_us()?),
            Unit::Nanoseconds => json::write_i64(out, moment.epoch_us()?.checked_mul(1000)?),
            Unit::Iso => text(out, Some(Fraction::Trimmed))?,
        }
    } else if let Cell::Timestamp { digits } = cell {
        text(out, Some(Fraction::Exactly(*digits)))?;
    } else if let Cell::OldTimestamp = cell {
        text(out, Some(Fraction::Exactly(0)))?;
    } else {
        return None;
    }
    Some(())
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

/// The unscaled integer of a decimal's text, as the fewest bytes of two's complement that hold it.
fn unscaled(text: &str, scale: u8) -> Option<Vec<u8>> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let missing = usize::from(scale).checked_sub(fraction.len())?;
    let zeros = std::iter::repeat_n(b'0', missing);
    // Little-endian while it grows.
    let mut bytes: Vec<u8> = Vec::new();
    for digit in whole.bytes().chain(fraction.bytes()).chain(zeros) {
        let mut carry = u32::from(digit.checked_sub(b'0').filter(|digit| *digit <= 9)?);
        for byte in &mut bytes {
            let sum = u32::from(*byte) * 10 + carry;
            *byte = (sum & 0xff) as u8;
            carry = sum >> 8;
        }
        if carry > 0 {
            bytes.push(carry as u8);
        }
    }
    if negative && !bytes.is_empty() {
        // -n is the complement of n - 1.
        for byte in &mut bytes {
            let borrowed = *byte == 0;
            *byte = byte.wrapping_sub(1);
            if !borrowed {
                break;
            }
        }
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
        if bytes.last().is_none_or(|byte| byte & 0x80 == 0) {
            bytes.push(0xff);
        }
    } else if bytes.last().is_none_or(|byte| byte & 0x80 != 0) {
        bytes.push(0);
    }
    bytes.reverse();
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_the_fewest_bytes() {
        for (text, scale, expected) in [
            ("0", 0, vec![0]),
            ("0.00", 2, vec![0]),
            ("-0.00", 2, vec![0]),
            ("1.27", 2, vec![127]),
            ("1.28", 2, vec![0, 128]),
            ("-1.28", 2, vec![0x80]),
            ("-1.29", 2, vec![0xff, 0x7f]),
            ("-1", 0, vec![0xff]),
            ("-256", 0, vec![0xff, 0x00]),
            ("3.5", 3, vec![0x0d, 0xac]),
            ("18446744073709551616", 0, vec![1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(unscaled(text, scale), Some(expected), "{text}");
        }
        assert_eq!(unscaled("1.234", 2), None);
        assert_eq!(unscaled("1e3", 0), None);
        for (filled, text) in [
            ("00001.50", "1.50"),
            ("0000.50", "0.50"),
            ("000", "0"),
            ("-1.5", "-1.5"),
        ] {
            assert_eq!(without_fill(filled), text);
        }
        for number in [
            0_i128,
            1,
            -1,
            127,
            128,
            -128,
            -129,
            32767,
            -32768,
            1 << 70,
            -(1 << 71),
        ] {
            let mut expected = Vec::new();
            json::write_integer_base64(&mut expected, number);
            let mut found = Vec::new();
            json::write_base64(&mut found, &unscaled(&number.to_string(), 0).unwrap());
            assert_eq!(found, expected, "{number}");
        }
    }
}
