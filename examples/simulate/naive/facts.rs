//! What the facts do to the naive tree: declarations, signals, exits, owned things, and its stop.

use std::time::Duration;

use perennial::Path;
use perennial::tree::{Down, Intent, Rung, Signal, State, Told};

use crate::choices::{Choices, How};
use crate::naive::{Flaw, Key, Naive, Own, ROOT};

impl Naive {
    /// R3: several children are a group, whose members fall together if `together`.
    pub(crate) fn declare(
        &mut self,
        now: Duration,
        parent: u64,
        children: &[(Path, Choices, usize)],
        together: bool,
    ) {
        let Some(parent) = self.resolve(parent) else {
            return;
        };
        let group = together.then(|| self.number());
        let first = self.numbers;
        for (path, choices, slot) in children {
            self.insert(Some(parent), path.clone(), *choices, group);
            let newest = self.nodes.last_entry().expect("one was just put in");
            newest.into_mut().slot = *slot;
        }
        // Whoever is overtaken by a stop is Canceled without having started.
        let parent = &self.nodes[&parent];
        if let (Some(told), by) = (parent.below_is_told(), parent.told_by()) {
            for key in self
                .nodes
                .range(first + 1..)
                .map(|(key, _)| *key)
                .collect::<Vec<_>>()
            {
                self.tell(key, now, told, &by);
            }
        }
        self.tidy();
    }

    /// R4.
    pub(crate) fn signal(&mut self, now: Duration, incarnation: u64, signal: Signal) {
        let Some(key) = self.resolve(incarnation) else {
            return;
        };
        if !matches!(
            self.nodes[&key].state,
            State::Starting | State::Healthy | State::Finishing
        ) {
            return;
        }
        self.at(key).intent = self.at(key).intent.max(Intent::from(signal));
        if matches!(signal, Signal::Healthy | Signal::Done) {
            self.become_healthy(key, now);
        }
        if signal == Signal::Done {
            self.at(key).state = State::Finishing;
        }
    }

    pub(crate) fn become_healthy(&mut self, key: Key, now: Duration) {
        let node = self.at(key);
        if node.state == State::Starting {
            node.state = State::Healthy;
            node.healthy_at = Some(now);
            node.was_ready = true;
            node.memory.clear();
        }
        self.was_healthy |= key == ROOT;
    }

    /// R5: the first matching row.
    pub(crate) fn exited(&mut self, now: Duration, incarnation: u64, how: How, left: usize) {
        let Some(key) = self.resolve(incarnation) else {
            return;
        };
        if self.nodes[&key].own != Own::Code {
            self.stale += 1;
            return;
        }
        if self.nodes[&key].rung != Rung::Leaked {
            self.age(key, now);
            self.read(key, now, how);
        }
        self.leave(key, now, left);
        self.tidy();
    }

    pub(crate) fn read(&mut self, key: Key, now: Duration, how: How) {
        let node = &self.nodes[&key];
        let told = node.told().filter(|told| *told != Told::Itself);
        let told = told.filter(|_| how != How::Err || !self.has(Flaw::ErrorOfTheToldIsDeath));
        let crashed = matches!(how, How::Panic | How::Abort);
        if node.is_condemned && !matches!(told, Some(Told::Parent | Told::Tree)) {
            return self.die(key, now, how);
        }
        match (told, node.intent) {
            (Some(Told::Tree), _) => self.at(key).state = State::Canceled,
            (Some(_), _) if node.is_temporary() => self.go_down(key, now, Down::Temporary),
            (Some(_), _) => self.at(key).state = State::Canceled,
            (None, Intent::Done) if how == How::Ok => self.at(key).state = State::Done,
            (None, _) if node.is_temporary() && how == How::Ok => {
                self.go_down(key, now, Down::Finished);
            }
            (None, _) if node.is_temporary() => self.go_down(key, now, Down::Failed),
            (None, Intent::GiveUp) => {
                self.go_down(key, now, Down::GaveUp);
                self.escalate(key, now);
            }
            (None, Intent::Restart) if !crashed => {
                self.at(key).state = State::Canceled;
                if self.has(Flaw::PlannedRestartCounts) {
                    self.at(key).failures += 1;
                }
                let not_before = self.nodes[&key].started_at + self.nodes[&key].choices.initial;
                self.fall(key, now, not_before);
            }
            (None, _) => self.die(key, now, how),
        }
    }

    /// R8: compared at the exit.
    pub(crate) fn age(&mut self, key: Key, now: Duration) {
        let is_reset = self.has(Flaw::HealthIsReset);
        let node = self.at(key);
        let default = node.last_delay.max(Duration::from_secs(10));
        let enough = node.choices.reset_after.unwrap_or(default);
        if node
            .healthy_at
            .is_some_and(|since| is_reset || now - since >= enough)
        {
            node.failures = 0;
            // The delay was one of the row that is broken.
            node.last_delay = Duration::ZERO;
        }
    }

    /// What an incarnation owned hears of its return, and shares its grace (R14).
    pub(crate) fn leave(&mut self, key: Key, now: Duration, left: usize) {
        if left == 0 || self.has(Flaw::EndingIsEnded) {
            self.end(key);
        } else {
            self.at(key).own = Own::Owned(left);
            self.ask(key, now);
        }
    }

    /// R14.
    pub(crate) fn owned_panicked(&mut self, now: Duration, incarnation: u64) {
        let Some(key) = self.resolve(incarnation) else {
            return;
        };
        if self.nodes[&key].state.is_live() {
            self.condemn(key, now);
        }
        self.tidy();
    }

    /// R14.
    pub(crate) fn all_ended(&mut self, incarnation: u64) {
        let Some(key) = self.resolve(incarnation) else {
            return;
        };
        match self.nodes[&key].own {
            Own::Owned(_) => self.end(key),
            Own::Nothing | Own::Code => self.stale += 1,
        }
        self.tidy();
    }

    pub(crate) fn end(&mut self, key: Key) {
        let node = self.at(key);
        node.own = Own::Nothing;
        node.next_rung = None;
        if node.rung == Rung::Leaked {
            node.rung = Rung::Aborted;
            // R10: it has ended in time, so its fall raises it with the others.
            if node.state == State::Down && node.fall.is_some() {
                node.state = State::Canceled;
            }
        }
    }

    /// R11: of several deadlines the tightest wins.
    pub(crate) fn stop(&mut self, now: Duration, within: Option<Duration>) {
        let wanted = within.filter(|_| !self.has(Flaw::StopHasNoDeadline));
        let wanted = wanted.map(|within| now + within);
        let deadline = match self.stopping {
            Some(present) => present.into_iter().chain(wanted).min(),
            None => wanted,
        };
        if self.stopping != Some(deadline) {
            self.stop_by(now, deadline);
        }
    }

    pub(crate) fn fail(&mut self, now: Duration, cause: Path) {
        if self.stopping.is_none() {
            self.failure = Some(cause);
            self.stop_by(now, None);
        }
    }

    pub(crate) fn stop_by(&mut self, now: Duration, deadline: Option<Duration>) {
        self.stopping = Some(deadline);
        self.tell(ROOT, now, Told::Tree, &Path::root());
        for key in self.subtree(ROOT) {
            self.tighten(key, now);
        }
        self.tidy();
    }
}
