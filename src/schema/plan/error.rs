//! Why a table cannot be captured as it is.

use std::borrow::Cow;

use crate::error::{Classify, Fault};
use crate::schema::plan::KEY_COLUMNS_MAX;

/// Why a table cannot be captured as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Names, key and charsets are missing.
    #[error(
        "the row metadata of {database}.{table} is MINIMAL: column names and the key are missing"
    )]
    MinimalMetadata {
        /// Database.
        database: String,
        /// Table.
        table: String,
    },
    /// A column's type is not known.
    #[error("column {database}.{table}.{column} has the unknown type {code}")]
    UnknownType {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// `enum_field_types`.
        code: u8,
    },
    /// A column's collation is not known.
    #[error("column {database}.{table}.{column} has the unknown collation {collation}")]
    UnknownCollation {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Column.
        column: String,
        /// Collation id.
        collation: u16,
    },
    /// More columns than a key may have.
    #[error("the key of {database}.{table} has {columns} columns, more than {KEY_COLUMNS_MAX}")]
    WideKey {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Columns of the key.
        columns: usize,
    },
    /// Two columns have one name in records.
    #[error("columns {first} and {second} of {database}.{table} are both {name} in records")]
    SameName {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// A column.
        first: String,
        /// Another one.
        second: String,
        /// The name of both.
        name: String,
    },
    /// A label of ENUM or SET is no text of its charset.
    #[error("a label of column {database}.{table}.{column} is not valid in its charset")]
    BadLabel {
        /// Database.
        database: String,
        /// Table.
        table: String,
        /// Column.
        column: String,
    },
}

impl Classify for PlanError {
    fn fault(&self) -> Fault {
        match self {
            PlanError::MinimalMetadata { .. }
            | PlanError::WideKey { .. }
            | PlanError::SameName { .. } => Fault::Operator,
            PlanError::UnknownType { .. }
            | PlanError::UnknownCollation { .. }
            | PlanError::BadLabel { .. } => Fault::Data,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            PlanError::MinimalMetadata { .. } => {
                "SET PERSIST binlog_row_metadata = 'FULL'; what is logged before stays unreadable: remove \
                 the stored position to start after it"
            }
            PlanError::UnknownType { .. } | PlanError::UnknownCollation { .. } => {
                "upgrade remora to a release that knows this server version, or exclude the table"
            }
            PlanError::WideKey { .. } => "name fewer columns in capture.key_columns",
            PlanError::SameName { .. } => {
                "set envelope.field_names to \"avro_unicode\", or leave one of the columns out by \
                 capture.exclude_columns"
            }
            PlanError::BadLabel { .. } => "ALTER TABLE … MODIFY the column with valid labels",
        }))
    }
}
