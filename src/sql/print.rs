//! Types as information_schema.COLUMNS has them in COLUMN_TYPE.

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
