//! The naive tree: a second implementation of the rules, written from their text. It keeps no
//! counters, no queues and no table of falls; whatever it wants to know it looks for in all nodes.
//!
//! This file and `node` hold what is known; `facts`, `reading`, `falls`, `spent`, `stops`, `turns`,
//! `groups`, `budgets`, `orders`, `passes` and `starts` what becomes of it, `sight` what is seen of
//! it, and `compare` how that is held against the core. The simulator and `tests/model.rs` share
//! it.

mod budgets;
pub(crate) mod compare;
mod facts;
mod falls;
mod flaw;
mod groups;
mod node;
mod orders;
mod passes;
mod reading;
mod sight;
mod spent;
mod starts;
mod stops;
mod turns;

use std::collections::BTreeMap;
use std::time::Duration;

use perennial::Path;
use perennial::tree::{GroupOptions, Outcome, Settings};

use crate::choices::Choices;

use self::budgets::Window;
#[cfg(test)]
pub(crate) use self::flaw::FLAWS;
pub(crate) use self::flaw::Flaw;
pub(crate) use self::node::{Fall, Fate, Limits, Memory, Node, Own};

/// A place in the naive tree, never reused.
pub(crate) type Key = u64;

/// How the tree ended: as it should, or because of this node.
pub(crate) type End = Result<Outcome, Path>;

pub(crate) const ROOT: Key = 1;

/// Members that were declared together.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) options: GroupOptions,
    pub(crate) window: Option<Window>,
    /// All members were healthy, done or down once, so its start phase is over.
    pub(crate) has_started: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Naive {
    pub(crate) flaw: Option<Flaw>,
    pub(crate) settings: Settings,
    pub(crate) nodes: BTreeMap<Key, Node>,
    /// When each incarnation last beat.
    pub(crate) beats: BTreeMap<u64, Duration>,
    pub(crate) groups: BTreeMap<u64, Group>,
    /// Counts keys, incarnations, groups and falls.
    pub(crate) numbers: u64,
    /// Up to when the time has passed.
    pub(crate) now: Duration,
    pub(crate) was_healthy: bool,
    pub(crate) stopping: Option<Option<Duration>>,
    /// Somebody was held in the stop, so it looks again at its deadline.
    pub(crate) looks_again: bool,
    pub(crate) failure: Option<Path>,
    pub(crate) ended: Option<End>,
    /// Falls that can rise, in the order in which they became ready.
    pub(crate) ready: Vec<u64>,
    pub(crate) pass_due: Option<Duration>,
    /// The incarnations that leaked and that their nodes run beside.
    pub(crate) abandoned: Vec<(u64, Path)>,
    pub(crate) stale: u64,
}

impl Naive {
    pub(crate) fn new(settings: Settings, root: Choices, flaw: Option<Flaw>) -> Self {
        let mut naive = Self {
            flaw,
            settings,
            nodes: BTreeMap::new(),
            beats: BTreeMap::new(),
            groups: BTreeMap::new(),
            numbers: 0,
            now: Duration::ZERO,
            was_healthy: false,
            stopping: None,
            looks_again: false,
            failure: None,
            ended: None,
            ready: Vec::new(),
            pass_due: None,
            abandoned: Vec::new(),
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
    ) -> Key {
        let (key, incarnation) = (self.number(), self.number());
        // A pool numbers its children anew, so the same name is another child.
        let known = parent.filter(|parent| !self.nodes[parent].is_pool());
        let memory = known.and_then(|parent| self.at(parent).memory.remove(path.name()));
        let memory = memory.filter(|_| !self.has(Flaw::NamesAreForgotten));
        let memory = memory.unwrap_or_else(Memory::nothing);
        let mut node = Node::new(path, choices, incarnation, memory);
        (node.parent, node.group) = (parent, group);
        self.nodes.insert(key, node);
        key
    }

    pub(crate) fn at(&mut self, key: Key) -> &mut Node {
        self.nodes
            .get_mut(&key)
            .expect("the key is of a node that is there")
    }

    /// Those of which it is true, in order of declaration.
    pub(crate) fn all(&self, is_it: impl Fn(Key, &Node) -> bool) -> Vec<Key> {
        let nodes = self.nodes.iter();
        nodes
            .filter(|(key, node)| is_it(**key, node))
            .map(|(key, _)| *key)
            .collect()
    }

    pub(crate) fn children(&self, key: Key) -> Vec<Key> {
        self.all(|_, node| node.parent == Some(key))
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
        let mut nodes = self.nodes.iter();
        let found = nodes.find(|(_, node)| node.incarnation == incarnation);
        let found = found.map(|(key, _)| *key);
        let found = found.filter(|_| self.ended.is_none());
        self.stale += u64::from(found.is_none());
        found
    }

    /// The present node at a path.
    pub(crate) fn key(&self, path: &Path) -> Option<Key> {
        let mut nodes = self.nodes.iter();
        let found = nodes.find(|(_, node)| node.path == *path);
        found.map(|(key, _)| *key)
    }

    /// The present incarnation at a path.
    pub(crate) fn incarnation(&self, path: &Path) -> Option<u64> {
        Some(self.nodes[&self.key(path)?].incarnation)
    }

    /// Finds who has left its fall, what became ready, and which groups have started.
    pub(crate) fn tidy(&mut self) {
        self.leave_falls();
        self.find_ready();
        self.find_started();
    }
}
