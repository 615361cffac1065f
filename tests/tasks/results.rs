//! Tasks: children of a pool that end with an output, for whoever awaits their handle.

use std::error::Error;
use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use perennial::testing::{Fault, Harness};
use perennial::{
    Cause, Context, Down, Evidence, Exit, Pool, State, Supervisor, Task, TaskError, What, once,
};
use tokio::time::{sleep, timeout};

use crate::pool::{root_above, up};
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

/// Why something failed, and why that.
#[derive(Debug)]
struct Why(&'static str, Option<Box<Self>>);

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Why {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|why| why as _)
    }
}

/// Gives this after so many seconds, or when it is asked to stop.
fn gives<T: Send + 'static>(
    seconds: u32,
    output: T,
) -> impl FnOnce(Context) -> futures::future::BoxFuture<'static, Result<T, Why>> {
    move |ctx| {
        Box::pin(async move {
            ctx.healthy();
            ctx.until_cancelled(sleep(SECOND * seconds)).await;
            Ok(output)
        })
    }
}

/// Gives nothing, and stops when it is asked to.
async fn fails_when_asked(ctx: Context) -> Result<u8, Why> {
    serve(ctx).await;
    Err(Why("not yet", None))
}

#[track_caller]
fn failed<T: fmt::Debug>(result: Result<T, TaskError>) -> Arc<Evidence> {
    match result.expect_err("it has failed") {
        TaskError::Failed { path, source } => {
            assert_eq!(path, source.path);
            source
        }
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn stopped<T: fmt::Debug>(result: Result<T, TaskError>) -> Option<Arc<Evidence>> {
    let error = result.expect_err("it was stopped");
    let text = error.to_string();
    match error {
        TaskError::Stopped { path, source } => {
            assert_eq!(text, format!("{path} was stopped before it had an output"));
            source
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_task_gives_its_output_when_it_has_ended() {
    // R13. What may be moved alone, made of what was captured; its child is forgotten by then.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let captured = Box::new(std::cell::Cell::new(7));
        let task = pool.task(move |ctx: Context| async move {
            let path = ctx.path().to_string();
            sleep(SECOND).await;
            Ok::<_, Why>((path, captured))
        });
        let task = task.unwrap();
        assert_eq!(task.child().path().to_string(), "root.pool.1");
        let (path, captured) = h.wait(task).await.unwrap();
        assert_eq!((path.as_str(), captured.get()), ("root.pool.1", 7));
        assert_eq!((h.now(), pool.children()), (SECOND, 0));
    });
}

#[test]
fn there_is_room_for_another_task_as_soon_as_one_has_its_output() {
    // R13. Whatever becomes of it.
    let pool = Pool::builder().max_children(1).build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        for round in 0..100 {
            let task = pool.task(move |ctx: Context| async move {
                match round % 4 {
                    0 => ctx.done(),
                    1 => return Err(Why("it fails", None)),
                    2 => panic!("on purpose"),
                    _ => {}
                }
                Ok(round)
            });
            let result = task.expect("there is room").await;
            assert_eq!(result.is_ok(), matches!(round % 4, 0 | 3), "{result:?}");
        }
    });
}

#[test]
fn the_error_of_a_task_is_the_awaiters_alone() {
    // R13, R5. With all that it follows from, and the type that it had.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let beside = pool.start(serve).unwrap();
        let fails = |_: Context| async {
            let cause = Box::new(Why("no such host", None));
            Err::<u8, _>(Why("cannot connect", Some(cause)))
        };
        let error = pool.task(fails).unwrap().await.expect_err("it fails");
        assert_eq!(error.to_string(), "root.pool.2 failed");
        let mut causes = Vec::new();
        let mut cause = error.source();
        while let Some(next) = cause {
            causes.push(next.to_string());
            cause = next.source();
        }
        let last = ["cannot connect", "no such host"];
        assert!(causes.ends_with(&last.map(str::to_owned)), "{causes:?}");
        let evidence = failed(Err::<u8, _>(error));
        assert!(evidence.chain().ends_with("cannot connect: no such host"));
        let exit = evidence.exit.as_ref().expect("it returned");
        let why = exit.error().expect("an error").downcast_ref::<Why>();
        assert_eq!(why.expect("the same").0, "cannot connect");
        h.settled().await;
        beside.healthy().await.expect("nobody else notices");
        let is_fall = |event: &perennial::Event| matches!(event.what, What::Fell { .. });
        assert!(!h.log().iter().any(is_fall));
    });
}

#[test]
fn the_panic_of_a_task_says_where_it_was() {
    // R13, R18. It is the awaiter's alone, too.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = pool.task(|ctx: Context| async move {
            assert!(ctx.is_cancelled(), "a bad request");
            Ok::<_, Why>(())
        });
        let evidence = failed(task.unwrap().await);
        let Some(Exit::Panicked(panic)) = &evidence.exit else {
            panic!("{evidence:?}");
        };
        assert_eq!(panic.message(), "a bad request");
        let location = panic.location().expect("the hook saw it");
        assert!(location.starts_with(file!()), "{location}");
        assert!(evidence.chain().contains("a bad request"), "{evidence}");
        assert_eq!(h.state("root.pool").await, Some(State::Healthy));
    });
}

#[test]
fn a_task_that_is_lost_or_late_has_failed() {
    // R13, R5. Aborted from outside; or past its time limit, whatever it returns then.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let lost = pool.task(gives(5, 1)).unwrap();
        h.settled().await;
        h.inject(Fault::kill("root.pool.1"));
        let evidence = failed(lost.await);
        assert!(matches!(evidence.exit, Some(Exit::Aborted)), "{evidence:?}");
        let late = |ctx: Context| async move {
            ctx.cancelled().await;
            Ok::<_, Why>(1)
        };
        let late = pool.task(once(late).start_timeout(SECOND)).unwrap();
        let evidence = failed(h.wait(late).await);
        assert!(
            matches!(evidence.cause, Some(Cause::StartTimeout(SECOND))),
            "{evidence:?}"
        );
        assert_eq!(h.now(), SECOND);
        let served = pool.task(once(gives(5, 1)).start_timeout(SECOND));
        assert_eq!(
            h.wait(served.unwrap()).await.unwrap(),
            1,
            "it was healthy in time"
        );
    });
}

#[test]
fn a_task_that_is_stopped_has_no_output() {
    // R13, R16. By an order, with its pool, or before it starts; what it returned is kept.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let begun = || pool.task(fails_when_asked).unwrap();
        let evidence_of = |task: Task<u8>| async move {
            let evidence = stopped(task.await).expect("it has returned");
            assert!(
                evidence.chain().ends_with("not yet"),
                "{}",
                evidence.chain()
            );
        };
        let unheard = begun();
        drop(unheard.child().terminate());
        assert!(stopped(unheard.await).is_none(), "it never ran");
        let (terminated, removed) = (begun(), begun());
        h.settled().await;
        drop((terminated.child().terminate(), removed.child().remove()));
        evidence_of(terminated).await;
        evidence_of(removed).await;
        let with_pool = [begun(), begun()];
        h.settled().await;
        drop(tree.node("root.pool").restart());
        for task in with_pool {
            evidence_of(task).await;
        }
        let aborted = pool.task(once(|ctx: Context| async move {
            ctx.healthy();
            pending::<Result<u8, Why>>().await
        }));
        let aborted = aborted.unwrap();
        h.settled().await;
        drop(aborted.child().terminate());
        let evidence = stopped(h.wait(aborted).await).expect("it was aborted");
        assert!(matches!(evidence.exit, Some(Exit::Aborted)), "{evidence:?}");
        assert_eq!(h.now(), SECOND * 5, "its grace");
        assert_eq!(pool.children(), 0);
    });
}

#[test]
fn a_task_ends_with_its_tree() {
    // R13, R11. Stopped, or dropped in the middle: nobody waits for it in vain.
    let pools = [Pool::new(), Pool::new()];
    Harness::run(None, |h| async move {
        up(&h, &pools[0]).await;
        let task = pools[0].task(fails_when_asked).unwrap();
        let gives = pools[0].task(gives(60, 7)).unwrap();
        h.settled().await;
        h.stop().await.expect("stopping is no failure");
        stopped(task.await).expect("it has returned");
        assert_eq!(
            gives.await.unwrap(),
            7,
            "it returned that when it was asked"
        );
        let tree = Supervisor::new(root_above(&pools[1])).start();
        tree.settled().await;
        let begun = pools[1].task(fails_when_asked).unwrap();
        begun.child().healthy().await.unwrap();
        let unheard = pools[1].task(fails_when_asked).unwrap();
        drop(tree);
        for task in [begun, unheard] {
            stopped(h.wait(task).await);
        }
        let refused = pools[1].task(fails_when_asked).map(drop);
        refused.expect_err("its tree is gone");
    });
}

#[test]
fn what_a_task_returns_when_it_is_asked_to_stop_is_its_output() {
    // R13. By an order, with its pool, and in its grace.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let slow = |ctx: Context| async move {
            serve(ctx).await;
            sleep(SECOND).await;
            Ok::<_, Why>("slow")
        };
        let tasks = [
            pool.task(gives(60, "a")),
            pool.task(gives(60, "b")),
            pool.task(slow),
        ];
        let [first, second, slow] = tasks.map(Result::unwrap);
        h.settled().await;
        drop(first.child().terminate());
        assert_eq!(first.await.unwrap(), "a");
        drop(tree.node("root.pool").terminate());
        h.idle().await;
        assert_eq!(second.await.unwrap(), "b");
        assert_eq!(h.now(), Duration::ZERO);
        assert_eq!(h.wait(slow).await.unwrap(), "slow");
        assert_eq!(h.now(), SECOND);
    });
}

#[test]
fn a_task_whose_handle_is_dropped_runs_on() {
    // R13. Its output is dropped, and nothing is said of it.
    let (pool, alive) = (Pool::new(), Arc::new(()));
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = pool.task(gives(2, alive.clone())).unwrap();
        let child = task.child().clone();
        drop(task);
        h.advance(SECOND).await;
        child.healthy().await.expect("it runs on");
        assert_eq!(Arc::strong_count(&alive), 2);
        let ended = h.wait(child.ended()).await;
        assert_eq!((ended.down, h.now()), (Some(Down::Finished), SECOND * 2));
        assert_eq!(Arc::strong_count(&alive), 1);
    });
}

#[test]
fn a_task_may_be_cancelled_with_its_handle() {
    // R13, R16. Told at once, before and while it runs; not when it had ended.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let begun = || pool.task(gives(60, ())).unwrap().cancel_on_drop();
        let unheard = begun();
        let never_ran = unheard.child().clone();
        drop(unheard);
        assert!(never_ran.ended().await.evidence.is_none());
        let task = begun();
        let child = task.child().clone();
        child.healthy().await.unwrap();
        let given_up = timeout(SECOND, task);
        h.wait(given_up).await.expect_err("it takes longer");
        let ended = h.wait(child.ended()).await;
        assert_eq!((ended.down, h.now()), (Some(Down::Terminated), SECOND));
        let mut task = begun();
        h.wait(&mut task).await.unwrap();
        drop(task);
        h.settled().await;
        let is_order = |event: &&perennial::Event| matches!(event.what, What::Ordered { .. });
        assert_eq!(h.log().iter().filter(is_order).count(), 2);
    });
}

#[test]
fn a_task_may_be_awaited_in_parts() {
    // R13. A time limit around a borrowed handle takes nothing away.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let mut task = pool.task(gives(3, 7)).unwrap().cancel_on_drop();
        for _ in 0..2 {
            let part = timeout(SECOND, &mut task);
            h.wait(part).await.expect_err("it takes longer");
        }
        assert!((&mut task).now_or_never().is_none());
        let moved = tokio::spawn(task);
        assert_eq!(h.wait(moved).await.unwrap().unwrap(), 7);
        assert_eq!(h.now(), SECOND * 3);
    });
}
