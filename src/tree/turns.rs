//! Whose turn it is to be asked to stop (R10).
//!
//! A node that is told to stop is *held* while something has to be gone before it is asked: what
//! its group's order puts first, its users if it provides for them, or its parent's own turn. It
//! watches one such obstacle at a time. When that is gone it looks for the next, from there on, so
//! a stop costs each node what stands after it once.

use std::time::Duration;

use crate::tree::action::Id;
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::node::Own;
use crate::tree::state::{Rung, State};

impl Core {
    /// What a node that was told to stop has to wait for; `None` if its turn has come.
    ///
    /// `after` is the sibling that it has waited for so far.
    pub(super) fn obstacle(
        &self,
        slot: usize,
        now: Duration,
        after: Option<usize>,
    ) -> Option<usize> {
        if self.waits_for_nobody(slot, now) {
            return None;
        }
        let node = &self.nodes[slot];
        let parent = node.parent.get()?;
        if self.nodes[parent].is_held {
            return Some(parent);
        }
        if node.state == State::Waiting {
            // What has not started serves nobody.
            return None;
        }
        if node.provides() && node.is_taken && self.may_use(parent) {
            return Some(parent);
        }
        self.later_obstacle(slot, after.unwrap_or(slot))
    }

    /// Whether a node stops now whatever stands before it: an order takes it, or the deadline is
    /// over.
    fn waits_for_nobody(&self, slot: usize, now: Duration) -> bool {
        let is_late = self.stop_deadline().is_some_and(|deadline| deadline <= now);
        is_late || self.nodes[slot].is_terminated()
    }

    /// Whether a node's code still runs, and is not being aborted.
    fn may_use(&self, slot: usize) -> bool {
        self.nodes[slot].own == Own::Running && self.nodes[slot].rung < Rung::Aborted
    }

    fn later_obstacle(&self, slot: usize, after: usize) -> Option<usize> {
        let node = &self.nodes[slot];
        let provides = node.provides();
        let in_order = node
            .group
            .get()
            .is_some_and(|group| self.groups[group].is_in_order());
        let stops_alone = !node.is_taken && node.fall.is_none();
        if stops_alone || !provides && !in_order {
            return None;
        }
        let number = self.stop_of(slot);
        let mut next = self.nodes[after].links.next.get();
        while let Some(later) = next {
            let other = &self.nodes[later];
            if !provides && other.group != node.group {
                return None;
            }
            if !other.is_out && self.stops_with(later, slot) {
                return Some(later);
            }
            let was_last = number > 0 && other.was_last_in == number;
            if was_last && (other.provides() || !provides) {
                return None;
            }
            next = other.links.next.get();
        }
        None
    }

    /// The number of the stop or fall that takes a node, or 0 if it stops alone.
    pub(super) fn stop_of(&self, slot: usize) -> u64 {
        let node = &self.nodes[slot];
        match (node.parent.get(), node.fall.get()) {
            (Some(parent), _) if node.is_taken => self.nodes[parent].stop_below,
            (_, Some(fall)) => self.falls[fall].number,
            (_, None) => 0,
        }
    }

    /// Whether the fall or stop that takes a node takes this sibling, too.
    fn stops_with(&self, sibling: usize, slot: usize) -> bool {
        let node = &self.nodes[slot];
        node.is_taken || node.fall.is_some() && self.nodes[sibling].fall == node.fall
    }

    pub(super) fn hold(&mut self, slot: usize, obstacle: usize) {
        let number = self.stop_of(slot);
        let node = &mut self.nodes[slot];
        node.is_held = true;
        node.rare_mut().held_in = number;
        self.nodes[obstacle].rare_mut().waiters.push(slot);
        if let Some(deadline) = self.stop_deadline() {
            self.deadlines.insert(deadline, Due::Stop);
        }
    }

    /// Lets those look again that have waited for this node: it is out, has returned, is aborted,
    /// or was asked.
    pub(super) fn wake_waiters(&mut self, slot: usize) {
        if self.nodes[slot].rare().waiters.is_empty() {
            return;
        }
        let id = self.id(slot);
        let waiters = self.nodes[slot].take_rare(|rare| std::mem::take(&mut rare.waiters));
        self.turns
            .extend(waiters.into_iter().map(|waiter| (waiter, id)));
    }

    /// Asks all whose turn has come.
    pub(super) fn take_turns(&mut self, now: Duration) {
        while let Some((slot, obstacle)) = self.turns.pop_front() {
            if self.nodes.get(slot).is_some_and(|node| node.is_held) {
                let after = self.sibling_after(slot, obstacle);
                match self.obstacle(slot, now, after) {
                    Some(obstacle) => self.hold(slot, obstacle),
                    None => self.come_late(slot, now),
                }
            }
        }
    }

    /// The sibling that a node has waited for, if it is there and out, and the node still stops in
    /// the same stop or fall: a larger one takes others, too.
    fn sibling_after(&self, slot: usize, obstacle: Id) -> Option<usize> {
        let other = self.nodes.get(obstacle.slot)?;
        let is_there = other.incarnation == obstacle.incarnation && other.is_out;
        let node = &self.nodes[slot];
        let is_same_stop = node.rare().held_in == self.stop_of(slot);
        let is_beside = is_there && other.parent == node.parent;
        (is_beside && is_same_stop).then_some(obstacle.slot)
    }

    /// Takes a node's turn: it is asked, and so are those below it that wait for nothing else.
    pub(super) fn come(&mut self, slot: usize, now: Duration) {
        let number = self.stop_of(slot);
        let has_waited = !self.waits_for_nobody(slot, now);
        let node = &mut self.nodes[slot];
        node.is_held = false;
        if has_waited && node.state != State::Waiting {
            node.was_last_in = number;
        }
        match self.nodes[slot].state {
            State::Starting | State::Healthy | State::Finishing => self.stop_live(slot, now),
            // A child that was declared while its parent was held, and has not started.
            State::Waiting => self.stop_waiting(slot, now),
            State::Done | State::Stopping | State::Dead | State::Canceled | State::Down => {}
        }
        self.wake_waiters(slot);
    }

    fn come_late(&mut self, slot: usize, now: Duration) {
        self.come(slot, now);
        self.weigh(slot);
        self.changed(slot);
        self.update(slot);
    }

    /// At the deadline of the tree's stop, order ends: all that are held are asked, and aborted.
    pub(super) fn release_all(&mut self, now: Duration) {
        let held = self.nodes.iter().filter(|(_, node)| node.is_held);
        let held: Vec<_> = held.map(|(slot, _)| slot).collect();
        for slot in held {
            if self.nodes.get(slot).is_some_and(|node| node.is_held) {
                self.come_late(slot, now);
            }
        }
    }
}
