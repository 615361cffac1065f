//! The course of a program from its start to *gone*, decided without touching it.
//!
//! Facts and the time come in, acts and the next time to look at the clock go out; the keeper does
//! what is said here. Three things hold in every course:
//!
//! 1. The group is signalled only before the leader is reaped: until then its number is nobody
//!    else's.
//! 2. Each act follows from a fact, a stop or a time that was said; nothing ticks while a program
//!    runs.
//! 3. A course that was told of the leader's end comes to its own in bounded time, whatever is
//!    left alive.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::command::Scope;
use super::exit::Taken;
use super::ladder::{Ladder, Rung, Step};

/// How long nothing may come from an output that somebody else holds open after the leader's end.
pub(super) const IDLE_MAX: Duration = Duration::from_millis(200);
/// How long such an output is read altogether.
pub(super) const DRAIN_MAX: Duration = Duration::from_secs(2);
/// How long the members of a group may take to vanish when they were killed.
const EMPTY_MAX: Duration = Duration::from_secs(5);
/// Longer than anybody waits: more patience is the same, and a time that can be reckoned with.
const AGE: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// The pause between two looks at a group that is not empty yet: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// What a rung of the ladder says.
    Rung(Rung),
    /// Kill what is in scope; the rung is in the report, or nobody asked.
    Sweep,
    /// Reap the leader, whose number is free from then on.
    Reap,
    /// Look who in the group lives, and say so.
    Look,
    /// Remember who lives, for they are given up.
    NameSurvivors,
    /// Close the outputs that somebody else holds open.
    CutOutput,
}

#[derive(Debug)]
pub(super) struct Course {
    scope: Scope,
    steps: Vec<Step>,
    has_stdin: bool,
    /// How many outputs are open.
    outputs: usize,
    /// When an output said something last.
    moved: Option<Instant>,
    stage: Stage,
    stop: Option<Stop>,
    acts: VecDeque<Act>,
    taken: Vec<Taken>,
    ended: Option<Instant>,
}

#[derive(Debug)]
enum Stage {
    Running,
    /// The leader has ended as told and pins the group's number; what else is in the group has its
    /// rungs, too.
    Leaving(Look),
    /// What was in the group is killed, and the leader reaped.
    Emptying {
        give_up: Instant,
        look: Look,
    },
    Draining {
        since: Instant,
    },
    Gone,
}

/// When the group is looked at next. There is no event for an empty group.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    pause: Duration,
}

#[derive(Debug)]
struct Stop {
    asked: Instant,
    deadline: Option<Instant>,
    /// The step that is taken next.
    next: usize,
    /// When it is; never again after the last.
    until: Option<Instant>,
}

impl Course {
    pub(super) fn new(scope: Scope, ladder: &Ladder, has_stdin: bool, outputs: usize) -> Self {
        Self {
            scope,
            steps: ladder.steps.clone(),
            has_stdin,
            outputs,
            moved: None,
            stage: Stage::Running,
            stop: None,
            acts: VecDeque::new(),
            taken: Vec::new(),
            ended: None,
        }
    }

    /// Takes the next act off the list.
    pub(super) fn next_act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// When [`due`](Self::due) has something to do without another fact.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let rung = self.stop.as_ref().and_then(|stop| stop.until);
        match &self.stage {
            Stage::Running => rung,
            Stage::Leaving(look) => Some(rung.map_or(look.at, |rung| rung.min(look.at))),
            Stage::Emptying { look, .. } => Some(look.at),
            Stage::Draining { since } => Some(self.drained(*since)),
            Stage::Gone => None,
        }
    }

    pub(super) const fn is_told_to_stop(&self) -> bool {
        self.stop.is_some()
    }

    pub(super) fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Gone)
    }

    /// The rungs that were taken, and how long it all took.
    pub(super) fn report(&mut self, now: Instant) -> (Vec<Taken>, Duration) {
        let begun = self.stop.as_ref().map(|stop| stop.asked).or(self.ended);
        let took = begun.map_or(Duration::ZERO, |begun| now - begun);
        (std::mem::take(&mut self.taken), took)
    }

    /// Somebody wants an end, within this time at most. Of several deadlines the tightest holds.
    pub(super) fn stop(&mut self, now: Instant, within: Option<Duration>) {
        let deadline = within.and_then(|within| now.checked_add(within));
        match (&mut self.stop, &self.stage) {
            (Some(stop), _) => {
                let tighter = deadline.filter(|new| stop.deadline.is_none_or(|old| *new < old));
                if let (Some(deadline), Some(until)) = (tighter, stop.until) {
                    stop.deadline = Some(deadline);
                    let patience = until.saturating_duration_since(now);
                    let rest = rest(&self.steps[stop.next..]);
                    stop.until = Some(now + share(patience, rest, deadline, now));
                    self.due(now);
                }
            }
            (None, Stage::Running) => {
                self.stop = Some(Stop {
                    asked: now,
                    deadline,
                    next: 0,
                    until: Some(now),
                });
                self.climb(now);
            }
            // It ends already.
            (None, Stage::Leaving(_) | Stage::Emptying { .. }) => {}
            (None, Stage::Draining { .. } | Stage::Gone) => {}
        }
    }

    /// The leader has ended, and is not reaped.
    pub(super) fn exited(&mut self, now: Instant) {
        self.ended = Some(now);
        let has_rungs = self.stop.as_ref().is_some_and(|stop| stop.until.is_some());
        match self.scope {
            Scope::Leader => {
                self.acts.push_back(Act::Reap);
                self.drain(now);
            }
            Scope::Group if has_rungs => {
                self.stage = Stage::Leaving(Look::first(now));
                self.acts.push_back(Act::Look);
            }
            Scope::Group => self.sweep(now),
        }
    }

    /// So many live in the group.
    pub(super) fn looked(&mut self, now: Instant, alive: usize) {
        match &self.stage {
            Stage::Leaving(_) if alive == 0 => {
                self.acts.push_back(Act::Reap);
                self.drain(now);
            }
            Stage::Emptying { .. } if alive == 0 => self.drain(now),
            Stage::Emptying { give_up, .. } if now >= *give_up => {
                self.acts.push_back(Act::NameSurvivors);
                self.drain(now);
            }
            Stage::Leaving(_) | Stage::Emptying { .. } => {}
            Stage::Running | Stage::Draining { .. } | Stage::Gone => {}
        }
    }

    pub(super) const fn stdin_closed(&mut self) {
        self.has_stdin = false;
    }

    pub(super) const fn output_moved(&mut self, now: Instant) {
        self.moved = Some(now);
    }

    pub(super) fn output_ended(&mut self) {
        self.outputs -= 1;
        if self.outputs == 0 && matches!(self.stage, Stage::Draining { .. }) {
            self.stage = Stage::Gone;
        }
    }

    /// Does what the time asks for. Too early or too often is harmless, and after it nothing is due
    /// at `now` any more.
    pub(super) fn due(&mut self, now: Instant) {
        let until = self.stop.as_ref().and_then(|stop| stop.until);
        let has_rung = until.is_some_and(|until| until <= now);
        match &mut self.stage {
            Stage::Running | Stage::Leaving(_) if has_rung => self.climb(now),
            Stage::Leaving(look) | Stage::Emptying { look, .. } if look.at <= now => {
                look.again(now);
                self.acts.push_back(Act::Look);
            }
            Stage::Draining { since } => {
                let since = *since;
                if self.drained(since) <= now {
                    self.acts.push_back(Act::CutOutput);
                    self.stage = Stage::Gone;
                }
            }
            Stage::Running | Stage::Leaving(_) | Stage::Emptying { .. } | Stage::Gone => {}
        }
    }

    /// Takes the next rung, and those after it that need not be waited for.
    fn climb(&mut self, now: Instant) {
        while let Some(stop) = self
            .stop
            .as_mut()
            .filter(|stop| stop.until.is_some_and(|until| until <= now))
        {
            let is_late = stop.deadline.is_some_and(|deadline| deadline <= now);
            let step = self.steps.get(stop.next).filter(|_| !is_late).cloned();
            let after = now - stop.asked;
            let Some(Step { rung, patience }) = step else {
                stop.until = None;
                let rung = Rung::Kill;
                self.taken.push(Taken { rung, after });
                self.kill(now);
                return;
            };
            stop.next += 1;
            if rung == Rung::CloseStdin && !self.has_stdin {
                continue;
            }
            let rest = rest(&self.steps[stop.next..]);
            let deadline = stop.deadline;
            let patience = deadline.map_or(patience, |by| share(patience, rest, by, now));
            stop.until = Some(now + patience.min(AGE));
            self.taken.push(Taken { rung, after });
            self.acts.push_back(Act::Rung(rung));
        }
    }

    fn kill(&mut self, now: Instant) {
        match &self.stage {
            // The exit will come, and the rest is swept then.
            Stage::Running => self.acts.push_back(Act::Rung(Rung::Kill)),
            Stage::Leaving(_) => self.sweep(now),
            Stage::Emptying { .. } | Stage::Draining { .. } | Stage::Gone => {}
        }
    }

    fn sweep(&mut self, now: Instant) {
        self.acts.extend([Act::Sweep, Act::Reap, Act::Look]);
        self.stage = Stage::Emptying {
            give_up: now + EMPTY_MAX,
            look: Look::first(now),
        };
    }

    fn drain(&mut self, now: Instant) {
        self.stage = Stage::Draining { since: now };
        if self.outputs == 0 {
            self.stage = Stage::Gone;
        }
    }

    /// When an output is cut that was drained from `since` on.
    fn drained(&self, since: Instant) -> Instant {
        let idle = self.moved.map_or(since, |moved| moved.max(since)) + IDLE_MAX;
        idle.min(since + DRAIN_MAX)
    }
}

impl Look {
    fn first(now: Instant) -> Self {
        Self {
            at: now + PAUSE.0,
            pause: PAUSE.0,
        }
    }

    fn again(&mut self, now: Instant) {
        self.pause = (self.pause * 2).min(PAUSE.1);
        self.at = now + self.pause;
    }
}

fn rest(steps: &[Step]) -> Duration {
    let patience = steps.iter().map(|step| step.patience);
    patience.fold(Duration::ZERO, Duration::saturating_add)
}

/// What a rung gets of the time up to the deadline, if the rungs after it are to get theirs.
fn share(patience: Duration, rest: Duration, deadline: Instant, now: Instant) -> Duration {
    let left = deadline.saturating_duration_since(now);
    let wanted = patience.saturating_add(rest);
    if wanted <= left {
        return patience;
    }
    patience.mul_f64(left.as_secs_f64() / wanted.as_secs_f64())
}

#[cfg(test)]
#[path = "course_tests.rs"]
mod tests;
