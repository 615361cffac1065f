//! The same work on the tree, through the public API.

use std::sync::Arc;
use std::time::{Duration, Instant};

use perennial::{Backoff, Context, Name, RunError, Supervisor, Tree, runnable};
use tokio::sync::Notify;

use crate::measure::{Counter, Figure, resident, watch};

/// A flat tree of children that count, say that they are healthy and wait.
fn flat(names: Arc<Vec<Name>>, counter: Arc<Counter>) -> Tree {
    let root = move |ctx: Context| {
        let (names, counter) = (names.clone(), counter.clone());
        async move {
            for name in names.iter() {
                let counter = counter.clone();
                ctx.run(name, move |ctx: Context| {
                    counter.count();
                    async move {
                        ctx.healthy();
                        ctx.cancelled().await;
                    }
                })?;
            }
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    Supervisor::new(root).start()
}

fn names(count: usize) -> Arc<Vec<Name>> {
    let names = (0..count).map(|index| Name::sanitize(&format!("child-{index}")));
    Arc::new(names.collect())
}

pub(crate) async fn start(children: usize) -> Figure {
    let names = names(children);
    let counter = Arc::new(Counter::new(children));
    let before = resident();
    let began = Instant::now();
    let tree = flat(names, counter.clone());
    counter.full().await;
    let ns = began.elapsed().as_nanos() as f64 / children as f64;
    tree.settled().await;
    Figure {
        ns,
        bytes: (resident() - before) / children as f64,
        ..Figure::default()
    }
}

pub(crate) async fn idle(children: usize, time: Duration) -> Figure {
    let counter = Arc::new(Counter::new(children));
    let tree = flat(names(children), counter);
    tree.settled().await;
    watch(time).await
}

/// Restarts one child, over and over, beside all the others.
pub(crate) async fn restart(children: usize) -> Figure {
    const RESTARTS: usize = 2_000;
    let names = names(children - 1);
    let (fail, started) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let root = {
        let (fail, started) = (fail.clone(), started.clone());
        move |ctx: Context| {
            let (fail, started, names) = (fail.clone(), started.clone(), names.clone());
            async move {
                for name in names.iter() {
                    ctx.run(name, |ctx: Context| async move {
                        ctx.healthy();
                        ctx.cancelled().await;
                    })?;
                }
                let failing = runnable(move |ctx: Context| {
                    let (fail, started) = (fail.clone(), started.clone());
                    async move {
                        ctx.healthy();
                        started.notify_one();
                        fail.notified().await;
                        Err::<(), _>("again")
                    }
                });
                ctx.run("failing", failing.backoff(Backoff::none()))?;
                ctx.done();
                Ok::<(), RunError>(())
            }
        }
    };
    let supervisor = Supervisor::new(root);
    // Somebody listens, so that 2 000 deaths are not printed.
    let _events = supervisor.events();
    let tree = supervisor.start();
    started.notified().await;
    tree.settled().await;
    let began = Instant::now();
    for _ in 0..RESTARTS {
        fail.notify_one();
        started.notified().await;
    }
    Figure {
        ns: began.elapsed().as_nanos() as f64 / RESTARTS as f64,
        ..Figure::default()
    }
}
