//! The counters that make an exit O(1) amortised: who is out, who is counted, who is settled.

use crate::tree::core::Core;
use crate::tree::group::{Fall, Fate, Phase};
use crate::tree::link::Link;
use crate::tree::node::Weight;
use crate::tree::options::Kind;
use crate::tree::state::{State, Told};
use crate::tree::stop::Course;

impl Core {
    /// Whether nothing more will happen by itself (R12): no action is left, and every node is
    /// healthy, or done or down and ended or leaked; or the tree has ended.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        let is_idle = self.starts.is_empty() && self.turns.is_empty() && self.removals.is_empty();
        let is_quiet = self.actions.is_empty() && is_idle && self.ready.is_empty();
        is_quiet && (self.has_ended() || self.unsettled == 0)
    }

    /// Whether every node was healthy or done once since it last fell, and the tree runs.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        matches!(self.course, Course::Running) && self.unready == 0
    }

    /// Brings the tree's counters up to date with a node.
    pub(super) fn weigh(&mut self, slot: usize) {
        let node = &mut self.nodes[slot];
        let is = node.must_weigh();
        let was = std::mem::replace(&mut node.weight, is);
        if was != is {
            self.reweigh(was, is);
        }
    }

    pub(super) fn reweigh(&mut self, was: Weight, is: Weight) {
        count(&mut self.unfinished, was.unfinished, is.unfinished);
        count(&mut self.unsettled, was.unsettled, is.unsettled);
        count(&mut self.unready, was.unready, is.unready);
    }

    /// Brings `is_out` and `is_counted` of a node, and of those above it, up to date.
    ///
    /// Goes up only while a whole subtree ends or begins, so the way is paid for by the nodes
    /// that did.
    pub(super) fn update(&mut self, slot: usize) {
        let mut next = Some(slot);
        while let Some(slot) = next {
            self.update_out(slot);
            let node = &mut self.nodes[slot];
            let (was, is) = (node.is_counted, node.must_be_counted());
            node.is_counted = is;
            next = node.parent.get().filter(|_| was != is);
            if let Some(parent) = next {
                count(&mut self.nodes[parent].below, was, is);
            }
            self.tidy(slot);
        }
    }

    fn update_out(&mut self, slot: usize) {
        let node = &mut self.nodes[slot];
        let (was, is) = (node.is_out, node.must_be_out());
        node.is_out = is;
        let fall = node.fall.get();
        if is && !was {
            self.changed(slot);
            self.wake_waiters(slot);
        }
        let Some(fall) = fall else { return };
        count(&mut self.falls[fall].outstanding, !was, !is);
        if is && self.may_quit(slot, fall) {
            self.quit_fall(slot, fall);
        } else {
            self.settle_fall(fall);
        }
    }

    /// Whether an order has taken this member, which is out, for good: it goes, or its fall has
    /// risen. Until then a start has to wait for all that fell with it (R7).
    fn may_quit(&self, slot: usize, fall: usize) -> bool {
        let node = &self.nodes[slot];
        let Fall { phase, fate, .. } = &self.falls[fall];
        let has_risen = matches!(phase, Phase::Rising(_));
        // Who is left when all of it has ended escalates.
        let escalates = matches!(
            fate,
            Fate::Down {
                escalates: Some(_),
                ..
            }
        );
        let is_for_good = has_risen || node.told() == Some(Told::Remove) && !escalates;
        node.state == State::Down && node.is_terminated() && node.leaks() == 0 && is_for_good
    }

    /// Takes a member that is out out of its fall, which will not raise it. A fall of nobody is
    /// forgotten.
    fn quit_fall(&mut self, slot: usize, key: usize) {
        self.nodes[slot].fall = Link::NONE;
        self.weigh(slot);
        let fall = &mut self.falls[key];
        fall.members.retain(|member| *member != slot);
        let left = &fall.members;
        let open = left.iter().find(|member| self.nodes[**member].is_open);
        match open.or_else(|| left.first()).copied() {
            None => drop(self.dissolve(key)),
            Some(next) => {
                // The place of the old top may be gone before the fall is.
                if fall.top == slot {
                    fall.top = next;
                }
                self.settle_fall(key);
            }
        }
    }

    /// Notes a fall of which everything is out, for the next pass.
    pub(super) fn settle_fall(&mut self, key: usize) {
        let fall = &mut self.falls[key];
        if fall.outstanding == 0 && fall.phase == Phase::Falling {
            fall.phase = Phase::Ready(self.ready.push(key));
        }
    }

    /// Notes what nobody needs any more: what is below a node that is over, a node that was
    /// removed, and an ended child of a pool (R6, R13). It is dropped at the end of the batch, as
    /// it may be in the middle of what is done about it.
    pub(super) fn tidy(&mut self, slot: usize) {
        let node = &self.nodes[slot];
        if !node.is_out || node.leaks() > 0 {
            return;
        }
        let has_left = !node.rises() && self.has_left(slot);
        if has_left || node.is_over() && node.links.first.is_some() {
            self.removals.push_back(self.id(slot));
        }
    }

    /// Whether a node that is out is of no further use: an order has removed it, or it has left its
    /// pool.
    pub(super) fn has_left(&self, slot: usize) -> bool {
        let node = &self.nodes[slot];
        let is_removed = node.state == State::Down && node.told() == Some(Told::Remove);
        is_removed || node.has_left_pool() && self.is_pooled(slot)
    }

    pub(super) fn is_pooled(&self, slot: usize) -> bool {
        let parent = self.nodes[slot].parent.get();
        parent.is_some_and(|parent| self.nodes[parent].options.kind == Kind::Pool)
    }
}

impl crate::tree::node::Node {
    /// Whether what is below it, which has ended, stays so: it is down, or done because its
    /// significant children have ended.
    pub(super) fn is_over(&self) -> bool {
        let ended_so = self.state == State::Done && self.told() == Some(Told::Significant);
        self.state == State::Down || ended_so
    }

    /// Whether a pool has no further use for its child, which is out.
    fn has_left_pool(&self) -> bool {
        match self.state {
            State::Done | State::Down => true,
            // What the pool's own end took does not start again: whoever waits for it to be
            // forgotten may be what the pool's end waits for.
            State::Dead | State::Canceled => self.is_taken,
            State::Waiting
            | State::Starting
            | State::Healthy
            | State::Finishing
            | State::Stopping => false,
        }
    }
}

pub(super) fn count(counter: &mut usize, was: bool, is: bool) {
    match (was, is) {
        (false, true) => *counter += 1,
        (true, false) => *counter -= 1,
        (true, true) | (false, false) => {}
    }
}
