//! Which plan the rows of a table id have: compiled when a TABLE_MAP is new, reused while its bytes are equal.
//!
//! Takes TABLE_MAP events, gives plans, or for tables that are not captured the layout of their rows.
//! Holds at most [`TABLES_MAX`] tables; the ids of another binlog file are never mixed with these.

use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use crate::event::TableMap;
use crate::schema::plan::{Layout, Plan, PlanError, layout};
use crate::schema::table_map::{TableMapError, read, read_names};

/// Tables kept; beyond it all are forgotten at once and come back with their next TABLE_MAP.
pub const TABLES_MAX: usize = 16_384;

/// What the rows of a table are to us.
#[derive(Clone, Debug)]
pub enum Table {
    /// They become records.
    Captured(Arc<Plan>),
    /// They are counted only: by which rule, and the layout of each column.
    Filtered(Filter, Arc<Vec<Layout>>),
}

/// Why a table is not captured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filter {
    /// One of the server's own schemas.
    BuiltIn,
    /// No pattern of `include` matches.
    NotIncluded,
    /// A pattern of `exclude` matches.
    Excluded,
}

/// Which tables are captured, and how their topics are named.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Start of each topic.
    pub topic_prefix: String,
    /// A table is captured when any of these matches `database.table`; all where empty.
    pub include: Vec<Regex>,
    /// And none of these does.
    pub exclude: Vec<Regex>,
}

/// Why rows cannot be assigned to a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The TABLE_MAP could not be read.
    #[error(transparent)]
    TableMap(#[from] TableMapError),
    /// The table cannot be captured.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A column of a table that is not captured has a type whose length is not known.
    #[error("a column of {database}.{table}, which is not captured, has an unknown type")]
    UnknownLayout {
        /// Database.
        database: String,
        /// Table.
        table: String,
    },
}

/// Table ids of the current binlog file.
#[derive(Debug)]
pub struct Catalog {
    rules: Rules,
    tables: HashMap<u64, (Vec<u8>, Table)>,
}

/// Whether a table is captured by these lists; see [`Rules`].
pub fn is_captured(include: &[Regex], exclude: &[Regex], database: &str, table: &str) -> bool {
    filter(include, exclude, database, table).is_none()
}

fn filter(include: &[Regex], exclude: &[Regex], database: &str, table: &str) -> Option<Filter> {
    const BUILT_IN: [&str; 4] = ["mysql", "sys", "performance_schema", "information_schema"];
    if BUILT_IN.contains(&database) {
        return Some(Filter::BuiltIn);
    }
    let name = format!("{database}.{table}");
    if !include.is_empty() && !include.iter().any(|r| r.is_match(&name)) {
        return Some(Filter::NotIncluded);
    }
    let excluded = exclude.iter().any(|r| r.is_match(&name));
    excluded.then_some(Filter::Excluded)
}

impl Rules {
    /// Whether a table's rows become records, `None`, or why not. Those of the server's own schemas never
    /// do, as in Debezium (`table.ignore.builtin`).
    pub fn filter(&self, database: &str, table: &str) -> Option<Filter> {
        filter(&self.include, &self.exclude, database, table)
    }

    /// `prefix.database.table`; what Kafka does not allow in a name becomes `_`, and a name is cut at
    /// 249 characters, as Debezium's default naming does.
    pub fn topic(&self, database: &str, table: &str) -> String {
        let name = format!("{}.{database}.{table}", self.topic_prefix);
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        name.chars()
            .map(|c| if allowed(c) { c } else { '_' })
            .take(249)
            .collect()
    }
}

impl Catalog {
    /// Empty.
    pub fn new(rules: Rules) -> Catalog {
        Catalog {
            rules,
            tables: HashMap::new(),
        }
    }

    /// Forgets all tables: another file starts, or another connection.
    pub fn clear(&mut self) {
        self.tables.clear();
    }

    /// Learns a table's shape; cheap when it is the one already known.
    ///
    /// # Errors
    /// [`CatalogError`]; its rows cannot be read then.
    pub fn table_map(&mut self, map: &TableMap<'_>) -> Result<(), CatalogError> {
        if self
            .tables
            .get(&map.table_id)
            .is_some_and(|(bytes, _)| bytes == map.bytes)
        {
            return Ok(());
        }
        let table = self.compile(map)?;
        if self.tables.len() >= TABLES_MAX {
            self.tables.clear();
        }
        self.tables
            .insert(map.table_id, (map.bytes.to_vec(), table));
        Ok(())
    }

    /// The table of an id; `None` where no TABLE_MAP came before.
    pub fn table(&self, table_id: u64) -> Option<&Table> {
        self.tables.get(&table_id).map(|(_, table)| table)
    }

    fn compile(&self, map: &TableMap<'_>) -> Result<Table, CatalogError> {
        let (database, table) = read_names(map.bytes)?;
        let shape = read(map.bytes)?;
        let Some(filter) = self.rules.filter(database, table) else {
            let topic = Arc::from(self.rules.topic(database, table));
            return Ok(Table::Captured(Arc::new(Plan::compile(&shape, topic)?)));
        };
        let layouts: Option<Vec<Layout>> = shape.columns.iter().map(layout).collect();
        let unknown = || CatalogError::UnknownLayout {
            database: database.to_owned(),
            table: table.to_owned(),
        };
        let layouts = Arc::new(layouts.ok_or_else(unknown)?);
        Ok(Table::Filtered(filter, layouts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `d.tNUMBER (id INT PRIMARY KEY)`, with full metadata.
    fn map(number: u32) -> Vec<u8> {
        let name = format!("t{number}");
        let mut bytes = b"\x01d\0".to_vec();
        bytes.push(u8::try_from(name.len()).unwrap());
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b"\0\x01\x03\x00\x00\x01\x01\x00\x04\x03\x02id\x08\x01\x00");
        bytes
    }

    fn catalog() -> Catalog {
        Catalog::new(Rules {
            topic_prefix: "p".to_owned(),
            include: vec![Regex::new("^d\\.t").unwrap()],
            exclude: vec![Regex::new("^d\\.t7$").unwrap()],
        })
    }

    /// Tables are created and dropped, each with an id of its own: what is kept of them has a limit, and what was
    /// forgotten comes back with its TABLE_MAP.
    #[test]
    fn f53_a_storm_of_tables_keeps_a_bounded_number_of_shapes() {
        let mut catalog = catalog();
        let mut most = 0;
        for number in 0..100_000 {
            let bytes = map(number);
            let map = TableMap {
                table_id: u64::from(number),
                bytes: &bytes,
            };
            catalog.table_map(&map).unwrap();
            most = most.max(catalog.tables.len());
            assert!(catalog.table(map.table_id).is_some());
        }
        assert_eq!(most, TABLES_MAX);
        // An id that means another table now.
        let bytes = map(5);
        let reused = TableMap {
            table_id: 99_999,
            bytes: &bytes,
        };
        catalog.table_map(&reused).unwrap();
        let Some(Table::Captured(plan)) = catalog.table(99_999) else {
            panic!()
        };
        assert_eq!(plan.name(), "d.t5");
        catalog.clear();
        assert!(catalog.table(99_999).is_none());
    }

    #[test]
    fn a_filter_is_told_by_its_rule() {
        let rules = catalog().rules;
        assert_eq!(rules.filter("d", "t1"), None);
        assert_eq!(rules.filter("d", "t7"), Some(Filter::Excluded));
        assert_eq!(rules.filter("e", "t1"), Some(Filter::NotIncluded));
        assert_eq!(rules.filter("mysql", "user"), Some(Filter::BuiltIn));
    }
}
