//! Dates and times as row images pack them, to calendar dates and microseconds.
//!
//! Takes the bytes of one cell, gives a [`Civil`] or microseconds. Pure arithmetic; layouts are those of
//! `sql/tztime` and `mysys/my_time` since MySQL 5.6.4, big-endian with the sign bit flipped.

use crate::text::civil::Civil;

/// DATE: 5 bits day, 4 month, 15 year, little-endian.
pub fn date(bytes: [u8; 3]) -> Civil {
    let [low, middle, high] = bytes.map(u32::from);
    let packed = low | middle << 8 | high << 16;
    Civil {
        year: packed >> 9,
        month: packed >> 5 & 15,
        day: packed & 31,
        us: 0,
    }
}

/// DATETIME(f): five bytes, then the fraction as [`fraction_us`] reads it.
pub fn datetime(bytes: [u8; 5], fraction: &[u8]) -> Civil {
    let packed = bytes
        .iter()
        .fold(0u64, |all, byte| all << 8 | u64::from(*byte));
    let field = |shift: u32, mask: u64| (packed >> shift & mask) as u32;
    let year_month = field(22, 0x1ffff);
    let (hour, minute, second) = (field(12, 31), field(6, 63), field(0, 63));
    Civil {
        year: year_month / 13,
        month: year_month % 13,
        day: field(17, 31),
        us: time_of_day(hour, minute, second) + fraction_us(fraction),
    }
}

/// TIME(f) in microseconds: three bytes and the fraction are one number, 2^23 (and the fraction's bits)
/// above the signed value.
pub fn time(bytes: [u8; 3], fraction: &[u8]) -> i64 {
    let whole = bytes
        .iter()
        .fold(0i64, |all, byte| all << 8 | i64::from(*byte));
    let bits = fraction.len() as u32 * 8;
    let joined = fraction
        .iter()
        .fold(whole, |all, byte| all << 8 | i64::from(*byte));
    let signed = joined - (0x80_0000 << bits);
    let packed = signed.unsigned_abs();
    let seconds = (packed >> bits) as u32;
    let unit = fraction_unit(fraction.len());
    let fraction = (packed & ((1 << bits) - 1)) as i64 * unit;
    let us = time_of_day(seconds >> 12 & 1023, seconds >> 6 & 63, seconds & 63) + fraction;
    if signed < 0 { -us } else { us }
}

/// TIMESTAMP(f) in UTC; `None` for the zero timestamp.
pub fn timestamp(bytes: [u8; 4], fraction: &[u8]) -> Option<Civil> {
    let seconds = u32::from_be_bytes(bytes);
    let us = fraction_us(fraction);
    (seconds != 0 || us != 0).then(|| Civil::from_epoch(seconds, u32::try_from(us).unwrap_or(0)))
}

/// TIMESTAMP of MySQL before 5.6.4: seconds, little-endian; `None` for the zero timestamp.
pub fn old_timestamp(seconds: u32) -> Option<Civil> {
    (seconds != 0).then(|| Civil::from_epoch(seconds, 0))
}

/// The fraction behind seconds: hundredths in one byte, ten-thousandths in two, millionths in three.
pub fn fraction_us(bytes: &[u8]) -> i64 {
    let number = bytes
        .iter()
        .fold(0i64, |all, byte| all << 8 | i64::from(*byte));
    number * fraction_unit(bytes.len())
}

/// DATETIME of MySQL before 5.6.4: `YYYYMMDDhhmmss` as a number.
pub fn old_datetime(number: u64) -> Civil {
    let (date, time) = (number / 1_000_000, number % 1_000_000);
    let part = |of: u64, divisor: u64, modulus: u64| (of / divisor % modulus) as u32;
    Civil {
        year: part(date, 10_000, 10_000),
        month: part(date, 100, 100),
        day: part(date, 1, 100),
        us: time_of_day(
            part(time, 10_000, 100),
            part(time, 100, 100),
            part(time, 1, 100),
        ),
    }
}

/// TIME of MySQL before 5.6.4: `hhmmss` as a signed 24-bit number; microseconds.
pub fn old_time(bytes: [u8; 3]) -> i64 {
    let [low, middle, high] = bytes;
    let number = i32::from_le_bytes([0, low, middle, high]) >> 8;
    let size = number.unsigned_abs();
    let us = time_of_day(size / 10_000, size / 100 % 100, size % 100);
    if number < 0 { -us } else { us }
}

fn time_of_day(hour: u32, minute: u32, second: u32) -> i64 {
    (i64::from(hour) * 3_600 + i64::from(minute) * 60 + i64::from(second)) * 1_000_000
}

fn fraction_unit(bytes: usize) -> i64 {
    match bytes {
        1 => 10_000,
        2 => 100,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed_date(year: u32, month: u32, day: u32) -> [u8; 3] {
        let [a, b, c, _] = (year << 9 | month << 5 | day).to_le_bytes();
        [a, b, c]
    }

    #[test]
    fn dates_are_days_since_1970() {
        let check =
            |y, m, d, days| assert_eq!(date(packed_date(y, m, d)).days(), days, "{y}-{m}-{d}");
        check(1970, 1, 1, Some(0));
        check(1976, 8, 23, Some(2426));
        check(1000, 1, 1, Some(-354_285));
        check(2024, 2, 29, Some(19_782));
        check(9999, 12, 31, Some(2_932_896));
        check(18, 4, 1, Some(17_622));
        check(0, 0, 0, None);
        check(2024, 0, 5, None);
        check(2023, 2, 29, None);
        check(2024, 13, 1, None);
    }

    #[test]
    fn times_have_sign_and_fraction() {
        assert_eq!(time([0x80, 0, 0], &[]), 0);
        // -838:59:59
        let packed = 0x80_0000u32 - ((838 << 12) | (59 << 6) | 59);
        let [_, a, b, c] = packed.to_be_bytes();
        assert_eq!(time([a, b, c], &[]), -3_020_399_000_000);
        // -00:00:00.001 in TIME(3): one below zero in ten-thousandths is -10 units.
        let joined = (0x80_0000i64 << 16) - 10;
        let bytes = joined.to_be_bytes();
        assert_eq!(time([bytes[3], bytes[4], bytes[5]], &bytes[6..]), -1_000);
    }

    #[test]
    fn datetimes_are_read_as_utc() {
        let pack = |y: u64, mo: u64, d: u64, h: u64, mi: u64, s: u64| {
            let packed = 1 << 39 | (y * 13 + mo) << 22 | d << 17 | h << 12 | mi << 6 | s;
            let [_, _, _, a, b, c, d, e] = packed.to_be_bytes();
            [a, b, c, d, e]
        };
        let us = |bytes, fraction: &[u8]| datetime(bytes, fraction).epoch_us();
        assert_eq!(
            us(pack(1000, 1, 1, 0, 0, 0), &[]),
            Some(-30_610_224_000_000_000)
        );
        assert_eq!(
            us(pack(2024, 2, 29, 12, 34, 56), &[0, 0, 1]),
            Some(1_709_210_096_000_001)
        );
        assert_eq!(
            us(pack(1969, 12, 31, 23, 59, 59), &[0x27, 0x06]),
            Some(-1_000)
        );
        assert_eq!(us([0x80, 0, 0, 0, 0], &[]), None);
        assert_eq!(
            old_datetime(20_240_229_123_456).epoch_us(),
            Some(1_709_210_096_000_000)
        );
    }
}
