//! Table definitions as the server has them, and a look ahead at the statements of its binlog.
//!
//! Takes names, gives definitions with the place where the server was just after. Reads only. It speaks
//! over connections of its own, so that it never waits for the dump, which may be waiting for it.

use std::collections::BTreeSet;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};
use tokio::task::JoinSet;

use crate::config::{Capture, Database};
use crate::pipeline::error::{Cause, Error};
use crate::pipeline::preflight::{self, Server};
use crate::pipeline::run::{Stop, request};
use crate::pipeline::scan::Scan;
use crate::pipeline::{Begin, Described};
use crate::position::Position;
use crate::schema::catalog::filter;
use crate::schema::definitions::{Definitions, Session};
use crate::schema::lesson::{Changed, Lesson};
use crate::source::chunk::Chunk;
use crate::source::wire::Wire;
use crate::sql::collation::Collation;
use crate::sql::definition::{Definition, Name};
use crate::transform::need_schemas;

/// How long one table may take to be described, the connection included.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(60);

/// Answers the state's questions, from a thread that may block.
pub struct Describer {
    database: Database,
    runtime: tokio::runtime::Handle,
    stop: Stop,
    server: Server,
    // Names our look ahead to the server, which ends an older dump of the same name.
    role: &'static str,
    conn: Option<Conn>,
    // All tables that are not known, as they are being read; dropping it gives that up.
    reading: JoinSet<Lesson>,
}

impl Describer {
    /// For one database; to be called where a runtime runs.
    pub fn new(database: &Database, server: &Server, stop: &Stop) -> Describer {
        Describer {
            database: database.clone(),
            runtime: tokio::runtime::Handle::current(),
            stop: stop.clone(),
            server: server.clone(),
            role: "look ahead",
            conn: None,
            reading: JoinSet::new(),
        }
    }

    /// Has the tables read that are not known: before the first dump of this run where row metadata is MINIMAL, since
    /// no row could be read without, or where records carry their schemas, which show defaults; and beside it where an
    /// event describes its table itself and a definition only adds to that.
    ///
    /// # Errors
    /// What the server says.
    pub async fn prepare(&mut self, begin: &mut Begin) -> Result<(), Error> {
        if begin
            .definitions
            .is_complete(&scope(&self.database.capture))
        {
            return Ok(());
        }
        let known = begin.definitions.tables().map(|(name, _)| name.clone());
        let known: BTreeSet<Name> = known.collect();
        let schemas = self.database.records.envelope.schemas;
        let schemas = schemas || need_schemas(&self.database.transforms);
        if self.server.full_metadata && !schemas {
            begin.learning = true;
            let mut reader = Describer::new(&self.database, &self.server, &self.stop);
            reader.role = "look ahead for all tables";
            self.reading.spawn(async move {
                let lesson = read_all(&reader, &known).await;
                lesson.unwrap_or_else(|error| reader.unread(&error))
            });
            return Ok(());
        }
        let lesson = match read_all(self, &known).await {
            Ok(lesson) => lesson,
            Err(error) => self.unread(&untold(error)?),
        };
        let nothing = Changed::default();
        lesson.teach(&mut begin.definitions, &nothing, &begin.position);
        Ok(())
    }

    /// What was read of all tables, once; nothing of them where that has failed.
    pub fn learned(&mut self) -> Option<Lesson> {
        let done = self.reading.try_join_next()?;
        Some(done.unwrap_or_else(|error| self.unread(&error)))
    }

    /// Tables are asked for one by one then, where one is needed.
    fn unread(&self, reason: &dyn std::fmt::Display) -> Lesson {
        tracing::warn!(
            database = self.database.name,
            %reason,
            "definitions of tables cannot be read"
        );
        Lesson::default()
    }

    /// A table's definition as it is now.
    ///
    /// # Errors
    /// What the connection or the server says.
    pub fn definition(&mut self, table: &Name) -> Result<Described, Error> {
        let runtime = self.runtime.clone();
        let describing = async {
            // A connection that was left alone for hours may be gone without a word.
            let mut idle = self.conn.take();
            let alive = match &mut idle {
                Some(conn) => conn.ping().await.is_ok(),
                None => false,
            };
            let mut conn = match idle.filter(|_| alive) {
                Some(conn) => conn,
                None => connect(&self.database).await?,
            };
            let session = server_session(&mut conn).await?;
            let names = Definitions::new(self.server.lower_case_names);
            loop {
                let before = preflight::position(&mut conn, self.server.gtids).await?;
                let definition = describe(&mut conn, &names, &session, table).await?;
                let until = preflight::position(&mut conn, self.server.gtids).await?;
                let touched = self.look_ahead(&before, &until).await?;
                if touched.is_some_and(|touched| !touched.contains(table)) {
                    self.conn = Some(conn);
                    let definition = definition.map(Box::new);
                    return Ok(Described::As { definition, until });
                }
                // A statement came between the two places: which of them the answer is for cannot be told.
            }
        };
        match runtime.block_on(within(describing)) {
            Err(error) => untold(error).map(|reason| Described::Not { reason }),
            described => described,
        }
    }

    /// The tables whose definitions the statements between two places may change; `None` for any.
    ///
    /// # Errors
    /// The binlog cannot be read there, or remora is to stop.
    pub fn touched(
        &mut self,
        from: &Position,
        until: &Position,
    ) -> Result<Option<Vec<Name>>, Error> {
        self.runtime.block_on(self.look_ahead(from, until))
    }

    async fn look_ahead(
        &self,
        from: &Position,
        until: &Position,
    ) -> Result<Option<Vec<Name>>, Error> {
        let names = Definitions::new(self.server.lower_case_names);
        let mut scan = Scan::new(from.clone(), until.clone(), names);
        if scan.is_done() {
            return Ok(scan.touched());
        }
        let wire = Wire::connect(&self.database.mysql).await?;
        let mut stream = wire.dump(&request(&self.database, from, self.role)).await?;
        let mut chunk = Chunk::default();
        while !scan.is_done() {
            if self.stop.borrow().is_some() {
                return Err(Error::from(Cause::Interrupted));
            }
            stream.read(&mut chunk).await?;
            scan.feed(&chunk)?;
        }
        Ok(scan.touched())
    }
}

/// Why the server does not tell; an error where asking again may help.
fn untold(error: Error) -> Result<String, Error> {
    if let Cause::Sql(mysql_async::Error::Server(refusal)) = &*error.cause {
        return Ok(refusal.message.clone());
    }
    Err(error)
}

async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let timed_out = || {
        let text = format!("no definition of a table within {DESCRIBE_TIMEOUT:?}");
        mysql_async::Error::from(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
    };
    let done = tokio::time::timeout(DESCRIBE_TIMEOUT, work).await;
    done.map_err(|_| timed_out())?
}

/// Reads every captured table that is not known, and where row metadata is MINIMAL every other one too: a
/// captured table may be made like it, or get its name by a RENAME.
async fn read_all(describer: &Describer, known: &BTreeSet<Name>) -> Result<Lesson, Error> {
    let (database, server) = (&describer.database, &describer.server);
    let capture = &database.capture;
    let mut conn = connect(database).await?;
    let session = server_session(&mut conn).await?;
    let names = Definitions::new(server.lower_case_names);
    let before = preflight::position(&mut conn, server.gtids).await?;
    let mut read = Vec::new();
    for name in tables(&mut conn).await? {
        let captured = || filter(&capture.tables, &name.database, &name.table).is_none();
        if !known.contains(&name) && (!server.full_metadata || captured()) {
            let definition = describe(&mut conn, &names, &session, &name).await?;
            read.push((name, definition));
        }
    }
    let databases: Vec<(String, String)> = conn
        .query("SELECT SCHEMA_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA")
        .await?;
    let whole = sees_all(&mut conn).await?;
    let until = preflight::position(&mut conn, server.gtids).await?;
    let touched = describer.look_ahead(&before, &until).await?;
    let certain = |(name, _): &(Name, _)| touched.as_ref().is_some_and(|t| !t.contains(name));
    let (tables, uncertain): (Vec<_>, Vec<_>) = read.into_iter().partition(certain);
    let collation = |(name, collation): (String, String)| Some((name, Collation::new(&collation)?));
    Ok(Lesson {
        scope: scope(capture),
        tables,
        uncertain: uncertain.into_iter().map(|(name, _)| name).collect(),
        databases: databases.into_iter().filter_map(collation).collect(),
        until,
        whole,
    })
}

/// Whether a table that is not in the list is not there: the server leaves out those on which the account
/// has no privilege. Privileges by roles and on single databases do not count, they are too many to judge.
async fn sees_all(conn: &mut Conn) -> Result<bool, Error> {
    let sees: Option<bool> = conn
        .query_first(
            "SELECT EXISTS (SELECT 1 FROM information_schema.USER_PRIVILEGES WHERE PRIVILEGE_TYPE = 'SELECT' \
             AND GRANTEE = CONCAT('\\'', REPLACE(CURRENT_USER(), '@', '\\'@\\''), '\\'')) \
             AND NOT EXISTS (SELECT 1 FROM performance_schema.global_variables \
             WHERE VARIABLE_NAME = 'partial_revokes' AND VARIABLE_VALUE = 'ON')",
        )
        .await?;
    Ok(sees.unwrap_or(false))
}

/// What is captured, in the words of the configuration.
fn scope(capture: &Capture) -> String {
    let list = |patterns: &[regex::Regex]| {
        let texts: Vec<&str> = patterns.iter().map(regex::Regex::as_str).collect();
        texts.join(",")
    };
    let tables = &capture.tables;
    let mut scope = format!("{} but {}", list(&tables.include), list(&tables.exclude));
    if !(tables.include_databases.is_empty() && tables.exclude_databases.is_empty()) {
        let (include, exclude) = (&tables.include_databases, &tables.exclude_databases);
        scope.push_str(&format!(" of {} but {}", list(include), list(exclude)));
    }
    scope
}

/// A connection whose SHOW CREATE TABLE says everything, in one form.
async fn connect(database: &Database) -> Result<Conn, Error> {
    let mut conn = preflight::connect(&database.mysql).await?;
    conn.query_drop("SET NAMES utf8mb4, SESSION sql_mode = '', SESSION sql_quote_show_create = 1")
        .await?;
    // 1193: a server before 8.0.30, which has no such keys, does not know the variable either.
    let shown = conn
        .query_drop("SET SESSION show_gipk_in_create_table_and_information_schema = ON")
        .await;
    match shown {
        Err(mysql_async::Error::Server(error)) if error.code == 1193 => {}
        result => result?,
    }
    Ok(conn)
}

/// The settings that SHOW CREATE TABLE leaves out, since they are the server's.
async fn server_session(conn: &mut Conn) -> Result<Session, Error> {
    let settings: Vec<(String, String)> = conn
        .query(
            "SHOW VARIABLES WHERE Variable_name IN ('collation_server', 'default_collation_for_utf8mb4')",
        )
        .await?;
    let value = |name: &str| {
        let found = settings.iter().find(|(variable, _)| variable == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    let (server, utf8mb4) = (
        value("collation_server"),
        value("default_collation_for_utf8mb4"),
    );
    Ok(Session {
        explicit_timestamps: true,
        utf8mb4_collation: match utf8mb4.is_empty() {
            true => "utf8mb4_0900_ai_ci".to_owned(),
            false => utf8mb4,
        },
        server_collation: Collation::new(&server),
        ..Session::default()
    })
}

/// All base tables but the server's own.
async fn tables(conn: &mut Conn) -> Result<Vec<Name>, Error> {
    let rows: Vec<(String, String)> = conn
        .query(
            "SELECT TABLE_SCHEMA, TABLE_NAME FROM information_schema.TABLES \
             WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN \
             ('mysql', 'sys', 'performance_schema', 'information_schema') ORDER BY 1, 2",
        )
        .await?;
    Ok(rows
        .into_iter()
        .map(|(database, table)| Name { database, table })
        .collect())
}

/// `None` for a table that is not there, and for a view.
async fn describe(
    conn: &mut Conn,
    names: &Definitions,
    session: &Session,
    name: &Name,
) -> Result<Option<Definition>, Error> {
    let quoted = |text: &str| format!("`{}`", text.replace('`', "``"));
    let query = format!(
        "SHOW CREATE TABLE {}.{}",
        quoted(&name.database),
        quoted(&name.table)
    );
    let row: Option<Row> = match conn.query_first(query).await {
        // No such database, no such table.
        Err(mysql_async::Error::Server(error)) if matches!(error.code, 1049 | 1146) => None,
        result => result?,
    };
    let Some(row) = row else {
        return Ok(None);
    };
    let is_table = row
        .columns_ref()
        .first()
        .is_some_and(|c| c.name_str() == "Table");
    let text = row.get_opt::<String, _>(1).and_then(Result::ok);
    let Some(text) = text.filter(|_| is_table) else {
        return Ok(None);
    };
    let definition = names.from_show_create(&text, name, session);
    match definition {
        Ok(definition) => Ok(Some(definition)),
        Err(error) => {
            // The table is then read by what its events say, or refused where they say too little.
            tracing::warn!(table = %name, %error, "a table's definition cannot be used");
            Ok(None)
        }
    }
}
