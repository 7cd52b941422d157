//! The daemon as a process of its own, as an operator runs it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::config::ConfigDir;
use super::leash::{Leash, run};
use super::{tail, wait_for};

const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

/// `remora run` with a folder of configuration; dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Remora {
    child: Child,
    http_port: u16,
    leash: Leash,
}

impl Remora {
    /// Starts the program that this test run has built.
    pub(crate) fn start(config: &ConfigDir) -> Remora {
        // The keeper has nothing to start: the daemon must be a child of this process to have an exit status.
        let leash = Leash::start("daemon", |_| vec!["true".to_string()]);
        // What `dev/stop` recognises the process by: a path of the folder in its command line.
        let link = leash.dir().join("config");
        std::os::unix::fs::symlink(config.path(), &link).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_remora"))
            .arg("run")
            .arg("--config")
            .arg(&link)
            .stdin(Stdio::null())
            .stdout(File::create(leash.dir().join("stdout")).unwrap())
            .stderr(File::create(leash.dir().join("log")).unwrap())
            .spawn()
            .unwrap();
        fs::write(leash.dir().join("pid"), child.id().to_string()).unwrap();
        Remora {
            child,
            http_port: config.http_port(),
            leash,
        }
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; see `wait_exit`.
    pub(crate) fn terminate(&self) {
        run("sh", ["-c", &format!("kill -TERM {}", self.child.id())]);
    }

    /// The exit status, once it ends by itself or by a signal; fails the test after the deadline.
    pub(crate) fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        wait_for("the daemon to end", deadline, || {
            self.child.try_wait().unwrap()
        })
    }

    /// Whether the process has not ended yet.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap()
    }

    /// The end of its log, for messages.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.log_file())
    }

    /// What it wrote on standard output so far: the records, with the sink `stdout`.
    pub(crate) fn stdout(&self) -> String {
        fs::read_to_string(self.leash.dir().join("stdout")).unwrap()
    }

    /// The text of `/metrics`; `None` while nobody answers there.
    pub(crate) fn metrics(&self) -> Option<String> {
        let (status, body) = self.get("/metrics")?;
        (status == 200).then_some(body)
    }

    /// One sample of `/metrics`, named with its labels as it is printed there.
    pub(crate) fn metric(&self, sample: &str) -> Option<f64> {
        let metrics = self.metrics()?;
        let value = metrics
            .lines()
            .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '))?;
        value.parse().ok()
    }

    /// Status code and body of a GET; `None` while nobody answers.
    pub(crate) fn get(&self, path: &str) -> Option<(u16, String)> {
        http_get(self.http_port, path)
    }

    /// Bytes of memory that it had at most.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
    }

    fn log_file(&self) -> PathBuf {
        self.leash.dir().join("log")
    }
}

impl Drop for Remora {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the daemon's log ends:\n{}", self.log_tail());
        }
        // Either fails only where the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Status code and body of a GET on 127.0.0.1; `None` while nobody answers.
pub(crate) fn http_get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(HTTP_TIMEOUT)).ok()?;
    // HTTP/1.0: the body is neither chunked nor followed by anything.
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some((status, body.to_string()))
}
