//! Orders on members of groups that start and stop in order (R16, R10b).

use crate::tree::options::Strategy;
use crate::tree::orders::{OrderKind, Refusal};
use crate::tree::state::{Down, State};
use crate::tree::tests::in_order::{in_order, starting, up};
use crate::tree::tests::world::{World, delayed, secs};

#[test]
fn nobody_leaves_the_queue_of_its_group_by_an_order() {
    // R16, R10b.
    for order in [OrderKind::Start, OrderKind::Restart] {
        let mut world = starting(Strategy::OneForOne);
        world.ordered("b", order).unwrap();
        assert_eq!(world.states(["a", "b"]), [State::Starting, State::Waiting]);
        world.healthy("a");
        assert_eq!(world.state("b"), State::Starting);
    }
}

#[test]
fn an_order_on_a_waiting_group_starts_its_first_member_at_once() {
    // R16, R10b.
    let mut world = World::new();
    let members = ["a", "b"].map(|name| (name, delayed(5)));
    world.group_with("root", in_order(Strategy::OneForAll), members.to_vec());
    world.all_healthy(["root", "a", "b"]);
    world.fails("b");
    world.returns("a");
    world.ordered("b", OrderKind::Start).unwrap();
    assert_eq!(world.states(["a", "b"]), [State::Starting, State::Waiting]);
    world.healthy("a");
    assert_eq!(world.state("b"), State::Starting);
}

#[test]
fn a_member_that_was_started_alone_does_not_stall_the_queue() {
    // R10b, R16. It is up before the first of its group rises.
    let mut world = World::new();
    let members = ["a", "b", "c"].map(|name| (name, delayed(5)));
    world.group_with("root", in_order(Strategy::OneForAll), members.to_vec());
    world.all_healthy(["root", "a", "b", "c"]);
    world.fails("c");
    world.returns("b");
    world.returns("a");
    world.ordered("b", OrderKind::Terminate).unwrap();
    world.ordered("b", OrderKind::Start).unwrap();
    world.healthy("b");
    world.passes(secs(5));
    world.healthy("a");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Healthy, State::Healthy, State::Starting]
    );
}

#[test]
fn a_failed_start_is_not_undone_by_an_order() {
    // R16, R10b.
    let mut world = starting(Strategy::OneForOne);
    world.healthy("a");
    world.fails("b");
    for order in [OrderKind::Start, OrderKind::Restart] {
        assert_eq!(world.ordered("c", order), Err(Refusal::Stopping));
    }
    world.ordered("c", OrderKind::Terminate).unwrap();
    world.returns("a");
    assert_eq!(
        world.node("c").unwrap().down_reason(),
        Some(Down::Terminated)
    );
    assert_eq!(world.state("p"), State::Stopping);
}

#[test]
fn an_order_to_restart_stops_a_group_in_order_in_reverse() {
    // R16, R10.
    let mut world = up(Strategy::OneForAll);
    world.ordered("b", OrderKind::Restart).unwrap();
    assert_eq!(world.trace(), ["stop c"]);
    world.returns("c");
    world.returns("b");
    world.returns("a");
    assert_eq!(world.trace(), ["stop c", "stop b", "stop a", "start a"]);
}
