//! Names within the statements that frame a group: of savepoints and of XA transactions.
//!
//! Takes a QUERY event of such a statement, gives its name; never guesses one. The server writes these
//! statements itself, in one form each (`binlog_savepoint_set`, `Xid::serialize` of MySQL 8.0).

use std::str::FromStr;

use crate::event::Query;
use crate::xa::Xid;

/// The name of a savepoint, in the form by which the server compares such names: letter case aside.
pub fn savepoint(query: &Query<'_>) -> Option<String> {
    let text = std::str::from_utf8(query.text).ok()?.trim();
    let rest = match keyword(text, "ROLLBACK") {
        Some(rest) => {
            let rest = keyword(rest, "WORK").unwrap_or(rest);
            let rest = keyword(rest, "TO")?;
            // `TO savepoint` alone is a savepoint of that name.
            match keyword(rest, "SAVEPOINT") {
                Some(name) if !name.is_empty() => name,
                Some(_) | None => rest,
            }
        }
        None => keyword(text, "SAVEPOINT")?,
    };
    name(rest).map(|name| name.to_lowercase())
}

/// The id in `XA COMMIT X'…',X'…',1` and its like.
pub fn xid(query: &Query<'_>) -> Option<Xid> {
    let text = std::str::from_utf8(query.text).ok()?.trim();
    let rest = keyword(text, "XA")?;
    let rest = ["START", "BEGIN", "END", "COMMIT", "ROLLBACK"]
        .iter()
        .find_map(|word| keyword(rest, word))?;
    Xid::from_str(rest).ok()
}

/// What follows a keyword and blanks.
fn keyword<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let (first, rest) = text.split_at_checked(word.len())?;
    let ends = rest
        .chars()
        .next()
        .is_none_or(|sign| sign.is_whitespace() || matches!(sign, '`' | '"'));
    (ends && first.eq_ignore_ascii_case(word)).then(|| rest.trim_start())
}

/// A quoted name with its doubled quotes, or a plain one.
fn name(text: &str) -> Option<String> {
    let quote = text.chars().next()?;
    if !matches!(quote, '`' | '"') {
        let plain = !text.contains([' ', '`', '"', ';']);
        return plain.then(|| text.to_owned());
    }
    let inside = text.get(1..)?.strip_suffix(quote)?;
    let doubled: String = [quote, quote].iter().collect();
    let name = inside.replace(&doubled, "\0");
    // A quote that is not doubled would end the name before its end.
    let whole = !name.is_empty() && !name.contains(quote) && !inside.contains('\0');
    whole.then(|| name.replace('\0', &quote.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(text: &str) -> Query<'_> {
        Query {
            thread: 1,
            error: 0,
            status: b"",
            database: b"",
            text: text.as_bytes(),
        }
    }

    #[test]
    fn names_of_savepoints() {
        for (text, name) in [
            ("SAVEPOINT `s`", Some("s")),
            ("SAVEPOINT \"x\"\"y\"", Some("x\"y")),
            ("savepoint `A ``b`", Some("a `b")),
            ("ROLLBACK TO `S1`", Some("s1")),
            ("ROLLBACK TO SAVEPOINT Ä", Some("ä")),
            ("ROLLBACK WORK TO savepoint", Some("savepoint")),
            ("ROLLBACK TO SAVEPOINT `savepoint`", Some("savepoint")),
            ("SAVEPOINT `a`b`", None),
            ("SAVEPOINT `a", None),
            ("SAVEPOINT", None),
            ("ROLLBACK", None),
            ("BEGIN", None),
        ] {
            assert_eq!(savepoint(&query(text)).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn ids_of_xa_transactions() {
        let expected = Xid::new(7, b"a", b"b").unwrap();
        for verb in ["START", "END", "COMMIT", "ROLLBACK"] {
            let text = format!("XA {verb} X'61',X'62',7");
            assert_eq!(xid(&query(&text)), Some(expected.clone()));
        }
        assert_eq!(xid(&query("XA COMMIT 'a','b',7")), None);
        assert_eq!(xid(&query("XA RECOVER")), None);
    }

    proptest! {
        #[test]
        fn never_panics(text in prop::collection::vec(any::<u8>(), 0..40)) {
            let query = Query { thread: 0, error: 0, status: b"", database: b"", text: &text };
            let _ = (savepoint(&query), xid(&query));
        }
    }
}
