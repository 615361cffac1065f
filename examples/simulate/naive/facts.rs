//! What the facts do to the naive tree: declarations, signals, exits, owned things, and its stop.

use std::time::Duration;

use perennial::Path;
use perennial::tree::{GroupOptions, Intent, Rung, Sequence, Signal, State, Told, Wait};

use crate::choices::{Choices, How};
use crate::naive::budgets::Window;
use crate::naive::{Flaw, Group, Key, Limits, Naive, Own, ROOT};

impl Naive {
    /// R3: a child alone, or a group.
    pub(crate) fn declare(
        &mut self,
        now: Duration,
        parent: u64,
        children: &[(Path, Choices, usize)],
        group: Option<GroupOptions>,
    ) {
        self.pass_time(now);
        let Some(parent) = self.resolve(parent) else {
            return;
        };
        let group = group.map(|options| self.form(options));
        for (at, (path, choices, slot)) in children.iter().enumerate() {
            let key = self.insert(Some(parent), path.clone(), *choices, group);
            self.at(key).slot = *slot;
            if at > 0 && self.is_in_order(key) {
                self.at(key).wait = Wait::InOrder;
            }
        }
        let added = self.numbers - 2 * children.len() as u64;
        if self.nodes[&parent].stops_below() || self.is_taken(parent) {
            for key in self.all(|key, _| key > added) {
                self.arrive(key, parent, now);
            }
        }
        self.tidy();
    }

    fn form(&mut self, options: GroupOptions) -> u64 {
        let number = self.number();
        let group = Group {
            options,
            window: options.intensity.map(Window::new),
            has_started: false,
        };
        self.groups.insert(number, group);
        number
    }

    /// Whoever is overtaken by a stop is Canceled without having started. But a parent that is not
    /// asked before its turn goes on until then, and so do its new children (R5).
    fn arrive(&mut self, key: Key, parent: Key, now: Duration) {
        let parent = &self.nodes[&parent];
        let told = match parent.told() {
            Some(Told::Tree) => Told::Tree,
            _ => Told::Parent,
        };
        let by = parent.told_by();
        if parent.is_held && !self.has(Flaw::HeldServeNobody) {
            let node = self.at(key);
            node.told = Some((told, by));
            node.was_taken = true;
            self.hold(key);
        } else {
            self.tell(key, now, told, &by);
        }
    }

    /// R4.
    pub(crate) fn signal(&mut self, now: Duration, incarnation: u64, signal: Signal) {
        self.pass_time(now);
        let Some(key) = self.resolve(incarnation) else {
            return;
        };
        if !self.nodes[&key].is_up() {
            return;
        }
        self.at(key).intent = self.at(key).intent.max(Intent::from(signal));
        if matches!(signal, Signal::Healthy | Signal::Done) {
            self.become_healthy(key, now);
        }
        if signal == Signal::Done {
            self.at(key).state = State::Finishing;
        }
        self.tidy();
    }

    pub(crate) fn become_healthy(&mut self, key: Key, now: Duration) {
        let node = self.at(key);
        if node.state == State::Starting {
            node.state = State::Healthy;
            node.healthy_at = Some(now);
            node.limits.start = None;
            let limit = node.choices.policy.beat_timeout;
            let limit = limit.filter(|_| node.told.is_none() && !node.is_pool());
            node.limits.beat = limit.map(|limit| now + limit);
            (node.was_ready, node.was_up) = (true, true);
            node.memory.clear();
        }
        self.was_healthy |= key == ROOT;
    }

    pub(crate) fn exited(&mut self, now: Duration, incarnation: u64, how: How, left: usize) {
        self.pass_time(now);
        if self.is_abandoned(incarnation) {
            if left == 0 {
                self.reclaim(incarnation);
            }
            return;
        }
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

    /// A leak that a node runs beside has ended after all.
    fn reclaim(&mut self, incarnation: u64) {
        self.abandoned.retain(|(it, _)| *it != incarnation);
        for node in self.nodes.values_mut() {
            if node.incarnation == incarnation {
                node.rung = Rung::Aborted;
            }
        }
    }

    fn is_abandoned(&self, incarnation: u64) -> bool {
        let mut abandoned = self.abandoned.iter();
        abandoned.any(|(it, _)| *it == incarnation)
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
        self.at(key).is_held = false;
        self.at(key).limits = Limits::default();
        if left == 0 || self.has(Flaw::EndingIsEnded) {
            self.end(key);
        } else {
            self.at(key).own = Own::Owned(left);
            self.ask(key, now);
        }
    }

    /// R14.
    pub(crate) fn owned_panicked(&mut self, now: Duration, incarnation: u64) {
        self.pass_time(now);
        let Some(key) = self.resolve(incarnation) else {
            return;
        };
        if self.nodes[&key].state.is_live() {
            self.condemn(key, now);
        }
        self.tidy();
    }

    /// R14.
    pub(crate) fn all_ended(&mut self, now: Duration, incarnation: u64) {
        self.pass_time(now);
        if self.is_abandoned(incarnation) {
            return self.reclaim(incarnation);
        }
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
        let was_leaked = node.is_leaked();
        node.own = Own::Nothing;
        node.next_rung = None;
        if was_leaked {
            node.rung = Rung::Aborted;
            // R10: it has ended in time, so its fall raises it with the others.
            let is_raised = !node.is_temporary() && !node.is_terminated();
            if node.state == State::Down && node.fall.is_some() && is_raised {
                node.state = State::Canceled;
            }
        }
    }

    /// R11: of several deadlines the tightest wins.
    pub(crate) fn stop(&mut self, now: Duration, within: Option<Duration>) {
        self.pass_time(now);
        let wanted = within.filter(|_| !self.has(Flaw::StopHasNoDeadline));
        let wanted = wanted.map(|within| now + within);
        let deadline = match self.stopping {
            Some(present) => present.into_iter().chain(wanted).min(),
            None => wanted,
        };
        if self.stopping != Some(deadline) && self.ended.is_none() {
            self.stop_by(now, deadline);
            self.tidy();
        }
    }

    pub(crate) fn fail(&mut self, now: Duration, cause: Path) {
        if self.stopping.is_none() {
            self.failure = Some(cause);
            self.stop_by(now, None);
        }
    }

    fn stop_by(&mut self, now: Duration, deadline: Option<Duration>) {
        self.stopping = Some(deadline);
        self.tell(ROOT, now, Told::Tree, &Path::root());
        for key in self.subtree(ROOT) {
            self.tighten(key, now);
        }
        self.looks_again = self.nodes.values().any(|node| node.is_held);
    }

    pub(crate) fn is_in_order(&self, key: Key) -> bool {
        let group = self.nodes[&key].group.map(|group| &self.groups[&group]);
        group.is_some_and(|group| group.options.sequence == Sequence::InOrder)
    }
}
