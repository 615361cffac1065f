//! Pools as members of groups.

use std::time::Duration;

use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Context, Group, Pool, Restart, RunError, Runnable, State, Strategy, runnable,
};
use tokio::time::sleep;

use crate::open::{assert_open, assert_stopped};
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);

/// Serves, and takes two seconds to stop.
async fn slow(ctx: Context) {
    serve(ctx).await;
    sleep(SECOND * 2).await;
}

/// Serves, and is started again at once.
fn quick() -> impl Runnable {
    runnable(serve).backoff(Backoff::none())
}

/// A root above a group of this strategy: `before`, the pool, and `after`.
fn around(pool: &Pool, group: fn(&Context) -> Group) -> impl Runnable + use<> {
    let pool = pool.clone();
    move |ctx: Context| {
        let group = group(&ctx).run("before", quick());
        let group = group.run("pool", pool.clone()).run("after", quick());
        let started = group.start();
        async move {
            started?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    }
}

/// A group; whether the pool keeps its child when `before`, the pool and `after` die in turn; and
/// how often each has been started again then.
type Expected = (fn(&Context) -> Group, [bool; 3], [u64; 3]);

/// A child that makes its pool fall.
fn gives_up() -> impl perennial::Startable {
    let gives_up = |ctx: Context| async move { ctx.give_up() };
    runnable(gives_up).restart(Restart::Permanent)
}

/// How often each of the three was started again: `before`, the pool, `after`.
async fn restarts(h: &Harness) -> [u64; 3] {
    let snapshot = h.snapshot().await;
    ["before", "pool", "after"].map(|name| {
        let node = snapshot.find(&format!("root.{name}"));
        node.expect("it is there").restarts
    })
}

/// Lets this one die, and sees whether the pool has kept its child.
async fn keeps_its_child(h: &Harness, pool: &Pool, dies: &str) -> bool {
    let child = pool.start(serve).expect("it stands");
    child.healthy().await.expect("it serves");
    if dies == "root.pool" {
        pool.start(gives_up()).expect("it stands");
    } else {
        h.inject(Fault::panic(dies));
    }
    h.settled().await;
    let next = pool.start(serve).expect("its handle goes on");
    next.healthy().await.expect("it serves");
    next.remove().await.expect("it is there");
    let is_there = h.state(&child.path().to_string()).await == Some(State::Healthy);
    assert_eq!(pool.children(), usize::from(is_there));
    if is_there {
        child.remove().await.expect("it is there");
    } else {
        assert_eq!(child.ended().await.state, State::Down);
    }
    is_there
}

#[test]
fn a_pool_falls_with_its_group_by_its_strategy() {
    // R6, R13. It rises empty, and its handle goes on; numbers are not used again.
    let strategies: [Expected; 3] = [
        (
            |ctx| ctx.group("group", Strategy::OneForAll),
            [false; 3],
            [3; 3],
        ),
        (
            |ctx| ctx.group("group", Strategy::RestForOne),
            [false, false, true],
            [1, 2, 3],
        ),
        (
            |ctx| ctx.group("group", Strategy::OneForOne),
            [true, false, true],
            [1; 3],
        ),
    ];
    for (strategy, kept, risen) in strategies {
        let pool = Pool::builder().backoff(Backoff::none()).build();
        Harness::run(None, |h| async move {
            h.start(around(&pool, strategy));
            h.settled().await;
            let dying = ["root.before", "root.pool", "root.after"];
            for (dies, kept) in dying.into_iter().zip(kept) {
                assert_eq!(keeps_its_child(&h, &pool, dies).await, kept, "{dies}");
            }
            assert_eq!(restarts(&h).await, risen);
            let last = pool.start(serve).unwrap();
            assert_eq!(last.path().to_string(), "root.pool.8");
        });
    }
}

#[test]
fn a_pool_is_closed_from_its_fall_to_its_rise() {
    // R6, R13, L5. It rises with the others, when all that fell has ended.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(around(&pool, |ctx| ctx.group("group", Strategy::OneForAll)));
        h.settled().await;
        let child = pool.start(slow).unwrap();
        child.healthy().await.unwrap();
        h.inject(Fault::error("root.after"));
        h.idle().await;
        for _ in 0..2 {
            assert_stopped(&pool);
            assert_eq!(
                (pool.children(), h.state("root.before").await),
                (1, Some(State::Canceled))
            );
            h.advance(SECOND - Duration::from_millis(1)).await;
        }
        h.settled().await;
        assert_eq!((pool.children(), h.now()), (0, SECOND * 2));
        assert_eq!(restarts(&h).await, [1; 3]);
        pool.start(serve).unwrap().healthy().await.unwrap();
    });
}

/// A root above a line: `before`, which comes up after a second, the pool, and `after`.
fn in_line(pool: &Pool) -> impl Runnable + use<> {
    let pool = pool.clone();
    move |ctx: Context| {
        let late = |ctx: Context| async move {
            sleep(SECOND).await;
            serve(ctx).await;
        };
        let group = ctx.group("line", Strategy::RestForOne).in_order();
        let group = group.run("before", late).run("pool", pool.clone());
        let started = group.run("after", serve).start();
        async move {
            started?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    }
}

#[test]
fn a_pool_stands_in_line_in_a_group_in_order() {
    // R10b, R13. The member after it starts when it has; before it was the turn of the one before.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(in_line(&pool));
        h.idle().await;
        assert_eq!(h.state("root.pool").await, Some(State::Waiting));
        let early = pool.start(slow).expect("it is declared");
        h.advance(SECOND / 2).await;
        assert_eq!(h.state("root.pool.1").await, Some(State::Waiting));
        h.wait(early.healthy()).await.unwrap();
        assert_eq!(h.now(), SECOND);
        h.settled().await;
        assert_eq!(h.state("root.after").await, Some(State::Healthy));
        // In reverse: the children of the pool are gone before the first member is asked.
        h.inject(Fault::slow_stop("root.after", SECOND));
        let stop = h.stop();
        h.advance(SECOND / 2).await;
        early.healthy().await.expect_err("it is told");
        let child = h.state("root.pool.1").await;
        assert_eq!(child, Some(State::Healthy), "it is not asked");
        h.advance(SECOND * 2).await;
        assert_eq!(h.state("root.pool.1").await, Some(State::Stopping));
        assert_eq!(h.state("root.before").await, Some(State::Healthy));
        stop.await.expect("stopping is no failure");
        assert_eq!(h.now(), SECOND * 4);
    });
}

#[test]
fn a_pool_that_is_stopped_before_it_starts_takes_no_children() {
    // R13, R16. It waits in line, is ordered down, and up again.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        let tree = h.start(in_line(&pool));
        h.idle().await;
        let early = pool.start(serve).expect("it is declared");
        tree.node("root.pool").terminate().await.unwrap();
        assert_eq!(early.ended().await.state, State::Down);
        assert_stopped(&pool);
        tree.node("root.pool").start().await.unwrap();
        assert_open(&pool).await;
    });
}
