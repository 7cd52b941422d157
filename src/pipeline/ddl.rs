//! What statements and TABLE_MAPs do to the table definitions: the state's side of the catalog.
//!
//! Takes statements in their place of the stream, keeps the definitions up with them, and asks the outbox
//! for what the stream does not say. A definition never changes but at its place.

use crate::encode::envelope::Origin;
use crate::event::{Event, Operation, Query, TableMap};
use crate::pipeline::error::{Cause, Error};
use crate::pipeline::rows::shown_us;
use crate::pipeline::{Described, Outbox, State};
use crate::position::Position;
use crate::schema::catalog::{CatalogError, Need};
use crate::schema::definitions::{Definitions, Known, Session};
use crate::source::binlog::EventError;
use crate::source::query::{Settings, settings};
use crate::source::transaction::Commit;
use crate::sql::collation::Collation;
use crate::sql::definition::Name;
use crate::sql::statement::{Change, Statement};
use crate::sql::token::Modes;
use crate::text::charset::Charset;

/// How often a TABLE_MAP may need something before that is a fault of ours: its definition, and whether
/// that is certain, for what it was before and for what the answer makes of it.
const NEEDS_MAX: u32 = 4;

impl State {
    /// Learns a table's shape, and what it must know for that.
    pub(super) fn table_map(
        &mut self,
        event: &Event<'_>,
        map: &TableMap<'_>,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        for _ in 0..NEEDS_MAX {
            let (read, transaction) = (&self.read, &self.transaction);
            let reading = || {
                let mut reading = read.clone();
                let open = transaction.open().and_then(|open| open.gtid);
                if let (Some(gtids), Some(gtid)) = (&mut reading.gtids, open) {
                    gtids.insert(gtid);
                }
                reading
            };
            let need = self.catalog.table_map(map, &reading);
            let need = need.map_err(|e| Error::at(self.transaction.place(Some(event)), e))?;
            match need {
                Need::Nothing => return Ok(()),
                Need::Definition(table) => {
                    let described = outbox.definition(&table)?;
                    let definitions = &mut self.catalog.definitions;
                    match described {
                        Described::As { definition, until } => {
                            definitions.learn(table, definition.map(|d| *d), Some(until));
                        }
                        Described::Not { reason } => definitions.untold(table, &reason),
                    }
                }
                Need::Certainty { table, until } => {
                    self.make_certain(event, table, &until, outbox)?;
                }
            }
            self.redefined = true;
        }
        let what = "a table map whose table cannot be described";
        let error = EventError::Malformed {
            code: event.header.code,
            what,
        };
        Err(Error::at(self.transaction.place(Some(event)), error))
    }

    /// What no statement touches until then holds already.
    fn make_certain(
        &mut self,
        event: &Event<'_>,
        table: Name,
        until: &Position,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        let touched = outbox.touched(&self.read, until)?;
        let untouched = |name: &Name| touched.as_ref().is_some_and(|t| !t.contains(name));
        if !untouched(&table) {
            let reason = "it was read from the server, and a statement between here and there may have \
                          changed the table";
            let error = CatalogError::Ambiguous {
                table,
                reason: reason.into(),
            };
            return Err(Error::at(self.transaction.place(Some(event)), error));
        }
        let holds = |known: &Known| match known {
            Known::Assumed { until: read, .. } => read.is_reached(until),
            Known::Exact(_) | Known::Lost(_) | Known::Untold(_) => false,
        };
        let tables = self.catalog.definitions.tables();
        let certain: Vec<Name> = tables
            .filter(|(name, known)| untouched(name) && holds(known))
            .map(|(name, _)| name.clone())
            .collect();
        for name in &certain {
            self.catalog.definitions.confirm(name);
        }
        Ok(())
    }

    /// Carries out a statement that may change definitions.
    pub(super) fn ddl(
        &mut self,
        event: &Event<'_>,
        (query, end): (&Query<'_>, Option<&Commit>),
        now_ns: u64,
    ) -> Result<(), Error> {
        let (statement, session) = self.parse(event, query)?;
        let in_group = self.transaction.open().is_some();
        let before = in_group.then(|| self.catalog.definitions.clone());
        if matches!(statement, Statement::Ddl(_)) {
            // What was read before the statement is what it changes.
            self.redefined |= self.catalog.definitions.settle(&self.read);
        }
        let touched = self.catalog.definitions.apply(&statement, &session);
        if let Some(changed) = &mut self.changed {
            changed.note(&statement, &touched);
        }
        if !touched.is_empty() {
            self.redefined = true;
            self.before_group = self.before_group.take().or(before);
            // Equal bytes of a TABLE_MAP do not mean an equal table now.
            self.catalog.clear();
        }
        if let Statement::Ddl(changes) = &statement {
            for change in changes {
                if let Change::Truncate(table) = change {
                    self.truncate(event, (table, end), now_ns);
                }
            }
        }
        Ok(())
    }

    /// Debezium's times of a TRUNCATE end at the millisecond, and it names no connection.
    fn truncate(&mut self, event: &Event<'_>, (table, end): (&Name, Option<&Commit>), now_ns: u64) {
        let rules = self.catalog.rules();
        if self.skipped.truncates || rules.filter(&table.database, &table.table).is_some() {
            return;
        }
        let plan = self.catalog.truncated(table);
        let gtid = end.and_then(|end| end.gtid);
        let commit_us = end.map_or(0, |end| end.commit_us);
        let origin = Origin {
            commit_us: shown_us(event, gtid, commit_us) / 1000 * 1000,
            now_ns,
            server_id: event.header.server_id,
            gtid,
            file: self.transaction.file(),
            pos: self.transaction.start_of(event),
            group_start: end.map_or(0, |end| end.start),
            thread: None,
            operation: Operation::Delete,
        };
        self.encoder.truncate(&mut self.batch, &plan, &origin);
    }

    /// Judges a change of rows that is logged as a statement.
    pub(super) fn statement(&self, event: &Event<'_>, query: &Query<'_>) -> Result<(), Error> {
        let (statement, _) = self.parse(event, query)?;
        // Whatever else this text is, it was logged as a change of rows.
        let mut tables = "tables that it does not name".to_owned();
        if let Statement::Dml {
            tables: Some(named),
        } = statement
        {
            let rules = self.catalog.rules();
            let captured = |name: &&Name| rules.filter(&name.database, &name.table).is_none();
            let names: Vec<String> = named.iter().filter(captured).map(Name::to_string).collect();
            tables = names.join(", ");
        }
        match tables.is_empty() {
            true => Ok(()),
            false => Err(Error::at(
                self.transaction.place(Some(event)),
                Cause::StatementFormat { tables },
            )),
        }
    }

    /// What the open group did to the definitions is not to stand.
    pub(super) fn undo_definitions(&mut self) {
        if let Some(before) = self.before_group.take() {
            self.catalog.definitions = before;
            self.catalog.clear();
        }
    }

    fn parse(&self, event: &Event<'_>, query: &Query<'_>) -> Result<(Statement, Session), Error> {
        let parsed = parse(&self.catalog.definitions, event.header.code, query);
        parsed.map_err(|error| Error::at(self.transaction.place(Some(event)), error))
    }
}

/// Reads a statement under the settings that its event names.
pub(super) fn parse(
    definitions: &Definitions,
    code: u8,
    query: &Query<'_>,
) -> Result<(Statement, Session), EventError> {
    let settings = settings(query.status).map_err(|short| EventError::Truncated { code, short })?;
    let session = session(&settings, query.database);
    let charset = settings.client_collation.and_then(Charset::of_collation);
    let (text, whole) = match charset.unwrap_or(Charset::Utf8mb4).decode(query.text) {
        Ok(text) => (text, true),
        Err(_) => (String::from_utf8_lossy(query.text), false),
    };
    let statement = definitions.parse(&text, &session);
    if !whole && matches!(statement, Statement::Ddl(_)) {
        // Names and labels may be among what could not be read.
        return Ok((Statement::Unparsed { tables: None }, session));
    }
    Ok((statement, session))
}

fn session(settings: &Settings, database: &[u8]) -> Session {
    let collation = |id: Option<u16>| {
        id.and_then(Charset::collation_name)
            .and_then(Collation::new)
    };
    let utf8mb4 = collation(settings.utf8mb4_collation);
    Session {
        database: String::from_utf8_lossy(database).into_owned(),
        modes: Modes::from_bits(settings.sql_mode),
        // Servers that do not log it had it off, unless told otherwise, and logged what it means instead.
        explicit_timestamps: settings.explicit_defaults_for_timestamp.unwrap_or(false),
        utf8mb4_collation: utf8mb4.map_or_else(
            || "utf8mb4_general_ci".to_owned(),
            |collation| collation.name().to_owned(),
        ),
        server_collation: collation(settings.server_collation),
        database_collation: collation(settings.database_collation),
    }
}
