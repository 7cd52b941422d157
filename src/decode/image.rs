//! Row images as a whole: are they complete, and how to pass over those that nobody wants.
//!
//! Takes a rows event and what is known of its table, gives a verdict or a count; reads no value.

use std::borrow::Cow;

use crate::config::RowImage;
use crate::cursor::{Cursor, Short};
use crate::error::{Classify, Fault};
use crate::event::{Operation, Rows};
use crate::schema::plan::Layout;

/// Why rows do not fit their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// No TABLE_MAP came before them.
    #[error("rows without a TABLE_MAP before them")]
    NoTableMap,
    /// Not every column is in the image.
    #[error("a row image lacks columns: binlog_row_image is not FULL in that session")]
    Partial,
    /// An image without any column: its rows cannot be counted.
    #[error("a row image has no column")]
    Empty,
    /// Another number of columns than the TABLE_MAP has.
    #[error("a row event has {found} columns and its TABLE_MAP {expected}")]
    Columns {
        /// In the rows event.
        found: usize,
        /// In the TABLE_MAP.
        expected: usize,
    },
    /// The images end inside a row.
    #[error("a row event ends inside a row: {0}")]
    Truncated(#[from] Short),
}

impl Classify for ImageError {
    fn fault(&self) -> Fault {
        Fault::Data
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            ImageError::Partial => {
                "SET PERSIST binlog_row_image = 'FULL' and reconnect all clients; to read what is logged \
                 so, set mysql.row_image = \"any\"; to go on after this place, remove the stored position \
                 and set `start`"
            }
            ImageError::NoTableMap
            | ImageError::Empty
            | ImageError::Columns { .. }
            | ImageError::Truncated(_) => {
                "check the binlog file at this place with mysqlbinlog; report it if the server reads it"
            }
        }))
    }
}

/// Which columns the images of an event have, where that is not simply all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sparse<'a> {
    /// One bit a column, of the first image.
    pub before: &'a [u8],
    /// The same of the after image.
    pub after: &'a [u8],
    /// JSON columns of after images may be changes of the before image's.
    pub partial: bool,
}

/// Checks that every image of the event has every one of `columns` columns, or that what is missing may be
/// missing.
///
/// # Errors
/// [`ImageError::Columns`], [`ImageError::Partial`] and [`ImageError::Empty`].
pub fn check<'a>(
    rows: &Rows<'a>,
    columns: usize,
    wanted: RowImage,
) -> Result<Option<Sparse<'a>>, ImageError> {
    if rows.columns != columns || columns == 0 {
        return Err(ImageError::Columns {
            found: rows.columns,
            expected: columns,
        });
    }
    let complete = |bits: &[u8]| count_bits(bits, columns) == columns;
    let whole = complete(rows.present) && complete(rows.present_after);
    if whole && !rows.partial {
        return Ok(None);
    }
    if !whole && wanted == RowImage::Full {
        return Err(ImageError::Partial);
    }
    if count_bits(rows.present, columns) == 0 {
        return Err(ImageError::Empty);
    }
    Ok(Some(Sparse {
        before: rows.present,
        after: rows.present_after,
        partial: rows.partial,
    }))
}

/// What stands in front of an after image in an event of partial updates: the bitmap of changed documents,
/// one bit for each of `documents` JSON columns of the table; empty where none is changed in part.
///
/// # Errors
/// [`Short`].
pub fn partial_bits<'a>(cursor: &mut Cursor<'a>, documents: usize) -> Result<&'a [u8], Short> {
    const PARTIAL_JSON: u64 = 1;
    match cursor.length()? & PARTIAL_JSON {
        0 => Ok(&[]),
        _ => cursor.take(documents.div_ceil(8)),
    }
}

/// Counts the rows of a table that is not captured, so that the ordinals of the others do not depend on
/// the configuration.
///
/// # Errors
/// [`ImageError`].
pub fn count_rows(rows: &Rows<'_>, layouts: &[Layout]) -> Result<u64, ImageError> {
    if rows.columns != layouts.len() || layouts.is_empty() {
        return Err(ImageError::Columns {
            found: rows.columns,
            expected: layouts.len(),
        });
    }
    let documents = layouts
        .iter()
        .filter(|layout| matches!(layout, Layout::Document(_)))
        .count();
    let mut cursor = Cursor::new(rows.images);
    let mut count = 0;
    while !cursor.is_empty() {
        let left = cursor.rest().len();
        skip_image(&mut cursor, rows.present, layouts)?;
        if rows.operation == Operation::Update {
            if rows.partial {
                partial_bits(&mut cursor, documents)?;
            }
            skip_image(&mut cursor, rows.present_after, layouts)?;
        }
        // An image of no column has no bytes: such rows cannot be told apart, nor counted.
        if cursor.rest().len() == left {
            return Err(ImageError::Partial);
        }
        count += 1;
    }
    Ok(count)
}

/// Passes over a cell.
///
/// # Errors
/// [`Short`].
#[inline]
pub fn skip(cursor: &mut Cursor<'_>, layout: Layout) -> Result<(), Short> {
    match layout {
        Layout::Fixed(bytes) => cursor.take(bytes)?,
        Layout::Prefixed(prefix) | Layout::Document(prefix) => prefixed(cursor, prefix)?,
    };
    Ok(())
}

/// A little-endian length of `prefix` bytes, then as many bytes.
///
/// # Errors
/// [`Short`].
#[inline]
pub fn prefixed<'a>(cursor: &mut Cursor<'a>, prefix: usize) -> Result<&'a [u8], Short> {
    let length = match prefix {
        1 => u64::from(cursor.u8()?),
        2 => u64::from(cursor.u16()?),
        _ => cursor.uint(prefix)?,
    };
    cursor.take(usize::try_from(length).unwrap_or(usize::MAX))
}

fn skip_image(cursor: &mut Cursor<'_>, present: &[u8], layouts: &[Layout]) -> Result<(), Short> {
    let nulls = cursor.take(count_bits(present, layouts.len()).div_ceil(8))?;
    let in_image = layouts
        .iter()
        .enumerate()
        .filter(|(index, _)| is_set(present, *index));
    for (bit, (_, layout)) in in_image.enumerate() {
        if !is_set(nulls, bit) {
            skip(cursor, *layout)?;
        }
    }
    Ok(())
}

/// How many columns a bitmap has.
pub fn count_bits(bits: &[u8], columns: usize) -> usize {
    (0..columns).filter(|index| is_set(bits, *index)).count()
}

/// Whether a bitmap has a column.
#[inline]
pub fn is_set(bits: &[u8], index: usize) -> bool {
    bits.get(index / 8)
        .is_some_and(|byte| byte & (1 << (index % 8)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUTS: [Layout; 2] = [Layout::Fixed(4), Layout::Prefixed(1)];

    fn rows<'a>(operation: Operation, present: &'a [u8], images: &'a [u8]) -> Rows<'a> {
        Rows {
            table_id: 1,
            operation,
            columns: 2,
            present,
            present_after: present,
            partial: false,
            images,
        }
    }

    #[test]
    fn complete_images_pass() {
        let check = |bits: &[u8], columns, wanted| {
            let rows = rows(Operation::Insert, bits, &[]);
            check(&rows, columns, wanted).map(|sparse| sparse.is_some())
        };
        assert_eq!(check(&[0b11], 2, RowImage::Full), Ok(false));
        assert_eq!(check(&[0b01], 2, RowImage::Full), Err(ImageError::Partial));
        assert_eq!(check(&[0b01], 2, RowImage::Any), Ok(true));
        assert_eq!(check(&[0b00], 2, RowImage::Any), Err(ImageError::Empty));
        let columns = check(&[0b11], 3, RowImage::Any);
        assert_eq!(
            columns,
            Err(ImageError::Columns {
                found: 2,
                expected: 3
            })
        );
    }

    #[test]
    fn rows_are_counted_without_being_read() {
        // (1, 'ab'), (NULL, 'c')
        let images = [0, 1, 0, 0, 0, 2, b'a', b'b', 1, 1, b'c'];
        assert_eq!(
            count_rows(&rows(Operation::Insert, &[0b11], &images), &LAYOUTS),
            Ok(2)
        );
        assert_eq!(
            count_rows(&rows(Operation::Update, &[0b11], &images), &LAYOUTS),
            Ok(1)
        );
        let truncated = count_rows(&rows(Operation::Insert, &[0b11], &images[..7]), &LAYOUTS);
        assert!(matches!(truncated, Err(ImageError::Truncated(_))));
        // MINIMAL image of the second column only.
        let images = [0, 1, b'c', 1];
        assert_eq!(
            count_rows(&rows(Operation::Insert, &[0b10], &images), &LAYOUTS),
            Ok(2)
        );
        // One document of two columns, changed in part: options, the bits of the documents, and the diffs.
        let layouts = [Layout::Document(4), Layout::Fixed(1)];
        let images = [0, 2, 0, 0, 0, 4, 0, 7, 1, 1, 0, 1, 0, 0, 0, 9, 7];
        let partial = Rows {
            partial: true,
            ..rows(Operation::Update, &[0b11], &images)
        };
        assert_eq!(count_rows(&partial, &layouts), Ok(1));
        let none = count_rows(&rows(Operation::Insert, &[0], &images), &LAYOUTS);
        assert_eq!(none, Err(ImageError::Partial));
    }
}
