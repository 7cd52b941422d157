//! Statements that frame a group: transactions, savepoints, XA.

use crate::sql::parser::Parser;
use crate::sql::statement::{NotUnderstood, Statement, Xid};

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
    let mut xid = Xid {
        gtrid,
        bqual: Vec::new(),
        format: 1,
    };
    if parser.eat_sign(',') {
        xid.bqual = bytes(parser)?;
    }
    if parser.eat_sign(',') {
        xid.format = match parser.peek().bytes() {
            Some(bytes) => {
                parser.advance();
                bytes
                    .iter()
                    .fold(0, |value, byte| (value << 8) | u64::from(*byte))
            }
            None => parser.number()?,
        };
    }
    Ok(xid)
}

fn bytes(parser: &mut Parser<'_>) -> Result<Vec<u8>, NotUnderstood> {
    if let Some(bytes) = parser.peek().bytes() {
        parser.advance();
        return Ok(bytes);
    }
    parser.string().map(String::into_bytes)
}
