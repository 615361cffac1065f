//! How a release went, for whoever awaits it.

use std::borrow::Cow;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use tokio::sync::oneshot;

use crate::resource::error::{CloseError, ReleaseError};
use crate::resource::record::Record;
use crate::{Cause, Child, Down, Ended, Evidence, Exit};

/// What became of a resource when one of its references was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Closed {
    /// There are others.
    NotLast {
        /// How many were left when this one was closed.
        left: usize,
    },
    /// It was the last one, and the value is released.
    Released,
}

/// Where a release says how it goes.
#[derive(Debug)]
pub(super) struct Outlet {
    child: Option<oneshot::Sender<Child>>,
    parent: oneshot::Sender<Pending>,
}

/// A release that has begun.
#[derive(Debug)]
pub(super) struct Pending {
    name: Cow<'static, str>,
    /// The node that releases it; nothing comes if there is none.
    child: oneshot::Receiver<Child>,
    /// The release that begins after this one, if this one takes its parent along.
    parent: Next,
}

/// Where a pending release hears of the next one.
#[derive(Debug)]
struct Next(oneshot::Receiver<Pending>);

/// The two ends between the release of a resource and whoever awaits it.
pub(super) fn outlet(record: &Record) -> (Outlet, Pending) {
    let (tell_child, child) = oneshot::channel();
    let (tell_parent, parent) = oneshot::channel();
    let outlet = Outlet {
        child: Some(tell_child),
        parent: tell_parent,
    };
    let name = record.name.clone();
    (
        outlet,
        Pending {
            name,
            child,
            parent: Next(parent),
        },
    )
}

impl Outlet {
    /// Takes out where the node that releases is told.
    pub(super) const fn take_child(&mut self) -> Option<oneshot::Sender<Child>> {
        self.child.take()
    }

    /// Says that the release of the parent has begun.
    pub(super) fn pass_on(self, parent: Pending) {
        // Nobody may await it any more.
        drop(self.parent.send(parent));
    }
}

impl Pending {
    /// Waits until the value is released, and those that it has taken along. Boxed, so that the
    /// closes that are not the last are small.
    pub(super) fn outcome(self) -> BoxFuture<'static, Result<(), CloseError>> {
        self.all().boxed()
    }

    async fn all(self) -> Result<(), CloseError> {
        let mut errors = Vec::new();
        let mut next = Some(self);
        while let Some(Self {
            name,
            child,
            parent,
        }) = next
        {
            let error = released(name, child).await.err();
            // What has leaked keeps its parent, for nobody knows how long.
            let has_leaked = matches!(error, Some(ReleaseError::Leaked { .. }));
            errors.extend(error);
            next = if has_leaked {
                None
            } else {
                parent.wait().await
            };
        }
        CloseError::gather(errors)
    }
}

impl Next {
    async fn wait(mut self) -> Option<Pending> {
        (&mut self.0).await.ok()
    }

    /// Takes out what has come, and lets nothing more come.
    fn close(&mut self) -> Option<Pending> {
        self.0.close();
        self.0.try_recv().ok()
    }
}

impl Drop for Next {
    /// One after the other: nobody may have heard of a whole chain of releases.
    fn drop(&mut self) {
        let mut next = self.close();
        while let Some(pending) = &mut next {
            next = pending.parent.close();
        }
    }
}

async fn released(
    name: Cow<'static, str>,
    child: oneshot::Receiver<Child>,
) -> Result<(), ReleaseError> {
    let Ok(child) = child.await else {
        return Err(ReleaseError::NoReleaser { name });
    };
    match child.ended().await {
        Ended {
            down: Some(Down::Leaked),
            ..
        } => Err(ReleaseError::Leaked { name }),
        Ended {
            evidence: Some(evidence),
            ..
        } => judge(name, evidence),
        // It never ran.
        Ended { evidence: None, .. } => Err(ReleaseError::NoReleaser { name }),
    }
}

/// Reads how the node that releases has returned.
fn judge(name: Cow<'static, str>, source: Arc<Evidence>) -> Result<(), ReleaseError> {
    match (&source.cause, &source.exit) {
        (None, Some(Exit::Returned)) => Ok(()),
        (None, Some(Exit::Failed(_))) => Err(ReleaseError::Failed { name, source }),
        (None, Some(Exit::Panicked(_))) => Err(ReleaseError::Panicked { name, source }),
        (Some(Cause::RunTimeout(within)), _) => {
            let within = *within;
            Err(ReleaseError::TimedOut {
                name,
                within,
                source,
            })
        }
        (None, Some(Exit::Aborted) | None) | (Some(_), _) => {
            Err(ReleaseError::CutShort { name, source })
        }
    }
}
