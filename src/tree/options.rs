//! What may be chosen for a node and for a tree.

use std::time::Duration;

use crate::tree::backoff::Backoff;
use crate::tree::intensity::Intensity;

/// How long an incarnation may take to end after it was asked to, before it is aborted (R10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Grace {
    /// At most this long; zero aborts at once. The default is 5 seconds.
    For(Duration),
    /// As long as it takes. Only a deadline of the tree's stop ends the wait.
    Infinite,
}

impl Default for Grace {
    fn default() -> Self {
        Self::For(Duration::from_secs(5))
    }
}

impl From<Duration> for Grace {
    fn from(time: Duration) -> Self {
        Self::For(time)
    }
}

/// Whether a node is started again after an unexpected exit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Restart {
    /// Always. What a runnable's children are, unless they say otherwise.
    #[default]
    Permanent,
    /// After an error or a panic. A return without an error is done.
    Transient,
    /// Never, but by an order. What a pool's children are.
    Temporary,
}

/// What becomes of a node that spends a budget of restarts, gives up, or cannot start again because
/// of a leak; and of all that falls with it (R9). While a group starts in order, what fails in it
/// escalates, whatever was chosen (R10b).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnSpent {
    /// Its parent falls, with all below it.
    #[default]
    Escalate,
    /// It stays down, and so do those of its group that its strategy takes. The rest goes on.
    StayDown,
    /// The tree ends, with a failure.
    StopTree,
}

/// What becomes of a node whose incarnation could not be ended (R10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnLeak {
    /// Nothing that contains the leak starts again: what falls with it spends its budget.
    #[default]
    Keep,
    /// The leak counts as ended, and the node may run beside it. The snapshot counts such leaks.
    Abandon,
}

/// When a node is asked to stop, among its siblings (R10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stops {
    /// With the others, unless its group stops in order.
    #[default]
    Together,
    /// After what uses it: its later siblings that stop with it are gone, and its parent's
    /// runnable, if that stops, has returned or was aborted.
    AfterUsers,
}

/// A child whose own end stops its parent, which is done then (R10c).
///
/// Its own end is to be done, or to be down because it was temporary and returned; an order or a
/// fall is no end of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Significant {
    /// The end of this child is enough.
    Any,
    /// The parent stops when this child ends and every other child of this kind is done or down.
    All,
}

/// What a node is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A runnable.
    #[default]
    Runnable,
    /// A pool: no code, children that come and go (R13).
    Pool,
}

/// Which other members of a group fall when one of them does (R6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Strategy {
    /// None: each member falls and rises alone.
    OneForOne,
    /// All: they fall together, and none starts again before all have ended (L5).
    OneForAll,
    /// Those that were declared after it.
    RestForOne,
}

/// How the members of a group start and stop (R10, R10b).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Sequence {
    /// At once.
    #[default]
    Together,
    /// Each starts when the one before it is healthy or done, and is asked to stop when the one
    /// after it is gone.
    InOrder,
}

/// What may be chosen for a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GroupOptions {
    /// Who falls with whom.
    pub strategy: Strategy,
    /// How the members start and stop.
    pub sequence: Sequence,
    /// How many restarts its members share.
    pub intensity: Option<Intensity>,
}

impl From<Strategy> for GroupOptions {
    fn from(strategy: Strategy) -> Self {
        Self {
            strategy,
            sequence: Sequence::Together,
            intensity: None,
        }
    }
}

impl GroupOptions {
    /// Makes the members start and stop in order.
    #[must_use]
    pub const fn in_order(self) -> Self {
        Self {
            sequence: Sequence::InOrder,
            ..self
        }
    }

    /// Bounds how often the members may be started again.
    #[must_use]
    pub const fn intensity(self, intensity: Intensity) -> Self {
        Self {
            intensity: Some(intensity),
            ..self
        }
    }
}

/// What may be chosen for one node.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// What the node is made of.
    pub kind: Kind,
    /// Whether it is started again.
    pub restart: Restart,
    /// How long it may take to end.
    pub grace: Grace,
    /// How long it waits before it is started again.
    pub backoff: Backoff,
    /// When it counts as set up.
    pub health: Health,
    /// How long it may take to become healthy.
    pub start_timeout: Option<Duration>,
    /// How long an incarnation may run.
    pub run_timeout: Option<Duration>,
    /// How long it may be silent while it is healthy.
    pub beat_timeout: Option<Duration>,
    /// How many restarts it may have.
    pub intensity: Option<Intensity>,
    /// How many restarts its children may have together.
    pub children_intensity: Option<Intensity>,
    /// What becomes of it when a budget is spent.
    pub on_spent: OnSpent,
    /// What becomes of it when it leaks.
    pub on_leak: OnLeak,
    /// When it is asked to stop, among its siblings.
    pub stops: Stops,
    /// Whether its own end stops its parent.
    pub significant: Option<Significant>,
}

impl Options {
    /// Whether a fall raises the node again.
    pub(crate) fn rises_again(&self) -> bool {
        self.restart != Restart::Temporary
    }
}

/// When an incarnation counts as healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// When it says so.
    #[default]
    Signalled,
    /// As soon as it starts; for code that does not signal.
    AtStart,
}

/// What becomes of an escalation that reaches the root, and of a root that fails before it was
/// ever healthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AtRoot {
    /// It ends the tree with a failure.
    #[default]
    Fail,
    /// The root is started again with backoff.
    Retry,
}

/// What may be chosen for a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settings {
    /// How long the GC pass waits after a fall is ready for others to join. Zero by default.
    pub gc_interval: Duration,
    /// How long after an abort an incarnation that has not ended is given up as leaked. 5 seconds
    /// by default.
    pub leak_after: Duration,
    /// What becomes of a root that fails before it was ever healthy.
    pub start: AtRoot,
    /// What becomes of an escalation that reaches the root.
    pub escalations: AtRoot,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            gc_interval: Duration::ZERO,
            leak_after: Duration::from_secs(5),
            start: AtRoot::Fail,
            escalations: AtRoot::Fail,
        }
    }
}
