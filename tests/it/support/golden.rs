//! Golden records: what the real Debezium published for a piece of SQL (`tests/golden/README.md`).

use std::fs;
use std::io::{Seek, Write};
use std::path::PathBuf;
use std::process::Command;

use super::{root, script};

/// One case of `tests/golden/`.
#[derive(Debug)]
pub(crate) struct Golden {
    /// Its name, `CASE` or `CASE@VARIANT`.
    pub(crate) name: String,
    /// The database: `golden_CASE`. The topic prefix is `golden`.
    pub(crate) database: String,
    /// Keys of the daemon's file that the case sets, one a line.
    pub(crate) remora: String,
    /// Properties of the connector that the case sets.
    pub(crate) oracle: Vec<String>,
    /// SQL that runs before anything is captured.
    pub(crate) before: String,
    /// SQL whose changes are captured.
    pub(crate) during: String,
    /// Debezium's records, normalised, one JSON object a line, in the order of delivery.
    pub(crate) records: String,
}

impl Golden {
    /// Whether a part of its name, or of an option of Debezium's, is the filter.
    pub(crate) fn is_meant(&self, filter: &str) -> bool {
        let mut texts = self.oracle.iter().chain([&self.name]);
        texts.any(|text| text.contains(filter))
    }
}

/// All cases, in the order of their names.
pub(crate) fn all() -> Vec<Golden> {
    let mut names: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .filter_map(|entry| {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let stem = name.strip_suffix(".before.sql");
            stem.or_else(|| name.strip_suffix(".options"))
                .map(ToString::to_string)
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
    let read = |file: String| {
        let path = folder().join(file);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let case = name.split('@').next().unwrap();
    let options = match name.contains('@') {
        true => read(format!("{name}.options")),
        false => String::new(),
    };
    let before = read(format!("{case}.before.sql"));
    let lines: Vec<&str> = before.lines().chain(options.lines()).collect();
    let set = |program: &'static str| {
        let lines = lines.iter().copied();
        lines.filter_map(move |line| line.trim_start_matches("-- ").strip_prefix(program))
    };
    let (remora, oracle) = (set("remora: "), set("oracle: "));
    Golden {
        database: format!("golden_{case}"),
        remora: remora.map(|line| format!("{line}\n")).collect(),
        oracle: oracle.map(|line| line.trim().to_owned()).collect(),
        before: before.clone(),
        during: read(format!("{case}.during.sql")),
        records: read(format!("{name}.jsonl")),
        name,
    }
}

fn folder() -> PathBuf {
    root().join("tests/golden")
}
