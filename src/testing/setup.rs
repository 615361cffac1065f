//! Running a test beside a tree.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;

use futures::future::{Either, select};
use tokio::runtime::{Builder, Runtime};
use tokio::task::unconstrained;

use crate::testing::harness::Harness;
use crate::testing::log::Log;
use crate::{Runnable, Supervisor};

/// The environment variable that sets the seed of every [`run`], to replay a failure.
pub const SEED_VARIABLE: &str = "PERENNIAL_SEED";

/// Runs `test` beside a tree with this root; see the [module](crate::testing).
///
/// # Panics
///
/// If `test` panics, if the tree ends with a failure that the test did not ask for, and if
/// something of the tree has leaked when it has stopped.
pub fn run<F, Fut>(root: impl Runnable, test: F) -> Fut::Output
where
    F: FnOnce(Harness) -> Fut,
    Fut: Future,
{
    Setup::new(Supervisor::new(root)).run(test)
}

/// A test that is to be run beside a tree, with a supervisor and a seed of its own.
#[derive(Debug)]
#[must_use = "a setup does nothing until a test is run"]
pub struct Setup {
    supervisor: Supervisor,
    seed: Option<u64>,
}

impl Setup {
    /// A test beside the tree that `supervisor` starts. Its seed is replaced by the test's.
    pub const fn new(supervisor: Supervisor) -> Self {
        Self {
            supervisor,
            seed: None,
        }
    }

    /// Sets the seed. Without it, it is taken from [`SEED_VARIABLE`], or drawn.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Runs the test, and stops the tree.
    ///
    /// # Panics
    ///
    /// As [`run`].
    pub fn run<F, Fut>(self, test: F) -> Fut::Output
    where
        F: FnOnce(Harness) -> Fut,
        Fut: Future,
    {
        let seed = self.seed.or_else(given_seed).unwrap_or_else(drawn_seed);
        let supervisor = self.supervisor.seed(seed);
        let (runtime, log) = (runtime(), Log::default());
        let keep = log.clone().keep(supervisor.events());
        let tree = runtime.block_on(async { supervisor.start() });
        let harness = Harness::new(tree, log.clone());
        let whole = async {
            let output = test(harness.clone()).await;
            harness.finish().await;
            output
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(beside(keep, whole))));
        outcome.unwrap_or_else(|panic| {
            let tree = runtime.block_on(harness.snapshot());
            eprintln!("the tree:\n{tree}\nits events:\n{log}replay with {SEED_VARIABLE}={seed}");
            resume_unwind(panic)
        })
    }
}

/// Runs a test, and before each of its steps keeps all events so far: what a test reads of the log
/// is complete.
async fn beside<T>(keep: impl Future<Output = ()>, test: impl Future<Output = T>) -> T {
    let (keep, test) = (pin!(unconstrained(keep)), pin!(test));
    match select(keep, test).await {
        Either::Left(((), test)) => test.await,
        Either::Right((output, _)) => output,
    }
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    builder
        .build()
        .expect("a runtime without I/O needs nothing of the system")
}

fn given_seed() -> Option<u64> {
    let text = env::var(SEED_VARIABLE).ok()?;
    let seed = text.parse();
    Some(seed.unwrap_or_else(|_| panic!("{SEED_VARIABLE} is {text:?}, which is no number")))
}

fn drawn_seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};

    // The seeds of hash maps are random.
    RandomState::new().hash_one(0)
}
