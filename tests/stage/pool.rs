//! A root above a pool that the test made, `root.pool`.

use perennial::testing::Harness;
use perennial::{Context, Pool, RunError, Runnable, Supervisor, Tree};

use crate::serve::serve;

/// A root that declares the pool and serves: so a pool that is down does not end the tree.
pub(crate) fn root_above(pool: &Pool) -> impl Runnable + use<> {
    let pool = pool.clone();
    move |ctx: Context| {
        let run = ctx.run("pool", pool.clone());
        async move {
            run?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    }
}

/// Starts a tree with the pool in the harness, and lets it come up.
pub(crate) async fn up<'a>(h: &'a Harness, pool: &Pool) -> &'a Tree {
    let tree = h.start(root_above(pool));
    h.settled().await;
    tree
}

/// Starts a tree with the pool on the runtime that is there, and lets it come up.
pub(crate) async fn up_here(pool: &Pool) -> Tree {
    let tree = Supervisor::new(root_above(pool)).start();
    tree.settled().await;
    tree
}
