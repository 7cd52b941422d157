//! One database, running: connects a [`State`] to a server, a sink and a store.
//!
//! Three threads beside the reader's task: the state (decode and encode), the sink and the store, each of
//! which may block. They speak by channels that are bounded by what circulates: chunks one way, batches
//! the other. A failure of any ends the whole; the next start goes on from the stored position.

pub mod aside;
pub mod delivering;
pub mod describing;
pub mod state_thread;
pub mod storing;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc as tokio_mpsc, watch};

use crate::config::{Database, Schema, Start};
use crate::encode::envelope::Style;
use crate::encode::heartbeat::HeartbeatStyle;
use crate::encode::transaction::TransactionStyle;
use crate::error::{Classify, Fault};
use crate::metrics::{Meters, Phase, Trouble};
use crate::pipeline::error::{Cause, Error};
use crate::pipeline::preflight::{self, Server, coverage};
use crate::pipeline::run::delivering::Outlet;
use crate::pipeline::run::describing::Describer;
use crate::pipeline::run::state_thread::{Control, Message, StateThread};
use crate::pipeline::run::storing::{Stored, Storing};
use crate::pipeline::{Begin, Bounds, State};
use crate::position::{FilePosition, Place, Position};
use crate::schema::catalog::Rules;
use crate::schema::definitions::Definitions;
use crate::source::chunk::Chunk;
use crate::source::dump::DumpStream;
use crate::source::payload::Limits;
use crate::source::wire::{DumpFrom, DumpRequest, Wire};
use crate::source::wire_error::WireError;
use crate::transform::{Chain, need_schemas};

/// Chunks in circulation: 256 KiB each, so the read-ahead is 4 MiB.
const CHUNKS: usize = 16;
/// Dump connections that may be pushed out by another one before that is an error.
const PUSHED_OUT_MAX: u32 = 3;
/// Tries at the same damaged bytes.
const DAMAGED_MAX: u32 = 3;

/// Whether the process is to stop, and by when everything must be drained.
pub type Stop = watch::Receiver<Option<tokio::time::Instant>>;

/// Follows one database until it is told to stop (`Ok`) or cannot go on.
///
/// # Errors
/// Why; what was delivered until then is stored.
pub async fn run(database: &Database, meters: &Arc<Meters>, mut stop: Stop) -> Result<(), Error> {
    let outlet = Outlet::open(database, meters)?;
    let (storing, stored) = Storing::open(database).await?;
    let mut conn = preflight::connect(&database.mysql).await?;
    let (position, uuid) = match &stored {
        Some(Stored { checkpoint, .. }) => {
            (checkpoint.position.clone(), checkpoint.server_uuid.clone())
        }
        None => {
            let server = preflight::inspect(&mut conn, database.into()).await?;
            if database.start == Some(Start::Now) {
                let prepared = preflight::prepared::list(&mut conn).await?;
                preflight::prepared::warn(&database.name, &prepared);
            }
            (first_position(database, &server)?, server.uuid)
        }
    };
    let known = (uuid.as_str(), database.into());
    let server = preflight::check_history(&mut conn, &position, known).await?;
    coverage::check(&mut conn, &database.capture).await?;
    drop(conn);
    let (checkpoint, definitions) = match stored {
        Some(stored) => (Some(stored.checkpoint), stored.definitions),
        None => (None, None),
    };
    let definitions = definitions.unwrap_or_else(|| Definitions::new(server.lower_case_names));
    let mut begin = Begin {
        position,
        definitions,
        learning: false,
    };
    let mut hands = Describer::new(database, &server, &stop);
    hands.prepare(&mut begin).await?;
    let storing = storing
        .claim(checkpoint.as_ref(), &begin, &server.uuid)
        .await?;
    meters.set_position(begin.position.end.to_string());
    let _aside = aside::start(database);

    let (thread, controls) = StateThread::start(
        database,
        meters,
        state(database, begin),
        (outlet, storing, hands),
    )?;
    let mut reader = Reader {
        database,
        meters,
        thread: &thread,
        controls,
        connection: 0,
        server,
    };
    let read = reader.follow(&mut stop).await;
    let deadline =
        (*stop.borrow()).unwrap_or_else(|| tokio::time::Instant::now() + DRAIN_AFTER_FAILURE);
    drop(reader);
    let drained = thread.finish(deadline).await;
    match (read, drained) {
        (Ok(()), drained) => drained,
        // That a thread is gone is no reason: the thread's own outcome is.
        (Err(error), Err(reason)) if matches!(*error.cause, Cause::ThreadLost { .. }) => {
            Err(reason)
        }
        (Err(error), Err(undrained)) => {
            let name = &database.name;
            tracing::warn!(database = name, error = %undrained, "not everything was delivered");
            Err(error)
        }
        (Err(error), Ok(())) => Err(error),
    }
}

/// What was read when the source failed is still delivered, if that goes fast.
pub const DRAIN_AFTER_FAILURE: Duration = Duration::from_secs(10);

fn state(database: &Database, begin: Begin) -> State {
    let transforms = &database.transforms;
    let mut envelope = database.records.envelope;
    let chain = Chain::new(transforms, envelope.schemas);
    // The chain takes off what only it needs.
    envelope.schemas |= need_schemas(transforms);
    let rules = Rules {
        topic_prefix: database.topic_prefix.clone(),
        delimiter: database.topic_delimiter.clone(),
        naming: database.topic_naming,
        tables: database.capture.tables.clone(),
        read_minimal: database.schema == Schema::Auto,
        modes: database.modes,
        envelope,
        columns: database.capture.columns.clone(),
    };
    let style = Style {
        name: database.topic_prefix.clone(),
        tombstones: database.records.tombstones,
        ids: database.records.headers_id,
        skipped: database.records.skipped,
        unavailable: database.records.unavailable_value.clone(),
        version: database.records.envelope.version,
        skip_unchanged: database.records.skip_unchanged,
        transactions: transactions(database, envelope.schemas),
        heartbeats: heartbeats(database, envelope.schemas),
        queries: database.records.queries,
    };
    let payload = Limits {
        event_bytes_max: database.mysql.event_bytes_max,
        transaction_bytes_max: database.mysql.transaction_bytes_max,
    };
    let bounds = Bounds {
        payload,
        memory_bytes_max: database.spool.memory_bytes_max,
        row_image: database.mysql.row_image,
    };
    State::new(begin, rules, style, bounds).transforming(chain)
}

fn transactions(database: &Database, schemas: bool) -> Option<TransactionStyle> {
    let topic = database.records.transaction_topic.clone()?;
    Some(TransactionStyle {
        topic,
        schemas,
        ids: database.records.headers_id,
    })
}

fn heartbeats(database: &Database, schemas: bool) -> Option<HeartbeatStyle> {
    let interval = database.heartbeat.interval?;
    Some(HeartbeatStyle {
        topic: database.heartbeat.topic.clone(),
        name: database.topic_prefix.clone(),
        schemas,
        interval,
    })
}

/// Where to begin when nothing is stored.
fn first_position(database: &Database, server: &Server) -> Result<Position, Error> {
    let prefix = database.topic_prefix.clone();
    match database.start {
        None => Err(Cause::NoStart { prefix }.into()),
        Some(Start::Now) => {
            let gtids = server.gtids.then(|| server.executed.clone());
            Ok(Position::new(gtids, server.end.clone()))
        }
        Some(Start::Earliest) => {
            let gtids = server.gtids.then(|| server.purged.clone());
            let file = server.binlogs.first().cloned().unwrap_or_default();
            Ok(Position::new(gtids, FilePosition { file, offset: 4 }))
        }
    }
}

/// The reading side: dump connections, one after the other.
struct Reader<'a> {
    database: &'a Database,
    meters: &'a Arc<Meters>,
    thread: &'a StateThread,
    controls: tokio_mpsc::UnboundedReceiver<Control>,
    connection: u64,
    server: Server,
}

/// Why a dump ended.
enum End {
    Stop,
    /// The connection, or the bytes that came over it; try again.
    Lost(Error),
    Failed(Error),
}

impl Reader<'_> {
    async fn follow(&mut self, stop: &mut Stop) -> Result<(), Error> {
        let mut backoff = Backoff::default();
        let mut pushed_out = 0;
        let mut damage = Damage::default();
        let (mut spare, mut before) = (None, None);
        loop {
            let mut error = match self.dump(&mut spare, stop).await {
                End::Stop => return Ok(()),
                End::Failed(error) => return Err(error),
                End::Lost(error) => error,
            };
            // What was handed over is worked off first, so this is how far the dump really came.
            let reached = self.thread.read_up_to().await?;
            if error.place.is_none() && error.is_corruption() {
                // The packet was damaged before anything of it could be read: it comes behind this place.
                let at = reached.end.clone();
                error.place = Some(Box::new(Place { at, gtid: None }));
            }
            if before.as_ref() != Some(&reached) {
                backoff = Backoff::default();
                pushed_out = 0;
                before = Some(reached);
            }
            if let Cause::Wire(WireError::Duplicate(_)) = &*error.cause {
                pushed_out += 1;
                self.thread.check_epoch().await?;
                if pushed_out >= PUSHED_OUT_MAX {
                    return Err(error);
                }
            } else if error.is_corruption() {
                if damage.again(&error) {
                    return Err(error);
                }
            } else if error.fault() != Fault::Transient {
                return Err(error);
            }
            let wait = backoff.wait();
            tracing::warn!(database = self.database.name, %error, ?wait, "the dump ended; trying again");
            let remedy = error.remedy().map(|text| text.into_owned());
            let trouble = Trouble {
                fault: Fault::Transient,
                message: error.to_string(),
                remedy,
            };
            self.meters.set_phase(Phase::Retrying, Some(trouble));
            // Both branches only wait: nothing is lost with the one that is dropped.
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = stopped(stop) => return Ok(()),
            }
        }
    }

    async fn dump(&mut self, spare: &mut Option<Chunk>, stop: &mut Stop) -> End {
        let opened = async {
            let from = self.thread.read_up_to().await?;
            if self.connection > 0 {
                self.meters.reconnects.inc();
                self.thread.check_epoch().await?;
                let mut conn = preflight::connect(&self.database.mysql).await?;
                let uuid = self.server.uuid.clone();
                let known = (uuid.as_str(), self.database.into());
                self.server = preflight::check_history(&mut conn, &from, known).await?;
            }
            let wire = Wire::connect(&self.database.mysql).await?;
            let request = request(self.database, &from, "");
            Ok::<_, Error>((wire.dump(&request).await?, from))
        };
        // Dropping a half-made connection loses nothing.
        let (stream, from) = tokio::select! {
            opened = opened => match opened {
                Ok(opened) => opened,
                Err(error) => return End::Lost(error),
            },
            () = stopped(stop) => return End::Stop,
        };
        self.connection += 1;
        tracing::info!(
            database = self.database.name,
            position = %from.end,
            server = self.server.uuid,
            version = self.server.version,
            "following the binlog"
        );
        self.meters.set_phase(Phase::Streaming, None);
        self.read(stream, spare, stop).await
    }

    async fn read(
        &mut self,
        mut stream: DumpStream,
        spare: &mut Option<Chunk>,
        stop: &mut Stop,
    ) -> End {
        let connection = self.connection;
        let offset = self.server.clock_offset_us;
        if let Err(error) = self.thread.send(Message::Connected {
            connection,
            clock_offset_us: offset,
        }) {
            return End::Failed(error);
        }
        loop {
            let read = {
                let mut reading = std::pin::pin!(read_chunk(self.thread, &mut stream, spare));
                loop {
                    // A read is never dropped but with its connection; the others only wait.
                    tokio::select! {
                        biased;
                        control = self.controls.recv() => {
                            if let Some(end) = heed(control, connection) {
                                return end;
                            }
                        }
                        () = stopped(stop) => return End::Stop,
                        read = &mut reading => break read,
                    }
                }
            };
            if let Err(error) = read {
                return End::Lost(error);
            }
            if let Some(chunk) = spare.take()
                && let Err(error) = self.thread.send(Message::Events { connection, chunk })
            {
                return End::Failed(error);
            }
        }
    }
}

/// What the state says; of an earlier connection it says nothing new.
fn heed(control: Option<Control>, current: u64) -> Option<End> {
    match control {
        Some(Control::Damaged { connection, error }) if connection == current => {
            Some(End::Lost(error))
        }
        Some(Control::Damaged { .. }) => None,
        Some(Control::Failed(error)) => Some(End::Failed(error)),
        None => Some(End::Failed(Cause::ThreadLost { thread: "state" }.into())),
    }
}

/// Fills the chunk of `slot`, which gets an empty one first where it has none. Whatever happens to the
/// dump, or to this future, the chunk stays in the slot: one that is lost would be missing for ever.
async fn read_chunk(
    thread: &StateThread,
    stream: &mut DumpStream,
    slot: &mut Option<Chunk>,
) -> Result<(), Error> {
    let chunk = match slot {
        Some(chunk) => chunk,
        None => slot.insert(thread.empty_chunk().await?),
    };
    stream.read(chunk).await?;
    Ok(())
}

/// `role` tells the dumps of one database apart: the server ends an older one of the same role.
fn request(database: &Database, from: &Position, role: &str) -> DumpRequest {
    let mysql = &database.mysql;
    DumpRequest {
        server_id: mysql.server_id,
        replica_uuid: replica_uuid(&format!("{}{role}", database.topic_prefix)),
        heartbeat: mysql.heartbeat,
        net_write_timeout: mysql.net_write_timeout,
        event_bytes_max: mysql.event_bytes_max,
        from: match &from.gtids {
            Some(gtids) => DumpFrom::Gtid {
                encoded_set: gtids.encode(),
            },
            None => DumpFrom::File {
                name: from.end.file.clone(),
                // Beyond 4 GiB the request has no words for a position: the file is read from its start
                // by nobody, so this is refused by the server rather than wrong.
                position: u32::try_from(from.end.offset).unwrap_or(u32::MAX),
            },
        },
    }
}

/// The same at every start, so that the server ends a dead connection of ours when we come again.
fn replica_uuid(topic_prefix: &str) -> String {
    uuid::Uuid::new_v5(
        &uuid::Uuid::NAMESPACE_OID,
        format!("remora {topic_prefix}").as_bytes(),
    )
    .to_string()
}

/// Completes when the process is to stop.
async fn stopped(stop: &mut Stop) {
    // An error means that the daemon is gone, which is a reason to stop too.
    let _ = stop.wait_for(Option::is_some).await;
}

/// Waits between tries: doubled from 100 ms to 30 s, each cut by up to half at random.
#[derive(Default)]
pub struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let full = (100u64 << self.tries.min(9)).min(30_000);
        self.tries = self.tries.saturating_add(1);
        let random = u64::from(uuid::Uuid::now_v7().as_bytes().last().copied().unwrap_or(0));
        Duration::from_millis(full - full * random / 512)
    }
}

/// Counts failures at one place.
#[derive(Default)]
struct Damage {
    at: Option<Box<Place>>,
    times: u32,
}

impl Damage {
    /// Whether these bytes have failed too often to be the wire's fault.
    fn again(&mut self, error: &Error) -> bool {
        if self.at == error.place {
            self.times += 1;
        } else {
            self.at = error.place.clone();
            self.times = 1;
        }
        self.times >= DAMAGED_MAX
    }
}
