//! A statement that nobody can read, in a binlog whose text was changed: it concerns the table that it names.

use serde_json::Value;

use crate::ddl_random::{Follower, Line};
use crate::faults::doctor::Log;
use crate::support::DEADLINE;
use crate::support::mysql::Mysql;

const MINIMAL: &str = "--binlog-row-metadata=MINIMAL";

/// A server whose second binlog holds statements, one of which nobody can read.
fn unreadable(metadata: &str, statements: &str) -> Mysql {
    let mysql = Mysql::start(&[metadata]);
    mysql.sql(
        "CREATE DATABASE d; CREATE DATABASE other; USE d; CREATE TABLE a (id INT PRIMARY KEY, x INT, y INT);
         CREATE TABLE b LIKE a; CREATE TABLE other.c LIKE a; FLUSH BINARY LOGS",
    );
    mysql.sql(&format!(
        "USE d; {statements}; FLUSH BINARY LOGS; PURGE BINARY LOGS TO 'mysql-bin.000002'"
    ));
    let log = Log::read(&mysql.data().join("mysql-bin.000002"));
    log.write(&log.reworded("COMMENT = 'new'", "FROBNICATE '.!'"));
    mysql
}

/// What a database says that stops by itself.
fn failure(mysql: &Mysql, include: &str, more: &str) -> (String, Vec<String>) {
    let follower = Follower::new(mysql.port(), include, "earliest", more);
    let mut remora = follower.launch();
    remora.wait_exit(DEADLINE);
    (remora.log(), told(&follower.lines().0))
}

/// What is told up to a record with that text.
fn told_until(mysql: &Mysql, include: &str, text: &str) -> Vec<String> {
    let follower = Follower::new(mysql.port(), include, "earliest", "");
    let remora = follower.launch();
    follower.wait_for(&remora, text);
    told(&follower.lines().0)
}

/// The server is asked for the table, and nothing behind the statement has changed it: its rows are read. Others are
/// not concerned, neither are those that are not captured.
#[test]
fn f43_a_statement_that_nobody_can_read_is_looked_around() {
    let mysql = unreadable(
        MINIMAL,
        "INSERT INTO b VALUES (1, 1, 1); ALTER TABLE a COMMENT = 'new'; ALTER TABLE other.c COMMENT = 'new';
         INSERT INTO b VALUES (2, 2, 2); INSERT INTO a VALUES (3, 3, 3); INSERT INTO other.c VALUES (4, 4, 4);
         ALTER TABLE b RENAME COLUMN x TO z; INSERT INTO a VALUES (9, 9, 9)",
    );
    // The log begins behind the CREATEs, and `b` is changed in it: it cannot be read at its beginning.
    let all = told_until(&mysql, "d\\.a", "\"id\":9}");
    assert_eq!(all, ["a c id=3 x=3 y=3", "a c id=9 x=9 y=9"]);
}

/// Where what the server says today may not hold yet, the rows are not read, and the place and the remedy are named;
/// another table is read, and with names in the events nothing of this matters.
#[test]
fn f43_behind_a_statement_that_nobody_can_read_nothing_is_guessed() {
    let statements = "INSERT INTO b VALUES (1, 1, 1); ALTER TABLE a COMMENT = 'new'; INSERT INTO a VALUES (2, 2, 2);
         ALTER TABLE a RENAME COLUMN x TO y, RENAME COLUMN y TO x; INSERT INTO a VALUES (3, 3, 3); INSERT INTO b VALUES (9, 9, 9)";
    let mysql = unreadable(MINIMAL, statements);
    let (log, told) = failure(&mysql, "d\\..*", "");
    let words = [
        "d.a is MINIMAL",
        "mysql-bin.000002:",
        "GTID",
        "SET PERSIST binlog_row_metadata = 'FULL'",
    ];
    assert!(words.iter().all(|word| log.contains(word)), "{log}");
    assert_eq!(told, ["b c id=1 x=1 y=1"]);
    assert_eq!(
        told_until(&mysql, "d\\.b", "\"id\":9}"),
        ["b c id=1 x=1 y=1", "b c id=9 x=9 y=9"]
    );

    let mysql = unreadable("--binlog-row-metadata=FULL", statements);
    let expected = [
        "b c id=1 x=1 y=1",
        "a c id=2 x=2 y=2",
        "a c id=3 y=3 x=3",
        "b c id=9 x=9 y=9",
    ];
    assert_eq!(told_until(&mysql, "d\\..*", "\"id\":9}"), expected);
}

/// Table, operation, key and image of each record but tombstones, as one text each.
fn told(lines: &[Line]) -> Vec<String> {
    let values = lines.iter().filter(|line| !line.json["value"].is_null());
    values
        .map(|line| {
            let change = line.record.change.as_ref().unwrap();
            let image = change.after.as_ref().or(change.before.as_ref());
            let members = |image: &Vec<(String, Value)>| {
                let members: Vec<String> = image
                    .iter()
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                members.join(" ")
            };
            let table = line.json["value"]["source"]["table"].as_str().unwrap();
            let text = image.map(members).unwrap_or_default();
            format!("{table} {} {text}", change.op)
                .trim_end()
                .to_owned()
        })
        .collect()
}
