//! What the records leave behind, as a consumer would have it, against what the server shows.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Line;
use super::model::{Cell, Column, Image, Table, quoted};
use crate::support::mysql::Mysql;

/// Rows by database, table and id.
pub(crate) struct Fold(BTreeMap<(String, String), BTreeMap<i64, Image>>);

impl Fold {
    pub(crate) fn of(lines: &[Line]) -> Fold {
        let mut fold = Fold(BTreeMap::new());
        for line in lines {
            let Some(change) = &line.record.change else {
                continue;
            };
            let source = &line.json["value"]["source"];
            let text = |name: &str| source[name].as_str().unwrap().to_owned();
            let name = (text("db"), text("table"));
            if name.1 == "marker" {
                let what = change.after.as_ref().unwrap()[1].1.as_str().unwrap();
                fold.mark(what);
                continue;
            }
            let rows = fold.0.entry(name).or_default();
            if change.op == "t" {
                rows.clear();
            }
            if let Some(before) = &change.before {
                rows.remove(&id(before));
            }
            if let Some(after) = &change.after {
                rows.insert(id(after), after.clone());
            }
        }
        fold
    }

    /// A statement about whole tables, of which no record tells.
    fn mark(&mut self, what: &str) {
        let Some((verb, names)) = what.split_once(' ') else {
            return;
        };
        let names: Vec<&str> = names.split('\t').collect();
        let (from, to) = (
            (names[0].to_owned(), names[1].to_owned()),
            (names[2].to_owned(), names[3].to_owned()),
        );
        let rows = self.0.remove(&from).unwrap_or_default();
        let others = match verb {
            "drop" => return,
            "swap" => self.0.remove(&to).unwrap_or_default(),
            "rename" => BTreeMap::new(),
            other => panic!("the marker {other} is not known"),
        };
        self.put(from, others);
        self.put(to, rows);
    }

    /// What is not captured cannot be followed, and is forgotten.
    fn put(&mut self, name: (String, String), rows: BTreeMap<i64, Image>) {
        if name.0 != "other" {
            self.0.insert(name, rows);
        }
    }
}

/// A row's id: the only number in it from 1 to 99,999.
fn id(image: &Image) -> i64 {
    let number = |(_, value): &(String, Value)| value.as_i64();
    let ids: Vec<i64> = image
        .iter()
        .filter_map(number)
        .filter(|n| (1..100_000).contains(n))
        .collect();
    assert_eq!(ids.len(), 1, "one id in {image:?}");
    ids[0]
}

/// Compares each table with the fold and with the model; gives how many rows that were.
pub(crate) fn check_tables(mysql: &Mysql, tables: &[Table], fold: &Fold) -> usize {
    let mut rows = 0;
    for table in tables {
        let shown = select(mysql, table);
        let modelled: Vec<Image> = table.rows.values().map(|row| table.image(row)).collect();
        assert_eq!(
            modelled, shown,
            "the model of {}.{}",
            table.database, table.name
        );
        if table.captured() {
            let name = (table.database.clone(), table.name.clone());
            let folded = fold.0.get(&name);
            let folded: Vec<Image> = folded
                .into_iter()
                .flat_map(BTreeMap::values)
                .cloned()
                .collect();
            assert_eq!(
                folded, shown,
                "the records of {}.{}",
                table.database, table.name
            );
        }
        rows += shown.len();
    }
    rows
}

/// A table's rows as they would be in records.
fn select(mysql: &Mysql, table: &Table) -> Vec<Image> {
    let ticks = |name: &str| format!("`{}`", name.replace('`', "``"));
    let cells: Vec<String> = table
        .columns
        .iter()
        .map(|column| column.kind.select(&ticks(&column.name)))
        .collect();
    let (database, name) = (ticks(&table.database), ticks(&table.name));
    let text = mysql.sql(&format!(
        "SELECT JSON_ARRAY({}) FROM {database}.{name} ORDER BY {}",
        cells.join(", "),
        ticks(&table.id().name)
    ));
    let names = mysql.sql(&format!(
        "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
         ORDER BY ORDINAL_POSITION",
        quoted(&table.database),
        quoted(&table.name)
    ));
    let read = |(name, (column, value)): (&str, (&Column, Value))| {
        let cell = match value {
            Value::Null => Cell::Null,
            Value::Number(n) => Cell::Number(n.as_i64().unwrap()),
            Value::String(text) => Cell::Text(text),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => panic!("{value}"),
        };
        (name.to_owned(), column.kind.json(&cell))
    };
    let row = |line: &str| {
        let values: Vec<Value> = serde_json::from_str(line).unwrap();
        names
            .lines()
            .zip(table.columns.iter().zip(values))
            .map(read)
            .collect()
    };
    text.lines().map(row).collect()
}
