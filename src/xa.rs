//! XA transactions by name: the id that a client gave one, and where a prepared one stands in the log.
//!
//! A leaf: takes and gives texts and numbers, never panics on them, does no IO.

use std::fmt;
use std::fmt::Write;
use std::str::FromStr;

use crate::position::{FilePosition, Gtid};

/// MySQL's limit for each of the two texts (`XIDDATASIZE` is both).
pub const PART_BYTES_MAX: usize = 64;

/// The id of an XA transaction: unique among those that a server has prepared.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xid {
    format: u32,
    gtrid: Vec<u8>,
    bqual: Vec<u8>,
}

/// A text or bytes that name no XA transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the id of an XA transaction as the server logs it (X'…',X'…',format)")]
pub struct BadXid;

impl Xid {
    /// From its parts.
    ///
    /// # Errors
    /// A part is longer than MySQL allows.
    pub fn new(format: u32, gtrid: &[u8], bqual: &[u8]) -> Result<Xid, BadXid> {
        if gtrid.len() > PART_BYTES_MAX || bqual.len() > PART_BYTES_MAX {
            return Err(BadXid);
        }
        Ok(Xid {
            format,
            gtrid: gtrid.to_vec(),
            bqual: bqual.to_vec(),
        })
    }
}

impl fmt::Display for Xid {
    /// As the server writes it into statements: `X'6162',X'',1`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in [&self.gtrid, &self.bqual] {
            f.write_str("X'")?;
            for byte in part {
                write!(f, "{byte:02x}")?;
            }
            f.write_str("',")?;
        }
        write!(f, "{}", self.format)
    }
}

impl FromStr for Xid {
    type Err = BadXid;

    fn from_str(text: &str) -> Result<Xid, BadXid> {
        let mut parts = text.split(',').map(str::trim);
        let (gtrid, bqual) = (hex(parts.next())?, hex(parts.next())?);
        let format = parts.next().ok_or(BadXid)?;
        if parts.next().is_some() {
            return Err(BadXid);
        }
        // The event has 32 bits of it; the statement shows the server's own, wider number.
        let format: i128 = format.parse().map_err(|_| BadXid)?;
        let format = u32::try_from(format & 0xffff_ffff).map_err(|_| BadXid)?;
        Xid::new(format, &gtrid, &bqual)
    }
}

/// The bytes of `X'6162'`.
fn hex(literal: Option<&str>) -> Result<Vec<u8>, BadXid> {
    let digits = literal
        .and_then(|text| text.strip_prefix(['X', 'x']))
        .and_then(|text| text.strip_prefix('\''))
        .and_then(|text| text.strip_suffix('\''))
        .filter(|digits| digits.len() <= 2 * PART_BYTES_MAX)
        .ok_or(BadXid)?;
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return Err(BadXid);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(BadXid);
    pairs
        .iter()
        .map(|[high, low]| {
            let value = digit(*high)? * 16 + digit(*low)?;
            u8::try_from(value).map_err(|_| BadXid)
        })
        .collect()
}

/// A prepared XA transaction: its rows are in the log, its outcome is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// Its id.
    pub xid: Xid,
    /// GTID of the group that holds its rows.
    pub gtid: Option<Gtid>,
    /// Where that group starts.
    pub start: FilePosition,
}

impl fmt::Display for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (prepared at {}", self.xid, self.start)?;
        match &self.gtid {
            Some(gtid) => write!(f, ", GTID {gtid})"),
            None => f.write_char(')'),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_the_servers_form() {
        let xid: Xid = "X'6162',X'',1".parse().unwrap();
        assert_eq!(xid, Xid::new(1, b"ab", b"").unwrap());
        assert_eq!(xid.to_string(), "X'6162',X'',1");
        let negative: Xid = "X'00',X'ff',-1".parse().unwrap();
        assert_eq!(negative, Xid::new(u32::MAX, b"\0", b"\xff").unwrap());
        for wrong in [
            "",
            "X'6',X'',1",
            "X'6g',X'',1",
            "X'61',X''",
            "X'61',X'',1,2",
            "'a',X'',1",
        ] {
            assert_eq!(wrong.parse::<Xid>(), Err(BadXid), "{wrong}");
        }
        assert_eq!(Xid::new(1, &[0; 65], b""), Err(BadXid));
    }

    proptest! {
        #[test]
        fn prints_what_it_reads(
            format: u32,
            gtrid in prop::collection::vec(any::<u8>(), 0..=64),
            bqual in prop::collection::vec(any::<u8>(), 0..=64),
        ) {
            let xid = Xid::new(format, &gtrid, &bqual).unwrap();
            prop_assert_eq!(xid.to_string().parse::<Xid>(), Ok(xid));
        }

        #[test]
        fn never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<Xid>();
        }
    }
}
