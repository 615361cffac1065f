//! Wakers of callers: what they do, and what they break, is theirs alone.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context as Polling, Wake, Waker};
use std::thread;
use std::time::Duration;

use perennial::testing::Harness;
use perennial::{Child, Outcome, Pool};
use tokio::time::timeout;

use crate::pool::{up, up_here};
use crate::serve::serve;

/// How long a thread waits for another before it says that it hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// A waker that panics.
struct Alarm;

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        panic!("the waker of a caller");
    }
}

/// A waker that looks at a pool from another thread, and counts how often it could.
struct Looks {
    pool: Pool,
    seen: AtomicUsize,
}

impl Wake for Looks {
    fn wake(self: Arc<Self>) {
        let pool = self.pool.clone();
        let (tell, told) = mpsc::channel();
        thread::spawn(move || tell.send(pool.children()));
        if told.recv_timeout(PATIENCE).is_ok() {
            self.seen.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Polls a future with a waker of its own.
#[track_caller]
fn wait_with(future: Pin<&mut impl Future>, waker: Arc<impl Wake + Send + Sync + 'static>) {
    let waker = Waker::from(waker);
    let polled = future.poll(&mut Polling::from_waker(&waker));
    assert!(polled.is_pending(), "there is nothing to wait for");
}

async fn with_a_child(h: &Harness) -> (Pool, Child) {
    let pool = Pool::new();
    up(h, &pool).await;
    let child = pool.start(serve).expect("it is open");
    h.settled().await;
    (pool, child)
}

#[test]
fn whoever_waits_for_a_drain_is_woken_outside_of_locks() {
    // L10, R13. What it does may look at the pool.
    Harness::run(None, |h| async move {
        let (pool, child) = with_a_child(&h).await;
        let looks = Arc::new(Looks {
            pool: pool.clone(),
            seen: AtomicUsize::new(0),
        });
        let mut drain = pin!(pool.drain());
        wait_with(drain.as_mut(), looks.clone());
        child.terminate().await.expect("it runs");
        drain.await;
        assert_eq!(looks.seen.load(Ordering::SeqCst), 1, "it is locked");
    });
}

#[test]
fn a_waker_that_panics_at_a_drain_keeps_nobody_else_waiting() {
    // R13, R16. The order that ended the child is answered.
    Harness::run(None, |h| async move {
        let (pool, child) = with_a_child(&h).await;
        let mut drain = pin!(pool.drain());
        wait_with(drain.as_mut(), Arc::new(Alarm));
        let ended = timeout(PATIENCE, child.terminate()).await;
        ended.expect("it is answered").expect("it runs");
        drain.await;
    });
}

#[test]
fn wakers_that_panic_together_keep_nobody_else_waiting() {
    // L10. Each is woken by itself.
    Harness::run(None, |h| async move {
        let (_pool, child) = with_a_child(&h).await;
        let (mut first, mut second) = (pin!(child.ended()), pin!(child.ended()));
        wait_with(first.as_mut(), Arc::new(Alarm));
        wait_with(second.as_mut(), Arc::new(Alarm));
        let ended = timeout(PATIENCE, child.terminate()).await;
        ended.expect("it is answered").expect("it runs");
        first.await;
        second.await;
    });
}

#[tokio::test(start_paused = true)]
async fn wakers_that_panic_at_the_end_do_not_change_it() {
    // R11, R18. Of a drain, of questions about a child, and about the tree, all of them open.
    let pool = Pool::new();
    let tree = up_here(&pool).await;
    let child = pool.start(serve).expect("it is open");
    child.healthy().await.expect("it serves");
    let (mut drain, mut settled) = (pin!(pool.drain()), pin!(tree.settled()));
    let (mut first, mut second) = (pin!(child.ended()), pin!(child.ended()));
    wait_with(drain.as_mut(), Arc::new(Alarm));
    wait_with(settled.as_mut(), Arc::new(Alarm));
    wait_with(first.as_mut(), Arc::new(Alarm));
    wait_with(second.as_mut(), Arc::new(Alarm));
    let stopped = timeout(PATIENCE, tree.stop()).await.expect("it ends");
    let report = stopped.expect("a stop is no failure");
    assert_eq!(report.outcome, Outcome::Stopped);
    drain.await;
    settled.await;
    first.await;
    second.await;
}
