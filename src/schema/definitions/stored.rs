//! Definitions as text, as they are kept beside a position: one JSON document with a version.
//!
//! Takes and gives [`Definitions`]; a text that this release does not understand is an error.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::{Classify, Fault};
use crate::position::{BadGtid, FilePosition, GtidSet, Position};
use crate::schema::definitions::{Definitions, Known};
use crate::sql::collation::Collation;
use crate::sql::definition::{Definition, Name};
use crate::sql::stored::{BadDefinition, StoredDefinition};

/// The version that this code writes.
const VERSION: u32 = 1;

/// Why stored definitions cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// No document of this kind.
    #[error("the stored table definitions cannot be read: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by a later release.
    #[error(
        "the stored table definitions have version {found}; this release reads up to {VERSION}"
    )]
    Version {
        /// In the document.
        found: u32,
    },
    /// One of them is none.
    #[error("the stored definition of {table} cannot be read: {source}")]
    Definition {
        /// Which.
        table: Name,
        /// Why.
        #[source]
        source: BadDefinition,
    },
    /// A GTID set is none.
    #[error("the stored table definitions cannot be read: {0}")]
    Gtids(#[from] BadGtid),
}

impl Classify for StoredError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            StoredError::Version { .. } => "run the release that wrote them, or a later one",
            StoredError::Malformed(_) | StoredError::Definition { .. } | StoredError::Gtids(_) => {
                "restore the stored position and its parts from a copy, or remove them and set `start`: \
                 what lies between is then missing from the topics"
            }
        }))
    }
}

#[derive(Deserialize, Serialize)]
struct Document {
    version: u32,
    scope: Option<String>,
    lower_case_names: bool,
    databases: BTreeMap<String, String>,
    tables: Vec<Table>,
}

#[derive(Deserialize, Serialize)]
struct Table {
    database: String,
    table: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    definition: Option<StoredDefinition>,
    /// Of an assumed one.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Until>,
    /// Of a lost one.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost: Option<String>,
}

#[derive(Deserialize, Serialize)]
struct Until {
    gtids: Option<String>,
    file: String,
    offset: u64,
}

impl Definitions {
    /// As text.
    pub fn to_text(&self) -> String {
        let databases = self.databases.iter();
        let document = Document {
            version: VERSION,
            scope: self.scope.clone(),
            lower_case_names: self.lower_case_names,
            databases: databases
                .map(|(name, collation)| (name.clone(), collation.name().to_owned()))
                .collect(),
            tables: self.tables.iter().map(write).collect(),
        };
        // Strings, numbers and lists only: these cannot fail to be written.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// From text.
    ///
    /// # Errors
    /// [`StoredError`].
    pub fn from_text(text: &str) -> Result<Definitions, StoredError> {
        let document: Document = serde_json::from_str(text)?;
        if document.version > VERSION {
            return Err(StoredError::Version {
                found: document.version,
            });
        }
        let databases = document.databases.into_iter();
        Ok(Definitions {
            tables: document
                .tables
                .into_iter()
                .map(read)
                .collect::<Result<_, _>>()?,
            databases: databases
                .filter_map(|(name, collation)| Some((name, Collation::new(&collation)?)))
                .collect(),
            scope: document.scope,
            lower_case_names: document.lower_case_names,
        })
    }
}

fn write((name, known): (&Name, &Known)) -> Table {
    let (definition, until, lost) = match known {
        Known::Exact(definition) => (Some(definition), None, None),
        Known::Assumed { definition, until } => (definition.as_ref(), Some(until), None),
        // Asked again by the next run.
        Known::Lost(reason) | Known::Untold(reason) => (None, None, Some(reason.to_string())),
    };
    Table {
        database: name.database.clone(),
        table: name.table.clone(),
        definition: definition.map(|definition| StoredDefinition::from(&**definition)),
        until: until.map(|until| Until {
            gtids: until.gtids.as_ref().map(GtidSet::to_string),
            file: until.end.file.clone(),
            offset: until.end.offset,
        }),
        lost,
    }
}

fn read(table: Table) -> Result<(Name, Known), StoredError> {
    let name = Name {
        database: table.database,
        table: table.table,
    };
    let definition = table.definition.map(Definition::try_from).transpose();
    let definition = definition.map_err(|source| StoredError::Definition {
        table: name.clone(),
        source,
    })?;
    let definition = definition.map(Arc::new);
    let known = match (table.until, definition) {
        (Some(until), definition) => Known::Assumed {
            definition,
            until: Position::new(
                until.gtids.as_deref().map(GtidSet::from_str).transpose()?,
                FilePosition {
                    file: until.file,
                    offset: until.offset,
                },
            ),
        },
        (None, Some(definition)) => Known::Exact(definition),
        (None, None) => Known::Lost(Arc::from(table.lost.unwrap_or_default())),
    };
    Ok((name, known))
}
