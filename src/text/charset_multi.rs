//! East Asian character sets: sequences of one to four bytes above ASCII.
//!
//! Gives the table of each set, built from encoding_rs and the differences that `charset_tables` lists.

use std::sync::LazyLock;

use encoding_rs::DecoderResult;
use encoding_rs::Encoding;

use crate::text::charset::Patch;
use crate::text::charset::assigned;
use crate::text::charset_tables;

pub(super) static BIG5: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::BIG5, &[], charset_tables::BIG5),
    half_kana: false,
    third: Third::None,
});
pub(super) static CP932: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::SHIFT_JIS, &[], charset_tables::CP932),
    half_kana: true,
    third: Third::None,
});
pub(super) static EUCJPMS: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::EUC_JP, &[], charset_tables::EUCJPMS),
    half_kana: false,
    third: Third::Jis0212(pairs(
        encoding_rs::EUC_JP,
        &[0x8f],
        charset_tables::EUCJPMS_0212,
    )),
});
pub(super) static EUCKR: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::EUC_KR, &[], charset_tables::EUCKR),
    half_kana: false,
    third: Third::None,
});
pub(super) static GB18030: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::GB18030, &[], charset_tables::GB18030),
    half_kana: false,
    third: Third::Gb18030(gb18030_bmp()),
});
pub(super) static GB2312: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::GB18030, &[], charset_tables::GB2312),
    half_kana: false,
    third: Third::None,
});
pub(super) static GBK: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::GB18030, &[], charset_tables::GBK),
    half_kana: false,
    third: Third::None,
});
pub(super) static SJIS: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::SHIFT_JIS, &[], charset_tables::SJIS),
    half_kana: true,
    third: Third::None,
});
pub(super) static UJIS: LazyLock<Multi> = LazyLock::new(|| Multi {
    pairs: pairs(encoding_rs::EUC_JP, &[], charset_tables::UJIS),
    half_kana: false,
    third: Third::Jis0212(pairs(
        encoding_rs::EUC_JP,
        &[0x8f],
        charset_tables::UJIS_0212,
    )),
});

/// The sequences of one East Asian character set, built at its first use: 64 to 144 KB.
pub(super) struct Multi {
    /// By a code of two bytes without its top bit; 0 where none is assigned.
    pairs: Vec<u16>,
    /// Whether 0xa1 to 0xdf are half-width katakana of one byte.
    half_kana: bool,
    third: Third,
}

/// Longer sequences.
enum Third {
    None,
    /// Three bytes, the first 0x8f: as `pairs`, by the second and third.
    Jis0212(Vec<u16>),
    /// Four bytes, the second a digit: by their ordinal, as far as U+FFFF.
    Gb18030(Vec<u16>),
}

impl Multi {
    pub(super) fn unit(&self, bytes: &[u8]) -> Option<(char, usize)> {
        let &lead = bytes.first()?;
        if self.half_kana && (0xa1..=0xdf).contains(&lead) {
            return Some((char::from_u32(0xff61 + u32::from(lead - 0xa1))?, 1));
        }
        let trail = *bytes.get(1)?;
        match &self.third {
            Third::Jis0212(table) if lead == 0x8f => {
                return Some((pair(table, trail, *bytes.get(2)?)?, 3));
            }
            Third::Gb18030(table) if trail.is_ascii_digit() => {
                return Some((gb18030(table, *bytes.first_chunk()?)?, 4));
            }
            Third::None | Third::Jis0212(_) | Third::Gb18030(_) => {}
        }
        Some((pair(&self.pairs, lead, trail)?, 2))
    }
}

impl Multi {
    /// The length of a sequence that no character is known for, and the U+FFFD that stand for it.
    pub(super) fn replaced(&self, bytes: &[u8]) -> (usize, usize) {
        let euc_jp = matches!(self.third, Third::Jis0212(_));
        match (bytes, &self.third) {
            ([0x8f, 0xa1..=0xfe, 0xa1..=0xfe, ..], Third::Jis0212(_)) => (3, 1),
            ([_, b'0'..=b'9', 0x81..=0xfe, b'0'..=b'9', ..], Third::Gb18030(_)) => (4, 1),
            ([_, 0x40..=0x7e | 0x80..=0xfe, ..], _) => (2, if euc_jp { 1 } else { 2 }),
            _ => (1, 1),
        }
    }
}

fn pair(table: &[u16], lead: u8, trail: u8) -> Option<char> {
    let code = u16::from_be_bytes([lead, trail]).checked_sub(0x8000)?;
    assigned(*table.get(usize::from(code))?)
}

/// The ordinal of a sequence among all of four bytes.
fn gb18030_ordinal([a, b, c, d]: [u8; 4]) -> Option<u32> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u32::from(byte - b'0'));
    let letter = |byte: u8| {
        (0x81..=0xfe)
            .contains(&byte)
            .then(|| u32::from(byte - 0x81))
    };
    Some(((letter(a)? * 10 + digit(b)?) * 126 + letter(c)?) * 10 + digit(d)?)
}

/// The ordinal of 90 30 81 30, from where the sequences follow Unicode from U+10000.
const GB18030_SUPPLEMENTARY: u32 = 189_000;

/// The ordinal after that of U+FFFF.
const GB18030_BMP: u32 = 39_420;

fn gb18030(table: &[u16], bytes: [u8; 4]) -> Option<char> {
    let ordinal = gb18030_ordinal(bytes)?;
    match ordinal.checked_sub(GB18030_SUPPLEMENTARY) {
        Some(offset) => char::from_u32(0x10000 + offset),
        None => assigned(*table.get(usize::try_from(ordinal).ok()?)?),
    }
}

fn gb18030_bmp() -> Vec<u16> {
    let byte = |base: u8, value: u32, count: u32| base + (value % count) as u8;
    let sequence = |ordinal: u32| {
        [
            byte(0x81, ordinal / 12_600, 126),
            byte(b'0', ordinal / 1_260, 10),
            byte(0x81, ordinal / 10, 126),
            byte(b'0', ordinal, 10),
        ]
    };
    (0..GB18030_BMP)
        .map(|ordinal| single(encoding_rs::GB18030, &sequence(ordinal)))
        .collect()
}

/// By a code of two bytes without its top bit; 0 where none is assigned.
pub(super) fn pairs(encoding: &'static Encoding, prefix: &[u8], patches: &[Patch]) -> Vec<u16> {
    let mut sequence = prefix.to_vec();
    let mut table: Vec<u16> = (0x8000..=0xffff_u16)
        .map(|code| {
            sequence.truncate(prefix.len());
            sequence.extend_from_slice(&code.to_be_bytes());
            single(encoding, &sequence)
        })
        .collect();
    for &(first, last, character) in patches {
        let run = table.iter_mut().skip(usize::from(first & 0x7fff));
        for (place, step) in run.zip(0..=last - first) {
            *place = if character == 0 { 0 } else { character + step };
        }
    }
    table
}

/// The one UTF-16 unit that a sequence stands for in encoding_rs, or 0.
fn single(encoding: &'static Encoding, sequence: &[u8]) -> u16 {
    let mut units = [0; 4];
    let mut decoder = encoding.new_decoder_without_bom_handling();
    match decoder.decode_to_utf16_without_replacement(sequence, &mut units, true) {
        (DecoderResult::InputEmpty, _, 1) => units[0],
        _ => 0,
    }
}
