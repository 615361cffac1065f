//! What an incarnation owns, and what clones make it own, while it returns and is aborted.

use std::future::pending;
use std::time::Duration;

use perennial::{Backoff, Context, Hold, OwnError, Runnable, runnable};
use shuttle::future::{JoinHandle, spawn, yield_now};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::explore::explore;
use crate::site::{Part, Site, pause, pick};
use crate::world::{Way, World, parent};

#[test]
fn an_owned_task_is_gone_before_its_end_is_told() {
    // L1, R10, R14. Some are aborted before their first poll: what they captured is gone first.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let world = World::start(parent(&sites[0], owner(&sites[1])));
        yield_now().await;
        world.end(&sites.each_ref()).await;
    });
}

#[test]
fn what_a_clone_makes_it_own_is_refused_or_waited_for() {
    // L1, L10, R14. A clone holds, or spawns, while the incarnation returns.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let strays = Site::default();
        let (tells, mut told) = unbounded_channel();
        let world = World::start(parent(&sites[0], lender(&sites[1], &strays, tells)));
        yield_now().await;
        world.end(&sites.each_ref()).await;
        while let Some(keeper) = told.recv().await {
            keeper.await.expect("it is not aborted");
        }
        strays.gone().await;
    });
}

#[test]
fn an_owned_panic_races_the_return() {
    // L3, R5, R14. It fails its owner, or is told when the owner had returned.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let world = World::start(parent(&sites[0], careless(&sites[1])));
        yield_now().await;
        world.end(&sites.each_ref()).await;
    });
}

/// Dies twice, each time with two tasks of its own, which get no time to end.
fn owner(site: &Site) -> impl Runnable + Clone + use<> {
    let site = site.clone();
    let run = move |ctx: Context| {
        let part = site.enter();
        let is_mortal = site.starts() <= 2;
        for _ in 0..2 {
            let (own, part) = (ctx.clone(), site.part());
            let owned = ctx.spawn(async move {
                let _part = part;
                match pick(3) {
                    0 => own.cancelled().await,
                    1 => yield_now().await,
                    _ => pending().await,
                }
            });
            // Its first poll may be its last.
            drop(owned.expect("it runs"));
        }
        async move {
            let _part = part;
            ctx.healthy();
            if is_mortal {
                return Way::any().go();
            }
            ctx.cancelled().await;
            Ok(())
        }
    };
    runnable(run).backoff(Backoff::none()).grace(Duration::ZERO)
}

/// Dies twice, while a clone of its context holds it and spawns.
fn lender(
    site: &Site,
    strays: &Site,
    tells: UnboundedSender<JoinHandle<()>>,
) -> impl Runnable + Clone + use<> {
    let (site, strays) = (site.clone(), strays.clone());
    let run = move |ctx: Context| {
        let part = site.enter();
        let is_mortal = site.starts() <= 2;
        let keeper = spawn(keep(ctx.clone(), site.clone(), strays.clone()));
        // The test listens until the tree has ended.
        let _ = tells.send(keeper);
        async move {
            let _part = part;
            ctx.healthy();
            pause();
            if is_mortal {
                return Way::any().go();
            }
            ctx.cancelled().await;
            Ok(())
        }
    };
    runnable(run).backoff(Backoff::none())
}

/// Makes the incarnation of a context own something.
async fn keep(ctx: Context, site: Site, strays: Site) {
    if pick(2) == 0 {
        let held: Result<Hold, OwnError> = ctx.hold("a thing");
        // Dropped before the hold, which keeps the next incarnation from starting.
        let part: Option<(Part, Hold)> = held.ok().map(|hold| (site.part(), hold));
        yield_now().await;
        drop(part);
    } else {
        let (own, part) = (ctx.clone(), strays.part());
        let owned = ctx.spawn(async move {
            let _part = part;
            own.cancelled().await;
            true
        });
        match owned {
            // It was polled to its end, or aborted with the tree.
            Ok(owned) => drop(owned.await),
            Err(refused) => assert!(matches!(refused, OwnError::Ended { .. })),
        }
    }
}

/// Dies twice, while a task of its own panics.
fn careless(site: &Site) -> impl Runnable + Clone + use<> {
    let site = site.clone();
    let run = move |ctx: Context| {
        let (part, of_task) = (site.enter(), site.part());
        let is_mortal = site.starts() <= 2;
        let owned = is_mortal.then(|| {
            let owned = ctx.spawn(async move {
                let _part = of_task;
                yield_now().await;
                panic!("it panics");
            });
            owned.expect("it runs")
        });
        async move {
            let _part = part;
            ctx.healthy();
            match owned {
                Some(owned) if pick(2) == 0 => {
                    drop(owned.await);
                    Ok(())
                }
                Some(_) => Way::any().go(),
                None => {
                    ctx.cancelled().await;
                    Ok(())
                }
            }
        }
    };
    runnable(run).backoff(Backoff::none())
}
