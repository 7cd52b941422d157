//! Types as information_schema.COLUMNS has them in COLUMN_TYPE, and as Debezium tells of them.

use std::fmt;

use crate::sql::definition::{Column, ColumnType, IntegerSize, LobSize, Shape};

/// A column's type with UNSIGNED and ZEROFILL.
struct Type<'a>(&'a Column);

impl Column {
    /// Its type as information_schema.COLUMNS has it: `decimal(10,2) unsigned`.
    pub fn type_text(&self) -> String {
        Type(self).to_string()
    }
}

/// A column's type in the words of Debezium's parser.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceType {
    /// In capitals, without what stands in parentheses: `INT UNSIGNED`.
    pub name: String,
    /// Characters, bytes, bits, digits or labels.
    pub length: Option<u32>,
    /// Digits behind the point.
    pub scale: Option<u32>,
}

impl Column {
    /// Its type as Debezium has it after SHOW CREATE TABLE.
    pub fn source_type(&self) -> SourceType {
        let kind = self.kind.to_string();
        let mut name = kind.split('(').next().unwrap_or_default().to_uppercase();
        for (word, is_set) in [(" UNSIGNED", self.unsigned), (" ZEROFILL", self.zerofill)] {
            name.push_str(if is_set { word } else { "" });
        }
        let (length, scale) = self.kind.length_and_scale();
        SourceType {
            name,
            length,
            scale,
        }
    }
}

impl ColumnType {
    fn length_and_scale(&self) -> (Option<u32>, Option<u32>) {
        let digits = |digits: &Option<(u8, u8)>| {
            let (length, scale) = digits.unzip();
            (length.map(u32::from), scale.map(u32::from))
        };
        let fraction = |digits: &u8| Some(u32::from(*digits)).filter(|digits| *digits > 0);
        let length = match self {
            ColumnType::Decimal { precision, scale } => {
                return (Some(u32::from(*precision)), Some(u32::from(*scale)));
            }
            ColumnType::Float { digits: given } | ColumnType::Double { digits: given } => {
                return digits(given);
            }
            ColumnType::Integer { width, .. } => width.map(u32::from),
            ColumnType::Bit(bits) => Some(u32::from(*bits)),
            ColumnType::Time(digits)
            | ColumnType::DateTime(digits)
            | ColumnType::Timestamp(digits) => fraction(digits),
            ColumnType::Char(length)
            | ColumnType::VarChar(length)
            | ColumnType::Binary(length)
            | ColumnType::VarBinary(length)
            | ColumnType::Vector(length) => Some(*length),
            ColumnType::Enum(_) => Some(1),
            // The labels and the commas between them.
            ColumnType::Set(labels) => {
                let labels = u32::try_from(labels.len()).unwrap_or(u32::MAX);
                Some(labels.saturating_mul(2).saturating_sub(1))
            }
            ColumnType::Year
            | ColumnType::Date
            | ColumnType::Text(_)
            | ColumnType::Blob(_)
            | ColumnType::Json
            | ColumnType::Geometry { .. } => None,
        };
        (length, None)
    }
}

impl fmt::Display for Type<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.kind)?;
        if self.0.unsigned {
            f.write_str(" unsigned")?;
        }
        if self.0.zerofill {
            f.write_str(" zerofill")?;
        }
        Ok(())
    }
}

impl fmt::Display for ColumnType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnType::Integer { size, width } => {
                f.write_str(match size {
                    IntegerSize::Tiny => "tinyint",
                    IntegerSize::Small => "smallint",
                    IntegerSize::Medium => "mediumint",
                    IntegerSize::Int => "int",
                    IntegerSize::Big => "bigint",
                })?;
                width.map_or(Ok(()), |width| write!(f, "({width})"))
            }
            ColumnType::Decimal { precision, scale } => write!(f, "decimal({precision},{scale})"),
            ColumnType::Float { digits } => digits_of(f, "float", *digits),
            ColumnType::Double { digits } => digits_of(f, "double", *digits),
            ColumnType::Bit(bits) => write!(f, "bit({bits})"),
            ColumnType::Year => f.write_str("year"),
            ColumnType::Date => f.write_str("date"),
            ColumnType::Time(digits) => fraction_of(f, "time", *digits),
            ColumnType::DateTime(digits) => fraction_of(f, "datetime", *digits),
            ColumnType::Timestamp(digits) => fraction_of(f, "timestamp", *digits),
            ColumnType::Char(length) => write!(f, "char({length})"),
            ColumnType::VarChar(length) => write!(f, "varchar({length})"),
            ColumnType::Binary(length) => write!(f, "binary({length})"),
            ColumnType::VarBinary(length) => write!(f, "varbinary({length})"),
            ColumnType::Text(size) => write!(f, "{}text", size_of(*size)),
            ColumnType::Blob(size) => write!(f, "{}blob", size_of(*size)),
            ColumnType::Enum(labels) => labels_of(f, "enum", labels),
            ColumnType::Set(labels) => labels_of(f, "set", labels),
            ColumnType::Json => f.write_str("json"),
            ColumnType::Geometry { shape, .. } => f.write_str(shape_of(*shape)),
            ColumnType::Vector(length) => write!(f, "vector({length})"),
        }
    }
}

fn digits_of(f: &mut fmt::Formatter<'_>, name: &str, digits: Option<(u8, u8)>) -> fmt::Result {
    match digits {
        Some((precision, scale)) => write!(f, "{name}({precision},{scale})"),
        None => f.write_str(name),
    }
}

fn fraction_of(f: &mut fmt::Formatter<'_>, name: &str, digits: u8) -> fmt::Result {
    match digits {
        0 => f.write_str(name),
        digits => write!(f, "{name}({digits})"),
    }
}

fn size_of(size: LobSize) -> &'static str {
    match size {
        LobSize::Tiny => "tiny",
        LobSize::Normal => "",
        LobSize::Medium => "medium",
        LobSize::Long => "long",
    }
}

fn shape_of(shape: Shape) -> &'static str {
    match shape {
        Shape::Any => "geometry",
        Shape::Point => "point",
        Shape::LineString => "linestring",
        Shape::Polygon => "polygon",
        Shape::MultiPoint => "multipoint",
        Shape::MultiLineString => "multilinestring",
        Shape::MultiPolygon => "multipolygon",
        Shape::Collection => "geomcollection",
    }
}

fn labels_of(f: &mut fmt::Formatter<'_>, name: &str, labels: &[String]) -> fmt::Result {
    write!(f, "{name}(")?;
    for (n, label) in labels.iter().enumerate() {
        if n > 0 {
            f.write_str(",")?;
        }
        f.write_str("'")?;
        for sign in label.chars() {
            match sign {
                '\0' => f.write_str("\\0")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\\' => f.write_str("\\\\")?,
                '\'' => f.write_str("''")?,
                sign => write!(f, "{sign}")?,
            }
        }
        f.write_str("'")?;
    }
    f.write_str(")")
}
