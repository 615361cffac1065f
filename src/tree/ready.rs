//! The falls of which all has ended, in the order in which they became ready for the pass (R7).

use std::collections::VecDeque;
use std::time::Duration;

/// The falls that the next pass raises, and when that is due.
#[derive(Clone, Debug, Default)]
pub(super) struct Ready {
    /// In the order of their turns; none where one was taken out. Bounded by the falls since the
    /// last pass.
    falls: VecDeque<Option<usize>>,
    /// How many of them are left.
    left: usize,
    /// How many turns are over.
    over: u64,
    due: Option<Duration>,
}

impl Ready {
    /// Adds a fall, and returns its turn.
    pub(super) fn push(&mut self, fall: usize) -> u64 {
        let turn = self.over + self.falls.len() as u64;
        self.falls.push_back(Some(fall));
        self.left += 1;
        turn
    }

    /// Takes a fall out that was dissolved before its turn came. What absorbs it keeps its time.
    pub(super) fn forget(&mut self, turn: u64) {
        let place = turn.checked_sub(self.over);
        let place = place.and_then(|place| usize::try_from(place).ok());
        let fall = place.and_then(|place| self.falls.get_mut(place)?.take());
        self.left -= usize::from(fall.is_some());
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.left == 0
    }

    /// When the pass is due, once it was asked for: the core is dirty.
    pub(super) const fn due(&self) -> Option<Duration> {
        self.due
    }

    /// Whether the pass may run at `now`. The first to ask makes it wait for others to join.
    pub(super) fn is_due(&mut self, now: Duration, interval: Duration) -> bool {
        if self.is_empty() {
            self.clear();
            return false;
        }
        *self.due.get_or_insert_with(|| now.saturating_add(interval)) <= now
    }

    /// Takes the fall whose turn it is; after the last one, nothing is dirty.
    pub(super) fn pop(&mut self) -> Option<usize> {
        while let Some(fall) = self.falls.pop_front() {
            self.over += 1;
            if fall.is_some() {
                self.left -= 1;
                return fall;
            }
        }
        self.due = None;
        None
    }

    /// Forgets all, and that anything was due.
    pub(super) fn clear(&mut self) {
        self.over += self.falls.len() as u64;
        self.falls.clear();
        self.left = 0;
        self.due = None;
    }
}
