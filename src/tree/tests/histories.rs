//! What can happen next in a tree, and that it comes to rest when everybody obeys.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::exit::Exit;
use crate::tree::action::{Id, Place};
use crate::tree::node::Node;
use crate::tree::options::{Kind, Restart, Sequence, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::signal::Signal;
use crate::tree::state::{Rung, State};
use crate::tree::tests::essence::essence;
use crate::tree::tests::laws::Living;
use crate::tree::tests::shape::{Part, Shape};
use crate::tree::tests::world::{World, failure, name};

/// More rounds than a tree needs to come to rest once nothing fails any more.
const ROUNDS_MAX: usize = 200;

/// One step of a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    Declare(Id),
    Healthy(Id),
    Finish(Id),
    Return(Id),
    Fail(Id),
    FailLeaving(Id),
    GiveUp(Id),
    Restart(Id),
    OwnedPanic(Id),
    End(Id),
    Order(Place, OrderKind),
    Time,
    Stop,
    StopNow,
}

/// All that can happen next. A stop is the last of it, so that it can be left out.
pub(super) fn choices(world: &World, shape: &Shape) -> Vec<Choice> {
    let mut choices = Vec::new();
    for living in world.laws.living.values() {
        choices_of(world, shape, living, &mut choices);
    }
    for (slot, node) in &world.core.nodes {
        let is_open = node.state == State::Healthy && node.options.kind == Kind::Pool;
        if is_open && node.links.first.is_none() {
            choices.push(Choice::Declare(world.core.id(slot)));
        }
    }
    if world.core.next_deadline().is_some() {
        choices.push(Choice::Time);
    }
    if world.laws.result.is_none() {
        if world.core.is_stopping() {
            choices.push(Choice::StopNow);
        } else {
            choices.extend(orders(world, shape));
            choices.push(Choice::Stop);
        }
    }
    choices
}

/// Each order for each node but the root, allowed or not.
pub(super) fn orders(world: &World, shape: &Shape) -> Vec<Choice> {
    let nodes = world.core.nodes.iter().skip(1);
    let places = nodes.map(|(slot, _)| world.core.place(slot));
    let orders = places.flat_map(|place| {
        let orders = shape.orders.iter();
        orders.map(move |order| Choice::Order(place, *order))
    });
    orders.collect()
}

fn choices_of(world: &World, shape: &Shape, living: &Living, choices: &mut Vec<Choice>) {
    let id = living.id;
    if living.has_returned {
        return choices.push(Choice::End(id));
    }
    if world.core.abandoned.contains_key(&id) || world.core.has_ended() {
        return choices.extend([Choice::Return(id), Choice::FailLeaving(id)]);
    }
    let node = &world.core.nodes[id.slot];
    if may_declare(world, shape, node) {
        choices.push(Choice::Declare(id));
    }
    match node.state {
        State::Starting | State::Healthy | State::Finishing => {
            if node.state == State::Starting {
                choices.push(Choice::Healthy(id));
            }
            if node.options.restart == Restart::Transient {
                choices.push(Choice::Return(id));
            }
            choices.extend([
                Choice::Finish(id),
                Choice::Fail(id),
                Choice::FailLeaving(id),
            ]);
            choices.extend([
                Choice::GiveUp(id),
                Choice::Restart(id),
                Choice::OwnedPanic(id),
            ]);
        }
        State::Stopping => {
            choices.extend([Choice::Return(id), Choice::FailLeaving(id)]);
            if node.rare().condemned.is_none() {
                choices.push(Choice::OwnedPanic(id));
            }
        }
        State::Down => choices.extend([Choice::Return(id), Choice::FailLeaving(id)]),
        State::Waiting | State::Done | State::Dead | State::Canceled => {
            panic!("I3: {} runs", node.path)
        }
    }
}

/// A node declares once, before it is healthy; a stop that it has not heard of may come first.
fn may_declare(world: &World, shape: &Shape, node: &Node) -> bool {
    node.healthy_at.is_none()
        && node.links.first.is_none()
        && node.rung != Rung::Leaked
        && !world.core.has_ended()
        && shape.declares(node.path.name().as_str()).next().is_some()
}

pub(super) fn apply(world: &mut World, shape: &Shape, choice: Choice) {
    match choice {
        Choice::Declare(id) => declare(world, shape, id),
        Choice::Healthy(id) => world.says(id, Signal::Healthy),
        Choice::Finish(id) => say_and_exit(world, id, Signal::Done, Exit::Returned),
        Choice::Return(id) => world.exits(id, Exit::Returned, 0),
        Choice::Fail(id) => world.exits(id, failure(), 0),
        Choice::FailLeaving(id) => world.exits(id, failure(), 1),
        Choice::GiveUp(id) => say_and_exit(world, id, Signal::GiveUp, failure()),
        Choice::Restart(id) => say_and_exit(world, id, Signal::Restart, Exit::Returned),
        Choice::OwnedPanic(id) => world.owned_panics_of(id),
        Choice::End(id) => world.ends(id),
        // Refused or not: what a refused one must not do, the world checks.
        Choice::Order(place, order) => drop(world.order(place, order)),
        Choice::Time => assert!(world.step(), "something was due"),
        Choice::Stop => world.stop(),
        Choice::StopNow => world.stop_within(Duration::ZERO),
    }
}

fn say_and_exit(world: &mut World, id: Id, signal: Signal, exit: Exit) {
    world.together(|world| {
        world.says(id, signal);
        world.exits(id, exit, 0);
    });
}

fn declare(world: &mut World, shape: &Shape, id: Id) {
    let parent = world.core.nodes[id.slot].path.name().clone();
    for part in shape.declares(parent.as_str()) {
        match part {
            Part::Child(_, child) => {
                world.declare(id, &name(child), shape.options_of(child));
            }
            Part::Group(_, strategy, members) => {
                declare_group(world, shape, id, (strategy, Sequence::Together), members);
            }
            Part::InOrder(_, strategy, members) => {
                declare_group(world, shape, id, (strategy, Sequence::InOrder), members);
            }
        }
    }
}

fn declare_group(
    world: &mut World,
    shape: &Shape,
    parent: Id,
    (strategy, sequence): (Strategy, Sequence),
    members: &[&str],
) {
    let members = members.iter().map(|member| {
        let options = shape.options_of(member);
        world.declaration(parent, &name(member), options).unwrap()
    });
    let members = members.collect();
    world.declare_group(parent, shape.group_options(strategy, sequence), members);
}

/// Faults stop and everybody obeys: the tree must settle or end (L9, R12).
///
/// `calm` keeps what is known to come to rest, so that no way there is gone twice.
pub(super) fn comes_to_rest(mut world: World, calm: &mut BTreeSet<String>) {
    let mut way = Vec::new();
    for _ in 0..ROUNDS_MAX {
        way.push(essence(&world));
        let is_known = way.last().is_some_and(|last| calm.contains(last));
        if is_known || !obey(&mut world) && !world.step() {
            if !is_known {
                rests(&world);
            }
            return calm.extend(way);
        }
    }
    panic!("R12: no rest\n{}", world.core.snapshot(world.now));
}

/// Lets everybody do what is expected, and time pass, until nothing is left to do.
pub(super) fn obeys(world: &mut World) {
    for _ in 0..ROUNDS_MAX {
        if !obey(world) && !world.step() {
            return;
        }
    }
    panic!("R12: no rest\n{}", world.core.snapshot(world.now));
}

/// Nothing is left that waits for something.
fn rests(world: &World) {
    let core = &world.core;
    let snapshot = core.snapshot(world.now);
    assert!(core.is_settled(), "R12: stuck\n{snapshot}");
    if core.has_ended() {
        return;
    }
    assert!(core.falls.is_empty(), "L3: a fall is left over\n{snapshot}");
    let mut nodes = core.nodes.iter().map(|(_, node)| node);
    let waits = |node: &Node| node.is_held || !node.rare().waiters.is_empty() || node.is_open;
    assert!(!nodes.any(waits), "R10: somebody waits\n{snapshot}");
}

/// Whether it cannot serve for ever in silence.
fn is_limited(node: &Node) -> bool {
    node.options.run_timeout.is_some() || node.options.beat_timeout.is_some()
}

/// Lets everybody do what is expected; false if nobody has anything to do.
fn obey(world: &mut World) -> bool {
    let mut has_acted = false;
    for living in world.laws.living.clone().into_values() {
        let Some(living) = world.laws.living.get(&living.id.incarnation).cloned() else {
            continue;
        };
        if living.has_returned {
            world.ends(living.id);
        } else if living.is_asked {
            world.exits(living.id, Exit::Returned, 0);
        } else if world.core.nodes[living.id.slot].state == State::Starting {
            world.says(living.id, Signal::Healthy);
        } else if is_limited(&world.core.nodes[living.id.slot]) {
            // It would have to beat for ever, or is not to run for ever.
            say_and_exit(world, living.id, Signal::Done, Exit::Returned);
        } else {
            continue;
        }
        has_acted = true;
    }
    has_acted
}
