//! What OTP has no counterpart for: runtimes, clocks, and threads that nobody can stop.

use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Backoff, Context, Event, Grace, OrderError, Outcome, RunError, Strategy, Supervisor, Tree,
    What, blocking, runnable,
};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::ctl::{Member, ctls};
use crate::sup::{Sup, ms, over, seconds};
use crate::trace::Trace;

/// How long something may take in real time that should take none.
const PATIENCE: Duration = seconds(10);

fn current_thread() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime")
}

fn multi_thread() -> Runtime {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    runtime.expect("a runtime")
}

/// The same, on a paused clock.
fn paused() -> Runtime {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build();
    runtime.expect("a runtime")
}

/// Waits for an event of a node, the first of which is not missed if nobody else awaits.
async fn event(tree: &Tree, path: &str, is_it: fn(&What) -> bool) {
    let mut events = tree.events();
    while let Some(Ok(event)) = events.next().await {
        if event.path == *path && is_it(&event.what) {
            return;
        }
    }
    panic!("the tree has ended");
}

#[test]
fn otp_r2_a_child_that_never_yields_is_leaked_by_name() {
    // L9, R10. Meanwhile the tree answers, and the stop ends without it.
    let free = Arc::new(AtomicBool::new(false));
    let is_free = free.clone();
    let wild = Member::new("wild", move |ctx: Context| {
        let is_free = is_free.clone();
        async move {
            ctx.healthy();
            while !is_free.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
        }
    });
    let runtime = multi_thread();
    let stopped = async {
        let wild = wild.with(|run| run.grace(ms(1)));
        let tree = Supervisor::new(over(&wild)).leak_after(ms(1)).start();
        tree.settled().await;
        let report = tree.stop().await.expect("stopping is no failure");
        let leaked: Vec<_> = report.leaked().map(ToString::to_string).collect();
        assert_eq!(leaked, ["root.wild"], "{report}");
        assert_eq!(report.outcome, Outcome::Stopped);
    };
    let stopped = runtime.block_on(async { timeout(PATIENCE, stopped).await });
    free.store(true, Ordering::Relaxed);
    stopped.expect("it hangs");
}

#[test]
fn otp_r2_r10_a_blocking_child_that_never_returns_is_leaked_by_name() {
    // R15, L9. It has a thread of its own, so that a runtime with one other may be dropped.
    let (free, is_free) = mpsc::channel::<()>();
    let is_free = Arc::new(Mutex::new(is_free));
    let wild = move |ctx: Context| {
        ctx.healthy();
        // It ends with the sender.
        let _ = is_free.lock().recv();
    };
    let wild = blocking(wild).grace(ms(1));
    let root = move |ctx: Context| {
        let run = ctx.run("wild", wild.clone());
        async move {
            run?.healthy().await?;
            ctx.done();
            anyhow::Ok(())
        }
    };
    let runtime = current_thread();
    let stopped = async {
        let tree = Supervisor::new(root).leak_after(ms(1)).start();
        tree.settled().await;
        let report = tree.stop().await.expect("stopping is no failure");
        let leaked: Vec<_> = report.leaked().map(ToString::to_string).collect();
        assert_eq!(leaked, ["root.wild"], "{report}");
    };
    let stopped = runtime.block_on(async { timeout(PATIENCE, stopped).await });
    stopped.expect("it hangs");
    drop(runtime);
    drop(free);
}

#[test]
fn otp_r3_a_runtime_that_goes_while_a_tree_stops_leaves_no_one_waiting() {
    // R11, L10. Whoever asks for the end, or anything else, is told.
    let deaf = Member::new("deaf", |ctx: Context| async move {
        ctx.healthy();
        pending::<()>().await;
    });
    let deaf = deaf.with(|run| run.grace(Grace::Infinite));
    let runtime = paused();
    let (tree, mut ending) = runtime.block_on(async {
        let tree = Supervisor::new(over(&deaf)).start();
        tree.settled().await;
        let ending = tree.stop();
        event(&tree, "root", |what| matches!(what, What::Exited { .. })).await;
        (tree, ending)
    });
    assert!((&mut ending).now_or_never().is_none());
    drop(runtime);
    let failure = ending
        .now_or_never()
        .expect("it is told")
        .expect_err("it has not stopped");
    assert!(failure.evidence.is_none(), "{failure}");
    let order = tree
        .node("root.deaf")
        .start()
        .now_or_never()
        .expect("it is told");
    assert!(matches!(order, Err(OrderError::Ended { .. })), "{order:?}");
    assert!(tree.snapshot().now_or_never().is_some());
}

/// Says when it is dropped.
struct Guard(Arc<AtomicBool>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn otp_r5_the_last_handle_of_a_tree_aborts_it() {
    // R11. One of two does not; whoever waits for the end is told.
    let is_gone = Arc::new(AtomicBool::new(false));
    let goes = is_gone.clone();
    let serves = Member::new("serves", move |ctx: Context| {
        let guard = Guard(goes.clone());
        async move {
            ctx.healthy();
            pending::<()>().await;
            drop(guard);
        }
    });
    paused().block_on(async {
        let tree = Supervisor::new(over(&serves)).start();
        tree.settled().await;
        let (other, ending) = (tree.clone(), tree.ended());
        drop(tree);
        other.settled().await;
        assert!(!is_gone.load(Ordering::SeqCst));
        drop(other);
        let failure = ending.await.expect_err("it was aborted");
        assert!(failure.evidence.is_none(), "{failure}");
        tokio::task::yield_now().await;
        assert!(is_gone.load(Ordering::SeqCst));
    });
}

#[test]
fn otp_r6_a_group_falls_rises_and_stops_on_both_flavours() {
    // R6, L5, R11. In the same order.
    for runtime in [current_thread(), multi_thread()] {
        let trace = Trace::default();
        let members = ctls(["a", "b", "c"], &trace);
        let sup = Sup::new(Strategy::OneForAll).all(&members);
        let life = async {
            let tree = Supervisor::new(sup.root()).start();
            tree.settled().await;
            trace.expect("start a, start b, start c");
            let again = event(&tree, "root.sup.c", |what| matches!(what, What::Healthy));
            tokio::join!(again, members[1].crash());
            tree.settled().await;
            trace.expect("stop c, stop a, start a, start b, start c");
            let report = tree.stop().await.expect("stopping is no failure");
            trace.expect("stop c, stop b, stop a");
            assert!(report.stops.is_empty(), "{report}");
        };
        let life = runtime.block_on(async { timeout(PATIENCE, life).await });
        life.expect("it hangs");
    }
}

/// A tree whose group falls twice and serves then.
fn flaky() -> Supervisor {
    let backoff = Backoff::constant(ms(2));
    let dies = move |ctx: Context| async move {
        anyhow::ensure!(ctx.attempt() > 2, "attempt {}", ctx.attempt());
        ctx.healthy();
        ctx.cancelled().await;
        Ok(())
    };
    let serves = move |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
    };
    let root = move |ctx: Context| async move {
        let group = ctx.group("members", Strategy::OneForAll);
        let group = group.run("serves", runnable(serves).backoff(backoff));
        group.run("dies", runnable(dies).backoff(backoff)).start()?;
        ctx.healthy();
        ctx.cancelled().await;
        Ok::<_, RunError>(())
    };
    Supervisor::new(root).seed(7)
}

/// What has happened, without when.
fn told(event: &Event) -> String {
    let text = format!("{} #{} {}", event.path, event.incarnation, event.what);
    match &event.what {
        What::RestartScheduled { .. } => text.split(" at ").next().unwrap_or_default().to_owned(),
        _ => text,
    }
}

#[test]
fn otp_r9_the_same_happens_on_a_paused_clock_and_on_a_real_one() {
    // L7. All but the times.
    let paused = Harness::run(Some(7), |h| async move {
        h.start_with(flaky());
        h.settled().await;
        h.stop().await.expect("stopping is no failure");
        h.log().iter().map(told).collect::<Vec<_>>()
    });
    let real = current_thread().block_on(async {
        let supervisor = flaky();
        let mut events = supervisor.events();
        let tree = supervisor.start();
        timeout(PATIENCE, tree.settled()).await.expect("it hangs");
        tree.stop().await.expect("stopping is no failure");
        let mut log = Vec::new();
        while let Some(Ok(event)) = events.next().await {
            log.push(told(&event));
        }
        log
    });
    assert_eq!(paused, real);
}
