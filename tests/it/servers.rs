//! The ground that the other tests stand on: servers start, are killed, come back, and end with the test.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};

use crate::support::config::{ConfigDir, source_toml};
use crate::support::kafka::Kafka;
use crate::support::mysql::Mysql;
use crate::support::remora::{Remora, http_get};
use crate::support::{DEADLINE, free_port, golden, root, unique, wait_for};

#[test]
fn mysql_keeps_its_data_over_a_kill() {
    let mysql = Mysql::start(&["--binlog-format=MIXED"]);
    mysql.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (7)",
    );
    assert_eq!(
        mysql.sql("SELECT @@binlog_format, @@binlog_row_metadata"),
        "MIXED\tFULL\n"
    );
    mysql.kill9();
    mysql.restart();
    assert_eq!(mysql.sql("SELECT id FROM d.t"), "7\n");
    assert!(mysql.ca_file().exists() && mysql.public_key_file().exists());
}

#[test]
fn kafka_keeps_its_records_over_a_kill() {
    let kafka = Kafka::start(&["log.retention.hours=1"]);
    kafka.create_topic("two", 2, &[("cleanup.policy", "compact")]);
    produce(&kafka, "two");
    let before = kafka.records(&["two", "absent"]);
    assert_eq!(before.len(), 3);
    assert_eq!(before[0].key_json(), serde_json::json!({"id": 1}));
    assert_eq!(before[0].headers, [("h".to_string(), Some(b"v".to_vec()))]);
    assert_eq!(
        (before[1].partition, before[1].value_json()),
        (1, serde_json::json!({"n": 2}))
    );
    assert_eq!((before[2].offset, &before[2].value), (1, &None));
    assert_eq!(kafka.topics().into_iter().collect::<Vec<_>>(), ["two"]);
    kafka.kill9();
    kafka.restart();
    assert_eq!(kafka.records(&["two"]), before);
}

fn produce(kafka: &Kafka, topic: &str) {
    let producer: BaseProducer = kafka.client().create().unwrap();
    let header = OwnedHeaders::new().insert(Header {
        key: "h",
        value: Some("v"),
    });
    let first = BaseRecord::to(topic)
        .key("{\"id\":1}")
        .payload("{}")
        .partition(0)
        .headers(header);
    producer.send(first).map_err(|(error, _)| error).unwrap();
    let second = BaseRecord::to(topic)
        .key("{\"id\":2}")
        .payload("{\"n\":2}")
        .partition(1);
    producer.send(second).map_err(|(error, _)| error).unwrap();
    let tombstone = BaseRecord::<str, str>::to(topic)
        .key("{\"id\":2}")
        .partition(1);
    producer
        .send(tombstone)
        .map_err(|(error, _)| error)
        .unwrap();
    producer.flush(DEADLINE).unwrap();
}

#[test]
fn shared_servers_are_started_once() {
    let port = Mysql::shared().port();
    let other = thread::spawn(|| Mysql::shared().port()).join().unwrap();
    assert_eq!(port, other);
    assert_ne!(unique("shop"), unique("shop"));
    assert!(std::ptr::eq(Kafka::shared(), Kafka::shared()));
}

#[test]
fn a_server_ends_with_the_process_that_holds_its_leash() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("server");
    // Stands for a test: it holds the pipe and is killed.
    let mut holder = Command::new("bash")
        .arg("-c")
        .arg("exec 4> >(exec \"$0\" \"$1\" bash -c 'tail -F \"$0/nothing\" >/dev/null 2>&1 & echo $! >\"$0/pid\"' \"$1\"); exec cat")
        .arg(root().join("dev/leash"))
        .arg(&dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "ready\n");
    let pid = std::fs::read_to_string(dir.join("pid"))
        .unwrap()
        .trim()
        .to_string();
    let process = std::path::PathBuf::from(format!("/proc/{pid}/cmdline"));
    let alive = || std::fs::read(&process).is_ok_and(|line| !line.is_empty());
    // Between its fork and its exec a process has no command line for a moment.
    wait_for("the server to run", DEADLINE, || alive().then_some(()));
    holder.kill().unwrap();
    holder.wait().unwrap();
    wait_for("the server to end", DEADLINE, || (!alive()).then_some(()));
}

#[test]
fn a_daemon_without_databases_ends_by_itself() {
    let config = ConfigDir::new();
    let mut remora = Remora::start(&config);
    remora.wait_exit(DEADLINE);
    assert!(!remora.runs());
    assert_eq!(remora.metrics(), None);
}

#[test]
fn http_answers_are_read() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        for line in BufReader::new(stream.try_clone().unwrap()).lines() {
            let line = line.unwrap();
            if line.is_empty() {
                break;
            }
            request.push(line);
        }
        stream
            .write_all(b"HTTP/1.0 503 No\r\nX: y\r\n\r\nnot ready\n")
            .unwrap();
        request
    });
    assert_eq!(
        http_get(port, "/ready"),
        Some((503, "not ready\n".to_string()))
    );
    assert_eq!(server.join().unwrap()[0], "GET /ready HTTP/1.0");
    assert_eq!(http_get(free_port(), "/"), None);
}

#[test]
fn a_source_names_the_server_and_its_tables() {
    let mysql = Mysql::shared();
    let text = source_toml(mysql, "shop");
    assert!(
        text.contains(&format!("port = {}\n", mysql.port())),
        "{text}"
    );
    assert!(text.contains("include = [\"shop\\\\..*\"]\n"), "{text}");
}

#[test]
#[should_panic(expected = "waited 20ms in vain for nothing")]
fn waiting_ends_at_the_deadline() {
    wait_for("nothing", Duration::from_millis(20), || None::<()>);
}

#[test]
fn golden_files_are_complete_and_normalised() {
    let cases = golden::all();
    assert!(cases.len() >= 9, "only {} cases", cases.len());
    for case in cases {
        let created = format!("CREATE DATABASE {}", case.database);
        assert!(case.before.contains(&created), "{}", case.name);
        assert!(case.during.contains("INSERT"), "{}", case.name);
        assert_eq!(
            golden::normalise(&case.records).lines().count(),
            case.records.lines().count()
        );
        assert!(case.records.starts_with("{\"topic\":\""), "{}", case.name);
    }
}

#[test]
fn normalising_replaces_only_what_runs_cannot_share() {
    let before = r#"{"topic":"t","key":{"ts_ms":5},"value":{"after":{"gtid":"u:1","n":1.50},"source":{"version":"3","ts_ms":9,"gtid":"u:7","file":"b.1","pos":400,"thread":null},"ts_ns":1},"headers":{"__debezium.context.runId":"x"}}"#;
    let after = r#"{"topic":"t","key":{"ts_ms":5},"value":{"after":{"gtid":"u:1","n":1.50},"source":{"version":"VERSION","ts_ms":0,"gtid":"GTID-1","file":"FILE","pos":1,"thread":null},"ts_ns":0},"headers":{"__debezium.context.runId":"RUN-ID"}}"#;
    assert_eq!(
        golden::normalise(&format!("{before}\n")),
        format!("{after}\n")
    );
}
