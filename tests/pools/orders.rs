//! Orders about the children of a pool, from outside and from inside.

use std::sync::Arc;

use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Context, Down, Effect, Hold, OrderError, Pool, Restart, Significant, State, runnable,
};

use crate::pool::up;
use crate::serve::serve;

#[test]
fn orders_from_inside_a_pool_reach_the_pool_and_the_siblings() {
    // R16, R13. Who orders what takes itself is answered at once.
    let pool = Pool::new();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let sees = seen.clone();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let sibling = pool.start_named("sibling", serve).unwrap();
        let orders = move |ctx: Context| async move {
            ctx.healthy();
            let sibling = ctx.sibling("sibling").terminate().await;
            let itself = ctx.sibling("orders").terminate();
            let pool = ctx.parent().expect("it is in a pool").restart();
            let results = [sibling, itself.await, pool.await];
            sees.lock().extend(results.map(Result::unwrap));
            ctx.cancelled().await;
        };
        let orders = pool.start_named("orders", orders).unwrap();
        assert_eq!(orders.ended().await.state, State::Down);
        h.settled().await;
        assert_eq!(
            *seen.lock(),
            [Effect::Visible, Effect::Accepted, Effect::Accepted]
        );
        assert_eq!(sibling.ended().await.down, Some(Down::Terminated));
        let snapshot = h.snapshot().await;
        assert_eq!(
            snapshot.find("root.pool").unwrap().restarts,
            1,
            "{snapshot}"
        );
    });
}

#[test]
fn a_temporary_child_that_is_restarted_by_order_goes_on() {
    // R5, R16, R13. It is not forgotten in between.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let child = pool.start(runnable(serve)).unwrap();
        child.healthy().await.unwrap();
        for _ in 0..2 {
            assert_eq!(child.restart().await.unwrap(), Effect::Visible);
            child.healthy().await.expect("it serves again");
        }
        h.inject(Fault::error("root.pool.1"));
        assert_eq!(child.ended().await.down, Some(Down::Failed));
        assert_eq!(pool.children(), 0);
    });
}

#[test]
fn code_in_the_place_of_a_pooled_child_is_temporary_too() {
    // R13, R16, R10c. Unless it says otherwise; and its end is of no significance.
    for (restart, left) in [(None, 0), (Some(Restart::Permanent), 1)] {
        let pool = Pool::new();
        Harness::run(None, |h| async move {
            up(&h, &pool).await;
            let child = pool.start(runnable(serve)).unwrap();
            child.healthy().await.unwrap();
            let other = runnable(serve).significant(Significant::Any);
            let other = match restart {
                Some(restart) => other.restart(restart),
                None => other,
            };
            child.replace(other).await.unwrap();
            child.restart().await.unwrap();
            child.healthy().await.unwrap();
            h.inject(Fault::error("root.pool.1"));
            h.settled().await;
            assert_eq!(pool.children(), left, "{restart:?}");
            assert_eq!(h.state("root.pool").await, Some(State::Healthy));
        });
    }
}

#[test]
fn a_child_that_has_returned_may_be_started_before_it_is_forgotten() {
    // R16, R13, L1. It waits for what it left; code that runs once has no next time.
    let (pool, held) = (Pool::new(), Arc::new(Mutex::new(Vec::<Hold>::new())));
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let returns = |keeps: &Arc<Mutex<Vec<Hold>>>| {
            let keeps = keeps.clone();
            move |ctx: Context| {
                let keeps = keeps.clone();
                async move {
                    if ctx.last_exit().is_none() {
                        return keeps.lock().extend(ctx.hold("a file"));
                    }
                    serve(ctx).await;
                }
            }
        };
        let again = pool.start(runnable(returns(&held))).unwrap();
        let once = pool.start(returns(&held)).unwrap();
        h.idle().await;
        assert_eq!(h.state("root.pool.1").await, Some(State::Down));
        let start = again.start();
        let refused = once.start().await.expect_err("it was consumed");
        assert!(matches!(refused, OrderError::Once { .. }), "{refused}");
        h.idle().await;
        assert_eq!(h.state("root.pool.1").await, Some(State::Waiting));
        held.lock().clear();
        assert_eq!(start.await.unwrap(), Effect::Visible);
        again.healthy().await.unwrap();
        assert_eq!(pool.children(), 1);
    });
}
