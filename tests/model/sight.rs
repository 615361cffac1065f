//! What is seen of the naive tree from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use perennial::tree::State;

use crate::compare::Seen;
use crate::naive::{Key, Naive, Own};

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

    pub(crate) fn seen(&self, now: Duration) -> BTreeMap<String, Seen> {
        let seen = self.nodes.values().map(|node| {
            let seen = Seen {
                state: node.state,
                down: node.down.filter(|_| node.state == State::Down),
                told: node.told.as_ref().map(|(told, by)| (*told, by.to_string())),
                rung: node.rung,
                runs: node.own == Own::Code,
                ending: if let Own::Owned(left) = node.own {
                    left
                } else {
                    0
                },
                attempt: node.failures + 1,
                due: node
                    .fall
                    .as_ref()
                    .and_then(|fall| fall.due)
                    .map(|due| due.saturating_sub(now)),
            };
            (node.path.to_string(), seen)
        });
        seen.collect()
    }

    /// The present incarnation at a path.
    pub(crate) fn incarnation(&self, path: &str) -> Option<u64> {
        let found = self.nodes.values().find(|node| node.path == *path);
        found.map(|node| node.incarnation)
    }
}
