//! A definition in the form in which it is kept beside a position: compact JSON with a version.
//!
//! Types are the text of information_schema's COLUMN_TYPE; what has its usual value is left out.

use serde::{Deserialize, Serialize};

use crate::sql::definition::Definition;

/// A [`Definition`] to store: `From` one, and `TryFrom` into one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredDefinition {
    #[serde(rename = "v")]
    version: u32,
}

/// A stored definition is not one of ours, or of a later version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stored table definition cannot be read: {reason}")]
pub struct BadDefinition {
    /// What is wrong.
    pub reason: String,
}

impl From<&Definition> for StoredDefinition {
    fn from(_: &Definition) -> StoredDefinition {
        StoredDefinition { version: 1 }
    }
}

impl TryFrom<StoredDefinition> for Definition {
    type Error = BadDefinition;

    fn try_from(stored: StoredDefinition) -> Result<Definition, BadDefinition> {
        let reason = format!("version {}", stored.version);
        Err(BadDefinition { reason })
    }
}
