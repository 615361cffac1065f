//! The laws, asserted on what the core is seen to do, without the naive tree.

use std::collections::{BTreeMap, BTreeSet};

use perennial::Path;
use perennial::tree::{Action, Cause, Event, Intent, NodeSnapshot, Restart, Snapshot, State, What};

use crate::choices::How;
use crate::moments::{largest_dead_subtree, last_words, no_resurrection, stale_is_harmless};

/// What the core was just told.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// Nothing: it was let go on.
    Pass,
    /// An incarnation returned that had been running.
    Exit {
        path: Path,
        incarnation: u64,
        said: Intent,
        restart: Restart,
        how: How,
    },
    /// Something that names an incarnation that is no longer there.
    Stale,
    /// Anything else.
    Other,
}

/// What is watched from one step to the next.
#[derive(Debug, Default)]
pub(crate) struct Laws {
    /// The incarnations that have not ended, those of pools left out.
    pub(crate) living: BTreeMap<u64, Path>,
    /// The unexpected exits that wait for their answer.
    open: BTreeSet<String>,
}

impl Laws {
    pub(crate) fn check(
        &mut self,
        fact: &Fact,
        (before, after): (&Snapshot, &Snapshot),
        actions: &[Action],
    ) -> Result<(), String> {
        let events: Vec<_> = actions.iter().filter_map(event).collect();
        self.no_overlap(actions, &events)?;
        no_resurrection((before, after), &events)?;
        self.no_loss(fact, (before, after), &events)?;
        largest_dead_subtree(after, &events)?;
        self.barrier(after, &events)?;
        last_words(fact, (before, after))?;
        stale_is_harmless(fact, (before, after), actions)
    }

    fn no_overlap(&mut self, actions: &[Action], events: &[&Event]) -> Result<(), String> {
        for action in actions {
            let Action::Start { id, .. } = action else {
                continue;
            };
            let starting = events
                .iter()
                .find(|event| event.incarnation == id.incarnation() && is_start(event));
            let path = &starting.ok_or("L3: a start without an event")?.path;
            if let Some(other) = self.living.values().find(|other| contains(path, other)) {
                return Err(format!("L1: {path} starts while {other} has not ended"));
            }
            self.living.insert(id.incarnation(), path.clone());
        }
        Ok(())
    }

    fn no_loss(
        &mut self,
        fact: &Fact,
        (before, after): (&Snapshot, &Snapshot),
        events: &[&Event],
    ) -> Result<(), String> {
        let mut wanted = match fact {
            Fact::Exit { incarnation, .. } => Some(*incarnation),
            Fact::Pass | Fact::Stale | Fact::Other => None,
        };
        for (at, event) in events.iter().enumerate() {
            match &event.what {
                What::Exited { evidence } if wanted == Some(event.incarnation) => {
                    wanted = None;
                    self.note_exit(before, event);
                }
                // Whoever had returned, and is dead by what its child did.
                What::Exited { evidence } => match evidence.cause {
                    Some(Cause::Escalated(_)) => self.note_exit(before, event),
                    _ => return Err(format!("L3: {} exits, and did not", event.path)),
                },
                _ => self.note_answer(event, &events[..at])?,
            }
        }
        if wanted.is_some() {
            return Err("L3: an exit without an event".into());
        }
        self.nothing_is_dropped(after, events)
    }

    /// What had leaked is down already, and its exit is answered.
    fn note_exit(&mut self, before: &Snapshot, event: &Event) {
        let node = before.nodes.iter().find(|node| node.path == event.path);
        let was_down = node.is_some_and(|node| node.state == State::Down);
        if !was_down && matches!(event.state, State::Dead | State::Down) {
            self.open.insert(event.path.to_string());
        }
    }

    fn note_answer(&mut self, event: &Event, earlier: &[&Event]) -> Result<(), String> {
        let path = event.path.to_string();
        match &event.what {
            What::StartedAgain | What::Absorbed { .. } | What::CutShort => {
                if self.open.remove(&path) {
                    return Ok(());
                }
                Err(format!("L3: an answer and no question: {event}"))
            }
            What::Down { .. } => {
                self.open.remove(&path);
                Ok(())
            }
            // Going down and escalating are one answer.
            What::Escalated { .. } => {
                let is_down = |event: &&&Event| {
                    event.path == *path && matches!(event.what, What::Down { .. } | What::Leaked)
                };
                let is_down = earlier.iter().any(|event| is_down(&event));
                is_down
                    .then_some(())
                    .ok_or_else(|| format!("L3: {path} escalates and is not down"))
            }
            _ => Ok(()),
        }
    }

    fn nothing_is_dropped(&self, after: &Snapshot, events: &[&Event]) -> Result<(), String> {
        for path in &self.open {
            let node = after.find(path);
            let has_started = events
                .iter()
                .any(|event| event.path == **path && is_start(event));
            let waits = node.is_some_and(|node| matches!(node.state, State::Dead | State::Waiting));
            if has_started || !waits {
                return Err(format!("L3: the exit of {path} is not answered"));
            }
        }
        let has_ended = events
            .iter()
            .any(|event| matches!(event.what, What::Stopped));
        if has_ended && let Some(path) = self.open.first() {
            return Err(format!("L3: the tree ended, and {path} was not answered"));
        }
        Ok(())
    }

    fn barrier(&self, after: &Snapshot, events: &[&Event]) -> Result<(), String> {
        let started: BTreeMap<_, _> = events
            .iter()
            .filter(|event| is_start(event))
            .map(|event| (event.path.to_string(), event.incarnation))
            .collect();
        for path in started.keys() {
            let node = after.find(path).ok_or("L3: what starts is not there")?;
            let Some(group) = node
                .group
                .as_ref()
                .filter(|it| it.as_str().starts_with("all"))
            else {
                continue;
            };
            let of_group = |other: &&NodeSnapshot| {
                other.group.as_ref() == Some(group) && other.path.parent() == node.path.parent()
            };
            let mut members = after.nodes.iter().filter(of_group);
            if let Some(missing) = members.find(|member| {
                member.state != State::Down && !started.contains_key(&member.path.to_string())
            }) {
                return Err(format!("L5: {path} starts without {}", missing.path));
            }
            let members: Vec<_> = after.nodes.iter().filter(of_group).collect();
            let is_old = |(incarnation, path): &(&u64, &Path)| {
                let in_group = members.iter().any(|member| contains(&member.path, path));
                in_group && !started.values().any(|new| new == *incarnation)
            };
            if let Some((_, old)) = self.living.iter().find(is_old) {
                return Err(format!(
                    "L5: {path} starts and meets {old} of the last epoch"
                ));
            }
        }
        Ok(())
    }
}

pub(crate) fn event(action: &Action) -> Option<&Event> {
    match action {
        Action::Event(event) => Some(event),
        _ => None,
    }
}

pub(crate) fn is_start(event: &Event) -> bool {
    matches!(event.what, What::Starting { .. })
}

/// Whether `below` is `above`, or stands below it.
pub(crate) fn contains(above: &Path, below: &Path) -> bool {
    below.ancestors().any(|path| path == above)
}
