//! The ledger of an incarnation: what it declared, said and owns, checked where it is said (R3,
//! R14).
//!
//! One short lock, never held across an await and never around the tree. Checking and queueing are
//! one critical section: what was accepted stands in the queue before the incarnation's exit, so
//! the core may take it for granted.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::name::Name;
use crate::runtime::sync::AbortHandle;
use crate::tree::Signal;

/// What an incarnation declared, said and owns.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) stage: Stage,
    /// The names of children and groups, while they can still grow.
    pub(super) names: BTreeSet<Name>,
    /// How many of the names are children's.
    pub(super) children: usize,
    pub(super) said: [bool; 4],
    pub(super) owned: BTreeMap<u64, Belonging>,
    pub(super) next_owned: u64,
    /// What it owns was aborted; what it still comes to own is aborted at once.
    pub(super) is_aborted: bool,
}

/// What an incarnation may still do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// Declare children.
    #[default]
    Starting,
    /// Serve: its children are declared.
    Serving,
    /// End: it was asked to stop.
    Asked,
    /// Nothing: it has returned.
    Returned,
}

/// Something that an incarnation owns.
#[derive(Debug)]
pub(super) enum Belonging {
    /// A task; its handle is there once it was spawned.
    Task(Option<AbortHandle>),
    /// A hold, by name.
    Hold(Cow<'static, str>),
}

impl Ledger {
    /// Notes a signal; `false` if it was said before.
    pub(super) fn say(&mut self, signal: Signal) -> bool {
        let index = match signal {
            Signal::Healthy => 0,
            Signal::Done => 1,
            Signal::Restart => 2,
            Signal::GiveUp => 3,
        };
        if matches!(signal, Signal::Healthy | Signal::Done) {
            self.advance(Stage::Serving);
        }
        !std::mem::replace(&mut self.said[index], true)
    }

    /// Goes on to a later stage. Nothing is declared from there on.
    pub(super) fn advance(&mut self, stage: Stage) {
        self.stage = self.stage.max(stage);
        self.names = BTreeSet::new();
    }

    pub(super) fn own(&mut self, owned: Belonging) -> u64 {
        let key = self.next_owned;
        self.next_owned += 1;
        self.owned.insert(key, owned);
        key
    }
}
