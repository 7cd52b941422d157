//! Constants of temporal types in the server's own form.
//!
//! Takes what the server takes most often: parts with any punctuation between them, or digits alone. All else is
//! `None`.

/// `2024-01-31`.
pub(super) fn date(text: &str) -> Option<String> {
    let parts = Parts::of(text, 3)?;
    parts.fraction.is_empty().then(|| parts.date())?
}

/// `2024-01-31 12:00:00.000`.
pub(super) fn date_time(text: &str, digits: u8) -> Option<String> {
    let parts = Parts::of(text, 6)?;
    let fraction = fraction(parts.fraction, digits)?;
    let [_, _, _, hour, minute, second] = parts.numbers;
    Some(format!(
        "{} {hour:02}:{minute:02}:{second:02}{fraction}",
        parts.date()?
    ))
}

/// `-12:00:00`.
pub(super) fn time(text: &str, digits: u8) -> Option<String> {
    let text = text.trim();
    let (sign, unsigned) = match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text),
    };
    let (whole, rest) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let fraction = fraction(rest, digits)?;
    let (hour, minute, second) = match whole.split(':').collect::<Vec<_>>()[..] {
        [hour, minute, second] => (number(hour)?, number(minute)?, number(second)?),
        [hour, minute] => (number(hour)?, number(minute)?, 0),
        [digits] => {
            let number = number(digits)?;
            (number / 10_000, number / 100 % 100, number % 100)
        }
        _ => return None,
    };
    Some(format!("{sign}{hour:02}:{minute:02}:{second:02}{fraction}"))
}

/// `2024`; two digits are of 1970 to 2069.
pub(super) fn year(text: &str) -> Option<String> {
    let text = text.trim();
    let year = number(text)?;
    let year = match (year, text.len()) {
        // A number 0 is the year 0000, the strings '0' and '00' are 2000: numbers are what people write.
        (0, _) => 0,
        (1..=69, _) => 2000 + year,
        (70..=99, _) => 1900 + year,
        _ => year,
    };
    Some(format!("{year:04}"))
}

struct Parts<'a> {
    /// Year, month, day, hour, minute, second.
    numbers: [u32; 6],
    fraction: &'a str,
    short_year: bool,
}

impl<'a> Parts<'a> {
    /// At most `count` numbers and a fraction.
    fn of(text: &'a str, count: usize) -> Option<Parts<'a>> {
        let text = text.trim();
        let mut numbers = [0; 6];
        let (whole, fraction) = match text.rsplit_once('.') {
            // The point of a fraction stands behind a time: 2024.01.31 has none.
            Some((whole, fraction)) if whole.contains([':', ' ', 'T']) || digits(whole) => {
                (whole, fraction)
            }
            Some(_) | None => (text, ""),
        };
        if digits(whole) {
            let lengths: &[usize] = match whole.len() {
                14 => &[4, 2, 2, 2, 2, 2],
                8 => &[4, 2, 2],
                6 => &[2, 2, 2],
                12 => &[2, 2, 2, 2, 2, 2],
                // DEFAULT 0.
                1 if whole == "0" => &[1],
                _ => return None,
            };
            let mut rest = whole;
            for (place, length) in numbers.iter_mut().zip(lengths.iter().take(count)) {
                let (part, tail) = rest.split_at_checked(*length)?;
                (*place, rest) = (number(part)?, tail);
            }
            let short_year = lengths.first() == Some(&2);
            return Some(Parts {
                numbers,
                fraction,
                short_year,
            });
        }
        let mut parts = whole.split(|sign: char| !sign.is_ascii_digit());
        let year = parts.next()?;
        let short_year = year.len() <= 2;
        numbers[0] = number(year)?;
        let mut found = 1;
        for part in parts.filter(|part| !part.is_empty()) {
            *numbers.get_mut(found)? = number(part)?;
            found += 1;
        }
        (found >= 3).then_some(Parts {
            numbers,
            fraction,
            short_year,
        })
    }

    fn date(&self) -> Option<String> {
        let [year, month, day, ..] = self.numbers;
        let zero = (year, month, day) == (0, 0, 0);
        let year = match year {
            0..=69 if self.short_year && !zero => 2000 + year,
            70..=99 if self.short_year => 1900 + year,
            _ => year,
        };
        (month <= 12 && day <= 31).then(|| format!("{year:04}-{month:02}-{day:02}"))
    }
}

/// Digits behind the point, cut or filled to as many as the type has. Cutting would have to round: not done.
fn fraction(text: &str, count: u8) -> Option<String> {
    let count = usize::from(count);
    let (kept, cut) = text.split_at_checked(count.min(text.len()))?;
    if !(digits(kept) || kept.is_empty()) || cut.bytes().any(|digit| digit != b'0') {
        return None;
    }
    Some(match count {
        0 => String::new(),
        _ => format!(".{kept:0<count$}"),
    })
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

fn number(text: &str) -> Option<u32> {
    digits(text).then(|| text.parse().ok())?
}
