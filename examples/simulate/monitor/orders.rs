//! Orders, and what holds for a place since its last start (R16).

use perennial::tree::{OrderKind, Rung, State};

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

    /// All that rose with it is due now, and starts in the next pass, whoever falls before.
    fn hurry(&mut self, to: Spot) {
        let rose = self.nodes[to].rose;
        for (spot, node) in self.nodes.iter_mut().enumerate() {
            let rose_together = spot == to || rose > 0 && node.rose == rose;
            // What waits for an end has no time but that of its next rung.
            let waits = node.state == State::Waiting && node.rung == Rung::None;
            if rose_together && waits {
                node.due = node.due.map(|_| self.now);
                node.is_launched = true;
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
