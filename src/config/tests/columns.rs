//! Lists of columns, keys and masks.

use super::*;

/// The findings of a file with these lines, as `key|problem`.
fn findings(lines: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let folder = Folder::new(&[("databases/a.toml", &format!("{lines}\n{SMALL}"))]);
    match folder.load(variables) {
        Ok(_) => Vec::new(),
        Err(errors) => {
            let each = errors.findings.into_iter();
            let line = |finding: Finding| {
                format!("{}|{}", finding.key.unwrap_or_default(), finding.problem)
            };
            each.map(line).collect()
        }
    }
}

#[test]
fn only_one_list_of_columns_may_be_set() {
    let lines = "capture.include_columns = ['a.b.c']\ncapture.exclude_columns = ['a.b.d']";
    let expected = "capture.exclude_columns|is set beside capture.include_columns";
    assert_eq!(findings(lines, &[]), [expected]);
}

#[test]
fn entries_of_masks_and_keys_that_mean_nothing_are_reported() {
    let lines = "capture.key_columns = ['shop.orders', 'shop.orders:', ':a']\n\
        masks.stars = ['shop.users.name', 'ten: a.b.c', '70000: a.b.c']\n\
        masks.truncate = ['5: a.(b']\n\
        masks.hash = ['CRC32: a.b.c']\n\
        capture.include_databases = ['a(']";
    let found = findings(lines, &[("REMORA__A__MASKS__SALT", "pepper")]);
    for (key, part) in [
        ("capture.key_columns", "\"shop.orders\" has no colon"),
        ("capture.key_columns", "\"shop.orders:\" has an empty part"),
        ("capture.key_columns", "\":a\" has an empty part"),
        ("masks.stars", "\"shop.users.name\" has no colon"),
        ("masks.stars", "\"ten: a.b.c\" does not begin with a number"),
        (
            "masks.stars",
            "\"70000: a.b.c\" does not begin with a number up to 65535",
        ),
        ("masks.truncate", "not a regular expression"),
        ("masks.hash", "\"CRC32: a.b.c\" does not begin with MD5"),
        ("capture.include_databases", "not a regular expression"),
    ] {
        let is = |line: &&String| line.starts_with(&format!("{key}|")) && line.contains(part);
        assert!(
            found.iter().any(|line| is(&line)),
            "{key} {part}: {found:#?}"
        );
    }
    assert_eq!(found.len(), 9, "{found:#?}");
}

#[test]
fn digests_need_a_salt_that_no_file_of_ours_holds() {
    let lines = "masks.hash = ['SHA-256: a.b.c']";
    let missing = "masks.salt_file|is needed by masks.hash and masks.hash_v1, and not set or empty";
    assert_eq!(findings(lines, &[]), [missing]);
    assert_eq!(
        findings(lines, &[("REMORA__A__MASKS__SALT", "")]),
        [missing]
    );
    assert_eq!(
        findings(lines, &[("REMORA__A__MASKS__SALT", "pepper")]),
        [""; 0]
    );
    let in_file = findings(&format!("{lines}\nmasks.salt = 'hunter2'"), &[]);
    assert!(
        in_file.iter().any(|line| line.starts_with("masks.salt|")),
        "{in_file:?}"
    );
    assert!(!in_file.concat().contains("hunter2"));
    let folder = Folder::new(&[("databases/a.toml", &format!("{lines}\n{SMALL}"))]);
    let config = folder
        .load(&[("REMORA__A__MASKS__SALT", "hunter2")])
        .unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn heartbeats_and_topics_have_legal_names() {
    let lines = "topic_delimiter = '/'\nrecords.transactions = true\n\
        records.transaction_topic = 't x'\nheartbeat.topic_prefix = 'a b'";
    let keys: Vec<String> = findings(lines, &[])
        .iter()
        .map(|line| line.split('|').next().unwrap().to_owned())
        .collect();
    for key in [
        "topic_delimiter",
        "records.transaction_topic",
        "heartbeat.topic_prefix",
    ] {
        assert!(keys.iter().any(|found| found == key), "{key}: {keys:?}");
    }
}
