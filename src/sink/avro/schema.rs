//! The Avro schema of a Connect schema, and the tree by which its payloads are read.
//!
//! Takes a Connect schema; gives Avro's as text, as Confluent's `AvroData` makes it with its default settings
//! (`connect.meta.data`, no `enhanced.avro.schema.support`) and Avro's Java library prints it. A name that
//! Avro does not take is an error and never changed here.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::connect::{Connect, Kind};
use crate::text::json;

/// The namespace and the name of a struct that has no name.
const UNNAMED: (&str, &str) = ("io.confluent.connect.avro", "ConnectDefault");
const DECIMAL: &str = "org.apache.kafka.connect.data.Decimal";
/// Digits of a decimal whose schema does not say them.
const DECIMAL_DIGITS: i64 = 64;
/// Connect's own logical types beside decimals, and Avro's word for each.
const LOGICAL: [(&str, &str); 3] = [
    ("org.apache.kafka.connect.data.Time", "time-millis"),
    (
        "org.apache.kafka.connect.data.Timestamp",
        "timestamp-millis",
    ),
    ("org.apache.kafka.connect.data.Date", "date"),
];

/// What one Connect schema became.
#[derive(Debug)]
pub(super) struct Compiled {
    /// The Avro schema.
    pub(super) text: String,
    /// The full name of the record.
    pub(super) name: String,
    /// How a payload is read.
    pub(super) root: Node,
}

/// One value of a payload.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) null: Null,
    pub(super) shape: Shape,
}

/// Whether a value may be null, and which branch of the union null is then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Null {
    /// It may not.
    No,
    /// `["null", T]`.
    First,
    /// `[T, "null"]`, since the default is a T.
    Second,
}

/// What a value is when it is not null.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Boolean,
    /// An integer within limits, both included.
    Integer(i64, i64),
    Float,
    Double,
    String,
    /// Base64 in JSON.
    Bytes,
    Array(Box<Node>),
    /// With keys that are text.
    Map(Box<Node>),
    Record(Arc<Record>),
}

#[derive(Debug, PartialEq)]
pub(super) struct Record {
    pub(super) fields: Vec<Field>,
}

#[derive(Debug, PartialEq)]
pub(super) struct Field {
    pub(super) name: String,
    /// `"name":`.
    pub(super) member: Vec<u8>,
    pub(super) node: Node,
}

/// Why a Connect schema has no Avro schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The name of a schema that Avro does not take.
    SchemaName(String),
    /// The name of a field that Avro does not take.
    FieldName(String),
    /// A field that is there twice.
    SameField(String),
    /// One name for two different structs.
    SameSchema(String),
    /// What our own records never have.
    Form(&'static str),
}

/// Makes the Avro schema of a key or value, which is a struct.
pub(super) fn compile(schema: &Connect<'_>) -> Result<Compiled, Unfit> {
    if schema.kind != Kind::Struct || schema.optional {
        return Err(Unfit::Form(
            "a key or value that is no struct, or may be null",
        ));
    }
    let mut writer = Writer {
        out: Vec::new(),
        named: HashMap::new(),
    };
    let root = writer.node(schema, None)?;
    let (namespace, name) = split(schema);
    Ok(Compiled {
        text: String::from_utf8(writer.out).map_err(|_| Unfit::Form("a name that is no text"))?,
        name: full(namespace, name),
        root,
    })
}

struct Writer {
    out: Vec<u8>,
    /// Records that are defined already, by their full names.
    named: HashMap<String, Arc<Record>>,
}

impl Writer {
    /// Writes the type of a value; `space` is the namespace around it.
    fn node(&mut self, schema: &Connect<'_>, space: Option<&str>) -> Result<Node, Unfit> {
        let null = match (schema.optional, schema.kind, schema.default) {
            (false, _, _) => Null::No,
            (true, Kind::Struct, _) | (true, _, None) => Null::First,
            (true, _, Some(_)) => Null::Second,
        };
        match null {
            Null::No => {}
            Null::First => self.put("[\"null\","),
            Null::Second => self.put("["),
        }
        let shape = self.shape(schema, space)?;
        match null {
            Null::No => {}
            Null::First => self.put("]"),
            Null::Second => self.put(",\"null\"]"),
        }
        Ok(Node { null, shape })
    }

    fn shape(&mut self, schema: &Connect<'_>, space: Option<&str>) -> Result<Shape, Unfit> {
        let int = |min: i64, max: i64| Shape::Integer(min, max);
        let (word, shape) = match schema.kind {
            Kind::Int8 => ("int", int(i64::from(i8::MIN), i64::from(i8::MAX))),
            Kind::Int16 => ("int", int(i64::from(i16::MIN), i64::from(i16::MAX))),
            Kind::Int32 => ("int", int(i64::from(i32::MIN), i64::from(i32::MAX))),
            Kind::Int64 => ("long", int(i64::MIN, i64::MAX)),
            Kind::Float => ("float", Shape::Float),
            Kind::Double => ("double", Shape::Double),
            Kind::Boolean => ("boolean", Shape::Boolean),
            Kind::String => ("string", Shape::String),
            Kind::Bytes => ("bytes", Shape::Bytes),
            Kind::Array => return self.array(schema, space),
            Kind::Map => return self.map(schema, space),
            Kind::Struct => return self.record(schema, space),
        };
        let properties = properties(schema)?;
        if properties.is_empty() {
            self.text(word);
        } else {
            self.put("{\"type\":");
            self.text(word);
            self.out.extend_from_slice(&properties);
            self.put("}");
        }
        Ok(shape)
    }

    fn array(&mut self, schema: &Connect<'_>, space: Option<&str>) -> Result<Shape, Unfit> {
        let items = schema.items.as_deref();
        let items = items.ok_or(Unfit::Form("an array without the schema of its items"))?;
        self.put("{\"type\":\"array\",\"items\":");
        let items = self.node(items, space)?;
        self.out.extend_from_slice(&properties(schema)?);
        self.put("}");
        Ok(Shape::Array(Box::new(items)))
    }

    fn map(&mut self, schema: &Connect<'_>, space: Option<&str>) -> Result<Shape, Unfit> {
        let keys = schema.keys.as_deref();
        if !keys.is_some_and(|keys| keys.kind == Kind::String && !keys.optional) {
            return Err(Unfit::Form("a map whose keys are no texts"));
        }
        let values = schema.values.as_deref();
        let values = values.ok_or(Unfit::Form("a map without the schema of its values"))?;
        self.put("{\"type\":\"map\",\"values\":");
        let values = self.node(values, space)?;
        self.out.extend_from_slice(&properties(schema)?);
        self.put("}");
        Ok(Shape::Map(Box::new(values)))
    }

    fn record(&mut self, schema: &Connect<'_>, space: Option<&str>) -> Result<Shape, Unfit> {
        let (namespace, name) = split(schema);
        let full = full(namespace, name);
        let start = self.out.len();
        let known = self.named.get(&full).cloned();
        let record = Arc::new(self.define(schema, space)?);
        if let Some(known) = known {
            // A type is defined once and named from there on, whatever else differs.
            self.out.truncate(start);
            if known != record {
                return Err(Unfit::SameSchema(full));
            }
            let short = namespace == space && !is_primitive(name);
            self.text(if short { name } else { &full });
            return Ok(Shape::Record(known));
        }
        self.named.insert(full, Arc::clone(&record));
        Ok(Shape::Record(record))
    }

    fn define(&mut self, schema: &Connect<'_>, space: Option<&str>) -> Result<Record, Unfit> {
        let (namespace, name) = split(schema);
        let full = full(namespace, name);
        // A part that begins with a digit is none of Avro's names either; but no mode of Debezium changes it, and
        // Avro's Java library takes it.
        let part = |part: &str| is_name(part.trim_start_matches(|c: char| c.is_ascii_digit()));
        let digits =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        let mut parts = namespace.iter().flat_map(|namespace| namespace.split('.'));
        if !is_name(name) || !parts.all(|text| part(text) || digits(text)) {
            return Err(Unfit::SchemaName(full));
        }
        self.put("{\"type\":\"record\",\"name\":");
        self.text(name);
        if namespace != space {
            self.put(",\"namespace\":");
            self.text(namespace.unwrap_or_default());
        }
        self.put(",\"fields\":[");
        let mut fields: Vec<Field> = Vec::with_capacity(schema.fields.len());
        for field in &schema.fields {
            let name = field.field.clone().unwrap_or_default();
            if !is_name(&name) {
                return Err(Unfit::FieldName(name));
            }
            if fields.iter().any(|known| known.name == name) {
                return Err(Unfit::SameField(name));
            }
            self.put(if fields.is_empty() {
                "{\"name\":"
            } else {
                ",{\"name\":"
            });
            self.text(&name);
            self.put(",\"type\":");
            let node = self.node(field, namespace)?;
            if field.default.is_some() {
                self.put(",\"default\":");
                self.out.extend_from_slice(&default(field)?);
            } else if field.optional {
                self.put(",\"default\":null");
            }
            self.put("}");
            let mut member = Vec::new();
            json::write_string(&mut member, &name);
            member.push(b':');
            fields.push(Field { name, member, node });
        }
        self.put("]");
        self.out.extend_from_slice(&properties(schema)?);
        self.put("}");
        Ok(Record { fields })
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn text(&mut self, text: &str) {
        write_text(&mut self.out, text);
    }
}

/// What Connect knows of a type and Avro does not: members that go behind the type's own, each with its comma.
fn properties(schema: &Connect<'_>) -> Result<Vec<u8>, Unfit> {
    let mut out = Vec::new();
    let is = |name: &str| {
        schema
            .name
            .as_deref()
            .is_some_and(|own| own.eq_ignore_ascii_case(name))
    };
    let decimal = schema.kind == Kind::Bytes && is(DECIMAL);
    if decimal {
        let digits = |name: &str| {
            schema
                .parameters
                .get(name)
                .and_then(|text| text.parse().ok())
        };
        let scale: i64 = digits("scale").ok_or(Unfit::Form("a decimal without a scale"))?;
        let precision = digits("connect.decimal.precision").unwrap_or(DECIMAL_DIGITS);
        member(&mut out, "scale", |out| json::write_i64(out, scale));
        member(&mut out, "precision", |out| json::write_i64(out, precision));
    }
    if let Some(doc) = &schema.doc {
        member(&mut out, "connect.doc", |out| write_text(out, doc));
    }
    if let Some(version) = schema.version {
        member(&mut out, "connect.version", |out| {
            json::write_i64(out, version)
        });
    }
    if !schema.parameters.0.is_empty() {
        member(&mut out, "connect.parameters", |out| {
            let mut opening = b'{';
            for (name, value) in &schema.parameters.0 {
                out.push(opening);
                write_text(out, name);
                out.push(b':');
                write_text(out, value);
                opening = b',';
            }
            out.push(b'}');
        });
    }
    if schema.default.is_some() {
        let default = default(schema)?;
        member(&mut out, "connect.default", |out| {
            out.extend_from_slice(&default)
        });
    }
    if let Some(name) = &schema.name {
        member(&mut out, "connect.name", |out| write_text(out, name));
    }
    match schema.kind {
        Kind::Int8 => member(&mut out, "connect.type", |out| write_text(out, "int8")),
        Kind::Int16 => member(&mut out, "connect.type", |out| write_text(out, "int16")),
        Kind::Int32 | Kind::Int64 | Kind::Float | Kind::Double | Kind::Boolean => {}
        Kind::String | Kind::Bytes | Kind::Array | Kind::Map | Kind::Struct => {}
    }
    let other = LOGICAL.iter().find(|(name, _)| is(name));
    let logical = decimal
        .then_some("decimal")
        .or(other.map(|(_, word)| *word));
    if let Some(word) = logical {
        member(&mut out, "logicalType", |out| write_text(out, word));
    }
    Ok(out)
}

fn member(out: &mut Vec<u8>, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
    out.push(b',');
    write_text(out, name);
    out.push(b':');
    value(out);
}

/// A default as Avro writes it: bytes are a text of the characters with their numbers.
fn default(schema: &Connect<'_>) -> Result<Vec<u8>, Unfit> {
    let written = schema.default.map_or("null", |default| default.get());
    let text = || {
        serde_json::from_str::<String>(written)
            .map_err(|_| Unfit::Form("a default of another type"))
    };
    let mut out = Vec::new();
    match schema.kind {
        Kind::Bytes => {
            let bytes = STANDARD
                .decode(text()?)
                .map_err(|_| Unfit::Form("a default that is no base64"))?;
            let text: String = bytes.into_iter().map(char::from).collect();
            write_text(&mut out, &text);
        }
        Kind::String => write_text(&mut out, &text()?),
        Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => {
            out.extend_from_slice(written.as_bytes())
        }
        Kind::Float | Kind::Double | Kind::Boolean => out.extend_from_slice(written.as_bytes()),
        Kind::Array | Kind::Map | Kind::Struct => {
            return Err(Unfit::Form("a default that is not simple"));
        }
    }
    Ok(out)
}

/// As Jackson writes text to characters: unlike in records, what is beyond U+FFFF stays as it is.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '\u{10000}'.. => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => json::write_char(out, character),
        }
    }
    out.push(b'"');
}

/// The namespace and the name of a struct.
fn split<'a>(schema: &'a Connect<'_>) -> (Option<&'a str>, &'a str) {
    match &schema.name {
        None => (Some(UNNAMED.0), UNNAMED.1),
        Some(full) => match full.rsplit_once('.') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, full),
        },
    }
}

fn full(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        Some(namespace) => format!("{namespace}.{name}"),
        None => name.to_owned(),
    }
}

/// What the specification calls a name.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
    bytes.next().is_some_and(first) && bytes.all(|byte| first(byte) || byte.is_ascii_digit())
}

/// A reference by such a name would be to that type.
fn is_primitive(name: &str) -> bool {
    [
        "null", "boolean", "int", "long", "float", "double", "bytes", "string",
    ]
    .contains(&name)
        || ["record", "enum", "array", "map", "union", "fixed"].contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(schema: &str) -> Result<Compiled, Unfit> {
        compile(&serde_json::from_str(schema).unwrap())
    }

    /// The Avro type of a field of this Connect schema, with its default.
    fn check(field: &str, expected: &str) {
        let field = field.replacen('{', "{\"field\":\"f\",", 1);
        let schema =
            format!(r#"{{"type":"struct","fields":[{field}],"optional":false,"name":"a.b.T"}}"#);
        let text = compiled(&schema).unwrap().text;
        let head = r#"{"type":"record","name":"T","namespace":"a.b","fields":[{"name":"f","type":"#;
        let tail = r#"}],"connect.name":"a.b.T"}"#;
        let found = text
            .strip_prefix(head)
            .and_then(|text| text.strip_suffix(tail));
        assert_eq!(found, Some(expected), "{text}");
    }

    /// Texts as Confluent's converter registers them, by its source.
    #[test]
    fn types_are_those_of_confluents_converter() {
        for (kind, avro) in [
            ("int32", "int"),
            ("int64", "long"),
            ("float", "float"),
            ("double", "double"),
            ("boolean", "boolean"),
            ("string", "string"),
            ("bytes", "bytes"),
        ] {
            check(
                &format!(r#"{{"type":"{kind}","optional":false}}"#),
                &format!("\"{avro}\""),
            );
            let optional = format!(r#"["null","{avro}"],"default":null"#);
            check(
                &format!(r#"{{"type":"{kind}","optional":true}}"#),
                &optional,
            );
        }
        for kind in ["int8", "int16"] {
            let avro = format!(r#"{{"type":"int","connect.type":"{kind}"}}"#);
            check(&format!(r#"{{"type":"{kind}","optional":false}}"#), &avro);
        }
    }

    #[test]
    fn defaults_choose_the_order_of_the_union() {
        check(
            r#"{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"a,b"},"default":"a"}"#,
            r#"[{"type":"string","connect.version":1,"connect.parameters":{"allowed":"a,b"},"connect.default":"a","connect.name":"io.debezium.data.Enum"},"null"],"default":"a""#,
        );
        check(
            r#"{"type":"int16","optional":false,"default":-7}"#,
            r#"{"type":"int","connect.default":-7,"connect.type":"int16"},"default":-7"#,
        );
        check(
            r#"{"type":"bytes","optional":true,"default":"AP8="}"#,
            "[{\"type\":\"bytes\",\"connect.default\":\"\\u0000ÿ\"},\"null\"],\"default\":\"\\u0000ÿ\"",
        );
        check(
            r#"{"type":"string","optional":false,"default":"\uD83D\uDC1F\"\u001B"}"#,
            "{\"type\":\"string\",\"connect.default\":\"🐟\\\"\\u001B\"},\"default\":\"🐟\\\"\\u001B\"",
        );
        check(
            r#"{"type":"double","optional":false,"default":1.0E10}"#,
            r#"{"type":"double","connect.default":1.0E10},"default":1.0E10"#,
        );
    }

    #[test]
    fn logical_types_have_avros_word_too() {
        check(
            r#"{"type":"bytes","optional":true,"name":"org.apache.kafka.connect.data.Decimal","version":1,"parameters":{"scale":"2","connect.decimal.precision":"10"},"default":"AMg="}"#,
            "[{\"type\":\"bytes\",\"scale\":2,\"precision\":10,\"connect.version\":1,\"connect.parameters\":{\"scale\":\"2\",\"connect.decimal.precision\":\"10\"},\"connect.default\":\"\\u0000È\",\"connect.name\":\"org.apache.kafka.connect.data.Decimal\",\"logicalType\":\"decimal\"},\"null\"],\"default\":\"\\u0000È\"",
        );
        for (kind, name, avro, logical) in [
            ("int32", "Date", "int", "date"),
            ("int32", "Time", "int", "time-millis"),
            ("int64", "Timestamp", "long", "timestamp-millis"),
        ] {
            let name = format!("org.apache.kafka.connect.data.{name}");
            check(
                &format!(r#"{{"type":"{kind}","optional":false,"name":"{name}","version":1}}"#),
                &format!(
                    r#"{{"type":"{avro}","connect.version":1,"connect.name":"{name}","logicalType":"{logical}"}}"#
                ),
            );
        }
        check(
            r#"{"type":"int64","optional":false,"name":"io.debezium.time.MicroTime","version":1}"#,
            r#"{"type":"long","connect.version":1,"connect.name":"io.debezium.time.MicroTime"}"#,
        );
    }

    #[test]
    fn collections_hold_their_types() {
        check(
            r#"{"type":"array","items":{"type":"float","optional":false},"optional":true,"name":"io.debezium.data.FloatVector","version":1}"#,
            r#"["null",{"type":"array","items":"float","connect.version":1,"connect.name":"io.debezium.data.FloatVector"}],"default":null"#,
        );
        check(
            r#"{"type":"map","keys":{"type":"string","optional":false},"values":{"type":"int64","optional":true},"optional":false}"#,
            r#"{"type":"map","values":["null","long"]}"#,
        );
    }

    const POINT: &str = r#"{"type":"struct","fields":[{"type":"double","optional":false,"field":"x"}],"optional":OPTIONAL,"name":"io.debezium.data.geometry.Point","version":1,"doc":"Geometry (POINT)","field":"NAME"}"#;

    /// Before and after of an envelope, and two columns of one type: each type is defined where it comes first.
    #[test]
    fn a_name_is_defined_once() {
        let point =
            |name: &str, optional: &str| POINT.replace("NAME", name).replace("OPTIONAL", optional);
        let row = |field: &str| {
            let (p, q) = (point("p", "true"), point("q", "false"));
            format!(
                r#"{{"type":"struct","fields":[{p},{q}],"optional":true,"name":"s.d.t.Value","field":"{field}"}}"#
            )
        };
        let source = r#"{"type":"struct","fields":[],"optional":true,"field":"source"}"#;
        let schema = format!(
            r#"{{"type":"struct","fields":[{},{},{source}],"optional":false,"name":"s.d.t.Envelope","version":2}}"#,
            row("before"),
            row("after")
        );
        let compiled = compiled(&schema).unwrap();
        assert_eq!(compiled.name, "s.d.t.Envelope");
        let expected = r#"{"type":"record","name":"Envelope","namespace":"s.d.t","fields":[
{"name":"before","type":["null",{"type":"record","name":"Value","fields":[
{"name":"p","type":["null",{"type":"record","name":"Point","namespace":"io.debezium.data.geometry","fields":[
{"name":"x","type":"double"}],"connect.doc":"Geometry (POINT)","connect.version":1,"connect.name":"io.debezium.data.geometry.Point"}],"default":null},
{"name":"q","type":"io.debezium.data.geometry.Point"}],"connect.name":"s.d.t.Value"}],"default":null},
{"name":"after","type":["null","Value"],"default":null},
{"name":"source","type":["null",{"type":"record","name":"ConnectDefault","namespace":"io.confluent.connect.avro","fields":[]}],"default":null}],
"connect.version":2,"connect.name":"s.d.t.Envelope"}"#;
        assert_eq!(compiled.text, expected.replace('\n', ""));
    }

    #[test]
    fn what_avro_cannot_take_is_named() {
        let check =
            |schema: String, expected: Unfit| assert_eq!(compiled(&schema).unwrap_err(), expected);
        let of = |name: &str, fields: &str| {
            format!(r#"{{"type":"struct","fields":[{fields}],"optional":false,"name":"{name}"}}"#)
        };
        let field = |name: &str| format!(r#"{{"type":"int32","optional":false,"field":"{name}"}}"#);
        check(
            of("my-shop.d.t.Key", ""),
            Unfit::SchemaName("my-shop.d.t.Key".to_owned()),
        );
        check(of("s..t.Key", ""), Unfit::SchemaName("s..t.Key".to_owned()));
        assert!(compiled(&of("s.1d.2.Key", "")).is_ok());
        check(
            of("s.t.Key", &field("first-name")),
            Unfit::FieldName("first-name".to_owned()),
        );
        let twice = format!("{},{}", field("a"), field("a"));
        check(of("s.t.Key", &twice), Unfit::SameField("a".to_owned()));
        let inner = |fields: &str, name: &str| {
            of("x.Y", fields).replace("\"name\"", &format!("\"field\":\"{name}\",\"name\""))
        };
        let both = format!("{},{}", inner(&field("a"), "p"), inner(&field("b"), "q"));
        check(of("s.t.Key", &both), Unfit::SameSchema("x.Y".to_owned()));
    }
}
