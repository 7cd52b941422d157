//! Where we are in a server's history: GTIDs, exact GTID sets, file positions.
//!
//! Pure types shared by the stages; how a position is stored is `checkpoint`'s matter.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use crate::cursor::{Cursor, Short};
use crate::xa::Prepared;

/// The optional part between UUID and number (MySQL 8.3+): up to 32 of `a-z0-9_`, lower-case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag {
    bytes: [u8; 32],
    length: u8,
}

impl Tag {
    /// Checks and normalises a tag's text.
    ///
    /// # Errors
    /// [`BadGtid`] where the text is no tag.
    pub fn new(text: &str) -> Result<Tag, BadGtid> {
        let first_is_letter = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let all_allowed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if text.len() > 32 || !all_allowed || !(text.is_empty() || first_is_letter) {
            return Err(BadGtid {
                text: text.to_owned(),
            });
        }
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(text.bytes()) {
            *to = from.to_ascii_lowercase();
        }
        Ok(Tag {
            bytes,
            length: text.len().min(32) as u8,
        })
    }

    /// The tag's text; empty for none.
    pub fn as_str(&self) -> &str {
        let bytes = self
            .bytes
            .get(..usize::from(self.length))
            .unwrap_or_default();
        std::str::from_utf8(bytes).unwrap_or_default()
    }
}

/// Who numbers transactions: a server's UUID and a tag (MySQL calls the pair TSID).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tsid {
    /// `server_uuid` of the server that committed first.
    pub uuid: Uuid,
    /// The tag; empty for most.
    pub tag: Tag,
}

/// One transaction's global identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gtid {
    /// Who numbered it.
    pub tsid: Tsid,
    /// Its number, from 1.
    pub gno: u64,
}

impl fmt::Display for Tsid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.uuid)?;
        if self.tag.length > 0 {
            write!(f, ":{}", self.tag.as_str())
        } else {
            Ok(())
        }
    }
}

impl fmt::Display for Gtid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.tsid, self.gno)
    }
}

impl FromStr for Gtid {
    type Err = BadGtid;

    fn from_str(text: &str) -> Result<Gtid, BadGtid> {
        let bad = || BadGtid {
            text: text.to_owned(),
        };
        let set = GtidSet::from_str(text)?;
        let mut groups = set.groups.into_iter();
        match (groups.next(), groups.next()) {
            (Some((tsid, intervals)), None) => match intervals.as_slice() {
                [Interval { first, last }] if first == last => Ok(Gtid { tsid, gno: *first }),
                _ => Err(bad()),
            },
            _ => Err(bad()),
        }
    }
}

/// A text that is no GTID or GTID set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a GTID set as MySQL writes it (uuid[:tag]:first-last,…)")]
pub struct BadGtid {
    /// The part that was not understood.
    pub text: String,
}

/// A run of transaction numbers, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    /// Lowest number.
    pub first: u64,
    /// Highest number.
    pub last: u64,
}

/// Exact GTID intervals. Never a maximum: a hole stays a hole until its transaction arrives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GtidSet {
    // Each list is sorted, and its intervals neither touch nor overlap.
    groups: BTreeMap<Tsid, Vec<Interval>>,
}

impl GtidSet {
    /// Whether it holds nothing.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many transactions it holds.
    pub fn count(&self) -> u64 {
        let length = |i: &Interval| (i.last - i.first).saturating_add(1);
        self.groups
            .values()
            .flatten()
            .map(length)
            .fold(0, u64::saturating_add)
    }

    /// Whether it holds this transaction.
    pub fn contains(&self, gtid: &Gtid) -> bool {
        self.groups.get(&gtid.tsid).is_some_and(|intervals| {
            let after = intervals.partition_point(|i| i.first <= gtid.gno);
            after > 0 && intervals.get(after - 1).is_some_and(|i| i.last >= gtid.gno)
        })
    }

    /// Adds one transaction.
    pub fn insert(&mut self, gtid: Gtid) {
        self.insert_interval(
            gtid.tsid,
            Interval {
                first: gtid.gno,
                last: gtid.gno,
            },
        );
    }

    /// Adds a run of transactions; ignores an empty one.
    pub fn insert_interval(&mut self, tsid: Tsid, new: Interval) {
        if new.first == 0 || new.first > new.last {
            return;
        }
        let intervals = self.groups.entry(tsid).or_default();
        // The common case by far: the next number of the same server.
        if let Some(tail) = intervals.last_mut()
            && new.first >= tail.first
            && new.first <= tail.last.saturating_add(1)
        {
            tail.last = tail.last.max(new.last);
            return;
        }
        let from = intervals.partition_point(|i| i.last.saturating_add(1) < new.first);
        let to = intervals.partition_point(|i| i.first <= new.last.saturating_add(1));
        let joined = intervals
            .get(from..to)
            .unwrap_or_default()
            .iter()
            .fold(new, |all, i| Interval {
                first: all.first.min(i.first),
                last: all.last.max(i.last),
            });
        intervals.splice(from..to.max(from), [joined]);
    }

    /// Adds all of another set.
    pub fn union(&mut self, other: &GtidSet) {
        for (tsid, intervals) in &other.groups {
            for interval in intervals {
                self.insert_interval(*tsid, *interval);
            }
        }
    }

    /// Whether `other` holds everything that this set holds.
    pub fn is_subset(&self, other: &GtidSet) -> bool {
        self.groups.iter().all(|(tsid, mine)| {
            let theirs = other.groups.get(tsid).map_or(&[][..], Vec::as_slice);
            mine.iter().all(|i| {
                theirs
                    .iter()
                    .any(|o| o.first <= i.first && i.last <= o.last)
            })
        })
    }

    /// What this set holds and `other` does not.
    pub fn subtract(&self, other: &GtidSet) -> GtidSet {
        let mut left = GtidSet::default();
        for (tsid, mine) in &self.groups {
            let theirs = other.groups.get(tsid).map_or(&[][..], Vec::as_slice);
            for interval in mine {
                let mut first = interval.first;
                for hole in theirs.iter().filter(|o| o.last >= interval.first) {
                    if hole.first > interval.last {
                        break;
                    }
                    left.insert_interval(
                        *tsid,
                        Interval {
                            first,
                            last: hole.first - 1,
                        },
                    );
                    first = hole.last.saturating_add(1);
                }
                left.insert_interval(
                    *tsid,
                    Interval {
                        first,
                        last: interval.last,
                    },
                );
            }
        }
        left
    }

    /// The form of COM_BINLOG_DUMP_GTID and PREVIOUS_GTIDS: little-endian, ends exclusive; the tagged
    /// form (MySQL 8.3+) only where a tag occurs, so that older servers understand the rest.
    pub fn encode(&self) -> Vec<u8> {
        let tagged = self.groups.keys().any(|tsid| tsid.tag.length > 0);
        let count = self.groups.len() as u64;
        let mut bytes = Vec::with_capacity(8 + self.groups.len() * 48);
        let header = if tagged {
            (1 << 56) | (count << 8) | 1
        } else {
            count
        };
        bytes.extend_from_slice(&header.to_le_bytes());
        for (tsid, intervals) in &self.groups {
            bytes.extend_from_slice(tsid.uuid.as_bytes());
            if tagged {
                // A varlen below 128 is one byte, shifted by one.
                bytes.push(tsid.tag.length << 1);
                bytes.extend_from_slice(tsid.tag.as_str().as_bytes());
            }
            bytes.extend_from_slice(&(intervals.len() as u64).to_le_bytes());
            for interval in intervals {
                bytes.extend_from_slice(&interval.first.to_le_bytes());
                bytes.extend_from_slice(&interval.last.saturating_add(1).to_le_bytes());
            }
        }
        bytes
    }

    /// Reads what [`GtidSet::encode`] writes; counts are never trusted for an allocation.
    ///
    /// # Errors
    /// [`Short`] where the bytes end before the counts are satisfied.
    pub fn decode(bytes: &[u8]) -> Result<GtidSet, Short> {
        let mut cursor = Cursor::new(bytes);
        let header = cursor.u64()?;
        let tagged = header >> 56 != 0;
        let count = if tagged {
            (header >> 8) & 0xffff_ffff_ffff
        } else {
            header
        };
        let mut set = GtidSet::default();
        for _ in 0..count {
            let uuid = Uuid::from_bytes(cursor.array()?);
            let mut tag = Tag::default();
            if tagged {
                let length = usize::try_from(cursor.varlen()?).unwrap_or(usize::MAX);
                let text = std::str::from_utf8(cursor.take(length)?).unwrap_or("?");
                tag = Tag::new(text).map_err(|_| Short {
                    wanted: 32,
                    left: length,
                })?;
            }
            let tsid = Tsid { uuid, tag };
            for _ in 0..cursor.u64()? {
                let (first, end) = (cursor.u64()?, cursor.u64()?);
                set.insert_interval(
                    tsid,
                    Interval {
                        first,
                        last: end.saturating_sub(1),
                    },
                );
            }
        }
        Ok(set)
    }
}

impl fmt::Display for GtidSet {
    /// As `gtid_executed` prints it, without line breaks.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for (tsid, intervals) in &self.groups {
            write!(f, "{comma}{tsid}")?;
            for Interval { first, last } in intervals {
                if first == last {
                    write!(f, ":{first}")?;
                } else {
                    write!(f, ":{first}-{last}")?;
                }
            }
            comma = ",";
        }
        Ok(())
    }
}

impl FromStr for GtidSet {
    type Err = BadGtid;

    fn from_str(text: &str) -> Result<GtidSet, BadGtid> {
        let mut set = GtidSet::default();
        for part in text
            .split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            let bad = || BadGtid {
                text: part.to_owned(),
            };
            let mut fields = part.split(':').map(str::trim);
            let uuid = fields
                .next()
                .and_then(|t| Uuid::parse_str(t).ok())
                .ok_or_else(bad)?;
            let mut tsid = Tsid {
                uuid,
                tag: Tag::default(),
            };
            for field in fields {
                if !field.starts_with(|c: char| c.is_ascii_digit()) {
                    tsid.tag = Tag::new(field)?;
                    continue;
                }
                let (first, last) = field.split_once('-').unwrap_or((field, field));
                let number = |t: &str| t.trim().parse::<u64>().map_err(|_| bad());
                set.insert_interval(
                    tsid,
                    Interval {
                        first: number(first)?,
                        last: number(last)?,
                    },
                );
            }
        }
        Ok(set)
    }
}

/// A place in a server's binlog files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilePosition {
    /// File name, as the server lists it.
    pub file: String,
    /// Byte offset; 64 bits although the wire has 32 (files outgrow it, the header wraps).
    pub offset: u64,
}

impl FilePosition {
    /// Whether it comes before another of the same server. Files are compared by their number, which grows
    /// from six digits to more.
    pub fn is_before(&self, other: &FilePosition) -> bool {
        let number = |file: &str| -> u64 {
            let suffix = file.rsplit('.').next();
            suffix.and_then(|digits| digits.parse().ok()).unwrap_or(0)
        };
        (number(&self.file), self.offset) < (number(&other.file), other.offset)
    }
}

impl fmt::Display for FilePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.offset)
    }
}

/// How much of a group is delivered, as Debezium counts it in its offsets (`event`, `row`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// Events of the group from its BEGIN on, which is the first.
    pub events: u64,
    /// Rows of the event behind them.
    pub rows: u64,
}

/// Up to where a server's history has been delivered: between two groups, but for [`Position::partial`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// The transactions delivered; `None` for a server without GTIDs.
    pub gtids: Option<GtidSet>,
    /// End of the last group: the way back without GTIDs, a help for people with them.
    pub end: FilePosition,
    /// XA transactions that are prepared and neither committed nor rolled back up to here: their rows are
    /// not delivered, and their GTIDs are not in `gtids`.
    pub prepared: Vec<Prepared>,
    /// What another program has delivered of the next group with a BEGIN.
    pub partial: Option<Partial>,
}

impl Position {
    /// Between two groups, nothing prepared.
    pub fn new(gtids: Option<GtidSet>, end: FilePosition) -> Position {
        let prepared = Vec::new();
        Position {
            gtids,
            end,
            prepared,
            partial: None,
        }
    }
}

impl Position {
    /// Whether a stream that has read up to `read` has come here.
    pub fn is_reached(&self, read: &Position) -> bool {
        match (&self.gtids, &read.gtids) {
            (Some(mine), Some(read)) => mine.is_subset(read),
            (None, _) | (_, None) => self.end.order() <= read.end.order(),
        }
    }
}

impl FilePosition {
    /// Compares places of one server: by the number of the file, which may outgrow six digits.
    fn order(&self) -> (usize, &str, u64) {
        let number = self.file.rsplit('.').next().unwrap_or_default();
        let digits = number.trim_start_matches('0');
        (digits.len(), digits, self.offset)
    }
}

/// Where something stands in the stream, for errors and logs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Binlog file and start of the event.
    pub at: FilePosition,
    /// The group's GTID, where it has one.
    pub gtid: Option<Gtid>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.at)?;
        match &self.gtid {
            Some(gtid) => write!(f, " (GTID {gtid})"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";
    const B: &str = "4e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn set(text: &str) -> GtidSet {
        text.parse().unwrap()
    }

    #[test]
    fn prints_what_it_reads() {
        for text in [
            String::new(),
            format!("{A}:1-5"),
            format!("{A}:1-5:7:9-10,{B}:3"),
            format!("{A}:1-5,{A}:tag:1-2"),
        ] {
            assert_eq!(set(&text).to_string(), text);
        }
        assert_eq!(
            set(&format!("{A}:1-2:tag:4")).to_string(),
            format!("{A}:1-2,{A}:tag:4")
        );
        assert_eq!(
            set(&format!("\n{A}:5:1-4,\n{B}:1")).to_string(),
            format!("{A}:1-5,{B}:1")
        );
        for wrong in [
            "x",
            "3e11fa47:1",
            &format!("{A}:1-x"),
            &format!("{A}:ta-g:1"),
        ] {
            assert!(wrong.parse::<GtidSet>().is_err(), "{wrong}");
        }
        assert_eq!(
            format!("{A}:t:7").parse::<Gtid>().unwrap().to_string(),
            format!("{A}:t:7")
        );
        assert!(format!("{A}:1-2").parse::<Gtid>().is_err());
    }

    #[test]
    fn encodes_as_the_server_does() {
        let plain = set(&format!("{A}:1-5"));
        let mut bytes = vec![1, 0, 0, 0, 0, 0, 0, 0];
        bytes.extend_from_slice(Uuid::parse_str(A).unwrap().as_bytes());
        bytes.extend_from_slice(&[
            1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0,
        ]);
        assert_eq!(plain.encode(), bytes);
        let tagged = set(&format!("{A}:1-5,{A}:tag:7,{B}:2"));
        assert_eq!(GtidSet::decode(&tagged.encode()).unwrap(), tagged);
        assert!(GtidSet::decode(&[255; 16]).is_err());
    }

    fn model() -> impl Strategy<Value = Vec<(bool, u64)>> {
        prop::collection::vec((any::<bool>(), 1u64..40), 0..60)
    }

    fn of(items: &[(bool, u64)]) -> (GtidSet, std::collections::BTreeSet<(bool, u64)>) {
        let mut set = GtidSet::default();
        for (server, gno) in items {
            let uuid = Uuid::parse_str(if *server { A } else { B }).unwrap();
            set.insert(Gtid {
                tsid: Tsid {
                    uuid,
                    tag: Tag::default(),
                },
                gno: *gno,
            });
        }
        (set, items.iter().copied().collect())
    }

    proptest! {
        #[test]
        fn behaves_as_a_set(left in model(), right in model()) {
            let ((a, ma), (b, mb)) = (of(&left), of(&right));
            prop_assert_eq!(a.count() as usize, ma.len());
            prop_assert_eq!(a.is_subset(&b), ma.is_subset(&mb));
            let difference: Vec<_> = ma.difference(&mb).copied().collect();
            prop_assert_eq!(a.subtract(&b), of(&difference).0);
            let both: Vec<_> = ma.union(&mb).copied().collect();
            let mut union = a.clone();
            union.union(&b);
            prop_assert_eq!(&union, &of(&both).0);
            prop_assert_eq!(&set(&union.to_string()), &union);
            prop_assert_eq!(&GtidSet::decode(&union.encode()).unwrap(), &union);
            for (server, gno) in &both {
                let uuid = Uuid::parse_str(if *server { A } else { B }).unwrap();
                let gtid = Gtid { tsid: Tsid { uuid, tag: Tag::default() }, gno: *gno };
                prop_assert!(union.contains(&gtid), "{}", gtid);
            }
        }

        #[test]
        fn never_panics_on_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = GtidSet::decode(&bytes);
        }
    }
}
