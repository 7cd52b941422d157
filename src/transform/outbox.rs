//! Rows of an outbox table as events of their own: Debezium's `EventRouter`.
//!
//! Takes the records of one outbox table; gives one event for each row that was inserted, with the key, the payload,
//! the topic, the time and the headers that its columns say. Rows that are deleted give nothing.

use std::collections::HashMap;

use super::error::Problem;
use super::expand::expand;
use super::json::{Object, Writer, string};
use super::message::{Message, Part, Text};
use super::schema::{Cache, Struct, as_field, new_struct, plain};
use crate::config::transforms::{Additional, InvalidOperation, Outbox as Options, Placement};

/// The transform.
#[derive(Debug)]
pub(super) struct Outbox {
    options: Options,
    /// Only the payload makes the value.
    bare: bool,
    columns: Cache<Columns>,
}

/// The schemas of the columns of an outbox table.
#[derive(Debug)]
struct Columns {
    row: Option<String>,
    columns: HashMap<String, Column>,
}

#[derive(Debug)]
struct Column {
    schema: String,
    semantic: Option<String>,
}

/// A row of the table.
struct Row<'a> {
    values: Object<'a>,
    columns: Option<std::sync::Arc<Columns>>,
}

impl Outbox {
    pub(super) fn new(options: Options) -> Outbox {
        let enveloped = |field: &Additional| field.placement == Placement::Envelope;
        Outbox {
            bare: !options.additional.iter().any(enveloped),
            options,
            columns: Cache::default(),
        }
    }

    /// The event of a row; `None` where there is none.
    pub(super) fn apply<'a>(
        &mut self,
        mut message: Message<'a>,
    ) -> Result<Option<Message<'a>>, Problem> {
        let present = message.value.take_if(|value| &*value.payload != "null");
        let Some(value) = present else {
            return Ok(None);
        };
        if !message.envelope {
            message.value = Some(value);
            return Ok(Some(message));
        }
        let envelope = Object::read(&value.payload).ok_or(Problem::Malformed)?;
        match envelope.get("op").ok_or(Problem::Malformed)? {
            r#""d""# => return Ok(None),
            r#""u""# | r#""t""# => return self.changed(),
            r#""c""# | r#""r""# => {}
            _ => return Err(Problem::Malformed),
        }
        let row = Row {
            values: envelope
                .get("after")
                .and_then(Object::read)
                .ok_or(Problem::Malformed)?,
            columns: match &value.schema {
                Some(schema) => Some(self.columns.get(schema, Columns::read)?),
                None => None,
            },
        };
        let payload = row.get(&self.options.payload)?;
        message.extra.timestamp_ms = Some(self.timestamp(&row, &envelope)?);
        let id = row.get(&self.options.id)?;
        row.add_header(&mut message, "id", (&self.options.id, id));
        let payload = self.payload(&row, payload)?;
        let topic = row.text(&self.options.route_by)?;
        let mut enveloped = Enveloped::new(&payload, self.bare);
        for field in &self.options.additional {
            self.place(&row, field, &mut message, &mut enveloped)?;
        }
        let tombstone = self.options.tombstone_on_empty_payload && is_empty(&payload.payload);
        message.key = Some(row.part(&self.options.key)?);
        message.value = match (tombstone, self.bare) {
            (true, _) => None,
            (false, true) => Some(payload),
            (false, false) => Some(self.enveloped(&row, enveloped, &topic)?),
        };
        let topic = self.options.topic.apply(&topic).unwrap_or(topic);
        message.topic = Text::Owned(topic);
        message.envelope = false;
        Ok(Some(message))
    }

    fn changed<'a>(&self) -> Result<Option<Message<'a>>, Problem> {
        let told = "a row of an outbox table was changed after it was inserted, or the table truncated; \
                    no event is made of it";
        match self.options.invalid_operation {
            InvalidOperation::Warn => tracing::warn!("{told}"),
            InvalidOperation::Error => tracing::error!("{told}"),
            InvalidOperation::Fatal => return Err(Problem::Changed),
        }
        Ok(None)
    }

    /// The event's time: of the column that is to tell it, or of the envelope.
    fn timestamp(&self, row: &Row<'_>, envelope: &Object<'_>) -> Result<i64, Problem> {
        let of_envelope = || {
            let ms = envelope.get("ts_ms").and_then(|ms| ms.parse().ok());
            ms.ok_or(Problem::Malformed)
        };
        let Some(field) = &self.options.timestamp else {
            return of_envelope();
        };
        let value = row.get(field)?;
        if value == "null" {
            return of_envelope();
        }
        let column = row.column(field);
        let unit = match column.and_then(|column| column.semantic.as_deref()) {
            Some("io.debezium.time.Timestamp") => Some(1),
            Some("io.debezium.time.MicroTimestamp") => Some(1_000),
            Some("io.debezium.time.NanoTimestamp") => Some(1_000_000),
            Some(_) | None => None,
        };
        let time = value.parse::<i64>().ok().zip(unit);
        let time = time.map(|(value, unit)| value.wrapping_div(unit));
        time.ok_or_else(|| Problem::Type {
            field: field.clone(),
            expected: "a DATETIME that is written as a number",
        })
    }

    fn payload<'a>(&self, row: &Row<'_>, payload: &str) -> Result<Part<'a>, Problem> {
        let field = &self.options.payload;
        if let Some(options) = self.options.expand
            && payload != "null"
        {
            let text = string(payload);
            if let Some(expanded) = text
                .as_deref()
                .and_then(|text| expand(text, field, options))
            {
                return Ok(Part {
                    schema: row
                        .columns
                        .is_some()
                        .then_some(Text::Owned(expanded.schema)),
                    payload: Text::Owned(expanded.payload),
                });
            }
            tracing::warn!(
                column = field,
                "the payload of an outbox event is not an object of JSON, and stays as it is"
            );
        }
        row.part(field)
    }

    /// Puts a column where the options say.
    fn place(
        &self,
        row: &Row<'_>,
        field: &Additional,
        message: &mut Message<'_>,
        enveloped: &mut Enveloped,
    ) -> Result<(), Problem> {
        if self.options.ignore_missing && row.values.get(&field.field).is_none() {
            return Ok(());
        }
        let value = row.get(&field.field)?;
        match field.placement {
            Placement::Header => row.add_header(message, &field.alias, (&field.field, value)),
            Placement::Envelope => {
                let schema = row
                    .column(&field.field)
                    .map(|column| column.schema.as_str());
                enveloped.add(&field.alias, value, schema)?;
            }
            Placement::Partition if value == "null" => message.extra.partition = None,
            Placement::Partition => {
                let number = value.parse().map_err(|_| Problem::Type {
                    field: field.field.clone(),
                    expected: "an INT",
                })?;
                message.extra.partition = Some(number);
            }
        }
        Ok(())
    }

    /// The value of payload and columns together.
    fn enveloped<'a>(
        &self,
        row: &Row<'_>,
        enveloped: Enveloped,
        topic: &str,
    ) -> Result<Part<'a>, Problem> {
        let version = match &self.options.schema_version {
            Some(field) => {
                let version = row.get(field)?.parse::<i32>();
                Some(version.map_err(|_| Problem::Type {
                    field: field.clone(),
                    expected: "an INT",
                })?)
            }
            None => None,
        };
        let schema = row.columns.as_ref().map(|columns| {
            let name = named_by(columns.row.as_deref(), topic);
            let schema = new_struct(&enveloped.schemas, Some(&name), false);
            match (version, schema.strip_suffix('}')) {
                (Some(version), Some(open)) => format!("{open},\"version\":{version}}}"),
                (_, _) => schema,
            }
        });
        Ok(Part {
            schema: schema.map(Text::Owned),
            payload: Text::Owned(enveloped.payload.end()),
        })
    }
}

/// The name of the row's struct with the topic ahead of its last part.
fn named_by(row: Option<&str>, topic: &str) -> String {
    match row.map(|row| row.rsplit_once('.').ok_or(row)) {
        Some(Ok((head, tail))) => format!("{head}.{topic}.{tail}"),
        Some(Err(row)) => format!("{topic}.{row}"),
        None => topic.to_owned(),
    }
}

/// Whether a payload is null or a text of blanks, as Java's `trim` sees them.
fn is_empty(payload: &str) -> bool {
    let blank = |text: &str| text.chars().all(|c| c <= ' ');
    payload == "null"
        || payload.starts_with('"') && string(payload).is_some_and(|text| blank(&text))
}

/// A value of several members while it is put together.
struct Enveloped {
    names: Vec<String>,
    payload: Writer,
    schemas: Vec<String>,
}

impl Enveloped {
    /// With the payload in it, unless it is to stay bare.
    fn new(payload: &Part<'_>, bare: bool) -> Enveloped {
        let mut enveloped = Enveloped {
            names: Vec::new(),
            payload: Writer::new(0),
            schemas: Vec::new(),
        };
        if !bare {
            // The first member cannot be taken.
            let _ = enveloped.add("payload", &payload.payload, payload.schema.as_deref());
        }
        enveloped
    }

    fn add(&mut self, name: &str, value: &str, schema: Option<&str>) -> Result<(), Problem> {
        if self.names.iter().any(|known| known == name) {
            let field = name.to_owned();
            return Err(Problem::Taken { field });
        }
        self.names.push(name.to_owned());
        self.payload.member(name, value);
        self.schemas
            .extend(schema.map(|schema| as_field(schema, name)));
        Ok(())
    }
}

impl Columns {
    /// Reads the schemas of the columns out of an envelope's.
    fn read(envelope: &str) -> Result<Columns, Problem> {
        let envelope = Struct::read(envelope).ok_or(Problem::Malformed)?;
        let after = envelope.field("after").ok_or(Problem::Malformed)?;
        let after = Struct::read(after.text).ok_or(Problem::Malformed)?;
        let column = |field: &super::schema::Field<'_>| {
            let column = Column {
                schema: field.alone(),
                semantic: field.semantic(),
            };
            (field.name.clone(), column)
        };
        Ok(Columns {
            row: after.name(),
            columns: after.fields().iter().map(column).collect(),
        })
    }
}

impl<'r> Row<'r> {
    fn get(&self, field: &str) -> Result<&'r str, Problem> {
        self.values.get(field).ok_or_else(|| Problem::NoField {
            field: field.to_owned(),
        })
    }

    fn text(&self, field: &str) -> Result<String, Problem> {
        string(self.get(field)?).ok_or_else(|| Problem::Type {
            field: field.to_owned(),
            expected: "a text",
        })
    }

    /// A column as a header.
    fn add_header(&self, message: &mut Message<'_>, name: &str, (field, value): (&str, &str)) {
        message.add_header(name, value.to_owned());
        if let Some(column) = self.column(field) {
            message.note_header_schema(name, &column.schema);
        }
    }

    fn column(&self, field: &str) -> Option<&Column> {
        self.columns.as_ref()?.columns.get(field)
    }

    /// A column as a key or a value.
    fn part<'a>(&self, field: &str) -> Result<Part<'a>, Problem> {
        let payload = Text::Owned(self.get(field)?.to_owned());
        let schema = self.columns.as_ref().map(|_| {
            let schema = self.column(field).map(|column| column.schema.clone());
            Text::Owned(schema.unwrap_or_else(|| plain("string", false)))
        });
        Ok(Part { schema, payload })
    }
}
