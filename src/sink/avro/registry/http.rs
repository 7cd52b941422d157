//! One request to a registry over HTTP/1.1, with or without TLS, within a limit of time.
//!
//! Takes an address, a path and a body; gives the answer's status and body, bounded in size. Each request has a
//! connection of its own: there is one for each version of a table. Files are read once, at the start.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::{BodyExt, Full, Limited};
use hyper::Request;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::RegistryError;
use crate::config::{Registry, RegistryUrl};

/// No answer of a registry is near this size.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// What Confluent's API speaks.
const JSON: &str = "application/vnd.schemaregistry.v1+json";
const ACCEPTED: &str = "application/vnd.schemaregistry.v1+json, application/json";

/// How requests are made.
#[derive(Clone)]
pub(super) struct Http {
    timeout: Duration,
    authorization: Option<HeaderValue>,
    tls: Option<TlsConnector>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// Why nothing came back.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    #[error("it cannot be reached: {0}")]
    Connect(std::io::Error),
    #[error("its certificate is not accepted: {0}")]
    Certificate(String),
    #[error("the connection failed: {0}")]
    Http(String),
    #[error("no answer came within {0:?}")]
    Timeout(Duration),
}

impl Http {
    pub(super) fn new(settings: &Registry) -> Result<Http, RegistryError> {
        let authorization = settings.user.as_ref().map(|user| {
            let account = format!("{user}:{}", settings.password.reveal());
            let value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(account)));
            // Base64 has no letter that a header does not take.
            let mut value = value.unwrap_or(HeaderValue::from_static("Basic"));
            value.set_sensitive(true);
            value
        });
        let tls = settings.urls.iter().any(|url| url.tls);
        Ok(Http {
            timeout: settings.timeout,
            authorization,
            tls: tls.then(|| connector(settings)).transpose()?,
        })
    }

    /// Posts JSON.
    pub(super) async fn post(
        &self,
        url: &RegistryUrl,
        path: &str,
        body: String,
    ) -> Result<Answer, RequestError> {
        let answer = tokio::time::timeout(self.timeout, self.exchange(url, path, body));
        answer
            .await
            .unwrap_or(Err(RequestError::Timeout(self.timeout)))
    }

    async fn exchange(
        &self,
        url: &RegistryUrl,
        path: &str,
        body: String,
    ) -> Result<Answer, RequestError> {
        let request = self.request(url, path, body)?;
        let stream = TcpStream::connect((url.host.as_str(), url.port))
            .await
            .map_err(RequestError::Connect)?;
        match &self.tls {
            Some(tls) if url.tls => {
                let name = ServerName::try_from(url.host.clone());
                let name =
                    name.map_err(|_| RequestError::Certificate("its host is no name".to_owned()))?;
                let stream = tls.connect(name, stream).await.map_err(handshake)?;
                converse(stream, request).await
            }
            Some(_) | None => converse(stream, request).await,
        }
    }

    fn request(
        &self,
        url: &RegistryUrl,
        path: &str,
        body: String,
    ) -> Result<Request<Full<Bytes>>, RequestError> {
        let mut request = Request::post(format!("{}{path}", url.path))
            .header(HOST, url.authority())
            .header(CONTENT_TYPE, JSON)
            .header(ACCEPT, ACCEPTED);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let request = request.body(Full::new(Bytes::from(body)));
        request.map_err(|error| RequestError::Http(error.to_string()))
    }
}

async fn converse<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, RequestError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let failed = |error: hyper::Error| RequestError::Http(with_cause(&error));
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    let exchange = async {
        let answer = sender.send_request(request).await.map_err(failed)?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX)
            .collect()
            .await;
        let body = body.map_err(|error| RequestError::Http(error.to_string()))?;
        Ok(Answer {
            status,
            body: body.to_bytes().to_vec(),
        })
    };
    let mut exchange = std::pin::pin!(exchange);
    let mut connection = std::pin::pin!(connection);
    // The connection moves the bytes of the exchange; whichever ends first, the exchange has the last word.
    tokio::select! {
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

/// hyper's own words say only at which step it failed.
fn with_cause(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// A certificate that does not pass will not pass the next time either.
fn handshake(error: std::io::Error) -> RequestError {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            RequestError::Certificate(reason.to_string())
        }
        Some(other) => RequestError::Http(format!("the TLS handshake failed: {other}")),
        None => RequestError::Connect(error),
    }
}

fn connector(settings: &Registry) -> Result<TlsConnector, RegistryError> {
    let unusable = |reason: String| RegistryError::CaFile { reason };
    let mut roots = RootCertStore::empty();
    match &settings.ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            let pem = std::fs::read(path)
                .map_err(|error| unusable(format!("{} cannot be read: {error}", path.display())))?;
            let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
            let certificates = certificates.unwrap_or_default();
            if certificates.is_empty() {
                return Err(unusable(format!("{} holds no certificate", path.display())));
            }
            for certificate in certificates {
                roots
                    .add(certificate)
                    .map_err(|error| unusable(error.to_string()))?;
            }
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}
