//! Watches processes at work: how fast their count grows, what they use meanwhile.

use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::{Failure, process};

const POLL: Duration = Duration::from_millis(10);
/// Polls between two looks at the memory.
const POLLS_PER_SAMPLE: u32 = 10;

/// What is watched.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    /// Name of the tool.
    pub(crate) name: String,
    /// The measure that the figures belong to.
    pub(crate) measure: String,
    /// The count at which it is done.
    pub(crate) records: u64,
    /// The processes, the first one's threads told apart.
    pub(crate) pids: Vec<u32>,
    /// Whether what they used before counts.
    pub(crate) from_start: bool,
    /// Seconds until this is given up.
    pub(crate) limit: u64,
}

struct Samples {
    /// Records so far, and resident KiB then.
    memory: Vec<(f64, f64)>,
    first: Option<(Instant, u64)>,
    began: Instant,
    cpu_before: f64,
}

impl Watch {
    /// Asks `count` until it is reached; gives the line of figures.
    pub(crate) fn run(
        &self,
        mut count: impl FnMut() -> u64,
    ) -> Result<Map<String, Value>, Failure> {
        let mut samples = Samples {
            memory: Vec::new(),
            first: None,
            began: Instant::now(),
            cpu_before: if self.from_start { 0.0 } else { self.cpu() },
        };
        let mut polls = 0;
        loop {
            let now = count();
            if samples.first.is_none() && now > 0 {
                samples.first = Some((Instant::now(), now));
            }
            if polls % POLLS_PER_SAMPLE == 0 || now >= self.records {
                samples.memory.push((now as f64, self.resident_kb()));
            }
            if now >= self.records {
                return Ok(self.figures(&samples, now));
            }
            if samples.began.elapsed() > Duration::from_secs(self.limit) {
                let problem = format!("{}: only {now} of {} records", self.name, self.records);
                return Err(problem.into());
            }
            if self
                .pids
                .iter()
                .any(|pid| process::memory_kb(*pid, "VmRSS") == 0)
            {
                return Err(format!("{}: a process ended", self.name).into());
            }
            polls += 1;
            thread::sleep(POLL);
        }
    }

    fn cpu(&self) -> f64 {
        self.pids.iter().map(|pid| process::cpu_seconds(*pid)).sum()
    }

    fn resident_kb(&self) -> f64 {
        let sizes = self.pids.iter();
        sizes
            .map(|pid| process::memory_kb(*pid, "VmRSS") as f64)
            .sum()
    }

    fn figures(&self, samples: &Samples, end: u64) -> Map<String, Value> {
        let now = Instant::now();
        let (first, base) = samples.first.unwrap_or((now, end));
        let peak: u64 = self
            .pids
            .iter()
            .map(|pid| process::memory_kb(*pid, "VmHWM"))
            .sum();
        let tenth = self.records as f64 / 10.0;
        let settled: Vec<(f64, f64)> = samples
            .memory
            .iter()
            .copied()
            .filter(|(records, _)| *records >= tenth)
            .collect();
        let mut line = Map::new();
        let mut put = |key: &str, value: Value| line.insert(key.to_owned(), value);
        put("measure", json!(self.measure));
        put("name", json!(self.name));
        put("records", json!(end));
        // Where all came between two looks there is no rate.
        let elapsed = (now - first).as_secs_f64();
        put(
            "records_per_s",
            json!((end > base).then(|| ((end - base) as f64 / elapsed).round())),
        );
        put(
            "seconds",
            json!(hundredths(samples.began.elapsed().as_secs_f64())),
        );
        put("cpu_s", json!(hundredths(self.cpu() - samples.cpu_before)));
        put("peak_rss_mb", json!(peak / 1024));
        put(
            "rss_tenth_mb",
            json!(settled.first().map(|(_, kb)| kb / 1024.0).map(f64::round)),
        );
        put(
            "rss_end_mb",
            json!(settled.last().map(|(_, kb)| kb / 1024.0).map(f64::round)),
        );
        put(
            "rss_slope_kb",
            json!(slope(&settled).map(|kb| (kb * 1e6).round())),
        );
        put("threads", json!(self.busy_threads()));
        line
    }

    /// The threads that did something worth telling: a Java machine has dozens that did not.
    fn busy_threads(&self) -> BTreeMap<String, f64> {
        let mut found = self
            .pids
            .first()
            .map(|pid| process::threads(*pid))
            .unwrap_or_default();
        let least = found.values().sum::<f64>() / 50.0;
        found.retain(|_, seconds| *seconds > 0.0 && *seconds >= least);
        found
    }
}

fn hundredths(figure: f64) -> f64 {
    (figure * 100.0).round() / 100.0
}

/// How `y` grows with `x`, by least squares; `None` where too few points say so.
fn slope(points: &[(f64, f64)]) -> Option<f64> {
    if points.len() < 10 {
        return None;
    }
    let count = points.len() as f64;
    let (sum_x, sum_y) = points
        .iter()
        .fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let covariance: f64 = points
        .iter()
        .map(|(x, y)| (x - mean_x) * (y - mean_y))
        .sum();
    let variance: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (variance > 0.0).then(|| covariance / variance)
}
