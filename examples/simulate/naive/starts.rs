//! What rises and starts in the naive tree (R7, R8).

use std::time::Duration;

use perennial::tree::{Intent, Rung, State, Wait};

use crate::choices::Policy;
use crate::naive::budgets::Window;
use crate::naive::{Flaw, Key, Memory, Naive, Own};

impl Naive {
    /// What was below is dropped, and all of the fall wait for the longest draw. Who is down stays
    /// so, and who was ordered to start does that now.
    pub(crate) fn rise(&mut self, number: u64, now: Duration) {
        for key in self.fallen(number) {
            let node = &self.nodes[&key];
            let state = node.state;
            if node.is_terminated() && self.has(Flaw::TerminatedRises) {
                continue;
            }
            if matches!(state, State::Down | State::Waiting) {
                self.at(key).fall = None;
            }
            if state == State::Waiting {
                self.reset(key);
            }
        }
        let rising = self.fallen(number);
        let Some(fall) = self.fall_of(number) else {
            return;
        };
        let mut due = now;
        for key in rising.iter().filter(|_| !fall.at_once) {
            let node = self.at(*key);
            due = due.max(fall.not_before);
            if node.state == State::Dead {
                node.last_delay = node.choices.backoff().nominal(node.failures);
                due = due.max(now + node.last_delay);
            }
        }
        for key in rising {
            self.reset(key);
        }
        self.change_fall(number, |fall| fall.due = Some(due));
        if due <= now {
            self.launch(number);
        }
    }

    pub(crate) fn reset(&mut self, key: Key) {
        let memory = Memory::of(self, key);
        self.discard_below(key);
        let incarnation = self.number();
        let node = self.at(key);
        node.incarnation = incarnation;
        node.memory = memory.into_children();
        node.state = State::Waiting;
        node.wait = Wait::Backoff;
        node.down = None;
        node.told = None;
        node.is_held = false;
        node.intent = Intent::Nothing;
        node.is_condemned = false;
        node.rung = Rung::None;
        node.healthy_at = None;
        node.restarts += 1;
        node.fell_with.clear();
        if let Some(window) = node.children_window.as_mut() {
            window.deaths.clear();
        }
    }

    /// Starts the members of a fall that has risen: all of them, or in order the first.
    pub(crate) fn launch(&mut self, number: u64) {
        for (at, key) in self.fallen(number).into_iter().enumerate() {
            let follows = at > 0 && self.is_in_order(key);
            let node = self.at(key);
            node.fall = None;
            if follows {
                node.wait = Wait::InOrder;
            }
        }
    }

    /// Starts whoever may, until nobody is left.
    pub(crate) fn start_all(&mut self, now: Duration) {
        while let Some(key) = self.all(|key, _| self.can_start(key)).first() {
            self.start(*key, now);
            self.find_started();
        }
    }

    fn can_start(&self, key: Key) -> bool {
        let node = &self.nodes[&key];
        let ignores_order = self.has(Flaw::InOrderStartsTogether);
        let is_next = node.wait != Wait::InOrder || ignores_order || self.is_its_turn(key);
        // What is started in a pool waits for the pool.
        let pool = node.parent.map(|parent| self.nodes[&parent].state);
        let waits = node.state == State::Waiting && pool != Some(State::Waiting);
        waits && node.fall.is_none() && is_next
    }

    fn start(&mut self, key: Key, now: Duration) {
        self.adopt(key);
        let starts_end = !self.has(Flaw::StartsTakeForever);
        let runs_end = !self.has(Flaw::RunsTakeForever);
        let node = self.at(key);
        node.state = State::Starting;
        node.own = Own::Code;
        node.started_at = now;
        node.is_open = false;
        if node.told.is_none() && !node.is_pool() {
            let Policy {
                start_timeout,
                run_timeout,
                ..
            } = node.choices.policy;
            let start = start_timeout.filter(|_| starts_end);
            node.limits.start = start.map(|limit| now + limit);
            let run = run_timeout.filter(|_| runs_end);
            node.limits.run = run.map(|limit| now + limit);
        }
        if node.is_healthy_at_start() {
            self.become_healthy(key, now);
        }
    }

    /// Takes what was chosen since the last start. A budget that stays as it was keeps its count.
    pub(crate) fn adopt(&mut self, key: Key) {
        let node = self.at(key);
        let Some(next) = node.next_choices.take() else {
            return;
        };
        let (old, new) = (node.choices.policy, next.policy);
        if old.intensity != new.intensity {
            node.window = new.intensity.map(Window::new);
        }
        if old.children_intensity != new.children_intensity {
            node.children_window = new.children_intensity.map(Window::new);
        }
        node.choices = next;
    }
}
