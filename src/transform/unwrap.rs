//! Rows instead of envelopes: Debezium's `ExtractNewRecordState`.
//!
//! Takes envelopes; gives the row as it is after the change, with members of the envelope beside its columns or as
//! headers, and does with deletes what `delete.tombstone.handling.mode` says.

use std::sync::Arc;

use super::error::Problem;
use super::json::{Object, Writer, elements, quoted, string};
use super::message::{Message, Part, Text};
use super::schema::{Cache, Change, Field, Struct};
use crate::config::transforms::{DeleteMode, Reference, Unwrap as Options};

/// The string that says whether a row is deleted.
const DELETED: &str = "__deleted";
/// Members of the envelope's transaction block, which may be null.
const TRANSACTION: [&str; 3] = ["id", "total_order", "data_collection_order"];

/// The transform.
#[derive(Debug)]
pub(super) struct Unwrap {
    options: Options,
    rows: Cache<RowSchemas>,
    /// What was added to the delete before a tombstone, which Debezium gives the same headers.
    of_delete: Vec<(String, String)>,
}

/// What the schema of an envelope becomes.
#[derive(Debug)]
struct RowSchemas {
    /// Of a row that is null: the envelope's own.
    null: Arc<str>,
    /// Of a row with what is added to it.
    row: Arc<str>,
    /// Of the headers, by their names.
    headers: Vec<(String, String)>,
}

/// An envelope's members.
struct Envelope<'a> {
    members: Object<'a>,
    before: Option<Object<'a>>,
    after: Option<Object<'a>>,
    source: Option<Object<'a>>,
}

impl Unwrap {
    pub(super) fn new(options: Options) -> Unwrap {
        Unwrap {
            options,
            rows: Cache::default(),
            of_delete: Vec::new(),
        }
    }

    /// The row of an envelope; `None` where the record is dropped.
    pub(super) fn apply<'a>(
        &mut self,
        mut message: Message<'a>,
    ) -> Result<Option<Message<'a>>, Problem> {
        let present = message.value.take_if(|value| &*value.payload != "null");
        let Some(value) = present else {
            return Ok(self.tombstone(message));
        };
        if !message.envelope {
            message.value = Some(value);
            return Ok(Some(message));
        }
        let envelope = Envelope::read(&value.payload)?;
        self.add_headers(&envelope, &mut message);
        if let Some(schemas) = self.schemas(&value, &envelope)? {
            for (name, schema) in &schemas.headers {
                message.note_header_schema(name, schema);
            }
        }
        let (row, deleted) = match (&envelope.after, &envelope.before) {
            (Some(after), _) => (after, false),
            (None, Some(before)) => (before, true),
            // A TRUNCATE.
            (None, None) => return Ok(None),
        };
        message.envelope = false;
        if deleted && !self.options.deletes.keeps_row() {
            if self.options.deletes == DeleteMode::Drop {
                return Ok(None);
            }
            self.route(&mut message, row)?;
            if self.options.deletes == DeleteMode::Tombstone {
                message.value = Some(self.null(&value, &envelope)?);
            }
            self.drop_fields(&mut message)?;
            return Ok(Some(message));
        }
        self.route(&mut message, row)?;
        message.value = Some(self.row(row, deleted, &value, &envelope)?);
        self.drop_fields(&mut message)?;
        Ok(Some(message))
    }

    fn add_headers(&mut self, envelope: &Envelope<'_>, message: &mut Message<'_>) {
        self.of_delete.clear();
        let deleted = envelope.after.is_none();
        for header in &self.options.add_headers {
            let Some(value) = envelope.value(header) else {
                continue;
            };
            message.add_header(&header.name, value.to_owned());
            if deleted {
                let added = (header.name.clone(), value.to_owned());
                self.of_delete.push(added);
            }
        }
    }

    fn tombstone<'a>(&mut self, mut message: Message<'a>) -> Option<Message<'a>> {
        let of_delete = std::mem::take(&mut self.of_delete);
        for header in &self.options.add_headers {
            let known = of_delete.iter().any(|(name, _)| *name == header.name);
            if header.field == "op" && !known {
                message.add_header(&header.name, r#""d""#);
            }
        }
        for (name, value) in of_delete {
            message.add_header(&name, value);
        }
        (self.options.deletes == DeleteMode::RewriteWithTombstone).then_some(message)
    }

    /// Sends the record to the topic that a column names, unless that is blank.
    fn route(&self, message: &mut Message<'_>, row: &Object<'_>) -> Result<(), Problem> {
        let Some(field) = &self.options.route_by_field else {
            return Ok(());
        };
        let value = row.get(field).ok_or_else(|| Problem::NoField {
            field: field.clone(),
        })?;
        if value == "null" {
            return Ok(());
        }
        let topic = string(value).ok_or_else(|| Problem::Type {
            field: field.clone(),
            expected: "a text",
        })?;
        if !topic.trim().is_empty() {
            message.topic = Text::Owned(topic);
        }
        Ok(())
    }

    /// What Connect's converter makes of a value that is null and has a schema.
    fn null<'a>(&mut self, value: &Part<'_>, envelope: &Envelope<'_>) -> Result<Part<'a>, Problem> {
        Ok(Part {
            schema: self
                .schemas(value, envelope)?
                .map(|schemas| Text::Shared(Arc::clone(&schemas.null))),
            payload: Text::Borrowed("null"),
        })
    }

    fn row<'a>(
        &mut self,
        row: &Object<'_>,
        deleted: bool,
        value: &Part<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Part<'a>, Problem> {
        let mut writer = Writer::new(value.payload.len());
        for (name, value) in row.members() {
            writer.member(name, value);
        }
        if self.options.deletes.keeps_row() {
            untaken(row, DELETED)?;
            writer.member(DELETED, &quoted(if deleted { "true" } else { "false" }));
        }
        for (index, field) in self.options.add_fields.iter().enumerate() {
            let Some(value) = envelope.value(field) else {
                continue;
            };
            untaken(row, &field.name)?;
            let earlier = self.options.add_fields.iter().take(index);
            let again = earlier.filter(|other| other.name == field.name);
            if again.count() > 0 || self.options.deletes.keeps_row() && field.name == DELETED {
                let field = field.name.clone();
                return Err(Problem::Taken { field });
            }
            writer.member(&field.name, value);
        }
        Ok(Part {
            schema: self
                .schemas(value, envelope)?
                .map(|schemas| Text::Shared(Arc::clone(&schemas.row))),
            payload: Text::Owned(writer.end()),
        })
    }

    fn schemas(
        &mut self,
        value: &Part<'_>,
        envelope: &Envelope<'_>,
    ) -> Result<Option<Arc<RowSchemas>>, Problem> {
        let Some(schema) = &value.schema else {
            return Ok(None);
        };
        let options = &self.options;
        let made = self
            .rows
            .get(schema, |schema| RowSchemas::make(schema, options, envelope));
        made.map(Some)
    }

    /// Leaves out the columns that a header lists.
    fn drop_fields(&self, message: &mut Message<'_>) -> Result<(), Problem> {
        let Some(header) = &self.options.drop_fields_header else {
            return Ok(());
        };
        let listed = message
            .extra
            .headers
            .iter()
            .find(|(name, _)| name == header);
        let Some(listed) = listed.and_then(|(_, value)| elements(value.json())) else {
            return Ok(());
        };
        let listed: Vec<String> = listed.into_iter().filter_map(string).collect();
        let compatible = self.options.drop_fields_keep_schema_compatible;
        if self.options.drop_fields_from_key
            && let Some(key) = &mut message.key
        {
            drop_from(key, &listed, compatible)?;
        }
        match &mut message.value {
            Some(value) => drop_from(value, &listed, compatible),
            None => Ok(()),
        }
    }
}

/// Leaves out fields of a struct; where the schema is to stay compatible, only those that may be null.
fn drop_from(part: &mut Part<'_>, listed: &[String], compatible: bool) -> Result<(), Problem> {
    let Some(schema) = part.schema.as_ref().filter(|_| &*part.payload != "null") else {
        return Ok(());
    };
    let schema = Struct::read(schema).ok_or(Problem::Malformed)?;
    let goes =
        |field: &&Field<'_>| listed.contains(&field.name) && (!compatible || field.is_optional());
    let gone: Vec<&str> = schema
        .fields()
        .iter()
        .filter(goes)
        .map(|field| &*field.name)
        .collect();
    if gone.is_empty() {
        return Ok(());
    }
    let stays = |field: &&Field<'_>| !gone.contains(&&*field.name);
    let fields = schema.fields().iter().filter(stays);
    let fields: Vec<String> = fields.map(|field| field.text.to_owned()).collect();
    let change = Change {
        optional: Some(false),
        ..Change::default()
    };
    let new_schema = schema.with(&change, &fields);
    let row = Object::read(&part.payload).ok_or(Problem::Malformed)?;
    let mut writer = Writer::new(part.payload.len());
    for (name, value) in row.members().filter(|(name, _)| !gone.contains(name)) {
        writer.member(name, value);
    }
    let payload = writer.end();
    part.schema = Some(Text::Owned(new_schema));
    part.payload = Text::Owned(payload);
    Ok(())
}

fn untaken(row: &Object<'_>, name: &str) -> Result<(), Problem> {
    match row.get(name) {
        None => Ok(()),
        Some(_) => Err(Problem::Taken {
            field: name.to_owned(),
        }),
    }
}

impl RowSchemas {
    fn make(
        envelope: &str,
        options: &Options,
        members: &Envelope<'_>,
    ) -> Result<RowSchemas, Problem> {
        let envelope = Struct::read(envelope).ok_or(Problem::Malformed)?;
        let after = envelope.field("after").ok_or(Problem::Malformed)?;
        let row = Struct::read(after.text).ok_or(Problem::Malformed)?;
        let fields = row.fields().iter().map(|field| field.text.to_owned());
        let mut fields: Vec<String> = fields.collect();
        if options.deletes.keeps_row() {
            let schema = super::schema::plain("string", true);
            fields.push(super::schema::as_field(&schema, DELETED));
        }
        for added in &options.add_fields {
            if members.value(added).is_some() {
                let schema = schema_of(&envelope, added).ok_or(Problem::Malformed)?;
                fields.push(super::schema::as_field(&schema, &added.name));
            }
        }
        let change = Change {
            optional: Some(false),
            stands_alone: true,
            ..Change::default()
        };
        let header = |added: &Reference| {
            let schema = schema_of(&envelope, added)?;
            Some((added.name.clone(), schema))
        };
        Ok(RowSchemas {
            headers: options.add_headers.iter().filter_map(header).collect(),
            null: after.alone().into(),
            row: row.with(&change, &fields).into(),
        })
    }
}

/// The schema of a member of the envelope where it is added to a row or to the headers.
fn schema_of(envelope: &Struct<'_>, added: &Reference) -> Option<String> {
    let copied = |of: &Struct<'_>| Some(of.field(&added.field)?.copied());
    let parent = match &added.parent {
        Some(parent) => Struct::read(envelope.field(parent)?.text).and_then(|of| copied(&of)),
        None => None,
    };
    parent.or_else(|| copied(envelope))
}

impl<'a> Envelope<'a> {
    fn read(text: &'a str) -> Result<Envelope<'a>, Problem> {
        let members = Object::read(text).ok_or(Problem::Malformed)?;
        // `null` is no object.
        let of = |name: &str| members.get(name).and_then(Object::read);
        Ok(Envelope {
            before: of("before"),
            after: of("after"),
            source: of("source"),
            members,
        })
    }

    /// The value that a reference names, `null` included; `None` where the envelope has no such member.
    fn value(&self, reference: &Reference) -> Option<&'a str> {
        let field = reference.field.as_str();
        let nested = match reference.parent.as_deref() {
            // An image that is null has the columns of the other one.
            Some("before") => nested(self.before.as_ref(), self.after.as_ref(), field),
            Some("after") => nested(self.after.as_ref(), self.before.as_ref(), field),
            Some("source") => nested(self.source.as_ref(), None, field).map(|value| {
                // The schema's default stands for a member that is not set.
                let unset = field == "snapshot" && value == r#""false""#;
                if unset { "null" } else { value }
            }),
            Some("transaction") => {
                let known = TRANSACTION.contains(&field);
                let block = self.members.get("transaction").filter(|_| known);
                block.and_then(|block| {
                    Object::read(block).map_or(Some("null"), |block| block.get(field))
                })
            }
            Some(_) | None => None,
        };
        nested.or_else(|| self.members.get(field))
    }
}

fn nested<'a>(
    parent: Option<&Object<'a>>,
    twin: Option<&Object<'a>>,
    field: &str,
) -> Option<&'a str> {
    match parent {
        Some(parent) => parent.get(field),
        None => twin?.get(field).map(|_| "null"),
    }
}
