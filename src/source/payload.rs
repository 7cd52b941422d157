//! A compressed group, inflated as a stream: one event at a time in a reused buffer.
//!
//! Takes the payload's bytes, gives the events inside. Sizes in the payload are claims: what it says it
//! inflates to is checked against a cap before, and against what came after; memory grows with bytes
//! that are there, never with a number that was read.

use std::borrow::Cow;
use std::io::Read;

use crate::error::{Classify, Fault};
use crate::event::{HEADER_BYTES, Payload};
use crate::source::binlog::read_header;

/// Caps of one compressed group.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one event inside.
    pub event_bytes_max: usize,
    /// Bytes of all events inside.
    pub transaction_bytes_max: u64,
}

/// Why a compressed group could not be inflated.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// The compressed bytes are damaged.
    #[error("a compressed transaction does not inflate: {0}")]
    Inflate(#[source] std::io::Error),
    /// More or fewer bytes than it claims.
    #[error("a compressed transaction claims {claimed} bytes and inflates to {came}")]
    Size {
        /// In the event.
        claimed: u64,
        /// Inflated; at least this many where it was cut off.
        came: u64,
    },
    /// It claims more than is allowed.
    #[error("a compressed transaction of {claimed} bytes inflated exceeds the limit of {limit}")]
    TooLarge {
        /// In the event.
        claimed: u64,
        /// `mysql.transaction_bytes_max`.
        limit: u64,
    },
    /// An event inside is larger than is allowed, or too small to be one.
    #[error("an event of {size} bytes inside a compressed transaction (limit {limit})")]
    EventSize {
        /// In its header.
        size: usize,
        /// `mysql.event_bytes_max`.
        limit: usize,
    },
}

impl Classify for PayloadError {
    fn fault(&self) -> Fault {
        Fault::Data
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            PayloadError::Inflate(_) | PayloadError::Size { .. } => {
                "check the binlog file with mysqlbinlog; if it is damaged, fail over to a replica that \
                 has this transaction"
            }
            PayloadError::TooLarge { .. } => "raise mysql.transaction_bytes_max",
            PayloadError::EventSize { .. } => "raise mysql.event_bytes_max",
        }))
    }
}

/// The events of one compressed group.
pub struct Inflater<'a> {
    reader: Reader<'a>,
    limits: Limits,
    claimed: u64,
    came: u64,
}

enum Reader<'a> {
    Zstd(Box<zstd::stream::read::Decoder<'a, &'a [u8]>>),
    Stored(&'a [u8]),
}

impl<'a> Inflater<'a> {
    /// Starts on a payload.
    ///
    /// # Errors
    /// Where it claims more than the limits allow, or the inflater cannot be made.
    pub fn new(payload: &Payload<'a>, limits: Limits) -> Result<Inflater<'a>, PayloadError> {
        let claimed = payload.inflated_bytes;
        if claimed > limits.transaction_bytes_max {
            return Err(PayloadError::TooLarge {
                claimed,
                limit: limits.transaction_bytes_max,
            });
        }
        let reader = match payload.compressed {
            true => Reader::Zstd(Box::new(
                zstd::stream::read::Decoder::with_buffer(payload.bytes)
                    .map_err(PayloadError::Inflate)?,
            )),
            false => Reader::Stored(payload.bytes),
        };
        Ok(Inflater {
            reader,
            limits,
            claimed,
            came: 0,
        })
    }

    /// Reads the next event into `buffer`, which it empties first; `false` at the end.
    ///
    /// # Errors
    /// [`PayloadError`]; nothing more can be read then.
    pub fn next_event(&mut self, buffer: &mut Vec<u8>) -> Result<bool, PayloadError> {
        buffer.clear();
        self.fill(buffer, HEADER_BYTES)?;
        if buffer.is_empty() {
            return match self.came == self.claimed {
                true => Ok(false),
                false => Err(PayloadError::Size {
                    claimed: self.claimed,
                    came: self.came,
                }),
            };
        }
        let limit = self.limits.event_bytes_max;
        let size = read_header(buffer).map_or(buffer.len(), |header| header.size as usize);
        if size <= HEADER_BYTES || size > limit {
            return Err(PayloadError::EventSize { size, limit });
        }
        self.fill(buffer, size)?;
        if buffer.len() < size {
            return Err(PayloadError::Size {
                claimed: self.claimed,
                came: self.came,
            });
        }
        Ok(true)
    }

    /// Appends until `buffer` has `size` bytes or the payload ends.
    fn fill(&mut self, buffer: &mut Vec<u8>, size: usize) -> Result<(), PayloadError> {
        let wanted = size.saturating_sub(buffer.len()) as u64;
        let came = match &mut self.reader {
            Reader::Zstd(reader) => reader.take(wanted).read_to_end(buffer),
            Reader::Stored(reader) => reader.take(wanted).read_to_end(buffer),
        };
        self.came = self
            .came
            .saturating_add(came.map_err(PayloadError::Inflate)? as u64);
        if self.came > self.claimed {
            return Err(PayloadError::Size {
                claimed: self.claimed,
                came: self.came,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: Limits = Limits {
        event_bytes_max: 1000,
        transaction_bytes_max: 100_000,
    };

    fn event(size: usize) -> Vec<u8> {
        let mut bytes = vec![7; size];
        bytes[9..13].copy_from_slice(&(size as u32).to_le_bytes());
        bytes
    }

    fn events() -> Vec<u8> {
        [event(40), event(900), event(20)].concat()
    }

    fn read(payload: &Payload<'_>) -> Result<Vec<usize>, PayloadError> {
        let mut inflater = Inflater::new(payload, LIMITS)?;
        let (mut buffer, mut sizes) = (Vec::new(), Vec::new());
        while inflater.next_event(&mut buffer)? {
            sizes.push(buffer.len());
        }
        Ok(sizes)
    }

    fn compressed(claimed: u64, of: &[u8]) -> (u64, Vec<u8>) {
        (claimed, zstd::stream::encode_all(of, 3).unwrap())
    }

    fn check((claimed, bytes): &(u64, Vec<u8>)) -> Result<Vec<usize>, PayloadError> {
        read(&Payload {
            compressed: true,
            inflated_bytes: *claimed,
            bytes,
        })
    }

    #[test]
    fn gives_the_events_one_by_one() {
        assert_eq!(check(&compressed(960, &events())).unwrap(), [40, 900, 20]);
        let stored = events();
        let payload = Payload {
            compressed: false,
            inflated_bytes: 960,
            bytes: &stored,
        };
        assert_eq!(read(&payload).unwrap(), [40, 900, 20]);
    }

    #[test]
    fn claims_are_held_against_what_came() {
        let size = |result| matches!(result, Err(PayloadError::Size { .. }));
        assert!(size(check(&compressed(959, &events()))));
        assert!(size(check(&compressed(961, &events()))));
        assert!(size(check(&compressed(930, &events()[..930]))));
        let too_large = check(&compressed(1 << 40, &events()));
        assert!(matches!(too_large, Err(PayloadError::TooLarge { .. })));
        let event_size = check(&compressed(1001, &event(1001)));
        assert!(matches!(
            event_size,
            Err(PayloadError::EventSize {
                size: 1001,
                limit: 1000
            })
        ));
    }

    #[test]
    fn damaged_bytes_are_an_error() {
        let (claimed, mut bytes) = compressed(960, &events());
        bytes.truncate(bytes.len() / 2);
        assert!(matches!(
            check(&(claimed, bytes)),
            Err(PayloadError::Inflate(_))
        ));
        assert!(matches!(
            check(&(10, b"not zstd at all".to_vec())),
            Err(PayloadError::Inflate(_))
        ));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), claimed: u64, at: usize, flip: u8) {
            let _ = check(&(claimed % 2000, bytes));
            let (claimed, mut frame) = compressed(960, &events());
            let at = at % frame.len();
            frame[at] ^= flip;
            let _ = check(&(claimed, frame));
        }
    }
}
