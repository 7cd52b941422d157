//! Values to JSON text, straight into the batch's buffer.

pub mod cell;
pub mod envelope;
pub mod heartbeat;
pub mod transaction;
