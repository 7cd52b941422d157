//! Rules of the house that no compiler checks, on the text of the tree.
//!
//! Each rule is a pure function from text to findings, tested on small inputs below the rule; one test then runs
//! all of them over the files.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::root;

/// Lines of a source file without its tests.
const LINES_MAX: usize = 600;

/// What each stage may import of the crate beside itself and `COMMON`: the order of the pipe.
const STAGES: &[(&str, &[&str])] = &[
    ("source", &[]),
    ("schema", &[]),
    ("decode", &["schema"]),
    // Records are written into the batch that the sink takes.
    (
        "encode",
        &["schema", "decode", "sink::batch", "sink::extra"],
    ),
    // Transforms take a batch and give it back, ahead of the sink.
    (
        "transform",
        &["sink::batch", "sink::extra", "sink::Coordinates"],
    ),
    ("sink", &["kafka"]),
    // A position waits for the batches that came before it, and so knows their numbers.
    ("checkpoint", &["sink::batch", "kafka"]),
];

/// What every stage may import.
const COMMON: &[&str] = &[
    "error", "event", "position", "config", "cursor", "text", "sql", "xa",
];

/// Words that have no place in `src`, with the files that may have them all the same.
const BANNED: &[(&str, &[&str])] = &[
    ("dbg!", &[]),
    ("todo!", &[]),
    ("unimplemented!", &[]),
    ("println!", &["src/main.rs", "src/cli.rs"]),
    ("eprintln!", &["src/main.rs", "src/cli.rs"]),
];

#[test]
fn the_tree_is_tidy() {
    let files = tree(root());
    assert!(
        files.iter().any(|file| file.path == "src/lib.rs"),
        "the tree was not found"
    );
    let mut findings = Vec::new();
    for file in &files {
        let own = machine_names(&file.text);
        if let Some(path) = file.path.strip_prefix("src/") {
            findings.extend(located(file, imports(path, &file.text)));
            // A file of tests alone has no end before its tests.
            if !path.ends_with("tests.rs") {
                findings.extend(located(file, shape(&file.text)));
            }
            findings.extend(located(file, banned(&file.path, &file.text)));
        }
        findings.extend(located(file, own));
    }
    findings.extend(undocumented_metrics(&files));
    findings.extend(faults(&files));
    assert!(findings.is_empty(), "\n{}", findings.join("\n"));
}

/// A text file of the tree, its path from the package's folder.
struct Source {
    path: String,
    text: String,
}

fn located(file: &Source, findings: Vec<String>) -> Vec<String> {
    findings
        .into_iter()
        .map(|finding| format!("{}: {finding}", file.path))
        .collect()
}

/// Every text file except what is built, fetched or recorded.
fn tree(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<PathBuf> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        entries.sort();
        for path in entries {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            // In a second working tree `.git` is a file.
            let foreign = ["target", ".git", "__pycache__", "corpus", "artifacts"];
            if foreign.contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path
                    .strip_prefix(root)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                found.push(Source { path, text });
            }
        }
    }
    found
}

/// A stage sees the shared types, itself, and the stages that `STAGES` grants it. `path` starts below `src/`.
fn imports(path: &str, text: &str) -> Vec<String> {
    let stage = path.split(['/', '.']).next().unwrap_or_default();
    let Some((_, granted)) = STAGES.iter().find(|(name, _)| *name == stage) else {
        return Vec::new();
    };
    let allowed = |import: &str| {
        let mut names = COMMON.iter().chain(granted.iter()).copied().chain([stage]);
        names.any(|name| {
            import == name
                || import
                    .strip_prefix(name)
                    .is_some_and(|rest| rest.starts_with("::"))
        })
    };
    crate_paths(&without_tests(text))
        .into_iter()
        .filter(|import| !allowed(import))
        .map(|import| format!("`{stage}` may not use `crate::{import}`"))
        .collect()
}

/// What follows each `crate::` outside comments, braces resolved one level deep.
fn crate_paths(text: &str) -> Vec<String> {
    let code: Vec<&str> = text.lines().map(without_comment).collect();
    let code = code.join("\n");
    let mut found = Vec::new();
    for part in code.split("crate::").skip(1) {
        if let Some(group) = part.strip_prefix('{') {
            let group = group.split(';').next().unwrap_or_default();
            found.extend(top_level(group));
        } else {
            found.push(leading_path(part));
        }
    }
    found
}

/// The leading path of each member of `{a, b::{c, d}, e}`, the outer brace already open.
fn top_level(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (0_i32, 0, Vec::new());
    for (index, sign) in group.char_indices() {
        match sign {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                found.push(leading_path(group[start..index].trim()));
                start = index + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

fn leading_path(text: &str) -> String {
    let end = text.find(|sign: char| !(sign.is_alphanumeric() || sign == '_' || sign == ':'));
    text[..end.unwrap_or(text.len())]
        .trim_end_matches(':')
        .to_string()
}

/// The part of a line before `//`, a `//` inside a string literal taken for a comment where it follows a blank.
fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with("//") {
        return "";
    }
    line.split(" //").next().unwrap_or_default()
}

/// The file up to its tests, which come last.
fn without_tests(text: &str) -> String {
    let end = text
        .lines()
        .position(|line| line.trim_end() == "#[cfg(test)]");
    let lines: Vec<&str> = text.lines().take(end.unwrap_or(usize::MAX)).collect();
    lines.join("\n")
}

/// A module says first what it is for, and a person can read it in one sitting.
fn shape(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !text.starts_with("//!") {
        found.push("does not start with `//!`".to_string());
    }
    let lines = without_tests(text).lines().count();
    if lines > LINES_MAX {
        found.push(format!(
            "has {lines} lines without its tests, more than {LINES_MAX}"
        ));
    }
    found
}

fn banned(path: &str, text: &str) -> Vec<String> {
    let code = without_tests(text);
    let mut found = Vec::new();
    for (word, _) in BANNED.iter().filter(|(_, exempt)| !exempt.contains(&path)) {
        for (index, line) in code.lines().enumerate() {
            if starts_word(without_comment(line), word) {
                found.push(format!("line {}: `{word}`", index + 1));
            }
        }
    }
    found
}

/// Whether the word stands in the line, not as the end of a longer one.
fn starts_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|sign| sign.is_alphanumeric() || sign == '_')
    })
}

/// Folders of somebody's machine, and the hosts of package registries: neither is the same elsewhere.
fn machine_names(text: &str) -> Vec<String> {
    // In pieces, so that this file has none of them.
    let names = [
        ["/ro", "ot/"],
        ["/ho", "me/"],
        ["/Us", "ers/"],
        ["/wo", "rk/"],
        ["/tmp", "/w/"],
        ["sha", "red/"],
        ["deb.deb", "ian.org"],
        ["repo.maven.ap", "ache.org"],
        ["repo1.ma", "ven.org"],
        ["pypi", ".org"],
        ["files.python", "hosted.org"],
        ["static.cra", "tes.io"],
        ["index.cra", "tes.io"],
        ["gcr", ".io"],
        ["ghcr", ".io"],
        ["quay", ".io"],
        ["docker", ".io/"],
    ];
    let names: Vec<String> = names.iter().map(|parts| parts.concat()).collect();
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for name in names.iter().filter(|name| starts_word(line, name)) {
            found.push(format!("line {}: names `{name}`", index + 1));
        }
    }
    found
}

/// Each metric of `src/metrics.rs` stands in `docs/metrics.md`, once both exist.
fn undocumented_metrics(files: &[Source]) -> Vec<String> {
    let text = |path: &str| {
        files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    };
    let (Some(code), Some(document)) = (text("src/metrics.rs"), text("docs/metrics.md")) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for name in metric_names(&without_tests(code)) {
        if !document.contains(&name) {
            found.push(format!("docs/metrics.md: does not explain `{name}`"));
        }
    }
    found
}

/// The string literals of the code that are names of our metrics.
fn metric_names(code: &str) -> Vec<String> {
    let literals = code.split('"').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.starts_with("remora_")
            && text
                .chars()
                .all(|sign| sign.is_ascii_lowercase() || sign.is_ascii_digit() || sign == '_')
    };
    literals.filter(is_name).map(ToString::to_string).collect()
}

/// Each test that is named after a fault stands in `docs/faults.md`, and each test that stands there exists.
fn faults(files: &[Source]) -> Vec<String> {
    let Some(document) = files.iter().find(|file| file.path == "docs/faults.md") else {
        return Vec::new();
    };
    let listed: Vec<&str> = document
        .text
        .lines()
        .filter(|line| line.starts_with("| "))
        .flat_map(|line| line.rsplit(" | ").next().unwrap_or_default().split('`'))
        .filter(|name| name.contains('_') && !name.contains(' '))
        .collect();
    let sources = files.iter().filter(|file| file.path.ends_with(".rs"));
    let tests: Vec<&str> = sources.flat_map(|file| test_names(&file.text)).collect();
    let mut found = Vec::new();
    for name in &listed {
        if !tests.contains(name) {
            found.push(format!("docs/faults.md: there is no test `{name}`"));
        }
    }
    for name in tests {
        let mut signs = name.bytes();
        let is_fault = signs.next() == Some(b'f')
            && signs.next().is_some_and(|sign| sign.is_ascii_digit())
            && signs.next().is_some_and(|sign| sign.is_ascii_digit());
        if is_fault && !listed.contains(&name) {
            found.push(format!(
                "docs/faults.md: does not list `{name}`; dev/faults --write does"
            ));
        }
    }
    found
}

/// The functions that follow `#[test]`.
fn test_names(text: &str) -> Vec<&str> {
    let mut lines = text.lines().map(str::trim);
    let mut names = Vec::new();
    while lines.any(|line| line == "#[test]") {
        let name = lines.find_map(|line| line.strip_prefix("fn "));
        names.extend(name.and_then(|name| name.split('(').next()));
    }
    names
}

fn check(found: &[String], expected: &[&str]) {
    assert_eq!(found, expected);
}

#[test]
fn imports_follow_the_pipe() {
    let ok =
        "//! x\nuse crate::error::Fault;\nuse crate::schema::Plan;\nuse crate::encode::Json;\n";
    check(&imports("encode/mod.rs", ok), &[]);
    check(&imports("encode.rs", ok), &[]);
    check(
        &imports(
            "pipeline.rs",
            "use crate::source::Reader;\nuse crate::sink::Sink;",
        ),
        &[],
    );
    check(
        &imports("decode/mod.rs", "use crate::encode::Json;"),
        &["`decode` may not use `crate::encode::Json`"],
    );
    check(
        &imports(
            "schema/plan.rs",
            "fn f() -> crate::decode::Value {}\n// crate::sink is far\n",
        ),
        &["`schema` may not use `crate::decode::Value`"],
    );
    check(
        &imports(
            "source/mod.rs",
            "use crate::{\n    error::Fault,\n    sink::{batch::Batch, Sink},\n    event,\n};",
        ),
        &["`source` may not use `crate::sink`"],
    );
    check(
        &imports("source/mod.rs", "use crate::eventual::X;"),
        &["`source` may not use `crate::eventual::X`"],
    );
    check(
        &imports("checkpoint/mod.rs", "use crate::sink::batch::BatchSeq;"),
        &[],
    );
    check(
        &imports("checkpoint/mod.rs", "use crate::sink::Sink;"),
        &["`checkpoint` may not use `crate::sink::Sink`"],
    );
    check(
        &imports(
            "sink/mod.rs",
            "use crate::config::Kafka;\n#[cfg(test)]\nmod tests { use crate::source::X; }",
        ),
        &[],
    );
}

#[test]
fn files_open_with_their_purpose_and_stay_short() {
    check(&shape("//! What it is.\n"), &[]);
    check(&shape("use std::fs;\n"), &["does not start with `//!`"]);
    let long = format!("//! x\n{}", "let a = 1;\n".repeat(LINES_MAX));
    check(
        &shape(&long),
        &["has 601 lines without its tests, more than 600"],
    );
    let tested = format!("//! x\n#[cfg(test)]\n{}", "let a = 1;\n".repeat(LINES_MAX));
    check(&shape(&tested), &[]);
}

#[test]
fn banned_words_are_found() {
    let text = "//! x\nfn f() {\n    dbg!(1); // todo! later\n    println!(\"x\");\n}\n";
    check(
        &banned("src/a.rs", text),
        &["line 3: `dbg!`", "line 4: `println!`"],
    );
    check(&banned("src/main.rs", text), &["line 3: `dbg!`"]);
    check(
        &banned("src/a.rs", "eprintln!(\"x\")"),
        &["line 1: `eprintln!`"],
    );
    check(
        &banned("src/a.rs", "#[cfg(test)]\nmod tests { println!(1) }"),
        &[],
    );
}

#[test]
fn names_of_machines_are_found() {
    let home = ["cd /ho", "me/ann"].concat();
    let host = ["fetch from pypi", ".org"].concat();
    let expected = [
        ["line 2: names `/ho", "me/`"].concat(),
        ["line 3: names `pypi", ".org`"].concat(),
    ];
    assert_eq!(machine_names(&format!("fine\n{home}\n{host}")), expected);
}

#[test]
fn metrics_without_a_document_are_found() {
    let file = |path: &str, text: &str| Source {
        path: path.to_string(),
        text: text.to_string(),
    };
    let code = file(
        "src/metrics.rs",
        "a(\"remora_lag_seconds\", \"help\"); b(\"remora_rows_total\", \"remora_ is ours\")",
    );
    let document = file("docs/metrics.md", "`remora_lag_seconds`: how late");
    check(
        &undocumented_metrics(&[code, document]),
        &["docs/metrics.md: does not explain `remora_rows_total`"],
    );
}

#[test]
fn faults_and_tests_are_held_against_each_other() {
    let file = |path: &str, text: &str| Source {
        path: path.to_string(),
        text: text.to_string(),
    };
    // In pieces, so that this file has no such test.
    let code = [
        "#[te",
        "st]\nfn f22_a() {}\n#[te",
        "st]\n#[ignore]\nfn f23_b() {}\nfn f24_no_test() {}",
    ];
    let code = file("src/a.rs", &code.concat());
    let document = "| 22 | x | y | `f22_a`, `gone_away` |\n| 24 | x | y | none yet |\n";
    check(
        &faults(&[code, file("docs/faults.md", document)]),
        &[
            "docs/faults.md: there is no test `gone_away`",
            "docs/faults.md: does not list `f23_b`; dev/faults --write does",
        ],
    );
}
