//! TABLE_MAP events to plans, one per table version.

pub mod catalog;
pub mod columns;
mod compile;
pub mod connect;
pub mod declared;
mod default_json;
pub mod definitions;
pub mod lesson;
pub mod mask;
pub mod merge;
mod names;
pub mod plan;
pub mod table_map;
