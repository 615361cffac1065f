//! What a test needs that gives the orders itself.

use perennial::{Child, Context, Effect, OrderError, RunError};

use crate::cast::{Kept, slow};
use crate::serve::serve;

/// The handle of the first child that the root keeps.
pub(crate) fn first(kept: &Kept) -> Child {
    kept.lock()[0].clone()
}

/// Serves, above a child that takes its time to stop.
pub(crate) async fn above_slow(ctx: Context) -> Result<(), RunError> {
    ctx.run("slow", slow(3))?;
    serve(ctx).await;
    Ok(())
}

/// Why an order was refused. Each reason is one clause, which names the node.
#[track_caller]
pub(crate) fn why(result: Result<Effect, OrderError>) -> String {
    let text = result.expect_err("it is refused").to_string();
    assert!(!text.ends_with('.'), "{text}");
    assert!(!text.starts_with(char::is_uppercase), "{text}");
    text
}
