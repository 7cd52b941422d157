//! The options of transforms, from what is written to what is meant.
//!
//! Takes the tables of `[[transforms]]`, gives [`Transform`]s; whatever is wrong becomes a finding, all of it at once,
//! under a key such as `transforms[1].type`, counted from 1.

use std::collections::BTreeMap;

use regex::Regex;

use super::layer::Context;
use super::raw::RawOption;
use super::similar;
use super::transforms::{
    Additional, ContentRoute, DeleteMode, Expand, Expression, Filter, HeaderField, HeaderToValue,
    InvalidOperation, KeyField, Kind, NullMode, Outbox, Partition, Placement, Reference, Route,
    Transform, Unwrap,
};
use crate::text::rewrite::{Rewrite, RewriteError, whole};

/// Structs of the envelope whose members may be added to a row.
const PARENTS: [&str; 4] = ["before", "after", "source", "transaction"];

/// Reads the options of all transforms.
pub(super) fn transforms(
    raw: Vec<BTreeMap<String, RawOption>>,
    context: &mut Context,
) -> Vec<Transform> {
    let mut transforms = Vec::new();
    for (index, options) in raw.into_iter().enumerate() {
        let mut options = Options {
            number: index.saturating_add(1),
            options,
            known: Vec::new(),
            context,
        };
        transforms.extend(options.transform());
    }
    transforms
}

/// The options of one transform that are not read yet.
struct Options<'a> {
    number: usize,
    options: BTreeMap<String, RawOption>,
    known: Vec<&'static str>,
    context: &'a mut Context,
}

impl Options<'_> {
    fn transform(&mut self) -> Option<Transform> {
        let given = self.options.contains_key("topic");
        let topic = self.maybe("topic");
        let topic = topic.and_then(|pattern| self.pattern("topic", &pattern));
        let negate = self.bool("negate", false);
        if negate && !given {
            let problem = "is set without a topic that could not match";
            self.report("negate", problem, "set topic, or remove it");
        }
        let kind = match self.maybe("type").as_deref() {
            Some("outbox") => self.outbox().map(Kind::Outbox),
            Some("unwrap") => Some(Kind::Unwrap(self.unwrap())),
            Some("route") => self.route().map(Kind::Route),
            Some("filter") => self.filter().map(Kind::Filter),
            Some("content_route") => self.content_route().map(Kind::ContentRoute),
            Some("header_to_value") => Some(Kind::HeaderToValue(self.header_to_value())),
            Some("partition") => Some(Kind::Partition(self.partition())),
            found => {
                let problem = match found {
                    Some(found) => format!("{found:?} is no type of transform"),
                    None => "is required and not set".to_owned(),
                };
                let remedy = "take \"outbox\", \"unwrap\", \"route\", \"filter\", \"content_route\", \
                              \"header_to_value\" or \"partition\"";
                self.report("type", &problem, remedy);
                return None;
            }
        };
        self.rest();
        Some(Transform {
            topic,
            negate,
            kind: kind?,
        })
    }

    fn outbox(&mut self) -> Option<Outbox> {
        let expand = self.bool("table_expand_json_payload", false);
        let nulls = [("ignore", false), ("optional_bytes", true)];
        let null_as_bytes = self.word("table_json_payload_null_behavior", false, &nulls);
        let arrays = [("ignore", false), ("optional_string", true)];
        let empty_array_as_texts =
            self.word("table_json_payload_empty_array_behavior", false, &arrays);
        let regex = self.text("route_topic_regex", "(?<routedByValue>.*)");
        let replacement = self.text("route_topic_replacement", "outbox.event.${routedByValue}");
        let topic = self.rewrite(
            ("route_topic_regex", &regex),
            ("route_topic_replacement", &replacement),
        );
        let operations = [
            ("warn", InvalidOperation::Warn),
            ("error", InvalidOperation::Error),
            ("fatal", InvalidOperation::Fatal),
        ];
        let missing = [("error", false), ("ignore", true)];
        let outbox = Outbox {
            invalid_operation: self.word(
                "table_op_invalid_behavior",
                InvalidOperation::Warn,
                &operations,
            ),
            id: self.text("table_field_event_id", "id"),
            key: self.text("table_field_event_key", "aggregateid"),
            timestamp: self.maybe("table_field_event_timestamp"),
            payload: self.text("table_field_event_payload", "payload"),
            expand: expand.then_some(Expand {
                null_as_bytes,
                empty_array_as_texts,
            }),
            additional: self.additional(),
            ignore_missing: self.word("table_field_additional_missing", false, &missing),
            schema_version: self.maybe("table_field_event_schema_version"),
            route_by: self.text("route_by_field", "aggregatetype"),
            topic: topic?,
            tombstone_on_empty_payload: self.bool("route_tombstone_on_empty_payload", false),
        };
        Some(outbox)
    }

    /// Entries such as `type:header:eventType`.
    fn additional(&mut self) -> Vec<Additional> {
        let name = "table_fields_additional_placement";
        let mut additional = Vec::new();
        for entry in self.list(name) {
            let parts: Vec<&str> = entry.split(':').map(str::trim).collect();
            let (field, placement, alias) = match parts.as_slice() {
                [field, placement] => (*field, *placement, *field),
                [field, placement, alias] => (*field, *placement, *alias),
                _ => ("", "", ""),
            };
            let placement = match placement.to_ascii_lowercase().as_str() {
                "header" => Some(Placement::Header),
                "envelope" => Some(Placement::Envelope),
                "partition" => Some(Placement::Partition),
                _ => None,
            };
            match placement {
                Some(placement) if !field.is_empty() && !alias.is_empty() => {
                    additional.push(Additional {
                        field: field.to_owned(),
                        placement,
                        alias: alias.to_owned(),
                    });
                }
                Some(_) | None => {
                    let remedy = "write it as \"type:header\" or \"type:header:eventType\", with header, \
                                  envelope or partition";
                    self.report(name, &format!("{entry:?} is no placement"), remedy);
                }
            }
        }
        additional
    }

    fn unwrap(&mut self) -> Unwrap {
        let modes = [
            ("tombstone", DeleteMode::Tombstone),
            ("drop", DeleteMode::Drop),
            ("rewrite", DeleteMode::Rewrite),
            ("rewrite-with-tombstone", DeleteMode::RewriteWithTombstone),
            ("delete-to-tombstone", DeleteMode::DeleteToTombstone),
        ];
        Unwrap {
            deletes: self.word(
                "delete_tombstone_handling_mode",
                DeleteMode::Tombstone,
                &modes,
            ),
            route_by_field: self.maybe("route_by_field"),
            add_fields: self.references("add_fields", "add_fields_prefix"),
            add_headers: self.references("add_headers", "add_headers_prefix"),
            drop_fields_header: self.maybe("drop_fields_header_name"),
            drop_fields_from_key: self.bool("drop_fields_from_key", false),
            drop_fields_keep_schema_compatible: self
                .bool("drop_fields_keep_schema_compatible", true),
        }
    }

    /// Entries such as `op`, `source.ts_ms` and `before.id:old_id`.
    fn references(&mut self, name: &'static str, prefix: &'static str) -> Vec<Reference> {
        let prefix = self.text(prefix, "__");
        let mut references = Vec::new();
        for entry in self.list(name) {
            match reference(&entry, &prefix) {
                Some(reference) => references.push(reference),
                None => {
                    let remedy = "write it as \"op\", \"source.ts_ms\" or \"before.id:old_id\", with before, \
                                  after, source or transaction ahead of the dot";
                    self.report(
                        name,
                        &format!("{entry:?} names no member of an envelope"),
                        remedy,
                    );
                }
            }
        }
        references
    }

    fn route(&mut self) -> Option<Route> {
        let regex = self.required("topic_regex");
        let replacement = self.required("topic_replacement");
        let topic = self.rewrite(("topic_regex", &regex), ("topic_replacement", &replacement));
        let unique = self.bool("key_enforce_uniqueness", true);
        let name = self.text("key_field_name", "__dbz__physicalTableIdentifier");
        let pattern = self.maybe("key_field_regex");
        let replacement = self.maybe("key_field_replacement");
        let value = match (pattern, replacement) {
            (Some(regex), Some(replacement)) => self.rewrite(
                ("key_field_regex", &regex),
                ("key_field_replacement", &replacement),
            ),
            (Some(_), None) => {
                let problem = "is required beside key_field_regex and not set";
                self.report("key_field_replacement", problem, "set both or neither");
                None
            }
            (None, _) => None,
        };
        Some(Route {
            topic: topic?,
            key_field: unique.then_some(KeyField { name, value }),
        })
    }

    fn filter(&mut self) -> Option<Filter> {
        let (condition, nulls) = (self.expression("condition"), self.nulls());
        let condition = condition?;
        Some(Filter { condition, nulls })
    }

    fn content_route(&mut self) -> Option<ContentRoute> {
        let (topic, nulls) = (self.expression("topic_expression"), self.nulls());
        let topic = topic?;
        Some(ContentRoute { topic, nulls })
    }

    fn expression(&mut self, name: &'static str) -> Option<Expression> {
        let text = self.required(name);
        if text.is_empty() {
            return None;
        }
        match Expression::new(&text) {
            Ok(expression) => Some(expression),
            Err(problem) => {
                let remedy = "write it as \"value.op != 'd' && value.after.id > 5\"";
                self.report(name, &problem, remedy);
                None
            }
        }
    }

    fn nulls(&mut self) -> NullMode {
        let modes = [
            ("keep", NullMode::Keep),
            ("drop", NullMode::Drop),
            ("evaluate", NullMode::Evaluate),
        ];
        self.word("null_handling_mode", NullMode::Keep, &modes)
    }

    fn header_to_value(&mut self) -> HeaderToValue {
        let (headers, fields) = (self.list("headers"), self.list("fields"));
        if headers.is_empty() || headers.len() != fields.len() {
            let problem = "expected one name for each of headers, of which there is at least one";
            self.report(
                "fields",
                problem,
                "list the members in the order of the headers",
            );
        }
        if !self.options.contains_key("operation") {
            self.report(
                "operation",
                "is required and not set",
                "take \"move\" or \"copy\"",
            );
        }
        let operations = [("move", true), ("copy", false)];
        let path = |field: &str| field.split('.').map(str::to_owned).collect();
        let pairs = headers.into_iter().zip(&fields);
        HeaderToValue {
            fields: pairs
                .map(|(header, field)| HeaderField {
                    header,
                    path: path(field),
                })
                .collect(),
            removes: self.word("operation", false, &operations),
        }
    }

    fn partition(&mut self) -> Partition {
        let name = "partition_payload_fields";
        let given = self.options.contains_key(name);
        let fields = self.list(name);
        if fields.is_empty() && !given {
            self.report(name, "is required and not set", "give it a value");
        }
        let hash = [("java", ())];
        self.word("partition_hash_function", (), &hash);
        let name = "partition_topic_num";
        let partitions = match self.take(name) {
            Some(RawOption::Integer(number)) => i32::try_from(number).ok(),
            Some(RawOption::Bool(_) | RawOption::Text(_) | RawOption::List(_)) | None => None,
        };
        let partitions = partitions.filter(|number| *number > 0);
        if partitions.is_none() {
            let remedy = "set it to the number of partitions of the topics that it takes";
            self.report(name, "expected a whole number from 1", remedy);
        }
        Partition {
            fields,
            partitions: partitions.unwrap_or(1),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<RawOption> {
        self.known.push(name);
        self.options.remove(name)
    }

    /// A text; one that is empty counts as not set.
    fn maybe(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            RawOption::Text(text) if text.trim().is_empty() => None,
            RawOption::Text(text) => Some(text),
            RawOption::Bool(_) | RawOption::Integer(_) | RawOption::List(_) => {
                self.report(name, "expected text", "correct the value");
                None
            }
        }
    }

    fn text(&mut self, name: &'static str, default: &str) -> String {
        match self.take(name) {
            None => default.to_owned(),
            Some(RawOption::Text(text)) => text,
            Some(RawOption::Bool(_) | RawOption::Integer(_) | RawOption::List(_)) => {
                self.report(name, "expected text", "correct the value");
                default.to_owned()
            }
        }
    }

    fn required(&mut self, name: &'static str) -> String {
        let wrong = !matches!(self.options.get(name), None | Some(RawOption::Text(_)));
        let text = self.maybe(name);
        if text.is_none() && !wrong {
            self.report(name, "is required and not set", "give it a value");
        }
        text.unwrap_or_default()
    }

    fn bool(&mut self, name: &'static str, default: bool) -> bool {
        match self.take(name) {
            None => default,
            Some(RawOption::Bool(value)) => value,
            Some(RawOption::Text(_) | RawOption::Integer(_) | RawOption::List(_)) => {
                self.report(name, "expected true or false", "correct the value");
                default
            }
        }
    }

    /// The meaning of one of some words.
    fn word<T: Copy>(&mut self, name: &'static str, default: T, words: &[(&str, T)]) -> T {
        let text = match self.take(name) {
            None => return default,
            Some(RawOption::Text(text)) => text.trim().to_ascii_lowercase(),
            Some(RawOption::Bool(_) | RawOption::Integer(_) | RawOption::List(_)) => String::new(),
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let known: Vec<String> = words.iter().map(|(word, _)| format!("{word:?}")).collect();
        let problem = format!("expected one of {}", known.join(", "));
        self.report(name, &problem, "correct the value");
        default
    }

    /// A list of texts, or one text with commas.
    fn list(&mut self, name: &'static str) -> Vec<String> {
        let entries = match self.take(name) {
            None => Vec::new(),
            Some(RawOption::List(entries)) => entries,
            Some(RawOption::Text(text)) => text.split(',').map(str::to_owned).collect(),
            Some(RawOption::Bool(_) | RawOption::Integer(_)) => {
                self.report(name, "expected a list of texts", "correct the value");
                Vec::new()
            }
        };
        let entries = entries.iter().map(|entry| entry.trim().to_owned());
        entries.filter(|entry| !entry.is_empty()).collect()
    }

    fn pattern(&mut self, name: &'static str, pattern: &str) -> Option<Regex> {
        match whole(pattern) {
            Ok(regex) => Some(regex),
            Err(problem) => {
                self.report(name, &format!("{pattern:?} {problem}"), "correct it");
                None
            }
        }
    }

    fn rewrite(
        &mut self,
        (regex_name, regex): (&'static str, &str),
        (replacement_name, replacement): (&'static str, &str),
    ) -> Option<Rewrite> {
        match Rewrite::new(regex, replacement) {
            Ok(rewrite) => return Some(rewrite),
            Err(RewriteError::Pattern(problem)) => {
                let remedy =
                    "write it without look-around and back-references, which it cannot have";
                self.report(regex_name, &format!("{regex:?} {problem}"), remedy);
            }
            Err(RewriteError::Replacement(problem)) => {
                let remedy = "name groups as $1 or ${name}";
                self.report(
                    replacement_name,
                    &format!("{replacement:?} {problem}"),
                    remedy,
                );
            }
        }
        None
    }

    /// Options that this type does not have.
    fn rest(&mut self) {
        for name in std::mem::take(&mut self.options).into_keys() {
            let near = self
                .known
                .iter()
                .map(|known| (similar::distance(known, &name), *known));
            let near = near.min().filter(|(distance, _)| *distance <= 3);
            let remedy = match near {
                Some((_, near)) => format!("did you mean {near}?"),
                None => "remove it; docs/transforms.md lists all options".to_owned(),
            };
            let number = self.number;
            let key = format!("transforms[{number}].{name}");
            self.context.report(&key, "unknown key", &remedy);
        }
    }

    fn report(&mut self, name: &str, problem: &str, remedy: &str) {
        let key = format!("transforms[{}].{name}", self.number);
        self.context.report(&key, problem, remedy);
    }
}

/// A member of the envelope as `ExtractNewRecordState` names it.
fn reference(entry: &str, prefix: &str) -> Option<Reference> {
    let (path, new) = match entry.split_once(':') {
        Some((path, new)) => (path, Some(new)),
        None => (entry, None),
    };
    if new.is_some_and(|new| new.is_empty() || new.contains(':')) {
        return None;
    }
    let (parent, field, long) = match path.split_once('.') {
        Some((parent, field)) => (Some(parent), field, format!("{parent}_{field}")),
        None => (parent_of(path), path, path.to_owned()),
    };
    let parent_known = parent.is_none_or(|parent| PARENTS.contains(&parent));
    if !parent_known || field.is_empty() || field.contains('.') || PARENTS.contains(&path) {
        return None;
    }
    Some(Reference {
        parent: parent.map(str::to_owned),
        field: field.to_owned(),
        name: format!("{prefix}{}", new.unwrap_or(&long)),
    })
}

/// Where a member stands that is named without its struct.
fn parent_of(field: &str) -> Option<&'static str> {
    match field {
        "id" | "data_collection_order" | "total_order" => Some("transaction"),
        "op" | "ts_ms" | "ts_us" | "ts_ns" => None,
        _ => Some("source"),
    }
}
