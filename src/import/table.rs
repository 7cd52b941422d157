//! What each property of Debezium's connector is to remora, where more than its name must be known elsewhere.

/// Property, key, and the words of each.
type Words = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

const ADJUSTMENTS: &[(&str, &str)] = &[
    ("none", "none"),
    ("avro", "avro"),
    ("avro_unicode", "avro_unicode"),
];

/// Options that choose between words.
pub(super) const SAME_WORDS: &[Words] = &[
    (
        "decimal.handling.mode",
        "types.decimal",
        &[
            ("precise", "precise"),
            ("string", "string"),
            ("double", "double"),
        ],
    ),
    (
        "time.precision.mode",
        "types.time_precision",
        &[
            ("adaptive_time_microseconds", "adaptive_time_microseconds"),
            ("connect", "connect"),
            ("isostring", "isostring"),
            ("microseconds", "microseconds"),
            ("nanoseconds", "nanoseconds"),
        ],
    ),
    (
        "binary.handling.mode",
        "types.binary",
        &[
            ("bytes", "bytes"),
            ("base64", "base64"),
            ("base64-url-safe", "base64-url-safe"),
            ("hex", "hex"),
        ],
    ),
    (
        "bigint.unsigned.handling.mode",
        "types.bigint_unsigned",
        &[("long", "long"), ("precise", "precise")],
    ),
    (
        "schema.name.adjustment.mode",
        "envelope.schema_names",
        ADJUSTMENTS,
    ),
    (
        "field.name.adjustment.mode",
        "envelope.field_names",
        ADJUSTMENTS,
    ),
];

/// Properties that change nothing with one of these values, and why another is unsupported.
pub(super) const HARMLESS_IF: &[(&str, &[&str], &str)] = &[
    ("topic.delimiter", &["."], "topics are joined by a dot"),
    (
        "topic.naming.strategy",
        &["io.debezium.schema.DefaultTopicNamingStrategy"],
        "topics are named prefix.database.table",
    ),
    (
        "enable.time.adjuster",
        &["true"],
        "years of two digits are those of 1970 to 2069, as MySQL reads them",
    ),
    ("include.query", &["false"], "source.query is always null"),
    (
        "include.schema.comments",
        &["false"],
        "comments are in no schema",
    ),
    (
        "provide.transaction.metadata",
        &["false"],
        "the transaction block is always null, and its topic is not written",
    ),
    (
        "heartbeat.interval.ms",
        &["0"],
        "heartbeats are not written; the stored position moves without them",
    ),
    (
        "gtid.source.filter.dml.events",
        &["true"],
        "rows are not filtered by their server",
    ),
    (
        "gtid.ignore.on.recovery",
        &["false"],
        "with GTIDs, the position is their set",
    ),
    (
        "table.ignore.builtin",
        &["true"],
        "the server's own schemas are never captured",
    ),
    ("read.only", &["true", "false"], "cannot be changed"),
    (
        "event.processing.failure.handling.mode",
        &["fail"],
        "what cannot be read stops the database and is never skipped",
    ),
    (
        "event.deserialization.failure.handling.mode",
        &["fail"],
        "what cannot be read stops the database and is never skipped",
    ),
    (
        "event.converting.failure.handling.mode",
        &["warn", "fail"],
        "a value that cannot be converted is never skipped: see types.invalid_text and types.invalid_date",
    ),
    (
        "inconsistent.schema.handling.mode",
        &["fail"],
        "a table that is not understood stops the database",
    ),
    (
        "openlineage.integration.enabled",
        &["false"],
        "there is no OpenLineage",
    ),
    ("transforms", &[""], "there are no transforms"),
    ("predicates", &[""], "there are no transforms"),
    ("converters", &[""], "there are no custom converters"),
    ("post.processors", &[""], "there are no post processors"),
    (
        "signal.enabled.channels",
        &["source", ""],
        "signals are not read",
    ),
    ("signal.poll.interval.ms", &["5000"], "signals are not read"),
    (
        "notification.enabled.channels",
        &[""],
        "notifications are not sent",
    ),
    (
        "gtid.source.includes",
        &[""],
        "rows are not filtered by their server",
    ),
    (
        "gtid.source.excludes",
        &[""],
        "rows are not filtered by their server",
    ),
    (
        "column.propagate.source.type",
        &[""],
        "schemas have no parameters about the source",
    ),
    (
        "datatype.propagate.source.type",
        &[""],
        "schemas have no parameters about the source",
    ),
    (
        "database.initial.statements",
        &[""],
        "no statements are run on connecting",
    ),
    ("source.struct.version", &["v2"], "set envelope.version"),
    (
        "sourceinfo.struct.maker",
        &["io.debezium.connector.mysql.MySqlSourceInfoStructMaker"],
        "the source block is Debezium's for MySQL",
    ),
    (
        "exactly.once.support",
        &["requested"],
        "delivery is at least once",
    ),
    (
        "transaction.boundary",
        &["poll"],
        "delivery is at least once",
    ),
    (
        "errors.tolerance",
        &["none"],
        "an error is never passed over",
    ),
];

const WORKER: &str = "is Connect's own";
const QUEUE: &str = "what is on its way is bounded in bytes: kafka.in_flight_bytes_max";
const HISTORY: &str = "there is no schema history: events describe their tables";
const JDBC: &str = "there is no JDBC connection";
const SNAPSHOT: &str = "no snapshot is taken";
const RETRY: &str = "what time may mend is tried again for ever";

/// Properties without effect here, by name or, with a `*`, by how they begin.
pub(super) const UNNECESSARY: &[(&str, &str)] = &[
    ("tasks.max", WORKER),
    ("config.action.reload", WORKER),
    ("errors.*", WORKER),
    ("offset.*", "positions are kept as [checkpoint] says"),
    ("header.converter*", "headers are JSON"),
    ("schema.history.internal*", HISTORY),
    ("database.history*", HISTORY),
    ("ddl.parser.type", HISTORY),
    ("resolve.create.table.like.schema", HISTORY),
    ("database.jdbc.driver", JDBC),
    ("database.protocol", JDBC),
    ("driver.*", JDBC),
    ("database.query.timeout.ms", JDBC),
    ("database.connectionTimeZone", JDBC),
    ("database.serverTimezone", JDBC),
    (
        "database.allowPublicKeyRetrieval",
        "see mysql.server_public_key",
    ),
    ("database.useSSL", "see mysql.tls"),
    (
        "database.server.id.offset",
        "there is one connection to the binlog",
    ),
    ("connect.keep.alive", RETRY),
    ("connect.keep.alive.interval.ms", "see mysql.heartbeat_ms"),
    (
        "connection.validation.timeout.ms",
        "see mysql.connect_timeout_ms",
    ),
    (
        "use.nongraceful.disconnect",
        "a connection that does not close is left",
    ),
    (
        "binlog.net.read.timeout",
        "the server does not wait for us to send",
    ),
    ("binlog.net.write.timeout", "see mysql.net_write_timeout_s"),
    ("max.queue.size", QUEUE),
    ("max.queue.size.in.bytes", QUEUE),
    ("max.batch.size", QUEUE),
    ("queue.provider.type", QUEUE),
    ("chronicle.queue.path", QUEUE),
    ("poll.interval.ms", "nothing is polled"),
    ("poll.dispatch.interval.ms", "nothing is polled"),
    ("retriable.restart.connector.wait.ms", RETRY),
    ("custom.retriable.exception", RETRY),
    (
        "executor.shutdown.timeout.ms",
        "see shutdown_timeout_s in daemon.toml",
    ),
    (
        "log.position.check.enable",
        "the position is always checked against the server",
    ),
    ("statistics.metrics.enabled", "see docs/metrics.md"),
    ("advanced.metrics.enable", "see docs/metrics.md"),
    (
        "custom.metric.tags",
        "Prometheus adds labels when it scrapes",
    ),
    ("custom.sanitize.pattern", "secrets are never logged"),
    ("topic.cache.size", "topics are remembered"),
    (
        "transaction.metadata.factory",
        "there is no transaction topic",
    ),
    ("topic.transaction", "there is no transaction topic"),
    ("topic.heartbeat.*", "heartbeats are not written"),
    (
        "guardrail.*",
        "memory does not grow with the number of tables",
    ),
    (
        "binlog.buffer.size",
        "groups that may be rolled back wait in the spool",
    ),
    ("snapshot.*", SNAPSHOT),
    ("streaming.delay.ms", SNAPSHOT),
    ("incremental.snapshot.*", SNAPSHOT),
    ("min.row.count.to.stream.results", SNAPSHOT),
    ("legacy.snapshot.max.threads", SNAPSHOT),
    ("query.fetch.size", SNAPSHOT),
];

/// Properties whose effect is missed.
pub(super) const UNSUPPORTED: &[(&str, &str)] = &[
    ("transforms*", "there are no transforms"),
    ("predicates*", "there are no transforms"),
    ("signal.*", "signals are not read"),
    ("notification.*", "notifications are not sent"),
    ("heartbeat.action.query", "heartbeats are not written"),
    ("topic.regex", "topics are named prefix.database.table"),
    (
        "topic.replacement",
        "topics are named prefix.database.table",
    ),
    ("topic.key.*", "topics are named prefix.database.table"),
    (
        "topic.creation.*",
        "set kafka.partitions and kafka.replication; other settings of topics are the broker's",
    ),
    (
        "producer.override.*",
        "set it in [kafka.properties] by librdkafka's name, in its unit",
    ),
    ("openlineage.*", "there is no OpenLineage"),
];
