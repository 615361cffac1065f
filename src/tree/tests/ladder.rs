//! Ask, grace, abort (R10). What leaks is in `leaks`.

use std::time::Duration;

use crate::tree::options::{Grace, Options, Strategy};
use crate::tree::state::{Rung, State};
use crate::tree::tests::world::{World, plain, secs};

/// A node `a` with this grace under a healthy root.
fn with(grace: Grace) -> World {
    let mut world = World::new();
    let options = Options { grace, ..plain() };
    world.child_with("root", "a", options);
    world.all_healthy(["root", "a"]);
    world
}

fn rung(world: &World, node: &str) -> Rung {
    world.node(node).unwrap().rung
}

#[test]
fn a_node_is_asked_and_aborted_when_its_grace_is_over() {
    // R10. The default is five seconds.
    let mut world = with(Grace::default());
    world.stop();
    assert_eq!(
        (rung(&world, "a"), world.core.next_deadline()),
        (Rung::Asked, Some(secs(5)))
    );
    world.step();
    assert_eq!(
        (rung(&world, "a"), world.state("a")),
        (Rung::Aborted, State::Stopping)
    );
}

#[test]
fn a_grace_of_zero_aborts_at_once_but_asks_first() {
    // R10.
    let mut world = with(Grace::For(Duration::ZERO));
    world.fails("root");
    assert_eq!(rung(&world, "a"), Rung::Aborted);
    let id = world.id("a");
    assert!(world.laws.living[&id.incarnation()].is_asked);
}

#[test]
fn an_infinite_grace_has_no_deadline() {
    // R10, L9.
    let mut world = with(Grace::Infinite);
    world.fails("root");
    assert_eq!(
        (rung(&world, "a"), world.core.next_deadline()),
        (Rung::Asked, None)
    );
    world.passes(secs(100_000));
    assert_eq!(rung(&world, "a"), Rung::Asked);
}

#[test]
fn the_deadline_of_the_tree_ends_an_infinite_grace() {
    // R10, R11, L9.
    let mut world = with(Grace::Infinite);
    world.stop_within(secs(2));
    world.returns("root");
    assert_eq!(world.core.next_deadline(), Some(secs(2)));
    world.step();
    assert_eq!(rung(&world, "a"), Rung::Aborted);
}

#[test]
fn the_deadline_of_the_tree_shortens_a_grace_and_never_lengthens_it() {
    // R10, R11.
    for (within, due) in [(1, 1), (9, 5)] {
        let mut world = with(Grace::default());
        world.stop_within(secs(within));
        world.returns("root");
        assert_eq!(world.core.next_deadline(), Some(secs(due)));
    }
}

#[test]
fn the_deadline_counts_for_who_was_asked_before_the_stop() {
    // R10, R11.
    let mut world = with(Grace::For(secs(60)));
    world.fails("root");
    world.passes(secs(10));
    world.stop_within(secs(3));
    assert_eq!(world.core.next_deadline(), Some(secs(13)));
}

#[test]
fn the_deadline_counts_for_what_a_returned_node_still_owns() {
    // R10, R11, R14.
    let mut world = with(Grace::Infinite);
    world.done("a");
    world.returns_leaving("a", 1);
    assert_eq!(world.core.next_deadline(), None);
    world.stop_within(secs(3));
    world.returns("root");
    world.step();
    assert_eq!((world.now, rung(&world, "a")), (secs(3), Rung::Aborted));
}

#[test]
fn a_second_stop_with_a_deadline_of_zero_aborts_everybody_at_once() {
    // R11, R10. The second SIGTERM.
    let mut world = with(Grace::Infinite);
    world.stop();
    world.stop_within(Duration::ZERO);
    assert_eq!(
        (rung(&world, "root"), rung(&world, "a")),
        (Rung::Aborted, Rung::Aborted)
    );
}

#[test]
fn a_second_reason_to_stop_asks_nobody_again_and_gives_no_new_grace() {
    // R10.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    world.fails("b");
    world.passes(secs(3));
    world.fails("root");
    world.stop();
    assert_eq!(world.core.next_deadline(), Some(secs(5)));
    world.step();
    assert_eq!(rung(&world, "a"), Rung::Aborted);
}

#[test]
fn the_grace_of_a_node_does_not_cover_its_children() {
    // R10. Each is asked for itself, at once, and has its own.
    let mut world = World::new();
    let patient = Options {
        grace: Grace::For(secs(9)),
        ..plain()
    };
    world.child("root", "p");
    world.child_with("p", "c", patient);
    world.all_healthy(["root", "p", "c"]);
    world.fails("root");
    world.passes(secs(5));
    assert_eq!(
        (rung(&world, "p"), rung(&world, "c")),
        (Rung::Aborted, Rung::Asked)
    );
    world.passes(secs(4));
    assert_eq!(rung(&world, "c"), Rung::Aborted);
}

#[test]
fn who_ends_after_its_abort_has_ended_and_rises() {
    // R10, R5. An abort on the way is no death of its own.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    world.fails("b");
    world.passes(secs(5));
    assert_eq!(rung(&world, "a"), Rung::Aborted);
    world.vanishes("a");
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
    assert_eq!((world.attempt("a"), world.attempt("b")), (1, 2));
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn all_who_are_told_are_asked_together() {
    // R10. The order of stopping that is built.
    let mut world = World::new();
    world.child("root", "p");
    world.group("p", Strategy::OneForOne, &["a", "b"]);
    world.all_healthy(["root", "p", "a", "b"]);
    world.stop();
    for node in ["root", "p", "a", "b"] {
        assert_eq!(
            (world.state(node), rung(&world, node)),
            (State::Stopping, Rung::Asked)
        );
    }
}
