//! The body of CREATE TABLE: columns, keys, options; and the parts of it that ALTER TABLE shares.

use crate::sql::collation::Collation;
use crate::sql::column::{ColumnSpec, column_spec, promote_first_timestamp, resolve};
use crate::sql::definition::{DefaultValue, Definition, KeyColumn, KeyPart, Name};
use crate::sql::keys::{KeyOrder, KeySpec, KeySpecKind, set_keys};
use crate::sql::parser::Parser;
use crate::sql::statement::{Change, Context, NotUnderstood};
use crate::sql::token::Kind;

/// Columns of a table: MySQL's limit.
pub(super) const COLUMNS_MAX: usize = 4096;
/// Keys of a table, and columns of a key: beyond MySQL's limits of 64 and 16.
pub(super) const KEYS_MAX: usize = 256;

/// What a CREATE TABLE says.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) columns: Vec<ColumnSpec>,
    pub(super) keys: Vec<KeySpec>,
    pub(super) options: Options,
}

/// Options of a table that a definition keeps.
#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) collation: Option<CollationSpec>,
    pub(super) comment: Option<String>,
    pub(super) engine: Option<String>,
}

/// What it means that a column's default is not said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defaults {
    /// NULL, where that is allowed.
    Implied,
    /// There is none: SHOW CREATE TABLE says every one that there is.
    Said,
}

/// A default collation: named, or that of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum CollationSpec {
    Named(Collation),
    Default,
}

/// Reads from the name on; the words `CREATE TABLE` are behind us.
pub(super) fn create_table(parser: &mut Parser<'_>) -> Result<Change, NotUnderstood> {
    let if_not_exists = parser.eat_all(&["IF", "NOT", "EXISTS"]);
    let name = parser.table_name()?;
    if let Some(like) = like(parser)? {
        return Ok(Change::CreateLike {
            table: name,
            like,
            if_not_exists,
        });
    }
    let (body, selects) = body(parser)?;
    let definition = body.define(name, parser.context, Defaults::Implied);
    Ok(match selects {
        true => Change::CreateSelect {
            definition,
            if_not_exists,
        },
        false if definition.columns.is_empty() => return Err(NotUnderstood),
        false => Change::CreateTable {
            definition,
            if_not_exists,
        },
    })
}

/// Reads what SHOW CREATE TABLE gives, likewise.
pub(super) fn shown_table(parser: &mut Parser<'_>) -> Result<Definition, NotUnderstood> {
    let name = parser.table_name()?;
    let (body, selects) = body(parser)?;
    if selects || body.columns.is_empty() {
        return Err(NotUnderstood);
    }
    Ok(body.define(name, parser.context, Defaults::Said))
}

/// Reads all behind the name, and whether a query follows.
fn body(parser: &mut Parser<'_>) -> Result<(Body, bool), NotUnderstood> {
    let mut body = Body::default();
    // `CREATE TABLE t (SELECT …)` has no elements.
    let query = ["SELECT", "WITH", "VALUES", "TABLE"];
    let second = parser.peek_second();
    let parenthesised_query =
        second.kind == Kind::Sign('(') || query.iter().any(|word| second.is(word));
    if parser.is_sign('(') && !parenthesised_query {
        elements(parser, &mut body)?;
    }
    while parser.eat_sign(',') || table_option(parser, &mut body.options)? {}
    if parser.eat_all(&["PARTITION", "BY"]) {
        parser.skip_until(is_query_word)?;
    }
    let selects = is_query(parser);
    match selects {
        true => parser.skip_rest()?,
        false => parser.expect_end()?,
    }
    Ok((body, selects))
}

fn is_query_word(parser: &Parser<'_>) -> bool {
    const STARTS: [&str; 7] = [
        "AS", "SELECT", "IGNORE", "REPLACE", "WITH", "VALUES", "TABLE",
    ];
    parser.is_any(&STARTS)
}

fn is_query(parser: &Parser<'_>) -> bool {
    is_query_word(parser) || parser.is_sign('(')
}

/// `LIKE t` or `(LIKE t)`.
fn like(parser: &mut Parser<'_>) -> Result<Option<Name>, NotUnderstood> {
    if parser.eat("LIKE") {
        let like = parser.table_name()?;
        parser.expect_end()?;
        return Ok(Some(like));
    }
    if !(parser.is_sign('(') && parser.peek_second().is("LIKE")) {
        return Ok(None);
    }
    parser.advance();
    parser.advance();
    let like = parser.table_name()?;
    parser.expect_sign(')')?;
    parser.expect_end()?;
    Ok(Some(like))
}

fn elements(parser: &mut Parser<'_>, body: &mut Body) -> Result<(), NotUnderstood> {
    parser.expect_sign('(')?;
    loop {
        if is_key(parser) {
            body.keys.extend(key_spec(parser)?);
        } else {
            let column = column_spec(parser)?;
            body.keys.extend(own_keys(&column));
            body.columns.push(column);
        }
        if body.columns.len() > COLUMNS_MAX || body.keys.len() > KEYS_MAX {
            return Err(NotUnderstood);
        }
        if parser.eat_sign(')') {
            return Ok(());
        }
        parser.expect_sign(',')?;
    }
}

/// Whether a key or a constraint starts here. These words are reserved: no column has such a name without quotes.
pub(super) fn is_key(parser: &Parser<'_>) -> bool {
    const STARTS: [&str; 9] = [
        "CONSTRAINT",
        "PRIMARY",
        "UNIQUE",
        "FOREIGN",
        "CHECK",
        "INDEX",
        "KEY",
        "FULLTEXT",
        "SPATIAL",
    ];
    parser.is_any(&STARTS)
}

/// The keys that a column's declaration asks for.
pub(super) fn own_keys(column: &ColumnSpec) -> impl Iterator<Item = KeySpec> + use<> {
    let key = |kind| KeySpec {
        name: None,
        kind,
        parts: vec![KeyPart::Column(KeyColumn {
            name: column.name.clone(),
            prefix: None,
        })],
    };
    let primary = column.primary.then(|| key(KeySpecKind::Primary));
    let unique = column.unique.then(|| key(KeySpecKind::Unique));
    let generated = column.references.then(|| key(KeySpecKind::Generated));
    primary.into_iter().chain(unique).chain(generated)
}

/// Reads a key; `None` for a CHECK, which defines nothing that is kept.
pub(super) fn key_spec(parser: &mut Parser<'_>) -> Result<Option<KeySpec>, NotUnderstood> {
    let mut constraint = None;
    if parser.eat("CONSTRAINT") && !parser.is_any(&["PRIMARY", "UNIQUE", "FOREIGN", "CHECK"]) {
        constraint = Some(parser.name()?);
    }
    if parser.eat("CHECK") {
        parser.parentheses()?;
        let _ = parser.eat_all(&["NOT", "ENFORCED"]) || parser.eat("ENFORCED");
        return Ok(None);
    }
    let kind = if parser.eat_all(&["PRIMARY", "KEY"]) {
        KeySpecKind::Primary
    } else if parser.eat_all(&["FOREIGN", "KEY"]) {
        KeySpecKind::Generated
    } else if parser.eat("UNIQUE") {
        KeySpecKind::Unique
    } else if parser.eat("FULLTEXT") {
        KeySpecKind::FullText
    } else if parser.eat("SPATIAL") {
        KeySpecKind::Spatial
    } else if parser.is_any(&["INDEX", "KEY"]) {
        KeySpecKind::Plain
    } else {
        return Err(NotUnderstood);
    };
    match kind {
        KeySpecKind::Primary | KeySpecKind::Generated => false,
        KeySpecKind::Unique | KeySpecKind::FullText | KeySpecKind::Spatial | KeySpecKind::Plain => {
            parser.eat_any(&["INDEX", "KEY"])
        }
    };
    let mut name = None;
    if !parser.is_any(&["USING", "TYPE"]) && !parser.is_sign('(') {
        name = Some(parser.name()?);
    }
    if parser.eat_any(&["USING", "TYPE"]) {
        parser.name()?;
    }
    let parts = key_parts(parser)?;
    match kind {
        KeySpecKind::Generated => skip_references(parser)?,
        KeySpecKind::Primary
        | KeySpecKind::Unique
        | KeySpecKind::FullText
        | KeySpecKind::Spatial
        | KeySpecKind::Plain => skip_key_options(parser)?,
    }
    let name = match kind {
        KeySpecKind::Primary => None,
        KeySpecKind::Generated => constraint.or(name),
        KeySpecKind::Unique => name.or(constraint),
        KeySpecKind::FullText | KeySpecKind::Spatial | KeySpecKind::Plain => name,
    };
    Ok(Some(KeySpec { name, kind, parts }))
}

/// `(column, column(10) DESC, (expression))`.
pub(super) fn key_parts(parser: &mut Parser<'_>) -> Result<Vec<KeyPart>, NotUnderstood> {
    parser.expect_sign('(')?;
    let mut parts = Vec::new();
    loop {
        parts.push(match parser.is_sign('(') {
            true => KeyPart::Expression(parser.parentheses()?.to_owned()),
            false => {
                let name = parser.name()?;
                let prefix = parser.optional_length()?;
                KeyPart::Column(KeyColumn { name, prefix })
            }
        });
        if parts.len() > KEYS_MAX {
            return Err(NotUnderstood);
        }
        parser.eat_any(&["ASC", "DESC"]);
        if parser.eat_sign(')') {
            return Ok(parts);
        }
        parser.expect_sign(',')?;
    }
}

/// Passes over what follows the parts of a key.
pub(super) fn skip_key_options(parser: &mut Parser<'_>) -> Result<(), NotUnderstood> {
    loop {
        if parser.eat_any(&["USING", "TYPE"]) || parser.eat_all(&["WITH", "PARSER"]) {
            parser.name()?;
        } else if parser.eat("KEY_BLOCK_SIZE") {
            parser.eat_sign('=');
            parser.number::<u64>()?;
        } else if parser.eat("COMMENT") {
            parser.string()?;
        } else if parser.eat_any(&["ENGINE_ATTRIBUTE", "SECONDARY_ENGINE_ATTRIBUTE"]) {
            parser.eat_sign('=');
            parser.string()?;
        } else if !parser.eat_any(&["VISIBLE", "INVISIBLE"]) {
            return Ok(());
        }
    }
}

/// Passes over `REFERENCES t (…) …`.
pub(super) fn skip_references(parser: &mut Parser<'_>) -> Result<(), NotUnderstood> {
    parser.expect("REFERENCES")?;
    parser.table_name()?;
    if parser.is_sign('(') {
        parser.parentheses()?;
    }
    loop {
        if parser.eat("MATCH") {
            parser.name()?;
        } else if parser.eat_all(&["ON", "DELETE"]) || parser.eat_all(&["ON", "UPDATE"]) {
            let action = parser.eat_any(&["RESTRICT", "CASCADE"])
                || parser.eat_all(&["SET", "NULL"])
                || parser.eat_all(&["SET", "DEFAULT"])
                || parser.eat_all(&["NO", "ACTION"]);
            if !action {
                return Err(NotUnderstood);
            }
        } else {
            return Ok(());
        }
    }
}

/// Reads one option of a table; false where none is next.
pub(super) fn table_option(
    parser: &mut Parser<'_>,
    options: &mut Options,
) -> Result<bool, NotUnderstood> {
    /// What a definition does not keep: a name, perhaps `=`, a value.
    const PASSED_OVER: [&str; 25] = [
        "AUTO_INCREMENT",
        "AUTOEXTEND_SIZE",
        "AVG_ROW_LENGTH",
        "CHECKSUM",
        "COMPRESSION",
        "CONNECTION",
        "DELAY_KEY_WRITE",
        "ENCRYPTION",
        "ENGINE_ATTRIBUTE",
        "INSERT_METHOD",
        "KEY_BLOCK_SIZE",
        "MAX_ROWS",
        "MIN_ROWS",
        "NODEGROUP",
        "PACK_KEYS",
        "PASSWORD",
        "ROW_FORMAT",
        "SECONDARY_ENGINE",
        "SECONDARY_ENGINE_ATTRIBUTE",
        "STATS_AUTO_RECALC",
        "STATS_PERSISTENT",
        "STATS_SAMPLE_PAGES",
        "STORAGE",
        "TABLE_CHECKSUM",
        "TABLESPACE",
    ];
    if default_collation(parser, &mut options.collation)?
        || parser.eat_all(&["START", "TRANSACTION"])
    {
        return Ok(true);
    }
    if parser.eat("COMMENT") {
        parser.eat_sign('=');
        options.comment = Some(parser.string()?);
    } else if parser.eat_any(&["ENGINE", "TYPE"]) {
        parser.eat_sign('=');
        options.engine = Some(parser.word_or_string()?.into_owned());
    } else if parser.eat("UNION") {
        parser.eat_sign('=');
        parser.parentheses()?;
    } else if parser.eat_any(&PASSED_OVER)
        || parser.eat_all(&["DATA", "DIRECTORY"])
        || parser.eat_all(&["INDEX", "DIRECTORY"])
    {
        parser.eat_sign('=');
        match parser.peek().string(parser.context.modes) {
            Some(_) => drop(parser.string()?),
            None => drop(parser.advance()),
        }
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Reads `[DEFAULT] CHARACTER SET [=] x` or `[DEFAULT] COLLATE [=] x`; false where neither is next. A collation that
/// was named before stays if it is one of the character set.
pub(super) fn default_collation(
    parser: &mut Parser<'_>,
    found: &mut Option<CollationSpec>,
) -> Result<bool, NotUnderstood> {
    let mut ahead = *parser;
    ahead.eat("DEFAULT");
    if ahead.eat("COLLATE") {
        ahead.eat_sign('=');
        *found = Some(match ahead.eat("DEFAULT") {
            true => CollationSpec::Default,
            false => CollationSpec::Named(ahead.collation()?),
        });
    } else if ahead.eat_character_set() {
        ahead.eat_sign('=');
        if ahead.eat("DEFAULT") {
            *found = Some(CollationSpec::Default);
        } else {
            let charset = ahead.charset()?;
            let named = |spec: &CollationSpec| match spec {
                CollationSpec::Named(collation) => collation.charset() == charset.name(),
                CollationSpec::Default => false,
            };
            if !found.as_ref().is_some_and(named) {
                let collation = ahead.context.default_collation(charset);
                *found = Some(CollationSpec::Named(collation.ok_or(NotUnderstood)?));
            }
        }
    } else {
        return Ok(false);
    }
    *parser = ahead;
    Ok(true)
}

impl Body {
    fn define(self, name: Name, context: &Context<'_>, defaults: Defaults) -> Definition {
        let collation = match self.options.collation {
            Some(CollationSpec::Named(collation)) => Some(collation),
            Some(CollationSpec::Default) | None => (context.database_collation)(&name.database),
        };
        let specs: Vec<&ColumnSpec> = self.columns.iter().collect();
        let mut definition = Definition {
            name,
            columns: resolve(&specs, collation.as_ref(), context),
            primary_key: Vec::new(),
            keys: Vec::new(),
            collation,
            comment: self.options.comment.unwrap_or_default(),
            engine: self.options.engine.unwrap_or_default(),
        };
        let columns = definition.columns.iter_mut();
        promote_first_timestamp(columns.zip(self.columns.iter().map(Some)), context);
        if defaults == Defaults::Said {
            let columns = definition.columns.iter_mut().zip(&self.columns);
            let unsaid = columns
                .filter(|(column, spec)| spec.default.is_none() && !column.kind.has_no_literal());
            unsaid.for_each(|(column, _)| column.default = DefaultValue::None);
        }
        let order = match defaults {
            Defaults::Implied => KeyOrder::Sorted,
            Defaults::Said => KeyOrder::Kept,
        };
        set_keys(&mut definition, self.keys, order);
        definition
    }
}
