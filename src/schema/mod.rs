//! TABLE_MAP events to plans, one per table version.

pub mod catalog;
mod compile;
pub mod declared;
pub mod definitions;
pub mod lesson;
pub mod merge;
pub mod plan;
pub mod table_map;
