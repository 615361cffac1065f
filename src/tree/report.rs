//! How a tree ended (R10, R11).

use std::error::Error;
use std::fmt;
use std::process::{ExitCode, Termination};
use std::sync::Arc;

use crate::path::Path;
use crate::tree::evidence::Evidence;
use crate::tree::state::Rung;

/// How a tree ended without a failure.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// Whether it had nothing left to do, or was told to stop.
    pub outcome: Outcome,
    /// The nodes whose stop was not plain, in the order in which they ended.
    pub stops: Vec<Stop>,
}

/// Why a tree ended, where that was no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Every node was done or down, and nothing waited.
    Finished,
    /// The tree was told to stop.
    Stopped,
}

/// A node that was aborted or leaked, or that met an error or a panic, while the tree stopped.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stop {
    /// The node.
    pub path: Path,
    /// How far up the stop ladder it was taken.
    pub rung: Rung,
    /// What it returned, if it returned.
    pub evidence: Option<Arc<Evidence>>,
}

impl Report {
    /// The nodes that have not ended.
    pub fn leaked(&self) -> impl Iterator<Item = &Path> {
        self.stops
            .iter()
            .filter(|stop| stop.rung == Rung::Leaked)
            .map(|stop| &stop.path)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.outcome {
            Outcome::Finished => "finished",
            Outcome::Stopped => "stopped",
        })?;
        for Stop {
            path,
            rung,
            evidence,
        } in &self.stops
        {
            write!(f, "\n  {path}: {rung}")?;
            if let Some(evidence) = evidence {
                write!(f, ": {}", evidence.chain())?;
            }
        }
        Ok(())
    }
}

/// A report is exit code 0, whether the tree finished or was told to stop.
impl Termination for Report {
    fn report(self) -> ExitCode {
        ExitCode::SUCCESS
    }
}

/// Why a tree ended that should not have: the first cause, with all it follows from.
///
/// Its [`Debug`](fmt::Debug) text is the whole chain of causes, so that a `main` that returns
/// `Result<(), Failure>` prints it and ends with exit code 1.
#[derive(Clone)]
#[non_exhaustive]
pub struct Failure {
    /// The first cause, or `None` if the tree was aborted: its last handle was dropped, a panic was
    /// propagated to another caller, or its runtime ended.
    pub evidence: Option<Arc<Evidence>>,
    /// The nodes whose stop was not plain, in the order in which they ended.
    pub stops: Vec<Stop>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.evidence {
            Some(evidence) => write!(f, "{evidence}"),
            None => f.write_str("the tree was aborted, or its runtime has ended"),
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::exit::chain(self))
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.evidence
            .as_ref()
            .and_then(|evidence| evidence.source())
    }
}
