//! The joints of the pipe: the only place that sees every stage.
//!
//! [`State`] takes inputs (events, acknowledgements, ticks) and gives batches and positions to an
//! [`Outbox`]. It is pure: no IO, no clock, no await, so that a test can stop it at any step. `run`
//! beside it connects a state to a server, a sink and a store.

mod ddl;
mod ends;
pub mod error;
pub mod holding;
pub mod preflight;
pub mod progress;
pub mod resume;
mod rows;
pub mod run;
pub mod scan;

use std::sync::Arc;

use crate::checkpoint::window::Window;
use crate::config::{RowImage, Skipped};
use crate::encode::envelope::{Encoder, Style};
use crate::event::{Event, Payload};
use crate::ledger::{Entry, Ledger, Origin as EventOrigin};
use crate::pipeline::error::{Cause, Error};
use crate::pipeline::holding::Holding;
use crate::pipeline::holding::folder::Folder;
use crate::pipeline::progress::Progress;
use crate::pipeline::resume::{Reading, Resume};
use crate::position::{Partial, Position};
use crate::schema::catalog::{Catalog, Rules};
use crate::schema::definitions::Definitions;
use crate::schema::lesson::{Changed, Lesson};
use crate::sink::batch::{Batch, BatchSeq};
use crate::source::binlog::{Decoder, EventError, read_inner};
use crate::source::chunk::Chunk;
use crate::source::payload::{Inflater, Limits};
use crate::source::transaction::{Ends, Step, Transaction};
use crate::sql::definition::{Definition, Name};
use crate::transform::Chain;

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
    /// What [`Begin::learning`] announced.
    Learned(Box<Lesson>),
}

/// Where a state's results go. Implementations may block: that is the back-pressure.
pub trait Outbox {
    /// Takes a batch, gives back an empty one.
    ///
    /// # Errors
    /// Where the database is to stop; the state must not be used then.
    fn send(&mut self, batch: Batch) -> Result<Batch, Error>;

    /// Takes a position up to which everything is delivered, and the table definitions there where they
    /// are not those of the position before.
    ///
    /// # Errors
    /// As for `send`.
    fn store(
        &mut self,
        position: &Position,
        definitions: Option<&Arc<Definitions>>,
    ) -> Result<(), Error>;

    /// Asks the server for a table's definition as it is now; by default there is none, and no server.
    ///
    /// # Errors
    /// The server cannot be asked.
    fn definition(&mut self, _table: &Name) -> Result<Described, Error> {
        Ok(Described::As {
            definition: None,
            until: Position::default(),
        })
    }

    /// Asks for the tables whose definitions the statements between two places of the binlog may change;
    /// `None` where it may be any, as by default.
    ///
    /// # Errors
    /// The binlog cannot be read there.
    fn touched(&mut self, _from: &Position, _until: &Position) -> Result<Option<Vec<Name>>, Error> {
        Ok(None)
    }

    /// Where groups wait that have no place in memory; by default nowhere.
    fn disk(&mut self) -> Option<&mut Folder> {
        None
    }
}

/// What the server says of a table.
#[derive(Clone, Debug)]
pub enum Described {
    /// How it looks.
    As {
        /// `None` where there is no such table.
        definition: Option<Box<Definition>>,
        /// Where the server was just after.
        until: Position,
    },
    /// Nothing.
    Not {
        /// Why.
        reason: String,
    },
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

/// Where a database goes on.
#[derive(Clone, Debug, Default)]
pub struct Begin {
    /// Up to here everything is delivered.
    pub position: Position,
    /// What is known of the tables there.
    pub definitions: Definitions,
    /// What is not known is being read, and will come by [`Input::Learned`].
    pub learning: bool,
}

/// One database between its source and its sink.
pub struct State {
    bounds: Bounds,
    decoder: Decoder,
    transaction: Transaction,
    catalog: Catalog,
    encoder: Encoder,
    transforms: Option<Chain>,
    count_all_rows: bool,
    skipped: Skipped,
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
    // Definitions of the delivered position that are not stored yet.
    unstored: Option<Arc<Definitions>>,
    // The definitions have changed since the last commit.
    redefined: bool,
    // As they were before the open group, where it has changed them.
    before_group: Option<Definitions>,
    // What statements have changed while definitions are being read.
    changed: Option<Changed>,
    // What is delivered of the next group, and which of its events is at hand, its BEGIN being 0.
    partial: Option<(Partial, Option<u64>)>,
    counts: Counts,
    ledger: Ledger,
}

impl State {
    /// For a database that has been delivered up to `position`.
    pub fn new(begin: Begin, rules: Rules, style: Style, bounds: Bounds) -> State {
        let Begin {
            position,
            definitions,
            learning,
        } = begin;
        let (from, resume) = Resume::from(&position);
        let gtids = position.gtids.clone();
        State {
            bounds,
            decoder: Decoder::new(),
            transaction: Transaction::new(gtids.is_some(), &from),
            catalog: Catalog::new(rules, definitions),
            count_all_rows: style.ids,
            skipped: style.skipped,
            encoder: Encoder::new(style),
            transforms: None,
            batch: Batch::default(),
            holding: Holding::new(bounds.memory_bytes_max),
            resume,
            inflated: Vec::new(),
            sent: 0,
            commits: Vec::new(),
            window: Window::default(),
            read: Position::new(gtids, from),
            partial: position.partial.map(|partial| (partial, None)),
            delivered: position,
            moved: false,
            unstored: None,
            redefined: false,
            before_group: None,
            changed: learning.then(Changed::default),
            counts: Counts::default(),
            ledger: Ledger::default(),
        }
    }

    /// The same with transforms between encoding and delivery.
    #[must_use]
    pub fn transforming(mut self, transforms: Option<Chain>) -> State {
        self.transforms = transforms;
        self
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

    /// Tables whose definition is assumed; see [`Definitions`].
    pub fn assumed_tables(&self) -> usize {
        self.catalog.definitions.assumed()
    }

    /// The groups that wait for their end.
    pub fn holding(&self) -> &Holding {
        &self.holding
    }

    /// What was read and written since the start.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// What became of each event.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
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
                    .try_for_each(|bytes| self.counted(bytes, now_ns, outbox));
                self.encoder.beat(&mut self.batch, now_ns);
                // What was read before a bad event stands, and goes out.
                self.flush(outbox)?;
                return result;
            }
            Input::Acked(seq) => {
                self.acked(seq)?;
            }
            Input::Tick => {
                self.redefined |= self.catalog.definitions.settle(&self.read);
                if self.moved {
                    self.moved = false;
                    let definitions = self.unstored.take();
                    outbox.store(&self.delivered, definitions.as_ref())?;
                }
            }
            Input::Learned(lesson) => {
                if let Some(changed) = self.changed.take() {
                    lesson.teach(&mut self.catalog.definitions, &changed, &self.read);
                    self.redefined = true;
                }
            }
        }
        Ok(())
    }

    /// Rows of a group that was not read to its end come again.
    fn connected(&mut self, outbox: &mut dyn Outbox) -> Result<(), Error> {
        self.decoder = Decoder::new();
        self.transaction = Transaction::new(self.read.gtids.is_some(), &self.read.end);
        self.undo_definitions();
        self.catalog.clear();
        if let Some((_, event)) = &mut self.partial {
            *event = None;
        }
        self.encoder.clear_query();
        self.drop_held(outbox)
    }

    fn acked(&mut self, seq: BatchSeq) -> Result<(), Error> {
        let (delivered, unstored) = (&mut self.delivered, &mut self.unstored);
        self.window.acked(seq, |end| {
            progress::deliver(delivered, &end);
            if end.definitions.is_some() {
                *unstored = end.definitions;
            }
        })?;
        self.moved = true;
        Ok(())
    }

    fn counted(&mut self, bytes: &[u8], now_ns: u64, outbox: &mut dyn Outbox) -> Result<(), Error> {
        self.ledger.begin();
        let result = self.event(bytes, now_ns, outbox);
        self.ledger.close(bytes.len(), result.is_ok());
        result
    }

    fn event(&mut self, bytes: &[u8], now_ns: u64, outbox: &mut dyn Outbox) -> Result<(), Error> {
        let event = self
            .decoder
            .read(bytes)
            .map_err(|e| Error::at(self.transaction.place(None), e))?;
        self.ledger.open(EventOrigin::of(&event), &event.body);
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
            self.ledger.open(EventOrigin::Compressed, &event.body);
            let step = self.transaction.step(&event).map_err(|e| at(e.into()))?;
            // The group counts only when the payload is read to its end and as long as it claims.
            match step.ends() {
                Ends::Group(step) => end = Some(step),
                Ends::Nothing(step) => self.step(&event, step, now_ns, outbox)?,
            }
            self.ledger.close(buffer.len(), true);
        }
        self.ledger.open(EventOrigin::of(outer), &outer.body);
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
            if let Step::Rows(_) = step {
                self.ledger.becomes(Entry::Delivered);
            }
            self.pass_over(step);
            return Ok(());
        }
        self.count_event();
        match step {
            Step::Idle => {
                self.passed_over(event);
                self.tell_begin(event);
            }
            Step::NewFile => {
                self.catalog.clear();
                // What a server had not finished when it died never happened.
                if self.transaction.open().is_none() {
                    self.undo_definitions();
                    if !self.holding.is_clean() {
                        self.drop_held(outbox)?;
                    }
                }
            }
            Step::TableMap(map) => self.table_map(event, &map, outbox)?,
            Step::Statement(query) => self.statement(event, &query)?,
            Step::Rows(rows) => self.rows(event, &rows, now_ns, outbox)?,
            Step::Ddl { query, end } => {
                self.ddl(event, (&query, end.as_ref()), now_ns)?;
                if let Some(end) = end {
                    self.finish(end.into());
                }
            }
            Step::Savepoint(name) => {
                let group = self.encoder.transactions().map(|t| t.mark());
                let unfinished = self.ledger.unfinished();
                self.holding.savepoint(name, (unfinished, group));
            }
            Step::RollbackTo(name) => {
                let Some((unfinished, group)) = self.holding.back_to(&name, outbox)? else {
                    let place = self.transaction.place(Some(event));
                    return Err(Error::at(place, Cause::UnknownSavepoint));
                };
                self.ledger.back_to(unfinished);
                if let (Some(transactions), Some(group)) = (self.encoder.transactions(), group) {
                    transactions.back_to(group);
                }
            }
            Step::Commit(commit) => {
                self.tell_end(event, &commit);
                let held = self.holding.take();
                self.release(held, commit.into(), outbox)?;
            }
            Step::Rollback(commit) => {
                self.drop_held(outbox)?;
                self.undo_definitions();
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

    /// Sends what is gathered. Commits without records wait for the records sent before them.
    fn flush(&mut self, outbox: &mut dyn Outbox) -> Result<(), Error> {
        if !self.batch.records.is_empty() {
            let batch = std::mem::take(&mut self.batch);
            self.batch = self.send(batch, outbox)?;
        } else if !self.commits.is_empty() {
            self.sent += 1;
            let seq = BatchSeq(self.sent);
            self.window.sent(seq, self.commits.drain(..))?;
            self.acked(seq)?;
        }
        Ok(())
    }

    fn send(&mut self, mut batch: Batch, outbox: &mut dyn Outbox) -> Result<Batch, Error> {
        self.sent += 1;
        batch.seq = BatchSeq(self.sent);
        if let Some(transforms) = &mut self.transforms {
            transforms.apply(&mut batch)?;
        }
        self.counts.records += batch.records.len() as u64;
        self.counts.record_bytes += batch.bytes.len() as u64;
        self.window.sent(batch.seq, self.commits.drain(..))?;
        let mut empty = outbox.send(batch)?;
        empty.clear();
        empty.bytes.shrink_to(4 * BATCH_BYTES);
        Ok(empty)
    }
}
