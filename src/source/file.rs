//! Binlog files as a stream: what a server would send of them.
//!
//! Takes paths in the order of the log; gives chunks of events as a dump does: ahead of each file the
//! made-up ROTATE that names it, and the format description without the mark of a file that was never
//! closed. It reads nothing into the events: bytes that are none, and the rest of a file that ends inside an
//! event, go on as they are, for the decoder to refuse at their place. Memory grows with bytes that are
//! there, never with a number that was read.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

use crate::error::{Classify, Fault};
use crate::event::{FLAG_ARTIFICIAL, HEADER_BYTES, code};
use crate::source::binlog::read_header;
use crate::source::chunk::Chunk;

/// What every binlog file starts with.
pub const MAGIC: [u8; 4] = [0xfe, b'b', b'i', b'n'];
/// What an encrypted one starts with.
const MAGIC_ENCRYPTED: [u8; 4] = [0xfd, b'b', b'i', b'n'];
/// In a format description: the file is being written, or was when the server died. The server clears it
/// before it sends the event, since the checksum is that of the event without it.
const FLAG_IN_USE: u8 = 1;
/// Offset of the flags in the header.
const FLAGS_AT: usize = 17;
/// Bytes of events from which on a chunk is full.
const CHUNK_BYTES: usize = 256 << 10;
/// Bytes of the largest event that a server can write.
const EVENT_BYTES_MAX: u64 = 1 << 30;

/// Why a file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The system refuses.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        #[source]
        source: io::Error,
    },
    /// It starts with other bytes than a binlog does.
    #[error("{} is not a binlog file", path.display())]
    NotBinlog {
        /// The file.
        path: PathBuf,
    },
    /// The server wrote it encrypted.
    #[error("{} is encrypted (binlog_encryption)", path.display())]
    Encrypted {
        /// The file.
        path: PathBuf,
    },
    /// Nothing says how its events are written.
    #[error("{} does not start with a format description", path.display())]
    NoFormat {
        /// The file.
        path: PathBuf,
    },
    /// Its name cannot stand in a ROTATE event.
    #[error("the name of {} is not UTF-8", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// An event larger than any server writes.
    #[error("an event of {bytes} bytes at {}:{offset}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Where it starts.
        offset: u64,
        /// In its header.
        bytes: u64,
    },
}

impl Classify for FileError {
    fn fault(&self) -> Fault {
        match self {
            FileError::Io { .. } | FileError::Encrypted { .. } | FileError::Name { .. } => {
                Fault::Operator
            }
            FileError::NotBinlog { .. }
            | FileError::NoFormat { .. }
            | FileError::TooLarge { .. } => Fault::Data,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            FileError::Io { .. } => "name files that this account can read",
            FileError::NotBinlog { .. } => "name binlog files, as SHOW BINARY LOGS lists them",
            FileError::Encrypted { .. } => {
                "fetch it from the server, which decrypts it: mysqlbinlog --read-from-remote-server --raw"
            }
            FileError::NoFormat { .. } | FileError::TooLarge { .. } => {
                "check the file with mysqlbinlog --verify-binlog-checksum; copy it again from the server"
            }
            FileError::Name { .. } => "give the file a name in ASCII",
        }))
    }
}

/// Files that are read one after the other.
pub struct BinlogFiles {
    waiting: VecDeque<PathBuf>,
    open: Option<Open>,
    // Of the events that come now: the server's own, as its made-up events carry one or not.
    checksummed: bool,
    failure: Option<FileError>,
}

struct Open {
    path: PathBuf,
    reader: BufReader<File>,
    offset: u64,
}

impl BinlogFiles {
    /// Nothing is opened yet.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>) -> BinlogFiles {
        BinlogFiles {
            waiting: paths.into_iter().collect(),
            open: None,
            // As on a dump connection: until the first format description, what was asked for.
            checksummed: true,
            failure: None,
        }
    }

    /// Reads the next events into `chunk`, which it empties first; `false` at the end of the last file.
    ///
    /// # Errors
    /// [`FileError`]; everything before it was in the chunks before.
    pub fn read(&mut self, chunk: &mut Chunk) -> Result<bool, FileError> {
        chunk.bytes.clear();
        chunk.events.clear();
        // One large event must not keep its memory for ever.
        chunk.bytes.shrink_to(4 * CHUNK_BYTES);
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        while chunk.bytes.len() < CHUNK_BYTES {
            match self.next(chunk) {
                Ok(true) => {}
                Ok(false) => break,
                Err(failure) if chunk.events.is_empty() => return Err(failure),
                Err(failure) => {
                    self.failure = Some(failure);
                    break;
                }
            }
        }
        Ok(!chunk.events.is_empty())
    }

    /// Appends one event, or the ROTATE ahead of a file.
    fn next(&mut self, chunk: &mut Chunk) -> Result<bool, FileError> {
        if let Some(open) = &mut self.open {
            let first = open.offset == MAGIC.len() as u64;
            let start = chunk.bytes.len();
            open.event(&mut chunk.bytes)?;
            let event = chunk.bytes.get_mut(start..).unwrap_or_default();
            if event.is_empty() {
                self.open = None;
                return self.next(chunk);
            }
            match format_of(event) {
                Some(checksummed) => self.checksummed = checksummed,
                None if first => {
                    let path = open.path.clone();
                    chunk.bytes.truncate(start);
                    return Err(FileError::NoFormat { path });
                }
                None => {}
            }
            chunk.events.push(start..chunk.bytes.len());
            return Ok(true);
        }
        let Some(path) = self.waiting.pop_front() else {
            return Ok(false);
        };
        let rotate = rotate_to(&path, self.checksummed)?;
        self.open = Some(Open::new(path)?);
        let start = chunk.bytes.len();
        chunk.bytes.extend_from_slice(&rotate);
        chunk.events.push(start..chunk.bytes.len());
        Ok(true)
    }
}

impl Open {
    fn new(path: PathBuf) -> Result<Open, FileError> {
        let io = |source| FileError::Io {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(io)?;
        let mut reader = BufReader::with_capacity(CHUNK_BYTES, file);
        let mut magic = [0; MAGIC.len()];
        match reader.read_exact(&mut magic) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(FileError::NotBinlog { path });
            }
            Err(error) => return Err(io(error)),
        }
        match magic {
            MAGIC => Ok(Open {
                path,
                reader,
                offset: MAGIC.len() as u64,
            }),
            MAGIC_ENCRYPTED => Err(FileError::Encrypted { path }),
            _ => Err(FileError::NotBinlog { path }),
        }
    }

    /// Appends the next event, or as much of it as is there; nothing at the end of the file.
    fn event(&mut self, bytes: &mut Vec<u8>) -> Result<(), FileError> {
        let start = bytes.len();
        self.append(bytes, HEADER_BYTES as u64)?;
        let header = bytes.get(start..).map(read_header);
        let size = match header {
            Some(Ok(header)) => u64::from(header.size),
            Some(Err(_)) | None => 0,
        };
        if size > EVENT_BYTES_MAX {
            let (path, offset) = (self.path.clone(), self.offset);
            bytes.truncate(start);
            return Err(FileError::TooLarge {
                path,
                offset,
                bytes: size,
            });
        }
        self.append(bytes, size.saturating_sub(HEADER_BYTES as u64))?;
        self.offset = self.offset.saturating_add((bytes.len() - start) as u64);
        Ok(())
    }

    fn append(&mut self, bytes: &mut Vec<u8>, count: u64) -> Result<(), FileError> {
        let read = self.reader.by_ref().take(count).read_to_end(bytes);
        read.map(drop).map_err(|source| FileError::Io {
            path: self.path.clone(),
            source,
        })
    }
}

/// Of a format description: takes the mark off it, and gives whether the events after it are checksummed.
fn format_of(event: &mut [u8]) -> Option<bool> {
    let header = read_header(event).ok()?;
    if header.code != code::FORMAT_DESCRIPTION {
        return None;
    }
    if let Some(flags) = event.get_mut(FLAGS_AT) {
        *flags &= !FLAG_IN_USE;
    }
    // The algorithm stands in front of the checksum.
    let algorithm = event.len().checked_sub(5).and_then(|at| event.get(at));
    Some(algorithm == Some(&1))
}

/// The event that a server makes up at the start of each file.
fn rotate_to(path: &Path, checksummed: bool) -> Result<Vec<u8>, FileError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| FileError::Name {
        path: path.to_owned(),
    })?;
    let checksum_bytes = if checksummed { 4 } else { 0 };
    let size = HEADER_BYTES + 8 + name.len() + checksum_bytes;
    // No file system has names that would not fit.
    let size = u32::try_from(size).unwrap_or(u32::MAX);
    let mut event = vec![0, 0, 0, 0, code::ROTATE, 0, 0, 0, 0];
    event.extend_from_slice(&size.to_le_bytes());
    event.extend_from_slice(&[0; 4]);
    event.extend_from_slice(&FLAG_ARTIFICIAL.to_le_bytes());
    event.extend_from_slice(&(MAGIC.len() as u64).to_le_bytes());
    event.extend_from_slice(name.as_bytes());
    if checksummed {
        let crc = crc32fast::hash(&event);
        event.extend_from_slice(&crc.to_le_bytes());
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::binlog::Decoder;
    use crate::source::binlog::tests::{event, format};

    /// Files in a folder, and what is read of them: the code of each event, and the error.
    fn check(files: &[Vec<u8>]) -> (Vec<u8>, Option<FileError>) {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        for (number, bytes) in files.iter().enumerate() {
            let path = folder.path().join(format!("bin.{number:06}"));
            std::fs::write(&path, bytes).unwrap();
            paths.push(path);
        }
        let (mut files, mut chunk) = (BinlogFiles::new(paths), Chunk::default());
        let (mut decoder, mut codes) = (Decoder::new(), Vec::new());
        loop {
            match files.read(&mut chunk) {
                Ok(true) => {}
                Ok(false) => return (codes, None),
                Err(error) => return (codes, Some(error)),
            }
            for bytes in chunk.iter() {
                // A damaged event is the decoder's to refuse: 0 stands for it.
                codes.push(decoder.read(bytes).map_or(0, |event| event.header.code));
            }
        }
    }

    fn file(events: &[Vec<u8>]) -> Vec<u8> {
        [MAGIC.to_vec(), events.concat()].concat()
    }

    #[test]
    fn each_file_is_announced_as_a_server_does() {
        let xid = || event(code::XID, 0, &[0; 8]);
        let mut bare = xid();
        bare.truncate(bare.len() - 4);
        bare[9] -= 4;
        let checked = file(&[format(1), xid(), xid()]);
        let unchecked = file(&[format(0), bare]);
        let (codes, error) = check(&[checked.clone(), unchecked, checked]);
        assert!(error.is_none(), "{error:?}");
        assert_eq!(codes, [4, 15, 16, 16, 4, 15, 16, 4, 15, 16, 16]);
    }

    #[test]
    fn a_file_that_was_never_closed_is_read_to_its_end() {
        let mut format = format(1);
        format[FLAGS_AT] |= FLAG_IN_USE;
        let xid = event(code::XID, 0, &[0; 8]);
        let whole = file(&[format.clone(), xid.clone()]);
        assert_eq!(check(std::slice::from_ref(&whole)).0, [4, 15, 16]);
        for missing in 1..xid.len() {
            let cut = whole[..whole.len() - missing].to_vec();
            let (codes, error) = check(&[cut]);
            assert!(error.is_none() && codes == [4, 15, 0], "{missing} missing");
        }
    }

    #[test]
    fn what_is_no_binlog_is_named() {
        let first = |files: &[Vec<u8>]| check(files).1.unwrap();
        let not_binlog = first(&[b"CREATE TABLE".to_vec()]);
        assert!(matches!(not_binlog, FileError::NotBinlog { .. }));
        assert!(matches!(
            first(&[b"\xfe".to_vec()]),
            FileError::NotBinlog { .. }
        ));
        let encrypted = first(&[b"\xfdbin....".to_vec()]);
        assert!(matches!(encrypted, FileError::Encrypted { .. }));
        let no_format = first(&[file(&[event(code::XID, 0, &[0; 8])])]);
        assert!(matches!(no_format, FileError::NoFormat { .. }));
        let mut large = event(code::XID, 0, &[0; 8]);
        large[9..13].copy_from_slice(&u32::MAX.to_le_bytes());
        let (codes, too_large) = check(&[file(&[format(1), large])]);
        assert!(matches!(
            too_large,
            Some(FileError::TooLarge { offset: 126, .. })
        ));
        assert_eq!(codes, [4, 15]);
        assert!(too_large.is_some_and(|error| error.remedy().is_some()));
        let gone =
            BinlogFiles::new([PathBuf::from("/nowhere/bin.000001")]).read(&mut Chunk::default());
        assert!(matches!(gone, Err(FileError::Io { .. })));
    }
}
