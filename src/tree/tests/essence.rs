//! What the future of a tree depends on, so that no state is explored twice.

use std::fmt;

use crate::tree::node::{Own, Phase};
use crate::tree::tests::world::World;

/// All that the future of a tree depends on, times relative to now and without the numbers of
/// incarnations.
pub(super) fn essence(world: &World) -> String {
    let core = &world.core;
    let mut text = format!(
        "{:?} {}",
        core.stop_deadline().map(|at| at.checked_sub(world.now)),
        core.is_stopping()
    );
    for slot in core.subtree(core.root) {
        text.push_str(&Essence(world, slot).to_string());
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
        let condemned = node.condemned.is_some();
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
            node.memories.is_some()
        )?;
        if let Some(fall) = node.fall.map(|fall| &world.core.falls[fall]) {
            let due = match fall.phase {
                Phase::Rising(due) => Some(due - world.now),
                Phase::Falling | Phase::Ready(_) => None,
            };
            let not_before = fall.not_before.saturating_sub(world.now);
            write!(
                f,
                " {due:?} {not_before:?} {} {}",
                fall.members.len(),
                fall.outstanding
            )?;
        }
        Ok(())
    }
}
