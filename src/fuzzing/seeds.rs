//! Inputs to begin with, cut out of recorded binlog files.
//!
//! Takes a file's bytes, gives inputs in the form that each target takes. A file that cannot be read to its
//! end gives what comes before.

use super::{LIMITS, made};
use crate::config::RowImage;
use crate::cursor::Cursor;
use crate::decode::image;
use crate::event::{Body, HEADER_BYTES, Header, Rows};
use crate::schema::plan::{Layout, layout};
use crate::schema::table_map;
use crate::source::binlog::{Decoder, read_header, read_inner};
use crate::source::payload::Inflater;

/// The events of a binlog file without their checksums, those inside compressed groups too.
pub(super) fn events_of(log: &[u8]) -> Vec<Vec<u8>> {
    let mut rest = log.get(4..).unwrap_or_default();
    let (mut events, mut inside) = (Vec::new(), Vec::new());
    let mut decoder = Decoder::new();
    while let Ok(header) = read_header(rest) {
        let Some((bytes, after)) = rest.split_at_checked(header.size as usize) else {
            break;
        };
        rest = after;
        let Ok(event) = decoder.read(bytes) else {
            break;
        };
        if let Body::Payload(payload) = event.body
            && let Ok(mut inflater) = Inflater::new(&payload, LIMITS)
        {
            let mut buffer = Vec::new();
            while let Ok(true) = inflater.next_event(&mut buffer) {
                inside.push(buffer.clone());
            }
        }
        let covered = bytes.len().saturating_sub(4);
        events.push(bytes.get(..covered).unwrap_or_default().to_vec());
    }
    events.append(&mut inside);
    events.retain(|event| event.len() < SEED_BYTES_MAX);
    events
}

/// Larger inputs would slow the fuzzer down more than they help.
const SEED_BYTES_MAX: usize = 8 << 10;

/// The bodies of the events that `wanted` picks by their code.
fn bodies_of(log: &[u8], wanted: fn(u8) -> bool) -> Vec<(u8, Vec<u8>)> {
    let body = |event: Vec<u8>| {
        let code = *event.get(4)?;
        Some((code, event.get(HEADER_BYTES..)?.to_vec()))
    };
    let bodies = events_of(log).into_iter().filter_map(body);
    bodies.filter(|(code, _)| wanted(*code)).collect()
}

pub(super) fn table_maps_of(log: &[u8]) -> Vec<Vec<u8>> {
    let maps = bodies_of(log, |code| code == crate::event::code::TABLE_MAP);
    let map = |(_, body): (u8, Vec<u8>)| body.get(8..).unwrap_or_default().to_vec();
    maps.into_iter().map(map).collect()
}

pub(super) fn rows_of(log: &[u8]) -> Vec<Vec<u8>> {
    let (mut map, mut seeds) = (Vec::new(), Vec::new());
    for (code, body) in bodies_of(log, |code| matches!(code, 19 | 23..=25 | 30..=32 | 39)) {
        if code == crate::event::code::TABLE_MAP {
            map = body.get(8..).unwrap_or_default().to_vec();
            continue;
        }
        let length = u16::try_from(map.len()).unwrap_or(0).to_le_bytes();
        seeds.push([&length[..], &map, &[code], &body].concat());
    }
    seeds
}

/// The JSON documents in complete images.
pub(super) fn documents_of(log: &[u8]) -> Vec<Vec<u8>> {
    let mut documents = Vec::new();
    for seed in rows_of(log) {
        let mut cursor = Cursor::new(&seed);
        let length = cursor.u16().map_or(0, usize::from);
        let (Ok(map), Ok(code)) = (cursor.take(length), cursor.u8()) else {
            continue;
        };
        let header = Header {
            code,
            ..Header::default()
        };
        let bytes = made(header, cursor.rest());
        if let (Ok(shape), Ok(event)) = (table_map::read(map), read_inner(&bytes))
            && let Body::Rows(rows) = event.body
            && image::check(&rows, shape.columns.len(), RowImage::Full) == Ok(None)
        {
            documents.extend(documents_in(&rows, &shape));
        }
    }
    documents
}

fn documents_in(rows: &Rows<'_>, shape: &table_map::Shape) -> Vec<Vec<u8>> {
    let (mut cursor, mut documents) = (Cursor::new(rows.images), Vec::new());
    while let Ok(nulls) = cursor.take(shape.columns.len().div_ceil(8)) {
        for (index, column) in shape.columns.iter().enumerate() {
            let is_null = nulls
                .get(index / 8)
                .is_some_and(|byte| byte >> (index % 8) & 1 == 1);
            let Some(layout) = layout(column).filter(|_| !is_null) else {
                continue;
            };
            let before = cursor.rest();
            if image::skip(&mut cursor, layout).is_err() {
                return documents;
            }
            if let Layout::Document(prefix) = layout {
                let end = before.len() - cursor.rest().len();
                documents.push(before.get(prefix..end).unwrap_or_default().to_vec());
            }
        }
        if cursor.is_empty() {
            break;
        }
    }
    documents
}

/// Each document with changes of every kind: replaced, inserted and removed members and elements.
pub(super) fn json_diffs_of(log: &[u8]) -> Vec<Vec<u8>> {
    const CHANGES: [&[u8]; 4] = [
        b"\x00\x03$.a\x03\x05\x07\x00",
        b"\x01\x04$[1]\x03\x05\x07\x00",
        b"\x02\x06$.a[0]",
        b"\x00\x08$[last-1]\x03\x0c\x01x\x01\x03$.z\x03\x05\x01\x00",
    ];
    let mut seeds = Vec::new();
    for document in documents_of(log) {
        let length = u16::try_from(document.len()).unwrap_or(0).to_le_bytes();
        seeds.extend(CHANGES.map(|change| [&length[..], &document, change].concat()));
    }
    seeds
}

pub(super) fn gtid_sets_of(log: &[u8]) -> Vec<Vec<u8>> {
    let sets = bodies_of(log, |code| code == crate::event::code::PREVIOUS_GTIDS);
    sets.into_iter().map(|(_, body)| body).collect()
}

pub(super) fn payloads_of(log: &[u8]) -> Vec<Vec<u8>> {
    let events = bodies_of(log, |code| code == crate::event::code::TRANSACTION_PAYLOAD);
    let mut seeds = Vec::new();
    for (code, body) in events {
        let header = Header {
            code,
            ..Header::default()
        };
        let bytes = made(header, &body);
        if let Ok(event) = read_inner(&bytes)
            && let Body::Payload(payload) = event.body
        {
            let claimed = u32::try_from(payload.inflated_bytes).unwrap_or(u32::MAX);
            let kind = [u8::from(payload.compressed)];
            seeds.push([&kind[..], &claimed.to_le_bytes(), payload.bytes].concat());
        }
    }
    seeds
}

pub(super) fn statements_of(log: &[u8]) -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for (code, body) in bodies_of(log, |code| code == crate::event::code::QUERY) {
        let header = Header {
            code,
            ..Header::default()
        };
        let bytes = made(header, &body);
        if let Ok(event) = read_inner(&bytes)
            && let Body::Query(query) = event.body
        {
            seeds.push(query.text.to_vec());
        }
    }
    seeds
}

/// Statements of the log, and some that use most of the grammar, in the form that the target `ddl` takes.
pub(super) fn ddl_of(log: &[u8]) -> Vec<Vec<u8>> {
    const TABLE: &str = "CREATE TABLE t (id INT UNSIGNED ZEROFILL AUTO_INCREMENT PRIMARY KEY, \
        e ENUM('a','b''c') CHARACTER SET latin1 NOT NULL DEFAULT 'a', s SET('x','y'), f FLOAT(7,4), \
        d DECIMAL(10,2) DEFAULT 1.5, ts TIMESTAMP(3) NULL DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE CURRENT_TIMESTAMP(3), \
        g INT GENERATED ALWAYS AS (id + 1) STORED, v VARCHAR(20) COLLATE utf8mb4_bin INVISIBLE COMMENT 'c', \
        j JSON, p POINT SRID 4326, b BIT(3) DEFAULT b'101', UNIQUE KEY u (e, v(3)), KEY k ((lower(v)))) \
        ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 /*!50100 PARTITION BY HASH (id) PARTITIONS 4 */";
    const CHANGES: [&str; 8] = [
        "ALTER TABLE t ADD (x INT, y TEXT(70000)) , DROP f, MODIFY e ENUM('b') FIRST, CHANGE d dd DOUBLE AFTER s",
        "ALTER TABLE `t` RENAME COLUMN v TO w, RENAME INDEX u TO uu, ALTER id SET DEFAULT 3, ADD UNIQUE (j)",
        "ALTER TABLE d.t CONVERT TO CHARACTER SET latin1, DROP PRIMARY KEY, ADD PRIMARY KEY (id, e), ALGORITHM=COPY",
        "RENAME TABLE t TO a, d.a TO `b``c`; -- swap",
        "CREATE TABLE IF NOT EXISTS l LIKE t",
        "CREATE TABLE q (a INT) SELECT 1 AS b",
        "DROP TABLE IF EXISTS t, u; TRUNCATE TABLE t",
        "CREATE DATABASE d2 CHARACTER SET = greek; DROP DATABASE d2; CREATE INDEX i ON t (id DESC)",
    ];
    let seed = |text: &[u8]| [&[0], text].concat();
    let mut seeds: Vec<Vec<u8>> = statements_of(log).iter().map(|text| seed(text)).collect();
    seeds.push(seed(TABLE.as_bytes()));
    seeds.extend(CHANGES.map(|change| seed(format!("{TABLE};\n{change}").as_bytes())));
    seeds
}

/// The whole file in the form that the target `stream` takes.
pub(super) fn parts(log: &[u8]) -> Vec<u8> {
    let mut parts = Vec::new();
    for event in events_of(log) {
        let (Some(code), Some(flags)) = (event.get(4), event.get(17)) else {
            continue;
        };
        let body = event.get(HEADER_BYTES..).unwrap_or_default();
        let Ok(length) = u16::try_from(body.len()) else {
            continue;
        };
        parts.extend_from_slice(&[*code, *flags]);
        parts.extend_from_slice(&length.to_le_bytes());
        parts.extend_from_slice(body);
    }
    parts
}
