//! What a folder and an environment give: through the public functions only.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use super::*;

mod columns;
mod names;
mod secrets;
mod table;
mod transforms;

/// The smallest file that is right.
const SMALL: &str = r#"
[mysql]
host = "db.example.com"
user = "remora"
[kafka]
brokers = "kafka:9092"
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        fs::create_dir(folder.0.path().join("databases")).unwrap();
        for (name, text) in files {
            fs::write(folder.0.path().join(name), text).unwrap();
        }
        folder
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn secret(&self, name: &str, text: &str, mode: u32) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn load(&self, variables: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
        self.load_with(variables, &Overrides::default())
    }

    fn load_with(
        &self,
        variables: &[(&str, &str)],
        overrides: &Overrides,
    ) -> Result<Config, ConfigErrors> {
        let variables = variables
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        load_with(self.0.path(), variables, overrides)
    }

    /// Findings as `file or variable|key|problem`, without the path of the folder.
    fn findings(&self, variables: &[(&str, &str)]) -> Vec<String> {
        let errors = self.load(variables).unwrap_err();
        assert_eq!(
            errors.to_string().lines().count(),
            errors.findings.len(),
            "{errors}"
        );
        let folder = format!("{}/", self.0.path().display());
        let findings = errors.findings.iter().map(|finding| {
            assert!(!finding.remedy.is_empty());
            let key = finding.key.clone().unwrap_or_default();
            format!("{}|{key}|{}", finding.place, finding.problem).replace(&folder, "")
        });
        findings.collect()
    }
}

/// One database named `shop`, with lines after the smallest file's.
fn shop(lines: &str) -> Folder {
    Folder::new(&[("databases/shop.toml", &format!("{SMALL}{lines}"))])
}

/// The whole text of `shop.toml` with the smallest file's line replaced.
fn shop_with(line: &str, replacement: &str) -> Folder {
    let text = SMALL.replace(line, replacement);
    assert_ne!(text, SMALL, "{line}");
    Folder::new(&[("databases/shop.toml", &text)])
}

fn only(config: Config) -> Database {
    let [database] = <[Database; 1]>::try_from(config.databases).unwrap();
    database
}

fn kafka(database: &Database) -> &Kafka {
    match &database.sink {
        Sink::Kafka(kafka) => kafka,
        Sink::Stdout | Sink::File(_) | Sink::Null => panic!("not Kafka"),
    }
}

#[test]
fn the_smallest_file_gets_every_default() {
    let config = shop("").load(&[]).unwrap();
    assert_eq!(config.daemon.http_listen.to_string(), "127.0.0.1:9187");
    assert_eq!(config.daemon.shutdown_timeout, Duration::from_secs(25));
    assert_eq!(config.daemon.log_format, LogFormat::Text);
    assert_eq!(config.daemon.log_level, "info");
    let database = only(config);
    assert_eq!(
        (database.name.as_str(), database.topic_prefix.as_str()),
        ("shop", "shop")
    );
    assert_eq!(database.start, None);
    let mysql = &database.mysql;
    assert_eq!(
        (mysql.host.as_str(), mysql.port, mysql.user.as_str()),
        ("db.example.com", 3306, "remora")
    );
    assert_eq!(mysql.password.reveal(), "");
    assert!((1_000_000_000..=4_000_000_000).contains(&mysql.server_id));
    assert_eq!(mysql.server_public_key, None);
    assert_eq!(mysql.connect_timeout, Duration::from_secs(10));
    assert_eq!(mysql.heartbeat, Duration::from_secs(5));
    assert_eq!(mysql.net_write_timeout, Duration::from_secs(3600));
    assert_eq!(mysql.event_bytes_max, 134_217_728);
    assert_eq!(mysql.transaction_bytes_max, 64 << 30);
    assert_eq!(mysql.row_image, RowImage::Full);
    assert_eq!(mysql.tls.mode, TlsMode::VerifyIdentity);
    assert!(mysql.tls.ca_file.is_none() && mysql.tls.identity.is_none());
    assert!(
        database.capture.tables.include.is_empty() && database.capture.tables.exclude.is_empty()
    );
    let records = &database.records;
    assert_eq!(
        (
            records.tombstones,
            records.headers_context,
            records.headers_id
        ),
        (true, true, false)
    );
    assert_eq!(records.unavailable_value, "__debezium_unavailable_value");
    assert_eq!(database.spool.path, PathBuf::from("state/shop.spool"));
    assert_eq!(database.spool.memory_bytes_max, 4 << 20);
    assert_eq!(database.spool.bytes_max, 16 << 30);
    let kafka = kafka(&database);
    assert_eq!(
        (kafka.brokers.as_str(), kafka.partitions, kafka.replication),
        ("kafka:9092", 1, -1)
    );
    assert_eq!(kafka.in_flight_bytes_max, 8 << 20);
    assert!(kafka.properties.is_empty());
    assert_eq!(database.checkpoint.interval, Duration::from_millis(500));
    assert!(matches!(
        &database.checkpoint.store,
        CheckpointStore::Kafka { topic } if topic == "remora.positions"
    ));
}

/// Debezium's names, each for what it means.
#[test]
fn modes_of_values_are_debeziums() {
    use modes::{BigintUnsigned, BinaryMode, DecimalMode, InvalidDate, InvalidTextMode};
    let default = only(shop("").load(&[]).unwrap()).modes;
    assert_eq!(default, Modes::default());
    let lines = "[types]\ndecimal = \"string\"\ntime_precision = \"isostring\"\nbinary = \"base64-url-safe\"\n\
         bigint_unsigned = \"precise\"\ninvalid_text = \"replace\"\ninvalid_date = \"fail\"\n\
         [envelope]\nschema_names = \"avro\"\nfield_names = \"avro_unicode\"\n";
    let found = only(shop(lines).load(&[]).unwrap()).modes;
    let expected = Modes {
        decimal: DecimalMode::String,
        time_precision: modes::TimePrecision::Isostring,
        binary: BinaryMode::Base64UrlSafe,
        bigint_unsigned: BigintUnsigned::Precise,
        invalid_text: InvalidTextMode::Replace,
        invalid_date: InvalidDate::Fail,
        names: modes::Names {
            schemas: modes::Adjustment::Avro,
            fields: modes::Adjustment::AvroUnicode,
        },
    };
    assert_eq!(found, expected);
    let variable = [("REMORA__SHOP__TYPES__BINARY", "hex")];
    let found = only(shop(lines).load(&variable).unwrap()).modes;
    assert_eq!(found.binary, BinaryMode::Hex);
}

#[test]
fn avro_needs_a_registry_and_kafka() {
    let avro = "[envelope]\nformat = \"avro\"\n";
    let folder = shop("");
    let password = folder.secret("password", "hunter2\n", 0o600);
    let lines = format!(
        "{avro}[registry]\nurl = \"http://a:8081/x/, https://b\"\nuser = \"u\"\npassword_file = \"{password}\"\n\
         subjects = \"topic_record\"\nauto_register = false\ntimeout_ms = 500\n"
    );
    let database = only(shop(&lines).load(&[]).unwrap());
    let registry = database.registry.unwrap();
    let shown: Vec<String> = registry.urls.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["http://a:8081/x", "https://b:443"]);
    assert_eq!(registry.user.as_deref(), Some("u"));
    assert_eq!(registry.password.reveal(), "hunter2");
    assert_eq!(registry.subjects, Subjects::TopicRecord);
    assert!(!registry.auto_register && registry.timeout == Duration::from_millis(500));
    // Avro is made of records with schemas.
    assert!(database.records.envelope.schemas);
    assert!(only(shop("").load(&[]).unwrap()).registry.is_none());
    for (lines, key) in [
        ("", "registry.url"),
        ("[registry]\nurl = \"http://u:hunter2@a\"\n", "registry.url"),
        ("[registry]\nurl = \"a:8081\"\n", "registry.url"),
        (
            "[registry]\nurl = \"http://a\"\nuser = \"a:b\"\n",
            "registry.user",
        ),
        (
            "[registry]\nurl = \"http://a\"\n[sink]\ntype = \"stdout\"\n",
            "envelope.format",
        ),
    ] {
        let errors = shop(&format!("{avro}{lines}")).load(&[]).unwrap_err();
        assert_eq!(errors.findings.len(), 1, "{errors}");
        assert_eq!(errors.findings[0].key.as_deref(), Some(key));
        assert!(!errors.to_string().contains("hunter2"), "{errors}");
    }
    // On the command line, the sink of lines is for looking at them.
    let overrides = Overrides {
        sink: Some(SinkOverride::Stdout),
        start: None,
    };
    let database = only(shop(avro).load_with(&[], &overrides).unwrap());
    assert!(database.registry.is_none() && !database.records.envelope.schemas);
}

#[test]
fn every_finding_of_every_file_comes_at_once() {
    let folder = Folder::new(&[
        (
            "daemon.toml",
            "[http]\nlisten = \"localhost\"\n[log]\nlevel = \"inof\"\nformat = 1\n",
        ),
        (
            "databases/a.toml",
            "topic = \"x\"\n[mysql]\nhots = \"a\"\nport = \"3306\"\nuser = \"remora\"\nheartbeat_ms = 1\n\
             [mysq]\nhost = \"a\"\n[capture]\ninclude = [\"a.(\", \"b.)\"]\n[sink]\ntype = \"kafak\"\n\
             [records]\nheaders.id = true\n",
        ),
        (
            "databases/b.toml",
            "[mysql]\nhost = \"b\"\nuser = 7\ntls = \"required\"\n[kafka",
        ),
        (
            "databases/c.toml",
            "checkpoint = 5\n[mysql]\nhost = \"c\"\nuser = \"\"\n",
        ),
    ]);
    let findings = folder.findings(&[
        ("REMORA__C__MYSQL__PROT", "1"),
        ("REMORA__C__HEADERS__ID", "yes"),
    ]);
    let found: BTreeSet<&str> = findings.iter().map(String::as_str).collect();
    assert_eq!(
        found.len(),
        findings.len(),
        "a finding comes twice: {findings:#?}"
    );
    let expected = [
        "daemon.toml|http.listen|expected an IP address and a port, found \"localhost\"",
        "daemon.toml|log.level|\"inof\" is not a log level",
        "daemon.toml|log.format|expected one of \"text\", \"json\", found an integer",
        "databases/a.toml|topic|unknown key",
        "databases/a.toml|mysql.hots|unknown key",
        "databases/a.toml|mysql.host|is required and not set",
        "databases/a.toml|mysql.port|expected an integer from 1 to 65535, found a text",
        "databases/a.toml|mysql.heartbeat_ms|expected an integer from 100 to 3600000, found 1",
        "databases/a.toml|mysq|unknown key",
        "databases/a.toml|capture.include|entry \"a.(\" is not a regular expression: unclosed group",
        "databases/a.toml|capture.include|entry \"b.)\" is not a regular expression: unopened group",
        "databases/a.toml|sink.type|expected one of \"kafka\", \"stdout\", \"file\", found \"kafak\"",
        "databases/a.toml|records.headers|unknown key",
        "databases/a.toml|kafka.brokers|is required and not set",
        "databases/c.toml|checkpoint|expected a table, found an integer",
        "databases/c.toml|mysql.user|is empty",
        "databases/c.toml|kafka.brokers|is required and not set",
        "environment variable REMORA__C__MYSQL__PROT|mysql.prot|unknown key",
        "environment variable REMORA__C__HEADERS__ID|headers.id|expected true or false, found another text",
    ];
    for expected in expected {
        assert!(
            found.contains(expected),
            "missing: {expected}\nin {findings:#?}"
        );
    }
    let syntax: Vec<&&str> = found
        .iter()
        .filter(|text| text.contains("not valid TOML"))
        .collect();
    assert!(
        matches!(syntax[..], [text] if text.starts_with("databases/b.toml||") && text.contains("line 5"))
    );
}

#[test]
fn a_finding_says_what_was_probably_meant() {
    let errors = shop("[mysql.tsl]\nmode = \"required\"\n").load(&[("REMORA__SHPO__START", "now")]);
    let text = errors.unwrap_err().to_string();
    assert!(text.contains("did you mean mysql.tls?"), "{text}");
    assert!(text.contains("did you mean REMORA__SHOP__"), "{text}");
    let errors = shop("")
        .load(&[("REMORA__SHOP__MYSQL__PASWORD", "x")])
        .unwrap_err();
    assert!(
        errors
            .to_string()
            .contains("did you mean REMORA__SHOP__MYSQL__PASSWORD?"),
        "{errors}"
    );
}

#[test]
fn variables_stand_above_the_file_and_keep_text() {
    let folder = Folder::new(&[("databases/shop-eu.1.toml", SMALL), ("daemon.toml", "")]);
    let config = folder
        .load(&[
            ("REMORA__DAEMON__HTTP__LISTEN", "0.0.0.0:80"),
            ("REMORA__DAEMON__SHUTDOWN_TIMEOUT_S", "0"),
            ("REMORA__SHOP_EU_1__TOPIC_PREFIX", "shop"),
            ("REMORA__SHOP_EU_1__START", "earliest"),
            ("REMORA__SHOP_EU_1__MYSQL__PORT", "3307"),
            ("REMORA__SHOP_EU_1__MYSQL__PASSWORD", "007"),
            ("REMORA__SHOP_EU_1__MYSQL__USER", "1e3"),
            ("REMORA__SHOP_EU_1__MYSQL__EVENT_BYTES_MAX", "1MiB"),
            ("REMORA__SHOP_EU_1__MYSQL__TLS__MODE", "required"),
            ("REMORA__SHOP_EU_1__HEADERS__ID", "true"),
            (
                "REMORA__SHOP_EU_1__CAPTURE__INCLUDE",
                r"shop\.a,shop\.b{1\,2}",
            ),
            ("REMORA__SHOP_EU_1__KAFKA__PROPERTIES__SASL_PASSWORD", "008"),
            ("REMORA__SHOP_EU_1__KAFKA__PROPERTIES__LINGER_MS", "20"),
            ("REMORAX", "not ours"),
            ("REMORA_CONFIG", "not ours either"),
        ])
        .unwrap();
    assert_eq!(config.daemon.http_listen.to_string(), "0.0.0.0:80");
    assert_eq!(config.daemon.shutdown_timeout, Duration::ZERO);
    let database = only(config);
    assert_eq!(database.name, "shop-eu.1");
    assert_eq!(database.topic_prefix, "shop");
    assert_eq!(database.start, Some(Start::Earliest));
    assert_eq!(database.mysql.port, 3307);
    assert_eq!(database.mysql.password.reveal(), "007");
    assert_eq!(database.mysql.user, "1e3");
    assert_eq!(database.mysql.event_bytes_max, 1 << 20);
    assert_eq!(database.mysql.tls.mode, TlsMode::Required);
    assert!(database.records.headers_id);
    assert_eq!(database.capture.tables.include.len(), 2);
    assert!(database.capture.tables.include[1].is_match("shop.bb"));
    let properties = &kafka(&database).properties;
    assert_eq!(properties["sasl.password"].reveal(), "008");
    assert_eq!(properties["linger.ms"].reveal(), "20");
}

#[test]
fn the_placeholder_may_be_written_in_hexadecimal_digits() {
    let value = |text: &str| {
        let lines = format!("[records]\nunavailable_value = \"{text}\"\n");
        let config = shop(&lines).load(&[]);
        config.map(|config| only(config).records.unavailable_value)
    };
    assert_eq!(value("gone").unwrap(), "gone");
    assert_eq!(value("hex:c3a4").unwrap(), "ä");
    for wrong in ["hex:c3a", "hex:zz", "hex:ff"] {
        let errors = value(wrong).unwrap_err().to_string();
        assert!(errors.contains("records.unavailable_value"), "{errors}");
    }
}

#[test]
fn variables_that_would_do_nothing_are_findings() {
    let folder = shop("");
    let findings = folder.findings(&[
        ("REMORA__OTHER__START", "now"),
        ("REMORA__SHOP", "x"),
        ("remora__shop__start", "now"),
        ("REMORA__SHOP__KAFKA__PROPERTIES", "x"),
        ("REMORA__SHOP__MYSQL", "x"),
        ("REMORA__EXAMPLE__START", "now"),
    ]);
    assert_eq!(findings.len(), 6, "{findings:#?}");
    let table = "environment variable REMORA__SHOP__MYSQL|mysql|is a table, not a key";
    assert!(findings.iter().any(|text| text == table), "{findings:#?}");
    let name = OsString::from("REMORA__SHOP__MYSQL__PASSWORD");
    let value = OsString::from_vec(vec![0xff]);
    let errors = load(folder.0.path(), [(name, value)]).unwrap_err();
    assert!(errors.to_string().contains("not UTF-8"), "{errors}");
    // Anything else in the environment may be what it likes.
    let name = OsStr::new("PATH").to_owned();
    assert!(load(folder.0.path(), [(name, OsString::from_vec(vec![0xff]))]).is_ok());
}

#[test]
fn settings_that_a_promise_fixes_are_refused_wherever_they_come_from() {
    let folder = shop("properties = { \"acks\" = 1, \"linger.ms\" = 5, \"foo.bar\" = true }\n");
    let findings = folder.findings(&[(
        "REMORA__SHOP__KAFKA__PROPERTIES__ENABLE_IDEMPOTENCE",
        "false",
    )]);
    assert_eq!(findings.len(), 3, "{findings:#?}");
    for begin in [
        "databases/shop.toml|kafka.properties.acks|may not be set, since it is always all",
        "databases/shop.toml|kafka.properties.\"foo.bar\"|is refused by librdkafka",
        "environment variable REMORA__SHOP__KAFKA__PROPERTIES__ENABLE_IDEMPOTENCE|\
         kafka.properties.\"enable.idempotence\"|may not be set",
    ] {
        assert!(
            findings.iter().any(|text| text.starts_with(begin)),
            "{begin}\n{findings:#?}"
        );
    }
}

#[test]
fn sinks_need_what_they_write_to() {
    let rest = SMALL.replace("[kafka]\nbrokers = \"kafka:9092\"\n", "");
    let load =
        |lines: &str| Folder::new(&[("databases/shop.toml", &format!("{rest}{lines}"))]).load(&[]);
    let database = only(load("[sink]\ntype = \"stdout\"\n").unwrap());
    assert!(matches!(database.sink, Sink::Stdout));
    assert!(matches!(
        &database.checkpoint.store,
        CheckpointStore::File { path } if path.as_os_str() == "state/shop.position"
    ));
    let database = only(load("[sink]\ntype = \"file\"\npath = \"out\"\n").unwrap());
    assert!(matches!(&database.sink, Sink::File(path) if path.as_os_str() == "out"));
    for (lines, key) in [
        ("", "kafka.brokers"),
        ("[sink]\ntype = \"file\"\n", "sink.path"),
        (
            "[sink]\ntype = \"stdout\"\n[checkpoint]\nstore = \"kafka\"\n",
            "checkpoint.store",
        ),
        (
            "[sink]\ntype = \"file\"\npath = \"a\"\n[checkpoint]\npath = \"a\"\n",
            "checkpoint.path",
        ),
        (
            "[sink]\ntype = \"stdout\"\n[kafka]\nreplication = 0\n",
            "kafka.replication",
        ),
    ] {
        let errors = load(lines).unwrap_err();
        assert_eq!(errors.findings.len(), 1, "{errors}");
        assert_eq!(errors.findings[0].key.as_deref(), Some(key));
    }
}

#[test]
fn the_command_line_replaces_the_sink_and_keeps_its_position_apart() {
    let files = [
        (
            "databases/a.toml",
            "[mysql]\nhost = \"a\"\nuser = \"u\"\n[checkpoint]\nstore = \"kafka\"\n",
        ),
        (
            "databases/b.toml",
            "[mysql]\nhost = \"b\"\nuser = \"u\"\n[checkpoint]\nstore = \"file\"\npath = \"real\"\n",
        ),
    ];
    let overrides = |sink| Overrides {
        sink: Some(sink),
        start: Some(Start::Now),
    };
    let paths = |config: &Config| -> Vec<PathBuf> {
        let path = |database: &Database| match &database.checkpoint.store {
            CheckpointStore::File { path } => path.clone(),
            CheckpointStore::Kafka { .. } => panic!("not a file"),
        };
        config.databases.iter().map(path).collect()
    };
    let folder = Folder::new(&files);
    let config = folder
        .load_with(&[], &overrides(SinkOverride::Stdout))
        .unwrap();
    assert!(config.databases.iter().all(|database| {
        matches!(database.sink, Sink::Stdout) && database.start == Some(Start::Now)
    }));
    assert_eq!(
        paths(&config),
        ["state/a.stdout.position", "state/b.stdout.position"].map(PathBuf::from)
    );
    let config = folder
        .load_with(&[], &overrides(SinkOverride::File("out".to_owned())))
        .unwrap();
    assert!(matches!(&config.databases[1].sink, Sink::File(path) if path.as_os_str() == "out"));
    assert_eq!(
        paths(&config),
        ["out.a.position", "out.b.position"].map(PathBuf::from)
    );
    let config = folder
        .load_with(&[], &overrides(SinkOverride::Null))
        .unwrap();
    assert!(matches!(config.databases[0].sink, Sink::Null));
    assert_eq!(
        paths(&config),
        ["state/a.null.position", "state/b.null.position"].map(PathBuf::from)
    );
}

#[test]
fn what_cannot_be_read_is_a_finding() {
    let folder = Folder::new(&[]);
    assert!(folder.findings(&[])[0].contains("no database is configured"));
    let errors = load(&folder.path("absent"), []).unwrap_err();
    assert!(errors.to_string().contains("--config DIR"), "{errors}");
    fs::create_dir(folder.path("databases/shop.toml")).unwrap();
    fs::create_dir(folder.path("daemon.toml")).unwrap();
    fs::write(folder.path("databases/a.toml"), [0xff]).unwrap();
    fs::write(folder.path("databases/b.toml"), vec![b'#'; 1024 * 1024 + 1]).unwrap();
    assert_eq!(folder.findings(&[]).len(), 4);
    let folder = Folder(tempfile::tempdir().unwrap());
    assert_eq!(folder.findings(&[]).len(), 1);
}

#[test]
fn a_host_is_neither_a_url_nor_a_pair() {
    for host in ["mysql://u:hunter2@db/x", "db:3306", "[::1]"] {
        let errors = shop("")
            .load(&[("REMORA__SHOP__MYSQL__HOST", host)])
            .unwrap_err();
        assert_eq!(errors.findings[0].key.as_deref(), Some("mysql.host"));
        assert!(!errors.to_string().contains("hunter2"), "{errors}");
    }
    assert!(
        shop("")
            .load(&[("REMORA__SHOP__MYSQL__HOST", "fe80::1")])
            .is_ok()
    );
}
