//! DDL of tables and databases, told from that of everything else.

use crate::sql::alter::{Action, Alter, alter_table, alter_touches, drop_key};
use crate::sql::collation::Collation;
use crate::sql::definition::Name;
use crate::sql::keys::{KeySpec, KeySpecKind};
use crate::sql::parser::Parser;
use crate::sql::statement::{Change, NotUnderstood, Statement};
use crate::sql::table::{
    CollationSpec, create_table, default_collation, key_parts, skip_key_options,
};

/// What CREATE, ALTER, DROP and others do; `None` for words that are none of them.
pub(super) fn ddl(parser: &mut Parser<'_>) -> Option<Statement> {
    Some(if parser.eat("CREATE") {
        create(parser)
    } else if parser.eat("ALTER") {
        alter(parser)
    } else if parser.eat("DROP") {
        drop_something(parser)
    } else if parser.eat("RENAME") {
        rename(parser)
    } else if parser.eat("TRUNCATE") {
        parser.eat("TABLE");
        statement(truncate(parser), None)
    } else {
        return None;
    })
}

/// Changes, or what may be touched where they were not understood.
fn statement(changes: Result<Vec<Change>, NotUnderstood>, touches: Option<Vec<Name>>) -> Statement {
    match changes {
        Ok(changes) => Statement::Ddl(changes),
        Err(NotUnderstood) => Statement::Unparsed { tables: touches },
    }
}

/// Whether it is about something that has no rows of its own: the words behind CREATE, ALTER and DROP.
fn is_of_no_table(parser: &Parser<'_>) -> bool {
    const WORDS: [&str; 26] = [
        "AGGREGATE",
        "ALGORITHM",
        "DEFINER",
        "EVENT",
        "FUNCTION",
        "INSTANCE",
        "JSON",
        "LIBRARY",
        "LOGFILE",
        "MASKING",
        "MATERIALIZED",
        "PREPARE",
        "PROCEDURE",
        "RESOURCE",
        "ROLE",
        "SERVER",
        "SPATIAL",
        "SQL",
        "TABLESPACE",
        "TEMPORARY",
        "TRIGGER",
        "UNDO",
        "USER",
        "VIEW",
        "CATALOG",
        "COMPRESSION",
    ];
    parser.is_any(&WORDS)
}

fn other(parser: &Parser<'_>) -> Statement {
    match is_of_no_table(parser) {
        true => Statement::Other,
        false => Statement::Unparsed { tables: None },
    }
}

fn create(parser: &mut Parser<'_>) -> Statement {
    let start = *parser;
    let replaces = parser.eat_all(&["OR", "REPLACE"]);
    if parser.eat("TABLE") {
        let mut names = *parser;
        names.eat_all(&["IF", "NOT", "EXISTS"]);
        let touches = names.table_name().ok().map(|name| vec![name]);
        let change = match replaces {
            true => Err(NotUnderstood),
            false => create_table(parser),
        };
        return statement(change.map(|change| vec![change]), touches);
    }
    if parser.eat_any(&["DATABASE", "SCHEMA"]) {
        return statement(create_database(parser).map(|change| vec![change]), None);
    }
    *parser = start;
    parser.eat_any(&["ONLINE", "OFFLINE"]);
    let kind = if parser.eat("UNIQUE") {
        KeySpecKind::Unique
    } else if parser.eat("FULLTEXT") {
        KeySpecKind::FullText
    } else if parser.is("SPATIAL") && parser.peek_second().is("INDEX") {
        parser.advance();
        KeySpecKind::Spatial
    } else {
        KeySpecKind::Plain
    };
    if parser.eat("INDEX") {
        let mut names = *parser;
        let touches = index_table(&mut names);
        return statement(create_index(parser, kind), touches);
    }
    *parser = start;
    parser.eat_all(&["OR", "REPLACE"]);
    other(parser)
}

/// The table of CREATE INDEX and DROP INDEX.
fn index_table(parser: &mut Parser<'_>) -> Option<Vec<Name>> {
    parser.skip_until(|parser| parser.is("ON")).ok()?;
    parser.expect("ON").ok()?;
    Some(vec![parser.table_name().ok()?])
}

fn create_index(parser: &mut Parser<'_>, kind: KeySpecKind) -> Result<Vec<Change>, NotUnderstood> {
    let name = Some(parser.name()?);
    if parser.eat_any(&["USING", "TYPE"]) {
        parser.name()?;
    }
    parser.expect("ON")?;
    let table = parser.table_name()?;
    let parts = key_parts(parser)?;
    skip_key_options(parser)?;
    skip_algorithm(parser)?;
    let actions = vec![Action::AddKey(KeySpec { name, kind, parts })];
    Ok(vec![Change::Alter(Alter { table, actions })])
}

fn skip_algorithm(parser: &mut Parser<'_>) -> Result<(), NotUnderstood> {
    while parser.eat_any(&["ALGORITHM", "LOCK"]) {
        parser.eat_sign('=');
        parser.name()?;
    }
    parser.expect_end()
}

fn create_database(parser: &mut Parser<'_>) -> Result<Change, NotUnderstood> {
    let if_not_exists = parser.eat_all(&["IF", "NOT", "EXISTS"]);
    let database = database(parser)?;
    let collation = match database_options(parser)? {
        Some(CollationSpec::Named(collation)) => Some(collation),
        Some(CollationSpec::Default) | None => parser.context.server_collation.clone(),
    };
    Ok(Change::CreateDatabase {
        database,
        if_not_exists,
        collation,
    })
}

fn database(parser: &mut Parser<'_>) -> Result<String, NotUnderstood> {
    let name = parser.name()?;
    Ok(parser.context.fold(name, String::new()).database)
}

fn database_options(parser: &mut Parser<'_>) -> Result<Option<CollationSpec>, NotUnderstood> {
    let mut collation = None;
    loop {
        if default_collation(parser, &mut collation)? {
            continue;
        }
        let mut ahead = *parser;
        ahead.eat("DEFAULT");
        if ahead.eat("ENCRYPTION") {
            ahead.eat_sign('=');
            ahead.string()?;
        } else if ahead.eat_all(&["READ", "ONLY"]) {
            ahead.eat_sign('=');
            ahead.advance();
        } else {
            parser.expect_end()?;
            return Ok(collation);
        }
        *parser = ahead;
    }
}

fn alter(parser: &mut Parser<'_>) -> Statement {
    let start = *parser;
    while parser.eat_any(&["ONLINE", "OFFLINE", "IGNORE"]) {}
    if parser.eat("TABLE") {
        let mut again = *parser;
        return match alter_table(parser) {
            Ok(alter) => Statement::Ddl(vec![Change::Alter(alter)]),
            Err(NotUnderstood) => Statement::Unparsed {
                tables: alter_touches(&mut again),
            },
        };
    }
    *parser = start;
    if parser.eat_any(&["DATABASE", "SCHEMA"]) {
        return alter_database(parser).unwrap_or(Statement::Unparsed { tables: None });
    }
    other(parser)
}

fn alter_database(parser: &mut Parser<'_>) -> Result<Statement, NotUnderstood> {
    const OPTIONS: [&str; 7] = [
        "DEFAULT",
        "CHARACTER",
        "CHARSET",
        "CHAR",
        "COLLATE",
        "ENCRYPTION",
        "READ",
    ];
    let database = match parser.is_any(&OPTIONS) {
        true => {
            let name = parser.context.database.to_owned();
            parser.context.fold(name, String::new()).database
        }
        false => database(parser)?,
    };
    if parser.eat_all(&["UPGRADE", "DATA", "DIRECTORY", "NAME"]) {
        return Ok(Statement::Other);
    }
    let collation: Option<Collation> = match database_options(parser)? {
        Some(CollationSpec::Named(collation)) => Some(collation),
        Some(CollationSpec::Default) => parser.context.server_collation.clone(),
        None => return Ok(Statement::Other),
    };
    Ok(Statement::Ddl(vec![Change::AlterDatabase {
        database,
        collation,
    }]))
}

fn drop_something(parser: &mut Parser<'_>) -> Statement {
    if parser.eat_any(&["TABLE", "TABLES"]) {
        return statement(drop_tables(parser), None);
    }
    if parser.eat_any(&["DATABASE", "SCHEMA"]) {
        return statement(drop_database(parser).map(|change| vec![change]), None);
    }
    let start = *parser;
    parser.eat_any(&["ONLINE", "OFFLINE"]);
    if parser.eat("INDEX") {
        let mut names = *parser;
        let touches = index_table(&mut names);
        return statement(drop_index(parser), touches);
    }
    *parser = start;
    other(parser)
}

fn drop_tables(parser: &mut Parser<'_>) -> Result<Vec<Change>, NotUnderstood> {
    let if_exists = parser.eat_all(&["IF", "EXISTS"]);
    let mut changes = Vec::new();
    loop {
        let table = parser.table_name()?;
        changes.push(Change::DropTable { table, if_exists });
        if !parser.eat_sign(',') {
            parser.eat_any(&["RESTRICT", "CASCADE"]);
            parser.expect_end()?;
            return Ok(changes);
        }
    }
}

fn drop_database(parser: &mut Parser<'_>) -> Result<Change, NotUnderstood> {
    let if_exists = parser.eat_all(&["IF", "EXISTS"]);
    let database = database(parser)?;
    parser.expect_end()?;
    Ok(Change::DropDatabase {
        database,
        if_exists,
    })
}

fn drop_index(parser: &mut Parser<'_>) -> Result<Vec<Change>, NotUnderstood> {
    let actions = vec![drop_key(parser.name()?)];
    parser.expect("ON")?;
    let table = parser.table_name()?;
    skip_algorithm(parser)?;
    Ok(vec![Change::Alter(Alter { table, actions })])
}

fn rename(parser: &mut Parser<'_>) -> Statement {
    if parser.eat("USER") {
        return Statement::Other;
    }
    if !parser.eat_any(&["TABLE", "TABLES"]) {
        return Statement::Unparsed { tables: None };
    }
    statement(rename_tables(parser), None)
}

fn rename_tables(parser: &mut Parser<'_>) -> Result<Vec<Change>, NotUnderstood> {
    let mut changes = Vec::new();
    loop {
        let from = parser.table_name()?;
        parser.expect("TO")?;
        let to = parser.table_name()?;
        changes.push(Change::Rename { from, to });
        if !parser.eat_sign(',') {
            parser.expect_end()?;
            return Ok(changes);
        }
    }
}

fn truncate(parser: &mut Parser<'_>) -> Result<Vec<Change>, NotUnderstood> {
    let table = parser.table_name()?;
    parser.expect_end()?;
    Ok(vec![Change::Truncate(table)])
}
