//! A runnable that fails at once, in place, without any delay, and no budget that ends it; and two
//! tasks beside it on the same thread: one that can always go on, and one that sleeps.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::time::{Duration, Instant};

use perennial::{Backoff, Context, RunError, runnable};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::Plan;
use crate::bare::has_failed;
use crate::bounds::{Bound, Bounds};
use crate::meter::Meter;
use crate::stage::{Again, Failure};
use crate::table::Table;
use crate::tree::{plant, restarts, stop};

/// How often it fails, or all of them together.
const FAILURES: usize = 50_000;

/// How long the one that sleeps does so.
const TICK: Duration = Duration::from_millis(1);

const BETWEEN: Bound = Bound {
    what: "restarts of one node between two turns of another task",
    most: 1.0,
    why: "it yields before each run, behind all that can go on",
};

const UNCOUNTED: Bound = Bound {
    what: "failures that are not one restart each",
    most: 0.0,
    why: "none is lost, and none is counted twice",
};

/// What burns.
#[derive(Debug)]
struct Fire {
    failure: Failure,
    failures: AtomicUsize,
}

impl Fire {
    fn new(failure: Failure) -> Arc<Self> {
        let failures = AtomicUsize::new(0);
        Arc::new(Self { failure, failures })
    }

    /// Fails at once, until that was often enough.
    fn burn(&self) -> Result<(), Again> {
        match self.failures.fetch_add(1, Ordering::Relaxed) {
            before if before < FAILURES => self.failure.fail(),
            _ => Ok(()),
        }
    }

    fn failures(&self) -> usize {
        self.failures.load(Ordering::Relaxed)
    }

    fn is_over(&self) -> bool {
        self.failures() >= FAILURES
    }
}

/// What was seen of one side.
#[derive(Debug)]
struct Hot {
    /// Nanoseconds for each restart, and allocations.
    ns: f64,
    allocations: f64,
    /// The most failures between two turns of the one that can go on.
    between: usize,
    /// How long that waited, and by how much the one that sleeps was late, in microseconds.
    waits: Vec<f64>,
    delays: Vec<f64>,
    uncounted: usize,
}

pub(crate) fn storm(plan: Plan, bounds: &mut Bounds) {
    for (nodes, failure, how) in [
        (1, Failure::Error, "a child returns an error"),
        (100, Failure::Error, "100 children return an error"),
        (1, Failure::Panic, "a child panics"),
    ] {
        let table = Table::measure(
            plan.rounds,
            || measure(failure, |fire| respawn(nodes, fire)),
            || measure(failure, |fire| grow(nodes, fire)),
        );
        table.head(&format!("{how} at once, {FAILURES} times without a delay"));
        report(&table);
        let between = table.most(|hot| hot.between as f64);
        bounds.check(&BETWEEN, between / nodes as f64);
        bounds.check(&UNCOUNTED, table.most(|hot| hot.uncounted as f64));
    }
}

fn report(table: &Table<Hot>) {
    table.row("a restart", "ns", |hot| hot.ns);
    table.row("  in a second", "", |hot| 1e9 / hot.ns);
    table.row("  its allocations", "", |hot| hot.allocations);
    table.row("  between two turns of another, at most", "", |hot| {
        hot.between as f64
    });
    table.row("the other waits for its turn", "us", |hot| {
        at(0.5, &hot.waits)
    });
    table.row("  in the worst of a hundred", "us", |hot| {
        at(0.99, &hot.waits)
    });
    table.row("a task that sleeps is late by", "us", |hot| {
        at(0.5, &hot.delays)
    });
}

/// The value at this share of all, from the least on.
fn at(share: f64, values: &[f64]) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(values.len() as f64 * share) as usize]
}

fn measure<F>(failure: Failure, burn: impl FnOnce(Arc<Fire>) -> F) -> Hot
where
    F: Future<Output = usize> + Send + 'static,
{
    let (mut meter, fire) = (Meter::new(), Fire::new(failure));
    let ((met, (between, waits), delays), phase) = meter.measure(async {
        let goes_on = tokio::spawn(go_on(fire.clone()));
        let sleeps = tokio::spawn(sleep(fire.clone()));
        let met = tokio::spawn(burn(fire)).await;
        let (seen, delays) = (goes_on.await, sleeps.await);
        let expected = "it does not panic";
        (
            met.expect(expected),
            seen.expect(expected),
            delays.expect(expected),
        )
    });
    Hot {
        ns: phase.time.as_nanos() as f64 / FAILURES as f64,
        allocations: phase.allocations as f64 / FAILURES as f64,
        between,
        waits,
        delays,
        uncounted: FAILURES.abs_diff(met),
    }
}

/// Goes on whenever it has a turn. Returns the most failures between two turns, and its waits.
async fn go_on(fire: Arc<Fire>) -> (usize, Vec<f64>) {
    let (mut between, mut waits) = (0, Vec::with_capacity(2 * FAILURES));
    let (mut before, mut since) = (fire.failures(), Instant::now());
    while !fire.is_over() {
        next_turn().await;
        let (failures, now) = (fire.failures(), Instant::now());
        between = between.max(failures - before);
        waits.push((now - since).as_secs_f64() * 1e6);
        (before, since) = (failures, now);
    }
    (between, waits)
}

/// Lets those run first that can go on now. (tokio's own `yield_now` waits longer: until the
/// runtime has looked at its timers, which it does when 61 tasks had their turns.)
async fn next_turn() {
    let mut has_waited = false;
    poll_fn(|cx| {
        if has_waited {
            return Poll::Ready(());
        }
        has_waited = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Sleeps again and again. Returns by how much it was late.
async fn sleep(fire: Arc<Fire>) -> Vec<f64> {
    let (mut ticks, mut delays) = (interval(TICK), Vec::with_capacity(FAILURES));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !fire.is_over() {
        let due = ticks.tick().await;
        delays.push(due.elapsed().as_secs_f64() * 1e6);
    }
    delays
}

/// Spawns tasks, and spawns again what has failed. Returns how often that was.
async fn respawn(tasks: usize, fire: Arc<Fire>) -> usize {
    let mut running = JoinSet::new();
    let spawn = |running: &mut JoinSet<_>| {
        let fire = fire.clone();
        running.spawn(async move { fire.burn() });
    };
    (0..tasks).for_each(|_| spawn(&mut running));
    let mut met = 0;
    while let Some(ended) = running.join_next().await {
        if has_failed(&ended) {
            met += 1;
            spawn(&mut running);
        }
    }
    met
}

/// Grows a tree of children that fail. Returns how often one was started again.
async fn grow(children: usize, fire: Arc<Fire>) -> usize {
    let burning = runnable(move |ctx: Context| {
        let fire = fire.clone();
        async move {
            fire.burn()?;
            ctx.done();
            Ok::<(), Again>(())
        }
    });
    let burning = burning.backoff(Backoff::none());
    let tree = plant(move |ctx: Context| {
        let burning = burning.clone();
        async move {
            for index in 0..children {
                ctx.run(format!("child-{index}"), burning.clone())?;
            }
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    });
    tree.settled().await;
    let snapshot = tree.snapshot().await;
    stop(tree).await;
    restarts(&snapshot)
}
