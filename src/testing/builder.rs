//! Running a test on a runtime of its own.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{self, Runtime};

use crate::testing::harness::{Harness, Stage};
use crate::testing::idle::{Idle, Io};
use crate::testing::seed::{SEED_VARIABLE, replay, seed};
use crate::testing::watch::Watch;

/// How many events are shown of a test that failed.
const TAIL: usize = 60;

/// How a test is run; made by [`Harness::builder`].
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until a test is run"]
pub struct Builder {
    seed: Option<u64>,
    io: Io,
}

impl Builder {
    pub(super) const fn new(seed: Option<u64>) -> Self {
        Self { seed, io: Io::Off }
    }

    /// Sets the seed. Without it, one is drawn; [`SEED_VARIABLE`](crate::testing::SEED_VARIABLE) in
    /// the environment comes before both.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Gives the runtime I/O.
    ///
    /// Nobody can know what a socket will bring. So before the harness takes the runtime for idle,
    /// 50 ms of real time go by in which no node runs and there is no event, and its answers say
    /// [`Inexact`](crate::testing::Settled::Inexact). What tasks do that are no nodes it does not
    /// see: await a conversation of theirs without the harness, and no time passes.
    pub const fn with_io(mut self) -> Self {
        self.io = Io::On;
        self
    }

    /// Runs the test, and stops the tree that it has started.
    ///
    /// # Panics
    ///
    /// If the test panics or cannot go on; and after it, if the tree has ended with a failure that
    /// the test did not see, if something of the tree has leaked, and if a fault was injected that
    /// never struck.
    pub fn run<F, Fut>(self, test: F) -> Fut::Output
    where
        F: FnOnce(Harness) -> Fut,
        Fut: Future,
    {
        let seed = seed(self.seed);
        // A test can also fail by what it returns, or by a signal: this is shown then.
        eprintln!("perennial: {SEED_VARIABLE}={seed}");
        let idle = Arc::new(Idle::new(self.io));
        let runtime = runtime(&idle, seed, self.io);
        let stage = runtime.block_on(async { Arc::new(Stage::new(seed, idle.clone())) });
        let _present = stage.plan.clone().make_present();
        let watch = Watch::over(idle);
        let harness = Harness::new(stage.clone());
        let whole = async {
            let output = test(harness.clone()).await;
            harness.finish().await;
            output
        };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(conduct(&stage, whole))
        }));
        drop(watch);
        if outcome.is_err() {
            eprintln!("{}", runtime.block_on(evidence(&stage, &harness)));
        }
        // A blocking task that does not end is left alone.
        runtime.shutdown_timeout(Duration::ZERO);
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }
}

/// Runs a test. Before each of its steps all events so far are kept: what it reads of the log is
/// complete.
///
/// # Panics
///
/// If the test cannot go on.
async fn conduct<T>(stage: &Stage, test: impl Future<Output = T>) -> T {
    let mut test = pin!(test);
    poll_fn(|cx| {
        stage.idle.attend(cx.waker());
        stage.keeper.catch_up(cx.waker());
        let polled = test.as_mut().poll(cx);
        if polled.is_pending()
            && let Some(stuck) = stage.idle.take_stuck()
        {
            panic!("{stuck}");
        }
        polled
    })
    .await
}

/// What is told of a test that failed.
async fn evidence(stage: &Stage, harness: &Harness) -> String {
    let mut text = String::new();
    if let Some(tree) = stage.tree.get() {
        let (tree, events) = (tree.snapshot().await, harness.log().tail(TAIL));
        text += &format!("the tree:\n{tree}\nits last events:\n{events}");
    }
    for strike in harness.strikes() {
        text += &format!("{strike}\n");
    }
    text + &format!("play it again with: {}", replay(stage.seed))
}

#[cfg_attr(
    not(tokio_unstable),
    expect(unused_variables, reason = "stable tokio draws its seed itself")
)]
fn runtime(idle: &Arc<Idle>, seed: u64, io: Io) -> Runtime {
    let mut builder = runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true);
    // A thread that has nothing to do is no reason for an answer to be inexact.
    builder.thread_keep_alive(Duration::ZERO);
    if io == Io::On {
        builder.enable_io();
    }
    #[cfg(tokio_unstable)]
    builder.rng_seed(runtime::RngSeed::from_bytes(&seed.to_le_bytes()));
    let (parks, starts, stops) = (idle.clone(), idle.clone(), idle.clone());
    builder.on_thread_park(move || parks.parks());
    // Unlike the hook for a thread's start, the name is asked for before a task is handed over.
    builder.thread_name_fn(move || {
        starts.thread_starts();
        "blocking".to_owned()
    });
    builder.on_thread_stop(move || stops.thread_stops());
    let runtime = builder.build();
    runtime.expect("the system gives a test what a runtime needs")
}
