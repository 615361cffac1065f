//! Groups that start in order: each member waits for the one before it (R10b).

use std::sync::Arc;
use std::time::Duration;

use crate::tree::core::Core;
use crate::tree::evidence::Evidence;
use crate::tree::group::Fate;
use crate::tree::state::{Down, State, Wait};

impl Core {
    fn group_in_order(&self, slot: usize) -> Option<usize> {
        let group = self.nodes[slot].group.get()?;
        self.groups[group].is_in_order().then_some(group)
    }

    /// Whether a new member comes after another one that it has to wait for.
    pub(super) fn follows_in_order(&self, slot: usize) -> bool {
        let group = self.group_in_order(slot);
        group.is_some_and(|group| self.groups[group].members.first() != Some(&slot))
    }

    /// Whether the nearest member before this one that is not down is healthy or done.
    pub(super) fn is_its_turn(&self, slot: usize) -> bool {
        let group = self.nodes[slot].group;
        let before = std::iter::successors(self.before(slot), |slot| self.before(*slot));
        let mut before = before
            .map(|slot| &self.nodes[slot])
            .take_while(|node| node.group == group)
            .skip_while(|node| node.state == State::Down);
        before.next().is_none_or(|node| {
            matches!(node.state, State::Healthy | State::Finishing | State::Done)
        })
    }

    fn before(&self, slot: usize) -> Option<usize> {
        self.nodes[slot].links.previous.get()
    }

    /// Lets the next member start, now that this one is healthy, done or down.
    pub(super) fn pass_on(&mut self, slot: usize) {
        let Some(group) = self.group_in_order(slot) else {
            return;
        };
        if !std::mem::replace(&mut self.nodes[slot].was_up, true) {
            self.groups[group].unstarted -= 1;
        }
        self.start_next(slot);
    }

    /// Queues the next member after this place in its group, if that waits for its turn.
    pub(super) fn start_next(&mut self, slot: usize) {
        let group = self.nodes[slot].group;
        let after = std::iter::successors(self.after(slot), |slot| self.after(*slot));
        let next = after
            .take_while(|slot| self.nodes[*slot].group == group)
            .find(|slot| self.nodes[*slot].state != State::Down);
        if let Some(next) = next.filter(|next| self.waits_in_order(*next)) {
            self.starts.push_back(self.id(next));
        }
    }

    fn after(&self, slot: usize) -> Option<usize> {
        self.nodes[slot].links.next.get()
    }

    fn waits_in_order(&self, slot: usize) -> bool {
        self.nodes[slot].state == State::Waiting && self.nodes[slot].wait == Wait::InOrder
    }

    /// Whether the exit of this member, which was never healthy, fails the start of its group.
    pub(super) fn fails_its_group(&self, slot: usize) -> bool {
        let is_starting = |group: usize| self.groups[group].unstarted > 0;
        self.group_in_order(slot).is_some_and(is_starting) && self.nodes[slot].healthy_at.is_none()
    }

    /// Stops the members of a group of which one could not start: all stay down, and it escalates
    /// when they are gone.
    pub(super) fn fail_start(&mut self, slot: usize, now: Duration, evidence: Arc<Evidence>) {
        if self.nodes[slot].state != State::Down {
            self.put_down(slot, now, Down::StartFailed);
        }
        self.tell_budget_spent(slot, now, &evidence);
        let group = self.nodes[slot].group.get();
        let group = group.expect("only a member of a group fails its start");
        let members = self.groups[group].standing(|member| self.nodes[member].state, slot);
        let fate = Fate::Down {
            reason: Down::StartFailed,
            escalates: Some(evidence),
        };
        self.fall_together(slot, members, now, Duration::ZERO, fate);
    }
}
