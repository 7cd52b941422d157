//! Where a Debezium connector stands, as a position of remora.
//!
//! Takes an offset as Connect keeps it: the value in its offsets topic, what its REST interface gives for
//! `/connectors/NAME/offsets`, or the file of a standalone worker. Members and what they count: Debezium 3.6's `BinlogOffsetContext`. Pure.

use serde::Deserialize;
use serde_json::Value;

use super::java_map;
use crate::position::{BadGtid, FilePosition, Partial, Position};

/// Why an offset cannot be taken over.
#[derive(Debug, thiserror::Error)]
pub enum OffsetError {
    /// It is not JSON.
    #[error("line {line} is not JSON")]
    Json {
        /// Which line.
        line: usize,
    },
    /// It is JSON of another form.
    #[error("is not the offset of a Debezium connector for MySQL: {problem}")]
    Form {
        /// What is missing or wrong.
        problem: String,
    },
    /// The connector was stopped before its snapshot was done.
    #[error(
        "the connector's snapshot is not finished: let it finish first, since its rows are in no binlog"
    )]
    Snapshot,
    /// Its GTID set is none.
    #[error("gtids: {0}")]
    Gtids(#[from] BadGtid),
    /// The file of a worker holds something else than offsets.
    #[error("file of a standalone worker cannot be read")]
    File,
}

/// What an offset says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Where it stands.
    pub position: Position,
    /// An incremental snapshot was under way, which does not go on.
    pub incremental_snapshot: bool,
}

/// The answer of Connect's REST interface.
#[derive(Deserialize)]
struct Answer {
    offsets: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    partition: Value,
    offset: Value,
}

/// An offset's value.
#[derive(Deserialize)]
struct Wire {
    file: Option<String>,
    pos: Option<u64>,
    gtids: Option<String>,
    #[serde(default)]
    event: u64,
    #[serde(default)]
    row: u64,
    snapshot: Option<Value>,
    snapshot_completed: Option<Value>,
    incremental_snapshot_collections: Option<Value>,
}

/// Reads the offset of the connector whose `topic.prefix` is `server`.
///
/// # Errors
/// [`OffsetError`].
pub fn read(bytes: &[u8], server: &str) -> Result<Offset, OffsetError> {
    let json = |error: &serde_json::Error| OffsetError::Json { line: error.line() };
    let form = |problem: String| OffsetError::Form { problem };
    let bytes = match java_map::is_map(bytes) {
        true => of_file(bytes, server)?,
        false => bytes,
    };
    let value: Value = serde_json::from_slice(bytes).map_err(|error| json(&error))?;
    let value = match value.get("offsets") {
        Some(_) => of_server(value, server)?,
        None => value,
    };
    let wire: Wire = serde_json::from_value(value).map_err(|error| form(error.to_string()))?;
    let (Some(file), Some(offset)) = (wire.file, wire.pos) else {
        return Err(form("`file` and `pos` are not both there".to_owned()));
    };
    if is_set(wire.snapshot.as_ref()) && !is_set(wire.snapshot_completed.as_ref()) {
        return Err(OffsetError::Snapshot);
    }
    let gtids = wire.gtids.filter(|gtids| !gtids.trim().is_empty());
    let gtids = gtids.map(|gtids| gtids.parse()).transpose()?;
    let partial = Partial {
        events: wire.event,
        rows: wire.row,
    };
    let mut position = Position::new(gtids, FilePosition { file, offset });
    position.partial = (partial != Partial::default()).then_some(partial);
    Ok(Offset {
        position,
        incremental_snapshot: wire.incremental_snapshot_collections.is_some(),
    })
}

/// The key of a connector's offset in Connect's topic.
pub fn is_key(key: &[u8], connector: &str, server: &str) -> bool {
    of_key(key).is_some_and(|(name, named)| name == connector && named == server)
}

/// Connector and server of a key.
fn of_key(key: &[u8]) -> Option<(String, String)> {
    let (name, partition): (String, Value) = serde_json::from_slice(key).ok()?;
    let server = partition.get("server").and_then(Value::as_str)?;
    Some((name, server.to_owned()))
}

fn of_file<'a>(bytes: &'a [u8], server: &str) -> Result<&'a [u8], OffsetError> {
    let entries = java_map::read(bytes).ok_or(OffsetError::File)?;
    let meant = |(key, value): (&[u8], Option<&'a [u8]>)| {
        let (_, named) = of_key(key)?;
        value.filter(|_| named == server)
    };
    let mut found = entries.into_iter().filter_map(meant);
    match (found.next(), found.next()) {
        (Some(value), None) => Ok(value),
        (None, _) => Err(missing(server)),
        (Some(_), Some(_)) => Err(OffsetError::Form {
            problem: format!("two connectors in it have topic.prefix {server:?}"),
        }),
    }
}

fn missing(server: &str) -> OffsetError {
    OffsetError::Form {
        problem: format!("no offset in it is of topic.prefix {server:?}"),
    }
}

fn of_server(value: Value, server: &str) -> Result<Value, OffsetError> {
    let form = |problem: String| OffsetError::Form { problem };
    let answer: Answer = serde_json::from_value(value).map_err(|error| form(error.to_string()))?;
    let of_server = |entry: &Entry| {
        let named = entry.partition.get("server").and_then(Value::as_str);
        named == Some(server)
    };
    let found = answer.offsets.into_iter().find(of_server);
    found
        .map(|entry| entry.offset)
        .ok_or_else(|| missing(server))
}

/// Whether a member that was `true` once and is a word now says yes.
fn is_set(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::String(text)) => !text.eq_ignore_ascii_case("false"),
        Some(Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    #[test]
    fn an_offset_becomes_a_position() {
        let text = format!(
            r#"{{"transaction_id":null,"ts_sec":1700000000,"file":"mysql-bin.000003","pos":1234,
            "gtids":"{UUID}:1-5","row":2,"server_id":1,"event":4}}"#
        );
        let offset = read(text.as_bytes(), "shop").unwrap();
        let position = &offset.position;
        assert_eq!(
            position.gtids.as_ref().unwrap().to_string(),
            format!("{UUID}:1-5")
        );
        assert_eq!(position.end.to_string(), "mysql-bin.000003:1234");
        assert_eq!(position.partial, Some(Partial { events: 4, rows: 2 }));
        assert!(!offset.incremental_snapshot);
        // Between transactions, without GTIDs.
        let done = br#"{"file":"b.1","pos":4,"snapshot_completed":true,"snapshot":"INITIAL"}"#;
        let offset = read(done, "s");
        let position = offset.unwrap().position;
        assert_eq!((position.gtids, position.partial), (None, None));
    }

    #[test]
    fn the_answer_of_connect_is_searched() {
        let text = br#"{"offsets":[{"partition":{"server":"a"},"offset":{"file":"b.1","pos":4}},
            {"partition":{"server":"shop"},"offset":{"file":"b.2","pos":5,
            "incremental_snapshot_collections":"[]"}}]}"#;
        let offset = read(text, "shop").unwrap();
        assert_eq!(offset.position.end.to_string(), "b.2:5");
        assert!(offset.incremental_snapshot);
        let missing = read(text, "other").unwrap_err().to_string();
        assert!(missing.contains("\"other\""), "{missing}");
    }

    #[test]
    fn what_cannot_be_taken_over_is_refused() {
        let error = |text: &str| read(text.as_bytes(), "s").unwrap_err();
        assert!(matches!(
            error("{\n\"file\""),
            OffsetError::Json { line: 2 }
        ));
        for text in [
            "[]",
            "{}",
            r#"{"file":"b"}"#,
            r#"{"file":"b","pos":-1}"#,
            r#"{"offsets":1}"#,
        ] {
            assert!(matches!(error(text), OffsetError::Form { .. }), "{text}");
        }
        for snapshot in ["true", "\"true\"", "\"INITIAL\""] {
            let text = format!(r#"{{"file":"b","pos":4,"snapshot":{snapshot}}}"#);
            assert!(matches!(error(&text), OffsetError::Snapshot), "{text}");
        }
        let gtids = r#"{"file":"b","pos":4,"gtids":"1-2-3"}"#;
        assert!(matches!(error(gtids), OffsetError::Gtids(_)));
    }

    #[test]
    fn keys_of_connect_are_told_apart() {
        let key = br#"["inventory",{"server":"shop"}]"#;
        assert!(is_key(key, "inventory", "shop"));
        assert!(!is_key(key, "other", "shop") && !is_key(key, "inventory", "p"));
        assert!(!is_key(b"x", "inventory", "shop") && !is_key(b"[]", "inventory", "shop"));
    }
}
