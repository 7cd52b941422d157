//! MySQL's packed DECIMAL to text.
//!
//! Takes the bytes of a DECIMAL in a row image or a JSON document; gives plain digits, or the form of
//! Debezium's `decimal.handling.mode=precise`. Never allocates and never reads past what the precision
//! and scale ask for.
//!
//! The format is that of `decimal2bin` in MySQL's `strings/decimal.cc`: groups of nine decimal digits as
//! big-endian integers of four bytes, shorter groups for the leading integer digits and the trailing
//! fraction digits, the top bit of the first byte set for positive numbers, all bits inverted for
//! negative ones.

use std::borrow::Cow;

use crate::error::Classify;
use crate::error::Fault;
use crate::text::json;
use crate::text::wide::Wide;

/// Most digits that a packed DECIMAL holds, integer and fraction together. Columns have at most 65, but a
/// DECIMAL inside a JSON document counts the digits of MySQL's buffer: nine words of nine digits.
pub const PRECISION_MAX: u8 = 81;

/// Why bytes are no DECIMAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// No such type.
    #[error("DECIMAL({precision},{scale}) is outside of DECIMAL(1..{PRECISION_MAX},0..precision)")]
    Shape {
        /// All digits.
        precision: u8,
        /// Fraction digits.
        scale: u8,
    },
    /// The value ends early.
    #[error("a DECIMAL needs {expected} bytes, {found} are left")]
    Truncated {
        /// Bytes by precision and scale.
        expected: usize,
        /// Bytes given.
        found: usize,
    },
    /// A group of digits holds a number of more digits.
    #[error("digit group {group} of a DECIMAL holds more than {digits} digits")]
    Digits {
        /// Which group, from 0.
        group: usize,
        /// How many digits it has.
        digits: u8,
    },
}

impl Classify for DecimalError {
    fn fault(&self) -> Fault {
        match self {
            DecimalError::Shape { .. }
            | DecimalError::Truncated { .. }
            | DecimalError::Digits { .. } => Fault::Data,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            DecimalError::Shape { .. }
            | DecimalError::Truncated { .. }
            | DecimalError::Digits { .. } => Some(Cow::Borrowed(
                "compare the table's definition with the event, and check the binlog file with \
                 mysqlbinlog --verify-binlog-checksum",
            )),
        }
    }
}

/// Bytes of a packed DECIMAL of `precision` digits, `scale` of them after the point; a scale beyond the
/// precision counts as the precision.
pub fn packed_len(precision: u8, scale: u8) -> usize {
    let scale = scale.min(precision);
    half_len(precision - scale) + half_len(scale)
}

/// Appends the number with exactly `scale` fraction digits and no exponent: `-12345678.90`, `0.00`.
/// A negative zero prints as zero. Returns the bytes consumed, which is [`packed_len`].
///
/// # Errors
/// As [`DecimalError`] says; nothing is appended then.
pub fn write_plain(
    out: &mut Vec<u8>,
    bytes: &[u8],
    precision: u8,
    scale: u8,
) -> Result<usize, DecimalError> {
    let decimal = Decimal::read(bytes, precision, scale)?;
    if decimal.negative {
        out.push(b'-');
    }
    let integer = decimal.integer_groups();
    let mut digits = itoa::Buffer::new();
    match integer.iter().position(|group| group.value != 0) {
        None => out.push(b'0'),
        Some(first) => {
            let mut groups = integer.iter().skip(first);
            if let Some(group) = groups.next() {
                out.extend_from_slice(digits.format(group.value).as_bytes());
            }
            groups.for_each(|group| group.write_padded(out));
        }
    }
    let fraction = decimal.fraction_groups();
    if !fraction.is_empty() {
        out.push(b'.');
        fraction.iter().for_each(|group| group.write_padded(out));
    }
    Ok(decimal.len)
}

/// Appends, as base64 in quotes, the unscaled number as a two's-complement big-endian integer of the
/// fewest bytes: Kafka Connect's `Decimal`, which is Java's `BigInteger.toByteArray`.
/// Returns the bytes consumed, which is [`packed_len`].
///
/// # Errors
/// As [`DecimalError`] says; nothing is appended then.
pub fn write_unscaled_base64(
    out: &mut Vec<u8>,
    bytes: &[u8],
    precision: u8,
    scale: u8,
) -> Result<usize, DecimalError> {
    let unscaled = match precision {
        // Below 2^60.
        ..=18 => {
            let mut sum = 0_i64;
            let (inverted, len) = each_group(bytes, precision, scale, |group| {
                sum = sum * i64::from(group.power()) + i64::from(group.value);
            })?;
            Some((i128::from(sum), inverted, len))
        }
        // Below 2^127.
        19..=38 => {
            let mut sum = 0_i128;
            let (inverted, len) = each_group(bytes, precision, scale, |group| {
                sum = sum * i128::from(group.power()) + i128::from(group.value);
            })?;
            Some((sum, inverted, len))
        }
        39.. => None,
    };
    if let Some((sum, inverted, len)) = unscaled {
        json::write_integer_base64(out, if inverted { -sum } else { sum });
        return Ok(len);
    }
    let decimal = Decimal::read(bytes, precision, scale)?;
    decimal.wide_unscaled().write_base64(out);
    Ok(decimal.len)
}

/// Appends the nearest double, in Java's form; `scratch` holds the digits meanwhile. Returns as
/// [`write_plain`].
///
/// # Errors
/// As [`DecimalError`] says; nothing is appended then.
pub fn write_double(
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    bytes: &[u8],
    precision: u8,
    scale: u8,
) -> Result<usize, DecimalError> {
    scratch.clear();
    let used = write_plain(scratch, bytes, precision, scale)?;
    let digits = std::str::from_utf8(scratch).unwrap_or_default();
    // Digits with a sign and a point always are a double; none overflows with 81 of them.
    json::write_f64(out, digits.parse().unwrap_or_default());
    Ok(used)
}

/// At most eight groups of nine digits beside one shorter group on each side of the point, or nine.
const GROUPS_MAX: usize = 10;

/// Powers of ten by the digits of a group; padded to sixteen so that a masked index always fits.
const POWERS: [u32; 16] = [
    1,
    10,
    100,
    1_000,
    10_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
    0,
    0,
    0,
    0,
    0,
    0,
];

#[derive(Clone, Copy, Default)]
struct Group {
    value: u32,
    digits: u8,
}

impl Group {
    /// Ten to the number of its digits.
    fn power(self) -> u32 {
        POWERS[usize::from(self.digits & 15)]
    }

    fn write_padded(self, out: &mut Vec<u8>) {
        let mut buffer = itoa::Buffer::new();
        // A one in front of nine digits makes the leading zeros appear.
        let text = buffer.format(POWERS[9] + self.value).as_bytes();
        let start = text.len() - usize::from(self.digits.min(9));
        out.extend_from_slice(text.get(start..).unwrap_or_default());
    }
}

struct Decimal {
    negative: bool,
    groups: [Group; GROUPS_MAX],
    integer: usize,
    count: usize,
    len: usize,
}

impl Decimal {
    fn read(bytes: &[u8], precision: u8, scale: u8) -> Result<Decimal, DecimalError> {
        let mut groups = [Group::default(); GROUPS_MAX];
        let mut places = groups.iter_mut();
        let (mut count, mut nonzero) = (0, false);
        let (inverted, len) = each_group(bytes, precision, scale, |group| {
            nonzero |= group.value != 0;
            count += 1;
            if let Some(place) = places.next() {
                *place = group;
            }
        })?;
        Ok(Decimal {
            negative: inverted && nonzero,
            groups,
            integer: usize::from((precision - scale).div_ceil(9)),
            count,
            len,
        })
    }

    fn groups(&self) -> &[Group] {
        self.groups.get(..self.count).unwrap_or_default()
    }

    fn integer_groups(&self) -> &[Group] {
        self.groups.get(..self.integer).unwrap_or_default()
    }

    fn fraction_groups(&self) -> &[Group] {
        self.groups
            .get(self.integer..self.count)
            .unwrap_or_default()
    }

    /// The unscaled number.
    fn wide_unscaled(&self) -> Wide {
        let mut wide = Wide::default();
        for group in self.groups() {
            wide.push(group.power(), group.value);
        }
        if self.negative {
            wide.negate();
        }
        wide
    }
}

/// Bytes of the digits on one side of the point.
fn half_len(digits: u8) -> usize {
    let rest = match digits % 9 {
        0 => 0,
        1 | 2 => 1,
        3 | 4 => 2,
        5 | 6 => 3,
        _ => 4,
    };
    usize::from(digits / 9) * 4 + rest
}

/// Hands over the groups of digits in their order; gives whether the number has the sign of a negative one, and the bytes
/// consumed.
#[inline]
fn each_group(
    bytes: &[u8],
    precision: u8,
    scale: u8,
    mut visit: impl FnMut(Group),
) -> Result<(bool, usize), DecimalError> {
    if precision == 0 || precision > PRECISION_MAX || scale > precision {
        return Err(DecimalError::Shape { precision, scale });
    }
    let len = packed_len(precision, scale);
    let truncated = DecimalError::Truncated {
        expected: len,
        found: bytes.len(),
    };
    let mut rest = bytes.get(..len).ok_or(truncated)?;
    let inverted = rest.first().is_some_and(|first| first & 0x80 == 0);
    let mut count = 0;
    let mut read = |digits: u8| {
        let (head, tail) = rest.split_at_checked(half_len(digits)).ok_or(truncated)?;
        // The sign bit belongs to the first byte of all, and is flipped in positive numbers.
        let value = group_value(head, count == 0, inverted);
        if value >= POWERS[usize::from(digits & 15)] {
            let group = count;
            return Err(DecimalError::Digits { group, digits });
        }
        visit(Group { value, digits });
        count += 1;
        rest = tail;
        Ok(())
    };
    let integer = precision - scale;
    let (leading, trailing) = (integer % 9, scale % 9);
    if leading > 0 {
        read(leading)?;
    }
    for _ in 0..integer / 9 + scale / 9 {
        read(9)?;
    }
    if trailing > 0 {
        read(trailing)?;
    }
    Ok((inverted, len))
}

#[inline]
fn group_value(bytes: &[u8], first: bool, inverted: bool) -> u32 {
    let raw = match *bytes {
        [a] => u32::from(a),
        [a, b] => u32::from_be_bytes([0, 0, a, b]),
        [a, b, c] => u32::from_be_bytes([0, a, b, c]),
        [a, b, c, d] => u32::from_be_bytes([a, b, c, d]),
        _ => 0,
    };
    let bits = 8 * bytes.len() as u32;
    let all = u32::MAX.checked_shr(32 - bits.min(32)).unwrap_or(0);
    let sign = if first { all & !(all >> 1) } else { 0 };
    raw ^ sign ^ if inverted { all } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    /// The inverse, after MySQL's description of the format.
    fn pack(text: &str, precision: u8, scale: u8) -> Vec<u8> {
        let negative = text.starts_with('-');
        let (integer, fraction) = text
            .trim_start_matches('-')
            .split_once('.')
            .unwrap_or((text, ""));
        let integer = integer.trim_start_matches('-');
        let integer = format!("{integer:0>width$}", width = usize::from(precision - scale));
        let integer = integer[integer.len() - usize::from(precision - scale)..].to_owned();
        let fraction = format!("{fraction:0<width$}", width = usize::from(scale));
        let bytes_of = |digits: usize| [0, 1, 1, 2, 2, 3, 3, 4, 4, 4][digits];
        let mut out = Vec::new();
        let mut group = |digits: &str| {
            let value: u32 = digits.parse().unwrap_or(0);
            out.extend_from_slice(&value.to_be_bytes()[4 - bytes_of(digits.len())..]);
        };
        let (head, full) = integer.split_at(integer.len() % 9);
        group(head);
        for chunk in full.as_bytes().chunks(9) {
            group(std::str::from_utf8(chunk).unwrap());
        }
        for chunk in fraction.as_bytes().chunks(9) {
            group(std::str::from_utf8(chunk).unwrap());
        }
        out[0] ^= 0x80;
        if negative {
            out.iter_mut().for_each(|byte| *byte = !*byte);
        }
        out
    }

    fn plain(bytes: &[u8], precision: u8, scale: u8) -> Result<String, DecimalError> {
        let mut out = b"x".to_vec();
        let len = write_plain(&mut out, bytes, precision, scale)?;
        assert_eq!(len, packed_len(precision, scale));
        Ok(String::from_utf8(out[1..].to_vec()).unwrap())
    }

    fn unscaled(bytes: &[u8], precision: u8, scale: u8) -> Vec<u8> {
        let mut out = Vec::new();
        write_unscaled_base64(&mut out, bytes, precision, scale).unwrap();
        STANDARD.decode(&out[1..out.len() - 1]).unwrap()
    }

    #[test]
    fn known_bytes_of_the_server() {
        // From the binlog of a server: CAST(… AS DECIMAL(…)) inside JSON documents.
        type Case = (&'static [u8], u8, u8, &'static str, &'static [u8]);
        let cases: [Case; 6] = [
            (&[0x80, 0, 0, 1, 0x0a], 11, 2, "1.10", &[0x6e]),
            (
                &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xfe],
                12,
                3,
                "-0.001",
                &[0xff],
            ),
            (&[0x80, 0, 0, 0, 0], 11, 2, "0.00", &[0]),
            (&[0x80, 0, 0, 0, 3, 0xe7], 12, 3, "0.999", &[3, 0xe7]),
            (
                &[
                    0x7f, 0xff, 0xff, 0x84, 0xe4, 0xc5, 0xf3, 0xeb, 0xfe, 0x1d, 0xbf,
                ],
                24,
                6,
                "-123456789012.123456",
                &[0xfe, 0x49, 0x64, 0xb4, 0x59, 0xd2, 0x70, 0xc0],
            ),
            // What no server writes: a negative zero.
            (&[0x7f, 0xff, 0xff, 0xff, 0xff], 10, 2, "0.00", &[0]),
        ];
        for (bytes, precision, scale, expected, integer) in cases {
            assert_eq!(plain(bytes, precision, scale).as_deref(), Ok(expected));
            assert_eq!(unscaled(bytes, precision, scale), integer);
        }
    }

    #[test]
    fn eight_integer_digits_take_four_bytes() {
        let bytes = pack("-12345678.90", 10, 2);
        assert_eq!(bytes, [0x7f, 0x43, 0x9e, 0xb1, 0xa5]);
        assert_eq!(plain(&bytes, 10, 2).as_deref(), Ok("-12345678.90"));
        assert_eq!(unscaled(&bytes, 10, 2), (-1234567890_i32).to_be_bytes());
    }

    #[test]
    fn bounds_of_65_digits() {
        let nines = "9".repeat(65);
        assert_eq!(plain(&pack(&nines, 65, 0), 65, 0).as_deref(), Ok(&*nines));
        // 10^65 - 1, and its two's complement.
        let bytes = unscaled(&pack(&nines, 65, 0), 65, 0);
        let low: [u8; 16] = bytes[bytes.len() - 16..].try_into().unwrap();
        assert_eq!((bytes.len(), bytes[0]), (28, 0));
        let mut expected = 0_u128;
        (0..65).for_each(|_| expected = expected.wrapping_mul(10).wrapping_add(9));
        assert_eq!(u128::from_be_bytes(low), expected);
        let negative = unscaled(&pack(&format!("-{nines}"), 65, 0), 65, 0);
        let low: [u8; 16] = negative[negative.len() - 16..].try_into().unwrap();
        assert_eq!((negative.len(), negative[0]), (28, 0xff));
        assert_eq!(u128::from_be_bytes(low), expected.wrapping_neg());
        let long = "-12345678901234567890123456789012345.123456789012345678901234567890";
        assert_eq!(plain(&pack(long, 65, 30), 65, 30).as_deref(), Ok(long));
        // What Debezium 3.6.3 streams for it.
        let mut out = Vec::new();
        write_unscaled_base64(&mut out, &pack(long, 65, 30), 65, 30).unwrap();
        assert_eq!(out, br#""4f1D4Wh6dCOTRq+nDL2ygsWAE4T8HZlxwPUu""#);
    }

    #[test]
    fn shapes_are_checked() {
        let shape = |precision, scale| Err(DecimalError::Shape { precision, scale });
        assert_eq!(plain(&[0x80; 64], 82, 0), shape(82, 0));
        assert_eq!(plain(&[0x80; 64], 0, 0), shape(0, 0));
        assert_eq!(plain(&[0x80; 64], 5, 6), shape(5, 6));
        let truncated = DecimalError::Truncated {
            expected: 5,
            found: 4,
        };
        assert_eq!(plain(&[0x80; 4], 10, 2), Err(truncated));
        let digits = DecimalError::Digits {
            group: 1,
            digits: 2,
        };
        assert_eq!(plain(&[0x80, 0, 0, 0, 100], 10, 2), Err(digits));
    }

    proptest! {
        #[test]
        fn packed_numbers_read_back(
            digits in "[0-9]{81}", precision in 1..=81_u8, scale in 0..=81_u8, negative: bool,
        ) {
            let scale = scale.min(precision);
            let (integer, rest) = digits.split_at(usize::from(precision - scale));
            let fraction = &rest[..usize::from(scale)];
            let zero = digits[..usize::from(precision)].bytes().all(|digit| digit == b'0');
            let integer = match integer.trim_start_matches('0') { "" => "0", digits => digits };
            let sign = if negative && !zero { "-" } else { "" };
            let point = if scale > 0 { "." } else { "" };
            let expected = format!("{sign}{integer}{point}{fraction}");
            let bytes = pack(&expected, precision, scale);
            prop_assert_eq!(bytes.len(), packed_len(precision, scale));
            let printed = plain(&bytes, precision, scale).unwrap();
            prop_assert_eq!(&printed, &expected);
            if precision <= 38 {
                let value: i128 = expected.replace('.', "").parse().unwrap();
                let found = unscaled(&bytes, precision, scale);
                let mut wide = [if found[0] & 0x80 == 0 { 0 } else { 0xff }; 16];
                wide[16 - found.len()..].copy_from_slice(&found);
                prop_assert_eq!(i128::from_be_bytes(wide), value);
                let shorter = found.len() > 1 && (
                    (found[0] == 0 && found[1] & 0x80 == 0)
                    || (found[0] == 0xff && found[1] & 0x80 != 0));
                prop_assert!(!shorter);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, precision: u8, scale: u8) {
            let mut out = Vec::new();
            let _ = write_plain(&mut out, &bytes, precision, scale);
            let _ = write_unscaled_base64(&mut out, &bytes, precision, scale);
            prop_assert!(packed_len(precision, scale) <= 260);
        }
    }
}
