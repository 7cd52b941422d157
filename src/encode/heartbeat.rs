//! Heartbeats: records that say that a database is followed although nothing else is to be said.
//!
//! Takes the time that comes with events, of which an idle server sends one now and then; gives a record at most once
//! an interval. Shapes and schemas: Debezium 3.6 (`HeartbeatImpl`). Pure.

use std::sync::Arc;
use std::time::Duration;

use crate::encode::metadata;
use crate::sink::batch::Batch;
use crate::text::json;

/// `{"schema":…,"payload":` of keys.
const KEY_OPENING: &[u8] = br#"{"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"serverName"}],"optional":false,"name":"io.debezium.connector.common.ServerNameKey","version":1},"payload":"#;
/// The same of values.
const VALUE_OPENING: &[u8] = br#"{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"ts_ms"}],"optional":false,"name":"io.debezium.connector.common.Heartbeat","version":1},"payload":"#;

/// What heartbeats look like.
#[derive(Clone, Debug)]
pub struct HeartbeatStyle {
    /// Where they go.
    pub topic: String,
    /// The topic prefix: their key.
    pub name: String,
    /// They have schemas.
    pub schemas: bool,
    /// How often there is one.
    pub interval: Duration,
}

/// Writes the heartbeats of one database.
#[derive(Debug)]
pub struct Heartbeats {
    style: HeartbeatStyle,
    topic: Arc<str>,
    interval_ns: u64,
    /// Nanoseconds since 1970 at the last, or where counting began.
    last_ns: Option<u64>,
}

impl Heartbeats {
    /// For one database.
    pub fn new(style: HeartbeatStyle) -> Heartbeats {
        Heartbeats {
            topic: Arc::from(style.topic.as_str()),
            interval_ns: u64::try_from(style.interval.as_nanos()).unwrap_or(u64::MAX),
            last_ns: None,
            style,
        }
    }

    /// Appends one, if it is time: `now_ns` nanoseconds since 1970. The first is due an interval after the first call.
    pub fn beat(&mut self, batch: &mut Batch, now_ns: u64) {
        let last = *self.last_ns.get_or_insert(now_ns);
        // A clock that was set back begins a new interval.
        if now_ns < last {
            self.last_ns = Some(now_ns);
        }
        if now_ns.saturating_sub(last) < self.interval_ns {
            return;
        }
        self.last_ns = Some(now_ns);
        let openings = self.style.schemas.then_some((KEY_OPENING, VALUE_OPENING));
        let key = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"serverName\":");
            json::write_string(out, &self.style.name);
            out.push(b'}');
        };
        let value = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"ts_ms\":");
            json::write_u64(out, now_ns / 1_000_000);
            out.push(b'}');
        };
        let record = metadata::write(batch, openings, Some(0), key, value);
        batch.push(&self.topic, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::extra::Extra;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn there_is_one_an_interval() {
        let mut heartbeats = Heartbeats::new(HeartbeatStyle {
            topic: "__debezium-heartbeat.p".to_owned(),
            name: "p".to_owned(),
            schemas: false,
            interval: Duration::from_secs(10),
        });
        let mut batch = Batch::default();
        // The clock is set back once.
        for seconds in [100, 101, 109, 110, 111, 119, 120, 50, 59, 60, 1000] {
            heartbeats.beat(&mut batch, seconds * SECOND);
        }
        let parts = batch.records.iter().map(|record| {
            let text = |span| String::from_utf8(batch.bytes_of(span).to_vec()).unwrap();
            (text(record.key.unwrap()), text(record.value.unwrap()))
        });
        let expected = [110, 120, 60, 1000].map(|seconds| {
            (
                "{\"serverName\":\"p\"}".to_owned(),
                format!("{{\"ts_ms\":{seconds}000}}"),
            )
        });
        assert_eq!(parts.collect::<Vec<_>>(), expected);
        let extra = Extra::read(batch.bytes_of(batch.records[0].extra.unwrap())).unwrap();
        assert!(extra.bare && extra.partition == Some(0));
    }
}
