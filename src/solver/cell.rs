//! The single-flight cell: one piece of work, whoever waits for it.
//!
//! Invariants:
//!
//! 1. At most one run lives, and the next one starts when all of it has ended.
//! 2. A run that is not told to stop has a waiter.
//! 3. Each waiter is answered once, and not with the end of a run that it did not wait for.
//! 4. No code of the user's runs while the lock is held, but for the `Clone` of an outcome.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures::FutureExt;
use slab::Slab;
use thiserror::Error;
use tokio::sync::oneshot;

use super::sync::{Mutex, point};
use crate::{Child, Context, Grace, Panic, Pool, StartError, once};

/// One piece of work that is done once for all who want it at the same time.
///
/// Whoever comes first starts a run, as a child of a pool; who comes while it runs waits for the
/// same one. The run belongs to the pool and to no waiter, so a waiter that leaves, by dropping the
/// future, takes nothing from the others. When the last one leaves, the run is told to stop. Who
/// comes while it unwinds waits until all of it has ended, and starts a run of its own.
///
/// | the run | those who wait | afterwards |
/// | --- | --- | --- |
/// | succeeds | have the value | the value is kept, as [`Keep`] says |
/// | fails for good | have the error | the error is kept, as [`Keep`] says |
/// | fails in passing | have the error | the next one starts a run |
/// | panics | have the panic | as if it had failed for good |
/// | was told to stop, and fails | there are none | the next one starts a run |
/// | was told to stop, and succeeds | there are none | the value is kept, as [`Keep`] says |
/// | is stopped with its pool | hear that it was | the next one starts a run |
///
/// Clones share the cell. What it keeps lives as long as one of them.
///
/// # Examples
///
/// ```
/// use perennial::Pool;
/// use perennial::solver::{Cell, CellError, Fault, Keep};
///
/// async fn token(pool: &Pool, cell: &Cell<u64, String>) -> Result<u64, CellError<String>> {
///     // However many ask at once, it is fetched once.
///     cell.get(pool, |_ctx| async { Ok::<_, Fault<String>>(42) }).await
/// }
/// # let _ = (token, Cell::<u64, String>::new(Keep::Nothing));
/// ```
pub struct Cell<T, E> {
    shared: Arc<Shared<T, E>>,
    grace: Grace,
}

/// What a [`Cell`] keeps when a run is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keep {
    /// Nothing: who comes later starts a run.
    Nothing,
    /// The value of a run that has succeeded.
    Values,
    /// That, and the error of one that has failed for good, or has panicked.
    ValuesAndErrors,
}

/// How a run fails.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault<E> {
    /// In the same way each time.
    Permanent(E),
    /// Maybe not the next time.
    Transient(E),
}

/// Why a [`Cell`] gives nothing.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum CellError<E> {
    /// The run has failed.
    #[error("{0}")]
    Failed(E),
    /// The run has panicked.
    #[error("the run has panicked: {}", .0.message())]
    Panicked(Panic),
    /// The run was stopped from outside, with its pool or by an order.
    #[error("the run was stopped")]
    Stopped,
    /// The pool does not start a run.
    #[error("no run starts")]
    NotStarted(#[source] Arc<StartError>),
}

/// How a run ends for those who wait for it.
type Outcome<T, E> = Result<T, CellError<E>>;

struct Shared<T, E> {
    keep: Keep,
    state: Mutex<State<T, E>>,
}

struct State<T, E> {
    /// How many runs were started.
    generation: u64,
    phase: Phase<T, E>,
}

enum Phase<T, E> {
    Idle,
    Running {
        waiters: Slab<oneshot::Sender<Outcome<T, E>>>,
        child: Child,
    },
    /// Nobody waits for the run any more, or all have been answered, and it has not ended yet.
    Unwinding(Child),
    Kept(Outcome<T, E>),
}

/// What somebody who comes finds.
enum Found<T, E> {
    Kept(Outcome<T, E>),
    Unwinding(u64, Child),
    Waits(Waiter<T, E>),
}

/// Somebody who waits for a run. Dropped, it has left.
struct Waiter<T, E> {
    cell: Arc<Shared<T, E>>,
    generation: u64,
    key: usize,
    outcome: oneshot::Receiver<Outcome<T, E>>,
}

impl<T, E> Cell<T, E>
where
    T: Clone + Send + 'static,
    E: Clone + Send + 'static,
{
    /// A cell in which nothing runs.
    #[must_use]
    pub fn new(keep: Keep) -> Self {
        let state = State {
            generation: 0,
            phase: Phase::Idle,
        };
        let state = Mutex::new(state);
        Self {
            shared: Arc::new(Shared { keep, state }),
            grace: Grace::default(),
        }
    }

    /// Sets how long a run that is told to stop may take to end, before it is aborted: 5 s by
    /// default. It holds for the runs that this handle and its clones start.
    #[must_use]
    pub fn grace(mut self, grace: impl Into<Grace>) -> Self {
        self.grace = grace.into();
        self
    }

    /// Gives what is kept, or waits for the run, which is started as a child of `pool` from `work`
    /// if there is none. Otherwise `work` is dropped.
    ///
    /// The context is that of the run. Its token fires when the last waiter has left, and what does
    /// not end then within the [grace](Self::grace) is aborted.
    ///
    /// # Errors
    ///
    /// [`CellError`]: what came of the run, or that none starts.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future is how a waiter leaves.
    pub async fn get<F, Fut>(&self, pool: &Pool, work: F) -> Result<T, CellError<E>>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Fault<E>>> + Send + 'static,
    {
        let mut work = Some(work);
        loop {
            match self.find(pool, &mut work)? {
                Found::Kept(outcome) => return outcome,
                Found::Unwinding(generation, child) => {
                    child.ended().await;
                    self.end(generation);
                }
                Found::Waits(mut waiter) => {
                    // Each run reports, and if it is dropped that it was stopped.
                    let outcome = (&mut waiter.outcome).await;
                    return outcome.unwrap_or(Err(CellError::Stopped));
                }
            }
        }
    }

    /// What is kept, without a run.
    #[must_use]
    pub fn kept(&self) -> Option<Result<T, CellError<E>>> {
        match &self.shared.state.lock().phase {
            Phase::Kept(outcome) => Some(outcome.clone()),
            _ => None,
        }
    }

    /// Waits until no run unwinds: one that is waited for is left alone.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn quiet(&self) {
        if let Some((generation, child)) = self.unwinding() {
            child.ended().await;
            // If its tree has gone, nobody else says so.
            self.end(generation);
        }
    }

    /// How many runs were started.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.shared.state.lock().generation
    }

    /// How many wait for the run.
    #[must_use]
    pub fn waiters(&self) -> usize {
        match &self.shared.state.lock().phase {
            Phase::Running { waiters, .. } => waiters.len(),
            _ => 0,
        }
    }

    /// Whether a new clone would find nothing here that a new cell has not.
    pub(super) fn is_idle(&self) -> bool {
        matches!(self.shared.state.lock().settle(), Phase::Idle)
    }

    /// Whether a run that nobody waits for has not ended yet.
    pub(super) fn is_unwinding(&self) -> bool {
        matches!(self.shared.state.lock().settle(), Phase::Unwinding(_))
    }

    /// Whether there is another handle than this one.
    pub(super) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.shared) > 1
    }

    /// Joins what there is, or starts a run and gives it the work.
    fn find<F, Fut>(&self, pool: &Pool, work: &mut Option<F>) -> Result<Found<T, E>, CellError<E>>
    where
        F: FnOnce(Context) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, Fault<E>>> + Send + 'static,
    {
        point();
        // What is refused is dropped without the lock: it may come back here.
        let (give, given) = oneshot::channel();
        let mut state = self.shared.state.lock();
        state.settle();
        let found = match &mut state.phase {
            Phase::Kept(outcome) => return Ok(Found::Kept(outcome.clone())),
            Phase::Unwinding(child) => {
                let child = child.clone();
                return Ok(Found::Unwinding(state.generation, child));
            }
            Phase::Running { waiters, .. } => {
                let (sender, outcome) = oneshot::channel();
                let key = waiters.insert(sender);
                self.waiter(state.generation, key, outcome)
            }
            Phase::Idle => {
                let generation = state.generation + 1;
                let run = once(move |ctx| run(ctx, given));
                let started = pool.start(run.grace(self.grace));
                let child = started.map_err(|error| CellError::NotStarted(Arc::new(error)))?;
                let (sender, outcome) = oneshot::channel();
                let mut waiters = Slab::with_capacity(1);
                let key = waiters.insert(sender);
                state.generation = generation;
                state.phase = Phase::Running { waiters, child };
                let waiter = self.waiter(generation, key, outcome);
                drop(state);
                let cell = self.shared.clone();
                let report = Report {
                    cell,
                    generation,
                    is_told: false,
                };
                // A pool that stops may have dropped the run: then what it was to report is told.
                let given = work.take().map(|work| give.send((report, work)));
                drop(given);
                return Ok(Found::Waits(waiter));
            }
        };
        Ok(Found::Waits(found))
    }

    fn waiter(
        &self,
        generation: u64,
        key: usize,
        outcome: oneshot::Receiver<Outcome<T, E>>,
    ) -> Waiter<T, E> {
        Waiter {
            cell: self.shared.clone(),
            generation,
            key,
            outcome,
        }
    }

    /// The run that nobody waits for, if it has not ended yet.
    fn unwinding(&self) -> Option<(u64, Child)> {
        let state = self.shared.state.lock();
        match &state.phase {
            Phase::Unwinding(child) => Some((state.generation, child.clone())),
            _ => None,
        }
    }

    /// All of a run has ended.
    fn end(&self, generation: u64) {
        let mut state = self.shared.state.lock();
        if state.generation == generation && matches!(state.phase, Phase::Unwinding(_)) {
            state.phase = Phase::Idle;
        }
    }
}

impl<T, E> State<T, E> {
    /// Sees that all of a run has ended, if that is so, and gives what there is then.
    fn settle(&mut self) -> &mut Phase<T, E> {
        if matches!(&self.phase, Phase::Unwinding(child) if child.try_ended().is_some()) {
            self.phase = Phase::Idle;
        }
        &mut self.phase
    }
}

impl<T, E> Drop for Waiter<T, E> {
    fn drop(&mut self) {
        point();
        let mut state = self.cell.state.lock();
        if state.generation != self.generation {
            return;
        }
        let Phase::Running { waiters, child } = &mut state.phase else {
            return;
        };
        let answer = waiters.try_remove(self.key);
        let told = waiters.is_empty().then(|| child.clone());
        if let Some(child) = told {
            // Given at once; nobody waits for its effect.
            drop(child.terminate());
            state.phase = Phase::Unwinding(child);
        }
        drop(state);
        drop(answer);
    }
}

/// Tells the end of a run, whichever way it ends, or that it never began.
struct Report<T: Clone, E: Clone> {
    cell: Arc<Shared<T, E>>,
    generation: u64,
    is_told: bool,
}

impl<T: Clone, E: Clone> Report<T, E> {
    /// Tells an outcome that is kept if the cell keeps such.
    fn tell_for_good(&mut self, outcome: Outcome<T, E>) {
        let keeps = match &outcome {
            Ok(_) => self.cell.keep != Keep::Nothing,
            Err(_) => self.cell.keep == Keep::ValuesAndErrors,
        };
        let kept = keeps.then(|| outcome.clone());
        self.tell(outcome, kept);
    }

    fn tell(&mut self, outcome: Outcome<T, E>, kept: Option<Outcome<T, E>>) {
        self.is_told = true;
        point();
        let waiters = self.settle(&outcome, kept);
        for (_, waiter) in waiters {
            // It may leave just now.
            let _ = waiter.send(outcome.clone());
        }
    }

    /// Goes to the next phase, and gives those who wait to be told.
    fn settle(
        &self,
        outcome: &Outcome<T, E>,
        kept: Option<Outcome<T, E>>,
    ) -> Slab<oneshot::Sender<Outcome<T, E>>> {
        let mut state = self.cell.state.lock();
        let next = |child| kept.map_or(Phase::Unwinding(child), Phase::Kept);
        if state.generation != self.generation {
            // It never began, and what it was given is let go of after its end.
            return Slab::new();
        }
        match mem::replace(&mut state.phase, Phase::Idle) {
            Phase::Running { waiters, child } => {
                state.phase = next(child);
                waiters
            }
            // All have left. What was made all the same is good.
            Phase::Unwinding(child) if outcome.is_ok() => {
                state.phase = next(child);
                Slab::new()
            }
            other => {
                state.phase = other;
                Slab::new()
            }
        }
    }
}

impl<T: Clone, E: Clone> Drop for Report<T, E> {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell(Err(CellError::Stopped), None);
        }
    }
}

/// A run, as a child of its pool.
async fn run<T, E, F, Fut>(context: Context, given: oneshot::Receiver<(Report<T, E>, F)>)
where
    T: Clone + Send,
    E: Clone + Send,
    F: FnOnce(Context) -> Fut + Send,
    Fut: Future<Output = Result<T, Fault<E>>> + Send,
{
    let Ok((mut report, work)) = given.await else {
        return;
    };
    let context_of_work = context.clone();
    let work = AssertUnwindSafe(async move { work(context_of_work).await });
    match work.catch_unwind().await {
        Ok(Ok(value)) => report.tell_for_good(Ok(value)),
        // What it says of itself when it was told to stop is no failure.
        Ok(Err(_)) if context.is_cancelled() => {}
        Ok(Err(Fault::Permanent(error))) => {
            report.tell_for_good(Err(CellError::Failed(error)));
        }
        Ok(Err(Fault::Transient(error))) => report.tell(Err(CellError::Failed(error)), None),
        Err(payload) => {
            let panic = Panic::new(text_of_panic(&*payload), None);
            report.tell_for_good(Err(CellError::Panicked(panic)));
            // To the tree it is a panic like others, with its place.
            resume_unwind(payload);
        }
    }
}

/// What a panic says.
pub(super) fn text_of_panic(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a payload that is no text")
}

impl<T, E> Clone for Cell<T, E> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
            grace: self.grace,
        }
    }
}

impl<T, E> fmt::Debug for Cell<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock();
        let phase = match &state.phase {
            Phase::Idle => "idle",
            Phase::Running { .. } => "running",
            Phase::Unwinding(_) => "unwinding",
            Phase::Kept(_) => "kept",
        };
        let mut debug = f.debug_struct("Cell");
        debug.field("runs", &state.generation);
        debug.field("phase", &phase).finish_non_exhaustive()
    }
}
