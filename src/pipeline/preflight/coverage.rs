//! What happens to captured rows and never reaches the binlog, as far as the server can tell.
//!
//! Takes an SQL connection and what is captured, gives every finding at once. Reads only. It sees only
//! tables that the account may see, and knows nothing of sessions with `sql_log_bin = 0`.

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use super::{Finding, Findings, either};
use crate::config::Capture;
use crate::pipeline::error::{Cause, Error};
use crate::schema::catalog::filter;

/// Tables that a finding names.
const NAMED_MAX: usize = 20;

/// Refuses a server that hides changes of captured tables.
///
/// # Errors
/// [`Findings`] with all of them, or what a query says.
pub async fn check(conn: &mut Conn, capture: &Capture) -> Result<(), Error> {
    let mut findings = Vec::new();
    filters(conn, &mut findings).await?;
    replica(conn, &mut findings).await?;
    if !capture.accept_cascades {
        findings.extend(cascades(conn, capture).await?);
    }
    match findings.is_empty() {
        true => Ok(()),
        false => Err(Cause::Preflight(Findings(findings)).into()),
    }
}

/// `binlog_do_db` and `binlog_ignore_db` are no variables: only this statement shows them.
async fn filters(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let rows = either(conn, "SHOW BINARY LOG STATUS", "SHOW MASTER STATUS").await?;
    for (column, option) in [(2, "binlog-do-db"), (3, "binlog-ignore-db")] {
        let value = rows
            .first()
            .and_then(|row| row.get::<Option<String>, _>(column))
            .flatten();
        if let Some(databases) = value.filter(|value| !value.is_empty()) {
            findings.push(Finding {
                problem: format!("the server logs only a part of its changes: {option} = {databases}"),
                remedy: format!(
                    "remove {option} from the server's configuration and restart it; choose tables with \
                     [capture] instead"
                ),
            });
        }
    }
    Ok(())
}

/// A replica logs what it applies only where it is told to.
async fn replica(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let rows: Vec<(String, String)> = conn
        .query(
            "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('log_replica_updates', 'log_slave_updates')",
        )
        .await?;
    if rows
        .iter()
        .any(|(_, value)| value.eq_ignore_ascii_case("ON"))
    {
        return Ok(());
    }
    if either(conn, "SHOW REPLICA STATUS", "SHOW SLAVE STATUS")
        .await?
        .is_empty()
    {
        return Ok(());
    }
    findings.push(Finding {
        problem: "the server is a replica and does not log the changes that it applies".to_owned(),
        remedy: "start it with --log-replica-updates (before 8.0.26: --log-slave-updates), or follow its \
                 source"
            .to_owned(),
    });
    Ok(())
}

/// Captured tables whose rows InnoDB itself changes. Since 9.6 the server's SQL layer does that, and logs
/// it, unless `innodb_native_foreign_keys` brings the old way back.
async fn cascades(conn: &mut Conn, capture: &Capture) -> Result<Option<Finding>, Error> {
    let native: Option<(String, String)> = conn
        .query_first("SHOW GLOBAL VARIABLES LIKE 'innodb_native_foreign_keys'")
        .await?;
    if native.is_some_and(|(_, value)| value.eq_ignore_ascii_case("OFF")) {
        return Ok(None);
    }
    let rows: Vec<Row> = conn
        .query(
            "SELECT DISTINCT CONSTRAINT_SCHEMA, TABLE_NAME FROM information_schema.REFERENTIAL_CONSTRAINTS \
             WHERE DELETE_RULE IN ('CASCADE', 'SET NULL') OR UPDATE_RULE IN ('CASCADE', 'SET NULL') \
             ORDER BY 1, 2",
        )
        .await?;
    let name = |row: &Row| {
        let (database, table): (String, String) = (row.get(0)?, row.get(1)?);
        filter(&capture.tables, &database, &table)
            .is_none()
            .then(|| format!("{database}.{table}"))
    };
    let tables: Vec<String> = rows.iter().filter_map(name).collect();
    if tables.is_empty() {
        return Ok(None);
    }
    let more = tables.len().saturating_sub(NAMED_MAX);
    let mut named: Vec<String> = tables.into_iter().take(NAMED_MAX).collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    Ok(Some(Finding {
        problem: format!(
            "foreign keys change rows of captured tables and the server does not log that: {}",
            named.join(", ")
        ),
        remedy: "use MySQL 9.6 or later with innodb_native_foreign_keys = OFF, or change the foreign keys \
                 to RESTRICT, or go on without these changes: capture.cascades = \"accept\""
            .to_owned(),
    }))
}
