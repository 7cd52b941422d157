//! Groups that wait: the open one that may roll back, and XA transactions that are prepared.
//!
//! Takes their records as they are encoded, gives them back in order when they stand. Rows wait in memory
//! up to a limit, then on the disk of the [`Outbox`]. Never gives a row of a group that does not stand,
//! and never drops one of a group that does.
//!
//! Which rows a ROLLBACK in the log undoes needs no look at engines. In row format the server gathers
//! rows of tables that cannot roll back apart from those that can, and the former end in COMMIT at the end
//! of their statement (`use_trans_cache` of MySQL 8.0, whatever `binlog_direct_non_transactional_updates`
//! says): what a ROLLBACK, or ROLLBACK TO, has before it can roll back as a whole.

pub mod folder;
pub mod savepoints;

use std::collections::{BTreeMap, VecDeque};

use crate::encode::transaction;
use crate::event::Operation;
use crate::ledger::Unfinished;
use crate::pipeline::holding::folder::{Folder, SpoolError, Stretch};
use crate::pipeline::holding::savepoints::Savepoints;
use crate::pipeline::{BATCH_BYTES, Outbox};
use crate::sink::batch::Batch;
use crate::xa::{Prepared, Xid};

/// The waiting groups of one database.
#[derive(Debug)]
pub struct Holding {
    memory_max: usize,
    /// Bytes of all blocks in memory.
    memory: usize,
    group: Held,
    savepoints: Savepoints<Mark>,
    prepared: BTreeMap<Xid, Waiting>,
    next: u64,
}

/// A prepared XA transaction whose rows are here.
#[derive(Debug)]
pub struct Waiting {
    /// Where they come from.
    pub prepared: Prepared,
    /// Microseconds since 1970 when it was prepared; 0 where not known.
    pub since_us: u64,
    /// They.
    pub held: Held,
}

/// The records of one group, in order: blocks on the disk, blocks in memory, and the block being written.
#[derive(Debug, Default)]
pub struct Held {
    id: u64,
    blocks: VecDeque<Block>,
    /// Bytes of its file.
    disk: u64,
    tail: Batch,
    /// Rows: inserted, updated, deleted.
    pub rows: [u64; 3],
    /// What the ledger has of a group that is prepared.
    pub counted: Unfinished,
}

#[derive(Debug)]
enum Block {
    Memory(Batch),
    Disk(Stretch),
}

/// A place between two records of a group.
#[derive(Clone, Debug)]
struct Mark {
    blocks: usize,
    records: usize,
    bytes: usize,
    rows: [u64; 3],
    counted: Counted,
}

/// What others have of the open group: the ledger, and transaction metadata where that is wanted.
pub type Counted = (Unfinished, Option<transaction::Mark>);

impl Holding {
    /// Empty; rows beyond `memory_max` bytes go to the disk.
    pub fn new(memory_max: usize) -> Holding {
        Holding {
            memory_max,
            memory: 0,
            group: Held::default(),
            savepoints: Savepoints::default(),
            prepared: BTreeMap::new(),
            next: 1,
        }
    }

    /// Where the open group's records are written.
    pub fn batch(&mut self) -> &mut Batch {
        &mut self.group.tail
    }

    /// Counts rows of the open group.
    pub fn count(&mut self, operation: Operation, rows: u64) {
        let [inserted, updated, deleted] = &mut self.group.rows;
        *match operation {
            Operation::Insert => inserted,
            Operation::Update => updated,
            Operation::Delete => deleted,
        } += rows;
    }

    /// To be called between two rows: puts aside what has become large.
    ///
    /// # Errors
    /// [`SpoolError`]; the group is lost then.
    #[inline]
    pub fn grown(&mut self, outbox: &mut dyn Outbox) -> Result<(), SpoolError> {
        if self.group.tail.bytes.len() < BATCH_BYTES {
            return Ok(());
        }
        self.seal(outbox)
    }

    /// What the ledger has of the open group, which is prepared.
    pub fn counted(&mut self, counted: Unfinished) {
        self.group.counted = counted;
    }

    /// The open group is set to come back to this point, at which others have so much of it.
    pub fn savepoint(&mut self, name: String, counted: Counted) {
        let Held {
            blocks, tail, rows, ..
        } = &self.group;
        let mark = Mark {
            blocks: blocks.len(),
            records: tail.records.len(),
            bytes: tail.bytes.len(),
            rows: *rows,
            counted,
        };
        self.savepoints.set(name, mark);
    }

    /// Drops what came after a savepoint, and gives what others had at it; `None` where there is none of
    /// that name.
    ///
    /// # Errors
    /// [`SpoolError`]; the group is lost then.
    pub fn back_to(
        &mut self,
        name: &str,
        outbox: &mut dyn Outbox,
    ) -> Result<Option<Counted>, SpoolError> {
        let Some(mark) = self.savepoints.back_to(name) else {
            return Ok(None);
        };
        let group = &mut self.group;
        // The block that was being written then may be a block of its own by now.
        while group.blocks.len() > mark.blocks {
            group.tail.clear();
            match group.blocks.pop_back() {
                Some(Block::Memory(batch)) => {
                    self.memory = self.memory.saturating_sub(batch.bytes.len());
                    group.tail = batch;
                }
                Some(Block::Disk(stretch)) => {
                    let folder = disk(outbox, self.memory_max)?;
                    if group.blocks.len() == mark.blocks {
                        folder.read(group.id, &stretch, &mut group.tail)?;
                    }
                    folder.cut(group.id, group.disk, stretch.offset)?;
                    group.disk = stretch.offset;
                }
                None => break,
            }
        }
        group.tail.records.truncate(mark.records);
        group.tail.bytes.truncate(mark.bytes);
        group.rows = mark.rows;
        Ok(Some(mark.counted))
    }

    /// Takes the open group's records out: it stands, or is to be dropped by [`Holding::discard`].
    pub fn take(&mut self) -> Held {
        self.savepoints.clear();
        let empty = Held {
            id: self.next,
            ..Held::default()
        };
        self.next += 1;
        std::mem::replace(&mut self.group, empty)
    }

    /// Whether the open group has left anything here.
    pub fn is_clean(&self) -> bool {
        self.group.blocks.is_empty() && self.group.tail.records.is_empty()
    }

    /// The open group is prepared: it waits on, under its id. Gives back what waited under the same id.
    ///
    /// # Errors
    /// [`SpoolError`]; the group is lost then.
    pub fn prepare(
        &mut self,
        prepared: Prepared,
        since_us: u64,
        outbox: &mut dyn Outbox,
    ) -> Result<Option<Waiting>, SpoolError> {
        if !self.group.tail.records.is_empty() {
            self.group.tail.bytes.shrink_to_fit();
            self.seal(outbox)?;
        }
        let waiting = Waiting {
            prepared: prepared.clone(),
            since_us,
            held: self.take(),
        };
        Ok(self.prepared.insert(prepared.xid, waiting))
    }

    /// Takes out what was prepared under an id.
    pub fn decide(&mut self, xid: &Xid) -> Option<Waiting> {
        self.prepared.remove(xid)
    }

    /// How many transactions are prepared.
    pub fn prepared(&self) -> usize {
        self.prepared.len()
    }

    /// Microseconds since 1970 when the oldest of them was prepared.
    pub fn oldest_prepared_us(&self) -> Option<u64> {
        let times = self.prepared.values().map(|waiting| waiting.since_us);
        times.filter(|us| *us > 0).min()
    }

    /// Bytes in memory.
    pub fn memory(&self) -> usize {
        self.memory + self.group.tail.bytes.len()
    }

    /// The next block of a group that stands; the second says that it was the last.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn next_block(
        &mut self,
        held: &mut Held,
        batch: &mut Batch,
        outbox: &mut dyn Outbox,
    ) -> Result<Option<bool>, SpoolError> {
        match held.blocks.pop_front() {
            Some(Block::Memory(block)) => {
                self.memory = self.memory.saturating_sub(block.bytes.len());
                *batch = block;
            }
            Some(Block::Disk(stretch)) => {
                let folder = disk(outbox, self.memory_max)?;
                folder.read(held.id, &stretch, batch)?;
                if !matches!(held.blocks.front(), Some(Block::Disk(_))) {
                    folder.remove(held.id, held.disk)?;
                    held.disk = 0;
                }
            }
            None if held.tail.records.is_empty() => return Ok(None),
            None => *batch = std::mem::take(&mut held.tail),
        }
        Ok(Some(held.blocks.is_empty() && held.tail.records.is_empty()))
    }

    /// Drops a group that does not stand, or whose records have been copied.
    ///
    /// # Errors
    /// [`SpoolError`].
    pub fn discard(&mut self, held: Held, outbox: &mut dyn Outbox) -> Result<(), SpoolError> {
        for block in &held.blocks {
            if let Block::Memory(batch) = block {
                self.memory = self.memory.saturating_sub(batch.bytes.len());
            }
        }
        if held.disk > 0 {
            disk(outbox, self.memory_max)?.remove(held.id, held.disk)?;
        }
        let mut tail = held.tail;
        if self.is_clean() && tail.bytes.capacity() <= 4 * BATCH_BYTES {
            tail.clear();
            self.group.tail = tail;
        }
        Ok(())
    }

    /// Makes a block of the tail, and goes to the disk where the memory is used up.
    fn seal(&mut self, outbox: &mut dyn Outbox) -> Result<(), SpoolError> {
        let group = &mut self.group;
        if matches!(group.blocks.back(), Some(Block::Disk(_))) {
            // Once on the disk, a group goes on there, and its buffer is used again.
            let stretch =
                disk(outbox, self.memory_max)?.write(group.id, group.disk, &group.tail)?;
            group.disk = stretch.end();
            group.blocks.push_back(Block::Disk(stretch));
            group.tail.clear();
            return Ok(());
        }
        let block = std::mem::take(&mut group.tail);
        self.memory += block.bytes.len();
        group.blocks.push_back(Block::Memory(block));
        if self.memory <= self.memory_max {
            return Ok(());
        }
        for block in &mut group.blocks {
            if let Block::Memory(batch) = block {
                let folder = disk(outbox, self.memory_max)?;
                let stretch = folder.write(group.id, group.disk, batch)?;
                group.disk = stretch.end();
                self.memory = self.memory.saturating_sub(batch.bytes.len());
                *block = Block::Disk(stretch);
            }
        }
        Ok(())
    }
}

impl Held {
    /// The records, where they are few enough to go out with others.
    pub fn small(&self) -> Option<&Batch> {
        let mut blocks = self.blocks.iter();
        let only = match (blocks.next(), blocks.next()) {
            (None, _) => &self.tail,
            (Some(Block::Memory(batch)), None) if self.tail.records.is_empty() => batch,
            (Some(Block::Memory(_) | Block::Disk(_)), _) => return None,
        };
        (only.bytes.len() <= BATCH_BYTES).then_some(only)
    }
}

fn disk(outbox: &mut dyn Outbox, limit: usize) -> Result<&mut Folder, SpoolError> {
    outbox.disk().ok_or(SpoolError::NoDisk { limit })
}
