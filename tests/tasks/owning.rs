//! Tasks that own something or stand above others: they have ended when all of that has.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{
    Cause, Context, Down, Hold, Pool, Restart, RunError, State, TaskError, What, once, runnable,
};
use tokio::time::sleep;

use crate::pool::up;
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

type Failing = Box<dyn std::error::Error + Send + Sync>;

#[test]
fn a_task_has_ended_when_the_tasks_that_it_owns_have() {
    // R13, R14. They hear that it has returned, and have its grace; then its output is given.
    let (pool, alive) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let kept = alive.clone();
        let task = pool.task(move |ctx: Context| async move {
            for seconds in 1..=3 {
                let (ctx, kept) = (ctx.clone(), kept.clone());
                let owned = ctx.clone().spawn(async move {
                    ctx.cancelled().await;
                    sleep(SECOND * seconds).await;
                    drop(kept);
                });
                owned.map(drop)?;
            }
            drop(kept);
            Ok::<_, Failing>(7)
        });
        let mut task = Box::pin(task.unwrap());
        h.advance(SECOND * 2).await;
        assert!((&mut task).now_or_never().is_none());
        assert_eq!((Arc::strong_count(&alive), pool.children()), (2, 1));
        assert_eq!(h.wait(task).await.unwrap(), 7);
        assert_eq!(h.now(), SECOND * 3);
        assert_eq!((Arc::strong_count(&alive), pool.children()), (1, 0));
    });
}

#[test]
fn a_task_has_ended_when_its_holds_are_dropped() {
    // R13, R14. Its place is taken as long.
    let (pool, held) = (Pool::new(), Arc::new(Mutex::new(None::<Hold>)));
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let keeps = held.clone();
        let task = pool.task(move |ctx: Context| async move {
            *keeps.lock() = Some(ctx.hold("a file")?);
            Ok::<_, Failing>(7)
        });
        let mut task = Box::pin(task.unwrap());
        h.advance(SECOND).await;
        assert!((&mut task).now_or_never().is_none());
        assert_eq!(pool.children(), 1);
        drop(held.lock().take());
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!((h.now(), pool.children()), (SECOND, 0));
    });
}

#[test]
fn the_panic_of_an_owned_task_fails_a_task() {
    // R13, R14, R5. While the task runs, whatever that returns then.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = pool.task(|ctx: Context| async move {
            let panics = async { panic!("in the background") };
            ctx.spawn(panics).map(|_: perennial::Owned<()>| ())?;
            ctx.cancelled().await;
            Ok::<_, Failing>(7)
        });
        let error = task.unwrap().await.expect_err("it is failed");
        let TaskError::Failed { source, .. } = error else {
            panic!("{error:?}");
        };
        let Some(Cause::Owned(panic)) = &source.cause else {
            panic!("{source:?}");
        };
        assert_eq!(panic.message(), "in the background");
    });
}

#[test]
fn a_panic_of_an_owned_task_after_the_return_takes_no_output_away() {
    // R13, R14, R5. The exit was read by then: it is evidence, and changes nothing.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = pool.task(|ctx: Context| async move {
            let hears = ctx.clone();
            let panics = async move {
                hears.cancelled().await;
                panic!("too late");
            };
            ctx.spawn(panics).map(|_: perennial::Owned<()>| ())?;
            Ok::<_, Failing>(7)
        });
        assert_eq!(task.unwrap().await.unwrap(), 7);
        let is_panic = |event: &perennial::Event| matches!(event.what, What::OwnedPanicked { .. });
        assert!(h.log().iter().any(is_panic));
    });
}

#[test]
fn what_a_task_owns_beyond_its_grace_is_aborted() {
    // R13, R10, R14. Its output is given all the same.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = |ctx: Context| async move {
            ctx.spawn(std::future::pending::<()>()).map(drop)?;
            Ok::<_, Failing>(7)
        };
        let task = pool.task(once(task).grace(SECOND * 2)).unwrap();
        assert_eq!(h.wait(task).await.unwrap(), 7);
        assert_eq!((h.now(), pool.children()), (SECOND * 2, 0));
    });
}

#[test]
fn a_task_may_stand_above_children() {
    // R13, R6. They stop when it has returned; it has ended when they have.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = pool.task(|ctx: Context| async move {
            let slow = |ctx: Context| async move {
                serve(ctx).await;
                sleep(SECOND).await;
            };
            let slow = ctx.run("slow", slow)?;
            slow.healthy().await?;
            Ok::<_, Failing>(7)
        });
        assert_eq!(h.wait(task.unwrap()).await.unwrap(), 7);
        assert_eq!((h.now(), pool.children()), (SECOND, 0));
    });
}

#[test]
fn the_children_of_a_task_that_is_done_run_on() {
    // R13, R4, R6. It ends with the last of them; a stop ends them all.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let above = |seconds: u32| {
            move |ctx: Context| async move {
                let below = move |ctx: Context| async move {
                    ctx.healthy();
                    ctx.until_cancelled(sleep(SECOND * seconds)).await;
                };
                let below = runnable(below).restart(Restart::Temporary);
                ctx.run("below", below)?;
                ctx.done();
                Ok::<_, RunError>(seconds)
            }
        };
        let first = pool.task(above(1)).unwrap();
        assert_eq!(h.wait(first).await.unwrap(), 1);
        assert_eq!((h.now(), pool.children()), (SECOND, 0));
        let mut second = Box::pin(pool.task(above(60)).unwrap());
        h.settled().await;
        assert!((&mut second).now_or_never().is_none());
        assert_eq!(h.state("root.pool.2").await, Some(State::Done));
        drop(second.child().terminate());
        assert_eq!(second.await.unwrap(), 60, "it had returned that");
        assert_eq!((h.now(), pool.children()), (SECOND, 0));
    });
}

#[test]
fn a_task_may_be_escalated_to() {
    // R13, R9, R5. It has failed then; nobody else notices.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let beside = pool.start(serve).unwrap();
        let task = pool.task(|ctx: Context| async move {
            ctx.run("below", |ctx: Context| async move { ctx.give_up() })?;
            ctx.cancelled().await;
            Ok::<_, RunError>(7)
        });
        let error = task.unwrap().await.expect_err("it is escalated to");
        let TaskError::Failed { source, .. } = error else {
            panic!("{error:?}");
        };
        let Some(Cause::Escalated(below)) = &source.cause else {
            panic!("{source:?}");
        };
        assert_eq!(below.path, *"root.pool.2.below");
        h.settled().await;
        beside.healthy().await.expect("nobody else notices");
    });
}

#[test]
fn a_task_has_not_ended_while_it_leaks() {
    // R10, R13. It is down, and neither its awaiter nor a drain hears of an end before that.
    let (pool, held) = (Pool::new(), Arc::new(Mutex::new(None::<Hold>)));
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let keeps = held.clone();
        let task = pool.task(move |ctx: Context| async move {
            *keeps.lock() = Some(ctx.hold("a file")?);
            Ok::<_, Failing>(7)
        });
        let mut task = Box::pin(task.unwrap());
        h.advance(SECOND * 60).await;
        let is_leak = |event: &perennial::Event| matches!(event.what, What::Leaked);
        assert!(h.log().iter().any(is_leak));
        let snapshot = h.snapshot().await;
        let node = snapshot.find("root.pool.1").expect("it has not ended");
        assert_eq!(
            (node.state, node.down),
            (State::Down, Some(Down::Finished)),
            "{snapshot}"
        );
        assert!(pool.drain().now_or_never().is_none());
        assert!((&mut task).now_or_never().is_none());
        drop(held.lock().take());
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(pool.children(), 0);
    });
}
