//! `Child::replace`: other code and other options, from the next start on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::cast::{SECOND, one, root_of, slow, up};
use crate::given::{above_slow, first, why};
use crate::serve::serve;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Context, Down, Effect, Intensity, Pool, Restart, Runnable, State, Strategy, runnable,
};

/// What ran, in order.
type Ran = Arc<Mutex<Vec<&'static str>>>;

type Serving = BoxFuture<'static, ()>;
type Failing = BoxFuture<'static, anyhow::Result<()>>;

/// Notes its name, and serves.
fn named(
    ran: &Ran,
    name: &'static str,
) -> impl Fn(Context) -> Serving + Clone + Send + Sync + use<> {
    let ran = ran.clone();
    move |ctx| {
        ran.lock().push(name);
        Box::pin(serve(ctx))
    }
}

/// Notes its name, and fails.
fn failing(
    ran: &Ran,
    name: &'static str,
) -> impl Fn(Context) -> Failing + Clone + Send + Sync + use<> {
    let ran = ran.clone();
    move |ctx| {
        ran.lock().push(name);
        Box::pin(async move {
            ctx.healthy();
            anyhow::bail!("it fails")
        })
    }
}

/// Does not hear that it is asked to stop.
async fn deaf(ctx: Context) {
    ctx.healthy();
    std::future::pending::<()>().await;
}

/// Panics when it is dropped, unless it was told not to.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("a drop that panics");
    }
}

fn armed(drops: &Arc<AtomicUsize>) -> impl Runnable + use<> {
    let bomb = Bomb(drops.clone());
    move |ctx: Context| {
        let _captured = &bomb;
        serve(ctx)
    }
}

#[test]
fn other_code_holds_from_the_next_start() {
    // R16. What runs is not touched; a restart puts the new code in place.
    let ran = Ran::default();
    let (kept, root) = one(named(&ran, "old"));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let incarnation = h.snapshot().await.find("root.child").unwrap().incarnation;
        let order = child.replace(named(&ran, "new"));
        assert_eq!(order.await.unwrap(), Effect::Visible);
        h.advance(SECOND * 60).await;
        let snapshot = h.snapshot().await;
        assert_eq!(
            snapshot.find("root.child").unwrap().incarnation,
            incarnation
        );
        assert_eq!(*ran.lock(), ["old"]);
        child.restart().await.unwrap();
        h.settled().await;
        h.inject(Fault::error("root.child"));
        h.settled().await;
        assert_eq!(*ran.lock(), ["old", "new", "new"]);
    });
}

#[test]
fn the_grace_of_what_runs_stays() {
    // R16, R10. The new one holds for the next incarnation.
    let child = runnable(deaf).grace(SECOND);
    let (kept, root) = one(child);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        child
            .replace(runnable(deaf).grace(SECOND * 7))
            .await
            .unwrap();
        h.wait(child.terminate()).await.unwrap();
        assert_eq!(h.now(), SECOND);
        child.start().await.unwrap();
        child.healthy().await.unwrap();
        h.wait(child.terminate()).await.unwrap();
        assert_eq!(h.now(), SECOND * 8);
    });
}

#[test]
fn of_several_the_last_one_holds() {
    // R16. What those before captured is dropped at once, and never ran.
    let ran = Ran::default();
    let (kept, root) = one(serve);
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let orders = ["a", "b", "c"].map(|name| child.replace(named(&ran, name)));
        futures::future::join_all(orders).await;
        assert_eq!(Arc::strong_count(&ran), 2, "the last one is kept");
        child.restart().await.unwrap();
        h.settled().await;
        assert_eq!(*ran.lock(), ["c"]);
        child.replace(serve).await.unwrap();
        h.idle().await;
        assert_eq!(Arc::strong_count(&ran), 1, "what runs has no need of it");
    });
}

#[test]
fn a_replacement_that_nobody_awaits_holds() {
    // R16. Given before its first start, it is what starts first.
    let ran = Ran::default();
    let notes = ran.clone();
    let (_kept, root) = root_of(move |ctx| {
        let child = ctx.run("child", named(&notes, "old"))?;
        drop(child.replace(named(&notes, "new")));
        Ok(vec![child])
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        assert_eq!(*ran.lock(), ["new"]);
    });
}

#[test]
fn what_waits_for_its_backoff_starts_with_the_new_code_when_it_is_due() {
    // R16, R7, R8. A task that parks knows the old type, so it is not used again.
    let ran = Ran::default();
    let minute = Backoff::constant(SECOND * 60);
    let (kept, root) = one(runnable(failing(&ran, "old")).backoff(minute));
    Harness::run(None, |h| async move {
        h.start(root);
        h.until("root.child", State::Waiting).await;
        let child = first(&kept);
        for other in ["first", "second"] {
            child.replace(named(&ran, other)).await.unwrap();
        }
        assert_eq!(h.advance_to_next().await, Some(SECOND * 60));
        h.settled().await;
        assert_eq!(*ran.lock(), ["old", "second"]);
        let snapshot = h.snapshot().await;
        let node = snapshot.find("root.child").unwrap();
        assert_eq!((node.attempt, node.restarts), (2, 1), "{snapshot}");
        assert!(node.last_exit.is_some(), "{snapshot}");
    });
}

#[test]
fn code_of_the_same_type_is_replaced_too() {
    // R16, R7. In the task that parks, or in another.
    let ran = Ran::default();
    let quick = Backoff::constant(SECOND);
    let (kept, root) = one(runnable(failing(&ran, "old")).backoff(quick));
    Harness::run(None, |h| async move {
        h.start(root);
        h.until("root.child", State::Waiting).await;
        let child = first(&kept);
        child
            .replace(runnable(failing(&ran, "new")).backoff(quick))
            .await
            .unwrap();
        h.advance(SECOND * 2).await;
        child.replace(named(&ran, "last")).await.unwrap();
        h.settled().await;
        assert_eq!(*ran.lock(), ["old", "new", "new", "last"]);
    });
}

#[test]
fn what_is_down_or_done_is_started_with_the_new_code() {
    // R16. And what was ordered to start while it, or something below it, ends.
    let ran = Ran::default();
    let done = |ctx: Context| async move { ctx.done() };
    let (kept, root) = root_of(move |ctx| {
        let (a, b) = (ctx.run("a", slow(2))?, ctx.run("b", above_slow)?);
        Ok(vec![a, b, ctx.run("c", done)?])
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let [a, b, c] = [0, 1, 2].map(|index| kept.lock()[index].clone());
        let terminate = a.terminate();
        drop(b.terminate());
        h.idle().await;
        for (child, name) in [(&a, "a"), (&b, "b"), (&c, "c")] {
            child.replace(named(&ran, name)).await.unwrap();
        }
        c.start().await.unwrap();
        let start = b.start();
        h.wait(terminate).await.unwrap();
        a.start().await.unwrap();
        h.wait(start).await.unwrap();
        h.settled().await;
        assert_eq!(*ran.lock(), ["c", "a", "b"]);
    });
}

#[test]
fn the_next_incarnation_of_the_parent_declares_the_old_code() {
    // R16, R3, L4. A replacement is of the place, and goes with it.
    let ran = Ran::default();
    let (kept, root) = root_of({
        let ran = ran.clone();
        move |ctx| {
            let (child, is_old) = (named(&ran, "old"), ctx.last_exit().is_none());
            let child = ctx.run("child", child)?;
            is_old.then(|| drop(child.replace(named(&ran, "new"))));
            Ok(vec![child])
        }
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        h.inject(Fault::kill("root"));
        h.settled().await;
        assert_eq!(*ran.lock(), ["new", "old"]);
        assert_eq!(
            why(first(&kept).start().await),
            "root.child cannot start: it runs"
        );
    });
}

#[test]
fn the_exit_of_what_runs_is_read_as_it_was_declared() {
    // R16, R5, R8. Restart type and backoff change with the next incarnation.
    let ran = Ran::default();
    let (kept, root) = one(runnable(named(&ran, "permanent")).backoff(Backoff::constant(SECOND)));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let temporary = runnable(named(&ran, "temporary")).restart(Restart::Temporary);
        child
            .replace(temporary.backoff(Backoff::none()))
            .await
            .unwrap();
        h.inject(Fault::error("root.child"));
        assert_eq!(h.advance_to_next().await, Some(SECOND));
        h.settled().await;
        h.inject(Fault::error("root.child"));
        h.settled().await;
        let snapshot = h.snapshot().await;
        let down = snapshot.find("root.child").unwrap().down;
        assert_eq!(down, Some(Down::Failed), "{snapshot}");
        assert_eq!(*ran.lock(), ["permanent", "temporary"]);
    });
}

#[test]
fn what_signals_and_what_does_not_replace_each_other() {
    // R16, R4. Healthy at start is an option of the code that comes.
    let silent = |ctx: Context| async move { ctx.cancelled().await };
    let (kept, root) = one(runnable(silent).healthy_at_start());
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let declares = |ctx: Context| async move {
            ctx.run("below", serve).expect("it is starting");
            ctx.cancelled().await;
        };
        child.replace(declares).await.unwrap();
        child.restart().await.unwrap();
        h.idle().await;
        assert_eq!(h.state("root.child").await, Some(State::Starting));
        assert_eq!(h.state("root.child.below").await, Some(State::Healthy));
        child
            .replace(runnable(silent).healthy_at_start())
            .await
            .unwrap();
        child.restart().await.unwrap();
        child.healthy().await.unwrap();
        assert_eq!(h.state("root.child.below").await, None);
    });
}

#[test]
fn a_budget_that_stays_as_it_was_keeps_its_count() {
    // R16, R9. One that changes begins anew, with the next start and not before.
    let intensity = |restarts| Intensity::new(restarts, SECOND * 600).unwrap();
    let with = move |own, children| {
        let child = runnable(serve).backoff(Backoff::none());
        child
            .intensity(intensity(own))
            .children_intensity(intensity(children))
    };
    let (kept, root) = one(with(5, 5));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let child = first(&kept);
        let left = async || {
            let snapshot = h.snapshot().await;
            let budgets = &snapshot.find("root.child").unwrap().budgets;
            budgets.iter().map(|budget| budget.left).collect::<Vec<_>>()
        };
        h.inject(Fault::error("root.child"));
        h.settled().await;
        assert_eq!(left().await, [4, 5]);
        child.replace(with(5, 9)).await.unwrap();
        assert_eq!(left().await, [4, 5]);
        child.restart().await.unwrap();
        h.settled().await;
        assert_eq!(left().await, [4, 9]);
        child.replace(with(7, 9)).await.unwrap();
        h.inject(Fault::error("root.child"));
        h.settled().await;
        assert_eq!(left().await, [7, 9]);
    });
}

#[test]
fn a_start_that_is_under_way_keeps_its_time_limit() {
    // R16, R10. The new limit is for the next start.
    let never = |ctx: Context| async move { ctx.cancelled().await };
    let limited = |seconds| {
        let child = runnable(never).backoff(Backoff::none());
        child.start_timeout(SECOND * seconds)
    };
    let (kept, root) = one(limited(2));
    Harness::run(None, |h| async move {
        h.start(root);
        h.idle().await;
        first(&kept).replace(limited(5)).await.unwrap();
        assert_eq!(h.advance_to_next().await, Some(SECOND * 2));
        assert_eq!(h.advance_to_next().await, Some(SECOND * 5));
        first(&kept).terminate().await.unwrap();
    });
}

#[test]
fn a_member_of_a_group_is_replaced_alone() {
    // R16, R6. It rises with the others, in other code.
    let ran = Ran::default();
    let [a, b] = ["a", "b"].map(|name| named(&ran, name));
    let (kept, root) = root_of(move |ctx| {
        let group = ctx.group("pair", Strategy::OneForAll).in_order();
        group.run("a", a.clone()).run("b", b.clone()).start()
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        first(&kept).replace(named(&ran, "other a")).await.unwrap();
        h.inject(Fault::panic("root.b"));
        h.settled().await;
        assert_eq!(*ran.lock(), ["a", "b", "other a", "b"]);
    });
}

#[test]
fn a_drop_that_panics_does_not_hurt_the_tree() {
    // R16, R18. Of what is replaced, of what is refused, and of what is removed.
    let drops = Arc::new(AtomicUsize::new(0));
    let given = Arc::new(Mutex::new(None::<Pool>));
    let gives = given.clone();
    let (kept, root) = root_of(move |ctx| {
        *gives.lock() = Some(ctx.pool("pool")?);
        Ok(vec![ctx.run("child", serve)?, ctx.run("other", serve)?])
    });
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let [child, other] = [0, 1].map(|index| kept.lock()[index].clone());
        for _ in 0..3 {
            child.replace(armed(&drops)).await.unwrap();
        }
        child.replace(serve).await.unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 3);
        let pooled = given
            .lock()
            .clone()
            .expect("it was given")
            .start(serve)
            .unwrap();
        let text = "root.pool.1 cannot start again: it runs once";
        assert_eq!(why(pooled.replace(armed(&drops)).await), text);
        other.replace(armed(&drops)).await.unwrap();
        other.remove().await.unwrap();
        assert_eq!(
            why(other.replace(armed(&drops)).await),
            "root.other is gone"
        );
        drop(child.replace(armed(&drops)));
        drop(h.tree().stop());
        let text = "root.child takes no orders: the tree stops";
        assert_eq!(why(child.replace(armed(&drops)).await), text);
        h.stop().await.unwrap();
        assert_eq!(drops.load(Ordering::Relaxed), 8);
    });
}

#[test]
fn a_place_that_is_gone_is_not_replaced() {
    // R16. Nor one of another incarnation of the parent, though it has the name.
    let ran = Ran::default();
    let (kept, root) = one(named(&ran, "old"));
    Harness::run(None, |h| async move {
        up(&h, root).await;
        let before = first(&kept);
        h.inject(Fault::panic("root"));
        h.settled().await;
        let text = "root.child is gone";
        assert_eq!(why(before.replace(named(&ran, "new")).await), text);
        assert_eq!(why(before.restart().await), text);
        first(&kept).restart().await.unwrap();
        h.settled().await;
        assert_eq!(*ran.lock(), ["old"; 3]);
    });
}
