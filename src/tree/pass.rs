//! The GC pass: the topmost falls of which all has ended are reset and start again (R7).

use std::time::Duration;

use rand::Rng;

use crate::tree::action::{Action, Id};
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::event::What;
use crate::tree::group::{Fate, Phase};
use crate::tree::limits::Limit;
use crate::tree::link::Link;
use crate::tree::node::Own;
use crate::tree::options::{Health, Kind};
use crate::tree::state::{State, Wait};

impl Core {
    /// Does what is due at `now`, runs the pass if something is dirty, and starts what may start.
    ///
    /// Called after each batch of facts and at each deadline; calling it more often is harmless.
    /// Costs time in proportion to what changed since the last call. `last_beat` says when an
    /// incarnation last beat, or zero if it never did; it is asked when its time seems to be up.
    pub fn advance(
        &mut self,
        now: Duration,
        rng: &mut impl Rng,
        mut last_beat: impl FnMut(Id) -> Duration,
    ) {
        if self.has_ended() {
            return;
        }
        loop {
            self.do_due(now, &mut last_beat);
            self.pass_in_turns(now, rng);
            while let Some(id) = self.removals.pop_front() {
                self.clear_away(id, now);
            }
            while let Some(id) = self.starts.pop_front() {
                self.start(id, now);
            }
            // What has started may have no time at all.
            if self.deadlines.first().is_none_or(|due| due > now) {
                break;
            }
        }
        self.finish(now);
        self.check_invariants();
    }

    fn do_due(&mut self, now: Duration, mut last_beat: impl FnMut(Id) -> Duration) {
        while let Some(due) = self.deadlines.pop(now) {
            match due {
                Due::Rung(slot) => self.climb(slot, now),
                Due::Rise(key) => self.launch(key),
                Due::Limit(limit, slot) => self.pass_limit(slot, now, limit, &mut last_beat),
                Due::Stop => self.release_all(now),
            }
        }
    }

    fn pass_in_turns(&mut self, now: Duration, rng: &mut impl Rng) {
        loop {
            self.take_turns(now);
            self.pass(now, rng);
            // What the pass gives up may have been somebody's obstacle.
            if self.turns.is_empty() {
                return;
            }
        }
    }

    fn pass(&mut self, now: Duration, rng: &mut impl Rng) {
        if !self.ready.is_due(now, self.settings.gc_interval) {
            return;
        }
        while let Some(key) = self.ready.pop() {
            let fall = &self.falls[key];
            let has_leaked = |member: &usize| self.nodes[*member].leaks() > 0;
            if matches!(fall.fate, Fate::Down { .. }) {
                self.lie_down(key, now);
            } else if fall.members.iter().any(has_leaked) {
                self.give_up(key, now);
            } else {
                self.rise(key, now, rng);
            }
        }
    }

    /// Resets the members of a fall, all to start at one time: the pass plus the longest draw.
    fn rise(&mut self, key: usize, now: Duration, rng: &mut impl Rng) {
        let Some(rising) = self.sort_out(key, now) else {
            return;
        };
        let due = match self.falls[key].fate {
            Fate::RiseAtOnce => now,
            Fate::Rise | Fate::Down { .. } => {
                let delay = self.draw(&rising, rng);
                now.saturating_add(delay).max(self.falls[key].not_before)
            }
        };
        for member in &rising {
            self.reset(*member, now, due);
        }
        self.falls[key].members = rising;
        self.falls[key].phase = Phase::Rising(due);
        if due <= now {
            self.launch(key);
        } else {
            self.deadlines.insert(due, Due::Rise(key));
        }
    }

    /// Takes those out of a fall that do not rise with it: who is down stays so, and who was
    /// ordered to start does so now. Returns the others; a fall of nobody is forgotten.
    pub(super) fn sort_out(&mut self, key: usize, now: Duration) -> Option<Vec<usize>> {
        let mut rising = std::mem::take(&mut self.falls[key].members);
        let gone = rising.extract_if(.., |member| {
            matches!(self.nodes[*member].state, State::Down | State::Waiting)
        });
        for member in gone.collect::<Vec<_>>() {
            self.nodes[member].fall = Link::NONE;
            if self.nodes[member].state == State::Waiting {
                self.start_now(member, now);
            }
            self.weigh(member);
            self.update(member);
        }
        if rising.is_empty() {
            self.falls.remove(key);
            return None;
        }
        Some(rising)
    }

    /// Starts a node that was ordered to, now that all that fell with it has ended.
    pub(super) fn start_now(&mut self, slot: usize, now: Duration) {
        self.reset(slot, now, now);
        self.starts.push_back(self.id(slot));
    }

    /// Draws a delay for each member that is dead, and returns the longest.
    fn draw(&mut self, members: &[usize], rng: &mut impl Rng) -> Duration {
        let mut delay = Duration::ZERO;
        for member in members {
            let node = &mut self.nodes[*member];
            if node.state == State::Dead {
                node.last_delay = node.options.backoff.draw(node.failures, rng);
                delay = delay.max(node.last_delay);
            }
        }
        delay
    }

    fn reset(&mut self, slot: usize, now: Duration, due: Duration) {
        self.remember_below(slot);
        self.discard_below(slot);
        let incarnation = self.next_incarnation();
        let node = &mut self.nodes[slot];
        let windows = node.windows_mut();
        if let Some(children) = windows.and_then(|windows| windows.children.as_mut()) {
            children.empty();
        }
        node.reset(incarnation);
        node.wait = Wait::Backoff;
        let attempt = node.attempt();
        self.set(slot, now, State::Waiting);
        self.update(slot);
        self.tell_event(slot, now, What::RestartScheduled { attempt, due });
    }

    /// Starts the members of a fall that has risen: all of them, or in order the first.
    pub(super) fn launch(&mut self, key: usize) {
        let fall = self.falls.remove(key);
        let first = fall.members.first().copied();
        for member in fall.members {
            self.nodes[member].fall = Link::NONE;
            if first != Some(member) && self.follows_in_order(member) {
                self.nodes[member].wait = Wait::InOrder;
            }
            // Whose turn it is not does not start; but one before it may be up already, alone.
            self.starts.push_back(self.id(member));
        }
    }

    /// Lets a fall rise as soon as all of it has ended, as ordered.
    pub(super) fn hurry(&mut self, key: usize) {
        match self.falls[key].phase {
            Phase::Rising(due) => {
                self.deadlines.remove(due, Due::Rise(key));
                self.launch(key);
            }
            Phase::Falling | Phase::Ready(_) => self.falls[key].fate = Fate::RiseAtOnce,
        }
    }

    fn start(&mut self, id: Id, now: Duration) {
        let slot = id.slot;
        let present = self
            .nodes
            .get(slot)
            .filter(|node| node.incarnation == id.incarnation);
        // Who was told to stop since it was queued does not start.
        let Some(node) = present.filter(|node| node.state == State::Waiting) else {
            return;
        };
        let is_due = match node.wait {
            Wait::Queued | Wait::Backoff => !self.waits_for_its_pool(slot),
            Wait::InOrder => self.is_its_turn(slot),
            // It was queued before, and ordered down and up again: its next incarnation starts.
            Wait::Ending => false,
        };
        if !is_due {
            return;
        }
        let node = &mut self.nodes[slot];
        node.adopt();
        node.own = Own::Running;
        node.started_at = now;
        let (attempt, last_exit) = (node.attempt(), node.evidence.clone());
        let was_open = std::mem::take(&mut node.is_open);
        let (kind, health) = (node.options.kind, node.options.health);
        self.put(slot, now, State::Starting);
        self.update(slot);
        self.tell_event(slot, now, What::Starting { attempt });
        if was_open {
            self.tell_event(slot, now, What::StartedAgain);
        }
        self.actions.push_back(match kind {
            Kind::Pool => Action::Open(id),
            Kind::Runnable => Action::Start {
                id,
                attempt,
                last_exit,
            },
        });
        // Only now: whoever hears it finds that it runs.
        self.changed(slot);
        self.begin_limit(slot, now, Limit::Start);
        self.begin_limit(slot, now, Limit::Run);
        if kind == Kind::Pool {
            self.start_pooled(slot);
        }
        if kind == Kind::Pool || health == Health::AtStart {
            self.become_healthy(slot, now);
        }
    }

    /// Whether a child was started in a pool that has not started itself.
    fn waits_for_its_pool(&self, slot: usize) -> bool {
        let parent = self.nodes[slot].parent.get();
        parent.is_some_and(|parent| self.nodes[parent].state == State::Waiting)
    }

    /// Queues what was started in a pool before it started itself.
    fn start_pooled(&mut self, slot: usize) {
        let waiting = self.children(slot);
        let waiting: Vec<_> = waiting.map(|child| self.id(child)).collect();
        self.starts.extend(waiting);
    }
}
