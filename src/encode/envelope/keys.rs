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
    pub(super) key: [Span; KEY_COLUMNS_MAX],
    /// Parts of the key that stand beside the batch: a bit for each.
    aside: u16,
}

impl Image {
    fn is_aside(&self, part: usize) -> bool {
        self.aside >> part & 1 == 1
    }
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
            let Some(taken) = image.key.get(*part).copied() else {
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
            for (other, place) in image.key.iter_mut().enumerate() {
                if image.aside >> other & 1 == 0 {
                    moved(place);
                }
            }
            for value in values.iter_mut() {
                match value {
                    Some(place) if *place == taken => *value = None,
                    Some(place) => moved(place),
                    None => {}
                }
            }
            if let Some(slot) = image.key.get_mut(*part) {
                *slot = span(from, self.aside.len());
                image.aside |= 1 << part;
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
        for (part, (column, value)) in plan.key.iter().zip(&image.key).enumerate() {
            out.extend_from_slice(&column.member);
            match image.is_aside(part) {
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

    fn aside_of(&self, value: Span) -> &[u8] {
        self.aside.get(value.range()).unwrap_or_default()
    }

    pub(super) fn key_differs(
        &self,
        batch: &Batch,
        plan: &Plan,
        before: &Image,
        after: &Image,
    ) -> bool {
        // Both images are of one plan, which says what stands beside the batch.
        let bytes = |part: usize, value: Span| match before.is_aside(part) {
            false => batch.bytes_of(value),
            true => self.aside_of(value),
        };
        let values = before.key.iter().zip(&after.key).take(plan.key.len());
        values
            .enumerate()
            .any(|(part, (old, new))| bytes(part, *old) != bytes(part, *new))
    }
}
