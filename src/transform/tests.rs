//! Chains as they are configured, on batches as the encoder writes them.

use super::*;
use crate::error::{Classify, Fault};
use crate::sink::batch::{BatchSeq, Link};
use crate::sink::extra::Extra;

/// The transforms of a database whose file ends with these lines.
fn configured(toml: &str) -> Vec<Transform> {
    let dir = tempfile::tempdir().unwrap();
    let databases = dir.path().join("databases");
    std::fs::create_dir(&databases).unwrap();
    let text = format!(
        "mysql.host = \"h\"\nmysql.user = \"u\"\nkafka.brokers = \"k:1\"\n[[transforms]]\n{toml}"
    );
    std::fs::write(databases.join("d.toml"), text).unwrap();
    let config = crate::config::load(dir.path(), []);
    let mut config = config.unwrap_or_else(|errors| panic!("{errors}"));
    config.databases.remove(0).transforms
}

/// A batch of records: topic, key, value; an empty text is none.
fn batch(records: &[(&str, &str, &str)]) -> Batch {
    let mut batch = Batch {
        seq: BatchSeq(9),
        ..Batch::default()
    };
    for (number, (topic, key, value)) in records.iter().enumerate() {
        batch.topics.push((*topic).into());
        let key = (!key.is_empty()).then(|| put(&mut batch, key));
        let value = (!value.is_empty()).then(|| put(&mut batch, value));
        batch.records.push(Record {
            topic: u32::try_from(number).unwrap(),
            key,
            value,
            ..Record::default()
        });
    }
    batch
}

fn put(batch: &mut Batch, text: &str) -> Span {
    let start = u32::try_from(batch.bytes.len()).unwrap();
    batch.bytes.extend_from_slice(text.as_bytes());
    let end = u32::try_from(batch.bytes.len()).unwrap();
    Span { start, end }
}

/// Records as lines: topic, key, value, and what is unusual about them.
fn lines(batch: &Batch) -> Vec<String> {
    let text = |span: Option<Span>| match span {
        Some(span) => String::from_utf8(batch.part(span).unwrap().to_vec()).unwrap(),
        None => "-".to_owned(),
    };
    let line = |record: &Record| {
        let extra = record.extra.map(|extra| format!(" {}", text(Some(extra))));
        format!(
            "{} {} {}{}",
            batch.topic_of(record),
            text(record.key),
            text(record.value),
            extra.unwrap_or_default()
        )
    };
    batch.records.iter().map(line).collect()
}

/// What a chain makes of records without schemas.
fn run(toml: &str, records: &[(&str, &str, &str)]) -> Vec<String> {
    let mut chain = Chain::new(&configured(toml), false).unwrap();
    let mut batch = batch(records);
    chain.apply(&mut batch).unwrap();
    assert_eq!(batch.seq, BatchSeq(9));
    lines(&batch)
}

/// The same with schemas.
fn run_with(toml: &str, records: &[(&str, &str, &str)]) -> Vec<String> {
    let mut chain = Chain::new(&configured(toml), true).unwrap();
    let mut batch = batch(records);
    chain.apply(&mut batch).unwrap();
    lines(&batch)
}

fn fails(toml: &str, records: &[(&str, &str, &str)]) -> TransformError {
    let mut chain = Chain::new(&configured(toml), false).unwrap();
    let mut batch = batch(records);
    let before = lines(&batch);
    let error = chain.apply(&mut batch).unwrap_err();
    assert_eq!(lines(&batch), before);
    let shown = format!("{error} {}", error.remedy().unwrap());
    assert!(!shown.contains("hunter2"), "{shown}");
    error
}

fn envelope(before: &str, after: &str, op: &str) -> String {
    format!(
        "{{\"before\":{before},\"after\":{after},\"source\":{{\"ts_ms\":5,\"snapshot\":\"false\",\"table\":\"t\",\
         \"gtid\":\"u:7\",\"file\":\"b.1\",\"pos\":4}},\"transaction\":null,\"op\":\"{op}\",\"ts_ms\":6}}"
    )
}

fn created(after: &str) -> String {
    envelope("null", after, "c")
}

const EVENT: &str = r#"{"id":"e1","aggregatetype":"order","aggregateid":"a1","type":"made","payload":"{\"n\":1.50}","shard":2,"price":12.50,"at":1600000000000123}"#;

#[test]
fn without_transforms_there_is_no_chain() {
    assert!(Chain::new(&[], true).is_none());
}

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

/// The schema of an envelope of these columns, and the envelope.
fn with_schema(columns: &str, payload: &str) -> String {
    let row = format!(
        r#"{{"type":"struct","fields":[{columns}],"optional":true,"name":"p.d.o.Value","field":"#
    );
    let source = r#"{"type":"struct","fields":[{"type":"int64","optional":false,"field":"ts_ms"},{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"a"},"default":"false","field":"snapshot"},{"type":"string","optional":true,"field":"table"}],"optional":false,"name":"S","field":"source"}"#;
    format!(
        r#"{{"schema":{{"type":"struct","fields":[{row}"before"}},{row}"after"}},{source},{{"type":"string","optional":false,"field":"op"}},{{"type":"int64","optional":true,"field":"ts_ms"}}],"optional":false,"name":"p.d.o.Envelope","version":2}},"payload":{payload}}}"#
    )
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

#[test]
fn a_row_takes_the_place_of_its_envelope() {
    let toml = "type = \"unwrap\"";
    let row = r#"{"id":1,"n":1.50,"s":"\u00e9"}"#;
    let update = envelope("{\"id\":1}", row, "u");
    let lines = run(
        toml,
        &[
            ("p.d.t", "{\"id\":1}", &created(row)),
            ("p.d.t", "{\"id\":1}", &update),
        ],
    );
    assert_eq!(
        lines,
        [
            format!("p.d.t {{\"id\":1}} {row}"),
            format!("p.d.t {{\"id\":1}} {row}")
        ]
    );
    assert_eq!(
        run(toml, &[("p.d.t", "", &envelope("null", "null", "t"))]),
        [""; 0]
    );
}

#[test]
fn deletes_become_what_their_mode_says() {
    let delete = envelope("{\"id\":1}", "null", "d");
    let records = [("t", "1", delete.as_str()), ("t", "1", ""), ("t", "2", "X")];
    let insert = created("{\"id\":2}");
    let records = records.map(|(topic, key, value)| {
        (
            topic,
            key,
            value.strip_prefix('X').map_or(value, |_| &insert),
        )
    });
    for (mode, expected) in [
        ("drop", vec!["t 2 {\"id\":2}"]),
        ("tombstone", vec!["t 1 null", "t 2 {\"id\":2}"]),
        ("delete-to-tombstone", vec!["t 1 -", "t 2 {\"id\":2}"]),
        (
            "rewrite",
            vec![
                r#"t 1 {"id":1,"__deleted":"true"}"#,
                r#"t 2 {"id":2,"__deleted":"false"}"#,
            ],
        ),
        (
            "rewrite-with-tombstone",
            vec![
                r#"t 1 {"id":1,"__deleted":"true"}"#,
                "t 1 -",
                r#"t 2 {"id":2,"__deleted":"false"}"#,
            ],
        ),
    ] {
        let toml = format!("type = \"unwrap\"\ndelete_tombstone_handling_mode = \"{mode}\"");
        assert_eq!(run(&toml, &records), expected, "{mode}");
    }
}

#[test]
fn members_of_the_envelope_stand_beside_the_row() {
    let toml = "type = \"unwrap\"\ndelete_tombstone_handling_mode = \"rewrite\"\n\
                add_fields = \"op,table,ts_ms:at, before.id:was,after.id,transaction.id,total_order,source.snapshot,none\"";
    let (insert, delete) = (created("{\"id\":2}"), envelope("{\"id\":1}", "null", "d"));
    assert_eq!(
        run(toml, &[("t", "", &insert), ("t", "", &delete)]),
        [
            r#"t - {"id":2,"__deleted":"false","__op":"c","__table":"t","__at":6,"__was":null,"__after_id":2,"__transaction_id":null,"__total_order":null,"__source_snapshot":null}"#,
            r#"t - {"id":1,"__deleted":"true","__op":"d","__table":"t","__at":6,"__was":1,"__after_id":null,"__transaction_id":null,"__total_order":null,"__source_snapshot":null}"#,
        ]
    );
    let toml = "type = \"unwrap\"\nadd_fields = [\"op:id\"]\nadd_fields_prefix = \"\"";
    let field = "id".to_owned();
    assert_eq!(
        fails(toml, &[("t", "", &insert)]).problem,
        Problem::Taken { field }
    );
}

#[test]
fn members_of_the_envelope_become_headers() {
    let toml = "type = \"unwrap\"\ndelete_tombstone_handling_mode = \"rewrite-with-tombstone\"\n\
                add_headers = [\"op\", \"source.ts_ms\", \"none\"]\nadd_headers_prefix = \"h_\"";
    let delete = envelope("{\"id\":1}", "null", "d");
    assert_eq!(
        run(toml, &[("t", "1", &delete), ("t", "1", "")]),
        [
            r#"t 1 {"id":1,"__deleted":"true"} {"headers":[["h_op","d"],["h_source_ts_ms",5]]}"#,
            // A tombstone has those of its delete.
            r#"t 1 - {"headers":[["h_op","d"],["h_source_ts_ms",5]]}"#,
        ]
    );
    assert_eq!(
        run(toml, &[("t", "1", "")]),
        [r#"t 1 - {"headers":[["h_op","d"]]}"#]
    );
}

#[test]
fn a_column_can_name_the_topic_of_a_row() {
    let toml =
        "type = \"unwrap\"\nroute_by_field = \"to\"\ndelete_tombstone_handling_mode = \"rewrite\"";
    for (value, topic) in [("\"x\"", "x"), ("null", "t"), ("\" \"", "t")] {
        let row = format!("{{\"to\":{value}}}");
        for (record, deleted) in [(created(&row), false), (envelope(&row, "null", "d"), true)] {
            let expected = format!("{topic} 1 {{\"to\":{value},\"__deleted\":\"{deleted}\"}}");
            assert_eq!(run(toml, &[("t", "1", &record)]), [expected]);
        }
    }
    let field = "to".to_owned();
    let error = fails(toml, &[("t", "1", &created("{\"a\":\"hunter2\"}"))]);
    assert_eq!(error.problem, Problem::NoField { field });
    let error = fails(toml, &[("t", "1", &created("{\"to\":5}"))]);
    assert!(matches!(error.problem, Problem::Type { .. }));
}

#[test]
fn a_row_has_the_schema_of_its_columns() {
    let columns = r#"{"type":"int32","optional":false,"field":"id"}"#;
    let insert = with_schema(columns, &created("{\"id\":1}"));
    let delete = with_schema(columns, &envelope("{\"id\":1}", "null", "d"));
    let toml = "type = \"unwrap\"\nadd_fields = \"op,snapshot\"";
    assert_eq!(
        run_with(toml, &[("t", "", &insert), ("t", "", &delete)]),
        [
            r#"t - {"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"__op"},{"type":"string","optional":true,"name":"io.debezium.data.Enum","version":1,"parameters":{"allowed":"a"},"field":"__snapshot"}],"optional":false,"name":"p.d.o.Value"},"payload":{"id":1,"__op":"c","__snapshot":null}}"#,
            r#"t - {"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":true,"name":"p.d.o.Value"},"payload":null}"#,
        ]
    );
    let toml = "type = \"unwrap\"\ndelete_tombstone_handling_mode = \"rewrite\"";
    assert_eq!(
        run_with(toml, &[("t", "", &delete)]),
        [
            r#"t - {"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"__deleted"}],"optional":false,"name":"p.d.o.Value"},"payload":{"id":1,"__deleted":"true"}}"#
        ]
    );
}

#[test]
fn a_header_can_list_columns_to_leave_out() {
    let columns = r#"{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"a"},{"type":"string","optional":true,"field":"b"}"#;
    let value = with_schema(columns, &created(r#"{"id":1,"a":"x","b":"y"}"#));
    let key = r#"{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"K"},"payload":{"id":1}}"#;
    for (options, key_left, row_left) in [
        ("", "{\"id\":1}", "{\"id\":1,\"b\":\"y\"}"),
        (
            "drop_fields_keep_schema_compatible = false",
            "{\"id\":1}",
            "{\"b\":\"y\"}",
        ),
        (
            "drop_fields_keep_schema_compatible = false\ndrop_fields_from_key = true",
            "{}",
            "{\"b\":\"y\"}",
        ),
    ] {
        let toml = format!("type = \"unwrap\"\ndrop_fields_header_name = \"gone\"\n{options}");
        assert!(need_schemas(&configured(&toml)));
        let mut chain = Chain::new(&configured(&toml), false).unwrap();
        let mut batch = batch(&[("t", key, &value)]);
        let extra = put(&mut batch, r#"{"headers":[["gone",["a","id","none"]]]}"#);
        batch.records[0].extra = Some(extra);
        chain.apply(&mut batch).unwrap();
        let expected = format!("t {key_left} {row_left} ");
        assert!(
            lines(&batch)[0].starts_with(&expected),
            "{:?}",
            lines(&batch)
        );
    }
}

#[test]
fn records_of_several_tables_go_to_one_topic() {
    let toml = "type = \"route\"\ntopic_regex = '(.*)_\\d'\ntopic_replacement = \"$1\"";
    let value = created("{\"id\":1}");
    let records = [
        ("p.d.t_1", "{\"id\":1}", value.as_str()),
        ("p.d.t_2", "{\"id\":1}", ""),
        ("p.d.t_1", "", value.as_str()),
        ("p.d.u", "{\"id\":1}", value.as_str()),
    ];
    assert_eq!(
        run(toml, &records),
        [
            format!(r#"p.d.t {{"id":1,"__dbz__physicalTableIdentifier":"p.d.t_1"}} {value}"#),
            r#"p.d.t {"id":1,"__dbz__physicalTableIdentifier":"p.d.t_2"} -"#.to_owned(),
            format!("p.d.t - {value}"),
            format!("p.d.u {{\"id\":1}} {value}"),
        ]
    );
    let named = format!(
        "{toml}\nkey_field_name = \"of\"\nkey_field_regex = '.*_(1)'\nkey_field_replacement = 'shard $1'"
    );
    let lines = run(&named, &records);
    assert!(
        lines[0].starts_with(r#"p.d.t {"id":1,"of":"shard 1"} "#),
        "{lines:?}"
    );
    assert!(
        lines[1].starts_with(r#"p.d.t {"id":1,"of":"p.d.t_2"} "#),
        "{lines:?}"
    );
    let same = format!("{toml}\nkey_enforce_uniqueness = false");
    assert!(run(&same, &records)[0].starts_with("p.d.t {\"id\":1} "));
    // An empty name is no topic.
    let empty = toml.replace("(.*)_", "(x?).*_");
    assert!(run(&empty, &records)[0].starts_with("p.d.t_1 "));
    let field = "id".to_owned();
    let taken = format!("{toml}\nkey_field_name = \"id\"");
    assert_eq!(fails(&taken, &records).problem, Problem::Taken { field });
    assert_eq!(
        fails(toml, &[("a_1", "\"k\"", &value)]).problem,
        Problem::Key
    );
}

#[test]
fn schemas_are_named_after_the_new_topic() {
    let toml = "type = \"route\"\ntopic_regex = '.*'\ntopic_replacement = \"all\"";
    let columns = r#"{"type":"int32","optional":false,"field":"id"}"#;
    let value = with_schema(columns, &created("{\"id\":1}"));
    let key = r#"{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"p.d.o.Key"},"payload":{"id":1}}"#;
    let lines = run_with(toml, &[("p.d.o", key, &value)]);
    let new_key = r#"{"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":false,"field":"__dbz__physicalTableIdentifier"}],"optional":false,"name":"all.Key"},"payload":{"id":1,"__dbz__physicalTableIdentifier":"p.d.o"}}"#;
    let new_value = value
        .replace("p.d.o.Value", "all.Value")
        .replace("p.d.o.Envelope", "all.Envelope");
    assert_eq!(lines, [format!("all {new_key} {new_value}")]);
}

#[test]
fn a_transform_takes_only_the_topics_that_it_is_for() {
    let value = created("{\"id\":1}");
    let records = [("p.a", "", value.as_str()), ("p.ab", "", value.as_str())];
    let (whole, row) = (
        |t: &str| format!("{t} - {value}"),
        |t: &str| format!("{t} - {{\"id\":1}}"),
    );
    let toml = "type = \"unwrap\"\ntopic = 'p\\.a'";
    assert_eq!(run(toml, &records), [row("p.a"), whole("p.ab")]);
    let negated = format!("{toml}\nnegate = true");
    assert_eq!(run(&negated, &records), [whole("p.a"), row("p.ab")]);
}

#[test]
fn transforms_follow_one_another() {
    let toml = "type = \"outbox\"\ntopic = \"p.o\"\n[[transforms]]\ntype = \"unwrap\"\nadd_headers = \"op\"\n\
                [[transforms]]\ntype = \"route\"\ntopic_regex = '(.*)_1'\ntopic_replacement = \"$1\"";
    let (event, row) = (created(EVENT), created("{\"id\":1}"));
    let lines = run(
        toml,
        &[
            ("p.o", "{}", &event),
            ("p.t_1", "{}", &row),
            ("p.t_1", "{}", ""),
        ],
    );
    assert_eq!(lines.len(), 2);
    // An event of the outbox is no envelope any more, and goes through as it is.
    assert!(
        lines[0].starts_with(r#"outbox.event.order "a1" "{\"n\":1.50}" {"timestamp_ms":6,"#),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("p.t "), "{lines:?}");
    let error = fails(
        "type = \"unwrap\"\n[[transforms]]\ntype = \"unwrap\"\ntopic = 'x'\n[[transforms]]\ntype = \"route\"\n\
         topic_regex = '.*'\ntopic_replacement = 'a'",
        &[("t", "5", &row)],
    );
    assert_eq!((error.number, error.kind), (3, "route"));
}

#[test]
fn what_belongs_to_a_record_stays_with_it() {
    let value = created("{\"id\":1}");
    let mut batch = batch(&[("t", "{\"id\":1}", &value), ("t", "{\"id\":1}", "")]);
    let (old, id) = (put(&mut batch, "{\"id\":0}"), put(&mut batch, "u:1/0"));
    let extra = put(
        &mut batch,
        r#"{"bare":true,"partition":3,"headers":[["h",[1]]]}"#,
    );
    batch.records[0].link = Link::OldKey(old);
    batch.records[0].id = Some(id);
    batch.records[0].extra = Some(extra);
    batch.records[1].link = Link::NewKey(old);
    let toml = "type = \"unwrap\"\ndelete_tombstone_handling_mode = \"rewrite-with-tombstone\"";
    Chain::new(&configured(toml), false)
        .unwrap()
        .apply(&mut batch)
        .unwrap();
    let [first, second] = batch.records.as_slice() else {
        panic!("{batch:?}");
    };
    let (Link::OldKey(old), Link::NewKey(new)) = (first.link, second.link) else {
        panic!("{batch:?}");
    };
    assert_eq!(
        (batch.bytes_of(old), batch.bytes_of(new)),
        (&b"{\"id\":0}"[..], &b"{\"id\":0}"[..])
    );
    assert_eq!(batch.bytes_of(first.id.unwrap()), b"u:1/0");
    let extra = Extra::read(batch.bytes_of(first.extra.unwrap())).unwrap();
    assert!(extra.bare && extra.partition == Some(3) && extra.headers.len() == 1);
    assert_eq!(second.extra, None);
    // One topic, named once.
    assert_eq!(batch.topics.len(), 1);
}

#[test]
fn a_record_of_another_form_is_a_bug() {
    for value in ["", "x", "{\"after\":{}}"] {
        let mut broken = batch(&[("t", "", "{}")]);
        broken.records[0].value = Some(put(&mut broken, value));
        let result = Chain::new(&configured("type = \"outbox\""), false)
            .unwrap()
            .apply(&mut broken);
        let error = result.unwrap_err();
        assert_eq!(
            (error.problem.clone(), error.fault()),
            (Problem::Malformed, Fault::Bug),
            "{value}"
        );
    }
    let mut outside = batch(&[("t", "", "{}")]);
    outside.records[0].value = Some(Span { start: 0, end: 99 });
    let chain = || Chain::new(&configured("type = \"unwrap\""), false).unwrap();
    assert_eq!(
        chain().apply(&mut outside).unwrap_err().problem,
        Problem::Malformed
    );
    // A table's key may look like a schema and a payload.
    let value = created("{\"schema\":1,\"payload\":2}");
    let mut alike = batch(&[("t", "{\"schema\":1,\"payload\":2}", &value)]);
    chain().apply(&mut alike).unwrap();
    assert_eq!(
        lines(&alike),
        ["t {\"schema\":1,\"payload\":2} {\"schema\":1,\"payload\":2}"]
    );
}

#[test]
fn a_batch_may_become_empty() {
    let delete = envelope("{\"id\":1}", "null", "d");
    let mut chain = Chain::new(&configured("type = \"outbox\""), false).unwrap();
    let mut batch = batch(&[("t", "", &delete)]);
    chain.apply(&mut batch).unwrap();
    assert!(batch.records.is_empty() && batch.bytes.is_empty());
    assert_eq!(batch.seq, BatchSeq(9));
}

#[test]
fn columns_choose_the_partition() {
    let columns = r#"{"type":"int32","optional":false,"field":"id"},{"type":"string","optional":true,"field":"s"},{"type":"bytes","optional":true,"field":"b"}"#;
    let toml = "type = \"partition\"\npartition_topic_num = 7\npartition_payload_fields = [\"change.id\", \"after.s\", \"none\"]";
    let row = r#"{"id":11,"s":"hello","b":null}"#;
    let other = r#"{"id":12,"s":null,"b":"aGk="}"#;
    // 11 + 99162322, then 12 alone, then the row that was deleted.
    for (value, partition) in [
        (created(row), (11 + 99_162_322) % 7),
        (created(other), 12 % 7),
        (envelope(row, "null", "d"), 11 % 7),
    ] {
        let value = with_schema(columns, &value);
        let mut chain = Chain::new(&configured(toml), false).unwrap();
        let mut batch = batch(&[("t", "", &value), ("t", "", "")]);
        chain.apply(&mut batch).unwrap();
        let end = format!(" {{\"partition\":{partition}}}");
        assert!(lines(&batch)[0].ends_with(&end), "{:?}", lines(&batch));
        assert_eq!(lines(&batch)[1], "t - -");
    }
    let toml = toml.replace("change.id", "after.b");
    let mut batch = batch(&[("t", "", &with_schema(columns, &created(other)))]);
    let error = Chain::new(&configured(&toml), false)
        .unwrap()
        .apply(&mut batch)
        .unwrap_err();
    assert!(matches!(error.problem, Problem::Type { .. }), "{error}");
}

#[test]
fn a_condition_says_which_records_go_on() {
    let (one, two) = (
        created("{\"id\":1,\"s\":\"x\"}"),
        created("{\"id\":2,\"s\":null}"),
    );
    let records = [
        ("p.a", "{\"id\":1}", one.as_str()),
        ("p.b", "{\"id\":2}", two.as_str()),
        ("p.b", "{\"id\":2}", ""),
    ];
    for (condition, mode, left) in [
        (
            "value.op == 'c' && value.after.id == 1",
            "keep",
            vec!["p.a", "p.b"],
        ),
        ("value.after.id == 2", "drop", vec!["p.b"]),
        (
            "value == null || value.after.s != null",
            "evaluate",
            vec!["p.a", "p.b"],
        ),
        ("key.id > 1", "evaluate", vec!["p.b", "p.b"]),
        ("topic.endsWith('.a')", "evaluate", vec!["p.a"]),
        ("has(value.after.none)", "drop", vec![]),
        ("size(header) == 0", "drop", vec!["p.a", "p.b"]),
    ] {
        let toml = format!(
            "type = \"filter\"\ncondition = \"{condition}\"\nnull_handling_mode = \"{mode}\""
        );
        let lines = run(&toml, &records);
        let topics: Vec<&str> = lines
            .iter()
            .filter_map(|line| line.split(' ').next())
            .collect();
        assert_eq!(topics, left, "{condition}");
    }
    // What goes on is as it was, to the byte.
    let toml = "type = \"filter\"\ncondition = \"true\"";
    assert_eq!(
        run(toml, &records[..1]),
        [format!("p.a {{\"id\":1}} {one}")]
    );
}

#[test]
fn an_expression_names_the_topic() {
    let value = created("{\"id\":1,\"to\":\"x\"}");
    let records = [("p.a", "1", value.as_str()), ("p.a", "1", "")];
    for (expression, topic) in [
        ("value.after.id == 1 ? 'ones' : null", "ones"),
        ("value.after.id == 2 ? 'ones' : null", "p.a"),
        ("topic + '.' + value.after.to", "p.a.x"),
    ] {
        let toml = format!("type = \"content_route\"\ntopic_expression = \"{expression}\"");
        assert_eq!(
            run(&toml, &records),
            [format!("{topic} 1 {value}"), "p.a 1 -".to_owned()]
        );
    }
}

#[test]
fn an_expression_tells_nothing_of_the_values() {
    let value = created("{\"id\":1,\"s\":\"hunter2\"}");
    for expression in [
        "value.after.s",
        "value.after.s + 1 == 2",
        "value.after.s < 5",
        "value.none == 1",
        "value[value.after.s] == 1",
        "nothing == 1",
        "int(value.after.s) == 1",
        "double(value.after.s) == 1.0",
        "value.after.s[0] == 'h'",
        "value.after[value.after.s]",
        "[1][value.after.id] == 1",
        "value.after.id + 9223372036854775807 == 1",
        "(-9223372036854775807 - value.after.id) / -1 == 1",
        "(-9223372036854775807 - value.after.id) % -1 == 1",
        "-(-9223372036854775807 - value.after.id) == 1",
        "value.after.id / 0 == 1",
        "value.after.id % 0 == 1",
        "value.after.s.matches('(') ",
    ] {
        let toml = format!("type = \"filter\"\ncondition = \"{expression}\"");
        let error = fails(&toml, &[("t", "", &value)]);
        assert!(
            matches!(error.problem, Problem::Expression { .. }),
            "{error}"
        );
        assert_eq!(error.fault(), Fault::Operator);
    }
}

#[test]
fn headers_become_members_of_the_value() {
    let value = created("{\"id\":1}");
    let unwrap = "type = \"unwrap\"\nadd_headers = \"op,source.ts_ms,table\"\n[[transforms]]\n";
    let toml = "type = \"header_to_value\"\nheaders = \"__table,__op,none\"\nfields = \"t,o,n\"\noperation = ";
    assert_eq!(
        run(
            &format!("{unwrap}{toml}\"move\""),
            &[("p", "1", &value), ("p", "1", "")]
        ),
        [r#"p 1 {"id":1,"o":"c","t":"t"} {"headers":[["__source_ts_ms",5]]}"#]
    );
    assert_eq!(
        run(&format!("{unwrap}{toml}\"copy\""), &[("p", "1", &value)]),
        [
            r#"p 1 {"id":1,"o":"c","t":"t"} {"headers":[["__op","c"],["__source_ts_ms",5],["__table","t"]]}"#
        ]
    );
    // Without such a header, a record stays as it is.
    assert_eq!(
        run(&format!("{toml}\"move\""), &[("p", "1", &value)]),
        [format!("p 1 {value}")]
    );
    let field = "id".to_owned();
    let taken = format!("{unwrap}{toml}\"copy\"").replace("t,o,n", "t,id,n");
    assert_eq!(
        fails(&taken, &[("p", "1", &value)]).problem,
        Problem::Taken { field }
    );
    let nested = format!("{unwrap}{toml}\"move\"").replace("t,o,n", "t,in.o,n");
    let row = created("{\"id\":1,\"in\":{\"a\":2}}");
    assert_eq!(
        run(&nested, &[("p", "1", &row)]),
        [r#"p 1 {"id":1,"in":{"a":2,"o":"c"},"t":"t"} {"headers":[["__source_ts_ms",5]]}"#]
    );
    let field = "in".to_owned();
    assert_eq!(
        fails(&nested, &[("p", "1", &value)]).problem,
        Problem::NoField { field }
    );
}

#[test]
fn members_of_headers_bring_their_schemas() {
    let columns = r#"{"type":"int32","optional":false,"field":"id"}"#;
    let value = with_schema(columns, &created("{\"id\":1}"));
    let toml = "type = \"unwrap\"\nadd_headers = \"source.ts_ms\"\n[[transforms]]\ntype = \"header_to_value\"\n\
                headers = \"__source_ts_ms\"\nfields = \"at\"\noperation = \"move\"";
    assert_eq!(
        run_with(toml, &[("t", "", &value)]),
        [
            r#"t - {"schema":{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"},{"type":"int64","optional":true,"field":"at"}],"optional":false,"name":"p.d.o.Value"},"payload":{"id":1,"at":5}}"#
        ]
    );
}

#[test]
fn a_value_that_is_null_counts_as_none() {
    let delete = envelope("{\"id\":1}", "null", "d");
    let unwrap = "type = \"unwrap\"\nadd_headers = \"op\"\n[[transforms]]\n";
    let left = r#"t 1 null {"headers":[["__op","d"]]}"#;
    for (next, expected) in [
        ("type = \"outbox\"", vec![]),
        ("type = \"unwrap\"", vec![]),
        (
            "type = \"filter\"\ncondition = \"value.op == 'c'\"",
            vec![left],
        ),
        (
            "type = \"header_to_value\"\nheaders = \"__op\"\nfields = \"op\"\noperation = \"move\"",
            vec![left],
        ),
        (
            "type = \"route\"\ntopic_regex = \"t\"\ntopic_replacement = \"t\"\nkey_enforce_uniqueness = false",
            vec![r#"t {"id":1} null {"headers":[["__op","d"]]}"#],
        ),
    ] {
        let key = if next.contains("route") {
            "{\"id\":1}"
        } else {
            "1"
        };
        assert_eq!(
            run(&format!("{unwrap}{next}"), &[("t", key, &delete)]),
            expected,
            "{next}"
        );
    }
}
