//! What the public documentation promises of jobs, and who watches them.

use std::time::Duration;

use futures::future::join;
use perennial::solver::{BuildError, Edge, VertexState, Watched};

use super::rest;
use crate::kit::{Kit, after, by_content, pass, play, play_with};

#[test]
fn a_late_watcher_is_told_exactly_how_much_it_has_missed() {
    // Numbers rise by one: the first event after `Lagged` is of the number of those dropped.
    play_with(
        |solver| solver.events_max(4),
        |kit| async move {
            let talks = kit.op("talks", "talks", |ctx, _| async move {
                for line in 0..20 {
                    ctx.log(format!("line {line}"));
                }
                Ok(vec![1])
            });
            let edge = talks.vertex().build().output(0);
            let job = kit.job("one");
            job.build(&edge).await.expect("it builds");
            let mut watch = job.watch();
            job.finish().await;
            let all = rest(&mut watch).await;
            // Declared, started, twenty lines, completed: 23.
            let missed = match &all[0] {
                Watched::Lagged(events) => *events,
                other => panic!("{other:?}"),
            };
            assert_eq!((missed, all.len()), (19, 5));
            for (number, watched) in (missed..).zip(&all[1..]) {
                match watched {
                    Watched::Event(event) => assert_eq!(event.number, number),
                    other => panic!("{other:?}"),
                }
            }
            assert_eq!(watch.snapshot().vertices[0].state, VertexState::Completed);
        },
    );
}

#[test]
fn a_log_of_no_events_keeps_the_last_one() {
    // A log keeps at least one event, and its snapshot is complete all the same.
    play_with(
        |solver| solver.events_max(0),
        |kit| async move {
            let job = kit.job("one");
            job.build(&kit.sum(1, [kit.constant(1).output(0)]).output(0))
                .await
                .expect("it builds");
            let snapshot = job.snapshot();
            job.finish().await;
            assert!(
                snapshot
                    .vertices
                    .iter()
                    .all(|vertex| vertex.state == VertexState::Completed)
            );
            let mut watch = kit
                .solver
                .watch("one", Duration::ZERO)
                .await
                .expect("it lingers");
            let all = rest(&mut watch).await;
            assert!(
                matches!(all[..], [Watched::Lagged(5), Watched::Event(_)]),
                "{all:?}"
            );
            assert!(watch.next().await.is_none());
        },
    );
}

#[test]
fn watchers_of_one_job_do_not_take_from_each_other() {
    // Each reads the log from its beginning, and a snapshot moves only its own reader.
    play(|kit| async move {
        let job = kit.job("one");
        let (mut one, mut two) = (job.watch(), job.watch());
        job.build(&kit.constant(1).output(0))
            .await
            .expect("it builds");
        assert_eq!(one.snapshot().vertices.len(), 1);
        job.finish().await;
        assert!(
            one.next().await.is_none(),
            "what the snapshot had is not told again"
        );
        assert_eq!(rest(&mut two).await.len(), 3);
        assert!(one.snapshot().took.is_some());
    });
}

#[test]
fn a_job_that_is_dropped_can_be_watched_for_a_while() {
    // A job that is dropped is finished, too, and its log ends.
    play(|kit| async move {
        let job = kit.job("one");
        job.build(&kit.constant(1).output(0))
            .await
            .expect("it builds");
        drop(job);
        let mut watch = kit
            .solver
            .watch("one", Duration::ZERO)
            .await
            .expect("it lingers");
        assert_eq!(rest(&mut watch).await.len(), 3);
        kit.h.advance(Duration::from_secs(11)).await;
        let error = kit
            .solver
            .watch("one", Duration::ZERO)
            .await
            .expect_err("it is gone");
        assert_eq!((error.id.as_str(), error.waited), ("one", Duration::ZERO));
    });
}

#[test]
fn operations_find_the_values_of_the_jobs_that_share_them() {
    // Of each type a job's last one, and of each job that shares the operation now one.
    play(|kit| async move {
        let op = kit.op("asks", "asks", |ctx, _| async move {
            let first = ctx.values::<u64>().len();
            pass(10).await;
            let sum: u64 = ctx.values::<u64>().iter().map(|value| **value).sum();
            Ok(vec![
                first as u64 * 100 + sum,
                ctx.values::<String>().len() as u64,
            ])
        });
        let vertex = op.vertex().build();
        let (one, two, three) = (kit.job("1"), kit.job("2"), kit.job("3"));
        one.put(1_u64);
        one.put(3_u64);
        two.put(5_u64);
        three.put(String::from("other"));
        let (first, second) = (vertex.output(0), vertex.output(1));
        let built = kit.h.wait(async {
            let early = async { tokio::join!(one.build(&first), one.build(&first)) };
            let late = async {
                pass(5).await;
                tokio::join!(two.build(&first), three.build(&second))
            };
            tokio::join!(early, late)
        });
        let ((early, _), (late, strings)) = built.await;
        assert_eq!(*early.expect("it builds"), 108);
        assert_eq!(*late.expect("it builds"), 108);
        assert_eq!(*strings.expect("it builds"), 1);
    });
}

#[test]
fn a_job_may_go_at_every_moment() {
    // Dropping a job takes what only it wanted, and nothing from the other one.
    play(|kit| async move {
        for moment in 0..14 {
            let step = |below: Edge<u64>, name: &str| {
                let name = format!("{name} {moment}");
                let op = kit.op(
                    &name,
                    &name,
                    |_, inputs| async move { Ok(vec![inputs[0] + 1]) },
                );
                let op = op.before_key(after(2)).before_run(after(2));
                op.vertex().input(by_content(below)).build().output(0)
            };
            let low = step(kit.constant(moment).output(0), "low");
            let (left, right) = (step(low.clone(), "left"), step(low, "right"));
            let goes = kit.job("goes");
            let stays = kit.job("stays");
            let leaves = async {
                tokio::select! {
                    biased;
                    () = pass(moment) => {}
                    built = goes.build(&left) => drop(built),
                }
            };
            let (_, built) = kit.h.wait(join(leaves, stays.build(&right))).await;
            assert_eq!(*built.expect("it stays"), moment + 2);
            drop(goes);
            stays.finish().await;
            kit.h.settled().await;
            kit.expect_empty();
        }
    });
}

/// Takes 10 ms.
fn slow(kit: &Kit) -> Edge<u64> {
    let op = kit.leaf("slow", "slow", 5).before_run(after(10));
    op.vertex().build().output(0)
}

#[test]
fn a_cancelled_job_takes_nothing_from_who_shares_its_work() {
    // Nobody is told of a cancellation that is not his own.
    play(|kit| async move {
        let slow = slow(&kit);
        let (one, two) = (kit.job("1"), kit.job("2"));
        let cancels = async {
            pass(5).await;
            one.cancel();
        };
        let built = kit
            .h
            .wait(async { tokio::join!(one.build(&slow), two.build(&slow), cancels) });
        let (of_one, of_two, ()) = built.await;
        assert!(matches!(of_one, Err(BuildError::Cancelled)), "{of_one:?}");
        assert_eq!(*of_two.expect("it is not cancelled"), 5);
        let later = one.build(&slow).await;
        assert!(matches!(later, Err(BuildError::Cancelled)), "{later:?}");
        assert_eq!((one.finish().await.completed, kit.counts().runs), (1, 1));
    });
}

#[test]
fn one_of_two_builds_of_a_job_may_be_given_up() {
    // A job builds the same twice at once: one run, and who leaves is one of two that wait.
    play(|kit| async move {
        let slow = slow(&kit);
        let job = kit.job("one");
        let stays = job.build(&slow);
        let leaves = async {
            tokio::select! {
                biased;
                () = pass(5) => {}
                _ = job.build(&slow) => panic!("it takes longer"),
            }
        };
        let (built, ()) = kit.h.wait(join(stays, leaves)).await;
        assert_eq!((*built.expect("it builds"), kit.counts().runs), (5, 1));
    });
}
