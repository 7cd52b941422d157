//! A schema registry with Confluent's API: the number of each schema.
//!
//! Takes a subject and an Avro schema, gives the registry's id of it, and waits for that as long as it takes:
//! a registry that is not there is tried again for ever, one that refuses is an error. Every wait ends at once
//! when the stop handle is used. The password is in no log and no error.

mod http;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use super::super::SinkError;
use crate::config::{Registry, RegistryUrl};
use crate::error::{Classify, Fault};
use http::{Answer, Http, RequestError};

/// Waits between rounds of requests: doubled from the first to the last.
const WAIT_FIRST: Duration = Duration::from_millis(100);
/// See `WAIT_FIRST`.
const WAIT_LAST: Duration = Duration::from_secs(10);
/// Characters of the registry's own words that are repeated.
const MESSAGE_CHARS_MAX: usize = 1000;
/// Confluent's codes for a subject, a version or a schema that is not there.
const NOT_THERE: [i64; 3] = [40_401, 40_402, 40_403];

/// Why the registry gives no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// The schema does not go with those that the subject has.
    #[error(
        "the schema registry refuses a schema for subject {subject} as incompatible: {message}"
    )]
    Incompatible {
        /// Subject.
        subject: String,
        /// The registry's words.
        message: String,
    },
    /// The account is unknown or may not do this.
    #[error("the schema registry at {url} denies access to subject {subject} (status {status})")]
    Denied {
        /// Subject.
        subject: String,
        /// Which registry.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// The schema is not registered, and is not to be.
    #[error(
        "subject {subject} of the schema registry does not have the schema of the table: {message}"
    )]
    NotRegistered {
        /// Subject.
        subject: String,
        /// The registry's words.
        message: String,
    },
    /// It is refused for another reason.
    #[error(
        "the schema registry refuses a schema for subject {subject} (status {status}): {message}"
    )]
    Refused {
        /// Subject.
        subject: String,
        /// HTTP status.
        status: u16,
        /// The registry's words.
        message: String,
    },
    /// What answers is no registry, or not at this path.
    #[error("what answers at {url} is no schema registry with Confluent's API (status {status})")]
    NotARegistry {
        /// Which address.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// Its certificate does not pass.
    #[error("the certificate of the schema registry at {url} is not accepted: {reason}")]
    Certificate {
        /// Which registry.
        url: String,
        /// rustls' words.
        reason: String,
    },
    /// The certificate authorities cannot be used.
    #[error("registry.ca_file cannot be used: {reason}")]
    CaFile {
        /// Why.
        reason: String,
    },
    /// The system gives no way to wait for a connection.
    #[error("no connection can be waited for: {reason}")]
    Runtime {
        /// The system's words.
        reason: String,
    },
}

impl Classify for RegistryError {
    fn fault(&self) -> Fault {
        match self {
            RegistryError::Incompatible { .. }
            | RegistryError::Denied { .. }
            | RegistryError::NotRegistered { .. }
            | RegistryError::Refused { .. }
            | RegistryError::NotARegistry { .. }
            | RegistryError::Certificate { .. }
            | RegistryError::CaFile { .. } => Fault::Operator,
            RegistryError::Runtime { .. } => Fault::Transient,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(match self {
            RegistryError::Incompatible { subject, .. } => format!(
                "the table was changed in a way that the compatibility of subject {subject} does not allow: \
                 set that to what consumers can bear (PUT /config/{subject} with \
                 {{\"compatibility\":\"NONE\"}}), and restart"
            )
            .into(),
            RegistryError::Denied { subject, .. } => format!(
                "set registry.user and registry.password_file to an account that may read and write subject {subject}"
            )
            .into(),
            RegistryError::NotRegistered { subject, .. } => format!(
                "register the table's schema under subject {subject} and restart, or set registry.auto_register to true"
            )
            .into(),
            RegistryError::Refused { .. } => "change what the registry names, and restart".into(),
            RegistryError::NotARegistry { .. } => {
                "set registry.url to where its API begins; Apicurio's ends in /apis/ccompat/v7".into()
            }
            RegistryError::Certificate { .. } => {
                "set registry.ca_file to the authority that signed it, and registry.url to a name that it holds".into()
            }
            RegistryError::CaFile { .. } => "name a file of PEM certificates in registry.ca_file".into(),
            RegistryError::Runtime { .. } => return None,
        })
    }
}

/// What the client tells of its requests, from the sink's thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A request goes out.
    Asked,
    /// It was in vain: records wait, and it is made again after a while.
    Failed {
        /// Which registry.
        url: String,
        /// Why.
        reason: String,
        /// Until the next one.
        wait: Duration,
    },
    /// The registry has answered.
    Answered,
}

/// Who hears of notices; must not block.
pub type Notices = Arc<dyn Fn(Notice) + Send + Sync>;

/// Ends the current and every later wait for the registry, from any thread.
#[derive(Clone)]
pub struct RegistryStop(watch::Sender<bool>);

impl RegistryStop {
    /// Ends them.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }
}

/// Asks one registry, for one thread.
pub(super) struct Client {
    urls: Vec<RegistryUrl>,
    auto_register: bool,
    http: Http,
    notices: Notices,
    stop: watch::Sender<bool>,
    /// Which address has answered last.
    current: usize,
    /// Made at the first request: a client that was never used can be dropped anywhere.
    runtime: Option<Runtime>,
}

impl Client {
    pub(super) fn new(settings: &Registry, notices: Notices) -> Result<Client, RegistryError> {
        Ok(Client {
            urls: settings.urls.clone(),
            auto_register: settings.auto_register,
            http: Http::new(settings)?,
            notices,
            stop: watch::Sender::new(false),
            current: 0,
            runtime: None,
        })
    }

    pub(super) fn stop(&self) -> RegistryStop {
        RegistryStop(self.stop.clone())
    }

    /// The id of a schema under a subject; waits until the registry gives it, or refuses.
    pub(super) fn id(&mut self, subject: &str, schema: &str) -> Result<u32, SinkError> {
        let versions = if self.auto_register { "/versions" } else { "" };
        let path = format!("/subjects/{}{versions}", percent_encoded(subject));
        let body = serde_json::json!({ "schema": schema }).to_string();
        let mut wait = WAIT_FIRST;
        let mut failed = 0;
        loop {
            let url = self.urls.get(self.current).cloned();
            let url = url.ok_or_else(|| RegistryError::NotARegistry {
                url: "registry.url".to_owned(),
                status: 0,
            })?;
            (self.notices)(Notice::Asked);
            let reason = match self.ask(&url, &path, &body)? {
                Ok(answer) => match read(self.auto_register, subject, &url, &answer)? {
                    Ok(id) => {
                        (self.notices)(Notice::Answered);
                        return Ok(id);
                    }
                    Err(reason) => reason,
                },
                Err(RequestError::Certificate(reason)) => {
                    let url = url.to_string();
                    return Err(RegistryError::Certificate { url, reason }.into());
                }
                Err(error) => error.to_string(),
            };
            self.current = (self.current + 1) % self.urls.len().max(1);
            failed += 1;
            // The other addresses come at once; then all of them after a while.
            let pause = match failed % self.urls.len().max(1) {
                0 => wait,
                _ => Duration::ZERO,
            };
            (self.notices)(Notice::Failed {
                url: url.to_string(),
                reason,
                wait: pause,
            });
            if !pause.is_zero() {
                // Made on the runtime, whose clock it goes by.
                self.until_stopped(async move { tokio::time::sleep(pause).await })?;
                wait = (wait * 2).min(WAIT_LAST);
            }
        }
    }

    fn ask(
        &mut self,
        url: &RegistryUrl,
        path: &str,
        body: &str,
    ) -> Result<Result<Answer, RequestError>, SinkError> {
        let http = self.http.clone();
        let (url, path, body) = (url.clone(), path.to_owned(), body.to_owned());
        self.until_stopped(async move { http.post(&url, &path, body).await })
    }

    /// Waits for a future, unless the stop handle is used first.
    fn until_stopped<F: Future>(&mut self, future: F) -> Result<F::Output, SinkError> {
        let runtime = match &mut self.runtime {
            Some(runtime) => runtime,
            slot => {
                let made = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build();
                slot.insert(made.map_err(|error| RegistryError::Runtime {
                    reason: error.to_string(),
                })?)
            }
        };
        let mut stopped = self.stop.subscribe();
        runtime.block_on(async move {
            // A request that is given up was at most registered, which the next one finds.
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => Err(SinkError::Cancelled),
                output = future => Ok(output),
            }
        })
    }
}

/// The id that an answer gives, or why it may come with another try.
fn read(
    auto_register: bool,
    subject: &str,
    url: &RegistryUrl,
    answer: &Answer,
) -> Result<Result<u32, String>, RegistryError> {
    #[derive(Default, Deserialize)]
    struct Body {
        id: Option<u32>,
        error_code: Option<i64>,
        message: Option<String>,
    }
    let body: Body = serde_json::from_slice(&answer.body).unwrap_or_default();
    let message = shown(body.message.as_deref().unwrap_or("without a reason"));
    let (subject, status, url) = (subject.to_owned(), answer.status, url.to_string());
    let missing = |code: i64| !auto_register && (code == 404 || NOT_THERE.contains(&code));
    Err(match (status, body.id, body.error_code) {
        (200..=299, Some(id), _) => return Ok(Ok(id)),
        (408 | 429 | 500..=599, _, _) => {
            return Ok(Err(format!("it answers with status {status}: {message}")));
        }
        (401 | 403, _, _) => RegistryError::Denied {
            subject,
            url,
            status,
        },
        (409, _, _) => RegistryError::Incompatible { subject, message },
        (404, _, Some(code)) if missing(code) => RegistryError::NotRegistered { subject, message },
        (200..=299 | 404 | 405, _, _) => RegistryError::NotARegistry { url, status },
        (_, _, _) => RegistryError::Refused {
            subject,
            status,
            message,
        },
    })
}

/// Asks each address for a schema that need not be there, and changes nothing: for `remora check`. Gives what is
/// wrong with it, and what to do.
///
/// # Errors
/// The settings cannot be used.
pub async fn probe(
    settings: &Registry,
    subject: &str,
) -> Result<Vec<(String, Option<String>)>, RegistryError> {
    let http = Http::new(settings)?;
    let path = format!("/subjects/{}", percent_encoded(subject));
    let body = serde_json::json!({ "schema": "\"string\"" }).to_string();
    let mut problems = Vec::new();
    for url in &settings.urls {
        let answered = http.post(url, &path, body.clone()).await;
        let refused = match answered.map(|answer| read(false, subject, url, &answer)) {
            Ok(Ok(Ok(_)) | Err(RegistryError::NotRegistered { .. })) => continue,
            Ok(Ok(Err(reason))) => Err(reason),
            Ok(Err(error)) => Ok(error),
            Err(RequestError::Certificate(reason)) => Ok(RegistryError::Certificate {
                url: url.to_string(),
                reason,
            }),
            Err(error) => Err(error.to_string()),
        };
        problems.push(match refused {
            Ok(error) => (error.to_string(), error.remedy().map(Cow::into_owned)),
            Err(reason) => (
                format!("no use of {url}: {reason}"),
                Some("start the registry, or correct registry.url".to_owned()),
            ),
        });
    }
    Ok(problems)
}

impl Drop for Client {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A name that is still being looked up keeps nobody waiting.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.urls).finish()
    }
}

/// The registry's words: some of them, and nothing that a terminal would obey.
fn shown(message: &str) -> String {
    let plain = message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c });
    plain.take(MESSAGE_CHARS_MAX).collect()
}

/// A text as one part of a path.
fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
pub(super) mod fake;
#[cfg(test)]
mod tests;
