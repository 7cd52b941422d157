//! Text in every charset and every collation that the server lists.

use std::collections::BTreeMap;

use super::capture;
use crate::support::mysql::Mysql;
use crate::support::unique;

/// Collations by charset, as the server lists them.
fn collations(mysql: &Mysql) -> BTreeMap<String, Vec<String>> {
    let rows = mysql.sql(
        "SELECT CHARACTER_SET_NAME, COLLATION_NAME FROM information_schema.COLLATIONS
         WHERE CHARACTER_SET_NAME <> 'binary' ORDER BY ID",
    );
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in rows.lines() {
        let (charset, collation) = row.split_once('\t').unwrap();
        found
            .entry(charset.to_owned())
            .or_default()
            .push(collation.to_owned());
    }
    found
}

/// Each charset's characters, found from both sides: of Unicode those that survive the way there and back, of the
/// codes of one and two bytes those for which the server knows a character. 256 of them make a row.
fn f57(mysql: &Mysql) {
    let schema = unique("charsets");
    let charsets: Vec<String> = collations(mysql).into_keys().collect();
    let mut sql = "SET NAMES utf8mb4; SET SESSION group_concat_max_len = 1048576; SET SESSION max_error_count = 0;
         SET SESSION cte_max_recursion_depth = 1000000; SET sql_mode = '';
         CREATE TABLE n (i INT PRIMARY KEY);
         INSERT INTO n WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 65535) SELECT i FROM n;
         INSERT INTO n SELECT 0x1f000 + i FROM n WHERE i < 2048; INSERT INTO n SELECT 0x20000 + i FROM n WHERE i < 1024;"
        .to_owned();
    for charset in &charsets {
        let unicode =
            format!("CONVERT(CONVERT(UNHEX(LPAD(HEX(i), 8, '0')) USING utf32) USING {charset})");
        let code =
            format!("CONVERT(UNHEX(IF(i < 256, LPAD(HEX(i), 2, '0'), HEX(i))) USING {charset})");
        let known = "CHAR_LENGTH(c) = 1 AND HEX(CONVERT(c USING utf8mb4)) NOT IN ('3F', 'EFBFBD')";
        sql += &format!(
            "CREATE TABLE t_{charset} (id INT PRIMARY KEY, c LONGTEXT CHARACTER SET {charset});
             INSERT INTO t_{charset} SELECT i DIV 256, GROUP_CONCAT(c ORDER BY i SEPARATOR '')
               FROM (SELECT i, {unicode} c FROM n WHERE i NOT BETWEEN 0xd800 AND 0xdfff) x
               WHERE {known} AND HEX(CONVERT(c USING utf32)) = LPAD(HEX(i), 8, '0') GROUP BY i DIV 256;"
        );
        // The others have no codes of two bytes beside those of Unicode.
        if !charset.starts_with("utf") && charset != "ucs2" && charset != "ascii" {
            sql += &format!(
                "INSERT INTO t_{charset} SELECT 100000 + i DIV 256, GROUP_CONCAT(c ORDER BY i SEPARATOR '')
                   FROM (SELECT i, {code} c FROM n WHERE i BETWEEN 0 AND 255 OR i BETWEEN 0x8100 AND 0xffff) x
                   WHERE {known} GROUP BY i DIV 256;"
            );
        }
    }
    let (_, images) = capture(mysql, &schema, &sql, "");
    let (mut characters, mut found) = (0, Vec::new());
    for charset in &charsets {
        let rows = mysql.sql(&format!(
            "SET NAMES utf8mb4; SELECT id, HEX(CONVERT(c USING utf8mb4)) FROM {schema}.t_{charset}"
        ));
        assert!(rows.lines().count() > 0, "{charset} has no characters");
        for row in rows.lines() {
            let (id, server) = row.split_once('\t').unwrap();
            let image = &images[&(format!("t_{charset}"), id.to_owned())];
            let ours: String = serde_json::from_str(&image["c"]).unwrap();
            characters += ours.chars().count();
            let ours: String = ours.bytes().map(|byte| format!("{byte:02X}")).collect();
            if ours != server {
                found.push(format!("{charset} row {id}:\n{ours}\n{server}"));
            }
        }
    }
    println!(
        "{characters} characters of {} charsets compared with CONVERT",
        charsets.len()
    );
    assert!(
        found.is_empty(),
        "ours, the server's:\n{}",
        found.join("\n")
    );
    assert!(characters > 500_000, "{characters}");
}

#[test]
fn f57_every_character_of_every_charset_on_9_7() {
    f57(Mysql::shared());
}

#[test]
fn f57_every_character_of_every_charset_on_8_0() {
    f57(Mysql::shared_80());
}

/// A column of each collation, as VARCHAR and as ENUM, with the same text.
fn every_collation(mysql: &Mysql) {
    let schema = unique("collations");
    let collations = collations(mysql);
    let mut sql = "SET NAMES utf8mb4;".to_owned();
    for (charset, collations) in &collations {
        let columns: Vec<String> = collations
            .iter()
            .map(|c| format!("{c} VARCHAR(9) COLLATE {c}, e_{c} ENUM('x','Ab') COLLATE {c}"))
            .collect();
        let values = vec!["'Ab', 'Ab'"; collations.len()].join(", ");
        sql += &format!(
            "CREATE TABLE t_{charset} (id INT PRIMARY KEY, {}); INSERT INTO t_{charset} VALUES (1, {values});",
            columns.join(", ")
        );
    }
    let (_, images) = capture(mysql, &schema, &sql, "");
    let mut compared = 0;
    for (charset, collations) in &collations {
        let image = &images[&(format!("t_{charset}"), "1".to_owned())];
        for collation in collations {
            compared += 1;
            assert_eq!(image[collation], "\"Ab\"", "{collation}");
            assert_eq!(image[&format!("e_{collation}")], "\"Ab\"", "{collation}");
        }
    }
    println!("{compared} collations of {} charsets", collations.len());
    assert!(compared > 200, "{compared}");
}

#[test]
fn every_collation_on_9_7() {
    every_collation(Mysql::shared());
}

#[test]
fn every_collation_on_8_0() {
    every_collation(Mysql::shared_80());
}
