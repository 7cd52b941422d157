//! Column declarations: from their text to what they mean in their table.
//!
//! A [`ColumnSpec`] is a declaration as written. `resolve` makes columns of them, once the table's character set
//! is known, with everything that the server adds by itself: sizes, collations, implied defaults.

use crate::sql::collation::Collation;
use crate::sql::default::{DefaultSpec, default_spec, normal_default};
use crate::sql::definition::{Column, ColumnType, DefaultValue, Generated, LobSize};
use crate::sql::parser::Parser;
use crate::sql::statement::{Context, NotUnderstood};
use crate::sql::table::skip_references;
use crate::sql::types::{TypeSpec, type_spec};

/// A column as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    pub(super) name: String,
    pub(super) kind: TypeSpec,
    /// `NULL` or `NOT NULL`, where one is said.
    pub(super) nullable: Option<bool>,
    pub(super) default: Option<DefaultSpec>,
    pub(super) on_update: Option<u8>,
    pub(super) auto_increment: bool,
    pub(super) generated: Option<Generated>,
    pub(super) invisible: bool,
    pub(super) comment: String,
    /// A primary key of its own.
    pub(super) primary: bool,
    /// A unique key of its own.
    pub(super) unique: bool,
    /// A foreign key of its own, with its index: servers before 9.0 read it and make neither.
    pub(super) references: bool,
}

/// Reads `name type attribute...`.
pub(super) fn column_spec(parser: &mut Parser<'_>) -> Result<ColumnSpec, NotUnderstood> {
    let name = parser.name()?;
    let kind = type_spec(parser)?;
    let mut spec = ColumnSpec {
        name,
        nullable: kind.serial.then_some(false),
        default: None,
        on_update: None,
        auto_increment: kind.serial,
        generated: None,
        invisible: false,
        comment: String::new(),
        primary: false,
        unique: kind.serial,
        references: false,
        kind,
    };
    while attribute(parser, &mut spec)? || passed_over(parser)? {}
    Ok(spec)
}

/// Reads one attribute that a definition keeps; false where none is next.
fn attribute(parser: &mut Parser<'_>, spec: &mut ColumnSpec) -> Result<bool, NotUnderstood> {
    if parser.eat_all(&["NOT", "NULL"]) {
        spec.nullable = Some(false);
    } else if parser.eat("NULL") {
        spec.nullable = Some(true);
    } else if parser.eat("DEFAULT") {
        spec.default = Some(default_spec(parser)?);
    } else if parser.eat_all(&["ON", "UPDATE"]) {
        match default_spec(parser)? {
            DefaultSpec::Now(digits) => spec.on_update = Some(digits),
            DefaultSpec::Null
            | DefaultSpec::Number(_)
            | DefaultSpec::Text(_)
            | DefaultSpec::Bytes(_)
            | DefaultSpec::Expression(_) => return Err(NotUnderstood),
        }
    } else if parser.eat("AUTO_INCREMENT") {
        (spec.auto_increment, spec.nullable) = (true, Some(false));
    } else if parser.eat_all(&["SERIAL", "DEFAULT", "VALUE"]) {
        (spec.auto_increment, spec.nullable, spec.unique) = (true, Some(false), true);
    } else if parser.eat("UNIQUE") {
        parser.eat("KEY");
        spec.unique = true;
    } else if parser.eat_all(&["PRIMARY", "KEY"]) || parser.eat("KEY") {
        spec.primary = true;
    } else if parser.eat("COMMENT") {
        spec.comment = parser.string()?;
    } else if parser.eat("COLLATE") {
        spec.kind.charset.collation = Some(parser.collation()?);
    } else if parser.eat("SRID") {
        let number = parser.number()?;
        if let ColumnType::Geometry { srid, .. } = &mut spec.kind.kind {
            *srid = Some(number);
        }
    } else if parser.eat("INVISIBLE") {
        spec.invisible = true;
    } else if parser.eat("VISIBLE") {
        spec.invisible = false;
    } else if parser.eat_all(&["GENERATED", "ALWAYS", "AS"]) || parser.eat("AS") {
        let expression = parser.parentheses()?.to_owned();
        let stored = parser.eat_any(&["STORED", "PERSISTENT"]);
        let _ = stored || parser.eat("VIRTUAL");
        spec.generated = Some(Generated { stored, expression });
    } else if parser.is("REFERENCES") {
        skip_references(parser)?;
        spec.references = true;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Passes over one attribute that no definition keeps; false where none is next.
fn passed_over(parser: &mut Parser<'_>) -> Result<bool, NotUnderstood> {
    if parser.eat_any(&["COLUMN_FORMAT", "STORAGE"]) {
        parser.advance();
    } else if parser.eat_any(&["ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"]) {
        parser.eat_sign('=');
        parser.string()?;
    } else if parser.eat("CHECK") {
        parser.parentheses()?;
    } else if parser.eat("CONSTRAINT") {
        if !parser.is("CHECK") {
            parser.name()?;
        }
        parser.expect("CHECK")?;
        parser.parentheses()?;
    } else {
        let words: [&[&str]; 3] = [&["NOT", "ENFORCED"], &["ENFORCED"], &["NOT", "SECONDARY"]];
        return Ok(words.into_iter().any(|words| parser.eat_all(words)));
    }
    Ok(true)
}

/// The columns that the declarations of one statement make in a table of that collation.
pub(super) fn resolve(
    specs: &[&ColumnSpec],
    table: Option<&Collation>,
    context: &Context<'_>,
) -> Vec<Column> {
    let resolve = |spec: &&ColumnSpec| {
        let mut column = resolve_one(spec, table, context);
        // With `explicit_defaults_for_timestamp` off, a TIMESTAMP that allows no NULL starts from zero.
        if !context.explicit_timestamps && starts_from_zero(&column, spec) {
            let zero = DefaultSpec::Text("0000-00-00 00:00:00".to_owned());
            column.default = normal_default(&zero, &column);
        }
        column
    };
    specs.iter().map(resolve).collect()
}

fn starts_from_zero(column: &Column, spec: &ColumnSpec) -> bool {
    let timestamp = matches!(column.kind, ColumnType::Timestamp(_));
    timestamp && !column.nullable && spec.default.is_none() && column.generated.is_none()
}

/// With `explicit_defaults_for_timestamp` off, the first TIMESTAMP of a table keeps the time of the last change,
/// unless its declaration says anything else. `declared` gives the declaration of a column that has a new one.
pub(super) fn promote_first_timestamp<'a>(
    columns: impl Iterator<Item = (&'a mut Column, Option<&'a ColumnSpec>)>,
    context: &Context<'_>,
) {
    if context.explicit_timestamps {
        return;
    }
    for (column, spec) in columns {
        let ColumnType::Timestamp(digits) = column.kind else {
            continue;
        };
        let unsaid = match spec {
            Some(spec) => starts_from_zero(column, spec),
            None => !column.nullable && column.default == DefaultValue::None,
        };
        if unsaid && column.on_update.is_none() && column.generated.is_none() {
            column.default = DefaultValue::CurrentTimestamp(digits);
            column.on_update = Some(digits);
        }
        return;
    }
}

fn resolve_one(spec: &ColumnSpec, table: Option<&Collation>, context: &Context<'_>) -> Column {
    let timestamp = matches!(spec.kind.kind, ColumnType::Timestamp(_));
    let nullable = spec.nullable.unwrap_or(match timestamp {
        true => context.explicit_timestamps || spec.generated.is_some(),
        false => true,
    });
    let mut column = Column {
        name: spec.name.clone(),
        kind: spec.kind.kind.clone(),
        unsigned: spec.kind.unsigned,
        zerofill: spec.kind.zerofill,
        collation: collation(&spec.kind, table, context),
        nullable: nullable && !spec.primary,
        default: DefaultValue::None,
        on_update: spec.on_update,
        auto_increment: spec.auto_increment,
        generated: spec.generated.clone(),
        invisible: spec.invisible,
        comment: spec.comment.clone(),
    };
    fit(&mut column, spec.kind.length);
    column.default = match &spec.default {
        _ if column.generated.is_some() => DefaultValue::None,
        Some(default) => normal_default(default, &column),
        None => implied_default(&column),
    };
    column
}

/// What a nullable column has where nothing is said.
pub(super) fn implied_default(column: &Column) -> DefaultValue {
    match column.nullable && column.generated.is_none() {
        true => DefaultValue::Null,
        false => DefaultValue::None,
    }
}

fn collation(
    kind: &TypeSpec,
    table: Option<&Collation>,
    context: &Context<'_>,
) -> Option<Collation> {
    if !has_collation(&kind.kind) {
        return None;
    }
    let spec = &kind.charset;
    let collation = match (&spec.collation, spec.charset) {
        (Some(collation), _) => Some(collation.clone()),
        (None, Some(charset)) => context.default_collation(charset),
        (None, None) => table.cloned(),
    };
    match spec.binary && spec.collation.is_none() {
        true => collation.map(|collation| collation.binary_variant()),
        false => collation,
    }
}

/// Whether columns of the type are text.
pub(super) fn has_collation(kind: &ColumnType) -> bool {
    match kind {
        ColumnType::Char(_)
        | ColumnType::VarChar(_)
        | ColumnType::Text(_)
        | ColumnType::Enum(_)
        | ColumnType::Set(_) => true,
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
        | ColumnType::Binary(_)
        | ColumnType::VarBinary(_)
        | ColumnType::Blob(_)
        | ColumnType::Json
        | ColumnType::Geometry { .. }
        | ColumnType::Vector(_) => false,
    }
}

/// Gives a column the type that its character set and length lead to. `length` is the declared one of a TEXT or
/// BLOB.
pub(super) fn fit(column: &mut Column, length: Option<u32>) {
    if column.collation.as_ref().is_some_and(Collation::is_binary)
        && let Some(kind) = of_bytes(&column.kind)
    {
        (column.kind, column.collation) = (kind, None);
    }
    const VARCHAR_BYTES_MAX: u64 = 65_535;
    let char_bytes = column
        .collation
        .as_ref()
        .map_or(1, Collation::char_bytes_max);
    let bytes = |length: u32| u64::from(length) * u64::from(char_bytes);
    match (&column.kind, length) {
        (ColumnType::VarChar(length), _) if bytes(*length) > VARCHAR_BYTES_MAX => {
            column.kind = ColumnType::Text(LobSize::holding(bytes(*length)));
        }
        (ColumnType::VarBinary(length), _) if u64::from(*length) > VARCHAR_BYTES_MAX => {
            column.kind = ColumnType::Blob(LobSize::holding(u64::from(*length)));
        }
        (ColumnType::Text(LobSize::Normal), Some(length)) => {
            column.kind = ColumnType::Text(LobSize::holding(bytes(length)));
        }
        (ColumnType::Blob(LobSize::Normal), Some(length)) => {
            column.kind = ColumnType::Blob(LobSize::holding(u64::from(length)));
        }
        _ => {}
    }
}

/// The type of bytes that a type of text is in the character set `binary`.
fn of_bytes(kind: &ColumnType) -> Option<ColumnType> {
    if let ColumnType::Char(length) = kind {
        Some(ColumnType::Binary(*length))
    } else if let ColumnType::VarChar(length) = kind {
        Some(ColumnType::VarBinary(*length))
    } else if let ColumnType::Text(size) = kind {
        Some(ColumnType::Blob(*size))
    } else {
        None
    }
}
