//! How the tree ends: told to, with nothing left to do, or by a failure (R11).

use std::sync::Arc;
use std::time::Duration;

use crate::tree::action::Action;
use crate::tree::core::Core;
use crate::tree::deadlines::Due;
use crate::tree::event::What;
use crate::tree::evidence::Evidence;
use crate::tree::report::{Failure, Outcome, Report, Stop};
use crate::tree::state::{Rung, Told};

/// Where the tree is going.
#[derive(Clone, Debug)]
pub(super) enum Course {
    /// It runs.
    Running,
    /// All of it was told to stop; at the deadline, if there is one, all of it is aborted.
    Stopping {
        deadline: Option<Duration>,
        failure: Option<Arc<Evidence>>,
    },
    /// It has ended.
    Ended,
}

impl Core {
    /// Requests that the tree stops. Idempotent and shared: of several deadlines the tightest wins.
    ///
    /// `within` bounds the stop: what has not ended by then is aborted, grace or no grace.
    pub fn stop(&mut self, now: Duration, within: Option<Duration>) {
        let wanted = within.map(|time| now.saturating_add(time));
        match &mut self.course {
            Course::Running => self.stop_all(now, wanted, None),
            Course::Stopping { deadline, .. } => {
                if wanted.is_some() && deadline.is_none_or(|present| wanted < Some(present)) {
                    let before = std::mem::replace(deadline, wanted);
                    self.move_deadline(before, wanted);
                    self.tighten_all(now);
                }
            }
            Course::Ended => {}
        }
        self.check_invariants();
    }

    /// Stops the tree because of a failure; the first one is the cause.
    pub(super) fn fail(&mut self, now: Duration, evidence: Arc<Evidence>) {
        if matches!(self.course, Course::Running) {
            self.stop_all(now, None, Some(evidence));
        }
    }

    fn stop_all(
        &mut self,
        now: Duration,
        deadline: Option<Duration>,
        failure: Option<Arc<Evidence>>,
    ) {
        self.course = Course::Stopping { deadline, failure };
        let by = self.nodes[self.root].path.clone();
        self.tell(self.root, now, Told::Tree, &by);
        self.move_deadline(None, deadline);
    }

    /// At the deadline, order ends: who is held is asked and aborted (R10).
    fn move_deadline(&mut self, before: Option<Duration>, after: Option<Duration>) {
        if let Some(before) = before {
            self.deadlines.remove(before, Due::Stop);
        }
        let is_anybody_held = self.nodes.iter().any(|(_, node)| node.is_held);
        if let Some(after) = after.filter(|_| is_anybody_held) {
            self.deadlines.insert(after, Due::Stop);
        }
    }

    fn tighten_all(&mut self, now: Duration) {
        let slots: Vec<_> = self.nodes.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            self.tighten(slot, now);
        }
    }

    pub(super) const fn is_stopping(&self) -> bool {
        matches!(self.course, Course::Stopping { .. })
    }

    /// Whether the tree has ended. No action follows the last [`Action::End`].
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.course, Course::Ended)
    }

    pub(super) const fn stop_deadline(&self) -> Option<Duration> {
        match &self.course {
            Course::Stopping { deadline, .. } => *deadline,
            Course::Running | Course::Ended => None,
        }
    }

    /// Ends the tree if nothing of it is left, or nothing is left to do.
    pub(super) fn finish(&mut self, now: Duration) {
        let is_out = self.nodes[self.root].is_out;
        let result = match &mut self.course {
            Course::Running if self.unfinished == 0 => Ok(Outcome::Finished),
            Course::Stopping { failure, .. } if is_out => match failure.take() {
                None => Ok(Outcome::Stopped),
                Some(evidence) => Err(evidence),
            },
            Course::Running | Course::Stopping { .. } | Course::Ended => return,
        };
        self.list_leaks();
        self.course = Course::Ended;
        self.deadlines.clear();
        self.ready.clear();
        self.turns.clear();
        self.removals.clear();
        self.tell_event(self.root, now, What::Stopped);
        let stops = std::mem::take(&mut self.stops);
        self.actions.push_back(Action::End(match result {
            Ok(outcome) => Ok(Report { outcome, stops }),
            Err(evidence) => Err(Failure {
                evidence: Some(evidence),
                stops,
            }),
        }));
    }

    /// Notes a stop that was not plain. Each node is listed once, with the last rung it got to.
    pub(super) fn report(&mut self, slot: usize, evidence: Option<Arc<Evidence>>) {
        if self.is_stopping() {
            self.list(slot, evidence);
        }
    }

    fn list(&mut self, slot: usize, evidence: Option<Arc<Evidence>>) {
        let node = &mut self.nodes[slot];
        let reported = node.rare().reported;
        if let Some(stop) = reported.map(|index| &mut self.stops[index]) {
            stop.rung = node.rung;
            stop.evidence = stop.evidence.take().or(evidence);
        } else {
            node.rare_mut().reported = Some(self.stops.len());
            self.stops.push(Stop {
                path: node.path.clone(),
                rung: node.rung,
                evidence,
            });
        }
    }

    /// Names what leaked before the tree stopped, and has not ended since (L9).
    fn list_leaks(&mut self) {
        let nodes = self
            .nodes
            .iter()
            .filter(|(_, node)| node.rung == Rung::Leaked);
        let leaked: Vec<_> = nodes.map(|(slot, _)| slot).collect();
        for slot in leaked {
            self.list(slot, self.nodes[slot].evidence.clone());
        }
        for (id, path) in std::mem::take(&mut self.abandoned) {
            let present = self.nodes.get(id.slot);
            if present.is_none_or(|node| node.incarnation != id.incarnation) {
                self.stops.push(Stop {
                    path,
                    rung: Rung::Leaked,
                    evidence: None,
                });
            }
        }
    }
}
