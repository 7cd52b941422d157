//! What an ALTER TABLE makes of a definition.
//!
//! Takes a [`Definition`] and an [`Alter`], gives the next definition, by the rules of MySQL's
//! `mysql_prepare_alter_table`: columns that stay or change keep their order, then new and moved ones take their
//! places in the order of the text; names in places are those of afterwards, all others those of before. An ALTER
//! that does not fit the definition is an error with names: the definition is not that of the server then.

use std::borrow::Cow;

use crate::error::{Classify, Fault};
use crate::sql::alter::{Action, Alter, ColumnChange, Place};
use crate::sql::collation::Collation;
use crate::sql::column::{ColumnSpec, fit, has_collation, promote_first_timestamp, resolve};
use crate::sql::default::normal_default;
use crate::sql::definition::{
    Column, ColumnType, DefaultValue, Definition, KeyColumn, KeyPart, LobSize, Name, same,
};
use crate::sql::keys::{KeyOrder, KeySpec, KeySpecKind, key_specs, set_keys, whole_length};
use crate::sql::statement::Context;

/// Why an ALTER does not fit a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It names a column that the table has not.
    #[error("an ALTER TABLE names column {column}, which {table} has not")]
    NoColumn {
        /// The table.
        table: Name,
        /// The column.
        column: String,
    },
    /// It makes two columns of one name.
    #[error("an ALTER TABLE makes a second column {column} in {table}")]
    DuplicateColumn {
        /// The table.
        table: Name,
        /// The column.
        column: String,
    },
    /// It names a key that the table has not.
    #[error("an ALTER TABLE names key {key}, which {table} has not")]
    NoKey {
        /// The table.
        table: Name,
        /// The key.
        key: String,
    },
    /// It leaves no column.
    #[error("an ALTER TABLE drops all columns of {table}")]
    NoColumnsLeft {
        /// The table.
        table: Name,
    },
}

impl Classify for ApplyError {
    fn fault(&self) -> Fault {
        Fault::Data
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(
            "the stored definition of this table is not that of the server: let it be read again",
        ))
    }
}

/// A column of the new list, and the old one that it was.
struct Entry<'a> {
    was: Option<String>,
    column: Column,
    /// Its new declaration.
    spec: Option<&'a ColumnSpec>,
}

impl Definition {
    /// What the ALTER makes of the table.
    ///
    /// # Errors
    /// [`ApplyError`] where the two do not fit.
    pub fn apply(&self, alter: &Alter, context: &Context<'_>) -> Result<Definition, ApplyError> {
        let database = || (context.database_collation)(&self.name.database);
        let mut next = self.renamed(alter.new_name().clone());
        let mut convert = None;
        for action in &alter.actions {
            if let Action::Convert(collation) = action {
                convert = collation.clone().or_else(database);
                next.collation.clone_from(&convert);
            } else if let Action::Collate(collation) = action {
                next.collation = collation.clone().or_else(database);
            } else if let Action::Comment(comment) = action {
                next.comment.clone_from(comment);
            } else if let Action::Engine(engine) = action {
                next.engine.clone_from(engine);
            }
        }
        let entries = self.alter_columns(alter, &next, convert.as_ref(), context)?;
        let keys = self.alter_keys(alter, &entries)?;
        next.columns = entries.into_iter().map(|entry| entry.column).collect();
        self.check_columns(&next.columns)?;
        set_keys(&mut next, keys, KeyOrder::Sorted);
        forget_expressions(&mut next, alter);
        Ok(next)
    }

    fn alter_columns<'a>(
        &self,
        alter: &'a Alter,
        next: &Definition,
        convert: Option<&Collation>,
        context: &Context<'_>,
    ) -> Result<Vec<Entry<'a>>, ApplyError> {
        let changes: Vec<(Option<&str>, &'a ColumnChange)> =
            alter.actions.iter().filter_map(declaration).collect();
        let specs: Vec<_> = changes.iter().map(|(_, change)| &change.spec).collect();
        let mut declared = resolve(&specs, next.collation.as_ref(), context);
        if let Some(convert) = convert {
            let was = |old: Option<&str>| self.column(old?);
            for ((old, change), column) in changes.iter().zip(&mut declared) {
                recode(column, convert);
                if change.spec.kind.length.is_none() {
                    shrink_declared(column, was(*old));
                }
            }
        }
        let changed = |name: &str| {
            let mut names = changes.iter().map(|(old, _)| *old);
            names.position(|old| old.is_some_and(|old| same(old, name)))
        };
        let mut entries = Vec::with_capacity(self.columns.len() + declared.len());
        for old in self
            .columns
            .iter()
            .filter(|column| !is_dropped(alter, &column.name))
        {
            let change = changed(&old.name);
            let change = change.and_then(|at| Some((changes.get(at)?, declared.get(at)?)));
            let (column, spec) = match change {
                Some(((_, change), column)) => (column.clone(), Some(&change.spec)),
                None => (alter_column(old, alter, convert), None),
            };
            let was = Some(old.name.clone());
            entries.push(Entry { was, column, spec });
        }
        self.check_names(alter)?;
        for ((old, change), column) in changes.iter().zip(declared) {
            self.place(&mut entries, *old, change, column)?;
        }
        let columns = entries.iter_mut();
        promote_first_timestamp(
            columns.map(|entry| (&mut entry.column, entry.spec)),
            context,
        );
        Ok(entries)
    }

    /// Puts a new column, or one that moves, where it belongs.
    fn place<'a>(
        &self,
        entries: &mut Vec<Entry<'a>>,
        old: Option<&str>,
        change: &'a ColumnChange,
        column: Column,
    ) -> Result<(), ApplyError> {
        let place = change.place.as_ref();
        let spec = Some(&change.spec);
        let entry = match (old, place) {
            (Some(_), None) => return Ok(()),
            (Some(old), Some(_)) => {
                let is_it =
                    |entry: &Entry<'_>| entry.was.as_ref().is_some_and(|was| same(was, old));
                let Some(at) = entries.iter().position(is_it) else {
                    return Err(self.no_column(old));
                };
                entries.remove(at)
            }
            (None, _) => Entry {
                was: None,
                column,
                spec,
            },
        };
        match place {
            None => entries.push(entry),
            Some(Place::First) => entries.insert(0, entry),
            Some(Place::After(name)) => {
                let mut names = entries.iter().map(|entry| &entry.column.name);
                match names.position(|other| same(other, name)) {
                    Some(at) => entries.insert(at + 1, entry),
                    None => return Err(self.no_column(name)),
                }
            }
        }
        Ok(())
    }

    /// Every old column that the ALTER names must be there.
    fn check_names(&self, alter: &Alter) -> Result<(), ApplyError> {
        let named = alter.actions.iter().filter_map(old_column);
        match named.into_iter().find(|name| self.column(name).is_none()) {
            Some(name) => Err(self.no_column(name)),
            None => Ok(()),
        }
    }

    fn check_columns(&self, columns: &[Column]) -> Result<(), ApplyError> {
        let mut seen = std::collections::HashSet::with_capacity(columns.len());
        let second = columns
            .iter()
            .find(|column| !seen.insert(column.name.to_lowercase()));
        match second {
            Some(column) => Err(ApplyError::DuplicateColumn {
                table: self.name.clone(),
                column: column.name.clone(),
            }),
            None if columns.is_empty() => Err(ApplyError::NoColumnsLeft {
                table: self.name.clone(),
            }),
            None => Ok(()),
        }
    }

    fn no_column(&self, name: &str) -> ApplyError {
        ApplyError::NoColumn {
            table: self.name.clone(),
            column: name.to_owned(),
        }
    }

    /// The keys afterwards, as declarations: those that stay, then the new ones.
    fn alter_keys(&self, alter: &Alter, entries: &[Entry<'_>]) -> Result<Vec<KeySpec>, ApplyError> {
        let mut keys = key_specs(self);
        for action in &alter.actions {
            if let Action::DropPrimaryKey = action {
                keys.retain(|key| key.kind != KeySpecKind::Primary);
            } else if let Action::DropKey(name) = action {
                let at = self.find_key(&keys, name)?;
                keys.remove(at);
            } else if let Action::DropConstraint(name) = action {
                keys.retain(|key| {
                    let named = key.name.as_ref().is_some_and(|own| same(own, name));
                    !(named && key.kind == KeySpecKind::Unique)
                });
            }
        }
        // Renames look at the names of before, so that two keys can swap theirs.
        let mut renamed = Vec::new();
        for action in &alter.actions {
            if let Action::RenameKey { key, to } = action {
                renamed.push((self.find_key(&keys, key)?, to));
            }
        }
        for (at, to) in renamed {
            if let Some(key) = keys.get_mut(at) {
                key.name = Some(to.clone());
                if key.kind == KeySpecKind::Generated {
                    key.kind = KeySpecKind::Plain;
                }
            }
        }
        for key in &mut keys {
            let parts = std::mem::take(&mut key.parts);
            key.parts = parts
                .into_iter()
                .filter_map(|part| self.alter_part(part, entries))
                .collect();
        }
        keys.retain(|key| !key.parts.is_empty());
        keys.extend(alter.actions.iter().filter_map(added_key).cloned());
        Ok(keys)
    }

    fn find_key(&self, keys: &[KeySpec], name: &str) -> Result<usize, ApplyError> {
        let named = |key: &KeySpec| key.name.as_ref().is_some_and(|own| same(own, name));
        keys.iter()
            .position(named)
            .ok_or_else(|| ApplyError::NoKey {
                table: self.name.clone(),
                key: name.to_owned(),
            })
    }

    /// A part of a key by its column's new name; `None` where the column goes. A prefix stays while it is one.
    fn alter_part(&self, part: KeyPart, entries: &[Entry<'_>]) -> Option<KeyPart> {
        let KeyPart::Column(KeyColumn { name, prefix }) = part else {
            return Some(part);
        };
        // A new column takes the place of one that was dropped under its name.
        let is_it =
            |entry: &&Entry<'_>| same(entry.was.as_ref().unwrap_or(&entry.column.name), &name);
        let column = &entries.iter().find(is_it)?.column;
        let fits = |prefix: &u32| match whole_length(&column.kind) {
            Some(whole) => *prefix < whole,
            // Of a TEXT or BLOB, bytes count here, whatever the characters.
            None => {
                let size = column.kind.lob_size();
                size.is_none_or(|size| u64::from(*prefix) <= size.bytes_max())
            }
        };
        Some(KeyPart::Column(KeyColumn {
            name: column.name.clone(),
            prefix: prefix.or_else(|| self.label_bytes(&name)).filter(fits),
        }))
    }

    /// The server takes the bytes in which a row holds a label for the start of a text, where ENUM or SET becomes one.
    fn label_bytes(&self, name: &str) -> Option<u32> {
        let was = self.column(name)?;
        let (bytes, longest) = if let ColumnType::Enum(labels) = &was.kind {
            let lengths = labels.iter().map(|label| label.chars().count());
            let bytes = if labels.len() < 256 { 1 } else { 2 };
            (bytes, lengths.max().unwrap_or_default())
        } else if let ColumnType::Set(labels) = &was.kind {
            let lengths = labels.iter().map(|label| label.chars().count());
            let bytes = match labels.len().div_ceil(8) {
                bytes @ 0..=4 => bytes,
                5.. => 8,
            };
            (
                bytes,
                lengths.sum::<usize>() + labels.len().saturating_sub(1),
            )
        } else {
            return None;
        };
        let collation = was.collation.as_ref();
        let char_bytes = usize::try_from(collation.map_or(1, Collation::char_bytes_max)).ok()?;
        let prefix = u32::try_from(bytes / char_bytes).ok()?;
        (prefix > 0 && longest * char_bytes != bytes).then_some(prefix)
    }
}

/// The old name and the declaration of columns that get one.
fn declaration(action: &Action) -> Option<(Option<&str>, &ColumnChange)> {
    if let Action::AddColumn(change) = action {
        Some((None, change))
    } else if let Action::ChangeColumn { column, to } = action {
        Some((Some(column), to))
    } else {
        None
    }
}

fn added_key(action: &Action) -> Option<&KeySpec> {
    if let Action::AddKey(key) = action {
        Some(key)
    } else {
        None
    }
}

/// The column of before that an action is about.
fn old_column(action: &Action) -> Option<&str> {
    match action {
        Action::ChangeColumn { column, .. }
        | Action::RenameColumn { column, .. }
        | Action::DropColumn(column)
        | Action::SetDefault { column, .. }
        | Action::SetInvisible { column, .. } => Some(column),
        Action::AddColumn(_)
        | Action::AddKey(_)
        | Action::DropPrimaryKey
        | Action::DropKey(_)
        | Action::DropConstraint(_)
        | Action::RenameKey { .. }
        | Action::RenameTable(_)
        | Action::Convert(_)
        | Action::Collate(_)
        | Action::Comment(_)
        | Action::Engine(_) => None,
    }
}

fn is_dropped(alter: &Alter, name: &str) -> bool {
    let dropped =
        |action: &Action| matches!(action, Action::DropColumn(column) if same(column, name));
    alter.actions.iter().any(dropped)
}

/// A column that is not declared anew, with what the ALTER says of it.
fn alter_column(old: &Column, alter: &Alter, convert: Option<&Collation>) -> Column {
    let mut column = old.clone();
    if let Some(convert) = convert {
        convert_column(&mut column, convert);
    }
    for action in &alter.actions {
        if old_column(action).is_none_or(|column| !same(column, &old.name)) {
            continue;
        }
        if let Action::RenameColumn { to, .. } = action {
            column.name.clone_from(to);
        } else if let Action::SetInvisible { invisible, .. } = action {
            column.invisible = *invisible;
        } else if let Action::SetDefault { default, .. } = action {
            column.default = match &default.0 {
                Some(default) => normal_default(default, &column),
                None => dropped_default(&column),
            };
        }
    }
    column
}

/// The server loses an expression that SET DEFAULT gives to a column of the primary key.
fn forget_expressions(next: &mut Definition, alter: &Alter) {
    for action in &alter.actions {
        let Action::SetDefault { column: name, .. } = action else {
            continue;
        };
        let is_key = next.primary_key.iter().any(|key| same(&key.name, name));
        let mut columns = next.columns.iter_mut();
        let column = columns.find(|column| same(&column.name, name));
        if let Some(column) = column.filter(|_| is_key)
            && matches!(column.default, DefaultValue::Expression(_))
        {
            column.default = DefaultValue::None;
        }
    }
}

/// What a column has when its default is dropped. SHOW CREATE TABLE does not tell NULL from nothing for types that
/// can have no constant.
fn dropped_default(column: &Column) -> DefaultValue {
    match column.nullable && column.kind.has_no_literal() {
        true => DefaultValue::Null,
        false => DefaultValue::None,
    }
}

/// CONVERT TO for a column that stays: a TEXT grows so that what was in it fits.
fn convert_column(column: &mut Column, to: &Collation) {
    let Some(from) = column.collation.clone() else {
        return;
    };
    let size = if let ColumnType::Text(size) = column.kind {
        Some(size)
    } else {
        None
    };
    recode(column, to);
    let Some(size) = size else {
        return;
    };
    let chars = size.bytes_max() / u64::from(from.char_bytes_max());
    let grown = match size {
        LobSize::Long => LobSize::Long,
        LobSize::Tiny | LobSize::Normal | LobSize::Medium => {
            LobSize::holding(chars * u64::from(to.char_bytes_max()))
        }
    };
    column.kind = match to.is_binary() {
        true => ColumnType::Blob(grown),
        false => ColumnType::Text(grown),
    };
}

/// A TEXT or BLOB that a column becomes beside a CONVERT TO gets the size of what the column was: the server means to
/// keep what was in it, and forgets that the declaration says more.
fn shrink_declared(column: &mut Column, was: Option<&Column>) {
    let (Some(was), Some(size)) = (was, column.kind.lob_size()) else {
        return;
    };
    let chars_max = was.kind.lob_size().map_or_else(
        || match was.kind.has_no_literal() {
            true => LobSize::Long.bytes_max(),
            false => u64::from(whole_length(&was.kind).unwrap_or_default()),
        },
        LobSize::bytes_max,
    );
    let bytes = |column: &Column| {
        let collation = column.collation.as_ref();
        u64::from(collation.map_or(1, Collation::char_bytes_max))
    };
    let held = LobSize::holding(chars_max / bytes(was) * bytes(column));
    let held = if size == LobSize::Long { size } else { held };
    column.kind = match column.collation {
        Some(_) => ColumnType::Text(held),
        None => ColumnType::Blob(held),
    };
}

/// Gives a text column another collation, unless it is of bytes.
fn recode(column: &mut Column, to: &Collation) {
    let binary = column.collation.as_ref().is_some_and(Collation::is_binary);
    if has_collation(&column.kind) && !binary {
        column.collation = Some(to.clone());
        fit(column, None);
    }
}
