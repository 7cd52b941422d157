//! An outbox event's payload that is JSON in a text: as a struct of its own (`table.expand.json.payload`).
//!
//! Takes the text, gives the schema that Debezium infers from it and the payload by that schema: numbers become
//! int32, int64 or double, members without a type are left out. A text that has no such schema stays a text.

use std::collections::HashMap;

use super::json::{Object, Writer, elements, push_string, string};
use super::schema::{as_field, new_struct, plain};
use crate::config::transforms::Expand;
use crate::text::json;

/// Objects and arrays within one another, beyond which a text stays a text.
const DEPTH_MAX: usize = 100;
/// Bytes of a payload that may always come of a text, and times its length: objects of one array lend each other their
/// members, so that little text could become very much.
const BYTES_ALWAYS: usize = 16 << 20;
const TIMES_MAX: usize = 4;

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
pub(crate) struct Expanded {
    /// Connect's schema.
    pub(crate) schema: String,
    /// JSON by that schema.
    pub(crate) payload: String,
}

/// Expands a text; `None` where it is to stay one. The struct takes the name of the field.
pub(crate) fn expand(text: &str, field: &str, options: Expand) -> Option<Expanded> {
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
    let bytes_left = text.len().saturating_mul(TIMES_MAX).max(BYTES_ALWAYS);
    let mut printer = Printer { bytes_left };
    printer.write(&mut payload, object, &kind, DEPTH_MAX)?;
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
                let mut merged: Option<Merged> = None;
                for text in elements.iter().filter(|text| **text != "null") {
                    let Some(Type::Struct(found)) = self.infer(text, name, depth)? else {
                        return None;
                    };
                    match &mut merged {
                        Some(merged) => merged.add(found),
                        None => merged = Some(Merged::of(found)),
                    }
                }
                merged.map(|merged| Type::Struct(merged.whole))
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
    let mut places: HashMap<&str, usize> = HashMap::new();
    for (name, value) in object.members() {
        let place = *places.entry(name).or_insert(members.len());
        match members.get_mut(place) {
            Some(known) => known.1 = value,
            None => members.push((name, value)),
        }
    }
    members
}

/// The one struct of all objects of an array.
struct Merged {
    whole: Struct,
    places: HashMap<String, usize>,
}

impl Merged {
    fn of(whole: Struct) -> Merged {
        let names = whole.fields.iter().map(|(name, _)| name.clone());
        Merged {
            places: names.zip(0..).collect(),
            whole,
        }
    }

    fn add(&mut self, other: Struct) {
        if self.whole.fields == other.fields {
            return;
        }
        self.whole.optional = false;
        let fields = &mut self.whole.fields;
        for (name, kind) in other.fields {
            let place = *self.places.entry(name.clone()).or_insert(fields.len());
            match fields.get_mut(place) {
                Some((_, known)) if *known == Type::Bytes => *known = kind,
                Some(_) => {}
                None => fields.push((name, kind)),
            }
        }
    }
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

/// Writes values by their types, up to a limit.
struct Printer {
    bytes_left: usize,
}

impl Printer {
    /// Writes a value by its type; `None` where it is not of that type, or too much.
    fn write(&mut self, out: &mut String, text: &str, kind: &Type, depth: usize) -> Option<()> {
        let depth = depth.checked_sub(1)?;
        if text == "null" {
            let Type::Struct(Struct { optional, .. }) = kind else {
                return self.push(out, text);
            };
            return optional.then(|| self.push(out, text))?;
        }
        match kind {
            Type::Text => {
                self.spend(text.len())?;
                push_string(out, &string(text)?);
            }
            Type::Boolean => self.push(out, text.starts_with(['t', 'f']).then_some(text)?)?,
            Type::Int32 | Type::Int64 => {
                if number(text).as_ref() != Some(kind) {
                    return None;
                }
                self.push(out, &text.parse::<i64>().ok()?.to_string())?;
            }
            Type::Double => {
                if number(text) != Some(Type::Double) {
                    return None;
                }
                let mut digits = Vec::new();
                json::write_f64(&mut digits, text.parse().ok()?);
                self.push(out, &String::from_utf8_lossy(&digits))?;
            }
            Type::Bytes => return None,
            Type::Array(element) => {
                out.push('[');
                for (index, text) in elements(text)?.into_iter().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    self.write(out, text, element, depth)?;
                }
                out.push(']');
            }
            Type::Struct(kind) => out.push_str(&self.structure(text, kind, depth)?),
        }
        Some(())
    }

    fn structure(&mut self, text: &str, kind: &Struct, depth: usize) -> Option<String> {
        let object = Object::read(text)?;
        let members: HashMap<&str, &str> = last_ones(&object).into_iter().collect();
        let mut writer = Writer::new(text.len());
        for (name, kind) in &kind.fields {
            self.spend(name.len())?;
            let mut value = String::new();
            let member = members.get(name.as_str()).copied();
            self.write(&mut value, member.unwrap_or("null"), kind, depth)?;
            writer.member(name, &value);
        }
        Some(writer.end())
    }

    fn push(&mut self, out: &mut String, text: &str) -> Option<()> {
        self.spend(text.len())?;
        out.push_str(text);
        Some(())
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.bytes_left = self.bytes_left.checked_sub(bytes)?;
        Some(())
    }
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
        // Each of so many objects would have the members of all.
        let objects: Vec<String> = (0..5000).map(|n| format!("{{\"member-{n}\":1}}")).collect();
        let wide = format!("{{\"a\":[{}]}}", objects.join(","));
        assert_eq!(expand(&wide, "payload", IGNORE), None);
        let members: Vec<String> = (0..50_000).map(|n| format!("\"{n}\":1")).collect();
        let long = format!("{{{}}}", members.join(","));
        assert_eq!(payload(&long, IGNORE).as_deref(), Some(long.as_str()));
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
