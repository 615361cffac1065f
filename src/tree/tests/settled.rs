//! Settled and ready (R12).

use crate::tree::options::{Settings, Strategy};
use crate::tree::state::State;
use crate::tree::tests::signals::{STATES, world_with};
use crate::tree::tests::world::{World, delayed, plain, pool, secs, temporary};

/// What keeps a tree from being settled.
fn unsettled(world: &World) -> Vec<String> {
    let snapshot = world.core.snapshot(world.now);
    let nodes = snapshot.unsettled().map(|node| node.path.to_string());
    nodes.collect()
}

#[test]
fn each_state_is_settled_or_not() {
    // R12. Done and Down count once they have ended.
    for state in STATES {
        let world = world_with(state);
        let is_named = unsettled(&world).iter().any(|path| path == "root.p.n");
        let is_settled = matches!(state, State::Healthy | State::Done | State::Down);
        assert_eq!(is_named, !is_settled, "{state}");
        let is_settled = matches!(state, State::Healthy | State::Done);
        assert_eq!(world.core.is_settled(), is_settled, "{state}");
        assert_eq!(unsettled(&world).is_empty(), is_settled);
        world.core.assert_invariants();
    }
}

#[test]
fn a_new_tree_is_settled_when_all_are_healthy() {
    // R12.
    let mut world = World::new();
    assert!(!world.core.is_settled() && !world.core.is_ready());
    world.child("root", "a");
    world.healthy("root");
    assert_eq!(unsettled(&world), ["root.a"]);
    world.healthy("a");
    assert!(world.core.is_settled() && world.core.is_ready());
}

#[test]
fn a_declared_child_unsettles_at_once() {
    // R12. Before any pass, and before any action is taken.
    let mut world = World::new();
    world.together(|world| {
        world.healthy("root");
        assert!(world.core.is_settled());
        world.child("root", "a");
        assert!(!world.core.is_settled());
    });
}

#[test]
fn an_outstanding_action_unsettles() {
    // R12.
    let mut world = World::new();
    world.healthy("root");
    assert!(world.core.is_settled());
    let (id, path) = (
        world.id("root"),
        world.core.snapshot(world.now).nodes[0].path.clone(),
    );
    world
        .core
        .signal(world.now, id, &path, crate::tree::signal::Signal::Done);
    assert!(!world.core.is_settled());
}

#[test]
fn a_fall_that_waits_for_its_pass_is_not_settled() {
    // R7, R12.
    let settings = Settings {
        gc_interval: secs(1),
        ..Settings::default()
    };
    let mut world = World::with(settings, plain());
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.fails("a");
    assert!(!world.core.is_settled());
    world.drive();
    world.healthy("a");
    assert!(world.core.is_settled());
}

#[test]
fn a_done_node_is_settled_when_what_it_owned_has_ended() {
    // R12, R14.
    let mut world = World::new();
    world.child("root", "a");
    world.healthy("root");
    world.done("a");
    world.returns_leaving("a", 1);
    assert_eq!(unsettled(&world), ["root.a"]);
    world.owned_end("a");
    assert!(world.core.is_settled());
}

#[test]
fn what_is_below_a_down_node_counts_until_it_has_ended() {
    // R12.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child_with("pool", "t", temporary());
    world.child("t", "below");
    world.all_healthy(["root", "t", "below"]);
    world.returns("t");
    assert_eq!(unsettled(&world), ["root.pool.t.below"]);
    world.returns("below");
    assert!(world.core.is_settled());
}

#[test]
fn what_has_ended_below_a_down_node_does_not_wait_for_what_leaked_there() {
    // R12, R10. It stays only because the leak does.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child_with("pool", "t", temporary());
    world.child("t", "ends");
    world.child("t", "leaks");
    world.all_healthy(["root", "t", "ends", "leaks"]);
    world.returns("t");
    world.returns("ends");
    assert_eq!(unsettled(&world), ["root.pool.t.leaks"]);
    world.drive();
    assert_eq!(
        world.states(["ends", "leaks"]),
        [State::Canceled, State::Down]
    );
    assert!(world.core.is_settled());
}

#[test]
fn a_leaked_node_is_settled() {
    // R12, R10.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child_with("pool", "t", temporary());
    world.all_healthy(["root", "t"]);
    world.returns_leaving("t", 1);
    assert!(!world.core.is_settled());
    world.drive();
    assert!(world.core.is_settled());
}

#[test]
fn a_tree_that_has_ended_is_settled_and_not_ready() {
    // R12.
    let mut world = World::new();
    world.healthy("root");
    world.stop();
    assert!(!world.core.is_ready());
    world.returns("root");
    assert!(world.core.is_settled());
}

#[test]
fn ready_means_healthy_or_done_once_since_the_last_fall() {
    // R12. A node that is Finishing or Done stays ready; one that fell has to get there again.
    let mut world = World::new();
    let members = vec![("a", delayed(1)), ("b", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a"]);
    assert!(!world.core.is_ready());
    world.finishes("b");
    assert!(world.core.is_ready());
    world.fails("a");
    assert!(!world.core.is_ready());
    world.drive();
    world.healthy("a");
    assert!(!world.core.is_ready());
    world.healthy("b");
    assert!(world.core.is_ready());
}

#[test]
fn the_new_children_of_a_restarted_node_have_to_get_ready_too() {
    // R12.
    let mut world = World::new();
    world.child("root", "p");
    world.child("p", "c");
    world.all_healthy(["root", "p", "c"]);
    world.fails("p");
    world.returns("c");
    world.child("p", "c");
    world.healthy("p");
    assert!(!world.core.is_ready());
    world.healthy("c");
    assert!(world.core.is_ready());
}

#[test]
fn a_down_node_does_not_keep_a_tree_from_being_ready() {
    // R12.
    let mut world = World::new();
    world.group_with("root", Strategy::OneForOne, vec![("a", temporary())]);
    world.healthy("root");
    world.fails("a");
    assert!(world.core.is_ready());
}

#[test]
fn a_node_that_is_to_be_read_as_dead_is_not_ready() {
    // R12, R14.
    let mut world = World::new();
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    assert!(world.core.is_ready());
    world.owned_panics("a");
    assert_eq!(world.state("a"), State::Stopping);
    assert!(!world.core.is_ready());
}
