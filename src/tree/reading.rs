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
    /// Whether a child escalated to it, it passed a time limit, or a task that it owns panicked.
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
    match told {
        None | Some(Told::Itself | Told::Group) if condemned => condemn(restart),
        Some(Told::Significant) => Reading::Done,
        Some(Told::Terminate | Told::Remove) => Reading::Down(Down::Terminated),
        Some(Told::Group | Told::Parent) if restart == Restart::Temporary => {
            Reading::Down(Down::Temporary)
        }
        Some(Told::Restart | Told::Group | Told::Parent | Told::Tree) => Reading::Canceled,
        None | Some(Told::Itself) => read_own(exit, intent, restart),
    }
}

/// Reads the exit of an incarnation that ended by itself.
fn read_own(exit: &Exit, intent: Intent, restart: Restart) -> Reading {
    let has_crashed = matches!(exit, Exit::Panicked(_) | Exit::Aborted);
    match (intent, restart) {
        (Intent::Done, _) if exit.is_ok() => Reading::Done,
        (_, Restart::Temporary) if exit.is_ok() => Reading::Down(Down::Finished),
        (_, Restart::Temporary) => Reading::Down(Down::Failed),
        (Intent::GiveUp, Restart::Permanent | Restart::Transient) => Reading::GiveUp,
        (Intent::Restart, Restart::Permanent | Restart::Transient) if !has_crashed => {
            Reading::Restart
        }
        (Intent::Nothing, Restart::Transient) if exit.is_ok() => Reading::Done,
        (Intent::Nothing | Intent::Done | Intent::Restart, _) => Reading::Dead,
    }
}

/// Reads the exit of a node that was escalated to, that passed a time limit, or that an owned task
/// failed.
pub(crate) const fn condemn(restart: Restart) -> Reading {
    match restart {
        Restart::Permanent | Restart::Transient => Reading::Dead,
        Restart::Temporary => Reading::Down(Down::Failed),
    }
}
