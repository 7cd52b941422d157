//! What the sending thread and the delivery thread of the Kafka sink share: how much is in flight, what
//! is left of each batch, and why the sink cannot go on.
//!
//! Takes reservations and deliveries; gives acknowledgements and waits. It knows nothing of librdkafka,
//! and no wait of it outlasts a failure or a cancellation.

use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use rdkafka::error::RDKafkaErrorCode;

use crate::kafka::Health;
use crate::sink::Deliveries;
use crate::sink::Delivery;
use crate::sink::SinkError;
use crate::sink::batch::BatchSeq;

/// Batches in flight at most. One batch a commit, at 5,000 commits a second and a round trip of 100 ms,
/// takes 500.
const SLOTS: u64 = 4096;

/// A batch's place in the ring: its number modulo the size of the ring. Goes through librdkafka as the
/// opaque value of each record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) usize);

/// A failure whose meaning must be asked for, on a thread that may wait.
#[derive(Debug)]
pub(super) enum Suspect {
    /// The producer as a whole is done for.
    Fatal {
        /// What it looks like from here.
        code: RDKafkaErrorCode,
        /// librdkafka's words.
        reason: String,
    },
    /// A topic or partition is not known.
    Topic {
        /// Name of the topic.
        topic: String,
        /// Kafka's or librdkafka's code.
        code: RDKafkaErrorCode,
    },
}

/// The shared state.
pub(super) struct Flow {
    /// The sink is being dropped.
    pub(super) stopping: AtomicBool,
    /// The state of the connection.
    pub(super) health: Health,
    /// Records of the batch in each slot that are not delivered.
    left: Vec<AtomicUsize>,
    state: Mutex<State>,
    changed: Condvar,
    bytes_max: usize,
    deliveries: Deliveries,
}

struct State {
    bytes: usize,
    batches: usize,
    /// The batch in each slot; `None` where it is free.
    slots: Vec<Option<InFlight>>,
    suspect: Option<Suspect>,
    failure: Option<SinkError>,
    cancelled: bool,
}

#[derive(Clone, Copy)]
struct InFlight {
    seq: BatchSeq,
    bytes: usize,
}

impl Flow {
    pub(super) fn new(bytes_max: usize, deliveries: Deliveries) -> Flow {
        Flow {
            stopping: AtomicBool::new(false),
            health: Health::default(),
            left: (0..SLOTS).map(|_| AtomicUsize::new(0)).collect(),
            state: Mutex::new(State {
                bytes: 0,
                batches: 0,
                slots: (0..SLOTS).map(|_| None).collect(),
                suspect: None,
                failure: None,
                cancelled: false,
            }),
            changed: Condvar::new(),
            bytes_max,
            deliveries,
        }
    }

    /// Waits until the batch's slot is free and its bytes fit, or nothing is in flight; takes both.
    ///
    /// The count of records is set before the first of them can be delivered.
    pub(super) fn reserve(
        &self,
        seq: BatchSeq,
        records: usize,
        bytes: usize,
    ) -> Result<Slot, SinkError> {
        let index = usize::try_from(seq.0 % SLOTS).unwrap_or(0);
        let mut state = self.lock();
        loop {
            state.check()?;
            let fits = state.batches == 0 || state.bytes.saturating_add(bytes) <= self.bytes_max;
            let free = state.slots.get(index).is_some_and(Option::is_none);
            if fits && free {
                break;
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.bytes = state.bytes.saturating_add(bytes);
        state.batches += 1;
        if let (Some(slot), Some(left)) = (state.slots.get_mut(index), self.left.get(index)) {
            *slot = Some(InFlight { seq, bytes });
            left.store(records, Ordering::Release);
        }
        Ok(Slot(index))
    }

    /// One record of a batch is delivered; the last one acknowledges the batch.
    pub(super) fn delivered(&self, slot: Slot) {
        let Some(left) = self.left.get(slot.0) else {
            return;
        };
        if left.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let done = {
            let mut state = self.lock();
            let done = state.slots.get_mut(slot.0).and_then(Option::take);
            if let Some(done) = done {
                state.bytes = state.bytes.saturating_sub(done.bytes);
                state.batches = state.batches.saturating_sub(1);
            }
            self.changed.notify_all();
            done
        };
        self.health.delivered();
        if let Some(done) = done {
            self.acked(done.seq);
        }
    }

    /// Tells the pipeline that a batch is delivered.
    pub(super) fn acked(&self, seq: BatchSeq) {
        (self.deliveries)(Delivery::Acked(seq));
    }

    /// Ends the sink and tells the pipeline why, unless it was told before.
    pub(super) fn fail(&self, error: SinkError) {
        let first = {
            let mut state = self.lock();
            let first = state.failure.is_none();
            if first {
                state.failure = Some(error.clone());
            }
            self.changed.notify_all();
            first
        };
        if first && !self.stopping.load(Ordering::Acquire) {
            (self.deliveries)(Delivery::Failed(error));
        }
    }

    /// Ends the sink with an error that its caller gets as a return value: the first one there was.
    pub(super) fn refuse(&self, error: SinkError) -> SinkError {
        let mut state = self.lock();
        self.changed.notify_all();
        state.failure.get_or_insert(error).clone()
    }

    /// Notes a failure for the delivery thread to look into.
    pub(super) fn suspect(&self, suspect: Suspect) {
        self.lock().suspect.get_or_insert(suspect);
    }

    pub(super) fn take_suspect(&self) -> Option<Suspect> {
        self.lock().suspect.take()
    }

    /// Whether a failure is reported or about to be.
    pub(super) fn is_failing(&self) -> bool {
        let state = self.lock();
        state.failure.is_some() || state.suspect.is_some()
    }

    /// Waits out a pause, unless a failure or a cancellation ends it.
    pub(super) fn sleep(&self, pause: Duration) -> Result<(), SinkError> {
        let end = Instant::now() + pause;
        let mut state = self.lock();
        loop {
            state.check()?;
            let rest = end.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Ok(());
            }
            state = self.wait(state, rest);
        }
    }

    /// Waits until nothing is in flight.
    pub(super) fn drained(&self, deadline: Instant) -> Result<(), SinkError> {
        let mut state = self.lock();
        loop {
            if let Some(failure) = &state.failure {
                return Err(failure.clone());
            }
            if state.batches == 0 {
                return Ok(());
            }
            let rest = deadline.saturating_duration_since(Instant::now());
            if rest.is_zero() {
                return Err(SinkError::NotFlushed {
                    batches: state.batches,
                });
            }
            state = self.wait(state, rest);
        }
    }

    pub(super) fn cancel(&self) {
        self.lock().cancelled = true;
        self.changed.notify_all();
    }

    pub(super) fn in_flight_bytes(&self) -> usize {
        self.lock().bytes
    }

    pub(super) fn in_flight_batches(&self) -> usize {
        self.lock().batches
    }

    /// For the delivery thread to hold: if it unwinds, nobody waits for it for ever.
    pub(super) fn guard(&self) -> Guard<'_> {
        Guard(self)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, rest: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, rest)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn check(&self) -> Result<(), SinkError> {
        match &self.failure {
            Some(failure) => Err(failure.clone()),
            None if self.cancelled => Err(SinkError::Cancelled),
            None => Ok(()),
        }
    }
}

/// Fails the sink when the thread that holds it panics.
pub(super) struct Guard<'a>(&'a Flow);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            // Not by `fail`: the pipeline's own callback may be what panicked.
            self.0.refuse(SinkError::ThreadLost);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;

    fn flow(bytes_max: usize) -> (Arc<Flow>, mpsc::Receiver<Delivery>) {
        let (sender, receiver) = mpsc::channel();
        let deliveries: Deliveries = Arc::new(move |delivery| drop(sender.send(delivery)));
        (Arc::new(Flow::new(bytes_max, deliveries)), receiver)
    }

    /// Starts a reservation on another thread, which must not succeed at once.
    fn blocked(
        flow: &Arc<Flow>,
        seq: u64,
        bytes: usize,
    ) -> mpsc::Receiver<Result<Slot, SinkError>> {
        let (sender, receiver) = mpsc::channel();
        let flow = Arc::clone(flow);
        thread::spawn(move || sender.send(flow.reserve(BatchSeq(seq), 1, bytes)).unwrap());
        let early = receiver.recv_timeout(Duration::from_millis(50));
        assert!(early.is_err(), "batch {seq} did not wait: {early:?}");
        receiver
    }

    fn wait(receiver: &mpsc::Receiver<Result<Slot, SinkError>>) -> Result<Slot, SinkError> {
        receiver.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn the_last_record_acknowledges_the_batch() {
        let (flow, seen) = flow(100);
        let slot = flow.reserve(BatchSeq(1), 2, 60).unwrap();
        flow.delivered(slot);
        assert!(seen.try_recv().is_err());
        assert_eq!((flow.in_flight_bytes(), flow.in_flight_batches()), (60, 1));
        flow.delivered(slot);
        assert!(matches!(seen.try_recv(), Ok(Delivery::Acked(BatchSeq(1)))));
        assert_eq!((flow.in_flight_bytes(), flow.in_flight_batches()), (0, 0));
    }

    #[test]
    fn a_batch_waits_for_the_bytes_of_others() {
        let (flow, _seen) = flow(100);
        let first = flow.reserve(BatchSeq(1), 1, 60).unwrap();
        let second = blocked(&flow, 2, 41);
        flow.delivered(first);
        wait(&second).unwrap();
    }

    #[test]
    fn a_batch_beyond_the_budget_goes_alone() {
        let (flow, _seen) = flow(100);
        let first = flow.reserve(BatchSeq(1), 1, 1).unwrap();
        let second = blocked(&flow, 2, 1_000_000);
        flow.delivered(first);
        let slot = wait(&second).unwrap();
        let third = blocked(&flow, 3, 1);
        flow.delivered(slot);
        wait(&third).unwrap();
    }

    #[test]
    fn a_batch_waits_for_its_place_in_the_ring() {
        let (flow, _seen) = flow(usize::MAX);
        let mut slots = Vec::new();
        for seq in 1..=SLOTS {
            slots.push(flow.reserve(BatchSeq(seq), 1, 1).unwrap());
        }
        // The other slots being free again does not help the batch after the oldest.
        for slot in &slots[1..] {
            flow.delivered(*slot);
        }
        let next = blocked(&flow, SLOTS + 1, 1);
        flow.delivered(slots[0]);
        assert_eq!(wait(&next).unwrap(), slots[0]);
    }

    #[test]
    fn cancelling_ends_every_wait() {
        let (flow, _seen) = flow(100);
        flow.reserve(BatchSeq(1), 1, 100).unwrap();
        let second = blocked(&flow, 2, 1);
        flow.cancel();
        assert!(matches!(wait(&second), Err(SinkError::Cancelled)));
        assert!(matches!(
            flow.sleep(Duration::from_secs(60)),
            Err(SinkError::Cancelled)
        ));
    }

    #[test]
    fn a_failure_ends_every_wait_and_is_told_once() {
        let (flow, seen) = flow(100);
        flow.reserve(BatchSeq(1), 1, 100).unwrap();
        let second = blocked(&flow, 2, 1);
        flow.fail(SinkError::OutputClosed);
        flow.fail(SinkError::ThreadLost);
        assert!(matches!(wait(&second), Err(SinkError::OutputClosed)));
        assert!(matches!(
            flow.refuse(SinkError::ThreadLost),
            SinkError::OutputClosed
        ));
        assert!(matches!(
            flow.drained(Instant::now()),
            Err(SinkError::OutputClosed)
        ));
        assert!(matches!(
            seen.try_recv(),
            Ok(Delivery::Failed(SinkError::OutputClosed))
        ));
        assert!(seen.try_recv().is_err());
    }

    #[test]
    fn draining_says_how_many_batches_are_left() {
        let (flow, _seen) = flow(100);
        let slot = flow.reserve(BatchSeq(1), 1, 1).unwrap();
        let left = flow
            .drained(Instant::now() + Duration::from_millis(20))
            .unwrap_err();
        assert!(
            matches!(left, SinkError::NotFlushed { batches: 1 }),
            "{left}"
        );
        flow.delivered(slot);
        flow.drained(Instant::now()).unwrap();
    }

    #[test]
    fn a_panic_of_the_delivery_thread_ends_the_waits() {
        let (flow, _seen) = flow(100);
        flow.reserve(BatchSeq(1), 1, 100).unwrap();
        let second = blocked(&flow, 2, 1);
        let thread = thread::spawn({
            let flow = Arc::clone(&flow);
            move || {
                let _guard = flow.guard();
                panic!("as the test wants");
            }
        });
        thread.join().unwrap_err();
        assert!(matches!(wait(&second), Err(SinkError::ThreadLost)));
    }
}
