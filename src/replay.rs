//! `remora replay`: binlog files to records, without a server.
//!
//! Takes paths in the order of the log; gives batches to a sink and, at the end, a [`Report`] whose ledger
//! accounts for every byte of the files. Events go the same way as those of a server, through
//! [`State::handle`]; no position is stored. It never decides what a failure means: that is the caller's.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::config::modes::{Envelope, EnvelopeVersion, Modes};
use crate::config::{RowImage, Skipped, TableLists, TopicNaming};
use crate::encode::envelope::Style;
use crate::error::{Classify, Fault};
use crate::ledger::{Entry, Ledger, Origin};
use crate::pipeline::error::Error;
use crate::pipeline::{Begin, Bounds, Counts, Input, Outbox, State};
use crate::position::{FilePosition, Position};
use crate::schema::catalog::Rules;
use crate::schema::columns::ColumnRules;
use crate::schema::definitions::Definitions;
use crate::sink::SinkError;
use crate::sink::batch::{Batch, BatchSeq};
use crate::source::chunk::Chunk;
use crate::source::file::{BinlogFiles, FileError, MAGIC};
use crate::source::payload::Limits;

/// Bytes of one event inside a compressed group: the largest that a server can write.
const EVENT_BYTES_MAX: usize = 1 << 30;
/// Bytes that one compressed group may inflate to, as `mysql.transaction_bytes_max` by default.
const TRANSACTION_BYTES_MAX: u64 = 64 << 30;
/// Bytes in memory for groups that must wait for their end: a replay has no disk of its own for them.
const MEMORY_BYTES_MAX: usize = 1 << 30;

/// What to read and how.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The files, in the order of the log.
    pub files: Vec<PathBuf>,
    /// Start of each topic, and `source.name`.
    pub topic_prefix: String,
    /// Which tables are captured.
    pub tables: TableLists,
    /// Write the change id of each record.
    pub ids: bool,
}

/// Takes the records of a batch; the batch belongs to the caller again on return.
pub type Take<'a> = dyn FnMut(&Batch) -> Result<(), SinkError> + 'a;

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// What became of each event.
    pub ledger: Ledger,
    /// Rows and records.
    pub counts: Counts,
    /// Files.
    pub files: usize,
    /// Bytes of the files.
    pub file_bytes: u64,
    /// Why it ended before the end of the last file.
    pub failure: Option<ReplayError>,
}

/// Why files could not be replayed to their end.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// What was found in it.
    #[error(transparent)]
    Pipeline(#[from] Error),
    /// The ledger does not account for every byte.
    #[error("the ledger has {counted} bytes where the files have {file_bytes}")]
    Ledger {
        /// Bytes of events and magic numbers.
        counted: u64,
        /// Bytes of the files.
        file_bytes: u64,
    },
}

impl Classify for ReplayError {
    fn fault(&self) -> Fault {
        match self {
            ReplayError::File(error) => error.fault(),
            ReplayError::Pipeline(error) => error.fault(),
            ReplayError::Ledger { .. } => Fault::Bug,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            ReplayError::File(error) => error.remedy(),
            ReplayError::Pipeline(error) => error.remedy(),
            ReplayError::Ledger { .. } => Some(Cow::Borrowed(
                "replay files that no server writes to meanwhile; otherwise report this, with the ledger",
            )),
        }
    }
}

/// Reads the files to their end, or to the first thing that stops it.
pub fn replay(replay: &Replay, take: &mut Take<'_>) -> Report {
    let mut state = state(replay);
    let failure = read(replay, &mut state, take).err();
    let mut report = Report {
        ledger: state.ledger().clone(),
        counts: *state.counts(),
        files: replay.files.len(),
        // What cannot be read is named by the failure.
        file_bytes: replay.files.iter().map(file_bytes).sum(),
        failure,
    };
    if report.failure.is_none() && report.counted() != report.file_bytes {
        report.failure = Some(ReplayError::Ledger {
            counted: report.counted(),
            file_bytes: report.file_bytes,
        });
    }
    report
}

fn file_bytes(path: &PathBuf) -> u64 {
    std::fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn state(replay: &Replay) -> State {
    let name = replay.files.first().and_then(|path| path.file_name());
    let end = FilePosition {
        file: name.map_or_else(String::new, |name| name.to_string_lossy().into_owned()),
        offset: MAGIC.len() as u64,
    };
    // Without a GTID set of its own: groups with GTIDs and without may follow each other.
    let position = Position::new(None, end);
    let rules = Rules {
        topic_prefix: replay.topic_prefix.clone(),
        delimiter: ".".to_owned(),
        naming: TopicNaming::Default,
        tables: replay.tables.clone(),
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
        name: replay.topic_prefix.clone(),
        tombstones: true,
        ids: replay.ids,
        unavailable: String::new(),
        skipped: Skipped {
            truncates: true,
            ..Skipped::default()
        },
    };
    let payload = Limits {
        event_bytes_max: EVENT_BYTES_MAX,
        transaction_bytes_max: TRANSACTION_BYTES_MAX,
    };
    let bounds = Bounds {
        payload,
        memory_bytes_max: MEMORY_BYTES_MAX,
        row_image: RowImage::Full,
    };
    // A log that begins with the server has every definition; for others the events must do.
    let begin = Begin {
        position,
        definitions: Definitions::new(false),
        learning: false,
    };
    State::new(begin, rules, style, bounds)
}

fn read(replay: &Replay, state: &mut State, take: &mut Take<'_>) -> Result<(), ReplayError> {
    let mut files = BinlogFiles::new(replay.files.iter().cloned());
    let mut chunk = Chunk::default();
    let mut outbox = Taker {
        take,
        taken: Vec::new(),
    };
    while files.read(&mut chunk)? {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let input = Input::Events {
            chunk: &chunk,
            now_ns: u64::try_from(now.as_nanos()).unwrap_or(u64::MAX),
        };
        state.handle(input, &mut outbox)?;
        for seq in std::mem::take(&mut outbox.taken) {
            state.handle(Input::Acked(seq), &mut outbox)?;
        }
    }
    Ok(())
}

struct Taker<'a, 'b> {
    take: &'a mut Take<'b>,
    taken: Vec<BatchSeq>,
}

impl Outbox for Taker<'_, '_> {
    fn send(&mut self, batch: Batch) -> Result<Batch, Error> {
        (self.take)(&batch)?;
        self.taken.push(batch.seq);
        Ok(batch)
    }

    fn store(&mut self, _: &Position, _: Option<&Arc<Definitions>>) -> Result<(), Error> {
        Ok(())
    }
}

impl Report {
    /// Bytes that the ledger accounts for: events, and the number that each file starts with.
    pub fn counted(&self) -> u64 {
        // Each file that was opened is announced by one event that is in none.
        let opened = self.ledger.tally(Origin::MadeUp, Entry::Rotate).events;
        let magic = opened.saturating_mul(MAGIC.len() as u64);
        self.ledger.sum(Origin::File).bytes.saturating_add(magic)
    }

    /// The report as one JSON object.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct LineOut {
            origin: &'static str,
            fate: &'static str,
            kind: &'static str,
            events: u64,
            bytes: u64,
        }
        #[derive(Serialize)]
        struct Out {
            files: usize,
            file_bytes: u64,
            counted_bytes: u64,
            transactions: u64,
            rows: u64,
            records: u64,
            ledger: Vec<LineOut>,
            error: Option<String>,
            remedy: Option<String>,
        }
        let line = |line: crate::ledger::Line| LineOut {
            origin: line.origin.as_str(),
            fate: line.entry.fate(),
            kind: line.entry.kind(),
            events: line.tally.events,
            bytes: line.tally.bytes,
        };
        let remedy = self.failure.as_ref().and_then(Classify::remedy);
        let out = Out {
            files: self.files,
            file_bytes: self.file_bytes,
            counted_bytes: self.counted(),
            transactions: self.counts.transactions,
            rows: self.counts.rows.iter().sum(),
            records: self.counts.records,
            ledger: self.ledger.lines().map(line).collect(),
            error: self.failure.as_ref().map(ToString::to_string),
            remedy: remedy.map(Cow::into_owned),
        };
        // Strings and numbers only: these cannot fail to be written.
        serde_json::to_string(&out).unwrap_or_default()
    }
}

impl fmt::Display for Report {
    /// The ledger, what it sums up to, and what stopped the reading.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        writeln!(f, "{}", self.ledger)?;
        write!(
            f,
            "{} transactions, {} rows, {} records; {} of {} bytes in {} files",
            counts.transactions,
            counts.rows.iter().sum::<u64>(),
            counts.records,
            self.counted(),
            self.file_bytes,
            self.files
        )?;
        let unfinished = self.ledger.tally(Origin::File, Entry::Unfinished);
        if unfinished.events > 0 {
            write!(
                f,
                "\nthe last transaction has no end in these files: its rows may never have been committed"
            )?;
        }
        if let Some(failure) = &self.failure {
            write!(f, "\nerror: {failure}")?;
            if let Some(remedy) = failure.remedy() {
                write!(f, "; {remedy}")?;
            }
        }
        Ok(())
    }
}
