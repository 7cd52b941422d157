//! Row images to values: pure functions of bytes and plan, no IO, no panic on any input.

pub mod decimal;
pub mod image;
pub mod jsonb;
pub mod temporal;
