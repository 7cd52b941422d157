//! What is done to records on their way to the sink: the transforms and their options, once they are checked.
//!
//! Names and meanings are those of Debezium's single message transforms. Never holds what could not be applied.

use std::sync::Arc;

use regex::Regex;

use crate::text::rewrite::Rewrite;

/// One entry of `[[transforms]]`.
#[derive(Clone, Debug)]
pub struct Transform {
    /// Only records whose topic matches; all where absent.
    pub topic: Option<Regex>,
    /// Only those whose topic does not match.
    pub negate: bool,
    /// What is done to them.
    pub kind: Kind,
}

/// The types of transforms.
#[derive(Clone, Debug)]
pub enum Kind {
    /// `outbox`: Debezium's `EventRouter`.
    Outbox(Outbox),
    /// `unwrap`: Debezium's `ExtractNewRecordState`.
    Unwrap(Unwrap),
    /// `route`: Debezium's `ByLogicalTableRouter`.
    Route(Route),
    /// `partition`: Debezium's `PartitionRouting`.
    Partition(Partition),
    /// `filter`: Debezium's `Filter`.
    Filter(Filter),
    /// `content_route`: Debezium's `ContentBasedRouter`.
    ContentRoute(ContentRoute),
    /// `header_to_value`: Debezium's `HeaderToValue`.
    HeaderToValue(HeaderToValue),
}

/// Options of `outbox`.
#[derive(Clone, Debug)]
pub struct Outbox {
    /// What an update of a row means.
    pub invalid_operation: InvalidOperation,
    /// The column of the event's id.
    pub id: String,
    /// The column of its key.
    pub key: String,
    /// The column of its time; the envelope's where absent.
    pub timestamp: Option<String>,
    /// The column of its payload.
    pub payload: String,
    /// A payload that is JSON in a text becomes JSON.
    pub expand: Option<Expand>,
    /// Other columns, and where they go.
    pub additional: Vec<Additional>,
    /// One of them that the table does not have is passed over.
    pub ignore_missing: bool,
    /// The column of the version of the value's schema.
    pub schema_version: Option<String>,
    /// The column that tells the topic.
    pub route_by: String,
    /// The topic of what that column says.
    pub topic: Rewrite,
    /// An empty payload makes a record without a value.
    pub tombstone_on_empty_payload: bool,
}

/// What an update of a row of an outbox means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidOperation {
    /// It is logged as a warning, and dropped.
    Warn,
    /// It is logged as an error, and dropped.
    Error,
    /// The database stops.
    Fatal,
}

/// How types are found in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expand {
    /// A null is kept, as bytes that may be null.
    pub null_as_bytes: bool,
    /// An empty array is kept, as one of texts.
    pub empty_array_as_texts: bool,
}

/// A column of an outbox that goes somewhere by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Additional {
    /// The column.
    pub field: String,
    /// Where it goes.
    pub placement: Placement,
    /// What it is called there.
    pub alias: String,
}

/// Where a column of an outbox goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// A header.
    Header,
    /// A member of the value, beside `payload`.
    Envelope,
    /// The number of the partition.
    Partition,
}

/// Options of `unwrap`.
#[derive(Clone, Debug)]
pub struct Unwrap {
    /// What becomes of deletes.
    pub deletes: DeleteMode,
    /// The column that names the topic.
    pub route_by_field: Option<String>,
    /// Members of the envelope that are added to the row.
    pub add_fields: Vec<Reference>,
    /// And those that become headers.
    pub add_headers: Vec<Reference>,
    /// The header that lists the columns to leave out.
    pub drop_fields_header: Option<String>,
    /// They are left out of the key too.
    pub drop_fields_from_key: bool,
    /// Only those that may be null are left out.
    pub drop_fields_keep_schema_compatible: bool,
}

/// `delete.tombstone.handling.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteMode {
    /// No record.
    Drop,
    /// The delete becomes a value that is null; the tombstone behind it is dropped.
    Tombstone,
    /// The row as it was, marked; the tombstone is dropped.
    Rewrite,
    /// The row as it was, marked, and the tombstone.
    RewriteWithTombstone,
    /// The delete becomes a tombstone, and the one behind it is dropped.
    DeleteToTombstone,
}

impl DeleteMode {
    /// Whether the row that was deleted becomes a record.
    pub fn keeps_row(self) -> bool {
        match self {
            DeleteMode::Rewrite | DeleteMode::RewriteWithTombstone => true,
            DeleteMode::Drop | DeleteMode::Tombstone | DeleteMode::DeleteToTombstone => false,
        }
    }
}

/// A member of the envelope, and its new name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The struct that it is in; the envelope itself where absent.
    pub parent: Option<String>,
    /// Its name there.
    pub field: String,
    /// Its name as a field or a header.
    pub name: String,
}

/// Options of `route`.
#[derive(Clone, Debug)]
pub struct Route {
    /// The new topic; records of others stay as they are.
    pub topic: Rewrite,
    /// What keeps the keys of several tables apart.
    pub key_field: Option<KeyField>,
}

/// A field that is added to keys.
#[derive(Clone, Debug)]
pub struct KeyField {
    /// Its name.
    pub name: String,
    /// Its value of the old topic; the old topic itself where absent or not matched.
    pub value: Option<Rewrite>,
}

/// Options of `partition`.
#[derive(Clone, Debug)]
pub struct Partition {
    /// Dotted paths in the envelope; `change` is the row that counts.
    pub fields: Vec<String>,
    /// Partitions of the topics.
    pub partitions: i32,
}

/// Options of `filter`.
#[derive(Clone, Debug)]
pub struct Filter {
    /// A record goes on where it is true.
    pub condition: Expression,
    /// What becomes of records without a value.
    pub nulls: NullMode,
}

/// Options of `content_route`.
#[derive(Clone, Debug)]
pub struct ContentRoute {
    /// The topic, or null for the one that the record has.
    pub topic: Expression,
    /// What becomes of records without a value.
    pub nulls: NullMode,
}

/// Options of `header_to_value`.
#[derive(Clone, Debug)]
pub struct HeaderToValue {
    /// Which headers become which members.
    pub fields: Vec<HeaderField>,
    /// They are no headers any more then.
    pub removes: bool,
}

/// A header that becomes a member of the value.
#[derive(Clone, Debug)]
pub struct HeaderField {
    /// The header's name.
    pub header: String,
    /// The names on the way to the member.
    pub path: Vec<String>,
}

/// `null.handling.mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullMode {
    /// They go on as they are.
    Keep,
    /// They are dropped.
    Drop,
    /// The expression sees them too.
    Evaluate,
}

/// An expression in the Common Expression Language.
#[derive(Clone, Debug)]
pub struct Expression {
    /// What it was compiled to.
    pub program: Arc<cel::Program>,
    /// The variables in it.
    pub uses: Vec<String>,
}

impl Expression {
    /// Of a text.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Expression, String> {
        let program = cel::Program::compile(text).map_err(|errors| {
            let text = errors.to_string();
            let line = text.lines().find(|line| !line.trim().is_empty());
            format!("is no expression: {}", line.unwrap_or_default().trim())
        })?;
        let references = program.references();
        let uses = references
            .variables()
            .into_iter()
            .map(str::to_owned)
            .collect();
        drop(references);
        Ok(Expression {
            program: Arc::new(program),
            uses,
        })
    }
}
