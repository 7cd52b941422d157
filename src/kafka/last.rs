//! The last record of a key in a compacted topic of any number of partitions.
//!
//! Takes a topic's name and says which keys are meant; gives the value. It joins no consumer group and commits
//! nothing.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use rdkafka::Offset;
use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;

use super::{TopicError, apply_properties, client_config, is_denied, partition_count};
use crate::config::Kafka;

/// Limit of the whole.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// One wait for a record, after which the deadline is looked at.
const POLL: Duration = Duration::from_millis(200);

/// The value of the last record whose key is one of those meant; `None` where there is none, or where the last has
/// no value. Blocks for a minute at most.
///
/// # Errors
/// The topic is not there, denied, or not read to its end in time.
pub fn last_value(
    settings: &Kafka,
    client_id: &str,
    topic: &str,
    is_meant: &dyn Fn(&[u8]) -> bool,
) -> Result<Option<Vec<u8>>, TopicError> {
    let unavailable = |reason: String| TopicError::Unavailable {
        topic: topic.to_owned(),
        reason,
    };
    let mut config = client_config(settings, client_id);
    config
        // librdkafka assigns partitions only to a member of some group; this one is never joined.
        .set("group.id", client_id)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "error")
        .set("enable.partition.eof", "true")
        .set("isolation.level", "read_committed")
        .set("allow.auto.create.topics", "false");
    apply_properties(&mut config, settings);
    let reader: BaseConsumer = config
        .create()
        .map_err(|error| super::ClientError::new(&error))?;
    let partitions = partition_count(reader.client(), topic, READ_TIMEOUT)?;
    let partitions = partitions.ok_or_else(|| unavailable("it does not exist".to_owned()))?;
    let mut assignment = TopicPartitionList::new();
    for partition in 0..partitions {
        assignment
            .add_partition_offset(topic, partition, Offset::Beginning)
            .map_err(|error| unavailable(error.to_string()))?;
    }
    let assigned = reader.assign(&assignment);
    assigned.map_err(|error| unavailable(error.to_string()))?;
    let mut open: BTreeSet<i32> = (0..partitions).collect();
    let (mut last, mut reason) = (None, "no answer".to_owned());
    let deadline = Instant::now() + READ_TIMEOUT;
    while !open.is_empty() {
        if Instant::now() >= deadline {
            return Err(unavailable(format!(
                "not read to its end in time: {reason}"
            )));
        }
        match reader.poll(POLL) {
            // All records of one key are in one partition, in order.
            Some(Ok(message)) if message.key().is_some_and(is_meant) => {
                last = message.payload().map(<[u8]>::to_vec);
            }
            None | Some(Ok(_)) => {}
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) => {
                if let Some(code) = error.rdkafka_error_code().filter(|code| is_denied(*code)) {
                    let topic = topic.to_owned();
                    return Err(TopicError::Denied { topic, code });
                }
                reason = error.to_string();
            }
        }
    }
    Ok(last)
}
