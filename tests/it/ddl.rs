//! Table definitions that follow DDL, judged by a real server: after each statement the definition that came from
//! the texts alone is compared with SHOW CREATE TABLE, and that with information_schema.

use std::collections::BTreeMap;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Row};
use remora::sql::collation::Collation;
use remora::sql::definition::{
    Column, ColumnType, DefaultValue, Definition, KeyKind, KeyPart, Name,
};
use remora::sql::statement::{Change, Context, Effect, Statement, parse};
use remora::sql::stored::StoredDefinition;
use remora::sql::token::Modes;
use tokio::runtime::Runtime;

use crate::support::mysql::Mysql;
use crate::support::unique;

/// Modes of the sessions, and the server's name of each.
const SESSIONS: [(&str, Modes, bool); 3] = [
    ("", MODES, true),
    ("ANSI_QUOTES,NO_BACKSLASH_ESCAPES", ANSI, true),
    ("REAL_AS_FLOAT", REAL_AS_FLOAT, false),
];
const MODES: Modes = Modes {
    ansi_quotes: false,
    no_backslash_escapes: false,
    real_as_float: false,
    strict: false,
};
const ANSI: Modes = Modes {
    ansi_quotes: true,
    no_backslash_escapes: true,
    ..MODES
};
const REAL_AS_FLOAT: Modes = Modes {
    real_as_float: true,
    ..MODES
};

/// A session on the server, and the definitions that its statements lead to.
struct Tracker {
    runtime: Runtime,
    conn: Conn,
    database: String,
    modes: Modes,
    explicit_timestamps: bool,
    collations: BTreeMap<String, Collation>,
    tables: BTreeMap<Name, Definition>,
}

impl Tracker {
    fn new(mysql: &Mysql, session: (&str, Modes, bool)) -> Tracker {
        let (mode, modes, explicit_timestamps) = session;
        let database = unique("ddl");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let options = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(mysql.port())
            .user(Some("root"))
            .setup(vec![
                format!("SET sql_mode = '{mode}', explicit_defaults_for_timestamp = {explicit_timestamps}"),
                "SET NAMES utf8mb4, sql_require_primary_key = OFF, restrict_fk_on_non_standard_key = OFF".to_owned(),
            ]);
        let conn = runtime.block_on(Conn::new(options)).unwrap();
        let mut tracker = Tracker {
            runtime,
            conn,
            database: String::new(),
            modes,
            explicit_timestamps,
            collations: BTreeMap::new(),
            tables: BTreeMap::new(),
        };
        tracker
            .run(&format!("CREATE DATABASE {database} CHARACTER SET utf8mb4"))
            .unwrap();
        tracker
            .runtime
            .block_on(tracker.conn.query_drop(format!("USE {database}")))
            .unwrap();
        tracker.database = database;
        tracker
    }

    fn context<'a>(&'a self, of_database: &'a dyn Fn(&str) -> Option<Collation>) -> Context<'a> {
        Context {
            database: &self.database,
            modes: self.modes,
            explicit_timestamps: self.explicit_timestamps,
            lower_case_names: false,
            utf8mb4_collation: "utf8mb4_0900_ai_ci",
            server_collation: Collation::new("utf8mb4_0900_ai_ci"),
            database_collation: of_database,
        }
    }

    fn parse(&self, sql: &str) -> Statement {
        let of_database = |name: &str| self.collations.get(name).cloned();
        parse(sql, &self.context(&of_database))
    }

    /// Runs a statement on the server and follows it; the server's error where it refuses.
    fn run(&mut self, sql: &str) -> Result<(), String> {
        let ran = self.runtime.block_on(self.conn.query_drop(sql));
        ran.map_err(|err| err.to_string())?;
        let statement = self.parse(sql);
        match statement.effect() {
            Effect::Changes(changes) => changes
                .iter()
                .for_each(|change| self.follow(change.clone(), sql)),
            Effect::Unknown(_) | Effect::Nothing => panic!("{sql}\n{statement:?}"),
        }
        Ok(())
    }

    fn follow(&mut self, change: Change, sql: &str) {
        match change {
            Change::CreateTable {
                definition,
                if_not_exists,
            } => {
                let known = self.tables.contains_key(&definition.name);
                assert!(!known || if_not_exists, "{sql}");
                self.tables
                    .entry(definition.name.clone())
                    .or_insert(definition);
            }
            Change::CreateLike { table, like, .. } => {
                let definition = self.tables[&like].renamed(table.clone());
                self.tables.insert(table, definition);
            }
            Change::CreateSelect { definition, .. } => {
                // The rest of it is not in the text.
                let shown = self.shown(&definition.name);
                let explicit = definition.columns.iter();
                explicit.for_each(|column| assert!(shown.column(&column.name).is_some(), "{sql}"));
                self.tables.insert(definition.name.clone(), shown);
            }
            Change::Alter(alter) => {
                let of_database = |name: &str| self.collations.get(name).cloned();
                let table = &self.tables[&alter.table];
                let next = table.apply(&alter, &self.context(&of_database));
                let next = next.unwrap_or_else(|err| panic!("{sql}\n{err}\n{table:#?}"));
                self.tables.remove(&alter.table);
                self.tables.insert(alter.new_name().clone(), next);
            }
            Change::Rename { from, to } => {
                let definition = self.tables.remove(&from).unwrap().renamed(to.clone());
                self.tables.insert(to, definition);
            }
            Change::DropTable { table, if_exists } => {
                assert!(self.tables.remove(&table).is_some() || if_exists, "{sql}");
            }
            Change::Truncate(table) => assert!(self.tables.contains_key(&table), "{sql}"),
            Change::CreateDatabase {
                database,
                collation,
                ..
            }
            | Change::AlterDatabase {
                database,
                collation,
            } => {
                self.collations.insert(database, collation.unwrap());
            }
            Change::DropDatabase { database, .. } => {
                self.tables.retain(|name, _| name.database != database);
            }
        }
    }

    /// The definition that SHOW CREATE TABLE gives.
    fn shown(&mut self, name: &Name) -> Definition {
        let sql = format!("SHOW CREATE TABLE {}", quoted(name));
        let row: (String, String) = self
            .runtime
            .block_on(self.conn.query_first(sql))
            .unwrap()
            .unwrap();
        let known = |_: &str| None;
        // It prints strings as the modes ask, names in backticks.
        let context = Context {
            database: &name.database,
            ..self.context(&known)
        };
        let shown = Definition::from_show_create(&row.1, &context);
        shown.unwrap_or_else(|err| panic!("{err}\n{}", row.1))
    }

    /// Compares all that is known with the server.
    fn compare(&mut self, sql: &str) {
        for (name, definition) in self.tables.clone() {
            let shown = self.shown(&name);
            same_definitions(&comparable(&definition), &comparable(&shown), sql);
            self.compare_columns(&shown, sql);
            self.compare_keys(&shown, sql);
            let stored = serde_json::to_string(&StoredDefinition::from(&definition)).unwrap();
            let stored: StoredDefinition = serde_json::from_str(&stored).unwrap();
            assert_eq!(
                Definition::try_from(stored).unwrap(),
                definition,
                "after: {sql}"
            );
        }
        let sql = "SELECT CONCAT(table_schema, '.', table_name) FROM information_schema.tables
                   WHERE table_schema LIKE CONCAT(DATABASE(), '%') AND table_type = 'BASE TABLE' ORDER BY 1";
        let names: Vec<String> = self.runtime.block_on(self.conn.query(sql)).unwrap();
        let known: Vec<String> = self.tables.keys().map(ToString::to_string).collect();
        assert_eq!(known, names);
    }

    fn compare_columns(&mut self, shown: &Definition, sql: &str) {
        let query = format!(
            "SELECT column_name, column_type, is_nullable, collation_name, column_default, extra, column_comment, srs_id
             FROM information_schema.columns WHERE table_schema = '{}' AND table_name = '{}'
             ORDER BY ordinal_position",
            shown.name.database,
            shown.name.table.replace('\\', "\\\\").replace('\'', "''")
        );
        let rows: Vec<Row> = self.runtime.block_on(self.conn.query(query)).unwrap();
        let texts = |row: Row| -> Vec<Option<String>> {
            let values = row.unwrap().into_iter();
            values.map(mysql_async::from_value).collect()
        };
        let rows: Vec<_> = rows.into_iter().map(texts).collect();
        let ours: Vec<_> = shown.columns.iter().map(described).collect();
        assert_eq!(ours.len(), rows.len(), "after: {sql}");
        for (mut ours, mut theirs) in ours.into_iter().zip(rows) {
            // Expressions are worded anew, and forgotten ones leave their mark.
            let is_now = |text: &String| text.starts_with("CURRENT_TIMESTAMP");
            let generated = theirs[5]
                .as_ref()
                .is_some_and(|extra| extra.contains("DEFAULT_GENERATED"));
            if generated && !theirs[4].as_ref().is_some_and(is_now) {
                for column in [&mut ours, &mut theirs] {
                    column[4] = None;
                    let extra = column[5].take().unwrap_or_default();
                    column[5] = Some(extra.replace("DEFAULT_GENERATED", "").trim().to_owned());
                }
            }
            // The server prints the default without a byte in two ways.
            if theirs[4].as_deref() == Some("0x") {
                theirs[4] = Some(String::new());
            }
            assert_eq!(ours, theirs, "after: {sql}");
        }
    }

    fn compare_keys(&mut self, shown: &Definition, sql: &str) {
        let query = format!(
            "SELECT index_name, non_unique, column_name, sub_part FROM information_schema.statistics
             WHERE table_schema = '{}' AND table_name = '{}' ORDER BY index_name, seq_in_index",
            shown.name.database,
            shown.name.table.replace('\\', "\\\\").replace('\'', "''")
        );
        type Part = (String, bool, Option<String>, Option<u32>);
        let theirs: Vec<Part> = self.runtime.block_on(self.conn.query(query)).unwrap();
        let mut ours: Vec<Part> = Vec::new();
        for part in &shown.primary_key {
            ours.push((
                "PRIMARY".to_owned(),
                false,
                Some(part.name.clone()),
                part.prefix,
            ));
        }
        for key in &shown.keys {
            let not_unique = key.kind != KeyKind::Unique;
            ours.extend(key.parts.iter().map(|part| match part {
                KeyPart::Column(part) => {
                    // The server says 32 of every spatial key.
                    let prefix = if key.kind == KeyKind::Spatial {
                        Some(32)
                    } else {
                        part.prefix
                    };
                    (
                        key.name.clone(),
                        not_unique,
                        Some(part.name.clone()),
                        prefix,
                    )
                }
                KeyPart::Expression(_) => (key.name.clone(), not_unique, None, None),
            }));
        }
        let by_name = |parts: Vec<Part>| {
            let mut keys: BTreeMap<String, Vec<Part>> = BTreeMap::new();
            for part in parts {
                keys.entry(part.0.to_lowercase()).or_default().push(part);
            }
            keys
        };
        assert_eq!(by_name(ours), by_name(theirs), "after: {sql}");
    }
}

fn quoted(name: &Name) -> String {
    let quoted = |name: &str| format!("`{}`", name.replace('`', "``"));
    format!("{}.{}", quoted(&name.database), quoted(&name.table))
}

/// Part by part, so that a difference fits the screen.
fn same_definitions(ours: &Definition, shown: &Definition, sql: &str) {
    for (ours, shown) in ours.columns.iter().zip(&shown.columns) {
        assert_eq!(ours, shown, "column, after: {sql}");
    }
    assert_eq!(ours.primary_key, shown.primary_key, "after: {sql}");
    for (ours, shown) in ours.keys.iter().zip(&shown.keys) {
        assert_eq!(ours, shown, "key, after: {sql}");
    }
    assert_eq!(ours, shown, "after: {sql}");
}

/// Without what the server words anew: expressions, the engine's name, and which index a foreign key made.
fn comparable(definition: &Definition) -> Definition {
    let mut definition = definition.clone();
    definition.engine.clear();
    for column in &mut definition.columns {
        if let DefaultValue::Expression(text) = &mut column.default {
            text.clear();
        }
        if let Some(generated) = &mut column.generated {
            generated.expression.clear();
        }
    }
    for key in &mut definition.keys {
        if key.kind == KeyKind::Generated {
            key.kind = KeyKind::Plain;
        }
        for part in &mut key.parts {
            if let KeyPart::Expression(text) = part {
                text.clear();
            }
        }
    }
    definition
}

/// A column as information_schema.COLUMNS has it.
fn described(column: &Column) -> Vec<Option<String>> {
    let now = |digits: u8| match digits {
        0 => "CURRENT_TIMESTAMP".to_owned(),
        digits => format!("CURRENT_TIMESTAMP({digits})"),
    };
    let default = match &column.default {
        DefaultValue::None | DefaultValue::Null | DefaultValue::Expression(_) => None,
        DefaultValue::Literal(text) => Some(text.clone()),
        DefaultValue::Bytes(bytes) => {
            let end = bytes
                .iter()
                .rposition(|byte| *byte != 0)
                .map_or(0, |at| at + 1);
            let digits: String = bytes
                .iter()
                .take(end)
                .map(|byte| format!("{byte:02X}"))
                .collect();
            Some(if end == 0 {
                String::new()
            } else {
                format!("0x{digits}")
            })
        }
        DefaultValue::Bits(bits) => Some(format!("b'{bits:b}'")),
        DefaultValue::CurrentTimestamp(digits) => Some(now(*digits)),
    };
    let mut extra = Vec::new();
    let is_now = matches!(column.default, DefaultValue::CurrentTimestamp(_));
    if is_now || matches!(column.default, DefaultValue::Expression(_)) {
        extra.push("DEFAULT_GENERATED".to_owned());
    }
    extra.extend(
        column
            .on_update
            .map(|digits| format!("on update {}", now(digits))),
    );
    extra.extend(column.auto_increment.then(|| "auto_increment".to_owned()));
    extra.extend(
        column
            .generated
            .as_ref()
            .map(|generated| match generated.stored {
                true => "STORED GENERATED".to_owned(),
                false => "VIRTUAL GENERATED".to_owned(),
            }),
    );
    extra.extend(column.invisible.then(|| "INVISIBLE".to_owned()));
    let srid = if let ColumnType::Geometry { srid, .. } = column.kind {
        srid
    } else {
        None
    };
    let nullable = if column.nullable { "YES" } else { "NO" };
    let bytes = column.collation.as_ref().is_some_and(Collation::is_binary);
    vec![
        Some(column.name.clone()),
        Some(column.type_text()),
        Some(nullable.to_owned()),
        column
            .collation
            .as_ref()
            .filter(|_| !bytes)
            .map(|collation| collation.name().to_owned()),
        default,
        Some(extra.join(" ")),
        Some(column.comment.clone()),
        srid.map(|srid| srid.to_string()),
    ]
}

/// Runs groups of statements, each with tables of its own, in every session. A session may refuse a statement, and
/// then the group ends for it; each statement must run in one of them.
fn check(groups: &[&[&str]]) {
    let mysql = Mysql::shared();
    let mut failures = Vec::new();
    let mut ran = std::collections::BTreeSet::new();
    let mut refusals = BTreeMap::new();
    for session in SESSIONS {
        for group in groups {
            let work = std::panic::AssertUnwindSafe(|| {
                let mut tracker = Tracker::new(mysql, session);
                for sql in *group {
                    if let Err(err) = tracker.run(sql) {
                        refusals.insert(*sql, err);
                        break;
                    }
                    ran.insert(*sql);
                    tracker.compare(sql);
                }
            });
            let failed = std::panic::catch_unwind(work).is_err();
            failures.extend(failed.then(|| format!("{}: {group:?}", session.0)));
        }
    }
    refusals.retain(|sql, _| !ran.contains(sql));
    assert!(refusals.is_empty(), "the server refuses {refusals:#?}");
    assert!(failures.is_empty(), "{} groups failed", failures.len());
}

const TYPES: &[&[&str]] = &[
        &["CREATE TABLE t (a INT, b INTEGER UNSIGNED, c TINYINT(1), d TINYINT(1) UNSIGNED, e BOOL, f BOOLEAN NOT NULL,
           g SMALLINT(5) ZEROFILL, h MEDIUMINT ZEROFILL, i BIGINT(20) UNSIGNED, j INT1, k INT2, l INT3, m INT4, n INT8,
           o MIDDLEINT, p INT(3) SIGNED, q TINYINT(4), r BIGINT ZEROFILL DEFAULT 7, s INT(5) ZEROFILL DEFAULT 42)"],
        &["CREATE TABLE t (a DECIMAL, b DECIMAL(5), c DECIMAL(10,2) UNSIGNED, d DEC(65,30), e NUMERIC(7,7), f FIXED(4,1) ZEROFILL,
           g FLOAT, h FLOAT(10), i FLOAT(24), j FLOAT(25), k FLOAT(53) UNSIGNED, l FLOAT(7,4), m DOUBLE, n DOUBLE PRECISION,
           o DOUBLE(10,3) ZEROFILL, p REAL, q REAL(8,2), r FLOAT4, s FLOAT8, t DECIMAL(0))"],
        &["CREATE TABLE t (a BIT, b BIT(64), c YEAR, d YEAR(4), e DATE, f TIME, g TIME(3), h DATETIME, i DATETIME(6), j TIMESTAMP NULL, k TIMESTAMP(2) NULL)"],
        &["CREATE TABLE t (a CHAR, b CHAR(0), c CHAR(255), d VARCHAR(10), e CHARACTER(3), f CHARACTER VARYING(7), g VARCHARACTER(8),
           h NCHAR(4), i NVARCHAR(5), j NATIONAL CHAR(6), k NATIONAL CHARACTER VARYING(7), l NATIONAL VARCHAR(8), m NCHAR VARCHAR(9),
           n CHAR VARYING(10), o NATIONAL VARCHARACTER(11), p NCHAR VARYING(3))"],
        &["CREATE TABLE t (a BINARY, b BINARY(16), c VARBINARY(200), d TINYBLOB, e BLOB, f MEDIUMBLOB, g LONGBLOB, h TINYTEXT, i TEXT,
           j MEDIUMTEXT, k LONGTEXT, l LONG, m LONG VARCHAR, n LONG VARBINARY, o LONG CHAR VARYING)"],
        &["CREATE TABLE t (a TEXT(10), b TEXT(63), c TEXT(64), d TEXT(16383), e TEXT(16384), f TEXT(70000), g BLOB(10), h BLOB(256), i BLOB(65536),
           j BLOB(16777216), k TEXT(63) CHARACTER SET latin1, l TEXT(256) CHARACTER SET latin1, m TEXT(255) BINARY, n TEXT(0))"],
        &["CREATE TABLE t (a ENUM('a','b  ','c,d','it''s','back\\\\slash'), b SET('x','y') NOT NULL, c ENUM('größe','日本'), d SET('a') CHARACTER SET latin1,
           e ENUM(x'61', 0x62))"],
        &["CREATE TABLE t (a JSON, b GEOMETRY, c POINT NOT NULL SRID 4326, d LINESTRING SRID 0, e POLYGON, f MULTIPOINT, g MULTILINESTRING,
           h MULTIPOLYGON, i GEOMETRYCOLLECTION, j GEOMCOLLECTION, k VECTOR, l VECTOR(3) NOT NULL)"],
        &["CREATE TABLE t (a SERIAL, b INT)", "DROP TABLE t", "CREATE TABLE t (a INT SERIAL DEFAULT VALUE)"],
        &["CREATE TABLE t (a CHAR(5) BINARY, b CHAR(5) ASCII, c CHAR(5) UNICODE, d CHAR(5) BYTE, e VARCHAR(5) BYTE, f TEXT BYTE,
           g CHAR(5) CHARACTER SET binary, h VARCHAR(9) CHARACTER SET binary, i TEXT CHARACTER SET binary, j ENUM('a') CHARACTER SET binary,
           k CHAR(4) ASCII BINARY, l VARCHAR(3) CHARACTER SET latin1 BINARY, m CHAR(3) BINARY CHARACTER SET latin2,
           n VARCHAR(5) COLLATE utf8mb4_bin, o CHAR(5) CHARSET latin1 COLLATE latin1_german1_ci, p CHAR(5) CHARSET utf8 COLLATE utf8_bin, q TEXT(100) CHARACTER SET binary)"],
        &["CREATE TABLE t (a VARCHAR(30000))", "DROP TABLE t", "CREATE TABLE t (a VARCHAR(16382))"],
        &["CREATE TABLE t (a VARBINARY(65530))"],
        &["CREATE TABLE t (a VARBINARY(66000), b VARCHAR(65535))"],
];

#[test]
fn types_in_every_spelling() {
    check(TYPES);
}

const ATTRIBUTES: &[&[&str]] = &[
        &["CREATE TABLE t (a INT DEFAULT 5, b INT DEFAULT '6', c INT NOT NULL DEFAULT -7, d INT DEFAULT +8, e BOOL DEFAULT TRUE, f INT DEFAULT NULL,
           g DECIMAL(10,2) DEFAULT 1, h DECIMAL(10,2) DEFAULT '1.5', i DECIMAL(5,3) DEFAULT -.5, j FLOAT DEFAULT 1.10, k DOUBLE DEFAULT 1e3,
           l DOUBLE DEFAULT 1e100, m FLOAT(7,4) DEFAULT 1.5, n BIGINT UNSIGNED DEFAULT 18446744073709551615, o INT DEFAULT 0x10, p INT DEFAULT 1e2,
           q DOUBLE DEFAULT 0.000001, r DOUBLE DEFAULT 123456789012345678, s DOUBLE DEFAULT 1e-20, t FLOAT DEFAULT 0)"],
        &["CREATE TABLE t (a BIT(4) DEFAULT b'101', b BIT DEFAULT 1, c BIT(8) DEFAULT 0x41, d BIT(8) DEFAULT 'A', e YEAR DEFAULT 2024, f YEAR DEFAULT '69', g YEAR DEFAULT 70,
           h YEAR DEFAULT 0)"],
        &["CREATE TABLE t (a DATE DEFAULT '2024-01-31', b DATE DEFAULT '2024-1-3', c DATE DEFAULT 20240131, d DATETIME DEFAULT '2024-01-31', e DATETIME(3) DEFAULT '2024-01-31 01:02:03',
           f TIME DEFAULT '1:2:3', g TIME(2) DEFAULT '-12:00:00.5', h TIMESTAMP NULL DEFAULT '2024-01-31 01:02:03', i DATE DEFAULT '0000-00-00', j DATETIME DEFAULT 0,
           m TIME DEFAULT 10203, n DATETIME(2) DEFAULT '0000-00-00 00:00:00')"],
        &["CREATE TABLE t (a CHAR(5) DEFAULT 'x  ', b VARCHAR(5) DEFAULT 'x  ', c VARCHAR(9) DEFAULT '', d VARCHAR(9) DEFAULT 'it''s', e VARCHAR(9) DEFAULT 5, f VARCHAR(9) DEFAULT x'6162',
           g VARCHAR(9) DEFAULT _utf8mb4'é', h VARCHAR(9) DEFAULT N'n', i VARCHAR(9) DEFAULT 'a' 'b', j VARCHAR(9) DEFAULT 1.50, k VARCHAR(9) CHARACTER SET latin1 DEFAULT 'ü', l VARCHAR(9) DEFAULT _latin1 x'E9',
           m VARCHAR(9) DEFAULT -1)"],
        &["CREATE TABLE t (a BINARY(3) DEFAULT 'a', b VARBINARY(3) DEFAULT 'a', c BINARY(2) DEFAULT 0x6162, d VARBINARY(4) DEFAULT '')"],
        &["CREATE TABLE t (a ENUM('x','y') DEFAULT 'y', b ENUM('x','Y') DEFAULT 'y', c SET('a','b','c') DEFAULT 'c,a', d SET('a','b') DEFAULT '', e ENUM('x','y') NOT NULL, f ENUM('x','y') NOT NULL DEFAULT 'x')"],
        &["CREATE TABLE t (a INT DEFAULT (1 + 2), b JSON DEFAULT (JSON_ARRAY()), c CHAR(36) DEFAULT (UUID()), d TEXT DEFAULT ('x)'), e DATE DEFAULT (CURRENT_DATE), f INT DEFAULT (7), g POINT DEFAULT (POINT(0, 0)), h BLOB DEFAULT ('a'))"],
        &["CREATE TABLE t (a TIMESTAMP DEFAULT CURRENT_TIMESTAMP, b DATETIME DEFAULT NOW() ON UPDATE CURRENT_TIMESTAMP, c TIMESTAMP(3) DEFAULT CURRENT_TIMESTAMP(3) ON UPDATE NOW(3), d DATETIME ON UPDATE CURRENT_TIMESTAMP,
           e TIMESTAMP DEFAULT LOCALTIME, f DATETIME DEFAULT LOCALTIMESTAMP(), g DATETIME(0) DEFAULT CURRENT_TIMESTAMP())"],
        &["CREATE TABLE t (a TIMESTAMP, b TIMESTAMP, c TIMESTAMP NULL, d TIMESTAMP NOT NULL)"],
        &["CREATE TABLE t (id INT, c TIMESTAMP NULL, a TIMESTAMP, b TIMESTAMP(3) DEFAULT '2020-01-01 00:00:00', e TIMESTAMP(3))", "ALTER TABLE t ADD f TIMESTAMP, ADD g TIMESTAMP", "ALTER TABLE t MODIFY c TIMESTAMP"],
        &["CREATE TABLE t (a TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, b TIMESTAMP DEFAULT CURRENT_TIMESTAMP)"],
        &["CREATE TABLE t (a INT COMMENT 'first', b INT INVISIBLE, c INT COLUMN_FORMAT FIXED STORAGE DISK, d INT VISIBLE COMMENT 'it''s', e INT CHECK (e > 0), f INT CONSTRAINT g CHECK (f IN (1, ')')) NOT ENFORCED) COMMENT 'a table' ENGINE=InnoDB"],
        &["CREATE TABLE t (a INT COMMENT 'first', b INT INVISIBLE, c INT COLUMN_FORMAT FIXED STORAGE DISK, d INT VISIBLE COMMENT 'it''s', e INT CHECK (e > 0), f INT CONSTRAINT g CHECK (f IN (1, ')')) NOT ENFORCED) COMMENT='a table', ENGINE InnoDB, ROW_FORMAT=DYNAMIC MAX_ROWS 100 AVG_ROW_LENGTH=10"],
        &["CREATE TABLE t (a INT, b INT AS (a + 1), c INT GENERATED ALWAYS AS (a * (2 + 1)) STORED NOT NULL, d VARCHAR(10) AS (CONCAT(a, ')')) VIRTUAL COMMENT 'x', e JSON, f INT AS (e->'$.x') VIRTUAL INVISIBLE, g VARCHAR(20) COLLATE utf8mb4_bin AS (e->>'$.y') UNIQUE)"],
        &["CREATE TABLE t (a JSON, b TEXT, c POINT, d INT NULL, e INT NOT NULL, f BLOB NOT NULL)", "ALTER TABLE t ALTER d DROP DEFAULT, ALTER b DROP DEFAULT", "ALTER TABLE t ALTER COLUMN d SET DEFAULT 4, ALTER e SET DEFAULT '5'", "ALTER TABLE t ALTER d SET DEFAULT NULL, ALTER e DROP DEFAULT"],
        &["CREATE TABLE t (a DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, b INT DEFAULT (1+1), c TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP)", "ALTER TABLE t ALTER a SET DEFAULT '2020-01-01 00:00:00'", "ALTER TABLE t ALTER a DROP DEFAULT, ALTER b DROP DEFAULT"],
        &["CREATE TABLE t (a INT, c DATETIME DEFAULT CURRENT_TIMESTAMP)", "ALTER TABLE t ALTER c SET DEFAULT (NOW())", "ALTER TABLE t ALTER c DROP DEFAULT"],
        &["CREATE TABLE t (a BLOB DEFAULT '', b INT)"],
];

#[test]
fn attributes_and_defaults() {
    check(ATTRIBUTES);
}

const KEYS: &[&[&str]] = &[
    &[
        "CREATE TABLE t (a INT PRIMARY KEY, b INT UNIQUE, c INT UNIQUE KEY, d INT, KEY (d), INDEX x (d, c), UNIQUE (d, b), UNIQUE INDEX y (c) USING BTREE, KEY (d))",
    ],
    &[
        "CREATE TABLE t (a INT KEY, b VARCHAR(50), KEY (b(10)), UNIQUE (b(50)), UNIQUE u (b(5) DESC, a))",
    ],
    &["CREATE TABLE t (a INT, b INT, PRIMARY KEY USING BTREE (b, a))"],
    &["CREATE TABLE t (a INT, b INT, UNIQUE (a), PRIMARY KEY (a), UNIQUE (b), KEY (a))"],
    &[
        "CREATE TABLE t (a INT, b INT NOT NULL, c INT NOT NULL, KEY k (a), UNIQUE ua (a), UNIQUE ub (b), UNIQUE ubc (b, c), FULLTEXT f (d), d TEXT NOT NULL, UNIQUE ud (d(10)), UNIQUE uc (c))",
    ],
    &[
        "CREATE TABLE t (a TEXT, b BLOB, g POINT NOT NULL SRID 0, FULLTEXT KEY (a), KEY (b(20)), SPATIAL INDEX s (g), FULLTEXT INDEX w (a) WITH PARSER ngram COMMENT 'x' INVISIBLE)",
    ],
    &[
        "CREATE TABLE t (a INT, b INT, KEY f ((a + b)), UNIQUE ((ABS(a))), KEY ((a - b), b), KEY ((a * 2)), KEY (a))",
    ],
    &[
        "CREATE TABLE p (id INT PRIMARY KEY, x INT, KEY (x), KEY (id, x))",
        "CREATE TABLE t (a INT, b INT, c INT REFERENCES p (id), FOREIGN KEY (a) REFERENCES p (id) ON DELETE CASCADE ON UPDATE SET NULL, CONSTRAINT fk FOREIGN KEY i (b) REFERENCES p (x) MATCH SIMPLE ON DELETE NO ACTION, FOREIGN KEY j (a, b) REFERENCES p (id, x))",
    ],
    &[
        "CREATE TABLE p (id INT PRIMARY KEY, x INT, KEY (x))",
        "CREATE TABLE t (a INT, b INT, FOREIGN KEY (a) REFERENCES p (id), CONSTRAINT fk FOREIGN KEY i (b) REFERENCES p (x), UNIQUE (b, a), KEY (a, b))",
        "ALTER TABLE t DROP FOREIGN KEY fk",
        "ALTER TABLE t ADD CONSTRAINT f2 FOREIGN KEY (b) REFERENCES p (id), ADD c INT",
        "ALTER TABLE t ADD KEY (c), DROP CONSTRAINT f2",
    ],
    &[
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES p (id))",
        "ALTER TABLE t ADD KEY (a)",
        "ALTER TABLE t ADD UNIQUE (a)",
    ],
    &[
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE t (a INT, b INT, FOREIGN KEY (a) REFERENCES p (id), UNIQUE (a))",
        "ALTER TABLE t ADD FOREIGN KEY (b) REFERENCES p (id)",
        "ALTER TABLE t ADD KEY x (b, a)",
    ],
    &[
        "CREATE TABLE t (a INT, b INT, CONSTRAINT u UNIQUE (a), CONSTRAINT UNIQUE (b), CONSTRAINT pk PRIMARY KEY (a, b), CONSTRAINT CHECK (a > b), CHECK (b <> 1) ENFORCED, CONSTRAINT c2 CHECK (a < 5))",
        "ALTER TABLE t DROP CONSTRAINT c2, DROP CHECK t_chk_1",
        "ALTER TABLE t DROP CONSTRAINT u, DROP PRIMARY KEY",
        "ALTER TABLE t ADD CONSTRAINT z UNIQUE KEY w (a), ADD CONSTRAINT PRIMARY KEY (b)",
    ],
    &[
        "CREATE TABLE t (a INT, b INT)",
        "CREATE INDEX i ON t (a)",
        "CREATE UNIQUE INDEX u USING BTREE ON t (b, a) COMMENT 'x' ALGORITHM INPLACE LOCK=NONE",
        "DROP INDEX i ON t",
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        "DROP INDEX `PRIMARY` ON t ALGORITHM=COPY",
        "ALTER TABLE t RENAME INDEX u TO v, ADD KEY u (a)",
        "ALTER TABLE t ALTER INDEX v INVISIBLE",
    ],
    &[
        "CREATE TABLE t (a INT, b INT, c INT, UNIQUE ab (a, b), KEY a (a), PRIMARY KEY (a, c))",
        "ALTER TABLE t DROP a",
        "ALTER TABLE t DROP b, DROP PRIMARY KEY",
    ],
    &[
        "CREATE TABLE t (a VARCHAR(20), b TEXT, KEY (a(10)), KEY (b(200)), UNIQUE u (a(15)))",
        "ALTER TABLE t MODIFY a VARCHAR(12)",
        "ALTER TABLE t MODIFY a VARCHAR(10)",
        "ALTER TABLE t MODIFY a VARCHAR(30)",
        "ALTER TABLE t MODIFY b TINYTEXT",
    ],
    &[
        "CREATE TABLE t (a VARCHAR(20), KEY (a(10)))",
        "ALTER TABLE t MODIFY a INT",
    ],
    &["CREATE TABLE t (`PRIMARY` INT, KEY (`PRIMARY`))"],
    &[
        "CREATE TABLE t (a INT NOT NULL, b INT, v INT AS (a) NOT NULL, w INT AS (a) STORED NOT NULL, c VARCHAR(9) NOT NULL, UNIQUE uv (v), UNIQUE uc (c(3)), UNIQUE uw (w), UNIQUE ub (b), UNIQUE ua (a), UNIQUE uvc (v, c(2)), UNIQUE uf ((b + 1)), UNIQUE ubc (b, c(2)), UNIQUE ubv (b, v), KEY kv (v), KEY kc (c(1)), KEY ka (a))",
    ],
    &["CREATE TABLE t (g POINT NOT NULL SRID 0, KEY (g))"],
    &[
        "CREATE TABLE t (a JSON, KEY k ((CAST(a->'$.x' AS UNSIGNED ARRAY))))",
        "ALTER TABLE t ADD b INT FIRST",
        "ALTER TABLE t DROP KEY k",
    ],
];

#[test]
fn keys_and_constraints() {
    check(KEYS);
}

const ALTERS: &[&[&str]] = &[
    &[
        "CREATE TABLE t (a INT, b INT, c INT)",
        "ALTER TABLE t ADD d INT",
        "ALTER TABLE t ADD COLUMN e INT FIRST",
        "ALTER TABLE t ADD f INT AFTER a, ADD g INT AFTER f, ADD (h INT, i INT UNIQUE, KEY (h))",
        "ALTER TABLE t DROP COLUMN a, DROP b",
        "ALTER TABLE t ADD a INT AFTER d, DROP c",
    ],
    &[
        "CREATE TABLE t (a INT, b INT, c INT)",
        "ALTER TABLE t MODIFY c VARCHAR(10) FIRST",
        "ALTER TABLE t MODIFY COLUMN a BIGINT AFTER b",
        "ALTER TABLE t CHANGE b x INT NOT NULL DEFAULT 3",
        "ALTER TABLE t CHANGE COLUMN x b TEXT AFTER a",
        "ALTER TABLE t MODIFY a INT AFTER b, MODIFY b INT FIRST, ADD z INT AFTER a",
        "ALTER TABLE t MODIFY C INT",
    ],
    &[
        "CREATE TABLE t (a INT, b VARCHAR(5), c INT, KEY (a), UNIQUE (b, a))",
        "ALTER TABLE t RENAME COLUMN a TO b, RENAME COLUMN b TO a",
        "ALTER TABLE t CHANGE a b INT, CHANGE b a INT",
        "ALTER TABLE t RENAME COLUMN c TO d, ADD c INT AFTER d",
        "ALTER TABLE t DROP a, ADD a INT FIRST",
        "ALTER TABLE t CHANGE b c2 INT FIRST, ADD e INT AFTER c2",
        "ALTER TABLE t RENAME COLUMN d TO D",
    ],
    &[
        "CREATE TABLE t (a INT)",
        "ALTER TABLE t RENAME TO u",
        "ALTER TABLE u RENAME AS v, ADD b INT",
        "ALTER TABLE v RENAME = w",
        "RENAME TABLE w TO t",
        "CREATE TABLE u (x INT)",
        "RENAME TABLE t TO tmp, u TO t, tmp TO u",
        "TRUNCATE TABLE t",
        "TRUNCATE u",
        "DROP TABLE IF EXISTS t, nothing",
        "DROP TABLES u CASCADE",
    ],
    &[
        "CREATE TABLE t (a INT, b INT)",
        "ALTER TABLE t ALGORITHM=INPLACE, LOCK = NONE, ADD c INT",
        "ALTER TABLE t ENGINE=InnoDB",
        "ALTER TABLE t FORCE",
        "ALTER TABLE t ADD d INT, ORDER BY a, b DESC",
        "ALTER TABLE t COMMENT 'x', ENGINE InnoDB ROW_FORMAT=COMPRESSED",
        "ALTER TABLE t DISABLE KEYS",
        "ALTER TABLE t ENABLE KEYS, ADD e INT",
        "ALTER TABLE t COMMENT=''",
        "ALTER TABLE t AUTO_INCREMENT=5 COMMENT 'z'",
        "ALTER TABLE t",
        "ALTER TABLE t WITHOUT VALIDATION, ADD f INT, ALGORITHM DEFAULT",
        "ALTER TABLE t FORCE, ORDER BY a",
    ],
    &[
        "CREATE TABLE t (a INT, b INT)",
        "ALTER TABLE t ALTER a SET INVISIBLE",
        "ALTER TABLE t ALTER COLUMN a SET VISIBLE, ALTER b SET INVISIBLE",
        "ALTER TABLE t MODIFY b INT",
        "ALTER TABLE t ADD PRIMARY KEY (a)",
        "ALTER TABLE t MODIFY a INT",
        "ALTER TABLE t DROP PRIMARY KEY",
        "ALTER TABLE t MODIFY a INT AUTO_INCREMENT PRIMARY KEY",
        "ALTER TABLE t CHANGE a id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT",
        "ALTER TABLE t ADD COLUMN c SERIAL, DROP id",
    ],
    &[
        "CREATE TABLE t (a INT NOT NULL, b INT NOT NULL, PRIMARY KEY (a))",
        "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b, a)",
        "ALTER TABLE t DROP b",
    ],
    &[
        "CREATE TABLE t (id INT, d DATE, PRIMARY KEY (id, d)) PARTITION BY RANGE (YEAR(d)) SUBPARTITION BY HASH(id) SUBPARTITIONS 2 (PARTITION p0 VALUES LESS THAN (2020) ENGINE = InnoDB, PARTITION p1 VALUES LESS THAN MAXVALUE)",
        "ALTER TABLE t REORGANIZE PARTITION p1 INTO (PARTITION p1 VALUES LESS THAN (2030), PARTITION p2 VALUES LESS THAN MAXVALUE)",
        "ALTER TABLE t TRUNCATE PARTITION p0",
        "ALTER TABLE t DROP PARTITION p0",
        "ALTER TABLE t REMOVE PARTITIONING",
        "ALTER TABLE t ADD x INT PARTITION BY KEY (id) PARTITIONS 4",
        "ALTER TABLE t ADD PARTITION PARTITIONS 2",
        "ALTER TABLE t COALESCE PARTITION 1",
        "ALTER TABLE t REBUILD PARTITION ALL",
        "ALTER TABLE t ANALYZE PARTITION ALL",
    ],
    &[
        "CREATE TABLE t (a INT) PARTITION BY LIST (a) (PARTITION p VALUES IN (1, 2))",
        "CREATE TABLE u LIKE t",
        "ALTER TABLE u REMOVE PARTITIONING",
        "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u WITHOUT VALIDATION",
        "ALTER TABLE u DISCARD TABLESPACE",
    ],
    &[
        "CREATE TABLE t (a INT) PARTITION BY HASH (a) PARTITIONS 2",
        "ALTER TABLE t PARTITION BY LINEAR KEY (a) PARTITIONS 3",
    ],
    &[
        "CREATE TABLE t (a INT, b INT AS (a) VIRTUAL, c INT AS (a + 1) STORED)",
        "ALTER TABLE t ADD d INT AS (b + c) AFTER c",
        "ALTER TABLE t MODIFY d BIGINT AS (b * 2) AFTER b",
        "ALTER TABLE t DROP d, DROP c",
    ],
    &[
        "CREATE TABLE IF NOT EXISTS t (a INT)",
        "CREATE TABLE IF NOT EXISTS t (b INT)",
        "CREATE TABLE u (LIKE t)",
        "CREATE TABLE v LIKE u",
        "CREATE TABLE w (x INT DEFAULT 4, a BIGINT) SELECT a, 'x' AS b FROM t",
        "CREATE TABLE y AS SELECT 1 AS one",
        "CREATE TABLE z ENGINE=InnoDB IGNORE (SELECT 2 AS two)",
        "CREATE TABLE z2 (SELECT 2 AS two)",
        "CREATE TABLE z3 (k INT PRIMARY KEY) PARTITION BY HASH (k) PARTITIONS 2 AS SELECT 1 AS k",
    ],
    &[
        "CREATE TABLE t (a INT) /* comment */ -- more\n",
        "ALTER TABLE t /*!80023 ADD b INT INVISIBLE */, /*! ADD c INT */",
        "ALTER /* x */ TABLE t # y\n DROP b",
    ],
    &[
        "CREATE TABLE `t.x` (`a b` INT, `c``d` INT, `e.f` INT, `🐟` INT, größe INT, 1st INT, a$b INT)",
        "ALTER TABLE `t.x` DROP `a b`, RENAME COLUMN `c``d` TO `x'y`, RENAME COLUMN GRÖßE TO größe2",
        "RENAME TABLE `t.x` TO `it's \"quoted\" ``too```",
    ],
    &[
        "CREATE TABLE `t.x` (`a b` INT, `c``d` INT, `e.f` INT, größe INT, Ü INT, 1st INT, a$b INT)",
        "ALTER TABLE `t.x` DROP `a b`, RENAME COLUMN `c``d` TO `x'y`, RENAME COLUMN GRÖßE TO größe2, DROP ü",
        "RENAME TABLE `t.x` TO `it's \"quoted\" ``too```",
    ],
    &[
        "CREATE TABLE \"t\" (\"a b\" INT, \"c\"\"d\" VARCHAR(5) DEFAULT 'a\\')",
        "ALTER TABLE \"t\" MODIFY \"a b\" INT COMMENT '\\'",
    ],
];

#[test]
fn alters() {
    check(ALTERS);
}

const CHARSETS: &[&[&str]] = &[
    &[
        "CREATE TABLE t (a VARCHAR(10), b TEXT) CHARACTER SET latin1",
        "ALTER TABLE t ADD c CHAR(5)",
        "ALTER TABLE t DEFAULT CHARACTER SET utf8mb4",
        "ALTER TABLE t ADD d CHAR(5)",
        "ALTER TABLE t COLLATE = utf8mb4_bin, ADD e CHAR(5)",
    ],
    &[
        "CREATE TABLE t (a VARCHAR(10), b TEXT, c TINYTEXT, d MEDIUMTEXT, e LONGTEXT, f ENUM('a'), g SET('b'), h BLOB, i VARBINARY(5), j CHAR(10) COLLATE latin1_bin, k JSON, l CHAR(4) CHARACTER SET utf8mb3) DEFAULT CHARSET=latin1",
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        "ALTER TABLE t CONVERT TO CHARSET latin1",
        "ALTER TABLE t CONVERT TO CHARACTER SET DEFAULT",
        "ALTER TABLE t CONVERT TO CHARACTER SET binary",
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
    ],
    &[
        "CREATE TABLE t (a VARCHAR(20000), b INT) CHARSET latin1",
        "ALTER TABLE t CONVERT TO CHARACTER SET utf8mb4",
    ],
    &[
        "CREATE TABLE t (a VARCHAR(10), b TINYTEXT) CHARSET latin1",
        "ALTER TABLE t ADD c TEXT, MODIFY a VARCHAR(5) CHARACTER SET latin2, CONVERT TO CHARACTER SET utf8mb3",
    ],
    &[
        "CREATE TABLE t (a CHAR(5), b CHAR(5) CHARACTER SET utf8mb4, c ENUM('x'), d TEXT) CHARACTER SET binary",
        "ALTER TABLE t ADD e VARCHAR(5)",
    ],
    &[
        "CREATE TABLE t (a CHAR(5), b CHAR(5) BINARY, c CHAR(5) CHARACTER SET utf8mb4, d CHAR(5) COLLATE utf8mb4_danish_ci) COLLATE utf8mb4_bin COMMENT 'x' CHARSET utf8mb4",
    ],
    &["CREATE TABLE t (a CHAR(5)) DEFAULT CHARACTER SET = utf8 DEFAULT COLLATE = utf8_unicode_ci"],
    &["CREATE TABLE t (a CHAR(5)) DEFAULT CHARSET='latin1' COLLATE 'latin1_bin'"],
    &[
        "CREATE TABLE t (a CHAR(5))",
        "ALTER DATABASE CHARACTER SET latin1",
        "CREATE TABLE u (a CHAR(5), b TEXT CHARACTER SET utf8mb4)",
        "ALTER TABLE t ADD b CHAR(5), MODIFY a VARCHAR(5)",
        "ALTER SCHEMA DEFAULT COLLATE latin1_bin",
        "CREATE TABLE v (a CHAR(5) CHARACTER SET latin1, b CHAR(5))",
    ],
    &[
        "CREATE TABLE t (a SET('ä','b') CHARACTER SET latin1, b ENUM('日') CHARACTER SET sjis)",
        "ALTER TABLE t MODIFY a SET('ä','b','c') DEFAULT 'c,ä'",
    ],
];

#[test]
fn character_sets() {
    check(CHARSETS);
}

/// A generator of ALTERs, the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        // xorshift64*.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).unwrap() % limit
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// A column that is probably there.
    fn column(&mut self, table: &Definition) -> String {
        let column = &table.columns[self.below(table.columns.len())];
        match self.below(8) {
            0 => column.name.to_uppercase(),
            _ => column.name.clone(),
        }
    }

    fn new_name(&mut self) -> String {
        format!("c{}", self.below(14))
    }

    fn place(&mut self, table: &Definition) -> String {
        match self.below(5) {
            0 => " FIRST".to_owned(),
            1 => format!(" AFTER {}", self.column(table)),
            2 => format!(" AFTER {}", self.new_name()),
            _ => String::new(),
        }
    }

    fn declaration(&mut self) -> String {
        const TYPES: [&str; 25] = [
            "INT",
            "INT UNSIGNED",
            "TINYINT(1)",
            "BIGINT ZEROFILL",
            "DECIMAL(8,3)",
            "FLOAT(7,4)",
            "DOUBLE",
            "BIT(5)",
            "DATE",
            "TIMESTAMP(3)",
            "DATETIME",
            "YEAR",
            "CHAR(10)",
            "VARCHAR(20)",
            "VARCHAR(9) CHARACTER SET latin1",
            "TEXT",
            "TEXT(300)",
            "BLOB",
            "VARBINARY(30)",
            "BINARY(4)",
            "ENUM('a','b')",
            "SET('x','y') COLLATE utf8mb4_bin",
            "JSON",
            "TIMESTAMP",
            "CHAR(3) CHARACTER SET binary",
        ];
        const ATTRIBUTES: [&str; 12] = [
            "",
            "",
            "",
            " NOT NULL",
            " NULL",
            " DEFAULT NULL",
            " DEFAULT 1",
            " DEFAULT '2020'",
            " NOT NULL DEFAULT ''",
            " COMMENT 'it''s'",
            " INVISIBLE",
            " UNIQUE",
        ];
        format!("{}{}", self.pick(&TYPES), self.pick(&ATTRIBUTES))
    }

    fn key_columns(&mut self, table: &Definition) -> String {
        let count = 1 + self.below(3);
        let columns: Vec<String> = (0..count)
            .map(|_| {
                let prefix = self.pick(&["", "", "(2)", "(5)"]);
                format!("{}{prefix}", self.column(table))
            })
            .collect();
        columns.join(", ")
    }

    fn key_name(&mut self, table: &Definition) -> String {
        match table.keys.is_empty() {
            true => "k1".to_owned(),
            false => table.keys[self.below(table.keys.len())].name.clone(),
        }
    }

    fn action(&mut self, table: &Definition) -> String {
        let column = self.column(table);
        match self.below(20) {
            0..=3 => format!(
                "ADD COLUMN {} {}{}",
                self.new_name(),
                self.declaration(),
                self.place(table)
            ),
            4..=5 => format!("DROP {column}"),
            6..=8 => format!(
                "MODIFY {column} {}{}",
                self.declaration(),
                self.place(table)
            ),
            9..=10 => {
                let name = self.new_name();
                format!(
                    "CHANGE {column} {name} {}{}",
                    self.declaration(),
                    self.place(table)
                )
            }
            11..=12 => format!("RENAME COLUMN {column} TO {}", self.new_name()),
            13 => format!("ALTER {column} DROP DEFAULT"),
            14 => format!(
                "ALTER {column} SET DEFAULT {}",
                self.pick(&["NULL", "3", "'a'", "(1 + 1)"])
            ),
            15 => {
                let kind = self.pick(&["INDEX", "UNIQUE", "UNIQUE KEY", "KEY"]);
                let name = self.pick(&["", "k1", "k2", "c3"]);
                format!("ADD {kind} {name} ({})", self.key_columns(table))
            }
            16 => format!("DROP INDEX {}", self.key_name(table)),
            17 => match table.primary_key.is_empty() {
                true => format!("ADD PRIMARY KEY ({})", self.key_columns(table)),
                false => "DROP PRIMARY KEY".to_owned(),
            },
            18 => {
                let to = self.pick(&["k1", "k2", "k3", "c1"]);
                format!("RENAME INDEX {} TO {to}", self.key_name(table))
            }
            _ => {
                let charset = self.pick(&["utf8mb4", "latin1", "utf8mb3 COLLATE utf8mb3_bin"]);
                let how = self.pick(&["CONVERT TO", "DEFAULT"]);
                format!("{how} CHARACTER SET {charset}")
            }
        }
    }
}

/// Random ALTERs of one to four actions, others with another `REMORA_SEED`. The server refuses some, which then
/// change nothing.
#[test]
fn random_alters() {
    const STATEMENTS: usize = 200;
    let seed = match std::env::var("REMORA_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => 0x9e37_79b9_7f4a_7c15,
    };
    println!("REMORA_SEED={seed}");
    let mut random = Random(seed);
    for session in SESSIONS {
        let mut tracker = Tracker::new(Mysql::shared(), session);
        tracker
            .run("CREATE TABLE t (c0 INT, c1 VARCHAR(20), c2 TIMESTAMP NULL, KEY (c1(4)))")
            .unwrap();
        let mut followed = 0;
        for _ in 0..STATEMENTS {
            let table = tracker.tables.values().next().unwrap().clone();
            let count = 1 + random.below(4);
            let actions: Vec<String> = (0..count).map(|_| random.action(&table)).collect();
            let sql = format!("ALTER TABLE t {}", actions.join(", "));
            if tracker.run(&sql).is_ok() {
                followed += 1;
                println!("{sql};");
                tracker.compare(&sql);
            }
        }
        println!(
            "{followed} of {STATEMENTS} statements in the session {:?}",
            session.0
        );
        assert!(followed > STATEMENTS / 10, "{followed} statements ran");
    }
}
