//! A life on both flavours of the real runtime, and what becomes of a tree when its runtime goes.

use std::future::pending;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use perennial::{
    Backoff, Context, Outcome, RunError, Rung, State, Supervisor, Tree, What, method, runnable,
};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

fn flavours() -> [Runtime; 2] {
    let current = Builder::new_current_thread().enable_all().build();
    let multi = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    [current.expect("a runtime"), multi.expect("a runtime")]
}

/// Runs a test on both flavours, each with a deadline.
fn on_both<F: Future<Output = ()>>(test: impl Fn() -> F) {
    for runtime in flavours() {
        let test = async { timeout(PATIENCE, test()).await };
        runtime.block_on(test).expect("it hangs");
    }
}

/// Serves until it is asked to stop.
async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

/// A tree whose child crashes twice before it serves.
fn flaky() -> (Supervisor, Arc<AtomicUsize>) {
    let runs = Arc::new(AtomicUsize::new(0));
    let counted = runs.clone();
    let child = move |ctx: Context| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            anyhow::ensure!(ctx.attempt() > 2, "not yet");
            serve(ctx).await;
            Ok(())
        }
    };
    let root = move |ctx: Context| {
        let backoff = Backoff::constant(Duration::from_millis(2));
        let run = ctx.run("child", runnable(child.clone()).backoff(backoff));
        async move {
            run?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    (Supervisor::new(root), runs)
}

#[test]
fn a_child_starts_crashes_waits_rises_and_stops() {
    // R8, R11, R12. On either flavour, in real time.
    on_both(|| async {
        let (supervisor, runs) = flaky();
        let tree = supervisor.start();
        tree.settled().await;
        assert_eq!(runs.load(Ordering::SeqCst), 3);
        let report = tree.stop().await.expect("stopping is no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        assert!(report.stops.is_empty(), "{report}");
    });
}

#[test]
fn run_gives_the_report_when_nothing_is_left_to_do() {
    // R11. A root that is done, with nothing below it, finishes.
    on_both(|| async {
        let root = |ctx: Context| async move { ctx.done() };
        let report = Supervisor::new(root).run().await.expect("it finished");
        assert_eq!(report.outcome, Outcome::Finished);
    });
}

#[test]
fn dropping_the_future_of_run_aborts_the_tree() {
    // R11. All that its runnables captured is dropped.
    on_both(|| async {
        let (supervisor, runs) = flaky();
        let mut running = Box::pin(supervisor.run());
        while runs.load(Ordering::SeqCst) < 3 {
            let turn = timeout(Duration::from_millis(1), &mut running).await;
            assert!(turn.is_err(), "it serves");
        }
        drop(running);
        while Arc::strong_count(&runs) > 1 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_method_of_a_service_is_a_runnable() {
    // R11. The service outlives its incarnations.
    struct Counter(AtomicUsize);
    impl Counter {
        async fn run(&self, ctx: Context) -> anyhow::Result<()> {
            anyhow::ensure!(self.0.fetch_add(1, Ordering::SeqCst) > 1, "not yet");
            serve(ctx).await;
            Ok(())
        }
    }
    on_both(|| async {
        let counter = Arc::new(Counter(AtomicUsize::new(0)));
        let quick = Backoff::constant(Duration::from_millis(1));
        let runnable = method(&counter, Counter::run).backoff(quick);
        let tree = Supervisor::new(runnable).retry_start().start();
        tree.settled().await;
        assert_eq!(counter.0.load(Ordering::SeqCst), 3);
        tree.stop().await.expect("stopping is no failure");
    });
}

#[test]
fn a_runtime_that_is_shut_down_ends_the_tree_for_whoever_waits() {
    // R5, R11. The failure has no evidence, the events end, and nothing captured lives on.
    for runtime in flavours() {
        let alive = Arc::new(());
        let kept = alive.clone();
        let root = move |ctx: Context| {
            let kept = kept.clone();
            async move {
                ctx.healthy();
                pending::<()>().await;
                drop(kept);
            }
        };
        let (tree, mut events): (Tree, _) = runtime.block_on(async {
            let tree = Supervisor::new(root).start();
            tree.settled().await;
            let events = tree.events();
            (tree, events)
        });
        let ended = tree.ended();
        runtime.shutdown_timeout(PATIENCE);
        assert_eq!(Arc::strong_count(&alive), 1, "something of it lives on");
        let [other, _] = flavours();
        other.block_on(async {
            let failure = timeout(PATIENCE, ended).await.expect("it hangs");
            assert!(failure.expect_err("it vanished").evidence.is_none());
            let stopped = timeout(PATIENCE, tree.stop()).await.expect("it hangs");
            assert!(stopped.is_err());
            timeout(PATIENCE, tree.settled()).await.expect("it hangs");
            timeout(PATIENCE, tree.ready()).await.expect("it hangs");
            timeout(PATIENCE, tree.snapshot()).await.expect("it hangs");
            while let Some(event) = timeout(PATIENCE, events.next()).await.expect("it hangs") {
                assert!(event.is_ok());
            }
        });
    }
}

/// Stops a tree with a child that blocks its thread, after it has signalled healthy or not. It does
/// so when it is told to, at a time at which nothing else happens.
fn stop_beside_a_blocked_thread(signals: fn(&Context)) {
    let [_, runtime] = flavours();
    let (release, released) = mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let go = Arc::new(Notify::new());
    let blocks = Arc::new(AtomicUsize::new(0));
    let (counted, goes) = (blocks.clone(), go.clone());
    let stuck = move |ctx: Context| {
        let (released, blocks, go) = (released.clone(), counted.clone(), goes.clone());
        async move {
            go.notified().await;
            signals(&ctx);
            blocks.fetch_add(1, Ordering::SeqCst);
            let _ = released.lock().recv();
        }
    };
    let root = move |ctx: Context| {
        let run = ctx.run("stuck", stuck.clone());
        async move {
            run?;
            ctx.run("sound", serve)?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    let test = async move {
        let supervisor = Supervisor::new(root).leak_after(Duration::from_millis(20));
        let tree = supervisor.start();
        let idle = Duration::from_millis(20);
        assert!(tree.settled_within(idle).await.is_err());
        go.notify_one();
        while blocks.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let report = tree.stop_within(Duration::from_millis(20)).await;
        let report = report.expect("stopping is no failure");
        let leaked: Vec<_> = report.leaked().map(ToString::to_string).collect();
        assert_eq!(leaked, ["root.stuck"], "{report}");
        assert_eq!(report.stops[0].rung, Rung::Leaked);
        assert!(report.stops[0].evidence.is_none(), "it never returned");
        let snapshot = tree.snapshot().await;
        assert!(snapshot.is_settled, "{snapshot}");
    };
    // On the thread of the test: whatever hangs on a worker, this is polled.
    let ended = runtime.block_on(async { timeout(PATIENCE, test).await });
    drop(release);
    ended.expect("it hangs");
}

#[test]
fn a_runnable_that_never_yields_is_leaked_by_name() {
    // R10, R11, L9. The tree stops without it; its thread goes on until the test lets it go.
    stop_beside_a_blocked_thread(|_| {});
}

#[test]
fn a_runnable_that_blocks_right_after_it_signalled_does_not_block_its_tree() {
    // R10, R11, L9. What the signal woke must not wait for the thread that signalled.
    stop_beside_a_blocked_thread(Context::healthy);
}

#[test]
fn events_are_read_on_another_thread_while_the_tree_runs() {
    // R17. The stream ends after the last event.
    let [_, runtime] = flavours();
    let (supervisor, _runs) = flaky();
    let mut events = supervisor.events();
    let reader = runtime.spawn(async move {
        let mut states = Vec::new();
        while let Some(event) = events.next().await {
            let event = event.expect("nothing was missed");
            if event.path == "root.child" && matches!(event.what, What::Exited { .. }) {
                states.push(event.state);
            }
        }
        states
    });
    let states = runtime.block_on(async {
        let tree = supervisor.start();
        tree.settled().await;
        tree.stop().await.expect("stopping is no failure");
        timeout(PATIENCE, reader)
            .await
            .expect("it hangs")
            .expect("it reads")
    });
    assert_eq!(states, [State::Dead, State::Dead, State::Canceled]);
}
