//! Statements that frame a group: transactions, savepoints, XA.

use crate::sql::parser::Parser;
use crate::sql::statement::{NotUnderstood, Statement};
use crate::xa::Xid;

/// What such a statement is; `None` for all others.
pub(super) fn control(parser: &mut Parser<'_>) -> Option<Result<Statement, NotUnderstood>> {
    Some(if parser.eat("BEGIN") {
        Ok(Statement::Begin)
    } else if parser.eat("COMMIT") {
        Ok(Statement::Commit)
    } else if parser.eat("ROLLBACK") {
        rollback(parser)
    } else if parser.eat("SAVEPOINT") {
        parser.name().map(Statement::Savepoint)
    } else if parser.eat_all(&["RELEASE", "SAVEPOINT"]) {
        parser.name().map(Statement::Release)
    } else if parser.eat("START") {
        Ok(match parser.eat("TRANSACTION") {
            true => Statement::Begin,
            // REPLICA, GROUP_REPLICATION.
            false => Statement::Other,
        })
    } else if parser.eat("XA") {
        xa(parser)
    } else {
        return None;
    })
}

fn rollback(parser: &mut Parser<'_>) -> Result<Statement, NotUnderstood> {
    parser.eat("WORK");
    if !parser.eat("TO") {
        return Ok(Statement::Rollback);
    }
    // A savepoint may be called SAVEPOINT.
    if parser.is("SAVEPOINT") && parser.peek_second().name().is_some() {
        parser.advance();
    }
    parser.name().map(Statement::RollbackTo)
}

fn xa(parser: &mut Parser<'_>) -> Result<Statement, NotUnderstood> {
    if parser.eat_any(&["START", "BEGIN"]) {
        xid(parser).map(Statement::XaStart)
    } else if parser.eat("END") {
        xid(parser).map(Statement::XaEnd)
    } else if parser.eat("PREPARE") {
        xid(parser).map(Statement::XaPrepare)
    } else if parser.eat("ROLLBACK") {
        xid(parser).map(Statement::XaRollback)
    } else if parser.eat("COMMIT") {
        let xid = xid(parser)?;
        let one_phase = parser.eat_all(&["ONE", "PHASE"]);
        Ok(Statement::XaCommit { xid, one_phase })
    } else if parser.is("RECOVER") {
        Ok(Statement::Other)
    } else {
        Err(NotUnderstood)
    }
}

/// `gtrid[, bqual[, format]]`.
fn xid(parser: &mut Parser<'_>) -> Result<Xid, NotUnderstood> {
    let gtrid = bytes(parser)?;
    let (mut bqual, mut format) = (Vec::new(), 1_u64);
    if parser.eat_sign(',') {
        bqual = bytes(parser)?;
    }
    if parser.eat_sign(',') {
        format = match parser.peek().bytes() {
            Some(bytes) => {
                parser.advance();
                big_endian(&bytes)
            }
            None => parser.number()?,
        };
    }
    // The events have 32 bits of it.
    let format = u32::try_from(format & 0xffff_ffff).map_err(|_| NotUnderstood)?;
    Xid::new(format, &gtrid, &bqual).map_err(|_| NotUnderstood)
}

fn big_endian(bytes: &[u8]) -> u64 {
    let append = |value: u64, byte: &u8| (value << 8) | u64::from(*byte);
    bytes.iter().fold(0, append)
}

fn bytes(parser: &mut Parser<'_>) -> Result<Vec<u8>, NotUnderstood> {
    if let Some(bytes) = parser.peek().bytes() {
        parser.advance();
        return Ok(bytes);
    }
    parser.string().map(String::into_bytes)
}
