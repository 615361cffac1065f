//! What falls with whom, and what rises (R6, L4, L5).

use crate::tree::options::Strategy;
use crate::tree::state::{Down, State};
use crate::tree::tests::world::{World, delayed, plain, pool, temporary};

/// A group of three under the root, all healthy.
fn trio(strategy: Strategy) -> World {
    let mut world = World::new();
    world.group("root", strategy, &["a", "b", "c"]);
    world.all_healthy(["root", "a", "b", "c"]);
    world.laws.log.clear();
    world
}

#[test]
fn a_death_takes_nobody_of_a_one_for_one_group() {
    // R6.
    let mut world = trio(Strategy::OneForOne);
    world.fails("b");
    let states = world.states(["a", "b", "c"]);
    assert_eq!(states, [State::Healthy, State::Starting, State::Healthy]);
}

#[test]
fn a_death_takes_all_of_a_one_for_all_group() {
    // R6.
    let mut world = trio(Strategy::OneForAll);
    world.fails("b");
    let states = world.states(["a", "b", "c"]);
    assert_eq!(states, [State::Stopping, State::Dead, State::Stopping]);
    assert!(world.laws.has("b", "fell with group g, 3 in all"));
    assert!(world.laws.has("a", "stopping, told by group (root.b)"));
}

#[test]
fn a_slow_member_holds_the_whole_group_at_the_barrier() {
    // L5.
    let mut world = trio(Strategy::OneForAll);
    world.fails("b");
    world.returns("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Canceled, State::Dead, State::Stopping]
    );
    world.returns("c");
    assert_eq!(world.states(["a", "b", "c"]), [State::Starting; 3]);
}

#[test]
fn what_stands_below_a_member_holds_the_barrier_too() {
    // L5, L1.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.child("a", "below");
    world.all_healthy(["root", "below", "a", "b"]);
    world.fails("b");
    world.returns("a");
    assert_eq!(world.states(["a", "b"]), [State::Canceled, State::Dead]);
    world.returns("below");
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
}

#[test]
fn a_done_member_falls_with_its_group_and_rises_with_it() {
    // R6. What it left running stops first.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.child("a", "below");
    world.all_healthy(["root", "below", "b"]);
    world.finishes("a");
    assert_eq!(world.states(["a", "below"]), [State::Done, State::Healthy]);
    world.fails("b");
    assert_eq!(
        world.states(["a", "below", "b"]),
        [State::Canceled, State::Stopping, State::Dead]
    );
    world.returns("below");
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
    assert!(world.node("below").is_none());
}

#[test]
fn a_down_member_neither_falls_nor_rises() {
    // R6.
    let mut world = World::new();
    let members = vec![("a", temporary()), ("b", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a", "b"]);
    world.returns("a");
    world.fails("b");
    assert!(world.laws.has("b", "fell with group g, 1 in all"));
    assert_eq!(world.states(["a", "b"]), [State::Down, State::Starting]);
}

#[test]
fn a_temporary_member_is_down_after_a_fall_and_the_barrier_waits_for_it() {
    // R5, R6.
    let mut world = World::new();
    let members = vec![("a", temporary()), ("b", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a", "b"]);
    world.fails("b");
    assert_eq!(world.states(["a", "b"]), [State::Stopping, State::Dead]);
    world.returns("a");
    assert_eq!(world.states(["a", "b"]), [State::Down, State::Starting]);
    assert_eq!(world.node("a").unwrap().down, Down::Temporary);
}

#[test]
fn a_planned_restart_takes_the_group_by_its_strategy() {
    // R4, R6.
    let mut world = trio(Strategy::OneForAll);
    world.restarts("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Canceled, State::Stopping, State::Stopping]
    );
    world.returns("b");
    world.returns("c");
    assert_eq!(world.states(["a", "b", "c"]), [State::Starting; 3]);
    assert_eq!(
        ["a", "b", "c"].map(|member| world.attempt(member)),
        [1, 1, 1]
    );
}

#[test]
fn a_done_member_takes_nobody_with_it() {
    // R6.
    let mut world = trio(Strategy::OneForAll);
    world.finishes("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Done, State::Healthy, State::Healthy]
    );
}

#[test]
fn a_dead_node_takes_what_stands_below_it_and_its_own_code_makes_that_anew() {
    // R6, L4.
    let mut world = World::new();
    world.child("root", "p");
    world.child("p", "c");
    world.child("c", "d");
    world.all_healthy(["root", "p", "c", "d"]);
    world.fails("p");
    assert_eq!(
        world.states(["p", "c", "d"]),
        [State::Dead, State::Stopping, State::Stopping]
    );
    world.returns("c");
    assert_eq!(world.state("p"), State::Dead);
    world.returns("d");
    assert_eq!(world.state("p"), State::Starting);
    assert!(world.node("c").is_none() && world.node("d").is_none());
    world.child("p", "c");
    assert_eq!(world.state("c"), State::Starting);
}

#[test]
fn a_down_node_stops_what_stands_below_it_and_then_discards_it() {
    // R6.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child_with("pool", "t", temporary());
    world.child("t", "below");
    world.all_healthy(["root", "below", "t"]);
    world.returns("t");
    assert_eq!(world.states(["t", "below"]), [State::Down, State::Stopping]);
    world.returns("below");
    assert!(world.node("t").is_none() && world.node("below").is_none());
}

#[test]
fn a_child_that_waits_is_absorbed_when_its_parent_falls() {
    // L3, L4. Only the parent rises; its code declares the child again.
    let mut world = World::new();
    world.child("root", "p");
    world.child_with("p", "c", delayed(5));
    world.all_healthy(["root", "p", "c"]);
    world.fails("c");
    assert_eq!(world.state("c"), State::Waiting);
    world.fails("p");
    assert_eq!(world.laws.answers("c"), ["absorbed"]);
    assert!(world.laws.has("c", "absorbed by the restart of root.p"));
    assert_eq!(world.state("p"), State::Starting);
    assert!(world.node("c").is_none());
    world.drive();
    assert_eq!(world.core.nodes.len(), 2, "nobody starts the child again");
}

#[test]
fn deaths_that_come_together_in_a_one_for_all_group_are_one_fall() {
    // R6, R5. Who was told before it failed is canceled, and only the first counts.
    let mut world = trio(Strategy::OneForAll);
    world.together(|world| {
        world.fails("a");
        world.fails("b");
        world.panics("c");
    });
    assert_eq!(world.states(["a", "b", "c"]), [State::Starting; 3]);
    assert_eq!(
        ["a", "b", "c"].map(|member| world.attempt(member)),
        [2, 1, 1]
    );
    let falls = world
        .laws
        .log
        .iter()
        .filter(|event| event.what.to_string().starts_with("fell"));
    assert_eq!(falls.count(), 1);
}

#[test]
fn two_members_that_fell_for_themselves_rise_once() {
    // R6, R9, L5. An owned panic makes the second death, in the same fall.
    let mut world = trio(Strategy::OneForAll);
    world.owned_panics("a");
    world.fails("b");
    world.returns("c");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Stopping, State::Dead, State::Canceled]
    );
    world.returns("a");
    assert_eq!(world.states(["a", "b", "c"]), [State::Starting; 3]);
    assert_eq!(
        ["a", "b", "c"].map(|member| world.attempt(member)),
        [2, 2, 1]
    );
    assert_eq!(world.laws.answers("a"), ["started again"]);
    assert_eq!(world.laws.answers("b"), ["started again"]);
    assert_eq!(world.laws.answers("c"), [""; 0]);
}

#[test]
fn a_group_is_forgotten_with_its_members_and_an_empty_one_at_once() {
    // R3. Names are free again in the parent's next incarnation.
    let mut world = trio(Strategy::OneForAll);
    world.group("root", Strategy::OneForOne, &[]);
    assert_eq!(world.core.groups.len(), 1);
    world.fails("root");
    world.all_return();
    assert!(world.core.groups.is_empty());
}

#[test]
fn the_root_falls_like_any_other_node() {
    // R9, R11. It is permanent, with a backoff of its own.
    let mut world = World::new();
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.fails("root");
    assert_eq!(world.states(["root", "a"]), [State::Dead, State::Stopping]);
    world.returns("a");
    assert_eq!(world.state("root"), State::Starting);
    assert_eq!(world.attempt("root"), 2);
}
