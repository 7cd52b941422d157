//! Layers of one configuration file: built-in defaults, the file, the environment, the command line.
//!
//! Each layer is checked against the key table on its own, so that every unknown key and every wrong
//! type is found; what is right is merged and read by serde. Never shows a value that may be a secret.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::PathBuf;

use ::config::{ConfigError, Environment, File, FileFormat, Map, Source, Value, ValueKind};
use serde::de::DeserializeOwned;

use super::keys::{self, Key, Kind, Unset};
use super::similar;
use super::values::{found, parsed, setting, typed};
use super::{Finding, Place, librdkafka};

/// Begins the name of every variable that is ours.
pub(super) const PREFIX: &str = "REMORA__";
/// Stands between the parts of a variable's name.
pub(super) const SEPARATOR: &str = "__";

/// What gathers the layers of one file, lowest first.
pub(super) struct Layers {
    keys: &'static [Key],
    context: Context,
    layers: Vec<Layer>,
}

/// Where the values of one file come from, and what was found about them.
#[derive(Debug)]
pub(super) struct Context {
    file: PathBuf,
    stem: String,
    places: BTreeMap<String, Place>,
    broken: BTreeSet<&'static str>,
    findings: Vec<Finding>,
}

/// The values of one layer that are known and of the right type.
#[derive(Clone, Default)]
struct Layer(BTreeMap<&'static str, Value>);

impl Layers {
    /// The built-in defaults, for the file at `file` whose variables have `stem` in their name.
    pub(super) fn new(keys: &'static [Key], file: PathBuf, stem: &str) -> Layers {
        let context = Context {
            file,
            stem: stem.to_owned(),
            places: BTreeMap::new(),
            broken: BTreeSet::new(),
            findings: Vec::new(),
        };
        let mut layers = Layers {
            keys,
            context,
            layers: Vec::new(),
        };
        layers.add_toml(&defaults(keys), &Place::BuiltIn);
        layers.context.places.clear();
        layers
    }

    /// The file's text.
    pub(super) fn add_file(&mut self, text: &str) {
        let place = Place::File(self.context.file.clone());
        self.add_toml(text, &place);
    }

    /// Variables whose names begin with this file's prefix.
    pub(super) fn add_variables(&mut self, variables: HashMap<String, String>) {
        let names: HashMap<String, String> = variables
            .keys()
            .map(|name| (name.to_lowercase(), name.clone()))
            .collect();
        let prefix = format!("{PREFIX}{}", self.context.stem);
        // Without `try_parsing`, which would turn the password 007 into 7.
        let source = Environment::with_prefix(&prefix)
            .prefix_separator(SEPARATOR)
            .separator(SEPARATOR)
            .source(Some(variables));
        let Ok(values) = source.collect() else {
            // Variables that are text are the only ones that come here, and those cannot fail.
            self.context.add(
                Place::BuiltIn,
                None,
                "the environment cannot be read",
                "report this",
            );
            return;
        };
        let mut layer = Layer::default();
        for (path, value) in sorted(values) {
            let variable = format!("{prefix}{SEPARATOR}{}", path.replace('.', SEPARATOR));
            let name = names.get(&variable.to_lowercase()).unwrap_or(&variable);
            self.variable(&mut layer, &path, &value.to_string(), name);
        }
        self.layers.push(layer);
    }

    /// What the command line sets.
    pub(super) fn add_arguments(&mut self, arguments: &[(&'static str, String)]) {
        let mut layer = Layer::default();
        for (path, text) in arguments {
            self.text(&mut layer, path, text, &Place::CommandLine);
        }
        self.layers.push(layer);
    }

    /// Merges the layers; `None` where remora's own tables do not agree, which is a finding.
    pub(super) fn merge<T: DeserializeOwned>(mut self) -> (Option<T>, Context) {
        let mut builder = ::config::Config::builder();
        for layer in self.layers {
            builder = builder.add_source(layer);
        }
        let merged = builder.build().and_then(::config::Config::try_deserialize);
        if merged.is_err() {
            // The cause may hold a value, so it is not repeated.
            self.context.add(
                Place::BuiltIn,
                None,
                "the table of keys and the types that are read do not agree",
                "report this as a bug of remora",
            );
        }
        (merged.ok(), self.context)
    }

    fn add_toml(&mut self, text: &str, place: &Place) {
        let mut layer = Layer::default();
        match File::from_str(text, FileFormat::Toml).collect() {
            Ok(table) => self.table(&mut layer, "", table, place),
            Err(error) => self.context.add(
                place.clone(),
                None,
                &format!("is not valid TOML: {}", without_excerpt(&error)),
                "correct the file",
            ),
        }
        self.layers.push(layer);
    }

    /// A table of a TOML file whose path is `prefix`.
    fn table(&mut self, layer: &mut Layer, prefix: &str, table: Map<String, Value>, place: &Place) {
        for (name, value) in sorted(table) {
            let path = join(prefix, &name);
            if let Some(key) = keys::find(self.keys, &path) {
                self.value(layer, key, value, place);
            } else if !keys::is_table(self.keys, &path) {
                self.unknown(&path, place);
            } else if let ValueKind::Table(inner) = value.kind {
                self.table(layer, &path, inner, place);
            } else {
                let problem = format!("expected a table, found {}", found(&value.kind));
                let remedy = format!("write it as [{path}]");
                self.context
                    .add(place.clone(), Some(path), &problem, &remedy);
            }
        }
    }

    /// The value that a TOML file gives a known key.
    fn value(&mut self, layer: &mut Layer, key: &'static Key, value: Value, place: &Place) {
        match (key.kind, value.kind) {
            (Kind::Password, _) => {
                let remedy = format!(
                    "name a file by {key}_file, or set environment variable {}",
                    variable_name(&self.context.stem, key.path),
                    key = key.path,
                );
                self.wrong(key, place, "a secret may not stand in this file", &remedy);
            }
            (Kind::Settings | Kind::Files, ValueKind::Table(entries)) => {
                for (name, value) in sorted(entries) {
                    self.entry(layer, key, (&name, value.kind), place);
                }
                layer
                    .0
                    .entry(key.path)
                    .or_insert_with(|| Value::from(Map::<String, Value>::new()));
            }
            (kind, value) => match typed(kind, value) {
                Ok(value) => self.accept(layer, key, value, place),
                Err(found) => self.mistyped(key, place, &found),
            },
        }
    }

    /// One entry of a table of librdkafka settings, or of the files that hold them.
    fn entry(
        &mut self,
        layer: &mut Layer,
        key: &'static Key,
        (name, value): (&str, ValueKind),
        place: &Place,
    ) {
        let path = join(key.path, name);
        if key.kind == Kind::Settings
            && librdkafka::is_secret(name)
            && matches!(place, Place::File(_))
        {
            let variable = setting_variable(&self.context.stem, key.path, name);
            let remedy = format!(
                "name a file under kafka.properties_files, or set environment variable {variable}"
            );
            let problem = "a secret may not stand in this file";
            self.context
                .add(place.clone(), Some(path), problem, &remedy);
            return;
        }
        match setting(key.kind, value) {
            Ok(text) => {
                self.context.places.insert(path, place.clone());
                let table = layer
                    .0
                    .entry(key.path)
                    .or_insert_with(|| Value::from(Map::<String, Value>::new()));
                if let ValueKind::Table(table) = &mut table.kind {
                    table.insert(name.to_owned(), Value::from(text));
                }
            }
            Err(found) => {
                let problem = format!("expected text, found {found}");
                self.context
                    .add(place.clone(), Some(path), &problem, "correct the value");
            }
        }
    }

    /// The text of a variable named `name`, for the key at `path` or an entry below it.
    fn variable(&mut self, layer: &mut Layer, path: &str, text: &str, name: &str) {
        let place = Place::Variable(name.to_owned());
        let below = |key: &&'static Key| match key.kind {
            Kind::Settings | Kind::Files => path
                .strip_prefix(key.path)
                .and_then(|rest| rest.strip_prefix('.'))
                .filter(|rest| !rest.is_empty())
                .map(|rest| (*key, rest.replace('_', "."))),
            Kind::Text
            | Kind::Password
            | Kind::Word(_)
            | Kind::Bool
            | Kind::Integer { .. }
            | Kind::Bytes { .. }
            | Kind::List
            | Kind::Tables => None,
        };
        if let Some((key, setting)) = self.keys.iter().find_map(|key| below(&key)) {
            self.entry(
                layer,
                key,
                (&setting, ValueKind::String(text.to_owned())),
                &place,
            );
        } else {
            self.text(layer, path, text, &place);
        }
    }

    /// Text from outside of TOML for the key at `path`.
    fn text(&mut self, layer: &mut Layer, path: &str, text: &str, place: &Place) {
        let Some(key) = keys::find(self.keys, path) else {
            self.unknown(path, place);
            return;
        };
        match parsed(key.kind, text) {
            Ok(value) => self.accept(layer, key, value, place),
            Err(found) => self.mistyped(key, place, &found),
        }
    }

    fn accept(&mut self, layer: &mut Layer, key: &'static Key, value: ValueKind, place: &Place) {
        self.context
            .places
            .insert(key.path.to_owned(), place.clone());
        layer.0.insert(key.path, Value::new(None, value));
    }

    fn mistyped(&mut self, key: &'static Key, place: &Place, found: &str) {
        let problem = format!("expected {}, found {found}", key.kind);
        self.wrong(key, place, &problem, "correct the value");
    }

    fn wrong(&mut self, key: &'static Key, place: &Place, problem: &str, remedy: &str) {
        self.context.broken.insert(key.path);
        self.context
            .add(place.clone(), Some(key.path.to_owned()), problem, remedy);
    }

    fn unknown(&mut self, path: &str, place: &Place) {
        if keys::is_table(self.keys, path) {
            let remedy = "append the name of a key";
            self.context.add(
                place.clone(),
                Some(path.to_owned()),
                "is a table, not a key",
                remedy,
            );
            return;
        }
        let remedy = match (similar::similar(self.keys, path), place) {
            (Some(similar), Place::Variable(_)) => {
                format!(
                    "did you mean {}?",
                    variable_name(&self.context.stem, similar)
                )
            }
            (Some(similar), Place::File(_) | Place::CommandLine | Place::BuiltIn) => {
                format!("did you mean {similar}?")
            }
            (None, _) => "remove it; docs/configuration.md lists all keys".to_owned(),
        };
        self.context
            .add(place.clone(), Some(path.to_owned()), "unknown key", &remedy);
    }
}

impl Context {
    /// Reports what is wrong with the value of a key.
    pub(super) fn report(&mut self, path: &str, problem: &str, remedy: &str) {
        let place = self.place(path);
        self.add(place, Some(path.to_owned()), problem, remedy);
    }

    /// Reports what is wrong with one entry of a table.
    pub(super) fn report_entry(&mut self, path: &str, name: &str, problem: &str, remedy: &str) {
        self.report(&join(path, name), problem, remedy);
    }

    /// The value of a key without which there is no going on; its absence is a finding.
    pub(super) fn required(&mut self, path: &'static str, value: Option<String>) -> String {
        match value {
            Some(text) if !text.trim().is_empty() => return text,
            Some(_) => self.report(path, "is empty", "give it a value"),
            // A value of the wrong type is a finding already.
            None if self.broken.contains(path) => {}
            None => {
                let variable = variable_name(&self.stem, path);
                let remedy = format!("set it there or by environment variable {variable}");
                self.report(path, "is required and not set", &remedy);
            }
        }
        String::new()
    }

    /// Where the value of a key comes from; the file where nothing sets it.
    pub(super) fn place(&self, path: &str) -> Place {
        self.places
            .get(path)
            .cloned()
            .unwrap_or_else(|| Place::File(self.file.clone()))
    }

    /// Where one entry of a table comes from.
    pub(super) fn entry_place(&self, path: &str, name: &str) -> Place {
        self.place(&join(path, name))
    }

    /// Everything found so far.
    pub(super) fn into_findings(self) -> Vec<Finding> {
        self.findings
    }

    fn add(&mut self, place: Place, key: Option<String>, problem: &str, remedy: &str) {
        let (problem, remedy) = (problem.to_owned(), remedy.to_owned());
        self.findings.push(Finding {
            place,
            key,
            problem,
            remedy,
        });
    }
}

/// The variable that sets the key at `path`.
pub(super) fn variable_name(stem: &str, path: &str) -> String {
    format!(
        "{PREFIX}{stem}{SEPARATOR}{}",
        path.to_uppercase().replace('.', SEPARATOR)
    )
}

/// The variable that sets the librdkafka setting `name` in the table at `path`.
fn setting_variable(stem: &str, path: &str, name: &str) -> String {
    let name = name.to_uppercase().replace('.', "_");
    format!("{}{SEPARATOR}{name}", variable_name(stem, path))
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(self
            .0
            .iter()
            .map(|(path, value)| ((*path).to_owned(), value.clone()))
            .collect())
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// The defaults as TOML.
fn defaults(keys: &[Key]) -> String {
    let mut text = String::new();
    for key in keys {
        match key.unset {
            Unset::Is(value) => text.extend([key.path, " = ", value, "\n"]),
            Unset::Required { .. } | Unset::Derived { .. } | Unset::Nothing { .. } => {}
        }
    }
    text
}

/// Findings come in one order, whatever the hash map's.
fn sorted(table: Map<String, Value>) -> BTreeMap<String, Value> {
    table.into_iter().collect()
}

/// A dotted path, with a name in quotes where TOML wants them.
fn join(prefix: &str, name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let plain = !name.is_empty() && name.chars().all(bare);
    match (prefix.is_empty(), plain) {
        (true, true) => name.to_owned(),
        (true, false) => format!("{name:?}"),
        (false, true) => format!("{prefix}.{name}"),
        (false, false) => format!("{prefix}.{name:?}"),
    }
}

/// What a TOML error says, without the line of the file that it quotes: a password could stand there.
fn without_excerpt(error: &ConfigError) -> String {
    let ConfigError::FileParse { cause, .. } = error else {
        return "it cannot be read".to_owned();
    };
    let text = cause.to_string();
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    match first.strip_prefix("TOML parse error at ") {
        // A margin, the quoted line and a line with carets come before the message.
        Some(position) => format!(
            "{} at {position}",
            lines.skip(3).collect::<Vec<_>>().join(" ")
        ),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_syntax_error_does_not_quote_the_file() {
        let mut layers = Layers::new(keys::database(), PathBuf::from("x.toml"), "X");
        layers.add_file("[mysql]\npassword = \"hunter2\n");
        let problem = &layers.context.findings[0].problem;
        assert!(problem.contains("line 2, column"), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }

    #[test]
    fn a_layer_does_not_show_its_values() {
        let mut layers = Layers::new(keys::database(), PathBuf::from("x.toml"), "X");
        let name = "REMORA__X__MYSQL__PASSWORD".to_owned();
        layers.add_variables(HashMap::from([(name, "hunter2".to_owned())]));
        let shown = format!("{:?} {:?}", layers.layers, layers.context);
        assert!(
            shown.contains("mysql.password") && !shown.contains("hunter2"),
            "{shown}"
        );
    }
}
