//! What wedged the origin for good: code that does not end, bad names, stops and leaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::puppet::Puppet;
use crate::root::root_of;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Cause, Context, IntoExit, RunError, Rung, State, Strategy, Supervisor, What, runnable,
};
use tokio::runtime::Handle;
use tokio::time::Instant;

/// Serves until it is asked to stop.
async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

#[test]
fn a_stuck_child_is_aborted_and_its_parent_rises() {
    // R10, L9. W7: first rung beyond asking.
    let (parent, obey) = Puppet::new();
    let mid = move |ctx: Context| {
        let run = ctx.run("stuck", |_| std::future::pending::<()>());
        let obeys = obey(ctx);
        async move {
            run?;
            Ok::<_, RunError>(obeys.await)
        }
    };
    let root = root_of("mid", mid);
    Harness::run(None, |harness| async move {
        harness.start(root);
        parent.tell(|_| None).await;
        let before = Instant::now();
        parent.die().await;
        harness.wait(parent.tell(|_| None)).await;
        let waited = before.elapsed();
        assert!((5000..=5751).contains(&waited.as_millis()), "{waited:?}");
        let aborted = |event: &perennial::Event| {
            event.path == "root.mid.stuck" && matches!(event.what, What::Aborted)
        };
        assert!(harness.log().iter().any(aborted));
        let report = harness.stop().await.expect("stopping is no failure");
        let rungs: Vec<_> = report.stops.iter().map(|stop| stop.rung).collect();
        assert_eq!(rungs, [Rung::Aborted], "{report}");
    });
}

#[test]
fn what_cannot_be_ended_is_leaked_by_name_and_ends_its_tree() {
    // R10, R9, L9. W7: a leak in a fall is a spent budget, which reaches the root here.
    let (child, obey) = Puppet::new();
    let keep = Arc::new(Mutex::new(None));
    let holds = keep.clone();
    let stuck = move |ctx: Context| {
        *holds.lock() = ctx.hold("a thread").ok();
        serve(ctx)
    };
    let root = move |ctx: Context| {
        let group = ctx.group("pair", Strategy::OneForAll);
        let group = group.run("child", obey.clone()).run("stuck", stuck.clone());
        async move {
            group.start()?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start_with(Supervisor::new(root));
        child.healthy().await;
        harness.settled().await;
        let before = Instant::now();
        child.die().await;
        let failure = harness.stopped().await.expect_err("it cannot go on");
        assert_eq!(before.elapsed().as_secs(), 10, "5 s of grace and 5 s more");
        assert!(format!("{failure:?}").contains("root.stuck"), "{failure:?}");
        let spent = harness
            .log()
            .into_iter()
            .find_map(|event| match event.what {
                What::BudgetSpent { evidence } => Some(evidence),
                _ => None,
            });
        let cause = spent.and_then(|evidence| evidence.cause.clone());
        assert!(matches!(cause, Some(Cause::Leaked(path)) if path == "root.stuck"));
        drop(keep.lock().take());
    });
}

#[test]
fn a_bad_name_is_an_error_value() {
    // R1, R3. W8: a dot in it killed the process.
    let root = |ctx: Context| async move {
        let error = ctx
            .run("dhcp-eth0.100", serve)
            .expect_err("a dot is no letter");
        assert!(matches!(error, RunError::Name { .. }));
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert!(source.is_some_and(|text| text.contains("dhcp-eth0.100") && text.contains("'.'")));
        ctx.run(perennial::Name::sanitize("dhcp-eth0.100"), serve)?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        assert_eq!(
            harness.state("root.dhcp-eth0-100").await,
            Some(State::Healthy)
        );
    });
}

#[test]
fn a_stop_reports_errors_and_panics_and_tells_when_it_is_over() {
    // R11, L3. W9: what was met while stopping is in the report and in the last snapshot.
    let loud = |ctx: Context| async move {
        serve(ctx).await;
        Err::<(), _>("could not flush")
    };
    let broken = |ctx: Context| async move {
        serve(ctx.clone()).await;
        assert!(!ctx.is_cancelled(), "broken to the end");
    };
    let root = move |ctx: Context| async move {
        ctx.run("loud", loud)?;
        ctx.run("broken", broken)?;
        ctx.run("plain", serve)?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        let report = harness.stop().await.expect("stopping is no failure");
        let text = report.to_string();
        assert_eq!(report.stops.len(), 2, "{text}");
        assert!(
            text.contains("could not flush") && text.contains("broken to the end"),
            "{text}"
        );
        let snapshot = harness.snapshot().await;
        assert!(
            snapshot.nodes.iter().all(|node| node.state.has_exited()),
            "{snapshot}"
        );
    });
}

#[tokio::test(start_paused = true)]
async fn no_task_outlives_its_tree() {
    // L9, R11. W10: twenty trees leave nothing behind.
    let before = Handle::current().metrics().num_alive_tasks();
    for _ in 0..20 {
        let root = |ctx: Context| async move {
            ctx.run("child", serve)?;
            let pool = ctx.pool("pool")?;
            ctx.spawn(std::future::pending::<()>()).expect("it runs");
            ctx.healthy();
            tokio::task::yield_now().await;
            pool.start(serve).expect("it runs");
            ctx.cancelled().await;
            Ok::<_, RunError>(())
        };
        let tree = Supervisor::new(runnable(root).grace(Duration::ZERO)).start();
        tree.settled().await;
        assert!(Handle::current().metrics().num_alive_tasks() > before);
        tree.stop().await.expect("stopping is no failure");
        drop(tree);
        tokio::task::yield_now().await;
    }
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before);
}

#[test]
fn a_child_queued_when_its_parent_dies_is_not_started() {
    // R3, L2. W11: it is canceled without having run.
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let mid = move |ctx: Context| {
        let runs = counted.clone();
        async move {
            ctx.run("leaf", move |ctx| {
                runs.fetch_add(1, Ordering::SeqCst);
                serve(ctx)
            })?;
            anyhow::ensure!(ctx.attempt() > 3, "not yet");
            ctx.done();
            Ok(())
        }
    };
    let root = root_of("mid", mid);
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        let log = harness.log();
        let starts = log.iter().filter(|event| event.path == "root.mid.leaf");
        let starts = starts.filter(|event| matches!(event.what, What::Starting { .. }));
        assert_eq!(starts.count(), 1);
    });
}

#[test]
fn healthy_said_by_a_helper_and_by_its_caller_is_said_once() {
    // R4. W12: so helpers that signal can be called from code that signals.
    let (child, obey) = Puppet::new();
    let root = root_of("child", obey);
    Harness::run(None, |harness| async move {
        harness.start(root);
        child.healthy().await;
        child
            .tell(|ctx| {
                ctx.healthy();
                Some(Err::<(), _>("on request").into_exit())
            })
            .await;
        harness.wait(child.healthy()).await;
        harness.settled().await;
        let log = harness.log();
        let said = log.iter().filter(|event| event.path == "root.child");
        assert_eq!(
            said.filter(|event| matches!(event.what, What::Healthy))
                .count(),
            2
        );
    });
}
