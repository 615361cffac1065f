//! A node that serves.

use perennial::Context;

/// Serves until it is asked to stop.
pub(crate) async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}
