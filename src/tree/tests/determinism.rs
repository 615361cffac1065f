//! The same calls give the same events (L7), nothing is resurrected (L2) or lost (L3), and nothing
//! ticks (L8).

use crate::tree::backoff::Backoff;
use crate::tree::options::{Options, Settings, Strategy};
use crate::tree::state::State;
use crate::tree::tests::world::{World, delayed, plain, pool, secs, temporary};

/// A history with jitter in it, and its event log.
fn log_of(seed: u64) -> String {
    let mut world = World::seeded(Settings::default(), plain(), seed);
    let drawn = Options {
        backoff: Backoff::default(),
        ..plain()
    };
    let members = vec![("a", drawn.clone()), ("b", drawn)];
    world.group_with("root", Strategy::OneForAll, members);
    world.child_with("root", "pool", pool());
    world.child_with("pool", "t", temporary());
    world.all_healthy(["root", "a", "b"]);
    for _ in 0..5 {
        world.fails("a");
        world.returns("b");
        world.drive();
    }
    world.gives_up("b");
    world.passes(secs(30));
    let lines: Vec<_> = world.laws.log.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn the_same_calls_with_the_same_seed_give_the_same_log() {
    // L7.
    assert_eq!(log_of(7), log_of(7));
}

#[test]
fn another_seed_draws_other_delays() {
    // L7, R8. Otherwise the test above would prove nothing.
    assert_ne!(log_of(7), log_of(8));
}

#[test]
fn a_tree_in_which_nothing_happens_is_never_woken() {
    // L8.
    let mut world = World::new();
    world.group("root", Strategy::OneForAll, &["a", "b"]);
    world.child_with("root", "pool", pool());
    assert_eq!(world.core.next_deadline(), None);
    world.all_healthy(["root", "a", "b"]);
    assert_eq!(world.core.next_deadline(), None);
    world.passes(secs(1_000_000));
    assert_eq!(world.core.next_deadline(), None);
    assert!(world.core.next_action().is_none());
}

#[test]
fn a_pending_restart_dies_with_the_stop_of_the_tree() {
    // L2.
    let mut world = World::new();
    world.child_with("root", "a", delayed(3));
    world.healthy("root");
    world.fails("a");
    world.stop();
    world.passes(secs(4));
    assert_eq!(world.state("a"), State::Canceled);
    assert_eq!(world.laws.answers("a"), ["cut short"]);
}

#[test]
fn a_pending_restart_dies_with_the_fall_of_its_parent() {
    // L2, L4. Its due time comes while the parent is still stopping others.
    let mut world = World::new();
    world.child("root", "p");
    world.child_with("p", "a", delayed(3));
    world.child("p", "slow");
    world.all_healthy(["root", "p", "slow"]);
    world.fails("a");
    world.fails("p");
    world.passes(secs(4));
    assert_eq!(world.states(["p", "a"]), [State::Dead, State::Canceled]);
    world.returns("slow");
    assert!(world.node("a").is_none());
}

#[test]
fn every_unexpected_exit_has_exactly_one_answer() {
    // L3. One history for each answer; `laws` holds every other test against it too.
    let mut world = World::new();
    world.child("root", "p");
    world.child_with("p", "a", delayed(3));
    world.all_healthy(["root", "p", "a"]);
    world.fails("a");
    assert_eq!(world.laws.answers("a"), [""; 0], "not decided yet");
    world.drive();
    assert_eq!(world.laws.answers("a"), ["started again"]);
    world.fails("a");
    world.fails("p");
    assert_eq!(world.laws.answers("a"), ["started again", "absorbed"]);
    assert_eq!(world.laws.answers("p"), ["started again"]);
    world.child_with("p", "a", delayed(3));
    world.fails("a");
    world.stop();
    assert_eq!(
        world.laws.answers("a"),
        ["started again", "absorbed", "cut short"]
    );
}

#[test]
fn an_exit_is_recorded_with_its_evidence() {
    // L3, R17, R18.
    let mut world = World::new();
    world.child("root", "a");
    world.all_healthy(["root", "a"]);
    world.passes(secs(2));
    let incarnation = world.id("a").incarnation();
    world.panics("a");
    let evidence = world.node("a").unwrap().evidence.clone().unwrap();
    assert_eq!((evidence.at, evidence.incarnation), (secs(2), incarnation));
    assert_eq!(evidence.state, State::Healthy);
    assert_eq!(evidence.chain(), "root.a panicked with index out of bounds");
}

#[test]
fn each_incarnation_has_a_number_of_its_own() {
    // L10. Reused by nobody, in no slot.
    let mut world = World::new();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..5 {
        world.child("root", "a");
        for node in ["root", "a"] {
            assert!(seen.insert(world.id(node).incarnation()));
        }
        world.fails("a");
        assert!(seen.insert(world.id("a").incarnation()));
        world.healthy("root");
        world.fails("root");
        world.returns("a");
    }
}
