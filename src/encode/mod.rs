//! Values to JSON text, straight into the batch's buffer.
