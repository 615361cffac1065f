//! What the future of a tree depends on, so that no state is explored twice.

use std::fmt;

use crate::tree::group::{Fate, Phase};
use crate::tree::limits::Limit;
use crate::tree::node::{Node, Own};
use crate::tree::tests::world::World;

/// All that the future of a tree depends on, times relative to now and without the numbers of
/// incarnations.
pub(super) fn essence(world: &World) -> String {
    let core = &world.core;
    let mut text = format!(
        "{:?} {} {}",
        core.stop_deadline().map(|at| at.checked_sub(world.now)),
        core.is_stopping(),
        core.has_started,
    );
    for slot in core.subtree(core.root) {
        text.push_str(&Essence(world, slot).to_string());
    }
    for (id, path) in &core.abandoned {
        let living = world.laws.living.get(&id.incarnation);
        text += &format!("|{path} {:?}", living.map(|living| living.has_returned));
    }
    let pass = core.ready.due().map(|due| due - world.now);
    text + &format!("{pass:?} {} {}", core.ready.is_empty(), core.has_ended())
}

struct Essence<'a>(&'a World, usize);

impl fmt::Display for Essence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(world, slot) = *self;
        let node = &world.core.nodes[slot];
        let told = node.told();
        let ladder = node.ladder.map(|at| at - world.now);
        let condemned = node.rare().condemned.is_some();
        write!(f, "|{} {:?} {:?}", node.path, node.state, node.own)?;
        write!(
            f,
            " {told:?} {:?} {:?} {ladder:?}",
            node.told_below, node.rung
        )?;
        write!(f, " {condemned} {} {}", node.is_open, node.failures.min(3))?;
        let is_fresh = world.now - node.started_at < node.options.backoff.spacing();
        let age = (node.own == Own::Running && is_fresh).then(|| world.now - node.started_at);
        write!(
            f,
            " {age:?} {} {}",
            node.healthy_at.is_some(),
            !node.rare().memories.is_empty()
        )?;
        self.write_order(f, node)?;
        self.write_budgets(f)?;
        self.write_fall(f, node)
    }
}

impl Essence<'_> {
    /// What it waits for, and who waits for it.
    fn write_order(&self, f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
        let Self(world, slot) = self;
        write!(f, " {:?} {:?} {:?}", node.wait, node.down, node.intent)?;
        let was_last = node.was_last_in > 0 && node.was_last_in == world.core.stop_of(*slot);
        let is_as_held = node.is_held && node.rare().held_in == world.core.stop_of(*slot);
        write!(
            f,
            " {} {} {is_as_held} {} {}",
            node.is_taken, node.is_held, was_last, node.was_up
        )?;
        for waiter in &node.rare().waiters {
            let waiter = world.core.nodes.get(*waiter);
            let waiter = waiter.filter(|waiter| waiter.is_held);
            write!(
                f,
                " <{}",
                waiter.map_or("-", |waiter| waiter.path.name().as_str())
            )?;
        }
        for id in &node.rare().fell_beside {
            let leaked = world.core.nodes.get(id.slot);
            let leaked =
                leaked.filter(|leaked| leaked.incarnation == id.incarnation && leaked.leaks() > 0);
            write!(
                f,
                " >{}",
                leaked.map_or("-", |leaked| leaked.path.name().as_str())
            )?;
        }
        let mut limits = node.rare().limits;
        let limits = Limit::ALL.map(|limit| limits.due(limit).map(|due| due - world.now));
        write!(f, " {limits:?} {}", node.rare().next_options.is_some())
    }

    /// The windows of explored trees are so long that nothing gets too old to count.
    fn write_budgets(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(world, slot) = *self;
        for budget in world.core.budgets(slot, world.now) {
            write!(f, " {:?}{}", budget.scope, budget.left)?;
        }
        Ok(())
    }

    fn write_fall(&self, f: &mut fmt::Formatter<'_>, node: &Node) -> fmt::Result {
        let Self(world, _) = self;
        let Some(fall) = node.fall.get().map(|fall| &world.core.falls[fall]) else {
            return Ok(());
        };
        let phase = match fall.phase {
            Phase::Rising(due) => format!("{:?}", due - world.now),
            Phase::Falling => "falling".to_owned(),
            Phase::Ready(_) => "ready".to_owned(),
        };
        let fate = match &fall.fate {
            Fate::Rise => "rise".to_owned(),
            Fate::RiseAtOnce => "at once".to_owned(),
            Fate::Down { reason, escalates } => format!("{reason} {}", escalates.is_some()),
        };
        let not_before = fall.not_before.saturating_sub(world.now);
        write!(f, " {phase} {fate} {not_before:?} {}", fall.outstanding)?;
        for member in &fall.members {
            let is_top = fall.top == *member;
            write!(f, " {} {is_top}", world.core.nodes[*member].path.name())?;
        }
        Ok(())
    }
}
