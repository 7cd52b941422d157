use std::sync::Mutex;
use std::time::Instant;

use super::fake::{PATIENCE, closed_port, registry, settings};
use super::*;
use crate::error::Secret;

/// A client, and where its notices go.
fn client(settings: &Registry) -> (Client, Arc<Mutex<Vec<Notice>>>) {
    let notices = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&notices);
    let hear: Notices = Arc::new(move |notice| heard.lock().unwrap().push(notice));
    (Client::new(settings, hear).unwrap(), notices)
}

fn refusal(error: SinkError) -> RegistryError {
    let SinkError::Registry(error) = error else {
        panic!("{error}");
    };
    error
}

#[test]
fn a_schema_is_registered_under_its_subject() {
    let (mut settings, asked) = registry(&[(200, "{\"id\":70000}")]);
    settings.user = Some("ada".to_owned());
    settings.password = Secret::new("x:y".to_owned());
    let (mut client, notices) = client(&settings);
    assert_eq!(client.id("shop.d/t-value", "\"int\"").unwrap(), 70_000);
    let asked = asked.recv_timeout(PATIENCE).unwrap();
    assert_eq!(
        asked.line,
        "POST /api/subjects/shop.d%2Ft-value/versions HTTP/1.1"
    );
    assert_eq!(asked.body, serde_json::json!({"schema": "\"int\""}));
    // `ada:x:y` in base64; the fake gives headers in lower case.
    assert!(
        asked
            .headers
            .contains(&"authorization: basic ywrhong6eq==".to_owned()),
        "{asked:?}"
    );
    let kind = "content-type: application/vnd.schemaregistry.v1+json".to_owned();
    assert!(asked.headers.contains(&kind), "{asked:?}");
    assert_eq!(*notices.lock().unwrap(), [Notice::Asked, Notice::Answered]);
}

#[test]
fn without_registration_a_schema_is_looked_up() {
    let missing = "{\"error_code\":40403,\"message\":\"Schema not found\"}";
    let (mut settings, asked) = registry(&[
        (200, "{\"subject\":\"s\",\"version\":2,\"id\":7}"),
        (404, missing),
    ]);
    settings.auto_register = false;
    let (mut client, _) = client(&settings);
    assert_eq!(client.id("s", "\"int\"").unwrap(), 7);
    assert_eq!(
        asked.recv_timeout(PATIENCE).unwrap().line,
        "POST /api/subjects/s HTTP/1.1"
    );
    let error = refusal(client.id("s", "\"int\"").unwrap_err());
    assert_eq!(
        error,
        RegistryError::NotRegistered {
            subject: "s".to_owned(),
            message: "Schema not found".to_owned()
        }
    );
    assert!(error.remedy().unwrap().contains("registry.auto_register"));
}

#[test]
fn a_refusal_is_told_with_the_registrys_words() {
    let check = |status: u16, body: &str, expected: &str| {
        let (settings, _asked) = registry(&[(status, body)]);
        let (mut client, _) = client(&settings);
        let error = refusal(client.id("s", "\"int\"").unwrap_err());
        assert_eq!(error.fault(), Fault::Operator);
        assert!(error.remedy().is_some());
        let text = error
            .to_string()
            .replace(&settings.urls[0].to_string(), "URL");
        assert_eq!(text, expected);
    };
    check(
        409,
        "{\"error_code\":409,\"message\":\"READER_FIELD_MISSING\\u001b at /fields/0\"}",
        "the schema registry refuses a schema for subject s as incompatible: READER_FIELD_MISSING  at /fields/0",
    );
    for status in [401, 403] {
        let expected =
            format!("the schema registry at URL denies access to subject s (status {status})");
        check(status, "", &expected);
    }
    check(
        422,
        "{\"error_code\":42201,\"message\":\"Invalid schema\"}",
        "the schema registry refuses a schema for subject s (status 422): Invalid schema",
    );
    for (status, body) in [(404, "<html>"), (200, "<html>"), (200, "{}"), (405, "")] {
        let expected = format!(
            "what answers at URL is no schema registry with Confluent's API (status {status})"
        );
        check(status, body, &expected);
    }
}

#[test]
fn what_time_may_mend_is_asked_again() {
    let (settings, asked) = registry(&[
        (500, "{\"error_code\":50001,\"message\":\"store\"}"),
        (429, ""),
        (0, ""),
        (200, "{\"id\":1}"),
    ]);
    let (mut client, notices) = client(&settings);
    assert_eq!(client.id("s", "\"int\"").unwrap(), 1);
    assert_eq!(asked.iter().take(4).count(), 4);
    let notices = notices.lock().unwrap();
    let failures: Vec<_> = notices
        .iter()
        .filter_map(|notice| match notice {
            Notice::Failed { reason, wait, .. } => Some((reason.as_str(), *wait)),
            Notice::Asked | Notice::Answered => None,
        })
        .collect();
    assert_eq!(failures.len(), 3, "{failures:?}");
    assert_eq!(
        failures[0],
        ("it answers with status 500: store", WAIT_FIRST)
    );
    assert_eq!(
        failures[1],
        (
            "it answers with status 429: without a reason",
            WAIT_FIRST * 2
        )
    );
    assert!(
        failures[2].0.starts_with("the connection failed"),
        "{failures:?}"
    );
    assert_eq!(notices.last(), Some(&Notice::Answered));
}

#[test]
fn another_address_is_asked_at_once() {
    let (found, asked) = registry(&[(200, "{\"id\":1}"), (200, "{\"id\":2}")]);
    let settings = settings(&[closed_port(), found.urls[0].port]);
    let (mut client, notices) = client(&settings);
    assert_eq!(client.id("s", "\"int\"").unwrap(), 1);
    // The one that answered is asked first from there on.
    assert_eq!(client.id("s", "\"long\"").unwrap(), 2);
    assert_eq!(asked.iter().take(2).count(), 2);
    let notices = notices.lock().unwrap();
    match notices.as_slice() {
        [
            Notice::Asked,
            Notice::Failed { reason, wait, .. },
            Notice::Asked,
            Notice::Answered,
            Notice::Asked,
            Notice::Answered,
        ] => {
            assert!(reason.starts_with("it cannot be reached"), "{reason}");
            assert_eq!(*wait, Duration::ZERO);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_stop_ends_the_wait_for_good() {
    let (mut client, notices) = client(&settings(&[closed_port()]));
    let stop = client.stop();
    let waiting = std::thread::spawn(move || {
        let first = client.id("s", "\"int\"");
        (first, client.id("s", "\"int\""))
    });
    let start = Instant::now();
    while notices.lock().unwrap().len() < 4 {
        assert!(start.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    stop.cancel();
    let (first, second) = waiting.join().unwrap();
    assert!(matches!(first, Err(SinkError::Cancelled)), "{first:?}");
    assert!(matches!(second, Err(SinkError::Cancelled)), "{second:?}");
}

/// A connection that is accepted and never answered.
#[test]
fn a_silent_registry_is_given_up_after_the_limit() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut settings = settings(&[listener.local_addr().unwrap().port()]);
    settings.timeout = Duration::from_millis(50);
    let (mut client, notices) = client(&settings);
    let stop = client.stop();
    let waiting = std::thread::spawn(move || client.id("s", "\"int\""));
    let start = Instant::now();
    let failure = loop {
        let failed = |notice: &Notice| matches!(notice, Notice::Failed { .. });
        if let Some(found) = notices.lock().unwrap().iter().find(|notice| failed(notice)) {
            break found.clone();
        }
        assert!(start.elapsed() < PATIENCE);
        std::thread::yield_now();
    };
    stop.cancel();
    assert!(
        format!("{failure:?}").contains("no answer came within 50ms"),
        "{failure:?}"
    );
    assert!(waiting.join().unwrap().is_err());
}

#[test]
fn certificate_authorities_must_be_there() {
    let mut settings = settings(&[1]);
    settings.urls[0].tls = true;
    settings.ca_file = Some("/nowhere/ca.pem".into());
    let error = Client::new(&settings, Arc::new(|_| ())).unwrap_err();
    assert!(matches!(error, RegistryError::CaFile { .. }), "{error}");
}

#[test]
fn a_look_at_the_registry_tells_every_address_that_is_of_no_use() {
    let (there, _asked) = registry(&[(
        404,
        "{\"error_code\":40401,\"message\":\"Subject not found\"}",
    )]);
    let (denying, _denied) = registry(&[(401, "")]);
    let ports = [there.urls[0].port, closed_port(), denying.urls[0].port];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let problems = runtime.block_on(probe(&settings(&ports), "s")).unwrap();
    let [(closed, start), (denied, account)] = problems.as_slice() else {
        panic!("{problems:?}");
    };
    assert!(closed.contains("it cannot be reached"), "{closed}");
    assert!(start.as_ref().unwrap().contains("start the registry"));
    assert!(denied.contains("denies access"), "{denied}");
    assert!(account.as_ref().unwrap().contains("registry.user"));
}
