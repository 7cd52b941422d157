//! The tokens of JSON text, appended to the batch's buffer.
//!
//! Takes strings, numbers and bytes; gives the text that Kafka Connect's JsonConverter writes through
//! Jackson for them, so that a consumer sees the same bytes. Never writes invalid JSON, never fails,
//! and allocates nothing but the growth of the buffer.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD, URL_SAFE};

/// Appends `text` as a string literal with its quotes.
///
/// Jackson's rules: the short escapes for `"`, `\` and `\b \t \n \f \r`, `\u00XX` with upper-case digits
/// for the other controls below 0x20, characters beyond U+FFFF as two escaped surrogates, everything else
/// (`/`, 0x7f, the rest of Unicode) as it is.
pub fn write_string(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    write_escaped(out, text);
    out.push(b'"');
}

/// Appends what stands between the quotes of [`write_string`].
pub fn write_escaped(out: &mut Vec<u8>, text: &str) {
    escape::<false>(out, text.as_bytes());
}

/// Appends `text` escaped as the inside of a string literal that itself stands inside a string literal:
/// a document in a JSON column travels as a string.
pub fn write_escaped_twice(out: &mut Vec<u8>, text: &str) {
    escape::<true>(out, text.as_bytes());
}

/// Appends one character as it stands inside a string literal.
pub fn write_char(out: &mut Vec<u8>, character: char) {
    let mut utf8 = [0; 4];
    let text = character.encode_utf8(&mut utf8);
    match text.as_bytes() {
        [byte] => match ESCAPES[usize::from(*byte)] {
            0 => out.push(*byte),
            letter => push_escape::<false>(out, *byte, letter),
        },
        bytes if bytes.len() == 4 => push_surrogates(out, character),
        bytes => out.extend_from_slice(bytes),
    }
}

/// How many bytes at the start of `bytes` are ASCII and stand for themselves inside a string literal.
pub fn plain_ascii_len(bytes: &[u8]) -> usize {
    plain_len::<true>(bytes)
}

/// Appends a signed integer.
pub fn write_i64(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends an unsigned integer.
pub fn write_u64(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Appends a double in the layout of Java's `Double.toString` (JDK 19 and later: the fewest digits that
/// read back as the same double). What is no number becomes a string, as Jackson does; MySQL stores none.
pub fn write_f64(out: &mut Vec<u8>, value: f64) {
    let size = value.abs();
    if !value.is_finite() {
        return write_not_finite(out, value);
    }
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(value).as_bytes();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        // In this range both layouts are the same.
        out.extend_from_slice(shortest);
    } else if size <= 1e-322 {
        write_two_digits(out, value);
    } else {
        write_scientific(out, shortest);
    }
}

/// Appends a float in the layout of Java's `Float.toString`, as [`write_f64`] does for doubles.
pub fn write_f32(out: &mut Vec<u8>, value: f32) {
    let size = value.abs();
    if !value.is_finite() {
        return write_not_finite(out, f64::from(value));
    }
    let mut buffer = zmij::Buffer::new();
    let shortest = buffer.format_finite(value).as_bytes();
    if size == 0.0 || (1e-3..1e7).contains(&size) {
        out.extend_from_slice(shortest);
    } else if size <= 1e-43 {
        write_two_digits(out, value);
    } else {
        write_scientific(out, shortest);
    }
}

/// One of the writers of bytes below.
pub type BytesWriter = fn(&mut Vec<u8>, &[u8]);

/// Appends bytes as a string literal of standard base64 with padding.
pub fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    write_encoded(out, b"\"", &STANDARD, bytes);
}

/// Appends, as a string literal of base64, a two's-complement big-endian integer of the fewest bytes.
pub fn write_integer_base64(out: &mut Vec<u8>, value: i128) {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Bits that say no more than the sign; one of them is needed.
    let signs = (value ^ (value >> 127)).leading_zeros() as usize;
    let bytes = 16 - signs.saturating_sub(1) / 8;
    let mut bits = (value as u128) << (8 * (16 - bytes));
    let mut literal = [b'='; 2 + 24];
    let end = 1 + bytes.div_ceil(3) * 4;
    for place in literal.iter_mut().skip(1).take((bytes * 8).div_ceil(6)) {
        *place = LETTERS[(bits >> 122) as usize];
        bits <<= 6;
    }
    for quote in [0, end] {
        if let Some(place) = literal.get_mut(quote) {
            *place = b'"';
        }
    }
    out.extend_from_slice(literal.get(..=end).unwrap_or_default());
}

/// Appends bytes as a string literal of base64 whose letters may stand in a URL, with padding.
pub fn write_base64_url(out: &mut Vec<u8>, bytes: &[u8]) {
    write_encoded(out, b"\"", &URL_SAFE, bytes);
}

/// Appends bytes as a string literal that begins with `base64:`, where text is expected and a reader must
/// see that it is none.
pub fn write_marked_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    write_encoded(out, b"\"base64:", &STANDARD, bytes);
}

/// Appends bytes as a string literal of two lower-case digits each.
pub fn write_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2 + 2);
    out.push(b'"');
    for byte in bytes {
        out.extend_from_slice(&[
            DIGITS[usize::from(byte >> 4)],
            DIGITS[usize::from(byte & 15)],
        ]);
    }
    out.push(b'"');
}

#[expect(
    clippy::expect_used,
    reason = "the space is computed from the same length"
)]
fn write_encoded(out: &mut Vec<u8>, opening: &[u8], engine: &GeneralPurpose, bytes: &[u8]) {
    out.extend_from_slice(opening);
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    let space = out
        .get_mut(start..)
        .expect("the buffer was just made this long");
    engine
        .encode_slice(bytes, space)
        .expect("four letters for every three bytes begun");
    out.push(b'"');
}

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// For each byte the letter after the backslash, `u` for the long form; 0 where no escape is needed.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0a] = b'n';
    table[0x0c] = b'f';
    table[0x0d] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

fn escape<const TWICE: bool>(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut rest = bytes;
    while let Some((run, marked)) = rest.split_at_checked(plain_len::<false>(rest)) {
        out.extend_from_slice(run);
        let Some((&byte, tail)) = marked.split_first() else {
            return;
        };
        if byte < SUPPLEMENTARY {
            push_escape::<TWICE>(out, byte, ESCAPES[usize::from(byte)]);
            rest = tail;
            continue;
        }
        // Four bytes: a document in a string has the character itself, so it is escaped once there too.
        let (character, tail) = marked.split_at(marked.len().min(4));
        match std::str::from_utf8(character)
            .ok()
            .and_then(|text| text.chars().next())
        {
            Some(character) => push_surrogates(out, character),
            None => out.extend_from_slice(character),
        }
        rest = tail;
    }
}

/// The first byte of a character beyond U+FFFF, at least.
const SUPPLEMENTARY: u8 = 0xf0;

/// A character beyond U+FFFF as Jackson writes it: `\uD83D\uDC1F`.
fn push_surrogates(out: &mut Vec<u8>, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "\\u{unit:04X}");
    }
}

fn push_escape<const TWICE: bool>(out: &mut Vec<u8>, byte: u8, letter: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.extend_from_slice(if TWICE { b"\\\\" } else { b"\\" });
    match letter {
        b'u' => {
            let digits = [
                DIGITS[usize::from(byte >> 4)],
                DIGITS[usize::from(byte & 15)],
            ];
            out.extend_from_slice(b"u00");
            out.extend_from_slice(&digits);
        }
        b'"' | b'\\' if TWICE => out.extend_from_slice(&[b'\\', letter]),
        letter => out.push(letter),
    }
}

/// The length of the run before the first byte to escape, or before the first non-ASCII byte as well.
fn plain_len<const ASCII: bool>(bytes: &[u8]) -> usize {
    let (words, tail) = bytes.as_chunks::<8>();
    let mut len = 0;
    for word in words {
        let marks = marks::<ASCII>(u64::from_le_bytes(*word));
        if marks != 0 {
            return len + marks.trailing_zeros() as usize / 8;
        }
        len += 8;
    }
    let stops = |byte: &u8| {
        let high = if ASCII { 0x80 } else { SUPPLEMENTARY };
        ESCAPES[usize::from(*byte)] != 0 || *byte >= high
    };
    len + tail.iter().position(stops).unwrap_or(tail.len())
}

/// Sets the top bit of the first byte that stops a run; bytes after it may be marked falsely.
fn marks<const ASCII: bool>(word: u64) -> u64 {
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let quote = word ^ (ONES * u64::from(b'"'));
    let backslash = word ^ (ONES * u64::from(b'\\'));
    // Of a byte from 0xf0 on the four top bits are set.
    let four = word & (word << 1) & (word << 2) & (word << 3);
    let high = if ASCII { word } else { four } & HIGHS;
    below(word, 0x20) | below(quote, 1) | below(backslash, 1) | high
}

fn write_not_finite(out: &mut Vec<u8>, value: f64) {
    out.extend_from_slice(if value.is_nan() {
        b"\"NaN\""
    } else if value > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    });
}

/// Java never prints a single digit: where the shortest form has one, it takes the nearest of two digits,
/// which differs from an appended zero only among the very smallest numbers (4.9E-324, not 5.0E-324).
fn write_two_digits(out: &mut Vec<u8>, value: impl std::fmt::LowerExp) {
    let start = out.len();
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{value:.1e}");
    if let Some(e) = out.iter_mut().skip(start).find(|byte| **byte == b'e') {
        *e = b'E';
    }
}

/// Turns digits with an optional point and exponent into `d.ddE±x`.
fn write_scientific(out: &mut Vec<u8>, shortest: &[u8]) {
    let mut digits = [0_u8; 24];
    let (mut len, mut point, mut exponent) = (0, None, 0_i32);
    let mut bytes = shortest.iter();
    if shortest.first() == Some(&b'-') {
        out.push(b'-');
        bytes.next();
    }
    while let Some(&byte) = bytes.next() {
        match byte {
            b'.' => point = Some(len),
            b'e' => {
                exponent = bytes.as_slice().iter().fold(0, |sum, digit| match digit {
                    b'0'..=b'9' => sum * 10 + i32::from(digit - b'0'),
                    _ => sum,
                });
                if bytes.as_slice().first() == Some(&b'-') {
                    exponent = -exponent;
                }
                break;
            }
            digit => {
                if let Some(place) = digits.get_mut(len) {
                    *place = digit;
                    len += 1;
                }
            }
        }
    }
    let digits = digits.get(..len).unwrap_or_default();
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    // The point stands after the first digit that is not zero.
    exponent += point.unwrap_or(len) as i32 - zeros as i32 - 1;
    let (first, rest) = digits
        .get(zeros..)
        .and_then(<[u8]>::split_first)
        .unwrap_or((&b'0', &[]));
    let end = rest
        .iter()
        .rposition(|digit| *digit != b'0')
        .map_or(0, |last| last + 1);
    out.extend_from_slice(&[*first, b'.']);
    out.extend_from_slice(
        rest.get(..end)
            .filter(|rest| !rest.is_empty())
            .unwrap_or(b"0"),
    );
    out.push(b'E');
    write_i64(out, i64::from(exponent));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = b"before".to_vec();
        write(&mut out);
        String::from_utf8(out).unwrap().split_off(6)
    }

    #[test]
    fn strings_are_escaped_as_jackson_does() {
        let cases = [
            ("", r#""""#),
            ("plain", r#""plain""#),
            ("a\"b\\c/d", r#""a\"b\\c/d""#),
            ("\u{8}\t\n\u{c}\r", r#""\b\t\n\f\r""#),
            (
                "\0\u{1}\u{b}\u{1b}\u{1f}\u{7f}",
                "\"\\u0000\\u0001\\u000B\\u001B\\u001F\u{7f}\"",
            ),
            ("é한𝄞\u{2028}", "\"é한\\uD834\\uDD1E\u{2028}\""),
            ("12345678\"", "\"12345678\\\"\""),
            ("1234567\"1234567\\", "\"1234567\\\"1234567\\\\\""),
        ];
        for (input, expected) in cases {
            assert_eq!(text(|out| write_string(out, input)), expected);
            let quoted: String = input
                .chars()
                .map(|c| text(|out| write_char(out, c)))
                .collect();
            assert_eq!(format!("\"{quoted}\""), expected);
        }
    }

    #[test]
    fn doubles_look_as_in_java() {
        let cases = [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (3.0, "3.0"),
            (0.001, "0.001"),
            (1234567.0, "1234567.0"),
            (9999999.999, "9999999.999"),
            (1e7, "1.0E7"),
            (-12345678.0, "-1.2345678E7"),
            (1e10, "1.0E10"),
            (1e-4, "1.0E-4"),
            (9.999e-4, "9.999E-4"),
            (1.5e-7, "1.5E-7"),
            (1e16, "1.0E16"),
            (1.2345678901234567e19, "1.2345678901234567E19"),
            (1e21, "1.0E21"),
            (1e100, "1.0E100"),
            (f64::MAX, "1.7976931348623157E308"),
            (f64::MIN_POSITIVE, "2.2250738585072014E-308"),
            (5e-324, "4.9E-324"),
            (1e-323, "9.9E-324"),
            (1.5e-323, "1.5E-323"),
            (5e-323, "4.9E-323"),
            (-1e-322, "-9.9E-323"),
            (f64::NAN, "\"NaN\""),
            (f64::INFINITY, "\"Infinity\""),
            (f64::NEG_INFINITY, "\"-Infinity\""),
        ];
        for (value, expected) in cases {
            assert_eq!(text(|out| write_f64(out, value)), expected);
        }
    }

    #[test]
    fn floats_look_as_in_java() {
        let cases = [
            (0.1_f32, "0.1"),
            (-0.0, "-0.0"),
            (1.5, "1.5"),
            (1234.567, "1234.567"),
            (16777216.0, "1.6777216E7"),
            (3.402823e38, "3.402823E38"),
            (f32::MAX, "3.4028235E38"),
            (f32::MIN_POSITIVE, "1.1754944E-38"),
            (1e-43, "9.9E-44"),
            (1e-45, "1.4E-45"),
            (3e-45, "2.8E-45"),
            (1e-4, "1.0E-4"),
            (f32::NAN, "\"NaN\""),
        ];
        for (value, expected) in cases {
            assert_eq!(text(|out| write_f32(out, value)), expected);
        }
    }

    #[test]
    fn integers_and_base64() {
        assert_eq!(text(|out| write_i64(out, i64::MIN)), "-9223372036854775808");
        assert_eq!(text(|out| write_u64(out, u64::MAX)), "18446744073709551615");
        let cases = [
            (&b""[..], "\"\""),
            (b"x", "\"eA==\""),
            (b"\0\xff\x10", "\"AP8Q\""),
        ];
        for (bytes, expected) in cases {
            assert_eq!(text(|out| write_base64(out, bytes)), expected);
        }
        let bytes = b"\0\xff\xef\xbe";
        assert_eq!(text(|out| write_base64(out, bytes)), "\"AP/vvg==\"");
        assert_eq!(text(|out| write_base64_url(out, bytes)), "\"AP_vvg==\"");
        assert_eq!(text(|out| write_hex(out, bytes)), "\"00ffefbe\"");
        assert_eq!(
            text(|out| write_marked_base64(out, b"x")),
            "\"base64:eA==\""
        );
    }

    proptest! {
        #[test]
        fn strings_read_back(input in "\\PC*|[\\x00-\\x7f\"\\\\é한]*") {
            let once = text(|out| write_string(out, &input));
            prop_assert_eq!(&serde_json::from_str::<String>(&once).unwrap(), &input);
            let twice = text(|out| write_escaped_twice(out, &input));
            let inner = serde_json::from_str::<String>(&format!("\"{twice}\"")).unwrap();
            // The text inside has characters beyond U+FFFF as they are: they are escaped once in both.
            let again = serde_json::from_str::<String>(&format!("\"{inner}\""));
            prop_assert_eq!(again.unwrap(), input);
        }

        #[test]
        fn plain_runs_end_where_a_byte_at_a_time_would(input: Vec<u8>) {
            let stops = |byte: &u8| *byte < 0x20 || *byte >= 0x80 || b"\"\\".contains(byte);
            let expected = input.iter().position(stops).unwrap_or(input.len());
            prop_assert_eq!(plain_ascii_len(&input), expected);
        }

        #[test]
        fn doubles_read_back(bits: u64) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            let printed = text(|out| write_f64(out, value));
            prop_assert_eq!(printed.parse::<f64>().unwrap().to_bits(), bits);
            prop_assert_eq!(serde_json::from_str::<f64>(&printed).is_ok(), true);
        }

        #[test]
        fn floats_read_back(bits: u32) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            let printed = text(|out| write_f32(out, value));
            prop_assert_eq!(printed.parse::<f32>().unwrap().to_bits(), bits);
        }
    }
}
