//! Falls: what a death, a planned restart or a spent budget takes with it (R6, R9).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::Exit;
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::event::What;
use crate::tree::evidence::{Cause, Evidence};
use crate::tree::node::{Fall, Fate, Phase};
use crate::tree::options::{AtRoot, Kind, Strategy};
use crate::tree::reading::condemn;
use crate::tree::state::{Down, State, Told};

impl Core {
    /// Answers an exit that was read as dead.
    pub(super) fn die(&mut self, slot: usize, now: Duration, evidence: &Arc<Evidence>) {
        let node = &mut self.nodes[slot];
        node.failures = node.failures.saturating_add(1);
        node.is_open = true;
        let by = node.path.clone();
        self.tell_below(slot, now, &by);
        if slot == self.root && self.is_failed_start(evidence) {
            self.put_down(slot, now, Down::Failed);
            self.fail(now, evidence.clone());
        } else if self.fails_its_group(slot) {
            self.fail_start(slot, now, evidence.clone());
        } else if let Some(spent) = self.charge(slot, now) {
            self.overspend(slot, now, spent, evidence.clone());
        } else {
            self.fall(slot, now, Duration::ZERO);
        }
    }

    /// Whether the root, not told to stop, returned an error before any incarnation of it was
    /// healthy (R11).
    fn is_failed_start(&self, evidence: &Evidence) -> bool {
        self.settings.start == AtRoot::Fail
            && !self.has_started
            && evidence.cause.is_none()
            && matches!(evidence.exit, Some(Exit::Failed(_)))
    }

    /// Answers a planned restart: a fall without a delay, but for what is left of the initial one
    /// if the incarnation was shorter than that.
    pub(super) fn restart(&mut self, slot: usize, now: Duration) {
        let node = &self.nodes[slot];
        let by = node.path.clone();
        let not_before = node
            .started_at
            .saturating_add(node.options.backoff.spacing());
        self.tell_below(slot, now, &by);
        self.fall(slot, now, not_before);
    }

    /// Lets a node fall, and with it those of its group that its strategy takes.
    pub(super) fn fall(&mut self, top: usize, now: Duration, not_before: Duration) {
        // Who dies while its group falls is a death of its own in the same fall.
        if self.nodes[top].fall.is_none() {
            let members = self.fallen(top);
            self.fall_together(top, members, now, not_before, Fate::Rise);
        }
    }

    /// Lets these members of one group fall, of which `top` is the first.
    pub(super) fn fall_together(
        &mut self,
        top: usize,
        members: Vec<usize>,
        now: Duration,
        not_before: Duration,
        fate: Fate,
    ) {
        self.announce(top, now, members.len());
        let fall = self.joined(top, members, not_before, fate);
        let members = fall.members.clone();
        let key = self.falls.insert(fall);
        for member in &members {
            self.nodes[*member].fall = Some(key);
            self.nodes[*member].was_ready = false;
            self.weigh(*member);
            self.update(*member);
        }
        let by = self.nodes[top].path.clone();
        for member in members {
            if member != top && self.nodes[member].state != State::Down {
                self.tell(member, now, Told::Group, &by);
            }
        }
        self.settle_fall(key);
    }

    /// A fall of one node that rises by itself, without a word.
    pub(super) fn fall_alone(&mut self, slot: usize) {
        let fall = self.joined(slot, vec![slot], Duration::ZERO, Fate::RiseAtOnce);
        let key = self.falls.insert(fall);
        self.nodes[slot].fall = Some(key);
        self.nodes[slot].was_ready = false;
        self.weigh(slot);
        self.update(slot);
        self.settle_fall(key);
    }

    /// A fall of these members, and of all that had fallen with any of them before and not risen:
    /// they join it, and it is due at the latest of their times (R6).
    fn joined(
        &mut self,
        top: usize,
        mut members: Vec<usize>,
        mut not_before: Duration,
        fate: Fate,
    ) -> Fall {
        let mut pending: Vec<_> = members
            .iter()
            .filter_map(|member| self.nodes[*member].fall)
            .collect();
        pending.sort_unstable();
        pending.dedup();
        for key in pending {
            let due = self.falls[key].earliest();
            not_before = not_before.max(due);
            members.extend(self.dissolve(key));
        }
        let members = self.in_declared_order(top, members);
        let is_left = |member: &&usize| !self.nodes[**member].is_out;
        let outstanding = members.iter().filter(is_left).count();
        Fall {
            top,
            outstanding,
            members,
            number: self.next_stop(),
            phase: Phase::Falling,
            not_before,
            fate,
        }
    }

    fn in_declared_order(&self, top: usize, members: Vec<usize>) -> Vec<usize> {
        let Some(group) = self.nodes[top].group.filter(|_| members.len() > 1) else {
            return vec![top];
        };
        let members: BTreeSet<_> = members.into_iter().collect();
        let all = self.groups[group].members.iter().copied();
        all.filter(|member| members.contains(member)).collect()
    }

    /// The members of a group that fall with one of them, in order of declaration. Who is down, or
    /// will be, neither falls nor rises.
    pub(super) fn fallen(&self, top: usize) -> Vec<usize> {
        let Some(group) = self.nodes[top].group.map(|group| &self.groups[group]) else {
            return vec![top];
        };
        let later = |members: &[usize]| {
            let first = members.iter().position(|member| *member == top);
            members[first.expect("a member stands in its group")..].to_vec()
        };
        let mut members = match group.options.strategy {
            Strategy::OneForOne => return vec![top],
            Strategy::OneForAll => group.members.clone(),
            Strategy::RestForOne => later(&group.members),
        };
        members.retain(|member| *member == top || self.may_rise(*member));
        members
    }

    fn may_rise(&self, slot: usize) -> bool {
        let fall = self.nodes[slot].fall.map(|key| &self.falls[key]);
        let is_kept_down = fall.is_some_and(|fall| matches!(fall.fate, Fate::Down { .. }));
        self.nodes[slot].state != State::Down && !is_kept_down
    }

    fn announce(&mut self, top: usize, now: Duration, members: usize) {
        let group = self.nodes[top]
            .group
            .map(|group| self.groups[group].label.clone());
        self.tell_event(top, now, What::Fell { group, members });
    }

    /// Forgets a fall and returns its members: whoever told them to stop answers for them, and
    /// brings their counters up to date.
    pub(super) fn dissolve(&mut self, key: usize) -> Vec<usize> {
        let fall = self.falls.remove(key);
        match fall.phase {
            Phase::Falling => {}
            Phase::Ready(turn) => self.ready.forget(turn),
            Phase::Rising(due) => self.deadlines.remove(due, Due::Rise(key)),
        }
        for member in &fall.members {
            self.nodes[*member].fall = None;
        }
        fall.members
    }

    /// Makes the parent of a node whose budget is spent fall; at the root it ends the tree.
    pub(super) fn escalate(&mut self, slot: usize, now: Duration, evidence: Arc<Evidence>) {
        let parent = self.nodes[slot].parent;
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
        let members = self.falls[key].members.clone();
        let Some(top) = self.answerable(key) else {
            return drop(self.sort_out(key, now));
        };
        let mut leaked = members.iter().copied();
        let leaked = leaked.find(|member| self.nodes[*member].leaks > 0);
        let leaked = leaked.expect("only a fall with a leak is given up");
        let evidence = self.leak_evidence(top, leaked, now);
        for member in members {
            if member == top || self.nodes[member].is_open {
                self.put_down(member, now, Down::Leaked);
            }
        }
        self.spend(top, now, Down::Leaked, evidence);
        let stays_down = |fall: &Fall| matches!(fall.fate, Fate::Down { .. });
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
        let leaked = members.iter().copied();
        let leaked = leaked.filter(|member| self.nodes[*member].leaks > 0);
        let leaked: Vec<_> = leaked.map(|member| self.place(member)).collect();
        for member in members {
            self.nodes[member].fell_beside.clone_from(&leaked);
            match self.nodes[member].state {
                State::Down => {}
                // It was ordered to start meanwhile.
                State::Waiting if leaked.is_empty() => self.start_now(member, now),
                _ => self.put_down(member, now, reason),
            }
            self.weigh(member);
            self.update(member);
        }
        if let Some(evidence) = escalates {
            self.escalate(top, now, evidence);
        }
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

impl Fall {
    /// The earliest time at which it may rise, as far as that is known.
    fn earliest(&self) -> Duration {
        match self.phase {
            Phase::Falling | Phase::Ready(_) => self.not_before,
            Phase::Rising(due) => due,
        }
    }
}
