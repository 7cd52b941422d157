//! `remora check`: looks at every server and cluster of a configuration, changes nothing.
//!
//! Takes the checked configuration, gives one line a finding, all at once.

use std::time::Duration;

use crate::config::{Config, Database, Kafka, Sink};
use crate::error::Classify;
use crate::kafka;
use crate::pipeline::error::Cause;
use crate::pipeline::preflight::{self, Finding, coverage};

/// How long a cluster may take to answer.
const KAFKA_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that is wrong, one line each; empty where all is well.
pub async fn check(config: &Config) -> Vec<String> {
    let mut lines = Vec::new();
    for database in &config.databases {
        let mut note = |problem: String, remedy: Option<String>| {
            let remedy = remedy
                .map(|remedy| format!("; {remedy}"))
                .unwrap_or_default();
            lines.push(format!("{}: {problem}{remedy}", database.name));
        };
        for (problem, remedy) in server(database).await {
            note(problem, remedy);
        }
        if let Sink::Kafka(kafka) = &database.sink
            && let Some((problem, remedy)) = cluster(kafka.clone(), &database.topic_prefix).await
        {
            note(problem, Some(remedy));
        }
    }
    lines
}

type Problem = (String, Option<String>);

async fn server(database: &Database) -> Vec<Problem> {
    let owned = |error: &dyn Classify| error.remedy().map(|text| text.into_owned());
    let mut conn = match preflight::connect(&database.mysql).await {
        Ok(conn) => conn,
        Err(error) => return vec![(format!("mysql: {error}"), owned(&error))],
    };
    let looked = match preflight::inspect(&mut conn, database.mysql.row_image).await {
        Ok(_) => coverage::check(&mut conn, &database.capture).await,
        Err(error) => Err(error),
    };
    match looked {
        Ok(()) => Vec::new(),
        Err(error) => {
            let remedy = owned(&error);
            if let Cause::Preflight(findings) = *error.cause {
                let each = findings.0.into_iter();
                let line = |finding: Finding| {
                    (format!("mysql: {}", finding.problem), Some(finding.remedy))
                };
                return each.map(line).collect();
            }
            vec![(format!("mysql: {error}"), remedy)]
        }
    }
}

async fn cluster(settings: Kafka, topic_prefix: &str) -> Option<(String, String)> {
    let client_id = format!("remora-{topic_prefix}-check");
    let brokers = settings.brokers.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let mut config = kafka::client_config(&settings, &client_id);
        kafka::apply_properties(&mut config, &settings);
        let client = kafka::admin_client(&config).map_err(|error| error.to_string())?;
        let metadata = client.inner().fetch_metadata(None, KAFKA_TIMEOUT);
        metadata.map(drop).map_err(|error| error.to_string())
    });
    let problem = match asked.await {
        Ok(Ok(())) => return None,
        Ok(Err(problem)) => problem,
        Err(_) => "the check was interrupted".to_owned(),
    };
    let remedy =
        "start the brokers, or correct kafka.brokers and the security settings in kafka.properties";
    Some((
        format!("kafka: no answer from {brokers}: {problem}"),
        remedy.to_owned(),
    ))
}
