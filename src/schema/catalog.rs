//! Which plan the rows of a table id have: compiled when a TABLE_MAP is new, reused while its bytes are equal
//! and no statement has touched the table.
//!
//! Takes TABLE_MAP events and the definitions that are valid where they stand; gives plans, or for tables
//! that are not captured the layout of their rows, or says what it must know first. Holds at most
//! [`TABLES_MAX`] tables; the ids of another binlog file are never mixed with these.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;

use crate::config::modes::{Envelope, Modes};
use crate::config::{TableLists, TopicNaming};
use crate::error::{Classify, Fault};
use crate::event::TableMap;
use crate::position::Position;
use crate::schema::columns::ColumnRules;
use crate::schema::connect::openings;
use crate::schema::definitions::{Definitions, Known};
use crate::schema::merge::{Mismatch, complete, shape_of};
use crate::schema::plan::{Layout, Plan, PlanError, layout};
use crate::schema::table_map::{Shape, TableMapError, read, read_names};
use crate::sql::definition::{Definition, Name};

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

/// Which tables are captured, how their topics are named, and what their values become.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Start of each topic.
    pub topic_prefix: String,
    /// Stands between the parts of a topic's name.
    pub delimiter: String,
    /// What becomes of characters that no topic's name may have.
    pub naming: TopicNaming,
    /// Which tables.
    pub tables: TableLists,
    /// Rows without names in their TABLE_MAP are read with the table's definition (`schema = "auto"`);
    /// otherwise they are refused (`schema = "row_metadata"`).
    pub read_minimal: bool,
    /// What values become.
    pub modes: Modes,
    /// The form of keys and values.
    pub envelope: Envelope,
    /// Which columns are shown, and which make the key.
    pub columns: ColumnRules,
}

/// What must be known before the rows behind a TABLE_MAP can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing more.
    Nothing,
    /// The table's definition, as the server has it.
    Definition(Name),
    /// Whether a statement between here and `until` touches the table, whose definition is assumed.
    Certainty {
        /// The table.
        table: Name,
        /// Where the server was when it was read.
        until: Position,
    },
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
    /// The event does not describe the table that is known by its name.
    #[error("the row metadata of {table} is MINIMAL and does not fit its definition: {source}")]
    Mismatch {
        /// The table.
        table: Name,
        /// Where they differ.
        #[source]
        source: Mismatch,
    },
    /// Which unique key stands for the primary key that a table does not have cannot be told.
    #[error("{table} has no primary key, and its unique keys are not known: {reason}")]
    KeyUnknown {
        /// The table.
        table: Name,
        /// Why.
        reason: Arc<str>,
    },
    /// Which definition is valid cannot be told.
    #[error(
        "the row metadata of {table} is MINIMAL, and its definition here is not known: {reason}"
    )]
    Ambiguous {
        /// The table.
        table: Name,
        /// Why.
        reason: Arc<str>,
    },
}

impl Classify for CatalogError {
    fn fault(&self) -> Fault {
        match self {
            CatalogError::Plan(error) => error.fault(),
            CatalogError::TableMap(_) | CatalogError::UnknownLayout { .. } => Fault::Data,
            CatalogError::Mismatch { .. }
            | CatalogError::Ambiguous { .. }
            | CatalogError::KeyUnknown { .. } => Fault::Operator,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        match self {
            CatalogError::Plan(error) => error.remedy(),
            CatalogError::TableMap(_) | CatalogError::UnknownLayout { .. } => Some(Cow::Borrowed(
                "check the binlog file with mysqlbinlog; report it if the server reads it",
            )),
            CatalogError::KeyUnknown { .. } => Some(Cow::Borrowed(
                "GRANT SELECT on the captured tables TO the account in mysql.user",
            )),
            CatalogError::Mismatch { .. } | CatalogError::Ambiguous { .. } => Some(Cow::Borrowed(
                "SET PERSIST binlog_row_metadata = 'FULL', so that every event describes its table; what is \
                 logged before stays unreadable: exclude the table, or remove the stored position to \
                 start after it",
            )),
        }
    }
}

/// Table ids of the current binlog file.
#[derive(Debug)]
pub struct Catalog {
    rules: Rules,
    tables: HashMap<u64, (Vec<u8>, Table)>,
    /// What is known of the tables where the stream stands.
    pub definitions: Definitions,
}

/// Whether a table's rows become records, `None`, or why not. Those of the server's own schemas never do, as in
/// Debezium (`table.ignore.builtin`).
pub fn filter(lists: &TableLists, database: &str, table: &str) -> Option<Filter> {
    const BUILT_IN: [&str; 4] = ["mysql", "sys", "performance_schema", "information_schema"];
    if BUILT_IN.contains(&database) {
        return Some(Filter::BuiltIn);
    }
    let name = format!("{database}.{table}");
    let names = |patterns: &[Regex], name: &str| patterns.iter().any(|r| r.is_match(name));
    let outside = |patterns: &[Regex], name| !patterns.is_empty() && !names(patterns, name);
    if outside(&lists.include_databases, database) || outside(&lists.include, &name) {
        return Some(Filter::NotIncluded);
    }
    let excluded = names(&lists.exclude_databases, database) || names(&lists.exclude, &name);
    excluded.then_some(Filter::Excluded)
}

impl Rules {
    /// [`filter()`] by these rules.
    pub fn filter(&self, database: &str, table: &str) -> Option<Filter> {
        filter(&self.tables, database, table)
    }

    /// Prefix, database and table; what Kafka does not allow in a name becomes `_`, or `_u` and the code in hexadecimal
    /// digits, `_` itself too; and a name is cut at 249 characters, as Debezium's naming strategies do.
    pub fn topic(&self, database: &str, table: &str) -> String {
        let (prefix, delimiter) = (&self.topic_prefix, &self.delimiter);
        let name = format!("{prefix}{delimiter}{database}{delimiter}{table}");
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
        match self.naming {
            TopicNaming::Default => name
                .chars()
                .map(|c| if plain(c) { c } else { '_' })
                .take(249)
                .collect(),
            TopicNaming::Unicode => {
                let mut escaped = String::new();
                for c in name.chars() {
                    if plain(c) {
                        escaped.push(c);
                        continue;
                    }
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        // Three digits stay three, as `UnicodeReplacementFunction` has it.
                        let hex = format!("{unit:x}");
                        let zeros = if hex.len() <= 2 { "00" } else { "" };
                        escaped.push_str(&format!("_u{zeros}{hex}"));
                    }
                }
                escaped.truncate(249);
                escaped
            }
        }
    }
}

impl Rules {
    /// The plan of a table whose shape is complete.
    fn plan(&self, shape: &mut Shape, topic: Arc<str>) -> Result<Plan, PlanError> {
        self.columns.choose_key(shape);
        let plan = Plan::compile(shape, topic, &self.modes, &self.columns)?;
        Ok(self.with_schemas(plan, shape))
    }

    fn with_schemas(&self, mut plan: Plan, shape: &Shape) -> Plan {
        if self.envelope.schemas {
            plan.openings = Some(openings(
                shape,
                &plan,
                &self.modes,
                &self.columns,
                self.envelope,
            ));
        }
        plan
    }
}

impl Catalog {
    /// With what is known where the stream begins.
    pub fn new(rules: Rules, definitions: Definitions) -> Catalog {
        Catalog {
            rules,
            tables: HashMap::new(),
            definitions,
        }
    }

    /// Which tables are captured.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// For the record of a TRUNCATE, which has no rows: where records carry schemas it shows that of the
    /// table's rows, as far as its definition is known.
    pub fn truncated(&self, name: &Name) -> Plan {
        let topic = Arc::from(self.rules.topic(&name.database, &name.table));
        let definition = match self.definitions.get(name) {
            Some(Known::Exact(definition)) => Some(definition),
            Some(Known::Assumed { definition, .. }) => definition.as_ref(),
            Some(Known::Lost(_) | Known::Untold(_)) | None => None,
        };
        let shape = definition.map(|definition| shape_of(definition));
        let shape = shape.filter(|_| self.rules.envelope.schemas);
        let compiled = shape.and_then(|shape| {
            let mut shape = shape;
            self.rules.plan(&mut shape, Arc::clone(&topic)).ok()
        });
        compiled.unwrap_or_else(|| {
            let plan = Plan::of_table(&name.database, &name.table, topic);
            self.rules.with_schemas(plan, &Shape::default())
        })
    }

    /// Forgets all table ids: another file starts, or another connection, or a definition has changed.
    pub fn clear(&mut self) {
        self.tables.clear();
    }

    /// Learns a table's shape; cheap when it is the one already known. `reading` gives the place of the
    /// stream, the open group included.
    ///
    /// # Errors
    /// [`CatalogError`]; its rows cannot be read then.
    pub fn table_map(
        &mut self,
        map: &TableMap<'_>,
        reading: &dyn Fn() -> Position,
    ) -> Result<Need, CatalogError> {
        if self
            .tables
            .get(&map.table_id)
            .is_some_and(|(bytes, _)| bytes == map.bytes)
        {
            return Ok(Need::Nothing);
        }
        let table = match self.compile(map, reading)? {
            Ok(table) => table,
            Err(need) => return Ok(need),
        };
        if self.tables.len() >= TABLES_MAX {
            self.tables.clear();
        }
        self.tables
            .insert(map.table_id, (map.bytes.to_vec(), table));
        Ok(Need::Nothing)
    }

    /// The table of an id; `None` where no TABLE_MAP came before.
    pub fn table(&self, table_id: u64) -> Option<&Table> {
        self.tables.get(&table_id).map(|(_, table)| table)
    }

    fn compile(
        &mut self,
        map: &TableMap<'_>,
        reading: &dyn Fn() -> Position,
    ) -> Result<Result<Table, Need>, CatalogError> {
        let (database, table) = read_names(map.bytes)?;
        let mut shape = read(map.bytes)?;
        let Some(filter) = self.rules.filter(database, table) else {
            if let Some(need) = self.describe(&mut shape, reading)? {
                return Ok(Err(need));
            }
            let topic = Arc::from(self.rules.topic(database, table));
            let plan = self.rules.plan(&mut shape, topic)?;
            return Ok(Ok(Table::Captured(Arc::new(plan))));
        };
        let layouts: Option<Vec<Layout>> = shape.columns.iter().map(layout).collect();
        let unknown = || CatalogError::UnknownLayout {
            database: database.to_owned(),
            table: table.to_owned(),
        };
        let layouts = Arc::new(layouts.ok_or_else(unknown)?);
        Ok(Ok(Table::Filtered(filter, layouts)))
    }

    /// Completes a shape by the table's definition.
    fn describe(
        &mut self,
        shape: &mut Shape,
        reading: &dyn Fn() -> Position,
    ) -> Result<Option<Need>, CatalogError> {
        if !shape.full && !self.rules.read_minimal {
            return Ok(None);
        }
        let name = Name {
            database: shape.database.clone(),
            table: shape.table.clone(),
        };
        let full = shape.full;
        match self.definitions.get(&name).cloned() {
            None | Some(Known::Lost(_)) => Ok(Some(Need::Definition(name))),
            Some(Known::Exact(definition)) => match complete(shape, &definition) {
                Ok(()) => Ok(None),
                // With names in the event this costs no more than what only the definition has.
                Err(_) if full => Ok(Some(Need::Definition(name))),
                Err(source) => Err(CatalogError::Mismatch {
                    table: name,
                    source,
                }),
            },
            Some(Known::Assumed { definition, .. }) if full => {
                // Where they differ the table was changed in between: the event alone is the truth.
                let _ = definition.map(|definition| complete(shape, &definition));
                Ok(None)
            }
            // What has a primary key in the event needs no more.
            Some(Known::Untold(_)) if full && !shape.primary_key.is_empty() => Ok(None),
            Some(Known::Untold(reason)) if full => Err(CatalogError::KeyUnknown {
                table: name,
                reason,
            }),
            Some(Known::Untold(reason)) => Err(CatalogError::Ambiguous {
                table: name,
                reason,
            }),
            Some(Known::Assumed { definition, until }) => {
                if !until.is_reached(&reading()) {
                    return Ok(Some(Need::Certainty { table: name, until }));
                }
                self.definitions.confirm(&name);
                match definition {
                    Some(definition) => complete_minimal(shape, name, &definition),
                    None => Err(gone(name)),
                }
            }
        }
    }
}

fn complete_minimal(
    shape: &mut Shape,
    table: Name,
    definition: &Definition,
) -> Result<Option<Need>, CatalogError> {
    match complete(shape, definition) {
        Ok(()) => Ok(None),
        Err(source) => Err(CatalogError::Mismatch { table, source }),
    }
}

fn gone(table: Name) -> CatalogError {
    CatalogError::Ambiguous {
        table,
        reason: Arc::from("the server has no such table now"),
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
        let rules = Rules {
            topic_prefix: "p".to_owned(),
            delimiter: ".".to_owned(),
            naming: TopicNaming::Default,
            tables: TableLists {
                include_databases: vec![Regex::new("^d$").unwrap()],
                exclude_databases: vec![Regex::new("^e$").unwrap()],
                include: vec![Regex::new("^.\\.t").unwrap()],
                exclude: vec![Regex::new("^d\\.t7$").unwrap()],
            },
            read_minimal: false,
            modes: Modes::default(),
            envelope: Envelope::default(),
            columns: ColumnRules::default(),
        };
        Catalog::new(rules, Definitions::default())
    }

    /// Nothing tells more of a table than its TABLE_MAP.
    fn learn(catalog: &mut Catalog, map: &TableMap<'_>) {
        let reading = || Position::default();
        if let Need::Definition(name) = catalog.table_map(map, &reading).unwrap() {
            catalog.definitions.untold(name, "");
        }
        assert_eq!(catalog.table_map(map, &reading).unwrap(), Need::Nothing);
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
            learn(&mut catalog, &map);
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
        learn(&mut catalog, &reused);
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
