//! Why a row could not be encoded, and what mends it.

use std::borrow::Cow;

use crate::decode::jsonb::diff::DiffError;
use crate::encode::cell::CellError;
use crate::error::{Classify, Fault};

/// Why a row could not be encoded. Never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// A cell could not be read.
    #[error("column {column}: {source}")]
    Cell {
        /// Name of the column.
        column: String,
        /// Why.
        #[source]
        source: CellError,
    },
    /// A change of a JSON document could not be applied.
    #[error("column {column}: {source}")]
    Diff {
        /// Name of the column.
        column: String,
        /// Why.
        #[source]
        source: DiffError,
    },
    /// A change of a JSON document without the document.
    #[error("column {column}: a partial JSON update without the document before it")]
    NoDocument {
        /// Name of the column.
        column: String,
    },
    /// An image lacks a column of the key.
    #[error("column {column}: it is part of the key and not in the row image")]
    NoKey {
        /// Name of the column.
        column: String,
    },
    /// The bitmap of nulls is not there.
    #[error("a row image ends before its bitmap of nulls")]
    Bitmap,
    /// The batch cannot name a byte beyond 4 GiB.
    #[error("a record beyond 4 GiB")]
    TooLarge,
}

impl Classify for RowError {
    fn fault(&self) -> Fault {
        Fault::Data
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            RowError::Cell {
                source: CellError::Text(_),
                ..
            } => {
                "find the value by the primary key of the rows at this position and correct its text, exclude \
                 the table, or set types.invalid_text to \"replace\" or \"base64\""
            }
            RowError::Cell {
                source: CellError::NoDate,
                ..
            } => {
                "find the date by the primary key of the rows at this position and correct it, exclude the \
                 table, or set types.invalid_date to \"null\""
            }
            RowError::Cell {
                source: CellError::Range,
                ..
            } => "set types.time_precision to another value, such as \"microseconds\"",
            RowError::NoDocument { .. } | RowError::NoKey { .. } => {
                "SET PERSIST binlog_row_image = 'FULL' and reconnect all clients; to go on after this \
                 place, remove the stored position and set `start`"
            }
            RowError::Cell { .. } | RowError::Diff { .. } | RowError::Bitmap => {
                "check the binlog file at this place with mysqlbinlog; report it if the server reads it"
            }
            RowError::TooLarge => "exclude the table",
        }))
    }
}
