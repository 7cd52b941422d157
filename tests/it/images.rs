//! Row images that are not whole: partial JSON updates, MINIMAL and NOBLOB.

use serde_json::{Value, json};

use crate::faults::ToFile;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, wait_for};

/// Documents, and expressions on `doc` that follow one another.
const DOCUMENTS: &[(&str, &[&str])] = &[
    (
        r#"{"a": 1, "b": [1, 2, {"c": "text"}], "long name": {"x": null, "yy": true}, "n": 1.5}"#,
        &[
            "JSON_SET(doc, '$.a', 2)",
            "JSON_SET(doc, '$.a', 70000, '$.b[0]', 'first', '$.b[2].c', 'longer than it was before')",
            "JSON_REPLACE(doc, '$.b[last].c', 'x', '$.absent', 1)",
            "JSON_SET(doc, '$.new', CAST('[1, {\"k\": 2}]' AS JSON), '$.zz', 3, '$.aa', 4)",
            "JSON_SET(doc, '$.b[10]', 'appended')",
            "JSON_SET(doc, '$.b[last-1]', 9.25)",
            "JSON_REMOVE(doc, '$.b[0]', '$.a')",
            "JSON_REMOVE(doc, '$.\"long name\".x', '$.new[1].k')",
            "JSON_SET(doc, '$.\"long name\".\"with \\\\\"quotes\\\\\" and.dots[0]\"', 1)",
            "JSON_SET(doc, '$.\"ключ\"', 'значение 😀', '$.\"é\"', '\\\\n')",
            "JSON_REPLACE(doc, '$.n', CAST('12.345' AS DECIMAL(10,4)), '$.yy', 1)",
            "JSON_SET(doc, '$.d', CAST('2020-02-29 12:34:56.789' AS DATETIME(3)), '$.t', CAST('-12:34:56' AS TIME))",
            "JSON_SET(doc, '$.u', 18446744073709551615, '$.i', -9223372036854775808, '$.f', 1e300)",
            "JSON_SET(doc, '$.blob', x'00ff10')",
            "JSON_SET(doc, '$.b[0]', JSON_OBJECT('deep', JSON_ARRAY(1, JSON_ARRAY(2))), '$.b[0].deep[1][0]', 'in')",
            "JSON_ARRAY_APPEND(doc, '$.b', 'x')",
            "JSON_ARRAY_INSERT(doc, '$.b[0]', 'zero')",
            "JSON_INSERT(doc, '$.ins', 1)",
            "JSON_MERGE_PATCH(doc, '{\"a\": null, \"m\": 1}')",
            "JSON_SET(doc, '$', CAST('{\"root\": 1}' AS JSON))",
            "JSON_SET(doc, '$.root', 1)",
            "JSON_REMOVE(doc, '$.root')",
            "JSON_SET(doc, '$.a', 1, '$.a', 2, '$.b', 3)",
            "doc",
        ],
    ),
    (
        "[1, 2, 3]",
        &[
            "JSON_SET(doc, '$[0]', 'a')",
            "JSON_SET(doc, '$[99]', 'end', '$[last]', 'end again')",
            "JSON_REMOVE(doc, '$[last]', '$[0]')",
            "JSON_SET(doc, '$[0][1]', 'wrapped')",
            "JSON_SET(doc, '$[0][0]', CAST('null' AS JSON))",
            "JSON_REPLACE(doc, '$[0]', false)",
        ],
    ),
    (
        "\"scalar\"",
        &["JSON_SET(doc, '$[1]', 2)", "JSON_SET(doc, '$[0]', 7)"],
    ),
];

/// One statement after the other on the table `t`, and where a large document is among them, on it too.
fn statements(large: bool) -> String {
    let mut sql = String::new();
    for (number, (document, changes)) in DOCUMENTS.iter().enumerate() {
        let document = document.replace('\'', "''");
        let mut value = format!("'{document}'");
        if large {
            // Beyond 64 KiB the binary form has other offsets; in front of what is changed, and behind it.
            value = format!(
                "JSON_OBJECT('doc', CAST({value} AS JSON), 'A', REPEAT('x', 40000), 'zzzz', REPEAT('y', 40000))"
            );
        }
        sql.push_str(&format!(
            "INSERT INTO t VALUES ({number}, 'other', {value}, {value});"
        ));
        for change in *changes {
            let change = match large {
                true => change.replace("'$", "'$.doc"),
                false => (*change).to_owned(),
            };
            let second = change.replace("doc,", "second,");
            let second = if second == "doc" { "second" } else { &second };
            sql.push_str(&format!("UPDATE t SET doc = {change} WHERE id = {number};"));
            sql.push_str(&format!(
                "UPDATE t SET name = UUID(), second = {second} WHERE id = {number};"
            ));
        }
        sql.push_str(&format!("UPDATE t SET doc = NULL WHERE id = {number};"));
        sql.push_str(&format!("UPDATE t SET doc = JSON_SET(doc, '$.a', 1), second = JSON_SET(second, '$.q', 1) WHERE id = {number};"));
    }
    sql
}

#[test]
fn f24_partial_json_updates_give_the_records_of_whole_ones() {
    let mysql = Mysql::start(&[]);
    for large in [false, true] {
        // The binlogs of the first round stay as long as the server has not noticed that their reader was killed.
        let [whole, partial] = ["whole", "partial"].map(|name| format!("{name}_{large}"));
        for (schema, options) in [(&whole, "''"), (&partial, "'PARTIAL_JSON'")] {
            mysql.sql(&format!(
                "FLUSH BINARY LOGS; CREATE DATABASE {schema}; USE {schema};
                 CREATE TABLE t (id INT PRIMARY KEY, name VARCHAR(40), doc JSON, second JSON);
                 CREATE TABLE other (id INT PRIMARY KEY, doc JSON);
                 SET SESSION binlog_row_value_options = {options}; SET SESSION binlog_transaction_compression = {};
                 {} INSERT INTO other VALUES (1, '{{\"a\": [1]}}');
                 UPDATE other SET doc = JSON_SET(doc, '$.a[0]', 2); INSERT INTO t (id) VALUES (99)",
                if large { "ON" } else { "OFF" },
                statements(large)
            ));
        }
        let last = mysql.sql("SHOW BINARY LOGS");
        let last = last.lines().last().unwrap().split('\t').next().unwrap();
        let events = mysql.sql(&format!("SHOW BINLOG EVENTS IN '{last}'"));
        let events = events.matches("Update_rows_partial").count();
        println!("{events} events of partial updates");
        assert!(large || events > 60);
        let config = ConfigDir::new();
        let whole = ToFile::add(&config, "whole", mysql.port(), &whole);
        // What is not captured is counted all the same, or the ids of what is captured would differ.
        let exclude = format!("capture.exclude = ['{partial}\\.other']");
        let schema = partial;
        let server = (mysql.port(), &*schema);
        let partial = ToFile::add_with_keys(&config, "partial", server, &exclude);
        let remora = Remora::start(&config);
        let (whole, partial) = (documents(&whole), documents(&partial));
        for (number, (whole, partial)) in whole.iter().zip(&partial).enumerate() {
            assert_eq!(whole, partial, "record {number}");
        }
        assert_eq!(whole.len(), partial.len());
        check_with_select(&mysql, &schema, &partial);
        drop(remora);
    }
}

/// Operation, id, and the documents before and after of each record of `t`.
fn documents(file: &ToFile) -> Vec<Value> {
    let is_last = |line: &Value| line["value"]["after"]["id"] == 99;
    wait_for("the last row", DEADLINE, || {
        file.lines().iter().any(is_last).then_some(())
    });
    let of = |image: &Value| json!([image["id"], image["doc"], image["second"]]);
    let is_t = |line: &&Value| line["value"]["source"]["table"] == "t";
    let record = |line: &Value| {
        let value = &line["value"];
        json!([value["op"], of(&value["before"]), of(&value["after"])])
    };
    file.lines().iter().filter(is_t).map(record).collect()
}

/// The last record of each row says what the server says.
fn check_with_select(mysql: &Mysql, schema: &str, records: &[Value]) {
    for number in 0..DOCUMENTS.len() {
        let row = records.iter().rev().find(|record| record[2][0] == number);
        let text = row.unwrap()[2][2]
            .as_str()
            .unwrap()
            .replace('\\', "\\\\")
            .replace('\'', "''");
        let same = mysql.sql(&format!(
            "SELECT second = CAST('{text}' AS JSON) OR second LIKE '%base64%' OR JSON_CONTAINS_PATH(second, 'one', '$.d', '$.doc.d')
             FROM {schema}.t WHERE id = {number}"
        ));
        assert_eq!(same, "1\n", "row {number}");
    }
}

#[test]
fn f24_a_partial_update_without_its_document_stops_by_name() {
    let mysql = Mysql::start(&[]);
    mysql.sql(
        "CREATE DATABASE d; CREATE TABLE d.t (id INT PRIMARY KEY, doc JSON);
         INSERT INTO d.t VALUES (1, '{\"a\": \"some text\", \"b\": 1}');
         SET SESSION binlog_row_image = MINIMAL; SET SESSION binlog_row_value_options = PARTIAL_JSON;
         UPDATE d.t SET doc = JSON_SET(doc, '$.b', 2)",
    );
    let config = ConfigDir::new();
    ToFile::add_with(
        &config,
        "images",
        (mysql.port(), "d"),
        ("row_image = \"any\"", ""),
    );
    let remora = Remora::start(&config);
    let error = wait_failed(remora);
    assert!(
        error.contains("d.t: column doc: a partial JSON update without"),
        "{error}"
    );
    assert!(error.contains("mysql-bin.000001:"), "{error}");
}

/// Waits until the daemon, which follows this database alone, ends by itself; gives what it says.
fn wait_failed(mut remora: Remora) -> String {
    assert_eq!(remora.wait_exit(DEADLINE).code(), Some(1));
    remora.log()
}

const TABLE: &str =
    "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY, n INT NOT NULL DEFAULT 5, \
                     c VARCHAR(10) NOT NULL DEFAULT 'c', b BLOB, x TEXT, e ENUM('p', 'q'), j JSON, \
                     z DECIMAL(5,2), bin BINARY(3), at TIMESTAMP NULL);
                     CREATE TABLE keyless (n INT, x TEXT);";

#[test]
fn f25_images_without_all_columns_stop_the_database() {
    for image in ["MINIMAL", "NOBLOB"] {
        let mysql = Mysql::start(&[]);
        mysql.sql(&format!(
            "{TABLE} INSERT INTO t (id) VALUES (1); SET SESSION binlog_row_image = {image};
             UPDATE t SET n = 6"
        ));
        let config = ConfigDir::new();
        let file = ToFile::add(&config, "images", mysql.port(), "d");
        let remora = Remora::start(&config);
        let error = wait_failed(remora);
        println!("{error}");
        assert!(error.contains("d.t: a row image lacks columns"), "{error}");
        assert!(
            error.contains("mysql-bin.000001:") && error.contains("GTID"),
            "{error}"
        );
        assert_eq!(file.ids(1), [1]);
    }
    // What holds for the whole server is found before anything is read.
    let mysql = Mysql::start(&["--binlog-row-image=NOBLOB"]);
    mysql.sql(TABLE);
    let config = ConfigDir::new();
    ToFile::add(&config, "images", mysql.port(), "d");
    let error = wait_failed(Remora::start(&config));
    assert!(error.contains("binlog_row_image is NOBLOB"), "{error}");
}

const PLACEHOLDER: &str = "__debezium_unavailable_value";
const AS_BYTES: &str = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ==";

#[test]
fn f25_images_without_all_columns_can_be_read_and_say_so() {
    let mysql = Mysql::start(&["--binlog-row-image=MINIMAL"]);
    mysql.sql(&format!(
        "{TABLE} SET time_zone = '+00:00'; SET SESSION binlog_row_image = FULL;
         INSERT INTO t VALUES (1, 2, 'cc', 'bb', 'xx', 'p', '{{\"a\": 1}}', 1.5, 'abc', '2020-01-01 00:00:00');
         INSERT INTO keyless VALUES (1, 'x');
         SET SESSION binlog_row_image = MINIMAL; UPDATE t SET n = 7 WHERE id = 1;
         UPDATE t SET x = 'new', b = NULL WHERE id = 1; INSERT INTO t (id, c) VALUES (2, 'two');
         UPDATE t SET id = 3 WHERE id = 2; DELETE FROM t WHERE id = 3; UPDATE keyless SET n = 2;
         SET SESSION binlog_row_image = NOBLOB; UPDATE t SET c = 'noblob' WHERE id = 1;
         UPDATE t SET j = '[]' WHERE id = 1; INSERT INTO t (id) VALUES (9)"
    ));
    let config = ConfigDir::new();
    let file = ToFile::add_with(
        &config,
        "images",
        (mysql.port(), "d"),
        ("row_image = \"any\"", ""),
    );
    let _remora = Remora::start(&config);
    file.ids(9);
    let lines = file.lines();
    let of = |table: &str| -> Vec<Value> {
        let is = |line: &&Value| line["value"]["source"]["table"] == table;
        lines.iter().filter(is).cloned().collect()
    };
    let t = of("t");
    let nothing = |id: i64| {
        json!({"id": id, "n": null, "c": PLACEHOLDER, "b": AS_BYTES, "x": PLACEHOLDER, "e": PLACEHOLDER,
               "j": PLACEHOLDER, "z": null, "bin": AS_BYTES, "at": null})
    };
    let with = |id: i64, changes: Value| {
        let mut row = nothing(id);
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    };
    let check = |number: usize, before: Value, after: Value| {
        let value = &t[number]["value"];
        assert_eq!(value["before"], before, "record {number}");
        assert_eq!(value["after"], after, "record {number}");
    };
    check(1, nothing(1), with(1, json!({"n": 7})));
    check(2, nothing(1), with(1, json!({"x": "new", "b": null})));
    check(3, Value::Null, with(2, json!({"c": "two"})));
    // A change of the key: delete, create. The tombstones are not among these.
    check(4, nothing(2), Value::Null);
    check(5, Value::Null, nothing(3));
    let keys = (&t[4]["key"], &t[5]["key"]);
    assert_eq!(keys, (&json!({"id": 2}), &json!({"id": 3})));
    check(6, nothing(3), Value::Null);
    // MySQL leaves out what is BLOB or TEXT by type; JSON is not.
    let noblob = json!({"n": 7, "c": "cc", "e": "p", "j": "{\"a\":1}", "z": "AJY=", "bin": "YWJj", "at": "2020-01-01T00:00:00Z"});
    let noblob = |changes: Value| {
        let mut row = with(1, noblob.clone());
        for (name, value) in changes.as_object().unwrap() {
            row[name] = value.clone();
        }
        row
    };
    check(7, noblob(json!({})), noblob(json!({"c": "noblob"})));
    let before = noblob(json!({"c": "noblob"}));
    check(8, before, noblob(json!({"c": "noblob", "j": "[]"})));
    // Without a key the image before is whole, and what was not changed is known.
    let keyless = &of("keyless")[1]["value"];
    assert_eq!(keyless["before"], json!({"n": 1, "x": "x"}));
    assert_eq!(keyless["after"], json!({"n": 2, "x": "x"}));
}

#[test]
fn f25_a_key_is_complete_or_the_database_stops() {
    let mysql = Mysql::start(&[]);
    mysql.sql(
        "CREATE DATABASE d; USE d; CREATE TABLE t (id INT PRIMARY KEY DEFAULT 4, n INT);
         SET SESSION binlog_row_image = MINIMAL; INSERT INTO t (n) VALUES (1)",
    );
    let config = ConfigDir::new();
    ToFile::add_with(
        &config,
        "images",
        (mysql.port(), "d"),
        ("row_image = \"any\"", ""),
    );
    let remora = Remora::start(&config);
    let error = wait_failed(remora);
    assert!(
        error.contains("d.t: column id: it is part of the key"),
        "{error}"
    );
}
