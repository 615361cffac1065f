//! Code that captures something of the test's.

use std::sync::Arc;

use futures::future::{Ready, ready};
use perennial::Context;

/// Returns at once. What it captured is gone when it has run, and when it never will.
pub(crate) fn captured(alive: &Arc<()>) -> impl FnOnce(Context) -> Ready<()> + use<> {
    let alive = alive.clone();
    move |_| {
        drop(alive);
        ready(())
    }
}
