//! What a QUERY event is about, from its first words: enough for the transaction machine, no more.
//!
//! Takes the statement's bytes (any charset that keeps ASCII), gives a [`Statement`]. Pure; reads no
//! further than it must, and never fails: what is neither a transaction's frame nor a change of rows is
//! [`Statement::Other`], which covers DDL and administration.

use crate::event::Query;

/// The kinds that matter for groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// BEGIN or START TRANSACTION.
    Begin,
    /// COMMIT.
    Commit,
    /// ROLLBACK of the whole group.
    Rollback,
    /// SAVEPOINT name.
    Savepoint,
    /// ROLLBACK TO name.
    RollbackTo,
    /// XA START.
    XaStart,
    /// XA END.
    XaEnd,
    /// XA COMMIT.
    XaCommit,
    /// XA ROLLBACK.
    XaRollback,
    /// INSERT, UPDATE, DELETE and their like, logged as a statement: the rows are not in the log.
    Dml,
    /// Everything else: DDL, GRANT, ANALYZE.
    Other,
}

impl Statement {
    /// Classes a statement.
    pub fn of(query: &Query<'_>) -> Statement {
        let mut words = Words { rest: query.text };
        let first = words.next().unwrap_or_default();
        let is = |word: &[u8], keyword: &str| word.eq_ignore_ascii_case(keyword.as_bytes());
        const DML: [&str; 9] = [
            "INSERT", "UPDATE", "DELETE", "REPLACE", "LOAD", "WITH", "CALL", "DO", "SELECT",
        ];
        match () {
            () if is(first, "BEGIN") => Statement::Begin,
            () if is(first, "COMMIT") => Statement::Commit,
            () if is(first, "START") && is(words.next().unwrap_or_default(), "TRANSACTION") => {
                Statement::Begin
            }
            () if is(first, "SAVEPOINT") => Statement::Savepoint,
            () if is(first, "ROLLBACK") => match words.next().unwrap_or_default() {
                word if is(word, "TO") => Statement::RollbackTo,
                _ => Statement::Rollback,
            },
            () if is(first, "XA") => match words.next().unwrap_or_default() {
                word if is(word, "START") || is(word, "BEGIN") => Statement::XaStart,
                word if is(word, "END") => Statement::XaEnd,
                word if is(word, "COMMIT") => Statement::XaCommit,
                word if is(word, "ROLLBACK") => Statement::XaRollback,
                _ => Statement::Other,
            },
            () if DML.iter().any(|keyword| is(first, keyword)) => Statement::Dml,
            () => Statement::Other,
        }
    }
}

/// Words of a statement, comments passed over. A versioned comment (`/*!80013 …`) is part of the text.
struct Words<'a> {
    rest: &'a [u8],
}

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a [u8]> {
        self.skip();
        let length = self
            .rest
            .iter()
            .take_while(|b| b.is_ascii_alphanumeric() || **b == b'_')
            .count();
        let (word, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        (!word.is_empty()).then_some(word)
    }

    fn skip(&mut self) {
        loop {
            let rest = self.rest;
            self.rest = match rest {
                [
                    b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | b'(' | b';',
                    tail @ ..,
                ] => tail,
                [b'/', b'*', b'!', tail @ ..] => {
                    let digits = tail.iter().take_while(|b| b.is_ascii_digit()).count();
                    tail.get(digits..).unwrap_or_default()
                }
                [b'*', b'/', tail @ ..] => tail,
                [b'/', b'*', tail @ ..] => match memchr::memmem::find(tail, b"*/") {
                    Some(at) => tail.get(at + 2..).unwrap_or_default(),
                    None => &[],
                },
                [b'#', tail @ ..] | [b'-', b'-', tail @ ..] => match memchr::memchr(b'\n', tail) {
                    Some(at) => tail.get(at + 1..).unwrap_or_default(),
                    None => &[],
                },
                _ => return,
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Statement) {
        let query = Query {
            thread: 1,
            error: 0,
            status: b"",
            database: b"",
            text: text.as_bytes(),
        };
        assert_eq!(Statement::of(&query), expected, "{text}");
    }

    #[test]
    fn classes_frames_of_groups() {
        check("BEGIN", Statement::Begin);
        check("begin", Statement::Begin);
        check("COMMIT", Statement::Commit);
        check("ROLLBACK", Statement::Rollback);
        check("ROLLBACK TO `s`", Statement::RollbackTo);
        check("SAVEPOINT `a b`", Statement::Savepoint);
        check("XA START X'31',X'',1", Statement::XaStart);
        check("XA END X'31',X'',1", Statement::XaEnd);
        check("XA COMMIT X'31',X'',1", Statement::XaCommit);
        check("XA ROLLBACK X'31',X'',1", Statement::XaRollback);
    }

    #[test]
    fn passes_over_comments_and_sees_through_versioned_ones() {
        check("/* app=web */ insert into t values (1)", Statement::Dml);
        check("-- note\n# more\n(DELETE FROM t)", Statement::Dml);
        check("/*!50003 UPDATE t SET a = 1 */", Statement::Dml);
        check("/* BEGIN", Statement::Other);
        check("ALTER TABLE t ADD c INT", Statement::Other);
        check("TRUNCATE TABLE t", Statement::Other);
        check("", Statement::Other);
    }
}
