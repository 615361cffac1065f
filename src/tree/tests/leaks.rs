//! Incarnations that do not end after their abort (R10).

use crate::tree::options::{AtRoot, Grace, Options, Settings, Strategy};
use crate::tree::state::{Down, Rung, State};
use crate::tree::tests::world::{World, plain, pool, secs, temporary};

/// `root`, `top`, `p`, and below `p` a one-for-all group of `a` and `b`; all healthy.
fn world_with(settings: Settings) -> World {
    let mut world = World::with(settings, plain());
    world.child("root", "top");
    world.child("top", "p");
    world.group("p", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "top", "p", "a", "b"]);
    world.laws.log.clear();
    world
}

fn world() -> World {
    world_with(Settings::default())
}

/// Passes the grace and the bound after the abort.
fn leaks(world: &mut World) {
    world.passes(secs(5));
    world.passes(secs(5));
}

#[test]
fn who_has_not_ended_a_bound_after_the_abort_is_down_and_leaked() {
    // R10, L9.
    let mut world = world();
    world.fails("b");
    world.passes(secs(5));
    assert_eq!(world.core.next_deadline(), Some(secs(10)));
    world.step();
    let node = world.node("a").unwrap();
    assert_eq!(
        (node.state, node.down, node.rung),
        (State::Down, Down::Leaked, Rung::Leaked)
    );
    assert!(world.laws.has("a", "leaked"));
}

#[test]
fn a_leak_in_a_fall_spends_the_budget_of_its_top_and_escalates() {
    // R10, R9. The top is who died, the evidence names who leaked.
    let mut world = world();
    world.fails("b");
    leaks(&mut world);
    assert_eq!(world.laws.answers("b"), ["down"]);
    assert_eq!(
        world.laws.of("b")[2..],
        [
            "down: leaked",
            "budget spent: root.top.p.b cannot start again: root.top.p.a leaked",
            "escalated to root.top.p",
        ]
    );
    assert_eq!(world.state("p"), State::Stopping);
}

#[test]
fn a_leak_escalates_up_to_the_root_as_nothing_above_it_can_start_again() {
    // R10, R9, R11, L1.
    let mut world = world();
    world.fails("b");
    leaks(&mut world);
    world.returns("p");
    assert_eq!(world.states(["p", "top"]), [State::Down, State::Stopping]);
    world.returns("top");
    assert_eq!(
        world.states(["top", "root"]),
        [State::Down, State::Stopping]
    );
    world.returns("root");
    let failure = world.laws.failure();
    assert_eq!(
        failure.to_string(),
        "root.top cannot start again: root.top.p.a leaked"
    );
    let leaked: Vec<_> = failure
        .stops
        .iter()
        .map(|stop| (&stop.path, stop.rung))
        .collect();
    assert_eq!(leaked.len(), 1);
    assert!(*leaked[0].0 == "root.top.p.a" && leaked[0].1 == Rung::Leaked);
}

#[test]
fn not_even_a_root_that_retries_starts_beside_a_leak() {
    // R9, R10, L1.
    let settings = Settings {
        escalations: AtRoot::Retry,
        ..Settings::default()
    };
    let mut world = World::with(settings, plain());
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    world.fails("b");
    leaks(&mut world);
    world.returns("root");
    assert_eq!(
        world.laws.failure().to_string(),
        "root cannot start again: root.a leaked"
    );
}

#[test]
fn a_leak_that_ends_before_the_fall_is_ready_lets_it_rise() {
    // R10. The slow child of `b` keeps the fall from being ready.
    let mut world = world();
    let patient = Options {
        grace: Grace::Infinite,
        ..plain()
    };
    world.child_with("b", "slow", patient);
    world.fails("b");
    leaks(&mut world);
    assert!(world.laws.has("a", "leaked"));
    world.returns("a");
    assert!(world.laws.has("a", "leak ended"));
    world.returns("slow");
    assert_eq!(
        world.states(["a", "b", "p"]),
        [State::Starting, State::Starting, State::Healthy]
    );
}

#[test]
fn a_leak_that_ends_before_its_parent_is_ready_lets_that_rise() {
    // R10.
    let mut world = world();
    world.fails("b");
    leaks(&mut world);
    world.returns("a");
    world.returns("p");
    assert_eq!((world.state("p"), world.attempt("p")), (State::Starting, 2));
    assert_eq!(world.core.nodes.len(), 3);
}

#[test]
fn an_owned_task_that_leaks_keeps_the_reading_of_its_owner() {
    // R14, R10. The code has returned: the fall is that of the owner.
    let mut world = world();
    world.fails_leaving("b", 1);
    world.returns("a");
    leaks(&mut world);
    assert!(world.laws.has("b", "leaked"));
    assert!(world.laws.has("b", "escalated to root.top.p"));
    assert_eq!(world.states(["a", "b"]), [State::Canceled, State::Down]);
}

#[test]
fn an_old_leak_counts_at_the_next_fall() {
    // R10. Done is done, but nothing that contains the leak starts again.
    let mut world = world();
    world.done("a");
    world.returns_leaving("a", 1);
    leaks(&mut world);
    assert_eq!(
        world.states(["a", "b", "p"]),
        [State::Done, State::Healthy, State::Healthy]
    );
    assert!(world.core.is_settled());
    world.fails("b");
    assert!(world.laws.has("b", "escalated to root.top.p"));
}

#[test]
fn a_node_that_leaks_after_an_escalation_escalates_in_turn() {
    // R9, R10, L3. It would have fallen for itself; nobody else answers for it.
    let mut world = world();
    world.child("a", "c");
    world.gives_up("c");
    assert_eq!(world.state("a"), State::Stopping);
    leaks(&mut world);
    assert_eq!(
        world.states(["a", "b", "p"]),
        [State::Down, State::Stopping, State::Stopping]
    );
    assert!(world.laws.has("a", "escalated to root.top.p"));
}

#[test]
fn a_node_that_leaks_after_an_owned_panic_escalates() {
    // R10, R14.
    let mut world = world();
    world.owned_panics("a");
    leaks(&mut world);
    assert!(world.laws.has("a", "escalated to root.top.p"));
    assert_eq!(world.state("p"), State::Stopping);
}

#[test]
fn a_root_that_leaks_for_itself_is_a_failure_not_the_end_of_its_work() {
    // R10, R11.
    let mut world = World::new();
    world.healthy("root");
    world.owned_panics("root");
    leaks(&mut world);
    assert_eq!(
        world.laws.failure().to_string(),
        "root cannot start again: root leaked"
    );
}

#[test]
fn a_temporary_node_that_leaks_is_down_and_escalates_nothing() {
    // R10, R13. Nobody would have started it again.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child_with("pool", "t", temporary());
    world.all_healthy(["root", "t"]);
    world.owned_panics("t");
    leaks(&mut world);
    assert_eq!(world.states(["t", "pool"]), [State::Down, State::Healthy]);
    assert!(world.core.is_settled());
    world.returns("t");
    assert!(world.laws.has("t", "leak ended"));
    assert!(world.node("t").is_none(), "the name is free");
}

#[test]
fn a_leaked_member_does_not_keep_its_parent_from_falling() {
    // R6, R10, L3. It stands before the one that died, and leaves the fall with it.
    let mut world = world();
    let patient = Options {
        grace: Grace::Infinite,
        ..plain()
    };
    world.child_with("b", "slow", patient);
    world.fails("b");
    leaks(&mut world);
    world.fails("p");
    world.returns("slow");
    assert_eq!(world.laws.answers("b"), ["absorbed"]);
    assert!(
        world.laws.has("p", "escalated to root.top"),
        "nothing of it is waited for"
    );
}

#[test]
fn what_a_leaked_incarnation_returns_is_recorded_and_changes_nothing() {
    // R10, L3.
    let mut world = world();
    world.fails("b");
    leaks(&mut world);
    world.fails("a");
    assert_eq!(world.node("a").unwrap().down, Down::Leaked);
    let events = world.laws.of("a");
    assert_eq!(
        events[events.len() - 2..],
        [
            "exited: root.top.p.a failed while down: out of luck",
            "leak ended"
        ]
    );
}

#[test]
fn a_leak_has_ended_only_with_what_it_owned() {
    // R10, R14.
    let mut world = world();
    world.fails("b");
    leaks(&mut world);
    world.fails_leaving("a", 2);
    assert!(!world.laws.has("a", "leak ended"));
    world.owned_end("a");
    assert!(world.laws.has("a", "leak ended"));
}
