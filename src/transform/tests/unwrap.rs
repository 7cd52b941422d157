//! Envelopes to rows.

use super::*;

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
