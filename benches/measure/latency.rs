//! From a commit to a consumer: rows are inserted at a fixed rate, one a transaction, whatever the latency is, and each
//! is met again as a record.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mysql_async::prelude::Queryable;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::topic::Follower;
use crate::{Failure, process};

/// Rows of the beginning that do not count: the tool, the server and the broker find their pace.
const WARM_SECONDS: f64 = 2.0;
/// Until the first record of a tool that may still be starting.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// Until the last record.
const END_TIMEOUT: Duration = Duration::from_secs(60);
/// Commits a second that are asked of one connection.
const RATE_PER_CONNECTION: f64 = 400.0;
const CONNECTIONS: std::ops::RangeInclusive<u64> = 4..=32;

/// One rate of commits.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Name of the tool
    #[arg(long)]
    name: String,
    /// Its process
    #[arg(long)]
    pid: u32,
    /// Port of the MySQL server, which has the table bench.lat
    #[arg(long)]
    mysql: u16,
    #[arg(long)]
    brokers: String,
    /// The topic of bench.lat
    #[arg(long)]
    topic: String,
    /// Commits a second
    #[arg(long)]
    rate: f64,
    /// For so many seconds
    #[arg(long)]
    seconds: f64,
}

/// What is known of each row: microseconds since 1970, 0 where not known yet.
#[derive(Debug)]
struct Rows {
    committed: Vec<AtomicU64>,
    logged: Vec<AtomicU64>,
    received: Vec<AtomicU64>,
    next: AtomicU64,
    /// The first row's id.
    first: u64,
}

#[derive(Deserialize)]
struct Envelope {
    after: Option<Row>,
    source: Source,
}

#[derive(Deserialize)]
struct Row {
    id: u64,
}

#[derive(Deserialize)]
struct Source {
    ts_us: u64,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let url = format!("mysql://root@127.0.0.1:{}/bench", args.mysql);
    let pool = mysql_async::Pool::from_url(&url)?;
    let follower = Follower::new(&args.brokers, &args.topic)?;
    let first = runtime.block_on(wake(&pool, &follower))?;

    let warm = (args.rate * WARM_SECONDS) as usize;
    let count = warm + (args.rate * args.seconds) as usize;
    let empty = || (0..count).map(|_| AtomicU64::new(0)).collect();
    let rows = Arc::new(Rows {
        committed: empty(),
        logged: empty(),
        received: empty(),
        next: AtomicU64::new(0),
        first,
    });
    let taken = Arc::clone(&rows);
    let limit = Duration::from_secs_f64(count as f64 / args.rate) + END_TIMEOUT;
    let consumer = thread::spawn(move || receive(&follower, &taken, Instant::now() + limit));
    runtime.block_on(commit(&pool, &rows, args.rate))?;
    let received = consumer.join().map_err(|_| "the consumer panicked")?;
    if received < count {
        return Err(format!(
            "{}: only {received} of {count} rows came through",
            args.name
        )
        .into());
    }
    let mut line = figures(&rows, warm);
    line.insert(
        "name".to_owned(),
        json!(format!("{} at {}/s", args.name, args.rate)),
    );
    line.insert("rate".to_owned(), json!(args.rate));
    let peak = process::memory_kb(args.pid, "VmHWM") / 1024;
    line.insert("peak_rss_mb".to_owned(), json!(peak));
    println!("{}", Value::Object(line));
    Ok(())
}

/// Inserts rows until one arrives; gives the id of the next.
async fn wake(pool: &mysql_async::Pool, follower: &Follower) -> Result<u64, Failure> {
    let mut conn = pool.get_conn().await?;
    let highest: Option<Option<u64>> = conn.query_first("SELECT MAX(id) FROM lat").await?;
    let before = highest.flatten().unwrap_or(0);
    let mut id = before;
    let deadline = Instant::now() + START_TIMEOUT;
    while Instant::now() < deadline {
        id += 1;
        conn.exec_drop(INSERT, (id, PAD)).await?;
        let arrived = follower.next(Duration::from_millis(500), parse);
        // What the tool had still to catch up with is no sign.
        if arrived.flatten().is_some_and(|(id, _)| id > before) {
            return Ok(id + 1);
        }
    }
    Err("no record came before the load".into())
}

const INSERT: &str = "INSERT INTO lat VALUES (?, ?)";
const PAD: &str = "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789";

/// The load: each connection takes the next row and waits for the moment when that is due.
async fn commit(pool: &mysql_async::Pool, rows: &Arc<Rows>, rate: f64) -> Result<(), Failure> {
    let wanted = (rate / RATE_PER_CONNECTION).ceil() as u64;
    let connections = wanted.clamp(*CONNECTIONS.start(), *CONNECTIONS.end());
    let mut conns = Vec::new();
    for _ in 0..connections {
        conns.push(pool.get_conn().await?);
    }
    let began = tokio::time::Instant::now();
    let mut tasks = Vec::new();
    for mut conn in conns {
        let rows = Arc::clone(rows);
        tasks.push(tokio::spawn(async move {
            loop {
                let number = rows.next.fetch_add(1, Ordering::Relaxed);
                let Some(committed) = rows.committed.get(number as usize) else {
                    return Ok(());
                };
                tokio::time::sleep_until(began + Duration::from_secs_f64(number as f64 / rate))
                    .await;
                conn.exec_drop(INSERT, (rows.first + number, PAD)).await?;
                committed.store(now_us(), Ordering::Relaxed);
            }
        }));
    }
    for task in tasks {
        let result: Result<(), mysql_async::Error> = task.await?;
        result?;
    }
    Ok(())
}

/// Notes when each row arrives; gives how many did.
fn receive(follower: &Follower, rows: &Rows, deadline: Instant) -> usize {
    let mut count = 0;
    while count < rows.received.len() && Instant::now() < deadline {
        let record = follower.next(Duration::from_millis(100), |value| (now_us(), parse(value)));
        let Some((now, Some((id, logged_us)))) = record else {
            continue;
        };
        let index = id.checked_sub(rows.first).map(|index| index as usize);
        let Some(received) = index.and_then(|index| rows.received.get(index)) else {
            continue;
        };
        if received.swap(now, Ordering::Relaxed) == 0 {
            count += 1;
        }
        if let Some(logged) = index.and_then(|index| rows.logged.get(index)) {
            logged.store(logged_us, Ordering::Relaxed);
        }
    }
    count
}

fn parse(value: &[u8]) -> Option<(u64, u64)> {
    let envelope: Envelope = serde_json::from_slice(value).ok()?;
    Some((envelope.after?.id, envelope.source.ts_us))
}

fn now_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_micros() as u64)
}

fn figures(rows: &Rows, warm: usize) -> Map<String, Value> {
    let load = |times: &[AtomicU64]| -> Vec<u64> {
        let counted = times.iter().skip(warm);
        counted.map(|time| time.load(Ordering::Relaxed)).collect()
    };
    let (committed, received) = (load(&rows.committed), load(&rows.received));
    let ends = committed.iter().min().zip(committed.iter().max());
    let span_us = ends.map_or(0, |(first, last)| last - first);
    let mut line = Map::new();
    let mut put = |key: String, value: Value| line.insert(key, value);
    put("measure".to_owned(), json!("latency"));
    put("commits".to_owned(), json!(committed.len()));
    // Below the rate that was asked for where the server could not keep up.
    let gaps = committed.len().saturating_sub(1) as f64;
    let achieved = gaps / (span_us.max(1) as f64 / 1e6);
    put("commits_per_s".to_owned(), json!(achieved.round()));
    for (prefix, from) in [("", committed), ("logged_", load(&rows.logged))] {
        let mut waits: Vec<i64> = (received.iter().zip(&from))
            .map(|(to, from)| to.cast_signed() - from.cast_signed())
            .collect();
        waits.sort_unstable();
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0)] {
            let index = ((waits.len() as f64 * share) as usize).min(waits.len().saturating_sub(1));
            let wait = waits.get(index).copied().unwrap_or_default();
            put(
                format!("{prefix}{name}_ms"),
                json!((wait / 10) as f64 / 100.0),
            );
        }
    }
    line
}
