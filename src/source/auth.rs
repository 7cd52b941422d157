//! Authentication: takes the server's packets and the account, gives what to answer.
//!
//! The state machine does no IO. It never sends the password, or anything that it could be computed
//! from, except inside TLS or encrypted with a key that was configured: a key that the server offers on
//! an open connection proves nothing. `mysql_clear_password` and `mysql_old_password` are always
//! refused.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use mysql_common::crypto;
use mysql_common::io::ParseBuf;
use mysql_common::packets::{AuthPlugin, AuthSwitchRequest};
use mysql_common::scramble::{scramble_native, scramble_sha256};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

use crate::source::wire_error::{Phase, WireError};

/// Bytes of a nonce that count; a zero byte follows them on the wire.
pub const NONCE_BYTES: usize = 20;
/// OAEP with SHA-1 takes two digests and two bytes of a block (RFC 8017, 7.1.1).
const OAEP_BYTES: usize = 42;

/// The server's RSA key, checked so that the encryption cannot fail on it.
#[derive(Clone, Debug)]
pub struct PublicKey {
    pem: String,
    modulus_bytes: usize,
}

impl PublicKey {
    /// Reads a PEM file as MySQL writes it (`public_key.pem`, a SubjectPublicKeyInfo).
    ///
    /// # Errors
    /// `PublicKey`, naming the file.
    pub fn read(path: &Path) -> Result<PublicKey, WireError> {
        let refuse = |reason| WireError::PublicKey {
            path: path.to_owned(),
            reason,
        };
        let text = std::fs::read(path).map_err(|_| refuse("cannot be read"))?;
        let der = SubjectPublicKeyInfoDer::from_pem_slice(&text)
            .map_err(|_| refuse("holds no PEM section PUBLIC KEY"))?;
        let modulus_bytes =
            modulus_bytes(&der).ok_or_else(|| refuse("is no RSA key of 1024 to 16384 bits"))?;
        // The section is written again from the checked bytes: mysql_common panics on anything else.
        let body = STANDARD.encode(&der);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
        Ok(PublicKey { pem, modulus_bytes })
    }

    fn encrypt(&self, password: &[u8], nonce: &[u8]) -> Result<Vec<u8>, WireError> {
        let limit = self.modulus_bytes.saturating_sub(OAEP_BYTES);
        if password.len() >= limit {
            return Err(WireError::PasswordTooLong {
                limit: limit.saturating_sub(1),
            });
        }
        let masked: Vec<u8> = with_zero(password)
            .iter()
            .zip(nonce.iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        Ok(crypto::encrypt(&masked, self.pem.as_bytes()))
    }
}

/// What the account proves itself with. It has no `Debug`: it holds the password.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The password's bytes; empty for an account without one.
    pub password: &'a [u8],
    /// The pinned key of the server.
    pub server_key: Option<&'a PublicKey>,
    /// Whether everything sent is inside TLS.
    pub is_encrypted: bool,
}

/// What to do after a packet of the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The server accepted the account.
    Accepted,
    /// Send this payload, then wait for the next packet.
    Send(Vec<u8>),
    /// Wait for the next packet.
    Wait,
}

/// The plugins that we speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `caching_sha2_password`, the default since MySQL 8.0.
    CachingSha2,
    /// `mysql_native_password`, until MySQL 8.4.
    Native,
    /// `sha256_password`. Servers before 8.0.5 pad otherwise: there it needs TLS.
    Sha256,
}

impl Method {
    /// The plugin's name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::CachingSha2 => "caching_sha2_password",
            Method::Native => "mysql_native_password",
            Method::Sha256 => "sha256_password",
        }
    }

    fn from_bytes(name: &[u8]) -> Result<Method, WireError> {
        [Method::CachingSha2, Method::Native, Method::Sha256]
            .into_iter()
            .find(|method| method.as_str().as_bytes() == name)
            .ok_or_else(|| WireError::AuthPlugin {
                plugin: String::from_utf8_lossy(name.get(..64).unwrap_or(name)).into_owned(),
            })
    }
}

/// One authentication, from the greeting to OK or ERR.
#[derive(Debug)]
pub struct Exchange {
    method: Method,
    nonce: Vec<u8>,
    is_switched: bool,
}

impl Exchange {
    /// Starts with the plugin that the greeting offers where a challenge suffices for it, and with
    /// `caching_sha2_password` otherwise: the server then names the account's own plugin.
    pub fn new(offered: &[u8], nonce: Vec<u8>) -> Exchange {
        let method = match Method::from_bytes(offered) {
            Ok(Method::Native) => Method::Native,
            Ok(Method::CachingSha2 | Method::Sha256) | Err(_) => Method::CachingSha2,
        };
        Exchange {
            method,
            nonce,
            is_switched: false,
        }
    }

    /// The plugin in use.
    pub fn method(&self) -> Method {
        self.method
    }

    /// What the handshake response carries: never more than the answer to a challenge.
    pub fn first_response(&self, credentials: Credentials<'_>) -> Vec<u8> {
        self.scramble(credentials.password)
    }

    /// The answer to the server's next packet.
    ///
    /// # Errors
    /// What an ERR packet says; `AuthPlugin`, `PasswordUnprotected`, `PasswordTooLong`, `Malformed`.
    pub fn answer(
        &mut self,
        packet: &[u8],
        credentials: Credentials<'_>,
    ) -> Result<Answer, WireError> {
        match packet {
            [0x00, ..] => Ok(Answer::Accepted),
            [0xFF, ..] => Err(WireError::from_packet(packet, Phase::Handshake)),
            [0x01, rest @ ..] => self.answer_more(rest, credentials),
            // A lone 0xFE is the switch of servers before 5.5.7, always to the oldest plugin.
            [0xFE] => {
                let plugin = AuthPlugin::MysqlOldPassword;
                Err(WireError::AuthPlugin {
                    plugin: String::from_utf8_lossy(plugin.as_bytes()).into_owned(),
                })
            }
            [0xFE, ..] => self.switch(packet, credentials),
            _ => Err(WireError::Malformed {
                what: "authentication packet",
            }),
        }
    }

    fn answer_more(&self, data: &[u8], credentials: Credentials<'_>) -> Result<Answer, WireError> {
        match (self.method, data) {
            // The server knew the password's digest: OK follows.
            (Method::CachingSha2, [0x03]) => Ok(Answer::Wait),
            // It does not: it wants the password itself.
            (Method::CachingSha2, [0x04]) => self.password(credentials).map(Answer::Send),
            (Method::CachingSha2 | Method::Native | Method::Sha256, _) => {
                Err(WireError::Malformed {
                    what: "authentication data",
                })
            }
        }
    }

    fn switch(&mut self, packet: &[u8], credentials: Credentials<'_>) -> Result<Answer, WireError> {
        let malformed = WireError::Malformed {
            what: "authentication switch",
        };
        let Ok(request) = ParseBuf(packet).parse::<AuthSwitchRequest<'_>>(()) else {
            return Err(malformed);
        };
        self.method = Method::from_bytes(request.auth_plugin().as_bytes())?;
        if self.is_switched || request.plugin_data().len() != NONCE_BYTES {
            return Err(malformed);
        }
        self.is_switched = true;
        self.nonce = request.plugin_data().to_vec();
        match self.method {
            Method::CachingSha2 | Method::Native => {
                Ok(Answer::Send(self.scramble(credentials.password)))
            }
            Method::Sha256 => self.password(credentials).map(Answer::Send),
        }
    }

    /// An empty password has an empty answer, which every plugin understands.
    fn scramble(&self, password: &[u8]) -> Vec<u8> {
        match self.method {
            Method::CachingSha2 | Method::Sha256 => {
                scramble_sha256(&self.nonce, password).map(|bytes| bytes.to_vec())
            }
            Method::Native => scramble_native(&self.nonce, password).map(|bytes| bytes.to_vec()),
        }
        .unwrap_or_default()
    }

    /// The password itself, as far as the connection allows.
    fn password(&self, credentials: Credentials<'_>) -> Result<Vec<u8>, WireError> {
        if credentials.password.is_empty() {
            return Ok(vec![0]);
        }
        if credentials.is_encrypted {
            return Ok(with_zero(credentials.password));
        }
        match credentials.server_key {
            Some(key) => key.encrypt(credentials.password, &self.nonce),
            None => Err(WireError::PasswordUnprotected {
                plugin: self.method.as_str(),
            }),
        }
    }
}

/// The plugins that take a password want its terminating zero.
fn with_zero(password: &[u8]) -> Vec<u8> {
    let mut out = password.to_vec();
    out.push(0);
    out
}

/// Length of the modulus of a SubjectPublicKeyInfo (RFC 5280, 4.1) that holds an RSA key (RFC 8017,
/// A.1.1), or `None` for anything but the one DER encoding of such a key.
fn modulus_bytes(der: &[u8]) -> Option<usize> {
    const RSA: &[u8] = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let key_info = only(element(der, 0x30)?)?;
    let (algorithm, rest) = element(key_info, 0x30)?;
    let bits = only(element(rest, 0x03)?)?;
    let (&unused, key) = bits.split_first()?;
    let (modulus, rest) = element(only(element(key, 0x30)?)?, 0x02)?;
    let exponent = only(element(rest, 0x02)?)?;
    let (&sign, magnitude) = modulus.split_first()?;
    // A modulus with its highest bit set: only for those does the encryption count octets correctly.
    let is_full = sign == 0 && magnitude.first().is_some_and(|byte| byte & 0x80 != 0);
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    let is_key = algorithm == RSA
        && unused == 0
        && is_full
        && is_odd(magnitude)
        && is_odd(exponent)
        && exponent != [1]
        && exponent.len() <= 8
        && (128..=2048).contains(&magnitude.len());
    is_key.then_some(magnitude.len())
}

/// Content of the first DER element, which must have this tag, and the bytes after it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, der) = der.split_first()?;
    let (&first, der) = der.split_first()?;
    let (length, der) = match first {
        0..=0x7F => (usize::from(first), der),
        0x81 | 0x82 => {
            let (digits, der) = der.split_at_checked(usize::from(first & 0x7F))?;
            let length = digits
                .iter()
                .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
            (length, der)
        }
        _ => return None,
    };
    if found == tag {
        der.split_at_checked(length)
    } else {
        None
    }
}

/// The content, where nothing follows the element.
fn only<'a>((content, rest): (&'a [u8], &'a [u8])) -> Option<&'a [u8]> {
    rest.is_empty().then_some(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Classify, Fault};

    const NONCE: [u8; NONCE_BYTES] = *b"abcdefghijklmnopqrst";

    fn account(password: &'static [u8], is_encrypted: bool) -> Credentials<'static> {
        Credentials {
            password,
            server_key: None,
            is_encrypted,
        }
    }

    fn exchange(offered: &[u8]) -> Exchange {
        Exchange::new(offered, NONCE.to_vec())
    }

    fn switch_to(plugin: &str) -> Vec<u8> {
        [b"\xfe", plugin.as_bytes(), b"\0", &NONCE, b"\0"].concat()
    }

    /// A key that is well formed; nobody holds its other half.
    fn key_der(modulus_bytes: usize) -> Vec<u8> {
        fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
            let [low, high, ..] = content.len().to_le_bytes();
            [&[tag, 0x82, high, low], content].concat()
        }
        let modulus = wrap(2, &[&[0u8][..], &vec![0xABu8; modulus_bytes]].concat());
        let key = wrap(0x30, &[modulus, wrap(2, &[1, 0, 1])].concat());
        let algorithm = wrap(
            0x30,
            b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00",
        );
        let bits = wrap(3, &[&[0u8][..], &key].concat());
        wrap(0x30, &[algorithm, bits].concat())
    }

    fn key_file(der: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("public_key.pem");
        let body = STANDARD.encode(der);
        std::fs::write(
            &path,
            format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n"),
        )
        .unwrap();
        (folder, path)
    }

    #[test]
    fn the_first_response_is_a_scramble_whatever_is_offered() {
        for (offered, method, length) in [
            ("caching_sha2_password", Method::CachingSha2, 32),
            ("mysql_native_password", Method::Native, 20),
            ("sha256_password", Method::CachingSha2, 32),
            ("mysql_clear_password", Method::CachingSha2, 32),
            ("", Method::CachingSha2, 32),
        ] {
            let exchange = exchange(offered.as_bytes());
            assert_eq!(exchange.method(), method, "{offered}");
            let response = exchange.first_response(account(b"secret", true));
            assert_eq!(response.len(), length, "{offered}");
            assert_eq!(
                exchange.first_response(account(b"", false)),
                b"",
                "{offered}"
            );
        }
    }

    #[test]
    fn the_fast_path_waits_for_ok() {
        let mut exchange = exchange(b"caching_sha2_password");
        let account = account(b"secret", false);
        assert_eq!(exchange.answer(b"\x01\x03", account).unwrap(), Answer::Wait);
        let ok = exchange.answer(b"\0\0\0\x02\0\0\0", account).unwrap();
        assert_eq!(ok, Answer::Accepted);
    }

    #[test]
    fn the_password_goes_out_only_inside_tls_or_under_a_pinned_key() {
        let mut exchange = exchange(b"caching_sha2_password");
        let sent = exchange
            .answer(b"\x01\x04", account(b"secret", true))
            .unwrap();
        assert_eq!(sent, Answer::Send(b"secret\0".to_vec()));

        let error = exchange
            .answer(b"\x01\x04", account(b"secret", false))
            .unwrap_err();
        assert!(
            matches!(error, WireError::PasswordUnprotected { .. }),
            "{error}"
        );
        assert_eq!(error.fault(), Fault::Operator);
        assert!(error.remedy().unwrap().contains("mysql.server_public_key"));
        assert!(!format!("{error} {error:?}").contains("secret"));

        let (_folder, path) = key_file(&key_der(256));
        let key = PublicKey::read(&path).unwrap();
        let pinned = Credentials {
            server_key: Some(&key),
            ..account(b"secret", false)
        };
        let Answer::Send(block) = exchange.answer(b"\x01\x04", pinned).unwrap() else {
            panic!()
        };
        assert_eq!(block.len(), 256);
    }

    #[test]
    fn a_server_that_sends_its_own_key_gets_nothing() {
        for offered in ["caching_sha2_password", "mysql_native_password"] {
            let mut exchange = exchange(offered.as_bytes());
            let data = b"\x01-----BEGIN PUBLIC KEY-----";
            let error = exchange
                .answer(data, account(b"secret", false))
                .unwrap_err();
            assert!(matches!(error, WireError::Malformed { .. }), "{error}");
        }
    }

    #[test]
    fn a_switch_answers_with_the_new_plugin_once() {
        let mut first = exchange(b"caching_sha2_password");
        let account_secret = account(b"secret", true);
        let Answer::Send(native) = first
            .answer(&switch_to("mysql_native_password"), account_secret)
            .unwrap()
        else {
            panic!()
        };
        assert_eq!(native, scramble_native(&NONCE, b"secret").unwrap());
        assert!(
            first
                .answer(&switch_to("caching_sha2_password"), account_secret)
                .is_err()
        );

        let sent = exchange(b"")
            .answer(&switch_to("sha256_password"), account_secret)
            .unwrap();
        assert_eq!(sent, Answer::Send(b"secret\0".to_vec()));
        let error = exchange(b"").answer(&switch_to("sha256_password"), account(b"secret", false));
        assert!(
            matches!(error, Err(WireError::PasswordUnprotected { .. })),
            "{error:?}"
        );
        for plugin in [
            "sha256_password",
            "caching_sha2_password",
            "mysql_native_password",
        ] {
            let sent = exchange(b"")
                .answer(&switch_to(plugin), account(b"", false))
                .unwrap();
            assert!(matches!(sent, Answer::Send(bytes) if bytes.iter().all(|byte| *byte == 0)));
        }
    }

    #[test]
    fn refused_plugins_are_named() {
        for plugin in [
            "mysql_clear_password",
            "mysql_old_password",
            "client_ed25519",
            "parsec",
            "x",
        ] {
            let error = exchange(b"")
                .answer(&switch_to(plugin), account(b"secret", true))
                .unwrap_err();
            assert!(matches!(&error, WireError::AuthPlugin { plugin: named } if named == plugin));
        }
        let error = exchange(b"")
            .answer(b"\xfe", account(b"secret", true))
            .unwrap_err();
        assert!(error.to_string().contains("mysql_old_password"), "{error}");
    }

    #[test]
    fn odd_packets_are_errors() {
        let long_nonce = [&switch_to("caching_sha2_password")[..], b"more"].concat();
        for packet in [
            &b""[..],
            b"\x01",
            b"\x01\x05",
            b"\x02",
            b"\xfecaching",
            b"\xfe\0",
            b"\xff",
            &long_nonce,
        ] {
            assert!(
                exchange(b"").answer(packet, account(b"p", true)).is_err(),
                "{packet:?}"
            );
        }
    }

    #[test]
    fn only_whole_rsa_keys_are_taken() {
        let good = key_der(256);
        assert_eq!(modulus_bytes(&good), Some(256));
        for cut in 0..good.len() {
            assert_eq!(modulus_bytes(&good[..cut]), None, "{cut}");
        }
        assert_eq!(modulus_bytes(&[&good[..], &[0]].concat()), None);
        assert_eq!(modulus_bytes(&key_der(64)), None);
        // No single changed byte may lead to a panic of the encryption.
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x81;
            let (_folder, path) = key_file(&bad);
            if let Ok(key) = PublicKey::read(&path) {
                key.encrypt(b"secret", &NONCE).unwrap();
            }
        }
    }

    #[test]
    fn a_password_that_fills_the_block_is_refused_before_the_encryption() {
        let (_folder, path) = key_file(&key_der(128));
        let key = PublicKey::read(&path).unwrap();
        assert_eq!(key.encrypt(&[b'x'; 85], &NONCE).unwrap().len(), 128);
        for length in [86, 87, 88, 128, 500] {
            let error = key.encrypt(&vec![b'x'; length], &NONCE).unwrap_err();
            assert!(
                matches!(error, WireError::PasswordTooLong { limit: 85 }),
                "{error}"
            );
        }
    }

    #[test]
    fn a_key_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(
            PublicKey::read(&path),
            Err(WireError::PublicKey { .. })
        ));
        std::fs::write(&path, "no key").unwrap();
        let error = PublicKey::read(&path).unwrap_err();
        assert!(error.to_string().contains("PUBLIC KEY"), "{error}");
    }
}
