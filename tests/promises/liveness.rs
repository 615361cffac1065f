//! A node that hangs is seen: limits for a run, and for the silence of a node that serves.

use std::sync::Arc;
use std::time::Duration;

use crate::serve::serve;
use perennial::testing::Harness;
use perennial::{
    Cause, Child, Clock, Context, Down, Intensity, OnSpent, Restart, RunError, Runnable, State,
    Strategy, Supervisor, TaskError, What, once, runnable,
};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

/// A root with one child.
fn above(child: impl Runnable + Clone) -> impl Runnable {
    move |ctx: Context| {
        let run = ctx.run("child", child.clone());
        async move {
            run?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    }
}

/// Beats every second, so often, and hangs then.
fn beats(times: u32) -> impl Fn(Context) -> futures::future::BoxFuture<'static, ()> + Clone {
    move |ctx| {
        Box::pin(async move {
            ctx.healthy();
            for _ in 0..times {
                sleep(SECOND).await;
                ctx.beat();
            }
            ctx.cancelled().await;
        })
    }
}

#[test]
fn a_child_that_hangs_is_seen_to_the_moment() {
    // R5. Three beats, and then the whole time.
    Harness::run(None, |h| async move {
        h.start(above(runnable(beats(3)).beat_timeout(SECOND * 5)));
        h.settled().await;
        h.advance(Duration::from_millis(7999)).await;
        assert_eq!(h.state("root.child").await, Some(State::Healthy));
        h.advance(Duration::from_millis(1)).await;
        let snapshot = h.snapshot().await;
        let child = snapshot.find("root.child").unwrap();
        assert_eq!(child.state, State::Waiting, "{snapshot}");
        let last = child.last_exit.as_ref().unwrap();
        assert!(matches!(last.cause, Some(Cause::BeatTimeout(time)) if time == SECOND * 5));
        assert_eq!(last.to_string(), "root.child did not beat for 5s");
    });
}

#[test]
fn a_child_that_beats_lives_on() {
    // R5.
    Harness::run(None, |h| async move {
        h.start(above(runnable(beats(u32::MAX)).beat_timeout(SECOND * 2)));
        h.settled().await;
        h.advance(SECOND * 1000).await;
        let snapshot = h.snapshot().await;
        let child = snapshot.find("root.child").unwrap();
        assert_eq!((child.state, child.restarts), (State::Healthy, 0));
    });
}

#[test]
fn any_clone_of_the_context_may_beat() {
    // R5, R14. An owned task beats for its owner, from a thread that is no worker, too.
    Harness::run(None, |h| async move {
        let child = |ctx: Context| async move {
            let beating = ctx.clone();
            ctx.spawn(async move {
                loop {
                    sleep(SECOND).await;
                    let beating = beating.clone();
                    let beaten = std::thread::spawn(move || beating.beat());
                    beaten.join().expect("it does not panic");
                }
            })?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<(), perennial::OwnError>(())
        };
        h.start(above(runnable(child).beat_timeout(SECOND * 2)));
        h.settled().await;
        h.advance(SECOND * 60).await;
        assert_eq!(h.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn a_child_that_runs_for_too_long_is_stopped() {
    // R5. It is a death like any other: it starts again, with backoff.
    Harness::run(None, |h| async move {
        h.start(above(runnable(serve).run_timeout(SECOND * 30)));
        h.settled().await;
        h.advance(SECOND * 30).await;
        let snapshot = h.snapshot().await;
        let child = snapshot.find("root.child").unwrap();
        assert_eq!((child.state, child.attempt), (State::Waiting, 2));
        let last = child.last_exit.as_ref().unwrap();
        assert_eq!(last.to_string(), "root.child ran for more than 30s");
        h.settled().await;
        assert_eq!(h.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn a_job_that_ends_in_time_is_done() {
    // R5, L8. And nothing is due any more.
    Harness::run(None, |h| async move {
        let job = |ctx: Context| async move {
            sleep(SECOND).await;
            ctx.done();
        };
        h.start(above(runnable(job).run_timeout(SECOND * 2)));
        h.until("root.child", State::Done).await;
        assert_eq!(h.snapshot().await.next_due, None);
    });
}

#[test]
fn a_child_that_ignores_it_is_aborted() {
    // R5, R10. Its grace begins when its time is up.
    Harness::run(None, |h| async move {
        let deaf = |ctx: Context| async move {
            ctx.healthy();
            std::future::pending::<()>().await;
        };
        let deaf = runnable(deaf).beat_timeout(SECOND).grace(SECOND * 3);
        h.start(above(deaf));
        h.settled().await;
        h.advance(SECOND).await;
        assert_eq!(h.state("root.child").await, Some(State::Stopping));
        h.advance(SECOND * 3).await;
        assert_eq!(h.state("root.child").await, Some(State::Waiting));
    });
}

#[test]
fn silence_is_charged_to_the_budget() {
    // R9. And its cause is told to whoever asks why.
    Harness::run(None, |h| async move {
        let silent = runnable(serve)
            .beat_timeout(SECOND)
            .intensity(Intensity::new(1, SECOND * 60).unwrap())
            .on_spent(OnSpent::StayDown);
        h.start(above(silent));
        h.until("root.child", State::Down).await;
        let snapshot = h.snapshot().await;
        let child = snapshot.find("root.child").unwrap();
        assert_eq!((child.down, child.restarts), (Some(Down::Spent), 1));
        let why = child.last_exit.as_ref().unwrap().chain();
        assert!(why.contains("did not beat for 1s"), "{why}");
    });
}

#[test]
fn its_group_falls_with_a_child_that_hangs() {
    // R6, L5.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            ctx.group("pair", Strategy::OneForAll)
                .run("silent", runnable(serve).beat_timeout(SECOND))
                .run("other", serve)
                .start()?;
            ctx.done();
            Ok::<(), RunError>(())
        });
        h.settled().await;
        h.advance(SECOND).await;
        h.settled().await;
        let snapshot = h.snapshot().await;
        assert_eq!(snapshot.find("root.other").unwrap().restarts, 1);
    });
}

#[test]
fn a_limit_that_is_changed_holds_from_the_next_start() {
    // R16.
    Harness::run(None, |h| async move {
        let (gives, mut given) = watch::channel(None::<Child>);
        let gives = Arc::new(gives);
        h.start(move |ctx: Context| {
            let gives = gives.clone();
            async move {
                gives.send_replace(Some(ctx.run("child", serve)?));
                ctx.done();
                Ok::<(), RunError>(())
            }
        });
        h.settled().await;
        let child = given.borrow_and_update().clone().unwrap();
        let limited = runnable(serve).beat_timeout(SECOND).run_timeout(SECOND * 9);
        child.replace(limited).await.unwrap();
        h.advance(SECOND * 100).await;
        assert_eq!(h.state("root.child").await, Some(State::Healthy));
        child.restart().await.unwrap();
        h.settled().await;
        h.advance(SECOND).await;
        assert_ne!(h.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn who_is_asked_to_stop_is_not_looked_after() {
    // R5, R10. Its grace counts, however short its limits are.
    Harness::run(None, |h| async move {
        let slow = |ctx: Context| async move {
            ctx.healthy();
            ctx.cancelled().await;
            sleep(SECOND * 4).await;
        };
        let slow = runnable(slow).beat_timeout(SECOND).run_timeout(SECOND * 2);
        h.start(above(slow));
        h.settled().await;
        let ended = h.tree().stop();
        let report = h.wait(ended).await.unwrap();
        assert!(report.stops.is_empty(), "{report}");
        assert_eq!(h.now(), SECOND * 4);
    });
}

#[test]
fn a_beat_of_an_ended_incarnation_is_nothing() {
    // L10.
    Harness::run(None, |h| async move {
        let (gives, mut given) = mpsc::unbounded_channel();
        let child = move |ctx: Context| {
            let first = gives.send(ctx.clone());
            async move {
                first.expect("the test holds the other end");
                ctx.healthy();
                ctx.cancelled().await;
            }
        };
        let silent = runnable(child)
            .beat_timeout(SECOND * 2)
            .restart(Restart::Permanent);
        h.start(above(silent));
        h.settled().await;
        h.advance(SECOND * 2).await;
        h.settled().await;
        let stale = given.recv().await.unwrap();
        h.advance(SECOND).await;
        stale.beat();
        h.advance(SECOND).await;
        assert_ne!(h.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn a_beat_wakes_nobody() {
    // L8. A thousand beats, and no event.
    Harness::run(None, |h| async move {
        let (gives, mut given) = mpsc::unbounded_channel();
        let child = move |ctx: Context| {
            let sent = gives.send(ctx.clone());
            async move {
                sent.expect("the test holds the other end");
                serve(ctx).await;
            }
        };
        h.start(above(runnable(child).beat_timeout(SECOND * 5)));
        h.settled().await;
        let (ctx, due) = (given.recv().await.unwrap(), h.snapshot().await.next_due);
        let mut events = h.tree().events();
        for _ in 0..1000 {
            ctx.beat();
        }
        h.idle().await;
        assert_eq!(h.snapshot().await.next_due, due);
        assert!(futures::FutureExt::now_or_never(events.next()).is_none());
    });
}

#[test]
fn otp_119_an_item_that_takes_too_long_is_one_error() {
    // R13, R5. The others are not affected.
    use futures::{StreamExt, stream};

    Harness::run(None, |h| async move {
        let (gives, mut given) = mpsc::unbounded_channel();
        h.start(move |ctx: Context| {
            let gives = gives.clone();
            async move {
                let _ = gives.send(ctx.pool("pool")?);
                ctx.done();
                Ok::<(), RunError>(())
            }
        });
        h.settled().await;
        let pool = given.recv().await.unwrap();
        let results = pool.stream(stream::iter([1, 60, 2]), 2, |seconds| {
            once(move |_ctx| async move {
                sleep(SECOND * seconds).await;
                Ok::<_, std::io::Error>(seconds)
            })
            .run_timeout(SECOND * 5)
            .grace(Duration::ZERO)
        });
        let results: Vec<_> = h.wait(results.collect()).await;
        assert!(matches!(results[..], [Ok(1), Err(_), Ok(2)]), "{results:?}");
        let Err(TaskError::Failed { source, .. }) = &results[1] else {
            panic!("{results:?}");
        };
        assert!(matches!(source.cause, Some(Cause::RunTimeout(time)) if time == SECOND * 5));
        assert_eq!(h.now(), SECOND * 5);
    });
}

#[test]
fn a_manual_clock_is_the_clock_of_beats() {
    // L7. Nothing but its hand moves the time in which a node is silent.
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.build().expect("a runtime without time");
    runtime.block_on(async {
        let (gives, mut given) = mpsc::unbounded_channel();
        let child = move |ctx: Context| {
            let sent = gives.send(ctx.clone());
            async move {
                sent.expect("the test holds the other end");
                serve(ctx).await;
            }
        };
        let (clock, hand) = Clock::manual();
        let silent = above(runnable(child).beat_timeout(SECOND * 5));
        let supervisor = Supervisor::new(silent).clock(clock);
        let mut events = supervisor.events();
        let tree = supervisor.start();
        tree.settled().await;
        let ctx = given.recv().await.unwrap();
        hand.advance(SECOND * 4);
        ctx.beat();
        hand.advance(SECOND * 4);
        tree.settled().await;
        assert!(tree.snapshot().await.is_ready);
        hand.advance(SECOND);
        while let Some(event) = events.next().await {
            let event = event.expect("so few events");
            if let What::Fell { .. } = event.what {
                assert_eq!(event.at, SECOND * 9);
                return;
            }
        }
        panic!("it did not fall");
    });
}
