//! The stop ladder and how a tree ends, on the paused clock of the real runtime.

use std::future::pending;
use std::process::{ExitCode, Termination};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Context, Failure, Grace, Outcome, Report, RunError, Rung, Runnable, State, Supervisor, Wait,
    runnable,
};
use tokio::time::{Instant, sleep};

type Root = futures::future::BoxFuture<'static, Result<(), RunError>>;

fn root_of(child: impl Runnable + Clone) -> impl Fn(Context) -> Root + Send + Sync {
    move |ctx: Context| {
        let run = ctx.run("child", child.clone());
        Box::pin(async move {
            run?;
            ctx.done();
            Ok(())
        })
    }
}

async fn deaf(ctx: Context) {
    ctx.healthy();
    pending::<()>().await;
}

/// The one node beyond the first rung, and which one that is.
fn rung(report: &Report) -> (String, Rung) {
    assert_eq!(report.stops.len(), 1, "{report}");
    (report.stops[0].path.to_string(), report.stops[0].rung)
}

fn aborted() -> (String, Rung) {
    ("root.child".to_owned(), Rung::Aborted)
}

#[test]
fn grace_is_five_seconds_unless_it_is_chosen() {
    // R10. Then the future is dropped.
    for (child, seconds) in [
        (runnable(deaf), 5),
        (runnable(deaf).grace(Duration::from_secs(42)), 42),
        (runnable(deaf).grace(Duration::ZERO), 0),
    ] {
        Harness::run(None, |harness| async move {
            harness.start(root_of(child));
            harness.settled().await;
            let before = Instant::now();
            let report = harness.stop().await.expect("stopping is no failure");
            assert_eq!(before.elapsed().as_secs(), seconds);
            assert_eq!(rung(&report), aborted());
        });
    }
}

#[test]
fn a_deadline_ends_an_infinite_grace() {
    // R10, L9. Nothing else does.
    let child = runnable(deaf).grace(Grace::Infinite);
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        let before = Instant::now();
        let ending = harness.tree().stop_within(Duration::from_mins(3));
        let report = harness.wait(ending).await.expect("stopping is no failure");
        assert_eq!(before.elapsed().as_secs(), 180);
        assert_eq!(rung(&report), aborted());
    });
}

#[test]
fn a_second_stop_with_a_tighter_deadline_wins_and_gets_the_same_report() {
    // R11, L9. A looser one changes nothing; the snapshot says whom an infinite grace waits for.
    let child = runnable(deaf).grace(Grace::Infinite);
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        let first = harness.tree().stop();
        harness.advance(Duration::from_hours(20)).await;
        let snapshot = harness.snapshot().await;
        let child = snapshot.find("root.child").expect("it stands");
        assert_eq!((child.state, child.rung), (State::Stopping, Rung::Asked));
        let before = Instant::now();
        let second = harness.tree().stop_within(Duration::from_secs(7));
        let third = harness.tree().stop_within(Duration::from_mins(7));
        let reports = [harness.wait(first).await, second.await, third.await];
        assert_eq!(before.elapsed().as_secs(), 7);
        for report in reports {
            assert_eq!(rung(&report.expect("stopping is no failure")), aborted());
        }
    });
}

#[test]
fn what_is_held_is_waited_for_and_then_leaked_by_name() {
    // R10, R14, L9. Grace, the bound after it, and no longer.
    let kept = Arc::new(Mutex::new(None));
    let keeps = kept.clone();
    let child = move |ctx: Context| {
        *keeps.lock() = ctx.hold("the lock file").ok();
        async move {
            ctx.healthy();
            ctx.cancelled().await;
        }
    };
    let supervisor = Supervisor::new(root_of(child)).leak_after(Duration::from_secs(30));
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let tree = supervisor.start();
        tree.settled().await;
        let before = Instant::now();
        let ending = tree.stop();
        sleep(Duration::from_secs(1)).await;
        let text = tree.snapshot().await.to_string();
        assert!(text.contains("the lock file"), "{text}");
        let report = ending.await.expect("stopping is no failure");
        assert_eq!(before.elapsed().as_secs(), 35);
        assert_eq!(rung(&report), ("root.child".to_owned(), Rung::Leaked));
        let leaked: Vec<_> = report.leaked().map(ToString::to_string).collect();
        assert_eq!(leaked, ["root.child"]);
        let text = tree.snapshot().await.to_string();
        assert!(
            text.contains("leaked") && text.contains("the lock file"),
            "{text}"
        );
        drop(kept.lock().take());
    });
}

#[test]
#[should_panic(expected = "leaked")]
fn the_harness_fails_a_test_that_leaves_a_leak() {
    // R10. A test that forgets a hold is told so.
    let kept = Arc::new(Mutex::new(None));
    let child = move |ctx: Context| {
        *kept.lock() = ctx.hold("a thread").ok();
        deaf(ctx)
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await
    });
}

#[test]
fn a_tree_with_nothing_left_to_do_has_finished() {
    // R11. Its root and all below are done.
    Harness::run(None, |harness| async move {
        harness.start(root_of(|ctx: Context| async move { ctx.done() }));
        let report = harness.stopped().await.expect("it finished");
        assert_eq!(report.outcome, Outcome::Finished);
        let stopped = harness.stop().await.expect("it has finished");
        assert_eq!(
            stopped.outcome,
            Outcome::Finished,
            "a later stop changes nothing"
        );
    });
}

#[test]
fn a_done_root_with_a_living_child_keeps_running() {
    // R11. Nothing is finished while something lives.
    Harness::run(None, |harness| async move {
        harness.start(root_of(deaf));
        harness.until("root", State::Done).await;
        harness.advance(Duration::from_hours(1)).await;
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn an_error_of_a_root_that_was_never_healthy_ends_the_tree() {
    // R11. A service that cannot start says so and exits.
    let root = |_: Context| async { Err::<(), _>("cannot listen") };
    Harness::run(None, |harness| async move {
        harness.start(root);
        let before = Instant::now();
        let failure = harness.stopped().await.expect_err("it cannot start");
        assert_eq!(before.elapsed(), Duration::ZERO);
        assert!(failure.to_string().contains("root"), "{failure}");
    });
}

#[test]
fn a_root_may_be_told_to_try_its_start_again() {
    // R11. With backoff.
    let root = |ctx: Context| async move {
        anyhow::ensure!(ctx.attempt() > 5, "cannot listen");
        ctx.done();
        Ok(())
    };
    Harness::run(None, |harness| async move {
        harness.start_with(Supervisor::new(root).retry_start());
        let report = harness.stopped().await.expect("it finished");
        assert_eq!(report.outcome, Outcome::Finished);
    });
}

#[test]
fn a_root_may_be_told_to_try_again_after_an_escalation() {
    // R9, R11. It draws and counts as any death.
    let child = |ctx: Context| async move {
        ctx.give_up();
        Err::<(), _>("no such table")
    };
    let root = move |ctx: Context| async move {
        if ctx.attempt() < 4 {
            ctx.run("child", child)?;
            ctx.healthy();
            ctx.cancelled().await;
        }
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start_with(Supervisor::new(root).retry_escalations());
        let report = harness.stopped().await.expect("it finished");
        assert_eq!(report.outcome, Outcome::Finished);
    });
}

#[test]
fn exit_codes_are_zero_for_a_report_and_one_for_a_failure() {
    // R11. As `main` returns them.
    let text = |code: ExitCode| format!("{code:?}");
    let success = text(ExitCode::SUCCESS);
    Harness::run(None, |harness| async move {
        harness.start(root_of(deaf));
        harness.settled().await;
        let stopped = harness.stop().await;
        assert_eq!(text(stopped.report()), success);
    });
    Harness::run(None, |harness| async move {
        harness.start(|_: Context| async { Err::<(), _>("no") });
        let failed: Result<(), Failure> = harness.stopped().await.map(drop);
        assert_eq!(text(failed.report()), text(ExitCode::FAILURE));
    });
}

#[test]
fn the_tree_is_settled_only_when_no_restart_is_pending() {
    // R12. A predicate and no delay; the error lists who is not, in which state and why.
    let child = |ctx: Context| async move {
        anyhow::ensure!(ctx.attempt() > 2, "not yet");
        deaf(ctx).await;
        Ok(())
    };
    let backoff = perennial::Backoff::constant(Duration::from_mins(1));
    let child = runnable(child).grace(Duration::ZERO).backoff(backoff);
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        let within = Duration::from_secs(90);
        let error = harness.settled_within(within).await.expect_err("it waits");
        let text = error.to_string();
        let perennial::testing::NotSettled::Late { nodes, .. } = error else {
            panic!("{text}");
        };
        let waiting: Vec<_> = nodes.iter().map(|node| (node.state, node.wait)).collect();
        assert_eq!(waiting, [(State::Waiting, Some(Wait::Backoff))], "{text}");
        assert!(
            text.contains("root.child") && text.contains("backoff"),
            "{text}"
        );
        let before = Instant::now();
        harness.settled_within(within).await.expect("it is by then");
        assert_eq!(before.elapsed().as_secs(), 30);
    });
}

#[test]
fn the_tree_is_ready_when_every_node_was_healthy_since_its_last_fall() {
    // R12. For probes: it waits for the slow one, and again after a fall.
    let child = |ctx: Context| async move {
        sleep(Duration::from_secs(10)).await;
        ctx.healthy();
        sleep(Duration::from_secs(10)).await;
        anyhow::ensure!(ctx.attempt() > 1, "it fell");
        ctx.cancelled().await;
        Ok(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        let before = Instant::now();
        harness.wait(harness.tree().ready()).await;
        assert_eq!(before.elapsed().as_secs(), 10);
        assert!(harness.snapshot().await.is_ready);
        harness.until("root.child", State::Dead).await;
        assert!(!harness.snapshot().await.is_ready);
        harness.wait(harness.tree().ready()).await;
        assert!(before.elapsed() >= Duration::from_secs(30));
    });
}
