//! A child is started in a pool while the pool stops, falls with its parent, or ends with the tree.

use std::sync::Arc;
use std::time::Duration;

use perennial::{
    Backoff, Child, Context, Pool, RunError, Runnable, StartError, Strategy, Supervisor, once,
    runnable,
};
use shuttle::future::{JoinHandle, spawn, yield_now};
use tokio::sync::{mpsc::unbounded_channel, watch};

use crate::explore::explore;
use crate::site::{Site, pause, pick};
use crate::world::{Way, World};

/// The most children of the pools here.
const CHILDREN_MAX: usize = 2;

/// A task that gives the children it has started.
type Starting = JoinHandle<Vec<Child>>;

/// The pool of the root's last incarnation.
type Given = watch::Receiver<Option<Pool>>;

#[test]
fn a_start_races_the_end_of_its_pool() {
    // L1, L3, R13. What a refused start captured is gone too, each once.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, world) = world(&sites[0], 0);
        let starters = [(); 2].map(|()| starter(&given, &sites[1], 2));
        yield_now().await;
        end(world, &sites, starters).await;
    });
}

#[test]
fn what_was_accepted_is_gone_when_the_end_is_told() {
    // L1, R10, R11, R13. Never heard, aborted before its first poll, or run: nothing of it is left.
    explore(async || {
        let root = Site::default();
        let (accepts, mut accepted) = unbounded_channel();
        let (given, world) = world(&root, 0);
        let starters = [(); 2].map(|()| {
            let (given, accepts) = (given.clone(), accepts.clone());
            spawn(async move {
                let site = Site::default();
                if start(given, &site).await.is_some() {
                    // The test may have seen enough.
                    let _ = accepts.send(site);
                }
            })
        });
        drop(accepts);
        let first = match pick(2) {
            0 => accepted.recv().await,
            _ => None,
        };
        let ended = match pick(2) {
            0 => world.tree.stop(),
            _ => world.tree.stop_within(Duration::ZERO),
        };
        drop(ended.await);
        first.iter().for_each(Site::check);
        while let Ok(site) = accepted.try_recv() {
            site.check();
        }
        for starter in starters {
            starter.await.expect("it is not aborted");
        }
        world.log.check(&[&root]).await;
    });
}

#[test]
fn a_start_races_the_fall_of_its_parent() {
    // L1, L10, R13. A handle of the pool that fell is refused, and harms nothing of the next one.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, world) = world(&sites[0], 2);
        let starters = [(); 2].map(|()| starter(&given, &sites[1], 2));
        yield_now().await;
        end(world, &sites, starters).await;
    });
}

#[test]
fn a_pool_counts_its_children() {
    // R13. Never more than its limit, and none once all are forgotten.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, world) = world(&sites[0], 0);
        for starter in [(); 3].map(|()| starter(&given, &sites[1], 2)) {
            for child in starter.await.expect("it is not aborted") {
                child.ended().await;
            }
        }
        world.tree.settled().await;
        let left = given.borrow().as_ref().map_or(0, Pool::children);
        assert_eq!(left, 0, "R13: {left} are not forgotten");
        world.stop(&sites.each_ref()).await;
    });
}

#[test]
fn a_start_races_the_declaration_of_its_pool() {
    // R3, R13. What the pool takes stands in the queue after the pool, so it runs.
    explore(async || {
        let site = Site::default();
        let pool = Pool::new();
        let starters = [(); 2].map(|()| {
            let pool = pool.clone();
            spawn(async move {
                loop {
                    match pool.start(async |ctx: Context| ctx.healthy()) {
                        Ok(child) => return child,
                        Err(StartError::Undeclared) => yield_now().await,
                        Err(other) => panic!("R13: {other}"),
                    }
                }
            })
        });
        let world = World::start(above(&site, &pool));
        for starter in starters {
            let child = starter.await.expect("it is not aborted");
            child.first_start().await.expect("R13: it was accepted");
        }
        world.stop(&[&site]).await;
    });
}

/// A root that declares this pool, and serves.
fn above(site: &Site, pool: &Pool) -> impl Runnable + use<> {
    let (site, pool) = (site.clone(), pool.clone());
    move |ctx: Context| {
        let (part, pool) = (site.enter(), pool.clone());
        async move {
            let _part = part;
            ctx.group("pools", Strategy::OneForOne)
                .run("pool", pool)
                .start()?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    }
}

/// Ends a tree, and hears that each start was answered.
async fn end(world: World, sites: &[Site; 2], starters: [Starting; 2]) {
    if pick(2) == 0 {
        // All was said before it ends: what was accepted is gone when the end is told.
        for starter in starters {
            let _children = starter.await.expect("it is not aborted");
        }
        world.end(&sites.each_ref()).await;
    } else {
        let [root, _] = sites;
        world.end(&[root]).await;
        for starter in starters {
            for child in starter.await.expect("it is not aborted") {
                child.ended().await;
            }
        }
        sites[1].gone().await;
        sites[1].check();
    }
}

/// A root with a pool, which dies so many times.
fn world(root: &Site, deaths: usize) -> (Given, World) {
    let (site, (gives, given)) = (root.clone(), watch::channel(None));
    let gives = Arc::new(gives);
    let run = move |ctx: Context| {
        let (part, gives) = (site.enter(), gives.clone());
        let is_mortal = site.starts() <= deaths;
        async move {
            let _part = part;
            drop(gives.send_replace(Some(ctx.pool("pool")?)));
            ctx.healthy();
            yield_now().await;
            if is_mortal {
                let _ = Way::any().go();
                return Ok::<(), RunError>(());
            }
            ctx.cancelled().await;
            Ok(())
        }
    };
    let run = runnable(run).backoff(Backoff::none());
    let supervisor = Supervisor::new(run).children_max(CHILDREN_MAX);
    (given, World::with(supervisor))
}

/// A task that starts so many children, each after the other's start.
fn starter(given: &Given, site: &Site, starts: usize) -> Starting {
    let (given, site) = (given.clone(), site.clone());
    spawn(async move {
        let mut children = Vec::new();
        for _ in 0..starts {
            pause();
            let child = start(given.clone(), &site).await;
            if let Some(child) = child.as_ref().filter(|_| pick(2) == 0) {
                child.ended().await;
            }
            children.extend(child);
        }
        children
    })
}

/// Starts a child in the pool of the root, if there comes to be one and it takes it.
async fn start(mut given: Given, site: &Site) -> Option<Child> {
    let pool = given.wait_for(Option::is_some).await.ok()?.clone()?;
    pause();
    let part = site.part();
    let child = pool.start(once(async move |ctx: Context| {
        let _part = part;
        if pick(2) == 0 {
            ctx.healthy();
            yield_now().await;
        }
        Way::any().go()
    }));
    assert!(pool.children() <= CHILDREN_MAX, "R13: {pool:?}");
    child.ok()
}
