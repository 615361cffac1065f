//! Building and starting a tree (R11).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};

use crate::exit::Exit;
use crate::path::Path;
use crate::runtime::address::Address;
use crate::runtime::clock::{Clock, Time};
use crate::runtime::context::Context;
use crate::runtime::declare::declared;
use crate::runtime::events::{Events, Observers};
use crate::runtime::interpose::{Interpose, Run};
use crate::runtime::mailbox::mailbox;
use crate::runtime::panics;
use crate::runtime::processor::{Parts, Processor, Throws};
use crate::runtime::runnable::{Runnable, Spec, Stored};
use crate::runtime::shared::Shared;
use crate::runtime::signals::Signals;
use crate::runtime::sync::watch;
use crate::runtime::task;
use crate::runtime::tree::Tree;
use crate::tree::{AtRoot, Core, Failure, Report, Settings};

/// The most children of a node, unless [`Supervisor::children_max`] says otherwise.
const CHILDREN_MAX: usize = 1 << 20;

/// Builds a tree around its root.
///
/// # Examples
///
/// ```
/// use perennial::{Context, Outcome, Supervisor};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// async fn root(ctx: Context) -> std::io::Result<()> {
///     ctx.healthy();
///     ctx.cancelled().await;
///     Ok(())
/// }
///
/// let tree = Supervisor::new(root).start();
/// tree.settled().await;
/// let report = tree.stop().await.unwrap();
/// assert_eq!(report.outcome, Outcome::Stopped);
/// # }
/// ```
#[must_use = "a supervisor does nothing until it is started"]
pub struct Supervisor {
    root: Spec,
    settings: Settings,
    clock: Clock,
    seed: Option<u64>,
    interpose: Option<Interpose>,
    observers: Observers,
    children_max: usize,
    throws: Throws,
    stops: Stops,
}

/// What stops a tree from outside, besides its handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stops {
    Handle,
    Signals,
}

impl Supervisor {
    /// A tree with this root, which is started again with backoff when it fails.
    pub fn new(root: impl Runnable) -> Self {
        Self {
            root: root.into_spec(),
            settings: Settings::default(),
            clock: Clock::default(),
            seed: None,
            interpose: None,
            observers: Observers::default(),
            children_max: CHILDREN_MAX,
            throws: Throws::Never,
            stops: Stops::Handle,
        }
    }

    /// Makes SIGINT and SIGTERM stop the tree in order, and a second one at once.
    ///
    /// The signals are caught from the start, and for good: tokio gives none back to the system.
    pub const fn stop_on_signals(mut self) -> Self {
        self.stops = Stops::Signals;
        self
    }

    /// Starts the root again if it returns an error before it was ever healthy. Without this, such
    /// an error ends the tree: a service that cannot start says so and exits.
    pub const fn retry_start(mut self) -> Self {
        self.settings.start = AtRoot::Retry;
        self
    }

    /// Starts the root again if a child escalates to it. Without this, an escalation that reaches
    /// the root ends the tree.
    pub const fn retry_escalations(mut self) -> Self {
        self.settings.escalations = AtRoot::Retry;
        self
    }

    /// Sets how long the tree waits after a fall for others to join it. Zero by default: deaths
    /// that are seen together are answered together.
    pub const fn gc_interval(mut self, interval: Duration) -> Self {
        self.settings.gc_interval = interval;
        self
    }

    /// Sets how long after its abort an incarnation that has not ended is given up as leaked. 5 s
    /// by default.
    pub const fn leak_after(mut self, time: Duration) -> Self {
        self.settings.leak_after = time;
        self
    }

    /// Sets the most children of a node, and of a pool at one time. 1 048 576 by default.
    pub const fn children_max(mut self, children: usize) -> Self {
        self.children_max = children;
        self
    }

    /// Takes the time from this clock instead of tokio's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Draws all randomness from this seed: the same events give the same tree (L7). Without it,
    /// the operating system gives one.
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Wraps each run of each runnable; the seam for tests and tools.
    ///
    /// `wrap` gets the context of the incarnation and its [`Run`]. It may poll it, delay it, drop
    /// it, or return another exit in its place. Of several, the last is the outermost.
    pub fn interpose<F, Fut>(mut self, wrap: F) -> Self
    where
        F: Fn(Context, Run) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Exit> + Send + 'static,
    {
        let outer = Interpose::new(wrap);
        self.interpose = Some(match self.interpose {
            Some(inner) => inner.within(outer),
            None => outer,
        });
        self
    }

    /// Makes the first panic of a runnable, or of a task that it owns, abort the tree and go on in
    /// whoever awaits [`run`](Self::run) or [`Tree::ended`]; for tests.
    pub const fn propagate_panics(mut self) -> Self {
        self.throws = Throws::Panics;
        self
    }

    /// The events of the tree, from the first one on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.observers.subscribe()
    }

    /// Starts the tree.
    ///
    /// # Panics
    ///
    /// If called outside of a tokio runtime, or in one without time (unless the
    /// [`clock`](Self::clock) is another); with [`stop_on_signals`](Self::stop_on_signals), if the
    /// runtime has no I/O or the system refuses to tell of signals; if the root is a
    /// [`Pool`](crate::Pool) that was declared before.
    #[must_use = "dropping the last handle aborts the tree"]
    pub fn start(self) -> Tree {
        panics::install();
        let signals = (self.stops == Stops::Signals).then(Signals::listen);
        let (mailbox, inbox) = mailbox();
        let shared = Arc::new(Shared::new(
            mailbox,
            self.observers,
            self.interpose,
            self.children_max,
            Time::start(self.clock),
        ));
        let (outcome, ended) = watch::channel(None);
        let rng = match self.seed {
            Some(seed) => StdRng::seed_from_u64(seed),
            // Without a source of entropy the only loss is that jitter can be foretold.
            None => StdRng::try_from_rng(&mut SysRng).unwrap_or_else(|_| StdRng::seed_from_u64(0)),
        };
        let core = Core::new(self.settings, self.root.options.clone());
        let root = declared(Address::new(Path::root()), self.root);
        if let Stored::Pool(pool) = &root.stored {
            let claimed = pool.claim(&root.address, &shared);
            claimed.unwrap_or_else(|at| panic!("the root is a pool that was declared, as {at}"));
            pool.declare();
        }
        let (throws, handle) = (self.throws, shared.clone());
        let parts = Parts {
            core,
            root,
            rng,
            shared,
            inbox,
            outcome,
            throws,
        };
        let signals = signals.map(|signals| signals.stop(handle.mailbox.clone()));
        task::spawn_processor(Processor::new(parts).run(), handle.clone(), signals);
        Tree::new(handle, ended)
    }

    /// Starts the tree and waits until it has ended.
    ///
    /// # Errors
    ///
    /// [`Failure`] if the tree ended because its root could not start, gave up, or was escalated
    /// to.
    ///
    /// # Panics
    ///
    /// If called outside of a tokio runtime, and as [`propagate_panics`](Self::propagate_panics)
    /// says.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the whole tree is aborted.
    pub async fn run(self) -> Result<Report, Failure> {
        let tree = self.start();
        tree.ended().await
    }
}

/// Runs a service: a tree with this root, until it has ended.
///
/// SIGINT and SIGTERM stop it in order, and a second one at once. Returned from `main`, the result
/// is exit code 0 for a tree that finished or was stopped, and 1 for a [`Failure`], whose whole
/// chain of causes is printed.
///
/// # Errors
///
/// [`Failure`] if the root returned an error before it was ever healthy, gave up, or was escalated
/// to.
///
/// # Panics
///
/// If called outside of a tokio runtime with time and I/O enabled.
///
/// # Cancel safety
///
/// If the future is dropped, the whole tree is aborted.
///
/// # Examples
///
/// ```
/// use perennial::Context;
///
/// #[tokio::main]
/// async fn main() -> Result<(), perennial::Failure> {
///     perennial::run(root).await.map(drop)
/// }
///
/// async fn root(ctx: Context) -> std::io::Result<()> {
///     ctx.done();
///     Ok(())
/// }
/// ```
pub async fn run(root: impl Runnable) -> Result<Report, Failure> {
    Supervisor::new(root).stop_on_signals().run().await
}

impl fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Supervisor")
            .field("root", &self.root)
            .field("settings", &self.settings)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
