//! A tree in a schedule: its handle, its events and its clock.

use std::task::{Context as TaskContext, Poll, Waker};
use std::time::Duration;

use perennial::{
    Backoff, Clock, Context, Event, Events, Hand, Lagged, Outcome, Path, RunError, Runnable,
    Supervisor, Tree, What, runnable,
};
use shuttle::future::yield_now;

use crate::laws;
use crate::site::{Site, pick};

/// A tree, and what watches it.
pub(crate) struct World {
    /// Until it is dropped.
    pub(crate) tree: Tree,
    pub(crate) hand: Hand,
    pub(crate) log: Log,
}

/// The events that were read.
pub(crate) struct Log {
    stream: Events,
    read: Vec<Event>,
}

impl World {
    pub(crate) fn start(root: impl Runnable) -> Self {
        Self::with(Supervisor::new(root))
    }

    pub(crate) fn with(supervisor: Supervisor) -> Self {
        let (clock, hand) = Clock::manual();
        let supervisor = supervisor.clock(clock).seed(1);
        let stream = supervisor.events();
        let read = Vec::new();
        Self {
            tree: supervisor.start(),
            hand,
            log: Log { stream, read },
        }
    }

    /// Stops the tree, checks that it says it was stopped, and all laws.
    pub(crate) async fn stop(self, sites: &[&Site]) {
        let report = self.tree.stop().await.expect("nothing has failed");
        assert_eq!(report.outcome, Outcome::Stopped);
        self.log.check(sites).await;
    }

    /// Ends the tree in one of the ways there are, and checks it.
    pub(crate) async fn end(self, sites: &[&Site]) {
        let Self { tree, hand, log } = self;
        match pick(4) {
            0 => drop(tree.stop().await),
            1 => drop(tree.stop_within(Duration::ZERO).await),
            2 => {
                let (first, second) = (tree.stop(), tree.stop_within(Duration::ZERO));
                let (first, second) = (first.await, second.await);
                assert_eq!(first.is_ok(), second.is_ok(), "R11: two ends");
            }
            _ => {
                let ended = tree.ended();
                drop(tree);
                // Aborted, unless it had ended.
                drop(ended.await);
                return log.check_abandoned(sites).await;
            }
        }
        log.check(sites).await;
        drop(hand);
    }
}

impl Log {
    /// Reads what has been said so far.
    pub(crate) fn drain(&mut self) -> &[Event] {
        let mut cx = TaskContext::from_waker(Waker::noop());
        while let Poll::Ready(Some(event)) =
            futures::Stream::poll_next(std::pin::Pin::new(&mut self.stream), &mut cx)
        {
            self.note(event);
        }
        &self.read
    }

    fn note(&mut self, event: Result<Event, Lagged>) {
        match event {
            Ok(event) => self.read.push(event),
            Err(lagged) => panic!("{lagged}\n{}", laws::render(&self.read)),
        }
    }

    /// Reads all, and checks that it ends.
    pub(crate) async fn read(&mut self) -> &[Event] {
        while let Some(event) = self.stream.next().await {
            self.note(event);
        }
        &self.read
    }

    /// Checks a tree of which the end was just told.
    pub(crate) async fn check(mut self, sites: &[&Site]) {
        sites.iter().for_each(|site| site.check());
        laws::check(self.read().await);
    }

    /// Checks a tree that has ended, and that its report names what it has left behind (L9).
    pub(crate) async fn check_leaks(mut self, named: &[Path]) {
        let log = self.read().await;
        laws::check(log);
        let mut leaked = Vec::new();
        for event in log {
            match event.what {
                What::Leaked => leaked.push(event.path.clone()),
                What::LeakEnded => leaked.retain(|path| *path != event.path),
                _ => {}
            }
        }
        assert_eq!(leaked, named, "L9: {}", laws::render(log));
    }

    /// Checks a tree that nobody holds any more.
    pub(crate) async fn check_abandoned(mut self, sites: &[&Site]) {
        for site in sites {
            site.gone().await;
            site.check();
        }
        laws::check_abandoned(self.read().await);
    }
}

/// How an incarnation comes to its end by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    Returns,
    Fails,
    Panics,
}

impl Way {
    pub(crate) fn any() -> Self {
        match pick(3) {
            0 => Self::Returns,
            1 => Self::Fails,
            _ => Self::Panics,
        }
    }

    pub(crate) fn go(self) -> Result<(), &'static str> {
        match self {
            Self::Returns => Ok(()),
            Self::Fails => Err("it fails"),
            Self::Panics => panic!("it panics"),
        }
    }
}

/// Declares one child, and serves.
pub(crate) fn parent<C: Runnable + Clone>(site: &Site, child: C) -> impl Runnable + use<C> {
    let (site, captured) = (site.clone(), site.captured());
    move |ctx: Context| {
        let _captured = &captured;
        let (part, child) = (site.enter(), child.clone());
        async move {
            let _part = part;
            ctx.run("child", child)?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    }
}

/// Serves until it is asked to stop.
pub(crate) fn server(site: &Site) -> impl Runnable + Clone + use<> {
    let (site, captured) = (site.clone(), site.captured());
    move |ctx: Context| {
        let _captured = &captured;
        let part = site.enter();
        async move {
            let _part = part;
            ctx.healthy();
            ctx.cancelled().await;
        }
    }
}

/// Comes to its end by itself, so many times, and serves after that. It starts again at once, in
/// the task it had. Asked to stop, it may have no time for that.
pub(crate) fn mortal(site: &Site, deaths: usize) -> impl Runnable + Clone + use<> {
    let (site, captured) = (site.clone(), site.captured());
    let run = move |ctx: Context| {
        let _captured = &captured;
        let part = site.enter();
        let is_mortal = site.starts() <= deaths;
        async move {
            let _part = part;
            if pick(2) == 0 {
                ctx.healthy();
            }
            yield_now().await;
            if is_mortal {
                return Way::any().go();
            }
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        }
    };
    let grace = Duration::from_secs(u64::from(pick(2)));
    runnable(run).backoff(Backoff::none()).grace(grace)
}
