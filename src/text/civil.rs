//! Calendar dates with a time of day: their distance from 1970, and their text by ISO 8601.
//!
//! Takes the parts as MySQL stores or writes them, gives numbers or text. A date that is none (zero, partly
//! zero, the 30th of February) gives nothing. Pure arithmetic, no zones: everything counts as UTC.

/// Microseconds of a second.
const SECOND_US: u64 = 1_000_000;

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// A calendar date and a time of day, not yet checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year, 0 to 9999.
    pub year: u32,
    /// Month, 0 to 15.
    pub month: u32,
    /// Day, 0 to 31.
    pub day: u32,
    /// Microseconds since midnight.
    pub us: i64,
}

/// How many digits a fraction of a second has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fraction {
    /// So many, none at all for 0.
    Exactly(u8),
    /// As many as it takes: no zero at the end.
    Trimmed,
}

impl Civil {
    /// The beginning of 1970.
    pub const EPOCH: Civil = Civil {
        year: 1970,
        month: 1,
        day: 1,
        us: 0,
    };

    /// So long after the beginning of 1970.
    pub fn from_epoch(seconds: u32, us: u32) -> Civil {
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Counted in 400-year eras from 0000-03-01, so that the leap day is the last of its year.
        let shifted = days + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        Civil {
            year: year_of_era + era * 400 + u32::from(month <= 2),
            month,
            day: of_year - (153 * month_from_march + 2) / 5 + 1,
            us: i64::from(rest) * 1_000_000 + i64::from(us),
        }
    }

    /// Reads a literal of SQL: `2000-01-31`, with ` 12:34:56` and a fraction where it has them. `None` for
    /// anything else, and for a date that is none.
    pub fn parse(text: &str) -> Option<Civil> {
        let (date, time) = text.split_once([' ', 'T']).unwrap_or((text, "00:00:00"));
        let [year, month, day] = numbers(date, '-')?;
        let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
        let [hour, minute, second] = numbers(time, ':')?;
        let us = fraction_us(fraction)?;
        let seconds = hour.checked_mul(3600)? + minute.checked_mul(60)? + second;
        let civil = Civil {
            year,
            month,
            day,
            us: i64::from(seconds) * 1_000_000 + us,
        };
        (civil.days().is_some() && civil.us < DAY_US).then_some(civil)
    }

    /// Days since 1970-01-01; `None` for zero, partly zero and impossible dates.
    pub fn days(&self) -> Option<i32> {
        let year = self.checked_year()?;
        Some(days_from_civil(year, self.month, self.day))
    }

    /// Whether there is such a day.
    pub fn is_date(&self) -> bool {
        self.checked_year().is_some()
    }

    /// Microseconds since 1970-01-01, the date read as UTC; `None` as for `days`.
    pub fn epoch_us(&self) -> Option<i64> {
        Some(i64::from(self.days()?) * DAY_US + self.us)
    }

    /// Appends `2018-06-20`; false, and nothing is appended, where `days` gives none.
    pub fn write_date(&self, out: &mut Vec<u8>) -> bool {
        self.write(out, 10)
    }

    /// Appends `2018-06-20T13:37:03.12`; false as for `write_date`.
    pub fn write_moment(&self, out: &mut Vec<u8>, fraction: Fraction) -> bool {
        let us = self.us.unsigned_abs() % SECOND_US;
        self.write(out, 19 + fraction.length(us))
    }

    fn write(&self, out: &mut Vec<u8>, length: usize) -> bool {
        let Some(year) = self.checked_year() else {
            return false;
        };
        // Less than a day, so that all numbers fit.
        let seconds = (self.us.unsigned_abs() / SECOND_US) as u32;
        let us = (self.us.unsigned_abs() % SECOND_US) as u32;
        let mut text = *b"0000-00-00T00:00:00.000000";
        put(&mut text, 0, 4, year);
        put(&mut text, 5, 2, self.month);
        put(&mut text, 8, 2, self.day);
        put(&mut text, 11, 2, seconds / 3600);
        put(&mut text, 14, 2, seconds / 60 % 60);
        put(&mut text, 17, 2, seconds % 60);
        put(&mut text, 20, 6, us);
        out.extend_from_slice(text.get(..length).unwrap_or(&text));
        true
    }

    /// The year with all digits where there is such a day. A year below 100 is one of 1970 to 2069, as MySQL
    /// reads two digits (Debezium's `enable.time.adjuster`).
    fn checked_year(&self) -> Option<u32> {
        let year = match self.year {
            0 => return None,
            year @ 1..=69 => year + 2000,
            year @ 70..=99 => year + 1900,
            year => year,
        };
        let lengths: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let index = usize::try_from(self.month.checked_sub(1)?).ok()?;
        let length = lengths.get(index)? + u32::from(leap && self.month == 2);
        (1..=length).contains(&self.day).then_some(year)
    }
}

impl Fraction {
    /// Letters of it and its point.
    fn length(self, us: u64) -> usize {
        let digits = match self {
            Fraction::Exactly(digits) => usize::from(digits.min(6)),
            Fraction::Trimmed if us == 0 => 0,
            Fraction::Trimmed => {
                let zeros = (1..6).take_while(|zeros| us.is_multiple_of(10_u64.pow(*zeros)));
                6 - zeros.count()
            }
        };
        if digits == 0 { 0 } else { digits + 1 }
    }
}

/// Appends a time of microseconds as `13:37:03.12`; hours take two digits or more, and a sign stands before
/// a negative one.
pub fn write_time(out: &mut Vec<u8>, us: i64) {
    if us < 0 {
        out.push(b'-');
    }
    let (seconds, us) = (us.unsigned_abs() / SECOND_US, us.unsigned_abs() % SECOND_US);
    let hours = seconds / 3600;
    if hours >= 100 {
        out.extend_from_slice(itoa::Buffer::new().format(hours / 100).as_bytes());
    }
    let mut text = *b"00:00:00.000000";
    put(&mut text, 0, 2, (hours % 100) as u32);
    put(&mut text, 3, 2, (seconds / 60 % 60) as u32);
    put(&mut text, 6, 2, (seconds % 60) as u32);
    put(&mut text, 9, 6, us as u32);
    let length = 8 + Fraction::Trimmed.length(us);
    out.extend_from_slice(text.get(..length).unwrap_or(&text));
}

/// Appends, in quotes and with a `Z`, what `write` appends; nothing, and false, where it says so.
pub fn write_utc(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
    let start = out.len();
    out.push(b'"');
    let written = write(out);
    match written {
        true => out.extend_from_slice(b"Z\""),
        false => out.truncate(start),
    }
    written
}

/// Reads a literal of SQL: `-838:59:58.999`; microseconds. `None` for anything else.
pub fn parse_time(text: &str) -> Option<i64> {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1, text),
        None => (1, text),
    };
    let (time, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let [hours, minutes, seconds] = numbers(time, ':')?.map(i64::from);
    Some(sign * ((hours * 3600 + minutes * 60 + seconds) * 1_000_000 + fraction_us(fraction)?))
}

/// Microseconds of the digits behind a point.
fn fraction_us(fraction: &str) -> Option<i64> {
    let digits = u32::try_from(fraction.len()).ok().filter(|n| *n <= 6)?;
    Some(i64::from(number(fraction)? * 10_u32.pow(6 - digits)))
}

/// Puts `number` in decimal digits at `at`, filled with zeros to `width`.
fn put(text: &mut [u8], at: usize, width: usize, mut number: u32) {
    for digit in text.iter_mut().skip(at).take(width).rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Three numbers with a sign between them.
fn numbers(text: &str, between: char) -> Option<[u32; 3]> {
    let mut parts = text.split(between).map(number);
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn number(digits: &str) -> Option<u32> {
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits)
}

fn days_from_civil(year: u32, month: u32, day: u32) -> i32 {
    let year = year - u32::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let month_from_march = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * month_from_march + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    (era * 146_097 + of_era) as i32 - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn literals_of_sql_are_read() {
        let us = |text: &str| Civil::parse(text).and_then(|civil| civil.epoch_us());
        assert_eq!(us("1970-01-02"), Some(DAY_US));
        assert_eq!(us("2000-01-01 00:00:00"), Some(946_684_800_000_000));
        assert_eq!(us("2000-01-01 00:00:00.25"), Some(946_684_800_250_000));
        for none in [
            "",
            "2000-01",
            "0000-00-00",
            "2023-02-29",
            "2000-01-01 1",
            "2000-01-01 24:00:00",
            "2000-01-01 00:00:00.",
            "2000-01-01 00:00:00.1234567",
            "+2000-01-01",
            "99999999999-01-01",
            "CURRENT_TIMESTAMP",
        ] {
            assert_eq!(us(none), None, "{none}");
        }
    }

    #[test]
    fn text_is_iso_8601() {
        let civil = |year, us| Civil {
            year,
            month: 6,
            day: 7,
            us,
        };
        let moment = |civil: Civil, fraction| {
            text(|out| {
                civil.write_moment(out, fraction);
            })
        };
        assert_eq!(
            moment(civil(2018, 1_500_000), Fraction::Trimmed),
            "2018-06-07T00:00:01.5"
        );
        assert_eq!(
            moment(civil(2018, DAY_US - 1), Fraction::Trimmed),
            "2018-06-07T23:59:59.999999"
        );
        assert_eq!(
            moment(civil(18, 0), Fraction::Exactly(3)),
            "2018-06-07T00:00:00.000"
        );
        assert_eq!(
            moment(civil(100, 0), Fraction::Exactly(0)),
            "0100-06-07T00:00:00"
        );
        assert_eq!(moment(civil(0, 0), Fraction::Trimmed), "");
        let time = |us| text(|out| write_time(out, us));
        assert_eq!(time(-3_020_399_999_990), "-838:59:59.99999");
        assert_eq!(time(DAY_US), "24:00:00");
        assert_eq!(time(-1), "-00:00:00.000001");
    }

    #[test]
    fn every_day_of_the_unsigned_range_comes_back() {
        for days in (0..49_710u32).step_by(7) {
            let civil = Civil::from_epoch(days * 86_400 + 17, 5);
            assert_eq!(civil.days(), Some(days as i32));
            assert_eq!(civil.us, 17_000_005);
        }
    }
}
