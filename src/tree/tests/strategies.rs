//! Who falls with whom, and in which order (R6, R10b).

use crate::tree::event::What;
use crate::tree::options::{GroupOptions, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::State;
use crate::tree::tests::restart_types::transient;
use crate::tree::tests::world::{World, plain};

impl World {
    /// Who was asked to stop, and who has started, in order.
    pub(super) fn trace(&self) -> Vec<String> {
        let events = self.laws.log.iter();
        let steps = events.filter_map(|event| match &event.what {
            What::Stopping { .. } => Some(format!("stop {}", event.path.name())),
            What::Starting { .. } => Some(format!("start {}", event.path.name())),
            _ => None,
        });
        steps.collect()
    }
}

/// A group of these, all healthy, with nothing in the log.
fn group_of<const N: usize>(options: impl Into<GroupOptions>, members: [&str; N]) -> World {
    let mut world = World::new();
    world.group("root", options, &members);
    world.healthy("root");
    world.all_healthy(members);
    world.laws.log.clear();
    world
}

#[test]
fn a_death_in_a_rest_for_one_group_takes_those_declared_later() {
    // R6.
    let cases = [
        ("a", [State::Dead, State::Stopping, State::Stopping]),
        ("b", [State::Healthy, State::Dead, State::Stopping]),
        ("c", [State::Healthy, State::Healthy, State::Starting]),
    ];
    for (dies, states) in cases {
        let mut world = group_of(Strategy::RestForOne, ["a", "b", "c"]);
        world.fails(dies);
        assert_eq!(world.states(["a", "b", "c"]), states, "{dies}");
    }
}

#[test]
fn a_rest_for_one_group_rises_from_who_died_on() {
    // R6, L5.
    let mut world = group_of(Strategy::RestForOne, ["a", "b", "c"]);
    let a = world.id("a");
    world.fails("b");
    world.returns("c");
    assert_eq!(world.trace(), ["stop c", "start b", "start c"]);
    assert_eq!(world.id("a"), a);
}

#[test]
fn an_order_to_restart_falls_by_strategy() {
    // R16, R6.
    let mut world = group_of(Strategy::RestForOne, ["a", "b", "c"]);
    world.ordered("b", OrderKind::Restart).unwrap();
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Healthy, State::Stopping, State::Stopping]
    );
    world.returns("b");
    world.returns("c");
    let rises = [State::Healthy, State::Starting, State::Starting];
    assert_eq!(world.states(["a", "b", "c"]), rises);
    assert_eq!(world.attempt("b"), 1, "uncounted");
}

#[test]
fn a_planned_restart_falls_by_strategy() {
    // R4, R6.
    let mut world = group_of(Strategy::RestForOne, ["a", "b", "c"]);
    world.restarts("b");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Healthy, State::Canceled, State::Stopping]
    );
}

#[test]
fn who_was_done_later_rises_and_who_was_terminated_does_not() {
    // R6, L2. Erlang starts both again.
    let mut world = World::new();
    let members = vec![
        ("a", plain()),
        ("b", plain()),
        ("c", transient()),
        ("d", plain()),
    ];
    world.group_with("root", Strategy::RestForOne, members);
    world.all_healthy(["root", "a", "b", "c", "d"]);
    world.returns("c");
    world.ordered("d", OrderKind::Terminate).unwrap();
    world.returns("d");
    world.fails("b");
    assert_eq!(
        world.states(["a", "b", "c", "d"]),
        [
            State::Healthy,
            State::Starting,
            State::Starting,
            State::Down
        ]
    );
}

#[test]
fn a_group_in_order_stops_backwards_and_starts_forwards() {
    // R10, R10b, L5.
    let in_order = GroupOptions::from(Strategy::RestForOne).in_order();
    let mut world = group_of(in_order, ["a", "b", "c", "d", "e"]);
    world.fails("c");
    assert_eq!(world.trace(), ["stop e"]);
    world.returns("e");
    world.returns("d");
    assert_eq!(world.trace(), ["stop e", "stop d", "start c"]);
    world.healthy("c");
    world.healthy("d");
    assert_eq!(
        world.trace(),
        ["stop e", "stop d", "start c", "start d", "start e"]
    );
}

#[test]
fn a_member_that_fails_to_rise_is_tried_again_with_all_of_a_one_for_all_group() {
    // R6, R10b. The start phase is over, so it is a death like any other.
    let in_order = GroupOptions::from(Strategy::OneForAll).in_order();
    let mut world = group_of(in_order, ["a", "b"]);
    world.fails("a");
    world.returns("b");
    world.healthy("a");
    world.fails("b");
    world.returns("a");
    assert_eq!(
        world.trace(),
        ["stop b", "start a", "start b", "stop a", "start a"]
    );
}

#[test]
fn a_member_that_fails_to_rise_is_tried_again_alone_in_a_rest_for_one_group() {
    // R6, R10b.
    let in_order = GroupOptions::from(Strategy::RestForOne).in_order();
    let mut world = group_of(in_order, ["a", "b"]);
    world.fails("a");
    world.returns("b");
    world.healthy("a");
    world.fails("b");
    assert_eq!(world.trace(), ["stop b", "start a", "start b", "start b"]);
    assert_eq!(world.state("a"), State::Healthy);
}
