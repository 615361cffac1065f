//! No loss (L3): each exit is recorded once, and each that was unexpected has one answer.

use perennial::Path;
use perennial::tree::{Action, AtRoot, Cause, Event, OnSpent, State, What};

use crate::monitor::{Fact, Monitor};
use crate::world::{ROOT, Spot};

impl Monitor<'_> {
    /// An exit that was told is an event, once; and nothing else exits but what its child made, and
    /// what is abandoned.
    pub(super) fn one_exit(
        &self,
        fact: &Fact,
        is_stale: bool,
        actions: &[Action],
    ) -> Result<(), String> {
        let mut wanted = match fact {
            Fact::Exit { by, .. } if !is_stale && !self.abandoned.contains_key(by) => Some(*by),
            _ => None,
        };
        for action in actions {
            let Action::Event(event) = action else {
                continue;
            };
            let What::Exited { evidence } = &event.what else {
                continue;
            };
            if wanted == Some(event.incarnation) {
                wanted = None;
            } else if !matches!(evidence.cause, Some(Cause::Escalated(_)))
                && evidence.exit.is_some()
            {
                return Err(format!("L3: it did not exit: {event}"));
            }
        }
        match wanted {
            Some(incarnation) => Err(format!("L3: the exit of #{incarnation} is no event")),
            None => Ok(()),
        }
    }

    /// What had leaked is down already, and its exit is answered.
    pub(super) fn exited(&mut self, event: &Event, spot: Spot) {
        let node = &mut self.nodes[spot];
        let is_unexpected = matches!(event.state, State::Dead | State::Down);
        if is_unexpected && node.state != State::Down && !node.is_open {
            node.is_open = true;
            self.open += 1;
        }
        let is_significant = self.choices(spot).policy.significant.is_some();
        if let Some(parent) = self.world.places[spot].parent {
            self.nodes[parent].may_end |= is_significant;
        }
        self.nodes[spot].death = None;
        self.touched.push(spot);
        if event.state == State::Dead {
            self.died(spot);
        }
    }

    pub(super) fn answered(&mut self, event: &Event, spot: Spot) -> Result<(), String> {
        if !self.nodes[spot].is_open {
            return Err(format!("L3: an answer, and no question: {event}"));
        }
        self.close(spot);
        Ok(())
    }

    pub(super) fn close(&mut self, spot: Spot) {
        self.open -= usize::from(self.nodes[spot].is_open);
        self.nodes[spot].is_open = false;
    }

    /// R9: what escalates is down, and at the root it ends the tree.
    pub(super) fn escalated(
        &mut self,
        event: &Event,
        spot: Spot,
        to: Option<&Path>,
    ) -> Result<(), String> {
        // It may have been ordered to start since.
        if !matches!(event.state, State::Down | State::Waiting) {
            return Err(format!("L3: it escalates, and is not down: {event}"));
        }
        let parent = self.world.places[spot].parent;
        if to.is_none() && self.choices(spot).policy.on_spent == OnSpent::StopTree {
            self.is_stopping = true;
            return Ok(());
        }
        if to != parent.map(|parent| self.place(parent)) {
            return Err(format!("R9: that is not its parent: {event}"));
        }
        let ends = self.world.settings.escalations == AtRoot::Fail;
        self.is_stopping |= parent.is_none() || parent == Some(ROOT) && ends;
        Ok(())
    }

    /// An exit stays open only while its node is dead or waits.
    pub(super) fn nothing_is_dropped(&self) -> Result<(), String> {
        for spot in &self.touched {
            let node = &self.nodes[*spot];
            let waits = matches!(node.state, State::Dead | State::Canceled | State::Waiting);
            if node.is_open && !waits {
                return Err(format!(
                    "L3: the exit of {} is not answered",
                    self.place(*spot)
                ));
            }
        }
        Ok(())
    }
}
