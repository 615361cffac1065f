//! The seam for tests and tools: whatever wraps each run of each runnable.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use futures::future::BoxFuture;

use crate::exit::Exit;
use crate::runtime::context::Context;

/// One run of a runnable, as an interposer gets it: a future of its exit.
///
/// Poll it to let the runnable go on, drop it to end the runnable where it stands, return another
/// exit in place of its own. It does nothing unless polled.
#[must_use = "a run does nothing unless polled"]
pub struct Run(BoxFuture<'static, Exit>);

impl Run {
    pub(crate) fn new(run: impl Future<Output = Exit> + Send + 'static) -> Self {
        Self(Box::pin(run))
    }
}

impl Future for Run {
    type Output = Exit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Exit> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").finish_non_exhaustive()
    }
}

/// What wraps each run of each runnable of a tree.
#[derive(Clone)]
pub(crate) struct Interpose(Arc<dyn Fn(Context, Run) -> Run + Send + Sync>);

impl Interpose {
    pub(crate) fn new<F, Fut>(wrap: F) -> Self
    where
        F: Fn(Context, Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Exit> + Send + 'static,
    {
        Self(Arc::new(move |context, run| Run::new(wrap(context, run))))
    }

    /// Puts another one around this one.
    pub(crate) fn within(self, outer: Self) -> Self {
        Self(Arc::new(move |context, run| {
            let run = self.wrap(context.clone(), run);
            outer.wrap(context, run)
        }))
    }

    pub(crate) fn wrap(&self, context: Context, run: Run) -> Run {
        (self.0)(context, run)
    }
}
