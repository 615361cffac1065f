//! The harness, where the guide and the rustdoc once promised more than it held.

use std::future::pending;
use std::time::Duration;

use crate::failing::text_of_failure;
use crate::stage::{SECOND, one, serve};
use perennial::testing::{Fault, FaultPoint, Harness, NotSettled, assert_text};
use perennial::{Context, RunError, State, What};

static HERE: FaultPoint = FaultPoint::new("here");

#[test]
fn settled_beside_an_advance_returns_when_the_tree_has_settled() {
    // R12. While another wait moves the clock on, it is told before the next jump.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            tokio::time::sleep(3 * SECOND).await;
            serve(ctx).await;
        });
        let settled = async {
            h.settled().await;
            h.now()
        };
        let (settled, ()) = tokio::join!(settled, h.advance(10 * SECOND));
        assert_eq!(settled, 3 * SECOND);
    });
}

#[test]
fn the_clock_reads_the_same_in_a_thread() {
    // R12. Outside of the runtime's threads it is the virtual time, too.
    Harness::run(None, |h| async move {
        h.start(one);
        h.advance(100 * SECOND).await;
        let other = h.clone();
        let there = std::thread::spawn(move || other.now())
            .join()
            .expect("a thread");
        assert_eq!(there, h.now());
    });
}

#[test]
fn the_clock_reads_the_same_after_the_test() {
    // R12. A harness that outlives its run reads the time of the end.
    let h = Harness::run(None, |h| async move {
        h.start(one);
        h.advance(100 * SECOND).await;
        h
    });
    assert_eq!(h.now(), 100 * SECOND);
}

#[test]
fn a_hang_outlasts_a_slow_start_of_the_same_run() {
    // R4. The slow start does not take the place of the hang.
    Harness::run(None, |h| async move {
        h.inject(Fault::hang("root.worker").at_start(1));
        h.inject(Fault::slow_start("root.worker", SECOND).at_start(1));
        h.start(one);
        h.advance(10 * SECOND).await;
        assert_eq!(h.strikes().len(), 2);
        assert_eq!(h.state("root.worker").await, Some(State::Starting));
    });
}

#[test]
fn two_slow_stops_of_one_run_do_not_shorten_each_other() {
    // R10. A smaller one that comes later takes nothing off.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        h.inject(Fault::slow_stop("root.worker", 3 * SECOND));
        h.inject(Fault::slow_stop("root.worker", SECOND));
        h.stop().await.expect("a stop");
        assert!(h.now() >= 3 * SECOND, "{:?}", h.now());
    });
}

#[test]
fn the_answer_names_the_time_that_has_passed() {
    // R12. A wait that gives up before its end says how long it was.
    Harness::run(None, |h| async move {
        h.start(|_ctx: Context| pending::<()>());
        let error = h
            .settled_within(Duration::MAX)
            .await
            .expect_err("never healthy");
        let NotSettled::Late { within, .. } = error else {
            panic!("late");
        };
        assert_eq!(within, h.now());
    });
}

#[test]
fn the_log_is_complete_in_a_task_of_the_test() {
    // R17. The log holds what the task has just heard of.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        h.inject(Fault::kill("root.worker"));
        let other = h.clone();
        let task = tokio::spawn(async move {
            let is_it = |event: &perennial::Event| matches!(event.what, What::Exited { .. });
            let event = other.until_event(is_it).await;
            let log = other.log();
            let held = log
                .iter()
                .any(|it| it.incarnation == event.incarnation && is_it(it));
            assert!(held, "{log}");
        });
        h.wait(task).await.expect("a task");
    });
}

#[test]
fn texts_that_differ_after_unusual_white_space_differ() {
    // R17. Indentation is cut in chars, and no line is lost by it.
    let text = text_of_failure(|| assert_text("\u{a0}one\n y", "\u{a0}two\n y"));
    assert!(text.contains("two") && text.contains("one"), "{text}");
}

#[test]
fn a_kill_at_a_point_in_an_owned_task_takes_no_grace() {
    // R5, R14. The task in the call goes with the node, at once.
    Harness::run(None, |h| async move {
        h.inject(Fault::kill("root.owner").at_point("here", 1));
        h.start(|ctx: Context| async move {
            ctx.run("owner", |ctx: Context| async move {
                let inner = ctx.clone();
                let helper = async move {
                    tokio::time::sleep(SECOND).await;
                    let reached = inner.until_cancelled(HERE.reach(&inner)).await;
                    drop(inner);
                    reached.is_some()
                };
                let deaf = ctx.clone();
                ctx.spawn(helper)?;
                ctx.spawn(async move { deaf.cancelled().await })?;
                ctx.healthy();
                ctx.cancelled().await;
                anyhow::Ok(())
            })?;
            ctx.run("plain", |ctx: Context| async move {
                let inner = ctx.clone();
                ctx.spawn(async move {
                    tokio::time::sleep(SECOND).await;
                    HERE.reach(&inner).await.is_ok()
                })?;
                ctx.healthy();
                ctx.cancelled().await;
                anyhow::Ok(())
            })?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.inject(Fault::kill("root.plain").at_point("here", 1));
        h.settled().await;
        for path in ["root.owner", "root.plain"] {
            h.until(path, State::Waiting).await;
        }
        assert_eq!(h.now(), SECOND);
    });
}
