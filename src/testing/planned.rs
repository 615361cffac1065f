//! One fault that is planned, and one that has struck.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use crate::testing::fault::{Fault, Kind, When};

/// A fault that has not struck.
#[derive(Debug)]
pub(super) struct Planned {
    pub(super) fault: Fault,
    pub(super) need: Need,
    due: Due,
}

/// Whether a test is in order when a fault has not struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// It proves less than it says.
    Must,
    /// It is one of many.
    May,
}

/// When a fault strikes the node that it is planned for.
#[derive(Debug)]
enum Due {
    /// As soon as this one is polled.
    Incarnation(u64),
    Start(u64),
    At(Instant),
    /// So many times from now on.
    Point(String, u64),
}

/// How far an incarnation has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Progress {
    pub(super) incarnation: u64,
    /// Which start of its node it is.
    pub(super) start: u64,
    /// Its code was polled.
    pub(super) has_begun: bool,
}

impl Planned {
    /// Plans a fault of a node that has started so often, and of which this incarnation runs now.
    pub(super) fn new(
        fault: Fault,
        need: Need,
        (starts, running): (u64, Option<u64>),
    ) -> Result<Self, &'static str> {
        let now = Instant::now();
        let due = match (&fault.when, fault.kind) {
            (_, Kind::Block(time)) if now.checked_add(time).is_none() => {
                return Err("that is too long");
            }
            (When::Now, Kind::SlowStart(_)) => Due::Start(starts + 1),
            (When::Now, _) => Due::Incarnation(running.ok_or("it does not run")?),
            (When::AtStart(n), _) if *n <= starts => return Err("that start is past"),
            (When::AtStart(n), _) => Due::Start(*n),
            (When::After(time), _) => Due::At(now.checked_add(*time).ok_or("that is too far off")?),
            (When::AtPoint(point, n), _) => Due::Point(point.clone(), *n),
        };
        Ok(Self { fault, need, due })
    }

    /// Makes it strike this incarnation as a whole.
    pub(super) fn strike(&mut self, incarnation: u64) {
        self.due = Due::Incarnation(incarnation);
    }

    /// Whether it is for this incarnation alone.
    pub(super) fn is_for(&self, incarnation: u64) -> bool {
        matches!(self.due, Due::Incarnation(number) if number == incarnation)
    }

    /// Whether it strikes an incarnation of its node that has come so far.
    pub(super) fn is_due(&self, progress: Progress) -> bool {
        match self.due {
            _ if self.is_too_late(progress) => false,
            Due::Incarnation(number) => number == progress.incarnation,
            Due::Start(n) => n == progress.start,
            Due::At(at) => at <= Instant::now(),
            Due::Point(..) => false,
        }
    }

    /// When it strikes such an incarnation, if time brings it.
    pub(super) fn time(&self, progress: Progress) -> Option<Instant> {
        match self.due {
            Due::At(at) if !self.is_too_late(progress) => Some(at),
            Due::At(_) | Due::Incarnation(_) | Due::Start(_) | Due::Point(..) => None,
        }
    }

    /// Whether it has to wait for the next start.
    fn is_too_late(&self, progress: Progress) -> bool {
        progress.has_begun && matches!(self.fault.kind, Kind::SlowStart(_))
    }

    /// Counts that the code of a node has come to a point; whether this is the time.
    pub(super) fn is_at(&mut self, path: &str, point: &str) -> bool {
        match &mut self.due {
            Due::Point(at, times) if at == point && self.fault.path == path => {
                *times = times.saturating_sub(1);
                *times == 0
            }
            Due::Point(..) | Due::Incarnation(_) | Due::Start(_) | Due::At(_) => false,
        }
    }
}

/// A fault that has struck.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Strike {
    /// When, counted from the start of the test.
    pub at: Duration,
    /// The node.
    pub path: String,
    /// The number of its incarnation.
    pub incarnation: u64,
    pub(super) kind: Kind,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            path,
            incarnation,
            kind,
        } = self;
        let at = at.as_secs_f64();
        write!(f, "{at:>10.6} {path} #{incarnation} struck by {kind}")
    }
}
