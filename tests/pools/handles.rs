//! Handles of the children of a pool, while they live and when they are forgotten.

use std::time::Duration;

use futures::FutureExt;
use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Child, Context, Down, Effect, Ended, Exit, FirstStartError, HealthyError, OrderError,
    Pool, Restart, State, runnable,
};
use tokio::time::sleep;

use crate::pool::up;
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

/// Why an order was refused.
#[track_caller]
fn why(refused: Result<Effect, OrderError>) -> String {
    refused.expect_err("it is refused").to_string()
}

/// What all handles of a forgotten child say.
async fn assert_gone(child: &Child) {
    let gone = format!("{} is gone", child.path());
    for order in [child.start(), child.restart(), child.replace(serve)] {
        assert_eq!(why(order.await), gone);
    }
    for order in [child.terminate(), child.remove()] {
        assert_eq!(why(order.await), gone);
    }
    let error = child.healthy().await.expect_err("it is gone");
    assert!(matches!(error, HealthyError::Gone { .. }), "{error}");
    assert_eq!(error.to_string(), gone);
}

/// How a child ends; how that is read; and whether it has started then.
type Case = (Restart, fn(Context) -> Exit, State, Option<Down>, bool);

const CASES: [Case; 7] = [
    (
        Restart::Temporary,
        returns,
        State::Down,
        Some(Down::Finished),
        false,
    ),
    (
        Restart::Temporary,
        fails,
        State::Down,
        Some(Down::Failed),
        false,
    ),
    (
        Restart::Temporary,
        healthy,
        State::Down,
        Some(Down::Finished),
        true,
    ),
    (Restart::Temporary, done, State::Done, None, true),
    (
        Restart::Temporary,
        gives_up,
        State::Down,
        Some(Down::Finished),
        false,
    ),
    (Restart::Transient, healthy, State::Done, None, true),
    (Restart::Permanent, done, State::Done, None, true),
];

#[test]
fn the_handle_of_a_forgotten_child_keeps_its_end() {
    // R13, R3, R5. How it was read, why it is down, how it returned, and whether it had started.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        for (restart, ends, state, down, has_started) in CASES {
            let ends = move |ctx: Context| async move {
                match ends(ctx) {
                    Exit::Returned => Ok(()),
                    _ => Err("no such host"),
                }
            };
            let child = pool.start(runnable(ends).restart(restart)).unwrap();
            for _ in 0..2 {
                let ended = child.ended().await;
                assert_eq!((ended.state, ended.down), (state, down), "{child:?}");
                let evidence = ended.evidence.as_ref().expect("it has returned");
                assert_eq!(evidence.path, *child.path());
                assert_eq!(pool.children(), 0);
                let started = child.first_start().await;
                assert_eq!(started.is_ok(), has_started, "{child:?}: {started:?}");
                assert_gone(&child).await;
            }
        }
    });
}

fn returns(_: Context) -> Exit {
    Exit::Returned
}

fn fails(_: Context) -> Exit {
    Exit::failed("no such host")
}

fn healthy(ctx: Context) -> Exit {
    ctx.healthy();
    Exit::Returned
}

fn done(ctx: Context) -> Exit {
    ctx.done();
    Exit::Returned
}

fn gives_up(ctx: Context) -> Exit {
    ctx.give_up();
    Exit::Returned
}

#[test]
fn a_child_that_never_started_says_so() {
    // R13, R16. Terminated in one breath with its start: it has no evidence.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let child = pool.start(serve).unwrap();
        let healthy = child.healthy();
        assert_eq!(child.terminate().await.unwrap(), Effect::Visible);
        let Ended {
            state,
            down,
            evidence,
            ..
        } = child.ended().await;
        assert_eq!((state, down), (State::Down, Some(Down::Terminated)));
        assert!(evidence.is_none(), "{evidence:?}");
        healthy.await.expect_err("it never was");
        let error = child.first_start().await.expect_err("it never started");
        assert!(matches!(error, FirstStartError::Stopped { .. }), "{error}");
        assert_gone(&child).await;
    });
}

#[test]
fn the_end_of_a_child_is_told_with_the_reason_for_it() {
    // R13, R5, R16. Terminated, removed, stopped by the fall of the pool, or with its tree.
    let pool = Pool::builder().backoff(Backoff::none()).build();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let started = || pool.start(serve).unwrap();
        let (terminated, removed) = (started(), started());
        h.settled().await;
        terminated.terminate().await.unwrap();
        removed.remove().await.unwrap();
        for child in [terminated, removed] {
            assert_eq!(child.ended().await.down, Some(Down::Terminated));
        }
        let (fallen, other) = (started(), started());
        let slow = pool.start(|ctx: Context| async move {
            serve(ctx).await;
            sleep(SECOND).await;
            Err::<(), _>("it was in a hurry")
        });
        let slow = slow.unwrap();
        h.settled().await;
        let restart = tree.node("root.pool").restart();
        h.wait(restart).await.unwrap();
        for child in [fallen, other, slow.clone()] {
            let ended = child.ended().await;
            assert_eq!(
                (ended.state, ended.down),
                (State::Down, Some(Down::Temporary))
            );
        }
        let evidence = slow.ended().await.evidence.expect("it has returned");
        assert!(
            evidence.chain().ends_with("it was in a hurry"),
            "{}",
            evidence.chain()
        );
        let last = started();
        last.healthy().await.unwrap();
        h.stop().await.expect("stopping is no failure");
        let ended = last.ended().await;
        assert!(
            ended.state.has_exited() && ended.evidence.is_some(),
            "{ended:?}"
        );
    });
}

#[test]
fn a_pooled_child_is_waited_for_through_its_restarts() {
    // R3, R13. As any child; its first start is another matter.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let flaky = |ctx: Context| async move {
            if ctx.attempt() < 3 {
                return Err("not yet");
            }
            serve(ctx).await;
            Ok(())
        };
        let flaky = runnable(flaky).restart(Restart::Transient);
        let child = pool
            .start(flaky.backoff(Backoff::constant(SECOND)))
            .unwrap();
        let error = child.first_start().await.expect_err("it fails");
        let FirstStartError::Exited { source, .. } = &error else {
            panic!("{error}");
        };
        assert!(source.chain().ends_with("not yet"), "{}", source.chain());
        h.wait(child.healthy()).await.unwrap();
        assert_eq!(h.now(), SECOND * 2);
        assert!(child.ended().now_or_never().is_none());
        child.terminate().await.unwrap();
        let error = child.first_start().await.expect_err("it still has failed");
        assert!(matches!(error, FirstStartError::Exited { .. }), "{error}");
        assert_gone(&child).await;
    });
}

#[test]
fn a_pooled_child_that_is_started_again_takes_all_orders() {
    // R16, R13. Restarted at once, started in a backoff, replaced; then removed.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let again = runnable(serve).restart(Restart::Permanent);
        let again = again.backoff(Backoff::constant(SECOND * 100));
        let child = pool.start_named("one", again.clone()).unwrap();
        child.healthy().await.unwrap();
        assert_eq!(child.restart().await.unwrap(), Effect::Visible);
        assert_eq!(
            why(child.start().await),
            "root.pool.one cannot start: it runs"
        );
        h.inject(Fault::error("root.pool.one"));
        h.until("root.pool.one", State::Waiting).await;
        assert_eq!(
            tree.node("root.pool.one").start().await.unwrap(),
            Effect::Visible
        );
        assert_eq!(h.now(), Duration::ZERO);
        child.healthy().await.unwrap();
        let other = |ctx: Context| async move {
            ctx.healthy();
            ctx.cancelled().await;
            sleep(SECOND).await;
        };
        child
            .replace(runnable(other).restart(Restart::Permanent))
            .await
            .unwrap();
        child.restart().await.unwrap();
        child.healthy().await.unwrap();
        let order = child.remove();
        assert_eq!(h.wait(order).await.unwrap(), Effect::Visible);
        assert_eq!((h.now(), pool.children()), (SECOND, 0));
        assert_gone(&child).await;
    });
}
