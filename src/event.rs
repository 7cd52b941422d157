//! What a binlog holds: the closed list of events, borrowed from the bytes they came in.
//!
//! Layouts are those of MySQL 5.6 to 9.7 (`libs/mysql/binlog/event`). Nothing here reads bytes: that is
//! `source::binlog`.

use crate::position::Gtid;

/// The common header of every event: 19 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Seconds since 1970 when the statement began; 0 in events that the server makes up for us.
    pub timestamp: u32,
    /// Type code.
    pub code: u8,
    /// `server_id` of the server that logged it first.
    pub server_id: u32,
    /// Bytes of the whole event, header and checksum included.
    pub size: u32,
    /// Low 32 bits of the offset where the event ends in its file; 0 in made-up and compressed ones.
    pub log_pos: u32,
    /// Flags: 0x20 made up for the dump, 0x80 may be ignored by who does not know it.
    pub flags: u16,
}

/// Bytes of the common header.
pub const HEADER_BYTES: usize = 19;
/// The event is not in the file: the server made it up for this connection.
pub const FLAG_ARTIFICIAL: u16 = 0x20;
/// A reader that does not know the type may pass over it.
pub const FLAG_IGNORABLE: u16 = 0x80;

/// One event, checksum verified and cut off.
#[derive(Clone, Copy, Debug)]
pub struct Event<'a> {
    /// The common header.
    pub header: Header,
    /// What it says.
    pub body: Body<'a>,
}

/// Everything that a server can send, each by name.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Starts a file: how the following events are written.
    FormatDescription(FormatDescription),
    /// The stream goes on in another file, or (made up) starts in this one.
    Rotate {
        /// Name of the file.
        file: &'a str,
        /// Offset at which it goes on.
        offset: u64,
    },
    /// Starts a group; anonymous on a server without GTIDs.
    Gtid(GtidEvent),
    /// A statement: BEGIN, COMMIT, DDL and others.
    Query(Query<'a>),
    /// The usual end of a group.
    Xid,
    /// The end of the first phase of an XA transaction.
    XaPrepare(XaPrepare<'a>),
    /// A table's shape, ahead of its rows.
    TableMap(TableMap<'a>),
    /// Row images.
    Rows(Rows<'a>),
    /// A compressed group.
    Payload(Payload<'a>),
    /// GTIDs of all earlier files.
    PreviousGtids(&'a [u8]),
    /// Sent while the server has nothing to say.
    Heartbeat,
    /// The text of the statement behind the rows that follow (ROWS_QUERY), as the client wrote it.
    RowsQuery(&'a [u8]),
    /// Passed over knowingly, and counted.
    Ignored(Ignored),
}

/// What is passed over because it carries no row and ends no group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ignored {
    /// The server shut down in order.
    Stop,
    /// Context of a statement (INTVAR, RAND, USER_VAR): the statement itself is what counts.
    StatementContext,
    /// Group Replication's own (TRANSACTION_CONTEXT, VIEW_CHANGE).
    GroupReplication,
    /// Any type that carries the ignorable flag.
    Ignorable,
}

impl Ignored {
    /// Its label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Ignored::Stop => "stop",
            Ignored::StatementContext => "statement_context",
            Ignored::GroupReplication => "group_replication",
            Ignored::Ignorable => "ignorable",
        }
    }
}

/// FORMAT_DESCRIPTION_EVENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatDescription {
    /// Whether the events after it end in a CRC32.
    pub checksummed: bool,
    /// Seconds since 1970 when the server started, in the first file after a start; else 0.
    pub created: u32,
}

/// GTID_LOG_EVENT, ANONYMOUS_GTID_LOG_EVENT and GTID_TAGGED_LOG_EVENT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GtidEvent {
    /// `None` in the anonymous form.
    pub gtid: Option<Gtid>,
    /// The group may hold statements or changes to engines that cannot roll back: it must wait for its
    /// end (FLAG_MAY_HAVE_SBR).
    pub may_have_sbr: bool,
    /// Microseconds since 1970 at the commit on the server that ran it first; 0 where not logged
    /// (before 8.0.1).
    pub commit_us: u64,
}

/// QUERY_EVENT.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// Connection id of the client.
    pub thread: u32,
    /// Error code of the statement where it failed half done; 0 for none.
    pub error: u16,
    /// Settings that it ran under, to be read by `source::query`.
    pub status: &'a [u8],
    /// Default database.
    pub database: &'a [u8],
    /// The statement; not always UTF-8.
    pub text: &'a [u8],
}

/// XA_PREPARE_LOG_EVENT.
#[derive(Clone, Copy, Debug)]
pub struct XaPrepare<'a> {
    /// XA COMMIT … ONE PHASE: prepare and commit at once.
    pub one_phase: bool,
    /// `formatID`.
    pub format: u32,
    /// `gtrid`.
    pub gtrid: &'a [u8],
    /// `bqual`.
    pub bqual: &'a [u8],
}

/// TABLE_MAP_EVENT, not yet understood: equal bytes mean an equal plan.
#[derive(Clone, Copy, Debug)]
pub struct TableMap<'a> {
    /// The server's number for the table while it is open.
    pub table_id: u64,
    /// All behind the post-header: names, types, metadata.
    pub bytes: &'a [u8],
}

/// What a rows event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// After images.
    Insert,
    /// Pairs of before and after images.
    Update,
    /// Before images.
    Delete,
}

impl Operation {
    /// Debezium's `op`.
    pub fn op(self) -> char {
        match self {
            Operation::Insert => 'c',
            Operation::Update => 'u',
            Operation::Delete => 'd',
        }
    }
}

/// WRITE_ROWS, UPDATE_ROWS and DELETE_ROWS, versions 1 and 2.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// As in the TABLE_MAP ahead of it.
    pub table_id: u64,
    /// What happened to the rows.
    pub operation: Operation,
    /// Columns of the table.
    pub columns: usize,
    /// One bit a column: is it in the first image (before, or the only one).
    pub present: &'a [u8],
    /// The same for the after image of an update; equal to `present` otherwise.
    pub present_after: &'a [u8],
    /// The after images may hold changes of JSON documents instead of documents (PARTIAL_UPDATE_ROWS).
    pub partial: bool,
    /// The images, one after the other.
    pub images: &'a [u8],
}

/// TRANSACTION_PAYLOAD_EVENT.
#[derive(Clone, Copy, Debug)]
pub struct Payload<'a> {
    /// Compressed by zstd, or stored as it is.
    pub compressed: bool,
    /// Size that the events inside claim to have.
    pub inflated_bytes: u64,
    /// The payload.
    pub bytes: &'a [u8],
}

/// Type codes (`Log_event_type`).
pub mod code {
    #![allow(missing_docs, reason = "MySQL's own names, one number each")]
    pub const QUERY: u8 = 2;
    pub const STOP: u8 = 3;
    pub const ROTATE: u8 = 4;
    pub const INTVAR: u8 = 5;
    pub const RAND: u8 = 13;
    pub const USER_VAR: u8 = 14;
    pub const FORMAT_DESCRIPTION: u8 = 15;
    pub const XID: u8 = 16;
    pub const TABLE_MAP: u8 = 19;
    pub const WRITE_ROWS_V1: u8 = 23;
    pub const UPDATE_ROWS_V1: u8 = 24;
    pub const DELETE_ROWS_V1: u8 = 25;
    pub const INCIDENT: u8 = 26;
    pub const HEARTBEAT: u8 = 27;
    pub const IGNORABLE: u8 = 28;
    pub const ROWS_QUERY: u8 = 29;
    pub const WRITE_ROWS: u8 = 30;
    pub const UPDATE_ROWS: u8 = 31;
    pub const DELETE_ROWS: u8 = 32;
    pub const GTID: u8 = 33;
    pub const ANONYMOUS_GTID: u8 = 34;
    pub const PREVIOUS_GTIDS: u8 = 35;
    pub const TRANSACTION_CONTEXT: u8 = 36;
    pub const VIEW_CHANGE: u8 = 37;
    pub const XA_PREPARE: u8 = 38;
    pub const PARTIAL_UPDATE_ROWS: u8 = 39;
    pub const TRANSACTION_PAYLOAD: u8 = 40;
    pub const HEARTBEAT_V2: u8 = 41;
    pub const GTID_TAGGED: u8 = 42;
}
