//! All tables of a scope as they were read from the server at once, and what becomes of that where the stream stands.
//!
//! Reading them takes seconds where there are thousands. Takes what was read and what the stream's statements have
//! changed meanwhile, gives definitions that hold. Pure.

use std::collections::BTreeSet;

use crate::position::Position;
use crate::schema::definitions::Definitions;
use crate::sql::collation::Collation;
use crate::sql::definition::{Definition, Name};
use crate::sql::statement::{Change, Effect, Statement};

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Lesson {
    /// The tables that it is about, in the words of the configuration.
    pub scope: String,
    /// How they look; `None` where there was no such table any more.
    pub tables: Vec<(Name, Option<Definition>)>,
    /// Tables that may have changed while they were read.
    pub uncertain: Vec<Name>,
    /// The default collations of the databases.
    pub databases: Vec<(String, Collation)>,
    /// Where the server was just after.
    pub until: Position,
    /// Whether no other table is in the scope.
    pub whole: bool,
}

/// What the statements of the stream have changed since its start.
#[derive(Clone, Debug, Default)]
pub struct Changed {
    tables: BTreeSet<Name>,
    databases: BTreeSet<String>,
    anything: bool,
}

impl Changed {
    /// Takes a statement, with the tables that it touched.
    pub fn note(&mut self, statement: &Statement, touched: &[Name]) {
        self.tables.extend(touched.iter().cloned());
        match statement.effect() {
            Effect::Changes(changes) => {
                for change in changes {
                    match change {
                        Change::CreateDatabase { database, .. }
                        | Change::AlterDatabase { database, .. }
                        | Change::DropDatabase { database, .. } => {
                            self.databases.insert(database.clone());
                        }
                        Change::CreateTable { .. }
                        | Change::CreateSelect { .. }
                        | Change::CreateLike { .. }
                        | Change::Alter(_)
                        | Change::Rename { .. }
                        | Change::DropTable { .. }
                        | Change::Truncate(_) => {}
                    }
                }
            }
            Effect::Unknown(None) => self.anything = true,
            Effect::Unknown(Some(_)) | Effect::Nothing => {}
        }
    }
}

impl Lesson {
    /// Teaches what is not known yet and has not changed; what has is asked for again where it is needed. `read` is
    /// where the stream stands.
    pub fn teach(self, definitions: &mut Definitions, changed: &Changed, read: &Position) {
        if changed.anything {
            return;
        }
        let holds = self.until.is_reached(read);
        let new = |name: &Name| {
            changed.tables.contains(name) || changed.databases.contains(&name.database)
        };
        for (name, definition) in self.tables {
            if definitions.get(&name).is_some() {
                continue;
            }
            match new(&name) {
                true => definitions.forget(name),
                false => {
                    definitions.learn(name, definition, (!holds).then(|| self.until.clone()));
                }
            }
        }
        for name in self.uncertain {
            if definitions.get(&name).is_none() {
                definitions.forget(name);
            }
        }
        for (name, collation) in self.databases {
            if !changed.databases.contains(&name) {
                definitions.learn_database(name, collation);
            }
        }
        if holds && self.whole {
            definitions.complete(&self.scope);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::FilePosition;
    use crate::schema::definitions::{Known, Session};

    fn name(database: &str, table: &str) -> Name {
        Name {
            database: database.to_owned(),
            table: table.to_owned(),
        }
    }

    fn session() -> Session {
        Session {
            database: "d".to_owned(),
            utf8mb4_collation: "utf8mb4_0900_ai_ci".to_owned(),
            ..Session::default()
        }
    }

    fn at(offset: u64) -> Position {
        let file = "bin.000001".to_owned();
        Position::new(None, FilePosition { file, offset })
    }

    /// The tables a, b and c of d and one of another database, read at 100; c has changed under the reader's hands.
    fn lesson() -> Lesson {
        let definitions = Definitions::new(false);
        let read = |database: &str, table: &str| {
            let (name, text) = (
                name(database, table),
                format!("CREATE TABLE `{table}` (`id` int)"),
            );
            let definition = definitions.from_show_create(&text, &name, &session());
            (name, Some(definition.unwrap()))
        };
        Lesson {
            scope: "all".to_owned(),
            tables: vec![read("d", "a"), read("d", "b"), read("e", "t")],
            uncertain: vec![name("d", "c")],
            databases: vec![("d".to_owned(), Collation::new("latin1_bin").unwrap())],
            until: at(100),
            whole: true,
        }
    }

    fn taught(statements: &[&str], read: u64) -> (Definitions, String) {
        let (mut definitions, mut changed) = (Definitions::new(false), Changed::default());
        for sql in statements {
            let statement = definitions.parse(sql, &session());
            let touched = definitions.apply(&statement, &session());
            changed.note(&statement, &touched);
        }
        lesson().teach(&mut definitions, &changed, &at(read));
        let text = |(name, known): (&Name, &Known)| {
            let how = match known {
                Known::Exact(definition) => format!("{}", definition.columns.len()),
                Known::Assumed { .. } => "assumed".to_owned(),
                Known::Lost(_) | Known::Untold(_) => "lost".to_owned(),
            };
            format!("{name} {how}")
        };
        let texts: Vec<String> = definitions.tables().map(text).collect();
        let texts = texts.join(", ");
        (definitions, texts)
    }

    #[test]
    fn what_the_stream_has_not_changed_is_learned() {
        let (definitions, known) = taught(&[], 100);
        assert_eq!(known, "d.a 1, d.b 1, d.c lost, e.t 1");
        assert!(definitions.is_complete("all"));
        let (definitions, known) = taught(&[], 99);
        assert_eq!(known, "d.a assumed, d.b assumed, d.c lost, e.t assumed");
        assert!(!definitions.is_complete("all"));
    }

    #[test]
    fn what_the_stream_has_changed_is_its_own() {
        let statements = [
            "ALTER TABLE a ADD x INT",
            "CREATE TABLE b (x INT, y INT, z INT)",
            "CREATE TABLE c (x INT, y INT)",
            "DROP DATABASE e",
        ];
        let (_, known) = taught(&statements, 100);
        assert_eq!(known, "d.a lost, d.b 3, d.c 2, e.t lost");
        let (mut definitions, mut changed) = (Definitions::new(false), Changed::default());
        changed.note(&Statement::Unparsed { tables: None }, &[]);
        lesson().teach(&mut definitions, &changed, &at(100));
        assert_eq!(definitions.tables().count(), 0);
        assert!(!definitions.is_complete("all"));
    }
}
