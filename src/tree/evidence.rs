//! The evidence of an exit: recorded once, kept for whoever asks why (L3).

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::exit::{Exit, Panic};
use crate::path::Path;
use crate::tree::intensity::{Intensity, Scope};
use crate::tree::state::State;

/// What is known of an exit: which incarnation, when, in which state, and why.
///
/// It displays as one clause and is an [`Error`] whose [`source`](Error::source) leads to what
/// caused it, down to the error that the runnable returned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Evidence {
    /// The node.
    pub path: Path,
    /// The incarnation; numbers are never reused in a tree.
    pub incarnation: u64,
    /// When, counted from the start of the tree.
    pub at: Duration,
    /// The state in which it returned.
    pub state: State,
    /// How it returned; `None` if it never did (leaked).
    pub exit: Option<Exit>,
    /// Why it was read as dead, where that is not its own exit.
    pub cause: Option<Cause>,
}

/// Why an incarnation was read as dead, however it returned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// A child's budget was spent, and the child escalates (R9).
    Escalated(Arc<Evidence>),
    /// A task that it owns panicked (R14).
    Owned(Panic),
    /// Something at or below the node has not ended (R10).
    Leaked(Path),
    /// It was not healthy within this time.
    StartTimeout(Duration),
    /// It had not returned within this time.
    RunTimeout(Duration),
    /// It was healthy and did not beat for this time.
    BeatTimeout(Duration),
    /// A budget of restarts is spent (R9).
    Intensity {
        /// Whose restarts it counts.
        scope: Scope,
        /// How many were allowed.
        intensity: Intensity,
        /// The exit for which there was none left.
        last: Arc<Evidence>,
    },
}

impl Evidence {
    /// Whether it returned without an error, and nothing else made it a failure.
    pub(crate) fn is_sound(&self) -> bool {
        self.cause.is_none() && self.exit.as_ref().is_some_and(Exit::is_ok)
    }

    /// This evidence and all that it follows from, in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        crate::exit::chain(self)
    }
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, state, .. } = self;
        match (&self.cause, &self.exit) {
            (Some(Cause::Escalated(child)), _) => write!(f, "{} escalated to {path}", child.path),
            (Some(Cause::Owned(panic)), _) => write!(f, "a task owned by {path} panicked {panic}"),
            (Some(Cause::Leaked(leaked)), _) => {
                write!(f, "{path} cannot start again: {leaked} leaked")
            }
            (Some(Cause::StartTimeout(time)), _) => {
                write!(f, "{path} was not healthy within {time:?}")
            }
            (Some(Cause::RunTimeout(time)), _) => write!(f, "{path} ran for more than {time:?}"),
            (Some(Cause::BeatTimeout(time)), _) => write!(f, "{path} did not beat for {time:?}"),
            (
                Some(Cause::Intensity {
                    scope, intensity, ..
                }),
                _,
            ) => {
                let budget = match scope {
                    Scope::Node => "its budget",
                    Scope::Group => "the budget of its group",
                    Scope::Children => "the budget of its parent's children",
                };
                write!(f, "{path} spent {budget}, {intensity}")
            }
            (None, Some(Exit::Panicked(panic))) => write!(f, "{path} panicked {panic}"),
            (None, Some(exit)) => write!(f, "{path} {exit} while {state}"),
            (None, None) => write!(f, "{path} has not returned"),
        }
    }
}

impl Error for Evidence {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            Some(Cause::Escalated(child)) => Some(child.as_ref()),
            Some(Cause::Intensity { last, .. }) => Some(last.as_ref()),
            Some(Cause::Owned(_) | Cause::Leaked(_)) => None,
            Some(Cause::StartTimeout(_) | Cause::RunTimeout(_) | Cause::BeatTimeout(_)) | None => {
                self.exit.as_ref().and_then(Exit::error)
            }
        }
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Evidence {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;

        let mut evidence = serializer.serialize_struct("Evidence", 6)?;
        evidence.serialize_field("path", &self.path)?;
        evidence.serialize_field("incarnation", &self.incarnation)?;
        evidence.serialize_field("at", &self.at.as_secs_f64())?;
        evidence.serialize_field("state", &self.state)?;
        evidence.serialize_field("exit", &self.exit.as_ref().map(ToString::to_string))?;
        evidence.serialize_field("reason", &self.chain())?;
        evidence.end()
    }
}
