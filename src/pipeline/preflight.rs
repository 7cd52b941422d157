//! What the server says of itself before a dump is asked for: identity, settings, privileges, history.
//!
//! Takes an SQL connection, gives [`Server`] and every finding at once. Reads only; changes nothing.

pub mod coverage;
pub mod patterns;
pub mod prepared;

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Row};

use crate::config::{Database, Mysql, RowImage, Schema};
use crate::error::{Classify, Fault};
use crate::pipeline::error::{Cause, Error};
use crate::position::{FilePosition, GtidSet, Position};
use crate::source::sql::sql_opts;
use crate::source::wire::Wire;
use crate::xa::Prepared;

/// A server as it is now.
#[derive(Clone, Debug)]
pub struct Server {
    /// `server_uuid`.
    pub uuid: String,
    /// `version`.
    pub version: String,
    /// GTIDs are on: every group has one.
    pub gtids: bool,
    /// `gtid_executed`.
    pub executed: GtidSet,
    /// `gtid_purged`.
    pub purged: GtidSet,
    /// Names of the binlog files, oldest first.
    pub binlogs: Vec<String>,
    /// End of the newest one.
    pub end: FilePosition,
    /// The server's clock less ours, in microseconds.
    pub clock_offset_us: i64,
    /// `lower_case_table_names` is not 0.
    pub lower_case_names: bool,
    /// `binlog_row_metadata` is FULL.
    pub full_metadata: bool,
}

/// Which settings of the server will do, by the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Accepted {
    /// Whether row metadata may be MINIMAL.
    pub schema: Schema,
    /// Whether row images may lack columns.
    pub row_image: RowImage,
}

impl From<&Database> for Accepted {
    fn from(database: &Database) -> Accepted {
        Accepted {
            schema: database.schema,
            row_image: database.mysql.row_image,
        }
    }
}

/// One thing that is wrong, and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub remedy: String,
}

/// Everything that is wrong; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems: Vec<&str> = self
            .0
            .iter()
            .map(|finding| finding.problem.as_str())
            .collect();
        f.write_str(&problems.join("; "))
    }
}

impl std::error::Error for Findings {}

impl Classify for Findings {
    fn fault(&self) -> Fault {
        Fault::Operator
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        let remedies: Vec<&str> = self
            .0
            .iter()
            .map(|finding| finding.remedy.as_str())
            .collect();
        Some(Cow::Owned(remedies.join("; ")))
    }
}

/// Connects for SQL within the configured time.
///
/// Our own connection goes first: it refuses what must be refused, and its errors have names and remedies;
/// with it the server has the account's password at hand, and mysql_async has no key to ask for.
///
/// # Errors
/// What the connection or its TLS says.
pub async fn connect(settings: &Mysql) -> Result<Conn, Error> {
    drop(Wire::connect(settings).await?);
    let options = sql_opts(settings)?;
    let connecting = tokio::time::timeout(settings.connect_timeout, Conn::new(options));
    let timed_out = || {
        let text = format!("no connection within {:?}", settings.connect_timeout);
        mysql_async::Error::from(std::io::Error::new(std::io::ErrorKind::TimedOut, text))
    };
    Ok(connecting.await.map_err(|_| timed_out())??)
}

/// Asks the server for everything that matters before a dump.
///
/// # Errors
/// [`Findings`] with all that is wrong, or what a query says.
pub async fn inspect(conn: &mut Conn, accepted: Accepted) -> Result<Server, Error> {
    let variables = variables(conn).await?;
    let mut findings = check_settings(&variables, accepted);
    let value = |name: &str| variables.get(name).cloned().unwrap_or_default();
    let gtids = value("gtid_mode").eq_ignore_ascii_case("ON");
    check_replication_slave(conn, &mut findings).await?;
    let binlogs = binlogs(conn, &mut findings).await?;
    if !findings.is_empty() {
        return Err(Cause::Preflight(Findings(findings)).into());
    }
    let end = binlog_end(conn).await?;
    let set = |text: String| text.parse::<GtidSet>().unwrap_or_default();
    let before = now_us();
    let server_us: Option<f64> = conn
        .query_first("SELECT UNIX_TIMESTAMP(NOW(6)) + 0e0")
        .await?;
    let local_us = (before + now_us()) / 2;
    let server_us = server_us.map_or(local_us, |seconds| (seconds * 1e6) as i64);
    Ok(Server {
        uuid: value("server_uuid"),
        version: value("version"),
        gtids,
        executed: set(value("gtid_executed")),
        purged: set(value("gtid_purged")),
        binlogs,
        end,
        clock_offset_us: server_us - local_us,
        lower_case_names: value("lower_case_table_names") != "0",
        full_metadata: value("binlog_row_metadata").eq_ignore_ascii_case("FULL"),
    })
}

/// Where the server is now.
///
/// # Errors
/// What a query says.
pub async fn position(conn: &mut Conn, gtids: bool) -> Result<Position, Error> {
    // The end first: a group that comes in between is in the set, and was not there before.
    let end = binlog_end(conn).await?;
    let executed = match gtids {
        true => {
            let text: Option<String> = conn.query_first("SELECT @@GLOBAL.gtid_executed").await?;
            Some(text.unwrap_or_default().parse().unwrap_or_default())
        }
        false => None,
    };
    Ok(Position::new(executed, end))
}

/// How long a stored set may be ahead of `gtid_executed` before history is said to have gone back: the
/// stream shows groups that the engine has not committed yet.
const REGRESSED_AFTER: Duration = Duration::from_secs(30);

/// Checks that a dump from `position` continues the history of the server with this UUID.
///
/// # Errors
/// [`Findings`] where it does not.
pub async fn check_history(
    conn: &mut Conn,
    position: &Position,
    (server_uuid, accepted): (&str, Accepted),
) -> Result<Server, Error> {
    let deadline = tokio::time::Instant::now() + REGRESSED_AFTER;
    loop {
        let server = inspect(conn, accepted).await?;
        match judge_history(&server, position, server_uuid) {
            Ok(()) => return Ok(server),
            Err(Judgement::Ahead(_)) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(Judgement::Ahead(finding) | Judgement::Broken(finding)) => {
                return Err(Cause::Preflight(Findings(vec![finding])).into());
            }
        }
    }
}

enum Judgement {
    /// It may only be a moment ahead of the engine's commit.
    Ahead(Finding),
    Broken(Finding),
}

fn judge_history(server: &Server, position: &Position, uuid: &str) -> Result<(), Judgement> {
    let finding = |problem: String, remedy: &str| Finding {
        problem,
        remedy: remedy.to_owned(),
    };
    const RESYNC: &str = "the changes in between are lost to remora: remove the stored position, set `start`, and \
                          take a new snapshot of the tables";
    let Some(stored) = &position.gtids else {
        let file = &position.end.file;
        if !uuid.is_empty() && uuid != server.uuid {
            let problem = format!(
                "the server is {} and the stored position is of {uuid}",
                server.uuid
            );
            let remedy = "without GTIDs a position holds on one server only: connect to that server, or \
                          turn GTIDs on before a failover";
            return Err(Judgement::Broken(finding(problem, remedy)));
        }
        let gone = |prepared: &&Prepared| !server.binlogs.contains(&prepared.start.file);
        if let Some(prepared) = position.prepared.iter().find(gone) {
            return Err(Judgement::Broken(purged_xa(prepared)));
        }
        if !server.binlogs.contains(file) {
            let problem =
                format!("the server no longer has the binlog file {file} of the stored position");
            return Err(Judgement::Broken(finding(problem, RESYNC)));
        }
        return Ok(());
    };
    if !server.gtids {
        let problem = "the stored position is a GTID set and gtid_mode is not ON".to_owned();
        return Err(Judgement::Broken(finding(
            problem,
            "SET GLOBAL gtid_mode = ON (in its steps)",
        )));
    }
    if !server.purged.is_subset(stored) {
        let lost = server.purged.subtract(stored);
        let gone = |prepared: &&Prepared| prepared.gtid.is_some_and(|gtid| lost.contains(&gtid));
        if let Some(prepared) = position.prepared.iter().find(gone) {
            return Err(Judgement::Broken(purged_xa(prepared)));
        }
        let problem = format!("the server has purged transactions that were not delivered: {lost}");
        return Err(Judgement::Broken(finding(problem, RESYNC)));
    }
    if !stored.is_subset(&server.executed) {
        let ahead = stored.subtract(&server.executed);
        let problem =
            format!("history regressed: the server does not know delivered transactions {ahead}");
        let remedy = "the server was reset, restored or replaced by one that lags: connect to one that has \
                      these transactions, or take a new snapshot";
        return Err(Judgement::Ahead(finding(problem, remedy)));
    }
    Ok(())
}

/// Its rows were only in that file, and its outcome is not known.
fn purged_xa(prepared: &Prepared) -> Finding {
    Finding {
        problem: format!("the server has purged the binlog of the XA transaction {prepared}"),
        remedy: "commit it or roll it back on the server; then remove the stored position, set `start`, and, \
                 if it was committed, take a new snapshot of the tables that it changed"
            .to_owned(),
    }
}

async fn variables(conn: &mut Conn) -> Result<HashMap<String, String>, Error> {
    const NAMES: &str = "'version', 'server_uuid', 'gtid_mode', 'gtid_executed', 'gtid_purged', 'log_bin', \
                         'binlog_format', 'binlog_row_image', 'binlog_row_metadata', \
                         'binlog_row_value_options', 'lower_case_table_names'";
    let query = format!("SHOW GLOBAL VARIABLES WHERE Variable_name IN ({NAMES})");
    let rows: Vec<(String, String)> = conn.query(query).await?;
    Ok(rows
        .into_iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect())
}

fn check_settings(variables: &HashMap<String, String>, accepted: Accepted) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut require = |name: &str, wanted: &str, remedy: &str| {
        let found = variables.get(name).map_or("(absent)", String::as_str);
        if !found.eq_ignore_ascii_case(wanted) {
            let problem = format!("{name} is {found}, not {wanted}");
            findings.push(Finding {
                problem,
                remedy: remedy.to_owned(),
            });
        }
    };
    require("log_bin", "ON", "start the server with --log-bin");
    require(
        "binlog_format",
        "ROW",
        "SET PERSIST binlog_format = 'ROW' and reconnect all clients",
    );
    if accepted.row_image == RowImage::Full {
        require(
            "binlog_row_image",
            "FULL",
            "SET PERSIST binlog_row_image = 'FULL' and reconnect all clients, or set mysql.row_image = \
             \"any\" to go on without what the log leaves out",
        );
    }
    if accepted.schema == Schema::RowMetadata {
        require(
            "binlog_row_metadata",
            "FULL",
            "SET PERSIST binlog_row_metadata = 'FULL', or set schema = \"auto\"",
        );
    }
    let is = |name: &str, wanted: &str| {
        let found = variables.get(name).map_or("", String::as_str);
        found.eq_ignore_ascii_case(wanted)
    };
    // A change of a document needs the document before it, which only a full image is sure to have.
    if is("binlog_row_value_options", "PARTIAL_JSON") && is("binlog_row_image", "MINIMAL") {
        findings.push(Finding {
            problem: "binlog_row_value_options is PARTIAL_JSON and binlog_row_image is MINIMAL"
                .to_owned(),
            remedy: "SET PERSIST binlog_row_value_options = '' and reconnect all clients"
                .to_owned(),
        });
    }
    findings
}

/// SHOW REPLICAS needs exactly the privilege that a dump needs.
async fn check_replication_slave(
    conn: &mut Conn,
    findings: &mut Vec<Finding>,
) -> Result<(), Error> {
    let result = either(conn, "SHOW REPLICAS", "SHOW SLAVE HOSTS").await;
    note_denied(result, "REPLICATION SLAVE", findings).map(drop)
}

/// SHOW BINARY LOGS needs the privilege, and the log.
async fn binlogs(conn: &mut Conn, findings: &mut Vec<Finding>) -> Result<Vec<String>, Error> {
    match conn.query::<Row, _>("SHOW BINARY LOGS").await {
        // 1381: not using binary logging, which the settings have told already.
        Err(mysql_async::Error::Server(error)) if error.code == 1381 => Ok(Vec::new()),
        result => {
            let rows = note_denied(result, "REPLICATION CLIENT", findings)?;
            Ok(rows
                .iter()
                .filter_map(|row| row.get::<String, _>(0))
                .collect())
        }
    }
}

async fn binlog_end(conn: &mut Conn) -> Result<FilePosition, Error> {
    let rows = either(conn, "SHOW BINARY LOG STATUS", "SHOW MASTER STATUS").await?;
    let first = rows.first();
    let file = first
        .and_then(|row| row.get::<String, _>(0))
        .unwrap_or_default();
    let offset = first.and_then(|row| row.get::<u64, _>(1)).unwrap_or(4);
    Ok(FilePosition { file, offset })
}

/// The statement of newer servers, or where they do not know it the older one.
async fn either(conn: &mut Conn, new: &str, old: &str) -> Result<Vec<Row>, mysql_async::Error> {
    match conn.query::<Row, _>(new).await {
        // 1064: syntax error.
        Err(mysql_async::Error::Server(error)) if error.code == 1064 => conn.query(old).await,
        result => result,
    }
}

fn note_denied(
    result: Result<Vec<Row>, mysql_async::Error>,
    privilege: &str,
    findings: &mut Vec<Finding>,
) -> Result<Vec<Row>, Error> {
    match result {
        // 1227: specific access denied.
        Err(mysql_async::Error::Server(error)) if error.code == 1227 => {
            findings.push(Finding {
                problem: format!("the account lacks the privilege {privilege}"),
                remedy: format!("GRANT {privilege} ON *.* TO the account in mysql.user"),
            });
            Ok(Vec::new())
        }
        result => Ok(result?),
    }
}

fn now_us() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
