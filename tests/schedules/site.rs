//! What is alive of a node, as its own code counts it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

use shuttle::rand::{Rng, thread_rng};
use shuttle::sync::atomic::fence;
use tokio::sync::Notify;

/// The place of a node: how much of its incarnations is alive, what they captured included.
#[derive(Clone, Debug, Default)]
pub(crate) struct Site(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    alive: AtomicUsize,
    /// How much its runnable captured, which lives as long as its place.
    captured: AtomicUsize,
    starts: AtomicUsize,
    overlaps: AtomicUsize,
    changed: Notify,
    /// Those that start and end with it.
    group: Mutex<Vec<Weak<Counts>>>,
}

/// Something of an incarnation: its future, a task of its own, what one of them captured. Its drop
/// takes a while.
#[derive(Debug)]
pub(crate) struct Part(Site);

/// Something that a runnable captured. Its drop takes a while, too.
#[derive(Debug)]
pub(crate) struct Captured(Site);

impl Site {
    /// Something for a runnable of this node to capture.
    pub(crate) fn captured(&self) -> Arc<Captured> {
        self.0.captured.fetch_add(1, Ordering::Relaxed);
        Arc::new(Captured(self.clone()))
    }

    /// An incarnation begins: nothing of another may be alive (L1).
    pub(crate) fn enter(&self) -> Part {
        let epoch = self.0.starts.fetch_add(1, Ordering::Relaxed) + 1;
        if self.alive() > 0 || self.meets_another(epoch) {
            self.0.overlaps.fetch_add(1, Ordering::Relaxed);
        }
        self.part()
    }

    /// Makes the two a group: when one starts, nothing of another epoch is alive (L5).
    pub(crate) fn fall_with(&self, other: &Self) {
        let group = self.0.group.lock();
        group
            .expect("no holder panics")
            .push(Arc::downgrade(&other.0));
    }

    fn meets_another(&self, epoch: usize) -> bool {
        let group = self.0.group.lock().expect("no holder panics");
        let others = group.iter().filter_map(Weak::upgrade).map(Self);
        others
            .into_iter()
            .any(|other| other.alive() > 0 && other.starts() != epoch)
    }

    /// Something more of the incarnation that runs, or of the one that will.
    pub(crate) fn part(&self) -> Part {
        self.0.alive.fetch_add(1, Ordering::Relaxed);
        Part(self.clone())
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.alive.load(Ordering::Relaxed)
    }

    /// How many incarnations began.
    pub(crate) fn starts(&self) -> usize {
        self.0.starts.load(Ordering::Relaxed)
    }

    /// Waits until nothing is alive.
    pub(crate) async fn gone(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.alive() + self.0.captured.load(Ordering::Relaxed) == 0 {
                return;
            }
            changed.await;
        }
    }

    /// What has to be true once the tree has ended.
    #[track_caller]
    pub(crate) fn check(&self) {
        assert_eq!(self.0.overlaps.load(Ordering::Relaxed), 0, "L1: two lived");
        assert_eq!(self.alive(), 0, "L1: something outlived its end");
        let captured = self.0.captured.load(Ordering::Relaxed);
        assert_eq!(captured, 0, "L1: a runnable outlived its place");
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        pause();
        self.0.0.captured.fetch_sub(1, Ordering::Relaxed);
        self.0.0.changed.notify_waiters();
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        pause();
        self.0.0.alive.fetch_sub(1, Ordering::Relaxed);
        self.0.0.changed.notify_waiters();
    }
}

/// Lets the schedule turn to another task, in the middle of a poll.
pub(crate) fn pause() {
    if !std::thread::panicking() {
        fence(Ordering::SeqCst);
    }
}

/// Chooses one of so many ways, as the schedule says.
pub(crate) fn pick(ways: u32) -> u32 {
    thread_rng().gen_range(0..ways)
}
