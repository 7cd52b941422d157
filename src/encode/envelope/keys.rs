//! Keys of records: their values are written with the row, and noted where they stand.
//!
//! Takes the images that the encoder has written to the batch, gives keys beside them. What the row does not show as
//! it is (a column that is left out or masked) is taken out of the image and kept beside the batch.

use super::{Encoder, span};
use crate::schema::plan::{KEY_COLUMNS_MAX, KeyOnly, Plan};
use crate::sink::batch::{Batch, Span};

/// Where the values of the key's columns stand, and the image in the batch.
#[derive(Clone, Copy, Default)]
pub(super) struct Image {
    pub(super) span: Span,
    pub(super) key: [Part; KEY_COLUMNS_MAX],
}

/// The value of one column of the key.
#[derive(Clone, Copy, Default)]
pub(super) struct Part {
    pub(super) span: Span,
    /// It stands beside the batch.
    aside: bool,
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
    /// Takes values that are in the key only out of the image, which ends with the batch. `values` are other places in
    /// it, which move with what they hold; that of a value taken out is none any more.
    pub(super) fn set_aside(
        &mut self,
        out: &mut Vec<u8>,
        plan: &Plan,
        image: &mut Image,
        values: &mut [Option<Span>],
    ) {
        for KeyOnly { part, masked } in &plan.key_only {
            let Some(Part { span: taken, .. }) = image.key.get(*part).copied() else {
                continue;
            };
            let from = self.aside.len();
            self.aside
                .extend_from_slice(out.get(taken.range()).unwrap_or_default());
            let mut shown = Vec::new();
            if let Some(masked) = masked {
                shown.extend_from_slice(self.aside.get(from..).unwrap_or_default());
                masked.apply(&mut shown, 0);
            }
            let rest = out.len().saturating_sub(taken.range().end);
            out.splice(taken.range(), shown);
            let (old_end, new_end) = (taken.range().end, out.len().saturating_sub(rest));
            let moved = |place: &mut Span| {
                let range = place.range();
                if range.start >= old_end {
                    let (start, end) = (range.start - old_end, range.end - old_end);
                    *place = span(start + new_end, end + new_end);
                }
            };
            let inside = image.key.iter_mut().filter(|other| !other.aside);
            inside.for_each(|other| moved(&mut other.span));
            for value in values.iter_mut() {
                match value {
                    Some(place) if *place == taken => *value = None,
                    Some(place) => moved(place),
                    None => {}
                }
            }
            if let Some(slot) = image.key.get_mut(*part) {
                slot.span = span(from, self.aside.len());
                slot.aside = true;
            }
        }
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
        for (column, part) in plan.key.iter().zip(&image.key) {
            out.extend_from_slice(&column.member);
            match part.aside {
                false => out.extend_from_within(part.span.range()),
                true => out.extend_from_slice(self.aside_of(*part)),
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

    fn aside_of(&self, part: Part) -> &[u8] {
        self.aside.get(part.span.range()).unwrap_or_default()
    }

    pub(super) fn key_differs(
        &self,
        batch: &Batch,
        plan: &Plan,
        before: &Image,
        after: &Image,
    ) -> bool {
        let bytes = |part: Part| match part.aside {
            false => batch.bytes_of(part.span),
            true => self.aside_of(part),
        };
        let values = before.key.iter().zip(&after.key).take(plan.key.len());
        values
            .into_iter()
            .any(|(old, new)| bytes(*old) != bytes(*new))
    }
}
