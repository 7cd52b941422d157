//! New names from old ones: a pattern on the whole name, and what takes its place.
//!
//! Takes a pattern and a replacement as Java's `Matcher.replaceFirst` reads it (`$1`, `${name}`, `\$`), gives the
//! new name. Never fails once it is made, and never reads a pattern that it would match otherwise than Java.

use regex::Regex;

/// A pattern that must match a whole text, and its replacement.
#[derive(Clone, Debug)]
pub struct Rewrite {
    whole: Regex,
    first: Regex,
    pieces: Vec<Piece>,
}

/// A part of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// What the group of this number has matched.
    Group(usize),
}

/// Why there is no such rewrite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RewriteError {
    /// The pattern, and what is wrong with it.
    Pattern(String),
    /// The replacement, and what is wrong with it.
    Replacement(String),
}

/// A pattern that must match a whole text, letter case and all.
///
/// # Errors
/// What is wrong with it.
pub fn whole(pattern: &str) -> Result<Regex, String> {
    // Alone first: `a)|(b` would only be legal within the group.
    compile(pattern)?;
    compile(&format!(r"\A(?:{pattern})\z"))
}

fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| {
        // The last line says what is wrong, the ones above it repeat the pattern.
        let text = error.to_string();
        let reason = text.lines().last().unwrap_or_default().trim();
        let reason = reason.strip_prefix("error: ").unwrap_or(reason);
        format!("is not a regular expression: {reason}")
    })
}

impl Rewrite {
    /// Of a pattern and a replacement.
    ///
    /// # Errors
    /// One of the two is wrong.
    pub fn new(pattern: &str, replacement: &str) -> Result<Rewrite, RewriteError> {
        let whole = whole(pattern).map_err(RewriteError::Pattern)?;
        let first = compile(pattern).map_err(RewriteError::Pattern)?;
        let pieces = pieces(replacement, &first).map_err(RewriteError::Replacement)?;
        Ok(Rewrite {
            whole,
            first,
            pieces,
        })
    }

    /// The new text; `None` where the pattern does not match the whole of the old one.
    pub fn apply(&self, text: &str) -> Option<String> {
        if !self.whole.is_match(text) {
            return None;
        }
        // Java looks for the first match again, which need not be the whole text.
        let captures = self.first.captures(text)?;
        let found = captures.get(0)?;
        let mut new = text.get(..found.start())?.to_owned();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => new.push_str(text),
                Piece::Group(group) => {
                    new.push_str(captures.get(*group).map_or("", |matched| matched.as_str()));
                }
            }
        }
        new.push_str(text.get(found.end()..)?);
        Some(new)
    }
}

fn pieces(replacement: &str, pattern: &Regex) -> Result<Vec<Piece>, String> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = replacement.chars();
    while let Some(c) = rest.next() {
        let group = match c {
            '\\' => {
                let escaped = rest.next();
                text.push(escaped.ok_or("ends with a backslash")?);
                continue;
            }
            '$' => group(&mut rest, pattern)?,
            c => {
                text.push(c);
                continue;
            }
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        pieces.push(Piece::Group(group));
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// The number of the group that stands behind a `$`.
fn group(rest: &mut std::str::Chars<'_>, pattern: &Regex) -> Result<usize, String> {
    if let Some((name, after)) = rest
        .as_str()
        .strip_prefix('{')
        .and_then(|named| named.split_once('}'))
    {
        *rest = after.chars();
        let mut names = pattern.capture_names();
        return names
            .position(|group| group == Some(name))
            .ok_or_else(|| format!("names the group {name:?}, which the pattern does not have"));
    }
    let digit = |c: Option<char>| {
        c.and_then(|c| c.to_digit(10))
            .and_then(|digit| usize::try_from(digit).ok())
    };
    let Some(mut number) = digit(rest.next()) else {
        return Err(r"has a `$` that names no group; write it as `\$`".to_owned());
    };
    if number >= pattern.captures_len() {
        return Err(format!(
            "names group {number}, which the pattern does not have"
        ));
    }
    // As many digits as there are groups for.
    while let Some(next) = digit(rest.clone().next()) {
        let longer = number.saturating_mul(10).saturating_add(next);
        if longer >= pattern.captures_len() {
            break;
        }
        number = longer;
        rest.next();
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(pattern: &str, replacement: &str, text: &str) -> Option<String> {
        Rewrite::new(pattern, replacement).unwrap().apply(text)
    }

    #[test]
    fn groups_go_where_java_puts_them() {
        for (pattern, replacement, text, expected) in [
            (
                "(?<v>.*)",
                "outbox.event.${v}",
                "order",
                Some("outbox.event.order"),
            ),
            (
                "p\\.shard_(\\d+)\\.(.*)",
                "p.$2",
                "p.shard_12.t",
                Some("p.t"),
            ),
            ("p\\.(.*)", "$1", "q.t", None),
            // One group: `$11` is group 1 and a 1.
            ("(a)b", "$11", "ab", Some("a1")),
            ("(a)b", r"\$1\\", "ab", Some(r"$1\")),
            // The whole must match, and then the first match is replaced.
            ("a|ab", "x", "ab", Some("xb")),
            ("(a)|b", "<$1>", "b", Some("<>")),
            // Letter case counts, and nothing but the whole.
            ("a", "x", "A", None),
            ("a", "x", "ba", None),
            ("", "x", "", Some("x")),
        ] {
            let new = rewritten(pattern, replacement, text);
            assert_eq!(new.as_deref(), expected, "{pattern} {replacement} {text}");
        }
    }

    #[test]
    fn what_java_would_refuse_is_refused() {
        for (replacement, problem) in [
            ("$2", "names group 2"),
            ("${x}", "names the group"),
            ("a$", "names no group"),
            ("$x", "names no group"),
            ("${x", "names no group"),
            ("a\\", "backslash"),
        ] {
            let error = Rewrite::new("(a)", replacement).unwrap_err();
            let RewriteError::Replacement(text) = error else {
                panic!("{error:?}");
            };
            assert!(text.contains(problem), "{replacement}: {text}");
        }
        for pattern in ["(", "a)|(b", "(?=a)"] {
            let error = Rewrite::new(pattern, "").unwrap_err();
            assert!(matches!(error, RewriteError::Pattern(_)), "{pattern}");
        }
    }
}
