//! What few records have beside a key, a value and the usual headers: kept as JSON among the batch's bytes,
//! so that all others pay one empty span for it.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

/// Everything that is unusual about a record.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Extra<'a> {
    /// Without the context headers.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bare: bool,
    /// Where it goes, whatever its key; the usual place where the topic has fewer partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Its time for Kafka: milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp_ms: Option<i64>,
    /// Headers beside the usual ones, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    pub headers: Vec<(Cow<'a, str>, HeaderValue<'a>)>,
}

/// The value of a header, as JSON.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderValue<'a>(Cow<'a, str>);

impl<'a> HeaderValue<'a> {
    /// Of JSON text.
    pub fn of_json(json: impl Into<Cow<'a, str>>) -> HeaderValue<'a> {
        HeaderValue(json.into())
    }

    /// As it is.
    pub fn json(&self) -> &str {
        &self.0
    }

    /// As the text that Kafka gets: a string without its quotes, anything else as JSON; `None` for null.
    pub fn text(&self) -> Option<Cow<'_, str>> {
        if &*self.0 == "null" {
            return None;
        }
        let string = serde_json::from_str::<String>(&self.0);
        Some(string.map_or(Cow::Borrowed(&self.0), Cow::Owned))
    }
}

impl Serialize for HeaderValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        raw.serialize(serializer)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for HeaderValue<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&RawValue>::deserialize(deserializer).map_err(D::Error::custom)?;
        Ok(HeaderValue(Cow::Borrowed(raw.get())))
    }
}

impl Extra<'_> {
    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Texts, numbers and JSON have no way to fail in memory.
        let written = serde_json::to_writer(out, self);
        debug_assert!(written.is_ok(), "values of headers are JSON");
    }

    /// Reads what [`Extra::write`] wrote; `None` where the bytes are something else.
    pub fn read(bytes: &[u8]) -> Option<Extra<'_>> {
        // A list would be taken for the fields in their order.
        let object = Some(bytes).filter(|bytes| bytes.starts_with(b"{"))?;
        serde_json::from_slice(object).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let value = HeaderValue::of_json;
        let whole = Extra {
            bare: true,
            partition: Some(3),
            timestamp_ms: Some(-1),
            headers: vec![
                ("id".into(), value(r#""a\"b\n""#)),
                ("none".into(), value("null")),
                ("number".into(), value("1.0E2")),
                ("object".into(), value(r#"{"a":[1]}"#)),
            ],
        };
        for extra in [whole, Extra::default()] {
            let mut bytes = Vec::new();
            extra.write(&mut bytes);
            assert_eq!(Extra::read(&bytes), Some(extra));
        }
        for wrong in [&b""[..], b"[1]", b"{\"bare\":1}", b"{\"new\":true}"] {
            assert_eq!(Extra::read(wrong), None);
        }
    }

    #[test]
    fn kafka_gets_strings_without_quotes() {
        for (json, text) in [
            (r#""a\"1""#, Some("a\"1")),
            ("null", None),
            (r#""null""#, Some("null")),
            ("12", Some("12")),
            ("[true]", Some("[true]")),
        ] {
            assert_eq!(HeaderValue::of_json(json).text().as_deref(), text);
        }
    }
}
