//! Values of keys: from TOML, or from text alone, to what the kind of the key says.
//!
//! Takes a kind and a value, gives the value in its one form or what was found instead. Pure.

use ::config::{Value, ValueKind};

use super::keys::Kind;

/// No longer text of a user is repeated in a finding.
const SHOWN_CHARS_MAX: usize = 40;

/// A TOML value of the kind, or what was found instead.
pub(super) fn typed(kind: Kind, value: ValueKind) -> Result<ValueKind, String> {
    match (kind, value) {
        (Kind::Text, value @ ValueKind::String(_))
        | (Kind::Bool, value @ ValueKind::Boolean(_)) => Ok(value),
        (Kind::Word(words), ValueKind::String(text)) => word(words, &text),
        (Kind::Integer { min, max }, ValueKind::I64(value)) => integer(value, min, max),
        (Kind::Bytes { min, max }, ValueKind::I64(value)) => u64::try_from(value)
            .ok()
            .and_then(|bytes| within(bytes, min, max))
            .ok_or(value.to_string()),
        (Kind::Bytes { min, max }, ValueKind::String(text)) => bytes(&text, min, max),
        (Kind::List, ValueKind::Array(items)) => {
            match items
                .iter()
                .find(|item| !matches!(item.kind, ValueKind::String(_)))
            {
                Some(item) => Err(format!("a list that holds {}", found(&item.kind))),
                None => Ok(ValueKind::Array(items)),
            }
        }
        (Kind::Tables, ValueKind::Array(items)) => match items.iter().find_map(no_options) {
            Some(found) => Err(found),
            None => Ok(ValueKind::Array(items)),
        },
        (_, value) => Err(found(&value).to_owned()),
    }
}

/// What is wrong with a table of texts, numbers, booleans and lists of texts.
fn no_options(table: &Value) -> Option<String> {
    let ValueKind::Table(options) = &table.kind else {
        return Some(format!("a list that holds {}", found(&table.kind)));
    };
    let text = |item: &Value| matches!(item.kind, ValueKind::String(_));
    let wrong = |value: &ValueKind| match value {
        ValueKind::String(_) | ValueKind::Boolean(_) | ValueKind::I64(_) => false,
        ValueKind::Array(items) => !items.iter().all(text),
        ValueKind::Nil
        | ValueKind::I128(_)
        | ValueKind::U64(_)
        | ValueKind::U128(_)
        | ValueKind::Float(_)
        | ValueKind::Table(_) => true,
    };
    let mut wrong: Vec<&String> = options
        .iter()
        .filter(|(_, value)| wrong(&value.kind))
        .map(|(name, _)| name)
        .collect();
    wrong.sort();
    let name = wrong.first()?;
    Some(format!(
        "one whose {name} is no text, number, boolean or list of texts"
    ))
}

/// A value of the kind from text alone, or what was found instead.
pub(super) fn parsed(kind: Kind, text: &str) -> Result<ValueKind, String> {
    match kind {
        Kind::Text | Kind::Password => Ok(ValueKind::String(text.to_owned())),
        Kind::Word(words) => word(words, text),
        Kind::Bool => match text {
            "true" => Ok(ValueKind::Boolean(true)),
            "false" => Ok(ValueKind::Boolean(false)),
            _ => Err("another text".to_owned()),
        },
        Kind::Integer { min, max } => match text.parse() {
            Ok(value) => integer(value, min, max),
            Err(_) => Err("another text".to_owned()),
        },
        Kind::Bytes { min, max } => bytes(text, min, max),
        Kind::List => Ok(ValueKind::Array(
            list(text).into_iter().map(Value::from).collect(),
        )),
        Kind::Settings | Kind::Files => {
            Err("one text (append the name of the setting to the variable's)".to_owned())
        }
        Kind::Tables => Err("one text (transforms stand in the file)".to_owned()),
    }
}

/// A librdkafka setting as the text that librdkafka takes, or what was found instead.
pub(super) fn setting(kind: Kind, value: ValueKind) -> Result<String, &'static str> {
    match (kind, value) {
        (_, ValueKind::String(text)) => Ok(text),
        (Kind::Settings, ValueKind::I64(value)) => Ok(value.to_string()),
        (Kind::Settings, ValueKind::Boolean(value)) => Ok(value.to_string()),
        (_, value) => Err(found(&value)),
    }
}

fn word(words: &[&str], text: &str) -> Result<ValueKind, String> {
    if words.contains(&text) {
        return Ok(ValueKind::String(text.to_owned()));
    }
    let shown: String = text.chars().take(SHOWN_CHARS_MAX).collect();
    Err(format!("{shown:?}"))
}

fn integer(value: i64, min: i64, max: i64) -> Result<ValueKind, String> {
    if (min..=max).contains(&value) {
        Ok(ValueKind::I64(value))
    } else {
        Err(value.to_string())
    }
}

fn bytes(text: &str, min: u64, max: u64) -> Result<ValueKind, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(digits).unwrap_or_default();
    let shift = match unit {
        "" | "B" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        "TiB" => 40,
        _ => return Err("another text".to_owned()),
    };
    let count: u64 = digits
        .trim_end()
        .parse()
        .map_err(|_| "another text".to_owned())?;
    count
        .checked_mul(1 << shift)
        .and_then(|bytes| within(bytes, min, max))
        .ok_or_else(|| format!("{count}{unit}"))
}

fn within(bytes: u64, min: u64, max: u64) -> Option<ValueKind> {
    (min..=max)
        .contains(&bytes)
        .then_some(ValueKind::U64(bytes))
}

/// Texts between commas; `\,` is a comma, as in Debezium's lists.
fn list(text: &str) -> Vec<String> {
    let mut items = Vec::new();
    let mut item = String::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('\\', Some(',')) => item.extend(rest.next()),
            (',', _) => items.push(std::mem::take(&mut item)),
            (c, _) => item.push(c),
        }
    }
    items.push(item);
    items.retain(|item| !item.trim().is_empty());
    items
}

/// The type of a value, in words that a user knows.
pub(super) fn found(value: &ValueKind) -> &'static str {
    match value {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => {
            "an integer"
        }
        ValueKind::Float(_) => "a number with a fraction",
        ValueKind::String(_) => "a text",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_take_units() {
        for (text, expected) in [
            ("1024", Some(1024)),
            ("2KiB", Some(2048)),
            ("128 MiB", Some(128 << 20)),
            ("1TiB", Some(1 << 40)),
            ("1MB", None),
            ("-1", None),
            ("1.5GiB", None),
            ("", None),
            ("MiB", None),
            ("99999999999999999999", None),
            ("18446744073709551615TiB", None),
            ("512", None),
        ] {
            let value = bytes(text, 1024, 1 << 40).ok();
            assert_eq!(value, expected.map(ValueKind::U64), "{text}");
        }
    }

    #[test]
    fn lists_split_at_commas_that_are_not_escaped() {
        assert_eq!(
            list(r"shop\.a,shop\.b{1\,2}"),
            [r"shop\.a", "shop\\.b{1,2}"]
        );
        assert_eq!(list(""), Vec::<String>::new());
    }
}
