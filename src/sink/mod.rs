//! The sink: takes batches of records, gives one acknowledgement per batch, in any order.
//!
//! A sink never decides what to do about a failure: it reports it and stops taking batches.

pub mod batch;

use std::sync::Arc;

use batch::{Batch, BatchSeq};

/// What a sink tells the pipeline, from whichever thread notices it.
#[derive(Debug)]
pub enum Delivery {
    /// Every record of the batch is where it belongs for good.
    Acked(BatchSeq),
    /// The sink cannot go on.
    Failed(SinkError),
}

/// Where a sink sends its [`Delivery`] messages; never blocks.
pub type Deliveries = Arc<dyn Fn(Delivery) + Send + Sync>;

/// Where records go. Used by one thread.
pub trait Sink: Send {
    /// Takes every record of the batch, in order; blocks while the sink is full.
    ///
    /// The batch belongs to the caller again on return. Its acknowledgement comes by [`Deliveries`].
    ///
    /// # Errors
    /// Whatever keeps a record from being taken; the sink is of no use afterwards.
    fn send(&mut self, batch: &Batch) -> Result<(), SinkError>;

    /// Called when no batch is waiting: what is buffered goes out now.
    ///
    /// # Errors
    /// As `send`.
    fn idle(&mut self) -> Result<(), SinkError>;
}

/// Why a sink cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {}
