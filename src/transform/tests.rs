//! Chains as they are configured, on batches as the encoder writes them.

mod outbox;
mod unwrap;
mod values;

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

fn created(after: &str) -> String {
    envelope("null", after, "c")
}

const EVENT: &str = r#"{"id":"e1","aggregatetype":"order","aggregateid":"a1","type":"made","payload":"{\"n\":1.50}","shard":2,"price":12.50,"at":1600000000000123}"#;

#[test]
fn without_transforms_there_is_no_chain() {
    assert!(Chain::new(&[], true).is_none());
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
