//! The file in which a standalone Connect worker keeps offsets: a Java `HashMap` of byte arrays, serialized.
//!
//! Takes its bytes, gives the entries. Form: Java Object Serialization Specification 6.4, as far as such a map uses it
//! (`FileOffsetBackingStore`). Nothing else is read, and no class is ever made.

use crate::cursor::{Cursor, Short};

/// How such a file begins: the stream's magic and version, and the map's class.
const HEAD: &[u8] = b"\xac\xed\x00\x05\x73\x72\x00\x11java.util.HashMap";
/// The map's `serialVersionUID`, flags, its two fields by name, the end of the class, no superclass; then their values.
const CLASS_BYTES: usize = 8 + 1 + 2 + 13 + 12 + 2 + 8;
/// The class of byte arrays where it is met first, from its name on.
const ARRAY_CLASS: &[u8] = b"\x00\x02[B\xac\xf3\x17\xf8\x06\x08\x54\xe0\x02\x00\x00\x78\x70";

const NULL: u8 = 0x70;
const REFERENCE: u8 = 0x71;
const CLASS: u8 = 0x72;
const ARRAY: u8 = 0x75;
const BLOCK: u8 = 0x77;

/// Entries of a map.
pub(super) type Entries<'a> = Vec<(&'a [u8], Option<&'a [u8]>)>;

/// Whether the bytes are such a map at all.
pub(super) fn is_map(bytes: &[u8]) -> bool {
    bytes.starts_with(HEAD)
}

/// The entries of a map; `None` where it holds something else than byte arrays.
pub(super) fn read(bytes: &[u8]) -> Option<Entries<'_>> {
    entries(bytes.strip_prefix(HEAD)?).ok().flatten()
}

fn entries(bytes: &[u8]) -> Result<Option<Entries<'_>>, Short> {
    let mut cursor = Cursor::new(bytes);
    cursor.take(CLASS_BYTES)?;
    if cursor.array()? != [BLOCK, 8] {
        return Ok(None);
    }
    cursor.take(4)?;
    let count = u32::from_be_bytes(cursor.array()?);
    let mut found = Entries::new();
    for _ in 0..count {
        let (Some(key), Some(value)) = (array(&mut cursor)?, array(&mut cursor)?) else {
            return Ok(None);
        };
        match key {
            Some(key) => found.push((key, value)),
            None => return Ok(None),
        }
    }
    Ok(Some(found))
}

/// A byte array or null; `None` for anything else.
fn array<'a>(cursor: &mut Cursor<'a>) -> Result<Option<Option<&'a [u8]>>, Short> {
    match cursor.u8()? {
        NULL => return Ok(Some(None)),
        ARRAY => {}
        _ => return Ok(None),
    }
    match cursor.u8()? {
        CLASS if cursor.take(ARRAY_CLASS.len())? == ARRAY_CLASS => {}
        // There is one class of arrays that a reference can name.
        REFERENCE => drop(cursor.take(4)?),
        _ => return Ok(None),
    }
    let length = u32::from_be_bytes(cursor.array()?);
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    cursor.take(length).map(|bytes| Some(Some(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Java 17 writes a map of two entries.
    fn map(entries: &[(&[u8], Option<&[u8]>)]) -> Vec<u8> {
        let mut bytes = HEAD.to_vec();
        bytes.extend(
            b"\x05\x07\xda\xc1\xc3\x16\x60\xd1\x03\x00\x02F\x00\x0aloadFactorI\x00\x09thresholdxp",
        );
        bytes.extend(b"\x3f\x40\x00\x00\x00\x00\x00\x0c\x77\x08\x00\x00\x00\x10");
        bytes.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
        let mut first = true;
        let mut array = |value: Option<&[u8]>| match value {
            None => vec![NULL],
            Some(value) => {
                let mut bytes = vec![ARRAY];
                match std::mem::take(&mut first) {
                    true => {
                        bytes.push(CLASS);
                        bytes.extend(ARRAY_CLASS);
                    }
                    false => bytes.extend(b"\x71\x00\x7e\x00\x02"),
                }
                bytes.extend(u32::try_from(value.len()).unwrap().to_be_bytes());
                bytes.extend(value);
                bytes
            }
        };
        for (key, value) in entries {
            bytes.extend(array(Some(*key)));
            bytes.extend(array(*value));
        }
        bytes.push(0x78);
        bytes
    }

    #[test]
    fn entries_are_read() {
        let entries: Entries<'_> = vec![(b"a", Some(b"1")), (b"bc", None), (b"", Some(b""))];
        let bytes = map(&entries);
        assert!(is_map(&bytes));
        assert_eq!(read(&bytes), Some(entries));
        assert_eq!(read(&map(&[])), Some(Entries::new()));
        for end in 0..bytes.len() - 1 {
            assert_eq!(read(&bytes[..end]), None, "cut at {end}");
        }
        assert!(!is_map(b"{}"));
    }
}
