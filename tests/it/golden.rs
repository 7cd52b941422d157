//! Records against the real Debezium's: every golden case runs on a real server, through the real daemon.
//!
//! What differs must stand in the table of `docs/debezium.md`, whose patterns are read here: a difference that
//! the document does not list fails the test, and so does a listed one that no case shows any more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::support::config::ConfigDir;
use crate::support::golden::{Golden, all, normalise};
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, root, wait_for};
use crate::types::judge::tokens;

/// The variable that chooses cases by a part of their name or of an option of theirs; see `dev/matrix`.
const FILTER: &str = "GOLDEN_FILTER";

#[test]
fn records_equal_debezium_but_for_the_documented_deviations() {
    let filter = std::env::var(FILTER).unwrap_or_default();
    let seen = compare(Mysql::shared(), &|golden| golden.is_meant(&filter));
    if !filter.is_empty() {
        return;
    }
    let deviations = Deviations::read();
    let unseen: Vec<_> = deviations.ids().filter(|id| !seen.contains(id)).collect();
    assert!(
        unseen.is_empty(),
        "no case shows these deviations any more: {unseen:?}"
    );
}

/// The same records come of the oldest release, but for what it does not have: VECTOR, and changes by foreign keys in
/// the binlog.
#[test]
fn records_of_8_0_are_the_same() {
    let without = ["golden_types", "golden_transactions"];
    compare(Mysql::shared_80(), &|golden| {
        !without.contains(&golden.database.as_str())
    });
}

/// Runs the chosen cases; gives the deviations that they showed.
fn compare(mysql: &Mysql, is_chosen: &dyn Fn(&Golden) -> bool) -> BTreeSet<String> {
    let deviations = Deviations::read();
    let mut seen = BTreeSet::new();
    let (mut compared, mut cases, mut found) = (0, 0, Vec::new());
    for golden in all().into_iter().filter(is_chosen) {
        cases += 1;
        let before = (compared, found.len());
        let ours = normalise(&capture(mysql, &golden));
        let (ours, theirs) = (by_topic(&ours), by_topic(&golden.records));
        assert_eq!(
            ours.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>(),
            "topics of {}",
            golden.name
        );
        for (topic, theirs) in theirs {
            let ours = &ours[&topic];
            assert_eq!(
                ours.len(),
                theirs.len(),
                "records of {topic} in {}",
                golden.name
            );
            for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
                compared += 1;
                if ours == theirs {
                    continue;
                }
                if only_digits_differ(ours, theirs) {
                    seen.insert("D10".to_owned());
                    continue;
                }
                let parse = |line: &str| serde_json::from_str::<Value>(line).unwrap();
                let mut differing = Vec::new();
                // A variant shows in the path: `topic@variant/value/after/column`.
                let variant = golden.name.find('@').map(|at| &golden.name[at..]);
                let place = format!("{topic}{}", variant.unwrap_or_default());
                differences(&parse(ours), &parse(theirs), &place, &mut differing);
                if differing.is_empty() {
                    found.push(format!("same values in other words:\n{ours}\n{theirs}"));
                }
                for (path, ours, theirs) in differing {
                    let listed = deviations.of(&path);
                    if listed.is_empty() {
                        found.push(format!("#{number} {path}: {ours} | {theirs}"));
                    }
                    seen.extend(listed);
                }
            }
        }
        println!(
            "{:32} {:5} records, {} unexplained  {}",
            golden.name,
            compared - before.0,
            found.len() - before.1,
            golden.oracle.join(" ")
        );
    }
    println!(
        "{cases} cases, {compared} records compared, {} unexplained differences, deviations {seen:?}",
        found.len()
    );
    assert!(cases > 0, "no case is meant");
    assert!(
        found.is_empty(),
        "not in docs/debezium.md:\n{}",
        found.join("\n")
    );
    seen
}

/// Whether the same doubles are in both, some of theirs with digits that it does not take to tell them from others:
/// deviation D10. The form is the same.
fn only_digits_differ(ours: &str, theirs: &str) -> bool {
    let (ours, theirs) = (tokens(ours), tokens(theirs));
    let same = |(ours, theirs): (&&str, &&str)| {
        let bits = |text: &str| text.parse::<f64>().ok().map(f64::to_bits);
        let form = |text: &str| text.contains('E');
        let no_longer = ours.contains('.') && ours.len() <= theirs.len();
        ours == theirs
            || no_longer
                && form(ours) == form(theirs)
                && bits(ours).is_some()
                && bits(ours) == bits(theirs)
    };
    ours.len() == theirs.len() && ours.iter().zip(&theirs).all(same)
}

#[test]
fn digits_that_tell_nothing_are_the_only_ones_to_differ() {
    let check =
        |ours, theirs, same| assert_eq!(only_digits_differ(ours, theirs), same, "{ours} {theirs}");
    check("[5.293271307963074E18]", "[5.2932713079630735E18]", true);
    check("[5.293271307963074E18]", "[5.2932713079630745E18]", false);
    check("[9.9E-324]", "[1.0E-323]", true);
    check("[1.0E7]", "[10000000.0]", false);
    check("[1.0]", "[1.00]", true);
    check("[1.1]", "[1.1,1.1]", false);
    check("[\"1.0\"]", "[\"1.00\"]", false);
}

/// What remora's file sink holds after the case's statements.
fn capture(mysql: &Mysql, golden: &Golden) -> String {
    let database = &golden.database;
    mysql.sql(&golden.before);
    let fence = format!("{database}.remora_fence");
    mysql.sql(&format!("CREATE TABLE {fence} (id INT PRIMARY KEY)"));
    let config = ConfigDir::new();
    let (out, position) = (
        config.path().join("out.jsonl"),
        config.path().join("position"),
    );
    let salt = config.path().join("salt");
    std::fs::write(&salt, "pepper").unwrap();
    std::fs::set_permissions(&salt, Permissions::from_mode(0o600)).unwrap();
    let keys = golden
        .remora
        .replace("SALT-FILE", &salt.display().to_string());
    let toml = format!(
        "{}topic_prefix = \"golden\"\nstart = \"now\"\ncapture.include = ['{database}\\..*']\n[mysql]\nhost = \"127.0.0.1\"\nport = {}\nuser = \"root\"\n\
         [mysql.tls]\nmode = \"disabled\"\n\
         [sink]\ntype = \"file\"\npath = \"{}\"\n[checkpoint]\npath = \"{}\"\n",
        keys,
        mysql.port(),
        out.display(),
        position.display(),
    );
    config.database("golden", &toml);
    let remora = Remora::start(&config);
    wait_for("remora to follow the binlog", DEADLINE, || {
        remora.get("/ready").filter(|(status, _)| *status == 200)
    });
    mysql.sql(&format!(
        "{}\n;INSERT INTO {fence} VALUES (1)",
        golden.during
    ));
    // However the topic is named.
    let fence = "\"table\":\"remora_fence\"";
    wait_for("the fence's record", DEADLINE, || {
        let text = std::fs::read_to_string(&out).ok()?;
        let whole: Vec<&str> = text.split_inclusive('\n').collect();
        let fence = whole.iter().position(|line| line.contains(fence))?;
        // Whether more than the fence came with it is chance.
        Some(whole[..fence].concat())
    })
}

fn by_topic(records: &str) -> BTreeMap<String, Vec<String>> {
    let mut topics: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in records.lines().filter(|line| !line.is_empty()) {
        let record: Value = serde_json::from_str(line).unwrap();
        let topic = record["topic"].as_str().unwrap().to_owned();
        topics.entry(topic).or_default().push(line.to_owned());
    }
    topics
}

/// Every value that differs, with its path: `topic/value/after/column`.
fn differences(
    ours: &Value,
    theirs: &Value,
    path: &str,
    found: &mut Vec<(String, String, String)>,
) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let (a, b) = (a.get(name), b.get(name));
                let path = format!("{path}/{name}");
                match (a, b) {
                    (Some(a), Some(b)) => differences(a, b, &path, found),
                    _ => found.push((path, format!("{a:?}"), format!("{b:?}"))),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(a, b, &format!("{path}/{index}"), found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push((path.to_owned(), ours.to_string(), theirs.to_string())),
    }
}

/// The table of `docs/debezium.md`: rows that begin with `| D1 |`, whose second cell holds the patterns.
struct Deviations(Vec<(String, Vec<String>)>);

impl Deviations {
    fn read() -> Deviations {
        let text = std::fs::read_to_string(root().join("docs/debezium.md")).unwrap();
        let row = |line: &str| {
            let mut cells = line.strip_prefix("| D")?.split(" | ");
            let id = format!("D{}", cells.next()?.trim());
            let patterns = cells
                .next()?
                .split('`')
                .skip(1)
                .step_by(2)
                .map(str::to_owned);
            Some((id, patterns.collect()))
        };
        Deviations(text.lines().filter_map(row).collect())
    }

    fn of(&self, path: &str) -> Vec<String> {
        let listed = |patterns: &[String]| patterns.iter().any(|p| matches(p, path));
        let ids = self.0.iter().filter(|(_, patterns)| listed(patterns));
        ids.map(|(id, _)| id.clone()).collect()
    }

    /// Those with a pattern: the others are about what the goldens leave out.
    fn ids(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .filter(|(_, patterns)| !patterns.is_empty())
            .map(|(id, _)| id.clone())
    }
}

/// `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|text| {
            (0..=text.len()).any(|at| text.is_char_boundary(at) && matches(rest, &text[at..]))
        }),
    }
}

#[test]
fn patterns_match_as_written() {
    assert!(matches("golden.*/value/*/y", "golden.db.t/value/after/y"));
    assert!(!matches("golden.*/value/*/y", "golden.db.t/value/after/yy"));
    assert!(!matches("a", "ab"));
    let (a, b) = (
        serde_json::json!({"x": 1, "y": [1, 2]}),
        serde_json::json!({"x": 1.0, "y": [1, 3]}),
    );
    let mut found = Vec::new();
    differences(&a, &b, "t", &mut found);
    let paths: Vec<&str> = found.iter().map(|(path, ..)| path.as_str()).collect();
    assert_eq!(paths, ["t/x", "t/y/1"]);
}
