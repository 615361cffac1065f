//! What an operation is given.
//!
//! Invariant: it keeps nothing alive, whoever keeps it. Of what has ended it asks nothing.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

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
///
/// It may be kept for longer: of a vertex that has gone it has no values, and tells nothing.
#[derive(Clone)]
pub struct OperationContext {
    context: Context,
    vertex: Weak<dyn Subject>,
}

/// What an operation may use while it runs; it derefs to an [`OperationContext`].
///
/// It may be kept for longer: of a run that is over it tells nothing, and builds nothing.
pub struct RunContext<V> {
    base: OperationContext,
    releaser: Releaser,
    run: Weak<Run<V>>,
}

/// A vertex of which something is told, whatever its values are.
trait Subject: Send + Sync {
    fn journal(&self) -> &Mutex<Journal>;
    fn entry(&self) -> usize;
}

/// A run of an operation: what runs it owns this, and nobody else for longer.
pub(super) struct Run<V> {
    pub(super) shared: Arc<Shared<V>>,
    pub(super) state: Arc<State<V>>,
    pub(super) execution: Arc<Execution<V>>,
    pub(super) permits: Permits,
}

impl OperationContext {
    pub(super) fn new<V: Send + Sync + 'static>(context: Context, state: &Arc<State<V>>) -> Self {
        let state = Arc::downgrade(state);
        Self {
            context,
            vertex: state,
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
        let Some(vertex) = self.vertex.upgrade() else {
            return Vec::new();
        };
        let jobs = vertex.journal().lock().jobs_of_vertex(vertex.entry());
        jobs.iter().filter_map(|job| job.value()).collect()
    }

    /// Tells something that is not as it should be.
    pub fn warn(&self, text: impl Into<Arc<str>>) {
        if let Some(vertex) = self.vertex.upgrade() {
            vertex.journal().lock().warn(vertex.entry(), text.into());
        }
    }
}

impl<V: Send + Sync + 'static> Subject for State<V> {
    fn journal(&self) -> &Mutex<Journal> {
        &self.shared().journal
    }

    fn entry(&self) -> usize {
        self.entry()
    }
}

impl<V: Send + Sync + 'static> Run<V> {
    /// Waits between two attempts, without the permits.
    pub(super) async fn pause(&self, delay: Duration) {
        let lent = self.permits.lend_between_attempts();
        tokio::time::sleep(delay).await;
        lent.take_back().await;
    }
}

impl<V: Send + Sync + 'static> RunContext<V> {
    pub(super) fn new(context: Context, run: &Arc<Run<V>>) -> Self {
        Self {
            base: OperationContext::new(context, &run.state),
            releaser: run.shared.releaser.clone(),
            run: Arc::downgrade(run),
        }
    }

    /// Builds something else on the way, which whoever shares this operation hears of. What comes
    /// of it lives as long as what comes of this operation.
    ///
    /// While it is waited for, the permits of this operation are handed back.
    ///
    /// # Errors
    ///
    /// [`BuildError`]; [`Cycle`](BuildError::Cycle) at once if it needs what asks for it, and
    /// [`Cancelled`](BuildError::Cancelled) when nobody wants the operation any more, or if its run
    /// is over.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe. Who drops it goes on without the permits.
    pub async fn build(&self, edge: &Edge<V>) -> Result<Output<V>, BuildError> {
        let run = self.run.upgrade().ok_or(BuildError::Cancelled)?;
        let lent = run.permits.lend();
        let built = self.base.context.until_cancelled(async {
            let built = run.shared.build_below(&run, edge).await;
            lent.take_back().await;
            built
        });
        // A run that nobody wants any more needs neither that nor its permits to end.
        built.await.unwrap_or(Err(BuildError::Cancelled))
    }

    /// Hands back the permits early: what is left of this attempt needs none.
    ///
    /// An attempt after a failure in passing begins with all of them again.
    pub fn hand_back(&self) {
        if let Some(run) = self.run.upgrade() {
            run.permits.hand_back();
        }
    }

    /// Tells how far the operation is with something, of a total that is 0 if it is not known. Who
    /// looks later sees the newest 100 things.
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
    pub const fn releaser(&self) -> &Releaser {
        &self.releaser
    }

    fn tell(&self, kind: JobEventKind) {
        if let Some(run) = self.run.upgrade() {
            run.execution.tell(kind);
        }
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
            releaser: self.releaser.clone(),
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
