//! The dump connection: takes `[mysql]` and a position, gives a session and then the dump stream.
//!
//! It speaks the classic protocol of MySQL 5.7 to 9.x. Nothing of the account leaves before TLS is up
//! where TLS is asked for, and the capability to serve LOCAL INFILE is never offered.

use std::collections::HashMap;
use std::time::Duration;

use mysql_common::constants::{CapabilityFlags, Command, UTF8MB4_GENERAL_CI};
use mysql_common::io::ParseBuf;
use mysql_common::packets::{
    AuthPlugin, BinlogDumpFlags, ComBinlogDump, ComRegisterSlave, HandshakePacket,
    HandshakeResponse, SslRequest,
};
use mysql_common::proto::MySerialize;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::config::{Mysql, TlsMode};
use crate::source::auth::{Answer, Credentials, Exchange, PublicKey};
use crate::source::channel::Channel;
use crate::source::dump::{DumpStream, Limits};
use crate::source::tls;
use crate::source::wire_error::{Phase, WireError};

/// Wait for the first byte of a dump: a server may search its binlogs for the position.
const FIRST_BYTE_LIMIT: Duration = Duration::from_secs(300);
/// The shortest silence that ends a dump.
const SILENCE_LIMIT_MIN: Duration = Duration::from_secs(15);
/// The largest packet that we say we take: the protocol's own limit of one event.
const MAX_PACKET_BYTES: u32 = 1 << 30;
/// `net_write_timeout` has this range of seconds in every version.
const NET_WRITE_SECONDS: std::ops::RangeInclusive<u64> = 1..=31_536_000;
/// What we want to speak, as far as the server does.
const CAPABILITIES: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .union(CapabilityFlags::CLIENT_CONNECT_ATTRS)
    .union(CapabilityFlags::CLIENT_LONG_PASSWORD)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS);
/// What a server must speak; all have since MySQL 5.5.7.
const REQUIRED: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH);

/// Where a dump begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DumpFrom {
    /// After the transactions of a GTID set.
    Gtid {
        /// The set as `COM_BINLOG_DUMP_GTID` carries it (`Gtid_set::encode` of MySQL; with tags since
        /// 8.3).
        encoded_set: Vec<u8>,
    },
    /// At a place in a binlog file.
    File {
        /// Name of the file, as `SHOW BINARY LOGS` gives it.
        name: String,
        /// Offset of an event in bytes; 4 is the first.
        position: u32,
    },
}

/// What to ask the server for.
#[derive(Clone, Debug)]
pub struct DumpRequest {
    /// Our id as a replica.
    pub server_id: u32,
    /// Our UUID as a replica: the server ends an older dump that has the same.
    pub replica_uuid: String,
    /// How often an idle server sends a heartbeat.
    pub heartbeat: Duration,
    /// How long the server waits for us while we hold back.
    pub net_write_timeout: Duration,
    /// Bytes of one event beyond which it is refused.
    pub event_bytes_max: usize,
    /// Where to begin.
    pub from: DumpFrom,
}

/// A session that waits for commands.
#[derive(Debug)]
pub struct Wire {
    channel: Channel,
    server_version: String,
    connection_id: u32,
    answer_limit: Duration,
}

impl Wire {
    /// Connects, encrypts and authenticates, all within `settings.connect_timeout`.
    ///
    /// # Errors
    /// `Connect`, `ConnectTimeout`, `Io`, `Closed`; `Tls`, `TlsNotOffered`; `AccessDenied` and the other
    /// errors of authentication; `Unavailable` and `Server`; `Malformed`, `Sequence`, `AnswerTooLong`.
    pub async fn connect(settings: &Mysql) -> Result<Wire, WireError> {
        let limit = settings.connect_timeout;
        match timeout(limit, Box::pin(open(settings))).await {
            Ok(result) => result,
            Err(_) => {
                let (host, port) = (settings.host.clone(), settings.port);
                Err(WireError::ConnectTimeout { host, port, limit })
            }
        }
    }

    /// The version as the server gives it, `8.0.45-log` for example.
    pub fn server_version(&self) -> &str {
        &self.server_version
    }

    /// The session's id in the server's process list.
    pub fn connection_id(&self) -> u32 {
        self.connection_id
    }

    /// Runs a statement that gives no rows. A session whose statement failed is of no further use.
    ///
    /// # Errors
    /// What an ERR packet says; `AnswerTimeout` after `mysql.connect_timeout`; `Malformed` for rows or a
    /// request for a local file.
    pub async fn execute(&mut self, sql: &str) -> Result<(), WireError> {
        let mut command = vec![Command::COM_QUERY as u8];
        command.extend(sql.as_bytes());
        self.command(&command).await
    }

    /// Sets the session up as a replica, registers it and asks for the dump.
    ///
    /// # Errors
    /// Those of [`Wire::execute`]; `ReplicaUuid`. What is wrong with the position is said by the first
    /// read of the stream.
    pub async fn dump(mut self, request: &DumpRequest) -> Result<DumpStream, WireError> {
        self.execute(&session_statement(request)?).await?;
        let mut register = Vec::new();
        ComRegisterSlave::new(request.server_id).serialize(&mut register);
        self.command(&register).await?;
        self.channel.begin_command();
        self.channel.send(&dump_command(request)).await?;
        let (stream, sequence) = self.channel.into_parts();
        let limits = Limits {
            first_byte: FIRST_BYTE_LIMIT,
            silence: request.heartbeat.saturating_mul(3).max(SILENCE_LIMIT_MIN),
            event_bytes_max: request.event_bytes_max,
        };
        Ok(DumpStream::new(stream, sequence, limits))
    }

    async fn command(&mut self, payload: &[u8]) -> Result<(), WireError> {
        let limit = self.answer_limit;
        let answer = timeout(limit, async {
            self.channel.begin_command();
            self.channel.send(payload).await?;
            self.channel.receive().await
        });
        let answer = answer
            .await
            .map_err(|_| WireError::AnswerTimeout { limit })??;
        match answer.first() {
            Some(0x00) => Ok(()),
            Some(0xFF) => Err(WireError::from_packet(&answer, Phase::Session)),
            Some(_) | None => Err(WireError::Malformed {
                what: "answer to a statement",
            }),
        }
    }
}

async fn open(settings: &Mysql) -> Result<Wire, WireError> {
    let connect_error = |source| WireError::Connect {
        host: settings.host.clone(),
        port: settings.port,
        source,
    };
    let stream = TcpStream::connect((settings.host.as_str(), settings.port))
        .await
        .map_err(connect_error)?;
    stream.set_nodelay(true).map_err(connect_error)?;
    let mut channel = Channel::new(stream);
    let greeting = Greeting::parse(&channel.receive().await?)?;
    if settings.tls.mode != TlsMode::Disabled {
        channel = encrypt(channel, settings, &greeting).await?;
    }
    authenticate(&mut channel, settings, &greeting).await?;
    Ok(Wire {
        channel,
        server_version: greeting.version,
        connection_id: greeting.connection_id,
        answer_limit: settings.connect_timeout,
    })
}

async fn encrypt(
    mut channel: Channel,
    settings: &Mysql,
    greeting: &Greeting,
) -> Result<Channel, WireError> {
    if !greeting.capabilities.contains(CapabilityFlags::CLIENT_SSL) {
        return Err(WireError::TlsNotOffered);
    }
    let config = tls::client_config(&settings.tls)?;
    let name = tls::server_name(&settings.host)?;
    let capabilities = greeting.ours() | CapabilityFlags::CLIENT_SSL;
    let mut request = Vec::new();
    let collation = UTF8MB4_GENERAL_CI.to_le_bytes()[0];
    SslRequest::new(capabilities, MAX_PACKET_BYTES, collation).serialize(&mut request);
    channel.send(&request).await?;
    channel
        .encrypt(&TlsConnector::from(std::sync::Arc::new(config)), name)
        .await
}

async fn authenticate(
    channel: &mut Channel,
    settings: &Mysql,
    greeting: &Greeting,
) -> Result<(), WireError> {
    let is_encrypted = channel.is_encrypted();
    let server_key = match &settings.server_public_key {
        Some(path) if !is_encrypted => Some(PublicKey::read(path)?),
        Some(_) | None => None,
    };
    let password = settings.password.reveal().as_bytes();
    let credentials = Credentials {
        password,
        server_key: server_key.as_ref(),
        is_encrypted,
    };
    let mut exchange = Exchange::new(&greeting.plugin, greeting.nonce.clone());

    let mut capabilities = greeting.ours();
    capabilities.set(CapabilityFlags::CLIENT_SSL, is_encrypted);
    let attributes = HashMap::from([
        ("program_name".to_owned(), env!("CARGO_PKG_NAME").to_owned()),
        (
            "_client_version".to_owned(),
            env!("CARGO_PKG_VERSION").to_owned(),
        ),
    ]);
    let response = HandshakeResponse::new(
        Some(exchange.first_response(credentials)),
        // Only tells whether utf8mb4 may be asked for; reading a real version can panic on a false one.
        (8, 0, 0),
        Some(settings.user.as_bytes()),
        None::<&[u8]>,
        Some(AuthPlugin::from_bytes(
            exchange.method().as_str().as_bytes(),
        )),
        capabilities,
        capabilities
            .contains(CapabilityFlags::CLIENT_CONNECT_ATTRS)
            .then_some(attributes),
        MAX_PACKET_BYTES,
    );
    let mut payload = Vec::new();
    response.serialize(&mut payload);
    channel.send(&payload).await?;
    loop {
        let packet = channel.receive().await?;
        match exchange.answer(&packet, credentials)? {
            Answer::Accepted => return Ok(()),
            Answer::Send(bytes) => channel.send(&bytes).await?,
            Answer::Wait => (),
        }
    }
}

/// What we need of the server's first packet.
#[derive(Debug)]
struct Greeting {
    version: String,
    connection_id: u32,
    capabilities: CapabilityFlags,
    plugin: Vec<u8>,
    nonce: Vec<u8>,
}

impl Greeting {
    fn parse(packet: &[u8]) -> Result<Greeting, WireError> {
        let malformed = WireError::Malformed { what: "greeting" };
        match packet.first() {
            Some(0xFF) => return Err(WireError::from_packet(packet, Phase::Handshake)),
            Some(10) => (),
            Some(_) | None => return Err(malformed),
        }
        // mysql_common computes with this length as a signed byte, and panics below -120.
        let length_at = packet
            .iter()
            .position(|byte| *byte == 0)
            .map(|end| end + 21);
        match length_at.and_then(|at| packet.get(at)) {
            Some(0..=0x7F) => (),
            Some(_) | None => return Err(malformed),
        }
        let Ok(greeting) = ParseBuf(packet).parse::<HandshakePacket<'_>>(()) else {
            return Err(malformed);
        };
        if !greeting.capabilities().contains(REQUIRED) {
            return Err(malformed);
        }
        Ok(Greeting {
            version: greeting.server_version_str().into_owned(),
            connection_id: greeting.connection_id(),
            capabilities: greeting.capabilities(),
            plugin: greeting.auth_plugin_name_ref().unwrap_or_default().to_vec(),
            nonce: greeting.nonce(),
        })
    }

    fn ours(&self) -> CapabilityFlags {
        CAPABILITIES & self.capabilities
    }
}

/// Servers since 8.0.26 read the variables under either name, later ones may drop the old, earlier ones
/// know only the old.
fn session_statement(request: &DumpRequest) -> Result<String, WireError> {
    let uuid = &request.replica_uuid;
    if uuid::Uuid::try_parse(uuid).is_err() {
        return Err(WireError::ReplicaUuid { uuid: uuid.clone() });
    }
    let heartbeat = request.heartbeat.as_nanos();
    let (&least, &most) = (NET_WRITE_SECONDS.start(), NET_WRITE_SECONDS.end());
    let net_write = request.net_write_timeout.as_secs().clamp(least, most);
    Ok(format!(
        "SET @source_binlog_checksum = 'CRC32', @master_binlog_checksum = 'CRC32', \
         @source_heartbeat_period = {heartbeat}, @master_heartbeat_period = {heartbeat}, \
         @replica_uuid = '{uuid}', @slave_uuid = '{uuid}', \
         SESSION net_write_timeout = {net_write}"
    ))
}

fn dump_command(request: &DumpRequest) -> Vec<u8> {
    let mut command = Vec::new();
    match &request.from {
        DumpFrom::File { name, position } => ComBinlogDump::new(request.server_id)
            .with_pos(*position)
            .with_filename(name.as_bytes())
            .serialize(&mut command),
        // mysql_common cannot encode a set with tags; fields as `com_binlog_dump_gtid` reads them.
        DumpFrom::Gtid { encoded_set } => {
            command.push(Command::COM_BINLOG_DUMP_GTID as u8);
            command.extend(BinlogDumpFlags::BINLOG_THROUGH_GTID.bits().to_le_bytes());
            command.extend(request.server_id.to_le_bytes());
            // No file name: the server finds the file. Position 4 is a file's first event.
            command.extend(0u32.to_le_bytes());
            command.extend(4u64.to_le_bytes());
            // A set of 4 GiB cannot be sent; its length would not even fit here.
            let length = u32::try_from(encoded_set.len()).unwrap_or(u32::MAX);
            command.extend(length.to_le_bytes());
            command.extend(encoded_set);
        }
    }
    command
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use mysql_common::constants::StatusFlags;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::config::Tls;
    use crate::error::{Classify, Fault, Secret};
    use crate::source::chunk::Chunk;

    const OK: &[u8] = b"\0\0\0\x02\0\0\0";
    const NONCE: &[u8; 21] = b"abcdefghijklmnopqrst\0";

    fn settings(port: u16, mode: TlsMode) -> Mysql {
        Mysql {
            host: "127.0.0.1".to_owned(),
            port,
            user: "cdc".to_owned(),
            password: Secret::new("secret".to_owned()),
            server_id: 7,
            server_public_key: None,
            connect_timeout: Duration::from_secs(20),
            heartbeat: Duration::from_secs(5),
            net_write_timeout: Duration::from_secs(3600),
            event_bytes_max: 1 << 20,
            transaction_bytes_max: 1 << 20,
            row_image: crate::config::RowImage::Full,
            tls: Tls {
                mode,
                ca_file: None,
                identity: None,
            },
        }
    }

    fn request(from: DumpFrom) -> DumpRequest {
        DumpRequest {
            server_id: 7,
            replica_uuid: "7f9f5c4e-5f0d-11ef-8a1e-0242ac120002".to_owned(),
            heartbeat: Duration::from_secs(5),
            net_write_timeout: Duration::from_secs(3600),
            event_bytes_max: 1 << 20,
            from,
        }
    }

    fn greeting(capabilities: CapabilityFlags) -> Vec<u8> {
        let packet = HandshakePacket::new(
            10,
            &b"8.0.45-log"[..],
            42,
            *b"abcdefgh",
            Some(&b"ijklmnopqrst\0"[..]),
            capabilities,
            45,
            StatusFlags::empty(),
            Some(&b"caching_sha2_password"[..]),
        );
        let mut out = Vec::new();
        packet.serialize(&mut out);
        out
    }

    fn framed(sequence: u8, payload: &[u8]) -> Vec<u8> {
        [
            &[u8::try_from(payload.len()).unwrap(), 0, 0, sequence],
            payload,
        ]
        .concat()
    }

    /// A server that plays a script: it sends a packet, then waits for one. It gives what it received,
    /// sequence id first.
    async fn play(script: Vec<(u8, Vec<u8>)>) -> (u16, JoinHandle<Vec<Vec<u8>>>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut received = Vec::new();
            for (sequence, payload) in script {
                stream.write_all(&framed(sequence, &payload)).await.unwrap();
                let mut header = [0; 4];
                if stream.read_exact(&mut header).await.is_err() {
                    break;
                }
                let mut payload = vec![0; usize::from(header[0]) + 256 * usize::from(header[1])];
                stream.read_exact(&mut payload).await.unwrap();
                received.push([&header[3..], &payload].concat());
            }
            received
        });
        (port, server)
    }

    #[tokio::test]
    async fn a_server_without_tls_learns_nothing_where_tls_is_asked_for() {
        for mode in [
            TlsMode::Required,
            TlsMode::VerifyCa,
            TlsMode::VerifyIdentity,
        ] {
            let (port, server) = play(vec![(0, greeting(REQUIRED))]).await;
            let error = Wire::connect(&settings(port, mode)).await.unwrap_err();
            assert!(matches!(error, WireError::TlsNotOffered), "{error}");
            assert_eq!(error.fault(), Fault::Operator);
            assert!(server.await.unwrap().is_empty());
        }
    }

    #[tokio::test]
    async fn the_whole_way_to_the_stream() {
        let all = CAPABILITIES | CapabilityFlags::CLIENT_SSL | CapabilityFlags::CLIENT_LOCAL_FILES;
        let mut event = [5; 30];
        event[9..13].copy_from_slice(&30u32.to_le_bytes());
        let packet = [&[0][..], &event].concat();
        // The fast path has two packets in a row, which the script of the other tests cannot play.
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut received = Vec::new();
            let fast = [&[2, 0, 0, 2, 1, 3][..], &framed(3, OK)].concat();
            for answer in [
                framed(0, &greeting(all)),
                fast,
                framed(1, OK),
                framed(1, OK),
                framed(1, &packet),
            ] {
                stream.write_all(&answer).await.unwrap();
                let mut header = [0; 4];
                if stream.read_exact(&mut header).await.is_err() {
                    break;
                }
                let mut payload = vec![0; usize::from(header[0]) + 256 * usize::from(header[1])];
                stream.read_exact(&mut payload).await.unwrap();
                received.push([&header[3..], &payload].concat());
            }
            received
        });
        let wire = Wire::connect(&settings(port, TlsMode::Disabled))
            .await
            .unwrap();
        assert_eq!(
            (wire.server_version(), wire.connection_id()),
            ("8.0.45-log", 42)
        );
        let from = DumpFrom::Gtid {
            encoded_set: vec![0; 8],
        };
        let mut dump = wire.dump(&request(from)).await.unwrap();
        let mut chunk = Chunk::default();
        dump.read(&mut chunk).await.unwrap();
        assert_eq!(chunk.iter().collect::<Vec<_>>(), [event]);
        drop(dump);

        let received = server.await.unwrap();
        let response = ParseBuf(&received[0][1..])
            .parse::<HandshakeResponse<'_>>(())
            .unwrap();
        assert_eq!(response.user(), b"cdc");
        assert_eq!(response.scramble_buf().len(), 32);
        assert!(
            !response
                .capabilities()
                .contains(CapabilityFlags::CLIENT_LOCAL_FILES)
        );
        assert!(
            !response
                .capabilities()
                .contains(CapabilityFlags::CLIENT_SSL)
        );
        assert!(received[1].starts_with(b"\0\x03SET @source_binlog_checksum = 'CRC32'"));
        assert_eq!(received[2][..6], [0, 0x15, 7, 0, 0, 0]);
        assert_eq!(
            received[3],
            [
                0, 0x1E, 4, 0, 7, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0,
                0, 0, 0, 0, 0
            ]
        );
        let all = received.concat();
        assert!(!all.windows(6).any(|window| window == b"secret"));
    }

    #[tokio::test]
    async fn the_full_exchange_in_clear_is_refused_with_a_remedy() {
        let script = vec![(0, greeting(CAPABILITIES)), (2, b"\x01\x04".to_vec())];
        let (port, server) = play(script).await;
        let error = Wire::connect(&settings(port, TlsMode::Disabled))
            .await
            .unwrap_err();
        assert!(
            matches!(error, WireError::PasswordUnprotected { .. }),
            "{error}"
        );
        assert!(error.remedy().unwrap().contains("public_key.pem"));
        assert_eq!(server.await.unwrap().len(), 1);

        let (port, _server) = play(vec![(0, greeting(CAPABILITIES))]).await;
        let mut settings = settings(port, TlsMode::Disabled);
        settings.server_public_key = Some(PathBuf::from("/nonexistent/public_key.pem"));
        let error = Wire::connect(&settings).await.unwrap_err();
        assert!(matches!(error, WireError::PublicKey { .. }), "{error}");
    }

    #[tokio::test]
    async fn a_refusal_in_place_of_the_greeting_is_named() {
        let (port, _server) = play(vec![(0, b"\xff\x10\x04Too many connections".to_vec())]).await;
        let error = Wire::connect(&settings(port, TlsMode::Required))
            .await
            .unwrap_err();
        assert_eq!(error.fault(), Fault::Transient, "{error}");
    }

    #[tokio::test]
    async fn a_server_that_says_nothing_is_left_after_the_limit() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let mut settings = settings(listener.local_addr().unwrap().port(), TlsMode::Disabled);
        settings.connect_timeout = Duration::from_millis(50);
        let error = Wire::connect(&settings).await.unwrap_err();
        assert!(matches!(error, WireError::ConnectTimeout { .. }), "{error}");
        assert_eq!(error.fault(), Fault::Transient);
    }

    #[tokio::test]
    async fn a_request_for_a_local_file_is_refused() {
        let script = vec![
            (0, greeting(CAPABILITIES)),
            (2, OK.to_vec()),
            (1, b"\xfb/etc/passwd".to_vec()),
        ];
        let (port, _server) = play(script).await;
        let mut wire = Wire::connect(&settings(port, TlsMode::Disabled))
            .await
            .unwrap();
        let error = wire.execute("SET @a = 1").await.unwrap_err();
        assert!(matches!(error, WireError::Malformed { .. }), "{error}");
    }

    #[test]
    fn odd_greetings_are_errors() {
        let good = greeting(CAPABILITIES);
        let parsed = Greeting::parse(&good).unwrap();
        assert_eq!(parsed.nonce, NONCE[..20]);
        assert_eq!(parsed.plugin, b"caching_sha2_password");
        for cut in 0..good.len() - 22 {
            assert!(Greeting::parse(&good[..cut]).is_err(), "{cut}");
        }
        let length_at = 1 + "8.0.45-log".len() + 21;
        assert_eq!(good[length_at], 21);
        for value in 0..=255 {
            let mut odd = good.clone();
            odd[length_at] = value;
            let parsed = Greeting::parse(&odd);
            assert!(parsed.is_ok() || value > 21, "{value}");
            assert!(parsed.is_err() || value < 0x80, "{value}");
        }
        assert!(Greeting::parse(&greeting(CapabilityFlags::CLIENT_PROTOCOL_41)).is_err());
        assert!(Greeting::parse(b"\x09old").is_err());
    }

    #[test]
    fn the_session_statement_names_both_spellings() {
        let from = DumpFrom::File {
            name: "b.000001".to_owned(),
            position: 4,
        };
        let mut request = request(from);
        request.net_write_timeout = Duration::MAX;
        let sql = session_statement(&request).unwrap();
        for part in [
            "@source_heartbeat_period = 5000000000, @master_heartbeat_period = 5000000000",
            "@replica_uuid = '7f9f5c4e-5f0d-11ef-8a1e-0242ac120002', @slave_uuid",
            "net_write_timeout = 31536000",
        ] {
            assert!(sql.contains(part), "{sql}");
        }
        assert_eq!(
            dump_command(&request),
            b"\x12\x04\0\0\0\0\0\x07\0\0\0b.000001"
        );
        request.replica_uuid = "' OR 1".to_owned();
        assert!(matches!(
            session_statement(&request),
            Err(WireError::ReplicaUuid { .. })
        ));
    }
}
