//! Properties of a connector: Connect's JSON, or a Java properties file.

use std::collections::BTreeMap;

use serde_json::Value;

/// Why a file is no configuration of a connector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// It begins like JSON and is none.
    #[error("line {line} is not JSON")]
    Json {
        /// Where.
        line: usize,
    },
    /// JSON, but not an object of texts, or one with such an object as its `config`.
    #[error("expected an object of properties, or one with a member \"config\"")]
    Form,
    /// A property is neither text, number nor boolean.
    #[error("property {name:?} is neither text nor a number nor true or false")]
    Value {
        /// Its name.
        name: String,
    },
    /// No property at all.
    #[error("there is no property in it")]
    Empty,
}

/// Reads properties by their names.
///
/// # Errors
/// [`ParseError`]; no value is in it.
pub fn parse(text: &str) -> Result<BTreeMap<String, String>, ParseError> {
    let properties = match text.trim_start().starts_with('{') {
        true => json(text)?,
        false => java(text),
    };
    match properties.is_empty() {
        true => Err(ParseError::Empty),
        false => Ok(properties),
    }
}

fn json(text: &str) -> Result<BTreeMap<String, String>, ParseError> {
    let value: Value =
        serde_json::from_str(text).map_err(|error| ParseError::Json { line: error.line() })?;
    let Value::Object(mut object) = value else {
        return Err(ParseError::Form);
    };
    let name = object.get("name").cloned();
    let mut config = match object.remove("config") {
        Some(Value::Object(config)) => config,
        Some(_) => return Err(ParseError::Form),
        None => object,
    };
    if let Some(name) = name {
        config.entry("name").or_insert(name);
    }
    let text = |(name, value): (String, Value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Bool(value) => Ok((name, value.to_string())),
        Value::Number(value) => Ok((name, value.to_string())),
        Value::Null | Value::Array(_) | Value::Object(_) => {
            // The names of some hold a secret.
            let name = name
                .split(".with.salt.")
                .next()
                .unwrap_or_default()
                .to_owned();
            Err(ParseError::Value { name })
        }
    };
    config.into_iter().map(text).collect()
}

/// The format of `java.util.Properties`: `=`, `:` or a space behind the name, `#` and `!` begin comments, a
/// backslash escapes and at the end of a line joins the next one.
fn java(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while is_continued(&logical) {
            logical.pop();
            match lines.next() {
                Some(next) => logical.push_str(next.trim_start()),
                None => break,
            }
        }
        let (name, value) = parts(&logical);
        properties.insert(name, value);
    }
    properties
}

fn is_continued(line: &str) -> bool {
    let backslashes = line.chars().rev().take_while(|c| *c == '\\').count();
    backslashes % 2 == 1
}

fn parts(line: &str) -> (String, String) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || c.is_whitespace());
        escaped = c == '\\' && !escaped;
        ends
    });
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
    (unescaped(name), unescaped(value))
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\\' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let digits: String = characters.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16)
                    .ok()
                    .and_then(char::from_u32);
                out.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    out
}
