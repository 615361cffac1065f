//! What most nodes never have: kept apart from the node, so that a node is small.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::name::Name;
use crate::tree::action::Id;
use crate::tree::evidence::Cause;
use crate::tree::intensity::Windows;
use crate::tree::limits::Limits;
use crate::tree::memory::Memories;
use crate::tree::node::Node;
use crate::tree::options::Options;

/// What most nodes never have. A node makes it when it first has any of it, and drops it when
/// nothing of it is left.
#[derive(Clone, Debug)]
pub(super) struct Rare {
    /// How many leaks there are in this subtree.
    pub(super) leaks: usize,
    /// What fell with its last incarnation and leaked. Bounded by the members of its group.
    pub(super) fell_beside: Vec<Id>,
    /// In which stop or fall it was held last; 0 for none.
    pub(super) held_in: u64,
    /// Those whose turn may come when this node is out, returns or is asked. Bounded by one entry
    /// for each earlier sibling and each child.
    pub(super) waiters: Vec<usize>,
    /// When its time is up: to start, to run, or to beat.
    pub(super) limits: Limits,
    /// Why it will be read as dead however it returns.
    pub(super) condemned: Option<Cause>,
    /// Where the report of the tree's stop has it.
    pub(super) reported: Option<usize>,
    /// What is remembered of the children of its previous incarnation.
    pub(super) memories: Memories,
    /// What was chosen for it since it started; holds from its next start.
    pub(super) next_options: Option<Arc<Options>>,
    /// The budgets that it counts.
    pub(super) windows: Option<Box<Windows>>,
    /// Its children by name, made when somebody looks for one of many.
    pub(super) names: Option<BTreeMap<Name, usize>>,
}

/// What a node has that has nothing of it.
static NOTHING: Rare = Rare::new();

impl Rare {
    const fn new() -> Self {
        Self {
            leaks: 0,
            fell_beside: Vec::new(),
            held_in: 0,
            waiters: Vec::new(),
            limits: Limits::NONE,
            condemned: None,
            reported: None,
            memories: Memories::new(),
            next_options: None,
            windows: None,
            names: None,
        }
    }

    fn is_nothing(&self) -> bool {
        let Self {
            leaks,
            fell_beside,
            held_in,
            waiters,
            limits,
            condemned,
            reported,
            memories,
            next_options,
            windows,
            names,
        } = self;
        let is_orderly = *leaks == 0 && fell_beside.is_empty() && condemned.is_none();
        let is_free = *held_in == 0 && waiters.is_empty() && reported.is_none();
        let is_plain = limits.is_none() && next_options.is_none() && windows.is_none();
        is_orderly && is_free && is_plain && memories.is_empty() && names.is_none()
    }
}

impl Node {
    /// What it has of what most nodes never have.
    pub(super) fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&NOTHING)
    }

    /// The same, to put something in.
    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_with(|| Box::new(Rare::new()))
    }

    /// Takes something out. Where there is nothing at all, it takes nothing.
    pub(super) fn take_rare<T: Default>(&mut self, take: impl FnOnce(&mut Rare) -> T) -> T {
        let Some(rare) = &mut self.rare else {
            return T::default();
        };
        let taken = take(rare);
        if rare.is_nothing() {
            self.rare = None;
        }
        taken
    }

    /// How many leaks there are in its subtree.
    pub(super) fn leaks(&self) -> usize {
        self.rare().leaks
    }

    pub(super) fn forget_memories(&mut self) {
        self.take_rare(|rare| rare.memories.clear());
    }

    pub(super) fn windows_mut(&mut self) -> Option<&mut Windows> {
        self.rare.as_mut()?.windows.as_deref_mut()
    }

    pub(super) fn names_mut(&mut self) -> Option<&mut BTreeMap<Name, usize>> {
        self.rare.as_mut()?.names.as_mut()
    }
}
