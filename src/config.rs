//! What the configuration means, once it is checked: no later code sees raw text.
//!
//! Takes a folder with `daemon.toml` and one TOML file per database, and the environment; gives these
//! types, or all findings at once. Never connects anywhere, and never shows a secret.

mod check;
mod columns;
pub mod docs;
mod keys;
mod layer;
mod librdkafka;
mod load;
pub mod modes;
mod options;
mod raw;
mod registry;
mod secret;
mod similar;
pub mod transforms;
mod values;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use regex::Regex;

use crate::config::modes::{Envelope, Modes};
use crate::config::transforms::Transform;
use crate::error::{Classify, Fault, Secret};
use crate::schema::columns::ColumnRules;

/// The whole configuration of one process.
#[derive(Debug)]
pub struct Config {
    /// What holds for the process.
    pub daemon: Daemon,
    /// One entry per file in `databases/`, in the order of their names.
    pub databases: Vec<Database>,
}

/// `daemon.toml`.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// Where `/metrics`, `/health` and `/ready` listen.
    pub http_listen: SocketAddr,
    /// How long SIGTERM may drain before the process ends all the same.
    pub shutdown_timeout: Duration,
    /// Log lines as text or as JSON objects.
    pub log_format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`, or a filter as `tracing` reads it.
    pub log_level: String,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One line of text.
    Text,
    /// One JSON object a line.
    Json,
}

/// One file of `databases/`.
#[derive(Clone, Debug)]
pub struct Database {
    /// The file's stem: the metric label, the log field and the prefix of environment overrides.
    pub name: String,
    /// `topic.prefix` of Debezium: starts every topic, is `source.name`, and keys the stored position.
    pub topic_prefix: String,
    /// Stands between the parts of a topic's name (`topic.delimiter`).
    pub topic_delimiter: String,
    /// What becomes of characters that no topic's name may have (`topic.naming.strategy`).
    pub topic_naming: TopicNaming,
    /// Where to begin when no position is stored.
    pub start: Option<Start>,
    /// What the columns of a row are called.
    pub schema: Schema,
    /// The server and how to reach it.
    pub mysql: Mysql,
    /// Which tables are captured.
    pub capture: Capture,
    /// What records carry beside Debezium's envelope.
    pub records: Records,
    /// `[types]`: what values become.
    pub modes: Modes,
    /// Records that say that the database is followed.
    pub heartbeat: Heartbeat,
    /// `[[transforms]]`: what becomes of records, in order.
    pub transforms: Vec<Transform>,
    /// Where records go.
    pub sink: Sink,
    /// Where the schemas of Avro records are kept; `None` for records that are JSON.
    pub registry: Option<Registry>,
    /// Where the position is kept.
    pub checkpoint: Checkpoint,
    /// Where groups wait.
    pub spool: Spool,
}

/// Where to begin when no position is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After the last transaction that the server has executed.
    Now,
    /// At the oldest transaction that the server's binlogs still hold.
    Earliest,
}

/// What becomes of characters that no topic's name may have, by the name of Debezium's strategy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicNaming {
    /// `DefaultTopicNamingStrategy`: `_`.
    Default,
    /// `DefaultUnicodeTopicNamingStrategy`: `_u` and the code; so does `_`.
    Unicode,
}

/// Where names, labels and keys of rows come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// From the row event, and where it has none, from the table's definition at its place.
    Auto,
    /// From the row event; one that has none is refused.
    RowMetadata,
}

/// Operations that become no records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// `c`.
    pub inserts: bool,
    /// `u`, key changes included.
    pub updates: bool,
    /// `d`.
    pub deletes: bool,
    /// `t`.
    pub truncates: bool,
}

/// `[mysql]`: one server.
#[derive(Clone, Debug)]
pub struct Mysql {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Account with REPLICATION SLAVE and REPLICATION CLIENT.
    pub user: String,
    /// From `password_file` or the environment; empty for an account without one.
    pub password: Secret,
    /// Our id as a replica, unique among all replicas of the server.
    pub server_id: u32,
    /// The server's RSA public key (PEM): allows caching_sha2_password's full exchange without TLS.
    pub server_public_key: Option<PathBuf>,
    /// Limit of one connection attempt, handshake included.
    pub connect_timeout: Duration,
    /// How often an idle server is asked to send a heartbeat.
    pub heartbeat: Duration,
    /// The connection's `net_write_timeout`: how long the server waits for us while we hold back.
    pub net_write_timeout: Duration,
    /// Bytes of one event beyond which it is refused.
    pub event_bytes_max: usize,
    /// Bytes that one compressed transaction may inflate to.
    pub transaction_bytes_max: u64,
    /// What to do about rows that are not logged in full.
    pub row_image: RowImage,
    /// Encryption of the connection.
    pub tls: Tls,
}

/// Which row images are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowImage {
    /// With all columns.
    Full,
    /// With those that the server logged.
    Any,
}

/// `[spool]`: where groups wait that must wait for their end.
#[derive(Clone, Debug)]
pub struct Spool {
    /// Folder.
    pub path: PathBuf,
    /// Bytes in memory, before the folder is used.
    pub memory_bytes_max: usize,
    /// Bytes in the folder.
    pub bytes_max: u64,
}

/// `[mysql.tls]`.
#[derive(Clone, Debug)]
pub struct Tls {
    /// What is checked.
    pub mode: TlsMode,
    /// Certificate authorities (PEM); the public ones where absent.
    pub ca_file: Option<PathBuf>,
    /// Our certificate chain (PEM), with its key, where the server asks for one.
    pub identity: Option<TlsIdentity>,
}

/// A client certificate and its key.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    /// Certificate chain (PEM).
    pub cert_file: PathBuf,
    /// Private key (PEM).
    pub key_file: PathBuf,
}

/// MySQL's own names for how far TLS is trusted. There is no silent fallback between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Clear text; meant for a server on the loopback interface.
    Disabled,
    /// Encrypted, the certificate not verified.
    Required,
    /// The certificate chain is verified, the host name not.
    VerifyCa,
    /// The certificate chain and the host name are verified.
    VerifyIdentity,
}

/// Which tables are captured: anchored regular expressions. A list that is empty says nothing.
#[derive(Clone, Debug, Default)]
pub struct TableLists {
    /// One of these must match the database.
    pub include_databases: Vec<Regex>,
    /// None of these may match the database.
    pub exclude_databases: Vec<Regex>,
    /// One of these must match `database.table`.
    pub include: Vec<Regex>,
    /// None of these may match `database.table`.
    pub exclude: Vec<Regex>,
}

/// `[capture]`.
#[derive(Clone, Debug)]
pub struct Capture {
    /// Which tables.
    pub tables: TableLists,
    /// Which columns are shown, and which make the key.
    pub columns: ColumnRules,
    /// Rows that foreign keys change without a trace in the binlog are known to be missed.
    pub accept_cascades: bool,
}

/// `[records]`.
#[derive(Clone, Debug)]
pub struct Records {
    /// A record with a null value after each delete.
    pub tombstones: bool,
    /// Operations that become no records (`skipped.operations`).
    pub skipped: Skipped,
    /// What stands for a text that the log does not hold.
    pub unavailable_value: String,
    /// Debezium's context headers on each record (`extended.headers.enabled`).
    pub headers_context: bool,
    /// The change id as header `__remora.id`.
    pub headers_id: bool,
    /// The form of keys and values.
    pub envelope: Envelope,
    /// An update that changes nothing that is shown becomes no record (`skip.messages.without.change`).
    pub skip_unchanged: bool,
    /// `source.query` shows the statement behind a row, where the log holds it (`include.query`).
    pub queries: bool,
    /// The topic of the records of begins and ends of transactions (`topic.transaction` behind the prefix); `None`
    /// without transaction metadata (`provide.transaction.metadata`).
    pub transaction_topic: Option<String>,
}

/// `[heartbeat]`.
#[derive(Clone, Debug)]
pub struct Heartbeat {
    /// How often there is one; `None` for never.
    pub interval: Option<Duration>,
    /// Their topic.
    pub topic: String,
    /// A statement that is run as often.
    pub action_query: Option<String>,
}

/// `[sink]`: where records go.
#[derive(Clone, Debug)]
pub enum Sink {
    /// A Kafka cluster.
    Kafka(Kafka),
    /// One JSON object a line on standard output.
    Stdout,
    /// One JSON object a line, appended to a file.
    File(PathBuf),
    /// Nowhere: records are counted. Only the command line can say so, no file.
    Null,
}

/// `[kafka]`.
#[derive(Clone, Debug)]
pub struct Kafka {
    /// `bootstrap.servers`.
    pub brokers: String,
    /// Partitions of a topic that remora creates.
    pub partitions: i32,
    /// Replication factor of a topic that remora creates; -1 leaves it to the broker.
    pub replication: i32,
    /// Bytes (with 256 a record) handed to librdkafka and not acknowledged yet.
    pub in_flight_bytes_max: usize,
    /// librdkafka settings passed as they are, secrets among them.
    pub properties: BTreeMap<String, Secret>,
}

/// `[registry]`: a schema registry with Confluent's API.
#[derive(Clone, Debug)]
pub struct Registry {
    /// Its addresses, at least one.
    pub urls: Vec<RegistryUrl>,
    /// Account for basic authentication.
    pub user: Option<String>,
    /// Its password.
    pub password: Secret,
    /// Certificate authorities (PEM); the public ones where absent.
    pub ca_file: Option<PathBuf>,
    /// How subjects are named.
    pub subjects: Subjects,
    /// Schemas that it does not have are registered.
    pub auto_register: bool,
    /// Limit of one request.
    pub timeout: Duration,
}

/// One address of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistryUrl {
    /// `https`.
    pub tls: bool,
    /// Host name or address, without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Begins every path; without a slash at its end.
    pub path: String,
}

impl fmt::Display for RegistryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority(), self.path)
    }
}

impl RegistryUrl {
    /// `host:port`, as a request names it.
    pub fn authority(&self) -> String {
        match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// How subjects are named, by Confluent's strategies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Subjects {
    /// `TopicNameStrategy`.
    #[default]
    Topic,
    /// `RecordNameStrategy`.
    Record,
    /// `TopicRecordNameStrategy`.
    TopicRecord,
}

/// `[checkpoint]`: where the position is kept.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// A compacted topic or a file.
    pub store: CheckpointStore,
    /// How often a position that moved is written.
    pub interval: Duration,
}

/// Where the position is kept.
#[derive(Clone, Debug)]
pub enum CheckpointStore {
    /// A compacted topic in the sink's cluster, one record per database.
    Kafka {
        /// Name of the topic.
        topic: String,
    },
    /// A file of its own, replaced atomically.
    File {
        /// Path of the file.
        path: PathBuf,
    },
}

/// What the command line sets above files and environment, for every database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Where all records go. The position then moves to a file of its own, so that a trial never
    /// moves the position of the configured sink.
    pub sink: Option<SinkOverride>,
    /// Where to begin when no position is stored.
    pub start: Option<Start>,
}

/// A sink that needs no section of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SinkOverride {
    /// Standard output; the position goes to `state/NAME.stdout.position`.
    Stdout,
    /// The file of this path; the position goes to `PATH.NAME.position`.
    File(String),
    /// Nowhere; the position goes to `state/NAME.null.position`.
    Null,
}

/// Reads `dir/daemon.toml` and `dir/databases/*.toml` below the variables of `environment`.
///
/// `environment` is [`std::env::vars_os`] outside of tests; only names that begin with `REMORA__` are
/// looked at. The files that passwords are kept in are read too.
///
/// # Errors
/// Everything that is wrong, in all files, at once.
pub fn load(
    dir: &Path,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config, ConfigErrors> {
    load_with(dir, environment, &Overrides::default())
}

/// [`load()`], with the command line above files and environment.
///
/// # Errors
/// Everything that is wrong, in all files, at once.
pub fn load_with(
    dir: &Path,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
    overrides: &Overrides,
) -> Result<Config, ConfigErrors> {
    load::read(dir, environment, overrides)
}

/// An entry of `capture.include_columns` or `capture.exclude_columns`, as it is read there.
///
/// # Errors
/// What is wrong with it.
pub fn column_pattern(entry: &str) -> Result<Regex, String> {
    columns::column_pattern(entry)
}

/// An entry of `capture.include_databases` or `capture.exclude_databases`, as it is read there.
///
/// # Errors
/// What is wrong with it.
pub fn database_pattern(entry: &str) -> Result<Regex, String> {
    check::anchored(entry)
}

/// An entry of `capture.include` or `capture.exclude`, as it is read there.
///
/// # Errors
/// What is wrong with it.
pub fn table_pattern(entry: &str) -> Result<Regex, String> {
    check::table_pattern(entry)
}

/// The smallest and the largest value of a key of a database that is a whole number.
pub fn integer_limits(path: &str) -> Option<RangeInclusive<i64>> {
    match keys::find(keys::database(), path)?.kind {
        keys::Kind::Integer { min, max } => Some(min..=max),
        keys::Kind::Text
        | keys::Kind::Password
        | keys::Kind::Word(_)
        | keys::Kind::Bool
        | keys::Kind::Bytes { .. }
        | keys::Kind::List
        | keys::Kind::Settings
        | keys::Kind::Files
        | keys::Kind::Tables => None,
    }
}

/// The words that a key of a database chooses between; none for other keys.
pub fn words(path: &str) -> &'static [&'static str] {
    match keys::find(keys::database(), path).map(|key| key.kind) {
        Some(keys::Kind::Word(words)) => words,
        Some(
            keys::Kind::Text
            | keys::Kind::Password
            | keys::Kind::Bool
            | keys::Kind::Integer { .. }
            | keys::Kind::Bytes { .. }
            | keys::Kind::List
            | keys::Kind::Settings
            | keys::Kind::Files
            | keys::Kind::Tables,
        )
        | None => &[],
    }
}

/// All that is wrong with a configuration. Displays one line a finding; there is at least one.
#[derive(Debug)]
pub struct ConfigErrors {
    /// In the order of the files.
    pub findings: Vec<Finding>,
}

/// One thing that is wrong. No text in it is the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where it was set, or should have been.
    pub place: Place,
    /// The key as a dotted path; `None` where the finding is about the whole file.
    pub key: Option<String>,
    /// What was found, and what was expected.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// Where a value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file or folder.
    File(PathBuf),
    /// An environment variable.
    Variable(String),
    /// An argument.
    CommandLine,
    /// The defaults that are built in.
    BuiltIn,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::File(path) => write!(f, "{}", path.display()),
            Place::Variable(name) => write!(f, "environment variable {name}"),
            Place::CommandLine => f.write_str("command line"),
            Place::BuiltIn => f.write_str("built-in defaults"),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self
            .key
            .as_ref()
            .map(|key| format!("{key}: "))
            .unwrap_or_default();
        let line = format!("{}: {key}{}; {}", self.place, self.problem, self.remedy);
        // A name of a file may hold a line break or a terminal's escape sequence.
        f.write_str(&line.replace(char::is_control, " "))
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, finding) in self.findings.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl Classify for ConfigErrors {
    fn fault(&self) -> Fault {
        Fault::Operator
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        self.findings
            .first()
            .map(|finding| Cow::Owned(finding.remedy.clone()))
    }
}

#[cfg(test)]
mod tests;
