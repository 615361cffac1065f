//! The laws that one step alone shows to be kept or broken.

use perennial::Path;
use perennial::tree::{
    Action, Down, Event, Intent, NodeSnapshot, Restart, Snapshot, State, Told, What,
};

use crate::choices::How;
use crate::laws::{Fact, contains, event, is_start};

pub(crate) fn no_resurrection(
    (before, after): (&Snapshot, &Snapshot),
    events: &[&Event],
) -> Result<(), String> {
    let stops = |snapshot: &Snapshot| {
        let root = snapshot.nodes.first().and_then(|root| root.told.as_ref());
        root.is_some_and(|(told, _)| *told == Told::Tree)
    };
    for event in events.iter().filter(|event| is_start(event)) {
        let path = &event.path;
        // Until it is asked a node goes on, and so do those that it starts (R5).
        let is_new = find(after, path).is_some_and(|node| node.restarts == 0);
        let parent = path.parent();
        let parent = parent.and_then(|parent| find(after, parent));
        if is_new && parent.is_some_and(goes_on) {
            continue;
        }
        if stops(before) || stops(after) {
            return Err(format!("L2: {path} starts in a tree that stops"));
        }
        for above in path.ancestors().skip(1) {
            if !find(after, above).is_some_and(stands) {
                return Err(format!("L2: {path} starts below {above}, which falls"));
            }
        }
    }
    Ok(())
}

pub(crate) fn largest_dead_subtree(after: &Snapshot, events: &[&Event]) -> Result<(), String> {
    let is_rise = |event: &Event| matches!(event.what, What::RestartScheduled { .. });
    for (at, event) in events
        .iter()
        .enumerate()
        .filter(|(_, event)| is_rise(event))
    {
        let path = &event.path;
        // What rose first in a pass may fall with its parent later in the same pass.
        let falls_later = |event: &&Event| matches!(event.what, What::Escalated { .. });
        if events[at..]
            .iter()
            .copied()
            .any(|event| falls_later(&event))
        {
            continue;
        }
        for node in &after.nodes {
            if contains(path, &node.path) && node.path != *path {
                return Err(format!(
                    "L4: {path} rises, and {} is left below it",
                    node.path
                ));
            }
            if contains(&node.path, path) && node.path != *path && !stands(node) {
                return Err(format!(
                    "L4: {path} rises, and {} above it falls",
                    node.path
                ));
            }
        }
    }
    Ok(())
}

pub(crate) fn last_words(
    fact: &Fact,
    (before, after): (&Snapshot, &Snapshot),
) -> Result<(), String> {
    let Fact::Exit {
        path,
        said,
        restart: Restart::Permanent,
        how,
        ..
    } = fact
    else {
        return Ok(());
    };
    let find = |snapshot: &Snapshot| {
        snapshot
            .nodes
            .iter()
            .find(|node| node.path == *path)
            .map(|node| (node.state, node.down, node.told.clone()))
    };
    let Some((State::Starting | State::Healthy | State::Finishing, _, None)) = find(before) else {
        return Ok(());
    };
    let is_ok = match (said, how, find(after)) {
        (Intent::GiveUp, _, Some((state, down, _))) => {
            state == State::Down && down == Some(Down::GaveUp)
        }
        (Intent::Restart, How::Ok | How::Err, Some((state, ..))) => state == State::Canceled,
        (Intent::Done, How::Ok, Some((state, ..))) => state == State::Done,
        (_, _, Some((state, ..))) => matches!(state, State::Dead | State::Down),
        // Forgotten, with all of the child of a pool that it stood below.
        (_, _, None) => true,
    };
    if is_ok {
        return Ok(());
    }
    Err(format!(
        "L6: {path} said {said:?}, returned {how:?}, and is {:?}",
        find(after)
    ))
}

pub(crate) fn stale_is_harmless(
    fact: &Fact,
    (before, after): (&Snapshot, &Snapshot),
    actions: &[Action],
) -> Result<(), String> {
    let Fact::Stale = fact else { return Ok(()) };
    let is_ignored = |action: &Action| {
        event(action).is_some_and(|event| matches!(event.what, What::SignalIgnored { .. }))
    };
    if !actions.iter().all(is_ignored) {
        return Err(format!(
            "L10: a stale message makes the core act: {actions:?}"
        ));
    }
    if format!("{:?}", before.nodes) != format!("{:?}", after.nodes) {
        return Err("L10: a stale message changes the tree".into());
    }
    Ok(())
}

fn find<'a>(snapshot: &'a Snapshot, path: &Path) -> Option<&'a NodeSnapshot> {
    snapshot.nodes.iter().find(|node| node.path == *path)
}

/// Is up, whether told to stop or not.
fn goes_on(node: &NodeSnapshot) -> bool {
    node.state.is_live() && node.state != State::Stopping
}

/// Neither falls nor stops.
fn stands(node: &NodeSnapshot) -> bool {
    node.told.is_none() && (goes_on(node) || node.state == State::Done)
}
