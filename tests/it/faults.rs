//! Damage on the wire mends itself; damage in the log stops one database, and nothing of it is skipped.

pub(crate) mod doctor;
mod proxy;

use std::fs;
use std::path::PathBuf;

use doctor::Log;
use proxy::{Fault, Proxy};

use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

/// A database in a configuration, delivered to a file.
pub(crate) struct ToFile {
    out: PathBuf,
}

impl ToFile {
    pub(crate) fn add(config: &ConfigDir, name: &str, port: u16, schema: &str) -> ToFile {
        ToFile::add_with(config, name, (port, schema), ("", ""))
    }

    /// With further keys before the first table, such as `types.decimal = "string"`.
    pub(crate) fn add_with_keys(
        config: &ConfigDir,
        name: &str,
        (port, schema): (u16, &str),
        keys: &str,
    ) -> ToFile {
        ToFile::write(config, name, (port, schema), [keys, "", ""])
    }

    /// With further keys: of `[mysql]`, and whole tables.
    pub(crate) fn add_with(
        config: &ConfigDir,
        name: &str,
        (port, schema): (u16, &str),
        (mysql, tables): (&str, &str),
    ) -> ToFile {
        ToFile::write(config, name, (port, schema), ["", mysql, tables])
    }

    /// With further keys before the first table and in `[mysql]`, and whole tables.
    pub(crate) fn write(
        config: &ConfigDir,
        name: &str,
        (port, schema): (u16, &str),
        [keys, mysql, tables]: [&str; 3],
    ) -> ToFile {
        // Readers of one server that go by the same prefix push each other out.
        let folder = config.path().file_name().unwrap().to_string_lossy();
        let prefix = format!("{name}_{}", folder.trim_start_matches('.'));
        let out = config.path().join(format!("{name}.jsonl"));
        let position = config.path().join(format!("{name}.position"));
        config.database(
            name,
            &format!(
                "{keys}\ntopic_prefix = \"{}\"\nstart = \"earliest\"\ncapture.include = ['{schema}\\..*']\n[mysql]\nhost = \"127.0.0.1\"\nport = {port}\nuser = \"root\"\n\
                 {mysql}\n[mysql.tls]\nmode = \"disabled\"\n[headers]\nid = true\ncontext = false\n\
                 [sink]\ntype = \"file\"\npath = \"{}\"\n[checkpoint]\npath = \"{}\"\n\
                 [spool]\npath = \"{}\"\n{tables}\n",
                prefix,
                out.display(),
                position.display(),
                config.path().join("spool").display(),
            ),
        );
        ToFile { out }
    }

    /// The whole lines that are there, as they are written.
    pub(crate) fn text(&self) -> String {
        let text = fs::read_to_string(&self.out).unwrap_or_default();
        text.rsplit_once('\n')
            .map_or(String::new(), |(whole, _)| whole.to_owned())
    }

    pub(crate) fn lines(&self) -> Vec<serde_json::Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Waits for the row whose `id` is `last`, and gives the `id` of each row, repeats left out.
    pub(crate) fn ids(&self, last: i64) -> Vec<i64> {
        let id = |line: &serde_json::Value| line["value"]["after"]["id"].as_i64();
        wait_for("the last row", DEADLINE, || {
            self.lines()
                .iter()
                .any(|l| id(l) == Some(last))
                .then_some(())
        });
        let mut seen = std::collections::BTreeSet::new();
        let mut first =
            |line: &serde_json::Value| seen.insert(line["headers"]["__remora.id"].to_string());
        self.lines()
            .iter()
            .filter(|line| first(line))
            .filter_map(id)
            .collect()
    }
}

/// State, and error where there is one, of a database.
pub(crate) fn state(remora: &Remora, name: &str) -> Option<(String, String)> {
    let report: serde_json::Value = serde_json::from_str(&remora.get("/ready")?.1).unwrap();
    let databases = report["databases"].as_array().unwrap();
    let one = databases
        .iter()
        .find(|database| database["database"] == name)?;
    let error = one["error"].as_str().unwrap_or_default();
    Some((one["state"].as_str().unwrap().to_owned(), error.to_owned()))
}

#[test]
fn flipped_bits_on_the_wire_need_no_operator() {
    through_faults(Fault::Flip, 611);
}

#[test]
fn cut_connections_need_no_operator() {
    through_faults(Fault::Cut, 487);
}

/// Reads 10,001 rows in small transactions through a proxy that has a fault for each connection.
fn through_faults(fault: Fault, step: usize) {
    // Of its own: a transaction larger than the distances would be damaged three times at one place.
    let mysql = Mysql::start(&[]);
    let schema = unique("faulty");
    let mut sql = format!(
        "CREATE DATABASE {schema}; USE {schema}; CREATE TABLE t (id INT PRIMARY KEY, pad VARCHAR(250));"
    );
    for first in (1..10_000).step_by(10) {
        let row = |id: i32| format!("({id}, REPEAT('x', 120))");
        let rows: Vec<String> = (first..first + 10).map(row).collect();
        sql.push_str(&format!("INSERT INTO t VALUES {};", rows.join(",")));
    }
    mysql.sql(&format!("{sql} INSERT INTO t VALUES (10001, 'last')"));
    // Until the list is used up; the distances hit packet headers, event headers, row images and checksums.
    let offsets: Vec<usize> = (0..24).map(|number| 60_500 + number * step).collect();
    let proxy = Proxy::start(mysql.port(), fault, &offsets);
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "faulty", proxy.port(), &schema);
    let remora = Remora::start(&config);
    assert_eq!(file.ids(10_001), (1..=10_001).collect::<Vec<_>>());
    assert_eq!(state(&remora, "faulty").unwrap().0, "streaming");
    let (faults, name) = (
        proxy.faults(),
        "remora_reconnects_total{database=\"faulty\"}",
    );
    let reconnects = remora.metric(name).unwrap();
    println!(
        "{fault:?}: {faults} faults, {reconnects} reconnects, 10,001 rows, each first time in order"
    );
    assert!(faults >= 15 && reconnects >= 15.0);
}

/// A damage, the last row before it, and what the error says beside place and GTID.
type Case = (&'static str, Vec<u8>, i64, &'static str);

fn cases(log: &Log) -> [Case; 8] {
    [
        (
            "flip",
            log.flipped(doctor::WRITE_ROWS, 1),
            1,
            "checksum mismatch",
        ),
        (
            "truncated",
            log.truncated(doctor::WRITE_ROWS, 1),
            1,
            "ends inside",
        ),
        (
            "unknown_type",
            log.retyped(doctor::WRITE_ROWS, 1, 200),
            1,
            "unknown event type 200",
        ),
        (
            "incident",
            log.retyped(doctor::WRITE_ROWS, 1, 26),
            1,
            "INCIDENT",
        ),
        (
            "lost_end",
            log.retyped(doctor::XID, 1, 3),
            1,
            "before the previous one has ended",
        ),
        ("no_inflate", log.broken_payload(), 2, "does not inflate"),
        (
            "lying_large",
            log.lying_payload(u64::MAX >> 1),
            2,
            "compressed transaction",
        ),
        ("lying_small", log.lying_payload(100), 2, "claims 100 bytes"),
    ]
}

#[test]
fn damage_in_the_log_stops_that_database_at_that_place() {
    let mysql = Mysql::start(&[]);
    mysql.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY, pad TEXT);
         INSERT INTO t VALUES (1, 'before'); INSERT INTO t VALUES (2, REPEAT('r', 300));
         SET SESSION binlog_transaction_compression = ON; INSERT INTO t VALUES (3, REPEAT('c', 3000));
         SET SESSION binlog_transaction_compression = OFF; INSERT INTO t VALUES (4, 'after');
         FLUSH BINARY LOGS; INSERT INTO t VALUES (5, 'last')",
    );
    let other = unique("healthy");
    Mysql::shared().sql(&format!(
        "CREATE DATABASE {other}; CREATE TABLE {other}.t (id INT PRIMARY KEY)"
    ));
    let log = Log::read(&mysql.data().join("mysql-bin.000001"));
    for case in cases(&log) {
        check_damage(&mysql, &log, &case, &other);
    }
}

fn check_damage(mysql: &Mysql, log: &Log, (name, damaged, last, words): &Case, other: &str) {
    log.write(damaged);
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "damaged", mysql.port(), "d");
    let well = ToFile::add(&config, "well", Mysql::shared().port(), other);
    let mut remora = Remora::start(&config);
    let error = wait_for("the database to fail", DEADLINE, || {
        state(&remora, "damaged")
            .filter(|(state, _)| state == "failed")
            .map(|(_, error)| error)
    });
    println!("{name}: {error}");
    assert!(error.contains(words), "{name}: {error}");
    assert!(
        error.contains("mysql-bin.000001:") && error.contains("GTID"),
        "{name}: {error}"
    );
    let before = (1..=*last).collect::<Vec<_>>();
    // Rows of the transaction that cannot be read to its end may be out already; none of a later one is.
    assert!(
        file.ids(*last).starts_with(&before) && file.lines().len() <= before.len() + 1,
        "{name}"
    );

    Mysql::shared().sql(&format!("REPLACE INTO {other}.t VALUES (1)"));
    well.ids(1);
    assert_eq!(state(&remora, "well").unwrap().0, "streaming", "{name}");
    remora.terminate();
    assert_eq!(remora.wait_exit(DEADLINE).code(), Some(1), "{name}");

    // The log made whole again, the next start goes on where this one stopped.
    log.restore();
    let _remora = Remora::start(&config);
    assert_eq!(file.ids(5), [1, 2, 3, 4, 5], "{name}: after the repair");
}

#[test]
fn a_live_switch_of_checksums_is_followed() {
    let files: &[&str] = &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"];
    for options in [&[], files] {
        let mysql = Mysql::start(&[&["--binlog-checksum=NONE"], options].concat());
        mysql.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
        let config = ConfigDir::new();
        let file = ToFile::add(&config, "switch", mysql.port(), "d");
        let mut remora = Remora::start(&config);
        for (id, checksum) in [(1, "CRC32"), (2, "NONE"), (3, "CRC32"), (4, "NONE")] {
            mysql.sql(&format!(
                "INSERT INTO d.t VALUES ({id}); SET GLOBAL binlog_checksum = {checksum}"
            ));
            file.ids(id);
        }
        mysql.sql("INSERT INTO d.t VALUES (5)");
        file.ids(5);
        remora.terminate();
        remora.wait_exit(DEADLINE);
        // Into the middle of a file without checksums, whose first event the server then changes.
        let _remora = Remora::start(&config);
        mysql.sql("INSERT INTO d.t VALUES (6)");
        assert_eq!(file.ids(6), [1, 2, 3, 4, 5, 6]);
    }
}
