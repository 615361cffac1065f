//! No overlap (L1), no resurrection (L2), the largest dead subtree (L4), the barrier (L5).

use std::time::Duration;

use perennial::tree::{Event, Id, Kind, Rung, State};

use crate::monitor::Monitor;
use crate::monitor::node::{Node, Own};
use crate::world::Spot;

impl Monitor<'_> {
    pub(super) fn declared(&mut self, event: &Event) -> Result<(), String> {
        let spot = self.renew(event)?;
        if std::mem::replace(&mut self.nodes[spot].is_there, true) && spot != 0 {
            return Err(format!("R1: it is declared twice: {event}"));
        }
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
        if node.children > 0 || node.living > 0 {
            return Err(format!("L4: it rises above what it left: {event}"));
        }
        self.expect_by(due, spot);
        self.touched.push(spot);
        self.nothing_above_falls("L4", event, spot)
    }

    pub(super) fn starting(&mut self, event: &Event, spot: Spot) -> Result<(), String> {
        self.nothing_above_falls("L2", event, spot)?;
        let node = &mut self.nodes[spot];
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
        Ok(())
    }

    /// R6: notes who falls with it.
    pub(super) fn fell(&mut self, event: &Event, spot: Spot, members: usize) -> Result<(), String> {
        let members_of = |node: &&Spot| self.nodes[**node].state != State::Down;
        let fallen: Vec<_> = match self.falls_with(spot) {
            Some(group) => group.iter().filter(members_of).copied().collect(),
            None => vec![spot],
        };
        if fallen.len() != members {
            return Err(format!("R6: {} fall, not {members}: {event}", fallen.len()));
        }
        for spot in fallen {
            self.nodes[spot].falls = true;
        }
        Ok(())
    }

    /// L5: who falls together is due together and starts together, beside nothing that is old.
    pub(super) fn barrier(&self) -> Result<(), String> {
        for spot in &self.touched {
            let Some(group) = self.falls_with(*spot) else {
                continue;
            };
            let top = &self.nodes[*spot];
            let members = group.iter().map(|member| (*member, &self.nodes[*member]));
            for (member, node) in members.filter(|(_, node)| node.state != State::Down) {
                let rose = top.scheduled_in != self.step || is_as_due(top, node, self.step);
                let started = top.started_in != self.step || node.started_in == self.step;
                if !rose || !started {
                    let (one, other) = (self.place(*spot), self.place(member));
                    return Err(format!("L5: {one} rises or starts without {other}"));
                }
            }
            if top.started_in == self.step {
                self.meets_nothing_old(group)?;
            }
        }
        Ok(())
    }

    fn meets_nothing_old(&self, group: &[Spot]) -> Result<(), String> {
        for member in group {
            let node = &self.nodes[*member];
            let is_code = self.world.places[*member].choices.kind == Kind::Runnable;
            let young = usize::from(is_code && node.started_in == self.step);
            if node.living > young {
                let path = self.place(*member);
                return Err(format!("L5: {path} has not ended, and its group starts"));
            }
        }
        Ok(())
    }

    /// Notes that the code of an incarnation is gone.
    pub(super) fn returned(&mut self, incarnation: u64, left: usize) {
        let Some(spot) = self.spot_of(incarnation) else {
            return;
        };
        self.nodes[spot].own = Own::Left;
        if left == 0 {
            self.all_ended(incarnation);
        }
    }

    pub(super) fn all_ended(&mut self, incarnation: u64) {
        let Some(spot) = self.spot_of(incarnation) else {
            return;
        };
        self.nodes[spot].own = Own::Nothing;
        self.nodes[spot].due = None;
        self.count_living(spot, |living| living.saturating_sub(1));
    }

    fn count_living(&mut self, spot: Spot, change: impl Fn(usize) -> usize) {
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

fn is_as_due(top: &Node, member: &Node, step: u64) -> bool {
    let has_started = top.started_in == step && member.started_in == step;
    member.scheduled_in == step && (has_started || member.due == top.due)
}
