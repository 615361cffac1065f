//! What a runnable says about itself (R4).

use std::fmt;

/// What a runnable says about itself (R4). Repeats change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Signal {
    /// Set up, serving.
    Healthy,
    /// Nothing is left to run here; implies healthy.
    Done,
    /// What is returned now is a planned restart.
    Restart,
    /// What is returned now must not be retried.
    GiveUp,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "healthy",
            Self::Done => "done",
            Self::Restart => "restart",
            Self::GiveUp => "give up",
        })
    }
}

/// What an incarnation wants its return to mean; the strongest of what it said.
///
/// Give up beats restart beats done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Intent {
    /// It said nothing: its return is unexpected.
    #[default]
    Nothing,
    /// It signalled done.
    Done,
    /// It signalled restart.
    Restart,
    /// It signalled give up.
    GiveUp,
}

impl From<Signal> for Intent {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Healthy => Self::Nothing,
            Signal::Done => Self::Done,
            Signal::Restart => Self::Restart,
            Signal::GiveUp => Self::GiveUp,
        }
    }
}
