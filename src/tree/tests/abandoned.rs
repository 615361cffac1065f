//! Nodes that run beside what they leaked (`OnLeak::Abandon`, L1, R10).

use crate::tree::options::{OnLeak, Options, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::report::Outcome;
use crate::tree::state::{Down, Rung, State};
use crate::tree::tests::world::{World, plain, secs, temporary};

fn abandoning(options: Options) -> Options {
    Options {
        on_leak: OnLeak::Abandon,
        ..options
    }
}

/// `a`, which abandons, and `b` in a one-for-all group; `b` has failed.
fn world() -> World {
    let mut world = World::new();
    let members = vec![("a", abandoning(plain())), ("b", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a", "b"]);
    world.fails("b");
    world
}

/// The grace, and the time after the abort.
fn leaks(world: &mut World) {
    world.passes(secs(5));
    world.passes(secs(5));
}

#[test]
fn it_rises_with_its_fall_beside_the_leak() {
    // L1, R10.
    let mut world = world();
    leaks(&mut world);
    assert!(world.laws.has("a", "leaked"));
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
    let snapshot = world.core.snapshot(world.now);
    let a = snapshot.find("root.a").unwrap();
    assert_eq!(a.abandoned, 1);
    assert!(a.to_string().contains("abandoned 1"));
}

#[test]
fn it_is_read_as_if_its_task_had_vanished() {
    // R10, R5.
    let mut world = World::new();
    world.child_with("root", "a", abandoning(plain()));
    world.all_healthy(["root", "a"]);
    world.owned_panics("a");
    leaks(&mut world);
    assert_eq!((world.state("a"), world.attempt("a")), (State::Starting, 2));
}

#[test]
fn a_late_return_of_what_was_abandoned_is_an_event_and_touches_nobody() {
    // L10, R10.
    let mut world = world();
    let old = world.id("a");
    leaks(&mut world);
    let new = world.id("a");
    world.exits(old, crate::exit::Exit::Returned, 0);
    assert!(world.laws.has("a", "leak ended"));
    assert_eq!((world.id("a"), world.state("a")), (new, State::Starting));
    assert_eq!(
        world
            .core
            .snapshot(world.now)
            .find("root.a")
            .unwrap()
            .abandoned,
        0
    );
}

#[test]
fn a_leak_has_ended_only_when_what_it_owns_has() {
    // R10, R14.
    let mut world = world();
    let old = world.id("a");
    leaks(&mut world);
    world.exits(old, crate::exit::Exit::Returned, 2);
    assert!(!world.laws.has("a", "leak ended"));
    world.ends(old);
    assert!(world.laws.has("a", "leak ended"));
}

#[test]
fn what_it_owned_may_be_abandoned_too() {
    // R10, R14. Its code has returned and keeps how it was read.
    let mut world = World::new();
    world.child_with("root", "a", abandoning(plain()));
    world.all_healthy(["root", "a"]);
    world.fails_leaving("a", 1);
    leaks(&mut world);
    assert_eq!((world.state("a"), world.attempt("a")), (State::Starting, 2));
    assert_eq!(world.laws.answers("a"), ["started again"]);
}

#[test]
fn a_terminated_node_that_leaks_is_down_and_can_be_started_again() {
    // R10, R16.
    let mut world = World::new();
    world.child_with("root", "a", abandoning(plain()));
    world.all_healthy(["root", "a"]);
    world.ordered("a", OrderKind::Terminate).unwrap();
    leaks(&mut world);
    assert_eq!(
        world.node("a").unwrap().down_reason(),
        Some(Down::Terminated)
    );
    world.ordered("a", OrderKind::Start).unwrap();
    assert_eq!(world.state("a"), State::Starting);
}

#[test]
fn a_removed_node_that_leaks_is_gone() {
    // R10, R16. Whoever wants the name has it.
    let mut world = World::new();
    world.child_with("root", "a", abandoning(plain()));
    let old = world.id("a");
    world.ordered("a", OrderKind::Remove).unwrap();
    leaks(&mut world);
    assert!(world.node("a").is_none());
    world.child("root", "a");
    world.exits(old, crate::exit::Exit::Returned, 0);
    assert!(world.laws.has("a", "leak ended"));
    assert_eq!(world.state("a"), State::Starting);
}

#[test]
fn it_may_leak_again_and_again() {
    // R10.
    let mut world = World::new();
    world.child_with("root", "a", abandoning(plain()));
    world.all_healthy(["root", "a"]);
    for leaked in 1..=3 {
        world.owned_panics("a");
        leaks(&mut world);
        let snapshot = world.core.snapshot(world.now);
        assert_eq!(snapshot.find("root.a").unwrap().abandoned, leaked);
    }
}

#[test]
fn the_report_of_a_stop_names_what_was_abandoned() {
    // R10, R11, L9.
    let mut world = world();
    leaks(&mut world);
    world.stop();
    for name in ["root", "a", "b"] {
        world.returns(name);
    }
    let report = world.laws.report();
    assert_eq!(report.outcome, Outcome::Stopped);
    let stops: Vec<_> = report
        .stops
        .iter()
        .map(|stop| (stop.path.to_string(), stop.rung))
        .collect();
    assert_eq!(stops, [("root.a".to_owned(), Rung::Leaked)]);
}

#[test]
fn what_leaks_below_it_is_not_its_own() {
    // R10. The child keeps its leak, so nothing that contains it starts again.
    let mut world = World::new();
    world.child("root", "p");
    world.child_with("p", "a", abandoning(plain()));
    world.child("a", "c");
    world.all_healthy(["root", "p", "a", "c"]);
    world.fails("a");
    leaks(&mut world);
    assert_eq!(world.node("a").unwrap().down_reason(), Some(Down::Leaked));
    assert!(world.laws.has("a", "escalated to root.p"));
}

#[test]
fn a_temporary_node_that_is_abandoned_is_down() {
    // R10, R5.
    let mut world = World::new();
    world.child_with("root", "a", abandoning(temporary()));
    world.all_healthy(["root", "a"]);
    world.owned_panics("a");
    leaks(&mut world);
    assert_eq!(world.node("a").unwrap().down_reason(), Some(Down::Failed));
    assert!(world.core.is_settled());
}
