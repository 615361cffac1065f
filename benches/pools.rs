//! What children that come and go cost: `cargo bench --bench pools`.
//!
//! - The start and the stop of 1 000 and of 100 000 children of a pool, for each, beside bare tasks
//!   with a token: the size of the pool must not show beyond what more memory costs those, too.
//! - Children started from several tasks at once in one pool and in four, in turn: whether a pool
//!   is a bottleneck that several would widen.
//! - A stream of tasks, beside `buffer_unordered` over the same futures, bare and each spawned.
//! - With `-- churn`, for a minute: 10 000 children come and go each second, and the memory of the
//!   process every ten seconds.
//!
//! `-- sizes`, `-- partitions` and `-- streams` measure one of them alone.
//!
//! All figures are medians of the rounds; what is compared takes turns in one process.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;
use futures::{StreamExt, stream};
use perennial::{Context, Pool, RunError, Supervisor, Tree};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Measurements of each kind.
const ROUNDS: usize = 9;

/// How many children are started in the search for a bottleneck.
const STARTS: usize = 100_000;

/// From how many tasks.
const STARTERS: usize = 4;

/// How many items a stream has, and how many run at a time.
const ITEMS: u64 = 100_000;
const LIMIT: usize = 64;

/// How many children come and go in a second, and how many there are.
const CHURN: u64 = 10_000;
const STANDING: usize = 100_000;

fn main() {
    let wanted = |what: &str| {
        let mut named = std::env::args().skip(1).filter(|it| !it.starts_with("--"));
        named.next().is_none_or(|named| named == what)
    };
    if wanted("sizes") {
        sizes();
    }
    if wanted("partitions") {
        partitions();
    }
    if wanted("streams") {
        streams();
    }
    if std::env::args().any(|argument| argument == "churn") {
        current_thread().block_on(churn());
    }
}

/// The times of a start and of a stop, for each child, in nanoseconds.
type Times = [f64; 2];

fn sizes() {
    let mut floors = [Vec::new(), Vec::new()];
    let mut pools = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (index, size) in [1_000, 100_000].into_iter().enumerate() {
            floors[index].push(current_thread().block_on(repeated(size, spawn_and_cancel)));
            pools[index].push(current_thread().block_on(repeated(size, fill_and_stop)));
        }
    }
    println!("per child, of          1 000    100 000   ratio");
    for (what, [few, many]) in [("bare tasks", floors), ("a pool", pools)] {
        for (index, step) in ["start", "stop"].into_iter().enumerate() {
            let of = |times: &[Times]| median(times.iter().map(|time| time[index]).collect());
            let (few, many) = (of(&few), of(&many));
            println!(
                "  {what:<11}{step:<6}{few:>7.0} ns{many:>8.0} ns{:>8.2}",
                many / few
            );
        }
    }
}

/// What is small is done again, so that it is measured as long as what is large.
async fn repeated(size: usize, once: impl AsyncFn(usize) -> [Duration; 2]) -> Times {
    let rounds = 100_000 / size;
    let mut sums = [Duration::ZERO; 2];
    for _ in 0..rounds {
        let times = once(size).await;
        sums.iter_mut()
            .zip(times)
            .for_each(|(sum, time)| *sum += time);
    }
    sums.map(|sum| sum.as_nanos() as f64 / (size * rounds) as f64)
}

/// The time until so many children run, and until they have stopped.
async fn fill_and_stop(size: usize) -> [Duration; 2] {
    let (tree, [pool]) = pooled().await;
    let began = Instant::now();
    for _ in 0..size {
        pool.start(serve).expect("there is room");
    }
    tree.settled().await;
    let settled = Instant::now();
    tree.stop().await.expect("nothing has failed");
    [settled - began, settled.elapsed()]
}

/// The same for bare tasks that one token stops.
async fn spawn_and_cancel(size: usize) -> [Duration; 2] {
    let (token, tasks) = (CancellationToken::new(), TaskTracker::new());
    let started = Arc::new(Semaphore::new(0));
    let began = Instant::now();
    for _ in 0..size {
        let (token, started) = (token.clone(), started.clone());
        tasks.spawn(async move {
            started.add_permits(1);
            token.cancelled().await;
        });
    }
    let all = u32::try_from(size).expect("so few");
    drop(started.acquire_many(all).await.expect("it is open"));
    let settled = Instant::now();
    token.cancel();
    tasks.close();
    tasks.wait().await;
    [settled - began, settled.elapsed()]
}

fn partitions() {
    let (mut one, mut four, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let rates = [
            multi_thread().block_on(starts::<1>()),
            multi_thread().block_on(starts::<4>()),
        ];
        one.push(rates[0]);
        four.push(rates[1]);
        ratios.push(rates[1] / rates[0]);
    }
    println!("children that start and end, from {STARTERS} tasks, per second");
    println!("  in one pool   {:>10.0}", median(one));
    println!("  in four pools {:>10.0}", median(four));
    println!("  ratio         {:>10.2}", median(ratios));
}

/// How many children start and end in a second, in so many pools.
async fn starts<const POOLS: usize>() -> f64 {
    let (tree, pools) = pooled::<POOLS>().await;
    let ended = Arc::new(Semaphore::new(0));
    let began = Instant::now();
    let starters = (0..STARTERS).map(|starter| {
        let (pool, ended) = (pools[starter % POOLS].clone(), ended.clone());
        tokio::spawn(async move {
            for _ in 0..STARTS / STARTERS {
                let ended = ended.clone();
                let child = async move |_: Context| ended.add_permits(1);
                pool.start(child).expect("there is room");
            }
        })
    });
    for starter in join_all(starters).await {
        starter.expect("it does not panic");
    }
    let all = u32::try_from(STARTS).expect("so few");
    drop(ended.acquire_many(all).await.expect("it is open"));
    let rate = STARTS as f64 / began.elapsed().as_secs_f64();
    tree.stop().await.expect("nothing has failed");
    rate
}

fn streams() {
    let mut times = [(); 3].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        let round = [
            current_thread().block_on(bare()),
            current_thread().block_on(spawned()),
            current_thread().block_on(tasks()),
        ];
        times
            .iter_mut()
            .zip(round)
            .for_each(|(all, one)| all.push(one));
    }
    let [bare, spawned, tasks] = times.map(median);
    println!("a stream of {ITEMS} items, {LIMIT} at a time, per item");
    println!("  buffer_unordered          {bare:>6.0} ns");
    println!("  the same, each spawned    {spawned:>6.0} ns");
    println!("  Pool::stream_unordered    {tasks:>6.0} ns");
    println!("  over buffer_unordered     {:>6.2}", tasks / bare);
    println!("  over spawned              {:>6.2}", tasks / spawned);
}

async fn work(item: u64) -> Result<u64, std::io::Error> {
    yield_now().await;
    Ok(item)
}

async fn bare() -> f64 {
    let began = Instant::now();
    let items = stream::iter(0..ITEMS).map(work).buffer_unordered(LIMIT);
    sum(items.map(|item| item.expect("it is no failure"))).await;
    per_item(began)
}

async fn spawned() -> f64 {
    let began = Instant::now();
    let items = stream::iter(0..ITEMS).map(|item| tokio::spawn(work(item)));
    let items = items.buffer_unordered(LIMIT);
    sum(items.map(|item| item.expect("no panic").expect("it is no failure"))).await;
    per_item(began)
}

async fn tasks() -> f64 {
    let (tree, [pool]) = pooled().await;
    let began = Instant::now();
    let items = pool.stream_unordered(stream::iter(0..ITEMS), LIMIT, |item| move |_| work(item));
    sum(items.map(|item| item.expect("it is no failure"))).await;
    let time = per_item(began);
    tree.stop().await.expect("nothing has failed");
    time
}

async fn sum(items: impl futures::Stream<Item = u64>) {
    let sum = items.fold(0, async |sum, item| sum + item).await;
    assert_eq!(sum, ITEMS * (ITEMS - 1) / 2);
}

fn per_item(began: Instant) -> f64 {
    began.elapsed().as_nanos() as f64 / ITEMS as f64
}

/// Lets children come and go for a minute, and says how much memory the process has.
async fn churn() {
    let (tree, [pool]) = pooled().await;
    let doors: Vec<_> = (0..STANDING).map(|_| Arc::new(Semaphore::new(0))).collect();
    for door in &doors {
        visit(&pool, door);
    }
    println!("{CHURN} children a second come and go, beside {STANDING}; resident memory");
    let (mut ticks, mut next) = (interval(Duration::from_millis(1)), 0);
    let began = Instant::now();
    for tick in 0..60_000_u64 {
        ticks.tick().await;
        for _ in 0..CHURN / 1_000 {
            doors[next].add_permits(1);
            visit(&pool, &doors[next]);
            next = (next + 1) % STANDING;
        }
        if (tick + 1) % 10_000 == 0 {
            let (seconds, children) = (began.elapsed().as_secs(), pool.children());
            println!("  {seconds:>2} s {:>8} kB, {children} children", resident());
        }
    }
    println!("  {} children came and went", 60 * CHURN);
    tree.stop().await.expect("nothing has failed");
}

/// Starts a child that stays until the next one comes through its door.
fn visit(pool: &Pool, door: &Arc<Semaphore>) {
    let door = door.clone();
    let child = async move |ctx: Context| {
        ctx.healthy();
        if let Some(opened) = ctx.until_cancelled(door.acquire()).await {
            opened.expect("it is open").forget();
        }
    };
    pool.start(child).expect("there is room");
}

/// The resident memory of this process, in kB, where the system tells.
fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap_or("?").to_owned()
}

/// A tree with so many pools.
async fn pooled<const POOLS: usize>() -> (Tree, [Pool; POOLS]) {
    let pools = [(); POOLS].map(|()| Pool::new());
    let declared = pools.clone();
    let root = move |ctx: Context| {
        let pools = declared.clone();
        async move {
            for (index, pool) in pools.into_iter().enumerate() {
                ctx.run(format!("pool-{index}"), pool)?;
            }
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    let tree = Supervisor::new(root).start();
    tree.settled().await;
    (tree, pools)
}

async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

fn current_thread() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

fn multi_thread() -> Runtime {
    let mut builder = Builder::new_multi_thread();
    builder.enable_all().build().expect("a runtime")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
