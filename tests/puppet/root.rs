//! A root above one child.

use futures::future::BoxFuture;
use perennial::{Context, RunError, Runnable};

/// A root that runs one child and is done.
pub(crate) fn root_of(
    name: &'static str,
    child: impl Runnable + Clone,
) -> impl Fn(Context) -> BoxFuture<'static, Result<(), RunError>> + Send + Sync + 'static {
    move |ctx| {
        let run = ctx.run(name, child.clone());
        Box::pin(async move {
            run?;
            ctx.done();
            Ok(())
        })
    }
}
