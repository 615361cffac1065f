//! How a tree starts and ends (R11), and the row of the stop in the table of states and events.

use std::time::Duration;

use crate::exit::Exit;
use crate::tree::options::{AtRoot, Settings, Strategy};
use crate::tree::report::Outcome;
use crate::tree::state::{Down, Rung, State, Told};
use crate::tree::tests::signals::world_with;
use crate::tree::tests::world::{World, delayed, failure, plain, pool, secs, temporary};

/// A tree with the node `n` in this state, right after it was told to stop.
fn stopped(state: State) -> World {
    let mut world = world_with(state);
    world.stop();
    world
}

#[test]
fn the_tree_stops_a_live_node_is_told() {
    // R11.
    for state in [State::Starting, State::Healthy, State::Finishing] {
        let world = stopped(state);
        assert_eq!(world.state("n"), State::Stopping);
        assert!(world.laws.has("n", "stopping, told by tree (root)"));
    }
}

#[test]
fn the_tree_stops_a_waiting_node_is_canceled_and_cut_short() {
    // R11, L2, L3.
    let mut world = stopped(State::Waiting);
    assert_eq!(world.state("n"), State::Canceled);
    assert_eq!(world.laws.answers("n"), ["cut short"]);
    world.all_return();
    assert_eq!(world.laws.report().outcome, Outcome::Stopped);
}

#[test]
fn the_tree_stops_a_stopping_node_gets_the_tighter_deadline() {
    // R11, R10.
    let mut world = world_with(State::Stopping);
    world.stop_within(secs(1));
    assert_eq!(world.state("n"), State::Stopping);
    assert_eq!(world.node("n").unwrap().told(), Some(Told::Tree));
    world.step();
    assert_eq!(
        (world.now, world.node("n").unwrap().rung),
        (secs(1), Rung::Aborted)
    );
}

#[test]
fn the_tree_stops_a_done_node_stays_done_and_its_descendants_stop() {
    // R11.
    let world = stopped(State::Done);
    assert_eq!(world.states(["n", "c"]), [State::Done, State::Stopping]);
}

#[test]
fn the_tree_stops_a_dead_node_is_down_and_cut_short() {
    // R11, L2, L3.
    let world = stopped(State::Dead);
    assert_eq!(world.laws.answers("n"), ["cut short", "down"]);
    assert_eq!(world.node("n").unwrap().down, Down::Stopped);
}

#[test]
fn the_tree_stops_a_canceled_node_is_down() {
    // R11, L2.
    let world = stopped(State::Canceled);
    assert_eq!(
        (world.state("n"), world.node("n").unwrap().down),
        (State::Down, Down::Stopped)
    );
    assert_eq!(world.laws.answers("s"), ["cut short", "down"]);
}

#[test]
fn the_tree_stops_a_down_node_stays() {
    // R11.
    let world = stopped(State::Down);
    assert_eq!(
        (world.state("n"), world.node("n").unwrap().down),
        (State::Down, Down::Finished)
    );
}

#[test]
fn a_stopped_tree_ends_when_everything_in_it_has() {
    // R11.
    let mut world = World::new();
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.stop();
    world.returns("root");
    assert!(world.laws.result.is_none());
    world.returns_leaving("a", 1);
    assert!(world.laws.result.is_none());
    world.owned_end("a");
    assert_eq!(world.laws.report().outcome, Outcome::Stopped);
    assert!(world.laws.has("root", "stopped"));
}

#[test]
fn stopping_again_changes_nothing_but_a_deadline_that_is_tighter() {
    // R11.
    let mut world = World::new();
    world.stop_within(secs(4));
    let length = world.laws.log.len();
    world.stop();
    world.stop_within(secs(9));
    assert_eq!(
        (world.laws.log.len(), world.core.next_deadline()),
        (length, Some(secs(4)))
    );
    world.stop_within(secs(2));
    assert_eq!(world.core.next_deadline(), Some(secs(2)));
    world.returns("root");
    world.stop_within(Duration::ZERO);
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn a_stop_ends_a_tree_that_waits() {
    // R11, L2. The root itself is in backoff.
    let mut world = World::with(Settings::default(), delayed(9));
    world.healthy("root");
    world.fails("root");
    assert_eq!(world.state("root"), State::Waiting);
    world.stop();
    assert_eq!(world.laws.report().outcome, Outcome::Stopped);
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn a_tree_is_finished_when_all_are_done_or_down() {
    // R11.
    let mut world = World::new();
    let members = vec![("a", plain()), ("b", temporary())];
    world.group_with("root", Strategy::OneForOne, members);
    world.finishes("root");
    world.finishes("a");
    assert!(
        world.laws.result.is_none(),
        "a done root with living children keeps running"
    );
    world.fails("b");
    assert_eq!(world.laws.report().outcome, Outcome::Finished);
}

#[test]
fn a_tree_is_not_finished_while_something_waits() {
    // R11.
    let mut world = World::new();
    world.child_with("root", "a", delayed(3));
    world.finishes("root");
    world.fails("a");
    assert!(world.laws.result.is_none());
    world.drive();
    world.finishes("a");
    assert_eq!(world.laws.report().outcome, Outcome::Finished);
}

#[test]
fn an_empty_pool_keeps_a_tree_running() {
    // R11, R13. It counts as living.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.finishes("root");
    assert!(world.laws.result.is_none());
    assert!(world.core.is_settled());
}

#[test]
fn a_root_that_fails_before_it_was_ever_healthy_ends_the_tree() {
    // R11. What it had declared stops first.
    let mut world = World::new();
    world.child("root", "a");
    world.fails("root");
    assert_eq!(world.states(["root", "a"]), [State::Down, State::Stopping]);
    world.returns("a");
    assert_eq!(
        world.laws.failure().to_string(),
        "root failed while starting"
    );
    assert_eq!(world.node("root").unwrap().down, Down::Failed);
}

#[test]
fn a_root_may_retry_its_start() {
    // R11.
    let settings = Settings {
        start: AtRoot::Retry,
        ..Settings::default()
    };
    let mut world = World::with(settings, delayed(2));
    world.fails("root");
    assert_eq!(
        (world.state("root"), world.due("root")),
        (State::Waiting, Some(secs(2)))
    );
}

#[test]
fn a_root_that_panics_or_returns_before_it_was_healthy_is_tried_again() {
    // R11. Only an error that it returns is a failed start.
    for exit in [
        Exit::Panicked(super::world::panic()),
        Exit::Returned,
        Exit::Aborted,
    ] {
        let mut world = World::new();
        world.exits(world.id("root"), exit, 0);
        assert_eq!(
            (world.state("root"), world.attempt("root")),
            (State::Starting, 2)
        );
    }
}

#[test]
fn what_a_root_returns_when_it_was_told_to_stop_is_no_failed_start() {
    // R5, R9, R11. Its error is how it obeys.
    let settings = Settings {
        escalations: AtRoot::Retry,
        ..Settings::default()
    };
    let mut world = World::with(settings, plain());
    world.child("root", "a");
    world.gives_up("a");
    world.fails("root");
    assert_eq!(
        (world.state("root"), world.attempt("root")),
        (State::Starting, 2)
    );
}

#[test]
fn a_root_that_was_healthy_once_is_started_again_with_backoff() {
    // R9, R11. Also if it fails in its next start.
    let mut world = World::with(Settings::default(), delayed(2));
    world.healthy("root");
    for _ in 0..3 {
        world.exits(world.id("root"), failure(), 0);
        assert_eq!(world.state("root"), State::Waiting);
        world.step();
    }
    assert_eq!(world.attempt("root"), 4);
}

#[test]
fn nothing_follows_the_end_and_nothing_is_due() {
    // R11, L8, L10. Late facts are ignored and counted.
    let mut world = World::new();
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.stop();
    world.returns("root");
    world.drive();
    assert_eq!(world.laws.report().leaked().count(), 1);
    let stale = world.core.stale();
    world.owned_panics("a");
    world.healthy("a");
    world.returns("a");
    assert!(
        world
            .declare(world.id("root"), &super::world::name("b"), plain())
            .is_none()
    );
    assert_eq!(
        (world.core.stale(), world.core.next_deadline()),
        (stale + 4, None)
    );
}

#[test]
fn the_end_clears_a_pass_that_was_due() {
    // R7, R11, L8.
    let settings = Settings {
        gc_interval: secs(5),
        ..Settings::default()
    };
    let mut world = World::with(settings, plain());
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.fails("a");
    world.stop();
    world.returns("root");
    assert!(world.core.has_ended());
    assert_eq!(world.core.next_deadline(), None);
}
