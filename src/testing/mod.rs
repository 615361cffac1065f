//! The tree on a paused clock with a seed, for tests that never sleep.
//!
//! [`run`] is the one line that a test needs: it starts a tree in a runtime of its own, runs the
//! test beside it, and stops the tree. The clock is paused: it stands still while anything can run,
//! and jumps to the next timer when nothing can, so a backoff of a minute takes no time. The
//! runtime has no I/O: a socket in a test of the tree fails loudly. A root that fails before it was
//! ever healthy ends its tree, as everywhere, unless [`Setup`] is given a supervisor that
//! [retries](crate::Supervisor::retry_start). When the test fails, the tree, the log of its
//! events and the seed are printed.
//!
//! # Examples
//!
//! ```
//! use perennial::{Context, State, testing};
//!
//! async fn root(ctx: Context) -> anyhow::Result<()> {
//!     ctx.run("flaky", |ctx: Context| async move {
//!         anyhow::ensure!(ctx.attempt() > 3, "not yet");
//!         ctx.done();
//!         Ok(())
//!     })?;
//!     ctx.done();
//!     Ok(())
//! }
//!
//! testing::run(root, |harness| async move {
//!     harness.settled().await;
//!     assert_eq!(harness.state("root.flaky").await, Some(State::Done));
//! });
//! ```

mod harness;
mod log;
mod setup;

pub use self::harness::Harness;
pub use self::setup::{SEED_VARIABLE, Setup, run};
