//! Avro's converters: Confluent's, and Apicurio's where it writes Confluent's form.
//!
//! Takes the properties of both sides' converters, gives `[registry]` and what must be looked at. A password is
//! never in what it gives. Options and defaults: Confluent's `AvroConverterConfig` and what it inherits.

use super::toml::text;
use super::{Translation, Verdict};

/// Whose converter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AvroConverter {
    Confluent,
    Apicurio,
}

/// Options that change nothing with one of these values, and why another is unsupported.
const HARMLESS_IF: &[(&str, &[&str], &str)] = &[
    ("schemas.enable", &["true", "false"], "cannot be changed"),
    (
        "enhanced.avro.schema.support",
        &["false"],
        "names of enums, and schemas that were Avro before, do not come from MySQL",
    ),
    (
        "connect.meta.data",
        &["true"],
        "schemas always say what Connect knows of a type",
    ),
    (
        "use.latest.version",
        &["false"],
        "records have the schema of their table",
    ),
    (
        "normalize.schemas",
        &["false"],
        "schemas are registered as they are",
    ),
    (
        "scrub.invalid.names",
        &["false"],
        "set envelope.schema_names and envelope.field_names",
    ),
    (
        "generalized.sum.type.support",
        &["false"],
        "there are no sum types",
    ),
    (
        "avro.use.logical.type.converters",
        &["false", "true"],
        "cannot be changed",
    ),
    (
        "flatten.unions",
        &["true", "false"],
        "there are no unions in tables",
    ),
    ("schemas.cache.config", &[], "schemas are remembered"),
    ("schemas.cache.size", &[], "schemas are remembered"),
    ("max.schemas.per.subject", &[], "schemas are remembered"),
    (
        "latest.compatibility.strict",
        &[],
        "it goes with use.latest.version",
    ),
    (
        "allow.optional.map.keys",
        &[],
        "there are no maps in tables",
    ),
    ("discard.type.doc.default", &[], "it is about reading"),
    (
        "apicurio.registry.find-latest",
        &["false"],
        "records have the schema of their table",
    ),
    (
        "apicurio.registry.headers.enabled",
        &["false"],
        "the id stands in the record, not in a header",
    ),
    (
        "apicurio.registry.use-id",
        &["contentId", "globalId"],
        "the id is what the registry's API of Confluent gives",
    ),
    (
        "apicurio.registry.converter.serializer",
        &["io.apicurio.registry.serde.avro.AvroKafkaSerializer"],
        "cannot be changed",
    ),
    (
        "apicurio.registry.converter.deserializer",
        &["io.apicurio.registry.serde.avro.AvroKafkaDeserializer"],
        "it is about reading",
    ),
];

/// The converter of this class, if it writes Avro.
pub(super) fn converter(class: &str) -> Option<AvroConverter> {
    match class {
        "io.confluent.connect.avro.AvroConverter" => Some(AvroConverter::Confluent),
        "io.apicurio.registry.utils.converter.AvroConverter" => Some(AvroConverter::Apicurio),
        _ => None,
    }
}

impl Translation {
    /// Both sides' converters are Avro's.
    pub(super) fn avro(&mut self, converters: [AvroConverter; 2]) {
        self.set("envelope.format", text("avro"));
        for (side, converter) in ["value", "key"].into_iter().zip(converters) {
            let name = format!("{side}.converter");
            match converter {
                AvroConverter::Confluent => self.confluent(&name),
                AvroConverter::Apicurio => self.apicurio(&name),
            }
            self.subjects(side);
            self.harmless(&name);
            self.secured(&name);
            self.nulls(&name);
        }
        if !self.keys.iter().any(|(path, _)| path == "registry.url") {
            let reason = "is not known from this file: set registry.url";
            self.find("value.converter.schema.registry.url", Verdict::Look, reason);
        }
    }

    fn confluent(&mut self, converter: &str) {
        let name = format!("{converter}.schema.registry.url");
        if let Some(url) = self.take(&name) {
            // An account in it is no address.
            match url.contains('@') {
                true => {
                    let reason = "is not copied, as it holds an account: set registry.url, registry.user and \
                                  registry.password_file";
                    self.find(&name, Verdict::Look, reason);
                }
                false => self.registry(&name, "registry.url", text(&url)),
            }
        }
        let name = format!("{converter}.auto.register.schemas");
        if let Some(value) = self.take(&name) {
            let value = value.trim().eq_ignore_ascii_case("true");
            self.registry(&name, "registry.auto_register", value.to_string());
        }
        self.account(converter);
    }

    /// `basic.auth.user.info`, under its older name too.
    fn account(&mut self, converter: &str) {
        for start in ["", "schema.registry."] {
            let name = format!("{converter}.{start}basic.auth.user.info");
            if let Some(info) = self.take(&name) {
                let user = info.split(':').next().unwrap_or_default().to_owned();
                self.registry(&name, "registry.user", text(&user));
                let reason = "its password is not copied: put it into a file that registry.password_file \
                              names, or into the environment";
                self.find(&name, Verdict::Look, reason);
            }
        }
        let name = format!("{converter}.basic.auth.credentials.source");
        if let Some(source) = self.take(&name)
            && source.trim() != "USER_INFO"
        {
            let reason =
                "the account is not taken from there: set registry.user and registry.password_file";
            self.find(&name, Verdict::Look, reason);
        }
    }

    /// Apicurio's own API has another path, and unless told otherwise its own form of records.
    fn apicurio(&mut self, converter: &str) {
        let name = format!("{converter}.apicurio.registry.url");
        if let Some(url) = self.take(&name) {
            let begin = url.split("/apis/").next().unwrap_or_default();
            self.registry(
                &name,
                "registry.url",
                text(&format!("{begin}/apis/ccompat/v7")),
            );
            let reason = "registry.url is Apicurio's API of Confluent beside it: check that subjects are named \
                          as the artifacts are (registry.subjects)";
            self.find(&name, Verdict::Look, reason);
        }
        let name = format!("{converter}.apicurio.registry.as-confluent");
        let confluent = self.take(&name);
        if !confluent.is_some_and(|value| value.trim().eq_ignore_ascii_case("true")) {
            let reason = "is not true: records have Confluent's form, an id of four bytes behind a zero byte, \
                          where Apicurio's has eight, or a header";
            self.find(&name, Verdict::Unsupported, reason);
        }
        let name = format!("{converter}.apicurio.registry.auto-register");
        match self.take(&name) {
            Some(value) => {
                let value = value.trim().eq_ignore_ascii_case("true");
                self.registry(&name, "registry.auto_register", value.to_string());
            }
            None => self.registry(&name, "registry.auto_register", "false".to_owned()),
        }
        let name = format!("{converter}.apicurio.registry.artifact-resolver-strategy");
        match self.take(&name).as_deref().map(str::trim) {
            None | Some("io.apicurio.registry.serde.strategy.TopicIdStrategy") => {}
            Some("io.apicurio.registry.serde.avro.strategy.RecordIdStrategy") => {
                self.registry(&name, "registry.subjects", text("record"));
            }
            Some("io.apicurio.registry.serde.avro.strategy.TopicRecordIdStrategy") => {
                self.registry(&name, "registry.subjects", text("topic_record"));
            }
            Some(_) => self.find(
                &name,
                Verdict::Unsupported,
                "subjects are named by Confluent's strategies",
            ),
        }
    }

    /// The strategy of one side, which is a property of that side's converter.
    fn subjects(&mut self, side: &str) {
        let name = format!("{side}.converter.{side}.subject.name.strategy");
        let Some(class) = self.take(&name) else {
            return;
        };
        let known = class.trim().rsplit('.').next().unwrap_or_default();
        let ours = match known {
            "TopicNameStrategy" => "topic",
            "RecordNameStrategy" => "record",
            "TopicRecordNameStrategy" => "topic_record",
            _ => {
                self.find(
                    &name,
                    Verdict::Unsupported,
                    "subjects are named by Confluent's strategies",
                );
                return;
            }
        };
        self.registry(&name, "registry.subjects", text(ours));
    }

    fn harmless(&mut self, converter: &str) {
        for (option, values, reason) in HARMLESS_IF {
            let name = format!("{converter}.{option}");
            match self.take(&name) {
                Some(value)
                    if values.is_empty()
                        || values
                            .iter()
                            .any(|known| known.eq_ignore_ascii_case(value.trim())) =>
                {
                    self.find(&name, Verdict::Unnecessary, "remora does so anyway");
                }
                Some(_) => self.find(&name, Verdict::Unsupported, *reason),
                None => {}
            }
        }
    }

    /// Where a column has a default, Confluent's converter writes it in place of NULL unless told not to.
    fn nulls(&mut self, converter: &str) {
        let name = format!("{converter}.ignore.default.for.nullables");
        match self.take(&name) {
            Some(value) if value.trim().eq_ignore_ascii_case("true") => {
                self.find(&name, Verdict::Unnecessary, "remora does so anyway");
            }
            Some(_) | None => {
                let reason = "is false where it is not set: a NULL in a column with a default is null, not \
                              the default (docs/debezium.md, D1)";
                self.find(&name, Verdict::Look, reason);
            }
        }
    }

    /// Settings of the connection to the registry, by Java's names.
    fn secured(&mut self, converter: &str) {
        let start = format!("{converter}.schema.registry.ssl.");
        let names: Vec<String> = self
            .properties
            .keys()
            .filter(|name| name.starts_with(&start))
            .cloned()
            .collect();
        for name in names {
            drop(self.take(&name));
            let reason =
                "Java's key stores are not read: export the authority as PEM for registry.ca_file";
            self.find(&name, Verdict::Look, reason);
        }
    }

    /// Sets a key of `[registry]`, which both sides share.
    fn registry(&mut self, name: &str, path: &str, value: String) {
        match self.keys.iter().find(|(known, _)| known == path) {
            None => self.set(path, value),
            Some((_, known)) if *known == value => {}
            Some(_) => self.find(
                name,
                Verdict::Unsupported,
                format!("differs between keys and values, which share {path}"),
            ),
        }
    }
}
