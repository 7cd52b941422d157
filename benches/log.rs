//! A binlog in memory, and a state that works it off: what the benchmarks and the test of allocations share.
//!
//! Takes the bytes of binlog files as the server wrote them; gives their events in chunks as the reader would. No
//! server, no sink: batches are acknowledged as they come.

use std::sync::Arc;

use regex::Regex;
use remora::config::modes::{Envelope, EnvelopeVersion, Modes};
use remora::config::{RowImage, Skipped, TableLists, TopicNaming};
use remora::encode::envelope::Style;
use remora::pipeline::error::Error;
use remora::pipeline::{Begin, Bounds, Input, Outbox, State};
use remora::position::{FilePosition, GtidSet, Position};
use remora::schema::catalog::Rules;
use remora::schema::columns::ColumnRules;
use remora::schema::definitions::Definitions;
use remora::sink::batch::{Batch, BatchSeq};
use remora::source::chunk::Chunk;
use remora::source::payload::Limits;

/// Size of a chunk, as the reader fills it.
const CHUNK_BYTES: usize = 256 << 10;
/// What a binlog file begins with.
const MAGIC_BYTES: usize = 4;
const HEADER_BYTES: usize = 19;

/// The events of one binlog file, in chunks. A file that is still written to ends with its last whole event.
pub(crate) fn chunks(file: &[u8]) -> Vec<Chunk> {
    let mut found = vec![Chunk::default()];
    let mut rest = file.get(MAGIC_BYTES..).unwrap_or_default();
    while let Some(size) = event_size(rest) {
        let Some((event, after)) = rest.split_at_checked(size.max(HEADER_BYTES)) else {
            break;
        };
        if let Some(chunk) = found.last_mut() {
            let start = chunk.bytes.len();
            chunk.bytes.extend_from_slice(event);
            chunk.events.push(start..chunk.bytes.len());
            if chunk.bytes.len() >= CHUNK_BYTES {
                found.push(Chunk::default());
            }
        }
        rest = after;
    }
    found
}

fn event_size(bytes: &[u8]) -> Option<usize> {
    let size = bytes.get(9..13)?.try_into().ok()?;
    usize::try_from(u32::from_le_bytes(size)).ok()
}

/// A state at the start of a binlog, for the tables that `include` matches as `database.table`.
pub(crate) fn state(prefix: &str, include: Vec<Regex>) -> State {
    let end = FilePosition {
        file: "mysql-bin.000001".to_owned(),
        offset: 4,
    };
    let rules = Rules {
        topic_prefix: prefix.to_owned(),
        delimiter: ".".to_owned(),
        naming: TopicNaming::Default,
        tables: TableLists {
            include,
            ..TableLists::default()
        },
        read_minimal: true,
        modes: Modes::default(),
        envelope: Envelope::default(),
        columns: ColumnRules::default(),
    };
    let style = Style {
        skip_unchanged: false,
        transactions: None,
        heartbeats: None,
        queries: false,
        version: EnvelopeVersion::V3,
        name: prefix.to_owned(),
        tombstones: true,
        ids: false,
        skipped: Skipped::default(),
        unavailable: String::new(),
    };
    let payload = Limits {
        event_bytes_max: 1 << 30,
        transaction_bytes_max: 1 << 40,
    };
    let bounds = Bounds {
        payload,
        memory_bytes_max: 1 << 30,
        row_image: RowImage::Full,
    };
    let begin = Begin {
        position: Position::new(Some(GtidSet::default()), end),
        definitions: Definitions::default(),
        learning: false,
    };
    State::new(begin, rules, style, bounds)
}

/// Takes batches and gives the last one back, empty: nothing is kept but the numbers to acknowledge.
#[derive(Debug, Default)]
pub(crate) struct Counting {
    spare: Batch,
    unacked: Vec<BatchSeq>,
}

impl Outbox for Counting {
    fn send(&mut self, batch: Batch) -> Result<Batch, Error> {
        self.unacked.push(batch.seq);
        Ok(std::mem::replace(&mut self.spare, batch))
    }

    fn store(
        &mut self,
        _position: &Position,
        _definitions: Option<&Arc<Definitions>>,
    ) -> Result<(), Error> {
        Ok(())
    }
}

/// Works off the chunks and acknowledges every batch.
///
/// # Errors
/// What the state says of a binlog that it cannot read.
pub(crate) fn work_off(
    state: &mut State,
    chunks: &[Chunk],
    outbox: &mut Counting,
) -> Result<(), Error> {
    for chunk in chunks {
        let now_ns = 1_700_000_000_000_000_000;
        state.handle(Input::Events { chunk, now_ns }, outbox)?;
        while let Some(seq) = outbox.unacked.pop() {
            state.handle(Input::Acked(seq), outbox)?;
        }
    }
    Ok(())
}
