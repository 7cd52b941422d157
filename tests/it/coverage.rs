//! Which changes reach the topics: every statement that changes rows, and what the binlog itself leaves out.

use std::collections::BTreeMap;

use crate::check::{check, expect, to_file};
use crate::faults::ToFile;
use crate::support::config::{ConfigDir, source_toml};
use crate::support::kafka::Kafka;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

/// Table, operation, and `id:v` of both images, in the order of the records.
fn changes(lines: &[serde_json::Value]) -> Vec<String> {
    let image = |image: &serde_json::Value| match image.is_null() {
        true => String::new(),
        false => format!("{}:{}", image["id"], image["v"]),
    };
    let records = lines.iter().map(|line| &line["value"]);
    records
        .filter(|value| !value.is_null())
        .map(|value| {
            let table = value["source"]["table"].as_str().unwrap();
            let op = value["op"].as_str().unwrap();
            format!(
                "{table} {op} {}>{}",
                image(&value["before"]),
                image(&value["after"])
            )
        })
        .collect()
}

/// A consumer's tables: what the records leave behind.
fn fold(lines: &[serde_json::Value]) -> BTreeMap<(String, i64), i64> {
    let mut rows = BTreeMap::new();
    for value in lines.iter().map(|line| &line["value"]) {
        let table = value["source"]["table"].as_str().unwrap_or_default();
        if let Some(id) = value["before"]["id"].as_i64() {
            rows.remove(&(table.to_owned(), id));
        }
        if let Some(id) = value["after"]["id"].as_i64() {
            let v = value["after"]["v"].as_i64().unwrap();
            rows.insert((table.to_owned(), id), v);
        }
    }
    rows
}

/// LOAD DATA, an UPDATE of two tables, REPLACE, INSERT … ON DUPLICATE KEY UPDATE and triggers: the rows as the
/// server logs them, in that order.
#[test]
fn f27_every_statement_that_changes_rows() {
    let mysql = Mysql::start(&["--secure-file-priv="]);
    mysql.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE a (id INT PRIMARY KEY, v INT); CREATE TABLE b LIKE a;
         CREATE TABLE log (id INT PRIMARY KEY AUTO_INCREMENT, v INT);
         SELECT 1, 10 UNION SELECT 2, 20 INTO OUTFILE 'rows.txt';
         LOAD DATA INFILE 'rows.txt' INTO TABLE a;
         INSERT INTO b SELECT * FROM a;
         UPDATE a, b SET a.v = 11, b.v = 12 WHERE a.id = b.id AND a.id = 1;
         REPLACE INTO a VALUES (2, 21), (3, 30);
         INSERT INTO a VALUES (3, 0), (4, 40) ON DUPLICATE KEY UPDATE v = 31;
         CREATE TRIGGER t AFTER UPDATE ON a FOR EACH ROW INSERT INTO log (v) VALUES (OLD.v);
         UPDATE a SET v = v + 1 WHERE id = 4; DELETE FROM a WHERE id = 4;
         INSERT INTO a VALUES (9, 9)",
    );
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "statements", mysql.port(), "d");
    let _remora = Remora::start(&config);
    file.ids(9);
    let lines = file.lines();
    let expected = [
        "a c >1:10",
        "a c >2:20",
        "b c >1:10",
        "b c >2:20",
        "a u 1:10>1:11",
        "b u 1:10>1:12",
        "a u 2:20>2:21",
        "a c >3:30",
        "a u 3:30>3:31",
        "a c >4:40",
        "a u 4:40>4:41",
        "log c >1:40",
        "a d 4:41>",
        "a c >9:9",
    ];
    assert_eq!(changes(&lines), expected);
    let select = mysql.sql(
        "SELECT CONCAT_WS(' ', 'a', id, v) FROM d.a UNION SELECT CONCAT_WS(' ', 'b', id, v) FROM d.b
         UNION SELECT CONCAT_WS(' ', 'log', id, v) FROM d.log ORDER BY 1",
    );
    let folded = fold(&lines);
    let folded: Vec<String> = folded
        .iter()
        .map(|((table, id), v)| format!("{table} {id} {v}"))
        .collect();
    assert_eq!(folded, select.lines().collect::<Vec<_>>());
}

/// Where InnoDB itself follows the foreign keys, the children's changes are not in the log: that is told before the
/// start. Where the server does, they come.
#[test]
fn f46_foreign_keys_that_change_rows_in_silence() {
    const SCHEMA: &str =
        "CREATE DATABASE d; USE d; CREATE TABLE parent (id INT PRIMARY KEY, v INT);
        CREATE TABLE child (id INT PRIMARY KEY, v INT, p INT,
                            FOREIGN KEY (p) REFERENCES parent (id) ON DELETE CASCADE);
        INSERT INTO parent VALUES (1, 1), (2, 2); INSERT INTO child VALUES (1, 1, 1), (2, 2, 2);
        DELETE FROM parent WHERE id = 1; INSERT INTO parent VALUES (9, 9)";
    let native = Mysql::start(&["--innodb-native-foreign-keys=ON"]);
    native.sql(SCHEMA);
    let config = ConfigDir::new();
    let source = source_toml(&native, "d");
    to_file(&config, &source);
    expect(
        &config,
        1,
        &[
            "does not log that: d.child",
            "capture.cascades = \"accept\"",
        ],
    );
    let accepted = source.replace("[capture]", "[capture]\ncascades = \"accept\"");
    to_file(&config, &accepted);
    assert_eq!(check(config.path()).0, 0, "what is accepted is no finding");
    // Only captured tables matter.
    to_file(&config, &source.replace("d\\\\..*", "d\\\\.parent"));
    assert_eq!(check(config.path()).0, 0);

    let logged = Mysql::start(&[]);
    logged.sql(SCHEMA);
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "logged", logged.port(), "d");
    let _remora = Remora::start(&config);
    file.ids(9);
    let changes = changes(&file.lines());
    assert!(changes.contains(&"child d 1:1>".to_owned()), "{changes:?}");
}

/// A server that logs a part of its changes only is refused by the name of the option.
#[test]
fn f47_filters_of_the_log_are_refused() {
    for (option, value) in [("binlog-do-db", "some"), ("binlog-ignore-db", "other")] {
        let mysql = Mysql::start(&[&format!("--{option}={value}")]);
        let config = ConfigDir::new();
        to_file(&config, &source_toml(&mysql, "d"));
        expect(&config, 1, &[&format!("{option} = {value}"), "[capture]"]);
    }
    let source = Mysql::shared();
    let replica = Mysql::start(&["--skip-log-replica-updates"]);
    let config = ConfigDir::new();
    to_file(&config, &source_toml(&replica, "d"));
    assert_eq!(check(config.path()).0, 0, "it is a replica of nobody");
    replica.sql(&format!(
        "CHANGE REPLICATION SOURCE TO SOURCE_HOST = '127.0.0.1', SOURCE_PORT = {}, SOURCE_USER = 'root'",
        source.port()
    ));
    expect(
        &config,
        1,
        &["is a replica and does not log", "--log-replica-updates"],
    );
}

/// Statements that change no captured row: nothing comes out, and the position goes on.
#[test]
fn f48_statements_without_rows_are_passed_over() {
    let mysql = Mysql::start(&[]);
    mysql.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY, v INT);
         CREATE TEMPORARY TABLE tmp (id INT PRIMARY KEY, v INT); INSERT INTO tmp VALUES (1, 1);
         DROP TEMPORARY TABLE tmp; DROP TEMPORARY TABLE IF EXISTS never;
         CREATE USER u; GRANT SELECT ON d.* TO u; ALTER USER u ACCOUNT LOCK; DROP USER u;
         ANALYZE TABLE t; OPTIMIZE TABLE t; FLUSH TABLES; FLUSH PRIVILEGES;
         CREATE VIEW w AS SELECT * FROM t; DROP VIEW w;
         CREATE FUNCTION f () RETURNS INT DETERMINISTIC RETURN 1; DROP FUNCTION f;
         CREATE PROCEDURE p () SELECT 1; DROP PROCEDURE p;
         CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO SELECT 1; DROP EVENT e;
         SET PASSWORD FOR root@localhost = ''; INSERT INTO t VALUES (9, 9)",
    );
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "noise", mysql.port(), "d");
    let remora = Remora::start(&config);
    file.ids(9);
    assert_eq!(changes(&file.lines()), ["t c >9:9"]);
    let executed = mysql.sql("SELECT @@gtid_executed");
    let count: f64 = executed.trim().rsplit_once('-').unwrap().1.parse().unwrap();
    wait_for("the position at the end", DEADLINE, || {
        let read = remora.metric("remora_transactions_total{database=\"noise\"}")?;
        (read >= count).then_some(())
    });
}

/// Without any key the records have none and keep their order in one partition; an invisible generated key is a key.
#[test]
fn f50_tables_without_a_primary_key() {
    let (mysql, kafka) = (Mysql::shared(), Kafka::shared());
    let schema = unique("keyless");
    mysql.sql(&format!(
        "CREATE DATABASE {schema}; USE {schema}; CREATE TABLE bare (id INT, v INT);
         CREATE TABLE uniq (v INT, id INT NOT NULL UNIQUE);
         SET SESSION sql_generate_invisible_primary_key = ON; CREATE TABLE gipk (id INT, v INT);
         INSERT INTO bare VALUES (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6);
         UPDATE bare SET v = v + 1; DELETE FROM bare WHERE id = 1;
         INSERT INTO uniq VALUES (1, 5); INSERT INTO gipk VALUES (7, 7)"
    ));
    let config = ConfigDir::new();
    config.database_to_kafka("keyless", mysql, &schema, kafka);
    let topic = |table: &str| format!("keyless.{schema}.{table}");
    kafka.create_topic(&topic("bare"), 6, &[]);
    let _remora = Remora::start(&config);
    wait_for("the last record", DEADLINE, || {
        let names = kafka.topics();
        (names.contains(&topic("gipk")) && kafka.records(&[&topic("gipk")]).len() == 1)
            .then_some(())
    });
    let bare = kafka.records(&[&topic("bare")]);
    // With the delete's tombstone, which Debezium sends without a key too.
    assert_eq!(bare.len(), 14);
    let bare: Vec<_> = bare
        .iter()
        .filter(|record| record.value.is_some())
        .collect();
    assert!(
        bare.iter()
            .all(|record| record.key.is_none() && record.partition == bare[0].partition)
    );
    let ops: Vec<_> = bare
        .iter()
        .map(|record| record.value_json()["op"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(ops.concat(), "ccccccuuuuuud");
    assert_eq!(
        kafka.records(&[&topic("uniq")])[0].key_json(),
        serde_json::json!({"id": 5})
    );
    assert_eq!(
        kafka.records(&[&topic("gipk")])[0].key_json(),
        serde_json::json!({"my_row_id": 1})
    );
}

/// A batch whose records go to many topics: all are made by one request, and one that exists keeps its partitions.
#[test]
fn the_topics_of_many_tables_are_created_together() {
    const TABLES: i64 = 30;
    let (mysql, kafka) = (Mysql::shared(), Kafka::shared());
    let schema = unique("many");
    let tables =
        |statement: &dyn Fn(i64) -> String| -> String { (0..TABLES).map(statement).collect() };
    mysql.sql(&format!(
        "CREATE DATABASE {schema}; USE {schema}; {} BEGIN; {}
         INSERT INTO t0 VALUES (1000); INSERT INTO t1 VALUES (1000); COMMIT",
        tables(&|n| format!("CREATE TABLE t{n} (id INT PRIMARY KEY); ")),
        tables(&|n| format!("INSERT INTO t{n} VALUES ({n}); ")),
    ));
    let config = ConfigDir::new();
    let text = format!(
        "{}\n[kafka]\nbrokers = \"{}\"\npartitions = 2\n",
        source_toml(mysql, &schema),
        kafka.brokers()
    );
    config.database("many", &text);
    let topic = |n: i64| format!("many.{schema}.t{n}");
    kafka.create_topic(&topic(7), 6, &[]);
    let _remora = Remora::start(&config);
    let partitions = wait_for("every topic", DEADLINE, || {
        let topics = kafka.partitions();
        let ours = (0..TABLES).map(|n| topics.get(&topic(n)).copied());
        ours.collect::<Option<Vec<usize>>>()
    });
    let expected = |n: i64| if n == 7 { 6 } else { 2 };
    assert_eq!(
        partitions,
        (0..TABLES).map(expected).collect::<Vec<usize>>()
    );
    let topics: Vec<String> = (0..TABLES).map(topic).collect();
    let topics: Vec<&str> = topics.iter().map(String::as_str).collect();
    let records = wait_for("every row", DEADLINE, || {
        let records = kafka.records(&topics);
        (records.len() >= topics.len() + 2).then_some(records)
    });
    // Their tables were written to before, with others between: a batch names their topics twice.
    let (again, records): (Vec<_>, Vec<_>) = records
        .into_iter()
        .partition(|record| record.key_json()["id"] == 1000);
    assert_eq!(again.len(), 2);
    let found: Vec<(String, serde_json::Value)> = records
        .iter()
        .map(|record| (record.topic.clone(), record.key_json()))
        .collect();
    let row = |n| (topic(n), serde_json::json!({ "id": n }));
    assert_eq!(found, (0..TABLES).map(row).collect::<Vec<_>>());
}
