//! The single integration binary: one module a topic.

#[cfg(test)]
mod check;
#[cfg(test)]
mod coverage;
#[cfg(test)]
mod ddl;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod rows;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod streams;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
