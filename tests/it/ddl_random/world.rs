//! The tables of a server, statements against them, and the records that must come of it.

use super::model::{Cell, Column, Expected, Kind, Row, Table};
use super::words::Words;
use crate::delivery::load::Random;

/// Names of tables, some of which need quotes; used again and again.
const TABLES: [&str; 9] = [
    "t1", "t2", "T1", "orders", "we.ird", "ti`ck", "key", "sn☃w", "a b",
];

/// Names of columns, likewise.
const COLUMNS: [&str; 22] = [
    "a", "b", "c", "d", "e", "f", "g", "h", "key", "order", "Value", "we.ird", "ti`ck", "sn☃w",
    "add", "column", "name", "state", "it's", "a b", "ünï", "x,y",
];

/// Rows that a table has at most.
const ROWS_MAX: usize = 40;

/// Everything that a seed makes.
pub(crate) struct World {
    random: Random,
    serial: i64,
    pub(crate) tables: Vec<Table>,
    pub(crate) statements: Vec<String>,
    pub(crate) expected: Vec<Expected>,
    marks: i64,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let mut world = World {
            random: Random::new(seed),
            serial: 0,
            tables: Vec::new(),
            statements: Vec::new(),
            expected: Vec::new(),
            marks: 0,
        };
        world.say(
            "CREATE DATABASE d; CREATE DATABASE e; CREATE DATABASE other; USE d;
             CREATE TABLE marker (id INT PRIMARY KEY, what VARCHAR(500));"
                .to_owned(),
        );
        for _ in 0..3 {
            world.create();
        }
        world
    }

    /// A number below the limit.
    pub(super) fn pick(&mut self, limit: usize) -> usize {
        usize::try_from(self.random.below(limit.max(1) as u64)).unwrap()
    }

    /// A number that was never given before.
    pub(super) fn serial(&mut self) -> i64 {
        self.serial += 1;
        self.serial
    }

    pub(super) fn words(&mut self) -> Words {
        Words::draw(&mut self.random)
    }

    pub(super) fn say(&mut self, statement: String) {
        self.statements.push(statement);
    }

    /// A row that tells a reader of the records what happened to whole tables.
    pub(super) fn mark(&mut self, what: &str) {
        self.marks += 1;
        let id = self.marks;
        self.say(format!(
            "INSERT INTO d.marker VALUES ({id}, {});",
            super::model::quoted(what)
        ));
        let image = vec![
            ("id".to_owned(), serde_json::json!(id)),
            ("what".to_owned(), serde_json::json!(what)),
        ];
        self.expected.push(Expected {
            topic: "p.d.marker".to_owned(),
            key: Some(vec![image[0].clone()]),
            change: Some(super::model::Change {
                op: "c".to_owned(),
                before: None,
                after: Some(image),
            }),
        });
    }

    /// A table's place in the list.
    pub(super) fn any_table(&mut self) -> Option<usize> {
        (!self.tables.is_empty()).then(|| self.pick(self.tables.len()))
    }

    pub(super) fn table_name(&mut self, database: &str) -> Option<String> {
        let taken = |name: &&str| {
            let same = |table: &Table| table.database == database && table.name == **name;
            self.tables.iter().any(same)
        };
        let free: Vec<&str> = TABLES.iter().copied().filter(|name| !taken(name)).collect();
        (!free.is_empty()).then(|| free[self.pick(free.len())].to_owned())
    }

    pub(super) fn column_name(&mut self, taken: &[String]) -> Option<String> {
        let is_taken = |name: &&str| {
            taken
                .iter()
                .any(|t| t.to_lowercase() == name.to_lowercase())
        };
        let free: Vec<&str> = COLUMNS
            .iter()
            .copied()
            .filter(|name| !is_taken(name))
            .collect();
        (!free.is_empty()).then(|| free[self.pick(free.len())].to_owned())
    }

    /// A column of that name, new.
    pub(super) fn column(&mut self, name: String) -> Column {
        let number = self.serial();
        let labels = |count| (0..count).map(|at| format!("e{number}_{at}")).collect();
        // Many of the same type: where a column has taken another's place only its name tells.
        let kind = match self.pick(16) {
            0..=4 => Kind::Int,
            5 => Kind::Unsigned,
            6 => Kind::Big,
            7 => Kind::Decimal,
            8 => Kind::Date,
            9 => Kind::Text,
            10 => Kind::Enum(labels(1 + self.pick(5))),
            11 => Kind::Set(labels(1 + self.pick(9))),
            12 => Kind::Json,
            _ => Kind::Varchar([40, 60, 100, 255][self.pick(4)]),
        };
        let optional = matches!(kind, Kind::Date | Kind::Json);
        let mut column = Column {
            number,
            name,
            nullable: optional || self.pick(2) == 0,
            default: None,
            invisible: self.pick(12) == 0,
            formula: None,
            stored: false,
            kind,
        };
        let literal = matches!(
            column.kind,
            Kind::Int | Kind::Big | Kind::Varchar(_) | Kind::Enum(_) | Kind::Decimal
        );
        if literal && self.pick(3) == 0 {
            column.default = Some(self.value(number, &column.kind));
        }
        column
    }

    /// A value that names its column.
    pub(super) fn value(&mut self, number: i64, kind: &Kind) -> Cell {
        let n = self.serial();
        match kind {
            Kind::Id => Cell::Number(n),
            Kind::Int | Kind::Unsigned => Cell::Number(number % 20_000 * 100_000 + n % 100_000),
            Kind::Big => Cell::Number(number * 1_000_000_000 + n),
            Kind::Decimal => Cell::Number(number * 100_000 + n),
            Kind::Date => Cell::Number(100_000 + number * 3 + n % 3),
            Kind::Varchar(_) | Kind::Text => Cell::Text(format!("c{number}é{n}")),
            Kind::Enum(labels) => Cell::Text(labels[self.pick(labels.len())].clone()),
            Kind::Set(labels) => {
                let mut chosen: Vec<&str> = labels
                    .iter()
                    .filter(|_| self.random.below(2) == 0)
                    .map(String::as_str)
                    .collect();
                chosen.sort_unstable();
                Cell::Text(chosen.join(","))
            }
            Kind::Json => Cell::Text(format!("\"j{number}_{n}\"")),
        }
    }

    /// A table with an id and some columns more.
    pub(super) fn new_table(&mut self, database: &str, name: String) -> Table {
        let (id, mut columns) = (self.serial(), Vec::new());
        let mut names = Vec::new();
        let at = self.pick(3);
        for place in 0..3 + self.pick(5) {
            let kind = (place == at).then_some(Kind::Id);
            let Some(name) = self.column_name(&names) else {
                break;
            };
            names.push(name.clone());
            let mut column = self.column(name);
            if let Some(kind) = kind {
                let of_id = (id, false, None, false);
                (
                    column.number,
                    column.nullable,
                    column.default,
                    column.invisible,
                ) = of_id;
                column.kind = kind;
            }
            columns.push(column);
        }
        let primary = if self.pick(6) == 0 {
            Vec::new()
        } else {
            vec![id]
        };
        let mut table = Table {
            database: database.to_owned(),
            name,
            columns,
            primary,
            uniques: Vec::new(),
            rows: std::collections::BTreeMap::new(),
            partitioned: false,
            instants: 0,
        };
        if self.pick(4) == 0 {
            table
                .uniques
                .push((format!("u{}", self.serial()), vec![id]));
        }
        table
    }

    /// What stands between the parentheses of a CREATE TABLE.
    pub(super) fn body(&mut self, table: &Table, words: Words) -> String {
        let mut parts: Vec<String> = table
            .columns
            .iter()
            .map(|column| words.column(table, column))
            .collect();
        let id = words.name(&table.id().name);
        if !table.primary.is_empty() {
            match self.pick(2) {
                0 => parts.push(format!("PRIMARY KEY ({id})")),
                _ => parts.insert(0, format!("CONSTRAINT pk PRIMARY KEY USING BTREE ({id})")),
            }
        }
        for (name, _) in &table.uniques {
            parts.push(format!("UNIQUE KEY {} ({id})", words.name(name)));
        }
        parts.join(", ")
    }

    pub(super) fn create(&mut self) {
        let database = ["d", "d", "d", "e"][self.pick(4)];
        let Some(name) = self.table_name(database) else {
            return;
        };
        let table = self.new_table(database, name);
        self.create_as(table);
    }

    pub(super) fn create_as(&mut self, table: Table) {
        let words = self.words();
        let verb = words.verb("CREATE TABLE");
        let not = if self.pick(4) == 0 {
            "IF NOT EXISTS "
        } else {
            ""
        };
        let text = format!(
            "{verb} {not}{} ({})",
            words.table(&table),
            self.body(&table, words)
        );
        let options = [
            "",
            " ENGINE=InnoDB",
            " DEFAULT CHARSET = latin1",
            " COMMENT 'a (b), c'",
        ];
        let text = format!("{text}{}", options[self.pick(4)]);
        self.say(words.statement(&text));
        self.tables.push(table);
    }

    /// Some changes of rows, in a transaction or each by itself.
    pub(crate) fn rows(&mut self) {
        let Some(at) = self.any_table() else {
            return;
        };
        match self.pick(5) {
            0 => {
                let (tables, expected) = (self.tables.clone(), self.expected.len());
                self.say("BEGIN;".to_owned());
                for _ in 0..1 + self.pick(4) {
                    if let Some(at) = self.any_table() {
                        self.change(at);
                    }
                }
                if self.pick(4) == 0 {
                    self.say("ROLLBACK;".to_owned());
                    self.tables = tables;
                    self.expected.truncate(expected);
                } else {
                    self.say("COMMIT;".to_owned());
                }
            }
            1 => {
                self.say("SET SESSION binlog_transaction_compression = ON;".to_owned());
                self.change(at);
                self.say("SET SESSION binlog_transaction_compression = OFF;".to_owned());
            }
            _ => self.change(at),
        }
    }

    /// One statement that changes rows.
    pub(super) fn change(&mut self, at: usize) {
        let rows = self.tables[at].rows.len();
        match self.pick(6) {
            _ if rows == 0 => self.insert(at, 3),
            0 | 1 if rows < ROWS_MAX => {
                let count = 1 + self.pick(4);
                self.insert(at, count);
            }
            2 => self.delete(at),
            3 => self.change_id(at),
            _ => self.update(at),
        }
    }

    pub(super) fn note(&mut self, at: usize, before: Option<&Row>, after: Option<&Row>) {
        let table = &self.tables[at];
        if table.captured() {
            self.expected.extend(table.change(before, after));
        }
    }

    /// Puts a row in place of another, or none.
    pub(super) fn put(&mut self, at: usize, before: Option<&Row>, after: Option<&Row>) {
        self.note(at, before, after);
        let table = &mut self.tables[at];
        let number = table.id().number;
        let id = |row: &Row| match row[&number] {
            Cell::Number(id) => id,
            Cell::Null | Cell::Text(_) => panic!("an id is a number"),
        };
        if let Some(before) = before {
            table.rows.remove(&id(before));
        }
        if let Some(after) = after {
            table.rows.insert(id(after), after.clone());
        }
    }

    pub(super) fn insert(&mut self, at: usize, count: usize) {
        let (table, words) = (self.tables[at].clone(), self.words());
        // Some of the columns that have a default are left to it.
        let skips = self.pick(2) == 0;
        let given: Vec<&Column> = table
            .columns
            .iter()
            .filter(|column| column.formula.is_none() && !(skips && column.default.is_some()))
            .collect();
        let (mut rows, mut texts) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let mut row = Row::new();
            for column in table
                .columns
                .iter()
                .filter(|column| column.formula.is_none())
            {
                let null = column.nullable && self.pick(6) == 0;
                let value = match &column.default {
                    Some(default) if skips => default.clone(),
                    Some(_) | None if null => Cell::Null,
                    Some(_) | None => self.value(column.number, &column.kind),
                };
                row.insert(column.number, value);
            }
            table.compute(&mut row);
            let value = |column: &&Column| column.kind.sql(&row[&column.number]);
            let values: Vec<String> = given.iter().map(value).collect();
            texts.push(format!("({})", values.join(", ")));
            rows.push(row);
        }
        let names: Vec<String> = given
            .iter()
            .map(|column| words.name(&column.name))
            .collect();
        let text = format!(
            "{} {} ({}) VALUES {}",
            words.verb("INSERT INTO"),
            words.table(&table),
            names.join(", "),
            texts.join(", ")
        );
        self.say(words.statement(&text));
        for row in rows {
            self.put(at, None, Some(&row));
        }
    }

    /// Ids of some rows, in their order.
    fn some_ids(&mut self, at: usize, count: usize) -> Vec<i64> {
        let ids: Vec<i64> = self.tables[at].rows.keys().copied().collect();
        let from = self.pick(ids.len());
        ids[from..].iter().copied().take(count).collect()
    }

    fn chosen(&self, at: usize, words: Words, ids: &[i64]) -> String {
        let id = words.name(&self.tables[at].id().name);
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        format!("WHERE {id} IN ({}) ORDER BY {id}", ids.join(", "))
    }

    pub(super) fn update(&mut self, at: usize) {
        let count = 1 + self.pick(3);
        let ids = self.some_ids(at, count);
        let words = self.words();
        let table = self.tables[at].clone();
        let plain: Vec<&Column> = table
            .columns
            .iter()
            .filter(|c| c.formula.is_none() && c.kind != Kind::Id)
            .collect();
        // One that is always other than before, so that the row changes.
        let (mut sets, mut values) = (Vec::new(), Row::new());
        for column in plain {
            let sure = matches!(column.kind, Kind::Int | Kind::Big | Kind::Varchar(_));
            if sure || self.pick(2) == 0 {
                let value = self.value(column.number, &column.kind);
                sets.push(format!(
                    "{} = {}",
                    words.name(&column.name),
                    column.kind.sql(&value)
                ));
                values.insert(column.number, value);
            }
        }
        if sets.is_empty() {
            return self.delete(at);
        }
        let chosen = self.chosen(at, words, &ids);
        let text = format!(
            "UPDATE {} SET {} {chosen}",
            words.table(&table),
            sets.join(", ")
        );
        self.say(words.statement(&text));
        for id in ids {
            let before = table.rows[&id].clone();
            let mut after = before.clone();
            after.extend(values.clone());
            table.compute(&mut after);
            if after != before {
                self.put(at, Some(&before), Some(&after));
            }
        }
    }

    fn delete(&mut self, at: usize) {
        let count = 1 + self.pick(2);
        let ids = self.some_ids(at, count);
        let words = self.words();
        let chosen = self.chosen(at, words, &ids);
        let table = words.table(&self.tables[at]);
        self.say(words.statement(&format!("{} {table} {chosen}", words.verb("DELETE FROM"))));
        for id in ids {
            let before = self.tables[at].rows[&id].clone();
            self.put(at, Some(&before), None);
        }
    }

    fn change_id(&mut self, at: usize) {
        let id = self.some_ids(at, 1)[0];
        self.give_another_id(at, id);
    }

    fn give_another_id(&mut self, at: usize, id: i64) {
        let (words, to) = (self.words(), self.serial());
        let table = self.tables[at].clone();
        let name = words.name(&table.id().name);
        let text = format!(
            "UPDATE {} SET {name} = {to} WHERE {name} = {id}",
            words.table(&table)
        );
        self.say(words.statement(&text));
        let before = table.rows[&id].clone();
        let mut after = before.clone();
        after.insert(table.id().number, Cell::Number(to));
        table.compute(&mut after);
        self.put(at, Some(&before), Some(&after));
    }

    /// Changes every row of every table once more, so that the last record of each has the columns of the end.
    pub(crate) fn touch(&mut self) {
        self.say("ALTER TABLE d.marker COMMENT 'the end';".to_owned());
        for at in 0..self.tables.len() {
            let ids: Vec<i64> = self.tables[at].rows.keys().copied().collect();
            for id in ids {
                self.give_another_id(at, id);
            }
        }
    }
}
