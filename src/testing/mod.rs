//! The tree on a paused clock with a seed, for tests that never sleep.
//!
//! [`Harness::run`] is the one line that a test needs: it runs the test on a runtime of its own, on
//! a paused clock, with a seed. The test starts its tree there, and holds all that happens to it:
//!
//! - **Waits are exact.** After [`settled`](Harness::settled) nothing happens without a stimulus or
//!   the clock: the tree has settled (R12), and the runtime has nothing to do. What never settles
//!   is named.
//! - **Time is in the test's hand.** It moves in [`advance`](Harness::advance),
//!   [`advance_to_next`](Harness::advance_to_next), [`storm`](Harness::storm) and the waits, and
//!   else only when a node is made to [block](Fault::block). A backoff of a minute takes no time.
//! - **Anything can go wrong.** A [`Fault`] strikes a node at once, at its n-th start, after a time
//!   or at a [`FaultPoint`] in its code; a [`Storm`] draws many from the seed.
//! - **A failure is played again.** All randomness of the tree and of storms comes from the seed.
//!   The same seed and the same program give the same [`Log`], byte for byte. When a test fails,
//!   the tree, its last events and the command that plays it again are printed.
//!
//! A root that fails before it was ever healthy ends its tree, as everywhere, unless
//! [`start_with`](Harness::start_with) is given a supervisor that
//! [retries](crate::Supervisor::retry_start).
//!
//! # Limits
//!
//! What sockets and threads bring is neither exact nor repeatable.
//! The runtime has one thread and no I/O: a socket in a test of the tree fails loudly, unless the
//! test was built [with I/O](Builder::with_io). Code that draws its own randomness does not draw
//! it from the seed: a `HashMap` that is iterated, or a `select!` without `biased` (unless the
//! program is built with `--cfg tokio_unstable`, where tokio takes its seed from the test).
//!
//! # Examples
//!
//! ```
//! use perennial::{Context, State};
//! use perennial::testing::{Fault, Harness};
//!
//! async fn root(ctx: Context) -> anyhow::Result<()> {
//!     ctx.run("store", async |ctx: Context| {
//!         ctx.healthy();
//!         ctx.cancelled().await
//!     })?;
//!     ctx.done();
//!     Ok(())
//! }
//!
//! Harness::run(None, |h| async move {
//!     h.start(root);
//!     h.settled().await;
//!     h.inject(Fault::kill("root.store"));
//!     h.until("root.store", State::Waiting).await;
//!     let delay = h.advance_to_next().await; // a backoff
//!     assert!(delay.is_some());
//!     assert_eq!(h.state("root.store").await, Some(State::Healthy));
//! });
//! ```

mod builder;
mod busy;
mod compare;
mod fault;
mod harness;
mod idle;
mod log;
mod park;
mod plan;
mod planned;
mod point;
mod seed;
mod settled;
mod storm;
mod stuck;
mod time;
mod victim;
mod wait;
mod watch;

pub use self::builder::Builder;
pub use self::compare::assert_text;
pub use self::fault::Fault;
pub use self::harness::Harness;
pub use self::log::Log;
pub use self::planned::Strike;
pub use self::point::{FaultPoint, InjectedError};
pub use self::seed::SEED_VARIABLE;
pub use self::settled::{NotSettled, Settled};
pub use self::storm::Storm;

// The examples of the guides are run with those of the documentation.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../docs/guide/from-erlang.md")]
    mod from_erlang {}
    #[cfg(feature = "helper")]
    #[doc = include_str!("../../docs/guide/helpers.md")]
    mod helpers {}
    #[doc = include_str!("../../docs/guide/patterns.md")]
    mod patterns {}
    #[cfg(feature = "process")]
    #[doc = include_str!("../../docs/guide/processes.md")]
    mod processes {}
    #[doc = include_str!("../../docs/guide/resources.md")]
    mod resources {}
    #[cfg(feature = "solver")]
    #[doc = include_str!("../../docs/guide/solver.md")]
    mod solver {}
    #[doc = include_str!("../../docs/guide/testing.md")]
    mod testing {}
}
