use std::sync::Mutex;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::registry::fake::{PATIENCE, registry};
use super::*;
use crate::sink::batch::BatchSeq;
use crate::sink::extra::Extra;

/// A sink that keeps the batches it gets, and fails the test where one does not hold together.
struct Kept(Arc<Mutex<Vec<Batch>>>);

impl Sink for Kept {
    fn send(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let mut copy = Batch {
            seq: batch.seq,
            ..Batch::default()
        };
        copy.append(batch);
        self.0.lock().unwrap().push(copy);
        Ok(())
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(&mut self, _: Instant) -> Result<(), SinkError> {
        Ok(())
    }
}

fn sink(settings: &Registry) -> (AvroSink, Arc<Mutex<Vec<Batch>>>) {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let inner = Box::new(Kept(Arc::clone(&kept)));
    (
        AvroSink::new(inner, settings, Arc::new(|_| ())).unwrap(),
        kept,
    )
}

const KEY: &str = r#"{"type":"struct","fields":[{"type":"int32","optional":false,"field":"id"}],"optional":false,"name":"s.d.t.Key"}"#;
const VALUE: &str = r#"{"type":"struct","fields":[{"type":"string","optional":true,"field":"v"}],"optional":false,"name":"s.d.t.Envelope","version":2}"#;
const CHANGED: &str = r#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"v"}],"optional":false,"name":"s.d.t.Envelope","version":2}"#;

fn with(schema: &str, payload: &str) -> String {
    format!("{{\"schema\":{schema},\"payload\":{payload}}}")
}

fn put(batch: &mut Batch, text: &str) -> Span {
    let start = batch.bytes.len();
    batch.bytes.extend_from_slice(text.as_bytes());
    span(start, batch.bytes.len())
}

fn push(batch: &mut Batch, key: Option<&str>, value: Option<&str>) {
    let key = key.map(|key| put(batch, &with(KEY, key)));
    let value = value.map(|value| put(batch, value));
    batch.records.push(Record {
        key,
        value,
        ..Record::default()
    });
}

fn batch() -> Batch {
    Batch {
        seq: BatchSeq(7),
        topics: vec!["s.d.t".into()],
        ..Batch::default()
    }
}

#[test]
fn records_become_confluents_wire_form_and_keep_the_rest() {
    let (settings, asked) = registry(&[(200, "{\"id\":1}"), (200, "{\"id\":65538}")]);
    let (mut sink, kept) = sink(&settings);
    let mut batch = batch();
    push(
        &mut batch,
        Some("{\"id\":1}"),
        Some(&with(VALUE, "{\"v\":\"a\"}")),
    );
    push(&mut batch, Some("{\"id\":1}"), None);
    push(&mut batch, None, Some(&with(VALUE, "{\"v\":null}")));
    let link = Link::OldKey(put(&mut batch, "{\"id\":0}"));
    let id = Some(put(&mut batch, "u:1/0/0"));
    let mut extra = Vec::new();
    Extra {
        bare: true,
        ..Extra::default()
    }
    .write(&mut extra);
    let extra = Some(put(&mut batch, std::str::from_utf8(&extra).unwrap()));
    batch.records[2] = Record {
        link,
        id,
        extra,
        ..batch.records[2]
    };
    sink.send(&batch).unwrap();

    let kept = kept.lock().unwrap();
    let [sent] = kept.as_slice() else { panic!() };
    assert_eq!(
        (sent.seq, sent.topics.as_slice()),
        (batch.seq, batch.topics.as_slice())
    );
    let part = |span: Option<Span>| span.map(|span| sent.part(span).unwrap().to_vec());
    let [first, tombstone, last] = sent.records.as_slice() else {
        panic!()
    };
    assert_eq!(part(first.key), Some(vec![0, 0, 0, 0, 1, 2]));
    assert_eq!(part(first.value), Some(b"\0\0\x01\0\x02\x02\x02a".to_vec()));
    assert_eq!(
        (part(tombstone.key), part(tombstone.value)),
        (part(first.key), None)
    );
    assert_eq!(part(last.value), Some(b"\0\0\x01\0\x02\0".to_vec()));
    assert_eq!(part(last.id).unwrap(), b"u:1/0/0");
    assert!(Extra::read(&part(last.extra).unwrap()).unwrap().bare);
    match last.link {
        Link::OldKey(span) => assert_eq!(sent.part(span).unwrap(), b"{\"id\":0}"),
        Link::None | Link::NewKey(_) => panic!("{:?}", last.link),
    }
    // Each schema was asked for once, under a subject of its own.
    let lines: Vec<String> = asked.try_iter().map(|asked| asked.line).collect();
    let line = |side: &str| format!("POST /api/subjects/s.d.t-{side}/versions HTTP/1.1");
    assert_eq!(lines, [line("key"), line("value")]);
}

#[test]
fn each_version_of_a_table_has_its_id() {
    let (mut settings, asked) = registry(&[(200, "{\"id\":1}"), (200, "{\"id\":2}")]);
    settings.subjects = Subjects::TopicRecord;
    let (mut sink, kept) = sink(&settings);
    let mut batch = batch();
    for schema in [VALUE, CHANGED, VALUE, CHANGED] {
        push(&mut batch, None, Some(&with(schema, "{\"v\":\"a\"}")));
    }
    sink.send(&batch).unwrap();
    let kept = kept.lock().unwrap();
    let ids = kept[0]
        .records
        .iter()
        .map(|record| kept[0].bytes_of(record.value.unwrap())[4]);
    assert_eq!(ids.collect::<Vec<_>>(), [1, 2, 1, 2]);
    let asked: Vec<_> = asked.try_iter().collect();
    assert_eq!(asked.len(), 2);
    assert_eq!(
        asked[0].line,
        "POST /api/subjects/s.d.t-s.d.t.Envelope/versions HTTP/1.1"
    );
    let schema: serde_json::Value =
        serde_json::from_str(asked[1].body["schema"].as_str().unwrap()).unwrap();
    assert_eq!(schema["fields"][0]["type"], "string");
}

#[test]
fn subjects_are_named_by_confluents_strategies() {
    let of = |subjects, side| subject(subjects, ("s.d.t", side), "s.d.t.Key");
    assert_eq!(of(Subjects::Topic, Side::Key), "s.d.t-key");
    assert_eq!(of(Subjects::Topic, Side::Value), "s.d.t-value");
    assert_eq!(of(Subjects::Record, Side::Key), "s.d.t.Key");
    assert_eq!(of(Subjects::TopicRecord, Side::Value), "s.d.t-s.d.t.Key");
}

#[test]
fn what_cannot_be_avro_stops_with_the_option_to_set() {
    let check = |value: &str, fault: Fault, remedy: &str| {
        let (settings, _asked) = registry(&[(200, "{\"id\":1}")]);
        let (mut sink, kept) = sink(&settings);
        let mut batch = batch();
        push(&mut batch, None, Some(value));
        let error = sink.send(&batch).unwrap_err();
        assert_eq!(error.fault(), fault, "{error}");
        let found = error.remedy().unwrap_or_default();
        assert!(found.contains(remedy), "{error}: {found}");
        assert!(kept.lock().unwrap().is_empty());
        error.to_string()
    };
    let named = VALUE.replace("s.d.t.", "my-shop.d.t.");
    check(
        &with(&named, "{\"v\":null}"),
        Fault::Operator,
        "envelope.schema_names",
    );
    let field = VALUE.replace("\"v\"", "\"first-name\"");
    check(
        &with(&field, "{\"first-name\":null}"),
        Fault::Operator,
        "envelope.field_names",
    );
    let source = r#"{"type":"struct","fields":[{"type":"string","optional":false,"field":"file"}],"optional":false,"field":"source"}"#;
    let schema = CHANGED.replace(
        "],\"optional\":false,\"name\"",
        &format!(",{source}],\"optional\":false,\"name\""),
    );
    let text = check(
        &with(&schema, "{\"v\":null,\"source\":{\"file\":\"b.000007\"}}"),
        Fault::Data,
        "binlog_row_image",
    );
    assert!(
        text.contains("field v ") && text.contains("file b.000007"),
        "{text}"
    );
    let number = VALUE.replace("string", "int16");
    check(
        &with(&number, "{\"v\":32768}"),
        Fault::Data,
        "types.time_precision",
    );
    let text = check(
        &with(VALUE, "{\"v\":5,\"secret\":\"hunter2\"}"),
        Fault::Bug,
        "",
    );
    assert!(!text.contains("hunter2"), "{text}");
    for value in [
        "{\"v\":1}",
        "{\"schema\":null,\"payload\":null}",
        "{\"schema\":{",
        "{\"schema\":5,\"payload\":1}",
    ] {
        check(value, Fault::Bug, "");
    }
}

#[test]
fn an_incompatible_schema_ends_the_sink() {
    let (settings, asked) = registry(&[(409, "{\"error_code\":409,\"message\":\"no\"}")]);
    let (mut sink, _) = sink(&settings);
    let mut batch = batch();
    push(&mut batch, None, Some(&with(VALUE, "{\"v\":null}")));
    let error = sink.send(&batch).unwrap_err();
    assert!(error.to_string().contains("s.d.t-value"), "{error}");
    assert!(error.remedy().unwrap().contains("/config/s.d.t-value"));
    asked.recv_timeout(PATIENCE).unwrap();
}

/// Schemas and records as Confluent's own converter made them of the same input (`dev/avro-golden`).
#[test]
fn schemas_and_bytes_are_those_of_confluents_converter() {
    #[derive(serde::Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        schema: &'a RawValue,
        #[serde(borrow)]
        payload: &'a RawValue,
        avro: String,
        bytes: String,
    }
    let mut differing = Vec::new();
    let recorded = include_str!("../../../tests/golden/avro/records.jsonl");
    for (number, line) in recorded.lines().enumerate() {
        let line: Line<'_> = serde_json::from_str(line).unwrap();
        let connect = serde_json::from_str(line.schema.get()).unwrap();
        let compiled = schema::compile(&connect).unwrap();
        let json = format!("{}}}", line.payload.get());
        let mut bytes = Vec::new();
        payload::write(&mut bytes, json.as_bytes(), &compiled.root, &mut Vec::new()).unwrap();
        if compiled.text != line.avro {
            differing.push(format!("#{number}\n{}\n{}", compiled.text, line.avro));
        }
        if bytes != STANDARD.decode(&line.bytes).unwrap() {
            differing.push(format!("#{number}: the bytes of {json}"));
        }
    }
    assert!(recorded.lines().count() > 100);
    assert!(
        differing.is_empty(),
        "{} differ:\n{}",
        differing.len(),
        differing.join("\n")
    );
}
