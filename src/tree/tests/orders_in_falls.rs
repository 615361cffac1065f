//! Orders on members of falls that are not over (R16, R6).

use crate::tree::options::{OnSpent, Options, Stops, Strategy};
use crate::tree::orders::{OrderKind, Refusal};
use crate::tree::state::{Down, State, Wait};
use crate::tree::tests::world::{World, delayed, plain, secs};

/// A one-for-all group of `a`, `b` and `c`, which waits five seconds; `a` has failed.
fn falling() -> World {
    let mut world = World::new();
    let members = vec![("a", delayed(5)), ("b", plain()), ("c", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a", "b", "c"]);
    world.fails("a");
    world
}

fn waiting() -> World {
    let mut world = falling();
    world.returns("b");
    world.returns("c");
    assert_eq!(world.states(["a", "b", "c"]), [State::Waiting; 3]);
    world
}

const GO: [OrderKind; 2] = [OrderKind::Terminate, OrderKind::Remove];

fn is_up(world: &World, name: &str) -> bool {
    world
        .node(name)
        .is_some_and(|node| node.state == State::Starting)
}

#[test]
fn a_member_that_is_told_to_go_leaves_the_fall_and_the_rest_rises() {
    // R16, R6, L2. Whichever it is, its top too.
    for order in GO {
        for goes in ["a", "b", "c"] {
            let mut world = falling();
            world.ordered(goes, order).unwrap();
            world.returns("b");
            world.returns("c");
            world.drive();
            for member in ["a", "b", "c"] {
                assert_eq!(
                    is_up(&world, member),
                    member != goes,
                    "{order} {goes}: {member}"
                );
            }
        }
    }
}

#[test]
fn the_others_wait_for_the_end_of_who_was_told_to_go() {
    // R6, L5.
    for order in GO {
        let mut world = falling();
        world.ordered("b", order).unwrap();
        world.returns("c");
        world.passes(secs(4));
        assert_eq!(world.states(["a", "c"]), [State::Dead, State::Canceled]);
        world.returns("b");
        assert_eq!(world.states(["a", "c"]), [State::Waiting; 2]);
    }
}

#[test]
fn a_member_that_leaves_a_waiting_fall_changes_nothing_for_the_others() {
    // R16.
    for order in GO {
        for goes in ["a", "b"] {
            let mut world = waiting();
            world.passes(secs(2));
            world.ordered(goes, order).unwrap();
            assert_eq!(world.due("c"), Some(secs(3)), "{order} {goes}");
            world.drive();
            assert!(is_up(&world, "c") && !is_up(&world, goes));
        }
    }
}

#[test]
fn a_fall_that_everybody_left_is_over() {
    // R16, L8.
    for order in GO {
        let mut world = waiting();
        for goes in ["b", "a", "c"] {
            world.ordered(goes, order).unwrap();
        }
        assert_eq!(world.core.next_deadline(), None);
        assert!(world.core.is_settled());
        assert!(world.core.falls.is_empty());
    }
}

#[test]
fn a_death_that_is_told_to_go_is_answered() {
    // L3, R16.
    for order in GO {
        for mut world in [falling(), waiting()] {
            world.ordered("a", order).unwrap();
            assert_eq!(world.laws.answers("a"), ["down"]);
        }
    }
}

#[test]
fn a_terminated_member_that_is_ordered_to_start_waits_for_all_that_fell_with_it() {
    // R16, R7, L5. And then it does not wait for the delay of the others.
    let mut world = falling();
    world.ordered("a", OrderKind::Terminate).unwrap();
    world.ordered("a", OrderKind::Start).unwrap();
    let a = world.node("a").unwrap();
    assert_eq!((a.state, a.wait), (State::Waiting, Wait::Ending));
    world.returns("b");
    assert_eq!(world.state("a"), State::Waiting);
    world.returns("c");
    assert_eq!(world.state("a"), State::Starting);
}

#[test]
fn a_terminated_member_of_a_waiting_fall_starts_at_once() {
    // R16, R7. All that fell with it has ended.
    let mut world = waiting();
    world.ordered("b", OrderKind::Terminate).unwrap();
    world.ordered("b", OrderKind::Start).unwrap();
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Waiting, State::Starting, State::Waiting]
    );
}

#[test]
fn an_order_to_start_makes_the_fall_rise_without_a_delay_after_the_barrier() {
    // R16, L5.
    for order in [OrderKind::Start, OrderKind::Restart] {
        let mut world = falling();
        world.returns("b");
        for member in ["a", "b"] {
            world.ordered(member, order).unwrap();
            assert_eq!(world.states(["a", "b"]), [State::Dead, State::Canceled]);
        }
        world.returns("c");
        assert_eq!(world.states(["a", "b", "c"]), [State::Starting; 3]);
    }
}

#[test]
fn a_member_that_still_stops_takes_no_order_to_start() {
    // R16.
    for order in [OrderKind::Start, OrderKind::Restart] {
        let mut world = falling();
        assert_eq!(world.ordered("b", order), Err(Refusal::Stopping));
    }
}

#[test]
fn an_order_does_not_hurry_a_larger_fall_that_takes_the_first() {
    // R16, R6. The order was for the fall of `b` and `c`; that of `a` has its own delay.
    let mut world = World::new();
    let members = vec![("a", delayed(3)), ("b", delayed(9)), ("c", plain())];
    world.group_with("root", Strategy::RestForOne, members);
    world.all_healthy(["root", "a", "b", "c"]);
    world.fails("b");
    world.ordered("b", OrderKind::Start).unwrap();
    world.fails("a");
    world.returns("c");
    assert_eq!(world.states(["a", "b", "c"]), [State::Waiting; 3]);
}

#[test]
fn a_fall_that_stays_down_takes_no_order_to_start() {
    // R16, R9. It is stopping, and will be down.
    let mut world = World::new();
    let a = Options {
        on_spent: OnSpent::StayDown,
        ..plain()
    };
    let members = vec![("a", a), ("b", plain()), ("c", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a", "b", "c"]);
    world.gives_up("a");
    world.returns("b");
    for order in [OrderKind::Start, OrderKind::Restart] {
        assert_eq!(world.ordered("b", order), Err(Refusal::Stopping));
    }
    world.returns("c");
    world.ordered("b", OrderKind::Start).unwrap();
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Down, State::Starting, State::Down]
    );
}

#[test]
fn a_top_that_stays_down_waits_for_the_others_when_it_is_ordered_to_start() {
    // R16, R7, R9.
    let mut world = World::new();
    let a = Options {
        on_spent: OnSpent::StayDown,
        ..plain()
    };
    world.group_with("root", Strategy::OneForAll, vec![("a", a), ("b", plain())]);
    world.all_healthy(["root", "a", "b"]);
    world.gives_up("a");
    let answer = world.ordered("a", OrderKind::Start);
    assert_ne!(world.state("a"), State::Starting, "{answer:?}");
    world.returns("b");
    if answer.is_err() {
        world.ordered("a", OrderKind::Start).unwrap();
    }
    assert_eq!(world.states(["a", "b"]), [State::Starting, State::Down]);
}

#[test]
fn the_fall_of_the_parent_comes_before_an_order() {
    // R16, R5, L2. What was to start is canceled.
    let mut world = World::new();
    world.child("root", "p");
    world.child("p", "n");
    world.child("n", "c");
    world.all_healthy(["root", "p", "c"]);
    world.finishes("n");
    world.ordered("n", OrderKind::Start).unwrap();
    assert_eq!(world.state("n"), State::Waiting);
    world.fails("p");
    assert_eq!(world.state("n"), State::Canceled);
    world.returns("c");
    assert!(world.node("n").is_none());
}

#[test]
fn a_leak_of_a_fall_whose_top_was_told_to_go_is_answered_by_another() {
    // R10, R16.
    for order in GO {
        let mut world = falling();
        world.ordered("a", order).unwrap();
        world.returns("b");
        world.passes(secs(5));
        world.passes(secs(5));
        assert!(world.laws.has("c", "leaked"), "{order}");
        assert!(!world.laws.has("a", "down: leaked"), "{order}");
        assert_eq!(world.node("b").unwrap().down_reason(), Some(Down::Leaked));
    }
}

#[test]
fn a_member_does_not_start_beside_a_leak_that_nobody_answers_for() {
    // R7, R16, L5. All members of the fall were told to go.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    world.ordered("a", OrderKind::Restart).unwrap();
    world.ordered("a", OrderKind::Terminate).unwrap();
    world.ordered("b", OrderKind::Terminate).unwrap();
    world.returns("a");
    world.passes(secs(5));
    world.passes(secs(5));
    assert!(world.laws.has("b", "leaked"));
    let leaked = world.node("b").unwrap().path.clone();
    assert_eq!(
        world.ordered("a", OrderKind::Start),
        Err(Refusal::Leaked(leaked))
    );
}

#[test]
fn a_held_provider_waits_for_a_member_that_joins_its_fall_later() {
    // R10, R6. It was down when the provider began to wait, and was started and restarted since.
    let mut world = World::new();
    let source = Options {
        stops: Stops::AfterUsers,
        ..plain()
    };
    let members = vec![("source", source), ("late", plain()), ("user", plain())];
    world.group_with("root", Strategy::RestForOne, members);
    world.all_healthy(["root", "source", "late", "user"]);
    world.ordered("late", OrderKind::Terminate).unwrap();
    world.returns("late");
    world.ordered("source", OrderKind::Restart).unwrap();
    world.ordered("late", OrderKind::Start).unwrap();
    world.ordered("late", OrderKind::Restart).unwrap();
    world.returns("user");
    assert_eq!(world.state("late"), State::Stopping);
    assert!(world.node("source").unwrap().is_held);
    world.returns("late");
    assert!(!world.node("source").unwrap().is_held);
}
