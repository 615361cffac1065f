//! A child is declared by a clone of the context, in another task, while the incarnation ends.

use perennial::{Backoff, Child, Context, Event, RunError, Strategy, What, runnable};
use shuttle::future::{JoinHandle, spawn};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::explore::explore;
use crate::site::{Site, pause, pick};
use crate::world::{Way, World, server};

/// What a clone was told, and by which incarnation.
type Told = (u64, Result<Vec<Child>, RunError>);

#[test]
fn what_was_accepted_stands_before_the_exit() {
    // L3, L6, R3. Accepted is declared, refused is not, and whoever holds a child is answered.
    explore(async || {
        let sites: [Site; 4] = Default::default();
        let (tells, mut told) = unbounded_channel();
        let mut world = World::start(root(&sites, tells));
        pause();
        if pick(2) == 0 {
            world.hand.advance(std::time::Duration::from_secs(1));
        }
        let ended = world.tree.ended();
        drop(world.tree.stop());
        drop(ended.await);
        let mut tells = Vec::new();
        while let Some(declaring) = told.recv().await {
            let declaring: JoinHandle<Told> = declaring;
            tells.push(declaring.await.expect("it is not aborted"));
        }
        for (_, told) in &tells {
            for child in told.iter().flatten() {
                // It may never have started.
                let _ = child.ended().await;
                let _ = child.first_start().await;
                child.healthy().await.expect_err("the tree has ended");
            }
        }
        let log = world.log.read().await;
        for (parent, told) in tells {
            check_declared(log, parent, &told);
        }
        world.log.check(&sites.each_ref()).await;
    });
}

/// What was accepted is declared between the start and the exit of its parent.
fn check_declared(log: &[Event], parent: u64, told: &Result<Vec<Child>, RunError>) {
    let of_parent = log.iter().skip_while(|event| event.incarnation != parent);
    let until_exit = of_parent.take_while(|event| {
        event.incarnation != parent || !matches!(event.what, What::Exited { .. })
    });
    let declared = until_exit.filter(|event| {
        let is_below = event.path.parent().is_some_and(|it| it == "root.parent");
        matches!(event.what, What::Declared) && is_below
    });
    let wanted = told.as_ref().map_or(0, Vec::len);
    let text = crate::laws::render(log);
    assert_eq!(declared.count(), wanted, "L6: #{parent} {told:?}\n{text}");
}

/// A root whose child gives its context away and ends.
fn root(
    [root, parent, one, two]: &[Site; 4],
    tells: UnboundedSender<JoinHandle<Told>>,
) -> impl perennial::Runnable + use<> {
    let (site, parent) = (root.clone(), parent.clone());
    let children = [server(one), server(two)];
    move |ctx: Context| {
        let part = site.enter();
        let (parent, children, tells) = (parent.clone(), children.clone(), tells.clone());
        let run = move |ctx: Context| {
            let part = parent.enter();
            let (giver, [one, two]) = (ctx.clone(), children.clone());
            let declaring = spawn(async move {
                let told = if pick(2) == 0 {
                    giver.run("one", one).map(|child| vec![child])
                } else {
                    let group = giver.group("both", Strategy::OneForAll);
                    group.run("one", one).run("two", two).start()
                };
                (giver.incarnation(), told)
            });
            tells.send(declaring).expect("the test listens");
            let stays = pick(2) == 0;
            async move {
                let _part = part;
                pause();
                if stays {
                    ctx.cancelled().await;
                }
                Way::any().go()
            }
        };
        let run = ctx.run("parent", runnable(run).backoff(Backoff::constant(SECOND)));
        async move {
            let _part = part;
            run?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    }
}

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);
