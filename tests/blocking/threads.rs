//! Threads of a node that do what a test tells them, on a clock that stands still.

use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use perennial::{Clock, Context, Event, Events, Exit, Hand, RunError, Runnable, Supervisor, Tree};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long something may take in real time that should take none.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

type Act = Box<dyn FnOnce(Context) -> Option<Exit> + Send>;

/// The threads of a node, one for each incarnation.
pub(crate) struct Threads(UnboundedReceiver<Thread>);

/// One of them: it blocks until it is told something.
pub(crate) struct Thread {
    pub(crate) id: ThreadId,
    pub(crate) name: Option<String>,
    acts: mpsc::Sender<Act>,
}

impl Threads {
    /// The threads of whoever runs this code.
    pub(crate) fn new() -> (
        Self,
        impl Fn(Context) -> Exit + Clone + Send + Sync + 'static,
    ) {
        let (begins, begun) = unbounded_channel();
        let obey = move |ctx: Context| {
            let (acts, told) = mpsc::channel::<Act>();
            let own = thread::current();
            // The test may have seen enough.
            let _ = begins.send(Thread {
                id: own.id(),
                name: own.name().map(str::to_owned),
                acts,
            });
            let mut exits = told.iter().filter_map(|act| act(ctx.clone()));
            exits.next().unwrap_or(Exit::Returned)
        };
        (Self(begun), obey)
    }

    /// The next one that begins.
    pub(crate) async fn next(&mut self) -> Thread {
        let next = in_time(self.0.recv()).await;
        next.expect("the node stands")
    }

    /// Whether none has begun since.
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.0.try_recv().is_err()
    }
}

impl Thread {
    /// Lets it do something, and waits for what comes of that.
    pub(crate) async fn tell<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Context) -> T + Send + 'static,
    ) -> T {
        let (reply, answer) = oneshot::channel();
        self.send(move |ctx| {
            // Who asked may have gone.
            let _ = reply.send(act(&ctx));
            None
        });
        in_time(answer).await.expect("it lives")
    }

    /// Lets it return what comes of this.
    pub(crate) fn end(self, exit: impl FnOnce(Context) -> Exit + Send + 'static) {
        self.send(move |ctx| Some(exit(ctx)));
    }

    fn send(&self, act: impl FnOnce(Context) -> Option<Exit> + Send + 'static) {
        assert!(self.acts.send(Box::new(act)).is_ok(), "the thread is gone");
    }
}

/// A tree, its clock and its events.
pub(crate) struct Stage {
    pub(crate) tree: Tree,
    pub(crate) hand: Hand,
    events: Events,
}

impl Stage {
    /// A root that serves above one child, `root.child`.
    pub(crate) fn with_child(child: impl Runnable + Clone) -> Self {
        Self::start(move |ctx: Context| {
            let run = ctx.run("child", child.clone());
            async move {
                run?;
                ctx.healthy();
                ctx.cancelled().await;
                Ok::<_, RunError>(())
            }
        })
    }

    pub(crate) fn start(root: impl Runnable) -> Self {
        let (clock, hand) = Clock::manual();
        let supervisor = Supervisor::new(root).clock(clock).seed(1);
        let events = supervisor.events();
        let tree = supervisor.start();
        Self { tree, hand, events }
    }

    /// Waits for the first event of `root.child` since the last wait that fits.
    pub(crate) async fn until(&mut self, is_it: impl Fn(&Event) -> bool) -> Event {
        let found = async {
            while let Some(event) = self.events.next().await {
                let event = event.expect("few enough");
                if event.path == "root.child" && is_it(&event) {
                    return event;
                }
            }
            panic!("the tree has ended");
        };
        in_time(found).await
    }
}

pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("it hangs")
}
