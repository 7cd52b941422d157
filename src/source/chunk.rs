//! The unit that the reader hands over: a buffer of binlog events, reused for ever.

use std::ops::Range;

/// Binlog events as they came from the server, each complete, without packet headers and status bytes.
///
/// The buffer goes back to the reader when its events are used up: a fixed number of chunks in
/// circulation is the bound of the read-ahead.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The bytes; only those named by `events` mean anything.
    pub bytes: Vec<u8>,
    /// Where each event lies in `bytes`, in the order of arrival: common header to checksum.
    pub events: Vec<Range<usize>>,
}

impl Chunk {
    /// The events in the order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.events
            .iter()
            .filter_map(|range| self.bytes.get(range.clone()))
    }

    /// Bytes of all events.
    pub fn event_bytes(&self) -> usize {
        self.events.iter().map(Range::len).sum()
    }
}
