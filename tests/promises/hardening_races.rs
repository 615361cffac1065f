//! The order in which things end, and what is started meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::{Backoff, Context, RunError, Supervisor, runnable};
use tokio::sync::Notify;
use tokio::task::yield_now;

type Fallible = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// How long a drop listens for what must not happen meanwhile.
const LISTENING: Duration = Duration::from_millis(100);

/// Tells of something that must not happen while a [`Slow`] drops, and whether it has.
#[derive(Clone)]
struct Watch {
    happen: mpsc::Sender<()>,
    happened: Arc<Mutex<mpsc::Receiver<()>>>,
    drops: Arc<AtomicUsize>,
    is_overtaken: Arc<AtomicBool>,
    decoy: Arc<Notify>,
}

/// Wakes a task that takes the place which a worker keeps for what it woke last, so that whatever
/// was woken before runs on another worker.
fn decoy() -> Arc<Notify> {
    let decoy = Arc::new(Notify::new());
    let woken = decoy.clone();
    tokio::spawn(async move {
        loop {
            woken.notified().await;
        }
    });
    decoy
}

impl Watch {
    fn new() -> Self {
        let (happen, happened) = mpsc::channel();
        Self {
            happen,
            happened: Arc::new(Mutex::new(happened)),
            drops: Arc::default(),
            is_overtaken: Arc::default(),
            decoy: decoy(),
        }
    }

    /// It happens now.
    fn happen(&self) {
        // Nobody may listen.
        let _ = self.happen.send(());
    }

    fn slow(&self) -> Slow {
        Slow(self.clone())
    }

    #[track_caller]
    fn assert_in_order(&self, drops: usize) {
        assert_eq!(self.drops.load(Ordering::SeqCst), drops);
        assert!(!self.is_overtaken.load(Ordering::SeqCst), "overtaken");
    }
}

/// Takes its time to drop, and notes what happens meanwhile.
struct Slow(Watch);

impl Drop for Slow {
    fn drop(&mut self) {
        self.0.decoy.notify_one();
        let happened = self.0.happened.lock();
        // What happened before.
        while happened.try_recv().is_ok() {}
        let is_overtaken = happened.recv_timeout(LISTENING).is_ok();
        self.0.is_overtaken.fetch_or(is_overtaken, Ordering::SeqCst);
        self.0.drops.fetch_add(1, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_runnable_from_below_is_gone_before_its_parent_starts_again() {
    // L1, R7. What the runnable of a child captured belongs to the parent's incarnation.
    let watch = Watch::new();
    let (fail, again) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (told, started, seen) = (fail.clone(), again.clone(), watch.clone());
    let parent = move |ctx: Context| {
        let (watch, fail, again) = (seen.clone(), told.clone(), started.clone());
        async move {
            watch.happen();
            again.notify_one();
            let slow = watch.slow();
            let child = move |ctx: Context| {
                let _captured = &slow;
                async move {
                    ctx.healthy();
                    ctx.cancelled().await;
                }
            };
            let child = ctx.run("child", child)?;
            child.healthy().await?;
            ctx.healthy();
            ctx.until_cancelled(fail.notified()).await;
            Fallible::Err("told to fail".into())
        }
    };
    let parent = runnable(parent).backoff(Backoff::none());
    let root = move |ctx: Context| {
        let parent = parent.clone();
        async move {
            ctx.run("parent", parent)?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    let tree = Supervisor::new(root).start();
    again.notified().await;
    for _ in 0..4 {
        fail.notify_one();
        again.notified().await;
    }
    tree.stop().await.unwrap();
    watch.assert_in_order(5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_a_runnable_captured_is_gone_when_the_stop_is_reported() {
    // R11, L1. A socket that it listened on can be bound again.
    let watch = Watch::new();
    for _ in 0..3 {
        let slow = Mutex::new(Some(watch.slow()));
        let root = move |ctx: Context| {
            let slow = slow.lock().take();
            async move {
                let child = move |ctx: Context| {
                    let _captured = &slow;
                    async move {
                        ctx.healthy();
                        ctx.cancelled().await;
                    }
                };
                ctx.run("child", child)?;
                ctx.done();
                Ok::<_, RunError>(())
            }
        };
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        tree.stop().await.unwrap();
        watch.happen();
    }
    watch.assert_in_order(3);
}

#[tokio::test(start_paused = true)]
async fn no_runnable_is_called_once_the_last_handle_is_gone() {
    // R11. Not even by a task in which it runs again and again.
    for turns in 0..12 {
        let is_gone = Arc::new(AtomicBool::new(false));
        let late = Arc::new(AtomicUsize::new(0));
        let child = {
            let (is_gone, late) = (is_gone.clone(), late.clone());
            move |_: Context| {
                late.fetch_add(is_gone.load(Ordering::SeqCst).into(), Ordering::SeqCst);
                async {}
            }
        };
        let child = runnable(child).backoff(Backoff::none());
        let root = move |ctx: Context| {
            let child = child.clone();
            async move {
                ctx.run("child", child)?;
                ctx.done();
                Ok::<_, RunError>(())
            }
        };
        let tree = Supervisor::new(root).start();
        for _ in 0..turns {
            yield_now().await;
        }
        drop(tree);
        is_gone.store(true, Ordering::SeqCst);
        for _ in 0..50 {
            yield_now().await;
        }
        assert_eq!(late.load(Ordering::SeqCst), 0, "after {turns} turns");
    }
}

/// A chain of nodes, each the only child of the one above.
fn chain(depth: usize) -> impl Fn(Context) -> BoxFuture<'static, Fallible> + Send + Sync {
    move |ctx| {
        Box::pin(async move {
            if depth > 0 {
                ctx.run("next", chain(depth - 1))?;
            } else if ctx.attempt() == 1 {
                return Err("the last one failed".into());
            }
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_tree_may_be_very_deep() {
    // R6, R11. A fall, a look and a stop need no more stack for it.
    let tree = Supervisor::new(chain(10_000)).start();
    tree.settled().await;
    assert_eq!(tree.snapshot().await.nodes.len(), 10_001);
    tree.stop().await.unwrap();
}
