//! Records that are about a database and no row's: what heartbeats and those of transactions have in common.
//!
//! Takes what stands in key and value, gives the record without its place in a batch. Pure.

use crate::encode::envelope::span;
use crate::sink::batch::{Batch, Record};
use crate::sink::extra::Extra;

/// `{"schema":…,"payload":` of keys and of values.
pub(super) type Openings = (&'static [u8], &'static [u8]);

/// Writes the parts of a record into the batch's buffer: with schemas where there are openings, without context headers,
/// and to `partition` where one is named.
pub(super) fn write(
    batch: &mut Batch,
    openings: Option<Openings>,
    partition: Option<i32>,
    key: impl FnOnce(&mut Vec<u8>),
    value: impl FnOnce(&mut Vec<u8>),
) -> Record {
    let out = &mut batch.bytes;
    let (of_key, of_value) = openings.unwrap_or_default();
    let closing: &[u8] = if openings.is_some() { b"}" } else { b"" };
    let start = out.len();
    out.extend_from_slice(of_key);
    key(out);
    out.extend_from_slice(closing);
    let key = span(start, out.len());
    let start = out.len();
    out.extend_from_slice(of_value);
    value(out);
    out.extend_from_slice(closing);
    let value = span(start, out.len());
    let start = out.len();
    let extra = Extra {
        bare: true,
        partition,
        ..Extra::default()
    };
    extra.write(out);
    Record {
        key: Some(key),
        value: Some(value),
        extra: Some(span(start, out.len())),
        ..Record::default()
    }
}
