//! The keys of a database's file that say where records and positions go, in the order of the reference.

use super::{Key, Kind, Unset};

/// From the sink on.
pub(in crate::config) static DELIVERY: &[Key] = &[
    Key {
        path: "sink.type",
        kind: Kind::Word(&["kafka", "stdout", "file"]),
        unset: Unset::Is(r#""kafka""#),
        about: "Where records go. `stdout` and `file` write one JSON object a line.",
    },
    Key {
        path: "sink.path",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""shop.jsonl""#,
        },
        about: "The file that a sink of type `file` appends to; required there.",
    },
    Key {
        path: "kafka.brokers",
        kind: Kind::Text,
        unset: Unset::Required {
            example: r#""kafka-1.example.com:9092,kafka-2.example.com:9092""#,
        },
        about: "Brokers to ask first (`bootstrap.servers`); required for a sink of type `kafka`.",
    },
    Key {
        path: "kafka.partitions",
        kind: Kind::Integer {
            min: 1,
            max: 1_000_000,
        },
        unset: Unset::Is("1"),
        about: "Partitions of a topic that remora creates. Existing topics keep theirs.",
    },
    Key {
        path: "kafka.replication",
        kind: Kind::Integer {
            min: -1,
            max: 32_767,
        },
        unset: Unset::Is("-1"),
        about: "Replication factor of a topic that remora creates; -1 leaves it to the broker.",
    },
    Key {
        path: "kafka.in_flight_bytes_max",
        kind: Kind::Bytes {
            min: 1 << 20,
            max: 1 << 40,
        },
        unset: Unset::Is(r#""8MiB""#),
        about: "Records handed to librdkafka and not acknowledged yet, each counted with 256 bytes more. Reading waits when they are this many.",
    },
    Key {
        path: "kafka.properties",
        kind: Kind::Settings,
        unset: Unset::Is("{}"),
        about: "librdkafka settings by their own names, such as `security.protocol`, `sasl.username`, `compression.type` or `linger.ms`. Those that a promise of remora fixes are refused, and so are secrets.",
    },
    Key {
        path: "kafka.properties_files",
        kind: Kind::Files,
        unset: Unset::Is("{}"),
        about: "Files that hold librdkafka settings, such as `\"sasl.password\" = \"/run/secrets/kafka_password\"`; treated as `mysql.password_file`.",
    },
    Key {
        path: "registry.url",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""https://registry.example.com:8081""#,
        },
        about: "Where the schema registry is, as `schema.registry.url`: `http://` or `https://`, a host, and where it has one a path. Several with commas between them are asked in turn until one answers. Required for `envelope.format = \"avro\"`.",
    },
    Key {
        path: "registry.user",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""remora""#,
        },
        about: "Account for basic authentication; none where not set. Over `http://` it is clear text.",
    },
    Key {
        path: "registry.password_file",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""/run/secrets/registry_password""#,
        },
        about: "File that holds its password; treated as `mysql.password_file`.",
    },
    Key {
        path: "registry.password",
        kind: Kind::Password,
        unset: Unset::Nothing { example: "" },
        about: "The password itself. It stands above `registry.password_file`.",
    },
    Key {
        path: "registry.ca_file",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""/etc/remora/registry-ca.pem""#,
        },
        about: "Certificate authorities (PEM) that may have signed the registry's certificate; the public ones where not set.",
    },
    Key {
        path: "registry.subjects",
        kind: Kind::Word(&["topic", "record", "topic_record"]),
        unset: Unset::Is("\"topic\""),
        about: "Names of subjects: `TOPIC-key` and `TOPIC-value` (TopicNameStrategy), the schema's name (RecordNameStrategy), or `TOPIC-` and the schema's name (TopicRecordNameStrategy).",
    },
    Key {
        path: "registry.auto_register",
        kind: Kind::Bool,
        unset: Unset::Is("true"),
        about: "Register schemas that the registry does not have (`auto.register.schemas`). With false, such a schema stops the database.",
    },
    Key {
        path: "registry.timeout_ms",
        kind: Kind::Integer {
            min: 100,
            max: 600_000,
        },
        unset: Unset::Is("10000"),
        about: "Milliseconds for one request to the registry, connecting included. One that fails is tried again for ever; meanwhile reading waits.",
    },
    Key {
        path: "checkpoint.store",
        kind: Kind::Word(&["kafka", "file"]),
        unset: Unset::Derived {
            rule: "`kafka` for a sink of type `kafka`, else `file`",
            example: r#""kafka""#,
        },
        about: "Where the position is kept. `kafka` needs a sink of type `kafka`: one record per database in a compacted topic.",
    },
    Key {
        path: "checkpoint.topic",
        kind: Kind::Text,
        unset: Unset::Is(r#""remora.positions""#),
        about: "The topic of `checkpoint.store = \"kafka\"`.",
    },
    Key {
        path: "checkpoint.path",
        kind: Kind::Text,
        unset: Unset::Derived {
            rule: "`state/NAME.position`, NAME being the file's name without `.toml`",
            example: r#""state/shop.position""#,
        },
        about: "The file of `checkpoint.store = \"file\"`; relative to the folder that remora is started in.",
    },
    Key {
        path: "checkpoint.interval_ms",
        kind: Kind::Integer {
            min: 1,
            max: 600_000,
        },
        unset: Unset::Is("500"),
        about: "Milliseconds between two writes of a position that moved. After a crash, what was sent since the last write is sent again.",
    },
    Key {
        path: "spool.path",
        kind: Kind::Text,
        unset: Unset::Derived {
            rule: "`state/NAME.spool`, NAME being the file's name without `.toml`",
            example: r#""state/shop.spool""#,
        },
        about: "Folder for the records of transactions that must wait for their end: XA transactions until they are committed, and those of which the server says that a part could be rolled back. Made when it is needed, emptied at the end.",
    },
    Key {
        path: "spool.memory_bytes_max",
        kind: Kind::Bytes {
            min: 1024,
            max: 1 << 40,
        },
        unset: Unset::Is(r#""4MiB""#),
        about: "How much of them waits in memory; the rest goes to the folder.",
    },
    Key {
        path: "spool.bytes_max",
        kind: Kind::Bytes {
            min: 0,
            max: 1 << 60,
        },
        unset: Unset::Is(r#""16GiB""#),
        about: "What they may take in the folder; the database stops where that is not enough.",
    },
];
