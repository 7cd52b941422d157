//! What a statement means depends on its session and its server: SQL modes, character sets, the case of names.

use super::{Followed, minimal, servers};
use crate::support::mysql::Mysql;

#[test]
fn f45_sql_modes_and_odd_names() {
    for (metadata, mysql) in servers() {
        let mut followed = Followed::new(mysql);
        let _remora = followed.start();
        followed.sql(
            r#"SET sql_mode = 'ANSI_QUOTES';
               CREATE TABLE "a.b""c`d" ("co`l.""x" INT PRIMARY KEY, "☃" ENUM('it''s', 'x"y', '🐟', 'b\\s'));
               ALTER TABLE "a.b""c`d" ADD COLUMN "ADD COLUMN" VARCHAR(9) DEFAULT '"' /* "; */ -- '
               ;
               INSERT INTO "a.b""c`d" VALUES (1, 'it''s', DEFAULT), (2, '🐟', 'x');
               SET sql_mode = 'NO_BACKSLASH_ESCAPES';
               ALTER TABLE `a.b"c``d` ADD `slash` ENUM('\', 'n\', '\''') DEFAULT '\''' FIRST;
               INSERT INTO `a.b"c``d` VALUES (DEFAULT, 3, 'b\s', '\'), ('n\', 4, 'x"y', '');
               SET sql_mode = '';
               ALTER TABLE `a.b"c``d` RENAME COLUMN `ADD COLUMN` TO `col``umn`, RENAME TO `e.f`;
               INSERT INTO `e.f` VALUES ('\\\'', 5, '🐟', '\'')"#,
        );
        followed.catch_up();
        let expected = [
            r#"a.b"c`d c {"co`l.\"x":1} {"ADD COLUMN":"\"","co`l.\"x":1,"☃":"it's"}"#,
            r#"a.b"c`d c {"co`l.\"x":2} {"ADD COLUMN":"x","co`l.\"x":2,"☃":"🐟"}"#,
            r#"a.b"c`d c {"co`l.\"x":3} {"ADD COLUMN":"\\","co`l.\"x":3,"slash":"\\'","☃":"b\\s"}"#,
            r#"a.b"c`d c {"co`l.\"x":4} {"ADD COLUMN":"","co`l.\"x":4,"slash":"n\\","☃":"x\"y"}"#,
            r#"e.f c {"co`l.\"x":5} {"co`l.\"x":5,"col`umn":"'","slash":"\\'","☃":"🐟"}"#,
        ];
        assert_eq!(followed.records(), expected, "{metadata}");
    }
}

#[test]
fn f45_statements_in_other_character_sets() {
    for (metadata, mysql) in servers() {
        let mut followed = Followed::new(mysql);
        let _remora = followed.start();
        // The text below is UTF-8: in a session of another character set it says something else.
        followed.sql(
            "SET NAMES latin1; CREATE TABLE t (id INT PRIMARY KEY, `é` ENUM('ü','x') CHARACTER SET utf8mb4);
             SET NAMES utf8mb4; INSERT INTO t VALUES (1, 'Ã¼');
             ALTER TABLE t RENAME COLUMN `Ã©` TO `é`; INSERT INTO t VALUES (2, 'x')",
        );
        followed.catch_up();
        let expected = [
            r#"t c {"id":1} {"id":1,"Ã©":"Ã¼"}"#,
            r#"t c {"id":2} {"id":2,"é":"x"}"#,
        ];
        assert_eq!(followed.records(), expected, "{metadata}");
    }
}

#[test]
fn f45_a_server_that_folds_the_case_of_names() {
    let mysql = Mysql::start(&[
        "--binlog-row-metadata=MINIMAL",
        "--lower-case-table-names=1",
    ]);
    let mut followed = Followed::new(&mysql);
    let remora = followed.start();
    followed.sql("CREATE TABLE Mixed (Id INT PRIMARY KEY); INSERT INTO MIXED VALUES (1)");
    followed.catch_up();
    Followed::stop(remora);
    followed.sql(
        "ALTER TABLE mIxEd ADD Other INT; INSERT INTO Mixed VALUES (2, 2);
         RENAME TABLE MIXED TO Renamed; ALTER TABLE RENAMED RENAME COLUMN OTHER TO `oTHER`;
         INSERT INTO renamed VALUES (3, 3); TRUNCATE TABLE RENAMED",
    );
    let _remora = followed.start();
    followed.catch_up();
    let expected = [
        r#"mixed c {"Id":1} {"Id":1}"#,
        r#"mixed c {"Id":2} {"Id":2,"Other":2}"#,
        r#"renamed c {"Id":3} {"Id":3,"oTHER":3}"#,
        r#"renamed t null null"#,
    ];
    assert_eq!(followed.records(), expected);
}

/// What only the definition tells, whatever the metadata: as Debezium has it.
#[test]
fn a_unique_key_stands_for_the_primary_key_that_is_missing() {
    for (metadata, mysql) in servers() {
        let mut followed = Followed::new(mysql);
        followed.sql(
            "CREATE TABLE u (a INT, b INT NOT NULL, c VARCHAR(20) NOT NULL,
                 UNIQUE KEY optional (a), UNIQUE KEY prefix (c(3)), UNIQUE KEY whole (c, b), UNIQUE KEY later (b));
             INSERT INTO u VALUES (NULL, 1, 'one'); ALTER TABLE u DROP KEY whole;
             INSERT INTO u VALUES (NULL, 2, 'two'); ALTER TABLE u DROP KEY later; INSERT INTO u VALUES (1, 3, 'xyz')",
        );
        let _remora = followed.start();
        followed.catch_up();
        let expected = [
            r#"u c {"b":1,"c":"one"} {"a":null,"b":1,"c":"one"}"#,
            r#"u c {"b":2} {"a":null,"b":2,"c":"two"}"#,
            r#"u c null {"a":1,"b":3,"c":"xyz"}"#,
        ];
        assert_eq!(followed.records(), expected, "{metadata}");
    }
}

#[test]
fn a_float_with_digits_is_a_double() {
    let mut followed = Followed::new(minimal());
    followed.sql(
        "CREATE TABLE f (id INT PRIMARY KEY, plain FLOAT, digits FLOAT(7,4));
         INSERT INTO f VALUES (1, 1.1, 1.1); ALTER TABLE f MODIFY plain FLOAT(7,3), MODIFY digits FLOAT;
         INSERT INTO f VALUES (2, 1.1, 1.1)",
    );
    let _remora = followed.start();
    followed.catch_up();
    let expected = [
        r#"f c {"id":1} {"digits":1.100000023841858,"id":1,"plain":1.1}"#,
        r#"f c {"id":2} {"digits":1.1,"id":2,"plain":1.100000023841858}"#,
    ];
    assert_eq!(followed.records(), expected);
}
