//! The tree, through its public API: children of a node, and children of a pool.

use std::sync::Arc;

use perennial::{
    Backoff, Context, Pool, Restart, RunError, Runnable, Snapshot, Startable, Supervisor, Tree,
    runnable,
};

use tokio::task::yield_now;

use crate::side::Side;
use crate::stage::Stage;

/// A tree whose children run.
pub(crate) struct Family {
    stage: Arc<Stage>,
    tree: Tree,
}

/// Starts the children of a stage below a node, until all run.
pub(crate) async fn children(stage: &Arc<Stage>) -> Family {
    let declared = stage.clone();
    let tree = plant(move |ctx: Context| {
        let stage = declared.clone();
        async move {
            for name in &stage.names {
                ctx.run(name, child(&stage))?;
            }
            ctx.done();
            Ok::<(), RunError>(())
        }
    });
    Family::started(stage, tree).await
}

/// Starts the children of a stage in a pool, until all run.
pub(crate) async fn pool_children(stage: &Arc<Stage>) -> Family {
    let (tree, pool) = pooled().await;
    for _ in 0..stage.size() {
        pool.start(child(stage)).expect("there is room");
    }
    Family::started(stage, tree).await
}

/// A child that is started again without delay.
fn child(stage: &Arc<Stage>) -> impl Runnable + Startable + use<> {
    let stage = stage.clone();
    let child = runnable(move |ctx: Context| {
        let stage = stage.clone();
        async move {
            ctx.healthy();
            stage.run(ctx.cancelled()).await
        }
    });
    child.backoff(Backoff::none()).restart(Restart::Permanent)
}

/// A tree of this root that may have as many children as it likes.
pub(crate) fn plant(root: impl Runnable) -> Tree {
    Supervisor::new(root).children_max(usize::MAX).start()
}

/// A tree whose root has a pool.
pub(crate) async fn pooled() -> (Tree, Pool) {
    let pool = Pool::new();
    let declared = pool.clone();
    let tree = plant(move |ctx: Context| {
        let run = ctx.run("pool", declared.clone());
        async move {
            run?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    });
    tree.settled().await;
    (tree, pool)
}

/// Stops a tree in which nothing goes wrong.
pub(crate) async fn stop(tree: Tree) {
    let stopped = tree.stop().await;
    stopped.expect("a stop is no failure");
    drop(tree);
    // What owned it may go a turn later.
    yield_now().await;
}

/// How often a node of the tree was started again.
pub(crate) fn restarts(snapshot: &Snapshot) -> usize {
    let all: u64 = snapshot.nodes.iter().map(|node| node.restarts).sum();
    usize::try_from(all).expect("so few")
}

impl Family {
    async fn started(stage: &Arc<Stage>, tree: Tree) -> Self {
        stage.running.full().await;
        tree.settled().await;
        let stage = stage.clone();
        Self { stage, tree }
    }
}

impl Side for Family {
    async fn recover(&mut self, _failures: usize) {
        self.stage.running.full().await;
    }

    async fn settle(&mut self) {
        self.tree.settled().await;
    }

    async fn met(&mut self) -> usize {
        let snapshot = self.tree.snapshot().await;
        restarts(&snapshot)
    }

    async fn stop(self) {
        stop(self.tree).await;
    }
}
