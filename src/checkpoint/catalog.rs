//! The table definitions beside the position: compressed, in parts that any store can take.
//!
//! Takes and gives the text of all definitions; what it means is not this module's business. Parts have
//! the name of their generation in theirs, so that those of the stored position stand until a
//! position that refers to newer ones is stored; a part that is missing or damaged is an error.

use std::borrow::Cow;
use std::io::Read;

use crate::checkpoint::record::CatalogRef;
use crate::checkpoint::store::{Contents, Store, StoreError};
use crate::error::{Classify, Fault};

/// Bytes of a part: below what a broker takes by default, its record's overhead included.
const PART_BYTES: usize = 512 << 10;
/// Bytes of text that are believed: beyond it the stored parts are not what was written.
const TEXT_BYTES_MAX: u64 = 1 << 30;
/// zstd's fastest of the levels that look for repetitions at some distance: definitions resemble each
/// other.
const LEVEL: i32 = 3;
const PREFIX: &str = "tables.";

/// Why stored definitions cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CatalogStoreError {
    /// A part that the position refers to is not there.
    #[error("part {part} of the stored table definitions is missing")]
    Missing {
        /// Its name.
        part: String,
    },
    /// The bytes are not those that were written.
    #[error(
        "the stored table definitions are damaged: their checksum is {computed}, expected {expected}"
    )]
    Checksum {
        /// In the position.
        expected: String,
        /// Over the parts.
        computed: String,
    },
    /// The bytes do not inflate to text.
    #[error("the stored table definitions cannot be read: {0}")]
    Malformed(#[source] std::io::Error),
}

impl Classify for CatalogStoreError {
    fn fault(&self) -> Fault {
        Fault::Operator
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(
            "restore the stored position and its parts from a copy, or remove them and set `start`: what \
             lies between is then missing from the topics",
        ))
    }
}

/// Writes the parts of a generation.
///
/// # Errors
/// What the store says; parts that were written are removed with the next generation.
pub fn save(
    store: &mut dyn Store,
    generation: String,
    text: &str,
) -> Result<CatalogRef, StoreError> {
    // Compressing memory to memory fails only where memory does.
    let bytes = zstd::stream::encode_all(text.as_bytes(), LEVEL).unwrap_or_default();
    let mut parts = 0;
    for part in bytes.chunks(PART_BYTES) {
        store.save(&name(&generation, parts), Some(part))?;
        parts += 1;
    }
    Ok(CatalogRef {
        generation,
        parts,
        crc32: format!("{:08x}", crc32fast::hash(&bytes)),
    })
}

/// Reads what a position refers to.
///
/// # Errors
/// [`CatalogStoreError`].
pub fn load(contents: &Contents, stored: &CatalogRef) -> Result<String, CatalogStoreError> {
    let mut bytes = Vec::new();
    for index in 0..stored.parts {
        let part = name(&stored.generation, index);
        match contents.get(&part) {
            Some(part) => bytes.extend_from_slice(part),
            None => return Err(CatalogStoreError::Missing { part }),
        }
    }
    let computed = format!("{:08x}", crc32fast::hash(&bytes));
    if computed != stored.crc32 {
        return Err(CatalogStoreError::Checksum {
            expected: stored.crc32.clone(),
            computed,
        });
    }
    let mut text = String::new();
    let inflated = zstd::stream::read::Decoder::new(bytes.as_slice())
        .and_then(|decoder| decoder.take(TEXT_BYTES_MAX).read_to_string(&mut text));
    inflated.map_err(CatalogStoreError::Malformed)?;
    Ok(text)
}

/// Names of parts that belong to no generation but `kept`.
pub fn leftovers(contents: &Contents, kept: Option<&str>) -> Vec<String> {
    let kept = kept.map(|generation| format!("{PREFIX}{generation}."));
    let of_kept = |name: &str| kept.as_ref().is_some_and(|kept| name.starts_with(kept));
    let parts = contents.keys().filter(|name| name.starts_with(PREFIX));
    parts.filter(|name| !of_kept(name)).cloned().collect()
}

/// The name of a part.
pub fn name(generation: &str, part: u32) -> String {
    format!("{PREFIX}{generation}.{part}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Memory(Contents);

    impl Store for Memory {
        fn load(&mut self) -> Result<Contents, StoreError> {
            Ok(self.0.clone())
        }

        fn save(&mut self, name: &str, record: Option<&[u8]>) -> Result<(), StoreError> {
            match record {
                Some(record) => self.0.insert(name.to_owned(), record.to_vec()),
                None => self.0.remove(name),
            };
            Ok(())
        }
    }

    /// Text that does not compress well.
    fn text(bytes: usize) -> String {
        let mut state = 1u32;
        let next = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(b' ' + (state >> 24) as u8 % 95)
        };
        (0..bytes).map(next).collect()
    }

    #[test]
    fn reads_what_it_writes_in_as_many_parts_as_it_takes() {
        for bytes in [0, 1, 3 << 20] {
            let (mut store, text) = (Memory::default(), text(bytes));
            let stored = save(&mut store, "1-7".to_owned(), &text).unwrap();
            assert_eq!(load(&store.0, &stored).unwrap(), text);
            assert_eq!(store.0.len(), stored.parts as usize);
            assert!(store.0.values().all(|part| part.len() <= PART_BYTES));
            assert!(bytes < 1 << 20 || stored.parts > 1);
        }
    }

    #[test]
    fn damage_and_missing_parts_are_noticed() {
        let mut store = Memory::default();
        let stored = save(&mut store, "1-7".to_owned(), &text(2 << 20)).unwrap();
        let whole = store.0.clone();
        store.0.remove("tables.1-7.1");
        assert!(matches!(
            load(&store.0, &stored),
            Err(CatalogStoreError::Missing { .. })
        ));
        store.0 = whole;
        store.0.get_mut("tables.1-7.0").unwrap()[9] ^= 1;
        assert!(matches!(
            load(&store.0, &stored),
            Err(CatalogStoreError::Checksum { .. })
        ));
    }

    #[test]
    fn a_generation_stands_until_another_is_kept() {
        let mut store = Memory::default();
        save(&mut store, "1-7".to_owned(), "a").unwrap();
        save(&mut store, "1-70".to_owned(), "b").unwrap();
        assert_eq!(leftovers(&store.0, Some("1-7")), ["tables.1-70.0"]);
        assert_eq!(leftovers(&store.0, None), ["tables.1-7.0", "tables.1-70.0"]);
    }
}
