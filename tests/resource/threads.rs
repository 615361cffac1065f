//! References on many threads at once; the rest of it is in `tests/schedules/`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;
use perennial::Supervisor;
use perennial::resource::{Closed, Release, ReleaseError, Releaser};

use crate::scene::root;
use crate::threaded::on_many;

/// A value that counts its releases, and knows whether it is released.
struct Counted {
    is_released: Arc<AtomicBool>,
    releases: Arc<AtomicUsize>,
}

impl Counted {
    fn new(releases: &Arc<AtomicUsize>) -> (Self, Arc<AtomicBool>) {
        let is_released = Arc::new(AtomicBool::new(false));
        let counted = Self {
            is_released: is_released.clone(),
            releases: releases.clone(),
        };
        (counted, is_released)
    }
}

impl Release for Counted {
    type Error = std::convert::Infallible;

    async fn release(self) -> Result<(), Self::Error> {
        self.release_now();
        Ok(())
    }

    fn release_now(self) {
        self.is_released.store(true, Ordering::SeqCst);
        self.releases.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn res_20_an_upgrade_beside_the_last_close_gives_a_live_value_or_none() {
    // L9. 10 000 rounds, and each value is released once.
    const ROUNDS: usize = 10_000;
    let (releaser, releases) = (Releaser::untracked(), Arc::new(AtomicUsize::new(0)));
    let slot = Mutex::new(None);
    let turn = std::sync::Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                turn.wait();
                let weak: perennial::resource::WeakShared<Counted> =
                    slot.lock().take().expect("it was put there");
                turn.wait();
                if let Some(upgraded) = weak.upgrade() {
                    assert!(!upgraded.is_released.load(Ordering::SeqCst));
                    drop(upgraded);
                }
            }
        });
        for _ in 0..ROUNDS {
            let (counted, _) = Counted::new(&releases);
            let one = releaser.open("one", counted);
            *slot.lock() = Some(one.downgrade());
            turn.wait();
            turn.wait();
            drop(one);
        }
    });
    assert_eq!(releases.load(Ordering::SeqCst), ROUNDS);
    releaser.all_released().expect("all are");
}

#[test]
fn of_many_closes_at_once_one_is_the_last() {
    // L9. Each of the others is told another number.
    let releaser = Releaser::new();
    let root = root(&releaser, |_| Ok(()));
    on_many(async move {
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        let releases = Arc::new(AtomicUsize::new(0));
        for _ in 0..50 {
            let (counted, is_released) = Counted::new(&releases);
            let one = releaser.open("one", counted);
            let all: Vec<_> = (0..20).map(|_| one.dup()).chain([one.dup()]).collect();
            drop(one);
            let closing = all.into_iter().map(|one| tokio::spawn(one.close()));
            let mut left = Vec::new();
            for closing in closing.collect::<Vec<_>>() {
                match closing.await.expect("no panic").expect("it is sound") {
                    Closed::NotLast { left: others } => left.push(others),
                    _ => assert!(is_released.load(Ordering::SeqCst)),
                }
            }
            left.sort_unstable();
            assert_eq!(left, (1..=20).collect::<Vec<_>>());
        }
        assert_eq!(releases.load(Ordering::SeqCst), 50);
        releaser.all_released().expect("all are");
        tree.stop().await.expect("a stop is no failure");
    });
}

/// A value whose release blocks its thread.
struct Gate(Mutex<std::sync::mpsc::Receiver<()>>);

impl Release for Gate {
    type Error = std::convert::Infallible;

    async fn release(self) -> Result<(), Self::Error> {
        let _ = self.0.into_inner().recv();
        Ok(())
    }

    fn release_within(&self) -> Duration {
        Duration::from_millis(10)
    }
}

#[test]
fn res_25_a_release_that_blocks_its_thread_is_given_up_as_leaked() {
    // L9. It cannot be aborted: whoever closes is told all the same.
    let releaser = Releaser::new();
    let root = root(&releaser, |_| Ok(()));
    on_many(async move {
        let supervisor = Supervisor::new(root).leak_after(Duration::from_millis(10));
        let tree = supervisor.start();
        tree.settled().await;
        let (open, gate) = std::sync::mpsc::channel();
        let parent = releaser.open("parent", Counted::new(&Arc::default()).0);
        let gate = parent.derive("gate", Gate(Mutex::new(gate)));
        drop(parent);
        let error = gate.close().await.expect_err("it blocks");
        assert!(
            matches!(error.errors(), [ReleaseError::Leaked { .. }]),
            "{error:?}"
        );
        let left = releaser.all_released().expect_err("it still runs");
        let names: Vec<_> = left.resources().iter().map(|live| live.name()).collect();
        assert_eq!(names, ["parent", "gate"]);
        drop(open);
        tree.stop().await.expect("a stop is no failure");
        releaser.all_released().expect("it has ended after all");
    });
}

#[test]
fn a_hook_is_forgotten_while_another_one_runs() {
    // L9. Nobody waits for the one that runs, not even the drop of its own handle.
    let releaser = Releaser::new();
    let root = root(&releaser, |_| Ok(()));
    on_many(async move {
        let tree = Supervisor::new(root).start();
        tree.settled().await;
        let one = releaser.open("one", Counted::new(&Arc::default()).0);
        let (begin, begun) = tokio::sync::oneshot::channel();
        let (go_on, gate) = std::sync::mpsc::channel::<()>();
        let first = one.before_release(move |_| {
            let _ = begin.send(());
            let _ = gate.recv();
        });
        let second = one.before_release(|_| panic!("it was forgotten"));
        let closing = tokio::spawn(one.close());
        begun.await.expect("the first runs");
        drop((first, second));
        drop(go_on);
        let closed = closing.await.expect("no panic").expect("it is sound");
        assert_eq!(closed, Closed::Released);
        tree.stop().await.expect("a stop is no failure");
    });
}

#[test]
fn res_38_a_duplicate_takes_no_memory_of_its_own() {
    // L9. Without tracking never, with tracking only for as many as there are at a time.
    for (releaser, most) in [(Releaser::untracked(), 0), (Releaser::new(), 8)] {
        let one = releaser.open("one", Counted::new(&Arc::default()).0);
        let info = allocation_counter::measure(|| {
            for _ in 0..1_000_000 {
                drop(one.dup());
            }
        });
        assert!(info.count_total <= most, "{info:?}");
    }
}
