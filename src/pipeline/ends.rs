//! What the end of a group does: its rows go out, wait on, or are dropped, and the position moves.
//!
//! The part of [`State`] behind the joints that decides about groups as a whole. As pure as the rest of it.

use std::sync::Arc;

use super::{BATCH_BYTES, Outbox, State};
use crate::event::{Body, Event};
use crate::pipeline::error::{Cause, Error};
use crate::pipeline::holding::Held;
use crate::pipeline::progress::{self, Progress, Xa};
use crate::pipeline::resume::Reading;
use crate::pipeline::rows::shown_us;
use crate::source::transaction::{Commit, Open, Step};
use crate::xa::{Prepared, Xid};

impl State {
    /// Whether the current group is new; see `resume`.
    pub(super) fn reading(&mut self) -> Result<Reading, Error> {
        let Some(resume) = &mut self.resume else {
            return Ok(Reading::New);
        };
        let reading = resume.reading(self.transaction.file(), self.transaction.open());
        if reading == Reading::New {
            let missing = resume.missing().cloned();
            self.resume = None;
            if let Some(prepared) = missing {
                let place = self.transaction.place(None);
                return Err(Error::at(place, Cause::LostXa(Box::new(prepared))));
            }
        }
        Ok(reading)
    }

    /// Of a group that is delivered only its end is looked at.
    pub(super) fn pass_over(&mut self, step: Step<'_>) {
        match step {
            Step::Commit(end)
            | Step::Rollback(end)
            | Step::Prepared { end, .. }
            | Step::Decided { end, .. }
            | Step::Ddl { end: Some(end), .. } => progress::read(&mut self.read, &end),
            Step::NewFile => self.catalog.clear(),
            Step::Idle | Step::TableMap(_) | Step::Rows(_) | Step::Payload(_) => {}
            Step::Savepoint(_) | Step::RollbackTo(_) => {}
            Step::Statement(_) | Step::Ddl { end: None, .. } => {}
        }
    }

    pub(super) fn drop_held(&mut self, outbox: &mut dyn Outbox) -> Result<(), Error> {
        self.ledger.undone();
        if let Some(transactions) = self.encoder.transactions() {
            transactions.forget();
        }
        let held = self.holding.take();
        Ok(self.holding.discard(held, outbox)?)
    }

    /// The group's rows wait for a word on them; its GTID stays out of the delivered set until then.
    pub(super) fn prepared(
        &mut self,
        event: &Event<'_>,
        prepared: Box<Prepared>,
        end: Commit,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        let since_us = match end.commit_us {
            0 => u64::from(event.header.timestamp) * 1_000_000,
            us => us,
        };
        self.tell_end(event, &end);
        self.holding.counted(self.ledger.prepared());
        let before = self
            .holding
            .prepare(Prepared::clone(&prepared), since_us, outbox)?;
        if let Some(before) = before {
            // The same group may be read again. Another group under this id means that the end of the
            // first one is not in the log, and nobody can say what it was.
            if before.prepared != *prepared {
                let place = self.transaction.place(Some(event));
                let lost = Cause::LostXa(Box::new(before.prepared));
                return Err(Error::at(place, lost));
            }
            self.ledger.decided(before.held.counted, false);
            self.holding.discard(before.held, outbox)?;
        }
        if let Some(resume) = &mut self.resume {
            resume.found(&prepared);
            progress::read(&mut self.read, &end);
            return Ok(());
        }
        let mut progress = Progress::from(end);
        progress.xa = Some(Box::new(Xa::Prepared(*prepared)));
        self.finish(progress);
        Ok(())
    }

    pub(super) fn decided(
        &mut self,
        event: &Event<'_>,
        (xid, stands): (Box<Xid>, bool),
        end: Commit,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        let waiting = self.holding.decide(&xid);
        if stands && waiting.is_none() {
            let place = self.transaction.place(Some(event));
            return Err(Error::at(place, Cause::UnknownXa { xid: *xid }));
        }
        let mut progress = Progress::from(end);
        progress.xa = Some(Box::new(Xa::Decided(*xid)));
        if let Some(waiting) = &waiting {
            self.ledger.decided(waiting.held.counted, stands);
        }
        match waiting {
            Some(waiting) if stands => return self.release(waiting.held, progress, outbox),
            Some(waiting) => self.holding.discard(waiting.held, outbox)?,
            // Nothing of it would have gone out anyway.
            None => {}
        }
        self.finish(progress);
        Ok(())
    }

    /// Sends what waited, behind everything that was read before the group's end.
    pub(super) fn release(
        &mut self,
        mut held: Held,
        progress: Progress,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        for (count, rows) in self.counts.rows.iter_mut().zip(held.rows) {
            *count += rows;
        }
        if let Some(small) = held.small() {
            if !small.records.is_empty() {
                self.batch.append(small);
            }
            self.finish(progress);
            self.holding.discard(held, outbox)?;
            if self.batch.bytes.len() >= BATCH_BYTES {
                self.flush(outbox)?;
            }
            return Ok(());
        }
        self.flush(outbox)?;
        let mut progress = Some(progress);
        let mut batch = std::mem::take(&mut self.batch);
        while let Some(last) = self.holding.next_block(&mut held, &mut batch, outbox)? {
            if last && let Some(progress) = progress.take() {
                self.finish(progress);
            }
            batch = self.send(batch, outbox)?;
        }
        self.batch = batch;
        Ok(())
    }

    /// Counts an event that is nothing to us, or takes from it what it says of those that follow.
    pub(super) fn passed_over(&mut self, event: &Event<'_>) {
        match event.body {
            Body::RowsQuery(text) if self.encoder.set_query(text) => {}
            Body::RowsQuery(_) | Body::Ignored(_) => self.counts.ignored += 1,
            Body::FormatDescription(_)
            | Body::Rotate { .. }
            | Body::Gtid(_)
            | Body::Query(_)
            | Body::Xid
            | Body::XaPrepare(_)
            | Body::TableMap(_)
            | Body::Rows(_)
            | Body::Payload(_)
            | Body::PreviousGtids(_)
            | Body::Heartbeat => {}
        }
    }

    /// Counts the events of a group of which a part is delivered.
    #[inline]
    pub(super) fn count_event(&mut self) {
        if let Some((_, event)) = &mut self.partial
            && self.transaction.open().is_some_and(Open::has_begun)
        {
            *event = Some(event.map_or(0, |event| event.saturating_add(1)));
        }
    }

    /// Tells of a group that has begun, where that is wanted.
    pub(super) fn tell_begin(&mut self, event: &Event<'_>) {
        let (Some(transactions), Some(open)) =
            (self.encoder.transactions(), self.transaction.open())
        else {
            return;
        };
        if transactions.is_open() || !open.has_begun() {
            return;
        }
        let id = match open.gtid {
            Some(gtid) => gtid.to_string(),
            None => {
                let start = self.transaction.start_of(event);
                format!("file={},pos={start}", self.transaction.file())
            }
        };
        let ts_ms = shown_us(event, open.gtid, open.commit_us) / 1000;
        let batch = match open.waits {
            true => self.holding.batch(),
            false => &mut self.batch,
        };
        transactions.begin(batch, &id, ts_ms);
    }

    /// Tells of a group's end, where its records are.
    pub(super) fn tell_end(&mut self, event: &Event<'_>, end: &Commit) {
        let waits = !self.holding.is_clean();
        if let Some(transactions) = self.encoder.transactions() {
            let batch = match waits {
                true => self.holding.batch(),
                false => &mut self.batch,
            };
            let ts_ms = shown_us(event, end.gtid, end.commit_us) / 1000;
            transactions.end(batch, ts_ms);
        }
    }

    /// A group is read to its end, its records before this.
    pub(super) fn finish(&mut self, mut progress: Progress) {
        self.before_group = None;
        self.encoder.clear_query();
        // Only a group with a BEGIN is one of which a part can be delivered.
        self.partial = self.partial.take().filter(|(_, event)| event.is_none());
        if std::mem::take(&mut self.redefined) {
            progress.definitions = Some(Arc::new(self.catalog.definitions.clone()));
        }
        progress::read(&mut self.read, &progress.commit);
        self.ledger.stands();
        self.counts.transactions += 1;
        if progress.commit.commit_us > 0 {
            self.counts.commit_us = progress.commit.commit_us;
        }
        self.commits.push(progress);
    }
}
