//! Pools in their smallest form (R13).

use crate::tree::options::{Options, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::State;
use crate::tree::tests::world::{World, delayed, name, plain, pool, temporary};

/// A healthy root with a pool.
fn world() -> World {
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.healthy("root");
    world
}

/// How many nodes stand below the root and the pool.
fn children(world: &World) -> usize {
    world.core.nodes.len() - 2
}

#[test]
fn a_pool_is_healthy_at_once() {
    // R13.
    let world = world();
    assert_eq!(world.state("pool"), State::Healthy);
    assert!(world.core.is_settled());
}

#[test]
fn a_child_may_come_at_any_time() {
    // R13.
    let mut world = world();
    world.drive();
    world.child_with("pool", "t", temporary());
    assert_eq!(world.state("t"), State::Starting);
}

#[test]
fn children_fall_alone() {
    // R13. One-for-one.
    let mut world = world();
    world.child("pool", "a");
    world.child("pool", "b");
    world.all_healthy(["a", "b"]);
    world.fails("a");
    assert_eq!(world.states(["a", "b"]), [State::Starting, State::Healthy]);
}

#[test]
fn a_temporary_child_is_forgotten_when_it_has_ended() {
    // R13, R5.
    for ends in [
        World::returns,
        World::fails,
        World::panics,
        World::vanishes,
        World::finishes,
    ] {
        let mut world = world();
        world.child_with("pool", "t", temporary());
        ends(&mut world, "t");
        assert_eq!(children(&world), 0);
        assert!(world.core.is_settled());
    }
}

#[test]
fn a_child_is_forgotten_only_when_all_below_it_has_ended_too() {
    // R13.
    let mut world = world();
    world.child_with("pool", "t", temporary());
    world.child("t", "below");
    world.finishes("t");
    assert_eq!(world.states(["t", "below"]), [State::Done, State::Starting]);
    world.finishes("below");
    assert_eq!(children(&world), 0);
}

#[test]
fn a_done_child_may_go_with_all_below_it_while_the_pool_is_told_to_stop() {
    // R13, L3. What waits below it is absorbed, and then nothing keeps it.
    let mut world = world();
    world.child_with("pool", "t", temporary());
    world.child_with("t", "waits", delayed(5));
    world.child("t", "rests");
    world.finishes("t");
    world.finishes("rests");
    world.fails("waits");
    world.fails("root");
    assert_eq!(world.laws.answers("waits"), ["absorbed"]);
    assert_eq!(
        (world.state("root"), world.core.nodes.len()),
        (State::Starting, 1)
    );
}

#[test]
fn the_deaths_in_a_done_child_are_all_absorbed_before_it_goes() {
    // R13, L3, L4.
    let mut world = world();
    world.child_with("pool", "t", temporary());
    let members = vec![("a", delayed(5)), ("b", delayed(5))];
    world.group_with("t", Strategy::OneForAll, members);
    world.finishes("t");
    world.owned_panics("a");
    world.fails("b");
    world.returns("a");
    assert_eq!(world.states(["a", "b"]), [State::Waiting; 2]);
    world.fails("root");
    assert_eq!(world.laws.answers("a"), ["absorbed"]);
    assert_eq!(world.laws.answers("b"), ["absorbed"]);
}

#[test]
fn a_child_of_which_something_is_left_is_not_forgotten() {
    // R13, R14.
    let mut world = world();
    world.child_with("pool", "t", temporary());
    world.returns_leaving("t", 1);
    assert_eq!((world.state("t"), children(&world)), (State::Down, 1));
    world.owned_end("t");
    assert_eq!(children(&world), 0);
}

#[test]
fn a_permanent_child_waits_in_its_pool() {
    // R13. Waiting children count.
    let mut world = world();
    world.child_with("pool", "a", delayed(5));
    world.fails("a");
    assert_eq!((world.state("a"), children(&world)), (State::Waiting, 1));
}

#[test]
fn children_stop_together_with_their_pool() {
    // R13, R6.
    let mut world = world();
    world.child_with("pool", "s", temporary());
    world.child_with("pool", "t", temporary());
    world.fails("root");
    assert_eq!(
        world.states(["pool", "s", "t"]),
        [State::Canceled, State::Stopping, State::Stopping]
    );
    world.returns("s");
    world.returns("t");
    assert_eq!(
        (world.state("root"), world.core.nodes.len()),
        (State::Starting, 1)
    );
}

#[test]
fn what_ends_with_its_pool_is_forgotten_before_the_others_have_ended() {
    // R13, L2. Who waits for it may be what the stop waits for. What was in backoff never runs.
    let stops: [fn(&mut World); 2] = [|world| world.fails("root"), World::stop];
    for stop in stops {
        let mut world = world();
        world.child("pool", "a");
        world.child_with("pool", "waits", delayed(5));
        world.child_with("pool", "slow", temporary());
        world.fails("waits");
        stop(&mut world);
        assert_eq!(children(&world), 2);
        world.returns("a");
        assert_eq!(
            world.states(["pool", "slow"]),
            [State::Canceled, State::Stopping]
        );
        assert_eq!(children(&world), 1);
    }
}

#[test]
fn a_pool_falls_and_rises_with_its_group_and_is_empty_then() {
    // R13, R6, L5.
    let mut world = World::new();
    world.group_with(
        "root",
        Strategy::OneForAll,
        vec![("pool", pool()), ("b", plain())],
    );
    world.all_healthy(["root", "b"]);
    world.child_with("pool", "t", temporary());
    world.fails("b");
    assert_eq!(
        world.states(["pool", "t", "b"]),
        [State::Canceled, State::Stopping, State::Dead]
    );
    world.returns("t");
    assert_eq!(
        world.states(["pool", "b"]),
        [State::Healthy, State::Starting]
    );
    assert!(world.node("t").is_none());
}

#[test]
fn a_child_that_comes_while_its_pool_stops_never_starts() {
    // R13, R3, L2.
    let mut world = World::new();
    world.group_with(
        "root",
        Strategy::OneForAll,
        vec![("pool", pool()), ("b", plain())],
    );
    world.all_healthy(["root", "b"]);
    world.together(|world| {
        world.fails("b");
        let pool = world.id("pool");
        world.declare(pool, &name("late"), temporary());
    });
    assert_eq!(world.laws.of("late"), ["declared", "down: temporary"]);
    assert_eq!(
        world.states(["pool", "b"]),
        [State::Healthy, State::Starting]
    );
}

#[test]
fn a_stopping_tree_ends_its_pools() {
    // R13, R11.
    let mut world = world();
    world.child_with("pool", "t", temporary());
    world.stop();
    world.returns("root");
    assert_eq!(
        world.states(["pool", "t"]),
        [State::Canceled, State::Stopping]
    );
    world.returns("t");
    assert!(world.core.has_ended());
}

#[test]
fn a_pool_that_was_ordered_up_again_is_closed_once() {
    // R10, R13, R16. It waits for what it left, and was closed before.
    let mut world = world();
    world.child_with("pool", "t", temporary());
    world.ordered("pool", OrderKind::Terminate).unwrap();
    world.ordered("pool", OrderKind::Start).unwrap();
    world.stop();
    assert_eq!(world.state("pool"), State::Canceled);
}

#[test]
fn the_slots_of_a_pool_are_used_again() {
    // R13. A long life leaves nothing behind.
    let mut world = world();
    for number in 0..1000 {
        let id = world.id("pool");
        let options = Options { ..temporary() };
        world.declare(id, &crate::name::Name::numbered(number), options);
        world.returns(&number.to_string());
    }
    assert_eq!(world.core.nodes.len(), 2);
    assert!(world.core.nodes.capacity() < 16);
    assert!(world.core.starts.is_empty() && world.core.ready.is_empty());
}

#[test]
fn a_death_below_a_child_that_will_not_rise_is_cut_short_by_its_end() {
    // L3. Nothing absorbs it: the child of the pool is temporary.
    let mut world = world();
    world.child_with("pool", "t", temporary());
    world.child_with("t", "a", delayed(9));
    world.all_healthy(["t", "a"]);
    world.fails("a");
    world.fails("t");
    assert_eq!(world.laws.answers("a"), ["cut short"]);
}

#[test]
fn a_child_may_come_in_the_batch_that_declares_its_pool() {
    // R13, L1.
    let mut world = World::new();
    world.together(|world| {
        world.child_with("root", "pool", pool());
        world.child_with("pool", "t", temporary());
    });
    assert_eq!(
        world.states(["pool", "t"]),
        [State::Healthy, State::Starting]
    );
}

#[test]
fn a_temporary_node_that_is_done_is_not_started_again_by_an_escalation() {
    // R5, R9. Temporary: Down, failed; the pool forgets it.
    let mut world = world();
    world.child_with("pool", "t", temporary());
    world.child("t", "a");
    world.finishes("t");
    world.gives_up("a");
    assert!(world.laws.has("t", "down: failed"));
    assert!(world.node("t").is_none());
}
