//! Bytes of one event to an [`Event`]: length and checksum verified, every type decided by name.
//!
//! Takes an event as the server sent it, gives it borrowed; keeps nothing but whether events are
//! checksummed. Never guesses: a type that is not listed is an error unless the server marked it as
//! ignorable.

use std::borrow::Cow;
use std::ops::Range;

use uuid::Uuid;

use crate::cursor::{Cursor, Short};
use crate::error::{Classify, Fault};
use crate::event::{
    Body, Event, FLAG_IGNORABLE, FormatDescription, GtidEvent, HEADER_BYTES, Header, Ignored,
    Operation, Payload, Query, Rows, TableMap, XaPrepare, code,
};
use crate::position::{Gtid, Tag, Tsid};

/// Why an event could not be read.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Fewer bytes than the event's parts need.
    #[error("truncated event of type {code}: {short}")]
    Truncated {
        /// Type code; 0 where not even the header was there.
        code: u8,
        /// What was missing.
        short: Short,
    },
    /// The header's size is not the packet's.
    #[error("event of type {code} says it has {said} bytes and came with {came}")]
    Size {
        /// Type code.
        code: u8,
        /// In the header.
        said: u32,
        /// In the packet.
        came: usize,
    },
    /// The CRC32 is not that of the bytes.
    #[error(
        "checksum mismatch in an event of type {code}: computed {computed:08x}, found {found:08x}"
    )]
    Checksum {
        /// Type code.
        code: u8,
        /// Over the bytes that came.
        computed: u32,
        /// In the event.
        found: u32,
    },
    /// A checksum algorithm other than none and CRC32.
    #[error("unknown binlog checksum algorithm {algorithm}")]
    UnknownChecksum {
        /// As in the format description.
        algorithm: u8,
    },
    /// A type code that no server of the known versions sends.
    #[error("unknown event type {code}")]
    Unknown {
        /// Type code.
        code: u8,
    },
    /// A type that is known and cannot be turned into records.
    #[error("event of type {code} ({name}): {reason}")]
    Refused {
        /// Type code.
        code: u8,
        /// MySQL's name of it.
        name: &'static str,
        /// Why it ends the reading.
        reason: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A part has a value that it cannot have.
    #[error("malformed event of type {code}: {what}")]
    Malformed {
        /// Type code.
        code: u8,
        /// Which part.
        what: &'static str,
    },
}

impl EventError {
    /// Whether the bytes themselves are suspect, so that reading them again may mend it.
    pub fn is_corruption(&self) -> bool {
        match self {
            EventError::Truncated { .. }
            | EventError::Size { .. }
            | EventError::Checksum { .. }
            | EventError::UnknownChecksum { .. }
            | EventError::Malformed { .. } => true,
            EventError::Unknown { .. } | EventError::Refused { .. } => false,
        }
    }
}

impl Classify for EventError {
    fn fault(&self) -> Fault {
        Fault::Data
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            EventError::Truncated { .. }
            | EventError::Size { .. }
            | EventError::Checksum { .. }
            | EventError::Malformed { .. } => {
                "check the binlog file on the server with mysqlbinlog --verify-binlog-checksum; \
                 if it is damaged, fail over to a replica that has these transactions"
            }
            EventError::UnknownChecksum { .. } | EventError::Unknown { .. } => {
                "upgrade remora to a release that knows this server version"
            }
            EventError::Refused { remedy, .. } => remedy,
        }))
    }
}

/// Reads events of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Decoder {
    checksummed: bool,
}

impl Decoder {
    /// For a connection on which CRC32 was asked for: until the first format description the algorithm
    /// is the one we asked for, so the made-up ROTATE ahead of it carries a checksum too.
    pub fn new() -> Decoder {
        Decoder { checksummed: true }
    }

    /// Reads one event as it came in a packet, and remembers what a format description changes.
    ///
    /// # Errors
    /// [`EventError`]; the event must then not be used at all.
    pub fn read<'a>(&mut self, bytes: &'a [u8]) -> Result<Event<'a>, EventError> {
        let header = read_header(bytes)?;
        let code = header.code;
        if header.size as usize != bytes.len() {
            return Err(EventError::Size {
                code,
                said: header.size,
                came: bytes.len(),
            });
        }
        // A format description always ends in four bytes of checksum and names the algorithm itself.
        let is_format = code == code::FORMAT_DESCRIPTION;
        let covered = if self.checksummed || is_format {
            strip(bytes, code)?
        } else {
            bytes
        };
        let checksummed = match is_format {
            true => read_algorithm(covered)?,
            false => self.checksummed,
        };
        if checksummed || is_format {
            let verified = verify(bytes, covered, code);
            if !(is_format && !checksummed && is_amended(header.log_pos, bytes)) {
                verified?;
            }
        }
        let event = read_body(header, covered.get(HEADER_BYTES..).unwrap_or_default())?;
        if let Body::FormatDescription(_) = event.body {
            self.checksummed = checksummed;
        }
        Ok(event)
    }
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

/// Reads an event from inside a compressed group: these carry no checksum.
///
/// # Errors
/// [`EventError`].
pub fn read_inner(bytes: &[u8]) -> Result<Event<'_>, EventError> {
    let header = read_header(bytes)?;
    if header.size as usize != bytes.len() {
        let (code, said) = (header.code, header.size);
        return Err(EventError::Size {
            code,
            said,
            came: bytes.len(),
        });
    }
    read_body(header, bytes.get(HEADER_BYTES..).unwrap_or_default())
}

/// Reads the 19 bytes that start every event.
///
/// # Errors
/// [`EventError::Truncated`].
pub fn read_header(bytes: &[u8]) -> Result<Header, EventError> {
    let mut cursor = Cursor::new(bytes);
    let mut read = || -> Result<Header, Short> {
        Ok(Header {
            timestamp: cursor.u32()?,
            code: cursor.u8()?,
            server_id: cursor.u32()?,
            size: cursor.u32()?,
            log_pos: cursor.u32()?,
            flags: cursor.u16()?,
        })
    };
    read().map_err(|short| EventError::Truncated { code: 0, short })
}

fn strip(bytes: &[u8], code: u8) -> Result<&[u8], EventError> {
    let end = bytes
        .len()
        .checked_sub(4)
        .filter(|end| *end >= HEADER_BYTES);
    end.and_then(|end| bytes.get(..end))
        .ok_or(EventError::Truncated {
            code,
            short: Short {
                wanted: HEADER_BYTES + 4,
                left: bytes.len(),
            },
        })
}

fn verify(bytes: &[u8], covered: &[u8], code: u8) -> Result<(), EventError> {
    let found = bytes
        .last_chunk::<4>()
        .map_or(0, |crc| u32::from_le_bytes(*crc));
    let computed = crc32fast::hash(covered);
    if computed == found {
        Ok(())
    } else {
        Err(EventError::Checksum {
            code,
            computed,
            found,
        })
    }
}

/// Whether a format description that says that there are no checksums may have been changed by the server that sent it.
///
/// MySQL writes a true checksum into every format description, also into one of a file without checksums. Of such a
/// file, a dump that skips something at the start clears the time of creation, and `log_pos` where it was asked for by
/// offset, and does not compute the checksum again (`Binlog_sender::send_format_description_event`). One that fits as
/// soon as the algorithm is CRC32 is none of these: the algorithm is damaged, and would switch off all further checks.
fn is_amended(log_pos: u32, bytes: &[u8]) -> bool {
    const CREATED: Range<usize> = HEADER_BYTES + 52..HEADER_BYTES + 56;
    let created = bytes.get(CREATED).is_some_and(|time| time != [0; 4]);
    if log_pos != 0 && created {
        return false;
    }
    let Some((covered, crc)) = bytes.split_last_chunk::<4>() else {
        return false;
    };
    let Some((_, before)) = covered.split_last() else {
        return false;
    };
    let mut with_crc32 = crc32fast::Hasher::new();
    with_crc32.update(before);
    with_crc32.update(&[1]);
    with_crc32.finalize() != u32::from_le_bytes(*crc)
}

fn read_algorithm(covered: &[u8]) -> Result<bool, EventError> {
    match covered.last() {
        Some(0) => Ok(false),
        Some(1) => Ok(true),
        Some(algorithm) => Err(EventError::UnknownChecksum {
            algorithm: *algorithm,
        }),
        None => Err(EventError::Malformed {
            code: code::FORMAT_DESCRIPTION,
            what: "empty",
        }),
    }
}

fn read_body(header: Header, bytes: &[u8]) -> Result<Event<'_>, EventError> {
    let code = header.code;
    let body = read_kind(header, Cursor::new(bytes)).map_err(|failure| match failure {
        Failure::Short(short) => EventError::Truncated { code, short },
        Failure::Malformed(what) => EventError::Malformed { code, what },
        Failure::Event(event) => event,
    })?;
    Ok(Event { header, body })
}

enum Failure {
    Short(Short),
    Malformed(&'static str),
    Event(EventError),
}

impl From<Short> for Failure {
    fn from(short: Short) -> Failure {
        Failure::Short(short)
    }
}

fn read_kind(header: Header, cursor: Cursor<'_>) -> Result<Body<'_>, Failure> {
    Ok(match header.code {
        code::QUERY => Body::Query(read_query(cursor)?),
        code::STOP => Body::Ignored(Ignored::Stop),
        code::ROTATE => read_rotate(cursor)?,
        code::INTVAR | code::RAND | code::USER_VAR => Body::Ignored(Ignored::StatementContext),
        code::FORMAT_DESCRIPTION => Body::FormatDescription(read_format(cursor)?),
        code::XID => {
            let mut cursor = cursor;
            cursor.u64()?;
            Body::Xid
        }
        code::TABLE_MAP => Body::TableMap(read_table_map(cursor)?),
        code::WRITE_ROWS_V1 => Body::Rows(read_rows(cursor, Operation::Insert, false)?),
        code::UPDATE_ROWS_V1 => Body::Rows(read_rows(cursor, Operation::Update, false)?),
        code::DELETE_ROWS_V1 => Body::Rows(read_rows(cursor, Operation::Delete, false)?),
        code::WRITE_ROWS => Body::Rows(read_rows(cursor, Operation::Insert, true)?),
        code::UPDATE_ROWS => Body::Rows(read_rows(cursor, Operation::Update, true)?),
        code::PARTIAL_UPDATE_ROWS => Body::Rows(Rows {
            partial: true,
            ..read_rows(cursor, Operation::Update, true)?
        }),
        code::DELETE_ROWS => Body::Rows(read_rows(cursor, Operation::Delete, true)?),
        code::HEARTBEAT | code::HEARTBEAT_V2 => Body::Heartbeat,
        code::IGNORABLE => Body::Ignored(Ignored::Ignorable),
        // Ahead of the text its length, as far as one byte holds it; it goes on to the end (`Rows_query_event`).
        code::ROWS_QUERY => Body::RowsQuery(cursor.rest().get(1..).unwrap_or_default()),
        code::GTID => Body::Gtid(read_gtid(cursor, true)?),
        code::ANONYMOUS_GTID => Body::Gtid(read_gtid(cursor, false)?),
        code::GTID_TAGGED => Body::Gtid(read_tagged_gtid(cursor)?),
        code::PREVIOUS_GTIDS => Body::PreviousGtids(cursor.rest()),
        code::TRANSACTION_CONTEXT | code::VIEW_CHANGE => Body::Ignored(Ignored::GroupReplication),
        code::XA_PREPARE => Body::XaPrepare(read_xa_prepare(cursor)?),
        code::TRANSACTION_PAYLOAD => Body::Payload(read_payload(cursor)?),
        other => return refuse(other, header.flags),
    })
}

/// The types that end the reading, each with its own words; what is not even here is unknown.
fn refuse<'a>(code: u8, flags: u16) -> Result<Body<'a>, Failure> {
    const RESYNC: &str =
        "the log does not hold the changes: take a new snapshot of the affected tables";
    const ROW_FORMAT: &str = "SET GLOBAL binlog_format = 'ROW' and reconnect all clients";
    let (name, reason, remedy) = match code {
        code::INCIDENT => ("INCIDENT", "the server may have lost events here", RESYNC),
        6..=12 | 17 | 18 => ("LOAD_EVENT", "LOAD DATA logged as a statement", ROW_FORMAT),
        20..=22 => (
            "PRE_GA_ROWS",
            "row events of MySQL 5.1 alpha are not read",
            RESYNC,
        ),
        1 => (
            "START_V3",
            "binlogs of MySQL before 5.0 are not read",
            RESYNC,
        ),
        _ if flags & FLAG_IGNORABLE != 0 => return Ok(Body::Ignored(Ignored::Ignorable)),
        _ => return Err(Failure::Event(EventError::Unknown { code })),
    };
    Err(Failure::Event(EventError::Refused {
        code,
        name,
        reason,
        remedy,
    }))
}

fn read_query(mut cursor: Cursor<'_>) -> Result<Query<'_>, Failure> {
    let thread = cursor.u32()?;
    cursor.u32()?; // seconds that the statement took
    let database_bytes = usize::from(cursor.u8()?);
    let error = cursor.u16()?;
    let status_bytes = usize::from(cursor.u16()?);
    let status = cursor.take(status_bytes)?;
    let database = cursor.take(database_bytes)?;
    cursor.u8()?; // the NUL behind the name
    Ok(Query {
        thread,
        error,
        status,
        database,
        text: cursor.rest(),
    })
}

fn read_rotate(mut cursor: Cursor<'_>) -> Result<Body<'_>, Failure> {
    let offset = cursor.u64()?;
    let file = std::str::from_utf8(cursor.rest())
        .ok()
        .filter(|name| !name.is_empty());
    Ok(Body::Rotate {
        file: file.ok_or(Failure::Malformed("file name"))?,
        offset,
    })
}

fn read_format(mut cursor: Cursor<'_>) -> Result<FormatDescription, Failure> {
    if cursor.u16()? != 4 {
        return Err(Failure::Malformed("binlog version is not 4"));
    }
    cursor.take(50)?; // server version, as text
    let created = cursor.u32()?;
    if usize::from(cursor.u8()?) != HEADER_BYTES {
        return Err(Failure::Malformed("header length is not 19"));
    }
    let checksummed = cursor.rest().last() == Some(&1);
    Ok(FormatDescription {
        checksummed,
        created,
    })
}

fn read_gtid(mut cursor: Cursor<'_>, named: bool) -> Result<GtidEvent, Failure> {
    let flags = cursor.u8()?;
    let uuid = Uuid::from_bytes(cursor.array()?);
    let gno = cursor.u64()?;
    if named && gno == 0 {
        return Err(Failure::Malformed("transaction number 0"));
    }
    let mut commit_us = 0;
    // 5.6 ends here; from 5.7.5 a 2 and the logical clock follow; from 8.0.1 the commit times.
    if !cursor.is_empty() && cursor.u8()? == 2 {
        cursor.take(16)?;
        if cursor.rest().len() >= 7 {
            const HAS_ORIGINAL: u64 = 1 << 55;
            let immediate = cursor.uint(7)?;
            let own = immediate & HAS_ORIGINAL == 0;
            commit_us = if own { immediate } else { cursor.uint(7)? };
        }
    }
    let gtid = named.then_some(Gtid {
        tsid: Tsid {
            uuid,
            tag: Tag::default(),
        },
        gno,
    });
    Ok(GtidEvent {
        gtid,
        may_have_sbr: flags & 1 != 0,
        commit_us,
    })
}

/// The only version of the serialization library's format so far.
const SERIALIZATION_VERSION: u64 = 1;

/// Fields by number, each a varlen, in the serialization library's envelope (MySQL 8.3+).
fn read_tagged_gtid(mut cursor: Cursor<'_>) -> Result<GtidEvent, Failure> {
    if cursor.varlen()? != SERIALIZATION_VERSION {
        return Err(Failure::Malformed("serialization version"));
    }
    cursor.varlen()?; // bytes of the message
    let last_required = cursor.varlen()?;
    let mut event = GtidEvent {
        gtid: None,
        may_have_sbr: false,
        commit_us: 0,
    };
    let (mut tsid, mut gno, mut original) = (Tsid::default(), 0, None);
    while !cursor.is_empty() {
        match cursor.varlen()? {
            0 => event.may_have_sbr = cursor.varlen()? & 1 != 0,
            1 => {
                let mut bytes = [0u8; 16];
                for byte in &mut bytes {
                    *byte =
                        u8::try_from(cursor.varlen()?).map_err(|_| Failure::Malformed("UUID"))?;
                }
                tsid.uuid = Uuid::from_bytes(bytes);
            }
            // Signed numbers are zig-zag: none of these is ever negative.
            2 => gno = cursor.varlen()? >> 1,
            3 => {
                let length = usize::try_from(cursor.varlen()?).unwrap_or(usize::MAX);
                let text = std::str::from_utf8(cursor.take(length)?).unwrap_or("?");
                tsid.tag = Tag::new(text).map_err(|_| Failure::Malformed("tag"))?;
            }
            6 => event.commit_us = cursor.varlen()?,
            7 => original = Some(cursor.varlen()?),
            4 | 5 | 8..=11 => {
                cursor.varlen()?;
            }
            field if field <= last_required => return Err(Failure::Malformed("unknown field")),
            // What is not required ends the message: its length is not known to us.
            _ => break,
        }
    }
    if gno == 0 {
        return Err(Failure::Malformed("transaction number 0"));
    }
    event.gtid = Some(Gtid { tsid, gno });
    event.commit_us = original.unwrap_or(event.commit_us);
    Ok(event)
}

fn read_xa_prepare(mut cursor: Cursor<'_>) -> Result<XaPrepare<'_>, Failure> {
    let one_phase = cursor.u8()? != 0;
    let format = cursor.u32()?;
    let (gtrid, bqual) = (cursor.u32()? as usize, cursor.u32()? as usize);
    Ok(XaPrepare {
        one_phase,
        format,
        gtrid: cursor.take(gtrid)?,
        bqual: cursor.take(bqual)?,
    })
}

fn read_table_map(mut cursor: Cursor<'_>) -> Result<TableMap<'_>, Failure> {
    let table_id = cursor.uint(6)?;
    cursor.u16()?; // flags, unused
    Ok(TableMap {
        table_id,
        bytes: cursor.rest(),
    })
}

fn read_rows(mut cursor: Cursor<'_>, operation: Operation, v2: bool) -> Result<Rows<'_>, Failure> {
    let table_id = cursor.uint(6)?;
    cursor.u16()?; // flags: end of statement and others, of no use to us
    if v2 {
        // The length counts itself; what it covers is NDB's and partitions'.
        let extra = usize::from(cursor.u16()?);
        cursor.take(
            extra
                .checked_sub(2)
                .ok_or(Failure::Malformed("extra data length"))?,
        )?;
    }
    let columns = usize::try_from(cursor.length()?).unwrap_or(usize::MAX);
    if columns > 4096 {
        return Err(Failure::Malformed("more columns than a table can have"));
    }
    let bitmap = columns.div_ceil(8);
    let present = cursor.take(bitmap)?;
    let present_after = if operation == Operation::Update {
        cursor.take(bitmap)?
    } else {
        present
    };
    Ok(Rows {
        table_id,
        operation,
        columns,
        present,
        present_after,
        partial: false,
        images: cursor.rest(),
    })
}

/// Fields as type, length, value: 1 payload size, 2 compression (0 zstd, 255 none), 3 inflated size,
/// 0 end of the header (MySQL 8.0.20).
fn read_payload(mut cursor: Cursor<'_>) -> Result<Payload<'_>, Failure> {
    let (mut size, mut compression, mut inflated_bytes) = (None, None, 0);
    loop {
        let field = cursor.length()?;
        if field == 0 {
            break;
        }
        let length = usize::try_from(cursor.length()?).unwrap_or(usize::MAX);
        let mut value = Cursor::new(cursor.take(length)?);
        match field {
            1 => size = Some(value.length()?),
            2 => compression = Some(value.length()?),
            3 => inflated_bytes = value.length()?,
            _ => {
                return Err(Failure::Malformed(
                    "unknown field of a compressed transaction",
                ));
            }
        }
    }
    let compressed = match compression {
        Some(0) => true,
        Some(255) => false,
        _ => return Err(Failure::Malformed("unknown compression of a transaction")),
    };
    let bytes = cursor.rest();
    if size != Some(bytes.len() as u64) {
        return Err(Failure::Malformed("payload size"));
    }
    Ok(Payload {
        compressed,
        inflated_bytes,
        bytes,
    })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An event with its size and checksum set.
    pub(in crate::source) fn event(code: u8, flags: u16, body: &[u8]) -> Vec<u8> {
        let size = (HEADER_BYTES + body.len() + 4) as u32;
        let mut bytes = vec![0, 0, 0, 0, code, 1, 0, 0, 0];
        bytes.extend_from_slice(&size.to_le_bytes());
        bytes.extend_from_slice(&9u32.to_le_bytes());
        bytes.extend_from_slice(&flags.to_le_bytes());
        bytes.extend_from_slice(body);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    pub(in crate::source) fn format(algorithm: u8) -> Vec<u8> {
        let mut body = vec![4, 0];
        body.extend_from_slice(&[b'9'; 50]);
        body.extend_from_slice(&[7, 0, 0, 0, 19]);
        body.extend_from_slice(&[0; 41]);
        body.push(algorithm);
        event(code::FORMAT_DESCRIPTION, 0, &body)
    }

    /// What becomes of each type code: handled (the body decides), ignored, refused by name, unknown.
    #[derive(Debug, PartialEq)]
    enum Fate {
        Handled,
        Ignored,
        Refused,
        Unknown,
    }

    fn fate(code: u8, flags: u16) -> Fate {
        let bytes = event(code, flags, &[0; 64]);
        match Decoder::new().read(&bytes) {
            Ok(Event {
                body: Body::Ignored(_),
                ..
            }) => Fate::Ignored,
            Ok(_) | Err(EventError::Truncated { .. } | EventError::Malformed { .. }) => {
                Fate::Handled
            }
            Err(EventError::Refused { .. }) => Fate::Refused,
            Err(EventError::Unknown { .. }) => Fate::Unknown,
            Err(other) => panic!("type {code}: {other}"),
        }
    }

    #[test]
    fn every_type_code_is_decided_by_name() {
        for code in 0..=255 {
            let (expected, marked_ignorable) = match code {
                2 | 4 | 15 | 16 | 19 | 23..=25 | 27 | 29..=35 | 38..=42 => {
                    (Fate::Handled, Fate::Handled)
                }
                3 | 5 | 13 | 14 | 28 | 36 | 37 => (Fate::Ignored, Fate::Ignored),
                1 | 6..=12 | 17 | 18 | 20..=22 | 26 => (Fate::Refused, Fate::Refused),
                0 | 43..=255 => (Fate::Unknown, Fate::Ignored),
            };
            assert_eq!(fate(code, 0), expected, "type {code}");
            assert_eq!(
                fate(code, FLAG_IGNORABLE),
                marked_ignorable,
                "type {code}, ignorable"
            );
        }
    }

    #[test]
    fn checksums_follow_the_format_description() {
        let mut decoder = Decoder::new();
        let xid = event(code::XID, 0, &[0; 8]);
        decoder
            .read(&xid)
            .expect("before any format description: what was asked for");
        decoder.read(&format(0)).unwrap();
        let bare = &xid[..xid.len() - 4];
        let mut unchecked = bare.to_vec();
        unchecked[9] -= 4;
        assert!(matches!(decoder.read(&unchecked).unwrap().body, Body::Xid));
        decoder.read(&format(1)).unwrap();
        decoder.read(&xid).unwrap();
        assert!(matches!(
            decoder.read(&unchecked),
            Err(EventError::Checksum { .. })
        ));
        let unknown = format(9);
        let unknown = decoder.read(&unknown);
        assert!(matches!(
            unknown,
            Err(EventError::UnknownChecksum { algorithm: 9 })
        ));
    }

    #[test]
    fn format_descriptions_without_checksums_may_be_amended_but_not_damaged() {
        let set = |bytes: &[u8], at: usize, value: u8| {
            let mut bytes = bytes.to_vec();
            bytes[at] = value;
            let end = bytes.len() - 4;
            let crc = crc32fast::hash(&bytes[..end]);
            bytes[end..].copy_from_slice(&crc.to_le_bytes());
            bytes
        };
        let (pos, created) = (13, HEADER_BYTES + 52);
        let at_pos = |algorithm| set(&set(&format(algorithm), pos, 126), created, 7);
        let changed = |bytes: &[u8], at: usize, value: u8| {
            let mut bytes = bytes.to_vec();
            bytes[at] = value;
            Decoder::new().read(&bytes).is_ok()
        };
        let (none, crc32) = (at_pos(0), at_pos(1));
        let algorithm = none.len() - 5;
        assert!(changed(&none, created, 0) && changed(&none, pos, 0));
        assert!(!changed(&none, created, 8) && !changed(&none, pos, 8));
        assert!(!changed(&crc32, created, 0) && !changed(&crc32, pos, 0));
        for bytes in [&crc32, &set(&crc32, created, 0), &set(&crc32, pos, 0)] {
            assert!(!changed(bytes, algorithm, 0));
        }
    }

    #[test]
    fn any_flipped_bit_is_noticed() {
        let good = event(code::QUERY, 0, &[3; 40]);
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            let result = Decoder::new().read(&bad);
            assert!(
                result.is_err_and(|error| error.is_corruption()),
                "bit {bit}"
            );
        }
    }

    #[test]
    fn gtids_plain_and_tagged() {
        let mut body = vec![1];
        body.extend_from_slice(&[0xab; 16]);
        body.extend_from_slice(&7u64.to_le_bytes());
        body.push(2);
        body.extend_from_slice(&[0; 16]);
        body.extend_from_slice(&1_700_000_000_000_000u64.to_le_bytes()[..7]);
        let bytes = event(code::GTID, 0, &body);
        let Body::Gtid(gtid) = Decoder::new().read(&bytes).unwrap().body else {
            panic!()
        };
        assert_eq!(gtid.gtid.unwrap().gno, 7);
        assert!(gtid.may_have_sbr);
        assert_eq!(gtid.commit_us, 1_700_000_000_000_000);

        // Each number below 128 is itself doubled; lengths of the message are not looked at.
        let mut body = vec![2, 0, 2 * 10, 0, 0, 2];
        body.extend([0x10 * 2; 16]);
        body.extend_from_slice(&[
            2 * 2,
            7 * 2 * 2,
            3 * 2,
            3 * 2,
            b't',
            b'a',
            b'g',
            6 * 2,
            5 * 2,
        ]);
        let bytes = event(code::GTID_TAGGED, 0, &body);
        let Body::Gtid(gtid) = Decoder::new().read(&bytes).unwrap().body else {
            panic!()
        };
        let text = gtid.gtid.unwrap().to_string();
        assert_eq!(text, "10101010-1010-1010-1010-101010101010:tag:7");
        assert_eq!((gtid.commit_us, gtid.may_have_sbr), (5, false));
    }

    proptest! {
        #[test]
        fn never_panics(code: u8, flags: u16, body in prop::collection::vec(any::<u8>(), 0..120)) {
            let _ = Decoder::new().read(&event(code, flags, &body));
            let _ = Decoder::new().read(&body);
            let _ = read_inner(&body);
        }
    }
}
