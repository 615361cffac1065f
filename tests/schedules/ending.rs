//! A child exits by itself while it is stopped: with the tree, with its parent, with its group.

use perennial::{Backoff, Context, RunError, Runnable, Strategy, runnable};
use shuttle::future::yield_now;

use crate::explore::explore;
use crate::site::Site;
use crate::world::{Way, World, mortal, parent, server};

#[test]
fn an_exit_races_the_end_of_the_tree() {
    // L1, L2, L3, R7, R11. The child dies twice, and starts again in the task it had.
    explore(async || {
        let (root, child) = (Site::default(), Site::default());
        let world = World::start(parent(&root, mortal(&child, 2)));
        yield_now().await;
        world.end(&[&root, &child]).await;
    });
}

#[test]
fn a_child_exits_while_its_parent_falls() {
    // L1, L2, L3, L4. All three die once, whenever they like.
    explore(async || {
        let sites: [Site; 3] = Default::default();
        let [root, middle, child] = &sites;
        let middle = falling(middle, mortal(child, 1));
        let world = World::start(parent(root, middle));
        yield_now().await;
        world.end(&sites.each_ref()).await;
    });
}

#[test]
fn two_of_a_group_exit_together() {
    // L1, L3, L5. Neither meets the other's last incarnation.
    explore(async || {
        let sites: [Site; 3] = Default::default();
        let world = World::start(grouped(&sites));
        yield_now().await;
        world.end(&sites.each_ref()).await;
    });
}

#[test]
fn what_never_exits_is_stopped_once() {
    // L1, L3, R10, R11. Two more callers stop the tree, and hear the same.
    explore(async || {
        let (root, child) = (Site::default(), Site::default());
        let world = World::start(parent(&root, server(&child)));
        let callers = [(); 2].map(|()| {
            let tree = world.tree.clone();
            shuttle::future::spawn(async move { tree.stop().await.map(drop) })
        });
        world.stop(&[&root, &child]).await;
        for caller in callers {
            let heard = caller.await.expect("it is not aborted");
            heard.expect("nothing has failed");
        }
    });
}

/// Declares one child, and dies in its first incarnation.
fn falling<C: Runnable + Clone>(site: &Site, child: C) -> impl Runnable + Clone + use<C> {
    let site = site.clone();
    let run = move |ctx: Context| {
        let (part, child) = (site.enter(), child.clone());
        let is_first = site.starts() == 1;
        async move {
            let _part = part;
            ctx.run("child", child)?;
            ctx.healthy();
            yield_now().await;
            if is_first {
                Way::any().go()?;
            }
            ctx.cancelled().await;
            Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
        }
    };
    runnable(run).backoff(Backoff::none())
}

/// A root with a group of two, which die once each, and never meet another epoch.
fn grouped([root, one, two]: &[Site; 3]) -> impl Runnable + use<> {
    one.fall_with(two);
    two.fall_with(one);
    let (root, one, two) = (root.clone(), mortal(one, 1), mortal(two, 1));
    move |ctx: Context| {
        let (part, one, two) = (root.enter(), one.clone(), two.clone());
        async move {
            let _part = part;
            let group = ctx.group("both", Strategy::OneForAll);
            group.run("one", one).run("two", two).start()?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    }
}
