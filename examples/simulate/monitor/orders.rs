//! Orders, and what holds for a place since its last start (R16).

use perennial::tree::{OrderKind, State};

use crate::choices::Choices;
use crate::monitor::Monitor;
use crate::world::Spot;

impl Monitor<'_> {
    /// Notes an order that was not refused.
    pub(super) fn ordered(&mut self, to: Spot, order: OrderKind) {
        let node = &mut self.nodes[to];
        node.is_terminated = matches!(order, OrderKind::Terminate | OrderKind::Remove);
        let is_over = matches!(node.state, State::Done | State::Down);
        node.starts_alone = !node.is_terminated && (is_over || node.starts_alone);
        if !node.is_terminated && node.state == State::Waiting {
            self.hurry(to);
        }
        if order == OrderKind::Start {
            self.meters.begin_node(to);
            self.forget_death(to);
        }
    }

    /// All that rose with it is due now.
    fn hurry(&mut self, to: Spot) {
        let (group, epoch) = (self.nodes[to].group, self.nodes[to].scheduled_in);
        let parent = self.world.places[to].parent;
        for (spot, node) in self.nodes.iter_mut().enumerate() {
            let is_member = group.is_some() && node.group == group;
            let rose = spot == to || is_member && node.scheduled_in == epoch;
            if rose && self.world.places[spot].parent == parent && node.state == State::Waiting {
                node.due = Some(self.now);
            }
        }
    }

    /// What was chosen for the place, as its last start found it.
    pub(super) fn choices(&self, spot: Spot) -> Choices {
        let place = &self.world.places[spot];
        if self.nodes[spot].is_later {
            place.later
        } else {
            place.choices
        }
    }
}
