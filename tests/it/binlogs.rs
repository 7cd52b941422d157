//! Recorded binlog files of every kind of event, read without a server: what each gives, or where it stops.
//!
//! `dev/binlogs` records the files. One table says what is expected of each, so that a kind of event that is read
//! from now on is a change of one line.

use std::path::PathBuf;
use std::process::Command;

use remora::config::TableLists;
use remora::ledger::{Entry, Origin};
use remora::replay::{Replay, Report, replay};
use serde_json::Value;

use crate::faults::ToFile;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, root, wait_for};

/// Files that are read one after the other, the records that they give, and what the error says in the end.
type Case = (&'static [&'static str], usize, Option<&'static str>);

#[rustfmt::skip]
const CASES: &[Case] = &[
    (&["rows"], 14, None),
    (&["rows_80"], 5, None),
    (&["rows_v1"], 5, None),
    (&["anonymous"], 5, None),
    (&["compressed"], 4, None),
    (&["checksum_none"], 3, None),
    (&["large_event"], 2, None),
    (&["many_rows"], 100, None),
    (&["json"], 10, None),
    (&["rows_query"], 2, None),
    (&["tagged"], 3, None),
    (&["gtid_holes"], 3, None),
    (&["ddl"], 4, None),
    (&["savepoint"], 2, None),
    (&["savepoint_mixed"], 3, None),
    (&["rollback_mixed"], 2, None),
    (&["stop"], 1, None),
    (&["killed"], 2, None),
    (&["xa_commit"], 2, None),
    (&["xa_80"], 1, None),
    (&["xa_rollback"], 1, None),
    (&["xa_one_phase"], 1, None),
    (&["xa_interleaved"], 2, None),
    (&["partial_json"], 3, None),
    (&["image_minimal"], 0, Some("lacks columns")),
    (&["image_noblob"], 1, Some("lacks columns")),
    (&["metadata_minimal"], 0, Some("is MINIMAL")),
    (&["statement"], 0, Some("logged as a statement")),
    (&["statement_context"], 0, Some("logged as a statement")),
    (&["incident"], 2, Some("may have lost events")),
    (&["bad_checksum"], 2, Some("checksum mismatch")),
    (&["cut_in_event"], 2, Some("came with 50")),
    (&["cut_in_header"], 2, Some("truncated event")),
    // A last group without an end: its rows are given, unless it could have been rolled back.
    (&["cut_in_group"], 3, None),
    (&["killed_in_group"], 1, None),
    (&["killed_in_waiting"], 0, None),
    // Several files: checksums come and go, a server dies and comes back.
    (&["rows", "checksum_none", "compressed", "rows_v1", "tagged"], 29, None),
    (&["killed_in_waiting", "killed"], 2, None),
    (&["killed_in_group", "killed"], 1, Some("rolled back in the log after its rows")),
    (&["cut_in_group", "rows"], 3, Some("starts before the previous one has ended")),
    (&["cut_in_event", "rows"], 2, Some("came with 50")),
];

pub(crate) fn recorded(name: &str) -> PathBuf {
    root().join(format!("tests/data/binlogs/{name}.binlog"))
}

/// Reads files; gives the values of the records, tombstones included, and the report.
pub(crate) fn read(files: Vec<PathBuf>) -> (Vec<Value>, Report) {
    let settings = Replay {
        files,
        topic_prefix: "p".to_owned(),
        tables: TableLists::default(),
        ids: true,
    };
    let mut values = Vec::new();
    let report = replay(&settings, &mut |batch| {
        for record in &batch.records {
            let value = record
                .value
                .map_or(&b"null"[..], |span| batch.bytes_of(span));
            values.push(serde_json::from_slice(value).unwrap());
        }
        Ok(())
    });
    (values, report)
}

#[test]
fn every_recorded_file_gives_what_it_must_and_no_byte_is_missing() {
    for (names, records, error) in CASES {
        let files: Vec<PathBuf> = names.iter().map(|name| recorded(name)).collect();
        let bytes: u64 = files
            .iter()
            .map(|file| file.metadata().unwrap().len())
            .sum();
        let (values, report) = read(files);
        println!("{names:?}: {} records; {report}", values.len());
        assert_eq!(values.len(), *records, "{names:?}");
        assert_eq!(report.file_bytes, bytes, "{names:?}");
        let refused = report.ledger.tally(Origin::File, Entry::Refused).events;
        match (error, &report.failure) {
            (None, None) => {
                assert_eq!((report.counted(), refused), (bytes, 0), "{names:?}");
            }
            (Some(words), Some(failure)) => {
                let said = failure.to_string();
                assert!(said.contains(words), "{names:?}: {said}");
                // The ledger ends with the event that is named as the place.
                let place: u64 = said
                    .rsplit(".binlog:")
                    .next()
                    .unwrap()
                    .split(' ')
                    .next()
                    .unwrap()
                    .parse()
                    .unwrap();
                let files_before: u64 = names
                    .iter()
                    .rev()
                    .skip_while(|name| !said.contains(&format!("at {name}.binlog")))
                    .skip(1)
                    .map(|name| recorded(name).metadata().unwrap().len())
                    .sum();
                let bytes = report.ledger.tally(Origin::File, Entry::Refused).bytes;
                assert_eq!(
                    report.counted(),
                    files_before + place + bytes,
                    "{names:?}: {said}"
                );
                assert_eq!(refused, 1, "{names:?}");
            }
            (expected, found) => panic!("{names:?}: {found:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn every_recorded_file_is_in_the_table() {
    for entry in std::fs::read_dir(root().join("tests/data/binlogs")).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let listed = CASES.iter().any(|(names, _, _)| *names == [stem]);
        assert!(listed, "{stem} is not in the table");
    }
}

/// The lines of the ledger as `kind: events, bytes`, for one origin.
fn lines(report: &Report, origin: Origin) -> Vec<(&'static str, u64)> {
    let lines = report.ledger.lines().filter(|line| line.origin == origin);
    lines
        .map(|line| (line.entry.kind(), line.tally.events))
        .collect()
}

#[test]
fn the_ledger_tells_rows_from_frames_and_files_from_what_is_inside() {
    let (_, report) = read(vec![recorded("compressed")]);
    let file = lines(&report, Origin::File);
    let expected = [
        ("format_description", 1),
        ("previous_gtids", 1),
        ("gtid", 2),
        ("payload", 2),
        ("rotate", 1),
    ];
    assert_eq!(file, expected);
    let inside = lines(&report, Origin::Compressed);
    assert_eq!(
        inside,
        [("rows", 4), ("query", 2), ("xid", 2), ("table_map", 3)]
    );
    let (_, report) = read(vec![recorded("killed_in_waiting"), recorded("killed")]);
    let rolled_back = report.ledger.tally(Origin::File, Entry::RolledBack).events;
    let emitted = report.ledger.tally(Origin::File, Entry::Emitted).events;
    assert_eq!((rolled_back, emitted), (1, 2));
}

/// What the program itself prints and returns.
#[test]
fn replay_prints_records_and_ledger_and_says_by_its_exit_code_how_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
        let output = command.arg("replay").args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    };
    let rows = recorded("rows").display().to_string();
    let (code, stdout, stderr) =
        run(&[&rows, "--include", r"d\.other", "--topic-prefix=x", "--ids"]);
    assert_eq!((code, stdout.lines().count()), (Some(0), 2), "{stderr}");
    let line: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
    assert_eq!(line["topic"], "x.d.other");
    assert!(
        line["headers"]["__remora.id"]
            .as_str()
            .unwrap()
            .ends_with("/0/0")
    );
    assert!(stderr.contains("filtered   not_included"), "{stderr}");

    let out = folder.path().join("out.jsonl");
    let sink = format!("--sink=file={}", out.display());
    let (code, stdout, stderr) = run(&[&rows, "--exclude", r"d\.t", &sink, "--ledger=json"]);
    assert_eq!((code, stdout.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(report["file_bytes"], report["counted_bytes"]);
    assert_eq!(report["error"], Value::Null);
    assert_eq!(std::fs::read_to_string(&out).unwrap().lines().count(), 2);

    let bad = recorded("bad_checksum").display().to_string();
    let (code, stdout, stderr) = run(&[&rows, &bad, "--quiet"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    let last = stderr.lines().last().unwrap();
    assert!(last.starts_with("error: checksum mismatch") && last.contains("bad_checksum.binlog:"));
    assert!(last.contains("; check the binlog file"), "{last}");

    let (code, _, stderr) = run(&["nowhere"]);
    assert!(
        code == Some(1) && stderr.contains("cannot read nowhere"),
        "{stderr}"
    );
    assert_eq!(run(&[]).0, Some(2));
}

/// The records of one database in the binlogs of a server, without what another run of the same statements changes.
fn comparable(values: Vec<Value>, database: &str) -> Vec<Value> {
    let of = |value: &Value| value["source"]["db"] == database;
    let mut values: Vec<Value> = values.into_iter().filter(of).collect();
    for value in &mut values {
        for member in ["db", "gtid", "pos", "ts_ms", "ts_us", "ts_ns", "thread"] {
            value["source"][member] = Value::Null;
        }
        for member in ["ts_ms", "ts_us", "ts_ns"] {
            value[member] = Value::Null;
        }
    }
    values
}

/// Sessions turn compression on and off; the records are those of the same statements without any.
#[test]
fn f22_compressed_transactions_give_the_same_records() {
    let mysql = Mysql::start(&[]);
    for (database, mut compress) in [
        ("plain", [false; 4].iter().cycle()),
        ("zipped", [true, false, true, true].iter().cycle()),
    ] {
        let mut sql = format!(
            "CREATE DATABASE {database}; USE {database};
             CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(100), t TEXT); CREATE TABLE b (id INT PRIMARY KEY, j JSON);"
        );
        for id in 1..=40 {
            let on = *compress.next().unwrap();
            sql.push_str(&format!(
                "SET SESSION binlog_transaction_compression = {on}, binlog_transaction_compression_level_zstd = {};
                 BEGIN; INSERT INTO a VALUES ({id}, 'v', REPEAT('t', {id}00)), (-{id}, NULL, '');
                 INSERT INTO b VALUES ({id}, JSON_OBJECT('k', {id})); UPDATE a SET v = 'w' WHERE id > {id} - 3;
                 DELETE FROM b WHERE id = {id} - 2; COMMIT; CREATE TABLE c{id} AS SELECT id FROM b;",
                1 + id % 22
            ));
        }
        mysql.sql(&sql);
    }
    mysql.sql("FLUSH BINARY LOGS");
    let (values, report) = read(vec![mysql.data().join("mysql-bin.000001")]);
    assert!(report.failure.is_none(), "{report}");
    let payloads = report.ledger.tally(Origin::File, Entry::Payload).events;
    let (plain, zipped) = (
        comparable(values.clone(), "plain"),
        comparable(values, "zipped"),
    );
    println!(
        "{payloads} compressed transactions, {} records each",
        plain.len()
    );
    assert!(payloads >= 30 && plain.len() > 200);
    for (plain, zipped) in plain.iter().zip(&zipped) {
        // Rows of a compressed group are where the group is: `row` counts within the inner event all the same.
        assert_eq!(plain, zipped);
    }
    assert_eq!(plain.len(), zipped.len());
}

/// A change that is logged as a statement stops the reading; the statement itself is never shown.
#[test]
fn f26_statements_instead_of_rows_stop_at_their_place() {
    let mysql = Mysql::start(&[]);
    mysql.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v CHAR(36)); INSERT INTO d.t VALUES (1, 'row')");
    let cases = [
        ("STATEMENT", "INSERT INTO t VALUES (2, 'a secret')"),
        ("STATEMENT", "UPDATE t SET v = 'a secret'"),
        ("STATEMENT", "/* a secret */ DELETE FROM t WHERE id = 3"),
        ("MIXED", "REPLACE INTO t VALUES (4, 'a secret')"),
    ];
    for (format, statement) in cases {
        mysql.sql(&format!(
            "FLUSH BINARY LOGS; USE d; INSERT IGNORE INTO t VALUES (3, 'row'); SET SESSION binlog_format = '{format}'; {statement};
             SET SESSION binlog_format = 'ROW'; DELETE FROM t WHERE id > 1"
        ));
        let newest = mysql.sql("SHOW BINARY LOGS");
        let newest = newest.lines().last().unwrap().split('\t').next().unwrap();
        let (values, report) = read(vec![mysql.data().join(newest)]);
        let said = report.failure.as_ref().unwrap().to_string();
        assert!(
            said.contains("logged as a statement") && said.contains(newest),
            "{said}"
        );
        assert!(!report.to_string().contains("secret"), "{report}");
        // The row before it, and none behind it.
        assert_eq!(values.len(), 1, "{format}: {statement}");
    }
    // Under MIXED an unsafe statement is logged by rows.
    mysql.sql("FLUSH BINARY LOGS; USE d; SET SESSION binlog_format = 'MIXED'; INSERT INTO t VALUES (5, UUID())");
    let newest = mysql.sql("SHOW BINARY LOGS");
    let newest = newest.lines().last().unwrap().split('\t').next().unwrap();
    let (values, report) = read(vec![mysql.data().join(newest)]);
    assert!(report.failure.is_none() && values.len() == 1, "{report}");
}

/// A server that lost events says so, and nothing behind that is used.
#[test]
fn f31_an_incident_stops_with_the_advice_to_resync() {
    let (values, report) = read(vec![recorded("incident")]);
    let said = report.to_string();
    assert!(
        said.contains("INCIDENT") && said.contains("take a new snapshot"),
        "{said}"
    );
    assert_eq!(values.len(), 2);
}

/// The ledger of a running database against the sizes that the server tells: over a dump that was never cut, they agree.
#[test]
fn a_running_database_accounts_for_every_byte_of_the_servers_files() {
    let mysql = Mysql::start(&[]);
    mysql.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v TEXT); CREATE DATABASE o; CREATE TABLE o.t (id INT);
         SET SESSION binlog_transaction_compression = ON; INSERT INTO d.t VALUES (1, REPEAT('x', 9000)); FLUSH BINARY LOGS;
         SET SESSION binlog_transaction_compression = OFF; INSERT INTO o.t VALUES (1), (2); SET GLOBAL binlog_checksum = NONE;
         INSERT INTO d.t VALUES (2, 'unchecked'); SET GLOBAL binlog_checksum = CRC32; DELETE FROM d.t WHERE id = 1",
    );
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "ledger", mysql.port(), "d");
    let remora = Remora::start(&config);
    mysql.sql("FLUSH BINARY LOGS; INSERT INTO d.t VALUES (3, 'last')");
    file.ids(3);
    let sizes = mysql.sql("SHOW BINARY LOGS");
    let size = |line: &str| line.split('\t').nth(1).unwrap().parse::<u64>().unwrap() - 4;
    let expected: u64 = sizes.lines().map(size).sum();
    let counted = |metrics: &str| {
        let lines = metrics.lines().filter(|line| {
            line.starts_with("remora_ledger_bytes_total{database=\"ledger\"")
                && line.contains("origin=\"file\"")
        });
        let value = |line: &str| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap();
        lines.map(value).sum::<u64>()
    };
    let sum = wait_for("the ledger", DEADLINE, || {
        remora
            .metrics()
            .map(|metrics| counted(&metrics))
            .filter(|sum| *sum >= expected)
    });
    println!("{} files, {sum} bytes of events", sizes.lines().count());
    assert_eq!(sum, expected);
}
