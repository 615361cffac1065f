//! Drains: a pool refuses children, waits for the present ones, and stops nothing.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{Backoff, Context, Pool, Restart, RunError, StartError, State, runnable};
use tokio::time::sleep;

use crate::captured::captured;
use crate::open::{assert_open, assert_stopped};
use crate::pool::up;
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

/// Works for so many seconds, and does not mind being asked to stop.
pub(crate) fn works(seconds: u32) -> impl perennial::Startable {
    move |ctx: Context| async move {
        ctx.healthy();
        sleep(SECOND * seconds).await;
    }
}

/// Serves, and is started again after a second.
pub(crate) fn again() -> impl perennial::Startable {
    let again = runnable(serve).restart(Restart::Permanent);
    again.backoff(Backoff::constant(SECOND))
}

#[track_caller]
fn assert_draining(pool: &Pool) {
    let alive = Arc::new(());
    let template = pool.template(|alive: Arc<()>| captured(&alive));
    let task = |_: Context| async { Ok::<_, StartError>(()) };
    let refused = [
        pool.start(captured(&alive)).map(drop),
        pool.start_named("name", captured(&alive)).map(drop),
        template.start(alive.clone()).map(drop),
        pool.task(task).map(drop),
    ];
    for refused in refused {
        let refused = refused.expect_err("it drains");
        assert!(matches!(refused, StartError::Draining { .. }), "{refused}");
        let text = "root.pool cannot start a child: it drains";
        assert_eq!(refused.to_string(), text);
    }
    drop(template);
    assert_eq!(Arc::strong_count(&alive), 1, "what was refused is dropped");
}

#[test]
fn a_drain_refuses_and_waits_for_the_present() {
    // R13. From the call on; over when the last one is forgotten, and refused all the same.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let children = [3, 1, 2].map(|seconds| pool.start(works(seconds)).unwrap());
        h.settled().await;
        let drained = pool.drain();
        assert_draining(&pool);
        h.advance(SECOND / 2).await;
        for child in &children {
            child.healthy().await.expect("nothing is stopped");
        }
        h.wait(drained).await;
        assert_eq!((h.now(), pool.children()), (SECOND * 3, 0));
        assert_draining(&pool);
        h.settled().await;
        assert_eq!(h.state("root.pool").await, Some(State::Healthy));
        assert_draining(&pool);
    });
}

#[test]
fn what_was_started_before_a_drain_is_waited_for() {
    // R13. Also if the tree has not heard of it, and if it waits to start again.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let failing = pool.start(again()).unwrap();
        h.settled().await;
        h.inject(Fault::error("root.pool.1"));
        h.until("root.pool.1", State::Waiting).await;
        pool.start(works(1)).unwrap();
        let drained = pool.drain();
        futures::pin_mut!(drained);
        h.advance(SECOND * 30).await;
        assert!((&mut drained).now_or_never().is_none());
        assert_eq!(pool.children(), 1, "it is started again and again");
        failing.terminate().await.unwrap();
        drained.await;
        assert_eq!(pool.children(), 0);
    });
}

#[test]
fn an_empty_pool_is_drained_at_once() {
    // R13. It refuses from then on.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        pool.drain().now_or_never().expect("it is empty");
        assert_draining(&pool);
        pool.drain().now_or_never().expect("it is empty");
        assert_draining(&pool);
    });
}

#[test]
fn drains_end_together() {
    // R13. Begun at the same time, later, and dropped in between.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        pool.start(works(2)).unwrap();
        let mut first = Box::pin(pool.drain());
        drop(pool.drain());
        assert!((&mut first).now_or_never().is_none());
        h.advance(SECOND).await;
        let never_polled = pool.drain();
        let later = Box::pin(pool.clone().drain());
        let both: [BoxFuture<'_, ()>; 2] = [first, later];
        h.wait(join_all(both)).await;
        assert_eq!(h.now(), SECOND * 2);
        never_polled.now_or_never().expect("it is over");
    });
}

#[test]
fn a_drain_whose_future_is_dropped_goes_on() {
    // R13. Cancel safe: the pool keeps on refusing, and another call waits for the same.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        pool.start(works(2)).unwrap();
        let given_up = tokio::time::timeout(SECOND, pool.drain());
        h.wait(given_up).await.expect_err("it takes longer");
        assert_draining(&pool);
        h.wait(pool.drain()).await;
        assert_eq!(h.now(), SECOND * 2);
        assert_draining(&pool);
    });
}

#[test]
fn a_pool_that_is_drained_opens_when_it_starts_again() {
    // R13, R16. Ordered to restart, or down and up; and as often as one likes.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let node = tree.node("root.pool");
        for round in 0..4 {
            let child = assert_open(&pool).await;
            let drained = pool.drain();
            child.terminate().await.unwrap();
            drained.await;
            assert_draining(&pool);
            if round % 2 == 0 {
                node.restart().await.unwrap();
            } else {
                node.terminate().await.unwrap();
                assert_stopped(&pool);
                pool.drain().await;
                assert_stopped(&pool);
                node.start().await.unwrap();
            }
        }
        assert_open(&pool).await;
    });
}

#[test]
fn a_pool_may_be_drained_while_its_children_come_and_go() {
    // R13. Each one that comes is refused, or waited for.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let comes = pool.clone();
        let source = tokio::spawn(async move {
            let mut children = Vec::new();
            for round in 0..20_u32 {
                let child = comes.start(works(round % 4));
                children.push(child.map_err(|error| error.to_string()));
                sleep(SECOND / 4).await;
            }
            children
        });
        h.advance(SECOND * 2 + SECOND / 8).await;
        h.wait(pool.drain()).await;
        assert_eq!(pool.children(), 0);
        let children = h.wait(source).await.expect("it does not panic");
        let is_refused = children.iter().map(Result::is_err).collect::<Vec<_>>();
        assert_eq!(
            is_refused,
            [[false; 9].as_slice(), [true; 11].as_slice()].concat()
        );
        for child in children.into_iter().flatten() {
            assert_eq!(child.ended().await.state, State::Down);
        }
    });
}

#[test]
fn a_pool_that_is_not_declared_may_be_drained() {
    // R13. At once; it refuses when it is declared, until it starts again.
    let pool = Pool::new();
    pool.drain().now_or_never().expect("it has no children");
    let undeclared = pool.start(serve).expect_err("it has no place");
    assert!(matches!(undeclared, StartError::Undeclared), "{undeclared}");
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        assert_draining(&pool);
        tree.node("root.pool").restart().await.unwrap();
        assert_open(&pool).await;
    });
}

#[test]
fn a_pool_may_be_drained_in_the_breath_in_which_it_is_declared() {
    // R13. Before it has started for the first time, and with what it has taken by then.
    let (pool, drains) = (Pool::new(), Arc::new(Mutex::new(None)));
    let (declared, keeps) = (pool.clone(), drains.clone());
    let root = move |ctx: Context| {
        let run = ctx.run("pool", declared.clone());
        declared.start(works(1)).expect("it is declared");
        *keeps.lock() = Some(Box::pin(declared.drain()));
        async move {
            run?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.idle().await;
        assert_draining(&pool);
        let drained = drains.lock().take().expect("it has begun");
        h.wait(drained).await;
        assert_eq!((h.now(), pool.children()), (SECOND, 0));
        assert_draining(&pool);
    });
}
