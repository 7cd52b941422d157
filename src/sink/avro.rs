//! Records as Avro, in front of another sink: Confluent's wire form, schemas in a registry.
//!
//! Takes batches whose keys and values are JSON with their schemas; gives the same records to the sink behind
//! it, each key and value as a zero byte, the four bytes of its schema's id, and Avro. A schema is asked for
//! once in a run. While the registry does not answer, `send` waits, for ever if need be, until its stop handle
//! is used: that is back-pressure, as an outage of Kafka is. Never changes, drops or reorders a record.

mod connect;
mod payload;
pub mod registry;
mod schema;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::value::RawValue;

use super::batch::{Batch, Link, Record, Span};
use super::{Coordinates, Sink, SinkError};
use crate::config::{Registry, Subjects};
use crate::error::{Classify, Fault};
use payload::Found;
use registry::{Client, Notices, RegistryStop};
use schema::{Node, Unfit};

/// Versions of one topic's keys, or values, that are remembered; the oldest use is forgotten first.
const VERSIONS_MAX: usize = 16;
/// Topics that are remembered; beyond it all are forgotten at once.
const TOPICS_MAX: usize = 16_384;
/// What begins every key and value of Confluent's wire form.
const MAGIC: u8 = 0;

const OPENING: &[u8] = b"{\"schema\":";
const PAYLOAD: &[u8] = b",\"payload\":";

/// Why a record cannot be Avro. Never holds a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AvroError {
    /// A schema's name, which Avro has no way to take.
    #[error("the schema name {name:?} of topic {topic} is none that Avro takes")]
    SchemaName {
        /// Topic.
        topic: String,
        /// The name.
        name: String,
    },
    /// A column's name, which Avro has no way to take.
    #[error("the column name {name:?} in topic {topic} is none that Avro takes")]
    FieldName {
        /// Topic.
        topic: String,
        /// The name.
        name: String,
    },
    /// One name for two things in one schema.
    #[error("the name {name:?} stands for two things in one schema of topic {topic}")]
    SameName {
        /// Topic.
        topic: String,
        /// The name.
        name: String,
    },
    /// Null, where the schema has no null: the value is not in the log.
    #[error(
        "field {field} of a record for topic {topic} is null, and its schema has no null, at {coordinates}"
    )]
    Null {
        /// Topic.
        topic: String,
        /// Names of fields, dots between them.
        field: String,
        /// Where the record comes from.
        coordinates: Coordinates,
    },
    /// An integer that its type does not hold: a TIME in milliseconds beyond 24 days.
    #[error(
        "field {field} of a record for topic {topic} is beyond the type of its schema, at {coordinates}"
    )]
    OutOfRange {
        /// Topic.
        topic: String,
        /// Names of fields, dots between them.
        field: String,
        /// Where the record comes from.
        coordinates: Coordinates,
    },
    /// A record that is not what its schema says.
    #[error("field {field:?} of a record for topic {topic} is not {expected}, at {coordinates}")]
    Payload {
        /// Topic.
        topic: String,
        /// Names of fields, dots between them.
        field: String,
        /// What the schema says.
        expected: &'static str,
        /// Where the record comes from.
        coordinates: Coordinates,
    },
    /// A record without a schema, or with one that cannot be read.
    #[error("a record for topic {topic} has no schema that can be Avro: {reason}")]
    Schema {
        /// Topic.
        topic: String,
        /// Why.
        reason: &'static str,
    },
}

impl Classify for AvroError {
    fn fault(&self) -> Fault {
        match self {
            AvroError::SchemaName { .. }
            | AvroError::FieldName { .. }
            | AvroError::SameName { .. } => Fault::Operator,
            AvroError::Null { .. } | AvroError::OutOfRange { .. } => Fault::Data,
            AvroError::Payload { .. } | AvroError::Schema { .. } => Fault::Bug,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            AvroError::SchemaName { .. } => {
                "set envelope.schema_names to \"avro\" (Debezium's schema.name.adjustment.mode)"
            }
            AvroError::FieldName { .. } => {
                "set envelope.field_names to \"avro\" (Debezium's field.name.adjustment.mode), or leave the \
                 column out by capture.exclude_columns"
            }
            AvroError::SameName { .. } => {
                "set envelope.schema_names and envelope.field_names to \"avro_unicode\""
            }
            AvroError::Null { .. } => {
                "SET PERSIST binlog_row_image = 'FULL' and reconnect all clients; to go on after this place, \
                 remove the stored position and set `start`, or set envelope.format to \"json\""
            }
            AvroError::OutOfRange { .. } => {
                "set types.time_precision to another value, such as \"microseconds\""
            }
            AvroError::Payload { .. } | AvroError::Schema { .. } => return None,
        }))
    }
}

/// Records as Avro, in front of the sink `inner`.
pub struct AvroSink {
    inner: Box<dyn Sink>,
    schemas: Schemas,
    out: Batch,
    scratch: Vec<u8>,
}

/// Schemas that the registry has, by what stands ahead of payloads.
struct Schemas {
    client: Client,
    subjects: Subjects,
    topics: HashMap<Arc<str>, Sides>,
}

#[derive(Default)]
struct Sides {
    key: Vec<Known>,
    value: Vec<Known>,
}

/// One version of a schema.
struct Known {
    /// All bytes ahead of the payload.
    opening: Vec<u8>,
    /// The registry's number of it.
    id: u32,
    root: Node,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Key,
    Value,
}

impl AvroSink {
    /// In front of `inner`; connects when it meets the first schema. `notices` hears of every request.
    ///
    /// # Errors
    /// The certificate authorities cannot be read.
    pub fn new(
        inner: Box<dyn Sink>,
        registry: &Registry,
        notices: Notices,
    ) -> Result<AvroSink, SinkError> {
        Ok(AvroSink {
            inner,
            schemas: Schemas {
                client: Client::new(registry, notices)?,
                subjects: registry.subjects,
                topics: HashMap::new(),
            },
            out: Batch::default(),
            scratch: Vec::new(),
        })
    }

    /// The handle that ends a wait for the registry; the sink behind has its own.
    pub fn stop(&self) -> RegistryStop {
        self.schemas.client.stop()
    }

    /// Makes `out` of the batch.
    fn convert(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.out.clear();
        self.out.seq = batch.seq;
        self.out.topics.extend_from_slice(&batch.topics);
        for (index, record) in batch.records.iter().enumerate() {
            let broken = || SinkError::Broken {
                batch: batch.seq.0,
                record: index,
            };
            let topic = usize::try_from(record.topic).ok();
            let topic = topic.and_then(|topic| batch.topics.get(topic));
            let topic = topic.ok_or_else(broken)?;
            let part = |span: Span| batch.part(span).ok_or_else(broken);
            let key = record.key.map(part).transpose()?;
            let key = key
                .map(|json| self.avro(topic, Side::Key, json))
                .transpose()?;
            let value = record.value.map(part).transpose()?;
            let value = value
                .map(|json| self.avro(topic, Side::Value, json))
                .transpose()?;
            let link = match record.link {
                Link::None => Link::None,
                Link::NewKey(span) => Link::NewKey(self.copy(part(span)?)),
                Link::OldKey(span) => Link::OldKey(self.copy(part(span)?)),
            };
            let id = record.id.map(part).transpose()?;
            let extra = record.extra.map(part).transpose()?;
            let converted = Record {
                topic: record.topic,
                key,
                value,
                link,
                id: id.map(|bytes| self.copy(bytes)),
                extra: extra.map(|bytes| self.copy(bytes)),
            };
            self.out.records.push(converted);
        }
        Ok(())
    }

    fn avro(&mut self, topic: &Arc<str>, side: Side, json: &[u8]) -> Result<Span, SinkError> {
        let known = self.schemas.of(topic, side, json)?;
        let out = &mut self.out.bytes;
        let start = out.len();
        out.push(MAGIC);
        out.extend_from_slice(&known.id.to_be_bytes());
        let payload = json.get(known.opening.len()..).unwrap_or_default();
        let written = payload::write(out, payload, &known.root, &mut self.scratch);
        written.map_err(|mismatch| {
            let (topic, coordinates) = (topic.to_string(), Coordinates::of(json));
            let field = mismatch.field;
            match mismatch.found {
                Found::Null => AvroError::Null {
                    topic,
                    field,
                    coordinates,
                },
                Found::OutOfRange => AvroError::OutOfRange {
                    topic,
                    field,
                    coordinates,
                },
                Found::Other => AvroError::Payload {
                    topic,
                    field,
                    expected: mismatch.expected,
                    coordinates,
                },
            }
        })?;
        Ok(span(start, out.len()))
    }

    fn copy(&mut self, bytes: &[u8]) -> Span {
        let start = self.out.bytes.len();
        self.out.bytes.extend_from_slice(bytes);
        span(start, self.out.bytes.len())
    }
}

impl Sink for AvroSink {
    fn send(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.convert(batch)?;
        self.inner.send(&self.out)
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.inner.idle()
    }

    fn close(&mut self, deadline: Instant) -> Result<(), SinkError> {
        self.inner.close(deadline)
    }
}

impl Schemas {
    /// The schema of a key or value; a new one is registered, or looked up, first.
    fn of(&mut self, topic: &Arc<str>, side: Side, json: &[u8]) -> Result<&Known, SinkError> {
        if self.topics.len() >= TOPICS_MAX && !self.topics.contains_key(topic) {
            self.topics.clear();
        }
        let sides = self.topics.entry(Arc::clone(topic)).or_default();
        let versions = match side {
            Side::Key => &mut sides.key,
            Side::Value => &mut sides.value,
        };
        let found = versions
            .iter()
            .position(|known| json.starts_with(&known.opening));
        match found {
            Some(0) => {}
            Some(at) => {
                if let Some(front) = versions.get_mut(..=at) {
                    front.rotate_right(1);
                }
            }
            None => {
                let known = learn(&mut self.client, self.subjects, (&**topic, side), json)?;
                versions.insert(0, known);
                versions.truncate(VERSIONS_MAX);
            }
        }
        versions.first().ok_or_else(|| {
            let topic = topic.to_string();
            let reason = "it was forgotten at once";
            AvroError::Schema { topic, reason }.into()
        })
    }
}

/// Compiles the schema of a key or value and asks the registry for its id.
fn learn(
    client: &mut Client,
    subjects: Subjects,
    (topic, side): (&str, Side),
    json: &[u8],
) -> Result<Known, SinkError> {
    let without = |reason| AvroError::Schema {
        topic: topic.to_owned(),
        reason,
    };
    let rest = json.strip_prefix(OPENING);
    let rest = rest.ok_or_else(|| without("it does not begin with one"))?;
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<&RawValue>();
    let schema = values.next().and_then(Result::ok);
    let schema = schema.ok_or_else(|| without("it is no JSON"))?;
    let opening = OPENING.len() + values.byte_offset() + PAYLOAD.len();
    let opening = json
        .get(..opening)
        .filter(|opening| opening.ends_with(PAYLOAD));
    let opening = opening.ok_or_else(|| without("no payload stands behind it"))?;
    let connect =
        serde_json::from_str(schema.get()).map_err(|_| without("it is none of Connect's"))?;
    let compiled = schema::compile(&connect).map_err(|unfit| unfit_error(topic, unfit))?;
    let subject = subject(subjects, (topic, side), &compiled.name);
    let id = client.id(&subject, &compiled.text)?;
    Ok(Known {
        opening: opening.to_vec(),
        id,
        root: compiled.root,
    })
}

fn unfit_error(topic: &str, unfit: Unfit) -> AvroError {
    let topic = topic.to_owned();
    match unfit {
        Unfit::SchemaName(name) => AvroError::SchemaName { topic, name },
        Unfit::FieldName(name) => AvroError::FieldName { topic, name },
        Unfit::SameField(name) | Unfit::SameSchema(name) => AvroError::SameName { topic, name },
        Unfit::Form(reason) => AvroError::Schema { topic, reason },
    }
}

fn subject(subjects: Subjects, (topic, side): (&str, Side), name: &str) -> String {
    match (subjects, side) {
        (Subjects::Topic, Side::Key) => format!("{topic}-key"),
        (Subjects::Topic, Side::Value) => format!("{topic}-value"),
        (Subjects::Record, Side::Key | Side::Value) => name.to_owned(),
        (Subjects::TopicRecord, Side::Key | Side::Value) => format!("{topic}-{name}"),
    }
}

/// Avro is no longer than the JSON that it comes of by more than some bytes a record, and a batch of more than
/// 4 GiB does not come here; a span that does not fit would be refused by the sink behind.
fn span(start: usize, end: usize) -> Span {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span {
        start: narrow(start),
        end: narrow(end),
    }
}

#[cfg(test)]
mod tests;
