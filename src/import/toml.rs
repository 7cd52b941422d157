//! The file that an import gives.
//!
//! Takes paths of keys and their values in order, gives TOML with one table after the other.

use std::fmt::Write as _;

use super::{Import, Translation};

impl Translation {
    pub(super) fn end(mut self) -> Import {
        let mut toml = match self.connector.as_str() {
            "" => "# From a Debezium connector.\n".to_owned(),
            name => format!("# From the Debezium connector {}.\n", text(name)),
        };
        let table_of = |path: &str| {
            let quoted = path.find('"').unwrap_or(path.len());
            let dot = path.get(..quoted).unwrap_or(path).rfind('.');
            dot.map_or("", |dot| path.get(..dot).unwrap_or_default())
                .to_owned()
        };
        let mut tables: Vec<String> = Vec::new();
        for (path, _) in &self.keys {
            let table = table_of(path);
            if !tables.contains(&table) {
                tables.push(table);
            }
        }
        // What is in no table must stand first.
        tables.sort_by_key(|table| !table.is_empty());
        for table in tables {
            if !table.is_empty() {
                let _ = write!(toml, "\n[{table}]\n");
            }
            for (path, value) in self.keys.iter().filter(|(path, _)| table_of(path) == table) {
                let key = path
                    .get(table.len()..)
                    .unwrap_or_default()
                    .trim_start_matches('.');
                let _ = writeln!(toml, "{key} = {value}");
            }
        }
        for options in &self.transforms {
            toml.push_str("\n[[transforms]]\n");
            for (key, value) in options {
                let _ = writeln!(toml, "{key} = {value}");
            }
        }
        self.findings.sort_by(|a, b| a.property.cmp(&b.property));
        Import {
            toml,
            findings: self.findings,
        }
    }
}

/// A string of TOML: as it is between single quotes where it can stand there.
pub(super) fn text(value: &str) -> String {
    let literal =
        value.contains('\\') && !value.contains('\'') && !value.contains(char::is_control);
    match literal {
        true => format!("'{value}'"),
        // JSON allows one control character that TOML does not.
        false => serde_json::Value::from(value)
            .to_string()
            .replace('\u{7f}', "\\u007F"),
    }
}
