//! Cancellation: who leaves takes nothing from the others, and the last one stops the run.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures::FutureExt;
use futures::future::{join_all, poll_fn};
use perennial::Rung;
use perennial::solver::{BuildError, Edge, FailureCause, Job, OperationError, Output, VertexState};
use tokio::join;
use tokio::time::timeout;

use crate::kit::{Gate, Kit, Op, after, by_content, pass, play, play_with, text, when_cancelled};

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// Gives all builds of a job up after a time.
async fn cancel_after(milliseconds: u64, job: &Job<u64>) {
    pass(milliseconds).await;
    job.cancel();
}

/// What comes of a future, and when.
async fn timed<T>(kit: &Kit, future: impl Future<Output = T>) -> (T, Duration) {
    (future.await, kit.h.now())
}

#[track_caller]
fn assert_cancelled(built: Result<Output<u64>, BuildError>) {
    assert!(matches!(built, Err(BuildError::Cancelled)), "{built:?}");
}

/// How many wait for the vertices of this name; for all, if it is empty.
fn waiters(kit: &Kit, name: &str) -> usize {
    let vertices = kit.solver.snapshot().vertices.into_iter();
    let named = vertices.filter(|vertex| vertex.name.contains(name));
    named.map(|vertex| vertex.waiters).sum()
}

/// An operation whose first run waits until it is told to stop, takes a time to end, and fails.
fn stubborn(kit: &Kit, unwinds_in: u64) -> Op {
    let is_first = AtomicBool::new(true);
    kit.op("stubborn", "seed", move |ctx, _| {
        let is_first = is_first.swap(false, Ordering::Relaxed);
        async move {
            if !is_first {
                return Ok(vec![7]);
            }
            ctx.context().cancelled().await;
            pass(unwinds_in).await;
            Err(OperationError::permanent("was told to stop"))
        }
    })
}

#[test]
fn sol_20_a_job_is_cancelled_while_its_vertex_says_its_key() {
    // Rule 2. The operation says its key all the same, and is not run.
    play(|kit| async move {
        let v0 = kit.leaf("v0", "seed0", 7).before_key(when_cancelled());
        let v0 = v0.vertex().build().output(0);
        let job = kit.job("a");
        let both = async { join!(job.build(&v0), cancel_after(10, &job)) };
        let (built, ()) = kit.h.wait(both).await;
        assert_cancelled(built);
        assert_cancelled(job.build(&v0).await);
        job.finish().await;
        kit.expect(1, 0, 0);
    });
}

#[test]
fn sol_21_a_job_is_cancelled_while_its_vertex_runs() {
    // Rule 2. The run has ended when the job is finished.
    play(|kit| async move {
        let v0 = kit.leaf("v0", "seed0", 7).before_run(when_cancelled());
        let v0 = v0.vertex().build().output(0);
        let job = kit.job("a");
        let both = async { join!(job.build(&v0), cancel_after(10, &job)) };
        let (built, ()) = kit.h.wait(both).await;
        assert_cancelled(built);
        job.finish().await;
        kit.expect(1, 1, 0);
        assert_eq!(kit.running(), 0);
    });
}

#[test]
fn sol_22_who_has_joined_gets_what_the_first_one_has_begun() {
    // Rule 2. The first one leaves while the key is asked for.
    play(|kit| async move {
        let v2 = |value| {
            let leaf = kit.leaf("v2", &format!("seed{value}"), value);
            leaf.before_key(after(500)).vertex().build().output(0)
        };
        let (of_first, of_second) = (v2(1), v2(2));
        let (first, second) = (kit.job("1"), kit.job("2"));
        let leaves = async {
            pass(100).await;
            let before = waiters(&kit, "v2");
            cancel_after(100, &first).await;
            pass(100).await;
            (before, waiters(&kit, "v2"))
        };
        let builds = async {
            join!(
                timed(&kit, first.build(&of_first)),
                second.build(&of_second),
                leaves,
            )
        };
        let ((left, at), stayed, waited) = kit.h.wait(builds).await;
        assert_cancelled(left);
        assert_eq!(waited, (2, 1));
        assert_eq!((at, *stayed.unwrap()), (ms(200), 1));
        kit.expect(1, 1, 0);
        join!(first.finish(), second.finish());
    });
}

#[test]
fn sol_23_the_last_one_that_leaves_stops_the_run_and_only_finish_waits_for_it() {
    // Rule 2. It takes 500 ms to unwind from when the second one leaves.
    play(|kit| async move {
        let v0 = stubborn(&kit, 500).vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let cancels = async {
            cancel_after(100, &a).await;
            cancel_after(100, &b).await;
        };
        let all = async {
            join!(
                timed(&kit, a.build(&v0)),
                timed(&kit, b.build(&v0)),
                cancels
            )
        };
        let ((of_a, a_at), (of_b, b_at), ()) = kit.h.wait(all).await;
        assert_cancelled(of_a);
        assert_cancelled(of_b);
        assert_eq!((a_at, b_at, kit.running()), (ms(100), ms(200), 1));
        kit.h.wait(a.finish()).await;
        assert_eq!((kit.h.now(), kit.running()), (ms(700), 0));
        b.finish().await;
        kit.expect(1, 1, 0);
    });
}

#[test]
fn sol_23_a_job_that_leaves_a_run_to_others_finishes_at_once() {
    // Rule 2. It waits for nothing that is still wanted.
    play(|kit| async move {
        let v0 = kit.leaf("v0", "seed0", 7).before_run(after(500));
        let v0 = v0.vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let leaves = async {
            let _ = timeout(ms(100), a.build(&v0)).await.unwrap_err();
            timed(&kit, a.finish()).await.1
        };
        let both = async { join!(leaves, b.build(&v0)) };
        let (finished_at, built) = kit.h.wait(both).await;
        assert_eq!((finished_at, *built.unwrap()), (ms(100), 7));
        kit.expect(1, 1, 0);
        b.finish().await;
    });
}

#[test]
fn sol_24_what_was_cancelled_runs_again() {
    // Rule 3. A cancellation is not kept, and neither is the error of what was told to stop.
    play(|kit| async move {
        let v0 = stubborn(&kit, 0).vertex().build().output(0);
        let job = kit.job("a");
        let left = kit.h.wait(timeout(ms(100), job.build(&v0))).await;
        left.expect_err("it takes longer");
        kit.h.advance(ms(10)).await;
        assert_eq!(
            kit.solver.snapshot().vertices[0].state,
            VertexState::Cancelled
        );
        assert_eq!(*job.build(&v0).await.unwrap(), 7);
        kit.expect(1, 2, 0);
        job.finish().await;
    });
}

#[test]
fn sol_25_who_comes_during_the_unwinding_waits_for_a_run_of_its_own() {
    // Rule 2. There are never two.
    play(|kit| async move {
        let v0 = stubborn(&kit, 300).vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let newcomer = async {
            pass(200).await;
            timed(&kit, b.build(&v0)).await
        };
        let all = async { join!(a.build(&v0), newcomer, cancel_after(100, &a)) };
        let (of_a, (of_b, at), ()) = kit.h.wait(all).await;
        assert_cancelled(of_a);
        assert_eq!((*of_b.unwrap(), at), (7, ms(400)));
        assert_eq!(kit.running_most(), 1);
        kit.expect(1, 2, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_26_success_after_a_cancellation_is_kept() {
    // Rule 3. Who has left does not hear of it, and the next one has it without a run.
    play(|kit| async move {
        let v0 = kit.leaf("v0", "seed0", 7).before_run(when_cancelled());
        let v0 = v0.vertex().build().output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let both = async { join!(a.build(&v0), cancel_after(100, &a)) };
        let (built, ()) = kit.h.wait(both).await;
        assert_cancelled(built);
        assert_eq!(*b.build(&v0).await.unwrap(), 7);
        kit.expect(1, 1, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_27_an_error_that_looks_like_a_cancellation_is_a_failure() {
    // Rule 3. Nobody has cancelled anything, so it is kept as any other.
    play(|kit| async move {
        let fails = kit.op("v0", "seed0", |_, _| async {
            Err(OperationError::permanent(BuildError::Cancelled))
        });
        let v0 = fails.vertex().build().output(0);
        let job = kit.job("a");
        for _ in 0..2 {
            let error = job.build(&v0).await.unwrap_err();
            let BuildError::Failed(failure) = &error else {
                panic!("{error:?}");
            };
            assert_eq!(&*failure.vertex, "v0");
            assert!(
                matches!(failure.cause, FailureCause::Operation(_)),
                "{failure:?}"
            );
        }
        kit.expect(1, 1, 0);
        job.finish().await;
    });
}

/// An operation that fails after 50 ms.
fn fails_in_50_ms(kit: &Kit) -> Op {
    let fails = kit.op("bad", "bad", |_, _| async {
        Err(OperationError::permanent("it is bad"))
    });
    fails.before_run(after(50))
}

#[test]
fn sol_28_a_failed_input_stops_its_siblings() {
    // Rule 2. Nobody else wants them.
    play(|kit| async move {
        let bad = fails_in_50_ms(&kit).vertex().build();
        let slow = kit.leaf("slow", "slow", 1).before_run(when_cancelled());
        let slow = slow.vertex().build();
        let top = kit.sum(0, [slow.output(0), bad.output(0)]).output(0);
        let job = kit.job("a");
        let error = kit.h.wait(job.build(&top)).await.unwrap_err();
        assert!(text(&error).contains("it is bad"), "{}", text(&error));
        job.finish().await;
        kit.expect(3, 2, 0);
        assert_eq!(kit.running(), 0);
    });
}

#[test]
fn sol_28_a_sibling_of_a_failed_input_goes_on_for_another_job() {
    // Rule 2. It has one that waits for it.
    play(|kit| async move {
        let bad = fails_in_50_ms(&kit).vertex().build();
        let slow = kit.leaf("slow", "slow", 1).before_run(after(200));
        let slow = slow.vertex().build().output(0);
        let top = kit.sum(0, [slow.clone(), bad.output(0)]).output(0);
        let (a, b) = (kit.job("a"), kit.job("b"));
        let both = async { join!(timed(&kit, a.build(&top)), timed(&kit, b.build(&slow))) };
        let ((failed, a_at), (built, b_at)) = kit.h.wait(both).await;
        assert!(failed.is_err_and(|error| text(&error).contains("it is bad")));
        assert_eq!(*built.unwrap(), 1);
        assert_eq!((a_at, b_at), (ms(50), ms(200)));
        kit.expect(3, 2, 0);
        join!(a.finish(), b.finish());
    });
}

#[test]
fn sol_30_runs_of_a_service_never_overlap() {
    // Rule 2. Each round comes while the run of the one before unwinds.
    const ROUNDS: usize = 100;
    play(|kit| async move {
        let service = kit.op("service", "seed", |ctx, _| async move {
            ctx.context().cancelled().await;
            pass(2).await;
            Err(OperationError::permanent("was told to stop"))
        });
        let service = service.vertex().build().output(0);
        let keeper = kit.job("keeper");
        let kept = keeper.build(&service);
        // The vertex lives on between the rounds, and nothing waits.
        timeout(Duration::ZERO, kept).await.expect_err("it serves");
        let request = |round, number: u64| {
            let (kit, service) = (&kit, &service);
            async move {
                pass(number % 3).await;
                let job = kit.job(&format!("{round}.{number}"));
                let (built, ()) = join!(job.build(service), cancel_after(number, &job));
                assert_cancelled(built);
            }
        };
        for round in 0..ROUNDS {
            let all = join_all((1..=8).map(|number| request(round, number)));
            kit.h.wait(all).await;
        }
        kit.h.wait(keeper.finish()).await;
        assert_eq!((kit.running_most(), kit.running()), (1, 0));
        assert!(kit.counts().runs >= ROUNDS, "{:?}", kit.counts());
    });
}

/// Polls a future whenever it is woken, so many times at most.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// A vertex that nothing is known of: it takes time to say its key, to look at its input, which is
/// made for that, and to run.
fn unknown(kit: &Kit) -> Edge<u64> {
    let low = kit.leaf("low", "low", 1).without_key();
    let low = low.before_run(after(5)).vertex().build();
    let top = kit.leaf("top", &kit.fresh_name(), 7);
    let top = top.before_key(after(5)).before_run(after(5)).vertex();
    top.input(by_content(low.output(0))).build().output(0)
}

/// Drops a build that was polled so many times, beside others of the same. Gives what it has
/// built, if it was not dropped.
async fn dropped_after(polls: usize, kit: &Kit, others: usize) -> Option<u64> {
    let (dropped, top) = (kit.job("dropped"), unknown(kit));
    let jobs: Vec<_> = (0..others).map(|at| kit.job(&format!("{at}"))).collect();
    let build = async {
        let built = polled(polls, dropped.build(&top)).await;
        assert!(waiters(kit, "top") <= others, "{polls}");
        built
    };
    let beside = join_all(jobs.iter().map(|job| job.build(&top)));
    let (built, beside) = kit.h.wait(async { join!(build, beside) }).await;
    for built in beside {
        assert_eq!(*built.expect("it goes on"), 7);
    }
    kit.h.advance(ms(100)).await;
    assert_eq!((waiters(kit, ""), kit.running()), (0, 0), "{polls}");
    join!(
        dropped.finish(),
        join_all(jobs.into_iter().map(Job::finish))
    );
    kit.expect_empty();
    built.map(|built| *built.expect("all is well"))
}

#[test]
fn sol_31_a_build_may_be_dropped_wherever_it_waits() {
    // Rule 2. Whether others wait beside it or not, which go on.
    for others in [0, 2] {
        play(|kit| async move {
            let mut polls = 1;
            let built = loop {
                match dropped_after(polls, &kit, others).await {
                    Some(built) => break built,
                    None => polls += 1,
                }
            };
            // It waits for the key and for the run, and was dropped at many points of both.
            assert!(built == 7 && polls > 3, "{built}, {polls}");
        });
    }
}

#[test]
fn sol_32_a_panic_is_told_to_all_who_wait() {
    // Rule 3. It is kept as a failure for good, and what else there is goes on.
    play(|kit| async move {
        let panics = kit.op("bad", "bad", |_, _| async { panic!("out of cheese") });
        let bad = panics.before_run(after(50)).vertex().build().output(0);
        let good = kit.leaf("good", "good", 7).before_run(after(100));
        let good = good.vertex().build().output(0);
        let jobs = ["a", "b", "c", "d"].map(|id| kit.job(id));
        let [a, b, c, d] = &jobs;
        let all = async { join!(a.build(&bad), b.build(&bad), c.build(&bad), d.build(&good)) };
        let (of_a, of_b, of_c, of_d) = kit.h.wait(all).await;
        let later = a.build(&bad).await;
        for built in [of_a, of_b, of_c, later] {
            let error = built.unwrap_err();
            let BuildError::Failed(failure) = &error else {
                panic!("{error:?}");
            };
            let FailureCause::Panicked(panic) = &failure.cause else {
                panic!("{failure:?}");
            };
            assert_eq!(
                (&*failure.vertex, panic.message()),
                ("bad", "out of cheese")
            );
        }
        assert_eq!(*of_d.unwrap(), 7);
        assert_eq!(*a.build(&kit.constant(3).output(0)).await.unwrap(), 3);
        kit.expect(3, 3, 0);
        join_all(jobs.map(Job::finish)).await;
    });
}

#[test]
fn sol_33_who_waits_is_told_that_the_solver_stops() {
    // Rule 10. What ignores its token is aborted after the grace, and the report names it.
    let grace = ms(1000);
    play_with(
        |builder| builder.grace(grace),
        |kit| async move {
            let deaf: Gate = Arc::new(|_| pending().boxed());
            let gates = [("deaf", deaf), ("a", when_cancelled()), ("b", after(500))];
            let edges = gates.map(|(name, gate)| {
                kit.leaf(name, name, 7)
                    .before_run(gate)
                    .vertex()
                    .build()
                    .output(0)
            });
            let jobs = ["1", "2", "3"].map(|id| kit.job(id));
            let builds = jobs
                .iter()
                .zip(&edges)
                .map(|(job, edge)| timed(&kit, job.build(edge)));
            let stop = async {
                pass(100).await;
                kit.h.tree().stop().await
            };
            let all = async { join!(join_all(builds), timed(&kit, stop)) };
            let (built, (report, stopped_at)) = kit.h.wait(all).await;
            for (built, at) in built {
                assert!(matches!(built, Err(BuildError::Stopped)), "{built:?}");
                assert_eq!(at, ms(100));
            }
            assert_eq!(stopped_at, ms(100) + grace);
            let report = report.expect("stopping is no failure");
            let [stop] = &report.stops[..] else {
                panic!("{:?}", report.stops);
            };
            assert!(
                stop.path.to_string().starts_with("root.solver.runs."),
                "{stop:?}"
            );
            assert_eq!(stop.rung, Rung::Aborted);
            let late = jobs[0].build(&edges[0]).await;
            assert!(matches!(late, Err(BuildError::NotRunning)), "{late:?}");
            join_all(jobs.map(Job::finish)).await;
        },
    );
}
