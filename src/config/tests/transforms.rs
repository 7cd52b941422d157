//! `[[transforms]]`: what is written, and what is wrong with it.

use super::*;
use crate::config::transforms::{DeleteMode, InvalidOperation, Kind, Placement, Reference};

fn of(toml: &str) -> Vec<Transform> {
    let text = format!("{SMALL}{toml}");
    only(
        Folder::new(&[("databases/shop.toml", &text)])
            .load(&[])
            .unwrap(),
    )
    .transforms
}

fn findings(toml: &str) -> Vec<String> {
    let text = format!("{SMALL}{toml}");
    let findings = Folder::new(&[("databases/shop.toml", &text)]).findings(&[]);
    let cut = |finding: &String| finding.replace("databases/shop.toml|", "");
    findings.iter().map(cut).collect()
}

#[test]
fn transforms_have_debeziums_defaults() {
    let transforms = of(
        "[[transforms]]\ntype = \"outbox\"\n[[transforms]]\ntype = \"unwrap\"\n\
         [[transforms]]\ntype = \"route\"\ntopic_regex = \"a\"\ntopic_replacement = \"b\"",
    );
    let [outbox, unwrap, route] = transforms.as_slice() else {
        panic!("{transforms:?}");
    };
    assert!(outbox.topic.is_none() && !outbox.negate);
    let Kind::Outbox(outbox) = &outbox.kind else {
        panic!("{outbox:?}");
    };
    assert_eq!(outbox.invalid_operation, InvalidOperation::Warn);
    assert_eq!((&*outbox.id, &*outbox.key), ("id", "aggregateid"));
    assert_eq!(
        (&*outbox.payload, &*outbox.route_by),
        ("payload", "aggregatetype")
    );
    assert_eq!(outbox.topic.apply("x").as_deref(), Some("outbox.event.x"));
    assert!(
        outbox.timestamp.is_none() && outbox.expand.is_none() && outbox.schema_version.is_none()
    );
    assert!(
        outbox.additional.is_empty()
            && !outbox.ignore_missing
            && !outbox.tombstone_on_empty_payload
    );
    let Kind::Unwrap(unwrap) = &unwrap.kind else {
        panic!("{unwrap:?}");
    };
    assert_eq!(unwrap.deletes, DeleteMode::Tombstone);
    assert!(unwrap.add_fields.is_empty() && unwrap.add_headers.is_empty());
    assert!(unwrap.route_by_field.is_none() && unwrap.drop_fields_header.is_none());
    assert!(!unwrap.drop_fields_from_key && unwrap.drop_fields_keep_schema_compatible);
    let Kind::Route(route) = &route.kind else {
        panic!("{route:?}");
    };
    let key_field = route.key_field.as_ref().unwrap();
    assert_eq!(key_field.name, "__dbz__physicalTableIdentifier");
    assert!(key_field.value.is_none());
    assert!(of("").is_empty());
}

#[test]
fn entries_of_lists_are_taken_apart() {
    let transforms = of("[[transforms]]\ntype = \"outbox\"\n\
         table_fields_additional_placement = \"a:header, b:Envelope:c,d:partition\"\n\
         [[transforms]]\ntype = \"unwrap\"\nadd_fields = [\"op\", \"table\", \"id\", \"before.x:y\", \"source.ts_ms\"]\n\
         add_fields_prefix = \"p_\"");
    let Kind::Outbox(outbox) = &transforms[0].kind else {
        panic!("{transforms:?}");
    };
    let placed: Vec<(&str, Placement, &str)> = outbox
        .additional
        .iter()
        .map(|added| (&*added.field, added.placement, &*added.alias))
        .collect();
    let expected = [
        ("a", Placement::Header, "a"),
        ("b", Placement::Envelope, "c"),
        ("d", Placement::Partition, "d"),
    ];
    assert_eq!(placed, expected);
    let Kind::Unwrap(unwrap) = &transforms[1].kind else {
        panic!("{transforms:?}");
    };
    let reference = |parent: Option<&str>, field: &str, name: &str| Reference {
        parent: parent.map(str::to_owned),
        field: field.to_owned(),
        name: name.to_owned(),
    };
    let expected = [
        reference(None, "op", "p_op"),
        reference(Some("source"), "table", "p_table"),
        reference(Some("transaction"), "id", "p_id"),
        reference(Some("before"), "x", "p_y"),
        reference(Some("source"), "ts_ms", "p_source_ts_ms"),
    ];
    assert_eq!(unwrap.add_fields, expected);
}

#[test]
fn everything_that_is_wrong_with_transforms_is_said_at_once() {
    let found = findings(
        "[[transforms]]\ntopic = \"(\"\n\
         [[transforms]]\ntype = \"unwarp\"\n\
         [[transforms]]\ntype = \"outbox\"\nnegate = 1\ntable_op_invalid_behavior = \"stop\"\n\
         table_fields_additional_placement = [\"a\", \"b:nowhere\", \"c:header:\"]\ntable_field_event_idd = \"x\"\n\
         route_topic_replacement = \"${nothing}\"\n\
         [[transforms]]\ntype = \"unwrap\"\nadd_fields = [\"source\", \"a.b\", \"x:\"]\nadd_headers = 5\n\
         drop_fields_from_key = \"yes\"\n\
         [[transforms]]\ntype = \"route\"\ntopic_replacement = \"a\"\nkey_field_regex = \"b\"\ncompletely = 1\n\
         [[transforms]]\ntype = \"unwrap\"\nnegate = true",
    );
    let keys: Vec<&str> = found
        .iter()
        .map(|line| line.split('|').next().unwrap())
        .collect();
    let expected = [
        "transforms[1].topic",
        "transforms[1].type",
        "transforms[2].type",
        "transforms[3].negate",
        "transforms[3].route_topic_replacement",
        "transforms[3].table_op_invalid_behavior",
        "transforms[3].table_fields_additional_placement",
        "transforms[3].table_fields_additional_placement",
        "transforms[3].table_fields_additional_placement",
        "transforms[3].table_field_event_idd",
        "transforms[4].add_fields",
        "transforms[4].add_fields",
        "transforms[4].add_fields",
        "transforms[4].add_headers",
        "transforms[4].drop_fields_from_key",
        "transforms[5].topic_regex",
        "transforms[5].key_field_replacement",
        "transforms[5].completely",
        "transforms[6].negate",
    ];
    assert_eq!(keys, expected, "{found:#?}");
}

#[test]
fn a_misspelt_option_is_told_from_a_foreign_one() {
    let text =
        format!("{SMALL}[[transforms]]\ntype = \"outbox\"\ntable_field_event_idd = \"x\"\nfoo = 1");
    let errors = Folder::new(&[("databases/shop.toml", &text)])
        .load(&[])
        .unwrap_err();
    let remedies: Vec<&str> = errors
        .findings
        .iter()
        .map(|finding| &*finding.remedy)
        .collect();
    assert_eq!(
        remedies,
        [
            "remove it; docs/transforms.md lists all options",
            "did you mean table_field_event_id?"
        ]
    );
}

#[test]
fn transforms_are_tables_of_the_file() {
    let list = |found: &[&str]| {
        found
            .iter()
            .map(|line| format!("transforms|{line}"))
            .collect::<Vec<_>>()
    };
    let expected = "expected a list of tables, found a list that holds a text";
    assert_eq!(
        findings_of_top("transforms = [\"unwrap\"]"),
        list(&[expected])
    );
    let expected = "expected a list of tables, found a table";
    assert_eq!(
        findings("[transforms]\ntype = \"unwrap\""),
        list(&[expected])
    );
    let expected =
        "expected a list of tables, found one whose a is no text, number, boolean or list of texts";
    assert_eq!(
        findings("[[transforms]]\na = 1.5\nb = 1"),
        list(&[expected])
    );
    let folder = Folder::new(&[("databases/shop.toml", SMALL)]);
    let found = folder.findings(&[("REMORA__SHOP__TRANSFORMS", "unwrap")]);
    assert!(
        found[0].ends_with("found one text (transforms stand in the file)"),
        "{found:?}"
    );
}

/// With lines ahead of all tables.
fn findings_of_top(toml: &str) -> Vec<String> {
    let text = format!("{toml}\n{SMALL}");
    let findings = Folder::new(&[("databases/shop.toml", &text)]).findings(&[]);
    let cut = |finding: &String| finding.replace("databases/shop.toml|", "");
    findings.iter().map(cut).collect()
}

#[test]
fn a_partition_has_fields_and_a_number() {
    let found = findings(
        "[[transforms]]\ntype = \"partition\"\npartition_topic_num = 0\npartition_hash_function = \"murmur\"",
    );
    let expected = [
        "transforms[1].partition_payload_fields|is required and not set",
        "transforms[1].partition_hash_function|expected one of \"java\"",
        "transforms[1].partition_topic_num|expected a whole number from 1",
    ];
    assert_eq!(found, expected);
}

#[test]
fn expressions_are_read_at_the_start() {
    let found = findings(
        "[[transforms]]\ntype = \"filter\"\ncondition = \"value.op ==\"\nnull_handling_mode = \"x\"\n\
         [[transforms]]\ntype = \"content_route\"",
    );
    let keys: Vec<&str> = found
        .iter()
        .map(|line| line.split('|').next().unwrap())
        .collect();
    let expected = [
        "transforms[1].condition",
        "transforms[1].null_handling_mode",
        "transforms[2].topic_expression",
    ];
    assert_eq!(keys, expected, "{found:?}");
    for wrong in [
        "(",
        "'",
        "a b",
        "1..2",
        "[",
        "{",
        "value.",
        "?:",
        "&&",
        "\u{1f41f}",
        "a ? b",
        "@",
        "\"",
        "0x",
        "1e999999",
    ] {
        let text = serde_json::to_string(wrong).unwrap();
        let found = findings(&format!(
            "[[transforms]]\ntype = \"filter\"\ncondition = {text}"
        ));
        assert!(
            found[0].starts_with("transforms[1].condition|is no expression"),
            "{wrong}: {found:?}"
        );
    }
}

#[test]
fn headers_and_fields_come_in_pairs() {
    let found =
        findings("[[transforms]]\ntype = \"header_to_value\"\nheaders = \"a,b\"\nfields = \"c\"");
    let keys: Vec<&str> = found
        .iter()
        .map(|line| line.split('|').next().unwrap())
        .collect();
    assert_eq!(keys, ["transforms[1].fields", "transforms[1].operation"]);
}
