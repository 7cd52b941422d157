//! The source: takes packets from our own dump connection, gives checked events.

pub mod auth;
pub mod binlog;
pub mod channel;
pub mod chunk;
pub mod dump;
pub mod file;
pub mod frame;
pub mod payload;
pub mod query;
pub mod sql;
pub mod statement;
pub mod tls;
pub mod transaction;
pub mod wire;
pub mod wire_error;
