//! What few records have beside a key, a value and the usual headers: kept as JSON among the batch's bytes,
//! so that all others pay one empty span for it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

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
    /// Headers beside the usual ones, in order; a value may be null.
    #[serde(default, skip_serializing_if = "Vec::is_empty", borrow)]
    pub headers: Vec<(Cow<'a, str>, Option<Cow<'a, str>>)>,
}

impl Extra<'_> {
    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        // Texts and numbers have no way to fail in memory.
        let written = serde_json::to_writer(out, self);
        debug_assert!(written.is_ok(), "texts and numbers are always JSON");
    }

    /// Reads what [`Extra::write`] wrote; `None` where the bytes are something else.
    pub fn read(bytes: &[u8]) -> Option<Extra<'_>> {
        // An array would do for serde, and leave out what it does not have.
        let extra = serde_json::from_slice(bytes).ok();
        extra.filter(|_| bytes.starts_with(b"{"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        let whole = Extra {
            bare: true,
            partition: Some(3),
            timestamp_ms: Some(-1),
            headers: vec![("id".into(), Some("a\"b\n".into())), ("none".into(), None)],
        };
        for extra in [whole, Extra::default()] {
            let mut bytes = Vec::new();
            extra.write(&mut bytes);
            assert_eq!(Extra::read(&bytes), Some(extra));
        }
        for wrong in [&b""[..], b"[]", b"{\"bare\":1}", b"{\"new\":true}"] {
            assert_eq!(Extra::read(wrong), None);
        }
    }
}
