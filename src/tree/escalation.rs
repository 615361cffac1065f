//! Escalation, and falls that do not rise (R9, R10).

use std::sync::Arc;
use std::time::Duration;

use crate::tree::core::Core;
use crate::tree::event::What;
use crate::tree::evidence::{Cause, Evidence};
use crate::tree::group::{Fall, Fate};
use crate::tree::options::{AtRoot, Kind};
use crate::tree::reading::condemn;
use crate::tree::state::{Down, State, Told};

impl Core {
    /// Makes the parent of a node whose budget is spent fall; at the root it ends the tree.
    pub(super) fn escalate(&mut self, slot: usize, now: Duration, evidence: Arc<Evidence>) {
        let parent = self.nodes[slot].parent.get();
        let to = parent.map(|parent| self.nodes[parent].path.clone());
        self.tell_event(slot, now, What::Escalated { to });
        match parent {
            None => self.fail(now, evidence),
            Some(parent) if parent == self.root && self.settings.escalations == AtRoot::Fail => {
                self.fail(now, evidence);
            }
            Some(parent) => self.escalate_to(parent, now, evidence),
        }
    }

    fn escalate_to(&mut self, parent: usize, now: Duration, child: Arc<Evidence>) {
        let cause = Cause::Escalated(child);
        if self.nodes[parent].told() > Some(Told::Itself) {
            // It stops already, so it only records the escalation, which the event has done (R9).
            return;
        }
        match (self.nodes[parent].state, self.nodes[parent].options.kind) {
            (State::Starting | State::Healthy | State::Finishing, Kind::Runnable) => {
                self.condemn(parent, now, cause);
            }
            (State::Done, _) | (State::Healthy, Kind::Pool) => self.die_of(parent, now, cause),
            (
                State::Starting
                | State::Finishing
                | State::Stopping
                | State::Waiting
                | State::Dead
                | State::Canceled
                | State::Down,
                _,
            ) => {}
        }
    }

    /// Reads the exit of a node again whose code has returned already: it has a cause now.
    fn die_of(&mut self, slot: usize, now: Duration, cause: Cause) {
        let node = &mut self.nodes[slot];
        let evidence = node.record(now, node.last_exit(), Some(cause));
        node.age(now);
        if node.options.kind == Kind::Pool {
            self.close_pool(slot);
        }
        let reading = condemn(self.nodes[slot].options.restart);
        self.follow(slot, now, reading, evidence);
        self.update(slot);
    }

    /// Gives up a fall that something leaked in: it cannot rise, so its budget is spent (R10).
    pub(super) fn give_up(&mut self, key: usize, now: Duration) {
        let Fall {
            members, number, ..
        } = self.falls[key].clone();
        let Some(top) = self.answerable(key) else {
            self.note_leaks(&members);
            return drop(self.sort_out(key, now));
        };
        let mut leaked = members.iter().copied();
        let leaked = leaked.find(|member| self.nodes[*member].leaks() > 0);
        let leaked = leaked.expect("only a fall with a leak is given up");
        let evidence = self.leak_evidence(top, leaked, now);
        for member in members {
            if member == top || self.nodes[member].is_open {
                self.put_down(member, now, Down::Leaked);
            }
        }
        self.spend(top, now, Down::Leaked, evidence);
        // The key may be another fall's by now.
        let stays_down =
            |fall: &Fall| fall.number == number && matches!(fall.fate, Fate::Down { .. });
        if self.falls.get(key).is_some_and(stays_down) {
            self.lie_down(key, now);
        }
    }

    /// Which member answers for a leak in a fall: its top, unless an order has taken that.
    fn answerable(&self, key: usize) -> Option<usize> {
        let fall = &self.falls[key];
        let others = fall.members.iter().copied();
        let mut left = std::iter::once(fall.top)
            .chain(others)
            .filter(|member| !self.nodes[*member].is_terminated());
        let first = left.clone().next();
        left.find(|member| *member == fall.top || self.nodes[*member].is_open)
            .or(first)
    }

    /// Keeps all of a fall down that has ended.
    pub(super) fn lie_down(&mut self, key: usize, now: Duration) {
        let Fall { top, fate, .. } = self.falls[key].clone();
        let Fate::Down { reason, escalates } = fate else {
            unreachable!("only what is to stay down lies down");
        };
        let members = self.dissolve(key);
        let has_leaked = self.note_leaks(&members);
        for member in members {
            match self.nodes[member].state {
                State::Down => {}
                // It was ordered to start meanwhile.
                State::Waiting if !has_leaked => self.start_now(member, now),
                _ => self.put_down(member, now, reason),
            }
            self.weigh(member);
            self.update(member);
        }
        if let Some(evidence) = escalates {
            self.escalate(top, now, evidence);
        }
    }

    /// Lets each member of a fall remember which of them have leaked: an order to start one has to
    /// be refused. Returns whether any has.
    fn note_leaks(&mut self, members: &[usize]) -> bool {
        let leaked = members.iter().copied();
        let leaked = leaked.filter(|member| self.nodes[*member].leaks() > 0);
        let leaked: Vec<_> = leaked.map(|member| self.id(member)).collect();
        for member in members {
            let node = &mut self.nodes[*member];
            if leaked.is_empty() {
                node.take_rare(|rare| rare.fell_beside.clear());
            } else {
                node.rare_mut().fell_beside.clone_from(&leaked);
            }
        }
        !leaked.is_empty()
    }

    pub(super) fn leak_evidence(
        &mut self,
        top: usize,
        leaked: usize,
        at: Duration,
    ) -> Arc<Evidence> {
        let leaked = self.leaked_in(leaked);
        let node = &mut self.nodes[top];
        node.record(at, node.last_exit(), Some(Cause::Leaked(leaked)))
    }
}
