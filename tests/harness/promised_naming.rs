//! What the guide promises of the harness: what never settles, never comes or never stops is named.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::failing::text_of_failure;
use crate::stage::{SECOND, one, serve};
use perennial::testing::{Fault, Harness, NotSettled, Settled};
use perennial::{Backoff, Context, Grace, RunError, State, What, runnable};
use tokio::sync::Notify;

#[test]
fn a_livelock_can_be_stopped() {
    // R12. The two that play, not the one that rests beside them; and the tree can be stopped.
    Harness::run(None, |h| async move {
        let balls = [Arc::new(Notify::new()), Arc::new(Notify::new())];
        h.start(move |ctx: Context| {
            let balls = balls.clone();
            async move {
                ctx.run("rests", serve)?;
                for (name, from, to) in [("ping", 0, 1), ("pong", 1, 0)] {
                    let (from, to) = (balls[from].clone(), balls[to].clone());
                    ctx.run(name, move |ctx: Context| {
                        let (from, to) = (from.clone(), to.clone());
                        async move {
                            ctx.healthy();
                            while ctx.until_cancelled(from.notified()).await.is_some() {
                                to.notify_one();
                            }
                        }
                    })?;
                }
                ctx.done();
                balls[0].notify_one();
                Ok::<_, RunError>(())
            }
        });
        let error = h.settled_within(60 * SECOND).await.expect_err("a livelock");
        let NotSettled::Stuck { .. } = &error else {
            panic!("not named as a livelock: {error}");
        };
        let text = error.to_string();
        assert!(
            text.contains("root.ping") && text.contains("root.pong"),
            "{text}"
        );
        assert!(!text.contains("root.rests"), "{text}");
        assert_eq!(h.now(), Duration::ZERO);
        // The stop ends it.
        h.stop().await.expect("a stop");
    });
}

#[test]
fn a_livelock_of_a_node_that_yields_for_ever_is_named() {
    // R12. The simplest one, in code that ignores its token.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.start(|ctx: Context| async move {
                ctx.run("spins", |ctx: Context| async move {
                    ctx.healthy();
                    while ctx.attempt() > 0 {
                        tokio::task::yield_now().await;
                    }
                })?;
                ctx.done();
                Ok::<(), RunError>(())
            });
            h.settled().await;
        });
    });
    assert!(
        text.contains("livelock") && text.contains("root.spins"),
        "{text}"
    );
}

#[test]
fn a_tree_that_cannot_stop_is_no_hang_and_says_whom_it_waits_for() {
    // R10, L9. Infinite grace has no budget.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            let deaf = |ctx: Context| async move {
                ctx.healthy();
                pending::<()>().await;
            };
            h.start(runnable(deaf).grace(Grace::Infinite));
            h.settled().await;
            let _ = h.stop().await;
        });
    });
    assert!(text.contains("root #1 stopping"), "{text}");
}

#[test]
fn a_hold_that_is_never_dropped_fails_the_test_by_name() {
    // R14, L9. A leak is not overlooked.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            let kept = Arc::new(std::sync::Mutex::new(None));
            let keeper = kept.clone();
            h.start(move |ctx: Context| {
                let keeper = keeper.clone();
                async move {
                    *keeper.lock().expect("a lock") = ctx.hold("the device").ok();
                    ctx.healthy();
                    ctx.cancelled().await;
                }
            });
            h.settled().await;
            drop(h);
            std::mem::forget(kept);
        });
    });
    assert!(text.contains("the tree has leaked [root]"), "{text}");
}

#[test]
fn until_a_state_that_the_node_has_returns_at_once() {
    // R12. It is in the state: no time passes.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        h.until("root.worker", State::Healthy).await;
        h.until("root", State::Done).await;
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn until_a_path_that_does_not_exist_says_so() {
    // R12. A slip of the pen is told with the path.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.start(one);
            h.until("root.wroker", State::Healthy).await;
        });
    });
    assert!(text.contains("there is no root.wroker"), "{text}");
}

#[test]
fn until_sees_a_state_that_lasts_no_time() {
    // R12. It counts when the node was in the state for a moment only.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            ctx.run("w", runnable(serve).backoff(Backoff::none()))?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.settled().await;
        h.inject(Fault::kill("root.w"));
        h.until("root.w", State::Starting).await;
        assert_eq!(h.now(), Duration::ZERO);
        assert_eq!(
            h.snapshot().await.find("root.w").map(|node| node.restarts),
            Some(1)
        );
    });
}

#[test]
fn an_event_that_never_comes_is_told() {
    // R12. After an hour, and the list of what has not settled is said to be empty.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.start(one);
            h.until_event(|event| matches!(event.what, What::Leaked))
                .await;
        });
    });
    assert!(
        text.contains("no such event: 3600s have passed; every node has settled"),
        "{text}"
    );
}

#[test]
fn a_wait_ends_when_the_tree_ends_in_the_middle() {
    // R11, R12. What waits for more than the end says so at once.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.start(|ctx: Context| async move {
                ctx.healthy();
                tokio::time::sleep(SECOND).await;
                ctx.give_up();
                Err::<(), _>(anyhow::anyhow!("the disk is gone"))
            });
            h.until("root", State::Finishing).await;
        });
    });
    assert!(
        text.contains("root is down, and never became finishing"),
        "{text}"
    );
}

#[test]
fn settled_returns_for_a_tree_that_has_failed() {
    // R11, R12. The failure comes out at the end of the test, with its cause.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.start(|_ctx: Context| async { Err::<(), _>(anyhow::anyhow!("the disk is gone")) });
            assert_eq!(h.settled().await, Settled::Exact);
            assert_eq!(h.settled().await, Settled::Exact);
            h.advance(SECOND).await;
            assert_eq!(h.advance_to_next().await, None);
            h.quiet(SECOND).await;
        });
    });
    assert!(
        text.contains("the tree has failed") && text.contains("the disk is gone"),
        "{text}"
    );
}

#[test]
fn waits_after_the_stop_return() {
    // R11. A stopped tree may be looked at.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        h.stop().await.expect("a stop");
        h.stop().await.expect("again");
        h.stopped().await.expect("and again");
        h.settled().await;
        h.idle().await;
        h.snapshot().await;
        assert_eq!(h.advance_to_next().await, None);
        let last = h.log();
        assert!(matches!(last[last.len() - 1].what, What::Stopped));
    });
}

#[test]
fn stop_before_the_tree_ran_at_all_is_a_stop() {
    // R11. No wait between start and stop.
    Harness::run(None, |h| async move {
        h.start(one);
        h.stop().await.expect("a stop");
        assert_eq!(h.now(), Duration::ZERO);
    });
}
