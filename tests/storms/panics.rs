//! Many panics at once.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use perennial::testing::Harness;
use perennial::{Backoff, Context, Exit, Outcome, RunError, Runnable, Supervisor, What, runnable};
use tokio::sync::Semaphore;

use crate::serve::serve;
use crate::threaded::on_many;

const CHILDREN: usize = 100;

/// How often in a row each panics.
const TIMES: u32 = 3;

/// A root with so many children.
fn root_of(child: impl Runnable + Clone) -> impl Runnable {
    move |ctx: Context| {
        let child = child.clone();
        async move {
            for index in 0..CHILDREN {
                ctx.run(format!("child-{index}"), child.clone())?;
            }
            ctx.done();
            Ok::<_, RunError>(())
        }
    }
}

/// The message of a panic that was an exit.
fn message(exit: Option<&Exit>) -> Option<String> {
    match exit {
        Some(Exit::Panicked(panic)) => Some(panic.message().to_owned()),
        _ => None,
    }
}

#[test]
fn each_panic_of_a_storm_is_told_and_counted_once() {
    // R18, R17, L3. With the message of its own, in the order in which each child had them.
    let child = runnable(|ctx: Context| async move {
        let (path, attempt) = (ctx.path().clone(), ctx.attempt());
        assert!(attempt > TIMES, "{path} for the time {attempt}");
        serve(ctx).await;
    });
    Harness::run(None, |h| async move {
        h.start(root_of(child.backoff(Backoff::none())));
        h.settled().await;
        let mut told = BTreeMap::<String, Vec<Option<String>>>::new();
        for event in &*h.log() {
            if let What::Exited { evidence } = &event.what
                && event.path != "root"
            {
                let of = told.entry(event.path.to_string()).or_default();
                of.push(message(evidence.exit.as_ref()));
            }
        }
        assert_eq!(told.len(), CHILDREN);
        for (path, told) in told {
            let text = |time| Some(format!("{path} for the time {time}"));
            assert_eq!(told, (1..=TIMES).map(text).collect::<Vec<_>>());
        }
        let snapshot = h.snapshot().await;
        for node in snapshot.nodes.iter().filter(|node| node.path != "root") {
            assert_eq!(node.restarts, u64::from(TIMES), "{}", node.path);
            let last = node.last_exit.as_ref().and_then(|last| last.exit.as_ref());
            let text = format!("{} for the time {TIMES}", node.path);
            assert_eq!(message(last), Some(text));
        }
    });
}

#[test]
fn each_panic_of_a_stop_is_reported_once() {
    // R11, R18. None is a reason to start again, or to hang.
    let child = |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        assert!(!ctx.is_cancelled(), "{} cannot stop", ctx.path());
    };
    Harness::run(None, |h| async move {
        h.start(root_of(child));
        h.settled().await;
        let report = h.stop().await.expect("a stop is no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        let stops = report.stops.iter().map(|stop| {
            let exit = stop.evidence.as_ref().and_then(|of| of.exit.as_ref());
            (stop.path.to_string(), message(exit))
        });
        let expected = (0..CHILDREN).map(|index| {
            let path = format!("root.child-{index}");
            let text = format!("{path} cannot stop");
            (path, Some(text))
        });
        let (stops, expected): (BTreeMap<_, _>, BTreeMap<_, _>) =
            (stops.collect(), expected.collect());
        assert_eq!(report.stops.len(), CHILDREN);
        assert_eq!(stops, expected);
    });
}

/// Serves until there is a strike for it, and panics.
async fn struck(ctx: Context, strikes: Arc<Semaphore>) -> Infallible {
    ctx.healthy();
    strikes.acquire().await.expect("it is open").forget();
    panic!("struck");
}

#[test]
fn a_storm_of_panics_on_many_threads_loses_none() {
    // R18, R17, L3. They panic at the same time.
    let strikes = Arc::new(Semaphore::new(0));
    let given = strikes.clone();
    let child = runnable(move |ctx| struck(ctx, given.clone()));
    let supervisor = Supervisor::new(root_of(child.backoff(Backoff::none())));
    let mut events = supervisor.events();
    on_many(async {
        let tree = supervisor.start();
        tree.settled().await;
        strikes.add_permits(500);
        let mut told = 0;
        while told < 500 {
            let event = events.next().await.expect("the tree goes on");
            if let What::Exited { evidence } = event.expect("none was missed").what {
                told += usize::from(message(evidence.exit.as_ref()).is_some());
            }
        }
        tree.settled().await;
        let snapshot = tree.snapshot().await;
        let restarts: u64 = snapshot.nodes.iter().map(|node| node.restarts).sum();
        assert_eq!(restarts, 500);
        tree.stop().await.expect("a stop is no failure");
    });
}
