//! Places in the user's code where a test can let something go wrong.

use std::future::pending;

use thiserror::Error;

use crate::Context;
use crate::testing::fault::Kind;
use crate::testing::plan::Plan;
use crate::testing::victim::block;

/// A place in the code of a runnable where a test can let something go wrong.
///
/// Outside of a [`Harness`](crate::testing::Harness) it does nothing; nor does it on a thread other
/// than the harness's.
///
/// # Examples
///
/// ```
/// use perennial::{Context, State};
/// use perennial::testing::{Fault, FaultPoint, Harness};
///
/// static COMMIT: FaultPoint = FaultPoint::new("commit");
///
/// async fn root(ctx: Context) -> anyhow::Result<()> {
///     ctx.healthy();
///     loop {
///         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
///         COMMIT.reach(&ctx).await?;
///     }
/// }
///
/// Harness::run(None, |h| async move {
///     h.start(root);
///     h.settled().await;
///     h.inject(Fault::error("root").at_point("commit", 3));
///     h.until("root", State::Waiting).await;
///     assert_eq!(h.now().as_secs(), 3);
/// });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct FaultPoint(&'static str);

/// The error of a fault.
#[derive(Clone, Debug, Error)]
#[error("injected error{}", .point.map(|point| format!(" at {point}")).unwrap_or_default())]
pub struct InjectedError {
    path: String,
    point: Option<&'static str>,
}

impl InjectedError {
    pub(super) fn new(context: &Context, point: Option<&'static str>) -> Self {
        let path = context.path().to_string();
        Self { path, point }
    }

    /// The node at which it was injected.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }
}

impl FaultPoint {
    /// A place with this name.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// Says that the code has come here. A fault that was injected
    /// [here](crate::testing::Fault::at_point) strikes in this call: it returns an error, panics,
    /// hangs, blocks, or takes longer when it is a slow start. A kill and a slow stop strike the
    /// node as a whole.
    ///
    /// # Errors
    ///
    /// [`InjectedError`] if an error was injected; in a task that the node owns, if the node was
    /// killed here.
    ///
    /// # Cancel safety
    ///
    /// A call that is dropped has counted, and a fault that hangs or delays it has struck.
    pub async fn reach(&self, context: &Context) -> Result<(), InjectedError> {
        let Some(plan) = Plan::present() else {
            return Ok(());
        };
        match plan.at_point(context, self.0) {
            None => Ok(()),
            Some(Kind::Error) => Err(InjectedError::new(context, Some(self.0))),
            Some(Kind::Panic) => panic!("injected panic at {}", self.0),
            Some(Kind::Hang) => pending().await,
            Some(Kind::Block(time)) => {
                block(time);
                Ok(())
            }
            Some(Kind::SlowStart(by)) => {
                tokio::time::sleep(by).await;
                Ok(())
            }
            // They strike the node from outside of this call; a task that it owns hears of its end.
            Some(Kind::Kill) => {
                context.cancelled().await;
                Err(InjectedError::new(context, Some(self.0)))
            }
            Some(Kind::SlowStop(_)) => Ok(()),
        }
    }
}
