//! What the monitor keeps of one place.

use std::time::Duration;

use crate::monitor::budgets::Death;
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
    /// Which one, and which the last one was that it rose with; 0 for none.
    pub(super) fall: u64,
    pub(super) rose: u64,
    /// Which one it belonged to when it went down.
    pub(super) left: u64,
    /// An order lets it start in the next pass.
    pub(super) is_launched: bool,
    /// It is the one that fell by itself.
    pub(super) is_top: bool,
    /// And that stays down.
    pub(super) stays_down: bool,
    /// It was ordered to stop, and not to start since (L2).
    pub(super) is_terminated: bool,
    /// It was ordered to start: it does that alone.
    pub(super) starts_alone: bool,
    /// The step in which it did.
    pub(super) alone_in: u64,
    /// What holds since its last start, and what does from the next one.
    pub(super) is_later: bool,
    pub(super) will_be_later: bool,
    /// A significant child has ended, so it may have told those below it to stop.
    pub(super) may_end: bool,
    /// When it died, if a restart is to answer that.
    pub(super) death: Option<Death>,
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
            fall: 0,
            rose: 0,
            left: 0,
            is_launched: false,
            is_top: false,
            stays_down: false,
            is_terminated: false,
            starts_alone: false,
            alone_in: 0,
            is_later: false,
            will_be_later: false,
            may_end: false,
            death: None,
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

    /// It serves, and was not asked to stop, though it may have been told.
    pub(super) fn goes_on(&self) -> bool {
        let is_up = self.state.is_live() && self.state != State::Stopping;
        self.is_there && is_up && self.told.is_none() && self.rung == Rung::None
    }

    /// Neither falls nor stops.
    pub(super) fn stands(&self) -> bool {
        let is_up = self.state.is_live() && self.state != State::Stopping;
        let is_untold = self.told.is_none() && !self.falls;
        self.is_there && is_untold && (is_up || self.state == State::Done)
    }
}
