//! The policies of nodes and groups, each from end to end with real code: budgets, time limits,
//! order among siblings, who provides, who is significant.

use std::sync::Arc;
use std::time::Duration;

use crate::serve::serve;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Cause, Context, Down, Grace, Intensity, OnSpent, Outcome, Restart, RunError,
    Significant, State, Strategy, What, runnable,
};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

type Running = BoxFuture<'static, ()>;
type Root = BoxFuture<'static, Result<(), RunError>>;
/// What happened, in order.
type Notes = Arc<Mutex<Vec<String>>>;

/// A root that declares its children in this way, and serves.
fn root_of(
    declare: impl Fn(&Context) -> Result<(), RunError> + Send + Sync + 'static,
) -> impl Fn(Context) -> Root + Send + Sync + 'static {
    move |ctx| {
        let declared = declare(&ctx);
        Box::pin(async move {
            declared?;
            serve(ctx).await;
            Ok(())
        })
    }
}

/// Notes when it starts and when it ends; a second passes before it is healthy, and another after
/// it was asked to stop.
fn noted(
    notes: &Notes,
    name: &'static str,
) -> impl Fn(Context) -> Running + Clone + Send + Sync + use<> {
    let notes = notes.clone();
    move |ctx| {
        let notes = notes.clone();
        Box::pin(async move {
            notes.lock().push(format!("+{name}"));
            sleep(SECOND).await;
            serve(ctx).await;
            sleep(SECOND).await;
            notes.lock().push(format!("-{name}"));
        })
    }
}

fn drain(notes: &Notes) -> String {
    std::mem::take(&mut *notes.lock()).join(" ")
}

/// Is done when it is told to.
async fn done(ctx: Context) {
    ctx.healthy();
    sleep(SECOND).await;
    ctx.done();
}

fn twice() -> Intensity {
    Intensity::new(2, SECOND * 60).expect("the window is not empty")
}

#[track_caller]
fn assert_down(snapshot: &perennial::Snapshot, path: &str, reason: Down) {
    let node = snapshot.find(path).expect("it stands");
    assert_eq!(node.down, Some(reason), "{path}:\n{snapshot}");
}

#[test]
fn a_start_that_takes_too_long_is_a_death() {
    // R5, R10. It is asked, has its grace, and waits for its backoff.
    let late = |ctx: Context| async move {
        let is_late = ctx.attempt() < 3;
        sleep(if is_late { SECOND * 60 } else { SECOND }).await;
        serve(ctx).await;
    };
    let late = runnable(late).start_timeout(SECOND * 2).grace(SECOND);
    let late = late.backoff(Backoff::constant(SECOND * 4));
    let root = root_of(move |ctx| ctx.run("late", late.clone()).map(drop));
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_eq!(h.now(), (SECOND * (2 + 1 + 4)) * 2 + SECOND);
        let snapshot = h.snapshot().await;
        let node = snapshot.find("root.late").unwrap();
        assert_eq!(node.attempt, 3, "{snapshot}");
        let last = node.last_exit.clone().unwrap();
        assert!(matches!(last.cause, Some(Cause::StartTimeout(time)) if time == SECOND * 2));
        assert_eq!(last.to_string(), "root.late was not healthy within 2s");
        h.advance(SECOND * 600).await;
        assert_eq!(
            h.state("root.late").await,
            Some(State::Healthy),
            "it was in time"
        );
    });
}

#[test]
fn a_spent_budget_makes_the_parent_fall() {
    // R9. The third death within the window is one too many; the chain of evidence says so.
    let parent = |ctx: Context| async move {
        ctx.run(
            "child",
            runnable(serve).backoff(Backoff::none()).intensity(twice()),
        )?;
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    let root = root_of(move |ctx| ctx.run("parent", parent).map(drop));
    Harness::run(None, |h| async move {
        h.start(root);
        for left in ["2", "1", "0"] {
            h.settled().await;
            let text = h.snapshot().await.to_string();
            assert!(
                text.contains(&format!("{left} of 2 restarts in 60s left")),
                "{text}"
            );
            h.inject(Fault::error("root.parent.child"));
            h.idle().await;
        }
        h.settled().await;
        let snapshot = h.snapshot().await;
        let parent = snapshot.find("root.parent").unwrap();
        assert_eq!(parent.restarts, 1, "{snapshot}");
        let chain = parent.last_exit.as_ref().unwrap().chain();
        let spent = "root.parent.child spent its budget, 2 restarts in 60s";
        assert!(
            chain.starts_with("root.parent.child escalated to root.parent: "),
            "{chain}"
        );
        assert!(
            chain.contains(spent) && chain.ends_with("injected error"),
            "{chain}"
        );
    });
}

#[test]
fn what_spends_its_budget_may_stay_down_and_be_started_again() {
    // R9, R16. Nobody else notices; an order empties the window.
    let child = runnable(serve).backoff(Backoff::none()).intensity(twice());
    let child = child.on_spent(OnSpent::StayDown);
    let root = root_of(move |ctx| {
        ctx.run("child", child.clone())?;
        ctx.run("other", serve).map(drop)
    });
    Harness::run(None, |h| async move {
        let node = h.start(root).node("root.child");
        for _ in 0..2 {
            for _ in 0..3 {
                h.settled().await;
                h.inject(Fault::panic("root.child"));
            }
            h.settled().await;
            assert_down(&h.snapshot().await, "root.child", Down::Spent);
            assert_eq!(h.snapshot().await.find("root.other").unwrap().restarts, 0);
            node.start().await.unwrap();
            h.settled().await;
            let text = h.snapshot().await.to_string();
            assert!(text.contains("2 of 2 restarts in 60s left"), "{text}");
        }
    });
}

#[test]
fn what_spends_its_budget_may_stop_the_tree() {
    // R9, R11. With a failure that names it.
    let child = |ctx: Context| async move {
        ctx.healthy();
        ctx.give_up();
        Err::<(), _>("no configuration")
    };
    let child = runnable(child).on_spent(OnSpent::StopTree);
    let parent = move |ctx: Context| {
        let run = ctx.run("child", child.clone());
        async move {
            run?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    let root = root_of(move |ctx| ctx.run("parent", parent.clone()).map(drop));
    Harness::run(None, |h| async move {
        h.start(root);
        let failure = h.stopped().await.expect_err("it gave up");
        let text = format!("{failure:?}");
        assert!(
            text.contains("root.parent.child") && text.contains("no configuration"),
            "{text}"
        );
    });
}

#[test]
fn deaths_of_a_group_and_of_all_children_are_counted_together() {
    // R9. Those that only fall along count nothing.
    let child = || runnable(serve).backoff(Backoff::none());
    let parent = move |ctx: Context| async move {
        let group = ctx.group("pair", Strategy::OneForAll).intensity(twice());
        group.run("a", child()).run("b", child()).start()?;
        ctx.run("c", child())?;
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    let four = Intensity::new(4, SECOND * 60).unwrap();
    let parent = runnable(parent).children_intensity(four);
    let root = root_of(move |ctx| ctx.run("parent", parent.clone()).map(drop));
    Harness::run(None, |h| async move {
        h.start(root);
        for dies in ["a", "c", "b"] {
            h.settled().await;
            h.inject(Fault::error(format!("root.parent.{dies}")));
        }
        h.settled().await;
        let text = h.snapshot().await.to_string();
        assert!(
            text.contains("1 of 4 restarts in 60s left for its children"),
            "{text}"
        );
        assert!(text.contains("[pair], restarts 2, 0 of 2 restarts in 60s left for its group"));
        h.inject(Fault::error("root.parent.a"));
        h.settled().await;
        assert_eq!(h.snapshot().await.find("root.parent").unwrap().restarts, 1);
    });
}

#[test]
fn a_group_in_order_starts_and_stops_one_after_the_other() {
    // R10b, R10. Each when the one before it is healthy, and in reverse.
    let notes = Notes::default();
    let members = ["a", "b", "c"].map(|name| noted(&notes, name));
    let root = root_of(move |ctx| {
        let [a, b, c] = members.clone();
        let group = ctx.group("line", Strategy::OneForAll).in_order();
        group.run("a", a).run("b", b).run("c", c).start().map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.advance(SECOND / 2).await;
        let text = h.snapshot().await.to_string();
        assert!(
            text.contains("b #3 waiting (in order, attempt 1) [line]"),
            "{text}"
        );
        h.settled().await;
        assert_eq!((drain(&notes).as_str(), h.now()), ("+a +b +c", SECOND * 3));
        h.inject(Fault::error("root.c"));
        h.settled().await;
        assert_eq!(drain(&notes), "-b -a +a +b +c");
        h.stop().await.unwrap();
        assert_eq!(drain(&notes), "-c -b -a");
    });
}

#[test]
fn a_member_in_order_that_cannot_start_takes_all_down() {
    // R10b, R9. It is not tried again; those that are up stop in reverse, and the parent falls.
    let notes = Notes::default();
    let [a, b] = ["a", "b"].map(|name| noted(&notes, name));
    let bad = |_: Context| async { anyhow::bail!("bad") as anyhow::Result<()> };
    let noting = notes.clone();
    let parent = move |ctx: Context| {
        let group = ctx.group("line", Strategy::OneForOne).in_order();
        let group = group.run("a", a.clone()).run("b", b.clone());
        let group = group
            .run("bad", bad)
            .run("never", noted(&noting, "never"))
            .start();
        async move {
            group?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    let parent = runnable(parent)
        .on_spent(OnSpent::StayDown)
        .intensity(twice());
    let root = root_of(move |ctx| ctx.run("parent", parent.clone()).map(drop));
    Harness::run(None, |h| async move {
        h.start(root);
        h.until_event(|event| {
            event.path == "root.parent" && matches!(event.what, What::Exited { .. })
        })
        .await;
        assert_eq!(drain(&notes), "+a +b -b -a");
        h.settled().await;
        assert_down(&h.snapshot().await, "root.parent", Down::Spent);
    });
}

#[test]
fn an_order_makes_way_in_a_line_that_starts() {
    // R10b, R16. Who is terminated is no failed start, and the next one need not wait for it.
    let notes = Notes::default();
    let never = |ctx: Context| async move { ctx.cancelled().await };
    let b = noted(&notes, "b");
    let root = root_of(move |ctx| {
        let group = ctx.group("line", Strategy::OneForAll).in_order();
        group.run("a", never).run("b", b.clone()).start().map(drop)
    });
    Harness::run(None, |h| async move {
        let tree = h.start(root);
        h.advance(SECOND * 60).await;
        assert_eq!(drain(&notes), "");
        let start = tree.node("root.b").start();
        h.advance(SECOND).await;
        assert_eq!(drain(&notes), "", "never out of the queue");
        tree.node("root.a").terminate().await.unwrap();
        start.await.unwrap();
        h.settled().await;
        assert_eq!(drain(&notes), "+b");
        assert_down(&h.snapshot().await, "root.a", Down::Terminated);
    });
}

#[test]
fn what_provides_is_stopped_after_those_that_use_it() {
    // R10. Its later siblings are gone and its parent's code has returned; those before it are not.
    let notes = Notes::default();
    let [before, store, user, parent] =
        ["before", "store", "user", "parent"].map(|name| noted(&notes, name));
    let parent = move |ctx: Context| {
        let declared = (|| {
            ctx.run("before", before.clone())?;
            ctx.run("store", runnable(store.clone()).provides())?;
            ctx.run("user", user.clone())
        })();
        declared.expect("the names are free");
        parent(ctx)
    };
    let root = root_of(move |ctx| ctx.run("parent", parent.clone()).map(drop));
    Harness::run(None, |h| async move {
        let tree = h.start(root);
        h.settled().await;
        drain(&notes);
        let from = h.now();
        let restart = tree.node("root.parent").restart();
        h.advance(SECOND / 2).await;
        let text = h.snapshot().await.to_string();
        let held = "store #4 healthy (told by parent: root.parent; not asked yet)";
        assert!(text.contains(held), "{text}");
        h.wait(restart).await.unwrap();
        assert_eq!(h.now() - from, SECOND * 2);
        let notes = drain(&notes);
        let (until, _) = notes.split_once(" -store").expect("it has ended");
        let ends = ["-before", "-user", "-parent"];
        assert!(ends.iter().all(|end| until.contains(end)), "{notes}");
    });
}

#[test]
fn the_end_of_a_significant_child_ends_its_parent() {
    // R10c. The parent is done with all below it, and its own end counts above it.
    let parent = |ctx: Context| async move {
        ctx.run("done", runnable(done).significant(Significant::Any))?;
        ctx.run("other", serve)?;
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    let root = move |ctx: Context| async move {
        ctx.run("parent", runnable(parent).significant(Significant::All))?;
        ctx.run(
            "job",
            runnable(done)
                .restart(Restart::Temporary)
                .significant(Significant::All),
        )?;
        serve(ctx).await;
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        let report = h.stopped().await.expect("it has finished");
        assert_eq!(report.outcome, Outcome::Finished);
        assert_eq!(h.now(), SECOND);
    });
}

#[test]
fn an_order_is_no_end_of_a_significant_child() {
    // R10c, R16. Its parent goes on, and so it does after a restart.
    let child = runnable(serve).significant(Significant::Any);
    let root = root_of(move |ctx| ctx.run("child", child.clone()).map(drop));
    Harness::run(None, |h| async move {
        let node = h.start(root).node("root.child");
        h.settled().await;
        node.restart().await.unwrap();
        node.terminate().await.unwrap();
        h.settled().await;
        assert_eq!(h.state("root").await, Some(State::Healthy));
        node.remove().await.unwrap();
        h.settled().await;
        assert_eq!(h.state("root").await, Some(State::Healthy));
    });
}

#[test]
fn what_is_transient_is_done_when_it_returns_and_tried_again_when_it_fails() {
    // R5. What is temporary is never.
    let twice = |ctx: Context| async move {
        ctx.healthy();
        sleep(SECOND).await;
        anyhow::ensure!(ctx.attempt() > 2, "not yet");
        Ok(())
    };
    let root = root_of(move |ctx| {
        ctx.run("transient", runnable(twice).restart(Restart::Transient))?;
        ctx.run("temporary", runnable(twice).restart(Restart::Temporary))
            .map(drop)
    });
    Harness::run(None, |h| async move {
        h.start(root);
        h.advance(SECOND * 60).await;
        let snapshot = h.snapshot().await;
        let transient = snapshot.find("root.transient").unwrap();
        assert_eq!(
            (transient.state, transient.restarts),
            (State::Done, 2),
            "{snapshot}"
        );
        assert_down(&snapshot, "root.temporary", Down::Failed);
    });
}

#[test]
fn a_stop_with_a_deadline_ends_all_order() {
    // R10, L9. Who is held is asked and aborted, however patient.
    let deaf = |ctx: Context| async move {
        ctx.healthy();
        std::future::pending::<()>().await;
    };
    let root = root_of(move |ctx| {
        let patient = runnable(deaf).grace(Grace::Infinite);
        let group = ctx.group("line", Strategy::OneForAll).in_order();
        group
            .run("a", patient.clone())
            .run("b", patient.clone())
            .start()?;
        ctx.run("store", patient.clone().provides())?;
        ctx.run("user", patient).map(drop)
    });
    Harness::run(None, |h| async move {
        let tree = h.start(root);
        h.settled().await;
        let ended = tree.stop_within(SECOND * 3);
        let report = h.wait(ended).await.unwrap();
        assert_eq!(h.now(), SECOND * 3);
        assert_eq!(report.stops.len(), 4, "{report}");
    });
}
