//! Records of several tables in one topic: Debezium's `ByLogicalTableRouter`.
//!
//! Takes records; gives those whose topic matches another topic, with the schemas named after it and, where keys must
//! stay unique, with the table in the key.

use super::error::Problem;
use super::json::{Object, Writer, quoted};
use super::message::{Message, Part, Text};
use super::schema::{Cache, Change, Struct, as_field, plain};
use crate::config::transforms::Route as Options;

/// The transform.
#[derive(Debug)]
pub(super) struct Route {
    options: Options,
    keys: Cache<String>,
    values: Cache<String>,
}

impl Route {
    pub(super) fn new(options: Options) -> Route {
        Route {
            options,
            keys: Cache::default(),
            values: Cache::default(),
        }
    }

    pub(super) fn apply<'a>(
        &mut self,
        mut message: Message<'a>,
    ) -> Result<Option<Message<'a>>, Problem> {
        let topic = self.options.topic.apply(&message.topic);
        let Some(topic) = topic.filter(|topic| !topic.is_empty()) else {
            return Ok(Some(message));
        };
        if let Some(key) = message.key.take() {
            message.key = Some(self.key(key, &message.topic, &topic)?);
        }
        if message.envelope
            && let Some(value) = &mut message.value
            && let Some(schema) = &value.schema
        {
            let cached = self
                .values
                .get(schema, |schema| envelope_schema(schema, &topic));
            value.schema = Some(Text::Owned(cached?.to_string()));
        }
        message.topic = Text::Owned(topic);
        Ok(Some(message))
    }

    fn key<'a>(&mut self, key: Part<'a>, old: &str, new: &str) -> Result<Part<'a>, Problem> {
        let payload = Object::read(&key.payload).ok_or(Problem::Key)?;
        let Some(field) = &self.options.key_field else {
            let schema = self.key_schema(&key, new)?;
            return Ok(Part {
                schema,
                payload: key.payload,
            });
        };
        if payload.get(&field.name).is_some() {
            return Err(Problem::Taken {
                field: field.name.clone(),
            });
        }
        let mut writer = Writer::new(key.payload.len());
        for (name, value) in payload.members() {
            writer.member(name, value);
        }
        let rewritten = field.value.as_ref().and_then(|rewrite| rewrite.apply(old));
        writer.member(&field.name, &quoted(rewritten.as_deref().unwrap_or(old)));
        let payload = Text::Owned(writer.end());
        let schema = self.key_schema(&key, new)?;
        Ok(Part { schema, payload })
    }

    fn key_schema<'a>(&mut self, key: &Part<'_>, topic: &str) -> Result<Option<Text<'a>>, Problem> {
        let Some(schema) = &key.schema else {
            return Ok(None);
        };
        let added = self.options.key_field.as_ref().map(|field| &field.name);
        let schema = self.keys.get(schema, |schema| {
            let key = Struct::read(schema).ok_or(Problem::Key)?;
            let fields = key.fields().iter().map(|field| field.text.to_owned());
            let added = added.map(|name| as_field(&plain("string", false), name));
            let name = format!("{topic}.Key");
            let change = Change {
                name: Some(&name),
                ..Change::default()
            };
            Ok::<String, Problem>(key.with(&change, &fields.chain(added).collect::<Vec<_>>()))
        })?;
        Ok(Some(Text::Owned(schema.to_string())))
    }
}

/// An envelope's schema with its name and those of its rows after a topic.
fn envelope_schema(schema: &str, topic: &str) -> Result<String, Problem> {
    let envelope = Struct::read(schema).ok_or(Problem::Malformed)?;
    let named = |name: String, of: &Struct<'_>, fields: &[String]| {
        let change = Change {
            name: Some(&name),
            ..Change::default()
        };
        of.with(&change, fields)
    };
    let mut fields = Vec::new();
    for field in envelope.fields() {
        let text = match field.name.as_str() {
            "before" | "after" => {
                let row = Struct::read(field.text).ok_or(Problem::Malformed)?;
                let columns: Vec<String> = row
                    .fields()
                    .iter()
                    .map(|column| column.text.to_owned())
                    .collect();
                named(format!("{topic}.Value"), &row, &columns)
            }
            _ => field.text.to_owned(),
        };
        fields.push(text);
    }
    Ok(named(format!("{topic}.Envelope"), &envelope, &fields))
}
