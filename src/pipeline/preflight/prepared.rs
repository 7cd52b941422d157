//! XA transactions that are prepared before reading begins: their rows will never be seen.
//!
//! Takes an SQL connection, gives their ids as far as the account may list them (XA_RECOVER_ADMIN).

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use crate::pipeline::error::Error;
use crate::xa::Xid;

/// Ids that are named.
const NAMED_MAX: usize = 20;

/// The prepared transactions of the server, or none where the account may not ask.
///
/// # Errors
/// The connection broke.
pub async fn list(conn: &mut Conn) -> Result<Vec<Xid>, Error> {
    match conn.query::<Row, _>("XA RECOVER CONVERT XID").await {
        Ok(rows) => Ok(rows.iter().filter_map(xid).collect()),
        Err(mysql_async::Error::Server(_)) => Ok(Vec::new()),
        Err(error) => Err(error.into()),
    }
}

/// Says which transactions will stop the database when they are committed.
pub fn warn(database: &str, prepared: &[Xid]) {
    for xid in prepared.iter().take(NAMED_MAX) {
        tracing::warn!(
            database,
            %xid,
            "an XA transaction was prepared before reading begins: its commit will stop the database, its \
             rollback will not"
        );
    }
}

/// Columns: format, bytes of the first part, bytes of the second, both in hexadecimal digits.
fn xid(row: &Row) -> Option<Xid> {
    let format: i64 = row.get(0)?;
    let gtrid: usize = row.get(1)?;
    let data: String = row.get(3)?;
    let digits = data.strip_prefix("0x")?;
    let (gtrid, bqual) = digits.split_at_checked(gtrid.checked_mul(2)?)?;
    format!("X'{gtrid}',X'{bqual}',{format}").parse().ok()
}
