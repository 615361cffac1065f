//! What is seen of the naive tree from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use perennial::Path;
use perennial::tree::State;

use crate::naive::compare::Seen;
use crate::naive::{Key, Naive, Node, Own};

impl Naive {
    /// R11.
    pub(crate) fn is_finished(&self, key: Key) -> bool {
        let node = &self.nodes[&key];
        let below = self.children(key);
        match node.state {
            State::Down => self
                .subtree(key)
                .into_iter()
                .all(|key| self.nodes[&key].is_gone()),
            State::Done => node.is_gone() && below.into_iter().all(|key| self.is_finished(key)),
            _ => false,
        }
    }

    /// R12.
    pub(crate) fn is_settled(&self, key: Key) -> bool {
        let node = &self.nodes[&key];
        match node.state {
            State::Healthy => true,
            State::Done | State::Down => node.is_gone(),
            _ => self.is_below_down(key) && node.is_gone(),
        }
    }

    pub(crate) fn is_below_down(&self, key: Key) -> bool {
        let parent = self.nodes[&key].parent;
        parent.is_some_and(|key| self.nodes[&key].state == State::Down || self.is_below_down(key))
    }

    pub(crate) fn is_all_settled(&self) -> bool {
        self.ended.is_some() || self.nodes.keys().all(|key| self.is_settled(*key))
    }

    /// R12: every node was healthy or done once since it fell last.
    pub(crate) fn is_ready(&self) -> bool {
        let runs = self.stopping.is_none() && self.ended.is_none();
        let mut nodes = self.nodes.iter();
        let is_ready = |key: &Key| self.nodes[key].state == State::Down || self.is_below_down(*key);
        runs && nodes.all(|(key, node)| node.was_ready || is_ready(key))
    }

    /// Each node before its children, as the core shows them.
    pub(crate) fn seen(&self, now: Duration) -> Vec<Seen> {
        let mut below = BTreeMap::<_, Vec<_>>::new();
        for (key, node) in self.nodes.iter().rev() {
            below.entry(node.parent).or_default().push(*key);
        }
        let mut seen = Vec::with_capacity(self.nodes.len());
        let mut next = below.remove(&None).unwrap_or_default();
        while let Some(key) = next.pop() {
            seen.push(self.nodes[&key].seen(now));
            next.append(&mut below.remove(&Some(key)).unwrap_or_default());
        }
        seen
    }

    /// The present incarnation at a path.
    pub(crate) fn incarnation(&self, path: &Path) -> Option<u64> {
        let found = self.nodes.values().find(|node| node.path == *path);
        found.map(|node| node.incarnation)
    }
}

impl Node {
    fn seen(&self, now: Duration) -> Seen {
        let due = self.fall.as_ref().and_then(|fall| fall.due);
        Seen {
            path: self.path.clone(),
            state: self.state,
            down: self.down.filter(|_| self.state == State::Down),
            told: self.told.clone(),
            rung: self.rung,
            runs: self.own == Own::Code,
            ending: match self.own {
                Own::Owned(left) => left,
                Own::Nothing | Own::Code => 0,
            },
            attempt: self.failures + 1,
            due: due.map(|due| due.saturating_sub(now)),
        }
    }
}
