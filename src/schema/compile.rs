//! One column's shape and the modes to its [`Cell`].
//!
//! Takes what TABLE_MAP and the table's definition say of a column, gives how it is read and written. A type,
//! collation or label that is not known is an error.

use crate::config::modes::{
    BigintUnsigned, BinaryMode, DecimalMode, InvalidDate, Modes, TimePrecision,
};
use crate::schema::plan::{Cell, Layout, NoDate, Packed, PlanError, Unit, json_string, layout};
use crate::schema::table_map::{ColumnShape, Shape, code};
use crate::text::charset::Charset;
use crate::text::json::{self, BytesWriter};

/// Why a column cannot be captured; [`Trouble::of`] says which one.
pub(super) enum Trouble {
    Type,
    Collation,
    Label,
}

impl Trouble {
    /// With the column's name.
    pub(super) fn of(self, shape: &Shape, column: &ColumnShape) -> PlanError {
        let (database, table) = (shape.database.clone(), shape.table.clone());
        let (code, collation) = (column.code, column.collation);
        let column = column.name.clone();
        match self {
            Trouble::Type => PlanError::UnknownType {
                database,
                table,
                column,
                code,
            },
            Trouble::Collation => PlanError::UnknownCollation {
                database,
                table,
                column,
                collation,
            },
            Trouble::Label => PlanError::BadLabel {
                database,
                table,
                column,
            },
        }
    }
}

/// The collation of bytes.
const BINARY: u16 = 63;

/// What a column's cell is.
pub(super) fn compile_cell(column: &ColumnShape, modes: &Modes) -> Result<Cell, Trouble> {
    let layout = layout(column).ok_or(Trouble::Type)?;
    // Columns that a functional index adds carry names that no user can give, and are in no record.
    if is_hidden(column) {
        return Ok(Cell::Hidden(layout));
    }
    let unsigned = column.unsigned;
    let [digits, second] = column.meta;
    let prefix = match layout {
        Layout::Fixed(bytes) | Layout::Prefixed(bytes) | Layout::Document(bytes) => bytes,
    };
    Ok(match column.code {
        code::TINY => Cell::Tiny { unsigned },
        code::SHORT => Cell::Short { unsigned },
        code::INT24 => Cell::Medium { unsigned },
        code::LONG => Cell::Long { unsigned },
        code::LONGLONG if unsigned && modes.bigint_unsigned == BigintUnsigned::Precise => {
            Cell::LongLongPrecise
        }
        code::LONGLONG => Cell::LongLong,
        code::FLOAT if column.declared.float_digits => Cell::FloatAsDouble,
        code::FLOAT => Cell::Float,
        code::DOUBLE => Cell::Double,
        code::NEWDECIMAL => decimal(
            Packed {
                precision: digits,
                scale: second,
                bytes: prefix,
            },
            modes.decimal,
        ),
        code::BIT => Cell::Bit {
            bits: usize::from(second) * 8 + usize::from(digits),
        },
        code::YEAR => Cell::Year,
        code::DATE
        | code::NEWDATE
        | code::TIME
        | code::TIME2
        | code::DATETIME
        | code::DATETIME2
        | code::TIMESTAMP
        | code::TIMESTAMP2 => temporal(column.code, digits, modes.time_precision)?,
        code::STRING
        | code::VARCHAR
        | code::VAR_STRING
        | code::BLOB
        | code::TINY_BLOB
        | code::MEDIUM_BLOB
        | code::LONG_BLOB => compile_string(column, prefix, modes)?,
        code::ENUM => Cell::Enum {
            bytes: prefix,
            labels: labels(column)?,
        },
        code::SET => {
            let labels = labels(column)?.into_iter().map(unquoted).collect();
            Cell::Set {
                bytes: prefix,
                labels,
            }
        }
        code::JSON => Cell::Json { prefix },
        code::GEOMETRY => Cell::Geometry {
            prefix,
            point: column.geometry == 1,
        },
        code::VECTOR => Cell::Vector { prefix },
        _ => return Err(Trouble::Type),
    })
}

/// Whether a functional index has added the column.
pub(super) fn is_hidden(column: &ColumnShape) -> bool {
    column.name.starts_with("!hidden!") || column.code == code::TYPED_ARRAY
}

/// What stands for a date that is none.
pub(super) fn no_date(column: &ColumnShape, mode: InvalidDate) -> NoDate {
    match (mode, column.nullable, column.declared.default_moment()) {
        (InvalidDate::Fail, _, _) => NoDate::Fail,
        (InvalidDate::Null, true, _) => NoDate::Null,
        (InvalidDate::Null, false, Some(default)) => NoDate::Default(default),
        (InvalidDate::Null, false, None) => NoDate::Epoch,
    }
}

fn decimal(packed: Packed, mode: DecimalMode) -> Cell {
    match mode {
        DecimalMode::Precise => Cell::Decimal(packed),
        DecimalMode::String => Cell::DecimalText(packed),
        DecimalMode::Double => Cell::DecimalDouble(packed),
    }
}

/// TIMESTAMP is text in every mode, and DATE counts days in all but one.
fn temporal(code: u8, digits: u8, mode: TimePrecision) -> Result<Cell, Trouble> {
    let unit = |adaptive| match mode {
        TimePrecision::AdaptiveTimeMicroseconds => adaptive,
        TimePrecision::Connect => Unit::Milliseconds,
        TimePrecision::Isostring => Unit::Iso,
        TimePrecision::Microseconds => Unit::Microseconds,
        TimePrecision::Nanoseconds => Unit::Nanoseconds,
    };
    let of_time = unit(Unit::Microseconds);
    let of_moment = unit(if digits <= 3 {
        Unit::Milliseconds
    } else {
        Unit::Microseconds
    });
    Ok(match code {
        code::DATE | code::NEWDATE if mode == TimePrecision::Isostring => Cell::DateText,
        code::DATE | code::NEWDATE => Cell::Date,
        code::TIME => Cell::OldTime { unit: of_time },
        code::TIME2 => Cell::Time {
            digits,
            unit: of_time,
        },
        code::DATETIME => Cell::OldDateTime { unit: of_moment },
        code::DATETIME2 => Cell::DateTime {
            digits,
            unit: of_moment,
        },
        code::TIMESTAMP => Cell::OldTimestamp,
        code::TIMESTAMP2 => Cell::Timestamp { digits },
        _ => return Err(Trouble::Type),
    })
}

/// Text and bytes share their types: the collation tells them apart.
fn compile_string(column: &ColumnShape, prefix: usize, modes: &Modes) -> Result<Cell, Trouble> {
    let size = usize::from(u16::from_le_bytes(column.meta));
    let write: BytesWriter = match modes.binary {
        BinaryMode::Bytes | BinaryMode::Base64 => json::write_base64,
        BinaryMode::Base64UrlSafe => json::write_base64_url,
        BinaryMode::Hex => json::write_hex,
    };
    Ok(match (column.collation, column.code) {
        (BINARY, code::STRING) => Cell::FixedBytes {
            prefix,
            size,
            write,
        },
        (BINARY, _) => Cell::Bytes { prefix, write },
        _ => Cell::Text {
            prefix,
            charset: charset(column)?,
            invalid: modes.invalid_text,
        },
    })
}

fn charset(column: &ColumnShape) -> Result<Charset, Trouble> {
    Charset::of_collation(column.collation).ok_or(Trouble::Collation)
}

/// Labels as JSON strings.
fn labels(column: &ColumnShape) -> Result<Vec<Vec<u8>>, Trouble> {
    let charset = charset(column)?;
    let label = |bytes: &Vec<u8>| match charset.decode(bytes) {
        Ok(text) => Ok(json_string(&text)),
        Err(_) => Err(Trouble::Label),
    };
    column.labels.iter().map(label).collect()
}

fn unquoted(label: Vec<u8>) -> Vec<u8> {
    label
        .get(1..label.len().saturating_sub(1))
        .unwrap_or_default()
        .to_vec()
}
