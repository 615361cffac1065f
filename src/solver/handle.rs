//! `Solver`: the handle, and the node behind it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;
use tokio::sync::watch;
use tokio::time::timeout;

use super::cell::Cell;
use super::error::{BoxError, DuplicateJob, NoSuchJob};
use super::event::VertexState;
use super::feed::Feed;
use super::job::Job;
use super::limits::Limits;
use super::shared::{Options, Retry, Shared, Standing};
use super::store::{MemoryStore, ResultStore};
use super::watch::JobWatch;
use crate::resource::Releaser;
use crate::store::Digest;
use crate::{Backoff, Configured, Context, Exit, Grace, IntoExit, Pool, runnable};

/// How long a finished job can be watched.
const LINGER: Duration = Duration::from_secs(10);

/// How many events of a job are kept.
const EVENTS_MAX: usize = 10_000;

/// How long the releaser waits for what is not released when the solver stops.
const DRAIN_WITHIN: Duration = Duration::from_secs(5);

/// How much longer the solver's grace is than what it waits for below it.
const MARGIN: Duration = Duration::from_secs(2);

/// Builds graphs of work for many jobs, which share what is equal: a handle, and the node behind
/// it. See [the module](super).
///
/// The node is declared before those that build; a second one that runs beside it fails. The
/// handle is cheap to clone, and keeps neither the node nor the tree alive.
pub struct Solver<V>(Arc<Shared<V>>);

/// Builds a [`Solver`].
pub struct SolverBuilder<V>(Options<V>);

/// What a solver looks like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SolverSnapshot {
    /// How many jobs there are.
    pub jobs: usize,
    /// What is live of the vertices, by digest.
    pub vertices: Vec<LiveVertex>,
    /// How many results and runs there are: less than there are vertices, if some have one key.
    pub executions: usize,
}

/// What a vertex of a solver looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LiveVertex {
    /// Which it is.
    pub digest: Digest,
    /// Its name.
    pub name: Arc<str>,
    /// How it is.
    pub state: VertexState,
    /// How many jobs hear of it.
    pub jobs: usize,
    /// How many wait for its key or its run.
    pub waiters: usize,
    /// How many runs it had.
    pub runs: u64,
}

impl<V: Send + Sync + 'static> Solver<V> {
    /// A solver with the defaults of [`builder`](Self::builder).
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Begins a solver with options.
    #[must_use]
    pub fn builder() -> SolverBuilder<V> {
        SolverBuilder(Options {
            store: Arc::new(MemoryStore::new()),
            limits: Limits::default(),
            retry: Retry {
                times: 0,
                backoff: Backoff::default(),
            },
            grace: Grace::default(),
            linger: LINGER,
            events_max: EVENTS_MAX,
        })
    }

    /// The node, to be declared before those that build: it stops after them. Its grace is that of
    /// the runs and seven seconds more, five of which are for resources that are not released.
    pub fn node(
        &self,
    ) -> Configured<
        impl Fn(Context) -> BoxFuture<'static, Exit> + Clone + Send + Sync + 'static + use<V>,
    > {
        let shared = self.0.clone();
        let grace = match shared.options.grace {
            Grace::For(time) => Grace::For(time.saturating_add(DRAIN_WITHIN + MARGIN)),
            grace => grace,
        };
        let code = runnable(move |context| {
            let shared = shared.clone();
            async move { serve(context, shared).await.into_exit() }.boxed()
        });
        code.provides().grace(grace)
    }

    /// Begins a job.
    ///
    /// # Errors
    ///
    /// [`DuplicateJob`] if a live one has the id.
    pub fn job(&self, id: impl Into<Arc<str>>) -> Result<Job<V>, DuplicateJob> {
        let feed = Arc::new(Feed::new(id.into(), self.0.options.events_max));
        if !self.0.jobs.lock().add(&feed) {
            let id = feed.id.to_string();
            return Err(DuplicateJob { id });
        }
        let job = Job::new(&self.0, feed);
        self.0.jobs_changed.notify_waiters();
        Ok(job)
    }

    /// Watches a job, which may come yet within `wait`, or may have been finished a while ago. As
    /// long as it takes, if that is [`Duration::MAX`].
    ///
    /// # Errors
    ///
    /// [`NoSuchJob`] after that time.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn watch(&self, id: &str, wait: Duration) -> Result<JobWatch, NoSuchJob> {
        let comes = async {
            loop {
                let changed = self.0.jobs_changed.notified();
                let found = self.0.jobs.lock().find(id, self.0.options.linger);
                if let Some(feed) = found {
                    return JobWatch::new(feed);
                }
                changed.await;
            }
        };
        timeout(wait, comes).await.map_err(|_| NoSuchJob {
            id: id.to_owned(),
            waited: wait,
        })
    }

    /// What it looks like now: what is live of jobs and vertices.
    #[must_use]
    pub fn snapshot(&self) -> SolverSnapshot {
        let registry = self.0.registry.lock();
        let states: Vec<_> = registry.states.live().collect();
        let executions: Vec<_> = registry.executions.live().collect();
        drop(registry);
        let mut vertices: Vec<_> = states
            .iter()
            .map(|state| {
                let cell = state.execution().map(|execution| &execution.cell);
                let waiters = state.waiters();
                let runs = cell.map_or(0, Cell::runs);
                let journal = self.0.journal.lock();
                LiveVertex {
                    digest: state.digest(),
                    name: state.vertex.shared_name().clone(),
                    state: journal.state(state.entry()),
                    jobs: journal.watchers(state.entry()),
                    waiters,
                    runs,
                }
            })
            .collect();
        vertices.sort_by_key(|vertex| vertex.digest);
        SolverSnapshot {
            jobs: self.0.jobs.lock().len(),
            vertices,
            executions: executions.len(),
        }
    }

    /// Where operations open resources; see [`RunContext::open`](super::RunContext::open).
    #[must_use]
    pub fn releaser(&self) -> &Releaser {
        &self.0.releaser
    }
}

impl<V: Send + Sync + 'static> SolverBuilder<V> {
    /// Sets where results are kept: by default 10 000 of them in memory.
    #[must_use]
    pub fn store(mut self, store: impl ResultStore<V> + 'static) -> Self {
        self.0.store = Arc::new(store);
        self
    }

    /// Sets how many permits there are of a limit that operations may
    /// [need](super::Operation::needs).
    #[must_use]
    pub fn limit(mut self, name: impl Into<String>, permits: u32) -> Self {
        self.0.limits.set(name.into(), permits);
        self
    }

    /// Sets how often an operation that has failed in passing is tried again, and after which
    /// delays: never, by default.
    #[must_use]
    pub const fn retry(mut self, times: u32, backoff: Backoff) -> Self {
        self.0.retry = Retry { times, backoff };
        self
    }

    /// Sets how long an operation that nobody wants any more may take to end, before it is aborted:
    /// 5 s by default.
    #[must_use]
    pub fn grace(mut self, grace: impl Into<Grace>) -> Self {
        self.0.grace = grace.into();
        self
    }

    /// Sets how long a finished job can be watched: 10 s by default, and no more than 1000 of them.
    #[must_use]
    pub const fn linger(mut self, linger: Duration) -> Self {
        self.0.linger = linger;
        self
    }

    /// Sets how many events of each job are kept for its watchers: 10 000 by default, and at least
    /// one.
    #[must_use]
    pub const fn events_max(mut self, events: usize) -> Self {
        self.0.events_max = events;
        self
    }

    /// Makes the solver.
    #[must_use]
    pub fn build(self) -> Solver<V> {
        Solver(Shared::new(self.0))
    }
}

/// That a solver has one node, which runs already.
#[derive(Debug, Error)]
#[error("the solver has another node that runs")]
struct SecondNode;

/// That the node runs. Dropped, it does not.
struct Stands<'a>(&'a watch::Sender<Standing>);

impl<'a> Stands<'a> {
    /// Runs from now on, if no other node does.
    fn new(standing: &'a watch::Sender<Standing>, pool: Pool) -> Result<Self, SecondNode> {
        let is_first = standing.send_if_modified(|standing| {
            let is_down = matches!(standing, Standing::Down);
            if is_down {
                *standing = Standing::Running(pool);
            }
            is_down
        });
        if is_first {
            Ok(Self(standing))
        } else {
            Err(SecondNode)
        }
    }
}

impl Drop for Stands<'_> {
    fn drop(&mut self) {
        self.0.send_replace(Standing::Down);
    }
}

async fn serve<V: Send + Sync + 'static>(
    context: Context,
    shared: Arc<Shared<V>>,
) -> Result<(), BoxError> {
    context.run("releaser", shared.releaser.node_within(DRAIN_WITHIN))?;
    let pool = Pool::new();
    context.run("runs", pool.clone())?;
    let stands = Stands::new(&shared.standing, pool)?;
    context.healthy();
    context.cancelled().await;
    // At once: what waits must not wait for the end of what it waits for.
    stands.0.send_replace(Standing::Stopping);
    Ok(())
}

impl<V> Clone for Solver<V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<V: Send + Sync + 'static> Default for Solver<V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<V: Send + Sync + 'static> fmt::Debug for Solver<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Solver")
            .field("jobs", &self.0.jobs.lock().len())
            .finish_non_exhaustive()
    }
}

impl<V> fmt::Debug for SolverBuilder<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SolverBuilder").finish_non_exhaustive()
    }
}
