//! One record on its way through the transforms.
//!
//! Takes it out of a batch, its parts borrowed, and puts it into another one. Never looks into a payload.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

use crate::sink::batch::{Batch, Link, Record, Span};
use crate::sink::extra::{Extra, HeaderValue};
use crate::transform::error::Problem;

/// A text that was there before, or one made for this record or for many.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    /// Of the batch.
    Borrowed(&'a str),
    /// Of this record.
    Owned(String),
    /// Of all records with the same schema.
    Shared(Arc<str>),
}

impl Deref for Text<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Text::Borrowed(text) => text,
            Text::Owned(text) => text,
            Text::Shared(text) => text,
        }
    }
}

/// A key or a value.
#[derive(Debug)]
pub(super) struct Part<'a> {
    /// Where records carry schemas.
    pub(super) schema: Option<Text<'a>>,
    /// The JSON behind it.
    pub(super) payload: Text<'a>,
}

/// A record.
#[derive(Debug)]
pub(super) struct Message<'a> {
    /// Where it goes.
    pub(super) topic: Text<'a>,
    /// Its key.
    pub(super) key: Option<Part<'a>>,
    /// Its value; `None` for a tombstone.
    pub(super) value: Option<Part<'a>>,
    /// Whether the value is Debezium's envelope still.
    pub(super) envelope: bool,
    /// What is unusual about it.
    pub(super) extra: Extra<'a>,
    /// Where records carry schemas, those of the headers that transforms have added.
    header_schemas: Vec<(String, String)>,
    /// As it was: the links to other keys and the change id do not change.
    record: Record,
}

const SCHEMA: &str = "{\"schema\":";
const PAYLOAD: &str = ",\"payload\":";

impl<'a> Message<'a> {
    /// Takes a record out of its batch, with or without schemas; `None` where it is not of the form that the encoder
    /// gives.
    pub(super) fn read(batch: &'a Batch, record: &Record, schemas: bool) -> Option<Message<'a>> {
        let text = |span: Span| std::str::from_utf8(batch.part(span)?).ok();
        let part = |span: Option<Span>| match span {
            Some(span) => Part::read(text(span)?, schemas).map(Some),
            None => Some(None),
        };
        let extra = match record.extra {
            Some(extra) => Extra::read(batch.part(extra)?)?,
            None => Extra::default(),
        };
        Some(Message {
            topic: Text::Shared(Arc::clone(batch.topics.get(record.topic as usize)?)),
            key: part(record.key)?,
            value: part(record.value)?,
            // Those of transactions and heartbeats have no context headers and are no envelopes.
            envelope: record.value.is_some() && !extra.bare,
            extra,
            header_schemas: Vec::new(),
            record: *record,
        })
    }

    /// Adds a header; the value is JSON.
    pub(super) fn add_header(&mut self, name: &str, json: impl Into<Cow<'a, str>>) {
        let value = HeaderValue::of_json(json);
        self.extra.headers.push((name.to_owned().into(), value));
    }

    /// Whether there is no value, or one that is null beside its schema.
    pub(super) fn is_null(&self) -> bool {
        let null = |value: &Part<'_>| &*value.payload == "null";
        self.value.as_ref().is_none_or(null)
    }

    /// Notes the schema of a header.
    pub(super) fn note_header_schema(&mut self, name: &str, schema: &str) {
        let noted = (name.to_owned(), schema.to_owned());
        self.header_schemas.push(noted);
    }

    /// The schema of a header, where it is known.
    pub(super) fn header_schema(&self, name: &str) -> Option<&str> {
        let mut noted = self.header_schemas.iter().rev();
        let found = noted.find(|(header, _)| header == name);
        found.map(|(_, schema)| schema.as_str())
    }

    /// Puts the record into a batch. `from` is the one that it was taken out of.
    pub(super) fn write(
        self,
        from: &Batch,
        to: &mut Batch,
        (topics, schemas): (&mut HashMap<Arc<str>, u32>, bool),
    ) -> Result<(), Problem> {
        let copied = |span: Span, to: &mut Batch| {
            let bytes = from.part(span).ok_or(Problem::Malformed)?;
            append(to, |out| out.extend_from_slice(bytes))
        };
        let whole = |part: Part<'_>, to: &mut Batch| append(to, |out| part.write(out, schemas));
        let topic = topic_number(&self.topic, to, topics)?;
        let key = self.key.map(|key| whole(key, to)).transpose()?;
        let value = self.value.map(|value| whole(value, to)).transpose()?;
        let link = match self.record.link {
            Link::None => Link::None,
            Link::NewKey(span) => Link::NewKey(copied(span, to)?),
            Link::OldKey(span) => Link::OldKey(copied(span, to)?),
        };
        let id = self.record.id.map(|id| copied(id, to)).transpose()?;
        let extra = match self.extra == Extra::default() {
            true => None,
            false => Some(append(to, |out| self.extra.write(out))?),
        };
        to.records.push(Record {
            topic,
            key,
            value,
            link,
            id,
            extra,
        });
        Ok(())
    }
}

impl<'a> Part<'a> {
    /// Tells a schema from its payload, by the way in which the encoder writes them.
    fn read(text: &'a str, schemas: bool) -> Option<Part<'a>> {
        if !schemas {
            let payload = Text::Borrowed(text);
            return Some(Part {
                schema: None,
                payload,
            });
        }
        let rest = text.strip_prefix(SCHEMA)?;
        let mut schemas =
            serde_json::Deserializer::from_str(rest).into_iter::<&'a serde_json::value::RawValue>();
        let schema = schemas.next()?.ok()?.get();
        let payload = rest
            .get(schemas.byte_offset()..)?
            .strip_prefix(PAYLOAD)?
            .strip_suffix('}')?;
        Some(Part {
            schema: Some(Text::Borrowed(schema)),
            payload: Text::Borrowed(payload),
        })
    }

    fn write(&self, out: &mut Vec<u8>, schemas: bool) {
        match &self.schema {
            Some(schema) if schemas => {
                for text in [SCHEMA, schema, PAYLOAD, &self.payload, "}"] {
                    out.extend_from_slice(text.as_bytes());
                }
            }
            Some(_) | None => out.extend_from_slice(self.payload.as_bytes()),
        }
    }
}

fn append(batch: &mut Batch, write: impl FnOnce(&mut Vec<u8>)) -> Result<Span, Problem> {
    let at = |batch: &Batch| u32::try_from(batch.bytes.len()).map_err(|_| Problem::TooLarge);
    let start = at(batch)?;
    write(&mut batch.bytes);
    Ok(Span {
        start,
        end: at(batch)?,
    })
}

fn topic_number(
    topic: &Text<'_>,
    batch: &mut Batch,
    topics: &mut HashMap<Arc<str>, u32>,
) -> Result<u32, Problem> {
    if let Some(number) = topics.get(&**topic) {
        return Ok(*number);
    }
    let name = match topic {
        Text::Shared(name) => Arc::clone(name),
        Text::Borrowed(name) => Arc::from(*name),
        Text::Owned(name) => Arc::from(name.as_str()),
    };
    let number = u32::try_from(batch.topics.len()).map_err(|_| Problem::TooLarge)?;
    batch.topics.push(Arc::clone(&name));
    topics.insert(name, number);
    Ok(number)
}
