//! Kafka Connect's schemas of a table's records, as its `JsonConverter` writes them beside each payload.
//!
//! Takes a table's shape, plan and modes; gives the bytes ahead of the payload of its keys and of its values,
//! made once for each version of the table. The schemas are those of Debezium 3.6 (`TableSchemaBuilder`,
//! `Envelope`, `MySqlSourceInfoStructMaker`) or 1.9; the order of members is `JsonConverter.asJsonSchema`'s.

use crate::config::modes::{BinaryMode, Envelope, EnvelopeVersion, Modes, TimePrecision};
use crate::schema::columns::ColumnRules;
use crate::schema::default_json::write_default;
use crate::schema::mask::Masked;
use crate::schema::names;
use crate::schema::plan::{Cell, Packed, Plan, Unit};
use crate::schema::table_map::{ColumnShape, Shape};
use crate::sql::print::SourceType;
use crate::text::charset::Charset;
use crate::text::json;

/// `io.debezium.data.Enum` of `source.snapshot`, with its default.
const SNAPSHOT: &str = r#"{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"true,first,first_in_data_collection,last_in_data_collection,last,false,incremental"},"default":"false","field":"snapshot"}"#;
/// The same in 1.9.
const SNAPSHOT_1_9: &str = r#"{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"true,last,false,incremental"},"default":"false","field":"snapshot"}"#;

/// Members of the source block: name, type, optional. `snapshot` has a schema of its own.
const SOURCE: [(&str, &str, bool); 17] = [
    ("version", "string", false),
    ("connector", "string", false),
    ("name", "string", false),
    ("ts_ms", "int64", false),
    ("snapshot", "", true),
    ("db", "string", false),
    ("sequence", "string", true),
    ("ts_us", "int64", true),
    ("ts_ns", "int64", true),
    ("table", "string", true),
    ("server_id", "int64", false),
    ("gtid", "string", true),
    ("file", "string", false),
    ("pos", "int64", false),
    ("row", "int32", false),
    ("thread", "int64", true),
    ("query", "string", true),
];

/// Members of the transaction block.
const TRANSACTION: [(&str, &str, bool); 3] = [
    ("id", "string", false),
    ("total_order", "int64", false),
    ("data_collection_order", "int64", false),
];

/// `{"schema":…,"payload":` of a table's records; a `}` ends each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Openings {
    /// Of its keys.
    pub key: Vec<u8>,
    /// Of its values.
    pub value: Vec<u8>,
}

/// Makes the openings of a table's records.
pub fn openings(
    shape: &Shape,
    plan: &Plan,
    modes: &Modes,
    rules: &ColumnRules,
    envelope: Envelope,
) -> Openings {
    let field = |index: usize, told: &Told<'_>| {
        let (shape, column) = (shape.columns.get(index)?, plan.columns.get(index)?);
        let mut semantic = semantic(shape, &column.cell, modes)?;
        let masked = told.masks.get(index).and_then(Option::as_ref);
        // A column of another type than text has it too, although its values stay.
        semantic
            .parameters
            .extend(masked.and_then(Masked::parameter));
        if let Some(Some(source)) = told.source_types.get(index) {
            semantic.tell_source(source, &shape.name);
        }
        let name = names::field(&shape.name, modes.names.fields);
        Some(semantic.field(shape, &column.cell, &name))
    };
    let named = |part: &str| {
        let name = format!("{}.{part}", plan.topic);
        names::schema(&name, modes.names.schemas).into_owned()
    };
    let nothing = Told::default();
    let key = plan.key.iter();
    let key = key.filter_map(|part| field(part.column, &nothing));
    let key = structure(key, &named("Key"));
    let shown = (0..plan.columns.len()).filter(|index| {
        let column = plan.columns.get(*index);
        column.is_some_and(|column| !column.member.is_empty())
    });
    let told = Told {
        masks: rules.masks(shape),
        source_types: rules.source_types(shape),
    };
    let row: Vec<Vec<u8>> = shown.filter_map(|index| field(index, &told)).collect();
    Openings {
        key: opening(&key),
        value: opening(&value(&row, &named, envelope)),
    }
}

/// What the schemas of columns tell beside what their values are.
#[derive(Default)]
struct Told<'a> {
    masks: Vec<Option<Masked>>,
    source_types: Vec<Option<&'a SourceType>>,
}

fn opening(schema: &[u8]) -> Vec<u8> {
    [b"{\"schema\":", schema, b",\"payload\":"].concat()
}

/// A required struct with a name.
fn structure(fields: impl Iterator<Item = Vec<u8>>, name: &str) -> Vec<u8> {
    let mut out = fields_of(fields);
    out.extend_from_slice(b",\"optional\":false,\"name\":");
    json::write_string(&mut out, name);
    out.push(b'}');
    out
}

/// `{"type":"struct","fields":[…]`.
fn fields_of(fields: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut out = b"{\"type\":\"struct\",\"fields\":[".to_vec();
    for (number, field) in fields.enumerate() {
        if number > 0 {
            out.push(b',');
        }
        out.extend_from_slice(&field);
    }
    out.push(b']');
    out
}

fn value(row: &[Vec<u8>], named: &dyn Fn(&str) -> String, envelope: Envelope) -> Vec<u8> {
    let image = |field: &str| {
        let mut out = fields_of(row.iter().cloned());
        out.extend_from_slice(b",\"optional\":true,\"name\":");
        json::write_string(&mut out, &named("Value"));
        out.extend_from_slice(format!(",\"field\":\"{field}\"}}").as_bytes());
        out
    };
    let old = envelope.version == EnvelopeVersion::V1_9;
    let mut fields = vec![image("before"), image("after"), source(old)];
    let transaction = transaction(old);
    let plain = |(name, kind, optional)| plain_field(name, kind, optional);
    if old {
        fields.extend([("op", "string", false), ("ts_ms", "int64", true)].map(plain));
        fields.push(transaction);
    } else {
        fields.push(transaction);
        let clocks = ["ts_ms", "ts_us", "ts_ns"].map(|name| (name, "int64", true));
        fields.push(plain(("op", "string", false)));
        fields.extend(clocks.map(plain));
    }
    let mut out = structure(fields.into_iter(), &named("Envelope"));
    if !old {
        out.pop();
        out.extend_from_slice(b",\"version\":2}");
    }
    out
}

fn source(old: bool) -> Vec<u8> {
    let members = SOURCE
        .iter()
        .filter(|(name, _, _)| !(old && matches!(*name, "ts_us" | "ts_ns")));
    let fields = members.map(|(name, kind, optional)| match (*name, old) {
        ("snapshot", true) => SNAPSHOT_1_9.as_bytes().to_vec(),
        ("snapshot", false) => SNAPSHOT.as_bytes().to_vec(),
        _ => plain_field(name, kind, *optional),
    });
    let mut out = fields_of(fields);
    out.extend_from_slice(b",\"optional\":false,\"name\":\"io.debezium.connector.mysql.Source\"");
    if !old {
        out.extend_from_slice(b",\"version\":1");
    }
    out.extend_from_slice(b",\"field\":\"source\"}");
    out
}

fn transaction(old: bool) -> Vec<u8> {
    let fields = TRANSACTION.iter();
    let mut out =
        fields_of(fields.map(|(name, kind, optional)| plain_field(name, kind, *optional)));
    out.extend_from_slice(b",\"optional\":true");
    if !old {
        out.extend_from_slice(b",\"name\":\"event.block\",\"version\":1");
    }
    out.extend_from_slice(b",\"field\":\"transaction\"}");
    out
}

fn plain_field(name: &str, kind: &str, optional: bool) -> Vec<u8> {
    format!(r#"{{"type":"{kind}","optional":{optional},"field":"{name}"}}"#).into_bytes()
}

/// What a column's values mean to Connect, beside whether they may be null.
#[derive(Debug, Default)]
struct Semantic {
    /// `"type":…`, with what belongs to the type.
    kind: &'static str,
    /// Name of a logical type, whose version is 1; empty for none.
    name: &'static str,
    doc: &'static str,
    parameters: Vec<(&'static str, String)>,
}

const GEOMETRY: &str = r#""type":"struct","fields":[{"type":"bytes","optional":false,"field":"wkb"},{"type":"int32","optional":true,"field":"srid"}]"#;
const POINT: &str = r#""type":"struct","fields":[{"type":"double","optional":false,"field":"x"},{"type":"double","optional":false,"field":"y"},{"type":"bytes","optional":true,"field":"wkb"},{"type":"int32","optional":true,"field":"srid"}]"#;
const FLOATS: &str = r#""type":"array","items":{"type":"float","optional":false}"#;

const INT16: &str = r#""type":"int16""#;
const INT32: &str = r#""type":"int32""#;
const INT64: &str = r#""type":"int64""#;
const FLOAT: &str = r#""type":"float""#;
const DOUBLE: &str = r#""type":"double""#;
const BOOLEAN: &str = r#""type":"boolean""#;
const STRING: &str = r#""type":"string""#;
const BYTES: &str = r#""type":"bytes""#;

impl Semantic {
    fn plain(kind: &'static str) -> Semantic {
        Semantic {
            kind,
            ..Semantic::default()
        }
    }

    fn named(kind: &'static str, name: &'static str) -> Semantic {
        Semantic {
            kind,
            name,
            ..Semantic::default()
        }
    }

    fn decimal(precision: u8, scale: u8) -> Semantic {
        Semantic {
            parameters: vec![
                ("scale", scale.to_string()),
                ("connect.decimal.precision", precision.to_string()),
            ],
            ..Semantic::named(BYTES, "org.apache.kafka.connect.data.Decimal")
        }
    }

    /// Adds the parameters that name the column and its type (`PropagateSourceMetadataToSchemaParameter`).
    fn tell_source(&mut self, source: &SourceType, name: &str) {
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let parameters = [
            ("__debezium.source.column.type", Some(source.name.clone())),
            ("__debezium.source.column.length", number(source.length)),
            ("__debezium.source.column.scale", number(source.scale)),
            ("__debezium.source.column.name", Some(name.to_owned())),
        ];
        let told = parameters.into_iter();
        self.parameters
            .extend(told.filter_map(|(name, value)| Some((name, value?))));
    }

    /// The whole schema of a column, which records call `name`.
    fn field(&self, column: &ColumnShape, cell: &Cell, name: &str) -> Vec<u8> {
        let mut out = vec![b'{'];
        out.extend_from_slice(self.kind.as_bytes());
        // A geometry may be null whatever its column says.
        let geometry = matches!(cell, Cell::Geometry { point: false, .. });
        let optional = column.nullable || geometry;
        out.extend_from_slice(format!(",\"optional\":{optional}").as_bytes());
        if !self.name.is_empty() {
            out.extend_from_slice(format!(",\"name\":\"{}\",\"version\":1", self.name).as_bytes());
        }
        if !self.doc.is_empty() {
            out.extend_from_slice(format!(",\"doc\":\"{}\"", self.doc).as_bytes());
        }
        let mut separator: &[u8] = b",\"parameters\":{";
        for (name, value) in &self.parameters {
            out.extend_from_slice(separator);
            json::write_string(&mut out, name);
            out.push(b':');
            json::write_string(&mut out, value);
            separator = b",";
        }
        if !self.parameters.is_empty() {
            out.push(b'}');
        }
        let mut default = Vec::new();
        if write_default(&mut default, column, cell) {
            out.extend_from_slice(b",\"default\":");
            out.extend_from_slice(&default);
        }
        out.extend_from_slice(b",\"field\":");
        json::write_string(&mut out, name);
        out.push(b'}');
        out
    }
}

/// `None` for a column that is in no record.
fn semantic(column: &ColumnShape, cell: &Cell, modes: &Modes) -> Option<Semantic> {
    let bytes = match modes.binary {
        BinaryMode::Bytes => BYTES,
        BinaryMode::Base64 | BinaryMode::Base64UrlSafe | BinaryMode::Hex => STRING,
    };
    let connect = modes.time_precision == TimePrecision::Connect;
    Some(match cell {
        Cell::Tiny { .. } | Cell::Short { unsigned: false } => Semantic::plain(INT16),
        Cell::Short { unsigned: true } | Cell::Medium { .. } | Cell::Long { unsigned: false } => {
            Semantic::plain(INT32)
        }
        Cell::Long { unsigned: true } | Cell::LongLong => Semantic::plain(INT64),
        Cell::LongLongPrecise => Semantic::decimal(20, 0),
        Cell::Float => Semantic::plain(FLOAT),
        Cell::FloatAsDouble | Cell::Double | Cell::DecimalDouble(_) => Semantic::plain(DOUBLE),
        Cell::Decimal(Packed {
            precision, scale, ..
        }) => Semantic::decimal(*precision, *scale),
        Cell::DecimalText(_) | Cell::Text { .. } => Semantic::plain(STRING),
        Cell::Bit { bits: 1 } => Semantic::plain(BOOLEAN),
        Cell::Bit { bits } => Semantic {
            parameters: vec![("length", bits.to_string())],
            ..Semantic::named(BYTES, "io.debezium.data.Bits")
        },
        Cell::Year => Semantic::named(INT32, "io.debezium.time.Year"),
        Cell::Date if connect => Semantic::named(INT32, "org.apache.kafka.connect.data.Date"),
        Cell::Date => Semantic::named(INT32, "io.debezium.time.Date"),
        Cell::DateText => Semantic::named(STRING, "io.debezium.time.IsoDate"),
        Cell::Time { unit, .. } | Cell::OldTime { unit } => match unit {
            Unit::Milliseconds => Semantic::named(INT32, "org.apache.kafka.connect.data.Time"),
            Unit::Microseconds => Semantic::named(INT64, "io.debezium.time.MicroTime"),
            Unit::Nanoseconds => Semantic::named(INT64, "io.debezium.time.NanoTime"),
            Unit::Iso => Semantic::named(STRING, "io.debezium.time.IsoTime"),
        },
        Cell::DateTime { unit, .. } | Cell::OldDateTime { unit } => match unit {
            Unit::Milliseconds if connect => {
                Semantic::named(INT64, "org.apache.kafka.connect.data.Timestamp")
            }
            Unit::Milliseconds => Semantic::named(INT64, "io.debezium.time.Timestamp"),
            Unit::Microseconds => Semantic::named(INT64, "io.debezium.time.MicroTimestamp"),
            Unit::Nanoseconds => Semantic::named(INT64, "io.debezium.time.NanoTimestamp"),
            Unit::Iso => Semantic::named(STRING, "io.debezium.time.IsoTimestamp"),
        },
        Cell::Timestamp { .. } | Cell::OldTimestamp => {
            Semantic::named(STRING, "io.debezium.time.ZonedTimestamp")
        }
        Cell::FixedBytes { .. } | Cell::Bytes { .. } => Semantic::plain(bytes),
        Cell::Enum { .. } => Semantic {
            parameters: vec![("allowed", allowed(column))],
            ..Semantic::named(STRING, "io.debezium.data.Enum")
        },
        Cell::Set { .. } => Semantic {
            parameters: vec![("allowed", allowed(column))],
            ..Semantic::named(STRING, "io.debezium.data.EnumSet")
        },
        Cell::Json { .. } => Semantic::named(STRING, "io.debezium.data.Json"),
        Cell::Geometry { point: false, .. } => Semantic {
            doc: "Geometry",
            ..Semantic::named(GEOMETRY, "io.debezium.data.geometry.Geometry")
        },
        Cell::Geometry { point: true, .. } => Semantic {
            doc: "Geometry (POINT)",
            ..Semantic::named(POINT, "io.debezium.data.geometry.Point")
        },
        Cell::Vector { .. } => Semantic::named(FLOATS, "io.debezium.data.FloatVector"),
        Cell::Masked(text) => return semantic(column, &text.column.cell, modes),
        Cell::Hidden(_) => return None,
    })
}

/// The labels of an ENUM or SET, a comma between them; a comma or backslash in one has a backslash ahead of it.
fn allowed(column: &ColumnShape) -> String {
    let label = |bytes: &Vec<u8>| {
        // The plan has decoded them before.
        let charset = Charset::of_collation(column.collation)?;
        let text = charset.decode(bytes).ok()?;
        Some(text.replace('\\', "\\\\").replace(',', "\\,"))
    };
    let labels: Vec<String> = column.labels.iter().filter_map(label).collect();
    labels.join(",")
}
