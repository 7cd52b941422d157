//! Which columns of a table are in its records, and which of them make the key.
//!
//! Takes patterns on `database.table.column`; says of a shape which columns it shows, and what identifies a row
//! where that is not the primary key. Matching is Debezium's: the whole name, in any letter case.

use regex::Regex;

use crate::schema::compile::is_hidden;
use crate::schema::mask::{MaskRule, Masked};
use crate::schema::table_map::{ColumnShape, Shape, code};
use crate::sql::collation::Collation;
use crate::sql::print::SourceType;
use crate::text::charset::Charset;

/// Patterns on columns.
#[derive(Clone, Debug, Default)]
pub struct ColumnRules {
    /// A column is shown when any of these matches; all where empty (`column.include.list`).
    pub include: Vec<Regex>,
    /// And none of these does (`column.exclude.list`).
    pub exclude: Vec<Regex>,
    /// Columns that match these are the key of their table, in the order of these (`message.key.columns`).
    pub key: Vec<Regex>,
    /// Of several that match a column, the first counts.
    pub masks: Vec<MaskRule>,
    /// Columns whose schema tells their type in the source (`column.propagate.source.type`).
    pub source_types: Vec<Regex>,
    /// The same by `database.table.TYPE` (`datatype.propagate.source.type`).
    pub source_datatypes: Vec<Regex>,
}

impl ColumnRules {
    /// Whether each column is in the row of a record.
    pub(super) fn shown(&self, shape: &Shape) -> Vec<bool> {
        let shown = |name: &str| {
            let included = self.include.is_empty() || any(&self.include, name);
            included && !any(&self.exclude, name)
        };
        if self.include.is_empty() && self.exclude.is_empty() {
            return vec![true; shape.columns.len()];
        }
        names(shape).map(|name| shown(&name)).collect()
    }

    /// How each column is masked. Of one that is no text only the schema tells of it, as in Debezium.
    pub(super) fn masks(&self, shape: &Shape) -> Vec<Option<Masked>> {
        if self.masks.is_empty() {
            return vec![None; shape.columns.len()];
        }
        let mask = |(column, name): (&ColumnShape, String)| {
            let rule = self
                .masks
                .iter()
                .find(|rule| rule.columns.is_match(&name))?;
            Some(Masked {
                mask: rule.mask.clone(),
                characters: characters(column),
            })
        };
        shape.columns.iter().zip(names(shape)).map(mask).collect()
    }

    /// The type in the source of each column whose schema is to tell it.
    pub(super) fn source_types<'a>(&self, shape: &'a Shape) -> Vec<Option<&'a SourceType>> {
        if self.source_types.is_empty() && self.source_datatypes.is_empty() {
            return vec![None; shape.columns.len()];
        }
        let told = |(column, name): (&'a ColumnShape, String)| {
            let declared = column.declared.source_type.as_ref()?;
            let datatype = format!("{}.{}.{}", shape.database, shape.table, declared.name);
            let is_told = any(&self.source_types, &name) || any(&self.source_datatypes, &datatype);
            is_told.then_some(declared)
        };
        shape.columns.iter().zip(names(shape)).map(told).collect()
    }

    /// Makes the columns that are to be the key the shape's key, if there are any.
    pub(super) fn choose_key(&self, shape: &mut Shape) {
        if self.key.is_empty() {
            return;
        }
        let names: Vec<String> = names(shape).collect();
        let mut chosen = Vec::new();
        for pattern in &self.key {
            for (index, (column, name)) in shape.columns.iter().zip(&names).enumerate() {
                if pattern.is_match(name) && !is_hidden(column) && !chosen.contains(&index) {
                    chosen.push(index);
                }
            }
        }
        if !chosen.is_empty() {
            shape.primary_key = chosen;
        }
    }
}

/// Characters of CHAR and VARCHAR.
fn characters(column: &ColumnShape) -> Option<usize> {
    let bytes = usize::from(u16::from_le_bytes(column.meta));
    let sized = matches!(column.code, code::STRING | code::VARCHAR | code::VAR_STRING);
    let collation = Collation::new(Charset::collation_name(column.collation)?)?;
    let of_character = usize::try_from(collation.char_bytes_max()).ok()?;
    bytes.checked_div(of_character).filter(|_| sized)
}

fn any(patterns: &[Regex], name: &str) -> bool {
    patterns.iter().any(|pattern| pattern.is_match(name))
}

fn names(shape: &Shape) -> impl Iterator<Item = String> {
    let (database, table) = (&shape.database, &shape.table);
    let columns = shape.columns.iter();
    columns.map(move |column| format!("{database}.{table}.{}", column.name))
}
