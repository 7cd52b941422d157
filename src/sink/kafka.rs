//! Records into Kafka, through librdkafka's idempotent producer.
//!
//! Takes batches; gives one acknowledgement per batch, when every in-sync replica has every record of it.
//! It never drops a record, never lets one key's records change their order, and never holds more than
//! its byte budget (or one batch, where that is larger). An outage is back-pressure: `send` blocks, for
//! ever if need be, until its stop handle is used.

mod flow;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use rdkafka::client::ClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::DeliveryResult;
use rdkafka::message::Header;
use rdkafka::message::Message;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseProducer;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;
use rdkafka::producer::PurgeConfig;

use super::Coordinates;
use super::Deliveries;
use super::Sink;
use super::SinkError;
use super::batch::Batch;
use super::batch::Link;
use super::batch::Record;
use super::extra::Extra;
use super::partition::partition_of;
use crate::config;
use crate::kafka;
use crate::kafka::ClientError;
use crate::kafka::LinkStatus;
use crate::kafka::TopicError;
use crate::kafka::Wanted;
use flow::Flow;
use flow::Slot;
use flow::Suspect;

/// What one record costs in librdkafka beside its bytes, as counted against the budget.
const RECORD_BYTES: usize = 256;
/// What one header costs in librdkafka beside its name and value: its own allocation and its place in
/// the list.
const HEADER_BYTES: usize = 64;
/// The delivery thread's longest sleep, and so how late it sees that it should end.
const POLL: Duration = Duration::from_millis(100);
/// How long a full queue of librdkafka is waited out at a time. Its limits are above ours, so this
/// happens only where the operator lowered them.
const QUEUE_FULL_WAIT: Duration = Duration::from_millis(5);
/// Limit of the question whether a topic that a broker calls unknown is really gone.
const DIAGNOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// Producer settings that keep the sink's promises; the configuration refuses them as properties.
const FIXED: [(&str, &str); 8] = [
    ("enable.idempotence", "true"),
    ("acks", "all"),
    ("max.in.flight.requests.per.connection", "5"),
    // Infinite: a record that timed out would leave a gap in front of the next one.
    ("message.timeout.ms", "0"),
    // The byte budget is ours. A message larger than these could never be queued.
    ("queue.buffering.max.messages", "0"),
    ("queue.buffering.max.kbytes", "2147483647"),
    // The topic decides what is too large, after compression.
    ("message.max.bytes", "1000000000"),
    // A topic is created with the partitions that are configured, or not at all.
    ("allow.auto.create.topics", "false"),
];

/// Producer settings that an operator may change, as measured in this module's throughput test.
const DEFAULTS: [(&str, &str); 4] = [
    ("compression.type", "lz4"),
    // A record waits for nobody: while five requests are on their way the next ones gather anyway.
    ("linger.ms", "0"),
    ("batch.num.messages", "10000"),
    // Below the 1,048,588 bytes that a topic accepts by default, however badly a request compresses.
    ("batch.size", "1000000"),
];

/// What the producer is made with: the promises' settings, ours, and the operator's above ours.
pub fn producer_config(settings: &config::Kafka, client_id: &str) -> ClientConfig {
    let mut config = kafka::client_config(settings, client_id);
    for (name, value) in FIXED.into_iter().chain(DEFAULTS) {
        config.set(name, value);
    }
    kafka::apply_properties(&mut config, settings);
    config
}

/// Delivers batches to a Kafka cluster. Dropping it gives up whatever is not acknowledged, and may take
/// some 300 ms.
pub struct KafkaSink {
    producer: Arc<BaseProducer<Reporter>>,
    flow: Arc<Flow>,
    poller: Option<JoinHandle<()>>,
    admin: ClientConfig,
    partitions: i32,
    replication: i32,
    topics: HashMap<Arc<str>, Topic>,
    /// The topics of the batch at hand, by their index in it.
    resolved: Vec<Topic>,
    headers: Option<OwnedHeaders>,
    /// Budgeted bytes of one record beside its own.
    overhead: usize,
}

/// What is known of a topic since its first use. The count is not asked for again: it decides where a
/// key goes, so it changes only with a restart.
#[derive(Clone, Copy)]
struct Topic {
    partitions: i32,
    /// Where records without a key go, so that they keep their order.
    keyless: i32,
}

/// Makes a `send` that waits return [`SinkError::Cancelled`], from any thread and for good.
#[derive(Clone)]
pub struct SinkStop(Arc<Flow>);

impl SinkStop {
    /// Ends the current and every later wait.
    pub fn cancel(&self) {
        self.0.cancel();
    }
}

/// What metrics and the status page may ask, from any thread.
#[derive(Clone)]
pub struct SinkStatus(Arc<Flow>);

impl SinkStatus {
    /// Bytes of the budget in use.
    pub fn in_flight_bytes(&self) -> usize {
        self.0.in_flight_bytes()
    }

    /// Batches sent and not acknowledged.
    pub fn in_flight_batches(&self) -> usize {
        self.0.in_flight_batches()
    }

    /// The state of the connection, and its last error.
    pub fn link(&self) -> LinkStatus {
        self.0.health.status()
    }
}

impl KafkaSink {
    /// Makes the producer; it connects in the background. `context_headers` go on every record.
    ///
    /// # Errors
    /// librdkafka does not accept the settings.
    pub fn new(
        settings: &config::Kafka,
        client_id: &str,
        context_headers: &[(String, String)],
        deliveries: Deliveries,
    ) -> Result<KafkaSink, SinkError> {
        let mut admin = kafka::client_config(settings, client_id);
        kafka::apply_properties(&mut admin, settings);
        let config = producer_config(settings, client_id);
        let flow = Arc::new(Flow::new(settings.in_flight_bytes_max, deliveries));
        let producer: BaseProducer<Reporter> = config
            .create_with_context(Reporter(Arc::clone(&flow)))
            .map_err(|error| ClientError::new(&error))?;
        let producer = Arc::new(producer);
        let poller = thread::Builder::new()
            .name("kafka-delivery".to_owned())
            .spawn({
                let producer = Arc::clone(&producer);
                let flow = Arc::clone(&flow);
                move || report(&producer, &flow)
            });
        let header_bytes =
            |(name, value): &(String, String)| name.len() + value.len() + HEADER_BYTES;
        Ok(KafkaSink {
            producer,
            flow,
            poller: Some(poller.map_err(|_| SinkError::ThreadLost)?),
            admin,
            partitions: settings.partitions,
            replication: settings.replication,
            topics: HashMap::new(),
            resolved: Vec::new(),
            headers: owned_headers(context_headers),
            overhead: RECORD_BYTES + context_headers.iter().map(header_bytes).sum::<usize>(),
        })
    }

    /// The handle that ends a wait in `send`.
    pub fn stop(&self) -> SinkStop {
        SinkStop(Arc::clone(&self.flow))
    }

    /// The handle for metrics and the status page.
    pub fn status(&self) -> SinkStatus {
        SinkStatus(Arc::clone(&self.flow))
    }

    /// Looks up the partition count of each topic of the batch, or creates the topic.
    fn resolve(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let unknown = |name: &&Arc<str>| !self.topics.contains_key(*name);
        let mut new: Vec<&Arc<str>> = batch.topics.iter().filter(unknown).collect();
        // A batch names a topic again for each run of its records.
        new.sort_unstable();
        new.dedup();
        if !new.is_empty() {
            let names: Vec<&str> = new.iter().map(|name| &***name).collect();
            for (name, partitions) in new.into_iter().zip(self.open(&names)?) {
                let keyless = partition_of(name.as_bytes(), partitions);
                let topic = Topic {
                    partitions,
                    keyless,
                };
                self.topics.insert(Arc::clone(name), topic);
            }
        }
        self.resolved.clear();
        for name in &batch.topics {
            let topic = self.topics.get(name).ok_or(SinkError::Broken {
                batch: batch.seq.0,
                record: 0,
            })?;
            self.resolved.push(*topic);
        }
        Ok(())
    }

    /// The partition counts of topics, which exist afterwards.
    fn open(&self, names: &[&str]) -> Result<Vec<i32>, SinkError> {
        let wanted = Wanted {
            names,
            partitions: self.partitions,
            replication: self.replication,
            settings: &[],
        };
        let client = self.producer.client();
        let counts = kafka::ensure_topics(client, &self.admin, wanted, |pause, error| {
            tracing::debug!(topics = names.len(), %error, "waiting for topics");
            self.flow.sleep(pause).is_ok()
        });
        match counts {
            Ok(counts) => Ok(counts),
            Err(error @ TopicError::Unavailable { .. }) => {
                // Waiting ended because of a failure or the stop handle: that is the better answer.
                self.flow.sleep(Duration::ZERO)?;
                Err(error.into())
            }
            Err(
                error @ (TopicError::Denied { .. }
                | TopicError::Refused { .. }
                | TopicError::Client(_)),
            ) => Err(error.into()),
        }
    }

    /// Hands every record to librdkafka. The slot counts them down as they are delivered.
    fn produce(&self, batch: &Batch, slot: Slot) -> Result<(), SinkError> {
        for (index, record) in batch.records.iter().enumerate() {
            let message = self.message(batch, record, slot).ok_or(SinkError::Broken {
                batch: batch.seq.0,
                record: index,
            })?;
            self.enqueue(message)?;
        }
        Ok(())
    }

    /// `None` where the record points outside of its batch.
    fn message<'a>(
        &self,
        batch: &'a Batch,
        record: &Record,
        slot: Slot,
    ) -> Option<BaseRecord<'a, [u8], [u8], usize>> {
        let index = usize::try_from(record.topic).ok()?;
        let topic = self.resolved.get(index)?;
        let mut message = BaseRecord::with_opaque_to(batch.topics.get(index)?, slot.0);
        message.partition = Some(topic.keyless);
        if let Some(key) = record.key {
            let key = batch.part(key)?;
            message.partition = Some(partition_of(key, topic.partitions));
            message.key = Some(key);
        }
        if let Some(value) = record.value {
            message.payload = Some(batch.part(value)?);
        }
        let link = match record.link {
            Link::None => None,
            Link::NewKey(key) => Some(("__debezium.newkey", batch.part(key)?)),
            Link::OldKey(key) => Some(("__debezium.oldkey", batch.part(key)?)),
        };
        let id = match record.id {
            None => None,
            Some(id) => Some(("__remora.id", batch.part(id)?)),
        };
        let extra = match record.extra {
            Some(extra) => Some(Extra::read(batch.part(extra)?)?),
            None => None,
        };
        if !extra.as_ref().is_some_and(|extra| extra.bare) {
            message.headers = self.headers.clone();
        }
        for (key, value) in link.into_iter().chain(id) {
            add_header(&mut message.headers, key, Some(value));
        }
        if let Some(extra) = &extra {
            for (name, value) in &extra.headers {
                let text = value.text();
                let value = text.as_deref().map(str::as_bytes);
                add_header(&mut message.headers, name, value);
            }
            message.timestamp = extra.timestamp_ms;
            let wanted = extra.partition;
            message.partition = wanted
                .filter(|partition| (0..topic.partitions).contains(partition))
                .or(message.partition);
        }
        Some(message)
    }

    fn enqueue(&self, message: BaseRecord<'_, [u8], [u8], usize>) -> Result<(), SinkError> {
        let mut message = message;
        loop {
            let (error, back) = match self.producer.send(message) {
                Ok(()) => return Ok(()),
                Err(refused) => refused,
            };
            let code = error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail);
            if code != RDKafkaErrorCode::QueueFull {
                let failed = Failed {
                    topic: back.topic,
                    key_bytes: back.key.map_or(0, <[u8]>::len),
                    value: back.payload.unwrap_or_default(),
                    code,
                };
                return Err(match failed.classify() {
                    Verdict::Error(error) => error,
                    Verdict::Suspect(suspect) => diagnose(&self.producer, suspect),
                });
            }
            message = back;
            self.flow.sleep(QUEUE_FULL_WAIT)?;
        }
    }
}

impl Sink for KafkaSink {
    fn send(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.flow.sleep(Duration::ZERO)?;
        if batch.records.is_empty() {
            self.flow.acked(batch.seq);
            return Ok(());
        }
        let cost = batch
            .bytes
            .len()
            .saturating_add(self.overhead.saturating_mul(batch.records.len()));
        let outcome = self
            .resolve(batch)
            .and_then(|()| self.flow.reserve(batch.seq, batch.records.len(), cost))
            .and_then(|slot| self.produce(batch, slot));
        outcome.map_err(|error| self.flow.refuse(error))
    }

    /// Nothing to do: librdkafka sends what it has after `linger.ms`.
    fn idle(&mut self) -> Result<(), SinkError> {
        self.flow.sleep(Duration::ZERO)
    }

    fn close(&mut self, deadline: Instant) -> Result<(), SinkError> {
        self.flow.drained(deadline)
    }
}

impl Drop for KafkaSink {
    fn drop(&mut self) {
        // From here on undelivered records are no failure: they come again from the stored position.
        self.flow.stopping.store(true, Ordering::Release);
        self.producer
            .purge(PurgeConfig::default().queue().inflight().non_blocking());
        if let Some(poller) = self.poller.take() {
            // Its panic was reported by its guard already.
            drop(poller.join());
        }
    }
}

fn add_header(headers: &mut Option<OwnedHeaders>, key: &str, value: Option<&[u8]>) {
    let before = headers
        .take()
        .unwrap_or_else(|| OwnedHeaders::new_with_capacity(2));
    *headers = Some(before.insert(Header { key, value }));
}

/// The delivery thread: serves librdkafka's events until the sink is dropped.
fn report(producer: &BaseProducer<Reporter>, flow: &Flow) {
    let _guard = flow.guard();
    while !flow.stopping.load(Ordering::Acquire) {
        producer.poll(POLL);
        if let Some(suspect) = flow.take_suspect() {
            flow.fail(diagnose(producer, suspect));
        }
    }
}

/// Asks the client what a failure means that its code alone does not tell.
fn diagnose(producer: &BaseProducer<Reporter>, suspect: Suspect) -> SinkError {
    match suspect {
        Suspect::Fatal { code, reason } => {
            let (code, reason) = producer.client().fatal_error().unwrap_or((code, reason));
            if kafka::is_denied(code) {
                SinkError::ProducerDenied { code, reason }
            } else {
                SinkError::Fatal { code, reason }
            }
        }
        // A broker that has just started may not know a topic that is there.
        Suspect::Topic { topic, code } => {
            match kafka::partition_count(producer.client(), &topic, DIAGNOSE_TIMEOUT) {
                Ok(None) => SinkError::TopicGone { topic },
                Err(TopicError::Denied { topic, code }) => SinkError::Denied { topic, code },
                Ok(Some(_))
                | Err(
                    TopicError::Refused { .. }
                    | TopicError::Unavailable { .. }
                    | TopicError::Client(_),
                ) => SinkError::Undelivered { topic, code },
            }
        }
    }
}

/// A record that librdkafka gave up.
struct Failed<'a> {
    topic: &'a str,
    key_bytes: usize,
    value: &'a [u8],
    code: RDKafkaErrorCode,
}

/// What a code means.
enum Verdict {
    Error(SinkError),
    Suspect(Suspect),
}

impl Failed<'_> {
    fn classify(&self) -> Verdict {
        let topic = self.topic.to_owned();
        let code = self.code;
        if kafka::is_unknown_topic(code) {
            return Verdict::Suspect(Suspect::Topic { topic, code });
        }
        if is_fatal(code) {
            return Verdict::Suspect(Suspect::Fatal {
                code,
                reason: "no more is known".to_owned(),
            });
        }
        Verdict::Error(if is_too_large(code) {
            SinkError::TooLarge {
                topic,
                key_bytes: self.key_bytes,
                value_bytes: self.value.len(),
                coordinates: Coordinates::of(self.value),
            }
        } else if kafka::is_denied(code) {
            SinkError::Denied { topic, code }
        } else if is_rejected(code) {
            SinkError::Rejected {
                topic,
                code,
                coordinates: Coordinates::of(self.value),
            }
        } else {
            SinkError::Undelivered { topic, code }
        })
    }
}

/// The producer lost its place in a partition's sequence, or librdkafka gave up its whole queue, which
/// it does by itself only after a fatal error; that error's own event may come later.
fn is_fatal(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fatal
            | RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::PurgeQueue
            | RDKafkaErrorCode::PurgeInflight
            | RDKafkaErrorCode::OutOfOrderSequenceNumber
            | RDKafkaErrorCode::UnknownProducerId
            | RDKafkaErrorCode::InvalidProducerEpoch
            | RDKafkaErrorCode::ProducerFenced
    )
}

fn is_too_large(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::MessageBatchTooLarge
            | RDKafkaErrorCode::InvalidMessageSize
    )
}

/// The broker will never take this record into this topic.
fn is_rejected(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::InvalidTimestamp
            | RDKafkaErrorCode::InvalidTopic
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::UnsupportedForMessageFormat
            | RDKafkaErrorCode::UnsupportedCompressionType
    )
}

fn owned_headers(headers: &[(String, String)]) -> Option<OwnedHeaders> {
    if headers.is_empty() {
        return None;
    }
    let empty = OwnedHeaders::new_with_capacity(headers.len());
    Some(headers.iter().fold(empty, |owned, (key, value)| {
        owned.insert(Header {
            key,
            value: Some(value.as_bytes()),
        })
    }))
}

/// librdkafka's callbacks, on the delivery thread.
struct Reporter(Arc<Flow>);

impl ClientContext for Reporter {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        kafka::log_line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.health.failed(&error, reason);
        if error.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal) {
            self.0.suspect(Suspect::Fatal {
                code: RDKafkaErrorCode::Fatal,
                reason: reason.to_owned(),
            });
        }
    }
}

impl ProducerContext for Reporter {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, slot: usize) {
        let (error, message) = match result {
            Ok(_) => return self.0.delivered(Slot(slot)),
            Err((error, message)) => (error, message),
        };
        // Our own drop purges what is left; and the first failure is the one that is told.
        if self.0.stopping.load(Ordering::Acquire) || self.0.is_failing() {
            return;
        }
        let failed = Failed {
            topic: message.topic(),
            key_bytes: message.key_len(),
            value: message.payload().unwrap_or_default(),
            code: error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail),
        };
        match failed.classify() {
            Verdict::Error(error) => self.0.fail(error),
            Verdict::Suspect(suspect) => self.0.suspect(suspect),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::mpsc;

    use rdkafka::Offset;
    use rdkafka::TopicPartitionList;
    use rdkafka::consumer::BaseConsumer;
    use rdkafka::consumer::Consumer;
    use rdkafka::message::Headers;
    use rdkafka::mocking::MockCluster;
    use rdkafka::producer::DefaultProducerContext;
    use rdkafka::types::RDKafkaApiKey;
    use rdkafka::types::RDKafkaRespErr;

    use super::*;
    use crate::error::Classify;
    use crate::error::Fault;
    use crate::error::Secret;
    use crate::sink::Delivery;
    use crate::sink::batch::BatchSeq;
    use crate::sink::batch::Span;

    /// Longest wait for anything that should happen.
    const PATIENCE: Duration = Duration::from_secs(60);

    type Mock = MockCluster<'static, DefaultProducerContext>;

    fn mock(topic: &str, partitions: i32) -> Mock {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic(topic, partitions, 1).unwrap();
        mock
    }

    fn settings(brokers: &str, properties: &[(&str, &str)]) -> config::Kafka {
        config::Kafka {
            brokers: brokers.to_owned(),
            partitions: 3,
            replication: -1,
            in_flight_bytes_max: 8 << 20,
            properties: properties
                .iter()
                .map(|(name, value)| ((*name).to_owned(), Secret::new((*value).to_owned())))
                .collect::<BTreeMap<_, _>>(),
        }
    }

    fn context() -> Vec<(String, String)> {
        [
            ("__debezium.context.connectorLogicalName", "shop"),
            ("__debezium.context.taskId", "0"),
            ("__debezium.context.connectorName", "mysql"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    fn sink(settings: &config::Kafka) -> (KafkaSink, mpsc::Receiver<Delivery>) {
        let (sender, receiver) = mpsc::channel();
        let deliveries: Deliveries = Arc::new(move |delivery| drop(sender.send(delivery)));
        (
            KafkaSink::new(settings, "remora-test", &context(), deliveries).unwrap(),
            receiver,
        )
    }

    fn put(batch: &mut Batch, text: &[u8]) -> Span {
        let start = u32::try_from(batch.bytes.len()).unwrap();
        batch.bytes.extend_from_slice(text);
        Span {
            start,
            end: u32::try_from(batch.bytes.len()).unwrap(),
        }
    }

    fn empty(seq: u64, topic: &str) -> Batch {
        Batch {
            seq: BatchSeq(seq),
            topics: vec![topic.into()],
            ..Batch::default()
        }
    }

    fn push(batch: &mut Batch, key: Option<&str>, value: Option<&str>) {
        let key = key.map(|key| put(batch, key.as_bytes()));
        let value = value.map(|value| put(batch, value.as_bytes()));
        batch.records.push(Record {
            key,
            value,
            ..Record::default()
        });
    }

    const ENVELOPE: &str =
        r#"{"after":{"id":1},"source":{"file":"binlog.000007","pos":157,"gtid":"u:9"},"op":"c"}"#;

    fn one(seq: u64, topic: &str) -> Batch {
        let mut batch = empty(seq, topic);
        push(&mut batch, Some(r#"{"id":1}"#), Some(ENVELOPE));
        batch
    }

    fn acked(receiver: &mpsc::Receiver<Delivery>) -> u64 {
        match receiver.recv_timeout(PATIENCE).unwrap() {
            Delivery::Acked(seq) => seq.0,
            Delivery::Failed(error) => panic!("{error}: {error:?}"),
        }
    }

    fn failed(receiver: &mpsc::Receiver<Delivery>) -> SinkError {
        match receiver.recv_timeout(PATIENCE).unwrap() {
            Delivery::Acked(seq) => panic!("{seq:?} was acknowledged"),
            Delivery::Failed(error) => error,
        }
    }

    struct Read {
        partition: i32,
        key: Option<String>,
        value: Option<String>,
        headers: Vec<(String, String)>,
    }

    /// Calls `see` with each record of a topic until it says that it has seen enough.
    fn read(brokers: &str, topic: &str, partitions: i32, mut see: impl FnMut(Read) -> bool) {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", brokers)
            .set("group.id", "test")
            .set("enable.auto.commit", "false")
            .create()
            .unwrap();
        let mut assignment = TopicPartitionList::new();
        for partition in 0..partitions {
            assignment
                .add_partition_offset(topic, partition, Offset::Beginning)
                .unwrap();
        }
        consumer.assign(&assignment).unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) else {
                continue;
            };
            let headers = message.headers().map_or_else(Vec::new, |headers| {
                headers
                    .iter()
                    .map(|h| (h.key.to_owned(), text(h.value.unwrap())))
                    .collect()
            });
            let enough = see(Read {
                partition: message.partition(),
                key: message.key().map(text),
                value: message.payload().map(text),
                headers,
            });
            if enough {
                return;
            }
        }
        panic!("records are missing from {topic}");
    }

    fn read_all(brokers: &str, topic: &str, partitions: i32, count: usize) -> Vec<Read> {
        let mut all = Vec::new();
        read(brokers, topic, partitions, |record| {
            all.push(record);
            all.len() == count
        });
        all
    }

    #[test]
    fn records_arrive_with_their_key_partition_and_headers() {
        let mock = mock("p.d.t", 3);
        let (mut sink, receiver) = sink(&settings(&mock.bootstrap_servers(), &[]));
        let mut batch = one(1, "p.d.t");
        push(&mut batch, Some(r#"{"id":1004}"#), None);
        push(&mut batch, None, Some("{}"));
        let new = put(&mut batch, br#"{"id":2}"#);
        let id = put(&mut batch, b"u:9/0/0");
        batch.records[1].link = Link::NewKey(new);
        batch.records[1].id = Some(id);
        sink.send(&batch).unwrap();
        assert_eq!(acked(&receiver), 1);
        sink.send(&empty(2, "p.d.t")).unwrap();
        assert_eq!(acked(&receiver), 2);
        sink.close(Instant::now() + PATIENCE).unwrap();
        assert_eq!(sink.status().in_flight_bytes(), 0);
        assert_eq!(sink.status().link().link, kafka::Link::Up);

        let mut all = read_all(&mock.bootstrap_servers(), "p.d.t", 3, 3);
        all.sort_by(|left, right| left.key.cmp(&right.key));
        let [without_key, deleted, created] = all.try_into().ok().unwrap();
        let keyless = partition_of(b"p.d.t", 3);
        assert_eq!((without_key.partition, without_key.key), (keyless, None));
        assert_eq!((deleted.partition, deleted.value), (0, None));
        let mut headers = context();
        headers.push(("__debezium.newkey".to_owned(), r#"{"id":2}"#.to_owned()));
        headers.push(("__remora.id".to_owned(), "u:9/0/0".to_owned()));
        assert_eq!(deleted.headers, headers);
        assert_eq!(created.partition, partition_of(br#"{"id":1}"#, 3));
        assert_eq!(created.value.as_deref(), Some(ENVELOPE));
        assert_eq!(created.headers, context());
    }

    /// What the sink makes of one answer to a produce request.
    fn answered(code: RDKafkaRespErr) -> SinkError {
        let mock = mock("t", 3);
        mock.request_errors(RDKafkaApiKey::Produce, &[code]);
        let (mut sink, receiver) = sink(&settings(&mock.bootstrap_servers(), &[]));
        sink.send(&one(1, "t")).unwrap();
        let error = failed(&receiver);
        let later = sink.send(&one(2, "t")).unwrap_err();
        assert_eq!(
            later.to_string(),
            error.to_string(),
            "later calls return the same error"
        );
        sink.close(Instant::now() + PATIENCE).unwrap_err();
        error
    }

    #[test]
    fn a_refused_size_names_the_record_and_no_cell() {
        let error = answered(RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
        assert_eq!(error.fault(), Fault::Data);
        assert_eq!(
            error.to_string(),
            format!(
                "a record for topic t is too large: key 8 bytes, value {} bytes, at gtid u:9, file \
                 binlog.000007, position 157",
                ENVELOPE.len()
            )
        );
        assert!(
            error
                .remedy()
                .unwrap()
                .contains("max.message.bytes of topic t")
        );
    }

    #[test]
    fn answers_that_nobody_retries_are_classed() {
        use RDKafkaRespErr as Code;
        for (code, fault, word) in [
            (
                Code::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                Fault::Operator,
                "is denied",
            ),
            (
                Code::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                Fault::Operator,
                "is denied",
            ),
            (
                Code::RD_KAFKA_RESP_ERR_INVALID_RECORD,
                Fault::Data,
                "binlog.000007",
            ),
            (
                Code::RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
                Fault::Data,
                "binlog.000007",
            ),
            (
                Code::RD_KAFKA_RESP_ERR_UNKNOWN,
                Fault::Transient,
                "not delivered",
            ),
            (
                Code::RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
                Fault::Transient,
                "cannot go on",
            ),
        ] {
            let error = answered(code);
            assert_eq!(error.fault(), fault, "{code:?}: {error}");
            assert!(error.to_string().contains(word), "{code:?}: {error}");
        }
    }

    #[test]
    fn answers_that_pass_lose_nothing_and_keep_the_order() {
        use RDKafkaRespErr as Code;
        let mock = mock("t", 1);
        // The mock cluster checks no sequence numbers: it takes a second request although the first one got
        // an error, from which librdkafka concludes that the first one was written. A broker refuses it.
        let (mut sink, receiver) = sink(&settings(
            &mock.bootstrap_servers(),
            &[
                ("batch.num.messages", "10"),
                ("max.in.flight.requests.per.connection", "1"),
            ],
        ));
        mock.request_errors(
            RDKafkaApiKey::Produce,
            &[
                Code::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                Code::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                Code::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                Code::RD_KAFKA_RESP_ERR__TRANSPORT,
                Code::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            ],
        );
        for seq in 1..=10 {
            let mut batch = empty(seq, "t");
            for record in 0..50 {
                push(
                    &mut batch,
                    Some("k"),
                    Some(&format!("{}", (seq - 1) * 50 + record)),
                );
            }
            sink.send(&batch).unwrap();
        }
        for seq in 1..=10 {
            assert_eq!(acked(&receiver), seq);
        }
        let values: Vec<String> = read_all(&mock.bootstrap_servers(), "t", 1, 500)
            .into_iter()
            .map(|record| record.value.unwrap())
            .collect();
        let expected: Vec<String> = (0..500).map(|number| number.to_string()).collect();
        assert_eq!(values, expected);
    }

    #[test]
    fn a_refused_idempotent_producer_is_the_operators() {
        let mock = mock("t", 1);
        mock.request_errors(
            RDKafkaApiKey::InitProducerId,
            &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED],
        );
        let (mut sink, receiver) = sink(&settings(&mock.bootstrap_servers(), &[]));
        // The refusal may come before the batch or after it.
        let error = match sink.send(&one(1, "t")) {
            Ok(()) => failed(&receiver),
            Err(error) => error,
        };
        assert!(matches!(error, SinkError::ProducerDenied { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Operator);
    }

    #[test]
    fn a_record_beyond_librdkafkas_own_limit_is_refused_at_once() {
        let mock = mock("t", 1);
        let properties = [("message.max.bytes", "2000")];
        let (mut sink, _receiver) = sink(&settings(&mock.bootstrap_servers(), &properties));
        let mut batch = one(1, "t");
        push(&mut batch, Some("k"), Some(&"x".repeat(3000)));
        let error = sink.send(&batch).unwrap_err();
        assert!(
            matches!(
                error,
                SinkError::TooLarge {
                    value_bytes: 3000,
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_record_outside_of_its_batch_is_a_bug() {
        let mock = mock("t", 1);
        let (mut sink, _receiver) = sink(&settings(&mock.bootstrap_servers(), &[]));
        let mut batch = one(1, "t");
        batch.records[0].topic = 1;
        let error = sink.send(&batch).unwrap_err();
        assert!(
            matches!(
                error,
                SinkError::Broken {
                    batch: 1,
                    record: 0
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_full_queue_is_waited_out_in_order() {
        let mock = mock("t", 1);
        let properties = [("queue.buffering.max.messages", "7")];
        let (mut sink, receiver) = sink(&settings(&mock.bootstrap_servers(), &properties));
        let mut batch = empty(1, "t");
        for record in 0..100 {
            push(&mut batch, Some("k"), Some(&record.to_string()));
        }
        sink.send(&batch).unwrap();
        assert_eq!(acked(&receiver), 1);
        let all = read_all(&mock.bootstrap_servers(), "t", 1, 100);
        for (index, record) in all.into_iter().enumerate() {
            assert_eq!(record.value, Some(index.to_string()));
        }
    }

    #[test]
    fn an_outage_is_back_pressure_until_it_ends() {
        let mock = mock("t", 1);
        let mut settings = settings(&mock.bootstrap_servers(), &[]);
        settings.in_flight_bytes_max = 2000;
        let (mut sink, receiver) = sink(&settings);
        sink.send(&one(1, "t")).unwrap();
        assert_eq!(acked(&receiver), 1);
        mock.broker_down(-1).unwrap();
        let (status, sent) = (
            sink.status(),
            Arc::new(std::sync::atomic::AtomicU64::new(1)),
        );
        let sender = thread::spawn({
            let sent = Arc::clone(&sent);
            move || {
                for seq in 2..=50 {
                    sink.send(&one(seq, "t")).unwrap();
                    sent.store(seq, Ordering::SeqCst);
                }
                sink
            }
        });
        // The link is seen to be down; more than the budget was not taken meanwhile.
        until(|| status.link().link == kafka::Link::Unreachable);
        assert!(status.in_flight_bytes() <= 2000);
        assert!(sent.load(Ordering::SeqCst) < 10);
        assert!(receiver.try_recv().is_err());
        mock.broker_up(-1).unwrap();
        for seq in 2..=50 {
            assert_eq!(acked(&receiver), seq);
        }
        drop(sender.join().unwrap());
        assert_eq!(status.link().link, kafka::Link::Up);
        assert_eq!(status.link().last_error, None);
    }

    fn until(mut condition: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !condition() {
            assert!(Instant::now() < deadline, "the condition never came");
            thread::park_timeout(Duration::from_millis(5));
        }
    }

    /// A sink that waits for an unreachable cluster, cancelled from another thread.
    #[test]
    fn cancelling_ends_the_wait_for_a_cluster() {
        let (mut sink, _receiver) = sink(&settings("127.0.0.1:1", &[]));
        let (stop, status) = (sink.stop(), sink.status());
        let sender = thread::spawn(move || sink.send(&one(1, "t")).unwrap_err());
        until(|| status.link().link == kafka::Link::Unreachable);
        stop.cancel();
        assert!(matches!(sender.join().unwrap(), SinkError::Cancelled));
    }

    #[test]
    fn dropping_with_records_in_flight_tells_nothing() {
        let mock = mock("t", 1);
        let (mut sink, receiver) = sink(&settings(&mock.bootstrap_servers(), &[]));
        sink.send(&one(1, "t")).unwrap();
        assert_eq!(acked(&receiver), 1);
        mock.broker_down(-1).unwrap();
        sink.send(&one(2, "t")).unwrap();
        let left = sink
            .close(Instant::now() + Duration::from_millis(50))
            .unwrap_err();
        assert!(
            matches!(left, SinkError::NotFlushed { batches: 1 }),
            "{left}"
        );
        drop(sink);
        assert!(receiver.try_recv().is_err());
    }

    /// The broker of the tests below, which are run by hand:
    /// `REMORA_TEST_KAFKA=127.0.0.1:9092 cargo test --lib sink::kafka -- --ignored --nocapture`.
    fn broker() -> String {
        std::env::var("REMORA_TEST_KAFKA").expect("REMORA_TEST_KAFKA names a broker")
    }

    fn variable(name: &str, default: u64) -> u64 {
        std::env::var(name).map_or(default, |value| value.parse().unwrap())
    }

    /// A name that no earlier run has used.
    fn fresh(prefix: &str) -> String {
        format!("{prefix}.{}", uuid::Uuid::now_v7())
    }

    fn extra() -> Vec<(String, String)> {
        let list = std::env::var("REMORA_TEST_PROPERTIES").unwrap_or_default();
        list.split_whitespace()
            .map(|pair| pair.split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    fn real() -> config::Kafka {
        let extra = extra();
        let pairs: Vec<(&str, &str)> = extra
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        settings(&broker(), &pairs)
    }

    /// Envelopes of some 840 bytes, unlike each other in the places where rows differ.
    fn fill(batch: &mut Batch, first: u64, records: u64, topics: u64) {
        use std::fmt::Write;
        let mut text = String::new();
        for number in first..first + records {
            text.clear();
            write!(text, r#"{{"id":{number}}}"#).unwrap();
            let key = put(batch, text.as_bytes());
            text.clear();
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            write!(
                text,
                r#"{{"before":null,"after":{{"id":{number},"customer":{},"name":"{mixed:016x}{:016x}","email":"{:x}@example.com","note":"{:032x}{:032x}{:032x}","amount":"{}.{:02}","created":{}}},"source":{{"version":"3.6.3.Final","connector":"mysql","name":"shop","ts_ms":{},"snapshot":"false","db":"shop","sequence":null,"ts_us":{},"ts_ns":{},"table":"orders","server_id":1,"gtid":"3e11fa47-71ca-11e1-9e33-c80aa9429562:{number}","file":"binlog.000007","pos":{},"row":0,"thread":17,"query":null}},"transaction":null,"op":"c","ts_ms":{},"ts_us":{},"ts_ns":{}}}"#,
                mixed % 100_000,
                mixed.rotate_left(9),
                mixed % 10_000_000,
                mixed.rotate_left(17),
                mixed.rotate_left(31),
                mixed.rotate_left(47),
                mixed % 10_000,
                mixed % 100,
                1_700_000_000_000 + number,
                1_700_000_000_000 + number,
                1_700_000_000_000_000 + number,
                1_700_000_000_000_000_000 + number,
                number * 300,
                1_700_000_000_100 + number,
                1_700_000_000_100_000 + number,
                1_700_000_000_100_000_000 + number,
            )
            .unwrap();
            let value = put(batch, text.as_bytes());
            let topic = u32::try_from(number % topics).unwrap();
            batch.records.push(Record {
                topic,
                key: Some(key),
                value: Some(value),
                ..Record::default()
            });
        }
    }

    fn resident_kb(field: &str) -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    #[test]
    #[ignore = "by hand, against a broker: prints records a second"]
    fn throughput() {
        let topics = variable("REMORA_TEST_TOPICS", 1);
        let records = variable("REMORA_TEST_BATCH", 512);
        let seconds = variable("REMORA_TEST_SECONDS", 10);
        let mut settings = real();
        settings.in_flight_bytes_max =
            usize::try_from(variable("REMORA_TEST_BUDGET", 8 << 20)).unwrap();
        let (mut sink, receiver) = sink(&settings);
        let run = fresh("throughput");
        // Batches are filled beforehand: only the sink is measured.
        let mut batches: Vec<Batch> = (0..32)
            .map(|index| {
                let mut batch = empty(0, "");
                batch.topics = (0..topics)
                    .map(|topic| Arc::from(format!("{run}.{topic}")))
                    .collect();
                fill(&mut batch, index * records, records, topics);
                batch
            })
            .collect();
        let bytes = batches[0].bytes.len() / batches[0].records.len();
        let mut seq = 0;
        let mut send = |sink: &mut KafkaSink, batch: &mut Batch| {
            seq += 1;
            batch.seq = BatchSeq(seq);
            sink.send(batch).unwrap();
        };
        send(&mut sink, &mut batches[0]);
        sink.close(Instant::now() + PATIENCE).unwrap();
        let filled = resident_kb("VmRSS");
        let start = Instant::now();
        let mut sent = 0;
        while start.elapsed() < Duration::from_secs(seconds) {
            for batch in &mut batches {
                send(&mut sink, batch);
                sent += records;
            }
        }
        sink.close(Instant::now() + PATIENCE).unwrap();
        let elapsed = start.elapsed().as_secs_f64();
        assert!(
            receiver
                .try_iter()
                .all(|delivery| matches!(delivery, Delivery::Acked(_)))
        );
        let rate = sent * 1000 / u64::try_from(start.elapsed().as_millis()).unwrap();
        println!(
            "{rate} records/s, {bytes} bytes a record, {topics} topics, {elapsed:.1} s; resident \
             before {filled} kB, at most {} kB",
            resident_kb("VmHWM")
        );
    }

    #[test]
    #[ignore = "by hand, against a broker: prints how long one record takes to be acknowledged"]
    fn latency() {
        let (mut sink, receiver) = sink(&real());
        let topic = fresh("latency");
        let count = usize::try_from(variable("REMORA_TEST_COUNT", 3000)).unwrap();
        let pause = Duration::from_micros(variable("REMORA_TEST_PAUSE_US", 1000));
        sink.send(&one(1, &topic)).unwrap();
        assert_eq!(acked(&receiver), 1);
        let acks = thread::spawn(move || {
            (0..count)
                .map(|_| (acked(&receiver), Instant::now()))
                .collect::<Vec<_>>()
        });
        let mut sent = Vec::new();
        let start = Instant::now();
        for index in 0..count {
            let due = start + pause * u32::try_from(index).unwrap();
            while let Some(rest) = due.checked_duration_since(Instant::now()) {
                thread::park_timeout(rest);
            }
            let mut batch = empty(u64::try_from(index).unwrap() + 2, &topic);
            fill(&mut batch, u64::try_from(index).unwrap(), 1, 1);
            sent.push(Instant::now());
            sink.send(&batch).unwrap();
        }
        let mut times: Vec<Duration> = acks
            .join()
            .unwrap()
            .into_iter()
            .map(|(seq, at)| at - sent[usize::try_from(seq).unwrap() - 2])
            .collect();
        times.sort();
        let at = |share: usize| times[(times.len() * share / 1000).min(times.len() - 1)];
        println!(
            "p50 {:?} p99 {:?} p99.9 {:?} max {:?}",
            at(500),
            at(990),
            at(999),
            at(1000)
        );
    }

    /// Sends for `REMORA_TEST_SECONDS` while somebody kills and restarts the broker, then reads
    /// everything back.
    #[test]
    #[ignore = "by hand, against a broker that is killed meanwhile"]
    fn a_broker_that_is_killed_loses_nothing_and_keeps_the_order() {
        use std::fmt::Write;
        const KEYS: usize = 100;
        let (mut sink, receiver) = sink(&real());
        let topic = fresh("restart");
        let start = Instant::now();
        let seconds = Duration::from_secs(variable("REMORA_TEST_SECONDS", 30));
        let (mut seq, mut sent, mut stalled) = (0, 0, Duration::ZERO);
        let mut text = String::new();
        while start.elapsed() < seconds {
            seq += 1;
            let mut batch = empty(seq, &topic);
            for _ in 0..100 {
                text.clear();
                write!(text, "{}", sent / KEYS).unwrap();
                push(&mut batch, Some(&format!("k{}", sent % KEYS)), Some(&text));
                sent += 1;
            }
            let before = Instant::now();
            sink.send(&batch).unwrap();
            stalled = stalled.max(before.elapsed());
        }
        sink.close(Instant::now() + PATIENCE).unwrap();
        let acks = receiver.try_iter().inspect(|delivery| {
            assert!(matches!(delivery, Delivery::Acked(_)), "{delivery:?}");
        });
        assert_eq!(acks.count(), usize::try_from(seq).unwrap());
        let (mut next, mut seen) = (vec![0usize; KEYS], 0);
        read(&broker(), &topic, 3, |record| {
            let key: usize = record.key.unwrap()[1..].parse().unwrap();
            let value: usize = record.value.unwrap().parse().unwrap();
            assert_eq!(value, next[key], "key {key}");
            next[key] += 1;
            seen += 1;
            seen == sent
        });
        println!("{sent} records, each once and in order; the longest send took {stalled:?}");
    }

    #[test]
    #[ignore = "by hand, against a broker"]
    fn real_topics_are_created_resized_and_missed() {
        let mut settings = real();
        settings.partitions = 4;
        let (mut first, receiver) = sink(&settings);
        let topic = fresh("topics");
        first.send(&one(1, &topic)).unwrap();
        assert_eq!(acked(&receiver), 1);
        let count = kafka::partition_count(first.producer.client(), &topic, Duration::from_secs(5));
        assert_eq!(count.unwrap(), Some(4));
        // One record far beyond the topic's limit.
        let mut batch = empty(2, &topic);
        let noise: String = (0..300_000u64)
            .map(|n| format!("{:016x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        push(
            &mut batch,
            Some("k"),
            Some(&format!(r#"{{"source":{{"pos":9}},"x":"{noise}"}}"#)),
        );
        first.send(&batch).unwrap();
        let error = failed(&receiver);
        assert!(matches!(error, SinkError::TooLarge { .. }), "{error}");
        assert!(error.to_string().ends_with("at position 9"), "{error}");
        drop(first);
        // An existing topic keeps its partitions.
        settings.partitions = 9;
        let (mut second, receiver) = sink(&settings);
        second.send(&one(1, &topic)).unwrap();
        assert_eq!(acked(&receiver), 1);
        assert_eq!(second.topics[&*topic].partitions, 4);
        // Deleted under way.
        let admin = kafka::admin_client(&second.admin).unwrap();
        kafka::block_on(admin.delete_topics(&[&topic], &rdkafka::admin::AdminOptions::new()))
            .unwrap();
        let mut seq = 1;
        let error = loop {
            seq += 1;
            match second.send(&one(seq, &topic)) {
                Ok(()) => {}
                Err(error) => break error,
            }
            match receiver.recv_timeout(PATIENCE).unwrap() {
                Delivery::Acked(_) => {}
                Delivery::Failed(error) => break error,
            }
        };
        assert!(matches!(error, SinkError::TopicGone { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Operator);
        // A name that no cluster takes.
        let (mut third, _receiver) = sink(&settings);
        let error = third.send(&one(1, "no/such name")).unwrap_err();
        assert!(
            matches!(error, SinkError::Topic(TopicError::Refused { .. })),
            "{error}"
        );
    }
}
