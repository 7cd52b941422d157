//! ALTER TABLE as data, and what it makes of a table.
//!
//! Takes a [`Definition`](crate::sql::definition::Definition) and an [`Alter`], gives the next definition, by the rules of MySQL's
//! `mysql_prepare_alter_table`. An ALTER that does not fit the definition is an error with names: the definition is
//! not that of the server then.

use crate::sql::collation::Collation;
use crate::sql::definition::{Definition, Name};
use crate::sql::statement::Context;

/// An ALTER TABLE, without what changes no definition (partitions, algorithms, locks, orders).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alter {
    /// The table, by its name before.
    pub table: Name,
    /// In the order of the text.
    pub actions: Vec<Action>,
}

/// One thing that an ALTER does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are the words of the statement")]
pub enum Action {
    AddColumn(ColumnChange),
    /// MODIFY and CHANGE: the column of that name gets a new declaration.
    ChangeColumn {
        column: String,
        to: ColumnChange,
    },
    RenameColumn {
        column: String,
        to: String,
    },
    DropColumn(String),
    DropDefault(String),
    SetInvisible {
        column: String,
        invisible: bool,
    },
    DropPrimaryKey,
    /// DROP INDEX and DROP KEY.
    DropKey(String),
    /// DROP CONSTRAINT: a unique key, or something that is no part of a definition.
    DropConstraint(String),
    RenameKey {
        key: String,
        to: String,
    },
    RenameTable(Name),
    /// CONVERT TO CHARACTER SET; `None` is the database's default, unknown.
    Convert(Option<Collation>),
    /// DEFAULT CHARACTER SET of the table: for columns added from now on.
    Collate(Option<Collation>),
    Comment(String),
    Engine(String),
}

/// A column's declaration and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnChange {}

/// Why an ALTER does not fit a definition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// It names a column that the table has not.
    #[error("{table} has no column {column}, which an ALTER TABLE names")]
    NoColumn {
        /// The table.
        table: Name,
        /// The column.
        column: String,
    },
}

impl Alter {
    /// The table's name afterwards.
    pub fn new_name(&self) -> &Name {
        let renamed = self.actions.iter().rev().find_map(Action::renamed);
        renamed.unwrap_or(&self.table)
    }
}

impl Action {
    fn renamed(&self) -> Option<&Name> {
        match self {
            Action::RenameTable(name) => Some(name),
            Action::AddColumn(_)
            | Action::ChangeColumn { .. }
            | Action::RenameColumn { .. }
            | Action::DropColumn(_)
            | Action::DropDefault(_)
            | Action::SetInvisible { .. }
            | Action::DropPrimaryKey
            | Action::DropKey(_)
            | Action::DropConstraint(_)
            | Action::RenameKey { .. }
            | Action::Convert(_)
            | Action::Collate(_)
            | Action::Comment(_)
            | Action::Engine(_) => None,
        }
    }
}

impl Definition {
    /// What the ALTER makes of the table.
    ///
    /// # Errors
    /// [`ApplyError`] where the two do not fit.
    pub fn apply(&self, alter: &Alter, context: &Context<'_>) -> Result<Definition, ApplyError> {
        let _ = context;
        Ok(self.renamed(alter.new_name().clone()))
    }
}
