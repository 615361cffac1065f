//! Published values, while their publisher returns, falls with its group, is ordered about and ends
//! with its tree.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use perennial::{Backoff, Context, Published, RunError, Runnable, Strategy, runnable};
use shuttle::future::{spawn, yield_now};

use crate::explore::explore;
use crate::site::{Site, pause, pick};
use crate::world::{Way, World};

/// What is published: how often its publisher had started.
type Epoch = usize;

#[test]
fn nobody_reads_what_an_epoch_before_has_published_and_nobody_hangs() {
    // L5, L10. What is asserted in supervised code would be an exit, so it is counted.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        sites[0].fall_with(&sites[1]);
        sites[1].fall_with(&sites[0]);
        let (value, wrong) = (Published::new(), Arc::new(AtomicUsize::new(0)));
        let is_declared = Arc::new(AtomicBool::new(false));
        let server = publisher(&sites[0], &value);
        let client = reader(&sites[1], &value, &wrong);
        let declares = is_declared.clone();
        let world = World::start(move |ctx: Context| {
            let pair = ctx.group("pair", Strategy::OneForAll);
            let pair = pair.run("server", server.clone());
            let declared = pair.run("client", client.clone()).start();
            declares.fetch_or(declared.is_ok(), Ordering::Relaxed);
            async move {
                declared?;
                ctx.healthy();
                ctx.cancelled().await;
                Ok::<_, RunError>(())
            }
        });
        let follower = spawn(follow(value));
        yield_now().await;
        let server = world.tree.node("root.server");
        // Each may be refused, and overtaken.
        match pick(3) {
            0 => drop(server.restart().await),
            1 => drop(server.terminate().await),
            _ => {}
        }
        world.end(&sites.each_ref()).await;
        assert_eq!(wrong.load(Ordering::Relaxed), 0, "L5: read in a later one");
        if is_declared.load(Ordering::Relaxed) {
            follower.await.expect("it is not aborted");
        } else {
            // Somebody else might publish.
            follower.abort();
        }
    });
}

/// Reads until there is nothing more to read, outside of the tree.
async fn follow(value: Published<Epoch>) {
    let (mut values, mut last) = (value.watch(), 0);
    while let Ok(epoch) = values.next().await {
        assert!(epoch >= last, "L10: {epoch} after {last}");
        last = epoch;
        if pick(2) == 0 {
            values.outdated().await;
        }
    }
}

/// Publishes its epoch, and so does a clone that may outlive it. Dies twice, or is Done.
fn publisher(site: &Site, value: &Published<Epoch>) -> impl Runnable + Clone + use<> {
    let (site, own) = (site.clone(), value.clone());
    let code = move |ctx: Context| {
        let part = site.enter();
        let epoch = site.starts();
        let (stray, late) = (ctx.clone(), own.clone());
        spawn(async move {
            pause();
            // Refused when that incarnation has ended.
            drop(late.publish(&stray, epoch));
        });
        let own = own.clone();
        async move {
            let _part = part;
            pause();
            own.publish(&ctx, epoch)?;
            if pick(2) == 0 {
                ctx.done();
            }
            yield_now().await;
            if epoch > 2 {
                ctx.healthy();
                ctx.cancelled().await;
                return Ok(());
            }
            Way::any().go()?;
            Ok::<_, Box<dyn Error + Send + Sync>>(())
        }
    };
    runnable(code).backoff(Backoff::none()).publishes(value)
}

/// Begins in the epoch of its publisher, and counts what it reads of another. May die twice.
fn reader(
    site: &Site,
    value: &Published<Epoch>,
    wrong: &Arc<AtomicUsize>,
) -> impl Runnable + Clone + use<> {
    let (site, value, wrong) = (site.clone(), value.clone(), wrong.clone());
    let code = move |ctx: Context| {
        let (part, epoch) = (site.enter(), site.starts());
        let (value, wrong) = (value.clone(), wrong.clone());
        let check = move |found: Option<Epoch>| {
            let is_wrong = found.is_some_and(|found| found != epoch);
            wrong.fetch_add(usize::from(is_wrong), Ordering::Relaxed);
        };
        check(value.peek());
        async move {
            let _part = part;
            let got = ctx.until_cancelled(value.get()).await;
            check(got.and_then(Result::ok));
            ctx.healthy();
            if epoch <= 2 && pick(2) == 0 {
                return Way::any().go();
            }
            ctx.cancelled().await;
            check(value.peek());
            Ok(())
        }
    };
    runnable(code).backoff(Backoff::none())
}
