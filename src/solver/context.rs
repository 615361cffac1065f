//! What an operation is given.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::error::BuildError;
use super::event::JobEventKind;
use super::execution::Execution;
use super::journal::Journal;
use super::limits::Permits;
use super::output::Output;
use super::shared::Shared;
use super::state::State;
use super::vertex::Edge;
use crate::Context;
use crate::resource::{Release, Releaser};

/// What an operation may use while it says its key or runs.
#[derive(Clone)]
pub struct OperationContext {
    context: Context,
    journal: Arc<parking_lot::Mutex<Journal>>,
    vertex: usize,
}

/// What an operation may use while it runs; it derefs to an [`OperationContext`].
pub struct RunContext<V> {
    base: OperationContext,
    run: Arc<Run<V>>,
}

/// A run of an operation.
pub(super) struct Run<V> {
    pub(super) shared: Arc<Shared<V>>,
    pub(super) state: Arc<State<V>>,
    pub(super) execution: Arc<Execution<V>>,
    pub(super) permits: Permits,
}

impl OperationContext {
    pub(super) const fn new(
        context: Context,
        journal: Arc<parking_lot::Mutex<Journal>>,
        vertex: usize,
    ) -> Self {
        Self {
            context,
            journal,
            vertex,
        }
    }

    /// The context of the node that it runs in, to start children, processes and helpers with: they
    /// end with the operation.
    ///
    /// Its token fires when nobody waits for the operation any more, and when the solver stops.
    #[must_use]
    pub const fn context(&self) -> &Context {
        &self.context
    }

    /// What was put under this type by the jobs that share the operation now, each job once.
    #[must_use]
    pub fn values<T: Send + Sync + 'static>(&self) -> Vec<Arc<T>> {
        let jobs = self.journal.lock().jobs_of_vertex(self.vertex);
        jobs.iter().filter_map(|job| job.value()).collect()
    }

    /// Tells something that is not as it should be.
    pub fn warn(&self, text: impl Into<Arc<str>>) {
        self.journal.lock().warn(self.vertex, text.into());
    }
}

impl<V: Send + Sync + 'static> RunContext<V> {
    pub(super) const fn new(base: OperationContext, run: Arc<Run<V>>) -> Self {
        Self { base, run }
    }

    /// Builds something else on the way, which whoever shares this operation hears of. What comes
    /// of it lives as long as what comes of this operation.
    ///
    /// While it is waited for, the permits of this operation are handed back.
    ///
    /// # Errors
    ///
    /// [`BuildError`]; [`Cycle`](BuildError::Cycle) at once if it needs what asks for it.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. Who drops it goes on without the permits.
    pub async fn build(&self, edge: &Edge<V>) -> Result<Output<V>, BuildError> {
        let run = &self.run;
        let lent = run.permits.lend();
        let built = run.shared.build_below(run, edge).await;
        // A run that nobody wants any more needs no permits to end.
        let back = self.base.context.until_cancelled(lent.take_back());
        back.await;
        built
    }

    /// Hands back the permits early: what is left of this attempt needs none.
    ///
    /// An attempt after a failure in passing begins with all of them again.
    pub fn hand_back(&self) {
        self.run.permits.hand_back();
    }

    /// Tells how far the operation is with something, of a total that is 0 if it is not known.
    pub fn status(&self, id: impl Into<Arc<str>>, done: u64, total: u64) {
        let id = id.into();
        self.tell(JobEventKind::Status { id, done, total });
    }

    /// Tells a line of text.
    pub fn log(&self, line: impl Into<Arc<str>>) {
        self.tell(JobEventKind::Log { line: line.into() });
    }

    /// Where resources are opened that live as long as somebody refers to them.
    #[must_use]
    pub fn releaser(&self) -> &Releaser {
        &self.run.shared.releaser
    }

    /// Waits between two attempts, without the permits.
    pub(super) async fn pause(&self, delay: Duration) {
        let lent = self.run.permits.lend_between_attempts();
        tokio::time::sleep(delay).await;
        lent.take_back().await;
    }

    fn tell(&self, kind: JobEventKind) {
        let mut journal = self.run.shared.journal.lock();
        journal.tell(self.run.execution.entry(), kind);
    }
}

impl<V: Release> RunContext<V> {
    /// Makes an output of something that has to be released after its last reference is gone: by a
    /// task below the solver's node, which waits for it when it stops.
    pub fn open(&self, name: impl Into<std::borrow::Cow<'static, str>>, value: V) -> Output<V> {
        Output::of(self.releaser().open(name, value))
    }
}

impl<V> Deref for RunContext<V> {
    type Target = OperationContext;

    fn deref(&self) -> &OperationContext {
        &self.base
    }
}

impl<V> Clone for RunContext<V> {
    fn clone(&self) -> Self {
        Self {
            base: self.base.clone(),
            run: self.run.clone(),
        }
    }
}

impl fmt::Debug for OperationContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OperationContext")
            .field(self.context.path())
            .finish()
    }
}

impl<V> fmt::Debug for RunContext<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RunContext")
            .field(self.base.context.path())
            .finish()
    }
}
