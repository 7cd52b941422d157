//! Several databases in one folder: what they must not share, and how their files are named.

use super::*;

#[test]
fn databases_do_not_share_what_must_be_their_own() {
    let file = |lines: &str, mysql: &str| {
        format!("{lines}\n[sink]\ntype = \"stdout\"\n[mysql]\nuser = \"u\"\n{mysql}\n")
    };
    let folder = Folder::new(&[
        (
            "databases/a.toml",
            &file("topic_prefix = \"x\"", "host = \"a\""),
        ),
        (
            "databases/b.toml",
            &file(
                "topic_prefix = \"x\"\ncheckpoint.path = \"./p/q\"",
                "host = \"b\"",
            ),
        ),
        (
            "databases/c.toml",
            &file("checkpoint.path = \"p//q\"", "host = \"c\"\nserver_id = 7"),
        ),
        ("databases/d.toml", &file("", "host = \"C\"\nserver_id = 7")),
    ]);
    let findings = folder.findings(&[]);
    assert_eq!(findings.len(), 3, "{findings:#?}");
    assert!(
        findings[0].starts_with("databases/b.toml|topic_prefix|\"x\" is that of databases/a.toml")
    );
    assert!(findings[1].starts_with("databases/c.toml|checkpoint.path|"));
    assert!(
        findings[2].starts_with("databases/d.toml|mysql.server_id|7 is that of databases/c.toml")
    );
}

#[test]
fn names_of_files_must_be_names_of_variables() {
    let folder = Folder::new(&[
        ("databases/a-b.toml", &SMALL.replace("db.", "a.")),
        ("databases/a_b.toml", SMALL),
        ("databases/c--d.toml", SMALL),
        ("databases/daemon.toml", SMALL),
        ("databases/e f.toml", SMALL),
        ("databases/.hidden.toml", "broken"),
        ("databases/example.toml", "broken"),
        ("databases/notes.txt", "broken"),
    ]);
    let findings = folder.findings(&[]);
    for begin in [
        "databases/a_b.toml||its variables would be those of databases/a-b.toml",
        "databases/c--d.toml||the name must be",
        "databases/daemon.toml||the name is taken",
        "databases/e f.toml||the name must be",
    ] {
        assert!(
            findings.iter().any(|text| text.starts_with(begin)),
            "{begin}\n{findings:#?}"
        );
    }
    // A space is no character of a topic either.
    assert_eq!(findings.len(), 5, "{findings:#?}");
}
