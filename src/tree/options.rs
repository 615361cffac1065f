//! What may be chosen for a node and for a tree.

use std::time::Duration;

use crate::tree::backoff::Backoff;

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
    /// Always. What a runnable's children are.
    #[default]
    Permanent,
    /// Never. What a pool's children are.
    Temporary,
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
}

impl Options {
    /// Whether a fall raises the node again.
    pub(crate) fn rises_again(&self) -> bool {
        self.restart == Restart::Permanent
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
