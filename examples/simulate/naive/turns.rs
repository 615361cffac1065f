//! Whose turn it is to be asked to stop in the naive tree (R10).

use std::time::Duration;

use perennial::tree::{Rung, State};

use crate::naive::{Flaw, Key, Naive, Own};

impl Naive {
    pub(crate) fn stop_in_turn(&mut self, key: Key, now: Duration) {
        if self.has_obstacle(key, now) {
            self.hold(key);
        } else {
            self.come(key, now);
        }
    }

    pub(crate) fn hold(&mut self, key: Key) {
        self.at(key).is_held = true;
        self.looks_again = true;
    }

    fn come(&mut self, key: Key, now: Duration) {
        let node = self.at(key);
        node.is_held = false;
        match node.state {
            State::Starting | State::Healthy | State::Finishing => self.stop_up(key, now),
            // A child that was declared while its parent was held, and has not started.
            State::Waiting => self.stop_waiting(key),
            _ => {}
        }
    }

    /// Asks all whose turn has come. Says whether there was anybody.
    pub(crate) fn take_turns(&mut self, now: Duration) -> bool {
        let mut came = false;
        while let Some(key) = self.next_in_turn(now) {
            self.come(key, now);
            came = true;
        }
        self.tidy();
        came
    }

    fn next_in_turn(&self, now: Duration) -> Option<Key> {
        let held = self.all(|_, node| node.is_held);
        held.into_iter().find(|key| !self.has_obstacle(*key, now))
    }

    /// At the deadline, order ends: all that are held are asked, and aborted.
    pub(crate) fn release_all(&mut self, now: Duration) {
        self.looks_again = false;
        for key in self.all(|_, node| node.is_held) {
            self.come(key, now);
        }
    }

    /// Whether something has to be gone before a node is asked that was told to stop.
    fn has_obstacle(&self, key: Key, now: Duration) -> bool {
        let node = &self.nodes[&key];
        let is_late = self
            .stopping
            .flatten()
            .is_some_and(|deadline| deadline <= now);
        let Some(parent) = node.parent.filter(|_| !is_late && !node.is_terminated()) else {
            return false;
        };
        if self.nodes[&parent].is_held {
            return true;
        }
        // Who has not started serves nobody.
        if node.state == State::Waiting {
            return false;
        }
        if node.provides() && !self.has(Flaw::ProvidersStopWithTheOthers) {
            let parent_runs = self.nodes[&parent].own == Own::Code;
            let may_use = parent_runs && self.nodes[&parent].rung < Rung::Aborted;
            return self.is_taken(key) && may_use || self.is_before_any(key, |_| true);
        }
        let in_group = |later: Key| self.nodes[&later].group == node.group;
        let in_order = self.is_in_order(key) && !self.has(Flaw::InOrderStopsTogether);
        in_order && self.is_before_any(key, in_group)
    }

    /// Whether a later sibling of this kind, which the same fall or stop takes, is not gone.
    fn is_before_any(&self, key: Key, is_kind: impl Fn(Key) -> bool) -> bool {
        let node = &self.nodes[&key];
        let fall = node.fall.as_ref().map(|fall| fall.number);
        let is_taken = self.is_taken(key);
        let stops_too = |later: Key| {
            let other = self.nodes[&later].fall.as_ref().map(|fall| fall.number);
            is_taken || fall.is_some() && other == fall
        };
        let later = self.all(|it, other| it > key && other.parent == node.parent);
        let mut later = later.into_iter().filter(|it| is_kind(*it));
        later.any(|it| stops_too(it) && !self.is_out(it))
    }
}
