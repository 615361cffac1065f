//! A group that starts in order, until all of it was up once: a start that fails (R10b).

use crate::tree::options::{OnSpent, Options, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::{Down, State};
use crate::tree::tests::in_order::{in_order, starting, up};
use crate::tree::tests::world::{World, delayed, plain, temporary};

const STRATEGIES: [Strategy; 3] = [
    Strategy::OneForOne,
    Strategy::OneForAll,
    Strategy::RestForOne,
];

/// `a` is up, and `b` has just failed to start.
fn failed(strategy: Strategy) -> World {
    let mut world = starting(strategy);
    world.healthy("a");
    world.fails("b");
    world
}

fn reasons(world: &World) -> [Option<Down>; 3] {
    ["a", "b", "c"].map(|name| world.node(name).unwrap().down_reason())
}

#[test]
fn a_start_that_fails_is_not_retried_whatever_the_strategy() {
    // R10b.
    for strategy in STRATEGIES {
        let world = failed(strategy);
        assert_eq!(
            world.states(["a", "b", "c"]),
            [State::Stopping, State::Down, State::Canceled],
            "{strategy:?}"
        );
        assert_eq!(world.state("p"), State::Healthy, "{strategy:?}");
    }
}

#[test]
fn when_all_are_gone_they_are_down_and_it_escalates() {
    // R10b, R9. The one that failed first gives the evidence.
    let mut world = failed(Strategy::OneForOne);
    world.returns("a");
    assert_eq!(reasons(&world), [Some(Down::StartFailed); 3]);
    assert!(world.laws.has("b", "escalated to root.p"));
    assert_eq!(world.state("p"), State::Stopping);
    world.together(|world| world.returns("p"));
    let p = world.node("p").unwrap();
    assert_eq!(
        p.evidence.as_ref().unwrap().chain(),
        "root.p.b escalated to root.p: root.p.b failed while starting: out of luck"
    );
    assert_eq!(world.laws.answers("b"), ["down"]);
}

#[test]
fn those_that_are_up_are_stopped_in_reverse() {
    // R10b, R10.
    let mut world = starting(Strategy::OneForOne);
    world.all_healthy(["a", "b"]);
    world.fails("c");
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Healthy, State::Stopping, State::Down]
    );
    world.returns("b");
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn each_way_not_to_start_fails_the_start() {
    // R10b, R5.
    let ends: [fn(&mut World); 6] = [
        |world| world.returns("a"),
        |world| world.panics("a"),
        |world| world.vanishes("a"),
        |world| world.gives_up("a"),
        |world| {
            world.owned_panics("a");
            world.returns("a");
        },
        |world| world.fails_leaving("a", 1),
    ];
    for end in ends {
        let mut world = starting(Strategy::OneForOne);
        end(&mut world);
        let events = world.laws.of("a");
        let spent = events
            .iter()
            .filter(|text| text.starts_with("budget spent"));
        assert_eq!((world.state("a"), spent.count()), (State::Down, 1));
        assert_ne!(world.state("b"), State::Starting);
    }
}

#[test]
fn a_temporary_member_that_ends_before_it_was_healthy_fails_the_start() {
    // R10b.
    for end in [World::returns, World::fails] {
        let mut world = World::new();
        world.child("root", "p");
        let members = vec![("a", temporary()), ("b", plain())];
        world.group_with("p", in_order(Strategy::OneForOne), members);
        world.all_healthy(["root", "p"]);
        end(&mut world, "a");
        assert_eq!(world.states(["a", "p"]), [State::Down, State::Stopping]);
    }
}

#[test]
fn an_order_is_no_failed_start() {
    // R10b, R16.
    let mut world = starting(Strategy::OneForOne);
    world.ordered("a", OrderKind::Terminate).unwrap();
    world.fails("a");
    assert_eq!(
        world.states(["p", "a", "b"])[..2],
        [State::Healthy, State::Down]
    );
    assert_eq!(world.state("b"), State::Starting);
    world.ordered("b", OrderKind::Restart).unwrap();
    world.fails("b");
    assert_eq!(world.states(["p", "b"]), [State::Healthy, State::Starting]);
}

#[test]
fn a_planned_restart_is_no_failed_start() {
    // R10b, R4.
    let mut world = starting(Strategy::OneForOne);
    world.restarts("a");
    assert_eq!(
        world.states(["p", "a", "b"]),
        [State::Healthy, State::Starting, State::Waiting]
    );
}

#[test]
fn who_was_healthy_dies_as_anybody_else_while_others_start() {
    // R10b. Only an exit in Starting fails the start.
    let mut world = starting(Strategy::OneForOne);
    world.healthy("a");
    world.fails("a");
    assert_eq!(
        world.states(["p", "a", "b"]),
        [State::Healthy, State::Starting, State::Starting]
    );
}

#[test]
fn a_member_that_was_up_and_rises_while_others_start_may_fail_the_start() {
    // R10b. Its new incarnation has not been healthy, and not all of the group were.
    let mut world = starting(Strategy::OneForOne);
    world.healthy("a");
    world.fails("a");
    world.fails("a");
    assert_eq!(
        world.node("a").unwrap().down_reason(),
        Some(Down::StartFailed)
    );
    assert_eq!(world.state("b"), State::Stopping);
}

#[test]
fn after_the_start_phase_it_is_a_death_like_any_other() {
    // R10b.
    for strategy in STRATEGIES {
        let mut world = up(strategy);
        world.fails("a");
        for member in ["c", "b"] {
            if world.state(member) == State::Stopping {
                world.returns(member);
            }
        }
        world.fails("a");
        assert_eq!(
            world.states(["p", "a"]),
            [State::Healthy, State::Starting],
            "{strategy:?}"
        );
    }
}

#[test]
fn a_member_that_was_never_up_and_is_down_does_not_prolong_the_phase() {
    // R10b. "All that are not Down".
    let mut world = starting(Strategy::OneForOne);
    world.ordered("c", OrderKind::Terminate).unwrap();
    world.all_healthy(["a", "b"]);
    world.fails("a");
    world.fails("a");
    assert_eq!(world.states(["p", "a"]), [State::Healthy, State::Starting]);
}

#[test]
fn it_escalates_whatever_was_chosen_for_a_spent_budget() {
    // R10b.
    for on_spent in [OnSpent::StayDown, OnSpent::StopTree] {
        let mut world = World::new();
        world.child("root", "p");
        let a = Options {
            on_spent,
            ..delayed(1)
        };
        let members = vec![("a", a), ("b", plain())];
        world.group_with("p", in_order(Strategy::OneForOne), members);
        world.all_healthy(["root", "p"]);
        world.fails("a");
        assert!(world.laws.has("a", "escalated to root.p"), "{on_spent:?}");
        assert_eq!(
            world.states(["root", "p"]),
            [State::Healthy, State::Stopping]
        );
    }
}

#[test]
fn a_second_failure_while_the_first_is_answered_changes_nothing() {
    // R10b, L3.
    let mut world = starting(Strategy::OneForOne);
    world.all_healthy(["a", "b"]);
    world.owned_panics("a");
    world.fails("c");
    world.returns("a");
    world.returns("b");
    assert_eq!(reasons(&world), [Some(Down::StartFailed); 3]);
    assert_eq!(world.laws.answers("a"), ["down"]);
}

#[test]
fn the_group_starts_anew_with_its_parent() {
    // R10b, R9. The new incarnation declares it anew, so its start phase begins anew.
    let mut world = failed(Strategy::OneForAll);
    world.returns("a");
    world.returns("p");
    world.group("p", in_order(Strategy::OneForAll), &["a", "b", "c"]);
    assert_eq!(
        world.states(["a", "b", "c"]),
        [State::Starting, State::Waiting, State::Waiting]
    );
    assert_eq!((world.attempt("a"), world.attempt("b")), (1, 2));
}
