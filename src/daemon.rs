//! The process: every database supervised on its own, one HTTP server, one way to stop.
//!
//! Alone decides by a failure's class: transient ones are tried again for ever, the others stop that
//! database and leave the rest running.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::config::{Config, Database};
use crate::error::{Classify, Fault};
use crate::http;
use crate::metrics::{Meters, Metrics, Phase, Trouble};
use crate::pipeline::error::Error;
use crate::pipeline::run::{Backoff, Stop, run};

/// Why the process could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The HTTP address.
    #[error("cannot listen on {listen} (http.listen): {source}")]
    Listen {
        /// As configured.
        listen: std::net::SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The registry of metrics.
    #[error("cannot register metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// Signals.
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] std::io::Error),
    /// Databases stopped by themselves, or could not be drained.
    #[error("stopped with an error: {}", names.join(", "))]
    Databases {
        /// Their names.
        names: Vec<String>,
    },
}

/// Runs all databases until SIGTERM or SIGINT, or until none is left running.
///
/// # Errors
/// [`DaemonError`]; a database that failed is told in the log at that moment.
pub async fn run_all(config: Config) -> Result<(), DaemonError> {
    let names: Vec<String> = config
        .databases
        .iter()
        .map(|database| database.name.clone())
        .collect();
    let metrics = Arc::new(Metrics::new(&names)?);
    let listen = config.daemon.http_listen;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|source| DaemonError::Listen { listen, source })?;
    tracing::info!(%listen, databases = names.len(), "serving /metrics, /health and /ready");
    let (stop_sender, stop) = watch::channel(None);
    let mut databases = JoinSet::new();
    for (database, meters) in config.databases.into_iter().zip(metrics.databases()) {
        let (meters, stop) = (Arc::clone(meters), stop.clone());
        databases.spawn(supervise(database, meters, stop));
    }
    let (end_http, http_ended) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(http::serve(listener, Arc::clone(&metrics), async {
        // Dropping the sender says the same as using it.
        let _ = http_ended.await;
    }));
    let failed = wait(&mut databases, &stop_sender, config.daemon.shutdown_timeout).await?;
    drop(end_http);
    server.abort();
    if failed.is_empty() {
        Ok(())
    } else {
        Err(DaemonError::Databases { names: failed })
    }
}

/// Names of the databases that did not stop cleanly, once all have stopped.
async fn wait(
    databases: &mut JoinSet<(String, bool)>,
    stop: &watch::Sender<Option<Instant>>,
    shutdown_timeout: Duration,
) -> Result<Vec<String>, DaemonError> {
    let mut terminate = signal(SignalKind::terminate()).map_err(DaemonError::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(DaemonError::Signals)?;
    let mut failed = Vec::new();
    loop {
        // Each branch only waits; what it waited for is kept by its own source.
        let asked = tokio::select! {
            joined = databases.join_next() => {
                match joined {
                    None => return Ok(failed),
                    Some(Ok((_, true))) => {}
                    Some(Ok((name, false))) => failed.push(name),
                    Some(Err(_)) => failed.push("(panicked)".to_owned()),
                }
                continue;
            }
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        };
        tracing::info!(signal = asked, timeout = ?shutdown_timeout, "stopping: delivering what is read");
        // A send without receivers means that all have stopped.
        let _ = stop.send(Some(Instant::now() + shutdown_timeout));
    }
}

/// One database for ever; gives its name and whether it stopped as asked.
async fn supervise(database: Database, meters: Arc<Meters>, mut stop: Stop) -> (String, bool) {
    let mut backoff = Backoff::default();
    loop {
        meters.set_phase(Phase::Starting, None);
        let moved = meters.transactions.get();
        let error = match attempt(&database, &meters, &stop).await {
            Ok(()) => {
                meters.set_phase(Phase::Stopped, None);
                return (database.name, true);
            }
            Err(error) => error,
        };
        let trouble = trouble(&error);
        let remedy = trouble.remedy.clone().unwrap_or_default();
        if stop.borrow().is_some() {
            tracing::error!(database = database.name, %error, remedy, "stopped before all was delivered");
            meters.set_phase(Phase::Failed, Some(trouble));
            return (database.name, false);
        }
        if error.fault() != Fault::Transient {
            let fault = error.fault().as_str();
            tracing::error!(database = database.name, %error, fault, remedy, "stopped; the position stays");
            meters.set_phase(Phase::Failed, Some(trouble));
            // The others go on, and this one keeps saying why until the process ends.
            return (database.name, false);
        }
        if meters.transactions.get() > moved {
            backoff = Backoff::default();
        }
        let wait = backoff.wait();
        tracing::warn!(database = database.name, %error, remedy, ?wait, "trying again");
        meters.set_phase(Phase::Retrying, Some(trouble));
        // Both branches only wait.
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _ = stop.wait_for(Option::is_some) => {
                meters.set_phase(Phase::Stopped, None);
                return (database.name, true);
            }
        }
    }
}

/// One run in a task of its own, so that a panic in it is an error like any other.
async fn attempt(database: &Database, meters: &Arc<Meters>, stop: &Stop) -> Result<(), Error> {
    let (database, meters, stop) = (database.clone(), Arc::clone(meters), stop.clone());
    let task = tokio::spawn(async move { Box::pin(run(&database, &meters, stop)).await });
    let lost = crate::pipeline::error::Cause::ThreadLost { thread: "reader" };
    task.await.unwrap_or_else(|_| Err(lost.into()))
}

fn trouble(error: &Error) -> Trouble {
    let remedy = error.remedy().map(|text| text.into_owned());
    Trouble {
        fault: error.fault(),
        message: error.to_string(),
        remedy,
    }
}
