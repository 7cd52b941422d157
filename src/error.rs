//! How failures are classed: every stage's error says what happened, whose turn it is, and what mends it.

use std::borrow::Cow;
use std::fmt;

/// Whose turn it is after a failure. Only the daemon branches on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The world will mend it: try again, with backoff, for ever.
    Transient,
    /// An operator must change something: this database stops, the others go on.
    Operator,
    /// The data cannot be read or delivered as it stands: this database stops, the position stays.
    Data,
    /// remora is wrong: this database stops, everything known is logged.
    Bug,
}

impl Fault {
    /// The word for it in logs, metrics and the status page.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Transient => "transient",
            Fault::Operator => "operator",
            Fault::Data => "data",
            Fault::Bug => "bug",
        }
    }
}

/// What every stage's error answers.
pub trait Classify: std::error::Error {
    /// Whose turn it is.
    fn fault(&self) -> Fault;
    /// What an operator should do, as one sentence or statement; `None` where waiting is all.
    fn remedy(&self) -> Option<Cow<'static, str>>;
}

/// A text that must never be shown: passwords and keys. Its `Debug` and `Display` print stars.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: String) -> Secret {
        Secret(text)
    }

    /// The text itself, for the one call that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
