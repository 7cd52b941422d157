//! The store's side: opens, claims, checks and saves, one job at a time on a thread that may block.

use std::sync::{Arc, mpsc};

use tokio::sync::oneshot;

use crate::checkpoint::catalog;
use crate::checkpoint::file::FileStore;
use crate::checkpoint::kafka::KafkaStore;
use crate::checkpoint::record::{self, CatalogRef, Checkpoint};
use crate::checkpoint::store::{Contents, POSITION, Store, StoreError};
use crate::config::{CheckpointStore, Database, Sink};
use crate::pipeline::Begin;
use crate::pipeline::error::{Cause, Error};
use crate::position::Position;
use crate::schema::definitions::Definitions;

/// A store that is open and not yet claimed by this instance.
pub struct Storing {
    store: Box<dyn Store>,
    topic_prefix: String,
    leftovers: Vec<String>,
}

/// What was in the store.
pub struct Stored {
    /// The position and what is with it.
    pub checkpoint: Checkpoint,
    /// The table definitions as of that position, where it was stored with any.
    pub definitions: Option<Definitions>,
}

/// A store that this instance writes, and what it writes next.
pub struct Claimed {
    store: Box<dyn Store>,
    topic_prefix: String,
    server_uuid: String,
    sequence: u64,
    epoch: u64,
    // Of this start alone: one that was killed before it stored its position leaves parts under the epoch and the
    // sequence that the next one takes.
    instance: String,
    catalog: Option<CatalogRef>,
    // Definitions that are not in the store yet.
    unsaved: Option<Arc<Definitions>>,
    // Names of parts that no position refers to once the next one is stored.
    leftovers: Vec<String>,
}

/// What the thread is asked for.
pub enum Job {
    /// Replace the record, and before it the table definitions where they have changed.
    Save(Position, Option<Arc<Definitions>>),
    /// Say whether another instance has claimed the store.
    Check(oneshot::Sender<Result<(), Error>>),
}

impl Storing {
    /// Opens the store and reads what is in it.
    ///
    /// # Errors
    /// What the store says, or what is in it cannot be used.
    pub async fn open(database: &Database) -> Result<(Storing, Option<Stored>), Error> {
        let database = database.clone();
        blocking(move || Storing::read(open_store(&database)?, database.topic_prefix)).await
    }

    fn read(
        mut store: Box<dyn Store>,
        topic_prefix: String,
    ) -> Result<(Storing, Option<Stored>), Error> {
        let contents = store.load()?;
        let stored = read(&topic_prefix, &contents)?;
        let catalog = stored.as_ref().and_then(|s| s.checkpoint.catalog.as_ref());
        let kept = catalog.map(|catalog| catalog.generation.as_str());
        let leftovers = catalog::leftovers(&contents, kept);
        let storing = Storing {
            store,
            topic_prefix,
            leftovers,
        };
        Ok((storing, stored))
    }

    /// Writes the next writer epoch: from here on any earlier instance is the duplicate.
    ///
    /// # Errors
    /// What the store says.
    pub async fn claim(
        self,
        stored: Option<&Checkpoint>,
        begin: &Begin,
        server_uuid: &str,
    ) -> Result<Claimed, Error> {
        let mut claimed = Claimed {
            store: self.store,
            topic_prefix: self.topic_prefix,
            server_uuid: server_uuid.to_owned(),
            sequence: stored.map_or(0, |stored| stored.sequence),
            epoch: stored.map_or(0, |stored| stored.epoch).saturating_add(1),
            instance: uuid::Uuid::new_v4().simple().to_string(),
            catalog: stored.and_then(|stored| stored.catalog.clone()),
            unsaved: Some(Arc::new(begin.definitions.clone())),
            leftovers: self.leftovers,
        };
        let position = begin.position.clone();
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
                Job::Save(position, definitions) => {
                    self.unsaved = definitions.or(self.unsaved.take());
                    saved(self.save(&position));
                }
                Job::Check(answer) => {
                    let checked = self.check();
                    // Whoever asked may be gone.
                    let _ = answer.send(checked);
                }
            }
        }
    }

    /// Definitions go first, under a name that no stored position refers to; those of the position
    /// before are removed when this one stands.
    fn save(&mut self, position: &Position) -> Result<(), StoreError> {
        self.sequence = self.sequence.saturating_add(1);
        if let Some(definitions) = &self.unsaved {
            let generation = format!("{}-{}-{}", self.epoch, self.sequence, self.instance);
            let catalog = catalog::save(&mut *self.store, generation, &definitions.to_text())?;
            self.unsaved = None;
            if let Some(before) = self.catalog.replace(catalog) {
                let parts = (0..before.parts).map(|part| catalog::name(&before.generation, part));
                self.leftovers.extend(parts);
            }
        }
        let checkpoint = Checkpoint {
            position: position.clone(),
            sequence: self.sequence,
            epoch: self.epoch,
            server_uuid: self.server_uuid.clone(),
            catalog: self.catalog.clone(),
        };
        let record = record::encode(&self.topic_prefix, &checkpoint);
        self.store.save(POSITION, Some(&record))?;
        // A name that was removed twice is as gone as one that was removed once.
        while let Some(name) = self.leftovers.last() {
            self.store.save(name, None)?;
            self.leftovers.pop();
        }
        Ok(())
    }

    fn check(&mut self) -> Result<(), Error> {
        let contents = self.store.load()?;
        let stored = contents.get(POSITION);
        let stored = stored.map(|bytes| record::decode(&self.topic_prefix, bytes));
        match stored.transpose()? {
            Some(stored) if stored.epoch > self.epoch => Err(Cause::Duplicate {
                ours: self.epoch,
                found: stored.epoch,
            }
            .into()),
            Some(_) | None => Ok(()),
        }
    }
}

fn read(topic_prefix: &str, contents: &Contents) -> Result<Option<Stored>, Error> {
    let Some(bytes) = contents.get(POSITION) else {
        return Ok(None);
    };
    let checkpoint = record::decode(topic_prefix, bytes)?;
    let text = checkpoint
        .catalog
        .as_ref()
        .map(|stored| catalog::load(contents, stored));
    let definitions = text.transpose()?.map(|text| Definitions::from_text(&text));
    Ok(Some(Stored {
        checkpoint,
        definitions: definitions.transpose()?,
    }))
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
        (CheckpointStore::Kafka { .. }, Sink::Stdout | Sink::File(_) | Sink::Null) => {
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::position::FilePosition;
    use crate::sql::collation::Collation;

    /// Dies at a save: that one and all later ones are not carried out.
    struct Mortal {
        contents: Arc<Mutex<Contents>>,
        saves_left: u32,
    }

    impl Store for Mortal {
        fn load(&mut self) -> Result<Contents, StoreError> {
            Ok(self.contents.lock().unwrap().clone())
        }

        fn save(&mut self, name: &str, record: Option<&[u8]>) -> Result<(), StoreError> {
            self.saves_left = self
                .saves_left
                .checked_sub(1)
                .ok_or(StoreError::NotConfirmed {
                    topic: "t".to_owned(),
                    seconds: 0,
                })?;
            let mut contents = self.contents.lock().unwrap();
            match record {
                Some(record) => contents.insert(name.to_owned(), record.to_vec()),
                None => contents.remove(name),
            };
            Ok(())
        }
    }

    fn at(offset: u64) -> Position {
        let file = "bin.000001".to_owned();
        Position::new(None, FilePosition { file, offset })
    }

    /// Definitions that differ by the number.
    fn definitions(number: u64) -> Definitions {
        let mut definitions = Definitions::new(false);
        let collation = Collation::new("utf8mb4_bin").unwrap();
        definitions.learn_database(format!("d{number}"), collation);
        definitions
    }

    /// One life: opens the store, claims it, stores position and definitions `number`, as far as the saves reach.
    fn live(contents: &Arc<Mutex<Contents>>, number: u64, saves: u32) {
        let store = Mortal {
            contents: Arc::clone(contents),
            saves_left: saves,
        };
        let (storing, stored) = Storing::read(Box::new(store), "p".to_owned()).unwrap();
        let begin = match &stored {
            Some(stored) => {
                let offset = stored.checkpoint.position.end.offset;
                let definitions_then = stored.definitions.clone().unwrap();
                assert_eq!(definitions_then, definitions(offset), "of another position");
                Begin {
                    position: at(offset),
                    definitions: definitions_then,
                    learning: false,
                }
            }
            None => Begin {
                position: at(0),
                definitions: definitions(0),
                learning: false,
            },
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let checkpoint = stored.as_ref().map(|stored| &stored.checkpoint);
        let claimed = runtime.block_on(storing.claim(checkpoint, &begin, "uuid"));
        if let Ok(mut claimed) = claimed {
            claimed.unsaved = Some(Arc::new(definitions(number)));
            // Where it dies here, that is what is tested.
            let _ = claimed.save(&at(number));
        }
    }

    #[test]
    fn a_death_at_any_save_leaves_a_position_with_its_own_definitions() {
        let whole = 20;
        for first in 0..8 {
            for second in 0..8 {
                let contents = Arc::default();
                live(&contents, 1, whole);
                live(&contents, 2, first);
                live(&contents, 3, second);
                live(&contents, 4, whole);
                let left = contents.lock().unwrap();
                let names: Vec<&String> = left.keys().collect();
                assert_eq!(
                    names.len(),
                    2,
                    "after {first} and {second} saves: {names:?}"
                );
                let stored = read("p", &left).unwrap().unwrap();
                assert_eq!(stored.checkpoint.position, at(4));
                assert_eq!(stored.definitions.unwrap(), definitions(4));
            }
        }
    }
}
