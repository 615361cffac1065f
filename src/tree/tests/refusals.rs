//! Orders that are refused, and why (R16); `orders` has the table of states.

use crate::tree::action::Place;
use crate::tree::options::{OnSpent, Options, Strategy};
use crate::tree::orders::{OrderKind, Refusal};
use crate::tree::state::State;
use crate::tree::tests::histories::obeys;
use crate::tree::tests::shape::ORDERS;
use crate::tree::tests::signals::{STATES, world_with};
use crate::tree::tests::world::{World, plain, secs};

#[test]
fn what_is_to_be_removed_takes_no_order_to_start() {
    // R16. It is stopping, and will be gone.
    let mut world = world_with(State::Down);
    world.ordered("n", OrderKind::Remove).unwrap();
    for order in [OrderKind::Start, OrderKind::Restart] {
        assert_eq!(world.ordered("n", order), Err(Refusal::Stopping));
    }
}

#[test]
fn the_root_takes_no_orders() {
    // R16.
    let mut world = world_with(State::Healthy);
    for order in ORDERS {
        assert_eq!(world.ordered("root", order), Err(Refusal::Root));
    }
}

#[test]
fn a_place_that_is_gone_takes_no_orders() {
    // R16, L10. Not even when its slot is somebody else's.
    let mut world = World::new();
    let place = world.child("root", "a");
    world.healthy("root");
    world.fails("root");
    world.returns("a");
    for again in [false, true] {
        if again {
            assert_eq!(world.child("root", "a").slot(), place.slot());
        }
        for order in ORDERS {
            assert_eq!(world.order(place, order), Err(Refusal::Gone));
        }
    }
    let nowhere = Place { slot: 99, born: 1 };
    assert_eq!(world.order(nowhere, OrderKind::Start), Err(Refusal::Gone));
}

#[test]
fn a_tree_that_stops_or_has_ended_takes_no_orders() {
    // R16, L2.
    for state in STATES {
        let mut world = world_with(state);
        world.stop();
        for order in ORDERS {
            assert_eq!(
                world.ordered("n", order),
                Err(Refusal::TreeStops),
                "{state}"
            );
        }
        let place = world.core.place(world.id("n").slot);
        obeys(&mut world);
        let answer = world.order(place, OrderKind::Terminate);
        assert!(matches!(answer, Err(Refusal::TreeStops | Refusal::Gone)));
    }
}

#[test]
fn a_child_of_what_falls_takes_no_order_to_start() {
    // R16. Whoever takes it answers for it.
    for state in STATES {
        let mut world = world_with(state);
        world.fails("p");
        if world.node("n").is_none() {
            continue;
        }
        for order in [OrderKind::Start, OrderKind::Restart] {
            assert_eq!(world.ordered("n", order), Err(Refusal::Stopping), "{state}");
        }
        obeys(&mut world);
    }
}

#[test]
fn what_has_leaked_starts_only_when_the_leak_has_ended() {
    // R16, R10, L1. Itself, or something below it.
    for leaks in ["a", "below"] {
        let mut world = World::new();
        world.child("root", "a");
        world.child("a", "below");
        world.all_healthy(["root", "a", "below"]);
        world.ordered("a", OrderKind::Terminate).unwrap();
        let other = if leaks == "a" { "below" } else { "a" };
        world.returns(other);
        world.passes(secs(5));
        world.passes(secs(5));
        for order in [OrderKind::Start, OrderKind::Restart] {
            let answer = world.ordered("a", order);
            let leaked = world.node(leaks).unwrap().path.clone();
            assert_eq!(answer, Err(Refusal::Leaked(leaked)), "{leaks}");
        }
        world.returns(leaks);
        world.ordered("a", OrderKind::Start).unwrap();
        assert_eq!(world.state("a"), State::Starting);
    }
}

#[test]
fn a_member_does_not_start_beside_what_fell_with_it_and_leaked() {
    // R16, R7. The fall stays down.
    let mut world = World::new();
    let a = Options {
        on_spent: OnSpent::StayDown,
        ..plain()
    };
    world.group_with("root", Strategy::OneForAll, vec![("a", a), ("b", plain())]);
    world.all_healthy(["root", "a", "b"]);
    world.fails("a");
    world.passes(secs(5));
    world.passes(secs(5));
    let leaked = world.node("b").unwrap().path.clone();
    assert_eq!(
        world.ordered("a", OrderKind::Start),
        Err(Refusal::Leaked(leaked))
    );
    world.returns("b");
    world.ordered("a", OrderKind::Start).unwrap();
    assert_eq!(world.state("a"), State::Starting);
}
