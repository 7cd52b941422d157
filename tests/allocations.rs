//! No allocation per row: recorded binlogs are worked off again and again, which must not allocate at all.
//!
//! A program of its own, since it counts what its allocator is asked for. The first passes fill what is kept (plans,
//! both batches in circulation, scratch space); the one after them is the steady state.

#![expect(clippy::unwrap_used, reason = "a test ends where it cannot go on")]

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

#[test]
fn an_allocation_would_be_counted() {
    let allocations = allocation_counter::measure(|| drop(std::hint::black_box(vec![1_u8])));
    assert_eq!(allocations.count_total, 1);
}
