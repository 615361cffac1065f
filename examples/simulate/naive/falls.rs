//! What falls and what stops in the naive tree: deaths, escalation, telling, and the ladder.

use std::time::Duration;

use perennial::Path;
use perennial::tree::{AtRoot, Down, Rung, State, Told};

use crate::choices::How;
use crate::naive::{Fall, Flaw, Key, Naive, Own, ROOT};

impl Naive {
    pub(crate) fn die(&mut self, key: Key, now: Duration, how: How) {
        if self.nodes[&key].is_temporary() {
            return self.go_down(key, now, Down::Failed);
        }
        self.at(key).failures += 1;
        if self.is_failed_start(key, how == How::Err) {
            self.go_down(key, now, Down::Failed);
            return self.fail(now, Path::root());
        }
        self.at(key).state = State::Dead;
        self.fall(key, now, Duration::ZERO);
    }

    /// Whether this root, dying of its own error, ends the tree (R11).
    pub(crate) fn is_failed_start(&self, key: Key, returned_an_error: bool) -> bool {
        let fails = self.settings.start == AtRoot::Fail && !self.was_healthy;
        key == ROOT && fails && returned_an_error && !self.nodes[&key].is_condemned
    }

    /// R6: with a node fall those below it and, if they fall together, its group.
    pub(crate) fn fall(&mut self, key: Key, now: Duration, not_before: Duration) {
        let by = self.nodes[&key].path.clone();
        self.tell_below(key, now, &by);
        if self.nodes[&key].fall.is_some() {
            return;
        }
        let number = self.number();
        for member in self.members(key) {
            self.at(member).fall = Some(Fall {
                number,
                top: key,
                not_before,
                due: None,
            });
            self.at(member).was_ready = false;
            if member != key {
                self.tell(member, now, Told::Group, &by);
            }
        }
    }

    pub(crate) fn members(&self, key: Key) -> Vec<Key> {
        let group = self.nodes[&key].together;
        if group.is_none() || self.has(Flaw::OneForAllTakesNobody) {
            return vec![key];
        }
        let takes_done = !self.has(Flaw::DoneMemberDoesNotFall);
        let falls = |state| state != State::Down && (takes_done || state != State::Done);
        let members = self.nodes.iter();
        let members = members.filter(|(_, node)| node.together == group && falls(node.state));
        members.map(|(key, _)| *key).collect()
    }

    pub(crate) fn go_down(&mut self, key: Key, now: Duration, reason: Down) {
        self.at(key).state = State::Down;
        self.at(key).down = Some(reason);
        let by = self.nodes[&key].path.clone();
        self.tell_below(key, now, &by);
    }

    /// R9: it stops with all below, and is read as dead however it returns.
    pub(crate) fn condemn(&mut self, key: Key, now: Duration) {
        self.at(key).is_condemned = true;
        self.at(key).was_ready = false;
        let by = self.nodes[&key].path.clone();
        self.tell(key, now, Told::Itself, &by);
    }

    /// R9: the parent falls; at the root the tree fails, unless the root is to try again.
    pub(crate) fn escalate(&mut self, key: Key, now: Duration) {
        let cause = self.nodes[&key].path.clone();
        match self.nodes[&key].parent {
            None => self.fail(now, cause),
            Some(ROOT) if self.settings.escalations == AtRoot::Fail => self.fail(now, cause),
            Some(parent) => match self.nodes[&parent].state {
                State::Starting | State::Healthy | State::Finishing
                    if !self.nodes[&parent].is_pool() =>
                {
                    self.condemn(parent, now);
                }
                State::Done | State::Healthy => {
                    self.age(parent, now);
                    self.end_pool(parent);
                    self.die(parent, now, How::Ok);
                }
                _ => {}
            },
        }
    }

    pub(crate) fn end_pool(&mut self, key: Key) {
        if self.nodes[&key].is_pool() {
            self.at(key).own = Own::Nothing;
        }
    }

    pub(crate) fn tell_below(&mut self, key: Key, now: Duration, by: &Path) {
        for child in self.children(key) {
            self.tell(child, now, Told::Parent, by);
        }
    }

    /// Tells a node to stop, and all below it; the strongest reason so far decides (R5).
    pub(crate) fn tell(&mut self, key: Key, now: Duration, told: Told, by: &Path) {
        if self.nodes[&key].told() < Some(told) {
            self.at(key).told = Some((told, by.clone()));
            self.hear(key, now, told);
            self.tighten(key, now);
        }
        for child in self.children(key) {
            self.tell(child, now, told.max(Told::Parent), by);
        }
    }

    /// The table of states and events.
    pub(crate) fn hear(&mut self, key: Key, now: Duration, told: Told) {
        if told != Told::Group && told != Told::Itself {
            self.at(key).fall = None;
        }
        let node = self.at(key);
        match node.state {
            // R5: a temporary node that a fall overtakes is Down, started or not.
            State::Waiting if node.is_temporary() => {
                node.state = State::Down;
                node.down = Some(if told == Told::Tree {
                    Down::Stopped
                } else {
                    Down::Temporary
                });
            }
            State::Waiting => node.state = State::Canceled,
            State::Starting | State::Healthy | State::Finishing if node.is_pool() => {
                node.state = State::Canceled;
                self.end_pool(key);
            }
            State::Starting | State::Healthy | State::Finishing => {
                node.state = State::Stopping;
                self.ask(key, now);
            }
            State::Done if told == Told::Group => node.state = State::Canceled,
            State::Dead | State::Canceled if told == Told::Tree => {
                node.state = State::Down;
                node.down = Some(Down::Stopped);
            }
            _ => {}
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
        if node.rung == Rung::Asked && node.own != Own::Nothing {
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
            return;
        }
        node.rung = Rung::Leaked;
        node.next_rung = None;
        if node.own == Own::Code {
            node.state = State::Down;
            node.down = Some(Down::Leaked);
            // It would have been read as dead, and nobody else answers for it.
            if node.told() == Some(Told::Itself) && !node.is_temporary() {
                self.escalate(key, now);
            }
        }
    }
}
