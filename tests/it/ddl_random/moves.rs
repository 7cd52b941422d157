//! Statements about whole tables: made, copied, renamed, swapped, emptied, dropped; and those about nothing captured.

use super::model::{Cell, Column, Row, Table};
use super::words::Words;
use super::world::World;

/// Tables that there are at most, the marker aside.
const TABLES_MAX: usize = 6;

/// Statements that define no table, though they speak of some. Each can be repeated.
const NOISE: [&str; 15] = [
    "CREATE OR REPLACE VIEW d.v AS SELECT 'ALTER TABLE t1 DROP COLUMN a' AS x;",
    "DROP VIEW IF EXISTS d.v; CREATE ALGORITHM=MERGE DEFINER=root@localhost SQL SECURITY INVOKER VIEW d.v AS SELECT 1;",
    "DROP PROCEDURE IF EXISTS d.p; CREATE PROCEDURE d.p() ALTER TABLE t1 DROP COLUMN a;",
    "DROP FUNCTION IF EXISTS d.f; CREATE FUNCTION d.f(a INT) RETURNS INT DETERMINISTIC NO SQL RETURN a + 1;",
    "CREATE TABLE IF NOT EXISTS other.noise (id INT PRIMARY KEY AUTO_INCREMENT, a INT);
     DROP TRIGGER IF EXISTS other.tr; CREATE TRIGGER other.tr BEFORE INSERT ON other.noise FOR EACH ROW SET NEW.a = 1;
     INSERT INTO other.noise (a) VALUES (5);",
    "DROP EVENT IF EXISTS d.ev; CREATE EVENT d.ev ON SCHEDULE EVERY 1 YEAR DISABLE DO DROP TABLE t1;",
    "CREATE USER IF NOT EXISTS u@localhost IDENTIFIED BY 'ALTER TABLE'; GRANT SELECT, ALTER ON d.* TO u@localhost;
     REVOKE ALTER ON d.* FROM u@localhost; DROP USER u@localhost;",
    "CREATE TEMPORARY TABLE d.temp (id INT, a INT); INSERT INTO d.temp VALUES (1, 1);
     ALTER TABLE d.temp DROP COLUMN a; DROP TEMPORARY TABLE d.temp;",
    "ANALYZE TABLE d.marker; OPTIMIZE TABLE d.marker; REPAIR TABLE d.marker; CHECK TABLE d.marker;",
    "FLUSH BINARY LOGS;",
    "FLUSH TABLES;",
    "DROP TABLE IF EXISTS d.never_was, other.never_was;",
    "CREATE TABLE IF NOT EXISTS d.marker (other INT, shape INT);",
    "CREATE ROLE IF NOT EXISTS r; GRANT r TO root@localhost; SET ROLE NONE; DROP ROLE r;",
    "CREATE DATABASE IF NOT EXISTS d; ALTER DATABASE other DEFAULT CHARACTER SET latin1;",
];

impl World {
    /// One step: changes of rows, a change of a table, or several statements that belong together.
    pub(crate) fn step(&mut self) {
        let Some(at) = self.any_table() else {
            return self.create();
        };
        match self.pick(100) {
            0..=39 => self.rows(),
            40..=61 => self.alter(at, false),
            62..=73 => self.alter(at, true),
            74..=76 => self.rename(at),
            77 | 78 => self.swap(at),
            79 | 80 => self.truncate(at),
            81 | 82 => self.drop_table(at),
            83 => self.drop_two(at),
            84 => self.another_shape(at),
            85 => self.drop_database(),
            86 if self.tables.len() < TABLES_MAX => self.like(at),
            87 | 88 if self.tables.len() < TABLES_MAX => self.select(at),
            89 => self.ghost(at),
            90 => self.triggers(at),
            91..=93 if self.tables.len() < TABLES_MAX => self.create(),
            _ => {
                let noise = NOISE[self.pick(NOISE.len())];
                self.say(noise.to_owned());
            }
        }
    }

    fn alter(&mut self, at: usize, other: bool) {
        let words = self.words();
        let table = self.tables[at].clone();
        let altered = match other {
            true => self.alter_other(&table, words),
            false => self.alter_columns(&table, words),
        };
        let Some((text, mut after)) = altered else {
            return self.rows();
        };
        let mut text = format!(
            "{} {} {text}",
            words.verb("ALTER TABLE"),
            words.table(&table)
        );
        let renames = !other && !text.contains("INSTANT") && self.pick(10) == 0;
        if renames && let Some(name) = self.table_name(&table.database) {
            let to = words.table_named(&table.database, &name);
            text = format!("{text}, RENAME TO {to}");
            after.name = name;
        }
        self.say(words.statement(&text));
        let moved = after.name != table.name;
        let mark = format!("rename {}", pair(&table, &after));
        self.tables[at] = after;
        if moved {
            self.mark(&mark);
        }
    }

    fn rename(&mut self, at: usize) {
        let database = ["d", "d", "e", "other"][self.pick(4)];
        let Some(name) = self.table_name(database) else {
            return;
        };
        let (words, before) = (self.words(), self.tables[at].clone());
        let mut after = before.clone();
        (after.database, after.name) = (database.to_owned(), name);
        let (from, to) = (words.table(&before), words.table(&after));
        let text = match self.pick(3) {
            0 => format!("{} {from} RENAME TO {to}", words.verb("ALTER TABLE")),
            1 => format!("{} {from} RENAME AS {to}", words.verb("ALTER TABLE")),
            _ => format!("{} {from} TO {to}", words.verb("RENAME TABLE")),
        };
        self.say(words.statement(&text));
        let mark = format!("rename {}", pair(&before, &after));
        self.tables[at] = after;
        self.mark(&mark);
    }

    /// Two tables take each other's names.
    fn swap(&mut self, at: usize) {
        let Some(other) = self.any_table().filter(|other| *other != at) else {
            return;
        };
        let words = self.words();
        let (a, b) = (
            words.table(&self.tables[at]),
            words.table(&self.tables[other]),
        );
        let aside = words.table_named("d", "aside");
        self.say(words.statement(&format!(
            "{} {a} TO {aside}, {b} TO {a}, {aside} TO {b}",
            words.verb("RENAME TABLE")
        )));
        let place = |table: &Table| (table.database.clone(), table.name.clone());
        let (one, two) = (place(&self.tables[at]), place(&self.tables[other]));
        let mark = format!("swap {}", pair(&self.tables[at], &self.tables[other]));
        (self.tables[at].database, self.tables[at].name) = two;
        (self.tables[other].database, self.tables[other].name) = one;
        self.mark(&mark);
    }

    fn truncate(&mut self, at: usize) {
        let words = self.words();
        let verb = ["TRUNCATE TABLE", "TRUNCATE"][self.pick(2)];
        let text = format!("{} {}", words.verb(verb), words.table(&self.tables[at]));
        self.say(words.statement(&text));
        let table = &mut self.tables[at];
        table.rows.clear();
        if table.captured() {
            self.expected.push(table.truncation());
        }
    }

    fn drop_table(&mut self, at: usize) {
        let words = self.words();
        let table = self.tables.remove(at);
        let exists = ["", "IF EXISTS "][self.pick(2)];
        let text = format!(
            "{} {exists}{}",
            words.verb("DROP TABLE"),
            words.table(&table)
        );
        self.say(words.statement(&text));
        self.mark(&format!("drop {}", pair(&table, &table)));
    }

    fn drop_two(&mut self, at: usize) {
        let one = self.tables.remove(at);
        let words = self.words();
        let mut names = vec![words.table(&one)];
        let mut marks = vec![format!("drop {}", pair(&one, &one))];
        if let Some(at) = self.any_table() {
            let two = self.tables.remove(at);
            names.push(words.table(&two));
            marks.push(format!("drop {}", pair(&two, &two)));
        }
        self.say(words.statement(&format!(
            "DROP TABLE IF EXISTS {}, never",
            names.join(" , ")
        )));
        for mark in marks {
            self.mark(&mark);
        }
    }

    /// Gone, and there again with other columns.
    fn another_shape(&mut self, at: usize) {
        let (database, name) = {
            let table = &self.tables[at];
            (table.database.clone(), table.name.clone())
        };
        self.drop_table(at);
        let table = self.new_table(&database, name);
        self.create_as(table);
        let at = self.tables.len() - 1;
        self.insert(at, 2);
    }

    fn drop_database(&mut self) {
        self.say("DROP DATABASE e; CREATE DATABASE e DEFAULT CHARACTER SET utf8mb4;".to_owned());
        let gone: Vec<Table> = self
            .tables
            .iter()
            .filter(|table| table.database == "e")
            .cloned()
            .collect();
        self.tables.retain(|table| table.database != "e");
        for table in gone {
            self.mark(&format!("drop {}", pair(&table, &table)));
        }
    }

    fn like(&mut self, at: usize) {
        let Some(name) = self.table_name("d") else {
            return;
        };
        let mut table = self.tables[at].clone();
        let words = self.words();
        let from = words.table(&table);
        (table.database, table.name) = ("d".to_owned(), name);
        table.rows.clear();
        table.instants = 0;
        let (verb, to) = (words.verb("CREATE TABLE"), words.table(&table));
        let text = match self.pick(2) {
            0 => format!("{verb} {to} LIKE {from}"),
            _ => format!("{verb} {to} (LIKE {from})"),
        };
        self.say(words.statement(&text));
        self.tables.push(table);
        let at = self.tables.len() - 1;
        self.insert(at, 2);
    }

    fn select(&mut self, at: usize) {
        let Some(name) = self.table_name("d") else {
            return;
        };
        let source = self.tables[at].clone();
        let words = self.words();
        let mut table = source.clone();
        (table.database, table.name) = ("d".to_owned(), name);
        table.uniques.clear();
        table.columns.retain(|column| column.formula.is_none());
        table
            .columns
            .iter_mut()
            .for_each(|column| column.invisible = false);
        (table.partitioned, table.instants) = (false, 0);
        let id = words.name(&table.id().name);
        let names: Vec<String> = table.columns.iter().map(|c| words.name(&c.name)).collect();
        let mut body = Vec::new();
        if self.pick(2) == 0 {
            let taken: Vec<String> = table.columns.iter().map(|c| c.name.clone()).collect();
            if let Some(name) = self.column_name(&taken) {
                // Columns that the query does not name stand before those that it names.
                let column = Column {
                    nullable: true,
                    invisible: false,
                    ..self.column(name)
                };
                body.push(words.column(&table, &column));
                table.fill(&column);
                table.columns.insert(0, column);
            }
        }
        table.primary.clear();
        if self.pick(3) > 0 {
            table.primary = vec![table.id().number];
            body.push(format!("PRIMARY KEY ({id})"));
        }
        table.prune();
        let body = if body.is_empty() {
            String::new()
        } else {
            format!(" ({})", body.join(", "))
        };
        let word = ["AS ", ""][self.pick(2)];
        self.say(words.statement(&format!(
            "{} {}{body} {}SELECT {} FROM {} ORDER BY {id}",
            words.verb("CREATE TABLE"),
            words.table(&table),
            word,
            names.join(", "),
            words.table(&source)
        )));
        let rows = std::mem::take(&mut table.rows);
        self.tables.push(table);
        let at = self.tables.len() - 1;
        for row in rows.values() {
            self.put(at, None, Some(row));
        }
    }

    /// What gh-ost does: a shadow table, altered, filled while changes go on, and put in the table's place.
    fn ghost(&mut self, at: usize) {
        let Some((shadow, words, text)) = self.shadow(at, "_t_gho") else {
            return self.rows();
        };
        self.say(format!(
            "CREATE TABLE d._t_ghc (id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, hint VARCHAR(64));{text}"
        ));
        self.tables.push(shadow);
        let new = self.tables.len() - 1;
        self.copy_rows(at, new, words);
        for _ in 0..3 {
            let before = self.tables[at].clone();
            self.change(at);
            self.follow(&before, at, new);
        }
        self.cut_over(at, words, "_t_del");
        self.say("DROP TABLE IF EXISTS d._t_ghc;".to_owned());
    }

    /// What pt-online-schema-change does: triggers carry the changes over.
    fn triggers(&mut self, at: usize) {
        let Some((shadow, words, text)) = self.shadow(at, "_t_new") else {
            return self.rows();
        };
        self.say(text);
        self.tables.push(shadow);
        let new = self.tables.len() - 1;
        let (from, to) = (self.tables[at].clone(), self.tables[new].clone());
        let pairs = common(&from, &to);
        let names: Vec<String> = pairs.iter().map(|(_, to)| words.name(&to.name)).collect();
        let news: Vec<String> = pairs
            .iter()
            .map(|(from, _)| format!("NEW.{}", words.name(&from.name)))
            .collect();
        let table = words.table(&from);
        self.say(words.statement(&format!(
            "CREATE TRIGGER {} AFTER INSERT ON {table} FOR EACH ROW REPLACE INTO {} ({}) VALUES ({})",
            words.table_named(&from.database, "pt_ins"),
            words.table(&to),
            names.join(", "),
            news.join(", ")
        )));
        self.copy_rows(at, new, words);
        for _ in 0..2 {
            let before = self.tables[at].clone();
            self.insert(at, 1);
            self.follow(&before, at, new);
        }
        self.say(words.statement(&format!(
            "DROP TRIGGER {}",
            words.table_named(&from.database, "pt_ins")
        )));
        self.cut_over(at, words, "_t_old");
    }

    /// A table like another one, altered; only for those that a tool would take: with the id as primary key.
    fn shadow(&mut self, at: usize, name: &str) -> Option<(Table, Words, String)> {
        let source = self.tables[at].clone();
        if source.primary != [source.id().number] || !source.uniques.is_empty() {
            return None;
        }
        let (words, mut shadow) = (self.words(), source.clone());
        name.clone_into(&mut shadow.name);
        shadow.rows.clear();
        let (text, mut altered) = self.alter_columns(&shadow, words)?;
        altered.rows.clear();
        let to = words.table(&shadow);
        let text = words.statement(&format!(
            "CREATE TABLE {to} LIKE {}; ALTER TABLE {to} {text}",
            words.table(&source)
        ));
        // The tools cannot give values to a column that has no default.
        let known = |column: &&Column| source.columns.iter().any(|c| c.number == column.number);
        let given = |column: &Column| {
            column.nullable || column.default.is_some() || column.formula.is_some()
        };
        let all = altered
            .columns
            .iter()
            .all(|column| known(&column) || given(column));
        all.then_some((altered, words, text))
    }

    fn copy_rows(&mut self, at: usize, new: usize, words: Words) {
        let (from, to) = (self.tables[at].clone(), self.tables[new].clone());
        let pairs = common(&from, &to);
        let names: Vec<String> = pairs.iter().map(|(_, to)| words.name(&to.name)).collect();
        let selected: Vec<String> = pairs
            .iter()
            .map(|(from, _)| words.name(&from.name))
            .collect();
        self.say(words.statement(&format!(
            "INSERT IGNORE INTO {} ({}) (SELECT {} FROM {} ORDER BY {})",
            words.table(&to),
            names.join(", "),
            selected.join(", "),
            words.table(&from),
            words.name(&from.id().name)
        )));
        for row in from.rows.values() {
            let row = carried(&to, row);
            self.put(new, None, Some(&row));
        }
    }

    /// Carries the last change of a table over to its shadow: as its tool does by itself, or its triggers.
    fn follow(&mut self, before: &Table, at: usize, new: usize) {
        let by_hand = self.tables[new].name == "_t_gho";
        let (now, shadow) = (self.tables[at].clone(), self.tables[new].clone());
        let words = self.words();
        let id = words.name(&shadow.id().name);
        for gone in before.rows.keys().filter(|id| !now.rows.contains_key(id)) {
            self.say(words.statement(&format!(
                "DELETE FROM {} WHERE {id} = {gone}",
                words.table(&shadow)
            )));
            self.put(new, Some(&shadow.rows[gone]), None);
        }
        for (key, row) in &now.rows {
            let old = shadow.rows.get(key);
            let row = carried(&shadow, row);
            if before.rows.get(key) == Some(&now.rows[key]) || old == Some(&row) {
                continue;
            }
            if by_hand {
                let pairs = common(&now, &shadow);
                let names: Vec<String> = pairs.iter().map(|(_, to)| words.name(&to.name)).collect();
                let value = |(_, to): &(Column, Column)| to.kind.sql(&row[&to.number]);
                let values: Vec<String> = pairs.iter().map(value).collect();
                self.say(words.statement(&format!(
                    "REPLACE INTO {} ({}) VALUES ({})",
                    words.table(&shadow),
                    names.join(", "),
                    values.join(", ")
                )));
            }
            self.put(new, old, Some(&row));
        }
    }

    fn cut_over(&mut self, at: usize, words: Words, aside: &str) {
        let mut shadow = self.tables.pop().unwrap();
        let source = self.tables[at].clone();
        let (table, old) = (
            words.table(&source),
            words.table_named(&source.database, aside),
        );
        self.say(words.statement(&format!(
            "{} {table} TO {old}, {} TO {table}",
            words.verb("RENAME TABLE"),
            words.table(&shadow)
        )));
        let mut gone = source.clone();
        aside.clone_into(&mut gone.name);
        let marks = [pair(&source, &gone), pair(&shadow, &source)];
        shadow.name.clone_from(&source.name);
        self.tables[at] = shadow;
        for mark in marks {
            self.mark(&format!("rename {mark}"));
        }
        self.say(words.statement(&format!("DROP TABLE IF EXISTS {old}")));
        self.mark(&format!("drop {}", pair(&gone, &gone)));
    }
}

/// The names of two tables, for a marker.
fn pair(from: &Table, to: &Table) -> String {
    format!(
        "{}\t{}\t{}\t{}",
        from.database, from.name, to.database, to.name
    )
}

/// Columns that a tool copies: those of both tables that nothing computes.
fn common(from: &Table, to: &Table) -> Vec<(Column, Column)> {
    let plain = |column: &&Column| column.formula.is_none();
    let same = |one: &Column| {
        to.columns
            .iter()
            .filter(plain)
            .find(|c| c.number == one.number)
    };
    let pair = |one: &Column| Some((one.clone(), same(one)?.clone()));
    from.columns.iter().filter(plain).filter_map(pair).collect()
}

/// A row as it arrives in the shadow.
fn carried(to: &Table, row: &Row) -> Row {
    let mut carried = Row::new();
    for column in &to.columns {
        let value = row.get(&column.number).or(column.default.as_ref());
        let value = value.cloned().unwrap_or(Cell::Null);
        carried.insert(column.number, value);
    }
    to.compute(&mut carried);
    carried
}
