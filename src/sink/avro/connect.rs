//! A Connect schema as it stands beside a payload.
//!
//! Takes the JSON that Connect's `JsonConverter` writes for a schema; gives the same as a tree, members and
//! parameters in their order. Understands nothing of it.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// One schema.
#[derive(Debug, Deserialize)]
pub(super) struct Connect<'a> {
    #[serde(rename = "type")]
    pub(super) kind: Kind,
    /// Of a struct.
    #[serde(default, borrow)]
    pub(super) fields: Vec<Connect<'a>>,
    /// Of an array.
    #[serde(default, borrow)]
    pub(super) items: Option<Box<Connect<'a>>>,
    /// Of a map.
    #[serde(default, borrow)]
    pub(super) keys: Option<Box<Connect<'a>>>,
    /// Of a map.
    #[serde(default, borrow)]
    pub(super) values: Option<Box<Connect<'a>>>,
    #[serde(default)]
    pub(super) optional: bool,
    pub(super) name: Option<String>,
    pub(super) version: Option<i64>,
    pub(super) doc: Option<String>,
    #[serde(default)]
    pub(super) parameters: Parameters,
    /// As the payload would have it.
    #[serde(default, borrow)]
    pub(super) default: Option<&'a RawValue>,
    /// Its name in the struct around it.
    pub(super) field: Option<String>,
}

/// The words for types.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Int8,
    Int16,
    Int32,
    Int64,
    Float,
    Double,
    Boolean,
    String,
    Bytes,
    Array,
    Map,
    Struct,
}

/// Names and values, in order.
#[derive(Debug, Default)]
pub(super) struct Parameters(pub(super) Vec<(String, String)>);

impl Parameters {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Parameters, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Parameters;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Parameters(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}
