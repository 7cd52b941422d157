//! Golden records: what the real Debezium published for a piece of SQL (`tests/golden/README.md`).

use std::fs;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::process::Command;

use super::{root, script};

/// One case of `tests/golden/`.
#[derive(Debug)]
pub(crate) struct Golden {
    /// Its name; the database is `golden_NAME`, the topic prefix `golden`.
    pub(crate) name: String,
    /// SQL that runs before anything is captured.
    pub(crate) before: String,
    /// SQL whose changes are captured.
    pub(crate) during: String,
    /// Debezium's records, normalised, one JSON object a line, in the order of delivery.
    pub(crate) records: String,
}

/// All cases, in the order of their names.
pub(crate) fn all() -> Vec<Golden> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            name.strip_suffix(".before.sql").map(ToString::to_string)
        })
        .collect();
    names.sort();
    names.into_iter().map(load).collect()
}

/// Replaces what two runs cannot share (clocks, GTIDs, positions, the version), as in the golden files; every other
/// byte stays.
pub(crate) fn normalise(records: &str) -> String {
    let mut input = tempfile::tempfile().unwrap();
    input.write_all(records.as_bytes()).unwrap();
    input.rewind().unwrap();
    let output = Command::new("python3")
        .arg(script("oracle/normalise.py"))
        .stdin(input)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn load(name: String) -> Golden {
    let read = |suffix: &str| {
        let path = folder().join(format!("{name}.{suffix}"));
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    Golden {
        before: read("before.sql"),
        during: read("during.sql"),
        records: read("jsonl"),
        name,
    }
}

fn folder() -> PathBuf {
    root().join("tests/golden")
}
