//! Avro with a real schema registry: records read back by Confluent's Python client equal those in JSON, and a
//! registry that is not there, or refuses, loses nothing.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use crate::support::config::ConfigDir;
use crate::support::golden::{Golden, all};
use crate::support::kafka::Kafka;
use crate::support::mysql::Mysql;
use crate::support::registry::Registry;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

/// Adds two databases that follow the same tables of a server, one to Avro and one to JSON; gives their
/// prefixes. `keys` stand before the first table.
fn add_pair(
    mysql: &Mysql,
    config: &ConfigDir,
    schema: &str,
    registry: &str,
    keys: &str,
) -> [String; 2] {
    ["avro", "json"].map(|format| {
        let prefix = unique(&format!("{schema}_{format}"));
        let avro = format!("envelope.format = \"avro\"\nregistry.url = \"{registry}\"\n");
        let avro = if format == "avro" { avro } else { String::new() };
        let position = config.path().join(format!("{format}.position"));
        let spool = config.path().join(format!("{format}.spool"));
        // In both: names are members of JSON too. A case may have its own.
        let names = match keys.contains("envelope.schema_names") {
            true => "",
            false => "envelope.schema_names = \"avro\"\nenvelope.field_names = \"avro\"\n",
        };
        config.database(
            format,
            &format!(
                "{keys}\n{avro}{names}topic_prefix = \"{prefix}\"\nstart = \"now\"\ncapture.include = ['{schema}\\..*']\n\
                 [mysql]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\n[mysql.tls]\nmode = \"disabled\"\n\
                 [kafka]\nbrokers = \"{}\"\n[checkpoint]\nstore = \"file\"\npath = \"{}\"\n[spool]\npath = \"{}\"\n",
                mysql.port(),
                Kafka::shared().brokers(),
                position.display(),
                spool.display(),
            ),
        );
        prefix
    })
}

fn wait_until_streaming(remora: &Remora) {
    wait_for("remora to follow the binlog", DEADLINE, || {
        remora.get("/ready").filter(|(status, _)| *status == 200)
    });
}

/// Waits until each topic has so many records.
fn wait_for_records(topics: &[String], count: usize) {
    for topic in topics {
        wait_for(&format!("{count} records in {topic}"), DEADLINE, || {
            let there = Kafka::shared().topics().contains(topic);
            (there && Kafka::shared().records(&[topic]).len() >= count).then_some(())
        });
    }
}

/// The topics behind a prefix, without it.
fn topics(prefix: &str) -> Vec<String> {
    let topics = Kafka::shared().topics();
    let own = topics
        .iter()
        .filter_map(|topic| topic.strip_prefix(prefix)?.strip_prefix('.'));
    own.map(ToOwned::to_owned).collect()
}

#[test]
fn avro_records_equal_the_json_ones() {
    // Of its own: the same databases are those of other tests on the shared one.
    let (mysql, registry) = (Mysql::start(&[]), Registry::shared());
    let (mut compared, mut cases) = (0, 0);
    // Of the variants those whose values have other types; schemas are in every Avro record.
    let other = |golden: &Golden| {
        let name = golden.name.as_str();
        let modes = [
            "binary@hex",
            "numbers@precise",
            "temporal@isostring",
            "types@text",
        ];
        let transformed = golden.remora.contains("transforms");
        !transformed && (!name.contains('@') || modes.contains(&name))
    };
    for golden in all().into_iter().filter(other) {
        let said = compare(&mysql, registry, &golden);
        println!("{}: {said}", golden.name);
        let count = said.split(' ').next().unwrap();
        compared += count.parse::<usize>().unwrap();
        cases += 1;
    }
    println!("{compared} records of {cases} cases compared");
    assert!(compared > 1000, "{compared}");
}

/// Runs the statements of one golden case under both; gives the last line of the comparison.
fn compare(mysql: &Mysql, registry: &Registry, golden: &Golden) -> String {
    let database = &golden.database;
    mysql.sql(&golden.before);
    let fence = format!("{database}.remora_fence");
    mysql.sql(&format!("CREATE TABLE {fence} (id INT PRIMARY KEY)"));
    let config = ConfigDir::new();
    let salt = config.path().join("salt");
    fs::write(&salt, "pepper").unwrap();
    fs::set_permissions(&salt, fs::Permissions::from_mode(0o600)).unwrap();
    let keys = golden
        .remora
        .replace("SALT-FILE", &salt.display().to_string());
    let prefixes = add_pair(mysql, &config, database, &registry.url(), &keys);
    let remora = Remora::start(&config);
    wait_until_streaming(&remora);
    mysql.sql(&format!(
        "{}\n;INSERT INTO {fence} VALUES (1)",
        golden.during
    ));
    wait_for_records(
        &prefixes.clone().map(|prefix| format!("{prefix}.{fence}")),
        1,
    );
    let [avro, json] = &prefixes;
    let found = topics(avro);
    assert_eq!(found, topics(json), "topics of {}", golden.name);
    let found: Vec<&str> = found.iter().map(String::as_str).collect();
    let said = registry.compare(Kafka::shared(), [avro, json], &found);
    said.lines().last().unwrap().to_owned()
}

fn table(name: &str) -> String {
    let mysql = Mysql::shared();
    mysql.sql(&format!(
        "CREATE DATABASE {name}; CREATE TABLE {name}.t (id INT PRIMARY KEY, v VARCHAR(20))"
    ));
    format!("{name}.t")
}

/// A registry that is not there at the start, and again when a table has changed; a stop meanwhile ends in time.
#[test]
fn a_registry_that_is_down_loses_no_record_and_no_order() {
    let registry = Registry::shared();
    let door = registry.door();
    let (mysql, schema) = (Mysql::shared(), unique("avro_down"));
    let table = table(&schema);
    let config = ConfigDir::new();
    let daemon = fs::read_to_string(config.path().join("daemon.toml")).unwrap();
    fs::write(
        config.path().join("daemon.toml"),
        format!("shutdown_timeout_s = 2\n{daemon}"),
    )
    .unwrap();
    let prefixes = add_pair(mysql, &config, &schema, &door.url(), "");
    let names = prefixes.clone().map(|prefix| format!("{prefix}.{table}"));
    let mut remora = Remora::start(&config);
    wait_until_streaming(&remora);
    let waiting = |remora: &Remora| {
        wait_for("records to wait for the registry", DEADLINE, || {
            let waiting = remora.metric("remora_registry_waiting{database=\"avro\"}");
            waiting.filter(|waiting| *waiting == 1.0)
        });
        let (status, body) = remora.get("/ready").unwrap();
        assert_eq!(status, 200);
        assert!(
            body.contains("records wait for the schema registry at"),
            "{body}"
        );
        assert!(
            remora
                .log()
                .contains("records wait for the schema registry at")
        );
    };

    mysql.sql(&format!("INSERT INTO {table} VALUES (1, 'a'), (2, 'b')"));
    waiting(&remora);
    assert!(!Kafka::shared().topics().contains(&names[0]));
    door.set_open(true);
    wait_for_records(&names, 2);
    let answered = remora.metric("remora_registry_waiting{database=\"avro\"}");
    assert_eq!(answered, Some(0.0));

    // What is known needs no registry.
    door.set_open(false);
    mysql.sql(&format!("INSERT INTO {table} VALUES (3, 'c')"));
    wait_for_records(&names, 3);
    mysql.sql(&format!(
        "ALTER TABLE {table} ADD n INT; INSERT INTO {table} VALUES (4, 'd', 4); UPDATE {table} SET v = 'x' WHERE id < 3"
    ));
    waiting(&remora);
    let start = Instant::now();
    remora.terminate();
    remora.wait_exit(DEADLINE);
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(Kafka::shared().records(&[&names[0]]).len(), 3);

    let remora = Remora::start(&config);
    waiting(&remora);
    door.set_open(true);
    wait_for_records(&names, 6);
    let [avro, json] = &prefixes;
    let said = registry.compare(Kafka::shared(), [avro, json], &[&table]);
    assert!(
        said.ends_with("6 records compared, 3 schemas, 0 differences\n"),
        "{said}"
    );
}

/// A table that changes against the compatibility of its subject stops its database alone; once the operator has
/// decided, a restart goes on where it stopped.
#[test]
fn an_incompatible_schema_stops_the_database_with_the_remedy() {
    let registry = Registry::shared();
    let (mysql, schema) = (Mysql::shared(), unique("avro_incompatible"));
    let table = table(&schema);
    let config = ConfigDir::new();
    let prefixes = add_pair(mysql, &config, &schema, &registry.url(), "");
    let names = prefixes.clone().map(|prefix| format!("{prefix}.{table}"));
    let remora = Remora::start(&config);
    wait_until_streaming(&remora);
    mysql.sql(&format!("INSERT INTO {table} VALUES (1, 'a')"));
    wait_for_records(&names, 1);
    let subject = format!("{}-value", names[0]);
    registry.set_compatibility(&subject, "BACKWARD");
    mysql.sql(&format!(
        "ALTER TABLE {table} ADD n INT NOT NULL; INSERT INTO {table} VALUES (2, 'b', 2); DELETE FROM {table} WHERE id = 1"
    ));
    let body = wait_for("the database to stop", DEADLINE, || {
        let (_, body) = remora.get("/ready")?;
        body.contains("\"failed\"").then_some(body)
    });
    for words in [
        format!("refuses a schema for subject {subject} as incompatible"),
        format!("PUT /config/{subject}"),
        "\"fault\":\"operator\"".to_owned(),
    ] {
        assert!(body.contains(&words), "{words} is not in {body}");
    }
    // The other one has gone on: insert, insert, delete, tombstone.
    wait_for_records(&names[1..], 4);
    assert_eq!(Kafka::shared().records(&[&names[0]]).len(), 1);
    drop(remora);

    registry.set_compatibility(&subject, "NONE");
    let _remora = Remora::start(&config);
    wait_for_records(&names, 4);
    let [avro, json] = &prefixes;
    let said = registry.compare(Kafka::shared(), [avro, json], &[&table]);
    assert!(said.ends_with("0 differences\n"), "{said}");
}

/// Without registration a schema that is missing stops the database; so does a name that Avro has no way to take.
#[test]
fn what_the_operator_must_decide_stops_with_the_key_to_set() {
    let registry = Registry::shared();
    let (mysql, schema) = (Mysql::shared(), unique("avro_decide"));
    let table = table(&schema);
    let stopped = |lines: &str, prefix: &str, id: u32| {
        let config = ConfigDir::new();
        let position = config.path().join("position");
        config.database(
            "a",
            &format!(
                "topic_prefix = \"{prefix}\"\nstart = \"now\"\ncapture.include = ['{schema}\\..*']\n\
                 [mysql]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\n[mysql.tls]\nmode = \"disabled\"\n\
                 [kafka]\nbrokers = \"{}\"\n[checkpoint]\nstore = \"file\"\npath = \"{}\"\n\
                 [envelope]\nformat = \"avro\"\n[registry]\nurl = \"{}\"\n{lines}",
                mysql.port(),
                Kafka::shared().brokers(),
                position.display(),
                registry.url(),
            ),
        );
        let mut remora = Remora::start(&config);
        wait_until_streaming(&remora);
        mysql.sql(&format!("INSERT INTO {table} VALUES ({id}, 'a')"));
        // Its only database has stopped.
        assert!(!remora.wait_exit(DEADLINE).success());
        remora.log()
    };
    let log = stopped("auto_register = false\n", &unique("avro_lookup"), 1);
    assert!(
        log.contains("does not have the schema of the table"),
        "{log}"
    );
    assert!(log.contains("registry.auto_register"), "{log}");
    let log = stopped("", &unique("avro-hyphen"), 2);
    assert!(log.contains("envelope.schema_names"), "{log}");
}
