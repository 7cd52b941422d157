//! Rows to records: the hot path of the state, and what becomes of rows that are no records.
//!
//! The part of [`State`] that reads row images. As pure as the rest of it.

use std::cmp::Ordering;
use std::sync::Arc;

use super::{BATCH_BYTES, Outbox, State};
use crate::cursor::Cursor;
use crate::decode::image::{self, ImageError};
use crate::encode::envelope::{Origin, RowNumber};
use crate::event::{Event, Operation, Rows};
use crate::ledger::Entry;
use crate::pipeline::error::{Cause, Error};
use crate::position::Gtid;
use crate::schema::catalog::{Filter, Table};
use crate::schema::plan::Plan;

impl State {
    /// Nothing leaves of an event that cannot be read to its end, unless some of it had to.
    pub(super) fn rows(
        &mut self,
        event: &Event<'_>,
        rows: &Rows<'_>,
        now_ns: u64,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        let (sent, records, bytes) = (self.sent, self.batch.records.len(), self.batch.bytes.len());
        self.try_rows(event, rows, now_ns, outbox)
            .map_err(|mut error| {
                if self.sent == sent {
                    self.batch.records.truncate(records);
                    self.batch.bytes.truncate(bytes);
                }
                error
                    .place
                    .get_or_insert_with(|| Box::new(self.transaction.place(Some(event))));
                error
            })
    }

    fn try_rows(
        &mut self,
        event: &Event<'_>,
        rows: &Rows<'_>,
        now_ns: u64,
        outbox: &mut dyn Outbox,
    ) -> Result<(), Error> {
        let Some(plan) = self.plan(rows)? else {
            return Ok(());
        };
        let sparse = image::check(rows, plan.columns.len(), self.bounds.row_image);
        let sparse = sparse.map_err(|e| unfit(plan.name(), e))?;
        self.encoder.set_images(sparse.as_ref());
        let waits = self.begin_rows(event, (&plan, rows.operation), now_ns);
        let skipped = match rows.operation {
            Operation::Insert => self.skipped.inserts,
            Operation::Update => self.skipped.updates,
            Operation::Delete => self.skipped.deletes,
        };
        if skipped {
            self.ledger.becomes(Entry::Skipped);
        }
        if let Some(transactions) = self.encoder.transactions() {
            transactions.table(&plan.name(), !skipped);
        }
        // What becomes no record is read all the same.
        let dropped = match skipped {
            true => u64::MAX,
            false => self.delivered_rows(),
        };
        let mut cursor = Cursor::new(rows.images);
        let mut in_event = 0;
        while !cursor.is_empty() {
            let number = RowNumber {
                in_event,
                in_group: self.transaction.rows(),
            };
            let batch = match waits {
                true => self.holding.batch(),
                false => &mut self.batch,
            };
            let (records, bytes) = (batch.records.len(), batch.bytes.len());
            self.encoder
                .row(batch, &plan, &mut cursor, number)
                .map_err(|source| Cause::Row {
                    table: plan.name(),
                    source,
                })?;
            if u64::from(in_event) < dropped {
                batch.records.truncate(records);
                batch.bytes.truncate(bytes);
            }
            self.transaction.count_rows(1);
            in_event += 1;
            if waits {
                self.holding.grown(outbox)?;
            } else if self.batch.bytes.len() >= BATCH_BYTES {
                self.flush(outbox)?;
            }
        }
        let rows_sent = u64::from(in_event).saturating_sub(dropped);
        if rows_sent == 0 && dropped > 0 && !skipped {
            self.ledger.becomes(Entry::Delivered);
        }
        self.count(waits, rows.operation, rows_sent);
        Ok(())
    }

    /// How many rows of the event at hand another program has delivered.
    fn delivered_rows(&self) -> u64 {
        let Some((partial, Some(event))) = &self.partial else {
            return 0;
        };
        match event.cmp(&partial.events) {
            Ordering::Less => u64::MAX,
            Ordering::Equal => partial.rows,
            Ordering::Greater => 0,
        }
    }

    /// How the rows are read; `None` where they become no records, counted by the rule that says so.
    fn plan(&mut self, rows: &Rows<'_>) -> Result<Option<Arc<Plan>>, Error> {
        match self.catalog.table(rows.table_id) {
            Some(Table::Captured(plan)) => Ok(Some(Arc::clone(plan))),
            Some(Table::Filtered(rule, layouts)) => {
                self.ledger.becomes(match rule {
                    Filter::NotIncluded => Entry::NotIncluded,
                    Filter::Excluded => Entry::Excluded,
                    Filter::BuiltIn => Entry::BuiltIn,
                });
                if self.count_all_rows {
                    let count = image::count_rows(rows, layouts);
                    let count = count.map_err(|e| unfit(rows.table_id.to_string(), e))?;
                    self.transaction.count_rows(count);
                }
                Ok(None)
            }
            // The server ends a statement that touched no row with an empty event for no table.
            None if rows.images.is_empty() => {
                self.ledger.becomes(Entry::NoRows);
                Ok(None)
            }
            None => Err(unfit(rows.table_id.to_string(), ImageError::NoTableMap)),
        }
    }

    fn count(&mut self, waits: bool, operation: Operation, rows: u64) {
        if waits {
            self.holding.count(operation, rows);
            return;
        }
        let [inserted, updated, deleted] = &mut self.counts.rows;
        match operation {
            Operation::Insert => *inserted += rows,
            Operation::Update => *updated += rows,
            Operation::Delete => *deleted += rows,
        }
    }

    /// Tells the encoder where the rows come from; gives whether they must wait for the group's end.
    fn begin_rows(
        &mut self,
        event: &Event<'_>,
        (plan, operation): (&Plan, Operation),
        now_ns: u64,
    ) -> bool {
        let Some(open) = self.transaction.open() else {
            return false;
        };
        let origin = Origin {
            commit_us: shown_us(event, open.gtid, open.commit_us),
            now_ns,
            server_id: event.header.server_id,
            gtid: open.gtid,
            file: self.transaction.file(),
            pos: self.transaction.start_of(event),
            group_start: open.start,
            thread: open.thread,
            operation,
        };
        self.encoder.begin_event(plan, &origin);
        open.waits
    }
}

/// The time that a record shows. Without GTIDs Debezium shows the second of the statement, although a finer
/// time is logged.
pub(super) fn shown_us(event: &Event<'_>, gtid: Option<Gtid>, commit_us: u64) -> u64 {
    match gtid {
        Some(_) if commit_us > 0 => commit_us,
        Some(_) | None => u64::from(event.header.timestamp) * 1_000_000,
    }
}

fn unfit(table: String, source: ImageError) -> Error {
    Cause::Rows { table, source }.into()
}
