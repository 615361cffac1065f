//! What a test holds: its tree, and looks at it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Waker;
use std::time::Duration;

use parking_lot::Mutex;
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::runtime::Handle;
use tokio::time::Instant;

use crate::testing::builder::Builder;
use crate::testing::fault::Fault;
use crate::testing::idle::Idle;
use crate::testing::log::{Keeper, Log};
use crate::testing::plan::Plan;
use crate::testing::planned::{Need, Strike};
use crate::testing::victim;
use crate::{Clock, Runnable, Snapshot, State, Supervisor, Tree};

/// A tree, its clock, and what goes wrong in it, in the hand of a test. Cheap to clone.
///
/// Time moves in the methods that say so, and in nothing else: a test that awaits anything else
/// which needs time fails, and says so. Waits that name what must happen panic when it has not
/// happened after an hour on the paused clock, and say what happened instead.
#[derive(Clone, Debug)]
pub struct Harness {
    pub(super) stage: Arc<Stage>,
}

/// What is shared by all that has to do with one test.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) seed: u64,
    pub(super) idle: Arc<Idle>,
    pub(super) plan: Arc<Plan>,
    pub(super) keeper: Keeper,
    pub(super) tree: OnceLock<Tree>,
    /// The test has seen how the tree ended, so a failure is its business.
    pub(super) has_seen_end: AtomicBool,
    pub(super) rng: Mutex<StdRng>,
    runtime: Handle,
    began: Instant,
}

impl Stage {
    /// In the runtime of the test.
    pub(super) fn new(seed: u64, idle: Arc<Idle>) -> Self {
        Self {
            seed,
            plan: Arc::new(Plan::new(idle.clone())),
            idle,
            keeper: Keeper::default(),
            tree: OnceLock::new(),
            has_seen_end: AtomicBool::new(false),
            // Another seed than the tree's, so that the two do not draw alike.
            rng: Mutex::new(StdRng::seed_from_u64(!seed)),
            runtime: Handle::current(),
            began: Instant::now(),
        }
    }
}

impl Harness {
    pub(super) const fn new(stage: Arc<Stage>) -> Self {
        Self { stage }
    }

    /// Runs a test on a runtime of its own, on a paused clock, with this seed or a drawn one; then
    /// stops the tree that the test has started.
    ///
    /// [`SEED_VARIABLE`](crate::testing::SEED_VARIABLE) in the environment comes before both. The
    /// seed is printed when the test begins; when it panics, the tree, its last events, the faults
    /// that struck and the command that plays it again are.
    ///
    /// # Panics
    ///
    /// As [`Builder::run`].
    ///
    /// # Examples
    ///
    /// See the [module](crate::testing).
    pub fn run<F, Fut>(seed: Option<u64>, test: F) -> Fut::Output
    where
        F: FnOnce(Self) -> Fut,
        Fut: Future,
    {
        Builder::new(seed).run(test)
    }

    /// A test with options.
    pub fn builder() -> Builder {
        Builder::new(None)
    }

    /// Starts the tree with this root.
    ///
    /// # Panics
    ///
    /// If the test has started its tree before.
    #[track_caller]
    pub fn start(&self, root: impl Runnable) -> &Tree {
        self.start_with(Supervisor::new(root))
    }

    /// Starts the tree of this supervisor, whose seed and clock are replaced by the test's.
    ///
    /// # Panics
    ///
    /// If the test has started its tree before; and if it is to stop on signals, unless the runtime
    /// has [I/O](crate::testing::Builder::with_io).
    #[track_caller]
    pub fn start_with(&self, supervisor: Supervisor) -> &Tree {
        let Stage { plan, idle, .. } = &*self.stage;
        assert!(
            self.stage.tree.get().is_none(),
            "a test has one tree, and it was started before"
        );
        let plan = plan.clone();
        let supervisor = supervisor
            .seed(self.stage.seed)
            .clock(Clock::default())
            .interpose(move |context, run| victim::wrap(plan.clone(), context, run));
        self.stage.keeper.begin(supervisor.events(), idle.clone());
        let tree = self.stage.tree.get_or_init(|| supervisor.start());
        // So that the first events are kept before there are too many.
        idle.wake_main();
        tree
    }

    /// The tree's handle.
    ///
    /// # Panics
    ///
    /// If no tree was started.
    #[must_use]
    #[track_caller]
    pub fn tree(&self) -> &Tree {
        let tree = self.stage.tree.get();
        tree.expect("the test starts its tree before it asks for it")
    }

    /// The seed of the test.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.stage.seed
    }

    /// How much time has passed on the paused clock since the test began.
    #[must_use]
    pub fn now(&self) -> Duration {
        // On any thread, the clock is that of the test.
        let _entered = self.stage.runtime.enter();
        self.stage.began.elapsed()
    }

    /// How the tree looks now.
    ///
    /// # Panics
    ///
    /// If no tree was started.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn snapshot(&self) -> Snapshot {
        self.tree().snapshot().await
    }

    /// What the node at a path is doing, if there is one.
    ///
    /// # Panics
    ///
    /// If no tree was started.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn state(&self, path: &str) -> Option<State> {
        self.snapshot().await.find(path).map(|node| node.state)
    }

    /// The events so far, from the first one on.
    #[must_use]
    pub fn log(&self) -> Log {
        let main = self.stage.idle.main();
        self.stage
            .keeper
            .catch_up(main.as_ref().unwrap_or(Waker::noop()));
        self.stage.keeper.log()
    }

    /// Lets something go wrong.
    ///
    /// A fault that strikes at once does so when the tree next runs, which is at the test's next
    /// wait. One that has not struck when the test is over fails it.
    ///
    /// # Panics
    ///
    /// If it cannot strike: the node does not run now, or has started that often before.
    #[track_caller]
    pub fn inject(&self, fault: Fault) {
        if let Err(why) = self.stage.plan.add(fault, Need::Must) {
            panic!("{why}");
        }
    }

    /// The faults that have struck so far.
    #[must_use]
    pub fn strikes(&self) -> Vec<Strike> {
        self.stage.plan.strikes()
    }

    /// Ends what the test has left running, and sees whether all went well.
    pub(super) async fn finish(&self) {
        if self.stage.tree.get().is_some() {
            let has_seen_end = self.stage.has_seen_end.load(Ordering::Relaxed);
            match self.stop().await {
                Ok(report) => {
                    let leaked: Vec<_> = report.leaked().collect();
                    assert!(leaked.is_empty(), "the tree has leaked {leaked:?}");
                }
                Err(failure) => assert!(has_seen_end, "the tree has failed: {failure:?}"),
            }
        }
        let left = self.stage.plan.left();
        let left: Vec<_> = left.iter().map(ToString::to_string).collect();
        assert!(left.is_empty(), "these faults never struck: {left:?}");
    }
}
