//! Which librdkafka settings an operator may pass, and how.
//!
//! Takes a name and a value, gives why it is refused. Never connects, and never shows a secret value.

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;

/// Why a setting is refused, and what to do instead.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What is wrong with it.
    pub(super) problem: String,
    /// What to do.
    pub(super) remedy: String,
}

/// A setting that a promise fixes. A name that ends in `*` stands for all names that begin so.
struct Fixed {
    name: &'static str,
    reason: &'static str,
    remedy: &'static str,
}

const REMOVE: &str = "remove it";

/// Names and aliases as in librdkafka 2.12's list of settings.
const FIXED: &[Fixed] = &[
    Fixed {
        name: "bootstrap.servers",
        reason: "the brokers have a key of their own",
        remedy: "set kafka.brokers",
    },
    Fixed {
        name: "metadata.broker.list",
        reason: "the brokers have a key of their own",
        remedy: "set kafka.brokers",
    },
    Fixed {
        name: "enable.idempotence",
        reason: "it is always on: without it a retry could repeat or reorder records",
        remedy: REMOVE,
    },
    Fixed {
        name: "enable.gapless.guarantee",
        reason: "remora stops at the first record that cannot be delivered, and keeps the position",
        remedy: REMOVE,
    },
    Fixed {
        name: "acks",
        reason: "it is always all: a record counts as delivered when every replica in sync has it",
        remedy: REMOVE,
    },
    Fixed {
        name: "request.required.acks",
        reason: "it is always all: a record counts as delivered when every replica in sync has it",
        remedy: REMOVE,
    },
    Fixed {
        name: "max.in.flight*",
        reason: "the idempotent producer needs at most 5 to keep the order",
        remedy: REMOVE,
    },
    Fixed {
        name: "message.timeout.ms",
        reason: "a record never expires: an outage of the cluster must not lose it",
        remedy: REMOVE,
    },
    Fixed {
        name: "delivery.timeout.ms",
        reason: "a record never expires: an outage of the cluster must not lose it",
        remedy: REMOVE,
    },
    Fixed {
        name: "retries",
        reason: "a record is tried again until it is delivered",
        remedy: REMOVE,
    },
    Fixed {
        name: "message.send.max.retries",
        reason: "a record is tried again until it is delivered",
        remedy: REMOVE,
    },
    Fixed {
        name: "transactional.id",
        reason: "remora decides whether the producer is transactional, and under which name",
        remedy: REMOVE,
    },
    Fixed {
        name: "partitioner*",
        reason: "remora chooses the partition as Kafka's Java client does, so that a key stays in one",
        remedy: REMOVE,
    },
    Fixed {
        name: "msg_order_cmp",
        reason: "records leave in the order of their commits",
        remedy: REMOVE,
    },
    Fixed {
        name: "queuing.strategy",
        reason: "records leave in the order of their commits",
        remedy: REMOVE,
    },
    Fixed {
        name: "delivery.report.only.error",
        reason: "the position moves by the reports of records that were delivered",
        remedy: REMOVE,
    },
    Fixed {
        name: "queue.buffering.max.ms",
        reason: "it is an older name of linger.ms",
        remedy: "set \"linger.ms\" instead",
    },
    Fixed {
        name: "queue.buffering.max.*",
        reason: "the queue is sized by the memory budget",
        remedy: "set kafka.in_flight_bytes_max",
    },
];

/// Whether the value of this setting must not be seen.
pub(super) fn is_secret(name: &str) -> bool {
    ["password", "passphrase", "secret", "jaas"]
        .iter()
        .any(|word| name.contains(word))
        || name.ends_with("key.pem")
        || name == "sasl.oauthbearer.config"
}

/// Why this setting may not have this value, if so.
pub(super) fn refusal(name: &str, value: &str) -> Option<Refusal> {
    let fixed = FIXED
        .iter()
        .find(|fixed| match fixed.name.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => name == fixed.name,
        });
    if let Some(fixed) = fixed {
        return Some(Refusal {
            problem: format!("may not be set, since {}", fixed.reason),
            remedy: fixed.remedy.to_owned(),
        });
    }
    // Either text is handed over as a C string.
    if name.contains('\0') || value.contains('\0') {
        return Some(Refusal {
            problem: "holds a NUL character".to_owned(),
            remedy: "remove the character".to_owned(),
        });
    }
    let mut client = ClientConfig::new();
    client.set(name, value);
    let error = client.create_native_config().err()?;
    // A value may come from a file that nobody else can read, whatever its name.
    let what = if let KafkaError::ClientConfig(_, what, _, _) = error
        && (value.is_empty() || !what.contains(value))
    {
        one_line(&what)
    } else {
        "the value is not valid".to_owned()
    };
    Some(Refusal {
        problem: format!("is refused by librdkafka: {what}"),
        remedy: "see librdkafka's list of settings (CONFIGURATION.md)".to_owned(),
    })
}

/// A finding is one line, whatever a library says.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_a_promise_fixes_are_refused() {
        for name in [
            "enable.idempotence",
            "acks",
            "request.required.acks",
            "max.in.flight",
            "max.in.flight.requests.per.connection",
            "message.timeout.ms",
            "delivery.timeout.ms",
            "transactional.id",
            "partitioner",
            "partitioner_cb",
            "queue.buffering.max.messages",
            "queue.buffering.max.kbytes",
            "bootstrap.servers",
            "metadata.broker.list",
            "enable.gapless.guarantee",
            "retries",
            "message.send.max.retries",
            "queuing.strategy",
            "delivery.report.only.error",
        ] {
            let refusal = refusal(name, "1").unwrap();
            assert!(
                refusal.problem.starts_with("may not be set, since "),
                "{name}: {refusal:?}"
            );
        }
        assert!(
            refusal("queue.buffering.max.ms", "5")
                .unwrap()
                .remedy
                .contains("linger.ms")
        );
    }

    #[test]
    fn the_rest_is_left_to_librdkafka() {
        for (name, value) in [
            ("compression.type", "zstd"),
            ("linger.ms", "20"),
            ("security.protocol", "sasl_ssl"),
            ("sasl.password", "hunter2"),
            ("message.max.bytes", "2000000"),
        ] {
            assert_eq!(refusal(name, value), None);
        }
        assert!(
            refusal("linger.milliseconds", "20")
                .unwrap()
                .problem
                .contains("librdkafka")
        );
        assert!(
            refusal("linger.ms", "soon")
                .unwrap()
                .problem
                .contains("librdkafka")
        );
        assert!(refusal("linger.ms", "2\0").is_some());
    }

    #[test]
    fn a_refused_secret_is_not_shown() {
        let refusal = refusal("sasl.jaas.config", "hunter2").unwrap();
        assert!(!format!("{refusal:?}").contains("hunter2"));
    }
}
