//! What handles of children wait for, and what signals mean, incarnation after incarnation.

use std::sync::Arc;
use std::time::Duration;

use crate::puppet::Puppet;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Backoff, Child, Context, Down, Exit, FirstStartError, HealthyError, IntoExit, RunError,
    Runnable, State, Strategy, What, once, runnable,
};
use tokio::time::{Instant, sleep};

type Handles = Arc<Mutex<Vec<Child>>>;
type Root = BoxFuture<'static, Result<(), RunError>>;

/// A root that runs one child, keeps its handle, and is done.
fn root_of(child: impl Runnable + Clone) -> (Handles, impl Fn(Context) -> Root + Send + Sync) {
    let handles = Handles::default();
    let kept = handles.clone();
    let root = move |ctx: Context| {
        let run = ctx.run("child", child.clone());
        let kept = kept.clone();
        async move {
            kept.lock().push(run?);
            ctx.done();
            Ok(())
        }
        .boxed()
    };
    (handles, root)
}

/// The newest handle, once its parent has run that often, which takes no time.
async fn handle(harness: &Harness, handles: &Handles, runs: usize) -> Child {
    harness.advance(Duration::ZERO).await;
    handles.lock()[runs - 1].clone()
}

fn starts(harness: &Harness, path: &str) -> Vec<Duration> {
    let log = harness.log().into_iter();
    log.filter(|event| event.path == path && matches!(event.what, What::Starting { .. }))
        .map(|event| event.at)
        .collect()
}

#[test]
fn healthy_waits_across_restarts() {
    // R3. A failure on the way is not its business.
    let child = |ctx: Context| async move {
        anyhow::ensure!(ctx.attempt() > 3, "not yet");
        ctx.healthy();
        ctx.cancelled().await;
        Ok(())
    };
    let (handles, root) = root_of(child);
    Harness::run(None, |harness| async move {
        harness.start(root);
        let child = handle(&harness, &handles, 1).await;
        harness.wait(child.healthy()).await.expect("it will be");
        assert_eq!(starts(&harness, "root.child").len(), 4);
        assert_eq!(child.path().to_string(), "root.child");
    });
}

#[test]
fn healthy_fails_when_the_tree_stops() {
    // R3. It never will be.
    let (handles, root) = root_of(|_| std::future::pending::<()>());
    Harness::run(None, |harness| async move {
        harness.start(root);
        let child = handle(&harness, &handles, 1).await;
        let waits = tokio::spawn(async move { child.healthy().await });
        harness.advance(Duration::from_secs(1)).await;
        assert!(!waits.is_finished());
        harness.stop().await.expect("stopping is no failure");
        let refused = waits.await.expect("no panic");
        assert!(
            matches!(refused, Err(HealthyError::Stopped { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn the_first_start_fails_with_the_first_exit() {
    // R3. An acknowledged start does not wait for the second attempt.
    let child = |ctx: Context| async move {
        anyhow::ensure!(ctx.attempt() > 1, "the port is in use");
        ctx.healthy();
        ctx.cancelled().await;
        Ok(())
    };
    let (handles, root) = root_of(child);
    Harness::run(None, |harness| async move {
        harness.start(root);
        let child = handle(&harness, &handles, 1).await;
        let Err(FirstStartError::Exited { source, .. }) = child.first_start().await else {
            panic!("it had failed");
        };
        assert!(source.chain().contains("the port is in use"));
        harness.settled().await;
        assert!(child.first_start().await.is_err(), "it stays what it was");
    });
}

#[test]
fn ended_waits_until_the_child_is_done() {
    // R3. And gives its last exit.
    let (puppet, obey) = Puppet::new();
    let (handles, root) = root_of(obey);
    Harness::run(None, |harness| async move {
        harness.start(root);
        let child = handle(&harness, &handles, 1).await;
        puppet.healthy().await;
        puppet.die().await;
        let ended = tokio::spawn(async move { child.ended().await });
        harness.wait(puppet.healthy()).await;
        assert!(
            !ended.is_finished(),
            "a death that is tried again is no end"
        );
        puppet
            .tell(|ctx| {
                ctx.done();
                Some(Exit::Returned)
            })
            .await;
        let ended = ended.await.expect("no panic");
        assert_eq!(ended.state, State::Done);
        assert!(ended.evidence.is_some());
        harness.settled().await;
    });
}

#[test]
fn a_handle_of_a_discarded_place_fails_and_never_means_its_successor() {
    // R3, L10. The parent's next incarnation has a child of the same name.
    let (parent, obey_parent) = Puppet::new();
    let (child, obey_child) = Puppet::new();
    let handles = Handles::default();
    let kept = handles.clone();
    let mid = move |ctx: Context| {
        let run = ctx.run("leaf", obey_child.clone());
        let (kept, obeys) = (kept.clone(), obey_parent(ctx));
        async move {
            kept.lock().push(run?);
            Ok::<_, RunError>(obeys.await)
        }
    };
    let (_, root) = root_of(mid);
    Harness::run(None, |harness| async move {
        harness.start(root);
        let old = handle(&harness, &handles, 1).await;
        let waits = old.clone();
        let waits = tokio::spawn(async move { waits.healthy().await });
        child.tell(|_| None).await;
        parent.die().await;
        let refused = waits.await.expect("no panic");
        let gone = matches!(
            refused,
            Err(HealthyError::Gone { .. } | HealthyError::Stopped { .. })
        );
        assert!(gone, "{refused:?}");
        harness.wait(child.healthy()).await;
        let new = handle(&harness, &handles, 2).await;
        new.healthy().await.expect("it is");
        assert!(matches!(
            old.healthy().await,
            Err(HealthyError::Gone { .. })
        ));
        assert!(old.first_start().await.is_err());
        assert_eq!(old.ended().await.state, State::Canceled);
    });
}

#[test]
fn healthy_fails_for_a_child_that_went_down() {
    // R3, R13. With its last exit as the source.
    let root = |ctx: Context| async move {
        let pool = ctx.pool("pool")?;
        ctx.healthy();
        pool_stands(&ctx).await;
        let child = pool.start(once(|_: Context| async { Err::<(), _>("reset by peer") }))?;
        let refused = child.healthy().await;
        let gone = matches!(
            refused,
            Err(HealthyError::Down { .. } | HealthyError::Gone { .. })
        );
        assert!(gone, "{refused:?}");
        let ended = child.ended().await;
        assert_eq!(ended.state, State::Down);
        let evidence = ended.evidence.expect("it returned");
        assert!(evidence.chain().contains("reset by peer"));
        ctx.done();
        anyhow::Ok(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.until("root", State::Done).await;
    });
}

async fn pool_stands(ctx: &Context) {
    ctx.until_cancelled(sleep(Duration::from_millis(1))).await;
}

#[test]
fn a_planned_restart_is_neither_counted_nor_delayed() {
    // R4, R8. The incarnation had run for longer than the initial backoff.
    let (child, obey) = Puppet::new();
    let (_, root) = root_of(obey);
    Harness::run(None, |harness| async move {
        harness.start(root);
        child.healthy().await;
        harness.advance(Duration::from_secs(5)).await;
        let before = Instant::now();
        child
            .tell(|ctx| {
                ctx.restart();
                Some(Exit::Returned)
            })
            .await;
        let again = child.tell(|ctx| {
            assert_eq!(ctx.attempt(), 1);
            ctx.healthy();
            None
        });
        harness.wait(again).await;
        assert_eq!(before.elapsed(), Duration::ZERO);
        harness.settled().await;
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn planned_restarts_keep_the_distance_of_the_initial_backoff() {
    // R4. No hot loop: what is left of the delay since the start is waited.
    let backoff = Backoff::constant(Duration::from_secs(2));
    let restless = |ctx: Context| async move {
        ctx.healthy();
        sleep(Duration::from_millis(300)).await;
        ctx.restart();
    };
    let (_, root) = root_of(runnable(restless).backoff(backoff));
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.advance(Duration::from_secs(9)).await;
        let starts = starts(&harness, "root.child");
        assert_eq!(starts.len(), 5, "{starts:?}");
        for pair in starts.windows(2) {
            let distance = pair[1].saturating_sub(pair[0]).as_millis();
            assert!((2000..2010).contains(&distance), "{starts:?}");
        }
        assert_eq!(
            harness
                .snapshot()
                .await
                .find("root.child")
                .map(|node| node.attempt),
            Some(1)
        );
    });
}

#[test]
fn a_planned_restart_takes_its_group_with_it() {
    // R4, R6. By the strategy, as a fall.
    let (child, obey) = Puppet::new();
    let root = move |ctx: Context| {
        let group = ctx
            .group("pair", Strategy::OneForAll)
            .run("child", obey.clone());
        let group = group.run("other", |ctx: Context| async move {
            ctx.healthy();
            ctx.cancelled().await;
        });
        async move {
            group.start()?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        child.healthy().await;
        harness.settled().await;
        child
            .tell(|ctx| {
                ctx.restart();
                Some(Err::<(), _>("new keys").into_exit())
            })
            .await;
        harness.wait(child.healthy()).await;
        harness.settled().await;
        assert_eq!(starts(&harness, "root.other").len(), 2);
    });
}

#[test]
fn code_that_does_not_signal_can_be_healthy_at_its_start() {
    // R4, R3. It declares no children, being healthy already.
    let child = |ctx: Context| async move {
        let late = ctx.run("late", |_| async {});
        assert!(matches!(late, Err(RunError::TooLate { .. })), "{late:?}");
        ctx.cancelled().await;
    };
    let (handles, root) = root_of(runnable(child).healthy_at_start());
    Harness::run(None, |harness| async move {
        harness.start(root);
        let child = handle(&harness, &handles, 1).await;
        child.healthy().await.expect("it is");
        harness.settled().await;
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
        assert_eq!(starts(&harness, "root.child").len(), 1);
    });
}

#[test]
fn giving_up_is_a_failure_of_the_tree_with_its_whole_chain() {
    // R4, R9, R11. The parent falls, and here that is the root.
    let child = |ctx: Context| async move {
        ctx.give_up();
        Err::<(), _>(anyhow::anyhow!("no such table").context("cannot migrate"))
    };
    let (_, root) = root_of(child);
    Harness::run(None, |harness| async move {
        harness.start(root);
        let failure = harness.stopped().await.expect_err("it gave up");
        let text = format!("{failure:?}");
        assert!(
            text.contains("cannot migrate") && text.contains("no such table"),
            "{text}"
        );
        assert!(text.contains("root.child"), "{text}");
        let log = harness.log();
        assert!(
            log.iter()
                .any(|event| matches!(event.what, What::Escalated { .. }))
        );
        let down = log.iter().any(|event| {
            event.path == "root.child"
                && matches!(
                    event.what,
                    What::Down {
                        reason: Down::GaveUp
                    }
                )
        });
        assert!(down, "{log:#?}");
    });
}
