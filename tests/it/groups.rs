//! Groups and the position: what is named as delivered is delivered, wherever the reading stops, and whatever the
//! names of the groups are.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use remora::config::{self, RowImage, TableLists, TopicNaming};
use remora::encode::envelope::Style;
use remora::pipeline::error::Error;
use remora::pipeline::{Begin, Bounds, Input, Outbox, State};
use remora::position::{FilePosition, GtidSet, Position};
use remora::schema::catalog::Rules;
use remora::schema::columns::ColumnRules;
use remora::schema::definitions::Definitions;
use remora::sink::batch::{Batch, BatchSeq};
use remora::source::chunk::Chunk;
use remora::source::payload::Limits;
use remora::transform::Chain;
use serde_json::Value;

use crate::binlogs::recorded;
use crate::faults::ToFile;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

const GTID: [u8; 3] = [33, 34, 42];

/// A recorded file, event by event, in the groups that they belong to.
struct Log {
    name: String,
    bytes: Vec<u8>,
    events: Vec<Range<usize>>,
}

impl Log {
    fn read(name: &str) -> Log {
        let bytes = fs::read(recorded(name)).unwrap();
        let (mut events, mut at) = (Vec::new(), 4);
        while at + 19 <= bytes.len() {
            let size = u32::from_le_bytes(bytes[at + 9..at + 13].try_into().unwrap()) as usize;
            events.push(at..at + size);
            at += size;
        }
        Log {
            name: format!("{name}.binlog"),
            bytes,
            events,
        }
    }

    /// Each event in a chunk of its own.
    fn chunk(&self, number: usize) -> Chunk {
        let bytes = self.bytes[self.events[number].clone()].to_vec();
        let events = vec![Range {
            start: 0,
            end: bytes.len(),
        }];
        Chunk { bytes, events }
    }

    fn code(&self, number: usize) -> u8 {
        self.bytes[self.events[number].start + 4]
    }

    /// Where groups end: offsets at which a position may stand.
    fn ends(&self) -> BTreeSet<u64> {
        let starts = (0..self.events.len()).filter(|number| GTID.contains(&self.code(*number)));
        let mut ends: BTreeSet<u64> = starts
            .map(|number| self.events[number].start as u64)
            .collect();
        let last = self.events.len() - 1;
        ends.insert(4);
        // The last group ends where the ROTATE starts.
        ends.insert(self.events[last].start as u64);
        ends
    }
}

/// What was sent, batch by batch, as change ids.
#[derive(Default)]
struct Sent(Vec<(BatchSeq, Vec<String>)>);

impl Outbox for Sent {
    fn send(&mut self, batch: Batch) -> Result<Batch, Error> {
        let id = |record: &remora::sink::batch::Record| {
            String::from_utf8(batch.bytes_of(record.id.unwrap()).to_vec()).unwrap()
        };
        self.0
            .push((batch.seq, batch.records.iter().map(id).collect()));
        Ok(batch)
    }

    fn store(&mut self, _: &Position, _: Option<&Arc<Definitions>>) -> Result<(), Error> {
        Ok(())
    }
}

fn state(log: &Log, position: Option<Position>, gtids: bool) -> State {
    let end = FilePosition {
        file: log.name.clone(),
        offset: 4,
    };
    let start = Position::new(gtids.then(GtidSet::default), end);
    let rules = Rules {
        topic_prefix: "p".to_owned(),
        delimiter: ".".to_owned(),
        naming: TopicNaming::Default,
        tables: TableLists::default(),
        read_minimal: true,
        modes: config::modes::Modes::default(),
        envelope: config::modes::Envelope::default(),
        columns: ColumnRules::default(),
    };
    let style = Style {
        skip_unchanged: false,
        transactions: None,
        heartbeats: None,
        queries: false,
        version: config::modes::EnvelopeVersion::V3,
        name: "p".to_owned(),
        tombstones: true,
        ids: true,
        unavailable: String::new(),
        skipped: config::Skipped::default(),
    };
    let payload = Limits {
        event_bytes_max: 1 << 20,
        transaction_bytes_max: 1 << 20,
    };
    let bounds = Bounds {
        payload,
        memory_bytes_max: 1 << 20,
        row_image: RowImage::Full,
    };
    let begin = Begin {
        position: position.unwrap_or(start),
        definitions: Definitions::default(),
        learning: false,
    };
    State::new(begin, rules, style, bounds)
}

/// Feeds events as a server would from `state`'s position on: all of them, or up to `count` events of the file.
fn feed(log: &Log, state: &mut State, sent: &mut Sent, count: usize) {
    let from = state.read_up_to().end.offset;
    state.handle(Input::Connected, sent).unwrap();
    for number in 0..count {
        let range = &log.events[number];
        // The format description always comes, the rest from the position on.
        if number > 0 && (range.start as u64) < from {
            continue;
        }
        let chunk = log.chunk(number);
        let input = Input::Events {
            chunk: &chunk,
            now_ns: 1,
        };
        state.handle(input, sent).unwrap();
    }
}

/// Stops after every event, with every number of acknowledgements, and goes on from what counts as delivered: no change
/// is missing, and the position stands between two groups.
fn stop_everywhere(name: &str, gtids: bool) -> usize {
    let log = Log::read(name);
    let (ends, mut all) = (log.ends(), Sent::default());
    feed(
        &log,
        &mut state(&log, None, gtids),
        &mut all,
        log.events.len(),
    );
    let all: Vec<String> = all.0.into_iter().flat_map(|(_, ids)| ids).collect();
    let mut stops = 0;
    for count in 1..=log.events.len() {
        for kept in 0..=all.len() {
            let (mut before, mut sent) = (state(&log, None, gtids), Sent::default());
            feed(&log, &mut before, &mut sent, count);
            if kept > sent.0.len() {
                break;
            }
            // The last ones first: an order that the position must not believe.
            let acked: Vec<_> = sent.0.iter().rev().take(kept).cloned().collect();
            for (seq, _) in &acked {
                before
                    .handle(Input::Acked(*seq), &mut Sent::default())
                    .unwrap();
            }
            let delivered = before.delivered_up_to().clone();
            assert!(
                ends.contains(&delivered.end.offset),
                "{name}: a position inside a group: {}",
                delivered.end
            );
            let mut again = Sent::default();
            feed(
                &log,
                &mut state(&log, Some(delivered.clone()), gtids),
                &mut again,
                log.events.len(),
            );
            let mut seen: BTreeSet<&String> = acked.iter().flat_map(|(_, ids)| ids).collect();
            seen.extend(again.0.iter().flat_map(|(_, ids)| ids));
            assert!(
                all.iter().all(|id| seen.contains(id)),
                "{name}: stopped behind event {count}, {kept} acknowledged, on from {}: lost",
                delivered.end
            );
            stops += 1;
        }
    }
    stops
}

/// A group counts as delivered when its end is read and its last record acknowledged; never before.
#[test]
fn f36_a_stop_behind_any_event_loses_nothing() {
    for name in [
        "rows",
        "compressed",
        "tagged",
        "gtid_holes",
        "ddl",
        "rows_80",
    ] {
        let stops = stop_everywhere(name, true);
        println!("{name}: {stops} stops");
        assert!(stops > 10, "{name}");
    }
}

/// A statement of four row events under one TABLE_MAP: a resumed dump begins ahead of its group, never inside.
#[test]
fn f37_a_stop_inside_a_statement_begins_at_its_group() {
    let log = Log::read("many_rows");
    let rows = (0..log.events.len())
        .filter(|number| log.code(*number) == 30)
        .count();
    let maps = (0..log.events.len())
        .filter(|number| log.code(*number) == 19)
        .count();
    assert!(
        rows >= 4 && maps == 1,
        "{rows} row events, {maps} TABLE_MAPs"
    );
    println!("{} stops", stop_everywhere("many_rows", false));
}

/// The content of a stored position.
fn stored(path: &Path) -> Option<Value> {
    let text = fs::read_to_string(path).ok()?;
    Some(serde_json::from_str::<Value>(&text).unwrap()["record"].take())
}

/// Waits until the stored GTIDs are those that the server has executed.
fn wait_stored(config: &ConfigDir, mysql: &Mysql, name: &str) -> GtidSet {
    let path = config.path().join(format!("{name}.position"));
    wait_for("the position to reach the server's", DEADLINE, || {
        let executed: GtidSet = mysql
            .sql("SELECT @@gtid_executed")
            .trim()
            .replace("\\n", "")
            .parse()
            .unwrap();
        let stored = stored(&path)?["gtids"]
            .as_str()?
            .parse::<GtidSet>()
            .unwrap();
        (stored == executed).then_some(stored)
    })
}

/// Tags are kept, stored and sent back: a restart in between repeats nothing and misses nothing.
#[test]
fn f33_tagged_gtids() {
    let mysql = Mysql::start(&[]);
    mysql.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "tagged", mysql.port(), "d");
    let mut id = 0;
    for round in 1..=3 {
        let mut remora = Remora::start(&config);
        for next in [
            "AUTOMATIC:red",
            "AUTOMATIC",
            "AUTOMATIC:blue_2",
            "AUTOMATIC:red",
        ] {
            id += 1;
            mysql.sql(&format!(
                "SET GTID_NEXT = '{next}'; INSERT INTO d.t VALUES ({id})"
            ));
        }
        file.ids(id);
        let set = wait_stored(&config, &mysql, "tagged");
        let tags = set.to_string().matches(":red:").count();
        assert_eq!(tags, 1, "round {round}: {set}");
        remora.terminate();
        remora.wait_exit(DEADLINE);
    }
    // Each stop was in order, so nothing came twice.
    assert_eq!(file.ids(id), (1..=id).collect::<Vec<_>>());
    assert_eq!(file.lines().len(), 12);
}

/// Numbers in any order, with holes, by two writers: a set is kept, never a maximum, so a late small number comes.
#[test]
fn f34_holes_and_disorder_of_numbers() {
    const OTHER: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    let mysql = Mysql::start(&[]);
    mysql.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY)");
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "holes", mysql.port(), "d");
    let numbers = [50, 3, 49, 90, 4, 1, 51, 7, 1000, 2, 89, 6];
    let mut sent = Vec::new();
    for numbers in numbers.chunks(3) {
        // Killed between two rounds, a number far below the highest one comes after the start.
        let mut remora = Remora::start(&config);
        for number in numbers {
            mysql.sql(&format!(
                "SET GTID_NEXT = '{OTHER}:{number}'; INSERT INTO d.t VALUES ({number});
                 SET GTID_NEXT = 'AUTOMATIC'; INSERT INTO d.t VALUES (-{number})"
            ));
            sent.extend([*number, -number]);
        }
        file.ids(-numbers[numbers.len() - 1]);
        remora.kill9();
    }
    let _remora = Remora::start(&config);
    let set = wait_stored(&config, &mysql, "holes").to_string();
    assert!(
        set.contains(&format!("{OTHER}:1-4:6-7:49-51:89-90:1000")),
        "{set}"
    );
    assert_eq!(file.ids(-6), sent);
}

/// An idle captured table: the position follows the other traffic, at a bounded rate of writes, so that the server may
/// purge what is not needed.
#[test]
fn f35_groups_without_captured_rows_move_the_position() {
    let mysql = Mysql::start(&[]);
    mysql.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1); CREATE DATABASE o; CREATE TABLE o.t (id INT)");
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "idle", mysql.port(), "d");
    let mut remora = Remora::start(&config);
    file.ids(1);
    let start = Instant::now();
    let other: String = (0..5000)
        .map(|id| format!("INSERT INTO o.t VALUES ({id});"))
        .collect();
    mysql.sql(&other);
    mysql.sql("FLUSH BINARY LOGS; CREATE USER nobody; ANALYZE TABLE d.t");
    wait_stored(&config, &mysql, "idle");
    let writes = remora
        .metric("remora_checkpoints_total{database=\"idle\"}")
        .unwrap();
    let filtered = "remora_ledger_events_total{database=\"idle\",fate=\"filtered\",kind=\"not_included\",origin=\"file\"}";
    wait_for("the ledger", DEADLINE, || {
        (remora.metric(filtered)? == 5000.0).then_some(())
    });
    let limit = start.elapsed().as_secs_f64() * 2.0 + 3.0;
    println!("5000 transactions, {writes} writes of the position, at most {limit:.0} allowed");
    assert!(writes <= limit);
    remora.kill9();
    mysql.end_readers();
    let last = mysql.sql("SHOW BINARY LOGS");
    let last = last.lines().last().unwrap().split('\t').next().unwrap();
    mysql.sql(&format!("PURGE BINARY LOGS TO '{last}'"));
    let _remora = Remora::start(&config);
    mysql.sql("INSERT INTO d.t VALUES (2)");
    assert_eq!(file.ids(2), [1, 2]);
}

/// The server dies while it writes a group, the file ends inside it: the group never was, and what follows comes.
#[test]
fn f38_a_group_that_a_crash_cut_off() {
    let mysql = Mysql::start(&["--sync-binlog=1"]);
    mysql.sql("CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); INSERT INTO d.t VALUES (1); INSERT INTO d.t VALUES (2)");
    mysql.kill9();
    let log = mysql.data().join("mysql-bin.000001");
    let bytes = fs::read(&log).unwrap();
    // Behind the rows of the last group, whose end takes 31 bytes.
    fs::write(&log, &bytes[..bytes.len() - 31]).unwrap();
    mysql.restart();
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "cut", mysql.port(), "d");
    let remora = Remora::start(&config);
    mysql.sql("INSERT INTO d.t VALUES (3)");
    let ids = file.ids(3);
    println!(
        "rows {ids:?}, the server has {:?}",
        mysql.sql("SELECT id FROM d.t")
    );
    assert_eq!(ids, [1, 3]);
    assert_eq!(crate::faults::state(&remora, "cut").unwrap().0, "streaming");
}

/// One transaction of 60 MB, in many row events: memory stays where it is for small ones, and another database flows.
#[test]
fn f52_a_huge_transaction_in_bounded_memory() {
    let mysql = Mysql::start(&[]);
    let other = unique("beside");
    Mysql::shared().sql(&format!(
        "CREATE DATABASE {other}; CREATE TABLE {other}.t (id INT PRIMARY KEY)"
    ));
    mysql.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, v VARCHAR(300));
         SET SESSION cte_max_recursion_depth = 1000000;
         INSERT INTO d.t WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 200000) SELECT n, REPEAT('x', 300) FROM s",
    );
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "huge", mysql.port(), "d");
    let beside = ToFile::add(&config, "beside", Mysql::shared().port(), &other);
    let remora = Remora::start(&config);
    Mysql::shared().sql(&format!("INSERT INTO {other}.t VALUES (1)"));
    beside.ids(1);
    let rows = "remora_rows_total{database=\"huge\",op=\"c\"}";
    wait_for("all rows", Duration::from_secs(180), || {
        (remora.metric(rows)? == 200_000.0).then_some(())
    });
    wait_stored(&config, &mysql, "huge");
    let peak = remora.peak_memory();
    let bytes = fs::metadata(config.path().join("huge.jsonl"))
        .unwrap()
        .len();
    println!("{bytes} bytes of records, peak memory {peak}");
    assert!(bytes > 100 << 20 && peak < 160 << 20);
    drop(file);
}

/// Topics of what was sent.
#[derive(Default)]
struct Topics(Vec<String>);

impl Outbox for Topics {
    fn send(&mut self, batch: Batch) -> Result<Batch, Error> {
        let topics = batch
            .records
            .iter()
            .map(|record| batch.topic_of(record).to_owned());
        self.0.extend(topics);
        Ok(batch)
    }

    fn store(&mut self, _: &Position, _: Option<&Arc<Definitions>>) -> Result<(), Error> {
        Ok(())
    }
}

/// Records that stream and records that have waited for the end of their group go the same way.
#[test]
fn records_of_every_group_are_transformed() {
    let route = |toml: &str| {
        let config = ConfigDir::new();
        config.database(
            "routed",
            &format!("mysql.host = \"h\"\nmysql.user = \"u\"\nsink.type = \"stdout\"\n{toml}"),
        );
        let mut loaded = config::load(config.path(), []).unwrap();
        Chain::new(&loaded.databases.remove(0).transforms, false)
    };
    for name in ["rows", "savepoint_mixed", "xa_commit", "compressed"] {
        let log = Log::read(name);
        let count = |transforms: Option<Chain>| {
            let gtids = (0..log.events.len()).any(|number| [33, 42].contains(&log.code(number)));
            let mut state = state(&log, None, gtids).transforming(transforms);
            let mut topics = Topics::default();
            for number in 0..log.events.len() {
                let chunk = log.chunk(number);
                let input = Input::Events {
                    chunk: &chunk,
                    now_ns: 1,
                };
                state.handle(input, &mut topics).unwrap();
            }
            topics.0
        };
        let all =
            "[[transforms]]\ntype = \"route\"\ntopic_regex = '.*'\ntopic_replacement = \"all\"";
        let (plain, routed) = (count(None), count(route(all)));
        assert!(!plain.is_empty() && plain.len() == routed.len(), "{name}");
        assert!(
            routed.iter().all(|topic| topic == "all"),
            "{name}: {routed:?}"
        );
    }
}
