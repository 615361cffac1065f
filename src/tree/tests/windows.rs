//! The window of a budget: running time, exactly (R9).

use std::time::Duration;

use crate::tree::intensity::{Intensity, IntensityError, Scope, Verdict, Window};
use crate::tree::options::{Options, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::{Down, State};
use crate::tree::tests::world::{World, delayed, plain, secs};

const INSTANT: Duration = Duration::from_nanos(1);

fn intensity(restarts: u32) -> Intensity {
    Intensity::new(restarts, secs(10)).unwrap()
}

/// A window of ten seconds in which one node runs from the beginning.
fn running(restarts: u32) -> Window {
    let mut window = Window::new(intensity(restarts));
    window.run(Duration::ZERO);
    window
}

fn left(window: &Window, now: Duration) -> u32 {
    window.budget(Scope::Node, now).left
}

#[test]
fn an_empty_window_is_refused() {
    // R9.
    assert_eq!(
        Intensity::new(1, Duration::ZERO),
        Err(IntensityError::Window)
    );
    assert!(Intensity::new(0, INSTANT).is_ok());
}

#[test]
fn without_restarts_the_first_death_spends_it() {
    // R9.
    assert_eq!(running(0).charge(secs(5)), Verdict::Spent);
}

#[test]
fn so_many_deaths_are_allowed_and_the_next_one_spends_it() {
    // R9.
    for restarts in [1, 3, 7] {
        let mut window = running(restarts);
        for _ in 0..restarts {
            assert_eq!(window.charge(secs(1)), Verdict::Within);
        }
        assert_eq!(window.charge(secs(1)), Verdict::Spent);
    }
}

#[test]
fn a_death_that_is_as_old_as_the_window_still_counts() {
    // R9. The edge is inclusive, to the nanosecond.
    let mut window = running(1);
    assert_eq!(window.charge(secs(2)), Verdict::Within);
    assert_eq!(window.clone().charge(secs(12)), Verdict::Spent);
    assert_eq!(window.charge(secs(12) + INSTANT), Verdict::Within);
}

#[test]
fn what_is_left_is_known_without_a_death() {
    // R9, R17.
    let mut window = running(2);
    window.charge(secs(1));
    window.charge(secs(4));
    let cases = [(4, 0), (11, 0), (12, 1), (14, 1), (15, 2)];
    for (now, wanted) in cases {
        assert_eq!(left(&window, secs(now)), wanted, "{now}");
    }
}

#[test]
fn time_in_which_nobody_runs_does_not_age_it() {
    // R9.
    let mut window = running(1);
    window.charge(secs(1));
    window.rest(secs(1));
    window.run(secs(100_000));
    assert_eq!(left(&window, secs(100_010)), 0);
    assert_eq!(left(&window, secs(100_010) + INSTANT), 1);
}

#[test]
fn any_that_runs_ages_it_and_two_do_not_age_it_twice() {
    // R9.
    let mut window = running(1);
    window.run(Duration::ZERO);
    window.charge(secs(1));
    window.rest(secs(1));
    assert_eq!(left(&window, secs(11)), 0);
    assert_eq!(left(&window, secs(11) + INSTANT), 1);
    window.rest(secs(5));
    assert_eq!(left(&window, secs(1000)), 0);
}

#[test]
fn an_emptied_window_allows_all_again() {
    // R9.
    let mut window = running(2);
    window.charge(secs(1));
    window.charge(secs(1));
    window.empty();
    assert_eq!(left(&window, secs(1)), 2);
}

/// One restart in ten seconds.
fn once() -> Options {
    Options {
        intensity: Some(intensity(1)),
        ..plain()
    }
}

fn with_budget(a: Options) -> World {
    let mut world = World::new();
    let members = vec![("a", a), ("b", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a", "b"]);
    world
}

/// Whether one more death of `a` is one too many.
fn is_spent(mut world: World) -> bool {
    world.fails("a");
    world.node("a").unwrap().down_reason() == Some(Down::Spent)
}

#[test]
fn a_slow_stop_makes_no_room_for_another_restart() {
    // R9. The hole of Erlang's supervisors: here the sibling takes longer than the window.
    let mut world = with_budget(once());
    world.fails("a");
    world.passes(secs(4));
    world.returns("b");
    world.passes(secs(9));
    assert!(is_spent(world));
}

#[test]
fn a_backoff_makes_no_room_for_another_restart() {
    // R9.
    let a = Options {
        intensity: Some(intensity(1)),
        ..delayed(1000)
    };
    let mut world = with_budget(a);
    world.fails("a");
    world.returns("b");
    world.drive();
    assert_eq!(world.state("a"), State::Starting);
    assert!(is_spent(world));
}

#[test]
fn running_for_longer_than_the_window_makes_room() {
    // R9.
    let mut world = with_budget(once());
    world.fails("a");
    world.returns("b");
    world.passes(secs(10));
    assert!(is_spent(world.clone()));
    world.passes(INSTANT);
    assert!(!is_spent(world));
}

#[test]
fn a_node_that_was_told_to_stop_runs_no_more() {
    // R9. It is asked, and stays for its grace.
    let a = Options {
        grace: secs(100).into(),
        ..once()
    };
    let mut world = with_budget(a);
    world.fails("a");
    world.returns("b");
    world.fails("b");
    world.passes(secs(50));
    world.returns("a");
    assert!(is_spent(world));
}

#[test]
fn any_child_that_runs_ages_the_budget_of_all_children() {
    // R9.
    let root = Options {
        children_intensity: Some(intensity(1)),
        ..plain()
    };
    let mut world = World::with(crate::tree::options::Settings::default(), root);
    world.child_with("root", "a", delayed(100));
    world.child("root", "b");
    world.all_healthy(["root", "a", "b"]);
    world.fails("a");
    world.passes(secs(11));
    assert!(!is_spent_by(world, "b"));
}

fn is_spent_by(mut world: World, node: &str) -> bool {
    world.fails(node);
    world.laws.has(node, "down: budget spent")
}

#[test]
fn an_order_to_start_empties_the_nodes_own_window() {
    // R9, R16.
    let mut world = with_budget(once());
    world.fails("a");
    world.returns("b");
    assert!(is_spent(world.clone()));
    world.ordered("a", OrderKind::Terminate).unwrap();
    world.returns("a");
    world.ordered("a", OrderKind::Start).unwrap();
    assert!(!is_spent(world));
}

#[test]
fn an_order_to_start_empties_the_window_of_a_node_that_waits() {
    // R9, R16. A restart of what is down leaves it as it is.
    let a = Options {
        intensity: Some(intensity(1)),
        ..delayed(3)
    };
    for (order, must_be_spent) in [(OrderKind::Start, false), (OrderKind::Restart, true)] {
        let mut world = with_budget(a.clone());
        world.fails("a");
        world.returns("b");
        world.ordered("a", order).unwrap();
        assert_eq!(world.state("a"), State::Starting);
        assert_eq!(is_spent(world.clone()), must_be_spent, "waiting, {order}");
        if order == OrderKind::Restart {
            world.ordered("a", OrderKind::Terminate).unwrap();
            world.returns("a");
            world.ordered("a", order).unwrap();
            assert_eq!(is_spent(world), must_be_spent, "down, {order}");
        }
    }
}

#[test]
fn an_order_to_restart_does_not_empty_it() {
    // R9, R16.
    let mut world = with_budget(once());
    world.fails("a");
    world.returns("b");
    world.ordered("a", OrderKind::Restart).unwrap();
    world.returns("a");
    world.returns("b");
    assert_eq!(world.state("a"), State::Starting);
    assert!(is_spent(world));
}

#[test]
fn the_windows_of_children_die_with_the_incarnation_of_their_parent() {
    // R9.
    let p = Options {
        children_intensity: Some(intensity(1)),
        ..plain()
    };
    let mut world = World::new();
    world.child_with("root", "p", p);
    let declare = |world: &mut World| {
        world.child_with("p", "a", once());
        world.all_healthy(["p", "a"]);
    };
    world.healthy("root");
    declare(&mut world);
    world.fails("a");
    world.fails("p");
    world.returns("a");
    declare(&mut world);
    assert!(!is_spent(world.clone()));
    world.fails("a");
    assert!(is_spent(world));
}
