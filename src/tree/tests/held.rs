//! Nodes that were told to stop and wait for their turn: they go on serving (R5, R10).

use crate::tree::options::{Options, Restart, Stops, Strategy};
use crate::tree::orders::{OrderKind, Refusal};
use crate::tree::signal::Signal;
use crate::tree::state::{Down, State, Told};
use crate::tree::tests::in_order::in_order;
use crate::tree::tests::world::{World, plain, pool, secs, temporary};

/// `n` is held: its parent has failed, and `user`, which stands after it, has not returned.
fn held(n: Options) -> World {
    let mut world = ready(n);
    world.fails("p");
    assert!(world.node("n").unwrap().is_held);
    world
}

fn ready(n: Options) -> World {
    let mut world = World::new();
    world.child("root", "p");
    let n = Options {
        stops: Stops::AfterUsers,
        ..n
    };
    world.child_with("p", "n", n);
    world.child("p", "user");
    world.all_healthy(["root", "p", "user"]);
    world
}

#[test]
fn it_is_told_and_not_asked() {
    // R5, R10.
    let mut world = ready(plain());
    world.healthy("n");
    world.fails("p");
    assert_eq!(world.state("n"), State::Healthy);
    assert_eq!(world.node("n").unwrap().told(), Some(Told::Parent));
    assert!(!world.laws.living[&world.id("n").incarnation()].is_asked);
    assert!(!world.core.is_settled());
}

#[test]
fn its_signals_are_heard() {
    // R5, R4.
    let mut world = held(plain());
    assert_eq!(world.state("n"), State::Starting);
    world.healthy("n");
    assert_eq!(world.state("n"), State::Healthy);
    world.done("n");
    assert_eq!(world.state("n"), State::Finishing);
    world.returns("user");
    world.says(world.id("n"), Signal::Healthy);
    assert!(world.laws.has("n", "signal healthy ignored"));
}

#[test]
fn its_children_start_and_are_asked_with_it() {
    // R5.
    let mut world = held(plain());
    world.child("n", "c");
    assert_eq!(world.state("c"), State::Starting);
    world.healthy("c");
    assert_eq!(world.node("c").unwrap().told(), Some(Told::Parent));
    world.returns("user");
    assert_eq!(world.states(["n", "c"]), [State::Stopping; 2]);
}

#[test]
fn a_child_that_is_declared_in_the_batch_that_ends_its_turn_does_not_start() {
    // R5, R3.
    let mut world = held(plain());
    world.together(|world| {
        world.child("n", "c");
        world.returns("user");
    });
    assert_eq!(world.states(["n", "c"]), [State::Stopping, State::Canceled]);
}

#[test]
fn a_child_that_was_declared_just_before_starts_and_is_asked_with_it() {
    // R5, R10. As one that is declared just after: what a held node has given out is not lost.
    for stops_all in [false, true] {
        let mut world = ready(pool());
        world.together(|world| {
            world.child_with("n", "job", temporary());
            if stops_all {
                world.stop();
            } else {
                world.fails("p");
            }
        });
        assert_eq!(world.state("job"), State::Starting);
        assert!(!world.laws.living[&world.id("job").incarnation()].is_asked);
        world.all_return();
        assert!(!stops_all || world.laws.result.is_some());
    }
}

#[test]
fn a_child_that_was_to_start_again_does_not() {
    // L2. A pending restart dies with what is told to stop, whether that is asked or not.
    let mut world = ready(plain());
    world.child("n", "job");
    world.together(|world| {
        world.fails("job");
        world.fails("p");
    });
    assert_ne!(world.state("job"), State::Starting);
}

#[test]
fn a_pool_takes_children_while_it_is_held() {
    // R5, R13.
    let mut world = held(pool());
    world.child_with("n", "job", temporary());
    world.healthy("job");
    assert_eq!(world.states(["n", "job"]), [State::Healthy; 2]);
    world.returns("user");
    assert_eq!(
        world.states(["n", "job"]),
        [State::Canceled, State::Stopping]
    );
}

#[test]
fn what_ends_below_it_is_not_started_again() {
    // R5, L2.
    let mut world = held(plain());
    world.child("n", "c");
    world.healthy("c");
    world.fails("c");
    world.passes(secs(1));
    assert_eq!(world.state("c"), State::Canceled);
    assert_eq!(
        world.laws.answers("c"),
        [""; 0],
        "it was told, so it is no death"
    );
}

#[test]
fn it_is_read_as_told_however_it_returns() {
    // R5. Also when it says what it wants.
    let ends: [fn(&mut World); 4] = [
        |world| world.fails("n"),
        |world| world.gives_up("n"),
        |world| world.restarts("n"),
        |world| world.finishes("n"),
    ];
    for end in ends {
        let mut world = held(plain());
        end(&mut world);
        assert_eq!(world.state("n"), State::Canceled);
        assert!(!world.node("n").unwrap().is_held);
    }
}

#[test]
fn a_temporary_one_is_down_when_it_returns() {
    // R5.
    let temporary = Options {
        restart: Restart::Temporary,
        ..plain()
    };
    let mut world = held(temporary);
    world.returns("n");
    assert_eq!(
        world.node("n").unwrap().down_reason(),
        Some(Down::Temporary)
    );
}

#[test]
fn what_is_below_one_that_returns_by_itself_is_asked_then() {
    // R10.
    let mut world = held(plain());
    world.child("n", "c");
    world.healthy("c");
    world.returns("n");
    assert_eq!(world.states(["n", "c"]), [State::Canceled, State::Stopping]);
}

#[test]
fn an_owned_panic_does_not_let_it_jump_the_queue() {
    // R14, R10. Its parent falls, so it is canceled all the same.
    let mut world = held(plain());
    world.healthy("n");
    world.owned_panics("n");
    assert_eq!(world.state("n"), State::Healthy);
    world.returns("user");
    world.returns("n");
    assert_eq!(world.state("p"), State::Starting);
}

#[test]
fn an_owned_panic_in_the_queue_of_a_group_is_a_death_of_its_own() {
    // R14, R6, R5.
    let mut world = World::new();
    world.group("root", in_order(Strategy::OneForAll), &["a", "b", "c"]);
    world.all_healthy(["root", "a", "b", "c"]);
    world.fails("b");
    world.owned_panics("a");
    assert_eq!(world.state("a"), State::Healthy, "held");
    world.returns("c");
    world.returns("a");
    assert_eq!((world.attempt("a"), world.attempt("b")), (2, 2));
}

#[test]
fn orders_to_start_or_restart_are_refused() {
    // R16. It was told to stop.
    for order in [OrderKind::Start, OrderKind::Restart] {
        let mut world = held(plain());
        assert_eq!(world.ordered("n", order), Err(Refusal::Stopping));
    }
}

#[test]
fn an_order_to_terminate_does_not_wait_for_the_turn() {
    // R10, R16.
    for order in [OrderKind::Terminate, OrderKind::Remove] {
        let mut world = held(plain());
        world.child("n", "c");
        world.ordered("n", order).unwrap();
        assert_eq!(world.states(["n", "c"]), [State::Stopping; 2], "{order}");
    }
}

#[test]
fn a_done_node_holds_what_is_below_it() {
    // R10. Its descendants are asked with it, and its turn has not come.
    let mut world = ready(plain());
    world.child("n", "c");
    world.healthy("c");
    world.finishes("n");
    world.fails("p");
    assert_eq!(world.states(["n", "c"]), [State::Done, State::Healthy]);
    world.returns("user");
    assert_eq!(world.states(["n", "c"]), [State::Done, State::Stopping]);
}

#[test]
fn a_done_member_that_is_held_and_terminated_lets_go_of_what_is_below_it() {
    // R10, R16.
    let mut world = World::new();
    world.group("root", in_order(Strategy::OneForAll), &["a", "b"]);
    world.healthy("root");
    world.child("a", "below");
    world.healthy("below");
    world.finishes("a");
    world.healthy("b");
    world.fails_leaving("b", 1);
    assert_eq!(
        world.states(["a", "below"]),
        [State::Canceled, State::Healthy]
    );
    world.ordered("a", OrderKind::Terminate).unwrap();
    assert_eq!(world.states(["a", "below"]), [State::Down, State::Stopping]);
}

#[test]
fn a_down_member_that_is_held_and_started_lets_go_of_what_is_below_it() {
    // R10, R16. It starts when all that fell with it has ended, what is below it first of all.
    let mut world = World::new();
    let members = vec![("a", plain()), ("b", temporary()), ("c", plain())];
    world.group_with("root", in_order(Strategy::OneForAll), members);
    world.healthy("root");
    world.healthy("a");
    world.child("b", "below");
    world.healthy("below");
    world.finishes("b");
    world.healthy("c");
    world.fails("a");
    assert_eq!(world.states(["b", "below"]), [State::Down, State::Healthy]);
    world.ordered("b", OrderKind::Start).unwrap();
    assert_eq!(world.state("below"), State::Stopping);
    world.returns("below");
    world.returns("c");
    assert_eq!(world.state("b"), State::Starting);
}

#[test]
fn a_leak_of_it_is_not_possible_before_it_was_asked() {
    // R10. Its ladder begins when its turn has come.
    let mut world = held(plain());
    world.passes(secs(4));
    world.returns("user");
    world.passes(secs(5));
    assert!(world.laws.has("n", "aborted"));
    world.passes(secs(5));
    assert!(world.laws.has("n", "leaked"));
}
