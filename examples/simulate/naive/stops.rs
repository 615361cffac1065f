//! What stops in the naive tree: telling, the table of states and events, and the ladder (R10).

use std::time::Duration;

use perennial::Path;
use perennial::tree::{Down, OnLeak, Rung, State, Told, Wait};

use crate::choices::How;
use crate::naive::{Flaw, Key, Limits, Naive, Own};

impl Naive {
    pub(crate) fn tell_below(&mut self, key: Key, now: Duration, by: &Path) {
        for child in self.children(key) {
            self.tell(child, now, Told::Parent, by);
        }
    }

    /// Tells a node to stop, and all below it; the strongest reason so far decides (R5).
    pub(crate) fn tell(&mut self, key: Key, now: Duration, told: Told, by: &Path) {
        let mut is_new = self.nodes[&key].told() < Some(told);
        if matches!(told, Told::Parent | Told::Tree) {
            // Whoever told it is responsible now.
            let node = self.at(key);
            node.fall = None;
            node.is_open = false;
            is_new |= !std::mem::replace(&mut node.was_taken, true);
        }
        if self.nodes[&key].told() < Some(told) {
            self.at(key).told = Some((told, by.clone()));
            self.at(key).limits = Limits::default();
            self.hear(key, now, told);
        }
        if is_new {
            self.tighten(key, now);
        }
        let below = match told {
            Told::Tree => Told::Tree,
            _ => Told::Parent,
        };
        for child in self.children(key) {
            self.tell(child, now, below, by);
        }
    }

    /// The table of states and events.
    fn hear(&mut self, key: Key, now: Duration, told: Told) {
        let is_order = matches!(told, Told::Terminate | Told::Remove);
        let starts = self.starts_all_the_same(key, told);
        let node = self.at(key);
        match node.state {
            State::Waiting if starts => self.hold(key),
            State::Waiting => self.stop_waiting(key),
            State::Starting | State::Healthy | State::Finishing => self.stop_in_turn(key, now),
            State::Done | State::Dead | State::Canceled if is_order => {
                node.put_down(Down::Terminated);
                // An order does not wait for a turn.
                node.is_held = false;
            }
            // R5: a temporary node is never started again but by an order.
            State::Done if told == Told::Group && node.is_temporary() => {
                node.put_down(Down::Temporary);
                self.stop_in_turn(key, now);
            }
            State::Done if matches!(told, Told::Group | Told::Restart) => {
                node.state = State::Canceled;
                self.stop_in_turn(key, now);
            }
            State::Done if told >= Told::Parent => self.stop_in_turn(key, now),
            State::Dead | State::Canceled if told == Told::Tree => node.put_down(Down::Stopped),
            _ => {}
        }
    }

    /// R5: below a parent that is not asked before its turn, what was declared last starts, as what
    /// is declared next does.
    fn starts_all_the_same(&self, key: Key, told: Told) -> bool {
        let node = &self.nodes[&key];
        let is_first = node.wait == Wait::Queued && matches!(told, Told::Parent | Told::Tree);
        let is_held = |parent: Key| self.nodes[&parent].is_held;
        is_first && node.parent.is_some_and(is_held) && !self.has(Flaw::HeldServeNobody)
    }

    /// R5: a temporary node that a fall overtakes is Down, started or not.
    pub(crate) fn stop_waiting(&mut self, key: Key) {
        let node = self.at(key);
        node.is_held = false;
        match node.told() {
            Some(Told::Terminate | Told::Remove) => node.put_down(Down::Terminated),
            Some(Told::Tree) if node.is_temporary() => node.put_down(Down::Stopped),
            _ if node.is_temporary() => node.put_down(Down::Temporary),
            _ => node.state = State::Canceled,
        }
    }

    /// Asks a node that runs. A pool has no code that could be waited for.
    pub(crate) fn stop_up(&mut self, key: Key, now: Duration) {
        if !self.nodes[&key].is_pool() {
            self.at(key).state = State::Stopping;
            return self.ask(key, now);
        }
        self.end_pool(key);
        if self.nodes[&key].is_terminated() {
            self.at(key).put_down(Down::Terminated);
        } else {
            self.at(key).state = State::Canceled;
        }
    }

    /// R10: its grace starts when it is asked.
    pub(crate) fn ask(&mut self, key: Key, now: Duration) {
        let again = self.has(Flaw::GraceStartsAgain);
        let node = self.at(key);
        if node.rung == Rung::None || again && node.rung == Rung::Asked {
            node.rung = Rung::Asked;
            node.next_rung = node.choices.grace.map(|grace| now + grace);
            self.tighten(key, now);
        }
    }

    /// R10, R11: at the deadline of the stop all are aborted, grace or no grace.
    pub(crate) fn tighten(&mut self, key: Key, now: Duration) {
        let deadline = self.stopping.flatten();
        let node = self.at(key);
        // While an exit is read, its code has returned.
        let has_left = matches!(node.own, Own::Owned(_)) || node.state.is_live();
        if node.rung == Rung::Asked && has_left {
            node.next_rung = node.next_rung.into_iter().chain(deadline).min();
            if node.next_rung.is_some_and(|at| at <= now) {
                self.climb(key, now);
            }
        }
    }

    pub(crate) fn climb(&mut self, key: Key, now: Duration) {
        let leak_after = self.settings.leak_after;
        let node = self.at(key);
        if node.rung == Rung::Asked {
            node.rung = Rung::Aborted;
            node.next_rung = Some(now + leak_after);
        } else {
            node.rung = Rung::Leaked;
            node.next_rung = None;
            self.leak(key, now);
        }
    }

    fn leak(&mut self, key: Key, now: Duration) {
        let is_abandoned = self.nodes[&key].choices.policy.on_leak == OnLeak::Abandon;
        if is_abandoned && !self.has(Flaw::NothingIsAbandoned) {
            return self.abandon(key, now);
        }
        let node = self.at(key);
        if node.own == Own::Code {
            node.put_down(Down::Leaked);
            // It would have been read as dead, and nobody else answers for it.
            if node.told() == Some(Told::Itself) && !node.is_temporary() {
                self.spend(key, now, Down::Leaked);
            }
        }
    }

    /// L1: its node has chosen to count it as ended.
    fn abandon(&mut self, key: Key, now: Duration) {
        let node = &self.nodes[&key];
        self.abandoned.push((node.incarnation, node.path.clone()));
        let runs = node.own == Own::Code;
        self.at(key).own = Own::Nothing;
        if runs {
            self.age(key, now);
            self.read(key, now, How::Abort);
        }
        self.at(key).is_held = false;
    }
}
