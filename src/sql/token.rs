//! SQL text to tokens, as the server's lexer cuts it.
//!
//! Takes text in UTF-8 and the session's [`Modes`]; gives one [`Token`] at a time, borrowed from the text. Executable
//! comments (`/*!80023 … */`) are part of the text whatever their version: the server blanks those that it did not
//! execute before it logs a statement. All other comments and optimizer hints are passed over. Allocates nothing but
//! the values of tokens that are asked for, and never fails: what has no end is [`Kind::Broken`].

use std::borrow::Cow;

/// The bits of `sql_mode` that change what a statement of DDL means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Modes {
    /// Double quotes enclose names.
    pub ansi_quotes: bool,
    /// A backslash in a string is a backslash.
    pub no_backslash_escapes: bool,
    /// REAL is FLOAT.
    pub real_as_float: bool,
    /// Too long a VARCHAR is an error instead of a TEXT.
    pub strict: bool,
}

impl Modes {
    /// From `sql_mode` as the event's status variable has it.
    pub fn from_bits(bits: u64) -> Modes {
        const REAL_AS_FLOAT: u64 = 1;
        const ANSI_QUOTES: u64 = 1 << 2;
        const NO_BACKSLASH_ESCAPES: u64 = 1 << 20;
        const STRICT_TRANS_TABLES: u64 = 1 << 21;
        const STRICT_ALL_TABLES: u64 = 1 << 22;
        Modes {
            ansi_quotes: bits & ANSI_QUOTES != 0,
            no_backslash_escapes: bits & NO_BACKSLASH_ESCAPES != 0,
            real_as_float: bits & REAL_AS_FLOAT != 0,
            strict: bits & (STRICT_TRANS_TABLES | STRICT_ALL_TABLES) != 0,
        }
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or a name without quotes.
    Word,
    /// A name in quotes.
    Name,
    /// A string in quotes, perhaps with an `N` ahead of it.
    Text,
    /// `x'…'` or `0x…`.
    Hex,
    /// `b'…'` or `0b…`.
    Bits,
    /// A number without its sign.
    Number,
    /// Any other character.
    Sign(char),
    /// Quotes that are never closed.
    Broken,
    /// The end of the text, again and again.
    End,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// As it stands in the text, quotes and all.
    pub text: &'a str,
    /// Where it starts.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
}

impl<'a> Token<'a> {
    /// Whether it is this keyword. A name in quotes never is.
    pub fn is(&self, keyword: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// The name that it is, if it is one.
    pub fn name(&self) -> Option<Cow<'a, str>> {
        match self.kind {
            Kind::Word => Some(Cow::Borrowed(self.text)),
            Kind::Name => {
                let quote = self.text.chars().next()?;
                let inner = self.text.strip_prefix(quote)?.strip_suffix(quote)?;
                if !inner.contains(quote) {
                    return Some(Cow::Borrowed(inner));
                }
                let double = String::from_iter([quote, quote]);
                Some(Cow::Owned(inner.replace(&double, &quote.to_string())))
            }
            Kind::Text
            | Kind::Hex
            | Kind::Bits
            | Kind::Number
            | Kind::Sign(_)
            | Kind::Broken
            | Kind::End => None,
        }
    }

    /// The string that it is, if it is one.
    pub fn string(&self, modes: Modes) -> Option<String> {
        if self.kind != Kind::Text {
            return None;
        }
        let quoted = self.text.strip_prefix(['n', 'N']).unwrap_or(self.text);
        let quote = quoted.chars().next()?;
        let inner = quoted.strip_prefix(quote)?.strip_suffix(quote)?;
        let mut value = String::with_capacity(inner.len());
        let mut chars = inner.chars();
        while let Some(sign) = chars.next() {
            if sign == quote {
                // The other half of a doubled one.
                chars.next();
                value.push(quote);
            } else if sign == '\\' && !modes.no_backslash_escapes {
                push_escaped(&mut value, chars.next());
            } else {
                value.push(sign);
            }
        }
        Some(value)
    }

    /// The bytes of a hexadecimal or binary literal.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let digits = || {
            let text = self.text.trim_end_matches('\'');
            text.get(2..).unwrap_or_default().bytes()
        };
        let (bits, radix) = match self.kind {
            Kind::Hex => (4, 16),
            Kind::Bits => (1, 2),
            Kind::Word
            | Kind::Name
            | Kind::Text
            | Kind::Number
            | Kind::Sign(_)
            | Kind::Broken
            | Kind::End => return None,
        };
        // The digits fill bytes from their ends.
        let per_byte = 8 / bits;
        let mut filled = (per_byte - digits().len() % per_byte) % per_byte;
        let (mut value, mut byte) = (Vec::new(), 0_u8);
        for digit in digits() {
            let digit = char::from(digit).to_digit(radix)?;
            byte = (byte << bits) | u8::try_from(digit).ok()?;
            filled += 1;
            if filled == per_byte {
                value.push(byte);
                (byte, filled) = (0, 0);
            }
        }
        Some(value)
    }
}

fn push_escaped(value: &mut String, sign: Option<char>) {
    match sign {
        Some('0') => value.push('\0'),
        Some('b') => value.push('\u{8}'),
        Some('n') => value.push('\n'),
        Some('r') => value.push('\r'),
        Some('t') => value.push('\t'),
        Some('Z') => value.push('\u{1a}'),
        // These two keep their backslash, for LIKE.
        Some(sign @ ('%' | '_')) => value.extend(['\\', sign]),
        Some(sign) => value.push(sign),
        None => {}
    }
}

/// The tokens of a text. A copy is a bookmark.
#[derive(Clone, Copy, Debug)]
pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    modes: Modes,
    /// Executable comments that are open.
    comments: usize,
    /// Where the last word ended: a point there parts two names, whatever follows it.
    word_end: Option<usize>,
    /// The last token was such a point.
    after_point: bool,
}

impl<'a> Tokens<'a> {
    /// Starts at the beginning.
    pub fn new(text: &'a str, modes: Modes) -> Tokens<'a> {
        Tokens {
            text,
            at: 0,
            modes,
            comments: 0,
            word_end: None,
            after_point: false,
        }
    }

    /// The next token.
    pub fn next_token(&mut self) -> Token<'a> {
        self.skip();
        let start = self.at;
        let (kind, length) = self.scan();
        self.at = (start + length).min(self.text.len());
        self.after_point = kind == Kind::Sign('.');
        self.word_end = (kind == Kind::Word).then_some(self.at);
        Token {
            kind,
            text: self.text.get(start..self.at).unwrap_or_default(),
            start,
            end: self.at,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest();
            self.at += match rest {
                // A NUL behind the text is the mark of a careless client.
                [b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0, ..] => 1,
                [b'#', ..] => line(rest),
                [b'-', b'-'] => 2,
                [b'-', b'-', after, ..] if *after <= b' ' => line(rest),
                [b'/', b'*', b'!', tail @ ..] => {
                    self.comments += 1;
                    3 + version_digits(tail)
                }
                [b'/', b'*', tail @ ..] => match memchr::memmem::find(tail, b"*/") {
                    Some(end) => end + 4,
                    None => rest.len(),
                },
                [b'*', b'/', ..] if self.comments > 0 => {
                    self.comments -= 1;
                    2
                }
                _ => return,
            };
        }
    }

    /// Kind and length of what starts here.
    fn scan(&self) -> (Kind, usize) {
        let rest = self.rest();
        match rest {
            [] => (Kind::End, 0),
            [b'`', ..] => quoted(rest, Kind::Name, 0, false),
            [b'"', ..] if self.modes.ansi_quotes => quoted(rest, Kind::Name, 0, false),
            [b'\'' | b'"', ..] => quoted(rest, Kind::Text, 0, self.escapes()),
            [b'n' | b'N', b'\'', ..] if !self.after_point => {
                quoted(rest, Kind::Text, 1, self.escapes())
            }
            [b'x' | b'X', b'\'', ..] if !self.after_point => quoted(rest, Kind::Hex, 1, false),
            [b'b' | b'B', b'\'', ..] if !self.after_point => quoted(rest, Kind::Bits, 1, false),
            [b'.', b'0'..=b'9', ..] if self.word_end != Some(self.at) => {
                (Kind::Number, number(rest))
            }
            [b'0'..=b'9', ..] if !self.after_point => number_or_word(rest),
            [first, ..] if is_word(*first) => (Kind::Word, word(rest)),
            [first, ..] => (Kind::Sign(char::from(*first)), 1),
        }
    }

    fn escapes(&self) -> bool {
        !self.modes.no_backslash_escapes
    }
}

/// Length up to the end of the line.
fn line(rest: &[u8]) -> usize {
    memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1)
}

/// Digits of the version in an executable comment: five or six, otherwise they are text.
fn version_digits(tail: &[u8]) -> usize {
    match tail.iter().take_while(|b| b.is_ascii_digit()).count() {
        0..=4 => 0,
        5 => 5,
        _ => 6,
    }
}

/// What is in the quotes that stand at `prefix`.
fn quoted(rest: &[u8], kind: Kind, prefix: usize, escapes: bool) -> (Kind, usize) {
    let quote = rest.get(prefix).copied().unwrap_or_default();
    let mut at = prefix + 1;
    loop {
        let tail = rest.get(at..).unwrap_or_default();
        let found = match escapes {
            true => memchr::memchr2(quote, b'\\', tail),
            false => memchr::memchr(quote, tail),
        };
        let Some(found) = found else {
            return (Kind::Broken, rest.len());
        };
        at += found + 1;
        let is_quote = tail.get(found) == Some(&quote);
        if is_quote && rest.get(at) != Some(&quote) {
            return (kind, at);
        }
        // The second quote, or what the backslash escapes: its first byte is enough to pass.
        at += 1;
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | 0x80..)
}

fn word(rest: &[u8]) -> usize {
    rest.iter().take_while(|b| is_word(**b)).count()
}

fn digits(rest: &[u8]) -> usize {
    rest.iter().take_while(|b| b.is_ascii_digit()).count()
}

/// A word that starts with a digit is a number if all of it is.
fn number_or_word(rest: &[u8]) -> (Kind, usize) {
    let length = word(rest);
    let whole = rest.get(..length).unwrap_or_default();
    match whole {
        [b'0', b'x', tail @ ..] if !tail.is_empty() && tail.iter().all(u8::is_ascii_hexdigit) => {
            return (Kind::Hex, length);
        }
        [b'0', b'b', tail @ ..] if !tail.is_empty() && tail.iter().all(|b| b"01".contains(b)) => {
            return (Kind::Bits, length);
        }
        _ => {}
    }
    match number(rest) {
        // `1e5` and `12` are whole words, `1.5` and `1e-5` go beyond theirs.
        longer if longer >= length => (Kind::Number, longer),
        _ => (Kind::Word, length),
    }
}

/// Length of digits, a fraction and an exponent.
fn number(rest: &[u8]) -> usize {
    let mut length = digits(rest);
    if rest.get(length) == Some(&b'.') {
        length += 1;
        length += digits(rest.get(length..).unwrap_or_default());
    }
    let exponent = match rest.get(length..).unwrap_or_default() {
        [b'e' | b'E', b'+' | b'-', tail @ ..] => (2, digits(tail)),
        [b'e' | b'E', tail @ ..] => (1, digits(tail)),
        _ => (0, 0),
    };
    match exponent {
        (_, 0) => length,
        (sign, digits) => length + sign + digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(text: &str, modes: Modes) -> Vec<(Kind, &str)> {
        let mut tokens = Tokens::new(text, modes);
        let mut found = Vec::new();
        loop {
            let token = tokens.next_token();
            if token.kind == Kind::End {
                return found;
            }
            found.push((token.kind, token.text));
        }
    }

    fn check(text: &str, expected: &[(Kind, &str)]) {
        assert_eq!(kinds(text, Modes::default()), expected, "{text}");
    }

    #[test]
    fn cuts_words_numbers_and_signs() {
        use Kind::{Bits, Hex, Number, Sign, Word};
        check("a=1", &[(Word, "a"), (Sign('='), "="), (Number, "1")]);
        check(
            "1a 2e 3e4 5e-6",
            &[
                (Word, "1a"),
                (Word, "2e"),
                (Number, "3e4"),
                (Number, "5e-6"),
            ],
        );
        check(
            "1.5 .5 1. 1.e2",
            &[
                (Number, "1.5"),
                (Number, ".5"),
                (Number, "1."),
                (Number, "1.e2"),
            ],
        );
        check(
            "0x1F 0x 0xg 0b101 0b2",
            &[
                (Hex, "0x1F"),
                (Word, "0x"),
                (Word, "0xg"),
                (Bits, "0b101"),
                (Word, "0b2"),
            ],
        );
        check(
            "x'1F' B'01' N'x'",
            &[(Hex, "x'1F'"), (Bits, "B'01'"), (Kind::Text, "N'x'")],
        );
        check("größe$ 日本", &[(Word, "größe$"), (Word, "日本")]);
        check("d.1e5", &[(Word, "d"), (Sign('.'), "."), (Word, "1e5")]);
        check(
            "`d`.`1`",
            &[(Kind::Name, "`d`"), (Sign('.'), "."), (Kind::Name, "`1`")],
        );
        check("d . t", &[(Word, "d"), (Sign('.'), "."), (Word, "t")]);
        check("DEFAULT .5", &[(Word, "DEFAULT"), (Number, ".5")]);
        check(
            "a->'$.x'",
            &[
                (Word, "a"),
                (Sign('-'), "-"),
                (Sign('>'), ">"),
                (Kind::Text, "'$.x'"),
            ],
        );
    }

    #[test]
    fn passes_over_comments_and_reads_executable_ones() {
        use Kind::{Sign, Word};
        check(
            "a/* b */c -- d\ne # f\n--g",
            &[
                (Word, "a"),
                (Word, "c"),
                (Word, "e"),
                (Sign('-'), "-"),
                (Sign('-'), "-"),
                (Word, "g"),
            ],
        );
        check(
            "a /*!80023 INVISIBLE */ b",
            &[(Word, "a"), (Word, "INVISIBLE"), (Word, "b")],
        );
        check("/*!080023 x*/", &[(Word, "x")]);
        check(
            "/*! a /* b */ c */ * /",
            &[(Word, "a"), (Word, "c"), (Sign('*'), "*"), (Sign('/'), "/")],
        );
        check(
            "/*!50100 a /*!50500 b */ c */ d",
            &[(Word, "a"), (Word, "b"), (Word, "c"), (Word, "d")],
        );
        check(
            "/*M! x */ /*M!100100 y */ SELECT /*+ MAX() */ z",
            &[(Word, "SELECT"), (Word, "z")],
        );
        check("a /* b", &[(Word, "a")]);
        check("a /*!50000 b", &[(Word, "a"), (Word, "b")]);
        check("a -- b", &[(Word, "a")]);
        check("a --", &[(Word, "a")]);
        check(
            "DROP TABLE t\0",
            &[(Word, "DROP"), (Word, "TABLE"), (Word, "t")],
        );
    }

    #[test]
    fn reads_names_and_strings() {
        let value = |text: &str, modes| {
            let token = Tokens::new(text, modes).next_token();
            assert_eq!(token.end, text.len(), "{text}");
            token
                .string(modes)
                .or(token.name().map(Cow::into_owned))
                .unwrap()
        };
        let plain = Modes::default();
        let ansi = Modes {
            ansi_quotes: true,
            ..plain
        };
        let raw = Modes {
            no_backslash_escapes: true,
            ..plain
        };
        assert_eq!(value("`a``b.c 🐟`", plain), "a`b.c 🐟");
        assert_eq!(value("'it''s'", plain), "it's");
        assert_eq!(value(r"'a\'b\\'", plain), r"a'b\");
        assert_eq!(value(r"'\n\t\0\Z\%\_\q\é'", plain), "\n\t\0\u{1a}\\%\\_qé");
        assert_eq!(value(r#""a""b'\"""#, plain), r#"a"b'""#);
        assert_eq!(value(r#""a""b\""#, ansi), r#"a"b\"#);
        assert_eq!(value(r"'a\'", raw), r"a\");
        assert_eq!(value("N'x'", plain), "x");
        assert_eq!(kinds("'open", plain), [(Kind::Broken, "'open")]);
        assert_eq!(kinds("'open\\", plain), [(Kind::Broken, "'open\\")]);
    }

    #[test]
    fn reads_bytes() {
        let bytes = |text| Tokens::new(text, Modes::default()).next_token().bytes();
        assert_eq!(bytes("x'4D79'"), Some(b"My".to_vec()));
        assert_eq!(bytes("0x4D7"), Some(vec![0x04, 0xd7]));
        assert_eq!(bytes("b'100000001'"), Some(vec![1, 1]));
        assert_eq!(bytes("0b11"), Some(vec![3]));
        assert_eq!(bytes("x''"), Some(vec![]));
        assert_eq!(bytes("x'zz'"), None);
        assert_eq!(bytes("12"), None);
    }
}
