//! How fast a tool works off a loaded binlog: by the end of its topic, or by remora's own metrics.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;

use crate::Failure;
use crate::topic::Ends;
use crate::watch::Watch;

/// A tool that fills partition 0 of a new topic.
#[derive(Debug, clap::Args)]
pub(crate) struct Drain {
    #[arg(long)]
    brokers: String,
    #[arg(long)]
    topic: String,
    /// Records that are to come
    #[arg(long)]
    records: u64,
    /// Name of the tool
    #[arg(long)]
    name: String,
    /// The measure that the figures belong to
    #[arg(long, default_value = "drain")]
    measure: String,
    /// Its process
    #[arg(long)]
    pid: u32,
    /// Seconds until this is given up
    #[arg(long, default_value_t = 3600)]
    limit: u64,
}

/// remora with its null sink.
#[derive(Debug, clap::Args)]
pub(crate) struct Null {
    /// Port of its HTTP server
    #[arg(long)]
    http: u16,
    /// Records that are to come
    #[arg(long)]
    records: u64,
    /// Its process
    #[arg(long)]
    pid: u32,
    /// Seconds until this is given up
    #[arg(long, default_value_t = 3600)]
    limit: u64,
}

pub(crate) fn run(args: &Drain) -> Result<(), Failure> {
    let watch = Watch {
        name: args.name.clone(),
        measure: args.measure.clone(),
        records: args.records,
        pids: vec![args.pid],
        from_start: true,
        limit: args.limit,
    };
    let ends = Ends::new(&args.brokers, &args.topic)?;
    let line = watch.run(|| ends.end())?;
    println!("{}", json!(line));
    Ok(())
}

pub(crate) fn run_null(args: &Null) -> Result<(), Failure> {
    let watch = Watch {
        name: "remora".to_owned(),
        measure: "null".to_owned(),
        records: args.records,
        pids: vec![args.pid],
        from_start: true,
        limit: args.limit,
    };
    let line = watch.run(|| counter(args.http, "remora_records_total").unwrap_or(0))?;
    println!("{}", json!(line));
    Ok(())
}

/// The first sample of a counter; `None` while nobody answers.
fn counter(port: u16, name: &str) -> Option<u64> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET /metrics HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let sample = answer
        .lines()
        .find(|line| line.starts_with(name) && line.contains('{'))?;
    sample.rsplit(' ').next()?.parse().ok()
}
