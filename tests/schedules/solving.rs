//! Runs that are joined, left, ended and stopped at once; and jobs of a solver that share work.

use std::pin::pin;
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{Either, join_all, select};
use perennial::solver::{
    BuildError, Cell, CellError, Edge, Fault, Identity, Job, Keep, Operation, OperationError,
    Output, RunContext, Solver, Vertex,
};
use perennial::{Context, Pool, RunError, Runnable};
use shuttle::future::{spawn, yield_now};

use crate::explore::explore;
use crate::site::{Site, pick};
use crate::world::World;

type Number = Cell<u64, &'static str>;

/// A tree with a pool, in which the runs of a cell are.
async fn with_pool() -> (World, Pool) {
    let pool = Pool::new();
    let world = with_node("runs", pool.clone()).await;
    (world, pool)
}

/// A tree with one node, which runs.
async fn with_node(
    name: &'static str,
    node: impl Runnable + Clone + Send + Sync + 'static,
) -> World {
    let world = World::start(move |ctx: Context| {
        let declared = ctx.run(name, node.clone());
        async move {
            declared?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    });
    world.tree.settled().await;
    world
}

/// Stops the tree. The laws that other races are held to know nothing of a pool that is a node, nor
/// of a node that provides, which serves until its turn.
async fn stop(world: World, sites: &[Site]) {
    world.tree.stop().await.expect("nothing has failed");
    sites.iter().for_each(Site::check);
}

/// Lets others go on so many times.
async fn linger(times: u32) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// A run: it stops when it is told to, unless it is through before.
async fn run(ctx: Context, site: Site) -> Result<u64, Fault<&'static str>> {
    let _part = site.enter();
    let wait = ctx.until_cancelled(linger(pick(3)));
    wait.await.ok_or(Fault::Permanent("it was told to stop"))?;
    Ok(site.starts() as u64)
}

/// Waits for the run, or leaves after a while.
async fn leave(cell: &Number, pool: &Pool, site: &Site) {
    let site = site.clone();
    let get = pin!(cell.get(pool, |ctx| run(ctx, site)));
    let patience = pin!(linger(pick(4)));
    if let Either::Left((answer, _)) = select(get, patience).await {
        answer.expect("nobody stops it");
    }
}

#[test]
fn the_last_waiter_races_a_newcomer() {
    // L1, L7. There are never two runs, and who stays has a value.
    explore(async || {
        let (world, pool) = with_pool().await;
        let (cell, site) = (Number::new(Keep::Nothing), Site::default());
        let leavers = [(); 2].map(|()| {
            let (cell, pool, site) = (cell.clone(), pool.clone(), site.clone());
            spawn(async move { leave(&cell, &pool, &site).await })
        });
        yield_now().await;
        let of_newcomer = site.clone();
        let answer = cell.get(&pool, |ctx| run(ctx, of_newcomer)).await;
        answer.expect("nobody stops it");
        for leaver in leavers {
            leaver.await.expect("it is not aborted");
        }
        cell.quiet().await;
        assert_eq!(cell.waiters(), 0);
        // One that all have left before it began has not been here.
        assert!(cell.runs() >= site.starts() as u64);
        stop(world, slice::from_ref(&site)).await;
    });
}

#[test]
fn the_last_waiter_races_the_end_of_the_run() {
    // L7. What was made is kept whether it has left or not, and what was cut short is not.
    explore(async || {
        let (world, pool) = with_pool().await;
        let (cell, site) = (Number::new(Keep::ValuesAndErrors), Site::default());
        let leavers = [(); 2].map(|()| {
            let (cell, pool, site) = (cell.clone(), pool.clone(), site.clone());
            spawn(async move { leave(&cell, &pool, &site).await })
        });
        for leaver in leavers {
            leaver.await.expect("it is not aborted");
        }
        cell.quiet().await;
        let kept = cell.kept().map(|kept| kept.expect("no error is kept"));
        let last = site.clone();
        let value = cell.get(&pool, |ctx| run(ctx, last)).await;
        let value = value.expect("nobody stops it");
        assert!(kept.is_none_or(|kept| kept == value));
        assert_eq!(value, site.starts() as u64);
        stop(world, slice::from_ref(&site)).await;
    });
}

#[test]
fn the_end_of_the_pool_answers_all_who_wait() {
    // L7, R11. Whether the run has begun or not.
    explore(async || {
        let (world, pool) = with_pool().await;
        let (cell, site) = (Number::new(Keep::ValuesAndErrors), Site::default());
        let waiters = [(); 2].map(|()| {
            let (cell, pool, site) = (cell.clone(), pool.clone(), site.clone());
            spawn(async move { cell.get(&pool, |ctx| run(ctx, site)).await })
        });
        yield_now().await;
        stop(world, slice::from_ref(&site)).await;
        for waiter in waiters {
            match waiter.await.expect("it is not aborted") {
                Ok(_) | Err(CellError::Stopped | CellError::NotStarted(_)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(cell.kept().is_none_or(|kept| kept.is_ok()));
    });
}

/// Gives the sum of its inputs and one, if it is not told to stop before.
struct Count {
    name: &'static str,
    site: Site,
}

impl Operation for Count {
    type Value = u64;

    fn identity(&self) -> Identity {
        Identity::new(self.name)
    }

    async fn run(
        &self,
        ctx: RunContext<u64>,
        inputs: Vec<Output<u64>>,
    ) -> Result<Vec<Output<u64>>, OperationError> {
        run(ctx.context().clone(), self.site.clone())
            .await
            .map_err(|_| OperationError::permanent("it was told to stop"))?;
        let below: u64 = inputs.iter().map(|input| **input).sum();
        Ok(vec![Output::new(below + 1)])
    }
}

/// A tree with a solver, and a graph of two vertices.
struct Solving {
    world: World,
    solver: Solver<u64>,
    sites: [Site; 2],
}

impl Solving {
    async fn start() -> Self {
        let solver = Solver::new();
        let world = with_node("solver", solver.node()).await;
        Self {
            world,
            solver,
            sites: Default::default(),
        }
    }

    /// Another graph of the same vertices.
    fn top(&self) -> Edge<u64> {
        let vertex = |name, site: &Site| {
            let site = site.clone();
            Vertex::builder(name, Count { name, site })
        };
        let below = vertex("below", &self.sites[0]).build();
        let top = vertex("top", &self.sites[1]).input(below.output(0));
        top.build().output(0)
    }

    async fn stop(self) {
        stop(self.world, &self.sites).await;
    }
}

/// Builds, or leaves after a while; and ends the job in one of the ways there are.
async fn work(job: Job<u64>, top: Edge<u64>) {
    {
        let build = pin!(job.build(&top));
        let patience = pin!(linger(pick(6)));
        if let Either::Left((built, _)) = select(build, patience).await {
            assert_eq!(*built.expect("nobody stops it"), 2);
        }
    }
    match pick(3) {
        0 => drop(job),
        1 => {
            job.cancel();
            drop(job.finish().await);
        }
        _ => drop(job.finish().await),
    }
}

#[test]
fn jobs_that_share_a_graph_end_in_all_orders_and_leave_nothing() {
    // L1, L9. Vertices, runs and what is heard of them go with the last job.
    explore(async || {
        let solving = Solving::start().await;
        let jobs = ["a", "b", "c"].map(|id| {
            let job = solving.solver.job(id).expect("it is the first");
            spawn(work(job, solving.top()))
        });
        for job in jobs {
            job.await.expect("it is not aborted");
        }
        for site in &solving.sites {
            site.gone().await;
        }
        // A run lets go of its vertex after all else.
        while !solving.solver.snapshot().vertices.is_empty() {
            yield_now().await;
        }
        let left = solving.solver.snapshot();
        assert_eq!((left.jobs, left.executions), (0, 0), "{left:?}");
        solving.stop().await;
    });
}

#[test]
fn a_job_that_stays_has_its_value_whoever_leaves() {
    // L7. The work that it joined may have been told to stop just before.
    explore(async || {
        let solving = Solving::start().await;
        let others = ["a", "b"].map(|id| {
            let job = solving.solver.job(id).expect("it is the first");
            spawn(work(job, solving.top()))
        });
        let stays = solving.solver.job("stays").expect("it is the first");
        let built = stays.build(&solving.top()).await;
        assert_eq!(*built.expect("nobody stops it"), 2);
        for other in others {
            other.await.expect("it is not aborted");
        }
        let summary = stays.finish().await;
        assert_eq!(summary.failed + summary.cancelled, 0, "{summary:?}");
        solving.stop().await;
    });
}

#[test]
fn a_stop_answers_all_who_build() {
    // L7, R11. With a value that was made in time, or that the solver was stopped.
    explore(async || {
        let solving = Solving::start().await;
        let answered = Arc::new(AtomicUsize::new(0));
        let jobs = ["a", "b"].map(|id| {
            let (job, top) = (solving.solver.job(id), solving.top());
            let answered = answered.clone();
            spawn(async move {
                let job = job.expect("it is the first");
                match job.build(&top).await {
                    Ok(value) => assert_eq!(*value, 2),
                    Err(BuildError::Stopped | BuildError::NotRunning) => {}
                    Err(other) => panic!("{other:?}"),
                }
                answered.fetch_add(1, Ordering::Relaxed);
                job.finish().await;
            })
        });
        linger(pick(6)).await;
        solving.stop().await;
        join_all(jobs).await;
        assert_eq!(answered.load(Ordering::Relaxed), 2);
    });
}
