//! What can happen next in a tree, and that it comes to rest when everybody obeys.

use std::time::Duration;

use crate::exit::Exit;
use crate::tree::action::Id;
use crate::tree::backoff::Backoff;
use crate::tree::node::Node;
use crate::tree::options::{AtRoot, Grace, Kind, Options, Restart, Settings, Strategy};
use crate::tree::signal::Signal;
use crate::tree::state::{Rung, State};
use crate::tree::tests::laws::Living;
use crate::tree::tests::world::{World, failure, name, plain, secs};

/// More rounds than a tree needs to come to rest once nothing fails any more.
const ROUNDS_MAX: usize = 200;

/// What a node's code declares, each time it runs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Child(&'static str, &'static str),
    Group(&'static str, Strategy, &'static [&'static str]),
}

/// A tree to explore: the declarations in it, and how long its nodes wait before they rise.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) parts: &'static [Part],
    pub(super) delay: Duration,
    pub(super) gc_interval: Duration,
    pub(super) at_root: AtRoot,
}

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
    Time,
    Stop,
    StopNow,
}

impl Shape {
    pub(super) const fn new(parts: &'static [Part]) -> Self {
        Self {
            parts,
            delay: Duration::ZERO,
            gc_interval: Duration::ZERO,
            at_root: AtRoot::Fail,
        }
    }

    pub(super) fn world(&self, seed: u64) -> World {
        let settings = Settings {
            gc_interval: self.gc_interval,
            leak_after: secs(1),
            escalations: self.at_root,
            start: self.at_root,
        };
        World::seeded(settings, self.options(), seed)
    }

    /// The tree with all its nodes healthy.
    pub(super) fn up(&self) -> World {
        let mut world = self.world(0);
        let sets_up = |choice: &Choice| matches!(choice, Choice::Declare(_) | Choice::Healthy(_));
        while let Some(choice) = choices(&world, self).into_iter().find(sets_up) {
            apply(&mut world, self, choice);
        }
        world
    }

    /// All rows of failures are kept, so that a node's past shows in its attempt alone.
    pub(super) fn options(&self) -> Options {
        let backoff = Backoff::constant(self.delay).reset_after(Duration::MAX);
        Options {
            grace: Grace::For(secs(1)),
            backoff,
            ..plain()
        }
    }

    /// A node is what its name says.
    fn options_of(&self, node: &str) -> Options {
        let plain = self.options();
        match node {
            "pool" => Options {
                kind: Kind::Pool,
                ..plain
            },
            "temporary" => Options {
                restart: Restart::Temporary,
                ..plain
            },
            _ => plain,
        }
    }

    fn declares(&self, node: &str) -> impl Iterator<Item = Part> {
        let parts = self.parts.iter().copied();
        parts.filter(move |part| match part {
            Part::Child(parent, _) | Part::Group(parent, ..) => *parent == node,
        })
    }
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
        choices.push(if world.core.is_stopping() {
            Choice::StopNow
        } else {
            Choice::Stop
        });
    }
    choices
}

fn choices_of(world: &World, shape: &Shape, living: &Living, choices: &mut Vec<Choice>) {
    let id = living.id;
    if living.has_returned {
        return choices.push(Choice::End(id));
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
            if node.condemned.is_none() {
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
                let members = members.iter().map(|member| {
                    let options = shape.options_of(member);
                    world.declaration(id, &name(member), options).unwrap()
                });
                let members = members.collect();
                world.declare_group(id, strategy, members);
            }
        }
    }
}

/// Faults stop and everybody obeys: the tree must settle or end (L9, R12).
pub(super) fn comes_to_rest(mut world: World) {
    for _ in 0..ROUNDS_MAX {
        let is_quiet = !obey(&mut world) && !world.step();
        if is_quiet {
            let is_at_rest = world.core.is_settled();
            return assert!(is_at_rest, "R12: stuck\n{}", world.core.snapshot(world.now));
        }
    }
    panic!("R12: no rest\n{}", world.core.snapshot(world.now));
}

/// Lets everybody do what is expected; false if nobody has anything to do.
fn obey(world: &mut World) -> bool {
    let mut has_acted = false;
    for living in world.laws.living.clone().into_values() {
        if !world.laws.living.contains_key(&living.id.incarnation) {
            continue;
        }
        let state = world.core.nodes[living.id.slot].state;
        if living.has_returned {
            world.ends(living.id);
        } else if living.is_asked {
            world.exits(living.id, Exit::Returned, 0);
        } else if state == State::Starting {
            world.says(living.id, Signal::Healthy);
        } else {
            continue;
        }
        has_acted = true;
    }
    has_acted
}
