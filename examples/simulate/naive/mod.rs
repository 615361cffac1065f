//! The naive tree: a second implementation of the rules, written from their text. It keeps no
//! counters, no queues and no table of falls; whatever it wants to know it looks for in all nodes.
//! This file holds what a node is; `facts`, `falls`, `passes` and `sight` hold what becomes of it,
//! and `compare` how it is held against the core. The simulator and `tests/model.rs` share it.

pub(crate) mod compare;
mod facts;
mod falls;
mod flaw;
mod passes;
mod sight;

use std::collections::BTreeMap;
use std::time::Duration;

use perennial::tree::{Down, Health, Intent, Kind, Outcome, Restart, Rung, Settings, State, Told};
use perennial::{Name, Path};

use crate::choices::Choices;

#[cfg(test)]
pub(crate) use self::flaw::FLAWS;
pub(crate) use self::flaw::Flaw;

/// A place in the naive tree, never reused.
pub(crate) type Key = u64;

/// What is left of an incarnation's own: its code, then what it owned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Own {
    Nothing,
    Code,
    Owned(usize),
}

/// The fall that a node is a member of, or the rise after it.
#[derive(Clone, Debug)]
pub(crate) struct Fall {
    pub(crate) number: u64,
    /// The one that fell by itself.
    pub(crate) top: Key,
    pub(crate) not_before: Duration,
    /// When its members start; `None` until all of them have ended.
    pub(crate) due: Option<Duration>,
}

/// What is remembered of a child of the previous incarnation (R8).
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    failures: u32,
    last_delay: Duration,
    children: BTreeMap<Name, Self>,
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) parent: Option<Key>,
    pub(crate) path: Path,
    /// Where the core keeps it: what falls due at one time is done in this order.
    pub(crate) slot: usize,
    /// The number of its group, if that is one-for-all.
    pub(crate) together: Option<u64>,
    pub(crate) choices: Choices,
    pub(crate) incarnation: u64,
    pub(crate) state: State,
    pub(crate) down: Option<Down>,
    pub(crate) told: Option<(Told, Path)>,
    pub(crate) intent: Intent,
    pub(crate) is_condemned: bool,
    pub(crate) own: Own,
    pub(crate) rung: Rung,
    pub(crate) next_rung: Option<Duration>,
    pub(crate) fall: Option<Fall>,
    pub(crate) failures: u32,
    pub(crate) last_delay: Duration,
    pub(crate) started_at: Duration,
    pub(crate) healthy_at: Option<Duration>,
    pub(crate) was_ready: bool,
    pub(crate) memory: BTreeMap<Name, Memory>,
}

/// How the tree ended: as it should, or because of this node.
pub(crate) type End = Result<Outcome, Path>;

#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) flaw: Option<Flaw>,
    pub(crate) settings: Settings,
    pub(crate) nodes: BTreeMap<Key, Node>,
    /// Counts keys, incarnations, groups and falls.
    pub(crate) numbers: u64,
    pub(crate) was_healthy: bool,
    pub(crate) stopping: Option<Option<Duration>>,
    pub(crate) failure: Option<Path>,
    pub(crate) ended: Option<End>,
    /// Falls that can rise, in the order in which they became ready.
    pub(crate) ready: Vec<u64>,
    pub(crate) pass_due: Option<Duration>,
    pub(crate) stale: u64,
}

pub(crate) const ROOT: Key = 1;

impl Naive {
    pub(crate) fn new(settings: Settings, root: Choices, flaw: Option<Flaw>) -> Self {
        let mut naive = Self {
            flaw,
            settings,
            nodes: BTreeMap::new(),
            numbers: 0,
            was_healthy: false,
            stopping: None,
            failure: None,
            ended: None,
            ready: Vec::new(),
            pass_due: None,
            stale: 0,
        };
        naive.insert(None, Path::root(), root, None);
        naive
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    pub(crate) fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    pub(crate) fn insert(
        &mut self,
        parent: Option<Key>,
        path: Path,
        choices: Choices,
        group: Option<u64>,
    ) {
        let (key, incarnation) = (self.number(), self.number());
        let memory = parent.and_then(|parent| self.at(parent).memory.remove(path.name()));
        let memory = memory.filter(|_| !self.has(Flaw::NamesAreForgotten));
        let memory = memory.unwrap_or_else(Memory::nothing);
        let node = Node {
            parent,
            path,
            slot: 0,
            together: group,
            choices,
            incarnation,
            state: State::Waiting,
            down: None,
            told: None,
            intent: Intent::Nothing,
            is_condemned: false,
            own: Own::Nothing,
            rung: Rung::None,
            next_rung: None,
            fall: None,
            failures: memory.failures,
            last_delay: memory.last_delay,
            started_at: Duration::ZERO,
            healthy_at: None,
            was_ready: false,
            memory: memory.children,
        };
        self.nodes.insert(key, node);
    }

    pub(crate) fn at(&mut self, key: Key) -> &mut Node {
        self.nodes
            .get_mut(&key)
            .expect("the key is of a node that is there")
    }

    pub(crate) fn children(&self, key: Key) -> Vec<Key> {
        let children = self
            .nodes
            .iter()
            .filter(|(_, node)| node.parent == Some(key));
        children.map(|(key, _)| *key).collect()
    }

    /// The node and all below it.
    pub(crate) fn subtree(&self, key: Key) -> Vec<Key> {
        let below = self
            .children(key)
            .into_iter()
            .flat_map(|child| self.subtree(child));
        std::iter::once(key).chain(below).collect()
    }

    /// The node whose present incarnation this is; none after the end (L10).
    pub(crate) fn resolve(&mut self, incarnation: u64) -> Option<Key> {
        let found = self
            .nodes
            .iter()
            .find(|(_, node)| node.incarnation == incarnation);
        let found = found.map(|(key, _)| *key);
        let found = found.filter(|_| self.ended.is_none());
        self.stale += u64::from(found.is_none());
        found
    }
}

impl Memory {
    fn nothing() -> Self {
        Self {
            failures: 0,
            last_delay: Duration::ZERO,
            children: BTreeMap::new(),
        }
    }

    pub(crate) fn of(naive: &Naive, key: Key) -> Self {
        let node = &naive.nodes[&key];
        let children = naive.children(key).into_iter();
        let named = children.map(|child| {
            (
                naive.nodes[&child].path.name().clone(),
                Self::of(naive, child),
            )
        });
        Self {
            failures: node.failures,
            last_delay: node.last_delay,
            children: named.collect(),
        }
    }

    pub(crate) fn into_children(self) -> BTreeMap<Name, Self> {
        self.children
    }
}

impl Node {
    pub(crate) fn is_pool(&self) -> bool {
        self.choices.kind == Kind::Pool
    }

    pub(crate) fn is_temporary(&self) -> bool {
        self.choices.restart == Restart::Temporary
    }

    pub(crate) fn is_healthy_at_start(&self) -> bool {
        self.is_pool() || self.choices.health == Health::AtStart
    }

    pub(crate) fn told(&self) -> Option<Told> {
        self.told.as_ref().map(|(told, _)| *told)
    }

    pub(crate) fn told_by(&self) -> Path {
        self.told
            .as_ref()
            .map_or_else(|| self.path.clone(), |(_, by)| by.clone())
    }

    /// What a child hears that is declared now.
    pub(crate) fn below_is_told(&self) -> Option<Told> {
        let falls = self.state.has_exited() && self.state != State::Done;
        self.told()
            .or_else(|| falls.then_some(Told::Parent))
            .map(|told| told.max(Told::Parent))
    }

    /// Ended, or leaked and waited for no longer.
    pub(crate) fn is_gone(&self) -> bool {
        self.own == Own::Nothing || self.rung == Rung::Leaked
    }

    /// Whether it runs, or will.
    pub(crate) fn is_alive(&self) -> bool {
        self.own != Own::Nothing || self.state == State::Waiting || self.fall.is_some()
    }
}
