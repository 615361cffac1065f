//! Section J: tasks, which are children of a pool whose output somebody awaits.

use std::fmt::Debug;
use std::future::pending;

use perennial::testing::{Fault, Harness};
use perennial::{Context, Down, Pool, Restart, RunError, TaskError, What, once};

use crate::ctl::Member;
use crate::pooled::{above, counts};
use crate::serve::serve;
use crate::sup::{children, ms, node, over, pause, seconds};
use crate::trace::Trace;

/// Why a task has failed, in one line.
fn failed<T: Debug>(result: Result<T, TaskError>) -> String {
    match result {
        Err(TaskError::Failed { path, source }) => {
            assert_eq!(path, source.path);
            source.chain()
        }
        other => panic!("{other:?}"),
    }
}

/// Takes this long, and gives a number.
async fn seven_in(milliseconds: u64) -> Result<u8, &'static str> {
    pause(ms(milliseconds)).await;
    Ok(7)
}

#[test]
fn otp_113_a_task_gives_its_output_to_who_awaits_it() {
    // R13. It is a child while it runs, and forgotten when it is awaited.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let task = pool.task(|_| seven_in(500)).expect("it stands");
        assert_eq!(task.child().path().to_string(), "root.pool.1");
        assert_eq!(counts(&h, &pool).await, (1, 1));
        assert_eq!(children(&h, "root.pool").await, "1 starting");
        assert_eq!(h.wait(task).await.expect("it is sound"), 7);
        assert_eq!((h.now(), pool.children()), (ms(500), 0));
        assert_eq!(h.state("root.pool.1").await, None);
    });
}

#[test]
fn otp_113_a_task_that_fails_is_an_error_value() {
    // R13, R5. An error, a panic, one before there is a future, and an abort from outside. The
    // caller, the pool and the other tasks go on.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let other = pool.task(|_| seven_in(900)).expect("it stands");

        let fails = pool.task(|_| async { Err::<u8, _>("no such page") });
        assert_eq!(
            failed(fails.expect("it stands").await),
            "root.pool.2 failed while starting: no such page"
        );

        let panics = |ctx: Context| async move {
            assert!(ctx.is_cancelled(), "in the task");
            Ok::<u8, RunError>(7)
        };
        let line = failed(pool.task(panics).expect("it stands").await);
        assert!(line.starts_with("root.pool.3 panicked"), "{line}");
        assert!(line.contains("in the task"), "{line}");

        let panics = |ctx: Context| {
            assert!(ctx.is_cancelled(), "before there is a future");
            seven_in(0)
        };
        let line = failed(pool.task(panics).expect("it stands").await);
        assert!(line.contains("before there is a future"), "{line}");

        let killed = pool.task(|_| seven_in(1000)).expect("it stands");
        h.idle().await;
        h.inject(Fault::kill("root.pool.5"));
        assert_eq!(
            failed(killed.await),
            "root.pool.5 was aborted while starting"
        );

        assert_eq!(counts(&h, &pool).await, (1, 1));
        assert_eq!(node(&h, "root.pool").await.restarts, 0);
        assert_eq!(h.wait(other).await.expect("it is sound"), 7);
        assert_eq!(h.now(), ms(900));
    });
}

#[test]
fn otp_113_a_task_is_over_when_what_it_owned_has_ended() {
    // R13, R14. Its output waits for that; a panic of what it owned makes it a failure.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let owns = |ctx: Context| async move {
            let clone = ctx.clone();
            let flush = async move {
                clone.cancelled().await;
                pause(ms(300)).await;
            };
            ctx.spawn(flush).map(drop).expect("it runs");
            Ok::<_, RunError>(7)
        };
        let task = pool.task(owns).expect("it stands");
        assert_eq!(h.wait(task).await.expect("it is sound"), 7);
        assert_eq!(h.now(), ms(300));

        let owns = |ctx: Context| async move {
            let panics = async { panic!("in the background") };
            ctx.spawn(panics)
                .map(|_: perennial::Owned<()>| ())
                .expect("it runs");
            ctx.cancelled().await;
            Ok::<_, RunError>(7)
        };
        let task = pool.task(owns).expect("it stands");
        let line = failed(h.wait(task).await);
        assert!(
            line.starts_with("a task owned by root.pool.2 panicked"),
            "{line}"
        );
    });
}

#[test]
fn otp_113_a_task_that_is_not_healthy_in_time_fails_whatever_it_returns() {
    // R13, R5. It passed a time limit, so what it returned when it was asked is no output.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let late = |ctx: Context| async move {
            ctx.cancelled().await;
            Ok::<_, RunError>(7)
        };
        let task = pool.task(once(late).start_timeout(seconds(2)));
        let line = failed(h.wait(task.expect("it stands")).await);
        assert_eq!(line, "root.pool.1 was not healthy within 2s");
        assert_eq!(h.now(), seconds(2));
    });
}

#[test]
fn otp_114_the_failure_of_a_task_reaches_its_caller_and_fails_it_if_it_wants() {
    // R13. With `?` the caller dies of it, and its chain leads to what the task returned.
    let pool = Pool::new();
    let tasks = pool.clone();
    let caller = Member::new("sup", move |ctx: Context| {
        let pool = tasks.clone();
        async move {
            ctx.run("pool", pool.clone())?;
            ctx.healthy();
            let task = pool.task(|_| async { Err::<u8, _>("no such page") })?;
            let size = task.cancel_on_drop().await?;
            anyhow::ensure!(size == 0, "it cannot be");
            anyhow::Ok(())
        }
    });
    let caller = caller.with(|run| run.restart(Restart::Temporary));
    Harness::run(None, |h| async move {
        h.start(over(&caller));
        h.settled().await;
        let caller = node(&h, "root.sup").await;
        assert_eq!(caller.down, Some(Down::Failed));
        let chain = caller.last_exit.expect("it returned").chain();
        let end = "root.sup.pool.1 failed: root.sup.pool.1 failed while starting: no such page";
        assert!(chain.ends_with(end), "{chain}");
    });
}

#[test]
fn otp_114_the_end_of_its_caller_stops_a_task_that_was_linked() {
    // R13, R16. However the caller ends; one that was not linked goes on.
    let (pool, trace) = (Pool::new(), Trace::default());
    let (tasks, notes) = (pool.clone(), trace.clone());
    let caller = move |end: &'static str| {
        let (pool, trace) = (tasks.clone(), notes.clone());
        once(move |ctx: Context| async move {
            let task = |name: &'static str| {
                let trace = trace.clone();
                let task = pool.task(move |ctx: Context| async move {
                    serve(ctx).await;
                    trace.note(format!("stop {name}"));
                    Ok::<_, RunError>(())
                });
                task.expect("it stands")
            };
            let (linked, free) = (task("linked").cancel_on_drop(), task("free"));
            linked.child().healthy().await.expect("it serves");
            free.child().healthy().await.expect("it serves");
            ctx.healthy();
            match end {
                "returns" => Ok(()),
                "fails" => Err("it fails"),
                "panics" => panic!("it panics"),
                _ => pending().await,
            }
        })
    };
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for (end, name) in [
            ("returns", "a"),
            ("fails", "b"),
            ("panics", "c"),
            ("hangs", "d"),
        ] {
            pool.start_named(name, caller(end)).expect("it is free");
            h.settled().await;
            if end == "hangs" {
                trace.expect("");
                h.inject(Fault::kill("root.pool.d"));
                h.settled().await;
            }
            trace.expect("stop linked");
        }
        assert_eq!(counts(&h, &pool).await, (4, 4), "the free ones are left");
    });
}

#[test]
fn otp_114_a_task_that_has_ended_is_not_harmed_by_its_handle() {
    // R13, L10. Awaited to its end, or dropped after it, it orders nothing.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let mut task = pool
            .task(|_| seven_in(0))
            .expect("it stands")
            .cancel_on_drop();
        assert_eq!((&mut task).await.expect("it is sound"), 7);
        drop(task);
        let ended = pool
            .task(|_| seven_in(0))
            .expect("it stands")
            .cancel_on_drop();
        h.settled().await;
        drop(ended);
        h.settled().await;
        let log = h.log();
        let is_order = |what: &What| matches!(what, What::Ordered { .. });
        assert!(!log.iter().any(|event| is_order(&event.what)), "{log}");
    });
}
