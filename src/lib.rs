//! A supervision tree for tokio services that must not die.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod adapters;
mod error;
mod exit;
mod name;
mod path;
mod runtime;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tree;

pub use crate::adapters::{periodic, serve_tcp};
pub use crate::error::{
    FirstStartError, HealthyError, OwnError, OwnedError, RunError, SettleError, StartError,
};
pub use crate::exit::{Exit, IntoExit, Panic};
pub use crate::name::{NAME_LENGTH_MAX, Name, NameError};
pub use crate::path::Path;
#[doc(hidden)]
pub use crate::runtime::{Method, Spec};
pub use crate::runtime::{
    Child, Clock, Configured, Context, Ended, Ending, Events, Group, Hand, Hold, Lagged, Owned,
    Pool, Run, RunOnce, Runnable, Supervisor, Tree, method, once, run, runnable,
};
pub use crate::tree::{
    Backoff, BackoffError, Cause, Down, Event, Evidence, Failure, Grace, NodeSnapshot, Outcome,
    Report, Rung, Signal, Snapshot, State, Stop, Strategy, Told, Wait, What,
};
