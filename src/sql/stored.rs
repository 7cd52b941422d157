//! A definition in the form in which it is kept beside a position: compact JSON with a version.
//!
//! Types are the text of information_schema's COLUMN_TYPE; what has its usual value is left out.

use serde::{Deserialize, Serialize};

use crate::sql::collation::Collation;
use crate::sql::definition::{
    Column, ColumnType, DefaultValue, Definition, Generated, Key, KeyColumn, KeyKind, KeyPart, Name,
};
use crate::sql::parser::Parser;
use crate::sql::statement::Context;
use crate::sql::token::Modes;
use crate::sql::types::type_spec;

/// The version that is written.
const VERSION: u32 = 1;

/// A [`Definition`] to store: `From` one, and `TryFrom` into one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDefinition {
    #[serde(rename = "v")]
    version: u32,
    database: String,
    table: String,
    columns: Vec<StoredColumn>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    primary: Vec<StoredPart>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<StoredKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collation: Option<String>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    engine: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredColumn {
    name: String,
    /// COLUMN_TYPE.
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    srid: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collation: Option<String>,
    /// NOT NULL.
    #[serde(default, skip_serializing_if = "is_false")]
    required: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    default: Option<StoredDefault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_update: Option<u8>,
    #[serde(default, skip_serializing_if = "is_false")]
    auto: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stored: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    computed: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    invisible: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    comment: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredDefault {
    Null,
    Text(String),
    Bytes(Vec<u8>),
    Bits(u64),
    Expression(String),
    Now(u8),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct StoredKey {
    name: String,
    kind: StoredKeyKind,
    parts: Vec<StoredPart>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredKeyKind {
    Unique,
    Plain,
    Generated,
    FullText,
    Spatial,
}

/// A column, a column and the length of its start, or an expression.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredPart {
    Column(String),
    Prefix(String, u32),
    Expression { expression: String },
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// A stored definition is not one of ours, or of a later version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored table definition cannot be read: {reason}")]
pub struct BadDefinition {
    /// What is wrong.
    pub reason: String,
}

impl From<&Definition> for StoredDefinition {
    fn from(definition: &Definition) -> StoredDefinition {
        StoredDefinition {
            version: VERSION,
            database: definition.name.database.clone(),
            table: definition.name.table.clone(),
            columns: definition.columns.iter().map(StoredColumn::of).collect(),
            primary: definition.primary_key.iter().map(StoredPart::of).collect(),
            keys: definition.keys.iter().map(StoredKey::of).collect(),
            collation: collation_name(definition.collation.as_ref()),
            comment: definition.comment.clone(),
            engine: definition.engine.clone(),
        }
    }
}

fn collation_name(collation: Option<&Collation>) -> Option<String> {
    collation.map(|collation| collation.name().to_owned())
}

impl StoredColumn {
    fn of(column: &Column) -> StoredColumn {
        let srid = if let ColumnType::Geometry { srid, .. } = column.kind {
            srid
        } else {
            None
        };
        let expression = |stored: bool| {
            let generated = column.generated.as_ref();
            let matching = generated.filter(|generated| generated.stored == stored);
            matching.map(|generated| generated.expression.clone())
        };
        StoredColumn {
            name: column.name.clone(),
            kind: column.type_text(),
            srid,
            collation: collation_name(column.collation.as_ref()),
            required: !column.nullable,
            default: match &column.default {
                DefaultValue::None => None,
                DefaultValue::Null => Some(StoredDefault::Null),
                DefaultValue::Literal(text) => Some(StoredDefault::Text(text.clone())),
                DefaultValue::Bytes(bytes) => Some(StoredDefault::Bytes(bytes.clone())),
                DefaultValue::Bits(bits) => Some(StoredDefault::Bits(*bits)),
                DefaultValue::Expression(text) => Some(StoredDefault::Expression(text.clone())),
                DefaultValue::CurrentTimestamp(digits) => Some(StoredDefault::Now(*digits)),
            },
            on_update: column.on_update,
            auto: column.auto_increment,
            stored: expression(true),
            computed: expression(false),
            invisible: column.invisible,
            comment: column.comment.clone(),
        }
    }

    fn read(self) -> Result<Column, BadDefinition> {
        let (kind, unsigned, zerofill) = read_type(&self.kind, self.srid)?;
        let generated = |stored: bool| move |expression| Generated { stored, expression };
        let computed = self.computed.map(generated(false));
        Ok(Column {
            name: self.name,
            kind,
            unsigned,
            zerofill,
            collation: read_collation(self.collation)?,
            nullable: !self.required,
            default: match self.default {
                None => DefaultValue::None,
                Some(StoredDefault::Null) => DefaultValue::Null,
                Some(StoredDefault::Text(text)) => DefaultValue::Literal(text),
                Some(StoredDefault::Bytes(bytes)) => DefaultValue::Bytes(bytes),
                Some(StoredDefault::Bits(bits)) => DefaultValue::Bits(bits),
                Some(StoredDefault::Expression(text)) => DefaultValue::Expression(text),
                Some(StoredDefault::Now(digits)) => DefaultValue::CurrentTimestamp(digits),
            },
            on_update: self.on_update,
            auto_increment: self.auto,
            generated: self.stored.map(generated(true)).or(computed),
            invisible: self.invisible,
            comment: self.comment,
        })
    }
}

fn read_type(text: &str, srid: Option<u32>) -> Result<(ColumnType, bool, bool), BadDefinition> {
    let bad = || BadDefinition {
        reason: format!("type {text}"),
    };
    let unknown = |_: &str| None;
    let context = Context {
        database: "",
        modes: Modes::default(),
        explicit_timestamps: true,
        lower_case_names: false,
        utf8mb4_collation: "",
        server_collation: None,
        database_collation: &unknown,
    };
    let mut parser = Parser::new(text, &context);
    let spec = type_spec(&mut parser).map_err(|_| bad())?;
    if !parser.is_end() {
        return Err(bad());
    }
    let kind = if let ColumnType::Geometry { shape, .. } = spec.kind {
        ColumnType::Geometry { shape, srid }
    } else {
        spec.kind
    };
    Ok((kind, spec.unsigned, spec.zerofill))
}

fn read_collation(name: Option<String>) -> Result<Option<Collation>, BadDefinition> {
    let read = |name: String| {
        Collation::new(&name).ok_or_else(|| BadDefinition {
            reason: format!("collation {name}"),
        })
    };
    name.map(read).transpose()
}

impl StoredKey {
    fn of(key: &Key) -> StoredKey {
        let part = |part: &KeyPart| match part {
            KeyPart::Column(column) => StoredPart::of(column),
            KeyPart::Expression(expression) => StoredPart::Expression {
                expression: expression.clone(),
            },
        };
        StoredKey {
            name: key.name.clone(),
            kind: match key.kind {
                KeyKind::Unique => StoredKeyKind::Unique,
                KeyKind::Plain => StoredKeyKind::Plain,
                KeyKind::Generated => StoredKeyKind::Generated,
                KeyKind::FullText => StoredKeyKind::FullText,
                KeyKind::Spatial => StoredKeyKind::Spatial,
            },
            parts: key.parts.iter().map(part).collect(),
        }
    }

    fn read(self) -> Key {
        Key {
            name: self.name,
            kind: match self.kind {
                StoredKeyKind::Unique => KeyKind::Unique,
                StoredKeyKind::Plain => KeyKind::Plain,
                StoredKeyKind::Generated => KeyKind::Generated,
                StoredKeyKind::FullText => KeyKind::FullText,
                StoredKeyKind::Spatial => KeyKind::Spatial,
            },
            parts: self.parts.into_iter().map(StoredPart::read).collect(),
        }
    }
}

impl StoredPart {
    fn of(column: &KeyColumn) -> StoredPart {
        let name = column.name.clone();
        match column.prefix {
            Some(prefix) => StoredPart::Prefix(name, prefix),
            None => StoredPart::Column(name),
        }
    }

    fn read(self) -> KeyPart {
        let column = |name, prefix| KeyPart::Column(KeyColumn { name, prefix });
        match self {
            StoredPart::Column(name) => column(name, None),
            StoredPart::Prefix(name, prefix) => column(name, Some(prefix)),
            StoredPart::Expression { expression } => KeyPart::Expression(expression),
        }
    }
}

impl TryFrom<StoredDefinition> for Definition {
    type Error = BadDefinition;

    fn try_from(stored: StoredDefinition) -> Result<Definition, BadDefinition> {
        if stored.version != VERSION {
            let reason = format!("version {}, known is {VERSION}", stored.version);
            return Err(BadDefinition { reason });
        }
        let primary = |part: StoredPart| match part.read() {
            KeyPart::Column(column) => Ok(column),
            KeyPart::Expression(_) => Err(BadDefinition {
                reason: "an expression in a primary key".to_owned(),
            }),
        };
        let columns = stored.columns.into_iter().map(StoredColumn::read);
        Ok(Definition {
            name: Name {
                database: stored.database,
                table: stored.table,
            },
            columns: columns.collect::<Result<_, _>>()?,
            primary_key: stored
                .primary
                .into_iter()
                .map(primary)
                .collect::<Result<_, _>>()?,
            keys: stored.keys.into_iter().map(StoredKey::read).collect(),
            collation: read_collation(stored.collation)?,
            comment: stored.comment,
            engine: stored.engine,
        })
    }
}
