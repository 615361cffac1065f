//! What the guide promises of the harness: faults strike at points in the code, and in storms.

use std::time::Duration;

use crate::failing::text_of_failure;
use crate::parent::nested;
use crate::stage::{SECOND, one, serve};
use perennial::testing::{Fault, FaultPoint, Harness, Storm};
use perennial::{Backoff, Context, RunError, Rung, State, runnable};

static HERE: FaultPoint = FaultPoint::new("here");

/// A node that reaches the point once a second.
async fn ticks(ctx: Context) -> anyhow::Result<()> {
    ctx.healthy();
    while ctx
        .until_cancelled(tokio::time::sleep(SECOND))
        .await
        .is_some()
    {
        HERE.reach(&ctx).await?;
    }
    Ok(())
}

async fn owner_tree(ctx: Context) -> Result<(), RunError> {
    ctx.run("owner", |ctx: Context| async move {
        let inner = ctx.clone();
        ctx.spawn(async move { ticks(inner).await.is_ok() })?;
        ctx.healthy();
        ctx.cancelled().await;
        anyhow::Ok(())
    })?;
    ctx.done();
    Ok(())
}

#[test]
fn a_point_in_an_owned_task_fails_there() {
    // R14. The error is the handle's business.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            let inner = ctx.clone();
            let owned = ctx.spawn(async move { HERE.reach(&inner).await })?;
            ctx.healthy();
            let error = owned.await?.expect_err("injected");
            anyhow::ensure!(error.path() == "root");
            ctx.cancelled().await;
            Ok(())
        });
        h.inject(Fault::error("root").at_point("here", 1));
        h.settled().await;
        assert_eq!(h.strikes().len(), 1);
        assert_eq!(h.state("root").await, Some(State::Healthy));
    });
}

#[test]
fn a_panic_at_a_point_in_an_owned_task_fails_the_owner() {
    // R14. The panic of an owned task does.
    Harness::run(None, |h| async move {
        h.inject(Fault::panic("root.owner").at_point("here", 2));
        h.start(owner_tree);
        h.advance(SECOND).await;
        assert_eq!(h.strikes().len(), 0);
        h.until("root.owner", State::Waiting).await;
        assert_eq!(h.now(), 2 * SECOND);
    });
}

#[test]
fn a_hang_at_a_point_in_an_owned_task_is_ended_by_the_ladder() {
    // R10, R14. The task hangs in the call, the stop aborts it.
    Harness::run(None, |h| async move {
        h.inject(Fault::hang("root.owner").at_point("here", 1));
        h.start(owner_tree);
        h.advance(5 * SECOND).await;
        assert_eq!(h.strikes().len(), 1);
        h.stop().await.expect("a stop");
        assert_eq!(h.now(), 10 * SECOND);
    });
}

#[test]
fn a_hang_at_a_point_stops_the_loop_that_reaches_it() {
    // R10. The token is not heard in the call.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            ctx.run("t", ticks)?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.settled().await;
        h.inject(Fault::hang("root.t").at_point("here", 3));
        h.advance(3 * SECOND).await;
        assert_eq!(h.strikes()[0].at, 3 * SECOND);
        let report = h.stop().await.expect("a stop");
        assert_eq!(report.stops[0].rung, Rung::Aborted);
    });
}

#[test]
fn a_point_is_counted_per_path_and_across_incarnations() {
    // R12. For the fourth time from the injection on.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            ctx.run("t", runnable(ticks).backoff(Backoff::none()))?;
            ctx.run("u", ticks)?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.settled().await;
        h.inject(Fault::error("root.t").at_point("here", 4));
        h.advance(2 * SECOND).await;
        h.inject(Fault::kill("root.t"));
        h.until("root.t", State::Starting).await;
        h.advance(2 * SECOND).await;
        assert_eq!(h.strikes().len(), 2);
        assert_eq!(h.now(), 4 * SECOND);
    });
}

#[test]
fn a_storm_without_faults_is_only_time() {
    // R12. Rate zero, and no rate at all.
    Harness::run(None, |h| async move {
        h.start(one);
        assert_eq!(h.storm(Storm::lasting(60 * SECOND)).await, 0);
        assert_eq!(
            h.storm(Storm::lasting(60 * SECOND).kills(0.0).panics(0.0))
                .await,
            0
        );
        assert_eq!(h.now(), 120 * SECOND);
        assert_eq!(
            h.storm(Storm::lasting(Duration::ZERO).kills(1000.0)).await,
            0
        );
        assert_eq!(h.now(), 120 * SECOND);
    });
}

#[test]
fn a_storm_that_spares_all_has_no_fault() {
    // R12. Nobody is left to strike; time passes all the same.
    Harness::run(None, |h| async move {
        h.start(one);
        let storm = Storm::lasting(60 * SECOND)
            .kills(5.0)
            .sparing("root.worker");
        assert_eq!(h.storm(storm).await, 0);
        assert_eq!(h.now(), 60 * SECOND);
        assert!(h.strikes().is_empty());
    });
}

#[test]
fn a_storm_over_an_empty_tree_and_over_an_ended_one_is_harmless() {
    // R12. Only a root, and then not even that.
    Harness::run(None, |h| async move {
        h.start(serve);
        assert_eq!(h.storm(Storm::lasting(10 * SECOND).kills(5.0)).await, 0);
        h.stop().await.expect("a stop");
        assert_eq!(h.storm(Storm::lasting(10 * SECOND).kills(5.0)).await, 0);
        assert_eq!(h.now(), 20 * SECOND);
    });
}

#[test]
fn a_storm_of_a_huge_rate_ends_in_its_time() {
    // R12. Many faults in one millisecond are no hang.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            for child in 0..20 {
                ctx.run(
                    format!("c{child}"),
                    runnable(serve).backoff(Backoff::none()),
                )?;
            }
            ctx.done();
            Ok::<_, RunError>(())
        });
        assert!(h.storm(Storm::lasting(SECOND).kills(20_000.0)).await > 1000);
        assert_eq!(h.now(), SECOND);
        h.settled().await;
    });
}

#[test]
fn a_rate_that_is_no_number_is_refused() {
    // R12. Negative, infinite, none.
    for rate in [-1.0, f64::INFINITY, f64::NAN, -0.000_1] {
        let text = text_of_failure(|| drop(Storm::lasting(SECOND).kills(rate)));
        assert!(text.contains("is no rate"), "{text}");
    }
}

#[test]
fn the_number_of_a_storm_is_the_number_of_its_strikes() {
    // R12. Also where a parent falls with its child, and the root is never struck.
    for seed in 0..10 {
        Harness::run(Some(seed), |h| async move {
            h.start(nested);
            let storm = Storm::lasting(600 * SECOND)
                .kills(0.05)
                .errors(0.05)
                .panics(0.05);
            let faults = h.storm(storm).await;
            let strikes = h.strikes();
            assert_eq!(faults, strikes.len(), "{strikes:?}");
            assert!(strikes.iter().all(|strike| strike.path != "root"));
            assert!(
                (40..150).contains(&faults),
                "{faults} is far from the mean of 90"
            );
        });
    }
}
