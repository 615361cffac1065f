//! Section J: the handles of tasks, awaited or not, and what refuses a task.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial::testing::Harness;
use perennial::{Context, Effect, OrderError, Pool, Restart, RunError, Task, TaskError, once};
use tokio::time::timeout;

use crate::ctl::ctls;
use crate::pooled::{above, above_all, counts};
use crate::serve::serve;
use crate::sup::{children, ms, pause, seconds};
use crate::trace::Trace;

/// Takes this long, and gives a number.
async fn seven_in(milliseconds: u64) -> Result<u8, RunError> {
    pause(ms(milliseconds)).await;
    Ok(7)
}

#[test]
fn otp_115_who_gives_up_waiting_leaves_the_task_alone() {
    // R13. It may be awaited again, and its output is there once.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let mut task = pool.task(|_| seven_in(1000)).expect("it stands");
        let early = h.wait(timeout(ms(400), &mut task)).await;
        early.expect_err("it is not over");
        assert_eq!((h.now(), counts(&h, &pool).await), (ms(400), (1, 1)));
        assert_eq!(h.wait(task).await.expect("it is sound"), 7);
        assert_eq!(h.now(), ms(1000));
    });
}

/// A task that ends after a second, or half a second after it was asked to, and what it left.
fn begin(pool: &Pool, output: &Arc<()>) -> Task<Arc<()>> {
    let output = output.clone();
    let task = pool.task(move |ctx: Context| async move {
        if ctx.until_cancelled(pause(seconds(1))).await.is_none() {
            pause(ms(500)).await;
        }
        Ok::<_, RunError>(output)
    });
    task.expect("it stands")
}

#[test]
fn otp_115_a_late_output_goes_to_nobody() {
    // R13. A handle that is dropped changes nothing: the task ends, and what it gave is dropped.
    let (pool, output) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        drop(begin(&pool, &output));
        h.advance(ms(900)).await;
        assert_eq!(counts(&h, &pool).await, (1, 1));
        h.advance(ms(100)).await;
        assert_eq!(counts(&h, &pool).await, (0, 0));
        assert_eq!(Arc::strong_count(&output), 1);
    });
}

#[test]
fn otp_115_who_gives_up_waiting_may_stop_the_task() {
    // R13, R16. It is asked when its handle is dropped, and has its grace.
    let (pool, output) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let task = begin(&pool, &output).cancel_on_drop();
        let early = h.wait(timeout(ms(100), task)).await;
        early.expect_err("it is not over");
        h.idle().await;
        assert_eq!(children(&h, "root.pool").await, "1 stopping");
        h.wait(pool.drain()).await;
        assert_eq!(h.now(), ms(600));
        assert_eq!(Arc::strong_count(&output), 1);
    });
}

#[test]
fn otp_115_what_a_task_returns_when_it_is_stopped_is_its_output() {
    // R13, R16. One that has none was stopped, and the caller is told that and no failure.
    let (pool, output) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let task = begin(&pool, &output);
        h.idle().await;
        let terminated = task.child().terminate();
        h.wait(task).await.expect("it is sound");
        assert_eq!(terminated.await.expect("it runs"), Effect::Visible);

        let stops = |ctx: Context| async move {
            ctx.cancelled().await;
            Err::<u8, _>("there was no time")
        };
        let task = pool.task(stops).expect("it stands");
        h.idle().await;
        task.child().remove().await.expect("it runs");
        match task.await {
            Err(TaskError::Stopped { path, source }) => {
                assert_eq!(path, "root.pool.2");
                let chain = source.expect("it returned").chain();
                assert_eq!(
                    chain,
                    "root.pool.2 failed while stopping: there was no time"
                );
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn otp_115_a_task_that_never_started_was_stopped() {
    // R13, L2. Terminated in one breath with its start: there is nothing it could have left.
    let (pool, output) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let task = begin(&pool, &output);
        drop(task.child().terminate());
        let result = task.await;
        assert!(
            matches!(result, Err(TaskError::Stopped { source: None, .. })),
            "{result:?}"
        );
        assert_eq!((h.now(), Arc::strong_count(&output)), (ms(0), 1));
    });
}

#[test]
fn otp_116_a_task_runs_once_and_other_children_as_often_as_they_say() {
    // R13, R5. What is started with a restart type runs again after it has finished.
    let (pool, trace) = (Pool::new(), Trace::default());
    let [again, only] = ctls(["again", "only"], &trace);
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let code = again.with(|run| run.restart(Restart::Permanent));
        pool.start(code.runnable()).expect("it stands");
        let code = only.member();
        let task = pool.task(move |ctx| async move {
            code.call(ctx).await;
            Ok::<_, RunError>(7)
        });
        let task = task.expect("it stands");
        h.settled().await;
        again.finish().await;
        only.finish().await;
        h.settled().await;
        assert_eq!(task.await.expect("it is sound"), 7);
        trace.expect("start again, start only, start again");
        assert_eq!(children(&h, "root.pool").await, "1 healthy");
    });
}

#[test]
fn otp_116_a_task_cannot_be_started_again() {
    // R16, R13. Its code was consumed; the order is refused and the task goes on.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let task = pool.task(|_| seven_in(1000)).expect("it stands");
        h.idle().await;
        for order in [task.child().restart(), task.child().replace(serve)] {
            let refused = order.await;
            assert!(
                matches!(refused, Err(OrderError::Once { .. })),
                "{refused:?}"
            );
        }
        assert_eq!(h.wait(task).await.expect("it is sound"), 7);
    });
}

#[test]
fn otp_116_a_task_stops_by_its_own_grace() {
    // R10, R13. Without any it is aborted with the asking, and has no output.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for (grace, time) in [(0, 0), (200, 200), (400, 300)] {
            let begun = h.now();
            let slow = once(|ctx: Context| async move {
                ctx.cancelled().await;
                seven_in(300).await
            });
            let task = pool.task(slow.grace(ms(grace))).expect("it stands");
            h.idle().await;
            drop(h.tree().node("root.pool").restart());
            let result = h.wait(task).await;
            assert_eq!(h.now() - begun, ms(time));
            match result {
                Ok(output) => assert_eq!((output, grace), (7, 400)),
                Err(TaskError::Stopped { source, .. }) => {
                    let chain = source.expect("it was aborted").chain();
                    assert!(chain.ends_with("was aborted while stopping"), "{chain}");
                    assert!(grace < 400, "{chain}");
                }
                Err(error) => panic!("{error}"),
            }
            h.settled().await;
        }
    });
}

#[test]
fn otp_117_a_full_pool_refuses_a_task_and_starts_nothing() {
    // R13. What it captured is dropped, no number is lost, and an end makes room.
    let pool = Pool::builder().max_children(2).build();
    let (runs, output) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let tasks =
            [200, 300].map(|time| pool.task(move |_| seven_in(time)).expect("there is room"));
        for _ in 0..3 {
            let (runs, output) = (runs.clone(), output.clone());
            let refused = pool.task(move |_| async move {
                runs.fetch_add(1, Ordering::Relaxed);
                Ok::<_, RunError>(output)
            });
            let error = refused.expect_err("it is full");
            assert_eq!(
                error.to_string(),
                "root.pool cannot start a child: it has 2, the most that are allowed"
            );
        }
        assert_eq!(Arc::strong_count(&output), 1);
        let [first, second] = tasks;
        h.wait(first).await.expect("it is sound");
        let third = pool.task(|_| seven_in(0)).expect("there is room again");
        assert_eq!(third.child().path().to_string(), "root.pool.3");
        h.wait(second).await.expect("it is sound");
        h.wait(third).await.expect("it is sound");
        assert_eq!(runs.load(Ordering::Relaxed), 0);
    });
}

/// Why a pool takes no child, no task, and none of a template: the same for all of them.
fn why(pool: &Pool) -> String {
    let template = pool.template(|()| serve);
    let refusals = [
        pool.start(serve).map(drop),
        pool.start_named("a", serve).map(drop),
        pool.task(|_| seven_in(0)).map(drop),
        template.start(()).map(drop),
        template.start_named("a", ()).map(drop),
    ];
    let refusals = refusals.map(|refused| refused.expect_err("it takes nothing").to_string());
    let [first, others @ ..] = refusals;
    assert!(others.iter().all(|other| *other == first), "{others:?}");
    first
}

#[test]
fn otp_117_a_pool_that_takes_nothing_says_why() {
    // R13, L10. Not declared, full by its nature, draining, stopped, and gone with its tree.
    let pools = [Pool::new(), Pool::builder().max_children(0).build()];
    let undeclared = "a pool that is not declared cannot start a child";
    for pool in &pools {
        assert_eq!(why(pool), undeclared);
    }
    let [pool, none] = pools.clone();
    Harness::run(None, |h| async move {
        h.start(above_all([("pool", &pool), ("none", &none)]));
        h.settled().await;
        let full = "root.none cannot start a child: it has 0, the most that are allowed";
        assert_eq!(why(&none), full);
        pool.drain().await;
        assert_eq!(why(&pool), "root.pool cannot start a child: it drains");
        h.tree()
            .node("root.pool")
            .terminate()
            .await
            .expect("it stands");
        assert_eq!(why(&pool), "root.pool cannot start a child: it has stopped");
        h.tree()
            .node("root.pool")
            .start()
            .await
            .expect("it is down");
        pool.start(serve).expect("it takes children again");
    });
    let [pool, none] = pools;
    assert_eq!(why(&pool), "root.pool cannot start a child: it has stopped");
    assert_eq!(why(&none), "root.none cannot start a child: it has stopped");
}
