//! Rows whose images do not hold every column, or hold changes of JSON documents instead of documents.
//!
//! Takes the same bytes as the encoder's usual way, of which this is the slower sister. What an image does
//! not hold is never guessed: the after image of an update takes the value before it, since a column that
//! is not in it was not changed; anything else is the placeholder, or null where the type has no room for
//! it. A key is complete, or the row is an error.

use super::{Encoder, Image, RowError, begin_value, close_image, note_key, span};
use crate::cursor::Cursor;
use crate::decode::image::{Sparse, count_bits, is_set, partial_bits, prefixed};
use crate::decode::jsonb::diff;
use crate::encode::cell;
use crate::event::Operation;
use crate::schema::plan::{Cell, Column, Layout, Plan};
use crate::sink::batch::{Batch, Span};
use crate::text::json;

/// Bytes of the length ahead of the changes of a document (`Field_json::pack_diff`).
const DIFFS_PREFIX: usize = 4;

/// What the encoder remembers of an event's images and of a row's first one. Buffers are kept.
#[derive(Debug, Default)]
pub(super) struct Images {
    is_set: bool,
    before: Vec<u8>,
    after: Vec<u8>,
    partial: bool,
    /// Where the value of each column of the before image stands, if it is there: in the batch, or beside it where it is
    /// in the key only.
    values: Vec<Option<Span>>,
    /// Where the document of each column starts and ends, from the start of the row.
    documents: Vec<(usize, usize)>,
    /// The placeholder as a JSON string.
    text: Vec<u8>,
    /// The placeholder's bytes.
    bytes: Vec<u8>,
}

impl Images {
    pub(super) fn new(unavailable: &str) -> Images {
        let mut text = Vec::new();
        json::write_string(&mut text, unavailable);
        Images {
            text,
            bytes: unavailable.as_bytes().to_vec(),
            ..Images::default()
        }
    }

    pub(super) fn set(&mut self, sparse: Option<&Sparse<'_>>) {
        self.is_set = sparse.is_some();
        if let Some(sparse) = sparse {
            self.before.clear();
            self.before.extend_from_slice(sparse.before);
            self.after.clear();
            self.after.extend_from_slice(sparse.after);
            self.partial = sparse.partial;
        }
    }

    pub(super) fn is_set(&self) -> bool {
        self.is_set
    }

    /// Whether images that look the same hold the same: not where the second has a column that the first
    /// has not.
    pub(super) fn tells_changes(&self) -> bool {
        let both = self.before.iter().zip(&self.after);
        !self.is_set
            || self.before.len() == self.after.len()
                && both.into_iter().all(|(before, after)| after & !before == 0)
    }

    /// The placeholder where the type can hold it, and null where not.
    fn write_unavailable(&self, out: &mut Vec<u8>, column: &Column) -> Result<(), RowError> {
        match &column.cell {
            Cell::Text { .. } | Cell::Enum { .. } | Cell::Set { .. } | Cell::Json { .. } => {
                out.extend_from_slice(&self.text);
            }
            Cell::Bytes { write, .. } | Cell::FixedBytes { write, .. } => write(out, &self.bytes),
            Cell::Hidden(_) => {}
            Cell::Masked(text) => {
                let start = out.len();
                out.extend_from_slice(&self.text);
                let applied = text.masked.apply(out, start);
                applied.map_err(|unreadable| RowError::Cell {
                    column: column.name.clone(),
                    source: unreadable.into(),
                })?;
            }
            Cell::Tiny { .. }
            | Cell::Short { .. }
            | Cell::Medium { .. }
            | Cell::Long { .. }
            | Cell::LongLong
            | Cell::LongLongPrecise
            | Cell::Float
            | Cell::FloatAsDouble
            | Cell::Double
            | Cell::Decimal(_)
            | Cell::DecimalText(_)
            | Cell::DecimalDouble(_)
            | Cell::Bit { .. }
            | Cell::Year
            | Cell::Date
            | Cell::DateText
            | Cell::Time { .. }
            | Cell::DateTime { .. }
            | Cell::Timestamp { .. }
            | Cell::OldTime { .. }
            | Cell::OldDateTime { .. }
            | Cell::OldTimestamp
            | Cell::Geometry { .. }
            | Cell::Vector { .. } => out.extend_from_slice(b"null"),
        }
        Ok(())
    }
}

impl Encoder {
    /// As `try_row`, for images that are not simply whole.
    pub(super) fn sparse_row(
        &mut self,
        batch: &mut Batch,
        plan: &Plan,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), RowError> {
        let row = cursor.rest();
        let start = begin_value(&mut batch.bytes, plan);
        // The other image's values are copied from: they are taken out to be read beside the encoder.
        let mut images = std::mem::take(&mut self.sparse);
        images.values.clear();
        images.documents.clear();
        let result = self.both(batch, plan, (cursor, row), &mut images);
        self.sparse = images;
        let both = result?;
        self.close_row(batch, plan, start, both);
        Ok(())
    }

    fn both(
        &mut self,
        batch: &mut Batch,
        plan: &Plan,
        (cursor, row): (&mut Cursor<'_>, &[u8]),
        images: &mut Images,
    ) -> Result<(Option<Image>, Option<Image>), RowError> {
        batch.bytes.extend_from_slice(b"{\"before\":");
        let before = match self.operation {
            Operation::Insert => None,
            Operation::Update | Operation::Delete => {
                Some(self.before(&mut batch.bytes, plan, (cursor, row), images)?)
            }
        };
        if before.is_none() {
            batch.bytes.extend_from_slice(b"null");
        }
        batch.bytes.extend_from_slice(b",\"after\":");
        let after = match self.operation {
            Operation::Delete => None,
            Operation::Insert | Operation::Update => {
                Some(self.after(&mut batch.bytes, plan, (cursor, row), images)?)
            }
        };
        Ok((before, after))
    }

    fn before(
        &mut self,
        out: &mut Vec<u8>,
        plan: &Plan,
        (cursor, row): (&mut Cursor<'_>, &[u8]),
        images: &mut Images,
    ) -> Result<Image, RowError> {
        let mut image = Image::default();
        let start = out.len();
        let mut nulls = Nulls::read(cursor, &images.before, plan)?;
        for (index, column) in plan.columns.iter().enumerate() {
            let at = row.len() - cursor.rest().len();
            let there = is_set(&images.before, index);
            if let Some(only) = column.key_only.as_ref().filter(|_| there) {
                let cell = (!nulls.next()).then_some(&mut *cursor);
                let value = self.key_only(out, (column, only), cell)?;
                note_key(&mut image, column, value);
                images.values.push(Some(value));
                images.documents.push((at, at));
                continue;
            }
            out.extend_from_slice(&column.member);
            let value = out.len();
            if !there {
                images.write_unavailable(out, column)?;
            } else if nulls.next() {
                column.write_null(out);
            } else {
                self.cell(out, column, cursor)?;
            }
            let value = span(value, out.len());
            note_whole_key(&mut image, column, value, there)?;
            images.values.push(there.then_some(value));
            images.documents.push((at, row.len() - cursor.rest().len()));
        }
        close_image(out, start, &mut image);
        Ok(image)
    }

    fn after(
        &mut self,
        out: &mut Vec<u8>,
        plan: &Plan,
        (cursor, row): (&mut Cursor<'_>, &[u8]),
        images: &mut Images,
    ) -> Result<Image, RowError> {
        let mut image = Image::default();
        let start = out.len();
        let is_document = |column: &&Column| {
            matches!(
                column.cell,
                Cell::Json { .. } | Cell::Hidden(Layout::Document(_))
            )
        };
        let partial = match images.partial {
            true => {
                let documents = plan.columns.iter().filter(is_document).count();
                partial_bits(cursor, documents).map_err(|_| RowError::Bitmap)?
            }
            false => &[],
        };
        let mut nulls = Nulls::read(cursor, &images.after, plan)?;
        let mut document = 0;
        for (index, column) in plan.columns.iter().enumerate() {
            let known = images.values.get(index).copied().flatten();
            if let Some(only) = &column.key_only {
                let value = match (is_set(&images.after, index), known) {
                    (true, _) => {
                        let cell = (!nulls.next()).then_some(&mut *cursor);
                        self.key_only(out, (column, only), cell)?
                    }
                    (false, Some(before)) => {
                        self.show_masked(out, (column, only), before)?;
                        before
                    }
                    (false, None) => return Err(no_key(column)),
                };
                note_key(&mut image, column, value);
                continue;
            }
            out.extend_from_slice(&column.member);
            let value = out.len();
            // A document has its bit whether it is in the image or not.
            let mut changed = false;
            if is_document(&column) {
                changed = is_set(partial, document);
                document += 1;
            }
            let mut there = is_set(&images.after, index);
            if there && nulls.next() {
                column.write_null(out);
            } else if there && changed {
                let before_has = is_set(&images.before, index);
                let range = images.documents.get(index).filter(|_| before_has);
                let before = range.and_then(|(from, to)| row.get(*from..*to));
                write_changed(out, column, cursor, before)?;
            } else if there {
                self.cell(out, column, cursor)?;
            } else if let Some(before) = known {
                out.extend_from_within(before.range());
                there = true;
            } else {
                images.write_unavailable(out, column)?;
            }
            note_whole_key(&mut image, column, span(value, out.len()), there)?;
        }
        close_image(out, start, &mut image);
        Ok(image)
    }

    fn cell(
        &mut self,
        out: &mut Vec<u8>,
        column: &Column,
        cursor: &mut Cursor<'_>,
    ) -> Result<(), RowError> {
        cell::write(out, column, cursor, &mut self.scratch).map_err(|source| RowError::Cell {
            column: column.name.clone(),
            source,
        })
    }
}

/// The bits of nulls, one for each column that is in the image.
struct Nulls<'a> {
    bits: &'a [u8],
    next: usize,
}

impl<'a> Nulls<'a> {
    fn read(cursor: &mut Cursor<'a>, present: &[u8], plan: &Plan) -> Result<Nulls<'a>, RowError> {
        let columns = count_bits(present, plan.columns.len());
        let bits = cursor
            .take(columns.div_ceil(8))
            .map_err(|_| RowError::Bitmap)?;
        Ok(Nulls { bits, next: 0 })
    }

    fn next(&mut self) -> bool {
        let null = is_set(self.bits, self.next);
        self.next += 1;
        null
    }
}

/// `before` is the cell of the before image, its length included.
fn write_changed(
    out: &mut Vec<u8>,
    column: &Column,
    cursor: &mut Cursor<'_>,
    before: Option<&[u8]>,
) -> Result<(), RowError> {
    let name = || column.name.clone();
    let diffs = prefixed(cursor, DIFFS_PREFIX).map_err(|short| RowError::Diff {
        column: name(),
        source: short.into(),
    })?;
    if let Cell::Hidden(_) = column.cell {
        return Ok(());
    }
    let document = match (&column.cell, before) {
        (Cell::Json { prefix }, Some(cell)) => prefixed(&mut Cursor::new(cell), *prefix).ok(),
        (_, _) => None,
    };
    let document = document.ok_or_else(|| RowError::NoDocument { column: name() })?;
    diff::write_json_string(out, document, diffs).map_err(|source| RowError::Diff {
        column: name(),
        source,
    })
}

/// Notes a value of the key, which must be there.
fn note_whole_key(
    image: &mut Image,
    column: &Column,
    value: Span,
    there: bool,
) -> Result<(), RowError> {
    if column.key_part.is_some() && !there {
        return Err(no_key(column));
    }
    note_key(image, column, value);
    Ok(())
}

fn no_key(column: &Column) -> RowError {
    RowError::NoKey {
        column: column.name.clone(),
    }
}
