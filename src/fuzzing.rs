//! What the fuzzer calls: one function a target, and seeds for it from recorded binlogs.
//!
//! Takes bytes, gives nothing: a panic, or an output that breaks a rule of its own, is a finding. The package
//! `fuzz` runs the targets; the tests run the inputs that it kept.

mod seeds;

use std::sync::Arc;

use regex::Regex;
use serde::de::IgnoredAny;

use crate::checkpoint::record;
use crate::config::modes::{Envelope, EnvelopeVersion, Modes};
use crate::config::transforms::Expand;
use crate::config::{RowImage, Skipped, TableLists, TopicNaming};
use crate::cursor::Cursor;
use crate::decode::image::{self, ImageError, Sparse};
use crate::decode::jsonb;
use crate::decode::jsonb::diff;
use crate::encode::envelope::{Encoder, Origin, RowNumber, Style};
use crate::event::{Body, HEADER_BYTES, Header, Payload, Query, Rows};
use crate::ledger;
use crate::pipeline::error::Error;
use crate::pipeline::{Begin, Bounds, Input, Outbox, State};
use crate::position::{FilePosition, GtidSet, Position};
use crate::schema::catalog::Rules;
use crate::schema::columns::ColumnRules;
use crate::schema::definitions::{Definitions, Session};
use crate::schema::plan::{Layout, Plan, layout};
use crate::schema::table_map;
use crate::sink::batch::{Batch, BatchSeq};
use crate::source::binlog::{Decoder, read_header, read_inner};
use crate::source::chunk::Chunk;
use crate::source::payload::{Inflater, Limits};
use crate::source::statement::Statement;
use crate::sql::definition::Name;
use crate::sql::token::Modes as SqlModes;
use crate::transform::expand::expand;
use crate::xa::Xid;

/// One target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name.
    pub name: &'static str,
    /// Panics on a finding.
    pub run: fn(&[u8]),
    /// Inputs to begin with, from a binlog file.
    pub seeds: fn(&[u8]) -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "event",
        run: event,
        seeds: seeds::events_of,
    },
    Target {
        name: "table_map",
        run: table_map_event,
        seeds: seeds::table_maps_of,
    },
    Target {
        name: "rows",
        run: rows,
        seeds: seeds::rows_of,
    },
    Target {
        name: "jsonb",
        run: json,
        seeds: seeds::documents_of,
    },
    Target {
        name: "json_diff",
        run: json_diff,
        seeds: seeds::json_diffs_of,
    },
    Target {
        name: "gtid_text",
        run: gtid_text,
        seeds: |_| vec![b"3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5:7:tag:1".to_vec()],
    },
    Target {
        name: "gtid_set",
        run: gtid_set,
        seeds: seeds::gtid_sets_of,
    },
    Target {
        name: "payload",
        run: payload,
        seeds: seeds::payloads_of,
    },
    Target {
        name: "statement",
        run: statement,
        seeds: seeds::statements_of,
    },
    Target {
        name: "ddl",
        run: ddl,
        seeds: seeds::ddl_of,
    },
    Target {
        name: "record",
        run: stored_record,
        seeds: |_| {
            vec![br#"{"version":1,"topic_prefix":"p","gtids":null,"file":"f","offset":4}"#.to_vec()]
        },
    },
    Target {
        name: "outbox_payload",
        run: outbox_payload,
        seeds: |_| vec![br#"{"a":[{"b":1,"c":null},{"d":1.5e3}],"e":[],"f":"\u00e9"}"#.to_vec()],
    },
    Target {
        name: "stream",
        run: stream,
        seeds: |log| vec![seeds::parts(log)],
    },
];

/// What an outbox event's payload becomes: JSON, and a schema that is JSON, or it stays as it is.
fn outbox_payload(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for keep in [false, true] {
        let options = Expand {
            null_as_bytes: keep,
            empty_array_as_texts: keep,
        };
        let Some(expanded) = expand(text, "payload", options) else {
            continue;
        };
        assert!(text.starts_with('{'), "only objects are expanded");
        for json in [&expanded.payload, &expanded.schema] {
            assert!(serde_json::from_str::<IgnoredAny>(json).is_ok(), "{json}");
        }
        // What is expanded is expanded to itself.
        let again = expand(&expanded.payload, "payload", options);
        assert_eq!(again.map(|again| again.payload), Some(expanded.payload));
    }
}

/// The target of a name.
pub fn find(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Bytes of one event, and of all that a compressed group inflates to.
const LIMITS: Limits = Limits {
    event_bytes_max: 1 << 20,
    transaction_bytes_max: 1 << 20,
};

/// The bytes of an event, as they came and as they would stand inside a compressed group.
fn event(data: &[u8]) {
    let _ = Decoder::new().read(data);
    let _ = read_inner(data);
    // A size that fits lets the body be read.
    if let Some((head, body)) = data.split_at_checked(HEADER_BYTES)
        && let Ok(header) = read_header(head)
    {
        let _ = read_inner(&made(header, body));
        let _ = Decoder::new().read(&sealed(header, body));
    }
}

/// A TABLE_MAP, the layouts of its columns, and the plan that it makes.
fn table_map_event(data: &[u8]) {
    let _ = table_map::read_names(data);
    if let Ok(shape) = table_map::read(data) {
        for column in &shape.columns {
            let _ = layout(column);
        }
        let _ = Plan::compile(
            &shape,
            Arc::from("topic"),
            &Modes::default(),
            &ColumnRules::default(),
        );
    }
}

/// Two bytes of length, a TABLE_MAP, a type code, the body of a rows event.
fn rows(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let Ok(length) = cursor.u16() else { return };
    let (Ok(map), Ok(code)) = (cursor.take(usize::from(length)), cursor.u8()) else {
        return;
    };
    let header = Header {
        code,
        ..Header::default()
    };
    let bytes = made(header, cursor.rest());
    let (Ok(shape), Ok(event)) = (table_map::read(map), read_inner(&bytes)) else {
        return;
    };
    let Body::Rows(rows) = event.body else { return };
    let layouts: Option<Vec<Layout>> = shape.columns.iter().map(layout).collect();
    let counted = layouts.map(|layouts| image::count_rows(&rows, &layouts));
    let Ok(plan) = Plan::compile(
        &shape,
        Arc::from("topic"),
        &Modes::default(),
        &ColumnRules::default(),
    ) else {
        return;
    };
    let Ok(sparse) = image::check(&rows, plan.columns.len(), RowImage::Any) else {
        return;
    };
    if let Some(read) = read_rows(&rows, &plan, sparse.as_ref()) {
        // Two ways over the same bytes that must agree; images of no column cannot be counted.
        let uncounted = sparse.is_some() && counted == Some(Err(ImageError::Partial));
        assert!(
            uncounted || counted == Some(Ok(read)),
            "{read} rows read, {counted:?}"
        );
    }
}

/// How many rows were read, where all could be.
fn read_rows(rows: &Rows<'_>, plan: &Plan, sparse: Option<&Sparse<'_>>) -> Option<u64> {
    let mut encoder = Encoder::new(Style {
        name: "p".to_owned(),
        tombstones: true,
        ids: true,
        unavailable: "unavailable".to_owned(),
        skipped: Skipped::default(),
        version: EnvelopeVersion::V3,
        skip_unchanged: false,
        transactions: None,
        heartbeats: None,
        queries: false,
    });
    encoder.set_images(sparse);
    let origin = Origin {
        commit_us: 1,
        now_ns: 1,
        server_id: 1,
        gtid: None,
        file: "f",
        pos: 4,
        group_start: 4,
        thread: None,
        operation: rows.operation,
    };
    encoder.begin_event(plan, &origin);
    let (mut batch, mut cursor, mut count) = (Batch::default(), Cursor::new(rows.images), 0);
    while !cursor.is_empty() {
        let number = RowNumber {
            in_event: count,
            in_group: u64::from(count),
        };
        encoder.row(&mut batch, plan, &mut cursor, number).ok()?;
        count += 1;
    }
    assert_records(&batch);
    Some(u64::from(count))
}

/// Keys and values are JSON, and lie in the batch.
fn assert_records(batch: &Batch) {
    for record in &batch.records {
        for span in [record.key, record.value].into_iter().flatten() {
            assert_json(batch.part(span).unwrap_or_default());
        }
    }
}

fn assert_json(text: &[u8]) {
    let read = serde_json::from_slice::<IgnoredAny>(text);
    assert!(read.is_ok(), "{read:?}: {}", String::from_utf8_lossy(text));
}

/// A JSON document as a table keeps it.
fn json(data: &[u8]) {
    let (mut plain, mut quoted) = (Vec::new(), Vec::new());
    let result = jsonb::write_json(&mut plain, data);
    let as_string = jsonb::write_json_string(&mut quoted, data);
    assert_eq!(result.is_ok(), as_string.is_ok(), "the two forms agree");
    if result.is_ok() {
        let inner: String = serde_json::from_slice(&quoted).unwrap_or_default();
        // They may escape a character differently; what they say is the same.
        let value = |text: &[u8]| serde_json::from_slice::<serde_json::Value>(text).ok();
        assert_json(&plain);
        assert_eq!(value(inner.as_bytes()), value(&plain));
    }
}

/// Two bytes of length, a document, and the changes to it that a partial update logs.
fn json_diff(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let length = cursor.u16().map_or(0, usize::from);
    let Ok(before) = cursor.take(length) else {
        return;
    };
    let mut out = Vec::new();
    if diff::write_json_string(&mut out, before, cursor.rest()).is_ok() {
        let inner: Result<String, _> = serde_json::from_slice(&out);
        assert!(inner.is_ok(), "{inner:?}");
        assert_json(inner.unwrap_or_default().as_bytes());
    }
}

/// A GTID set as text.
fn gtid_text(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(set) = text.parse::<GtidSet>() {
        assert_set(&set);
    }
}

/// A GTID set as servers send it.
fn gtid_set(data: &[u8]) {
    if let Ok(set) = GtidSet::decode(data) {
        assert_set(&set);
    }
}

fn assert_set(set: &GtidSet) {
    assert_eq!(set.to_string().parse::<GtidSet>().as_ref(), Ok(set));
    assert_eq!(GtidSet::decode(&set.encode()).as_ref(), Ok(set));
    assert!(set.is_subset(set) && set.subtract(set).is_empty());
    let mut both = set.clone();
    both.union(set);
    assert_eq!(&both, set);
    let _ = set.count();
}

/// A byte (odd: compressed), four bytes of claimed size, the payload.
fn payload(data: &[u8]) {
    let mut cursor = Cursor::new(data);
    let (Ok(kind), Ok(claimed)) = (cursor.u8(), cursor.u32()) else {
        return;
    };
    let payload = Payload {
        compressed: kind & 1 == 1,
        inflated_bytes: u64::from(claimed),
        bytes: cursor.rest(),
    };
    let Ok(mut inflater) = Inflater::new(&payload, LIMITS) else {
        return;
    };
    let mut buffer = Vec::new();
    while let Ok(true) = inflater.next_event(&mut buffer) {
        assert!(buffer.len() <= LIMITS.event_bytes_max);
        let _ = read_inner(&buffer);
    }
}

/// The text of a statement.
fn statement(data: &[u8]) {
    let query = Query {
        thread: 0,
        error: 0,
        status: b"",
        database: b"",
        text: data,
    };
    let _ = Statement::of(&query);
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(xid) = text.parse::<Xid>()
    {
        assert_eq!(xid.to_string().parse::<Xid>().as_ref(), Ok(&xid));
    }
}

/// A byte of modes, and statements, each on a line of its own behind a `;`: what the definitions are after
/// them, and that they are the same when they are stored and read.
fn ddl(data: &[u8]) {
    let Some((bits, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let session = Session {
        database: "d".to_owned(),
        modes: SqlModes {
            ansi_quotes: bits & 1 != 0,
            no_backslash_escapes: bits & 2 != 0,
            real_as_float: bits & 4 != 0,
            strict: bits & 8 != 0,
        },
        explicit_timestamps: bits & 16 != 0,
        utf8mb4_collation: "utf8mb4_0900_ai_ci".to_owned(),
        ..Session::default()
    };
    let mut definitions = Definitions::new(bits & 32 != 0);
    for sql in text.split(";\n") {
        let statement = definitions.parse(sql, &session);
        let _ = definitions.apply(&statement, &session);
        let name = Name {
            database: "d".to_owned(),
            table: "t".to_owned(),
        };
        if let Ok(shown) = definitions.from_show_create(sql, &name, &session) {
            definitions.learn(name, Some(shown), None);
        }
    }
    let again = Definitions::from_text(&definitions.to_text());
    assert_eq!(again.ok().as_ref(), Some(&definitions));
}

/// The content of a stored position: bare, and with the checksum that it must have.
fn stored_record(data: &[u8]) {
    let _ = record::decode("p", data);
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let crc = crc32fast::hash(data);
    let sealed = format!("{{\"crc32\":\"{crc:08x}\",\"record\":{text}}}");
    if let Ok(read) = record::decode("p", sealed.as_bytes()) {
        let again = record::decode("p", &record::encode("p", &read));
        assert_eq!(again.ok().as_ref(), Some(&read));
    }
}

/// Events, each as a type code, flags, two bytes of length and a body: what the whole pipe makes of them.
fn stream(data: &[u8]) {
    let end = FilePosition {
        file: "f".to_owned(),
        offset: 4,
    };
    let position = Position::new(None, end);
    let rules = Rules {
        topic_prefix: "p".to_owned(),
        delimiter: ".".to_owned(),
        naming: TopicNaming::Default,
        tables: TableLists {
            exclude: Regex::new("other").into_iter().collect(),
            ..TableLists::default()
        },
        read_minimal: true,
        modes: Modes::default(),
        envelope: Envelope::default(),
        columns: ColumnRules::default(),
    };
    let style = Style {
        skip_unchanged: false,
        transactions: None,
        heartbeats: None,
        queries: false,
        version: EnvelopeVersion::V3,
        name: "p".to_owned(),
        tombstones: true,
        ids: true,
        unavailable: "unavailable".to_owned(),
        skipped: Skipped::default(),
    };
    let bounds = Bounds {
        payload: LIMITS,
        memory_bytes_max: 1 << 20,
        row_image: RowImage::Any,
    };
    let begin = Begin {
        position,
        definitions: Definitions::new(false),
        learning: false,
    };
    let mut state = State::new(begin, rules, style, bounds);
    let chunk = chunk_of(data);
    let mut outbox = Checked::default();
    let input = Input::Events {
        chunk: &chunk,
        now_ns: 1,
    };
    let result = state.handle(input, &mut outbox);
    let mut counted = ledger::Tally::default();
    for origin in [ledger::Origin::File, ledger::Origin::MadeUp] {
        counted.add(state.ledger().sum(origin));
    }
    assert!(counted.bytes <= chunk.bytes.len() as u64);
    if result.is_ok() {
        assert_eq!(
            counted.bytes,
            chunk.bytes.len() as u64,
            "every byte is in the ledger"
        );
    }
    for seq in outbox.sent {
        let acked = state.handle(Input::Acked(seq), &mut Checked::default());
        assert!(acked.is_ok(), "an acknowledgement of what was sent");
    }
    assert_eq!(state.delivered_up_to().end, state.read_up_to().end);
}

#[derive(Default)]
struct Checked {
    sent: Vec<BatchSeq>,
}

impl Outbox for Checked {
    fn send(&mut self, batch: Batch) -> Result<Batch, Error> {
        assert_records(&batch);
        self.sent.push(batch.seq);
        Ok(batch)
    }

    fn store(&mut self, _: &Position, _: Option<&Arc<Definitions>>) -> Result<(), Error> {
        Ok(())
    }
}

fn chunk_of(data: &[u8]) -> Chunk {
    let (mut chunk, mut cursor) = (Chunk::default(), Cursor::new(data));
    while let (Ok(code), Ok(flags), Ok(length)) = (cursor.u8(), cursor.u8(), cursor.u16()) {
        let length = usize::from(length).min(cursor.rest().len());
        let Ok(body) = cursor.take(length) else { break };
        let start = chunk.bytes.len();
        let end = start + HEADER_BYTES + body.len() + 4;
        let header = Header {
            code,
            flags: u16::from(flags),
            log_pos: u32::try_from(end).unwrap_or(u32::MAX),
            ..Header::default()
        };
        chunk.bytes.extend_from_slice(&sealed(header, body));
        chunk.events.push(start..chunk.bytes.len());
    }
    chunk
}

/// An event without a checksum; its size is that of its parts.
fn made(header: Header, body: &[u8]) -> Vec<u8> {
    with_size(header, body, HEADER_BYTES + body.len())
}

/// An event with its checksum.
fn sealed(header: Header, body: &[u8]) -> Vec<u8> {
    let mut bytes = with_size(header, body, HEADER_BYTES + body.len() + 4);
    let crc = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn with_size(header: Header, body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&header.timestamp.to_le_bytes());
    bytes.push(header.code);
    bytes.extend_from_slice(&header.server_id.to_le_bytes());
    bytes.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
    bytes.extend_from_slice(&header.log_pos.to_le_bytes());
    bytes.extend_from_slice(&header.flags.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[cfg(test)]
mod tests {
    use super::seeds::{events_of, parts, statements_of};
    use super::*;

    /// A file with a format description, a GTID, a BEGIN and an XID, as the seeds are made of it.
    fn log() -> Vec<u8> {
        let of = |code| Header {
            code,
            log_pos: 9,
            ..Header::default()
        };
        let mut format = vec![4, 0];
        format.extend_from_slice(&[b'9'; 50]);
        format.extend_from_slice(&[7, 0, 0, 0, 19]);
        format.extend_from_slice(&[0; 41]);
        format.push(1);
        let begin = b"\0\0\0\0\0\0\0\0\x01\0\0\0\0d\0BEGIN";
        [
            b"\xfebin".to_vec(),
            sealed(of(15), &format),
            sealed(of(34), &[&[0; 16][..], &[0; 9]].concat()),
            sealed(of(2), begin),
            sealed(of(16), &[0; 8]),
        ]
        .concat()
    }

    #[test]
    fn every_target_runs_its_seeds_and_what_is_near_them() {
        for target in TARGETS {
            assert_eq!(find(target.name).unwrap().name, target.name);
            (target.run)(b"");
            for seed in (target.seeds)(&log()) {
                for at in 0..seed.len() {
                    let mut near = seed.clone();
                    near[at] ^= 0x81;
                    (target.run)(&near);
                    (target.run)(&seed[..at]);
                }
                (target.run)(&seed);
            }
        }
    }

    #[test]
    fn seeds_of_a_stream_go_through_the_whole_pipe() {
        let seeds = parts(&log());
        let chunk = chunk_of(&seeds);
        assert_eq!(chunk.events.len(), 4);
        assert_eq!(events_of(&log()).len(), 4);
        assert_eq!(statements_of(&log()), [b"BEGIN".to_vec()]);
        stream(&seeds);
    }
}
