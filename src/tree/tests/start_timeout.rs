//! How long a node may take to be healthy (R5).

use crate::tree::options::{Options, Settings, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::{Down, Rung, State, Told};
use crate::tree::tests::in_order::in_order;
use crate::tree::tests::world::{World, delayed, plain, secs, temporary};

/// Has three seconds to be healthy.
fn timed(options: Options) -> Options {
    Options {
        start_timeout: Some(secs(3)),
        ..options
    }
}

fn world() -> World {
    let mut world = World::new();
    world.child_with("root", "a", timed(delayed(1)));
    world.healthy("root");
    world
}

#[test]
fn it_goes_through_the_ladder_and_is_dead() {
    // R5, R10.
    let mut world = world();
    world.passes(secs(3));
    assert_eq!(world.state("a"), State::Stopping);
    assert_eq!(world.node("a").unwrap().told(), Some(Told::Itself));
    world.passes(secs(5));
    assert_eq!(world.node("a").unwrap().rung, Rung::Aborted);
    world.vanishes("a");
    assert_eq!((world.state("a"), world.attempt("a")), (State::Waiting, 2));
    let evidence = world.node("a").unwrap().evidence.clone().unwrap();
    assert_eq!(evidence.to_string(), "root.a was not healthy within 3s");
}

#[test]
fn it_is_dead_however_it_returns() {
    // R5.
    for ends in [World::returns, World::fails, World::panics] {
        let mut world = world();
        world.passes(secs(3));
        ends(&mut world, "a");
        assert_eq!(world.attempt("a"), 2);
    }
}

#[test]
fn who_is_healthy_in_time_is_never_woken() {
    // R5, L8.
    let mut world = world();
    world.passes(secs(2));
    world.healthy("a");
    assert_eq!(world.core.next_deadline(), None);
    world.passes(secs(100));
    assert_eq!(world.state("a"), State::Healthy);
}

#[test]
fn what_it_says_too_late_is_ignored() {
    // R5, R4.
    let mut world = world();
    world.passes(secs(3));
    world.healthy("a");
    assert!(world.laws.has("a", "signal healthy ignored"));
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn each_start_has_the_whole_time() {
    // R5, R8.
    let mut world = world();
    world.passes(secs(2));
    world.fails("a");
    world.passes(secs(1));
    assert_eq!(world.state("a"), State::Starting);
    world.passes(secs(2));
    assert_eq!(world.state("a"), State::Starting);
    world.passes(secs(1));
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn who_is_told_to_stop_has_the_time_of_its_stop() {
    // R5, R10. From then on the ladder counts.
    let mut world = world();
    world.passes(secs(2));
    world.stop();
    world.passes(secs(2));
    assert_eq!(world.node("a").unwrap().rung, Rung::Asked);
    assert_eq!(world.node("a").unwrap().told(), Some(Told::Tree));
}

#[test]
fn who_is_terminated_in_its_start_is_down_and_not_dead() {
    // R5, R16.
    let mut world = world();
    world.passes(secs(3));
    world.ordered("a", OrderKind::Terminate).unwrap();
    world.returns("a");
    assert_eq!(
        world.node("a").unwrap().down_reason(),
        Some(Down::Terminated)
    );
}

#[test]
fn a_temporary_node_that_is_too_late_has_failed() {
    // R5.
    let mut world = World::new();
    world.child_with("root", "a", timed(temporary()));
    world.healthy("root");
    world.passes(secs(3));
    world.returns("a");
    assert_eq!(world.node("a").unwrap().down_reason(), Some(Down::Failed));
}

#[test]
fn in_the_start_phase_of_a_group_it_fails_the_start() {
    // R10b, R5.
    let mut world = World::new();
    world.child("root", "p");
    let members = vec![("a", plain()), ("b", timed(plain()))];
    world.group_with("p", in_order(Strategy::OneForOne), members);
    world.all_healthy(["root", "p"]);
    world.passes(secs(10));
    world.healthy("a");
    world.passes(secs(2));
    assert_eq!(
        world.state("b"),
        State::Starting,
        "it counts from its own start"
    );
    world.passes(secs(1));
    world.returns("b");
    assert_eq!(world.states(["a", "b"]), [State::Stopping, State::Down]);
}

#[test]
fn a_root_that_starts_too_slowly_is_tried_again() {
    // R5, R11. Only a returned error ends the tree at its first start.
    let mut world = World::with(Settings::default(), timed(plain()));
    world.passes(secs(3));
    assert_eq!(world.state("root"), State::Stopping);
    world.returns("root");
    assert_eq!(
        (world.state("root"), world.attempt("root")),
        (State::Starting, 2)
    );
}

#[test]
fn its_children_stop_with_it() {
    // R5, R6.
    let mut world = world();
    world.child("a", "c");
    world.healthy("c");
    world.passes(secs(3));
    assert_eq!(world.states(["a", "c"]), [State::Stopping; 2]);
}
