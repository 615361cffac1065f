//! The ledger of an incarnation: what it declared, said and owns, checked where it is said (R3,
//! R14).
//!
//! One short lock, never held across an await and never around the tree. Checking and queueing are
//! one critical section: what was accepted stands in the queue before the incarnation's exit, so
//! the core may take it for granted.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use crate::name::Name;
use crate::runtime::sync::AbortHandle;
use crate::tree::Signal;

/// What an incarnation declared, said and owns.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) stage: Stage,
    /// What was declared, while that can still grow. Most incarnations declare nothing.
    declared: Option<Box<Names>>,
    pub(super) said: [bool; 4],
    pub(super) owned: BTreeMap<u64, Belonging>,
    pub(super) next_owned: u64,
    /// What it owns was aborted; what it still comes to own is aborted at once.
    pub(super) is_aborted: bool,
}

/// The names of children and groups.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: HashSet<Name, foldhash::fast::RandomState>,
    /// How many of them are children's.
    pub(super) children: usize,
}

impl Names {
    pub(super) fn contains(&self, name: &Name) -> bool {
        self.all.contains(name)
    }

    pub(super) fn add_label(&mut self, label: Name) {
        self.all.insert(label);
    }

    pub(super) fn add_child(&mut self, name: Name) {
        self.all.insert(name);
        self.children += 1;
    }

    pub(super) fn add_all(&mut self, more: Self) {
        self.all.extend(more.all);
        self.children += more.children;
    }
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
        self.declared = None;
    }

    /// What was declared so far.
    pub(super) fn declared(&self) -> Option<&Names> {
        self.declared.as_deref()
    }

    /// Where declarations are noted.
    pub(super) fn declarations(&mut self) -> &mut Names {
        self.declared.get_or_insert_default()
    }

    /// Frees the name of a child that was removed.
    pub(super) fn free(&mut self, child: &Name) {
        let Some(names) = &mut self.declared else {
            return;
        };
        if names.all.remove(child) {
            names.children -= 1;
        }
    }

    pub(super) fn own(&mut self, owned: Belonging) -> u64 {
        let key = self.next_owned;
        self.next_owned += 1;
        self.owned.insert(key, owned);
        key
    }
}
