mod options;

use options::OPTIONS;

use super::*;

/// The connector of Debezium's tutorial (documentation of 3.6, "Registering a connector").
const TUTORIAL: &str = r#"{
  "name": "inventory-connector",
  "config": {
    "connector.class": "io.debezium.connector.mysql.MySqlConnector",
    "tasks.max": "1",
    "database.hostname": "mysql",
    "database.port": "3306",
    "database.user": "debezium",
    "database.password": "dbz",
    "database.server.id": "184054",
    "topic.prefix": "dbserver1",
    "database.include.list": "inventory",
    "schema.history.internal.kafka.bootstrap.servers": "kafka:9092",
    "schema.history.internal.kafka.topic": "schemahistory.inventory"
  }
}"#;

fn import(text: &str) -> Import {
    debezium(parse(text).unwrap())
}

fn verdicts(import: &Import, verdict: Verdict) -> Vec<&str> {
    let findings = import
        .findings
        .iter()
        .filter(|found| found.verdict == verdict);
    findings.map(|found| found.property.as_str()).collect()
}

#[test]
fn the_tutorial_becomes_a_file() {
    let import = import(TUTORIAL);
    let expected = r#"# From the Debezium connector "inventory-connector".
topic_prefix = "dbserver1"
start = "now"

[mysql]
host = "mysql"
port = 3306
user = "debezium"
server_id = 184054

[mysql.tls]
mode = "required"

[capture]
include_databases = ["inventory"]
cascades = "accept"

[types]
invalid_text = "replace"

[envelope]
schemas = true

[kafka]
brokers = "kafka:9092"
"#;
    assert_eq!(import.toml, expected);
    assert_eq!(verdicts(&import, Verdict::Unsupported), ["snapshot.mode"]);
    let unnecessary = ["schema.history.internal.kafka.topic", "tasks.max"];
    assert_eq!(verdicts(&import, Verdict::Unnecessary), unnecessary);
    let shown = format!("{:?}{}", import.findings, import.toml);
    assert!(!shown.contains("dbz"), "{shown}");
}

#[test]
fn properties_files_are_read_as_java_reads_them() {
    let text = "# comment\n! another\n\nname = a b \ntopic.prefix:p\\\n    q\\u0041\\=\nempty\nspaced\tvalue\n";
    let properties = parse(text).unwrap();
    let get = |name: &str| properties.get(name).map(String::as_str);
    assert_eq!(get("name"), Some("a b "));
    assert_eq!(get("topic.prefix"), Some("pqA="));
    assert_eq!(get("empty"), Some(""));
    assert_eq!(get("spaced"), Some("value"));
    assert_eq!(properties.len(), 4);
}

#[test]
fn what_is_no_configuration_is_refused_without_its_values() {
    assert_eq!(parse(""), Err(ParseError::Empty));
    assert_eq!(
        parse("{\n\"a\": hunter2}"),
        Err(ParseError::Json { line: 2 })
    );
    assert_eq!(parse(r#"{"config": 5}"#), Err(ParseError::Form));
    let value = ParseError::Value {
        name: "a".to_owned(),
    };
    assert_eq!(parse(r#"{"a": ["hunter2"]}"#), Err(value));
}

#[test]
fn lists_become_patterns() {
    let import = import(
        "topic.prefix=p\nsnapshot.mode=no_data\ndatabase.include.list=shop,crm\n\
         table.include.list=shop\\\\.orders,crm.people\ndatabase.exclude.list=old_.*\n\
         column.exclude.list=.*\\\\.secret\nmessage.key.columns=shop.orders:a,b;crm.people:c\n\
         value.converter.schemas.enable=false\nkey.converter.schemas.enable=false\n\
         skipped.operations=none\ninclude.schema.changes=false",
    );
    assert_eq!(verdicts(&import, Verdict::Unsupported), [""; 0]);
    for line in [
        r"include = ['shop\.orders', 'crm.people']".replace("'crm.people'", "\"crm.people\""),
        r#"include_databases = ["shop", "crm"]"#.to_owned(),
        r#"exclude_databases = ["old_.*"]"#.to_owned(),
        r"exclude_columns = ['.*\.secret']".to_owned(),
        r#"key_columns = ["shop.orders:a,b", "crm.people:c"]"#.to_owned(),
        "schemas = false".to_owned(),
        "skipped_operations = []".to_owned(),
    ] {
        assert!(import.toml.contains(&line), "{line}\n{}", import.toml);
    }
}

#[test]
fn values_decide_whether_a_property_matters() {
    let text = |value: &str| {
        format!("topic.prefix=p\nsnapshot.mode=no_data\ninclude.schema.comments={value}\n")
    };
    assert!(!import(&text("false")).is_partial());
    assert!(import(&text("true")).is_partial());
    let unknown = import("topic.prefix=p\nsnapshot.mode=no_data\nno.such.option=1");
    assert_eq!(verdicts(&unknown, Verdict::Unsupported), ["no.such.option"]);
}

#[test]
fn words_are_ours_or_unsupported() {
    let import = import("topic.prefix=p\ntime.precision.mode=connect\ndecimal.handling.mode=float");
    assert!(
        import.toml.contains("time_precision = \"connect\""),
        "{}",
        import.toml
    );
    assert!(verdicts(&import, Verdict::Unsupported).contains(&"decimal.handling.mode"));
}

/// Each option of the connector's reference that has a counterpart, with the values of its examples.
const EVERYTHING: &str = "name=all\nconnector.class=io.debezium.connector.mysql.MySqlConnector\ntasks.max=1\n\
    topic.prefix=all\nsnapshot.mode=no_data\ndatabase.hostname=db.example.com\ndatabase.port=3307\n\
    database.user=u\ndatabase.password=hunter2\ndatabase.server.id=4294967295\nconnect.timeout.ms=30000\n\
    database.ssl.mode=verify_identity\ndatabase.include.list=shop,crm-.*\ndatabase.exclude.list=old\n\
    table.exclude.list=shop\\\\.log_[0-9]{1\\\\,3}\ncolumn.exclude.list=shop.users.secret\n\
    message.key.columns=shop.orders:a,b;crm.people:c\ntombstones.on.delete=false\n\
    skip.messages.without.change=true\nskipped.operations=t,d\nunavailable.value.placeholder=hex:6162\n\
    extended.headers.enabled=false\ninclude.schema.changes=false\ndecimal.handling.mode=string\n\
    time.precision.mode=isostring\nbinary.handling.mode=base64-url-safe\nbigint.unsigned.handling.mode=precise\n\
    column.mask.with.10.chars=shop.users.name\ncolumn.truncate.to.5.chars=shop.notes.text\n\
    column.mask.hash.v2.SHA-256.with.salt.hunter2=shop.users.mail\n\
    key.converter=org.apache.kafka.connect.json.JsonConverter\nkey.converter.schemas.enable=false\n\
    value.converter=org.apache.kafka.connect.json.JsonConverter\nvalue.converter.schemas.enable=FALSE\n\
    value.converter.replace.null.with.default=false\nkey.converter.replace.null.with.default=false\n\
    topic.creation.default.partitions=3\ntopic.creation.default.replication.factor=-1\n\
    producer.override.linger.ms=5\nproducer.override.compression.type=zstd\n\
    schema.history.internal.kafka.bootstrap.servers=k1:9092,k2:9092\nschema.history.internal.kafka.topic=h\n\
    heartbeat.interval.ms=10000\nheartbeat.action.query=DO 1\ntopic.delimiter=_\nprovide.transaction.metadata=true\ntopic.transaction=tx\nmax.batch.size=4096\nmax.queue.size=16384\npoll.interval.ms=50\n\
    topic.naming.strategy=io.debezium.schema.DefaultTopicNamingStrategy\ntransforms=\n";

#[test]
fn every_option_of_the_connector_is_known() {
    let lines: String = OPTIONS.iter().map(|name| format!("{name}=1\n")).collect();
    let import = import(&lines);
    let named = |name: &str| import.findings.iter().find(|found| found.property == name);
    for name in OPTIONS {
        let unknown = named(name).is_some_and(|found| found.reason == "is not known");
        assert!(!unknown, "{name}");
    }
}

#[test]
fn what_is_printed_can_be_loaded() {
    for (name, text) in [("inventory", TUTORIAL), ("all", EVERYTHING)] {
        let import = import(text);
        let dir = tempfile::tempdir().unwrap();
        let databases = dir.path().join("databases");
        std::fs::create_dir(&databases).unwrap();
        std::fs::write(databases.join(format!("{name}.toml")), &import.toml).unwrap();
        let salt = format!("REMORA__{}__MASKS__SALT", name.to_uppercase());
        let variables = [(salt.into(), "pepper".into())];
        let config = crate::config::load(dir.path(), variables);
        let config = config.unwrap_or_else(|errors| panic!("{errors}\n{}", import.toml));
        assert_eq!(config.databases.len(), 1);
        let shown = format!("{:?}{}", import.findings, import.toml);
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    assert_eq!(verdicts(&import(EVERYTHING), Verdict::Unsupported), [""; 0]);
    let config = import(EVERYTHING).toml;
    for line in [
        r"exclude = ['shop\.log_[0-9]{1,3}']",
        "transactions = true",
        "topic_delimiter = \"_\"",
        "interval_ms = 10000",
        "action_query = \"DO 1\"",
        "transaction_topic = \"tx\"",
        r#"stars = ["10: shop.users.name"]"#,
        r#"hash = ["SHA-256: shop.users.mail"]"#,
        r#""linger.ms" = "5""#,
    ] {
        assert!(config.contains(line), "{line}\n{config}");
    }
}

const AVRO: &str = "topic.prefix=p\nsnapshot.mode=no_data\ninclude.schema.changes=false\n\
     schema.name.adjustment.mode=avro\nfield.name.adjustment.mode=avro_unicode\n\
     key.converter=io.confluent.connect.avro.AvroConverter\n\
     key.converter.schema.registry.url=http://registry:8081\n\
     value.converter=io.confluent.connect.avro.AvroConverter\n\
     value.converter.schema.registry.url=http://registry:8081\n";

#[test]
fn confluents_converter_becomes_avro() {
    let import = import(&format!(
        "{AVRO}value.converter.auto.register.schemas=false\nkey.converter.auto.register.schemas=false\n\
         value.converter.basic.auth.credentials.source=USER_INFO\n\
         value.converter.basic.auth.user.info=ada:hunter2\n\
         key.converter.key.subject.name.strategy=io.confluent.kafka.serializers.subject.TopicRecordNameStrategy\n\
         value.converter.value.subject.name.strategy=io.confluent.kafka.serializers.subject.TopicRecordNameStrategy\n\
         value.converter.ignore.default.for.nullables=true\nvalue.converter.schemas.cache.config=50\n\
         value.converter.enhanced.avro.schema.support=true\n"
    ));
    for line in [
        "[envelope]\nformat = \"avro\"\nschema_names = \"avro\"\nfield_names = \"avro_unicode\"\n",
        "[registry]\nurl = \"http://registry:8081\"\nauto_register = false\nuser = \"ada\"\n\
         subjects = \"topic_record\"\n",
    ] {
        assert!(import.toml.contains(line), "{line}\n{}", import.toml);
    }
    let unsupported = ["value.converter.enhanced.avro.schema.support"];
    assert_eq!(verdicts(&import, Verdict::Unsupported), unsupported);
    let shown = format!("{:?}{}", import.findings, import.toml);
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn sides_that_differ_are_unsupported() {
    let json = "org.apache.kafka.connect.json.JsonConverter";
    let mixed = AVRO.replacen("io.confluent.connect.avro.AvroConverter", json, 1);
    let found = import(&mixed);
    assert!(verdicts(&found, Verdict::Unsupported).contains(&"value.converter"));
    let elsewhere = AVRO.replacen("http://registry:8081", "http://other:8081", 1);
    let unsupported = ["key.converter.schema.registry.url"];
    assert_eq!(
        verdicts(&import(&elsewhere), Verdict::Unsupported),
        unsupported
    );
    let account = AVRO.replace("http://registry", "http://ada:hunter2@registry");
    let found = import(&account);
    assert!(
        !found.toml.contains("hunter2") && !format!("{:?}", found.findings).contains("hunter2")
    );
}

#[test]
fn apicurios_converter_is_taken_where_it_writes_confluents_form() {
    let apicurio = AVRO
        .replace(
            "io.confluent.connect.avro",
            "io.apicurio.registry.utils.converter",
        )
        .replace(
            "schema.registry.url=http://registry:8081",
            "apicurio.registry.url=http://r:8080/apis/registry/v3",
        );
    let both = "key.converter.apicurio.registry.as-confluent=true\nvalue.converter.apicurio.registry.as-confluent=true\n\
         value.converter.apicurio.registry.auto-register=true\nkey.converter.apicurio.registry.auto-register=true\n";
    let found = import(&format!("{apicurio}{both}"));
    assert_eq!(verdicts(&found, Verdict::Unsupported), [""; 0]);
    for line in [
        "url = \"http://r:8080/apis/ccompat/v7\"",
        "auto_register = true",
    ] {
        assert!(found.toml.contains(line), "{line}\n{}", found.toml);
    }
    let unsupported = verdicts(&import(&apicurio), Verdict::Unsupported).len();
    assert_eq!(unsupported, 2);
}
