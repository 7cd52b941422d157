//! A MySQL server that is none: it lets anybody in, answers the questions of the preflight, and plays a stream.
//!
//! Takes a script for each dump connection, in turn (the last one serves all that follow). It sends what a real
//! server never would, or only on a bad day: events of any type, packets that lie, errors, silence, cuts.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// The file that every stream is in.
pub(crate) const FILE: &str = "fake-bin.000001";
const FORMAT_DESCRIPTION: u8 = 15;
const ROTATE: u8 = 4;
/// CLIENT_LONG_PASSWORD, PROTOCOL_41, TRANSACTIONS, SECURE_CONNECTION, PLUGIN_AUTH, CONNECT_ATTRS,
/// PLUGIN_AUTH_LENENC_CLIENT_DATA.
const CAPABILITIES: u32 = 0x1 | 0x200 | 0x2000 | 0x8000 | 0x8_0000 | 0x10_0000 | 0x20_0000;

/// What a dump connection gets, after the made-up ROTATE.
#[derive(Clone, Debug)]
pub(crate) enum Play {
    /// These events, from the one that starts at the asked offset on.
    Events,
    /// The given count of bytes of what `Events` sends, packet headers included; then the connection closes.
    Cut(usize),
    /// The first events, as many as given, and then this packet's payload.
    Packet(usize, Vec<u8>),
    /// The same, but the packet's sequence id is one too high.
    Disordered(usize),
    /// This payload in answer to the dump request, before anything else.
    Refuse(Vec<u8>),
    /// This payload instead of the greeting.
    Greet(Vec<u8>),
}

/// A running fake; it ends with the test process.
#[derive(Debug)]
pub(crate) struct Fake {
    port: u16,
    dumps: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<u32>>>,
}

struct Server {
    log: Vec<Vec<u8>>,
    plays: Vec<Play>,
    dumps: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<u32>>>,
}

impl Fake {
    /// `log` holds the events of a binlog file behind its magic number, each with its checksum.
    pub(crate) fn start(log: Vec<Vec<u8>>, plays: Vec<Play>) -> Fake {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (dumps, asked) = (Arc::default(), Arc::default());
        let server = Arc::new(Server {
            log,
            plays,
            dumps: Arc::clone(&dumps),
            asked: Arc::clone(&asked),
        });
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                // A client that goes away ends its session: nothing to report.
                thread::spawn(move || {
                    drop(server.session(Session {
                        stream,
                        sequence: 0,
                    }))
                });
            }
        });
        Fake { port, dumps, asked }
    }

    /// Its port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Dumps asked for so far.
    pub(crate) fn dumps(&self) -> usize {
        self.dumps.load(Ordering::SeqCst)
    }

    /// The offset of each dump request so far.
    pub(crate) fn asked(&self) -> Vec<u32> {
        self.asked.lock().unwrap().clone()
    }
}

impl Server {
    fn play(&self) -> Option<&Play> {
        let number = self.dumps.load(Ordering::SeqCst);
        self.plays.get(number).or(self.plays.last())
    }

    fn session(&self, mut client: Session) -> io::Result<()> {
        if let Some(Play::Greet(payload)) = self.play() {
            self.dumps.fetch_add(1, Ordering::SeqCst);
            return client.send(payload);
        }
        client.send(&greeting())?;
        client.receive()?;
        client.send(&OK)?;
        loop {
            client.sequence = 0;
            let command = client.receive()?;
            match command.split_first() {
                // COM_QUIT
                Some((0x01, _)) | None => return Ok(()),
                // COM_QUERY
                Some((0x03, sql)) => client.answer(&String::from_utf8_lossy(sql))?,
                // COM_BINLOG_DUMP: offset, flags, server id, file
                Some((0x12, request)) => {
                    let offset = u32::from_le_bytes(request[..4].try_into().unwrap());
                    return self.dump(client, offset);
                }
                // COM_REGISTER_SLAVE, COM_PING and others
                Some(_) => client.send(&OK)?,
            }
        }
    }

    fn dump(&self, mut client: Session, offset: u32) -> io::Result<()> {
        let play = self.play().cloned().unwrap_or(Play::Events);
        self.asked.lock().unwrap().push(offset);
        self.dumps.fetch_add(1, Ordering::SeqCst);
        if let Play::Refuse(payload) = &play {
            return client.send(payload);
        }
        let events = self.from(offset);
        let (count, then) = match &play {
            Play::Packet(count, payload) => (*count, Some(payload.clone())),
            Play::Disordered(count) => (*count, Some(OK.to_vec())),
            Play::Events | Play::Cut(_) | Play::Refuse(_) | Play::Greet(_) => (events.len(), None),
        };
        let mut bytes = Vec::new();
        for event in events.iter().take(count) {
            client.pack(&mut bytes, &[&[0], &event[..]].concat());
        }
        if let Play::Cut(at) = play {
            client.stream.write_all(&bytes[..at.min(bytes.len())])?;
            return client.stream.shutdown(Shutdown::Both);
        }
        if let Play::Disordered(_) = play {
            client.sequence = client.sequence.wrapping_add(1);
        }
        if let Some(payload) = then {
            client.pack(&mut bytes, &payload);
        }
        client.stream.write_all(&bytes)?;
        // Nothing more to say: until the client goes.
        client.stream.read(&mut [0]).map(drop)
    }

    /// What a dump from `offset` consists of: where it starts, the format, and the rest of the file.
    fn from(&self, offset: u32) -> Vec<Vec<u8>> {
        let mut body = u64::from(offset).to_le_bytes().to_vec();
        body.extend(FILE.as_bytes());
        let mut found = vec![made_up(ROTATE, &body)];
        let mut at = 4;
        for event in &self.log {
            if at >= offset || event[4] == FORMAT_DESCRIPTION {
                let mut event = event.clone();
                if at < offset {
                    // Not at its place: the server says so and sets no end.
                    event[13..17].fill(0);
                    let end = event.len() - 4;
                    let crc = crc32fast::hash(&event[..end]);
                    event[end..].copy_from_slice(&crc.to_le_bytes());
                }
                found.push(event);
            }
            at += u32::try_from(event.len()).unwrap();
        }
        found
    }
}

const OK: [u8; 7] = [0, 0, 0, 2, 0, 0, 0];
const EOF: [u8; 5] = [0xFE, 0, 0, 2, 0];

/// An ERR packet's payload.
pub(crate) fn err(code: u16, message: &str) -> Vec<u8> {
    [
        &[0xFF],
        &code.to_le_bytes()[..],
        b"#HY000",
        message.as_bytes(),
    ]
    .concat()
}

/// An event that the server makes up: no end in the file, flag 0x20.
fn made_up(code: u8, body: &[u8]) -> Vec<u8> {
    event(code, 0x20, 0, body)
}

/// An event with its checksum; `end` is where it ends in the file.
pub(crate) fn event(code: u8, flags: u16, end: u32, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(19 + body.len() + 4).unwrap();
    let mut event = Vec::new();
    event.extend(1_700_000_000_u32.to_le_bytes());
    event.push(code);
    event.extend(7_u32.to_le_bytes());
    event.extend(size.to_le_bytes());
    event.extend(end.to_le_bytes());
    event.extend(flags.to_le_bytes());
    event.extend(body);
    event.extend(crc32fast::hash(&event).to_le_bytes());
    event
}

struct Session {
    stream: TcpStream,
    sequence: u8,
}

impl Session {
    fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header)?;
        let mut payload =
            vec![0; u32::from_le_bytes([header[0], header[1], header[2], 0]) as usize];
        self.stream.read_exact(&mut payload)?;
        self.sequence = header[3].wrapping_add(1);
        Ok(payload)
    }

    fn send(&mut self, payload: &[u8]) -> io::Result<()> {
        let mut bytes = Vec::new();
        self.pack(&mut bytes, payload);
        self.stream.write_all(&bytes)
    }

    fn pack(&mut self, bytes: &mut Vec<u8>, payload: &[u8]) {
        assert!(payload.len() < 0xFF_FFFF, "the fake sends no long packets");
        bytes.extend(&u32::try_from(payload.len()).unwrap().to_le_bytes()[..3]);
        bytes.push(self.sequence);
        bytes.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
    }

    /// Answers a statement of the preflight or of mysql_async; what it does not know is a syntax error, as a
    /// real server would say, so that a new question is noticed.
    fn answer(&mut self, sql: &str) -> io::Result<()> {
        let end = u32::MAX.to_string();
        let rows: Vec<Vec<String>> = match sql {
            _ if sql.starts_with("SET ") => return self.send(&OK),
            _ if sql.starts_with("SELECT @@") => {
                let names = sql.trim_start_matches("SELECT ").split(',');
                vec![names.map(|name| variable(name.trim())).collect()]
            }
            _ if sql.starts_with("SHOW GLOBAL VARIABLES") => VARIABLES
                .iter()
                .filter(|(name, _)| sql.contains(&format!("'{name}'")))
                .map(|(name, value)| vec![(*name).to_owned(), (*value).to_owned()])
                .collect(),
            "SHOW REPLICAS" => Vec::new(),
            "SHOW BINARY LOGS" | "SHOW BINARY LOG STATUS" => vec![vec![FILE.to_owned(), end]],
            _ if sql.starts_with("SELECT UNIX_TIMESTAMP") => vec![vec!["1700000000.5".to_owned()]],
            _ => return self.send(&err(1064, "the fake server does not know this statement")),
        };
        let columns = rows.first().map_or(2, Vec::len);
        self.send(&[u8::try_from(columns).unwrap()])?;
        for number in 0..columns {
            self.send(&column(&format!("c{number}")))?;
        }
        self.send(&EOF)?;
        for row in rows {
            let cells = row.iter().map(|cell| lenenc(cell.as_bytes()));
            self.send(&cells.collect::<Vec<_>>().concat())?;
        }
        self.send(&EOF)
    }
}

const VARIABLES: [(&str, &str); 11] = [
    ("version", "9.7.4"),
    ("server_uuid", "3e11fa47-71ca-11e1-9e33-c80aa9429562"),
    ("gtid_mode", "OFF"),
    ("gtid_executed", ""),
    ("gtid_purged", ""),
    ("log_bin", "ON"),
    ("binlog_format", "ROW"),
    ("binlog_row_image", "FULL"),
    ("binlog_row_metadata", "FULL"),
    ("log_replica_updates", "ON"),
    ("innodb_native_foreign_keys", "OFF"),
];

fn variable(name: &str) -> String {
    match name {
        "@@max_allowed_packet" => "67108864",
        "@@wait_timeout" => "28800",
        other => panic!("the fake server has no {other}"),
    }
    .to_owned()
}

fn greeting() -> Vec<u8> {
    let capabilities = CAPABILITIES.to_le_bytes();
    let mut greeting = vec![10];
    greeting.extend(b"9.7.4-fake\0");
    greeting.extend(1_u32.to_le_bytes());
    greeting.extend(b"saltsalt\0");
    greeting.extend(&capabilities[..2]);
    greeting.push(45);
    greeting.extend(2_u16.to_le_bytes());
    greeting.extend(&capabilities[2..]);
    greeting.push(21);
    greeting.extend([0; 10]);
    greeting.extend(b"saltsaltsalt\0mysql_native_password\0");
    greeting
}

/// A column definition of text in utf8mb4.
fn column(name: &str) -> Vec<u8> {
    let mut column = lenenc(b"def");
    for part in ["", "", "", name, ""] {
        column.extend(lenenc(part.as_bytes()));
    }
    column.push(12);
    column.extend(45_u16.to_le_bytes());
    column.extend(1024_u32.to_le_bytes());
    // VAR_STRING, no flags, no decimals, filler
    column.extend([253, 0, 0, 0, 0, 0]);
    column
}

fn lenenc(bytes: &[u8]) -> Vec<u8> {
    [&[u8::try_from(bytes.len()).unwrap()], bytes].concat()
}
