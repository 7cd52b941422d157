//! Text on its way from MySQL to JSON: charsets, and the writers of JSON strings, numbers and dates.
//!
//! A leaf below every stage: pure functions, no IO.

pub mod charset;
mod charset_multi;
pub mod charset_tables;
pub mod civil;
mod collation_names;
pub mod json;
pub mod rewrite;
pub mod wide;
