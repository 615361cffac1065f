//! Pools as nodes: their own handles, and how long they and their tree live.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Backoff, Cause, Child, Context, Down, Effect, HealthyError, OrderError, Outcome, Pool, Restart,
    RunError, Runnable, StartError, State, Supervisor, once, runnable,
};

use crate::open::{assert_open, assert_stopped};
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

/// Why an order was refused.
#[track_caller]
fn why(refused: Result<Effect, OrderError>) -> String {
    refused.expect_err("it is refused").to_string()
}

/// The handle of a pool, and a root above it.
fn with_handle(pool: &Pool) -> (Arc<Mutex<Option<Child>>>, impl Runnable + use<>) {
    let (pool, kept) = (pool.clone(), Arc::new(Mutex::new(None)));
    let keeps = kept.clone();
    let root = move |ctx: Context| {
        let run = ctx.run("pool", pool.clone());
        let run = run.map(|child| *keeps.lock() = Some(child));
        async move {
            run?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    (kept, root)
}

#[test]
fn the_handle_of_a_pool_takes_orders() {
    // R13, R16, R3. It is healthy when it has started, across its restarts.
    let pool = Pool::new();
    let (kept, root) = with_handle(&pool);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let child = kept.lock().clone().expect("it was kept");
        assert_eq!(child.path().to_string(), "root.pool");
        child.healthy().await.unwrap();
        child.first_start().await.unwrap();
        assert!(child.ended().now_or_never().is_none());
        assert_eq!(why(child.start().await), "root.pool cannot start: it runs");
        let pooled = pool.start(serve).unwrap();
        assert_eq!(child.restart().await.unwrap(), Effect::Visible);
        assert_eq!(pooled.ended().await.state, State::Down);
        child.healthy().await.unwrap();
        let pooled = pool.start(serve).unwrap();
        pooled.healthy().await.unwrap();
        assert_eq!(child.terminate().await.unwrap(), Effect::Visible);
        let ended = child.ended().await;
        assert_eq!(
            (ended.state, ended.down),
            (State::Down, Some(Down::Terminated))
        );
        let error = child.healthy().await.expect_err("it is down");
        assert!(matches!(error, HealthyError::Down { .. }), "{error}");
        assert_eq!(child.terminate().await.unwrap(), Effect::Visible);
        assert_eq!(child.start().await.unwrap(), Effect::Visible);
        child.healthy().await.unwrap();
        child.first_start().await.expect("it had started once");
        pool.start(serve).unwrap().healthy().await.unwrap();
        assert_eq!(child.remove().await.unwrap(), Effect::Visible);
        assert_eq!(child.ended().await.down, Some(Down::Terminated));
        let text = "root.pool is gone";
        assert_eq!(why(child.start().await), text);
        assert_eq!(why(child.remove().await), text);
        assert_stopped(&pool);
    });
}

#[test]
fn the_handle_of_a_pool_tells_why_it_fell() {
    // R9, R13. Waited through while it is in backoff; an order takes it out of that.
    let pool = Pool::builder()
        .backoff(Backoff::constant(SECOND * 100))
        .build();
    let (kept, root) = with_handle(&pool);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let child = kept.lock().clone().expect("it was kept");
        let gives_up = |ctx: Context| async move { ctx.give_up() };
        let gives_up = runnable(gives_up).restart(Restart::Permanent);
        pool.start(gives_up).unwrap();
        h.until("root.pool", State::Waiting).await;
        assert!(child.healthy().now_or_never().is_none());
        assert_eq!(child.start().await.unwrap(), Effect::Visible);
        assert_eq!(h.now(), Duration::ZERO);
        child.healthy().await.unwrap();
        child.terminate().await.unwrap();
        let evidence = child.ended().await.evidence.expect("it has fallen");
        let escalated = matches!(evidence.cause, Some(Cause::Escalated(_)));
        assert!(escalated, "{}", evidence.chain());
    });
}

#[test]
fn a_tree_lives_as_long_as_a_pool_of_it() {
    // R11, R13. Empty or not; when the last pool is down, the tree has finished.
    let pool = Pool::new();
    let declared = pool.clone();
    let root = move |ctx: Context| {
        let run = ctx.run("pool", declared.clone());
        async move {
            run?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        let tree = h.start(root);
        h.settled().await;
        h.advance(SECOND * 3600).await;
        pool.start(once(serve)).unwrap().healthy().await.unwrap();
        drop(tree.node("root.pool").terminate());
        let report = h.stopped().await.expect("it has finished");
        assert_eq!(report.outcome, Outcome::Finished);
        assert_eq!(pool.children(), 0);
    });
}

#[test]
fn a_pool_handle_keeps_nothing_alive() {
    // R13, R11. Neither the tree, nor what it took; whoever waits is answered.
    let (pool, alive) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        let (_kept, root) = with_handle(&pool);
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        let code = |alive: &Arc<()>| {
            let alive = alive.clone();
            move |ctx: Context| async move {
                serve(ctx).await;
                drop(alive);
            }
        };
        let child = pool.start(code(&alive)).unwrap();
        child.healthy().await.unwrap();
        let unheard = pool.start(code(&alive)).unwrap();
        drop(tree);
        for child in [child, unheard] {
            h.wait(child.ended()).await;
            let error = child.healthy().await.expect_err("it is gone");
            assert!(matches!(error, HealthyError::Gone { .. }), "{error}");
            let error = child.terminate().await.expect_err("the tree has ended");
            assert!(matches!(error, OrderError::Ended { .. }), "{error}");
        }
        h.idle().await;
        assert_eq!((Arc::strong_count(&alive), pool.children()), (1, 0));
        let refused = pool.start(code(&alive)).expect_err("it is gone");
        assert!(matches!(refused, StartError::Stopped { .. }), "{refused}");
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_removed_pool_leaves_its_name_to_another() {
    // R16, R3, R13. While its parent starts; the handle of the first goes on refusing.
    let (removed, other) = (Pool::new(), Pool::new());
    let declared = (removed.clone(), other.clone());
    let root = move |ctx: Context| {
        let (removed, other) = declared.clone();
        async move {
            ctx.run("pool", removed)?.remove().await?;
            ctx.run("pool", other)?;
            serve(ctx).await;
            anyhow::Ok(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_stopped(&removed);
        let child = assert_open(&other).await;
        assert_eq!(child.path().to_string(), "root.pool.1");
    });
}

#[test]
fn a_pool_shows_where_it_is_and_how_many_children_it_has() {
    // R13, R17. In its text, and in the snapshot.
    let pool = Pool::new();
    assert_eq!(format!("{pool:?}"), "Pool(not declared)");
    let (_kept, root) = with_handle(&pool);
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_open(&pool).await;
        assert_eq!(format!("{pool:?}"), "Pool(root.pool, 1 children)");
        let snapshot = h.snapshot().await;
        let pools = snapshot.nodes.iter().filter(|node| node.is_pool);
        let paths: Vec<_> = pools.map(|node| node.path.to_string()).collect();
        assert_eq!(paths, ["root.pool"]);
    });
}
