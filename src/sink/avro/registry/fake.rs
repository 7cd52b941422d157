//! A registry for tests: gives scripted answers, in order, and remembers what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use crate::config::{Registry, RegistryUrl, Subjects};
use crate::error::Secret;

/// Longest wait for anything that should happen.
pub(in crate::sink::avro) const PATIENCE: Duration = Duration::from_secs(60);

/// One request: its first line, its headers in lower case, and its body.
#[derive(Debug)]
pub(in crate::sink::avro) struct Asked {
    pub(in crate::sink::avro) line: String,
    pub(in crate::sink::avro) headers: Vec<String>,
    pub(in crate::sink::avro) body: serde_json::Value,
}

/// Answers so many requests and then no more; a status of 0 closes the connection without a word.
pub(in crate::sink::avro) fn registry(
    answers: &[(u16, &str)],
) -> (Registry, mpsc::Receiver<Asked>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let answers: Vec<(u16, String)> = answers
        .iter()
        .map(|(status, body)| (*status, (*body).to_owned()))
        .collect();
    let (sender, asked) = mpsc::channel();
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut lines = Vec::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                lines.push(line.trim().to_owned());
            }
            let headers: Vec<String> = lines.split_off(1);
            let headers = headers.iter().map(|line| line.to_lowercase());
            let headers: Vec<String> = headers.collect();
            let length = headers
                .iter()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut text = vec![0; length.unwrap().parse().unwrap()];
            reader.read_exact(&mut text).unwrap();
            let asked = Asked {
                line: lines.remove(0),
                headers,
                body: serde_json::from_slice(&text).unwrap(),
            };
            sender.send(asked).unwrap();
            if status != 0 {
                let length = body.len();
                write!(
                    stream,
                    "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}"
                )
                .unwrap();
            }
        }
    });
    (settings(&[port]), asked)
}

/// Registries at these ports of this machine.
pub(in crate::sink::avro) fn settings(ports: &[u16]) -> Registry {
    let url = |port: &u16| RegistryUrl {
        tls: false,
        host: "127.0.0.1".to_owned(),
        port: *port,
        path: "/api".to_owned(),
    };
    Registry {
        urls: ports.iter().map(url).collect(),
        user: None,
        password: Secret::default(),
        ca_file: None,
        subjects: Subjects::Topic,
        auto_register: true,
        timeout: PATIENCE,
    }
}

/// A port where nobody listens.
pub(in crate::sink::avro) fn closed_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}
