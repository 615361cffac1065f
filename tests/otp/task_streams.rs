//! Section J: streams of tasks over an input.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, StreamExt, stream};
use perennial::testing::{Fault, Harness};
use perennial::{Context, IntoTask, Pool, RunError, TaskError};

use crate::pooled::{above, counts};
use crate::sup::{children, ms, pause, seconds};
use crate::trace::Trace;

/// Counts how many run at a time.
#[derive(Clone, Default)]
struct Gauge {
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// One that runs, until it is dropped.
struct Running(Gauge);

impl Gauge {
    fn enter(&self) -> Running {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(running, Ordering::SeqCst);
        Running(self.clone())
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    fn running(&self) -> usize {
        self.running.load(Ordering::SeqCst)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Gives ten times its item, after as many hundreds of milliseconds as its item says.
fn times_ten(item: u64, gauge: &Gauge) -> impl IntoTask<u64> + use<> {
    let gauge = gauge.clone();
    move |_: Context| async move {
        let _running = gauge.enter();
        pause(ms(100 * item)).await;
        Ok::<_, RunError>(10 * item)
    }
}

/// The results that are expected to be outputs.
fn outputs<T>(results: Vec<Result<T, TaskError>>) -> Vec<T> {
    let outputs = results
        .into_iter()
        .map(|result| result.expect("it is sound"));
    outputs.collect()
}

#[test]
fn otp_118_results_come_in_the_order_of_the_input() {
    // R13. With each limit, also when the slowest is first; and never more run than that.
    for (limit, time) in [(1, 1000), (2, 600), (4, 400), (8, 400)] {
        let (pool, gauge) = (Pool::new(), Gauge::default());
        Harness::run(None, |h| async move {
            h.start(above(&pool));
            h.settled().await;
            let input = stream::iter([4, 3, 2, 1]);
            let results = pool.stream(input, limit, |item| times_ten(item, &gauge));
            let results = h.wait(results.collect::<Vec<_>>()).await;
            assert_eq!(outputs(results), [40, 30, 20, 10]);
            assert_eq!((h.now(), gauge.most()), (ms(time), limit.min(4)));
            assert_eq!(counts(&h, &pool).await, (0, 0));
        });
    }
}

#[test]
fn otp_118_results_come_in_the_order_of_their_ends() {
    // R13. As soon as each is there, if the order of the input does not matter.
    for (limit, time, expected) in [
        (1, 1300, [50, 30, 40, 10]),
        (2, 700, [30, 50, 10, 40]),
        (4, 500, [10, 30, 40, 50]),
        (8, 500, [10, 30, 40, 50]),
    ] {
        let (pool, gauge) = (Pool::new(), Gauge::default());
        Harness::run(None, |h| async move {
            h.start(above(&pool));
            h.settled().await;
            let input = stream::iter([5, 3, 4, 1]);
            let results = pool.stream_unordered(input, limit, |item| times_ten(item, &gauge));
            let results = h.wait(results.collect::<Vec<_>>()).await;
            assert_eq!(outputs(results), expected, "{limit}");
            assert_eq!((h.now(), gauge.most()), (ms(time), limit.min(4)));
        });
    }
}

#[test]
fn otp_118_an_empty_input_gives_nothing() {
    // R13. And nothing has started.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let gauge = Gauge::default();
        let mut results = pin!(pool.stream(stream::empty(), 4, |item| times_ten(item, &gauge)));
        assert!(results.next().await.is_none());
        let mut results =
            pin!(pool.stream_unordered(stream::empty(), 4, |item| { times_ten(item, &gauge) }));
        assert!(results.next().await.is_none());
        assert_eq!(gauge.most(), 0);
    });
}

#[test]
fn otp_118_items_are_taken_as_their_turn_comes() {
    // R13. Of an input without an end no more is taken than runs or waits to be taken away.
    let (pool, taken) = (Pool::new(), Arc::new(AtomicUsize::new(0)));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let gauge = Gauge::default();
        let counted = taken.clone();
        let input = stream::iter(1..).inspect(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        let taken = || taken.load(Ordering::SeqCst);
        let mut results = pin!(pool.stream(input, 3, |item| times_ten(item, &gauge)));
        h.advance(seconds(1)).await;
        assert_eq!(taken(), 0, "nobody has asked for a result");
        assert_eq!(h.wait(results.next()).await.unwrap().unwrap(), 10);
        assert_eq!(taken(), 3);
        // Nobody asks, and what runs comes to its end.
        h.advance(seconds(60)).await;
        assert_eq!((taken(), gauge.running()), (3, 0));
        assert_eq!(counts(&h, &pool).await, (0, 0));
        assert_eq!(results.next().await.unwrap().unwrap(), 20);
        assert_eq!(taken(), 4);
    });
}

#[test]
fn otp_118_an_input_that_waits_holds_up_no_result() {
    // R13. What has ended is given while the input has nothing yet.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let gauge = Gauge::default();
        let input = stream::iter([2, 1]).chain(stream::pending());
        let mut results = pin!(pool.stream(input, 4, |item| times_ten(item, &gauge)));
        for expected in [20, 10] {
            assert_eq!(h.wait(results.next()).await.unwrap().unwrap(), expected);
        }
        assert!(results.next().now_or_never().is_none());
        assert_eq!(h.now(), ms(200));
    });
}

#[test]
fn otp_118_a_stream_that_is_dropped_early_leaves_nothing() {
    // R13, R16. What runs is stopped within its grace, and no item more is taken.
    for is_ordered in [true, false] {
        let (pool, trace) = (Pool::new(), Trace::default());
        Harness::run(None, |h| async move {
            h.start(above(&pool));
            h.settled().await;
            let make = |item: u64| {
                let trace = trace.clone();
                move |ctx: Context| async move {
                    trace.note(format!("start {item}"));
                    match ctx.until_cancelled(pause(seconds(item))).await {
                        Some(()) => trace.note(format!("finish {item}")),
                        None => trace.note(format!("stop {item}")),
                    }
                    Ok::<_, RunError>(item)
                }
            };
            let mut results = match is_ordered {
                true => pool.stream(stream::iter(1..), 3, make).boxed_local(),
                false => pool
                    .stream_unordered(stream::iter(1..), 3, make)
                    .boxed_local(),
            };
            for item in [1, 2] {
                assert_eq!(h.wait(results.next()).await.unwrap().unwrap(), item);
            }
            trace.expect("start 1, start 2, start 3, finish 1, start 4, finish 2");
            drop(results);
            h.idle().await;
            let stopped = trace.take();
            let mut stopped: Vec<_> = stopped.split(", ").collect();
            stopped.sort_unstable();
            assert_eq!(stopped, ["stop 3", "stop 4"]);
            assert_eq!(counts(&h, &pool).await, (0, 0));
            h.advance(seconds(60)).await;
            trace.expect("");
        });
    }
}

#[test]
fn otp_118_a_stream_that_was_never_polled_starts_nothing() {
    // R13. Made and dropped.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let gauge = Gauge::default();
        drop(pool.stream(stream::iter(1..), 3, |item| times_ten(item, &gauge)));
        drop(pool.stream_unordered(stream::iter(1..), 3, |item| times_ten(item, &gauge)));
        h.settled().await;
        assert_eq!((gauge.most(), counts(&h, &pool).await), (0, (0, 0)));
    });
}

#[test]
fn otp_118_the_end_of_who_reads_a_stream_stops_its_tasks() {
    // R13, R10. Aborted in the middle, and its stream with it.
    let pool = Pool::new();
    let reads = pool.clone();
    let gauge = Gauge::default();
    let counted = gauge.clone();
    let reader = move |_: Context| {
        let (pool, gauge) = (reads.clone(), counted.clone());
        async move {
            let input = stream::repeat(600);
            let results = pool.stream(input, 4, |item| times_ten(item, &gauge));
            results.for_each(async |_| {}).await;
        }
    };
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        pool.start_named("reader", reader).expect("it is free");
        h.advance(seconds(1)).await;
        assert_eq!((gauge.running(), counts(&h, &pool).await), (4, (5, 5)));
        h.inject(Fault::kill("root.pool.reader"));
        h.idle().await;
        assert_eq!(
            children(&h, "root.pool").await.matches("stopping").count(),
            4
        );
        h.settled().await;
        assert_eq!((gauge.running(), counts(&h, &pool).await), (0, (0, 0)));
    });
}

#[test]
fn otp_118_many_items_fit_through_a_pool_as_large_as_the_limit() {
    // R13. A result is given when its place is free again, so the pool refuses none.
    let pool = Pool::builder().max_children(3).build();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let gauge = Gauge::default();
        let input = || stream::iter((0..300).map(|item| item % 7));
        let ordered = pool.stream(input(), 3, |item| times_ten(item, &gauge));
        let ordered = outputs(h.wait(ordered.collect()).await);
        assert!(
            ordered
                .iter()
                .zip(0..)
                .all(|(output, item)| *output == item % 7 * 10)
        );
        let unordered = pool.stream_unordered(input(), 3, |item| times_ten(item, &gauge));
        let unordered = outputs(h.wait(unordered.collect::<Vec<_>>()).await);
        assert_eq!((unordered.len(), gauge.most()), (300, 3));
    });
}
