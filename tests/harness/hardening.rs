//! The harness, where it was once wrong.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::root::root_of;
use crate::stage::serve;
use futures::FutureExt;
use parking_lot::Mutex;
use perennial::testing::{Fault, FaultPoint, Harness, Settled, Storm};
use perennial::{Backoff, Clock, Context, RunError, Runnable, State, Supervisor, runnable};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

fn serving() -> impl Runnable + Clone {
    runnable(serve).backoff(Backoff::constant(secs(1)))
}

#[test]
#[should_panic(expected = "the clock stands still")]
fn a_wait_that_is_dropped_in_another_task_moves_no_time() {
    // R12. Its waker is of a task that is gone, and waking that wakes nobody.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        let other = h.clone();
        let task = tokio::spawn(async move {
            tokio::select! {
                biased;
                () = other.idle() => {}
                () = std::future::ready(()) => {}
            }
        });
        task.await.expect("it returns");
        sleep(millis(10)).await;
    });
}

#[test]
fn an_answer_is_as_exact_as_it_was_when_it_was_given() {
    // R12. The thread ends, having woken a task, while the answer is on its way.
    for late in 40..60 {
        Harness::run(Some(1), |h| async move {
            h.start(root_of("a", serving()));
            h.settled().await;
            let (go, wait) = std::sync::mpsc::channel::<()>();
            let (woken, waits) = oneshot::channel::<()>();
            let has_run = Arc::new(AtomicBool::new(false));
            let runs = has_run.clone();
            tokio::spawn(async move {
                let _ = waits.await;
                runs.store(true, Ordering::SeqCst);
            });
            spawn_blocking(move || {
                // It ends without an error, for `go` is dropped.
                let _ = wait.recv();
                let _ = woken.send(());
            });
            let mut go = Some(go);
            let mut polls = 0;
            let mut settled = pin!(h.settled());
            let settled = std::future::poll_fn(|cx| {
                polls += 1;
                go.take_if(|_| polls > late);
                settled.as_mut().poll(cx)
            });
            if settled.await == Settled::Exact {
                assert!(has_run.load(Ordering::SeqCst));
            }
        });
    }
}

#[test]
#[should_panic(expected = "the test waits for something")]
fn a_test_that_asks_for_ever_does_not_hang() {
    // R12. No time passes while it does.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::kill("root.a"));
        h.until("root.a", State::Waiting).await;
        while h.state("root.a").await != Some(State::Healthy) {
            h.idle().await;
        }
    });
}

#[test]
fn a_long_wait_beside_a_fast_timer_sees_its_end() {
    // R12. Five minutes of milliseconds.
    let ticker = |ctx: Context| async move {
        ctx.healthy();
        while ctx.until_cancelled(sleep(millis(1))).await.is_some() {}
    };
    Harness::run(None, |h| async move {
        h.start(root_of("a", runnable(ticker)));
        h.wait(sleep(secs(300))).await;
        assert_eq!(h.now(), secs(300));
    });
}

#[test]
fn the_log_of_a_large_tree_is_complete() {
    // R17. Its declarations are more than a reader of events may be behind.
    let wide = |ctx: Context| async move {
        for child in 0..3000 {
            ctx.run(format!("c{child}"), serve)?;
        }
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(wide);
        h.settled().await;
        assert_eq!(h.log().missed(), 0);
        assert_eq!(h.log()[0].to_string().trim(), "0.000000 root #1 declared");
    });
}

#[test]
fn the_next_act_of_the_tree_may_be_one_that_was_not_yet_due() {
    // R8. The one that waits is due in ten seconds; the other dies and is back before.
    let quick = |ctx: Context| async move {
        ctx.healthy();
        sleep(secs(1)).await;
    };
    let both = move |ctx: Context| async move {
        let slow = |_: Context| async { Err::<(), _>("no") };
        ctx.run("slow", runnable(slow).backoff(Backoff::constant(secs(10))))?;
        ctx.run("quick", runnable(quick).backoff(Backoff::constant(secs(2))))?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(both);
        assert_eq!(h.advance_to_next().await, Some(secs(3)));
        assert_eq!(h.state("root.quick").await, Some(State::Healthy));
    });
}

#[test]
fn the_clock_of_the_test_replaces_that_of_a_supervisor() {
    // L7. A clock that nobody moves would stop the tree.
    Harness::run(None, |h| async move {
        let (clock, _hand) = Clock::manual();
        h.start_with(Supervisor::new(root_of("a", serving())).clock(clock));
        h.settled().await;
        h.inject(Fault::kill("root.a"));
        assert_eq!(h.advance_to_next().await, Some(secs(1)));
        assert_eq!(h.state("root.a").await, Some(State::Healthy));
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
fn two_faults_at_one_time_of_a_point_strike_one_after_the_other() {
    // R5. The second at the next time.
    let stepping = runnable(stepping).backoff(Backoff::constant(secs(1)));
    Harness::run(None, |h| async move {
        h.start(root_of("a", stepping));
        h.settled().await;
        h.inject(Fault::error("root.a").at_point("step", 1));
        h.inject(Fault::error("root.a").at_point("step", 1));
        h.advance(secs(20)).await;
        assert_eq!(h.strikes().len(), 2);
        let node = h.snapshot().await.find("root.a").cloned();
        assert_eq!(node.map(|node| node.restarts), Some(2));
    });
}

#[test]
fn a_kill_at_a_point_strikes_once() {
    // R5. It is the node that is struck, not the call.
    Harness::run(None, |h| async move {
        h.start(root_of("a", runnable(stepping)));
        h.settled().await;
        h.inject(Fault::kill("root.a").at_point("step", 1));
        h.until("root.a", State::Waiting).await;
        let strikes: Vec<_> = h.strikes().iter().map(ToString::to_string).collect();
        assert_eq!(strikes, ["  1.000000 root.a #2 struck by kill"]);
    });
}

#[test]
fn a_context_of_an_ended_incarnation_reaches_no_point() {
    // L10. Its successor runs at the same path.
    let contexts = Arc::new(Mutex::new(Vec::new()));
    let keep = contexts.clone();
    let keeping = move |ctx: Context| {
        keep.lock().push(ctx.clone());
        serve(ctx)
    };
    let keeping = runnable(keeping).backoff(Backoff::constant(secs(1)));
    Harness::run(None, |h| async move {
        h.start(root_of("a", keeping));
        h.settled().await;
        h.inject(Fault::kill("root.a"));
        h.settled().await;
        h.inject(Fault::kill("root.a").at_point("step", 1));
        let reach = |context: usize| {
            let context = contexts.lock()[context].clone();
            tokio::spawn(async move { STEP.reach(&context).await })
        };
        assert!(reach(0).await.expect("it returns").is_ok());
        h.idle().await;
        assert_eq!(h.state("root.a").await, Some(State::Healthy));
        let _strikes = reach(1);
        h.until("root.a", State::Waiting).await;
    });
}

#[test]
fn what_hangs_is_not_freed_by_a_slow_start() {
    // R10. Nor by anything but a kill.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::hang("root.a"));
        h.settled().await;
        let storm = Storm::lasting(secs(10)).slow_starts(1.0, millis(1));
        assert_eq!(h.storm(storm).await, 0, "nothing starts");
        let before = h.now();
        h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now() - before, secs(5), "its grace");
    });
}

#[test]
fn a_slow_start_after_a_time_waits_for_a_start() {
    // R4. The code that runs is not stopped in the middle.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::slow_start("root.a", secs(7)).after(secs(1)));
        h.advance(secs(10)).await;
        assert!(h.strikes().is_empty());
        h.inject(Fault::kill("root.a"));
        h.settled().await;
        assert_eq!(h.now(), secs(10 + 1 + 7));
    });
}

#[test]
fn the_rate_of_a_storm_is_what_it_says_however_high() {
    // R12. The clock counts milliseconds, and some faults share one.
    let root = |ctx: Context| async move {
        for child in 0..50 {
            let child = format!("c{child}");
            ctx.run(child, runnable(serve).backoff(Backoff::none()))?;
        }
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(Some(1), |h| async move {
        h.start(root);
        h.settled().await;
        let faults = h.storm(Storm::lasting(secs(10)).kills(500.0)).await;
        assert!((4700..5300).contains(&faults), "{faults}");
    });
}

#[test]
#[should_panic(expected = "the tree has failed")]
fn a_failure_that_the_test_did_not_wait_for_is_not_seen() {
    // R11. The wait was begun, and dropped.
    Harness::run(None, |h| async move {
        let failing = |_: Context| async {
            sleep(secs(1)).await;
            Err::<(), _>("boom")
        };
        h.start(failing);
        assert!(h.stopped().now_or_never().is_none());
        h.advance(secs(10)).await;
    });
}

#[test]
#[should_panic(expected = "that is too long")]
fn a_block_without_end_is_refused() {
    // R12. No clock can tell it.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.settled().await;
        h.inject(Fault::block("root.a", Duration::MAX));
    });
}

#[test]
#[should_panic(expected = "tests/harness/hardening.rs")]
fn a_wait_that_fails_says_where_it_was_made() {
    // R12. And not where the harness panics.
    Harness::run(None, |h| async move {
        h.start(root_of("a", serving()));
        h.until("root.b", State::Done).await;
    });
}
