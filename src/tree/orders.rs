//! Orders: wishes from outside about one node (R16).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::name::Name;
use crate::path::Path;
use crate::tree::action::{Action, Id, Place};
use crate::tree::core::Core;
use crate::tree::event::What;
use crate::tree::group::Fate;
use crate::tree::node::Own;
use crate::tree::options::Options;
use crate::tree::state::{Rung, State, Told, Wait};

/// How many children a node may have before their names are indexed for whoever looks for one.
const UNINDEXED_MAX: usize = 16;

/// What a node can be ordered to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum OrderKind {
    /// To run, if it is done or down; without delay, if it waits.
    Start,
    /// To stop and start again, with those of its group that its strategy takes.
    Restart,
    /// To stop and stay down. Its place is kept.
    Terminate,
    /// To stop and be forgotten. Its name is free then.
    Remove,
}

impl fmt::Display for OrderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start",
            Self::Restart => "restart",
            Self::Terminate => "terminate",
            Self::Remove => "be removed",
        })
    }
}

/// Why the core refuses an order.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The place is gone.
    #[error("it is gone")]
    Gone,
    /// The root takes no orders: that is the tree's stop.
    #[error("it is the root")]
    Root,
    /// It runs already.
    #[error("it runs")]
    Running,
    /// It was told to stop, and has not ended; or it will stay down.
    #[error("it is stopping")]
    Stopping,
    /// It cannot start beside this leak.
    #[error("{0} leaked")]
    Leaked(Path),
    /// The tree stops or has ended.
    #[error("the tree stops")]
    TreeStops,
}

impl Core {
    /// Requests something of one node.
    ///
    /// What was accepted is done as soon as it may be; [`watch`](Self::watch) tells when.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says why nothing was done.
    pub fn order(&mut self, now: Duration, place: Place, order: OrderKind) -> Result<(), Refusal> {
        let slot = self.orderable(place)?;
        self.allow(slot, order)?;
        self.tell_event(slot, now, What::Ordered { order });
        let by = self.nodes[slot].path.clone();
        match order {
            OrderKind::Start => self.order_start(slot, now),
            OrderKind::Restart => self.order_restart(slot, now),
            OrderKind::Terminate => self.tell_order(slot, now, Told::Terminate, &by),
            OrderKind::Remove => self.tell_order(slot, now, Told::Remove, &by),
        }
        self.check_invariants();
        Ok(())
    }

    /// Requests other options for a node from its next start on.
    ///
    /// # Errors
    ///
    /// [`Refusal`] says why nothing was changed.
    pub fn reconfigure(&mut self, place: Place, options: Arc<Options>) -> Result<(), Refusal> {
        let slot = self.orderable(place)?;
        self.nodes[slot].rare_mut().next_options = Some(options);
        Ok(())
    }

    /// Whether the code of an incarnation runs.
    #[must_use]
    pub fn is_running(&self, id: Id) -> bool {
        let node = self.nodes.get(id.slot);
        node.is_some_and(|node| node.incarnation == id.incarnation && node.own == Own::Running)
    }

    /// Whether what is done about a place takes an incarnation: it stands there or below, or falls
    /// with it.
    #[must_use]
    pub fn takes(&self, place: Place, id: Id) -> bool {
        let mut above = std::iter::successors(Some(id.slot), |slot| self.nodes[*slot].parent.get());
        if !self.is_running(id) || self.nodes[id.slot].told.is_none() {
            return false;
        }
        let fall = self.nodes[id.slot].fall;
        let target = self.nodes.get(place.slot);
        let target = target.filter(|target| target.born == place.born);
        target.is_some_and(|target| {
            above.any(|slot| slot == place.slot) || fall.is_some() && fall == target.fall
        })
    }

    /// Whether an incarnation was asked to stop.
    #[must_use]
    pub fn is_asked(&self, id: Id) -> bool {
        let node = self.nodes.get(id.slot);
        node.is_some_and(|node| node.incarnation == id.incarnation && node.rung != Rung::None)
    }

    fn orderable(&self, place: Place) -> Result<usize, Refusal> {
        let node = self.nodes.get(place.slot);
        if node.is_none_or(|node| node.born != place.born) {
            return Err(Refusal::Gone);
        }
        if place.slot == self.root {
            return Err(Refusal::Root);
        }
        if self.is_stopping() || self.has_ended() {
            return Err(Refusal::TreeStops);
        }
        Ok(place.slot)
    }

    /// The table of states and orders.
    fn allow(&self, slot: usize, order: OrderKind) -> Result<(), Refusal> {
        let node = &self.nodes[slot];
        match order {
            OrderKind::Terminate | OrderKind::Remove => return Ok(()),
            OrderKind::Start | OrderKind::Restart => {}
        }
        if node.is_taken || node.told() == Some(Told::Remove) {
            return Err(Refusal::Stopping);
        }
        if let Some(leaked) = self.leak_at(slot) {
            return Err(Refusal::Leaked(self.leaked_in(leaked)));
        }
        match node.state {
            State::Stopping => Err(Refusal::Stopping),
            State::Starting | State::Healthy | State::Finishing if node.told.is_some() => {
                Err(Refusal::Stopping)
            }
            State::Starting | State::Healthy | State::Finishing => match order {
                OrderKind::Start => Err(Refusal::Running),
                OrderKind::Restart | OrderKind::Terminate | OrderKind::Remove => Ok(()),
            },
            State::Dead | State::Canceled if self.stays_down(slot) => Err(Refusal::Stopping),
            State::Dead | State::Canceled | State::Waiting | State::Done | State::Down => Ok(()),
        }
    }

    /// A leak that the next incarnation of a node must not run beside: its own, or of what fell
    /// with its last one (R7).
    fn leak_at(&self, slot: usize) -> Option<usize> {
        let is_there = |id: &&Id| {
            let node = self.nodes.get(id.slot);
            node.is_some_and(|node| node.incarnation == id.incarnation)
        };
        let beside = self.nodes[slot].rare().fell_beside.iter().filter(is_there);
        let mut slots = std::iter::once(slot).chain(beside.map(|id| id.slot));
        slots.find(|slot| self.nodes[*slot].leaks() > 0)
    }

    fn stays_down(&self, slot: usize) -> bool {
        let fall = self.nodes[slot].fall.get().map(|key| &self.falls[key]);
        fall.is_none_or(|fall| matches!(fall.fate, Fate::Down { .. }))
    }

    fn order_start(&mut self, slot: usize, now: Duration) {
        let windows = self.nodes[slot].windows_mut();
        if let Some(own) = windows.and_then(|windows| windows.own.as_mut()) {
            own.empty();
        }
        match self.nodes[slot].state {
            State::Waiting | State::Dead | State::Canceled => self.hurry_fall_of(slot),
            State::Done | State::Down => self.start_alone(slot, now),
            State::Starting | State::Healthy | State::Finishing | State::Stopping => {}
        }
    }

    fn order_restart(&mut self, slot: usize, now: Duration) {
        match self.nodes[slot].state {
            State::Waiting | State::Dead | State::Canceled => self.hurry_fall_of(slot),
            State::Down => self.start_alone(slot, now),
            State::Starting | State::Healthy | State::Finishing | State::Done => {
                let by = self.nodes[slot].path.clone();
                self.fall(slot, now, Duration::ZERO);
                self.tell(slot, now, Told::Restart, &by);
            }
            State::Stopping => {}
        }
    }

    fn hurry_fall_of(&mut self, slot: usize) {
        if let Some(key) = self.nodes[slot]
            .fall
            .get()
            .filter(|_| !self.is_ordered(slot))
        {
            self.hurry(key);
        }
    }

    /// Whether it waits only because it was ordered to start.
    fn is_ordered(&self, slot: usize) -> bool {
        let node = &self.nodes[slot];
        node.state == State::Waiting && node.wait == Wait::Ending
    }

    /// Starts a node that will not start by itself, alone, when all that fell with it has ended.
    fn start_alone(&mut self, slot: usize, now: Duration) {
        let by = self.nodes[slot].path.clone();
        self.tell_below(slot, now, &by);
        let node = &mut self.nodes[slot];
        node.told = None;
        node.is_held = false;
        node.wait = Wait::Ending;
        self.set(slot, now, State::Waiting);
        // What was held below it has to be asked, so that it can start.
        self.wake_waiters(slot);
        if self.nodes[slot].fall.is_none() {
            self.fall_alone(slot);
        }
    }

    /// Tells a node to stop by order, which comes before any order of stopping.
    fn tell_order(&mut self, slot: usize, now: Duration, told: Told, by: &Path) {
        self.tell(slot, now, told, by);
        // A node that was down already is told nothing more, and may have to be forgotten.
        self.update(slot);
    }

    /// Forgets what nobody needs any more of a node, and the node if it was removed or has left its
    /// pool; unless it was ordered to start since.
    pub(super) fn clear_away(&mut self, id: Id, now: Duration) {
        let present = self.nodes.get(id.slot);
        let present = present.filter(|node| node.incarnation == id.incarnation);
        let Some(node) = present.filter(|node| node.is_out && node.leaks() == 0) else {
            return;
        };
        let is_counted = node.is_counted;
        if node.is_over() {
            self.discard_below(id.slot);
        }
        if !is_counted && self.has_left(id.slot) {
            self.forget_alone(id.slot, now);
        }
    }

    fn forget_alone(&mut self, slot: usize, now: Duration) {
        let node = &self.nodes[slot];
        let parent = node.parent.get().filter(|_| !self.is_pooled(slot));
        if let Some(parent) = parent {
            let name = node.path.name().clone();
            let parent = self.id(parent);
            self.tell_event(slot, now, What::Removed);
            self.actions.push_back(Action::Free { parent, name });
        }
        self.discard(slot);
    }

    /// The place with this path, such as `root.pipeline.reader`.
    ///
    /// O(1) for each name, or a logarithm among many children; the first to look among many makes
    /// an index of them.
    pub fn find(&mut self, path: &str) -> Option<Place> {
        let mut names = path.split('.');
        let root = &self.nodes[self.root];
        names
            .next()
            .filter(|name| *name == root.path.name().as_str())?;
        let mut slot = self.root;
        for name in names {
            slot = self.child_named(slot, name)?;
        }
        Some(self.place(slot))
    }

    fn child_named(&mut self, parent: usize, name: &str) -> Option<usize> {
        if self.nodes[parent].rare().names.is_none() {
            let first = self.children(parent).take(UNINDEXED_MAX + 1);
            if first.count() <= UNINDEXED_MAX {
                let is_it = |child: &usize| self.nodes[*child].path.name().as_str() == name;
                return self.children(parent).find(is_it);
            }
            let children = self.children(parent);
            let named = children.map(|child| (self.nodes[child].path.name().clone(), child));
            let names: BTreeMap<Name, usize> = named.collect();
            self.nodes[parent].rare_mut().names = Some(names);
        }
        let names = self.nodes[parent].rare().names.as_ref()?;
        names.get(name).copied()
    }
}
