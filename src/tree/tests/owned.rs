//! What an incarnation owns, after it has returned and before (R14).

use crate::tree::evidence::Cause;
use crate::tree::options::{Grace, Options, Strategy};
use crate::tree::state::{Rung, State};
use crate::tree::tests::world::{World, delayed, plain, secs};

/// `a` and `b`, one for all, under a healthy root; healthy.
fn world() -> World {
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    world.laws.log.clear();
    world
}

#[test]
fn what_falls_falls_at_the_return_and_ends_with_what_it_owned() {
    // R5, R14, L1.
    let mut world = world();
    world.fails_leaving("a", 2);
    assert_eq!(world.states(["a", "b"]), [State::Dead, State::Stopping]);
    world.returns("b");
    assert_eq!(world.states(["a", "b"]), [State::Dead, State::Canceled]);
    world.owned_end("a");
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
}

#[test]
fn a_returned_node_with_owned_tasks_left_says_so() {
    // R2, R14.
    let mut world = world();
    world.fails_leaving("a", 2);
    let snapshot = world.core.snapshot(world.now);
    assert_eq!(snapshot.find("root.a").unwrap().ending, 2);
    assert!(snapshot.to_string().contains("a #2 dead, ending: 2 owned"));
}

#[test]
fn what_is_owned_is_asked_when_the_owner_returns() {
    // R14.
    let mut world = world();
    world.done("a");
    world.returns_leaving("a", 1);
    let id = world.id("a");
    assert!(world.laws.living[&id.incarnation()].is_asked);
    assert_eq!(world.node("a").unwrap().rung, Rung::Asked);
}

#[test]
fn the_grace_of_what_is_owned_runs_from_the_return() {
    // R10, R14.
    let mut world = world();
    world.passes(secs(100));
    world.done("a");
    world.returns_leaving("a", 1);
    assert_eq!(world.core.next_deadline(), Some(secs(105)));
}

#[test]
fn what_is_owned_shares_the_grace_of_an_owner_that_was_asked() {
    // R10, R14.
    let mut world = world();
    world.fails("b");
    world.passes(secs(3));
    world.returns_leaving("a", 1);
    assert_eq!(world.core.next_deadline(), Some(secs(5)));
    world.step();
    assert_eq!(world.node("a").unwrap().rung, Rung::Aborted);
}

#[test]
fn an_infinite_grace_covers_what_is_owned() {
    // R10, R14.
    let mut world = World::new();
    let patient = Options {
        grace: Grace::Infinite,
        ..plain()
    };
    world.child_with("root", "a", patient);
    world.fails_leaving("a", 1);
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn an_owned_panic_fails_a_running_owner() {
    // R14, R5. It is told to stop, and dead however it returns.
    let mut world = world();
    world.owned_panics("a");
    assert_eq!(world.states(["a", "b"]), [State::Stopping, State::Healthy]);
    world.returns("a");
    assert_eq!(world.states(["a", "b"]), [State::Dead, State::Stopping]);
    let evidence = world.node("a").unwrap().evidence.clone().unwrap();
    assert!(matches!(evidence.cause, Some(Cause::Owned(_))));
    assert_eq!(
        evidence.chain(),
        "a task owned by root.a panicked with index out of bounds"
    );
}

#[test]
fn an_owned_panic_of_a_done_intent_is_a_death_all_the_same() {
    // R5, R14. The first row comes first.
    let mut world = world();
    world.done("a");
    world.owned_panics("a");
    world.returns("a");
    assert_eq!(world.state("a"), State::Dead);
}

#[test]
fn an_owned_panic_in_a_fall_of_the_group_is_a_death() {
    // R5, R14. Only a stop by the parent or the tree is stronger.
    let mut world = world();
    world.fails("b");
    world.owned_panics("a");
    world.returns("a");
    assert_eq!((world.attempt("a"), world.attempt("b")), (2, 2));
    assert_eq!(world.laws.answers("a"), ["started again"]);
}

#[test]
fn an_owned_panic_in_the_fall_of_the_parent_or_the_stop_of_the_tree_is_no_death() {
    // R5, R14.
    let mut world = world();
    world.fails("root");
    world.owned_panics("a");
    world.returns("a");
    assert_eq!(world.state("a"), State::Canceled);

    let mut world = self::world();
    world.owned_panics("a");
    world.stop();
    world.returns("a");
    assert_eq!(world.state("a"), State::Canceled);
}

#[test]
fn an_owned_panic_after_the_exit_was_read_is_only_evidence() {
    // R5, R14.
    let mut world = world();
    world.done("a");
    world.returns_leaving("a", 1);
    world.owned_panics("a");
    assert_eq!(world.states(["a", "b"]), [State::Done, State::Healthy]);
    let events = world.laws.of("a");
    assert_eq!(
        events.last().unwrap(),
        "a task owned by root.a panicked with index out of bounds"
    );
    world.owned_end("a");
    assert!(world.core.is_settled());
}

#[test]
fn two_owned_panics_are_one_death_with_the_first_cause() {
    // R14, L3.
    let mut world = world();
    world.owned_panics("a");
    world.owned_panics("a");
    world.returns("a");
    world.returns("b");
    assert_eq!(world.attempt("a"), 2);
    assert_eq!(world.laws.answers("a"), ["started again"]);
}

#[test]
fn what_is_owned_counts_below_an_ancestor_that_falls() {
    // L1, R14.
    let mut world = World::new();
    world.child("root", "p");
    world.child("p", "c");
    world.all_healthy(["root", "p", "c"]);
    world.done("c");
    world.returns_leaving("c", 1);
    world.fails("p");
    assert_eq!(world.states(["p", "c"]), [State::Dead, State::Done]);
    world.owned_end("c");
    assert_eq!(world.state("p"), State::Starting);
}

#[test]
fn a_backoff_begins_when_what_was_owned_has_ended() {
    // R7, R8, R14.
    let mut world = World::new();
    world.child_with("root", "a", delayed(3));
    world.fails_leaving("a", 1);
    world.passes(secs(2));
    world.owned_end("a");
    assert_eq!(
        (world.state("a"), world.due("a")),
        (State::Waiting, Some(secs(3)))
    );
}
