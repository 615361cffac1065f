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

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a drop that panics");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_accepted_behind_the_last_drop_is_gone_however_it_drops() {
    // L1, R11, R13, R18. Its messages stand in the batch of the abandonment, and panic there.
    let (gives, given) = tokio::sync::oneshot::channel();
    let gives = Mutex::new(Some(gives));
    let root = move |ctx: Context| {
        let (pool, gives) = (ctx.pool("pool"), gives.lock().take());
        async move {
            if let Some(gives) = gives {
                // The test waits for it.
                let _ = gives.send(pool?);
            }
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<_, RunError>(())
        }
    };
    let tree = Supervisor::new(root).start();
    let pool = given.await.expect("the root runs");
    tree.settled().await;
    let ended = tree.ended();
    drop(tree);
    for _ in 0..2 {
        let bomb = Bomb;
        let started = pool.start(perennial::once(move |_: Context| async move { drop(bomb) }));
        assert!(started.is_ok(), "nobody has heard of the end yet");
    }
    assert!(ended.await.is_err(), "R11: it was abandoned");
    assert_eq!(pool.children(), 0);
}
