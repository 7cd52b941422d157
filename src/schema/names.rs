//! Names that Avro takes, of names that it may not take.
//!
//! Takes the name of a schema or a column, gives the name that records have for it. Rules: Debezium 3.6's
//! `SchemaNameAdjuster`, which looks at UTF-16 units. Pure.

use std::borrow::Cow;
use std::fmt::Write;

use crate::config::modes::Adjustment;

/// The name of a schema: dots part it.
pub(super) fn schema(name: &str, adjustment: Adjustment) -> Cow<'_, str> {
    adjust(name, adjustment, |unit| unit == u16::from(b'.'))
}

/// The name of a column.
pub(super) fn field(name: &str, adjustment: Adjustment) -> Cow<'_, str> {
    adjust(name, adjustment, |_| false)
}

/// `also` says what else may stand behind the first unit.
fn adjust(name: &str, adjustment: Adjustment, also: impl Fn(u16) -> bool) -> Cow<'_, str> {
    let underscore = match adjustment {
        Adjustment::None => return Cow::Borrowed(name),
        Adjustment::Avro => true,
        Adjustment::AvroUnicode => false,
    };
    let first = |unit: u16| match u8::try_from(unit) {
        Ok(b'_') => underscore,
        Ok(byte) => byte.is_ascii_alphabetic(),
        Err(_) => false,
    };
    let digit = |unit: u16| u8::try_from(unit).is_ok_and(|byte| byte.is_ascii_digit());
    let mut adjusted = String::with_capacity(name.len() + 1);
    for (index, unit) in name.encode_utf16().enumerate() {
        let letter = u8::try_from(unit).map(char::from);
        match letter {
            Ok(letter) if first(unit) || index > 0 && (digit(unit) || also(unit)) => {
                adjusted.push(letter);
            }
            Ok(_) | Err(_) if !underscore => escape(&mut adjusted, unit),
            // A digit stays behind what stands for it, so that names that differ in it alone stay apart.
            Ok(letter) if digit(unit) => adjusted.extend(['_', letter]),
            Ok(_) | Err(_) => adjusted.push('_'),
        }
    }
    match adjusted == name {
        true => Cow::Borrowed(name),
        false => Cow::Owned(adjusted),
    }
}

/// Two digits get two zeros, three stay three: as Debezium has it.
fn escape(out: &mut String, unit: u16) {
    let zeros = if unit < 0x100 { "00" } else { "" };
    // Writing to a String cannot fail.
    let _ = write!(out, "_u{zeros}{unit:x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of Debezium's own test of its adjuster, and what its code does with the rest.
    #[test]
    fn names_are_adjusted_as_debezium_does() {
        for (name, avro, unicode) in [
            (
                "shop.db.orders.Key",
                "shop.db.orders.Key",
                "shop.db.orders.Key",
            ),
            (
                "my-shop.db_1.t.Key",
                "my_shop.db_1.t.Key",
                "my_u002dshop.db_u005f1.t.Key",
            ),
            (
                "1shop.2db.t.Key",
                "_1shop.2db.t.Key",
                "_u0031shop.2db.t.Key",
            ),
            ("a.b$c.d e", "a.b_c.d_e", "a.b_u0024c.d_u0020e"),
        ] {
            assert_eq!(schema(name, Adjustment::None), name);
            assert_eq!(schema(name, Adjustment::Avro), avro);
            assert_eq!(schema(name, Adjustment::AvroUnicode), unicode);
        }
        for (name, avro, unicode) in [
            ("first-name", "first_name", "first_u002dname"),
            ("a.b", "a_b", "a_u002eb"),
            ("2nd", "_2nd", "_u0032nd"),
            ("größe", "gr__e", "gr_u00f6_u00dfe"),
            ("αβ", "__", "_u3b1_u3b2"),
            ("이름", "__", "_uc774_ub984"),
            ("_id", "_id", "_u005fid"),
            ("", "", ""),
        ] {
            assert_eq!(field(name, Adjustment::None), name);
            assert_eq!(field(name, Adjustment::Avro), avro);
            assert_eq!(field(name, Adjustment::AvroUnicode), unicode);
        }
    }
}
