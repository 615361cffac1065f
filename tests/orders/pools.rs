//! Orders for pools and for their children, by path and by handle.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cast::{SECOND, one, root_of, slow, up};
use crate::given::{above_slow, first, why};
use crate::serve::serve;
use futures::future::join_all;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Context, Down, Effect, Node, OrderError, Pool, RunError, StartError, State, Strategy, once,
};

type Given = Arc<Mutex<Option<Pool>>>;

/// A root with a pool, `root.pool`, and a child.
fn pooled() -> (Given, impl perennial::Runnable) {
    let given = Given::default();
    let gives = given.clone();
    let (_kept, root) = root_of(move |ctx| {
        *gives.lock() = Some(ctx.pool("pool")?);
        Ok(vec![ctx.run("other", serve)?])
    });
    (given, root)
}

fn taken(given: &Given) -> Pool {
    given.lock().clone().expect("it was given")
}

/// Counts how often it runs.
fn counted(runs: &Arc<AtomicUsize>) -> impl perennial::Startable + use<> {
    let runs = runs.clone();
    once(move |ctx: Context| {
        runs.fetch_add(1, Ordering::Relaxed);
        serve(ctx)
    })
}

#[track_caller]
fn assert_stopped(pool: &Pool) {
    let refused = pool.start(serve).expect_err("it has stopped");
    assert!(matches!(refused, StartError::Stopped { .. }), "{refused}");
}

#[test]
fn a_child_of_a_pool_may_be_terminated() {
    // R16, R13. By path, by handle, or removed: it is forgotten, and its number is not used again.
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let pool = taken(&given);
        let children = [(); 3].map(|()| pool.start(above_slow).unwrap());
        h.settled().await;
        let orders = [
            tree.node("root.pool.1").terminate(),
            children[1].terminate(),
        ];
        let orders = orders.into_iter().chain([children[2].remove()]);
        let both = join_all(orders.chain([children[1].terminate()]));
        for effect in h.wait(both).await {
            assert_eq!(effect.unwrap(), Effect::Visible);
        }
        assert_eq!(h.now(), SECOND * 3);
        assert_eq!(pool.children(), 0);
        for child in &children {
            assert_eq!(child.ended().await.state, State::Down);
            let text = format!("{} is gone", child.path());
            assert_eq!(why(child.terminate().await), text);
        }
        let next = pool.start(serve).unwrap();
        assert_eq!(next.path().to_string(), "root.pool.4");
    });
}

#[test]
fn a_child_may_be_terminated_before_it_starts() {
    // R16, R13. In one breath with its start: it is gone, its code is dropped and never ran.
    let runs = Arc::new(AtomicUsize::new(0));
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let pool = taken(&given);
        let orders: [fn(&Node) -> perennial::Order; 2] = [Node::terminate, Node::remove];
        for (order, number) in orders.into_iter().zip(1..) {
            let child = pool.start(counted(&runs)).unwrap();
            let order = order(&tree.node(format!("root.pool.{number}")));
            assert_eq!(order.await.unwrap(), Effect::Visible);
            assert_eq!(child.ended().await.state, State::Down);
            child.first_start().await.expect_err("it never started");
        }
        assert_eq!(pool.children(), 0);
        assert_eq!(Arc::strong_count(&runs), 1, "what it captured is dropped");
        assert_eq!(runs.load(Ordering::Relaxed), 0);
        assert_eq!(h.state("root.pool").await, Some(State::Healthy));
    });
}

#[test]
fn a_child_of_a_pool_runs_once() {
    // R16, R13. It cannot be restarted nor replaced; it may be ended.
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = taken(&given).start(slow(2)).unwrap();
        h.settled().await;
        let terminate = async |is_told: bool| {
            let mut orders = vec![child.restart(), child.replace(serve)];
            orders.extend(is_told.then(|| child.start()));
            for order in orders {
                let text = "root.pool.1 cannot start again: it runs once";
                assert_eq!(why(order.await), text);
            }
        };
        terminate(false).await;
        let ended = child.terminate();
        h.idle().await;
        terminate(true).await;
        assert_eq!(h.wait(ended).await.unwrap(), Effect::Visible);
        assert_eq!(why(child.start().await), "root.pool.1 is gone");
    });
}

#[test]
fn a_terminated_pool_refuses_starts_until_it_is_started_again() {
    // R16, R13. The old handle works again, and the pool is empty then.
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let (pool, node) = (taken(&given), tree.node("root.pool"));
        let old = [pool.start(slow(2)).unwrap(), pool.start(serve).unwrap()];
        h.settled().await;
        let order = node.terminate();
        h.idle().await;
        assert_stopped(&pool);
        assert_eq!(h.wait(order).await.unwrap(), Effect::Visible);
        assert_eq!(h.now(), SECOND * 2);
        assert_stopped(&pool);
        assert_eq!(pool.children(), 0);
        let snapshot = h.snapshot().await;
        let down = snapshot.find("root.pool").unwrap().down;
        assert_eq!(down, Some(Down::Terminated), "{snapshot}");

        assert_eq!(node.start().await.unwrap(), Effect::Visible);
        for child in old {
            assert_eq!(child.ended().await.state, State::Down);
            assert_eq!(
                why(child.start().await),
                format!("{} is gone", child.path())
            );
        }
        let child = pool.start(serve).unwrap();
        child.healthy().await.unwrap();
        assert_eq!(child.path().to_string(), "root.pool.3");
        assert_eq!(pool.children(), 1);
        assert_eq!(h.state("root.pool.1").await, None);
    });
}

#[test]
fn a_restarted_pool_is_empty_and_takes_children() {
    // R16, R13. Its children are stopped with it, and nothing of before runs in it.
    let runs = Arc::new(AtomicUsize::new(0));
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let pool = taken(&given);
        for round in 1..=3 {
            pool.start(slow(1)).unwrap();
            h.settled().await;
            let restart = tree.node("root.pool").restart();
            // Accepted before the tree has heard of the order, so of the incarnation before.
            let late = pool.start(counted(&runs));
            assert_eq!(h.wait(restart).await.unwrap(), Effect::Visible);
            if let Ok(late) = late {
                late.ended().await;
            }
            assert_eq!(pool.children(), 0);
            let snapshot = h.snapshot().await;
            assert_eq!(
                snapshot.find("root.pool").unwrap().restarts,
                round,
                "{snapshot}"
            );
        }
        let ran = runs.load(Ordering::Relaxed);
        assert_eq!(ran, 0, "it was accepted by the pool of before");
        assert_eq!(h.now(), SECOND * 3);
    });
}

#[test]
fn what_is_accepted_between_an_end_and_a_start_is_never_run() {
    // R16, R13, L1. Terminated and started in one breath, with starts all around.
    let runs = Arc::new(AtomicUsize::new(0));
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let (pool, node) = (taken(&given), tree.node("root.pool"));
        let mut orders = vec![node.terminate()];
        let mut children = vec![pool.start(counted(&runs)).unwrap()];
        orders.push(node.start());
        children.push(pool.start(counted(&runs)).unwrap());
        orders.push(node.restart());
        children.push(pool.start(counted(&runs)).unwrap());
        join_all(orders).await;
        h.settled().await;
        for child in children {
            child.ended().await;
        }
        assert_eq!(runs.load(Ordering::Relaxed), 0);
        assert_eq!(pool.children(), 0);
        assert_eq!(Arc::strong_count(&runs), 1, "what was refused is dropped");
        pool.start(counted(&runs)).unwrap().healthy().await.unwrap();
        assert_eq!(pool.children(), 1);
    });
}

#[test]
fn a_removed_pool_is_gone_for_its_handle() {
    // R16, R13. With its children; the handle starts nothing any more.
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let pool = taken(&given);
        pool.start(slow(1)).unwrap();
        h.settled().await;
        let order = tree.node("root.pool").remove();
        assert_eq!(h.wait(order).await.unwrap(), Effect::Visible);
        assert_eq!(h.now(), SECOND);
        assert_stopped(&pool);
        assert_eq!(pool.children(), 0);
        assert_eq!(h.state("root.pool").await, None);
        let text = "there is no node root.pool";
        assert_eq!(why(tree.node("root.pool").start().await), text);
    });
}

#[test]
fn a_terminated_pool_is_declared_anew_by_its_parent() {
    // R13, R16. In its next incarnation; the handle of before stays refused.
    let given = Given::default();
    let gives = given.clone();
    let parent = move |ctx: Context| {
        let pool = ctx.pool("pool");
        let gives = gives.clone();
        async move {
            *gives.lock() = Some(pool?);
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    let (kept, root) = one(parent);
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let old = taken(&given);
        tree.node("root.child.pool").terminate().await.unwrap();
        first(&kept).restart().await.unwrap();
        h.settled().await;
        assert_stopped(&old);
        taken(&given).start(serve).unwrap().healthy().await.unwrap();
        assert_eq!((old.children(), taken(&given).children()), (0, 1));
    });
}

#[test]
fn starting_what_runs_is_refused_for_a_pool_too() {
    // R16. As for any node.
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let node = tree.node("root.pool");
        assert_eq!(why(node.start().await), "root.pool cannot start: it runs");
        taken(&given).start(slow(3)).unwrap();
        h.settled().await;
        drop(node.terminate());
        let start = node.start();
        let again = node.start();
        h.idle().await;
        assert_stopped(&taken(&given));
        assert_eq!(h.wait(start).await.unwrap(), Effect::Visible);
        assert_eq!(again.await.unwrap(), Effect::Visible);
        assert_eq!(h.now(), SECOND * 3);
    });
}

#[test]
fn a_pool_beside_what_falls_and_is_restarted_goes_on() {
    // R6, R13, R16. With its children.
    let given = Given::default();
    let gives = given.clone();
    let (_kept, root) = root_of(move |ctx| {
        *gives.lock() = Some(ctx.pool("pool")?);
        ctx.group("pair", Strategy::OneForAll)
            .run("a", serve)
            .run("b", serve)
            .start()
    });
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let child = taken(&given).start(serve).unwrap();
        child.healthy().await.unwrap();
        tree.node("root.a").restart().await.unwrap();
        h.settled().await;
        h.inject(Fault::panic("root.b"));
        h.settled().await;
        assert_eq!(h.state("root.pool.1").await, Some(State::Healthy));
        let error = child.start().await.unwrap_err();
        assert!(matches!(error, OrderError::Once { .. }), "{error}");
    });
}

#[test]
fn an_order_for_a_child_that_is_gone_says_so_whoever_stands_there_now() {
    // R16, L10. The tree keeps the next child where the last one was; that one runs once.
    let (given, root) = pooled();
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let pool = taken(&given);
        let gone = pool.start(|_: Context| async {}).unwrap();
        gone.ended().await;
        let next = pool.start(serve).unwrap();
        next.healthy().await.unwrap();
        let orders = [gone.start(), gone.restart(), gone.replace(serve)];
        for order in orders.into_iter().chain([gone.terminate(), gone.remove()]) {
            assert_eq!(why(order.await), "root.pool.1 is gone");
        }
        next.healthy().await.expect("it is not meant");
    });
}
