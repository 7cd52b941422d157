//! TABLE_MAP events to plans, one per table version.

pub mod catalog;
pub mod plan;
pub mod table_map;
