//! Orders that are refused, overtaken, or given to a tree that ends: always answered, and why.

use std::sync::Arc;

use crate::cast::{SECOND, one, root_of, slow, up};
use crate::given::{above_slow, first, why};
use crate::serve::serve;
use futures::future::{BoxFuture, join_all};
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{Context, Effect, Hold, OnLeak, RunError, State, Supervisor, runnable};

/// Never ends: what it holds is not given back before the test does it.
fn holder(
    held: &Arc<Mutex<Vec<Hold>>>,
) -> impl Fn(Context) -> BoxFuture<'static, ()> + Clone + Send + Sync + use<> {
    let held = held.clone();
    move |ctx| {
        let hold = ctx.hold("a file").expect("it runs");
        held.lock().push(hold);
        Box::pin(serve(ctx))
    }
}

#[test]
fn a_path_that_no_node_has_is_not_found() {
    // R16, R1. What is no path at all, neither.
    let (_kept, root) = one(serve);
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let long = "x".repeat(100_000);
        let paths = [
            "root.nobody",
            "",
            "root..child",
            "child",
            "root child",
            &long,
        ];
        let bad = [
            ".",
            "root.",
            "root.child.",
            "ROOT.child",
            "root.child.nobody",
        ];
        for path in paths.into_iter().chain(bad) {
            let node = tree.node(path);
            assert_eq!(node.path(), path);
            let orders = [
                node.start(),
                node.restart(),
                node.terminate(),
                node.remove(),
            ];
            for order in orders {
                let text = order.await.unwrap_err().to_string();
                assert_eq!(text, format!("there is no node {path}"));
            }
        }
        assert_eq!(h.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn the_root_takes_no_orders() {
    // R16. That is `stop`.
    let (_kept, root) = one(serve);
    Harness::run(None, |h| async move {
        let root = up(&h, root).await.node("root");
        for order in [
            root.start(),
            root.restart(),
            root.terminate(),
            root.remove(),
        ] {
            assert_eq!(why(order.await), "the root takes no orders: stop the tree");
        }
        assert_eq!(h.state("root").await, Some(State::Healthy));
    });
}

#[test]
fn what_runs_cannot_start() {
    // R16. Starting, healthy and finishing.
    let (kept, root) = root_of(|ctx| {
        let finishing = |ctx: Context| async move {
            ctx.done();
            ctx.cancelled().await;
        };
        Ok(vec![
            ctx.run(
                "starting",
                |ctx: Context| async move { ctx.cancelled().await },
            )?,
            ctx.run("healthy", serve)?,
            ctx.run("finishing", finishing)?,
        ])
    });
    Harness::run(None, |h| async move {
        let tree = h.start(root);
        h.idle().await;
        let children = kept.lock().clone();
        for child in children {
            let text = format!("{} cannot start: it runs", child.path());
            assert_eq!(why(child.start().await), text);
            assert_eq!(why(tree.node(child.path().to_string()).start().await), text);
        }
    });
}

#[test]
fn what_was_told_to_stop_cannot_start() {
    // R16. By an order or by its group, and nothing is queued.
    let (kept, root) = one(slow(2));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let ended = child.terminate();
        for order in [child.start(), child.restart()] {
            assert_eq!(why(order.await), "root.child cannot start: it is stopping");
        }
        h.wait(ended).await.unwrap();
        h.advance(SECOND * 60).await;
        assert_eq!(h.state("root.child").await, Some(State::Down));
        h.wait(child.start()).await.unwrap();
        let restart = child.restart();
        assert_eq!(
            why(child.start().await),
            "root.child cannot start: it is stopping"
        );
        assert_eq!(h.wait(restart).await.unwrap(), Effect::Visible);
    });
}

#[test]
fn a_start_that_has_to_wait_for_an_end_shows_it() {
    // R16, R2. Down already, and one below it has not ended.
    let (kept, root) = one(above_slow);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let terminate = child.terminate();
        h.idle().await;
        let start = child.start();
        h.idle().await;
        let text = h.snapshot().await.to_string();
        assert!(text.contains(" waiting (ending, attempt 1)"), "{text}");
        assert_eq!(h.wait(start).await.unwrap(), Effect::Visible);
        assert_eq!(h.now(), SECOND * 3);
        assert_eq!(
            why(terminate.await),
            "the order for root.child was overtaken"
        );
    });
}

#[test]
fn each_order_is_answered_however_many_overtake_it() {
    // R16. A start and an end after another, while one below it has not ended.
    let (kept, root) = one(above_slow);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let mut orders = vec![child.terminate()];
        h.idle().await;
        for _ in 0..3 {
            orders.push(child.start());
            orders.push(child.terminate());
        }
        orders.push(child.start());
        let last = h.wait(orders.pop().expect("it was pushed")).await;
        assert_eq!(last.unwrap(), Effect::Visible);
        for order in orders {
            assert_eq!(why(order.await), "the order for root.child was overtaken");
        }
    });
}

#[test]
fn the_fall_of_the_parent_overtakes_a_start_and_fulfils_an_end() {
    // R16, L2. What is ordered about a child ends with its place.
    let parent = |ctx: Context| async move {
        ctx.run("a", above_slow)?;
        ctx.run("b", slow(2))?;
        ctx.run("c", serve)?;
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    let (_kept, root) = one(parent);
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let [a, b, c] = ["a", "b", "c"].map(|name| tree.node(format!("root.child.{name}")));
        c.terminate().await.unwrap();
        drop(a.terminate());
        h.idle().await;
        let (start, terminate, remove) = (a.start(), b.terminate(), b.remove());
        h.idle().await;
        h.inject(Fault::panic("root.child"));
        let start = why(h.wait(start).await);
        assert_eq!(start, "the order for root.child.a was overtaken");
        assert_eq!(
            why(c.start().await),
            "root.child.c cannot start: it is stopping"
        );
        assert_eq!(h.wait(terminate).await.unwrap(), Effect::Visible);
        assert_eq!(h.wait(remove).await.unwrap(), Effect::Visible);
        h.settled().await;
        assert_eq!(
            h.state("root.child.c").await,
            Some(State::Healthy),
            "declared anew"
        );
    });
}

#[test]
fn what_leaks_cannot_be_ended_and_not_started_beside() {
    // R16, R10, L1. Until the leak has ended after all.
    let held = Arc::new(Mutex::new(Vec::new()));
    let (kept, root) = one(holder(&held));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let (terminate, remove) = (child.terminate(), child.remove());
        assert_eq!(why(h.wait(terminate).await), "root.child leaked");
        assert_eq!(why(remove.await), "root.child leaked");
        assert_eq!(h.now(), SECOND * 10);
        assert_eq!(
            why(child.start().await),
            "root.child cannot start: it is stopping"
        );
        assert_eq!(why(child.terminate().await), "root.child leaked");
        held.lock().clear();
        h.idle().await;
        assert_eq!(h.state("root.child").await, None, "its removal was ordered");
        assert_eq!(why(child.start().await), "root.child is gone");
    });
}

#[test]
fn a_node_starts_beside_its_leak_only_if_it_said_so() {
    // R16, R10. The snapshot counts the leak.
    let held = Arc::new(Mutex::new(Vec::new()));
    let (keeps, abandons) = (
        holder(&held),
        runnable(holder(&held)).on_leak(OnLeak::Abandon),
    );
    let (kept, root) = root_of(move |ctx| {
        let keeps = ctx.run("keeps", keeps.clone())?;
        Ok(vec![keeps, ctx.run("abandons", abandons.clone())?])
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let [keeps, abandons] = [0, 1].map(|index| kept.lock()[index].clone());
        let terminate = keeps.terminate();
        assert_eq!(h.wait(abandons.terminate()).await.unwrap(), Effect::Visible);
        assert_eq!(why(terminate.await), "root.keeps leaked");
        assert_eq!(why(keeps.start().await), "root.keeps leaked");
        assert_eq!(why(keeps.restart().await), "root.keeps leaked");
        assert_eq!(abandons.start().await.unwrap(), Effect::Visible);
        h.settled().await;
        let text = h.snapshot().await.to_string();
        assert!(
            text.contains("abandons #4 healthy, holds a file, restarts 1, abandoned 1, last"),
            "{text}"
        );
        held.lock().clear();
        h.idle().await;
        assert_eq!(keeps.start().await.unwrap(), Effect::Visible);
        h.settled().await;
        held.lock().clear();
        assert!(!h.snapshot().await.to_string().contains("abandoned"));
    });
}

#[test]
fn a_tree_that_stops_takes_no_orders() {
    // R16, R11. Those that were given before are answered, by their effect or by the end.
    let (kept, root) = root_of(|ctx| Ok(vec![ctx.run("a", slow(2))?, ctx.run("b", above_slow)?]));
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let [a, b] = [0, 1].map(|index| kept.lock()[index].clone());
        let before = [a.terminate(), b.remove(), b.terminate()];
        let ended = tree.stop();
        let nobody = tree.node("root.nobody");
        for order in [
            a.start(),
            a.restart(),
            b.terminate(),
            b.remove(),
            a.replace(serve),
        ] {
            let text = why(order.await);
            assert!(text.ends_with(" takes no orders: the tree stops"), "{text}");
        }
        h.wait(join_all(before)).await;
        h.wait(ended).await.unwrap();
        for order in [a.start(), tree.node("root.a").terminate(), a.replace(serve)] {
            assert_eq!(why(order.await), "root.a takes no orders: the tree stops");
        }
        let text = why(nobody.remove().await);
        assert_eq!(text, "root.nobody takes no orders: the tree stops");
    });
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_tree_takes_no_orders() {
    // R16, R11. Whoever waits for one is told, and neither a node nor a child keeps the tree.
    let (kept, root) = one(slow(2));
    let tree = Supervisor::new(root).start();
    tree.settled().await;
    let (node, child) = (tree.node("root.child"), first(&kept));
    let before = [node.terminate(), child.remove()];
    drop(tree);
    for order in before.into_iter().chain([node.start(), child.terminate()]) {
        assert_eq!(
            why(order.await),
            "root.child takes no orders: the tree stops"
        );
    }
}
