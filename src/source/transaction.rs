//! Groups of events: which transaction a row belongs to, and where a transaction ends.
//!
//! Takes events in the order of the binlog, gives a [`Step`] for each. Pure: no IO, no clock. It never
//! lets a row through outside an open group, and never opens a group inside another one: a lost end
//! would show here before anything moves past it.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::{Classify, Fault};
use crate::event::{
    Body, Event, FLAG_ARTIFICIAL, GtidEvent, Payload, Query, Rows, TableMap, XaPrepare,
};
use crate::position::{FilePosition, Gtid, Place};
use crate::source::frame;
use crate::source::statement::Statement;
use crate::xa::{BadXid, Prepared, Xid};

/// What an event means for the stages behind.
#[derive(Debug)]
pub enum Step<'a> {
    /// Nothing: framing, heartbeats, what is passed over.
    Idle,
    /// The shape of a table whose rows follow.
    TableMap(TableMap<'a>),
    /// Rows of the open group.
    Rows(Rows<'a>),
    /// A compressed group: its events go through [`Transaction::step`] one by one.
    Payload(Payload<'a>),
    /// A statement that may change a table's shape; `end` where it is a group of its own.
    Ddl {
        /// The statement.
        query: Query<'a>,
        /// Set where the statement is a group of its own.
        end: Option<Commit>,
    },
    /// A change of rows that is logged as a statement: whether it concerns us is for those who know what
    /// is captured.
    Statement(Query<'a>),
    /// Names this point of the open group.
    Savepoint(String),
    /// The open group is as it was at the savepoint of this name: what came after it is dropped.
    RollbackTo(String),
    /// The group is complete and stands.
    Commit(Commit),
    /// The group is complete and nothing of it stands: what waited for its end is dropped.
    Rollback(Commit),
    /// The group is complete and its outcome is not known: its rows wait for a later group's word.
    Prepared {
        /// The XA transaction.
        prepared: Box<Prepared>,
        /// The group's end.
        end: Commit,
    },
    /// A group that says what became of a prepared one.
    Decided {
        /// The XA transaction.
        xid: Box<Xid>,
        /// Its rows stand.
        stands: bool,
        /// This group's own end.
        end: Commit,
    },
    /// Table ids are no longer valid: another file starts.
    NewFile,
}

/// A step, by whether it ends a group that had a start.
pub enum Ends<'a> {
    /// It does, and borrows nothing of its event.
    Group(Step<'static>),
    /// It does not.
    Nothing(Step<'a>),
}

impl<'a> Step<'a> {
    /// Whether it ends a group that had a start.
    pub fn ends(self) -> Ends<'a> {
        Ends::Group(match self {
            Step::Commit(end) => Step::Commit(end),
            Step::Rollback(end) => Step::Rollback(end),
            Step::Prepared { prepared, end } => Step::Prepared { prepared, end },
            Step::Decided { xid, stands, end } => Step::Decided { xid, stands, end },
            other @ (Step::Idle
            | Step::TableMap(_)
            | Step::Rows(_)
            | Step::Payload(_)
            | Step::Ddl { .. }
            | Step::Statement(_)
            | Step::Savepoint(_)
            | Step::RollbackTo(_)
            | Step::NewFile) => return Ends::Nothing(other),
        })
    }
}

/// The end of a group: from here the position may move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// The group's GTID.
    pub gtid: Option<Gtid>,
    /// File in which it ends.
    pub file: Arc<str>,
    /// Offset at which it begins.
    pub start: u64,
    /// Offset at which it ends.
    pub offset: u64,
    /// Microseconds since 1970 at the commit; 0 where the server does not log it.
    pub commit_us: u64,
}

/// The group that is open.
#[derive(Clone, Debug, Default)]
pub struct Open {
    /// Its GTID.
    pub gtid: Option<Gtid>,
    /// Offset of its first event.
    pub start: u64,
    /// Its rows wait for its end: it may hold what a ROLLBACK would undo.
    pub waits: bool,
    /// Microseconds since 1970 at the commit; 0 where the server does not log it.
    pub commit_us: u64,
    /// Connection id from its BEGIN.
    pub thread: Option<u32>,
    /// Rows of it met so far, of whichever table.
    pub rows: u64,
    begun: bool,
    /// Set by XA START.
    xa: Option<Xid>,
}

impl Open {
    /// Whether its BEGIN, or XA START, has been read.
    pub fn has_begun(&self) -> bool {
        self.begun
    }
}

/// Why the stream is not a sequence of groups.
#[derive(Debug, thiserror::Error)]
pub enum TransactionError {
    /// A group starts while another is open: an end was lost.
    #[error("a transaction starts before the previous one has ended")]
    Nested,
    /// Rows, or an end, without a start.
    #[error("{what} outside a transaction")]
    Outside {
        /// Which event.
        what: &'static str,
    },
    /// Rows went out at once because the group could not roll back, and then it did.
    #[error("a transaction was rolled back in the log after its rows had been published")]
    StreamedRollback,
    /// The name of a savepoint, or the id of an XA transaction, is not in the form that servers write.
    #[error("{what} in a form that is not known")]
    Name {
        /// Which statement.
        what: &'static str,
    },
    /// The end of an XA transaction names another one than its start.
    #[error("the XA transaction {found} ends where {open} is open")]
    XaMismatch {
        /// That of the open group.
        open: String,
        /// That of the event.
        found: Xid,
    },
    /// GTIDs stopped, or started.
    #[error("{what}: gtid_mode was changed on the server")]
    GtidMode {
        /// What was met.
        what: &'static str,
    },
}

impl Classify for TransactionError {
    fn fault(&self) -> Fault {
        match self {
            TransactionError::Nested | TransactionError::Outside { .. } => Fault::Data,
            TransactionError::StreamedRollback => Fault::Data,
            TransactionError::Name { .. } | TransactionError::XaMismatch { .. } => Fault::Data,
            TransactionError::GtidMode { .. } => Fault::Operator,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            TransactionError::Nested
            | TransactionError::Outside { .. }
            | TransactionError::Name { .. }
            | TransactionError::XaMismatch { .. } => {
                "check the binlog file at this place with mysqlbinlog; report it if the server reads it"
            }
            TransactionError::StreamedRollback => {
                "compare the table with its topic; report this transaction's events"
            }
            TransactionError::GtidMode { .. } => {
                "set gtid_mode back, or remove the stored position and start anew"
            }
        }))
    }
}

/// The machine: one per database, reset at each connection.
#[derive(Debug)]
pub struct Transaction {
    gtids: bool,
    file: Arc<str>,
    end: u64,
    open: Option<Open>,
    // Inside a compressed group: start and end of the outer event, and its server id.
    payload: Option<(u64, u64)>,
}

impl Transaction {
    /// Before the first event of a connection: `at` is where the dump was asked to begin.
    pub fn new(gtids: bool, at: &FilePosition) -> Transaction {
        let file = Arc::from(at.file.as_str());
        Transaction {
            gtids,
            file,
            end: at.offset,
            open: None,
            payload: None,
        }
    }

    /// The open group.
    pub fn open(&self) -> Option<&Open> {
        self.open.as_ref()
    }

    /// Rows of the open group met so far: the ordinal of the next one.
    pub fn rows(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.rows)
    }

    /// Counts rows of the open group: the next row's ordinal is what was counted before.
    pub fn count_rows(&mut self, rows: u64) {
        if let Some(open) = &mut self.open {
            open.rows = open.rows.saturating_add(rows);
        }
    }

    /// File that the stream is in.
    pub fn file(&self) -> &Arc<str> {
        &self.file
    }

    /// Where an event starts in its file: what Debezium calls `pos`. Of an event inside a compressed
    /// group, where the compressed event starts.
    pub fn start_of(&self, event: &Event<'_>) -> u64 {
        match self.payload {
            Some((start, _)) => start,
            None => self
                .end_of(event)
                .saturating_sub(u64::from(event.header.size)),
        }
    }

    /// Where the stream stands, for an error about `event`.
    pub fn place(&self, event: Option<&Event<'_>>) -> Place {
        let offset = event.map_or(self.end, |event| self.start_of(event));
        let gtid = self.open.as_ref().and_then(|open| open.gtid);
        Place {
            at: FilePosition {
                file: self.file.to_string(),
                offset,
            },
            gtid,
        }
    }

    /// Says that the following events come from inside `outer`, a compressed group.
    pub fn enter_payload(&mut self, outer: &Event<'_>) {
        let end = self.end_of(outer);
        self.payload = Some((end.saturating_sub(u64::from(outer.header.size)), end));
    }

    /// Says that the compressed group is used up.
    ///
    /// # Errors
    /// Where its events did not end the group.
    pub fn leave_payload(&mut self) -> Result<(), TransactionError> {
        if let Some((_, end)) = self.payload.take() {
            self.end = end;
        }
        match self.open {
            Some(_) => Err(TransactionError::Outside {
                what: "the end of a compressed transaction",
            }),
            None => Ok(()),
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// [`TransactionError`]; the machine must then be made anew.
    pub fn step<'a>(&mut self, event: &Event<'a>) -> Result<Step<'a>, TransactionError> {
        let end = self.end_of(event);
        let start = end.saturating_sub(u64::from(event.header.size));
        let step = match event.body {
            Body::FormatDescription(format) => self.format(event.header.flags, format.created)?,
            Body::Rotate { file, offset } => return Ok(self.rotate(file, offset)),
            Body::Gtid(gtid) => self.begin_group(&gtid, start)?,
            Body::Query(query) => self.query(query, start, end)?,
            Body::Xid => Step::Commit(self.finish("XID", end)?),
            Body::XaPrepare(xa) => self.xa_prepare(&xa, end)?,
            Body::TableMap(map) => self.inside("TABLE_MAP", Step::TableMap(map))?,
            Body::Rows(rows) => self.inside("a row event", Step::Rows(rows))?,
            Body::Payload(payload) => {
                self.inside("a compressed payload", Step::Payload(payload))?
            }
            Body::PreviousGtids(_) | Body::Heartbeat | Body::RowsQuery(_) | Body::Ignored(_) => {
                Step::Idle
            }
        };
        if self.payload.is_none() && !matches!(step, Step::Payload(_)) {
            self.end = end;
        }
        Ok(step)
    }

    /// The header has 32 bits of the end; files outgrow them, so the high bits are ours to keep.
    fn end_of(&self, event: &Event<'_>) -> u64 {
        if let Some((_, end)) = self.payload {
            return end;
        }
        let low = u64::from(event.header.log_pos);
        if low == 0 || event.header.flags & FLAG_ARTIFICIAL != 0 {
            return self.end;
        }
        const WRAP: u64 = 1 << 32;
        let same = (self.end & !(WRAP - 1)) | low;
        if same < self.end { same + WRAP } else { same }
    }

    fn format(&mut self, flags: u16, created: u32) -> Result<Step<'static>, TransactionError> {
        if flags & FLAG_ARTIFICIAL != 0 {
            return Ok(Step::Idle);
        }
        // A file can only start between groups, unless the server died inside the last one: its start
        // time is in `created` then, and what it had not finished never happened.
        match self.open.take() {
            None => Ok(Step::NewFile),
            Some(open) if created != 0 && (open.waits || open.rows == 0) => Ok(Step::NewFile),
            Some(_) if created != 0 => Err(TransactionError::StreamedRollback),
            Some(_) => Err(TransactionError::Nested),
        }
    }

    fn rotate(&mut self, file: &str, offset: u64) -> Step<'static> {
        if *self.file != *file {
            self.file = Arc::from(file);
            self.end = offset;
            return Step::NewFile;
        }
        self.end = offset;
        Step::Idle
    }

    fn begin_group(
        &mut self,
        event: &GtidEvent,
        start: u64,
    ) -> Result<Step<'static>, TransactionError> {
        if self.open.is_some() {
            return Err(TransactionError::Nested);
        }
        // Followed by file and offset, a server may well log GTIDs (gtid_mode = ON_PERMISSIVE).
        if self.gtids && event.gtid.is_none() {
            return Err(TransactionError::GtidMode {
                what: "a group without a GTID",
            });
        }
        self.open = Some(Open {
            gtid: event.gtid,
            start,
            waits: event.may_have_sbr,
            commit_us: event.commit_us,
            thread: None,
            rows: 0,
            begun: false,
            xa: None,
        });
        Ok(Step::Idle)
    }

    fn query<'a>(
        &mut self,
        query: Query<'a>,
        start: u64,
        end: u64,
    ) -> Result<Step<'a>, TransactionError> {
        match Statement::of(&query) {
            Statement::Begin => self.begin(query.thread, start),
            Statement::Commit => Ok(Step::Commit(self.finish("COMMIT", end)?)),
            Statement::Rollback => self.rollback("ROLLBACK", end),
            Statement::Savepoint => {
                let name = frame::savepoint(&query);
                let name = name.ok_or(TransactionError::Name { what: "SAVEPOINT" })?;
                self.inside("SAVEPOINT", Step::Savepoint(name))
            }
            Statement::RollbackTo => {
                let what = "ROLLBACK TO SAVEPOINT";
                let name = frame::savepoint(&query).ok_or(TransactionError::Name { what })?;
                if self.streamed() {
                    return Err(TransactionError::StreamedRollback);
                }
                self.inside(what, Step::RollbackTo(name))
            }
            Statement::XaStart => {
                let id = xid(&query, "XA START")?;
                let step = self.begin(query.thread, start)?;
                if let Some(open) = &mut self.open {
                    // Its outcome comes with a later group.
                    (open.waits, open.xa) = (true, Some(id));
                }
                Ok(step)
            }
            Statement::XaEnd => {
                self.same_xa(&xid(&query, "XA END")?)?;
                self.inside("XA END", Step::Idle)
            }
            Statement::XaCommit => self.xa_decided(xid(&query, "XA COMMIT")?, true, end),
            Statement::XaRollback => self.xa_decided(xid(&query, "XA ROLLBACK")?, false, end),
            Statement::Dml => Ok(Step::Statement(query)),
            Statement::Other => match &self.open {
                // CREATE TABLE … SELECT: the statement stands inside the group of its rows.
                Some(open) if open.begun => Ok(Step::Ddl { query, end: None }),
                Some(_) => Ok(Step::Ddl {
                    query,
                    end: Some(self.finish("a statement", end)?),
                }),
                // Servers before 5.6, and 5.6 without GTIDs, write no event ahead of a statement.
                None => Ok(Step::Ddl {
                    query,
                    end: Some(self.commit(None, (start, end), 0)),
                }),
            },
        }
    }

    fn begin(&mut self, thread: u32, start: u64) -> Result<Step<'static>, TransactionError> {
        let gtids = self.gtids;
        let open = match &mut self.open {
            Some(open) if open.begun => return Err(TransactionError::Nested),
            Some(open) => open,
            None if gtids => {
                return Err(TransactionError::GtidMode {
                    what: "BEGIN without a GTID",
                });
            }
            // MySQL 5.6 without GTIDs: whether the group could roll back is not said, so it waits.
            None => self.open.insert(Open {
                gtid: None,
                start,
                waits: true,
                commit_us: 0,
                thread: None,
                rows: 0,
                begun: false,
                xa: None,
            }),
        };
        open.begun = true;
        open.thread = Some(thread);
        Ok(Step::Idle)
    }

    fn xa_prepare(
        &mut self,
        xa: &XaPrepare<'_>,
        end: u64,
    ) -> Result<Step<'static>, TransactionError> {
        const WHAT: &str = "XA PREPARE";
        let id = Xid::new(xa.format, xa.gtrid, xa.bqual)
            .map_err(|BadXid| TransactionError::Name { what: WHAT })?;
        self.same_xa(&id)?;
        let offset = self.open.as_ref().map_or(0, |open| open.start);
        let end = self.finish(WHAT, end)?;
        if xa.one_phase {
            return Ok(Step::Commit(end));
        }
        let file = end.file.to_string();
        let prepared = Box::new(Prepared {
            xid: id,
            gtid: end.gtid,
            start: FilePosition { file, offset },
        });
        Ok(Step::Prepared { prepared, end })
    }

    /// XA COMMIT and XA ROLLBACK are groups of their own; but where a transaction is rolled back before it
    /// is prepared and changed what cannot be, the statement ends the group itself.
    fn xa_decided(
        &mut self,
        xid: Xid,
        stands: bool,
        end: u64,
    ) -> Result<Step<'static>, TransactionError> {
        if self.open.as_ref().is_some_and(|open| open.begun) {
            self.same_xa(&xid)?;
            return match stands {
                true => Err(TransactionError::Nested),
                false => self.rollback("XA ROLLBACK", end),
            };
        }
        let end = match &self.open {
            Some(_) => self.finish("XA COMMIT", end)?,
            // Without an event ahead of it, see `query`.
            None => self.commit(None, (end, end), 0),
        };
        let xid = Box::new(xid);
        Ok(Step::Decided { xid, stands, end })
    }

    fn same_xa(&self, found: &Xid) -> Result<(), TransactionError> {
        let open = self.open.as_ref().and_then(|open| open.xa.as_ref());
        if open == Some(found) {
            return Ok(());
        }
        Err(TransactionError::XaMismatch {
            open: open.map_or("none".to_owned(), Xid::to_string),
            found: found.clone(),
        })
    }

    fn rollback(
        &mut self,
        what: &'static str,
        end: u64,
    ) -> Result<Step<'static>, TransactionError> {
        let streamed = self.streamed();
        let commit = self.finish(what, end)?;
        match streamed {
            true => Err(TransactionError::StreamedRollback),
            false => Ok(Step::Rollback(commit)),
        }
    }

    /// Whether rows of the open group have left already.
    fn streamed(&self) -> bool {
        let open = self.open.as_ref();
        open.is_some_and(|open| !open.waits && open.rows > 0)
    }

    fn inside<'a>(&self, what: &'static str, step: Step<'a>) -> Result<Step<'a>, TransactionError> {
        match &self.open {
            Some(_) => Ok(step),
            None => Err(TransactionError::Outside { what }),
        }
    }

    fn finish(&mut self, what: &'static str, end: u64) -> Result<Commit, TransactionError> {
        let open = self.open.take().ok_or(TransactionError::Outside { what })?;
        Ok(self.commit(open.gtid, (open.start, end), open.commit_us))
    }

    fn commit(&self, gtid: Option<Gtid>, (start, end): (u64, u64), commit_us: u64) -> Commit {
        Commit {
            gtid,
            file: Arc::clone(&self.file),
            start,
            offset: end,
            commit_us,
        }
    }
}

fn xid(query: &Query<'_>, what: &'static str) -> Result<Xid, TransactionError> {
    frame::xid(query).ok_or(TransactionError::Name { what })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{FormatDescription, Header, Ignored, Operation};

    const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    /// Feeds bodies one after the other, each 100 bytes long in the file.
    struct Feed {
        machine: Transaction,
        log_pos: u32,
    }

    impl Feed {
        fn new(gtids: bool) -> Feed {
            let at = FilePosition {
                file: "bin.000001".to_owned(),
                offset: 4,
            };
            Feed {
                machine: Transaction::new(gtids, &at),
                log_pos: 4,
            }
        }

        fn event<'a>(&mut self, body: Body<'a>) -> Event<'a> {
            self.log_pos = self.log_pos.wrapping_add(100);
            let header = Header {
                size: 100,
                log_pos: self.log_pos,
                ..Header::default()
            };
            Event { header, body }
        }

        fn step<'a>(&mut self, body: Body<'a>) -> Result<Step<'a>, TransactionError> {
            let event = self.event(body);
            self.machine.step(&event)
        }

        fn ok(&mut self, body: Body<'static>) -> Step<'static> {
            self.step(body).unwrap()
        }
    }

    fn gtid(gno: u64, may_have_sbr: bool) -> Body<'static> {
        let gtid = Some(format!("{UUID}:{gno}").parse().unwrap());
        Body::Gtid(GtidEvent {
            gtid,
            may_have_sbr,
            commit_us: 7,
        })
    }

    fn anonymous() -> Body<'static> {
        Body::Gtid(GtidEvent {
            gtid: None,
            may_have_sbr: false,
            commit_us: 7,
        })
    }

    fn query(text: &'static str) -> Body<'static> {
        Body::Query(Query {
            thread: 9,
            error: 0,
            status: b"",
            database: b"d",
            text: text.as_bytes(),
        })
    }

    fn rows() -> Body<'static> {
        let bits = &[1];
        let operation = Operation::Insert;
        Body::Rows(Rows {
            table_id: 1,
            operation,
            columns: 1,
            present: bits,
            present_after: bits,
            partial: false,
            images: &[],
        })
    }

    fn format(created: u32) -> Body<'static> {
        Body::FormatDescription(FormatDescription {
            checksummed: true,
            created,
        })
    }

    #[test]
    fn a_group_is_gtid_begin_rows_xid() {
        let mut feed = Feed::new(true);
        assert!(matches!(feed.ok(gtid(5, false)), Step::Idle));
        assert!(matches!(feed.ok(query("BEGIN")), Step::Idle));
        assert!(matches!(feed.ok(rows()), Step::Rows(_)));
        let open = feed.machine.open().unwrap();
        assert_eq!(
            (open.start, open.waits, open.thread, open.commit_us),
            (4, false, Some(9), 7)
        );
        let Step::Commit(commit) = feed.ok(Body::Xid) else {
            panic!()
        };
        assert_eq!(commit.gtid.unwrap().to_string(), format!("{UUID}:5"));
        assert_eq!((&*commit.file, commit.offset), ("bin.000001", 404));
        assert!(feed.machine.open().is_none());
    }

    #[test]
    fn a_group_that_may_roll_back_waits_and_one_that_cannot_must_not() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, true));
        feed.ok(query("BEGIN"));
        feed.ok(rows());
        assert!(feed.machine.open().unwrap().waits);
        feed.machine.count_rows(3);
        assert!(matches!(feed.ok(query("ROLLBACK")), Step::Rollback(_)));
        feed.ok(gtid(2, false));
        feed.ok(query("BEGIN"));
        feed.machine.count_rows(3);
        assert!(matches!(
            feed.step(query("ROLLBACK")),
            Err(TransactionError::StreamedRollback)
        ));
    }

    #[test]
    fn a_statement_is_a_group_of_its_own_or_stands_inside_one() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, true));
        let Step::Ddl {
            end: Some(commit), ..
        } = feed.ok(query("ALTER TABLE t ADD c INT"))
        else {
            panic!()
        };
        assert!(commit.gtid.is_some());
        feed.ok(gtid(2, false));
        feed.ok(query("BEGIN"));
        assert!(matches!(
            feed.ok(query("CREATE TABLE t (a INT)")),
            Step::Ddl { end: None, .. }
        ));
        feed.ok(rows());
        assert!(matches!(feed.ok(Body::Xid), Step::Commit(_)));
    }

    #[test]
    fn a_lost_end_is_noticed_at_the_next_start() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, false));
        feed.ok(query("BEGIN"));
        assert!(matches!(
            feed.step(gtid(2, false)),
            Err(TransactionError::Nested)
        ));
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, false));
        feed.ok(query("BEGIN"));
        assert!(matches!(
            feed.step(query("BEGIN")),
            Err(TransactionError::Nested)
        ));
        let mut feed = Feed::new(true);
        assert!(matches!(
            feed.step(rows()),
            Err(TransactionError::Outside { .. })
        ));
        assert!(matches!(
            feed.step(Body::Xid),
            Err(TransactionError::Outside { .. })
        ));
    }

    #[test]
    fn what_a_dead_server_had_not_finished_never_happened() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, false));
        feed.ok(query("BEGIN"));
        assert!(matches!(feed.ok(format(1_700_000_000)), Step::NewFile));
        assert!(feed.machine.open().is_none());
        feed.ok(gtid(2, false));
        feed.ok(query("BEGIN"));
        feed.machine.count_rows(1);
        assert!(matches!(
            feed.step(format(1_700_000_000)),
            Err(TransactionError::StreamedRollback)
        ));
        let mut feed = Feed::new(true);
        feed.ok(gtid(3, true));
        assert!(matches!(
            feed.step(format(0)),
            Err(TransactionError::Nested)
        ));
    }

    #[test]
    fn made_up_events_move_nothing() {
        let mut feed = Feed::new(true);
        let header = Header {
            size: 60,
            flags: FLAG_ARTIFICIAL,
            ..Header::default()
        };
        let body = Body::Rotate {
            file: "bin.000007",
            offset: 1234,
        };
        assert!(matches!(
            feed.machine.step(&Event { header, body }).unwrap(),
            Step::NewFile
        ));
        let format = Event {
            header,
            body: format(5),
        };
        assert!(matches!(feed.machine.step(&format).unwrap(), Step::Idle));
        let beat = Event {
            header: Header {
                size: 40,
                ..Header::default()
            },
            body: Body::Heartbeat,
        };
        feed.machine.step(&beat).unwrap();
        assert_eq!(feed.machine.place(None).at.to_string(), "bin.000007:1234");
        assert!(matches!(feed.ok(Body::Ignored(Ignored::Stop)), Step::Idle));
    }

    #[test]
    fn offsets_go_on_beyond_four_gigabytes() {
        let at = FilePosition {
            file: "b.1".to_owned(),
            offset: (3 << 32) - 50,
        };
        let mut machine = Transaction::new(false, &at);
        let header = Header {
            size: 100,
            log_pos: 50,
            ..Header::default()
        };
        machine
            .step(&Event {
                header,
                body: anonymous(),
            })
            .unwrap();
        assert_eq!(machine.place(None).at.offset, (3 << 32) + 50);
    }

    #[test]
    fn a_compressed_group_ends_where_its_event_does() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, false));
        let payload = Payload {
            compressed: true,
            inflated_bytes: 9,
            bytes: &[],
        };
        let outer = feed.event(Body::Payload(payload));
        assert!(matches!(
            feed.machine.step(&outer).unwrap(),
            Step::Payload(_)
        ));
        feed.machine.enter_payload(&outer);
        let inner = Header {
            size: 30,
            ..Header::default()
        };
        let mut inside = |body| {
            let event = Event {
                header: inner,
                body,
            };
            assert_eq!(feed.machine.start_of(&event), 104);
            feed.machine.step(&event).unwrap()
        };
        inside(query("BEGIN"));
        inside(rows());
        let Step::Commit(commit) = inside(Body::Xid) else {
            panic!()
        };
        assert_eq!(commit.offset, 204);
        feed.machine.leave_payload().unwrap();
        feed.ok(gtid(2, false));
        assert_eq!(feed.machine.open().unwrap().start, 204);
    }

    #[test]
    fn gtids_do_not_come_and_go_unnoticed() {
        let mut feed = Feed::new(true);
        assert!(matches!(
            feed.step(anonymous()),
            Err(TransactionError::GtidMode { .. })
        ));
        let mut feed = Feed::new(true);
        assert!(matches!(
            feed.step(query("BEGIN")),
            Err(TransactionError::GtidMode { .. })
        ));
        let mut feed = Feed::new(false);
        feed.ok(anonymous());
        feed.ok(query("BEGIN"));
        let Step::Commit(commit) = feed.ok(Body::Xid) else {
            panic!()
        };
        assert_eq!(commit.gtid, None);
    }

    #[test]
    fn a_change_logged_as_a_statement_is_left_to_who_knows_the_tables() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, true));
        feed.ok(query("BEGIN"));
        let statement = query("INSERT INTO t VALUES (1)");
        assert!(matches!(feed.step(statement), Ok(Step::Statement(_))));
    }

    #[test]
    fn savepoints_cut_what_waits_and_never_what_has_left() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, true));
        feed.ok(query("BEGIN"));
        let Step::Savepoint(name) = feed.ok(query("SAVEPOINT `S`")) else {
            panic!()
        };
        feed.machine.count_rows(2);
        let Step::RollbackTo(back) = feed.ok(query("ROLLBACK TO `s`")) else {
            panic!()
        };
        assert_eq!(name, back);
        feed.ok(Body::Xid);
        feed.ok(gtid(2, false));
        feed.ok(query("BEGIN"));
        feed.ok(query("SAVEPOINT `s`"));
        assert!(matches!(
            feed.ok(query("ROLLBACK TO `s`")),
            Step::RollbackTo(_)
        ));
        feed.machine.count_rows(1);
        let streamed = feed.step(query("ROLLBACK TO `s`"));
        assert!(matches!(streamed, Err(TransactionError::StreamedRollback)));
        let unknown = feed.step(query("SAVEPOINT `a"));
        assert!(matches!(unknown, Err(TransactionError::Name { .. })));
    }

    fn prepare(one_phase: bool) -> Body<'static> {
        Body::XaPrepare(XaPrepare {
            one_phase,
            format: 1,
            gtrid: b"a",
            bqual: b"",
        })
    }

    #[test]
    fn an_xa_transaction_is_prepared_in_one_group_and_decided_in_another() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, false));
        feed.ok(query("XA START X'61',X'',1"));
        let open = feed.machine.open().unwrap();
        assert_eq!((open.waits, open.thread), (true, Some(9)));
        feed.machine.count_rows(1);
        feed.ok(query("XA END X'61',X'',1"));
        let Step::Prepared { prepared, end } = feed.ok(prepare(false)) else {
            panic!()
        };
        assert_eq!(prepared.xid.to_string(), "X'61',X'',1");
        assert_eq!((prepared.start.offset, end.offset), (4, 504 - 100));
        assert_eq!(prepared.gtid, end.gtid);
        feed.ok(gtid(2, false));
        let Step::Decided { xid, stands, end } = feed.ok(query("XA COMMIT X'61',X'',1")) else {
            panic!()
        };
        assert_eq!((xid, stands), (Box::new(prepared.xid), true));
        assert!(end.gtid.unwrap().to_string().ends_with(":2"));
        feed.ok(gtid(3, false));
        let rolled_back = feed.ok(query("XA ROLLBACK X'62',X'',1"));
        assert!(matches!(rolled_back, Step::Decided { stands: false, .. }));
    }

    #[test]
    fn an_xa_transaction_of_one_phase_or_rolled_back_early_is_one_group() {
        let mut feed = Feed::new(true);
        feed.ok(gtid(1, false));
        feed.ok(query("XA START X'61',X'',1"));
        feed.ok(query("XA END X'61',X'',1"));
        assert!(matches!(feed.ok(prepare(true)), Step::Commit(_)));
        feed.ok(gtid(2, false));
        feed.ok(query("XA START X'61',X'',1"));
        feed.machine.count_rows(1);
        let end = feed.ok(query("XA ROLLBACK X'61',X'',1"));
        assert!(matches!(end, Step::Rollback(_)));
        feed.ok(gtid(3, false));
        feed.ok(query("XA START X'62',X'',1"));
        let other = feed.step(prepare(false));
        assert!(matches!(other, Err(TransactionError::XaMismatch { .. })));
        let inside = feed.step(query("XA COMMIT X'62',X'',1"));
        assert!(matches!(inside, Err(TransactionError::Nested)));
    }
}
