//! What is seen of the naive tree from outside.

use std::collections::BTreeMap;
use std::time::Duration;

use perennial::tree::State;

use crate::naive::compare::Seen;
use crate::naive::{Key, Naive, Own};

impl Naive {
    /// R11.
    pub(crate) fn is_finished(&self) -> bool {
        self.nodes.keys().all(|key| self.is_over(*key))
    }

    /// Nothing more happens to it by itself, and nothing is waited for.
    fn is_over(&self, key: Key) -> bool {
        let node = &self.nodes[&key];
        let is_over = match node.state {
            State::Done => true,
            // Its fall may have something left to do.
            State::Down => node.fall.is_none(),
            State::Dead | State::Canceled => self.is_taken(key),
            _ => false,
        };
        is_over && node.is_gone()
    }

    /// R12.
    pub(crate) fn is_settled(&self, key: Key) -> bool {
        let node = &self.nodes[&key];
        let serves = node.state == State::Healthy && node.told.is_none();
        serves || self.is_over(key)
    }

    pub(crate) fn is_all_settled(&self) -> bool {
        self.ended.is_some() || self.nodes.keys().all(|key| self.is_settled(*key))
    }

    /// R12: every node was healthy or done once since it fell last.
    pub(crate) fn is_ready(&self) -> bool {
        let runs = self.stopping.is_none() && self.ended.is_none();
        let mut nodes = self.nodes.iter();
        runs && nodes
            .all(|(key, node)| node.was_ready || node.state == State::Down || self.is_taken(*key))
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
            seen.push(self.node_seen(key, now));
            next.append(&mut below.remove(&Some(key)).unwrap_or_default());
        }
        seen
    }

    fn node_seen(&self, key: Key, now: Duration) -> Seen {
        let node = &self.nodes[&key];
        let due = node.fall.as_ref().and_then(|fall| fall.due);
        let abandoned = self.abandoned.iter();
        Seen {
            path: node.path.clone(),
            state: node.state,
            wait: Some(node.wait).filter(|_| node.state == State::Waiting),
            down: node.down.filter(|_| node.state == State::Down),
            told: node.told.clone(),
            rung: node.rung,
            runs: node.own == Own::Code,
            ending: match node.own {
                Own::Owned(left) => left,
                Own::Nothing | Own::Code => 0,
            },
            attempt: node.failures + 1,
            restarts: node.restarts,
            due: due.map(|due| due.saturating_sub(now)),
            budgets: self.budgets(key, now),
            abandoned: abandoned.filter(|(_, path)| *path == node.path).count(),
        }
    }
}
