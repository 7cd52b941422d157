//! What each property of Debezium's connector is to remora, where more than its name must be known elsewhere.

/// Options that choose between words, which are the same here: property and key.
pub(super) const SAME_WORDS: &[(&str, &str)] = &[
    ("decimal.handling.mode", "types.decimal"),
    ("time.precision.mode", "types.time_precision"),
    ("binary.handling.mode", "types.binary"),
    ("bigint.unsigned.handling.mode", "types.bigint_unsigned"),
    ("schema.name.adjustment.mode", "envelope.schema_names"),
    ("field.name.adjustment.mode", "envelope.field_names"),
];

/// Properties that change nothing with one of these values, and why another is unsupported.
pub(super) const HARMLESS_IF: &[(&str, &[&str], &str)] = &[
    (
        "enable.time.adjuster",
        &["true"],
        "years of two digits are those of 1970 to 2069, as MySQL reads them",
    ),
    (
        "include.schema.comments",
        &["false"],
        "comments are in no schema",
    ),
    (
        "transaction.metadata.factory",
        &["io.debezium.pipeline.txmetadata.DefaultTransactionMetadataFactory"],
        "transaction metadata are those of Debezium's own factory",
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
    ("transforms.*", "belongs to no transform of the list"),
    ("signal.*", "signals are not read"),
    ("notification.*", "notifications are not sent"),
    (
        "topic.heartbeat.name",
        "the topic of heartbeats is heartbeat.topic_prefix and topic_prefix",
    ),
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
