//! Section A: what is declared, and what of it is refused.

use std::sync::Arc;

use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Context, Intensity, IntensityError, OrderError, Restart, RunError, Rung, Significant, State,
    Strategy, runnable,
};
use tokio::time::sleep;

use crate::ctl::{Ctl, Member};
use crate::sup::{STRATEGIES, Sup, children, counts, is_up, ms, node, seconds};
use crate::trace::Trace;

/// A supervisor with one that serves and one that has nothing to run.
fn with_an_idle_one(restart: Restart) {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let idle = Member::new("idle", |ctx: Context| async move { ctx.done() });
    let idle = idle.with(move |run| run.restart(restart));
    let sup = Sup::new(Strategy::OneForOne).run(idle).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        assert_eq!(children(&h, "root.sup").await, "idle done, a healthy");
        assert_eq!(counts(&h).await, (2, 1));
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_07_a_child_that_has_nothing_to_run_is_kept_as_done() {
    // R5, R10b. The one after it starts.
    with_an_idle_one(Restart::Permanent);
}

#[test]
fn otp_08_a_temporary_child_that_has_nothing_to_run_is_kept_too() {
    // R5, R16. An order may start it again, so its place stays until the parent's next incarnation.
    with_an_idle_one(Restart::Temporary);
}

#[test]
fn otp_09_without_options_a_child_is_permanent_and_has_five_seconds() {
    // R5, R10, R16. And is not significant: its parent does not notice that it is done.
    let returns = |ctx: Context| async move {
        ctx.healthy();
        if ctx.last_exit().is_some() {
            sleep(seconds(3600)).await;
        }
    };
    let root = move |ctx: Context| async move {
        ctx.run("returns", runnable(returns))?;
        ctx.run("idle", |ctx: Context| async move { ctx.done() })?;
        ctx.healthy();
        ctx.cancelled().await;
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_eq!(children(&h, "root").await, "returns healthy, idle done");
        assert_eq!(node(&h, "root.returns").await.restarts, 1);
        assert_eq!(h.state("root").await, Some(State::Healthy));
        let unknown = h.tree().node("root.unknown").start().await;
        assert!(
            matches!(unknown, Err(OrderError::NotFound { .. })),
            "{unknown:?}"
        );
        let before = h.now();
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now() - before, seconds(5));
        assert_eq!(report.stops.len(), 1, "{report}");
        assert_eq!(report.stops[0].rung, Rung::Aborted);
    });
}

/// Runs this in a root while it starts, and returns what it returned and who stood below it.
fn starting<T: Send + 'static>(ask: fn(&Context) -> T) -> (T, String) {
    let answer = Arc::new(Mutex::new(None));
    let kept = answer.clone();
    let root = move |ctx: Context| {
        let kept = kept.clone();
        async move {
            *kept.lock() = Some(ask(&ctx));
            ctx.healthy();
            ctx.cancelled().await;
        }
    };
    let below = Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        children(&h, "root").await
    });
    let answer = answer.lock().take();
    (answer.expect("it has run"), below)
}

async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

#[test]
fn otp_10_two_children_of_one_name_are_refused_together() {
    // R1, R3. Nothing of their group is declared.
    let (refused, below) = starting(|ctx| {
        let group = ctx.group("twins", Strategy::OneForOne);
        group
            .run("other", serve)
            .run("a", serve)
            .run("a", serve)
            .start()
    });
    match refused {
        Err(RunError::NameTaken { name, .. }) => assert_eq!(name.as_str(), "a"),
        other => panic!("{other:?}"),
    }
    assert_eq!(below, "");
}

#[test]
fn otp_11_102_every_combination_of_options_is_good() {
    // R10c, R5. A permanent child can be done, so it can be significant.
    for strategy in STRATEGIES {
        for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
            for significant in [Significant::Any, Significant::All] {
                let trace = Trace::default();
                let a = Ctl::new("a", &trace);
                let member = a.with(move |run| run.restart(restart).significant(significant));
                let sup = Sup::new(strategy).run(member);
                Harness::run(None, |h| async move {
                    h.start(sup.root());
                    h.settled().await;
                    assert_eq!(children(&h, "root.sup").await, "a healthy");
                    a.done().await;
                    h.settled().await;
                    assert_eq!(h.state("root.sup").await, Some(State::Done));
                });
            }
        }
    }
}

#[test]
fn otp_12_a_budget_needs_a_window() {
    // R9. The other flags cannot be written wrongly.
    assert_eq!(Intensity::new(3, ms(0)), Err(IntensityError::Window));
    assert!(Intensity::new(0, ms(1)).is_ok());
}

#[test]
fn otp_14_a_taken_name_is_an_error_value() {
    // R1. The first child of the name is not touched.
    let (refused, below) = starting(|ctx| {
        let first = ctx.run("a", serve).is_ok();
        (first, ctx.run("a", serve))
    });
    match refused {
        (true, Err(RunError::NameTaken { name, .. })) => assert_eq!(name.as_str(), "a"),
        other => panic!("{other:?}"),
    }
    assert_eq!(below, "a healthy");
}
