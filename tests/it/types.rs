//! Every type, judged by the server: what remora writes of a row against SELECT of the same row, on the oldest and the
//! newest server; and the table of `docs/types.md`, line by line.

mod charsets;
mod document;
mod generate;
pub(crate) mod judge;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use generate::{SESSION, Scope, Table, tables};

use crate::faults::ToFile;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, root, unique, wait_for};

/// The seed of the values in `tests/golden/types.during.sql`, and of the first run here.
const SEED: u64 = 2026;

/// A record as far as the tests read it; cells stay JSON text.
#[derive(Deserialize)]
struct Line {
    topic: String,
    value: Option<Envelope>,
}

#[derive(Deserialize)]
struct Envelope {
    before: Option<BTreeMap<String, Box<RawValue>>>,
    after: Option<BTreeMap<String, Box<RawValue>>>,
}

/// Images by table and `id`.
type Images = BTreeMap<(String, String), BTreeMap<String, String>>;

/// Runs the SQL in a database of its own and gives what became of its rows: the images before, and after.
fn capture(mysql: &Mysql, schema: &str, sql: &str, keys: &str) -> (Images, Images) {
    mysql.sql(&format!(
        "CREATE DATABASE {schema} CHARACTER SET utf8mb4; USE {schema};\n{sql}"
    ));
    mysql.sql(&format!(
        "CREATE TABLE {schema}.fence (id INT PRIMARY KEY); INSERT INTO {schema}.fence VALUES (987654321)"
    ));
    let config = ConfigDir::new();
    let file = ToFile::add_with_keys(&config, "types", (mysql.port(), schema), keys);
    let _remora = Remora::start(&config);
    let text = wait_for("the fence", DEADLINE, || {
        let text = file.text();
        text.contains("{\"id\":987654321}").then_some(text)
    });
    let (mut before, mut after) = (Images::new(), Images::new());
    for line in text.lines() {
        let line: Line = serde_json::from_str(line).unwrap();
        let table = line.topic.rsplit('.').next().unwrap().to_owned();
        let keep = |images: &mut Images, image: Option<BTreeMap<String, Box<RawValue>>>| {
            if let Some(image) = image {
                let id = image.get("id").map_or("", |id| id.get()).to_owned();
                let cells = image
                    .iter()
                    .map(|(name, cell)| (name.clone(), cell.get().to_owned()));
                images.insert((table.clone(), id), cells.collect());
            }
        };
        if let Some(envelope) = line.value {
            keep(&mut before, envelope.before);
            keep(&mut after, envelope.after);
        }
    }
    (before, after)
}

/// Compares every cell of the tables with the server's word for it; gives how many, and what differs.
fn compare(mysql: &Mysql, schema: &str, tables: &[Table], images: &Images) -> (usize, Vec<String>) {
    let (mut compared, mut found) = (0, Vec::new());
    for table in tables {
        let columns = table.columns.iter().enumerate();
        let select: Vec<String> = columns
            .map(|(n, column)| column.rule.select(&format!("c{n}")))
            .collect();
        let rows = mysql.sql(&format!(
            "{SESSION} SELECT id, {} FROM {schema}.{} ORDER BY id",
            select.join(", "),
            table.name
        ));
        for row in rows.lines() {
            let mut cells = row.split('\t');
            let id = cells.next().unwrap();
            let key = (table.name.to_owned(), id.to_owned());
            let Some(image) = images.get(&key) else {
                found.push(format!("{}: no record of row {id}", table.name));
                continue;
            };
            for ((n, column), server) in table.columns.iter().enumerate().zip(cells) {
                compared += 1;
                let ours = &image[&format!("c{n}")];
                if let Some(what) = column.rule.differ(ours, server) {
                    let what: String = what.chars().take(300).collect();
                    found.push(format!("{} row {id} {}: {what}", table.name, column.sql));
                }
            }
        }
    }
    (compared, found)
}

fn differential(mysql: &Mysql, seed: u64, vectors: bool) {
    let scope = Scope {
        vectors,
        impossible_dates: true,
        large: true,
    };
    let tables = tables(seed, scope);
    let schema = unique("types");
    let mut sql = SESSION.to_owned();
    for table in &tables {
        sql += &format!("\n{}\n{}", table.create(), table.fill());
        // The same values as the image before a change.
        sql += &format!("DELETE FROM {} WHERE id = 0;\n", table.name);
        sql += &format!(
            "UPDATE {} SET id = id + 1000 WHERE id > 0 ORDER BY id DESC;\n",
            table.name
        );
    }
    let (before, after) = capture(mysql, &schema, &sql, "");
    let (compared, found) = compare(mysql, &schema, &tables, &after);
    println!(
        "seed {seed}: {compared} cells of {} tables compared with SELECT, {} differ",
        tables.len(),
        found.len()
    );
    assert!(
        found.is_empty(),
        "ours | the server's:\n{}",
        found.join("\n")
    );
    assert!(compared > 2500, "{compared}");
    let moved = before
        .iter()
        .filter(|((_, id), _)| !id.starts_with('-') && id != "0");
    for ((table, id), image) in moved {
        let moved = id.parse::<i64>().unwrap() + 1000;
        let mut now = after[&(table.clone(), moved.to_string())].clone();
        now.insert("id".to_owned(), id.clone());
        assert_eq!(image, &now, "before and after of {table} {id}");
    }
}

#[test]
fn values_agree_with_select_on_9_7() {
    differential(Mysql::shared(), SEED, true);
    differential(Mysql::shared(), seed_of_now(), true);
}

#[test]
fn values_agree_with_select_on_8_0() {
    differential(Mysql::shared_80(), SEED, false);
    differential(Mysql::shared_80(), seed_of_now(), false);
}

/// Another one for each run; it is printed, and a failure is had again by putting it in place of `SEED`.
fn seed_of_now() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    u64::from(now.unwrap().subsec_nanos())
}

/// The golden case `types` is this generator's SQL: the real Debezium has judged the same values.
#[test]
fn the_golden_case_is_what_the_generator_gives() {
    let scope = Scope {
        vectors: true,
        impossible_dates: false,
        large: false,
    };
    let mut before =
        "-- Every type with the values of tests/it/types/generate.rs, which writes this file \
         (UPDATE_GOLDEN=1).\nDROP DATABASE IF EXISTS golden_types;\n\
         CREATE DATABASE golden_types CHARACTER SET utf8mb4;\nUSE golden_types;\n"
            .to_owned();
    let mut during = format!("USE golden_types;\n{SESSION}\n");
    for table in tables(SEED, scope) {
        before += &format!("\n{}\n", table.create());
        during += &format!("\n{}", table.fill());
    }
    for (name, text) in [("types.before.sql", before), ("types.during.sql", during)] {
        let path = root().join("tests/golden").join(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == text,
            "tests/golden/{name} is not what the generator gives: run this test with UPDATE_GOLDEN=1, then \
             dev/golden types"
        );
    }
}
