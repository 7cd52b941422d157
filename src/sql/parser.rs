//! A cursor over the tokens of one statement: what every part of the grammar is read with.
//!
//! Nothing here looks back further than a copied bookmark, and nothing recurses: nested parentheses are counted.

use std::borrow::Cow;

use crate::sql::collation::{Collation, charset_of};
use crate::sql::definition::Name;
use crate::sql::statement::{Context, NotUnderstood};
use crate::sql::token::{Kind, Token, Tokens};
use crate::text::charset::Charset;

/// Where we are in a statement.
#[derive(Clone, Copy)]
pub(super) struct Parser<'a> {
    pub(super) context: &'a Context<'a>,
    text: &'a str,
    /// Behind the current token.
    tokens: Tokens<'a>,
    current: Token<'a>,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str, context: &'a Context<'a>) -> Parser<'a> {
        let mut tokens = Tokens::new(text, context.modes);
        let current = tokens.next_token();
        Parser {
            context,
            text,
            tokens,
            current,
        }
    }

    /// The token that is next.
    pub(super) fn peek(&self) -> Token<'a> {
        self.current
    }

    /// The token behind it.
    pub(super) fn peek_second(&self) -> Token<'a> {
        let mut tokens = self.tokens;
        tokens.next_token()
    }

    /// Takes the next token.
    pub(super) fn advance(&mut self) -> Token<'a> {
        std::mem::replace(&mut self.current, self.tokens.next_token())
    }

    pub(super) fn is(&self, keyword: &str) -> bool {
        self.current.is(keyword)
    }

    pub(super) fn is_any(&self, keywords: &[&str]) -> bool {
        keywords.iter().any(|keyword| self.is(keyword))
    }

    pub(super) fn is_sign(&self, sign: char) -> bool {
        self.current.kind == Kind::Sign(sign)
    }

    /// At the end, or before a `;` that ends the text.
    pub(super) fn is_end(&self) -> bool {
        match self.current.kind {
            Kind::End => true,
            Kind::Sign(';') => self.peek_second().kind == Kind::End,
            Kind::Word
            | Kind::Name
            | Kind::Text
            | Kind::Hex
            | Kind::Bits
            | Kind::Number
            | Kind::Sign(_)
            | Kind::Broken => false,
        }
    }

    /// Takes the keyword if it is next.
    pub(super) fn eat(&mut self, keyword: &str) -> bool {
        let found = self.is(keyword);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn eat_any(&mut self, keywords: &[&str]) -> bool {
        let found = self.is_any(keywords);
        if found {
            self.advance();
        }
        found
    }

    /// Takes the keywords if all of them are next.
    pub(super) fn eat_all(&mut self, keywords: &[&str]) -> bool {
        let mut ahead = *self;
        let found = keywords.iter().all(|keyword| ahead.eat(keyword));
        if found {
            *self = ahead;
        }
        found
    }

    pub(super) fn eat_sign(&mut self, sign: char) -> bool {
        let found = self.is_sign(sign);
        if found {
            self.advance();
        }
        found
    }

    pub(super) fn expect(&mut self, keyword: &str) -> Result<(), NotUnderstood> {
        self.eat(keyword).then_some(()).ok_or(NotUnderstood)
    }

    pub(super) fn expect_sign(&mut self, sign: char) -> Result<(), NotUnderstood> {
        self.eat_sign(sign).then_some(()).ok_or(NotUnderstood)
    }

    pub(super) fn expect_end(&self) -> Result<(), NotUnderstood> {
        self.is_end().then_some(()).ok_or(NotUnderstood)
    }

    /// A name of any kind. The server keeps names in utf8mb3: what is beyond becomes a question mark.
    pub(super) fn name(&mut self) -> Result<String, NotUnderstood> {
        let mut name = self.current.name().ok_or(NotUnderstood)?.into_owned();
        if name.contains(|sign| sign > '\u{ffff}') {
            name = name.replace(|sign| sign > '\u{ffff}', "?");
        }
        self.advance();
        Ok(name)
    }

    /// `table`, `database.table` or `.table`.
    pub(super) fn table_name(&mut self) -> Result<Name, NotUnderstood> {
        let bare = self.eat_sign('.');
        let first = self.name()?;
        let (database, table) = match !bare && self.eat_sign('.') {
            true => (first, self.name()?),
            false => (self.context.database.to_owned(), first),
        };
        Ok(self.context.fold(database, table))
    }

    /// A string of one or more literals.
    pub(super) fn string(&mut self) -> Result<String, NotUnderstood> {
        let modes = self.context.modes;
        let mut value = self.current.string(modes).ok_or(NotUnderstood)?;
        self.advance();
        while let Some(more) = self.current.string(modes) {
            value.push_str(&more);
            self.advance();
        }
        Ok(value)
    }

    /// A whole number.
    pub(super) fn number<T: std::str::FromStr>(&mut self) -> Result<T, NotUnderstood> {
        if self.current.kind != Kind::Number {
            return Err(NotUnderstood);
        }
        let number = self.current.text.parse().map_err(|_| NotUnderstood)?;
        self.advance();
        Ok(number)
    }

    /// `(number)`, if it is next.
    pub(super) fn optional_length<T: std::str::FromStr>(
        &mut self,
    ) -> Result<Option<T>, NotUnderstood> {
        if !self.eat_sign('(') {
            return Ok(None);
        }
        let number = self.number()?;
        self.expect_sign(')')?;
        Ok(Some(number))
    }

    /// Passes over a pair of parentheses; gives what is between them, comments and all.
    pub(super) fn parentheses(&mut self) -> Result<&'a str, NotUnderstood> {
        let start = self.current.end;
        self.expect_sign('(')?;
        let mut depth = 1_usize;
        loop {
            let token = self.advance();
            match token.kind {
                Kind::Sign('(') => depth += 1,
                Kind::Sign(')') if depth == 1 => {
                    let inner = self.text.get(start..token.start).unwrap_or_default();
                    return Ok(inner.trim());
                }
                Kind::Sign(')') => depth -= 1,
                Kind::End | Kind::Broken => return Err(NotUnderstood),
                Kind::Word
                | Kind::Name
                | Kind::Text
                | Kind::Hex
                | Kind::Bits
                | Kind::Number
                | Kind::Sign(_) => {}
            }
        }
    }

    /// Passes over tokens, parentheses as one, until the next one satisfies; false at the end of the text.
    pub(super) fn skip_until(
        &mut self,
        stop: impl Fn(&Parser<'a>) -> bool,
    ) -> Result<bool, NotUnderstood> {
        loop {
            if self.is_end() {
                return Ok(false);
            }
            if stop(self) {
                return Ok(true);
            }
            match self.current.kind {
                Kind::Sign('(') => {
                    self.parentheses()?;
                }
                Kind::Broken => return Err(NotUnderstood),
                Kind::Word
                | Kind::Name
                | Kind::Text
                | Kind::Hex
                | Kind::Bits
                | Kind::Number
                | Kind::Sign(_)
                | Kind::End => {
                    self.advance();
                }
            }
        }
    }

    /// Passes over the rest, which must be whole.
    pub(super) fn skip_rest(&mut self) -> Result<(), NotUnderstood> {
        self.skip_until(|_| false).map(|_| ())
    }

    /// `CHARACTER SET`, `CHARSET` or `CHAR SET`, if it is next.
    pub(super) fn eat_character_set(&mut self) -> bool {
        self.eat("CHARSET") || self.eat_all(&["CHARACTER", "SET"]) || self.eat_all(&["CHAR", "SET"])
    }

    /// The name of a character set, which may be quoted.
    pub(super) fn charset(&mut self) -> Result<Charset, NotUnderstood> {
        let name = self.word_or_string()?;
        charset_of(&name).ok_or(NotUnderstood)
    }

    /// The name of a collation, which may be quoted.
    pub(super) fn collation(&mut self) -> Result<Collation, NotUnderstood> {
        let name = self.word_or_string()?;
        Collation::new(&name).ok_or(NotUnderstood)
    }

    pub(super) fn word_or_string(&mut self) -> Result<Cow<'a, str>, NotUnderstood> {
        let token = self.current;
        if let Some(name) = token.name() {
            self.advance();
            return Ok(name);
        }
        self.string().map(Cow::Owned)
    }
}
