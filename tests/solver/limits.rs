//! Limits: how many operations of a kind run at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join_all;
use perennial::Backoff;
use perennial::solver::{Edge, OperationError, SolverBuilder};
use tokio::join;
use tokio::time::{Instant, timeout};

use crate::kit::{Kit, Op, after, pass, play_with, text, when_cancelled};

/// Two limits, with a permit each.
fn limits(solver: SolverBuilder<u64>) -> SolverBuilder<u64> {
    solver.limit("one", 1).limit("other", 1)
}

/// An operation that needs the permit of the first limit.
fn limited(op: Op) -> Edge<u64> {
    op.needs("one", 1).vertex().build().output(0)
}

/// Builds all at once, each by a job of its own, and gives the milliseconds that each took.
async fn build_all(kit: &Kit, edges: &[Edge<u64>]) -> Vec<u128> {
    let builds = edges.iter().enumerate().map(async |(at, edge)| {
        let (job, began) = (kit.job(&format!("job {at}")), Instant::now());
        job.build(edge).await.expect("nothing fails");
        let took = began.elapsed().as_millis();
        job.finish().await;
        took
    });
    kit.h.wait(join_all(builds)).await
}

#[test]
fn no_more_run_at_once_than_there_are_permits() {
    // Rule 8. Five of 10 ms with two permits take three turns.
    play_with(
        |solver| solver.limit("two", 2),
        |kit| async move {
            let edges = (0..5).map(|at| {
                let name = format!("v{at}");
                let op = kit.leaf(&name, &name, at).before_run(after(10));
                op.needs("two", 1).vertex().build().output(0)
            });
            let mut took = build_all(&kit, &edges.collect::<Vec<_>>()).await;
            took.sort_unstable();
            assert_eq!(took, [10, 10, 20, 20, 30]);
            assert_eq!(kit.running_most(), 2);
        },
    );
}

#[test]
fn limits_that_are_named_in_any_order_do_not_lock_each_other_out() {
    // Rule 8.
    play_with(limits, |kit| async move {
        let op = |name| kit.leaf(name, name, 1).before_run(after(10));
        let edges = [["one", "other"], ["other", "one"]].map(|[first, second]| {
            let op = op(first).needs(first, 1).needs(second, 1);
            op.vertex().build().output(0)
        });
        assert_eq!(build_all(&kit, &edges).await, [10, 20]);
    });
}

#[test]
fn what_needs_more_than_there_is_fails_and_says_so() {
    // Rule 8. It would wait for ever; a limit that nobody has set has no permits.
    play_with(limits, |kit| async move {
        let job = kit.job("a");
        let wanted = [
            ("one", 2, "v1 needs 2 permits of one, which has 1"),
            ("absent", 1, "v2 needs 1 permits of absent, which has 0"),
        ];
        for (number, (limit, permits, why)) in (1..).zip(wanted) {
            let name = format!("v{number}");
            let op = kit.leaf(&name, &name, number).needs(limit, permits);
            let error = job.build(&op.vertex().build().output(0)).await.unwrap_err();
            assert_eq!(text(&error), why);
        }
        kit.expect(2, 0, 0);
        job.finish().await;
    });
}

#[test]
fn a_permit_that_is_handed_back_early_is_there_for_the_next() {
    // Rule 8. It goes on for 100 ms without.
    play_with(limits, |kit| async move {
        let first = kit.op("first", "first", |ctx, _| async move {
            pass(10).await;
            ctx.hand_back();
            pass(100).await;
            Ok(vec![1])
        });
        let next = kit.leaf("next", "next", 2).before_run(after(10));
        let edges = [limited(first), limited(next)];
        assert_eq!(build_all(&kit, &edges).await, [110, 20]);
    });
}

#[test]
fn a_permit_that_was_handed_back_is_not_taken_again_after_a_sub_build() {
    // Rule 8. The next one has it by then, for longer.
    play_with(limits, |kit| async move {
        let below = kit.leaf("below", "below", 1).before_run(after(10));
        let below = below.vertex().build().output(0);
        let first = kit.op("first", "first", move |ctx, _| {
            let below = below.clone();
            async move {
                ctx.hand_back();
                Ok(vec![*ctx.build(&below).await?])
            }
        });
        let next = kit.leaf("next", "next", 2).before_run(after(100));
        let edges = [limited(first), limited(next)];
        assert_eq!(build_all(&kit, &edges).await, [10, 100]);
    });
}

/// Hands back its permit after 10 ms, and fails 10 ms later; from the second attempt on it is done
/// after 10 ms more.
fn fails_at_first(kit: &Kit) -> Op {
    let attempts = Arc::new(AtomicUsize::new(0));
    kit.op("first", "first", move |ctx, _| {
        let is_first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
        async move {
            pass(10).await;
            ctx.hand_back();
            pass(10).await;
            if is_first {
                return Err(OperationError::transient("not yet"));
            }
            Ok(vec![1])
        }
    })
}

#[test]
fn the_next_attempt_begins_with_the_permits_again() {
    // Rules 3, 8. The permit was handed back by the one before, and another has it for 100 ms.
    play_with(
        |solver| limits(solver).retry(1, Backoff::constant(Duration::from_millis(10))),
        |kit| async move {
            let next = kit.leaf("next", "next", 2).before_run(after(100));
            let edges = [limited(fails_at_first(&kit)), limited(next)];
            assert_eq!(build_all(&kit, &edges).await, [130, 110]);
        },
    );
}

#[test]
fn no_permits_are_held_between_two_attempts() {
    // Rules 3, 8. It fails with its permit in its hand, and the delay is long.
    play_with(
        |solver| limits(solver).retry(1, Backoff::constant(Duration::from_secs(60))),
        |kit| async move {
            let attempts = AtomicUsize::new(0);
            let first = kit.op("first", "first", move |_, _| {
                let is_first = attempts.fetch_add(1, Ordering::Relaxed) == 0;
                async move {
                    if is_first {
                        return Err(OperationError::transient("not yet"));
                    }
                    Ok(vec![1])
                }
            });
            let next = kit.leaf("next", "next", 2).before_run(after(10));
            let edges = [limited(first), limited(next)];
            assert_eq!(build_all(&kit, &edges).await, [60_000, 10]);
        },
    );
}

#[test]
fn a_permit_is_handed_back_by_a_run_that_nobody_wants_any_more() {
    // Rules 2, 8. One has its permit, and the other waits for it.
    play_with(limits, |kit| async move {
        let edges = ["holds", "waits"].map(|name| {
            let op = kit.leaf(name, name, 1).before_run(when_cancelled());
            limited(op)
        });
        let (a, b) = (kit.job("a"), kit.job("b"));
        let builds = async { join!(a.build(&edges[0]), b.build(&edges[1])) };
        let given_up = timeout(Duration::from_millis(10), builds);
        assert!(kit.h.wait(given_up).await.is_err());
        join!(a.finish(), b.finish());
        let next = limited(kit.leaf("next", "next", 3).before_run(after(10)));
        assert_eq!(build_all(&kit, &[next]).await, [10]);
    });
}
