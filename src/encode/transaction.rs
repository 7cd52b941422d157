//! Transaction metadata: the block in each record of a group, and the records of its begin and its end.
//!
//! Takes what the state says of groups, counts the records that are made of their rows; gives JSON. Shapes and
//! schemas: Debezium 3.6 (`TransactionStructMaker`, `TransactionContext`). Pure.

use std::collections::HashMap;
use std::sync::Arc;

use crate::encode::envelope::span;
use crate::encode::metadata;
use crate::sink::batch::Batch;
use crate::text::json;

/// `{"schema":…,"payload":` of keys.
const KEY_OPENING: &[u8] = br#"{"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"id"}],"optional":false,"name":"io.debezium.connector.common.TransactionMetadataKey","version":1},"payload":"#;
/// The same of values.
const VALUE_OPENING: &[u8] = br#"{"schema":{"type":"struct","fields":[{"type":"string","optional":false,"field":"status"},{"type":"string","optional":false,"field":"id"},{"type":"int64","optional":true,"field":"event_count"},{"type":"array","items":{"type":"struct","fields":[{"type":"string","optional":false,"field":"data_collection"},{"type":"int64","optional":false,"field":"event_count"}],"optional":true,"name":"event.collection","version":1},"optional":true,"field":"data_collections"},{"type":"int64","optional":false,"field":"ts_ms"}],"optional":false,"name":"io.debezium.connector.common.TransactionMetadataValue","version":1},"payload":"#;

/// What transaction metadata looks like.
#[derive(Clone, Debug)]
pub struct TransactionStyle {
    /// Where the records of begins and ends go.
    pub topic: String,
    /// They have schemas.
    pub schemas: bool,
    /// They have change ids.
    pub ids: bool,
}

/// Writes the metadata of one database.
#[derive(Debug)]
pub struct Transactions {
    style: TransactionStyle,
    topic: Arc<str>,
    group: Option<Group>,
    counting: bool,
}

/// The group that is open.
#[derive(Clone, Debug, Default)]
struct Group {
    /// Its id, and the same as a JSON string.
    name: String,
    id: Vec<u8>,
    /// Its records so far: of all tables, and by table in the order of the first record of each.
    total: u64,
    tables: Vec<(String, u64)>,
    places: HashMap<String, usize>,
    /// Whose rows are being read.
    table: usize,
}

/// What a record of the topic says of a group.
#[derive(Clone, Copy, Debug)]
enum Status {
    Begin,
    End,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Begin => "BEGIN",
            Status::End => "END",
        }
    }
}

/// How far a group was counted.
#[derive(Clone, Debug, Default)]
pub struct Mark(Option<Box<Group>>);

impl Transactions {
    /// For one database.
    pub fn new(style: TransactionStyle) -> Transactions {
        Transactions {
            topic: Arc::from(style.topic.as_str()),
            style,
            group: None,
            counting: true,
        }
    }

    /// Whether a group is open.
    pub fn is_open(&self) -> bool {
        self.group.is_some()
    }

    /// A group begins: appends the record that says so.
    pub fn begin(&mut self, batch: &mut Batch, id: &str, ts_ms: u64) {
        let mut group = Group {
            name: id.to_owned(),
            ..Group::default()
        };
        json::write_string(&mut group.id, id);
        self.push(batch, &group, Status::Begin, ts_ms);
        self.group = Some(group);
    }

    /// The group that is open ends: appends the record that says so.
    pub fn end(&mut self, batch: &mut Batch, ts_ms: u64) {
        if let Some(group) = self.group.take() {
            self.push(batch, &group, Status::End, ts_ms);
        }
    }

    /// The group that is open is given up, or will be read again.
    pub fn forget(&mut self) {
        self.group = None;
    }

    /// Rows of a table follow; they become no records where `counting` is not set.
    pub fn table(&mut self, name: &str, counting: bool) {
        self.counting = counting;
        let Some(group) = &mut self.group else {
            return;
        };
        if let Some(place) = group.places.get(name) {
            group.table = *place;
            return;
        }
        group.table = group.tables.len();
        group.tables.push((name.to_owned(), 0));
        group.places.insert(name.to_owned(), group.table);
    }

    /// Counts a record of the table, and appends the block that it shows.
    pub fn write_block(&mut self, out: &mut Vec<u8>) {
        let Some(group) = &mut self.group else {
            out.extend_from_slice(b"null");
            return;
        };
        let of_table = group.tables.get_mut(group.table);
        let mut order = 0;
        if let Some((_, count)) = of_table.filter(|_| self.counting) {
            *count += 1;
            group.total += 1;
            order = *count;
        }
        out.extend_from_slice(b"{\"id\":");
        out.extend_from_slice(&group.id);
        out.extend_from_slice(b",\"total_order\":");
        json::write_u64(out, group.total);
        out.extend_from_slice(b",\"data_collection_order\":");
        json::write_u64(out, order);
        out.push(b'}');
    }

    /// Where the group stands, to come back to it.
    pub fn mark(&self) -> Mark {
        Mark(self.group.clone().map(Box::new))
    }

    /// Back to where the group was marked.
    pub fn back_to(&mut self, mark: Mark) {
        self.group = mark.0.map(|group| *group);
    }

    fn push(&self, batch: &mut Batch, group: &Group, status: Status, ts_ms: u64) {
        let openings = self.style.schemas.then_some((KEY_OPENING, VALUE_OPENING));
        let key = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"id\":");
            out.extend_from_slice(&group.id);
            out.push(b'}');
        };
        let value = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"{\"status\":\"");
            out.extend_from_slice(status.word().as_bytes());
            out.extend_from_slice(b"\",\"id\":");
            out.extend_from_slice(&group.id);
            match status {
                Status::End => group.write_counts(out),
                Status::Begin => {
                    out.extend_from_slice(b",\"event_count\":null,\"data_collections\":null");
                }
            }
            out.extend_from_slice(b",\"ts_ms\":");
            json::write_u64(out, ts_ms);
            out.push(b'}');
        };
        let mut record = metadata::write(batch, openings, None, key, value);
        record.id = self.style.ids.then(|| {
            let out = &mut batch.bytes;
            let start = out.len();
            out.extend_from_slice(group.name.as_bytes());
            out.push(b'/');
            out.extend_from_slice(status.word().to_ascii_lowercase().as_bytes());
            span(start, out.len())
        });
        batch.push(&self.topic, record);
    }
}

impl Group {
    fn write_counts(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"event_count\":");
        json::write_u64(out, self.total);
        out.extend_from_slice(b",\"data_collections\":[");
        let counted = self.tables.iter().filter(|(_, count)| *count > 0);
        let mut counted: Vec<&(String, u64)> = counted.collect();
        let buckets = buckets(counted.len());
        // Stable: within a bucket Java keeps them as they came.
        counted.sort_by_key(|(name, _)| bucket(name, buckets));
        for (number, (name, count)) in counted.into_iter().enumerate() {
            if number > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"data_collection\":");
            json::write_string(out, name);
            out.extend_from_slice(b",\"event_count\":");
            json::write_u64(out, *count);
            out.push(b'}');
        }
        out.push(b']');
    }
}

/// How many buckets a `java.util.HashMap` of so many entries has.
fn buckets(entries: usize) -> u32 {
    let mut buckets: u32 = 16;
    while entries as u64 * 4 > u64::from(buckets) * 3 && buckets < 1 << 30 {
        buckets <<= 1;
    }
    buckets
}

/// In which of them a text is (`String.hashCode`, `HashMap.hash`).
fn bucket(text: &str, buckets: u32) -> u32 {
    let hash = text.encode_utf16().fold(0_u32, |hash, unit| {
        hash.wrapping_mul(31).wrapping_add(u32::from(unit))
    });
    (hash ^ (hash >> 16)) & (buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::extra::Extra;

    fn style(schemas: bool) -> TransactionStyle {
        TransactionStyle {
            topic: "p.transaction".to_owned(),
            schemas,
            ids: true,
        }
    }

    fn block(transactions: &mut Transactions) -> String {
        let mut out = Vec::new();
        transactions.write_block(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn value(batch: &Batch, index: usize) -> serde_json::Value {
        let value = batch.records[index].value.unwrap();
        serde_json::from_slice(batch.bytes_of(value)).unwrap()
    }

    #[test]
    fn counts_by_table_and_in_all() {
        let mut transactions = Transactions::new(style(false));
        let mut batch = Batch::default();
        assert_eq!(block(&mut transactions), "null");
        transactions.begin(&mut batch, "u:1", 5);
        for (table, total, order) in [("d.a", 1, 1), ("d.b", 2, 1), ("d.a", 3, 2)] {
            transactions.table(table, true);
            let expected = format!(
                "{{\"id\":\"u:1\",\"total_order\":{total},\"data_collection_order\":{order}}}"
            );
            assert_eq!(block(&mut transactions), expected);
        }
        // What becomes no record is not counted.
        transactions.table("d.c", false);
        let _ = block(&mut transactions);
        transactions.end(&mut batch, 6);
        assert!(!transactions.is_open());
        assert_eq!(batch.topics, ["p.transaction".into()]);
        let expected = serde_json::json!({"status": "BEGIN", "id": "u:1", "event_count": null,
            "data_collections": null, "ts_ms": 5});
        assert_eq!(value(&batch, 0), expected);
        let collections = serde_json::json!([{"data_collection": "d.a", "event_count": 2},
            {"data_collection": "d.b", "event_count": 1}]);
        let expected = serde_json::json!({"status": "END", "id": "u:1", "event_count": 3,
            "data_collections": collections, "ts_ms": 6});
        assert_eq!(value(&batch, 1), expected);
        let ids = batch.records.iter().map(|record| record.id.unwrap());
        let ids: Vec<&[u8]> = ids.map(|id| batch.bytes_of(id)).collect();
        assert_eq!(ids, [&b"u:1/begin"[..], b"u:1/end"]);
        assert!(
            Extra::read(batch.bytes_of(batch.records[0].extra.unwrap()))
                .unwrap()
                .bare
        );
    }

    #[test]
    fn comes_back_to_a_mark() {
        let mut transactions = Transactions::new(style(true));
        let mut batch = Batch::default();
        transactions.begin(&mut batch, "u:1", 5);
        transactions.table("d.a", true);
        let _ = block(&mut transactions);
        let mark = transactions.mark();
        transactions.table("d.b", true);
        let _ = block(&mut transactions);
        transactions.back_to(mark);
        transactions.end(&mut batch, 5);
        let end = value(&batch, 1);
        assert_eq!(end["payload"]["event_count"], 1);
        let fields = end["schema"]["fields"].as_array().unwrap();
        let fields: Vec<_> = fields
            .iter()
            .map(|field| field["field"].as_str().unwrap())
            .collect();
        let payload = end["payload"].as_object().unwrap();
        assert_eq!(payload.len(), fields.len());
        assert!(fields.iter().all(|field| payload.contains_key(*field)));
        // A group that is read again begins anew.
        transactions.begin(&mut batch, "u:2", 5);
        transactions.forget();
        assert_eq!(block(&mut transactions), "null");
    }

    /// The order of many names is held against the real one by the golden case `metadata`.
    #[test]
    fn tables_are_in_the_order_of_javas_map() {
        assert_eq!(
            (buckets(0), buckets(12), buckets(13), buckets(25)),
            (16, 16, 32, 64)
        );
        // "Aa" and "BB" have the same hash in Java: 2112.
        assert_eq!(bucket("Aa", 1 << 16), 2112);
        assert_eq!(bucket("BB", 1 << 16), 2112);
        assert_eq!(bucket("", 16), 0);
    }
}
