//! Section J: failures in a stream of tasks, of a task, of the pool, and of the input.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use perennial::testing::Harness;
use perennial::{Context, Pool, RunError, StartError, TaskError, once};

use crate::pooled::{above, counts};
use crate::serve::serve;
use crate::sup::{ms, node, pause, seconds};

/// How a task of a number ends: 1 fails, 2 panics, 3 is stopped by an order, others are sound.
async fn ends(item: u32, ctx: Context) -> Result<u32, String> {
    pause(ms(100)).await;
    match item {
        1 => Err("no such page".to_owned()),
        2 => panic!("a page of odd shape"),
        3 => {
            drop(ctx.sibling(ctx.path().name().as_str()).terminate());
            ctx.cancelled().await;
            Err("not yet".to_owned())
        }
        item => Ok(item * 10),
    }
}

/// A result in one word or line.
fn line(result: &Result<u32, TaskError>) -> String {
    match result {
        Ok(output) => output.to_string(),
        Err(TaskError::Failed { source, .. }) => source.chain(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn otp_119_each_failure_is_one_result_and_the_others_go_on() {
    // R13. In its place, whatever becomes of it, and with any limit.
    for limit in [1, 2, 6] {
        let pool = Pool::new();
        Harness::run(None, |h| async move {
            h.start(above(&pool));
            h.settled().await;
            let make = |item| move |ctx| ends(item, ctx);
            let results = pool.stream(stream::iter(0..6), limit, make);
            let results: Vec<_> = h.wait(results.collect()).await;
            let lines: Vec<_> = results.iter().map(line).collect();
            assert_eq!(lines[0], "0");
            assert_eq!(lines[1], "root.pool.2 failed while starting: no such page");
            assert!(lines[2].starts_with("root.pool.3 panicked"), "{}", lines[2]);
            assert!(lines[2].ends_with("a page of odd shape"), "{}", lines[2]);
            assert_eq!(lines[3], "root.pool.4 was stopped before it had an output");
            assert_eq!(lines[4..], ["40", "50"]);
            assert_eq!(counts(&h, &pool).await, (0, 0));
            assert_eq!(node(&h, "root.pool").await.restarts, 0);
            let make = |item| move |ctx| ends(item, ctx);
            let results = pool.stream_unordered(stream::iter(0..6), limit, make);
            let results: Vec<_> = h.wait(results.collect()).await;
            let sound = results.iter().filter(|result| result.is_ok());
            assert_eq!((results.len(), sound.count()), (6, 3));
        });
    }
}

#[test]
fn otp_119_a_failure_may_end_the_stream() {
    // R13. Who reads it with `?` stops what still runs.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let make = |item: u32| {
            move |ctx: Context| async move {
                ctx.until_cancelled(pause(seconds(item.into()))).await;
                match item {
                    2 => Err("no such page"),
                    item => Ok(item),
                }
            }
        };
        let results = pool.stream_unordered(stream::iter(1..), 4, make);
        let results: Result<Vec<_>, _> = h.wait(results.try_collect()).await;
        assert_eq!(
            line(&results.map(|_| 0)),
            "root.pool.2 failed while starting: no such page"
        );
        h.idle().await;
        assert_eq!((h.now(), counts(&h, &pool).await), (seconds(2), (0, 0)));
    });
}

#[test]
fn otp_119_a_result_may_be_given_with_its_item() {
    // R13. Built on tasks, also for those that fail.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let with_its_item = |item: u32| {
            let task = pool.task(move |ctx| ends(item, ctx));
            async move {
                match task {
                    Ok(task) => (item, task.cancel_on_drop().await),
                    Err(refused) => (item, Err(refused.into())),
                }
            }
        };
        let results = stream::iter([4, 1]).map(with_its_item).buffered(2);
        let results: Vec<_> = h.wait(results.collect()).await;
        let lines: Vec<_> = results
            .iter()
            .map(|(item, result)| (*item, line(result)))
            .collect();
        let failed = "root.pool.2 failed while starting: no such page";
        assert_eq!(lines, [(4, "40".to_owned()), (1, failed.to_owned())]);
        assert_eq!(h.now(), ms(100));
    });
}

#[test]
fn otp_119_an_item_of_which_no_task_can_be_made_is_one_error() {
    // R13, R18. The panic of what makes the tasks is caught, and the next item has its turn.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let make = |item: u32| {
            assert_ne!(item, 1, "no task for this");
            move |_: Context| async move { Ok::<_, RunError>(item) }
        };
        let results = pool.stream(stream::iter(0..3), 2, make);
        let results: Vec<_> = results.collect().await;
        match &results[..] {
            [
                Ok(0),
                Err(TaskError::Start(StartError::Panicked { pool, panic })),
                Ok(2),
            ] => {
                let pool = pool.to_string();
                assert_eq!(
                    (&*pool, panic.message().contains("no task for this")),
                    ("root.pool", true)
                );
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn otp_119_a_pool_that_is_full_or_gone_refuses_item_by_item() {
    // R13. One error for each, at once, and nothing hangs; an end makes room for the next.
    let pool = Pool::builder().max_children(2).build();
    Harness::run(None, |h| async move {
        let seven = |_| |_: Context| async { Ok::<_, RunError>(7) };
        let refused = |results: Vec<Result<u32, TaskError>>| -> Vec<String> {
            results.iter().map(line).collect()
        };
        let undeclared = pool.stream(stream::iter(0..3), 2, seven).collect().await;
        assert_eq!(
            refused(undeclared),
            ["a pool that is not declared cannot start a child"; 3]
        );

        h.start(above(&pool));
        h.settled().await;
        let other = pool.start(serve).expect("there is room");
        let some = pool.stream(stream::iter(0..3), 3, seven).collect().await;
        let full = "root.pool cannot start a child: it has 2, the most that are allowed";
        assert_eq!(refused(some), ["7", full, full]);

        let drained = pool.drain();
        let none = pool.stream(stream::iter(0..1000), 3, seven).collect().await;
        assert_eq!(
            refused(none),
            ["root.pool cannot start a child: it drains"; 1000]
        );
        other.terminate().await.expect("it runs");
        drained.await;

        h.tree()
            .node("root.pool")
            .terminate()
            .await
            .expect("it stands");
        let none = pool
            .stream_unordered(stream::iter(0..3), 3, seven)
            .collect()
            .await;
        assert_eq!(
            refused(none),
            ["root.pool cannot start a child: it has stopped"; 3]
        );
    });
}

#[test]
fn otp_119_a_pool_that_stops_in_the_middle_ends_the_stream_with_errors() {
    // R13, L9. What runs is stopped, what was not taken is refused, and each item has its result.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let make = |item: u32| {
            move |ctx: Context| async move {
                let done = ctx.until_cancelled(pause(seconds(1))).await;
                done.map(|()| item).ok_or("it was interrupted")
            }
        };
        let results = pool.stream(stream::iter(0..9), 3, make).collect::<Vec<_>>();
        let stops = async {
            pause(ms(1500)).await;
            h.tree()
                .node("root.pool")
                .terminate()
                .await
                .expect("it stands");
        };
        let (results, ()) = h.wait(async { tokio::join!(results, stops) }).await;
        let kinds: Vec<_> = results
            .iter()
            .map(|result| match result {
                Ok(_) => "sound",
                Err(TaskError::Stopped { .. }) => "stopped",
                Err(TaskError::Start(StartError::Stopped { .. })) => "refused",
                Err(error) => panic!("{error}"),
            })
            .collect();
        assert_eq!(
            kinds,
            [["sound"; 3], ["stopped"; 3], ["refused"; 3]].concat()
        );
        assert_eq!(h.now(), ms(1500));
    });
}

#[test]
fn otp_119_an_input_that_fails_is_an_error_in_its_place() {
    // R13. Its errors are items like others: the task of one says so.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let input = stream::iter([Ok(1), Err("the line is dead"), Ok(3)]);
        let make = |item: Result<u32, &'static str>| move |_: Context| async move { item };
        let results: Vec<_> = pool.stream(input, 2, make).collect().await;
        let lines: Vec<_> = results.iter().map(line).collect();
        let failed = "root.pool.2 failed while starting: the line is dead";
        assert_eq!(lines, ["1", failed, "3"]);
    });
}

#[test]
fn otp_119_an_input_that_panics_leaves_nothing() {
    // R13. It panics in who reads it, and what was begun is stopped.
    let pool = Pool::new();
    let begun = Arc::new(AtomicUsize::new(0));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let input = stream::iter(0..).inspect(|item| assert!(*item < 2, "the input is broken"));
        let make = |_| {
            let begun = begun.clone();
            move |ctx: Context| async move {
                begun.fetch_add(1, Ordering::SeqCst);
                serve(ctx).await;
                Ok::<_, RunError>(())
            }
        };
        let results = pool.stream(input, 4, make).collect::<Vec<_>>();
        let read = AssertUnwindSafe(results).catch_unwind().await;
        assert!(read.is_err(), "{read:?}");
        h.settled().await;
        assert_eq!(counts(&h, &pool).await, (0, 0));
        assert!(begun.load(Ordering::SeqCst) <= 2);
    });
}

#[test]
fn otp_119_a_stream_of_which_none_may_run_is_refused_when_it_is_made() {
    // R13. A limit of zero is a mistake in the program, and would hang.
    let pool = Pool::new();
    let make = |_: u32| |_: Context| async { Ok::<_, RunError>(7) };
    let ordered = || drop(pool.stream(stream::iter(0..3), 0, make));
    assert!(catch_unwind(AssertUnwindSafe(ordered)).is_err());
    let unordered = || drop(pool.stream_unordered(stream::iter(0..3), 0, make));
    assert!(catch_unwind(AssertUnwindSafe(unordered)).is_err());
}

#[test]
fn otp_119_each_task_of_a_stream_stops_by_its_own_grace() {
    // R10, R13. Options travel with `once`: without a grace it is aborted when the stream goes.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let make = |grace| {
            let slow = once(|ctx: Context| async move {
                ctx.cancelled().await;
                pause(seconds(4)).await;
                Ok::<_, RunError>(7)
            });
            slow.grace(seconds(grace))
        };
        let mut results = pool.stream(stream::iter([0, 2, 9]), 3, make).boxed_local();
        assert!(results.next().now_or_never().is_none());
        h.idle().await;
        drop(results);
        for (time, left) in [(0, 2), (2, 1), (2, 0)] {
            h.advance(seconds(time)).await;
            assert_eq!(counts(&h, &pool).await, (left, left));
        }
    });
}

#[test]
fn otp_119_a_stream_of_refusals_leaves_the_thread_to_others() {
    // R13, L9. Over an input without an end, read by who minds no error: it stops when it is asked.
    let gone = Pool::new();
    let reader = |is_ordered: bool| {
        let gone = gone.clone();
        move |ctx: Context| async move {
            ctx.healthy();
            let (input, seven) = (stream::repeat(0), |_| {
                |_: Context| async { Ok::<_, String>(7) }
            });
            let results = match is_ordered {
                true => gone.stream(input, 3, seven).boxed(),
                false => gone.stream_unordered(input, 3, seven).boxed(),
            };
            ctx.until_cancelled(results.for_each(async |_| {})).await;
        }
    };
    let readers = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&readers));
        h.settled().await;
        for is_ordered in [true, false] {
            let child = readers.start(reader(is_ordered)).expect("it stands");
            child.healthy().await.expect("it reads");
            child.terminate().await.expect("it runs");
        }
        assert_eq!(counts(&h, &readers).await, (0, 0));
    });
}
