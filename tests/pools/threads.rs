//! Pools on many threads, in real time: what was accepted runs and ends, and nothing is counted
//! twice.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use perennial::{
    Backoff, Context, Pool, Restart, RunError, StartError, State, Supervisor, TaskError, Tree,
    runnable,
};
use tokio::runtime::Builder;
use tokio::task::yield_now;
use tokio::time::timeout;

use crate::serve::serve;

const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test on many threads, with a deadline.
fn on_many<F: Future<Output = ()>>(test: F) {
    let runtime = Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build();
    let test = async { timeout(PATIENCE, test).await };
    runtime
        .expect("a runtime")
        .block_on(test)
        .expect("it hangs");
}

/// A tree with this pool, which has come up.
async fn up(pool: &Pool) -> Tree {
    let pool = pool.clone();
    let root = move |ctx: Context| {
        let run = ctx.run("pool", pool.clone());
        async move {
            run?;
            serve(ctx).await;
            Ok::<_, RunError>(())
        }
    };
    let tree = Supervisor::new(root).start();
    tree.settled().await;
    tree
}

/// Does this on as many tasks as there are numbers, and gives what they gave.
async fn many<F, T>(tasks: usize, act: impl Fn(usize) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let tasks: Vec<_> = (0..tasks).map(|task| tokio::spawn(act(task))).collect();
    let mut given = Vec::new();
    for task in tasks {
        given.push(task.await.expect("it does not panic"));
    }
    given
}

/// Runs for a few turns, and counts itself.
fn short(alive: &Arc<AtomicUsize>) -> impl FnOnce(Context) -> Work + use<> {
    let alive = alive.clone();
    move |ctx| {
        Box::pin(async move {
            alive.fetch_add(1, Ordering::SeqCst);
            ctx.healthy();
            yield_now().await;
            alive.fetch_sub(1, Ordering::SeqCst);
        })
    }
}

type Work = futures::future::BoxFuture<'static, ()>;

#[test]
fn many_start_children_while_the_pool_drains() {
    // R13. What it accepts is waited for, what comes later is refused, and no number is used twice.
    on_many(async {
        let (pool, alive) = (Pool::new(), Arc::new(AtomicUsize::new(0)));
        let tree = up(&pool).await;
        let mut numbers = BTreeSet::new();
        for _ in 0..5 {
            let starters = many(4, |_| {
                let (pool, alive) = (pool.clone(), alive.clone());
                async move {
                    let mut children = Vec::new();
                    loop {
                        match pool.start(short(&alive)) {
                            Ok(child) => children.push(child),
                            Err(StartError::Draining { .. }) => return children,
                            Err(other) => panic!("{other}"),
                        }
                        yield_now().await;
                    }
                }
            });
            let drain = async {
                while pool.children() < 20 {
                    yield_now().await;
                }
                pool.drain().await;
                assert_eq!((pool.children(), alive.load(Ordering::SeqCst)), (0, 0));
                pool.start(serve).expect_err("it drains");
            };
            let (children, ()) = tokio::join!(starters, drain);
            for child in children.into_iter().flatten() {
                assert_eq!(child.ended().await.state, State::Down);
                assert!(numbers.insert(child.path().to_string()), "{child:?}");
            }
            tree.node("root.pool").restart().await.expect("it runs");
        }
        tree.stop().await.expect("stopping is no failure");
    });
}

#[test]
fn a_pool_never_has_more_children_than_it_may() {
    // R13. However many want to start one, and however many are started again.
    const MOST: usize = 8;
    on_many(async {
        let pool = Pool::builder().max_children(MOST).build();
        let tree = up(&pool).await;
        let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let refused = many(8, |task| {
            let (pool, alive, most) = (pool.clone(), alive.clone(), most.clone());
            async move {
                let mut refused = 0;
                for _ in 0..200 {
                    let (alive, most) = (alive.clone(), most.clone());
                    let flaky = move |ctx: Context| {
                        let now = alive.fetch_add(1, Ordering::SeqCst) + 1;
                        most.fetch_max(now, Ordering::SeqCst);
                        let alive = alive.clone();
                        async move {
                            yield_now().await;
                            alive.fetch_sub(1, Ordering::SeqCst);
                            if task % 2 == 0 && ctx.attempt() < 3 {
                                return Err("again");
                            }
                            Ok(())
                        }
                    };
                    let flaky = runnable(flaky).restart(Restart::Transient);
                    match pool.start(flaky.backoff(Backoff::none())) {
                        Ok(child) => drop(child.ended().await),
                        Err(StartError::TooMany { limit: MOST, .. }) => refused += 1,
                        Err(other) => panic!("{other}"),
                    }
                    assert!(pool.children() <= MOST);
                    yield_now().await;
                }
                refused
            }
        });
        let refused: usize = refused.await.into_iter().sum();
        assert!(
            most.load(Ordering::SeqCst) <= MOST,
            "{most:?}, {refused} were refused"
        );
        pool.drain().await;
        assert_eq!(alive.load(Ordering::SeqCst), 0);
        tree.stop().await.expect("stopping is no failure");
    });
}

#[test]
fn a_name_has_one_child_at_a_time() {
    // R13, R1. Whoever has seen the end of a child may have its name, unless another was faster.
    on_many(async {
        let pool = Pool::new();
        let tree = up(&pool).await;
        let alive = Arc::new(AtomicUsize::new(0));
        let started = many(6, |_| {
            let (pool, alive) = (pool.clone(), alive.clone());
            async move {
                let mut started = 0;
                for _ in 0..200 {
                    let alive = alive.clone();
                    let alone = move |_: Context| async move {
                        assert_eq!(alive.fetch_add(1, Ordering::SeqCst), 0, "L1");
                        yield_now().await;
                        alive.fetch_sub(1, Ordering::SeqCst);
                        Ok::<_, Infallible>(())
                    };
                    match pool.start_named("one", alone) {
                        Ok(child) => {
                            let exit = child.ended().await.evidence.expect("it ran").exit.clone();
                            assert!(exit.is_some_and(|exit| exit.is_ok()));
                            started += 1;
                        }
                        Err(StartError::NameTaken { .. }) => yield_now().await,
                        Err(other) => panic!("{other}"),
                    }
                }
                started
            }
        });
        assert!(started.await.into_iter().sum::<usize>() > 0);
        pool.start_named("one", serve).expect("it is free");
        tree.stop().await.expect("stopping is no failure");
    });
}

#[test]
fn streams_of_tasks_share_a_pool_with_room_for_all() {
    // R13. In order and by end, none is refused, each item has its result, and none are left.
    on_many(async {
        let pool = Pool::builder().max_children(16).build();
        let tree = up(&pool).await;
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
        let tree = up(&pool).await;
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
