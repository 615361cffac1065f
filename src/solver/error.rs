//! Why there is no result.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use thiserror::Error;

use super::cell::{CellError, Fault};
use super::output::Output;
use crate::store::Digest;
use crate::{Panic, StartError};

/// Any error.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// How an operation fails: for good, or in passing.
///
/// An error becomes one that is for good by `?`, but for a [`BuildError`]: what a sub-build meets
/// in passing stays in passing.
pub type OperationError = Fault<BoxError>;

impl OperationError {
    /// A failure that comes again each time: it is kept as long as the vertex is.
    pub fn permanent(error: impl Into<BoxError>) -> Self {
        Self::Permanent(error.into())
    }

    /// A failure that may not come again: it is tried again as the solver is told to, and is not
    /// kept.
    pub fn transient(error: impl Into<BoxError>) -> Self {
        Self::Transient(error.into())
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for OperationError {
    fn from(error: E) -> Self {
        let error = BoxError::from(error);
        let built = error.downcast_ref::<BuildError>();
        if built.is_some_and(BuildError::is_transient) {
            Self::Transient(error)
        } else {
            Self::Permanent(error)
        }
    }
}

/// Why a build gives nothing.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A vertex has failed.
    #[error(transparent)]
    Failed(Arc<Failure>),
    /// A vertex has no such output.
    #[error("{vertex} has {outputs} outputs, and no output {index}")]
    NoOutput {
        /// The vertex.
        vertex: Arc<str>,
        /// What was asked for.
        index: usize,
        /// How many there are.
        outputs: usize,
    },
    /// A vertex needs permits that the solver never has.
    #[error("{vertex} needs {permits} permits of {limit}, which has {has}")]
    Limit {
        /// The vertex.
        vertex: Arc<str>,
        /// The limit.
        limit: String,
        /// What it needs.
        permits: u32,
        /// What there is; none if there is no such limit.
        has: u32,
    },
    /// A sub-build needs the vertex that has asked for it.
    #[error("a cycle: {}", .path.join(" -> "))]
    Cycle {
        /// The names of the vertices, the first one again at the end.
        path: Vec<String>,
    },
    /// The job was cancelled, or nobody wants the operation any more that asks for a sub-build.
    #[error("the job was cancelled")]
    Cancelled,
    /// The solver's node stops.
    #[error("the solver was stopped")]
    Stopped,
    /// The solver's node does not run.
    #[error("the solver does not run")]
    NotRunning,
    /// The solver's node starts nothing.
    #[error("the solver starts nothing")]
    NotStarted(#[source] Arc<StartError>),
}

impl BuildError {
    /// Whether it may go better the next time.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Failed(failure) => failure.is_transient,
            Self::NoOutput { .. } | Self::Limit { .. } | Self::Cycle { .. } => false,
            Self::Cancelled | Self::Stopped | Self::NotRunning | Self::NotStarted(_) => true,
        }
    }

    /// Whether it is a failure of this vertex, and not of one below it.
    pub(super) fn is_of(&self, vertex: Digest) -> bool {
        matches!(self, Self::Failed(failure) if failure.digest == vertex)
    }

    /// As a run tells it: kept or not.
    pub(super) fn into_fault(self) -> Fault<Self> {
        if self.is_transient() {
            Fault::Transient(self)
        } else {
            Fault::Permanent(self)
        }
    }

    /// What the end of a run is to the vertex that it is of.
    pub(super) fn from_run(error: CellError<Self>, vertex: &Arc<str>, digest: Digest) -> Self {
        match error {
            CellError::Failed(error) => error,
            CellError::Panicked(panic) => {
                Failure::new(vertex, digest, FailureCause::Panicked(panic)).into()
            }
            CellError::Stopped => Self::Stopped,
            CellError::NotStarted(error) => match *error {
                // The node stops, and that is not seen yet by who builds.
                StartError::Stopped { .. } => Self::Stopped,
                _ => Self::NotStarted(error),
            },
        }
    }
}

impl From<Failure> for BuildError {
    fn from(failure: Failure) -> Self {
        Self::Failed(Arc::new(failure))
    }
}

/// How a vertex has failed.
#[derive(Debug, Error)]
#[error("{vertex} has failed")]
#[non_exhaustive]
pub struct Failure {
    /// Its name.
    pub vertex: Arc<str>,
    /// Its digest.
    pub digest: Digest,
    /// Why.
    #[source]
    pub cause: FailureCause,
    is_transient: bool,
    held: Option<Held>,
}

/// Why a vertex has failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FailureCause {
    /// Its operation has failed.
    #[error("its operation")]
    Operation(#[source] BoxError),
    /// Its operation does not know its key.
    #[error("the key of its operation")]
    Key(#[source] BoxError),
    /// There is no digest of the content of an input.
    #[error("the content of its input {input}")]
    Content {
        /// The vertex that the input is of.
        input: Arc<str>,
        /// Why.
        source: BoxError,
    },
    /// It has panicked.
    #[error("it has panicked: {}", .0.message())]
    Panicked(Panic),
}

/// An output that an error keeps.
struct Held(Box<dyn Any + Send + Sync>);

impl Failure {
    pub(super) fn new(vertex: &Arc<str>, digest: Digest, cause: FailureCause) -> Self {
        Self {
            vertex: vertex.clone(),
            digest,
            cause,
            is_transient: false,
            held: None,
        }
    }

    /// The failure of an operation, in doing `what`.
    pub(super) fn of_operation(
        vertex: &Arc<str>,
        digest: Digest,
        error: OperationError,
        what: impl FnOnce(BoxError) -> FailureCause,
    ) -> Self {
        let (is_transient, error) = match error {
            Fault::Permanent(error) => (false, error),
            Fault::Transient(error) => (true, error),
        };
        Self {
            is_transient,
            ..Self::new(vertex, digest, what(error))
        }
    }

    pub(super) fn holding<V: Send + Sync + 'static>(mut self, output: Output<V>) -> Self {
        self.held = Some(Held(Box::new(output)));
        self
    }

    /// The input whose content has no digest, to be looked at: it lives as long as this error.
    #[must_use]
    pub fn input<V: 'static>(&self) -> Option<&Output<V>> {
        self.held.as_ref()?.0.downcast_ref()
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Held")
    }
}

/// What is told of a vertex of which the code has panicked.
pub(super) const PANICKED: &str = "it has panicked";

/// Does something if what it is in panics.
pub(super) struct OnPanic<F: Fn()>(pub(super) F);

impl<F: Fn()> Drop for OnPanic<F> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)();
        }
    }
}

/// That a live job has the id.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is a job {id:?} already")]
#[non_exhaustive]
pub struct DuplicateJob {
    /// The id.
    pub id: String,
}

/// That there is no job of the id, and none came.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no job {id:?}, and none came within {waited:?}")]
#[non_exhaustive]
pub struct NoSuchJob {
    /// The id.
    pub id: String,
    /// How long it was waited for.
    pub waited: Duration,
}
