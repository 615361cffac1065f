//! How a tree has settled, or why it has not.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::{NodeSnapshot, State};

/// How sure it is that a tree has settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[expect(clippy::exhaustive_enums, reason = "an answer is exact, or it is not")]
pub enum Settled {
    /// As far as could be seen. The runtime has I/O, or a thread of its blocking pool was running.
    #[default]
    Inexact,
    /// Nothing happens from now on without a stimulus or the clock.
    Exact,
}

/// Why a tree has not settled.
#[derive(Clone, Error)]
#[non_exhaustive]
pub enum NotSettled {
    /// Some nodes have not settled in time.
    #[error("not settled after {within:?}; {}", list(.nodes))]
    Late {
        /// How much time has passed on the paused clock.
        within: Duration,
        /// The nodes that have not settled, each with its state and why it waits.
        nodes: Vec<NodeSnapshot>,
    },
    /// The tree never comes to rest, and no time passes.
    #[error("not settled: {why}\n{}", list(.nodes))]
    Stuck {
        /// What keeps it from coming to rest, and the busiest nodes.
        why: String,
        /// The nodes that have not settled.
        nodes: Vec<NodeSnapshot>,
    },
}

/// As its text: it is what a test that unwraps it shows.
impl fmt::Debug for NotSettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The nodes that have not settled, in a line each.
pub(super) fn list(nodes: &[NodeSnapshot]) -> String {
    if nodes.is_empty() {
        return "every node has settled".to_owned();
    }
    let line = |node: &NodeSnapshot| format!("\n  {} {node}{}", node.path, why(node.state));
    let lines: String = nodes.iter().map(line).collect();
    format!("these have not settled:{lines}")
}

/// Why a node in this state has not settled, where the rest of its line does not say it.
const fn why(state: State) -> &'static str {
    match state {
        State::Starting => "; has not signalled healthy or done",
        State::Finishing => "; has signalled done, and not returned",
        State::Dead | State::Canceled => "; what fell with it has not ended",
        State::Done | State::Down => "; what it owned or started has not ended",
        State::Waiting | State::Healthy | State::Stopping => "",
    }
}
