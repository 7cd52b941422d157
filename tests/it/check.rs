//! `remora check`: every finding is a line that says what is wrong and what mends it.

use std::path::Path;
use std::process::Command;

use crate::support::config::{ConfigDir, source_toml};
use crate::support::free_port;
use crate::support::kafka::Kafka;
use crate::support::mysql::Mysql;

/// Exit code and standard error of `remora check`.
pub(crate) fn check(config: &Path) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_remora"))
        .args(["check", "--config"])
        .arg(config)
        .output()
        .unwrap();
    assert!(
        output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    (
        output.status.code().unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// A database with the file sink, so that only the server is looked at.
pub(crate) fn to_file(config: &ConfigDir, source: &str) {
    let path = config.path().join("out");
    config.database(
        "shop",
        &format!(
            "{source}\n[sink]\ntype = \"file\"\npath = \"{}\"\n",
            path.display()
        ),
    );
}

pub(crate) fn expect(config: &ConfigDir, code: i32, parts: &[&str]) {
    let (found, text) = check(config.path());
    assert_eq!(found, code, "{text}");
    let line = text
        .lines()
        .find(|line| parts.iter().all(|part| line.contains(part)));
    println!(
        "{}",
        line.unwrap_or_else(|| panic!("no line with {parts:?} in\n{text}"))
    );
}

#[test]
fn a_good_server_has_no_finding() {
    let config = ConfigDir::new();
    config.database_to_kafka("shop", Mysql::shared(), "shop", Kafka::shared());
    let (code, text) = check(config.path());
    assert_eq!(code, 0, "{text}");
}

#[test]
fn patterns_that_match_nothing_are_named() {
    let mysql = Mysql::shared();
    mysql.sql("CREATE DATABASE patterns; CREATE TABLE patterns.orders (id INT PRIMARY KEY)");
    let config = ConfigDir::new();
    let source = source_toml(mysql, "patterns");
    let list = r"include = ['patterns\.orders', 'patterns\.ordrs']";
    let source = source.replace("include = [\"patterns\\\\..*\"]", list);
    assert!(source.contains(list), "{source}");
    let more = "exclude_databases = ['patern.*']\nexclude_columns = ['patterns\\.orders\\.x']";
    to_file(&config, &source.replace(list, &format!("{list}\n{more}")));
    for parts in [
        [r"capture.include: patterns\.ordrs", "matches nothing"],
        ["capture.exclude_databases: patern.*", "matches nothing"],
        [
            r"capture.exclude_columns: patterns\.orders\.x",
            "matches nothing",
        ],
    ] {
        expect(&config, 0, &parts);
    }
    let (_, text) = check(config.path());
    assert!(!text.contains(r"patterns\.orders matches"), "{text}");
}

#[test]
fn accounts_that_cannot_replicate_are_named_with_the_grant() {
    let mysql = Mysql::shared();
    mysql.sql(
        "CREATE USER wrong IDENTIFIED BY 'right-canary' REQUIRE SSL;
         CREATE USER bare, no_slave, no_client; GRANT REPLICATION CLIENT ON *.* TO no_slave;
         GRANT REPLICATION SLAVE ON *.* TO no_client",
    );
    let config = ConfigDir::new();
    let source = source_toml(mysql, "shop");
    let user = |name: &str| source.replace("\"root\"", &format!("\"{name}\""));

    let password = config.path().join("password");
    std::fs::write(&password, "canary-3141\n").unwrap();
    Command::new("chmod")
        .arg("600")
        .arg(&password)
        .status()
        .unwrap();
    let wrong = user("wrong").replace(
        "user =",
        &format!("password_file = \"{}\"\nuser =", password.display()),
    );
    let tls = format!(
        "mode = \"verify_ca\"\nca_file = \"{}\"",
        mysql.ca_file().display()
    );
    to_file(&config, &wrong.replace("mode = \"disabled\"", &tls));
    expect(&config, 1, &["shop: mysql:", "1045", "wrong", "; "]);
    assert!(
        !check(config.path()).1.contains("canary"),
        "a password was shown"
    );

    to_file(&config, &user("bare"));
    expect(
        &config,
        1,
        &[
            "lacks the privilege REPLICATION SLAVE",
            "GRANT REPLICATION SLAVE ON *.*",
        ],
    );
    expect(
        &config,
        1,
        &[
            "lacks the privilege REPLICATION CLIENT",
            "GRANT REPLICATION CLIENT ON *.*",
        ],
    );
    to_file(&config, &user("no_slave"));
    expect(&config, 1, &["REPLICATION SLAVE"]);
    to_file(&config, &user("no_client"));
    expect(&config, 1, &["REPLICATION CLIENT"]);
    mysql.sql("GRANT REPLICATION CLIENT ON *.* TO no_client");
    assert_eq!(check(config.path()).0, 0, "the remedy mends it");
}

#[test]
fn settings_that_make_the_log_unreadable_are_named_with_the_statement() {
    let mysql = Mysql::start(&[
        "--binlog-row-metadata=MINIMAL",
        "--binlog-row-image=MINIMAL",
    ]);
    let config = ConfigDir::new();
    let source = source_toml(&mysql, "shop");
    to_file(&config, &format!("schema = \"row_metadata\"\n{source}"));
    for setting in ["binlog_row_metadata", "binlog_row_image"] {
        let remedy = format!("SET PERSIST {setting} = 'FULL'");
        expect(
            &config,
            1,
            &["shop: mysql:", &format!("{setting} is MINIMAL"), &remedy],
        );
    }
    mysql.sql("SET PERSIST binlog_row_image = 'FULL'");
    // MINIMAL metadata works where it is not insisted on FULL, and is told of all the same.
    to_file(&config, &source);
    let advice = [
        "binlog_row_metadata is MINIMAL",
        "SET PERSIST binlog_row_metadata = 'FULL'",
    ];
    expect(&config, 0, &advice);
    mysql.sql("SET PERSIST binlog_row_metadata = 'FULL'");
    let (code, text) = check(config.path());
    assert_eq!(code, 0, "the remedies mend it: {text}");
    assert!(!text.contains("MINIMAL"), "{text}");
}

#[test]
fn a_server_without_a_binlog_is_named() {
    let mysql = Mysql::start(&[
        "--skip-log-bin",
        "--gtid-mode=OFF",
        "--enforce-gtid-consistency=OFF",
    ]);
    let config = ConfigDir::new();
    to_file(&config, &source_toml(&mysql, "shop"));
    expect(&config, 1, &["log_bin is OFF", "--log-bin"]);
}

#[test]
fn what_does_not_answer_is_named() {
    let config = ConfigDir::new();
    let (mysql, kafka) = (free_port(), free_port());
    let source = source_toml(Mysql::shared(), "shop");
    let port = format!("port = {}", Mysql::shared().port());
    let source = source.replace(&port, &format!("port = {mysql}"));
    config.database(
        "shop",
        &format!("{source}\n[kafka]\nbrokers = \"127.0.0.1:{kafka}\"\n"),
    );
    expect(&config, 1, &["shop: mysql:", "127.0.0.1"]);
    expect(
        &config,
        1,
        &["shop: kafka:", &kafka.to_string(), "start the brokers"],
    );
}

#[test]
fn mistakes_in_files_are_told_at_once() {
    let config = ConfigDir::new();
    to_file(&config, &source_toml(Mysql::shared(), "shop"));
    config.database(
        "other",
        "strat = \"now\"\n[mysql]\nhost = \"db\"\nuser = 7\n",
    );
    let (code, text) = check(config.path());
    assert_eq!(code, 2, "{text}");
    for parts in [
        ["other.toml: strat", "start"],
        ["other.toml: mysql.user", "expected text"],
        ["other.toml: kafka.brokers", ""],
    ] {
        let told = text
            .lines()
            .any(|line| parts.iter().all(|part| line.contains(part)));
        assert!(told, "no line with {parts:?} in\n{text}");
    }
    println!("{text}");
}
