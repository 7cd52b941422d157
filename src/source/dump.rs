//! The dump stream: takes the server's bytes, gives chunks of complete binlog events.
//!
//! The socket is read straight into the chunk's buffer and packets are found where they lie; only the
//! incomplete end of a chunk is copied, into the next one. It looks at a packet's status byte and at
//! nothing of the event, except to name one that is too large. It never skips a packet, and what came
//! complete before a failure is handed over before the failure is.

use std::future::poll_fn;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::timeout;

use crate::source::channel::{PACKET_BYTES_MAX, Stream, parse_header};
use crate::source::chunk::Chunk;
use crate::source::wire_error::{Phase, WireError};

/// Bytes of a chunk from which on it is handed over, though more may be ready.
pub const CHUNK_BYTES: usize = 256 << 10;
/// Room that every read of the socket has at least.
const ROOM_BYTES: usize = 64 << 10;
/// A buffer that grew for a large event is kept up to this size.
const KEEP_BYTES: usize = 4 * CHUNK_BYTES;
/// Bytes of an event's common header (binlog format 4): time, type, server, size, position, flags.
const EVENT_HEADER_BYTES: usize = 19;
/// An error or EOF packet longer than this is none.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// How long a read waits, and for how much.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Wait for the first byte after the request: the server may search its binlogs for minutes.
    pub first_byte: Duration,
    /// Wait for any further byte; heartbeats are due more often.
    pub silence: Duration,
    /// Bytes of one event.
    pub event_bytes_max: usize,
}

/// A running dump.
#[derive(Debug)]
pub struct DumpStream {
    stream: Stream,
    limits: Limits,
    framer: Framer,
    /// The incomplete end of the last chunk.
    tail: Vec<u8>,
    state: State,
    has_begun: bool,
}

#[derive(Debug)]
enum State {
    Open,
    /// The failure that followed the events handed over last.
    Failing(WireError),
    Over,
}

impl DumpStream {
    /// Goes on after the dump request; `sequence` is the id of the server's first packet.
    pub fn new(stream: Stream, sequence: u8, limits: Limits) -> DumpStream {
        DumpStream {
            stream,
            limits,
            framer: Framer::new(sequence, limits.event_bytes_max),
            tail: Vec::new(),
            state: State::Open,
            has_begun: false,
        }
    }

    /// Fills `chunk`, whatever it held, with at least one complete event: all that are ready without
    /// waiting, up to about [`CHUNK_BYTES`]. One larger event grows the buffer, which shrinks again when
    /// it is filled next.
    ///
    /// The limits of time run only inside this call, so a caller that holds back is never punished.
    /// A call that is dropped before it is done ends the stream: its bytes are gone.
    ///
    /// # Errors
    /// `Io`, `Closed`, `Silent` and `Ended` for the connection; what an ERR packet says;
    /// `EventTooLarge`; `Sequence`, `Marker` and `Malformed` for what cannot be understood.
    pub async fn read(&mut self, chunk: &mut Chunk) -> Result<(), WireError> {
        chunk.events.clear();
        match std::mem::replace(&mut self.state, State::Over) {
            State::Open => (),
            State::Failing(error) => return Err(error),
            State::Over => return Err(WireError::ReadAfterEnd),
        }
        let mut fill = self.begin(chunk);
        match self.fill(chunk, &mut fill).await {
            Ok(()) => self.state = State::Open,
            Err(error) if chunk.events.is_empty() => return Err(error),
            Err(error) => self.state = State::Failing(error),
        }
        self.keep_tail(&chunk.bytes, fill);
        Ok(())
    }

    /// Sizes the buffer and puts the last chunk's tail into it; gives the count of bytes in it.
    fn begin(&mut self, chunk: &mut Chunk) -> usize {
        let tail = self.tail.len();
        let size = (CHUNK_BYTES + ROOM_BYTES).max(tail + ROOM_BYTES);
        if chunk.bytes.len() > KEEP_BYTES.max(size) {
            chunk.bytes.truncate(size);
            chunk.bytes.shrink_to(size);
        }
        grow(&mut chunk.bytes, size);
        if let Some(start) = chunk.bytes.get_mut(..tail) {
            start.copy_from_slice(&self.tail);
        }
        tail
    }

    async fn fill(&mut self, chunk: &mut Chunk, fill: &mut usize) -> Result<(), WireError> {
        loop {
            let room = chunk.bytes.get_mut(*fill..).unwrap_or_default();
            let count = match read_ready(&mut self.stream, room).await {
                Some(count) => count?,
                None if chunk.events.is_empty() => self.wait(room).await?,
                None => return Ok(()),
            };
            if count == 0 {
                return Err(WireError::Closed);
            }
            self.has_begun = true;
            *fill += count;
            self.framer.scan(chunk, fill)?;
            if chunk.events.is_empty() {
                let wanted = self.framer.wanted_end(&chunk.bytes, *fill);
                make_room(&mut chunk.bytes, *fill, wanted);
            } else if *fill >= CHUNK_BYTES {
                return Ok(());
            }
        }
    }

    async fn wait(&mut self, room: &mut [u8]) -> Result<usize, WireError> {
        let limit = if self.has_begun {
            self.limits.silence
        } else {
            self.limits.first_byte
        };
        match timeout(limit, self.stream.read(room)).await {
            Ok(count) => Ok(count?),
            Err(_) => Err(WireError::Silent { limit }),
        }
    }

    fn keep_tail(&mut self, bytes: &[u8], fill: usize) {
        let start = self.framer.rebase();
        self.tail.clear();
        self.tail
            .extend_from_slice(bytes.get(start..fill).unwrap_or_default());
        if self.tail.capacity() > KEEP_BYTES {
            self.tail.shrink_to(KEEP_BYTES);
        }
    }
}

/// Reads what is there, without waiting: `None` where that is nothing.
async fn read_ready(stream: &mut Stream, room: &mut [u8]) -> Option<io::Result<usize>> {
    poll_fn(|cx| {
        let mut buffer = ReadBuf::new(room);
        match Pin::new(&mut *stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Ready(None),
            Poll::Ready(result) => Poll::Ready(Some(result.map(|()| buffer.filled().len()))),
        }
    })
    .await
}

/// Doubles the buffer until the open event fits, and not further.
fn make_room(bytes: &mut Vec<u8>, fill: usize, wanted: usize) {
    if bytes.len() < fill + ROOM_BYTES {
        let size = (bytes.len() * 2)
            .min(wanted + ROOM_BYTES)
            .max(fill + ROOM_BYTES);
        grow(bytes, size);
    }
}

fn grow(bytes: &mut Vec<u8>, size: usize) {
    if let Some(more) = size.checked_sub(bytes.len()) {
        bytes.reserve_exact(more);
        bytes.resize(size, 0);
    }
}

/// A payload whose end has not been found yet.
#[derive(Clone, Copy, Debug)]
struct Open {
    /// Its status byte.
    start: usize,
    /// Where the part ends whose packet header was read last.
    end: usize,
    /// Whether that part is the last.
    is_last: bool,
}

/// Finds packets in a buffer that is filled from the front. It does no IO.
#[derive(Debug)]
struct Framer {
    sequence: u8,
    event_bytes_max: usize,
    /// The next packet header, while no payload is open.
    next: usize,
    open: Option<Open>,
}

impl Framer {
    fn new(sequence: u8, event_bytes_max: usize) -> Framer {
        Framer {
            sequence,
            event_bytes_max,
            next: 0,
            open: None,
        }
    }

    /// Notes each event that the first `fill` bytes complete. The parts of a long payload are joined by
    /// moving what follows a packet header over it, so `fill` may become less.
    fn scan(&mut self, chunk: &mut Chunk, fill: &mut usize) -> Result<(), WireError> {
        loop {
            match self.open {
                None => {
                    let Some((length, after)) = self.header(&chunk.bytes, self.next, *fill)? else {
                        return Ok(());
                    };
                    self.open = Some(Open {
                        start: after,
                        end: after + length,
                        is_last: length < PACKET_BYTES_MAX,
                    });
                }
                Some(open) => {
                    let present = chunk.bytes.get(..*fill).unwrap_or_default();
                    self.check(open, present)?;
                    if *fill < open.end {
                        return Ok(());
                    }
                    if open.is_last {
                        chunk.events.push(complete(open, present)?);
                        self.next = open.end;
                        self.open = None;
                        continue;
                    }
                    let Some((length, after)) = self.header(&chunk.bytes, open.end, *fill)? else {
                        return Ok(());
                    };
                    chunk.bytes.copy_within(after..*fill, open.end);
                    *fill -= after - open.end;
                    self.open = Some(Open {
                        start: open.start,
                        end: open.end + length,
                        is_last: length < PACKET_BYTES_MAX,
                    });
                }
            }
        }
    }

    /// Length of a packet and where its payload begins, once its header is complete.
    fn header(
        &mut self,
        bytes: &[u8],
        at: usize,
        fill: usize,
    ) -> Result<Option<(usize, usize)>, WireError> {
        let header = bytes.get(..fill).and_then(|bytes| bytes.get(at..));
        let Some(header) = header.and_then(|bytes| bytes.first_chunk()) else {
            return Ok(None);
        };
        let (length, sequence) = parse_header(*header);
        if sequence != self.sequence {
            return Err(WireError::Sequence {
                expected: self.sequence,
                found: sequence,
            });
        }
        self.sequence = sequence.wrapping_add(1);
        Ok(Some((length, at + header.len())))
    }

    /// Refuses an open payload as soon as it is known to be no event, or too large a one.
    fn check(&self, open: Open, present: &[u8]) -> Result<(), WireError> {
        let payload = present
            .get(open.start..open.end.min(present.len()))
            .unwrap_or_default();
        let length = open.end - open.start;
        match payload.first() {
            None => return Ok(()),
            Some(0x00) => (),
            Some(0xFE | 0xFF) if open.is_last && length <= REPLY_BYTES_MAX => return Ok(()),
            Some(byte) => return Err(WireError::Marker { byte: *byte }),
        }
        let event = payload.get(1..).unwrap_or_default();
        let Some(header) = EventHeader::parse(event) else {
            return Ok(());
        };
        // In one packet both lengths must agree: a wrong one would make us wait for bytes that never come.
        let in_one = open.is_last && length < PACKET_BYTES_MAX;
        if in_one && header.event_bytes != length - 1 {
            return Err(WireError::Malformed {
                what: "packet (its length is not that of its event)",
            });
        }
        // Of a payload in parts only the event itself knows the length.
        let declared = if open.is_last { 0 } else { header.event_bytes };
        let bytes = declared.max(length - 1);
        if bytes <= self.event_bytes_max {
            return Ok(());
        }
        let EventHeader {
            type_code, log_pos, ..
        } = header;
        Err(WireError::EventTooLarge {
            bytes,
            type_code,
            log_pos,
            limit: self.event_bytes_max,
        })
    }

    /// Where the open payload will end, as far as that is known.
    fn wanted_end(&self, bytes: &[u8], fill: usize) -> usize {
        let Some(open) = self.open else { return fill };
        let event = bytes
            .get(..fill)
            .and_then(|bytes| bytes.get(open.start + 1..));
        match event.and_then(EventHeader::parse) {
            // One more packet header than the event needs may lie in the buffer at a time.
            Some(header) if !open.is_last => open.end.max(open.start + 5 + header.event_bytes),
            Some(_) | None => open.end,
        }
    }

    /// Where the incomplete rest begins; from now on that is the buffer's front.
    fn rebase(&mut self) -> usize {
        let start = self.open.map_or(self.next, |open| open.start);
        self.next = 0;
        self.open = self.open.map(|open| Open {
            start: 0,
            end: open.end - start,
            ..open
        });
        start
    }
}

/// Of an event's common header, what names the event.
struct EventHeader {
    type_code: u8,
    event_bytes: usize,
    log_pos: u32,
}

impl EventHeader {
    fn parse(event: &[u8]) -> Option<EventHeader> {
        let header = event.get(..EVENT_HEADER_BYTES)?;
        let number = |at: usize| {
            header
                .get(at..)
                .and_then(|bytes| bytes.first_chunk())
                .map(|b| u32::from_le_bytes(*b))
        };
        Some(EventHeader {
            type_code: *header.get(4)?,
            event_bytes: usize::try_from(number(9)?).ok()?,
            log_pos: number(13)?,
        })
    }
}

/// What a complete payload is: an event, of which it gives the place, or the end of the stream.
fn complete(open: Open, present: &[u8]) -> Result<Range<usize>, WireError> {
    let payload = present.get(open.start..open.end).unwrap_or_default();
    match payload {
        [] => Err(WireError::Malformed {
            what: "empty packet",
        }),
        [0x00, ..] => Ok(open.start + 1..open.end),
        [0xFF, ..] => Err(WireError::from_packet(payload, Phase::Session)),
        [0xFE, ..] if payload.len() < 9 => Err(WireError::Ended),
        [byte, ..] => Err(WireError::Marker { byte: *byte }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    const LIMITS: Limits = Limits {
        first_byte: Duration::from_secs(20),
        silence: Duration::from_secs(20),
        event_bytes_max: 64 << 20,
    };

    async fn pair(limits: Limits) -> (DumpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let server = listener.accept().await.unwrap().0;
        (DumpStream::new(Stream::Plain(client), 1, limits), server)
    }

    /// An event of `length` bytes with a true header; `seed` sets its type and content.
    fn event(length: usize, seed: u8) -> Vec<u8> {
        let mut event = vec![seed; length];
        if let Some(size) = event.get_mut(9..13) {
            size.copy_from_slice(&u32::try_from(length).unwrap().to_le_bytes());
        }
        event
    }

    /// Cuts payloads into packets as MySQL does, counting from `sequence`.
    fn packets(payloads: &[Vec<u8>], mut sequence: u8) -> Vec<u8> {
        let mut out = Vec::new();
        for payload in payloads {
            let mut rest = &payload[..];
            loop {
                let part = rest.len().min(PACKET_BYTES_MAX);
                out.extend(&part.to_le_bytes()[..3]);
                out.push(sequence);
                out.extend(&rest[..part]);
                sequence = sequence.wrapping_add(1);
                rest = &rest[part..];
                if part < PACKET_BYTES_MAX {
                    break;
                }
            }
        }
        out
    }

    fn payloads(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
        events
            .iter()
            .map(|event| [&[0], &event[..]].concat())
            .collect()
    }

    /// Feeds pieces as if each came with one read of the socket and each read made a chunk.
    fn scan(pieces: &[&[u8]], event_bytes_max: usize) -> (Vec<Vec<u8>>, Result<(), WireError>) {
        let mut framer = Framer::new(1, event_bytes_max);
        let mut tail = Vec::new();
        let mut found = Vec::new();
        for piece in pieces {
            let bytes = [&tail[..], piece].concat();
            let mut fill = bytes.len();
            let mut chunk = Chunk {
                bytes,
                events: Vec::new(),
            };
            let result = framer.scan(&mut chunk, &mut fill);
            found.extend(chunk.iter().map(<[u8]>::to_vec));
            if result.is_err() {
                return (found, result);
            }
            let start = framer.rebase();
            tail = chunk.bytes[start..fill].to_vec();
        }
        assert!(tail.is_empty() && framer.open.is_none());
        (found, Ok(()))
    }

    #[test]
    fn a_cut_at_any_byte_changes_nothing() {
        let events = [event(19, 1), event(0, 2), event(40, 3), event(300, 4)];
        let bytes = packets(&payloads(&events), 1);
        for cut in 0..=bytes.len() {
            let (found, result) = scan(&[&bytes[..cut], &bytes[cut..]], 1 << 20);
            result.unwrap();
            assert_eq!(found, events, "{cut}");
        }
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(scan(&single, 1 << 20).0, events);
    }

    #[test]
    fn a_cut_around_the_16_mib_boundary_changes_nothing() {
        // With the status byte, these are payloads of one byte less than a full packet to two full ones.
        for length in [
            PACKET_BYTES_MAX - 2,
            PACKET_BYTES_MAX - 1,
            PACKET_BYTES_MAX,
            2 * PACKET_BYTES_MAX - 1,
        ] {
            let events = [event(30, 1), event(length, 2), event(31, 3)];
            let bytes = packets(&payloads(&events), 1);
            let boundary = 4 + 31 + 4 + PACKET_BYTES_MAX;
            for cut in boundary - 3..boundary + 7 {
                let (found, result) = scan(&[&bytes[..cut], &bytes[cut..]], 64 << 20);
                result.unwrap();
                assert!(found == events, "{length} {cut}");
            }
        }
    }

    #[test]
    fn sequence_ids_wrap_and_a_wrong_one_is_an_error() {
        let events: Vec<_> = (0..600).map(|_| event(19, 7)).collect();
        let mut bytes = packets(&payloads(&events), 1);
        assert_eq!(scan(&[&bytes], 1 << 20).0.len(), 600);
        bytes[3 + 24 * 300] = 9;
        let (found, result) = scan(&[&bytes], 1 << 20);
        assert_eq!(found.len(), 300);
        assert!(
            matches!(
                result,
                Err(WireError::Sequence {
                    expected: 45,
                    found: 9
                })
            ),
            "{result:?}"
        );
    }

    #[test]
    fn what_is_no_event_ends_the_stream_after_the_events_before_it() {
        let check = |payload: &[u8], expected: fn(&WireError) -> bool| {
            let bytes = packets(
                &[payloads(&[event(25, 1)]), vec![payload.to_vec()]].concat(),
                1,
            );
            for cut in [
                0,
                bytes.len() - payload.len(),
                bytes.len() - payload.len() / 2,
            ] {
                let (found, result) = scan(&[&bytes[..cut], &bytes[cut..]], 1 << 20);
                assert_eq!(found, [event(25, 1)]);
                let error = result.unwrap_err();
                assert!(expected(&error), "{payload:?}: {error}");
            }
        };
        check(b"\xff\xd4\x04#HY000the purged logs", |e| {
            matches!(e, WireError::Purged(_))
        });
        check(b"\xfe\0\0\x02\0", |e| matches!(e, WireError::Ended));
        check(b"\xfe12345678", |e| {
            matches!(e, WireError::Marker { byte: 0xFE })
        });
        check(b"\xef\0 event", |e| {
            matches!(e, WireError::Marker { byte: 0xEF })
        });
        check(b"\x01", |e| matches!(e, WireError::Marker { byte: 1 }));
        check(b"", |e| matches!(e, WireError::Malformed { .. }));
        let followed = packets(&[vec![], payloads(&[event(25, 1)]).remove(0)], 1);
        assert!(matches!(
            scan(&[&followed], 1 << 20).1,
            Err(WireError::Malformed { .. })
        ));
        assert!(
            WireError::Marker { byte: 0xEF }
                .to_string()
                .contains("semi-synchronous")
        );
    }

    #[test]
    fn an_unknown_marker_is_named_before_the_packet_is_complete() {
        let (_, result) = scan(&[b"\xff\xff\xff\x01\xef"], 1 << 20);
        assert!(matches!(result, Err(WireError::Marker { byte: 0xEF })));
        let (_, result) = scan(&[b"\xff\xff\xff\x01\xff"], 1 << 20);
        assert!(matches!(result, Err(WireError::Marker { byte: 0xFF })));
    }

    #[test]
    fn a_large_event_is_refused_by_its_header() {
        let limit = 1000;
        assert_eq!(
            scan(&[&packets(&payloads(&[event(limit, 30)]), 1)], limit)
                .0
                .len(),
            1
        );
        let bytes = packets(&payloads(&[event(limit + 1, 30)]), 1);
        let (_, result) = scan(&[&bytes[..4 + 1 + 19]], limit);
        let Err(WireError::EventTooLarge {
            bytes: 1001,
            type_code: 30,
            log_pos,
            limit: 1000,
        }) = result
        else {
            panic!("{result:?}")
        };
        assert_eq!(log_pos, 0x1E1E_1E1E);

        // In parts: the first packet alone is within the limit, the event is not.
        let length = 2 * PACKET_BYTES_MAX;
        let bytes = packets(&payloads(&[event(length, 31)]), 1);
        let (_, result) = scan(&[&bytes[..100]], PACKET_BYTES_MAX + 5);
        assert!(matches!(
            result,
            Err(WireError::EventTooLarge {
                bytes: 33_554_430,
                ..
            })
        ));
    }

    #[test]
    fn a_lying_header_in_parts_is_refused_by_the_bytes() {
        let mut huge = event(PACKET_BYTES_MAX * 2, 31);
        huge[9..13].copy_from_slice(&50u32.to_le_bytes());
        let bytes = packets(&payloads(&[huge]), 1);
        let (_, result) = scan(&[&bytes], PACKET_BYTES_MAX + 5);
        assert!(
            matches!(result, Err(WireError::EventTooLarge { .. })),
            "{result:?}"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..200) {
            let cut = cut.min(bytes.len());
            let mut framer = Framer::new(1, 64);
            let mut tail = Vec::new();
            for piece in [&bytes[..cut], &bytes[cut..]] {
                let bytes = [&tail[..], piece].concat();
                let mut fill = bytes.len();
                let mut chunk = Chunk { bytes, events: Vec::new() };
                if framer.scan(&mut chunk, &mut fill).is_err() {
                    break;
                }
                let wanted = framer.wanted_end(&chunk.bytes, fill);
                prop_assert!(wanted <= fill.max(64 + PACKET_BYTES_MAX + 400));
                tail = chunk.bytes[framer.rebase()..fill].to_vec();
            }
        }
    }

    #[tokio::test]
    async fn an_event_is_handed_over_as_soon_as_it_is_complete() {
        let (mut dump, mut server) = pair(LIMITS).await;
        let bytes = packets(&payloads(&[event(50, 1), event(60, 2)]), 1);
        let mut chunk = Chunk::default();
        // The first event and a part of the second: the call must not wait for the rest.
        server.write_all(&bytes[..70]).await.unwrap();
        dump.read(&mut chunk).await.unwrap();
        assert_eq!(chunk.iter().collect::<Vec<_>>(), [event(50, 1)]);
        server.write_all(&bytes[70..]).await.unwrap();
        let mut other = Chunk::default();
        dump.read(&mut other).await.unwrap();
        assert_eq!(other.iter().collect::<Vec<_>>(), [event(60, 2)]);
        assert_eq!(chunk.event_bytes(), 50);
    }

    #[tokio::test]
    async fn a_long_stream_comes_through_whole_and_in_bounded_chunks() {
        let events: Vec<_> = (0..4000u32)
            .map(|at| {
                event(
                    19 + (at as usize * 7919) % 3000,
                    u8::try_from(at % 251).unwrap(),
                )
            })
            .collect();
        let bytes = packets(&payloads(&events), 1);
        let (mut dump, mut server) = pair(LIMITS).await;
        let writer = tokio::spawn(async move {
            server.write_all(&bytes).await.unwrap();
            server
        });
        let (mut chunk, mut found) = (Chunk::default(), Vec::new());
        while found.len() < events.len() {
            dump.read(&mut chunk).await.unwrap();
            assert!(!chunk.events.is_empty() && chunk.bytes.len() == CHUNK_BYTES + ROOM_BYTES);
            found.extend(chunk.iter().map(<[u8]>::to_vec));
        }
        assert!(found == events);
        drop(writer.await.unwrap());
        assert!(matches!(
            dump.read(&mut chunk).await,
            Err(WireError::Closed)
        ));
        assert!(matches!(
            dump.read(&mut chunk).await,
            Err(WireError::ReadAfterEnd)
        ));
    }

    #[tokio::test]
    async fn a_large_event_grows_the_buffer_which_shrinks_again() {
        let large = PACKET_BYTES_MAX + 100_000;
        let events = [event(100, 1), event(large, 2), event(100, 3)];
        let bytes = packets(&payloads(&events), 1);
        let (mut dump, mut server) = pair(LIMITS).await;
        let writer = tokio::spawn(async move {
            server.write_all(&bytes).await.unwrap();
            server
        });
        let (mut chunk, mut found, mut largest) = (Chunk::default(), Vec::new(), 0);
        while found.len() < events.len() {
            dump.read(&mut chunk).await.unwrap();
            largest = largest.max(chunk.bytes.capacity());
            found.extend(chunk.iter().map(<[u8]>::to_vec));
        }
        assert!(found == events);
        assert!((large..large + (1 << 20)).contains(&largest), "{largest}");
        let mut server = writer.await.unwrap();
        server
            .write_all(&packets(&payloads(&[event(20, 4)]), 5))
            .await
            .unwrap();
        dump.read(&mut chunk).await.unwrap();
        assert_eq!(chunk.iter().collect::<Vec<_>>(), [event(20, 4)]);
        assert!(chunk.bytes.capacity() <= KEEP_BYTES && dump.tail.capacity() <= KEEP_BYTES);
    }

    #[tokio::test]
    async fn a_failure_comes_after_the_events_before_it() {
        let (mut dump, mut server) = pair(LIMITS).await;
        let all = [payloads(&[event(25, 1)]), vec![b"\xfe\0\0\0\0".to_vec()]].concat();
        server.write_all(&packets(&all, 1)).await.unwrap();
        let mut chunk = Chunk::default();
        dump.read(&mut chunk).await.unwrap();
        assert_eq!(chunk.events.len(), 1);
        assert!(matches!(dump.read(&mut chunk).await, Err(WireError::Ended)));
        assert!(chunk.events.is_empty());
    }

    #[tokio::test]
    async fn silence_is_an_error_and_has_its_own_limit_before_the_first_byte() {
        let short = Duration::from_millis(30);
        let limits = Limits {
            first_byte: short,
            silence: LIMITS.silence,
            ..LIMITS
        };
        let (mut dump, _server) = pair(limits).await;
        let error = dump.read(&mut Chunk::default()).await.unwrap_err();
        assert!(
            matches!(error, WireError::Silent { limit } if limit == short),
            "{error}"
        );

        let limits = Limits {
            silence: short,
            ..LIMITS
        };
        let (mut dump, mut server) = pair(limits).await;
        // One byte of a header: bytes count, not events.
        server.write_all(&[20]).await.unwrap();
        let error = dump.read(&mut Chunk::default()).await.unwrap_err();
        assert!(
            matches!(error, WireError::Silent { limit } if limit == short),
            "{error}"
        );
    }
}
