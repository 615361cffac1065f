//! Falls: what a death, a planned restart or a spent budget takes with it (R6, R9).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::Exit;
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::event::What;
use crate::tree::evidence::Evidence;
use crate::tree::group::{Fall, Fate, Phase};
use crate::tree::link::Link;
use crate::tree::options::{AtRoot, Strategy};
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

    /// Lets these members of one group fall, which are in order of declaration, for the sake of
    /// `top`.
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
            self.nodes[*member].fall = Link::to(key);
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
        self.nodes[slot].fall = Link::to(key);
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
            .filter_map(|member| self.nodes[*member].fall.get())
            .collect();
        pending.sort_unstable();
        pending.dedup();
        for key in &pending {
            let due = self.falls[*key].earliest();
            not_before = not_before.max(due);
            members.extend(self.dissolve(*key));
        }
        if !pending.is_empty() {
            members = self.in_declared_order(top, members);
        }
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
        let Some(group) = self.nodes[top].group.get().filter(|_| members.len() > 1) else {
            return vec![top];
        };
        let members: BTreeSet<_> = members.into_iter().collect();
        let all = self.groups[group].members.iter().copied();
        all.filter(|member| members.contains(member)).collect()
    }

    /// The members of a group that fall with one of them, in order of declaration. Who is down, or
    /// will be, neither falls nor rises.
    pub(super) fn fallen(&self, top: usize) -> Vec<usize> {
        let group = self.nodes[top].group.get();
        let Some(group) = group.map(|group| &self.groups[group]) else {
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
        let fall = self.nodes[slot].fall.get().map(|key| &self.falls[key]);
        let is_kept_down = fall.is_some_and(|fall| matches!(fall.fate, Fate::Down { .. }));
        self.nodes[slot].state != State::Down && !is_kept_down
    }

    fn announce(&mut self, top: usize, now: Duration, members: usize) {
        let group = self.nodes[top]
            .group
            .get()
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
            self.nodes[*member].fall = Link::NONE;
        }
        fall.members
    }
}
