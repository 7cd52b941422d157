//! ALTER TABLE in all its forms: what it says, and what it makes of a table.

use super::model::{Column, Kind, Table};
use super::words::Words;
use super::world::World;

/// Columns that a table has at most.
const COLUMNS_MAX: usize = 14;

/// An ALTER TABLE in the making.
struct Draft {
    table: Table,
    /// What the server has until the statement ends: names that are taken.
    names: Vec<String>,
    clauses: Vec<String>,
    /// Columns that a clause has named already.
    used: Vec<i64>,
    /// Columns that get their place once all others have theirs: after which, `None` for the first.
    placed: Vec<(Column, Place)>,
    instant: bool,
    inplace: bool,
}

#[derive(Clone, Copy, Debug)]
enum Place {
    Last,
    First,
    After(i64),
}

impl World {
    /// One ALTER TABLE with one to four clauses about columns; gives its text behind the table's name, and the
    /// table afterwards.
    pub(super) fn alter_columns(&mut self, table: &Table, words: Words) -> Option<(String, Table)> {
        let mut draft = Draft {
            names: table.columns.iter().map(|c| c.name.clone()).collect(),
            table: table.clone(),
            clauses: Vec::new(),
            used: Vec::new(),
            placed: Vec::new(),
            instant: true,
            inplace: true,
        };
        let clauses = [1, 1, 1, 2, 3, 4][self.pick(6)];
        for _ in 0..clauses {
            match self.pick(12) {
                0..=2 => self.add(&mut draft, words),
                3 | 4 => self.drop_column(&mut draft, words),
                5 | 6 => self.rename_column(&mut draft, words),
                7 => self.swap_names(&mut draft, words),
                8 => self.add_again(&mut draft, words),
                9 => self.reorder(&mut draft, words),
                _ => self.modify(&mut draft, words),
            }
        }
        if draft.clauses.is_empty() {
            return None;
        }
        draft.place();
        let mut text = draft.clauses.join(", ");
        let generated = table.columns.iter().any(|column| column.formula.is_some());
        match self.pick(6) {
            0 => text.push_str(", ALGORITHM=COPY"),
            1 if draft.inplace && !generated => text.push_str(", ALGORITHM=INPLACE"),
            2 if draft.instant && !generated && table.instants < 40 => {
                text.push_str(", ALGORITHM = INSTANT");
            }
            3 => text.insert_str(0, "ALGORITHM=DEFAULT, "),
            _ => {}
        }
        draft.table.instants += 1;
        Some((text, draft.table))
    }

    fn position(&mut self, draft: &mut Draft, words: Words) -> (Place, String) {
        match self.pick(5) {
            0 => (Place::First, " FIRST".to_owned()),
            1 | 2 => {
                let free = draft.free();
                let fresh = draft.placed.iter().map(|(column, _)| column.number);
                let targets: Vec<i64> = free.into_iter().chain(fresh).collect();
                if targets.is_empty() {
                    return (Place::Last, String::new());
                }
                let target = targets[self.pick(targets.len())];
                draft.used.push(target);
                let placed = draft.placed.iter().map(|(column, _)| column);
                let mut all = draft.table.columns.iter().chain(placed);
                let name = &all.find(|c| c.number == target).unwrap().name;
                (Place::After(target), format!(" AFTER {}", words.name(name)))
            }
            _ => (Place::Last, String::new()),
        }
    }

    fn add(&mut self, draft: &mut Draft, words: Words) {
        if draft.table.columns.len() + draft.placed.len() >= COLUMNS_MAX {
            return;
        }
        let Some(name) = self.column_name(&draft.names) else {
            return;
        };
        let column = match self.pick(8) {
            0 => self.generated(draft, name),
            _ => self.column(name),
        };
        self.add_column(draft, column, words);
    }

    fn add_column(&mut self, draft: &mut Draft, column: Column, words: Words) {
        let (place, text) = self.position(draft, words);
        let verb = ["ADD COLUMN", "ADD", "add column"][self.pick(3)];
        let declared = words.column(&draft.table, &column);
        draft.clauses.push(format!("{verb} {declared}{text}"));
        draft.names.push(column.name.clone());
        if column.formula.is_some() {
            (draft.instant, draft.inplace) = (false, false);
        }
        draft.placed.push((column, place));
    }

    fn generated(&mut self, draft: &mut Draft, name: String) -> Column {
        let mut column = self.column(name);
        let base = |c: &&Column| {
            let plain = matches!(c.kind, Kind::Int | Kind::Big | Kind::Id)
                || matches!(c.kind, Kind::Varchar(length) if length <= 100);
            plain && c.formula.is_none() && !draft.used.contains(&c.number)
        };
        let bases: Vec<i64> = draft
            .table
            .columns
            .iter()
            .filter(base)
            .map(|c| c.number)
            .collect();
        if bases.is_empty() {
            return column;
        }
        let base = bases[self.pick(bases.len())];
        draft.used.push(base);
        column.kind = Kind::Varchar(250);
        (column.nullable, column.default, column.invisible) = (true, None, false);
        column.formula = Some(base);
        column.stored = self.pick(2) == 0;
        column
    }

    fn drop_column(&mut self, draft: &mut Draft, words: Words) {
        let Some(number) = self.victim(draft) else {
            return;
        };
        let column = draft.table.column(number);
        let verb = ["DROP COLUMN", "DROP"][self.pick(2)];
        draft
            .clauses
            .push(format!("{verb} {}", words.name(&column.name)));
        draft.instant &= !draft.table.keyed().contains(&number);
        draft.take(number);
    }

    /// A column that can go, leave its name or change its type.
    fn victim(&mut self, draft: &mut Draft) -> Option<i64> {
        let table = &draft.table;
        let can = |number: &i64| {
            let column = table.column(*number);
            column.kind != Kind::Id && !draft.is_base(*number)
        };
        let mut free = draft.free();
        free.retain(can);
        // One other column must stay visible beside the id, for CREATE … SELECT and UPDATE.
        if free.len() < 2 {
            return None;
        }
        let number = free[self.pick(free.len())];
        draft.used.push(number);
        Some(number)
    }

    /// A column that can get another name.
    fn renamed(&mut self, draft: &mut Draft) -> Option<i64> {
        let table = &draft.table;
        let can = |number: &i64| {
            let id = table.column(*number).kind == Kind::Id;
            !(draft.is_base(*number) || id && table.partitioned)
        };
        let mut free = draft.free();
        free.retain(can);
        if free.is_empty() {
            return None;
        }
        let number = free[self.pick(free.len())];
        draft.used.push(number);
        Some(number)
    }

    fn rename_column(&mut self, draft: &mut Draft, words: Words) {
        let Some(number) = self.renamed(draft) else {
            return;
        };
        let old = draft.table.column(number).name.clone();
        let upper = old.to_uppercase();
        let name = match self.pick(5) {
            // The case alone.
            0 if upper != old => Some(upper),
            _ => self.column_name(&draft.names),
        };
        let Some(name) = name else {
            return;
        };
        draft.names.push(name.clone());
        draft.rename(number, &name);
        let (from, to) = (words.name(&old), words.name(&name));
        let clause = match self.pick(2) {
            0 => format!("RENAME COLUMN {from} TO {to}"),
            _ => {
                let column = draft.table.column(number);
                let declared = words.column(&draft.table, column);
                draft.inplace &= !column.kind.is_text();
                draft.instant = false;
                format!("CHANGE COLUMN {from} {declared}")
            }
        };
        draft.clauses.push(clause);
    }

    fn swap_names(&mut self, draft: &mut Draft, words: Words) {
        let (Some(one), Some(two)) = (self.renamed(draft), self.renamed(draft)) else {
            return;
        };
        let name = |number| draft.table.column(number).name.clone();
        let (first, second) = (name(one), name(two));
        let (a, b) = (words.name(&first), words.name(&second));
        draft.clauses.push(format!(
            "RENAME COLUMN {a} TO {b}, RENAME COLUMN {b} TO {a}"
        ));
        draft.rename(one, &second);
        draft.rename(two, &first);
    }

    /// Drops a column and adds one of that name: same name, other values.
    fn add_again(&mut self, draft: &mut Draft, words: Words) {
        let Some(number) = self.victim(draft) else {
            return;
        };
        // A key on the old column would be one on the new, as far as their types allow.
        if draft.table.keyed().contains(&number) {
            return;
        }
        let name = draft.table.column(number).name.clone();
        draft
            .clauses
            .push(format!("DROP COLUMN {}", words.name(&name)));
        draft.take(number);
        (draft.instant, draft.inplace) = (false, false);
        let column = self.column(name);
        self.add_column(draft, column, words);
    }

    fn reorder(&mut self, draft: &mut Draft, words: Words) {
        let Some(number) = self.renamed(draft) else {
            return;
        };
        if draft.table.column(number).formula.is_some() {
            return;
        }
        let (place, text) = self.position(draft, words);
        if let Place::Last = place {
            return;
        }
        let column = draft.table.column(number).clone();
        let declared = words.column(&draft.table, &column);
        draft
            .clauses
            .push(format!("MODIFY COLUMN {declared}{text}"));
        draft.instant = false;
        draft.inplace &= !column.kind.is_text();
        // The rows keep its values: it only leaves its place.
        draft.table.columns.retain(|c| c.number != number);
        draft.placed.push((column, place));
    }

    fn modify(&mut self, draft: &mut Draft, words: Words) {
        let Some(number) = self.victim(draft) else {
            return;
        };
        let mut column = draft.table.column(number).clone();
        if column.formula.is_some() {
            return;
        }
        let keyed = draft.table.keyed().contains(&number);
        column.kind = match column.kind.clone() {
            Kind::Int => Kind::Big,
            Kind::Varchar(_) if self.pick(3) == 0 && !keyed && column.default.is_none() => {
                Kind::Text
            }
            Kind::Varchar(length) => Kind::Varchar((length + 40).min(300)),
            Kind::Enum(labels) => Kind::Enum(self.more_labels(labels, number)),
            Kind::Set(labels) => Kind::Set(self.more_labels(labels, number)),
            same @ (Kind::Id
            | Kind::Unsigned
            | Kind::Big
            | Kind::Decimal
            | Kind::Date
            | Kind::Text
            | Kind::Json) => same,
        };
        if self.pick(3) == 0 && !draft.table.primary.contains(&number) {
            column.nullable = true;
        }
        let declared = words.column(&draft.table, &column);
        let clause = match self.pick(2) {
            0 => format!("MODIFY {declared}"),
            _ => format!("CHANGE {} {declared}", words.name(&column.name)),
        };
        draft.clauses.push(clause);
        (draft.instant, draft.inplace) = (false, false);
        let place = draft.table.columns.iter_mut().find(|c| c.number == number);
        *place.unwrap() = column;
    }

    /// Labels are added anywhere, and the list may turn round.
    fn more_labels(&mut self, mut labels: Vec<String>, number: i64) -> Vec<String> {
        if labels.len() < 12 {
            let label = format!("e{number}_{}", labels.len());
            labels.insert(self.pick(labels.len() + 1), label);
        }
        if self.pick(2) == 0 {
            labels.reverse();
        }
        labels
    }

    /// Everything about a table that is no column: keys, partitions, character sets, defaults, comments.
    pub(super) fn alter_other(&mut self, table: &Table, words: Words) -> Option<(String, Table)> {
        let mut after = table.clone();
        let text = match self.pick(9) {
            0 => self.primary_key(&mut after, words),
            1 => self.unique_key(&mut after, words)?,
            2 => {
                let (name, _) = (!after.uniques.is_empty()).then(|| after.uniques.remove(0))?;
                format!("DROP INDEX {}", words.name(&name))
            }
            3 if after.partitioned => {
                after.partitioned = false;
                "REMOVE PARTITIONING".to_owned()
            }
            3 | 4 => {
                after.partitioned = true;
                let id = words.name(&after.id().name);
                let count = 2 + self.pick(3);
                // Every unique key has the id; without a key anything goes.
                format!("PARTITION BY HASH ({id}) PARTITIONS {count}")
            }
            5 if table.columns.iter().all(|column| column.formula.is_none()) => {
                let set = [
                    "latin1",
                    "utf8mb4",
                    "utf8mb3",
                    "utf8mb4 COLLATE utf8mb4_bin",
                ];
                format!("CONVERT TO CHARACTER SET {}", set[self.pick(4)])
            }
            6 => self.default(&mut after, words)?,
            7 => self.visibility(&mut after, words)?,
            _ => {
                let noise = [
                    "ENGINE = InnoDB",
                    "FORCE",
                    "COMMENT = 'RENAME TO t9, DROP COLUMN a'",
                    "AUTO_INCREMENT = 7",
                    "DEFAULT CHARACTER SET latin1",
                    "STATS_PERSISTENT = 1, ROW_FORMAT = DYNAMIC",
                ];
                noise[self.pick(6)].to_owned()
            }
        };
        Some((text, after))
    }

    fn primary_key(&mut self, table: &mut Table, words: Words) -> String {
        let id = table.id().number;
        let fits = |c: &&Column| c.kind.fits_key() && !c.nullable && c.formula.is_none();
        let parts: Vec<i64> = table
            .columns
            .iter()
            .filter(fits)
            .map(|c| c.number)
            .collect();
        let had = !table.primary.is_empty();
        if had && self.pick(2) == 0 {
            table.primary.clear();
            return "DROP PRIMARY KEY".to_owned();
        }
        let more = parts[self.pick(parts.len())];
        table.primary = match self.pick(3) {
            0 if more != id => vec![more, id],
            1 if more != id => vec![id, more],
            _ => vec![id],
        };
        let names: Vec<String> = table
            .primary
            .iter()
            .map(|number| words.name(&table.column(*number).name))
            .collect();
        let drop = if had { "DROP PRIMARY KEY, " } else { "" };
        format!("{drop}ADD PRIMARY KEY ({})", names.join(","))
    }

    fn unique_key(&mut self, table: &mut Table, words: Words) -> Option<String> {
        if table.uniques.len() > 2 {
            return None;
        }
        let id = table.id().number;
        let fits = |c: &&Column| c.kind.fits_key() && c.formula.is_none();
        let parts: Vec<i64> = table
            .columns
            .iter()
            .filter(fits)
            .map(|c| c.number)
            .collect();
        let more = parts[self.pick(parts.len())];
        let columns = match self.pick(3) {
            0 if more != id => vec![more, id],
            1 if more != id => vec![id, more],
            _ => vec![id],
        };
        let name = format!("u{}", self.serial());
        let parts: Vec<String> = columns
            .iter()
            .map(|number| words.name(&table.column(*number).name))
            .collect();
        let text = format!("ADD UNIQUE KEY {} ({})", words.name(&name), parts.join(","));
        table.uniques.push((name, columns));
        table.sort_keys();
        Some(text)
    }

    fn default(&mut self, table: &mut Table, words: Words) -> Option<String> {
        let fits = |c: &&Column| {
            matches!(c.kind, Kind::Int | Kind::Big | Kind::Varchar(_)) && c.formula.is_none()
        };
        let columns: Vec<i64> = table
            .columns
            .iter()
            .filter(fits)
            .map(|c| c.number)
            .collect();
        let number = *columns.get(self.pick(columns.len().max(1)))?;
        let kind = table.column(number).kind.clone();
        let value = (self.pick(3) > 0).then(|| self.value(number, &kind));
        let column = table
            .columns
            .iter_mut()
            .find(|c| c.number == number)
            .unwrap();
        let name = words.name(&column.name);
        column.default = value;
        Some(match &column.default {
            Some(value) => format!("ALTER COLUMN {name} SET DEFAULT {}", kind.sql(value)),
            None => format!("ALTER {name} DROP DEFAULT"),
        })
    }

    fn visibility(&mut self, table: &mut Table, words: Words) -> Option<String> {
        let at = self.pick(table.columns.len());
        let column = &mut table.columns[at];
        (column.kind != Kind::Id && column.formula.is_none()).then(|| {
            column.invisible = !column.invisible;
            let to = if column.invisible {
                "INVISIBLE"
            } else {
                "VISIBLE"
            };
            format!("ALTER COLUMN {} SET {to}", words.name(&column.name))
        })
    }
}

impl Draft {
    fn free(&self) -> Vec<i64> {
        let unused = |number: &i64| !self.used.contains(number);
        self.table
            .columns
            .iter()
            .map(|c| c.number)
            .filter(unused)
            .collect()
    }

    /// Whether another column is computed from it.
    fn is_base(&self, number: i64) -> bool {
        let placed = self.placed.iter().map(|(column, _)| column);
        let mut all = self.table.columns.iter().chain(placed);
        all.any(|column| column.formula == Some(number))
    }

    fn take(&mut self, number: i64) {
        self.table.columns.retain(|column| column.number != number);
    }

    fn rename(&mut self, number: i64, name: &str) {
        let column = self.table.columns.iter_mut().find(|c| c.number == number);
        name.clone_into(&mut column.unwrap().name);
    }

    /// New and moved columns take their places in the order of their clauses.
    fn place(&mut self) {
        for (column, place) in std::mem::take(&mut self.placed) {
            let columns = &mut self.table.columns;
            let at = match place {
                Place::Last => columns.len(),
                Place::First => 0,
                Place::After(number) => {
                    1 + columns.iter().position(|c| c.number == number).unwrap()
                }
            };
            columns.insert(at, column);
        }
        self.table.prune();
        let new: Vec<Column> = self.table.columns.clone();
        for column in new {
            let missing = self
                .table
                .rows
                .values()
                .any(|row| !row.contains_key(&column.number));
            if missing && column.formula.is_none() {
                self.table.fill(&column);
            }
        }
        let mut rows = std::mem::take(&mut self.table.rows);
        rows.values_mut().for_each(|row| self.table.compute(row));
        self.table.rows = rows;
    }
}
