//! When the GC pass raises what fell (R7).

use std::time::Duration;

use crate::tree::options::{Settings, Strategy};
use crate::tree::state::State;
use crate::tree::tests::world::{World, delayed, plain, secs};

fn with_interval(seconds: u64) -> World {
    let settings = Settings {
        gc_interval: secs(seconds),
        ..Settings::default()
    };
    World::with(settings, plain())
}

#[test]
fn only_the_topmost_of_what_fell_rises() {
    // R7, L4. Child and parent die in one batch, in either order.
    for order in [["c", "p"], ["p", "c"]] {
        let mut world = World::new();
        world.child("root", "p");
        world.child("p", "c");
        world.all_healthy(["root", "p", "c"]);
        world.together(|world| order.into_iter().for_each(|node| world.fails(node)));
        assert_eq!(world.state("p"), State::Starting);
        assert!(world.node("c").is_none());
    }
}

#[test]
fn a_child_whose_parent_was_told_first_is_canceled_not_dead() {
    // R5, R7.
    let mut world = World::new();
    world.child("root", "p");
    world.child("p", "c");
    world.all_healthy(["root", "p", "c"]);
    world.together(|world| {
        world.fails("p");
        world.fails("c");
        assert_eq!(world.states(["p", "c"]), [State::Dead, State::Canceled]);
    });
    assert_eq!(world.laws.answers("c"), [""; 0]);
}

#[test]
fn deaths_within_the_interval_are_answered_by_the_largest_subtree() {
    // R7, L4. The child was ready to rise; its parent dies before the pass.
    let mut world = with_interval(2);
    world.child("root", "p");
    world.child("p", "c");
    world.all_healthy(["root", "p", "c"]);
    world.fails("c");
    assert_eq!(world.core.next_deadline(), Some(secs(2)));
    world.passes(secs(1));
    world.fails("p");
    assert_eq!(world.laws.answers("c"), ["absorbed"]);
    assert_eq!(world.state("p"), State::Dead);
    world.drive();
    assert_eq!((world.now, world.state("p")), (secs(2), State::Starting));
    assert!(world.node("c").is_none());
}

#[test]
fn the_interval_begins_when_the_first_fall_is_ready() {
    // R7. Others that get ready in it share the pass.
    let mut world = with_interval(2);
    world.group("root", Strategy::OneForOne, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    world.passes(secs(10));
    world.fails("a");
    world.passes(secs(1));
    world.fails("b");
    assert_eq!(world.core.next_deadline(), Some(secs(12)));
    world.step();
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn an_interval_in_which_nothing_is_left_to_raise_ends_by_itself() {
    // R7, L8.
    let mut world = with_interval(2);
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.fails("a");
    world.stop();
    world.drive();
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn a_delay_of_zero_never_becomes_a_deadline() {
    // R7. The pass of the same batch starts it.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.all_healthy(["root", "a", "b"]);
    world.together(|world| {
        world.fails("a");
        world.returns("b");
        let due = world.core.next_deadline();
        assert!(
            due.is_none_or(|due| due > secs(1)),
            "only the grace of b was due"
        );
    });
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn a_fall_waits_with_one_due_time_for_all_of_its_members() {
    // R7, R8. Only the dead draw: the longest of the draws decides.
    let mut world = World::new();
    let members = vec![("a", delayed(3)), ("b", delayed(9)), ("c", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a", "b", "c"]);
    world.fails("a");
    world.returns("b");
    world.returns("c");
    assert_eq!(world.states(["a", "b", "c"]), [State::Waiting; 3]);
    assert_eq!(
        ["a", "b", "c"].map(|member| world.due(member)),
        [Some(secs(3)); 3]
    );
    world.step();
    assert_eq!(
        (world.now, world.states(["a", "b", "c"])),
        (secs(3), [State::Starting; 3])
    );
}

#[test]
fn the_delay_runs_from_the_pass_not_from_the_death() {
    // R7, R8.
    let mut world = World::new();
    world.child_with("root", "p", delayed(3));
    world.child("p", "slow");
    world.all_healthy(["root", "p", "slow"]);
    world.fails("p");
    world.passes(secs(2));
    world.returns("slow");
    assert_eq!(world.due("p"), Some(secs(3)));
}

#[test]
fn a_declared_node_starts_in_the_next_pass_and_not_before() {
    // R3, R7.
    let mut world = World::new();
    world.together(|world| {
        world.child("root", "a");
        assert_eq!(world.state("a"), State::Waiting);
    });
    assert_eq!(world.state("a"), State::Starting);
}

#[test]
fn a_child_that_was_overtaken_by_a_stop_is_canceled_without_having_started() {
    // R3, R5.
    let mut world = World::new();
    world.child("root", "p");
    world.healthy("root");
    world.together(|world| {
        world.owned_panics("p");
        world.child("p", "late");
    });
    assert_eq!(world.state("late"), State::Canceled);
    assert_eq!(world.laws.of("late"), ["declared"]);
    world.returns("p");
    assert!(world.node("late").is_none());
    assert_eq!(world.state("p"), State::Starting);
}

#[test]
fn a_node_told_to_stop_before_its_first_pass_does_not_start() {
    // R3, L2.
    let mut world = World::new();
    world.together(|world| {
        world.child("root", "a");
        world.stop();
    });
    assert_eq!(world.laws.of("a"), ["declared"]);
    world.returns("root");
    assert!(world.core.has_ended());
}

#[test]
fn calling_the_pass_too_often_is_harmless() {
    // R7, L8.
    let mut world = World::new();
    world.child_with("root", "a", delayed(4));
    world.all_healthy(["root", "a"]);
    world.fails("a");
    let length = world.laws.log.len();
    for _ in 0..10 {
        world.now += Duration::from_millis(100);
        world.advance();
    }
    assert_eq!(world.laws.log.len(), length);
    world.drive();
    assert_eq!(world.now, secs(4));
}
