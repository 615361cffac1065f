//! The same work on the tree, through the public API.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use perennial::{
    Backoff, Child, Context, Name, RunError, Runnable, Strategy, Supervisor, Tree, runnable,
};
use tokio::sync::Notify;

use crate::beside::{Counter, Figure, Job, Workload, resident, watch};
use crate::{IDLE, Running};

pub(crate) async fn measure(job: Job) -> Figure {
    match job.workload {
        Workload::Start => start(job).await,
        Workload::Storm => storm(job).await,
        Workload::Restart => restart(job).await,
        Workload::Group => group(job).await,
        Workload::Stop => stop(job).await,
        Workload::Chain => chain(job).await,
        Workload::Idle => idle(job).await,
    }
}

/// The failure of a child.
#[derive(Debug)]
struct Again;

impl Error for Again {}

impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("again")
    }
}

/// What the children of a workload share.
#[derive(Clone)]
struct Stage {
    running: Arc<Counter>,
    fail: Arc<Notify>,
}

impl Stage {
    fn new(counted: usize) -> Self {
        Self {
            running: Arc::new(Counter::new(counted)),
            fail: Arc::default(),
        }
    }

    /// A child that counts, is healthy, and fails when it is told to.
    fn failing(&self) -> impl Runnable + use<> {
        let stage = self.clone();
        let failing = runnable(move |ctx: Context| {
            let Self { running, fail } = stage.clone();
            async move {
                ctx.healthy();
                let mut failed = pin!(fail.notified());
                failed.as_mut().enable();
                running.count();
                failed.await;
                Err::<(), _>(Again)
            }
        });
        failing.backoff(Backoff::none())
    }

    /// Lets children fail, so often, and waits each time until all run again.
    async fn fail(&self, job: Job, among: usize) -> Figure {
        let began = Instant::now();
        for _ in 0..job.times() {
            self.fail.notify_waiters();
            self.running.full().await;
        }
        Figure::shared(began.elapsed(), among * job.times())
    }
}

/// A tree of this root that may have as many children as it likes.
fn plant(root: impl Runnable) -> Tree {
    Supervisor::new(root).children_max(usize::MAX).start()
}

/// A tree with children of these names, of which the first may be another.
fn flat<C>(names: &Arc<Vec<Name>>, child: C) -> Tree
where
    C: Fn(&Context, &Name, usize) -> Result<Child, RunError> + Clone + Send + Sync + 'static,
{
    let names = names.clone();
    plant(move |ctx: Context| {
        let (names, child) = (names.clone(), child.clone());
        async move {
            for (index, name) in names.iter().enumerate() {
                child(&ctx, name, index)?;
            }
            ctx.done();
            Ok::<(), RunError>(())
        }
    })
}

fn names(count: usize) -> Arc<Vec<Name>> {
    let names = (0..count).map(|index| Name::sanitize(&format!("child-{index}")));
    Arc::new(names.collect())
}

async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

/// A child that counts, and serves until it is stopped.
fn serving(running: &Arc<Counter>) -> impl Runnable + use<> {
    let running = running.clone();
    move |ctx: Context| {
        running.count();
        serve(ctx)
    }
}

async fn start(job: Job) -> Figure {
    let mut sum = Running::default();
    let names = names(job.size);
    for _ in 0..job.times() {
        let running = Arc::new(Counter::new(job.size));
        let before = resident();
        let began = Instant::now();
        let counted = running.clone();
        let tree = flat(&names, move |ctx, name, _| ctx.run(name, serving(&counted)));
        running.full().await;
        let time = began.elapsed();
        tree.settled().await;
        sum.add(time, resident() - before);
        tree.stop().await.expect("nothing fails");
    }
    sum.figure(job)
}

async fn storm(job: Job) -> Figure {
    let stage = Stage::new(job.size);
    let failing = stage.clone();
    let tree = flat(&names(job.size), move |ctx, name, _| {
        ctx.run(name, failing.failing())
    });
    stage.running.full().await;
    tree.settled().await;
    stage.fail(job, job.size).await
}

async fn restart(job: Job) -> Figure {
    let stage = Stage::new(1);
    let failing = stage.clone();
    let tree = flat(&names(job.size), move |ctx, name, index| match index {
        0 => ctx.run(name, failing.failing()),
        _ => ctx.run(name, serve),
    });
    stage.running.full().await;
    tree.settled().await;
    stage.fail(job, 1).await
}

async fn group(job: Job) -> Figure {
    let stage = Stage::new(job.size);
    let (failing, names) = (stage.clone(), names(job.size));
    let tree = plant(move |ctx: Context| {
        let mut group = ctx.group("group", Strategy::OneForAll);
        for (index, name) in names.iter().enumerate() {
            group = match index {
                0 => group.run(name, failing.failing()),
                _ => group.run(name, serving(&failing.running)),
            };
        }
        async move {
            group.start()?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    });
    stage.running.full().await;
    tree.settled().await;
    stage.fail(job, job.size).await
}

async fn chain(job: Job) -> Figure {
    let stage = Stage::new(1);
    let (failing, depth) = (stage.clone(), job.size - 1);
    let tree = plant(move |ctx: Context| {
        let Stage { running, fail } = failing.clone();
        let top = runnable(move |ctx: Context| {
            let (running, fail) = (running.clone(), fail.clone());
            async move {
                // First, as the deepest may run before this goes on.
                let mut failed = pin!(fail.notified());
                failed.as_mut().enable();
                below(&ctx, &running, depth)?;
                ctx.healthy();
                failed.await;
                Err::<(), Box<dyn Error + Send + Sync>>(Again.into())
            }
        });
        async move {
            ctx.run("top", top.backoff(Backoff::none()))?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    });
    stage.running.full().await;
    tree.settled().await;
    stage.fail(job, job.size).await
}

/// Declares a child that declares a child that declares one, and so on; the deepest one counts.
fn below(ctx: &Context, running: &Arc<Counter>, depth: usize) -> Result<(), RunError> {
    let Some(depth) = depth.checked_sub(1) else {
        running.count();
        return Ok(());
    };
    let running = running.clone();
    let next = move |ctx: Context| {
        let running = running.clone();
        async move {
            below(&ctx, &running, depth)?;
            serve(ctx).await;
            Ok::<(), RunError>(())
        }
    };
    ctx.run("next", next).map(drop)
}

async fn stop(job: Job) -> Figure {
    let mut sum = Running::default();
    let names = names(job.size);
    for _ in 0..job.times() {
        let tree = flat(&names, |ctx, name, _| ctx.run(name, serve));
        tree.settled().await;
        let began = Instant::now();
        tree.stop().await.expect("nothing fails");
        sum.add(began.elapsed(), 0.0);
    }
    sum.figure(job)
}

async fn idle(job: Job) -> Figure {
    let tree = flat(&names(job.size), |ctx, name, _| ctx.run(name, serve));
    tree.settled().await;
    watch(IDLE).await
}
