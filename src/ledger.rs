//! A ledger of the stream: what became of each event, in events and in bytes.
//!
//! Takes one line an event from the pipeline; gives sums by origin, fate and kind. Pure, a fixed number of
//! integers, nothing per row. It never decides anything. What holds: every event is in exactly one line, so
//! the bytes of the origin [`Origin::File`] are those of the files that were read, less the magic number
//! that each file starts with.

use std::fmt;

use serde::Serialize;

use crate::event::{Body, Event, FLAG_ARTIFICIAL, Ignored, code};

/// Where an event's bytes lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a binlog file.
    File,
    /// Inside a compressed group: its bytes are not those of the file.
    Compressed,
    /// Nowhere: the server made it up for the dump.
    MadeUp,
}

impl Origin {
    /// All of them.
    pub const ALL: [Origin; 3] = [Origin::File, Origin::Compressed, Origin::MadeUp];

    /// Its label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::File => "file",
            Origin::Compressed => "compressed",
            Origin::MadeUp => "made_up",
        }
    }

    /// Of an event that came by itself.
    pub fn of(event: &Event<'_>) -> Origin {
        let header = &event.header;
        // The format description of a file that is not read from its start comes all the same, without a place.
        let repeated = header.code == code::FORMAT_DESCRIPTION && header.log_pos == 0;
        let heartbeat = matches!(event.body, Body::Heartbeat);
        if header.flags & FLAG_ARTIFICIAL != 0 || repeated || heartbeat {
            Origin::MadeUp
        } else {
            Origin::File
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Rows that became records.
    Emitted,
    /// Rows of a table that no pattern includes.
    NotIncluded,
    /// Rows of a table that a pattern excludes.
    Excluded,
    /// Rows of the server's own schemas.
    BuiltIn,
    /// Rows of an operation that `records.skipped_operations` names.
    Skipped,
    /// The end of a statement that touched no row.
    NoRows,
    /// Rows of a group that was rolled back in the log.
    RolledBack,
    /// Rows that were delivered before, and are read again on the way to one that is not.
    Delivered,
    /// Rows of a group whose end has not come yet.
    Unfinished,
    /// Rows of XA transactions that are prepared, and neither committed nor rolled back yet.
    Prepared,
    /// FORMAT_DESCRIPTION.
    Format,
    /// PREVIOUS_GTIDS.
    PreviousGtids,
    /// GTID, anonymous and tagged.
    Gtid,
    /// QUERY: BEGIN, COMMIT, DDL.
    Query,
    /// XID.
    Xid,
    /// XA_PREPARE.
    XaPrepare,
    /// TABLE_MAP.
    TableMap,
    /// A compressed group: what is inside has the origin [`Origin::Compressed`].
    Payload,
    /// ROTATE.
    Rotate,
    /// A heartbeat.
    Heartbeat,
    /// STOP.
    Stop,
    /// INTVAR, RAND and USER_VAR.
    StatementContext,
    /// ROWS_QUERY.
    RowsQuery,
    /// Group Replication's own.
    GroupReplication,
    /// Marked as ignorable.
    Ignorable,
    /// The event at which the reading stopped.
    Refused,
}

impl Entry {
    /// All of them.
    pub const ALL: [Entry; COUNT] = [
        Entry::Emitted,
        Entry::NotIncluded,
        Entry::Excluded,
        Entry::BuiltIn,
        Entry::Skipped,
        Entry::NoRows,
        Entry::RolledBack,
        Entry::Delivered,
        Entry::Unfinished,
        Entry::Prepared,
        Entry::Format,
        Entry::PreviousGtids,
        Entry::Gtid,
        Entry::Query,
        Entry::Xid,
        Entry::XaPrepare,
        Entry::TableMap,
        Entry::Payload,
        Entry::Rotate,
        Entry::Heartbeat,
        Entry::Stop,
        Entry::StatementContext,
        Entry::RowsQuery,
        Entry::GroupReplication,
        Entry::Ignorable,
        Entry::Refused,
    ];

    /// What an event is before anybody looked at its table.
    pub fn of(body: &Body<'_>) -> Entry {
        match body {
            Body::FormatDescription(_) => Entry::Format,
            Body::Rotate { .. } => Entry::Rotate,
            Body::Gtid(_) => Entry::Gtid,
            Body::Query(_) => Entry::Query,
            Body::Xid => Entry::Xid,
            Body::XaPrepare(_) => Entry::XaPrepare,
            Body::TableMap(_) => Entry::TableMap,
            Body::Rows(_) => Entry::Emitted,
            Body::Payload(_) => Entry::Payload,
            Body::PreviousGtids(_) => Entry::PreviousGtids,
            Body::Heartbeat => Entry::Heartbeat,
            Body::Ignored(Ignored::Stop) => Entry::Stop,
            Body::Ignored(Ignored::StatementContext) => Entry::StatementContext,
            Body::RowsQuery(_) => Entry::RowsQuery,
            Body::Ignored(Ignored::GroupReplication) => Entry::GroupReplication,
            Body::Ignored(Ignored::Ignorable) => Entry::Ignorable,
        }
    }

    /// Whether events stay in this line: a counter of the others would have to go back.
    pub fn is_final(self) -> bool {
        !matches!(self, Entry::Unfinished | Entry::Prepared)
    }

    /// The label `fate`: what a reader asks first.
    pub fn fate(self) -> &'static str {
        match self {
            Entry::Emitted => "emitted",
            Entry::NotIncluded
            | Entry::Excluded
            | Entry::BuiltIn
            | Entry::Skipped
            | Entry::NoRows
            | Entry::RolledBack
            | Entry::Delivered => "filtered",
            Entry::Unfinished | Entry::Prepared => "unfinished",
            Entry::Format
            | Entry::PreviousGtids
            | Entry::Gtid
            | Entry::Query
            | Entry::Xid
            | Entry::XaPrepare
            | Entry::TableMap
            | Entry::Payload
            | Entry::Rotate
            | Entry::Heartbeat
            | Entry::Stop
            | Entry::StatementContext
            | Entry::RowsQuery
            | Entry::GroupReplication
            | Entry::Ignorable => "control",
            Entry::Refused => "refused",
        }
    }

    /// The label `kind`: by which rule, or of which type.
    pub fn kind(self) -> &'static str {
        match self {
            Entry::Emitted | Entry::Unfinished => "rows",
            Entry::NotIncluded => "not_included",
            Entry::Excluded => "excluded",
            Entry::BuiltIn => "built_in",
            Entry::Skipped => "skipped",
            Entry::NoRows => "no_rows",
            Entry::RolledBack => "rolled_back",
            Entry::Delivered => "delivered",
            Entry::Prepared => "prepared",
            Entry::Format => "format_description",
            Entry::PreviousGtids => "previous_gtids",
            Entry::Gtid => "gtid",
            Entry::Query => "query",
            Entry::Xid => "xid",
            Entry::XaPrepare => "xa_prepare",
            Entry::TableMap => "table_map",
            Entry::Payload => "payload",
            Entry::Rotate => "rotate",
            Entry::Heartbeat => "heartbeat",
            Entry::Stop => Ignored::Stop.as_str(),
            Entry::StatementContext => Ignored::StatementContext.as_str(),
            Entry::RowsQuery => "rows_query",
            Entry::GroupReplication => Ignored::GroupReplication.as_str(),
            Entry::Ignorable => Ignored::Ignorable.as_str(),
            Entry::Refused => "any",
        }
    }
}

/// Kinds of entries.
const COUNT: usize = 26;

/// Events and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub events: u64,
    /// Their bytes, header and checksum included.
    pub bytes: u64,
}

impl Tally {
    /// Adds another one to it.
    pub fn add(&mut self, other: Tally) {
        self.events = self.events.saturating_add(other.events);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    /// Takes away a part of it.
    pub fn subtract(&mut self, part: Tally) {
        self.events = self.events.saturating_sub(part.events);
        self.bytes = self.bytes.saturating_sub(part.bytes);
    }
}

/// What a group has in the ledger that is not decided: of each origin.
pub type Unfinished = [Tally; Origin::ALL.len()];

/// The ledger of one database, from its start on.
#[derive(Clone, Debug)]
pub struct Ledger {
    sums: [[Tally; COUNT]; Origin::ALL.len()],
    line: (Origin, Entry),
}

/// One line that has anything in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where the events lie.
    pub origin: Origin,
    /// What became of them.
    pub entry: Entry,
    /// How many, and their bytes.
    pub tally: Tally,
}

impl Default for Ledger {
    fn default() -> Ledger {
        Ledger {
            sums: [[Tally::default(); COUNT]; Origin::ALL.len()],
            line: (Origin::File, Entry::Refused),
        }
    }
}

impl Ledger {
    /// Bytes of which nothing is known yet: refused, unless [`Ledger::open`] says otherwise.
    pub fn begin(&mut self) {
        self.line = (Origin::File, Entry::Refused);
    }

    /// The event that the bytes are.
    pub fn open(&mut self, origin: Origin, body: &Body<'_>) {
        self.line = (origin, Entry::of(body));
    }

    /// What the event turns out to be, where its type alone does not say it.
    pub fn becomes(&mut self, entry: Entry) {
        self.line.1 = entry;
    }

    /// Counts the event; `read` says whether it was read to its end.
    pub fn close(&mut self, bytes: usize, read: bool) {
        let (origin, entry) = self.line;
        let entry = match (read, entry) {
            (false, _) => Entry::Refused,
            // Whether rows stand is known at the end of their group.
            (true, Entry::Emitted) => Entry::Unfinished,
            (true, entry) => entry,
        };
        let tally = Tally {
            events: 1,
            bytes: bytes as u64,
        };
        self.sums[origin as usize][entry as usize].add(tally);
    }

    /// The open group is complete: its rows are emitted, but for those said to be undone.
    pub fn stands(&mut self) {
        self.transfer(self.unfinished(), Entry::Unfinished, Entry::Emitted);
    }

    /// The open group does not count: its rows were not emitted.
    pub fn undone(&mut self) {
        self.transfer(self.unfinished(), Entry::Unfinished, Entry::RolledBack);
    }

    /// The open group waits for a word on it; gives what it has.
    pub fn prepared(&mut self) -> Unfinished {
        let rows = self.unfinished();
        self.transfer(rows, Entry::Unfinished, Entry::Prepared);
        rows
    }

    /// A prepared group, as [`Ledger::prepared`] gave it, stands or does not.
    pub fn decided(&mut self, rows: Unfinished, stands: bool) {
        let to = match stands {
            true => Entry::Emitted,
            false => Entry::RolledBack,
        };
        self.transfer(rows, Entry::Prepared, to);
    }

    /// What the open group has so far.
    pub fn unfinished(&self) -> Unfinished {
        Origin::ALL.map(|origin| self.tally(origin, Entry::Unfinished))
    }

    /// The open group goes back to where it had `kept`.
    pub fn back_to(&mut self, kept: Unfinished) {
        let mut undone = self.unfinished();
        for (undone, kept) in undone.iter_mut().zip(kept) {
            undone.subtract(kept);
        }
        self.transfer(undone, Entry::Unfinished, Entry::RolledBack);
    }

    fn transfer(&mut self, rows: Unfinished, from: Entry, to: Entry) {
        for (sums, rows) in self.sums.iter_mut().zip(rows) {
            sums[from as usize].subtract(rows);
            sums[to as usize].add(rows);
        }
    }

    /// What became of how many.
    pub fn tally(&self, origin: Origin, entry: Entry) -> Tally {
        self.sums[origin as usize][entry as usize]
    }

    /// All of an origin.
    pub fn sum(&self, origin: Origin) -> Tally {
        let mut sum = Tally::default();
        for tally in &self.sums[origin as usize] {
            sum.add(*tally);
        }
        sum
    }

    /// The lines that have anything in them.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        let all = |origin| Entry::ALL.map(|entry| (origin, entry));
        let tally = |(origin, entry)| Line {
            origin,
            entry,
            tally: self.tally(origin, entry),
        };
        let lines = Origin::ALL.into_iter().flat_map(all).map(tally);
        lines.filter(|line| line.tally.events > 0)
    }
}

impl fmt::Display for Ledger {
    /// A table: one line a kind of event.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = ["origin", "fate", "kind", "events", "bytes"];
        let [origin, fate, kind, events, bytes] = columns;
        write!(
            f,
            "{origin:10} {fate:10} {kind:18} {events:>12} {bytes:>16}"
        )?;
        for line in self.lines() {
            write!(
                f,
                "\n{:10} {:10} {:18} {:>12} {:>16}",
                line.origin.as_str(),
                line.entry.fate(),
                line.entry.kind(),
                line.tally.events,
                line.tally.bytes
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Header;

    fn line(origin: Origin, entry: Entry, events: u64, bytes: u64) -> Line {
        let tally = Tally { events, bytes };
        Line {
            origin,
            entry,
            tally,
        }
    }

    #[test]
    fn every_entry_has_a_place_and_labels_of_its_own() {
        let mut labels: Vec<_> = Entry::ALL.iter().map(|e| (e.fate(), e.kind())).collect();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), COUNT);
        for (place, entry) in Entry::ALL.into_iter().enumerate() {
            assert_eq!(entry as usize, place);
        }
        for (place, origin) in Origin::ALL.into_iter().enumerate() {
            assert_eq!(origin as usize, place);
        }
    }

    #[test]
    fn rows_are_emitted_when_their_group_stands() {
        let mut ledger = Ledger::default();
        let mut event = |body: Body<'_>, bytes| {
            ledger.begin();
            ledger.open(Origin::File, &body);
            if bytes == 40 {
                ledger.becomes(Entry::Excluded);
            }
            ledger.close(bytes, true);
        };
        let rows = crate::event::Rows {
            table_id: 1,
            operation: crate::event::Operation::Insert,
            columns: 1,
            present: &[1],
            present_after: &[1],
            partial: false,
            images: &[],
        };
        event(Body::Rows(rows), 30);
        event(Body::Rows(rows), 40);
        event(Body::Rows(rows), 50);
        let excluded = line(Origin::File, Entry::Excluded, 1, 40);
        let unfinished = line(Origin::File, Entry::Unfinished, 2, 80);
        assert_eq!(ledger.lines().collect::<Vec<_>>(), [excluded, unfinished]);
        let mut undone = ledger.clone();
        undone.undone();
        let rolled_back = line(Origin::File, Entry::RolledBack, 2, 80);
        assert_eq!(undone.lines().collect::<Vec<_>>(), [excluded, rolled_back]);
        let mut prepared = ledger.clone();
        let rows = prepared.prepared();
        prepared.stands();
        let waits = line(Origin::File, Entry::Prepared, 2, 80);
        assert_eq!(prepared.lines().collect::<Vec<_>>(), [excluded, waits]);
        prepared.decided(rows, true);
        let mut back = ledger.clone();
        let one = Tally {
            events: 1,
            bytes: 30,
        };
        back.back_to([one, Tally::default(), Tally::default()]);
        back.stands();
        let kept = line(Origin::File, Entry::Emitted, 1, 30);
        let gone = line(Origin::File, Entry::RolledBack, 1, 50);
        assert_eq!(back.lines().collect::<Vec<_>>(), [kept, excluded, gone]);
        ledger.stands();
        let emitted = line(Origin::File, Entry::Emitted, 2, 80);
        assert_eq!(
            prepared.lines().collect::<Vec<_>>(),
            ledger.lines().collect::<Vec<_>>()
        );
        assert_eq!(ledger.lines().collect::<Vec<_>>(), [emitted, excluded]);
        let sum = Tally {
            events: 3,
            bytes: 120,
        };
        assert_eq!(ledger.sum(Origin::File), sum);
        assert!(ledger.to_string().contains("emitted"));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let mut ledger = Ledger::default();
        ledger.begin();
        ledger.close(7, false);
        ledger.begin();
        ledger.open(Origin::File, &Body::Xid);
        ledger.close(31, false);
        let refused = line(Origin::File, Entry::Refused, 2, 38);
        assert_eq!(ledger.lines().collect::<Vec<_>>(), [refused]);
    }

    #[test]
    fn what_is_not_in_a_file_is_told_apart() {
        let check = |header: Header, body: Body<'_>, expected| {
            let event = Event { header, body };
            assert_eq!(Origin::of(&event), expected);
        };
        let of = |code, log_pos, flags| Header {
            code,
            log_pos,
            flags,
            ..Header::default()
        };
        check(of(code::XID, 9, 0), Body::Xid, Origin::File);
        check(of(code::HEARTBEAT, 9, 0), Body::Heartbeat, Origin::MadeUp);
        let rotate = Body::Rotate {
            file: "f",
            offset: 4,
        };
        check(of(code::ROTATE, 0, 0x20), rotate, Origin::MadeUp);
        check(of(code::ROTATE, 99, 0), rotate, Origin::File);
        let format = Body::FormatDescription(crate::event::FormatDescription {
            checksummed: true,
            created: 0,
        });
        check(of(code::FORMAT_DESCRIPTION, 122, 0), format, Origin::File);
        check(of(code::FORMAT_DESCRIPTION, 0, 0), format, Origin::MadeUp);
    }
}
