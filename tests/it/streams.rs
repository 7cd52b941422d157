//! What a server never sends, or only on a bad day: streams of a fake server, read over a real connection.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use remora::config::modes::{Envelope, EnvelopeVersion, Modes};
use remora::config::{self, TableLists, Tls, TlsMode, TopicNaming};
use remora::encode::envelope::Style;
use remora::error::Secret;
use remora::pipeline::error::Error;
use remora::pipeline::{Begin, Bounds, Input, Outbox, State};
use remora::position::{FilePosition, Position};
use remora::schema::catalog::Rules;
use remora::schema::columns::ColumnRules;
use remora::schema::definitions::Definitions;
use remora::sink::batch::Batch;
use remora::source::chunk::Chunk;
use remora::source::payload::Limits;
use remora::source::wire::{DumpFrom, DumpRequest, Wire};

use crate::faults::{ToFile, state};
use crate::support::config::ConfigDir;
use crate::support::fake::{FILE, Fake, Play, err, event};
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, wait_for};

const XID: u8 = 16;

/// The events of a log with the rows 1, 2 and 3 in a transaction each, as a real server wrote them.
pub(crate) fn recorded() -> Vec<Vec<u8>> {
    let mysql = Mysql::start(&["--gtid-mode=OFF"]);
    mysql.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY); RESET BINARY LOGS AND GTIDS;
         INSERT INTO d.t VALUES (1); INSERT INTO d.t VALUES (2); INSERT INTO d.t VALUES (3); FLUSH BINARY LOGS",
    );
    let bytes = fs::read(mysql.data().join("mysql-bin.000001")).unwrap();
    let (mut log, mut rest) = (Vec::new(), &bytes[4..]);
    while rest.len() >= 19 {
        let size = u32::from_le_bytes(rest[9..13].try_into().unwrap()) as usize;
        let (event, after) = rest.split_at(size);
        log.push(event.to_vec());
        rest = after;
    }
    // The last one leads to a file that the fake does not have.
    log.pop();
    log
}

/// Where each transaction ends: how many events lie up to there.
fn ends(log: &[Vec<u8>]) -> Vec<usize> {
    let is_end = |(index, event): (usize, &Vec<u8>)| (event[4] == XID).then_some(index + 1);
    log.iter().enumerate().filter_map(is_end).collect()
}

/// Where the first `count` events end in the file.
fn offset(log: &[Vec<u8>], count: usize) -> u64 {
    4 + log[..count]
        .iter()
        .map(|event| event.len() as u64)
        .sum::<u64>()
}

/// The log with an event between its first and its second transaction: all places and checksums fit.
fn with(log: &[Vec<u8>], code: u8, flags: u16) -> Vec<Vec<u8>> {
    let mut log = log.to_vec();
    log.insert(ends(&log)[0], event(code, flags, 0, &[]));
    at_their_places(log)
}

/// The events with places and checksums that fit.
pub(crate) fn at_their_places(mut log: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let mut end = 4;
    for event in &mut log {
        end += u32::try_from(event.len()).unwrap();
        event[13..17].copy_from_slice(&end.to_le_bytes());
        let checked = event.len() - 4;
        let crc = crc32fast::hash(&event[..checked]);
        event[checked..].copy_from_slice(&crc.to_le_bytes());
    }
    log
}

/// Takes what a state gives and remembers the rows' `id`s.
#[derive(Default)]
struct Ids(Vec<i64>);

impl Outbox for Ids {
    fn send(&mut self, batch: Batch) -> Result<Batch, Error> {
        for record in &batch.records {
            let value = batch.bytes_of(record.value.unwrap());
            let value: serde_json::Value = serde_json::from_slice(value).unwrap();
            self.0.push(value["after"]["id"].as_i64().unwrap());
        }
        Ok(batch)
    }

    fn store(&mut self, _: &Position, _: Option<&Arc<Definitions>>) -> Result<(), Error> {
        Ok(())
    }
}

/// Reads from the fake until the row 3 or an error; gives the rows, where the next dump would begin, and the error.
async fn read(fake: &Fake) -> (Vec<i64>, u64, Option<String>) {
    let request = DumpRequest {
        server_id: 1,
        replica_uuid: "3e11fa47-71ca-11e1-9e33-c80aa9429563".to_owned(),
        heartbeat: Duration::from_secs(5),
        net_write_timeout: Duration::from_secs(60),
        event_bytes_max: 1 << 20,
        from: DumpFrom::File {
            name: FILE.to_owned(),
            position: 4,
        },
    };
    let wire = Wire::connect(&settings(fake.port())).await.unwrap();
    let mut stream = wire.dump(&request).await.unwrap();
    let (mut state, mut ids, mut chunk) = (state_from_start(), Ids::default(), Chunk::default());
    loop {
        stream.read(&mut chunk).await.unwrap();
        let input = Input::Events {
            chunk: &chunk,
            now_ns: 0,
        };
        let result = state.handle(input, &mut ids);
        let end = state.read_up_to().end.offset;
        if result.is_err() || ids.0.contains(&3) {
            return (ids.0, end, result.err().map(|error| error.to_string()));
        }
    }
}

fn settings(port: u16) -> config::Mysql {
    config::Mysql {
        host: "127.0.0.1".to_owned(),
        port,
        user: "root".to_owned(),
        password: Secret::new(String::new()),
        server_id: 1,
        server_public_key: None,
        connect_timeout: DEADLINE,
        heartbeat: Duration::from_secs(5),
        net_write_timeout: Duration::from_secs(60),
        event_bytes_max: 1 << 20,
        transaction_bytes_max: 1 << 20,
        row_image: config::RowImage::Full,
        tls: Tls {
            mode: TlsMode::Disabled,
            ca_file: None,
            identity: None,
        },
    }
}

fn state_from_start() -> State {
    state_with(1 << 20)
}

/// A state before the first event, with so many bytes of memory for groups that wait.
pub(crate) fn state_with(memory_bytes_max: usize) -> State {
    let end = FilePosition {
        file: FILE.to_owned(),
        offset: 4,
    };
    let position = Position::new(None, end);
    let rules = Rules {
        topic_prefix: "p".to_owned(),
        delimiter: ".".to_owned(),
        naming: TopicNaming::Default,
        tables: TableLists::default(),
        read_minimal: true,
        modes: Modes::default(),
        envelope: Envelope::default(),
        columns: ColumnRules::default(),
    };
    let style = Style {
        skip_unchanged: false,
        transactions: None,
        heartbeats: None,
        queries: false,
        version: EnvelopeVersion::V3,
        name: "p".to_owned(),
        tombstones: true,
        ids: false,
        skipped: config::Skipped::default(),
        unavailable: String::new(),
    };
    let payload = Limits {
        event_bytes_max: 1 << 20,
        transaction_bytes_max: 1 << 20,
    };
    let bounds = Bounds {
        payload,
        memory_bytes_max,
        row_image: config::RowImage::Full,
    };
    let begin = Begin {
        position,
        definitions: Definitions::default(),
        learning: false,
    };
    State::new(begin, rules, style, bounds)
}

/// What an event with an empty body must do, by MySQL's list of types (`enum Log_event_type` of 9.7); `None` where
/// it is passed over.
fn expected(code: u8, ignorable: bool) -> Option<&'static str> {
    match code {
        // STOP, INTVAR, RAND, USER_VAR, HEARTBEAT, IGNORABLE, ROWS_QUERY, PREVIOUS_GTIDS, TRANSACTION_CONTEXT,
        // VIEW_CHANGE, HEARTBEAT_V2: no row in them, no end of a transaction.
        3 | 5 | 13 | 14 | 27 | 28 | 29 | 35 | 36 | 37 | 41 => None,
        // What must have a body: QUERY, ROTATE, XID, TABLE_MAP, the rows, the GTIDs, XA_PREPARE, the payload.
        2 | 4 | 16 | 19 | 23 | 24 | 25 | 30 | 31 | 32 | 33 | 34 | 38 | 40 | 42 => {
            Some("event of type")
        }
        // FORMAT_DESCRIPTION: its last byte names the algorithm of checksums, here a byte of the header.
        15 => Some(""),
        26 => Some("may have lost events"),
        39 => Some("event of type 39"),
        // START_V3, the LOAD DATA family, the rows of 5.1 alpha.
        1 | 6..=12 | 17 | 18 | 20..=22 => Some("are not read|logged as a statement"),
        0 | 43..=255 if ignorable => None,
        0 | 43..=255 => Some("unknown event type"),
    }
}

/// Every type from 0 to 255, with and without the flag that allows to ignore it: it is passed over, or nothing after
/// it comes out and the position stays before it.
#[test]
fn f32_every_event_type_is_passed_over_or_stops_at_its_place() {
    let log = recorded();
    let first = offset(&log, ends(&log)[0]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let (mut passed, mut stopped) = (0, 0);
    for code in 0..=u8::MAX {
        for flags in [0, 0x80] {
            let log = with(&log, code, flags);
            let end = offset(&log, ends(&log)[2]);
            let fake = Fake::start(log, vec![Play::Events]);
            let (ids, at, error) = runtime.block_on(read(&fake));
            match (expected(code, flags != 0), error) {
                (None, None) => {
                    assert_eq!(
                        (ids, at),
                        (vec![1, 2, 3], end),
                        "type {code}, flags {flags}"
                    );
                    passed += 1;
                }
                (Some(words), Some(error)) => {
                    assert_eq!((ids, at), (vec![1], first), "type {code}: {error}");
                    let says = words.split('|').any(|words| error.contains(words));
                    assert!(says, "type {code}, flags {flags}: {error}");
                    assert!(error.contains(FILE), "type {code}: {error}");
                    stopped += 1;
                }
                (expected, found) => {
                    panic!("type {code}, flags {flags}: {found:?} instead of {expected:?}")
                }
            }
        }
    }
    println!("512 streams: {passed} passed over, {stopped} stopped at their place");
}

/// A name, what the dump connections get, and what the error says where the database is to stop.
type Case = (&'static str, Vec<Play>, Option<&'static str>);

/// What passes: a second try gets the whole stream.
fn passing(inside: usize) -> Vec<Case> {
    let eof = || vec![0xFE, 0, 0, 0, 0];
    let shutdown = || err(1053, "Server shutdown in progress");
    let once = |play: Play| vec![play, Play::Events];
    let plays = [
        ("full", once(Play::Greet(err(1040, "Too many connections")))),
        ("refused_shutdown", once(Play::Refuse(shutdown()))),
        ("refused_eof", once(Play::Refuse(eof()))),
        ("refused_empty", once(Play::Refuse(Vec::new()))),
        ("refused_short", once(Play::Refuse(vec![0xFF, 1]))),
        ("refused_marker", once(Play::Refuse(vec![0x42, 0, 0]))),
        ("later_eof", once(Play::Packet(inside, eof()))),
        ("later_shutdown", once(Play::Packet(inside, shutdown()))),
        ("later_marker", once(Play::Packet(inside, vec![0xEF, 1, 2]))),
        ("disordered", once(Play::Disordered(inside))),
        ("cut_ids", once(Play::Cut(4))),
        ("cut_rotate", once(Play::Cut(20))),
        ("cut_format", once(Play::Cut(150))),
        ("cut_first", once(Play::Cut(400))),
        ("cut_second", once(Play::Cut(600))),
        (
            "cut_often",
            vec![
                Play::Cut(1),
                Play::Cut(333),
                Play::Cut(500),
                Play::Cut(700),
                Play::Events,
            ],
        ),
    ];
    plays.map(|(name, plays)| (name, plays, None)).into()
}

/// What stops the database, by the server's words or because it is the same three times.
fn stopping(inside: usize) -> Vec<Case> {
    let dump = |text: &str| Play::Refuse(err(1236, text));
    let plays = [
        (
            "denied",
            Play::Greet(err(1045, "Access denied")),
            "refused the account",
        ),
        (
            "purged",
            dump("Could not find first log file name in binary log index file"),
            "are purged",
        ),
        (
            "beyond",
            dump("asked to start replication from position > file size"),
            "not one of this server's",
        ),
        (
            "unsendable",
            dump("log event entry exceeded max_allowed_packet"),
            "cannot send an event",
        ),
        (
            "privilege",
            Play::Refuse(err(1227, "you need REPLICATION SLAVE")),
            "may not follow",
        ),
        (
            "later_purged",
            Play::Packet(inside, err(1236, "the binary log is purged")),
            "are purged",
        ),
        (
            "always_marker",
            Play::Packet(inside, vec![0x42]),
            "begins with byte 0x42",
        ),
    ];
    plays
        .map(|(name, play, words)| (name, vec![play], Some(words)))
        .into()
}

/// Errors, ends and nonsense in the answer to a dump request and in the stream: what may pass is tried again and
/// every row comes, in order; the rest stops that database by name, and no row before it is missing.
#[test]
fn answers_and_ends_of_a_stream_are_retried_or_named() {
    let log = Arc::new(recorded());
    let config = ConfigDir::new();
    // The made-up ROTATE comes first; the connection breaks inside the second transaction.
    let inside = 1 + ends(&log)[0] + 3;
    let databases: Vec<_> = [passing(inside), stopping(inside)]
        .into_iter()
        .flatten()
        .map(|(name, plays, error)| {
            let fake = Fake::start(log.to_vec(), plays);
            let file = ToFile::add(&config, name, fake.port(), "d");
            (name, fake, file, error)
        })
        .collect();
    let remora = Remora::start(&config);
    for (name, fake, file, error) in databases {
        match error {
            None => {
                assert_eq!(file.ids(3), [1, 2, 3], "{name}");
                println!("{name}: {} dumps, from {:?}", fake.dumps(), fake.asked());
            }
            Some(words) => {
                let said = wait_for("the database to fail", DEADLINE, || {
                    state(&remora, name).filter(|(state, _)| state == "failed")
                });
                assert!(said.1.contains(words), "{name}: {}", said.1);
                let id = |line: &serde_json::Value| line["value"]["after"]["id"].as_i64();
                let mut ids: Vec<_> = file.lines().iter().filter_map(id).collect();
                ids.dedup();
                assert!([1, 2, 3].starts_with(&ids), "{name}: {ids:?}");
                println!("{name}: {}", said.1);
            }
        }
    }
}
