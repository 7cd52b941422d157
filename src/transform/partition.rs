//! Records to partitions by some of their values: Debezium's `PartitionRouting`.
//!
//! Takes envelopes; gives them the partition that the hash of the values says, as Java hashes them. Values that are
//! null or not there do not count; where none is left, and for tombstones, the key decides as always.

use super::error::Problem;
use super::json::{Object, string};
use super::message::Message;
use super::schema::{Cache, Struct};
use crate::config::transforms::Partition as Options;

/// The transform.
#[derive(Debug)]
pub(super) struct Partition {
    options: Options,
    types: Cache<Vec<Option<Type>>>,
}

/// How Java hashes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Text,
    Int,
    Long,
    Boolean,
    Float,
    Double,
    /// Not at all here.
    Other,
}

impl Partition {
    pub(super) fn new(options: Options) -> Partition {
        Partition {
            options,
            types: Cache::default(),
        }
    }

    pub(super) fn apply<'a>(
        &mut self,
        mut message: Message<'a>,
    ) -> Result<Option<Message<'a>>, Problem> {
        let Some(value) = message.value.as_ref().filter(|_| message.envelope) else {
            return Ok(Some(message));
        };
        let envelope = Object::read(&value.payload).ok_or(Problem::Malformed)?;
        let op = envelope.get("op").ok_or(Problem::Malformed)?;
        if op == r#""t""# {
            return Ok(Some(message));
        }
        let schema = value.schema.as_ref().ok_or(Problem::Malformed)?;
        let fields = &self.options.fields;
        let types = self.types.get(schema, |schema| types(schema, fields))?;
        let changed = if op == r#""d""# { "before" } else { "after" };
        let mut sum: Option<i32> = None;
        for (field, kind) in fields.iter().zip(types.iter()) {
            let found = kind.zip(value_at(&envelope, field, changed));
            let Some((kind, text)) = found.filter(|(_, text)| *text != "null") else {
                continue;
            };
            let hash = kind.hash(text).ok_or_else(|| Problem::Type {
                field: field.clone(),
                expected: "a text, a number or a boolean",
            })?;
            sum = Some(sum.unwrap_or(0).wrapping_add(hash));
        }
        if let Some(sum) = sum {
            let positive = sum & i32::MAX;
            let positive = if positive == i32::MAX { 0 } else { positive };
            message.extra.partition = positive.checked_rem(self.options.partitions);
        }
        Ok(Some(message))
    }
}

/// The value of a dotted path; `change` at its start stands for the row that counts.
fn value_at<'a>(envelope: &Object<'a>, path: &str, changed: &str) -> Option<&'a str> {
    let mut parts = path.split('.').map(str::trim);
    let first = parts.next()?;
    let first = if first == "change" { changed } else { first };
    let mut value = envelope.get(first)?;
    for part in parts {
        value = Object::read(value)?.get(part)?;
    }
    Some(value)
}

/// The types of the values; `None` for one that no record with this schema has.
fn types(schema: &str, fields: &[String]) -> Result<Vec<Option<Type>>, Problem> {
    let envelope = Struct::read(schema).ok_or(Problem::Malformed)?;
    Ok(fields
        .iter()
        .map(|field| type_of(&envelope, field))
        .collect())
}

fn type_of(envelope: &Struct<'_>, path: &str) -> Option<Type> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let first = first.trim();
    let field = envelope.field(if first == "change" { "after" } else { first })?;
    if rest.is_empty() {
        return Some(Type::of(field.kind()?.as_str()));
    }
    type_of(&Struct::read(field.text)?, rest)
}

impl Type {
    fn of(name: &str) -> Type {
        match name {
            "string" => Type::Text,
            "int8" | "int16" | "int32" => Type::Int,
            "int64" => Type::Long,
            "boolean" => Type::Boolean,
            "float" => Type::Float,
            "double" => Type::Double,
            _ => Type::Other,
        }
    }

    /// `hashCode` of the value.
    fn hash(self, text: &str) -> Option<i32> {
        match self {
            Type::Text => {
                let text = string(text)?;
                let step = |hash: i32, unit: u16| hash.wrapping_mul(31).wrapping_add(unit.into());
                Some(text.encode_utf16().fold(0, step))
            }
            Type::Int => text.parse().ok(),
            Type::Long => text
                .parse::<i64>()
                .ok()
                .map(|value| folded(value.cast_unsigned())),
            Type::Boolean => Some(if text == "true" { 1231 } else { 1237 }),
            Type::Float => text
                .parse::<f32>()
                .ok()
                .map(|value| value.to_bits().cast_signed()),
            Type::Double => text
                .parse::<f64>()
                .ok()
                .map(|value| folded(value.to_bits())),
            Type::Other => None,
        }
    }
}

/// Both halves of 64 bits in one.
fn folded(bits: u64) -> i32 {
    let low = (bits ^ (bits >> 32)) & u64::from(u32::MAX);
    u32::try_from(low).unwrap_or_default().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_hash_as_in_java() {
        for (kind, text, hash) in [
            // "hello".hashCode(), "🐟".hashCode()
            (Type::Text, "\"hello\"", 99_162_322),
            (Type::Text, "\"\u{1f41f}\"", 1_772_418),
            (Type::Text, "\"\"", 0),
            (Type::Int, "-5", -5),
            (Type::Long, "-1", 0),
            (Type::Long, "4294967296", 1),
            (Type::Boolean, "true", 1231),
            (Type::Boolean, "false", 1237),
            // Double.hashCode(1.5), Float.hashCode(1.5f)
            (Type::Double, "1.5", 1_073_217_536),
            (Type::Float, "1.5", 1_069_547_520),
        ] {
            assert_eq!(kind.hash(text), Some(hash), "{text}");
        }
        assert_eq!(Type::Other.hash("\"aGk=\""), None);
    }
}
