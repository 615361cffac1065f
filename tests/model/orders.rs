//! Orders, and what both trees answer.

use std::sync::Arc;

use perennial::tree::OrderKind;

use crate::choices::Choices;
use crate::laws::Fact;
use crate::naive::compare::same;
use crate::world::{Place, World};

impl World {
    /// Any place that there ever was can be ordered; mostly it is one that is there.
    fn pick_place(&self, to: usize) -> (String, Place) {
        let is_there = |place: &&Place| self.naive.nodes.contains_key(&place.key);
        let all = self.places.iter();
        let all: Vec<_> = all
            .filter(|(_, place)| to.is_multiple_of(16) || is_there(place))
            .collect();
        let (path, place) = all[to % all.len()];
        (path.clone(), *place)
    }

    pub(crate) fn order(&mut self, to: usize, order: OrderKind) -> Result<(), String> {
        let (path, Place { place, key }) = self.pick_place(to);
        self.note(format_args!("{path} is ordered to {order}"));
        let mut naive = Ok(());
        let core = self.state(
            &Fact::Other,
            |core, now| core.order(now, place, order),
            |tree, now, _| naive = tree.order(now, key, order),
        )?;
        if core.is_ok() {
            self.laws.note_order(&path, order);
        }
        let kind = match &core {
            Ok(()) => format!("Order {order:?}"),
            Err(refusal) => format!("Refusal {refusal:?}"),
        };
        let kind = kind.split('(').next().unwrap_or_default();
        *self.tally.entry(kind.into()).or_default() += 1;
        same("answer", core, naive)
    }

    pub(crate) fn reconfigure(&mut self, to: usize, choices: Choices) -> Result<(), String> {
        let (path, Place { place, key }) = self.pick_place(to);
        let Some(node) = self.naive.nodes.get(&key) else {
            return Ok(());
        };
        let mut choices = Choices {
            kind: node.choices.kind,
            restart: node.choices.restart,
            ..choices
        };
        if node.is_pool() {
            choices.policy.significant = None;
        }
        self.note(format_args!("{path} starts from now on as: {choices}"));
        let mut naive = Ok(());
        let core = self.state(
            &Fact::Other,
            |core, _| core.reconfigure(place, Arc::new(choices.options())),
            |tree, _, _| naive = tree.reconfigure(key, choices),
        )?;
        same("answer", core, naive)
    }
}
