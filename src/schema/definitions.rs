//! What is known of the tables that TABLE_MAP does not say: their definitions, followed through the stream.
//!
//! Takes the DDL of the stream in its order and what was read from the server, gives the definition that
//! is valid where the stream stands. A definition that comes from the stream, or that no statement has
//! touched since it was read, is exact. One that was read while the stream was behind is assumed: a
//! statement on its way may have changed the table. Pure; never guesses: where a change is not understood
//! the table is no longer known, until it is read again.

pub mod stored;

use std::collections::BTreeMap;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

use crate::position::Position;
use crate::sql::alter::Alter;
use crate::sql::collation::Collation;
use crate::sql::definition::{Definition, Name};
use crate::sql::statement::{Change, Context, Effect, NotUnderstood, Statement, parse};
use crate::sql::token::Modes;

/// What is known of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its definition where the stream stands.
    Exact(Arc<Definition>),
    /// Its definition on the server when the stream had not come there yet; `None` where the server had
    /// no such table.
    Assumed {
        /// As read.
        definition: Option<Arc<Definition>>,
        /// Where the server was: once the stream is there, and no statement has touched the table, it
        /// holds.
        until: Position,
    },
    /// It exists, or may exist, and how it looks is not known, for this reason.
    Lost(Arc<str>),
    /// The same, and the server does not tell either, for this reason.
    Untold(Arc<str>),
}

/// Definitions of tables and defaults of databases, at one place of the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definitions {
    // Each commit behind a change keeps a copy until it is stored; copies share what has not changed.
    pub(super) tables: RedBlackTreeMapSync<Name, Known>,
    pub(super) databases: BTreeMap<String, Collation>,
    /// What is captured, in the words of the configuration: of which tables all are known.
    pub(super) scope: Option<String>,
    /// `lower_case_table_names` is not 0.
    pub(super) lower_case_names: bool,
}

/// The session of a statement, as its event tells.
#[derive(Clone, Debug, Default)]
pub struct Session {
    /// Default database.
    pub database: String,
    /// `sql_mode`.
    pub modes: Modes,
    /// `explicit_defaults_for_timestamp`.
    pub explicit_timestamps: bool,
    /// `default_collation_for_utf8mb4`.
    pub utf8mb4_collation: String,
    /// `collation_server`.
    pub server_collation: Option<Collation>,
    /// Of the default database.
    pub database_collation: Option<Collation>,
}

impl Definitions {
    /// Nothing known yet.
    pub fn new(lower_case_names: bool) -> Definitions {
        Definitions {
            lower_case_names,
            ..Definitions::default()
        }
    }

    /// What is known of a table; `None` where it was never heard of.
    pub fn get(&self, name: &Name) -> Option<&Known> {
        self.tables.get(name)
    }

    /// All tables, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&Name, &Known)> {
        self.tables.iter()
    }

    /// How many tables are assumed.
    pub fn assumed(&self) -> usize {
        let assumed = |known: &&Known| matches!(known, Known::Assumed { .. });
        self.tables.values().filter(assumed).count()
    }

    /// Whether every table of this scope is known that exists where the stream stands.
    pub fn is_complete(&self, scope: &str) -> bool {
        self.scope.as_deref() == Some(scope)
    }

    /// Says that all tables of a scope have been learned.
    pub fn complete(&mut self, scope: &str) {
        self.scope = Some(scope.to_owned());
    }

    /// Learns a table as the server has it, and up to where the stream must come until that holds; `None`
    /// where it holds already.
    pub fn learn(&mut self, name: Name, definition: Option<Definition>, until: Option<Position>) {
        let definition = definition.map(Arc::new);
        let known = match (until, definition) {
            (Some(until), definition) => Known::Assumed { definition, until },
            (None, Some(definition)) => Known::Exact(definition),
            (None, None) => {
                self.tables.remove_mut(&name);
                return;
            }
        };
        self.tables.insert_mut(name, known);
    }

    /// Learns that the server does not tell how a table looks.
    pub fn untold(&mut self, name: Name, reason: &str) {
        self.tables
            .insert_mut(name, Known::Untold(Arc::from(reason)));
    }

    /// Says that a table exists, or may, and has changed since it was read.
    pub fn forget(&mut self, name: Name) {
        self.tables.insert_mut(name, lost(CHANGED));
    }

    /// Learns the default collation of a database.
    pub fn learn_database(&mut self, database: String, collation: Collation) {
        self.databases.insert(database, collation);
    }

    /// Says that what was assumed of a table holds.
    pub fn confirm(&mut self, name: &Name) {
        if let Some(Known::Assumed { definition, .. }) = self.tables.get(name) {
            let definition = definition.clone();
            match definition {
                Some(definition) => {
                    self.tables
                        .insert_mut(name.clone(), Known::Exact(definition));
                }
                None => drop(self.tables.remove_mut(name)),
            }
        }
    }

    /// Says that the stream has come to `read`, between two groups: what was assumed until there holds.
    /// Gives whether there was any.
    pub fn settle(&mut self, read: &Position) -> bool {
        let reached = |known: &Known| match known {
            Known::Assumed { until, .. } => until.is_reached(read),
            Known::Exact(_) | Known::Lost(_) | Known::Untold(_) => false,
        };
        let tables = self.tables.iter().filter(|(_, known)| reached(known));
        let names: Vec<Name> = tables.map(|(name, _)| name.clone()).collect();
        for name in &names {
            self.confirm(name);
        }
        !names.is_empty()
    }

    /// Reads a statement with what is known of the databases.
    pub fn parse(&self, text: &str, session: &Session) -> Statement {
        self.with_context(session, |context| parse(text, context))
    }

    /// Reads what SHOW CREATE TABLE says of a table.
    ///
    /// # Errors
    /// [`NotUnderstood`].
    pub fn from_show_create(
        &self,
        text: &str,
        name: &Name,
        session: &Session,
    ) -> Result<Definition, NotUnderstood> {
        let session = Session {
            database: name.database.clone(),
            ..session.clone()
        };
        self.with_context(&session, |context| {
            Definition::from_show_create(text, context)
        })
    }

    /// Carries out a statement; gives the tables that are not what they were before.
    pub fn apply(&mut self, statement: &Statement, session: &Session) -> Vec<Name> {
        let mut touched = Vec::new();
        match statement.effect() {
            Effect::Changes(changes) => {
                for change in changes {
                    self.change(change, session, &mut touched);
                }
            }
            Effect::Unknown(Some(tables)) => {
                for name in tables {
                    self.lose(name, UNREAD, &mut touched);
                }
            }
            Effect::Unknown(None) => {
                // Any table may have come, gone or changed.
                self.scope = None;
                touched.extend(self.tables.keys().cloned());
                let unread = |name: &Name| (name.clone(), lost(UNREAD));
                self.tables = self.tables.keys().map(unread).collect();
            }
            Effect::Nothing => {}
        }
        touched
    }

    fn with_context<T>(&self, session: &Session, act: impl FnOnce(&Context<'_>) -> T) -> T {
        let of_database = |database: &str| match &session.database_collation {
            Some(collation) if database == session.database => Some(collation.clone()),
            Some(_) | None => self.databases.get(database).cloned(),
        };
        act(&Context {
            database: &session.database,
            modes: session.modes,
            explicit_timestamps: session.explicit_timestamps,
            lower_case_names: self.lower_case_names,
            utf8mb4_collation: &session.utf8mb4_collation,
            server_collation: session.server_collation.clone(),
            database_collation: &of_database,
        })
    }

    fn change(&mut self, change: &Change, session: &Session, touched: &mut Vec<Name>) {
        match change {
            Change::CreateTable {
                definition,
                if_not_exists,
            } => {
                let known = Known::Exact(Arc::new(definition.clone()));
                self.create(&definition.name, known, *if_not_exists, touched);
            }
            Change::CreateSelect {
                definition,
                if_not_exists,
            } => self.create(&definition.name, lost(SELECTED), *if_not_exists, touched),
            Change::CreateLike {
                table,
                like,
                if_not_exists,
            } => {
                let known = match self.tables.get(like) {
                    Some(Known::Exact(definition)) => {
                        Known::Exact(Arc::new(definition.renamed(table.clone())))
                    }
                    Some(Known::Assumed { .. } | Known::Lost(_) | Known::Untold(_)) | None => {
                        lost(LIKENED)
                    }
                };
                self.create(table, known, *if_not_exists, touched);
            }
            Change::Alter(alter) => self.alter(alter, session, touched),
            Change::Rename { from, to } => self.rename(from, to, touched),
            Change::DropTable { table, .. } => {
                self.tables.remove_mut(table);
                touched.push(table.clone());
            }
            Change::Truncate(_) => {}
            Change::CreateDatabase {
                database,
                if_not_exists,
                collation,
            } => {
                if !(*if_not_exists && self.databases.contains_key(database)) {
                    self.set_database(database, collation.clone());
                }
            }
            Change::AlterDatabase {
                database,
                collation,
            } => self.set_database(database, collation.clone()),
            Change::DropDatabase { database, .. } => {
                self.databases.remove(database);
                let gone: Vec<Name> = self.tables.keys().cloned().collect();
                for name in gone.into_iter().filter(|name| name.database == *database) {
                    self.tables.remove_mut(&name);
                    touched.push(name);
                }
            }
        }
    }

    fn set_database(&mut self, database: &str, collation: Option<Collation>) {
        match collation {
            Some(collation) => self.databases.insert(database.to_owned(), collation),
            None => self.databases.remove(database),
        };
    }

    /// IF NOT EXISTS is logged whether there was such a table or not. Where it is known that there was, it
    /// changes nothing; where all tables are known, and this one is not among them, there was none.
    fn create(&mut self, name: &Name, known: Known, if_not_exists: bool, touched: &mut Vec<Name>) {
        let known = match self.tables.get(name) {
            Some(Known::Exact(_)) if if_not_exists => return,
            Some(Known::Assumed { .. } | Known::Lost(_) | Known::Untold(_)) if if_not_exists => {
                lost(UNSEEN)
            }
            None if if_not_exists && self.scope.is_none() => lost(UNSEEN),
            Some(_) | None => known,
        };
        self.tables.insert_mut(name.clone(), known);
        touched.push(name.clone());
    }

    fn alter(&mut self, alter: &Alter, session: &Session, touched: &mut Vec<Name>) {
        let to = alter.new_name();
        let Some(Known::Exact(definition)) = self.tables.get(&alter.table).cloned() else {
            // What was read later than the statement has it already; what is not known stays so.
            if *to != alter.table {
                self.rename(&alter.table, to, touched);
            } else {
                touched.push(to.clone());
            }
            return;
        };
        let known = match self.with_context(session, |context| definition.apply(alter, context)) {
            Ok(definition) => Known::Exact(Arc::new(definition)),
            Err(error) => Known::Lost(Arc::from(error.to_string())),
        };
        self.tables.remove_mut(&alter.table);
        self.tables.insert_mut(to.clone(), known);
        touched.extend([alter.table.clone(), to.clone()]);
    }

    fn rename(&mut self, from: &Name, to: &Name, touched: &mut Vec<Name>) {
        touched.push(from.clone());
        let known = self.tables.get(from).cloned();
        self.tables.remove_mut(from);
        if let Some(Known::Exact(definition)) = known {
            let known = Known::Exact(Arc::new(definition.renamed(to.clone())));
            self.tables.insert_mut(to.clone(), known);
            touched.push(to.clone());
        } else if !matches!(self.tables.get(to), Some(Known::Assumed { .. })) {
            // What was read under the new name is this table, where the server was further than here.
            self.lose(to, "it was renamed from a table that is not known", touched);
        }
    }

    fn lose(&mut self, name: &Name, reason: &str, touched: &mut Vec<Name>) {
        self.tables.insert_mut(name.clone(), lost(reason));
        touched.push(name.clone());
    }
}

fn lost(reason: &str) -> Known {
    Known::Lost(Arc::from(reason))
}

const UNREAD: &str = "a statement that may change it is not understood";
const UNSEEN: &str = "CREATE TABLE IF NOT EXISTS says nothing of a table that is there";
const CHANGED: &str = "it has changed while it was read";
const SELECTED: &str = "CREATE TABLE … SELECT names not all of its columns";
const LIKENED: &str = "it was made like a table that is not known";

#[cfg(test)]
mod tests {
    use super::*;

    const SCOPE: &str = "all";

    fn name(table: &str) -> Name {
        Name {
            database: "d".to_owned(),
            table: table.to_owned(),
        }
    }

    fn session() -> Session {
        Session {
            database: "d".to_owned(),
            explicit_timestamps: true,
            utf8mb4_collation: "utf8mb4_0900_ai_ci".to_owned(),
            ..Session::default()
        }
    }

    fn run(definitions: &mut Definitions, sql: &str) -> Vec<Name> {
        let statement = definitions.parse(sql, &session());
        definitions.apply(&statement, &session())
    }

    /// After these statements, from nothing.
    fn after(statements: &[&str]) -> Definitions {
        let mut definitions = Definitions::new(false);
        definitions.complete(SCOPE);
        for sql in statements {
            run(&mut definitions, sql);
        }
        definitions
    }

    /// Each table with its columns, or with what is known of it.
    fn known(definitions: &Definitions) -> Vec<String> {
        let columns = |definition: &Definition| {
            let names: Vec<&str> = definition.columns.iter().map(|c| c.name.as_str()).collect();
            names.join(" ")
        };
        let text = |(name, known): (&Name, &Known)| match known {
            Known::Exact(definition) => format!("{}: {}", name.table, columns(definition)),
            Known::Assumed {
                definition: Some(definition),
                ..
            } => format!("{}? {}", name.table, columns(definition)),
            Known::Assumed { .. } => format!("{}? gone", name.table),
            Known::Lost(_) | Known::Untold(_) => format!("{} lost", name.table),
        };
        definitions.tables().map(text).collect()
    }

    fn at(offset: u64) -> Position {
        let file = "bin.000001".to_owned();
        Position::new(None, crate::position::FilePosition { file, offset })
    }

    #[test]
    fn statements_are_followed() {
        let definitions = after(&[
            "CREATE TABLE a (id INT PRIMARY KEY, x INT)",
            "CREATE TABLE b LIKE a",
            "ALTER TABLE a ADD y INT FIRST, DROP x",
            "RENAME TABLE a TO t, b TO a, t TO b",
            "CREATE TABLE IF NOT EXISTS a (z INT)",
            "CREATE TABLE IF NOT EXISTS c (z INT)",
            "ALTER TABLE c RENAME TO e, ADD q INT",
            "DROP TABLE IF EXISTS nothing",
            "TRUNCATE a",
            "CREATE VIEW v AS SELECT 1",
        ]);
        assert_eq!(known(&definitions), ["a: id x", "b: y id", "e: z q"]);
    }

    #[test]
    fn what_is_not_understood_is_no_longer_known() {
        let create = "CREATE TABLE a (id INT)";
        let other = "CREATE TABLE b (id INT)";
        let lost = after(&[create, other, "ALTER TABLE a DROP COLUMN missing"]);
        assert_eq!(known(&lost), ["a lost", "b: id"]);
        let lost = after(&[create, other, "RENAME TABLE unseen TO b"]);
        assert_eq!(known(&lost), ["a: id", "b lost"]);
        let mut incomplete = Definitions::new(false);
        run(&mut incomplete, "CREATE TABLE IF NOT EXISTS a (id INT)");
        assert_eq!(known(&incomplete), ["a lost"]);
        let gone = after(&[create, other, "DROP DATABASE d"]);
        assert!(known(&gone).is_empty());
    }

    #[test]
    fn what_was_read_ahead_is_assumed_until_the_stream_is_there() {
        let source = after(&["CREATE TABLE a (id INT, later INT)"]);
        let Some(Known::Exact(definition)) = source.get(&name("a")) else {
            panic!("not exact")
        };
        let mut definitions = Definitions::new(false);
        definitions.learn(name("a"), Some((**definition).clone()), Some(at(100)));
        definitions.learn(name("gone"), None, Some(at(100)));
        // The statement that led to what was read.
        run(&mut definitions, "ALTER TABLE a ADD later INT");
        assert_eq!(known(&definitions), ["a? id later", "gone? gone"]);
        assert_eq!(definitions.assumed(), 2);
        assert!(!definitions.settle(&at(99)));
        assert!(definitions.settle(&at(100)));
        assert_eq!(known(&definitions), ["a: id later"]);
    }

    #[test]
    fn reads_what_it_writes() {
        let mut definitions = after(&[
            "CREATE TABLE a (id INT PRIMARY KEY, e ENUM('x','y,z') CHARACTER SET latin1)",
            "CREATE TABLE lost (id INT)",
            "ALTER TABLE lost DROP missing",
        ]);
        let Some(Known::Exact(definition)) = definitions.get(&name("a")) else {
            panic!("not exact")
        };
        let definition = (**definition).clone();
        definitions.learn(name("b"), Some(definition), Some(at(7)));
        definitions.learn_database("d".to_owned(), Collation::new("latin1_bin").unwrap());
        let text = definitions.to_text();
        assert_eq!(Definitions::from_text(&text).unwrap(), definitions);
        assert!(Definitions::from_text(&text.replace("{\"version\":1", "{\"version\":2")).is_err());
        assert!(Definitions::from_text(&text[1..]).is_err());
    }
}
