//! The position in a compacted topic of the sink's cluster: one record a database, its key the topic
//! prefix, and one for each of its parts, whose key is the prefix, `#` and the part's name.
//!
//! Takes `[kafka]` and a topic name; gives a [`Store`]. It joins no consumer group, commits no offset,
//! and never takes a topic that could forget the position.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::admin::AdminOptions;
use rdkafka::admin::ResourceSpecifier;
use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::DeliveryResult;
use rdkafka::message::Message;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::ProducerContext;
use rdkafka::producer::ThreadedProducer;

use super::store::Contents;
use super::store::POSITION;
use super::store::Store;
use super::store::StoreError;
use crate::config;
use crate::kafka;
use crate::kafka::ClientError;
use crate::kafka::Health;
use crate::kafka::TopicError;
use crate::kafka::Wanted;

/// Limit of `load`, the creation of the topic included.
const LOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Limit of `save`.
const SAVE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long `save` waits beyond that for librdkafka's own report of a timeout.
const REPORT_GRACE: Duration = Duration::from_secs(5);
/// How long the end of the topic must stand where it lies below the end that was asked for: after a
/// change of leaders the new one may not show all that is committed for a moment.
const END_SETTLED: Duration = Duration::from_secs(5);
/// One wait for a record, after which the deadline is looked at.
const POLL: Duration = Duration::from_millis(500);
/// Settings of the topic, the first that the cluster accepts. The active segment is never compacted:
/// the default of 1 GiB would have to be read at each start. 52,428,800 is the least that common
/// hosted clusters allow; some allow no choice at all.
const TOPIC_SETTINGS: [&[(&str, &str)]; 2] = [
    &[("cleanup.policy", "compact"), ("segment.bytes", "52428800")],
    &[("cleanup.policy", "compact")],
];

/// The position of one database in a compacted topic.
pub struct KafkaStore {
    topic: String,
    key: String,
    replication: i32,
    base: ClientConfig,
    settings: config::Kafka,
    health: Arc<Health>,
    writer: Option<Writer>,
}

/// A producer that reports each outcome with the number of its `save`.
struct Writer {
    producer: ThreadedProducer<Reports>,
    outcomes: mpsc::Receiver<(usize, Option<RDKafkaErrorCode>)>,
    saves: usize,
}

impl KafkaStore {
    /// A store for the records whose keys begin with `key`, the database's topic prefix. Connects to
    /// nothing yet.
    pub fn new(settings: &config::Kafka, client_id: &str, topic: &str, key: &str) -> KafkaStore {
        KafkaStore {
            topic: topic.to_owned(),
            key: key.to_owned(),
            replication: settings.replication,
            base: kafka::client_config(settings, client_id),
            settings: settings.clone(),
            health: Arc::new(Health::default()),
            writer: None,
        }
    }

    fn reader(&self) -> Result<BaseConsumer<Reader>, ClientError> {
        let mut config = self.base.clone();
        config
            // librdkafka assigns partitions only to a member of some group. This one is never joined:
            // nothing is subscribed and nothing committed.
            .set("group.id", self.base.get("client.id").unwrap_or("remora"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("enable.partition.eof", "true")
            .set("isolation.level", "read_committed")
            .set("check.crcs", "true")
            .set("allow.auto.create.topics", "false")
            .set("queued.max.messages.kbytes", "8192");
        kafka::apply_properties(&mut config, &self.settings);
        config
            .create_with_context(Reader(Arc::clone(&self.health)))
            .map_err(|error| ClientError::new(&error))
    }

    fn writer(&self) -> Result<Writer, ClientError> {
        let mut config = self.base.clone();
        config
            // One record at a time, and the same one twice is the same position: what an idempotent producer would
            // add is the half second until it has its id.
            .set("enable.idempotence", "false")
            .set("max.in.flight.requests.per.connection", "1")
            .set("acks", "all")
            .set("message.timeout.ms", SAVE_TIMEOUT.as_millis().to_string())
            .set("linger.ms", "0")
            .set("allow.auto.create.topics", "false");
        kafka::apply_properties(&mut config, &self.settings);
        let (sender, outcomes) = mpsc::channel();
        let reports = Reports {
            sender,
            health: Arc::clone(&self.health),
        };
        let producer = config
            .create_with_context(reports)
            .map_err(|error| ClientError::new(&error))?;
        Ok(Writer {
            producer,
            outcomes,
            saves: 0,
        })
    }

    /// The topic exists, with one partition, compacted.
    fn ensure_topic(
        &self,
        reader: &BaseConsumer<Reader>,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let mut admin = self.base.clone();
        kafka::apply_properties(&mut admin, &self.settings);
        let mut outcome = Ok(Vec::new());
        for settings in TOPIC_SETTINGS {
            let wanted = Wanted {
                names: &[&self.topic],
                partitions: 1,
                replication: self.replication,
                settings,
            };
            outcome = kafka::ensure_topics(reader.client(), &admin, wanted, |pause, _| {
                let now = Instant::now();
                if now + pause < deadline {
                    std::thread::sleep(pause);
                }
                now + pause < deadline
            });
            // A policy may forbid the segment size: the plain form is tried before that is final.
            if !matches!(outcome, Err(TopicError::Refused { .. })) {
                break;
            }
        }
        let partitions = outcome?.first().copied().unwrap_or_default();
        if partitions != 1 {
            return Err(StoreError::Partitions {
                topic: self.topic.clone(),
                found: partitions,
            });
        }
        self.check_compacted(&admin)
    }

    fn check_compacted(&self, config: &ClientConfig) -> Result<(), StoreError> {
        let unavailable = |reason: String| TopicError::Unavailable {
            topic: self.topic.clone(),
            reason,
        };
        let admin = kafka::admin_client(config)?;
        let options = AdminOptions::new().request_timeout(Some(kafka::ADMIN_TIMEOUT));
        let topic = ResourceSpecifier::Topic(&self.topic);
        let results = kafka::block_on(admin.describe_configs([&topic], &options))
            .map_err(|error| unavailable(error.to_string()))?;
        let resource = match results.into_iter().next() {
            Some(Ok(resource)) => resource,
            Some(Err(code)) if kafka::is_denied(code) => {
                self.warn_unchecked();
                return Ok(());
            }
            Some(Err(code)) => return Err(unavailable(code.to_string()).into()),
            None => return Err(unavailable("no answer about its settings".to_owned()).into()),
        };
        match resource
            .get("cleanup.policy")
            .and_then(|entry| entry.value.as_deref())
        {
            Some("compact") => Ok(()),
            Some(policy) => Err(StoreError::NotCompacted {
                topic: self.topic.clone(),
                found: policy.to_owned(),
            }),
            // Without DESCRIBE_CONFIGS a broker may leave the settings out of its answer.
            None => {
                self.warn_unchecked();
                Ok(())
            }
        }
    }

    fn warn_unchecked(&self) {
        tracing::warn!(
            topic = self.topic,
            "cleanup.policy of the position's topic cannot be read; grant DESCRIBE_CONFIGS, or see \
             to it that it is compact"
        );
    }

    /// The name of the record that a key of ours has; `None` for another database's. A topic prefix has
    /// no `#` in it, so no other database's key begins with ours and a `#`.
    fn name_of<'a>(&self, key: Option<&'a [u8]>) -> Option<&'a str> {
        let rest = key?.strip_prefix(self.key.as_bytes())?;
        match rest.split_first() {
            None => Some(POSITION),
            Some((b'#', name)) => std::str::from_utf8(name).ok(),
            Some(_) => None,
        }
    }

    fn key_of(&self, name: &str) -> String {
        match name {
            POSITION => self.key.clone(),
            part => format!("{}#{part}", self.key),
        }
    }

    /// The values of the last records of our keys below `end`, the end that the topic had before.
    fn last_records(
        &self,
        reader: &BaseConsumer<Reader>,
        end: i64,
        deadline: Instant,
    ) -> Result<Contents, StoreError> {
        let mut assignment = TopicPartitionList::new();
        assignment
            .add_partition_offset(&self.topic, 0, Offset::Beginning)
            .and_then(|()| reader.assign(&assignment))
            .map_err(|error| self.not_read(error.to_string()))?;
        let mut last = Contents::new();
        let mut reason = "no answer".to_owned();
        let mut at_end: Option<Instant> = None;
        while Instant::now() < deadline {
            match reader.poll(POLL) {
                None if at_end.is_some_and(|since| since.elapsed() >= END_SETTLED) => {
                    return Ok(last);
                }
                None => {}
                Some(Ok(message)) => {
                    at_end = None;
                    if let Some(name) = self.name_of(message.key()) {
                        match message.payload() {
                            Some(record) => last.insert(name.to_owned(), record.to_vec()),
                            None => last.remove(name),
                        };
                    }
                    if message.offset() + 1 >= end {
                        return Ok(last);
                    }
                }
                // What lies between the last record and `end` was compacted away, or marks a transaction.
                Some(Err(KafkaError::PartitionEOF(_))) => at_end = Some(Instant::now()),
                Some(Err(error)) => {
                    let code = error.rdkafka_error_code();
                    if let Some(code) = code.filter(|code| kafka::is_denied(*code)) {
                        let topic = self.topic.clone();
                        return Err(TopicError::Denied { topic, code }.into());
                    }
                    if code.is_some_and(kafka::is_unknown_topic) || is_reset(code) {
                        return Err(self.not_read(error.to_string()));
                    }
                    // Everything else is retried by librdkafka until the deadline. Without access to
                    // the group that is never used, its coordinator's refusal comes by here too.
                    reason = error.to_string();
                }
            }
        }
        Err(self.not_read(reason))
    }

    /// The first offset, and the one after the last record that may be read.
    fn bounds(
        &self,
        reader: &BaseConsumer<Reader>,
        deadline: Instant,
    ) -> Result<(i64, i64), StoreError> {
        loop {
            match reader.fetch_watermarks(&self.topic, 0, kafka::ADMIN_TIMEOUT) {
                Ok(bounds) => return Ok(bounds),
                Err(error) => {
                    let code = error.rdkafka_error_code();
                    if let Some(code) = code.filter(|code| kafka::is_denied(*code)) {
                        let topic = self.topic.clone();
                        return Err(TopicError::Denied { topic, code }.into());
                    }
                    if Instant::now() + POLL >= deadline {
                        return Err(self.not_read(error.to_string()));
                    }
                    std::thread::sleep(POLL);
                }
            }
        }
    }

    fn not_read(&self, reason: String) -> StoreError {
        let reason = self.health.status().last_error.unwrap_or(reason);
        StoreError::NotRead {
            topic: self.topic.clone(),
            seconds: LOAD_TIMEOUT.as_secs(),
            reason,
        }
    }
}

impl Store for KafkaStore {
    fn load(&mut self) -> Result<Contents, StoreError> {
        let deadline = Instant::now() + LOAD_TIMEOUT;
        let reader = self.reader()?;
        self.ensure_topic(&reader, deadline)?;
        let (start, end) = self.bounds(&reader, deadline)?;
        if start == end {
            return Ok(Contents::new());
        }
        self.last_records(&reader, end, deadline)
    }

    fn save(&mut self, name: &str, record: Option<&[u8]>) -> Result<(), StoreError> {
        // A writer that failed is not used again: whatever it still holds must not follow a newer record.
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.writer()?,
        };
        writer.saves += 1;
        let key = self.key_of(name);
        let mut message = BaseRecord::with_opaque_to(&self.topic, writer.saves)
            .partition(0)
            .key(key.as_bytes());
        message.payload = record;
        let not_written = |code| StoreError::NotWritten {
            topic: self.topic.clone(),
            code,
        };
        if let Err((error, _)) = writer.producer.send(message) {
            return Err(not_written(
                error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
            ));
        }
        match writer.outcomes.recv_timeout(SAVE_TIMEOUT + REPORT_GRACE) {
            Ok((save, None)) if save == writer.saves => {
                self.writer = Some(writer);
                Ok(())
            }
            Ok((_, Some(RDKafkaErrorCode::MessageTimedOut))) | Ok((_, None)) | Err(_) => {
                let seconds = SAVE_TIMEOUT.as_secs();
                Err(StoreError::NotConfirmed {
                    topic: self.topic.clone(),
                    seconds,
                })
            }
            Ok((_, Some(code))) => Err(not_written(code)),
        }
    }
}

/// The reader met an offset that is not there: the topic was cut or created again under it.
fn is_reset(code: Option<RDKafkaErrorCode>) -> bool {
    matches!(
        code,
        Some(RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange)
    )
}

struct Reader(Arc<Health>);

impl ClientContext for Reader {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka::log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.failed(&error, reason);
    }
}

impl ConsumerContext for Reader {}

struct Reports {
    sender: mpsc::Sender<(usize, Option<RDKafkaErrorCode>)>,
    health: Arc<Health>,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka::log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.health.failed(&error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, save: usize) {
        let outcome = match result {
            Ok(_) => {
                self.health.delivered();
                None
            }
            Err((error, _)) => Some(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)),
        };
        if self.sender.send((save, outcome)).is_err() {
            tracing::debug!("the store was dropped while a position was being written");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::error::Classify;
    use crate::error::Fault;

    fn settings(brokers: &str) -> config::Kafka {
        config::Kafka {
            brokers: brokers.to_owned(),
            partitions: 3,
            replication: -1,
            in_flight_bytes_max: 1 << 20,
            properties: BTreeMap::new(),
        }
    }

    fn broker() -> String {
        std::env::var("REMORA_TEST_KAFKA").expect("REMORA_TEST_KAFKA names a broker")
    }

    fn fresh() -> String {
        format!("positions.{}", uuid::Uuid::now_v7())
    }

    fn create(topic: &str, partitions: i32, policy: &str) {
        let config = kafka::client_config(&settings(&broker()), "remora-test");
        let settings = [("cleanup.policy", policy)];
        let wanted = Wanted {
            names: &[topic],
            partitions,
            replication: -1,
            settings: &settings,
        };
        kafka::create_topics(&kafka::admin_client(&config).unwrap(), wanted).unwrap();
    }

    /// `load` once the topic is known to every broker that is asked.
    fn load(store: &mut KafkaStore) -> Result<Option<String>, StoreError> {
        let record = store.load()?.remove(POSITION);
        Ok(record.map(|record| String::from_utf8(record).unwrap()))
    }

    #[test]
    fn an_offset_that_vanished_is_not_an_empty_topic() {
        assert!(is_reset(Some(RDKafkaErrorCode::AutoOffsetReset)));
        assert!(!is_reset(Some(RDKafkaErrorCode::AllBrokersDown)));
        assert!(!is_reset(None));
    }

    #[test]
    fn the_last_records_of_the_keys_are_read_from_a_mock_cluster() {
        let mock = rdkafka::mocking::MockCluster::new(1).unwrap();
        mock.create_topic("positions", 1, 1).unwrap();
        let settings = settings(&mock.bootstrap_servers());
        let mut mine = KafkaStore::new(&settings, "remora-a", "positions", "a");
        let mut other = KafkaStore::new(&settings, "remora-b", "positions", "b");
        mine.save(POSITION, Some(b"first")).unwrap();
        mine.save("tables.1.0", Some(b"part")).unwrap();
        mine.save("tables.0.0", Some(b"gone")).unwrap();
        mine.save("tables.0.0", None).unwrap();
        mine.save(POSITION, Some(b"second")).unwrap();
        other.save(POSITION, Some(b"foreign")).unwrap();
        // The mock cluster cannot describe a topic's settings, so `load` is taken from there on.
        let expected = |records: &[(&str, &[u8])]| {
            let pairs = records.iter();
            pairs
                .map(|(name, record)| ((*name).to_owned(), record.to_vec()))
                .collect::<Contents>()
        };
        for (store, expected) in [
            (
                &mine,
                expected(&[(POSITION, b"second"), ("tables.1.0", b"part")]),
            ),
            (&other, expected(&[(POSITION, b"foreign")])),
        ] {
            let deadline = Instant::now() + LOAD_TIMEOUT;
            let reader = store.reader().unwrap();
            let (start, end) = store.bounds(&reader, deadline).unwrap();
            assert!(start < end);
            let records = store.last_records(&reader, end, deadline).unwrap();
            assert_eq!(records, expected);
        }
    }

    #[test]
    fn a_refused_write_is_the_operators_and_the_next_save_starts_anew() {
        use rdkafka::types::RDKafkaApiKey;
        use rdkafka::types::RDKafkaRespErr as Code;
        let mock = rdkafka::mocking::MockCluster::new(1).unwrap();
        mock.create_topic("positions", 1, 1).unwrap();
        let mut store =
            KafkaStore::new(&settings(&mock.bootstrap_servers()), "r", "positions", "a");
        for (code, fault) in [
            (
                Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                Fault::Operator,
            ),
            (Code::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, Fault::Operator),
            (Code::RD_KAFKA_RESP_ERR_UNKNOWN, Fault::Transient),
        ] {
            mock.request_errors(RDKafkaApiKey::Produce, &[code]);
            let error = store.save(POSITION, Some(b"lost")).unwrap_err();
            assert_eq!(error.fault(), fault, "{error}");
            assert!(store.writer.is_none());
            store.save(POSITION, Some(b"kept")).unwrap();
        }
    }

    #[test]
    #[ignore = "by hand, against a broker"]
    fn real_positions_survive_and_a_tombstone_forgets() {
        let (settings, topic) = (settings(&broker()), fresh());
        let mut store = KafkaStore::new(&settings, "remora-a", &topic, "a");
        assert_eq!(load(&mut store).unwrap(), None);
        let start = Instant::now();
        for number in 0..100 {
            store
                .save(POSITION, Some(format!("a{number}").as_bytes()))
                .unwrap();
        }
        println!("one save: {:?}", start.elapsed() / 100);
        let mut other = KafkaStore::new(&settings, "remora-b", &topic, "b");
        assert_eq!(load(&mut other).unwrap(), None);
        other.save(POSITION, Some(b"b0")).unwrap();
        drop(store);
        let mut store = KafkaStore::new(&settings, "remora-a", &topic, "a");
        let start = Instant::now();
        assert_eq!(load(&mut store).unwrap().as_deref(), Some("a99"));
        println!("load: {:?}", start.elapsed());
        assert_eq!(load(&mut other).unwrap().as_deref(), Some("b0"));
        let producer: rdkafka::producer::BaseProducer =
            kafka::client_config(&settings, "remora-test")
                .create()
                .unwrap();
        let tombstone = BaseRecord::<str, [u8]>::to(&topic).partition(0).key("a");
        producer.send(tombstone).ok().unwrap();
        rdkafka::producer::Producer::flush(&producer, Duration::from_secs(10)).unwrap();
        assert_eq!(load(&mut store).unwrap(), None);
        assert_eq!(load(&mut other).unwrap().as_deref(), Some("b0"));
    }

    #[test]
    #[ignore = "by hand, against a broker"]
    fn real_topics_that_could_forget_are_refused() {
        let settings = settings(&broker());
        let topic = fresh();
        create(&topic, 3, "compact");
        let error = load(&mut KafkaStore::new(&settings, "r", &topic, "a")).unwrap_err();
        assert!(
            matches!(error, StoreError::Partitions { found: 3, .. }),
            "{error}"
        );
        for policy in ["delete", "compact,delete"] {
            let topic = fresh();
            create(&topic, 1, policy);
            let error = load(&mut KafkaStore::new(&settings, "r", &topic, "a")).unwrap_err();
            assert!(matches!(error, StoreError::NotCompacted { .. }), "{error}");
            assert_eq!(error.fault(), Fault::Operator);
            assert!(error.remedy().unwrap().contains(&topic));
        }
    }
}
