//! What a test can ask of the tree beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;

use crate::testing::log::Log;
use crate::{Event, Failure, Report, SettleError, Snapshot, State, Tree};

/// How long a test waits at most, on the paused clock, for what it says will happen.
const PATIENCE: Duration = Duration::from_secs(3600);

/// A tree beside a test. Cheap to clone.
///
/// Waits that name what must happen panic when it has not happened after an hour on the paused
/// clock, and say what happened instead.
#[derive(Clone, Debug)]
pub struct Harness {
    tree: Tree,
    log: Log,
    /// The test has seen how the tree ended, so a failure is its business.
    has_seen_end: Arc<AtomicBool>,
}

impl Harness {
    pub(super) fn new(tree: Tree, log: Log) -> Self {
        Self {
            tree,
            log,
            has_seen_end: Arc::default(),
        }
    }

    /// The tree's handle.
    #[must_use]
    pub const fn tree(&self) -> &Tree {
        &self.tree
    }

    /// Waits until nothing more will happen by itself (R12). Backoffs end in the meantime.
    ///
    /// A node that is healthy counts as settled, whatever its code does between two awaits.
    ///
    /// # Panics
    ///
    /// With the list of the nodes that have not settled.
    pub async fn settled(&self) {
        if let Err(error) = self.settled_within(PATIENCE).await {
            panic!("the tree has {error}");
        }
    }

    /// Waits until nothing more will happen by itself, at most for this long on the paused clock.
    ///
    /// # Errors
    ///
    /// [`SettleError`] lists the nodes that have not settled.
    pub async fn settled_within(&self, within: Duration) -> Result<(), SettleError> {
        self.tree.settled_within(within).await
    }

    /// Waits until there was no event for this long: a weaker form of [`settled`](Self::settled).
    ///
    /// # Panics
    ///
    /// If there was always another event.
    pub async fn quiet(&self, time: Duration) {
        let mut events = self.tree.events();
        let quiet = async { while let Ok(Some(_)) = timeout(time, events.next()).await {} };
        if timeout(PATIENCE, quiet).await.is_err() {
            panic!("the tree was never quiet for {time:?}");
        }
    }

    /// Waits until the node at a path is in a state, or was for a moment since this was called.
    ///
    /// # Panics
    ///
    /// With the state that the node has instead.
    pub async fn until(&self, path: &str, state: State) {
        let mut events = self.tree.events();
        if self.state(path).await == Some(state) {
            return;
        }
        let reached = async {
            while let Some(event) = events.next().await {
                let is_it = event.is_ok_and(|event| event.path == *path && event.state == state);
                // Some states come without an event of their own.
                if is_it || self.state(path).await == Some(state) {
                    return true;
                }
            }
            false
        };
        if !timeout(PATIENCE, reached).await.unwrap_or(false) {
            match self.state(path).await {
                Some(is) => panic!("{path} is {is}, and never became {state}"),
                None => panic!("there is no {path}, and none became {state}"),
            }
        }
    }

    /// Lets this much time pass on the paused clock, with all that becomes due in it.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Stops the tree, waits until nothing of it lives, and returns how it ended.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the tree had failed before.
    pub async fn stop(&self) -> Result<Report, Failure> {
        self.has_seen_end.store(true, Ordering::Relaxed);
        self.tree.stop().await
    }

    /// Waits until the tree has ended, and returns how.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the tree failed.
    pub async fn ended(&self) -> Result<Report, Failure> {
        self.has_seen_end.store(true, Ordering::Relaxed);
        self.tree.ended().await
    }

    /// How the tree looks now.
    pub async fn snapshot(&self) -> Snapshot {
        self.tree.snapshot().await
    }

    /// What the node at a path is doing, if there is one.
    pub async fn state(&self, path: &str) -> Option<State> {
        self.snapshot().await.find(path).map(|node| node.state)
    }

    /// The events so far, from the first one on.
    #[must_use]
    pub fn log(&self) -> Vec<Event> {
        self.log.events()
    }

    /// Ends what the test has left running.
    pub(super) async fn finish(&self) {
        match timeout(PATIENCE, self.tree.stop()).await {
            Ok(Ok(report)) => {
                let leaked: Vec<_> = report.leaked().collect();
                assert!(leaked.is_empty(), "the tree has leaked {leaked:?}");
            }
            Ok(Err(_)) if self.has_seen_end.load(Ordering::Relaxed) => {}
            Ok(Err(failure)) => panic!("the tree has failed: {failure:?}"),
            Err(_) => panic!("the tree has not stopped after {PATIENCE:?}"),
        }
    }
}
