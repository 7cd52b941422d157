//! Transforms that look at values: partitions, expressions, headers.

use super::*;

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
