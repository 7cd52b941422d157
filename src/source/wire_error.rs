//! What can go wrong on a connection to MySQL.
//!
//! Takes the packets by which a server refuses, gives named failures with their class and remedy.
//! It never carries a password, a key or a cell value.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mysql_common::constants::CapabilityFlags;
use mysql_common::io::ParseBuf;
use mysql_common::packets::ErrPacket;
use thiserror::Error;

use crate::error::{Classify, Fault};
use crate::source::tls::TlsError;

/// Bytes of a server's message that are kept; MySQL itself stops at 512.
const MESSAGE_BYTES_MAX: usize = 2048;

/// An error packet: what the server itself said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerReply {
    /// MySQL's error number.
    pub code: u16,
    /// SQLSTATE; empty where the server sent none, as it does before the handshake.
    pub state: String,
    /// The server's words, at most 2 KiB of them.
    pub message: String,
}

impl fmt::Display for ServerReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {}", self.code)?;
        if !self.state.is_empty() {
            write!(f, " ({})", self.state)?;
        }
        write!(f, ": {}", self.message)
    }
}

/// When an error packet came: the same number means different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Before the server accepted the account.
    Handshake,
    /// After it: statements, registration and the stream.
    Session,
}

/// A connection that failed, with what the operator has to know.
#[derive(Debug, Error)]
pub enum WireError {
    /// No TCP connection.
    #[error("cannot connect to {host}:{port}: {source}")]
    Connect {
        /// Host as configured.
        host: String,
        /// TCP port.
        port: u16,
        /// The system's reason.
        source: io::Error,
    },
    /// TCP, TLS and authentication together took too long.
    #[error("no session with {host}:{port} within {limit:?}")]
    ConnectTimeout {
        /// Host as configured.
        host: String,
        /// TCP port.
        port: u16,
        /// `mysql.connect_timeout`.
        limit: Duration,
    },
    /// The socket failed.
    #[error("the connection to MySQL failed: {source}")]
    Io {
        /// The system's reason.
        source: io::Error,
    },
    /// The server closed the connection between or inside packets, without a word.
    #[error("the server closed the connection")]
    Closed,
    /// A statement was not answered in time.
    #[error("the server did not answer a statement within {limit:?}")]
    AnswerTimeout {
        /// The limit that passed.
        limit: Duration,
    },
    /// Not a single byte of the stream within the limit, heartbeats included.
    #[error("no byte from the server for {limit:?}, though a heartbeat was due")]
    Silent {
        /// The limit that passed.
        limit: Duration,
    },
    /// The server ended the dump with an EOF packet.
    #[error("the server ended the dump")]
    Ended,
    /// Settings or certificates of TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// TLS was asked for; the server's greeting does not offer it, or somebody removed the offer.
    #[error("the server does not offer TLS, and mysql.tls.mode asks for it")]
    TlsNotOffered,
    /// The pinned RSA key cannot be used.
    #[error("mysql.server_public_key {path:?}: {reason}")]
    PublicKey {
        /// The configured file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The plugin needs the password itself, and nothing would protect it on the way.
    #[error(
        "{plugin} asks for the password, and the connection is neither encrypted nor the server's key pinned"
    )]
    PasswordUnprotected {
        /// The authentication plugin.
        plugin: &'static str,
    },
    /// The password does not fit into one RSA block of the pinned key.
    #[error("the password is longer than the {limit} bytes that the pinned RSA key can carry")]
    PasswordTooLong {
        /// Bytes that fit.
        limit: usize,
    },
    /// A plugin that we refuse or do not know.
    #[error("the server asks for authentication plugin {plugin:?}, which remora does not use")]
    AuthPlugin {
        /// Name as the server sent it.
        plugin: String,
    },
    /// The server refused the account.
    #[error("the server refused the account: {0}")]
    AccessDenied(ServerReply),
    /// The account lacks a privilege.
    #[error("the account may not follow the binlog: {0}")]
    Privilege(ServerReply),
    /// The server's binlogs no longer hold what the position needs.
    #[error("the binlogs that the position needs are purged: {0}")]
    Purged(ServerReply),
    /// The position lies beyond the server's binlogs, or inside none of them.
    #[error("the position is not one of this server's: {0}")]
    BeyondEnd(ServerReply),
    /// Our set holds transactions of this server that it does not have itself.
    #[error("the server lacks transactions that were already read: {0}")]
    HistoryLost(ServerReply),
    /// Another replica with the same identity took over the dump.
    #[error("another replica with the same UUID or server_id connected: {0}")]
    Duplicate(ServerReply),
    /// The server cannot send one of its own events.
    #[error("the server cannot send an event of its binlog: {0}")]
    UnsendableEvent(ServerReply),
    /// The server has no binlog at all.
    #[error("the server writes no binlog: {0}")]
    BinlogDisabled(ServerReply),
    /// The server is busy, stopping or ending our session: it will pass.
    #[error("the server is not available now: {0}")]
    Unavailable(ServerReply),
    /// Any other error packet.
    #[error("the server refused: {0}")]
    Server(ServerReply),
    /// An event larger than the configured limit.
    #[error(
        "event of {bytes} bytes (type {type_code}, log_pos {log_pos}) exceeds mysql.event_bytes_max = {limit}"
    )]
    EventTooLarge {
        /// Bytes of the event, as far as they are known.
        bytes: usize,
        /// Type code of the event's own header.
        type_code: u8,
        /// End position of the event's own header: low 32 bits.
        log_pos: u32,
        /// The configured limit in bytes.
        limit: usize,
    },
    /// Packets out of order: bytes were lost, or somebody else wrote into the connection.
    #[error("packet {found} came where packet {expected} was due")]
    Sequence {
        /// The sequence id that was due.
        expected: u8,
        /// The sequence id that came.
        found: u8,
    },
    /// A packet of the stream that begins with neither OK, ERR nor EOF.
    #[error("a packet of the stream begins with byte 0x{byte:02x}{}", marker_note(*byte))]
    Marker {
        /// The status byte.
        byte: u8,
    },
    /// A packet that cannot be understood.
    #[error("the server's {what} cannot be understood")]
    Malformed {
        /// The packet.
        what: &'static str,
    },
    /// Far more bytes or packets than an answer can have.
    #[error("the server's answer exceeds {packets} packets or {bytes} bytes")]
    AnswerTooLong {
        /// Limit of packets.
        packets: u32,
        /// Limit of bytes.
        bytes: usize,
    },
    /// The replica's UUID is not one.
    #[error("{uuid:?} is not a UUID")]
    ReplicaUuid {
        /// The text.
        uuid: String,
    },
    /// The stream was read again after it had ended or after a read was abandoned.
    #[error("the dump stream was read after its end")]
    ReadAfterEnd,
}

fn marker_note(byte: u8) -> &'static str {
    if byte == 0xEF {
        " (a semi-synchronous header, which was not asked for)"
    } else {
        ""
    }
}

impl From<io::Error> for WireError {
    /// An end in the middle is how a dead server looks, in clear as inside TLS.
    fn from(source: io::Error) -> WireError {
        if source.kind() == io::ErrorKind::UnexpectedEof {
            WireError::Closed
        } else {
            WireError::Io { source }
        }
    }
}

impl WireError {
    /// Whether bytes of the stream are suspect, so that reading them again may mend it.
    pub fn is_corruption(&self) -> bool {
        matches!(
            self,
            WireError::Sequence { .. }
                | WireError::Marker { .. }
                | WireError::Malformed { .. }
                | WireError::EventTooLarge { .. }
        )
    }

    /// Names what an error packet says; `payload` begins with 0xFF.
    pub fn from_packet(payload: &[u8], phase: Phase) -> WireError {
        match parse_reply(payload) {
            Some(reply) => name_reply(reply, phase),
            None => WireError::Malformed {
                what: "error packet",
            },
        }
    }
}

/// The state is missing in errors sent before the server knows what we speak.
fn parse_reply(payload: &[u8]) -> Option<ServerReply> {
    let parsed = ParseBuf(payload)
        .parse::<ErrPacket<'_>>(CapabilityFlags::CLIENT_PROTOCOL_41)
        .or_else(|_| ParseBuf(payload).parse::<ErrPacket<'_>>(CapabilityFlags::empty()))
        .ok()?;
    let ErrPacket::Error(error) = parsed else {
        return None;
    };
    let kept = error.message_ref();
    let kept = kept.get(..MESSAGE_BYTES_MAX).unwrap_or(kept);
    Some(ServerReply {
        code: error.error_code(),
        state: error
            .sql_state_ref()
            .map(|state| state.as_str().into_owned())
            .unwrap_or_default(),
        message: String::from_utf8_lossy(kept).into_owned(),
    })
}

/// Numbers from MySQL's `messages_to_clients.txt`.
fn name_reply(reply: ServerReply, phase: Phase) -> WireError {
    match reply.code {
        1236 => name_dump_reply(reply),
        // Access denied, host not allowed or blocked, old or missing plugin, password needed, wrong or
        // expired, TLS required, account locked.
        1044 | 1045 | 1129 | 1130 | 1251 | 1524 | 1698 | 1820 | 1862 | 3118 | 3159 | 3955 => {
            match phase {
                Phase::Handshake => WireError::AccessDenied(reply),
                // A session without REPLICATION SLAVE gets 1045 for the dump and its registration.
                Phase::Session => WireError::Privilege(reply),
            }
        }
        1142 | 1227 => WireError::Privilege(reply),
        // Disk full, out of memory, too many connections or threads, broken handshake, shutdown,
        // aborted connection, network trouble, killed or interrupted session, offline mode.
        1021
        | 1037
        | 1038
        | 1040
        | 1041
        | 1042
        | 1043
        | 1053
        | 1077
        | 1079
        | 1135
        | 1152
        | 1158..=1161
        | 1184
        | 1203
        | 1205
        | 1213
        | 1226
        | 1317
        | 1927
        | 3032
        | 3168
        | 3169
        | 4031 => WireError::Unavailable(reply),
        _ => WireError::Server(reply),
    }
}

/// Every failure of the dump thread has number 1236; only its text, from `rpl_binlog_sender.cc`, tells
/// them apart. MySQL 8.0.26 and later say "source" and "replica" where earlier servers say otherwise.
fn name_dump_reply(reply: ServerReply) -> WireError {
    let text = reply.message.to_ascii_lowercase();
    let says = |words: &str| text.contains(words);
    if says("same server_uuid/server_id") {
        WireError::Duplicate(reply)
    } else if says("purged") || says("could not find first log file") {
        WireError::Purged(reply)
    } else if says("more gtids than") {
        WireError::HistoryLost(reply)
    } else if says("impossible position") || says("from position") || says("beyond") {
        WireError::BeyondEnd(reply)
    } else if says("max_allowed_packet") || says("exceeded") {
        WireError::UnsendableEvent(reply)
    } else if says("binary log is not open") {
        WireError::BinlogDisabled(reply)
    } else if says("memory allocation failed") {
        WireError::Unavailable(reply)
    } else {
        WireError::Server(reply)
    }
}

impl Classify for WireError {
    fn fault(&self) -> Fault {
        match self {
            WireError::Connect { .. }
            | WireError::ConnectTimeout { .. }
            | WireError::Io { .. }
            | WireError::Closed
            | WireError::AnswerTimeout { .. }
            | WireError::Silent { .. }
            | WireError::Ended
            | WireError::Unavailable(_)
            // Bytes that TCP's checksum let pass damaged: a new connection reads them again.
            | WireError::Sequence { .. } => Fault::Transient,
            WireError::Tls(error) => error.fault(),
            WireError::TlsNotOffered
            | WireError::PublicKey { .. }
            | WireError::PasswordUnprotected { .. }
            | WireError::PasswordTooLong { .. }
            | WireError::AuthPlugin { .. }
            | WireError::AccessDenied(_)
            | WireError::Privilege(_)
            | WireError::Purged(_)
            | WireError::BeyondEnd(_)
            | WireError::HistoryLost(_)
            | WireError::Duplicate(_)
            | WireError::UnsendableEvent(_)
            | WireError::BinlogDisabled(_)
            | WireError::Server(_) => Fault::Operator,
            WireError::EventTooLarge { .. }
            | WireError::Marker { .. }
            | WireError::Malformed { .. }
            | WireError::AnswerTooLong { .. } => Fault::Data,
            WireError::ReplicaUuid { .. } | WireError::ReadAfterEnd => Fault::Bug,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        let text = match self {
            WireError::Connect { .. } | WireError::ConnectTimeout { .. } => {
                "check mysql.host, mysql.port and the network between here and the server"
            }
            WireError::Tls(error) => return error.remedy(),
            WireError::TlsNotOffered => {
                "enable TLS on the server, or, for a server on the loopback interface, set \
                 mysql.tls.mode = \"disabled\""
            }
            WireError::PublicKey { .. } => {
                "set mysql.server_public_key to a copy of the server's public_key.pem"
            }
            WireError::PasswordUnprotected { .. } => {
                "set mysql.tls.mode to \"required\" or stricter, or set mysql.server_public_key to a \
                 copy of the server's public_key.pem"
            }
            WireError::PasswordTooLong { .. } => "use TLS, or a shorter password",
            WireError::AuthPlugin { .. } => "ALTER USER the account to caching_sha2_password",
            WireError::AccessDenied(_) => {
                "check mysql.user and the password, and that the account may connect from this host"
            }
            WireError::Privilege(_) => {
                "GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* to the account"
            }
            WireError::Purged(_) => {
                "start again with a new snapshot, or follow a replica whose binlogs still reach back \
                 that far; then keep binlogs longer (binlog_expire_logs_seconds)"
            }
            WireError::BeyondEnd(_) | WireError::HistoryLost(_) => {
                "check that mysql.host is the server that was followed before: it was restored, failed \
                 over or lost its last transactions; start again with a new snapshot if it is the right one"
            }
            WireError::Duplicate(_) => {
                "stop the other instance, or give each its own mysql.server_id and topic prefix"
            }
            WireError::UnsendableEvent(_) => {
                "set max_allowed_packet = 1073741824 on the server; if the event is damaged, follow a \
                 replica or start again with a new snapshot"
            }
            WireError::BinlogDisabled(_) => "start the server with log_bin and binlog_format = ROW",
            WireError::EventTooLarge { .. } => {
                "raise mysql.event_bytes_max above the event's size (the protocol's limit is 1 GiB)"
            }
            WireError::Marker { .. }
            | WireError::Malformed { .. }
            | WireError::AnswerTooLong { .. } => {
                "check that mysql.host and mysql.port reach a MySQL server, and no proxy that changes \
                 the stream"
            }
            WireError::Io { .. }
            | WireError::Closed
            | WireError::AnswerTimeout { .. }
            | WireError::Silent { .. }
            | WireError::Ended
            | WireError::Unavailable(_)
            | WireError::Server(_)
            | WireError::Sequence { .. }
            | WireError::ReplicaUuid { .. }
            | WireError::ReadAfterEnd => return None,
        };
        Some(Cow::Borrowed(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(code: u16, message: &str) -> Vec<u8> {
        let mut out = vec![0xFF];
        out.extend(code.to_le_bytes());
        out.extend(b"#HY000");
        out.extend(message.as_bytes());
        out
    }

    fn check(
        code: u16,
        message: &str,
        phase: Phase,
        expected: fn(&WireError) -> bool,
        fault: Fault,
    ) {
        let error = WireError::from_packet(&packet(code, message), phase);
        assert!(expected(&error), "{code} {message}: {error:?}");
        assert_eq!(error.fault(), fault, "{error:?}");
    }

    #[test]
    fn dump_failures_are_told_apart_by_their_text() {
        let dump = |text, expected, fault| check(1236, text, Phase::Session, expected, fault);
        for text in [
            "Could not find first log file name in binary log index file",
            "Cannot replicate because the source purged required binary logs. Replicate the missing \
             transactions from elsewhere, or provision a new replica from backup.",
            "The slave is connecting using CHANGE MASTER TO MASTER_AUTO_POSITION = 1, but the master \
             has purged binary logs containing GTIDs that the slave requires.",
        ] {
            dump(text, |e| matches!(e, WireError::Purged(_)), Fault::Operator);
        }
        for text in [
            "Client requested source to start replication from position > file size",
            "Client requested master to start replication from impossible position",
            "Client requested source to start replication from position < 4",
        ] {
            dump(
                text,
                |e| matches!(e, WireError::BeyondEnd(_)),
                Fault::Operator,
            );
        }
        for text in [
            "A slave with the same server_uuid/server_id as this slave has connected to the master;",
            "A replica with the same server_uuid/server_id as this replica has connected to the \
             source; the first event 'b.000002' at 4, the last event read from './b.000002' at 126",
        ] {
            dump(
                text,
                |e| matches!(e, WireError::Duplicate(_)),
                Fault::Operator,
            );
        }
        dump(
            "log event entry exceeded max_allowed_packet; Increase max_allowed_packet on source",
            |e| matches!(e, WireError::UnsendableEvent(_)),
            Fault::Operator,
        );
        dump(
            "Replica has more GTIDs than the source has, using the source's SERVER_UUID.",
            |e| matches!(e, WireError::HistoryLost(_)),
            Fault::Operator,
        );
        dump(
            "Binary log is not open",
            |e| matches!(e, WireError::BinlogDisabled(_)),
            Fault::Operator,
        );
        dump(
            "bogus data in log event",
            |e| matches!(e, WireError::Server(_)),
            Fault::Operator,
        );
    }

    #[test]
    fn numbers_decide_for_everything_else() {
        let denied = "Access denied for user 'u'@'h' (using password: YES)";
        let hand = Phase::Handshake;
        check(
            1045,
            denied,
            hand,
            |e| matches!(e, WireError::AccessDenied(_)),
            Fault::Operator,
        );
        check(
            1045,
            denied,
            Phase::Session,
            |e| matches!(e, WireError::Privilege(_)),
            Fault::Operator,
        );
        check(
            1227,
            "",
            Phase::Session,
            |e| matches!(e, WireError::Privilege(_)),
            Fault::Operator,
        );
        for code in [1040, 1053, 1152, 1158, 1160, 1317, 3169] {
            check(
                code,
                "",
                hand,
                |e| matches!(e, WireError::Unavailable(_)),
                Fault::Transient,
            );
        }
        check(
            1064,
            "syntax",
            Phase::Session,
            |e| matches!(e, WireError::Server(_)),
            Fault::Operator,
        );
    }

    #[test]
    fn an_error_without_sqlstate_is_read_too() {
        let error = WireError::from_packet(b"\xff\x10\x04Too many connections", Phase::Handshake);
        let WireError::Unavailable(reply) = error else {
            panic!("{error:?}")
        };
        assert_eq!(reply.to_string(), "error 1040: Too many connections");
        for cut in [&b"\xff"[..], b"\xff\x10"] {
            let error = WireError::from_packet(cut, Phase::Handshake);
            assert!(matches!(error, WireError::Malformed { .. }), "{error:?}");
        }
    }

    #[test]
    fn a_long_message_is_cut() {
        let error = WireError::from_packet(&packet(1064, &"x".repeat(9000)), Phase::Session);
        let WireError::Server(reply) = error else {
            panic!("{error:?}")
        };
        assert_eq!(reply.message.len(), MESSAGE_BYTES_MAX);
    }
}
