//! Falls that a larger fall takes before they have risen (R6).

use crate::tree::options::{GroupOptions, Options, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::State;
use crate::tree::tests::world::{World, delayed, plain, secs};

/// A rest-for-one group in which `b` died, `c` was stopped, and both wait for five seconds, the
/// first of which has passed. `slow` stands below `a`.
fn waiting(a: Options) -> World {
    let mut world = falling(a);
    world.returns("c");
    world.passes(secs(1));
    assert_eq!(world.states(["b", "c"]), [State::Waiting; 2]);
    world
}

/// The same, before `c` has returned.
fn falling(a: Options) -> World {
    let mut world = World::new();
    let members = vec![("a", a), ("b", delayed(5)), ("c", delayed(7))];
    world.group_with("root", Strategy::RestForOne, members);
    world.child("a", "slow");
    world.all_healthy(["root", "a", "b", "c", "slow"]);
    world.fails("b");
    world
}

#[test]
fn who_waits_joins_the_fall_and_shows_canceled_until_it_is_ready() {
    // R6.
    let mut world = waiting(plain());
    world.fails("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Dead, State::Canceled, State::Canceled]
    );
    world.returns("slow");
    assert_eq!(world.states(["a", "b", "c"]), [State::Waiting; 3]);
}

#[test]
fn the_fall_is_due_at_the_latest_of_its_draw_and_the_dues_that_joined() {
    // R6. The others were due at 5 s, and it is 1 s.
    for (delay, due) in [(0, 4), (2, 4), (4, 4), (9, 9)] {
        let mut world = waiting(delayed(delay));
        world.fails("a");
        world.returns("slow");
        for member in ["a", "b", "c"] {
            assert_eq!(world.due(member), Some(secs(due)), "{member}, {delay}");
        }
    }
}

#[test]
fn who_joins_keeps_its_attempt_and_its_answer() {
    // R6, L3.
    let mut world = waiting(plain());
    world.fails("a");
    world.returns("slow");
    let attempts = ["a", "b", "c"].map(|member| world.attempt(member));
    assert_eq!(attempts, [2, 2, 1]);
    world.drive();
    assert_eq!(world.states(["a", "b", "c"]), [State::Starting; 3]);
    assert_eq!(world.laws.answers("b"), ["started again"]);
}

#[test]
fn a_fall_that_is_not_over_joins_with_its_own_draw() {
    // R6, R8. The longest draw is that of `b`.
    let mut world = falling(delayed(1));
    world.fails("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Dead, State::Dead, State::Stopping]
    );
    world.returns("slow");
    world.returns("c");
    assert_eq!(world.due("a"), Some(secs(5)));
    world.drive();
    assert_eq!(world.laws.answers("a"), ["started again"]);
    assert_eq!(world.laws.answers("b"), ["started again"]);
}

#[test]
fn joining_is_no_death() {
    // R6, R9. Nothing is charged and no attempt is counted.
    let mut world = waiting(plain());
    world.fails("a");
    let fallen = |member: &str| {
        let events = world.laws.of(member);
        events
            .iter()
            .filter(|text| text.starts_with("fell"))
            .count()
    };
    assert_eq!(["a", "b", "c"].map(fallen), [1, 1, 0]);
}

#[test]
fn a_planned_restart_takes_who_waits_and_keeps_their_due() {
    // R6, R4.
    let mut world = waiting(plain());
    world.restarts("a");
    world.returns("slow");
    assert_eq!(world.due("b"), Some(secs(4)));
    assert_eq!(world.due("a"), Some(secs(4)));
}

#[test]
fn an_order_to_restart_takes_who_waits_along_and_keeps_their_due() {
    // R6, R16.
    let mut world = waiting(plain());
    world.ordered("a", OrderKind::Restart).unwrap();
    world.returns("a");
    world.returns("slow");
    assert_eq!(world.due("a"), Some(secs(4)));
}

#[test]
fn an_earlier_member_of_a_rest_for_one_group_does_not_join() {
    // R6. Only what was declared later falls along.
    let mut world = waiting(delayed(3));
    world.fails("a");
    world.returns("slow");
    world.drive();
    world.all_healthy(["a", "b", "c"]);
    world.fails("a");
    world.returns("b");
    world.returns("c");
    world.passes(secs(1));
    assert_eq!(world.due("a"), Some(secs(2)));
}

#[test]
fn who_waits_in_the_queue_of_its_group_joins() {
    // R6, R10b.
    let mut world = World::new();
    let in_order = GroupOptions::from(Strategy::OneForAll).in_order();
    world.group("root", in_order, &["a", "b", "c"]);
    world.all_healthy(["root", "a", "b", "c"]);
    world.fails("a");
    world.returns("c");
    world.returns("b");
    world.healthy("a");
    assert_eq!(world.states(["b", "c"]), [State::Starting, State::Waiting]);
    world.fails("b");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Stopping, State::Dead, State::Canceled]
    );
    world.returns("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Starting, State::Waiting, State::Waiting]
    );
}

#[test]
fn in_a_one_for_one_group_nobody_joins() {
    // R6.
    let mut world = World::new();
    let members = vec![("a", delayed(2)), ("b", delayed(5))];
    world.group_with("root", Strategy::OneForOne, members);
    world.all_healthy(["root", "a", "b"]);
    world.fails("b");
    world.fails("a");
    assert_eq!(
        (world.due("a"), world.due("b")),
        (Some(secs(2)), Some(secs(5)))
    );
}
