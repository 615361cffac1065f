//! Partings from parents, one after the other.
//!
//! Without a releaser a parent is released where its last child was, which may take along its own
//! parent, and so on. A parting that is met within another waits until that is over, so that a
//! chain of any depth takes no more of the stack than one of two.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::resource::outcome::Outlet;
use crate::resource::shared::{Left, Shared};

/// A resource that is released lets go of its parent.
pub(super) struct Parting {
    pub(super) parent: Shared<()>,
    /// Where that is awaited, if somebody does.
    pub(super) outlet: Option<Outlet>,
}

/// The partings of one thread that wait, and whether one is under way.
struct Turns {
    waiting: RefCell<VecDeque<Parting>>,
    is_taken: Cell<bool>,
}

/// That a parting is under way on this thread.
struct Turn;

thread_local! {
    static TURNS: Turns = const { Turns::new() };
}

/// Parts from a parent, now or when the parting that is under way is over.
pub(super) fn of(parting: Parting) {
    let mut now = Some(parting);
    let turn = TURNS.try_with(|turns| {
        if turns.is_taken.replace(true) {
            turns.waiting.borrow_mut().extend(now.take());
            return None;
        }
        Some(Turn)
    });
    // A thread that ends may have none any more.
    let turn = turn.ok().flatten();
    while let Some(parting) = now {
        parting.part();
        now = turn.as_ref().and_then(Turn::next);
    }
}

impl Turns {
    const fn new() -> Self {
        Self {
            waiting: RefCell::new(VecDeque::new()),
            is_taken: Cell::new(false),
        }
    }
}

impl Parting {
    fn part(self) {
        let left = self.parent.leave();
        if let (Left::Last(pending), Some(outlet)) = (left, self.outlet) {
            outlet.pass_on(pending);
        }
    }
}

impl Turn {
    fn next(&self) -> Option<Parting> {
        let next = TURNS.try_with(|turns| turns.waiting.borrow_mut().pop_front());
        next.ok().flatten()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let left = TURNS.try_with(|turns| {
            turns.is_taken.set(false);
            turns.waiting.take()
        });
        // None are left, unless code of the user's panicked: then they part as they are dropped.
        drop(left);
    }
}
