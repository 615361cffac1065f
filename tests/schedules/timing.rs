//! Deadlines, on a clock that a test moves: each races what it waits for.

use std::time::Duration;

use perennial::{Backoff, Context, Hold, Runnable, Supervisor, runnable};
use shuttle::future::{spawn, yield_now};
use tokio::sync::{mpsc, oneshot};

use crate::explore::explore;
use crate::site::{Site, pause, pick};
use crate::world::{Way, World, parent};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_grace_ends_while_its_incarnation_returns() {
    // L1, L3, L9, R10. Aborted or returned: one of the two, and the stop ends.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (gives, mut given) = mpsc::unbounded_channel();
        let World { tree, hand, log } = World::start(parent(&sites[0], stubborn(&sites[1], gives)));
        let ended = tree.stop();
        let releaser = spawn(async move {
            while let Some(release) = given.recv().await {
                let release: oneshot::Sender<()> = release;
                // It may have been aborted.
                let _ = release.send(());
            }
        });
        pause();
        hand.advance(SECOND);
        drop(ended.await);
        releaser.await.expect("it is not aborted");
        log.check(&sites.each_ref()).await;
    });
}

#[test]
fn a_leak_is_declared_while_it_ends() {
    // L3, L9, L10, R10. Leaked by name, or ended in time; what comes later harms nothing.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (gives, mut given) = mpsc::unbounded_channel();
        let root = parent(&sites[0], holder(&sites[1], gives));
        let world = World::with(Supervisor::new(root).leak_after(SECOND));
        let World { tree, hand, log } = world;
        let keeper = spawn(async move {
            while let Some(hold) = given.recv().await {
                let hold: Hold = hold;
                yield_now().await;
                drop(hold);
            }
        });
        yield_now().await;
        let ended = tree.stop();
        let mover = spawn(async move {
            for _ in 0..4 {
                hand.advance(SECOND);
                yield_now().await;
            }
            hand
        });
        let report = ended.await.expect("nothing has failed");
        keeper.await.expect("it is not aborted");
        drop(mover.await);
        sites[1].gone().await;
        let leaked: Vec<_> = report.leaked().cloned().collect();
        log.check_leaks(&leaked).await;
    });
}

#[test]
fn a_backoff_is_due_while_the_tree_ends() {
    // L2, L3, R8. Started again or cut short.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let world = World::start(parent(&sites[0], failing(&sites[1])));
        yield_now().await;
        let (tree, pace) = (world.tree.clone(), pick(3));
        let stopper = spawn(async move {
            for _ in 0..pace {
                yield_now().await;
            }
            drop(tree.stop().await);
        });
        for _ in 0..3 {
            world.hand.advance(SECOND);
            yield_now().await;
        }
        stopper.await.expect("it is not aborted");
        world.log.check(&sites.each_ref()).await;
    });
}

/// Does not listen: it returns when it is released.
fn stubborn(
    site: &Site,
    gives: mpsc::UnboundedSender<oneshot::Sender<()>>,
) -> impl Runnable + Clone {
    let site = site.clone();
    let run = move |ctx: Context| {
        let (part, (release, released)) = (site.enter(), oneshot::channel());
        // The test listens until the tree has ended.
        let _ = gives.send(release);
        async move {
            let _part = part;
            ctx.healthy();
            // Released, or nobody is left who could.
            let _ = released.await;
            Way::any().go()
        }
    };
    runnable(run).grace(SECOND)
}

/// Returns as it is asked to, and leaves a hold behind.
fn holder(site: &Site, gives: mpsc::UnboundedSender<Hold>) -> impl Runnable + Clone {
    let site = site.clone();
    let run = move |ctx: Context| {
        let part = site.enter();
        // The test listens until the tree has ended.
        let _ = ctx.hold("a file").map(|hold| gives.send(hold));
        async move {
            let _part = part;
            ctx.healthy();
            ctx.cancelled().await;
        }
    };
    runnable(run).grace(SECOND)
}

/// Fails, and is started again a second later.
fn failing(site: &Site) -> impl Runnable + Clone + use<> {
    let site = site.clone();
    let run = move |_ctx: Context| {
        let part = site.enter();
        async move {
            let _part = part;
            Way::any().go()
        }
    };
    runnable(run).backoff(Backoff::constant(SECOND))
}
