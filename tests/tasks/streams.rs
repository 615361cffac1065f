//! Streams of tasks: one result for each item, so many at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::channel::mpsc;
use futures::{FutureExt, StreamExt, stream};
use perennial::testing::Harness;
use perennial::{Cause, Context, Pool, TaskError, once};
use tokio::time::sleep;

use crate::counter::{Counter, Failing, SECOND, all, takes, texts};
use crate::pool::up;
use crate::serve::serve;

#[test]
fn results_come_in_the_order_of_the_items() {
    // R13. Or in the order in which the tasks end.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let input = || stream::iter([3, 1, 2, 1, 4]);
        let in_order = pool.stream(input(), 5, |seconds| takes(&counter, seconds));
        let in_order = texts(all(&h, in_order).await);
        assert_eq!(in_order, [3, 1, 2, 1, 4].map(Ok));
        assert_eq!(h.now(), SECOND * 4);
        let by_end = pool.stream_unordered(input(), 5, |seconds| takes(&counter, seconds));
        let by_end = texts(all(&h, by_end).await);
        assert_eq!(by_end, [1, 1, 2, 3, 4].map(Ok));
        assert_eq!(h.now(), SECOND * 8);
        assert_eq!((counter.now(), pool.children()), (0, 0));
    });
}

#[test]
fn no_more_run_at_a_time_than_the_limit() {
    // R13. Items are taken as their turn comes; what waits for those before it counts.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let made = AtomicUsize::new(0);
        let mut results = Box::pin(pool.stream(stream::iter([5, 1, 1, 1, 1, 1]), 3, |seconds| {
            made.fetch_add(1, Ordering::SeqCst);
            takes(&counter, seconds)
        }));
        assert_eq!(
            made.load(Ordering::SeqCst),
            0,
            "nothing is begun before it is polled"
        );
        assert!(results.next().now_or_never().is_none());
        h.advance(SECOND * 4).await;
        assert!(results.next().now_or_never().is_none());
        assert_eq!((made.load(Ordering::SeqCst), pool.children()), (3, 1));
        let results = texts(all(&h, results).await);
        assert_eq!(results, [5, 1, 1, 1, 1, 1].map(Ok));
        assert_eq!((counter.most(), h.now()), (3, SECOND * 6));
        let counter = Counter::default();
        let input = stream::iter([6, 1, 1, 1, 1, 1]);
        let by_end = pool.stream_unordered(input, 2, |seconds| takes(&counter, seconds));
        let by_end = texts(all(&h, by_end).await);
        assert_eq!(by_end, [1, 1, 1, 1, 1, 6].map(Ok));
        assert_eq!((counter.most(), h.now()), (2, SECOND * 12));
    });
}

#[test]
fn a_pool_with_room_for_the_limit_refuses_none() {
    // R13. Each task is forgotten when its result is there, so the next one finds room.
    let pool = Pool::builder().max_children(3).build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let counter = Counter::default();
        let seconds = |item: u32| takes(&counter, item % 3);
        let results = all(&h, pool.stream(stream::iter(0..60), 3, seconds)).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let results = all(&h, pool.stream_unordered(stream::iter(0..60), 3, seconds)).await;
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        assert_eq!((counter.ever(), counter.most()), (120, 3));
    });
}

#[test]
fn each_item_has_one_result_whatever_becomes_of_it() {
    // R13. An error, a panic, a time limit, an order; each is its own item's alone.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let stop = tree.clone();
        let make = |item: u32| {
            let stop = stop.clone();
            let task = move |ctx: Context| async move {
                match item {
                    1 => return Err("it fails".into()),
                    2 => panic!("it panics"),
                    3 => drop(stop.node(ctx.path().to_string()).terminate()),
                    _ => ctx.healthy(),
                }
                ctx.until_cancelled(sleep(SECOND * 2))
                    .await
                    .ok_or("stopped")?;
                Ok::<_, Failing>(item)
            };
            once(task).start_timeout(SECOND)
        };
        let results = all(&h, pool.stream(stream::iter(0..6), 2, make)).await;
        let [Ok(0), Err(fails), Err(panics), Err(stopped), Ok(4), Ok(5)] = &results[..] else {
            panic!("{results:?}");
        };
        assert!(matches!(fails, TaskError::Failed { .. }), "{fails}");
        assert!(matches!(panics, TaskError::Failed { .. }), "{panics}");
        assert!(matches!(stopped, TaskError::Stopped { .. }), "{stopped}");
        let paths = [fails, panics, stopped].map(|error| error.to_string());
        assert!(paths[0].starts_with("root.pool.2 "), "{paths:?}");
        let late = |_: u32| {
            once(|_: Context| sleep(SECOND * 60).map(Ok::<_, Failing>)).start_timeout(SECOND)
        };
        let late = all(&h, pool.stream(stream::iter(0..1), 2, late)).await;
        let [Err(TaskError::Failed { source, .. })] = &late[..] else {
            panic!("{late:?}");
        };
        assert!(
            matches!(source.cause, Some(Cause::StartTimeout(_))),
            "{source}"
        );
    });
}

#[test]
fn an_input_of_results_is_mapped_by_the_task() {
    // R13. An item that is an error can be the error of its task.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let input = stream::iter([Ok(1), Err("no item"), Ok(3)]);
        let results = pool.stream(input, 2, |item: Result<u32, &'static str>| {
            move |_: Context| async move { Ok::<_, &str>(item? * 2) }
        });
        let results = all(&h, results).await;
        let [Ok(2), Err(TaskError::Failed { source, .. }), Ok(6)] = &results[..] else {
            panic!("{results:?}");
        };
        assert!(source.chain().ends_with("no item"), "{}", source.chain());
    });
}

#[test]
fn an_endless_input_is_taken_as_far_as_it_is_read() {
    // R13. Memory and work are bounded by the limit.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let taken = Arc::new(AtomicUsize::new(0));
        let takes_items = taken.clone();
        let input = stream::repeat(1).inspect(move |_| {
            takes_items.fetch_add(1, Ordering::SeqCst);
        });
        let mut results = Box::pin(pool.stream(input, 4, |seconds| takes(&counter, seconds)));
        for _ in 0..10 {
            h.wait(results.next())
                .await
                .expect("it is endless")
                .unwrap();
        }
        assert!(taken.load(Ordering::SeqCst) <= 14);
        h.advance(SECOND * 60).await;
        assert!(taken.load(Ordering::SeqCst) <= 14);
        drop(results);
        h.settled().await;
        assert_eq!((counter.most(), pool.children()), (4, 0));
    });
}

#[test]
fn items_may_come_later() {
    // R13. The stream wakes when there is one, and ends when its input and all tasks have.
    let (pool, counter) = (Pool::new(), Counter::default());
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let (sends, input) = mpsc::unbounded();
        let results = pool.stream(input, 4, |seconds| takes(&counter, seconds));
        let source = async move {
            for item in [2, 1, 3] {
                sends.unbounded_send(item).expect("it is read");
                sleep(SECOND * 10).await;
            }
        };
        let results = results.map(|result| (result.expect("it ends"), h.now()));
        let both = async { tokio::join!(results.collect::<Vec<_>>(), source).0 };
        let expected = [(2, 2), (1, 11), (3, 23)];
        assert_eq!(
            h.wait(both).await,
            expected.map(|(item, at)| (item, SECOND * at))
        );
        assert_eq!(h.now(), SECOND * 30);
    });
}

#[test]
fn no_items_give_no_results() {
    // R13. Nor does anything begin.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let make = |(): ()| |_: Context| async { Ok::<_, Failing>(()) };
        let results = all(&h, pool.stream(stream::empty(), 2, make)).await;
        assert!(results.is_empty());
        let results = all(&h, pool.stream_unordered(stream::empty(), 2, make)).await;
        assert!(results.is_empty());
        assert_eq!(pool.start(serve).unwrap().path().name().as_str(), "1");
    });
}

#[test]
fn a_stream_of_which_none_may_run_is_refused() {
    // R13. By a panic: it could never end.
    let pool = Pool::new();
    let make = |(): ()| |_: Context| async { Ok::<_, Failing>(()) };
    let in_order = catch_unwind(AssertUnwindSafe(|| {
        drop(pool.stream(stream::empty(), 0, make));
    }));
    let by_end = catch_unwind(AssertUnwindSafe(|| {
        drop(pool.stream_unordered(stream::empty(), 0, make));
    }));
    for panics in [in_order, by_end] {
        let panic = panics.expect_err("the limit is zero");
        let text = panic.downcast_ref::<&str>().expect("a text");
        assert_eq!(*text, "a stream of tasks of which none may run");
    }
}
