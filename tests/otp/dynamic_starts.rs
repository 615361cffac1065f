//! Section I: how a child of a pool starts and how it ends, and whether it starts again.

use std::sync::Arc;

use perennial::testing::{Fault, Harness};
use perennial::{Child, Context, Down, FirstStartError, Pool, Restart, State, once, runnable};
use tokio::sync::oneshot;

use crate::ctl::Ctl;
use crate::pooled::{above, counts};
use crate::serve::serve;
use crate::sup::{incarnation, pause, seconds};
use crate::trace::Trace;

const FIRST: &str = "root.pool.1";

/// How a child comes to its end.
#[derive(Clone, Copy, Debug)]
enum End {
    Finish,
    Done,
    Restart,
    Crash,
    Panic,
    Kill,
}

const ENDS: [End; 6] = [
    End::Finish,
    End::Done,
    End::Restart,
    End::Crash,
    End::Panic,
    End::Kill,
];

/// Whether a pool starts a child again that has ended so.
const fn is_started_again(restart: Restart, end: End) -> bool {
    match (restart, end) {
        (Restart::Permanent, End::Done) | (Restart::Transient, End::Done | End::Finish) => false,
        (Restart::Permanent | Restart::Transient, _) => true,
        _ => false,
    }
}

#[test]
fn otp_105_the_restart_type_says_who_is_started_again() {
    // R13, R5. Who is not is forgotten; the others in the pool notice nothing.
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        for end in ENDS {
            let (pool, trace) = (Pool::new(), Trace::default());
            let a = Ctl::new("a", &trace);
            Harness::run(None, |h| async move {
                h.start(above(&pool));
                h.settled().await;
                let code = a.with(move |run| run.restart(restart)).runnable();
                let child = pool.start(code).expect("it stands");
                pool.start_named("other", serve).expect("it stands");
                h.settled().await;
                let before = incarnation(&h, FIRST).await;
                let other = incarnation(&h, "root.pool.other").await;
                match end {
                    End::Finish => a.finish().await,
                    End::Done => a.done().await,
                    End::Restart => a.restart().await,
                    End::Crash => a.crash().await,
                    End::Panic => a.panic().await,
                    End::Kill => h.inject(Fault::kill(FIRST)),
                }
                h.settled().await;
                let what = format!("{restart:?} {end:?}");
                if is_started_again(restart, end) {
                    assert_eq!(counts(&h, &pool).await, (2, 2), "{what}");
                    assert!(incarnation(&h, FIRST).await > before, "{what}");
                    child.healthy().await.expect(&what);
                    trace.expect("start a, start a");
                } else {
                    assert_eq!(counts(&h, &pool).await, (1, 1), "{what}");
                    assert_eq!(h.state(FIRST).await, None, "{what}");
                    assert!(child.ended().await.evidence.is_some(), "{what}");
                    trace.expect("start a");
                }
                assert_eq!(incarnation(&h, "root.pool.other").await, other, "{what}");
            });
        }
    }
}

#[test]
fn otp_105_what_runs_once_is_temporary_by_type() {
    // R13. `once` consumes what it captures, so there is nothing to start again.
    let (pool, dropped) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let captured = dropped.clone();
        let code = once(move |_: Context| async move {
            drop(captured);
            Err::<(), _>("reset by peer")
        });
        let ended = pool.start(code).expect("it stands").ended().await;
        assert_eq!(
            (ended.state, ended.down),
            (State::Down, Some(Down::Failed)),
            "{ended:?}"
        );
        assert_eq!(counts(&h, &pool).await, (0, 0));
        assert_eq!(Arc::strong_count(&dropped), 1);
    });
}

/// Starts a child, and says how it fared at first.
async fn fares(pool: &Pool, code: impl perennial::Startable) -> (Child, String) {
    let child = pool.start(code).expect("it stands");
    let fared = match child.first_start().await {
        Ok(()) => "started".to_owned(),
        Err(FirstStartError::Exited { source, .. }) => source.chain(),
        Err(error) => error.to_string(),
    };
    (child, fared)
}

#[test]
fn otp_106_a_start_tells_how_the_child_fares() {
    // R3, R13. Healthy, nothing to run, an error, or a panic, before there is a future too.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let (_, fared) = fares(&pool, serve).await;
        assert_eq!(fared, "started");

        let ignores = |ctx: Context| async move { ctx.done() };
        let (child, fared) = fares(&pool, ignores).await;
        assert_eq!(
            fared, "started",
            "it has nothing to run, which is no failure"
        );
        assert_eq!(child.ended().await.state, State::Done);

        let fails = once(|_: Context| async { Err::<(), _>("no such host") });
        let (child, fared) = fares(&pool, fails).await;
        assert_eq!(fared, "root.pool.3 failed while starting: no such host");
        assert_eq!(child.ended().await.down, Some(Down::Failed));

        let panics = |ctx: Context| async move { assert!(ctx.attempt() > 1, "in its start") };
        let (_, fared) = fares(&pool, panics).await;
        assert!(fared.starts_with("root.pool.4 panicked"), "{fared}");
        assert!(fared.contains("in its start"), "{fared}");

        let code = runnable(|ctx: Context| {
            assert!(ctx.attempt() > 1, "before there is a future");
            serve(ctx)
        });
        let (_, fared) = fares(&pool, code).await;
        assert!(fared.contains("before there is a future"), "{fared}");

        assert_eq!(counts(&h, &pool).await, (1, 1), "only the first is kept");
    });
}

#[test]
fn otp_106_a_child_that_never_said_healthy_has_not_started() {
    // R3, R5. It has returned without a word, which is no acknowledged start.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let (child, fared) = fares(&pool, |_: Context| async {}).await;
        assert_eq!(fared, "root.pool.1 returned while starting");
        assert_eq!(child.ended().await.down, Some(Down::Finished));
    });
}

#[test]
fn otp_106_a_permanent_child_that_fails_to_start_is_tried_again() {
    // R13, R8. OTP keeps nothing of it; here its first start has failed and it goes on.
    let (pool, trace) = (Pool::new(), Trace::default());
    let a = Ctl::new("a", &trace);
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        a.fail_starts(1);
        let code = a.with(|run| run.restart(Restart::Permanent)).runnable();
        let (child, fared) = fares(&pool, code).await;
        assert_eq!(fared, "root.pool.1 failed while starting: a cannot start");
        child.healthy().await.expect("it is tried again");
        trace.expect("try a, start a");
        assert_eq!(counts(&h, &pool).await, (1, 1));
    });
}

#[test]
fn otp_106_what_a_start_makes_is_handed_over_by_what_the_child_captured() {
    // R3, R13. It is there when the child is healthy.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let (gives, mut given) = oneshot::channel();
        let code = once(move |ctx: Context| async move {
            pause(seconds(1)).await;
            gives.send("port 4711").expect("the test waits for it");
            serve(ctx).await;
        });
        let child = pool.start(code).expect("it stands");
        given.try_recv().expect_err("it has not started");
        h.wait(child.first_start()).await.expect("it starts");
        assert_eq!(given.try_recv().expect("it is there"), "port 4711");
    });
}
