//! A TABLE_MAP event's bytes to the shape that it describes.
//!
//! Takes the bytes behind the post-header, gives a [`Shape`]. Layout: `Table_map_event` and
//! `Table_map_log_event::Optional_metadata_fields`, MySQL 8.0.1 to 9.7. Counts and lengths are never
//! trusted: every one is checked against the bytes that are there.

use crate::cursor::{Cursor, Short};
use crate::schema::declared::Declared;

/// A table as its TABLE_MAP describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// Columns, hidden ones too, in the order of the row images.
    pub columns: Vec<ColumnShape>,
    /// Indices of the primary key's columns, in the key's order; empty where there is none. Completed by a
    /// definition, those of the unique key that stands for it.
    pub primary_key: Vec<usize>,
    /// Names were in it: `binlog_row_metadata` is FULL.
    pub full: bool,
}

/// One column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnShape {
    /// Name; empty without full metadata.
    pub name: String,
    /// `enum_field_types`, ENUM and SET by their own codes.
    pub code: u8,
    /// The type's metadata: length, precision and scale, or fractional digits.
    pub meta: [u8; 2],
    /// NULL is allowed.
    pub nullable: bool,
    /// Numeric and unsigned.
    pub unsigned: bool,
    /// Collation id of text, ENUM and SET; 63 (binary) for bytes; 0 where none is said.
    pub collation: u16,
    /// Labels of ENUM and SET, in the column's charset.
    pub labels: Vec<Vec<u8>>,
    /// `Field::geometry_type`: 0 any, 1 POINT, and so on.
    pub geometry: u8,
    /// What its definition adds: never in a TABLE_MAP.
    pub declared: Declared,
}

/// Why a TABLE_MAP could not be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableMapError {
    /// The bytes end before their counts are satisfied.
    #[error("truncated TABLE_MAP: {0}")]
    Truncated(#[from] Short),
    /// A part has a value that it cannot have.
    #[error("malformed TABLE_MAP: {0}")]
    Malformed(&'static str),
}

/// `enum_field_types`.
pub mod code {
    #![allow(missing_docs, reason = "MySQL's own names, one number each")]
    pub const TINY: u8 = 1;
    pub const SHORT: u8 = 2;
    pub const LONG: u8 = 3;
    pub const FLOAT: u8 = 4;
    pub const DOUBLE: u8 = 5;
    pub const TIMESTAMP: u8 = 7;
    pub const LONGLONG: u8 = 8;
    pub const INT24: u8 = 9;
    pub const DATE: u8 = 10;
    pub const TIME: u8 = 11;
    pub const DATETIME: u8 = 12;
    pub const YEAR: u8 = 13;
    pub const NEWDATE: u8 = 14;
    pub const VARCHAR: u8 = 15;
    pub const BIT: u8 = 16;
    pub const TIMESTAMP2: u8 = 17;
    pub const DATETIME2: u8 = 18;
    pub const TIME2: u8 = 19;
    pub const TYPED_ARRAY: u8 = 20;
    pub const VECTOR: u8 = 242;
    pub const JSON: u8 = 245;
    pub const NEWDECIMAL: u8 = 246;
    pub const ENUM: u8 = 247;
    pub const SET: u8 = 248;
    pub const TINY_BLOB: u8 = 249;
    pub const MEDIUM_BLOB: u8 = 250;
    pub const LONG_BLOB: u8 = 251;
    pub const BLOB: u8 = 252;
    pub const VAR_STRING: u8 = 253;
    pub const STRING: u8 = 254;
    pub const GEOMETRY: u8 = 255;
}

/// Of seconds, in TIME(f), DATETIME(f) and TIMESTAMP(f).
const FRACTION_DIGITS_MAX: u8 = 6;

/// Columns of a key, in every MySQL.
const KEY_COLUMNS_MAX: usize = 16;

/// Reads database and table only: enough to know whether the rest matters.
///
/// # Errors
/// [`TableMapError`].
pub fn read_names(bytes: &[u8]) -> Result<(&str, &str), TableMapError> {
    names(&mut Cursor::new(bytes))
}

/// Reads the whole.
///
/// # Errors
/// [`TableMapError`].
pub fn read(bytes: &[u8]) -> Result<Shape, TableMapError> {
    let mut cursor = Cursor::new(bytes);
    let (database, table) = names(&mut cursor)?;
    let mut shape = Shape {
        database: database.to_owned(),
        table: table.to_owned(),
        ..Shape::default()
    };
    let count = usize::try_from(cursor.length()?).unwrap_or(usize::MAX);
    let codes = cursor.take(count)?;
    let mut meta = Cursor::new(cursor.length_bytes()?);
    for code in codes {
        shape.columns.push(read_type(*code, &mut meta)?);
    }
    if !meta.is_empty() {
        return Err(TableMapError::Malformed(
            "column metadata is longer than its columns",
        ));
    }
    let nulls = cursor.take(count.div_ceil(8))?;
    for (index, column) in shape.columns.iter_mut().enumerate() {
        column.nullable = bit_low_first(nulls, index);
    }
    while !cursor.is_empty() {
        let field = cursor.u8()?;
        let value = Cursor::new(cursor.length_bytes()?);
        read_optional(&mut shape, field, value)?;
    }
    Ok(shape)
}

fn names<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, &'a str), TableMapError> {
    let mut name = || -> Result<&'a str, TableMapError> {
        let length = usize::from(cursor.u8()?);
        let bytes = cursor.take(length)?;
        cursor.u8()?; // NUL
        std::str::from_utf8(bytes).map_err(|_| TableMapError::Malformed("name is not UTF-8"))
    };
    Ok((name()?, name()?))
}

fn read_type(code: u8, meta: &mut Cursor<'_>) -> Result<ColumnShape, TableMapError> {
    let mut column = ColumnShape {
        code,
        ..ColumnShape::default()
    };
    match code {
        code::FLOAT
        | code::DOUBLE
        | code::BLOB
        | code::TINY_BLOB
        | code::MEDIUM_BLOB
        | code::LONG_BLOB
        | code::GEOMETRY
        | code::JSON
        | code::VECTOR => column.meta = [meta.u8()?, 0],
        code::TIMESTAMP2 | code::DATETIME2 | code::TIME2 => {
            let digits = meta.u8()?;
            // More would make fractions that no number holds.
            if digits > FRACTION_DIGITS_MAX {
                return Err(TableMapError::Malformed("more than six fractional digits"));
            }
            column.meta = [digits, 0];
        }
        code::VARCHAR | code::VAR_STRING | code::NEWDECIMAL => column.meta = meta.array()?,
        code::BIT => {
            // Bits beyond whole bytes, and whole bytes: 64 bits at most.
            let [bits, bytes] = meta.array()?;
            if bits > 7 || u16::from(bytes) * 8 + u16::from(bits) > 64 {
                return Err(TableMapError::Malformed("length of a BIT column"));
            }
            column.meta = [bits, bytes];
        }
        code::STRING | code::ENUM | code::SET => {
            let [first, second] = meta.array()?;
            // A CHAR longer than 255 bytes keeps two bits of its length, inverted, in the type.
            let high = u16::from((first & 0x30) ^ 0x30) << 4;
            column.code = if high == 0 { first } else { first | 0x30 };
            column.meta = (high | u16::from(second)).to_le_bytes();
        }
        // The elements' type and its metadata; such columns are hidden and belong to an index.
        code::TYPED_ARRAY => {
            let element = meta.u8()?;
            column.meta = read_type(element, meta)?.meta;
        }
        _ => {}
    }
    Ok(column)
}

/// Numbers of the optional fields.
fn read_optional(shape: &mut Shape, field: u8, mut value: Cursor<'_>) -> Result<(), TableMapError> {
    let columns = &mut shape.columns;
    match field {
        1 => {
            for (index, column) in columns
                .iter_mut()
                .filter(|c| is_numeric(c.code))
                .enumerate()
            {
                column.unsigned = bit_high_first(value.rest(), index);
            }
        }
        2 => read_default_charset(columns, is_character, value)?,
        3 => read_charsets(columns, is_character, value)?,
        4 => {
            shape.full = true;
            for column in columns {
                let name = std::str::from_utf8(value.length_bytes()?);
                name.map_err(|_| TableMapError::Malformed("column name is not UTF-8"))?
                    .clone_into(&mut column.name);
            }
        }
        5 => read_labels(columns, code::SET, value)?,
        6 => read_labels(columns, code::ENUM, value)?,
        7 => {
            for column in columns.iter_mut().filter(|c| c.code == code::GEOMETRY) {
                column.geometry = u8::try_from(value.length()?).unwrap_or(0);
            }
        }
        8 | 9 => {
            while !value.is_empty() {
                let index = usize::try_from(value.length()?).unwrap_or(usize::MAX);
                if index >= columns.len() {
                    return Err(TableMapError::Malformed("key column out of range"));
                }
                let key = &shape.primary_key;
                if key.len() == KEY_COLUMNS_MAX || key.contains(&index) {
                    return Err(TableMapError::Malformed("key column named twice"));
                }
                shape.primary_key.push(index);
                if field == 9 {
                    value.length()?; // length of the prefix: a record's key has the whole value
                }
            }
        }
        10 => read_default_charset(columns, is_labelled, value)?,
        11 => read_charsets(columns, is_labelled, value)?,
        // Visibility and vector dimensions change nothing here; a newer server's fields are optional
        // by definition.
        _ => {}
    }
    Ok(())
}

fn read_default_charset(
    columns: &mut [ColumnShape],
    of: fn(u8) -> bool,
    mut value: Cursor<'_>,
) -> Result<(), TableMapError> {
    let default = collation(&mut value)?;
    for column in columns.iter_mut().filter(|c| of(c.code)) {
        column.collation = default;
    }
    while !value.is_empty() {
        let index = usize::try_from(value.length()?).unwrap_or(usize::MAX);
        let own = collation(&mut value)?;
        let column = columns.iter_mut().filter(|c| of(c.code)).nth(index);
        column
            .ok_or(TableMapError::Malformed("charset of a column out of range"))?
            .collation = own;
    }
    Ok(())
}

fn read_charsets(
    columns: &mut [ColumnShape],
    of: fn(u8) -> bool,
    mut value: Cursor<'_>,
) -> Result<(), TableMapError> {
    for column in columns.iter_mut().filter(|c| of(c.code)) {
        column.collation = collation(&mut value)?;
    }
    Ok(())
}

fn collation(value: &mut Cursor<'_>) -> Result<u16, TableMapError> {
    u16::try_from(value.length()?).map_err(|_| TableMapError::Malformed("collation id"))
}

fn read_labels(
    columns: &mut [ColumnShape],
    code: u8,
    mut value: Cursor<'_>,
) -> Result<(), TableMapError> {
    for column in columns.iter_mut().filter(|c| c.code == code) {
        for _ in 0..value.length()? {
            column.labels.push(value.length_bytes()?.to_vec());
        }
    }
    Ok(())
}

/// Who owns a bit in the signedness field (`is_numeric_type`, checked against servers 8.0 and 9.7).
fn is_numeric(code: u8) -> bool {
    matches!(
        code,
        code::TINY
            | code::SHORT
            | code::INT24
            | code::LONG
            | code::LONGLONG
            | code::NEWDECIMAL
            | code::FLOAT
            | code::DOUBLE
            | code::YEAR
    )
}

fn is_character(code: u8) -> bool {
    matches!(
        code,
        code::STRING
            | code::VAR_STRING
            | code::VARCHAR
            | code::BLOB
            | code::TINY_BLOB
            | code::MEDIUM_BLOB
            | code::LONG_BLOB
            // 9.0 and later count it in; GEOMETRY and JSON are not.
            | code::VECTOR
    )
}

fn is_labelled(code: u8) -> bool {
    matches!(code, code::ENUM | code::SET)
}

fn bit_low_first(bits: &[u8], index: usize) -> bool {
    bits.get(index / 8)
        .is_some_and(|byte| byte & (1 << (index % 8)) != 0)
}

fn bit_high_first(bits: &[u8], index: usize) -> bool {
    bits.get(index / 8)
        .is_some_and(|byte| byte & (0x80 >> (index % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `probe.t (id INT PRIMARY KEY, v VARCHAR(20) utf8mb4)` as a server 9.7 logs it, full metadata.
    fn sample() -> Vec<u8> {
        let mut bytes = b"\x05probe\0\x01t\0\x02\x03\x0f\x02\x50\x00\x02".to_vec();
        bytes.extend_from_slice(b"\x01\x01\x00"); // signedness
        bytes.extend_from_slice(b"\x02\x03\xfc\xff\x00"); // default charset 255
        bytes.extend_from_slice(b"\x04\x05\x02id\x01v"); // names
        bytes.extend_from_slice(b"\x08\x01\x00"); // primary key
        bytes
    }

    #[test]
    fn reads_names_types_and_key() {
        let shape = read(&sample()).unwrap();
        assert_eq!(
            (shape.database.as_str(), shape.table.as_str()),
            ("probe", "t")
        );
        assert!(shape.full);
        assert_eq!(shape.primary_key, [0]);
        let [id, v] = shape.columns.as_slice() else {
            panic!()
        };
        assert_eq!(
            (id.name.as_str(), id.code, id.nullable),
            ("id", code::LONG, false)
        );
        assert_eq!(
            (v.name.as_str(), v.code, v.nullable),
            ("v", code::VARCHAR, true)
        );
        assert_eq!((v.collation, v.meta), (255, [80, 0]));
    }

    /// `d.t (at DATETIME(f))`; a damaged f once made the reading of its values overflow.
    #[test]
    fn fractions_have_at_most_six_digits() {
        let map = |code: u8, digits: u8| {
            let mut bytes = b"\x01d\0\x01t\0\x01".to_vec();
            bytes.extend_from_slice(&[code, 1, digits, 1]);
            read(&bytes).map(|shape| shape.columns[0].meta)
        };
        for code in [code::TIMESTAMP2, code::DATETIME2, code::TIME2] {
            assert_eq!(map(code, 6), Ok([6, 0]));
            assert!(matches!(map(code, 7), Err(TableMapError::Malformed(_))));
            assert!(matches!(map(code, 133), Err(TableMapError::Malformed(_))));
        }
    }

    /// A damaged length once had two readings, and the rows behind it with it.
    #[test]
    fn bits_are_as_many_as_a_column_can_have() {
        let map = |meta: [u8; 2]| {
            let mut bytes = b"\x01d\0\x01t\0\x01".to_vec();
            bytes.extend_from_slice(&[code::BIT, 2, meta[0], meta[1], 1]);
            read(&bytes).map(|shape| shape.columns[0].meta)
        };
        for good in [[1, 0], [7, 7], [0, 8]] {
            assert_eq!(map(good), Ok(good));
        }
        for bad in [[8, 0], [40, 0], [1, 8], [0, 255]] {
            assert!(matches!(map(bad), Err(TableMapError::Malformed(_))));
        }
    }

    /// A key that names a column twice once became a record's key that is no JSON.
    #[test]
    fn a_key_names_each_column_once() {
        let key = |field: &[u8]| {
            let mut bytes = sample();
            bytes.truncate(bytes.len() - 3);
            bytes.extend_from_slice(field);
            read(&bytes).map(|shape| shape.primary_key)
        };
        assert_eq!(key(b"\x08\x02\x01\x00"), Ok(vec![1, 0]));
        for twice in [&b"\x08\x02\x00\x00"[..], b"\x08\x01\x00\x09\x02\x00\x04"] {
            assert!(matches!(key(twice), Err(TableMapError::Malformed(_))));
        }
    }

    #[test]
    fn every_truncation_is_an_error_or_a_shorter_shape() {
        let whole = sample();
        for end in 0..whole.len() {
            if let Ok(shape) = read(&whole[..end]) {
                assert_ne!(shape, read(&whole).unwrap(), "cut at {end}");
            }
        }
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), at in 0usize..40, flip: u8) {
            let _ = read(&bytes);
            let mut mutated = sample();
            let at = at % mutated.len();
            mutated[at] ^= flip;
            let _ = read(&mutated);
        }
    }
}
