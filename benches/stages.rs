//! The stages alone, by Criterion: `cargo bench --bench stages`.
//!
//! `decode` reads recorded events and verifies their checksums, `encode` makes records of them (everything that a
//! state does between source and sink), `window` takes acknowledgements in the worst order.

#![expect(
    clippy::unwrap_used,
    reason = "a benchmark that cannot run has nothing better to do"
)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use remora::checkpoint::window::Window;
use remora::sink::batch::BatchSeq;
use remora::source::binlog::Decoder;

mod log;

/// Recorded by `dev/bench record`.
const LOGS: [(&str, &[u8]); 7] = [
    ("narrow", include_bytes!("data/narrow.binlog")),
    ("sbtest", include_bytes!("data/sbtest.binlog")),
    ("wide", include_bytes!("data/wide.binlog")),
    ("json", include_bytes!("data/json.binlog")),
    ("blob", include_bytes!("data/blob.binlog")),
    ("latin1", include_bytes!("data/latin1.binlog")),
    ("decimal", include_bytes!("data/decimal.binlog")),
];
/// Batches in flight in the benchmark of the window; the sink has 64 at most.
const IN_FLIGHT: u64 = 64;

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode");
    for (name, file) in LOGS {
        let chunks = log::chunks(file);
        group.throughput(Throughput::Bytes(file.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut decoder = Decoder::new();
                for event in chunks.iter().flat_map(|chunk| chunk.iter()) {
                    black_box(decoder.read(event).unwrap());
                }
            });
        });
    }
    group.finish();
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    for (name, file) in LOGS {
        let chunks = log::chunks(file);
        let mut outbox = log::Counting::default();
        let mut pass = || {
            let mut state = log::state("bench", Vec::new());
            log::work_off(&mut state, &chunks, &mut outbox).unwrap();
            state.counts().rows.iter().sum::<u64>()
        };
        group.throughput(Throughput::Elements(pass()));
        group.bench_function(name, |bencher| bencher.iter(&mut pass));
    }
    group.finish();
}

fn window(criterion: &mut Criterion) {
    let mut window = Window::default();
    let mut next = 1;
    let mut group = criterion.benchmark_group("window");
    group.throughput(Throughput::Elements(IN_FLIGHT));
    group.bench_function("the oldest batch last", |bencher| {
        bencher.iter(|| {
            let batches = next..next + IN_FLIGHT;
            next = batches.end;
            for seq in batches.clone() {
                window.sent(BatchSeq(seq), [seq, seq]).unwrap();
            }
            for seq in batches.rev() {
                window
                    .acked(BatchSeq(seq), |commit| {
                        black_box(commit);
                    })
                    .unwrap();
            }
        });
    });
    group.finish();
}

criterion_group!(stages, decode, encode, window);
criterion_main!(stages);
