//! The GC pass: the topmost falls of which all has ended are reset and start again (R7).

use std::time::Duration;

use rand::Rng;

use crate::tree::action::{Action, Id};
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::event::What;
use crate::tree::node::{Own, Phase};
use crate::tree::options::{Health, Kind};
use crate::tree::state::{State, Wait};

impl Core {
    /// Does what is due at `now`, runs the pass if something is dirty, and starts what may start.
    ///
    /// Called after each batch of facts and at each deadline; calling it more often is harmless.
    /// Costs time in proportion to what changed since the last call.
    pub fn advance(&mut self, now: Duration, rng: &mut impl Rng) {
        if self.has_ended() {
            return;
        }
        while let Some(due) = self.deadlines.pop(now) {
            match due {
                Due::Rung(slot) => self.climb(slot, now),
                Due::Rise(key) => self.launch(key),
            }
        }
        self.pass(now, rng);
        while let Some(id) = self.starts.pop_front() {
            self.start(id, now);
        }
        self.finish(now);
        self.check_invariants();
    }

    fn pass(&mut self, now: Duration, rng: &mut impl Rng) {
        if !self.ready.is_due(now, self.settings.gc_interval) {
            return;
        }
        while let Some(key) = self.ready.pop() {
            let fall = &self.falls[key];
            if fall
                .members
                .iter()
                .any(|member| self.nodes[*member].leaks > 0)
            {
                self.spend(key, now);
            } else {
                self.rise(key, now, rng);
            }
        }
    }

    /// Resets the members of a fall, all to start at one time: the pass plus the longest draw.
    fn rise(&mut self, key: usize, now: Duration, rng: &mut impl Rng) {
        let members = std::mem::take(&mut self.falls[key].members);
        let (down, members): (Vec<_>, Vec<_>) = members
            .into_iter()
            .partition(|member| self.nodes[*member].state == State::Down);
        for member in down {
            self.leave_fall(member);
        }
        let mut delay = Duration::ZERO;
        for member in &members {
            let node = &mut self.nodes[*member];
            if node.state == State::Dead {
                node.last_delay = node.options.backoff.draw(node.failures, rng);
                delay = delay.max(node.last_delay);
            }
        }
        let due = now.saturating_add(delay).max(self.falls[key].not_before);
        for member in &members {
            self.reset(*member, now, due);
        }
        self.falls[key].members = members;
        self.falls[key].phase = Phase::Rising(due);
        if due <= now {
            self.launch(key);
        } else {
            self.deadlines.insert(due, Due::Rise(key));
        }
    }

    fn reset(&mut self, slot: usize, now: Duration, due: Duration) {
        self.remember_below(slot);
        self.discard_below(slot);
        let incarnation = self.next_incarnation();
        let node = &mut self.nodes[slot];
        node.reset(incarnation);
        node.wait = Wait::Backoff;
        let attempt = node.attempt();
        self.set(slot, now, State::Waiting);
        self.update(slot);
        self.tell_event(slot, now, What::RestartScheduled { attempt, due });
    }

    /// Starts all members of a fall that has risen.
    fn launch(&mut self, key: usize) {
        let fall = self.falls.remove(key);
        for member in fall.members {
            self.nodes[member].fall = None;
            self.starts.push_back(self.id(member));
        }
    }

    fn start(&mut self, id: Id, now: Duration) {
        let slot = id.slot;
        let present = self
            .nodes
            .get_mut(slot)
            .filter(|node| node.incarnation == id.incarnation);
        // Who was told to stop since it was queued does not start.
        let Some(node) = present.filter(|node| node.state == State::Waiting) else {
            return;
        };
        node.own = Own::Running;
        node.started_at = now;
        let (attempt, last_exit) = (node.attempt(), node.evidence.clone());
        let was_open = std::mem::take(&mut node.is_open);
        let (kind, health) = (node.options.kind, node.options.health);
        self.set(slot, now, State::Starting);
        self.update(slot);
        self.tell_event(slot, now, What::Starting { attempt });
        if was_open {
            self.tell_event(slot, now, What::StartedAgain);
        }
        if kind == Kind::Runnable {
            self.actions.push_back(Action::Start {
                id,
                attempt,
                last_exit,
            });
        }
        if kind == Kind::Pool || health == Health::AtStart {
            self.become_healthy(slot, now);
        }
    }
}
