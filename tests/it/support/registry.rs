//! A private schema registry that tests share, a door in front of it, and the independent reader of its records.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;

use super::kafka::Kafka;
use super::leash::Leash;
use super::{free_port, script};

/// A running registry with Confluent's API.
#[derive(Debug)]
pub(crate) struct Registry {
    _leash: Leash,
    port: u16,
}

impl Registry {
    /// The registry that tests of this process share: each takes topics of its own.
    pub(crate) fn shared() -> &'static Registry {
        static SHARED: OnceLock<Registry> = OnceLock::new();
        SHARED.get_or_init(|| {
            let port = free_port();
            let leash = Leash::start("registry", |dir| {
                let command = script("registry").display().to_string();
                vec![command, dir.display().to_string(), port.to_string()]
            });
            Registry {
                _leash: leash,
                port,
            }
        })
    }

    /// Where its API begins.
    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// Sets a subject's compatibility, such as `BACKWARD`.
    pub(crate) fn set_compatibility(&self, subject: &str, level: &str) {
        let body = format!("{{\"compatibility\":\"{level}\"}}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "PUT /apis/ccompat/v7/config/{subject} HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.split(' ').nth(1) == Some("200"), "{answer}");
    }

    /// A door in front of it, closed at first.
    pub(crate) fn door(&self) -> Door {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let door = Door {
            port: listener.local_addr().unwrap().port(),
            open: Arc::new(AtomicBool::new(false)),
        };
        let (open, port) = (Arc::clone(&door.open), self.port);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // A client before a closed door sees its connection end.
                if open.load(Ordering::Acquire) {
                    let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                    forward(&client, &server);
                    forward(&server, &client);
                }
            }
        });
        door
    }

    /// What `dev/avro-compare` says of these topics, whose records must be equal.
    pub(crate) fn compare(
        &self,
        kafka: &Kafka,
        [avro, json]: [&str; 2],
        topics: &[&str],
    ) -> String {
        let output = Command::new(script("avro-compare"))
            .args(["--brokers", &kafka.brokers(), "--registry", &self.url()])
            .args(["--avro", avro, "--json", json])
            .args(topics)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{topics:?}:\n{text}{errors}");
        text
    }
}

/// Lets connections through, or ends them.
#[derive(Debug)]
pub(crate) struct Door {
    port: u16,
    open: Arc<AtomicBool>,
}

impl Door {
    /// Where the API begins behind it.
    pub(crate) fn url(&self) -> String {
        url(self.port)
    }

    /// Opens or closes it.
    pub(crate) fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::Release);
    }
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}/apis/ccompat/v7")
}

fn forward(from: &TcpStream, to: &TcpStream) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    thread::spawn(move || {
        // Ends with either side.
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
