//! Dates and times as binary JSON holds them: one 64-bit number each.
//!
//! Takes the number, appends the text that Debezium has for it. Never fails: every number is some time.

/// The packed form of `my_time.h`: microseconds in the lowest 24 bits, above them second, minute and hour.
pub(super) fn write_time(out: &mut Vec<u8>, packed: i64) {
    if packed < 0 {
        out.push(b'-');
    }
    let size = packed.unsigned_abs();
    let hms = size >> 24;
    write_padded(out, hms >> 12 & 0x3ff, 2);
    write_minutes(out, hms);
    write_fraction(out, size);
}

/// As a time, with the day in five bits and year * 13 + month above the hour.
pub(super) fn write_date(out: &mut Vec<u8>, packed: u64) {
    let day = packed >> 41;
    let month = day >> 5;
    write_padded(out, month / 13, 4);
    out.push(b'-');
    write_padded(out, month % 13, 2);
    out.push(b'-');
    write_padded(out, day & 0x1f, 2);
}

pub(super) fn write_datetime(out: &mut Vec<u8>, packed: u64) {
    write_date(out, packed);
    out.push(b' ');
    let hms = packed >> 24;
    write_padded(out, hms >> 12 & 0x1f, 2);
    write_minutes(out, hms);
    write_fraction(out, packed);
}

fn write_minutes(out: &mut Vec<u8>, hms: u64) {
    out.push(b':');
    write_padded(out, hms >> 6 & 0x3f, 2);
    out.push(b':');
    write_padded(out, hms & 0x3f, 2);
}

/// The fraction without trailing zeros, and nothing where it is zero.
fn write_fraction(out: &mut Vec<u8>, packed: u64) {
    let (mut micros, mut width) = (packed & 0xff_ffff, 6);
    if micros == 0 {
        return;
    }
    while micros % 10 == 0 && width > 1 {
        (micros, width) = (micros / 10, width - 1);
    }
    out.push(b'.');
    write_padded(out, micros, width);
}

fn write_padded(out: &mut Vec<u8>, value: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    out.resize(out.len() + width.saturating_sub(digits.len()), b'0');
    out.extend_from_slice(digits);
}
