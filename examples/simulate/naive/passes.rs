//! What the naive tree does when it goes on: what is due, the GC pass, what starts, what is
//! forgotten, and whether the tree has ended.

use std::collections::BTreeSet;
use std::time::Duration;

use perennial::tree::{Down, Intent, Outcome, Rung, State};

use crate::naive::{Flaw, Key, Memory, Naive, Own, ROOT};

impl Naive {
    pub(crate) fn next_deadline(&self) -> Option<Duration> {
        let rungs = self.nodes.values().filter_map(|node| node.next_rung);
        let dues = self
            .nodes
            .values()
            .filter_map(|node| node.fall.as_ref()?.due);
        rungs.chain(dues).chain(self.pass_due).min()
    }

    /// Does what is due, raises what is ready, starts what waits.
    pub(crate) fn advance(&mut self, now: Duration) {
        while let Some(key) = self.due_rung(now) {
            self.climb(key, now);
            self.tidy();
        }
        for node in self.nodes.values_mut() {
            if node
                .fall
                .as_ref()
                .is_some_and(|fall| fall.due.is_some_and(|due| due <= now))
            {
                node.fall = None;
            }
        }
        self.pass(now);
        for key in self.nodes.keys().copied().collect::<Vec<_>>() {
            if self.nodes[&key].state == State::Waiting && self.nodes[&key].fall.is_none() {
                self.start(key, now);
            }
        }
        self.finish();
    }

    pub(crate) fn due_rung(&self, now: Duration) -> Option<Key> {
        let nodes = self.nodes.iter();
        let due = nodes.filter_map(|(key, node)| Some((node.next_rung?, node.slot, *key)));
        due.min().filter(|(at, ..)| *at <= now).map(|(.., key)| key)
    }

    pub(crate) fn start(&mut self, key: Key, now: Duration) {
        let node = self.at(key);
        node.state = State::Starting;
        node.own = Own::Code;
        node.started_at = now;
        if node.is_healthy_at_start() {
            self.become_healthy(key, now);
        }
    }

    pub(crate) fn finish(&mut self) {
        let is_out = self.nodes.values().all(|node| node.is_gone());
        if self.stopping.is_some() && is_out {
            self.ended = Some(self.failure.clone().map_or(Ok(Outcome::Stopped), Err));
        } else if self.stopping.is_none() && self.is_finished(ROOT) {
            self.ended = Some(Ok(Outcome::Finished));
        }
    }

    /// Finds what became ready or may be forgotten, until there is no more of it.
    pub(crate) fn tidy(&mut self) {
        self.forget();
        self.find_ready();
    }

    pub(crate) fn fallen(&self, number: u64) -> Vec<Key> {
        let is_in = |key: &Key| {
            self.nodes[key]
                .fall
                .as_ref()
                .is_some_and(|it| it.number == number)
        };
        self.nodes.keys().copied().filter(is_in).collect()
    }

    /// R7: a fall is ready when every node in it, and all below, has ended.
    pub(crate) fn find_ready(&mut self) {
        let falls = self.nodes.values().filter_map(|node| node.fall.as_ref());
        let pending = falls
            .filter(|fall| fall.due.is_none())
            .map(|fall| fall.number);
        let pending: BTreeSet<_> = pending.collect();
        self.ready.retain(|number| pending.contains(number));
        for number in pending {
            let fallen = self.fallen(number).into_iter();
            let mut all = fallen.flat_map(|key| self.subtree(key));
            let is_ready = all.all(|key| self.nodes[&key].is_gone());
            if is_ready && !self.ready.contains(&number) {
                self.ready.push(number);
            }
        }
    }

    pub(crate) fn pass(&mut self, now: Duration) {
        if self.ready.is_empty() {
            self.pass_due = None;
            return;
        }
        let due = *self.pass_due.get_or_insert(now + self.settings.gc_interval);
        if due > now {
            return;
        }
        self.pass_due = None;
        while !self.ready.is_empty() {
            let number = self.ready.remove(0);
            let fallen = self.fallen(number);
            let leaks = fallen.iter().any(|key| self.leaks(*key));
            if leaks && !self.has(Flaw::LeakCanRise) {
                self.spend(&fallen, now);
            } else {
                self.rise(&fallen, now);
            }
            self.tidy();
        }
    }

    pub(crate) fn leaks(&self, key: Key) -> bool {
        self.subtree(key)
            .into_iter()
            .any(|key| self.nodes[&key].rung == Rung::Leaked)
    }

    /// R10: a leak in a fall is a spent budget.
    pub(crate) fn spend(&mut self, fallen: &[Key], now: Duration) {
        let fall = self.nodes[&fallen[0]].fall.as_ref();
        let top = fall.expect("it has fallen").top;
        for key in fallen {
            let node = self.at(*key);
            node.fall = None;
            if *key == top || node.state == State::Dead {
                node.state = State::Down;
                node.down = Some(Down::Leaked);
            }
        }
        self.escalate(top, now);
    }

    /// R7, R8: what was below is dropped, and all of the fall wait for the longest draw.
    pub(crate) fn rise(&mut self, fallen: &[Key], now: Duration) {
        let mut due = now;
        for key in fallen {
            let node = self.at(*key);
            due = due.max(node.fall.as_ref().expect("it has fallen").not_before);
            if node.state == State::Dead {
                node.last_delay = node.choices.backoff().nominal(node.failures);
                due = due.max(now + node.last_delay);
            }
        }
        for key in fallen {
            let memory = Memory::of(self, *key);
            self.discard_below(*key);
            let incarnation = self.number();
            let node = self.at(*key);
            node.incarnation = incarnation;
            node.memory = memory.into_children();
            node.state = State::Waiting;
            node.down = None;
            node.told = None;
            node.intent = Intent::Nothing;
            node.is_condemned = false;
            node.rung = Rung::None;
            node.healthy_at = None;
            let fall = node.fall.as_mut().expect("it has fallen");
            fall.due = Some(due);
            if due <= now {
                node.fall = None;
            }
        }
    }

    pub(crate) fn discard_below(&mut self, key: Key) {
        for below in self.subtree(key).into_iter().skip(1) {
            self.nodes.remove(&below);
        }
    }

    /// R6, R13: what is below a Down node is discarded when all of that has ended, and so is a
    /// Done or Down child of a pool.
    pub(crate) fn forget(&mut self) {
        let over = |key: &Key| {
            let is_alive = |key: Key| self.nodes[&key].is_alive();
            !self.subtree(*key).into_iter().any(is_alive)
        };
        let has_left = |key: &Key| matches!(self.nodes[key].state, State::Down | State::Done);
        let over: Vec<_> = self
            .nodes
            .keys()
            .copied()
            .filter(has_left)
            .filter(over)
            .collect();
        for key in over {
            let Some(node) = self.nodes.get(&key) else {
                continue;
            };
            let is_down = node.state == State::Down;
            let is_done = node.state == State::Done && !self.has(Flaw::DonePoolChildStays);
            let in_pool = node
                .parent
                .is_some_and(|parent| self.nodes[&parent].is_pool());
            if is_down && !self.has(Flaw::DownKeepsItsChildren) || is_done && in_pool {
                self.discard_below(key);
            }
            if in_pool && (is_down || is_done) {
                self.nodes.remove(&key);
            }
        }
    }
}
