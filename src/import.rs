//! The configuration of a Debezium MySQL connector as that of a database of remora.
//!
//! Takes the connector's properties, as a Java properties file or as Connect's JSON; gives TOML, and says of
//! each property that has no counterpart whether that matters. Options and defaults: Debezium 3.6's
//! `MySqlConnectorConfig` and what it inherits. Pure; a password is never in what it gives.

mod avro;
mod java_map;
mod lists;
pub mod offsets;
mod properties;
mod table;
mod toml;
mod transforms;

use std::collections::BTreeMap;
use std::fmt;

use regex::Regex;

use crate::config::{integer_limits, words};

pub use properties::{ParseError, parse};

use table::{HARMLESS_IF, SAME_WORDS, UNNECESSARY, UNSUPPORTED};
use toml::text;

/// What came of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Import {
    /// A file for `databases/`.
    pub toml: String,
    /// Properties without a counterpart, by name.
    pub findings: Vec<Finding>,
}

/// One property without a counterpart, or one that is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its name.
    pub property: String,
    /// What that means.
    pub verdict: Verdict,
    /// Why.
    pub reason: String,
}

/// What it means that a property has no counterpart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing: remora does the same without it, or does not do what it tunes.
    Unnecessary,
    /// Something must be set by hand, or was assumed.
    Look,
    /// Records or behaviour will differ.
    Unsupported,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Unnecessary => "unnecessary",
            Verdict::Look => "look at this",
            Verdict::Unsupported => "unsupported",
        };
        write!(f, "{}: {verdict}: {}", self.property, self.reason)
    }
}

impl Import {
    /// Whether any property is unsupported.
    pub fn is_partial(&self) -> bool {
        let unsupported = |finding: &Finding| finding.verdict == Verdict::Unsupported;
        self.findings.iter().any(unsupported)
    }
}

/// Translates a connector's properties.
pub fn debezium(properties: BTreeMap<String, String>) -> Import {
    let mut translation = Translation {
        properties,
        ..Translation::default()
    };
    translation.source();
    translation.tables();
    translation.masks();
    translation.records();
    translation.converters();
    translation.transforms();
    translation.kafka();
    translation.same_words();
    translation.rest();
    translation.end()
}

#[derive(Debug, Default)]
struct Translation {
    properties: BTreeMap<String, String>,
    connector: String,
    /// Paths of keys and their values as TOML, in order.
    keys: Vec<(String, String)>,
    /// The options of each transform as TOML, in order.
    transforms: Vec<Vec<(String, String)>>,
    findings: Vec<Finding>,
}

impl Translation {
    fn take(&mut self, name: &str) -> Option<String> {
        self.properties.remove(name)
    }

    fn set(&mut self, path: &str, value: String) {
        self.keys.push((path.to_owned(), value));
    }

    fn find(&mut self, property: &str, verdict: Verdict, reason: impl Into<String>) {
        self.findings.push(Finding {
            property: property.to_owned(),
            verdict,
            reason: reason.into(),
        });
    }

    /// A property whose value is taken as it is.
    fn text(&mut self, name: &str, path: &str) {
        if let Some(value) = self.take(name) {
            self.set(path, text(&value));
        }
    }

    /// The same for a whole number that remora takes within limits.
    fn number(&mut self, name: &str, path: &str) {
        let Some(value) = self.take(name) else {
            return;
        };
        let limits = integer_limits(path).unwrap_or(i64::MIN..=i64::MAX);
        match value.trim().parse::<i64>() {
            Ok(number) if limits.contains(&number) => self.set(path, number.to_string()),
            Ok(_) => {
                let (min, max) = limits.into_inner();
                let reason = format!("{path} takes {min} to {max}");
                self.find(name, Verdict::Unsupported, reason);
            }
            Err(_) => self.find(name, Verdict::Unsupported, "is no whole number"),
        }
    }

    fn bool(&mut self, name: &str, path: &str) {
        let Some(value) = self.take(name) else {
            return;
        };
        match value.trim().to_ascii_lowercase().parse::<bool>() {
            Ok(value) => self.set(path, value.to_string()),
            Err(_) => self.find(name, Verdict::Unsupported, "is neither true nor false"),
        }
    }

    /// Patterns as they are, if remora can read each.
    fn patterns(
        &mut self,
        name: &str,
        path: &str,
        entries: &[String],
        read: impl Fn(&str) -> Result<Regex, String>,
    ) {
        for entry in entries {
            if let Err(problem) = read(entry) {
                self.find(name, Verdict::Unsupported, format!("{entry:?} {problem}"));
            }
        }
        let entries: Vec<String> = entries.iter().map(|entry| text(entry)).collect();
        if !entries.is_empty() {
            self.set(path, format!("[{}]", entries.join(", ")));
        }
    }

    fn source(&mut self) {
        self.connector = self.take("name").unwrap_or_default();
        match self.take("connector.class").as_deref() {
            None | Some("io.debezium.connector.mysql.MySqlConnector" | "MySqlConnector") => {}
            Some(_) => self.find(
                "connector.class",
                Verdict::Unsupported,
                "is not Debezium's connector for MySQL",
            ),
        }
        let prefix = self.take("topic.prefix");
        // Its name before 2.0.
        let old = self.take("database.server.name");
        if prefix.is_none() && old.is_some() {
            self.set("envelope.version", text("1.9"));
            self.find(
                "database.server.name",
                Verdict::Look,
                "is a property of Debezium 1: envelope.version is \"1.9\"; leave it out for the records of 3",
            );
        }
        match prefix.or(old) {
            Some(prefix) => self.set("topic_prefix", text(&prefix)),
            None => self.find("topic.prefix", Verdict::Unsupported, "is missing"),
        }
        self.snapshot();
        self.text("database.hostname", "mysql.host");
        self.number("database.port", "mysql.port");
        self.text("database.user", "mysql.user");
        if self.take("database.password").is_some() {
            self.find(
                "database.password",
                Verdict::Look,
                "is not copied: put it into a file that mysql.password_file names, or into the environment",
            );
        }
        self.number("database.server.id", "mysql.server_id");
        self.number("connect.timeout.ms", "mysql.connect_timeout_ms");
        self.tls();
    }

    /// Until remora has snapshots, only what needs none can be taken over.
    fn snapshot(&mut self) {
        let mode = self.take("snapshot.mode").unwrap_or_default();
        match mode.trim().to_ascii_lowercase().as_str() {
            "no_data" | "schema_only" | "never" | "recovery" | "schema_only_recovery" => {}
            _ => self.find(
                "snapshot.mode",
                Verdict::Unsupported,
                "snapshots of existing rows are not taken: begin at the connector's offset, or with rows \
                 that change from now on",
            ),
        }
        self.set("start", text("now"));
    }

    fn tls(&mut self) {
        let mode = self.take("database.ssl.mode");
        let mode = mode.unwrap_or_default().trim().to_ascii_lowercase();
        let mode = mode.replace('-', "_");
        let ours = match mode.as_str() {
            "disabled" | "disable" => "disabled",
            // There is no silent fallback to clear text.
            "" | "preferred" | "required" | "trust" => "required",
            "verify_ca" => "verify_ca",
            "verify_identity" | "verify_full" => "verify_identity",
            _ => {
                self.find("database.ssl.mode", Verdict::Unsupported, "is no mode");
                "required"
            }
        };
        self.set("mysql.tls.mode", text(ours));
        if ours == "disabled" {
            self.find(
                "database.ssl.mode",
                Verdict::Look,
                "clear text is only taken for a server on this machine: set mysql.tls.mode to \"required\" for others",
            );
        }
        if mode.is_empty() || mode == "preferred" {
            self.find(
                "database.ssl.mode",
                Verdict::Look,
                "preferred may fall back to clear text: mysql.tls.mode is required, or \"disabled\" for a \
                 server on this machine without TLS",
            );
        }
        for name in [
            "keystore",
            "keystore.password",
            "truststore",
            "truststore.password",
        ] {
            let name = format!("database.ssl.{name}");
            if self.take(&name).is_some() {
                let reason = "Java's key stores are not read: export PEM files for mysql.tls.ca_file, \
                              cert_file and key_file";
                self.find(&name, Verdict::Unsupported, reason);
            }
        }
    }

    fn records(&mut self) {
        self.bool("tombstones.on.delete", "records.tombstones");
        self.bool("skip.messages.without.change", "records.skip_unchanged");
        self.bool("include.query", "records.queries");
        self.bool("provide.transaction.metadata", "records.transactions");
        self.text("topic.transaction", "records.transaction_topic");
        self.text("topic.delimiter", "topic_delimiter");
        self.naming();
        self.heartbeats();
        if let Some(operations) = self.take("skipped.operations") {
            let operations = split(&operations, ',');
            let kept = operations.iter().filter(|operation| *operation != "none");
            let entries: Vec<String> = kept.map(|entry| text(entry)).collect();
            self.set(
                "records.skipped_operations",
                format!("[{}]", entries.join(", ")),
            );
        }
        self.text("unavailable.value.placeholder", "records.unavailable_value");
        self.bool("extended.headers.enabled", "headers.context");
        if let Some(change) = self.take("include.schema.changes") {
            if !change.trim().eq_ignore_ascii_case("false") {
                self.find(
                    "include.schema.changes",
                    Verdict::Unsupported,
                    "the topic of schema changes is not written",
                );
            }
        } else {
            self.find(
                "include.schema.changes",
                Verdict::Look,
                "is true where it is not set: the topic of schema changes is not written",
            );
        }
    }

    fn naming(&mut self) {
        let name = "topic.naming.strategy";
        let class = self.take(name).unwrap_or_default();
        let plain = class.rsplit('.').next().unwrap_or_default();
        match plain {
            "" | "DefaultTopicNamingStrategy" => {}
            "DefaultUnicodeTopicNamingStrategy" => self.set("topic_naming", text("unicode")),
            _ => self.find(
                name,
                Verdict::Unsupported,
                "is a strategy that remora does not have",
            ),
        }
    }

    fn heartbeats(&mut self) {
        let interval = self.properties.get("heartbeat.interval.ms");
        let beats = interval.is_some_and(|interval| interval.trim() != "0");
        self.number("heartbeat.interval.ms", "heartbeat.interval_ms");
        self.text("topic.heartbeat.prefix", "heartbeat.topic_prefix");
        match beats {
            true => self.text("heartbeat.action.query", "heartbeat.action_query"),
            false if self.take("heartbeat.action.query").is_some() => self.find(
                "heartbeat.action.query",
                Verdict::Unnecessary,
                "is never run, since heartbeat.interval.ms is 0",
            ),
            false => {}
        }
    }

    /// Both converters must be JSON, with schemas or without, or both Avro.
    fn converters(&mut self) {
        let avro = ["value", "key"].map(|side| {
            let class = self.properties.get(&format!("{side}.converter"));
            class.and_then(|class| avro::converter(class.trim()))
        });
        if let [Some(value), Some(key)] = avro {
            drop((self.take("value.converter"), self.take("key.converter")));
            return self.avro([value, key]);
        }
        let mut schemas = Vec::new();
        let mut others = false;
        for side in ["key", "value"] {
            let name = format!("{side}.converter");
            let class = self.take(&name);
            let enabled = self.take(&format!("{name}.schemas.enable"));
            match class.as_deref() {
                None if enabled.is_none() => {}
                None | Some("org.apache.kafka.connect.json.JsonConverter") => {
                    let off = |enabled: String| enabled.trim().eq_ignore_ascii_case("false");
                    schemas.push(!enabled.is_some_and(off));
                    self.defaults_for_null(&name);
                }
                Some(_) => {
                    others = true;
                    let reason = "only JSON or Avro is written, the same for keys and values";
                    self.find(&name, Verdict::Unsupported, reason);
                }
            }
            for (option, harmless) in [("decimal.format", "BASE64"), ("schemas.cache.size", "")] {
                let option = format!("{name}.{option}");
                match self.take(&option) {
                    Some(value) if harmless.is_empty() || value.trim() == harmless => {
                        self.find(&option, Verdict::Unnecessary, "remora does so anyway");
                    }
                    Some(_) => self.find(&option, Verdict::Unsupported, "cannot be changed"),
                    None => {}
                }
            }
        }
        match schemas.as_slice() {
            [] if others => {}
            [] => {
                self.set("envelope.schemas", "true".to_owned());
                self.find(
                    "value.converter",
                    Verdict::Look,
                    "is not set, so that the worker's holds: envelope.schemas is set to true, as Connect's \
                     JsonConverter does where nothing is said",
                );
            }
            [one] => self.set("envelope.schemas", one.to_string()),
            [key, value, ..] if key == value => self.set("envelope.schemas", key.to_string()),
            [..] => self.find(
                "key.converter.schemas.enable",
                Verdict::Unsupported,
                "keys and values are both with schemas or both without",
            ),
        }
    }

    /// Where a column has a default, Connect's converter writes it in place of NULL unless told not to.
    fn defaults_for_null(&mut self, converter: &str) {
        let name = format!("{converter}.replace.null.with.default");
        let off = self.take(&name);
        if !off.is_some_and(|off| off.trim().eq_ignore_ascii_case("false")) {
            let reason = "is true where it is not set: a NULL in a column with a default is null, not the \
                          default (docs/debezium.md, D1)";
            self.find(&name, Verdict::Look, reason);
        }
    }

    fn kafka(&mut self) {
        let mut found = None;
        for history in ["schema.history.internal", "database.history"] {
            let name = format!("{history}.kafka.bootstrap.servers");
            if let Some(brokers) = self.take(&name) {
                found = found.or(Some((name, brokers)));
            }
            let clients = ["producer", "consumer"].map(|client| format!("{history}.{client}."));
            let secured = |name: &&String| {
                let option = clients
                    .iter()
                    .find_map(|client| name.strip_prefix(client.as_str()));
                option.is_some_and(|option| {
                    ["security.", "sasl.", "ssl."]
                        .iter()
                        .any(|start| option.starts_with(start))
                })
            };
            let names: Vec<String> = self.properties.keys().filter(secured).cloned().collect();
            for name in names {
                drop(self.take(&name));
                let reason = "the cluster may ask for it: set it in [kafka.properties] by librdkafka's name, a \
                              secret in [kafka.properties_files]";
                self.find(&name, Verdict::Look, reason);
            }
        }
        match found {
            Some((name, brokers)) => {
                self.set("kafka.brokers", text(&brokers));
                let reason = "is taken for kafka.brokers: check that the records go there too";
                self.find(&name, Verdict::Look, reason);
            }
            None => {
                self.set("kafka.brokers", text("localhost:9092"));
                let reason =
                    "is not known from this file: set it to the worker's bootstrap.servers";
                self.find("kafka.brokers", Verdict::Look, reason);
            }
        }
        let partitions = "topic.creation.default.partitions";
        // The broker's default.
        if self
            .properties
            .get(partitions)
            .is_some_and(|count| count.trim() == "-1")
        {
            drop(self.take(partitions));
            self.find(
                partitions,
                Verdict::Look,
                "kafka.partitions is 1: set what the broker's default is",
            );
        }
        self.number(partitions, "kafka.partitions");
        let factor = "topic.creation.default.replication.factor";
        self.number(factor, "kafka.replication");
        // Those that librdkafka has by the same name, in the same unit.
        for name in ["linger.ms", "batch.size", "compression.type"] {
            if let Some(value) = self.take(&format!("producer.override.{name}")) {
                self.set(&format!("kafka.properties.\"{name}\""), text(&value));
            }
        }
    }

    /// Options that only choose between words.
    fn same_words(&mut self) {
        for (name, path) in SAME_WORDS {
            let Some(value) = self.take(name) else {
                continue;
            };
            let word = value.trim().to_ascii_lowercase();
            match words(path).iter().find(|ours| **ours == word) {
                Some(ours) => self.set(path, text(ours)),
                None => self.find(
                    name,
                    Verdict::Unsupported,
                    format!("{value:?} is not known"),
                ),
            }
        }
    }

    /// Everything that has no counterpart.
    fn rest(&mut self) {
        for (name, value) in std::mem::take(&mut self.properties) {
            let harmless = HARMLESS_IF.iter().find(|(known, _, _)| *known == name);
            if let Some((_, harmless, reason)) = harmless {
                let value = value.trim();
                let harmless = harmless
                    .iter()
                    .any(|known| known.eq_ignore_ascii_case(value));
                match harmless {
                    true => self.find(&name, Verdict::Unnecessary, "remora does so anyway"),
                    false => self.find(&name, Verdict::Unsupported, *reason),
                }
                continue;
            }
            let known = |(known, _): &&(&str, &str)| match known.strip_suffix('*') {
                Some(start) => name.starts_with(start),
                None => *known == name,
            };
            if let Some((_, reason)) = UNNECESSARY.iter().find(known) {
                self.find(&name, Verdict::Unnecessary, *reason);
            } else if let Some((_, reason)) = UNSUPPORTED.iter().find(known) {
                self.find(&name, Verdict::Unsupported, *reason);
            } else {
                self.find(&name, Verdict::Unsupported, "is not known");
            }
        }
    }
}

/// The parts of a list; a separator behind a backslash is part of an entry, as in Debezium.
fn split(list: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut escaped = false;
    for character in list.chars() {
        let Some(part) = parts.last_mut() else {
            break;
        };
        if character == separator && escaped {
            part.pop();
            part.push(character);
        } else if character == separator {
            parts.push(String::new());
        } else {
            part.push(character);
        }
        escaped = character == '\\' && !escaped;
    }
    let parts = parts.into_iter().map(|part| part.trim().to_owned());
    parts.filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests;
