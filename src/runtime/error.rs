//! Why a request was refused: one enum for each operation.

use std::sync::Arc;

use thiserror::Error;

use crate::exit::Panic;
use crate::name::{Name, NameError};
use crate::path::Path;
use crate::tree::{Evidence, NodeSnapshot};

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
    /// It is a pool that was declared before.
    #[error("{parent} cannot run {name}: the pool was declared, as {at}")]
    PoolTaken {
        /// The node that would have been the parent.
        parent: Path,
        /// The name.
        name: Name,
        /// Where the pool was declared.
        at: Path,
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
    /// The pool was not declared yet.
    #[error("a pool that is not declared cannot start a child")]
    Undeclared,
    /// The pool was told to stop, or has.
    #[error("{pool} cannot start a child: it has stopped")]
    Stopped {
        /// The pool.
        pool: Path,
    },
    /// The pool waits for its children to end.
    #[error("{pool} cannot start a child: it drains")]
    Draining {
        /// The pool.
        pool: Path,
    },
    /// The pool has as many children as it or the supervisor allows.
    #[error("{pool} cannot start a child: it has {limit}, the most that are allowed")]
    TooMany {
        /// The pool.
        pool: Path,
        /// The limit.
        limit: usize,
    },
    /// The name is no name.
    #[error("{pool} cannot start a child")]
    Name {
        /// The pool.
        pool: Path,
        /// What is wrong with the name.
        source: NameError,
    },
    /// The name is a number, which the pool gives.
    #[error("{pool} cannot start {name}: only the pool gives numbers")]
    Number {
        /// The pool.
        pool: Path,
        /// The name.
        name: Name,
    },
    /// A child of the pool has the name.
    #[error("{pool} cannot start {name}: the name is taken")]
    NameTaken {
        /// The pool.
        pool: Path,
        /// The name.
        name: Name,
    },
    /// The template panicked.
    #[error("{pool} cannot start a child: its template panicked {panic}")]
    Panicked {
        /// The pool.
        pool: Path,
        /// What is known of the panic.
        panic: Panic,
    },
}

/// Why a task has no output.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TaskError {
    /// It returned an error, panicked, passed a time limit, or was aborted from outside.
    #[error("{path} failed")]
    Failed {
        /// The task.
        path: Path,
        /// How it returned.
        source: Arc<Evidence>,
    },
    /// It was stopped before it had an output: by an order, with its pool, or with the tree.
    #[error("{path} was stopped before it had an output")]
    Stopped {
        /// The task.
        path: Path,
        /// How it returned, if it had started and has.
        source: Option<Arc<Evidence>>,
    },
    /// It was not started.
    #[error(transparent)]
    Start(#[from] StartError),
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
        panic: Panic,
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
        source: Option<Arc<Evidence>>,
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
        source: Arc<Evidence>,
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
    /// It is a pool, or was to be one: a pool has no code that other code could replace.
    #[error("{path} cannot be replaced: a pool takes no code's place, and no code a pool's")]
    Pool {
        /// The node.
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
        nodes: Vec<NodeSnapshot>,
    },
}

fn list(nodes: &[NodeSnapshot]) -> String {
    nodes
        .iter()
        .map(|node| format!("\n  {} {node}", node.path))
        .collect()
}
