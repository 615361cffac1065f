//! A parent that lives, with a child below it.

use perennial::{Context, RunError};

use crate::stage::serve;

/// A root above `root.parent`, which serves above `root.parent.child`.
pub(crate) async fn nested(ctx: Context) -> Result<(), RunError> {
    ctx.run("parent", |ctx: Context| async move {
        ctx.run("child", serve)?;
        serve(ctx).await;
        Ok::<_, RunError>(())
    })?;
    ctx.done();
    Ok(())
}
