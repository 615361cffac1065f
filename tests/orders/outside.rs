//! Orders from outside, by path and by handle: what they do, and when they resolve.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use crate::cast::{SECOND, one, root_of, slow, up};
use crate::given::{above_slow, first, why};
use crate::serve::serve;
use futures::FutureExt;
use futures::future::join_all;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Context, Down, Effect, HealthyError, Intensity, RunError, State, Strategy, Told,
    runnable,
};
use tokio::time::sleep;

#[test]
fn a_terminated_node_stays_down_until_it_is_started() {
    // R16, L2. Paused and resumed; nothing starts it by itself.
    let (kept, root) = one(serve);
    Harness::run(None, |h| async move {
        let node = up(&h, root).await.node("root.child");
        assert_eq!(node.terminate().await.unwrap(), Effect::Visible);
        h.advance(SECOND * 3600).await;
        let snapshot = h.snapshot().await;
        let child = snapshot.find("root.child").unwrap();
        assert_eq!(child.down, Some(Down::Terminated), "{snapshot}");
        assert!(snapshot.is_settled, "{snapshot}");
        let error = first(&kept).healthy().await.unwrap_err();
        assert!(matches!(error, HealthyError::Down { .. }), "{error}");

        assert_eq!(node.start().await.unwrap(), Effect::Visible);
        first(&kept).healthy().await.unwrap();
        let again = h.snapshot().await;
        let again = again.find("root.child").unwrap();
        assert!(again.incarnation > child.incarnation);
        assert_eq!(h.now(), SECOND * 3600);
    });
}

#[test]
fn terminate_resolves_when_the_node_and_all_below_it_have_ended() {
    // R16, R14, L1. Its code has returned, then its task ends, then what is below, then its hold.
    let held = Arc::new(Mutex::new(None));
    let keeps = held.clone();
    let node = move |ctx: Context| {
        let keeps = keeps.clone();
        async move {
            ctx.run("slow", slow(2)).expect("the name is free");
            let task = ctx.clone();
            let task = async move {
                task.cancelled().await;
                sleep(SECOND).await;
            };
            ctx.spawn(task).map(drop).expect("it runs");
            *keeps.lock() = ctx.hold("a file").ok();
            serve(ctx).await;
        }
    };
    let (_kept, root) = one(node);
    Harness::run(None, |h| async move {
        let node = up(&h, root).await.node("root.child");
        let mut order = node.terminate();
        let mut looks = Vec::new();
        for _ in 0..3 {
            h.idle().await;
            looks.push((&mut order).now_or_never().is_some());
            h.advance(SECOND).await;
        }
        drop(held.lock().take());
        assert_eq!(order.await.unwrap(), Effect::Visible);
        assert_eq!(looks, [false; 3]);
        assert_eq!(h.state("root.child.slow").await, None, "it is discarded");
    });
}

#[test]
fn many_may_terminate_one_node_at_once() {
    // R16. Idempotent: before it ends, in between, and after.
    let (kept, root) = one(slow(2));
    Harness::run(None, |h| async move {
        let node = up(&h, root).await.node("root.child");
        let mut orders: Vec<_> = (0..50).map(|_| node.terminate()).collect();
        h.advance(SECOND).await;
        orders.extend((0..50).map(|_| first(&kept).terminate()));
        for effect in h.wait(join_all(orders)).await {
            assert_eq!(effect.unwrap(), Effect::Visible);
        }
        assert_eq!(h.now(), SECOND * 2);
        assert_eq!(node.terminate().await.unwrap(), Effect::Visible);
        let downs = h.log();
        let downs = downs.iter().filter(|event| event.path == "root.child");
        let downs = downs.filter(|event| event.what.to_string() == "down: terminated");
        assert_eq!(downs.count(), 1);
    });
}

#[test]
fn an_order_that_nobody_awaits_holds() {
    // R16. It is given at once, and dropping the future takes nothing back.
    let (kept, root) = one(serve);
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        drop(tree.node("root.child").terminate());
        h.idle().await;
        assert_eq!(h.state("root.child").await, Some(State::Down));
        let mut polled = first(&kept).start();
        assert!((&mut polled).now_or_never().is_none());
        drop(polled);
        h.idle().await;
        assert_eq!(h.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn a_removed_node_is_gone() {
    // R16, R3. From the snapshot, for its path and for its handle, with all below it.
    let (kept, root) = one(above_slow);
    Harness::run(None, |h| async move {
        let tree = up(&h, root).await;
        let mut order = first(&kept).remove();
        h.advance(SECOND).await;
        assert!((&mut order).now_or_never().is_none(), "one below it runs");
        assert_eq!(h.wait(order).await.unwrap(), Effect::Visible);
        assert_eq!(h.now(), SECOND * 3);
        let snapshot = h.snapshot().await;
        assert_eq!(snapshot.nodes.len(), 1, "{snapshot}");
        let node = tree.node("root.child");
        assert_eq!(why(node.start().await), "there is no node root.child");
        for order in [
            first(&kept).start(),
            first(&kept).remove(),
            first(&kept).replace(serve),
        ] {
            assert_eq!(why(order.await), "root.child is gone");
        }
        let ended = first(&kept).ended().await;
        assert_eq!(ended.state, State::Down);
        let error = first(&kept).healthy().await.unwrap_err();
        assert!(matches!(error, HealthyError::Gone { .. }), "{error}");
    });
}

#[test]
fn a_start_waits_for_no_backoff() {
    // R16, R8. With all that fell with it, and the row of failures goes on.
    let group = |ctx: &Context| {
        let backoff = Backoff::constant(SECOND * 60);
        let group = ctx.group("pair", Strategy::OneForAll);
        let group = group.run("a", runnable(serve).backoff(backoff));
        group.run("b", serve).start()
    };
    let (kept, root) = root_of(group);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.inject(Fault::error("root.a"));
        h.until("root.a", State::Waiting).await;
        let b = kept.lock()[1].clone();
        assert_eq!(b.start().await.unwrap(), Effect::Visible);
        first(&kept).healthy().await.unwrap();
        assert_eq!(h.now(), Duration::ZERO);
        let snapshot = h.snapshot().await;
        assert_eq!(snapshot.find("root.a").unwrap().attempt, 2, "{snapshot}");
        assert_eq!(snapshot.find("root.b").unwrap().restarts, 1, "{snapshot}");
    });
}

#[test]
fn a_start_waits_for_all_that_fell_with_the_node() {
    // R16, L5. Its fall rises without delay, and whole.
    let group = |ctx: &Context| {
        let group = ctx.group("pair", Strategy::OneForAll);
        group.run("a", serve).run("b", slow(2)).start()
    };
    let (kept, root) = root_of(group);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.inject(Fault::error("root.a"));
        h.until("root.a", State::Dead).await;
        let order = first(&kept).start();
        assert_eq!(h.wait(order).await.unwrap(), Effect::Visible);
        let b = kept.lock()[1].clone();
        b.healthy().await.unwrap();
        assert_eq!(h.now(), SECOND * 2);
    });
}

#[test]
fn a_restart_takes_those_that_the_strategy_takes() {
    // R16, R6. It counts in no budget, waits for no backoff, and works from done and down, too.
    let group = |ctx: &Context| {
        let group = ctx.group("line", Strategy::RestForOne);
        let done = |ctx: Context| async move { ctx.done() };
        group.run("a", serve).run("b", serve).run("c", done).start()
    };
    let (kept, root) = root_of(group);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let [a, b, c] = [0, 1, 2].map(|index| kept.lock()[index].clone());
        assert_eq!(b.restart().await.unwrap(), Effect::Visible);
        h.idle().await;
        let restarts = async || {
            let nodes = h.snapshot().await.nodes;
            nodes[1..]
                .iter()
                .map(|node| node.restarts)
                .collect::<Vec<_>>()
        };
        assert_eq!(restarts().await, [0, 1, 1]);
        assert_eq!(c.restart().await.unwrap(), Effect::Visible);
        a.terminate().await.unwrap();
        assert_eq!(a.restart().await.unwrap(), Effect::Visible);
        h.idle().await;
        assert_eq!(restarts().await, [1, 1, 2]);
        assert_eq!(h.now(), Duration::ZERO);
        assert!(
            h.snapshot()
                .await
                .nodes
                .iter()
                .all(|node| node.attempt == 1)
        );
    });
}

#[test]
fn a_paused_subtree_is_resumed_as_it_was() {
    // R16, L4. Its own code builds it again.
    let parent = |ctx: Context| async move {
        ctx.group("pair", Strategy::OneForAll)
            .run("a", serve)
            .run("b", above_slow)
            .start()?;
        ctx.pool("pool")?;
        ctx.run("done", |ctx: Context| async move { ctx.done() })?;
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    let (kept, root) = one(parent);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let shape = async || {
            let nodes = h.snapshot().await.nodes.into_iter();
            nodes
                .map(|node| (node.path, node.state, node.group, node.attempt))
                .collect::<Vec<_>>()
        };
        let before = shape().await;
        assert_eq!(before.len(), 7);
        h.wait(first(&kept).terminate()).await.unwrap();
        assert_eq!(shape().await.len(), 2, "what was below it is discarded");
        first(&kept).start().await.unwrap();
        h.settled().await;
        assert_eq!(shape().await, before);
    });
}

#[test]
fn a_temporary_child_is_started_again_by_order_only() {
    // R5, R16. It rises when it is restarted, and when it is started after its end.
    let child = runnable(serve).restart(perennial::Restart::Temporary);
    let (kept, root) = one(child);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        assert_eq!(first(&kept).restart().await.unwrap(), Effect::Visible);
        h.settled().await;
        h.inject(Fault::error("root.child"));
        h.settled().await;
        assert_eq!(h.state("root.child").await, Some(State::Down));
        assert_eq!(first(&kept).start().await.unwrap(), Effect::Visible);
        first(&kept).healthy().await.unwrap();
    });
}

#[test]
fn the_waits_of_a_handle_hold_across_orders() {
    // R3, R16. Healthy waits through a restart, ended ends with the order, and again after a start.
    let (kept, root) = one(slow(2));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let restart = child.restart();
        h.idle().await;
        assert_eq!(h.state("root.child").await, Some(State::Stopping));
        h.wait(child.healthy()).await.unwrap();
        assert_eq!(restart.await.unwrap(), Effect::Visible);
        for _ in 0..2 {
            let terminate = child.terminate();
            let ended = h.wait(child.ended()).await;
            assert_eq!(ended.state, State::Down);
            assert!(ended.evidence.is_some());
            terminate.await.unwrap();
            child.first_start().await.unwrap();
            child.start().await.unwrap();
        }
        assert_eq!(h.now(), SECOND * 6);
    });
}

#[test]
fn a_first_start_that_an_order_ends_has_failed() {
    // R3, R16. With the exit of the incarnation, for good; if it never began, without one.
    let never = |ctx: Context| async move { ctx.cancelled().await };
    let (kept, root) = one(never);
    Harness::run(None, |h| async move {
        h.start(root);
        h.idle().await;
        let child = first(&kept);
        child.terminate().await.unwrap();
        let error = child.first_start().await.unwrap_err();
        assert_eq!(error.to_string(), "root.child did not start");
        child.start().await.unwrap();
        child
            .first_start()
            .await
            .expect_err("it was the first that failed");
    });
}

#[test]
fn what_was_ordered_is_told() {
    // R17, R16. As events, and in the text of the tree while it stops.
    let (kept, root) = one(slow(2));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let from = h.log().len();
        child.start().await.expect_err("it runs");
        let terminate = child.terminate();
        h.idle().await;
        let text = h.snapshot().await.to_string();
        let told = " stopping (told by order terminate: root.child; asked)";
        assert!(text.contains(told), "{text}");
        h.wait(terminate).await.unwrap();
        child.start().await.unwrap();
        h.settled().await;
        h.wait(child.restart()).await.unwrap();
        h.settled().await;
        h.wait(child.remove()).await.unwrap();
        let log = h.log();
        let texts = log[from..].iter().map(|event| event.what.to_string());
        let told: Vec<_> = texts.filter(|text| is_of_orders(text)).collect();
        let orders = [
            "ordered to terminate",
            "ordered to start",
            "ordered to restart",
        ];
        assert_eq!(
            told,
            [&orders[..], &["ordered to be removed", "removed"]].concat()
        );
        let by = |told: Told| {
            log.iter()
                .any(|event| event.what.to_string().contains(&told.to_string()))
        };
        assert!(
            [Told::Terminate, Told::Restart, Told::Remove]
                .into_iter()
                .all(by)
        );
    });
}

fn is_of_orders(text: &str) -> bool {
    text.starts_with("ordered") || text == "removed"
}

#[test]
fn an_order_may_be_sent_to_another_task() {
    // R16. Orders and nodes are `Send`, `Sync` where they can be, and live as long as they like.
    fn is_send<T: Send + 'static>(_: &T) {}
    fn is_sync<T: Sync>(_: &T) {}
    let (_kept, root) = one(|ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        pending::<()>().await;
    });
    Harness::run(None, |h| async move {
        let node = up(&h, root).await.node("root.child");
        is_sync(&node);
        let order = node.terminate();
        is_send(&order);
        let effect = h.wait(tokio::spawn(order)).await.unwrap();
        assert_eq!(effect.unwrap(), Effect::Visible, "aborted is ended");
        assert_eq!(h.now(), SECOND * 5);
        assert_eq!(format!("{node:?}"), r#"Node("root.child")"#);
    });
}

#[cfg(feature = "serde")]
#[test]
fn orders_budgets_and_leaks_are_json() {
    // R17. As events and in the snapshot.
    let intensity = Intensity::new(3, SECOND * 5).unwrap();
    let (kept, root) = one(runnable(serve).intensity(intensity));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        first(&kept).restart().await.unwrap();
        let snapshot = serde_json::to_value(h.snapshot().await).unwrap();
        let node = &snapshot["nodes"][1];
        let budget = serde_json::json!({
            "scope": "node",
            "intensity": { "restarts": 3, "within": 5.0 },
            "left": 3,
        });
        assert_eq!(node["budgets"], serde_json::json!([budget]), "{node}");
        assert_eq!(node["abandoned"], 0, "{node}");
        first(&kept).remove().await.unwrap();
        let log = h.log();
        let log = log.iter().map(|event| serde_json::to_value(event).unwrap());
        let log: Vec<_> = log.filter(|event| event["path"] == "root.child").collect();
        let is = |event: &str, order: &str| {
            let found = log
                .iter()
                .find(|it| it["event"] == event && it["order"] == order);
            assert!(found.is_some(), "{event} {order}: {log:?}");
        };
        is("ordered", "restart");
        is("ordered", "remove");
        assert!(log.iter().any(|it| it["event"] == "removed"), "{log:?}");
        let told = log.iter().find(|it| it["event"] == "stopping").unwrap();
        assert_eq!(told["told"], "restart", "{told}");
    });
}
