//! Headers that become members of the value: Debezium's `HeaderToValue`.
//!
//! Takes records with headers that transforms before it have added; gives them with those headers in the value, under
//! the names that the options say. Tombstones and records without such a header stay as they are.

use super::error::Problem;
use super::json::{Object, Writer};
use super::message::{Message, Part, Text};
use super::schema::{Change, Struct, as_field, plain};
use crate::config::transforms::HeaderToValue as Options;

/// A member to add: its path, its value and its schema.
struct Entry<'a> {
    path: &'a [String],
    value: String,
    schema: Option<String>,
}

pub(super) fn apply<'a>(
    options: &Options,
    mut message: Message<'a>,
) -> Result<Option<Message<'a>>, Problem> {
    let Some(value) = message.value.take_if(|value| &*value.payload != "null") else {
        return Ok(Some(message));
    };
    let mut entries = Vec::new();
    for (name, header) in &message.extra.headers {
        let moved = options.fields.iter().find(|field| field.header == **name);
        if let Some(field) = moved {
            entries.push(Entry {
                path: &field.path,
                value: header.json().to_owned(),
                schema: message.header_schema(name).map(str::to_owned),
            });
        }
    }
    if entries.is_empty() {
        message.value = Some(value);
        return Ok(Some(message));
    }
    let new = Part {
        schema: match &value.schema {
            Some(text) => Some(Text::Owned(schema(text, &entries, true)?)),
            None => None,
        },
        payload: Text::Owned(payload(&value.payload, &entries)?),
    };
    message.value = Some(new);
    if options.removes {
        let stays = |name: &str| !options.fields.iter().any(|field| field.header == name);
        message.extra.headers.retain(|(name, _)| stays(name));
    }
    Ok(Some(message))
}

/// Entries of members within `name`, by the rest of their paths.
fn within<'a>(entries: &[Entry<'a>], name: &str) -> Vec<Entry<'a>> {
    let inner = |entry: &Entry<'a>| match entry.path {
        [first, rest @ ..] if first == name && !rest.is_empty() => Some(Entry {
            path: rest,
            value: entry.value.clone(),
            schema: entry.schema.clone(),
        }),
        [..] => None,
    };
    entries.iter().filter_map(inner).collect()
}

/// Entries of members right here.
fn here<'b>(entries: &'b [Entry<'_>]) -> impl Iterator<Item = (&'b str, &'b Entry<'b>)> {
    entries.iter().filter_map(|entry| match entry.path {
        [name] => Some((name.as_str(), entry)),
        [..] => None,
    })
}

fn payload(text: &str, entries: &[Entry<'_>]) -> Result<String, Problem> {
    let object = Object::read(text).ok_or_else(no_members)?;
    let mut writer = Writer::new(text.len());
    for (name, value) in object.members() {
        let inner = within(entries, name);
        if inner.is_empty() || value == "null" {
            writer.member(name, value);
        } else {
            writer.member(name, &payload(value, &inner)?);
        }
    }
    let parents = entries.iter().filter(|entry| entry.path.len() > 1);
    for parent in parents.filter_map(|entry| entry.path.first()) {
        object.get(parent).ok_or_else(|| Problem::NoField {
            field: parent.clone(),
        })?;
    }
    for (name, entry) in here(entries) {
        if object.get(name).is_some() {
            let field = name.to_owned();
            return Err(Problem::Taken { field });
        }
        writer.member(name, &entry.value);
    }
    Ok(writer.end())
}

fn schema(text: &str, entries: &[Entry<'_>], alone: bool) -> Result<String, Problem> {
    let old = Struct::read(text).ok_or_else(no_members)?;
    let mut fields = Vec::new();
    for field in old.fields() {
        let inner = within(entries, &field.name);
        fields.push(match inner.is_empty() {
            true => field.text.to_owned(),
            false => schema(field.text, &inner, false)?,
        });
    }
    for (name, entry) in here(entries) {
        let own = entry.schema.clone();
        fields.push(as_field(
            &own.unwrap_or_else(|| plain("string", true)),
            name,
        ));
    }
    let change = Change {
        optional: Some(false),
        stands_alone: alone,
        ..Change::default()
    };
    Ok(old.with(&change, &fields))
}

fn no_members() -> Problem {
    Problem::Type {
        field: "value".to_owned(),
        expected: "an object that members can be added to",
    }
}
