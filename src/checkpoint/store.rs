//! Where the position survives a restart: the contract of the stores and their errors.
//!
//! A store takes and gives opaque bytes under names: what they mean, their version and their checksum are
//! not its business. It never gives back half of a record, and a `save` that returned is there after a
//! crash.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use rdkafka::error::RDKafkaErrorCode;

use crate::error::Classify;
use crate::error::Fault;
use crate::kafka::ClientError;
use crate::kafka::TopicError;

/// The name of the position itself; the parts that it refers to have names of their own.
pub const POSITION: &str = "";

/// All records of one database by their names: letters, digits, `.` and `-`.
pub type Contents = BTreeMap<String, Vec<u8>>;

/// A few records that survive. Calls block; they belong on a thread that may.
pub trait Store: Send {
    /// The records of the last `save` of each name that succeeded (or one after it whose outcome was not
    /// known); empty where there never was one.
    ///
    /// # Errors
    /// The records cannot be had; they may exist all the same.
    fn load(&mut self) -> Result<Contents, StoreError>;

    /// Replaces a record, or removes it where `record` is `None`.
    ///
    /// # Errors
    /// The record may or may not be replaced: the caller must go on from the one before.
    fn save(&mut self, name: &str, record: Option<&[u8]>) -> Result<(), StoreError>;
}

/// Why a position cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the same file.
    #[error("duplicate instance: another process holds the lock {}", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The file system refuses.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried: `open`, `sync`.
        operation: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// The topic is denied, refused or not available.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// No Kafka client could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Order, and so which record is the last, holds in one partition only.
    #[error("topic {topic} has {found} partitions, the position needs exactly 1")]
    Partitions {
        /// Name of the topic.
        topic: String,
        /// Its partitions.
        found: i32,
    },
    /// Retention by time or size would delete the position.
    #[error("topic {topic} has cleanup.policy={found}, the position needs compact")]
    NotCompacted {
        /// Name of the topic.
        topic: String,
        /// Its `cleanup.policy`.
        found: String,
    },
    /// The topic was not read to its end in time.
    #[error("topic {topic} was not read to its end within {seconds} s: {reason}")]
    NotRead {
        /// Name of the topic.
        topic: String,
        /// The limit.
        seconds: u64,
        /// The last thing that went wrong.
        reason: String,
    },
    /// The brokers did not take the record.
    #[error("the position was not written to topic {topic}: {code}")]
    NotWritten {
        /// Name of the topic.
        topic: String,
        /// Kafka's or librdkafka's code.
        code: RDKafkaErrorCode,
    },
    /// The brokers did not answer: the record may be there or not.
    #[error("writing the position to topic {topic} was not confirmed within {seconds} s")]
    NotConfirmed {
        /// Name of the topic.
        topic: String,
        /// The limit.
        seconds: u64,
    },
}

impl Classify for StoreError {
    fn fault(&self) -> Fault {
        match self {
            StoreError::Locked { .. }
            | StoreError::Io { .. }
            | StoreError::Partitions { .. }
            | StoreError::NotCompacted { .. } => Fault::Operator,
            StoreError::Topic(error) => error.fault(),
            StoreError::Client(error) => error.fault(),
            StoreError::NotWritten { code, .. } if is_operators(*code) => Fault::Operator,
            StoreError::NotRead { .. }
            | StoreError::NotWritten { .. }
            | StoreError::NotConfirmed { .. } => Fault::Transient,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            StoreError::Locked { .. } => {
                Some("stop the other process, or give this database a path of its own".into())
            }
            StoreError::Io { path, .. } => Some(
                format!(
                    "make {} writable for this process, on a file system with free space",
                    path.display()
                )
                .into(),
            ),
            StoreError::Topic(error) => error.remedy(),
            StoreError::Client(error) => error.remedy(),
            StoreError::Partitions { .. } => Some(
                "name another topic in [checkpoint], or delete this one if it holds no position: \
                 remora creates it with 1 partition"
                    .into(),
            ),
            StoreError::NotCompacted { topic, .. } => Some(
                format!(
                    "kafka-configs.sh --alter --topic {topic} --add-config cleanup.policy=compact"
                )
                .into(),
            ),
            StoreError::NotWritten { topic, code } if is_operators(*code) => Some(
                format!(
                    "grant this client's principal WRITE on topic {topic}, and let its \
                     max.message.bytes hold the position"
                )
                .into(),
            ),
            StoreError::NotRead { .. }
            | StoreError::NotWritten { .. }
            | StoreError::NotConfirmed { .. } => None,
        }
    }
}

/// Codes of a write that stay until somebody changes the cluster.
fn is_operators(code: RDKafkaErrorCode) -> bool {
    crate::kafka::is_denied(code)
        || matches!(
            code,
            RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::PolicyViolation
                | RDKafkaErrorCode::InvalidRecord
        )
}
