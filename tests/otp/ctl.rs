//! Members that do what a test tells them, and write down their starts and stops.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::{Backoff, Configured, Context, Exit, IntoExit, runnable};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::sup::pause;
use crate::trace::Trace;

/// The code of a member, to be run again and again.
pub(crate) type Code = Arc<dyn Fn(Context) -> BoxFuture<'static, Exit> + Send + Sync>;

/// The same as a runnable.
pub(crate) type Body = Box<dyn Fn(Context) -> BoxFuture<'static, Exit> + Send + Sync>;

type Choice = Arc<dyn Fn(Configured<Body>) -> Configured<Body> + Send + Sync>;

/// A name, its code and its options: what a supervisor of OTP calls a child specification.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    code: Code,
    options: Choice,
}

impl Member {
    /// With a second of grace and no delay before a restart.
    pub(crate) fn new<F, Fut>(name: &'static str, code: F) -> Self
    where
        F: Fn(Context) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: IntoExit> + Send + 'static,
    {
        let code: Code = Arc::new(move |ctx| code(ctx).map(IntoExit::into_exit).boxed());
        let options = Arc::new(|run: Configured<Body>| {
            run.grace(Duration::from_secs(1)).backoff(Backoff::none())
        });
        Self {
            name,
            code,
            options,
        }
    }

    /// With these options over those it has.
    pub(crate) fn with(
        &self,
        choose: impl Fn(Configured<Body>) -> Configured<Body> + Send + Sync + 'static,
    ) -> Self {
        let (before, code) = (self.options.clone(), self.code.clone());
        Self {
            name: self.name,
            code,
            options: Arc::new(move |run| choose(before(run))),
        }
    }

    /// Runs the code, within that of another node.
    pub(crate) fn call(&self, ctx: Context) -> BoxFuture<'static, Exit> {
        (self.code)(ctx)
    }

    pub(crate) fn runnable(&self) -> Configured<Body> {
        let code = self.code.clone();
        (self.options)(runnable(Box::new(move |ctx| code(ctx))))
    }
}

/// What a member can be told to do.
#[derive(Clone, Copy)]
enum Deed {
    Healthy,
    Finish,
    Done,
    Restart,
    Crash,
    Panic,
}

type Told = (Deed, oneshot::Sender<()>);

/// How a start step goes.
#[derive(Clone, Copy)]
enum Start {
    /// It is healthy after this time.
    In(Duration),
    /// It is healthy when the test says so.
    WhenTold,
}

/// A member that obeys, through all of its incarnations.
///
/// It writes `start NAME`, or `try NAME` for a start that fails, and `stop NAME` when it was asked
/// to stop and has cleaned up.
#[derive(Clone)]
pub(crate) struct Ctl {
    name: &'static str,
    trace: Trace,
    tell: mpsc::UnboundedSender<Told>,
    told: Arc<Mutex<mpsc::UnboundedReceiver<Told>>>,
    /// How many of the next starts fail.
    failing: Arc<AtomicUsize>,
    start: Start,
    cleanup: Duration,
}

impl Ctl {
    pub(crate) fn new(name: &'static str, trace: &Trace) -> Self {
        let (tell, told) = mpsc::unbounded_channel();
        Self {
            name,
            trace: trace.clone(),
            tell,
            told: Arc::new(Mutex::new(told)),
            failing: Arc::default(),
            start: Start::In(Duration::ZERO),
            cleanup: Duration::ZERO,
        }
    }

    /// Makes its start step take this long.
    pub(crate) fn starts_in(self, time: Duration) -> Self {
        let start = Start::In(time);
        Self { start, ..self }
    }

    /// Makes its start step end when the test says so: [`healthy`](Self::healthy), or how it
    /// returns.
    pub(crate) fn starts_when_told(self) -> Self {
        let start = Start::WhenTold;
        Self { start, ..self }
    }

    /// Makes its cleanup take this long, and write `ask NAME` when it begins.
    pub(crate) fn cleans_up_in(self, cleanup: Duration) -> Self {
        Self { cleanup, ..self }
    }

    /// Lets its next starts fail.
    pub(crate) fn fail_starts(&self, starts: usize) {
        self.failing.store(starts, Ordering::SeqCst);
    }

    pub(crate) async fn healthy(&self) {
        self.obeyed(Deed::Healthy).await;
    }

    /// Returns without an error, without a word before.
    pub(crate) async fn finish(&self) {
        self.obeyed(Deed::Finish).await;
    }

    /// Says done, and returns without an error.
    pub(crate) async fn done(&self) {
        self.obeyed(Deed::Done).await;
    }

    /// Says restart, and returns without an error.
    pub(crate) async fn restart(&self) {
        self.obeyed(Deed::Restart).await;
    }

    pub(crate) async fn crash(&self) {
        self.obeyed(Deed::Crash).await;
    }

    pub(crate) async fn panic(&self) {
        self.obeyed(Deed::Panic).await;
    }

    fn say(&self, deed: Deed) -> oneshot::Receiver<()> {
        let (done, obeyed) = oneshot::channel();
        assert!(self.tell.send((deed, done)).is_ok(), "it has its receiver");
        obeyed
    }

    async fn obeyed(&self, deed: Deed) {
        // Whoever takes it drops the other end.
        let _ = self.say(deed).await;
    }

    pub(crate) fn member(&self) -> Member {
        let it = self.clone();
        Member::new(self.name, move |ctx| it.clone().run(ctx))
    }

    pub(crate) fn with(
        &self,
        choose: impl Fn(Configured<Body>) -> Configured<Body> + Send + Sync + 'static,
    ) -> Member {
        self.member().with(choose)
    }

    async fn run(self, ctx: Context) -> Exit {
        let fails = self
            .failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
                left.checked_sub(1)
            });
        if fails.is_ok() {
            self.trace.note(format!("try {}", self.name));
            return Err::<(), _>(format!("{} cannot start", self.name)).into_exit();
        }
        self.trace.note(format!("start {}", self.name));
        match self.start {
            Start::WhenTold => {}
            Start::In(Duration::ZERO) => ctx.healthy(),
            Start::In(time) => match ctx.until_cancelled(pause(time)).await {
                Some(()) => ctx.healthy(),
                None => return self.stop().await,
            },
        }
        let mut told = self.told.lock().await;
        while let Some(Some((deed, obeyed))) = ctx.until_cancelled(told.recv()).await {
            drop(obeyed);
            if let Some(exit) = act(deed, &ctx) {
                return exit;
            }
        }
        drop(told);
        self.stop().await
    }

    async fn stop(&self) -> Exit {
        if !self.cleanup.is_zero() {
            self.trace.note(format!("ask {}", self.name));
            pause(self.cleanup).await;
        }
        self.trace.note(format!("stop {}", self.name));
        Exit::Returned
    }
}

/// Does what it was told; an exit is to be returned.
fn act(deed: Deed, ctx: &Context) -> Option<Exit> {
    match deed {
        Deed::Healthy => {
            ctx.healthy();
            return None;
        }
        Deed::Finish => {}
        Deed::Done => ctx.done(),
        Deed::Restart => ctx.restart(),
        Deed::Crash => return Some(Err::<(), _>("crashed on request").into_exit()),
        Deed::Panic => panic!("panicked on request"),
    }
    Some(Exit::Returned)
}

impl From<&Ctl> for Member {
    fn from(ctl: &Ctl) -> Self {
        ctl.member()
    }
}

impl From<&Self> for Member {
    fn from(member: &Self) -> Self {
        member.clone()
    }
}

/// Members of these names.
pub(crate) fn ctls<const N: usize>(names: [&'static str; N], trace: &Trace) -> [Ctl; N] {
    names.map(|name| Ctl::new(name, trace))
}
