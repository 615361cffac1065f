//! How a program ended, and what was left of it.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::error::StartError;
use super::ladder::Rung;
use super::signal::Signal;
use super::table::ProcessId;

/// How a program ended: a fact, stored once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExitStatus {
    /// How it ended.
    pub cause: ExitCause,
    /// When that was seen.
    pub at: SystemTime,
    /// Whether it had been told to stop before.
    pub requested: bool,
}

/// The ways in which a program ends, or does not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ExitCause {
    /// It exited with this code.
    Code(i32),
    /// A signal ended it.
    Signal {
        /// Which one.
        signal: Signal,
        /// Whether the system wrote a core file.
        core_dumped: bool,
    },
    /// There was no such program: it was never started, and this is why.
    NeverStarted(StartError),
    /// It is gone, and how is not known: somebody else in this process waited for it.
    Lost(Arc<std::io::Error>),
}

impl ExitStatus {
    pub(super) fn now(cause: ExitCause, requested: bool) -> Self {
        Self {
            cause,
            at: SystemTime::now(),
            requested,
        }
    }

    /// The code of a program that exited by itself.
    #[must_use]
    pub const fn code(&self) -> Option<i32> {
        match self.cause {
            ExitCause::Code(code) => Some(code),
            ExitCause::Signal { .. } | ExitCause::NeverStarted(_) | ExitCause::Lost(_) => None,
        }
    }

    /// The signal that ended the program.
    #[must_use]
    pub const fn signal(&self) -> Option<Signal> {
        match self.cause {
            ExitCause::Signal { signal, .. } => Some(signal),
            ExitCause::Code(_) | ExitCause::NeverStarted(_) | ExitCause::Lost(_) => None,
        }
    }

    /// Whether it exited with code 0.
    #[must_use]
    pub const fn is_success(&self) -> bool {
        matches!(self.cause, ExitCause::Code(0))
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            ExitCause::Code(code) => write!(f, "exited with code {code}"),
            ExitCause::Signal {
                signal,
                core_dumped,
            } => {
                let core = if *core_dumped { ", core dumped" } else { "" };
                write!(f, "ended by {signal}{core}")
            }
            ExitCause::NeverStarted(error) => write!(f, "never started: {error}"),
            ExitCause::Lost(error) => write!(f, "lost: {error}"),
        }?;
        f.write_str(if self.requested { " as told" } else { "" })
    }
}

/// A rung of the stop ladder that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// What was done.
    pub rung: Rung,
    /// How long after the program was told to stop.
    pub after: Duration,
}

/// The end of all that a program was: its leader is reaped, its group is empty, its output is read
/// to the end or was cut.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Gone {
    /// How the leader ended.
    pub exit: ExitStatus,
    /// The rungs that were taken, in order; none if nobody told it to stop.
    pub rungs: Vec<Taken>,
    /// How long it took from being told to stop, or from the leader's end if nobody did.
    pub took: Duration,
    /// What could not be ended, or had left the group while it was told to stop, and still lives.
    pub survivors: Vec<ProcessId>,
    /// Whether somebody kept an end of the output open, so that reading it was given up.
    pub output_cut: bool,
}

impl Gone {
    pub(super) const fn of(exit: ExitStatus) -> Self {
        Self {
            exit,
            rungs: Vec::new(),
            took: Duration::ZERO,
            survivors: Vec::new(),
            output_cut: false,
        }
    }

    /// Whether the ladder had to go to its end.
    #[must_use]
    pub fn was_killed(&self) -> bool {
        self.rungs
            .last()
            .is_some_and(|taken| taken.rung == Rung::Kill)
    }
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.exit)?;
        for Taken { rung, after } in &self.rungs {
            write!(f, ", {rung} after {after:?}")?;
        }
        if !self.rungs.is_empty() && !self.was_killed() {
            write!(f, ", before rung {}", self.rungs.len() + 1)?;
        }
        for survivor in &self.survivors {
            write!(f, ", survived by {survivor}")?;
        }
        f.write_str(if self.output_cut { ", output cut" } else { "" })
    }
}
