//! SQL as it stands in a binlog: tokens, statements, and the table definitions that DDL leads to.
//!
//! A leaf below every stage. Takes text already converted to UTF-8 and what its event says about the session
//! ([`Context`](statement::Context)); gives a [`Statement`](statement::Statement) and, from a definition and an ALTER,
//! the next [`Definition`](definition::Definition). Pure: no IO and no clock. Never panics, takes time linear in the
//! text, and recurses nowhere. What it does not understand it says so, with the tables that may be concerned.

pub mod alter;
pub mod apply;
pub mod collation;
pub mod column;
mod control;
mod ddl;
mod default;
pub mod definition;
mod dml;
pub mod keys;
mod parser;
pub mod print;
pub mod statement;
pub mod stored;
mod table;
mod temporal;
pub mod token;
mod types;

#[cfg(test)]
mod tests;
