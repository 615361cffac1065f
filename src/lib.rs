//! A supervision tree for tokio services that must not die.
//!
//! A service is an async function of a [`Context`]. It declares its children, says when it is
//! ready, and is run again when it fails, together with everything that shares its fate and nothing
//! else. One task owns the whole tree, finds the largest subtrees that are fully dead, and brings
//! them back with [backoff](Backoff).
//!
//! # Hello
//!
//! ```no_run
//! use perennial::{Context, Failure};
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Failure> {
//!     perennial::run(hello).await.map(drop)
//! }
//!
//! async fn hello(ctx: Context) -> anyhow::Result<()> {
//!     ctx.healthy();
//!     println!("hello, attempt {}", ctx.attempt());
//!     let nap = tokio::time::sleep(std::time::Duration::from_secs(3));
//!     anyhow::ensure!(ctx.until_cancelled(nap).await.is_none(), "tired");
//!     Ok(())
//! }
//! ```
//!
//! [`run`] stops the tree in order at SIGINT or SIGTERM. A [`Supervisor`] has options, and gives a
//! handle, the [`Tree`].
//!
//! # Children, groups and pools
//!
//! A runnable declares its children while it starts; its next incarnation declares them anew.
//!
//! ```no_run
//! use std::time::Duration;
//! use perennial::{Context, Strategy, runnable};
//!
//! # async fn serve(ctx: Context) { ctx.healthy(); ctx.cancelled().await }
//! async fn root(ctx: Context) -> anyhow::Result<()> {
//!     let store = ctx.run("store", serve)?; // alone
//!     store.healthy().await?; // where order matters
//!     ctx.group("pipeline", Strategy::OneForAll) // these fall and rise together
//!         .run("reader", runnable(serve).grace(Duration::from_secs(2)))
//!         .run("writer", serve)
//!         .start()?;
//!     let jobs = ctx.pool("jobs")?; // its children come and go
//!     jobs.start(|_ctx: Context| async { println!("a job") })?;
//!     ctx.done(); // healthy, and nothing is left to run here
//!     Ok(())
//! }
//! ```
//!
//! - [`Context::run`] declares a child alone, [`Context::group`] children that share their fate as
//!   their [`Strategy`] says, and [`Context::pool`] a [`Pool`], to which children are added at any
//!   time.
//! - An incarnation says [healthy](Context::healthy), [done](Context::done),
//!   [restart](Context::restart) or [give up](Context::give_up). To return without having said done
//!   is a failure.
//! - How often, when and with whom it is started again travels with the runnable and the group:
//!   [`Restart`], [`Backoff`], [`Intensity`], [`OnSpent`], [`Group::in_order`].
//! - It has not ended before the tasks that it [spawned](Context::spawn) and its
//!   [holds](Context::hold) have.
//! - It is asked to stop, has its [`Grace`], and is aborted then. What has not ended after that is
//!   leaked, by name.
//!
//! # Policies
//!
//! Whoever knows Erlang's supervisors finds their strategies, restart types, intensities and
//! orders of shutdown; `docs/semantics.md` says what is different.
//!
//! ```
//! use std::time::Duration;
//! use perennial::{Context, Intensity, OnSpent, Restart, Strategy, runnable};
//!
//! # async fn serve(ctx: Context) { ctx.healthy(); ctx.cancelled().await }
//! async fn root(ctx: Context) -> anyhow::Result<()> {
//!     let disk = runnable(serve).beat_timeout(Duration::from_secs(5)); // it says `ctx.beat()`
//!     let index = runnable(serve).start_timeout(Duration::from_secs(30)); // to become healthy
//!     let tidy = runnable(serve).restart(Restart::Transient).on_spent(OnSpent::StayDown);
//!     ctx.group("storage", Strategy::RestForOne) // a failure takes those after it, too
//!         .in_order() // each starts when the one before is healthy, and stops before it
//!         .intensity(Intensity::new(5, Duration::from_secs(60))?) // so often, together
//!         .run("disk", disk)
//!         .run("index", index)
//!         .run("tidy", tidy)
//!         .start()?;
//!     ctx.done();
//!     Ok(())
//! }
//! ```
//!
//! # What comes and goes
//!
//! A [`Pool`] starts children at any time, as many as it [may](PoolBuilder::max_children), with
//! restart types and budgets of their own, and can [drain](Pool::drain). A [`Template`] starts
//! children of one kind. A [`Task`] is a child with an output, whose failure is an error value of
//! whoever awaits it, and [`Pool::stream`] runs one for each item of a stream.
//!
//! # Orders
//!
//! [`Tree::node`], [`Child`], [`Context::parent`] and [`Context::sibling`] order one node to start,
//! to restart, to stop and stay down, or to be forgotten; the [`Order`] resolves when that is done.
//!
//! # Finding each other
//!
//! A node [publishes](Configured::publishes) what others need of it, such as an address or a
//! sender. They wait for that of its present incarnation, and follow it over restarts:
//! [`Published`].
//!
//! # Resources
//!
//! What several parts share and somebody has to release is behind references that are duplicated
//! and closed one by one: the module [`resource`].
//!
//! # Blocking code
//!
//! [`blocking`] runs code on a thread of its own; it asks [`Context::is_cancelled`] when to return.
//!
//! # Adapters
//!
//! [`periodic`] does work again and again; [`serve_tcp`] serves each connection in a pooled child,
//! and [`accept_tcp`] does so in a pool with options.
//!
//! # Testing
//!
//! With the feature `testing`, the module `testing` gives a test the tree's clock, seed and
//! failures: waits are exact, a backoff of a minute takes no time, and whatever fails is played
//! again with one command. `docs/guide/testing.md` shows how.
//!
//! # Panics of runnables
//!
//! They are caught, and are exits like others. With `panic = "abort"` nothing is caught.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `helper` | the module `helper`: programs that answer calls over stdio; needs `process` |
//! | `process` | the module `process`: programs of the operating system as nodes; Linux |
//! | `serde` | snapshots and events can be serialized |
//! | `solver` | the module `solver`: a graph of work that many jobs share; needs `store` |
//! | `store` | the module `store`: a content-addressed store on disk; Unix |
//! | `testing` | the module `testing`; brings `tokio/test-util` along |
//!
//! None is on by default.
//!
//! # Reading on
//!
//! What the tree promises is written down in `docs/semantics.md`, in laws and rules whose numbers
//! (L1, R7) the code cites; how it is built and why, in `docs/architecture.md`. To read the code,
//! take the words first (`name`, `path`, `exit`), then the pure core ([`tree`]), then the
//! runtime around it, then `adapters`, [`resource`] and `testing`, which know the public API only.

#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod adapters;
mod exit;
#[cfg(feature = "helper")]
pub mod helper;
mod name;
mod path;
#[cfg(feature = "process")]
pub mod process;
pub mod resource;
mod runtime;
#[cfg(feature = "solver")]
pub mod solver;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tree;
pub use crate::adapters::{accept_tcp, periodic, serve_tcp};
pub use crate::exit::{Exit, IntoExit, Panic, SharedError};
pub use crate::name::{NAME_LENGTH_MAX, Name, NameError};
pub use crate::path::Path;
pub use crate::runtime::{
    Again, Child, Clock, Configured, Context, Effect, Ended, Ending, Events, FirstStartError,
    GoneError, Group, Hand, HealthyError, Hold, IntoTask, Lagged, Node, Once, Order, OrderError,
    OwnError, Owned, OwnedError, Pool, PoolBuilder, PublishError, Published, Run, RunError,
    Runnable, SettleError, StartError, Startable, Supervisor, Task, TaskError, Template, Tree,
    Values, blocking, blocking_once, method, once, run, runnable,
};
#[doc(hidden)]
pub use crate::runtime::{Method, Output, Spec};
pub use crate::tree::{
    Backoff, BackoffError, Budget, Cause, Down, Event, Evidence, Failure, Grace, Intensity,
    IntensityError, NodeSnapshot, OnLeak, OnSpent, OrderKind, Outcome, Report, Restart, Rung,
    Scope, Signal, Significant, Snapshot, State, Stop, Strategy, Told, Wait, What,
};
