//! What a job hears of its vertices.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::store::Digest;

/// With how many things a vertex may be at once: of those before them nobody needs to know.
const STATUSES_MAX: usize = 100;

/// Notes how far a vertex is with something: in the place of what was known of that, or as the
/// newest.
pub(super) fn note_status<T>(statuses: &mut Vec<T>, new: T, is_same: impl Fn(&T) -> bool) {
    if let Some(status) = statuses.iter_mut().find(|status| is_same(status)) {
        *status = new;
        return;
    }
    if statuses.len() == STATUSES_MAX {
        statuses.remove(0);
    }
    statuses.push(new);
}

/// Something that happened to a vertex of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobEvent {
    /// Its number in the job, from 0. The numbers rise by one, but where a status has been replaced
    /// by a newer one.
    pub number: u64,
    /// When, from the beginning of the job.
    pub at: Duration,
    /// The vertex.
    pub vertex: Digest,
    /// What.
    pub kind: JobEventKind,
}

/// What happened to a vertex.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobEventKind {
    /// The job has it.
    Declared {
        /// Its name.
        name: Arc<str>,
        /// The vertices that its inputs are of.
        inputs: Arc<[Digest]>,
    },
    /// It runs.
    Started {
        /// Its number among the runs of this work.
        run: u64,
    },
    /// A store has its result.
    Cached {
        /// Which store.
        store: Arc<str>,
    },
    /// It has run.
    Completed {
        /// Its number.
        run: u64,
    },
    /// It has failed.
    Failed {
        /// Why, with all causes.
        error: Arc<str>,
    },
    /// Nobody wanted it any more, or the solver was stopped.
    Cancelled,
    /// How far it is.
    Status {
        /// With what.
        id: Arc<str>,
        /// So much is done.
        done: u64,
        /// Of so much; 0 if that is not known.
        total: u64,
    },
    /// It says something.
    Log {
        /// What.
        line: Arc<str>,
    },
    /// Something is not as it should be, and it goes on.
    Warning {
        /// What.
        text: Arc<str>,
    },
}

/// How a vertex is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum VertexState {
    /// It has not run, and may not have to.
    #[default]
    Declared,
    /// It runs.
    Running,
    /// A store had its result.
    Cached,
    /// It has run.
    Completed,
    /// It has failed.
    Failed,
    /// It was cancelled.
    Cancelled,
}

/// How far a vertex is with something.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Status {
    /// With what.
    pub id: Arc<str>,
    /// So much is done.
    pub done: u64,
    /// Of so much; 0 if that is not known.
    pub total: u64,
}

impl JobEventKind {
    /// The state that it leads to, if it leads to another one.
    pub(super) const fn leads_to(&self) -> Option<VertexState> {
        Some(match self {
            Self::Started { .. } => VertexState::Running,
            Self::Cached { .. } => VertexState::Cached,
            Self::Completed { .. } => VertexState::Completed,
            Self::Failed { .. } => VertexState::Failed,
            Self::Cancelled => VertexState::Cancelled,
            Self::Declared { .. }
            | Self::Status { .. }
            | Self::Log { .. }
            | Self::Warning { .. } => return None,
        })
    }
}

impl fmt::Display for VertexState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Declared => "declared",
            Self::Running => "running",
            Self::Cached => "cached",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        })
    }
}
