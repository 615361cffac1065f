//! What the guide promises of the harness: each fault strikes what, when and as it says.

use std::future::pending;
use std::time::Duration;

use crate::failing::text_of_failure;
use crate::parent::nested;
use crate::stage::{SECOND, one, serve};
use perennial::testing::{Fault, Harness};
use perennial::{Context, RunError, State, Strategy, Supervisor, What, runnable};

fn exits(h: &Harness, path: &str) -> Vec<String> {
    let log = h.log();
    let exits = log.iter().filter(|event| event.path == *path);
    exits
        .filter(|event| matches!(event.what, What::Exited { .. }))
        .map(|event| format!("{} {}", event.at.as_secs_f64(), event.what))
        .collect()
}

#[test]
fn every_kind_of_fault_strikes_the_root_and_it_rises() {
    // R11. The root is a node like others.
    for fault in [
        Fault::kill("root"),
        Fault::error("root"),
        Fault::panic("root"),
    ] {
        Harness::run(None, |h| async move {
            h.start(|ctx: Context| async move {
                ctx.run("worker", serve)?;
                ctx.healthy();
                ctx.cancelled().await;
                Ok::<_, RunError>(())
            });
            h.settled().await;
            h.inject(fault);
            h.until("root", State::Waiting).await;
            h.settled().await;
            let snapshot = h.snapshot().await;
            assert_eq!(snapshot.find("root").map(|node| node.restarts), Some(1));
            assert!(snapshot.is_settled);
            assert_eq!(h.strikes().len(), 1);
        });
    }
}

#[test]
fn a_fault_on_a_node_that_is_done_is_refused() {
    // R12. Nothing of it runs any more.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.start(one);
            h.settled().await;
            h.inject(Fault::kill("root"));
        });
    });
    assert!(
        text.contains("cannot inject kill of root: it does not run"),
        "{text}"
    );
}

#[test]
fn the_nth_start_is_counted_across_the_restarts_of_the_parent() {
    // R8. It is counted from the start of the tree, whoever starts it again.
    Harness::run(None, |h| async move {
        h.inject(Fault::panic("root.parent.child").at_start(3));
        h.start(nested);
        h.settled().await;
        for _ in 0..2 {
            h.inject(Fault::kill("root.parent"));
            h.until("root.parent", State::Waiting).await;
            h.settled().await;
        }
        assert_eq!(h.strikes().len(), 3);
        let deaths = exits(&h, "root.parent.child");
        assert_eq!(
            deaths
                .iter()
                .filter(|death| death.contains("panic"))
                .count(),
            1,
            "{deaths:?}"
        );
    });
}

#[test]
fn a_fault_at_the_first_start_of_the_root_ends_the_tree_with_its_cause() {
    // R11. An error before it was ever healthy is the end, unless it retries.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.inject(Fault::error("root").at_start(1));
            h.start(one);
            h.settled().await;
        });
    });
    assert!(
        text.contains("root failed while starting: injected error"),
        "{text}"
    );
    Harness::run(Some(1), |h| async move {
        h.inject(Fault::error("root").at_start(1));
        h.start_with(Supervisor::new(one).retry_start());
        h.settled().await;
        assert_eq!(h.state("root.worker").await, Some(State::Healthy));
    });
}

#[test]
fn a_fault_on_a_node_that_is_healthy_at_start_is_read_as_a_death() {
    // R4, R5. Its code never signals, and never hears of the fault.
    for fault in [
        Fault::kill("root.mute"),
        Fault::error("root.mute"),
        Fault::panic("root.mute"),
    ] {
        Harness::run(None, |h| async move {
            h.start(|ctx: Context| async move {
                let mute = |_ctx: Context| pending::<()>();
                ctx.run("mute", runnable(mute).healthy_at_start())?;
                ctx.done();
                Ok::<_, RunError>(())
            });
            h.settled().await;
            h.inject(fault);
            h.until("root.mute", State::Waiting).await;
            assert!(h.advance_to_next().await.is_some());
            assert_eq!(h.state("root.mute").await, Some(State::Healthy));
        });
    }
}

#[test]
fn a_fault_at_a_first_start_strikes_a_node_that_is_healthy_at_start() {
    // R4. It is healthy before its code runs, so the death is one of a healthy node.
    Harness::run(None, |h| async move {
        h.inject(Fault::error("root.mute").at_start(1));
        h.start(|ctx: Context| async move {
            ctx.run(
                "mute",
                runnable(|_ctx: Context| pending::<()>()).healthy_at_start(),
            )?;
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.settled().await;
        assert_eq!(exits(&h, "root.mute").len(), 1);
        assert!(h.now() > Duration::ZERO, "a backoff");
    });
}

#[test]
fn a_fault_on_a_pool_child_is_the_end_of_that_child_only() {
    // R13. Temporary: nothing is started again, nothing else falls.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            let pool = ctx.pool("jobs")?;
            for _ in 0..3 {
                pool.start(serve)?;
            }
            ctx.healthy();
            ctx.cancelled().await;
            anyhow::Ok(())
        });
        h.settled().await;
        h.inject(Fault::panic("root.jobs.2"));
        h.settled().await;
        assert_eq!(h.state("root.jobs.2").await, None, "it is forgotten");
        assert_eq!(h.state("root.jobs.1").await, Some(State::Healthy));
        assert_eq!(h.state("root.jobs.3").await, Some(State::Healthy));
        assert_eq!(h.now(), Duration::ZERO);
    });
}

#[test]
fn a_fault_at_a_pool_child_that_will_come_waits_for_it() {
    // R13. Its path is known before it is.
    Harness::run(None, |h| async move {
        h.inject(Fault::error("root.jobs.2").at_start(1));
        h.start(|ctx: Context| async move {
            let pool = ctx.pool("jobs")?;
            ctx.healthy();
            for _ in 0..3 {
                tokio::time::sleep(SECOND).await;
                pool.start(serve)?;
            }
            ctx.cancelled().await;
            anyhow::Ok(())
        });
        h.advance(5 * SECOND).await;
        assert_eq!(h.strikes().len(), 1);
        assert_eq!(h.strikes()[0].at, 2 * SECOND);
        assert_eq!(h.state("root.jobs.2").await, None);
    });
}

#[test]
fn a_fault_on_a_pool_itself_is_refused_with_a_reason() {
    // R13. A pool has no code, so nothing can strike it.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.start(|ctx: Context| async move {
                ctx.pool("jobs")?;
                ctx.healthy();
                ctx.cancelled().await;
                Ok::<_, RunError>(())
            });
            h.settled().await;
            h.inject(Fault::kill("root.jobs"));
        });
    });
    assert!(text.contains("cannot inject kill of root.jobs"), "{text}");
}

#[test]
fn a_fault_on_one_member_takes_a_group_and_not_its_sibling_group() {
    // R6, L5. One barrier, one rise.
    Harness::run(None, |h| async move {
        h.start(|ctx: Context| async move {
            for group in ["a", "b"] {
                let first = format!("{group}1");
                let second = format!("{group}2");
                let group = ctx.group(group, Strategy::OneForAll);
                group.run(first, serve).run(second, serve).start()?;
            }
            ctx.done();
            Ok::<_, RunError>(())
        });
        h.settled().await;
        h.inject(Fault::kill("root.a1"));
        h.inject(Fault::error("root.a2"));
        h.until("root.a1", State::Waiting).await;
        h.settled().await;
        let snapshot = h.snapshot().await;
        let restarts = |path| snapshot.find(path).map(|node| node.restarts);
        assert_eq!(
            [restarts("root.a1"), restarts("root.a2")],
            [Some(1), Some(1)]
        );
        assert_eq!(
            [restarts("root.b1"), restarts("root.b2")],
            [Some(0), Some(0)]
        );
    });
}

#[test]
fn several_faults_at_once_on_one_node_strike_in_their_order() {
    // R12. Each strikes, one incarnation after the other.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        for start in [2, 3, 4] {
            h.inject(Fault::panic("root.worker").at_start(start));
        }
        h.inject(Fault::error("root.worker"));
        h.until("root.worker", State::Waiting).await;
        h.settled().await;
        assert_eq!(h.strikes().len(), 4);
        let starts: Vec<_> = h
            .strikes()
            .iter()
            .map(|strike| strike.incarnation)
            .collect();
        let mut sorted = starts.clone();
        sorted.sort_unstable();
        assert_eq!(starts, sorted);
    });
}

#[test]
fn a_second_deadly_fault_for_one_incarnation_is_told() {
    // R12. Both are for the incarnation that runs: the test hears that one had nothing to strike.
    let text = text_of_failure(|| {
        Harness::run(Some(1), |h| async move {
            h.start(one);
            h.settled().await;
            h.inject(Fault::kill("root.worker"));
            h.inject(Fault::panic("root.worker"));
            h.until("root.worker", State::Waiting).await;
            h.settled().await;
            assert_eq!(h.strikes().len(), 1);
        });
    });
    assert!(
        text.contains("never struck: [\"panic of root.worker"),
        "{text}"
    );
}

#[test]
fn a_fault_after_a_time_strikes_at_that_time() {
    // R12. To the millisecond, from the moment of the injection.
    Harness::run(None, |h| async move {
        h.start(one);
        h.settled().await;
        h.advance(Duration::from_millis(17)).await;
        h.inject(Fault::kill("root.worker").after(Duration::from_millis(1234)));
        h.until("root.worker", State::Waiting).await;
        assert_eq!(h.now(), Duration::from_millis(1251));
        assert_eq!(h.strikes()[0].at, Duration::from_millis(1251));
    });
}

#[test]
fn a_hang_at_the_first_start_is_named_as_starting() {
    // R12. It has not come as far as healthy.
    Harness::run(None, |h| async move {
        h.inject(Fault::hang("root.worker").at_start(1));
        h.start(one);
        let error = h.settled_within(60 * SECOND).await.expect_err("it hangs");
        assert!(
            error.to_string().contains("root.worker #2 starting"),
            "{error}"
        );
    });
}

#[test]
fn a_deadly_fault_during_a_stop_is_evidence_and_the_stop_goes_on() {
    // R10. A crash during a stop is no reason to restart or to hang.
    for fault in [
        Fault::kill("root.w"),
        Fault::error("root.w"),
        Fault::panic("root.w"),
    ] {
        Harness::run(None, |h| async move {
            h.start(|ctx: Context| async move {
                let slow = |ctx: Context| async move {
                    ctx.healthy();
                    ctx.cancelled().await;
                    tokio::time::sleep(3 * SECOND).await;
                };
                ctx.run("w", slow)?;
                ctx.done();
                Ok::<_, RunError>(())
            });
            h.settled().await;
            h.inject(fault.after(SECOND));
            h.stop().await.expect("a stop is a stop");
            assert_eq!(h.now(), SECOND);
            assert_eq!(h.strikes().len(), 1);
            assert_eq!(exits(&h, "root.w").len(), 1);
        });
    }
}

#[test]
fn faults_that_last_no_time_take_none() {
    // R10. Zero durations do what they say.
    Harness::run(None, |h| async move {
        h.inject(Fault::slow_start("root.worker", Duration::ZERO));
        h.start(one);
        h.settled().await;
        h.inject(Fault::slow_stop("root.worker", Duration::ZERO));
        h.inject(Fault::block("root.worker", Duration::ZERO));
        h.idle().await;
        h.stop().await.expect("a stop");
        assert_eq!(h.now(), Duration::ZERO);
        assert_eq!(h.strikes().len(), 3);
    });
}

#[test]
fn a_slow_stop_applies_to_a_fall_too() {
    // R10. Asked is asked, whoever asks.
    Harness::run(None, |h| async move {
        h.start(nested);
        h.settled().await;
        h.inject(Fault::slow_stop("root.parent.child", 2 * SECOND));
        h.inject(Fault::kill("root.parent"));
        h.until("root.parent", State::Waiting).await;
        assert_eq!(h.now(), 2 * SECOND);
    });
}
