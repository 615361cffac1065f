//! The laws, asserted on what the core is seen to do, without the naive tree.

use std::collections::{BTreeMap, BTreeSet};

use perennial::Path;
use perennial::tree::{
    Action, Cause, Event, GroupOptions, Intent, OrderKind, Restart, Snapshot, State, What,
};

use crate::choices::How;
use crate::groups::{barrier, in_order};
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
    /// What was chosen for each group, by its label.
    pub(crate) groups: BTreeMap<String, GroupOptions>,
    /// Those that their nodes run beside if they leak.
    pub(crate) abandons: BTreeSet<u64>,
    /// A lie: that all groups start in order.
    pub(crate) all_wait: bool,
    /// The places that were ordered to stop, and not to start since.
    terminated: BTreeSet<String>,
}

impl Laws {
    pub(crate) fn check(
        &mut self,
        fact: &Fact,
        (before, after): (&Snapshot, &Snapshot),
        actions: &[Action],
    ) -> Result<(), String> {
        let events: Vec<_> = actions.iter().filter_map(event).collect();
        self.forget_abandoned(&events);
        self.no_overlap(actions, &events)?;
        self.no_return(&events)?;
        no_resurrection((before, after), &events)?;
        self.no_loss(fact, (before, after), &events)?;
        largest_dead_subtree(after, &events)?;
        barrier(&self.groups, &self.living, (before, after), &events)?;
        in_order(&self.groups, self.all_wait, (before, after), &events)?;
        last_words(fact, (before, after))?;
        stale_is_harmless(fact, (before, after), actions)
    }

    /// An order was accepted.
    pub(crate) fn note_order(&mut self, path: &str, order: OrderKind) {
        match order {
            OrderKind::Terminate | OrderKind::Remove => self.terminated.insert(path.into()),
            _ => self.terminated.remove(path),
        };
    }

    /// Nobody that was ordered to stop starts, but by another order or in the next incarnation of
    /// its parent.
    fn no_return(&mut self, events: &[&Event]) -> Result<(), String> {
        for event in events {
            let path = event.path.to_string();
            if let What::Declared = event.what {
                self.terminated.remove(&path);
            }
            if is_start(event) && self.terminated.contains(&path) {
                return Err(format!("L2: {path} starts, and was ordered to stop"));
            }
        }
        Ok(())
    }

    fn forget_abandoned(&mut self, events: &[&Event]) {
        let leaked = |event: &&&Event| matches!(event.what, What::Leaked);
        for event in events.iter().filter(leaked) {
            if self.abandons.contains(&event.incarnation) {
                self.living.remove(&event.incarnation);
            }
        }
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
        for event in events {
            match &event.what {
                What::Exited { evidence } if wanted == Some(event.incarnation) => {
                    wanted = None;
                    self.note_exit(before, event);
                }
                // Whoever had returned, and is dead by what its child did; or is abandoned.
                What::Exited { evidence } => match (&evidence.cause, &evidence.exit) {
                    (Some(Cause::Escalated(_)), _) | (_, None) => self.note_exit(before, event),
                    _ => return Err(format!("L3: {} exits, and did not", event.path)),
                },
                _ => self.note_answer(event)?,
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

    fn note_answer(&mut self, event: &Event) -> Result<(), String> {
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
            // Going down and escalating are one answer; it may have been ordered to start since.
            What::Escalated { .. } => matches!(event.state, State::Down | State::Waiting)
                .then_some(())
                .ok_or_else(|| format!("L3: {path} escalates and is not down")),
            _ => Ok(()),
        }
    }

    fn nothing_is_dropped(&self, after: &Snapshot, events: &[&Event]) -> Result<(), String> {
        for path in &self.open {
            let node = after.find(path);
            let has_started = events
                .iter()
                .any(|event| event.path == **path && is_start(event));
            let waits = node.is_some_and(|node| {
                matches!(node.state, State::Dead | State::Canceled | State::Waiting)
            });
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
