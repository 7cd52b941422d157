//! Transforms in a running daemon: what Kafka gets of their records, and what a record does that they cannot take.
//! What they make of records is compared with the real ones by `golden.rs`.

use crate::support::config::{ConfigDir, source_toml};
use crate::support::kafka::{Kafka, Record};
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

/// Text of a header that no sink adds by itself.
fn header(record: &Record, name: &str) -> Option<String> {
    let found = record.headers.iter().find(|(header, _)| header == name)?;
    let value = found.1.clone().unwrap_or_else(|| b"NULL".to_vec());
    Some(String::from_utf8(value).unwrap())
}

#[test]
fn kafka_gets_events_with_their_key_time_partition_and_headers() {
    let (mysql, kafka) = (Mysql::shared(), Kafka::shared());
    let schema = unique("outbox");
    mysql.sql(&format!(
        "CREATE DATABASE {schema}; USE {schema};
         CREATE TABLE outbox (id VARCHAR(36) PRIMARY KEY, aggregatetype VARCHAR(99), aggregateid VARCHAR(99),
             payload TEXT, shard INT, attempt INT, note TEXT, at DATETIME(6));
         INSERT INTO outbox VALUES ('e-1', 'order', 'a', 'x', 2, 7, NULL, '2020-01-02 03:04:05.678901'),
             ('e-2', 'order', 'a', '{{\"n\": 1}}', 0, 8, 'quoted \"n\"', NULL), ('e-3', 'order', 'b', NULL, 9, 9, '', NULL);
         DELETE FROM outbox"
    ));
    let topic = format!("{schema}.order");
    kafka.create_topic(&topic, 3, &[]);
    let config = ConfigDir::new();
    let text = format!(
        "{}\n[kafka]\nbrokers = \"{}\"\n[[transforms]]\ntype = \"outbox\"\n\
         topic = '.*\\.outbox'\nroute_topic_replacement = '{schema}.${{routedByValue}}'\n\
         table_field_event_timestamp = \"at\"\nroute_tombstone_on_empty_payload = true\n\
         table_expand_json_payload = true\n\
         table_fields_additional_placement = \"shard:partition,attempt:header,note:header:remark\"\n",
        source_toml(mysql, &schema),
        kafka.brokers()
    );
    config.database("outbox", &text);
    let remora = Remora::start(&config);
    let records = wait_for("the events", DEADLINE, || {
        let records = kafka.records(&[&topic]);
        (records.len() == 3).then_some(records)
    });
    let of = |key: &str, id: &str| {
        let found = records.iter().find(|record| {
            record.key.as_deref() == Some(key.as_bytes())
                && header(record, "id").as_deref() == Some(id)
        });
        found.unwrap_or_else(|| panic!("{records:?}"))
    };
    let (first, second, third) = (of("\"a\"", "e-1"), of("\"a\"", "e-2"), of("\"b\"", "e-3"));
    let value = |record: &Record| record.value.clone().map(|v| String::from_utf8(v).unwrap());
    assert_eq!(value(first).as_deref(), Some("\"x\""));
    assert_eq!(value(second).as_deref(), Some("{\"n\":1}"));
    assert_eq!(value(third), None);
    // The topic has no tenth partition: the key chooses.
    assert_eq!((first.partition, second.partition), (2, 0));
    assert!((0..3).contains(&third.partition));
    assert_eq!(first.timestamp_ms, Some(1_577_934_245_678));
    assert!(second.timestamp_ms > Some(1_700_000_000_000));
    for (record, attempt, remark) in [
        (first, "7", "NULL"),
        (second, "8", "quoted \"n\""),
        (third, "9", ""),
    ] {
        assert_eq!(header(record, "attempt").as_deref(), Some(attempt));
        assert_eq!(header(record, "remark").as_deref(), Some(remark));
        let prefix = header(record, "__debezium.context.connectorLogicalName");
        assert_eq!(prefix.as_deref(), Some("outbox"));
    }
    // Deletes give nothing, and what gives nothing is acknowledged too: the position reaches the end.
    wait_for("everything to be acknowledged", DEADLINE, || {
        let in_flight = remora.metrics()?;
        in_flight
            .lines()
            .any(|line| line.starts_with("remora_batches_in_flight") && line.ends_with(" 0"))
            .then_some(())
    });
}

#[test]
fn a_record_that_a_transform_cannot_take_stops_the_database() {
    let mysql = Mysql::shared();
    let schema = unique("refused");
    mysql.sql(&format!(
        "CREATE DATABASE {schema}; USE {schema}; CREATE TABLE t (id INT PRIMARY KEY, v TEXT);
         INSERT INTO t VALUES (1, 'hunter2')"
    ));
    let config = ConfigDir::new();
    let out = config.path().join("out.jsonl");
    let toml = |transform: &str| {
        format!(
            "{}\n[sink]\ntype = \"file\"\npath = \"{}\"\n[checkpoint]\npath = \"{}\"\n[[transforms]]\n{transform}\n",
            source_toml(mysql, &schema),
            out.display(),
            config.path().join("position").display()
        )
    };
    config.database("refused", &toml("type = \"outbox\""));
    let mut remora = Remora::start(&config);
    let stopped = wait_for("the database to stop", DEADLINE, || {
        let log = remora.log();
        let line = log
            .lines()
            .find(|line| line.contains("the position stays"))?;
        Some(line.to_owned())
    });
    let problem = "transform 1 (outbox): the row has no column payload, at gtid ";
    assert!(stopped.contains(problem), "{stopped}");
    assert!(
        stopped.contains("file ") && stopped.contains("position "),
        "{stopped}"
    );
    assert!(!remora.log().contains("hunter2"), "{}", remora.log());
    assert_eq!(std::fs::read_to_string(&out).unwrap_or_default(), "");
    remora.kill9();
    // Once it is corrected, the same row goes through.
    config.database("refused", &toml("type = \"unwrap\""));
    let _again = Remora::start(&config);
    wait_for("the row", DEADLINE, || {
        let text = std::fs::read_to_string(&out).ok()?;
        text.contains(r#""value":{"id":1,"v":"hunter2"}"#)
            .then_some(())
    });
}
