//! Signals of clones race the exit and the stop.

use perennial::{Backoff, Context, Event, RunError, Signal, What, runnable};
use shuttle::future::{JoinHandle, spawn};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::explore::explore;
use crate::site::{Site, pause, pick};
use crate::world::{Way, World};

/// The incarnation of which a clone spoke.
type Spoken = JoinHandle<u64>;

#[test]
fn what_a_clone_says_is_heard_once_or_told_as_ignored() {
    // L6, L10, R4. A clone says healthy while its incarnation returns, restarts or is stopped.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (tells, mut told) = unbounded_channel();
        let mut world = World::start(root(&sites, tells, |ctx| ctx.healthy()));
        pause();
        let mut heard = Vec::new();
        if pick(2) == 0
            && let Some(spoken) = told.recv().await
        {
            heard.push(spoken.await.expect("it is not aborted"));
        }
        let ended = world.tree.stop();
        drop(ended.await);
        while let Some(spoken) = told.recv().await {
            spoken.await.expect("it is not aborted");
        }
        let log = world.log.read().await;
        for incarnation in heard {
            let of_it = log.iter().filter(|event| event.incarnation == incarnation);
            let count = of_it.filter(|event| tells_of_healthy(event)).count();
            assert_eq!(count, 1, "L6: #{incarnation}\n{}", crate::laws::render(log));
        }
        world.log.check(&sites.each_ref()).await;
    });
}

#[test]
fn any_words_of_clones_race_the_end() {
    // L3, L6, L10, R4. Whatever is said, in whatever order: the exit is read once.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (tells, mut told) = unbounded_channel();
        let world = World::start(root(&sites, tells, |ctx| match pick(4) {
            0 => ctx.healthy(),
            1 => ctx.done(),
            2 => ctx.restart(),
            _ => ctx.give_up(),
        }));
        pause();
        world.end(&sites.each_ref()).await;
        while let Some(spoken) = told.recv().await {
            spoken.await.expect("it is not aborted");
        }
    });
}

fn tells_of_healthy(event: &Event) -> bool {
    let is_ignored = matches!(
        event.what,
        What::SignalIgnored {
            signal: Signal::Healthy
        }
    );
    is_ignored || matches!(event.what, What::Healthy)
}

/// A root with a child that gives its context away twice and ends, twice.
fn root(
    [root, child]: &[Site; 2],
    tells: UnboundedSender<Spoken>,
    say: fn(&Context),
) -> impl perennial::Runnable + use<> {
    let (site, child) = (root.clone(), child.clone());
    move |ctx: Context| {
        let (part, child, tells) = (site.enter(), child.clone(), tells.clone());
        let run = move |ctx: Context| {
            let part = child.enter();
            let is_mortal = child.starts() <= 2;
            for _ in 0..2 {
                let giver = ctx.clone();
                let spoken = spawn(async move {
                    say(&giver);
                    giver.incarnation()
                });
                // Who does not listen does not need to.
                let _ = tells.send(spoken);
            }
            async move {
                let _part = part;
                pause();
                if is_mortal {
                    return Way::any().go();
                }
                ctx.cancelled().await;
                Way::any().go()
            }
        };
        let run = ctx.run("child", runnable(run).backoff(Backoff::none()));
        async move {
            let _part = part;
            run?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    }
}
