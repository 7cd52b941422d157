//! Tables that are changed by a tool: a shadow table with the new shape takes the place of the old one under load.

use std::thread;

use serde_json::Value;

use super::{Followed, servers};
use crate::support::unique;

/// Rows before the load, with the load, and in all.
const ROWS: [i64; 3] = [50, 1500, 1600];

/// As gh-ost does it: the rest is copied and the tables are swapped while others wait for a lock.
const GH_OST: &str = "
    CREATE TABLE _t_ghc (id BIGINT AUTO_INCREMENT PRIMARY KEY, hint VARCHAR(64), value TEXT) COMMENT 'gh-ost';
    CREATE TABLE _t_gho LIKE t;
    ALTER TABLE _t_gho ADD w INT NOT NULL DEFAULT 7 AFTER id, MODIFY v VARCHAR(300);
    INSERT INTO _t_ghc (hint, value) VALUES ('state', 'Migrated');
    INSERT IGNORE INTO _t_gho (id, v) SELECT id, v FROM t;
    LOCK TABLES t WRITE, _t_gho WRITE;
    INSERT IGNORE INTO _t_gho (id, v) SELECT id, v FROM t;
    RENAME TABLE t TO _t_del, _t_gho TO t;
    UNLOCK TABLES;
    DROP TABLE _t_ghc; DROP TABLE _t_del";

/// As pt-online-schema-change does it: triggers write what changes into both tables.
const PT_OSC: &str = "
    CREATE TABLE _t_new LIKE t;
    ALTER TABLE _t_new ADD w INT NOT NULL DEFAULT 7 AFTER id, MODIFY v VARCHAR(300);
    CREATE TRIGGER pt_osc_del AFTER DELETE ON t FOR EACH ROW DELETE IGNORE FROM _t_new WHERE id <=> OLD.id;
    CREATE TRIGGER pt_osc_ins AFTER INSERT ON t FOR EACH ROW REPLACE INTO _t_new (id, v) VALUES (NEW.id, NEW.v);
    INSERT LOW_PRIORITY IGNORE INTO _t_new (id, v) SELECT id, v FROM t LOCK IN SHARE MODE;
    RENAME TABLE t TO _t_old, _t_new TO t;
    DROP TABLE IF EXISTS _t_old; DROP TRIGGER IF EXISTS pt_osc_del; DROP TRIGGER IF EXISTS pt_osc_ins";

#[test]
fn f41_tables_swapped_under_load_by_gh_ost() {
    swap(GH_OST);
}

#[test]
fn f41_tables_swapped_under_load_by_pt_osc() {
    swap(PT_OSC);
}

fn inserts(schema: &str, ids: std::ops::RangeInclusive<i64>) -> String {
    let insert = |id| format!("INSERT INTO {schema}.t (id, v) VALUES ({id}, 'v{id}');");
    ids.map(insert).collect()
}

/// Only the table itself is captured: nothing of the tool's own tables, and each row once, by the shape it had.
fn swap(tool: &str) {
    for (metadata, mysql) in servers() {
        let schema = unique("swapped");
        // Two patterns: the second one is completed to all tables of no database.
        let mut followed =
            Followed::of(mysql, &schema, &format!(r"^{schema}\.(t|marker)$', '^none"));
        followed.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))");
        let _remora = followed.start();
        let [early, load, all] = ROWS;
        mysql.sql(&inserts(&schema, 1..=early));
        thread::scope(|scope| {
            let statements = inserts(&schema, early + 1..=load);
            scope.spawn(move || mysql.sql(&statements));
            followed.sql(tool);
        });
        mysql.sql(&inserts(&schema, load + 1..=all));
        followed.catch_up();
        check(&followed, all, metadata);
    }
}

fn check(followed: &Followed<'_>, all: i64, metadata: &str) {
    let (mut ids, mut old, mut new) = (Vec::new(), 0, 0);
    for line in followed.file.lines() {
        let (table, row) = (&line["value"]["source"]["table"], &line["value"]["after"]);
        if table == "marker" {
            continue;
        }
        assert_eq!(*table, "t", "{metadata}: {line}");
        let id = row["id"].as_i64().unwrap();
        let with = serde_json::json!({ "id": id, "w": 7, "v": format!("v{id}") });
        let without = serde_json::json!({ "id": id, "v": format!("v{id}") });
        match row {
            row if *row == with => new += 1,
            row if *row == without && new == 0 => old += 1,
            row => panic!("{metadata}: behind {old} and {new} rows: {row}"),
        }
        ids.push(id);
    }
    println!("{metadata}: {old} rows before the swap, {new} behind it");
    assert_eq!(ids, (1..=all).collect::<Vec<_>>(), "{metadata}");
    assert!(old >= ROWS[0] && new >= ROWS[2] - ROWS[1], "{metadata}");
    let last: &Value = &followed.file.lines().pop().unwrap();
    assert_eq!(last["value"]["source"]["table"], "marker");
}
