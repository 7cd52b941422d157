//! `/metrics`, `/health` and `/ready`: read only, small, the same for every scraper.

use std::future::Future;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use serde::Serialize;
use tokio::net::TcpListener;

use crate::metrics::{Meters, Metrics, Phase};

/// Serves until `stop` completes.
///
/// # Errors
/// What accepting connections says.
pub async fn serve(
    listener: TcpListener,
    metrics: Arc<Metrics>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(render))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .with_state(metrics);
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
}

#[derive(Serialize)]
struct Report {
    status: &'static str,
    databases: Vec<DatabaseReport>,
}

#[derive(Serialize)]
struct DatabaseReport {
    database: String,
    state: &'static str,
    position: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

async fn render(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    match metrics.render() {
        Ok(text) => {
            let kind = [(
                header::CONTENT_TYPE,
                "text/plain; version=0.0.4; charset=utf-8",
            )];
            (StatusCode::OK, kind, text).into_response()
        }
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// The process lives, whatever its databases do.
async fn health(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    answer(StatusCode::OK, "alive", &metrics)
}

/// Every database follows its binlog.
async fn ready(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    let streaming = |meters: &Arc<Meters>| meters.status().phase == Phase::Streaming;
    match metrics.databases().iter().all(streaming) {
        true => answer(StatusCode::OK, "ready", &metrics),
        false => answer(StatusCode::SERVICE_UNAVAILABLE, "not ready", &metrics),
    }
}

fn answer(code: StatusCode, status: &'static str, metrics: &Metrics) -> axum::response::Response {
    let databases = metrics.databases().iter().map(|meters| {
        let status = meters.status();
        DatabaseReport {
            database: meters.database.clone(),
            state: status.phase.as_str(),
            position: status.position,
            fault: status
                .trouble
                .as_ref()
                .map(|trouble| trouble.fault.as_str()),
            error: status
                .trouble
                .as_ref()
                .map(|trouble| trouble.message.clone()),
            remedy: status.trouble.and_then(|trouble| trouble.remedy),
        }
    });
    let report = Report {
        status,
        databases: databases.collect(),
    };
    let text = serde_json::to_string(&report).unwrap_or_default();
    (code, [(header::CONTENT_TYPE, "application/json")], text).into_response()
}
