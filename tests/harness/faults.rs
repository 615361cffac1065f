//! The harness: faults, each kind at each moment.

use std::time::Duration;

use crate::root::root_of;
use crate::stage::serve;
use perennial::testing::{Fault, FaultPoint, Harness, Storm};
use perennial::{Backoff, Context, Grace, RunError, Rung, Runnable, State, What, runnable};
use tokio::time::{Instant, sleep};

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn serving() -> impl Runnable + Clone {
    runnable(serve)
        .backoff(Backoff::constant(secs(1)))
        .grace(secs(3))
}

/// How `a` exited, each time.
fn exits(h: &Harness) -> Vec<String> {
    let log = h.log();
    let of_a = log.iter().filter(|event| event.path == "root.a");
    of_a.filter_map(|event| match &event.what {
        What::Exited { evidence } => evidence.exit.as_ref().map(ToString::to_string),
        _ => None,
    })
    .collect()
}

#[test]
fn a_kill_drops_the_code_where_it_stands() {
    // R5. A task that is aborted from outside is an exit.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::kill("root.a"));
        h.settled().await;
        assert_eq!(exits(&h), ["was aborted"]);
        assert_eq!(h.now(), secs(1));
    });
}

#[test]
fn an_error_and_a_panic_end_it_as_if_it_had_done_so() {
    // R5, R18. Its evidence says what was injected.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::error("root.a"));
        h.settled().await;
        h.inject(Fault::panic("root.a"));
        h.settled().await;
        let exits = exits(&h);
        assert_eq!(exits[0], "failed");
        assert!(exits[1].contains("injected panic"), "{exits:?}");
        let text = h.log().to_string();
        assert!(
            text.contains("root.a failed while healthy: injected error"),
            "{text}"
        );
    });
}

#[test]
fn what_hangs_does_not_hear_that_it_is_asked_to_stop() {
    // R10, L9. It is aborted when its grace is over.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::hang("root.a"));
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), secs(3));
        let stop = report.stops.iter().find(|stop| stop.path == "root.a");
        assert_eq!(stop.map(|stop| stop.rung), Some(Rung::Aborted));
    });
}

#[test]
fn what_hangs_can_still_be_killed() {
    // R5. For a test that wants it back.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::hang("root.a"));
        h.settled().await;
        h.inject(Fault::kill("root.a"));
        h.settled().await;
        assert_eq!(exits(&h), ["was aborted"]);
    });
}

#[test]
fn what_blocks_lets_time_pass_with_nothing_else_running() {
    // R10. Another child's timer rings late.
    let ticker = |ctx: Context| async move {
        let start = Instant::now();
        ctx.healthy();
        sleep(secs(1)).await;
        assert_eq!(start.elapsed(), secs(10), "the thread was blocked");
        ctx.done();
    };
    let root = move |ctx: Context| async move {
        ctx.run("a", serving())?;
        ctx.run("ticker", ticker)?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        h.inject(Fault::block("root.a", secs(10)));
        h.advance(secs(1)).await;
        assert_eq!(h.state("root.ticker").await, Some(State::Done));
    });
}

#[test]
fn a_slow_start_comes_late_and_a_slow_stop_ends_late() {
    // R4, R10. Nothing of the code runs before, and it has not returned until then.
    Harness::run(None, |h| async move {
        h.inject(Fault::slow_start("root.a", secs(20)));
        h.start(root_of("a", serving()));
        h.advance(secs(19)).await;
        assert_eq!(h.state("root.a").await, Some(State::Starting));
        h.advance(secs(1)).await;
        assert_eq!(h.state("root.a").await, Some(State::Healthy));
        h.inject(Fault::slow_stop("root.a", secs(2)));
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), secs(22));
        assert!(report.stops.is_empty(), "it was within its grace");
    });
}

#[test]
fn a_slow_stop_beyond_the_grace_is_aborted() {
    // R10. Three seconds of grace.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::slow_stop("root.a", secs(4)));
        h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), secs(3));
        assert_eq!(exits(&h), ["was aborted"]);
    });
}

#[test]
fn a_fault_strikes_at_the_start_that_was_named() {
    // R8. The first start is the first of the tree.
    Harness::run(None, |h| async move {
        h.inject(Fault::panic("root.a").at_start(1));
        h.inject(Fault::error("root.a").at_start(3));
        h.start(root_of("a", serving()));
        h.settled().await;
        assert_eq!(exits(&h).len(), 1, "the second start went well");
        h.inject(Fault::kill("root.a"));
        h.settled().await;
        let exits = exits(&h);
        assert_eq!(exits.len(), 3, "{exits:?}");
        assert_eq!(exits[2], "failed");
    });
}

#[test]
fn a_fault_strikes_after_its_time() {
    // R12. Or at the next start, when the node is not running then.
    Harness::run(None, |h| async move {
        h.inject(Fault::error("root.a").after(secs(10)));
        h.inject(Fault::kill("root.a").after(Duration::from_millis(10_500)));
        h.start(root_of("a", serving()));
        h.advance(Duration::from_millis(9999)).await;
        assert_eq!(exits(&h).len(), 0);
        h.advance(Duration::from_millis(1)).await;
        assert_eq!(exits(&h), ["failed"]);
        h.advance(Duration::from_millis(999)).await;
        assert_eq!(exits(&h).len(), 1, "it waits");
        h.advance(Duration::from_millis(1)).await;
        assert_eq!(exits(&h), ["failed", "was aborted"]);
    });
}

static STEP: FaultPoint = FaultPoint::new("step");

async fn stepping(ctx: Context) -> anyhow::Result<()> {
    ctx.healthy();
    while ctx.until_cancelled(sleep(secs(1))).await.is_some() {
        STEP.reach(&ctx).await?;
    }
    Ok(())
}

#[test]
fn a_fault_strikes_at_a_point_in_the_code() {
    // R5. The third time that the code comes there, then the next one.
    let stepping = runnable(stepping).backoff(Backoff::constant(secs(100)));
    Harness::run(None, |h| async move {
        h.start(root_of("a", stepping));
        h.settled().await;
        h.inject(Fault::error("root.a").at_point("step", 3));
        h.until("root.a", State::Waiting).await;
        assert_eq!(h.now(), secs(3));
        let log = h.log().to_string();
        assert!(log.contains("injected error at step"), "{log}");
        h.settled().await;
        h.inject(Fault::panic("root.a").at_point("step", 1));
        h.advance(secs(1)).await;
        assert!(exits(&h)[1].contains("injected panic at step"));
    });
}

#[test]
fn a_point_hangs_blocks_delays_and_kills() {
    // R5, R10. Whatever is to go wrong there.
    let stepping = runnable(stepping).backoff(Backoff::constant(secs(100)));
    Harness::run(None, |h| async move {
        h.start(root_of("a", stepping));
        h.settled().await;
        h.inject(Fault::slow_start("root.a", secs(9)).at_point("step", 1));
        h.inject(Fault::block("root.a", secs(90)).at_point("step", 2));
        h.inject(Fault::kill("root.a").at_point("step", 3));
        h.until("root.a", State::Waiting).await;
        // A second, the delay, a second, the block, a second.
        assert_eq!(h.now(), secs(1 + 9 + 1 + 90 + 1));
        h.settled().await;
        h.inject(Fault::hang("root.a").at_point("step", 1));
        h.advance(secs(1000)).await;
        assert_eq!(exits(&h), ["was aborted"]);
        h.inject(Fault::kill("root.a"));
    });
}

#[tokio::test(start_paused = true)]
async fn a_point_outside_of_a_harness_does_nothing() {
    // R18. Code that ships with its points runs as without.
    let tree = perennial::Supervisor::new(|ctx: Context| async move {
        STEP.reach(&ctx).await?;
        ctx.done();
        Ok::<_, perennial::testing::InjectedError>(())
    });
    tree.run().await.expect("it finishes");
}

#[test]
#[should_panic(expected = "cannot inject kill of root.b: it does not run")]
fn a_fault_that_cannot_strike_now_is_refused() {
    // R12. A name that is wrong is told at once.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::kill("root.b"));
    });
}

#[test]
#[should_panic(expected = "cannot inject kill of root.a at start 1: that start is past")]
fn a_fault_at_a_start_that_is_past_is_refused() {
    // R12. It would never strike.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::kill("root.a").at_start(1));
    });
}

#[test]
#[should_panic(expected = "these faults never struck: [\"panic of root.a at start 2\"]")]
fn a_fault_that_never_strikes_fails_the_test() {
    // R12. The test proves less than it says.
    Harness::run(None, |h| async move {
        h.inject(Fault::panic("root.a").at_start(2));
        h.start(root_of("a", serving()));
        h.settled().await;
    });
}

#[test]
fn a_storm_strikes_about_as_often_as_it_says_and_the_tree_settles_after_it() {
    // R12, L3. Two hundred seconds, five faults a second, of which the waiting nodes miss some.
    let root = |ctx: Context| async move {
        for name in ["a", "b", "c", "d", "e", "f"] {
            ctx.run(name, runnable(serve).backoff(Backoff::none()))?;
        }
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let storm = Storm::lasting(secs(200)).kills(2.0).errors(2.0).panics(1.0);
        let faults = h.storm(storm.sparing("root.f")).await;
        assert_eq!(h.now(), secs(200));
        assert!((800..1200).contains(&faults), "{faults}");
        h.settled().await;
        assert_eq!(h.strikes().len(), faults);
        let snapshot = h.snapshot().await;
        let restarts: u64 = snapshot.nodes.iter().map(|node| node.restarts).sum();
        assert_eq!(restarts, faults as u64);
        assert_eq!(snapshot.find("root.f").map(|node| node.restarts), Some(0));
    });
}

#[test]
fn a_storm_of_every_kind_is_survived() {
    // L1, L3, L9. Whatever happens, the tree settles, and stops in time.
    let root = |ctx: Context| async move {
        for name in ["a", "b", "c", "d"] {
            let backoff = Backoff::constant(Duration::from_millis(100));
            ctx.run(
                name,
                runnable(serve).backoff(backoff).grace(Grace::from(secs(1))),
            )?;
        }
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        let storm = Storm::lasting(secs(60))
            .kills(3.0)
            .errors(3.0)
            .panics(3.0)
            .hangs(0.5)
            .blocks(0.5, Duration::from_millis(700))
            .slow_starts(1.0, secs(2))
            .slow_stops(1.0, secs(2));
        assert!(h.storm(storm).await > 0);
        h.settled().await;
        let before = h.now();
        h.stop().await.expect("stopping is no failure");
        assert!(h.now() - before <= secs(1), "{:?}", h.now() - before);
    });
}
