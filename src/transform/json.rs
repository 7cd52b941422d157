//! JSON objects as they are written: their members in order, each value as its own bytes.
//!
//! Takes text, gives members that borrow from it, and writes objects anew. Numbers and texts are never read and
//! written again, so that not a byte of them changes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::text::json;

/// The members of an object.
#[derive(Debug, Default)]
pub(super) struct Object<'a>(Vec<(Cow<'a, str>, &'a str)>);

impl<'a> Object<'a> {
    /// Reads an object; `None` where the text is something else.
    pub(super) fn read(text: &'a str) -> Option<Object<'a>> {
        serde_json::from_str(text).ok()
    }

    /// The value of a member.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let found = self.0.iter().find(|(member, _)| member == name);
        found.map(|(_, value)| *value)
    }

    /// Names and values, in order.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de str)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) =
                    map.next_entry::<Name<'de>, &'de RawValue>()?
                {
                    members.push((name, value.get()));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Object)
    }
}

/// A member's name, borrowed where it holds no escape.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// The elements of an array; `None` where the text is something else.
pub(super) fn elements(text: &str) -> Option<Vec<&str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(text).ok()?;
    Some(elements.into_iter().map(RawValue::get).collect())
}

/// The text that a JSON string stands for; `None` where it is no string.
pub(super) fn string(text: &str) -> Option<String> {
    serde_json::from_str(text).ok()
}

/// Appends a text as a JSON string.
pub(super) fn push_string(out: &mut String, text: &str) {
    let mut quoted = Vec::with_capacity(text.len().saturating_add(2));
    json::write_string(&mut quoted, text);
    out.push_str(&String::from_utf8_lossy(&quoted));
}

/// A text as a JSON string.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::new();
    push_string(&mut out, text);
    out
}

/// Writes an object member by member.
pub(super) struct Writer {
    out: String,
    separator: &'static str,
}

impl Writer {
    /// An object without members, with room for so many bytes.
    pub(super) fn new(bytes: usize) -> Writer {
        let mut out = String::with_capacity(bytes);
        out.push('{');
        Writer { out, separator: "" }
    }

    /// Adds a member; the value is JSON.
    pub(super) fn member(&mut self, name: &str, value: &str) {
        self.out.push_str(self.separator);
        push_string(&mut self.out, name);
        self.out.push(':');
        self.out.push_str(value);
        self.separator = ",";
    }

    /// The object.
    pub(super) fn end(mut self) -> String {
        self.out.push('}');
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_their_bytes() {
        let text = r#"{"b":1.50,"a":{"z":"\u0041"},"c\"":[1, 2],"n":null}"#;
        let object = Object::read(text).unwrap();
        let members: Vec<(&str, &str)> = object.members().collect();
        let expected = [
            ("b", "1.50"),
            ("a", r#"{"z":"\u0041"}"#),
            ("c\"", "[1, 2]"),
            ("n", "null"),
        ];
        assert_eq!(members, expected);
        assert_eq!(object.get("n"), Some("null"));
        assert_eq!(object.get("x"), None);
        let mut writer = Writer::new(0);
        for (name, value) in members {
            writer.member(name, value);
        }
        assert_eq!(writer.end(), text);
        assert_eq!(Writer::new(9).end(), "{}");
        for wrong in ["", "[]", "1", "{\"a\":1}x"] {
            assert!(Object::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn elements_are_split() {
        assert_eq!(
            elements("[1,\"a,b\",[2]]").unwrap(),
            ["1", "\"a,b\"", "[2]"]
        );
        assert!(elements("{}").is_none());
    }
}
