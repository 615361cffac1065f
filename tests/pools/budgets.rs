//! The budgets of pools and of their children, and what becomes of a pool when one is spent.

use std::time::Duration;

use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Cause, Child, Context, Down, Evidence, Intensity, OnSpent, Pool, Restart, Startable,
    State, What, runnable,
};

use crate::open::assert_stopped;
use crate::pool::up;
use crate::serve::serve;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

fn at_most(restarts: u32, within: Duration) -> Intensity {
    Intensity::new(restarts, within).expect("it is longer than zero")
}

/// Serves, and is started again at once; if its budget is spent, this happens.
fn again(then: OnSpent) -> impl Startable {
    let again = runnable(serve).restart(Restart::Permanent);
    again.backoff(Backoff::none()).on_spent(then)
}

#[track_caller]
fn started(pool: &Pool, child: impl Startable) -> Child {
    pool.start(child).expect("it stands")
}

/// Lets the child with this number fail, so often.
async fn fails(h: &Harness, number: u32, times: u32) {
    for _ in 0..times {
        h.inject(Fault::error(format!("root.pool.{number}")));
        h.idle().await;
    }
}

#[track_caller]
fn assert_empty(pool: &Pool) {
    assert_stopped(pool);
    assert_eq!(pool.children(), 0);
}

/// Why the pool died last.
async fn cause(h: &Harness) -> Evidence {
    let snapshot = h.snapshot().await;
    let pool = snapshot.find("root.pool").expect("it is there");
    let last = pool.last_exit.as_deref().expect("it was read");
    last.clone()
}

#[test]
fn a_pool_whose_children_spend_their_budget_rises_empty() {
    // R13, R9. They are counted together; it waits for its own backoff, then takes children again.
    let pool = Pool::builder().children_intensity(at_most(3, MINUTE));
    let pool = pool.backoff(Backoff::constant(SECOND * 7)).build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        for round in 0..2 {
            let first = started(&pool, again(OnSpent::Escalate));
            let second = started(&pool, again(OnSpent::Escalate));
            h.settled().await;
            let begun = h.now();
            fails(&h, round * 2 + 1, 2).await;
            fails(&h, round * 2 + 2, 1).await;
            assert_eq!(
                h.snapshot().await.find("root.pool").unwrap().budgets[0].left,
                0
            );
            assert_eq!(pool.children(), 2);
            fails(&h, round * 2 + 2, 1).await;
            assert_empty(&pool);
            let waits = h.snapshot().await;
            assert_eq!(
                waits.find("root.pool").unwrap().state,
                State::Waiting,
                "{waits}"
            );
            let cause = cause(&h).await;
            let Some(Cause::Escalated(child)) = &cause.cause else {
                panic!("{cause:?}");
            };
            assert_eq!(child.path, *second.path());
            assert!(
                cause.chain().contains("injected error"),
                "{}",
                cause.chain()
            );
            h.settled().await;
            assert_eq!(h.now() - begun, SECOND * 7);
            assert_eq!(first.ended().await.state, State::Canceled);
            assert_eq!(second.ended().await.down, Some(Down::Spent));
        }
        assert_eq!(started(&pool, serve).path().to_string(), "root.pool.5");
    });
}

#[test]
fn children_that_are_not_started_again_spend_nothing() {
    // R13, R9. However they end; nor do orders.
    let pool = Pool::builder()
        .children_intensity(at_most(0, MINUTE))
        .build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let kept = started(&pool, again(OnSpent::Escalate));
        h.settled().await;
        for restart in [None, Some(Restart::Temporary)] {
            for fault in [Fault::error, Fault::panic, Fault::kill] {
                let serve = runnable(serve);
                let serve = match restart {
                    Some(restart) => serve.restart(restart),
                    None => serve,
                };
                let child = started(&pool, serve);
                h.settled().await;
                h.inject(fault(child.path().to_string()));
                assert_eq!(child.ended().await.down, Some(Down::Failed));
            }
        }
        let transient = |ctx: Context| async move { ctx.healthy() };
        let child = started(&pool, runnable(transient).restart(Restart::Transient));
        assert_eq!(child.ended().await.state, State::Done);
        kept.restart().await.unwrap();
        h.settled().await;
        assert_eq!(h.state("root.pool.1").await, Some(State::Healthy));
        let snapshot = h.snapshot().await;
        assert_eq!(
            snapshot.find("root.pool").unwrap().restarts,
            0,
            "{snapshot}"
        );
    });
}

#[test]
fn a_child_that_spends_a_budget_may_stay_down() {
    // R13, R9. Its own or that of all: it is forgotten, and nobody else notices.
    let pool = Pool::builder()
        .children_intensity(at_most(3, MINUTE))
        .build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let other = started(&pool, serve);
        let again = |own: Option<u32>| {
            let again = runnable(serve)
                .restart(Restart::Permanent)
                .backoff(Backoff::none());
            let again = again.on_spent(OnSpent::StayDown);
            match own {
                Some(restarts) => again.intensity(at_most(restarts, MINUTE)),
                None => again,
            }
        };
        let (of_its_own, of_all) = (started(&pool, again(Some(1))), started(&pool, again(None)));
        h.settled().await;
        fails(&h, 2, 2).await;
        let ended = of_its_own.ended().await;
        assert_eq!((ended.state, ended.down), (State::Down, Some(Down::Spent)));
        fails(&h, 3, 2).await;
        let ended = of_all.ended().await;
        assert_eq!((ended.state, ended.down), (State::Down, Some(Down::Spent)));
        let evidence = ended.evidence.expect("it failed");
        assert!(
            evidence.chain().contains("injected error"),
            "{}",
            evidence.chain()
        );
        h.settled().await;
        other.healthy().await.expect("it serves");
        assert_eq!(pool.children(), 1);
        let spent = |event: &&perennial::Event| matches!(event.what, What::BudgetSpent { .. });
        assert_eq!(h.log().iter().filter(spent).count(), 2);
    });
}

#[test]
fn a_child_that_spends_its_own_budget_makes_its_pool_fall() {
    // R13, R9. That is the default; deaths that are older than the window do not count.
    let pool = Pool::builder().backoff(Backoff::none()).build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let other = started(&pool, serve);
        let again = runnable(serve).restart(Restart::Permanent);
        let again = again.backoff(Backoff::none()).intensity(at_most(1, SECOND));
        started(&pool, again);
        h.settled().await;
        for _ in 0..3 {
            fails(&h, 2, 1).await;
            h.advance(SECOND * 2).await;
        }
        other.healthy().await.expect("the pool has not fallen");
        fails(&h, 2, 2).await;
        assert_eq!(other.ended().await.down, Some(Down::Temporary));
        assert_eq!(pool.children(), 0);
        started(&pool, serve).healthy().await.expect("it has risen");
    });
}

#[test]
fn a_pooled_child_that_gives_up_makes_its_pool_fall() {
    // R13, R4, R9. If it would be started again; what would not is down anyway.
    let pool = Pool::builder().backoff(Backoff::constant(SECOND)).build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let gives_up = |ctx: Context| async move {
            ctx.give_up();
            Err::<(), _>("no such thing")
        };
        let other = started(&pool, serve);
        let once = started(&pool, gives_up);
        assert_eq!(once.ended().await.down, Some(Down::Failed));
        let stays_down = runnable(gives_up).restart(Restart::Permanent);
        let stays_down = started(&pool, stays_down.on_spent(OnSpent::StayDown));
        assert_eq!(stays_down.ended().await.down, Some(Down::GaveUp));
        other.healthy().await.expect("nobody else notices");
        for restart in [Restart::Permanent, Restart::Transient] {
            let child = started(&pool, runnable(gives_up).restart(restart));
            let ended = child.ended().await;
            assert_eq!((ended.state, ended.down), (State::Down, Some(Down::GaveUp)));
            assert_empty(&pool);
            let cause = cause(&h).await.chain();
            let clause = format!("{} escalated to root.pool", child.path());
            assert!(cause.starts_with(&clause), "{cause}");
            h.settled().await;
            started(&pool, serve).healthy().await.expect("it has risen");
        }
        assert_eq!(h.now(), SECOND * 2);
    });
}

#[test]
fn a_pool_that_spends_its_own_budget_does_what_it_has_chosen() {
    // R13, R9. It stays down, until it is ordered to start: then with a new budget.
    let pool = Pool::builder()
        .intensity(at_most(1, MINUTE))
        .backoff(Backoff::none());
    let pool = pool.on_spent(OnSpent::StayDown).build();
    Harness::run(None, |h| async move {
        let tree = up(&h, &pool).await;
        let gives_up = |ctx: Context| async move { ctx.give_up() };
        for _ in 0..2 {
            for has_risen in [true, false] {
                let other = started(&pool, serve);
                h.settled().await;
                started(&pool, runnable(gives_up).restart(Restart::Permanent));
                h.settled().await;
                assert_eq!(other.ended().await.down, Some(Down::Temporary));
                assert_eq!(pool.start(serve).is_ok(), has_risen);
            }
            assert_empty(&pool);
            let snapshot = h.snapshot().await;
            assert_eq!(snapshot.find("root.pool").unwrap().down, Some(Down::Spent));
            tree.node("root.pool").start().await.unwrap();
        }
        started(&pool, serve).healthy().await.expect("it stands");
    });
}

#[test]
fn a_pool_escalates_by_default_when_its_own_budget_is_spent() {
    // R13, R9. The failure names the child, and why it failed.
    let pool = Pool::builder().intensity(at_most(0, MINUTE)).build();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let child = started(&pool, again(OnSpent::Escalate));
        let gives_up = |ctx: Context| async move {
            ctx.give_up();
            Err::<(), _>("no such thing")
        };
        started(&pool, runnable(gives_up).restart(Restart::Permanent));
        let failure = h.stopped().await.expect_err("the root is escalated to");
        let text = failure.evidence.expect("it is known").chain();
        assert!(
            text.contains("root.pool.2 escalated to root.pool"),
            "{text}"
        );
        assert!(text.ends_with("no such thing"), "{text}");
        assert_empty(&pool);
        assert!(child.ended().await.state.has_exited());
    });
}

#[test]
fn a_child_may_stop_the_tree() {
    // R13, R9. The last choice for a spent budget.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        up(&h, &pool).await;
        let fatal = runnable(|ctx: Context| async move { ctx.give_up() });
        let fatal = fatal
            .restart(Restart::Permanent)
            .on_spent(OnSpent::StopTree);
        let task = pool.task(|ctx: Context| async move {
            ctx.cancelled().await;
            Ok::<_, std::fmt::Error>(7)
        });
        started(&pool, fatal);
        let failure = h.stopped().await.expect_err("it was fatal");
        let evidence = failure.evidence.expect("it is known");
        assert_eq!(evidence.path, *"root.pool.2");
        assert_eq!(task.unwrap().await.unwrap(), 7, "it ended in its own time");
    });
}
