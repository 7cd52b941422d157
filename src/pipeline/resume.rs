//! Resuming by file and offset while XA transactions are prepared: back to the oldest of them, and over
//! what is delivered already.
//!
//! Pure. Without GTIDs the server cannot be asked for single groups. The dump begins at the oldest
//! prepared group; of the groups up to the stored end only the prepared ones are read again, everything
//! else in them is passed over, since its outcome is delivered.

use crate::position::{FilePosition, Position};
use crate::source::transaction::Open;
use crate::xa::Prepared;

/// The stretch that is read again. Gone when it is passed.
#[derive(Debug)]
pub struct Resume {
    /// Everything before it is delivered, but for what is wanted.
    high: FilePosition,
    wanted: Vec<Prepared>,
    /// The current group is passed over.
    skips: bool,
}

/// What a group is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// It is new.
    New,
    /// It is delivered, and none of it is looked at.
    Delivered,
    /// Its rows wait for their outcome again.
    Prepared,
}

impl Resume {
    /// Where to begin, and what to pass over; `None` where everything behind the position is new.
    pub fn from(position: &Position) -> (FilePosition, Option<Resume>) {
        let high = position.end.clone();
        if position.gtids.is_some() {
            return (high, None);
        }
        let starts = position.prepared.iter().map(|prepared| &prepared.start);
        let oldest = starts.reduce(|old, new| if new.is_before(old) { new } else { old });
        match oldest.filter(|oldest| oldest.is_before(&high)) {
            None => (high, None),
            Some(oldest) => {
                let resume = Resume {
                    high,
                    wanted: position.prepared.clone(),
                    skips: false,
                };
                (oldest.clone(), Some(resume))
            }
        }
    }

    /// What the group is that `open` belongs to, or where none is open, the one that has just ended.
    pub fn reading(&mut self, file: &str, open: Option<&Open>) -> Reading {
        let Some(open) = open else {
            return match self.skips {
                true => Reading::Delivered,
                false => Reading::Prepared,
            };
        };
        let start = FilePosition {
            file: file.to_owned(),
            offset: open.start,
        };
        if !start.is_before(&self.high) {
            return Reading::New;
        }
        self.skips = !self.wanted.iter().any(|wanted| wanted.start == start);
        match self.skips {
            true => Reading::Delivered,
            false => Reading::Prepared,
        }
    }

    /// A prepared group is read again.
    pub fn found(&mut self, prepared: &Prepared) {
        self.wanted.retain(|wanted| wanted != prepared);
    }

    /// A prepared group that did not come again.
    pub fn missing(&self) -> Option<&Prepared> {
        self.wanted.first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file: &str, offset: u64) -> FilePosition {
        FilePosition {
            file: file.to_owned(),
            offset,
        }
    }

    fn prepared(start: FilePosition) -> Prepared {
        Prepared {
            xid: "X'61',X'',1".parse().unwrap(),
            gtid: None,
            start,
        }
    }

    fn open(start: u64) -> Open {
        let mut open = Open::default();
        open.start = start;
        open
    }

    #[test]
    fn begins_at_the_oldest_prepared_group_and_passes_over_the_rest() {
        let mut position = Position::new(None, at("b.1000000", 500));
        assert!(Resume::from(&position).1.is_none());
        let wanted = [
            prepared(at("b.1000000", 100)),
            prepared(at("b.999999", 300)),
        ];
        position.prepared = wanted.to_vec();
        let (from, resume) = Resume::from(&position);
        let mut resume = resume.unwrap();
        assert_eq!(from, at("b.999999", 300));
        assert_eq!(
            resume.reading("b.999999", Some(&open(300))),
            Reading::Prepared
        );
        assert_eq!(resume.reading("b.999999", None), Reading::Prepared);
        resume.found(&wanted[1]);
        assert_eq!(
            resume.reading("b.1000000", Some(&open(4))),
            Reading::Delivered
        );
        assert_eq!(resume.reading("b.1000000", None), Reading::Delivered);
        assert_eq!(resume.missing(), Some(&wanted[0]));
        assert_eq!(resume.reading("b.1000000", Some(&open(500))), Reading::New);
    }

    #[test]
    fn gtids_need_no_way_back() {
        let mut position = Position::new(Some(Default::default()), at("b.2", 500));
        position.prepared = vec![prepared(at("b.1", 300))];
        assert!(Resume::from(&position).1.is_none());
    }
}
