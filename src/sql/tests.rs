//! What statements are, and that none of them can break the parser. What DDL makes of tables is tested against a
//! server, in `tests/it/ddl.rs`.

use proptest::prelude::*;

use crate::sql::alter::Action;
use crate::sql::collation::Collation;
use crate::sql::definition::{ColumnType, DefaultValue, Definition, KeyKind, LobSize, Name};
use crate::sql::statement::{Change, Context, Statement, parse};
use crate::sql::stored::StoredDefinition;
use crate::sql::token::Modes;
use crate::xa::Xid;

fn context<T>(modes: Modes, use_it: impl FnOnce(&Context<'_>) -> T) -> T {
    folding_context(false, modes, use_it)
}

fn folding_context<T>(
    lower_case_names: bool,
    modes: Modes,
    use_it: impl FnOnce(&Context<'_>) -> T,
) -> T {
    let of_database = |name: &str| {
        Collation::new(match name {
            "latin" => "latin1_swedish_ci",
            _ => "utf8mb4_0900_ai_ci",
        })
    };
    use_it(&Context {
        database: "d",
        modes,
        explicit_timestamps: true,
        lower_case_names,
        utf8mb4_collation: "utf8mb4_0900_ai_ci",
        server_collation: Collation::new("utf8mb4_0900_ai_ci"),
        database_collation: &of_database,
    })
}

fn statement(text: &str) -> Statement {
    context(Modes::default(), |context| parse(text, context))
}

fn check(text: &str, expected: Statement) {
    assert_eq!(statement(text), expected, "{text}");
}

fn name(text: &str) -> Name {
    let (database, table) = text.rsplit_once('.').unwrap();
    Name {
        database: database.to_owned(),
        table: table.to_owned(),
    }
}

fn names(list: &[&str]) -> Vec<Name> {
    list.iter().map(|text| name(text)).collect()
}

#[test]
fn frames_of_groups() {
    check("BEGIN", Statement::Begin);
    check(" begin work;", Statement::Begin);
    check("START TRANSACTION READ WRITE", Statement::Begin);
    check("/* x */ COMMIT", Statement::Commit);
    check("ROLLBACK", Statement::Rollback);
    check(
        "ROLLBACK WORK TO SAVEPOINT `a``b`",
        Statement::RollbackTo("a`b".to_owned()),
    );
    check("rollback to x", Statement::RollbackTo("x".to_owned()));
    check(
        "ROLLBACK TO savepoint",
        Statement::RollbackTo("savepoint".to_owned()),
    );
    check("SAVEPOINT `s.p`", Statement::Savepoint("s.p".to_owned()));
    check("RELEASE SAVEPOINT s", Statement::Release("s".to_owned()));
}

#[test]
fn xa_transactions() {
    let xid = |format, gtrid: &[u8], bqual: &[u8]| Xid::new(format, gtrid, bqual).unwrap();
    check(
        "XA START X'3162',X'',1",
        Statement::XaStart(xid(1, b"1b", b"")),
    );
    check(
        "XA BEGIN 'a', 'b', 0xff JOIN",
        Statement::XaStart(xid(255, b"a", b"b")),
    );
    check("XA END 'a'", Statement::XaEnd(xid(1, b"a", b"")));
    check(
        "XA PREPARE 'a','b'",
        Statement::XaPrepare(xid(1, b"a", b"b")),
    );
    check(
        "XA ROLLBACK x'00ff'",
        Statement::XaRollback(xid(1, b"\x00\xff", b"")),
    );
    let commit = |one_phase| Statement::XaCommit {
        xid: xid(7, b"a", b""),
        one_phase,
    };
    check("XA COMMIT 'a','',7", commit(false));
    check("xa commit 'a','',7 ONE PHASE", commit(true));
    check("XA COMMIT", Statement::Unparsed { tables: None });
}

#[test]
fn tables_that_rows_change_in() {
    let cases: &[(&str, Option<&[&str]>)] = &[
        ("INSERT INTO t VALUES (1)", Some(&["d.t"])),
        ("insert ignore `x.y`.`z` SELECT * FROM u", Some(&["x.y.z"])),
        ("REPLACE LOW_PRIORITY INTO e . t SET a = 1", Some(&["e.t"])),
        (
            "UPDATE t SET a = 1 WHERE b IN (SELECT c FROM u)",
            Some(&["d.t"]),
        ),
        (
            "UPDATE t AS x JOIN (e.u y, v) ON x.a = y.b LEFT JOIN (SELECT * FROM w) z USING (a, b), q SET x.a = 1",
            Some(&["d.t", "e.u", "d.v", "d.q"]),
        ),
        (
            "UPDATE t PARTITION (p) USE INDEX (a, b), JSON_TABLE('[]', '$' COLUMNS (a INT PATH '$')) j SET a = 1",
            Some(&["d.t"]),
        ),
        ("DELETE FROM t WHERE a = 1", Some(&["d.t"])),
        (
            "DELETE QUICK FROM e.t AS x ORDER BY a LIMIT 1",
            Some(&["e.t"]),
        ),
        (
            "DELETE a, b.* FROM t AS a INNER JOIN u AS b ON a.x = b.x WHERE 1",
            Some(&["d.t", "d.u"]),
        ),
        (
            "DELETE FROM a.*, b USING t a STRAIGHT_JOIN u b",
            Some(&["d.t", "d.u"]),
        ),
        (
            "LOAD DATA LOCAL INFILE 'INTO TABLE x' REPLACE INTO TABLE t FIELDS TERMINATED BY ','",
            Some(&["d.t"]),
        ),
        (
            "WITH c AS (SELECT 1) UPDATE t, c SET a = 1",
            Some(&["d.t", "d.c"]),
        ),
        (
            "WITH RECURSIVE c (n) AS (SELECT 1) DELETE FROM t",
            Some(&["d.t"]),
        ),
        ("/*!50003 UPDATE t SET a = 1 */", Some(&["d.t"])),
        ("SELECT f()", None),
        ("DO f()", None),
        ("CALL p()", None),
        ("UPDATE (SELECT", None),
        ("INSERT", None),
        ("LOAD DATA INFILE 'x'", None),
    ];
    for (text, tables) in cases {
        let tables = tables.map(names);
        check(text, Statement::Dml { tables });
    }
}

#[test]
fn statements_of_no_table() {
    let cases = [
        "CREATE VIEW v AS SELECT 1",
        "CREATE OR REPLACE ALGORITHM=MERGE DEFINER=`a`@`b` SQL SECURITY DEFINER VIEW v AS SELECT 1",
        "CREATE DEFINER=`r`@`l` TRIGGER t BEFORE INSERT ON t FOR EACH ROW BEGIN END",
        "CREATE TEMPORARY TABLE t (a INT)",
        "DROP TEMPORARY TABLE IF EXISTS t",
        "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS `t`",
        "CREATE FUNCTION f() RETURNS INT RETURN 1",
        "CREATE USER a IDENTIFIED BY 'x'",
        "ALTER USER a PASSWORD EXPIRE",
        "ALTER VIEW v AS SELECT 1",
        "ALTER DATABASE d READ ONLY = 1",
        "CREATE SPATIAL REFERENCE SYSTEM 4120 NAME 'x'",
        "CREATE UNDO TABLESPACE u ADD DATAFILE 'u.ibu'",
        "DROP PROCEDURE IF EXISTS p",
        "RENAME USER a TO b",
        "GRANT SELECT ON d.* TO a",
        "REVOKE ALL ON d.* FROM a",
        "ANALYZE TABLE t",
        "OPTIMIZE LOCAL TABLE t",
        "REPAIR TABLE t",
        "FLUSH TABLES t",
        "SET PASSWORD = 'x'",
        "",
        "-- nothing",
    ];
    for text in cases {
        check(text, Statement::Other);
    }
}

#[test]
fn what_is_not_understood_names_what_it_may_touch() {
    let cases: &[(&str, Option<&[&str]>)] = &[
        ("ALTER TABLE t ADD COLUMN a NOVELTY", Some(&["d.t"])),
        (
            "ALTER TABLE e.t FROBNICATE, RENAME TO u",
            Some(&["e.t", "d.u"]),
        ),
        (
            "ALTER TABLE t FROBNICATE EXCHANGE WITH TABLE e.u",
            Some(&["d.t", "e.u"]),
        ),
        ("CREATE TABLE IF NOT EXISTS e.t (a NOVELTY)", Some(&["e.t"])),
        ("CREATE OR REPLACE TABLE t (a INT)", Some(&["d.t"])),
        ("CREATE TABLE t (a INT", Some(&["d.t"])),
        ("CREATE TABLE t (a INT DEFAULT 'x", Some(&["d.t"])),
        ("CREATE INDEX i ON t (a) FROBNICATE", Some(&["d.t"])),
        ("DROP INDEX i ON e.t FROBNICATE", Some(&["e.t"])),
        ("ALTER TABLE t ADD a INT COMMENT 'x", None),
        ("DROP TABLE t FROBNICATE", None),
        ("RENAME TABLE a TO", None),
        ("FROBNICATE t", None),
        ("ALTER FROBNICATOR t", None),
    ];
    for (text, tables) in cases {
        let tables = tables.map(names);
        check(text, Statement::Unparsed { tables });
    }
}

#[test]
fn changes_of_databases_and_many_tables() {
    let database = "x".to_owned();
    let collation = |name| Collation::new(name);
    check(
        "CREATE DATABASE IF NOT EXISTS x DEFAULT CHARACTER SET latin1 COLLATE latin1_bin /*!80016 DEFAULT ENCRYPTION='N' */",
        Statement::Ddl(vec![Change::CreateDatabase {
            database: database.clone(),
            if_not_exists: true,
            collation: collation("latin1_bin"),
        }]),
    );
    check(
        "ALTER SCHEMA x CHARSET utf8",
        Statement::Ddl(vec![Change::AlterDatabase {
            database: database.clone(),
            collation: collation("utf8mb3_general_ci"),
        }]),
    );
    check(
        "DROP DATABASE `x`",
        Statement::Ddl(vec![Change::DropDatabase {
            database,
            if_exists: false,
        }]),
    );
    let drop = |table| Change::DropTable {
        table: name(table),
        if_exists: true,
    };
    check(
        "DROP TABLE IF EXISTS `t`,e.`u` /* generated by server */",
        Statement::Ddl(vec![drop("d.t"), drop("e.u")]),
    );
    let rename = |from, to| Change::Rename {
        from: name(from),
        to: name(to),
    };
    check(
        "RENAME TABLE t TO old, `_t_gho` TO t",
        Statement::Ddl(vec![rename("d.t", "d.old"), rename("d._t_gho", "d.t")]),
    );
    check(
        "TRUNCATE t",
        Statement::Ddl(vec![Change::Truncate(name("d.t"))]),
    );
    check(
        "SET STATEMENT max_statement_time=1 FOR TRUNCATE TABLE t",
        Statement::Ddl(vec![Change::Truncate(name("d.t"))]),
    );
}

#[test]
fn names_are_folded_where_the_server_folds_them() {
    let truncate = folding_context(true, Modes::default(), |context| {
        parse("TRUNCATE `Db`.`TÄBLE`", context)
    });
    assert_eq!(
        truncate,
        Statement::Ddl(vec![Change::Truncate(name("db.täble"))])
    );
}

fn created(text: &str) -> Definition {
    let Statement::Ddl(changes) = statement(text) else {
        panic!("{text}");
    };
    match changes.into_iter().next() {
        Some(Change::CreateTable { definition, .. }) => definition,
        other => panic!("{other:?}"),
    }
}

fn altered(definition: &Definition, text: &str) -> Result<Definition, String> {
    let Statement::Ddl(changes) = statement(text) else {
        panic!("{text}");
    };
    let [Change::Alter(alter)] = changes.as_slice() else {
        panic!("{text}");
    };
    let next = context(Modes::default(), |context| definition.apply(alter, context));
    next.map_err(|err| err.to_string())
}

#[test]
fn the_group_of_create_select_defines_its_table() {
    let table = created(
        "CREATE TABLE `t` (\n  `a` int DEFAULT NULL,\n  `b` varchar(1) CHARACTER SET latin1 NOT NULL DEFAULT ''\n) START TRANSACTION",
    );
    assert_eq!(table.columns.len(), 2);
    assert_eq!(
        table.columns[1].default,
        DefaultValue::Literal(String::new())
    );
}

#[test]
fn the_database_gives_its_character_set() {
    let table = created("CREATE TABLE latin.t (a TEXT(300), b CHAR(1))");
    assert_eq!(table.collation, Collation::new("latin1_swedish_ci"));
    assert_eq!(table.columns[0].kind, ColumnType::Text(LobSize::Normal));
    assert_eq!(table.columns[1].collation, table.collation);
}

#[test]
fn an_alter_that_does_not_fit_is_named() {
    let table = created("CREATE TABLE t (a INT, b INT, KEY k (a))");
    let error = |text: &str| altered(&table, text).unwrap_err();
    assert_eq!(
        error("ALTER TABLE t DROP x"),
        "an ALTER TABLE names column x, which d.t has not"
    );
    assert_eq!(
        error("ALTER TABLE t ADD c INT AFTER y"),
        "an ALTER TABLE names column y, which d.t has not"
    );
    assert_eq!(
        error("ALTER TABLE t MODIFY z INT"),
        "an ALTER TABLE names column z, which d.t has not"
    );
    assert_eq!(
        error("ALTER TABLE t ADD A INT"),
        "an ALTER TABLE makes a second column A in d.t"
    );
    assert_eq!(
        error("ALTER TABLE t DROP KEY j"),
        "an ALTER TABLE names key j, which d.t has not"
    );
    assert_eq!(
        error("ALTER TABLE t DROP a, DROP b"),
        "an ALTER TABLE drops all columns of d.t"
    );
}

#[test]
fn a_rename_stands_among_other_actions() {
    let table = created("CREATE TABLE t (a INT)");
    let next = altered(
        &table,
        "ALTER TABLE t ADD b INT, RENAME TO e.u, COMMENT 'x'",
    )
    .unwrap();
    assert_eq!(next.name, name("e.u"));
    assert_eq!(next.columns.len(), 2);
    assert_eq!(next.comment, "x");
    let Statement::Ddl(changes) = statement("ALTER TABLE t RENAME u") else {
        panic!();
    };
    let rename = Action::RenameTable(name("d.u"));
    assert!(
        matches!(changes.as_slice(), [Change::Alter(alter)] if alter.actions == [rename.clone()])
    );
}

#[test]
fn show_create_table_is_read_back() {
    let text = "CREATE TABLE `t` (
  `my_row_id` bigint unsigned NOT NULL AUTO_INCREMENT /*!80023 INVISIBLE */,
  `a` int,
  `b` geometry /*!80003 SRID 4326 */ DEFAULT NULL,
  PRIMARY KEY (`my_row_id`),
  UNIQUE KEY `f` ((`a` + 1)),
  KEY `i` (`a`) /*!80000 INVISIBLE */,
  CONSTRAINT `c` CHECK ((`a` > 0)) /*!80016 NOT ENFORCED */
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci
/*!50100 PARTITION BY HASH (`my_row_id`)
PARTITIONS 2 */";
    let table = context(Modes::default(), |context| {
        Definition::from_show_create(text, context)
    })
    .unwrap();
    assert!(table.columns[0].invisible);
    // Its default was dropped: a column that has none but NULL is printed with it.
    assert_eq!(table.columns[1].default, DefaultValue::None);
    assert_eq!(table.primary_key[0].name, "my_row_id");
    assert_eq!(table.unique_keys().count(), 1);
    assert_eq!(table.keys[0].plain_columns(), None);
    assert_eq!(table.keys[1].kind, KeyKind::Plain);
    assert_eq!(table.keys[1].plain_columns(), Some(vec!["a"]));
}

#[test]
fn the_stored_form_is_compact_and_has_a_version() {
    let table = created(
        "CREATE TABLE t (id INT PRIMARY KEY, n DECIMAL(10,2) UNSIGNED DEFAULT 1, e ENUM('a','it''s') CHARACTER SET latin1)",
    );
    let json = serde_json::to_string(&StoredDefinition::from(&table)).unwrap();
    assert_eq!(
        json,
        concat!(
            r#"{"v":1,"database":"d","table":"t","columns":[{"name":"id","type":"int","required":true},"#,
            r#"{"name":"n","type":"decimal(10,2) unsigned","default":{"text":"1.00"}},"#,
            r#"{"name":"e","type":"enum('a','it''s')","collation":"latin1_swedish_ci","default":"null"}],"#,
            r#""primary":["id"],"collation":"utf8mb4_0900_ai_ci"}"#
        )
    );
    let later = json.replace(r#""v":1"#, r#""v":2"#);
    let later: StoredDefinition = serde_json::from_str(&later).unwrap();
    assert!(Definition::try_from(later).is_err());
}

/// Statements that use most of the grammar, to be cut up.
const SEEDS: [&str; 7] = [
    "CREATE TABLE IF NOT EXISTS `a``b`.t (id SERIAL, a DECIMAL(10,2) UNSIGNED ZEROFILL DEFAULT -1.5e3, b ENUM('x','y\\'') CHARACTER SET latin1 DEFAULT _utf8mb4'x', c BIT(4) DEFAULT b'101', d VARCHAR(70000), e INT AS ((a + 1)) STORED, KEY k (d(10) DESC, (a + 1)), CONSTRAINT f FOREIGN KEY (e) REFERENCES p (x) ON DELETE SET NULL) ENGINE=x COMMENT 'c' PARTITION BY HASH (id)",
    "ALTER TABLE t ADD (x TIMESTAMP(3) DEFAULT NOW(3) ON UPDATE NOW(3), UNIQUE (x)), MODIFY a DATE DEFAULT '2024-1-1' FIRST, CHANGE b c SET('a','b') AFTER d, RENAME COLUMN e TO f, DROP PRIMARY KEY, ALTER g SET DEFAULT x'6162', CONVERT TO CHARACTER SET utf8, ORDER BY a, b RENAME TO u",
    "UPDATE t JOIN (u, v) ON (1) SET a = 1 /*!80000 LIMIT 1 */",
    "RENAME TABLE a TO b, c.d TO e /*!50100 x /* y */ */ -- z\n",
    "XA COMMIT X'31', 'a', 0x1 ONE PHASE",
    "CREATE TABLE t (a TIME DEFAULT '-1:2:3.5', b DATETIME(6) DEFAULT 20240101, c YEAR DEFAULT 70, d FLOAT(7,3) DEFAULT 1e-3, e BINARY(200) DEFAULT 'a') SELECT 1",
    "CREATE DATABASE x CHARACTER SET 'latin1' COLLATE \"latin1_bin\"",
];

fn survives(text: &str, modes: Modes) {
    context(modes, |context| {
        let first = parse(text, context);
        let _ = Definition::from_show_create(text, context);
        let Statement::Ddl(changes) = first else {
            return;
        };
        let base = created(
            "CREATE TABLE t (a INT PRIMARY KEY, b TEXT, d VARCHAR(9), e INT, g BLOB, KEY k (d(3)))",
        );
        for change in changes {
            if let Change::CreateTable { definition, .. } = change {
                let stored = serde_json::to_string(&StoredDefinition::from(&definition)).unwrap();
                let stored: StoredDefinition = serde_json::from_str(&stored).unwrap();
                let _ = Definition::try_from(stored);
            } else if let Change::Alter(alter) = change {
                let _ = base.apply(&alter, context);
            }
        }
    });
}

fn modes() -> impl Strategy<Value = Modes> {
    any::<[bool; 4]>().prop_map(
        |[ansi_quotes, no_backslash_escapes, real_as_float, strict]| Modes {
            ansi_quotes,
            no_backslash_escapes,
            real_as_float,
            strict,
        },
    )
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC*", modes in modes()) {
        survives(&text, modes);
    }

    #[test]
    fn any_words_are_survived(
        words in prop::collection::vec(prop::sample::select(words()), 0..40),
        modes in modes(),
    ) {
        survives(&words.join(" "), modes);
    }

    #[test]
    fn cut_and_mended_statements_are_survived(
        seed in prop::sample::select(SEEDS.to_vec()),
        other in prop::sample::select(SEEDS.to_vec()),
        (from, to, at) in any::<(prop::sample::Index, prop::sample::Index, prop::sample::Index)>(),
        modes in modes(),
    ) {
        let (seed, other): (Vec<char>, Vec<char>) = (seed.chars().collect(), other.chars().collect());
        let (from, to) = (from.index(seed.len()), to.index(seed.len()));
        let (start, end) = (from.min(to), from.max(to));
        let mended: String = seed[..start].iter().chain(&other[at.index(other.len())..]).chain(&seed[end..]).collect();
        survives(&mended, modes);
        let cut: String = seed[..start].iter().chain(&seed[end..]).collect();
        survives(&cut, modes);
    }
}

/// Every word and sign of the seeds.
fn words() -> Vec<&'static str> {
    let cut = |seed: &'static str| seed.split_inclusive(|sign: char| !sign.is_alphanumeric());
    SEEDS.into_iter().flat_map(cut).collect()
}

/// A text of a megabyte takes a moment, whatever is in it.
#[test]
fn long_texts_take_linear_time() {
    let repeated =
        |start: &str, part: &str| format!("{start}{}", part.repeat(1_000_000 / part.len()));
    let texts = [
        repeated("CREATE TABLE t (a INT DEFAULT ", "("),
        repeated("CREATE TABLE t (", "a INT,"),
        repeated("CREATE TABLE t (a INT,", "UNIQUE(a),"),
        repeated("CREATE TABLE t (a INT, KEY (", "a,"),
        repeated("ALTER TABLE t ", "ADD a INT,"),
        repeated("ALTER TABLE t ", "DROP a,"),
        repeated("ALTER TABLE t x", " RENAME"),
        repeated("ALTER TABLE t ORDER BY ", "a,"),
        repeated("UPDATE ", "("),
        repeated("UPDATE ", "a,"),
        repeated("DELETE ", "FROM "),
        repeated("", ";"),
        repeated("DROP TABLE ", "a,"),
        repeated("", "/*!"),
        repeated("", "/*"),
        repeated("INSERT INTO t VALUES ('", "''"),
        repeated("CREATE TABLE t (a INT DEFAULT ", "1"),
        repeated("CREATE TABLE t (a INT DEFAULT 0x", "1"),
        repeated("CREATE TABLE t (a DOUBLE DEFAULT 1e", "9"),
    ];
    for text in texts {
        let start = std::time::Instant::now();
        survives(&text, Modes::default());
        let taken = start.elapsed();
        let head: String = text.chars().take(40).collect();
        assert!(taken.as_secs() < 10, "{head} {taken:?}");
    }
}
