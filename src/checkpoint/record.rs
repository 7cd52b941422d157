//! The stored position: one self-describing, checksummed JSON record per database.
//!
//! Takes and gives bytes; where they are kept is a store's matter. The members are all there from
//! version 1 on, those for what is not in use are null or empty. A reader refuses a newer version, a
//! record of another database and a checksum that does not fit: it never starts from a guess.

use std::borrow::Cow;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::error::{Classify, Fault};
use crate::position::{BadGtid, FilePosition, Gtid, GtidSet, Partial, Position};
use crate::xa::{BadXid, Prepared};

/// The version that this code reads.
pub const VERSION: u32 = 2;
/// The version that it writes where nothing asks for a later one.
const WRITTEN: u32 = 1;

/// What is stored beside the position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Up to where everything is delivered.
    pub position: Position,
    /// Counts the records of one database, over all writers.
    pub sequence: u64,
    /// Counts the writers: each start takes the next.
    pub epoch: u64,
    /// `server_uuid` of the server that the position was last confirmed on.
    pub server_uuid: String,
    /// The parts that hold the table definitions as of this position.
    pub catalog: Option<CatalogRef>,
}

/// Which parts hold the table definitions, and how they are known to be whole.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CatalogRef {
    /// Writer epoch and sequence of the position that they were written for: part of their names.
    pub generation: String,
    /// How many.
    pub parts: u32,
    /// CRC32 over all of them, in order, as eight hexadecimal digits.
    pub crc32: String,
}

/// Why a stored record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes are no record.
    #[error("the stored position cannot be read: {0}")]
    Malformed(#[source] serde_json::Error),
    /// Damaged.
    #[error("the stored position is damaged: its checksum is {found}, computed {computed}")]
    Checksum {
        /// In the record.
        found: String,
        /// Over its content.
        computed: String,
    },
    /// Written by a later release.
    #[error("the stored position has version {found}; this release reads up to {VERSION}")]
    Version {
        /// In the record.
        found: u32,
    },
    /// Of another database.
    #[error("the stored position belongs to topic prefix '{found}', not '{expected}'")]
    Foreign {
        /// In the record.
        found: String,
        /// Of this database.
        expected: String,
    },
    /// Its GTID set is none.
    #[error("the stored position cannot be read: {0}")]
    Gtids(#[from] BadGtid),
    /// The id of an XA transaction is none.
    #[error("the stored position cannot be read: {0}")]
    Xid(#[from] BadXid),
}

impl Classify for RecordError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            RecordError::Version { .. } => "run the release that wrote it, or a later one",
            RecordError::Foreign { .. } => "give each topic_prefix a checkpoint of its own",
            RecordError::Malformed(_)
            | RecordError::Checksum { .. }
            | RecordError::Gtids(_)
            | RecordError::Xid(_) => {
                "restore the record from a copy, or remove it and set `start`: what lies between is then \
                 missing from the topics"
            }
        }))
    }
}

#[derive(Serialize)]
struct SealedOut<'a> {
    crc32: String,
    record: &'a RawValue,
}

#[derive(Deserialize)]
struct SealedIn<'a> {
    crc32: String,
    #[serde(borrow)]
    record: &'a RawValue,
}

/// The disk format. Every member has a default, so that a record of an older release can be read.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct Wire {
    version: u32,
    topic_prefix: String,
    sequence: u64,
    epoch: u64,
    server_uuid: String,
    /// GTID set as MySQL prints it; null on a server without GTIDs.
    gtids: Option<String>,
    file: String,
    offset: u64,
    /// A group that is stored half delivered: read again from its start, rows passed over by number.
    open: Option<OpenGroup>,
    /// XA transactions that are prepared and neither committed nor rolled back.
    prepared: Vec<PreparedXa>,
    /// What Debezium has delivered of the next group; from version 2 on.
    #[serde(skip_serializing_if = "Option::is_none")]
    partial: Option<PartialGroup>,
    /// Where the table definitions are that the position needs.
    catalog: Option<CatalogRef>,
    /// Finished ranges of a snapshot that is under way.
    snapshot: Option<serde_json::Value>,
    /// Of the settings that must not change between starts.
    configuration: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct OpenGroup {
    gtid: Option<String>,
    file: String,
    offset: u64,
    /// Rows delivered, counted before filters.
    rows: u64,
    /// Of the last of them.
    fingerprint: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
struct PartialGroup {
    events: u64,
    rows: u64,
}

#[derive(Debug, Deserialize, Serialize)]
struct PreparedXa {
    xid: String,
    gtid: Option<String>,
    file: String,
    offset: u64,
}

impl From<&Prepared> for PreparedXa {
    fn from(prepared: &Prepared) -> PreparedXa {
        PreparedXa {
            xid: prepared.xid.to_string(),
            gtid: prepared.gtid.map(|gtid| gtid.to_string()),
            file: prepared.start.file.clone(),
            offset: prepared.start.offset,
        }
    }
}

impl TryFrom<PreparedXa> for Prepared {
    type Error = RecordError;

    fn try_from(wire: PreparedXa) -> Result<Prepared, RecordError> {
        Ok(Prepared {
            xid: wire.xid.parse()?,
            gtid: wire.gtid.as_deref().map(Gtid::from_str).transpose()?,
            start: FilePosition {
                file: wire.file,
                offset: wire.offset,
            },
        })
    }
}

/// Writes a record.
pub fn encode(topic_prefix: &str, checkpoint: &Checkpoint) -> Vec<u8> {
    let position = &checkpoint.position;
    let wire = Wire {
        // A release that does not know of them would deliver the group's rows twice.
        version: position.partial.map_or(WRITTEN, |_| VERSION),
        topic_prefix: topic_prefix.to_owned(),
        sequence: checkpoint.sequence,
        epoch: checkpoint.epoch,
        server_uuid: checkpoint.server_uuid.clone(),
        gtids: position.gtids.as_ref().map(GtidSet::to_string),
        file: position.end.file.clone(),
        offset: position.end.offset,
        catalog: checkpoint.catalog.clone(),
        prepared: position.prepared.iter().map(PreparedXa::from).collect(),
        partial: position
            .partial
            .map(|Partial { events, rows }| PartialGroup { events, rows }),
        ..Wire::default()
    };
    // Strings and numbers only: these cannot fail to be written.
    let sealed = serde_json::value::to_raw_value(&wire).and_then(|record| {
        let crc32 = checksum(record.get());
        serde_json::to_vec(&SealedOut {
            crc32,
            record: &record,
        })
    });
    sealed.unwrap_or_default()
}

/// Reads a record.
///
/// # Errors
/// [`RecordError`].
pub fn decode(topic_prefix: &str, bytes: &[u8]) -> Result<Checkpoint, RecordError> {
    let sealed: SealedIn<'_> = serde_json::from_slice(bytes).map_err(RecordError::Malformed)?;
    let computed = checksum(sealed.record.get());
    if computed != sealed.crc32 {
        return Err(RecordError::Checksum {
            found: sealed.crc32,
            computed,
        });
    }
    let wire: Wire = serde_json::from_str(sealed.record.get()).map_err(RecordError::Malformed)?;
    // What this release never writes it must not pass over either.
    let newer = wire.open.is_some() || wire.snapshot.is_some();
    if wire.version > VERSION || newer {
        return Err(RecordError::Version {
            found: wire.version.max(VERSION + 1),
        });
    }
    if wire.topic_prefix != topic_prefix {
        let expected = topic_prefix.to_owned();
        return Err(RecordError::Foreign {
            found: wire.topic_prefix,
            expected,
        });
    }
    let gtids = wire.gtids.as_deref().map(GtidSet::from_str).transpose()?;
    let end = FilePosition {
        file: wire.file,
        offset: wire.offset,
    };
    let prepared: Result<Vec<Prepared>, RecordError> =
        wire.prepared.into_iter().map(Prepared::try_from).collect();
    Ok(Checkpoint {
        position: Position {
            gtids,
            end,
            prepared: prepared?,
            partial: wire
                .partial
                .map(|PartialGroup { events, rows }| Partial { events, rows }),
        },
        sequence: wire.sequence,
        epoch: wire.epoch,
        server_uuid: wire.server_uuid,
        catalog: wire.catalog,
    })
}

fn checksum(text: &str) -> String {
    format!("{:08x}", crc32fast::hash(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Checkpoint {
        let gtids = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7"
            .parse()
            .unwrap();
        let end = FilePosition {
            file: "mysql-bin.000003".to_owned(),
            offset: 1 << 33,
        };
        let prepared = |gtid: Option<&str>| Prepared {
            xid: "X'6162',X'',1".parse().unwrap(),
            gtid: gtid.map(|gtid| gtid.parse().unwrap()),
            start: FilePosition {
                file: "mysql-bin.000002".to_owned(),
                offset: 4,
            },
        };
        let gtid = Some("3e11fa47-71ca-11e1-9e33-c80aa9429562:6");
        let position = Position {
            gtids: Some(gtids),
            end,
            prepared: vec![prepared(gtid), prepared(None)],
            partial: None,
        };
        Checkpoint {
            position,
            sequence: 9,
            epoch: 2,
            server_uuid: "u".to_owned(),
            catalog: Some(CatalogRef {
                generation: "2-9".to_owned(),
                parts: 2,
                crc32: "0badcafe".to_owned(),
            }),
        }
    }

    #[test]
    fn reads_what_it_writes() {
        let bytes = encode("shop", &sample());
        assert_eq!(decode("shop", &bytes).unwrap(), sample());
        let mut partial = sample();
        partial.position.partial = Some(Partial { events: 3, rows: 7 });
        let later = encode("shop", &partial);
        assert_eq!(decode("shop", &later).unwrap(), partial);
        // Releases that do not know of the rest refuse it.
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert!(text(&bytes).contains("\"version\":1,") && !text(&bytes).contains("partial"));
        assert!(text(&later).contains("\"version\":2,"));
        assert!(matches!(
            decode("other", &bytes),
            Err(RecordError::Foreign { .. })
        ));
    }

    #[test]
    fn every_damage_is_noticed() {
        let bytes = encode("shop", &sample());
        for at in 0..bytes.len() {
            assert!(decode("shop", &bytes[..at]).is_err(), "cut at {at}");
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x11;
            assert!(decode("shop", &flipped).is_err(), "flip at {at}");
        }
    }

    #[test]
    fn a_later_version_is_refused() {
        let text = String::from_utf8(encode("shop", &sample())).unwrap();
        let record = text
            .split_once("\"record\":")
            .unwrap()
            .1
            .strip_suffix('}')
            .unwrap();
        let later = record.replace("\"version\":1", "\"version\":3");
        let sealed = format!("{{\"crc32\":\"{}\",\"record\":{later}}}", checksum(&later));
        assert!(matches!(
            decode("shop", sealed.as_bytes()),
            Err(RecordError::Version { found: 3 })
        ));
    }
}
