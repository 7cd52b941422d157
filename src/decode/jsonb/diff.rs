//! Partial updates of JSON documents: the document before, and what was changed in it.
//!
//! Takes the binary document of the before image and the diffs of a PARTIAL_UPDATE_ROWS event, gives the
//! text of the document after. Only the containers on the way to a change are opened, everything else is
//! printed from the bytes it came in. Never opens more than the bytes present, never nests deeper than
//! MySQL itself.
//!
//! A diff is an operation (0 replace, 1 insert, 2 remove), a path as text and, but for a removal, a binary
//! value (`sql/json_diff.cc` of MySQL 8.0). A path must lead somewhere: where it does not, the two do not
//! belong together, and that is an error here as on a replica.

use std::borrow::Cow;

use super::{Container, DEPTH_MAX, JsonbError, Layout, Writer};
use crate::cursor::{Cursor, Short};

/// Why a document cannot be rebuilt. Never holds a byte of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DiffError {
    /// The document before, or a value, is broken.
    #[error(transparent)]
    Json(#[from] JsonbError),
    /// The diffs end inside one.
    #[error("partial JSON update: {0}")]
    Short(#[from] Short),
    /// An operation that MySQL does not define.
    #[error("partial JSON update: unknown operation {0}")]
    Operation(u8),
    /// A path that is none, or that has wildcards.
    #[error("partial JSON update: a path cannot be read")]
    Path,
    /// A path that leads nowhere in the document before, or where there is something already.
    #[error("partial JSON update: a change does not fit the document before it")]
    Misfit,
}

/// Appends, as a string literal, the document that `diffs` make of `before`.
///
/// # Errors
/// [`DiffError`]; `out` then holds a part of the document.
pub fn write_json_string(out: &mut Vec<u8>, before: &[u8], diffs: &[u8]) -> Result<(), DiffError> {
    // What is opened and what is printed lies in these bytes, and no byte twice.
    let bytes = before.len().saturating_add(diffs.len());
    let mut tree = Tree { budget: bytes };
    let mut root = match before.split_first() {
        Some((kind, value)) => Node::Whole(*kind, value),
        None => Node::Whole(super::LITERAL, &[0]),
    };
    let mut cursor = Cursor::new(diffs);
    while !cursor.is_empty() {
        tree.apply(&mut root, &mut cursor)?;
    }
    out.push(b'"');
    let mut writer = Writer::<true> {
        out,
        budget: bytes.max(1),
        depth: 0,
    };
    print(&mut writer, &root)?;
    out.push(b'"');
    Ok(())
}

const REPLACE: u8 = 0;
const INSERT: u8 = 1;
const REMOVE: u8 = 2;

/// A part of the document.
enum Node<'a> {
    /// Nothing within it was changed: its type and its bytes.
    Whole(u8, &'a [u8]),
    /// Members by key, as stored: shorter keys first.
    Object(Vec<(Cow<'a, [u8]>, Node<'a>)>),
    /// Elements.
    Array(Vec<Node<'a>>),
}

/// One step of a path.
enum Leg<'a> {
    Member(Cow<'a, [u8]>),
    Cell { index: usize, from_end: bool },
}

struct Tree {
    /// Bytes of containers that may still be opened.
    budget: usize,
}

impl Tree {
    fn apply<'a>(&mut self, root: &mut Node<'a>, cursor: &mut Cursor<'a>) -> Result<(), DiffError> {
        let operation = cursor.u8()?;
        let legs = legs(cursor.length_bytes()?)?;
        let value = match operation {
            REPLACE | INSERT => {
                let bytes = cursor.length_bytes()?;
                let (kind, value) = bytes.split_first().ok_or(DiffError::Misfit)?;
                Some(Node::Whole(*kind, value))
            }
            REMOVE => None,
            other => return Err(DiffError::Operation(other)),
        };
        // The whole document is never replaced by a diff: the server logs it in full instead.
        let (last, way) = legs.split_last().ok_or(DiffError::Misfit)?;
        let mut parent = root;
        for leg in way {
            self.open(parent)?;
            parent = child(parent, leg).ok_or(DiffError::Misfit)?;
        }
        self.open(parent)?;
        match (operation, value) {
            (REPLACE, Some(value)) => *child(parent, last).ok_or(DiffError::Misfit)? = value,
            (INSERT, Some(value)) => insert(parent, last, value)?,
            (_, _) => remove(parent, last)?,
        }
        Ok(())
    }

    /// Turns a container that is a whole into its parts; leaves scalars.
    fn open(&mut self, node: &mut Node<'_>) -> Result<(), DiffError> {
        let Node::Whole(kind, bytes) = *node else {
            return Ok(());
        };
        let Some(layout) = Layout::of(kind) else {
            return Ok(());
        };
        let container = Container::read(layout, bytes)?;
        let left = self.budget.checked_sub(container.header);
        self.budget = left.ok_or(JsonbError::Overlap)?;
        let value = |index| {
            let entry = container.entry(index)?;
            Ok::<_, JsonbError>(Node::Whole(entry.kind, entry.bytes))
        };
        *node = if layout.object {
            let member = |index| Ok((Cow::Borrowed(container.key(index)?), value(index)?));
            let members: Result<Vec<_>, JsonbError> = (0..container.count).map(member).collect();
            Node::Object(members?)
        } else {
            let elements: Result<Vec<_>, JsonbError> = (0..container.count).map(value).collect();
            Node::Array(elements?)
        };
        Ok(())
    }
}

fn child<'t, 'a>(parent: &'t mut Node<'a>, leg: &Leg<'a>) -> Option<&'t mut Node<'a>> {
    match (parent, leg) {
        (Node::Object(members), Leg::Member(key)) => members
            .iter_mut()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value),
        (Node::Array(elements), leg) => {
            let index = cell(leg, elements.len())?;
            elements.get_mut(index)
        }
        (Node::Object(_) | Node::Whole(..), _) => None,
    }
}

fn insert<'a>(parent: &mut Node<'a>, leg: &Leg<'a>, value: Node<'a>) -> Result<(), DiffError> {
    match (parent, leg) {
        (Node::Object(members), Leg::Member(key)) => {
            if members.iter().any(|(name, _)| name == key) {
                return Err(DiffError::Misfit);
            }
            let wanted = (key.len(), key);
            let at = members.partition_point(|(name, _)| (name.len(), name) < wanted);
            members.insert(at, (key.clone(), value));
        }
        (Node::Array(elements), Leg::Cell { index, from_end }) => {
            // Beyond the end means behind the last, before the start means ahead of the first.
            let size = elements.len();
            let at = if *from_end {
                size.saturating_sub(1).saturating_sub(*index)
            } else {
                *index
            };
            elements.insert(at.min(size), value);
        }
        (Node::Object(_) | Node::Array(_) | Node::Whole(..), _) => return Err(DiffError::Misfit),
    }
    Ok(())
}

fn remove<'a>(parent: &mut Node<'a>, leg: &Leg<'a>) -> Result<(), DiffError> {
    match (parent, leg) {
        (Node::Object(members), Leg::Member(key)) => {
            let at = members.iter().position(|(name, _)| name == key);
            members.remove(at.ok_or(DiffError::Misfit)?);
        }
        (Node::Array(elements), leg) => {
            let at = cell(leg, elements.len()).filter(|at| *at < elements.len());
            elements.remove(at.ok_or(DiffError::Misfit)?);
        }
        (Node::Object(_) | Node::Whole(..), _) => return Err(DiffError::Misfit),
    }
    Ok(())
}

/// The index that a leg means in an array of `size`; it may lie beyond the end.
fn cell(leg: &Leg<'_>, size: usize) -> Option<usize> {
    match leg {
        Leg::Cell {
            index,
            from_end: false,
        } => Some(*index),
        Leg::Cell {
            index,
            from_end: true,
        } => size.checked_sub(1)?.checked_sub(*index),
        Leg::Member(_) => None,
    }
}

/// `$.name."quoted name"[3][last][last-2]`, as the server prints paths: no blanks, no wildcards.
fn legs(path: &[u8]) -> Result<Vec<Leg<'_>>, DiffError> {
    let path = std::str::from_utf8(path).map_err(|_| DiffError::Path)?;
    let mut rest = path.strip_prefix('$').ok_or(DiffError::Path)?;
    let mut legs = Vec::new();
    while !rest.is_empty() {
        // MySQL allows as many.
        if legs.len() == usize::from(DEPTH_MAX) {
            return Err(JsonbError::Depth.into());
        }
        let (leg, tail) = if let Some(tail) = rest.strip_prefix('.') {
            member(tail)?
        } else {
            let tail = rest.strip_prefix('[').ok_or(DiffError::Path)?;
            let (inside, tail) = tail.split_once(']').ok_or(DiffError::Path)?;
            (array_cell(inside)?, tail)
        };
        legs.push(leg);
        rest = tail;
    }
    Ok(legs)
}

fn member(text: &str) -> Result<(Leg<'_>, &str), DiffError> {
    if !text.starts_with('"') {
        let (name, rest) = text.split_at(text.find(['.', '[']).unwrap_or(text.len()));
        if name.is_empty() || name.contains('*') {
            return Err(DiffError::Path);
        }
        return Ok((Leg::Member(Cow::Borrowed(name.as_bytes())), rest));
    }
    let mut escaped = false;
    let closing = |(at, sign): (usize, char)| {
        let closes = sign == '"' && !escaped && at > 0;
        escaped = sign == '\\' && !escaped;
        closes.then_some(at + 1)
    };
    let end = text.char_indices().find_map(closing);
    let (literal, rest) = end
        .and_then(|end| text.split_at_checked(end))
        .ok_or(DiffError::Path)?;
    let name: String = serde_json::from_str(literal).map_err(|_| DiffError::Path)?;
    Ok((Leg::Member(Cow::Owned(name.into_bytes())), rest))
}

fn array_cell(text: &str) -> Result<Leg<'_>, DiffError> {
    let number = |text: &str| text.parse::<usize>().map_err(|_| DiffError::Path);
    let (index, from_end) = match text.strip_prefix("last") {
        None => (number(text)?, false),
        Some("") => (0, true),
        Some(rest) => (
            number(rest.strip_prefix('-').ok_or(DiffError::Path)?)?,
            true,
        ),
    };
    Ok(Leg::Cell { index, from_end })
}

fn print(writer: &mut Writer<'_, true>, node: &Node<'_>) -> Result<(), JsonbError> {
    match node {
        Node::Whole(kind, bytes) => writer.value(*kind, bytes)?,
        Node::Object(members) => {
            writer.descend()?;
            writer.out.push(b'{');
            for (index, (key, value)) in members.iter().enumerate() {
                if index > 0 {
                    writer.out.push(b',');
                }
                writer.text(key)?;
                writer.out.push(b':');
                print(writer, value)?;
            }
            writer.out.push(b'}');
            writer.depth -= 1;
        }
        Node::Array(elements) => {
            writer.descend()?;
            writer.out.push(b'[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    writer.out.push(b',');
                }
                print(writer, element)?;
            }
            writer.out.push(b']');
            writer.depth -= 1;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `{"a":[1,2,{"b":"x"}],"bb":null}` as small containers.
    fn document() -> Vec<u8> {
        let inner = [
            1, 0, 13, 0, // one member, 13 bytes
            11, 0, 1, 0, // key at 11, one byte
            0x0c, 12, 0, // a string at 12
            b'b', 1, b'x',
        ];
        let mut inner = inner.to_vec();
        inner[2] = inner.len() as u8;
        let mut array = vec![3, 0, 0, 0, 5, 1, 0, 5, 2, 0, 0, 13, 0];
        array.extend_from_slice(&inner);
        array[2] = array.len() as u8;
        let mut root = vec![2, 0, 0, 0, 18, 0, 1, 0, 19, 0, 2, 0, 2, 21, 0, 4, 0, 0];
        root.extend_from_slice(b"abb");
        root.extend_from_slice(&array);
        root[2] = root.len() as u8;
        root.insert(0, 0);
        root
    }

    fn diff(operation: u8, path: &str, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![operation, path.len() as u8];
        bytes.extend_from_slice(path.as_bytes());
        if operation != REMOVE {
            bytes.push(value.len() as u8);
            bytes.extend_from_slice(value);
        }
        bytes
    }

    fn apply(diffs: &[Vec<u8>]) -> Result<String, DiffError> {
        let mut out = Vec::new();
        write_json_string(&mut out, &document(), &diffs.concat())?;
        Ok(serde_json::from_slice(&out).unwrap())
    }

    const SEVEN: &[u8] = &[5, 7, 0];
    const TEXT: &[u8] = &[0x0c, 1, b'y'];

    #[test]
    fn changes_what_the_paths_name() {
        let check = |diffs: &[Vec<u8>], expected: &str| {
            assert_eq!(apply(diffs).unwrap(), expected);
        };
        check(&[], r#"{"a":[1,2,{"b":"x"}],"bb":null}"#);
        check(
            &[diff(REPLACE, "$.a[0]", SEVEN)],
            r#"{"a":[7,2,{"b":"x"}],"bb":null}"#,
        );
        check(
            &[diff(REPLACE, "$.a[last].b", TEXT)],
            r#"{"a":[1,2,{"b":"y"}],"bb":null}"#,
        );
        check(
            &[diff(INSERT, "$.a[last].ab", SEVEN)],
            r#"{"a":[1,2,{"b":"x","ab":7}],"bb":null}"#,
        );
        check(
            &[diff(INSERT, "$.\"a b\\\"\"", SEVEN)],
            r#"{"a":[1,2,{"b":"x"}],"bb":null,"a b\"":7}"#,
        );
        check(
            &[diff(INSERT, "$.a[1]", SEVEN), diff(INSERT, "$.a[99]", TEXT)],
            r#"{"a":[1,7,2,{"b":"x"},"y"],"bb":null}"#,
        );
        check(
            &[
                diff(REMOVE, "$.a[last-1]", &[]),
                diff(REMOVE, "$.bb", &[]),
                diff(INSERT, "$.c", TEXT),
                diff(REPLACE, "$.c", SEVEN),
            ],
            r#"{"a":[1,{"b":"x"}],"c":7}"#,
        );
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        for (operation, path) in [
            (REPLACE, "$"),
            (REPLACE, "$.x"),
            (REPLACE, "$.a[3]"),
            (REPLACE, "$.a.b"),
            (REPLACE, "$.bb.c"),
            (INSERT, "$.a"),
            (INSERT, "$[0]"),
            (INSERT, "$.bb[1]"),
            (REMOVE, "$.a[3]"),
            (REMOVE, "$.a[last-3]"),
            (REMOVE, "$.a[last].b.c"),
        ] {
            let result = apply(&[diff(operation, path, SEVEN)]);
            assert_eq!(result, Err(DiffError::Misfit), "{operation} {path}");
        }
        for path in ["", "a", "$a", "$.", "$[", "$[x]", "$[1", "$.*", "$.\"a"] {
            let result = apply(&[diff(REPLACE, path, SEVEN)]);
            assert_eq!(result, Err(DiffError::Path), "{path}");
        }
        assert_eq!(
            apply(&[diff(3, "$.a", SEVEN)]),
            Err(DiffError::Operation(3))
        );
        let deep = "[0]".repeat(80);
        let mut long = vec![REMOVE, 0xfc, 0, 0];
        long.extend_from_slice(format!("$.a{deep}{deep}").as_bytes());
        let length = u16::try_from(long.len() - 4).unwrap().to_le_bytes();
        long[2..4].copy_from_slice(&length);
        assert_eq!(apply(&[long]), Err(DiffError::Json(JsonbError::Depth)));
        assert!(matches!(
            apply(&[vec![REMOVE, 9, b'$']]),
            Err(DiffError::Short(_))
        ));
    }

    proptest! {
        #[test]
        fn never_panics(before in prop::collection::vec(any::<u8>(), 0..80),
                        diffs in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = write_json_string(&mut Vec::new(), &before, &diffs);
        }

        #[test]
        fn damage_never_panics(at in 0..60usize, bit in 0..8, path in "\\$(\\.[ab]{1,2}|\\[[0-3]\\]){0,4}", operation in 0..3u8) {
            let mut before = document();
            if let Some(byte) = before.get_mut(at) {
                *byte ^= 1u8 << bit;
            }
            let _ = write_json_string(&mut Vec::new(), &before, &diff(operation, &path, TEXT));
        }
    }
}
