//! What budgets and orders cost: `cargo bench --bench policies`.
//!
//! - Restarts a second of one child, with a budget window of a second and of an hour, in turn: the
//!   length of a window must not show.
//! - One order, from giving it to its effect, beside 10 and beside 100 000 siblings, by path and by
//!   handle: the size of the tree must not show.
//! - A group that starts and stops in order, for each member: its size must not show.
//!
//! All figures are medians of the rounds, on a current-thread runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use perennial::{
    Backoff, Child, Context, Intensity, Name, RunError, Strategy, Supervisor, Tree, runnable,
};
use tokio::sync::{Notify, oneshot};

/// Pairs of measurements.
const ROUNDS: usize = 7;

/// How often the child fails in one measurement.
const RESTARTS: usize = 200_000;

/// How many orders of each kind are given in one measurement.
const ORDERS: usize = 2_000;

fn main() {
    windows();
    for siblings in [10, 100_000] {
        orders(siblings);
    }
    for members in [100, 100_000] {
        in_order(members);
    }
}

fn windows() {
    println!("restarts of one child with a budget, per second");
    let [second, hour] = [Duration::from_secs(1), Duration::from_secs(3600)];
    let mut rates = [Vec::new(), Vec::new()];
    let mut ratios = Vec::new();
    for _ in 0..ROUNDS {
        let pair = [second, hour].map(|window| block_on(restarts(window)));
        rates[0].push(pair[0]);
        rates[1].push(pair[1]);
        ratios.push(pair[1] / pair[0]);
    }
    let [short, long] = rates.map(median);
    println!("  window of 1 s{short:>12.0}\n  window of 1 h{long:>12.0}");
    println!("  ratio        {:>12.2}", median(ratios));
}

/// How often a child fails and starts again, in a second.
async fn restarts(window: Duration) -> f64 {
    let intensity = Intensity::new(u32::MAX, window).expect("the window is not empty");
    let (left, done) = (
        Arc::new(AtomicUsize::new(RESTARTS)),
        Arc::new(Notify::new()),
    );
    let failing = {
        let (left, done) = (left.clone(), done.clone());
        move |ctx: Context| {
            let (left, done) = (left.clone(), done.clone());
            async move {
                ctx.healthy();
                if left.fetch_sub(1, Ordering::Relaxed) == 1 {
                    done.notify_one();
                    ctx.cancelled().await;
                }
                Err::<(), _>("again")
            }
        }
    };
    let failing = runnable(failing)
        .backoff(Backoff::none())
        .intensity(intensity);
    let root = move |ctx: Context| {
        let failing = failing.clone();
        async move {
            ctx.run("failing", failing)?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    let supervisor = Supervisor::new(root);
    // Somebody listens, so that the deaths are not printed.
    let _events = supervisor.events();
    let began = Instant::now();
    let tree = supervisor.start();
    done.notified().await;
    let rate = RESTARTS as f64 / began.elapsed().as_secs_f64();
    drop(tree);
    rate
}

fn orders(siblings: usize) {
    let rounds = (0..ROUNDS).map(|_| block_on(order_all(siblings)));
    let [mut handle, mut path, mut pause] = [Vec::new(), Vec::new(), Vec::new()];
    for [by_handle, by_path, paused] in rounds {
        handle.push(by_handle);
        path.push(by_path);
        pause.push(paused);
    }
    println!("orders beside {siblings} siblings, from giving one to its effect");
    println!("  restart by handle  {:>8.0} ns", median(handle));
    println!("  restart by path    {:>8.0} ns", median(path));
    println!("  terminate and start{:>8.0} ns", median(pause));
}

/// The time of one order of each kind, in nanoseconds.
async fn order_all(siblings: usize) -> [f64; 3] {
    let (tree, child) = flat(siblings).await;
    let node = tree.node("root.ordered");
    // The first look makes the index of names.
    node.restart().await.expect("it runs");
    let mut times = [0.0; 3];
    for _ in 0..ORDERS {
        let began = Instant::now();
        child.restart().await.expect("it runs");
        let by_handle = Instant::now();
        node.restart().await.expect("it runs");
        let by_path = Instant::now();
        node.terminate().await.expect("it runs");
        node.start().await.expect("it is down");
        times[0] += (by_handle - began).as_nanos() as f64;
        times[1] += (by_path - by_handle).as_nanos() as f64;
        times[2] += by_path.elapsed().as_nanos() as f64;
    }
    times.map(|time| time / ORDERS as f64)
}

fn in_order(members: usize) {
    let rounds = (0..ROUNDS).map(|_| block_on(start_and_stop(members)));
    let (starts, stops): (Vec<_>, Vec<_>) = rounds.unzip();
    println!("a group of {members} in order, per member");
    println!("  start{:>8.0} ns", median(starts));
    println!("  stop {:>8.0} ns", median(stops));
}

/// The time in which a group starts and stops in order, for each member, in nanoseconds.
async fn start_and_stop(members: usize) -> (f64, f64) {
    let root = move |ctx: Context| async move {
        let mut group = ctx.group("ordered", Strategy::OneForAll).in_order();
        for index in 0..members {
            group = group.run(format!("member-{index}"), serve);
        }
        group.start()?;
        ctx.done();
        Ok::<(), RunError>(())
    };
    let began = Instant::now();
    let tree = Supervisor::new(root).start();
    tree.settled().await;
    let settled = Instant::now();
    tree.stop().await.expect("nothing has failed");
    let times = [settled - began, settled.elapsed()];
    let [start, stop] = times.map(|time| time.as_nanos() as f64 / members as f64);
    (start, stop)
}

/// A tree of children that serve, and the handle of one of them.
async fn flat(siblings: usize) -> (Tree, Child) {
    let names = (0..siblings).map(|index| Name::sanitize(&format!("child-{index}")));
    let names: Arc<Vec<_>> = Arc::new(names.collect());
    let (give, given) = oneshot::channel();
    let give = Arc::new(std::sync::Mutex::new(Some(give)));
    let root = move |ctx: Context| {
        let (names, give) = (names.clone(), give.clone());
        async move {
            for name in names.iter() {
                ctx.run(name, serve)?;
            }
            let child = ctx.run("ordered", serve)?;
            let give = give.lock().expect("nobody panics").take();
            give.map(|give| give.send(child));
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    let tree = Supervisor::new(root).start();
    let child = given.await.expect("the root gives it");
    tree.settled().await;
    (tree, child)
}

async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

fn block_on<F: Future>(future: F) -> F::Output {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    runtime.block_on(future)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
