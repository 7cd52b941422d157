//! The joints of the pipe: the only place that sees every stage.
//!
//! [`State`] takes inputs (events, acknowledgements, ticks) and gives batches and positions to an
//! [`Outbox`]. It is pure: no IO, no clock, no await, so that a test can stop it at any step. `run`
//! beside it connects a state to a server, a sink and a store.

mod ends;
pub mod error;
pub mod holding;
pub mod preflight;
pub mod progress;
pub mod resume;
pub mod run;

use std::sync::Arc;

use crate::checkpoint::window::Window;
use crate::config::RowImage;
use crate::cursor::Cursor;
use crate::decode::image::{self, ImageError};
use crate::encode::envelope::{Encoder, Origin, RowNumber, Style};
use crate::event::{Body, Event, Operation, Payload, Rows};
use crate::pipeline::error::{Cause, Error};
use crate::pipeline::holding::Holding;
use crate::pipeline::holding::folder::Folder;
use crate::pipeline::progress::Progress;
use crate::pipeline::resume::{Reading, Resume};
use crate::position::Position;
use crate::schema::catalog::{Catalog, Rules, Table};
use crate::schema::plan::Plan;
use crate::sink::batch::{Batch, BatchSeq};
use crate::source::binlog::{Decoder, EventError, read_inner};
use crate::source::chunk::Chunk;
use crate::source::payload::{Inflater, Limits};
use crate::source::transaction::{Ends, Step, Transaction};

/// Bytes of records from which on a batch goes out.
pub const BATCH_BYTES: usize = 256 << 10;

/// What moves a database forward.
#[derive(Debug)]
pub enum Input<'a> {
    /// A dump has been asked for, from the position that [`State::read_up_to`] names.
    Connected,
    /// Events, in the order of the binlog.
    Events {
        /// The events.
        chunk: &'a Chunk,
        /// Nanoseconds since 1970 now.
        now_ns: u64,
    },
    /// A batch is delivered for good.
    Acked(BatchSeq),
    /// Time to store the position, if it moved.
    Tick,
}

/// Where a state's results go. Implementations may block: that is the back-pressure.
pub trait Outbox {
    /// Takes a batch, gives back an empty one.
    ///
    /// # Errors
    /// Where the database is to stop; the state must not be used then.
    fn send(&mut self, batch: Batch) -> Result<Batch, Error>;

    /// Takes a position up to which everything is delivered.
    ///
    /// # Errors
    /// As for `send`.
    fn store(&mut self, position: &Position) -> Result<(), Error>;

    /// Where groups wait that have no place in memory; by default nowhere.
    fn disk(&mut self) -> Option<&mut Folder> {
        None
    }
}

/// What was read and written since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Their bytes.
    pub event_bytes: u64,
    /// Rows that became records: inserted, updated, deleted.
    pub rows: [u64; 3],
    /// Records, tombstones included.
    pub records: u64,
    /// Bytes of the batches.
    pub record_bytes: u64,
    /// Groups that were read to their end.
    pub transactions: u64,
    /// Events passed over by name.
    pub ignored: u64,
    /// Microseconds since 1970 at the commit of the last group; 0 before the first.
    pub commit_us: u64,
}

/// Limits of one database.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Of compressed groups.
    pub payload: Limits,
    /// Bytes of records in memory for groups that must wait for their end.
    pub memory_bytes_max: usize,
    /// Which row images are read.
    pub row_image: RowImage,
}

/// One database between its source and its sink.
pub struct State {
    bounds: Bounds,
    decoder: Decoder,
    transaction: Transaction,
    catalog: Catalog,
    encoder: Encoder,
    count_all_rows: bool,
    batch: Batch,
    holding: Holding,
    resume: Option<Resume>,
    inflated: Vec<u8>,
    sent: u64,
    commits: Vec<Progress>,
    window: Window<Progress>,
    read: Position,
    delivered: Position,
    moved: bool,
    counts: Counts,
}

impl State {
    /// For a database that has been delivered up to `position`.
    pub fn new(position: Position, rules: Rules, style: Style, bounds: Bounds) -> State {
        let (from, resume) = Resume::from(&position);
        let gtids = position.gtids.clone();
        State {
            bounds,
            decoder: Decoder::new(),
            transaction: Transaction::new(gtids.is_some(), &from),
            catalog: Catalog::new(rules),
            count_all_rows: style.ids,
            encoder: Encoder::new(style),
            batch: Batch::default(),
            holding: Holding::new(bounds.memory_bytes_max),
            resume,
            inflated: Vec::new(),
            sent: 0,
            commits: Vec::new(),
            window: Window::default(),
            read: Position::new(gtids, from),
            delivered: position,
            moved: false,
            counts: Counts::default(),
        }
    }

    /// The end of the last group that was read: where the next dump begins. What is prepared up to there
    /// waits here, and counts as read.
    pub fn read_up_to(&self) -> &Position {
        &self.read
    }

    /// Up to where everything is delivered.
    pub fn delivered_up_to(&self) -> &Position {
        &self.delivered
    }

    /// Whether every record that was sent is acknowledged, and the position behind it handed out.
    pub fn is_settled(&self) -> bool {
        self.window.is_empty() && !self.moved
    }

    /// Microseconds since 1970 at the commit of the oldest group that is not delivered; `None` where
    /// nothing is on its way or the server logs no such times.
    pub fn oldest_commit_us(&self) -> Option<u64> {
        let of_open = || self.transaction.open().map(|open| open.commit_us);
        let on_its_way = !self.window.is_empty();
        let oldest = self.window.oldest().map(|end| end.commit.commit_us);
        oldest
            .or_else(|| of_open().filter(|_| on_its_way))
            .filter(|us| *us > 0)
    }

    /// Batches that are not acknowledged.
    pub fn in_flight(&self) -> usize {
        self.window.len()
    }

    /// The groups that wait for their end.
    pub fn holding(&self) -> &Holding {
        &self.holding
    }

    /// What was read and written since the start.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes one input to its end.
    ///
    /// # Errors
    /// What stops this database, with the place; nothing of the event concerned has left then, and a
    /// new dump may only follow [`Input::Connected`].
    pub fn handle(&mut self, input: Input<'_>, outbox: &mut dyn Outbox) -> Result<(), Error> {
        match input {
            Input::Connected => self.connected(outbox)?,
            Input::Events { chunk, now_ns } => {
                let result = chunk
                    .iter()
                    .try_for_each(|bytes| self.event(bytes, now_ns, outbox));
                // What was read before a bad event stands, and goes out.
                self.flush(outbox)?;
                return result;
            }
            Input::Acked(seq) => {
                let delivered = &mut self.delivered;
                self.window
                    .acked(seq, |end| progress::deliver(delivered, &end))?;
                self.moved = true;
            }
            Input::Tick => {
                if self.moved {
                    self.moved = false;
                    outbox.store(&self.delivered)?;
                }
            }
        }
        Ok(())
    }

    /// Rows of a group that was not read to its end come again.
    fn connected(&mut self, outbox: &mut dyn Outbox) -> Result<(), Error> {
        self.decoder = Decoder::new();
        self.transaction = Transaction::new(self.read.gtids.is_some(), &self.read.end);
        self.catalog.clear();
        self.drop_held(outbox)
    }

    fn event(&mut self, bytes: &[u8], now_ns: u64, outbox: &mut dyn Outbox) -> Result<(), Error> {
        let event = self
            .decoder
            .read(bytes)
            .map_err(|e| Error::at(self.transaction.place(None), e))?;
        self.counts.events += 1;
        self.counts.event_bytes += bytes.len() as u64;
        let step = self.transaction.step(&event);
        let step = step.map_err(|e| Error::at(self.transaction.place(Some(&event)), e))?;
        if let Step::Payload(payload) = step {
            return self.payload(&event, &payload, now_ns, outbox);
        }
        self.step(&event, step, now_ns, outbox)
    }

    fn payload(
        &mut self,
        outer: &Event<'_>,
        payload: &Payload<'_>,
        now_ns: u64,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.inflated);
        let place = self.transaction.place(Some(outer));
        let at = |cause: Cause| Error::at(place.clone(), cause);
        let mut inflater = Inflater::new(payload, self.bounds.payload).map_err(|e| at(e.into()))?;
        self.transaction.enter_payload(outer);
        let mut end = None;
        while inflater.next_event(&mut buffer).map_err(|e| at(e.into()))? {
            if end.is_some() {
                let what = "an event behind the end of a compressed transaction";
                return Err(at(EventError::Malformed { code: 40, what }.into()));
            }
            let event = read_inner(&buffer).map_err(|e| at(e.into()))?;
            let step = self.transaction.step(&event).map_err(|e| at(e.into()))?;
            // The group counts only when the payload is read to its end and as long as it claims.
            match step.ends() {
                Ends::Group(step) => end = Some(step),
                Ends::Nothing(step) => self.step(&event, step, now_ns, outbox)?,
            }
        }
        self.transaction.leave_payload().map_err(|e| at(e.into()))?;
        if let Some(end) = end {
            self.step(outer, end, now_ns, outbox)?;
        }
        // One large event must not keep its memory for ever.
        buffer.shrink_to(BATCH_BYTES);
        self.inflated = buffer;
        Ok(())
    }

    fn step(
        &mut self,
        event: &Event<'_>,
        step: Step<'_>,
        now_ns: u64,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        if self.reading()? == Reading::Delivered {
            self.pass_over(step);
            return Ok(());
        }
        match step {
            Step::Idle => {
                if let Body::Ignored(_) = event.body {
                    self.counts.ignored += 1;
                }
            }
            Step::NewFile => {
                self.catalog.clear();
                // What a server had not finished when it died never happened.
                if self.transaction.open().is_none() && !self.holding.is_clean() {
                    self.drop_held(outbox)?;
                }
            }
            Step::TableMap(map) => {
                let result = self.catalog.table_map(&map);
                result.map_err(|e| Error::at(self.transaction.place(Some(event)), e))?;
            }
            Step::Rows(rows) => {
                let (sent, records, bytes) =
                    (self.sent, self.batch.records.len(), self.batch.bytes.len());
                if let Err(mut error) = self.rows(event, &rows, now_ns, outbox) {
                    // Nothing of an event that cannot be read to its end, unless some had to leave.
                    if self.sent == sent {
                        self.batch.records.truncate(records);
                        self.batch.bytes.truncate(bytes);
                    }
                    error
                        .place
                        .get_or_insert_with(|| Box::new(self.transaction.place(Some(event))));
                    return Err(error);
                }
            }
            Step::Ddl {
                end: Some(commit), ..
            } => self.finish(commit.into()),
            // With full row metadata a statement cannot surprise: the next TABLE_MAP has the new shape.
            Step::Ddl { end: None, .. } => {}
            Step::Savepoint(name) => self.holding.savepoint(name),
            Step::RollbackTo(name) => {
                if !self.holding.back_to(&name, outbox)? {
                    let place = self.transaction.place(Some(event));
                    return Err(Error::at(place, Cause::UnknownSavepoint));
                }
            }
            Step::Commit(commit) => {
                let held = self.holding.take();
                self.release(held, commit.into(), outbox)?;
            }
            Step::Rollback(commit) => {
                self.drop_held(outbox)?;
                self.finish(commit.into());
            }
            Step::Prepared { prepared, end } => self.prepared(event, prepared, end, outbox)?,
            Step::Decided { xid, stands, end } => {
                self.decided(event, (xid, stands), end, outbox)?
            }
            Step::Payload(_) => {
                let place = self.transaction.place(Some(event));
                let what = "a compressed transaction inside another";
                return Err(Error::at(place, EventError::Malformed { code: 40, what }));
            }
        }
        Ok(())
    }

    fn rows(
        &mut self,
        event: &Event<'_>,
        rows: &Rows<'_>,
        now_ns: u64,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        let plan = match self.catalog.table(rows.table_id) {
            Some(Table::Captured(plan)) => Arc::clone(plan),
            Some(Table::Filtered(layouts)) => {
                if self.count_all_rows {
                    let count = image::count_rows(rows, layouts);
                    let count = count.map_err(|e| unfit(rows.table_id.to_string(), e))?;
                    self.transaction.count_rows(count);
                }
                return Ok(());
            }
            // The server ends a statement that touched no row with an empty event for no table.
            None if rows.images.is_empty() => return Ok(()),
            None => return Err(unfit(rows.table_id.to_string(), ImageError::NoTableMap)),
        };
        let sparse = image::check(rows, plan.columns.len(), self.bounds.row_image);
        let sparse = sparse.map_err(|e| unfit(plan.name(), e))?;
        self.encoder.set_images(sparse.as_ref());
        let waits = self.begin_rows(event, (&plan, rows.operation), now_ns);
        let mut cursor = Cursor::new(rows.images);
        let mut in_event = 0;
        while !cursor.is_empty() {
            let number = RowNumber {
                in_event,
                in_group: self.transaction.rows(),
            };
            let batch = match waits {
                true => self.holding.batch(),
                false => &mut self.batch,
            };
            self.encoder
                .row(batch, &plan, &mut cursor, number)
                .map_err(|source| Cause::Row {
                    table: plan.name(),
                    source,
                })?;
            self.transaction.count_rows(1);
            in_event += 1;
            if waits {
                self.holding.grown(outbox)?;
            } else if self.batch.bytes.len() >= BATCH_BYTES {
                self.flush(outbox)?;
            }
        }
        if waits {
            self.holding.count(rows.operation, u64::from(in_event));
            return Ok(());
        }
        let count = &mut self.counts.rows;
        let [inserted, updated, deleted] = count;
        match rows.operation {
            Operation::Insert => *inserted += u64::from(in_event),
            Operation::Update => *updated += u64::from(in_event),
            Operation::Delete => *deleted += u64::from(in_event),
        }
        Ok(())
    }

    /// Tells the encoder where the rows come from; gives whether they must wait for the group's end.
    fn begin_rows(
        &mut self,
        event: &Event<'_>,
        (plan, operation): (&Plan, Operation),
        now_ns: u64,
    ) -> bool {
        let Some(open) = self.transaction.open() else {
            return false;
        };
        // Without GTIDs Debezium shows the second of the statement, although a finer time is logged.
        let commit_us = match open.gtid {
            Some(_) if open.commit_us > 0 => open.commit_us,
            Some(_) | None => u64::from(event.header.timestamp) * 1_000_000,
        };
        let origin = Origin {
            commit_us,
            now_ns,
            server_id: event.header.server_id,
            gtid: open.gtid,
            file: self.transaction.file(),
            pos: self.transaction.start_of(event),
            group_start: open.start,
            thread: open.thread,
            operation,
        };
        self.encoder.begin_event(plan, &origin);
        open.waits
    }

    /// Sends what is gathered. Commits without records wait for the records sent before them.
    fn flush(&mut self, outbox: &mut dyn Outbox) -> Result<(), Error> {
        if !self.batch.records.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.batch = self.send(batch, outbox)?;
        } else if !self.commits.is_empty() {
            self.sent += 1;
            let seq = BatchSeq(self.sent);
            self.window.sent(seq, self.commits.drain(..))?;
            let delivered = &mut self.delivered;
            self.window
                .acked(seq, |end| progress::deliver(delivered, &end))?;
            self.moved = true;
        }
        Ok(())
    }

    fn send(&mut self, mut batch: Batch, outbox: &mut dyn Outbox) -> Result<Batch, Error> {
        self.sent += 1;
        batch.seq = BatchSeq(self.sent);
        self.counts.records += batch.records.len() as u64;
        self.counts.record_bytes += batch.bytes.len() as u64;
        self.window.sent(batch.seq, self.commits.drain(..))?;
        let mut empty = outbox.send(batch)?;
        empty.clear();
        empty.bytes.shrink_to(4 * BATCH_BYTES);
        Ok(empty)
    }
}

fn unfit(table: String, source: ImageError) -> Error {
    Cause::Rows { table, source }.into()
}
