//! Which tables a statement that changes rows may change.
//!
//! More tables than it changes are fine (those that it only reads are among them), fewer never: where the text does
//! not say all of them, the answer is `None`.

use crate::sql::definition::Name;
use crate::sql::parser::Parser;
use crate::sql::statement::NotUnderstood;
use crate::sql::token::Kind;

/// Of a statement that starts with one of these words; `None` for other statements.
pub(super) fn tables(parser: &mut Parser<'_>) -> Option<Option<Vec<Name>>> {
    let read: fn(&mut Parser<'_>) -> Result<Vec<Name>, NotUnderstood> = if parser
        .is_any(&["INSERT", "REPLACE"])
    {
        inserted
    } else if parser.is("UPDATE") {
        updated
    } else if parser.is("DELETE") {
        deleted
    } else if parser.is("LOAD") {
        loaded
    } else if parser.is("WITH") {
        with
    } else if parser.is_any(&["SELECT", "CALL", "DO", "VALUES", "TABLE"]) || parser.is_sign('(') {
        // A function or a procedure may change anything.
        |_| Err(NotUnderstood)
    } else {
        return None;
    };
    Some(read(parser).ok())
}

fn inserted(parser: &mut Parser<'_>) -> Result<Vec<Name>, NotUnderstood> {
    parser.advance();
    while parser.eat_any(&["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE"]) {}
    parser.eat("INTO");
    Ok(vec![parser.table_name()?])
}

fn updated(parser: &mut Parser<'_>) -> Result<Vec<Name>, NotUnderstood> {
    parser.advance();
    while parser.eat_any(&["LOW_PRIORITY", "IGNORE"]) {}
    references(parser, &["SET"])
}

fn deleted(parser: &mut Parser<'_>) -> Result<Vec<Name>, NotUnderstood> {
    parser.advance();
    while parser.eat_any(&["LOW_PRIORITY", "QUICK", "IGNORE"]) {}
    // `DELETE a, b.* FROM …` names what may be aliases: what they stand for is behind FROM, or USING.
    if !parser.skip_until(|parser| parser.is("FROM"))? {
        return Err(NotUnderstood);
    }
    parser.advance();
    let mut ahead = *parser;
    let has_using =
        ahead.skip_until(|parser| parser.is_any(&["USING", "WHERE"]))? && ahead.is("USING");
    if has_using && only_names(*parser) {
        ahead.advance();
        *parser = ahead;
    }
    references(parser, &["WHERE", "ORDER", "LIMIT"])
}

/// Whether there are only names before USING: it is that of DELETE then, and not that of a join.
fn only_names(mut parser: Parser<'_>) -> bool {
    while !parser.is("USING") {
        match parser.advance().kind {
            Kind::Word | Kind::Name | Kind::Sign('.' | ',' | '*') => {}
            Kind::Text
            | Kind::Hex
            | Kind::Bits
            | Kind::Number
            | Kind::Sign(_)
            | Kind::Broken
            | Kind::End => return false,
        }
    }
    true
}

fn loaded(parser: &mut Parser<'_>) -> Result<Vec<Name>, NotUnderstood> {
    let start = |parser: &Parser<'_>| parser.is("INTO") && parser.peek_second().is("TABLE");
    if !parser.skip_until(start)? {
        return Err(NotUnderstood);
    }
    parser.eat_all(&["INTO", "TABLE"]);
    Ok(vec![parser.table_name()?])
}

fn with(parser: &mut Parser<'_>) -> Result<Vec<Name>, NotUnderstood> {
    let start = |parser: &Parser<'_>| parser.is_any(&["UPDATE", "DELETE", "SELECT"]);
    if !parser.skip_until(start)? {
        return Err(NotUnderstood);
    }
    if parser.is("UPDATE") {
        updated(parser)
    } else if parser.is("DELETE") {
        deleted(parser)
    } else {
        Err(NotUnderstood)
    }
}

/// The tables of a list of references with joins, up to one of these words or the end. Derived tables and functions
/// are passed over.
fn references(parser: &mut Parser<'_>, ends: &[&str]) -> Result<Vec<Name>, NotUnderstood> {
    let mut tables = Vec::new();
    let mut expects = true;
    while !parser.is_end() && !parser.is_any(ends) {
        if !expects {
            let next = parser.eat_any(&["JOIN", "STRAIGHT_JOIN"]) || parser.eat_sign(',');
            expects = next;
            if !next && parser.is_sign('(') {
                parser.parentheses()?;
            } else if !next && parser.advance().kind == Kind::Broken {
                return Err(NotUnderstood);
            }
        } else if parser.is_sign('(') {
            let second = parser.peek_second();
            let query = ["SELECT", "WITH", "VALUES", "TABLE"];
            match query.iter().any(|word| second.is(word)) {
                true => drop(parser.parentheses()?),
                // Parentheses around a join: their tables count as those outside.
                false => drop(parser.advance()),
            }
            expects = !query.iter().any(|word| second.is(word));
        } else if parser.eat_sign('{') {
            // `{ OJ a LEFT JOIN b … }`, from the days of ODBC.
            parser.expect("OJ")?;
        } else {
            parser.eat("LATERAL");
            if parser.is_sign('(') {
                continue;
            }
            let name = parser.table_name()?;
            expects = false;
            match parser.is_sign('(') {
                true => drop(parser.parentheses()?),
                false => tables.push(name),
            }
        }
    }
    match tables.is_empty() {
        true => Err(NotUnderstood),
        false => Ok(tables),
    }
}
