//! Lists of columns: which are shown, which make the key, which are masked.
//!
//! Takes the entries as they are written, gives [`ColumnRules`]; whatever is wrong with an entry becomes a finding.

use regex::Regex;

use super::check::{anchored, patterns, private};
use super::layer::Context;
use super::raw::{RawCapture, RawEnvelope, RawMasks};
use crate::error::Secret;
use crate::schema::columns::ColumnRules;
use crate::schema::mask::{Algorithm, Hash, HashForm, Mask, MaskRule};

pub(super) fn rules(
    raw: &RawCapture,
    (masks, envelope): (&RawMasks, &RawEnvelope),
    context: &mut Context,
) -> ColumnRules {
    if !raw.include_columns.is_empty() && !raw.exclude_columns.is_empty() {
        let problem = "is set beside capture.include_columns";
        context.report("capture.exclude_columns", problem, "keep one of the two");
    }
    let remedy = r"write it as 'shop\.customers\.email' or '.*\.password'";
    let mut list =
        |entries: &[String], key: &str| patterns(entries, (key, remedy), context, column_pattern);
    ColumnRules {
        include: list(&raw.include_columns, "capture.include_columns"),
        exclude: list(&raw.exclude_columns, "capture.exclude_columns"),
        source_types: list(&envelope.source_types, "envelope.source_types"),
        source_datatypes: list(&envelope.source_datatypes, "envelope.source_datatypes"),
        key: key_columns(&raw.key_columns, context),
        masks: mask_list(masks, context),
    }
}

fn mask_list(raw: &RawMasks, context: &mut Context) -> Vec<MaskRule> {
    let salt = match (&raw.salt, &raw.salt_file) {
        (Some(text), _) => Some(Secret::new(text.clone())),
        (None, Some(path)) => Some(private(path, "masks.salt_file", context)),
        (None, None) => None,
    };
    let salt = salt.filter(|salt| !salt.reveal().is_empty());
    let mut rules = Vec::new();
    let number = "a number of characters";
    let hash = |text: &str, form: HashForm| {
        let algorithm =
            Algorithm::named(text).ok_or("MD5, SHA-1, SHA-224, SHA-256, SHA-384 or SHA-512")?;
        let salt = salt.clone().unwrap_or_default();
        Ok(Mask::Hash(Hash {
            algorithm,
            form,
            salt,
        }))
    };
    let stars = |text: &str| {
        text.parse()
            .map(Mask::Stars)
            .map_err(|_| "a number up to 65535")
    };
    let truncate = |text: &str| text.parse().map(Mask::Truncate).map_err(|_| number);
    let v2 = |text: &str| hash(text, HashForm::Text);
    let v1 = |text: &str| hash(text, HashForm::Serialized);
    mask_rules(&mut rules, (&raw.hash, "masks.hash"), &v2, context);
    mask_rules(&mut rules, (&raw.hash_v1, "masks.hash_v1"), &v1, context);
    mask_rules(&mut rules, (&raw.stars, "masks.stars"), &stars, context);
    mask_rules(
        &mut rules,
        (&raw.truncate, "masks.truncate"),
        &truncate,
        context,
    );
    if salt.is_none() && !(raw.hash.is_empty() && raw.hash_v1.is_empty()) {
        let problem = "is needed by masks.hash and masks.hash_v1, and not set or empty";
        let remedy = "name a file, or set the salt in the environment";
        context.report("masks.salt_file", problem, remedy);
    }
    rules
}

/// Entries such as `10: shop\.users\.name`.
fn mask_rules(
    rules: &mut Vec<MaskRule>,
    (entries, key): (&[String], &str),
    mask: &dyn Fn(&str) -> Result<Mask, &'static str>,
    context: &mut Context,
) {
    for entry in entries {
        let rule = entry.split_once(':').map(|(how, columns)| {
            let mask =
                mask(how.trim()).map_err(|expected| format!("does not begin with {expected}"))?;
            let columns = column_pattern(columns.trim())?;
            Ok::<MaskRule, String>(MaskRule { columns, mask })
        });
        match rule.unwrap_or_else(|| Err("has no colon".to_owned())) {
            Ok(rule) => rules.push(rule),
            Err(problem) => {
                let remedy = r"write it as '10: shop\.users\.name', or 'SHA-256: shop\.users\.email' for a digest";
                context.report(key, &format!("entry {entry:?} {problem}"), remedy);
            }
        }
    }
}

/// `TABLE:COLUMN,COLUMN` becomes one pattern for each column.
fn key_columns(entries: &[String], context: &mut Context) -> Vec<Regex> {
    let mut patterns = Vec::new();
    for entry in entries {
        let pairs = entry.rsplit_once(':').map(|(table, columns)| {
            let columns = columns.split(',').map(str::trim);
            let pair = |column: &str| match column.is_empty() || table.trim().is_empty() {
                true => Err("has an empty part".to_owned()),
                false => column_pattern(&format!("{}\\.{column}", table.trim())),
            };
            columns.map(pair).collect::<Result<Vec<Regex>, String>>()
        });
        match pairs.unwrap_or_else(|| Err("has no colon between table and columns".to_owned())) {
            Ok(columns) => patterns.extend(columns),
            Err(problem) => {
                let remedy = r"write it as 'shop\.orders:customer,number'";
                let problem = format!("entry {entry:?} {problem}");
                context.report("capture.key_columns", &problem, remedy);
            }
        }
    }
    patterns
}

/// An entry of a list of columns, as Debezium reads it: the whole name in any letter case.
pub(crate) fn column_pattern(entry: &str) -> Result<Regex, String> {
    let literal = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if entry.chars().all(literal) {
        return Err(
            "can never match, since it has no dots between database, table and column".to_owned(),
        );
    }
    anchored(entry)
}
