//! What a misspelt name most likely stands for.
//!
//! Takes a name and those that there are, gives the one a few letters away, if there is one. Pure.

use super::keys::Key;

/// The key or table that a wrong path most likely stands for: the same name in another table, or a
/// few letters away.
pub(super) fn similar(keys: &'static [Key], path: &str) -> Option<&'static str> {
    let name = |path: &str| path.rsplit('.').next().map(str::to_owned);
    let mut same_name = keys.iter().filter(|key| name(key.path) == name(path));
    if let (Some(key), None) = (same_name.next(), same_name.next()) {
        return Some(key.path);
    }
    let tables = keys
        .iter()
        .filter_map(|key| key.path.rsplit_once('.').map(|(table, _)| table));
    keys.iter()
        .map(|key| key.path)
        .chain(tables)
        .map(|candidate| (distance(candidate, path), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= 3 && distance * 2 <= candidate.len())
        .map(|(_, candidate)| candidate)
}

/// How many letters must be inserted, removed or replaced to get from one text to the other.
pub(super) fn distance(from: &str, to: &str) -> usize {
    // One row of the table of distances between prefixes; Levenshtein's algorithm.
    let mut row: Vec<usize> = (0..=to.chars().count()).collect();
    for (line, left) in from.chars().enumerate() {
        let mut diagonal = line;
        let mut previous = line + 1;
        for (cell, right) in row.iter_mut().skip(1).zip(to.chars()) {
            let replaced = diagonal + usize::from(left != right);
            diagonal = *cell;
            previous = replaced.min(diagonal + 1).min(previous + 1);
            *cell = previous;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::keys::database;

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("mysql", "mysql"), 0);
    }

    #[test]
    fn similar_finds_a_misspelt_or_misplaced_key() {
        assert_eq!(similar(database(), "mysql.hots"), Some("mysql.host"));
        assert_eq!(similar(database(), "mysq"), Some("mysql"));
        assert_eq!(similar(database(), "host"), Some("mysql.host"));
        assert_eq!(similar(database(), "strat"), Some("start"));
        assert_eq!(similar(database(), "records.headers"), None);
        assert_eq!(similar(database(), "completely_different"), None);
    }
}
