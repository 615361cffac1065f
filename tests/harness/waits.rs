//! The harness: its waits are exact, time is in the test's hand, and what never happens is named.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::stage::serve;
use parking_lot::Mutex;
use perennial::testing::{Fault, Harness, NotSettled, Settled};
use perennial::{Backoff, Context, Exit, Outcome, RunError, State, What, runnable};
use tokio::sync::mpsc;
use tokio::task::{spawn_blocking, yield_now};
use tokio::time::sleep;

const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Three children that serve.
async fn three(ctx: Context) -> Result<(), RunError> {
    for name in ["a", "b", "c"] {
        ctx.run(name, serve)?;
    }
    ctx.done();
    Ok(())
}

#[test]
fn after_settled_nothing_happens_without_a_stimulus() {
    // R12. A thousand more turns of the runtime bring no event.
    Harness::run(None, |h| async move {
        h.start(three);
        assert_eq!(h.settled().await, Settled::Exact);
        let events = h.log().len();
        for _ in 0..1000 {
            yield_now().await;
        }
        assert_eq!(h.log().len(), events);
        assert_eq!(h.now(), Duration::ZERO, "nothing had to wait");
    });
}

#[test]
fn settled_lets_backoffs_pass_and_no_more() {
    // R12, R8. A node in backoff has not settled; one that serves has, whatever it waits for.
    let root = |ctx: Context| async move {
        let flaky = |ctx: Context| async move {
            if ctx.attempt() < 3 {
                return Exit::failed("not yet");
            }
            ctx.healthy();
            sleep(secs(1000)).await;
            Exit::Returned
        };
        ctx.run(
            "flaky",
            runnable(flaky).backoff(Backoff::constant(secs(60))),
        )?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_eq!(h.now(), secs(120));
    });
}

#[test]
fn a_child_that_wakes_itself_and_dies_is_not_taken_for_settled() {
    // R12. All are healthy when it is asked, and nothing but the child itself is still to run.
    let restless = |ctx: Context| async move {
        ctx.healthy();
        if ctx.attempt() > 1 {
            return ctx.cancelled().await;
        }
        for _ in 0..500 {
            yield_now().await;
        }
    };
    let root = move |ctx: Context| async move {
        ctx.run("restless", restless)?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        assert_eq!(h.settled().await, Settled::Exact);
        let node = h.snapshot().await.find("root.restless").cloned();
        assert_eq!(node.map(|node| node.attempt), Some(2));
    });
}

#[test]
fn an_exact_answer_has_seen_all_that_another_thread_has_woken() {
    // R12. The thread wakes the child again and again; it may end at any moment.
    for _ in 0..200 {
        let heard = Arc::new(AtomicUsize::new(0));
        let count = heard.clone();
        let root = move |ctx: Context| {
            let count = count.clone();
            async move {
                let (sender, mut numbers) = mpsc::unbounded_channel();
                let _thread = spawn_blocking(move || (0..100).try_for_each(|n| sender.send(n)));
                ctx.healthy();
                while numbers.recv().await.is_some() {
                    count.fetch_add(1, Ordering::SeqCst);
                }
                ctx.cancelled().await;
            }
        };
        Harness::run(None, |h| async move {
            h.start(root);
            if h.settled().await == Settled::Exact {
                assert_eq!(heard.load(Ordering::SeqCst), 100);
            }
        });
    }
}

#[test]
fn a_blocking_thread_makes_the_answer_inexact_while_it_runs() {
    // R12. Nobody knows what it will do.
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let root = move |ctx: Context| {
        let wait = wait.clone();
        async move {
            let thread = spawn_blocking(move || wait.lock().recv());
            ctx.healthy();
            // It ends without an error, for `go` is dropped.
            assert!(thread.await.expect("it returns").is_err());
            ctx.cancelled().await;
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        assert_eq!(h.settled().await, Settled::Inexact);
        drop(go);
        let mut answers = Vec::new();
        while answers.last() != Some(&Settled::Exact) && answers.len() < 500 {
            answers.push(h.settled().await);
        }
        assert_eq!(answers.last(), Some(&Settled::Exact));
    });
}

#[test]
fn a_tree_that_has_ended_has_settled() {
    // R12. Nothing can happen in it any more.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move { ctx.done() });
        let report = h.stopped().await.expect("it finishes");
        assert_eq!(report.outcome, Outcome::Finished);
        assert_eq!(h.settled().await, Settled::Exact);
    });
}

#[test]
fn a_tree_that_never_settles_is_named_with_each_nodes_reason() {
    // R12. One is never healthy, the other never gets out of its backoff.
    let root = |ctx: Context| async move {
        ctx.run("shy", |ctx: Context| async move { ctx.cancelled().await })?;
        ctx.run("flaky", |_: Context| async { Err::<(), _>("no luck") })?;
        ctx.run("well", serve)?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(Some(1), |h| async move {
        h.start(root);
        let error = h.settled_within(secs(600)).await.unwrap_err();
        assert!(matches!(error, NotSettled::Late { within, .. } if within == secs(600)));
        assert_eq!(h.now(), secs(600));
        let text = error.to_string();
        let (shy, flaky) = ("root.shy #2 starting; has not", "root.flaky #");
        assert!(text.contains(shy) && text.contains(flaky), "{text}");
        assert!(
            text.contains("waiting (backoff, attempt") && text.contains("no luck"),
            "{text}"
        );
        assert!(!text.contains("root.well"), "{text}");
    });
}

/// A root above two children that wake each other for ever, and one that serves.
async fn ping_pong(ctx: Context) -> Result<(), RunError> {
    let (sender, balls) = mpsc::unbounded_channel();
    let (back, backs) = mpsc::unbounded_channel();
    sender.send(()).expect("the other end is here");
    let player = |balls, to| {
        let balls = Arc::new(tokio::sync::Mutex::new(balls));
        move |ctx: Context| {
            let (balls, to): (Arc<tokio::sync::Mutex<mpsc::UnboundedReceiver<()>>>, _) =
                (balls.clone(), mpsc::UnboundedSender::clone(&to));
            async move {
                ctx.healthy();
                while let Some(Some(())) = ctx.until_cancelled(balls.lock().await.recv()).await {
                    // The other one may have gone.
                    let _ = to.send(());
                }
            }
        }
    };
    ctx.run("ping", player(balls, back))?;
    ctx.run("pong", player(backs, sender))?;
    ctx.run("well", serve)?;
    ctx.done();
    Ok(())
}

#[test]
fn a_livelock_is_named_with_the_busy_nodes() {
    // R12. All are healthy, and the tree never comes to rest.
    Harness::run(None, |h| async move {
        h.start(ping_pong);
        let error = h.settled_within(secs(1)).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, NotSettled::Stuck { .. }), "{text}");
        assert!(text.contains("livelock"), "{text}");
        assert!(
            text.contains("root.ping") && text.contains("root.pong"),
            "{text}"
        );
        assert!(!text.contains("root.well"), "{text}");
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn a_child_that_restarts_for_ever_without_a_delay_is_named() {
    // R12, R8. No time passes between its deaths.
    let root = |ctx: Context| async move {
        let hot = runnable(|_: Context| async { Err::<(), _>("hot") });
        ctx.run("hot", hot.backoff(Backoff::none()))?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        let error = h.settled_within(secs(1)).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("livelock") && text.contains("root.hot"),
            "{text}"
        );
    });
}

#[test]
#[should_panic(expected = "by some task that is no node's own code")]
fn a_livelock_of_a_task_that_is_no_runnable_does_not_hang_the_test() {
    // R12. Nobody counts its polls, so a thread looks after it.
    let root = |ctx: Context| async move {
        let restless = async {
            loop {
                yield_now().await;
            }
        };
        let _ = ctx.spawn::<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>(Box::pin(restless));
        ctx.healthy();
        ctx.cancelled().await;
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
    });
}

#[test]
#[should_panic(expected = "the clock stands still")]
fn a_test_that_waits_for_time_beside_the_harness_fails() {
    // R12. Time is in the test's hand.
    Harness::run(None, |h| async move {
        h.start(three);
        sleep(secs(1)).await;
    });
}

#[test]
fn looking_moves_no_time() {
    // R12. There is a timer to jump to, and nothing else to do.
    let root = |ctx: Context| async move {
        ctx.healthy();
        loop {
            sleep(secs(1)).await;
        }
    };
    Harness::run(None, |h| async move {
        h.start(move |ctx: Context| async move {
            ctx.until_cancelled::<std::pin::Pin<Box<dyn Future<Output = ()> + Send>>>(Box::pin(
                root(ctx.clone()),
            ))
            .await;
        });
        h.until("root", State::Healthy).await;
        for _ in 0..100 {
            assert_eq!(h.state("root").await, Some(State::Healthy));
            h.settled().await;
        }
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn advance_meets_everything_at_its_time() {
    // R12. What becomes due on the way is not put off to the end.
    let ticks = Arc::new(Mutex::new(Vec::new()));
    let seen = ticks.clone();
    let root = move |ctx: Context| {
        let seen = seen.clone();
        async move {
            let start = tokio::time::Instant::now();
            ctx.healthy();
            while ctx.until_cancelled(sleep(secs(1))).await.is_some() {
                seen.lock().push(start.elapsed());
            }
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.advance(Duration::from_millis(3500)).await;
        assert_eq!(*ticks.lock(), [secs(1), secs(2), secs(3)]);
        assert_eq!(h.now(), Duration::from_millis(3500));
    });
}

#[test]
fn advance_to_next_goes_to_the_restart_that_is_due() {
    // R8. It returns the backoff, and nothing is due when all is well.
    let root = |ctx: Context| async move {
        let backoff = Backoff::constant(secs(7));
        ctx.run("a", runnable(serve).backoff(backoff))?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |h| async move {
        h.start(root);
        assert_eq!(h.advance_to_next().await, None);
        h.inject(Fault::kill("root.a"));
        assert_eq!(h.advance_to_next().await, Some(secs(7)));
        assert_eq!(h.state("root.a").await, Some(State::Healthy));
        assert_eq!(h.now(), secs(7));
    });
}

#[test]
fn advance_to_next_goes_to_the_deadline_of_a_stop() {
    // R10, L9. The grace of 5 s, then the abort.
    Harness::run(None, |h| async move {
        h.start(three);
        h.settled().await;
        h.inject(Fault::hang("root.a"));
        let ending = h.tree().stop();
        assert_eq!(h.advance_to_next().await, Some(secs(5)));
        let report = h.wait(ending).await.expect("stopping is no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        assert_eq!(h.now(), secs(5));
    });
}

#[test]
fn idle_takes_no_time_wherever_the_clock_stands() {
    // R12. Between two ticks of tokio's timer, too.
    Harness::run(None, |h| async move {
        h.start(three);
        h.settled().await;
        h.inject(Fault::block("root.a", Duration::from_micros(500)));
        h.idle().await;
        assert_eq!(h.now(), Duration::from_micros(500));
        h.idle().await;
        assert_eq!(h.advance_to_next().await, None);
        assert!(h.settled_within(Duration::ZERO).await.is_ok());
        assert_eq!(h.now(), Duration::from_micros(500));
    });
}

#[test]
#[should_panic(expected = "the clock stands still")]
fn a_wait_that_was_dropped_moves_no_time_any_more() {
    // R12. The permission to move the clock ends with the wait that gave it.
    Harness::run(None, |h| async move {
        h.start(three);
        tokio::select! {
            biased;
            () = h.advance(secs(100)) => {}
            _ = h.settled() => {}
        }
        sleep(Duration::from_millis(10)).await;
    });
}

#[test]
fn waits_that_are_joined_all_see_their_time() {
    // R12. One advances by more than the other.
    Harness::run(None, |h| async move {
        h.start(three);
        let short = async {
            h.advance(secs(2)).await;
            h.now()
        };
        let long = async {
            h.advance(secs(5)).await;
            h.now()
        };
        assert_eq!(tokio::join!(short, long), (secs(2), secs(5)));
    });
}

#[test]
fn times_without_end_are_no_fault() {
    // R12. They are too far off to be told.
    Harness::run(None, |h| async move {
        h.start(three);
        assert!(h.settled_within(Duration::MAX).await.is_ok());
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn until_event_returns_the_first_that_fits() {
    // R17. From now on: what was before does not count.
    Harness::run(None, |h| async move {
        h.start(three);
        h.settled().await;
        h.inject(Fault::kill("root.b"));
        let starts = |event: &perennial::Event| matches!(event.what, What::Starting { .. });
        let event = h.until_event(starts).await;
        assert_eq!(event.path, "root.b");
        assert_eq!(event.what.to_string(), "starting, attempt 2");
    });
}

#[test]
#[should_panic(expected = "root.a is healthy, and never became done")]
fn a_state_that_is_never_reached_is_told_with_the_state_that_is() {
    // R12. After an hour on the paused clock.
    Harness::run(None, |h| async move {
        h.start(three);
        h.until("root.a", State::Done).await;
    });
}

#[test]
fn quiet_waits_until_there_was_no_event_for_a_time() {
    // R12. The origin's weaker form.
    Harness::run(None, |h| async move {
        h.start(three);
        h.quiet(secs(3)).await;
        assert_eq!(h.now(), secs(3));
        assert_eq!(h.state("root.a").await, Some(State::Healthy));
    });
}

#[test]
fn wait_lets_time_pass_for_anything() {
    // R12. A timer of the test's own, too.
    Harness::run(None, |h| async move {
        h.wait(sleep(secs(90))).await;
        assert_eq!(h.now(), secs(90));
    });
}
