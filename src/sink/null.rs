//! A sink that counts and acknowledges at once: what the pipeline costs without one. For
//! measuring (`remora run --sink null`); no file of the configuration can name it.

use std::time::Instant;

use super::Deliveries;
use super::Delivery;
use super::Sink;
use super::SinkError;
use super::batch::Batch;

/// Counts records and bytes.
pub struct NullSink {
    deliveries: Deliveries,
    records: u64,
    bytes: u64,
}

impl NullSink {
    /// A sink that has counted nothing.
    pub fn new(deliveries: Deliveries) -> NullSink {
        NullSink {
            deliveries,
            records: 0,
            bytes: 0,
        }
    }

    /// Records taken.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Bytes of their batches.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Sink for NullSink {
    fn send(&mut self, batch: &Batch) -> Result<(), SinkError> {
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        self.records = self.records.saturating_add(count(batch.records.len()));
        self.bytes = self.bytes.saturating_add(count(batch.bytes.len()));
        (self.deliveries)(Delivery::Acked(batch.seq));
        Ok(())
    }

    fn idle(&mut self) -> Result<(), SinkError> {
        Ok(())
    }

    fn close(&mut self, _deadline: Instant) -> Result<(), SinkError> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::mpsc;

    use super::*;
    use crate::sink::batch::BatchSeq;
    use crate::sink::batch::Record;

    #[test]
    fn it_counts_and_acknowledges() {
        let (sender, receiver) = mpsc::channel();
        let deliveries: Deliveries = Arc::new(move |delivery| sender.send(delivery).unwrap());
        let mut sink = NullSink::new(deliveries);
        let mut batch = Batch {
            seq: BatchSeq(7),
            ..Batch::default()
        };
        batch.bytes.extend_from_slice(b"{}");
        batch.records.extend([Record::default(), Record::default()]);
        sink.send(&batch).unwrap();
        assert_eq!((sink.records(), sink.bytes()), (2, 2));
        assert!(matches!(
            receiver.try_recv(),
            Ok(Delivery::Acked(BatchSeq(7)))
        ));
    }
}
