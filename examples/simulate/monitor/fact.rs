//! What the monitor judges: what the core was told, and what it answered.

use std::time::Duration;

use perennial::tree::{Intent, OrderKind, Signal};

use crate::choices::How;
use crate::world::Spot;

/// What the core was told.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// Nothing: it was let go on.
    Pass,
    Declared {
        by: u64,
        group: Option<usize>,
        members: Vec<Spot>,
    },
    Signal {
        by: u64,
        signal: Signal,
    },
    Exit {
        by: u64,
        said: Intent,
        how: How,
        left: usize,
    },
    Ended {
        by: u64,
    },
    OwnedPanic {
        by: u64,
    },
    Ordered {
        to: Spot,
        order: OrderKind,
    },
    Reconfigured {
        to: Spot,
    },
    Stop {
        within: Option<Duration>,
    },
}

/// What the core answers after a fact, beside its actions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) now: Duration,
    /// How many messages were found to be stale.
    pub(crate) stale: u64,
    pub(crate) next_deadline: Option<Duration>,
    pub(crate) is_settled: bool,
    /// Whether what was ordered is not done.
    pub(crate) is_refused: bool,
}
