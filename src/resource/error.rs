//! Why a resource was not released, or not yet.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;

use crate::Evidence;
use crate::resource::place::Place;
use crate::resource::shared::Shared;

/// Why a release went wrong. The value is gone all the same.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// The release returned an error, or a hook before it panicked.
    #[error("the release of {name} failed")]
    Failed {
        /// The resource.
        name: Cow<'static, str>,
        /// How it returned.
        source: Arc<Evidence>,
    },
    /// The release panicked.
    #[error("the release of {name} panicked")]
    Panicked {
        /// The resource.
        name: Cow<'static, str>,
        /// What is known of that.
        source: Arc<Evidence>,
    },
    /// The release took longer than the value says it may.
    #[error("the release of {name} took more than {within:?}")]
    TimedOut {
        /// The resource.
        name: Cow<'static, str>,
        /// How long it could take.
        within: Duration,
        /// What became of it.
        source: Arc<Evidence>,
    },
    /// The release was aborted, with its releaser or by an order.
    #[error("the release of {name} was cut short")]
    CutShort {
        /// The resource.
        name: Cow<'static, str>,
        /// How it returned, if it did.
        source: Arc<Evidence>,
    },
    /// The release blocks its thread and cannot be aborted. It is waited for no longer; what the
    /// resource needs is kept until it ends.
    #[error("the release of {name} took too long and cannot be aborted")]
    Leaked {
        /// The resource.
        name: Cow<'static, str>,
    },
    /// There was no releaser that ran, or it had as many releases as the tree allows a node
    /// ([`Supervisor::children_max`](crate::Supervisor::children_max)): what can be done at once
    /// was done ([`Release::release_now`](crate::resource::Release::release_now)).
    #[error("{name} was released without a releaser")]
    NoReleaser {
        /// The resource.
        name: Cow<'static, str>,
    },
}

impl ReleaseError {
    /// The resource.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Failed { name, .. }
            | Self::Panicked { name, .. }
            | Self::TimedOut { name, .. }
            | Self::CutShort { name, .. }
            | Self::Leaked { name }
            | Self::NoReleaser { name } => name,
        }
    }
}

/// What went wrong when references were closed: at least one [`ReleaseError`], and all there were.
///
/// A single close has more than one when it takes along what the resource was derived from.
#[derive(Clone, Debug)]
pub struct CloseError(Vec<ReleaseError>);

impl CloseError {
    /// The errors, if there are any.
    pub(super) fn gather(errors: Vec<ReleaseError>) -> Result<(), Self> {
        if errors.is_empty() {
            return Ok(());
        }
        Err(Self(errors))
    }

    /// All of them, in the order in which they happened.
    #[must_use]
    pub fn errors(&self) -> &[ReleaseError] {
        &self.0
    }

    pub(super) fn into_errors(self) -> Vec<ReleaseError> {
        self.0
    }
}

impl fmt::Display for CloseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [error] = self.errors() {
            return write!(f, "{error}");
        }
        write!(f, "{} releases went wrong", self.0.len())?;
        for error in &self.0 {
            write!(f, "\n  {error}")?;
            let mut source = error.source();
            while let Some(error) = source {
                write!(f, ": {error}")?;
                source = error.source();
            }
        }
        Ok(())
    }
}

impl Error for CloseError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.errors() {
            [error] => error.source(),
            _ => None,
        }
    }
}

/// That a reference was to be the only one, and is not.
///
/// One that another thread is just closing counts, and so does one that a weak reference is just
/// making.
pub struct StillInUse<T: ?Sized> {
    pub(super) reference: Shared<T>,
    pub(super) others: usize,
    pub(super) holders: Option<Vec<Place>>,
}

impl<T: ?Sized> StillInUse<T> {
    /// The reference, as it was.
    pub fn into_reference(self) -> Shared<T> {
        self.reference
    }

    /// How many others there were.
    #[must_use]
    pub const fn others(&self) -> usize {
        self.others
    }

    /// Where the others were made; empty if that is not tracked.
    #[must_use]
    pub fn holders(&self) -> &[Place] {
        self.holders.as_deref().unwrap_or_default()
    }
}

impl<T: ?Sized> fmt::Display for StillInUse<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, others) = (self.reference.name(), self.others);
        let noun = if others == 1 { "other" } else { "others" };
        write!(f, "{name} is still in use by {others} {noun}")?;
        write_holders(f, self.holders.as_deref())
    }
}

impl<T: ?Sized> fmt::Debug for StillInUse<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StillInUse")
            .field("reference", &self.reference)
            .field("others", &self.others)
            .field("holders", &self.holders)
            .finish()
    }
}

impl<T: ?Sized> Error for StillInUse<T> {}

/// Says where references were made.
pub(super) fn write_holders(f: &mut fmt::Formatter<'_>, holders: Option<&[Place]>) -> fmt::Result {
    for (index, holder) in holders.unwrap_or_default().iter().enumerate() {
        let before = if index == 0 { ", made at" } else { "," };
        write!(f, "{before} {holder}")?;
    }
    Ok(())
}

/// Why a reference that was to be the only one was not closed, or what its release met.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CloseExclusiveError<T: ?Sized> {
    /// There are others. Nothing has changed.
    #[error(transparent)]
    InUse(StillInUse<T>),
    /// It was the only one and is closed, and its release went wrong.
    #[error(transparent)]
    Release(CloseError),
}

/// Why a value was not taken out. Nothing has changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TakeError<T> {
    /// There are other references.
    #[error(transparent)]
    InUse(StillInUse<T>),
    /// It is a reference to a part of a resource, which cannot be taken out of it.
    #[error("{} cannot be taken: this is a part of it", .0.name())]
    Part(Shared<T>),
}

impl<T> TakeError<T> {
    /// The reference, as it was.
    pub fn into_reference(self) -> Shared<T> {
        match self {
            Self::InUse(still) => still.into_reference(),
            Self::Part(reference) => reference,
        }
    }
}
