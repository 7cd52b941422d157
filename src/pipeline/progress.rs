//! How far a database has come: what the end of each group does to a position.
//!
//! Pure. The GTID of a prepared XA transaction enters the delivered set with the word on its outcome and
//! not before, so that a dump from that position brings its rows again.

use std::sync::Arc;

use crate::position::Position;
use crate::schema::definitions::Definitions;
use crate::source::transaction::Commit;
use crate::xa::{Prepared, Xid};

/// The end of a group.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Where it ends.
    pub commit: Commit,
    /// What it is to XA transactions.
    pub xa: Option<Box<Xa>>,
    /// The table definitions behind it, where they are others than before.
    pub definitions: Option<Arc<Definitions>>,
}

/// What a group is to XA transactions.
#[derive(Clone, Debug)]
pub enum Xa {
    /// It holds the rows of one that is prepared.
    Prepared(Prepared),
    /// It ends one that was prepared.
    Decided(Xid),
}

impl From<Commit> for Progress {
    fn from(commit: Commit) -> Progress {
        Progress {
            commit,
            xa: None,
            definitions: None,
        }
    }
}

/// Moves the position up to which everything is delivered behind a group.
pub fn deliver(position: &mut Position, progress: &Progress) {
    match progress.xa.as_deref() {
        None => read(position, &progress.commit),
        Some(Xa::Prepared(prepared)) => {
            let known = position.prepared.iter_mut();
            match known.into_iter().find(|known| known.xid == prepared.xid) {
                // Read again after a restart: the position is further on already.
                Some(known) if known == prepared => return,
                Some(known) => known.clone_from(prepared),
                None => position.prepared.push(prepared.clone()),
            }
            move_end(position, &progress.commit);
        }
        Some(Xa::Decided(xid)) => {
            if let Some(at) = position.prepared.iter().position(|p| p.xid == *xid) {
                let decided = position.prepared.swap_remove(at);
                if let (Some(gtids), Some(gtid)) = (&mut position.gtids, decided.gtid) {
                    gtids.insert(gtid);
                }
            }
            read(position, &progress.commit);
        }
    }
}

/// Moves the position up to which everything is read behind a group, whatever it is.
pub fn read(position: &mut Position, commit: &Commit) {
    if let (Some(gtids), Some(gtid)) = (&mut position.gtids, commit.gtid) {
        gtids.insert(gtid);
    }
    move_end(position, commit);
}

fn move_end(position: &mut Position, commit: &Commit) {
    if *position.end.file != *commit.file {
        position.end.file = commit.file.to_string();
    }
    position.end.offset = commit.offset;
    position.partial = None;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::position::{FilePosition, GtidSet};

    const UUID: &str = "3e11fa47-71ca-11e1-9e33-c80aa9429562";

    fn group(gno: u64, xa: Option<Xa>) -> Progress {
        Progress {
            commit: Commit {
                gtid: Some(format!("{UUID}:{gno}").parse().unwrap()),
                file: "bin.000002".into(),
                start: gno * 100 - 50,
                offset: gno * 100,
                commit_us: 0,
            },
            xa: xa.map(Box::new),
            definitions: None,
        }
    }

    fn prepared(gno: u64) -> Prepared {
        Prepared {
            xid: Xid::new(1, b"a", b"").unwrap(),
            gtid: Some(format!("{UUID}:{gno}").parse().unwrap()),
            start: FilePosition {
                file: "bin.000002".to_owned(),
                offset: gno * 100 - 50,
            },
        }
    }

    fn gtids(position: &Position) -> String {
        position.gtids.as_ref().unwrap().to_string()
    }

    #[test]
    fn the_gtid_of_a_prepared_group_stays_out_until_it_is_decided() {
        let mut position = Position::new(Some(GtidSet::default()), FilePosition::default());
        deliver(&mut position, &group(1, None));
        deliver(&mut position, &group(2, Some(Xa::Prepared(prepared(2)))));
        deliver(&mut position, &group(3, None));
        assert_eq!(gtids(&position), format!("{UUID}:1:3"));
        assert_eq!(position.prepared, [prepared(2)]);
        // Read again after a restart, it moves nothing back.
        deliver(&mut position, &group(2, Some(Xa::Prepared(prepared(2)))));
        assert_eq!(position.end.offset, 300);
        let xid = prepared(2).xid;
        deliver(&mut position, &group(4, Some(Xa::Decided(xid.clone()))));
        assert_eq!(gtids(&position), format!("{UUID}:1-4"));
        assert!(position.prepared.is_empty());
        // An id may be used again, and one that was never prepared may be rolled back.
        deliver(&mut position, &group(5, Some(Xa::Prepared(prepared(5)))));
        deliver(&mut position, &group(6, Some(Xa::Decided(xid.clone()))));
        deliver(&mut position, &group(7, Some(Xa::Decided(xid))));
        assert_eq!(gtids(&position), format!("{UUID}:1-7"));
    }
}
