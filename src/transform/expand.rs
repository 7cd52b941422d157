//! An outbox event's payload that is JSON in a text: as a struct of its own (`table.expand.json.payload`).
//!
//! Takes the text, gives the schema that Debezium infers from it and the payload by that schema: numbers become
//! int32, int64 or double, members without a type are left out. A text that has no such schema stays a text.

use super::json::{Object, Writer, elements, push_string, string};
use super::schema::{as_field, new_struct, plain};
use crate::config::transforms::Expand;
use crate::text::json;

/// Objects and arrays within one another, beyond which a text stays a text.
const DEPTH_MAX: usize = 100;

/// The type of a value.
#[derive(Clone, Debug, PartialEq)]
enum Type {
    Text,
    Boolean,
    Int32,
    Int64,
    Double,
    /// What null is taken for.
    Bytes,
    Array(Box<Type>),
    Struct(Struct),
}

#[derive(Clone, Debug, PartialEq)]
struct Struct {
    name: Option<String>,
    fields: Vec<(String, Type)>,
    optional: bool,
}

/// The payload with its schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    /// Connect's schema.
    pub(super) schema: String,
    /// JSON by that schema.
    pub(super) payload: String,
}

/// Expands a text; `None` where it is to stay one. The struct takes the name of the field.
pub(super) fn expand(text: &str, field: &str, options: Expand) -> Option<Expanded> {
    // An array has no schema that a payload can have.
    if !text.starts_with('{') {
        return None;
    }
    // What follows the object is not looked at, as in Jackson.
    let mut values =
        serde_json::Deserializer::from_str(text).into_iter::<&serde_json::value::RawValue>();
    let object = values.next()?.ok()?.get();
    let inference = Inference { options };
    let kind = inference.infer(object, Some(field), DEPTH_MAX)??;
    let mut payload = String::with_capacity(text.len());
    write(&mut payload, object, &kind, DEPTH_MAX)?;
    Some(Expanded {
        schema: kind.schema(),
        payload,
    })
}

struct Inference {
    options: Expand,
}

impl Inference {
    /// The type of a value: `Some(None)` where it has none and is left out, `None` where there can be no schema.
    fn infer(&self, text: &str, name: Option<&str>, depth: usize) -> Option<Option<Type>> {
        let depth = depth.checked_sub(1)?;
        Some(match text.as_bytes().first()? {
            b'"' => Some(Type::Text),
            b't' | b'f' => Some(Type::Boolean),
            b'n' => self.options.null_as_bytes.then_some(Type::Bytes),
            b'[' => {
                let elements = elements(text)?;
                if elements.is_empty() {
                    let texts = || Type::Array(Box::new(Type::Text));
                    return Some(self.options.empty_array_as_texts.then(texts));
                }
                Some(Type::Array(Box::new(self.element(&elements, name, depth)?)))
            }
            b'{' => {
                let mut fields: Vec<(String, Type)> = Vec::new();
                for (member, value) in last_ones(&Object::read(text)?) {
                    let path = match name {
                        Some(name) if !name.trim().is_empty() => format!("{name}.{member}"),
                        Some(_) | None => member.to_owned(),
                    };
                    if let Some(kind) = self.infer(value, Some(&path), depth)? {
                        fields.push((member.to_owned(), kind));
                    }
                }
                Some(Type::Struct(Struct {
                    name: name.map(str::to_owned),
                    fields,
                    optional: true,
                }))
            }
            _ => Some(number(text)?),
        })
    }

    /// The one type of an array's elements, nulls aside.
    fn element(&self, elements: &[&str], name: Option<&str>, depth: usize) -> Option<Type> {
        let kinds = |text: &str| text.bytes().next().map(kind_of);
        let mut others = elements.iter().filter(|text| **text != "null");
        let Some(first) = others.next() else {
            return self.infer("null", None, depth)?;
        };
        if !others.clone().all(|text| kinds(text) == kinds(first)) {
            return None;
        }
        match kind_of(first.bytes().next()?) {
            '{' => {
                let mut merged: Option<Struct> = None;
                for text in elements.iter().filter(|text| **text != "null") {
                    let Some(Type::Struct(found)) = self.infer(text, name, depth)? else {
                        return None;
                    };
                    merged = Some(match merged {
                        Some(merged) if merged.fields == found.fields => merged,
                        Some(merged) => merge(merged, found),
                        None => found,
                    });
                }
                merged.map(Type::Struct)
            }
            '0' => {
                let kind = number(first)?;
                others
                    .all(|text| number(text).as_ref() == Some(&kind))
                    .then_some(kind)
            }
            _ => self.infer(first, None, depth)?,
        }
    }
}

/// The first byte of every value of a kind.
fn kind_of(byte: u8) -> char {
    match byte {
        b'"' => '"',
        b't' | b'f' => 't',
        b'n' => 'n',
        b'[' => '[',
        b'{' => '{',
        _ => '0',
    }
}

/// A member that is there twice counts at its first place with its last value.
fn last_ones<'a, 'b>(object: &'b Object<'a>) -> Vec<(&'b str, &'a str)> {
    let mut members: Vec<(&str, &str)> = Vec::new();
    for (name, value) in object.members() {
        match members.iter_mut().find(|(known, _)| *known == name) {
            Some(known) => known.1 = value,
            None => members.push((name, value)),
        }
    }
    members
}

fn merge(mut left: Struct, right: Struct) -> Struct {
    for (name, kind) in right.fields {
        match left.fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if *known == Type::Bytes => *known = kind,
            Some(_) => {}
            None => left.fields.push((name, kind)),
        }
    }
    left.optional = false;
    left
}

/// The type of a number as Jackson reads it; `None` for a whole number beyond 64 bits.
fn number(text: &str) -> Option<Type> {
    if text.contains(['.', 'e', 'E']) {
        return text
            .parse::<f64>()
            .ok()
            .filter(|n| n.is_finite())
            .map(|_| Type::Double);
    }
    let number: i64 = text.parse().ok()?;
    Some(match i32::try_from(number) {
        Ok(_) => Type::Int32,
        Err(_) => Type::Int64,
    })
}

/// Writes a value by its type; `None` where it is not of that type.
fn write(out: &mut String, text: &str, kind: &Type, depth: usize) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    if text == "null" {
        let required = matches!(
            kind,
            Type::Struct(Struct {
                optional: false,
                ..
            })
        );
        out.push_str("null");
        return (!required).then_some(());
    }
    match kind {
        Type::Text => push_string(out, &string(text)?),
        Type::Boolean => out.push_str(text.starts_with(['t', 'f']).then_some(text)?),
        Type::Int32 | Type::Int64 => {
            if number(text).as_ref() != Some(kind) {
                return None;
            }
            out.push_str(&text.parse::<i64>().ok()?.to_string());
        }
        Type::Double => {
            if number(text) != Some(Type::Double) {
                return None;
            }
            let mut digits = Vec::new();
            json::write_f64(&mut digits, text.parse().ok()?);
            out.push_str(&String::from_utf8_lossy(&digits));
        }
        Type::Bytes => return None,
        Type::Array(element) => {
            out.push('[');
            for (index, text) in elements(text)?.into_iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                write(out, text, element, depth)?;
            }
            out.push(']');
        }
        Type::Struct(fields) => out.push_str(&structure(text, fields, depth)?),
    }
    Some(())
}

fn structure(text: &str, kind: &Struct, depth: usize) -> Option<String> {
    let object = Object::read(text)?;
    let members = last_ones(&object);
    let mut writer = Writer::new(text.len());
    for (name, kind) in &kind.fields {
        let member = members.iter().find(|(member, _)| member == name);
        let mut value = String::new();
        write(
            &mut value,
            member.map_or("null", |(_, value)| *value),
            kind,
            depth,
        )?;
        writer.member(name, &value);
    }
    Some(writer.end())
}

impl Type {
    fn schema(&self) -> String {
        match self {
            Type::Text => plain("string", true),
            Type::Boolean => plain("boolean", true),
            Type::Int32 => plain("int32", true),
            Type::Int64 => plain("int64", true),
            Type::Double => plain("double", true),
            Type::Bytes => plain("bytes", true),
            Type::Array(element) => {
                let items = element.schema();
                format!("{{\"type\":\"array\",\"items\":{items},\"optional\":true}}")
            }
            Type::Struct(kind) => {
                let field = |(name, kind): &(String, Type)| as_field(&kind.schema(), name);
                let fields: Vec<String> = kind.fields.iter().map(field).collect();
                new_struct(&fields, kind.name.as_deref(), kind.optional)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IGNORE: Expand = Expand {
        null_as_bytes: false,
        empty_array_as_texts: false,
    };
    const KEEP: Expand = Expand {
        null_as_bytes: true,
        empty_array_as_texts: true,
    };

    fn payload(text: &str, options: Expand) -> Option<String> {
        expand(text, "payload", options).map(|expanded| expanded.payload)
    }

    #[test]
    fn values_are_written_by_their_types() {
        for (text, expected) in [
            (
                r#"{"a":1,"b":"x\/y","c":true}"#,
                r#"{"a":1,"b":"x/y","c":true}"#,
            ),
            (
                r#"{"a":1.50,"b":1e3,"c":-0,"d":3000000000}"#,
                r#"{"a":1.5,"b":1000.0,"c":0,"d":3000000000}"#,
            ),
            // What has no type is left out.
            (r#"{"a":null,"b":[],"c":{}}"#, r#"{"c":{}}"#),
            (
                r#"{"z":{"y":[1,null,2]},"a":[{"x":1},{"y":2}]}"#,
                r#"{"z":{"y":[1,null,2]},"a":[{"x":1,"y":null},{"x":null,"y":2}]}"#,
            ),
            (r#"{"a":1,"a":2}"#, r#"{"a":2}"#),
            (r#"{"a":1} and more"#, r#"{"a":1}"#),
        ] {
            assert_eq!(payload(text, IGNORE).as_deref(), Some(expected), "{text}");
        }
        let kept = payload(r#"{"a":null,"b":[],"c":[null]}"#, KEEP);
        assert_eq!(kept.as_deref(), Some(r#"{"a":null,"b":[],"c":[null]}"#));
    }

    #[test]
    fn what_has_no_schema_stays_a_text() {
        for text in [
            "",
            " {}",
            "[1]",
            "1",
            "{",
            r#"{"a":[1,"x"]}"#,
            r#"{"a":[1,3000000000]}"#,
            r#"{"a":[null]}"#,
            r#"{"a":99999999999999999999}"#,
            r#"{"a":[[1],["x"]]}"#,
            r#"{"a":[{"x":1},null,{"y":2}]}"#,
            r#"{"a":[{"x":1},{"x":"1"}]}"#,
            r#"{"a":[[]]}"#,
            r#"{"a":1e999}"#,
        ] {
            assert_eq!(expand(text, "payload", IGNORE), None, "{text}");
        }
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(200), "]".repeat(200));
        assert_eq!(expand(&deep, "payload", IGNORE), None);
    }

    #[test]
    fn schemas_are_inferred() {
        let schema = |text: &str, options| expand(text, "payload", options).unwrap().schema;
        assert_eq!(
            schema(r#"{"id":1,"o":{"n":5000000000},"l":[{"d":0.5}]}"#, IGNORE),
            r#"{"type":"struct","fields":[{"type":"int32","optional":true,"field":"id"},{"type":"struct","fields":[{"type":"int64","optional":true,"field":"n"}],"optional":true,"name":"payload.o","field":"o"},{"type":"array","items":{"type":"struct","fields":[{"type":"double","optional":true,"field":"d"}],"optional":true,"name":"payload.l"},"optional":true,"field":"l"}],"optional":true,"name":"payload"}"#
        );
        // Two shapes of one array's objects become one that cannot be null.
        let merged = schema(r#"{"l":[{"a":null},{"a":1}]}"#, KEEP);
        assert!(
            merged.contains(r#""fields":[{"type":"int32","optional":true,"field":"a"}],"optional":false,"name":"payload.l""#),
            "{merged}"
        );
        assert!(schema(r#"{"e":[]}"#, KEEP).contains(r#"{"type":"array","items":{"type":"string","optional":true},"optional":true,"field":"e"}"#));
    }
}
