//! What the guide promises of the harness: its waits are exact, and so is its clock.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use crate::stage::{SECOND, one};
use perennial::testing::{Fault, Harness, Settled};
use perennial::{Context, RunError, State, What};
use tokio::sync::Notify;

async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

async fn yield_many(times: usize) {
    for _ in 0..times {
        tokio::task::yield_now().await;
    }
}

#[test]
fn settled_waits_for_children_that_wake_each_other() {
    // R12. A ball that healthy nodes play to and fro is activity until it drops.
    Harness::run(None, |h| async move {
        let hits = Arc::new(AtomicU64::new(0));
        let balls = [Arc::new(Notify::new()), Arc::new(Notify::new())];
        let counted = hits.clone();
        h.start(move |ctx: Context| {
            let (hits, balls) = (counted.clone(), balls.clone());
            async move {
                for (name, from, to) in [("ping", 0, 1), ("pong", 1, 0)] {
                    let (hits, from, to) = (hits.clone(), balls[from].clone(), balls[to].clone());
                    ctx.run(name, move |ctx: Context| {
                        let (hits, from, to) = (hits.clone(), from.clone(), to.clone());
                        async move {
                            ctx.healthy();
                            while ctx.until_cancelled(from.notified()).await.is_some() {
                                if hits.fetch_add(1, Ordering::SeqCst) < 1000 {
                                    to.notify_one();
                                }
                            }
                        }
                    })?;
                }
                ctx.done();
                balls[0].notify_one();
                Ok::<_, RunError>(())
            }
        });
        assert_eq!(h.settled().await, Settled::Exact);
        assert_eq!(hits.load(Ordering::SeqCst), 1001);
    });
}

#[test]
fn a_message_from_a_thread_is_awaited_without_time() {
    // R12, R14. Nobody sees the thread, and awaiting what it sends takes no clock.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        let (tell, told) = tokio::sync::oneshot::channel();
        let thread = std::thread::spawn(move || tell.send(7));
        assert_eq!(told.await, Ok(7));
        assert!(thread.join().expect("a thread").is_ok());
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn blocking_work_of_a_node_is_awaited_and_no_time_passes() {
    // R12. A blocking thread holds the clock.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            let sum: u64 = tokio::task::spawn_blocking(|| (0..1_000_000).sum()).await?;
            anyhow::ensure!(sum > 0);
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        });
        h.settled().await;
        assert_eq!(h.state("root").await, Some(State::Healthy));
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn settled_is_exact_again_when_the_thread_has_gone() {
    // R12. Inexact is no state that sticks.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            tokio::task::spawn_blocking(|| ()).await?;
            ctx.healthy();
            ctx.cancelled().await;
            anyhow::Ok(())
        });
        h.settled().await;
        // The thread of the pool idles now.
        h.advance(60 * SECOND).await;
        assert_eq!(h.settled().await, Settled::Exact);
    });
}

#[test]
fn waits_can_be_joined() {
    // R12. Several waits share the clock, and each gets what it asked for.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        h.inject(Fault::kill("root.worker"));
        let again = |event: &perennial::Event| matches!(event.what, What::StartedAgain);
        let (_, event, ()) = tokio::join!(
            h.settled(),
            h.until_event(again),
            h.until("root.worker", State::Waiting)
        );
        assert_eq!(event.path, "root.worker");
        assert_eq!(h.state("root.worker").await, Some(State::Healthy));
        assert_eq!(event.at, h.now());
    });
}

#[test]
fn a_settled_that_waits_in_a_task_of_the_test_sees_the_same() {
    // R12. A clone of the harness works from a task, while the test waits for something else.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            tokio::time::sleep(3 * SECOND).await;
            ctx.healthy();
            ctx.cancelled().await;
        });
        let other = h.clone();
        let task = tokio::spawn(async move {
            other.settled().await;
            other.now()
        });
        h.until("root", State::Healthy).await;
        assert_eq!(h.now(), 3 * SECOND);
        assert_eq!(task.await.expect("a task"), 3 * SECOND);
    });
}

#[test]
fn a_wait_that_is_dropped_half_way_leaves_the_clock_alone() {
    // R12. The permission to move the clock ends with the wait, however far that has come.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        for _ in 0..5 {
            let mut wait = Box::pin(h.wait(tokio::time::sleep(100 * SECOND)));
            assert!(poll_once(wait.as_mut()).await.is_pending());
            tokio::task::yield_now().await;
            assert!(poll_once(wait.as_mut()).await.is_pending());
        }
        let now = h.now();
        h.idle().await;
        h.snapshot().await;
        yield_many(100).await;
        h.idle().await;
        assert_eq!(h.now(), now);
    });
}

#[test]
fn a_timeout_around_a_wait_works_on_the_paused_clock() {
    // R12. A user's own timeout is due at its time, as the wait moves the clock.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        let wait = h.until("root.worker", State::Dead);
        tokio::time::timeout(5 * SECOND, wait)
            .await
            .expect_err("too late");
        assert_eq!(h.now(), 5 * SECOND);
    });
}

#[test]
fn timers_of_one_instant_all_go_off_and_none_of_the_next() {
    // R12. Time is exact to the millisecond.
    Harness::run(None, |h| async move {
        let rung = Arc::new(AtomicU64::new(0));
        let bells = rung.clone();
        h.start(move |ctx: Context| {
            let bells = bells.clone();
            async move {
                for bell in 0..20_u64 {
                    let bells = bells.clone();
                    let after = Duration::from_millis(if bell < 10 { 1000 } else { 1001 });
                    ctx.spawn(async move {
                        tokio::time::sleep(after).await;
                        bells.fetch_add(1, Ordering::SeqCst);
                    })?;
                }
                ctx.healthy();
                ctx.cancelled().await;
                anyhow::Ok(())
            }
        });
        h.settled().await;
        h.advance(Duration::from_millis(999)).await;
        assert_eq!(rung.load(Ordering::SeqCst), 0);
        h.advance(Duration::from_millis(1)).await;
        assert_eq!(rung.load(Ordering::SeqCst), 10);
        h.advance(Duration::from_millis(1)).await;
        assert_eq!(rung.load(Ordering::SeqCst), 20);
    });
}

#[test]
fn an_advance_of_nothing_takes_no_time() {
    // R12. Zero is a length.
    Harness::run(None, |h| async move {
        h.start(one);
        h.advance(Duration::ZERO).await;
        assert_eq!(h.state("root.worker").await, Some(State::Healthy));
        h.settled_within(Duration::ZERO).await.expect("at rest");
        h.quiet(Duration::ZERO).await;
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn an_advance_of_a_year_takes_a_year() {
    // R12. Long spans are met exactly, in real moments.
    Harness::run(None, |h| async move {
        h.start(one);
        let year = 365 * 24 * 3600 * SECOND;
        h.advance(year).await;
        assert_eq!(h.now(), year);
        h.advance(year).await;
        assert_eq!(h.now(), 2 * year);
    });
}

#[test]
fn the_log_has_the_virtual_times_to_the_millisecond() {
    // R12, L7. What is due at 1.234 s is logged at 1.234 s.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            for (name, after) in [("a", 1234), ("b", 1), ("c", 60_007)] {
                ctx.run(name, move |ctx: Context| async move {
                    tokio::time::sleep(Duration::from_millis(after)).await;
                    ctx.healthy();
                    ctx.cancelled().await;
                })?;
            }
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.settled().await;
        let log = h.log();
        let healthy = log
            .iter()
            .filter(|event| matches!(event.what, What::Healthy));
        let times: Vec<_> = healthy
            .map(|event| (event.path.to_string(), event.at.as_micros()))
            .filter(|(path, _)| path != "root")
            .collect();
        let expected = [
            ("root.b", 1000),
            ("root.a", 1_234_000),
            ("root.c", 60_007_000),
        ];
        assert_eq!(times, expected.map(|(path, at)| (path.to_owned(), at)));
    });
}

#[test]
fn quiet_sees_the_pause_after_the_last_event() {
    // R12. It ends that long after the last event, to the millisecond.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            tokio::time::sleep(3 * SECOND).await;
            ctx.healthy();
            ctx.cancelled().await;
        });
        h.quiet(SECOND).await;
        assert_eq!(h.now(), SECOND, "nothing happened in the first second");
        h.quiet(5 * SECOND).await;
        assert_eq!(h.now(), 8 * SECOND);
    });
}

#[test]
fn nothing_happens_after_settled_in_many_random_trees() {
    // R12, L8. A thousand turns more show no event.
    for seed in 0..200 {
        Harness::run(Some(seed), |h| async move {
            h.start(move |ctx: Context| async move {
                for child in 0..(seed % 7) {
                    ctx.run(format!("c{child}"), move |ctx: Context| async move {
                        yield_many((child * seed % 31) as usize).await;
                        tokio::time::sleep(Duration::from_millis(child * seed % 5)).await;
                        anyhow::ensure!(u64::from(ctx.attempt()) > (child + seed) % 3, "not yet");
                        ctx.healthy();
                        yield_many((child + seed % 13) as usize).await;
                        ctx.cancelled().await;
                        Ok(())
                    })?;
                }
                ctx.done();
                Ok::<_, RunError>(())
            });
            assert_eq!(h.settled().await, Settled::Exact);
            let (now, events) = (h.now(), h.log().len());
            yield_many(1000).await;
            h.idle().await;
            assert_eq!((h.now(), h.log().len()), (now, events));
        });
    }
}
