//! What a node of a [`World`] says and how it returns, by its name.

use std::time::Duration;

use crate::exit::Exit;
use crate::path::Path;
use crate::tree::action::{Id, Place};
use crate::tree::orders::{OrderKind, Refusal};
use crate::tree::signal::Signal;
use crate::tree::tests::world::{World, failure, panic};

impl World {
    pub(super) fn healthy(&mut self, node: &str) {
        self.says(self.id(node), Signal::Healthy);
    }

    pub(super) fn all_healthy<const N: usize>(&mut self, nodes: [&str; N]) {
        nodes.into_iter().for_each(|node| self.healthy(node));
    }

    pub(super) fn done(&mut self, node: &str) {
        self.says(self.id(node), Signal::Done);
    }

    /// It signals done and returns.
    pub(super) fn finishes(&mut self, node: &str) {
        self.done(node);
        self.returns(node);
    }

    /// It signals that it must not be tried again, and returns an error.
    pub(super) fn gives_up(&mut self, node: &str) {
        self.says(self.id(node), Signal::GiveUp);
        self.fails(node);
    }

    /// It signals that it wants to be started again, and returns.
    pub(super) fn restarts(&mut self, node: &str) {
        self.says(self.id(node), Signal::Restart);
        self.returns(node);
    }

    pub(super) fn says(&mut self, id: Id, signal: Signal) {
        let path = match self.core.nodes.get(id.slot) {
            Some(node) => node.path.clone(),
            None => Path::root(),
        };
        self.tell(|core, now| core.signal(now, id, &path, signal));
    }

    pub(super) fn returns(&mut self, node: &str) {
        self.exits(self.id(node), Exit::Returned, 0);
    }

    pub(super) fn fails(&mut self, node: &str) {
        self.exits(self.id(node), failure(), 0);
    }

    pub(super) fn panics(&mut self, node: &str) {
        self.exits(self.id(node), Exit::Panicked(panic()), 0);
    }

    pub(super) fn vanishes(&mut self, node: &str) {
        self.exits(self.id(node), Exit::Aborted, 0);
    }

    /// It returns an error, and this much of what it owned has not ended.
    pub(super) fn fails_leaving(&mut self, node: &str, left: usize) {
        self.exits(self.id(node), failure(), left);
    }

    pub(super) fn returns_leaving(&mut self, node: &str, left: usize) {
        self.exits(self.id(node), Exit::Returned, left);
    }

    pub(super) fn exits(&mut self, id: Id, exit: Exit, left: usize) {
        self.laws.returned(id, left);
        self.tell(|core, now| core.exited(now, id, exit, left));
    }

    pub(super) fn owned_end(&mut self, node: &str) {
        self.ends(self.id(node));
    }

    pub(super) fn ends(&mut self, id: Id) {
        self.laws.ended(id);
        self.tell(|core, now| core.ended(now, id));
    }

    pub(super) fn owned_panics(&mut self, node: &str) {
        self.owned_panics_of(self.id(node));
    }

    pub(super) fn owned_panics_of(&mut self, id: Id) {
        self.tell(|core, now| core.owned_panicked(now, id, panic()));
    }

    /// All that lives returns, and what it owned ends.
    pub(super) fn all_return(&mut self) {
        self.all_return_but(&[]);
    }

    pub(super) fn all_return_but(&mut self, others: &[&str]) {
        for living in self.laws.living.clone().into_values() {
            if others.contains(&living.path.name().as_str()) {
                continue;
            } else if living.has_returned {
                self.ends(living.id);
            } else {
                self.exits(living.id, Exit::Returned, 0);
            }
        }
    }

    /// It is ordered to do something. A refused order changes nothing, and is no event.
    pub(super) fn order(&mut self, place: Place, order: OrderKind) -> Result<(), Refusal> {
        let before = self.laws.log.len();
        let answer = self.tell(|core, now| core.order(now, place, order));
        let events = self.laws.log.len() - before;
        assert!(answer.is_ok() || events == 0, "R16: refused, and yet done");
        answer
    }

    pub(super) fn ordered(&mut self, node: &str, order: OrderKind) -> Result<(), Refusal> {
        let place = self.core.place(self.id(node).slot);
        self.order(place, order)
    }

    pub(super) fn stop(&mut self) {
        self.tell(|core, now| core.stop(now, None));
    }

    pub(super) fn stop_within(&mut self, time: Duration) {
        self.tell(|core, now| core.stop(now, Some(time)));
    }
}
