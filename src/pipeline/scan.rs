//! Which tables the statements of a stretch of binlog may change: a look ahead that reads no row.
//!
//! Takes events in the order of the binlog from a place where no group is open, gives the tables once it
//! has come to the end of the stretch. Pure.

use std::collections::BTreeSet;

use crate::event::{Body, Event, FLAG_ARTIFICIAL, Query};
use crate::pipeline::ddl::parse;
use crate::pipeline::error::Error;
use crate::position::{Gtid, Place, Position};
use crate::schema::definitions::Definitions;
use crate::source::binlog::Decoder;
use crate::source::chunk::Chunk;
use crate::source::statement::Statement as Frame;
use crate::sql::definition::Name;
use crate::sql::statement::{Change, Effect, Statement};

/// One look ahead.
#[derive(Debug)]
pub struct Scan {
    decoder: Decoder,
    at: Position,
    until: Position,
    gtid: Option<Gtid>,
    // Inside BEGIN, where a statement does not end the group.
    begun: bool,
    touched: Option<BTreeSet<Name>>,
    names: Definitions,
}

impl Scan {
    /// For the stretch behind `from`; `names` says how names are folded.
    pub fn new(from: Position, until: Position, names: Definitions) -> Scan {
        Scan {
            decoder: Decoder::new(),
            at: from,
            until,
            gtid: None,
            begun: false,
            touched: Some(BTreeSet::new()),
            names,
        }
    }

    /// Whether the end of the stretch is read.
    pub fn is_done(&self) -> bool {
        self.until.is_reached(&self.at)
    }

    /// The tables; `None` where it may be any.
    pub fn touched(self) -> Option<Vec<Name>> {
        self.touched.map(|names| names.into_iter().collect())
    }

    /// Takes the next events.
    ///
    /// # Errors
    /// Where an event cannot be read, with its place.
    pub fn feed(&mut self, chunk: &Chunk) -> Result<(), Error> {
        for bytes in chunk.iter() {
            let place = || Place {
                at: self.at.end.clone(),
                gtid: self.gtid,
            };
            let event = self.decoder.read(bytes);
            let event = event.map_err(|error| Error::at(place(), error))?;
            self.event(&event)?;
            if self.is_done() {
                break;
            }
        }
        Ok(())
    }

    fn event(&mut self, event: &Event<'_>) -> Result<(), Error> {
        match event.body {
            Body::Rotate { file, offset } => {
                self.at.end.file = file.to_owned();
                self.at.end.offset = offset;
                return Ok(());
            }
            Body::Gtid(gtid) => {
                self.gtid = gtid.gtid;
                self.begun = false;
            }
            Body::Query(query) => self.query(event, &query)?,
            Body::Xid | Body::XaPrepare(_) | Body::Payload(_) => self.end(event),
            Body::FormatDescription(_)
            | Body::TableMap(_)
            | Body::Rows(_)
            | Body::PreviousGtids(_)
            | Body::Heartbeat
            | Body::RowsQuery(_)
            | Body::Ignored(_) => {}
        }
        Ok(())
    }

    fn query(&mut self, event: &Event<'_>, query: &Query<'_>) -> Result<(), Error> {
        match Frame::of(query) {
            Frame::Begin | Frame::XaStart => self.begun = true,
            Frame::Commit | Frame::Rollback | Frame::XaCommit | Frame::XaRollback => {
                self.end(event);
            }
            Frame::Savepoint | Frame::RollbackTo | Frame::XaEnd | Frame::Dml => {}
            Frame::Other => {
                let place = Place {
                    at: self.at.end.clone(),
                    gtid: self.gtid,
                };
                let parsed = parse(&self.names, event.header.code, query);
                let (statement, _) = parsed.map_err(|error| Error::at(place, error))?;
                self.note(&statement);
                if !self.begun {
                    self.end(event);
                }
            }
        }
        Ok(())
    }

    fn end(&mut self, event: &Event<'_>) {
        if let (Some(gtids), Some(gtid)) = (&mut self.at.gtids, self.gtid.take()) {
            gtids.insert(gtid);
        }
        if event.header.flags & FLAG_ARTIFICIAL == 0 && event.header.log_pos > 0 {
            self.at.end.offset = u64::from(event.header.log_pos);
        }
    }

    fn note(&mut self, statement: &Statement) {
        let Some(touched) = &mut self.touched else {
            return;
        };
        match statement.effect() {
            Effect::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::CreateTable { definition, .. }
                        | Change::CreateSelect { definition, .. } => {
                            touched.insert(definition.name.clone());
                        }
                        Change::CreateLike { table, .. } | Change::DropTable { table, .. } => {
                            touched.insert(table.clone());
                        }
                        Change::Alter(alter) => {
                            touched.insert(alter.new_name().clone());
                            touched.insert(alter.table.clone());
                        }
                        Change::Rename { from, to } => touched.extend([from, to].map(Name::clone)),
                        Change::DropDatabase { .. } => {
                            self.touched = None;
                            return;
                        }
                        Change::Truncate(_)
                        | Change::CreateDatabase { .. }
                        | Change::AlterDatabase { .. } => {}
                    }
                }
            }
            Effect::Unknown(Some(tables)) => touched.extend(tables.iter().cloned()),
            Effect::Unknown(None) => self.touched = None,
            Effect::Nothing => {}
        }
    }
}
