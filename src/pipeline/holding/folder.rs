//! The disk under the groups that wait: one file a group, of blocks with lengths and a checksum.
//!
//! Takes batches of records, gives them back as they were. The format is private and dies with the
//! process: a group that was not delivered is read again from the server, so what an earlier process left
//! is deleted, and nothing is synced. A block that is not what was written is an error, never a gap.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cursor::{Cursor, Short};
use crate::error::{Classify, Fault};
use crate::sink::batch::{Batch, Link, Record, Span};

/// Rows are in the files: only the owner reads and writes.
const MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// Starts a block.
const MAGIC: u32 = 0x31_50_53_52;
/// Bytes of magic, both lengths and the checksum.
const HEADER_BYTES: usize = 20;

/// Why a group cannot wait on the disk, or not be read back.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// More waits than may.
    #[error("transactions that wait for their end take more than {limit} bytes on the disk")]
    Full {
        /// `spool.bytes_max`.
        limit: u64,
    },
    /// More waits in memory than may, and there is no disk for it.
    #[error(
        "transactions that wait for their end take more than {limit} bytes, and there is no spool"
    )]
    NoDisk {
        /// `spool.memory_bytes_max`.
        limit: usize,
    },
    /// The file system refuses.
    #[error("cannot {operation} {path} of the spool: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A block is not what was written.
    #[error("{path} of the spool is damaged at byte {offset}")]
    Torn {
        /// The file.
        path: PathBuf,
        /// Where the block starts.
        offset: u64,
    },
}

impl Classify for SpoolError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            SpoolError::Full { .. } => {
                "raise spool.bytes_max, or end the XA transactions that XA RECOVER lists"
            }
            SpoolError::NoDisk { .. } => "raise spool.memory_bytes_max",
            SpoolError::Io { .. } => {
                "make room, and give the user of this process the right to write there, or name another \
                 folder as spool.path; then restart: nothing was lost"
            }
            SpoolError::Torn { .. } => {
                "check the disk, then restart: the transaction is read again from the server"
            }
        }))
    }
}

/// Where a block lies in its group's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Its first byte.
    pub offset: u64,
    head: u32,
    body: u64,
}

impl Stretch {
    /// One past its last byte.
    pub fn end(&self) -> u64 {
        let header = HEADER_BYTES as u64;
        let length = header.saturating_add(u64::from(self.head));
        self.offset.saturating_add(length).saturating_add(self.body)
    }
}

/// The files of one database's groups.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    bytes_max: u64,
    session: Option<Session>,
    used: u64,
    /// The file used last: a group is written and read from end to end.
    file: Option<(u64, File)>,
    head: Vec<u8>,
}

/// What belongs to this process alone, for as long as it has the lock.
#[derive(Debug)]
struct Session {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Deletes what processes that are gone left behind. The folder itself is made when it is needed.
    pub fn new(path: &Path, bytes_max: u64) -> Folder {
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        for entry in entries {
            // Without its lock file a folder is not one of ours; with the lock taken it is in use.
            let lock = OpenOptions::new()
                .write(true)
                .open(entry.path().join("lock"));
            if lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
                remove_session(&entry.path());
            }
        }
        Folder {
            path: path.to_owned(),
            bytes_max,
            session: None,
            used: 0,
            file: None,
            head: Vec::new(),
        }
    }

    /// Bytes on the disk.
    pub fn used(&self) -> u64 {
        self.used
    }

    /// Writes a batch as a block of the group `id`, at `offset`.
    ///
    /// # Errors
    /// [`SpoolError`]; the group cannot be used any more then.
    pub fn write(&mut self, id: u64, offset: u64, batch: &Batch) -> Result<Stretch, SpoolError> {
        let mut head = std::mem::take(&mut self.head);
        write_head(&mut head, batch);
        let stretch = Stretch {
            offset,
            head: u32::try_from(head.len()).unwrap_or(u32::MAX),
            body: batch.bytes.len() as u64,
        };
        let length = stretch.end() - offset;
        if self.used.saturating_add(length) > self.bytes_max {
            let limit = self.bytes_max;
            return Err(SpoolError::Full { limit });
        }
        let header = header(&stretch, checksum(&head, &batch.bytes));
        let path = self.file_path(id)?;
        let file = self.open(id, &path)?;
        let written = file
            .seek(SeekFrom::Start(offset))
            .and_then(|_| file.write_all(&header))
            .and_then(|()| file.write_all(&head))
            .and_then(|()| file.write_all(&batch.bytes));
        written.map_err(|source| failed("write", &path, source))?;
        self.used = self.used.saturating_add(length);
        self.head = head;
        Ok(stretch)
    }

    /// Reads a block back, in place of what is in `batch`.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn read(&mut self, id: u64, at: &Stretch, batch: &mut Batch) -> Result<(), SpoolError> {
        let path = self.file_path(id)?;
        let mut head = std::mem::take(&mut self.head);
        let file = self.open(id, &path)?;
        let mut found = [0; HEADER_BYTES];
        // Both lengths are those that this process wrote, not what the file says.
        head.clear();
        head.resize(at.head as usize, 0);
        batch.clear();
        batch
            .bytes
            .resize(usize::try_from(at.body).unwrap_or_default(), 0);
        let read = file
            .seek(SeekFrom::Start(at.offset))
            .and_then(|_| file.read_exact(&mut found))
            .and_then(|()| file.read_exact(&mut head))
            .and_then(|()| file.read_exact(&mut batch.bytes));
        let torn = || SpoolError::Torn {
            path: path.clone(),
            offset: at.offset,
        };
        match read {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(torn()),
            read => read.map_err(|source| failed("read", &path, source))?,
        }
        if found != header(at, checksum(&head, &batch.bytes)) {
            return Err(torn());
        }
        read_head(&head, batch).map_err(|_| torn())?;
        self.head = head;
        Ok(())
    }

    /// Gives back what a group's file holds from `to` on; `from` is its end.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn cut(&mut self, id: u64, from: u64, to: u64) -> Result<(), SpoolError> {
        let path = self.file_path(id)?;
        let file = self.open(id, &path)?;
        file.set_len(to)
            .map_err(|source| failed("cut", &path, source))?;
        self.used = self.used.saturating_sub(from.saturating_sub(to));
        Ok(())
    }

    /// Deletes a group's file of `length` bytes.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn remove(&mut self, id: u64, length: u64) -> Result<(), SpoolError> {
        let path = self.file_path(id)?;
        if self.file.as_ref().is_some_and(|(open, _)| *open == id) {
            self.file = None;
        }
        fs::remove_file(&path).map_err(|source| failed("delete", &path, source))?;
        self.used = self.used.saturating_sub(length);
        Ok(())
    }

    fn file_path(&mut self, id: u64) -> Result<PathBuf, SpoolError> {
        let session = match &self.session {
            Some(session) => session,
            None => self.session.insert(Session::start(&self.path)?),
        };
        Ok(session.path.join(id.to_string()))
    }

    fn open(&mut self, id: u64, path: &Path) -> Result<&mut File, SpoolError> {
        let file = match self.file.take() {
            Some((open, file)) if open == id => file,
            Some(_) | None => OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .mode(MODE)
                .open(path)
                .map_err(|source| failed("open", path, source))?,
        };
        let (_, file) = self.file.insert((id, file));
        Ok(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        self.file = None;
        if let Some(session) = &self.session {
            remove_session(&session.path);
        }
    }
}

impl Session {
    fn start(folder: &Path) -> Result<Session, SpoolError> {
        let path = folder.join(uuid::Uuid::now_v7().to_string());
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(FOLDER_MODE);
        builder
            .create(&path)
            .map_err(|source| failed("make", &path, source))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(MODE)
            .open(&lock_path)
            .map_err(|source| failed("make", &lock_path, source))?;
        if let Err(error) = lock.try_lock() {
            return Err(failed("lock", &lock_path, error.into()));
        }
        Ok(Session { path, _lock: lock })
    }
}

/// The files of a session and its folder. What cannot be deleted stays for the next start.
fn remove_session(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path) {
        tracing::warn!(path = %path.display(), %error, "a folder of the spool could not be deleted");
    }
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> SpoolError {
    SpoolError::Io {
        operation,
        path: path.to_owned(),
        source,
    }
}

fn header(stretch: &Stretch, checksum: u32) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    let parts = MAGIC
        .to_le_bytes()
        .into_iter()
        .chain(stretch.head.to_le_bytes())
        .chain(stretch.body.to_le_bytes())
        .chain(checksum.to_le_bytes());
    for (to, from) in bytes.iter_mut().zip(parts) {
        *to = from;
    }
    bytes
}

fn checksum(head: &[u8], body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(head);
    hasher.update(body);
    hasher.finalize()
}

const KEY: u8 = 1;
const VALUE: u8 = 2;
const ID: u8 = 4;
const NEW_KEY: u8 = 8;
const OLD_KEY: u8 = 16;
const EXTRA: u8 = 32;

/// Topics and records, in front of their bytes.
fn write_head(head: &mut Vec<u8>, batch: &Batch) {
    head.clear();
    let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes();
    head.extend_from_slice(&number(batch.topics.len()));
    for topic in &batch.topics {
        head.extend_from_slice(&number(topic.len()));
        head.extend_from_slice(topic.as_bytes());
    }
    head.extend_from_slice(&number(batch.records.len()));
    for record in &batch.records {
        let (link, linked) = match record.link {
            Link::None => (0, Span::default()),
            Link::NewKey(span) => (NEW_KEY, span),
            Link::OldKey(span) => (OLD_KEY, span),
        };
        let has = |span: Option<Span>, flag: u8| if span.is_some() { flag } else { 0 };
        let (key, value, id, extra) = (record.key, record.value, record.id, record.extra);
        let flags = link | has(key, KEY) | has(value, VALUE) | has(id, ID) | has(extra, EXTRA);
        head.extend_from_slice(&record.topic.to_le_bytes());
        head.push(flags);
        let spans = [key, value, Some(linked), id, extra];
        for span in spans.map(Option::unwrap_or_default) {
            head.extend_from_slice(&span.start.to_le_bytes());
            head.extend_from_slice(&span.end.to_le_bytes());
        }
    }
}

fn read_head(head: &[u8], batch: &mut Batch) -> Result<(), Short> {
    let mut cursor = Cursor::new(head);
    for _ in 0..cursor.u32()? {
        let length = cursor.u32()? as usize;
        let topic = std::str::from_utf8(cursor.take(length)?);
        let bad = |_| Short {
            wanted: length,
            left: 0,
        };
        batch.topics.push(Arc::from(topic.map_err(bad)?));
    }
    for _ in 0..cursor.u32()? {
        let topic = cursor.u32()?;
        let flags = cursor.u8()?;
        let (key, value) = (read_span(&mut cursor)?, read_span(&mut cursor)?);
        let (linked, id) = (read_span(&mut cursor)?, read_span(&mut cursor)?);
        let extra = read_span(&mut cursor)?;
        let link = match flags & (NEW_KEY | OLD_KEY) {
            NEW_KEY => Link::NewKey(linked),
            OLD_KEY => Link::OldKey(linked),
            _ => Link::None,
        };
        batch.records.push(Record {
            topic,
            key: (flags & KEY != 0).then_some(key),
            value: (flags & VALUE != 0).then_some(value),
            link,
            id: (flags & ID != 0).then_some(id),
            extra: (flags & EXTRA != 0).then_some(extra),
        });
    }
    Ok(())
}

fn read_span(cursor: &mut Cursor<'_>) -> Result<Span, Short> {
    let (start, end) = (cursor.u32()?, cursor.u32()?);
    Ok(Span { start, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(text: &str, records: u32) -> Batch {
        let mut batch = Batch {
            topics: vec![Arc::from("p.d.t"), Arc::from("p.d.u")],
            ..Batch::default()
        };
        for number in 0..records {
            let start = u32::try_from(batch.bytes.len()).unwrap();
            batch.bytes.extend_from_slice(text.as_bytes());
            let end = u32::try_from(batch.bytes.len()).unwrap();
            let span = Some(Span { start, end });
            let linked = Span { start, end: start };
            batch.records.push(Record {
                topic: number % 2,
                key: span.filter(|_| number % 3 == 0),
                value: span.filter(|_| number % 5 != 0),
                link: [Link::None, Link::NewKey(linked), Link::OldKey(linked)]
                    [(number % 3) as usize],
                id: span.filter(|_| number % 7 == 0),
                extra: span.filter(|_| number % 11 == 0),
            });
        }
        batch
    }

    fn same(left: &Batch, right: &Batch) {
        assert_eq!(left.bytes, right.bytes);
        assert_eq!(left.topics, right.topics);
        assert_eq!(
            format!("{:?}", left.records),
            format!("{:?}", right.records)
        );
    }

    #[test]
    fn gives_back_what_it_took() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(&dir.path().join("a/spool"), 1 << 20);
        let (first, second) = (batch("first", 40), batch("second", 1));
        let one = folder.write(7, 0, &first).unwrap();
        let other = folder.write(8, 0, &second).unwrap();
        let two = folder.write(7, one.end(), &second).unwrap();
        assert_eq!(folder.used(), two.end() + other.end());
        let mut back = batch("dirt", 3);
        folder.read(7, &one, &mut back).unwrap();
        same(&back, &first);
        folder.read(8, &other, &mut back).unwrap();
        same(&back, &second);
        folder.cut(7, two.end(), one.end()).unwrap();
        assert!(matches!(
            folder.read(7, &two, &mut back),
            Err(SpoolError::Torn { .. })
        ));
        folder.remove(8, other.end()).unwrap();
        assert_eq!(folder.used(), one.end());
        drop(folder);
        let left = fs::read_dir(dir.path().join("a/spool")).unwrap().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn any_flipped_byte_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(dir.path(), 1 << 20);
        let stretch = folder.write(1, 0, &batch("text", 5)).unwrap();
        let path = folder.file_path(1).unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            fs::write(&path, &damaged).unwrap();
            let read = folder.read(1, &stretch, &mut Batch::default());
            assert!(matches!(read, Err(SpoolError::Torn { .. })), "byte {at}");
        }
        fs::write(&path, &whole).unwrap();
        folder.read(1, &stretch, &mut Batch::default()).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_is_the_operators() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "x").unwrap();
        let error = Folder::new(&path, 1 << 20).write(1, 0, &batch("x", 1));
        let error = error.unwrap_err();
        assert!(matches!(error, SpoolError::Io { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Operator);
        assert_eq!(fs::read(&path).unwrap(), b"x");
    }

    #[test]
    fn it_has_a_limit_and_leaves_the_files_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let mut folder = Folder::new(dir.path(), 1000);
        let full = folder.write(1, 0, &batch("x", 100)).unwrap_err();
        assert!(matches!(full, SpoolError::Full { limit: 1000 }));
        folder.write(1, 0, &batch("x", 3)).unwrap();
        let foreign = dir.path().join("foreign");
        fs::create_dir(&foreign).unwrap();
        fs::write(foreign.join("file"), "x").unwrap();
        // What a process that was killed leaves: its lock is free.
        let dead = dir.path().join("dead");
        fs::create_dir(&dead).unwrap();
        fs::write(dead.join("lock"), "").unwrap();
        fs::write(dead.join("1"), "rows").unwrap();
        drop(Folder::new(dir.path(), 1000));
        assert!(foreign.join("file").exists() && !dead.exists());
        assert!(
            folder.file_path(1).unwrap().exists(),
            "in use by another process"
        );
    }
}
