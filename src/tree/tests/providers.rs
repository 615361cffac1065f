//! Nodes that others use, and that are asked to stop after them (R10).

use crate::tree::options::{Grace, Options, Stops, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::{State, Told};
use crate::tree::tests::world::{World, plain, secs};

fn provider() -> Options {
    Options {
        stops: Stops::AfterUsers,
        ..plain()
    }
}

/// `p` with an earlier sibling, a provider that has a child, and a later sibling, all healthy.
fn world() -> World {
    let mut world = World::new();
    world.child("root", "p");
    world.child("p", "before");
    world.child_with("p", "provider", provider());
    world.child("p", "user");
    world.child("provider", "below");
    world.all_healthy(["root", "p", "before", "provider", "user", "below"]);
    world
}

#[test]
fn it_is_asked_when_its_later_siblings_and_its_parents_code_are_gone() {
    // R10.
    let mut world = world();
    world.stop();
    assert_eq!(world.states(["before", "user"]), [State::Stopping; 2]);
    assert_eq!(world.state("provider"), State::Healthy);
    world.returns("user");
    assert_eq!(world.state("provider"), State::Healthy);
    world.returns("p");
    assert_eq!(world.state("provider"), State::Stopping);
}

#[test]
fn the_parents_code_first_and_then_the_users() {
    // R10. The order in which they go does not matter.
    let mut world = world();
    world.stop();
    world.returns("p");
    assert_eq!(world.state("provider"), State::Healthy);
    world.returns("user");
    assert_eq!(world.state("provider"), State::Stopping);
}

#[test]
fn an_earlier_sibling_is_no_user() {
    // R10.
    let mut world = world();
    world.stop();
    world.returns("user");
    world.returns("p");
    assert_eq!(world.states(["before", "provider"]), [State::Stopping; 2]);
}

#[test]
fn what_the_parents_code_owns_does_not_hold_it() {
    // R10. Its code has returned; the hold may be what uses the provider's memory, not its service.
    let mut world = world();
    world.stop();
    world.returns("user");
    world.returns_leaving("p", 1);
    assert_eq!(world.state("provider"), State::Stopping);
}

#[test]
fn an_aborted_parent_does_not_hold_it() {
    // R10.
    let mut world = world();
    world.stop();
    world.returns("user");
    world.passes(secs(5));
    assert!(world.laws.has("p", "aborted"));
    assert_eq!(world.state("provider"), State::Stopping);
}

#[test]
fn what_is_below_it_is_asked_with_it_and_not_before() {
    // R10.
    let mut world = world();
    world.stop();
    world.returns("user");
    assert_eq!(world.states(["provider", "below"]), [State::Healthy; 2]);
    world.returns("p");
    assert_eq!(world.states(["provider", "below"]), [State::Stopping; 2]);
}

#[test]
fn a_user_is_gone_when_all_below_it_is() {
    // R10.
    let mut world = World::new();
    world.child_with("root", "provider", provider());
    world.child("root", "user");
    world.child("user", "below");
    world.all_healthy(["root", "provider", "user", "below"]);
    world.fails("root");
    world.returns("user");
    assert_eq!(world.state("provider"), State::Healthy);
    world.returns("below");
    assert_eq!(world.state("provider"), State::Stopping);
}

#[test]
fn a_dead_parent_does_not_hold_it() {
    // R10. Its code has returned.
    let mut world = world();
    world.fails("p");
    assert_eq!(world.state("provider"), State::Healthy);
    world.returns("user");
    assert_eq!(world.state("provider"), State::Stopping);
}

#[test]
fn several_providers_go_from_the_last_to_the_first() {
    // R10. Each is a user of those before it.
    let mut world = World::new();
    for name in ["one", "two", "three"] {
        world.child_with("root", name, provider());
    }
    world.all_healthy(["root", "one", "two", "three"]);
    world.fails("root");
    for (goes, states) in [
        ("three", [State::Healthy, State::Stopping]),
        ("two", [State::Stopping, State::Canceled]),
    ] {
        world.returns(goes);
        assert_eq!(world.states(["one", "two"]), states);
    }
}

#[test]
fn in_a_fall_of_its_group_it_waits_for_the_later_members_of_that_fall() {
    // R10. Its parent stays, and so does a later sibling that does not fall.
    let mut world = World::new();
    let members = vec![("provider", provider()), ("user", plain()), ("b", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.child("root", "stranger");
    world.all_healthy(["root", "provider", "user", "b", "stranger"]);
    world.fails("b");
    assert_eq!(
        world.states(["provider", "user", "stranger"]),
        [State::Healthy, State::Stopping, State::Healthy]
    );
    assert_eq!(world.node("provider").unwrap().told(), Some(Told::Group));
    world.returns("user");
    assert_eq!(world.state("provider"), State::Stopping);
}

#[test]
fn a_user_that_runs_on_does_not_hold_a_provider_that_stops_alone() {
    // R10. Of its own, nobody else is taken.
    let orders = [OrderKind::Restart, OrderKind::Terminate, OrderKind::Remove];
    for order in orders {
        let mut world = world();
        world.ordered("provider", order).unwrap();
        assert_eq!(
            world.states(["provider", "user"]),
            [State::Stopping, State::Healthy]
        );
    }
}

#[test]
fn a_user_that_leaks_is_gone() {
    // R10.
    let mut world = world();
    world.fails("p");
    world.passes(secs(5));
    world.passes(secs(5));
    assert!(world.laws.has("user", "leaked"));
    assert_eq!(world.state("provider"), State::Stopping);
}

#[test]
fn at_the_deadline_it_is_asked_and_aborted_with_all_others() {
    // R10, L9.
    let mut world = world();
    world.stop_within(secs(2));
    world.passes(secs(2));
    assert_eq!(
        world.states(["provider", "below", "p"]),
        [State::Stopping; 3]
    );
    assert!(world.laws.has("provider", "aborted"));
    assert!(world.laws.has("below", "aborted"));
}

#[test]
fn a_deadline_of_zero_knows_no_order() {
    // R10, R11.
    let mut world = world();
    world.stop_within(secs(0));
    assert_eq!(
        world.states(["provider", "user", "p"]),
        [State::Stopping; 3]
    );
}

#[test]
fn a_provider_that_returns_while_it_is_held_is_canceled() {
    // R5, R10. Nothing in it is started again.
    let mut world = world();
    world.fails("p");
    world.fails("provider");
    assert_eq!(
        world.states(["provider", "below"]),
        [State::Canceled, State::Stopping]
    );
    world.returns("below");
    world.returns("before");
    world.returns("user");
    assert_eq!(world.state("p"), State::Starting);
}

#[test]
fn two_stops_in_a_row_ask_it_once() {
    // R10, R11. A fall holds it, and then the tree stops.
    let mut world = world();
    world.fails("p");
    world.stop();
    world.returns("user");
    assert_eq!(world.state("provider"), State::Stopping);
    world.all_return();
    assert!(world.laws.result.is_some());
}

#[test]
fn an_endless_user_holds_it_for_as_long() {
    // R10, L9.
    let mut world = World::new();
    world.child_with("root", "provider", provider());
    let endless = Options {
        grace: Grace::Infinite,
        ..plain()
    };
    world.child_with("root", "user", endless);
    world.all_healthy(["root", "provider", "user"]);
    world.fails("root");
    world.passes(secs(1_000_000));
    assert_eq!(world.state("provider"), State::Healthy);
}
