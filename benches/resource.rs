//! What references cost: `cargo bench --bench resource`.
//!
//! - A duplicate that is made and let go of, beside the clone and the drop of an `Arc`, with places
//!   tracked and without; the same when 1 000 others are held.
//! - The allocations of a duplicate, the size of a reference, and what is allocated for a resource.
//! - A resource from its opening to the end of its last close, beside a bare task that is spawned
//!   and awaited, and a task of a pool.
//!
//! All figures are medians of the rounds; what is compared takes turns in one process.

use std::convert::Infallible;
use std::hint::black_box;
use std::mem::size_of;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt;
use perennial::resource::{Release, Releaser, Shared};
use perennial::{Context, Pool, RunError, Supervisor, Tree};
use tokio::runtime::{Builder, Runtime};

/// Measurements of each kind.
const ROUNDS: usize = 15;

/// Duplicates in each.
const DUPS: u32 = 1_000_000;

/// Resources in each.
const OPENED: u32 = 50_000;

/// What a reference refers to.
struct Value(u64);

impl Release for Value {
    type Error = Infallible;

    async fn release(self) -> Result<(), Infallible> {
        black_box(self.0);
        Ok(())
    }
}

fn main() {
    dups();
    closes();
    memory();
    current_thread().block_on(lives());
}

fn dups() {
    println!("a duplicate, made and dropped             ns    per second  over Arc");
    for held in [0, 1_000] {
        let (on, off) = (open(&Releaser::new()), open(&Releaser::untracked()));
        let arc = Arc::new(Value(0));
        let others: Vec<_> = (0..held)
            .map(|_| (on.dup(), off.dup(), arc.clone()))
            .collect();
        let [arc, off, on] = medians([
            &|| each(DUPS, || drop(black_box(arc.clone()))),
            &|| each(DUPS, || drop(black_box(off.dup()))),
            &|| each(DUPS, || drop(black_box(on.dup()))),
        ]);
        drop(others);
        row(&format!("Arc::clone, {held} others"), arc, arc);
        row(&format!("untracked, {held} others"), off, arc);
        row(&format!("tracked, {held} others"), on, arc);
    }
}

fn closes() {
    let (on, off) = (open(&Releaser::new()), open(&Releaser::untracked()));
    let arc = Arc::new(Value(0));
    let close = |one: &Shared<Value>| {
        let closed = one.dup().close().now_or_never();
        drop(black_box(closed.expect("it waits for nobody")));
    };
    let [arc, off, on] = medians([
        &|| each(DUPS, || drop(black_box(arc.clone()))),
        &|| each(DUPS, || close(&off)),
        &|| each(DUPS, || close(&on)),
    ]);
    println!("a duplicate, made and closed");
    row("Arc::clone and drop", arc, arc);
    row("untracked", off, arc);
    row("tracked", on, arc);
}

fn memory() {
    println!("memory");
    println!(
        "  a reference          {:>6} bytes",
        size_of::<Shared<Value>>()
    );
    println!(
        "  an Arc               {:>6} bytes",
        size_of::<Arc<Value>>()
    );
    for (what, releaser) in [
        ("untracked", Releaser::untracked()),
        ("tracked", Releaser::new()),
    ] {
        let one = open(&releaser);
        drop(one.dup());
        let many = allocation_counter::measure(|| {
            for _ in 0..1_000 {
                drop(one.dup());
            }
        });
        let mut kept = Vec::with_capacity(1_000);
        let held = allocation_counter::measure(|| kept.extend((0..1_000).map(|_| one.dup())));
        let mut opened = None;
        let opening = allocation_counter::measure(|| opened = Some(open(&releaser)));
        println!("  {what}");
        println!(
            "    allocations of 1 000 duplicates, one at a time {:>4}",
            many.count_total
        );
        println!(
            "    of 1 000 that are held  {:>4}, {} bytes",
            held.count_total, held.bytes_current
        );
        println!(
            "    of a resource           {:>4}, {} bytes",
            opening.count_total, opening.bytes_current
        );
    }
}

async fn lives() {
    let releaser = Releaser::untracked();
    let (tree, pool) = tree(&releaser).await;
    let mut times = [(); 3].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        let began = Instant::now();
        for _ in 0..OPENED {
            drop(tokio::spawn(async { black_box(Value(0).0) }).await);
        }
        times[0].push(per(began, OPENED));
        let began = Instant::now();
        for _ in 0..OPENED {
            let task = pool.task(async |_| Ok::<_, Infallible>(black_box(Value(0).0)));
            drop(task.expect("the pool is open").await);
        }
        times[1].push(per(began, OPENED));
        let began = Instant::now();
        for _ in 0..OPENED {
            open(&releaser).close().await.expect("it is sound");
        }
        times[2].push(per(began, OPENED));
    }
    let [task, pooled, resource] = times.map(median);
    println!("from its opening to the end of its last close");
    println!("  a bare task, awaited {task:>8.0} ns");
    println!("  a task of a pool     {pooled:>8.0} ns");
    println!(
        "  a resource           {resource:>8.0} ns, {:.2} of the pool's",
        resource / pooled
    );
    tree.stop().await.expect("nothing has failed");
}

/// A tree with the node of a releaser, and a pool.
async fn tree(releaser: &Releaser) -> (Tree, Pool) {
    let (node, pool) = (releaser.node(), Pool::new());
    let declared = pool.clone();
    let root = move |ctx: Context| {
        let run = ctx.run("releaser", node.clone());
        let run = run.and_then(|_| ctx.run("pool", declared.clone()));
        async move {
            run?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    let tree = Supervisor::new(root).start();
    tree.settled().await;
    (tree, pool)
}

fn open(releaser: &Releaser) -> Shared<Value> {
    releaser.open("value", Value(0))
}

/// The medians of what takes turns.
fn medians<const N: usize>(sides: [&dyn Fn() -> f64; N]) -> [f64; N] {
    let mut times = [(); N].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for (times, side) in times.iter_mut().zip(sides) {
            times.push(side());
        }
    }
    times.map(median)
}

/// The time of each of so many, in nanoseconds.
fn each(count: u32, mut act: impl FnMut()) -> f64 {
    let began = Instant::now();
    for _ in 0..count {
        act();
    }
    per(began, count)
}

fn per(began: Instant, count: u32) -> f64 {
    began.elapsed().as_nanos() as f64 / f64::from(count)
}

fn row(what: &str, time: f64, arc: f64) {
    println!(
        "  {what:<34}{time:>8.1}{:>14.0}{:>10.2}",
        1e9 / time,
        time / arc
    );
}

fn current_thread() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
