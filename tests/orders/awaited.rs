//! Orders that are awaited by whom they take: nobody waits for itself, nor until it is aborted.

use crate::cast::{SECOND, one, root_of, slow, up};
use crate::orderer::{Results, above, effects, orderer};
use crate::serve::serve;
use perennial::testing::{Fault, Harness};
use perennial::{Child, Context, Effect, Node, Order, RunError, State, Strategy, What};
use tokio::time::sleep;

#[test]
fn a_member_that_restarts_its_own_group_does_not_wait_for_itself() {
    // R16. It is accepted, and the group is restarted without a grace being used up.
    let results = Results::default();
    let a = orderer(&results, |ctx| vec![ctx.sibling("b").restart()]);
    let (_kept, root) = root_of(move |ctx| {
        let group = ctx.group("pair", Strategy::OneForAll);
        group.run("a", a.clone()).run("b", serve).start()
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.advance(SECOND).await;
        assert_eq!(effects(&results), [Effect::Accepted]);
        assert_eq!(h.state("root.b").await, Some(State::Healthy));
        let restarts = h
            .snapshot()
            .await
            .nodes
            .iter()
            .map(|node| node.restarts)
            .sum::<u64>();
        assert_eq!(restarts, 2);
    });
}

#[test]
fn a_child_that_orders_its_parent_to_stop_does_not_wait_for_itself() {
    // R16. Whatever it orders; awaited in the code, or in a task that it owns.
    let orders: [fn(&Node) -> Order; 3] = [Node::restart, Node::terminate, Node::remove];
    let states = [Some(State::Healthy), Some(State::Down), None];
    for (order, state) in orders.into_iter().zip(states) {
        let results = Results::default();
        let below = orderer(&results, move |ctx| {
            let task = ctx.clone();
            let task = async move { order(&task.parent().expect("it has one")).await };
            ctx.spawn(task).map(drop).expect("it runs");
            vec![order(&ctx.parent().expect("it has one"))]
        });
        let (_kept, root) = one(above(below));
        Harness::run(None, |h| async move {
            up(&h, root).await;
            h.advance(SECOND).await;
            assert_eq!(effects(&results), [Effect::Accepted]);
            assert_eq!(h.state("root.child").await, state);
        });
    }
}

#[test]
fn a_node_may_order_itself() {
    // R16. It is a sibling of its own.
    let orders: [fn(&Node) -> Order; 3] = [Node::restart, Node::terminate, Node::remove];
    let states = [Some(State::Healthy), Some(State::Down), None];
    for (order, state) in orders.into_iter().zip(states) {
        let results = Results::default();
        let itself = orderer(&results, move |ctx| vec![order(&ctx.sibling("child"))]);
        let (_kept, root) = one(itself);
        Harness::run(None, |h| async move {
            up(&h, root).await;
            h.advance(SECOND).await;
            assert_eq!(effects(&results), [Effect::Accepted]);
            assert_eq!(h.state("root.child").await, state);
        });
    }
}

#[test]
fn two_that_terminate_each_other_both_end() {
    // R16. Neither waits for the other until it is aborted.
    let results = Results::default();
    let [a, b] =
        ["b", "a"].map(|other| orderer(&results, move |ctx| vec![ctx.sibling(other).terminate()]));
    let (_kept, root) =
        root_of(move |ctx| Ok(vec![ctx.run("a", a.clone())?, ctx.run("b", b.clone())?]));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.advance(SECOND).await;
        assert_eq!(h.state("root.a").await, Some(State::Down));
        assert_eq!(h.state("root.b").await, Some(State::Down));
    });
}

#[test]
fn a_held_member_that_restarts_its_group_serves_on_until_its_turn() {
    // R16, R10. Accepted at once, told, and not asked before the later one is gone.
    let results = Results::default();
    let a = orderer(&results, |ctx| vec![ctx.sibling("b").restart()]);
    let (_kept, root) = root_of(move |ctx| {
        let group = ctx.group("line", Strategy::OneForAll).in_order();
        group.run("a", a.clone()).run("b", slow(2)).start()
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.advance(SECOND).await;
        assert_eq!(effects(&results), [Effect::Accepted]);
        let text = h.snapshot().await.to_string();
        assert!(
            text.contains("a #2 healthy (told by group: root.b; not asked yet)"),
            "{text}"
        );
        h.advance(SECOND * 2).await;
        assert_eq!(h.state("root.b").await, Some(State::Healthy));
    });
}

#[test]
fn who_comes_to_fall_with_what_it_ordered_does_not_wait_for_itself() {
    // R16, R6. The restart of a later member joins the fall of an earlier one, which takes both.
    let results = Results::default();
    let b = orderer(&results, |ctx| vec![ctx.sibling("c").restart()]);
    let (_kept, root) = root_of(move |ctx| {
        let group = ctx.group("line", Strategy::RestForOne);
        group
            .run("a", serve)
            .run("b", b.clone())
            .run("c", slow(2))
            .start()
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.advance(SECOND).await;
        assert_eq!(h.state("root.c").await, Some(State::Stopping));
        h.inject(Fault::error("root.a"));
        h.idle().await;
        h.settled().await;
        let log = h.log();
        let aborted = log.iter().find(|event| matches!(event.what, What::Aborted));
        assert!(aborted.is_none(), "it has waited for itself: {aborted:?}");
        assert_eq!(effects(&results), [Effect::Accepted]);
    });
}

#[test]
fn who_awaits_an_end_does_not_hold_up_the_stop_of_the_tree() {
    // R16, L9. The child ends by the stop of the tree, and whoever waits for its end goes on.
    let orders: [fn(&Child) -> Order; 3] = [Child::terminate, Child::remove, Child::restart];
    for order in orders {
        let parent = move |ctx: Context| async move {
            let child = ctx.run("below", slow(2))?;
            ctx.healthy();
            sleep(SECOND).await;
            drop(order(&child).await);
            ctx.cancelled().await;
            Ok::<_, RunError>(())
        };
        let (_kept, root) = one(parent);
        Harness::run(None, |h| async move {
            up(&h, root).await;
            h.advance(SECOND * 2).await;
            let report = h.stop().await.unwrap();
            assert!(report.stops.is_empty(), "it was aborted: {report}");
            assert_eq!(h.now(), SECOND * 3);
        });
    }
}
