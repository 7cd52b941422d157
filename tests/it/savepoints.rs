//! Savepoints, rollbacks and tables that cannot roll back: what comes out is what the tables hold.

use std::collections::BTreeMap;

use remora::pipeline::holding::folder::Folder;
use remora::pipeline::{Input, Outbox};
use remora::position::Position;
use remora::sink::batch::Batch;
use remora::source::chunk::Chunk;

use crate::faults::ToFile;
use crate::streams::{at_their_places, recorded, state_with};
use crate::support::config::ConfigDir;
use crate::support::fake::event;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;

/// Shapes of transactions over tables that can roll back and tables that cannot, at ids from BASE on.
const SHAPES: &str = "
BEGIN; INSERT INTO i VALUES (BASE+1); INSERT INTO m VALUES (BASE+1); ROLLBACK;
BEGIN; INSERT INTO m VALUES (BASE+2); INSERT INTO i VALUES (BASE+2); INSERT INTO m VALUES (BASE+3); ROLLBACK;
BEGIN; INSERT INTO i VALUES (BASE+4); SAVEPOINT s; INSERT INTO i2 VALUES (BASE+5); INSERT INTO i VALUES (BASE+6);
ROLLBACK TO S; INSERT INTO i VALUES (BASE+7); COMMIT;
BEGIN; INSERT INTO i VALUES (BASE+8); INSERT INTO i2 VALUES (BASE+8); ROLLBACK;
BEGIN; INSERT INTO i VALUES (BASE+9); SAVEPOINT a; INSERT INTO i VALUES (BASE+10); SAVEPOINT b;
INSERT INTO i VALUES (BASE+11); ROLLBACK TO a; INSERT INTO i VALUES (BASE+12); SAVEPOINT a; RELEASE SAVEPOINT a; COMMIT;
BEGIN; INSERT INTO i VALUES (BASE+13); CREATE TEMPORARY TABLE x (a INT); INSERT INTO x VALUES (1); SAVEPOINT s;
INSERT INTO i VALUES (BASE+14); ROLLBACK TO s; DROP TEMPORARY TABLE x; INSERT INTO i VALUES (BASE+15); ROLLBACK;
BEGIN; INSERT INTO i2 VALUES (BASE+16); SAVEPOINT `a ``b`; INSERT INTO i VALUES (BASE+17); ROLLBACK TO `A ``B`; COMMIT;
XA START 'BASE'; INSERT INTO i VALUES (BASE+18); INSERT INTO m VALUES (BASE+18); SAVEPOINT s;
INSERT INTO i2 VALUES (BASE+19); ROLLBACK TO s; INSERT INTO i VALUES (BASE+20); XA END 'BASE'; XA PREPARE 'BASE';
XA COMMIT 'BASE';
XA START 'BASE'; INSERT INTO i2 VALUES (BASE+21); XA END 'BASE'; XA ROLLBACK 'BASE';
XA START 'BASE'; INSERT INTO i2 VALUES (BASE+22); XA END 'BASE'; XA COMMIT 'BASE' ONE PHASE;
";

#[test]
fn f30_mixed_engines_savepoints_and_rollbacks_come_out_as_the_tables_are() {
    let mysql = Mysql::start(&["--gtid-mode=OFF", "--enforce-gtid-consistency=OFF"]);
    mysql.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE i (id INT PRIMARY KEY) ENGINE = InnoDB;
         CREATE TABLE i2 LIKE i; CREATE TABLE m (id INT PRIMARY KEY) ENGINE = MyISAM;
         CREATE TRIGGER tr AFTER INSERT ON i2 FOR EACH ROW INSERT INTO m VALUES (NEW.id);",
    );
    let mut base = 0;
    for direct in ["OFF", "ON"] {
        for compression in ["OFF", "ON"] {
            base += 1000;
            let shapes = SHAPES.replace("BASE", &base.to_string());
            mysql.sql(&format!(
                "USE d; SET binlog_direct_non_transactional_updates = {direct};
                 SET binlog_transaction_compression = {compression}; {shapes}"
            ));
        }
    }
    // A statement that fails half done leaves its rows in the table that cannot roll back.
    mysql.sql("USE d; INSERT IGNORE INTO i2 VALUES (1), (2), (3); INSERT INTO i VALUES (999999)");
    let config = ConfigDir::new();
    let file = ToFile::add(&config, "mixed", mysql.port(), "d");
    let _remora = Remora::start(&config);
    file.ids(999_999);
    let mut found: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for line in file.lines() {
        let source = line["value"]["source"]["table"]
            .as_str()
            .unwrap()
            .to_owned();
        let id = line["value"]["after"]["id"].as_i64().unwrap();
        found.entry(source).or_default().push(id);
    }
    for (table, ids) in &mut found {
        ids.sort_unstable();
        let expected = mysql.sql(&format!("SELECT id FROM d.{table} ORDER BY id"));
        let expected: Vec<i64> = expected.lines().map(|id| id.parse().unwrap()).collect();
        assert_eq!(*ids, expected, "{table}");
        println!("{table}: {} rows", ids.len());
    }
    assert_eq!(found.len(), 3);
}

/// The outcome of a stream: `id`s in the order of their delivery.
struct Ids {
    ids: Vec<i64>,
    folder: Option<Folder>,
}

impl Outbox for Ids {
    fn send(&mut self, batch: Batch) -> Result<Batch, remora::pipeline::error::Error> {
        for record in &batch.records {
            let value = batch.bytes_of(record.value.unwrap());
            let value: serde_json::Value = serde_json::from_slice(value).unwrap();
            self.ids.push(value["after"]["id"].as_i64().unwrap());
        }
        Ok(batch)
    }

    fn store(
        &mut self,
        _: &Position,
        _: Option<&std::sync::Arc<remora::schema::definitions::Definitions>>,
    ) -> Result<(), remora::pipeline::error::Error> {
        Ok(())
    }

    fn disk(&mut self) -> Option<&mut Folder> {
        self.folder.as_mut()
    }
}

/// A part of a made-up transaction.
enum Part {
    /// Times the rows event of the recorded log that has the row of this number.
    Rows(usize, usize),
    Query(&'static str),
}

/// A QUERY event of connection 1 without default database and status variables.
fn query(text: &str) -> Vec<u8> {
    let mut body = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    body.extend_from_slice(text.as_bytes());
    event(2, 0, 0, &body)
}

/// One group of these parts between its GTID and its end, flagged as one that may roll back.
fn stream(log: &[Vec<u8>], parts: &[Part], end: &str) -> Vec<Vec<u8>> {
    const GTID: u8 = 34;
    const TABLE_MAP: u8 = 19;
    const ROWS: u8 = 30;
    const XID: u8 = 16;
    let of = |code: u8| log.iter().filter(move |event| event[4] == code);
    let mut stream: Vec<Vec<u8>> = log.iter().take_while(|e| e[4] != GTID).cloned().collect();
    let mut gtid = of(GTID).next().unwrap().clone();
    gtid[19] |= 1;
    stream.push(gtid);
    stream.push(query("BEGIN"));
    for part in parts {
        match part {
            Part::Query(text) => stream.push(query(text)),
            Part::Rows(number, times) => {
                for _ in 0..*times {
                    stream.push(of(TABLE_MAP).next().unwrap().clone());
                    stream.push(of(ROWS).nth(number - 1).unwrap().clone());
                }
            }
        }
    }
    match end {
        "XID" => stream.push(of(XID).next().unwrap().clone()),
        text => stream.push(query(text)),
    }
    at_their_places(stream)
}

fn play(stream: &[Vec<u8>], memory: usize, folder: Option<Folder>) -> Result<Vec<i64>, String> {
    let mut outbox = Ids {
        ids: Vec::new(),
        folder,
    };
    let mut state = state_with(memory);
    let mut chunk = Chunk::default();
    for event in stream {
        let start = chunk.bytes.len();
        chunk.bytes.extend_from_slice(event);
        chunk.events.push(start..chunk.bytes.len());
    }
    let input = Input::Events {
        chunk: &chunk,
        now_ns: 0,
    };
    let result = state.handle(input, &mut outbox);
    result.map_err(|error| error.to_string())?;
    if let Some(folder) = &outbox.folder {
        assert_eq!(folder.used(), 0, "the disk is free again");
    }
    Ok(outbox.ids)
}

/// No server of today logs these; one whose statements are partly in statement format may.
#[test]
fn f30_what_waits_is_cut_at_savepoints_and_dropped_by_a_rollback() {
    use Part::{Query, Rows};
    let log = recorded();
    let parts = [
        Rows(1, 1),
        Query("SAVEPOINT `a`"),
        Rows(2, 1),
        Query("SAVEPOINT `b`"),
        Rows(3, 1),
        Query("ROLLBACK TO `B`"),
        Rows(1, 1),
        Query("ROLLBACK TO `a`"),
        Rows(3, 1),
    ];
    let dir = tempfile::tempdir().unwrap();
    let folder = || Some(Folder::new(dir.path(), 1 << 30));
    let play_both = |parts: &[Part], end: &str| {
        let stream = stream(&log, parts, end);
        let in_memory = play(&stream, 1 << 30, None);
        assert_eq!(play(&stream, 0, folder()), in_memory);
        in_memory
    };
    assert_eq!(play_both(&parts, "XID"), Ok(vec![1, 3]));
    assert_eq!(play_both(&parts, "ROLLBACK"), Ok(vec![]));
    // Each mark lies in another block than the one being written when it is gone back to.
    let many = 1500;
    let parts = [
        Rows(1, many),
        Query("SAVEPOINT a"),
        Rows(2, many),
        Query("SAVEPOINT b"),
        Rows(3, many),
        Query("ROLLBACK TO b"),
        Rows(1, many),
        Query("ROLLBACK TO a"),
        Rows(3, many),
    ];
    let expected = [vec![1; many], vec![3; many]].concat();
    assert_eq!(play_both(&parts, "XID"), Ok(expected));
    assert_eq!(play_both(&parts, "ROLLBACK"), Ok(vec![]));
    let error = play_both(&[Rows(1, 1), Query("ROLLBACK TO a")], "XID").unwrap_err();
    assert!(
        error.contains("did not set") && error.contains("fake-bin"),
        "{error}"
    );
    let error = play(&stream(&log, &[Rows(1, many)], "XID"), 0, None).unwrap_err();
    assert!(error.contains("no spool"), "{error}");
}
