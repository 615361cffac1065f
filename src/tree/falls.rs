//! Falls: what a death, a planned restart or a spent budget takes with it (R6, R9).

use std::sync::Arc;
use std::time::Duration;

use crate::exit::Exit;
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::event::What;
use crate::tree::evidence::{Cause, Evidence};
use crate::tree::node::{Fall, Phase};
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
    fn fall(&mut self, top: usize, now: Duration, not_before: Duration) {
        if self.nodes[top].fall.is_some() {
            return;
        }
        let members = self.fallen(top);
        self.announce(top, now, members.len());
        let outstanding = members
            .iter()
            .filter(|member| !self.nodes[**member].is_out)
            .count();
        let phase = Phase::Falling;
        let fall = Fall {
            top,
            members: members.clone(),
            outstanding,
            phase,
            not_before,
        };
        let key = self.falls.insert(fall);
        for member in &members {
            self.nodes[*member].fall = Some(key);
            self.nodes[*member].was_ready = false;
            self.weigh(*member);
        }
        let by = self.nodes[top].path.clone();
        for member in members.into_iter().filter(|member| *member != top) {
            self.tell(member, now, Told::Group, &by);
        }
        self.settle_fall(key);
    }

    /// The members of a group that fall with one of them. Who is down neither falls nor rises.
    fn fallen(&self, top: usize) -> Vec<usize> {
        let group = self.nodes[top].group.map(|group| &self.groups[group]);
        match group {
            Some(group) if group.strategy == Strategy::OneForAll => {
                let members = group.members.iter().copied();
                members
                    .filter(|member| self.nodes[*member].state != State::Down)
                    .collect()
            }
            Some(_) | None => vec![top],
        }
    }

    fn announce(&mut self, top: usize, now: Duration, members: usize) {
        let group = self.nodes[top]
            .group
            .map(|group| self.groups[group].label.clone());
        self.tell_event(top, now, What::Fell { group, members });
    }

    /// Forgets a fall: whoever told its members to stop answers for them, and brings their counters
    /// up to date.
    pub(super) fn dissolve(&mut self, key: usize) {
        let fall = self.falls.remove(key);
        match fall.phase {
            Phase::Falling => {}
            Phase::Ready(turn) => self.ready.forget(turn),
            Phase::Rising(due) => self.deadlines.remove(due, Due::Rise(key)),
        }
        for member in fall.members {
            self.nodes[member].fall = None;
        }
    }

    /// Takes a member out of its fall, which will not raise it.
    pub(super) fn leave_fall(&mut self, member: usize) {
        self.nodes[member].fall = None;
        self.weigh(member);
        self.update(member);
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
        match (self.nodes[parent].state, self.nodes[parent].options.kind) {
            (State::Starting | State::Healthy | State::Finishing, Kind::Runnable) => {
                self.condemn(parent, now, cause);
            }
            (State::Done, _) | (State::Healthy, Kind::Pool) => self.die_of(parent, now, cause),
            // It only records the escalation, which the event has done (R9).
            (State::Stopping, _) => {}
            (
                State::Starting
                | State::Finishing
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
    pub(super) fn spend(&mut self, key: usize, now: Duration) {
        let Fall { top, members, .. } = self.falls[key].clone();
        self.dissolve(key);
        let leaked = members
            .iter()
            .copied()
            .find(|member| self.nodes[*member].leaks > 0);
        let leaked = leaked.expect("only a fall with a leak is given up");
        for member in members {
            let was_open = std::mem::take(&mut self.nodes[member].is_open);
            if member == top || was_open {
                self.put_down(member, now, Down::Leaked);
            }
            self.weigh(member);
            self.update(member);
        }
        self.spend_budget(top, leaked, now);
    }

    /// Escalates because of what has leaked at or below a node.
    pub(super) fn spend_budget(&mut self, top: usize, leaked: usize, now: Duration) {
        let evidence = self.leak_evidence(top, leaked, now);
        self.tell_event(
            top,
            now,
            What::BudgetSpent {
                evidence: evidence.clone(),
            },
        );
        self.escalate(top, now, evidence);
    }

    fn leak_evidence(&mut self, top: usize, leaked: usize, at: Duration) -> Arc<Evidence> {
        let leaked = self.leaked_in(leaked);
        let node = &mut self.nodes[top];
        node.record(at, node.last_exit(), Some(Cause::Leaked(leaked)))
    }
}
