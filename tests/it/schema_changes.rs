//! Tables that change while they are followed, judged by the records: with row metadata FULL, where each event
//! names its columns, and MINIMAL, where only the table's definition does.

mod modes;
mod reworded;
mod swaps;
mod unknown;

use std::sync::OnceLock;

use serde_json::Value;

use crate::faults::ToFile;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

/// Keys that let TRUNCATE become records.
const ALL_OPERATIONS: &str = "records.skipped_operations = []";

/// The server with row metadata MINIMAL that these tests share.
fn minimal() -> &'static Mysql {
    static SHARED: OnceLock<Mysql> = OnceLock::new();
    SHARED.get_or_init(|| Mysql::start(&["--binlog-row-metadata=MINIMAL"]))
}

/// One server of each kind.
fn servers() -> [(&'static str, &'static Mysql); 2] {
    [("MINIMAL", minimal()), ("FULL", Mysql::shared())]
}

/// A database of its own on a server, followed from the server's oldest binlog to a file.
struct Followed<'a> {
    mysql: &'a Mysql,
    schema: String,
    config: ConfigDir,
    file: ToFile,
    markers: i64,
}

impl<'a> Followed<'a> {
    fn new(mysql: &'a Mysql) -> Followed<'a> {
        let schema = unique("changes");
        Followed::of(mysql, &schema, &schema)
    }

    /// `captured`: what stands before `\..*` in the pattern of the captured tables.
    fn of(mysql: &'a Mysql, schema: &str, captured: &str) -> Followed<'a> {
        mysql.sql(&format!(
            "CREATE DATABASE {schema}; CREATE TABLE {schema}.marker (marker INT PRIMARY KEY)"
        ));
        let config = ConfigDir::new();
        let source = (mysql.port(), captured);
        let file = ToFile::add_with_keys(&config, "changes", source, ALL_OPERATIONS);
        Followed {
            mysql,
            schema: schema.to_owned(),
            config,
            file,
            markers: 0,
        }
    }

    /// Runs statements in one session, in this database.
    fn sql(&self, statements: &str) {
        self.mysql
            .sql(&format!("USE {}; {statements}", self.schema));
    }

    fn start(&self) -> Remora {
        Remora::start(&self.config)
    }

    /// Waits until all that is logged by now is in the file.
    fn catch_up(&mut self) {
        self.markers += 1;
        let marker = self.markers;
        self.sql(&format!("INSERT INTO marker VALUES ({marker})"));
        wait_for("the marker", DEADLINE, || {
            let is_marker = |line: &Value| line["value"]["after"]["marker"] == marker;
            self.file.lines().iter().any(is_marker).then_some(())
        });
    }

    /// Each record as text, without markers, tombstones and repeats: table, operation, key, and the row that
    /// the change leaves or takes.
    fn records(&self) -> Vec<String> {
        let mut seen = std::collections::BTreeSet::new();
        let lines = self.file.lines();
        let mut wanted = |line: &&Value| {
            let value = &line["value"];
            !value.is_null()
                && value["source"]["table"] != "marker"
                && seen.insert(line["headers"]["__remora.id"].to_string())
        };
        lines.iter().filter(|l| wanted(l)).map(shown).collect()
    }

    /// Stops the daemon in order, as one does for hours.
    fn stop(mut remora: Remora) {
        remora.terminate();
        assert_eq!(remora.wait_exit(DEADLINE).code(), Some(0));
    }
}

fn shown(line: &Value) -> String {
    let value = &line["value"];
    let row = match value["op"].as_str() {
        Some("d") => &value["before"],
        _ => &value["after"],
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (table, op) = (text(&value["source"]["table"]), text(&value["op"]));
    format!("{table} {op} {} {row}", line["key"])
}

/// The table comes with its rows in one group, which a kill may cut anywhere.
#[test]
fn f39_create_table_select_is_one_group() {
    for (metadata, mysql) in servers() {
        for mode in ["", "ANSI_QUOTES"] {
            let quote = if mode.is_empty() { '`' } else { '"' };
            let mut followed = Followed::new(mysql);
            followed.sql(&format!(
                "CREATE TABLE source (id INT PRIMARY KEY, name VARCHAR(20), e ENUM('x','y'));
                 INSERT INTO source VALUES (1, 'ada', 'x'), (2, 'seo', 'y');
                 SET sql_mode = '{mode}';
                 CREATE TABLE {quote}ma.de{quote} (extra INT DEFAULT 7, PRIMARY KEY (id))
                 SELECT id, name AS {quote}a name{quote}, e FROM source ORDER BY id;
                 INSERT INTO {quote}ma.de{quote} VALUES (8, 3, 'kim', 'x');
                 ALTER TABLE {quote}ma.de{quote} RENAME COLUMN {quote}a name{quote} TO named;
                 DELETE FROM {quote}ma.de{quote} WHERE id = 3"
            ));
            let remora = followed.start();
            followed.catch_up();
            let expected = [
                r#"source c {"id":1} {"e":"x","id":1,"name":"ada"}"#,
                r#"source c {"id":2} {"e":"y","id":2,"name":"seo"}"#,
                r#"ma.de c {"id":1} {"a name":"ada","e":"x","extra":7,"id":1}"#,
                r#"ma.de c {"id":2} {"a name":"seo","e":"y","extra":7,"id":2}"#,
                r#"ma.de c {"id":3} {"a name":"kim","e":"x","extra":8,"id":3}"#,
                r#"ma.de d {"id":3} {"e":"x","extra":8,"id":3,"named":"kim"}"#,
            ];
            assert_eq!(followed.records(), expected, "{metadata} {mode}");
            drop(remora);
        }
    }
}

#[test]
fn f39_a_kill_inside_create_table_select_loses_nothing() {
    const ROWS: usize = 20_000;
    let mut followed = Followed::new(minimal());
    followed.sql(&format!(
        "SET cte_max_recursion_depth = {ROWS};
         CREATE TABLE made (PRIMARY KEY (id))
         WITH RECURSIVE n AS (SELECT 1 AS id UNION ALL SELECT id + 1 FROM n WHERE id < {ROWS})
         SELECT id, CONCAT('name ', id) AS name FROM n"
    ));
    let mut remora = followed.start();
    wait_for("the first rows", DEADLINE, || {
        (!followed.file.text().is_empty()).then_some(())
    });
    remora.kill9();
    let early = followed.file.text().lines().count();
    let _remora = followed.start();
    followed.catch_up();
    let expected: Vec<String> = (1..=ROWS)
        .map(|id| format!(r#"made c {{"id":{id}}} {{"id":{id},"name":"name {id}"}}"#))
        .collect();
    assert!(followed.records() == expected);
    println!("killed behind {early} of {ROWS} rows");
}

#[test]
fn f40_truncate_drop_and_rename() {
    for (metadata, mysql) in servers() {
        let mut followed = Followed::new(mysql);
        let remora = followed.start();
        followed.sql(
            "CREATE TABLE t (id INT PRIMARY KEY, a INT); INSERT INTO t VALUES (1, 10);
             TRUNCATE TABLE t; INSERT INTO t VALUES (1, 11);
             RENAME TABLE t TO u; INSERT INTO u VALUES (2, 20);
             DROP TABLE u; CREATE TABLE u (id INT PRIMARY KEY, b VARCHAR(9));
             INSERT INTO u VALUES (1, 'x'); TRUNCATE u; DROP TABLE IF EXISTS u, never",
        );
        followed.catch_up();
        let expected = [
            r#"t c {"id":1} {"a":10,"id":1}"#,
            r#"t t null null"#,
            r#"t c {"id":1} {"a":11,"id":1}"#,
            r#"u c {"id":2} {"a":20,"id":2}"#,
            r#"u c {"id":1} {"b":"x","id":1}"#,
            r#"u t null null"#,
        ];
        assert_eq!(followed.records(), expected, "{metadata}");
        drop(remora);
    }
}

/// Instant, inplace and by copy; a change of shape, of names, of labels, of tables: while remora is away.
const BACKLOG: &str = "
    ALTER TABLE t ADD b INT DEFAULT 5 FIRST, ALGORITHM = INSTANT; INSERT INTO t VALUES (6, 2, 'a2', 's');
    ALTER TABLE t DROP COLUMN a, ALGORITHM = INSTANT; INSERT INTO t VALUES (7, 3, 'm');
    ALTER TABLE t RENAME COLUMN b TO a, ADD KEY (a), ALGORITHM = INPLACE; INSERT INTO t VALUES (8, 4, 'l');
    ALTER TABLE t MODIFY a BIGINT UNSIGNED AFTER size, ALGORITHM = COPY;
    INSERT INTO t VALUES (5, 's', 18446744073709551615);
    ALTER TABLE t MODIFY size ENUM('l','m','s'); INSERT INTO t VALUES (6, 's', 1);
    RENAME TABLE t TO swap, other TO t, swap TO other; INSERT INTO t VALUES (7, 'other');
    INSERT INTO other VALUES (8, 'l', 2);
    ALTER TABLE other DROP PRIMARY KEY, ADD PRIMARY KEY (size, id); DELETE FROM other WHERE id = 8;
    DROP TABLE other; CREATE TABLE other LIKE t; INSERT INTO other VALUES (9, 'like');
    DROP TABLE t";

const BEFORE: &str = "
    CREATE TABLE t (id INT PRIMARY KEY, a VARCHAR(9), size ENUM('s','m'));
    ALTER TABLE t MODIFY size ENUM('s','m','l');
    CREATE TABLE other (id INT PRIMARY KEY, name TEXT); INSERT INTO t VALUES (1, 'a1', 's')";

const EXPECTED: [&str; 10] = [
    r#"t c {"id":1} {"a":"a1","id":1,"size":"s"}"#,
    r#"t c {"id":2} {"a":"a2","b":6,"id":2,"size":"s"}"#,
    r#"t c {"id":3} {"b":7,"id":3,"size":"m"}"#,
    r#"t c {"id":4} {"a":8,"id":4,"size":"l"}"#,
    r#"t c {"id":5} {"a":-1,"id":5,"size":"s"}"#,
    r#"t c {"id":6} {"a":1,"id":6,"size":"s"}"#,
    r#"t c {"id":7} {"id":7,"name":"other"}"#,
    r#"other c {"id":8} {"a":2,"id":8,"size":"l"}"#,
    r#"other d {"size":"l","id":8} {"a":2,"id":8,"size":"l"}"#,
    r#"other c {"id":9} {"id":9,"name":"like"}"#,
];

/// As JSON objects, whose order of fields is not kept by what reads them here.
fn sorted_keys(expected: &[&str]) -> Vec<String> {
    let key = r#"{"size":"l","id":8}"#;
    let sorted = r#"{"id":8,"size":"l"}"#;
    expected.iter().map(|e| e.replace(key, sorted)).collect()
}

#[test]
fn f42_changes_in_the_backlog_are_read_by_what_was_valid_there() {
    for (metadata, mysql) in servers() {
        let mut followed = Followed::new(mysql);
        followed.sql(BEFORE);
        let remora = followed.start();
        followed.catch_up();
        Followed::stop(remora);
        followed.sql(BACKLOG);
        let remora = followed.start();
        followed.catch_up();
        assert_eq!(followed.records(), sorted_keys(&EXPECTED), "{metadata}");
        drop(remora);
    }
}

/// The position, and the definitions beside it, stand between a statement and the rows behind it.
#[test]
fn f42_a_crash_between_a_change_and_the_next_rows_forgets_neither() {
    let mut followed = Followed::new(minimal());
    followed.sql(BEFORE);
    let mut remora = followed.start();
    let statements: Vec<&str> = BACKLOG.split(';').collect();
    for (number, sql) in statements.iter().enumerate() {
        followed.sql(sql);
        if number % 3 == 0 {
            followed.catch_up();
            remora.kill9();
            remora = followed.start();
        }
    }
    followed.catch_up();
    assert_eq!(followed.records(), sorted_keys(&EXPECTED));
}

/// The statements that made the tables are in the log, though the tables look otherwise now, or are gone.
#[test]
fn f42_from_the_oldest_binlog_on() {
    for (metadata, mysql) in servers() {
        let mut followed = Followed::new(mysql);
        followed.sql(&format!("{BEFORE}; {BACKLOG}"));
        let _remora = followed.start();
        followed.catch_up();
        assert_eq!(followed.records(), sorted_keys(&EXPECTED), "{metadata}");
    }
}
