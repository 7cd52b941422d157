//! Going on where another program stands: its position becomes the stored one.
//!
//! Takes a Debezium connector's offset, asks the server whether it can be followed from there, and stores it as
//! this database's position. A position that is stored already stays unless told otherwise.

use std::borrow::Cow;

use crate::config::{Database, Sink};
use crate::error::{Classify, Fault};
use crate::import::offsets::{self, Offset, OffsetError};
use crate::kafka::{TopicError, last_value};
use crate::pipeline::Begin;
use crate::pipeline::error::Error;
use crate::pipeline::preflight;
use crate::pipeline::run::storing::{Stored, Storing};
use crate::position::Position;
use crate::schema::definitions::Definitions;

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum TakeoverError {
    /// The offset.
    #[error("the offset {0}")]
    Offset(#[from] OffsetError),
    /// A position is stored already.
    #[error("a position is stored already: {position}")]
    Stored {
        /// It.
        position: String,
    },
    /// The connector has no offset in Connect's topic.
    #[error("topic {topic} has no offset of connector {connector:?} with topic.prefix {prefix:?}")]
    NoOffset {
        /// The topic.
        topic: String,
        /// The connector's name.
        connector: String,
        /// Of the database.
        prefix: String,
    },
    /// Connect's topic cannot be read.
    #[error(transparent)]
    Topic(#[from] TopicError),
    /// The database has no Kafka cluster whose topics could be read.
    #[error("the sink of this database is not Kafka, so that its topics cannot be read")]
    NoKafka,
    /// A thread is gone.
    #[error("reading was interrupted")]
    Interrupted,
    /// The server or the store.
    #[error(transparent)]
    Run(#[from] Error),
}

impl Classify for TakeoverError {
    fn fault(&self) -> Fault {
        match self {
            TakeoverError::Offset(_)
            | TakeoverError::Stored { .. }
            | TakeoverError::NoOffset { .. }
            | TakeoverError::NoKafka => Fault::Operator,
            TakeoverError::Topic(error) => error.fault(),
            TakeoverError::Interrupted => Fault::Transient,
            TakeoverError::Run(error) => error.fault(),
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            TakeoverError::Offset(_) => Some(
                "give the value of the connector's record in Connect's offsets topic, the answer of \
                 GET /connectors/NAME/offsets, or a standalone worker's offset.storage.file.filename"
                    .into(),
            ),
            TakeoverError::Stored { .. } => {
                Some("leave it, or replace it with --replace while remora does not run".into())
            }
            TakeoverError::NoOffset { .. } => Some(
                "look at offset.storage.topic of the worker and at the connector's name".into(),
            ),
            TakeoverError::NoKafka => Some("give the offset as a file".into()),
            TakeoverError::Topic(error) => error.remedy(),
            TakeoverError::Interrupted => None,
            TakeoverError::Run(error) => error.remedy(),
        }
    }
}

/// The offset of a connector in Connect's topic, in the cluster of this database's sink.
///
/// # Errors
/// [`TakeoverError`].
pub async fn from_topic(
    database: &Database,
    topic: &str,
    connector: &str,
) -> Result<Offset, TakeoverError> {
    let Sink::Kafka(kafka) = database.sink.clone() else {
        return Err(TakeoverError::NoKafka);
    };
    let prefix = database.topic_prefix.clone();
    let (asked, name, server) = (topic.to_owned(), connector.to_owned(), prefix.clone());
    let reading = tokio::task::spawn_blocking(move || {
        let client = format!("remora-{server}-import");
        let is_meant = |key: &[u8]| offsets::is_key(key, &name, &server);
        last_value(&kafka, &client, &asked, &is_meant)
    });
    let value = reading.await.map_err(|_| TakeoverError::Interrupted)??;
    let value = value.ok_or_else(|| TakeoverError::NoOffset {
        topic: topic.to_owned(),
        connector: connector.to_owned(),
        prefix: prefix.clone(),
    })?;
    Ok(offsets::read(&value, &prefix)?)
}

/// Stores a position for the next start, if the server can be followed from there.
///
/// # Errors
/// [`TakeoverError`]; nothing is stored then.
pub async fn store(
    database: &Database,
    position: Position,
    replace: bool,
) -> Result<(), TakeoverError> {
    let (storing, stored) = Storing::open(database).await?;
    if let Some(Stored { checkpoint, .. }) = &stored
        && !replace
    {
        let position = checkpoint.position.end.to_string();
        return Err(TakeoverError::Stored { position });
    }
    let mut conn = preflight::connect(&database.mysql).await?;
    let known = ("", database.into());
    let server = preflight::check_history(&mut conn, &position, known).await?;
    let begin = Begin {
        position,
        // The tables are read by the next start, which can tell what has changed since.
        definitions: Definitions::new(server.lower_case_names),
        learning: false,
    };
    let checkpoint = stored.map(|stored| stored.checkpoint);
    storing
        .claim(checkpoint.as_ref(), &begin, &server.uuid)
        .await?;
    Ok(())
}
