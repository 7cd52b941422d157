//! `[registry]` and the format of records: what Avro needs, and where it cannot go.
//!
//! Takes both sections as they are written, gives what is meant; whatever is wrong is a finding. Reads the
//! file that holds the password; never connects.

use std::time::Duration;

use hyper::Uri;

use super::check::{private, readable};
use super::layer::Context;
use super::modes::{Adjustment, Format};
use super::raw::{RawAdjustment, RawFormat, RawRegistry, RawSubjects};
use super::{Place, Registry, RegistryUrl, Sink, Subjects};
use crate::error::Secret;

pub(super) fn adjustment(raw: RawAdjustment) -> Adjustment {
    match raw {
        RawAdjustment::None => Adjustment::None,
        RawAdjustment::Avro => Adjustment::Avro,
        RawAdjustment::AvroUnicode => Adjustment::AvroUnicode,
    }
}

/// What records are. A sink that the command line names is for looking at them, so they are JSON there.
pub(super) fn format(raw: RawFormat, sink: &Sink, context: &mut Context) -> Format {
    match (raw, sink) {
        (RawFormat::Json, _) => Format::Json,
        (RawFormat::Avro, Sink::Kafka(_)) => Format::Avro,
        (RawFormat::Avro, Sink::Stdout | Sink::File(_) | Sink::Null) => {
            match context.place("sink.type") {
                Place::CommandLine => {}
                Place::File(_) | Place::Variable(_) | Place::BuiltIn => context.report(
                    "envelope.format",
                    "\"avro\" needs a sink of type \"kafka\"",
                    "set it to \"json\" for a sink that writes lines",
                ),
            }
            Format::Json
        }
    }
}

/// The registry of Avro records.
pub(super) fn registry(
    raw: RawRegistry,
    format: Format,
    context: &mut Context,
) -> Option<Registry> {
    match format {
        Format::Json => None,
        Format::Avro => Some(required(raw, context)),
    }
}

fn required(raw: RawRegistry, context: &mut Context) -> Registry {
    let written = context.required("registry.url", raw.url);
    let parts = written.split(',').map(str::trim);
    let mut urls = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        match url(part) {
            Ok(url) => urls.push(url),
            Err(problem) => {
                let remedy = "write it as \"https://registry.example.com:8081\"; an account belongs into \
                              registry.user and registry.password_file";
                context.report("registry.url", problem, remedy);
            }
        }
    }
    let password = match (raw.password, raw.password_file) {
        (Some(text), _) => Secret::new(text),
        (None, Some(path)) => private(&path, "registry.password_file", context),
        (None, None) => Secret::default(),
    };
    if raw.user.is_none() && password != Secret::default() {
        let problem = "is required beside its password and not set";
        context.report("registry.user", problem, "set both or neither");
    }
    if raw.user.as_ref().is_some_and(|user| user.contains(':')) {
        let problem = "holds a colon, which basic authentication has no way to send";
        context.report("registry.user", problem, "use another account");
    }
    Registry {
        urls,
        user: raw.user,
        password,
        ca_file: raw
            .ca_file
            .map(|path| readable(path, "registry.ca_file", context)),
        subjects: match raw.subjects {
            RawSubjects::Topic => Subjects::Topic,
            RawSubjects::Record => Subjects::Record,
            RawSubjects::TopicRecord => Subjects::TopicRecord,
        },
        auto_register: raw.auto_register,
        timeout: Duration::from_millis(raw.timeout_ms),
    }
}

/// One address. What is wrong is said without it: it may hold a password.
fn url(text: &str) -> Result<RegistryUrl, &'static str> {
    let uri: Uri = text.parse().map_err(|_| "is not a URL")?;
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        Some(_) | None => return Err("begins with neither http:// nor https://"),
    };
    let authority = uri.authority().ok_or("names no host")?;
    if authority.as_str().contains('@') {
        return Err("holds an account");
    }
    if uri.query().is_some() {
        return Err("holds a question mark");
    }
    let host = authority.host().trim_matches(['[', ']']);
    if host.is_empty() {
        return Err("names no host");
    }
    Ok(RegistryUrl {
        tls,
        host: host.to_owned(),
        port: authority.port_u16().unwrap_or(if tls { 443 } else { 80 }),
        path: uri.path().trim_end_matches('/').to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let parts = |text: &str| url(text).map(|url| (url.tls, url.host, url.port, url.path));
        for (text, tls, host, port, path) in [
            ("http://registry", false, "registry", 80, ""),
            ("https://registry/", true, "registry", 443, ""),
            ("http://[::1]:8081", false, "::1", 8081, ""),
            (
                "https://r.example.com:1/apis/ccompat/v7/",
                true,
                "r.example.com",
                1,
                "/apis/ccompat/v7",
            ),
        ] {
            let expected = (tls, host.to_owned(), port, path.to_owned());
            assert_eq!(parts(text), Ok(expected), "{text}");
        }
        let shown = |text: &str| url(text).unwrap().to_string();
        assert_eq!(shown("http://[::1]:8081/a/"), "http://[::1]:8081/a");
        for wrong in [
            "registry:8081",
            "ftp://registry",
            "http://",
            "http://u:p@registry",
            "http://r/?a",
        ] {
            assert!(url(wrong).is_err(), "{wrong}");
        }
    }
}
