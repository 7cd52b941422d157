//! Lists of tables and columns, keys and masks.
//!
//! Takes the connector's options that hold patterns, gives keys whose patterns remora can read, or says which it
//! cannot.

use std::collections::BTreeMap;

use regex::Regex;

use super::toml::text;
use super::{Translation, Verdict, split};
use crate::config::{column_pattern, database_pattern, table_pattern};

impl Translation {
    pub(super) fn tables(&mut self) {
        // Their names before 1.3.
        for (old, new) in [
            ("database.whitelist", "database.include.list"),
            ("database.blacklist", "database.exclude.list"),
            ("table.whitelist", "table.include.list"),
            ("table.blacklist", "table.exclude.list"),
        ] {
            if let Some(value) = self.take(old) {
                self.properties.entry(new.to_owned()).or_insert(value);
            }
        }
        type Read = fn(&str) -> Result<Regex, String>;
        for (kind, path, read) in [
            ("database", "_databases", database_pattern as Read),
            ("table", "", table_pattern),
            ("column", "_columns", column_pattern),
        ] {
            for list in ["include", "exclude"] {
                let name = format!("{kind}.{list}.list");
                if let Some(value) = self.take(&name) {
                    let entries = split(&value, ',');
                    self.patterns(&name, &format!("capture.{list}{path}"), &entries, read);
                }
            }
        }
        for (kind, path) in [
            ("column", "envelope.source_types"),
            ("datatype", "envelope.source_datatypes"),
        ] {
            let name = format!("{kind}.propagate.source.type");
            if let Some(value) = self.take(&name) {
                let entries = split(&value, ',');
                self.patterns(&name, path, &entries, column_pattern);
            }
        }
        if let Some(keys) = self.take("message.key.columns") {
            let entries = split(&keys, ';');
            let read = |entry: &str| {
                let table = entry.rsplit_once(':').map_or(entry, |(table, _)| table);
                table_pattern(table)
            };
            self.patterns("message.key.columns", "capture.key_columns", &entries, read);
        }
        // As Debezium does, which says nothing about it.
        self.set("capture.cascades", text("accept"));
        // As Java's decoder does.
        self.set("types.invalid_text", text("replace"));
    }

    /// Their names hold the number, or algorithm and salt; the salt is a secret.
    pub(super) fn masks(&mut self) {
        let is_mask = |name: &&String| {
            name.starts_with("column.mask.") || name.starts_with("column.truncate.to.")
        };
        let names: Vec<String> = self.properties.keys().filter(is_mask).cloned().collect();
        let mut lists: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let mut salts = Vec::new();
        for name in names {
            let columns = self.take(&name).unwrap_or_default();
            let between = |start: &str, end: &str| {
                let rest = name.strip_prefix(start)?;
                rest.strip_suffix(end).map(str::to_owned)
            };
            let hashed = |start: &str| {
                let rest = name.strip_prefix(start)?;
                let (algorithm, salt) = rest.split_once(".with.salt.")?;
                Some((algorithm.to_owned(), salt.to_owned()))
            };
            let (list, how) = if let Some(count) = between("column.mask.with.", ".chars") {
                ("masks.stars", count)
            } else if let Some(count) = between("column.truncate.to.", ".chars") {
                ("masks.truncate", count)
            } else if let Some((algorithm, salt)) = hashed("column.mask.hash.v2.") {
                salts.push(salt);
                ("masks.hash", algorithm)
            } else if let Some((algorithm, salt)) = hashed("column.mask.hash.") {
                salts.push(salt);
                ("masks.hash_v1", algorithm)
            } else {
                let shown = name.split(".with.salt.").next().unwrap_or_default();
                self.find(shown, Verdict::Unsupported, "is not known");
                continue;
            };
            let entries = split(&columns, ',').into_iter();
            let entries = entries.map(|columns| text(&format!("{how}: {columns}")));
            lists.entry(list).or_default().extend(entries);
        }
        for (path, entries) in lists {
            self.set(path, format!("[{}]", entries.join(", ")));
        }
        salts.sort_unstable();
        salts.dedup();
        match salts.as_slice() {
            [] => {}
            [_] => self.find(
                "column.mask.hash",
                Verdict::Look,
                "its salt is not copied: put it into a file that masks.salt_file names, or into the environment",
            ),
            [..] => self.find(
                "column.mask.hash",
                Verdict::Unsupported,
                "all digests have one salt",
            ),
        }
    }
}
