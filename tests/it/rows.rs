//! Values that depend on the table's metadata at that place in the log, or on the server's settings: each record
//! is compared with what the server itself says of the row.

use serde_json::{Value, json};

use crate::faults::ToFile;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::unique;

/// Runs `sql` in a database of its own and gives the records until the row with the `id` 9.
fn records(mysql: &Mysql, sql: &str) -> Vec<Value> {
    records_with(mysql, "", sql)
}

/// The same with further keys of the database's file, such as `types.decimal = "string"`.
pub(crate) fn records_with(mysql: &Mysql, keys: &str, sql: &str) -> Vec<Value> {
    let schema = unique("rows");
    mysql.sql(&format!("CREATE DATABASE {schema}; USE {schema}; {sql}"));
    let config = ConfigDir::new();
    let file = ToFile::add_with_keys(&config, "rows", (mysql.port(), &schema), keys);
    let _remora = Remora::start(&config);
    file.ids(9);
    let lines = file
        .lines()
        .into_iter()
        .map(|mut line| line["value"].take());
    lines.filter(|value| !value.is_null()).collect()
}

fn column<'a>(records: &'a [Value], name: &str) -> Vec<&'a Value> {
    records.iter().map(|value| &value["after"][name]).collect()
}

/// Labels are those of the table at that place of the log, whatever it is called and ordered later.
#[test]
fn f59_labels_are_valid_where_the_row_is() {
    labels(Mysql::shared());
    labels(Mysql::shared_80());
}

fn labels(mysql: &Mysql) {
    let many: Vec<String> = (1..=300)
        .map(|number| format!("'label {number}'"))
        .collect();
    let records = records(
        mysql,
        &format!(
            "SET sql_mode = '';
             CREATE TABLE t (id INT PRIMARY KEY, e ENUM('a','b','c'), s SET('x','y','z'), m ENUM({}),
                             l ENUM('größe','日本') CHARACTER SET latin1) CHARACTER SET utf8mb4;
             ALTER TABLE t MODIFY l ENUM('größe','日本') CHARACTER SET utf8mb4;
             INSERT INTO t VALUES (1, 'b', 'x,z', 'label 300', 'größe');
             ALTER TABLE t MODIFY e ENUM('c','b','a'), MODIFY s SET('z','y','x','w');
             INSERT INTO t VALUES (2, 'c', 'x,z', 'label 1', '日本');
             INSERT INTO t VALUES (3, 'nonsense', '', 'label 256', NULL); INSERT INTO t (id) VALUES (9)",
            many.join(",")
        ),
    );
    assert_eq!(
        column(&records, "e"),
        [&json!("b"), &json!("c"), &json!(""), &json!(null)]
    );
    assert_eq!(
        column(&records, "s"),
        [&json!("x,z"), &json!("z,x"), &json!(""), &json!(null)]
    );
    let m = [
        &json!("label 300"),
        &json!("label 1"),
        &json!("label 256"),
        &json!(null),
    ];
    assert_eq!(column(&records, "m"), m);
    let l = [&json!("größe"), &json!("日本"), &json!(null), &json!(null)];
    assert_eq!(column(&records, "l"), l);
}

/// TIMESTAMP is an instant in UTC, DATETIME the digits as they are: whatever zone the server or the session is in,
/// and in the hour that a clock passes twice.
#[test]
fn f61_moments_do_not_depend_on_zones() {
    for (version, zone) in [
        ("9.7", "+00:00"),
        ("9.7", "-05:30"),
        ("8.0", "+14:00"),
        ("8.0", "-05:30"),
    ] {
        let mysql = Mysql::start_version(version, &[&format!("--default-time-zone={zone}")]);
        let records = records(
            &mysql,
            "CREATE TABLE t (id INT PRIMARY KEY, ts TIMESTAMP(6) NULL, dt DATETIME(6));
             SET time_zone = '+02:00';
             INSERT INTO t VALUES (1, '2023-10-29 02:30:00.000001', '2023-10-29 02:30:00.000001');
             SET time_zone = '+01:00';
             INSERT INTO t VALUES (2, '2023-10-29 02:30:00.000001', '2023-10-29 02:30:00.000001');
             SET time_zone = '-11:00';
             INSERT INTO t VALUES (3, '1970-01-01 00:00:01', '1000-01-01 00:00:00');
             SET time_zone = '+00:00';
             INSERT INTO t VALUES (9, '2038-01-19 03:14:07.999999', '9999-12-31 23:59:59.999999')",
        );
        let ts = [
            "2023-10-29T00:30:00.000001Z",
            "2023-10-29T01:30:00.000001Z",
            "1970-01-01T11:00:01.000000Z",
            "2038-01-19T03:14:07.999999Z",
        ];
        assert_eq!(column(&records, "ts"), ts.each_ref(), "{zone}");
        let dt = [
            1_698_546_600_000_001_i64,
            1_698_546_600_000_001,
            -30_610_224_000_000_000,
            253_402_300_799_999_999,
        ];
        let dt = dt.map(|us| json!(us));
        assert_eq!(
            column(&records, "dt"),
            dt.iter().collect::<Vec<_>>(),
            "{zone}"
        );
    }
}

/// Which types own a bit in the metadata of signedness, or an entry in that of charsets, is the server's choice: a
/// wrong guess shifts all later ones.
#[test]
fn f63_signedness_and_charset_behind_every_other_type() {
    signedness(Mysql::shared(), &["VECTOR(2)"]);
    signedness(Mysql::shared_80(), &[]);
}

fn signedness(mysql: &Mysql, newer: &[&str]) {
    // Each type stands before an unsigned and a signed column, and before texts of two charsets.
    let types = [
        "YEAR",
        "BIT(9)",
        "DECIMAL(5,2)",
        "DECIMAL(5,2) UNSIGNED",
        "FLOAT",
        "FLOAT UNSIGNED",
        "DOUBLE",
        "DATE",
        "TIME(3)",
        "DATETIME",
        "TIMESTAMP NULL",
        "CHAR(3)",
        "VARCHAR(9)",
        "TEXT",
        "BLOB",
        "BINARY(2)",
        "JSON",
        "ENUM('a')",
        "SET('a')",
        "GEOMETRY",
        "TINYINT",
        "TINYINT UNSIGNED",
        "MEDIUMINT ZEROFILL",
        "BIGINT UNSIGNED",
    ];
    let types: Vec<&str> = types.iter().chain(newer).copied().collect();
    let columns: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(n, name)| {
            format!("c{n} {name}, u{n} INT UNSIGNED DEFAULT 4294967295, s{n} INT DEFAULT -1,
                 a{n} VARCHAR(9) CHARACTER SET ucs2 DEFAULT 'é', b{n} VARCHAR(9) CHARACTER SET koi8r DEFAULT 'я'")
        })
        .collect();
    let records = records(
        mysql,
        &format!(
            "SET NAMES utf8mb4; CREATE TABLE t (id INT PRIMARY KEY, {}); INSERT INTO t (id) VALUES (9)",
            columns.join(",")
        ),
    );
    for (n, name) in types.iter().enumerate() {
        let after = &records[0]["after"];
        assert_eq!(
            after[format!("u{n}")],
            json!(4_294_967_295_u32),
            "behind {name}"
        );
        assert_eq!(after[format!("s{n}")], json!(-1), "behind {name}");
        assert_eq!(after[format!("a{n}")], json!("é"), "behind {name}");
        assert_eq!(after[format!("b{n}")], json!("я"), "behind {name}");
    }
}

/// Lengths about the limits where one byte of length becomes two: it counts bytes, the column characters.
#[test]
fn f65_lengths_about_the_limit_of_one_byte() {
    lengths(Mysql::shared());
    lengths(Mysql::shared_80());
}

fn lengths(mysql: &Mysql) {
    const LENGTHS: [usize; 8] = [63, 64, 85, 86, 127, 128, 255, 256];
    let charsets = [
        ("latin1", "é"),
        ("utf8mb3", "€"),
        ("utf8mb4", "🐟"),
        ("ucs2", "€"),
        ("utf16", "🐟"),
        ("utf32", "é"),
        ("gbk", "中"),
        ("sjis", "日"),
    ];
    let mut sql = "SET NAMES utf8mb4;".to_owned();
    for (number, (charset, sign)) in charsets.into_iter().enumerate() {
        let columns = LENGTHS.map(|length| {
            let char = if length < 256 { "CHAR" } else { "VARCHAR" };
            format!("v{length} VARCHAR({length}), c{length} {char}({length})")
        });
        let values = LENGTHS.map(|length| format!("REPEAT('{sign}', {length})"));
        let values = values.map(|value| format!("{value}, {value}"));
        sql.push_str(&format!(
            "CREATE TABLE t{number} (id INT PRIMARY KEY, {}) CHARACTER SET {charset} ROW_FORMAT=DYNAMIC;
             INSERT INTO t{number} VALUES ({number}, {});",
            columns.join(","),
            values.join(",")
        ));
    }
    sql.push_str("CREATE TABLE last (id INT PRIMARY KEY); INSERT INTO last VALUES (9)");
    let records = records(mysql, &sql);
    for ((charset, sign), record) in charsets.into_iter().zip(&records) {
        for length in LENGTHS {
            for name in [format!("v{length}"), format!("c{length}")] {
                let text = json!(sign.repeat(length));
                assert_eq!(record["after"][&name], text, "{charset}: {name}");
            }
        }
    }
}
