//! What happened: the one ordered stream of events (R17).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::name::Name;
use crate::path::Path;
use crate::tree::evidence::Evidence;
use crate::tree::orders::OrderKind;
use crate::tree::signal::Signal;
use crate::tree::state::{Down, State, Told};

/// Something that happened to a node.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// When, counted from the start of the tree.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::tree::seconds"))]
    pub at: Duration,
    /// The node.
    pub path: Path,
    /// Its incarnation; numbers are never reused in a tree.
    pub incarnation: u64,
    /// The node's state after it happened.
    pub state: State,
    /// What happened.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub what: What,
}

/// What happened to a node.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[cfg_attr(feature = "serde", serde(tag = "event", rename_all = "snake_case"))]
#[non_exhaustive]
pub enum What {
    /// It was declared by its parent, or started in its pool.
    Declared,
    /// Its runnable starts.
    Starting {
        /// Which attempt this is; 1 for the first.
        attempt: u32,
    },
    /// It signalled healthy.
    Healthy,
    /// It signalled done and has not returned.
    Finishing,
    /// It returned. The state says how that was read.
    Exited {
        /// The evidence.
        evidence: Arc<Evidence>,
    },
    /// A task that it owned panicked after it had returned.
    OwnedPanicked {
        /// The evidence.
        evidence: Arc<Evidence>,
    },
    /// It fell, and with it those of its group that its strategy takes.
    Fell {
        /// The label of its group, unless it was declared alone.
        group: Option<Name>,
        /// How many nodes fell, itself included.
        members: usize,
    },
    /// It will start again.
    RestartScheduled {
        /// Which attempt that will be.
        attempt: u32,
        /// When, counted from the start of the tree.
        #[cfg_attr(feature = "serde", serde(serialize_with = "crate::tree::seconds"))]
        due: Duration,
    },
    /// It started again after an unexpected exit.
    StartedAgain,
    /// Its unexpected exit is answered by the restart of a larger subtree.
    Absorbed {
        /// The top of that subtree.
        by: Path,
    },
    /// Its budget is spent; it will not be tried again.
    BudgetSpent {
        /// Why.
        evidence: Arc<Evidence>,
    },
    /// It escalated to its parent, which falls.
    Escalated {
        /// The parent, or `None` when the root ends the tree.
        to: Option<Path>,
    },
    /// It was ordered to do something.
    Ordered {
        /// What.
        order: OrderKind,
    },
    /// It was removed, as ordered: its name is free.
    Removed,
    /// It will not be started again by itself.
    Down {
        /// Why.
        reason: Down,
    },
    /// Its unexpected exit stays without an answer, as the tree stops or a node above it is down.
    CutShort,
    /// What it said came too late: it was told to stop, or has ended.
    SignalIgnored {
        /// What it said.
        signal: Signal,
    },
    /// It was told to stop.
    Stopping {
        /// By what.
        told: Told,
        /// By the fall or stop of which node.
        by: Path,
    },
    /// It outlived its grace and is aborted.
    Aborted,
    /// It has not ended after its abort and is waited for no longer.
    Leaked,
    /// What had leaked has ended after all.
    LeakEnded,
    /// The tree has stopped or finished; always the last event, of the root.
    Stopped,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            path,
            incarnation,
            what,
            ..
        } = self;
        write!(f, "{:>10.6} {path} #{incarnation} {what}", at.as_secs_f64())
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declared => f.write_str("declared"),
            Self::Starting { attempt } => write!(f, "starting, attempt {attempt}"),
            Self::Healthy => f.write_str("healthy"),
            Self::Finishing => f.write_str("finishing"),
            Self::Exited { evidence } => write!(f, "exited: {}", evidence.chain()),
            Self::OwnedPanicked { evidence } => f.write_str(&evidence.chain()),
            Self::Fell {
                group: Some(label),
                members,
            } => {
                write!(f, "fell with group {label}, {members} in all")
            }
            Self::Fell { group: None, .. } => f.write_str("fell"),
            Self::RestartScheduled { attempt, due } => {
                write!(
                    f,
                    "restart scheduled, attempt {attempt} at {:.6}",
                    due.as_secs_f64()
                )
            }
            Self::StartedAgain => f.write_str("started again"),
            Self::Absorbed { by } => write!(f, "absorbed by the restart of {by}"),
            Self::BudgetSpent { evidence } => write!(f, "budget spent: {}", evidence.chain()),
            Self::Escalated { to: Some(parent) } => write!(f, "escalated to {parent}"),
            Self::Escalated { to: None } => f.write_str("escalated: the tree ends"),
            Self::Ordered { order } => write!(f, "ordered to {order}"),
            Self::Removed => f.write_str("removed"),
            Self::Down { reason } => write!(f, "down: {reason}"),
            Self::CutShort => f.write_str("restart cut short"),
            Self::SignalIgnored { signal } => write!(f, "signal {signal} ignored"),
            Self::Stopping { told, by } => write!(f, "stopping, told by {told} ({by})"),
            Self::Aborted => f.write_str("aborted"),
            Self::Leaked => f.write_str("leaked"),
            Self::LeakEnded => f.write_str("leak ended"),
            Self::Stopped => f.write_str("stopped"),
        }
    }
}
