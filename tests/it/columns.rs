//! Which columns records show, where images are not whole.

use serde_json::{Value, json};

use crate::faults::ToFile;
use crate::support::config::ConfigDir;
use crate::support::mysql::Mysql;
use crate::support::remora::Remora;
use crate::support::{DEADLINE, unique, wait_for};

/// Key, before, after of each record that the statements give, with these keys set.
fn records(keys: &str, statements: &str) -> Vec<[Value; 3]> {
    let mysql = Mysql::shared();
    let schema = unique("columns");
    mysql.sql(&format!(
        "CREATE DATABASE {schema}; USE {schema}; {statements}; CREATE TABLE fence (id INT PRIMARY KEY);
         INSERT INTO fence VALUES (1)"
    ));
    let config = ConfigDir::new();
    let keys = keys.replace("SCHEMA", &schema);
    let file = ToFile::write(
        &config,
        "columns",
        (mysql.port(), &schema),
        [&keys, "row_image = \"any\"", ""],
    );
    let _remora = Remora::start(&config);
    let lines = wait_for("the fence", DEADLINE, || {
        let lines = file.lines();
        let fenced = |line: &Value| line["topic"].as_str().unwrap().ends_with(".fence");
        lines.iter().any(fenced).then_some(lines)
    });
    let shown = lines.iter().filter(|line| {
        let fence = line["topic"].as_str().unwrap().ends_with(".fence");
        !fence && !line["value"].is_null()
    });
    let images = |line: &Value| {
        let value = &line["value"];
        [
            line["key"].clone(),
            value["before"].clone(),
            value["after"].clone(),
        ]
    };
    shown.map(images).collect()
}

#[test]
fn a_document_that_is_not_shown_is_passed_over_in_partial_updates() {
    let found = records(
        "capture.exclude_columns = ['SCHEMA.t.hidden']",
        "SET binlog_row_value_options = PARTIAL_JSON;
         CREATE TABLE t (id INT PRIMARY KEY, hidden JSON, doc JSON, v INT);
         INSERT INTO t VALUES (1, '{\"a\": 1, \"b\": \"long enough to be changed in part\"}',
           '{\"c\": 2, \"d\": \"long enough to be changed in part\"}', 5);
         UPDATE t SET hidden = JSON_SET(hidden, '$.a', 7), v = 6;
         UPDATE t SET hidden = JSON_SET(hidden, '$.a', 8), doc = JSON_SET(doc, '$.c', 9), v = 7",
    );
    let row = |c, v| {
        let doc = format!(r#"{{"c":{c},"d":"long enough to be changed in part"}}"#);
        json!({"id": 1, "doc": doc, "v": v})
    };
    let key = json!({"id": 1});
    assert_eq!(
        found,
        [
            [key.clone(), Value::Null, row(2, 5)],
            [key.clone(), row(2, 5), row(2, 6)],
            [key, row(2, 6), row(9, 7)],
        ]
    );
}

#[test]
fn a_key_is_whole_where_the_row_does_not_show_it() {
    for image in ["FULL", "MINIMAL"] {
        let found = records(
            "capture.exclude_columns = ['SCHEMA.t.id']\nmasks.stars = ['2: SCHEMA.t.kind']",
            &format!(
                "SET binlog_row_image = {image};
                 CREATE TABLE t (v INT, id INT, w INT, kind VARCHAR(9), x INT, PRIMARY KEY (kind, id));
                 INSERT INTO t VALUES (1, 2, 3, 'long one', 4);
                 UPDATE t SET w = 5;
                 UPDATE t SET id = 6;
                 DELETE FROM t"
            ),
        );
        let keys: Vec<Value> = found.iter().map(|[key, ..]| key.clone()).collect();
        let key = |id| json!({"kind": "long one", "id": id});
        assert_eq!(keys, [key(2), key(2), key(2), key(6), key(6)], "{image}");
        let rows = found.iter().flat_map(|[_, before, after]| [before, after]);
        for row in rows.filter(|row| !row.is_null()) {
            assert_eq!(
                (row.get("id"), &row["kind"]),
                (None, &json!("**")),
                "{image}: {row}"
            );
        }
        let row = |w| json!({"v": 1, "w": w, "kind": "**", "x": 4});
        assert_eq!(found[0][2], row(3), "{image}");
        if image == "FULL" {
            assert_eq!(found[1], [key(2), row(3), row(5)]);
            assert_eq!(found[2], [key(2), row(5), Value::Null]);
            assert_eq!(found[3], [key(6), Value::Null, row(5)]);
            assert_eq!(found[4], [key(6), row(5), Value::Null]);
        }
    }
}

/// An image that lacks a column tells nothing of it: such an update is never passed over as one that changes nothing.
#[test]
fn updates_that_change_nothing_shown_are_told_by_images_that_have_it() {
    let statements = |image: &str| {
        format!(
            "SET binlog_row_image = {image};
             CREATE TABLE t (id INT PRIMARY KEY, v INT, hidden INT);
             INSERT INTO t VALUES (1, 2, 3);
             UPDATE t SET hidden = 4;
             UPDATE t SET v = NULL"
        )
    };
    let keys = "capture.exclude_columns = ['SCHEMA.t.hidden']\nrecords.skip_unchanged = true";
    let full = records(keys, &statements("FULL"));
    let afters: Vec<&Value> = full.iter().map(|[.., after]| after).collect();
    assert_eq!(
        afters,
        [&json!({"id": 1, "v": 2}), &json!({"id": 1, "v": null})]
    );
    let minimal = records(keys, &statements("MINIMAL"));
    assert_eq!(minimal.last().unwrap()[2], json!({"id": 1, "v": null}));
    assert_eq!(minimal.len(), 3);
}
