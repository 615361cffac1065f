//! Telling nodes to stop, and all below them (R5, R6, and the table of states and events).

use std::time::Duration;

use crate::path::Path;
use crate::tree::action::Action;
use crate::tree::core::Core;
use crate::tree::event::What;
use crate::tree::node::Own;
use crate::tree::options::{Kind, Restart};
use crate::tree::state::{Down, State, Told};

impl Core {
    /// Tells a node to stop, and all below it.
    ///
    /// `by` is the node whose fall or stop it is. The strongest reason so far decides, so what is
    /// told twice only hears what is new.
    pub(super) fn tell(&mut self, slot: usize, now: Duration, told: Told, by: &Path) {
        let mut next = vec![(slot, told)];
        while let Some((slot, told)) = next.pop() {
            // What is done in a pool goes with all below it as soon as nothing below it waits.
            if self.nodes.contains(slot) {
                self.tell_one(slot, now, told, by);
                self.push_below(&mut next, slot, told);
            }
        }
    }

    /// Tells all below a node to stop, but not the node.
    pub(super) fn tell_below(&mut self, slot: usize, now: Duration, by: &Path) {
        let mut below = Vec::new();
        self.push_below(&mut below, slot, Told::Parent);
        while let Some((child, told)) = below.pop() {
            self.tell(child, now, told, by);
        }
    }

    fn push_below(&mut self, next: &mut Vec<(usize, Told)>, slot: usize, told: Told) {
        let told = told.max(Told::Parent);
        // A pool's child may be gone by now.
        let Some(node) = self.nodes.get_mut(slot) else {
            return;
        };
        if node.told_below >= Some(told) {
            return;
        }
        node.told_below = Some(told);
        let mut child = node.links.last;
        while let Some(slot) = child {
            next.push((slot, told));
            child = self.nodes[slot].links.previous;
        }
    }

    fn tell_one(&mut self, slot: usize, now: Duration, told: Told, by: &Path) {
        let node = &mut self.nodes[slot];
        if node.told() >= Some(told) {
            return;
        }
        node.told = Some((told, by.clone()));
        let state = node.state;
        if told > Told::Group {
            self.take(slot, now, told, by);
        }
        match state {
            State::Waiting => self.tell_waiting(slot, now, told),
            State::Starting | State::Healthy | State::Finishing => {
                self.tell_live(slot, now, told, by);
            }
            State::Done if told == Told::Group => self.set(slot, now, State::Canceled),
            State::Dead | State::Canceled if told == Told::Tree => {
                self.put_down(slot, now, Down::Stopped);
            }
            State::Stopping | State::Done | State::Dead | State::Canceled | State::Down => {}
        }
        self.tighten(slot, now);
        self.weigh(slot);
        self.changed(slot);
        self.update(slot);
    }

    fn tell_waiting(&mut self, slot: usize, now: Duration, told: Told) {
        match (self.nodes[slot].options.restart, told) {
            (Restart::Permanent, _) => self.set(slot, now, State::Canceled),
            (Restart::Temporary, Told::Tree) => self.put_down(slot, now, Down::Stopped),
            (Restart::Temporary, Told::Itself | Told::Group | Told::Parent) => {
                self.put_down(slot, now, Down::Temporary);
            }
        }
    }

    fn tell_live(&mut self, slot: usize, now: Duration, told: Told, by: &Path) {
        match self.nodes[slot].options.kind {
            Kind::Pool => {
                self.close_pool(slot);
                self.set(slot, now, State::Canceled);
            }
            Kind::Runnable => {
                self.set(slot, now, State::Stopping);
                self.tell_event(
                    slot,
                    now,
                    What::Stopping {
                        told,
                        by: by.clone(),
                    },
                );
                self.ask(slot, now);
            }
        }
    }

    /// Ends a pool, which has no code that could be waited for.
    pub(super) fn close_pool(&mut self, slot: usize) {
        self.nodes[slot].own = Own::Ended;
        self.actions.push_back(Action::Ask(self.id(slot)));
    }

    /// Takes a node out of its fall: whoever told it is responsible now. An exit that still waits
    /// for its answer gets it here (L3).
    fn take(&mut self, slot: usize, now: Duration, told: Told, by: &Path) {
        if let Some(fall) = self.nodes[slot].fall {
            self.dissolve(fall);
        }
        if std::mem::take(&mut self.nodes[slot].is_open) {
            let answer = if told == Told::Tree || !self.rises_with_its_top(slot) {
                What::CutShort
            } else {
                What::Absorbed { by: by.clone() }
            };
            self.tell_event(slot, now, answer);
        }
    }

    /// Whether the node that answers for a node that was taken will start again.
    fn rises_with_its_top(&self, slot: usize) -> bool {
        let parents = std::iter::successors(Some(slot), |slot| self.nodes[*slot].parent);
        let top = parents
            .map(|slot| &self.nodes[slot])
            .find(|node| !node.is_taken());
        top.is_none_or(|top| top.state != State::Down)
    }
}
