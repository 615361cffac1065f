//! Handles of tasks: dropped, awaited in parts or with others, and those that outlive their tree.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::{join_all, select_all};
use perennial::testing::Harness;
use perennial::{Context, Down, Pool, StartError, Task, TaskError, What};
use tokio::time::timeout;

use crate::giving::{SECOND, gives};
use crate::pool::up;

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

#[test]
fn tasks_are_joined_and_selected_as_futures_are() {
    // R13. They run from their start, not when they are polled; those left are told to stop.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let begun = |seconds| pool.task(gives(seconds, seconds)).unwrap();
        let all = join_all((0..100).map(|number| begun(number % 10)));
        let outputs = h.wait(all).await.into_iter().map(Result::unwrap);
        assert!(outputs.eq((0..100).map(|number| number % 10)));
        assert_eq!(h.now(), SECOND * 9);
        let some = [5, 2, 60].map(|seconds| begun(seconds).cancel_on_drop());
        let (first, index, rest) = h.wait(select_all(some)).await;
        assert_eq!((first.unwrap(), index), (2, 1));
        drop(rest);
        h.idle().await;
        assert_eq!((h.now(), pool.children()), (SECOND * 11, 0));
    });
}

#[test]
fn a_task_may_start_tasks_and_await_them() {
    // R13. In its own pool, ten deep.
    fn sum(pool: Pool, left: u32) -> Result<Task<u32>, StartError> {
        let inner = pool.clone();
        pool.task(move |_: Context| {
            let sum = async move {
                match left {
                    0 => Ok::<_, TaskError>(0),
                    left => Ok(left + sum(inner, left - 1)?.await?),
                }
            };
            sum.boxed()
        })
    }
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = sum(pool.clone(), 10).unwrap();
        assert_eq!(task.await.unwrap(), 55);
        assert_eq!(pool.children(), 0);
    });
}

#[test]
fn a_handle_may_outlive_its_tree_and_its_runtime() {
    // R13, L10. Dropped there, it orders nothing and does no harm.
    let pool = Pool::new();
    let (child, task) = Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let task = pool.task(gives(60, 7)).unwrap().cancel_on_drop();
        task.child().healthy().await.unwrap();
        (task.child().clone(), task)
    });
    drop(task);
    let ended = child.ended().now_or_never().expect("it is gone");
    assert!(ended.state.has_exited(), "{ended:?}");
}
