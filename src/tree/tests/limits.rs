//! How long a node may run, and be silent while it is healthy (R5).

use crate::tree::options::{Options, Settings, Strategy};
use crate::tree::orders::OrderKind;
use crate::tree::state::{Down, Rung, State, Told};
use crate::tree::tests::world::{World, delayed, plain, pool, secs, temporary};

/// May run for ten seconds.
fn bounded(options: Options) -> Options {
    Options {
        run_timeout: Some(secs(10)),
        ..options
    }
}

/// Has to beat within three seconds.
fn beating(options: Options) -> Options {
    Options {
        beat_timeout: Some(secs(3)),
        ..options
    }
}

fn world(options: Options) -> World {
    let mut world = World::new();
    world.child_with("root", "a", options);
    world.healthy("root");
    world
}

fn evidence(world: &World, node: &str) -> String {
    let evidence = world.node(node).unwrap().evidence.clone();
    evidence.unwrap().to_string()
}

#[test]
fn who_runs_for_too_long_goes_through_the_ladder_and_is_dead() {
    // R5, R10. Healthy or not, and however it returns.
    for is_healthy in [true, false] {
        for ends in [World::returns, World::fails, World::panics, World::vanishes] {
            let mut world = world(bounded(delayed(1)));
            if is_healthy {
                world.healthy("a");
            }
            world.passes(secs(9));
            assert_ne!(world.state("a"), State::Stopping);
            world.passes(secs(1));
            assert_eq!(world.state("a"), State::Stopping);
            assert_eq!(world.node("a").unwrap().told(), Some(Told::Itself));
            ends(&mut world, "a");
            assert_eq!((world.state("a"), world.attempt("a")), (State::Waiting, 2));
            assert_eq!(evidence(&world, "a"), "root.a ran for more than 10s");
        }
    }
}

#[test]
fn who_has_returned_in_time_is_never_woken() {
    // R5, L8.
    let mut world = world(bounded(plain()));
    world.passes(secs(9));
    world.finishes("a");
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn who_says_done_and_does_not_return_runs_all_the_same() {
    // R5, R4.
    let mut world = world(bounded(plain()));
    world.done("a");
    assert_eq!(world.state("a"), State::Finishing);
    world.passes(secs(10));
    assert_eq!(world.state("a"), State::Stopping);
    world.returns("a");
    assert_eq!(world.attempt("a"), 2);
}

#[test]
fn each_run_has_the_whole_time() {
    // R5.
    let mut world = world(bounded(delayed(1)));
    world.passes(secs(8));
    world.fails("a");
    world.passes(secs(10));
    assert_eq!(world.state("a"), State::Starting);
    world.passes(secs(1));
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn who_does_not_beat_is_dead_when_the_time_is_up() {
    // R5. Counted from healthy.
    let mut world = world(beating(delayed(1)));
    world.passes(secs(100));
    assert_eq!(
        world.state("a"),
        State::Starting,
        "it has not begun to count"
    );
    world.healthy("a");
    world.passes(secs(2));
    assert_eq!(world.state("a"), State::Healthy);
    world.passes(secs(1));
    assert_eq!(world.state("a"), State::Stopping);
    world.returns("a");
    assert_eq!(world.attempt("a"), 2);
    assert_eq!(evidence(&world, "a"), "root.a did not beat for 3s");
}

#[test]
fn a_beat_gives_the_whole_time_from_then_on() {
    // R5. To the moment, and not from when the tree has looked.
    let mut world = world(beating(delayed(1)));
    world.healthy("a");
    for _ in 0..5 {
        world.passes(secs(2));
        world.beats("a");
    }
    assert_eq!(world.state("a"), State::Healthy);
    world.passes(secs(2));
    assert_eq!(world.state("a"), State::Healthy);
    world.passes(secs(1));
    assert_eq!(world.state("a"), State::Stopping);
    assert_eq!(world.now, secs(13));
}

#[test]
fn a_beat_at_the_last_moment_is_too_late() {
    // R5. It has to come within the time.
    let mut world = world(beating(delayed(1)));
    world.healthy("a");
    world.passes(secs(3));
    world.beats("a");
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn the_tree_looks_once_in_each_time_however_often_it_beats() {
    // L8.
    let mut world = world(beating(plain()));
    world.healthy("a");
    let due = world.core.next_deadline();
    for _ in 0..100 {
        world.beats("a");
    }
    assert_eq!(world.core.next_deadline(), due);
}

#[test]
fn what_beat_before_it_was_healthy_counts_from_healthy() {
    // R5.
    let mut world = world(beating(plain()));
    world.beats("a");
    world.passes(secs(60));
    world.healthy("a");
    world.passes(secs(2));
    assert_eq!(world.state("a"), State::Healthy);
}

#[test]
fn a_beat_of_the_last_incarnation_is_none_of_the_next() {
    // L10.
    let mut world = world(beating(delayed(1)));
    world.healthy("a");
    world.passes(secs(2));
    world.beats("a");
    world.fails("a");
    world.passes(secs(1));
    world.healthy("a");
    world.passes(secs(3));
    assert_eq!(world.state("a"), State::Stopping);
    assert_eq!(world.now, secs(6));
}

#[test]
fn who_says_done_beats_until_it_returns() {
    // R4, R5.
    let mut world = world(beating(plain()));
    world.done("a");
    world.passes(secs(3));
    assert_eq!(world.state("a"), State::Stopping);
}

#[test]
fn who_is_done_beats_no_more() {
    // R5, L8.
    let mut world = world(beating(bounded(plain())));
    world.finishes("a");
    assert_eq!(world.core.next_deadline(), None);
}

#[test]
fn who_is_told_to_stop_has_the_time_of_its_stop() {
    // R5, R10. From then on the ladder counts.
    for options in [bounded(plain()), beating(plain())] {
        let mut world = world(options);
        world.healthy("a");
        world.passes(secs(2));
        world.stop();
        world.passes(secs(2));
        assert_eq!(world.node("a").unwrap().rung, Rung::Asked);
        assert_eq!(world.node("a").unwrap().told(), Some(Told::Tree));
    }
}

#[test]
fn who_is_terminated_meanwhile_is_down_and_not_dead() {
    // R5, R16.
    let mut world = world(beating(plain()));
    world.healthy("a");
    world.passes(secs(3));
    world.ordered("a", OrderKind::Terminate).unwrap();
    world.returns("a");
    let down = world.node("a").unwrap().down_reason();
    assert_eq!(down, Some(Down::Terminated));
}

#[test]
fn a_temporary_node_whose_time_is_up_has_failed() {
    // R5. In a pool, too, which forgets it.
    let mut world = World::new();
    world.child_with("root", "a", bounded(temporary()));
    world.child_with("root", "p", pool());
    world.all_healthy(["root"]);
    world.child_with("p", "b", beating(temporary()));
    world.healthy("b");
    world.passes(secs(10));
    world.returns("a");
    world.returns("b");
    assert_eq!(world.node("a").unwrap().down_reason(), Some(Down::Failed));
    assert!(world.laws.has("b", "down: failed"));
    assert!(world.node("b").is_none());
}

#[test]
fn a_limit_of_a_pool_means_nothing() {
    // R13. It has no code that could run or beat.
    let mut world = world(bounded(beating(pool())));
    assert_eq!(world.core.next_deadline(), None);
    world.passes(secs(60));
    assert_eq!(world.state("a"), State::Healthy);
}

#[test]
fn its_group_falls_with_it() {
    // R6, L5.
    let mut world = World::new();
    let members = vec![("a", beating(plain())), ("b", plain())];
    world.group_with("root", Strategy::OneForAll, members);
    world.all_healthy(["root", "a", "b"]);
    world.passes(secs(3));
    assert_eq!(world.states(["a", "b"]), [State::Stopping, State::Healthy]);
    world.returns("a");
    world.returns("b");
    assert_eq!(world.states(["a", "b"]), [State::Starting; 2]);
}

#[test]
fn the_first_of_several_limits_counts() {
    // R5.
    let mut world = World::with(Settings::default(), bounded(beating(delayed(1))));
    world.healthy("root");
    world.passes(secs(3));
    assert_eq!(world.state("root"), State::Stopping);
    world.returns("root");
    assert_eq!(evidence(&world, "root"), "root did not beat for 3s");
}

#[test]
fn no_time_at_all_is_up_at_once() {
    // R5.
    let none = Options {
        run_timeout: Some(secs(0)),
        ..delayed(1)
    };
    let mut world = world(none);
    world.passes(secs(0));
    assert_eq!(world.state("a"), State::Stopping);
}
