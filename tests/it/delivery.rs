//! Nothing lost, everything in order: loads on real servers while processes are killed.

pub(crate) mod load;
mod verify;

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::{Duration, Instant};

use load::{Random, TABLES, schema, session};
use verify::{Report, Seen, verify};

use crate::support::config::{ConfigDir, source_toml};
use crate::support::kafka::Kafka;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

/// Time for a load to come through on a machine that does other things too.
const LONG: Duration = Duration::from_secs(180);

/// A database on a server, its topics, and the configuration between them.
struct Run<'a> {
    mysql: &'a Mysql,
    kafka: &'a Kafka,
    database: String,
    config: ConfigDir,
}

impl<'a> Run<'a> {
    fn new(mysql: &'a Mysql, kafka: &'a Kafka) -> Run<'a> {
        let database = unique("delivery");
        mysql.sql(&schema(&database));
        let run = Run {
            mysql,
            kafka,
            config: ConfigDir::new(),
            database,
        };
        run.config.database(&run.database, &run.toml(""));
        run
    }

    fn toml(&self, more: &str) -> String {
        format!(
            "{}\n[headers]\nid = true\n[kafka]\nbrokers = \"{}\"\npartitions = 4\n{more}",
            source_toml(self.mysql, &self.database),
            self.kafka.brokers()
        )
    }

    fn topic(&self, table: &str) -> String {
        format!("{0}.{0}.{table}", self.database)
    }

    /// Runs `sessions` sessions of about `changes` changes each, and gives their threads.
    fn start_load<'s>(
        &'s self,
        scope: &'s thread::Scope<'s, '_>,
        sessions: u64,
        seed: u64,
        changes: u64,
    ) -> Vec<thread::ScopedJoinHandle<'s, ()>> {
        let spawn = |number| {
            let transactions = session(&self.database, number, seed, changes);
            scope.spawn(move || {
                self.mysql.sql(&transactions.join("\n"));
            })
        };
        (0..sessions).map(spawn).collect()
    }

    /// Writes the fence and waits until it has come through.
    fn fence(&self) {
        self.mysql
            .sql(&format!("INSERT INTO {}.fence VALUES (1)", self.database));
        wait_for("the fence's record", LONG, || {
            (!self.kafka.records(&[&self.topic("fence")]).is_empty()).then_some(())
        });
    }

    fn verify(&self) -> Report {
        let topics = TABLES.map(|(table, _)| self.topic(table));
        let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
        let seen: Vec<Seen> = self.kafka.records(&topics).iter().map(Seen::of).collect();
        let rows = |(table, select): (&str, &str)| {
            // Raw: the client would escape backslashes; JSON text has no line break.
            let text = self.mysql.sql(&format!("USE {}; {select}", self.database));
            let canonical = |line: &str| {
                serde_json::from_str::<serde_json::Value>(line)
                    .unwrap()
                    .to_string()
            };
            (
                table.to_owned(),
                text.lines().map(canonical).collect::<BTreeSet<_>>(),
            )
        };
        let report = verify(&seen, &TABLES.map(rows).into(), &self.truth());
        report.unwrap_or_else(|wrong| panic!("{wrong}"))
    }

    /// Rows of this database per transaction, as `mysqlbinlog` counts them; the fence left out. A transaction
    /// without a GTID is known by the place where it starts.
    fn truth(&self) -> BTreeMap<String, u64> {
        let (mut at, mut group, mut rows) = ("", String::new(), BTreeMap::new());
        let table = format!("`{}`.`", self.database);
        for (file, text) in &self.mysql.binlogs() {
            for line in text.lines() {
                if let Some(offset) = line.strip_prefix("# at ") {
                    at = offset;
                } else if line.contains("\tAnonymous_GTID\t") {
                    group = format!("{file}:{at}");
                } else if let Some(gtid) = line.strip_prefix("SET @@SESSION.GTID_NEXT= '")
                    && !gtid.starts_with("ANONYMOUS")
                {
                    group = gtid.split('\'').next().unwrap().to_owned();
                }
                let change = ["### INSERT INTO ", "### UPDATE ", "### DELETE FROM "];
                let name = change.iter().find_map(|verb| line.strip_prefix(verb));
                if name.is_some_and(|name| name.starts_with(&table) && !name.ends_with(".`fence`"))
                {
                    *rows.entry(group.clone()).or_default() += 1;
                }
            }
        }
        rows
    }
}

fn wait_ready(remora: &Remora) {
    wait_for("remora to follow the binlog", DEADLINE, || {
        remora.get("/ready").filter(|(status, _)| *status == 200)
    });
}

#[test]
fn twenty_kills_of_remora_lose_nothing() {
    let seed = 7;
    let mysql = Mysql::start(&[]);
    let run = Run::new(&mysql, Kafka::shared());
    let mut random = Random::new(seed);
    let mut remora = Remora::start(&run.config);
    wait_ready(&remora);
    let mut kills = 0;
    thread::scope(|scope| {
        let load = run.start_load(scope, 4, seed, 90_000);
        while kills < 20 {
            // The moment of the kill is the point: so long after the start, at random.
            let alive = Duration::from_millis(100 + random.below(1500));
            let start = Instant::now();
            wait_for("the moment of the kill", DEADLINE, || {
                (start.elapsed() >= alive).then_some(())
            });
            remora.kill9();
            kills += 1;
            remora = Remora::start(&run.config);
        }
        load.into_iter().for_each(|session| session.join().unwrap());
    });
    run.fence();
    let report = run.verify();
    println!(
        "seed {seed}: {kills} kills, {} duplicates per kill, {report:?}",
        report.duplicates / kills
    );
    assert!(report.transactions > 100);
}

#[test]
fn killed_servers_need_no_help() {
    let (mysql, kafka) = (
        Mysql::start(&["--sync-binlog=1", "--innodb-flush-log-at-trx-commit=1"]),
        Kafka::start(&[]),
    );
    let run = Run::new(&mysql, &kafka);
    let mut remora = Remora::start(&run.config);
    wait_ready(&remora);
    for seed in 0..3 {
        // A killed server ends its sessions: the load is what they had committed.
        thread::scope(|scope| {
            let load = run.start_load(scope, 2, 10 + seed, 8_000);
            let moved = remora.metric(&format!(
                "remora_transactions_total{{database=\"{}\"}}",
                run.database
            ));
            wait_for("some transactions", DEADLINE, || {
                let name = format!("remora_transactions_total{{database=\"{}\"}}", run.database);
                (remora.metric(&name)? > moved? + 5.0).then_some(())
            });
            kafka.kill9();
            kafka.restart();
            load.into_iter().for_each(|session| session.join().unwrap());
        });
        mysql.kill9();
        mysql.restart();
    }
    run.fence();
    let report = run.verify();
    println!("3 kills of mysqld, 3 of the broker: {report:?}");
    remora.terminate();
    assert!(
        remora.wait_exit(DEADLINE).success(),
        "{}",
        remora.log_tail()
    );
}

#[test]
fn every_shape_of_transaction_comes_once_and_in_order() {
    let mysql = Mysql::start(&["--binlog-row-event-max-size=1024"]);
    let run = Run::new(&mysql, Kafka::shared());
    let mut remora = Remora::start(&run.config);
    wait_ready(&remora);
    let database = &run.database;
    mysql.sql(&format!(
        "USE {database}; SET SESSION cte_max_recursion_depth = 300000;
         INSERT INTO plain WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT i, i, 'big' FROM n;
         SET SESSION binlog_transaction_compression = ON;
         BEGIN; INSERT INTO wide SELECT id, v, REPEAT('z', 500) FROM plain WHERE id <= 2000; UPDATE plain SET v = -v WHERE id <= 3000; COMMIT;
         SET SESSION binlog_transaction_compression = OFF;
         FLUSH BINARY LOGS;
         BEGIN; INSERT INTO paired VALUES ('a', 1, 1), ('b', 2, 2); UPDATE plain SET v = 7 WHERE id = 1; DELETE FROM wide WHERE id < 10; INSERT INTO plain VALUES (-1, 1, 'x'); COMMIT;
         CREATE DATABASE {database}_other; CREATE TABLE {database}_other.t (id INT PRIMARY KEY); INSERT INTO {database}_other.t VALUES (1), (2);
         FLUSH BINARY LOGS; FLUSH BINARY LOGS;
         CREATE TABLE loose (id INT PRIMARY KEY) ENGINE = MyISAM; INSERT INTO loose VALUES (1), (2);
         BEGIN; INSERT INTO plain VALUES (-2, 2, 'never'); ROLLBACK;
         BEGIN; INSERT INTO plain VALUES (-3, 3, 'kept'); SAVEPOINT s; INSERT INTO plain VALUES (-4, 4, 'undone'); ROLLBACK TO s; COMMIT;
         ALTER TABLE paired ADD COLUMN w INT; INSERT INTO paired VALUES ('c', 3, 3, 4); ALTER TABLE paired DROP COLUMN w;"
    ));
    run.fence();
    // The rows of the table made here are counted by the truth, and must be in a topic.
    let loose = run.kafka.records(&[&run.topic("loose")]);
    assert_eq!(loose.len(), 2, "rows of a table that cannot roll back");
    mysql.sql(&format!("DROP TABLE {database}.loose"));
    let topics = TABLES.map(|(table, _)| run.topic(table));
    let topics: Vec<&str> = topics
        .iter()
        .map(String::as_str)
        .chain([loose[0].topic.as_str()])
        .collect();
    let seen: Vec<Seen> = run.kafka.records(&topics).iter().map(Seen::of).collect();
    let report =
        verify(&seen, &BTreeMap::new(), &run.truth()).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(report.duplicates, 0);
    assert!(report.changes > 205_000);
    println!("200,000 rows in one transaction, a compressed one, rotations, DDL: {report:?}");
    remora.terminate();
    assert!(remora.wait_exit(DEADLINE).success());
}

#[test]
fn a_stop_in_order_repeats_nothing() {
    let run = Run::new(Mysql::shared(), Kafka::shared());
    let mut stops = 0;
    thread::scope(|scope| {
        let load = run.start_load(scope, 2, 3, 10_000);
        while !load.iter().all(thread::ScopedJoinHandle::is_finished) || stops < 2 {
            let mut remora = Remora::start(&run.config);
            wait_ready(&remora);
            remora.terminate();
            assert_eq!(
                remora.wait_exit(DEADLINE).code(),
                Some(0),
                "{}",
                remora.log_tail()
            );
            stops += 1;
        }
        load.into_iter().for_each(|session| session.join().unwrap());
    });
    let _remora = Remora::start(&run.config);
    run.fence();
    let report = run.verify();
    println!("{stops} stops: {report:?}");
    assert_eq!(report.duplicates, 0);
}

#[test]
fn the_later_of_two_instances_goes_on() {
    let run = Run::new(Mysql::shared(), Kafka::shared());
    let mut first = Remora::start(&run.config);
    wait_ready(&first);
    let other = ConfigDir::new();
    other.database(&run.database, &run.toml(""));
    let second = Remora::start(&other);
    wait_ready(&second);
    let status = first.wait_exit(LONG);
    assert_eq!(status.code(), Some(1), "{}", first.log_tail());
    assert!(
        first.log().contains("duplicate instance"),
        "{}",
        first.log_tail()
    );
    thread::scope(|scope| {
        run.start_load(scope, 1, 5, 2_000);
    });
    run.fence();
    println!("one instance of two: {:?}", run.verify());
}

#[test]
fn one_database_that_cannot_start_leaves_the_other_alone() {
    let run = Run::new(Mysql::shared(), Kafka::shared());
    let broken = run.toml("").replace("user = \"root\"", "user = \"nobody\"");
    let broken = broken.replacen("start", "topic_prefix = \"broken\"\nstart", 1);
    run.config.database("broken", &broken);
    let remora = Remora::start(&run.config);
    thread::scope(|scope| {
        run.start_load(scope, 1, 6, 1_000);
    });
    run.fence();
    let (status, body) = remora.get("/ready").unwrap();
    assert_eq!(status, 503);
    let report: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(report["databases"][0]["state"], "failed", "{body}");
    assert_eq!(report["databases"][1]["state"], "streaming", "{body}");
    assert!(report["databases"][0]["remedy"].is_string(), "{body}");
    assert_eq!(remora.get("/health").unwrap().0, 200);
    run.verify();
}

#[test]
fn without_a_stored_position_the_start_must_be_said() {
    let run = Run::new(Mysql::shared(), Kafka::shared());
    let unsaid = run.toml("").replace("start = \"earliest\"", "");
    run.config.database(&run.database, &unsaid);
    let mut remora = Remora::start(&run.config);
    assert_eq!(remora.wait_exit(DEADLINE).code(), Some(1));
    assert!(
        remora.log().contains("`start` is not set"),
        "{}",
        remora.log_tail()
    );

    run.mysql.sql(&format!(
        "INSERT INTO {}.plain VALUES (1, 1, 'before')",
        run.database
    ));
    let now = run.toml("").replace("\"earliest\"", "\"now\"");
    run.config.database(&run.database, &now);
    let remora = Remora::start(&run.config);
    wait_ready(&remora);
    run.mysql.sql(&format!(
        "INSERT INTO {}.plain VALUES (2, 2, 'after')",
        run.database
    ));
    run.fence();
    let records = run.kafka.records(&[&run.topic("plain")]);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].key_json()["id"], 2);
}

#[test]
fn a_server_without_gtids_is_followed_by_file_and_offset() {
    let mysql = Mysql::start(&["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]);
    let run = Run::new(&mysql, Kafka::shared());
    let mut remora = Remora::start(&run.config);
    wait_ready(&remora);
    thread::scope(|scope| {
        let load = run.start_load(scope, 2, 9, 5_000);
        for _ in 0..3 {
            wait_ready(&remora);
            remora.kill9();
            remora = Remora::start(&run.config);
        }
        load.into_iter().for_each(|session| session.join().unwrap());
    });
    run.fence();
    let records = run.kafka.records(&[&run.topic("plain")]);
    let value = records
        .iter()
        .map(|record| record.value_json())
        .find(|value| !value.is_null())
        .unwrap();
    assert!(value["source"]["gtid"].is_null());
    assert_eq!(value["source"]["ts_ms"].as_u64().unwrap() % 1000, 0);
    let report = run.verify();
    println!("file and offset: {report:?}");
}

#[test]
fn a_purged_position_is_named_and_nothing_is_skipped() {
    let mysql = Mysql::start(&[]);
    let run = Run::new(&mysql, Kafka::shared());
    let mut remora = Remora::start(&run.config);
    run.fence();
    remora.terminate();
    remora.wait_exit(DEADLINE);
    mysql.end_readers();
    mysql.sql(&format!(
        "INSERT INTO {}.plain VALUES (1, 1, 'lost'); FLUSH BINARY LOGS; PURGE BINARY LOGS BEFORE NOW() + INTERVAL 1 DAY",
        run.database
    ));
    let mut remora = Remora::start(&run.config);
    assert_eq!(remora.wait_exit(DEADLINE).code(), Some(1));
    assert!(
        remora.log().contains("has purged transactions"),
        "{}",
        remora.log_tail()
    );
}
