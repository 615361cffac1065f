//! The falls of which all has ended, in the order in which they became ready for the pass (R7).

use std::collections::BTreeMap;
use std::time::Duration;

/// The falls that the next pass raises, and when that is due. Bounded by one entry a fall.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    falls: BTreeMap<u64, usize>,
    turns: u64,
    due: Option<Duration>,
}

impl Ready {
    /// Adds a fall, and returns its turn.
    pub(super) fn push(&mut self, fall: usize) -> u64 {
        self.turns += 1;
        self.falls.insert(self.turns, fall);
        self.turns
    }

    /// Takes a fall out that was dissolved before its turn came. What absorbs it keeps its time.
    pub(super) fn forget(&mut self, turn: u64) {
        self.falls.remove(&turn);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.falls.is_empty()
    }

    /// When the pass is due, once it was asked for: the core is dirty.
    pub(super) const fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Whether the pass may run at `now`. The first to ask makes it wait for others to join.
    pub(super) fn is_due(&mut self, now: Duration, interval: Duration) -> bool {
        if self.falls.is_empty() {
            self.due = None;
            return false;
        }
        *self.due.get_or_insert_with(|| now.saturating_add(interval)) <= now
    }

    /// Takes the fall whose turn it is; after the last one, nothing is dirty.
    pub(super) fn pop(&mut self) -> Option<usize> {
        let next = self.falls.pop_first();
        if next.is_none() {
            self.due = None;
        }
        next.map(|(_, fall)| fall)
    }

    /// Forgets all, as the tree has ended.
    pub(super) fn clear(&mut self) {
        self.falls.clear();
        self.due = None;
    }
}
