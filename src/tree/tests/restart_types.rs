//! Who is started again after which exit: permanent, transient and temporary nodes (R5).

use crate::tree::options::{Options, Restart, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::{Down, State};
use crate::tree::tests::world::{World, plain, temporary};

/// A way to end, by its name.
fn ends(world: &mut World, how: &str) {
    match how {
        "returns" => world.returns("a"),
        "fails" => world.fails("a"),
        "panics" => world.panics("a"),
        "vanishes" => world.vanishes("a"),
        "is done" => world.finishes("a"),
        "fails done" => {
            world.done("a");
            world.fails("a");
        }
        "restarts" => world.restarts("a"),
        "gives up" => world.gives_up("a"),
        _ => panic!("{how} is no end"),
    }
}

pub(super) fn transient() -> Options {
    Options {
        restart: Restart::Transient,
        ..plain()
    }
}

/// `a` and `b` below the root, healthy.
fn world_of(strategy: Strategy, a: Options) -> World {
    let mut world = World::new();
    world.group_with("root", strategy, vec![("a", a), ("b", plain())]);
    world.all_healthy(["root", "a", "b"]);
    world
}

/// The state of `a` after it has ended alone, and why it is down.
fn after(options: Options, how: &str) -> (State, Option<Down>) {
    let mut world = world_of(Strategy::OneForOne, options);
    ends(&mut world, how);
    let node = world.node("a").unwrap();
    (node.state, node.down_reason())
}

#[test]
fn a_permanent_node_is_started_again_after_every_end_but_done_and_give_up() {
    // R5, R4.
    for how in [
        "returns",
        "fails",
        "panics",
        "vanishes",
        "fails done",
        "restarts",
    ] {
        assert_eq!(after(plain(), how), (State::Starting, None), "{how}");
    }
    assert_eq!(after(plain(), "is done"), (State::Done, None));
    assert_eq!(
        after(plain(), "gives up"),
        (State::Down, Some(Down::GaveUp))
    );
}

#[test]
fn a_transient_node_is_started_again_only_after_a_failure() {
    // R5, R4.
    for how in ["fails", "panics", "vanishes", "fails done", "restarts"] {
        assert_eq!(after(transient(), how), (State::Starting, None), "{how}");
    }
    for how in ["returns", "is done"] {
        assert_eq!(after(transient(), how), (State::Done, None), "{how}");
    }
    assert_eq!(
        after(transient(), "gives up"),
        (State::Down, Some(Down::GaveUp))
    );
}

#[test]
fn a_temporary_node_is_never_started_again() {
    // R5.
    for how in ["fails", "panics", "vanishes", "fails done", "gives up"] {
        assert_eq!(
            after(temporary(), how),
            (State::Down, Some(Down::Failed)),
            "{how}"
        );
    }
    for how in ["returns", "restarts"] {
        assert_eq!(
            after(temporary(), how),
            (State::Down, Some(Down::Finished)),
            "{how}"
        );
    }
    assert_eq!(after(temporary(), "is done"), (State::Done, None));
}

#[test]
fn a_temporary_node_that_ends_takes_nobody_with_it() {
    // R6, R5.
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        for how in ["fails", "panics", "returns"] {
            let mut world = world_of(strategy, temporary());
            ends(&mut world, how);
            assert_eq!(world.states(["a", "b"]), [State::Down, State::Healthy]);
        }
    }
}

#[test]
fn a_transient_node_that_finishes_takes_nobody_with_it() {
    // R6, R5.
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let mut world = world_of(strategy, transient());
        ends(&mut world, "returns");
        assert_eq!(world.states(["a", "b"]), [State::Done, State::Healthy]);
    }
}

#[test]
fn a_transient_node_that_has_finished_rises_with_its_group() {
    // R6.
    let mut world = world_of(Strategy::OneForAll, transient());
    world.returns("a");
    world.fails("b");
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
}

#[test]
fn a_temporary_node_that_was_done_is_down_after_a_fall_of_its_group() {
    // R5, R6. What it had left running ends with it.
    let mut world = World::new();
    let members = vec![("a", temporary()), ("b", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.child("a", "below");
    world.all_healthy(["root", "below", "b"]);
    world.finishes("a");
    world.fails("b");
    assert_eq!(
        world.node("a").unwrap().down_reason(),
        Some(Down::Temporary)
    );
    world.returns("below");
    assert_eq!(world.states(["a", "b"]), [State::Down, State::Starting]);
    assert!(world.node("below").is_none());
}

#[test]
fn a_temporary_bystander_is_down_in_each_strategy() {
    // R5, R6.
    let groups = [
        (Strategy::OneForAll, ["t", "a"]),
        (Strategy::OneForAll, ["a", "t"]),
        (Strategy::RestForOne, ["a", "t"]),
    ];
    for (strategy, names) in groups {
        let mut world = World::new();
        let options = |name| if name == "t" { temporary() } else { plain() };
        let members = names.map(|name| (name, options(name))).to_vec();
        world.group_with("root", strategy, members);
        world.all_healthy(["root", "a", "t"]);
        world.fails("a");
        world.returns("t");
        assert_eq!(world.states(["a", "t"]), [State::Starting, State::Down]);
        assert_eq!(
            world.node("t").unwrap().down_reason(),
            Some(Down::Temporary)
        );
    }
}

#[test]
fn a_temporary_node_that_is_ordered_to_restart_rises() {
    // R5, R16.
    let mut world = world_of(Strategy::OneForOne, temporary());
    world.ordered("a", OrderKind::Restart).unwrap();
    assert_eq!(world.state("a"), State::Stopping);
    world.fails("a");
    assert_eq!(world.state("a"), State::Starting);
}

#[test]
fn a_transient_parent_that_is_escalated_to_is_tried_again() {
    // R9. Erlang loses the subtree here.
    let mut world = World::new();
    world.child_with("root", "p", transient());
    world.child("p", "c");
    world.all_healthy(["root", "p", "c"]);
    world.gives_up("c");
    world.returns("p");
    assert_eq!((world.state("p"), world.attempt("p")), (State::Starting, 2));
}

#[test]
fn an_escalation_ends_at_a_temporary_parent() {
    // R9, R5.
    let mut world = World::new();
    world.child_with("root", "p", temporary());
    world.child("p", "c");
    world.all_healthy(["root", "p", "c"]);
    world.gives_up("c");
    world.returns("p");
    assert_eq!(world.states(["root", "p"]), [State::Healthy, State::Down]);
    assert_eq!(world.node("p").unwrap().down_reason(), Some(Down::Failed));
}
