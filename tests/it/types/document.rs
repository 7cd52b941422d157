//! The table of `docs/types.md`: each line is inserted on a real server, and its JSON must be what the line says.

use std::collections::BTreeMap;

use super::capture;
use crate::support::mysql::Mysql;
use crate::support::{root, unique};

/// A line: `| COLUMN | VALUE | MODE | JSON |`, each in backticks, the mode empty for the default.
struct Example {
    line: String,
    column: String,
    value: String,
    mode: String,
    json: String,
}

fn examples() -> Vec<Example> {
    let text = std::fs::read_to_string(root().join("docs/types.md")).unwrap();
    let example = |line: &str| {
        let inner = line.strip_prefix('|')?.strip_suffix('|')?;
        let cells: Vec<&str> = inner.split('|').collect();
        let [column, value, mode, json] = cells.as_slice() else {
            return None;
        };
        let code = |cell: &str| Some(cell.trim().strip_prefix('`')?.strip_suffix('`')?.to_owned());
        Some(Example {
            line: line.to_owned(),
            column: code(column)?,
            value: code(value)?,
            mode: code(mode).unwrap_or_default(),
            json: code(json)?,
        })
    };
    text.lines().filter_map(example).collect()
}

#[test]
fn every_line_of_the_document_is_true() {
    let examples = examples();
    assert!(
        examples.len() > 80,
        "only {} lines were read",
        examples.len()
    );
    let mut modes: BTreeMap<&str, Vec<&Example>> = BTreeMap::new();
    for example in &examples {
        modes.entry(&example.mode).or_default().push(example);
    }
    let mut wrong = Vec::new();
    for (mode, examples) in &modes {
        let mut sql =
            "SET NAMES utf8mb4; SET time_zone = '+00:00'; SET sql_mode = 'ALLOW_INVALID_DATES';"
                .to_owned();
        for (number, example) in examples.iter().enumerate() {
            let Example { column, value, .. } = example;
            sql += &format!(
                "CREATE TABLE t{number} (id INT PRIMARY KEY, c {column}); INSERT INTO t{number} VALUES (1, {value});"
            );
        }
        let keys = if mode.is_empty() {
            String::new()
        } else {
            format!("types.{mode}")
        };
        let (_, images) = capture(Mysql::shared(), &unique("document"), &sql, &keys);
        for (number, example) in examples.iter().enumerate() {
            let found = &images[&(format!("t{number}"), "1".to_owned())]["c"];
            if *found != example.json {
                wrong.push(format!("{}\n  is {found}", example.line));
            }
        }
    }
    println!("{} lines in {} modes", examples.len(), modes.len());
    assert!(wrong.is_empty(), "docs/types.md:\n{}", wrong.join("\n"));
}
