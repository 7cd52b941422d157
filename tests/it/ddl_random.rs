//! Random DDL between random DML: every record has the columns that its row was written with.
//!
//! A seed makes statements and, from a model of its own, the records that must come of them: each with its topic,
//! operation, key, and the names and values of both images in their order. The model is held against the server:
//! what the records leave behind must be what SELECT shows.

mod alter;
mod fold;
mod model;
mod moves;
mod words;
mod world;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use fold::{Fold, check_tables};
use model::{Change, Expected, Image};
use serde_json::Value;
use world::World;

use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, wait_for};

/// For a backlog of hundreds of statements on a machine that does other things too.
const LONG: Duration = Duration::from_secs(120);

/// A configuration that delivers to a file, and what is in it.
pub(crate) struct Follower {
    config: ConfigDir,
    out: PathBuf,
}

/// One line of the file.
pub(crate) struct Line {
    /// Its change id.
    pub(crate) id: String,
    /// What it says.
    pub(crate) record: Expected,
    /// All of it.
    pub(crate) json: Value,
}

impl Follower {
    /// Of the tables that `include` matches; `start` is a position's name, `more` goes before the first section.
    pub(crate) fn new(port: u16, include: &str, start: &str, more: &str) -> Follower {
        let config = ConfigDir::new();
        let out = config.path().join("out.jsonl");
        let toml = format!(
            "topic_prefix = \"p\"\nstart = \"{start}\"\n{more}\n[mysql]\nhost = \"127.0.0.1\"\nport = {port}\n\
             user = \"root\"\n[mysql.tls]\nmode = \"disabled\"\n[capture]\ninclude = ['{include}']\n[headers]\n\
             id = true\n[records]\nskipped_operations = []\n[sink]\ntype = \"file\"\npath = \"{}\"\n\
             [checkpoint]\ninterval_ms = 100\npath = \"{}\"\n[spool]\npath = \"{}\"\n",
            out.display(),
            config.path().join("position").display(),
            config.path().join("spool").display(),
        );
        config.database("p", &toml);
        Follower { config, out }
    }

    /// Starts remora, and waits until it follows the binlog.
    pub(crate) fn start(&self) -> Remora {
        let remora = self.launch();
        wait_for("remora to follow the binlog", DEADLINE, || {
            remora.get("/ready").filter(|(status, _)| *status == 200)
        });
        remora
    }

    /// Starts remora.
    pub(crate) fn launch(&self) -> Remora {
        Remora::start(&self.config)
    }

    /// All whole lines, repeats left out; and how many those are.
    pub(crate) fn lines(&self) -> (Vec<Line>, usize) {
        let text = fs::read_to_string(&self.out).unwrap_or_default();
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let (mut seen, mut lines, mut repeats) = (BTreeSet::new(), Vec::new(), 0);
        for text in whole.lines() {
            let line = Line::read(text);
            if seen.insert(line.id.clone()) {
                lines.push(line);
            } else {
                repeats += 1;
            }
        }
        (lines, repeats)
    }

    /// Waits until a text is in the file.
    pub(crate) fn wait_for(&self, remora: &Remora, text: &str) {
        wait_for(text, LONG, || {
            let state = remora
                .get("/ready")
                .map(|(_, body)| body)
                .unwrap_or_default();
            assert!(!state.contains("\"failed\""), "{state}");
            let lines = fs::read_to_string(&self.out).unwrap_or_default();
            lines.contains(text).then_some(())
        });
    }
}

impl Line {
    fn read(text: &str) -> Line {
        /// An object whose members are in the order of the text.
        #[derive(serde::Deserialize)]
        struct Text<'a> {
            topic: String,
            #[serde(borrow)]
            key: &'a serde_json::value::RawValue,
            #[serde(borrow)]
            value: &'a serde_json::value::RawValue,
        }
        #[derive(serde::Deserialize)]
        struct Envelope<'a> {
            #[serde(borrow)]
            before: &'a serde_json::value::RawValue,
            #[serde(borrow)]
            after: &'a serde_json::value::RawValue,
            op: String,
        }
        let json: Value = serde_json::from_str(text).unwrap();
        let line: Text<'_> = serde_json::from_str(text).unwrap();
        let envelope: Option<Envelope<'_>> = serde_json::from_str(line.value.get()).unwrap();
        let change = envelope.map(|envelope| Change {
            op: envelope.op,
            before: image(envelope.before.get()),
            after: image(envelope.after.get()),
        });
        let record = Expected {
            topic: line.topic,
            key: image(line.key.get()),
            change,
        };
        Line {
            id: json["headers"]["__remora.id"].to_string(),
            record,
            json,
        }
    }
}

/// An object's members in the order of its text.
fn image(text: &str) -> Option<Image> {
    struct Members(Image);
    struct Visitor;
    impl<'de> serde::de::Visitor<'de> for Visitor {
        type Value = Members;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(Members(members))
        }
    }
    impl<'de> serde::Deserialize<'de> for Members {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
            deserializer.deserialize_map(Visitor)
        }
    }
    let members: Option<Members> = serde_json::from_str(text).unwrap();
    members.map(|members| members.0)
}

/// A server and a seed.
#[derive(Clone, Copy, Debug)]
struct Case {
    seed: u64,
    version: &'static str,
    metadata: &'static str,
    gtids: bool,
}

/// Ten of them: both kinds of metadata, of positions, of servers.
fn cases() -> Vec<Case> {
    let case = |seed: u64| Case {
        seed,
        version: if matches!(seed, 4 | 7 | 10) {
            "8.0"
        } else {
            "9.7"
        },
        metadata: if matches!(seed, 2 | 3 | 7) {
            "FULL"
        } else {
            "MINIMAL"
        },
        gtids: !matches!(seed, 2 | 4 | 6 | 9),
    };
    let wanted = |case: &Case| match std::env::var("REMORA_SEEDS") {
        Ok(range) => {
            let (from, to) = range.split_once("..").unwrap_or((&range, &range));
            let to = to.trim_start_matches('=');
            (from.parse::<u64>().unwrap()..=to.parse().unwrap()).contains(&case.seed)
        }
        Err(_) => case.seed <= 2,
    };
    (1..=10).map(case).filter(wanted).collect()
}

impl Case {
    fn server(self) -> Mysql {
        let metadata = format!("--binlog-row-metadata={}", self.metadata);
        let gtids = match self.gtids {
            true => vec![],
            false => vec!["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"],
        };
        let options: Vec<&str> = [metadata.as_str()].into_iter().chain(gtids).collect();
        Mysql::start_version(self.version, &options)
    }
}

/// Makes statements until there are so many more; gives them.
fn steps(world: &mut World, count: usize) -> Vec<String> {
    let from = world.statements.len();
    while world.statements.len() < from + count {
        world.step();
    }
    world.statements[from..].to_vec()
}

fn execute(mysql: &Mysql, statements: &[String]) {
    if let Ok(file) = std::env::var("REMORA_SQL") {
        fs::write(file, statements.join("\n")).unwrap();
    }
    mysql.sql(&format!("USE d;\n{}", statements.join("\n")));
}

/// What was written while remora was away, behind changes of every kind, is read as it was then.
#[test]
fn f42_random_statements_in_the_backlog() {
    for case in cases() {
        backlog(case);
    }
}

fn backlog(case: Case) {
    let mysql = case.server();
    let mut world = World::new(case.seed);
    steps(&mut world, 40);
    mysql.sql(&world.statements.join("\n"));
    world.expected.clear();
    let follower = Follower::new(mysql.port(), "(d|e)\\..*", "now", "");
    let mut remora = follower.start();
    let mut statements = Vec::new();
    statements.extend(fence(&mut world, "begin"));
    execute(&mysql, &statements);
    follower.wait_for(&remora, "begin");
    if case.seed.is_multiple_of(2) {
        remora.terminate();
        assert!(remora.wait_exit(DEADLINE).success());
    } else {
        remora.kill9();
    }
    let mut statements = steps(&mut world, 500);
    let made = statements.len();
    statements.extend(fence(&mut world, "half"));
    execute(&mysql, &statements);
    remora = follower.launch();
    follower.wait_for(&remora, "\"what\":\"half\"");
    let kills = live(case, (&mysql, &mut world), &follower, &mut remora);
    follower.wait_for(&remora, "\"what\":\"end\"");
    let (lines, repeats) = follower.lines();
    compare(&lines, &world.expected, case);
    let rows = check_tables(&mysql, &world.tables, &Fold::of(&lines));
    println!(
        "{case:?}: {made} statements, {} records, {kills} kills, {repeats} repeats, {rows} rows of {} tables \
         verified",
        lines.len(),
        world.tables.len(),
    );
}

/// Some statements more while remora runs and, with every other seed, is killed again and again: what was not stored
/// comes again, with the definitions of that place.
fn live(
    case: Case,
    (mysql, world): (&Mysql, &mut World),
    follower: &Follower,
    remora: &mut Remora,
) -> u32 {
    let mut statements = steps(world, 80);
    let from = world.statements.len();
    world.touch();
    statements.extend_from_slice(&world.statements[from..]);
    statements.extend(fence(world, "end"));
    let mut kills = 0;
    thread::scope(|scope| {
        let load = scope.spawn(|| execute(mysql, &statements));
        while !case.seed.is_multiple_of(2) && !load.is_finished() && kills < 6 {
            let lines = follower.lines().0.len();
            wait_for("some records more", DEADLINE, || {
                (load.is_finished() || follower.lines().0.len() > lines + 3).then_some(())
            });
            remora.kill9();
            kills += 1;
            *remora = follower.launch();
        }
    });
    kills
}

fn fence(world: &mut World, what: &str) -> Vec<String> {
    let from = world.statements.len();
    world.mark(what);
    world.statements[from..].to_vec()
}

fn compare(lines: &[Line], expected: &[Expected], case: Case) {
    for (number, (line, expected)) in lines.iter().zip(expected).enumerate() {
        assert_eq!(
            line.record,
            *expected,
            "{case:?}, record {number}:\n{}\nand before it:\n{}",
            line.json,
            lines[number.saturating_sub(3)..number]
                .iter()
                .map(|line| line.json.to_string())
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
    assert_eq!(lines.len(), expected.len(), "{case:?}: records");
}

/// A record without what differs from server to server.
fn normal(line: &Line) -> Value {
    let mut json = line.json.clone();
    json["headers"] = Value::Null;
    if let Some(value) = json["value"].as_object_mut() {
        value.retain(|name, _| !name.starts_with("ts_"));
        let source = value["source"].as_object_mut().unwrap();
        source.retain(|name, _| {
            !(name.starts_with("ts_") || matches!(&**name, "gtid" | "file" | "pos" | "thread"))
        });
    }
    json
}

/// What a server with MINIMAL row metadata gives is what one with FULL gives.
#[test]
fn f44_minimal_and_full_metadata_give_the_same_records() {
    let records = |metadata: &'static str| {
        let case = Case {
            seed: 77,
            version: "9.7",
            metadata,
            gtids: true,
        };
        let mysql = case.server();
        let mut world = World::new(case.seed);
        mysql.sql(&world.statements.join("\n"));
        let follower = Follower::new(mysql.port(), "(d|e)\\..*", "now", "");
        let remora = follower.start();
        world.expected.clear();
        let mut statements = steps(&mut world, 200);
        statements.extend(fence(&mut world, "end"));
        execute(&mysql, &statements);
        follower.wait_for(&remora, "\"what\":\"end\"");
        let (lines, _) = follower.lines();
        compare(&lines, &world.expected, case);
        lines.iter().map(normal).collect::<Vec<_>>()
    };
    let (minimal, full) = (records("MINIMAL"), records("FULL"));
    for (minimal, full) in minimal.iter().zip(&full) {
        assert_eq!(minimal, full);
    }
    assert_eq!(minimal.len(), full.len());
    println!("{} records, equal with both", minimal.len());
}
