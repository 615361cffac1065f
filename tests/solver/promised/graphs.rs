//! What the public documentation promises of graphs, limits and attempts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::future::join;
use perennial::Backoff;
use perennial::solver::{Input, OperationError, Vertex};

use super::{Plain, build};
use crate::kit::{Kit, after, pass, play, play_with, text};

#[test]
fn an_input_that_is_given_twice_is_two_inputs() {
    // Vertices are equal when their operations and their inputs are.
    play(|kit| async move {
        let one = kit.constant(1);
        let add = || {
            let op = kit.op("add", "add", |_, inputs| async move {
                Ok(vec![inputs.iter().sum()])
            });
            op.vertex()
        };
        let once = add().input(one.output(0)).build();
        let twice = add().input(one.output(0)).input(one.output(0)).build();
        assert_ne!(once.digest(), twice.digest());
        let (once, twice) = (once.output(0), twice.output(0));
        let built = join(build(&kit, &once), build(&kit, &twice)).await;
        assert_eq!(built.0.expect("it builds"), 1);
        assert_eq!(built.1.expect("it builds"), 2);
    });
}

#[test]
fn a_vertex_is_what_it_takes_of_its_inputs() {
    // A digest is of all that a vertex is made of: which output, and which part of it.
    play(|kit| async move {
        let below = kit.constant(1);
        let taking = |input: Input<u64>| kit.node("top", "top", 0, [input]).digest();
        let whole = taking(below.output(0).into());
        let other = taking(below.output(1).into());
        let part = taking(Input::from(below.output(0)).selector("a"));
        let other_part = taking(Input::from(below.output(0)).selector("b"));
        let all = [whole, other, part, other_part];
        for (at, digest) in all.iter().enumerate() {
            assert!(!all[..at].contains(digest), "{at} is like one before it");
        }
    });
}

#[test]
fn a_chain_of_thousands_is_built_and_let_go() {
    // A graph may be as deep as it likes: nothing of it is on a stack.
    play(|kit| async move {
        let mut top = Vertex::builder("bottom", Plain).build();
        for _ in 0..2_000 {
            top = Vertex::builder("above", Plain).input(top.output(0)).build();
        }
        let job = kit.job("one");
        assert_eq!(*job.build(&top.output(0)).await.expect("it builds"), 1);
        assert_eq!(job.finish().await.completed, 2_001);
    });
}

/// Builds the one below on its way, down to 0.
fn descend(kit: &Kit, depth: u64) -> Vertex<u64> {
    let (again, name) = (kit.clone(), format!("depth {depth}"));
    let op = kit.op(&name, &name, move |ctx, _| {
        let kit = again.clone();
        async move {
            match depth {
                0 => Ok(vec![0]),
                _ => Ok(vec![
                    *ctx.build(&descend(&kit, depth - 1).output(0)).await? + 1,
                ]),
            }
        }
    });
    op.vertex().build()
}

#[test]
fn sub_builds_of_sub_builds_are_let_go_one_after_the_other() {
    // What a sub-build has built goes with what needed it, however deep: nothing is on a stack.
    play(|kit| async move {
        let job = kit.job("one");
        let built = job.build(&descend(&kit, 400).output(0)).await;
        assert_eq!(*built.expect("it builds"), 400);
        kit.h.settled().await;
        let small = std::thread::Builder::new().stack_size(32 << 10);
        let dropping = small.spawn(move || drop(job)).expect("a thread");
        dropping.join().expect("it has room");
    });
}

#[test]
fn a_limit_that_an_operation_names_twice_is_needed_twice() {
    // What needs more permits than there are fails and says so: it never waits for itself.
    let limits = |solver: perennial::solver::SolverBuilder<u64>| solver.limit("cpu", 2);
    play_with(limits, |kit| async move {
        let needs = |name: &str, times: usize| {
            let mut op = kit.leaf(name, name, 7).before_run(after(10));
            for _ in 0..times {
                op = op.needs("cpu", 1);
            }
            op.vertex().build().output(0)
        };
        let (one, other) = (needs("one", 2), needs("other", 2));
        let both = join(build(&kit, &one), build(&kit, &other));
        let (one, other) = kit.h.wait(both).await;
        assert_eq!((one.expect("one"), other.expect("other")), (7, 7));
        assert_eq!(kit.running_most(), 1);
        let error = kit.h.wait(build(&kit, &needs("three", 3))).await;
        let error = error.expect_err("there are two");
        assert_eq!(
            error.to_string(),
            "three needs 3 permits of cpu, which has 2"
        );
    });
}

/// A solver that tries again after a second, twice.
fn retrying(
    solver: perennial::solver::SolverBuilder<u64>,
) -> perennial::solver::SolverBuilder<u64> {
    solver.retry(2, Backoff::constant(Duration::from_secs(1)))
}

#[test]
fn only_what_has_failed_is_tried_again() {
    // A failure in passing is tried again where it was, and not by what is made of it.
    play_with(retrying, |kit| async move {
        let flaky = kit.op("flaky", "flaky", |_, _| async {
            Err(OperationError::transient("not now"))
        });
        let flaky = flaky.vertex().build();
        let top = kit.sum(1, [kit.sum(1, [flaky.output(0)]).output(0)]);
        let error = kit.h.wait(build(&kit, &top.output(0))).await;
        let error = error.expect_err("it fails each time");
        assert!(error.is_transient());
        assert_eq!(text(&error), "flaky has failed: its operation: not now");
        assert_eq!(
            (kit.counts().runs, kit.h.now()),
            (3, Duration::from_secs(2))
        );
    });
}

#[test]
fn a_failure_in_passing_stays_one_in_what_builds_it_on_its_way() {
    // A sub-build that fails in passing is not kept as a failure for good: `?` tells it as it is.
    play(|kit| async move {
        let tries = Arc::new(AtomicUsize::new(0));
        let flaky = kit.op("flaky", "flaky", move |_, _| {
            let is_first = tries.fetch_add(1, Ordering::Relaxed) == 0;
            async move {
                match is_first {
                    true => Err(OperationError::transient("not now")),
                    false => Ok(vec![5]),
                }
            }
        });
        let flaky = flaky.vertex().build().output(0);
        let top = kit
            .sub_build("top", "top", flaky)
            .vertex()
            .build()
            .output(0);
        let job = kit.job("one");
        let error = job.build(&top).await.expect_err("not the first time");
        let again = job.build(&top).await;
        assert!(error.is_transient(), "{}", text(&error));
        assert_eq!(*again.expect("the second time"), 5);
    });
}

#[test]
fn what_was_tried_again_below_is_not_tried_again_by_what_builds_it() {
    // A failure in passing of a sub-build was tried again there, as often as the solver is told to.
    play_with(retrying, |kit| async move {
        let flaky = kit.op("flaky", "flaky", |_, _| async {
            Err(OperationError::transient("not now"))
        });
        let middle = kit.sub_build("middle", "middle", flaky.vertex().build().output(0));
        let top = kit.sub_build("top", "top", middle.vertex().build().output(0));
        let error = kit
            .h
            .wait(build(&kit, &top.vertex().build().output(0)))
            .await;
        assert!(error.expect_err("it fails each time").is_transient());
        assert_eq!(
            (kit.counts().runs, kit.h.now()),
            (5, Duration::from_secs(2))
        );
    });
}

#[test]
fn a_job_that_goes_between_two_attempts_waits_for_none() {
    // Who leaves takes the run along that only he waits for, also while it waits for its next try.
    play_with(retrying, |kit| async move {
        let flaky = kit.op("flaky", "flaky", |_, _| async {
            Err(OperationError::transient("not now"))
        });
        let edge = flaky.vertex().build().output(0);
        let job = kit.job("one");
        let goes = async {
            tokio::select! {
                () = pass(500) => {}
                built = job.build(&edge) => panic!("{built:?}"),
            }
        };
        kit.h.wait(goes).await;
        let summary = job.finish().await;
        assert_eq!((summary.cancelled, summary.failed), (1, 0), "{summary:?}");
        assert_eq!(
            (kit.counts().runs, kit.h.now()),
            (1, Duration::from_millis(500))
        );
    });
}
