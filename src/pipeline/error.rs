//! What can stop a database, with the place where it happened.

use std::borrow::Cow;
use std::fmt;

use crate::checkpoint::catalog::CatalogStoreError;
use crate::checkpoint::record::RecordError;
use crate::checkpoint::store::StoreError;
use crate::checkpoint::window::WindowError;
use crate::decode::image::ImageError;
use crate::encode::envelope::RowError;
use crate::error::{Classify, Fault};
use crate::pipeline::holding::folder::SpoolError;
use crate::pipeline::preflight::Findings;
use crate::position::Place;
use crate::schema::catalog::CatalogError;
use crate::schema::definitions::stored::StoredError;
use crate::schema::plan::PlanError;
use crate::sink::SinkError;
use crate::source::binlog::EventError;
use crate::source::payload::PayloadError;
use crate::source::transaction::TransactionError;
use crate::source::wire_error::WireError;
use crate::transform::error::TransformError;
use crate::xa::{Prepared, Xid};

/// Why a database stopped, or is to be tried again.
#[derive(Debug)]
pub struct Error {
    /// Where in the binlog, for what was found there.
    pub place: Option<Box<Place>>,
    /// What happened.
    pub cause: Box<Cause>,
}

/// The stages' own errors, and those of their joints.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    /// The dump connection.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// Bytes of an event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A compressed group.
    #[error(transparent)]
    Payload(#[from] PayloadError),
    /// The order of events.
    #[error(transparent)]
    Transaction(#[from] TransactionError),
    /// A table's shape.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The stored table definitions.
    #[error(transparent)]
    CatalogStore(#[from] CatalogStoreError),
    /// The stored table definitions, as text.
    #[error(transparent)]
    Definitions(#[from] StoredError),
    /// remora is to stop while it waits for something that is not needed then.
    #[error("interrupted by the stop")]
    Interrupted,
    /// A statement changes rows and the rows are not in the log.
    #[error(
        "a change of rows of {tables} is logged as a statement (binlog_format is not ROW in that session)"
    )]
    StatementFormat {
        /// The captured tables that the statement names, or that it may be any.
        tables: String,
    },
    /// A row.
    #[error("{table}: {source}")]
    Row {
        /// `database.table`.
        table: String,
        /// Why.
        #[source]
        source: RowError,
    },
    /// Rows that cannot be assigned to a table's columns.
    #[error("{table}: {source}")]
    Rows {
        /// `database.table`, or the table id where it has no name.
        table: String,
        /// What is wrong.
        #[source]
        source: ImageError,
    },
    /// The place for groups that must wait for their end.
    #[error(transparent)]
    Spool(#[from] SpoolError),
    /// A ROLLBACK TO a savepoint that the group did not set.
    #[error(
        "ROLLBACK TO a savepoint that the transaction did not set, set too long ago, or set under a name \
         that may equal another one"
    )]
    UnknownSavepoint,
    /// A prepared XA transaction is committed whose rows were never read.
    #[error(
        "the XA transaction {xid} is committed, and it was prepared before the place where reading began"
    )]
    UnknownXa {
        /// Its id.
        xid: Xid,
    },
    /// What became of a prepared XA transaction cannot be told.
    #[error("the end of the XA transaction {0} is not in the log")]
    LostXa(Box<Prepared>),
    /// A transform.
    #[error(transparent)]
    Transform(#[from] TransformError),
    /// The sink.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The store of positions.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The stored position's bytes.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Acknowledgements.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// A statement to the server.
    #[error("a query to the server failed: {0}")]
    Sql(#[from] mysql_async::Error),
    /// What the server or its settings lack.
    #[error(transparent)]
    Preflight(#[from] Findings),
    /// Another instance has taken over.
    #[error("duplicate instance: writer epoch {found} is stored where this instance wrote {ours}")]
    Duplicate {
        /// Ours.
        ours: u64,
        /// In the store.
        found: u64,
    },
    /// No position is stored and the configuration does not say where to begin.
    #[error("no position is stored for topic prefix '{prefix}' and `start` is not set")]
    NoStart {
        /// `topic_prefix`.
        prefix: String,
    },
    /// The deadline of a stop came before the last acknowledgement.
    #[error("{batches} batches were not acknowledged in time; they come again at the next start")]
    NotDrained {
        /// How many.
        batches: usize,
    },
    /// A thread of this database ended without a word.
    #[error("the {thread} thread ended unexpectedly")]
    ThreadLost {
        /// Which one.
        thread: &'static str,
    },
    /// The operating system refused a thread.
    #[error("a thread could not be started: {0}")]
    Thread(#[source] std::io::Error),
}

impl Classify for Cause {
    fn fault(&self) -> Fault {
        match self {
            Cause::Wire(error) => error.fault(),
            Cause::Event(error) => error.fault(),
            Cause::Payload(error) => error.fault(),
            Cause::Transaction(error) => error.fault(),
            Cause::Catalog(error) => error.fault(),
            Cause::CatalogStore(error) => error.fault(),
            Cause::Definitions(error) => error.fault(),
            Cause::StatementFormat { .. } => Fault::Data,
            Cause::Row { source, .. } => source.fault(),
            Cause::Rows { source, .. } => source.fault(),
            Cause::Spool(error) => error.fault(),
            Cause::UnknownSavepoint | Cause::LostXa(_) => Fault::Data,
            Cause::UnknownXa { .. } | Cause::Duplicate { .. } | Cause::NoStart { .. } => {
                Fault::Operator
            }
            Cause::Transform(error) => error.fault(),
            Cause::Sink(error) => error.fault(),
            Cause::Store(error) => error.fault(),
            Cause::Record(error) => error.fault(),
            Cause::Window(error) => error.fault(),
            Cause::Sql(mysql_async::Error::Server(error)) if is_denied(error.code) => {
                Fault::Operator
            }
            Cause::Sql(_) => Fault::Transient,
            Cause::Preflight(findings) => findings.fault(),
            Cause::ThreadLost { .. } => Fault::Bug,
            Cause::Thread(_) | Cause::NotDrained { .. } | Cause::Interrupted => Fault::Transient,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        let text = |text: &'static str| Some(Cow::Borrowed(text));
        match self {
            Cause::Wire(error) => error.remedy(),
            Cause::Event(error) => error.remedy(),
            Cause::Payload(error) => error.remedy(),
            Cause::Transaction(error) => error.remedy(),
            Cause::Catalog(error) => error.remedy(),
            Cause::CatalogStore(error) => error.remedy(),
            Cause::Definitions(error) => error.remedy(),
            Cause::StatementFormat { .. } => text(
                "SET GLOBAL binlog_format = 'ROW', reconnect all clients, and take a new snapshot of the \
                 tables that the statement changed",
            ),
            Cause::Row { source, .. } => source.remedy(),
            Cause::Rows { source, .. } => source.remedy(),
            Cause::Spool(error) => error.remedy(),
            Cause::UnknownSavepoint => text(
                "check the binlog file at this place with mysqlbinlog; report it if the server reads it",
            ),
            Cause::UnknownXa { .. } => text(
                "remove the stored position and set start = \"earliest\" if the binlogs still hold its XA \
                 PREPARE; otherwise set start = \"now\" and take a new snapshot of the tables that it changed",
            ),
            Cause::LostXa(_) => text(
                "compare the tables that it changed with their topics, then remove the stored position, set \
                 `start` and take a new snapshot of them",
            ),
            Cause::Transform(error) => error.remedy(),
            Cause::Sink(error) => error.remedy(),
            Cause::Store(error) => error.remedy(),
            Cause::Record(error) => error.remedy(),
            Cause::Window(error) => error.remedy(),
            Cause::Sql(mysql_async::Error::Server(error)) if is_denied(error.code) => text(
                "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO the account in mysql.user",
            ),
            Cause::Sql(_) => None,
            Cause::Preflight(findings) => findings.remedy(),
            Cause::Duplicate { .. } => text(
                "run one instance per topic_prefix; stop the other one, then restart this one if it is \
                 the one to keep",
            ),
            Cause::NoStart { .. } => text(
                "set start = \"now\" to capture changes from here on, or start = \"earliest\" for all that \
                 the server's binlogs still hold",
            ),
            Cause::NotDrained { .. } => text("raise shutdown_timeout_s if the brokers are slow"),
            Cause::ThreadLost { .. } | Cause::Thread(_) | Cause::Interrupted => None,
        }
    }
}

/// Access denied, and privileges that are missing.
fn is_denied(code: u16) -> bool {
    matches!(code, 1044 | 1045 | 1142 | 1227 | 1698 | 3118)
}

impl Error {
    /// With the place where it was found.
    pub fn at(place: Place, cause: impl Into<Cause>) -> Error {
        let (place, cause) = (Some(Box::new(place)), Box::new(cause.into()));
        Error { place, cause }
    }

    /// Whether reading the same bytes again may mend it.
    pub fn is_corruption(&self) -> bool {
        if let Cause::Payload(PayloadError::Inflate(_) | PayloadError::Size { .. }) = &*self.cause {
            return true;
        }
        if let Cause::Wire(error) = &*self.cause {
            return error.is_corruption();
        }
        matches!(&*self.cause, Cause::Event(error) if error.is_corruption())
    }
}

impl<C: Into<Cause>> From<C> for Error {
    fn from(cause: C) -> Error {
        Error {
            place: None,
            cause: Box::new(cause.into()),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{} at {place}", self.cause),
            None => write!(f, "{}", self.cause),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&*self.cause)
    }
}

impl From<PlanError> for Cause {
    fn from(error: PlanError) -> Cause {
        Cause::Catalog(CatalogError::Plan(error))
    }
}

impl Classify for Error {
    fn fault(&self) -> Fault {
        self.cause.fault()
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        self.cause.remedy()
    }
}
