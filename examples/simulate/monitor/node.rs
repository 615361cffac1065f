//! What the monitor keeps of one place.

use std::time::Duration;

use perennial::tree::{Rung, State, Told};

/// What is left of an incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Own {
    Nothing,
    Code,
    Left,
}

/// What is known of a place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Declared, and not forgotten since.
    pub(super) is_there: bool,
    pub(super) incarnation: u64,
    pub(super) state: State,
    pub(super) told: Option<Told>,
    /// It belongs to a fall that has not been reset.
    pub(super) falls: bool,
    /// Its last exit was unexpected, and is not answered.
    pub(super) is_open: bool,
    pub(super) own: Own,
    pub(super) rung: Rung,
    /// When the next rung is due, or the start.
    pub(super) due: Option<Duration>,
    /// How many of those declared below it are there.
    pub(super) children: usize,
    /// How many incarnations at and below it have not ended.
    pub(super) living: usize,
    /// The step in which it was reset last, or started.
    pub(super) scheduled_in: u64,
    pub(super) started_in: u64,
    pub(super) group: Option<usize>,
}

impl Node {
    pub(super) const fn nothing() -> Self {
        Self {
            is_there: false,
            incarnation: 0,
            state: State::Waiting,
            told: None,
            falls: false,
            is_open: false,
            own: Own::Nothing,
            rung: Rung::None,
            due: None,
            children: 0,
            living: 0,
            scheduled_in: 0,
            started_in: 0,
            group: None,
        }
    }

    /// Neither falls nor stops.
    pub(super) fn stands(&self) -> bool {
        let is_up = self.state.is_live() && self.state != State::Stopping;
        let is_untold = self.told.is_none() && !self.falls;
        self.is_there && is_untold && (is_up || self.state == State::Done)
    }
}
