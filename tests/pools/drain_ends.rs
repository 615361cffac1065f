//! Drains that end with something else than the last child that ends by itself.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::join;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{Backoff, Context, Hold, OrderError, Pool, Restart, RunError, State, runnable};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::drain::{again, works};
use crate::open::{assert_open, assert_stopped};
use crate::pool::{up, up_here};
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_drain_ends_when_its_pool_is_restarted() {
    // R13, R16. The present ones are stopped then; those of the next incarnation are no concern.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        for is_polled in [true, false] {
            let child = assert_open(&pool).await;
            let mut drained = Box::pin(pool.drain());
            if is_polled {
                assert!((&mut drained).now_or_never().is_none());
            }
            tree.node("root.pool").restart().await.unwrap();
            assert_open(&pool).await;
            h.settled().await;
            assert_eq!(child.ended().await.state, State::Down);
            drained.now_or_never().expect("its children are gone");
        }
        assert_eq!(pool.children(), 1);
    });
}

#[test]
fn a_drain_ends_when_its_pool_is_stopped() {
    // R13. By an order or with the tree, when the last child is gone; also one that began later.
    for is_tree in [true, false] {
        let pool = Pool::new();
        Harness::run(None, |h| async move {
            let tree = up(&h, &pool).await;
            pool.start(works(2)).unwrap();
            h.settled().await;
            let drained = pool.drain();
            if is_tree {
                drop(h.stop());
            } else {
                drop(tree.node("root.pool").terminate());
            }
            h.idle().await;
            assert_stopped(&pool);
            h.wait(join(drained, pool.drain())).await;
            assert_eq!((h.now(), pool.children()), (SECOND * 2, 0));
            assert_stopped(&pool);
        });
    }
}

#[test]
fn a_pool_that_falls_while_it_drains_rises_open() {
    // R13, R9. A child has escalated: the drain is over when the present ones are gone.
    let pool = Pool::builder()
        .backoff(Backoff::constant(SECOND * 10))
        .build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        pool.start(works(2)).unwrap();
        let fails = |ctx: Context| async move {
            sleep(SECOND).await;
            ctx.give_up();
        };
        pool.start(runnable(fails).restart(Restart::Permanent))
            .unwrap();
        let drained = pool.drain();
        h.wait(drained).await;
        assert_stopped(&pool);
        assert_eq!(pool.children(), 0);
        h.settled().await;
        assert_eq!(h.now(), SECOND * 12);
        assert_open(&pool).await;
    });
}

#[test]
fn a_drain_is_over_when_its_tree_is() {
    // R13, R11. Stopped before it began, or dropped in the middle.
    let (pool, dropped) = (Pool::new(), Pool::new());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        assert_open(&pool).await;
        h.stop().await.expect("stopping is no failure");
        pool.drain().now_or_never().expect("nothing is left");
        assert_stopped(&pool);
        let tree = up_here(&dropped).await;
        assert_open(&dropped).await;
        let drained = dropped.drain();
        drop(tree);
        h.wait(drained).await;
        assert_stopped(&dropped);
        assert_eq!((pool.children(), dropped.children()), (0, 0));
    });
}

#[test]
fn a_drain_ends_when_the_parent_of_its_pool_falls() {
    // R13, R6. The handle of before stays refused.
    let pools = Arc::new(Mutex::new(Vec::new()));
    let keeps = pools.clone();
    let parent = move |ctx: Context| {
        let pool = ctx.pool("pool").map(|pool| keeps.lock().push(pool));
        async move {
            pool?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    let parent = Arc::new(parent);
    let root = move |ctx: Context| {
        let parent = parent.clone();
        let run = ctx.run("parent", move |ctx: Context| parent(ctx));
        async move {
            run?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let pool = pools.lock()[0].clone();
        pool.start(works(2)).unwrap();
        let kept = pool.start(again()).unwrap();
        h.settled().await;
        let drained = pool.drain();
        h.inject(Fault::error("root.parent"));
        h.wait(drained).await;
        assert_eq!((h.now(), pool.children()), (SECOND * 2, 0));
        kept.ended().await;
        h.settled().await;
        assert_stopped(&pool);
        let next = pools.lock()[1].clone();
        assert_open(&next).await;
    });
}

#[test]
fn a_drain_is_over_when_the_runtime_of_its_tree_is_gone() {
    // R13, L10. Its children are gone with it.
    let build = || Builder::new_current_thread().enable_all().build();
    let [first, second] = [build(), build()].map(|runtime| runtime.expect("a runtime"));
    let pool = Pool::new();
    let tree = first.block_on(async {
        let tree = up_here(&pool).await;
        assert_open(&pool).await;
        tree
    });
    let drained = pool.drain();
    drop(first);
    let over = second.block_on(async { timeout(SECOND * 10, drained).await });
    over.expect("it hangs");
    assert_eq!(pool.children(), 0);
    assert_stopped(&pool);
    drop(tree);
}

#[test]
fn a_drain_waits_for_a_leak_to_end() {
    // R13, R10, L9. What leaked is still there: it takes its place, also when its pool is stopped.
    let (pool, held) = (
        Pool::builder().max_children(1).build(),
        Arc::new(Mutex::new(None::<Hold>)),
    );
    let keeps = held.clone();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let node = tree.node("root.pool");
        let leaks = move |ctx: Context| async move {
            *keeps.lock() = ctx.hold("a file").ok();
            serve(ctx).await;
        };
        let child = pool.start(leaks).unwrap();
        child.healthy().await.unwrap();
        let error = h.wait(child.terminate()).await.expect_err("it leaks");
        assert!(matches!(error, OrderError::Leaked { .. }), "{error}");
        pool.start(serve).expect_err("there is no room beside it");
        let mut drained = Box::pin(pool.drain());
        let error = h.wait(node.terminate()).await.expect_err("it leaks");
        assert!(matches!(error, OrderError::Leaked { .. }), "{error}");
        assert!((&mut drained).now_or_never().is_none());
        assert_eq!(pool.children(), 1);
        drop(held.lock().take());
        drained.await;
        node.start().await.expect("the leak has ended");
        assert_open(&pool).await;
    });
}
