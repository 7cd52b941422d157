//! A table as DDL defines it: everything about its columns and keys that a reader of its rows can want to know.
//!
//! Definitions come from a CREATE TABLE ([`parse`](crate::sql::statement::parse)), from SHOW CREATE TABLE
//! (`Definition::from_show_create`) or from an earlier definition and an ALTER (`Definition::apply`), and are normal
//! in each case: the same table has the same definition, whichever way it came.

use std::fmt;

use crate::sql::collation::Collation;

/// A table's name, folded as `lower_case_table_names` asks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Database; empty where the statement named none and the session had none.
    pub database: String,
    /// Table.
    pub table: String,
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.database, self.table)
    }
}

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: Name,
    /// Its columns in order, invisible ones too. Hidden columns of functional indexes are not among them.
    pub columns: Vec<Column>,
    /// The primary key's columns in the key's order; empty where there is none.
    pub primary_key: Vec<KeyColumn>,
    /// All other keys in the server's order: unique ones that allow no NULL, other unique ones, the rest.
    pub keys: Vec<Key>,
    /// What text columns get that name no character set; `None` where it comes from a database whose own is not
    /// known.
    pub collation: Option<Collation>,
    /// Comment; empty for none.
    pub comment: String,
    /// Storage engine as declared; empty where the statement named none.
    pub engine: String,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Name, as declared. Names of columns compare without regard to case.
    pub name: String,
    /// Type.
    pub kind: ColumnType,
    /// UNSIGNED; ZEROFILL implies it.
    pub unsigned: bool,
    /// ZEROFILL.
    pub zerofill: bool,
    /// Of CHAR, VARCHAR, TEXT, ENUM and SET; `None` for all else, and where it would come from a database whose own
    /// is not known.
    pub collation: Option<Collation>,
    /// NULL is allowed.
    pub nullable: bool,
    /// What an INSERT without the column stores.
    pub default: DefaultValue,
    /// ON UPDATE CURRENT_TIMESTAMP, with its fractional digits.
    pub on_update: Option<u8>,
    /// AUTO_INCREMENT.
    pub auto_increment: bool,
    /// Computed from other columns.
    pub generated: Option<Generated>,
    /// INVISIBLE.
    pub invisible: bool,
    /// Comment; empty for none.
    pub comment: String,
}

/// A generated column's formula.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// STORED; otherwise VIRTUAL.
    pub stored: bool,
    /// The expression as it was written, without the outer parentheses.
    pub expression: String,
}

/// A column's default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DefaultValue {
    /// There is none: the column must be given.
    #[default]
    None,
    /// NULL, said or implied.
    Null,
    /// A constant in the form that the server prints for the column's type: `1.50` for a DECIMAL(10,2), the label of
    /// an ENUM, `2024-01-01 00:00:00` for a DATETIME.
    Literal(String),
    /// A constant of BINARY or VARBINARY, padded to a BINARY's length.
    Bytes(Vec<u8>),
    /// A constant of BIT, as a number.
    Bits(u64),
    /// An expression in parentheses, as it was written, without them.
    Expression(String),
    /// CURRENT_TIMESTAMP, with its fractional digits.
    CurrentTimestamp(u8),
}

/// Everything that a type declaration says, but for UNSIGNED and ZEROFILL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// TINYINT to BIGINT. The width is kept where servers since 8.0.19 keep it: `TINYINT(1)` and ZEROFILL.
    Integer {
        /// Which of the five.
        size: IntegerSize,
        /// Display width.
        width: Option<u8>,
    },
    /// DECIMAL.
    Decimal {
        /// Digits in all.
        precision: u8,
        /// Digits behind the point.
        scale: u8,
    },
    /// FLOAT.
    Float {
        /// `(M,D)` where declared so.
        digits: Option<(u8, u8)>,
    },
    /// DOUBLE, and FLOAT of more than 24 bits.
    Double {
        /// `(M,D)` where declared so.
        digits: Option<(u8, u8)>,
    },
    /// BIT, with its bits.
    Bit(u8),
    /// YEAR.
    Year,
    /// DATE.
    Date,
    /// TIME, with its fractional digits.
    Time(u8),
    /// DATETIME, with its fractional digits.
    DateTime(u8),
    /// TIMESTAMP, with its fractional digits.
    Timestamp(u8),
    /// CHAR, with its characters.
    Char(u32),
    /// VARCHAR, with its characters.
    VarChar(u32),
    /// BINARY, with its bytes.
    Binary(u32),
    /// VARBINARY, with its bytes.
    VarBinary(u32),
    /// TINYTEXT to LONGTEXT.
    Text(LobSize),
    /// TINYBLOB to LONGBLOB.
    Blob(LobSize),
    /// ENUM, with its labels.
    Enum(Vec<String>),
    /// SET, with its labels.
    Set(Vec<String>),
    /// JSON.
    Json,
    /// GEOMETRY and its subtypes.
    Geometry {
        /// Which.
        shape: Shape,
        /// SRID, where declared.
        srid: Option<u32>,
    },
    /// VECTOR, with its numbers.
    Vector(u32),
}

/// Integers by their bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IntegerSize {
    /// TINYINT: 1.
    Tiny,
    /// SMALLINT: 2.
    Small,
    /// MEDIUMINT: 3.
    Medium,
    /// INT: 4.
    Int,
    /// BIGINT: 8.
    Big,
}

/// TEXT and BLOB by the bytes that hold their length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LobSize {
    /// 1.
    Tiny,
    /// 2: TEXT and BLOB.
    Normal,
    /// 3.
    Medium,
    /// 4.
    Long,
}

impl ColumnType {
    /// The size of a TEXT or BLOB.
    pub(super) fn lob_size(&self) -> Option<LobSize> {
        if let ColumnType::Text(size) = self {
            Some(*size)
        } else if let ColumnType::Blob(size) = self {
            Some(*size)
        } else {
            None
        }
    }

    /// TEXT, BLOB and others whose default can only be an expression.
    pub fn has_no_literal(&self) -> bool {
        match self {
            ColumnType::Text(_)
            | ColumnType::Blob(_)
            | ColumnType::Json
            | ColumnType::Geometry { .. }
            | ColumnType::Vector(_) => true,
            ColumnType::Integer { .. }
            | ColumnType::Decimal { .. }
            | ColumnType::Float { .. }
            | ColumnType::Double { .. }
            | ColumnType::Bit(_)
            | ColumnType::Year
            | ColumnType::Date
            | ColumnType::Time(_)
            | ColumnType::DateTime(_)
            | ColumnType::Timestamp(_)
            | ColumnType::Char(_)
            | ColumnType::VarChar(_)
            | ColumnType::Binary(_)
            | ColumnType::VarBinary(_)
            | ColumnType::Enum(_)
            | ColumnType::Set(_) => false,
        }
    }
}

impl LobSize {
    /// The smallest that holds so many bytes.
    pub(super) fn holding(bytes: u64) -> LobSize {
        match bytes {
            0..=0xff => LobSize::Tiny,
            0x100..=0xffff => LobSize::Normal,
            0x1_0000..=0xff_ffff => LobSize::Medium,
            0x100_0000.. => LobSize::Long,
        }
    }

    /// Bytes of the longest value.
    pub(super) fn bytes_max(self) -> u64 {
        match self {
            LobSize::Tiny => 0xff,
            LobSize::Normal => 0xffff,
            LobSize::Medium => 0xff_ffff,
            LobSize::Long => 0xffff_ffff,
        }
    }
}

/// Subtypes of GEOMETRY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// GEOMETRY: any of them.
    Any,
    /// POINT.
    Point,
    /// LINESTRING.
    LineString,
    /// POLYGON.
    Polygon,
    /// MULTIPOINT.
    MultiPoint,
    /// MULTILINESTRING.
    MultiLineString,
    /// MULTIPOLYGON.
    MultiPolygon,
    /// GEOMETRYCOLLECTION.
    Collection,
}

/// A column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyColumn {
    /// Name, in the case of the column's own declaration.
    pub name: String,
    /// Characters (bytes, for BLOB) of its start that alone are in the key; `None` for the whole.
    pub prefix: Option<u32>,
}

/// A key other than the primary one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Name, given or made up as the server does.
    pub name: String,
    /// What it promises.
    pub kind: KeyKind,
    /// Its parts in order.
    pub parts: Vec<KeyPart>,
}

/// Kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// UNIQUE.
    Unique,
    /// A plain index.
    Plain,
    /// A plain index that a foreign key made for itself; it goes when another one serves.
    Generated,
    /// FULLTEXT.
    FullText,
    /// SPATIAL.
    Spatial,
}

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPart {
    /// A column or its start.
    Column(KeyColumn),
    /// The value of an expression.
    Expression(String),
}

impl Definition {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| same(&column.name, name))
    }

    /// The unique keys.
    pub fn unique_keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(|key| key.kind == KeyKind::Unique)
    }

    /// The same under another name: what CREATE TABLE … LIKE makes, and what RENAME leaves.
    #[must_use]
    pub fn renamed(&self, name: Name) -> Definition {
        Definition {
            name,
            ..self.clone()
        }
    }
}

impl Key {
    /// Its columns, where every part is a whole column: only such a unique key can identify a row by values.
    pub fn plain_columns(&self) -> Option<Vec<&str>> {
        let plain = |part| match part {
            &KeyPart::Column(KeyColumn {
                ref name,
                prefix: None,
            }) => Some(name.as_str()),
            KeyPart::Column(_) | KeyPart::Expression(_) => None,
        };
        self.parts.iter().map(plain).collect()
    }
}

/// Whether two names of columns or keys are the same to the server.
pub fn same(a: &str, b: &str) -> bool {
    if a.is_ascii() && b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    let folded = |name: &'_ str| {
        name.chars()
            .flat_map(char::to_lowercase)
            .collect::<Vec<_>>()
    };
    a == b || folded(a) == folded(b)
}
