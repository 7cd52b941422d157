//! Outbox rows to events.

use super::*;

#[test]
fn an_outbox_row_becomes_an_event() {
    let row = created(EVENT);
    let expected =
        r#"outbox.event.order "a1" "{\"n\":1.50}" {"timestamp_ms":6,"headers":[["id","e1"]]}"#;
    assert_eq!(
        run("type = \"outbox\"", &[("p.d.o", "{\"id\":\"e1\"}", &row)]),
        [expected]
    );
    let snapshot = envelope("null", EVENT, "r");
    assert_eq!(
        run(
            "type = \"outbox\"",
            &[("p.d.o", "{\"id\":\"e1\"}", &snapshot)]
        ),
        [expected]
    );
}

#[test]
fn only_inserts_into_an_outbox_become_events() {
    let (update, delete) = (envelope(EVENT, EVENT, "u"), envelope(EVENT, "null", "d"));
    let truncate = envelope("null", "null", "t");
    for value in [delete.as_str(), ""] {
        let fatal = "type = \"outbox\"\ntable_op_invalid_behavior = \"fatal\"";
        assert_eq!(run(fatal, &[("o", "1", value)]), [""; 0]);
    }
    for behaviour in ["warn", "error", "fatal"] {
        let toml = format!("type = \"outbox\"\ntable_op_invalid_behavior = \"{behaviour}\"");
        for value in [&update, &truncate] {
            if behaviour == "fatal" {
                let error = fails(&toml, &[("o", "1", value)]);
                assert_eq!(
                    (&error.problem, error.fault()),
                    (&Problem::Changed, Fault::Data)
                );
                assert!(
                    error
                        .to_string()
                        .ends_with("at gtid u:7, file b.1, position 4"),
                    "{error}"
                );
            } else {
                assert_eq!(run(&toml, &[("o", "1", value)]), [""; 0]);
            }
        }
    }
}

#[test]
fn columns_of_an_outbox_have_the_names_that_are_configured() {
    let toml = "type = \"outbox\"\ntable_field_event_id = \"shard\"\ntable_field_event_key = \"price\"\n\
                table_field_event_payload = \"type\"\nroute_by_field = \"aggregateid\"\n\
                route_topic_regex = \"(.)(.)\"\nroute_topic_replacement = \"x-$2-${1}\"";
    // The last: `${1}` names a group, which Java's pattern does not have by that name.
    let findings = crate::config::load(wrong(toml).path(), []).unwrap_err();
    assert!(
        findings.to_string().contains("route_topic_replacement"),
        "{findings}"
    );
    let toml = toml.replace("${1}", "$1");
    let lines = run(&toml, &[("o", "1", &created(EVENT))]);
    assert_eq!(
        lines,
        [r#"x-1-a 12.50 "made" {"timestamp_ms":6,"headers":[["id",2]]}"#]
    );
    // What the pattern does not match is the topic.
    let toml = toml.replace("(.)(.)", "(.)(.)z");
    let lines = run(&toml, &[("o", "1", &created(EVENT))]);
    assert!(lines[0].starts_with("a1 "), "{lines:?}");
}

/// A folder whose one transform has these lines.
fn wrong(toml: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    std::fs::create_dir(dir.path().join("databases")).unwrap();
    let text = format!(
        "mysql.host = \"h\"\nmysql.user = \"u\"\nkafka.brokers = \"k:1\"\n[[transforms]]\n{toml}"
    );
    std::fs::write(dir.path().join("databases/d.toml"), text).unwrap();
    dir
}

#[test]
fn columns_of_an_outbox_go_where_they_are_placed() {
    let toml = "type = \"outbox\"\ntable_fields_additional_placement = \"type:header:kind, price:header,shard:partition\"";
    let lines = run(toml, &[("o", "1", &created(EVENT))]);
    assert_eq!(
        lines,
        [
            r#"outbox.event.order "a1" "{\"n\":1.50}" {"partition":2,"timestamp_ms":6,"headers":[["id","e1"],["kind","made"],["price",12.50]]}"#
        ]
    );
    let toml = "type = \"outbox\"\ntable_fields_additional_placement = [\"type:envelope:kind\", \"price:envelope\"]";
    let lines = run(toml, &[("o", "1", &created(EVENT))]);
    assert_eq!(
        lines,
        [
            r#"outbox.event.order "a1" {"payload":"{\"n\":1.50}","kind":"made","price":12.50} {"timestamp_ms":6,"headers":[["id","e1"]]}"#
        ]
    );
    let missing = "type = \"outbox\"\ntable_fields_additional_placement = [\"none:header\"]";
    let field = "none".to_owned();
    assert_eq!(
        fails(missing, &[("o", "1", &created(EVENT))]).problem,
        Problem::NoField { field }
    );
    let ignored = format!("{missing}\ntable_field_additional_missing = \"ignore\"");
    assert_eq!(run(&ignored, &[("o", "1", &created(EVENT))]).len(), 1);
    let twice =
        "type = \"outbox\"\ntable_fields_additional_placement = [\"type:envelope:payload\"]";
    let field = "payload".to_owned();
    assert_eq!(
        fails(twice, &[("o", "1", &created(EVENT))]).problem,
        Problem::Taken { field }
    );
    let text = "type = \"outbox\"\ntable_fields_additional_placement = [\"type:partition\"]";
    let error = fails(
        text,
        &[("o", "1", &created(&EVENT.replace("made", "hunter2")))],
    );
    assert!(matches!(error.problem, Problem::Type { .. }), "{error}");
}

#[test]
fn an_empty_payload_can_be_a_tombstone() {
    let toml = "type = \"outbox\"\nroute_tombstone_on_empty_payload = true";
    let text = r#""{\"n\":1.50}""#;
    for (payload, value) in [
        ("null", "-"),
        (r#""""#, "-"),
        (r#"" \n ""#, "-"),
        (text, text),
        ("0", "0"),
        (r#""\u00a0""#, r#""\u00a0""#),
    ] {
        let row = created(&EVENT.replace(text, payload));
        let lines = run(toml, &[("o", "1", &row)]);
        let start = format!("outbox.event.order \"a1\" {value} ");
        assert!(lines[0].starts_with(&start), "{lines:?}");
        let lines = run("type = \"outbox\"", &[("o", "1", &row)]);
        let start = format!("outbox.event.order \"a1\" {payload} ");
        assert!(lines[0].starts_with(&start), "{lines:?}");
    }
}

#[test]
fn json_of_an_outbox_is_expanded_or_stays_a_text() {
    let toml = "type = \"outbox\"\ntable_expand_json_payload = true";
    for (payload, nulls, value) in [
        (r#"{\"n\":1.50,\"x\":null,\"e\":[]}"#, "", r#"{"n":1.5}"#),
        (
            r#"{\"n\":1.50,\"x\":null,\"e\":[]}"#,
            "table_json_payload_null_behavior = \"optional_bytes\"\n\
             table_json_payload_empty_array_behavior = \"optional_string\"",
            r#"{"n":1.5,"x":null,"e":[]}"#,
        ),
        ("[1]", "", "\"[1]\""),
        ("x", "", "\"x\""),
    ] {
        let row = created(&EVENT.replace(r#"{\"n\":1.50}"#, payload));
        let lines = run(&format!("{toml}\n{nulls}"), &[("o", "1", &row)]);
        let start = format!("outbox.event.order \"a1\" {value} ");
        assert!(lines[0].starts_with(&start), "{lines:?}");
    }
}

const EVENT_COLUMNS: &str = r#"{"type":"string","optional":false,"field":"id"},{"type":"string","optional":false,"field":"aggregatetype"},{"type":"string","optional":false,"default":"x","field":"aggregateid"},{"type":"string","optional":true,"field":"type"},{"type":"string","optional":true,"name":"io.debezium.data.Json","version":1,"field":"payload"},{"type":"int32","optional":true,"field":"shard"},{"type":"double","optional":true,"field":"price"},{"type":"int64","optional":true,"name":"io.debezium.time.MicroTimestamp","version":1,"field":"at"}"#;

#[test]
fn events_of_an_outbox_have_the_schemas_of_their_columns() {
    let value = with_schema(EVENT_COLUMNS, &created(EVENT));
    let key = r#"{"schema":{"type":"string","optional":false,"default":"x"},"payload":"a1"}"#;
    let lines = run_with("type = \"outbox\"", &[("p.d.o", "", &value)]);
    assert_eq!(
        lines,
        [format!(
            r#"outbox.event.order {key} {{"schema":{{"type":"string","optional":true,"name":"io.debezium.data.Json","version":1}},"payload":"{{\"n\":1.50}}"}} {{"timestamp_ms":6,"headers":[["id","e1"]]}}"#
        )]
    );
    let toml = "type = \"outbox\"\ntable_expand_json_payload = true\n\
                table_fields_additional_placement = \"price:envelope:cost\"\n\
                table_field_event_schema_version = \"shard\"";
    let lines = run_with(toml, &[("p.d.o", "", &value)]);
    assert_eq!(
        lines,
        [format!(
            r#"outbox.event.order {key} {{"schema":{{"type":"struct","fields":[{{"type":"struct","fields":[{{"type":"double","optional":true,"field":"n"}}],"optional":true,"name":"payload","field":"payload"}},{{"type":"double","optional":true,"field":"cost"}}],"optional":false,"name":"p.d.o.order.Value","version":2}},"payload":{{"payload":{{"n":1.5}},"cost":12.50}}}} {{"timestamp_ms":6,"headers":[["id","e1"]]}}"#
        )]
    );
}

#[test]
fn the_time_of_an_event_is_read_by_its_type() {
    let toml = "type = \"outbox\"\ntable_field_event_timestamp = \"at\"";
    assert!(need_schemas(&configured(toml)));
    assert!(!need_schemas(&configured("type = \"outbox\"")));
    for (semantic, expected) in [
        (
            "io.debezium.time.MicroTimestamp",
            Some(1_600_000_000_000_i64),
        ),
        ("io.debezium.time.Timestamp", Some(1_600_000_000_000_123)),
        ("io.debezium.time.NanoTimestamp", Some(1_600_000_000)),
        ("io.debezium.time.Date", None),
    ] {
        let columns = EVENT_COLUMNS.replace("io.debezium.time.MicroTimestamp", semantic);
        let value = with_schema(&columns, &created(EVENT));
        // Records leave without the schemas that only the transform needs.
        let mut chain = Chain::new(&configured(toml), false).unwrap();
        let mut batch = batch(&[("p.d.o", "", &value)]);
        let result = chain.apply(&mut batch);
        let Some(expected) = expected else {
            assert!(matches!(result.unwrap_err().problem, Problem::Type { .. }));
            continue;
        };
        result.unwrap();
        let start =
            format!(r#"outbox.event.order "a1" "{{\"n\":1.50}}" {{"timestamp_ms":{expected},"#);
        assert!(lines(&batch)[0].starts_with(&start), "{:?}", lines(&batch));
    }
    let null = EVENT.replace("1600000000000123", "null");
    let mut batch = batch(&[("p.d.o", "", &with_schema(EVENT_COLUMNS, &created(&null)))]);
    Chain::new(&configured(toml), false)
        .unwrap()
        .apply(&mut batch)
        .unwrap();
    assert!(lines(&batch)[0].contains("\"timestamp_ms\":6"));
}
