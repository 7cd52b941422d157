//! The keys of the configuration files: the one definition of each name, type, default and meaning.
//!
//! Gives the tables that `layer.rs` checks files against, that the defaults are read from, and that
//! `config/` and `docs/configuration.md` are written from. Never holds a value.

mod delivery;
mod records;

use std::fmt;
use std::sync::LazyLock;

use delivery::DELIVERY;
use records::RECORDS;

/// One key.
#[derive(Clone, Debug)]
pub(super) struct Key {
    /// Dotted path: tables, then the name.
    pub(super) path: &'static str,
    /// What values it takes.
    pub(super) kind: Kind,
    /// What holds where it is not set.
    pub(super) unset: Unset,
    /// What it does, for the reference.
    pub(super) about: &'static str,
}

/// What values a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text.
    Text,
    /// A text that no file may hold.
    Password,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Bool,
    /// A whole number within limits, both included.
    Integer { min: i64, max: i64 },
    /// Bytes, as a number or as a text with a unit, within limits, both included.
    Bytes { min: u64, max: u64 },
    /// A list of texts.
    List,
    /// librdkafka settings by name: texts, whole numbers, booleans.
    Settings,
    /// Paths of files that hold librdkafka settings, by name of the setting.
    Files,
    /// A list of tables, whose members are checked elsewhere.
    Tables,
}

/// What holds where a key is not set.
#[derive(Clone, Debug)]
pub(super) enum Unset {
    /// Nothing: it must be set. The example is TOML.
    Required { example: &'static str },
    /// This TOML value.
    Is(&'static str),
    /// A value that follows from others.
    Derived {
        rule: &'static str,
        example: &'static str,
    },
    /// Nothing, and that is fine.
    Nothing { example: &'static str },
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Text => f.write_str("text"),
            Kind::Password => f.write_str("text, from the environment only"),
            Kind::Word(words) => {
                f.write_str("one of ")?;
                for (number, word) in words.iter().enumerate() {
                    if number > 0 {
                        f.write_str(", ")?;
                    }
                    write!(f, "\"{word}\"")?;
                }
                Ok(())
            }
            Kind::Bool => f.write_str("true or false"),
            Kind::Integer { min, max } => write!(f, "an integer from {min} to {max}"),
            Kind::Bytes { min, max } => write!(
                f,
                "bytes from {min} to {max}, as an integer or as text such as \"16MiB\" (B, KiB, MiB, GiB, TiB)"
            ),
            Kind::List => f.write_str("a list of texts"),
            Kind::Settings => f.write_str("a table of texts, integers and booleans"),
            Kind::Files => f.write_str("a table of paths"),
            Kind::Tables => f.write_str("a list of tables"),
        }
    }
}

/// The keys of a file in `databases/`.
pub(super) fn database() -> &'static [Key] {
    static ALL: LazyLock<Vec<Key>> = LazyLock::new(|| [RECORDS, DELIVERY].concat());
    &ALL
}

/// The key of this path.
pub(super) fn find(keys: &'static [Key], path: &str) -> Option<&'static Key> {
    keys.iter().find(|key| key.path == path)
}

/// Whether keys stand in a table of this path.
pub(super) fn is_table(keys: &[Key], path: &str) -> bool {
    keys.iter().any(|key| {
        key.path
            .strip_prefix(path)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The keys of `daemon.toml`.
pub(super) static DAEMON: &[Key] = &[
    Key {
        path: "shutdown_timeout_s",
        kind: Kind::Integer { min: 0, max: 3600 },
        unset: Unset::Is("25"),
        about: "Seconds that SIGTERM may take to drain before the process ends all the same. Keep it below what your supervisor waits: Kubernetes kills after 30 s, Docker after 10 s.",
    },
    Key {
        path: "http.listen",
        kind: Kind::Text,
        unset: Unset::Is(r#""127.0.0.1:9187""#),
        about: "Address and port of `/metrics`, `/health` and `/ready`. Use `0.0.0.0:9187` inside a container.",
    },
    Key {
        path: "log.format",
        kind: Kind::Word(&["text", "json"]),
        unset: Unset::Is(r#""text""#),
        about: "Log lines as text or as one JSON object each.",
    },
    Key {
        path: "log.level",
        kind: Kind::Text,
        unset: Unset::Is(r#""info""#),
        about: "`off`, `error`, `warn`, `info`, `debug` or `trace`; or a list such as `info,remora::source=debug`.",
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_unique_and_tables_stand_together() {
        for keys in [DAEMON, database()] {
            let mut closed = Vec::new();
            let mut current = None;
            for key in keys {
                assert_eq!(
                    keys.iter().filter(|other| other.path == key.path).count(),
                    1
                );
                let table = key.path.rsplit_once('.').map(|(table, _)| table);
                if table != current {
                    assert!(
                        !closed.contains(&table),
                        "{} stands apart from its table",
                        key.path
                    );
                    closed.push(current);
                    current = table;
                }
            }
        }
    }
}
