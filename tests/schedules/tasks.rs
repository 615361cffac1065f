//! Tasks of a pool are awaited, cancelled and dropped while they, or their pool, come to an end;
//! and a pool drains meanwhile.

use std::sync::Arc;

use futures::{StreamExt, stream};
use perennial::{Context, Pool, RunError, Task, TaskError};
use shuttle::future::{spawn, yield_now};
use tokio::sync::watch;

use crate::explore::explore;
use crate::site::{Site, pause, pick};
use crate::world::World;

/// What each task gives, if it gives anything.
const OUTPUT: u8 = 7;

#[test]
fn a_task_is_awaited_while_something_stops_it() {
    // L1, R13. One result, when nothing of it is left; no stop, no stopped.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (pool, world) = pooled(&sites[0]).await;
        let task = begin(&pool, &sites[1]).expect("it stands");
        let ways = pick(3);
        let child = task.child().clone();
        let pools = world.tree.node("root.pool");
        let stopper = spawn(async move {
            pause();
            match ways {
                0 => {}
                1 => drop(child.terminate().await),
                _ => drop(pools.terminate().await),
            }
        });
        let result = task.await;
        assert_eq!(sites[1].alive(), 0, "R13: {result:?}");
        match result {
            Ok(output) => assert_eq!(output, OUTPUT),
            Err(TaskError::Failed { source, .. }) => assert!(source.exit.is_some(), "{source}"),
            Err(error) => assert_ne!(ways, 0, "{error}"),
        }
        stopper.await.expect("it is not aborted");
        world.end(&sites.each_ref()).await;
    });
}

#[test]
fn a_task_that_is_cancelled_leaves_nothing() {
    // L1, R13. The handle is dropped before, while and after it runs.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (pool, world) = pooled(&sites[0]).await;
        for _ in 0..2 {
            let task = begin(&pool, &sites[1]).expect("it stands").cancel_on_drop();
            let child = task.child().clone();
            pause();
            drop(task);
            child.ended().await;
            assert_eq!(sites[1].alive(), 0, "R13: {child:?}");
        }
        assert_eq!(pool.children(), 0, "R13: not forgotten");
        world.stop(&sites.each_ref()).await;
    });
}

#[test]
fn a_stream_of_tasks_is_dropped_early() {
    // L1, R13. What it has begun is stopped, and the rest never begins.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (pool, world) = pooled(&sites[0]).await;
        let site = sites[1].clone();
        let mut results = pool.stream(stream::iter(0..4), 2, move |_| job(&site));
        for _ in 0..pick(3) {
            assert!(results.next().await.is_some());
        }
        drop(results);
        pool.drain().await;
        assert_eq!(sites[1].alive(), 0, "R13");
        world.stop(&sites.each_ref()).await;
    });
}

#[test]
fn a_pool_drains_while_children_come_and_go() {
    // R13. Nobody comes after it began, and nobody is left when it is over.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (pool, world) = pooled(&sites[0]).await;
        let comers = [(); 2].map(|()| {
            let (pool, site) = (pool.clone(), sites[1].clone());
            spawn(async move { [(); 2].map(|()| drop(begin(&pool, &site))) })
        });
        pause();
        let drained = pool.drain();
        assert!(begin(&pool, &sites[1]).is_none(), "R13: it drains");
        let is_stopped = pick(2) == 0;
        let stopped = is_stopped.then(|| world.tree.node("root.pool").terminate());
        drained.await;
        assert_eq!(pool.children(), 0, "R13: somebody is left");
        for comer in comers {
            comer.await.expect("it is not aborted");
        }
        assert_eq!(sites[1].alive(), 0, "R13: somebody came");
        drop(stopped);
        world.end(&sites.each_ref()).await;
    });
}

/// Starts a task in a pool, if it takes it.
fn begin(pool: &Pool, site: &Site) -> Option<Task<u8>> {
    pause();
    pool.task(job(site)).ok()
}

/// A task that comes to an end by itself.
fn job(
    site: &Site,
) -> impl FnOnce(Context) -> futures::future::BoxFuture<'static, Result<u8, &'static str>> + use<> {
    let part = site.part();
    move |ctx| {
        Box::pin(async move {
            let _part = part;
            if pick(2) == 0 {
                ctx.healthy();
                yield_now().await;
            }
            match pick(3) {
                0 => Ok(OUTPUT),
                1 => Err("it fails"),
                _ => panic!("it panics"),
            }
        })
    }
}

/// A root with a pool.
async fn pooled(site: &Site) -> (Pool, World) {
    let (gives, mut given) = watch::channel(None);
    let (site, gives) = (site.clone(), Arc::new(gives));
    let root = move |ctx: Context| {
        let (part, gives) = (site.enter(), gives.clone());
        async move {
            let _part = part;
            drop(gives.send_replace(Some(ctx.pool("pool")?)));
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    };
    let world = World::start(root);
    let pool = given.wait_for(Option::is_some).await;
    let pool = pool.expect("the root lives").clone();
    (pool.expect("it was waited for"), world)
}
