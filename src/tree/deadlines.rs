//! What is due when: one ordered set, so that the processor needs one timer.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::tree::limits::Limit;

/// Something that becomes due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// The start of a fall that has risen.
    Rise(usize),
    /// The next rung of the node in this slot.
    Rung(usize),
    /// A time limit of the node in this slot.
    Limit(Limit, usize),
    /// The deadline of the tree's stop.
    Stop,
}

/// All that will become due. Bounded by one entry a fall, a rung and three limits a
/// node, and one for the tree's stop.
#[derive(Clone, Debug, Default)]
pub(super) struct Deadlines(BTreeSet<(Duration, Due)>);

impl Deadlines {
    pub(super) fn insert(&mut self, at: Duration, due: Due) {
        self.0.insert((at, due));
    }

    pub(super) fn remove(&mut self, at: Duration, due: Due) {
        self.0.remove(&(at, due));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn first(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the earliest entry that is due at `now`.
    pub(super) fn pop(&mut self, now: Duration) -> Option<Due> {
        let (at, due) = *self.0.first()?;
        (at <= now).then(|| {
            self.0.remove(&(at, due));
            due
        })
    }

    pub(super) fn contains(&self, at: Duration, due: Due) -> bool {
        self.0.contains(&(at, due))
    }
}
