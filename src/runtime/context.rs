//! What a runnable knows of its place, and what it can say and ask (R3, R4, R14).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::name::{Name, NameError};
use crate::path::Path;
use crate::runtime::child::Child;
use crate::runtime::declare::{self, Group};
use crate::runtime::error::{OwnError, RunError};
use crate::runtime::incarnation::Life;
use crate::runtime::orders::{Node, Target};
use crate::runtime::owned::{self, Hold, Owned};
use crate::runtime::pool::Pool;
use crate::runtime::runnable::Runnable;
use crate::runtime::sync::CancellationToken;
use crate::tree::{Evidence, Signal, Strategy};

/// What a runnable is given: its place in the tree, for one incarnation.
///
/// A context is cheap to clone and can be handed to anything that the runnable starts. A clone
/// keeps neither the incarnation nor the tree alive; once the incarnation has ended, its requests
/// are refused and its signals ignored, and the next incarnation never hears of them (L10).
#[derive(Clone)]
pub struct Context {
    pub(super) life: Arc<Life>,
}

impl Context {
    pub(crate) const fn new(life: Arc<Life>) -> Self {
        Self { life }
    }

    /// Declares a child alone, and starts it: it falls and rises without its siblings.
    ///
    /// Children are declared while starting, which is before [`healthy`](Self::healthy) or
    /// [`done`](Self::done); the next incarnation declares them anew. Once this returns, the tree
    /// has the declaration, whatever this incarnation does next.
    ///
    /// # Errors
    ///
    /// [`RunError`] says why there is no such child: a bad or taken name, too late, told to stop,
    /// ended, or too many.
    pub fn run<N>(&self, name: N, runnable: impl Runnable) -> Result<Child, RunError>
    where
        N: TryInto<Name>,
        N::Error: Into<NameError>,
    {
        declare::run(
            &self.life,
            name.try_into().map_err(Into::into),
            runnable.into_spec(),
        )
    }

    /// Begins a group: children that share their fate as `strategy` says.
    ///
    /// The label is a name among those of this node's children; it shows in snapshots and events,
    /// not in paths.
    pub fn group<N>(&self, label: N, strategy: Strategy) -> Group
    where
        N: TryInto<Name>,
        N::Error: Into<NameError>,
    {
        Group::new(
            self.life.clone(),
            label.try_into().map_err(Into::into),
            strategy,
        )
    }

    /// Declares a pool: a node without code, whose children come and go while it lives (R13).
    ///
    /// The same as [`run`](Self::run) with a [`Pool::new`].
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub fn pool<N>(&self, name: N) -> Result<Pool, RunError>
    where
        N: TryInto<Name>,
        N::Error: Into<NameError>,
    {
        let pool = Pool::new();
        self.run(name, pool.clone())?;
        Ok(pool)
    }

    /// Signals that the runnable is set up and serves. Repeats change nothing.
    pub fn healthy(&self) {
        self.life.signal(Signal::Healthy);
    }

    /// Signals that nothing is left to run here; implies [`healthy`](Self::healthy).
    ///
    /// An incarnation that returns without an error after this is done: its children keep running.
    pub fn done(&self) {
        self.life.signal(Signal::Done);
    }

    /// Signals that what is returned next is a planned restart, such as for a new configuration.
    ///
    /// It is no failure: it is not counted and not delayed, but for what is left of the initial
    /// backoff since the start. Beats [`done`](Self::done).
    pub fn restart(&self) {
        self.life.signal(Signal::Restart);
    }

    /// Signals that what is returned next must not be retried, such as for a wrong configuration.
    ///
    /// The node goes down and its parent falls; at the root, the tree ends with a
    /// [`Failure`](crate::Failure). Beats [`restart`](Self::restart).
    pub fn give_up(&self) {
        self.life.signal(Signal::GiveUp);
    }

    /// Says that this incarnation is alive, for nodes with a
    /// [`beat_timeout`](crate::Configured::beat_timeout).
    ///
    /// Costs a look at the clock: nothing is sent, and no task wakes up.
    pub fn beat(&self) {
        self.life.beat();
    }

    /// Waits until this incarnation is asked to stop, or has ended.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn cancelled(&self) {
        self.life.cancelled().await;
    }

    /// Whether this incarnation was asked to stop, or has ended.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.life.is_cancelled()
    }

    /// A token that is cancelled when this incarnation is asked to stop, or has ended, for code
    /// that takes one. It is this node's own: cancelling it stops nothing in the tree.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.life.token()
    }

    /// Runs a future until it is ready, or until this incarnation is asked to stop.
    ///
    /// Returns `None` in the second case, and prefers it when both are true, so that a busy source
    /// cannot hold up a stop.
    ///
    /// # Cancel safety
    ///
    /// As cancel safe as `future`, which is dropped when the incarnation is asked to stop.
    pub async fn until_cancelled<F: Future>(&self, future: F) -> Option<F::Output> {
        tokio::select! {
            biased;
            () = self.cancelled() => None,
            output = future => Some(output),
        }
    }

    /// Spawns a task that this incarnation owns: the incarnation has not ended before it has.
    ///
    /// The task hears [`cancelled`](Self::cancelled) of a clone of this context when the owner is
    /// asked to stop or returns, and shares its grace; after that it is aborted. Its panic fails
    /// the owner; an error that it returns is for the handle alone. Dropping the handle changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`OwnError::Ended`] if the incarnation has returned; the future is dropped.
    pub fn spawn<F>(&self, future: F) -> Result<Owned<F::Output>, OwnError>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        owned::spawn(&self.life, future)
    }

    /// Keeps this incarnation from having ended until the hold is dropped.
    ///
    /// For what is no task: a thread, a process, a file that must be closed. A hold cannot be
    /// aborted; when it outlives the grace and the bound after it, it is leaked, under the name
    /// `what`.
    ///
    /// # Errors
    ///
    /// [`OwnError::Ended`] if the incarnation has returned.
    pub fn hold(&self, what: impl Into<Cow<'static, str>>) -> Result<Hold, OwnError> {
        owned::hold(&self.life, what.into())
    }

    /// The parent, to give it orders: `ctx.parent()?.restart()` starts all around this node anew.
    /// `None` at the root.
    #[must_use]
    pub fn parent(&self) -> Option<Node> {
        let parent = self.path().parent()?;
        Some(self.node(Target::Path(parent.to_string())))
    }

    /// The sibling with this name, to give it orders. The root has none: such an order finds
    /// nothing.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Node {
        self.node(match self.path().parent() {
            Some(parent) if Name::parse(name).is_ok() => Target::Path(format!("{parent}.{name}")),
            Some(_) | None => Target::Nowhere(name.to_owned()),
        })
    }

    fn node(&self, target: Target) -> Node {
        Node::new(target, self.life.shared.clone(), Some(self.life.id()))
    }

    /// The node's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.life.path()
    }

    /// The number of this incarnation, unique in its tree.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.life.id().incarnation()
    }

    /// Which attempt this incarnation is: 1, and one more for each failure in a row (R8).
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.life.start.attempt
    }

    /// How the last incarnation of this node returned; `None` in the first.
    #[must_use]
    pub fn last_exit(&self) -> Option<&Evidence> {
        self.life.start.last_exit.as_deref()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Context").field(&self.life).finish()
    }
}
