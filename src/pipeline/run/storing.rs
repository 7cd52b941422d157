//! The store's side: opens, claims, checks and saves, one job at a time on a thread that may block.

use std::sync::mpsc;

use tokio::sync::oneshot;

use crate::checkpoint::file::FileStore;
use crate::checkpoint::kafka::KafkaStore;
use crate::checkpoint::record::{self, Checkpoint};
use crate::checkpoint::store::{Store, StoreError};
use crate::config::{CheckpointStore, Database, Sink};
use crate::pipeline::error::{Cause, Error};
use crate::position::Position;

/// A store that is open and not yet claimed by this instance.
pub struct Storing {
    store: Box<dyn Store>,
    topic_prefix: String,
}

/// A store that this instance writes, and what it writes next.
pub struct Claimed {
    store: Box<dyn Store>,
    topic_prefix: String,
    server_uuid: String,
    sequence: u64,
    epoch: u64,
}

/// What the thread is asked for.
pub enum Job {
    /// Replace the record.
    Save(Position),
    /// Say whether another instance has claimed the store.
    Check(oneshot::Sender<Result<(), Error>>),
}

impl Storing {
    /// Opens the store and reads what is in it.
    ///
    /// # Errors
    /// What the store says, or what is in it cannot be used.
    pub async fn open(database: &Database) -> Result<(Storing, Option<Checkpoint>), Error> {
        let database = database.clone();
        blocking(move || {
            let mut store = open_store(&database)?;
            let topic_prefix = database.topic_prefix;
            let bytes = store.load()?;
            let checkpoint = bytes
                .map(|bytes| record::decode(&topic_prefix, &bytes))
                .transpose()?;
            Ok((
                Storing {
                    store,
                    topic_prefix,
                },
                checkpoint,
            ))
        })
        .await
    }

    /// Writes the next writer epoch: from here on any earlier instance is the duplicate.
    ///
    /// # Errors
    /// What the store says.
    pub async fn claim(
        self,
        stored: Option<&Checkpoint>,
        position: &Position,
        server_uuid: &str,
    ) -> Result<Claimed, Error> {
        let mut claimed = Claimed {
            store: self.store,
            topic_prefix: self.topic_prefix,
            server_uuid: server_uuid.to_owned(),
            sequence: stored.map_or(0, |stored| stored.sequence),
            epoch: stored.map_or(0, |stored| stored.epoch).saturating_add(1),
        };
        let position = position.clone();
        blocking(move || {
            claimed.save(&position)?;
            Ok(claimed)
        })
        .await
    }
}

impl Claimed {
    /// Works until the jobs end; `saved` hears the outcome of each save.
    pub fn work(mut self, jobs: &mpsc::Receiver<Job>, saved: &dyn Fn(Result<(), StoreError>)) {
        for job in jobs {
            match job {
                Job::Save(position) => saved(self.save(&position)),
                Job::Check(answer) => {
                    let checked = self.check();
                    // Whoever asked may be gone.
                    let _ = answer.send(checked);
                }
            }
        }
    }

    fn save(&mut self, position: &Position) -> Result<(), StoreError> {
        self.sequence = self.sequence.saturating_add(1);
        let checkpoint = Checkpoint {
            position: position.clone(),
            sequence: self.sequence,
            epoch: self.epoch,
            server_uuid: self.server_uuid.clone(),
        };
        self.store
            .save(&record::encode(&self.topic_prefix, &checkpoint))
    }

    fn check(&mut self) -> Result<(), Error> {
        let bytes = self.store.load()?;
        let stored = bytes
            .map(|bytes| record::decode(&self.topic_prefix, &bytes))
            .transpose()?;
        match stored {
            Some(stored) if stored.epoch > self.epoch => Err(Cause::Duplicate {
                ours: self.epoch,
                found: stored.epoch,
            }
            .into()),
            Some(_) | None => Ok(()),
        }
    }
}

fn open_store(database: &Database) -> Result<Box<dyn Store>, Error> {
    let client_id = format!("remora-{}", database.topic_prefix);
    match (&database.checkpoint.store, &database.sink) {
        (CheckpointStore::File { path }, _) => Ok(Box::new(FileStore::open(path)?)),
        (CheckpointStore::Kafka { topic }, Sink::Kafka(kafka)) => {
            let key = &database.topic_prefix;
            Ok(Box::new(KafkaStore::new(kafka, &client_id, topic, key)))
        }
        // The configuration refuses this pair.
        (CheckpointStore::Kafka { .. }, Sink::Stdout | Sink::File(_)) => {
            Err(Cause::ThreadLost { thread: "store" }.into())
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.map_err(|_| Error::from(Cause::ThreadLost { thread: "store" }))?
}
