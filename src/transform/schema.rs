//! Connect's schemas as `JsonConverter` writes them: parts of them, and new ones of their parts.
//!
//! Takes the text of a schema, gives texts. What a transform changes in a schema it changes here, once for each
//! schema that comes in; the results are kept for as many as [`Cache`] has room for.

use std::collections::HashMap;
use std::sync::Arc;

use super::json::{Object, Writer, elements, quoted, string};

/// Schemas whose results are kept; beyond that all are made anew.
const KEPT_MAX: usize = 4096;

/// Results by the text of the schema that they were made of.
#[derive(Debug)]
pub(super) struct Cache<T>(HashMap<Box<str>, Arc<T>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Cache(HashMap::new())
    }
}

impl<T> Cache<T> {
    /// What was made of this schema, or is made now.
    pub(super) fn get<E>(
        &mut self,
        schema: &str,
        make: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Arc<T>, E> {
        if let Some(made) = self.0.get(schema) {
            return Ok(Arc::clone(made));
        }
        if self.0.len() >= KEPT_MAX {
            self.0.clear();
        }
        let made = Arc::new(make(schema)?);
        self.0.insert(schema.into(), Arc::clone(&made));
        Ok(made)
    }
}

/// A struct's schema.
#[derive(Debug)]
pub(super) struct Struct<'a> {
    members: Object<'a>,
    fields: Vec<Field<'a>>,
}

/// A field of a struct.
#[derive(Debug)]
pub(super) struct Field<'a> {
    /// Its name.
    pub(super) name: String,
    /// Its schema, the member `field` included.
    pub(super) text: &'a str,
    members: Object<'a>,
}

impl<'a> Struct<'a> {
    /// Reads a schema; `None` where it is not that of a struct.
    pub(super) fn read(text: &'a str) -> Option<Struct<'a>> {
        let members = Object::read(text)?;
        let mut fields = Vec::new();
        for text in elements(members.get("fields")?)? {
            let members = Object::read(text)?;
            fields.push(Field {
                name: string(members.get("field")?)?,
                text,
                members,
            });
        }
        Some(Struct { members, fields })
    }

    /// Its fields, in order.
    pub(super) fn fields(&self) -> &[Field<'a>] {
        &self.fields
    }

    /// The field of this name.
    pub(super) fn field(&self, name: &str) -> Option<&Field<'a>> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Its name, where it has one.
    pub(super) fn name(&self) -> Option<String> {
        self.members.get("name").and_then(string)
    }

    /// The same struct with other fields.
    pub(super) fn with(&self, change: &Change<'_>, fields: &[String]) -> String {
        let mut writer = Writer::new(0);
        for (name, value) in self.members.members() {
            match (name, change.optional, change.name) {
                ("fields", _, _) => writer.member(name, &format!("[{}]", fields.join(","))),
                ("optional", Some(optional), _) => writer.member(name, boolean(optional)),
                ("name", _, Some(new)) => writer.member(name, &quoted(new)),
                ("field", _, _) if change.stands_alone => {}
                _ => writer.member(name, value),
            }
        }
        writer.end()
    }
}

/// What is different about a struct.
#[derive(Debug, Default)]
pub(super) struct Change<'a> {
    /// Whether it may be null.
    pub(super) optional: Option<bool>,
    /// What it is called.
    pub(super) name: Option<&'a str>,
    /// It is no field of another struct.
    pub(super) stands_alone: bool,
}

impl Field<'_> {
    /// The name of its logical type.
    pub(super) fn semantic(&self) -> Option<String> {
        self.members.get("name").and_then(string)
    }

    /// The word for its type.
    pub(super) fn kind(&self) -> Option<String> {
        self.members.get("type").and_then(string)
    }

    /// Whether it may be null.
    pub(super) fn is_optional(&self) -> bool {
        self.members.get("optional") == Some("true")
    }

    /// Its schema alone.
    pub(super) fn alone(&self) -> String {
        let mut writer = Writer::new(self.text.len());
        let rest = self.members.members().filter(|(name, _)| *name != "field");
        for (name, value) in rest {
            writer.member(name, value);
        }
        writer.end()
    }

    /// The same type alone, optional and without a default.
    pub(super) fn copied(&self) -> String {
        let mut writer = Writer::new(self.text.len());
        for (name, value) in self.members.members() {
            match name {
                "optional" => writer.member(name, "true"),
                "default" | "field" => {}
                _ => writer.member(name, value),
            }
        }
        writer.end()
    }
}

/// A schema as that of a field of this name.
pub(super) fn as_field(schema: &str, name: &str) -> String {
    let open = schema.strip_suffix('}').unwrap_or(schema);
    format!("{open},\"field\":{}}}", quoted(name))
}

/// The schema of a struct that is made here.
pub(super) fn new_struct(fields: &[String], name: Option<&str>, optional: bool) -> String {
    let mut writer = Writer::new(0);
    writer.member("type", "\"struct\"");
    writer.member("fields", &format!("[{}]", fields.join(",")));
    writer.member("optional", boolean(optional));
    if let Some(name) = name {
        writer.member("name", &quoted(name));
    }
    writer.end()
}

/// The schema of a type without parameters.
pub(super) fn plain(kind: &str, optional: bool) -> String {
    format!("{{\"type\":\"{kind}\",\"optional\":{optional}}}")
}

fn boolean(value: bool) -> &'static str {
    match value {
        true => "true",
        false => "false",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"type":"struct","fields":[{"type":"int32","optional":false,"default":1,"field":"a"},{"type":"int64","optional":true,"name":"n","version":1,"field":"b\""}],"optional":true,"name":"p.Value","field":"after"}"#;

    #[test]
    fn parts_of_a_struct_are_found_and_put_together() {
        let schema = Struct::read(TEXT).unwrap();
        assert_eq!(schema.name().as_deref(), Some("p.Value"));
        let names: Vec<&str> = schema.fields().iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["a", "b\""]);
        let (a, b) = (&schema.fields()[0], schema.field("b\"").unwrap());
        assert_eq!((a.semantic(), b.semantic()), (None, Some("n".to_owned())));
        assert_eq!((a.is_optional(), b.is_optional()), (false, true));
        assert_eq!(
            a.alone(),
            r#"{"type":"int32","optional":false,"default":1}"#
        );
        assert_eq!(
            as_field(&a.copied(), "x"),
            r#"{"type":"int32","optional":true,"field":"x"}"#
        );
        assert_eq!(as_field(&b.alone(), "b\""), b.text);
        let change = Change {
            optional: Some(false),
            name: Some("q"),
            stands_alone: true,
        };
        assert_eq!(
            schema.with(&change, &[b.text.to_owned()]),
            r#"{"type":"struct","fields":[{"type":"int64","optional":true,"name":"n","version":1,"field":"b\""}],"optional":false,"name":"q"}"#
        );
        assert_eq!(
            schema.with(&Change::default(), &[a.text.to_owned(), b.text.to_owned()]),
            TEXT
        );
        for wrong in ["{}", "[]", r#"{"fields":[1]}"#, r#"{"fields":[{}]}"#] {
            assert!(Struct::read(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn results_are_made_once_and_not_kept_for_ever() {
        let mut cache = Cache::default();
        let mut made = 0;
        for text in ["a", "b", "a"] {
            let result = cache.get(text, |text| {
                made += 1;
                Ok::<_, ()>(text.to_owned())
            });
            assert_eq!(*result.unwrap(), text);
        }
        assert_eq!(made, 2);
        for number in 0..2 * KEPT_MAX {
            cache
                .get(&number.to_string(), |_| Ok::<_, ()>(String::new()))
                .unwrap();
        }
        assert!(cache.0.len() <= KEPT_MAX);
        assert_eq!(cache.get("e", |_| Err(7)), Err(7));
    }
}
