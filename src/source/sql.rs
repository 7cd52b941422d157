//! Options of the SQL connections: takes `[mysql]`, gives mysql_async's options with the same policy as
//! the dump connection.
//!
//! No socket instead of TCP, no clear-text or pre-4.1 password, no handler for LOCAL INFILE.
//!
//! What mysql_async cannot do, so that its callers and the documentation account for it:
//! - It has no limit for connecting: callers put `mysql.connect_timeout` around it.
//! - Without TLS, where the server does not know the password's digest yet, it asks the server for its
//!   RSA key and trusts it; a key cannot be pinned, nor the exchange refused. Whoever can change packets
//!   between here and the server could so read the password. A dump connection made before, with the
//!   pinned key, leaves the digest in the server's cache, and the exchange is then not needed; it is no
//!   protection against an attacker. Off the loopback interface, use TLS.
//! - It offers the LOCAL INFILE capability, and refuses the server's request for want of a handler.

use mysql_async::{ClientIdentity, Opts, OptsBuilder, PoolConstraints, PoolOpts, SslOpts};

use crate::config::{Mysql, Tls, TlsMode};
use crate::source::tls;
use crate::source::wire_error::WireError;

/// Connections that a pool keeps and opens at most.
const POOL: (usize, usize) = (1, 8);
/// mysql_async 0.37 skips the check of the name where the text of rustls' error contains this word.
/// rustls prints the expected name instead, so a host of this name is what makes `verify_ca` work: the
/// chain has been verified before the name is looked at. MySQL ignores the name in the handshake.
const NAME_CHECK_WORD: &str = "NotValidForName";

/// Options for connections and pools of `settings`, without a default database.
///
/// # Errors
/// `Tls`, for files that cannot be used: they are read here once, so that the failure has a name.
pub fn sql_opts(settings: &Mysql) -> Result<Opts, WireError> {
    let (least, most) = POOL;
    let constraints = PoolConstraints::new(least, most).unwrap_or_default();
    let builder = OptsBuilder::default()
        .ip_or_hostname(settings.host.clone())
        .tcp_port(settings.port)
        .user(Some(settings.user.clone()))
        .pass(Some(settings.password.reveal()))
        .prefer_socket(false)
        .tcp_nodelay(true)
        .secure_auth(true)
        .enable_cleartext_plugin(false)
        .pool_opts(PoolOpts::default().with_constraints(constraints))
        .ssl_opts(ssl_opts(&settings.tls)?);
    Ok(builder.into())
}

fn ssl_opts(settings: &Tls) -> Result<Option<SslOpts>, WireError> {
    if settings.mode == TlsMode::Disabled {
        return Ok(None);
    }
    tls::client_config(settings)?;
    let mut options = SslOpts::default();
    match settings.mode {
        TlsMode::Disabled | TlsMode::VerifyIdentity => (),
        TlsMode::Required => options = options.with_danger_accept_invalid_certs(true),
        TlsMode::VerifyCa => {
            options = options
                .with_danger_skip_domain_validation(true)
                .with_danger_tls_hostname_override(Some(NAME_CHECK_WORD));
        }
    }
    // Where nothing is verified the authorities do not matter, and an unused file is not read.
    if let (Some(path), TlsMode::VerifyCa | TlsMode::VerifyIdentity) =
        (&settings.ca_file, settings.mode)
    {
        options = options
            .with_root_certs(vec![path.clone().into()])
            .with_disable_built_in_roots(true);
    }
    let identity = settings.identity.as_ref().map(|identity| {
        ClientIdentity::new(
            identity.cert_file.clone().into(),
            identity.key_file.clone().into(),
        )
    });
    Ok(Some(options.with_client_identity(identity)))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::error::Secret;

    fn settings(mode: TlsMode, ca_file: Option<PathBuf>) -> Mysql {
        Mysql {
            host: "db1".to_owned(),
            port: 3307,
            user: "cdc".to_owned(),
            password: Secret::new("secret".to_owned()),
            server_id: 1,
            server_public_key: None,
            connect_timeout: Duration::from_secs(1),
            heartbeat: Duration::from_secs(5),
            net_write_timeout: Duration::from_secs(60),
            event_bytes_max: 1 << 20,
            transaction_bytes_max: 1 << 20,
            row_image: crate::config::RowImage::Full,
            tls: Tls {
                mode,
                ca_file,
                identity: None,
            },
        }
    }

    #[test]
    fn each_mode_checks_what_it_says() {
        for (mode, accepts_any, skips_name) in [
            (TlsMode::Required, true, false),
            (TlsMode::VerifyCa, false, true),
            (TlsMode::VerifyIdentity, false, false),
        ] {
            let opts = sql_opts(&settings(mode, None)).unwrap();
            let ssl = opts.ssl_opts().unwrap();
            assert_eq!(ssl.accept_invalid_certs(), accepts_any, "{mode:?}");
            assert_eq!(ssl.skip_domain_validation(), skips_name, "{mode:?}");
            assert_eq!(
                ssl.tls_hostname_override().is_some(),
                skips_name,
                "{mode:?}"
            );
            assert!(!ssl.disable_built_in_roots());
        }
        let opts = sql_opts(&settings(TlsMode::Disabled, None)).unwrap();
        assert!(opts.ssl_opts().is_none());
        assert_eq!((opts.ip_or_hostname(), opts.tcp_port()), ("db1", 3307));
        assert!(!opts.prefer_socket() && opts.secure_auth() && !opts.enable_cleartext_plugin());
        assert!(opts.local_infile_handler().is_none());
    }

    #[test]
    fn a_missing_authority_is_named_before_any_connection() {
        let missing = Some(PathBuf::from("/nonexistent/ca.pem"));
        let error = sql_opts(&settings(TlsMode::VerifyCa, missing)).unwrap_err();
        assert!(error.to_string().contains("ca.pem"), "{error}");
    }
}
