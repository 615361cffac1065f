//! What most tests in the harness bring on stage: a node that serves, a root above one, a second.

#[path = "serve.rs"]
mod serve;

use std::time::Duration;

use perennial::{Context, RunError};

pub(crate) use self::serve::serve;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A root that runs one child, `root.worker`, and is done.
pub(crate) async fn one(ctx: Context) -> Result<(), RunError> {
    ctx.run("worker", serve)?;
    ctx.done();
    Ok(())
}
