//! The sink's side: opens the sink, hands batches to it on a thread that may block, and passes its words on.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::config::{Database, Sink as SinkSettings};
use crate::error::Fault;
use crate::metrics::{Meters, Trouble};
use crate::pipeline::error::Error;
use crate::pipeline::run::state_thread::Message;
use crate::sink::avro::AvroSink;
use crate::sink::avro::registry::{Notice, Notices};
use crate::sink::batch::Batch;
use crate::sink::kafka::KafkaSink;
use crate::sink::lines::LinesSink;
use crate::sink::null::NullSink;
use crate::sink::{Deliveries, Delivery, Sink, SinkError};

/// Makes a sink that blocks return, from any thread.
type StopSink = Arc<dyn Fn() + Send + Sync>;

/// An open sink, and the channel by which it and all others speak to the state.
pub struct Outlet {
    pub(super) sink: Box<dyn Sink>,
    pub(super) stop: StopSink,
    pub(super) messages: mpsc::Sender<Message>,
    pub(super) inbox: mpsc::Receiver<Message>,
}

impl Outlet {
    /// Opens the sink that the configuration names. One that connects does so meanwhile, so this comes first.
    ///
    /// # Errors
    /// What the sink says.
    pub fn open(database: &Database, meters: &Arc<Meters>) -> Result<Outlet, Error> {
        let (messages, inbox) = mpsc::channel();
        let (sink, stop) = with_registry(database, meters, open_sink(database, &messages)?)?;
        Ok(Outlet {
            sink,
            stop,
            messages,
            inbox,
        })
    }
}

fn open_sink(
    database: &Database,
    messages: &mpsc::Sender<Message>,
) -> Result<(Box<dyn Sink>, StopSink), Error> {
    let headers = context_headers(database);
    let sender = messages.clone();
    let deliveries: Deliveries = Arc::new(move |delivery| {
        let message = match delivery {
            Delivery::Acked(seq) => Message::Acked(seq),
            Delivery::Failed(error) => Message::SinkFailed(error),
        };
        // Late words to a state that has ended are of no use to anybody.
        let _ = sender.send(message);
    });
    Ok(match &database.sink {
        SinkSettings::Stdout => (
            Box::new(LinesSink::stdout(&headers, deliveries)),
            Arc::new(|| ()),
        ),
        SinkSettings::File(path) => (
            Box::new(LinesSink::file(path, &headers, deliveries)?),
            Arc::new(|| ()),
        ),
        SinkSettings::Null => (Box::new(NullSink::new(deliveries)), Arc::new(|| ())),
        SinkSettings::Kafka(kafka) => {
            let client_id = format!("remora-{}", database.topic_prefix);
            let sink = KafkaSink::new(kafka, &client_id, &headers, deliveries)?;
            let stop = sink.stop();
            (Box::new(sink), Arc::new(move || stop.cancel()))
        }
    })
}

/// Puts Avro in front of a sink, where records are to be that.
fn with_registry(
    database: &Database,
    meters: &Arc<Meters>,
    (sink, stop): (Box<dyn Sink>, StopSink),
) -> Result<(Box<dyn Sink>, StopSink), Error> {
    let Some(registry) = &database.registry else {
        return Ok((sink, stop));
    };
    let sink = AvroSink::new(sink, registry, notices(database, meters))?;
    let registry = sink.stop();
    let stop_all = move || {
        registry.cancel();
        stop();
    };
    Ok((Box::new(sink), Arc::new(stop_all)))
}

/// What is seen of a registry: in the log, the metrics and the status.
fn notices(database: &Database, meters: &Arc<Meters>) -> Notices {
    let (name, meters) = (database.name.clone(), Arc::clone(meters));
    Arc::new(move |notice| match notice {
        Notice::Asked => meters.registry_requests.inc(),
        Notice::Answered => {
            if meters.registry_waiting.get() > 0 {
                tracing::info!(database = name, "the schema registry answers again");
            }
            meters.registry_waiting.set(0);
            meters.set_waiting(None);
        }
        Notice::Failed { url, reason, wait } => {
            let message = format!("records wait for the schema registry at {url}: {reason}");
            tracing::warn!(database = name, error = message, ?wait, "trying again");
            meters.registry_errors.inc();
            meters.registry_waiting.set(1);
            meters.set_waiting(Some(Trouble {
                fault: Fault::Transient,
                message,
                remedy: Some("start the registry, or correct registry.url".to_owned()),
            }));
        }
    })
}

/// Debezium's context headers; the run id is new at each start.
pub fn context_headers(database: &Database) -> Vec<(String, String)> {
    if !database.records.headers_context {
        return Vec::new();
    }
    let header = |name: &str, value: &str| (format!("__debezium.context.{name}"), value.to_owned());
    vec![
        header("connectorLogicalName", &database.topic_prefix),
        header("taskId", "0"),
        header("connectorName", "mysql"),
        header("runId", &uuid::Uuid::now_v7().to_string()),
    ]
}

/// The sink's thread: works until the batches end or the sink cannot go on.
pub fn deliver(
    mut sink: Box<dyn Sink>,
    full: &mpsc::Receiver<Batch>,
    empty: &mpsc::Sender<Batch>,
    messages: &mpsc::Sender<Message>,
) {
    loop {
        let batch = match full.try_recv() {
            Ok(batch) => batch,
            Err(mpsc::TryRecvError::Disconnected) => return close(sink),
            Err(mpsc::TryRecvError::Empty) => match sink.idle().map(|()| full.recv()) {
                Ok(Ok(batch)) => batch,
                Ok(Err(_)) => return close(sink),
                Err(error) => return report(messages, error),
            },
        };
        if let Err(error) = sink.send(&batch) {
            return report(messages, error);
        }
        // The state may have ended meanwhile.
        let _ = empty.send(batch);
    }
}

/// What was handed over goes out; where it cannot, it was not acknowledged and comes again.
fn close(mut sink: Box<dyn Sink>) {
    if let Err(error) = sink.close(Instant::now() + Duration::from_secs(1)) {
        tracing::debug!(%error, "the sink was closed before all was acknowledged");
    }
}

fn report(messages: &mpsc::Sender<Message>, error: SinkError) {
    let _ = messages.send(Message::SinkFailed(error));
}
