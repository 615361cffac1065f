//! What an actor is to be, and where it is reached while it runs.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::stage::{Running, Stage};

/// What an actor is to be, of which `R` is the reference.
pub(crate) struct Part<R> {
    stage: Stage,
    seats: Seats<R>,
    index: usize,
    /// How many are below it, each below the one before.
    below: usize,
}

impl<R> Part<R> {
    /// Parts that stand side by side, with so many below each.
    pub(crate) fn all(stage: &Stage, count: usize, below: usize) -> (Vec<Self>, Seats<R>) {
        let seats = Seats::default();
        let part = |index| Self {
            stage: stage.clone(),
            seats: seats.clone(),
            index,
            below,
        };
        ((0..count).map(part).collect(), seats)
    }

    /// The part below this one.
    pub(crate) fn next(&self) -> Option<Self> {
        let below = self.below.checked_sub(1)?;
        let mut next = self.clone();
        (next.index, next.below) = (self.index + 1, below);
        Some(next)
    }

    /// Enters the stage, where it can be reached if it is to fail.
    pub(crate) fn enter(&self, me: R) -> Running {
        if self.stage.is_failing(self.index) {
            self.seats.0.lock().push(me);
        }
        self.stage.enter()
    }
}

impl<R> Clone for Part<R> {
    fn clone(&self) -> Self {
        Self {
            stage: self.stage.clone(),
            seats: self.seats.clone(),
            ..*self
        }
    }
}

/// Where the actors that are to fail are reached.
pub(crate) struct Seats<R>(Arc<Mutex<Vec<R>>>);

impl<R> Seats<R> {
    /// Takes all who are there; who starts again is there again.
    pub(crate) fn take(&self) -> Vec<R> {
        std::mem::take(&mut self.0.lock())
    }
}

impl<R> Clone for Seats<R> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R> Default for Seats<R> {
    fn default() -> Self {
        Self(Arc::default())
    }
}
