//! Facts about what is no longer there (L10).

use std::sync::Arc;

use crate::exit::Exit;
use crate::path::Path;
use crate::tree::action::Id;
use crate::tree::core::Declaration;
use crate::tree::options::Strategy;
use crate::tree::signal::Signal;
use crate::tree::state::State;
use crate::tree::tests::world::{World, delayed, failure, name, plain};

/// Tells every kind of fact about an incarnation, and that each is counted and changes nothing.
#[track_caller]
fn is_stale(world: &mut World, id: Id) {
    let before = world.core.snapshot(world.now).to_string();
    let stale = world.core.stale();
    world.says(id, Signal::GiveUp);
    world.exits(id, failure(), 0);
    world.exits(id, Exit::Returned, 3);
    world.ends(id);
    world.owned_panics_of(id);
    let path = Path::root().child(name("x"));
    let child = Declaration {
        path,
        options: Arc::new(plain()),
    };
    assert!(world.core.run(world.now, id, child).is_none());
    assert_eq!(world.core.stale(), stale + 6);
    assert_eq!(world.core.snapshot(world.now).to_string(), before);
}

#[test]
fn facts_about_the_last_incarnation_do_not_touch_the_next() {
    // L10.
    let mut world = World::new();
    world.child("root", "a");
    let old = world.id("a");
    world.fails("a");
    assert_eq!(world.state("a"), State::Starting);
    is_stale(&mut world, old);
}

#[test]
fn facts_about_the_last_incarnation_do_not_touch_a_node_that_waits() {
    // L10.
    let mut world = World::new();
    world.child_with("root", "a", delayed(3));
    let old = world.id("a");
    world.fails("a");
    is_stale(&mut world, old);
    world.drive();
    assert_eq!((world.state("a"), world.attempt("a")), (State::Starting, 2));
}

#[test]
fn facts_about_a_discarded_node_do_not_touch_who_has_its_slot_now() {
    // L10.
    let mut world = World::new();
    world.child("root", "p");
    world.child("p", "c");
    let old = world.id("c");
    world.fails("p");
    world.returns("c");
    assert!(world.core.nodes.get(old.slot).is_none());
    is_stale(&mut world, old);
    world.child("p", "other");
    assert_eq!(world.id("other").slot, old.slot);
    is_stale(&mut world, old);
}

#[test]
fn an_exit_that_is_told_twice_is_read_once() {
    // L3, L10.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    let id = world.id("a");
    world.exits(id, failure(), 0);
    let stale = world.core.stale();
    world.core.exited(world.now, id, failure(), 0);
    world.core.ended(world.now, id);
    assert_eq!(world.core.stale(), stale + 2);
    assert_eq!(world.attempt("a"), 2);
}

#[test]
fn an_incarnation_that_has_not_started_cannot_exit() {
    // L10.
    let mut world = World::new();
    world.together(|world| {
        world.child("root", "a");
        let id = world.id("a");
        world.core.exited(world.now, id, failure(), 0);
        assert_eq!((world.core.stale(), world.state("a")), (1, State::Waiting));
    });
}

#[test]
fn a_running_incarnation_has_nothing_that_could_have_ended() {
    // L10, R14.
    let mut world = World::new();
    world.core.ended(world.now, world.id("root"));
    assert_eq!(
        (world.core.stale(), world.state("root")),
        (1, State::Starting)
    );
}

#[test]
fn a_place_that_is_gone_has_no_view() {
    // L10, R3. The place outlives incarnations, not its parent's.
    let mut world = World::new();
    world.child("root", "p");
    let place = world.child("p", "c");
    world.fails("c");
    assert_eq!(world.core.view(place).unwrap().state, State::Starting);
    world.fails("p");
    world.returns("c");
    assert!(world.core.view(place).is_none());
    world.child("p", "c");
    assert!(world.core.view(place).is_none());
}
