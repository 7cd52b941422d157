//! Topics of the broker under load: made, watched, deleted.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Message, Offset, TopicPartitionList};

use crate::Failure;

const TIMEOUT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(50);

/// A topic of one partition.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// HOST:PORT
    #[arg(long)]
    pub(crate) brokers: String,
    /// Its name
    pub(crate) topic: String,
}

fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", brokers)
        .set("group.id", "measure")
        .set("enable.auto.commit", "false")
        .set_log_level(RDKafkaLogLevel::Critical);
    config
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}

/// Makes a topic; one that is there already is left alone.
pub(crate) fn create(brokers: &str, topic: &str, partitions: i32) -> Result<(), Failure> {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create()?;
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
    let results = runtime()?.block_on(admin.create_topics([&new], &AdminOptions::new()))?;
    for result in results {
        match result {
            Ok(_) | Err((_, rdkafka::types::RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => return Err(format!("cannot make topic {name}: {code}").into()),
        }
    }
    let ends = Ends::of_partitions(brokers, topic, partitions)?;
    wait("the topic to have a leader", || ends.known())
}

/// Deletes a topic, if it is there, and waits until no broker knows it.
pub(crate) fn forget(brokers: &str, topic: &str) -> Result<(), Failure> {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create()?;
    // That there is none is as good.
    let _ = runtime()?.block_on(admin.delete_topics(&[topic], &AdminOptions::new()))?;
    wait("the topic to be gone", || {
        Ends::new(brokers, topic).is_ok_and(|ends| !ends.known())
    })
}

fn wait(what: &str, mut condition: impl FnMut() -> bool) -> Result<(), Failure> {
    let deadline = Instant::now() + TIMEOUT;
    while !condition() {
        if Instant::now() > deadline {
            return Err(format!("waited in vain for {what}").into());
        }
        thread::sleep(POLL);
    }
    Ok(())
}

/// Where the first partitions of a topic end.
pub(crate) struct Ends {
    consumer: BaseConsumer,
    topic: String,
    partitions: i32,
}

impl Ends {
    /// Of partition 0.
    pub(crate) fn new(brokers: &str, topic: &str) -> Result<Ends, Failure> {
        Ends::of_partitions(brokers, topic, 1)
    }

    pub(crate) fn of_partitions(
        brokers: &str,
        topic: &str,
        partitions: i32,
    ) -> Result<Ends, Failure> {
        Ok(Ends {
            consumer: config(brokers).create()?,
            topic: topic.to_owned(),
            partitions,
        })
    }

    /// Records so far; 0 while there is no topic.
    pub(crate) fn end(&self) -> u64 {
        let end = |partition| {
            let marks = self
                .consumer
                .fetch_watermarks(&self.topic, partition, TIMEOUT);
            marks.map_or(0, |(_, high)| u64::try_from(high).unwrap_or_default())
        };
        (0..self.partitions).map(end).sum()
    }

    fn known(&self) -> bool {
        let metadata = self.consumer.fetch_metadata(Some(&self.topic), TIMEOUT);
        metadata.is_ok_and(|metadata| {
            let mut topics = metadata.topics().iter();
            topics.any(|topic| {
                topic.name() == self.topic
                    && topic.error().is_none()
                    && topic.partitions().iter().all(|part| part.leader() >= 0)
                    && !topic.partitions().is_empty()
            })
        })
    }
}

/// Reads what partition 0 of a topic gets from now on, as soon as it is there.
pub(crate) struct Follower {
    consumer: BaseConsumer,
}

impl Follower {
    pub(crate) fn new(brokers: &str, topic: &str) -> Result<Follower, Failure> {
        let end = i64::try_from(Ends::new(brokers, topic)?.end())?;
        let consumer: BaseConsumer = config(brokers)
            // The broker answers as soon as there is a byte.
            .set("fetch.min.bytes", "1")
            .set("fetch.wait.max.ms", "100")
            .set("fetch.queue.backoff.ms", "1")
            .set("socket.nagle.disable", "true")
            .set("enable.partition.eof", "true")
            .create()?;
        let mut assignment = TopicPartitionList::new();
        assignment.add_partition_offset(topic, 0, Offset::Offset(end))?;
        consumer.assign(&assignment)?;
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            if let Some(Err(KafkaError::PartitionEOF(_))) = consumer.poll(POLL) {
                return Ok(Follower { consumer });
            }
        }
        Err(format!("topic {topic} cannot be read").into())
    }

    /// Hands the next record's value to `take`; `None` where none came in time.
    pub(crate) fn next<T>(&self, timeout: Duration, take: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let deadline = Instant::now() + timeout;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            // An error is the end of what is there, or a broker's bad moment: more may come.
            if let Ok(message) = self.consumer.poll(left)? {
                return Some(take(message.payload().unwrap_or_default()));
            }
        }
    }
}
