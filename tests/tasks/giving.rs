//! Tasks that give something, or say why they do not.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use perennial::{Context, Evidence, TaskError};
use tokio::time::timeout;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Why something failed, and why that.
#[derive(Debug)]
pub(crate) struct Why(pub(crate) &'static str, pub(crate) Option<Box<Self>>);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Why {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|why| why as _)
    }
}

/// Gives this after so many seconds, or when it is asked to stop.
pub(crate) fn gives<T: Send + 'static>(
    seconds: u32,
    output: T,
) -> impl FnOnce(Context) -> BoxFuture<'static, Result<T, Why>> {
    move |ctx| {
        Box::pin(async move {
            ctx.healthy();
            let _ = timeout(SECOND * seconds, ctx.cancelled()).await;
            Ok(output)
        })
    }
}

/// The evidence of a task that has failed.
#[track_caller]
pub(crate) fn failed<T: fmt::Debug>(result: Result<T, TaskError>) -> Arc<Evidence> {
    match result.expect_err("it has failed") {
        TaskError::Failed { path, source } => {
            assert_eq!(path, source.path);
            source
        }
        other => panic!("{other:?}"),
    }
}
