//! What an abort leaves behind: nothing, before the next incarnation starts.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use parking_lot::Mutex;
use perennial::{Backoff, Context, RunError, Runnable, Strategy, Supervisor, runnable};
use tokio::sync::Notify;

/// Takes its time to drop, and notes whether somebody started meanwhile.
struct Slow {
    started: Arc<Mutex<mpsc::Receiver<()>>>,
    overlaps: Arc<AtomicBool>,
    /// Wakes a task that takes the place which a worker keeps for what it woke last, so that
    /// whatever was woken before runs on the other worker.
    decoy: Arc<Notify>,
}

impl Drop for Slow {
    fn drop(&mut self) {
        self.decoy.notify_one();
        let started = self.started.lock();
        // Its own start, of which nobody has taken notice yet.
        while started.try_recv().is_ok() {}
        let next = started.recv_timeout(Duration::from_millis(100));
        drop(started);
        self.overlaps.fetch_or(next.is_ok(), Ordering::SeqCst);
    }
}

/// Fails whenever it is told to.
fn fragile(fail: Arc<Notify>) -> impl Runnable + Clone {
    let run = move |ctx: Context| {
        let fail = fail.clone();
        async move {
            ctx.healthy();
            ctx.until_cancelled(fail.notified()).await;
            Err::<(), _>("told to fail")
        }
    };
    runnable(run).backoff(Backoff::none())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_aborted_incarnation_is_gone_before_the_next_one_starts() {
    // L1, R7. Even if dropping its future takes long, on another thread.
    let (start, started) = mpsc::channel();
    let started = Arc::new(Mutex::new(started));
    let overlaps = Arc::new(AtomicBool::new(false));
    let (fail, again) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let decoy = Arc::new(Notify::new());
    let woken = decoy.clone();
    tokio::spawn(async move {
        loop {
            woken.notified().await;
        }
    });
    let deaf = {
        let (overlaps, again) = (overlaps.clone(), again.clone());
        runnable(move |ctx: Context| {
            let (started, overlaps) = (started.clone(), overlaps.clone());
            let (start, again, decoy) = (start.clone(), again.clone(), decoy.clone());
            async move {
                if ctx.last_exit().is_some() {
                    // Nobody may listen any more.
                    let _ = start.send(());
                    again.notify_one();
                }
                let _slow = Slow {
                    started,
                    overlaps,
                    decoy,
                };
                ctx.healthy();
                std::future::pending::<()>().await;
            }
        })
    };
    let fragile = fragile(fail.clone());
    let root = move |ctx: Context| {
        let (deaf, fragile) = (deaf.clone(), fragile.clone());
        async move {
            ctx.group("pair", Strategy::OneForAll)
                .run("deaf", deaf.grace(Duration::ZERO))
                .run("fragile", fragile)
                .start()?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    let tree = Supervisor::new(root).start();
    tree.settled().await;
    for _ in 0..8 {
        fail.notify_one();
        again.notified().await;
        tree.settled().await;
    }
    assert!(!overlaps.load(Ordering::SeqCst), "two incarnations at once");
    tree.stop().await.expect("stopping is no failure");
}
