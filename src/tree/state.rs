//! The states of a node (R2) and the reasons that go with them.

use std::fmt;

/// What a node is doing (R2).
///
/// `Starting`, `Healthy`, `Finishing` and `Stopping` are live: code of the incarnation runs.
/// `Done`, `Dead`, `Canceled` and `Down` are exits; what the incarnation still owns may be ending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum State {
    /// Declared or fallen, and not started yet; see [`Wait`].
    Waiting,
    /// Runs, and has not signalled that it is healthy.
    Starting,
    /// Set up and serving.
    Healthy,
    /// Signalled done, and has not returned.
    Finishing,
    /// Signalled done and returned without an error. What it started keeps running.
    Done,
    /// Was told to stop and has not returned.
    Stopping,
    /// Exited unexpectedly; what falls with it has not ended yet.
    Dead,
    /// Exited because it was told to, or waits for the fall it belongs to.
    Canceled,
    /// Will not be started again by itself; see [`Down`].
    Down,
}

impl State {
    /// Whether code of the incarnation runs.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Starting | Self::Healthy | Self::Finishing | Self::Stopping => true,
            Self::Waiting | Self::Done | Self::Dead | Self::Canceled | Self::Down => false,
        }
    }

    /// Whether the incarnation has returned, or was never started and never will be.
    #[must_use]
    pub const fn has_exited(self) -> bool {
        match self {
            Self::Done | Self::Dead | Self::Canceled | Self::Down => true,
            Self::Waiting | Self::Starting | Self::Healthy | Self::Finishing | Self::Stopping => {
                false
            }
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Finishing => "finishing",
            Self::Done => "done",
            Self::Stopping => "stopping",
            Self::Dead => "dead",
            Self::Canceled => "canceled",
            Self::Down => "down",
        })
    }
}

/// Why a node is [`State::Waiting`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Wait {
    /// Declared; the next pass starts it.
    Queued,
    /// Fallen; it starts again when the delay of its fall is over.
    Backoff,
    /// It starts when the member before it in its group, which starts in order, is healthy or done.
    InOrder,
    /// It was ordered to start, and does when what it left, and what fell with it, has ended.
    Ending,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Queued => "queued",
            Self::Backoff => "backoff",
            Self::InOrder => "in order",
            Self::Ending => "ending",
        })
    }
}

/// Why a node is [`State::Down`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Down {
    /// A temporary node returned without an error.
    Finished,
    /// A temporary node failed, or the root failed before it was ever healthy.
    Failed,
    /// The node signalled that it must not be tried again.
    GaveUp,
    /// Its budget of restarts, or that of its group or of its parent's children, is spent; or it
    /// belongs to a fall whose top spent one and stays down.
    Spent,
    /// A member of its group, which starts in order, could not start.
    StartFailed,
    /// It was ordered to stop.
    Terminated,
    /// The node, or something that fell with it, could not be ended.
    Leaked,
    /// The tree stopped before the node could start again.
    Stopped,
    /// A temporary node was stopped by a fall, which does not raise it.
    Temporary,
}

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Finished => "finished",
            Self::Failed => "failed",
            Self::GaveUp => "gave up",
            Self::Spent => "budget spent",
            Self::StartFailed => "start failed",
            Self::Terminated => "terminated",
            Self::Leaked => "leaked",
            Self::Stopped => "stopped",
            Self::Temporary => "temporary",
        })
    }
}

/// By what a node was told to stop, the weakest first: the strongest so far decides (R5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Told {
    /// Its significant children have ended. It is read as done.
    Significant,
    /// A child escalated to it, a task that it owns panicked, or it passed a time limit. It is
    /// read as dead.
    Itself,
    /// It was ordered to restart.
    Restart,
    /// A member of its group fell.
    Group,
    /// Its parent, or a node further up, fell or went down.
    Parent,
    /// It was ordered to stop.
    Terminate,
    /// It was ordered to stop and to be forgotten.
    Remove,
    /// The tree stops.
    Tree,
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Significant => "significant children",
            Self::Itself => "itself",
            Self::Restart => "order restart",
            Self::Group => "group",
            Self::Parent => "parent",
            Self::Terminate => "order terminate",
            Self::Remove => "order remove",
            Self::Tree => "tree",
        })
    }
}

/// How far up the stop ladder an incarnation was taken (R10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Rung {
    /// Nobody has asked it to stop.
    None,
    /// Its token is cancelled; its grace runs.
    Asked,
    /// Its future and owned tasks were dropped, or will be when they next yield.
    Aborted,
    /// It has not ended within the bound after the abort. The tree waits for it no longer.
    Leaked,
}

impl fmt::Display for Rung {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "running",
            Self::Asked => "asked",
            Self::Aborted => "aborted",
            Self::Leaked => "leaked",
        })
    }
}
