//! Taking over from the real Debezium in the middle of a transaction.

use std::fs;
use std::process::{Command, Output};
use std::time::Duration;

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::support::config::ConfigDir;
use crate::support::connect::Connect;
use crate::support::kafka::Kafka;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::wait_for;

/// Time for a load to come through two programs on a machine that does other things too.
const LONG: Duration = Duration::from_secs(180);
/// Rows of the transaction in whose middle Debezium is stopped: some seconds of its work.
const ROWS: u64 = 200_000;
/// Transactions of one row before it, and as many behind it.
const SINGLE: u64 = 50;

/// Everything that must be in the topic in the end.
const ALL: u64 = ROWS + 2 * SINGLE;

struct Takeover {
    mysql: Mysql,
    kafka: Kafka,
    connect: Connect,
    config: ConfigDir,
}

impl Takeover {
    /// Debezium has delivered a part of a transaction, and has stored an offset inside of it.
    fn halfway(options: &[&str]) -> Takeover {
        let (mysql, kafka) = (Mysql::start(options), Kafka::start(&[]));
        mysql.sql("CREATE DATABASE shop; CREATE TABLE shop.t (id INT PRIMARY KEY, v VARCHAR(40))");
        let converter = |side: &str| {
            let class = "org.apache.kafka.connect.json.JsonConverter";
            [
                format!("{side}.converter={class}"),
                format!("{side}.converter.schemas.enable=false"),
                format!("{side}.converter.replace.null.with.default=false"),
            ]
        };
        let settings = [converter("key"), converter("value")].concat();
        let connect = Connect::start(&kafka, &mysql, "shop", "shop", &settings);
        mysql.sql(&load());
        let takeover = Takeover {
            mysql,
            kafka,
            connect,
            config: ConfigDir::new(),
        };
        wait_for("an offset inside the transaction", LONG, || {
            let offsets = fs::read(takeover.connect.offsets()).ok()?;
            let text = String::from_utf8_lossy(&offsets);
            let (_, events) = text.rsplit_once("\"event\":")?;
            let digits = events.split(|c: char| !c.is_ascii_digit()).next()?;
            // The transactions of one row have three events.
            digits.parse::<u64>().ok().filter(|events| *events > 10)
        });
        takeover
    }

    /// The connector's configuration as remora's, by `remora import debezium`.
    fn import_configuration(&self) {
        let properties = self.config.path().join("connector.properties");
        fs::write(&properties, self.connect.properties()).unwrap();
        let output = remora(&["import", "debezium", properties.to_str().unwrap()]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        let toml = String::from_utf8(output.stdout).unwrap();
        let spool = self.config.path().join("spool");
        let toml = format!("{toml}\n[spool]\npath = {:?}\n", spool.to_str().unwrap());
        self.config.database("shop", &toml);
    }

    fn import_offsets(&self, more: &[&str]) -> Output {
        let dir = self.config.path().to_str().unwrap();
        remora(&[&["import", "offsets", "shop", "--config", dir], more].concat())
    }

    /// The ids of the topic's records, in order, once all are there.
    fn ids(&self) -> Vec<u64> {
        wait_for("all records", LONG, || {
            (self.kafka.end("shop.shop.t") >= ALL && self.last() == ALL).then_some(())
        });
        let records = self.kafka.records(&["shop.shop.t"]);
        let id = |record: &crate::support::kafka::Record| {
            let value = record.value_json();
            assert_eq!(value["op"], "c", "{value}");
            assert_eq!(record.key_json()["id"], value["after"]["id"]);
            assert_eq!(value["after"]["v"], format!("row {}", value["after"]["id"]));
            value["after"]["id"].as_u64().unwrap()
        };
        records.iter().map(id).collect()
    }

    /// The id of the topic's last record.
    fn last(&self) -> u64 {
        let record = self.kafka.last("shop.shop.t");
        record
            .and_then(|record| record.key_json()["id"].as_u64())
            .unwrap_or_default()
    }
}

fn remora(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(arguments)
        .output()
        .unwrap()
}

fn load() -> String {
    let single = |from: u64| {
        let insert = |id: u64| format!("INSERT INTO shop.t VALUES ({id}, 'row {id}');\n");
        (from..from + SINGLE).map(insert).collect::<String>()
    };
    let first = SINGLE + 1;
    let last = SINGLE + ROWS;
    format!(
        "{}SET cte_max_recursion_depth = {ROWS};\n\
         INSERT INTO shop.t WITH RECURSIVE n (id) AS (SELECT {first} UNION ALL SELECT id + 1 FROM n WHERE id < {last})\n\
         SELECT id, CONCAT('row ', id) FROM n;\n{}",
        single(1),
        single(last + 1)
    )
}

#[test]
fn a_connector_that_was_stopped_in_a_transaction_is_followed_without_a_repeat() {
    let takeover = Takeover::halfway(&[]);
    takeover.connect.stop();
    let delivered = takeover.kafka.end("shop.shop.t");
    assert!((SINGLE..ALL).contains(&delivered), "{delivered} records");
    takeover.import_configuration();
    let offsets = takeover.connect.offsets();
    let file = offsets.to_str().unwrap();
    let output = takeover.import_offsets(&[file]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("are delivered already"), "{said}");
    // A position that is there is not replaced by chance.
    let output = takeover.import_offsets(&[file]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("--replace"), "{said}");

    let mut daemon = Remora::start(&takeover.config);
    assert_eq!(takeover.ids(), (1..=ALL).collect::<Vec<u64>>());
    daemon.terminate();
    assert!(daemon.wait_exit(LONG).success());
    println!(
        "{delivered} records of Debezium's, {} of remora's",
        ALL - delivered
    );
}

#[test]
fn a_connector_that_was_killed_before_row_metadata_were_full_is_followed_without_a_gap() {
    let takeover = Takeover::halfway(&[
        "--gtid-mode=OFF",
        "--enforce-gtid-consistency=OFF",
        "--binlog-row-metadata=MINIMAL",
    ]);
    takeover.connect.kill9();
    let delivered = takeover.kafka.end("shop.shop.t");
    assert!((SINGLE..ALL).contains(&delivered), "{delivered} records");
    takeover.mysql.sql("SET GLOBAL binlog_row_metadata = FULL");
    takeover.import_configuration();
    // As a distributed worker keeps it.
    takeover
        .kafka
        .create_topic("offsets", 5, &[("cleanup.policy", "compact")]);
    let file = fs::read(takeover.connect.offsets()).unwrap();
    let text = String::from_utf8_lossy(&file);
    let at = text.find("\"file\":").unwrap();
    let from = text[..at].rfind('{').unwrap();
    let value = &text[from..=from + text[from..].find('}').unwrap()];
    let producer: BaseProducer = takeover.kafka.client().create().unwrap();
    for (key, value) in [
        (
            r#"["shop",{"server":"shop"}]"#,
            "{\"file\":\"old\",\"pos\":4}",
        ),
        (r#"["other",{"server":"shop"}]"#, "{}"),
        (r#"["shop",{"server":"shop"}]"#, value),
    ] {
        let record = BaseRecord::to("offsets").key(key).payload(value);
        producer.send(record).map_err(|(error, _)| error).unwrap();
    }
    producer.flush(LONG).unwrap();
    let topic = ["--topic", "offsets", "--connector"];
    let output = takeover.import_offsets(&[&topic[..], &["nobody"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let output = takeover.import_offsets(&[&topic[..], &["shop"]].concat());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");

    let mut daemon = Remora::start(&takeover.config);
    let mut ids = takeover.ids();
    let repeated = ids.len() as u64 - ALL;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids, (1..=ALL).collect::<Vec<u64>>());
    daemon.terminate();
    assert!(daemon.wait_exit(LONG).success());
    println!("{delivered} records of Debezium's, {repeated} repeated");
}
