//! From what is written to what is meant: values that serde has read become types that cannot be wrong.
//!
//! Takes one merged file, gives its [`Database`] or [`Daemon`]; whatever is wrong becomes a finding and
//! a placeholder, so that the checks after it still run. The caller drops the result when there are
//! findings. Reads the files that hold secrets; never connects.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use regex::{Regex, RegexBuilder};
use tracing_subscriber::EnvFilter;

use super::columns;
use super::layer::Context;
use super::modes::{
    BigintUnsigned, BinaryMode, DecimalMode, Envelope, EnvelopeVersion, Format, InvalidDate,
    InvalidTextMode, Modes, Names, TimePrecision,
};
use super::raw::{
    RawBigintUnsigned, RawBinary, RawCapture, RawCascades, RawCheckpoint, RawDaemon, RawDatabase,
    RawDecimal, RawEnvelope, RawEnvelopeVersion, RawHeartbeat, RawInvalidDate, RawInvalidText,
    RawKafka, RawLogFormat, RawMasks, RawMysql, RawRowImage, RawSchema, RawSink, RawSinkType,
    RawSpool, RawStart, RawStore, RawTimePrecision, RawTls, RawTlsMode, RawTopicNaming, RawTypes,
};
use super::{
    Capture, Checkpoint, CheckpointStore, Daemon, Database, Heartbeat, Kafka, LogFormat, Mysql,
    Place, Records, RowImage, Schema, Sink, Skipped, Spool, Start, TableLists, Tls, TlsIdentity,
    TlsMode, TopicNaming, librdkafka, options, registry, secret,
};
use crate::error::Secret;

/// Kafka's limit for the name of a topic.
const TOPIC_CHARS_MAX: usize = 249;

/// `daemon.toml`.
pub(super) fn daemon(raw: RawDaemon, context: &mut Context) -> Daemon {
    let http_listen = raw.http.listen.parse().unwrap_or_else(|_| {
        let problem = format!(
            "expected an IP address and a port, found {:?}",
            raw.http.listen
        );
        context.report(
            "http.listen",
            &problem,
            "write it as \"127.0.0.1:9187\" or \"[::1]:9187\"",
        );
        SocketAddr::from(([127, 0, 0, 1], 0))
    });
    if !is_log_filter(&raw.log.level) {
        let problem = format!("{:?} is not a log level", raw.log.level);
        let remedy = "use off, error, warn, info, debug or trace, or a list such as \"info,remora::source=debug\"";
        context.report("log.level", &problem, remedy);
    }
    Daemon {
        http_listen,
        shutdown_timeout: Duration::from_secs(raw.shutdown_timeout_s),
        log_format: match raw.log.format {
            RawLogFormat::Text => LogFormat::Text,
            RawLogFormat::Json => LogFormat::Json,
        },
        log_level: raw.log.level,
    }
}

/// The file of the database `name`.
pub(super) fn database(name: &str, raw: RawDatabase, context: &mut Context) -> Database {
    let topic_prefix = raw.topic_prefix.unwrap_or_else(|| name.to_owned());
    check_topic("topic_prefix", &topic_prefix, context);
    let delimiter = raw.topic_delimiter;
    check_topic("topic_delimiter", &format!("a{delimiter}b"), context);
    let sink = sink(raw.sink, raw.kafka, context);
    let format = registry::format(raw.envelope.format, &sink, context);
    Database {
        schema: match raw.schema {
            RawSchema::Auto => Schema::Auto,
            RawSchema::RowMetadata => Schema::RowMetadata,
        },
        start: raw.start.map(|start| match start {
            RawStart::Now => Start::Now,
            RawStart::Earliest => Start::Earliest,
        }),
        mysql: mysql(raw.mysql, &topic_prefix, context),
        capture: capture(&raw.capture, (&raw.masks, &raw.envelope), context),
        modes: modes(&raw.types, &raw.envelope),
        registry: registry::registry(raw.registry, format, context),
        records: Records {
            tombstones: raw.records.tombstones,
            skipped: skipped(&raw.records.skipped_operations, context),
            unavailable_value: unavailable_value(raw.records.unavailable_value, context),
            headers_context: raw.headers.context,
            headers_id: raw.headers.id,
            skip_unchanged: raw.records.skip_unchanged,
            queries: raw.records.queries,
            transaction_topic: raw.records.transactions.then(|| {
                let topic = raw.records.transaction_topic;
                check_topic("records.transaction_topic", &topic, context);
                format!("{topic_prefix}{delimiter}{topic}")
            }),
            envelope: envelope(&raw.envelope, format),
        },
        heartbeat: heartbeat(raw.heartbeat, (&topic_prefix, &delimiter), context),
        transforms: options::transforms(raw.transforms, context),
        checkpoint: checkpoint(name, raw.checkpoint, &sink, context),
        spool: spool(name, raw.spool, context),
        sink,
        name: name.to_owned(),
        topic_prefix,
        topic_delimiter: delimiter,
        topic_naming: match raw.topic_naming {
            RawTopicNaming::Default => TopicNaming::Default,
            RawTopicNaming::Unicode => TopicNaming::Unicode,
        },
    }
}

fn heartbeat(
    raw: RawHeartbeat,
    (topic_prefix, delimiter): (&str, &str),
    context: &mut Context,
) -> Heartbeat {
    let topic = format!("{}{delimiter}{topic_prefix}", raw.topic_prefix);
    check_topic("heartbeat.topic_prefix", &raw.topic_prefix, context);
    Heartbeat {
        interval: (raw.interval_ms > 0).then(|| Duration::from_millis(raw.interval_ms)),
        topic,
        action_query: raw.action_query,
    }
}

/// Avro is made of the records with their schemas.
fn envelope(raw: &RawEnvelope, format: Format) -> Envelope {
    Envelope {
        schemas: raw.schemas || format == Format::Avro,
        version: match raw.version {
            RawEnvelopeVersion::V3 => EnvelopeVersion::V3,
            RawEnvelopeVersion::V1_9 => EnvelopeVersion::V1_9,
        },
        format,
    }
}

fn modes(raw: &RawTypes, envelope: &RawEnvelope) -> Modes {
    Modes {
        names: Names {
            schemas: registry::adjustment(envelope.schema_names),
            fields: registry::adjustment(envelope.field_names),
        },
        decimal: match raw.decimal {
            RawDecimal::Precise => DecimalMode::Precise,
            RawDecimal::String => DecimalMode::String,
            RawDecimal::Double => DecimalMode::Double,
        },
        time_precision: match raw.time_precision {
            RawTimePrecision::AdaptiveTimeMicroseconds => TimePrecision::AdaptiveTimeMicroseconds,
            RawTimePrecision::Connect => TimePrecision::Connect,
            RawTimePrecision::Isostring => TimePrecision::Isostring,
            RawTimePrecision::Microseconds => TimePrecision::Microseconds,
            RawTimePrecision::Nanoseconds => TimePrecision::Nanoseconds,
        },
        binary: match raw.binary {
            RawBinary::Bytes => BinaryMode::Bytes,
            RawBinary::Base64 => BinaryMode::Base64,
            RawBinary::Base64UrlSafe => BinaryMode::Base64UrlSafe,
            RawBinary::Hex => BinaryMode::Hex,
        },
        bigint_unsigned: match raw.bigint_unsigned {
            RawBigintUnsigned::Long => BigintUnsigned::Long,
            RawBigintUnsigned::Precise => BigintUnsigned::Precise,
        },
        invalid_text: match raw.invalid_text {
            RawInvalidText::Fail => InvalidTextMode::Fail,
            RawInvalidText::Replace => InvalidTextMode::Replace,
            RawInvalidText::Base64 => InvalidTextMode::Base64,
        },
        invalid_date: match raw.invalid_date {
            RawInvalidDate::Null => InvalidDate::Null,
            RawInvalidDate::Fail => InvalidDate::Fail,
        },
    }
}

/// `EnvFilter` takes any word for the name of a module, and so a misspelt level for silence.
fn is_log_filter(level: &str) -> bool {
    let words = ["off", "error", "warn", "info", "debug", "trace"];
    let plain = |part: &str| !part.contains(['=', '[']);
    let known = |part: &str| {
        words
            .iter()
            .any(|word| part.trim().eq_ignore_ascii_case(word))
    };
    level.split(',').all(|part| !plain(part) || known(part)) && EnvFilter::try_new(level).is_ok()
}

fn check_topic(path: &str, topic: &str, context: &mut Context) {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let length = topic.chars().count();
    if !(1..=TOPIC_CHARS_MAX).contains(&length)
        || !topic.chars().all(legal)
        || matches!(topic, "." | "..")
    {
        let problem = format!("{topic:?} cannot be in the name of a Kafka topic");
        let remedy = "use letters, digits, '.', '_' and '-', at most 249 in all";
        context.report(path, &problem, remedy);
    }
}

fn mysql(raw: RawMysql, topic_prefix: &str, context: &mut Context) -> Mysql {
    let host = context.required("mysql.host", raw.host);
    check_host(&host, context);
    let user = context.required("mysql.user", raw.user);
    let password = match (raw.password, raw.password_file) {
        (Some(text), _) => Secret::new(text),
        (None, Some(path)) => private(&path, "mysql.password_file", context),
        (None, None) => Secret::default(),
    };
    let tls = tls(raw.tls, &host, context);
    Mysql {
        host,
        port: raw.port,
        user,
        password,
        server_id: raw.server_id.unwrap_or_else(|| server_id(topic_prefix)),
        server_public_key: raw
            .server_public_key
            .map(|path| readable(path, "mysql.server_public_key", context)),
        connect_timeout: Duration::from_millis(raw.connect_timeout_ms),
        heartbeat: Duration::from_millis(raw.heartbeat_ms),
        net_write_timeout: Duration::from_secs(raw.net_write_timeout_s),
        event_bytes_max: raw.event_bytes_max,
        transaction_bytes_max: raw.transaction_bytes_max,
        row_image: match raw.row_image {
            RawRowImage::Full => RowImage::Full,
            RawRowImage::Any => RowImage::Any,
        },
        tls,
    }
}

fn check_host(host: &str, context: &mut Context) {
    let address = host.parse::<IpAddr>().is_ok();
    if !address && host.contains([':', '[', ']', '/', '@']) {
        let problem = format!(
            "expected a host name or an address, found {:?}",
            without_user(host)
        );
        let remedy = "put the port into mysql.port, the account into mysql.user, and no brackets";
        context.report("mysql.host", &problem, remedy);
    }
}

/// A URL in place of a host name may hold a password.
fn without_user(host: &str) -> &str {
    host.rsplit('@').next().unwrap_or_default()
}

/// The same for a topic prefix on every machine and in every version: changing it would make the
/// server see a second replica.
fn server_id(topic_prefix: &str) -> u32 {
    const FIRST: u32 = 1_000_000_000;
    const COUNT: u64 = 3_000_000_001;
    // FNV-1a, 64 bits.
    let hash = topic_prefix
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    // The remainder always fits: the largest id is 4,000,000,000.
    u32::try_from(hash % COUNT)
        .unwrap_or_default()
        .saturating_add(FIRST)
}

fn tls(raw: RawTls, host: &str, context: &mut Context) -> Tls {
    let mode = match raw.mode {
        RawTlsMode::Disabled => TlsMode::Disabled,
        RawTlsMode::Required => TlsMode::Required,
        RawTlsMode::VerifyCa => TlsMode::VerifyCa,
        RawTlsMode::VerifyIdentity => TlsMode::VerifyIdentity,
    };
    if mode == TlsMode::Disabled && !host.is_empty() && !is_loopback(host) {
        context.report(
            "mysql.tls.mode",
            "\"disabled\" is only allowed where mysql.host is localhost or a loopback address",
            "use \"verify_identity\" with mysql.tls.ca_file, or \"required\" where nothing can be verified",
        );
    }
    let ca_file = raw
        .ca_file
        .map(|path| readable(path, "mysql.tls.ca_file", context));
    let identity = match (raw.cert_file, raw.key_file) {
        (None, None) => None,
        (Some(cert), Some(key)) => {
            if let Err(error) = secret::open(&key) {
                context.report("mysql.tls.key_file", &error.to_string(), &error.remedy());
            }
            Some(TlsIdentity {
                cert_file: readable(cert, "mysql.tls.cert_file", context),
                key_file: PathBuf::from(key),
            })
        }
        (Some(_), None) => {
            let problem = "is required beside mysql.tls.cert_file and not set";
            context.report("mysql.tls.key_file", problem, "set both or neither");
            None
        }
        (None, Some(_)) => {
            let problem = "is required beside mysql.tls.key_file and not set";
            context.report("mysql.tls.cert_file", problem, "set both or neither");
            None
        }
    };
    Tls {
        mode,
        ca_file,
        identity,
    }
}

fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// The text of a file that only we may read.
pub(super) fn private(path: &str, key: &str, context: &mut Context) -> Secret {
    secret::read(path).unwrap_or_else(|error| {
        context.report(key, &error.to_string(), &error.remedy());
        Secret::default()
    })
}

/// A path that must lead to a file, which is read later.
pub(super) fn readable(path: String, key: &str, context: &mut Context) -> PathBuf {
    let problem = match fs::metadata(&path) {
        Ok(metadata) if metadata.is_dir() => Some(format!("{path:?} is a folder")),
        Ok(_) => None,
        Err(error) => Some(format!("{path:?} cannot be read: {error}")),
    };
    if let Some(problem) = problem {
        context.report(
            key,
            &problem,
            "name a file that the user of this process can read",
        );
    }
    PathBuf::from(path)
}

fn skipped(operations: &[String], context: &mut Context) -> Skipped {
    let mut skipped = Skipped::default();
    for operation in operations {
        match operation.as_str() {
            "c" => skipped.inserts = true,
            "u" => skipped.updates = true,
            "d" => skipped.deletes = true,
            "t" => skipped.truncates = true,
            other => context.report(
                "records.skipped_operations",
                &format!("{other:?} is no operation"),
                "take any of \"c\", \"u\", \"d\" and \"t\", or leave the list empty",
            ),
        }
    }
    skipped
}

fn capture(raw: &RawCapture, masks: (&RawMasks, &RawEnvelope), context: &mut Context) -> Capture {
    Capture {
        tables: TableLists {
            include_databases: databases(&raw.include_databases, "include", context),
            exclude_databases: databases(&raw.exclude_databases, "exclude", context),
            include: tables(&raw.include, "capture.include", context),
            exclude: tables(&raw.exclude, "capture.exclude", context),
        },
        columns: columns::rules(raw, masks, context),
        accept_cascades: matches!(raw.cascades, RawCascades::Accept),
    }
}

fn databases(entries: &[String], list: &str, context: &mut Context) -> Vec<Regex> {
    let key = format!("capture.{list}_databases");
    let remedy = "write it as 'shop' or 'shop_.*'";
    patterns(entries, (&key, remedy), context, anchored)
}

fn tables(entries: &[String], key: &str, context: &mut Context) -> Vec<Regex> {
    let remedy = r"write it as 'shop\.orders' or 'shop\..*'";
    patterns(entries, (key, remedy), context, table_pattern)
}

/// The entries of a list that can be read; the others are reported.
pub(super) fn patterns(
    entries: &[String],
    (key, remedy): (&str, &str),
    context: &mut Context,
    read: impl Fn(&str) -> Result<Regex, String>,
) -> Vec<Regex> {
    let mut patterns = Vec::new();
    for entry in entries {
        match read(entry) {
            Ok(pattern) => patterns.push(pattern),
            Err(problem) => context.report(key, &format!("entry {entry:?} {problem}"), remedy),
        }
    }
    patterns
}

/// An entry of a list of tables, as Debezium reads it: the whole name in any letter case.
pub(super) fn table_pattern(entry: &str) -> Result<Regex, String> {
    let literal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if entry.chars().all(literal) {
        return Err("can never match, since it has no dot between database and table".to_owned());
    }
    anchored(entry)
}

/// A whole name in any letter case.
pub(super) fn anchored(entry: &str) -> Result<Regex, String> {
    let compile = |pattern: &str| {
        RegexBuilder::new(pattern)
            .case_insensitive(true)
            .build()
            .map_err(|error| {
                // The last line says what is wrong, the ones above it repeat the pattern.
                let text = error.to_string();
                let reason = text.lines().last().unwrap_or_default().trim();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                format!("is not a regular expression: {reason}")
            })
    };
    // Alone first: `a)|(b` would only be legal within the group.
    compile(entry)?;
    compile(&format!("^(?:{entry})$"))
}

fn sink(raw: RawSink, kafka: RawKafka, context: &mut Context) -> Sink {
    match raw.r#type {
        RawSinkType::Kafka => {
            let brokers = context.required("kafka.brokers", kafka.brokers.clone());
            Sink::Kafka(kafka_sink(brokers, kafka, context))
        }
        RawSinkType::Stdout => {
            kafka_sink(String::new(), kafka, context);
            Sink::Stdout
        }
        RawSinkType::File => {
            kafka_sink(String::new(), kafka, context);
            Sink::File(PathBuf::from(context.required("sink.path", raw.path)))
        }
    }
}

fn kafka_sink(brokers: String, raw: RawKafka, context: &mut Context) -> Kafka {
    if raw.replication == 0 {
        let remedy = "use -1 for the broker's default, or the number of replicas";
        context.report(
            "kafka.replication",
            "a topic cannot have 0 replicas",
            remedy,
        );
    }
    let mut kafka = Kafka {
        brokers,
        partitions: raw.partitions,
        replication: raw.replication,
        in_flight_bytes_max: raw.in_flight_bytes_max,
        properties: Default::default(),
    };
    for (name, path) in &raw.properties_files {
        let key = "kafka.properties_files";
        match (
            raw.properties.get(name),
            context.entry_place("kafka.properties", name),
        ) {
            // As for MySQL's password, a variable stands above a file.
            (Some(_), Place::Variable(_)) => continue,
            (Some(_), Place::File(_) | Place::CommandLine | Place::BuiltIn) => {
                let problem = "is set in kafka.properties too";
                context.report_entry(key, name, problem, "remove one of the two");
                continue;
            }
            (None, _) => {}
        }
        match secret::read(path) {
            Ok(value) => {
                if let Some(refusal) = librdkafka::refusal(name, value.reveal()) {
                    context.report_entry(key, name, &refusal.problem, &refusal.remedy);
                }
                kafka.properties.insert(name.clone(), value);
            }
            Err(error) => context.report_entry(key, name, &error.to_string(), &error.remedy()),
        }
    }
    for (name, value) in raw.properties {
        if let Some(refusal) = librdkafka::refusal(&name, &value) {
            context.report_entry("kafka.properties", &name, &refusal.problem, &refusal.remedy);
        }
        kafka.properties.insert(name, Secret::new(value));
    }
    kafka
}

fn checkpoint(name: &str, raw: RawCheckpoint, sink: &Sink, context: &mut Context) -> Checkpoint {
    let to_kafka = matches!(sink, Sink::Kafka(_));
    let store = raw.store.unwrap_or(if to_kafka {
        RawStore::Kafka
    } else {
        RawStore::File
    });
    let store = match store {
        RawStore::Kafka => {
            if !to_kafka {
                let remedy = "set checkpoint.store to \"file\", or leave it out";
                let problem = "\"kafka\" needs a sink of type \"kafka\"";
                context.report("checkpoint.store", problem, remedy);
            }
            check_topic("checkpoint.topic", &raw.topic, context);
            CheckpointStore::Kafka { topic: raw.topic }
        }
        RawStore::File => {
            let path = raw.path.unwrap_or_else(|| format!("state/{name}.position"));
            let path = PathBuf::from(context.required("checkpoint.path", Some(path)));
            if let Sink::File(output) = sink
                && *output == path
            {
                let remedy = "give the position a file of its own";
                context.report("checkpoint.path", "is the file of the sink", remedy);
            }
            CheckpointStore::File { path }
        }
    };
    Checkpoint {
        store,
        interval: Duration::from_millis(raw.interval_ms),
    }
}

fn spool(name: &str, raw: RawSpool, context: &mut Context) -> Spool {
    let path = raw.path.unwrap_or_else(|| format!("state/{name}.spool"));
    Spool {
        path: PathBuf::from(context.required("spool.path", Some(path))),
        memory_bytes_max: raw.memory_bytes_max,
        bytes_max: raw.bytes_max,
    }
}

/// As Debezium reads it: `hex:` begins the bytes of the text in hexadecimal digits.
fn unavailable_value(text: String, context: &mut Context) -> String {
    let Some(digits) = text.strip_prefix("hex:") else {
        return text;
    };
    let byte = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(byte).collect();
    let whole = bytes.filter(|_| digits.len().is_multiple_of(2));
    let decoded = whole.and_then(|bytes| String::from_utf8(bytes).ok());
    decoded.unwrap_or_else(|| {
        let problem = "the digits behind \"hex:\" are no UTF-8 text";
        let remedy = "write two hexadecimal digits for each byte, or the text itself";
        context.report("records.unavailable_value", problem, remedy);
        String::new()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_match_whole_names_in_any_case() {
        let pattern = table_pattern(r"shop\.a|shop\.b").unwrap();
        assert!(pattern.is_match("Shop.A") && pattern.is_match("shop.b"));
        assert!(!pattern.is_match("shop.ab") && !pattern.is_match("xshop.a"));
        assert!(!pattern.is_match("shop.a\n"));
    }

    #[test]
    fn a_pattern_that_is_wrong_or_never_matches_is_refused() {
        for (entry, word) in [
            ("shop.(", "unclosed group"),
            (r"shop\.a)|(shop\.b", "unopened group"),
            (r"(?!shop)\..*", "look-around"),
            ("orders", "no dot"),
            ("", "no dot"),
        ] {
            let problem = table_pattern(entry).unwrap_err();
            assert!(problem.contains(word), "{entry}: {problem}");
            assert!(!problem.contains('\n'));
        }
    }

    #[test]
    fn server_id_is_stable_and_in_range() {
        // Written down once: a server must never see another id for the same database.
        assert_eq!(server_id("shop"), 2_802_472_196);
        for prefix in ["", "a", "b", "orders-eu.1"] {
            assert!((1_000_000_000..=4_000_000_000).contains(&server_id(prefix)));
        }
        assert_ne!(server_id("a"), server_id("b"));
    }

    #[test]
    fn loopback_is_a_closed_list() {
        for host in [
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "127.9.9.9",
            "::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "localhost.example.com",
            "10.0.0.1",
            "0.0.0.0",
            "::",
            "db",
            "",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn a_misspelt_log_level_is_not_taken_for_a_module() {
        for level in ["info", "WARN", "info,remora::source=debug", "remora=trace"] {
            assert!(is_log_filter(level), "{level}");
        }
        for level in ["inof", "", "info,debgu", "remora=loud"] {
            assert!(!is_log_filter(level), "{level}");
        }
    }
}
