//! Packets of the connection's command phase: takes payloads, gives payloads.
//!
//! It reads exactly one packet at a time and never a byte beyond it. So nothing that was sent in clear
//! can pass as part of the encrypted session, and the dump stream begins with an empty buffer.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::source::tls::TlsError;
use crate::source::wire_error::WireError;

/// A payload of this length goes on in the next packet.
pub const PACKET_BYTES_MAX: usize = 0xFF_FFFF;
/// Packets that the handshake, or the answer to one command, may have.
pub const ANSWER_PACKETS_MAX: u32 = 64;
/// Bytes that the handshake, or the answer to one command, may have.
pub const ANSWER_BYTES_MAX: usize = 1 << 20;

/// Length of a payload and sequence id, from a packet header (3 bytes little-endian, 1 byte).
pub fn parse_header(header: [u8; 4]) -> (usize, u8) {
    let [a, b, c, sequence] = header;
    (
        usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16,
        sequence,
    )
}

/// A socket, in clear or encrypted.
#[derive(Debug)]
pub enum Stream {
    /// TCP in clear.
    Plain(TcpStream),
    /// TLS over TCP.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A socket with the state that packets share: the sequence id and what the answer may still cost.
#[derive(Debug)]
pub struct Channel {
    stream: Stream,
    sequence: u8,
    packets_left: u32,
    bytes_left: usize,
}

impl Channel {
    /// Begins with the server's greeting as packet 0.
    pub fn new(stream: TcpStream) -> Channel {
        Channel {
            stream: Stream::Plain(stream),
            sequence: 0,
            packets_left: ANSWER_PACKETS_MAX,
            bytes_left: ANSWER_BYTES_MAX,
        }
    }

    /// Begins a command: its first packet is packet 0, its answer has the whole limit.
    pub fn begin_command(&mut self) {
        self.sequence = 0;
        self.packets_left = ANSWER_PACKETS_MAX;
        self.bytes_left = ANSWER_BYTES_MAX;
    }

    /// The next packet's payload.
    ///
    /// # Errors
    /// `Sequence`, `AnswerTooLong`, `Closed`, `Io`.
    pub async fn receive(&mut self) -> Result<Vec<u8>, WireError> {
        let mut header = [0; 4];
        self.stream.read_exact(&mut header).await?;
        let (length, sequence) = parse_header(header);
        if sequence != self.sequence {
            return Err(WireError::Sequence {
                expected: self.sequence,
                found: sequence,
            });
        }
        self.sequence = sequence.wrapping_add(1);
        match (
            self.packets_left.checked_sub(1),
            self.bytes_left.checked_sub(length),
        ) {
            (Some(packets), Some(bytes)) => (self.packets_left, self.bytes_left) = (packets, bytes),
            _ => {
                return Err(WireError::AnswerTooLong {
                    packets: ANSWER_PACKETS_MAX,
                    bytes: ANSWER_BYTES_MAX,
                });
            }
        }
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).await?;
        Ok(payload)
    }

    /// Sends one payload, in as many packets as it takes.
    ///
    /// # Errors
    /// `Io`.
    pub async fn send(&mut self, payload: &[u8]) -> Result<(), WireError> {
        let mut rest = payload;
        loop {
            let (part, after) = rest.split_at(rest.len().min(PACKET_BYTES_MAX));
            let [a, b, c, ..] = part.len().to_le_bytes();
            // Header and payload go out in one write: two would wait for each other's acknowledgement.
            let mut packet = Vec::with_capacity(4 + part.len());
            packet.extend([a, b, c, self.sequence]);
            packet.extend(part);
            self.stream.write_all(&packet).await?;
            self.sequence = self.sequence.wrapping_add(1);
            if part.len() < PACKET_BYTES_MAX {
                break;
            }
            rest = after;
        }
        self.stream.flush().await?;
        Ok(())
    }

    /// Encrypts the connection from here on; packets go on counting.
    ///
    /// # Errors
    /// `Tls` where the certificate or the settings are at fault, `Io` where the network is.
    pub async fn encrypt(
        self,
        connector: &TlsConnector,
        name: ServerName<'static>,
    ) -> Result<Channel, WireError> {
        let stream = match self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(_) => {
                return Err(WireError::Malformed {
                    what: "second TLS handshake",
                });
            }
        };
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(handshake_error)?;
        Ok(Channel {
            stream: Stream::Tls(Box::new(stream)),
            ..self
        })
    }

    /// Whether what is sent now is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.stream, Stream::Tls(_))
    }

    /// The socket and the sequence id that the server's next packet will have.
    pub fn into_parts(self) -> (Stream, u8) {
        (self.stream, self.sequence)
    }
}

/// tokio-rustls wraps the verdict on a certificate into an I/O error.
fn handshake_error(error: io::Error) -> WireError {
    let verdict = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<tokio_rustls::rustls::Error>());
    match verdict {
        Some(verdict) => WireError::Tls(TlsError::Handshake {
            source: verdict.clone(),
        }),
        None => WireError::from(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn pair() -> (Channel, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        (Channel::new(client), listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn receives_in_order_and_refuses_a_gap() {
        let (mut channel, mut server) = pair().await;
        server
            .write_all(b"\x02\0\0\0ab\0\0\0\x01\x01\0\0\x03c")
            .await
            .unwrap();
        assert_eq!(channel.receive().await.unwrap(), b"ab");
        assert_eq!(channel.receive().await.unwrap(), b"");
        let error = channel.receive().await.unwrap_err();
        assert!(
            matches!(
                error,
                WireError::Sequence {
                    expected: 2,
                    found: 3
                }
            ),
            "{error}"
        );
    }

    #[tokio::test]
    async fn an_answer_is_bounded_in_bytes_and_in_packets() {
        let (mut channel, mut server) = pair().await;
        server.write_all(b"\x01\0\x10\0").await.unwrap();
        let error = channel.receive().await.unwrap_err();
        assert!(matches!(error, WireError::AnswerTooLong { .. }), "{error}");

        let (mut channel, mut server) = pair().await;
        for sequence in 0..=64 {
            server.write_all(&[1, 0, 0, sequence, b'x']).await.unwrap();
        }
        for _ in 0..64 {
            channel.receive().await.unwrap();
        }
        let error = channel.receive().await.unwrap_err();
        assert!(matches!(error, WireError::AnswerTooLong { .. }), "{error}");
    }

    #[tokio::test]
    async fn an_end_inside_a_packet_is_a_closed_connection() {
        for sent in [&b""[..], b"\x02\0", b"\x02\0\0\0a"] {
            let (mut channel, mut server) = pair().await;
            server.write_all(sent).await.unwrap();
            drop(server);
            assert!(matches!(channel.receive().await, Err(WireError::Closed)));
        }
    }

    #[tokio::test]
    async fn a_long_payload_is_cut_and_an_exact_multiple_ends_with_an_empty_packet() {
        let (mut channel, mut server) = pair().await;
        let reader = tokio::spawn(async move {
            let mut all = Vec::new();
            server.read_to_end(&mut all).await.unwrap();
            all
        });
        channel.send(&vec![7; PACKET_BYTES_MAX]).await.unwrap();
        channel.begin_command();
        channel.send(b"z").await.unwrap();
        drop(channel);
        let all = reader.await.unwrap();
        assert_eq!(all.len(), 4 + PACKET_BYTES_MAX + 4 + 5);
        assert_eq!(all[..4], [0xFF, 0xFF, 0xFF, 0]);
        assert_eq!(all[4 + PACKET_BYTES_MAX..], [0, 0, 0, 1, 1, 0, 0, 0, b'z']);
    }
}
