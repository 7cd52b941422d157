//! What a statement of the binlog does: to the group it stands in, to rows, to table definitions.
//!
//! Takes the text of a QUERY event in UTF-8 and its session's [`Context`]; gives a [`Statement`]. Never fails: what
//! looks like DDL of tables and is not understood is [`Statement::Unparsed`], with the tables that it may touch.

use crate::sql::alter::Alter;
use crate::sql::collation::Collation;
use crate::sql::control::control;
use crate::sql::ddl::ddl;
use crate::sql::definition::{Definition, Name};
use crate::sql::dml;
use crate::sql::parser::Parser;
use crate::sql::table::shown_table;
use crate::sql::token::Modes;
use crate::text::charset::Charset;
use crate::xa::Xid;

/// What the meaning of a statement depends on beside its text. All of it is in the QUERY event's status variables,
/// but for the databases' collations, which DDL defines, and `lower_case_table_names`, which never changes.
pub struct Context<'a> {
    /// The session's default database; empty for none.
    pub database: &'a str,
    /// The session's modes.
    pub modes: Modes,
    /// `explicit_defaults_for_timestamp`.
    pub explicit_timestamps: bool,
    /// `lower_case_table_names` is not 0: names of databases and tables are folded to lower case.
    pub lower_case_names: bool,
    /// `default_collation_for_utf8mb4`: `utf8mb4_0900_ai_ci`, or `utf8mb4_general_ci` before 8.0.
    pub utf8mb4_collation: &'a str,
    /// `collation_server`: what a new database gets where it names none.
    pub server_collation: Option<Collation>,
    /// The default collation of a database, where it is known.
    pub database_collation: &'a dyn Fn(&str) -> Option<Collation>,
}

impl Context<'_> {
    /// A table's name, folded as the server folds it.
    pub fn fold(&self, database: String, table: String) -> Name {
        match self.lower_case_names {
            true => Name {
                database: database.to_lowercase(),
                table: table.to_lowercase(),
            },
            false => Name { database, table },
        }
    }

    /// The collation that a character set has where none is named.
    pub fn default_collation(&self, charset: Charset) -> Option<Collation> {
        if charset == Charset::Utf8mb4 {
            return Collation::new(self.utf8mb4_collation);
        }
        Collation::default_of(charset.name())
    }
}

/// What a statement does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// BEGIN, START TRANSACTION.
    Begin,
    /// COMMIT.
    Commit,
    /// ROLLBACK of everything.
    Rollback,
    /// ROLLBACK TO a savepoint.
    RollbackTo(String),
    /// SAVEPOINT.
    Savepoint(String),
    /// RELEASE SAVEPOINT.
    Release(String),
    /// XA START or XA BEGIN.
    XaStart(Xid),
    /// XA END.
    XaEnd(Xid),
    /// XA PREPARE.
    XaPrepare(Xid),
    /// XA COMMIT.
    XaCommit {
        /// Which transaction.
        xid: Xid,
        /// ONE PHASE: it was not prepared.
        one_phase: bool,
    },
    /// XA ROLLBACK.
    XaRollback(Xid),
    /// It changes rows: INSERT, UPDATE and their like.
    Dml {
        /// The tables whose rows it may change, where its text says all of them. Triggers and cascades may change
        /// more.
        tables: Option<Vec<Name>>,
    },
    /// It changes table or database definitions, one after the other.
    Ddl(Vec<Change>),
    /// It changes neither rows nor definitions of base tables: views, routines, accounts, maintenance, temporary
    /// tables.
    Other,
    /// It may change table definitions, and how is not understood.
    Unparsed {
        /// The tables that it can touch; `None` where the text does not tell.
        tables: Option<Vec<Name>>,
    },
}

/// What a statement does to the definitions of tables and databases.
#[derive(Clone, Copy, Debug)]
pub enum Effect<'a> {
    /// These changes, one after the other.
    Changes(&'a [Change]),
    /// Nobody knows which; of these tables, or of any where there is no list.
    Unknown(Option<&'a [Name]>),
    /// Nothing.
    Nothing,
}

impl Statement {
    /// What it does to definitions.
    pub fn effect(&self) -> Effect<'_> {
        match self {
            Statement::Ddl(changes) => Effect::Changes(changes),
            Statement::Unparsed { tables } => Effect::Unknown(tables.as_deref()),
            Statement::Begin
            | Statement::Commit
            | Statement::Rollback
            | Statement::RollbackTo(_)
            | Statement::Savepoint(_)
            | Statement::Release(_)
            | Statement::XaStart(_)
            | Statement::XaEnd(_)
            | Statement::XaPrepare(_)
            | Statement::XaCommit { .. }
            | Statement::XaRollback(_)
            | Statement::Dml { .. }
            | Statement::Other => Effect::Nothing,
        }
    }
}

/// One change of definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// CREATE TABLE with its columns.
    CreateTable {
        /// The new table.
        definition: Definition,
        /// IF NOT EXISTS: the statement is logged even if nothing was created.
        if_not_exists: bool,
    },
    /// CREATE TABLE … LIKE.
    CreateLike {
        /// The new table.
        table: Name,
        /// Whose definition it gets, but for foreign keys.
        like: Name,
        /// As above.
        if_not_exists: bool,
    },
    /// CREATE TABLE … SELECT: the query adds columns, whose definitions are not in the text.
    CreateSelect {
        /// What the text says.
        definition: Definition,
        /// As above.
        if_not_exists: bool,
    },
    /// ALTER TABLE, CREATE INDEX, DROP INDEX.
    Alter(Alter),
    /// One pair of RENAME TABLE. Several are carried out from left to right.
    Rename {
        /// The name until now.
        from: Name,
        /// The name from now on.
        to: Name,
    },
    /// DROP TABLE, one change for each table.
    DropTable {
        /// Which.
        table: Name,
        /// IF EXISTS: the statement is logged even if there was none.
        if_exists: bool,
    },
    /// TRUNCATE TABLE.
    Truncate(Name),
    /// CREATE DATABASE.
    CreateDatabase {
        /// Which.
        database: String,
        /// IF NOT EXISTS.
        if_not_exists: bool,
        /// Its default collation, where the statement or the server's setting says it.
        collation: Option<Collation>,
    },
    /// ALTER DATABASE with a new default collation.
    AlterDatabase {
        /// Which.
        database: String,
        /// The collation; `None` where it is the server's, unknown.
        collation: Option<Collation>,
    },
    /// DROP DATABASE: all its tables go.
    DropDatabase {
        /// Which.
        database: String,
        /// IF EXISTS.
        if_exists: bool,
    },
}

/// What a statement does.
pub fn parse(text: &str, context: &Context<'_>) -> Statement {
    // Most statements of a binlog are this one.
    if text == "BEGIN" {
        return Statement::Begin;
    }
    let mut parser = Parser::new(text, context);
    // MariaDB: settings for one statement.
    if parser.eat_all(&["SET", "STATEMENT"]) && parser.skip_until(|p| p.is("FOR")) == Ok(true) {
        parser.advance();
    }
    if let Some(found) = control(&mut parser) {
        return found.unwrap_or(Statement::Unparsed { tables: None });
    }
    if let Some(tables) = dml::tables(&mut parser) {
        return Statement::Dml { tables };
    }
    match ddl(&mut parser) {
        Some(statement) => statement,
        None if parser.is_end() || is_other(&parser) => Statement::Other,
        None => Statement::Unparsed { tables: None },
    }
}

/// Whether it is a statement of administration, by its first word.
fn is_other(parser: &Parser<'_>) -> bool {
    const WORDS: [&str; 36] = [
        "ANALYZE",
        "BINLOG",
        "CACHE",
        "CHANGE",
        "CHECK",
        "CHECKSUM",
        "CLONE",
        "DEALLOCATE",
        "DESC",
        "DESCRIBE",
        "EXECUTE",
        "EXPLAIN",
        "FLUSH",
        "GRANT",
        "HANDLER",
        "HELP",
        "IMPORT",
        "INSTALL",
        "KILL",
        "LOCK",
        "OPTIMIZE",
        "PREPARE",
        "PURGE",
        "REPAIR",
        "RESET",
        "RESTART",
        "REVOKE",
        "SET",
        "SHOW",
        "SHUTDOWN",
        "SIGNAL",
        "STOP",
        "UNINSTALL",
        "UNLOCK",
        "USE",
        "XA",
    ];
    parser.is_any(&WORDS)
}

/// The answer of SHOW CREATE TABLE is not understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the answer of SHOW CREATE TABLE is not understood")]
pub struct NotUnderstood;

impl Definition {
    /// From the text that SHOW CREATE TABLE gives. The context's database is that of the table; its modes are those
    /// of the session that asked, its settings those of the server.
    ///
    /// # Errors
    /// [`NotUnderstood`].
    pub fn from_show_create(
        text: &str,
        context: &Context<'_>,
    ) -> Result<Definition, NotUnderstood> {
        // Whatever its modes, the server escapes with backslashes. It says NULL of every column that allows it, and DEFAULT of every one that has one.
        let context = &Context {
            modes: Modes {
                no_backslash_escapes: false,
                ..context.modes
            },
            explicit_timestamps: true,
            server_collation: None,
            ..*context
        };
        let mut parser = Parser::new(text, context);
        match parser.eat_all(&["CREATE", "TABLE"]) {
            true => shown_table(&mut parser),
            false => Err(NotUnderstood),
        }
    }
}
