//! Records as lines of JSON, on standard output or appended to a file.
//!
//! Takes batches; gives one object a line: `{"topic":…,"key":…,"value":…,"headers":{…}}`, keys and values
//! as they are, the usual headers sorted by name, others behind
//! them. A batch is acknowledged when its last byte is out: for a file,
//! synced to the disk. It never acknowledges what a failed write or sync may have lost, and never
//! leaves half a line in front of a whole one.

use std::fs::File;
use std::fs::OpenOptions;
use std::fs::TryLockError;
use std::io;
use std::io::Read;
use std::io::Seek;
use std::io::SeekFrom;
use std::io::Write;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::Deliveries;
use super::Delivery;
use super::Sink;
use super::SinkError;
use super::batch::Batch;
use super::batch::BatchSeq;
use super::batch::Link;
use super::batch::Record;
use super::extra::Extra;

/// Bytes gathered before they are written.
const WRITE_BYTES: usize = 256 << 10;
/// Bytes written to a file before they are synced, though more batches are waiting.
const SYNC_BYTES: usize = 16 << 20;
/// Batches not acknowledged before they are synced, though more are waiting.
const SYNC_BATCHES: usize = 1024;
/// Bytes read at once while the end of the last whole line is looked for.
const SCAN_BYTES: u64 = 64 << 10;

/// Lines on standard output or in a file.
pub struct LinesSink {
    output: Output,
    headers: Vec<(String, HeaderValue)>,
    deliveries: Deliveries,
    /// Lines that are not written yet.
    buffer: Vec<u8>,
    /// Bytes written and not synced.
    unsynced: usize,
    /// Batches whose lines are in `buffer` or not synced.
    waiting: Vec<BatchSeq>,
    failure: Option<SinkError>,
}

enum Output {
    Stream(Box<dyn Write + Send>),
    File { file: File, path: PathBuf },
}

/// What stands behind a header's name.
enum HeaderValue {
    /// A JSON string, the same on every record.
    Fixed(Vec<u8>),
    /// The key after a key change, where there is one.
    NewKey,
    /// The key before a key change, where there is one.
    OldKey,
    /// The change id, where there is one.
    Id,
}

impl LinesSink {
    /// Lines on standard output.
    pub fn stdout(context_headers: &[(String, String)], deliveries: Deliveries) -> LinesSink {
        LinesSink::new(
            Output::Stream(Box::new(io::stdout())),
            context_headers,
            deliveries,
        )
    }

    /// Lines at the end of a file, which is made where it is missing. A last line that a crash left
    /// without its end is cut off: it was not acknowledged, so it comes again.
    ///
    /// # Errors
    /// Another process has the file, it is not a regular file, or the file system refuses.
    pub fn file(
        path: &Path,
        context_headers: &[(String, String)],
        deliveries: Deliveries,
    ) -> Result<LinesSink, SinkError> {
        let mut file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|source| failed("open", path, source))?;
        let metadata = file
            .metadata()
            .map_err(|source| failed("inspect", path, source))?;
        if !metadata.is_file() {
            return Err(SinkError::NotAFile {
                path: path.to_owned(),
            });
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SinkError::Locked {
                    path: path.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", path, source)),
        }
        let whole = whole_lines(&mut file).map_err(|source| failed("read", path, source))?;
        if whole < metadata.len() {
            tracing::warn!(
                file = %path.display(),
                bytes = metadata.len() - whole,
                "the last line has no end and is cut off; its record comes again"
            );
            file.set_len(whole)
                .map_err(|source| failed("truncate", path, source))?;
        }
        // The cut, whatever an earlier process left unsynced, and the name of a new file.
        file.sync_all()
            .map_err(|source| failed("sync", path, source))?;
        let folder = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| failed("sync", folder, source))?;
        let output = Output::File {
            file,
            path: path.to_owned(),
        };
        Ok(LinesSink::new(output, context_headers, deliveries))
    }

    fn new(
        output: Output,
        context_headers: &[(String, String)],
        deliveries: Deliveries,
    ) -> LinesSink {
        let mut headers = vec![
            ("__debezium.newkey".to_owned(), HeaderValue::NewKey),
            ("__debezium.oldkey".to_owned(), HeaderValue::OldKey),
            ("__remora.id".to_owned(), HeaderValue::Id),
        ];
        for (name, value) in context_headers {
            let mut json = Vec::new();
            push_string(&mut json, value);
            headers.push((name.clone(), HeaderValue::Fixed(json)));
        }
        headers.sort_by(|(left, _), (right, _)| left.cmp(right));
        LinesSink {
            output,
            headers,
            deliveries,
            buffer: Vec::new(),
            unsynced: 0,
            waiting: Vec::new(),
            failure: None,
        }
    }

    fn take(&mut self, batch: &Batch) -> Result<(), SinkError> {
        for (index, record) in batch.records.iter().enumerate() {
            if push_line(&mut self.buffer, batch, record, &self.headers).is_none() {
                return Err(SinkError::Broken {
                    batch: batch.seq.0,
                    record: index,
                });
            }
            if self.buffer.len() >= WRITE_BYTES {
                self.write()?;
            }
        }
        self.waiting.push(batch.seq);
        let full = match self.output {
            Output::Stream(_) => self.buffer.is_empty(),
            Output::File { .. } => self.unsynced >= SYNC_BYTES,
        };
        if full || self.waiting.len() >= SYNC_BATCHES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn write(&mut self) -> Result<(), SinkError> {
        match &mut self.output {
            Output::Stream(stream) => stream.write_all(&self.buffer).map_err(stream_failed)?,
            Output::File { file, path } => {
                file.write_all(&self.buffer)
                    .map_err(|source| failed("write", path, source))?;
            }
        }
        self.unsynced = self.unsynced.saturating_add(self.buffer.len());
        self.buffer.clear();
        // One enormous record must not stay in memory for good.
        self.buffer.shrink_to(2 * WRITE_BYTES);
        Ok(())
    }

    /// Writes, syncs, and only then acknowledges.
    fn flush(&mut self) -> Result<(), SinkError> {
        if !self.buffer.is_empty() {
            self.write()?;
        }
        if self.unsynced > 0 {
            match &mut self.output {
                Output::Stream(stream) => stream.flush().map_err(stream_failed)?,
                Output::File { file, path } => {
                    file.sync_data()
                        .map_err(|source| failed("sync", path, source))?;
                }
            }
            self.unsynced = 0;
        }
        for seq in self.waiting.drain(..) {
            (self.deliveries)(Delivery::Acked(seq));
        }
        Ok(())
    }

    /// After a failure nothing more is written: what follows could be taken for whole.
    fn unless_failed(
        &mut self,
        step: impl FnOnce(&mut LinesSink) -> Result<(), SinkError>,
    ) -> Result<(), SinkError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let outcome = step(self);
        if let Err(error) = &outcome {
            self.failure = Some(error.clone());
        }
        outcome
    }
}

impl Sink for LinesSink {
    fn send(&mut self, batch: &Batch) -> Result<(), SinkError> {
        self.unless_failed(|sink| sink.take(batch))
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        self.unless_failed(LinesSink::flush)
    }

    fn close(&mut self, _deadline: Instant) -> Result<(), SinkError> {
        self.unless_failed(LinesSink::flush)
    }
}

/// One record as a line; `None` where it points outside of its batch.
fn push_line(
    out: &mut Vec<u8>,
    batch: &Batch,
    record: &Record,
    headers: &[(String, HeaderValue)],
) -> Option<()> {
    out.extend_from_slice(b"{\"topic\":");
    push_string(out, batch.topics.get(usize::try_from(record.topic).ok()?)?);
    for (name, span) in [
        (&b",\"key\":"[..], record.key),
        (&b",\"value\":"[..], record.value),
    ] {
        out.extend_from_slice(name);
        match span {
            Some(span) => out.extend_from_slice(batch.part(span)?),
            None => out.extend_from_slice(b"null"),
        }
    }
    let extra = match record.extra {
        Some(extra) => Extra::read(batch.part(extra)?)?,
        None => Extra::default(),
    };
    out.extend_from_slice(b",\"headers\":{");
    let mut separator: &[u8] = b"";
    for (name, value) in headers.iter().filter(|_| !extra.bare) {
        let start = out.len();
        out.extend_from_slice(separator);
        push_string(out, name);
        out.push(b':');
        let present = match (value, record.link) {
            (HeaderValue::Fixed(json), _) => {
                out.extend_from_slice(json);
                true
            }
            (HeaderValue::NewKey, Link::NewKey(key)) | (HeaderValue::OldKey, Link::OldKey(key)) => {
                out.extend_from_slice(batch.part(key)?);
                true
            }
            (HeaderValue::NewKey, Link::None | Link::OldKey(_))
            | (HeaderValue::OldKey, Link::None | Link::NewKey(_)) => false,
            (HeaderValue::Id, _) => match record.id {
                Some(id) => {
                    push_string(out, std::str::from_utf8(batch.part(id)?).ok()?);
                    true
                }
                None => false,
            },
        };
        if present {
            separator = b",";
        } else {
            out.truncate(start);
        }
    }
    for (name, value) in &extra.headers {
        out.extend_from_slice(separator);
        push_string(out, name);
        out.push(b':');
        match value {
            Some(value) => push_string(out, value),
            None => out.extend_from_slice(b"null"),
        }
        separator = b",";
    }
    out.extend_from_slice(b"}}\n");
    Some(())
}

/// A text as a JSON string.
fn push_string(out: &mut Vec<u8>, text: &str) {
    // Writing a string into memory has no way to fail.
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok(), "a string is always JSON");
}

/// How many bytes of a file are whole lines.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(SCAN_BYTES);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        Read::by_ref(file)
            .take(end - start)
            .read_to_end(&mut block)?;
        if let Some(last) = memchr::memrchr(b'\n', &block) {
            return Ok(start
                .saturating_add(u64::try_from(last).unwrap_or(u64::MAX))
                .saturating_add(1));
        }
        end = start;
    }
    Ok(0)
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> SinkError {
    SinkError::Io {
        operation,
        path: path.to_owned(),
        source: Arc::new(source),
    }
}

fn stream_failed(source: io::Error) -> SinkError {
    if source.kind() == io::ErrorKind::BrokenPipe {
        SinkError::OutputClosed
    } else {
        failed("write", Path::new("standard output"), source)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Mutex;

    use super::*;
    use crate::error::Classify;
    use crate::error::Fault;
    use crate::sink::batch::Span;

    /// Collects acknowledgements.
    fn deliveries() -> (Deliveries, Arc<Mutex<Vec<u64>>>) {
        let acked = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&acked);
        let deliveries: Deliveries = Arc::new(move |delivery| match delivery {
            Delivery::Acked(seq) => seen.lock().unwrap().push(seq.0),
            Delivery::Failed(error) => panic!("{error}"),
        });
        (deliveries, acked)
    }

    fn put(batch: &mut Batch, text: &str) -> Span {
        let start = u32::try_from(batch.bytes.len()).unwrap();
        batch.bytes.extend_from_slice(text.as_bytes());
        Span {
            start,
            end: u32::try_from(batch.bytes.len()).unwrap(),
        }
    }

    fn batch(seq: u64, value: &str) -> Batch {
        let mut batch = Batch {
            seq: BatchSeq(seq),
            ..Batch::default()
        };
        batch.topics.push("p.d.t".into());
        let key = Some(put(&mut batch, r#"{"id":1}"#));
        let value = Some(put(&mut batch, value));
        batch.records.push(Record {
            key,
            value,
            ..Record::default()
        });
        batch
    }

    fn context() -> Vec<(String, String)> {
        vec![
            ("__debezium.context.taskId".to_owned(), "0".to_owned()),
            (
                "__debezium.context.connectorLogicalName".to_owned(),
                "a\"b".to_owned(),
            ),
        ]
    }

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Fails(io::ErrorKind);

    impl Write for Fails {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_topic_key_value_and_sorted_headers() {
        let (deliveries, acked) = deliveries();
        let out = Shared::default();
        let mut sink = LinesSink::new(
            Output::Stream(Box::new(out.clone())),
            &context(),
            deliveries,
        );
        let mut batch = batch(1, r#"{"op":"c"}"#);
        let old = put(&mut batch, r#"{"id":0}"#);
        let id = put(&mut batch, "u:1/0/2");
        batch.records[0].link = Link::OldKey(old);
        batch.records[0].id = Some(id);
        batch.records.push(Record::default());
        let extra = put(
            &mut batch,
            r#"{"bare":true,"headers":[["n",null],["a","\"1"]]}"#,
        );
        batch.records.push(Record {
            extra: Some(extra),
            ..Record::default()
        });
        sink.send(&batch).unwrap();
        assert!(acked.lock().unwrap().is_empty());
        sink.idle().unwrap();
        assert_eq!(*acked.lock().unwrap(), [1]);
        let fixed =
            r#""__debezium.context.connectorLogicalName":"a\"b","__debezium.context.taskId":"0""#;
        let expected = format!(
            "{{\"topic\":\"p.d.t\",\"key\":{{\"id\":1}},\"value\":{{\"op\":\"c\"}},\"headers\":{{{fixed},\
             \"__debezium.oldkey\":{{\"id\":0}},\"__remora.id\":\"u:1/0/2\"}}}}\n\
             {{\"topic\":\"p.d.t\",\"key\":null,\"value\":null,\"headers\":{{{fixed}}}}}\n\
             {{\"topic\":\"p.d.t\",\"key\":null,\"value\":null,\"headers\":{{\"n\":null,\"a\":\"\\\"1\"}}}}\n"
        );
        assert_eq!(
            String::from_utf8(out.0.lock().unwrap().clone()).unwrap(),
            expected
        );
    }

    #[test]
    fn a_record_outside_of_its_batch_is_a_bug() {
        let (deliveries, acked) = deliveries();
        let mut sink = LinesSink::new(Output::Stream(Box::new(Shared::default())), &[], deliveries);
        let mut batch = batch(1, "{}");
        batch.records[0].value = Some(Span {
            start: 0,
            end: 1000,
        });
        let error = sink.send(&batch).unwrap_err();
        assert!(
            matches!(
                error,
                SinkError::Broken {
                    batch: 1,
                    record: 0
                }
            ),
            "{error}"
        );
        sink.idle().unwrap_err();
        assert!(acked.lock().unwrap().is_empty());
    }

    #[test]
    fn a_closed_pipe_is_an_error_and_stays_one() {
        let (deliveries, acked) = deliveries();
        let output = Output::Stream(Box::new(Fails(io::ErrorKind::BrokenPipe)));
        let mut sink = LinesSink::new(output, &[], deliveries);
        sink.send(&batch(1, "{}")).unwrap();
        let error = sink.idle().unwrap_err();
        assert!(matches!(error, SinkError::OutputClosed), "{error}");
        assert_eq!(error.fault(), Fault::Operator);
        assert!(matches!(
            sink.send(&batch(2, "{}")),
            Err(SinkError::OutputClosed)
        ));
        assert!(acked.lock().unwrap().is_empty());
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_lines_are_appended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let long = "x".repeat(200_000);
        for (before, kept) in [
            (String::new(), ""),
            ("{\"a\":1}\n".to_owned(), "{\"a\":1}\n"),
            ("{\"a\":1}\n{\"b\"".to_owned(), "{\"a\":1}\n"),
            (format!("{{}}\n{long}"), "{}\n"),
            (long.clone(), ""),
        ] {
            fs::write(&path, &before).unwrap();
            let (deliveries, acked) = deliveries();
            let mut sink = LinesSink::file(&path, &[], deliveries).unwrap();
            sink.send(&batch(1, "{}")).unwrap();
            sink.idle().unwrap();
            assert_eq!(*acked.lock().unwrap(), [1]);
            let line = "{\"topic\":\"p.d.t\",\"key\":{\"id\":1},\"value\":{},\"headers\":{}}\n";
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{kept}{line}"));
        }
    }

    #[test]
    fn a_file_is_synced_for_many_batches_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let (deliveries, acked) = deliveries();
        let mut sink = LinesSink::file(&path, &[], deliveries).unwrap();
        let many = u64::try_from(SYNC_BATCHES).unwrap();
        for seq in 1..many {
            sink.send(&batch(seq, "{}")).unwrap();
        }
        assert!(acked.lock().unwrap().is_empty());
        sink.send(&batch(many, "{}")).unwrap();
        assert_eq!(acked.lock().unwrap().len(), SYNC_BATCHES);
        let big = format!("\"{}\"", "x".repeat(SYNC_BYTES));
        sink.send(&batch(many + 1, &big)).unwrap();
        assert_eq!(acked.lock().unwrap().len(), SYNC_BATCHES + 1);
        assert!(sink.buffer.capacity() <= 4 * WRITE_BYTES);
        sink.send(&batch(many + 2, "{}")).unwrap();
        sink.close(Instant::now()).unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap().lines().count(),
            SYNC_BATCHES + 2
        );
    }

    #[test]
    fn a_full_disk_acknowledges_nothing() {
        let (deliveries, acked) = deliveries();
        let path = PathBuf::from("/dev/full");
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let mut sink = LinesSink::new(Output::File { file, path }, &[], deliveries);
        sink.send(&batch(1, "{}")).unwrap();
        let error = sink.idle().unwrap_err();
        assert!(
            matches!(
                error,
                SinkError::Io {
                    operation: "write",
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(error.fault(), Fault::Operator);
        sink.idle().unwrap_err();
        assert!(acked.lock().unwrap().is_empty());
    }

    #[test]
    fn only_one_process_appends_to_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.jsonl");
        let first = LinesSink::file(&path, &[], deliveries().0).unwrap();
        let second = LinesSink::file(&path, &[], deliveries().0).err().unwrap();
        assert!(matches!(second, SinkError::Locked { .. }), "{second}");
        drop(first);
        let device = LinesSink::file(Path::new("/dev/null"), &[], deliveries().0)
            .err()
            .unwrap();
        assert!(matches!(device, SinkError::NotAFile { .. }), "{device}");
    }
}
