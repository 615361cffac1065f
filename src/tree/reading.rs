//! How an exit is read (R5): one table, the first matching row decides.

use crate::exit::Exit;
use crate::tree::options::Restart;
use crate::tree::signal::Intent;
use crate::tree::state::{Down, Told};

/// What an exit means for its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reading {
    /// Unexpected: the node falls and is tried again.
    Dead,
    /// It was told to stop, and did.
    Canceled,
    /// It said that it was done.
    Done,
    /// It will not be started again.
    Down(Down),
    /// It asked to be started again.
    Restart,
    /// It asked not to be tried again: its budget is spent (R9).
    GiveUp,
}

/// What was known of an incarnation when it returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "these four are the columns of the table"
)]
pub struct Returned {
    /// By what it was told to stop, if it was.
    pub told: Option<Told>,
    /// Whether a child escalated to it, or a task that it owns panicked.
    pub condemned: bool,
    /// What it signalled.
    pub intent: Intent,
    /// Whether its node is started again.
    pub restart: Restart,
}

/// Reads an exit.
///
/// Decided by what the incarnation was told and what it said, never by the identity of an error.
#[must_use]
pub fn read(exit: &Exit, returned: Returned) -> Reading {
    let Returned {
        told,
        condemned,
        intent,
        restart,
    } = returned;
    let crashed = matches!(exit, Exit::Panicked(_) | Exit::Aborted);
    match (told, intent, restart) {
        (None | Some(Told::Itself | Told::Group), _, _) if condemned => condemn(restart),
        (Some(Told::Group | Told::Parent), _, Restart::Temporary) => Reading::Down(Down::Temporary),
        (Some(Told::Group | Told::Parent | Told::Tree), _, _) => Reading::Canceled,
        (None | Some(Told::Itself), Intent::Done, _) if exit.is_ok() => Reading::Done,
        (None | Some(Told::Itself), _, Restart::Temporary) => Reading::Down(if exit.is_ok() {
            Down::Finished
        } else {
            Down::Failed
        }),
        (None | Some(Told::Itself), Intent::GiveUp, Restart::Permanent) => Reading::GiveUp,
        (None | Some(Told::Itself), Intent::Restart, Restart::Permanent) if !crashed => {
            Reading::Restart
        }
        (
            None | Some(Told::Itself),
            Intent::Nothing | Intent::Done | Intent::Restart,
            Restart::Permanent,
        ) => Reading::Dead,
    }
}

/// Reads the exit of a node that was escalated to, or that an owned task failed.
pub(crate) const fn condemn(restart: Restart) -> Reading {
    match restart {
        Restart::Permanent => Reading::Dead,
        Restart::Temporary => Reading::Down(Down::Failed),
    }
}
