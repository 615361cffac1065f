//! Children whose own end stops their parent (R10c).

use crate::tree::options::{Options, Restart, Significant, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::report::Outcome;
use crate::tree::state::{Down, State, Told};
use crate::tree::tests::world::{World, plain, secs};

/// Something that happens in a world.
type Deed = fn(&mut World);

fn significant(kind: Significant, restart: Restart) -> Options {
    Options {
        significant: Some(kind),
        restart,
        ..plain()
    }
}

/// `p` below the root, and below it `a` and `b`, which are significant, and `c`, which is not.
fn world_of(kind: Significant, restart: Restart) -> World {
    let mut world = World::new();
    world.child("root", "p");
    let a = significant(kind, restart);
    let members = vec![("a", a.clone()), ("b", a), ("c", plain())];
    world.group_with("p", Strategy::OneForOne, members);
    world.all_healthy(["root", "p", "a", "b", "c"]);
    world
}

#[test]
fn the_first_end_of_any_stops_the_parent() {
    // R10c.
    let mut world = world_of(Significant::Any, Restart::Transient);
    world.returns("a");
    assert_eq!(
        world.states(["p", "a", "b", "c"]),
        [
            State::Stopping,
            State::Done,
            State::Stopping,
            State::Stopping
        ]
    );
    assert!(
        world
            .laws
            .has("p", "stopping, told by significant children (root.p.a)")
    );
}

#[test]
fn only_the_last_end_of_all_stops_the_parent() {
    // R10c.
    let mut world = world_of(Significant::All, Restart::Transient);
    world.returns("a");
    assert_eq!(world.state("p"), State::Healthy);
    world.returns("b");
    assert_eq!(world.states(["p", "c"]), [State::Stopping; 2]);
}

#[test]
fn each_end_of_its_own_counts() {
    // R10c. A temporary child that fails is not started again either.
    let ends: [(Restart, Deed); 6] = [
        (Restart::Permanent, |world| world.finishes("a")),
        (Restart::Transient, |world| world.finishes("a")),
        (Restart::Transient, |world| world.returns("a")),
        (Restart::Temporary, |world| world.returns("a")),
        (Restart::Temporary, |world| world.fails("a")),
        (Restart::Temporary, |world| world.panics("a")),
    ];
    for (restart, end) in ends {
        let mut world = world_of(Significant::Any, restart);
        end(&mut world);
        assert_eq!(world.state("p"), State::Stopping, "{restart:?}");
    }
}

#[test]
fn a_death_a_restart_and_an_order_are_no_end() {
    // R10c.
    let others: [(Restart, Deed); 6] = [
        (Restart::Transient, |world| world.fails("a")),
        (Restart::Permanent, |world| world.returns("a")),
        (Restart::Transient, |world| world.restarts("a")),
        (Restart::Transient, |world| {
            order(world, OrderKind::Terminate)
        }),
        (Restart::Transient, |world| order(world, OrderKind::Remove)),
        (Restart::Temporary, |world| order(world, OrderKind::Restart)),
    ];
    for (restart, other) in others {
        let mut world = world_of(Significant::Any, restart);
        other(&mut world);
        assert_eq!(world.state("p"), State::Healthy, "{restart:?}");
    }
}

fn order(world: &mut World, order: OrderKind) {
    world.ordered("a", order).unwrap();
    world.returns("a");
}

#[test]
fn the_end_of_another_child_is_nothing() {
    // R10c.
    for kind in [Significant::Any, Significant::All] {
        let mut world = world_of(kind, Restart::Transient);
        world.finishes("c");
        assert_eq!(world.state("p"), State::Healthy);
    }
}

#[test]
fn one_that_is_down_for_another_reason_does_not_hold_up_all() {
    // R10c. Terminating the one is no end; the end of the other finds it down.
    let mut world = world_of(Significant::All, Restart::Transient);
    order(&mut world, OrderKind::Terminate);
    assert_eq!(world.state("p"), State::Healthy);
    world.returns("b");
    assert_eq!(world.state("p"), State::Stopping);
}

#[test]
fn an_end_before_another_was_terminated_stops_nobody() {
    // R10c. It is looked at when one ends by itself.
    let mut world = world_of(Significant::All, Restart::Transient);
    world.returns("b");
    order(&mut world, OrderKind::Terminate);
    assert_eq!(world.state("p"), State::Healthy);
}

#[test]
fn the_parent_is_done_however_it_returns() {
    // R10c, R5.
    for ends in [World::returns, World::fails, World::panics, World::vanishes] {
        let mut world = world_of(Significant::Any, Restart::Transient);
        world.returns("a");
        ends(&mut world, "p");
        assert_eq!(world.state("p"), State::Done);
        assert_eq!(world.states(["b", "c"]), [State::Stopping; 2]);
    }
}

#[test]
fn what_was_below_a_parent_that_has_ended_so_is_discarded() {
    // R10c.
    let mut world = world_of(Significant::Any, Restart::Transient);
    world.returns("a");
    for name in ["p", "b", "c"] {
        world.returns(name);
    }
    assert_eq!(world.core.nodes.len(), 2);
    assert_eq!(world.state("p"), State::Done);
    assert!(world.core.is_settled());
}

#[test]
fn a_done_parent_stops_what_is_below_it() {
    // R10c.
    let mut world = world_of(Significant::Any, Restart::Transient);
    world.finishes("p");
    world.returns("a");
    assert_eq!(
        world.states(["p", "b", "c"]),
        [State::Done, State::Stopping, State::Stopping]
    );
}

#[test]
fn an_end_may_be_significant_in_turn() {
    // R10c.
    let mut world = World::new();
    world.child_with(
        "root",
        "p",
        significant(Significant::Any, Restart::Permanent),
    );
    world.child_with("p", "a", significant(Significant::Any, Restart::Transient));
    world.all_healthy(["root", "p", "a"]);
    world.returns("a");
    world.returns("p");
    assert_eq!(world.states(["p", "root"]), [State::Done, State::Stopping]);
    world.returns("root");
    assert_eq!(world.laws.report().outcome, Outcome::Finished);
}

#[test]
fn a_bystander_of_a_fall_is_no_end() {
    // R10c. It is Down (temporary), and lost for good.
    for kind in [Significant::Any, Significant::All] {
        let mut world = World::new();
        world.child("root", "p");
        let members = vec![("a", significant(kind, Restart::Temporary)), ("c", plain())];
        world.group_with("p", Strategy::OneForAll, members);
        world.all_healthy(["root", "p", "a", "c"]);
        world.fails("c");
        world.returns("a");
        assert_eq!(
            world.node("a").unwrap().down_reason(),
            Some(Down::Temporary)
        );
        assert_eq!(world.state("p"), State::Healthy);
    }
}

#[test]
fn a_parent_that_falls_already_is_not_done() {
    // R10c, R5. The stronger reason decides.
    let mut world = world_of(Significant::Any, Restart::Transient);
    world.together(|world| {
        world.owned_panics("p");
        world.returns("a");
    });
    world.returns("p");
    world.returns("b");
    world.returns("c");
    assert_eq!((world.state("p"), world.attempt("p")), (State::Starting, 2));
}

#[test]
fn a_fall_that_takes_the_parent_later_is_stronger() {
    // R5, R10c.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["p", "q"]);
    world.child_with("p", "a", significant(Significant::Any, Restart::Transient));
    world.all_healthy(["root", "p", "q", "a"]);
    world.returns("a");
    world.fails("q");
    assert_eq!(world.node("p").unwrap().told(), Some(Told::Group));
    world.returns("p");
    assert_eq!(world.states(["p", "q"]), [State::Starting; 2]);
}

#[test]
fn it_stops_within_its_grace() {
    // R10c, R10.
    let mut world = world_of(Significant::Any, Restart::Transient);
    world.returns("a");
    world.passes(secs(5));
    assert!(world.laws.has("p", "aborted"));
    world.vanishes("p");
    assert_eq!(world.state("p"), State::Done);
}
