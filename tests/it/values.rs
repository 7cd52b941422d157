//! Values at the bounds of their types, in each mode that changes them, on the oldest and the newest server: exact,
//! or a stop that names the column.

use serde_json::{Value, json};

use crate::faults::{ToFile, state};
use crate::rows::records_with;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

/// The `after` images of what the SQL writes, in order, on both servers, which must agree.
fn after(keys: &str, sql: &str) -> Vec<Value> {
    let of = |mysql| {
        let records = records_with(mysql, keys, sql);
        let images = records.into_iter().map(|mut value| value["after"].take());
        images.collect::<Vec<Value>>()
    };
    let (new, old) = (of(Mysql::shared()), of(Mysql::shared_80()));
    assert_eq!(new, old, "9.7 and 8.0 differ");
    new
}

/// Runs the SQL, whose last row cannot become a record, and gives the error that stops the database; the rows before
/// it, `count` of them, are delivered.
fn stopped(keys: &str, sql: &str, count: usize) -> String {
    let mysql = Mysql::shared();
    let schema = unique("values");
    mysql.sql(&format!("CREATE DATABASE {schema}; USE {schema}; {sql}"));
    let config = ConfigDir::new();
    let file = ToFile::add_with_keys(&config, "values", (mysql.port(), &schema), keys);
    // A second database keeps the process alive, so that its report can be read.
    ToFile::add(&config, "idle", mysql.port(), "nothing_here");
    let remora = Remora::start(&config);
    let error = wait_for("the database to stop", DEADLINE, || {
        let (state, error) = state(&remora, "values")?;
        (state == "failed").then_some(error)
    });
    assert_eq!(file.lines().len(), count, "rows before the bad one");
    error
}

/// Hidden columns of functional indexes stand in the row images, between and behind the others.
#[test]
fn f49_columns_are_aligned_whatever_is_hidden() {
    let images = after(
        "",
        "CREATE TABLE t (
           id INT PRIMARY KEY, a VARCHAR(9), v VARCHAR(20) AS (CONCAT(a, '!')) VIRTUAL, i INT INVISIBLE DEFAULT 3,
           s INT AS (id * 2) STORED, b INT, KEY f ((UPPER(a))), KEY g ((b + 1), (ABS(b))),
           j JSON, KEY m ((CAST(j->'$[*]' AS UNSIGNED ARRAY)))
         );
         INSERT INTO t (id, a, b, j) VALUES (1, 'one', -1, '[1,2]');
         INSERT INTO t (id, a, i, b) VALUES (2, NULL, NULL, NULL);
         ALTER TABLE t ADD COLUMN late INT INVISIBLE DEFAULT 5, DROP KEY f, ADD KEY h ((LOWER(a)));
         UPDATE t SET b = 7 WHERE id = 1;
         INSERT INTO t (id) VALUES (9)",
    );
    let expected = [
        json!({"id": 1, "a": "one", "v": "one!", "i": 3, "s": 2, "b": -1, "j": "[1,2]"}),
        json!({"id": 2, "a": null, "v": null, "i": null, "s": 4, "b": null, "j": null}),
        json!({"id": 1, "a": "one", "v": "one!", "i": 3, "s": 2, "b": 7, "j": "[1,2]", "late": 5}),
        json!({"id": 9, "a": null, "v": null, "i": 3, "s": 18, "b": null, "j": null, "late": 5}),
    ];
    assert_eq!(images, expected);
}

/// A key that the server makes up by itself is a key like any other.
#[test]
fn f49_generated_invisible_keys_are_keys() {
    for mysql in [Mysql::shared(), Mysql::shared_80()] {
        let schema = unique("gipk");
        mysql.sql(&format!(
            "CREATE DATABASE {schema}; USE {schema}; SET sql_generate_invisible_primary_key = ON;
             CREATE TABLE t (id INT); INSERT INTO t VALUES (7), (8); UPDATE t SET id = 9 WHERE id = 8;
             DELETE FROM t WHERE id = 7"
        ));
        let config = ConfigDir::new();
        let file = ToFile::add(&config, "gipk", mysql.port(), &schema);
        let _remora = Remora::start(&config);
        let lines = wait_for("all records", DEADLINE, || {
            Some(file.lines()).filter(|lines| lines.len() == 5)
        });
        let keys: Vec<String> = lines.iter().map(|line| line["key"].to_string()).collect();
        let key = |id| format!("{{\"my_row_id\":{id}}}");
        assert_eq!(keys, [key(1), key(2), key(2), key(1), key(1)]);
        assert_eq!(lines[2]["value"]["after"], json!({"my_row_id": 2, "id": 9}));
    }
}

/// What the records of one table are: op and key of each, tombstones as `-`.
fn keys(sql: &str, count: usize) -> Vec<(String, Value)> {
    let of = |mysql: &Mysql| {
        let schema = unique("keys");
        mysql.sql(&format!(
            "CREATE DATABASE {schema} CHARACTER SET utf8mb4; USE {schema}; {sql}"
        ));
        let config = ConfigDir::new();
        let file = ToFile::add(&config, "keys", mysql.port(), &schema);
        let _remora = Remora::start(&config);
        let lines = wait_for("all records", DEADLINE, || {
            Some(file.lines()).filter(|lines| lines.len() >= count)
        });
        let part = |line: &Value| {
            let op = line["value"]["op"].as_str().unwrap_or("-");
            (op.to_owned(), line["key"].clone())
        };
        lines.iter().map(part).collect::<Vec<_>>()
    };
    let (new, old) = (of(Mysql::shared()), of(Mysql::shared_80()));
    assert_eq!(new, old, "9.7 and 8.0 differ");
    new
}

fn record(op: &str, key: Value) -> (String, Value) {
    (op.to_owned(), key)
}

/// Keys are the stored characters: what a collation holds for equal is another key all the same.
#[test]
fn f51_keys_that_only_a_collation_holds_for_equal() {
    let found = keys(
        "CREATE TABLE t (k VARCHAR(9) COLLATE utf8mb4_0900_ai_ci PRIMARY KEY, v INT);
         INSERT INTO t VALUES ('a', 1); UPDATE t SET k = 'A'; UPDATE t SET k = 'á', v = 2; UPDATE t SET v = 3",
        8,
    );
    let expected = [
        record("c", json!({"k": "a"})),
        record("d", json!({"k": "a"})),
        record("-", json!({"k": "a"})),
        record("c", json!({"k": "A"})),
        record("d", json!({"k": "A"})),
        record("-", json!({"k": "A"})),
        record("c", json!({"k": "á"})),
        record("u", json!({"k": "á"})),
    ];
    assert_eq!(found, expected);
}

/// A key over the first letters of a column is the whole column; another key of the table is another key of its
/// records from there on.
#[test]
fn f51_prefixes_and_other_keys() {
    let found = keys(
        "CREATE TABLE t (a VARCHAR(9), b INT NOT NULL, PRIMARY KEY (a(2)));
         INSERT INTO t VALUES ('abc', 1); UPDATE t SET a = 'abd'; UPDATE t SET b = 2;
         ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (b, a); UPDATE t SET b = 3;
         ALTER TABLE t DROP PRIMARY KEY; INSERT INTO t VALUES ('z', 9)",
        9,
    );
    let expected = [
        record("c", json!({"a": "abc"})),
        record("d", json!({"a": "abc"})),
        record("-", json!({"a": "abc"})),
        record("c", json!({"a": "abd"})),
        record("u", json!({"a": "abd"})),
        record("d", json!({"b": 2, "a": "abd"})),
        record("-", json!({"b": 2, "a": "abd"})),
        record("c", json!({"b": 3, "a": "abd"})),
        record("c", Value::Null),
    ];
    assert_eq!(found, expected);
}

const INVALID: &str = "CREATE TABLE t (id INT PRIMARY KEY, c VARCHAR(9) CHARACTER SET greek, d TEXT CHARACTER SET gbk);
     INSERT INTO t VALUES (1, 'Ω', '中'); INSERT INTO t VALUES (9, x'41d242', x'c4e3a2a0')";

#[test]
fn f58_text_that_is_none_stops_by_default() {
    let error = stopped("", INVALID, 1);
    assert!(
        error.contains("column c: invalid text: byte 1 starts no greek character"),
        "{error}"
    );
}

#[test]
fn f58_text_that_is_none_is_replaced_or_kept_as_bytes() {
    let texts = |keys| {
        let images = after(keys, INVALID);
        assert_eq!(images[0], json!({"id": 1, "c": "Ω", "d": "中"}));
        (images[1]["c"].clone(), images[1]["d"].clone())
    };
    let replaced = (json!("A\u{fffd}B"), json!("你\u{fffd}\u{fffd}"));
    assert_eq!(texts("types.invalid_text = \"replace\""), replaced);
    let kept = (json!("base64:QdJC"), json!("base64:xOOioA=="));
    assert_eq!(texts("types.invalid_text = \"base64\""), kept);
}

const DATES: &str = "SET sql_mode = 'ALLOW_INVALID_DATES'; SET time_zone = '+00:00';
     CREATE TABLE t (id INT PRIMARY KEY, d DATE, dt DATETIME(6), ts TIMESTAMP(3) NULL,
                     rd DATE NOT NULL, rdt DATETIME(6) NOT NULL, rts TIMESTAMP(3) NOT NULL);
     INSERT INTO t VALUES
       (1, '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00', '0000-00-00'),
       (2, '2024-00-05', '2024-05-00 01:02:03', NULL, '2024-00-05', '2024-05-00 01:02:03', '2024-01-01'),
       (9, '2024-02-30', '2023-02-29 01:02:03', NULL, '2024-02-30', '2023-02-29 01:02:03', '2024-01-01')";

/// No date is made up in a column that can say null; where it cannot, it is the beginning of 1970, as in Debezium.
#[test]
fn f60_dates_that_are_none_are_null_or_1970() {
    let epoch = "1970-01-01T00:00:00Z";
    let stamp = "2024-01-01T00:00:00.000Z";
    let image = |id: i32, rts: &str| json!({"id": id, "d": null, "dt": null, "ts": null, "rd": 0, "rdt": 0, "rts": rts});
    let expected = [image(1, epoch), image(2, stamp), image(9, stamp)];
    assert_eq!(after("", DATES), expected);
    let image = |id: i32, rts: &str| json!({"id": id, "d": null, "dt": null, "ts": null, "rd": "1970-01-01Z", "rdt": epoch, "rts": rts});
    let expected = [image(1, epoch), image(2, stamp), image(9, stamp)];
    assert_eq!(
        after("types.time_precision = \"isostring\"", DATES),
        expected
    );
}

#[test]
fn f60_dates_that_are_none_stop_where_that_is_asked_for() {
    let sql = "SET sql_mode = ''; CREATE TABLE t (id INT PRIMARY KEY, d DATE); INSERT INTO t VALUES (1, '2024-02-29');";
    for bad in ["'0000-00-00'", "'2024-05-00'"] {
        let sql = format!("{sql} INSERT INTO t VALUES (9, {bad})");
        let error = stopped("types.invalid_date = \"fail\"", &sql, 1);
        assert!(error.contains("column d: a date that is zero"), "{error}");
    }
}

#[test]
fn f62_times_and_years_at_their_bounds() {
    let sql = "SET sql_mode = 'TIME_TRUNCATE_FRACTIONAL';
         CREATE TABLE t (id INT PRIMARY KEY, t0 TIME, t3 TIME(3), t6 TIME(6), y YEAR);
         INSERT INTO t VALUES
           (1, '838:59:59', '838:59:58.999999', '838:59:58.999999', 0),
           (2, '-838:59:59', '-838:59:58.999999', '-838:59:58.999999', 1901),
           (3, '-00:00:01', '-00:00:00.001', '-00:00:00.000001', 2155),
           (4, '-00:00:00', '-01:00:00.5', '-24:00:00', 70), (9, '24:00:00', '00:00:00.999', '00:00:00.1', 69)";
    let rows = |images: Vec<Value>| {
        let cells = |image: &Value| ["t0", "t3", "t6", "y"].map(|name| image[name].to_string());
        images.iter().map(cells).collect::<Vec<_>>()
    };
    let micro = rows(after("", sql));
    let expected = [
        ["3020399000000", "3020398999000", "3020398999999", "0"],
        ["-3020399000000", "-3020398999000", "-3020398999999", "1901"],
        ["-1000000", "-1000", "-1", "2155"],
        ["0", "-3600500000", "-86400000000", "1970"],
        ["86400000000", "999000", "100000", "2069"],
    ];
    assert_eq!(micro, expected);
    let nano = rows(after("types.time_precision = \"nanoseconds\"", sql));
    assert_eq!(nano[1][2], "-3020398999999000");
    let connect = rows(after("types.time_precision = \"connect\"", sql));
    assert_eq!(
        connect[1],
        ["-3020399000", "-3020398999", "-3020398999", "1901"]
    );
    assert_eq!(connect[2], ["-1000", "-1", "0", "2155"]);
    let iso = rows(after("types.time_precision = \"isostring\"", sql));
    let texts = [
        "\"-838:59:59Z\"",
        "\"-838:59:58.999Z\"",
        "\"-838:59:58.999999Z\"",
        "1901",
    ];
    assert_eq!(iso[1], texts);
    assert_eq!(
        iso[4][..3],
        ["\"24:00:00Z\"", "\"00:00:00.999Z\"", "\"00:00:00.1Z\""]
    );
}

/// A DATETIME that 64 bits of nanoseconds do not reach is no other moment, and not null.
#[test]
fn f62_moments_beyond_nanoseconds_stop() {
    let sql = "CREATE TABLE t (id INT PRIMARY KEY, dt DATETIME); INSERT INTO t VALUES (1, '2262-04-11 23:47:16');
         INSERT INTO t VALUES (9, '2262-04-11 23:47:17')";
    let error = stopped("types.time_precision = \"nanoseconds\"", sql, 1);
    assert!(
        error.contains("column dt: a moment that 64 bits of nanoseconds do not reach"),
        "{error}"
    );
}

#[test]
fn f64_decimals_bits_and_padding() {
    let nines = "9".repeat(35);
    let wide = format!("{nines}.{}", "9".repeat(30));
    let sql = format!(
        "CREATE TABLE t (id INT PRIMARY KEY, d DECIMAL(65,30), b1 BIT(1), b64 BIT(64), b9 BIT(9), f BINARY(4), v VARBINARY(4),
                         c CHAR(6), w VARCHAR(6), p DOUBLE);
         INSERT INTO t VALUES
           (1, {wide}, b'1', 0xfffffffffffffffe, b'100000001', x'6100', x'6100', 'a  ', 'a  ', 1e7),
           (2, -{wide}, b'0', 1, 0, x'', x'', '', '', -0.0e0),
           (9, 0.000000000000000000000000000001, NULL, 1 << 63, 511, x'00', x'00', '  a ', '  a ', 5e-324)"
    );
    let images = after("types.decimal = \"string\"", &sql);
    let column = |name: &str| {
        images
            .iter()
            .map(|image| image[name].to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        column("d"),
        [
            format!("\"{wide}\""),
            format!("\"-{wide}\""),
            format!("\"0.{:0>30}\"", 1)
        ]
    );
    assert_eq!(column("b1"), ["true", "false", "null"]);
    assert_eq!(
        column("b64"),
        ["\"/v////////8=\"", "\"AQAAAAAAAAA=\"", "\"AAAAAAAAAIA=\""]
    );
    assert_eq!(column("b9"), ["\"AQE=\"", "\"AAA=\"", "\"/wE=\""]);
    assert_eq!(
        column("f"),
        ["\"YQAAAA==\"", "\"AAAAAA==\"", "\"AAAAAA==\""]
    );
    assert_eq!(column("v"), ["\"YQA=\"", "\"\"", "\"AA==\""]);
    assert_eq!(column("c"), ["\"a\"", "\"\"", "\"  a\""]);
    assert_eq!(column("w"), ["\"a  \"", "\"\"", "\"  a \""]);
    let doubles = images
        .iter()
        .map(|image| image["p"].as_f64().unwrap().to_bits());
    let expected = [1e7_f64, -0.0, 5e-324].map(f64::to_bits);
    assert_eq!(doubles.collect::<Vec<_>>(), expected);
    let images = after("types.decimal = \"double\"", &sql);
    let nearest = format!("{nines}.{}", "9".repeat(30))
        .parse::<f64>()
        .unwrap();
    assert_eq!(images[0]["d"].as_f64(), Some(nearest));
    let images = after("", &sql);
    assert_eq!(images[2]["d"], json!("AQ=="));
}

/// Geometry of every kind, in columns of every kind, with the numbers of its reference system.
#[test]
fn f66_geometry_of_every_kind() {
    let kinds = [
        ("POINT", "POINT(1 2)"),
        ("LINESTRING", "LINESTRING(0 0,1 1)"),
        ("POLYGON", "POLYGON((0 0,0 1,1 1,0 0))"),
        ("MULTIPOINT", "MULTIPOINT(0 0,1 1)"),
        ("MULTILINESTRING", "MULTILINESTRING((0 0,1 1))"),
        ("MULTIPOLYGON", "MULTIPOLYGON(((0 0,0 1,1 1,0 0)))"),
        ("GEOMETRYCOLLECTION", "GEOMETRYCOLLECTION(POINT(1 2))"),
    ];
    let mut sql = String::new();
    for (n, (kind, text)) in kinds.iter().enumerate() {
        sql += &format!(
            "CREATE TABLE t{n} (id INT PRIMARY KEY, own {kind}, any_one GEOMETRY, placed {kind} SRID 3857);
             INSERT INTO t{n} VALUES ({n}, ST_GeomFromText('{text}'), ST_GeomFromText('{text}'), ST_GeomFromText('{text}', 3857));
             INSERT INTO t{n} (id) VALUES (8);"
        );
    }
    sql += "CREATE TABLE last (id INT PRIMARY KEY); INSERT INTO last VALUES (9)";
    let images = after("", &sql);
    for (n, (kind, _)) in kinds.iter().enumerate() {
        let (image, nulls) = (&images[n * 2], &images[n * 2 + 1]);
        assert_eq!(image["own"]["wkb"], image["any_one"]["wkb"], "{kind}");
        assert_eq!(image["own"]["wkb"], image["placed"]["wkb"], "{kind}");
        assert_eq!(image["own"]["srid"], Value::Null, "{kind}");
        assert_eq!(image["placed"]["srid"], json!(3857), "{kind}");
        assert_eq!(image["own"].get("x").is_some(), *kind == "POINT");
        assert!(image["any_one"].get("x").is_none(), "{kind}");
        assert_eq!(
            *nulls,
            json!({"id": 8, "own": null, "any_one": null, "placed": null})
        );
    }
}

#[test]
fn f66_vectors() {
    let records = records_with(
        Mysql::shared(),
        "",
        "CREATE TABLE t (id INT PRIMARY KEY, v VECTOR(3), w VECTOR);
         INSERT INTO t VALUES (1, STRING_TO_VECTOR('[1,-2.5,3e30]'), STRING_TO_VECTOR('[0.1]')), (9, NULL, NULL)",
    );
    assert_eq!(records[0]["after"]["v"].to_string(), "[1.0,-2.5,3e+30]");
    assert_eq!(records[0]["after"]["w"], json!([0.1]));
    assert_eq!(records[1]["after"], json!({"id": 9, "v": null, "w": null}));
}

/// Documents at the limits of the binary form, in both of its sizes, and values that JSON text does not have.
#[test]
fn f67_documents() {
    let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
    let images = after(
        "",
        &format!(
            "CREATE TABLE t (id INT PRIMARY KEY, j JSON);
             INSERT INTO t VALUES (1, '{deep}'), (2, '[18446744073709551615,-9223372036854775808,65536,-32769]'),
               (3, JSON_ARRAY(CAST('-12345678901234567890.123456789' AS DECIMAL(60,20)), x'00ff', CAST('2024-02-29' AS DATE))),
               (4, JSON_OBJECT('long', REPEAT('x', 65535), 'z', JSON_ARRAY(1, 70000, 5000000000, 1.5, TRUE, NULL))),
               (5, (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999)
                    SELECT JSON_ARRAYAGG(JSON_ARRAY(i, REPEAT('v', 99))) FROM n)),
               (6, '\"\"'), (7, '{{}}'), (9, 'null')"
        ),
    );
    let text = |row: usize| images[row]["j"].as_str().unwrap();
    assert_eq!(text(0), deep);
    assert_eq!(
        text(1),
        "[18446744073709551615,-9223372036854775808,65536,-32769]"
    );
    assert_eq!(
        text(2),
        r#"[-12345678901234567890.12345678900000000000,"AP8=","2024-02-29"]"#
    );
    let long = format!(
        r#"{{"z":[1,70000,5000000000,1.5,true,null],"long":"{}"}}"#,
        "x".repeat(65535)
    );
    assert_eq!(text(3), long);
    let rows: Vec<(u64, String)> = serde_json::from_str(text(4)).unwrap();
    let mut numbers: Vec<u64> = rows.iter().map(|(number, _)| *number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=999).collect::<Vec<_>>());
    assert!(text(4).len() > 65_536);
    assert_eq!([text(5), text(6), text(7)], ["\"\"", "{}", "null"]);
}
