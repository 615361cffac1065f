//! The stop ladder: ask, grace, abort, leaked (R10).

use std::time::Duration;

use crate::path::Path;
use crate::tree::action::{Action, Id};
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::event::{Event, What};
use crate::tree::node::{Node, Own};
use crate::tree::options::{Grace, OnLeak};
use crate::tree::state::{Down, Rung, State, Told};

impl Core {
    /// Asks an incarnation to stop, unless it was asked before. Its grace runs from now.
    pub(super) fn ask(&mut self, slot: usize, now: Duration) {
        let node = &mut self.nodes[slot];
        if node.rung != Rung::None {
            return;
        }
        node.rung = Rung::Asked;
        self.actions.push_back(Action::Ask(self.id(slot)));
        let grace = match self.nodes[slot].options.grace {
            Grace::For(time) => Some(now.saturating_add(time)),
            Grace::Infinite => None,
        };
        self.climb_at(slot, now, grace);
    }

    /// Lets the deadline of the tree's stop count for a node that was asked before.
    pub(super) fn tighten(&mut self, slot: usize, now: Duration) {
        let node = &self.nodes[slot];
        // While its exit is read, its code has returned and what it left is not known yet.
        let has_left = matches!(node.own, Own::Ending(_)) || node.state.is_live();
        if node.rung == Rung::Asked && has_left {
            self.climb_at(slot, now, node.ladder);
        }
    }

    /// Sets when the node is aborted: at this time, or at the tree's deadline if that is sooner.
    fn climb_at(&mut self, slot: usize, now: Duration, at: Option<Duration>) {
        let at = match (at, self.stop_deadline()) {
            (Some(at), Some(deadline)) => Some(at.min(deadline)),
            (at, deadline) => at.or(deadline),
        };
        if at > Some(now) && at == self.nodes[slot].ladder {
            // It waits for just that.
            return;
        }
        self.rest(slot);
        match at {
            Some(at) if at <= now => self.abort(slot, now),
            Some(at) => self.wait_for_rung(slot, at),
            None => {}
        }
    }

    fn wait_for_rung(&mut self, slot: usize, at: Duration) {
        self.nodes[slot].ladder = Some(at);
        self.deadlines.insert(at, Due::Rung(slot));
    }

    /// Takes the next rung off the list of what is due.
    pub(super) fn rest(&mut self, slot: usize) {
        if let Some(at) = self.nodes[slot].ladder.take() {
            self.deadlines.remove(at, Due::Rung(slot));
        }
    }

    /// Takes an incarnation one rung further.
    pub(super) fn climb(&mut self, slot: usize, now: Duration) {
        self.nodes[slot].ladder = None;
        match self.nodes[slot].rung {
            Rung::Asked => self.abort(slot, now),
            Rung::Aborted => self.leak(slot, now),
            Rung::None | Rung::Leaked => {}
        }
    }

    fn abort(&mut self, slot: usize, now: Duration) {
        self.nodes[slot].rung = Rung::Aborted;
        self.actions.push_back(Action::Abort(self.id(slot)));
        self.tell_event(slot, now, What::Aborted);
        self.wait_for_rung(slot, now.saturating_add(self.settings.leak_after));
        // What provides for its code need not wait for it any longer.
        self.wake_waiters(slot);
    }

    /// Waits for an incarnation no longer. A node whose code has returned keeps its reading.
    fn leak(&mut self, slot: usize, now: Duration) {
        self.nodes[slot].rung = Rung::Leaked;
        if self.nodes[slot].options.on_leak == OnLeak::Abandon {
            return self.abandon(slot, now);
        }
        let evidence = if self.nodes[slot].own == Own::Running {
            self.nodes[slot].down = Down::Leaked;
            self.set(slot, now, State::Down);
            None
        } else {
            self.nodes[slot].evidence.clone()
        };
        self.tell_event(slot, now, What::Leaked);
        self.report(slot, evidence);
        self.each_up(slot, |node| node.rare_mut().leaks += 1);
        self.weigh(slot);
        self.changed(slot);
        self.update(slot);
        if self.is_top_of_leak(slot) {
            self.put_down(slot, now, Down::Leaked);
            let evidence = self.leak_evidence(slot, slot, now);
            self.spend(slot, now, Down::Leaked, evidence);
        }
    }

    /// Counts a leak as ended, as its node has chosen: it may run beside it (L1).
    fn abandon(&mut self, slot: usize, now: Duration) {
        let node = &self.nodes[slot];
        self.abandoned.insert(self.id(slot), node.path.clone());
        let (evidence, is_running) = (node.evidence.clone(), node.own == Own::Running);
        self.tell_event(slot, now, What::Leaked);
        self.report(slot, evidence.filter(|_| !is_running));
        if is_running {
            self.return_from(slot, now, None);
        }
        self.leave(slot, now, 0);
    }

    /// Notes that an abandoned leak has ended after all.
    pub(super) fn reclaim(&mut self, id: Id, now: Duration) {
        let Some(path) = self.abandoned.remove(&id) else {
            return;
        };
        let present = self.nodes.get_mut(id.slot);
        if let Some(node) = present.filter(|node| node.incarnation == id.incarnation) {
            node.rung = Rung::Aborted;
            self.report(id.slot, None);
        }
        let node = self.nodes.get(id.slot).filter(|node| node.path == path);
        let state = node.map_or(State::Canceled, |node| node.state);
        self.actions.push_back(Action::Event(Event {
            at: now,
            path,
            incarnation: id.incarnation,
            state,
            what: What::LeakEnded,
        }));
    }

    /// Whether the node that has leaked would have fallen for itself, so that nobody above or
    /// beside it answers for it.
    fn is_top_of_leak(&self, slot: usize) -> bool {
        let node = &self.nodes[slot];
        let is_live = node.own == Own::Running && node.told() == Some(Told::Itself);
        is_live && node.options.rises_again()
    }

    /// Notes that what had leaked has ended after all, and drops what was kept only for its sake.
    pub(super) fn unleak(&mut self, slot: usize, now: Duration) {
        self.nodes[slot].rung = Rung::Aborted;
        self.tell_event(slot, now, What::LeakEnded);
        self.report(slot, None);
        self.each_up(slot, |node| node.take_rare(|rare| rare.leaks -= 1));
        let node = &self.nodes[slot];
        let is_raised = node.fall.is_some() && node.options.rises_again();
        if node.state == State::Down && is_raised && !node.is_terminated() {
            // It has ended in time: its fall raises it with the others.
            self.set(slot, now, State::Canceled);
        }
        self.weigh(slot);
        self.changed(slot);
        let mut next = Some(slot);
        while let Some(slot) = next {
            next = self.nodes[slot].parent.get();
            // Who was waited for only because of the leak may leave its fall.
            self.update(slot);
        }
    }

    /// Does something with a node and with each above it.
    fn each_up(&mut self, slot: usize, act: impl Fn(&mut Node)) {
        let mut next = Some(slot);
        while let Some(slot) = next {
            let node = &mut self.nodes[slot];
            act(node);
            next = node.parent.get();
        }
    }

    /// The first leak at or below a node that has one.
    pub(super) fn leaked_in(&self, top: usize) -> Path {
        let mut slot = top;
        while !self.nodes[slot].has_leaked() {
            let mut children = self.children(slot);
            let next = children.find(|child| self.nodes[*child].leaks() > 0);
            slot = next.expect("I10: a leak is at a node or below one of its children");
        }
        self.nodes[slot].path.clone()
    }
}
