//! Who falls together rises, is due and starts together (L5); and in order, each after the one
//! before it (R10b).

use std::collections::BTreeMap;
use std::time::Duration;

use perennial::Path;
use perennial::tree::{
    Down, Event, GroupOptions, NodeSnapshot, Sequence, Snapshot, State, Strategy, Wait, What,
};

use crate::laws::{contains, is_start};

type Groups = BTreeMap<String, GroupOptions>;

/// L5: all have ended, all are due at one time, and all start, or in order the first.
pub(crate) fn barrier(
    groups: &Groups,
    living: &BTreeMap<u64, Path>,
    (before, after): (&Snapshot, &Snapshot),
    events: &[&Event],
) -> Result<(), String> {
    for event in events {
        let (Some(node), Some(now)) = (find(before, &event.path), find(after, &event.path)) else {
            continue;
        };
        let Some(options) = falls_together(groups, now) else {
            continue;
        };
        if node.wait == Some(Wait::Ending) {
            continue;
        }
        let is_first = |other: &&NodeSnapshot| other.path == node.path;
        let has_others = options.strategy == Strategy::RestForOne;
        // What comes before it may belong to another fall.
        for other in members(before, node).skip_while(|it| has_others && !is_first(it)) {
            match event.what {
                What::RestartScheduled { due, .. } => {
                    rises_with(event, due, other, events)?;
                    meets_nothing_old(event, other, living, events)?;
                }
                What::Starting { .. } if options.sequence == Sequence::Together => {
                    starts_with((before, after), (event, node), other, events)?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whoever has fallen rises with it, unless somebody of the group stays down.
fn rises_with(
    event: &Event,
    due: Duration,
    other: &NodeSnapshot,
    events: &[&Event],
) -> Result<(), String> {
    let has_fallen = matches!(other.state, State::Dead | State::Canceled);
    let rise = events.iter().find_map(|event| match event.what {
        What::RestartScheduled { due, .. } if event.path == other.path => Some(due),
        _ => None,
    });
    let lies_down = events.iter().any(|event| {
        let is_down = matches!(event.what, What::Down { .. });
        event.path == other.path && is_down
    });
    if !has_fallen || rise == Some(due) || lies_down {
        return Ok(());
    }
    let path = &event.path;
    Err(format!("L5: {path} rises without {}", other.path))
}

fn meets_nothing_old(
    event: &Event,
    other: &NodeSnapshot,
    living: &BTreeMap<u64, Path>,
    events: &[&Event],
) -> Result<(), String> {
    let has_fallen = matches!(other.state, State::Dead | State::Canceled);
    let is_new = |incarnation: u64| {
        let mut starts = events.iter().filter(|event| is_start(event));
        starts.any(|event| event.incarnation == incarnation)
    };
    let mut old = living
        .iter()
        .filter(|(incarnation, _)| !is_new(**incarnation));
    let old = old.find(|(_, path)| contains(&other.path, path));
    match old.filter(|_| has_fallen) {
        None => Ok(()),
        Some((_, old)) => Err(format!("L5: {} rises and meets {old}", event.path)),
    }
}

/// Whoever is due at the same time starts in the same pass.
fn starts_with(
    (before, after): (&Snapshot, &Snapshot),
    (event, node): (&Event, &NodeSnapshot),
    other: &NodeSnapshot,
    events: &[&Event],
) -> Result<(), String> {
    let due = |node: &NodeSnapshot| {
        let risen = events.iter().find_map(|event| match event.what {
            What::RestartScheduled { due, .. } if event.path == node.path => Some(due),
            _ => None,
        });
        risen.or_else(|| Some(before.at + node.due?))
    };
    let is_due = due(node).is_some() && due(node) == due(other);
    let has_started = events
        .iter()
        .any(|event| event.path == other.path && is_start(event));
    let may_start = find(after, &other.path)
        .is_some_and(|other| other.state == State::Waiting || other.state.is_live());
    if !is_due || has_started || !may_start || other.wait == Some(Wait::Ending) {
        return Ok(());
    }
    let path = &event.path;
    Err(format!("L5: {path} starts without {}", other.path))
}

/// R10b: each member starts when the nearest one before it that is not down is healthy or done.
pub(crate) fn in_order(
    groups: &Groups,
    all_wait: bool,
    (before, after): (&Snapshot, &Snapshot),
    events: &[&Event],
) -> Result<(), String> {
    for event in events.iter().filter(|event| is_start(event)) {
        let (Some(was), Some(node)) = (find(before, &event.path), find(after, &event.path)) else {
            continue;
        };
        let waits = was.wait == Some(Wait::InOrder) || all_wait;
        if !waits || options(groups, node).is_none() {
            continue;
        }
        let earlier = members(after, node).take_while(|other| other.path != node.path);
        let nearest = earlier.filter(|other| other.state != State::Down).last();
        let is_up = |other: &NodeSnapshot| {
            matches!(other.state, State::Healthy | State::Finishing | State::Done)
        };
        if let Some(other) = nearest.filter(|other| !is_up(other)) {
            let (path, other) = (&event.path, &other.path);
            return Err(format!("R10b: {path} starts and {other} is not healthy"));
        }
    }
    Ok(())
}

fn falls_together(groups: &Groups, node: &NodeSnapshot) -> Option<GroupOptions> {
    options(groups, node).filter(|options| options.strategy != Strategy::OneForOne)
}

fn options(groups: &Groups, node: &NodeSnapshot) -> Option<GroupOptions> {
    groups.get(node.group.as_ref()?.as_str()).copied()
}

/// The members of its group; none, if one of them stays down, for others may belong to its fall.
fn members<'a>(
    snapshot: &'a Snapshot,
    node: &'a NodeSnapshot,
) -> impl Iterator<Item = &'a NodeSnapshot> {
    let is_member = move |other: &&NodeSnapshot| {
        other.group == node.group && other.path.parent() == node.path.parent()
    };
    let members = || snapshot.nodes.iter().filter(is_member);
    let stays_down = |other: &NodeSnapshot| match other.down {
        Some(Down::Spent | Down::GaveUp | Down::Leaked | Down::StartFailed) => true,
        Some(_) | None => false,
    };
    let is_known = !members().any(stays_down);
    members().filter(move |_| is_known)
}

fn find<'a>(snapshot: &'a Snapshot, path: &Path) -> Option<&'a NodeSnapshot> {
    snapshot.nodes.iter().find(|node| node.path == *path)
}
