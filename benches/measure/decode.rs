//! What one core decodes and encodes, without servers: binlog files in memory, batches that nobody takes.

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use remora::source::binlog::Decoder;
use remora::source::chunk::Chunk;
use serde_json::json;

use crate::{Failure, log, median, process};

const PASSES_MIN: usize = 3;

/// Binlog files through decoder and encoder, over and over.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the rows look like
    #[arg(long)]
    name: String,
    /// The measure that the figures belong to
    #[arg(long, default_value = "decode")]
    measure: String,
    /// For at least so many seconds
    #[arg(long, default_value_t = 3.0)]
    seconds: f64,
    /// Binlog file
    file: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let file = std::fs::read(&args.file)?;
    let chunks = log::chunks(&file);
    let binlog_bytes: usize = chunks.iter().map(Chunk::event_bytes).sum();
    drop(file);

    let framing = passes(args.seconds / 2.0, || frame(&chunks))?;
    let mut outbox = log::Counting::default();
    let (mut rows, mut json_bytes) = (0, 0);
    let whole = passes(args.seconds, || {
        let mut state = log::state("bench", Vec::new());
        log::work_off(&mut state, &chunks, &mut outbox)?;
        rows = state.counts().rows.iter().sum::<u64>();
        json_bytes = state.counts().record_bytes;
        Ok(())
    })?;
    if rows == 0 {
        return Err(format!("{}: no rows in {}", args.name, args.file.display()).into());
    }
    let encode = (whole.seconds - framing.seconds).max(f64::MIN_POSITIVE);
    let mb_per_s = |bytes: f64, seconds: f64| (bytes / seconds / 1e6).round();
    let line = json!({
        "measure": args.measure,
        "name": args.name,
        "rows": rows,
        "binlog_bytes_per_row": binlog_bytes as u64 / rows,
        "json_bytes_per_row": json_bytes / rows,
        "passes": whole.count,
        "rows_per_s": (rows as f64 / whole.seconds).round(),
        "encode_rows_per_s": (rows as f64 / encode).round(),
        "binlog_mb_per_s": mb_per_s(binlog_bytes as f64, whole.seconds),
        "json_mb_per_s": mb_per_s(json_bytes as f64, whole.seconds),
        "framing_mb_per_s": mb_per_s(binlog_bytes as f64, framing.seconds),
        "cpu_share": (whole.cpu_share * 100.0).round() / 100.0,
        "peak_rss_mb": process::memory_kb(std::process::id(), "VmHWM") / 1024,
    });
    println!("{line}");
    Ok(())
}

/// Length, checksum and type of each event: everything that stands before the decoding of rows.
fn frame(chunks: &[Chunk]) -> Result<(), Failure> {
    let mut decoder = Decoder::new();
    for event in chunks.iter().flat_map(Chunk::iter) {
        black_box(decoder.read(event)?);
    }
    Ok(())
}

struct Passes {
    /// Of the median pass, by the clock on the wall.
    seconds: f64,
    count: usize,
    /// How much of the time this thread had a CPU: below 1 where others took it.
    cpu_share: f64,
}

fn passes(seconds: f64, mut pass: impl FnMut() -> Result<(), Failure>) -> Result<Passes, Failure> {
    // The first one finds cold caches and empty buffers.
    pass()?;
    let (began, cpu) = (Instant::now(), process::own_thread_seconds());
    let mut times = Vec::new();
    while times.len() < PASSES_MIN || began.elapsed() < Duration::from_secs_f64(seconds) {
        let start = Instant::now();
        pass()?;
        times.push(start.elapsed().as_secs_f64());
    }
    Ok(Passes {
        count: times.len(),
        cpu_share: (process::own_thread_seconds() - cpu) / began.elapsed().as_secs_f64(),
        seconds: median(times),
    })
}
