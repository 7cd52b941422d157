//! A private MySQL server per test, or one that tests share.

use std::io::{Seek, Write};
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

use super::leash::{Leash, run};
use super::{DEADLINE, free_port, script, tail, wait_for};

/// A running server: account root without a password, GTIDs and full row metadata on.
#[derive(Debug)]
pub(crate) struct Mysql {
    leash: Leash,
    port: u16,
    version: &'static str,
    options: Vec<String>,
}

/// The release that tests run on unless they name another.
const VERSION: &str = "9.7";

impl Mysql {
    /// A server of its own, with further mysqld options such as `--binlog-format=MIXED`.
    pub(crate) fn start(options: &[&str]) -> Mysql {
        Mysql::start_version(VERSION, options)
    }

    /// The same of another release: `8.0` is the oldest that writes full row metadata.
    pub(crate) fn start_version(version: &'static str, options: &[&str]) -> Mysql {
        let port = free_port();
        let options: Vec<String> = options.iter().map(ToString::to_string).collect();
        let leash = Leash::start("mysql", |dir| {
            let mut command = vec!["env".to_owned(), format!("MYSQL_VERSION={version}")];
            command.push(script("mysql").display().to_string());
            command.extend([dir.display().to_string(), port.to_string()]);
            command.extend(options.clone());
            command
        });
        Mysql {
            leash,
            port,
            version,
            options,
        }
    }

    /// The server that tests of this process share, for those that change nothing global: each takes a database
    /// name of its own (`unique`).
    pub(crate) fn shared() -> &'static Mysql {
        static SHARED: OnceLock<Mysql> = OnceLock::new();
        SHARED.get_or_init(|| Mysql::start(&[]))
    }

    /// The server of release 8.0 that tests of this process share.
    pub(crate) fn shared_80() -> &'static Mysql {
        static SHARED: OnceLock<Mysql> = OnceLock::new();
        SHARED.get_or_init(|| Mysql::start_version("8.0", &[]))
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The certificate authority that signed its certificate.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.leash.dir().join("data/ca.pem")
    }

    /// The public key of its RSA pair, for caching_sha2_password without TLS.
    pub(crate) fn public_key_file(&self) -> PathBuf {
        self.leash.dir().join("data/public_key.pem")
    }

    /// Runs statements in one session as root; gives their rows: columns parted by tabs, no names.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let output = self.client(statements);
        assert!(
            output.status.success(),
            "mysql: {}\nthe server says:\n{}",
            String::from_utf8_lossy(&output.stderr),
            self.log()
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn client(&self, statements: &str) -> Output {
        // A file, since a pipe that nobody reads would block a client that has much to say.
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(statements.as_bytes()).unwrap();
        input.rewind().unwrap();
        Command::new(self.leash.dir().join("mysql"))
            .args(["--batch", "--raw", "--skip-column-names", "--comments"])
            .stdin(input)
            .output()
            .unwrap()
    }

    /// Ends the sessions that read the binlog. The server notices that a reader is gone only when it sends to it, and
    /// until then purges no binlog that the reader is in.
    pub(crate) fn end_readers(&self) {
        wait_for("the readers of the binlog to end", DEADLINE, || {
            let readers = self.sql(
                "SELECT id FROM performance_schema.processlist WHERE command LIKE 'Binlog Dump%'",
            );
            for id in readers.lines() {
                // One that ends by itself meanwhile is no error.
                self.client(&format!("KILL {id}"));
            }
            readers.is_empty().then_some(())
        });
    }

    /// Kills the server as a power cut would.
    pub(crate) fn kill9(&self) {
        self.leash.kill9();
    }

    /// Stops the server in order.
    pub(crate) fn stop(&self) {
        self.leash.stop();
    }

    /// Starts the stopped or killed server again: same port, same data.
    pub(crate) fn restart(&self) {
        let mut arguments = vec![
            format!("MYSQL_VERSION={}", self.version),
            script("mysql").display().to_string(),
            self.leash.dir().display().to_string(),
            self.port.to_string(),
        ];
        arguments.extend(self.options.clone());
        run("env", arguments);
    }

    /// Its folder of data.
    pub(crate) fn data(&self) -> PathBuf {
        self.leash.dir().join("data")
    }

    /// Each of its binlogs by name, as `mysqlbinlog` prints it, rows decoded.
    pub(crate) fn binlogs(&self) -> Vec<(String, String)> {
        let names = self.sql("SHOW BINARY LOGS");
        let names = names
            .lines()
            .map(|line| line.split('\t').next().unwrap().to_owned());
        names
            .map(|name| (name.clone(), self.binlog(&name)))
            .collect()
    }

    fn binlog(&self, name: &str) -> String {
        let output = Command::new(self.leash.dir().join("mysqlbinlog"))
            .args(["--verbose", "--base64-output=DECODE-ROWS"])
            .arg(self.data().join(name))
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        tail(&self.leash.dir().join("log"))
    }
}
