//! ALTER TABLE as data, and its text.
//!
//! An [`Alter`] holds what changes a definition. What changes none is read and left out: partitions, algorithms,
//! locks, orders, foreign keys, checks.

use crate::sql::collation::Collation;
use crate::sql::column::{ColumnSpec, column_spec};
use crate::sql::default::{DefaultSpec, default_spec};
use crate::sql::definition::Name;
use crate::sql::keys::KeySpec;
use crate::sql::parser::Parser;
use crate::sql::statement::NotUnderstood;
use crate::sql::table::{
    COLUMNS_MAX, CollationSpec, KEYS_MAX, Options, default_collation, is_key, key_spec, own_keys,
    table_option,
};
use crate::sql::token::Kind;

/// An ALTER TABLE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alter {
    /// The table, by its name before.
    pub table: Name,
    /// In the order of the text.
    pub actions: Vec<Action>,
}

/// One thing that an ALTER does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// ADD COLUMN; its place is the end where none is said.
    AddColumn(ColumnChange),
    /// MODIFY and CHANGE: the column of that name gets a new declaration, and stays where no place is said.
    ChangeColumn {
        /// Its name before.
        column: String,
        /// What it becomes.
        to: ColumnChange,
    },
    /// RENAME COLUMN.
    RenameColumn {
        /// Its name before.
        column: String,
        /// Its name afterwards.
        to: String,
    },
    /// DROP COLUMN.
    DropColumn(String),
    /// ALTER COLUMN … SET DEFAULT and DROP DEFAULT.
    SetDefault {
        /// The column.
        column: String,
        /// What it gets.
        default: NewDefault,
    },
    /// ALTER COLUMN … SET INVISIBLE and SET VISIBLE.
    SetInvisible {
        /// The column.
        column: String,
        /// Which of the two.
        invisible: bool,
    },
    /// A key that is declared, by whatever clause.
    AddKey(KeySpec),
    /// DROP PRIMARY KEY.
    DropPrimaryKey,
    /// DROP INDEX and DROP KEY.
    DropKey(String),
    /// DROP CONSTRAINT: a unique key, or something that is no part of a definition.
    DropConstraint(String),
    /// RENAME INDEX and RENAME KEY.
    RenameKey {
        /// Its name before.
        key: String,
        /// Its name afterwards.
        to: String,
    },
    /// RENAME TO.
    RenameTable(Name),
    /// CONVERT TO CHARACTER SET; `None` is the database's default.
    Convert(Option<Collation>),
    /// DEFAULT CHARACTER SET, for columns added from now on; `None` is the database's default.
    Collate(Option<Collation>),
    /// COMMENT.
    Comment(String),
    /// ENGINE.
    Engine(String),
}

/// A column's declaration and place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnChange {
    pub(super) spec: ColumnSpec,
    pub(super) place: Option<Place>,
}

/// A default as ALTER COLUMN gives it; `None` drops it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDefault(pub(super) Option<DefaultSpec>);

/// Where a column goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    First,
    After(String),
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
            | Action::SetDefault { .. }
            | Action::SetInvisible { .. }
            | Action::AddKey(_)
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

/// Actions of one ALTER: each column and key dropped and added.
const ACTIONS_MAX: usize = 2 * (COLUMNS_MAX + KEYS_MAX);

/// Reads from the table's name on; the words `ALTER TABLE` are behind us.
pub(super) fn alter_table(parser: &mut Parser<'_>) -> Result<Alter, NotUnderstood> {
    let table = parser.table_name()?;
    let mut actions = Vec::new();
    loop {
        if parser.is_end() {
            return Ok(Alter { table, actions });
        }
        if skip_partitions(parser)? {
            continue;
        }
        action(parser, &mut actions)?;
        if actions.len() > ACTIONS_MAX {
            return Err(NotUnderstood);
        }
        // Options need no comma between them, and the partitions have none ahead.
        if !parser.eat_sign(',') && !parser.is_end() && !is_option_or_partitions(parser) {
            return Err(NotUnderstood);
        }
    }
}

fn is_option_or_partitions(parser: &Parser<'_>) -> bool {
    let mut ahead = *parser;
    let option = table_option(&mut ahead, &mut Options::default());
    option == Ok(true) || is_partitions(parser)
}

/// Whether a clause about partitions or storage starts here: it is the last one, and changes no definition.
fn is_partitions(parser: &Parser<'_>) -> bool {
    const VERBS: [&str; 15] = [
        "ADD",
        "DROP",
        "REBUILD",
        "OPTIMIZE",
        "ANALYZE",
        "CHECK",
        "REPAIR",
        "COALESCE",
        "TRUNCATE",
        "REORGANIZE",
        "EXCHANGE",
        "DISCARD",
        "IMPORT",
        "UPGRADE",
        "REMOVE",
    ];
    let second = parser.peek_second();
    let of_partitions = second.is("PARTITION") || second.is("PARTITIONING");
    let of_tablespace = parser.is_any(&["DISCARD", "IMPORT"]) && second.is("TABLESPACE");
    parser.is_any(&VERBS) && of_partitions
        || of_tablespace
        || parser.is("PARTITION") && second.is("BY")
        || parser.is_any(&["SECONDARY_LOAD", "SECONDARY_UNLOAD"])
}

fn skip_partitions(parser: &mut Parser<'_>) -> Result<bool, NotUnderstood> {
    let found = is_partitions(parser);
    if found {
        parser.skip_rest()?;
    }
    Ok(found)
}

fn action(parser: &mut Parser<'_>, actions: &mut Vec<Action>) -> Result<(), NotUnderstood> {
    if parser.eat("ADD") {
        add(parser, actions)
    } else if parser.eat("DROP") {
        drop_something(parser, actions)
    } else if parser.is("MODIFY") || parser.is("CHANGE") {
        change(parser, actions)
    } else if parser.eat("ALTER") {
        alter_something(parser, actions)
    } else if parser.eat("RENAME") {
        rename(parser, actions)
    } else if parser.eat_all(&["CONVERT", "TO"]) {
        convert(parser, actions)
    } else if parser.eat_all(&["ORDER", "BY"]) {
        order(parser)
    } else if parser.eat_any(&["ALGORITHM", "LOCK"]) {
        parser.eat_sign('=');
        parser.name().map(drop)
    } else if parser.eat("FORCE")
        || parser.eat_all(&["ENABLE", "KEYS"])
        || parser.eat_all(&["DISABLE", "KEYS"])
        || parser.eat_all(&["WITH", "VALIDATION"])
        || parser.eat_all(&["WITHOUT", "VALIDATION"])
    {
        Ok(())
    } else {
        options(parser, actions)
    }
}

fn add(parser: &mut Parser<'_>, actions: &mut Vec<Action>) -> Result<(), NotUnderstood> {
    if is_key(parser) {
        actions.extend(key_spec(parser)?.map(Action::AddKey));
        return Ok(());
    }
    parser.eat("COLUMN");
    if !parser.eat_sign('(') {
        let spec = column_spec(parser)?;
        let place = place(parser)?;
        add_column(spec, place, actions);
        return Ok(());
    }
    loop {
        match is_key(parser) {
            true => actions.extend(key_spec(parser)?.map(Action::AddKey)),
            false => add_column(column_spec(parser)?, None, actions),
        }
        if parser.eat_sign(')') {
            return Ok(());
        }
        parser.expect_sign(',')?;
    }
}

fn add_column(spec: ColumnSpec, place: Option<Place>, actions: &mut Vec<Action>) {
    let keys: Vec<Action> = own_keys(&spec).map(Action::AddKey).collect();
    actions.push(Action::AddColumn(ColumnChange { spec, place }));
    actions.extend(keys);
}

fn place(parser: &mut Parser<'_>) -> Result<Option<Place>, NotUnderstood> {
    if parser.eat("FIRST") {
        return Ok(Some(Place::First));
    }
    match parser.eat("AFTER") {
        true => Ok(Some(Place::After(parser.name()?))),
        false => Ok(None),
    }
}

fn change(parser: &mut Parser<'_>, actions: &mut Vec<Action>) -> Result<(), NotUnderstood> {
    let renames = parser.advance().is("CHANGE");
    parser.eat("COLUMN");
    let old = match renames {
        true => Some(parser.name()?),
        false => None,
    };
    let spec = column_spec(parser)?;
    let place = place(parser)?;
    let keys: Vec<Action> = own_keys(&spec).map(Action::AddKey).collect();
    actions.push(Action::ChangeColumn {
        column: old.unwrap_or_else(|| spec.name.clone()),
        to: ColumnChange { spec, place },
    });
    actions.extend(keys);
    Ok(())
}

fn drop_something(parser: &mut Parser<'_>, actions: &mut Vec<Action>) -> Result<(), NotUnderstood> {
    if parser.eat_all(&["PRIMARY", "KEY"]) {
        actions.push(Action::DropPrimaryKey);
    } else if parser.eat_any(&["INDEX", "KEY"]) {
        actions.push(drop_key(parser.name()?));
    } else if parser.eat_all(&["FOREIGN", "KEY"]) || parser.eat("CHECK") {
        parser.name()?;
    } else if parser.eat("CONSTRAINT") {
        let name = parser.name()?;
        actions.push(match is_primary(&name) {
            true => Action::DropPrimaryKey,
            false => Action::DropConstraint(name),
        });
    } else {
        parser.eat("COLUMN");
        actions.push(Action::DropColumn(parser.name()?));
        parser.eat_any(&["RESTRICT", "CASCADE"]);
    }
    Ok(())
}

/// DROP INDEX of a name, which may be that of the primary key.
pub(super) fn drop_key(name: String) -> Action {
    match is_primary(&name) {
        true => Action::DropPrimaryKey,
        false => Action::DropKey(name),
    }
}

fn is_primary(name: &str) -> bool {
    name.eq_ignore_ascii_case("PRIMARY")
}

fn alter_something(
    parser: &mut Parser<'_>,
    actions: &mut Vec<Action>,
) -> Result<(), NotUnderstood> {
    if parser.eat("INDEX") {
        parser.name()?;
        return match parser.eat_any(&["VISIBLE", "INVISIBLE"]) {
            true => Ok(()),
            false => Err(NotUnderstood),
        };
    }
    if parser.eat_any(&["CHECK", "CONSTRAINT"]) {
        parser.name()?;
        parser.eat("NOT");
        return parser.expect("ENFORCED");
    }
    parser.eat("COLUMN");
    let column = parser.name()?;
    actions.push(if parser.eat_all(&["DROP", "DEFAULT"]) {
        let default = NewDefault(None);
        Action::SetDefault { column, default }
    } else if parser.eat_all(&["SET", "DEFAULT"]) {
        let default = NewDefault(Some(default_spec(parser)?));
        Action::SetDefault { column, default }
    } else if parser.eat_all(&["SET", "INVISIBLE"]) {
        let invisible = true;
        Action::SetInvisible { column, invisible }
    } else if parser.eat_all(&["SET", "VISIBLE"]) {
        let invisible = false;
        Action::SetInvisible { column, invisible }
    } else {
        return Err(NotUnderstood);
    });
    Ok(())
}

fn rename(parser: &mut Parser<'_>, actions: &mut Vec<Action>) -> Result<(), NotUnderstood> {
    if parser.eat("COLUMN") {
        let column = parser.name()?;
        parser.expect("TO")?;
        let to = parser.name()?;
        actions.push(Action::RenameColumn { column, to });
    } else if parser.eat_any(&["INDEX", "KEY"]) {
        let key = parser.name()?;
        parser.expect("TO")?;
        let to = parser.name()?;
        actions.push(Action::RenameKey { key, to });
    } else {
        let _ = parser.eat_any(&["TO", "AS"]) || parser.eat_sign('=');
        actions.push(Action::RenameTable(parser.table_name()?));
    }
    Ok(())
}

fn convert(parser: &mut Parser<'_>, actions: &mut Vec<Action>) -> Result<(), NotUnderstood> {
    let mut collation = None;
    if !default_collation(parser, &mut collation)? {
        return Err(NotUnderstood);
    }
    if parser.is("COLLATE") {
        default_collation(parser, &mut collation)?;
    }
    actions.push(Action::Convert(named(collation)));
    Ok(())
}

fn named(spec: Option<CollationSpec>) -> Option<Collation> {
    match spec {
        Some(CollationSpec::Named(collation)) => Some(collation),
        Some(CollationSpec::Default) | None => None,
    }
}

/// `ORDER BY a, b DESC`: its commas part columns, until something follows that no column's name can.
fn order(parser: &mut Parser<'_>) -> Result<(), NotUnderstood> {
    loop {
        parser.name()?;
        while parser.eat_sign('.') {
            parser.name()?;
        }
        parser.eat_any(&["ASC", "DESC"]);
        let mut ahead = *parser;
        let another = ahead.eat_sign(',') && ahead.name().is_ok() && {
            let ends = ahead.is_end() || ahead.is_sign(',') || ahead.is_sign('.');
            ends || ahead.is_any(&["ASC", "DESC"])
        };
        // FORCE stands alone, too, and is reserved.
        if !another || parser.peek_second().is("FORCE") {
            return Ok(());
        }
        parser.advance();
    }
}

/// Options of the table, as many as stand without a comma.
fn options(parser: &mut Parser<'_>, actions: &mut Vec<Action>) -> Result<(), NotUnderstood> {
    let mut options = Options::default();
    if !table_option(parser, &mut options)? {
        return Err(NotUnderstood);
    }
    while table_option(parser, &mut options)? {}
    if options.collation.is_some() {
        actions.push(Action::Collate(named(options.collation)));
    }
    actions.extend(options.comment.map(Action::Comment));
    actions.extend(options.engine.map(Action::Engine));
    Ok(())
}

/// The tables that an ALTER TABLE which is not understood may touch: its own, what it is renamed to, what it
/// exchanges partitions with.
pub(super) fn alter_touches(parser: &mut Parser<'_>) -> Option<Vec<Name>> {
    let mut tables = vec![parser.table_name().ok()?];
    loop {
        let token = parser.advance();
        match token.kind {
            Kind::End => return Some(tables),
            Kind::Broken => return None,
            Kind::Word if token.is("RENAME") => {
                let _ = parser.eat_any(&["TO", "AS"]) || parser.eat_sign('=');
                let mut ahead = *parser;
                tables.extend(ahead.table_name().ok());
            }
            Kind::Word if token.is("TABLE") => {
                let mut ahead = *parser;
                tables.extend(ahead.table_name().ok());
            }
            Kind::Word
            | Kind::Name
            | Kind::Text
            | Kind::Hex
            | Kind::Bits
            | Kind::Number
            | Kind::Sign(_) => {}
        }
    }
}
