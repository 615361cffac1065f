//! The tree on tokio: one processor task that owns the core, and the handles that speak to it.

mod address;
mod blocking;
mod cell;
mod child;
mod claim;
mod clock;
mod configured;
mod context;
mod declare;
mod entries;
mod error;
mod events;
mod incarnation;
mod interpose;
mod last;
mod ledger;
mod mailbox;
mod obey;
mod observe;
mod orders;
mod owned;
mod panics;
mod pending;
mod pool;
mod processor;
mod published;
mod runnable;
mod shared;
mod signals;
mod supervisor;
mod sync;
mod task;
mod tree;
mod waits;

pub use self::blocking::{blocking, blocking_once};
pub use self::child::{Child, Ended};
pub use self::clock::{Clock, Hand};
pub use self::configured::{Again, Configured, Once};
pub use self::context::Context;
pub use self::declare::Group;
pub use self::error::{
    FirstStartError, GoneError, HealthyError, OrderError, OwnError, OwnedError, PublishError,
    RunError, SettleError, StartError, TaskError,
};
pub use self::events::{Events, Lagged};
pub use self::interpose::Run;
pub use self::orders::{Effect, Node, Order};
pub use self::owned::{Hold, Owned};
pub use self::pool::{IntoTask, Output, Pool, PoolBuilder, Task, Template};
pub use self::published::{Published, Values};
pub use self::runnable::{Method, Runnable, Spec, Startable, method, once, runnable};
pub use self::supervisor::{Supervisor, run};
pub use self::tree::{Ending, Tree};
