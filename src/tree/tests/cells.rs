//! The table of states and events at the end of the semantics: one test for each cell that can
//! occur. A node that waits, or has fallen, cannot be taken by a further fall of its group, for the
//! first one took all of it; and nobody escalates to a node that was told to stop.

use crate::tree::options::{Grace, Options};
use crate::tree::state::{Rung, State, Told};
use crate::tree::tests::signals::world_with;
use crate::tree::tests::world::{World, plain, secs};

const LIVE: [State; 3] = [State::Starting, State::Healthy, State::Finishing];

/// The state of `n` after its parent has fallen.
fn after_parent_fell(state: State) -> (World, State) {
    let mut world = world_with(state);
    world.fails("p");
    let state = world.state("n");
    (world, state)
}

#[test]
fn parent_falls_a_live_node_stops() {
    // R6. Told, then asked, then stopping until out.
    for state in LIVE {
        let (world, next) = after_parent_fell(state);
        assert_eq!(next, State::Stopping);
        assert!(world.laws.has("n", "stopping, told by parent (root.p)"));
    }
}

#[test]
fn parent_falls_a_waiting_node_is_canceled_and_absorbed() {
    // R6, L3.
    let mut world = world_with(State::Waiting);
    world.together(|world| {
        world.fails("p");
        assert_eq!(world.states(["n", "s"]), [State::Canceled; 2]);
    });
    assert_eq!(world.laws.answers("n"), ["absorbed"]);
    assert_eq!(world.state("p"), State::Waiting);
    assert!(world.node("n").is_none());
}

#[test]
fn parent_falls_a_stopping_node_stays_and_its_cause_is_widened() {
    // R5, R6.
    let (mut world, next) = after_parent_fell(State::Stopping);
    assert_eq!(next, State::Stopping);
    assert_eq!(world.node("n").unwrap().told(), Some(Told::Parent));
    assert_eq!(world.laws.answers("s"), ["absorbed"]);
    world.returns("n");
    assert_eq!(world.state("n"), State::Canceled);
    world.returns("c");
    assert!(world.node("n").is_none(), "nobody but the parent rises");
}

#[test]
fn parent_falls_a_done_node_stays_done_and_is_discarded_with_the_parent() {
    // R6.
    let (mut world, next) = after_parent_fell(State::Done);
    assert_eq!(next, State::Done);
    assert_eq!(
        world.states(["c", "s", "p"]),
        [State::Stopping, State::Stopping, State::Dead]
    );
    world.returns("c");
    world.returns("s");
    assert!(world.node("n").is_none());
    assert_eq!(world.state("p"), State::Waiting);
}

#[test]
fn parent_falls_a_dead_node_is_absorbed_and_discarded() {
    // L3, L4.
    let (mut world, next) = after_parent_fell(State::Dead);
    assert_eq!(next, State::Dead);
    assert_eq!(world.laws.answers("n"), ["absorbed"]);
    world.returns("c");
    world.returns("s");
    assert!(world.node("n").is_none());
}

#[test]
fn parent_falls_a_canceled_node_is_discarded() {
    // L4. It had no unexpected exit, so nothing is answered.
    let (mut world, next) = after_parent_fell(State::Canceled);
    assert_eq!(next, State::Canceled);
    assert_eq!(world.laws.answers("n"), [""; 0]);
    world.returns("c");
    assert!(world.node("n").is_none());
}

#[test]
fn parent_falls_a_down_node_is_discarded() {
    // R6.
    let (mut world, next) = after_parent_fell(State::Down);
    assert_eq!(next, State::Down);
    world.returns("c");
    world.returns("s");
    assert!(world.node("n").is_none());
}

#[test]
fn siblings_fall_a_live_node_stops_and_rises_with_it() {
    // R6, L5.
    for state in LIVE {
        let mut world = world_with(state);
        world.fails("s");
        assert_eq!(world.state("n"), State::Stopping);
        world.returns("n");
        assert_eq!(world.states(["n", "s"]), [State::Canceled, State::Dead]);
        world.returns("c");
        assert_eq!(world.states(["n", "s"]), [State::Starting; 2]);
    }
}

#[test]
fn siblings_fall_a_stopping_node_joins() {
    // R6, R9. It stops because of an owned panic, and is dead with its own draw.
    let mut world = world_with(State::Healthy);
    world.owned_panics("n");
    world.fails("s");
    assert_eq!(world.states(["n", "s"]), [State::Stopping, State::Dead]);
    world.returns("n");
    world.returns("c");
    assert_eq!(world.states(["n", "s"]), [State::Starting; 2]);
    assert_eq!((world.attempt("n"), world.attempt("s")), (2, 2));
}

#[test]
fn siblings_fall_a_done_node_falls_and_rises_with_the_group() {
    // R6.
    let mut world = world_with(State::Done);
    world.fails("s");
    assert_eq!(
        world.states(["n", "c", "s"]),
        [State::Canceled, State::Stopping, State::Dead]
    );
    world.returns("c");
    assert_eq!(world.states(["n", "s"]), [State::Starting; 2]);
}

#[test]
fn siblings_fall_passes_a_down_node_by() {
    // R6. The fall does not even wait for what is still ending below it.
    let mut world = world_with(State::Down);
    world.fails("s");
    assert_eq!(world.states(["n", "s"]), [State::Down, State::Starting]);
}

#[test]
fn a_child_escalates_to_a_live_node_which_stops_and_is_dead() {
    // R9.
    for state in LIVE {
        let mut world = world_with(state);
        world.gives_up("c");
        assert_eq!(world.state("n"), State::Stopping);
        world.together(|world| {
            world.returns("n");
            assert_eq!(world.state("n"), State::Dead);
        });
        assert!(world.laws.has("c", "escalated to root.p.n"));
    }
}

#[test]
fn a_child_escalates_to_a_done_node_which_is_dead_at_once() {
    // R9.
    let mut world = world_with(State::Done);
    world.together(|world| {
        world.gives_up("c");
        assert_eq!(world.states(["n", "s"]), [State::Dead, State::Stopping]);
    });
    world.returns("s");
    assert_eq!(world.states(["n", "s"]), [State::Starting; 2]);
    assert_eq!(world.attempt("n"), 2);
}

/// Lets what is asked leak.
fn all_leak(world: &mut World) {
    world.passes(secs(5));
    world.passes(secs(5));
}

/// `c` failed and left something that leaks; `n` is as the state says.
fn child_leaked_in_its_fall(state: State) -> World {
    let mut world = world_with(state);
    world.fails_leaving("c", 1);
    all_leak(&mut world);
    assert!(world.laws.has("c", "leaked"));
    world
}

#[test]
fn a_child_leaked_in_its_fall_below_a_done_node_spends_the_childs_budget() {
    // R10, R9.
    let world = child_leaked_in_its_fall(State::Done);
    assert_eq!(world.laws.answers("c"), ["down"]);
    assert!(world.laws.has("c", "escalated to root.p.n"));
    assert!(world.laws.of("n")[0].contains("root.p.n.c escalated to root.p.n"));
}

#[test]
fn a_child_leaked_below_a_dead_node_spends_the_budget_of_the_top() {
    // R10, R9. The sibling that fell with it ends in time and never rises.
    let mut world = world_with(State::Dead);
    world.returns("s");
    all_leak(&mut world);
    assert!(world.laws.has("c", "leaked"));
    assert_eq!(world.laws.answers("n"), ["down"]);
    assert!(world.laws.has("n", "escalated to root.p"));
    assert_eq!(world.states(["n", "s"]), [State::Down, State::Canceled]);
}

#[test]
fn a_child_leaked_below_a_canceled_node_spends_the_budget_of_the_top() {
    // R10. The top is the sibling that died, not the one that stands above the leak.
    let mut world = world_with(State::Canceled);
    all_leak(&mut world);
    assert!(world.laws.has("s", "escalated to root.p"));
    let spent = world
        .laws
        .of("s")
        .into_iter()
        .find(|text| text.starts_with("budget spent"));
    assert_eq!(
        spent.unwrap(),
        "budget spent: root.p.s cannot start again: root.p.n.c leaked"
    );
    assert!(
        !world
            .laws
            .of("n")
            .iter()
            .any(|text| text.starts_with("budget spent"))
    );
}

#[test]
fn a_child_leaked_below_a_stopping_node_is_a_rung_in_the_report() {
    // R10, R11.
    let mut world = World::new();
    let options = Options {
        grace: Grace::Infinite,
        ..plain()
    };
    world.child_with("root", "n", options);
    world.child("n", "c");
    world.all_healthy(["root", "n", "c"]);
    world.stop();
    world.returns("root");
    all_leak(&mut world);
    assert_eq!(world.state("n"), State::Stopping);
    world.returns("n");
    let stops = &world.laws.report().stops;
    assert_eq!(stops.len(), 1);
    assert_eq!(
        (stops[0].path.to_string().as_str(), stops[0].rung),
        ("root.n.c", Rung::Leaked)
    );
}

#[test]
fn a_child_leaked_below_a_down_node_changes_nothing_but_keeps_the_place() {
    // R6, R10.
    let mut world = world_with(State::Down);
    all_leak(&mut world);
    assert_eq!(world.states(["n", "c"]), [State::Down; 2]);
    assert_eq!(world.state("p"), State::Healthy);
    world.returns("c");
    assert!(world.node("c").is_none(), "what leaked has ended after all");
}
