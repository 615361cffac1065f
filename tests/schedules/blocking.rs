//! Runnables on threads of their own, while they end, are aborted and start again.

use std::time::Duration;

use perennial::{Backoff, Context, Runnable, blocking};
use shuttle::future::yield_now;
use shuttle::thread;

use crate::explore::explore;
use crate::site::{Site, pick};
use crate::world::{Way, World, parent};

#[test]
fn a_thread_is_gone_before_its_end_is_told() {
    // L1, L3, R15. Its task may be aborted before the thread begins, or when it has just ended.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let world = World::start(parent(&sites[0], blocker(&sites[1])));
        yield_now().await;
        if pick(2) == 0 {
            // Overtaken, or refused while it waits to start.
            drop(world.tree.node("root.child").restart().await);
        }
        world.end(&sites.each_ref()).await;
    });
}

/// Dies twice. Asked to stop, it gets no time.
fn blocker(site: &Site) -> impl Runnable + Clone + use<> {
    let (site, captured) = (site.clone(), site.captured());
    let run = move |ctx: Context| {
        let _captured = &captured;
        let _part = site.enter();
        let is_mortal = site.starts() <= 2;
        ctx.healthy();
        thread::yield_now();
        if is_mortal {
            return Way::any().go();
        }
        while !ctx.is_cancelled() {
            thread::yield_now();
        }
        Ok(())
    };
    blocking(run).backoff(Backoff::none()).grace(Duration::ZERO)
}
