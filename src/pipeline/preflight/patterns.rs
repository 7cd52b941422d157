//! Patterns of the configuration that match nothing the server has: most are misspelt.
//!
//! Takes an SQL connection and what is captured, gives those patterns. Reads only, and only the names of what the
//! account may see; a table may be created later, so that this is no reason to stop.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use regex::Regex;

use crate::config::Capture;
use crate::pipeline::error::Error;

/// Rows of the server's own schemas are never captured.
const OWN: &str = "('mysql', 'sys', 'performance_schema', 'information_schema')";

/// Each pattern that matches nothing, as `capture.include: …`; nothing where the account sees no table at all.
///
/// # Errors
/// What the server says.
pub async fn unmatched(conn: &mut Conn, capture: &Capture) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let (lists, columns) = (&capture.tables, &capture.columns);
    let of_tables = [
        ("capture.include", &lists.include),
        ("capture.exclude", &lists.exclude),
    ];
    let of_databases = [
        ("capture.include_databases", &lists.include_databases),
        ("capture.exclude_databases", &lists.exclude_databases),
    ];
    let of_columns = [
        ("capture.include_columns", &columns.include),
        ("capture.exclude_columns", &columns.exclude),
        ("capture.key_columns", &columns.key),
    ];
    let masks: Vec<Regex> = columns
        .masks
        .iter()
        .map(|rule| rule.columns.clone())
        .collect();
    let query = format!(
        "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME) FROM information_schema.TABLES \
         WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_SCHEMA NOT IN {OWN}"
    );
    if !is_empty(&of_tables)
        || !is_empty(&of_databases)
        || !is_empty(&of_columns)
        || !masks.is_empty()
    {
        let tables: Vec<String> = conn.query(query).await?;
        if tables.is_empty() {
            return Ok(found);
        }
        let databases = tables.iter().filter_map(|name| name.split('.').next());
        let mut databases: Vec<&str> = databases.collect();
        databases.dedup();
        for (key, patterns) in of_tables {
            found.extend(without_match(key, patterns, &tables));
        }
        for (key, patterns) in of_databases {
            found.extend(without_match(key, patterns, &databases));
        }
    }
    if is_empty(&of_columns) && masks.is_empty() {
        return Ok(found);
    }
    let query = format!(
        "SELECT CONCAT(TABLE_SCHEMA, '.', TABLE_NAME, '.', COLUMN_NAME) FROM information_schema.COLUMNS \
         WHERE TABLE_SCHEMA NOT IN {OWN}"
    );
    let names: Vec<String> = conn.query(query).await?;
    for (key, patterns) in of_columns {
        found.extend(without_match(key, patterns, &names));
    }
    found.extend(without_match("masks", &masks, &names));
    Ok(found)
}

fn is_empty(lists: &[(&str, &Vec<Regex>)]) -> bool {
    lists.iter().all(|(_, patterns)| patterns.is_empty())
}

fn without_match<'a>(
    key: &'a str,
    patterns: &'a [Regex],
    names: &'a [impl AsRef<str>],
) -> impl Iterator<Item = String> + 'a {
    let missed = |pattern: &&Regex| !names.iter().any(|name| pattern.is_match(name.as_ref()));
    patterns.iter().filter(missed).map(move |pattern| {
        let text = pattern.as_str();
        let plain = text
            .strip_prefix("^(?:")
            .and_then(|text| text.strip_suffix(")$"));
        format!(
            "{key}: {} matches nothing that the account may see",
            plain.unwrap_or(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_shown_as_they_were_written() {
        let patterns =
            [r"^(?:shop\.ordrs)$", r"^(?:shop\..*)$"].map(|text| Regex::new(text).unwrap());
        let missed: Vec<String> =
            without_match("capture.include", &patterns, &["shop.orders"]).collect();
        let expected = r"capture.include: shop\.ordrs matches nothing that the account may see";
        assert_eq!(missed, [expected]);
    }
}
