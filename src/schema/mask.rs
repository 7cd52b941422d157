//! Masks of text columns: a value that must not leave as it is becomes stars, its beginning, or a digest.
//!
//! Takes the JSON string of a value and gives another; a key keeps the value as it is, as in Debezium (keys are
//! built before masks apply). Rules: Debezium 3.6's `MaskStrings` and `TruncateColumn`.

use std::borrow::Cow;

use md5::Md5;
use regex::Regex;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

use crate::error::Secret;
use crate::text::json;

/// A mask and the columns that it is for, as a pattern on `database.table.column`.
#[derive(Clone, Debug)]
pub struct MaskRule {
    /// Which columns.
    pub columns: Regex,
    /// What becomes of their values.
    pub mask: Mask,
}

/// What becomes of a text.
#[derive(Clone, Debug)]
pub enum Mask {
    /// So many stars, whatever it was, NULL included (`column.mask.with.N.chars`).
    Stars(u16),
    /// Its first characters, counted as Java does: one beyond U+FFFF counts twice and is never parted
    /// (`column.truncate.to.N.chars`).
    Truncate(usize),
    /// The digest of salt and value in hexadecimal digits (`column.mask.hash…`).
    Hash(Hash),
}

/// How a digest is made.
#[derive(Clone, Debug)]
pub struct Hash {
    /// Which.
    pub algorithm: Algorithm,
    /// Over what.
    pub form: HashForm,
    /// Goes ahead of the value.
    pub salt: Secret,
}

/// Digests by Java's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `MD5`.
    Md5,
    /// `SHA-1`.
    Sha1,
    /// `SHA-224`.
    Sha224,
    /// `SHA-256`.
    Sha256,
    /// `SHA-384`.
    Sha384,
    /// `SHA-512`.
    Sha512,
}

/// What a digest is made over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashForm {
    /// The value as Java's `ObjectOutputStream` writes it (Debezium's first version).
    Serialized,
    /// The value in UTF-8 (its version 2).
    Text,
}

impl Algorithm {
    /// By Java's name, in any letter case.
    pub fn named(name: &str) -> Option<Algorithm> {
        Some(match name.to_ascii_uppercase().as_str() {
            "MD5" => Algorithm::Md5,
            "SHA-1" | "SHA1" | "SHA" => Algorithm::Sha1,
            "SHA-224" => Algorithm::Sha224,
            "SHA-256" => Algorithm::Sha256,
            "SHA-384" => Algorithm::Sha384,
            "SHA-512" => Algorithm::Sha512,
            _ => return None,
        })
    }
}

/// A mask as one column has it.
#[derive(Clone, Debug)]
pub struct Masked {
    pub(super) mask: Mask,
    /// Characters of the column's type, beyond which a digest is cut; `None` where the type has no length.
    pub(super) characters: Option<usize>,
}

impl Masked {
    /// The parameter that the column's schema gets; none where no value is so long.
    pub(super) fn parameter(&self) -> Option<(&'static str, String)> {
        match self.mask {
            Mask::Stars(_) | Mask::Hash(_) => Some(("masked", "true".to_owned())),
            Mask::Truncate(kept) if self.characters.is_some_and(|all| all <= kept) => None,
            Mask::Truncate(kept) => Some(("truncateLength", kept.to_string())),
        }
    }

    /// Appends what stands for NULL.
    pub fn write_null(&self, out: &mut Vec<u8>) {
        match self.mask {
            Mask::Stars(count) => write_stars(out, count),
            Mask::Truncate(_) | Mask::Hash(_) => out.extend_from_slice(b"null"),
        }
    }

    /// Replaces the JSON value that begins at `start`: a string or null.
    ///
    /// # Errors
    /// It is neither; nothing of it stays.
    pub fn apply(&self, out: &mut Vec<u8>, start: usize) -> Result<(), Unreadable> {
        if let Mask::Stars(count) = self.mask {
            out.truncate(start);
            write_stars(out, count);
            return Ok(());
        }
        let value = out.get(start..).unwrap_or_default();
        let text = serde_json::from_slice::<Option<String>>(value).map_err(|_| Unreadable);
        let Some(text) = text.inspect_err(|_| out.truncate(start))? else {
            return Ok(());
        };
        out.truncate(start);
        match &self.mask {
            Mask::Stars(_) => {}
            Mask::Truncate(characters) => json::write_string(out, beginning(&text, *characters)),
            Mask::Hash(hash) => {
                hash.write_digits(out, &text);
                if let Some(characters) = self.characters
                    && out.len() > start + 2 + characters
                {
                    out.truncate(start + 1 + characters);
                    out.push(b'"');
                }
            }
        }
        Ok(())
    }
}

fn write_stars(out: &mut Vec<u8>, count: u16) {
    out.push(b'"');
    out.resize(out.len() + usize::from(count), b'*');
    out.push(b'"');
}

/// What is to be masked is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a value that is to be masked is no text")]
pub struct Unreadable;

fn beginning(text: &str, units: usize) -> &str {
    let mut used = 0;
    let end = text.char_indices().find(|(_, character)| {
        used += character.len_utf16();
        used > units
    });
    let end = end.map_or(text.len(), |(at, _)| at);
    text.get(..end).unwrap_or_default()
}

impl Hash {
    fn write_digits(&self, out: &mut Vec<u8>, text: &str) {
        let serialized = match self.form {
            HashForm::Text => Cow::Borrowed(text.as_bytes()),
            HashForm::Serialized => Cow::Owned(serialized(text)),
        };
        let parts = [self.salt.reveal().as_bytes(), &*serialized];
        match self.algorithm {
            Algorithm::Md5 => digest::<Md5>(out, parts),
            Algorithm::Sha1 => digest::<Sha1>(out, parts),
            Algorithm::Sha224 => digest::<Sha224>(out, parts),
            Algorithm::Sha256 => digest::<Sha256>(out, parts),
            Algorithm::Sha384 => digest::<Sha384>(out, parts),
            Algorithm::Sha512 => digest::<Sha512>(out, parts),
        }
    }
}

fn digest<D: Digest>(out: &mut Vec<u8>, parts: [&[u8]; 2]) {
    let mut digest = D::new();
    parts.iter().for_each(|part| digest.update(part));
    json::write_hex(out, &digest.finalize());
}

/// A string as `ObjectOutputStream.writeObject` writes it: magic, version, TC_STRING or TC_LONGSTRING with the
/// length, and modified UTF-8 (Java Object Serialization Specification, 6.4).
fn serialized(text: &str) -> Vec<u8> {
    let mut modified = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match unit {
            1..=0x7f => modified.push(unit as u8),
            0 | 0x80..=0x7ff => {
                modified.extend([0xc0 | (unit >> 6) as u8, 0x80 | (unit & 0x3f) as u8]);
            }
            _ => modified.extend([
                0xe0 | (unit >> 12) as u8,
                0x80 | (unit >> 6 & 0x3f) as u8,
                0x80 | (unit & 0x3f) as u8,
            ]),
        }
    }
    let mut out = vec![0xac, 0xed, 0x00, 0x05];
    match u16::try_from(modified.len()) {
        Ok(length) => {
            out.push(0x74);
            out.extend(length.to_be_bytes());
        }
        Err(_) => {
            out.push(0x7c);
            out.extend((modified.len() as u64).to_be_bytes());
        }
    }
    out.append(&mut modified);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(mask: Mask, characters: Option<usize>, json: &str) -> String {
        let mut out = format!("before{json}").into_bytes();
        let masked = Masked { mask, characters };
        masked.apply(&mut out, "before".len()).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn hash(algorithm: Algorithm, form: HashForm, salt: &str) -> Mask {
        Mask::Hash(Hash {
            algorithm,
            form,
            salt: Secret::new(salt.to_owned()),
        })
    }

    #[test]
    fn stars_stand_for_everything() {
        assert_eq!(applied(Mask::Stars(3), None, r#""a\"b""#), r#"before"***""#);
        assert_eq!(applied(Mask::Stars(0), None, "null"), r#"before"""#);
    }

    #[test]
    fn the_beginning_is_counted_in_utf_16() {
        let check = |units, json: &str, expected: &str| {
            assert_eq!(
                applied(Mask::Truncate(units), None, json),
                format!("before{expected}")
            );
        };
        check(2, r#""ab""#, r#""ab""#);
        check(2, r#""abc""#, r#""ab""#);
        check(2, r#""\"é中""#, r#""\"é""#);
        check(2, r#""a\ud83d\udc1f""#, r#""a""#);
        check(0, r#""a""#, r#""""#);
        check(5, "null", "null");
    }

    #[test]
    fn digests_are_of_salt_and_text() {
        let v2 = hash(Algorithm::Sha256, HashForm::Text, "salt");
        // printf 'saltvalue' | sha256sum
        let whole = "d430a1da30afe1a9d07b3b36042151ebaf53c4882af1609733c04930de318e33";
        let found = applied(v2.clone(), None, r#""value""#);
        assert_eq!(found, format!("before\"{whole}\""));
        let cut = applied(v2, Some(10), r#""value""#);
        assert_eq!(cut, format!("before\"{}\"", &whole[..10]));
    }

    #[test]
    fn strings_are_serialized_as_java_does() {
        let short = b"\xac\xed\0\x05\x74\0\x05a\xc0\x80\xc3\xa9";
        assert_eq!(serialized("a\0é"), short);
        let long = serialized(&"é".repeat(40_000));
        let head = b"\xac\xed\0\x05\x7c\0\0\0\0\0\x01\x38\x80\xc3\xa9";
        assert_eq!((long.len(), &long[..15]), (13 + 80_000, &head[..]));
    }

    #[test]
    fn what_is_no_text_does_not_stay() {
        let masked = Masked {
            mask: Mask::Truncate(3),
            characters: None,
        };
        for value in ["12", "\"open", "{}", ""] {
            let mut out = format!("before{value}").into_bytes();
            assert_eq!(masked.apply(&mut out, "before".len()), Err(Unreadable));
            assert_eq!(out, b"before");
        }
    }
}
