//! How the naive tree reads an exit (R5), and what follows from it at once.

use std::time::Duration;

use perennial::Path;
use perennial::tree::{AtRoot, Down, Intent, Restart, Significant, State, Told};

use crate::choices::How;
use crate::naive::{Flaw, Key, Naive, ROOT};

impl Naive {
    /// The first matching row decides.
    pub(crate) fn read(&mut self, key: Key, now: Duration, how: How) {
        let node = &self.nodes[&key];
        let told = node.told().filter(|told| *told != Told::Itself);
        let told = told.filter(|_| how != How::Err || !self.has(Flaw::ErrorOfTheToldIsDeath));
        if node.is_condemned && matches!(told, None | Some(Told::Group)) {
            return self.read_condemned(key, now, how);
        }
        match told {
            Some(Told::Significant) => self.be_done(key, now),
            Some(Told::Terminate | Told::Remove) => self.go_down(key, now, Down::Terminated),
            Some(Told::Group | Told::Parent) if node.is_temporary() => {
                self.go_down(key, now, Down::Temporary);
            }
            Some(_) => self.at(key).state = State::Canceled,
            None => self.read_own(key, now, how),
        }
    }

    pub(crate) fn read_condemned(&mut self, key: Key, now: Duration, how: How) {
        if self.nodes[&key].is_temporary() {
            self.end_for_good(key, now, Down::Failed);
        } else {
            self.die(key, now, how);
        }
    }

    fn read_own(&mut self, key: Key, now: Duration, how: How) {
        let node = &self.nodes[&key];
        let crashed = matches!(how, How::Panic | How::Abort);
        match (node.intent, node.choices.restart) {
            (Intent::Done, _) if how == How::Ok => self.be_done(key, now),
            (_, Restart::Temporary) if how == How::Ok => {
                self.end_for_good(key, now, Down::Finished);
            }
            (_, Restart::Temporary) => self.end_for_good(key, now, Down::Failed),
            (Intent::GiveUp, _) => self.give_up(key, now),
            (Intent::Restart, _) if !crashed => self.restart(key, now),
            (Intent::Nothing, Restart::Transient)
                if how == How::Ok && !self.has(Flaw::TransientIsPermanent) =>
            {
                self.be_done(key, now);
            }
            _ => self.die(key, now, how),
        }
    }

    fn be_done(&mut self, key: Key, now: Duration) {
        let node = self.at(key);
        node.state = State::Done;
        (node.was_ready, node.was_up) = (true, true);
        self.end_significant(key, now);
    }

    /// A temporary node has ended by itself.
    fn end_for_good(&mut self, key: Key, now: Duration, reason: Down) {
        let fails = self.fails_its_group(key);
        self.go_down(key, now, reason);
        if fails {
            self.fail_start(key, now);
        } else {
            self.end_significant(key, now);
        }
    }

    fn give_up(&mut self, key: Key, now: Duration) {
        let fails = self.fails_its_group(key);
        self.go_down(key, now, Down::GaveUp);
        if fails {
            self.fail_start(key, now);
        } else {
            self.spend(key, now, Down::GaveUp);
        }
    }

    /// R4: a planned restart, not sooner after its start than the initial delay.
    fn restart(&mut self, key: Key, now: Duration) {
        self.at(key).state = State::Canceled;
        if self.has(Flaw::PlannedRestartCounts) {
            self.at(key).failures += 1;
        }
        let node = &self.nodes[&key];
        let (by, not_before) = (node.path.clone(), node.started_at + node.choices.initial);
        self.tell_below(key, now, &by);
        self.fall(key, now, not_before);
    }

    pub(crate) fn die(&mut self, key: Key, now: Duration, how: How) {
        let fails_its_group = self.fails_its_group(key);
        let node = self.at(key);
        node.failures += 1;
        node.state = State::Dead;
        node.is_open = true;
        if self.is_failed_start(key, how == How::Err) {
            self.go_down(key, now, Down::Failed);
            return self.fail(now, Path::root());
        }
        let by = self.nodes[&key].path.clone();
        self.tell_below(key, now, &by);
        if fails_its_group {
            self.fail_start(key, now);
        } else if self.charge(key) {
            self.fall(key, now, Duration::ZERO);
        } else {
            self.spend(key, now, Down::Spent);
        }
    }

    /// Whether this root, dying of its own error, ends the tree (R11).
    fn is_failed_start(&self, key: Key, returned_an_error: bool) -> bool {
        let fails = self.settings.start == AtRoot::Fail && !self.was_healthy;
        key == ROOT && fails && returned_an_error && !self.nodes[&key].is_condemned
    }

    pub(crate) fn go_down(&mut self, key: Key, now: Duration, reason: Down) {
        self.at(key).put_down(reason);
        let by = self.nodes[&key].path.clone();
        self.tell_below(key, now, &by);
    }

    /// R9, R14: it stops with all below, and is read as dead however it returns.
    pub(crate) fn condemn(&mut self, key: Key, now: Duration) {
        self.at(key).is_condemned = true;
        self.at(key).was_ready = false;
        let by = self.nodes[&key].path.clone();
        self.tell(key, now, Told::Itself, &by);
    }

    /// R10c: it has ended by itself, so its parent stops.
    fn end_significant(&mut self, key: Key, now: Duration) {
        let node = &self.nodes[&key];
        let Some(parent) = node.parent.filter(|_| node.told() <= Some(Told::Itself)) else {
            return;
        };
        if self.nodes[&parent].is_pool() {
            // What comes and goes stops nobody.
            return;
        }
        let has_ended = |key: Key| matches!(self.nodes[&key].state, State::Done | State::Down);
        let kind = |key: Key| self.nodes[&key].choices.policy.significant;
        let is_enough = match kind(key) {
            None => false,
            Some(Significant::All) if !self.has(Flaw::AnySignificantStops) => {
                let mut children = self.children(parent).into_iter();
                children.all(|child| kind(child) != Some(Significant::All) || has_ended(child))
            }
            Some(_) => true,
        };
        if is_enough {
            let by = node.path.clone();
            self.tell(parent, now, Told::Significant, &by);
        }
    }
}
