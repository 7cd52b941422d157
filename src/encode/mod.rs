//! Values to JSON text, straight into the batch's buffer.

pub mod cell;
pub mod envelope;
pub mod heartbeat;
mod metadata;
pub mod transaction;
