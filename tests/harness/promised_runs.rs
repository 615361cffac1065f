//! What the guide promises of a test in the harness: its phases, its evidence, its neighbours.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::failing::text_of_failure;
use crate::stage::{SECOND, one, serve};
use perennial::testing::{Fault, FaultPoint, Harness, Settled, Storm, assert_text};
use perennial::{Context, Run, RunError, State, Strategy, Supervisor};

static HERE: FaultPoint = FaultPoint::new("here");

/// A tree with a group and some jitter, under a storm; its log.
fn stormy_log(seed: Option<u64>) -> String {
    Harness::run(seed, |h| async move {
        h.start(|ctx: Context| async move {
            let group = ctx.group("g", Strategy::OneForAll);
            group.run("a", serve).run("b", serve).start()?;
            ctx.run("c", one)?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.storm(
            Storm::lasting(200 * SECOND)
                .kills(0.1)
                .panics(0.1)
                .hangs(0.05),
        )
        .await;
        h.settled().await;
        h.log().to_string()
    })
}

#[test]
fn a_test_without_a_tree_is_a_test() {
    // R12. Time and waits work, and nothing is left to stop.
    let output = Harness::run(None, |h| async move {
        h.advance(SECOND).await;
        h.idle().await;
        assert_eq!(h.wait(async { 5 }).await, 5);
        h.wait(tokio::time::sleep(SECOND)).await;
        assert!(h.log().is_empty() && h.strikes().is_empty());
        assert_eq!(h.now(), 2 * SECOND);
        h.seed()
    });
    Harness::run(
        Some(output),
        |h| async move { assert_eq!(h.seed(), output) },
    );
}

#[test]
fn what_needs_a_tree_says_that_there_is_none() {
    // R12. A wait before the start names the mistake.
    let settled = || {
        Harness::run(Some(1), |h| async move {
            assert_eq!(h.settled().await, Settled::Exact)
        })
    };
    let until = || {
        Harness::run(
            Some(1),
            |h| async move { h.until("root", State::Done).await },
        )
    };
    let stopped = || Harness::run(Some(1), |h| async move { drop(h.stopped().await) });
    let quiet = || Harness::run(Some(1), |h| async move { h.quiet(SECOND).await });
    let next = || {
        Harness::run(Some(1), |h| async move {
            assert_eq!(h.advance_to_next().await, None)
        })
    };
    for text in [
        text_of_failure(settled),
        text_of_failure(until),
        text_of_failure(stopped),
        text_of_failure(quiet),
        text_of_failure(next),
    ] {
        assert!(text.contains("starts its tree before"), "{text}");
    }
}

#[test]
fn a_second_start_is_refused_and_the_first_tree_is_whole() {
    // R12. One test, one tree.
    Harness::run(None, |h| async move {
        h.start(one);
        let again = catch_unwind(AssertUnwindSafe(|| drop(h.start(serve).stop())));
        assert!(again.is_err());
        h.settled().await;
        assert_eq!(h.state("root.worker").await, Some(State::Healthy));
        h.stop().await.expect("a stop");
        assert!(catch_unwind(AssertUnwindSafe(|| drop(h.start(serve).stop()))).is_err());
    });
}

#[test]
fn a_panic_of_the_test_comes_out_as_it_is_in_every_phase() {
    // R18. Before the start, starting, settled, hanging, falling, stopping, stopped, after it.
    for phase in 0..8 {
        let text = text_of_failure(|| {
            Harness::run(Some(phase), |h| async move {
                assert_ne!(phase, 0, "phase {phase}");
                h.start(one);
                assert_ne!(phase, 1, "phase {phase}");
                h.settled().await;
                assert_ne!(phase, 2, "phase {phase}");
                h.inject(Fault::hang("root.worker"));
                h.idle().await;
                assert_ne!(phase, 3, "phase {phase}");
                h.inject(Fault::kill("root.worker"));
                h.until("root.worker", State::Waiting).await;
                assert_ne!(phase, 4, "phase {phase}");
                let ending = h.tree().stop();
                assert_ne!(phase, 5, "phase {phase}");
                drop(h.wait(ending).await);
                assert_ne!(phase, 6, "phase {phase}");
                h.stop().await.expect("a stop");
                panic!("left, right, phase {phase}");
            });
        });
        assert!(text.contains(&format!("phase {phase}")), "{text}");
    }
}

#[test]
fn a_harness_in_a_harness_is_refused_by_the_runtime_and_the_outer_goes_on() {
    // R12. The runtime of the inner one cannot block; no hang.
    Harness::run(None, |h| async move {
        h.start(one);
        let inner = catch_unwind(|| Harness::run(Some(2), |h| async move { h.idle().await }));
        assert!(inner.is_err());
        h.settled().await;
        assert_eq!(h.state("root.worker").await, Some(State::Healthy));
    });
}

#[test]
fn a_harness_in_a_thread_of_a_harness_is_independent() {
    // L7. Neither clock, nor seed, nor faults are shared.
    let alone = stormy_log(Some(11));
    Harness::run(None, |h| async move {
        h.inject(Fault::error("root.a").at_point("here", 1));
        h.start(|ctx: Context| async move {
            ctx.run("a", |ctx: Context| async move {
                HERE.reach(&ctx).await?;
                ctx.healthy();
                ctx.cancelled().await;
                anyhow::Ok(())
            })?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        let inner = tokio::task::spawn_blocking(|| {
            std::thread::spawn(|| stormy_log(Some(11)))
                .join()
                .expect("a thread")
        });
        assert_eq!(inner.await.expect("a thread"), alone);
        assert_eq!(h.now(), Duration::ZERO);
        h.settled().await;
        assert_eq!(h.strikes().len(), 1);
    });
}

#[test]
fn harnesses_in_many_threads_at_once_do_not_meet() {
    // L7. Each has its own clock and faults.
    let alone: Vec<_> = (0..4).map(|seed| stormy_log(Some(seed))).collect();
    let thread = |seed| std::thread::spawn(move || stormy_log(Some(seed)));
    let threads: Vec<_> = (0..4).map(thread).collect();
    let together = threads
        .into_iter()
        .map(|thread| thread.join().expect("a thread"));
    assert_eq!(together.collect::<Vec<_>>(), alone);
}

#[test]
fn the_texts_of_tree_and_log_are_stable() {
    // R17. The same in every run, whatever the seed, if nothing is drawn.
    for seed in 0..5 {
        Harness::run(Some(seed), |h| async move {
            h.start(|ctx: Context| async move {
                let group = ctx.group("pair", Strategy::OneForAll);
                group.run("a", serve).run("b", serve).start()?;
                ctx.pool("jobs")?.start(serve)?;
                ctx.done();
                anyhow::Ok(())
            });
            h.settled().await;
            let first = h.snapshot().await.to_string();
            h.advance(60 * SECOND).await;
            assert_text(h.snapshot().await, &first);
            h.stop().await.expect("a stop");
            assert_eq!(h.log().to_string().lines().count(), h.log().len());
        });
    }
}

#[test]
fn a_failure_that_the_test_has_seen_is_its_own_business() {
    // R11. And the settle before it is no seeing.
    Harness::run(None, |h| async move {
        h.start(|_ctx: Context| async { anyhow::Result::<()>::Err(anyhow::anyhow!("no")) });
        assert_eq!(h.settled().await, Settled::Exact);
        let failure = h.stopped().await.expect_err("it failed");
        assert!(format!("{failure:?}").contains("no"), "{failure:?}");
    });
}

#[test]
fn a_users_own_interposer_and_the_faults_live_together() {
    // R12. The seam is public; a fault outside of it, code inside.
    Harness::run(None, |h| async move {
        let supervisor = Supervisor::new(one).interpose(|_ctx: Context, run: Run| async move {
            tokio::time::sleep(SECOND).await;
            run.await
        });
        h.inject(Fault::error("root.worker").at_start(1));
        h.start_with(supervisor);
        h.settled().await;
        assert_eq!(h.strikes().len(), 1);
        assert_eq!(h.state("root.worker").await, Some(State::Healthy));
    });
}

#[test]
fn a_task_of_the_test_that_never_ends_is_dropped_with_it() {
    // R12. What the test spawned is no part of the tree, and holds up nothing.
    Harness::run(None, |h| async move {
        h.start(one);
        tokio::spawn(pending::<()>());
        tokio::spawn(async {
            loop {
                tokio::time::sleep(SECOND).await;
            }
        });
        assert_eq!(h.settled().await, Settled::Exact);
        assert_eq!(h.now(), Duration::ZERO);
        h.advance(3 * SECOND).await;
        assert_eq!(h.now(), 3 * SECOND);
    });
}
