//! Attempts that survive the restart of an ancestor (R8).

use crate::tree::memory::Memory;
use crate::tree::options::{Health, Options};
use crate::tree::state::State;
use crate::tree::tests::world::{World, delayed, name, plain};

/// `root`, `p`, `c`, `g`, each below the one before; `p` and `g` have not said anything.
fn line() -> World {
    let mut world = World::new();
    world.child("root", "p");
    world.child("p", "c");
    world.child("c", "g");
    world.all_healthy(["root", "c"]);
    world
}

/// `p` fails, and all below it ends.
fn p_restarts(world: &mut World) {
    world.fails("p");
    let below: Vec<_> = world
        .laws
        .living
        .values()
        .map(|living| living.path.clone())
        .collect();
    for path in below.iter().filter(|path| path.depth() > 1) {
        world.returns(path.name().as_str());
    }
    assert!(world.state("p").is_live());
}

#[test]
fn a_child_keeps_its_attempts_when_it_comes_back_under_its_name() {
    // R8. Two levels that crash in turn still slow down.
    let mut world = line();
    world.fails("g");
    world.fails("g");
    world.fails("c");
    world.returns("g");
    assert_eq!(world.attempt("c"), 2);
    p_restarts(&mut world);
    world.child("p", "c");
    assert_eq!(world.attempt("c"), 2);
    world.child("p", "other");
    assert_eq!(world.attempt("other"), 1);
}

#[test]
fn a_grandchild_keeps_its_attempts_too() {
    // R8.
    let mut world = line();
    world.fails("g");
    world.fails("g");
    p_restarts(&mut world);
    world.child("p", "c");
    world.child("c", "g");
    assert_eq!((world.attempt("c"), world.attempt("g")), (1, 3));
}

#[test]
fn attempts_are_forgotten_once_the_parent_is_healthy() {
    // R8.
    let mut world = line();
    world.fails("g");
    world.fails("c");
    world.returns("g");
    assert_eq!(world.state("c"), State::Starting);
    world.together(|world| {
        world.healthy("c");
        world.child("c", "g");
    });
    assert_eq!(world.attempt("g"), 1);
}

#[test]
fn a_parent_that_is_healthy_forgets_only_its_own_children() {
    // R8. What the child remembers of the grandchild is its own affair.
    let mut world = line();
    world.fails("g");
    p_restarts(&mut world);
    world.child("p", "c");
    world.healthy("p");
    world.child("c", "g");
    assert_eq!(world.attempt("g"), 2);
}

#[test]
fn only_the_names_of_the_previous_incarnation_are_remembered() {
    // R8.
    let mut world = line();
    world.fails("c");
    p_restarts(&mut world);
    p_restarts(&mut world);
    world.child("p", "c");
    assert_eq!(world.attempt("c"), 1);
}

#[test]
fn attempts_are_given_back_once() {
    // R8.
    let mut world = line();
    world.fails("c");
    p_restarts(&mut world);
    world.child("p", "c");
    assert!(world.node("p").unwrap().rare().memories.is_empty());
}

#[test]
fn a_parent_that_is_healthy_at_its_start_remembers_nothing() {
    // R4, R8. It is healthy before it can declare anything.
    let mut world = World::new();
    let options = Options {
        health: Health::AtStart,
        ..plain()
    };
    world.child_with("root", "p", options);
    world.child("p", "c");
    world.fails("c");
    p_restarts(&mut world);
    world.child("p", "c");
    assert_eq!(world.attempt("c"), 1);
}

#[test]
fn a_child_remembered_in_backoff_starts_at_once_with_its_attempt() {
    // R8, L4. The delay belonged to the fall that was absorbed.
    let mut world = World::new();
    world.child("root", "p");
    world.child_with("p", "c", delayed(7));
    world.fails("c");
    assert_eq!(world.state("c"), State::Waiting);
    p_restarts(&mut world);
    world.child_with("p", "c", delayed(7));
    assert_eq!((world.state("c"), world.attempt("c")), (State::Starting, 2));
}

#[test]
fn a_node_is_told_its_attempt_and_its_last_exit_when_it_starts() {
    // R8. What `ctx.attempt()` and `ctx.last_exit()` answer.
    let mut world = line();
    world.fails("g");
    let node = world.node("g").unwrap();
    assert_eq!(node.attempt(), 2);
    assert_eq!(
        node.evidence.as_ref().unwrap().chain(),
        "root.p.c.g failed while starting: out of luck"
    );
}

#[test]
fn memories_of_any_depth_are_dropped_without_recursion() {
    // R8.
    let mut memory = Memory::default();
    for _ in 0..200_000 {
        let mut above = Memory::default();
        above.children.insert(name("c"), memory);
        memory = above;
    }
    drop(memory);
}
