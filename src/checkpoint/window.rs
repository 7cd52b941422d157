//! The window of batches that are sent and not all acknowledged: acknowledgements in any order become
//! commits in the order of the binlog.
//!
//! Takes each batch's number with the commits that it completes, and acknowledgements; gives the commits
//! of every batch up to the first one that is not acknowledged. Pure: it does no IO and reads no clock.
//! A commit never comes out before every record sent up to it is acknowledged.

use std::borrow::Cow;
use std::collections::VecDeque;

use crate::error::Classify;
use crate::error::Fault;
use crate::sink::batch::BatchSeq;

/// Batches in flight, each with the commits (of type `C`) that lie in it.
///
/// Memory is kept between batches: in a steady state nothing is allocated.
#[derive(Debug)]
pub struct Window<C> {
    /// Number of the oldest batch that is not acknowledged.
    first: u64,
    /// From `first` on, without a gap.
    batches: VecDeque<InFlight>,
    /// Commits of all of `batches`, in order.
    commits: VecDeque<C>,
}

/// One batch of the window.
#[derive(Debug)]
struct InFlight {
    acked: bool,
    commits: usize,
}

/// The caller and the sink disagree about what is in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// Batches are numbered without a gap.
    #[error("batch {found} was sent where batch {expected} was expected")]
    OutOfSequence {
        /// The next number.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// An acknowledgement of a batch that was not sent.
    #[error("batch {seq} was acknowledged before it was sent; the last one sent is {last}")]
    NeverSent {
        /// The batch of the acknowledgement.
        seq: u64,
        /// The newest batch.
        last: u64,
    },
    /// An acknowledgement that came before.
    #[error("batch {seq} was acknowledged twice")]
    AckedTwice {
        /// The batch of the acknowledgement.
        seq: u64,
    },
}

impl Classify for WindowError {
    fn fault(&self) -> Fault {
        match self {
            WindowError::OutOfSequence { .. }
            | WindowError::NeverSent { .. }
            | WindowError::AckedTwice { .. } => Fault::Bug,
        }
    }

    fn remedy(&self) -> Option<Cow<'static, str>> {
        None
    }
}

impl<C> Default for Window<C> {
    fn default() -> Self {
        Window {
            first: 1,
            batches: VecDeque::new(),
            commits: VecDeque::new(),
        }
    }
}

impl<C> Window<C> {
    /// Notes that a batch is about to be sent, and the commits that lie in it, in order. To be called
    /// before the sink can acknowledge it.
    ///
    /// # Errors
    /// The number is not the one after the last.
    pub fn sent(
        &mut self,
        seq: BatchSeq,
        commits: impl IntoIterator<Item = C>,
    ) -> Result<(), WindowError> {
        let expected = self.next();
        if seq.0 != expected {
            return Err(WindowError::OutOfSequence {
                expected,
                found: seq.0,
            });
        }
        let before = self.commits.len();
        self.commits.extend(commits);
        let commits = self.commits.len() - before;
        self.batches.push_back(InFlight {
            acked: false,
            commits,
        });
        Ok(())
    }

    /// Notes an acknowledgement and applies, in order, the commits of every batch up to the first one
    /// that is not acknowledged.
    ///
    /// # Errors
    /// The batch was never sent, or was acknowledged before; then nothing is applied.
    pub fn acked(&mut self, seq: BatchSeq, mut apply: impl FnMut(C)) -> Result<(), WindowError> {
        let never_sent = WindowError::NeverSent {
            seq: seq.0,
            last: self.next().saturating_sub(1),
        };
        let twice = WindowError::AckedTwice { seq: seq.0 };
        // Number 0 was never given out; what lies below the window left it by an acknowledgement.
        if seq.0 == 0 {
            return Err(never_sent);
        }
        let ahead = seq.0.checked_sub(self.first).ok_or(twice)?;
        let batch = usize::try_from(ahead)
            .ok()
            .and_then(|index| self.batches.get_mut(index))
            .ok_or(never_sent)?;
        if batch.acked {
            return Err(twice);
        }
        batch.acked = true;
        while let Some(batch) = self.batches.pop_front_if(|batch| batch.acked) {
            self.first += 1;
            self.commits
                .drain(..batch.commits.min(self.commits.len()))
                .for_each(&mut apply);
        }
        Ok(())
    }

    /// The first commit that has not come out; `None` where none is on its way.
    pub fn oldest(&self) -> Option<&C> {
        self.commits.front()
    }

    /// Whether everything that was sent is acknowledged.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Batches from the oldest that is not acknowledged on.
    pub fn len(&self) -> usize {
        self.batches.len()
    }

    fn next(&self) -> u64 {
        self.first
            .saturating_add(u64::try_from(self.batches.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(window: &mut Window<u32>, seq: u64, commits: &[u32]) {
        window.sent(BatchSeq(seq), commits.iter().copied()).unwrap();
    }

    fn acked(window: &mut Window<u32>, seq: u64) -> Result<Vec<u32>, WindowError> {
        let mut applied = Vec::new();
        window.acked(BatchSeq(seq), |commit| applied.push(commit))?;
        Ok(applied)
    }

    #[test]
    fn commits_wait_for_the_oldest_batch() {
        let mut window = Window::default();
        sent(&mut window, 1, &[10]);
        sent(&mut window, 2, &[]);
        sent(&mut window, 3, &[30, 31]);
        assert_eq!(acked(&mut window, 3), Ok(vec![]));
        assert_eq!(acked(&mut window, 1), Ok(vec![10]));
        assert_eq!(acked(&mut window, 2), Ok(vec![30, 31]));
        assert!(window.is_empty());
        sent(&mut window, 4, &[40]);
        assert_eq!(acked(&mut window, 4), Ok(vec![40]));
    }

    #[test]
    fn disagreement_is_a_bug_and_changes_nothing() {
        let mut window = Window::default();
        let out = window.sent(BatchSeq(2), [1]).unwrap_err();
        assert_eq!(
            out,
            WindowError::OutOfSequence {
                expected: 1,
                found: 2
            }
        );
        assert_eq!(out.fault(), Fault::Bug);
        assert_eq!(
            acked(&mut window, 1),
            Err(WindowError::NeverSent { seq: 1, last: 0 })
        );
        assert_eq!(
            acked(&mut window, 0),
            Err(WindowError::NeverSent { seq: 0, last: 0 })
        );
        sent(&mut window, 1, &[10]);
        sent(&mut window, 2, &[20]);
        assert_eq!(acked(&mut window, 2), Ok(vec![]));
        assert_eq!(
            acked(&mut window, 2),
            Err(WindowError::AckedTwice { seq: 2 })
        );
        assert_eq!(
            acked(&mut window, 3),
            Err(WindowError::NeverSent { seq: 3, last: 2 })
        );
        assert_eq!(
            acked(&mut window, u64::MAX).unwrap_err().fault(),
            Fault::Bug
        );
        assert_eq!(acked(&mut window, 1), Ok(vec![10, 20]));
        assert_eq!(
            acked(&mut window, 1),
            Err(WindowError::AckedTwice { seq: 1 })
        );
    }

    #[test]
    fn a_steady_state_keeps_its_memory() {
        let mut window = Window::default();
        let mut capacity = None;
        for seq in 1..=10_000 {
            sent(&mut window, seq, &[1, 2, 3]);
            if seq >= 8 {
                assert_eq!(acked(&mut window, seq - 7), Ok(vec![1, 2, 3]));
            }
            let now = (window.batches.capacity(), window.commits.capacity());
            if seq >= 100 {
                assert_eq!(*capacity.get_or_insert(now), now);
            }
        }
    }

    proptest! {
        /// Batches with any number of commits, sent and acknowledged in any interleaving: what came
        /// out is exactly the commits of the longest run of acknowledged batches from the first.
        #[test]
        fn any_order_of_acks_gives_the_right_watermark(
            counts in prop::collection::vec(0usize..4, 1..60),
            choices in prop::collection::vec(any::<prop::sample::Index>(), 240),
        ) {
            let mut window = Window::default();
            let mut commits = Vec::new();
            let mut waiting: Vec<u64> = Vec::new();
            let mut done = vec![false; counts.len()];
            let (mut out, mut next, mut labels) = (Vec::new(), 0usize, 0u32);
            for choice in choices {
                let options = waiting.len() + usize::from(next < counts.len());
                if options == 0 {
                    break;
                }
                let pick = choice.index(options);
                if pick < waiting.len() {
                    let seq = waiting.swap_remove(pick);
                    window.acked(BatchSeq(seq), |commit| out.push(commit)).unwrap();
                    done[usize::try_from(seq).unwrap() - 1] = true;
                } else {
                    let own: Vec<u32> = (0..counts[next]).map(|_| { labels += 1; labels }).collect();
                    next += 1;
                    window.sent(BatchSeq(u64::try_from(next).unwrap()), own.clone()).unwrap();
                    waiting.push(u64::try_from(next).unwrap());
                    commits.push(own);
                }
                let run = done.iter().take_while(|done| **done).count();
                let expected: Vec<u32> = commits[..run].concat();
                prop_assert_eq!(&out, &expected);
                prop_assert_eq!(window.len(), next - run);
            }
        }
    }
}
