//! Text in any of MySQL's character sets to Unicode.
//!
//! Takes the bytes of a value and the character set of its collation; gives a JSON string literal or a
//! `str` with the characters that the server's own `CONVERT(… USING utf8mb4)` gives. Bytes that the
//! server cannot convert are an error; a replacement character stands for them only where it is asked for.
//!
//! The tables of `charset_tables` come from a running server, by `dev/charset-tables`, which also compares
//! every character of every set with one. The East Asian sets start from encoding_rs and differ where the
//! tables say so.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::error::Classify;
use crate::error::Fault;
use crate::text::charset_multi::{
    BIG5, CP932, EUCJPMS, EUCKR, GB2312, GB18030, GBK, Multi, SJIS, UJIS,
};
use crate::text::charset_tables;
use crate::text::collation_names;
use crate::text::json;

/// The character sets of MySQL 8.0 to 9.7, by their names in information_schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are MySQL's names")]
pub enum Charset {
    Armscii8,
    Ascii,
    Big5,
    Binary,
    Cp1250,
    Cp1251,
    Cp1256,
    Cp1257,
    Cp850,
    Cp852,
    Cp866,
    Cp932,
    Dec8,
    Eucjpms,
    Euckr,
    Gb18030,
    Gb2312,
    Gbk,
    Geostd8,
    Greek,
    Hebrew,
    Hp8,
    Keybcs2,
    Koi8r,
    Koi8u,
    Latin1,
    Latin2,
    Latin5,
    Latin7,
    Macce,
    Macroman,
    Sjis,
    Swe7,
    Tis620,
    Ucs2,
    Ujis,
    Utf16,
    Utf16le,
    Utf32,
    Utf8mb3,
    Utf8mb4,
}

/// A value that is not text in its character set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("byte {offset} starts no {charset} character")]
pub struct InvalidText {
    /// MySQL's name of the character set.
    pub charset: &'static str,
    /// Where the first such byte stands in the value, from 0.
    pub offset: usize,
}

impl Classify for InvalidText {
    fn fault(&self) -> Fault {
        Fault::Data
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(
            "correct the row on the server, or give the column the character set that its bytes are in, \
             or BINARY, and skip this transaction",
        ))
    }
}

impl Charset {
    /// Every character set.
    pub const ALL: [Charset; 41] = [
        Charset::Armscii8,
        Charset::Ascii,
        Charset::Big5,
        Charset::Binary,
        Charset::Cp1250,
        Charset::Cp1251,
        Charset::Cp1256,
        Charset::Cp1257,
        Charset::Cp850,
        Charset::Cp852,
        Charset::Cp866,
        Charset::Cp932,
        Charset::Dec8,
        Charset::Eucjpms,
        Charset::Euckr,
        Charset::Gb18030,
        Charset::Gb2312,
        Charset::Gbk,
        Charset::Geostd8,
        Charset::Greek,
        Charset::Hebrew,
        Charset::Hp8,
        Charset::Keybcs2,
        Charset::Koi8r,
        Charset::Koi8u,
        Charset::Latin1,
        Charset::Latin2,
        Charset::Latin5,
        Charset::Latin7,
        Charset::Macce,
        Charset::Macroman,
        Charset::Sjis,
        Charset::Swe7,
        Charset::Tis620,
        Charset::Ucs2,
        Charset::Ujis,
        Charset::Utf16,
        Charset::Utf16le,
        Charset::Utf32,
        Charset::Utf8mb3,
        Charset::Utf8mb4,
    ];

    /// The character set of a collation's id, as TABLE_MAP metadata carries it; `None` for ids that
    /// MySQL up to 9.7 does not list in information_schema.COLLATIONS.
    pub fn of_collation(id: u16) -> Option<Charset> {
        charset_tables::of_collation(id)
    }

    /// The name of a collation's id; `None` as for [`Charset::of_collation`].
    pub fn collation_name(id: u16) -> Option<&'static str> {
        let table = &collation_names::COLLATIONS;
        let at = table.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        table.get(at).map(|(_, name)| *name)
    }

    /// The character set of a name in information_schema, in lower case; `None` for unknown ones.
    pub fn from_name(name: &str) -> Option<Charset> {
        Charset::ALL
            .into_iter()
            .find(|charset| charset.name() == name)
    }

    /// MySQL's name.
    pub fn name(self) -> &'static str {
        match self {
            Charset::Armscii8 => "armscii8",
            Charset::Ascii => "ascii",
            Charset::Big5 => "big5",
            Charset::Binary => "binary",
            Charset::Cp1250 => "cp1250",
            Charset::Cp1251 => "cp1251",
            Charset::Cp1256 => "cp1256",
            Charset::Cp1257 => "cp1257",
            Charset::Cp850 => "cp850",
            Charset::Cp852 => "cp852",
            Charset::Cp866 => "cp866",
            Charset::Cp932 => "cp932",
            Charset::Dec8 => "dec8",
            Charset::Eucjpms => "eucjpms",
            Charset::Euckr => "euckr",
            Charset::Gb18030 => "gb18030",
            Charset::Gb2312 => "gb2312",
            Charset::Gbk => "gbk",
            Charset::Geostd8 => "geostd8",
            Charset::Greek => "greek",
            Charset::Hebrew => "hebrew",
            Charset::Hp8 => "hp8",
            Charset::Keybcs2 => "keybcs2",
            Charset::Koi8r => "koi8r",
            Charset::Koi8u => "koi8u",
            Charset::Latin1 => "latin1",
            Charset::Latin2 => "latin2",
            Charset::Latin5 => "latin5",
            Charset::Latin7 => "latin7",
            Charset::Macce => "macce",
            Charset::Macroman => "macroman",
            Charset::Sjis => "sjis",
            Charset::Swe7 => "swe7",
            Charset::Tis620 => "tis620",
            Charset::Ucs2 => "ucs2",
            Charset::Ujis => "ujis",
            Charset::Utf16 => "utf16",
            Charset::Utf16le => "utf16le",
            Charset::Utf32 => "utf32",
            Charset::Utf8mb3 => "utf8mb3",
            Charset::Utf8mb4 => "utf8mb4",
        }
    }

    /// Whether values are bytes and not text. Read as text all the same, they count as utf8mb4, as in
    /// the server.
    pub fn is_binary(self) -> bool {
        self == Charset::Binary
    }

    /// Appends the text as a JSON string literal with its quotes.
    ///
    /// # Errors
    /// Where a byte starts no character; `out` then holds a part of the literal.
    pub fn write_text(self, out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), InvalidText> {
        let form = self.form();
        if let Form::Utf8(limit) = form {
            json::write_string(out, self.utf8(limit, bytes)?);
            return Ok(());
        }
        out.reserve(bytes.len() + 2);
        out.push(b'"');
        self.write_escaped(out, form, bytes)?;
        out.push(b'"');
        Ok(())
    }

    /// Appends the text as a JSON string literal, with U+FFFD for what is no text, as many as Java's decoders
    /// put: in UTF-8 one for the longest start of a character, in units of two or four bytes one for a unit,
    /// elsewhere one for a byte, but in EUC-JP and for four bytes one for the sequence. Text goes on where
    /// the server sees the next character, so that no false one comes of the rest.
    pub fn write_text_replaced(self, out: &mut Vec<u8>, bytes: &[u8]) {
        let mut form = self.form();
        if let Form::Utf8(limit) = &mut form {
            *limit = 0xff;
        }
        let mut rest = bytes;
        out.push(b'"');
        while let Err(bad) = self.write_escaped(out, form, rest) {
            let after = rest.get(bad.offset..).unwrap_or_default();
            let (width, signs) = self.replaced(form, after);
            for _ in 0..signs {
                json::write_char(out, char::REPLACEMENT_CHARACTER);
            }
            rest = after.get(width..).unwrap_or_default();
        }
        out.push(b'"');
    }

    /// Appends the inside of a literal as far as the bytes are text.
    fn write_escaped(self, out: &mut Vec<u8>, form: Form, bytes: &[u8]) -> Result<(), InvalidText> {
        if let Form::Utf8(limit) = form {
            let (text, result) = match self.utf8(limit, bytes) {
                Ok(text) => (text, Ok(())),
                Err(bad) => {
                    let valid = bytes.get(..bad.offset).unwrap_or_default();
                    (std::str::from_utf8(valid).unwrap_or_default(), Err(bad))
                }
            };
            json::write_escaped(out, text);
            return result;
        }
        self.transcode(form, bytes, |piece| match piece {
            Piece::Ascii(run) => out.extend_from_slice(run),
            Piece::Char(character) => json::write_char(out, character),
        })
    }

    /// How many of these bytes, the first of which starts no character, are one sequence, and how many U+FFFD
    /// stand for it. At least one each.
    fn replaced(self, form: Form, bytes: &[u8]) -> (usize, usize) {
        match form {
            Form::Utf8(_) => match (bytes, std::str::from_utf8(bytes)) {
                // A surrogate in UTF-8 is one of Java's characters, and so replaced as one.
                ([0xed, 0xa0..=0xbf, 0x80..=0xbf, ..], _) => (3, 1),
                ([0xed, 0xa0..=0xbf, ..], _) => (2, 1),
                (_, Err(error)) => (error.error_len().unwrap_or(bytes.len()).max(1), 1),
                (_, Ok(_)) => (1, 1),
            },
            Form::Wide(_) if self == Charset::Utf32 => (4, 1),
            Form::Wide(_) => (2, 1),
            Form::Multi(table) => table.replaced(bytes),
            Form::Eight(_) | Form::Seven(_) => (1, 1),
        }
    }

    /// The text itself: names, and labels of ENUM and SET. Borrowed where the bytes are UTF-8 already.
    ///
    /// # Errors
    /// Where a byte starts no character.
    pub fn decode<'a>(self, bytes: &'a [u8]) -> Result<Cow<'a, str>, InvalidText> {
        let form = self.form();
        if let Form::Utf8(limit) = form {
            return self.utf8(limit, bytes).map(Cow::Borrowed);
        }
        let mut text = String::with_capacity(bytes.len());
        self.transcode(form, bytes, |piece| match piece {
            Piece::Ascii(run) => text.extend(run.iter().copied().map(char::from)),
            Piece::Char(character) => text.push(character),
        })?;
        Ok(Cow::Owned(text))
    }

    fn form(self) -> Form {
        use charset_tables as tables;
        match self {
            // The server hands on the bytes of an ascii value wherever they are UTF-8.
            Charset::Ascii | Charset::Binary | Charset::Utf8mb4 => Form::Utf8(0xff),
            // No sequences of four bytes, which start at 0xf0.
            Charset::Utf8mb3 => Form::Utf8(0xef),
            Charset::Swe7 => Form::Seven(&tables::SWE7),
            Charset::Ucs2 => Form::Wide(ucs2),
            Charset::Utf16 => Form::Wide(utf16),
            Charset::Utf16le => Form::Wide(utf16le),
            Charset::Utf32 => Form::Wide(utf32),
            Charset::Big5 => Form::Multi(&BIG5),
            Charset::Cp932 => Form::Multi(&CP932),
            Charset::Eucjpms => Form::Multi(&EUCJPMS),
            Charset::Euckr => Form::Multi(&EUCKR),
            Charset::Gb18030 => Form::Multi(&GB18030),
            Charset::Gb2312 => Form::Multi(&GB2312),
            Charset::Gbk => Form::Multi(&GBK),
            Charset::Sjis => Form::Multi(&SJIS),
            Charset::Ujis => Form::Multi(&UJIS),
            Charset::Armscii8 => Form::Eight(&tables::ARMSCII8),
            Charset::Cp1250 => Form::Eight(&tables::CP1250),
            Charset::Cp1251 => Form::Eight(&tables::CP1251),
            Charset::Cp1256 => Form::Eight(&tables::CP1256),
            Charset::Cp1257 => Form::Eight(&tables::CP1257),
            Charset::Cp850 => Form::Eight(&tables::CP850),
            Charset::Cp852 => Form::Eight(&tables::CP852),
            Charset::Cp866 => Form::Eight(&tables::CP866),
            Charset::Dec8 => Form::Eight(&tables::DEC8),
            Charset::Geostd8 => Form::Eight(&tables::GEOSTD8),
            Charset::Greek => Form::Eight(&tables::GREEK),
            Charset::Hebrew => Form::Eight(&tables::HEBREW),
            Charset::Hp8 => Form::Eight(&tables::HP8),
            Charset::Keybcs2 => Form::Eight(&tables::KEYBCS2),
            Charset::Koi8r => Form::Eight(&tables::KOI8R),
            Charset::Koi8u => Form::Eight(&tables::KOI8U),
            Charset::Latin1 => Form::Eight(&tables::LATIN1),
            Charset::Latin2 => Form::Eight(&tables::LATIN2),
            Charset::Latin5 => Form::Eight(&tables::LATIN5),
            Charset::Latin7 => Form::Eight(&tables::LATIN7),
            Charset::Macce => Form::Eight(&tables::MACCE),
            Charset::Macroman => Form::Eight(&tables::MACROMAN),
            Charset::Tis620 => Form::Eight(&tables::TIS620),
        }
    }

    fn utf8(self, limit: u8, bytes: &[u8]) -> Result<&str, InvalidText> {
        let invalid = |offset| InvalidText {
            charset: self.name(),
            offset,
        };
        if limit != 0xff && bytes.iter().any(|byte| *byte > limit) {
            let offset = bytes.iter().position(|byte| *byte > limit).unwrap_or(0);
            return Err(invalid(offset));
        }
        std::str::from_utf8(bytes).map_err(|error| invalid(error.valid_up_to()))
    }

    fn transcode(
        self,
        form: Form,
        bytes: &[u8],
        emit: impl FnMut(Piece<'_>),
    ) -> Result<(), InvalidText> {
        let done = match form {
            Form::Utf8(limit) => return self.utf8(limit, bytes).map(|_| ()),
            Form::Eight(table) => pieces::<true>(bytes, |rest| eight(table, rest), emit),
            Form::Seven(table) => pieces::<false>(bytes, |rest| seven(table, rest), emit),
            Form::Wide(unit) => pieces::<false>(bytes, unit, emit),
            Form::Multi(table) => {
                let table = LazyLock::force(table);
                pieces::<true>(bytes, |rest| table.unit(rest), emit)
            }
        };
        done.map_err(|offset| InvalidText {
            charset: self.name(),
            offset,
        })
    }
}

/// How the bytes of a character set are read.
#[derive(Clone, Copy)]
enum Form {
    /// UTF-8 of which no byte is above this one.
    Utf8(u8),
    /// ASCII, and this table from 0x80.
    Eight(&'static [u16; 128]),
    /// This table up to 0x7f.
    Seven(&'static [u16; 128]),
    /// Units of two or four bytes.
    Wide(fn(&[u8]) -> Option<(char, usize)>),
    /// ASCII, and sequences of one to four bytes that start from 0x80.
    Multi(&'static LazyLock<Multi>),
}

/// What a text consists of.
enum Piece<'a> {
    /// ASCII of which nothing needs an escape in JSON.
    Ascii(&'a [u8]),
    /// Anything.
    Char(char),
}

/// Cuts `bytes` into pieces; gives the offset of the first byte that starts no character.
fn pieces<const ASCII: bool>(
    bytes: &[u8],
    unit: impl Fn(&[u8]) -> Option<(char, usize)>,
    mut emit: impl FnMut(Piece<'_>),
) -> Result<(), usize> {
    let mut rest = bytes;
    while let Some(byte) = rest.first() {
        if ASCII && *byte < 0x80 {
            let (run, tail) = rest
                .split_at_checked(json::plain_ascii_len(rest))
                .unwrap_or((rest, &[]));
            emit(Piece::Ascii(run));
            rest = tail;
            // What ended the run: an ASCII character to escape, or the first byte of another one.
            if let Some((byte, tail)) = rest.split_first().filter(|(byte, _)| **byte < 0x80) {
                emit(Piece::Char(char::from(*byte)));
                rest = tail;
            }
            continue;
        }
        let (character, len) = unit(rest).ok_or(bytes.len() - rest.len())?;
        emit(Piece::Char(character));
        rest = rest.get(len..).unwrap_or_default();
    }
    Ok(())
}

fn eight(table: &[u16; 128], bytes: &[u8]) -> Option<(char, usize)> {
    let code = table.get(usize::from(bytes.first()? & 0x7f))?;
    Some((assigned(*code)?, 1))
}

fn seven(table: &[u16; 128], bytes: &[u8]) -> Option<(char, usize)> {
    match bytes.first()? {
        0 => Some(('\0', 1)),
        byte => Some((assigned(*table.get(usize::from(*byte))?)?, 1)),
    }
}

/// The character of a table's entry, where 0 means that there is none.
pub(super) fn assigned(code: u16) -> Option<char> {
    char::from_u32(code.into()).filter(|character| *character != '\0')
}

fn ucs2(bytes: &[u8]) -> Option<(char, usize)> {
    Some((
        char::from_u32(u16::from_be_bytes(*bytes.first_chunk()?).into())?,
        2,
    ))
}

fn utf16(bytes: &[u8]) -> Option<(char, usize)> {
    surrogates(bytes, u16::from_be_bytes)
}

fn utf16le(bytes: &[u8]) -> Option<(char, usize)> {
    surrogates(bytes, u16::from_le_bytes)
}

fn surrogates(bytes: &[u8], read: fn([u8; 2]) -> u16) -> Option<(char, usize)> {
    let (first, rest) = bytes.split_first_chunk()?;
    let units = [
        Some(read(*first)),
        rest.first_chunk().map(|second| read(*second)),
    ];
    let character = char::decode_utf16(units.into_iter().flatten())
        .next()?
        .ok()?;
    Some((character, character.len_utf16() * 2))
}

fn utf32(bytes: &[u8]) -> Option<(char, usize)> {
    Some((
        char::from_u32(u32::from_be_bytes(*bytes.first_chunk()?))?,
        4,
    ))
}

/// A run of two-byte codes, first and last, that differs from encoding_rs: the character of the first
/// one, the others following; 0 where the whole run is not assigned.
pub(super) type Patch = (u16, u16, u16);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::charset_multi::pairs;
    use proptest::prelude::*;
    use std::io::BufWriter;
    use std::io::Write;

    fn literal(charset: Charset, bytes: &[u8]) -> Result<String, InvalidText> {
        let mut out = b"x".to_vec();
        charset.write_text(&mut out, bytes)?;
        Ok(String::from_utf8(out[1..].to_vec()).unwrap())
    }

    /// What a server's `CONVERT` gives for each text.
    const SAMPLES: &[(&str, &[u8], &str)] = &[
        ("armscii8", b"\xd0\xb3\xdb \x22x\x22\x5c", "Հայ \"x\"\\"),
        ("ascii", b"plain\x0a\x22q\x22", "plain\n\"q\""),
        ("big5", b"\xa4\xa4\xa4\xe5\xa1A\xa5\x5c", "中文，功"),
        ("binary", b"\xc3\xa9", "é"),
        ("cp1250", b"\xa3\xf3d\x9f", "Łódź"),
        ("cp1251", b"\xcf\xf0\xe8\xe2\xe5\xf2", "Привет"),
        ("cp1256", b"\xd3\xe1\xc7\xe3", "سلام"),
        ("cp1257", b"\xde\xe0sis", "Žąsis"),
        ("cp850", b"\x87\x82\xdb", "çé█"),
        ("cp852", b"\x9d\xa2d\xab", "Łódź"),
        ("cp866", b"\x8f\xe0\xa8\xa2\xa5\xe2", "Привет"),
        (
            "cp932",
            b"\x93\xfa\x96{\x8c\xea\xb6\xc5\x87@\x81`\x83\x5c\x95\x5c",
            "日本語ｶﾅ①～ソ表",
        ),
        ("dec8", b"\xd7uvre", "Œuvre"),
        (
            "eucjpms",
            b"\xc6\xfc\xcb\xdc\xb8\xec\x8e\xb6\x8e\xc5\xad\xa1\xa1\xc1\x8f\xb0\xa1",
            "日本語ｶﾅ①～丂",
        ),
        ("euckr", b"\xc7\xd1\xb1\xb9\xbe\xee\x8cc", "한국어똠"),
        (
            "gb18030",
            b"\xd6\xd0\xce\xc4\xa2\xe3\xa8\xbc\x819\xee9\x949\xfc6",
            "中文€ḿ㐀😀",
        ),
        ("gb2312", b"\xd6\xd0\xce\xc4\xa1\xa3", "中文。"),
        ("gbk", b"\xd6\xd0\xce\xc4\x81@", "中文丂"),
        ("geostd8", b"\xd3\xc0\xd8", "საქ"),
        ("greek", b"\xc5\xeb\xeb", "Ελλ"),
        ("hebrew", b"\xf9\xec\xe5\xed", "שלום"),
        ("hp8", b"\xa1\xc5", "Àé"),
        ("keybcs2", b"\x92lu\x9f", "Žluť"),
        ("koi8r", b"\xf0\xd2\xc9\xd7\xc5\xd4", "Привет"),
        ("koi8u", b"\xb7\xd6\xc1\xcb", "Їжак"),
        ("latin1", b"caf\xe9 \x80", "café €"),
        ("latin2", b"\xa3\xf3d\xbc", "Łódź"),
        ("latin5", b"\xdd\xfe", "İş"),
        ("latin7", b"\xde\xe0sis", "Žąsis"),
        ("macce", b"\xfc\x97d\x90", "Łódź"),
        ("macroman", b"caf\x8e \xde", "café ﬁ"),
        (
            "sjis",
            b"\x93\xfa\x96{\x8c\xea\xb6\xc5\x83\x5c\x95\x5c",
            "日本語ｶﾅソ表",
        ),
        ("swe7", b"]{|", "Åäö"),
        ("tis620", b"\xe4\xb7\xc2", "ไทย"),
        ("ucs2", b"\x00\xe9e\xe5\x00\x22", "é日\""),
        (
            "ujis",
            b"\xc6\xfc\xcb\xdc\xb8\xec\x8e\xb6\x8e\xc5\x8f\xb0\xa1",
            "日本語ｶﾅ丂",
        ),
        ("utf16", b"\x00\xe9\xd84\xdd\x1e\x00\x22", "é𝄞\""),
        ("utf16le", b"\xe9\x004\xd8\x1e\xdd\x0a\x00", "é𝄞\n"),
        ("utf32", b"\x00\x00\x00\xe9\x00\x01\xd1\x1e", "é𝄞"),
        ("utf8mb3", b"\xc3\xa9\xe6\x97\xa5\x01", "é日\u{1}"),
        (
            "utf8mb4",
            b"\xc3\xa9\xe6\x97\xa5\xf0\x9f\x98\x80\x22\x5c",
            "é日😀\"\\",
        ),
    ];

    #[test]
    fn samples_of_every_charset() {
        for (name, bytes, text) in SAMPLES {
            let charset = Charset::from_name(name).unwrap();
            assert_eq!(charset.decode(bytes).as_deref(), Ok(*text), "{name}");
            let mut expected = Vec::new();
            json::write_string(&mut expected, text);
            let expected = String::from_utf8(expected).unwrap();
            assert_eq!(literal(charset, bytes), Ok(expected), "{name}");
        }
        for charset in Charset::ALL {
            assert!(
                SAMPLES.iter().any(|(name, ..)| *name == charset.name()),
                "{charset:?}"
            );
        }
    }

    /// Of UTF-8, what `new String(bytes, UTF_8)` of Java 17 gave; of the others, what Debezium published.
    #[test]
    fn replacements_are_javas() {
        let cases: &[(&str, &[u8], &str)] = &[
            ("utf8mb4", b"plain", "plain"),
            ("utf8mb4", b"A\xffB", "A?B"),
            ("utf8mb4", b"A\xed\xa0\x80B", "A?B"),
            ("utf8mb4", b"A\xed\xa0B", "A?B"),
            ("utf8mb4", b"A\xc0\x80", "A??"),
            ("utf8mb4", b"A\xe3\x81B", "A?B"),
            ("utf8mb4", b"A\xe3\x81", "A?"),
            ("utf8mb4", b"\xf0\x9f\x90", "?"),
            ("utf8mb4", b"A\xf0\x9f\x90B", "A?B"),
            ("utf8mb4", b"\xf5\x80\x80\x80", "????"),
            ("utf8mb4", b"\xe0\x80\x80", "???"),
            ("utf8mb4", b"A\xf4\x90\x80\x80", "A????"),
            ("utf8mb3", "🐟".as_bytes(), "🐟"),
            ("greek", b"A\xd2\"", "A?\""),
            ("greek", b"A\xd2B", "A?B"),
            ("sjis", b"A\xfc\xfcB", "A??B"),
            ("euckr", b"A\xc9\xa1B", "A??B"),
            ("ujis", b"A\xa9\xa9B", "A?B"),
            ("ujis", b"A\x8f\xa2\xa1B", "A?B"),
            ("gbk", b"A\x81", "A?"),
            ("gb18030", b"\x84\x31\xa5\x30B", "?B"),
            ("ucs2", b"\0A\xd8\x00\0B", "A?B"),
            ("utf16", b"\0A\xdc\x00\0B\0", "A?B?"),
            ("utf32", b"\0\0\0A\0\x11\0\0\0\0\0B\0\0", "A?B?"),
        ];
        for (name, bytes, expected) in cases {
            let mut out = Vec::new();
            Charset::from_name(name)
                .unwrap()
                .write_text_replaced(&mut out, bytes);
            let text: String = serde_json::from_slice(&out).unwrap();
            assert_eq!(
                text.replace('\u{fffd}', "?"),
                *expected,
                "{name} {bytes:x?}"
            );
        }
    }

    #[test]
    fn what_is_no_character_is_an_error() {
        let cases: &[(&str, &[u8], usize)] = &[
            ("ascii", b"ab\x80", 2),
            ("utf8mb4", b"ab\xed\xa0\x80", 2),
            ("utf8mb4", b"\xf4\x90\x80\x80", 0),
            ("utf8mb3", "aé😀".as_bytes(), 3),
            ("binary", b"a\xff", 1),
            ("cp1250", b"ab\x81", 2),
            ("swe7", b"a\x80", 1),
            ("tis620", b"\xa1\xdb", 1),
            ("ucs2", b"\0a\xd8\x34", 2),
            ("ucs2", b"\0a\0", 2),
            ("utf16", b"\0a\xd8\x34\0a", 2),
            ("utf16", b"\xd8\x34", 0),
            ("utf16", b"\xdc\0\0a", 0),
            ("utf16le", b"a\0b", 2),
            ("utf32", b"\0\x11\0\0", 0),
            ("utf32", b"\0\0\xd8\0", 0),
            ("utf32", b"\0\0\0a\0\0\0", 4),
            ("big5", b"a\xa4", 1),
            ("big5", b"a\xfe\xfe", 1),
            ("gbk", b"\x80", 0),
            ("gb2312", b"a\x81\x40", 1),
            ("gb18030", b"a\x81\x30\x81", 1),
            ("gb18030", b"\x84\x31\xa5\x30", 0),
            ("euckr", b"a\xff\xff", 1),
            ("ujis", b"a\x8f\xa2", 1),
            ("eucjpms", b"a\x8e", 1),
            ("sjis", b"a\xa0", 1),
            ("cp932", b"a\x81\x0a", 1),
        ];
        for (name, bytes, offset) in cases {
            let charset = Charset::from_name(name).unwrap();
            let expected = InvalidText {
                charset: name,
                offset: *offset,
            };
            assert_eq!(charset.decode(bytes), Err(expected), "{name}");
            assert_eq!(literal(charset, bytes), Err(expected), "{name}");
        }
    }

    #[test]
    fn collations_lead_to_charsets() {
        let cases = [
            (8, Some("latin1")),
            (33, Some("utf8mb3")),
            (45, Some("utf8mb4")),
            (63, Some("binary")),
            (250, Some("gb18030")),
            (255, Some("utf8mb4")),
            (323, Some("utf8mb4")),
            (0, None),
            (100, None),
            (324, None),
            (u16::MAX, None),
        ];
        for (id, name) in cases {
            assert_eq!(Charset::of_collation(id).map(Charset::name), name, "{id}");
        }
        for charset in Charset::ALL {
            assert_eq!(Charset::from_name(charset.name()), Some(charset));
            assert!(
                (0..1024).any(|id| Charset::of_collation(id) == Some(charset)),
                "{charset:?}"
            );
        }
        assert!(Charset::Binary.is_binary() && !Charset::Ascii.is_binary());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_and_both_ways_agree(bytes: Vec<u8>, index in 0..Charset::ALL.len()) {
            let charset = Charset::ALL[index];
            let printed = literal(charset, &bytes);
            let decoded = charset.decode(&bytes);
            match (printed, decoded) {
                (Ok(printed), Ok(decoded)) => {
                    prop_assert_eq!(serde_json::from_str::<String>(&printed).unwrap(), decoded);
                }
                (printed, decoded) => prop_assert_eq!(printed.unwrap_err(), decoded.unwrap_err()),
            }
        }
    }

    /// Every sequence that could be one character: bytes, pairs, triples after 0x8f, and for the wide
    /// sets all code units.
    fn sequences(charset: Charset, each: &mut dyn FnMut(&[u8])) {
        match charset.form() {
            Form::Wide(_) => {
                let wide = if charset == Charset::Utf32 {
                    0x11_0100
                } else {
                    0x1_0000
                };
                for code in 0..wide {
                    let bytes = u32::to_be_bytes(code);
                    each(if charset == Charset::Utf32 {
                        &bytes
                    } else {
                        &bytes[2..]
                    });
                }
                if matches!(charset, Charset::Utf16 | Charset::Utf16le) {
                    for code in 0xd7ff_u16..=0xdc00 {
                        for low in
                            (0xdbff_u16..=0xe000).step_by(if code % 16 == 0 { 1 } else { 61 })
                        {
                            let (high, low) = if charset == Charset::Utf16 {
                                (code.to_be_bytes(), low.to_be_bytes())
                            } else {
                                (code.to_le_bytes(), low.to_le_bytes())
                            };
                            each(&[high, low].concat());
                        }
                    }
                }
            }
            Form::Utf8(_) | Form::Eight(_) | Form::Seven(_) | Form::Multi(_) => {
                (0..=255).for_each(|byte| each(&[byte]));
                (0x8000..=0xffff_u16).for_each(|code| each(&code.to_be_bytes()));
                let utf8 = matches!(charset.form(), Form::Utf8(_));
                let triples = if utf8 {
                    0xe0_0000..0xf0_0000_u32
                } else {
                    0x8f_0000..0x90_0000
                };
                triples.for_each(|code| each(&code.to_be_bytes()[1..]));
                if charset == Charset::Gb18030 {
                    for lead in 0x81..=0xfe_u32 {
                        (0..12_600_u32).for_each(|n| {
                            let pair = (lead - 0x81) * 12_600 + n;
                            each(&[
                                lead as u8,
                                b'0' + (pair / 1_260 % 10) as u8,
                                0x81 + (pair / 10 % 126) as u8,
                                b'0' + (pair % 10) as u8,
                            ]);
                        });
                    }
                }
                if utf8 {
                    (0xf000_0000..0xf500_0000_u32)
                        .step_by(509)
                        .for_each(|c| each(&c.to_be_bytes()));
                }
            }
        }
    }

    /// Writes what `dev/charset-tables` compares with a server: `charset bytes UTF-8`, in hexadecimal, `-`
    /// for an error; first what encoding_rs alone gives for pairs and triples.
    #[test]
    #[ignore = "run by dev/charset-tables, which names the file in CHARSET_DUMP"]
    fn dump_for_the_script() {
        let path = std::env::var_os("CHARSET_DUMP").expect("CHARSET_DUMP names a file");
        let mut file = BufWriter::new(std::fs::File::create(path).unwrap());
        let hex = |bytes: &[u8]| {
            bytes
                .iter()
                .map(|byte| format!("{byte:02X}"))
                .collect::<String>()
        };
        for (name, encoding, prefix) in [
            ("base:big5", encoding_rs::BIG5, &[][..]),
            ("base:sjis", encoding_rs::SHIFT_JIS, &[]),
            ("base:ujis", encoding_rs::EUC_JP, &[]),
            ("base:ujis", encoding_rs::EUC_JP, &[0x8f]),
            ("base:euckr", encoding_rs::EUC_KR, &[]),
            ("base:gb18030", encoding_rs::GB18030, &[]),
        ] {
            for (code, unit) in (0x8000..=0xffff_u16).zip(pairs(encoding, prefix, &[])) {
                let bytes = [prefix, &code.to_be_bytes()].concat();
                writeln!(file, "{name} {} {unit:04X}", hex(&bytes)).unwrap();
            }
        }
        for charset in Charset::ALL {
            sequences(charset, &mut |bytes| {
                let text = charset
                    .decode(bytes)
                    .map_or("-".to_owned(), |text| hex(text.as_bytes()));
                writeln!(file, "{} {} {text}", charset.name(), hex(bytes)).unwrap();
            });
        }
        file.flush().unwrap();
    }
}
