//! What processes have used, from `/proc`.

use std::collections::BTreeMap;
use std::fs;

/// `USER_HZ`: 100 on every architecture that MySQL is built for.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds of a process, of all its threads, those that have ended included; 0 where it is gone.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    ticks(&format!("/proc/{pid}/stat"))
}

/// CPU seconds of a process's living threads, by name.
pub(crate) fn threads(pid: u32) -> BTreeMap<String, f64> {
    let mut found = BTreeMap::new();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter();
    for task in tasks.flatten().flatten() {
        let name = fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        let seconds = ticks(&task.path().join("stat").to_string_lossy());
        *found.entry(name.trim().to_owned()).or_default() += seconds;
    }
    found
}

/// A size of `/proc/PID/status` in KiB: `VmHWM` is the peak of the resident memory, `VmRSS` what it is now.
pub(crate) fn memory_kb(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    line.and_then(|rest| rest.split_whitespace().nth(1))
        .and_then(|size| size.parse().ok())
        .unwrap_or_default()
}

/// Seconds that this thread was on a CPU.
pub(crate) fn own_thread_seconds() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|first| first.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// utime and stime of a `stat` file. The name before them may hold anything, blanks and brackets included.
fn ticks(path: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let behind_name = text.rsplit(')').next().unwrap_or_default();
    let fields = behind_name.split_whitespace().skip(11).take(2);
    fields
        .filter_map(|field| field.parse::<f64>().ok())
        .sum::<f64>()
        / TICKS_PER_SECOND
}
