//! Debezium's transforms as those of remora.
//!
//! Takes `transforms` and `predicates` with their options, gives one table `[[transforms]]` for each; one that has no
//! counterpart is left out, and said so.

use super::toml::text;
use super::{Translation, Verdict, split};

/// What an option takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Text,
    Word,
    Bool,
    Number,
    List,
    /// Nothing that matters here.
    Nothing(&'static str),
    /// Only this value has a counterpart: what happens anyway.
    Only(&'static str),
}

use Takes::{Bool, List, Nothing, Number, Only, Text, Word};

/// A class of transforms: its type here and its options by Debezium's names.
struct Class {
    names: &'static [&'static str],
    ours: &'static str,
    options: &'static [(&'static str, Takes)],
}

const CACHE: Takes = Nothing("results are remembered");

const CLASSES: &[Class] = &[
    Class {
        names: &["io.debezium.transforms.outbox.EventRouter"],
        ours: "outbox",
        options: &[
            ("table.op.invalid.behavior", Word),
            ("table.field.event.id", Text),
            ("table.field.event.key", Text),
            (
                "table.field.event.type",
                Nothing("Debezium does not use it either"),
            ),
            ("table.field.event.timestamp", Text),
            ("table.field.event.payload", Text),
            ("table.expand.json.payload", Bool),
            ("table.json.payload.null.behavior", Word),
            ("table.json.payload.empty.array.behavior", Word),
            ("table.fields.additional.placement", List),
            ("table.field.additional.missing", Word),
            ("table.field.event.schema.version", Text),
            ("route.by.field", Text),
            ("route.topic.regex", Text),
            ("route.topic.replacement", Text),
            ("route.tombstone.on.empty.payload", Bool),
        ],
    },
    Class {
        names: &["io.debezium.transforms.ExtractNewRecordState"],
        ours: "unwrap",
        options: &[
            ("delete.tombstone.handling.mode", Word),
            ("route.by.field", Text),
            ("add.fields", List),
            ("add.fields.prefix", Text),
            ("add.headers", List),
            ("add.headers.prefix", Text),
            ("drop.fields.header.name", Text),
            ("drop.fields.from.key", Bool),
            ("drop.fields.keep.schema.compatible", Bool),
            (
                "replace.null.with.default",
                Nothing("a NULL stays null (docs/debezium.md, D1)"),
            ),
        ],
    },
    Class {
        names: &[
            "io.debezium.transforms.ByLogicalTableRouter",
            "io.debezium.transforms.ToLogicalTopicRouter",
            REGEX_ROUTER,
        ],
        ours: "route",
        options: &[
            ("topic.regex", Text),
            ("topic.replacement", Text),
            ("key.enforce.uniqueness", Bool),
            ("key.field.name", Text),
            ("key.field.regex", Text),
            ("key.field.replacement", Text),
            ("schema.name.adjustment.mode", Only("none")),
            ("logical.table.cache.size", CACHE),
            ("logical.destination.cache.size", CACHE),
        ],
    },
    Class {
        names: &["io.debezium.transforms.HeaderToValue"],
        ours: "header_to_value",
        options: &[("headers", List), ("fields", List), ("operation", Word)],
    },
    Class {
        names: &["io.debezium.transforms.partitions.PartitionRouting"],
        ours: "partition",
        options: &[
            ("partition.payload.fields", List),
            ("partition.topic.num", Number),
            ("partition.hash.function", Only("java")),
        ],
    },
];

/// Connect's own router, which changes nothing but the topic.
const REGEX_ROUTER: &str = "org.apache.kafka.connect.transforms.RegexRouter";

impl Translation {
    pub(super) fn transforms(&mut self) {
        let names = self.take("transforms").unwrap_or_default();
        for name in split(&names, ',') {
            self.transform(&name);
        }
        drop(self.take("predicates"));
        let prefixed = |name: &&String| name.starts_with("predicates.");
        let predicates: Vec<String> = self.properties.keys().filter(prefixed).cloned().collect();
        for name in predicates {
            drop(self.take(&name));
        }
    }

    fn transform(&mut self, name: &str) {
        let prefix = format!("transforms.{name}.");
        let class = self.take(&format!("{prefix}type")).unwrap_or_default();
        let known = CLASSES
            .iter()
            .find(|known| known.names.contains(&class.trim()));
        let Some(known) = known else {
            let scripted = [
                "io.debezium.transforms.Filter",
                "io.debezium.transforms.ContentBasedRouter",
            ];
            if scripted.contains(&class.trim()) {
                let reason = "its expression is in another language: write it in CEL, as type = \"filter\" or \
                              \"content_route\" (docs/transforms.md)";
                self.find(&format!("{prefix}type"), Verdict::Unsupported, reason);
                self.options_of(&prefix);
                return;
            }
            let reason = format!("{class:?} has no counterpart: the transform is left out");
            self.find(&format!("{prefix}type"), Verdict::Unsupported, reason);
            self.options_of(&prefix);
            return;
        };
        let mut keys = vec![("type".to_owned(), text(known.ours))];
        if !self.predicate(&prefix, &mut keys) {
            self.options_of(&prefix);
            return;
        }
        self.older(&prefix, known.ours, &mut keys);
        if class.trim() == REGEX_ROUTER {
            keys.push(("key_enforce_uniqueness".to_owned(), "false".to_owned()));
            for option in ["regex", "replacement"] {
                if let Some(value) = self.take(&format!("{prefix}{option}")) {
                    keys.push((format!("topic_{option}"), text(&value)));
                }
            }
            let reason = "is route without a field in keys: with envelope.schemas, the schemas are named after the \
                          new topic, which they are not in Connect";
            self.find(&format!("{prefix}type"), Verdict::Look, reason);
        }
        if class.ends_with("ToLogicalTopicRouter") {
            let name = format!("{prefix}key.field.name");
            let value = "__dbz__sourceIdentifier".to_owned();
            self.properties.entry(name).or_insert(value);
        }
        for option in self.options_of(&prefix) {
            let (name, value) = option;
            self.option(known, (&prefix, &name), &value, &mut keys);
        }
        self.transforms.push(keys);
    }

    /// The options of a transform that are not taken yet.
    fn options_of(&mut self, prefix: &str) -> Vec<(String, String)> {
        let options = self.properties.iter().filter_map(|(name, value)| {
            let option = name.strip_prefix(prefix)?;
            Some((option.to_owned(), value.clone()))
        });
        let options: Vec<(String, String)> = options.collect();
        for (name, _) in &options {
            drop(self.take(&format!("{prefix}{name}")));
        }
        options
    }

    fn option(
        &mut self,
        class: &Class,
        (prefix, name): (&str, &str),
        value: &str,
        keys: &mut Vec<(String, String)>,
    ) {
        let property = format!("{prefix}{name}");
        let Some((_, takes)) = class.options.iter().find(|(known, _)| *known == name) else {
            self.find(&property, Verdict::Unsupported, "is not known");
            return;
        };
        let written = match takes {
            Text => text(value),
            Word => text(&value.trim().to_ascii_lowercase()),
            List => {
                let entries: Vec<String> =
                    split(value, ',').iter().map(|entry| text(entry)).collect();
                format!("[{}]", entries.join(", "))
            }
            Bool => match value.trim().to_ascii_lowercase().parse::<bool>() {
                Ok(value) => value.to_string(),
                Err(_) => {
                    self.find(&property, Verdict::Unsupported, "is neither true nor false");
                    return;
                }
            },
            Number => match value.trim().parse::<i64>() {
                Ok(number) => number.to_string(),
                Err(_) => {
                    self.find(&property, Verdict::Unsupported, "is no whole number");
                    return;
                }
            },
            Nothing(reason) => {
                self.find(&property, Verdict::Unnecessary, *reason);
                return;
            }
            Only(known) => {
                match value.trim().eq_ignore_ascii_case(known) {
                    true => self.find(&property, Verdict::Unnecessary, "remora does so anyway"),
                    false => self.find(&property, Verdict::Unsupported, "cannot be changed"),
                }
                return;
            }
        };
        keys.push((name.replace('.', "_"), written));
    }

    /// The pattern on topics that says which records a transform takes; false where it says something else.
    fn predicate(&mut self, prefix: &str, keys: &mut Vec<(String, String)>) -> bool {
        let property = format!("{prefix}predicate");
        let negate = self.take(&format!("{prefix}negate")).unwrap_or_default();
        let Some(predicate) = self.take(&property) else {
            return true;
        };
        let of = |name: &str| format!("predicates.{}.{name}", predicate.trim());
        let class = self.properties.get(&of("type")).map(|class| class.trim());
        let pattern = self
            .properties
            .get(&of("pattern"))
            .map(|pattern| text(pattern));
        let by_topic = "org.apache.kafka.connect.transforms.predicates.TopicNameMatches";
        match pattern.filter(|_| class == Some(by_topic)) {
            Some(pattern) => {
                keys.push(("topic".to_owned(), pattern));
                if negate.trim().eq_ignore_ascii_case("true") {
                    keys.push(("negate".to_owned(), "true".to_owned()));
                }
                true
            }
            None => {
                let reason = "only TopicNameMatches has a counterpart: the transform is left out";
                self.find(&property, Verdict::Unsupported, reason);
                false
            }
        }
    }

    /// What unwrapping did with deletes before `delete.tombstone.handling.mode` was one option.
    fn older(&mut self, prefix: &str, ours: &str, keys: &mut Vec<(String, String)>) {
        if ours != "unwrap" {
            return;
        }
        let mode_name = format!("{prefix}delete.handling.mode");
        let mode = self.take(&mode_name);
        let tombstones = self.take(&format!("{prefix}drop.tombstones"));
        if mode.is_none() && tombstones.is_none() {
            return;
        }
        let mode = mode.unwrap_or_default().trim().to_ascii_lowercase();
        let kept = tombstones.is_some_and(|drop| drop.trim().eq_ignore_ascii_case("false"));
        let mode = match (mode.as_str(), kept) {
            ("" | "drop", false) => "drop",
            ("" | "drop", true) => "delete-to-tombstone",
            ("rewrite", false) => "rewrite",
            ("rewrite", true) => "rewrite-with-tombstone",
            ("none", false) => "tombstone",
            (_, _) => {
                let reason =
                    "has no counterpart beside drop.tombstones: set delete_tombstone_handling_mode";
                self.find(&mode_name, Verdict::Unsupported, reason);
                return;
            }
        };
        keys.push(("delete_tombstone_handling_mode".to_owned(), text(mode)));
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Verdict, debezium, parse};
    use crate::config::transforms::{DeleteMode, Kind, Transform};

    fn import(properties: &str) -> super::super::Import {
        let text = format!(
            "topic.prefix=p\nsnapshot.mode=no_data\ninclude.schema.changes=false\n{properties}"
        );
        debezium(parse(&text).unwrap())
    }

    /// What the daemon makes of the file that is printed.
    fn loaded(import: &super::super::Import) -> Vec<Transform> {
        let dir = tempfile::tempdir().unwrap();
        let databases = dir.path().join("databases");
        std::fs::create_dir(&databases).unwrap();
        let toml = import.toml.replace(
            "[mysql.tls]",
            "[mysql]\nhost = \"h\"\nuser = \"u\"\n[mysql.tls]",
        );
        std::fs::write(databases.join("p.toml"), &toml).unwrap();
        let config = crate::config::load(dir.path(), []);
        let mut config = config.unwrap_or_else(|errors| panic!("{errors}\n{toml}"));
        config.databases.remove(0).transforms
    }

    fn unsupported(import: &super::super::Import) -> Vec<&str> {
        let findings = import.findings.iter();
        let found = findings.filter(|found| found.verdict == Verdict::Unsupported);
        found.map(|found| found.property.as_str()).collect()
    }

    #[test]
    fn a_chain_becomes_tables_in_its_order() {
        let import = import(
            "transforms=outbox,unwrap,route\n\
             transforms.outbox.type=io.debezium.transforms.outbox.EventRouter\n\
             transforms.outbox.predicate=isOutbox\n\
             predicates=isOutbox\n\
             predicates.isOutbox.type=org.apache.kafka.connect.transforms.predicates.TopicNameMatches\n\
             predicates.isOutbox.pattern=p\\\\.shop\\\\.outbox\n\
             transforms.outbox.table.fields.additional.placement=type:header:eventType,shard:partition\n\
             transforms.outbox.table.expand.json.payload=TRUE\n\
             transforms.outbox.table.op.invalid.behavior=Fatal\n\
             transforms.outbox.route.topic.replacement=events.${routedByValue}\n\
             transforms.outbox.table.field.event.type=kind\n\
             transforms.unwrap.type=io.debezium.transforms.ExtractNewRecordState\n\
             transforms.unwrap.predicate=isOutbox\n\
             transforms.unwrap.negate=true\n\
             transforms.unwrap.delete.tombstone.handling.mode=rewrite\n\
             transforms.unwrap.add.fields=op,source.ts_ms:changed\n\
             transforms.route.type=io.debezium.transforms.ByLogicalTableRouter\n\
             transforms.route.topic.regex=(.*)_\\\\d+\n\
             transforms.route.topic.replacement=$1\n\
             transforms.route.key.enforce.uniqueness=false\n\
             transforms.route.logical.table.cache.size=64\n",
        );
        assert_eq!(unsupported(&import), [""; 0], "{}", import.toml);
        let end = import.toml.find("[[transforms]]").unwrap();
        let expected = "[[transforms]]\n\
            type = \"outbox\"\n\
            topic = 'p\\.shop\\.outbox'\n\
            route_topic_replacement = \"events.${routedByValue}\"\n\
            table_expand_json_payload = true\n\
            table_fields_additional_placement = [\"type:header:eventType\", \"shard:partition\"]\n\
            table_op_invalid_behavior = \"fatal\"\n\
            \n[[transforms]]\n\
            type = \"unwrap\"\n\
            topic = 'p\\.shop\\.outbox'\n\
            negate = true\n\
            add_fields = [\"op\", \"source.ts_ms:changed\"]\n\
            delete_tombstone_handling_mode = \"rewrite\"\n\
            \n[[transforms]]\n\
            type = \"route\"\n\
            key_enforce_uniqueness = false\n\
            topic_regex = '(.*)_\\d+'\n\
            topic_replacement = \"$1\"\n";
        assert_eq!(&import.toml[end..], expected);
        let transforms = loaded(&import);
        assert_eq!(transforms.len(), 3);
        assert!(
            transforms[1].negate
                && transforms[1]
                    .topic
                    .as_ref()
                    .unwrap()
                    .is_match("p.shop.outbox")
        );
    }

    #[test]
    fn what_has_no_counterpart_is_left_out_and_said() {
        let import = import(
            "transforms=a,b,c,d\n\
             transforms.d.type=io.debezium.transforms.Filter\n\
             transforms.d.language=jsr223.groovy\n\
             transforms.d.condition=value.op == 'c'\n\
             transforms.a.type=org.apache.kafka.connect.transforms.MaskField$Value\n\
             transforms.a.fields=secret\n\
             transforms.b.type=io.debezium.transforms.ExtractNewRecordState\n\
             transforms.b.predicate=headed\n\
             transforms.b.add.fields=op\n\
             predicates=headed\n\
             predicates.headed.type=org.apache.kafka.connect.transforms.predicates.HasHeaderKey\n\
             predicates.headed.name=h\n\
             transforms.c.type=io.debezium.transforms.ByLogicalTableRouter\n\
             transforms.c.topic.regex=a\n\
             transforms.c.topic.replacement=b\n\
             transforms.c.schema.name.adjustment.mode=avro\n\
             transforms.c.no.such=1\n",
        );
        let expected = [
            "transforms.a.type",
            "transforms.b.predicate",
            "transforms.c.no.such",
            "transforms.c.schema.name.adjustment.mode",
            "transforms.d.type",
        ];
        assert_eq!(unsupported(&import), expected);
        assert_eq!(import.toml.matches("[[transforms]]").count(), 1);
    }

    #[test]
    fn older_options_for_deletes_become_the_one() {
        for (options, expected) in [
            ("", DeleteMode::Tombstone),
            ("drop.tombstones=true", DeleteMode::Drop),
            ("drop.tombstones=false", DeleteMode::DeleteToTombstone),
            ("delete.handling.mode=none", DeleteMode::Tombstone),
            ("delete.handling.mode=rewrite", DeleteMode::Rewrite),
        ] {
            let import = import(&format!(
                "transforms=u\ntransforms.u.type=io.debezium.transforms.ExtractNewRecordState\ntransforms.u.{options}\n"
            ));
            let transforms = loaded(&import);
            let Kind::Unwrap(unwrap) = &transforms[0].kind else {
                panic!("{transforms:?}");
            };
            assert_eq!(unwrap.deletes, expected, "{options}");
        }
        let both = import(
            "transforms=u\ntransforms.u.type=io.debezium.transforms.ExtractNewRecordState\n\
             transforms.u.drop.tombstones=false\ntransforms.u.delete.handling.mode=rewrite\n",
        );
        assert!(
            both.toml.contains("\"rewrite-with-tombstone\""),
            "{}",
            both.toml
        );
    }

    #[test]
    fn the_newer_router_has_another_field_by_default() {
        let import = import(
            "transforms=r\ntransforms.r.type=io.debezium.transforms.ToLogicalTopicRouter\n\
             transforms.r.topic.regex=a\ntransforms.r.topic.replacement=b\n",
        );
        let Kind::Route(route) = &loaded(&import)[0].kind else {
            panic!("{}", import.toml);
        };
        assert_eq!(
            route.key_field.as_ref().unwrap().name,
            "__dbz__sourceIdentifier"
        );
    }

    #[test]
    fn a_partition_is_computed_as_before() {
        let import = import(
            "transforms=p\ntransforms.p.type=io.debezium.transforms.partitions.PartitionRouting\n\
             transforms.p.partition.payload.fields=change.id,source.table\ntransforms.p.partition.topic.num=4\n",
        );
        let Kind::Partition(partition) = &loaded(&import)[0].kind else {
            panic!("{}", import.toml);
        };
        assert_eq!(partition.fields, ["change.id", "source.table"]);
        assert_eq!(partition.partitions, 4);
    }

    #[test]
    fn connects_own_router_changes_the_topic_alone() {
        let import = import(
            "transforms=r\ntransforms.r.type=org.apache.kafka.connect.transforms.RegexRouter\n\
             transforms.r.regex=p\\\\.(.*)\ntransforms.r.replacement=$1\n",
        );
        let Kind::Route(route) = &loaded(&import)[0].kind else {
            panic!("{}", import.toml);
        };
        assert!(route.key_field.is_none());
        assert_eq!(route.topic.apply("p.d.t").as_deref(), Some("d.t"));
        let look = import
            .findings
            .iter()
            .filter(|found| found.verdict == Verdict::Look);
        assert!(
            look.into_iter()
                .any(|found| found.property == "transforms.r.type")
        );
    }
}
