//! The laws, asserted on the events of a tree.

use std::collections::{BTreeMap, BTreeSet};

use perennial::{Event, Evidence, Exit, State, What};

/// What the events have said so far.
#[derive(Debug, Default)]
struct Seen {
    /// The incarnations that started and have not exited, by path.
    living: BTreeMap<String, u64>,
    started: BTreeSet<u64>,
    exited: BTreeSet<u64>,
    aborted: BTreeSet<u64>,
    /// The nodes whose unexpected exit has no answer yet.
    open: BTreeSet<String>,
    /// The nodes that were told to stop and have not started since.
    told: BTreeSet<String>,
}

/// Checks the whole log of a tree that has ended.
#[track_caller]
pub(crate) fn check(events: &[Event]) {
    let seen = check_part(events);
    let text = render(events);
    assert!(
        seen.living.is_empty(),
        "L3: no exit of {:?}\n{text}",
        seen.living
    );
    assert!(
        seen.open.is_empty(),
        "L3: no answer for {:?}\n{text}",
        seen.open
    );
    let ends = events.iter().filter(|it| matches!(it.what, What::Stopped));
    assert_eq!(ends.count(), 1, "R11: a tree ends once\n{text}");
    let is_last = matches!(events.last().map(|it| &it.what), Some(What::Stopped));
    assert!(is_last, "R11: something follows the end\n{text}");
}

/// Checks what there is of a log, as of a tree that was abandoned.
#[track_caller]
pub(crate) fn check_abandoned(events: &[Event]) {
    check_part(events);
}

#[track_caller]
fn check_part(events: &[Event]) -> Seen {
    let mut seen = Seen::default();
    for event in events {
        if let Err(why) = seen.take(event) {
            panic!("{why}: {event}\n{}", render(events));
        }
    }
    seen
}

impl Seen {
    fn take(&mut self, event: &Event) -> Result<(), &'static str> {
        let path = event.path.to_string();
        match &event.what {
            What::Starting { .. } => return self.start(path, event.incarnation),
            What::Exited { evidence } => {
                let is_first = self.exited.insert(event.incarnation);
                // Whoever has returned is read again when a child escalates to it.
                if !is_first && evidence.cause.is_none() {
                    return Err("L3: a second exit");
                }
                if !self.started.contains(&event.incarnation) {
                    return Err("L3: an exit without a start");
                }
                if is_aborted(evidence) && !self.aborted.contains(&event.incarnation) {
                    return Err("R10: aborted by nobody");
                }
                self.living.remove(&path);
                if event.state == State::Dead && !self.open.insert(path) {
                    return Err("L3: a second question");
                }
            }
            What::StartedAgain | What::Absorbed { .. } | What::CutShort => {
                if !self.open.remove(&path) {
                    return Err("L3: an answer without a question");
                }
            }
            What::Down { .. } | What::Escalated { .. } => {
                self.open.remove(&path);
            }
            What::Stopping { .. } => {
                self.told.insert(path);
            }
            // It is named instead, and its exit may still be told.
            What::Leaked => {
                self.living.remove(&path);
            }
            What::Aborted => {
                self.aborted.insert(event.incarnation);
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, path: String, incarnation: u64) -> Result<(), &'static str> {
        if !self.started.insert(incarnation) {
            return Err("L3: a second start");
        }
        if self.living.contains_key(&path) {
            return Err("L1: it starts before it has exited");
        }
        let is_below = |other: &&String| path.starts_with(&format!("{other}."));
        if self.told.iter().any(|other| is_below(&other)) {
            return Err("L2: it starts below what was told to stop");
        }
        self.told.remove(&path);
        // A pool has no code that could exit.
        if !path.ends_with(".pool") {
            self.living.insert(path, incarnation);
        }
        Ok(())
    }
}

fn is_aborted(evidence: &Evidence) -> bool {
    matches!(evidence.exit, Some(Exit::Aborted))
}

pub(crate) fn render(events: &[Event]) -> String {
    events.iter().map(|event| format!("{event}\n")).collect()
}
