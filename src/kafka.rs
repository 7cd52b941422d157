//! What the Kafka sink and the Kafka store share: client settings, librdkafka's own log, the state of
//! the connection, and topics that are created explicitly.
//!
//! Takes `[kafka]` of the configuration; gives librdkafka clients their settings and topics their
//! partition counts. It never creates a topic as a side effect of asking for one, and never puts a
//! setting's value into an error: it may be a password.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::task::Context;
use std::task::Poll;
use std::task::Wake;
use std::task::Waker;
use std::thread;
use std::time::Duration;

use rdkafka::admin::AdminClient;
use rdkafka::admin::AdminOptions;
use rdkafka::admin::NewTopic;
use rdkafka::admin::TopicReplication;
use rdkafka::client::Client;
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::metadata::MetadataTopic;

use crate::config::Kafka;
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
/// Limit of one request that creates a topic or reads its settings.
pub const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);
/// What each of many topics adds to the limit of the request that creates them.
const CREATION_TIME: Duration = Duration::from_millis(100);
/// Most topics of one request: a controller refuses one that makes more than 10,000 partitions, and
/// one with few is answered before clients lose their patience.
const CREATED_TOGETHER: usize = 500;
/// Most topics that are asked for one by one: all of a cluster's topics may be many more than ours.
const ASKED_SINGLY: usize = 8;

/// The settings that every client has: address, name, keep-alive, and no statistics.
///
/// The caller adds what its role needs and then calls [`apply_properties`].
pub fn client_config(settings: &Kafka, client_id: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", &settings.brokers)
        .set("client.id", client_id)
        .set("socket.keepalive.enable", "true")
        .set("statistics.interval.ms", "0")
        // No client metrics are pushed to the cluster: nobody asked this process for them.
        .set("enable.metrics.push", "false")
        // A broker that comes back is noticed within two seconds; the default allows ten.
        .set("reconnect.backoff.max.ms", "2000")
        .set_log_level(RDKafkaLogLevel::Info);
    config
}

/// Lays the operator's own librdkafka settings over those of the client.
pub fn apply_properties(config: &mut ClientConfig, settings: &Kafka) {
    for (name, value) in &settings.properties {
        config.set(name, value.reveal());
    }
}

/// Writes one line of librdkafka's log to ours, under the target `remora::kafka`.
///
/// librdkafka retries what it logs as an error; what it gives up on arrives as a delivery report.
/// Hence its errors are warnings here.
pub fn log_line(level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
            tracing::error!(target: "remora::kafka", facility, "{message}");
        }
        RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
            tracing::warn!(target: "remora::kafka", facility, "{message}");
        }
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(target: "remora::kafka", facility, "{message}");
        }
        RDKafkaLogLevel::Debug => {
            tracing::debug!(target: "remora::kafka", facility, "{message}");
        }
    }
}

/// How the cluster looks from here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Nothing was delivered and nothing went wrong yet.
    #[default]
    Unknown,
    /// The last thing that happened was a delivery.
    Up,
    /// No broker can be reached; the client keeps trying.
    Unreachable,
    /// The brokers refuse our credentials or we their certificate; the client keeps trying.
    AuthenticationFailed,
}

impl Link {
    /// The word for it in metrics and on the status page.
    pub fn as_str(self) -> &'static str {
        match self {
            Link::Unknown => "unknown",
            Link::Up => "up",
            Link::Unreachable => "unreachable",
            Link::AuthenticationFailed => "authentication_failed",
        }
    }
}

/// The state of the link and the last error that librdkafka reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkStatus {
    /// How the cluster looks from here.
    pub link: Link,
    /// librdkafka's words for what went wrong since the last delivery; `None` after one.
    pub last_error: Option<String>,
}

/// Remembers [`LinkStatus`] across threads.
#[derive(Debug, Default)]
pub struct Health(Mutex<LinkStatus>);

impl Health {
    /// What is known now.
    pub fn status(&self) -> LinkStatus {
        self.lock().clone()
    }

    /// Something was delivered: whatever went wrong before is over.
    pub fn delivered(&self) {
        let mut status = self.lock();
        if status.link != Link::Up || status.last_error.is_some() {
            *status = LinkStatus {
                link: Link::Up,
                last_error: None,
            };
        }
    }

    /// librdkafka reports an error that it will go on retrying.
    ///
    /// Refused credentials are followed by "all brokers are down", which says less: it does not
    /// replace them.
    pub fn failed(&self, error: &KafkaError, reason: &str) {
        let mut status = self.lock();
        let code = error.rdkafka_error_code();
        if code.is_some_and(is_authentication) {
            status.link = Link::AuthenticationFailed;
        } else if status.link == Link::AuthenticationFailed && code.is_some_and(is_unreachable) {
            return;
        } else if code.is_some_and(is_unreachable) {
            status.link = Link::Unreachable;
        }
        status.last_error = Some(reason.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, LinkStatus> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A context for clients whose log and errors are all that is wanted from it.
#[derive(Debug, Default)]
pub struct Observed(pub Arc<Health>);

impl ClientContext for Observed {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.failed(&error, reason);
    }
}

/// A librdkafka client could not be made: a setting is wrong, or the machine is out of something.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    /// The setting's value is left out: it may be a password.
    #[error("librdkafka does not accept the setting `{name}`")]
    Setting {
        /// Name of the setting.
        name: String,
    },
    /// Settings that do not go together, a file that cannot be read, or no thread to be had.
    #[error("librdkafka cannot make a client: {reason}")]
    Client {
        /// librdkafka's own words.
        reason: String,
    },
}

impl ClientError {
    /// From what making a client returned.
    pub fn new(error: &KafkaError) -> ClientError {
        if let KafkaError::ClientConfig(_, _, name, _) = error {
            ClientError::Setting { name: name.clone() }
        } else {
            ClientError::Client {
                reason: error.to_string(),
            }
        }
    }
}

impl Classify for ClientError {
    fn fault(&self) -> Fault {
        match self {
            ClientError::Setting { .. } | ClientError::Client { .. } => Fault::Operator,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            ClientError::Setting { name } => {
                format!("correct or remove `{name}` in [kafka.properties]").into()
            }
            ClientError::Client { .. } => {
                "correct [kafka.properties] as the message says; files must be readable".into()
            }
        })
    }
}

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
        for names in missing.chunks(CREATED_TOGETHER) {
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
        let metadata = metadata.map_err(|error| TopicError::from_client(first, &error))?;
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

/// A client for topics and their settings, to be dropped after use: it has threads of its own.
///
/// # Errors
/// librdkafka does not accept the settings.
pub fn admin_client(config: &ClientConfig) -> Result<AdminClient<Observed>, ClientError> {
    config
        .create_with_context(Observed::default())
        .map_err(|error| ClientError::new(&error))
}

/// Waits for a future of librdkafka's admin client, whose own thread completes it. The caller's
/// thread sleeps meanwhile; it must not be one that drives other futures.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

/// The cluster refuses this client.
pub fn is_denied(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
    )
}

/// The topic is not known, or not all of its partitions.
pub fn is_unknown_topic(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopicId
    )
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

fn is_authentication(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Authentication
            | RDKafkaErrorCode::SSL
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::UnsupportedSASLMechanism
            | RDKafkaErrorCode::IllegalSASLState
    )
}

fn is_unreachable(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::Resolve
            | RDKafkaErrorCode::OperationTimedOut
    )
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rdkafka::producer::BaseProducer;

    use super::*;
    use crate::error::Secret;

    fn settings(properties: &[(&str, &str)]) -> Kafka {
        Kafka {
            brokers: "127.0.0.1:1".to_owned(),
            partitions: 1,
            replication: -1,
            in_flight_bytes_max: 1 << 20,
            properties: properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned())))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    fn made(properties: &[(&str, &str)]) -> Result<BaseProducer, ClientError> {
        let settings = settings(properties);
        let mut config = client_config(&settings, "remora-test");
        apply_properties(&mut config, &settings);
        config.create().map_err(|error| ClientError::new(&error))
    }

    #[test]
    fn a_refused_setting_is_named_without_its_value() {
        let error = made(&[("compression.type", "hunter2")]).err().unwrap();
        assert_eq!(error.fault(), Fault::Operator);
        let text = format!("{error} {error:?} {}", error.remedy().unwrap());
        assert!(text.contains("compression.type"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn the_bundled_librdkafka_has_what_operators_need() {
        made(&[(
            "builtin.features",
            "lz4,zstd,gzip,snappy,ssl,sasl_plain,sasl_scram,sasl_oauthbearer",
        )])
        .unwrap();
        for codec in ["lz4", "zstd", "gzip", "snappy"] {
            made(&[("compression.type", codec)]).unwrap();
        }
    }

    #[test]
    fn refused_credentials_stay_visible_until_a_delivery() {
        let health = Health::default();
        health.failed(
            &KafkaError::Global(RDKafkaErrorCode::Authentication),
            "bad password",
        );
        health.failed(
            &KafkaError::Global(RDKafkaErrorCode::AllBrokersDown),
            "1/1 are down",
        );
        let status = health.status();
        assert_eq!(status.link, Link::AuthenticationFailed);
        assert_eq!(status.last_error.as_deref(), Some("bad password"));
        health.delivered();
        assert_eq!(
            health.status(),
            LinkStatus {
                link: Link::Up,
                last_error: None
            }
        );
        health.failed(
            &KafkaError::Global(RDKafkaErrorCode::AllBrokersDown),
            "1/1 are down",
        );
        assert_eq!(health.status().link, Link::Unreachable);
    }

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
