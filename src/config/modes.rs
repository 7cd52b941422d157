//! `[types]` and `[envelope]`: what values, names and records become where Debezium leaves a choice, by
//! Debezium's own names.
//!
//! Gives the modes that a table's plan is compiled with. Never looks at a value itself.

/// All choices of one database.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// `decimal.handling.mode`.
    pub decimal: DecimalMode,
    /// `time.precision.mode`.
    pub time_precision: TimePrecision,
    /// `binary.handling.mode`.
    pub binary: BinaryMode,
    /// `bigint.unsigned.handling.mode`.
    pub bigint_unsigned: BigintUnsigned,
    /// What becomes of bytes that are no text of their column's charset.
    pub invalid_text: InvalidTextMode,
    /// What becomes of dates that are none.
    pub invalid_date: InvalidDate,
    /// What becomes of names that Avro does not take.
    pub names: Names,
}

/// What becomes of names that Avro does not take; of all records, whatever their format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Of schemas (`schema.name.adjustment.mode`).
    pub schemas: Adjustment,
    /// Of columns in records (`field.name.adjustment.mode`).
    pub fields: Adjustment,
}

/// How a name is adjusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adjustment {
    /// Not at all.
    #[default]
    None,
    /// What Avro does not take becomes `_`.
    Avro,
    /// It becomes `_u` and its number in hexadecimal digits, and so does `_`.
    AvroUnicode,
}

/// `[envelope]`: the form of keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    /// Each payload has its schema beside it (`schemas.enable` of Connect's JsonConverter).
    pub schemas: bool,
    /// Whose members, in whose order.
    pub version: EnvelopeVersion,
    /// What keys and values are as bytes.
    pub format: Format,
}

/// What keys and values are as bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// Avro, with its schemas in a registry.
    Avro,
}

/// Which release of Debezium an envelope is that of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EnvelopeVersion {
    /// 2.7 and all of 3.
    #[default]
    V3,
    /// 1.9: a source block without `ts_us` and `ts_ns`, and `transaction` behind `ts_ms`.
    V1_9,
}

/// What DECIMAL becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DecimalMode {
    /// Base64 of the unscaled integer.
    #[default]
    Precise,
    /// Its digits as text, all those of the column's scale.
    String,
    /// The nearest double.
    Double,
}

/// What DATE, TIME and DATETIME become; TIMESTAMP is always text in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimePrecision {
    /// TIME in microseconds, DATETIME in milliseconds up to three fractional digits and in microseconds
    /// beyond.
    #[default]
    AdaptiveTimeMicroseconds,
    /// TIME and DATETIME in milliseconds.
    Connect,
    /// Text as ISO 8601 has it, with a `Z`.
    Isostring,
    /// TIME and DATETIME in microseconds.
    Microseconds,
    /// TIME and DATETIME in nanoseconds.
    Nanoseconds,
}

/// What BINARY, VARBINARY and BLOB become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BinaryMode {
    /// Bytes, which are base64 in JSON.
    #[default]
    Bytes,
    /// Base64 as text: the same in JSON.
    Base64,
    /// Base64 with `-` and `_` for `+` and `/`.
    Base64UrlSafe,
    /// Two lower-case digits a byte.
    Hex,
}

/// What BIGINT UNSIGNED becomes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BigintUnsigned {
    /// A signed number, to which values from 2^63 wrap.
    #[default]
    Long,
    /// Base64 of the integer, as a DECIMAL of scale 0.
    Precise,
}

/// What becomes of bytes that are no text of their column's charset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidTextMode {
    /// They stop the database.
    #[default]
    Fail,
    /// U+FFFD stands for them.
    Replace,
    /// The whole value becomes `base64:` and the base64 of its bytes.
    Base64,
}

/// What becomes of a zero, partly zero or impossible DATE, DATETIME or TIMESTAMP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum InvalidDate {
    /// Null, or where the column does not allow it, its default or the beginning of 1970.
    #[default]
    Null,
    /// It stops the database.
    Fail,
}
