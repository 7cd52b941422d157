//! What Prometheus sees: every metric by name, in one list, and the state of each database in words.
//!
//! Written by the pipelines, read by `http`. Labels are bounded: the database's name, an operation, a
//! state. `docs/metrics.md` describes each of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::core::{AtomicU64, GenericCounter};
use prometheus::{
    Encoder, Gauge, GaugeVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::GenericCounterVec,
};

use crate::error::Fault;
use crate::ledger::{Entry, Ledger, Line, Origin};

type Counter = GenericCounter<AtomicU64>;
type CounterVec = GenericCounterVec<AtomicU64>;

/// What a database is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Reading the stored position and looking at the server.
    #[default]
    Starting,
    /// Following the binlog.
    Streaming,
    /// Waiting before the next try.
    Retrying,
    /// Stopped until an operator acts.
    Failed,
    /// Stopped as asked.
    Stopped,
}

impl Phase {
    /// All of them: the values of the label `state`.
    pub const ALL: [Phase; 5] = [
        Phase::Starting,
        Phase::Streaming,
        Phase::Retrying,
        Phase::Failed,
        Phase::Stopped,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Streaming => "streaming",
            Phase::Retrying => "retrying",
            Phase::Failed => "failed",
            Phase::Stopped => "stopped",
        }
    }
}

/// What went wrong last.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Whose turn it is.
    pub fault: Fault,
    /// What happened, with the place.
    pub message: String,
    /// What to do.
    pub remedy: Option<String>,
}

/// A database in words.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// What it is doing.
    pub phase: Phase,
    /// Why it is not streaming, or what its records wait for.
    pub trouble: Option<Trouble>,
    /// Up to where everything is delivered.
    pub position: String,
}

/// The process: one registry, and the meters of each database.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    databases: Vec<Arc<Meters>>,
}

/// The meters of one database.
#[derive(Debug)]
pub struct Meters {
    /// The database's name.
    pub database: String,
    /// Seconds since the commit of the oldest change that is read and not delivered.
    pub lag_seconds: Gauge,
    /// Rows that became records, by operation.
    pub rows: [Counter; 3],
    /// Records handed to the sink.
    pub records: Counter,
    /// Bytes of keys and values handed to the sink.
    pub record_bytes: Counter,
    /// Binlog events read.
    pub events: Counter,
    /// Bytes of them.
    pub event_bytes: Counter,
    /// Events passed over by name.
    pub ignored_events: Counter,
    /// What became of each event; see [`Meters::publish_ledger`].
    ledger: LedgerFamilies,
    /// Transactions read to their end.
    pub transactions: Counter,
    /// Batches handed to the sink and not acknowledged.
    pub batches_in_flight: IntGauge,
    /// Tables whose definition was read while the stream was behind.
    pub assumed_tables: IntGauge,
    /// Dump connections after the first.
    pub reconnects: Counter,
    /// Positions stored.
    pub checkpoints: Counter,
    /// Positions that could not be stored.
    pub checkpoint_errors: Counter,
    /// Number of the binlog file up to which everything is delivered.
    pub position_file: IntGauge,
    /// Offset in that file.
    pub position_offset: IntGauge,
    /// XA transactions that are prepared and not decided.
    pub xa_prepared: IntGauge,
    /// Seconds since the oldest of them was prepared.
    pub xa_oldest_seconds: Gauge,
    /// Bytes in memory of groups that wait for their end.
    pub spool_memory_bytes: IntGauge,
    /// Bytes on the disk of the same.
    pub spool_disk_bytes: IntGauge,
    /// Requests to the schema registry.
    pub registry_requests: Counter,
    /// Those that were in vain.
    pub registry_errors: Counter,
    /// 1 while records wait for the schema registry.
    pub registry_waiting: IntGauge,
    states: Vec<(Phase, IntGauge)>,
    status: Mutex<Status>,
    waiting: Mutex<Option<Trouble>>,
}

/// Events and bytes, by origin, fate and kind.
#[derive(Clone, Debug)]
struct LedgerFamilies {
    events: CounterVec,
    bytes: CounterVec,
}

/// One family a field of [`Meters`].
struct Families {
    lag: GaugeVec,
    rows: CounterVec,
    records: CounterVec,
    record_bytes: CounterVec,
    events: CounterVec,
    event_bytes: CounterVec,
    ignored_events: CounterVec,
    ledger: LedgerFamilies,
    transactions: CounterVec,
    reconnects: CounterVec,
    checkpoints: CounterVec,
    checkpoint_errors: CounterVec,
    batches_in_flight: IntGaugeVec,
    assumed_tables: IntGaugeVec,
    position_file: IntGaugeVec,
    position_offset: IntGaugeVec,
    waiting: Waiting,
    registry: RegistryFamilies,
    state: IntGaugeVec,
}

/// Of the schema registry.
struct RegistryFamilies {
    requests: CounterVec,
    errors: CounterVec,
    waiting: IntGaugeVec,
}

impl RegistryFamilies {
    fn register(registry: &Registry) -> Result<RegistryFamilies, prometheus::Error> {
        const D: &[&str] = &["database"];
        let requests = (
            "remora_registry_requests_total",
            "Requests to the schema registry",
        );
        let errors = (
            "remora_registry_errors_total",
            "Requests to the schema registry that were in vain",
        );
        let waiting = (
            "remora_registry_waiting",
            "1 while records wait for the schema registry",
        );
        Ok(RegistryFamilies {
            requests: counter(registry, requests, D)?,
            errors: counter(registry, errors, D)?,
            waiting: gauge(registry, waiting, D)?,
        })
    }
}

/// Of transactions that wait for their end.
struct Waiting {
    prepared: IntGaugeVec,
    oldest: GaugeVec,
    memory: IntGaugeVec,
    disk: IntGaugeVec,
}

impl Waiting {
    fn register(registry: &Registry) -> Result<Waiting, prometheus::Error> {
        const D: &[&str] = &["database"];
        let gauge = |name: &str, help: &str| {
            let family = IntGaugeVec::new(Opts::new(name, help), D)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        let help =
            "Seconds since the oldest XA transaction that is prepared and not decided was prepared";
        let oldest = GaugeVec::new(Opts::new("remora_xa_oldest_seconds", help), D)?;
        registry.register(Box::new(oldest.clone()))?;
        Ok(Waiting {
            prepared: gauge(
                "remora_xa_prepared",
                "XA transactions that are prepared and not decided",
            )?,
            oldest,
            memory: gauge(
                "remora_spool_memory_bytes",
                "Bytes in memory of transactions that wait for their end",
            )?,
            disk: gauge(
                "remora_spool_disk_bytes",
                "Bytes on the disk of transactions that wait for their end",
            )?,
        })
    }
}

impl Metrics {
    /// Registers the meters of these databases.
    ///
    /// # Errors
    /// Where the registry refuses a name, which the tests exclude.
    pub fn new(databases: &[String]) -> Result<Metrics, prometheus::Error> {
        let registry = Registry::new();
        let families = Families::register(&registry)?;
        let build = IntGaugeVec::new(
            Opts::new("remora_build_info", "1, with the version as label"),
            &["version"],
        )?;
        registry.register(Box::new(build.clone()))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let databases = databases
            .iter()
            .map(|name| Arc::new(families.meters(name)))
            .collect();
        Ok(Metrics {
            registry,
            databases,
        })
    }

    /// The meters of each database, in the order of their names.
    pub fn databases(&self) -> &[Arc<Meters>] {
        &self.databases
    }

    /// All metrics in Prometheus' text format.
    ///
    /// # Errors
    /// Where the encoder refuses, which the tests exclude.
    pub fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

impl Meters {
    /// Says what the database is doing from now on.
    pub fn set_phase(&self, phase: Phase, trouble: Option<Trouble>) {
        for (each, gauge) in &self.states {
            gauge.set(i64::from(*each == phase));
        }
        let mut status = self.lock();
        status.phase = phase;
        status.trouble = trouble;
    }

    /// Adds what the ledger has beyond `published`. Meant for ticks: what has not come yet has no counter.
    pub fn publish_ledger(&self, ledger: &Ledger, published: &Ledger) {
        for Line {
            origin,
            entry,
            tally,
        } in ledger.lines()
        {
            let before = published.tally(origin, entry);
            // Rows of an open group go elsewhere at its end, and a counter never goes back.
            if entry.is_final() && tally != before {
                self.ledger.add(
                    &self.database,
                    (origin, entry),
                    [tally.events - before.events, tally.bytes - before.bytes],
                );
            }
        }
    }

    /// Says up to where everything is delivered.
    pub fn set_position(&self, position: String) {
        self.lock().position = position;
    }

    /// Says what records wait for while the binlog is followed; `None` where they do not.
    pub fn set_waiting(&self, waiting: Option<Trouble>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// What the database is doing.
    pub fn status(&self) -> Status {
        let mut status = self.lock().clone();
        if status.phase == Phase::Streaming && status.trouble.is_none() {
            let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            status.trouble.clone_from(&waiting);
        }
        status
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        // A status is whole at every step: a panic elsewhere does not spoil it.
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LedgerFamilies {
    fn register(registry: &Registry) -> Result<LedgerFamilies, prometheus::Error> {
        let counter = |name: &str, help: &str| {
            let labels = ["database", "origin", "fate", "kind"];
            let family = CounterVec::new(Opts::new(name, help), &labels)?;
            registry.register(Box::new(family.clone()))?;
            Ok::<_, prometheus::Error>(family)
        };
        Ok(LedgerFamilies {
            events: counter(
                "remora_ledger_events_total",
                "Binlog events by what became of them",
            )?,
            bytes: counter("remora_ledger_bytes_total", "Bytes of those events")?,
        })
    }

    fn add(&self, database: &str, (origin, entry): (Origin, Entry), [events, bytes]: [u64; 2]) {
        let labels = &[database, origin.as_str(), entry.fate(), entry.kind()];
        self.events.with_label_values(labels).inc_by(events);
        self.bytes.with_label_values(labels).inc_by(bytes);
    }
}

fn counter(
    registry: &Registry,
    (name, help): (&str, &str),
    labels: &[&str],
) -> Result<CounterVec, prometheus::Error> {
    let family = CounterVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn gauge(
    registry: &Registry,
    (name, help): (&str, &str),
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

fn lag(registry: &Registry) -> Result<GaugeVec, prometheus::Error> {
    let help = "Seconds since the commit of the oldest change that is read and not delivered, by the \
                server's clock";
    let family = GaugeVec::new(Opts::new("remora_lag_seconds", help), &["database"])?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

impl Families {
    fn register(registry: &Registry) -> Result<Families, prometheus::Error> {
        const D: &[&str] = &["database"];
        let counter = |name: &str, help: &str, labels| counter(registry, (name, help), labels);
        let gauge = |name: &str, help: &str, labels| gauge(registry, (name, help), labels);
        Ok(Families {
            lag: lag(registry)?,
            waiting: Waiting::register(registry)?,
            registry: RegistryFamilies::register(registry)?,
            rows: counter(
                "remora_rows_total",
                "Rows that became records",
                &["database", "op"],
            )?,
            records: counter("remora_records_total", "Records handed to the sink", D)?,
            record_bytes: counter("remora_record_bytes_total", "Bytes of those records", D)?,
            events: counter("remora_events_total", "Binlog events read", D)?,
            event_bytes: counter("remora_event_bytes_total", "Bytes of those events", D)?,
            ignored_events: counter(
                "remora_ignored_events_total",
                "Events passed over by name",
                D,
            )?,
            ledger: LedgerFamilies::register(registry)?,
            transactions: counter(
                "remora_transactions_total",
                "Transactions read to their end",
                D,
            )?,
            reconnects: counter(
                "remora_reconnects_total",
                "Dump connections after the first",
                D,
            )?,
            checkpoints: counter("remora_checkpoints_total", "Positions stored", D)?,
            checkpoint_errors: counter(
                "remora_checkpoint_errors_total",
                "Positions that could not be stored",
                D,
            )?,
            assumed_tables: gauge(
                "remora_assumed_tables",
                "Tables whose definition was read while the stream was behind",
                D,
            )?,
            batches_in_flight: gauge(
                "remora_batches_in_flight",
                "Batches handed to the sink and not acknowledged",
                D,
            )?,
            position_file: gauge(
                "remora_position_file_number",
                "Number of the binlog file up to which everything is delivered",
                D,
            )?,
            position_offset: gauge(
                "remora_position_offset_bytes",
                "Offset in the binlog file up to which everything is delivered",
                D,
            )?,
            state: gauge(
                "remora_state",
                "1 for the state that the database is in, 0 for the others",
                &["database", "state"],
            )?,
        })
    }

    fn meters(&self, database: &str) -> Meters {
        let name = &[database];
        // The other lines come with their first event: three times as many, most of which stay empty.
        for entry in [Entry::Emitted, Entry::NotIncluded, Entry::Refused] {
            self.ledger.add(database, (Origin::File, entry), [0, 0]);
        }
        let state = |phase: Phase| {
            (
                phase,
                self.state.with_label_values(&[database, phase.as_str()]),
            )
        };
        Meters {
            database: database.to_owned(),
            lag_seconds: self.lag.with_label_values(name),
            rows: ["c", "u", "d"].map(|op| self.rows.with_label_values(&[database, op])),
            records: self.records.with_label_values(name),
            record_bytes: self.record_bytes.with_label_values(name),
            events: self.events.with_label_values(name),
            event_bytes: self.event_bytes.with_label_values(name),
            ignored_events: self.ignored_events.with_label_values(name),
            ledger: self.ledger.clone(),
            transactions: self.transactions.with_label_values(name),
            reconnects: self.reconnects.with_label_values(name),
            checkpoints: self.checkpoints.with_label_values(name),
            checkpoint_errors: self.checkpoint_errors.with_label_values(name),
            batches_in_flight: self.batches_in_flight.with_label_values(name),
            assumed_tables: self.assumed_tables.with_label_values(name),
            position_file: self.position_file.with_label_values(name),
            position_offset: self.position_offset.with_label_values(name),
            xa_prepared: self.waiting.prepared.with_label_values(name),
            xa_oldest_seconds: self.waiting.oldest.with_label_values(name),
            spool_memory_bytes: self.waiting.memory.with_label_values(name),
            spool_disk_bytes: self.waiting.disk.with_label_values(name),
            registry_requests: self.registry.requests.with_label_values(name),
            registry_errors: self.registry.errors.with_label_values(name),
            registry_waiting: self.registry.waiting.with_label_values(name),
            states: Phase::ALL.map(state).into(),
            status: Mutex::default(),
            waiting: Mutex::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_database_has_every_metric_from_the_start() {
        let metrics = Metrics::new(&["a".to_owned(), "b".to_owned()]).unwrap();
        let [a, _] = metrics.databases() else {
            panic!()
        };
        a.rows[1].inc_by(3);
        a.set_phase(Phase::Streaming, None);
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        for line in [
            "remora_rows_total{database=\"a\",op=\"u\"} 3",
            "remora_rows_total{database=\"b\",op=\"d\"} 0",
            "remora_state{database=\"a\",state=\"streaming\"} 1",
            "remora_state{database=\"a\",state=\"starting\"} 0",
            "remora_lag_seconds{database=\"b\"} 0",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_ledger_is_published_by_what_it_gained() {
        use crate::event::Body;
        let metrics = Metrics::new(&["a".to_owned()]).unwrap();
        let (mut ledger, mut published) = (Ledger::default(), Ledger::default());
        for bytes in [31, 40] {
            ledger.begin();
            ledger.open(Origin::File, &Body::Xid);
            ledger.close(bytes, true);
            metrics.databases()[0].publish_ledger(&ledger, &published);
            published = ledger.clone();
        }
        let text = String::from_utf8(metrics.render().unwrap()).unwrap();
        let labels = r#"{database="a",fate="control",kind="xid",origin="file"}"#;
        for line in [
            format!("remora_ledger_events_total{labels} 2"),
            format!("remora_ledger_bytes_total{labels} 71"),
        ] {
            assert!(text.contains(&line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn every_metric_is_documented() {
        let metrics = Metrics::new(&["a".to_owned()]).unwrap();
        let docs = include_str!("../docs/metrics.md");
        for family in metrics.registry.gather() {
            let name = format!("`{}`", family.name());
            assert!(docs.contains(&name), "{name} is not in docs/metrics.md");
        }
    }
}
