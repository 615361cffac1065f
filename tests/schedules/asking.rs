//! Whoever asks while the tree ends is answered, and what is answered is true.

use std::time::Duration;

use perennial::{Backoff, Child, Context, Event, RunError, Runnable, What, runnable};
use shuttle::future::{spawn, yield_now};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::explore::explore;
use crate::laws::render;
use crate::site::{Site, pause, pick};
use crate::world::{Way, World, mortal};

#[test]
fn whoever_asks_of_a_child_while_the_tree_ends_is_answered() {
    // R3, R11. The child dies twice, and the handles outlive the tree.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (gives, mut given) = unbounded_channel();
        let world = World::start(giver(&sites[0], mortal(&sites[1], 2), gives));
        let asker = spawn(async move {
            while let Some(child) = given.recv().await {
                ask(&child).await;
                ask(&child).await;
            }
        });
        yield_now().await;
        world.end(&sites.each_ref()).await;
        asker.await.expect("it is not aborted");
    });
}

#[test]
fn whoever_asks_of_the_tree_while_it_ends_is_answered() {
    // R11, R12, R17. A handle asks, another stops the tree.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (gives, _given) = unbounded_channel();
        let world = World::start(giver(&sites[0], mortal(&sites[1], 1), gives));
        let askers = [(); 2].map(|()| {
            let tree = world.tree.clone();
            spawn(async move {
                match pick(3) {
                    0 => tree.settled().await,
                    1 => tree.ready().await,
                    _ => assert!(!tree.snapshot().await.nodes.is_empty()),
                }
            })
        });
        pause();
        let ended = match pick(2) {
            0 => world.tree.stop(),
            _ => world.tree.stop_within(Duration::ZERO),
        };
        drop(ended.await);
        for asker in askers {
            asker.await.expect("it is not aborted");
        }
        world.log.check(&sites.each_ref()).await;
    });
}

#[test]
fn whoever_reads_events_reads_the_last_one() {
    // R17. The stream ends after the end of the tree was told, however late its reader is.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (gives, _given) = unbounded_channel();
        let world = World::start(giver(&sites[0], mortal(&sites[1], 1), gives));
        let mut events = world.tree.events();
        let reader = spawn(async move {
            let mut last = None;
            while let Some(event) = events.next().await {
                last = Some(event.expect("the log is short"));
            }
            last
        });
        yield_now().await;
        world.stop(&sites.each_ref()).await;
        let last: Option<Event> = reader.await.expect("it is not aborted");
        let what = last.map(|event| event.what);
        assert!(matches!(what, Some(What::Stopped)), "R17: {what:?}");
    });
}

#[test]
fn settled_is_told_when_nothing_follows() {
    // R12. Children wake themselves and each other before they are healthy, and one fails.
    explore(async || {
        let sites: [Site; 4] = Default::default();
        let mut world = World::start(chained(&sites));
        pause();
        world.tree.settled().await;
        let before = world.log.drain().len();
        let snapshot = world.tree.snapshot().await;
        assert!(snapshot.is_settled, "R12: {snapshot}");
        assert_eq!(snapshot.nodes.len(), 4, "R12: {snapshot}");
        yield_now().await;
        drop(world.tree.stop().await);
        let log = world.log.read().await;
        let next = &log[before].what;
        let text = render(log);
        assert!(matches!(next, What::Stopping { .. }), "R12: {next}\n{text}");
        world.log.check(&sites.each_ref()).await;
    });
}

async fn ask(child: &Child) {
    // Any answer will do; it may be that the child will never be healthy.
    match pick(3) {
        0 => drop(child.healthy().await),
        1 => drop(child.first_start().await),
        _ => drop(child.ended().await),
    }
}

/// A root that gives away the handle of its child.
fn giver<C: Runnable + Clone>(
    site: &Site,
    child: C,
    gives: UnboundedSender<Child>,
) -> impl Runnable + use<C> {
    let site = site.clone();
    move |ctx: Context| {
        let (part, child, gives) = (site.enter(), child.clone(), gives.clone());
        async move {
            let _part = part;
            // Who does not listen does not need to.
            let _ = gives.send(ctx.run("child", child)?);
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    }
}

/// A root whose children become healthy one after the other: the first wakes itself, the second is
/// woken by a task outside of the tree, the third fails once.
fn chained([root, one, two, three]: &[Site; 4]) -> impl Runnable + use<> {
    let (site, one, two) = (root.clone(), woken(one, false, 0), woken(two, true, 0));
    let three = woken(three, true, 1);
    move |ctx: Context| {
        let part = site.enter();
        let (one, two, three) = (one.clone(), two.clone(), three.clone());
        async move {
            let _part = part;
            ctx.run("one", one)?.healthy().await.expect("it serves");
            ctx.run("two", two)?;
            ctx.run("three", three)?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    }
}

/// Is healthy after it was woken, unless it fails then: so many times.
fn woken(site: &Site, from_outside: bool, deaths: usize) -> impl Runnable + Clone + use<> {
    let site = site.clone();
    let run = move |ctx: Context| {
        let part = site.enter();
        let is_mortal = site.starts() <= deaths;
        async move {
            let _part = part;
            if from_outside {
                let (wakes, woken) = oneshot::channel();
                drop(spawn(async move { wakes.send(()) }));
                woken.await.expect("it is sent");
            } else {
                yield_now().await;
                yield_now().await;
            }
            if is_mortal {
                return Way::any().go();
            }
            ctx.healthy();
            yield_now().await;
            ctx.cancelled().await;
            Ok(())
        }
    };
    runnable(run).backoff(Backoff::none())
}
