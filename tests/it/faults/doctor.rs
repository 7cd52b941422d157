//! A closed binlog file, damaged in one place: the server sends it as it finds it.

use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Type codes.
pub(crate) const WRITE_ROWS: u8 = 30;
pub(crate) const XID: u8 = 16;
const QUERY: u8 = 2;
const PAYLOAD: u8 = 40;

pub(crate) struct Log {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Log {
    pub(crate) fn read(path: &Path) -> Log {
        Log {
            path: path.to_owned(),
            bytes: fs::read(path).unwrap(),
        }
    }

    /// Puts a damaged copy in the file's place.
    pub(crate) fn write(&self, damaged: &[u8]) {
        assert_ne!(damaged, self.bytes, "nothing was damaged");
        fs::write(&self.path, damaged).unwrap();
    }

    /// Puts the file back as it was.
    pub(crate) fn restore(&self) {
        fs::write(&self.path, &self.bytes).unwrap();
    }

    /// One bit of the event's body is other than its checksum says.
    pub(crate) fn flipped(&self, code: u8, number: usize) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[self.event(code, number).start + 40] ^= 4;
        bytes
    }

    /// The event's last bytes are missing; size and checksum fit what is left.
    pub(crate) fn truncated(&self, code: u8, number: usize) -> Vec<u8> {
        self.replaced(code, number, |event| event.truncate(event.len() - 8))
    }

    /// The event has another type; the checksum fits.
    pub(crate) fn retyped(&self, code: u8, number: usize, new: u8) -> Vec<u8> {
        self.replaced(code, number, |event| event[4] = new)
    }

    /// The compressed bytes are damaged; the checksum fits.
    pub(crate) fn broken_payload(&self) -> Vec<u8> {
        self.replaced(PAYLOAD, 0, |event| {
            let middle = event.len() - 20;
            event[middle..].fill(0xaa);
        })
    }

    /// The compressed group claims another size; the checksum fits.
    pub(crate) fn lying_payload(&self, claimed: u64) -> Vec<u8> {
        self.replaced(PAYLOAD, 0, |event| {
            // Fields are number, length, value; number 3 is the inflated size, here of three bytes (0xfc and two).
            let at = event
                .windows(3)
                .position(|window| window == [3, 3, 0xfc])
                .expect("field 3");
            let mut field = vec![3, 9, 0xfe];
            field.extend_from_slice(&claimed.to_le_bytes());
            event.splice(at..at + 5, field);
        })
    }

    /// Statements say something else in as many bytes; the checksums fit.
    pub(crate) fn reworded(&self, from: &str, to: &str) -> Vec<u8> {
        assert_eq!(from.len(), to.len());
        let mut bytes = self.bytes.clone();
        let events = Events {
            bytes: &self.bytes,
            at: 4,
        };
        for range in events.filter(|range| self.bytes[range.start + 4] == QUERY) {
            let (event, crc) = bytes[range.clone()].split_at_mut(range.len() - 4);
            let at = event
                .windows(from.len())
                .position(|window| window == from.as_bytes());
            if let Some(at) = at {
                event[at..at + to.len()].copy_from_slice(to.as_bytes());
                crc.copy_from_slice(&crc32fast::hash(event).to_le_bytes());
            }
        }
        bytes
    }

    /// The `number`th event of a type whose row is not the first: events of the table `t` only.
    fn event(&self, code: u8, number: usize) -> Range<usize> {
        let events = Events {
            bytes: &self.bytes,
            at: 4,
        };
        let mut of_type = events.filter(|range| self.bytes[range.start + 4] == code);
        of_type.nth(number).expect("an event of that type")
    }

    /// Changes an event without its checksum, then sets its size and checksum.
    fn replaced(&self, code: u8, number: usize, change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let range = self.event(code, number);
        let mut event = self.bytes[range.start..range.end - 4].to_vec();
        change(&mut event);
        let size = u32::try_from(event.len() + 4).unwrap();
        event[9..13].copy_from_slice(&size.to_le_bytes());
        event.extend_from_slice(&crc32fast::hash(&event).to_le_bytes());
        [&self.bytes[..range.start], &event, &self.bytes[range.end..]].concat()
    }
}

struct Events<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Events<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let size = self.bytes.get(self.at + 9..self.at + 13)?;
        let start = self.at;
        self.at += u32::from_le_bytes(size.try_into().unwrap()) as usize;
        Some(start..self.at)
    }
}
