//! No overlap (L1), no resurrection (L2), the largest dead subtree (L4), the barrier (L5).

use std::time::Duration;

use perennial::tree::{Event, Id, Rung, State};

use crate::monitor::Monitor;
use crate::monitor::node::{Node, Own};
use crate::world::Spot;

impl Monitor<'_> {
    pub(super) fn declared(&mut self, event: &Event) -> Result<(), String> {
        let spot = self.renew(event)?;
        if std::mem::replace(&mut self.nodes[spot].is_there, true) && spot != 0 {
            return Err(format!("R1: it is declared twice: {event}"));
        }
        self.declared_in[spot] = event.incarnation;
        // The budgets of its children die with a parent's incarnation.
        self.meters.begin_node(spot);
        self.meters.begin_children(spot);
        if let Some(parent) = self.world.places[spot].parent {
            self.nodes[parent].children += 1;
        }
        Ok(())
    }

    /// L4: nothing is left below what rises, and nothing above it falls.
    pub(super) fn scheduled(&mut self, event: &Event, due: Duration) -> Result<(), String> {
        let before = self
            .spots
            .get(&event.path)
            .map(|spot| self.nodes[*spot].incarnation);
        if before >= Some(event.incarnation) {
            return Err(format!("L4: it rises again: {event}"));
        }
        let spot = self.renew(event)?;
        let node = &mut self.nodes[spot];
        (node.told, node.falls, node.rung) = (None, false, Rung::None);
        (node.due, node.scheduled_in) = (Some(due), self.step);
        (node.stays_down, node.may_end, node.is_launched) = (false, false, false);
        node.rose = std::mem::take(&mut node.fall);
        self.meters.begin_children(spot);
        let node = &self.nodes[spot];
        if node.children > 0 || node.living > 0 {
            return Err(format!("L4: it rises above what it left: {event}"));
        }
        self.expect_by(due, spot);
        self.touched.push(spot);
        self.rises_within(event, spot)?;
        self.nothing_above_falls("L4", event, spot)
    }

    pub(super) fn starting(&mut self, event: &Event, spot: Spot) -> Result<(), String> {
        // Until it is asked a node goes on, and so do those that it starts (R5).
        let parent = self.world.places[spot].parent;
        let goes_on = parent.is_some_and(|parent| self.nodes[parent].goes_on());
        if self.nodes[spot].scheduled_in > 0 || !goes_on {
            self.nothing_above_falls("L2", event, spot)?;
        }
        self.comes_after(event, spot)?;
        let node = &mut self.nodes[spot];
        if node.will_be_later && !std::mem::replace(&mut node.is_later, true) {
            // Another budget counts anew.
            self.meters.begin_node(spot);
        }
        let node = &mut self.nodes[spot];
        if node.is_terminated {
            return Err(format!("L2: it was ordered to stop: {event}"));
        }
        if node.state != State::Waiting || node.told.is_some() {
            return Err(format!("L2: it was told to stop: {event}"));
        }
        if node.due.take().is_some_and(|due| due > self.now) {
            return Err(format!("R8: it starts before it is due: {event}"));
        }
        if node.living > 0 {
            return Err(format!("L1: it starts beside what has not ended: {event}"));
        }
        node.started_in = self.step;
        if std::mem::take(&mut node.starts_alone) {
            node.alone_in = self.step;
        }
        self.restarts += u64::from(node.scheduled_in > 0);
        self.touched.push(spot);
        Ok(())
    }

    fn nothing_above_falls(&self, law: &str, event: &Event, spot: Spot) -> Result<(), String> {
        if self.is_stopping {
            return Err(format!("{law}: the tree stops: {event}"));
        }
        let mut above = self.ancestors(spot).skip(1);
        match above.find(|above| !self.nodes[*above].stands()) {
            Some(above) => Err(format!(
                "{law}: {} above it falls: {event}",
                self.place(above)
            )),
            None => Ok(()),
        }
    }

    pub(super) fn started(&mut self, id: Id) -> Result<(), String> {
        let spot = self.here(id)?;
        let has_started = self.nodes[spot].started_in == self.step;
        if !has_started || self.nodes[spot].own != Own::Nothing {
            return Err(format!("L3: {} starts without an event", self.place(spot)));
        }
        self.nodes[spot].own = Own::Code;
        self.count_living(spot, |living| living + 1);
        self.meter(spot);
        Ok(())
    }

    /// Notes that the code of an incarnation is gone.
    pub(super) fn returned(&mut self, incarnation: u64, left: usize) {
        let Some(spot) = self.spot_of(incarnation) else {
            return;
        };
        if self.abandoned.contains_key(&incarnation) {
            return;
        }
        self.nodes[spot].own = Own::Left;
        if left == 0 {
            self.all_ended(incarnation);
        }
    }

    pub(super) fn all_ended(&mut self, incarnation: u64) {
        let Some(spot) = self.spot_of(incarnation) else {
            return;
        };
        if self.abandoned.contains_key(&incarnation) {
            return;
        }
        self.nodes[spot].own = Own::Nothing;
        self.nodes[spot].due = None;
        self.count_living(spot, |living| living.saturating_sub(1));
    }

    pub(super) fn count_living(&mut self, spot: Spot, change: impl Fn(usize) -> usize) {
        let mut next = Some(spot);
        while let Some(spot) = next {
            self.nodes[spot].living = change(self.nodes[spot].living);
            next = self.world.places[spot].parent;
        }
    }

    /// Nothing that is forgotten lives, and nothing is left below it.
    pub(super) fn forgotten(&mut self, id: Id) -> Result<(), String> {
        let spot = self.here(id)?;
        let node = &mut self.nodes[spot];
        if node.living > 0 || node.children > 0 {
            return Err(format!("L1: {} is forgotten alive", self.place(spot)));
        }
        if node.is_open {
            return Err(format!(
                "L3: {} is forgotten without an answer",
                self.place(spot)
            ));
        }
        *node = Node::nothing();
        if let Some(parent) = self.world.places[spot].parent {
            self.nodes[parent].children -= 1;
        }
        Ok(())
    }
}
