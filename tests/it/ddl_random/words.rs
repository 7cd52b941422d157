//! One meaning, many spellings: quotes, case, spaces and comments of a statement.

use super::model::{Column, Table, quoted};
use crate::delivery::load::Random;

/// How names are quoted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Ticks,
    /// Only where they must be.
    Bare,
    /// Double ones, in a session with `ANSI_QUOTES`.
    Ansi,
}

/// How a statement is spelled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    quotes: Quotes,
    case: u64,
    qualified: bool,
    elsewhere: bool,
}

/// Words that are names only in quotes.
const RESERVED: [&str; 6] = ["key", "order", "add", "column", "table", "select"];

impl Words {
    pub(crate) fn draw(random: &mut Random) -> Words {
        let quotes = [Quotes::Ticks, Quotes::Bare, Quotes::Bare, Quotes::Ansi];
        let elsewhere = random.below(8) == 0;
        Words {
            quotes: quotes[usize::try_from(random.below(4)).unwrap()],
            case: random.below(7),
            qualified: elsewhere || random.below(3) == 0,
            elsewhere,
        }
    }

    /// A name.
    pub(crate) fn name(&self, name: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let bare = name.chars().all(plain) && !RESERVED.contains(&&*name.to_lowercase());
        match self.quotes {
            Quotes::Bare if bare => name.to_owned(),
            Quotes::Bare | Quotes::Ticks => format!("`{}`", name.replace('`', "``")),
            Quotes::Ansi => format!("\"{}\"", name.replace('"', "\"\"")),
        }
    }

    pub(crate) fn table(&self, table: &Table) -> String {
        self.table_named(&table.database, &table.name)
    }

    pub(crate) fn table_named(&self, database: &str, name: &str) -> String {
        if !self.qualified && database == "d" {
            return self.name(name);
        }
        let dot = ["", " . ", "."][usize::try_from(self.case % 3).unwrap()];
        let dot = if dot.is_empty() { "." } else { dot };
        format!("{}{dot}{}", self.name(database), self.name(name))
    }

    /// The words that a statement begins with.
    pub(crate) fn verb(&self, words: &str) -> String {
        let mixed = |(at, c): (usize, char)| match at % 2 {
            0 => c.to_ascii_uppercase(),
            _ => c.to_ascii_lowercase(),
        };
        match self.case {
            0 => words.to_lowercase(),
            1 => words.chars().enumerate().map(mixed).collect(),
            2 => format!("/*!50000 {words} */"),
            3 => words.replace(' ', "\n\t"),
            4 => words.replace(' ', " /* DROP TABLE t1; */ "),
            5 => format!("/* it's \"a\" `comment */ {words}"),
            _ => words.to_owned(),
        }
    }

    /// The whole statement, in the session that it asks for; semicolons included.
    pub(crate) fn statement(&self, text: &str) -> String {
        let mut text = format!("{text};");
        if self.quotes == Quotes::Ansi {
            text = format!(
                "SET sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES'); {text} SET sql_mode = DEFAULT;"
            );
        }
        if self.elsewhere {
            text = format!("USE other; {text} USE d;");
        }
        text
    }

    /// A column's whole declaration.
    pub(crate) fn column(&self, table: &Table, column: &Column) -> String {
        let mut text = format!("{} {}", self.name(&column.name), column.kind.declared());
        if let Some(base) = column.formula {
            let base = self.name(&table.column(base).name);
            let stored = if column.stored { "STORED" } else { "VIRTUAL" };
            text.push_str(&format!(
                " GENERATED ALWAYS AS (CONCAT('g{}_', {base})) {stored}",
                column.number
            ));
            return text;
        }
        if column.kind.is_text() && self.case == 3 {
            text.push_str(" CHARACTER SET latin1");
        }
        text.push_str(if column.nullable {
            " NULL"
        } else {
            " NOT NULL"
        });
        if let Some(default) = &column.default {
            text.push_str(&format!(" DEFAULT {}", column.kind.sql(default)));
        }
        if self.case == 4 {
            text.push_str(&format!(
                " COMMENT {}",
                quoted("it's, ADD COLUMN x INT) `\" ☃")
            ));
        }
        if column.invisible {
            text.push_str(" INVISIBLE");
        }
        text
    }
}
