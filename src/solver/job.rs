//! A job: who wants something built.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use super::error::BuildError;
use super::event::VertexState;
use super::feed::{Feed, JobSnapshot};
use super::output::Output;
use super::shared::Shared;
use super::state::State;
use super::vertex::Edge;
use super::watch::JobWatch;

/// A job of a [`Solver`](super::Solver): it builds, and keeps what it has built.
///
/// What it builds it shares with all jobs that want the same at the same time, and what it has
/// built stays until it is finished or dropped. Dropped, it is discarded: what only it wanted is
/// cancelled.
pub struct Job<V: Send + Sync + 'static> {
    shared: Arc<Shared<V>>,
    feed: Arc<Feed>,
    /// Its place in the journal.
    entry: usize,
    /// What it has built, by its place in the journal.
    roots: Mutex<HashMap<usize, Arc<State<V>>, RandomState>>,
    cancelled: CancellationToken,
    is_over: bool,
}

/// What came of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct JobSummary {
    /// How many of its vertices have run.
    pub completed: usize,
    /// How many a store had.
    pub cached: usize,
    /// How many have failed.
    pub failed: usize,
    /// How many were cancelled, or still run for other jobs.
    pub cancelled: usize,
    /// How many were not needed.
    pub unneeded: usize,
    /// How long it took.
    pub took: Duration,
}

impl<V: Send + Sync + 'static> Job<V> {
    pub(super) fn new(shared: &Arc<Shared<V>>, feed: Arc<Feed>) -> Self {
        let entry = shared.journal.lock().add_feed(feed.clone());
        Self {
            shared: shared.clone(),
            feed,
            entry,
            roots: Mutex::default(),
            cancelled: CancellationToken::new(),
            is_over: false,
        }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.feed.id
    }

    /// Builds an output, and with it what it is made of, as far as no store has it.
    ///
    /// A job may build many times, and at the same time.
    ///
    /// # Errors
    ///
    /// [`BuildError`]. The first failure is told, and what nobody else wants is cancelled.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the build up, at once: what nobody else wants is cancelled.
    /// [`finish`](Self::finish) waits until that has ended.
    pub async fn build(&self, edge: &Edge<V>) -> Result<Output<V>, BuildError> {
        if self.cancelled.is_cancelled() {
            return Err(BuildError::Cancelled);
        }
        self.shared.pool()?;
        let root = self.hold(edge);
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => Err(BuildError::Cancelled),
            () = self.shared.stopping() => Err(BuildError::Stopped),
            output = root.output(edge.index) => output,
        }
    }

    /// Puts a value for the operations of its vertices to find, in place of one of the same type.
    pub fn put<T: Send + Sync + 'static>(&self, value: T) {
        self.feed.put_value(Arc::new(value));
    }

    /// Watches it, from its beginning.
    #[must_use]
    pub fn watch(&self) -> JobWatch {
        JobWatch::new(self.feed.clone())
    }

    /// What it looks like now.
    #[must_use]
    pub fn snapshot(&self) -> JobSnapshot {
        self.feed.snapshot()
    }

    /// Gives all its builds up, now and later.
    pub fn cancel(&self) {
        self.cancelled.cancel();
    }

    /// Finishes the job: lets go of what it has built, and waits until what was cancelled with it
    /// has ended.
    ///
    /// Its log can be [watched](super::Solver::watch) for a while.
    ///
    /// # Cancel safety
    ///
    /// It is finished when it is dropped, too.
    pub async fn finish(mut self) -> JobSummary {
        self.cancelled.cancel();
        let roots = mem::take(&mut *self.roots.lock());
        Shared::quiet(roots.into_values().collect()).await;
        self.end();
        JobSummary::of(&self.feed.snapshot())
    }

    /// Has the state of a vertex, and hears of all below it.
    fn hold(&self, edge: &Edge<V>) -> Arc<State<V>> {
        let root = self.shared.load(&edge.vertex, &[]);
        // Of one that it has heard of before, it has heard of all that is below.
        let news = Shared::walk_by(vec![root.clone()], |state| {
            let journal = self.shared.journal.lock();
            if journal.is_attached(self.entry, state.entry()) {
                return Vec::new();
            }
            drop(journal);
            state.inputs().to_vec()
        });
        for state in news {
            let mut journal = self.shared.journal.lock();
            journal.attach(self.entry, state.entry());
        }
        // It is the same one, if there is one.
        let before = self.roots.lock().insert(root.entry(), root.clone());
        drop(before);
        root
    }

    fn end(&mut self) {
        if mem::replace(&mut self.is_over, true) {
            return;
        }
        self.shared.journal.lock().remove_feed(self.entry);
        let linger = self.shared.options.linger;
        self.shared.jobs.lock().finish(&self.feed, linger);
        self.feed.end();
    }
}

impl JobSummary {
    fn of(job: &JobSnapshot) -> Self {
        let mut summary = Self {
            took: job.took.unwrap_or_default(),
            ..Self::default()
        };
        for vertex in &job.vertices {
            let count = match vertex.state {
                VertexState::Completed => &mut summary.completed,
                VertexState::Cached => &mut summary.cached,
                VertexState::Failed => &mut summary.failed,
                VertexState::Running | VertexState::Cancelled => &mut summary.cancelled,
                VertexState::Declared => &mut summary.unneeded,
            };
            *count += 1;
        }
        summary
    }
}

impl<V: Send + Sync + 'static> Drop for Job<V> {
    fn drop(&mut self) {
        self.cancelled.cancel();
        self.end();
    }
}

impl<V: Send + Sync + 'static> fmt::Debug for Job<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.feed.id).finish()
    }
}
