//! Groups, and falls: those that were declared together, and those that fell together.

use std::sync::Arc;
use std::time::Duration;

use crate::name::Name;
use crate::tree::evidence::Evidence;
use crate::tree::intensity::Window;
use crate::tree::options::{GroupOptions, Sequence};
use crate::tree::state::{Down, State};

/// Members that were declared together under a label.
#[derive(Clone, Debug)]
pub(super) struct Group {
    pub(super) label: Name,
    pub(super) options: GroupOptions,
    /// In order of declaration.
    pub(super) members: Vec<usize>,
    pub(super) window: Option<Window>,
    /// How many members were neither healthy, done nor down so far: while there are any, the group
    /// is in its start phase (R10b).
    pub(super) unstarted: usize,
}

impl Group {
    pub(super) fn is_in_order(&self) -> bool {
        self.options.sequence == Sequence::InOrder
    }

    /// Its members that are not down, and this one.
    pub(super) fn standing(&self, state: impl Fn(usize) -> State, one: usize) -> Vec<usize> {
        let members = self.members.iter().copied();
        members
            .filter(|member| *member == one || state(*member) != State::Down)
            .collect()
    }
}

/// A node that died and those that fell with it: the unit of a restart (R6, R7).
#[derive(Clone, Debug)]
pub(super) struct Fall {
    /// The member that fell for itself, first.
    pub(super) top: usize,
    /// In order of declaration. Those that are down do not rise, but are waited for.
    pub(super) members: Vec<usize>,
    /// Tells it from all other falls and stops.
    pub(super) number: u64,
    /// How many members are not out yet.
    pub(super) outstanding: usize,
    pub(super) phase: Phase,
    /// The earliest time of the rise that the fall has been given.
    pub(super) not_before: Duration,
    pub(super) fate: Fate,
}

/// What becomes of a fall when all of it has ended.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It rises, after a backoff.
    Rise,
    /// It rises without a delay, by order.
    RiseAtOnce,
    /// It stays down, and its top escalates if there is evidence for it.
    Down {
        reason: Down,
        escalates: Option<Arc<Evidence>>,
    },
}

/// Where a fall stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Something of it has not ended.
    Falling,
    /// All of it has ended; the pass raises it in this turn.
    Ready(u64),
    /// It was reset and starts at this time.
    Rising(Duration),
}

impl Fall {
    /// The earliest time at which it may rise, as far as that is known.
    pub(super) fn earliest(&self) -> Duration {
        match self.phase {
            Phase::Falling | Phase::Ready(_) => self.not_before,
            Phase::Rising(due) => due,
        }
    }
}
