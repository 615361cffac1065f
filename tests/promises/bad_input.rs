//! Code that misbehaves: nothing hangs, nothing is lost, nothing keeps running.

use std::fmt;
use std::future::{Ready, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::puppet::Puppet;
use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::testing::Harness;
use perennial::{
    Backoff, Context, Exit, IntoExit, Outcome, RunError, Rung, Runnable, State, Supervisor, Tree,
    What, runnable,
};
use tokio::time::{sleep, timeout};

type Root = BoxFuture<'static, Result<(), RunError>>;

/// A root that runs one child and a sound one beside it, and is done.
fn root_of(child: impl Runnable + Clone) -> impl Fn(Context) -> Root + Send + Sync {
    move |ctx: Context| {
        let child = child.clone();
        async move {
            ctx.run("child", child)?;
            ctx.run("sound", serve)?;
            ctx.done();
            Ok(())
        }
        .boxed()
    }
}

/// Serves until it is asked to stop.
async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

/// Counts how many of it there are, and panics when it is dropped for the first time.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        if self.0.fetch_add(1, Ordering::SeqCst) == 0 {
            panic!("dropped a bomb");
        }
    }
}

/// The evidence of the first exit at a path, as text.
fn first_exit(harness: &Harness, path: &str) -> String {
    let of = |event: perennial::Event| match event.what {
        What::Exited { evidence } if event.path == path => Some(evidence.chain()),
        _ => None,
    };
    let exit = harness.log().into_iter().find_map(of);
    exit.unwrap_or_else(|| format!("{path} has not exited"))
}

async fn sound(harness: &Harness) {
    assert_eq!(harness.state("root.sound").await, Some(State::Healthy));
    let snapshot = harness.snapshot().await;
    assert_eq!(
        snapshot.find("root.sound").map(|node| node.restarts),
        Some(0)
    );
}

#[test]
fn a_runnable_that_returns_at_once_for_ever_starves_nobody() {
    // R7, R8, R11. Without any delay the tree still answers and stops.
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let hot = runnable(move |_: Context| {
        counted.fetch_add(1, Ordering::SeqCst);
        ready(())
    });
    Harness::run(None, |harness| async move {
        harness.start(root_of(hot.backoff(Backoff::none())));
        while runs.load(Ordering::SeqCst) < 1000 {
            assert!(harness.state("root").await.is_some());
        }
        let report = harness.stop().await.expect("stopping is no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        let over = runs.load(Ordering::SeqCst);
        harness.advance(Duration::from_secs(1)).await;
        assert_eq!(
            runs.load(Ordering::SeqCst),
            over,
            "it was started after the stop"
        );
    });
}

#[test]
fn a_factory_that_panics_before_its_future_is_a_death() {
    // R18, R5. The closure itself is code of the runnable.
    let factory = |ctx: Context| -> BoxFuture<'static, ()> {
        assert!(ctx.attempt() > 2, "no future today");
        serve(ctx).boxed()
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(factory));
        harness.settled().await;
        assert!(first_exit(&harness, "root.child").contains("no future today"));
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
        sound(&harness).await;
    });
}

#[test]
fn a_factory_that_panics_in_the_root_ends_no_process() {
    // R18, R11. The root is started again: a panic is no error before it was healthy.
    let root = |ctx: Context| -> Ready<()> {
        ctx.healthy();
        assert!(ctx.attempt() > 2, "no root today");
        ctx.done();
        ready(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        assert!(first_exit(&harness, "root").contains("no root today"));
        assert_eq!(harness.state("root").await, Some(State::Done));
    });
}

#[test]
fn a_runnable_that_ignores_its_token_is_aborted_after_its_grace() {
    // R10, R11. The report names the rung.
    let deaf = runnable(|_| pending::<()>()).grace(Duration::from_secs(2));
    Harness::run(None, |harness| async move {
        harness.start(root_of(deaf));
        harness.until("root.child", State::Starting).await;
        let before = tokio::time::Instant::now();
        let report = harness.stop().await.expect("stopping is no failure");
        assert_eq!(before.elapsed().as_secs(), 2);
        let rungs: Vec<_> = report
            .stops
            .iter()
            .map(|stop| (&stop.path, stop.rung))
            .collect();
        assert!(
            matches!(rungs[..], [(path, Rung::Aborted)] if *path == "root.child"),
            "{report}"
        );
    });
}

#[test]
fn an_error_that_panics_when_it_is_shown_hurts_nobody() {
    // R17, R18. Observers cannot reach in, and neither can what they show.
    #[derive(Debug)]
    struct Unspeakable;
    impl fmt::Display for Unspeakable {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("cannot be said")
        }
    }
    impl std::error::Error for Unspeakable {}
    let child = |ctx: Context| async move {
        ctx.healthy();
        if ctx.attempt() == 1 {
            return Err(Unspeakable);
        }
        ctx.cancelled().await;
        Ok(())
    };
    let tree = async {
        let tree = Supervisor::new(root_of(child)).start();
        tree.settled().await;
        let snapshot = tree.snapshot().await;
        let restarts = snapshot.find("root.child").map(|node| node.restarts);
        assert_eq!(restarts, Some(1), "the tree did not live on");
        tree.stop().await.expect("stopping is no failure");
    };
    paused(tree);
}

/// Runs a test on a paused clock without the harness, which shows what it keeps.
fn paused<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build();
    let hour = async { timeout(Duration::from_hours(1), test).await };
    let ended = runtime.expect("a runtime").block_on(hour);
    ended.expect("it hangs")
}

#[test]
fn a_capture_that_panics_when_it_is_dropped_is_evidence() {
    // R18, L1. It is dropped with the future, inside the task.
    let drops = Arc::new(AtomicUsize::new(0));
    let counted = drops.clone();
    let child = move |ctx: Context| {
        let bomb = Bomb(counted.clone());
        async move {
            ctx.healthy();
            ctx.cancelled().await;
            drop(bomb);
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        let report = harness.stop().await.expect("stopping is no failure");
        assert!(report.to_string().contains("dropped a bomb"), "{report}");
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_future_that_panics_when_it_is_aborted_does_not_hang_the_stop() {
    // R18, R10, L9. Dropping it is the last thing that is done with it.
    let drops = Arc::new(AtomicUsize::new(0));
    let counted = drops.clone();
    let child = move |_: Context| {
        let bomb = Bomb(counted.clone());
        async move {
            pending::<()>().await;
            drop(bomb);
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.until("root.child", State::Starting).await;
        harness.quiet(Duration::from_secs(1)).await;
        let report = harness.stop().await.expect("stopping is no failure");
        let rungs: Vec<_> = report.stops.iter().map(|stop| stop.rung).collect();
        assert_eq!(rungs, [Rung::Aborted], "{report}");
        assert_eq!(drops.load(Ordering::SeqCst), 1);
    });
}

#[test]
fn a_runnable_that_panics_when_it_is_dropped_does_not_take_the_tree_with_it() {
    // R18, L10. It is dropped when its place is discarded with the parent's incarnation.
    let drops = Arc::new(AtomicUsize::new(0));
    let (mid, obey) = Puppet::new();
    let counted = drops.clone();
    let parent = move |ctx: Context| {
        let bomb = Bomb(counted.clone());
        let run = ctx.run("bomb", move |ctx| {
            let _ = &bomb;
            serve(ctx)
        });
        let obeys = obey(ctx);
        async move {
            run?;
            Ok::<_, RunError>(obeys.await)
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(parent));
        mid.healthy().await;
        harness.settled().await;
        mid.die().await;
        harness.wait(mid.healthy()).await;
        harness.settled().await;
        assert_eq!(drops.load(Ordering::SeqCst), 1);
        sound(&harness).await;
    });
}

#[test]
fn a_panic_without_a_text_is_told_in_words() {
    // R18. The payload may be anything.
    let child = |ctx: Context| async move {
        if ctx.attempt() == 1 {
            std::panic::panic_any(42_u64);
        }
        serve(ctx).await;
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        let snapshot = harness.snapshot().await;
        let last = snapshot
            .find("root.child")
            .and_then(|node| node.last_exit.clone());
        let exit = last.and_then(|evidence| evidence.exit.clone());
        let Some(Exit::Panicked(panic)) = exit else {
            panic!("{exit:?}");
        };
        assert!(!panic.message().is_empty());
        assert!(
            panic
                .location()
                .is_some_and(|place| place.contains("bad_input.rs"))
        );
    });
}

#[test]
fn a_supervisor_in_a_runnable_is_a_tree_of_its_own_and_ends_with_that_future() {
    // R11. It is aborted when the runnable's future is dropped.
    let alive = Arc::new(());
    let kept = alive.clone();
    let child = runnable(move |ctx: Context| {
        let kept = kept.clone();
        let inner = Supervisor::new(move |ctx: Context| {
            let kept = kept.clone();
            async move {
                ctx.healthy();
                pending::<()>().await;
                drop(kept);
            }
        });
        async move {
            ctx.healthy();
            inner.run().await.map(drop)
        }
    });
    Harness::run(None, |harness| async move {
        harness.start(root_of(child.grace(Duration::ZERO)));
        harness.settled().await;
        assert_eq!(
            harness.snapshot().await.nodes.len(),
            3,
            "it is no part of this tree"
        );
        assert!(Arc::strong_count(&alive) > 2, "it does not run");
        harness.stop().await.expect("stopping is no failure");
        harness.quiet(Duration::from_secs(1)).await;
        let snapshot = harness.snapshot().await;
        assert!(snapshot.nodes.iter().all(|node| node.state.has_exited()));
        assert!(Arc::strong_count(&alive) <= 2, "something of it lives on");
    });
}

/// A tree whose child ticks every second into a counter.
fn ticking() -> (Tree, Arc<AtomicUsize>) {
    let ticks = Arc::new(AtomicUsize::new(0));
    let counted = ticks.clone();
    let child = move |ctx: Context| {
        let ticks = counted.clone();
        async move {
            ctx.healthy();
            loop {
                sleep(Duration::from_secs(1)).await;
                if ticks.fetch_add(1, Ordering::SeqCst) > 1000 {
                    return Ok::<_, RunError>(()).into_exit();
                }
            }
        }
    };
    (Supervisor::new(root_of(child)).start(), ticks)
}

#[test]
fn nothing_is_polled_after_the_last_handle_was_dropped() {
    // R11. And all that was captured is dropped.
    paused(async {
        let (tree, ticks) = ticking();
        tree.settled().await;
        sleep(Duration::from_secs(10)).await;
        let last = ticks.load(Ordering::SeqCst);
        assert!(last >= 9);
        let events = tree.events();
        drop(tree);
        sleep(Duration::from_mins(1)).await;
        assert_eq!(ticks.load(Ordering::SeqCst), last);
        assert_eq!(Arc::strong_count(&ticks), 1, "something of it lives on");
        drop(events);
    });
}

#[test]
fn a_clone_of_the_handle_keeps_the_tree_alive() {
    // R11. Only the last one counts.
    paused(async {
        let (tree, ticks) = ticking();
        let (other, ended) = (tree.clone(), tree.ended());
        drop(tree);
        sleep(Duration::from_secs(10)).await;
        assert!(ticks.load(Ordering::SeqCst) >= 9);
        drop(ended);
        other
            .stop_within(Duration::ZERO)
            .await
            .expect("stopping is no failure");
    });
}
