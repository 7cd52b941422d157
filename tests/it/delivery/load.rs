//! A mixed load as SQL text: deterministic for a seed, no statement of which can fail.

use std::fmt::Write;

/// Three tables: an integer key, a composite key with text, and wide rows.
pub(crate) fn schema(database: &str) -> String {
    format!(
        "CREATE DATABASE {database}; USE {database};
         CREATE TABLE plain (id INT PRIMARY KEY, v INT, t VARCHAR(200));
         CREATE TABLE paired (s VARCHAR(20), n INT, v INT, PRIMARY KEY (s, n));
         CREATE TABLE wide (id BIGINT PRIMARY KEY, v INT, body TEXT);
         CREATE TABLE fence (id INT PRIMARY KEY);"
    )
}

/// Tables of `schema` whose rows are compared, with a SELECT that gives each row as one JSON object.
pub(crate) const TABLES: [(&str, &str); 3] = [
    (
        "plain",
        "SELECT JSON_OBJECT('id', id, 'v', v, 't', t) FROM plain",
    ),
    (
        "paired",
        "SELECT JSON_OBJECT('s', s, 'n', n, 'v', v) FROM paired",
    ),
    (
        "wide",
        "SELECT JSON_OBJECT('id', id, 'v', v, 'body', body) FROM wide",
    ),
];

/// Pseudo-random numbers from a seed.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// One session's transactions, about `changes` row changes; sessions keep to their own keys.
pub(crate) fn session(database: &str, session: u64, seed: u64, changes: u64) -> Vec<String> {
    let mut random = Random::new(seed * 1000 + session);
    let (mut transactions, mut made) = (
        vec![format!(
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; USE {database};"
        )],
        0,
    );
    while made < changes {
        let mut sql = "BEGIN;".to_owned();
        for _ in 0..1 + random.below(4) {
            made += statement(&mut sql, session, &mut random);
        }
        sql.push_str(if random.below(10) == 0 {
            "ROLLBACK;"
        } else {
            "COMMIT;"
        });
        transactions.push(sql);
    }
    transactions
}

/// Appends a statement; gives about how many rows it changes.
fn statement(sql: &mut String, session: u64, random: &mut Random) -> u64 {
    let count = [1, 1, 3, 20, 200, 1500][random.below(6) as usize];
    let first = session * 1_000_000 + random.below(3000);
    let last = first + count - 1;
    let name = format!("k{session}-{}", random.below(40));
    let rows = |values: &mut dyn FnMut(u64) -> String| {
        (0..count).map(values).collect::<Vec<_>>().join(",")
    };
    // Writing to a String cannot fail.
    let _ = match random.below(9) {
        0 | 1 => {
            let values =
                rows(&mut |i| format!("({},{i},REPEAT('t',{}))", first + i, (first + i) % 90));
            write!(sql, "REPLACE INTO plain VALUES {values};")
        }
        2 => write!(
            sql,
            "UPDATE plain SET v = v + 1 WHERE id BETWEEN {first} AND {last};"
        ),
        3 => write!(
            sql,
            "DELETE FROM plain WHERE id BETWEEN {first} AND {};",
            first + count.min(60)
        ),
        // A key change: the new key lies where no statement writes, and a second one is ignored.
        4 => write!(
            sql,
            "UPDATE IGNORE plain SET id = id + 500000 WHERE id = {first};"
        ),
        5 => {
            let values = rows(&mut |i| format!("('{name}',{},1)", i % 300));
            write!(
                sql,
                "INSERT INTO paired VALUES {values} ON DUPLICATE KEY UPDATE v = v + 1;"
            )
        }
        6 => write!(sql, "DELETE FROM paired WHERE s = '{name}';"),
        7 => {
            let values =
                rows(&mut |i| format!("({},{i},REPEAT('w',{}))", first + i, (i * 37) % 2000));
            write!(sql, "REPLACE INTO wide VALUES {values};")
        }
        _ => write!(
            sql,
            "UPDATE wide SET v = v + 1, body = REVERSE(body) WHERE id BETWEEN {first} AND {last};"
        ),
    };
    count
}
