//! A table's shape compiled for the hot path: one decode operation and one pre-written JSON member a column.
//!
//! Takes a [`Shape`], gives a [`Plan`] that is shared and never changes. What a record of the table will
//! always say stands here as bytes; what differs from row to row is named by an operation.

mod error;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

pub use error::PlanError;

use crate::config::modes::{Adjustment, InvalidTextMode, Modes};
use crate::schema::columns::ColumnRules;
use crate::schema::compile::{Trouble, compile_cell, no_date};
use crate::schema::connect::Openings;
use crate::schema::mask::Masked;
use crate::schema::names;
use crate::schema::table_map::{ColumnShape, Shape, code};
use crate::text::charset::Charset;
use crate::text::civil::{self, Civil};
use crate::text::json::{self, BytesWriter};

/// All that decoding and encoding need to know of one table version.
#[derive(Debug)]
pub struct Plan {
    /// Database.
    pub database: String,
    /// Table.
    pub table: String,
    /// Topic of its records.
    pub topic: Arc<str>,
    /// Columns in the order of the row images, hidden ones included.
    pub columns: Vec<Column>,
    /// Columns of the record's key, in the key's order; empty for a record without key.
    pub key: Vec<KeyColumn>,
    /// `"db":"…"` and `"table":"…"` of the source block, as JSON strings.
    pub database_json: Vec<u8>,
    /// See `database_json`.
    pub table_json: Vec<u8>,
    /// What stands ahead of each payload, where records carry their schemas.
    pub openings: Option<Openings>,
}

/// What the row shows of a column whose value as it is stands in the key.
#[derive(Debug)]
pub struct KeyOnly {
    /// Its mask; the column is left out where there is none.
    pub masked: Option<Masked>,
}

/// A text column that is masked.
#[derive(Debug)]
pub struct MaskedText {
    /// As it would be written.
    pub column: Column,
    /// What becomes of that.
    pub masked: Masked,
}

/// A record's key has at most so many columns; MySQL's own keys have 16.
pub const KEY_COLUMNS_MAX: usize = 16;

/// One column of the row image.
#[derive(Debug)]
pub struct Column {
    /// `{"name":` for the first visible column, `,"name":` for the others; empty for a hidden one.
    pub member: Vec<u8>,
    /// Its name, for errors.
    pub name: String,
    /// What stands for a date that is none.
    pub no_date: NoDate,
    /// Index in the key, where it is part of it.
    pub key_part: Option<usize>,
    /// The key has its value as it is, and the row has not.
    pub key_only: Option<Box<KeyOnly>>,
    /// How its cell is read and written.
    pub cell: Cell,
}

/// One column of the key.
#[derive(Debug)]
pub struct KeyColumn {
    /// Index into the plan's columns.
    pub column: usize,
    /// Its value is not in the row as it is.
    pub key_only: bool,
    /// `{"name":` or `,"name":`.
    pub member: Vec<u8>,
}

/// What stands for a zero, partly zero or impossible date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoDate {
    /// `null`.
    Null,
    /// The beginning of 1970, as null is not allowed and no default is known.
    Epoch,
    /// The column's default.
    Default(Civil),
    /// Nothing: it stops the database.
    Fail,
}

/// A DECIMAL's digits in a row image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Digits in all.
    pub precision: u8,
    /// Digits behind the point.
    pub scale: u8,
    /// Bytes in the image.
    pub bytes: usize,
}

/// In what a time or a moment is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds; what is finer is cut.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
    /// Not counted: its text by ISO 8601.
    Iso,
}

impl Unit {
    /// A moment of so many microseconds; `None` where 64 bits do not hold it. Text counts microseconds.
    pub fn count(self, us: i64) -> Option<i64> {
        match self {
            Unit::Milliseconds => Some(us.div_euclid(1000)),
            Unit::Microseconds | Unit::Iso => Some(us),
            Unit::Nanoseconds => us.checked_mul(1000),
        }
    }

    /// Appends a TIME of so many microseconds.
    pub fn write_time(self, out: &mut Vec<u8>, us: i64) {
        match self {
            Unit::Microseconds => json::write_i64(out, us),
            Unit::Milliseconds => json::write_i64(out, us / 1000),
            // 838 hours are far from the limit of 64 bits.
            Unit::Nanoseconds => json::write_i64(out, us.saturating_mul(1000)),
            Unit::Iso => {
                civil::write_utc(out, |out| {
                    civil::write_time(out, us);
                    true
                });
            }
        }
    }
}

/// How a cell is laid out in a row image, and what becomes of it.
#[derive(Debug)]
pub enum Cell {
    /// TINYINT.
    Tiny {
        /// UNSIGNED.
        unsigned: bool,
    },
    /// SMALLINT.
    Short {
        /// UNSIGNED.
        unsigned: bool,
    },
    /// MEDIUMINT.
    Medium {
        /// UNSIGNED.
        unsigned: bool,
    },
    /// INT.
    Long {
        /// UNSIGNED.
        unsigned: bool,
    },
    /// BIGINT; unsigned values beyond the signed range wrap, as Debezium's mode `long` has it.
    LongLong,
    /// BIGINT UNSIGNED, as base64 of the integer (mode `precise`).
    LongLongPrecise,
    /// FLOAT.
    Float,
    /// FLOAT(M,D), of which Debezium makes a DOUBLE.
    FloatAsDouble,
    /// DOUBLE.
    Double,
    /// DECIMAL, as base64 of the unscaled integer (Debezium's mode `precise`).
    Decimal(Packed),
    /// DECIMAL, as text (mode `string`).
    DecimalText(Packed),
    /// DECIMAL, as the nearest double (mode `double`).
    DecimalDouble(Packed),
    /// BIT(n).
    Bit {
        /// Bits.
        bits: usize,
    },
    /// YEAR.
    Year,
    /// DATE, in days.
    Date,
    /// DATE, as text.
    DateText,
    /// TIME(f).
    Time {
        /// Fractional digits, 0 to 6.
        digits: u8,
        /// What it becomes.
        unit: Unit,
    },
    /// DATETIME(f).
    DateTime {
        /// Fractional digits, 0 to 6.
        digits: u8,
        /// What it becomes.
        unit: Unit,
    },
    /// TIMESTAMP(f).
    Timestamp {
        /// Fractional digits, 0 to 6.
        digits: u8,
    },
    /// Temporal types as MySQL before 5.6.4 stored them.
    OldTime {
        /// What it becomes.
        unit: Unit,
    },
    /// See `OldTime`.
    OldDateTime {
        /// What it becomes.
        unit: Unit,
    },
    /// See `OldTime`.
    OldTimestamp,
    /// CHAR, VARCHAR, TEXT.
    Text {
        /// Bytes of the length ahead of it.
        prefix: usize,
        /// Charset of its collation.
        charset: Charset,
        /// What becomes of bytes that are no text in it.
        invalid: InvalidTextMode,
    },
    /// BINARY(n), whose trailing zeros the image leaves out.
    FixedBytes {
        /// Bytes of the length ahead of it.
        prefix: usize,
        /// n.
        size: usize,
        /// Writes them.
        write: BytesWriter,
    },
    /// VARBINARY, BLOB.
    Bytes {
        /// Bytes of the length ahead of it.
        prefix: usize,
        /// Writes them.
        write: BytesWriter,
    },
    /// ENUM: each label as a JSON string.
    Enum {
        /// Bytes of the number.
        bytes: usize,
        /// In the order of their numbers, from 1.
        labels: Vec<Vec<u8>>,
    },
    /// SET: each label escaped for a JSON string, without quotes.
    Set {
        /// Bytes of the bitmap.
        bytes: usize,
        /// In the order of their bits.
        labels: Vec<Vec<u8>>,
    },
    /// JSON.
    Json {
        /// Bytes of the length ahead of it.
        prefix: usize,
    },
    /// GEOMETRY and its subtypes.
    Geometry {
        /// Bytes of the length ahead of it.
        prefix: usize,
        /// POINT has its coordinates beside the WKB.
        point: bool,
    },
    /// VECTOR.
    Vector {
        /// Bytes of the length ahead of it.
        prefix: usize,
    },
    /// Text that is not shown as it is.
    Masked(Box<MaskedText>),
    /// Not part of a record: what a functional index computes.
    Hidden(Layout),
}

/// How many bytes a cell takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Always so many.
    Fixed(usize),
    /// A little-endian length of so many bytes, then as many as it says.
    Prefixed(usize),
    /// The same, of a JSON document: a partial update has a bit for each.
    Document(usize),
}

impl Plan {
    /// `database.table`, for errors.
    pub fn name(&self) -> String {
        format!("{}.{}", self.database, self.table)
    }

    /// Of a table whose rows are of no interest: for a record that is about the table as a whole.
    pub fn of_table(database: &str, table: &str, topic: Arc<str>) -> Plan {
        Plan {
            database: database.to_owned(),
            table: table.to_owned(),
            topic,
            columns: Vec::new(),
            key: Vec::new(),
            database_json: json_string(database),
            table_json: json_string(table),
            openings: None,
        }
    }

    /// Compiles a shape, the values to become what the modes say, of the columns that the rules show. Those of the key
    /// are in the key all the same.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn compile(
        shape: &Shape,
        topic: Arc<str>,
        modes: &Modes,
        rules: &ColumnRules,
    ) -> Result<Plan, PlanError> {
        let (shown, mut masks) = (rules.shown(shape), rules.masks(shape));
        let (database, table) = (shape.database.clone(), shape.table.clone());
        if !shape.full {
            return Err(PlanError::MinimalMetadata { database, table });
        }
        if shape.primary_key.len() > KEY_COLUMNS_MAX {
            return Err(PlanError::WideKey {
                database,
                table,
                columns: shape.primary_key.len(),
            });
        }
        let name = |column| names::field(column, modes.names.fields);
        let mut columns: Vec<Column> = Vec::with_capacity(shape.columns.len());
        let mut opening = b'{';
        for (index, column) in shape.columns.iter().enumerate() {
            let key_part = shape.primary_key.iter().position(|part| *part == index);
            let shown = shown.get(index).copied().unwrap_or(true);
            let cell = match shown || key_part.is_some() {
                true => compile_cell(column, modes),
                false => layout(column).map(Cell::Hidden).ok_or(Trouble::Type),
            };
            let cell = cell.map_err(|trouble| trouble.of(shape, column))?;
            let mut member = Vec::new();
            if shown && !matches!(cell, Cell::Hidden(_)) {
                member = json_member(opening, &name(&column.name));
                opening = b',';
            }
            let compiled = Column {
                member,
                name: column.name.clone(),
                no_date: no_date(column, modes.invalid_date),
                key_part,
                key_only: None,
                cell,
            };
            let masked = masks.get_mut(index).and_then(Option::take);
            columns.push(compiled.placed(shown, masked));
        }
        check_names(shape, &columns, modes)?;
        let key = shape
            .primary_key
            .iter()
            .enumerate()
            .filter_map(|(part, index)| {
                let name = name(&shape.columns.get(*index)?.name);
                Some(KeyColumn {
                    column: *index,
                    key_only: columns.get(*index)?.key_only.is_some(),
                    member: json_member(if part == 0 { b'{' } else { b',' }, &name),
                })
            });
        let (database_json, table_json) = (json_string(&database), json_string(&table));
        Ok(Plan {
            key: key.collect(),
            topic,
            columns,
            database_json,
            table_json,
            database,
            table,
            openings: None,
        })
    }
}

/// Columns whose names differ only in what adjusting takes away would be one member of a record.
fn check_names(shape: &Shape, columns: &[Column], modes: &Modes) -> Result<(), PlanError> {
    if modes.names.fields == Adjustment::None {
        return Ok(());
    }
    let mut seen: HashMap<Cow<'_, str>, &str> = HashMap::new();
    let shown = columns
        .iter()
        .filter(|column| !column.member.is_empty() || column.key_part.is_some());
    for column in shown {
        let name = names::field(&column.name, modes.names.fields);
        if let Some(first) = seen.insert(name.clone(), &column.name) {
            return Err(PlanError::SameName {
                database: shape.database.clone(),
                table: shape.table.clone(),
                first: first.to_owned(),
                second: column.name.clone(),
                name: name.into_owned(),
            });
        }
    }
    Ok(())
}

impl Column {
    /// As it stands in the row. Only text is masked.
    fn placed(self, shown: bool, masked: Option<Masked>) -> Column {
        let is_text = matches!(
            self.cell,
            Cell::Text { .. } | Cell::Enum { .. } | Cell::Set { .. }
        );
        let masked = masked.filter(|_| shown && is_text);
        match (self.key_part, masked) {
            (Some(_), masked) if masked.is_some() || !shown => Column {
                key_only: Some(Box::new(KeyOnly { masked })),
                ..self
            },
            (None, Some(masked)) => self.masked(masked),
            (Some(_) | None, _) => self,
        }
    }

    /// With its text masked.
    fn masked(self, masked: Masked) -> Column {
        let inner = Column {
            member: Vec::new(),
            name: self.name.clone(),
            ..self
        };
        Column {
            member: self.member,
            name: self.name,
            no_date: self.no_date,
            key_part: self.key_part,
            key_only: None,
            cell: Cell::Masked(Box::new(MaskedText {
                column: inner,
                masked,
            })),
        }
    }

    /// Appends what stands for NULL.
    pub fn write_null(&self, out: &mut Vec<u8>) {
        if let Cell::Masked(text) = &self.cell {
            text.masked.write_null(out);
        } else if !matches!(self.cell, Cell::Hidden(_)) {
            out.extend_from_slice(b"null");
        }
    }
}

/// How many bytes a cell of this type takes: all that is needed to pass over the rows of a table that is
/// not captured. `None` for a type that is not known.
pub fn layout(column: &ColumnShape) -> Option<Layout> {
    let [first, second] = column.meta;
    let length = u16::from_le_bytes(column.meta);
    let fraction = |digits: u8| usize::from(digits).div_ceil(2);
    Some(match column.code {
        code::TINY | code::YEAR => Layout::Fixed(1),
        code::SHORT => Layout::Fixed(2),
        code::INT24 | code::DATE | code::NEWDATE | code::TIME => Layout::Fixed(3),
        code::LONG | code::FLOAT | code::TIMESTAMP => Layout::Fixed(4),
        code::LONGLONG | code::DOUBLE | code::DATETIME => Layout::Fixed(8),
        code::TIMESTAMP2 => Layout::Fixed(4 + fraction(first)),
        code::DATETIME2 => Layout::Fixed(5 + fraction(first)),
        code::TIME2 => Layout::Fixed(3 + fraction(first)),
        code::NEWDECIMAL => Layout::Fixed(decimal_bytes(first, second)?),
        code::BIT => Layout::Fixed(usize::from(second) + usize::from(first > 0)),
        code::ENUM | code::SET => Layout::Fixed(usize::from(first).min(8)),
        code::VARCHAR | code::VAR_STRING | code::STRING => {
            Layout::Prefixed(if length > 255 { 2 } else { 1 })
        }
        code::BLOB
        | code::TINY_BLOB
        | code::MEDIUM_BLOB
        | code::LONG_BLOB
        | code::GEOMETRY
        | code::VECTOR => Layout::Prefixed(usize::from(first).clamp(1, 4)),
        code::JSON => Layout::Document(usize::from(first).clamp(1, 4)),
        // An array is kept as JSON with a length of four bytes.
        code::TYPED_ARRAY => Layout::Prefixed(4),
        _ => return None,
    })
}

/// Nine digits take four bytes; the rest of each side by this table (`decimal_bin_size`).
pub fn decimal_bytes(precision: u8, scale: u8) -> Option<usize> {
    const REST: [usize; 9] = [0, 1, 1, 2, 2, 3, 3, 4, 4];
    let side = |digits: u8| Some(usize::from(digits / 9) * 4 + REST.get(usize::from(digits % 9))?);
    if precision > 65 {
        return None;
    }
    Some(side(precision.checked_sub(scale)?)? + side(scale)?)
}

pub(super) fn json_string(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    json::write_string(&mut bytes, text);
    bytes
}

fn json_member(opening: u8, name: &str) -> Vec<u8> {
    let mut bytes = vec![opening];
    json::write_string(&mut bytes, name);
    bytes.push(b':');
    bytes
}
