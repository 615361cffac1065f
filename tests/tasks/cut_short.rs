//! Streams of tasks that do not come to their end, or whose items come to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::{FutureExt, StreamExt, stream};
use perennial::testing::Harness;
use perennial::{Context, Pool, RunError, StartError, TaskError};
use tokio::task::yield_now;

use crate::counter::{Counter, Failing, SECOND, all, takes, texts};
use crate::pool::up;
use crate::serve::serve;

fn of_at_most_two() -> Pool {
    Pool::builder().max_children(2).build()
}

#[test]
fn a_stream_that_is_dropped_leaves_nothing() {
    // R13. What runs is told to stop, what waits for its turn is gone, the rest never begins.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let input = || stream::iter([1, 60, 60, 60, 60, 60]);
        let seconds = |seconds| takes(&counter, seconds);
        for results_taken in 0..2_usize {
            let mut in_order = Box::pin(pool.stream(input(), 3, seconds));
            let mut by_end = Box::pin(pool.stream_unordered(input(), 3, seconds));
            for _ in 0..results_taken {
                h.wait(in_order.next()).await.unwrap().unwrap();
                h.wait(by_end.next()).await.unwrap().unwrap();
            }
            assert!(in_order.next().now_or_never().is_none());
            assert!(by_end.next().now_or_never().is_none());
            let begun = h.now();
            drop((in_order, by_end));
            h.settled().await;
            assert_eq!(
                (h.now() - begun, counter.now(), pool.children()),
                (Duration::ZERO, 0, 0)
            );
            assert_eq!(h.snapshot().await.nodes.len(), 2);
        }
        drop(pool.stream(input(), 3, seconds));
        h.settled().await;
        assert_eq!(pool.start(serve).unwrap().path().name().as_str(), "15");
    });
}

#[test]
fn a_panic_of_what_makes_the_tasks_is_the_result_of_its_item() {
    // R13, R18. The next items are not touched by it.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let mut made = 0;
        let results = pool.stream(stream::iter([1, 0, 2, 0, 3]), 2, |divisor: u32| {
            made += 1;
            takes(&counter, 6 / divisor)
        });
        let results = all(&h, results).await;
        let [Ok(6), Err(first), Ok(3), Err(_), Ok(2)] = &results[..] else {
            panic!("{results:?}");
        };
        let TaskError::Start(StartError::Panicked { panic, .. }) = first else {
            panic!("{first:?}");
        };
        assert_eq!(panic.message(), "attempt to divide by zero");
        assert_eq!((made, counter.ever(), pool.children()), (5, 3, 0));
    });
}

#[test]
fn a_pool_that_stops_in_the_middle_leaves_an_error_for_each_item_left() {
    // R13. Those that ran were stopped, and the others were not started.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        for (by_end, round) in [(false, 1), (true, 2)] {
            let seconds = |seconds| takes(&counter, seconds);
            let input = stream::iter([1, 60, 60, 60, 60]);
            let mut results = if by_end {
                pool.stream_unordered(input, 2, seconds).boxed_local()
            } else {
                pool.stream(input, 2, seconds).boxed_local()
            };
            let first = h.wait(results.next()).await;
            assert!(matches!(first, Some(Ok(1))), "{first:?}");
            assert!(results.next().now_or_never().is_none());
            h.idle().await;
            tree.node("root.pool").terminate().await.unwrap();
            let results = all(&h, results).await;
            let stopped = |result: &&Result<u32, TaskError>| {
                matches!(
                    result,
                    Err(TaskError::Stopped {
                        source: Some(_),
                        ..
                    })
                )
            };
            let refused = |result: &&Result<u32, TaskError>| {
                matches!(result, Err(TaskError::Start(StartError::Stopped { .. })))
            };
            assert_eq!(results.iter().filter(stopped).count(), 2, "{results:?}");
            assert_eq!(results.iter().filter(refused).count(), 2, "{results:?}");
            assert_eq!((results.len(), h.now()), (4, SECOND * round));
            assert_eq!((counter.now(), counter.most()), (0, 2));
            tree.node("root.pool").start().await.unwrap();
        }
    });
}

#[test]
fn a_stream_goes_on_when_its_pool_starts_again() {
    // R13, R16. Only those that ran are lost.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let seconds = |seconds| takes(&counter, seconds);
        let mut results = Box::pin(pool.stream(stream::iter([1; 6]), 2, seconds));
        for _ in 0..2 {
            h.wait(results.next()).await.unwrap().unwrap();
        }
        assert!(results.next().now_or_never().is_none());
        h.idle().await;
        tree.node("root.pool").restart().await.unwrap();
        let results = texts(all(&h, results).await);
        let stopped = |number| {
            let text = format!("root.pool.{number} was stopped before it had an output");
            Err(text)
        };
        assert_eq!(results, [stopped(3), stopped(4), Ok(1), Ok(1)]);
        assert_eq!((counter.ever(), pool.children()), (6, 0));
    });
}

#[test]
fn what_a_pool_refuses_is_the_result_of_its_item() {
    // R13. It is full, drains, or is not declared; there is one for each item all the same.
    let (pool, counter) = (of_at_most_two(), Counter::default());
    let undeclared = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let seconds = |seconds| takes(&counter, seconds);
        let input = || stream::iter([2; 5]);
        let is_full = |result: &Result<u32, TaskError>| {
            matches!(
                result,
                Err(TaskError::Start(StartError::TooMany { limit: 2, .. }))
            )
        };
        let in_order = all(&h, pool.stream(input(), 3, seconds)).await;
        let in_order: Vec<_> = in_order.iter().map(is_full).collect();
        assert_eq!(in_order, [false, false, true, false, false]);
        let by_end = all(&h, pool.stream_unordered(input(), 3, seconds)).await;
        let by_end: Vec<_> = by_end.iter().map(is_full).collect();
        assert_eq!(by_end, [true, true, true, false, false]);
        drop(pool.drain());
        let drains = texts(all(&h, pool.stream_unordered(input(), 2, seconds)).await);
        let text = "root.pool cannot start a child: it drains";
        assert_eq!(drains, [(); 5].map(|()| Err(text.to_owned())));
        let none = texts(all(&h, undeclared.stream(input(), 2, seconds)).await);
        let text = "a pool that is not declared cannot start a child";
        assert_eq!(none, [(); 5].map(|()| Err(text.to_owned())));
        assert_eq!(counter.ever(), 6);
    });
}

#[test]
fn an_input_that_panics_ends_its_reader_and_leaves_nothing() {
    // R13. What had begun is stopped when the stream is dropped by the panic.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let begins = counter.clone();
        let pool_of_reader = pool.clone();
        let reader = tokio::spawn(async move {
            let input = stream::iter(0..).map(|item: u32| {
                assert!(item < 3, "the input is broken");
                60
            });
            let results = pool_of_reader.stream(input, 5, |seconds| takes(&begins, seconds));
            results.collect::<Vec<_>>().await.len()
        });
        let error = reader.await.expect_err("it panics");
        assert!(error.is_panic());
        h.settled().await;
        assert_eq!(
            (counter.now(), pool.children(), h.now()),
            (0, 0, Duration::ZERO)
        );
    });
}

#[test]
fn a_pool_that_refuses_leaves_others_their_turn() {
    // R13, R10. An input that is always ready, read by code that minds no error, holds up no stop.
    const ITEMS: usize = 100_000;
    let (pool, results_read) = (Pool::new(), Arc::new(AtomicUsize::new(0)));
    let (declared, reads) = (pool.clone(), results_read.clone());
    let reader = move |ctx: Context| {
        let (pool, reads) = (declared.clone(), reads.clone());
        async move {
            ctx.run("pool", pool.clone())?;
            ctx.healthy();
            let make = |_| |_: Context| async { Ok::<_, Failing>(()) };
            let mut results = pool.stream(stream::iter(0..ITEMS), 4, make);
            while let Some(Some(_)) = ctx.until_cancelled(results.next()).await {
                reads.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        let tree = h.start(reader);
        drop(pool.drain());
        for _ in 0..100 {
            yield_now().await;
        }
        tree.stop().await.expect("stopping is no failure");
        let results_read = results_read.load(Ordering::Relaxed);
        assert!(
            (1..ITEMS).contains(&results_read),
            "{results_read} were read"
        );
    });
}
