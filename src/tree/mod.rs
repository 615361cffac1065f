//! The pure core: facts and requests in, [`Action`]s and the next deadline out.
//!
//! [`Core`] decides everything and does nothing. It knows no clock, no task, no lock and no
//! runtime: time is an argument, counted from the start of the tree, and so is randomness. The same
//! calls with the same arguments give the same actions in the same order (L7). The runtime's
//! processor is its only owner in a service; tests, tools and benches drive it directly. This
//! module is public for them, and its details may change in any release.
//!
//! # Flow
//!
//! 1. Do every [`Core::next_action`].
//! 2. Wait for something to happen, or until [`Core::next_deadline`].
//! 3. Tell the core: [`run`](Core::run), [`signal`](Core::signal), [`exited`](Core::exited)..; or
//!    [`order`](Core::order) something, which it may refuse; then
//!    call [`advance`](Core::advance), which runs the GC pass, and go on at 1.
//!
//! Facts cannot be refused, so the calls that state them return nothing; a fact about an
//! incarnation that is no longer there is ignored and counted ([`Core::stale`], L10).
//!
//! # Counters instead of passes
//!
//! A node is *out* when nothing of its incarnation and nothing below it is left. Its parent
//! *counts* it until it is out and will not start again by itself. So a child that dies and rises
//! never touches its ancestors, and an exit goes up the tree only where a whole subtree ends with
//! it.
//!
//! # Invariants
//!
//! Checked after every event under debug assertions (on large trees, after one in many):
//!
//! - **I1** A node's `below` is the number of its children that are counted.
//! - **I2** `is_out` and `is_counted` say what the node's state says.
//! - **I3** Code runs in a node if and only if its state is live, or it has leaked (L1).
//! - **I4** A node that waits has ended, and nothing stands below it, unless it is a pool or waits
//!   for just that (L1).
//! - **I5** A fall counts its members that are not out; its members are siblings and name it.
//! - **I6** A node that is dead, or canceled by its group, belongs to a fall, unless its parent
//!   falls or the tree stops (L3).
//! - **I7** Whoever was taken by a fall above it or by the tree belongs to no fall, and waits only
//!   while its parent is held (L2).
//! - **I8** The children of a node that was told to stop were told too.
//! - **I9** The counters of the tree say what its nodes say (R12).
//! - **I10** A node's `leaks` is the number of leaked incarnations in its subtree.
//! - **I11** A rung has a deadline only while there is something left to take further, and a time
//!   limit exactly while it holds.
//! - **I12** An unexpected exit is open only while something will answer it (L3).
//! - **I13** A node is held only if it was told to stop and has not been asked, and only while
//!   something that it watches will wake it (R10).
//! - **I14** The budgets of a node count it as running exactly while it does (R9).
//! - **I15** A group in its start phase knows how many of its members have not been up (R10b).

#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

mod action;
mod backoff;
mod budget;
mod core;
mod counts;
mod deadlines;
mod escalation;
mod event;
mod evidence;
mod exits;
mod falls;
mod family;
mod group;
mod intensity;
mod invariants;
mod ladder;
mod limits;
mod link;
mod memory;
mod node;
mod options;
mod orders;
mod pass;
mod rare;
mod reading;
mod ready;
mod report;
mod sequence;
mod signal;
mod snapshot;
mod state;
mod stop;
mod tell;
mod turns;

#[cfg(test)]
mod tests;

pub use self::action::{Action, Id, Place};
pub use self::backoff::{Backoff, BackoffError};
pub use self::core::{Core, Declaration};
pub use self::event::{Event, What};
pub use self::evidence::{Cause, Evidence};
pub use self::intensity::{Budget, Intensity, IntensityError, Scope};
pub use self::options::{
    AtRoot, Grace, GroupOptions, Health, Kind, OnLeak, OnSpent, Options, Restart, Sequence,
    Settings, Significant, Stops, Strategy,
};
pub use self::orders::{OrderKind, Refusal};
pub use self::reading::{Reading, Returned, read};
pub use self::report::{Failure, Outcome, Report, Stop};
pub use self::signal::{Intent, Signal};
pub use self::snapshot::{FirstStart, Last, NodeSnapshot, Snapshot, View};
pub use self::state::{Down, Rung, State, Told, Wait};

/// Times are seconds in JSON.
#[cfg(feature = "serde")]
fn seconds<S: serde::Serializer>(
    time: &std::time::Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(time.as_secs_f64())
}

/// As [`seconds`], for a time that may not be known.
#[cfg(feature = "serde")]
fn seconds_if_known<S: serde::Serializer>(
    time: &Option<std::time::Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&time.map(|time| time.as_secs_f64()), serializer)
}
