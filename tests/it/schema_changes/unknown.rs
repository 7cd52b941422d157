//! Where it cannot be told how a table looked, the database stops; where it does not matter, it goes on.

use std::thread;

use super::Followed;
use crate::faults::{ToFile, state};
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, wait_for};

/// A statement whose text is not whole in its character set: nobody can say what all of it means.
const UNREADABLE: &str = "SET NAMES gbk; CREATE TABLE IF NOT EXISTS noise (id INT) /*!99999 € */;
    SET NAMES utf8mb4; ";

const SET_FULL: &str = "SET PERSIST binlog_row_metadata = 'FULL'";

/// Waits until the only database has stopped, and the daemon with it; gives why, and what to do.
fn stopped(mut remora: Remora) -> String {
    assert_eq!(remora.wait_exit(DEADLINE).code(), Some(1));
    let log = remora.log();
    let line = log.lines().find(|line| line.contains("the position stays"));
    line.unwrap().to_owned()
}

#[test]
fn f43_what_nobody_can_read_stops_only_what_depends_on_it() {
    let mysql = Mysql::start(&[]);
    let mut followed = Followed::new(&mysql);
    followed.sql("CREATE TABLE t (id INT PRIMARY KEY, a INT); CREATE DATABASE other; CREATE TABLE other.t (x INT)");
    let remora = followed.start();
    // Each event names its columns: nothing depends on the statement.
    followed.sql(&format!("{UNREADABLE} INSERT INTO t VALUES (1, 1)"));
    followed.catch_up();
    Followed::stop(remora);
    mysql.sql("SET GLOBAL binlog_row_metadata = MINIMAL");
    // Tables that are not captured never need a name.
    mysql.sql(&format!(
        "USE other; {UNREADABLE} INSERT INTO t VALUES (1); {UNREADABLE} INSERT INTO t VALUES (2)"
    ));
    let mut remora = followed.start();
    // The table is read from the server again, since nothing touches it between there and here.
    followed.sql("INSERT INTO t VALUES (2, 2)");
    followed.catch_up();
    remora.kill9();
    let remora = followed.start();
    followed.catch_up();
    Followed::stop(remora);
    followed.sql(&format!("{UNREADABLE} INSERT INTO t VALUES (3, 3)"));
    followed.sql(&format!("{UNREADABLE} INSERT INTO t VALUES (4, 4)"));
    let remora = followed.start();
    let report = stopped(remora);
    println!("{report}");
    for part in [SET_FULL, "mysql-bin.0", "GTID", ".t is MINIMAL"] {
        assert!(report.contains(part), "{report}");
    }
    let expected = [
        r#"t c {"id":1} {"a":1,"id":1}"#,
        r#"t c {"id":2} {"a":2,"id":2}"#,
    ];
    assert_eq!(followed.records(), expected);
}

/// From the second binlog on, with a statement before its rows, in between, or behind them.
fn from_second_binlog(statements: &str) -> (Mysql, Vec<String>, Option<String>) {
    let mysql = Mysql::start(&["--binlog-row-metadata=MINIMAL"]);
    let mut followed = Followed::new(&mysql);
    followed.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT); CREATE TABLE o (id INT PRIMARY KEY)",
    );
    mysql.sql("FLUSH BINARY LOGS; PURGE BINARY LOGS TO 'mysql-bin.000002'");
    followed.sql(statements);
    let remora = followed.start();
    if statements.contains("ALTER TABLE t") {
        let report = stopped(remora);
        return (mysql, vec![], Some(report));
    }
    followed.catch_up();
    let records = followed.records();
    (mysql, records, None)
}

#[test]
fn f44_a_definition_that_may_be_of_another_day_is_not_used() {
    // Equal types: only the names tell the two columns apart.
    let swap = "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a";
    let (_mysql, _, report) =
        from_second_binlog(&format!("INSERT INTO t VALUES (1, 2, 3); {swap}"));
    let report = report.unwrap();
    println!("{report}");
    for part in [SET_FULL, "mysql-bin.000002:", "GTID", ".t is MINIMAL"] {
        assert!(report.contains(part), "{report}");
    }
}

#[test]
fn f44_a_definition_that_nothing_touches_until_it_was_read_is_used() {
    let noise = "ALTER TABLE o ADD x INT; CREATE TABLE p LIKE t; CREATE VIEW v AS SELECT 1; GRANT SELECT ON *.* TO root@localhost";
    let (_mysql, records, report) =
        from_second_binlog(&format!("INSERT INTO t VALUES (1, 2, 3); {noise}"));
    assert_eq!(report, None);
    assert_eq!(records, [r#"t c {"id":1} {"a":2,"b":3,"id":1}"#]);
}

/// Rows with and without names by turns, and changes of the table between them.
#[test]
fn f44_metadata_switched_under_load() {
    const ROUNDS: i64 = 60;
    let mysql = Mysql::start(&["--binlog-row-metadata=MINIMAL"]);
    let mut followed = Followed::new(&mysql);
    followed.sql("CREATE TABLE t (id INT PRIMARY KEY, c0 INT)");
    let (mut statements, mut expected) = (String::new(), Vec::new());
    for round in 0..ROUNDS {
        let next = round + 1;
        statements += &format!(
            "ALTER TABLE t RENAME COLUMN c{round} TO c{next}, ADD e{next} ENUM('a','e{next}') DEFAULT 'e{next}' FIRST;"
        );
        for row in 0..20 {
            let id = round * 20 + row;
            statements += &format!("INSERT INTO t (id, c{next}) VALUES ({id}, {round});");
            expected.push(format!(
                r#"t c {{"id":{id}}} {{"c{next}":{round},"e{next}":"e{next}","id":{id}}}"#
            ));
        }
        statements += &format!("ALTER TABLE t DROP COLUMN e{next};");
    }
    let remora = followed.start();
    let mut switches = 0;
    thread::scope(|scope| {
        let load = scope.spawn(|| followed.sql(&statements));
        while !load.is_finished() {
            for metadata in ["FULL", "MINIMAL"] {
                mysql.sql(&format!("SET GLOBAL binlog_row_metadata = {metadata}"));
                switches += 1;
            }
        }
    });
    followed.catch_up();
    println!("{switches} switches");
    assert!(switches > 10);
    assert!(followed.records() == expected);
    drop(remora);
}

/// CREATE TABLE IF NOT EXISTS of a table that is there, and that the account may not see, says nothing of it.
#[test]
fn f44_an_account_that_sees_no_table_is_not_told_that_there_is_none() {
    let mysql = Mysql::start(&["--binlog-row-metadata=MINIMAL"]);
    let mut followed = Followed::new(&mysql);
    followed.sql(
        "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT); CREATE USER blind;
         GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO blind;",
    );
    followed.sql(&format!(
        "GRANT SELECT ON {}.marker TO blind",
        followed.schema
    ));
    let file = followed.config.path().join("databases/changes.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(
        &file,
        text.replace("root", "blind").replace("earliest", "now"),
    )
    .unwrap();
    let remora = followed.start();
    wait_for("the start", DEADLINE, || {
        (state(&remora, "changes")?.0 == "streaming").then_some(())
    });
    followed.catch_up();
    followed.sql(
        "CREATE TABLE IF NOT EXISTS t (id INT PRIMARY KEY, b INT, a INT); INSERT INTO t VALUES (1, 2, 3)",
    );
    let report = stopped(remora);
    println!("{report}");
    assert!(
        report.contains("its definition here is not known"),
        "{report}"
    );
    assert_eq!(followed.records(), [""; 0]);
}

/// Between the server's answer and the place that it holds for, statements may come.
#[test]
fn f44_a_definition_read_while_the_table_changes() {
    let mysql = Mysql::start(&["--binlog-row-metadata=MINIMAL"]);
    let mut read = 0;
    for _ in 0..5 {
        let mut followed = Followed::new(&mysql);
        followed.sql("CREATE TABLE t (id INT AUTO_INCREMENT PRIMARY KEY, a CHAR(1), b CHAR(1))");
        // They are asked for behind it, and take their time.
        let others: String = (100..160)
            .map(|number| format!("CREATE TABLE z{number} (id INT);"))
            .collect();
        followed.sql(&others);
        let file = followed.config.path().join("databases/changes.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, text.replace("earliest", "now")).unwrap();
        let swap = "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a;";
        let mut remora = thread::scope(|scope| {
            let load = scope.spawn(|| followed.sql(&swap.repeat(151)));
            let remora = followed.start();
            wait_for("the end of the load", DEADLINE, || {
                load.is_finished().then_some(())
            });
            remora
        });
        wait_for("the start, or a stop", DEADLINE, || {
            let state = state(&remora, "changes").map(|(state, _)| state);
            (state.as_deref() == Some("streaming") || !remora.runs()).then_some(())
        });
        followed.sql("INSERT INTO t (a, b) VALUES ('a', 'b')");
        if remora.runs() {
            followed.catch_up();
        }
        for record in followed.records() {
            assert_eq!(record, r#"t c {"id":1} {"a":"a","b":"b","id":1}"#);
            read += 1;
        }
    }
    println!("{read} rows");
    assert!(read > 0);
}

/// Without its rows in the log a change of a captured table is a gap; of another table it is nothing.
#[test]
fn f26_statements_on_tables_that_are_not_captured_pass() {
    let mysql = Mysql::start(&["--binlog-row-metadata=MINIMAL"]);
    let mut followed = Followed::new(&mysql);
    followed.sql(
        "CREATE TABLE t (id INT PRIMARY KEY); CREATE DATABASE other; CREATE TABLE other.t (x INT)",
    );
    let remora = followed.start();
    followed.sql(
        "SET binlog_format = STATEMENT; INSERT INTO other.t VALUES (1); USE other; UPDATE t SET x = 2;
         DELETE FROM t WHERE x = 2; SET binlog_format = ROW",
    );
    followed.catch_up();
    followed.sql("SET binlog_format = STATEMENT; INSERT INTO t VALUES (1)");
    let report = stopped(remora);
    println!("{report}");
    let named = format!("rows of {}.t is logged as a statement", followed.schema);
    assert!(
        report.contains(&named) && !report.contains("INSERT"),
        "{report}"
    );
}

/// Tables are read while rows for them arrive: the look ahead over all of them and those for single ones do not
/// end each other's dump.
#[test]
fn tables_are_read_beside_a_busy_stream() {
    const TABLES: usize = 400;
    const ROWS: usize = 20_000;
    let mysql = Mysql::start(&["--binlog-row-metadata=FULL"]);
    let tables =
        |statement: &dyn Fn(usize) -> String| -> String { (0..TABLES).map(statement).collect() };
    mysql.sql(&format!(
        "CREATE DATABASE busy; USE busy; CREATE TABLE hot (id INT PRIMARY KEY); {}
         RESET BINARY LOGS AND GTIDS; {}",
        tables(&|n| format!("CREATE TABLE t{n} (id INT PRIMARY KEY, v INT DEFAULT 7); ")),
        tables(&|n| format!("INSERT INTO t{n} (id) VALUES ({n}); ")),
    ));
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "busy", mysql.port(), "busy");
    let insert = |n| format!("INSERT INTO busy.hot VALUES ({n}); ");
    let inserts: String = (0..ROWS).map(insert).collect();
    thread::scope(|scope| {
        let writer = scope.spawn(|| mysql.sql(&inserts));
        let _remora = Remora::start(&config);
        let lines = wait_for("every row", DEADLINE, || {
            let count = file.text().lines().count();
            (count >= TABLES + ROWS).then_some(count)
        });
        assert_eq!(lines, TABLES + ROWS);
        writer.join().unwrap();
    });
}
