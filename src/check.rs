//! `remora check`: looks at every server and cluster of a configuration, changes nothing.
//!
//! Takes the checked configuration, gives one line a finding, all at once, and what is good to know.

use std::time::Duration;

use crate::config::{Config, Database, Kafka, Sink};
use crate::error::Classify;
use crate::kafka;
use crate::pipeline::error::Cause;
use crate::pipeline::preflight::{self, Finding, coverage, patterns};
use crate::sink::avro::registry;

/// How long a cluster may take to answer.
const KAFKA_TIMEOUT: Duration = Duration::from_secs(10);

/// What was found, one line each.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub findings: Vec<String>,
    /// What works, and could be better.
    pub advice: Vec<String>,
}

/// Looks at everything.
pub async fn check(config: &Config) -> Report {
    let mut report = Report::default();
    for database in &config.databases {
        let lines = &mut report.findings;
        let mut note = |problem: String, remedy: Option<String>| {
            let remedy = remedy
                .map(|remedy| format!("; {remedy}"))
                .unwrap_or_default();
            lines.push(format!("{}: {problem}{remedy}", database.name));
        };
        let (problems, advice) = server(database).await;
        for (problem, remedy) in problems {
            note(problem, remedy);
        }
        report.advice.extend(
            advice
                .into_iter()
                .map(|advice| format!("{}: mysql: {advice}", database.name)),
        );
        for (problem, remedy) in schemas(database).await {
            note(format!("registry: {problem}"), remedy);
        }
        if let Sink::Kafka(kafka) = &database.sink
            && let Some((problem, remedy)) = cluster(kafka.clone(), &database.topic_prefix).await
        {
            note(problem, Some(remedy));
        }
    }
    report
}

type Problem = (String, Option<String>);

const MINIMAL: &str = "binlog_row_metadata is MINIMAL: names, labels and keys of rows come from the \
     definitions of their tables, and what is ambiguous after a change of a table stops the database; better: \
     SET PERSIST binlog_row_metadata = 'FULL'";

async fn server(database: &Database) -> (Vec<Problem>, Vec<String>) {
    let owned = |error: &dyn Classify| error.remedy().map(|text| text.into_owned());
    let mut conn = match preflight::connect(&database.mysql).await {
        Ok(conn) => conn,
        Err(error) => return (vec![(format!("mysql: {error}"), owned(&error))], Vec::new()),
    };
    let mut advice = Vec::new();
    let looked = match preflight::inspect(&mut conn, database.into()).await {
        Ok(server) => {
            advice.extend((!server.full_metadata).then(|| MINIMAL.to_owned()));
            match patterns::unmatched(&mut conn, &database.capture).await {
                Ok(unmatched) => {
                    advice.extend(unmatched);
                    coverage::check(&mut conn, &database.capture).await
                }
                Err(error) => Err(error),
            }
        }
        Err(error) => Err(error),
    };
    let problems = match looked {
        Ok(()) => Vec::new(),
        Err(error) => {
            let remedy = owned(&error);
            if let Cause::Preflight(findings) = *error.cause {
                let each = findings.0.into_iter();
                let line = |finding: Finding| {
                    (format!("mysql: {}", finding.problem), Some(finding.remedy))
                };
                each.map(line).collect()
            } else {
                vec![(format!("mysql: {error}"), remedy)]
            }
        }
    };
    (problems, advice)
}

async fn schemas(database: &Database) -> Vec<Problem> {
    let Some(settings) = &database.registry else {
        return Vec::new();
    };
    let subject = format!("{}-value", database.topic_prefix);
    match registry::probe(settings, &subject).await {
        Ok(problems) => problems,
        Err(error) => vec![(
            error.to_string(),
            error.remedy().map(|text| text.into_owned()),
        )],
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
