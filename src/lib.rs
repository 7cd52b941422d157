//! remora follows a MySQL binlog as a replica and publishes each committed row change to Kafka as a
//! Debezium-format record.
//!
//! The stages stand in the order of the pipe: [`source`] reads events, [`schema`] compiles a plan per
//! table version, [`decode`] and [`encode`] turn row images into JSON, [`transform`] changes records where that is
//! configured, [`sink`] delivers batches and [`checkpoint`] stores the position behind them. Only [`pipeline`] sees more than one of them.

pub mod check;
pub mod checkpoint;
pub mod cli;
pub mod config;
pub mod cursor;
pub mod daemon;
pub mod decode;
pub mod encode;
pub mod error;
pub mod event;
#[doc(hidden)]
pub mod fuzzing;
pub mod http;
pub mod import;
pub mod kafka;
pub mod ledger;
pub mod metrics;
pub mod pipeline;
pub mod position;
pub mod replay;
pub mod schema;
pub mod sink;
pub mod source;
pub mod sql;
pub mod takeover;
pub mod text;
pub mod transform;
pub mod xa;
