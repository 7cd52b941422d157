//! Keys as a table has them in the end: named, without those that a foreign key made for nothing, in the server's
//! order.

use crate::sql::collation::Collation;
use crate::sql::definition::{
    Column, ColumnType, DefaultValue, Definition, Key, KeyColumn, KeyKind, KeyPart, LobSize, same,
};

/// A key as it is declared, or as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySpec {
    /// `None` where the server makes one up, and for the primary key.
    pub(super) name: Option<String>,
    pub(super) kind: KeySpecKind,
    pub(super) parts: Vec<KeyPart>,
}

/// Kinds of declarations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeySpecKind {
    Primary,
    Unique,
    Plain,
    /// Of a foreign key.
    Generated,
    FullText,
    Spatial,
}

/// Whether declared keys are in the server's order already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyOrder {
    /// They are to be brought into it. A column counts as it is when its key is reached, and the primary key, which
    /// may change that, stands among the others: later statements can come to another order.
    Sorted,
    /// They are: SHOW CREATE TABLE prints them so.
    Kept,
}

/// The keys of a definition as declarations, in their order.
pub(super) fn key_specs(definition: &Definition) -> Vec<KeySpec> {
    let mut specs = Vec::with_capacity(definition.keys.len() + 1);
    if !definition.primary_key.is_empty() {
        let columns = definition.primary_key.iter().cloned();
        specs.push(KeySpec {
            name: None,
            kind: KeySpecKind::Primary,
            parts: columns.map(KeyPart::Column).collect(),
        });
    }
    specs.extend(definition.keys.iter().map(|key| KeySpec {
        name: Some(key.name.clone()),
        kind: match key.kind {
            KeyKind::Unique => KeySpecKind::Unique,
            KeyKind::Plain => KeySpecKind::Plain,
            KeyKind::Generated => KeySpecKind::Generated,
            KeyKind::FullText => KeySpecKind::FullText,
            KeyKind::Spatial => KeySpecKind::Spatial,
        },
        parts: key.parts.clone(),
    }));
    specs
}

/// Gives a definition, whose columns are in place, the keys that are declared; those of before come first.
pub(super) fn set_keys(definition: &mut Definition, mut specs: Vec<KeySpec>, order: KeyOrder) {
    drop_redundant(&mut specs);
    name_functional(&mut specs);
    definition.primary_key.clear();
    let mut keys: Vec<(Key, Rank)> = Vec::with_capacity(specs.len());
    for spec in specs {
        let parts: Vec<KeyPart> = spec
            .parts
            .into_iter()
            .map(|part| normal_part(part, &definition.columns))
            .collect();
        let kind = match spec.kind {
            KeySpecKind::Primary => {
                set_primary(definition, parts);
                continue;
            }
            KeySpecKind::Unique => KeyKind::Unique,
            KeySpecKind::Plain => KeyKind::Plain,
            KeySpecKind::Generated => KeyKind::Generated,
            KeySpecKind::FullText => KeyKind::FullText,
            KeySpecKind::Spatial => KeyKind::Spatial,
        };
        let geometry = kind == KeyKind::Plain && is_geometry(&parts, &definition.columns);
        let kind = if geometry { KeyKind::Spatial } else { kind };
        let name = spec.name.unwrap_or_else(|| made_up_name(&parts, &keys));
        let rank = rank(kind, &parts, &definition.columns);
        keys.push((Key { name, kind, parts }, rank));
    }
    if order == KeyOrder::Sorted {
        // Stable: equal ones stay in the order of their declaration.
        keys.sort_by_key(|(_, rank)| *rank);
    }
    definition.keys = keys.into_iter().map(|(key, _)| key).collect();
}

/// Every index of a geometry is a spatial one.
fn is_geometry(parts: &[KeyPart], columns: &[Column]) -> bool {
    let [KeyPart::Column(key)] = parts else {
        return false;
    };
    let column = columns.iter().find(|column| same(&column.name, &key.name));
    column.is_some_and(|column| matches!(column.kind, ColumnType::Geometry { .. }))
}

/// A key that a foreign key made for itself goes where another one starts with its columns.
fn drop_redundant(specs: &mut Vec<KeySpec>) {
    let serves = |key: &KeySpec, generated: &KeySpec| {
        if matches!(key.kind, KeySpecKind::FullText | KeySpecKind::Spatial) {
            return false;
        }
        let starts = key.parts.get(..generated.parts.len());
        starts.is_some_and(|starts| {
            starts
                .iter()
                .zip(&generated.parts)
                .all(|(a, b)| same_part(a, b))
        })
    };
    let mut at = 0;
    while at < specs.len() {
        let redundant = specs.get(at).is_some_and(|spec| {
            let others = specs.iter().enumerate().filter(|(other, _)| *other != at);
            spec.kind == KeySpecKind::Generated
                && others.into_iter().any(|(other, key)| {
                    let equal =
                        key.kind == KeySpecKind::Generated && key.parts.len() == spec.parts.len();
                    // Of two that serve each other the first stays.
                    serves(key, spec) && !(equal && other > at)
                })
        });
        match redundant {
            true => drop(specs.remove(at)),
            false => at += 1,
        }
    }
}

fn same_part(a: &KeyPart, b: &KeyPart) -> bool {
    match (a, b) {
        (KeyPart::Column(a), KeyPart::Column(b)) => same(&a.name, &b.name) && a.prefix == b.prefix,
        (KeyPart::Expression(a), KeyPart::Expression(b)) => a == b,
        (KeyPart::Column(_), KeyPart::Expression(_))
        | (KeyPart::Expression(_), KeyPart::Column(_)) => false,
    }
}

/// Keys over expressions get their names before all others.
fn name_functional(specs: &mut [KeySpec]) {
    for at in 0..specs.len() {
        let taken = |name: &str, specs: &[KeySpec]| {
            let mut names = specs.iter().filter_map(|spec| spec.name.as_deref());
            names.any(|other| same(other, name))
        };
        let functional = specs.get(at).is_some_and(|spec| {
            let is_expression = |part: &KeyPart| matches!(part, KeyPart::Expression(_));
            spec.name.is_none() && spec.parts.iter().any(is_expression)
        });
        if functional {
            let mut name = "functional_index".to_owned();
            let mut number = 2;
            while taken(&name, specs) {
                name = format!("functional_index_{number}");
                number += 1;
            }
            if let Some(spec) = specs.get_mut(at) {
                spec.name = Some(name);
            }
        }
    }
}

/// The name of the first column, or that with a number, as the server makes them up.
fn made_up_name(parts: &[KeyPart], keys: &[(Key, Rank)]) -> String {
    let column = match parts.first() {
        Some(KeyPart::Column(column)) => column.name.as_str(),
        Some(KeyPart::Expression(_)) | None => "functional_index",
    };
    let taken =
        |name: &str| keys.iter().any(|(key, _)| same(&key.name, name)) || same(name, "PRIMARY");
    let mut name = column.to_owned();
    let mut number = 2;
    while taken(&name) {
        name = format!("{column}_{number}");
        number += 1;
    }
    name
}

/// The column's name as it is declared there; a prefix only where it is one.
fn normal_part(part: KeyPart, columns: &[Column]) -> KeyPart {
    let KeyPart::Column(KeyColumn { name, prefix }) = part else {
        return part;
    };
    let column = columns.iter().find(|column| same(&column.name, &name));
    KeyPart::Column(match column {
        Some(column) => KeyColumn {
            name: column.name.clone(),
            prefix: prefix.and_then(|prefix| normal_prefix(prefix, column)),
        },
        None => KeyColumn { name, prefix },
    })
}

fn normal_prefix(prefix: u32, column: &Column) -> Option<u32> {
    let Some(whole) = whole_length(&column.kind) else {
        let char_bytes = column
            .collation
            .as_ref()
            .map_or(1, Collation::char_bytes_max);
        let size = column.kind.lob_size().map_or(u64::MAX, LobSize::bytes_max);
        let chars = size / u64::from(char_bytes);
        return Some(u32::try_from(chars).map_or(prefix, |chars| prefix.min(chars)));
    };
    (prefix < whole).then_some(prefix)
}

/// The length of types that may have a prefix in a key; `None` for those that have no limit of their own.
pub(super) fn whole_length(kind: &ColumnType) -> Option<u32> {
    match kind {
        ColumnType::Char(length)
        | ColumnType::VarChar(length)
        | ColumnType::Binary(length)
        | ColumnType::VarBinary(length) => Some(*length),
        ColumnType::Text(_) | ColumnType::Blob(_) => None,
        // These have none.
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
        | ColumnType::Enum(_)
        | ColumnType::Set(_)
        | ColumnType::Json
        | ColumnType::Geometry { .. }
        | ColumnType::Vector(_) => Some(0),
    }
}

/// Columns of the primary key allow no NULL.
fn set_primary(definition: &mut Definition, parts: Vec<KeyPart>) {
    for part in parts {
        let KeyPart::Column(key) = part else {
            continue;
        };
        let mut columns = definition.columns.iter_mut();
        if let Some(column) = columns.find(|column| same(&column.name, &key.name)) {
            column.nullable = false;
            if column.default == DefaultValue::Null {
                column.default = DefaultValue::None;
            }
        }
        definition.primary_key.push(key);
    }
}

/// The server's order: unique keys first, those without NULL ahead, then those of whole columns, then those of stored
/// columns; full text last.
type Rank = (bool, bool, bool, bool, bool);

fn rank(kind: KeyKind, parts: &[KeyPart], columns: &[Column]) -> Rank {
    let nullable = |part: &KeyPart| match part {
        KeyPart::Column(key) => {
            let mut columns = columns.iter();
            let column = columns.find(|column| same(&column.name, &key.name));
            column.is_some_and(|column| column.nullable)
        }
        // Not known; the place of such a key matters to nobody, since it identifies no row.
        KeyPart::Expression(_) => true,
    };
    let prefixed = |part: &KeyPart| match part {
        KeyPart::Column(key) => key.prefix.is_some(),
        KeyPart::Expression(_) => false,
    };
    let computed = |part: &KeyPart| match part {
        KeyPart::Column(key) => {
            let mut columns = columns.iter();
            let column = columns.find(|column| same(&column.name, &key.name));
            let generated = column.and_then(|column| column.generated.as_ref());
            generated.is_some_and(|generated| !generated.stored)
        }
        KeyPart::Expression(_) => true,
    };
    let computed = parts.iter().any(computed);
    match kind {
        KeyKind::Unique => (
            false,
            parts.iter().any(nullable),
            parts.iter().any(prefixed),
            computed,
            false,
        ),
        KeyKind::Plain | KeyKind::Generated | KeyKind::Spatial => {
            (true, false, false, computed, false)
        }
        KeyKind::FullText => (true, false, false, false, true),
    }
}
