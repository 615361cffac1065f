//! A storm of cancellations: children are told to stop before they run, while they run, and while
//! half of them do; then all of it again, and again.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use futures::future::join_all;
use parking_lot::Mutex;
use perennial::{Context, Pool, RunError, Runnable, Tree};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::Plan;
use crate::beside::Counter;
use crate::bounds::{Bound, Bounds};
use crate::guests::{Guest, Guests};
use crate::meter::{Meter, Share};
use crate::table::Table;
use crate::tree::{plant, pooled, stop};

/// Storms in one measurement: memory after the last is that after the first.
const STORMS: usize = 3;

const LEFT: Bound = Bound {
    what: "children that have not ended",
    most: 0.0,
    why: "a storm is over when all have",
};

const PEAK: Bound = Bound {
    what: "bytes of each child at the peak",
    most: 2_500.0,
    why: "those of one that runs, its order, and its exit in the queue",
};

const KEPT: Bound = Bound {
    what: "bytes of each child after the first storm",
    most: 1_000.0,
    why: "a tree that goes on keeps empty places for the children that come next",
};

const GROWTH: Bound = Bound {
    what: "bytes of each child that the next storms add",
    most: 4.0,
    why: "those places are taken again",
};

/// What the storms of one measurement took.
#[derive(Debug)]
struct Cancelled {
    /// Nanoseconds for each child, and allocations.
    ns: f64,
    allocations: f64,
    /// Bytes for each child.
    peak: f64,
    settled: f64,
    last: f64,
    /// How many have not ended.
    left: usize,
}

pub(crate) fn storm(plan: Plan, bounds: &mut Bounds) {
    let (size, bare) = (plan.size, async || {});
    let title = format!("{size} children are ordered to stop as soon as they are started");
    let floor = || measure(plan, bare, abort);
    let tree = || measure(plan, pooled, terminate);
    report(bounds, &title, &Table::measure(plan.rounds, floor, tree));

    let title = format!("{size} tasks are dropped when all of them run");
    let floor = || measure(plan, bare, drop_handles);
    let tree = || measure(plan, pooled, drop_tasks);
    report(bounds, &title, &Table::measure(plan.rounds, floor, tree));

    let title = format!("all is stopped when half of {size} children have started");
    let floor = || measure(plan, bare, cancel_half_way);
    let tree = || measure(plan, bare, stop_half_way);
    report(bounds, &title, &Table::measure(plan.rounds, floor, tree));
}

fn report(bounds: &mut Bounds, title: &str, table: &Table<Cancelled>) {
    table.head(title);
    table.row("each, from its start to its end", "ns", |storm| storm.ns);
    table.row("  its allocations", "", |storm| storm.allocations);
    table.row("  bytes at the peak", "B", |storm| storm.peak);
    table.row("  bytes after the first storm", "B", |storm| storm.settled);
    table.row("  bytes after the last storm", "B", |storm| storm.last);
    let mut check = |bound, part: fn(&Cancelled) -> f64| bounds.check(bound, table.most(part));
    check(&LEFT, |storm| storm.left as f64);
    check(&PEAK, |storm| storm.peak);
    check(&KEPT, |storm| storm.settled);
    check(&GROWTH, |storm| storm.last - storm.settled);
}

/// Storms on the same ground, one after the other.
fn measure<G>(
    plan: Plan,
    ground: impl AsyncFn() -> G,
    storm: impl AsyncFn(&G, &Guests),
) -> Cancelled {
    let (mut meter, guests) = (Meter::new(), Guests::new(plan.size));
    let (ground, _) = meter.measure(ground());
    let storms = [(); STORMS].map(|()| {
        let ((), storm) = meter.measure(storm(&ground, &guests));
        storm.shared(plan.size)
    });
    let [first, .., last] = storms;
    Cancelled {
        ns: Share::ns(&storms) / STORMS as f64,
        allocations: last.allocations,
        peak: Share::peak(&storms),
        settled: first.live,
        last: last.live,
        left: guests.present(),
    }
}

async fn abort((): &(), guests: &Guests) {
    let tasks = guests.all().map(|guest| {
        let task = tokio::spawn(async move {
            let _guest = guest;
            pending::<()>().await;
        });
        task.abort();
        task
    });
    let tasks: Vec<_> = tasks.collect();
    for ended in join_all(tasks).await {
        let is_aborted = ended.is_err_and(|error| error.is_cancelled());
        assert!(is_aborted, "nothing else ends it");
    }
}

async fn terminate((_, pool): &(Tree, Pool), guests: &Guests) {
    let orders = guests.all().map(|guest| {
        let child = pool.start(async move |ctx: Context| {
            let _guest = guest;
            ctx.cancelled().await;
        });
        child.expect("there is room").terminate()
    });
    let orders: Vec<_> = orders.collect();
    for ended in join_all(orders).await {
        ended.expect("it was there");
    }
}

async fn drop_handles((): &(), guests: &Guests) {
    let (tracker, running) = (TaskTracker::new(), Arc::new(Counter::new(guests.invited)));
    let tasks = guests.all().map(|guest| {
        let running = running.clone();
        AbortOnDropHandle::new(tracker.spawn(async move {
            let _guest = guest;
            running.count();
            pending::<()>().await;
        }))
    });
    let tasks: Vec<_> = tasks.collect();
    running.full().await;
    drop(tasks);
    tracker.close();
    tracker.wait().await;
}

async fn drop_tasks((tree, pool): &(Tree, Pool), guests: &Guests) {
    let running = Arc::new(Counter::new(guests.invited));
    let tasks = guests.all().map(|guest| {
        let running = running.clone();
        let task = pool.task(async move |ctx: Context| {
            let _guest = guest;
            running.count();
            ctx.cancelled().await;
            Ok::<(), Infallible>(())
        });
        task.expect("there is room").cancel_on_drop()
    });
    let tasks: Vec<_> = tasks.collect();
    running.full().await;
    drop(tasks);
    tree.settled().await;
}

async fn cancel_half_way((): &(), guests: &Guests) {
    let half = Arc::new(Counter::new(guests.invited / 2));
    let (token, mut tasks) = (CancellationToken::new(), JoinSet::new());
    for guest in guests.all() {
        let (token, half) = (token.clone(), half.clone());
        tasks.spawn(async move {
            let _guest = guest;
            half.count();
            token.cancelled().await;
        });
    }
    half.full().await;
    token.cancel();
    while tasks.join_next().await.is_some() {}
}

async fn stop_half_way((): &(), guests: &Guests) {
    let half = Arc::new(Counter::new(guests.invited / 2));
    // There is one incarnation of the root, and its children keep them.
    let invited = Mutex::new(guests.all());
    let counted = half.clone();
    let tree = plant(move |ctx: Context| {
        let declared = invited
            .lock()
            .by_ref()
            .enumerate()
            .try_for_each(|(index, guest)| {
                let child = ctx.run(format!("child-{index}"), waiting(guest, &counted));
                child.map(drop)
            });
        async move {
            declared?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    });
    half.full().await;
    stop(tree).await;
}

/// A child that counts, and waits to be told to stop.
fn waiting(guest: Guest, counter: &Arc<Counter>) -> impl Runnable + use<> {
    let (guest, counter) = (Arc::new(guest), counter.clone());
    move |ctx: Context| {
        let (guest, counter) = (guest.clone(), counter.clone());
        async move {
            let _guest = guest;
            counter.count();
            ctx.cancelled().await;
        }
    }
}
