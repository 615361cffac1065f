//! Tasks that are stopped: they have no output, unless they return one in their grace.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use perennial::testing::Harness;
use perennial::{Context, Evidence, Exit, Pool, Restart, Task, TaskError, once, runnable};
use tokio::time::sleep;

use crate::giving::{SECOND, Why, gives};
use crate::pool::{up, up_here};
use crate::serve::serve;

/// Gives nothing, and stops when it is asked to.
async fn fails_when_asked(ctx: Context) -> Result<u8, Why> {
    serve(ctx).await;
    Err(Why("not yet", None))
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
        let tree = up_here(&pools[1]).await;
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
fn a_task_whose_pool_falls_is_stopped() {
    // R9, R13. Another child has escalated. The pool takes tasks again when it has risen.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = pool.task(fails_when_asked).unwrap();
        let gives = pool.task(gives(60, 7)).unwrap();
        h.settled().await;
        let gives_up = |ctx: Context| async move { ctx.give_up() };
        let gives_up = runnable(gives_up).restart(Restart::Permanent);
        pool.start(gives_up).unwrap();
        let evidence = stopped(task.await).expect("it has returned");
        assert!(evidence.chain().ends_with("not yet"), "{evidence}");
        assert_eq!(gives.await.unwrap(), 7);
        h.settled().await;
        let next = pool.task(|_: Context| async { Ok::<_, Why>(8) });
        assert_eq!(next.expect("it has risen").await.unwrap(), 8);
    });
}
