//! Keys of records: their values are written with the row, and noted where they stand.
//!
//! Takes the images that the encoder has written to the batch, gives keys beside them. A value that the row does not
//! show as it is (of a column that is left out or masked) is kept beside the batch.

use super::{Encoder, RowError, span};
use crate::cursor::Cursor;
use crate::encode::cell::{self, CellError};
use crate::schema::plan::{Column, KEY_COLUMNS_MAX, KeyOnly, Plan};
use crate::sink::batch::{Batch, Span};

/// Where the values of the key's columns stand, and the image in the batch.
#[derive(Clone, Copy, Default)]
pub(super) struct Image {
    pub(super) span: Span,
    /// Of a column that is in the key only, the place beside the batch.
    pub(super) key: [Span; KEY_COLUMNS_MAX],
}

/// A key in the batch.
#[derive(Clone, Copy, Default)]
pub(super) struct Key {
    /// As the record has it.
    pub(super) whole: Span,
    /// Without its schema.
    pub(super) payload: Span,
}

impl Encoder {
    /// Writes a cell that is in the key only beside the batch, and its mask to the row; `None` for NULL.
    pub(super) fn key_only(
        &mut self,
        out: &mut Vec<u8>,
        (column, only): (&Column, &KeyOnly),
        cursor: Option<&mut Cursor<'_>>,
    ) -> Result<Span, RowError> {
        let start = self.aside.len();
        match cursor {
            Some(cursor) => cell::write(&mut self.aside, column, cursor, &mut self.scratch)
                .map_err(|source| named(column, source))?,
            None => self.aside.extend_from_slice(b"null"),
        }
        let value = span(start, self.aside.len());
        self.show_masked(out, (column, only), value)?;
        Ok(value)
    }

    /// Writes the mask of a value that stands beside the batch to the row.
    pub(super) fn show_masked(
        &mut self,
        out: &mut Vec<u8>,
        (column, only): (&Column, &KeyOnly),
        value: Span,
    ) -> Result<(), RowError> {
        if let Some(masked) = &only.masked {
            out.extend_from_slice(&column.member);
            let start = out.len();
            out.extend_from_slice(self.aside_of(value));
            let applied = masked.apply(out, start);
            applied.map_err(|unreadable| named(column, unreadable.into()))?;
        }
        Ok(())
    }

    /// The key's JSON from the values that the image holds already; `None` for a table without key.
    pub(super) fn write_key(&self, out: &mut Vec<u8>, plan: &Plan, image: &Image) -> Option<Key> {
        if plan.key.is_empty() {
            return None;
        }
        let whole = out.len();
        if let Some(openings) = &plan.openings {
            out.extend_from_slice(&openings.key);
        }
        let start = out.len();
        for (column, value) in plan.key.iter().zip(&image.key) {
            out.extend_from_slice(&column.member);
            match column.key_only {
                false => out.extend_from_within(value.range()),
                true => out.extend_from_slice(self.aside_of(*value)),
            }
        }
        out.push(b'}');
        let payload = span(start, out.len());
        if plan.openings.is_some() {
            out.push(b'}');
        }
        Some(Key {
            whole: span(whole, out.len()),
            payload,
        })
    }

    pub(super) fn key_differs(
        &self,
        batch: &Batch,
        plan: &Plan,
        before: &Image,
        after: &Image,
    ) -> bool {
        let values = before.key.iter().zip(&after.key);
        plan.key
            .iter()
            .zip(values)
            .any(|(column, (old, new))| match column.key_only {
                false => batch.bytes_of(*old) != batch.bytes_of(*new),
                true => self.aside_of(*old) != self.aside_of(*new),
            })
    }

    fn aside_of(&self, value: Span) -> &[u8] {
        self.aside.get(value.range()).unwrap_or_default()
    }
}

fn named(column: &Column, source: CellError) -> RowError {
    RowError::Cell {
        column: column.name.clone(),
        source,
    }
}
