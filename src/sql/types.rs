//! Type declarations: every spelling that the server takes, to a [`ColumnType`] and what belongs to it.
//!
//! What depends on the column's character set (the size of a TEXT, CHAR that is BINARY) is settled when that is
//! known, in `column`.

use crate::sql::collation::Collation;
use crate::sql::definition::{ColumnType, IntegerSize, LobSize, Shape};
use crate::sql::parser::Parser;
use crate::sql::statement::NotUnderstood;
use crate::sql::token::{Kind, Token};
use crate::text::charset::Charset;

/// A type as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypeSpec {
    pub(super) kind: ColumnType,
    /// Declared length of a TEXT or BLOB, in characters or bytes, which chooses its size.
    pub(super) length: Option<u32>,
    pub(super) unsigned: bool,
    pub(super) zerofill: bool,
    pub(super) charset: CharsetSpec,
    /// SERIAL: NOT NULL, AUTO_INCREMENT and UNIQUE.
    pub(super) serial: bool,
}

/// What a declaration says about the character set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CharsetSpec {
    pub(super) charset: Option<Charset>,
    /// The attribute BINARY: the binary collation of the character set.
    pub(super) binary: bool,
    pub(super) collation: Option<Collation>,
}

impl From<ColumnType> for TypeSpec {
    fn from(kind: ColumnType) -> TypeSpec {
        TypeSpec {
            kind,
            length: None,
            unsigned: false,
            zerofill: false,
            charset: CharsetSpec::default(),
            serial: false,
        }
    }
}

/// Reads a type with the options that belong to it (`UNSIGNED`, `CHARACTER SET`).
pub(super) fn type_spec(parser: &mut Parser<'_>) -> Result<TypeSpec, NotUnderstood> {
    let mut ahead = *parser;
    let word = ahead.advance();
    if word.kind != Kind::Word {
        return Err(NotUnderstood);
    }
    let readers: [fn(&mut Parser<'_>, Token<'_>) -> Reading; 5] =
        [numeric, simple, text, binary, other];
    for reader in readers {
        let mut tried = ahead;
        if let Some(mut spec) = reader(&mut tried, word)? {
            options(&mut tried, &mut spec)?;
            normalise(&mut spec);
            *parser = tried;
            return Ok(spec);
        }
    }
    Err(NotUnderstood)
}

/// `None` where the word is not one of the reader's.
type Reading = Result<Option<TypeSpec>, NotUnderstood>;

fn numeric(parser: &mut Parser<'_>, word: Token<'_>) -> Reading {
    use IntegerSize::{Big, Int, Medium, Small, Tiny};
    const INTEGERS: [(&str, IntegerSize); 11] = [
        ("INT", Int),
        ("INTEGER", Int),
        ("BIGINT", Big),
        ("TINYINT", Tiny),
        ("SMALLINT", Small),
        ("MEDIUMINT", Medium),
        ("MIDDLEINT", Medium),
        ("INT1", Tiny),
        ("INT2", Small),
        ("INT3", Medium),
        ("INT4", Int),
    ];
    let integer = INTEGERS.iter().find(|(name, _)| word.is(name));
    let size = match integer {
        Some((_, size)) => Some(*size),
        None => word.is("INT8").then_some(Big),
    };
    if let Some(size) = size {
        let width = parser.optional_length::<u8>()?.filter(|width| *width > 0);
        return Ok(Some(ColumnType::Integer { size, width }.into()));
    }
    let is = |names: &[&str]| names.iter().any(|name| word.is(name));
    if is(&["DECIMAL", "DEC", "NUMERIC", "FIXED"]) {
        let (precision, scale) = digits(parser)?.unwrap_or((10, None));
        let scale = scale.unwrap_or(0);
        let precision = match (precision, scale) {
            (0, 0) => 10,
            (0, scale) => scale,
            (precision, _) => precision,
        };
        return Ok(Some(ColumnType::Decimal { precision, scale }.into()));
    }
    let double = if is(&["FLOAT", "FLOAT4"]) {
        false
    } else if is(&["DOUBLE", "FLOAT8"]) {
        parser.eat("PRECISION");
        true
    } else if is(&["REAL"]) {
        !parser.context.modes.real_as_float
    } else {
        return Ok(None);
    };
    let kind = match digits(parser)? {
        Some((bits, None)) if double || bits > 24 => ColumnType::Double { digits: None },
        None if double => ColumnType::Double { digits: None },
        Some((_, None)) | None => ColumnType::Float { digits: None },
        Some((precision, Some(scale))) if double => ColumnType::Double {
            digits: Some((precision, scale)),
        },
        Some((precision, Some(scale))) => ColumnType::Float {
            digits: Some((precision, scale)),
        },
    };
    Ok(Some(kind.into()))
}

/// `(M)` or `(M,D)`.
fn digits(parser: &mut Parser<'_>) -> Result<Option<(u8, Option<u8>)>, NotUnderstood> {
    if !parser.eat_sign('(') {
        return Ok(None);
    }
    let precision = parser.number()?;
    let scale = match parser.eat_sign(',') {
        true => Some(parser.number()?),
        false => None,
    };
    parser.expect_sign(')')?;
    Ok(Some((precision, scale)))
}

/// Types with at most a length, which need no character set.
fn simple(parser: &mut Parser<'_>, word: Token<'_>) -> Reading {
    let is = |name: &str| word.is(name);
    let kind = if is("BIT") {
        ColumnType::Bit(match parser.optional_length()? {
            None | Some(0) => 1,
            Some(bits) => bits,
        })
    } else if is("BOOL") || is("BOOLEAN") {
        ColumnType::Integer {
            size: IntegerSize::Tiny,
            width: Some(1),
        }
    } else if is("YEAR") {
        parser.optional_length::<u8>()?;
        ColumnType::Year
    } else if is("DATE") {
        ColumnType::Date
    } else if is("TIME") {
        ColumnType::Time(parser.optional_length()?.unwrap_or(0))
    } else if is("DATETIME") {
        ColumnType::DateTime(parser.optional_length()?.unwrap_or(0))
    } else if is("TIMESTAMP") {
        ColumnType::Timestamp(parser.optional_length()?.unwrap_or(0))
    } else if is("JSON") {
        ColumnType::Json
    } else if is("VECTOR") {
        const DIMENSIONS: u32 = 2048;
        ColumnType::Vector(parser.optional_length()?.unwrap_or(DIMENSIONS))
    } else if is("SERIAL") {
        let size = IntegerSize::Big;
        let kind = ColumnType::Integer { size, width: None };
        return Ok(Some(TypeSpec {
            unsigned: true,
            serial: true,
            ..kind.into()
        }));
    } else {
        return Ok(None);
    };
    Ok(Some(kind.into()))
}

fn text(parser: &mut Parser<'_>, word: Token<'_>) -> Reading {
    let is = |name: &str| word.is(name);
    let mut charset = CharsetSpec::default();
    let varying = if is("VARCHAR") || is("VARCHARACTER") {
        true
    } else if is("NVARCHAR") {
        charset.charset = Some(Charset::Utf8mb3);
        true
    } else if is("CHAR") || is("CHARACTER") {
        parser.eat("VARYING")
    } else if is("NCHAR") {
        charset.charset = Some(Charset::Utf8mb3);
        parser.eat_any(&["VARYING", "VARCHAR", "VARCHARACTER"])
    } else if is("NATIONAL") {
        charset.charset = Some(Charset::Utf8mb3);
        match parser.eat_any(&["VARCHAR", "VARCHARACTER"]) {
            true => true,
            false if parser.eat_any(&["CHAR", "CHARACTER"]) => parser.eat("VARYING"),
            false => return Err(NotUnderstood),
        }
    } else {
        return Ok(None);
    };
    let length = parser.optional_length()?;
    let kind = match varying {
        true => ColumnType::VarChar(length.ok_or(NotUnderstood)?),
        false => ColumnType::Char(length.unwrap_or(1)),
    };
    Ok(Some(TypeSpec {
        charset,
        ..kind.into()
    }))
}

fn binary(parser: &mut Parser<'_>, word: Token<'_>) -> Reading {
    const LOBS: [(&str, ColumnType); 8] = [
        ("TINYTEXT", ColumnType::Text(LobSize::Tiny)),
        ("TEXT", ColumnType::Text(LobSize::Normal)),
        ("MEDIUMTEXT", ColumnType::Text(LobSize::Medium)),
        ("LONGTEXT", ColumnType::Text(LobSize::Long)),
        ("TINYBLOB", ColumnType::Blob(LobSize::Tiny)),
        ("BLOB", ColumnType::Blob(LobSize::Normal)),
        ("MEDIUMBLOB", ColumnType::Blob(LobSize::Medium)),
        ("LONGBLOB", ColumnType::Blob(LobSize::Long)),
    ];
    if let Some((_, kind)) = LOBS.iter().find(|(name, _)| word.is(name)) {
        return Ok(Some(TypeSpec {
            length: parser.optional_length()?,
            ..kind.clone().into()
        }));
    }
    let kind = if word.is("BINARY") {
        ColumnType::Binary(parser.optional_length()?.unwrap_or(1))
    } else if word.is("VARBINARY") {
        ColumnType::VarBinary(parser.optional_length()?.ok_or(NotUnderstood)?)
    } else if word.is("LONG") {
        // LONG, LONG VARCHAR, LONG CHAR VARYING: from the days of ODBC.
        if parser.eat("VARBINARY") {
            ColumnType::Blob(LobSize::Medium)
        } else {
            let _ = parser.eat_any(&["VARCHAR", "VARCHARACTER"])
                || parser.eat_all(&["CHAR", "VARYING"])
                || parser.eat_all(&["CHARACTER", "VARYING"]);
            ColumnType::Text(LobSize::Medium)
        }
    } else {
        return Ok(None);
    };
    Ok(Some(kind.into()))
}

fn other(parser: &mut Parser<'_>, word: Token<'_>) -> Reading {
    const SHAPES: [(&str, Shape); 9] = [
        ("GEOMETRY", Shape::Any),
        ("POINT", Shape::Point),
        ("LINESTRING", Shape::LineString),
        ("POLYGON", Shape::Polygon),
        ("MULTIPOINT", Shape::MultiPoint),
        ("MULTILINESTRING", Shape::MultiLineString),
        ("MULTIPOLYGON", Shape::MultiPolygon),
        ("GEOMETRYCOLLECTION", Shape::Collection),
        ("GEOMCOLLECTION", Shape::Collection),
    ];
    if let Some((_, shape)) = SHAPES.iter().find(|(name, _)| word.is(name)) {
        let shape = *shape;
        return Ok(Some(ColumnType::Geometry { shape, srid: None }.into()));
    }
    if word.is("ENUM") {
        return Ok(Some(ColumnType::Enum(labels(parser)?).into()));
    }
    if word.is("SET") {
        return Ok(Some(ColumnType::Set(labels(parser)?).into()));
    }
    Ok(None)
}

/// The labels of ENUM and SET, without the blanks at their ends, as the server stores them.
fn labels(parser: &mut Parser<'_>) -> Result<Vec<String>, NotUnderstood> {
    parser.expect_sign('(')?;
    let mut labels = Vec::new();
    loop {
        let label = match parser.peek().bytes() {
            Some(bytes) => {
                parser.advance();
                String::from_utf8(bytes).map_err(|_| NotUnderstood)?
            }
            None => parser.string()?,
        };
        labels.push(label.trim_end_matches(' ').to_owned());
        if parser.eat_sign(')') {
            return Ok(labels);
        }
        parser.expect_sign(',')?;
    }
}

fn options(parser: &mut Parser<'_>, spec: &mut TypeSpec) -> Result<(), NotUnderstood> {
    loop {
        if parser.eat("UNSIGNED") {
            spec.unsigned = true;
        } else if parser.eat("ZEROFILL") {
            (spec.unsigned, spec.zerofill) = (true, true);
        } else if parser.eat("SIGNED") {
        } else if parser.eat("BINARY") {
            spec.charset.binary = true;
        } else if parser.eat("ASCII") {
            spec.charset.charset = Some(Charset::Latin1);
        } else if parser.eat("UNICODE") {
            spec.charset.charset = Some(Charset::Ucs2);
        } else if parser.eat("BYTE") {
            spec.charset.charset = Some(Charset::Binary);
        } else if parser.eat_character_set() {
            spec.charset.charset = Some(parser.charset()?);
        } else {
            return Ok(());
        }
    }
}

/// Display widths as servers since 8.0.19 keep them: of ZEROFILL, which pads to them, and of `TINYINT(1)`.
fn normalise(spec: &mut TypeSpec) {
    if let ColumnType::Integer { size, width } = &mut spec.kind {
        let natural = match size {
            IntegerSize::Tiny => 3,
            IntegerSize::Small => 5,
            IntegerSize::Medium => 8,
            IntegerSize::Int => 10,
            IntegerSize::Big => 20,
        };
        let is_bool = *size == IntegerSize::Tiny && *width == Some(1) && !spec.unsigned;
        *width = match spec.zerofill {
            true => Some(width.unwrap_or(natural)),
            false if is_bool => Some(1),
            false => None,
        };
    }
}
