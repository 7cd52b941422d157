//! The source: takes packets from our own dump connection, gives checked events.

pub mod chunk;
