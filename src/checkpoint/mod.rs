//! The checkpoint: takes acknowledgements in any order, gives the position up to which all is delivered.

pub mod catalog;
pub mod file;
pub mod kafka;
pub mod record;
pub mod store;
pub mod window;
