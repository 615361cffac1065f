//! What the suite of the origin never tested: groups, backoff, stops and the harness itself.

use std::time::Duration;

use crate::puppet::Puppet;
use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::testing::Harness;
use perennial::{
    Backoff, Context, RunError, Rung, Runnable, State, Strategy, Supervisor, What, runnable,
};
use tokio::time::{Instant, sleep};

/// A root that runs one child, and is done.
fn root_of(
    child: impl Runnable + Clone,
) -> impl Fn(Context) -> BoxFuture<'static, Result<(), RunError>> + Send + Sync {
    move |ctx: Context| {
        let child = child.clone();
        async move {
            ctx.run("child", child)?;
            ctx.done();
            Ok(())
        }
        .boxed()
    }
}

#[test]
fn a_slow_member_of_three_holds_the_others_and_its_late_error_is_no_second_fall() {
    // L5, R5, R6. In the origin the late error canceled the fresh members.
    let (first, obey) = Puppet::new();
    let slow = |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        sleep(Duration::from_secs(4)).await;
        Err::<(), _>("slow and late")
    };
    let quick = |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await
    };
    let root = move |ctx: Context| {
        let group = ctx.group("three", Strategy::OneForAll);
        let group = group
            .run("first", obey.clone())
            .run("quick", quick)
            .run("slow", slow);
        async move {
            group.start()?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        first.healthy().await;
        harness.settled().await;
        first.die().await;
        harness.wait(first.healthy()).await;
        harness.settled().await;
        harness.advance(Duration::from_mins(1)).await;
        let log = harness.log();
        let left = log.iter().position(|event| {
            event.path == "root.slow" && matches!(event.what, What::Exited { .. })
        });
        for path in ["root.first", "root.quick", "root.slow"] {
            let starts = log.iter().enumerate().filter(|(_, event)| {
                event.path == path && matches!(event.what, What::Starting { .. })
            });
            let starts: Vec<_> = starts.map(|(at, _)| at).collect();
            assert_eq!(starts.len(), 2, "{path} started more than once again");
            assert!(Some(starts[1]) > left, "{path} met the slow one");
        }
        let falls = log
            .iter()
            .filter(|event| matches!(event.what, What::Fell { .. }));
        assert_eq!(falls.count(), 1);
    });
}

#[test]
fn a_child_of_a_done_parent_is_started_again_alone() {
    // R6. Done keeps its descendants running.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        child.healthy().await;
        harness.until("root", State::Done).await;
        child.die().await;
        harness.wait(child.healthy()).await;
        harness.settled().await;
        let snapshot = harness.snapshot().await;
        assert_eq!(
            snapshot.find("root.child").map(|node| node.restarts),
            Some(1)
        );
        assert_eq!(snapshot.find("root").map(|node| node.restarts), Some(0));
        assert_eq!(harness.state("root").await, Some(State::Done));
    });
}

#[test]
fn the_root_is_started_again_with_backoff() {
    // R11, R8. As any node, once it was healthy.
    let (root, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(obey);
        root.healthy().await;
        let before = Instant::now();
        root.die().await;
        harness.wait(root.healthy()).await;
        let range = Duration::from_millis(249)..=Duration::from_millis(751);
        assert!(range.contains(&before.elapsed()), "{:?}", before.elapsed());
        harness.settled().await;
    });
}

#[test]
fn delays_grow_within_their_jitter_and_stop_at_the_cap() {
    // R8. Each is drawn around 500 ms times 1.5 for each failure in a row, 60 s at most.
    let child = |_: Context| async { Err::<(), _>("again") };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.advance(Duration::from_mins(30)).await;
        let log = harness.log();
        let of = |event: &perennial::Event| match event.what {
            What::RestartScheduled { due, .. } => Some(due.saturating_sub(event.at)),
            _ => None,
        };
        let delays: Vec<_> = log
            .iter()
            .filter_map(of)
            .map(|delay| delay.as_secs_f64())
            .collect();
        assert!(delays.len() > 20);
        for (at, delay) in delays.iter().enumerate() {
            let nominal = (0.5 * 1.5_f64.powf(at as f64)).min(60.0);
            let range = nominal * 0.499..=nominal * 1.501;
            assert!(range.contains(delay), "failure {}: {delay} s", at + 1);
        }
        let spread = delays[13..]
            .iter()
            .any(|delay| *delay < 58.0 || *delay > 62.0);
        assert!(spread, "the jitter moves nothing: {delays:?}");
    });
}

#[test]
fn the_nodes_of_a_stop_are_asked_at_once_and_each_returns_in_its_own_time() {
    // R10, R11. The tree cancels each node; nothing waits for the level above it.
    let child = |ctx: Context| async move {
        ctx.run("inner", |ctx: Context| async move {
            ctx.healthy();
            ctx.cancelled().await;
            sleep(Duration::from_secs(2)).await;
        })?;
        ctx.healthy();
        ctx.cancelled().await;
        sleep(Duration::from_secs(2)).await;
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        let before = Instant::now();
        let report = harness.stop().await.expect("stopping is no failure");
        assert_eq!(before.elapsed().as_secs(), 2);
        assert!(report.stops.is_empty(), "{report}");
    });
}

#[test]
fn a_panic_while_stopping_is_in_the_report() {
    // R10, R18, L9. It is evidence, never a reason to restart or to hang.
    let child = |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        assert!(!ctx.is_cancelled(), "at the very end");
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        let report = harness.stop().await.expect("stopping is no failure");
        assert_eq!(report.stops.len(), 1, "{report}");
        assert_eq!(report.stops[0].rung, Rung::Asked);
        assert!(report.to_string().contains("at the very end"), "{report}");
    });
}

#[test]
fn two_trees_at_once_know_nothing_of_each_other() {
    // R11. Each has its own root, its own processor and its own numbers.
    let (first, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        let (second, obey) = Puppet::new();
        let other = Supervisor::new(root_of(obey)).start();
        first.healthy().await;
        second.healthy().await;
        second.die().await;
        harness.wait(second.healthy()).await;
        other.stop().await.expect("stopping is no failure");
        let snapshot = harness.snapshot().await;
        let child = snapshot.find("root.child").expect("it stands");
        assert_eq!((child.state, child.restarts), (State::Healthy, 0));
    });
}

#[test]
#[should_panic(expected = "cannot listen")]
fn the_harness_fails_a_test_whose_tree_failed() {
    // R11. Unless the test has seen it.
    Harness::run(None, |harness| async move {
        harness.start(|_: Context| async { Err::<(), _>("cannot listen") });
        harness.advance(Duration::from_secs(1)).await;
        drop(harness);
    });
}

#[test]
fn the_harness_lets_a_test_expect_a_failure() {
    // R11. The test has seen how the tree ended.
    let backoff = Backoff::none();
    let root = runnable(|_: Context| async { Err::<(), _>("cannot listen") }).backoff(backoff);
    Harness::run(Some(7), |harness| async move {
        harness.start(root);
        let failure = harness.stopped().await.expect_err("it cannot start");
        assert!(format!("{failure:?}").contains("cannot listen"));
    });
}
