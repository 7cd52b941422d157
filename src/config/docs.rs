//! The files that show the configuration, written from the table of keys.
//!
//! Gives `config/daemon.toml`, `config/databases/example.toml` and `docs/configuration.md` as texts. A
//! test compares them with the files of the repository.

use super::keys::{DAEMON, Key, Kind, Unset, database};

/// Columns that a comment in a TOML file may take.
const COLUMNS: usize = 100;

const DAEMON_HEAD: &str = "\
# What holds for the whole process. Every key is here with its default; a key that is left out has it
# too, and so do all of them where this file is missing. docs/configuration.md is the reference.
";

const EXAMPLE_HEAD: &str = "\
# Every key of a database, with its default or an example. This file is documentation: a file named
# example.toml is never read. Copy it to NAME.toml, and fill in the keys that are not commented out.
# NAME is the database in logs, metrics and variables: REMORA__NAME__MYSQL__PASSWORD is its password.
";

const REFERENCE_HEAD: &str = "\
# Configuration

remora reads a folder, `config` or what `--config` or `REMORA_CONFIG` names:

- `daemon.toml`: what holds for the process. It may be missing.
- `databases/NAME.toml`: one database each. `databases/example.toml` is documentation and never read.

`NAME` is the database in logs and metrics. It is made of letters and digits, with single `-`, `.` or
`_` between them.

Layers, each above the one before: built-in defaults, the file, environment variables, arguments.

`remora check` reports everything that is wrong at once: unknown keys, wrong types and wrong values of
all files and variables, each with its file, its key and what to do. With any finding nothing starts.

## Environment variables

A variable is named `REMORA__`, the name of the file, the tables and the key, in capitals, with two
underscores between them; `-` and `.` in the file's name become `_`.

| key | variable |
|---|---|
| `host` in `[mysql]` of `databases/shop-eu.toml` | `REMORA__SHOP_EU__MYSQL__HOST` |
| `mode` in `[mysql.tls]` of the same | `REMORA__SHOP_EU__MYSQL__TLS__MODE` |
| `\"sasl.password\"` in `[kafka.properties]` of the same | `REMORA__SHOP_EU__KAFKA__PROPERTIES__SASL_PASSWORD` |
| `listen` in `[http]` of `daemon.toml` | `REMORA__DAEMON__HTTP__LISTEN` |

Text is taken as it is, so the password `007` stays `007`. Lists have commas between their entries; a
comma within an entry is written `\\,`. A variable that begins with `REMORA__` and names no file or no
key is an error.

## Secrets

A TOML file holds no secret: a `password` in it is an error. Secrets come from files of their own
(`mysql.password_file`, `kafka.properties_files`) or from the environment, which stands above the files.
One newline at the end of such a file is cut. Other users of the machine must have no access to it:
`chmod o= FILE`, and on Kubernetes `defaultMode: 0440` with an `fsGroup`, as secrets are mounted for
everybody otherwise. The same holds for `mysql.tls.key_file`.

## librdkafka settings

`[kafka.properties]` passes any setting of librdkafka, except those that a promise of remora fixes:
idempotence, acknowledgements, requests in flight, retries and timeouts of records, transactions, the
partitioner, the order and the size of the queue, and the brokers. Each is refused with its reason.
Names and values are checked against librdkafka before anything starts.

## Several databases

Each database has its own `topic_prefix` and its own `checkpoint.path`. Two databases on the same server
need different values of `mysql.server_id`, which the default gives them.
";

/// `config/daemon.toml`.
pub fn daemon_example() -> String {
    let mut text = DAEMON_HEAD.to_owned();
    toml(&mut text, DAEMON, Shown::AsDefault);
    text
}

/// `config/databases/example.toml`.
pub fn database_example() -> String {
    let mut text = EXAMPLE_HEAD.to_owned();
    toml(&mut text, database(), Shown::Commented);
    text
}

/// `docs/configuration.md`.
pub fn reference() -> String {
    let mut text = REFERENCE_HEAD.to_owned();
    for (file, keys) in [("daemon.toml", DAEMON), ("databases/NAME.toml", database())] {
        text.extend(["\n## `", file, "`\n"]);
        let mut table = None;
        for key in keys {
            let (of, name) = split(key);
            if table != Some(of) {
                table = Some(of);
                let title = if of.is_empty() {
                    "Before any table".to_owned()
                } else {
                    format!("`[{of}]`")
                };
                text.extend([
                    "\n### ",
                    &title,
                    "\n\n| key | value | default | |\n|---|---|---|---|\n",
                ]);
            }
            let default = default(key);
            let row = format!("| `{name}` | {} | {default} | {} |\n", key.kind, key.about);
            text.push_str(&row);
        }
    }
    text
}

/// Whether keys that have a default stand in a file or are commented out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shown {
    AsDefault,
    Commented,
}

fn toml(text: &mut String, keys: &[Key], shown: Shown) {
    let mut table = "";
    for key in keys {
        let (of, name) = split(key);
        if of != table {
            table = of;
            text.extend(["\n[", of, "]\n"]);
        } else {
            text.push('\n');
        }
        comment(text, key.about);
        let line = match key.unset {
            Unset::Required { example } => format!("{name} = {example}\n"),
            Unset::Is(value) if shown == Shown::AsDefault => format!("{name} = {value}\n"),
            Unset::Is(value) => format!("#{name} = {value}\n"),
            Unset::Derived { rule, example } => {
                comment(text, &format!("Default: {rule}."));
                format!("#{name} = {example}\n")
            }
            Unset::Nothing { .. } if key.kind == Kind::Password => {
                let variable = key.path.to_uppercase().replace('.', "__");
                format!("# {name}: only by environment variable REMORA__NAME__{variable}\n")
            }
            Unset::Nothing { example } => {
                comment(text, "No default.");
                format!("#{name} = {example}\n")
            }
        };
        if let Kind::Word(_) | Kind::Integer { .. } = key.kind {
            comment(text, &format!("Value: {}.", key.kind));
        }
        text.push_str(&line);
    }
}

/// The table and the name of a key.
fn split(key: &Key) -> (&'static str, &'static str) {
    key.path.rsplit_once('.').unwrap_or(("", key.path))
}

fn default(key: &Key) -> String {
    match key.unset {
        Unset::Required { .. } => "required".to_owned(),
        Unset::Is(value) => format!("`{value}`"),
        Unset::Derived { rule, .. } => rule.to_owned(),
        Unset::Nothing { .. } => "none".to_owned(),
    }
}

/// Prose as comment lines of a TOML file.
fn comment(text: &mut String, prose: &str) {
    let mut column = 0;
    for word in prose.split_whitespace() {
        let width = word.chars().count() + 1;
        if column == 0 {
            text.push('#');
            column = 1;
        } else if column + width > COLUMNS {
            text.push_str("\n#");
            column = 1;
        }
        text.extend([" ", word]);
        column += width;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn files_of_the_repository_are_what_the_keys_say() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (path, text) in [
            ("config/daemon.toml", daemon_example()),
            ("config/databases/example.toml", database_example()),
            ("docs/configuration.md", reference()),
        ] {
            if std::env::var_os("UPDATE_DOCS").is_some() {
                std::fs::write(root.join(path), &text).unwrap();
            }
            let found = std::fs::read_to_string(root.join(path)).unwrap_or_default();
            assert!(
                found == text,
                "{path} is not what src/config/keys.rs says: run this test with UPDATE_DOCS=1"
            );
        }
    }

    #[test]
    fn every_key_is_listed() {
        for (keys, text) in [(DAEMON, daemon_example()), (database(), database_example())] {
            let mut table = String::new();
            let mut listed = Vec::new();
            for line in text.lines() {
                if let Some(name) = line.strip_prefix('[') {
                    table = format!("{}.", name.trim_end_matches(']'));
                } else if let Some((name, _)) = line.split_once(" = ") {
                    let name = name.trim_start_matches('#');
                    if !name.contains(' ') {
                        listed.push(format!("{table}{name}"));
                    }
                }
            }
            let defined: Vec<&str> = keys
                .iter()
                .filter(|key| key.kind != Kind::Password)
                .map(|key| key.path)
                .collect();
            assert_eq!(listed, defined);
            let reference = reference();
            for key in keys {
                assert!(reference.contains(&format!("| `{}` | {} |", split(key).1, key.kind)));
            }
        }
    }
}
