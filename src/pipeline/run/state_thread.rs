//! The thread of a [`State`], with its sink's and its store's: inputs in, batches and positions out.
//!
//! Everything that moves the state comes by one channel. The outbox blocks while the sink is full; the
//! reader then runs out of empty chunks and stops reading: that is the whole of the back-pressure.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::{mpsc as tokio_mpsc, oneshot};

use crate::checkpoint::store::StoreError;
use crate::config::Database;
use crate::error::{Classify, Fault};
use crate::ledger::Ledger;
use crate::metrics::Meters;
use crate::pipeline::error::{Cause, Error};
use crate::pipeline::holding::folder::Folder;
use crate::pipeline::run::delivering::{Outlet, deliver};
use crate::pipeline::run::describing::Describer;
use crate::pipeline::run::storing::{Claimed, Job};
use crate::pipeline::run::{CHUNKS, DRAIN_AFTER_FAILURE};
use crate::pipeline::{Counts, Described, Input, Outbox, State};
use crate::position::Position;
use crate::schema::definitions::Definitions;
use crate::sink::SinkError;
use crate::sink::batch::{Batch, BatchSeq};
use crate::source::chunk::Chunk;
use crate::sql::definition::Name;

/// Batches in circulation between the state and the sink.
const BATCHES: usize = 6;

/// What moves the state.
pub enum Message {
    /// A dump begins.
    Connected {
        /// Counts the dumps of this run.
        connection: u64,
        /// The server's clock less ours.
        clock_offset_us: i64,
    },
    /// Events of a dump.
    Events {
        /// Which dump.
        connection: u64,
        /// The events.
        chunk: Chunk,
    },
    /// Where the next dump is to begin, once everything before this message is worked off.
    ReadUpTo(oneshot::Sender<Position>),
    /// A batch is delivered.
    Acked(BatchSeq),
    /// The sink cannot go on.
    SinkFailed(SinkError),
    /// The outcome of a save.
    Saved(Result<(), StoreError>),
    /// Nothing more will be read: end when everything is delivered, or at the deadline.
    Finish(Instant),
}

/// What the state says to the reader.
pub enum Control {
    /// The bytes of this dump cannot be used: a new one may mend it.
    Damaged {
        /// Which dump.
        connection: u64,
        /// Why.
        error: Error,
    },
    /// The database is to stop.
    Failed(Error),
}

/// The running threads of one database.
pub struct StateThread {
    messages: mpsc::Sender<Message>,
    jobs: mpsc::Sender<Job>,
    chunks: tokio::sync::Mutex<tokio_mpsc::UnboundedReceiver<Chunk>>,
    stop_sink: Arc<dyn Fn() + Send + Sync>,
    threads: Vec<JoinHandle<()>>,
    ended: Arc<Mutex<Option<Error>>>,
}

impl StateThread {
    /// Starts the threads.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn start(
        database: &Database,
        meters: &Arc<Meters>,
        state: State,
        (outlet, store, describer): (Outlet, Claimed, Describer),
    ) -> Result<(StateThread, tokio_mpsc::UnboundedReceiver<Control>), Error> {
        let Outlet {
            sink,
            stop: stop_sink,
            messages,
            inbox,
        } = outlet;
        let (jobs, job_inbox) = mpsc::channel();
        let (control_sender, controls) = tokio_mpsc::unbounded_channel();
        let (chunk_sender, chunks) = tokio_mpsc::unbounded_channel();
        for _ in 0..CHUNKS {
            // The receiver is in our hands.
            let _ = chunk_sender.send(Chunk::default());
        }
        let (full_sender, full) = mpsc::sync_channel(BATCHES);
        let (empty_sender, empty) = mpsc::channel();
        let saved = messages.clone();
        let failed = messages.clone();
        let ended = Arc::new(Mutex::new(None));
        let worker = Worker {
            state,
            outbox: Hands {
                full: full_sender,
                empty,
                made: 0,
                jobs: jobs.clone(),
                saving: None,
                describer,
                disk: Folder::new(&database.spool.path, database.spool.bytes_max),
            },
            inbox,
            controls: control_sender,
            chunks: chunk_sender,
            meters: Arc::clone(meters),
            published: Counts::default(),
            published_ledger: Ledger::default(),
            interval: database.checkpoint.interval,
            connection: 0,
            clock_offset_us: 0,
            last_event: Instant::now(),
            again: false,
        };
        let outcome = Arc::clone(&ended);
        let threads = vec![
            spawn(&database.name, "state", move || {
                let result = worker.work();
                if let Ok(mut slot) = outcome.lock() {
                    *slot = result.err();
                }
            })?,
            spawn(&database.name, "sink", move || {
                deliver(sink, &full, &empty_sender, &failed)
            })?,
            spawn(&database.name, "store", move || {
                store.work(&job_inbox, &|outcome| {
                    let _ = saved.send(Message::Saved(outcome));
                });
            })?,
        ];
        let chunks = tokio::sync::Mutex::new(chunks);
        Ok((
            StateThread {
                messages,
                jobs,
                chunks,
                stop_sink,
                threads,
                ended,
            },
            controls,
        ))
    }

    /// Hands a message over.
    ///
    /// # Errors
    /// The thread is gone; the reason comes by [`Control`].
    pub fn send(&self, message: Message) -> Result<(), Error> {
        self.messages
            .send(message)
            .map_err(|_| Cause::ThreadLost { thread: "state" }.into())
    }

    /// An empty chunk, as soon as there is one.
    ///
    /// # Errors
    /// The thread is gone.
    pub async fn empty_chunk(&self) -> Result<Chunk, Error> {
        let chunk = self.chunks.lock().await.recv().await;
        chunk.ok_or_else(|| Cause::ThreadLost { thread: "state" }.into())
    }

    /// Where the next dump is to begin.
    ///
    /// # Errors
    /// The thread is gone.
    pub async fn read_up_to(&self) -> Result<Position, Error> {
        let (sender, answer) = oneshot::channel();
        self.send(Message::ReadUpTo(sender))?;
        answer
            .await
            .map_err(|_| Cause::ThreadLost { thread: "state" }.into())
    }

    /// Reads the store again: is this instance still the writer?
    ///
    /// # Errors
    /// It is not, or the store cannot be read.
    pub async fn check_epoch(&self) -> Result<(), Error> {
        let (sender, answer) = oneshot::channel();
        let lost = || Error::from(Cause::ThreadLost { thread: "store" });
        self.jobs.send(Job::Check(sender)).map_err(|_| lost())?;
        answer.await.map_err(|_| lost())?
    }

    /// Waits until everything read is delivered and stored, at most until the deadline.
    ///
    /// # Errors
    /// What stopped the state, or kept the last position from being stored.
    pub async fn finish(self, deadline: tokio::time::Instant) -> Result<(), Error> {
        let StateThread {
            messages,
            jobs,
            chunks,
            stop_sink,
            threads,
            ended,
        } = self;
        drop((jobs, chunks));
        // A thread that is gone has its outcome in `ended`.
        let _ = messages.send(Message::Finish(deadline.into_std()));
        drop(messages);
        let joined = tokio::task::spawn_blocking(move || {
            // A sink that blocks must not keep the state from its deadline.
            while !threads.iter().all(JoinHandle::is_finished) {
                if Instant::now() >= deadline.into_std() {
                    stop_sink();
                }
                std::thread::park_timeout(Duration::from_millis(5));
            }
            threads.into_iter().all(|thread| thread.join().is_ok())
        });
        let whole = joined.await.unwrap_or(false);
        let outcome = ended.lock().ok().and_then(|mut slot| slot.take());
        match outcome {
            Some(error) => Err(error),
            None if !whole => Err(Cause::ThreadLost { thread: "worker" }.into()),
            None => Ok(()),
        }
    }
}

fn spawn(
    database: &str,
    role: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, Error> {
    let named = std::thread::Builder::new().name(format!("{role} {database}"));
    named
        .spawn(work)
        .map_err(|error| Cause::Thread(error).into())
}

/// The state's hands: channels to the sink and the store.
struct Hands {
    full: mpsc::SyncSender<Batch>,
    empty: mpsc::Receiver<Batch>,
    made: usize,
    jobs: mpsc::Sender<Job>,
    saving: Option<Position>,
    describer: Describer,
    disk: Folder,
}

impl Outbox for Hands {
    fn send(&mut self, batch: Batch) -> Result<Batch, Error> {
        let lost = || Error::from(Cause::ThreadLost { thread: "sink" });
        self.full.send(batch).map_err(|_| lost())?;
        if let Ok(empty) = self.empty.try_recv() {
            return Ok(empty);
        }
        if self.made < BATCHES {
            self.made += 1;
            return Ok(Batch::default());
        }
        self.empty.recv().map_err(|_| lost())
    }

    fn store(
        &mut self,
        position: &Position,
        definitions: Option<&Arc<Definitions>>,
    ) -> Result<(), Error> {
        self.saving = Some(position.clone());
        let job = Job::Save(position.clone(), definitions.cloned());
        self.jobs
            .send(job)
            .map_err(|_| Cause::ThreadLost { thread: "store" }.into())
    }

    fn definition(&mut self, table: &Name) -> Result<Described, Error> {
        self.describer.definition(table)
    }

    fn touched(&mut self, from: &Position, until: &Position) -> Result<Option<Vec<Name>>, Error> {
        self.describer.touched(from, until)
    }

    fn disk(&mut self) -> Option<&mut Folder> {
        Some(&mut self.disk)
    }
}

struct Worker {
    state: State,
    outbox: Hands,
    inbox: mpsc::Receiver<Message>,
    controls: tokio_mpsc::UnboundedSender<Control>,
    chunks: tokio_mpsc::UnboundedSender<Chunk>,
    meters: Arc<Meters>,
    published: Counts,
    published_ledger: Ledger,
    interval: Duration,
    connection: u64,
    clock_offset_us: i64,
    last_event: Instant,
    // A save failed and the position has not moved since.
    again: bool,
}

impl Worker {
    fn work(mut self) -> Result<(), Error> {
        let result = self.run();
        if let Err(error) = &result {
            // The reader hears of it at once; the whole outcome is the thread's.
            let cause = Box::new(Cause::ThreadLost { thread: "state" });
            let told = Error {
                place: error.place.clone(),
                cause,
            };
            let _ = self.controls.send(Control::Failed(told));
        }
        result
    }

    fn run(&mut self) -> Result<(), Error> {
        let mut tick = Instant::now() + self.interval;
        let mut finish: Option<Instant> = None;
        loop {
            if let Some(deadline) = finish {
                if self.is_settled() {
                    return Ok(());
                }
                if Instant::now() >= deadline {
                    return Err(Cause::NotDrained {
                        batches: self.state.in_flight(),
                    }
                    .into());
                }
            }
            let now = Instant::now();
            if now >= tick || finish.is_some() {
                tick = now + self.interval;
                self.tick()?;
            }
            if let Some(lesson) = self.outbox.describer.learned() {
                self.state
                    .handle(Input::Learned(Box::new(lesson)), &mut self.outbox)?;
            }
            let wait = tick.saturating_duration_since(Instant::now());
            let wait = finish.map_or(wait, |_| Duration::from_millis(5));
            match self.inbox.recv_timeout(wait) {
                Ok(Message::Finish(deadline)) => finish = Some(deadline),
                Ok(message) => {
                    if let Err(error) = self.message(message) {
                        self.settle(&error);
                        return Err(error);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// What came before an event that cannot be used is still delivered and stored, if that goes fast.
    fn settle(&mut self, error: &Error) {
        if let Cause::Sink(_) | Cause::ThreadLost { .. } = &*error.cause {
            return;
        }
        let deadline = Instant::now() + DRAIN_AFTER_FAILURE;
        while !self.is_settled() && Instant::now() < deadline {
            let done = match self.inbox.recv_timeout(Duration::from_millis(5)) {
                Ok(Message::Acked(seq)) => self.state.handle(Input::Acked(seq), &mut self.outbox),
                Ok(Message::Saved(outcome)) => self.saved(outcome),
                Ok(Message::SinkFailed(error)) => Err(error.into()),
                Ok(
                    Message::Connected { .. }
                    | Message::Events { .. }
                    | Message::ReadUpTo(_)
                    | Message::Finish(_),
                )
                | Err(RecvTimeoutError::Timeout) => self.tick(),
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if let Err(error) = done {
                tracing::warn!(database = self.meters.database, %error, "not everything was delivered");
                return;
            }
        }
    }

    fn message(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Connected {
                connection,
                clock_offset_us,
            } => {
                self.connection = connection;
                self.clock_offset_us = clock_offset_us;
                self.last_event = Instant::now();
                self.state.handle(Input::Connected, &mut self.outbox)
            }
            Message::Events { connection, chunk } => self.events(connection, chunk),
            Message::ReadUpTo(answer) => {
                let _ = answer.send(self.state.read_up_to().clone());
                Ok(())
            }
            Message::Acked(seq) => self.state.handle(Input::Acked(seq), &mut self.outbox),
            Message::SinkFailed(error) => Err(error.into()),
            Message::Saved(outcome) => self.saved(outcome),
            Message::Finish(_) => Ok(()),
        }
    }

    fn events(&mut self, connection: u64, chunk: Chunk) -> Result<(), Error> {
        // What is left of a dump that was given up is read again by the next one.
        if connection != self.connection {
            let _ = self.chunks.send(chunk);
            return Ok(());
        }
        self.last_event = Instant::now();
        let input = Input::Events {
            chunk: &chunk,
            now_ns: now_ns(),
        };
        let result = self.state.handle(input, &mut self.outbox);
        let _ = self.chunks.send(chunk);
        self.publish();
        match result {
            Err(error) if error.is_corruption() => {
                self.connection = 0;
                let _ = self.controls.send(Control::Damaged { connection, error });
                Ok(())
            }
            Err(error) if matches!(*error.cause, Cause::ThreadLost { .. }) => {
                Err(self.real_reason(error))
            }
            result => result,
        }
    }

    /// A sink that has ended said why before it did: the word lies in the inbox.
    fn real_reason(&mut self, lost: Error) -> Error {
        for message in self.inbox.try_iter() {
            if let Message::SinkFailed(error) = message {
                return error.into();
            }
        }
        lost
    }

    fn saved(&mut self, outcome: Result<(), StoreError>) -> Result<(), Error> {
        let position = self.outbox.saving.take();
        match outcome {
            Ok(()) => {
                self.meters.checkpoints.inc();
                if let Some(position) = position {
                    self.show(&position);
                }
                Ok(())
            }
            Err(error) if error.fault() == Fault::Transient => {
                self.meters.checkpoint_errors.inc();
                tracing::warn!(database = self.meters.database, %error, "the position could not be stored");
                self.again = true;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn show(&self, position: &Position) {
        let number = position
            .end
            .file
            .rsplit('.')
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(0);
        self.meters.position_file.set(number);
        self.meters
            .position_offset
            .set(i64::try_from(position.end.offset).unwrap_or(i64::MAX));
        self.meters.set_position(position.end.to_string());
    }

    /// One save at a time: a slow store is asked again when it has answered.
    fn tick(&mut self) -> Result<(), Error> {
        self.publish();
        let ledger = self.state.ledger();
        self.meters.publish_ledger(ledger, &self.published_ledger);
        self.published_ledger.clone_from(ledger);
        if self.outbox.saving.is_some() {
            return Ok(());
        }
        self.state.handle(Input::Tick, &mut self.outbox)?;
        let assumed = i64::try_from(self.state.assumed_tables()).unwrap_or(i64::MAX);
        self.meters.assumed_tables.set(assumed);
        if self.again && self.outbox.saving.is_none() {
            let position = self.state.delivered_up_to().clone();
            // What was to be stored with it is still with the store.
            self.outbox.store(&position, None)?;
        }
        self.again = false;
        Ok(())
    }

    fn is_settled(&self) -> bool {
        self.state.is_settled() && self.outbox.saving.is_none() && !self.again
    }

    fn publish(&mut self) {
        let (now, before) = (*self.state.counts(), self.published);
        let meters = &self.meters;
        for ((meter, now), before) in meters.rows.iter().zip(now.rows).zip(before.rows) {
            meter.inc_by(now - before);
        }
        meters.records.inc_by(now.records - before.records);
        meters
            .record_bytes
            .inc_by(now.record_bytes - before.record_bytes);
        meters.events.inc_by(now.events - before.events);
        meters
            .event_bytes
            .inc_by(now.event_bytes - before.event_bytes);
        meters.ignored_events.inc_by(now.ignored - before.ignored);
        meters
            .transactions
            .inc_by(now.transactions - before.transactions);
        meters
            .batches_in_flight
            .set(i64::try_from(self.state.in_flight()).unwrap_or(i64::MAX));
        self.publish_waiting();
        let meters = &self.meters;
        meters.lag_seconds.set(self.lag_seconds());
        self.published = now;
    }

    /// What waits for its end.
    fn publish_waiting(&self) {
        let (meters, holding) = (&self.meters, self.state.holding());
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        meters.xa_prepared.set(whole(holding.prepared() as u64));
        let age = holding.oldest_prepared_us().map_or(0.0, |us| {
            let server_us = whole(now_ns() / 1000).saturating_add(self.clock_offset_us);
            server_us.saturating_sub(whole(us)).max(0) as f64 / 1e6
        });
        meters.xa_oldest_seconds.set(age);
        meters
            .spool_memory_bytes
            .set(whole(holding.memory() as u64));
        meters.spool_disk_bytes.set(whole(self.outbox.disk.used()));
    }

    fn lag_seconds(&self) -> f64 {
        if self.connection == 0 {
            return self.last_event.elapsed().as_secs_f64();
        }
        match self.state.oldest_commit_us() {
            Some(commit_us) => {
                let now_us =
                    i64::try_from(now_ns() / 1000).unwrap_or(i64::MAX) + self.clock_offset_us;
                let commit_us = i64::try_from(commit_us).unwrap_or(i64::MAX);
                (now_us - commit_us).max(0) as f64 / 1e6
            }
            None => 0.0,
        }
    }
}

fn now_ns() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
