//! What most tests of orders bring on stage: roots that keep the handles of their children.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{Child, Context, RunError, Runnable, Tree};
use tokio::time::sleep;

use crate::serve::serve;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) type Root = BoxFuture<'static, Result<(), RunError>>;
pub(crate) type Kept = Arc<Mutex<Vec<Child>>>;

/// A root that declares its children in this way, keeps their handles for the test, and serves.
pub(crate) fn root_of<F>(declare: F) -> (Kept, impl Fn(Context) -> Root + Send + Sync + 'static)
where
    F: Fn(&Context) -> Result<Vec<Child>, RunError> + Send + Sync + 'static,
{
    let kept = Kept::default();
    let keeps = kept.clone();
    let root = move |ctx: Context| {
        let declared = declare(&ctx).map(|children| *keeps.lock() = children);
        Box::pin(async move {
            declared?;
            serve(ctx).await;
            Ok(())
        }) as Root
    };
    (kept, root)
}

/// A root above one child, `root.child`.
pub(crate) fn one(
    child: impl Runnable + Clone,
) -> (Kept, impl Fn(Context) -> Root + Send + Sync + 'static) {
    root_of(move |ctx| Ok(vec![ctx.run("child", child.clone())?]))
}

/// Starts a tree in the harness, and lets it come up.
pub(crate) async fn up(h: &Harness, root: impl Runnable) -> &Tree {
    let tree = h.start(root);
    h.settled().await;
    tree
}

/// A second on the clock of the harness.
pub(crate) async fn a_second() {
    sleep(SECOND).await;
}

/// Serves, and takes its time to stop.
pub(crate) fn slow(
    seconds: u64,
) -> impl Fn(Context) -> BoxFuture<'static, ()> + Clone + Send + Sync {
    move |ctx| {
        Box::pin(async move {
            serve(ctx).await;
            for _ in 0..seconds {
                a_second().await;
            }
        })
    }
}
