//! How a helper was closed.

use std::fmt;

use crate::process::Gone;

/// How a helper was closed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CloseReport {
    /// What the program said to the request to close, if it was asked.
    pub answer: CloseAnswer,
    /// How many calls had no answer when the close could wait no longer.
    pub unanswered: usize,
    /// How the program ended: its exit, the rungs that it took, and what survived.
    pub gone: Gone,
}

/// What a program says to the request to close.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseAnswer {
    /// The protocol has no such request, or the program does not know it.
    NotAsked,
    /// It agreed.
    Closed,
    /// It says that something went wrong.
    Failed(String),
    /// It ended without a word, which is an answer.
    Ended,
    /// It said nothing in time, or read nothing, so that it could not be asked.
    Silent,
}

impl CloseReport {
    /// Whether the program answered all, closed, and ended by itself, successfully.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let answered = !matches!(self.answer, CloseAnswer::Failed(_) | CloseAnswer::Silent);
        answered && self.unanswered == 0 && self.gone.exit.is_success()
    }
}

impl fmt::Display for CloseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.answer {
            CloseAnswer::NotAsked => f.write_str("not asked to close")?,
            CloseAnswer::Closed => f.write_str("closed")?,
            CloseAnswer::Failed(error) => write!(f, "could not close: {error}")?,
            CloseAnswer::Ended => f.write_str("ended when asked to close")?,
            CloseAnswer::Silent => f.write_str("said nothing when asked to close")?,
        }
        if self.unanswered > 0 {
            write!(f, ", {} calls unanswered", self.unanswered)?;
        }
        write!(f, ", {}", self.gone)
    }
}
