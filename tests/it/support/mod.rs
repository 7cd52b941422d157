//! What the integration tests share: real servers, the daemon as a process, and waiting.
//!
//! Every server and every daemon has a folder and ports of its own and ends with the test, however that ends:
//! see [`leash`]. Nothing here sleeps for a fixed time: [`wait_for`] polls a condition against a deadline.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub(crate) mod config;
pub(crate) mod connect;
pub(crate) mod fake;
pub(crate) mod golden;
pub(crate) mod kafka;
pub(crate) mod leash;
pub(crate) mod mysql;
pub(crate) mod registry;
pub(crate) mod remora;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Long enough for anything that works, on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Polls until there is something; fails the test after the deadline, saying what it waited for.
pub(crate) fn wait_for<T>(
    what: &str,
    deadline: Duration,
    mut poll: impl FnMut() -> Option<T>,
) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = poll() {
            return found;
        }
        assert!(
            start.elapsed() < deadline,
            "waited {deadline:?} in vain for {what}"
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// A TCP port of 127.0.0.1 where nobody listens, the next one free too, never given twice by this process.
///
/// It lies below the range from which the system takes ports for outgoing connections, one of which could seize
/// it before the server does.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 18_000;
    static GIVEN: AtomicU16 = AtomicU16::new(0);
    // Two test processes begin at different places.
    let start = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
    for _ in 0..COUNT / 2 {
        let step = GIVEN.fetch_add(2, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        if is_free(port) && is_free(port + 1) {
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

/// A name that no other test of this process has: for databases, prefixes and topics on shared servers.
pub(crate) fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("{stem}_{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The last lines of a file, for messages; empty where there is none.
pub(crate) fn tail(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(40)..].join("\n")
}

/// A script of `dev/`.
fn script(name: &str) -> PathBuf {
    root().join("dev").join(name)
}

/// The folder of the package.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
