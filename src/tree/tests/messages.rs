//! What an observer sees (R17): events and snapshots as text.

use std::sync::Arc;

use crate::tree::action::Action;
use crate::tree::options::Strategy;
use crate::tree::state::State;
use crate::tree::tests::signals::world_with;
use crate::tree::tests::world::{World, delayed, pool, secs, temporary};

#[test]
fn the_log_of_a_crash_tells_the_whole_story() {
    // R17, L3. In the order in which it happened.
    let mut world = World::new();
    world.group_with(
        "root",
        Strategy::OneForAll,
        vec![("a", delayed(2)), ("b", delayed(2))],
    );
    world.all_healthy(["root", "a", "b"]);
    world.laws.log.clear();
    world.passes(secs(1));
    world.panics("a");
    world.returns("b");
    world.drive();
    world.healthy("a");
    let log = world
        .laws
        .log
        .iter()
        .map(|event| event.to_string().trim_start().to_owned());
    let expected = [
        "1.000000 root.a #2 exited: root.a panicked with index out of bounds",
        "1.000000 root.a #2 fell with group g, 2 in all",
        "1.000000 root.b #3 stopping, told by group (root.a)",
        "1.000000 root.b #3 exited: root.b returned while stopping",
        "1.000000 root.a #4 restart scheduled, attempt 2 at 3.000000",
        "1.000000 root.b #5 restart scheduled, attempt 1 at 3.000000",
        "3.000000 root.a #4 starting, attempt 2",
        "3.000000 root.a #4 started again",
        "3.000000 root.b #5 starting, attempt 1",
        "3.000000 root.a #4 healthy",
    ];
    assert_eq!(log.collect::<Vec<_>>(), expected);
}

#[test]
fn an_event_carries_the_state_after_it() {
    // R17.
    let mut world = World::new();
    world.child("root", "a");
    world.laws.log.clear();
    world.finishes("a");
    let states: Vec<_> = world.laws.log.iter().map(|event| event.state).collect();
    assert_eq!(states, [State::Healthy, State::Finishing, State::Done]);
}

#[test]
fn a_snapshot_shows_the_tree_with_states_and_reasons() {
    // R17, R2.
    let mut world = world_with(State::Dead);
    world.passes(secs(1));
    let text = world.core.snapshot(world.now).to_string();
    let expected = "root #1 healthy
  p #2 healthy
    n #3 dead [g], last exit: root.p.n failed while starting: out of luck
      c #5 stopping (told by parent: root.p.n; asked)
    s #4 stopping (told by group: root.p.n; asked) [g]";
    assert_eq!(text, expected);
}

#[test]
fn a_snapshot_says_why_a_node_waits_which_attempt_it_is_and_when_it_is_due() {
    // R2, R17.
    let mut world = World::new();
    world.child_with("root", "a", delayed(3));
    world.healthy("root");
    world.fails("a");
    world.passes(secs(1));
    let snapshot = world.core.snapshot(world.now);
    let node = snapshot.find("root.a").unwrap();
    assert_eq!(
        (node.attempt, node.restarts, node.due),
        (2, 1, Some(secs(2)))
    );
    assert_eq!((node.since, node.uptime), (secs(1), None));
    assert!(
        node.to_string()
            .starts_with("#3 waiting (backoff, attempt 2, due in 2.000 s)")
    );
    assert!(snapshot.find("root.b").is_none());
}

#[test]
fn a_snapshot_says_why_a_node_is_down() {
    // R2, R17.
    let mut world = World::new();
    world.child_with("root", "pool", pool());
    world.child_with("pool", "t", temporary());
    world.returns_leaving("t", 1);
    let snapshot = world.core.snapshot(world.now);
    assert!(snapshot.find("root.pool").unwrap().is_pool);
    let text = snapshot.find("root.pool.t").unwrap().to_string();
    assert!(
        text.starts_with("#3 down (finished), ending: 1 owned"),
        "{text}"
    );
}

#[test]
fn a_watched_place_says_that_it_changed() {
    // R17, R3. Handles wait for these instead of asking.
    let mut world = World::new();
    let place = world.child("root", "a");
    world.core.watch(place);
    let (id, path) = (world.id("a"), world.node("a").unwrap().path.clone());
    world
        .core
        .signal(world.now, id, &path, crate::tree::signal::Signal::Healthy);
    let actions: Vec<_> = std::iter::from_fn(|| world.core.next_action()).collect();
    let changed = |action: &Action| matches!(action, Action::Changed(changed) if *changed == place);
    assert!(actions.iter().any(changed));
}

#[test]
fn an_acknowledged_start_remembers_how_the_first_incarnation_fared() {
    // R3.
    let mut world = World::new();
    let place = world.child("root", "a");
    assert!(world.core.view(place).unwrap().first_start.is_none());
    world.fails("a");
    world.healthy("a");
    let first = world.core.view(place).unwrap().first_start;
    assert!(
        first
            .unwrap()
            .unwrap_err()
            .unwrap()
            .chain()
            .contains("out of luck")
    );
    let other = world.child("root", "b");
    world.healthy("b");
    world.fails("b");
    assert!(matches!(
        world.core.view(other).unwrap().first_start,
        Some(Ok(()))
    ));
}

#[test]
fn evidence_is_shared_and_not_copied() {
    // R17. Event, snapshot and view show one and the same.
    let mut world = World::new();
    let place = world.child("root", "a");
    world.fails("a");
    let seen = world.core.view(place).unwrap().last_exit.unwrap();
    let kept = world.node("a").unwrap().evidence.clone().unwrap();
    assert!(Arc::ptr_eq(&seen, &kept));
}

#[cfg(feature = "serde")]
#[test]
fn a_snapshot_and_its_events_are_plain_json() {
    // R17. Times are seconds, paths and names are texts.
    let mut world = World::new();
    world.child_with("root", "a", delayed(3));
    world.fails("a");
    let snapshot = serde_json::to_value(world.core.snapshot(secs(1))).unwrap();
    let node = &snapshot["nodes"][1];
    assert_eq!(
        (&node["path"], &node["state"]),
        (&"root.a".into(), &"waiting".into())
    );
    assert_eq!(
        (&node["due"], &node["wait"]),
        (&2.0.into(), &"backoff".into())
    );
    assert_eq!(
        node["last_exit"]["reason"],
        "root.a failed while starting: out of luck"
    );
    let event = serde_json::to_value(world.laws.log.last().unwrap()).unwrap();
    assert_eq!(
        (&event["event"], &event["attempt"]),
        (&"restart_scheduled".into(), &2.into())
    );
}
