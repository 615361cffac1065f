//! Pools that others use: when they stop taking children, and when their children are asked.

use std::io;
use std::time::Duration;

use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Child, Context, Effect, Pool, Restart, RunError, Runnable, StartError, State,
    Strategy, TaskError, What, once, runnable,
};
use tokio::time::{sleep, timeout};

use crate::open::assert_stopped;
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

/// Serves, and takes two seconds to stop.
async fn slow(ctx: Context) {
    serve(ctx).await;
    sleep(SECOND * 2).await;
}

/// A root above the pool and a user of it, which takes two seconds to stop; then the root does.
fn used(pool: &Pool) -> impl Runnable + use<> {
    let pool = pool.clone();
    move |ctx: Context| {
        let run = ctx.run("pool", pool.clone());
        let run = run.and_then(|_| ctx.run("user", slow));
        async move {
            run?;
            ctx.healthy();
            ctx.cancelled().await;
            sleep(SECOND * 3).await;
            Ok::<_, RunError>(())
        }
    }
}

/// How often a child was started.
fn starts(h: &Harness, child: &Child) -> usize {
    let starts = |event: &&perennial::Event| {
        event.path == *child.path() && matches!(event.what, What::Starting { .. })
    };
    h.log().iter().filter(starts).count()
}

#[test]
fn a_pool_that_is_told_to_stop_takes_no_children() {
    // R13, R10. And asks all of them at once, whatever they have chosen for themselves.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(used(&pool));
        h.settled().await;
        pool.start(once(serve).provides()).unwrap();
        pool.start(runnable(slow).provides()).unwrap();
        pool.start(slow).unwrap();
        h.settled().await;
        let stop = h.stop();
        h.idle().await;
        assert_stopped(&pool);
        let first = h.state("root.pool.1").await;
        assert!(first.is_none_or(State::has_exited), "{first:?}");
        for path in ["root.pool.2", "root.pool.3"] {
            assert_eq!(h.state(path).await, Some(State::Stopping), "{path}");
        }
        stop.await.expect("stopping is no failure");
    });
}

#[test]
fn a_pool_that_provides_takes_children_until_its_turn_to_stop() {
    // R13, R10. Its users are gone by then, and so is its parent's code.
    let pool = Pool::builder().provides().build();
    Harness::run(None, |h| async move {
        h.start(used(&pool));
        h.settled().await;
        let first = pool.start(slow).unwrap();
        h.settled().await;
        let stop = h.stop();
        let mut last = first.clone();
        for _ in 0..3 {
            h.advance(SECOND - Duration::from_millis(1)).await;
            last = pool.start(slow).expect("its turn has not come");
            h.idle().await;
            let states = [&first, &last].map(|child| child.path().to_string());
            for path in states {
                assert_eq!(h.state(&path).await, Some(State::Healthy), "{path}");
            }
        }
        h.advance(Duration::from_millis(3)).await;
        assert_stopped(&pool);
        let snapshot = h.snapshot().await;
        let is_asked = |path: &str| snapshot.find(path).unwrap().state == State::Stopping;
        assert!(
            (1..=4).all(|n| is_asked(&format!("root.pool.{n}"))),
            "{snapshot}"
        );
        stop.await.expect("stopping is no failure");
        assert_eq!(h.now(), SECOND * 5);
        assert_eq!(last.ended().await.state, State::Canceled);
    });
}

#[test]
fn what_is_started_before_the_turn_of_a_pool_is_told_already() {
    // R5, R13. It serves and may give an output; it is not started again.
    let pool = Pool::builder().provides().build();
    Harness::run(None, |h| async move {
        h.start(used(&pool));
        h.settled().await;
        let stop = h.stop();
        h.idle().await;
        let job = |wait: u32, result: io::Result<u8>| {
            move |ctx: Context| async move {
                ctx.healthy();
                ctx.until_cancelled(sleep(SECOND * wait)).await;
                result
            }
        };
        let output = pool.task(job(1, Ok(7))).unwrap();
        let late = pool.task(job(60, Ok(8))).unwrap();
        let fails = pool
            .task(job(1, Err(io::ErrorKind::NotFound.into())))
            .unwrap();
        let again = |ctx: Context| async move {
            ctx.healthy();
            sleep(SECOND).await;
        };
        let again = runnable(again).restart(Restart::Permanent);
        let again = pool.start(again.backoff(Backoff::none())).unwrap();
        assert_eq!(h.wait(output).await.unwrap(), 7);
        let error = h.wait(fails).await.expect_err("it fails");
        assert!(error.to_string().starts_with("root.pool.3 "), "{error}");
        assert!(!matches!(error, TaskError::Start(_)), "{error}");
        stop.await.expect("stopping is no failure");
        assert_eq!(late.await.unwrap(), 8, "it returned that when it was asked");
        again.ended().await;
        assert_eq!(starts(&h, &again), 1);
    });
}

#[test]
fn nothing_starts_again_in_a_pool_that_was_told_to_stop() {
    // R5, R10, L2. Its turn has not come, and what it had before serves on; but a death is final.
    let pool = Pool::builder().provides().build();
    Harness::run(None, |h| async move {
        h.start(used(&pool));
        h.settled().await;
        let again = runnable(serve).restart(Restart::Permanent);
        let again = pool.start(again.backoff(Backoff::none())).unwrap();
        again.healthy().await.unwrap();
        let stop = h.stop();
        h.advance(SECOND).await;
        assert_eq!(h.state("root.pool.1").await, Some(State::Healthy));
        h.inject(Fault::error("root.pool.1"));
        stop.await.expect("stopping is no failure");
        assert_eq!((starts(&h, &again), h.now()), (1, SECOND * 3));
    });
}

#[test]
fn a_pool_that_provides_is_held_in_the_fall_of_its_group() {
    // R10, R13, L5. Until the later members that fall with it are gone; then it rises with them.
    let pool = Pool::builder().provides().build();
    let declared = pool.clone();
    let root = move |ctx: Context| {
        let group = ctx.group("group", Strategy::OneForAll);
        let group = group.run("pool", declared.clone());
        let group = group.run("a", runnable(serve).backoff(Backoff::none()));
        let started = group.run("b", slow).start();
        async move {
            started?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let first = pool.start(slow).unwrap();
        h.settled().await;
        h.inject(Fault::error("root.a"));
        h.advance(SECOND).await;
        let second = pool.start(slow).expect("b may use it");
        h.idle().await;
        assert_eq!(h.state("root.pool.1").await, Some(State::Healthy));
        assert_eq!(h.state("root.pool.2").await, Some(State::Healthy));
        h.advance(SECOND * 2).await;
        assert_stopped(&pool);
        h.settled().await;
        assert_eq!(h.now(), SECOND * 4);
        for child in [first, second] {
            assert_eq!(child.ended().await.state, State::Down);
        }
        let third = pool.start(serve).unwrap();
        third.healthy().await.unwrap();
        assert_eq!(
            (third.path().to_string(), pool.children()),
            ("root.pool.3".to_owned(), 1)
        );
    });
}

#[test]
fn an_order_to_terminate_a_pool_does_not_wait_for_its_turn() {
    // R10, R16. By itself, and in the middle of a stop.
    for is_stopping in [false, true] {
        let pool = Pool::builder().provides().build();
        Harness::run(None, |h| async move {
            let tree = h.start(used(&pool));
            h.settled().await;
            let child = pool.start(serve).unwrap();
            child.healthy().await.unwrap();
            let order = tree.node("root.pool").terminate();
            let stop = is_stopping.then(|| h.stop());
            h.idle().await;
            assert_stopped(&pool);
            assert_eq!(order.await.unwrap(), Effect::Visible);
            assert_eq!((h.now(), pool.children()), (Duration::ZERO, 0));
            drop(stop);
        });
    }
}

#[test]
fn a_listener_gives_the_present_requests_time() {
    // R13, R10. The example of `drain`: it refuses from then on, and stops those that are late.
    let pool = Pool::builder().provides().build();
    let requests = pool.clone();
    let root = move |ctx: Context| {
        let requests = requests.clone();
        async move {
            ctx.run("requests", requests.clone())?;
            let listener = move |ctx: Context| {
                let requests = requests.clone();
                async move {
                    serve(ctx).await;
                    let _ = timeout(SECOND * 10, requests.drain()).await;
                }
            };
            ctx.run("listener", runnable(listener).grace(SECOND * 20))?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let request = move |ctx: Context| async move {
            ctx.healthy();
            if ctx.until_cancelled(sleep(SECOND * 60)).await.is_none() {
                sleep(SECOND * 2).await;
            }
        };
        let request = pool.start(request).unwrap();
        h.settled().await;
        let stop = h.stop();
        h.idle().await;
        let refused = pool.start(serve).expect_err("it drains");
        assert!(matches!(refused, StartError::Draining { .. }), "{refused}");
        let report = stop.await.expect("stopping is no failure");
        assert!(report.stops.is_empty(), "{report}");
        assert_eq!(h.now(), SECOND * 12);
        assert_eq!(request.ended().await.state, State::Canceled);
    });
}
