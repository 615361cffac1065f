//! What cannot be tried again makes its parent fall (R9).

use crate::tree::evidence::Cause;
use crate::tree::options::{AtRoot, Settings, Strategy};
use crate::tree::state::{Down, State};
use crate::tree::tests::world::{World, delayed, plain, pool, secs, temporary};

/// `root`, a one-for-all group of `p` and `q` below it, and `c` below `p`; all healthy.
fn world() -> World {
    world_with(Settings::default())
}

fn world_with(settings: Settings) -> World {
    let mut world = World::with(settings, delayed(3));
    world.group_with(
        "root",
        Strategy::OneForAll,
        vec![("p", delayed(1)), ("q", plain())],
    );
    world.child("p", "c");
    world.all_healthy(["root", "p", "q", "c"]);
    world.laws.log.clear();
    world
}

fn retrying() -> Settings {
    Settings {
        escalations: AtRoot::Retry,
        ..Settings::default()
    }
}

#[test]
fn a_node_that_gives_up_is_down_and_its_parent_stops() {
    // R9, R5.
    let mut world = world();
    world.gives_up("c");
    assert_eq!(
        world.states(["c", "p", "q"]),
        [State::Down, State::Stopping, State::Healthy]
    );
    assert_eq!(world.node("c").unwrap().down, Down::GaveUp);
    let events = world.laws.of("c");
    assert_eq!(
        events,
        [
            "exited: root.p.c failed while healthy: out of luck",
            "down: gave up",
            "budget spent: root.p.c failed while healthy: out of luck",
            "escalated to root.p",
        ]
    );
}

#[test]
fn a_parent_that_was_escalated_to_is_dead_however_it_returns() {
    // R9. It draws, counts, and takes its group.
    let mut world = world();
    world.gives_up("c");
    world.returns("p");
    assert_eq!(world.states(["p", "q"]), [State::Dead, State::Stopping]);
    world.returns("q");
    assert_eq!(world.states(["p", "q"]), [State::Waiting; 2]);
    assert_eq!((world.attempt("p"), world.due("p")), (2, Some(secs(1))));
    world.drive();
    assert_eq!(world.states(["p", "q"]), [State::Starting; 2]);
    assert!(world.node("c").is_none());
}

#[test]
fn the_evidence_of_an_escalation_leads_to_the_childs_error() {
    // R9, L3.
    let mut world = world();
    world.gives_up("c");
    world.returns("p");
    let evidence = world.node("p").unwrap().evidence.clone().unwrap();
    assert_eq!(
        evidence.chain(),
        "root.p.c escalated to root.p: root.p.c failed while healthy: out of luck"
    );
    assert!(matches!(&evidence.cause, Some(Cause::Escalated(child)) if child.path == "root.p.c"));
}

#[test]
fn a_done_parent_is_dead_directly() {
    // R9.
    let mut world = world();
    world.finishes("p");
    world.gives_up("c");
    assert_eq!(world.states(["p", "q"]), [State::Dead, State::Stopping]);
    world.returns("q");
    assert_eq!((world.state("p"), world.attempt("p")), (State::Waiting, 2));
    world.drive();
    assert_eq!(world.states(["p", "q"]), [State::Starting; 2]);
}

#[test]
fn two_children_that_give_up_together_make_their_parent_fall_once() {
    // R9, R5. The second was told to stop by then.
    let mut world = World::new();
    world.child("root", "p");
    world.group("p", Strategy::OneForOne, &["a", "b"]);
    world.all_healthy(["root", "p", "a", "b"]);
    world.together(|world| {
        world.gives_up("a");
        world.gives_up("b");
        assert_eq!(world.states(["a", "b"]), [State::Down, State::Canceled]);
    });
    world.returns("p");
    assert_eq!((world.state("p"), world.attempt("p")), (State::Starting, 2));
}

#[test]
fn an_escalation_to_the_root_ends_the_tree_with_the_first_cause() {
    // R9, R11.
    let mut world = World::new();
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.gives_up("a");
    assert_eq!(world.state("root"), State::Stopping);
    assert!(world.laws.has("a", "escalated to root"));
    world.returns("root");
    let failure = world.laws.failure();
    assert_eq!(
        format!("{failure:?}"),
        "root.a failed while healthy: out of luck"
    );
}

#[test]
fn a_root_that_retries_escalations_falls_like_any_other_node() {
    // R9.
    let mut world = World::with(retrying(), delayed(3));
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.gives_up("a");
    world.returns("root");
    assert_eq!(
        (world.state("root"), world.due("root")),
        (State::Waiting, Some(secs(3)))
    );
    world.drive();
    assert_eq!(
        (world.state("root"), world.attempt("root")),
        (State::Starting, 2)
    );
}

#[test]
fn a_root_that_gives_up_ends_the_tree_whatever_it_does_with_escalations() {
    // R9, R11. A root that is down with a spent budget is a failure.
    for settings in [Settings::default(), retrying()] {
        let mut world = world_with(settings);
        world.gives_up("root");
        assert!(world.laws.has("root", "escalated: the tree ends"));
        world.all_return();
        assert!(world.laws.failure().evidence.is_some());
    }
}

#[test]
fn only_the_first_failure_is_the_cause() {
    // R11. What fails while the tree stops is in the report.
    let mut world = World::new();
    world.group("root", Strategy::OneForOne, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    world.gives_up("a");
    world.gives_up("b");
    world.returns("root");
    let failure = world.laws.failure();
    assert_eq!(failure.evidence.as_ref().unwrap().path, "root.a");
    assert_eq!(
        failure
            .stops
            .iter()
            .map(|stop| stop.path.to_string())
            .collect::<Vec<_>>(),
        ["root.b"]
    );
}

#[test]
fn a_child_of_a_stopping_parent_is_canceled_and_does_not_escalate() {
    // R5, R9.
    let mut world = world();
    world.fails("q");
    world.gives_up("c");
    assert_eq!(world.states(["c", "p"]), [State::Canceled, State::Stopping]);
    assert!(!world.laws.has("c", "escalated to root.p"));
}

#[test]
fn a_temporary_node_that_gives_up_is_down_and_does_not_escalate() {
    // R5. Its row comes first.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child_with("pool", "t", temporary());
    world.healthy("root");
    world.gives_up("t");
    assert!(world.laws.has("t", "down: failed"));
    assert_eq!(world.states(["root", "pool"]), [State::Healthy; 2]);
}

#[test]
fn an_escalation_makes_a_pool_dead_and_it_rises_empty() {
    // R9, R13.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child("pool", "a");
    world.child("pool", "b");
    world.all_healthy(["root", "a", "b"]);
    world.gives_up("a");
    assert_eq!(world.states(["pool", "b"]), [State::Dead, State::Stopping]);
    world.returns("b");
    assert_eq!(
        (world.state("pool"), world.attempt("pool")),
        (State::Healthy, 2)
    );
    assert!(world.node("b").is_none());
}
