//! Topics: how many partitions they have, and their creation.
//!
//! Takes names, gives partition counts; a topic that does not exist is created as it should be, never as a side
//! effect of asking for it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::admin::AdminOptions;
use rdkafka::admin::NewTopic;
use rdkafka::admin::TopicReplication;
use rdkafka::client::Client;
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;

use super::ADMIN_TIMEOUT;
use super::ClientError;
use super::Observed;
use super::admin_client;
use super::block_on;
use super::is_denied;
use crate::error::Classify;
use crate::error::Fault;

/// First wait after a failed attempt; doubles up to [`BACKOFF_MAX`]. A topic just created is known to
/// every broker after a few milliseconds.
const BACKOFF_MIN: Duration = Duration::from_millis(10);
/// Longest wait between two attempts.
const BACKOFF_MAX: Duration = Duration::from_secs(2);
/// Limit of the first metadata request; doubles with each attempt up to [`METADATA_TIMEOUT_MAX`].
const METADATA_TIMEOUT_MIN: Duration = Duration::from_secs(1);
/// Limit of one metadata request: how late a cancellation may be noticed.
const METADATA_TIMEOUT_MAX: Duration = Duration::from_secs(4);
/// What each of many topics adds to the limit of the request that creates them.
const CREATION_TIME: Duration = Duration::from_millis(100);
/// Most topics of one request, so that it is answered within seconds.
const CREATED_TOGETHER: usize = 100;
/// Most partitions of one request: a controller refuses to make more at once
/// (`QuorumController.MAX_RECORDS_PER_USER_OP`), and records about topics count too.
const PARTITIONS_TOGETHER: usize = 5_000;
/// Most topics that are asked for one by one: all of a cluster's topics may be many more than ours.
const ASKED_SINGLY: usize = 8;

/// Why a topic is not there to be used.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TopicError {
    /// The cluster refuses us.
    #[error("access to topic {topic} is denied: {code}")]
    Denied {
        /// Name of the topic.
        topic: String,
        /// Kafka's code.
        code: RDKafkaErrorCode,
    },
    /// The cluster refuses the topic as it was asked for.
    #[error("the cluster refuses to create topic {topic}: {code}")]
    Refused {
        /// Name of the topic.
        topic: String,
        /// Kafka's code.
        code: RDKafkaErrorCode,
    },
    /// Brokers are away, starting or electing.
    #[error("topic {topic} is not available: {reason}")]
    Unavailable {
        /// Name of the topic.
        topic: String,
        /// Kafka's or librdkafka's words.
        reason: String,
    },
    /// No admin client could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl TopicError {
    fn new(topic: &str, code: RDKafkaErrorCode) -> TopicError {
        let topic = topic.to_owned();
        if is_denied(code) {
            TopicError::Denied { topic, code }
        } else if is_refused(code) {
            TopicError::Refused { topic, code }
        } else {
            TopicError::Unavailable {
                topic,
                reason: code.to_string(),
            }
        }
    }

    fn from_client(topic: &str, error: &KafkaError) -> TopicError {
        match error.rdkafka_error_code() {
            Some(code) => TopicError::new(topic, code),
            None => TopicError::Unavailable {
                topic: topic.to_owned(),
                reason: error.to_string(),
            },
        }
    }
}

impl Classify for TopicError {
    fn fault(&self) -> Fault {
        match self {
            TopicError::Denied { .. } | TopicError::Refused { .. } => Fault::Operator,
            TopicError::Unavailable { .. } => Fault::Transient,
            TopicError::Client(error) => error.fault(),
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            TopicError::Denied { topic, .. } => Some(
                format!(
                    "grant this client's principal DESCRIBE, WRITE and CREATE on topic {topic}, \
                     or create the topic and grant DESCRIBE and WRITE"
                )
                .into(),
            ),
            TopicError::Refused { topic, .. } => Some(
                format!(
                    "set `partitions` and `replication` in [kafka] to what the cluster allows, \
                     or create topic {topic} by hand"
                )
                .into(),
            ),
            TopicError::Unavailable { .. } => None,
            TopicError::Client(error) => error.remedy(),
        }
    }
}

/// Topics as they should be created where they do not exist.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Names of the topics.
    pub names: &'a [&'a str],
    /// Number of partitions; -1 leaves it to the broker.
    pub partitions: i32,
    /// Replication factor; -1 leaves it to the broker.
    pub replication: i32,
    /// Topic settings.
    pub settings: &'a [(&'a str, &'a str)],
}

/// The partition counts of topics, which are created where they do not exist: those of one call
/// together, since a request costs the cluster more than a topic in it.
///
/// `config` makes the admin client that creates them. After each failure that time may mend, `wait` is
/// told how long to wait and why; its `false` ends the attempts with that failure.
///
/// # Errors
/// Denied and refused at once; unavailable when `wait` says so.
pub fn ensure_topics<C: ClientContext>(
    client: &Client<C>,
    config: &ClientConfig,
    wanted: Wanted<'_>,
    mut wait: impl FnMut(Duration, &TopicError) -> bool,
) -> Result<Vec<i32>, TopicError> {
    let mut inquiry = Inquiry {
        client,
        config,
        admin: None,
        wanted,
        counts: vec![None; wanted.names.len()],
        together: wanted.names.len() > ASKED_SINGLY,
    };
    let mut pause = BACKOFF_MIN;
    let mut timeout = METADATA_TIMEOUT_MIN;
    loop {
        let error = match inquiry.attempt(timeout) {
            Ok(None) => return Ok(inquiry.counts.into_iter().flatten().collect()),
            // Created, but the broker that is asked next may not have heard of it.
            Ok(Some(name)) => TopicError::new(name, RDKafkaErrorCode::UnknownTopicOrPartition),
            Err(error @ TopicError::Unavailable { .. }) => error,
            Err(
                error @ (TopicError::Denied { .. }
                | TopicError::Refused { .. }
                | TopicError::Client(_)),
            ) => return Err(error),
        };
        if !wait(pause, &error) {
            return Err(error);
        }
        pause = (pause * 2).min(BACKOFF_MAX);
        timeout = (timeout * 2).min(METADATA_TIMEOUT_MAX);
    }
}

/// What is known so far of topics that should exist.
struct Inquiry<'a, C: ClientContext> {
    client: &'a Client<C>,
    config: &'a ClientConfig,
    admin: Option<AdminClient<Observed>>,
    wanted: Wanted<'a>,
    counts: Vec<Option<i32>>,
    /// Whether more than a few topics are asked for by one request for all that the cluster has.
    together: bool,
}

impl<'a, C: ClientContext> Inquiry<'a, C> {
    /// Asks for the counts that are not known, and creates the topics that do not exist; gives one of
    /// those, if any.
    fn attempt(&mut self, timeout: Duration) -> Result<Option<&'a str>, TopicError> {
        self.ask(timeout)?;
        let missing = self.missing();
        let partitions = usize::try_from(self.wanted.partitions).unwrap_or(1);
        let together = PARTITIONS_TOGETHER / partitions.clamp(1, PARTITIONS_TOGETHER);
        for names in missing.chunks(together.min(CREATED_TOGETHER)) {
            let wanted = Wanted {
                names,
                ..self.wanted
            };
            if create_topics(self.admin()?, wanted)? == Created::Some {
                // One that exists although the list of all topics is without it may be asked for by name.
                self.together = false;
            }
        }
        Ok(missing.first().copied())
    }

    /// The names whose count is not known.
    fn missing(&self) -> Vec<&'a str> {
        let names = self.wanted.names.iter().zip(&self.counts);
        let unknown = names.filter(|(_, count)| count.is_none());
        unknown.map(|(name, _)| *name).collect()
    }

    fn ask(&mut self, timeout: Duration) -> Result<(), TopicError> {
        if !self.together || self.missing().len() <= ASKED_SINGLY {
            for (name, count) in self.wanted.names.iter().zip(&mut self.counts) {
                if count.is_none() {
                    *count = partition_count(self.client, name, timeout)?;
                }
            }
            return Ok(());
        }
        let first = self.wanted.names.first().copied().unwrap_or_default();
        // A producer compares each topic of an answer with each that it writes to; this client has none.
        let metadata = self.admin()?.inner().fetch_metadata(None, timeout);
        let metadata = metadata.map_err(|error| {
            // A list too long for the time there is.
            self.together = false;
            TopicError::from_client(first, &error)
        })?;
        let topics = metadata.topics().iter();
        let known: HashMap<&str, &MetadataTopic> =
            topics.map(|topic| (topic.name(), topic)).collect();
        for (name, count) in self.wanted.names.iter().zip(&mut self.counts) {
            if count.is_none() {
                *count = known.get(name).map_or(Ok(None), |topic| count_of(topic))?;
            }
        }
        Ok(())
    }

    fn admin(&mut self) -> Result<&AdminClient<Observed>, ClientError> {
        let admin = match self.admin.take() {
            Some(admin) => admin,
            None => admin_client(self.config)?,
        };
        Ok(self.admin.insert(admin))
    }
}

/// The partition count of a topic; `None` where the cluster says that it does not exist.
///
/// # Errors
/// Whatever keeps the cluster from answering.
pub fn partition_count<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    timeout: Duration,
) -> Result<Option<i32>, TopicError> {
    let metadata = client
        .fetch_metadata(Some(topic), timeout)
        .map_err(|error| TopicError::from_client(topic, &error))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else {
        return Ok(None);
    };
    count_of(found)
}

fn count_of(topic: &MetadataTopic) -> Result<Option<i32>, TopicError> {
    if let Some(error) = topic.error() {
        let code = RDKafkaErrorCode::from(error);
        if code == RDKafkaErrorCode::UnknownTopicOrPartition {
            return Ok(None);
        }
        return Err(TopicError::new(topic.name(), code));
    }
    match i32::try_from(topic.partitions().len()) {
        Ok(count) if count > 0 => Ok(Some(count)),
        Ok(_) | Err(_) => {
            let code = RDKafkaErrorCode::LeaderNotAvailable;
            Err(TopicError::new(topic.name(), code))
        }
    }
}

/// What came of a request for topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    /// Each of them is new.
    All,
    /// Some existed already.
    Some,
}

/// Creates topics with one request. Those that exist already are as good.
///
/// # Errors
/// The cluster's answer to the first topic that is not there now, or that it gave none.
pub fn create_topics(
    admin: &AdminClient<Observed>,
    wanted: Wanted<'_>,
) -> Result<Created, TopicError> {
    let replication = wanted.replication;
    let mut topics = Vec::with_capacity(wanted.names.len());
    for name in wanted.names {
        let topic = NewTopic::new(
            name,
            wanted.partitions,
            TopicReplication::Fixed(replication),
        );
        let settings = wanted.settings.iter();
        topics.push(settings.fold(topic, |topic, (name, value)| topic.set(name, value)));
    }
    let first = wanted.names.first().copied().unwrap_or_default();
    let timeout =
        Some(ADMIN_TIMEOUT.max(CREATION_TIME * u32::try_from(topics.len()).unwrap_or(u32::MAX)));
    let options = AdminOptions::new()
        .request_timeout(timeout)
        .operation_timeout(timeout);
    let results = block_on(admin.create_topics(&topics, &options))
        .map_err(|error| TopicError::from_client(first, &error))?;
    let mut created = Created::All;
    let mut answered = 0;
    let mut unavailable = None;
    for result in results {
        answered += 1;
        match result {
            Ok(_) => {}
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => created = Created::Some,
            Err((name, code)) => match TopicError::new(&name, code) {
                // The others may be refused for good.
                error @ TopicError::Unavailable { .. } => unavailable = Some(error),
                error @ (TopicError::Denied { .. }
                | TopicError::Refused { .. }
                | TopicError::Client(_)) => return Err(error),
            },
        }
    }
    if answered < topics.len() {
        unavailable = Some(TopicError::new(first, RDKafkaErrorCode::OperationTimedOut));
    }
    unavailable.map_or(Ok(created), Err)
}

/// The cluster will not create a topic like this, however often it is asked.
fn is_refused(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::InvalidPartitions
            | RDKafkaErrorCode::InvalidReplicationFactor
            | RDKafkaErrorCode::InvalidReplicaAssignment
            | RDKafkaErrorCode::InvalidConfig
            | RDKafkaErrorCode::InvalidRequest
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::InvalidArgument
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::client_config;
    use crate::kafka::tests::made;
    use crate::kafka::tests::settings;

    #[test]
    fn an_unreachable_cluster_is_transient_and_asked_until_the_caller_stops() {
        let producer = made(&[]).unwrap();
        let wanted = Wanted {
            names: &["t"],
            partitions: 1,
            replication: -1,
            settings: &[],
        };
        let config = client_config(&settings(&[]), "remora-test");
        let mut attempts = 0;
        let error = ensure_topics(
            rdkafka::producer::Producer::client(&producer),
            &config,
            wanted,
            |pause, error| {
                assert!(pause <= BACKOFF_MAX);
                assert_eq!(error.fault(), Fault::Transient);
                attempts += 1;
                attempts < 2
            },
        )
        .unwrap_err();
        assert_eq!(error.fault(), Fault::Transient);
        assert_eq!(attempts, 2);
    }
}
