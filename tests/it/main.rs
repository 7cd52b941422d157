//! The single integration binary: one module a topic.

#[cfg(test)]
mod avro;
#[cfg(test)]
mod binlogs;
#[cfg(test)]
mod check;
#[cfg(test)]
mod columns;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod ddl;
#[cfg(test)]
mod ddl_random;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod groups;
#[cfg(test)]
mod images;
#[cfg(test)]
mod metadata;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod savepoints;
#[cfg(test)]
mod schema_changes;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
#[cfg(test)]
mod takeover;
#[cfg(test)]
mod tidy;
#[cfg(test)]
mod transforms;
#[cfg(test)]
mod types;
#[cfg(test)]
mod values;
#[cfg(test)]
mod xa;
