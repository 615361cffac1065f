//! Groups that start and stop in order (R10, R10b); their start phase is in `start_phase`.

use crate::tree::options::{GroupOptions, Options, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::{State, Told, Wait};
use crate::tree::tests::world::{World, delayed, plain, pool, secs, temporary};

pub(super) fn in_order(strategy: Strategy) -> GroupOptions {
    GroupOptions::from(strategy).in_order()
}

/// `p` below the root, and `a`, `b` and `c` in order below that; nobody has said anything but the
/// root and `p`.
pub(super) fn starting(strategy: Strategy) -> World {
    let mut world = World::new();
    world.child("root", "p");
    world.group("p", in_order(strategy), &["a", "b", "c"]);
    world.all_healthy(["root", "p"]);
    world
}

pub(super) fn up(strategy: Strategy) -> World {
    let mut world = starting(strategy);
    world.all_healthy(["a", "b", "c"]);
    world.laws.log.clear();
    world
}

fn wait_of(world: &World, name: &str) -> Option<Wait> {
    let node = world.node(name).unwrap();
    (node.state == State::Waiting).then_some(node.wait)
}

#[test]
fn each_member_starts_when_the_one_before_it_is_healthy() {
    // R10b.
    let mut world = starting(Strategy::OneForOne);
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Starting, State::Waiting, State::Waiting]
    );
    assert_eq!(wait_of(&world, "b"), Some(Wait::InOrder));
    world.healthy("a");
    assert_eq!(world.states(["b", "c"]), [State::Starting, State::Waiting]);
    world.healthy("b");
    assert_eq!(world.state("c"), State::Starting);
}

#[test]
fn a_member_that_is_done_lets_the_next_one_start() {
    // R10b.
    let mut world = starting(Strategy::OneForOne);
    world.finishes("a");
    assert_eq!(world.states(["a", "b"]), [State::Done, State::Starting]);
}

#[test]
fn a_member_that_is_down_is_passed_by() {
    // R10b.
    let mut world = starting(Strategy::OneForOne);
    world.ordered("b", OrderKind::Terminate).unwrap();
    assert_eq!(world.states(["b", "c"]), [State::Down, State::Waiting]);
    world.healthy("a");
    assert_eq!(world.state("c"), State::Starting);
}

#[test]
fn a_member_that_goes_down_lets_the_next_one_start() {
    // R10b.
    let mut world = starting(Strategy::OneForOne);
    world.ordered("a", OrderKind::Terminate).unwrap();
    assert_eq!(world.states(["a", "b"]), [State::Stopping, State::Waiting]);
    world.returns("a");
    assert_eq!(world.states(["a", "b"]), [State::Down, State::Starting]);
}

#[test]
fn pools_and_code_that_does_not_signal_wait_for_nobody_to_say_so() {
    // R10b, R13. They are healthy at once.
    let mut world = World::new();
    let members = vec![("jobs", pool()), ("a", plain())];
    world.group_with("root", in_order(Strategy::OneForOne), members);
    assert_eq!(
        world.states(["jobs", "a"]),
        [State::Healthy, State::Starting]
    );
}

#[test]
fn they_rise_in_order_after_one_backoff() {
    // R10b, L5.
    let mut world = World::new();
    let members = ["a", "b", "c"].map(|name| (name, delayed(3)));
    world.group_with("root", in_order(Strategy::OneForAll), members.to_vec());
    world.all_healthy(["root", "a", "b", "c"]);
    world.fails("b");
    world.returns("c");
    world.returns("a");
    assert_eq!(
        ["a", "b", "c"].map(|name| world.due(name)),
        [Some(secs(3)); 3]
    );
    world.drive();
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Starting, State::Waiting, State::Waiting]
    );
    assert_eq!(wait_of(&world, "c"), Some(Wait::InOrder));
    world.all_healthy(["a", "b", "c"]);
    assert!(world.core.is_settled());
}

#[test]
fn a_member_that_rises_alone_waits_for_nobody() {
    // L5, R10b.
    let mut world = up(Strategy::OneForOne);
    world.fails("a");
    world.fails("b");
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
}

#[test]
fn the_first_of_a_fall_waits_for_nobody_before_it() {
    // L5, R10b. `a` died alone before, and has not become healthy again.
    let mut world = up(Strategy::RestForOne);
    world.fails("c");
    world.fails("b");
    world.returns("c");
    assert_eq!(world.states(["b", "c"]), [State::Starting, State::Waiting]);
}

#[test]
fn who_waits_in_the_queue_stays_there_when_one_before_it_dies_again() {
    // R10b.
    let mut world = up(Strategy::OneForAll);
    world.fails("c");
    world.returns("b");
    world.returns("a");
    world.fails("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Starting, State::Waiting, State::Waiting]
    );
    world.all_healthy(["a", "b", "c"]);
}

#[test]
fn each_is_asked_when_the_one_after_it_is_gone() {
    // R10.
    let mut world = up(Strategy::OneForAll);
    world.stop();
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Healthy, State::Healthy, State::Stopping]
    );
    world.returns("c");
    assert_eq!(world.states(["a", "b"]), [State::Healthy, State::Stopping]);
    world.returns("b");
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn gone_is_what_it_owned_and_what_stands_below_it_too() {
    // R10.
    let mut world = World::new();
    world.group("root", in_order(Strategy::OneForAll), &["a", "b"]);
    world.all_healthy(["root", "a"]);
    world.child("b", "below");
    world.all_healthy(["b", "below"]);
    world.fails("root");
    world.returns_leaving("b", 1);
    assert_eq!(world.state("a"), State::Healthy);
    world.owned_end("b");
    assert_eq!(world.state("a"), State::Healthy);
    world.returns("below");
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn a_leak_is_gone() {
    // R10.
    let mut world = up(Strategy::OneForAll);
    world.fails("p");
    world.passes(secs(5));
    world.passes(secs(5));
    assert!(world.laws.has("c", "leaked"));
    assert_eq!(world.state("b"), State::Stopping);
}

#[test]
fn the_grace_of_each_starts_when_it_is_asked() {
    // R10.
    let mut world = up(Strategy::OneForAll);
    world.stop();
    world.passes(secs(4));
    world.returns("c");
    world.passes(secs(4));
    assert!(!world.laws.has("b", "aborted"));
    world.passes(secs(1));
    assert!(world.laws.has("b", "aborted"));
}

#[test]
fn a_fall_of_the_group_stops_its_members_in_reverse() {
    // R10, R6. Who fell for itself is not waited for twice.
    let mut world = up(Strategy::OneForAll);
    world.fails("b");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Healthy, State::Dead, State::Stopping]
    );
    assert_eq!(world.node("a").unwrap().told(), Some(Told::Group));
    world.returns("c");
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn at_the_deadline_order_ends() {
    // R10, L9.
    let mut world = up(Strategy::OneForAll);
    world.stop_within(secs(3));
    world.passes(secs(3));
    assert_eq!(world.states(["a", "b", "c"]), [State::Stopping; 3]);
    for member in ["a", "b", "c"] {
        assert!(world.laws.has(member, "aborted"), "{member}");
    }
}

#[test]
fn a_tighter_deadline_ends_the_order_sooner() {
    // R10, R11.
    let mut world = up(Strategy::OneForAll);
    world.stop_within(secs(4));
    world.stop_within(secs(1));
    world.passes(secs(1));
    assert_eq!(world.states(["a", "b", "c"]), [State::Stopping; 3]);
}

#[test]
fn a_stop_from_above_waits_for_a_member_that_an_owned_task_failed_before() {
    // R10. `b` was asked alone, while `c` served on.
    let mut world = up(Strategy::OneForAll);
    world.owned_panics("b");
    world.returns("b");
    world.fails("p");
    assert_eq!(world.states(["a", "c"]), [State::Healthy, State::Stopping]);
    world.returns("c");
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn a_temporary_member_is_one_of_the_order() {
    // R10, R10b.
    let mut world = World::new();
    let members = vec![("a", plain()), ("t", temporary()), ("c", plain())];
    world.group_with("root", in_order(Strategy::OneForAll), members);
    world.all_healthy(["root", "a", "t", "c"]);
    world.fails("a");
    assert_eq!(world.states(["t", "c"]), [State::Healthy, State::Stopping]);
    world.returns("c");
    assert_eq!(world.state("t"), State::Stopping);
    world.returns("t");
    world.healthy("a");
    assert_eq!(world.states(["t", "c"]), [State::Down, State::Starting]);
}

#[test]
fn a_slow_member_without_an_end_holds_those_before_it_as_long() {
    // R10, L9. The snapshot says whom the stop waits for.
    let mut world = World::new();
    let patient = Options {
        grace: crate::tree::options::Grace::Infinite,
        ..plain()
    };
    let members = vec![("a", plain()), ("b", patient)];
    world.group_with("root", in_order(Strategy::OneForOne), members);
    world.all_healthy(["root", "a", "b"]);
    world.fails("root");
    world.passes(secs(1000));
    assert_eq!(world.states(["a", "b"]), [State::Healthy, State::Stopping]);
    let shown = world.core.snapshot(world.now).to_string();
    assert!(
        shown.contains("told by parent: root; not asked yet"),
        "{shown}"
    );
}
