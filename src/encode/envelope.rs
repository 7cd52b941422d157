//! Row images to Debezium records: keys, envelopes, tombstones, and the three records of a key change.
//!
//! Takes the images of a rows event and the table's [`Plan`], appends records to a [`Batch`]. What all
//! rows of an event share (the source block but for its row number) is written once per event and
//! copied. Shape: Debezium 3.6 or 1.9, JSON. No IO, no clock: the time comes with the event.

mod error;
mod keys;
mod sparse;

pub use error::RowError;

use std::io::Write;

use crate::config::Skipped;
use crate::config::modes::EnvelopeVersion;
use crate::cursor::Cursor;
use crate::decode::image::Sparse;
use crate::encode::cell;
use crate::encode::envelope::keys::Image;
use crate::encode::envelope::sparse::Images;
use crate::encode::heartbeat::{HeartbeatStyle, Heartbeats};
use crate::encode::transaction::{TransactionStyle, Transactions};
use crate::event::Operation;
use crate::position::Gtid;
use crate::schema::plan::{Column, Plan};
use crate::sink::batch::{Batch, Link, Record, Span};
use crate::text::json;

/// `source.version`.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the records of one database look like.
#[derive(Clone, Debug)]
pub struct Style {
    /// `source.name`: the topic prefix.
    pub name: String,
    /// A record with a null value after each delete.
    pub tombstones: bool,
    /// Write the change id of each record.
    pub ids: bool,
    /// Operations that become no records.
    pub skipped: Skipped,
    /// What stands for a text that the log does not hold.
    pub unavailable: String,
    /// Whose envelope it is.
    pub version: EnvelopeVersion,
    /// An update that changes nothing that is shown becomes no record.
    pub skip_unchanged: bool,
    /// Records of begins and ends, and a block in each other record; `None` for neither.
    pub transactions: Option<TransactionStyle>,
    /// Heartbeats.
    pub heartbeats: Option<HeartbeatStyle>,
    /// Show the statement behind a row, where the log holds it.
    pub queries: bool,
}

/// Where the rows of an event come from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// Microseconds since 1970 at the commit.
    pub commit_us: u64,
    /// Nanoseconds since 1970 now: the envelope's own time.
    pub now_ns: u64,
    /// `server_id` of the server that logged the event first.
    pub server_id: u32,
    /// GTID of the group.
    pub gtid: Option<Gtid>,
    /// Binlog file.
    pub file: &'a str,
    /// Where the event starts in it.
    pub pos: u64,
    /// Where the group starts in it: its name where it has no GTID.
    pub group_start: u64,
    /// Connection id of the client.
    pub thread: Option<u32>,
    /// What happened to the rows.
    pub operation: Operation,
}

/// Where a row stands.
#[derive(Clone, Copy, Debug)]
pub struct RowNumber {
    /// In its event, from 0.
    pub in_event: u32,
    /// In its group, all tables counted, from 0.
    pub in_group: u64,
}

/// Writes the records of one database.
#[derive(Debug)]
pub struct Encoder {
    style: Style,
    operation: Operation,
    number: RowNumber,
    // `,"source":{… "row":` of the current event.
    head: Vec<u8>,
    // `,"thread":… "op":"` of the current event.
    tail: Vec<u8>,
    // `","ts_ms":…}` of the current event.
    close: Vec<u8>,
    // `tail`, the operation of the event, and `close`.
    rest: Vec<u8>,
    // `GTID/` or `file:offset/` of the current event's group.
    id: Vec<u8>,
    scratch: Vec<u8>,
    // Values of the current row's key that are not in its images.
    aside: Vec<u8>,
    sparse: Images,
    transactions: Option<Transactions>,
    heartbeats: Option<Heartbeats>,
    // Records of the current event have schemas.
    wrapped: bool,
    // The statement behind the rows that follow, as a JSON string; empty for none.
    query: Vec<u8>,
}

impl Encoder {
    /// For one database.
    pub fn new(style: Style) -> Encoder {
        let empty = Vec::new;
        Encoder {
            sparse: Images::new(&style.unavailable),
            transactions: style.transactions.clone().map(Transactions::new),
            heartbeats: style.heartbeats.clone().map(Heartbeats::new),
            wrapped: false,
            query: empty(),
            style,
            operation: Operation::Insert,
            number: RowNumber {
                in_event: 0,
                in_group: 0,
            },
            head: empty(),
            tail: empty(),
            close: empty(),
            rest: empty(),
            id: empty(),
            scratch: empty(),
            aside: empty(),
        }
    }

    /// Writes what the rows of an event share.
    pub fn begin_event(&mut self, plan: &Plan, origin: &Origin<'_>) {
        self.operation = origin.operation;
        let head = &mut self.head;
        head.clear();
        head.extend_from_slice(b",\"source\":{\"version\":\"");
        head.extend_from_slice(VERSION.as_bytes());
        head.extend_from_slice(b"\",\"connector\":\"mysql\",\"name\":");
        json::write_string(head, &self.style.name);
        head.extend_from_slice(b",\"ts_ms\":");
        json::write_u64(head, origin.commit_us / 1000);
        head.extend_from_slice(b",\"snapshot\":\"false\",\"db\":");
        head.extend_from_slice(&plan.database_json);
        head.extend_from_slice(b",\"sequence\":null");
        if self.style.version == EnvelopeVersion::V3 {
            head.extend_from_slice(b",\"ts_us\":");
            json::write_u64(head, origin.commit_us);
            head.extend_from_slice(b",\"ts_ns\":");
            json::write_u64(head, origin.commit_us.saturating_mul(1000));
        }
        head.extend_from_slice(b",\"table\":");
        head.extend_from_slice(&plan.table_json);
        head.extend_from_slice(b",\"server_id\":");
        json::write_u64(head, u64::from(origin.server_id));
        head.extend_from_slice(b",\"gtid\":");
        match &origin.gtid {
            Some(gtid) => append(head, format_args!("\"{gtid}\"")),
            None => head.extend_from_slice(b"null"),
        }
        head.extend_from_slice(b",\"file\":");
        json::write_string(head, origin.file);
        head.extend_from_slice(b",\"pos\":");
        json::write_u64(head, origin.pos);
        head.extend_from_slice(b",\"row\":");
        self.begin_tail(plan, origin);
        if self.style.ids {
            self.begin_id(origin);
        }
    }

    /// What tells groups apart, where that is wanted.
    pub fn transactions(&mut self) -> Option<&mut Transactions> {
        self.transactions.as_mut()
    }

    /// Notes the statement behind the rows that follow; gives whether it is shown.
    pub fn set_query(&mut self, text: &[u8]) -> bool {
        self.query.clear();
        if self.style.queries {
            // As Java's decoder does.
            json::write_string(&mut self.query, &String::from_utf8_lossy(text));
        }
        self.style.queries
    }

    /// What follows has no statement: another group begins.
    pub fn clear_query(&mut self) {
        self.query.clear();
    }

    /// Appends a heartbeat, if it is time.
    pub fn beat(&mut self, batch: &mut Batch, now_ns: u64) {
        if let Some(heartbeats) = &mut self.heartbeats {
            heartbeats.beat(batch, now_ns);
        }
    }

    /// Says which columns the images of the event have; `None` for all of them.
    pub fn set_images(&mut self, sparse: Option<&Sparse<'_>>) {
        self.sparse.set(sparse);
    }

    /// Reads one row of an event (an update has two images) and appends its records.
    ///
    /// # Errors
    /// [`RowError`]; the batch is then as it was before.
    pub fn row(
        &mut self,
        batch: &mut Batch,
        plan: &Plan,
        cursor: &mut Cursor<'_>,
        number: RowNumber,
    ) -> Result<(), RowError> {
        let (bytes, records) = (batch.bytes.len(), batch.records.len());
        self.number = number;
        self.aside.clear();
        let result = self.try_row(batch, plan, cursor);
        let too_large = batch.bytes.len() > u32::MAX as usize;
        if result.is_err() || too_large {
            batch.bytes.truncate(bytes);
            batch.records.truncate(records);
        }
        if too_large {
            Err(RowError::TooLarge)
        } else {
            result
        }
    }

    /// Appends the record of a TRUNCATE, which has neither a key nor an image (Debezium's `op` `t`).
    pub fn truncate(&mut self, batch: &mut Batch, plan: &Plan, origin: &Origin<'_>) {
        self.begin_event(plan, origin);
        self.number = RowNumber {
            in_event: 0,
            in_group: 0,
        };
        let start = begin_value(&mut batch.bytes, plan);
        batch
            .bytes
            .extend_from_slice(b"{\"before\":null,\"after\":null");
        self.end_value(&mut batch.bytes, 't');
        let value = Some(span(start, batch.bytes.len()));
        let record = Record {
            value,
            ..Record::default()
        };
        self.push(batch, plan, record, 0);
    }

    fn begin_tail(&mut self, plan: &Plan, origin: &Origin<'_>) {
        let tail = &mut self.tail;
        tail.clear();
        tail.extend_from_slice(b",\"thread\":");
        match origin.thread {
            Some(thread) => json::write_u64(tail, u64::from(thread)),
            None => tail.extend_from_slice(b"null"),
        }
        tail.extend_from_slice(b",\"query\":");
        match self.query.as_slice() {
            [] => tail.extend_from_slice(b"null"),
            query => tail.extend_from_slice(query),
        }
        tail.push(b'}');
        let close = &mut self.close;
        close.clear();
        close.extend_from_slice(b"\",\"ts_ms\":");
        json::write_u64(close, origin.now_ns / 1_000_000);
        match self.style.version {
            EnvelopeVersion::V3 => {
                close.extend_from_slice(b",\"ts_us\":");
                json::write_u64(close, origin.now_ns / 1000);
                close.extend_from_slice(b",\"ts_ns\":");
                json::write_u64(close, origin.now_ns);
            }
            EnvelopeVersion::V1_9 => {}
        }
        self.wrapped = plan.openings.is_some();
        if self.transactions.is_some() {
            // The block differs from record to record; `end_value` puts the parts together.
            return;
        }
        match self.style.version {
            EnvelopeVersion::V3 => tail.extend_from_slice(b",\"transaction\":null"),
            EnvelopeVersion::V1_9 => close.extend_from_slice(b",\"transaction\":null"),
        }
        tail.extend_from_slice(b",\"op\":\"");
        close.push(b'}');
        if self.wrapped {
            close.push(b'}');
        }
        let rest = &mut self.rest;
        rest.clear();
        rest.extend_from_slice(tail);
        rest.push(origin.operation.op() as u8);
        rest.extend_from_slice(close);
    }

    fn begin_id(&mut self, origin: &Origin<'_>) {
        self.id.clear();
        match &origin.gtid {
            Some(gtid) => append(&mut self.id, format_args!("{gtid}/")),
            None => append(
                &mut self.id,
                format_args!("{}:{}/", origin.file, origin.group_start),
            ),
        }
    }

    fn try_row(
        &mut self,
        batch: &mut Batch,
        plan: &Plan,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), RowError> {
        if self.sparse.is_set() {
            return self.sparse_row(batch, plan, cursor);
        }
        let operation = self.operation;
        let start = begin_value(&mut batch.bytes, plan);
        batch.bytes.extend_from_slice(b"{\"before\":");
        let before = match operation {
            Operation::Insert => None,
            Operation::Update | Operation::Delete => Some(self.image(batch, plan, cursor)?),
        };
        if before.is_none() {
            batch.bytes.extend_from_slice(b"null");
        }
        batch.bytes.extend_from_slice(b",\"after\":");
        let after = match operation {
            Operation::Delete => None,
            Operation::Insert | Operation::Update => Some(self.image(batch, plan, cursor)?),
        };
        self.close_row(batch, plan, start, (before, after));
        Ok(())
    }

    /// Makes the row's records of its images, the first of which begins the value at `start`.
    fn close_row(
        &mut self,
        batch: &mut Batch,
        plan: &Plan,
        start: usize,
        images: (Option<Image>, Option<Image>),
    ) {
        match images {
            (Some(before), Some(after))
                if self.style.skip_unchanged
                    && self.sparse.tells_changes()
                    && batch.bytes_of(before.span) == batch.bytes_of(after.span) =>
            {
                batch.bytes.truncate(start);
            }
            (Some(before), Some(after)) if self.key_differs(batch, plan, &before, &after) => {
                self.key_change(batch, plan, &before, &after);
            }
            (_, Some(image)) => self.finish(batch, plan, start, &image),
            (Some(image), None) => {
                batch.bytes.extend_from_slice(b"null");
                self.finish(batch, plan, start, &image);
            }
            (None, None) => {}
        }
    }

    /// Appends one image as a JSON object and notes where the key's values stand.
    fn image(
        &mut self,
        batch: &mut Batch,
        plan: &Plan,
        cursor: &mut Cursor<'_>,
    ) -> Result<Image, RowError> {
        let out = &mut batch.bytes;
        let mut image = Image::default();
        let start = out.len();
        let nulls = cursor
            .take(plan.columns.len().div_ceil(8))
            .map_err(|_| RowError::Bitmap)?;
        for (index, column) in plan.columns.iter().enumerate() {
            let null = nulls
                .get(index / 8)
                .is_some_and(|byte| byte & (1 << (index % 8)) != 0);
            if let Some(only) = &column.key_only {
                let cursor = (!null).then_some(&mut *cursor);
                let value = self.key_only(out, (column, only), cursor)?;
                note_key(&mut image, column, value);
                continue;
            }
            out.extend_from_slice(&column.member);
            let value = out.len();
            if !null {
                cell::write(out, column, cursor, &mut self.scratch).map_err(|source| {
                    RowError::Cell {
                        column: column.name.clone(),
                        source,
                    }
                })?;
            } else {
                column.write_null(out);
            }
            note_key(&mut image, column, span(value, out.len()));
        }
        close_image(out, start, &mut image);
        Ok(image)
    }

    /// Ends the value that started at `start`, and appends the key, and the tombstone of a delete.
    fn finish(&mut self, batch: &mut Batch, plan: &Plan, start: usize, image: &Image) {
        if self.transactions.is_some() {
            self.end_value(&mut batch.bytes, self.operation.op());
        } else {
            batch.bytes.extend_from_slice(&self.head);
            json::write_u64(&mut batch.bytes, u64::from(self.number.in_event));
            batch.bytes.extend_from_slice(&self.rest);
        }
        let value = span(start, batch.bytes.len());
        let key = self.write_key(&mut batch.bytes, plan, image);
        let key = key.map(|key| key.whole);
        self.push(
            batch,
            plan,
            Record {
                key,
                value: Some(value),
                ..Record::default()
            },
            0,
        );
        if self.operation == Operation::Delete && self.style.tombstones {
            self.push(
                batch,
                plan,
                Record {
                    key,
                    ..Record::default()
                },
                1,
            );
        }
    }

    /// Delete of the old key, its tombstone, create of the new key: linked by headers.
    fn key_change(&mut self, batch: &mut Batch, plan: &Plan, before: &Image, after: &Image) {
        let old_key = self.write_key(&mut batch.bytes, plan, before);
        let new_key = self.write_key(&mut batch.bytes, plan, after);
        let to_new = Link::NewKey(new_key.unwrap_or_default().payload);
        let to_old = Link::OldKey(old_key.unwrap_or_default().payload);
        let (old_key, new_key) = (old_key.map(|key| key.whole), new_key.map(|key| key.whole));

        let start = begin_value(&mut batch.bytes, plan);
        batch.bytes.extend_from_slice(b"{\"before\":");
        batch.bytes.extend_from_within(before.span.range());
        batch.bytes.extend_from_slice(b",\"after\":null");
        self.end_value(&mut batch.bytes, Operation::Delete.op());
        let value = Some(span(start, batch.bytes.len()));
        let delete = Record {
            key: old_key,
            value,
            link: to_new,
            ..Record::default()
        };
        self.push(batch, plan, delete, 0);
        if self.style.tombstones {
            let tombstone = Record {
                key: old_key,
                link: to_new,
                ..Record::default()
            };
            self.push(batch, plan, tombstone, 1);
        }

        let start = begin_value(&mut batch.bytes, plan);
        batch
            .bytes
            .extend_from_slice(b"{\"before\":null,\"after\":");
        batch.bytes.extend_from_within(after.span.range());
        self.end_value(&mut batch.bytes, Operation::Insert.op());
        let value = Some(span(start, batch.bytes.len()));
        let create = Record {
            key: new_key,
            value,
            link: to_old,
            ..Record::default()
        };
        self.push(batch, plan, create, 2);
    }

    fn end_value(&mut self, out: &mut Vec<u8>, op: char) {
        out.extend_from_slice(&self.head);
        json::write_u64(out, u64::from(self.number.in_event));
        out.extend_from_slice(&self.tail);
        let Some(transactions) = &mut self.transactions else {
            out.push(op as u8);
            out.extend_from_slice(&self.close);
            return;
        };
        const BLOCK: &[u8] = b",\"transaction\":";
        let old = self.style.version == EnvelopeVersion::V1_9;
        if !old {
            out.extend_from_slice(BLOCK);
            transactions.write_block(out);
        }
        out.extend_from_slice(b",\"op\":\"");
        out.push(op as u8);
        out.extend_from_slice(&self.close);
        if old {
            out.extend_from_slice(BLOCK);
            transactions.write_block(out);
        }
        out.push(b'}');
        if self.wrapped {
            out.push(b'}');
        }
    }

    /// Appends a record; `part` counts the records of one row.
    fn push(&self, batch: &mut Batch, plan: &Plan, mut record: Record, part: u8) {
        if self.style.ids {
            let start = batch.bytes.len();
            batch.bytes.extend_from_slice(&self.id);
            json::write_u64(&mut batch.bytes, self.number.in_group);
            batch.bytes.push(b'/');
            json::write_u64(&mut batch.bytes, u64::from(part));
            record.id = Some(span(start, batch.bytes.len()));
        }
        batch.push(&plan.topic, record);
    }
}

/// Writes what stands ahead of the payload; gives where the value starts.
fn begin_value(out: &mut Vec<u8>, plan: &Plan) -> usize {
    let start = out.len();
    if let Some(openings) = &plan.openings {
        out.extend_from_slice(&openings.value);
    }
    start
}

/// Notes where the value of a column of the key stands.
fn note_key(image: &mut Image, column: &Column, value: Span) {
    if let Some(part) = column.key_part
        && let Some(slot) = image.key.get_mut(part)
    {
        *slot = value;
    }
}

/// Closes the object that began at `start`.
fn close_image(out: &mut Vec<u8>, start: usize, image: &mut Image) {
    // No column is shown.
    if out.len() == start {
        out.push(b'{');
    }
    out.push(b'}');
    image.span = span(start, out.len());
}

/// Lengths beyond 32 bits are refused when the row is done ([`RowError::TooLarge`]).
pub(super) fn span(start: usize, end: usize) -> Span {
    let narrow = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Span {
        start: narrow(start),
        end: narrow(end),
    }
}

/// Writing to memory cannot fail.
fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::modes::{Envelope, Modes};
    use crate::schema::columns::ColumnRules;
    use crate::schema::connect::openings;
    use crate::schema::table_map::Shape;

    fn style(version: EnvelopeVersion, transactions: bool) -> Style {
        let transactions = transactions.then(|| TransactionStyle {
            topic: "p.transaction".to_owned(),
            schemas: false,
            ids: false,
        });
        Style {
            name: "p".to_owned(),
            tombstones: true,
            ids: false,
            skipped: Skipped::default(),
            unavailable: String::new(),
            version,
            skip_unchanged: false,
            transactions,
            heartbeats: None,
            queries: false,
        }
    }

    /// The record of a TRUNCATE, which has every member of the envelope.
    fn truncated(version: EnvelopeVersion, transactions: bool) -> String {
        let mut plan = Plan::of_table("d", "t", Arc::from("p.d.t"));
        let envelope = Envelope {
            schemas: true,
            version,
            ..Envelope::default()
        };
        let (modes, rules) = (Modes::default(), ColumnRules::default());
        let openings = openings(&Shape::default(), &plan, &modes, &rules, envelope);
        plan.openings = Some(openings);
        let origin = Origin {
            commit_us: 1,
            now_ns: 1,
            server_id: 1,
            gtid: None,
            file: "f",
            pos: 4,
            group_start: 4,
            thread: Some(5),
            operation: Operation::Delete,
        };
        let mut batch = Batch::default();
        Encoder::new(style(version, transactions)).truncate(&mut batch, &plan, &origin);
        let value = batch.bytes_of(batch.records[0].value.unwrap());
        String::from_utf8(value.to_vec()).unwrap()
    }

    /// The fields of a schema are the members of the payload, in order.
    fn check_members(schema: &serde_json::Value, payload: &str) {
        let mut rest = payload;
        let fields = schema["fields"].as_array().unwrap();
        for field in fields {
            let name = format!("\"{}\":", field["field"].as_str().unwrap());
            let at = rest.find(&name);
            let at = at.unwrap_or_else(|| panic!("no {name} in {rest} of {payload}"));
            rest = &rest[at + name.len()..];
            if field["field"] == "source" {
                let (source, behind) = rest.split_once('}').unwrap();
                check_members(field, source);
                rest = behind;
            }
        }
        assert!(
            !rest.contains(':') || fields.is_empty(),
            "more in {payload}: {rest}"
        );
    }

    #[test]
    fn payloads_have_the_members_of_their_schemas() {
        for version in [EnvelopeVersion::V3, EnvelopeVersion::V1_9] {
            for transactions in [false, true] {
                let value = truncated(version, transactions);
                let whole: serde_json::Value = serde_json::from_str(&value).unwrap();
                let (_, payload) = value.split_once("\"payload\":").unwrap();
                check_members(&whole["schema"], payload);
                assert_eq!(whole["payload"]["transaction"], serde_json::Value::Null);
                let old = version == EnvelopeVersion::V1_9;
                let source = whole["payload"]["source"].as_object().unwrap();
                assert_eq!(source.len(), if old { 15 } else { 17 });
                assert_eq!(whole["schema"]["version"].is_null(), old);
            }
        }
    }
}
