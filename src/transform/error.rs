//! Why a record cannot be transformed, with the place where it comes from. Never holds a value of a row.

use std::borrow::Cow;

use crate::error::{Classify, Fault};
use crate::sink::Coordinates;

/// A transform that could not take a record.
#[derive(Debug, thiserror::Error)]
#[error("transform {number} ({kind}): {problem}, at {coordinates}")]
pub struct TransformError {
    /// Which of the list, from 1.
    pub number: usize,
    /// Its type.
    pub kind: &'static str,
    /// What is wrong.
    pub problem: Problem,
    /// Where the record comes from.
    pub coordinates: Box<Coordinates>,
}

/// What is wrong with a record for a transform.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The record is not of the form that remora writes.
    #[error("the record is not of the form that remora writes")]
    Malformed,
    /// A row lacks a column.
    #[error("the row has no column {field}")]
    NoField {
        /// The column, as the configuration names it.
        field: String,
    },
    /// A column's value is of another type.
    #[error("column {field} is not {expected}")]
    Type {
        /// The column.
        field: String,
        /// What is needed.
        expected: &'static str,
    },
    /// A row of an outbox was updated, or the table was truncated.
    #[error("a row of the outbox table was changed after it was inserted, or the table truncated")]
    Changed,
    /// A field is there already.
    #[error("there is a field {field} already")]
    Taken {
        /// Its name.
        field: String,
    },
    /// An expression has no value that can be used.
    #[error("the expression has no value: {reason}")]
    Expression {
        /// Why, without the values of the record.
        reason: String,
    },
    /// The key is not made of columns.
    #[error("the key is not made of columns")]
    Key,
    /// The records of a batch are too large together.
    #[error("a batch beyond 4 GiB")]
    TooLarge,
}

impl Classify for TransformError {
    fn fault(&self) -> Fault {
        match self.problem {
            Problem::Malformed => Fault::Bug,
            Problem::NoField { .. }
            | Problem::Taken { .. }
            | Problem::Key
            | Problem::Expression { .. } => Fault::Operator,
            Problem::Type { .. } | Problem::Changed | Problem::TooLarge => Fault::Data,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self.problem {
            Problem::Malformed => "report this, with the transforms of this database",
            Problem::NoField { .. } => {
                "name a column that the table has, or set `topic` so that the transform takes only the \
                 tables that have it (docs/transforms.md)"
            }
            Problem::Type { .. } => {
                "name a column of that type, or set `topic` so that the transform takes other tables \
                 (docs/transforms.md)"
            }
            Problem::Changed => {
                "only insert into the outbox table and delete from it, or set table_op_invalid_behavior to \
                 \"warn\""
            }
            Problem::Taken { .. } => "give it another name in the transform's options",
            Problem::Expression { .. } => {
                "correct the expression so that it has a value for this record too (docs/transforms.md)"
            }
            Problem::Key => {
                "put the transform ahead of the one that makes the key, or set `topic` so that it takes other \
                 records"
            }
            Problem::TooLarge => "exclude the table",
        }))
    }
}
