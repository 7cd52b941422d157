//! What a column's definition says that the binlog does not.
//!
//! Filled in by whoever knows the table's definition; all of it may be missing, and a column is then read as
//! its TABLE_MAP has it.

use crate::sql::definition::DefaultValue;
use crate::sql::print::SourceType;
use crate::text::civil::Civil;

/// Attributes from CREATE TABLE.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declared {
    /// FLOAT(7,4): Debezium takes a column with digits for a DOUBLE.
    pub float_digits: bool,
    /// DEFAULT; none for a generated column.
    pub default: DefaultValue,
    /// The type in Debezium's words; `None` where nothing is declared.
    pub source_type: Option<SourceType>,
}

impl Declared {
    /// The default of a DATE, DATETIME or TIMESTAMP, where it is a date.
    pub fn default_moment(&self) -> Option<Civil> {
        match &self.default {
            DefaultValue::Literal(text) => Civil::parse(text),
            DefaultValue::None
            | DefaultValue::Null
            | DefaultValue::Bytes(_)
            | DefaultValue::Bits(_)
            | DefaultValue::Expression(_)
            | DefaultValue::CurrentTimestamp(_) => None,
        }
    }
}
