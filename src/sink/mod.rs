//! The sink: takes batches of records, gives one acknowledgement per batch, in any order.
//!
//! A sink never decides what to do about a failure: it reports it and stops taking batches.

pub mod avro;
pub mod batch;
pub mod extra;
pub mod kafka;
pub mod lines;
pub mod null;
pub mod partition;

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode;
use serde::Deserialize;

use crate::error::Classify;
use crate::error::Fault;
use crate::kafka::ClientError;
use crate::kafka::TopicError;
use avro::AvroError;
use avro::registry::RegistryError;
use batch::Batch;
use batch::BatchSeq;

/// What a sink tells the pipeline, from whichever thread notices it.
#[derive(Debug)]
pub enum Delivery {
    /// Every record of the batch is where it belongs for good.
    Acked(BatchSeq),
    /// The sink cannot go on. Told once; later calls of the sink return the same error.
    Failed(SinkError),
}

/// Where a sink sends its [`Delivery`] messages; never blocks.
pub type Deliveries = Arc<dyn Fn(Delivery) + Send + Sync>;

/// Where records go. Used by one thread, which the sink may block.
pub trait Sink: Send {
    /// Takes every record of the batch, in order; blocks while the sink is full.
    ///
    /// The batch belongs to the caller again on return. Its acknowledgement comes by [`Deliveries`].
    ///
    /// # Errors
    /// Whatever keeps a record from being taken; the sink is of no use afterwards.
    fn send(&mut self, batch: &Batch) -> Result<(), SinkError>;

    /// Called when no batch is waiting: what is buffered goes out now.
    ///
    /// # Errors
    /// As `send`.
    fn idle(&mut self) -> Result<(), SinkError>;

    /// Sends out what is buffered and waits until every batch is acknowledged.
    ///
    /// # Errors
    /// As `send`, or that the deadline passed first.
    fn close(&mut self, deadline: Instant) -> Result<(), SinkError>;
}

/// Why a sink cannot go on.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SinkError {
    /// `send` was told to return by the sink's stop handle.
    #[error("the sink was told to stop")]
    Cancelled,
    /// The brokers did not acknowledge everything before the deadline of `close`.
    #[error("{batches} batches were not acknowledged before the deadline")]
    NotFlushed {
        /// Batches that were sent and not acknowledged.
        batches: usize,
    },
    /// The broker or librdkafka refuses the size of a record, or of the request it was in.
    #[error(
        "a record for topic {topic} is too large: key {key_bytes} bytes, value {value_bytes} bytes, \
         at {coordinates}"
    )]
    TooLarge {
        /// Name of the topic.
        topic: String,
        /// Bytes of the key.
        key_bytes: usize,
        /// Bytes of the value, before compression.
        value_bytes: usize,
        /// Where the record comes from.
        coordinates: Coordinates,
    },
    /// The broker refuses the record itself.
    #[error("topic {topic} does not accept the record at {coordinates}: {code}")]
    Rejected {
        /// Name of the topic.
        topic: String,
        /// Kafka's code.
        code: RDKafkaErrorCode,
        /// Where the record comes from.
        coordinates: Coordinates,
    },
    /// A topic that was written to does not exist any more.
    #[error("topic {topic} was deleted while it was written to")]
    TopicGone {
        /// Name of the topic.
        topic: String,
    },
    /// The cluster refuses writes to a topic.
    #[error("writing to topic {topic} is denied: {code}")]
    Denied {
        /// Name of the topic.
        topic: String,
        /// Kafka's code.
        code: RDKafkaErrorCode,
    },
    /// The cluster refuses the idempotent producer.
    #[error("the cluster refuses an idempotent producer: {code}: {reason}")]
    ProducerDenied {
        /// Kafka's code.
        code: RDKafkaErrorCode,
        /// librdkafka's words.
        reason: String,
    },
    /// The producer lost its place in a sequence, or was fenced: a new one must start from the stored
    /// position.
    #[error("the producer cannot go on: {code}: {reason}")]
    Fatal {
        /// Kafka's code.
        code: RDKafkaErrorCode,
        /// librdkafka's words.
        reason: String,
    },
    /// A record was given up for any other reason.
    #[error("a record for topic {topic} was not delivered: {code}")]
    Undelivered {
        /// Name of the topic.
        topic: String,
        /// Kafka's or librdkafka's code.
        code: RDKafkaErrorCode,
    },
    /// A topic is denied, refused or not available.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// A record cannot be Avro.
    #[error(transparent)]
    Avro(Box<AvroError>),
    /// The schema registry does not take a schema.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// No Kafka client could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Another process writes to the file.
    #[error("duplicate instance: another process writes to {}", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The path names something that lines cannot be appended to and synced.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses to write.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried: `write`, `sync`.
        operation: &'static str,
        /// The file, or `stdout`.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// The reader of standard output is gone.
    #[error("standard output was closed by its reader")]
    OutputClosed,
    /// A record names a topic or bytes that its batch does not have.
    #[error("record {record} of batch {batch} points outside of the batch")]
    Broken {
        /// Number of the batch.
        batch: u64,
        /// Index of the record in it.
        record: usize,
    },
    /// No system thread could be started, or the sink's own panicked.
    #[error("the sink's delivery thread is not running")]
    ThreadLost,
}

impl From<AvroError> for SinkError {
    fn from(error: AvroError) -> SinkError {
        SinkError::Avro(Box::new(error))
    }
}

impl Classify for SinkError {
    fn fault(&self) -> Fault {
        match self {
            SinkError::Cancelled
            | SinkError::NotFlushed { .. }
            | SinkError::Fatal { .. }
            | SinkError::Undelivered { .. } => Fault::Transient,
            SinkError::TooLarge { .. } | SinkError::Rejected { .. } => Fault::Data,
            SinkError::TopicGone { .. }
            | SinkError::Denied { .. }
            | SinkError::ProducerDenied { .. }
            | SinkError::Locked { .. }
            | SinkError::NotAFile { .. }
            | SinkError::Io { .. }
            | SinkError::OutputClosed => Fault::Operator,
            SinkError::Topic(error) => error.fault(),
            SinkError::Client(error) => error.fault(),
            SinkError::Avro(error) => error.fault(),
            SinkError::Registry(error) => error.fault(),
            SinkError::Broken { .. } | SinkError::ThreadLost => Fault::Bug,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            SinkError::TooLarge { topic, key_bytes, value_bytes, .. } => Some(
                format!(
                    "raise max.message.bytes of topic {topic} beyond {} (for its followers and \
                     consumers too), or, where that is larger already, lower batch.size in \
                     [kafka.properties]",
                    key_bytes.saturating_add(*value_bytes)
                )
                .into(),
            ),
            SinkError::Rejected { topic, .. } => Some(
                format!("compare the settings of topic {topic} with the code above: a compacted topic takes no records without a key").into(),
            ),
            SinkError::TopicGone { topic } => Some(
                format!("decide whether what topic {topic} held is needed; then restart: it is created again, without the old records").into(),
            ),
            SinkError::Denied { topic, .. } => {
                Some(format!("grant this client's principal WRITE on topic {topic}").into())
            }
            SinkError::ProducerDenied { .. } => Some(
                "grant this client's principal IDEMPOTENT_WRITE on the cluster, or WRITE on its topics".into(),
            ),
            SinkError::Topic(error) => error.remedy(),
            SinkError::Client(error) => error.remedy(),
            SinkError::Avro(error) => error.remedy(),
            SinkError::Registry(error) => error.remedy(),
            SinkError::Locked { .. } => {
                Some("stop the other process, or write to another file".into())
            }
            SinkError::NotAFile { .. } => Some("name a regular file in [sink]".into()),
            SinkError::Io { path, .. } => {
                Some(format!("make {} writable, with free space, and restart", path.display()).into())
            }
            SinkError::OutputClosed => {
                Some("keep the program that reads the output running, and restart".into())
            }
            SinkError::Cancelled
            | SinkError::NotFlushed { .. }
            | SinkError::Fatal { .. }
            | SinkError::Undelivered { .. }
            | SinkError::Broken { .. }
            | SinkError::ThreadLost => None,
        }
    }
}

/// Where in the binlog a record comes from, as its own `source` block tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coordinates {
    /// Binlog file.
    pub file: Option<String>,
    /// Offset in it.
    pub pos: Option<u64>,
    /// GTID of the transaction.
    pub gtid: Option<String>,
}

impl Coordinates {
    /// Reads `source.file`, `.pos` and `.gtid` of an envelope, with or without a schema around it.
    /// Nothing else of it is looked at; what cannot be read stays empty.
    pub fn of(value: &[u8]) -> Coordinates {
        #[derive(Default, Deserialize)]
        struct Envelope {
            source: Option<Source>,
            payload: Option<Payload>,
        }
        #[derive(Deserialize)]
        struct Payload {
            source: Option<Source>,
        }
        #[derive(Deserialize)]
        struct Source {
            file: Option<String>,
            pos: Option<u64>,
            gtid: Option<String>,
        }
        let envelope: Envelope = serde_json::from_slice(value).unwrap_or_default();
        let source = envelope
            .source
            .or_else(|| envelope.payload.and_then(|payload| payload.source));
        source.map_or_else(Coordinates::default, |source| Coordinates {
            file: source.file,
            pos: source.pos,
            gtid: source.gtid,
        })
    }
}

impl fmt::Display for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        if let Some(gtid) = &self.gtid {
            write!(f, "gtid {gtid}")?;
            separator = ", ";
        }
        if let Some(file) = &self.file {
            write!(f, "{separator}file {file}")?;
            separator = ", ";
        }
        match self.pos {
            Some(pos) => write!(f, "{separator}position {pos}"),
            None if separator.is_empty() => f.write_str("unknown coordinates"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_are_read_with_and_without_a_schema() {
        let plain = br#"{"before":null,"after":{"secret":"x"},"source":{"file":"b.000001","pos":4,"gtid":"u:1","table":"t"},"op":"c"}"#;
        let coordinates = Coordinates::of(plain);
        assert_eq!(
            coordinates.to_string(),
            "gtid u:1, file b.000001, position 4"
        );
        let nested =
            br#"{"schema":{},"payload":{"source":{"file":"b.000001","pos":4,"gtid":null}}}"#;
        assert_eq!(
            Coordinates::of(nested).to_string(),
            "file b.000001, position 4"
        );
        for broken in [&b"{"[..], b"", b"[]", br#"{"source":{"pos":"4"}}"#] {
            assert_eq!(Coordinates::of(broken).to_string(), "unknown coordinates");
        }
    }
}
