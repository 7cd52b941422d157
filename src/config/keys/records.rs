//! The keys of a database's file that say what is read and what records look like, in the order of the reference.

use super::{Key, Kind, Unset};

/// Up to the sink.
pub(in crate::config) static RECORDS: &[Key] = &[
    Key {
        path: "topic_prefix",
        kind: Kind::Text,
        unset: Unset::Derived {
            rule: "the file's name without `.toml`",
            example: r#""shop""#,
        },
        about: "Debezium's `topic.prefix`: records of table `t` in database `d` go to topic `PREFIX.d.t`, and the stored position is found by it. Changing it later means starting anew.",
    },
    Key {
        path: "topic_delimiter",
        kind: Kind::Text,
        unset: Unset::Is(r#"".""#),
        about: "What stands between the parts of a topic's name, as Debezium's `topic.delimiter`.",
    },
    Key {
        path: "topic_naming",
        kind: Kind::Word(&["default", "unicode"]),
        unset: Unset::Is(r#""default""#),
        about: "What becomes of characters of a database or table that no topic's name may have (`topic.naming.strategy`): `_`, or as with `DefaultUnicodeTopicNamingStrategy` `_u` and the code, also for `_` itself. With `_`, two tables may come to share a topic.",
    },
    Key {
        path: "start",
        kind: Kind::Word(&["now", "earliest"]),
        unset: Unset::Nothing {
            example: r#""now""#,
        },
        about: "Where to begin when no position is stored: after the last transaction, or at the oldest that the binlogs still hold. Without it, a database that has no position does not start.",
    },
    Key {
        path: "schema",
        kind: Kind::Word(&["auto", "row_metadata"]),
        unset: Unset::Is("\"auto\""),
        about: "What the columns of a row are called: `auto` takes names, labels and keys from the row event, and where it has none (`binlog_row_metadata = MINIMAL`, the server's default) from the table's definition, which is followed through the stream; `row_metadata` insists on events that have them.",
    },
    Key {
        path: "transforms",
        kind: Kind::Tables,
        unset: Unset::Is("[]"),
        about: "Debezium's transforms, applied to each record in this order; each is a table `[[transforms]]` with a `type` and its options, behind all other tables of the file. `docs/transforms.md` lists them.",
    },
    Key {
        path: "mysql.host",
        kind: Kind::Text,
        unset: Unset::Required {
            example: r#""db.example.com""#,
        },
        about: "Host name or address of the server; with `verify_identity` it must be a name in the server's certificate.",
    },
    Key {
        path: "mysql.port",
        kind: Kind::Integer { min: 1, max: 65535 },
        unset: Unset::Is("3306"),
        about: "TCP port.",
    },
    Key {
        path: "mysql.user",
        kind: Kind::Text,
        unset: Unset::Required {
            example: r#""remora""#,
        },
        about: "Account with REPLICATION SLAVE and REPLICATION CLIENT, and SELECT on the captured tables.",
    },
    Key {
        path: "mysql.password_file",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""/run/secrets/mysql_password""#,
        },
        about: "File that holds the password; one newline at its end is cut. Other users must have no access to it (`chmod o= FILE`; on Kubernetes `defaultMode: 0440`).",
    },
    Key {
        path: "mysql.password",
        kind: Kind::Password,
        unset: Unset::Nothing { example: "" },
        about: "The password itself. It stands above `mysql.password_file`; with neither, the account has no password.",
    },
    Key {
        path: "mysql.server_id",
        kind: Kind::Integer {
            min: 1,
            max: 4_294_967_295,
        },
        unset: Unset::Derived {
            rule: "1000000000 + FNV-1a-64(`topic_prefix`) mod 3000000001",
            example: "1234567890",
        },
        about: "Our id as a replica. No other replica of the server may have it: the server ends the older of two with the same one.",
    },
    Key {
        path: "mysql.server_public_key",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""/etc/remora/server_public_key.pem""#,
        },
        about: "The server's RSA public key (PEM), for `caching_sha2_password` or `sha256_password` without TLS.",
    },
    Key {
        path: "mysql.connect_timeout_ms",
        kind: Kind::Integer {
            min: 1,
            max: 600_000,
        },
        unset: Unset::Is("10000"),
        about: "Milliseconds for one attempt to connect, TLS and login included.",
    },
    Key {
        path: "mysql.heartbeat_ms",
        kind: Kind::Integer {
            min: 100,
            max: 3_600_000,
        },
        unset: Unset::Is("5000"),
        about: "Milliseconds after which an idle server sends a heartbeat; a connection that stays silent for several of them is made anew.",
    },
    Key {
        path: "mysql.net_write_timeout_s",
        kind: Kind::Integer {
            min: 1,
            max: 31_536_000,
        },
        unset: Unset::Is("3600"),
        about: "Seconds that the server waits while a slow sink keeps us from reading (`net_write_timeout` of our connection).",
    },
    Key {
        path: "mysql.event_bytes_max",
        kind: Kind::Bytes {
            min: 1024,
            max: 1 << 30,
        },
        unset: Unset::Is(r#""128MiB""#),
        about: "Largest binlog event that is taken; a larger one stops the database and names it. MySQL's own limit is 1 GiB. Up to three times this may be in memory while such an event passes.",
    },
    Key {
        path: "mysql.transaction_bytes_max",
        kind: Kind::Bytes {
            min: 1024,
            max: 1 << 60,
        },
        unset: Unset::Is(r#""64GiB""#),
        about: "What one compressed transaction may inflate to. It is inflated as a stream, so this guards time, not memory: raise it where `binlog_transaction_compression` meets larger transactions.",
    },
    Key {
        path: "mysql.row_image",
        kind: Kind::Word(&["full", "any"]),
        unset: Unset::Is(r#""full""#),
        about: "What to do about rows that are logged without all of their columns (`binlog_row_image` other than FULL, which any session may set): `full` stops the database there, `any` goes on with `records.unavailable_value` or null for what is not in the log.",
    },
    Key {
        path: "mysql.tls.mode",
        kind: Kind::Word(&["verify_identity", "verify_ca", "required", "disabled"]),
        unset: Unset::Is(r#""verify_identity""#),
        about: "What is checked, as MySQL's `--ssl-mode`; there is no silent fallback. `verify_ca` does not check the name, `required` encrypts and checks nothing, `disabled` is clear text and only allowed on a loopback address.",
    },
    Key {
        path: "mysql.tls.ca_file",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""/etc/remora/ca.pem""#,
        },
        about: "Certificate authorities (PEM) that may have signed the server's certificate; the public ones where not set.",
    },
    Key {
        path: "mysql.tls.cert_file",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""/etc/remora/client-cert.pem""#,
        },
        about: "Our certificate chain (PEM), where the account asks for one; together with `mysql.tls.key_file`.",
    },
    Key {
        path: "mysql.tls.key_file",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""/etc/remora/client-key.pem""#,
        },
        about: "The private key of that certificate (PEM). Other users must have no access to it.",
    },
    Key {
        path: "capture.include_databases",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Regular expressions, as Debezium's `database.include.list`: a table is captured only when one matches the whole name of its database, in any letter case. Empty means all databases.",
    },
    Key {
        path: "capture.exclude_databases",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Databases that are left out of those, as Debezium's `database.exclude.list`.",
    },
    Key {
        path: "capture.include",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Regular expressions, as Debezium's `table.include.list`: a table is captured when one matches the whole of `database.table`, in any letter case. Empty means all tables.",
    },
    Key {
        path: "capture.exclude",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Tables that are left out of those, as Debezium's `table.exclude.list`.",
    },
    Key {
        path: "capture.include_columns",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Columns that records show, as Debezium's `column.include.list`: regular expressions on the whole of `database.table.column`, in any letter case. Empty means all. A column of the key stays in the key.",
    },
    Key {
        path: "capture.exclude_columns",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Columns that records leave out, as Debezium's `column.exclude.list`. Only one of the two lists may be set.",
    },
    Key {
        path: "capture.key_columns",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Other columns than the primary key's as the key of a record, as Debezium's `message.key.columns`: entries such as `'shop\\.orders:customer,number'`, a regular expression on `database.table` and columns of its tables, which make the key in this order.",
    },
    Key {
        path: "capture.cascades",
        kind: Kind::Word(&["refuse", "accept"]),
        unset: Unset::Is("\"refuse\""),
        about: "What to do about captured tables whose rows foreign keys change (ON DELETE or ON UPDATE CASCADE or SET NULL) where the server does not log these changes: before MySQL 9.6, or with `innodb_native_foreign_keys`. `accept` goes on without them, as Debezium does.",
    },
    Key {
        path: "records.tombstones",
        kind: Kind::Bool,
        unset: Unset::Is("true"),
        about: "A record with a null value after each delete (`tombstones.on.delete`), so that compacted topics forget the key.",
    },
    Key {
        path: "records.skipped_operations",
        kind: Kind::List,
        unset: Unset::Is("[\"t\"]"),
        about: "Operations that become no records (`skipped.operations`): `c` insert, `u` update, `d` delete, `t` truncate.",
    },
    Key {
        path: "records.skip_unchanged",
        kind: Kind::Bool,
        unset: Unset::Is("false"),
        about: "An update that changes no column that the record shows becomes no record (`skip.messages.without.change`).",
    },
    Key {
        path: "records.unavailable_value",
        kind: Kind::Text,
        unset: Unset::Is(r#""__debezium_unavailable_value""#),
        about: "What stands for a text, or as bytes for a binary value, that the log does not hold (`unavailable.value.placeholder`); only with `mysql.row_image = \"any\"`.",
    },
    Key {
        path: "records.queries",
        kind: Kind::Bool,
        unset: Unset::Is("false"),
        about: "`source.query` shows the statement behind a row (`include.query`), values and all, where the server logs it: `binlog_rows_query_log_events` is ON in the session.",
    },
    Key {
        path: "records.transactions",
        kind: Kind::Bool,
        unset: Unset::Is("false"),
        about: "Transaction metadata (`provide.transaction.metadata`): a record where each transaction begins and where it ends, with counts by table, and in each change its transaction and its place there.",
    },
    Key {
        path: "records.transaction_topic",
        kind: Kind::Text,
        unset: Unset::Is(r#""transaction""#),
        about: "What stands behind `topic_prefix` and a dot in the name of their topic (`topic.transaction`).",
    },
    Key {
        path: "masks.stars",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Text columns whose values become stars, NULL too (`column.mask.with.N.chars`): entries such as `'10: shop\\.users\\.name'`, the number of stars and a regular expression on `database.table.column`. A key keeps its values as they are; the first mask that matches a column counts.",
    },
    Key {
        path: "masks.truncate",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Text columns of which the first characters are kept (`column.truncate.to.N.chars`): entries such as `'20: shop\\.notes\\.text'`.",
    },
    Key {
        path: "masks.hash",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Text columns whose values become the hexadecimal digest of salt and value (`column.mask.hash.v2`): entries such as `'SHA-256: shop\\.users\\.email'`, with MD5, SHA-1, SHA-224, SHA-256, SHA-384 or SHA-512. A digest is cut to the column's length.",
    },
    Key {
        path: "masks.hash_v1",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "The same over the value as Java serialises it (`column.mask.hash`), for digests that Debezium has written so.",
    },
    Key {
        path: "masks.salt_file",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""/run/secrets/mask_salt""#,
        },
        about: "File that holds the salt of the digests; treated as `mysql.password_file`.",
    },
    Key {
        path: "masks.salt",
        kind: Kind::Password,
        unset: Unset::Nothing {
            example: r#""...""#,
        },
        about: "The salt itself. It stands above `masks.salt_file`; digests need one of the two.",
    },
    Key {
        path: "envelope.schemas",
        kind: Kind::Bool,
        unset: Unset::Is("false"),
        about: "Each key and value is an object of `schema` and `payload`, as Connect's JsonConverter writes them with `schemas.enable` (its own default is true).",
    },
    Key {
        path: "envelope.source_types",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "Columns whose schema in values has the parameters `__debezium.source.column.type`, `length`, `scale` and `name` (`column.propagate.source.type`): regular expressions on the whole of `database.table.column`, in any letter case.",
    },
    Key {
        path: "envelope.source_datatypes",
        kind: Kind::List,
        unset: Unset::Is("[]"),
        about: "The same by type (`datatype.propagate.source.type`): regular expressions on the whole of `database.table.TYPE`, such as `'.*\\.DECIMAL'`.",
    },
    Key {
        path: "envelope.format",
        kind: Kind::Word(&["json", "avro"]),
        unset: Unset::Is("\"json\""),
        about: "What keys and values are as bytes: JSON, or Avro as Confluent's AvroConverter writes it, with its schemas in a registry: see `[registry]` and docs/avro.md. Avro needs a sink of type `kafka`.",
    },
    Key {
        path: "envelope.schema_names",
        kind: Kind::Word(&["none", "avro", "avro_unicode"]),
        unset: Unset::Is("\"none\""),
        about: "What becomes of names of schemas that Avro does not take, in JSON too (`schema.name.adjustment.mode`): nothing, `_` for each such character, or `_uXXXX`.",
    },
    Key {
        path: "envelope.field_names",
        kind: Kind::Word(&["none", "avro", "avro_unicode"]),
        unset: Unset::Is("\"none\""),
        about: "The same for names of columns in keys and values (`field.name.adjustment.mode`). Two columns that would have one name stop the table.",
    },
    Key {
        path: "envelope.version",
        kind: Kind::Word(&["3", "1.9"]),
        unset: Unset::Is("\"3\""),
        about: "Which release of Debezium the envelope is that of: `3` (and 2.7), or `1.9` for consumers that know no `ts_us` and `ts_ns` and expect `transaction` last.",
    },
    Key {
        path: "types.decimal",
        kind: Kind::Word(&["precise", "string", "double"]),
        unset: Unset::Is("\"precise\""),
        about: "What DECIMAL becomes (`decimal.handling.mode`): base64 of the unscaled integer, text, or the nearest double.",
    },
    Key {
        path: "types.time_precision",
        kind: Kind::Word(&[
            "adaptive_time_microseconds",
            "connect",
            "isostring",
            "microseconds",
            "nanoseconds",
        ]),
        unset: Unset::Is("\"adaptive_time_microseconds\""),
        about: "What DATE, TIME and DATETIME become (`time.precision.mode`). `connect` counts milliseconds and cuts what is finer; a DATETIME that 64 bits of nanoseconds do not reach (before 1677, after 2262) stops the database.",
    },
    Key {
        path: "types.binary",
        kind: Kind::Word(&["bytes", "base64", "base64-url-safe", "hex"]),
        unset: Unset::Is("\"bytes\""),
        about: "What BINARY, VARBINARY and BLOB become (`binary.handling.mode`); `bytes` and `base64` are the same in JSON.",
    },
    Key {
        path: "types.bigint_unsigned",
        kind: Kind::Word(&["long", "precise"]),
        unset: Unset::Is("\"long\""),
        about: "What BIGINT UNSIGNED becomes (`bigint.unsigned.handling.mode`): a signed number, to which values from 2^63 wrap, or base64 of the integer.",
    },
    Key {
        path: "types.invalid_text",
        kind: Kind::Word(&["fail", "replace", "base64"]),
        unset: Unset::Is("\"fail\""),
        about: "What becomes of bytes that are no text of their column's charset: they stop the database, U+FFFD stands for them as in Debezium, or the whole value becomes `base64:` and the base64 of its bytes.",
    },
    Key {
        path: "types.invalid_date",
        kind: Kind::Word(&["null", "fail"]),
        unset: Unset::Is("\"null\""),
        about: "What becomes of a DATE, DATETIME or TIMESTAMP that is zero or has a zero or impossible part: null, or 1970-01-01 where the column cannot be null, as in Debezium; or it stops the database.",
    },
    Key {
        path: "headers.context",
        kind: Kind::Bool,
        unset: Unset::Is("true"),
        about: "Debezium's context headers on each record (`extended.headers.enabled`).",
    },
    Key {
        path: "headers.id",
        kind: Kind::Bool,
        unset: Unset::Is("false"),
        about: "The change id as header `__remora.id`: the same on every replay, for consumers that drop duplicates.",
    },
    Key {
        path: "heartbeat.interval_ms",
        kind: Kind::Integer {
            min: 0,
            max: 86_400_000,
        },
        unset: Unset::Is("0"),
        about: "Milliseconds between heartbeat records (`heartbeat.interval.ms`), 0 for none. An idle server is heard of each `mysql.heartbeat_ms`, so that they come no more often then. The stored position moves without them.",
    },
    Key {
        path: "heartbeat.topic_prefix",
        kind: Kind::Text,
        unset: Unset::Is(r#""__debezium-heartbeat""#),
        about: "What stands ahead of `topic_prefix` in the name of their topic (`topic.heartbeat.prefix`).",
    },
    Key {
        path: "heartbeat.action_query",
        kind: Kind::Text,
        unset: Unset::Nothing {
            example: r#""UPDATE ops.heartbeat SET at = NOW()""#,
        },
        about: "A statement that is run on the server each `heartbeat.interval_ms` (`heartbeat.action.query`); the account needs the privileges for it.",
    },
];
