//! The files as they are written, all layers merged: what serde reads, before any meaning is checked.
//!
//! A key with a fixed default is always there, since the defaults are the lowest layer. Nothing here
//! derives `Debug`: passwords pass through.

use std::collections::BTreeMap;

use serde::Deserialize;

/// `daemon.toml`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawDaemon {
    pub(super) shutdown_timeout_s: u64,
    pub(super) http: RawHttp,
    pub(super) log: RawLog,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawHttp {
    pub(super) listen: String,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawLog {
    pub(super) format: RawLogFormat,
    pub(super) level: String,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawLogFormat {
    Text,
    Json,
}

/// A file in `databases/`.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawDatabase {
    pub(super) topic_prefix: Option<String>,
    pub(super) topic_delimiter: String,
    pub(super) topic_naming: RawTopicNaming,
    pub(super) start: Option<RawStart>,
    pub(super) schema: RawSchema,
    pub(super) transforms: Vec<BTreeMap<String, RawOption>>,
    pub(super) mysql: RawMysql,
    pub(super) capture: RawCapture,
    pub(super) records: RawRecords,
    pub(super) masks: RawMasks,
    pub(super) envelope: RawEnvelope,
    pub(super) types: RawTypes,
    pub(super) headers: RawHeaders,
    pub(super) heartbeat: RawHeartbeat,
    pub(super) sink: RawSink,
    pub(super) kafka: RawKafka,
    pub(super) registry: RawRegistry,
    pub(super) checkpoint: RawCheckpoint,
    pub(super) spool: RawSpool,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawTopicNaming {
    Default,
    Unicode,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawStart {
    Now,
    Earliest,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawSchema {
    Auto,
    RowMetadata,
}

/// The value of an option of a transform.
#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(untagged)]
pub(super) enum RawOption {
    Bool(bool),
    Integer(i64),
    Text(String),
    List(Vec<String>),
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawMysql {
    pub(super) host: Option<String>,
    pub(super) port: u16,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<String>,
    pub(super) password: Option<String>,
    pub(super) server_id: Option<u32>,
    pub(super) server_public_key: Option<String>,
    pub(super) connect_timeout_ms: u64,
    pub(super) heartbeat_ms: u64,
    pub(super) net_write_timeout_s: u64,
    pub(super) event_bytes_max: usize,
    pub(super) transaction_bytes_max: u64,
    pub(super) row_image: RawRowImage,
    pub(super) tls: RawTls,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawRowImage {
    Full,
    Any,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawSpool {
    pub(super) path: Option<String>,
    pub(super) memory_bytes_max: usize,
    pub(super) bytes_max: u64,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub(super) mode: RawTlsMode,
    pub(super) ca_file: Option<String>,
    pub(super) cert_file: Option<String>,
    pub(super) key_file: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawTlsMode {
    VerifyIdentity,
    VerifyCa,
    Required,
    Disabled,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawCapture {
    pub(super) include_databases: Vec<String>,
    pub(super) exclude_databases: Vec<String>,
    pub(super) include: Vec<String>,
    pub(super) exclude: Vec<String>,
    pub(super) include_columns: Vec<String>,
    pub(super) exclude_columns: Vec<String>,
    pub(super) key_columns: Vec<String>,
    pub(super) cascades: RawCascades,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawCascades {
    Refuse,
    Accept,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawRecords {
    pub(super) tombstones: bool,
    pub(super) skipped_operations: Vec<String>,
    pub(super) skip_unchanged: bool,
    pub(super) unavailable_value: String,
    pub(super) queries: bool,
    pub(super) transactions: bool,
    pub(super) transaction_topic: String,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawMasks {
    pub(super) stars: Vec<String>,
    pub(super) truncate: Vec<String>,
    pub(super) hash: Vec<String>,
    pub(super) hash_v1: Vec<String>,
    pub(super) salt_file: Option<String>,
    pub(super) salt: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawEnvelope {
    pub(super) schemas: bool,
    pub(super) source_types: Vec<String>,
    pub(super) source_datatypes: Vec<String>,
    pub(super) format: RawFormat,
    pub(super) schema_names: RawAdjustment,
    pub(super) field_names: RawAdjustment,
    pub(super) version: RawEnvelopeVersion,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawFormat {
    Json,
    Avro,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawAdjustment {
    None,
    Avro,
    AvroUnicode,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) enum RawEnvelopeVersion {
    #[serde(rename = "3")]
    V3,
    #[serde(rename = "1.9")]
    V1_9,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawTypes {
    pub(super) decimal: RawDecimal,
    pub(super) time_precision: RawTimePrecision,
    pub(super) binary: RawBinary,
    pub(super) bigint_unsigned: RawBigintUnsigned,
    pub(super) invalid_text: RawInvalidText,
    pub(super) invalid_date: RawInvalidDate,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawDecimal {
    Precise,
    String,
    Double,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawTimePrecision {
    AdaptiveTimeMicroseconds,
    Connect,
    Isostring,
    Microseconds,
    Nanoseconds,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
pub(super) enum RawBinary {
    #[serde(rename = "bytes")]
    Bytes,
    #[serde(rename = "base64")]
    Base64,
    #[serde(rename = "base64-url-safe")]
    Base64UrlSafe,
    #[serde(rename = "hex")]
    Hex,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawBigintUnsigned {
    Long,
    Precise,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawInvalidText {
    Fail,
    Replace,
    Base64,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawInvalidDate {
    Null,
    Fail,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawHeaders {
    pub(super) context: bool,
    pub(super) id: bool,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawHeartbeat {
    pub(super) interval_ms: u64,
    pub(super) topic_prefix: String,
    pub(super) action_query: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawSink {
    pub(super) r#type: RawSinkType,
    pub(super) path: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawSinkType {
    Kafka,
    Stdout,
    File,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawKafka {
    pub(super) brokers: Option<String>,
    pub(super) partitions: i32,
    pub(super) replication: i32,
    pub(super) in_flight_bytes_max: usize,
    pub(super) properties: BTreeMap<String, String>,
    pub(super) properties_files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawRegistry {
    pub(super) url: Option<String>,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<String>,
    pub(super) password: Option<String>,
    pub(super) ca_file: Option<String>,
    pub(super) subjects: RawSubjects,
    pub(super) auto_register: bool,
    pub(super) timeout_ms: u64,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawSubjects {
    Topic,
    Record,
    TopicRecord,
}

#[derive(Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(deny_unknown_fields)]
pub(super) struct RawCheckpoint {
    pub(super) store: Option<RawStore>,
    pub(super) topic: String,
    pub(super) path: Option<String>,
    pub(super) interval_ms: u64,
}

#[derive(Clone, Copy, Deserialize)]
#[cfg_attr(test, derive(serde::Serialize))]
#[serde(rename_all = "snake_case")]
pub(super) enum RawStore {
    Kafka,
    File,
}
