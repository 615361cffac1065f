//! Orders from inside: a node orders its parent, its siblings and its children.

use std::sync::Arc;
use std::time::Duration;

use crate::cast::{SECOND, one, root_of, slow, up};
use crate::given::{above_slow, first, why};
use crate::orderer::{Results, above, effects, orderer};
use crate::serve::serve;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{Context, Effect, Pool, RunError, State, Strategy, runnable};

#[test]
fn a_parent_may_await_what_it_orders_while_it_starts() {
    // R16, R3. A child that is removed makes room for another of its name.
    let parent = |ctx: Context| async move {
        let child = ctx.run("a", serve)?;
        child.healthy().await.unwrap();
        let mut effects = vec![child.terminate().await, child.start().await];
        effects.extend([
            child.restart().await,
            child.terminate().await,
            child.remove().await,
        ]);
        for effect in effects {
            assert_eq!(effect.unwrap(), Effect::Visible);
        }
        let again = ctx.run("a", above_slow)?;
        again.healthy().await.unwrap();
        assert_eq!(why(child.start().await), "root.child.a is gone");
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    let (_kept, root) = one(parent);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let snapshot = h.snapshot().await;
        assert_eq!(
            snapshot.find("root.child").unwrap().state,
            State::Healthy,
            "{snapshot}"
        );
        assert!(snapshot.find("root.child.a.slow").is_some(), "{snapshot}");
    });
}

#[test]
fn a_parent_may_await_what_it_orders_while_it_serves() {
    // R16, R3. The set of names shrinks, and never grows again.
    let parent = |ctx: Context| async move {
        let child = ctx.run("a", slow(1))?;
        child.healthy().await.unwrap();
        ctx.healthy();
        assert_eq!(child.terminate().await.unwrap(), Effect::Visible);
        assert_eq!(child.start().await.unwrap(), Effect::Visible);
        assert_eq!(child.restart().await.unwrap(), Effect::Visible);
        assert_eq!(child.remove().await.unwrap(), Effect::Visible);
        let error = ctx.run("a", serve).expect_err("it is too late");
        assert!(matches!(error, RunError::TooLate { .. }), "{error}");
        ctx.cancelled().await;
        Ok::<_, RunError>(())
    };
    let (_kept, root) = one(parent);
    Harness::run(None, |h| async move {
        h.start(root);
        h.advance(SECOND * 10).await;
        let snapshot = h.snapshot().await;
        assert_eq!(
            snapshot.find("root.child").unwrap().restarts,
            0,
            "{snapshot}"
        );
        assert_eq!(snapshot.nodes.len(), 2, "{snapshot}");
    });
}

#[test]
fn a_removed_child_makes_room_below_the_limit() {
    // R16, R3. It counts no more among the children that the supervisor allows.
    let root = |ctx: Context| async move {
        for _ in 0..5 {
            let child = ctx.run("a", serve)?;
            child.remove().await.unwrap();
        }
        ctx.run("a", serve)?;
        let error = ctx.run("b", serve).expect_err("there is one");
        assert!(matches!(error, RunError::TooMany { .. }), "{error}");
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start_with(perennial::Supervisor::new(root).children_max(1));
        h.settled().await;
        assert_eq!(h.state("root").await, Some(State::Healthy));
    });
}

#[test]
fn an_order_that_the_parent_drops_holds() {
    // R16. It goes on, and so does the order.
    let results = Results::default();
    let below = orderer(&results, |ctx| {
        drop(ctx.parent().expect("it has one").restart());
        vec![]
    });
    let (_kept, root) = one(above(below));
    Harness::run(None, |h| async move {
        h.start(root);
        h.advance(SECOND).await;
        assert_eq!(h.snapshot().await.find("root.child").unwrap().restarts, 1);
    });
}

#[test]
fn an_incarnation_that_has_returned_gives_no_orders() {
    // R16, L10. Whether its next one runs, or it is done.
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let gives = contexts.clone();
    let done = move |ctx: Context| {
        gives.lock().push(ctx.clone());
        async move { ctx.done() }
    };
    let gives = contexts.clone();
    let dies = move |ctx: Context| {
        gives.lock().push(ctx.clone());
        serve(ctx)
    };
    let (_kept, root) = root_of(move |ctx| {
        let done = ctx.run("done", done.clone())?;
        Ok(vec![
            done,
            ctx.run("dies", dies.clone())?,
            ctx.run("other", serve)?,
        ])
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.inject(Fault::error("root.dies"));
        h.until("root.dies", State::Waiting).await;
        for is_back in [false, true] {
            assert_eq!(contexts.lock().len(), if is_back { 3 } else { 2 });
            let [done, dies] = [0, 1].map(|index| contexts.lock()[index].clone());
            for stale in [done, dies] {
                let text = "an ended incarnation cannot order root.other";
                assert_eq!(why(stale.sibling("other").terminate().await), text);
                let parent = stale.parent().expect("it has one");
                let text = "an ended incarnation cannot order root";
                assert_eq!(why(parent.restart().await), text);
            }
            h.settled().await;
        }
        assert_eq!(h.state("root.other").await, Some(State::Healthy));
    });
}

#[test]
fn the_root_has_no_parent_and_no_siblings() {
    // R16. Those below it have a parent that takes no orders.
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let gives = contexts.clone();
    let child = move |ctx: Context| {
        gives.lock().push(ctx.clone());
        serve(ctx)
    };
    let gives = contexts.clone();
    let (_kept, root) = root_of(move |ctx| {
        gives.lock().push(ctx.clone());
        Ok(vec![ctx.run("child", child.clone())?])
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let [root, child] = [0, 1].map(|index| contexts.lock()[index].clone());
        assert!(root.parent().is_none());
        for name in ["nobody", "root", "root.child"] {
            let text = format!("there is no node {name}");
            assert_eq!(why(root.sibling(name).terminate().await), text);
        }
        let parent = child.parent().expect("it has one");
        assert_eq!(parent.path(), "root");
        let text = "the root takes no orders: stop the tree";
        assert_eq!(why(parent.restart().await), text);
        assert_eq!(h.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn last_words_may_be_orders_that_hold_and_are_not_waited_for() {
    // R16. In its grace, about others: what is accepted is done, and what is refused is said to be.
    let results = Results::default();
    let notes = results.clone();
    let last_words = move |ctx: Context| {
        let notes = notes.clone();
        async move {
            serve(ctx.clone()).await;
            let orders = [ctx.sibling("nobody").start(), ctx.sibling("b").terminate()];
            for order in orders {
                let result = order.await;
                notes.lock().push(result);
            }
        }
    };
    let (kept, root) = root_of(move |ctx| {
        Ok(vec![
            ctx.run("a", last_words.clone())?,
            ctx.run("b", slow(2))?,
        ])
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        first(&kept).terminate().await.unwrap();
        let mut said = results.lock().split_off(0);
        let accepted = said.pop().expect("two orders").unwrap();
        assert_eq!(accepted, Effect::Accepted);
        let refused = why(said.pop().expect("two orders"));
        assert_eq!(refused, "there is no node root.nobody");
        h.settled().await;
        assert_eq!(h.state("root.b").await, Some(State::Down));
        assert_eq!(h.now(), SECOND * 2);
    });
}

#[test]
fn a_child_of_a_pool_reaches_the_pool_and_its_siblings() {
    // R16, R13. By number; the pool is its parent.
    let results = Results::default();
    let given = Arc::new(Mutex::new(None::<Pool>));
    let gives = given.clone();
    let (_kept, root) = root_of(move |ctx| {
        *gives.lock() = Some(ctx.pool("pool")?);
        Ok(vec![])
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let pool = given.lock().take().expect("it was given");
        let child = orderer(&results, |ctx| {
            assert_eq!(ctx.parent().expect("it has one").path(), "root.pool");
            vec![ctx.sibling("2").terminate()]
        });
        pool.start(child).unwrap();
        pool.start(slow(2)).unwrap();
        h.advance(SECOND * 4).await;
        assert_eq!(effects(&results), [Effect::Visible]);
        assert_eq!(h.state("root.pool.2").await, None);
        let ends = |ctx: &Context| vec![ctx.parent().expect("it has one").terminate()];
        pool.start(orderer(&results, ends)).unwrap();
        h.advance(SECOND).await;
        assert_eq!(effects(&results), [Effect::Visible, Effect::Accepted]);
        assert_eq!(h.state("root.pool").await, Some(State::Down));
        assert_eq!(pool.children(), 0);
    });
}

#[test]
fn what_falls_may_order_away_what_it_has_just_started_in_a_pool() {
    // R16, R13. It is gone at once, and nothing is left to look at.
    let given = Arc::new(Mutex::new(None::<Pool>));
    let gives = given.clone();
    let notes = Results::default();
    let results = notes.clone();
    let a = move |ctx: Context| {
        let (given, notes) = (given.clone(), notes.clone());
        async move {
            serve(ctx.clone()).await;
            let pool = given.lock().clone().expect("it was given");
            let child = pool.start(serve).expect("it stands");
            let name = child.path().to_string();
            let order = ctx.sibling(name.trim_start_matches("root.")).terminate();
            let result = order.await;
            notes.lock().push(result);
        }
    };
    let (_kept, root) = root_of(move |ctx| {
        *gives.lock() = Some(ctx.pool("pool")?);
        let group = ctx.group("pair", Strategy::OneForAll);
        group.run("a", a.clone()).run("b", serve).start()
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.inject(Fault::error("root.b"));
        h.settled().await;
        assert_eq!(h.state("root.a").await, Some(State::Healthy));
        assert_eq!(results.lock().len(), 1);
    });
}

#[test]
fn an_error_returned_after_an_order_is_kept_and_is_no_death() {
    // R5, R16. It was told to stop: whatever it returns is read so.
    let child = |ctx: Context| async move {
        ctx.healthy();
        if ctx.last_exit().is_none() {
            ctx.sibling("child").restart().await?;
            ctx.cancelled().await;
            anyhow::bail!("told to");
        }
        ctx.cancelled().await;
        Ok(())
    };
    let child = runnable(child).backoff(perennial::Backoff::constant(Duration::from_secs(60)));
    let (_kept, root) = one(child);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        assert_eq!(h.now(), Duration::ZERO, "no backoff");
        let text = h.snapshot().await.to_string();
        assert!(
            text.contains("restarts 1, last exit: root.child failed while stopping"),
            "{text}"
        );
    });
}
