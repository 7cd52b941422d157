//! What is done beside the stream, on connections of its own: a look at the patterns of the configuration, and the
//! statement of heartbeats (`heartbeat.action.query`).
//!
//! Nothing depends on the outcome, which is logged where it is of interest. It never delays the stream.

use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use tokio::task::JoinSet;

use crate::config::{Database, Heartbeat, Mysql};
use crate::pipeline::error::Error;
use crate::pipeline::preflight::{self, patterns};

/// How long one statement may take, the connection included.
const ACTION_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts what a database needs; dropping it ends that.
pub fn start(database: &Database) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    let (name, mysql) = (database.name.clone(), database.mysql.clone());
    let capture = database.capture.clone();
    tasks.spawn(async move {
        let looked = async {
            let mut conn = preflight::connect(&mysql).await?;
            patterns::unmatched(&mut conn, &capture).await
        };
        match looked.await {
            Ok(unmatched) => {
                for pattern in unmatched {
                    tracing::warn!(database = name, "{pattern}");
                }
            }
            Err(error) => {
                let error: Error = error;
                tracing::warn!(database = name, %error, "patterns are not held against tables");
            }
        }
    });
    if let Heartbeat {
        interval: Some(interval),
        action_query: Some(query),
        ..
    } = &database.heartbeat
    {
        let (name, mysql) = (database.name.clone(), database.mysql.clone());
        let (interval, query) = (*interval, query.clone());
        tasks.spawn(async move {
            let mut conn = None;
            loop {
                tokio::time::sleep(interval).await;
                let acting = tokio::time::timeout(ACTION_TIMEOUT, act(&mysql, &mut conn, &query));
                let problem = match acting.await {
                    Ok(Ok(())) => continue,
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => format!("no answer within {ACTION_TIMEOUT:?}"),
                };
                conn = None;
                tracing::warn!(database = name, %problem, "heartbeat.action_query failed");
            }
        });
    }
    tasks
}

async fn act(mysql: &Mysql, conn: &mut Option<Conn>, query: &str) -> Result<(), Error> {
    let conn = match conn {
        Some(conn) => conn,
        None => conn.insert(preflight::connect(mysql).await?),
    };
    conn.query_drop(query).await?;
    Ok(())
}
