//! Orders race what they are about: exits, other orders, the end of the tree, starts in a pool.

use perennial::{
    Backoff, Child, Context, Effect, Node, Order, OrderError, OrderKind, Pool, RunError, Runnable,
    Strategy, What, once, runnable,
};
use shuttle::future::{spawn, yield_now};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

use crate::explore::explore;
use crate::site::{Site, pause, pick};
use crate::world::{Way, World, mortal, server};

/// What the last incarnation of the root has declared.
type Given<T> = watch::Receiver<Option<T>>;

type Answer = Result<Effect, OrderError>;

#[test]
fn an_order_races_the_exits_of_its_node() {
    // L1, L3, R16. It is answered by its effect: what was terminated has ended.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, root) = above(&sites[0], mortal(&sites[1], 2));
        let world = World::start(root);
        let node = world.tree.node("root.child");
        let child = wait_for(given).await;
        for _ in 0..3 {
            pause();
            let (kind, order) = either(&node, &child);
            match (kind, order.await) {
                (OrderKind::Terminate | OrderKind::Remove, answer) => {
                    assert_eq!(sites[1].alive(), 0, "L1: {kind:?} {answer:?}");
                    answer.map_or_else(is_gone, drop);
                }
                (_, Err(OrderError::Ended { path })) => panic!("R16: the tree of {path} runs"),
                (_, _) => {}
            }
        }
        world.end(&sites.each_ref()).await;
    });
}

#[test]
fn several_order_one_node_at_once() {
    // L1, L3, R16. Each is answered, and none of them as if the tree had ended.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, root) = above(&sites[0], mortal(&sites[1], 1));
        let world = World::start(root);
        let child = wait_for(given).await;
        let orderers = [(); 3].map(|()| {
            let (node, child) = (world.tree.node("root.child"), child.clone());
            spawn(async move {
                for _ in 0..2 {
                    let (kind, order) = either(&node, &child);
                    if pick(4) == 0 {
                        drop(order);
                    } else if let Err(OrderError::Ended { path }) = order.await {
                        panic!("R16: {path} {kind:?}, and the tree runs");
                    }
                }
            })
        });
        for orderer in orderers {
            orderer.await.expect("it is not aborted");
        }
        world.end(&sites.each_ref()).await;
    });
}

#[test]
fn orders_race_the_end_of_the_tree() {
    // L2, L3, R11, R16. However it ends, be it abandoned, each is answered.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, root) = above(&sites[0], mortal(&sites[1], 1));
        let world = World::start(root);
        let child = wait_for(given).await;
        let orderers = [(); 2].map(|()| {
            let (node, child) = (world.tree.node("root.child"), child.clone());
            spawn(async move {
                let orders = [(); 3].map(|()| {
                    pause();
                    either(&node, &child).1
                });
                for order in orders {
                    drop(order.await);
                }
            })
        });
        pause();
        world.end(&sites.each_ref()).await;
        for orderer in orderers {
            orderer.await.expect("it is not aborted");
        }
        let (kind, order) = either_of(&child);
        let answer = order.await;
        let is_refused = matches!(
            answer,
            Err(OrderError::Ended { .. } | OrderError::Gone { .. })
        );
        assert!(is_refused, "R16: {kind:?} {answer:?}");
    });
}

#[test]
fn a_removed_name_is_free_when_the_order_resolves() {
    // R3, R16. The parent declares another child of this name at once.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (site, child) = (sites[0].clone(), server(&sites[1]));
        let (says, mut said) = unbounded_channel();
        let root = move |ctx: Context| {
            let (part, child, says) = (site.enter(), child.clone(), says.clone());
            async move {
                let _part = part;
                for _ in 0..2 {
                    let run = ctx.run("child", child.clone())?;
                    pause();
                    let removed = run.remove().await;
                    says.send(removed).expect("the test listens");
                }
                let last = ctx.run("child", child)?;
                says.send(last.start().await).expect("the test listens");
                ctx.healthy();
                ctx.cancelled().await;
                Ok::<(), RunError>(())
            }
        };
        let world = World::start(root);
        for _ in 0..2 {
            let removed = said.recv().await.expect("the name is free");
            assert_eq!(removed.expect("it is there"), Effect::Visible);
        }
        let last = said.recv().await.expect("the name is free");
        // It waits for its first start, or runs.
        assert!(
            matches!(last, Ok(_) | Err(OrderError::Running { .. })),
            "{last:?}"
        );
        world.stop(&sites.each_ref()).await;
    });
}

#[test]
fn members_order_each_other_and_their_parent() {
    // L1, R16. Nobody waits for itself, and what was accepted was ordered.
    explore(async || {
        let sites: [Site; 3] = Default::default();
        let (says, mut said) = unbounded_channel();
        let [a, b] = [("b", &sites[1]), ("a", &sites[2])].map(|it| orderer(it.0, it.1, &says));
        drop(says);
        let site = sites[0].clone();
        let parent = move |ctx: Context| {
            let (part, a, b) = (site.enter(), a.clone(), b.clone());
            async move {
                let _part = part;
                let group = ctx.group("pair", Strategy::OneForAll);
                group.run("a", a).run("b", b).start()?;
                ctx.healthy();
                ctx.cancelled().await;
                Ok::<(), RunError>(())
            }
        };
        let top = Site::default();
        let (_given, root) = above(&top, runnable(parent).backoff(Backoff::none()));
        let mut world = World::start(root);
        pause();
        let ended = world.tree.ended();
        if pick(2) == 0 {
            world.tree.settled().await;
        }
        drop(world.tree.stop());
        ended.await.expect("nothing has failed");
        let log = world.log.read().await;
        let ordered = log
            .iter()
            .filter(|it| matches!(it.what, What::Ordered { .. }));
        let (ordered, accepted) = (ordered.count(), accepted(&mut said));
        assert!(accepted <= ordered, "R16: {accepted} of {ordered}");
        let [one, two, three] = &sites;
        world.log.check(&[&top, one, two, three]).await;
    });
}

#[test]
fn a_stale_context_orders_nothing() {
    // L10, R16. Its incarnation returns while the order is on its way.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (gives, mut given) = unbounded_channel();
        let (site, captured) = (sites[1].clone(), sites[1].captured());
        let child = move |ctx: Context| {
            let _captured = &captured;
            let part = site.enter();
            // The test may have ended.
            let _ = gives.send(ctx.clone());
            async move {
                let _part = part;
                ctx.healthy();
                pause();
            }
        };
        let (_given, root) = above(
            &sites[0],
            runnable(child).backoff(Backoff::constant(SECOND)),
        );
        let world = World::start(root);
        let stale: Context = given.recv().await.expect("it starts");
        let first = stale.sibling("child").restart().await;
        let is_answered = matches!(
            first,
            Ok(Effect::Accepted) | Err(OrderError::Stale { .. } | OrderError::Stopping { .. })
        );
        assert!(is_answered, "R16: {first:?}");
        world
            .tree
            .node("root.child")
            .terminate()
            .await
            .expect("it can end");
        let late = stale.sibling("child").start().await;
        assert!(
            matches!(late, Err(OrderError::Stale { .. })),
            "L10: {late:?}"
        );
        world.stop(&sites.each_ref()).await;
    });
}

#[test]
fn starts_race_the_restarts_of_their_pool() {
    // L1, R13, R16. What was accepted before has ended, or never ran, when the next pool is there.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, root) = pooled(&sites[0]);
        let world = World::start(root);
        let pool: Pool = wait_for(given).await;
        let node = world.tree.node("root.pool");
        let starters = [(); 2].map(|()| {
            let (pool, site) = (pool.clone(), sites[1].clone());
            spawn(async move { [(); 3].map(|()| start(&pool, &site)) })
        });
        for _ in 0..2 {
            let early = Site::default();
            let child = start(&pool, &early).expect("R16: it was said to run");
            let order = match pick(2) {
                0 => node.restart().await,
                _ => {
                    drop(node.terminate());
                    node.start().await
                }
            };
            assert_eq!(order.expect("nobody else orders"), Effect::Visible);
            assert_eq!(early.alive(), 0, "L1: it is of the pool before, {child:?}");
        }
        let mut children = Vec::new();
        for starter in starters {
            children.extend(
                starter
                    .await
                    .expect("it is not aborted")
                    .into_iter()
                    .flatten(),
            );
        }
        node.terminate().await.expect("it can end");
        for child in children {
            child.ended().await;
        }
        assert_eq!(pool.children(), 0, "R13: not forgotten");
        pool.start(|_: Context| async {}).expect_err("it is down");
        world.end(&sites.each_ref()).await;
    });
}

#[test]
fn a_child_of_a_pool_is_ended_while_it_ends() {
    // L3, R13, R16. By order, before its start, while it runs, and after: it is gone, not the tree.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, root) = pooled(&sites[0]);
        let world = World::start(root);
        let pool: Pool = wait_for(given).await;
        for _ in 0..2 {
            let child = start(&pool, &sites[1]).expect("it stands");
            pause();
            let order = if pick(2) == 0 {
                child.terminate()
            } else {
                child.remove()
            };
            order.await.map_or_else(is_gone, drop);
            assert_eq!(sites[1].alive(), 0, "L1");
            child.ended().await;
        }
        assert_eq!(pool.children(), 0, "R13: not forgotten");
        world.stop(&sites.each_ref()).await;
    });
}

#[test]
fn other_code_races_exits_and_the_task_that_parks() {
    // L1, R7, R16. One incarnation at a time, and what was replaced is dropped.
    explore(async || {
        let sites: [Site; 2] = Default::default();
        let (given, root) = above(&sites[0], mortal(&sites[1], 2));
        let world = World::start(root);
        let child = wait_for(given).await;
        let mut orders = Vec::new();
        for _ in 0..3 {
            pause();
            orders.push(match pick(3) {
                0 => child.replace(server(&sites[1])),
                1 => child.replace(mortal(&sites[1], 4)),
                _ => either_of(&child).1,
            });
        }
        for order in orders.into_iter().filter(|_| pick(3) > 0) {
            if let Err(OrderError::Ended { path }) = order.await {
                panic!("R16: the tree of {path} runs");
            }
        }
        world.end(&sites.each_ref()).await;
    });
}

#[test]
fn other_code_races_the_end_of_the_tree() {
    // L1, R11, R16. Accepted, refused or never heard: what it captured is gone.
    explore(async || {
        let sites: [Site; 3] = Default::default();
        let (given, root) = above(&sites[0], mortal(&sites[1], 1));
        let world = World::start(root);
        let child = wait_for(given).await;
        let site = sites[2].clone();
        let replacing = spawn(async move {
            for _ in 0..2 {
                let order = child.replace(server(&site));
                if pick(2) == 0 {
                    drop(order.await);
                }
            }
        });
        pause();
        world.end(&[&sites[0], &sites[1]]).await;
        replacing.await.expect("it is not aborted");
        sites[2].gone().await;
        sites[2].check();
    });
}

const SECOND: std::time::Duration = std::time::Duration::from_secs(1);

/// A root above one child, `root.child`, which it gives away.
fn above<C: Runnable + Clone>(site: &Site, child: C) -> (Given<Child>, impl Runnable + use<C>) {
    let (gives, given) = watch::channel(None);
    let (site, captured, gives) = (site.clone(), site.captured(), std::sync::Arc::new(gives));
    let root = move |ctx: Context| {
        let _captured = &captured;
        let (part, child, gives) = (site.enter(), child.clone(), gives.clone());
        async move {
            let _part = part;
            drop(gives.send_replace(Some(ctx.run("child", child)?)));
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), RunError>(())
        }
    };
    (given, root)
}

/// A root above a pool, `root.pool`, which it gives away.
fn pooled(site: &Site) -> (Given<Pool>, impl Runnable + use<>) {
    let (gives, given) = watch::channel(None);
    let (site, gives) = (site.clone(), std::sync::Arc::new(gives));
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
    (given, root)
}

async fn wait_for<T: Clone>(mut given: Given<T>) -> T {
    let given = given.wait_for(Option::is_some).await;
    given
        .expect("the root lives")
        .clone()
        .expect("it was waited for")
}

/// Starts a child that ends by itself, or serves.
fn start(pool: &Pool, site: &Site) -> Option<Child> {
    pause();
    let part = site.part();
    let child = pool.start(once(async move |ctx: Context| {
        let _part = part;
        if pick(2) == 0 {
            ctx.healthy();
            ctx.cancelled().await;
        }
        Way::any().go()
    }));
    child.ok()
}

/// Orders its sibling and its parent, a few times in all, and serves.
fn orderer(
    other: &'static str,
    site: &Site,
    says: &UnboundedSender<Answer>,
) -> impl Runnable + Clone + use<> {
    let (site, captured, says) = (site.clone(), site.captured(), says.clone());
    move |ctx: Context| {
        let _captured = &captured;
        let (part, says) = (site.enter(), says.clone());
        let orders = site.starts() <= 2;
        async move {
            let _part = part;
            ctx.healthy();
            if orders {
                let node = match pick(3) {
                    0 => ctx.parent().expect("it has one"),
                    _ => ctx.sibling(other),
                };
                let answer = if pick(2) == 0 {
                    node.restart().await
                } else {
                    node.terminate().await
                };
                // The test may have seen enough.
                let _ = says.send(answer);
            }
            yield_now().await;
            ctx.cancelled().await;
        }
    }
}

fn accepted(said: &mut UnboundedReceiver<Answer>) -> usize {
    let said = std::iter::from_fn(|| said.try_recv().ok());
    said.filter(|answer| matches!(answer, Ok(Effect::Accepted)))
        .count()
}

fn either(node: &Node, child: &Child) -> (OrderKind, Order) {
    if pick(2) == 0 {
        return either_of(child);
    }
    match pick(8) {
        0..=2 => (OrderKind::Start, node.start()),
        3..=4 => (OrderKind::Restart, node.restart()),
        5..=6 => (OrderKind::Terminate, node.terminate()),
        _ => (OrderKind::Remove, node.remove()),
    }
}

fn either_of(child: &Child) -> (OrderKind, Order) {
    match pick(8) {
        0..=2 => (OrderKind::Start, child.start()),
        3..=4 => (OrderKind::Restart, child.restart()),
        5..=6 => (OrderKind::Terminate, child.terminate()),
        _ => (OrderKind::Remove, child.remove()),
    }
}

/// An end may only be refused to what is gone already.
fn is_gone(error: OrderError) {
    let is_gone = matches!(error, OrderError::Gone { .. } | OrderError::NotFound { .. });
    assert!(is_gone, "R16: {error:?}");
}
