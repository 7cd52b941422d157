//! No allocation per row: recorded binlogs are worked off again and again, which must not allocate at all.
//!
//! A program of its own, since it counts what its allocator is asked for. The first passes fill what is kept (plans,
//! both batches in circulation, scratch space); the one after them is the steady state.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use remora::config::{Registry, RegistryUrl, Subjects};
use remora::error::Secret;
use remora::sink::Sink;
use remora::sink::avro::AvroSink;
use remora::sink::batch::{Batch, Record, Span};
use remora::sink::null::NullSink;
use remora::source::chunk::Chunk;

#[path = "../benches/log.rs"]
mod log;

/// What a binlog file begins with: its format, and the GTIDs before it. They start a file, and so new plans.
const FIRST_EVENTS: usize = 2;

/// Rows of a pass in the steady state, and how often it allocated.
fn steady_pass(file: &[u8]) -> (u64, u64) {
    let mut chunks = log::chunks(file);
    let mut state = log::state("bench", Vec::new());
    let mut outbox = log::Counting::default();
    log::work_off(&mut state, &chunks, &mut outbox).unwrap();
    drop_start(&mut chunks);
    log::work_off(&mut state, &chunks, &mut outbox).unwrap();
    let before: u64 = state.counts().rows.iter().sum();
    let allocations = allocation_counter::measure(|| {
        log::work_off(&mut state, &chunks, &mut outbox).unwrap();
    });
    let rows = state.counts().rows.iter().sum::<u64>() - before;
    (rows, allocations.count_total)
}

/// Leaves out what starts a file, and what ends it.
fn drop_start(chunks: &mut [Chunk]) {
    chunks.first_mut().unwrap().events.drain(..FIRST_EVENTS);
    let last = chunks.iter_mut().rfind(|chunk| !chunk.events.is_empty());
    last.unwrap().events.pop();
}

fn check(name: &str, file: &[u8]) {
    let (rows, allocations) = steady_pass(file);
    assert!(rows >= 20, "{name}: only {rows} rows were read");
    assert_eq!(allocations, 0, "{name}: allocations for {rows} rows");
}

#[test]
fn rows_of_any_shape_are_encoded_without_allocation() {
    check("narrow", include_bytes!("../benches/data/narrow.binlog"));
    check("sbtest", include_bytes!("../benches/data/sbtest.binlog"));
    check("wide", include_bytes!("../benches/data/wide.binlog"));
    check("json", include_bytes!("../benches/data/json.binlog"));
    check("blob", include_bytes!("../benches/data/blob.binlog"));
    check("latin1", include_bytes!("../benches/data/latin1.binlog"));
    check("decimal", include_bytes!("../benches/data/decimal.binlog"));
}

const KEY: &str = r#"{"schema":{"type":"struct","fields":[{"type":"int64","optional":false,"field":"id"}],"optional":false,"name":"s.d.t.Key"},"payload":{"id":-7}}"#;
const VALUE: &str = r#"{"schema":{"type":"struct","fields":[{"type":"string","optional":true,"default":"x","field":"text"},{"type":"string","optional":true,"field":"escaped"},{"type":"bytes","optional":false,"field":"bytes"},{"type":"double","optional":false,"field":"number"},{"type":"array","items":{"type":"float","optional":false},"optional":false,"field":"vector"},{"type":"boolean","optional":true,"field":"none"}],"optional":false,"name":"s.d.t.Envelope"},"payload":{"text":"plain","escaped":"a\"\u001B\uD83D\uDC1F","bytes":"AP8=","number":-1.5E10,"vector":[1.0,2.5],"none":null}}"#;

/// Answers each request with an id, for ever.
fn registry() -> Registry {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = Vec::new();
            let mut buffer = [0; 4096];
            // The body is one object, whose last member is a text.
            while !asked.ends_with(b"\"}") {
                let read = stream.read(&mut buffer).unwrap();
                asked.extend_from_slice(&buffer[..read]);
            }
            stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{\"id\":1}")
                .unwrap();
        }
    });
    Registry {
        urls: vec![RegistryUrl {
            tls: false,
            host: "127.0.0.1".to_owned(),
            port,
            path: String::new(),
        }],
        user: None,
        password: Secret::default(),
        ca_file: None,
        subjects: Subjects::Topic,
        auto_register: true,
        timeout: Duration::from_secs(60),
    }
}

#[test]
fn avro_is_made_without_allocation() {
    let mut batch = Batch {
        topics: vec!["s.d.t".into()],
        ..Batch::default()
    };
    for _ in 0..100 {
        let mut put = |text: &str| {
            let start = u32::try_from(batch.bytes.len()).unwrap();
            batch.bytes.extend_from_slice(text.as_bytes());
            let end = u32::try_from(batch.bytes.len()).unwrap();
            Some(Span { start, end })
        };
        let (key, value) = (put(KEY), put(VALUE));
        batch.records.push(Record {
            key,
            value,
            ..Record::default()
        });
    }
    let inner = NullSink::new(Arc::new(|_| ()));
    let mut sink = AvroSink::new(Box::new(inner), &registry(), Arc::new(|_| ())).unwrap();
    sink.send(&batch).unwrap();
    let allocations = allocation_counter::measure(|| sink.send(&batch).unwrap());
    assert_eq!(allocations.count_total, 0);
}

#[test]
fn an_allocation_would_be_counted() {
    let allocations = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(allocations.count_total, 1);
}
