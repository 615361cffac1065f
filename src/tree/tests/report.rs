//! What the report of a stop says (R10, R11, L9).

use crate::exit::Exit;
use crate::tree::options::{Grace, Options, Strategy};
use crate::tree::state::Rung;
use crate::tree::tests::world::{World, panic, plain, secs};

/// `root`, `p`, and below `p` a one-for-all group of `a` and `b`; all healthy.
fn world() -> World {
    let mut world = World::new();
    world.child("root", "p");
    world.group("p", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "p", "a", "b"]);
    world
}

/// Passes the grace and the bound after the abort.
fn leaks(world: &mut World) {
    world.passes(secs(5));
    world.passes(secs(5));
}

#[test]
fn a_plain_stop_has_an_empty_report() {
    // R11.
    let mut world = world();
    world.stop();
    world.all_return();
    assert_eq!(world.laws.report().to_string(), "stopped");
}

#[test]
fn an_error_and_a_panic_met_in_the_stop_are_in_the_report() {
    // R10, R11. Evidence, never a reason to restart or to hang.
    let mut world = world();
    world.stop();
    world.fails("a");
    world.panics("b");
    world.all_return();
    assert_eq!(
        world.laws.report().to_string(),
        "stopped\n  root.p.a: asked: root.p.a failed while stopping: out of luck\n  \
         root.p.b: asked: root.p.b panicked with index out of bounds"
    );
}

#[test]
fn who_had_to_be_aborted_is_in_the_report() {
    // R10, R11, L9.
    let mut world = world();
    world.stop();
    world.passes(secs(5));
    world.vanishes("a");
    world.returns("b");
    world.all_return();
    let stops = &world.laws.report().stops;
    let paths: Vec<_> = stops.iter().map(|stop| stop.path.to_string()).collect();
    assert_eq!(paths, ["root.p.a", "root.p.b", "root", "root.p"]);
    assert!(stops.iter().all(|stop| stop.rung == Rung::Aborted));
}

#[test]
fn an_owned_panic_met_in_the_stop_is_in_the_report() {
    // R11, R14.
    let mut world = world();
    world.stop();
    world.returns_leaving("a", 1);
    world.owned_panics("a");
    world.owned_end("a");
    world.all_return();
    let report = world.laws.report().to_string();
    assert!(
        report.contains("root.p.a: asked: a task owned by root.p.a panicked"),
        "{report}"
    );
}

#[test]
fn what_happened_before_the_stop_is_not_in_the_report() {
    // R11.
    let mut world = world();
    world.fails("a");
    world.returns("b");
    world.all_healthy(["a", "b"]);
    world.stop();
    world.all_return();
    assert_eq!(world.laws.report().stops.len(), 0);
}

#[test]
fn the_report_names_what_leaked_in_the_stop() {
    // R10, R11, L9.
    let mut world = world();
    world.stop();
    for node in ["root", "p", "b"] {
        world.returns(node);
    }
    leaks(&mut world);
    let report = world.laws.report();
    let leaked: Vec<_> = report.leaked().map(ToString::to_string).collect();
    assert_eq!(leaked, ["root.p.a"]);
}

#[test]
fn the_report_names_what_leaked_before_the_stop() {
    // R10, R11, L9.
    let mut world = world();
    world.done("a");
    world.returns_leaving("a", 1);
    leaks(&mut world);
    world.stop();
    world.all_return_but(&["a"]);
    let report = world.laws.report();
    assert_eq!(
        report.to_string(),
        "stopped\n  root.p.a: leaked: root.p.a returned while finishing"
    );
}

#[test]
fn a_finished_tree_names_what_it_left_behind() {
    // R11, L9.
    let mut world = World::new();
    world.done("root");
    world.returns_leaving("root", 1);
    leaks(&mut world);
    let report = world.laws.report();
    assert_eq!(report.leaked().count(), 1);
}

#[test]
fn the_report_has_the_last_rung_of_who_failed_first_and_leaked_then() {
    // R10, R11.
    let mut world = world();
    world.stop();
    world.exits(world.id("a"), Exit::Panicked(panic()), 1);
    world.all_return_but(&["a"]);
    leaks(&mut world);
    let stops = &world.laws.report().stops;
    assert_eq!((stops.len(), stops[0].rung), (1, Rung::Leaked));
    let evidence = stops[0].evidence.as_ref().unwrap();
    assert!(matches!(evidence.exit, Some(Exit::Panicked(_))));
}

#[test]
fn the_report_does_not_name_as_leaked_what_has_ended_since() {
    // R10, R11.
    let mut world = world();
    let patient = Options {
        grace: Grace::Infinite,
        ..plain()
    };
    world.child_with("b", "slow", patient);
    world.stop();
    world.all_return_but(&["a", "slow"]);
    leaks(&mut world);
    world.returns("a");
    world.returns("slow");
    let report = world.laws.report();
    assert_eq!(report.leaked().count(), 0);
    assert_eq!(
        report.to_string(),
        "stopped\n  root.p.a: aborted: root.p.a returned while down"
    );
}
