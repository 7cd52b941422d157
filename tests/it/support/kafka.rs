//! A private Kafka broker per test, or one that tests share, and what is in its topics.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

use super::leash::{Leash, run};
use super::{DEADLINE, free_port, script, tail};

const POLL: Duration = Duration::from_millis(100);

/// A running broker of one node.
#[derive(Debug)]
pub(crate) struct Kafka {
    leash: Leash,
    port: u16,
    settings: Vec<String>,
}

/// One record as a consumer sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// Where it lies.
    pub(crate) topic: String,
    /// Which partition of the topic.
    pub(crate) partition: i32,
    /// Which place in the partition.
    pub(crate) offset: i64,
    /// The key; `None` where the record has none.
    pub(crate) key: Option<Vec<u8>>,
    /// The value; `None` for a tombstone.
    pub(crate) value: Option<Vec<u8>>,
    /// Names and values of the headers, in order.
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    /// Its time, in milliseconds since 1970.
    pub(crate) timestamp_ms: Option<i64>,
}

impl Record {
    /// The key as JSON; null where the record has none.
    pub(crate) fn key_json(&self) -> serde_json::Value {
        json(self.key.as_deref())
    }

    /// The value as JSON; null for a tombstone.
    pub(crate) fn value_json(&self) -> serde_json::Value {
        json(self.value.as_deref())
    }
}

impl Kafka {
    /// A broker of its own, with further settings such as `message.max.bytes=1000`.
    pub(crate) fn start(settings: &[&str]) -> Kafka {
        let port = free_port();
        let settings: Vec<String> = settings.iter().map(ToString::to_string).collect();
        let leash = Leash::start("kafka", |dir| {
            let mut command = vec![script("kafka").display().to_string()];
            command.extend([dir.display().to_string(), port.to_string()]);
            command.extend(settings.clone());
            command
        });
        Kafka {
            leash,
            port,
            settings,
        }
    }

    /// The broker that tests of this process share: each takes a topic prefix of its own (`unique`).
    pub(crate) fn shared() -> &'static Kafka {
        static SHARED: OnceLock<Kafka> = OnceLock::new();
        SHARED.get_or_init(|| Kafka::start(&[]))
    }

    /// Where it listens on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `bootstrap.servers`.
    pub(crate) fn brokers(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Every record of the topics, from the beginning to the present end, topic by topic and partition by
    /// partition in order of offset. A topic that does not exist has none. Aborted transactions are left out.
    pub(crate) fn records(&self, topics: &[&str]) -> Vec<Record> {
        let consumer = self.consumer();
        let mut found = Vec::new();
        for topic in topics {
            let mut of_topic = read_topic(&consumer, topic);
            of_topic.sort_by_key(|record| (record.partition, record.offset));
            found.append(&mut of_topic);
        }
        found
    }

    /// How many records a topic of one partition was given.
    pub(crate) fn end(&self, topic: &str) -> u64 {
        let bounds = self.consumer().fetch_watermarks(topic, 0, DEADLINE);
        u64::try_from(bounds.unwrap().1).unwrap()
    }

    /// The last record of a topic of one partition.
    pub(crate) fn last(&self, topic: &str) -> Option<Record> {
        let consumer = self.consumer();
        let (start, end) = consumer.fetch_watermarks(topic, 0, DEADLINE).unwrap();
        let mut assignment = TopicPartitionList::new();
        let offset = Offset::Offset((end - 1).max(start));
        assignment.add_partition_offset(topic, 0, offset).unwrap();
        consumer.assign(&assignment).unwrap();
        let message = consumer.poll(DEADLINE)?;
        message.ok().map(|message| record(&message))
    }

    /// The names of all topics except the broker's own.
    pub(crate) fn topics(&self) -> BTreeSet<String> {
        self.partitions().into_keys().collect()
    }

    /// How many partitions each topic has, except the broker's own.
    pub(crate) fn partitions(&self) -> BTreeMap<String, usize> {
        let metadata = self.consumer().fetch_metadata(None, DEADLINE).unwrap();
        let topics = metadata
            .topics()
            .iter()
            .map(|topic| (topic.name().to_string(), topic.partitions().len()));
        topics.filter(|(name, _)| !name.starts_with("__")).collect()
    }

    /// Creates a topic, with settings such as `("cleanup.policy", "compact")`.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32, settings: &[(&str, &str)]) {
        let admin: AdminClient<DefaultClientContext> = self.client().create().unwrap();
        let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let options = AdminOptions::new().operation_timeout(Some(DEADLINE));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let results = runtime
            .block_on(admin.create_topics([&topic], &options))
            .unwrap();
        for result in results {
            result.unwrap();
        }
    }

    /// librdkafka's settings for a client of this broker.
    pub(crate) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.brokers());
        config
    }

    /// Kills the broker as a power cut would.
    pub(crate) fn kill9(&self) {
        self.leash.kill9();
    }

    /// Stops the broker in order.
    pub(crate) fn stop(&self) {
        self.leash.stop();
    }

    /// Starts the stopped or killed broker again: same port, same data.
    pub(crate) fn restart(&self) {
        let mut arguments = vec![
            self.leash.dir().display().to_string(),
            self.port.to_string(),
        ];
        arguments.extend(self.settings.clone());
        run(script("kafka"), arguments);
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        tail(&self.leash.dir().join("log"))
    }

    fn consumer(&self) -> BaseConsumer {
        let mut config = self.client();
        config
            .set("group.id", "remora-tests")
            .set("enable.auto.commit", "false")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true");
        config.create().unwrap()
    }
}

fn read_topic(consumer: &BaseConsumer, topic: &str) -> Vec<Record> {
    let metadata = consumer.fetch_metadata(Some(topic), DEADLINE).unwrap();
    let partitions = metadata
        .topics()
        .iter()
        .flat_map(|topic| topic.partitions());
    let mut open: BTreeSet<i32> = partitions.map(|partition| partition.id()).collect();
    let mut assignment = TopicPartitionList::new();
    for partition in &open {
        assignment
            .add_partition_offset(topic, *partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&assignment).unwrap();
    let (start, mut found) = (Instant::now(), Vec::new());
    while !open.is_empty() {
        assert!(
            start.elapsed() < DEADLINE,
            "{topic} could not be read within {DEADLINE:?}"
        );
        match consumer.poll(POLL) {
            None => {}
            Some(Ok(message)) => found.push(record(&message)),
            // The partition's end is reported as an error, which names the partition and not the topic: that is
            // why topics are read one by one.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) => panic!("{topic} could not be read: {error}"),
        }
    }
    consumer.unassign().unwrap();
    found
}

fn record(message: &BorrowedMessage<'_>) -> Record {
    let headers = message
        .headers()
        .into_iter()
        .flat_map(|headers| headers.iter());
    Record {
        topic: message.topic().to_string(),
        partition: message.partition(),
        offset: message.offset(),
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers
            .map(|header| (header.key.to_string(), header.value.map(<[u8]>::to_vec)))
            .collect(),
        timestamp_ms: message.timestamp().to_millis(),
    }
}

fn json(bytes: Option<&[u8]>) -> serde_json::Value {
    bytes.map_or(serde_json::Value::Null, |bytes| {
        serde_json::from_slice(bytes).unwrap()
    })
}
