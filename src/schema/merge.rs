//! A TABLE_MAP and the table's definition, put together.
//!
//! Takes the shape that an event has and the definition that is valid there; completes the shape by what
//! the event lacks, after a check that the two describe the same table. With full row metadata that is
//! what was declared and is not logged; with MINIMAL it is also names, labels and the key. Pure.

use crate::schema::declared::Declared;
use crate::schema::table_map::{ColumnShape, Shape, code};
use crate::sql::definition::{
    Column, ColumnType, Definition, IntegerSize, LobSize, Shape as Geometry, same,
};
use crate::text::charset::Charset;

/// Where an event and a definition differ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another number of columns.
    #[error("the event has {event} columns and the definition {definition}")]
    Columns {
        /// In the TABLE_MAP.
        event: usize,
        /// In the definition.
        definition: usize,
    },
    /// Another column at that place.
    #[error(
        "column {number} has another {what} in the event than `{column}` has in the definition"
    )]
    Column {
        /// From 1.
        number: usize,
        /// Its name in the definition.
        column: String,
        /// Name, type, signedness and so on.
        what: &'static str,
    },
}

/// utf8mb4_0900_ai_ci: labels that come from a definition are in UTF-8.
const UTF8MB4: u16 = 255;

/// The collation of bytes.
const BINARY: u16 = 63;

/// Completes a shape.
///
/// # Errors
/// [`Mismatch`]; the shape is then as it was.
pub fn complete(shape: &mut Shape, definition: &Definition) -> Result<(), Mismatch> {
    // Columns that a functional index adds are logged by no server that runs today; old ones named them.
    let hidden = |column: &&ColumnShape| column.name.starts_with("!hidden!");
    let visible = shape.columns.iter().filter(|c| !hidden(c)).count();
    if visible != definition.columns.len() {
        return Err(Mismatch::Columns {
            event: visible,
            definition: definition.columns.len(),
        });
    }
    let full = shape.full;
    let pairs = || shape.columns.iter().filter(|c| !hidden(c));
    for (index, (event, declared)) in pairs().zip(&definition.columns).enumerate() {
        if let Some(what) = difference(event, declared, full) {
            let (number, column) = (index + 1, declared.name.clone());
            return Err(Mismatch::Column {
                number,
                column,
                what,
            });
        }
    }
    let columns = shape
        .columns
        .iter_mut()
        .filter(|c| !c.name.starts_with("!hidden!"));
    for (event, declared) in columns.zip(&definition.columns) {
        fill(event, declared, full);
    }
    if !full {
        shape.primary_key = positions(shape, definition.primary_key.iter().map(|part| &*part.name));
        shape.full = true;
    }
    if shape.primary_key.is_empty()
        && let Some(columns) = unique_key(definition)
    {
        shape.primary_key = positions(shape, columns.into_iter());
    }
    Ok(())
}

/// The shape that a definition's rows have, as full row metadata would describe it; characters of text
/// count as UTF-8, whatever their character set.
pub fn shape_of(definition: &Definition) -> Shape {
    let columns = definition.columns.iter().map(|declared| {
        let mut column = logged(declared);
        column.nullable = declared.nullable;
        column.unsigned = declared.unsigned;
        fill(&mut column, declared, false);
        column
    });
    let mut shape = Shape {
        database: definition.name.database.clone(),
        table: definition.name.table.clone(),
        columns: columns.collect(),
        primary_key: Vec::new(),
        full: true,
    };
    shape.primary_key = positions(
        &shape,
        definition.primary_key.iter().map(|part| &*part.name),
    );
    if shape.primary_key.is_empty()
        && let Some(columns) = unique_key(definition)
    {
        shape.primary_key = positions(&shape, columns.into_iter());
    }
    shape
}

/// A declared type as it is logged: the counterpart of [`fits`].
fn logged(declared: &Column) -> ColumnShape {
    let long = |length: u32| u16::try_from(length).unwrap_or(u16::MAX).to_le_bytes();
    let (code, meta, collation) = match &declared.kind {
        ColumnType::Integer { size, .. } => (integer(*size), [0, 0], 0),
        ColumnType::Decimal { precision, scale } => (code::NEWDECIMAL, [*precision, *scale], 0),
        ColumnType::Float { .. } => (code::FLOAT, [4, 0], 0),
        ColumnType::Double { .. } => (code::DOUBLE, [8, 0], 0),
        ColumnType::Bit(bits) => (code::BIT, [bits % 8, bits / 8], 0),
        ColumnType::Year => (code::YEAR, [0, 0], 0),
        ColumnType::Date => (code::DATE, [0, 0], 0),
        ColumnType::Time(digits) => (code::TIME2, [*digits, 0], 0),
        ColumnType::DateTime(digits) => (code::DATETIME2, [*digits, 0], 0),
        ColumnType::Timestamp(digits) => (code::TIMESTAMP2, [*digits, 0], 0),
        ColumnType::Char(characters) => (code::STRING, long(characters.saturating_mul(4)), UTF8MB4),
        ColumnType::VarChar(characters) => {
            (code::VARCHAR, long(characters.saturating_mul(4)), UTF8MB4)
        }
        ColumnType::Binary(bytes) => (code::STRING, long(*bytes), BINARY),
        ColumnType::VarBinary(bytes) => (code::VARCHAR, long(*bytes), BINARY),
        ColumnType::Text(size) => (code::BLOB, [lob_bytes(*size), 0], UTF8MB4),
        ColumnType::Blob(size) => (code::BLOB, [lob_bytes(*size), 0], BINARY),
        ColumnType::Enum(names) => {
            let bytes = if names.len() < 256 { 1 } else { 2 };
            (code::ENUM, [bytes, 0], UTF8MB4)
        }
        ColumnType::Set(names) => {
            let bytes = u8::try_from(set_bytes(names.len())).unwrap_or(8);
            (code::SET, [bytes, 0], UTF8MB4)
        }
        ColumnType::Json => (code::JSON, [4, 0], 0),
        ColumnType::Geometry { .. } => (code::GEOMETRY, [4, 0], 0),
        ColumnType::Vector(_) => (code::VECTOR, [4, 0], 0),
    };
    let mut of_geometry = 0;
    if let ColumnType::Geometry { shape, .. } = &declared.kind {
        of_geometry = geometry(*shape);
    }
    ColumnShape {
        code,
        meta,
        collation,
        geometry: of_geometry,
        ..ColumnShape::default()
    }
}

fn integer(size: IntegerSize) -> u8 {
    match size {
        IntegerSize::Tiny => code::TINY,
        IntegerSize::Small => code::SHORT,
        IntegerSize::Medium => code::INT24,
        IntegerSize::Int => code::LONG,
        IntegerSize::Big => code::LONGLONG,
    }
}

/// The columns that identify a row where there is no primary key: the first unique key that allows no
/// NULL and has whole columns only.
fn unique_key(definition: &Definition) -> Option<Vec<&str>> {
    let required = |name: &str| definition.column(name).is_some_and(|c| !c.nullable);
    let mut plain = definition
        .unique_keys()
        .filter_map(|key| key.plain_columns());
    plain.find(|columns| columns.iter().all(|name| required(name)))
}

fn positions<'a>(shape: &Shape, names: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let place = |name: &str| shape.columns.iter().position(|c| same(&c.name, name));
    names.filter_map(place).collect()
}

fn fill(event: &mut ColumnShape, declared: &Column, full: bool) {
    let digits = matches!(declared.kind, ColumnType::Float { digits: Some(_) });
    event.declared = Declared {
        float_digits: digits,
        default: declared.default.clone(),
        source_type: Some(declared.source_type()),
    };
    if full {
        return;
    }
    event.name.clone_from(&declared.name);
    if let ColumnType::Enum(labels) | ColumnType::Set(labels) = &declared.kind {
        event.labels = labels.iter().map(|l| l.clone().into_bytes()).collect();
        event.collation = UTF8MB4;
    }
}

/// What differs between an event's column and a declared one, as far as the event tells.
fn difference(event: &ColumnShape, declared: &Column, full: bool) -> Option<&'static str> {
    // The case of a name can be changed without a trace in anything else.
    if full && !same(&event.name, &declared.name) {
        return Some("name");
    }
    if event.nullable != declared.nullable {
        return Some("nullability");
    }
    // SHOW CREATE TABLE has `?` for every character beyond U+FFFF in a label; in the event each is itself.
    if !full
        && let ColumnType::Enum(labels) | ColumnType::Set(labels) = &declared.kind
        && labels.iter().any(|label| label.contains('?'))
    {
        return Some("label, perhaps: one has a `?`, which may stand for another character,");
    }
    if !fits(event, declared, full) {
        return Some("type");
    }
    let numeric = matches!(
        declared.kind,
        ColumnType::Integer { .. }
            | ColumnType::Decimal { .. }
            | ColumnType::Float { .. }
            | ColumnType::Double { .. }
    );
    if numeric && event.unsigned != declared.unsigned {
        return Some("signedness");
    }
    let text = matches!(
        declared.kind,
        ColumnType::Char(_) | ColumnType::VarChar(_) | ColumnType::Text(_)
    );
    if text && let Some(collation) = &declared.collation {
        let charset = Charset::of_collation(event.collation).map(Charset::name);
        if charset != Some(collation.charset()) {
            return Some("character set");
        }
    }
    None
}

/// Whether a declared type is logged as the event has it.
fn fits(event: &ColumnShape, declared: &Column, full: bool) -> bool {
    let [first, second] = event.meta;
    let length = u32::from(u16::from_le_bytes(event.meta));
    let is = |code: u8| event.code == code;
    let char_bytes = declared
        .collation
        .as_ref()
        .map_or(1, |c| c.char_bytes_max());
    let labels = |labels: &[String]| !full || event.labels.len() == labels.len();
    match &declared.kind {
        ColumnType::Integer { size, .. } => is(integer(*size)),
        ColumnType::Decimal { precision, scale } => {
            is(code::NEWDECIMAL) && (first, second) == (*precision, *scale)
        }
        ColumnType::Float { .. } => is(code::FLOAT),
        ColumnType::Double { .. } => is(code::DOUBLE),
        ColumnType::Bit(bits) => {
            is(code::BIT) && u16::from(second) * 8 + u16::from(first) == u16::from(*bits)
        }
        ColumnType::Year => is(code::YEAR),
        ColumnType::Date => is(code::DATE) || is(code::NEWDATE),
        ColumnType::Time(digits) => is(code::TIME) || (is(code::TIME2) && first == *digits),
        ColumnType::DateTime(digits) => {
            is(code::DATETIME) || (is(code::DATETIME2) && first == *digits)
        }
        ColumnType::Timestamp(digits) => {
            is(code::TIMESTAMP) || (is(code::TIMESTAMP2) && first == *digits)
        }
        ColumnType::Char(characters) => is(code::STRING) && length == characters * char_bytes,
        ColumnType::Binary(bytes) => is(code::STRING) && length == *bytes,
        ColumnType::VarChar(characters) => is(code::VARCHAR) && length == characters * char_bytes,
        ColumnType::VarBinary(bytes) => is(code::VARCHAR) && length == *bytes,
        ColumnType::Text(size) | ColumnType::Blob(size) => {
            is(code::BLOB) && first == lob_bytes(*size)
        }
        ColumnType::Enum(names) => {
            is(code::ENUM) && first == if names.len() < 256 { 1 } else { 2 } && labels(names)
        }
        ColumnType::Set(names) => {
            is(code::SET) && usize::from(first) == set_bytes(names.len()) && labels(names)
        }
        ColumnType::Json => is(code::JSON),
        ColumnType::Geometry { shape, .. } => {
            is(code::GEOMETRY) && (event.geometry == 0 || event.geometry == geometry(*shape))
        }
        ColumnType::Vector(_) => is(code::VECTOR),
    }
}

fn lob_bytes(size: LobSize) -> u8 {
    match size {
        LobSize::Tiny => 1,
        LobSize::Normal => 2,
        LobSize::Medium => 3,
        LobSize::Long => 4,
    }
}

/// 1, 2, 3, 4 or 8.
fn set_bytes(labels: usize) -> usize {
    match labels.div_ceil(8) {
        bytes @ 0..=4 => bytes.max(1),
        _ => 8,
    }
}

/// `Field::geometry_type`.
fn geometry(shape: Geometry) -> u8 {
    match shape {
        Geometry::Any => 0,
        Geometry::Point => 1,
        Geometry::LineString => 2,
        Geometry::Polygon => 3,
        Geometry::MultiPoint => 4,
        Geometry::MultiLineString => 5,
        Geometry::MultiPolygon => 6,
        Geometry::Collection => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::definitions::{Definitions, Known, Session};
    use crate::sql::definition::Name;

    fn definition(columns: &str) -> Definition {
        let session = Session {
            database: "d".to_owned(),
            utf8mb4_collation: "utf8mb4_0900_ai_ci".to_owned(),
            ..Session::default()
        };
        let mut definitions = Definitions::new(false);
        let sql = format!("CREATE TABLE t ({columns}) CHARACTER SET utf8mb4");
        let statement = definitions.parse(&sql, &session);
        definitions.apply(&statement, &session);
        let name = Name {
            database: "d".to_owned(),
            table: "t".to_owned(),
        };
        match definitions.get(&name) {
            Some(Known::Exact(definition)) => (**definition).clone(),
            other => panic!("{other:?}"),
        }
    }

    fn column(code: u8, meta: [u8; 2]) -> ColumnShape {
        ColumnShape {
            code,
            meta,
            ..ColumnShape::default()
        }
    }

    /// `id INT NOT NULL, name VARCHAR(10), size ENUM('s','l')` as MINIMAL metadata has it.
    fn minimal() -> Shape {
        let mut name = column(code::VARCHAR, [40, 0]);
        (name.nullable, name.collation) = (true, 255);
        let mut size = column(code::ENUM, [1, 0]);
        size.nullable = true;
        Shape {
            columns: vec![column(code::LONG, [0, 0]), name, size],
            ..Shape::default()
        }
    }

    const SAME: &str = "id INT PRIMARY KEY, name VARCHAR(10), size ENUM('s','l')";

    #[test]
    fn minimal_metadata_gets_names_labels_and_key() {
        let mut shape = minimal();
        complete(&mut shape, &definition(SAME)).unwrap();
        let names: Vec<&str> = shape.columns.iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names, ["id", "name", "size"]);
        assert_eq!(shape.columns[2].labels, [b"s", b"l"]);
        assert_eq!(shape.primary_key, [0]);
        assert!(shape.full);
    }

    #[test]
    fn the_first_required_unique_key_stands_for_a_primary_key() {
        for (keys, expected) in [
            ("UNIQUE (name), UNIQUE (id)", vec![0]),
            ("UNIQUE (name)", vec![]),
            ("KEY (id)", vec![]),
        ] {
            let mut shape = minimal();
            let columns = "id INT NOT NULL, name VARCHAR(10), size ENUM('s','l')";
            complete(&mut shape, &definition(&format!("{columns}, {keys}"))).unwrap();
            assert_eq!(shape.primary_key, expected, "{keys}");
        }
    }

    #[test]
    fn another_table_is_noticed() {
        for columns in [
            "id INT PRIMARY KEY, name VARCHAR(10)",
            "id BIGINT PRIMARY KEY, name VARCHAR(10), size ENUM('s','l')",
            "id INT UNSIGNED PRIMARY KEY, name VARCHAR(10), size ENUM('s','l')",
            "id INT PRIMARY KEY, name VARCHAR(10) NOT NULL, size ENUM('s','l')",
            "id INT PRIMARY KEY, name VARCHAR(11), size ENUM('s','l')",
            "id INT PRIMARY KEY, name VARCHAR(10) CHARACTER SET latin1, size ENUM('s','l')",
            "id INT PRIMARY KEY, name VARCHAR(10), size SET('s','l')",
            "id INT PRIMARY KEY, name VARCHAR(10), size ENUM('s','?')",
        ] {
            let mut shape = minimal();
            let result = complete(&mut shape, &definition(columns));
            assert!(result.is_err(), "{columns}");
            assert_eq!(shape, minimal());
        }
    }

    #[test]
    fn names_of_the_event_are_compared_and_kept() {
        let mut full = minimal();
        complete(&mut full, &definition(SAME)).unwrap();
        let mut renamed = full.clone();
        renamed.columns[1].name = "title".to_owned();
        let error = complete(&mut renamed.clone(), &definition(SAME)).unwrap_err();
        assert!(error.to_string().contains("name"), "{error}");
        full.columns[1].name = "NAME".to_owned();
        complete(&mut full, &definition(SAME)).unwrap();
        assert_eq!(full.columns[1].name, "NAME");
    }
}
