//! Why a request was refused: one enum for each operation.

use std::sync::Arc;

use thiserror::Error;

use crate::name::{Name, NameError};
use crate::path::Path;

/// Why a child, a group or a pool was not declared. Nothing of it was.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum RunError {
    /// A name is no name.
    #[error("{parent} cannot run a child")]
    Name {
        /// The node that would have been the parent.
        parent: Path,
        /// What is wrong with the name.
        source: NameError,
    },
    /// A child or a group of this incarnation has the name.
    #[error("{parent} cannot run {name}: the name is taken")]
    NameTaken {
        /// The node that would have been the parent.
        parent: Path,
        /// The name.
        name: Name,
    },
    /// The parent has signalled that it is set up; what must grow later goes through a pool.
    #[error("{parent} cannot run {name}: it is healthy, and its children are declared")]
    TooLate {
        /// The node that would have been the parent.
        parent: Path,
        /// The name.
        name: Name,
    },
    /// The parent was told to stop.
    #[error("{parent} cannot run {name}: it was told to stop")]
    Stopping {
        /// The node that would have been the parent.
        parent: Path,
        /// The name.
        name: Name,
    },
    /// The incarnation that the context belongs to has ended.
    #[error("{parent} cannot run {name}: this incarnation has ended")]
    Ended {
        /// The node that would have been the parent.
        parent: Path,
        /// The name.
        name: Name,
    },
    /// The parent has as many children as the supervisor allows.
    #[error("{parent} cannot run {name}: it has {limit} children, the most that are allowed")]
    TooMany {
        /// The node that would have been the parent.
        parent: Path,
        /// The name.
        name: Name,
        /// The limit.
        limit: usize,
    },
}

/// Why a pool did not start a child.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The pool was told to stop, or has.
    #[error("{pool} cannot start a child: it has stopped")]
    Stopped {
        /// The pool.
        pool: Path,
    },
    /// The pool has as many children as the supervisor allows.
    #[error("{pool} cannot start a child: it has {limit}, the most that are allowed")]
    TooMany {
        /// The pool.
        pool: Path,
        /// The limit.
        limit: usize,
    },
}

/// Why a value was not published.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Its node was not declared to publish this, or another node was declared to after it.
    #[error("{path} is not the publisher of this value")]
    NotPublisher {
        /// The node.
        path: Path,
    },
    /// The incarnation that the context belongs to has ended, or has leaked.
    #[error("{path} cannot publish any more: this incarnation has ended")]
    Ended {
        /// The node.
        path: Path,
    },
}

/// Why there is no published value, and none to wait for.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum GoneError {
    /// The publisher is down, is stopped from above, or its place is gone.
    #[error("{path} publishes nothing any more")]
    Gone {
        /// The publisher.
        path: Path,
    },
    /// The declaration of the publisher was refused.
    #[error("the publisher of this value was never declared")]
    Refused,
}

/// Why an incarnation cannot own another task or hold.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum OwnError {
    /// The incarnation has returned.
    #[error("{path} cannot own anything any more: this incarnation has ended")]
    Ended {
        /// The node.
        path: Path,
    },
}

/// Why an owned task has no result.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum OwnedError {
    /// It panicked, which fails its owner too.
    #[error("a task owned by {path} panicked {panic}")]
    Panicked {
        /// The owner.
        path: Path,
        /// What is known of the panic.
        panic: crate::exit::Panic,
    },
    /// It was aborted: by the stop ladder, or with its runtime.
    #[error("a task owned by {path} was aborted")]
    Aborted {
        /// The owner.
        path: Path,
    },
}

/// Why a child will not become healthy.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum HealthyError {
    /// It is down: it will not be started again.
    #[error("{path} is down")]
    Down {
        /// The child.
        path: Path,
        /// How its last incarnation returned.
        source: Option<Arc<crate::tree::Evidence>>,
    },
    /// Its parent falls, or the tree stops.
    #[error("{path} is stopped from above")]
    Stopped {
        /// The child.
        path: Path,
    },
    /// Its place is gone.
    #[error("{path} is gone")]
    Gone {
        /// The child.
        path: Path,
    },
}

/// Why the first incarnation of a child did not become healthy.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum FirstStartError {
    /// It returned before it was healthy.
    #[error("{path} did not start")]
    Exited {
        /// The child.
        path: Path,
        /// How it returned.
        source: Arc<crate::tree::Evidence>,
    },
    /// It was stopped from above before it was healthy, or its place is gone.
    #[error("{path} was stopped before it had started")]
    Stopped {
        /// The child.
        path: Path,
    },
}

/// Why an order was refused, or has come to nothing.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum OrderError {
    /// There is no node with this path.
    #[error("there is no node {path}")]
    NotFound {
        /// What was looked for.
        path: String,
    },
    /// The place that the handle names is gone.
    #[error("{path} is gone")]
    Gone {
        /// The node.
        path: Path,
    },
    /// The root takes no orders: stop the tree.
    #[error("the root takes no orders: stop the tree")]
    Root,
    /// It was to start and runs already.
    #[error("{path} cannot start: it runs")]
    Running {
        /// The node.
        path: Path,
    },
    /// It was to start and was told to stop, or is about to stay down. Nothing is queued.
    #[error("{path} cannot start: it is stopping")]
    Stopping {
        /// The node.
        path: Path,
    },
    /// It cannot start, or has not ended, because of a leak.
    #[error("{path} leaked")]
    Leaked {
        /// What leaked.
        path: Path,
    },
    /// It was to start again and its code can run only once.
    #[error("{path} cannot start again: it runs once")]
    Once {
        /// The node.
        path: Path,
    },
    /// The order was accepted, and something stronger came first: another order, or the fall of
    /// what is above the node.
    #[error("the order for {path} was overtaken")]
    Overtaken {
        /// The node.
        path: Path,
    },
    /// The incarnation through whose context the order was given has ended.
    #[error("an ended incarnation cannot order {path}")]
    Stale {
        /// The node.
        path: String,
    },
    /// The tree stops or has ended.
    #[error("{path} takes no orders: the tree stops")]
    Ended {
        /// The node.
        path: String,
    },
}

/// Why a tree is not settled.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum SettleError {
    /// Some nodes did not settle in time.
    #[error("not settled after {within:?}:{}", list(.nodes))]
    Unsettled {
        /// How long was waited.
        within: std::time::Duration,
        /// The nodes that are not settled, each with its state and why it waits.
        nodes: Vec<crate::tree::NodeSnapshot>,
    },
}

fn list(nodes: &[crate::tree::NodeSnapshot]) -> String {
    nodes
        .iter()
        .map(|node| format!("\n  {} {node}", node.path))
        .collect()
}
