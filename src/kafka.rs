//! What the Kafka sink and the Kafka store share: client settings, librdkafka's own log, the state of
//! the connection, and topics that are created explicitly.
//!
//! Takes `[kafka]` of the configuration; gives librdkafka clients their settings and topics their
//! partition counts. It never creates a topic as a side effect of asking for one, and never puts a
//! setting's value into an error: it may be a password.

mod last;
mod topics;

use std::borrow::Cow;
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
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;

pub use last::last_value;
pub use topics::{Created, TopicError, Wanted, create_topics, ensure_topics, partition_count};

use crate::config::Kafka;
use crate::error::Classify;
use crate::error::Fault;

/// Limit of one request that creates a topic or reads its settings.
pub const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);

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

    pub(super) fn settings(properties: &[(&str, &str)]) -> Kafka {
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

    pub(super) fn made(properties: &[(&str, &str)]) -> Result<BaseProducer, ClientError> {
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
}
