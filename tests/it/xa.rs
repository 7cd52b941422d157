//! XA transactions: their rows come at XA COMMIT, or not at all, whoever dies in between.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::faults::{ToFile, state};
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, wait_for};

/// A server with GTIDs, and one that is followed by file and offset.
const MODES: [&[&str]; 2] = [&[], &["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]];

fn prepare(xid: &str, work: &str) -> String {
    format!("XA START '{xid}'; {work}; XA END '{xid}'; XA PREPARE '{xid}';")
}

fn insert(id: i64) -> String {
    format!("INSERT INTO d.t VALUES ({id}, REPEAT('x', 50))")
}

fn server(options: &[&str]) -> Mysql {
    let mysql = Mysql::start(options);
    mysql.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v TEXT)");
    mysql
}

fn wait_prepared(remora: &Remora, count: f64) {
    wait_for("the prepared transactions", DEADLINE, || {
        let found = remora.metric("remora_xa_prepared{database=\"xa\"}");
        (found == Some(count)).then_some(())
    });
}

/// Waits until the daemon, which follows this database alone, ends by itself; gives what it says.
fn wait_failed(mut remora: Remora) -> String {
    assert_eq!(remora.wait_exit(DEADLINE).code(), Some(1));
    remora.log()
}

fn stop(mut remora: Remora) {
    remora.terminate();
    assert_eq!(remora.wait_exit(DEADLINE).code(), Some(0));
}

fn stored(config: &ConfigDir) -> serde_json::Value {
    let text = fs::read(config.path().join("xa.position")).unwrap();
    let sealed: serde_json::Value = serde_json::from_slice(&text).unwrap();
    sealed["record"].clone()
}

#[test]
fn f28_rows_of_xa_transactions_come_at_their_commit_over_every_kill() {
    for options in MODES {
        let mysql = server(options);
        let config = ConfigDir::new();
        let file = ToFile::add(&config, "xa", mysql.port(), "d");
        let mut remora = Remora::start(&config);
        mysql.sql(&format!(
            "{};{}",
            insert(1),
            prepare("a", &format!("{};{}", insert(10), insert(11)))
        ));
        mysql.sql(&prepare("b", &insert(20)));
        let compressed = "SET binlog_transaction_compression = ON;";
        mysql.sql(&format!(
            "{compressed}{}{}",
            prepare("c", &insert(30)),
            insert(2)
        ));
        mysql.sql(&format!(
            "XA ROLLBACK 'b'; XA START 'o'; {}; XA END 'o'; XA COMMIT 'o' ONE PHASE;
             {compressed} XA START 'p'; {}; XA END 'p'; XA COMMIT 'p' ONE PHASE; {}",
            insert(40),
            insert(41),
            insert(3)
        ));
        assert_eq!(file.ids(3), [1, 2, 40, 41, 3]);
        wait_prepared(&remora, 2.0);
        remora.kill9();
        let mut remora = Remora::start(&config);
        mysql.sql(&format!("FLUSH BINARY LOGS; {}", insert(4)));
        file.ids(4);
        wait_prepared(&remora, 2.0);
        mysql.kill9();
        mysql.restart();
        mysql.sql(&insert(5));
        file.ids(5);
        wait_prepared(&remora, 2.0);
        mysql.sql(&format!("XA COMMIT 'c'; {}", insert(6)));
        file.ids(6);
        remora.kill9();
        mysql.sql("XA COMMIT 'a'");
        mysql.sql(&insert(7));
        let remora = Remora::start(&config);
        assert_eq!(
            file.ids(7),
            [1, 2, 40, 41, 3, 4, 5, 30, 6, 10, 11, 7],
            "{options:?}"
        );
        check_sources(&file, options.is_empty());
        wait_prepared(&remora, 0.0);
        stop(remora);
        let record = stored(&config);
        assert_eq!(record["prepared"], serde_json::json!([]), "{record}");
        if options.is_empty() {
            let executed = mysql.sql("SELECT @@gtid_executed").replace('\n', "");
            assert_eq!(record["gtids"], executed);
        }
        // Everything is known to be delivered: nothing comes again.
        let lines = file.lines().len();
        mysql.sql(&insert(8));
        let _remora = Remora::start(&config);
        file.ids(8);
        assert_eq!(file.lines().len(), lines + 1);
    }
}

/// Rows name the group that they were logged in, and so do their change ids.
fn check_sources(file: &ToFile, gtids: bool) {
    let lines = file.lines();
    let of = |id: i64| {
        let line = lines.iter().find(|line| line["value"]["after"]["id"] == id);
        line.unwrap().clone()
    };
    let (first, ten, eleven, two) = (of(1), of(10), of(11), of(2));
    let pos = |line: &serde_json::Value| line["value"]["source"]["pos"].as_i64().unwrap();
    assert!(pos(&first) < pos(&ten) && pos(&ten) < pos(&eleven) && pos(&eleven) < pos(&two));
    let id = |line: &serde_json::Value| line["headers"]["__remora.id"].as_str().unwrap().to_owned();
    let group = id(&ten).strip_suffix("/0/0").unwrap().to_owned();
    assert_eq!(id(&eleven), format!("{group}/1/0"));
    if gtids {
        assert_eq!(ten["value"]["source"]["gtid"], group);
    } else {
        assert!(group.contains("mysql-bin.000001:"), "{group}");
    }
}

#[test]
fn f28_the_end_of_what_was_never_read_stops_or_harms_nothing() {
    for options in MODES {
        let mysql = server(options);
        mysql.sql(&prepare("rolled back", &insert(1)));
        mysql.sql(&prepare("left", &insert(2)));
        let config = ConfigDir::new();
        let file = ToFile::add(&config, "xa", mysql.port(), "d");
        let path = config.path().join("databases/xa.toml");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, text.replace("\"earliest\"", "\"now\"")).unwrap();
        let remora = Remora::start(&config);
        wait_for("the stream", DEADLINE, || {
            state(&remora, "xa").filter(|(state, _)| state == "streaming")
        });
        assert!(
            remora.log().contains("X'6c656674',X'',1"),
            "{}",
            remora.log()
        );
        mysql.sql(&format!("XA ROLLBACK 'rolled back'; {}", insert(3)));
        assert_eq!(file.ids(3), [3]);
        mysql.sql("XA COMMIT 'left'");
        let error = wait_failed(remora);
        println!("{error}");
        assert!(error.contains("X'6c656674',X'',1"), "{error}");
        assert!(error.contains("mysql-bin.000001:"), "{error}");
    }
}

#[test]
fn f29_a_purged_binlog_of_a_prepared_transaction_is_a_stop_that_names_it() {
    for options in MODES {
        let mysql = server(options);
        let config = ConfigDir::new();
        let file = ToFile::add(&config, "xa", mysql.port(), "d");
        let remora = Remora::start(&config);
        mysql.sql(&prepare("a", &insert(1)));
        mysql.sql(&prepare("b", &insert(2)));
        mysql.sql(&insert(3));
        file.ids(3);
        wait_prepared(&remora, 2.0);
        let purge = "FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY";
        // While remora runs it has the rows: a purge takes nothing from it.
        mysql.sql(&format!("FLUSH BINARY LOGS; {}", insert(4)));
        file.ids(4);
        let age = remora.metric("remora_xa_oldest_seconds{database=\"xa\"}");
        assert!(age.unwrap() > 0.0);
        mysql.sql(purge);
        mysql.sql(&format!("XA COMMIT 'a'; {}", insert(5)));
        assert_eq!(file.ids(5), [3, 4, 1, 5]);
        stop(remora);
        let prepared = stored(&config)["prepared"].clone();
        assert_eq!(prepared[0]["xid"], "X'62',X'',1", "{prepared}");
        let remora = Remora::start(&config);
        let error = wait_failed(remora);
        println!("{error}");
        assert!(
            error.contains("purged") && error.contains("X'62',X'',1"),
            "{error}"
        );
    }
}

/// A small generator of the same numbers for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }
}

#[test]
fn f28_random_xa_and_kills_leave_what_the_table_holds() {
    let seed = u64::from(std::process::id());
    for options in MODES {
        println!("seed {seed}, {options:?}");
        let mut random = Random(seed);
        let mysql = server(options);
        let config = ConfigDir::new();
        let tables = "memory_bytes_max = \"1KiB\"";
        let file = ToFile::add_with(&config, "xa", (mysql.port(), "d"), ("", tables));
        let mut remora = Remora::start(&config);
        let (mut pending, mut next) = (Vec::new(), 1);
        for step in 0..60 {
            next += 10;
            let rows: Vec<String> = (next..next + 1 + random.below(8) as i64)
                .map(insert)
                .collect();
            let session = ["OFF", "ON"][random.below(2) as usize];
            let session = format!("SET binlog_transaction_compression = {session};");
            match random.below(8) {
                0 | 1 => drop(mysql.sql(&format!("{session} BEGIN; {}; COMMIT", rows.join(";")))),
                2..=4 => {
                    let xid = format!("x{step}");
                    mysql.sql(&format!("{session}{}", prepare(&xid, &rows.join(";"))));
                    pending.push(xid);
                }
                _ if pending.is_empty() => {}
                kind => {
                    let xid = pending.swap_remove(random.below(pending.len() as u64) as usize);
                    let verb = if kind == 5 { "ROLLBACK" } else { "COMMIT" };
                    mysql.sql(&format!("XA {verb} '{xid}'"));
                }
            }
            match random.below(12) {
                0 => {
                    remora.kill9();
                    remora = Remora::start(&config);
                }
                1 => {
                    mysql.kill9();
                    mysql.restart();
                }
                2 => drop(mysql.sql("FLUSH BINARY LOGS")),
                _ => {}
            }
        }
        for xid in pending {
            mysql.sql(&format!("XA COMMIT '{xid}'"));
        }
        mysql.sql(&insert(1_000_000));
        let delivered: BTreeSet<i64> = file.ids(1_000_000).into_iter().collect();
        let ids = mysql.sql("SELECT id FROM d.t");
        let expected: BTreeSet<i64> = ids.lines().map(|id| id.parse().unwrap()).collect();
        assert_eq!(delivered, expected, "seed {seed}");
        stop(remora);
        assert_eq!(left_in(&config.path().join("spool")), 0);
    }
}

/// Files in a folder and those below it.
fn left_in(folder: &Path) -> usize {
    fs::read_dir(folder).into_iter().flatten().flatten().count()
}

#[test]
fn f28_a_large_xa_transaction_waits_on_the_disk() {
    let mysql = server(&[]);
    let config = ConfigDir::new();
    let start = |bytes_max: &str| {
        let tables = format!("memory_bytes_max = \"64KiB\"\nbytes_max = \"{bytes_max}\"");
        ToFile::add_with(&config, "xa", (mysql.port(), "d"), ("", &tables));
        Remora::start(&config)
    };
    let file = ToFile::add(&config, "xa", mysql.port(), "d");
    let series = "INSERT INTO d.t WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE \
                  n < 20000) SELECT n, REPEAT('x', 50) FROM s";
    mysql.sql(&format!(
        "SET cte_max_recursion_depth = 100000; {}{}",
        prepare("large", series),
        insert(30_000)
    ));
    let error = wait_failed(start("1MiB"));
    assert!(
        error.contains("more than 1048576 bytes on the disk"),
        "{error}"
    );
    assert!(error.contains("raise spool.bytes_max"), "{error}");

    let remora = start("1GiB");
    file.ids(30_000);
    let disk = "remora_spool_disk_bytes{database=\"xa\"}";
    let bytes = remora.metric(disk).unwrap();
    println!("20,000 rows wait in {bytes} bytes");
    assert!(bytes > 10e6);
    mysql.sql(&format!("XA COMMIT 'large'; {}", insert(30_001)));
    let expected: Vec<i64> = [30_000]
        .into_iter()
        .chain(1..=20_000)
        .chain([30_001])
        .collect();
    assert_eq!(file.ids(30_001), expected);
    wait_for("the disk to be free", DEADLINE, || {
        (remora.metric(disk) == Some(0.0)).then_some(())
    });
    stop(remora);
    assert_eq!(left_in(&config.path().join("spool")), 0);
}
