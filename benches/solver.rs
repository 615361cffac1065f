//! What shared work costs: `cargo bench --bench solver --features solver`.
//!
//! - A graph of 100 000 vertices that do nothing: cold; by a second job while the first has it; and
//!   from the store when nobody has it. Beside it the same graph walked by hand: a task of a
//!   `JoinSet` for each vertex, as soon as its inputs are done.
//! - Joining work that runs, and leaving it.
//! - A million jobs, one after the other, each with a vertex of its own: how much memory is left.
//!   `SOLVER_JOBS` sets how many. If it grows after the first tenth, the bench fails.
//!
//! All times are medians of the rounds; what is compared takes turns in one process.

use std::env;
use std::fs;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::join_all;
use perennial::solver::{
    Edge, Identity, MemoryStore, Operation, OperationError, Output, RunContext, Solver, Vertex,
};
use perennial::{Context, RunError, Supervisor, Tree};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

/// Measurements of each kind.
const ROUNDS: usize = 7;

/// How many vertices are beside each other, and how many such layers there are.
const WIDTH: usize = 1_000;
const LAYERS: usize = 100;

/// How many join what runs.
const JOINING: usize = 10_000;

/// How many jobs come and go.
const JOBS: u64 = 1_000_000;

/// How many megabytes more there may be at the end than after the first tenth of them: what the
/// allocator needs.
const GROWTH_MAX: f64 = 10.0;

/// Does nothing, under a number.
struct Nothing(u64);

impl Operation for Nothing {
    type Value = u64;

    fn identity(&self) -> Identity {
        let mut identity = Identity::new("nothing");
        identity.add(self.0.to_le_bytes());
        identity
    }

    async fn run(
        &self,
        _: RunContext<u64>,
        _: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        Ok(vec![Output::new(self.0)])
    }
}

/// Waits until nobody wants it.
struct Waits;

impl Operation for Waits {
    type Value = u64;

    fn identity(&self) -> Identity {
        Identity::new("waits")
    }

    async fn run(
        &self,
        ctx: RunContext<u64>,
        _: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        ctx.context().cancelled().await;
        Err(OperationError::transient("nobody wants it"))
    }
}

fn main() {
    let runtime = current_thread();
    // First, while there is nothing that what leaks could take the place of.
    runtime.block_on(soak());
    runtime.block_on(graphs());
    runtime.block_on(joins());
}

async fn graphs() {
    let mut times = [(); 5].map(|()| Vec::new());
    let vertices = WIDTH * LAYERS + 1;
    for round in 0..ROUNDS {
        let began = Instant::now();
        walk_by_hand().await;
        times[0].push(began.elapsed());

        let began = Instant::now();
        let top = graph(round as u64);
        times[1].push(began.elapsed());

        let solver = Solver::builder().store(MemoryStore::bounded(vertices));
        let solver = solver.build();
        let tree = tree(&solver).await;
        let first = solver.job("first").expect("the first of its name");
        let began = Instant::now();
        first.build(&top).await.expect("nothing fails");
        times[2].push(began.elapsed());

        let second = solver.job("second").expect("the first of its name");
        let began = Instant::now();
        second.build(&top).await.expect("nothing fails");
        times[3].push(began.elapsed());

        let began = Instant::now();
        first.finish().await;
        second.finish().await;
        times[4].push(began.elapsed() / 2);
        drop(tree.stop().await);
    }
    let [hand, made, cold, shared, finished] = times.map(|times| median(times).as_secs_f64());
    println!(
        "a graph of {vertices} vertices that do nothing     ms   us each  a second  over hand"
    );
    let row = |what: &str, seconds: f64| {
        println!(
            "  {what:<42} {:>7.1} {:>8.2} {:>9.0} {:>8.2}x",
            seconds * 1e3,
            seconds * 1e6 / vertices as f64,
            vertices as f64 / seconds,
            seconds / hand,
        );
    };
    row("by hand: a task for each", hand);
    row("made: digests", made);
    row("built, cold", cold);
    row("built again, while another has it", shared);
    row("finished", finished);
    warm(vertices).await;
}

/// From the store: what is asked for is found, and nothing below it is touched.
async fn warm(vertices: usize) {
    let solver = Solver::builder()
        .store(MemoryStore::bounded(vertices))
        .build();
    let tree = tree(&solver).await;
    let top = graph(0);
    build_alone(&solver, &top).await;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        times.push(build_alone(&solver, &top).await);
    }
    let warm = median(times).as_secs_f64();
    println!(
        "  {:<42} {:>7.1} {:>8.2}",
        "from the store, whole job",
        warm * 1e3,
        warm * 1e6 / vertices as f64
    );
    drop(tree.stop().await);
}

async fn build_alone(solver: &Solver<u64>, top: &Edge<u64>) -> Duration {
    let began = Instant::now();
    let job = solver.job("alone").expect("no other has the name");
    job.build(top).await.expect("nothing fails");
    job.finish().await;
    began.elapsed()
}

/// The graph: each vertex has two inputs in the layer below, and one has all of the last layer.
fn graph(number: u64) -> Edge<u64> {
    let mut layer: Vec<Edge<u64>> = Vec::new();
    for depth in 0..LAYERS {
        let next = (0..WIDTH).map(|at| {
            let name = (number << 32) + (depth * WIDTH + at) as u64;
            let vertex = Vertex::builder("nothing", Nothing(name));
            let below = [at, (at + 1) % WIDTH].map(|at| layer.get(at).cloned());
            vertex.inputs(below.into_iter().flatten()).build().output(0)
        });
        layer = next.collect();
    }
    let top = Vertex::builder("top", Nothing(number << 32)).inputs(layer);
    top.build().output(0)
}

/// The floor: counts what each vertex waits for, and spawns it when that is done.
async fn walk_by_hand() {
    let mut waits_for = vec![2_u8; WIDTH * LAYERS];
    let mut tasks = JoinSet::new();
    for at in 0..WIDTH {
        tasks.spawn(async move { at });
    }
    while let Some(done) = tasks.join_next().await {
        let done = done.expect("nothing fails");
        let (depth, at) = (done / WIDTH, done % WIDTH);
        if depth + 1 == LAYERS {
            continue;
        }
        for above in [at, (at + WIDTH - 1) % WIDTH] {
            let above = (depth + 1) * WIDTH + above;
            waits_for[above] -= 1;
            if waits_for[above] == 0 {
                tasks.spawn(async move { above });
            }
        }
    }
}

async fn joins() {
    let solver = Solver::new();
    let tree = tree(&solver).await;
    let edge = Vertex::builder("waits", Waits).build().output(0);
    let mut times = [(); 2].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        let jobs: Vec<_> = (0..JOINING)
            .map(|job| solver.job(job.to_string()).expect("the only one"))
            .collect();
        let began = Instant::now();
        let mut builds = join_all(jobs.iter().map(|job| job.build(&edge)));
        assert!((&mut builds).now_or_never().is_none());
        times[0].push(began.elapsed() / JOINING as u32);
        let began = Instant::now();
        drop(builds);
        times[1].push(began.elapsed() / JOINING as u32);
        drop(jobs);
        tree.settled().await;
    }
    let [join, leave] = times.map(|times| median(times).as_nanos());
    println!("work that runs, joined by {JOINING} jobs");
    println!("  joined {join:>6} ns, left {leave:>6} ns");
    drop(tree.stop().await);
}

async fn soak() {
    let jobs = env::var("SOLVER_JOBS").map_or(JOBS, |jobs| jobs.parse().expect("a number"));
    let solver = Solver::new();
    let tree = tree(&solver).await;
    println!("{jobs} jobs, one after the other");
    let (began, mut after_first_tenth) = (Instant::now(), None);
    for number in 1..=jobs {
        let edge = Vertex::builder("nothing", Nothing(number))
            .build()
            .output(0);
        build_alone(&solver, &edge).await;
        if number % (jobs / 10).max(1) == 0 {
            let megabytes = resident();
            println!("  after {number:>9}: {megabytes:>7.1} MB");
            let grown = megabytes - *after_first_tenth.get_or_insert(megabytes);
            assert!(
                grown <= GROWTH_MAX,
                "{grown:.1} MB are left of finished jobs"
            );
        }
    }
    let each = began.elapsed().as_secs_f64() * 1e6 / jobs as f64;
    println!("  {each:.2} us each");
    drop(tree.stop().await);
}

/// Megabytes that this process has in memory.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").expect("there is a /proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kilobytes.expect("a number of kB") / 1e3
}

async fn tree(solver: &Solver<u64>) -> Tree {
    let node = solver.node();
    let tree = Supervisor::new(move |ctx: Context| {
        let declared = ctx.run("solver", node.clone());
        async move {
            declared?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    });
    let tree = tree.start();
    tree.settled().await;
    tree
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn current_thread() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be built")
}
