//! Tasks and their streams on many threads, in real time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use futures::{StreamExt, stream};
use perennial::{Context, Pool, TaskError};
use tokio::runtime::Builder;
use tokio::task::{spawn_blocking, yield_now};

use crate::many::{many, short};
use crate::pool::up_here;
use crate::threaded::on_many;

#[test]
fn streams_of_tasks_share_a_pool_with_room_for_all() {
    // R13. In order and by end, none is refused, each item has its result, and none are left.
    on_many(async {
        let pool = Pool::builder().max_children(16).build();
        let tree = up_here(&pool).await;
        let alive = Arc::new(AtomicUsize::new(0));
        let sums = many(4, |stream_number| {
            let (pool, alive) = (pool.clone(), alive.clone());
            async move {
                let make = |item: usize| {
                    let work = short(&alive);
                    move |ctx: Context| async move {
                        work(ctx).await;
                        if item % 10 == 9 {
                            Err("it fails")
                        } else {
                            Ok(item)
                        }
                    }
                };
                let input = stream::iter(0..500);
                let results: Vec<_> = if stream_number % 2 == 0 {
                    pool.stream(input, 4, make).collect().await
                } else {
                    pool.stream_unordered(input, 4, make).collect().await
                };
                let failed = |result: &&Result<usize, TaskError>| {
                    matches!(result, Err(TaskError::Failed { .. }))
                };
                assert_eq!(results.iter().filter(failed).count(), 50, "{results:?}");
                let outputs: Vec<_> = results.iter().flatten().collect();
                assert_eq!(outputs.len(), 450);
                assert!(stream_number % 2 == 1 || outputs.is_sorted());
                outputs.into_iter().sum::<usize>()
            }
        });
        let expected = (0..500).filter(|item| item % 10 != 9).sum::<usize>();
        assert_eq!(sums.await, [expected; 4]);
        assert_eq!((pool.children(), alive.load(Ordering::SeqCst)), (0, 0));
        tree.stop().await.expect("stopping is no failure");
    });
}

#[test]
fn streams_of_tasks_are_dropped_while_their_pool_is_restarted() {
    // R13, R16, L1. One result for each item that is read, and nothing is left.
    on_many(async {
        let pool = Pool::new();
        let tree = up_here(&pool).await;
        let alive = Arc::new(AtomicUsize::new(0));
        let node = tree.node("root.pool");
        let restarts = tokio::spawn(async move {
            for _ in 0..100 {
                drop(node.restart().await);
                yield_now().await;
            }
        });
        let streams = many(3, |_| {
            let (pool, alive) = (pool.clone(), alive.clone());
            async move {
                for taken in 0..60 {
                    let make = |_| {
                        let work = short(&alive);
                        move |ctx: Context| async move {
                            work(ctx).await;
                            Ok::<_, Infallible>(())
                        }
                    };
                    let results = pool.stream_unordered(stream::iter(0..20), 5, make);
                    let results: Vec<_> = results.take(taken % 25).collect().await;
                    assert_eq!(results.len(), (taken % 25).min(20));
                }
            }
        });
        streams.await;
        restarts.await.expect("it does not panic");
        pool.drain().await;
        assert_eq!((pool.children(), alive.load(Ordering::SeqCst)), (0, 0));
        tree.stop().await.expect("stopping is no failure");
    });
}

#[test]
fn a_thread_without_a_runtime_starts_and_drops_tasks() {
    // R13. It needs nothing but the pool, and waits as it likes: here on a runtime of its own.
    let start_and_drop = |pool: Pool| {
        let own = Builder::new_current_thread().build().expect("a runtime");
        for number in 0..50 {
            let task = pool.task(move |ctx: Context| async move {
                if number % 2 == 0 {
                    ctx.cancelled().await;
                }
                Ok::<_, Infallible>(number)
            });
            let task = task.expect("it stands").cancel_on_drop();
            if number % 2 == 1 {
                assert_eq!(own.block_on(task).expect("it ends"), number);
            }
        }
    };
    on_many(async {
        let pool = Pool::new();
        let tree = up_here(&pool).await;
        let threads = [(); 4].map(|()| {
            let pool = pool.clone();
            thread::spawn(move || start_and_drop(pool))
        });
        for thread in threads {
            let joined = spawn_blocking(|| thread.join()).await;
            joined.expect("it waits").expect("it does not panic");
        }
        pool.drain().await;
        tree.stop().await.expect("stopping is no failure");
    });
}
