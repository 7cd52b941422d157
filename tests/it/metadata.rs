//! Records beside those of rows: heartbeats, and transaction metadata over restarts.

use serde_json::Value;

use crate::faults::ToFile;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

#[test]
fn heartbeats_come_while_nothing_else_does() {
    let mysql = Mysql::shared();
    let database = unique("beating");
    mysql.sql(&format!(
        "CREATE DATABASE {database}; CREATE TABLE {database}.beats (at INT)"
    ));
    let config = ConfigDir::new();
    let keys = "heartbeat.interval_ms = 200\nheartbeat.topic_prefix = \"beats\"";
    let action = format!("heartbeat.action_query = \"INSERT INTO {database}.beats VALUES (1)\"");
    let file = ToFile::write(
        &config,
        "beating",
        (mysql.port(), "elsewhere"),
        [&format!("{keys}\n{action}"), "heartbeat_ms = 100", ""],
    );
    let mut daemon = Remora::start(&config);
    let beats = wait_for("two heartbeats", DEADLINE, || {
        let records = file.lines();
        (records.len() >= 2).then_some(records)
    });
    let prefix = beats[0]["key"]["serverName"].as_str().unwrap().to_owned();
    for beat in &beats {
        assert_eq!(beat["topic"], format!("beats.{prefix}"));
        assert!(beat["value"]["ts_ms"].as_u64().unwrap() > 1_700_000_000_000);
        assert_eq!(beat["headers"], serde_json::json!({}));
    }
    wait_for("the statement to have run", DEADLINE, || {
        let count = mysql.sql(&format!("SELECT COUNT(*) FROM {database}.beats"));
        (count.trim() != "0").then_some(())
    });
    daemon.terminate();
    assert!(daemon.wait_exit(DEADLINE).success());
}

#[test]
fn counts_of_a_transaction_survive_a_restart_in_its_middle() {
    let mysql = Mysql::shared();
    let database = unique("counted");
    mysql.sql(&format!(
        "CREATE DATABASE {database}; CREATE TABLE {database}.t (id INT PRIMARY KEY, v VARCHAR(200))"
    ));
    let config = ConfigDir::new();
    let keys = "records.transactions = true";
    let file = ToFile::write(
        &config,
        "counted",
        (mysql.port(), &database),
        [keys, "", ""],
    );
    let mut daemon = Remora::start(&config);
    wait_for("remora to follow the binlog", DEADLINE, || {
        daemon.get("/ready").filter(|(status, _)| *status == 200)
    });
    mysql.sql(&format!(
        "SET cte_max_recursion_depth = 20000; INSERT INTO {database}.t WITH RECURSIVE n (id) AS \
         (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 20000) SELECT id, REPEAT('x', 200) FROM n"
    ));
    // Killed while the transaction's records are written: it is read from its start again.
    let topic = format!(".{database}.t\"");
    wait_for("some records", DEADLINE, || {
        file.text().contains(&topic).then_some(())
    });
    daemon.kill9();
    let mut daemon = Remora::start(&config);
    let records = wait_for("the transaction's end", DEADLINE, || {
        let records = file.lines();
        let is_end = |record: &Value| record["value"]["event_count"] == 20_000;
        let end = records.iter().position(is_end)?;
        Some(records[..=end].to_vec())
    });
    let (end, records) = records.split_last().unwrap();
    let begin = records
        .iter()
        .rposition(|record| record["value"]["status"] == "BEGIN");
    let changes = &records[begin.unwrap() + 1..];
    assert_eq!(changes.len(), 20_000);
    for (number, change) in changes.iter().enumerate() {
        let transaction = &change["value"]["transaction"];
        assert_eq!(transaction["id"], end["key"]["id"]);
        assert_eq!(transaction["total_order"], number + 1);
        assert_eq!(transaction["data_collection_order"], number + 1);
    }
    daemon.terminate();
    assert!(daemon.wait_exit(DEADLINE).success());
}
