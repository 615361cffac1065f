//! What the children of a pool are called.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Context, Effect, OrderError, Pool, Restart, RunError, StartError, State, runnable,
};
use tokio::time::sleep;

use crate::captured::captured;
use crate::pool::up;
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_child_has_the_name_that_it_is_given() {
    // R13, R1. In its path, for its own code, and for orders.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let seen = Arc::new(Mutex::new(Vec::<String>::new()));
        let sees = seen.clone();
        let code = move |ctx: Context| {
            sees.lock().push(ctx.path().to_string());
            serve(ctx)
        };
        let longest = "x".repeat(64);
        for name in ["alice", "a1", "1a", "-1", "_", &longest] {
            let child = pool.start_named(name, code.clone()).unwrap();
            child.healthy().await.unwrap();
            let path = format!("root.pool.{name}");
            assert_eq!(child.path().to_string(), path);
            assert_eq!(seen.lock().pop(), Some(path.clone()));
            assert_eq!(h.state(&path).await, Some(State::Healthy));
            let effect = tree.node(path).terminate().await.unwrap();
            assert_eq!((effect, pool.children()), (Effect::Visible, 0));
        }
    });
}

#[test]
fn a_bad_name_starts_nothing() {
    // R13, R1. Nor does a number, with or without zeros before it. No number is used for it.
    let (pool, alive) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        for name in ["", "Alice", "a.b", "a b", "é", &"x".repeat(65)] {
            let refused = pool.start_named(name, captured(&alive));
            let refused = refused.expect_err("it is no name");
            assert!(matches!(refused, StartError::Name { .. }), "{refused}");
            assert_eq!(refused.to_string(), "root.pool cannot start a child");
            assert!(refused.source().is_some(), "it says what is wrong");
        }
        for name in ["1", "0", "007", &"9".repeat(64)] {
            let refused = pool.start_named(name, captured(&alive));
            let refused = refused.expect_err("it is a number");
            assert!(matches!(refused, StartError::Number { .. }), "{refused}");
            let text = format!("root.pool cannot start {name}: only the pool gives numbers");
            assert_eq!(refused.to_string(), text);
        }
        assert_eq!((pool.children(), Arc::strong_count(&alive)), (0, 1));
        assert_eq!(pool.start(serve).unwrap().path().to_string(), "root.pool.1");
    });
}

#[test]
fn a_name_is_free_again_when_its_child_is_forgotten() {
    // R13. Not while it waits to start again, nor while it or what is below it ends.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let taken = || {
            let refused = pool.start_named("one", serve).expect_err("it is taken");
            assert!(matches!(refused, StartError::NameTaken { .. }), "{refused}");
            let text = "root.pool cannot start one: the name is taken";
            assert_eq!(refused.to_string(), text);
        };
        let below = |ctx: Context| async move {
            sleep(SECOND).await;
            serve(ctx).await;
        };
        let fails = move |ctx: Context| async move {
            ctx.run("below", runnable(below).grace(SECOND * 3))?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<_, RunError>(())
        };
        let fails = runnable(fails).restart(Restart::Permanent);
        let fails = fails.backoff(Backoff::constant(SECOND * 10));
        let child = pool.start_named("one", fails).unwrap();
        taken();
        h.settled().await;
        taken();
        h.inject(Fault::error("root.pool.one"));
        h.until("root.pool.one", State::Waiting).await;
        taken();
        h.settled().await;
        h.inject(Fault::slow_stop("root.pool.one.below", SECOND * 2));
        let order = child.terminate();
        h.advance(SECOND).await;
        taken();
        h.wait(order).await.unwrap();
        let next = pool.start_named("one", serve).unwrap();
        next.healthy().await.unwrap();
        assert_eq!(child.ended().await.state, State::Down);
        let error = child.restart().await.expect_err("the place is another's");
        assert!(matches!(error, OrderError::Gone { .. }), "{error}");
        assert_eq!(next.terminate().await.unwrap(), Effect::Visible);
    });
}

#[test]
fn a_name_is_free_as_soon_as_its_child_is_seen_to_have_ended() {
    // R13, R3. Whoever has awaited the end can start the next one under the name.
    let pool = Pool::builder().max_children(1).build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        for round in 0..100 {
            let ends = move |ctx: Context| async move {
                match round % 3 {
                    0 => ctx.done(),
                    1 => panic!("on purpose"),
                    _ => {}
                }
            };
            let child = pool.start_named("same", ends).unwrap();
            child.ended().await;
        }
    });
}

#[test]
fn numbers_go_on_and_names_are_free_when_a_pool_starts_again() {
    // R13. Ordered to restart, ordered down and up, or fallen because a child escalated.
    let pool = Pool::builder().backoff(Backoff::none()).build();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let node = tree.node("root.pool");
        for round in 0..9_usize {
            let child = pool.start(serve).unwrap();
            assert_eq!(child.path().to_string(), format!("root.pool.{}", round + 1));
            child.healthy().await.unwrap();
            pool.start_named("name", serve).expect("it is free");
            match round % 3 {
                0 => drop(node.restart().await.unwrap()),
                1 => {
                    node.terminate().await.unwrap();
                    node.start().await.unwrap();
                }
                _ => {
                    let gives_up = |ctx: Context| async move { ctx.give_up() };
                    let gives_up = runnable(gives_up).restart(Restart::Permanent);
                    pool.start_named("other", gives_up).unwrap();
                }
            }
            h.settled().await;
            assert_eq!(
                (pool.children(), child.ended().await.state),
                (0, State::Down)
            );
        }
    });
}

#[test]
fn a_named_child_inherits_nothing_from_the_last_of_its_name() {
    // R8, R13. Not its attempts: a pool declares nothing anew. That one ran, or was in backoff.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        for is_running in [true, false] {
            let again = runnable(serve).restart(Restart::Permanent);
            let again = again.backoff(Backoff::constant(SECOND));
            let last = pool.start_named("one", again.clone()).unwrap();
            last.healthy().await.unwrap();
            h.inject(Fault::panic("root.pool.one"));
            h.until("root.pool.one", State::Waiting).await;
            if is_running {
                h.settled().await;
            }
            tree.node("root.pool").restart().await.unwrap();
            let next = pool.start_named("one", again).unwrap();
            next.healthy().await.unwrap();
            let snapshot = h.snapshot().await;
            let one = snapshot.find("root.pool.one").expect("it serves");
            assert_eq!((one.attempt, one.restarts), (1, 0), "{snapshot}");
            assert!(one.last_exit.is_none(), "{snapshot}");
            next.terminate().await.unwrap();
        }
    });
}
