//! Tables as they are after each statement: columns, keys and rows, and what a row looks like in a record.
//!
//! A column has a number for life, whatever it is called and wherever it stands, and its values carry that number:
//! a value that comes under another column's name is not what the model expects.

use std::collections::BTreeMap;

use base64::Engine;
use serde_json::{Value, json};

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    /// Integers, dates as days since 1970, decimals as hundredths.
    Number(i64),
    /// The members of a set in the order of their texts.
    Text(String),
}

/// A column's type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The one that tells rows apart; every table has one.
    Id,
    Int,
    Unsigned,
    Big,
    Decimal,
    Date,
    Varchar(u32),
    Text,
    Enum(Vec<String>),
    Set(Vec<String>),
    Json,
}

impl Kind {
    pub(crate) fn declared(&self) -> String {
        let list = |labels: &[String]| {
            let quoted: Vec<String> = labels.iter().map(|label| quoted(label)).collect();
            quoted.join(",")
        };
        match self {
            Kind::Id | Kind::Int => "INT".to_owned(),
            Kind::Unsigned => "INT UNSIGNED".to_owned(),
            Kind::Big => "BIGINT".to_owned(),
            Kind::Decimal => "DECIMAL(14,2)".to_owned(),
            Kind::Date => "DATE".to_owned(),
            Kind::Varchar(length) => format!("VARCHAR({length})"),
            Kind::Text => "TEXT".to_owned(),
            Kind::Enum(labels) => format!("ENUM({})", list(labels)),
            Kind::Set(labels) => format!("SET ({})", list(labels)),
            Kind::Json => "JSON".to_owned(),
        }
    }

    /// Whether it has a character set.
    pub(crate) fn is_text(&self) -> bool {
        match self {
            Kind::Varchar(_) | Kind::Text | Kind::Enum(_) | Kind::Set(_) => true,
            Kind::Id
            | Kind::Int
            | Kind::Unsigned
            | Kind::Big
            | Kind::Decimal
            | Kind::Date
            | Kind::Json => false,
        }
    }

    /// Whether a key can have it as a whole.
    pub(crate) fn fits_key(&self) -> bool {
        match self {
            Kind::Id | Kind::Int | Kind::Unsigned | Kind::Big | Kind::Varchar(_) => true,
            Kind::Decimal | Kind::Date | Kind::Text | Kind::Enum(_) | Kind::Set(_) | Kind::Json => {
                false
            }
        }
    }

    /// What a row gets that was there before a column that must not be null and has no default; `None` where that
    /// is an error.
    pub(crate) fn implicit(&self) -> Option<Cell> {
        match self {
            Kind::Int | Kind::Unsigned | Kind::Big | Kind::Decimal => Some(Cell::Number(0)),
            Kind::Varchar(_) | Kind::Text | Kind::Set(_) => Some(Cell::Text(String::new())),
            Kind::Enum(labels) => Some(Cell::Text(labels[0].clone())),
            Kind::Id | Kind::Date | Kind::Json => None,
        }
    }

    pub(crate) fn sql(&self, cell: &Cell) -> String {
        match (self, cell) {
            (_, Cell::Null) => "NULL".to_owned(),
            (Kind::Decimal, Cell::Number(n)) => format!("{}.{:02}", n / 100, n % 100),
            (Kind::Date, Cell::Number(n)) => format!("DATE '1970-01-01' + INTERVAL {n} DAY"),
            (_, Cell::Number(n)) => n.to_string(),
            (_, Cell::Text(text)) => quoted(text),
        }
    }

    /// As it stands in a record.
    pub(crate) fn json(&self, cell: &Cell) -> Value {
        match (self, cell) {
            (_, Cell::Null) => Value::Null,
            (Kind::Decimal, Cell::Number(n)) => {
                let bytes = n.to_be_bytes();
                // As few bytes as hold the sign too.
                let fits = |skip: &usize| i64_of(&bytes[*skip..]) == *n;
                let skip = (0..8).rev().find(fits).unwrap();
                json!(base64::engine::general_purpose::STANDARD.encode(&bytes[skip..]))
            }
            (_, Cell::Number(n)) => json!(n),
            // Its members come in the order of the list, whatever that was when they were written.
            (Kind::Set(labels), Cell::Text(text)) => {
                let chosen: Vec<&str> = text.split(',').collect();
                let here = |label: &&String| chosen.contains(&label.as_str());
                let members: Vec<&str> = labels.iter().filter(here).map(String::as_str).collect();
                json!(members.join(","))
            }
            (_, Cell::Text(text)) => json!(text),
        }
    }

    /// What makes MySQL say the column's value as a [`Cell`].
    pub(crate) fn select(&self, name: &str) -> String {
        match self {
            Kind::Decimal => format!("CAST({name} * 100 AS SIGNED)"),
            Kind::Date => format!("DATEDIFF({name}, DATE '1970-01-01')"),
            Kind::Json => format!("CAST({name} AS CHAR)"),
            Kind::Varchar(_) | Kind::Text | Kind::Enum(_) | Kind::Set(_) => {
                format!("CONVERT({name} USING utf8mb4)")
            }
            Kind::Id | Kind::Int | Kind::Unsigned | Kind::Big => name.to_owned(),
        }
    }
}

fn i64_of(bytes: &[u8]) -> i64 {
    let sign = if bytes[0] & 0x80 == 0 { 0 } else { 0xff };
    let mut whole = [sign; 8];
    whole[8 - bytes.len()..].copy_from_slice(bytes);
    i64::from_be_bytes(whole)
}

/// A string literal, whatever `NO_BACKSLASH_ESCAPES` says.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// For life.
    pub(crate) number: i64,
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Cell>,
    pub(crate) invisible: bool,
    /// Generated from the column of that number.
    pub(crate) formula: Option<i64>,
    pub(crate) stored: bool,
}

/// Values by the columns' numbers.
pub(crate) type Row = BTreeMap<i64, Cell>;

/// A table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) database: String,
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    /// Empty where there is none.
    pub(crate) primary: Vec<i64>,
    /// Unique keys; each has the id in it.
    pub(crate) uniques: Vec<(String, Vec<i64>)>,
    /// By their ids.
    pub(crate) rows: BTreeMap<i64, Row>,
    pub(crate) partitioned: bool,
    /// How many ALTERs may have left a version of rows behind (MySQL allows 64).
    pub(crate) instants: u32,
}

/// Names and values of an image, in order.
pub(crate) type Image = Vec<(String, Value)>;

/// One record.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Expected {
    pub(crate) topic: String,
    pub(crate) key: Option<Image>,
    /// `None` for a tombstone.
    pub(crate) change: Option<Change>,
}

/// A record's envelope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Change {
    pub(crate) op: String,
    pub(crate) before: Option<Image>,
    pub(crate) after: Option<Image>,
}

impl Table {
    pub(crate) fn column(&self, number: i64) -> &Column {
        self.columns
            .iter()
            .find(|column| column.number == number)
            .unwrap()
    }

    pub(crate) fn id(&self) -> &Column {
        self.columns
            .iter()
            .find(|column| column.kind == Kind::Id)
            .unwrap()
    }

    pub(crate) fn captured(&self) -> bool {
        self.database != "other"
    }

    pub(crate) fn topic(&self) -> String {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let name: String = self
            .name
            .chars()
            .map(|c| if allowed(c) { c } else { '_' })
            .collect();
        format!("p.{}.{name}", self.database)
    }

    /// Numbers of the columns that are in a key.
    pub(crate) fn keyed(&self) -> Vec<i64> {
        let uniques = self.uniques.iter().flat_map(|(_, columns)| columns);
        self.primary.iter().chain(uniques).copied().collect()
    }

    /// The primary key or, as the server does it, the first unique key that allows no NULL.
    fn key_columns(&self) -> Option<&[i64]> {
        if !self.primary.is_empty() {
            return Some(&self.primary);
        }
        let required = |columns: &[i64]| columns.iter().all(|n| !self.column(*n).nullable);
        let found = self.uniques.iter().find(|(_, columns)| required(columns));
        found.map(|(_, columns)| columns.as_slice())
    }

    fn key(&self, row: &Row) -> Option<Image> {
        let member = |number: &i64| {
            let column = self.column(*number);
            (column.name.clone(), column.kind.json(&row[number]))
        };
        Some(self.key_columns()?.iter().map(member).collect())
    }

    pub(crate) fn image(&self, row: &Row) -> Image {
        let member =
            |column: &Column| (column.name.clone(), column.kind.json(&row[&column.number]));
        self.columns.iter().map(member).collect()
    }

    /// The records of one row's change.
    pub(crate) fn change(&self, before: Option<&Row>, after: Option<&Row>) -> Vec<Expected> {
        let record = |row: &Row, change| Expected {
            topic: self.topic(),
            key: self.key(row),
            change,
        };
        let envelope = |op: &str, before: Option<&Row>, after: Option<&Row>| {
            Some(Change {
                op: op.to_owned(),
                before: before.map(|row| self.image(row)),
                after: after.map(|row| self.image(row)),
            })
        };
        // Debezium writes a tombstone even where there is no key.
        let delete = |row: &Row| {
            let change = envelope("d", Some(row), None);
            vec![record(row, change), record(row, None)]
        };
        match (before, after) {
            (Some(before), Some(after)) if self.key(before) != self.key(after) => {
                let mut records = delete(before);
                records.push(record(after, envelope("c", None, Some(after))));
                records
            }
            (Some(before), Some(after)) => {
                vec![record(after, envelope("u", Some(before), Some(after)))]
            }
            (None, Some(after)) => vec![record(after, envelope("c", None, Some(after)))],
            (Some(before), None) => delete(before),
            (None, None) => Vec::new(),
        }
    }

    /// The record of a TRUNCATE.
    pub(crate) fn truncation(&self) -> Expected {
        Expected {
            topic: self.topic(),
            key: None,
            change: Some(Change {
                op: "t".to_owned(),
                before: None,
                after: None,
            }),
        }
    }

    /// Fills in what the server computes.
    pub(crate) fn compute(&self, row: &mut Row) {
        for column in &self.columns {
            if let Some(base) = column.formula {
                let value = match &row[&base] {
                    Cell::Null => Cell::Null,
                    Cell::Number(n) => Cell::Text(format!("g{}_{n}", column.number)),
                    Cell::Text(text) => Cell::Text(format!("g{}_{text}", column.number)),
                };
                row.insert(column.number, value);
            }
        }
    }

    /// A new column's value in the rows that are there.
    pub(crate) fn fill(&mut self, column: &Column) {
        let value = match (&column.default, column.nullable) {
            (Some(default), _) => default.clone(),
            (None, true) => Cell::Null,
            (None, false) => column.kind.implicit().unwrap_or(Cell::Null),
        };
        for row in self.rows.values_mut() {
            row.insert(column.number, value.clone());
        }
    }

    /// Forgets columns that are no more, in keys and rows.
    pub(crate) fn prune(&mut self) {
        let here: Vec<i64> = self.columns.iter().map(|column| column.number).collect();
        self.primary.retain(|number| here.contains(number));
        for (_, columns) in &mut self.uniques {
            columns.retain(|number| here.contains(number));
        }
        self.uniques.retain(|(_, columns)| !columns.is_empty());
        for row in self.rows.values_mut() {
            row.retain(|number, _| here.contains(number));
        }
        self.sort_keys();
    }

    /// The server keeps unique keys that allow no NULL before the others.
    pub(crate) fn sort_keys(&mut self) {
        let mut uniques = std::mem::take(&mut self.uniques);
        uniques.sort_by_key(|(_, columns)| columns.iter().any(|n| self.column(*n).nullable));
        self.uniques = uniques;
    }
}
