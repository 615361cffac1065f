//! The naive tree beside the core: it is told the same, and has to look the same afterwards.

use std::collections::HashMap;
use std::time::Duration;

use perennial::Path;
use perennial::tree::{Action, Core, Event, Place, Refusal, What};

use crate::call::Reply;
use crate::choices::Choices;
use crate::monitor::Fact;
use crate::naive::compare::{nodes, same, seen};
use crate::naive::{Flaw, Key, Naive};
use crate::world::{Spot, World};

#[derive(Debug)]
pub(crate) struct Twin {
    naive: Naive,
    /// The naive tree's number of each incarnation of the core.
    incarnations: HashMap<u64, u64>,
}

impl Twin {
    pub(crate) fn new(world: &World, flaw: Option<Flaw>) -> Self {
        let root = world.places[0].choices;
        let naive = Naive::new(world.settings.clone(), root, flaw);
        let number = naive.incarnation(&world.places[0].path);
        Self {
            naive,
            incarnations: number.map(|number| (1, number)).into_iter().collect(),
        }
    }

    /// Does what the core did, and compares.
    pub(crate) fn follow(
        &mut self,
        world: &World,
        (core, now): (&Core, Duration),
        (fact, reply): (&Fact, &Reply),
        actions: &[Action],
    ) -> Result<(), String> {
        let mut refusal = None;
        match fact {
            Fact::Pass => self.naive.advance(now),
            Fact::Stop { within } => self.naive.stop(now, *within),
            Fact::Signal { by, signal } => self.naive.signal(now, self.number(*by), *signal),
            Fact::Exit { by, how, left, .. } => {
                self.naive.exited(now, self.number(*by), *how, *left);
            }
            Fact::Ended { by } => self.naive.all_ended(now, self.number(*by)),
            Fact::OwnedPanic { by } => self.naive.owned_panicked(now, self.number(*by)),
            Fact::Declared { by, group, members } => {
                let by = self.number(*by);
                let group = group.map(|group| world.groups[group].options);
                let children = children(world, members, &reply.places);
                self.naive.declare(now, by, &children, group);
            }
            Fact::Ordered { to, order } => {
                let key = self.key(world, *to);
                refusal = self.naive.order(now, key, *order).err();
            }
            Fact::Reconfigured { to } => {
                let key = self.key(world, *to);
                refusal = self.naive.reconfigure(key, world.places[*to].later).err();
            }
        }
        self.note_incarnations(actions);
        same::<&Option<Refusal>>("refusal", &reply.refusal, &refusal)?;
        nodes(&seen(core.snapshot(now)), &self.naive.seen(now))?;
        match fact {
            Fact::Pass => self.compare_all(core),
            _ => same("stale messages", core.stale(), self.naive.stale),
        }
    }

    /// The tree has ended: what is told now is counted and nothing else.
    fn compare_all(&self, core: &Core) -> Result<(), String> {
        let naive = &self.naive;
        same("stale messages", core.stale(), naive.stale)?;
        same("ended", core.has_ended(), naive.ended.is_some())?;
        same("ready", core.is_ready(), naive.is_ready())?;
        if naive.ended.is_some() {
            return Ok(());
        }
        same("next deadline", core.next_deadline(), naive.next_deadline())
    }

    /// R12, once the actions are done.
    pub(crate) fn is_settled(&self) -> bool {
        self.naive.is_all_settled()
    }

    /// A place that is gone is of no node.
    fn key(&self, world: &World, spot: Spot) -> Key {
        let path = &world.places[spot].path;
        self.naive.key(path).unwrap_or_default()
    }

    /// An incarnation that is not known is of no node.
    fn number(&self, incarnation: u64) -> u64 {
        self.incarnations
            .get(&incarnation)
            .copied()
            .unwrap_or(u64::MAX)
    }

    fn note_incarnations(&mut self, actions: &[Action]) {
        for action in actions {
            let Action::Event(Event {
                path,
                incarnation,
                what: What::Declared | What::RestartScheduled { .. } | What::Starting { .. },
                ..
            }) = action
            else {
                continue;
            };
            if let Some(number) = self.naive.incarnation(path) {
                self.incarnations.insert(*incarnation, number);
            }
        }
    }
}

fn children(world: &World, members: &[Spot], places: &[Place]) -> Vec<(Path, Choices, usize)> {
    let members = members.iter().zip(places);
    let members = members.map(|(spot, place)| {
        let it = &world.places[*spot];
        (it.path.clone(), it.choices, place.slot())
    });
    members.collect()
}
