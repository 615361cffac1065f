//! The stop ladder: what is tried, in which order, and how long each may take.

use std::fmt;
use std::time::Duration;

use super::signal::Signal;

/// How a program is stopped: rungs that ask, each with its patience, and at the end SIGKILL.
///
/// By default standard input is closed if we hold it, and a second is waited; then the group is
/// sent SIGTERM, and has three seconds and a half. A suspended program is woken after each signal,
/// for it could not notice it.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
/// use perennial::process::{Ladder, Signal};
///
/// let ladder = Ladder::new()
///     .signal_leader(Signal::QUIT, Duration::from_secs(10)) // as nginx likes it
///     .signal(Signal::TERM, Duration::from_secs(2));
/// assert_eq!(ladder.total(), Duration::from_secs(12));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ladder {
    pub(super) steps: Vec<Step>,
}

/// A rung, and how long it is waited for before the next is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) rung: Rung,
    pub(super) patience: Duration,
}

/// What is done on one rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rung {
    /// Standard input is closed. Passed over if we do not hold it.
    CloseStdin,
    /// The leader is sent this signal.
    SignalLeader(Signal),
    /// Everything in the program's scope is sent this signal.
    Signal(Signal),
    /// Everything in the program's scope is sent SIGKILL; always the last rung.
    Kill,
}

impl Ladder {
    /// A ladder that kills at once; the methods put rungs before that.
    #[must_use]
    pub const fn new() -> Self {
        Self { steps: Vec::new() }
    }

    /// Closes standard input, then waits for this long.
    #[must_use]
    pub fn close_stdin(self, patience: Duration) -> Self {
        self.step(Rung::CloseStdin, patience)
    }

    /// Sends a signal to everything in the program's scope, then waits for this long.
    #[must_use]
    pub fn signal(self, signal: Signal, patience: Duration) -> Self {
        self.step(Rung::Signal(signal), patience)
    }

    /// Sends a signal to the leader alone, then waits for this long: for programs that stop their
    /// own workers, and would start them again.
    #[must_use]
    pub fn signal_leader(self, signal: Signal, patience: Duration) -> Self {
        self.step(Rung::SignalLeader(signal), patience)
    }

    fn step(mut self, rung: Rung, patience: Duration) -> Self {
        self.steps.push(Step { rung, patience });
        self
    }

    /// How long it takes until a program is killed that heeds nothing.
    #[must_use]
    pub fn total(&self) -> Duration {
        let patience = self.steps.iter().map(|step| step.patience);
        patience.fold(Duration::ZERO, Duration::saturating_add)
    }
}

impl Default for Ladder {
    fn default() -> Self {
        Self::new()
            .close_stdin(Duration::from_secs(1))
            .signal(Signal::TERM, Duration::from_millis(3500))
    }
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloseStdin => f.write_str("stdin closed"),
            Self::SignalLeader(signal) => write!(f, "{signal} to the leader"),
            Self::Signal(signal) => write!(f, "{signal}"),
            Self::Kill => f.write_str("killed"),
        }
    }
}
