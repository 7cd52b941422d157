//! Secrets, and what keeps them from being read on their way.

use super::*;

#[test]
fn secrets_come_from_files_or_variables_and_are_never_shown() {
    let folder = shop("[kafka.properties]\n\"sasl.username\" = \"u\"\n");
    let mysql = folder.secret("mysql", "hunter2-mysql\n", 0o400);
    let sasl = folder.secret("sasl", "hunter2-sasl\n", 0o440);
    let text = fs::read_to_string(folder.path("databases/shop.toml"))
        .unwrap()
        .replace("[mysql]", &format!("[mysql]\npassword_file = {mysql:?}"))
        .replace(
            "[kafka]",
            &format!("[kafka]\nproperties_files = {{ \"sasl.password\" = {sasl:?} }}"),
        );
    fs::write(folder.path("databases/shop.toml"), text).unwrap();
    let config = folder.load(&[]).unwrap();
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2"), "{shown}");
    let database = only(config);
    assert_eq!(database.mysql.password.reveal(), "hunter2-mysql");
    let properties = &kafka(&database).properties;
    assert_eq!(properties["sasl.password"].reveal(), "hunter2-sasl");
    assert_eq!(properties["sasl.username"].reveal(), "u");

    let database = only(
        folder
            .load(&[
                ("REMORA__SHOP__MYSQL__PASSWORD", ""),
                ("REMORA__SHOP__KAFKA__PROPERTIES__SASL_PASSWORD", "above"),
            ])
            .unwrap(),
    );
    assert_eq!(database.mysql.password.reveal(), "");
    assert_eq!(
        kafka(&database).properties["sasl.password"].reveal(),
        "above"
    );

    folder.secret("mysql", "hunter2", 0o644);
    let errors = folder.load(&[]).unwrap_err();
    let text = format!("{errors} {errors:?}");
    assert!(
        text.contains(&format!("run: chmod o= {mysql}")) && !text.contains("hunter2"),
        "{text}"
    );
}

#[test]
fn secrets_in_a_file_are_refused_without_being_shown() {
    let folder = shop_with(
        "[mysql]",
        "password = \"hunter2\"\n[mysql]\npassword = \"hunter2\"\npasword = \"hunter2\"",
    );
    let text = fs::read_to_string(folder.path("databases/shop.toml")).unwrap();
    let lines = "properties = { \"sasl.password\" = \"hunter2\", \"ssl.key.password\" = 2, \
                 \"sasl.jaas.config\" = \"hunter2\" }\nproperties_files = { \"sasl.password\" = 5 }\n";
    fs::write(folder.path("databases/shop.toml"), format!("{text}{lines}")).unwrap();
    let errors = folder.load(&[]).unwrap_err();
    let text = format!("{errors} {errors:?}");
    assert!(!text.contains("hunter2"), "{text}");
    assert_eq!(errors.findings.len(), 7, "{errors}");
    for remedy in [
        "REMORA__SHOP__MYSQL__PASSWORD",
        "mysql.password_file",
        "REMORA__SHOP__KAFKA__PROPERTIES__SASL_PASSWORD",
        "kafka.properties_files",
    ] {
        assert!(text.contains(remedy), "{remedy}: {text}");
    }
}

#[test]
fn clear_text_is_only_for_loopback() {
    let lines = "[mysql.tls]\nmode = \"disabled\"\n";
    let errors = shop(lines).load(&[]).unwrap_err();
    assert_eq!(errors.findings.len(), 1, "{errors}");
    assert_eq!(errors.findings[0].key.as_deref(), Some("mysql.tls.mode"));
    assert!(errors.findings[0].remedy.contains("verify_identity"));
    for host in ["localhost", "127.0.0.1", "::1"] {
        let database = only(
            shop(lines)
                .load(&[("REMORA__SHOP__MYSQL__HOST", host)])
                .unwrap(),
        );
        assert_eq!(database.mysql.tls.mode, TlsMode::Disabled);
    }
}

#[test]
fn a_client_certificate_needs_its_key() {
    let folder = shop("");
    let key = folder.secret("key.pem", "", 0o600);
    let open_key = folder.secret("open.pem", "", 0o644);
    let with = |tls: &[(&str, &str)]| {
        let names: Vec<(String, &str)> = tls
            .iter()
            .map(|(name, value)| (format!("REMORA__SHOP__MYSQL__TLS__{name}"), *value))
            .collect();
        let variables: Vec<(&str, &str)> = names.iter().map(|(n, v)| (n.as_str(), *v)).collect();
        folder.load(&variables)
    };
    let database = only(with(&[("CERT_FILE", &open_key), ("KEY_FILE", &key)]).unwrap());
    assert_eq!(
        database.mysql.tls.identity.unwrap().key_file,
        PathBuf::from(&key)
    );
    for (wrong, key) in [
        (&[("CERT_FILE", key.as_str())][..], "mysql.tls.key_file"),
        (&[("KEY_FILE", &key)], "mysql.tls.cert_file"),
        (
            &[("CERT_FILE", &key), ("KEY_FILE", &open_key)],
            "mysql.tls.key_file",
        ),
        (&[("CA_FILE", "/nowhere")], "mysql.tls.ca_file"),
        (&[("CA_FILE", "/")], "mysql.tls.ca_file"),
    ] {
        let errors = with(wrong).unwrap_err();
        assert_eq!(errors.findings.len(), 1, "{errors}");
        assert_eq!(errors.findings[0].key.as_deref(), Some(key));
    }
}
