//! Transforms of records on their way to the sink: Debezium's single message transforms, built in, since there is
//! no Connect to run them.
//!
//! Takes a batch and gives it back with its number, each record changed, dropped or as it was, in the same order. No
//! IO and no clock: the same batch always becomes the same one. Never shows a value of a row, and costs nothing where
//! no transform is configured.

pub mod error;
pub(crate) mod expand;
mod expression;
mod header_to_value;
mod json;
mod message;
mod outbox;
mod partition;
mod route;
mod schema;
mod unwrap;

use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use crate::config::transforms::{ContentRoute, Filter, HeaderToValue, Kind, Transform};
use crate::sink::Coordinates;
use crate::sink::batch::{Batch, Record, Span};
use crate::transform::error::{Problem, TransformError};
use crate::transform::message::Message;
use crate::transform::outbox::Outbox;
use crate::transform::partition::Partition;
use crate::transform::route::Route;
use crate::transform::unwrap::Unwrap;

/// Bytes of records that the buffer beside a batch keeps room for.
const SPARE_BYTES: usize = 1 << 20;

/// The transforms of one database, in order.
#[derive(Debug)]
pub struct Chain {
    links: Vec<ChainLink>,
    /// Records come with schemas.
    from_schemas: bool,
    /// And leave with them.
    to_schemas: bool,
    spare: Batch,
    topics: HashMap<Arc<str>, u32>,
}

#[derive(Debug)]
struct ChainLink {
    topic: Option<Regex>,
    negate: bool,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Outbox(Box<Outbox>),
    Unwrap(Box<Unwrap>),
    Route(Box<Route>),
    Partition(Box<Partition>),
    Filter(Filter),
    ContentRoute(ContentRoute),
    HeaderToValue(HeaderToValue),
}

/// Whether the transforms must see schemas, whatever the records carry in the end.
pub fn need_schemas(transforms: &[Transform]) -> bool {
    transforms.iter().any(|transform| match &transform.kind {
        Kind::Outbox(outbox) => outbox.timestamp.is_some(),
        Kind::Unwrap(unwrap) => unwrap.drop_fields_header.is_some(),
        Kind::Route(_) | Kind::Filter(_) | Kind::ContentRoute(_) | Kind::HeaderToValue(_) => false,
        // Java's hash of a number depends on its type.
        Kind::Partition(_) => true,
    })
}

impl Chain {
    /// Of what is configured; `None` where that is nothing. Records leave with schemas or without; they must come with
    /// them then, and where [`need_schemas`] says so.
    pub fn new(transforms: &[Transform], schemas: bool) -> Option<Chain> {
        if transforms.is_empty() {
            return None;
        }
        let link = |transform: &Transform| ChainLink {
            topic: transform.topic.clone(),
            negate: transform.negate,
            step: match transform.kind.clone() {
                Kind::Outbox(options) => Step::Outbox(Box::new(Outbox::new(options))),
                Kind::Unwrap(options) => Step::Unwrap(Box::new(Unwrap::new(options))),
                Kind::Route(options) => Step::Route(Box::new(Route::new(options))),
                Kind::Partition(options) => Step::Partition(Box::new(Partition::new(options))),
                Kind::Filter(options) => Step::Filter(options),
                Kind::ContentRoute(options) => Step::ContentRoute(options),
                Kind::HeaderToValue(options) => Step::HeaderToValue(options),
            },
        };
        Some(Chain {
            links: transforms.iter().map(link).collect(),
            from_schemas: schemas || need_schemas(transforms),
            to_schemas: schemas,
            spare: Batch::default(),
            topics: HashMap::new(),
        })
    }

    /// Transforms the records of a batch.
    ///
    /// # Errors
    /// A record that a transform cannot take; the batch is as it was.
    pub fn apply(&mut self, batch: &mut Batch) -> Result<(), TransformError> {
        let mut out = std::mem::take(&mut self.spare);
        out.seq = batch.seq;
        self.topics.clear();
        // A record without a value has no coordinates: those of the one before are the nearest.
        let mut value = None;
        for record in &batch.records {
            value = record.value.or(value);
            self.record(batch, record, &mut out)
                .map_err(|(number, problem)| TransformError {
                    number: number.saturating_add(1),
                    kind: self.links.get(number).map_or("", |link| link.step.kind()),
                    problem,
                    coordinates: Box::new(
                        value.map_or_else(Coordinates::default, |value: Span| {
                            Coordinates::of(batch.bytes_of(value))
                        }),
                    ),
                })?;
        }
        self.spare = std::mem::replace(batch, out);
        self.spare.clear();
        // One large batch must not keep its memory for ever.
        self.spare.bytes.shrink_to(SPARE_BYTES);
        Ok(())
    }

    /// Takes one record through; the number of the transform that could not take it stands beside the reason.
    fn record(
        &mut self,
        batch: &Batch,
        record: &Record,
        out: &mut Batch,
    ) -> Result<(), (usize, Problem)> {
        let message = Message::read(batch, record, self.from_schemas);
        let mut message = message.ok_or((0, Problem::Malformed))?;
        for (number, link) in self.links.iter_mut().enumerate() {
            if !link.takes(&message) {
                continue;
            }
            let taken = link
                .step
                .apply(message)
                .map_err(|problem| (number, problem))?;
            let Some(next) = taken else {
                return Ok(());
            };
            message = next;
        }
        let last = self.links.len().saturating_sub(1);
        message
            .write(batch, out, (&mut self.topics, self.to_schemas))
            .map_err(|problem| (last, problem))
    }
}

impl ChainLink {
    fn takes(&self, message: &Message<'_>) -> bool {
        let matches = |topic: &Regex| topic.is_match(&message.topic) != self.negate;
        self.topic.as_ref().is_none_or(matches)
    }
}

impl Step {
    fn kind(&self) -> &'static str {
        match self {
            Step::Outbox(_) => "outbox",
            Step::Unwrap(_) => "unwrap",
            Step::Route(_) => "route",
            Step::Partition(_) => "partition",
            Step::Filter(_) => "filter",
            Step::ContentRoute(_) => "content_route",
            Step::HeaderToValue(_) => "header_to_value",
        }
    }

    fn apply<'a>(&mut self, message: Message<'a>) -> Result<Option<Message<'a>>, Problem> {
        match self {
            Step::Outbox(outbox) => outbox.apply(message),
            Step::Unwrap(unwrap) => unwrap.apply(message),
            Step::Route(route) => route.apply(message),
            Step::Partition(partition) => partition.apply(message),
            Step::Filter(options) => expression::filter(options, message),
            Step::ContentRoute(options) => expression::content_route(options, message),
            Step::HeaderToValue(options) => header_to_value::apply(options, message),
        }
    }
}

#[cfg(test)]
mod tests;
