//! The unit between encoding and delivery: many records in one reused buffer.

use std::ops::Range;
use std::sync::Arc;

/// Numbers the batches of one pipeline from 1, without a gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BatchSeq(pub u64);

/// A stretch of a batch's buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// As indices of the buffer.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Which record of a key change this one is linked to (Debezium's headers `__debezium.newkey` and
/// `__debezium.oldkey`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Link {
    /// Not part of a key change.
    #[default]
    None,
    /// The delete half: the key that the row has from now on.
    NewKey(Span),
    /// The create half: the key that the row had.
    OldKey(Span),
}

/// One record: where its parts lie in the batch's buffer.
#[derive(Clone, Copy, Debug, Default)]
pub struct Record {
    /// Index into the batch's topics.
    pub topic: u32,
    /// The key as JSON; `None` for a table without one.
    pub key: Option<Span>,
    /// The envelope as JSON; `None` for a tombstone.
    pub value: Option<Span>,
    /// The other key of a key change.
    pub link: Link,
    /// The change id as text, where the header is wanted.
    pub id: Option<Span>,
    /// What is unusual about it: an [`Extra`](crate::sink::extra::Extra).
    pub extra: Option<Span>,
}

/// Records in the order of the binlog, their bytes in one buffer.
#[derive(Debug, Default)]
pub struct Batch {
    /// The batch's number.
    pub seq: BatchSeq,
    /// Keys, values and ids.
    pub bytes: Vec<u8>,
    /// The records.
    pub records: Vec<Record>,
    /// Topic names, each of which [`Record::topic`] may name.
    pub topics: Vec<Arc<str>>,
}

impl Batch {
    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.records.clear();
        self.topics.clear();
    }

    /// Adds a record for `topic`, which is named again only where it is not that of the record before.
    pub fn push(&mut self, topic: &Arc<str>, mut record: Record) {
        let last = self.topics.last();
        if !last.is_some_and(|last| Arc::ptr_eq(last, topic)) {
            self.topics.push(Arc::clone(topic));
        }
        record.topic = u32::try_from(self.topics.len().saturating_sub(1)).unwrap_or(u32::MAX);
        self.records.push(record);
    }

    /// Adds the records of another batch behind its own.
    pub fn append(&mut self, other: &Batch) {
        let moved = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let (bytes, topics) = (moved(self.bytes.len()), moved(self.topics.len()));
        let shift = |span: Span| Span {
            start: span.start.saturating_add(bytes),
            end: span.end.saturating_add(bytes),
        };
        self.bytes.extend_from_slice(&other.bytes);
        self.topics.extend_from_slice(&other.topics);
        self.records
            .extend(other.records.iter().map(|record| Record {
                topic: record.topic.saturating_add(topics),
                key: record.key.map(shift),
                value: record.value.map(shift),
                link: match record.link {
                    Link::None => Link::None,
                    Link::NewKey(span) => Link::NewKey(shift(span)),
                    Link::OldKey(span) => Link::OldKey(shift(span)),
                },
                id: record.id.map(shift),
                extra: record.extra.map(shift),
            }));
    }

    /// The bytes of a span; empty where the span is not of this batch.
    pub fn bytes_of(&self, span: Span) -> &[u8] {
        self.bytes.get(span.range()).unwrap_or_default()
    }

    /// The bytes of a span; `None` where the span is not of this batch, which a sink must not pass over.
    pub fn part(&self, span: Span) -> Option<&[u8]> {
        self.bytes.get(span.range())
    }

    /// The topic of a record.
    pub fn topic_of(&self, record: &Record) -> &str {
        self.topics
            .get(record.topic as usize)
            .map_or("", |name| name)
    }
}
