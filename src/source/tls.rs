//! TLS as MySQL names its modes: takes `[mysql.tls]`, gives a client configuration of rustls.
//!
//! There is no fallback from one mode to a weaker one. Files are read when a connection is made, so
//! that a renewed certificate is used at the next one.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use thiserror::Error;
use tokio_rustls::rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use tokio_rustls::rustls::client::{
    WebPkiServerVerifier, verify_server_cert_signed_by_trust_anchor,
};
use tokio_rustls::rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{
    ClientConfig, DigitallySignedStruct, Error as RustlsError, RootCertStore, SignatureScheme,
};

use crate::config::{Tls, TlsIdentity, TlsMode};
use crate::error::{Classify, Fault};

/// TLS that cannot be set up, or a server that did not pass its check.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file that cannot be read.
    #[error("cannot read {path:?}: {source}")]
    File {
        /// The configured file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file without what it should hold. What it does hold is not shown: it may be a key.
    #[error("{path:?} holds no valid PEM {expected}")]
    Pem {
        /// The configured file.
        path: PathBuf,
        /// The section that is missing.
        expected: &'static str,
    },
    /// A certificate or key that rustls does not take.
    #[error("{path:?} cannot be used: {source}")]
    Unusable {
        /// The configured file.
        path: PathBuf,
        /// rustls' reason.
        source: RustlsError,
    },
    /// A host that cannot stand in a TLS handshake.
    #[error("{host:?} is no host name or address that TLS can use")]
    HostName {
        /// `mysql.host`.
        host: String,
    },
    /// The handshake failed: most often, the server's certificate did not pass.
    #[error("the TLS handshake failed: {source}")]
    Handshake {
        /// rustls' verdict.
        source: RustlsError,
    },
    /// rustls refused our own settings.
    #[error("TLS cannot be set up: {source}")]
    Setup {
        /// rustls' reason.
        source: RustlsError,
    },
}

impl Classify for TlsError {
    fn fault(&self) -> Fault {
        match self {
            TlsError::File { .. }
            | TlsError::Pem { .. }
            | TlsError::Unusable { .. }
            | TlsError::HostName { .. }
            | TlsError::Handshake { .. } => Fault::Operator,
            TlsError::Setup { .. } => Fault::Bug,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            TlsError::File { .. } | TlsError::Pem { .. } | TlsError::Unusable { .. } => {
                "check the files named in mysql.tls"
            }
            TlsError::HostName { .. } => "set mysql.host to a DNS name or an address",
            TlsError::Handshake { .. } => {
                "set mysql.tls.ca_file to the authority that signed the server's certificate (ca.pem in \
                 its data directory, for one that MySQL made itself); such a certificate names no host, \
                 so it needs mysql.tls.mode = \"verify_ca\""
            }
            TlsError::Setup { .. } => return None,
        };
        Some(Cow::Borrowed(text))
    }
}

/// The rustls configuration that checks as much as the mode says; `Disabled` is read as `Required`,
/// since a caller who asks has decided to encrypt.
///
/// # Errors
/// `File`, `Pem`, `Unusable`, `Setup`.
pub fn client_config(tls: &Tls) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let verifier = verifier(tls, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| TlsError::Setup { source })?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    match &tls.identity {
        None => Ok(builder.with_no_client_auth()),
        Some(identity) => {
            let (chain, key) = read_identity(identity)?;
            builder
                .with_client_auth_cert(chain, key)
                .map_err(|source| TlsError::Unusable {
                    path: identity.cert_file.clone(),
                    source,
                })
        }
    }
}

/// The name that the handshake sends and, in `VerifyIdentity`, the certificate must carry.
///
/// # Errors
/// `HostName`.
pub fn server_name(host: &str) -> Result<ServerName<'static>, TlsError> {
    ServerName::try_from(host.to_owned()).map_err(|_| TlsError::HostName {
        host: host.to_owned(),
    })
}

fn verifier(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
    let algorithms = provider.signature_verification_algorithms;
    match tls.mode {
        TlsMode::Disabled | TlsMode::Required => Ok(Arc::new(ChainVerifier {
            roots: None,
            algorithms,
        })),
        TlsMode::VerifyCa => Ok(Arc::new(ChainVerifier {
            roots: Some(read_roots(tls)?),
            algorithms,
        })),
        TlsMode::VerifyIdentity => {
            let roots = Arc::new(read_roots(tls)?);
            let built = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider));
            let verifier = built.build().map_err(|error| TlsError::Setup {
                source: RustlsError::General(error.to_string()),
            })?;
            Ok(verifier)
        }
    }
}

fn read_roots(tls: &Tls) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match &tls.ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in read_certificates(path)? {
                roots
                    .add(certificate)
                    .map_err(|source| TlsError::Unusable {
                        path: path.clone(),
                        source,
                    })?;
            }
        }
    }
    Ok(roots)
}

fn read_identity(
    identity: &TlsIdentity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), TlsError> {
    let chain = read_certificates(&identity.cert_file)?;
    let path = &identity.key_file;
    let key =
        PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_| missing(path, "private key"))?;
    Ok((chain, key))
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, pem::Error>>()
        .map_err(|_| missing(path, "certificate"))?;
    if certificates.is_empty() {
        Err(missing(path, "certificate"))
    } else {
        Ok(certificates)
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::File {
        path: path.to_owned(),
        source,
    })
}

fn missing(path: &Path, expected: &'static str) -> TlsError {
    TlsError::Pem {
        path: path.to_owned(),
        expected,
    }
}

/// Checks that the server holds its certificate's key and, where `roots` is given, that the chain ends
/// in one of them. The name is never looked at.
#[derive(Debug)]
struct ChainVerifier {
    roots: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerCertVerifier for ChainVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, RustlsError> {
        if let Some(roots) = &self.roots {
            let certificate = ParsedCertificate::try_from(end_entity)?;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                roots,
                intermediates,
                now,
                self.algorithms.all,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, RustlsError> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tls(mode: TlsMode, ca_file: Option<PathBuf>) -> Tls {
        Tls {
            mode,
            ca_file,
            identity: None,
        }
    }

    #[test]
    fn every_mode_builds_without_files() {
        for mode in [
            TlsMode::Disabled,
            TlsMode::Required,
            TlsMode::VerifyCa,
            TlsMode::VerifyIdentity,
        ] {
            client_config(&tls(mode, None)).unwrap();
        }
    }

    #[test]
    fn a_ca_file_must_exist_and_hold_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let config = tls(TlsMode::VerifyCa, Some(path.clone()));
        assert!(matches!(client_config(&config), Err(TlsError::File { .. })));
        for text in [
            "",
            "nothing",
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
            "-----BEGIN PRIVATE KEY",
        ] {
            std::fs::write(&path, text).unwrap();
            let error = client_config(&config).unwrap_err();
            assert!(matches!(error, TlsError::Pem { .. }), "{text}: {error}");
        }
        std::fs::write(
            &path,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        let error = client_config(&config).unwrap_err();
        assert!(matches!(error, TlsError::Unusable { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Operator);
        assert!(error.remedy().is_some());
    }

    #[test]
    fn a_bad_key_file_is_named_but_its_text_is_not_shown() {
        let folder = tempfile::tempdir().unwrap();
        let cert_file = folder.path().join("cert.pem");
        let key_file = folder.path().join("key.pem");
        std::fs::write(
            &cert_file,
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        )
        .unwrap();
        std::fs::write(
            &key_file,
            "-----BEGIN PRIVATE KEY-----\nSECRET*\n-----END PRIVATE KEY-----\n",
        )
        .unwrap();
        let identity = Some(TlsIdentity {
            cert_file,
            key_file,
        });
        let error = client_config(&Tls {
            mode: TlsMode::Required,
            ca_file: None,
            identity,
        })
        .unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(
            text.contains("key.pem") && !text.contains("SECRET"),
            "{text}"
        );
    }

    #[test]
    fn addresses_and_names_are_both_names_of_a_server() {
        for host in ["127.0.0.1", "::1", "db1", "db-1.example.com", "my_db"] {
            server_name(host).unwrap();
        }
        for host in ["", "a b", "-"] {
            assert!(
                matches!(server_name(host), Err(TlsError::HostName { .. })),
                "{host}"
            );
        }
    }
}
