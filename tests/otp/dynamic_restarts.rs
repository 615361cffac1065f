//! Sections D, E and I: children of a pool that die again and again, and the budgets they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Cause, Child, Configured, Context, Down, Effect, HealthyError, OnSpent, Order,
    OrderError, Pool, Restart, StartError, State, Wait,
};

use crate::ctl::{Body, Ctl, Member, ctls};
use crate::pooled::{above, counts};
use crate::serve::serve;
use crate::sup::{children, has_fallen, ms, node, over, seconds, within};
use crate::trace::Trace;

const FIRST: &str = "root.pool.1";

/// A child that is started again whatever happens, after a second.
fn every_second(ctl: &Ctl) -> Configured<Body> {
    permanent(ctl).backoff(Backoff::constant(seconds(1)))
}

fn permanent(ctl: &Ctl) -> Configured<Body> {
    ctl.with(|run| run.restart(Restart::Permanent)).runnable()
}

/// Orders something while the only child of a pool waits for its next start.
fn in_backoff(order: fn(&Child) -> Order, left: &'static str, lines: &str) {
    let (pool, trace) = (Pool::new(), Trace::default());
    let a = Ctl::new("a", &trace);
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let child = pool.start(every_second(&a)).expect("it stands");
        h.settled().await;
        trace.take();
        a.crash().await;
        h.advance(ms(400)).await;
        let waiting = node(&h, FIRST).await;
        assert_eq!(
            (waiting.state, waiting.wait),
            (State::Waiting, Some(Wait::Backoff))
        );
        assert_eq!((waiting.attempt, waiting.due), (2, Some(ms(600))));
        assert_eq!(counts(&h, &pool).await, (1, 0));
        assert_eq!(order(&child).await.expect("it waits"), Effect::Visible);
        h.idle().await;
        assert_eq!(h.now(), ms(400));
        trace.expect(lines);
        h.advance(seconds(10)).await;
        trace.expect("");
        assert_eq!(children(&h, "root.pool").await, left);
        if left.is_empty() {
            let ended = child.ended().await;
            assert_eq!(ended.down, Some(Down::Terminated));
            let evidence = ended.evidence.expect("it has run").chain();
            assert_eq!(
                evidence,
                "root.pool.1 failed while healthy: crashed on request"
            );
            assert!(matches!(child.start().await, Err(OrderError::Gone { .. })));
        }
    });
}

#[test]
fn otp_63_a_child_that_waits_for_its_restart_takes_orders_by_its_handle() {
    // R13, R16, L2. It starts without delay, or is forgotten and never started again.
    in_backoff(Child::start, "1 healthy", "start a");
    in_backoff(Child::restart, "1 healthy", "start a");
    in_backoff(Child::terminate, "", "");
    in_backoff(Child::remove, "", "");
}

#[test]
fn otp_63_the_handle_waits_through_the_loop() {
    // R3, R13. Across restarts, until it serves again, or is forgotten.
    let (pool, trace) = (Pool::new(), Trace::default());
    let a = Ctl::new("a", &trace);
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let child = pool.start(every_second(&a)).expect("it stands");
        h.settled().await;
        a.fail_starts(2);
        a.crash().await;
        h.idle().await;
        h.wait(child.healthy()).await.expect("it is tried again");
        assert_eq!(h.now(), seconds(3));
        trace.expect("start a, try a, try a, start a");
        a.crash().await;
        h.idle().await;
        let terminated = child.terminate();
        let gone = h.wait(child.healthy()).await;
        let is_gone = matches!(
            gone,
            Err(HealthyError::Gone { .. } | HealthyError::Down { .. })
        );
        assert!(is_gone, "{gone:?}");
        terminated.await.expect("it waits");
    });
}

#[test]
fn otp_64_those_that_wait_for_their_restart_count() {
    // R13. As children, not as running: they have their places, and the pool is as full as before.
    let pool = Pool::builder().max_children(3).build();
    let members = ctls(["a", "b", "c"], &Trace::default());
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for member in &members {
            pool.start(every_second(member)).expect("there is room");
        }
        h.settled().await;
        assert_eq!(counts(&h, &pool).await, (3, 3));
        for member in &members[..2] {
            member.fail_starts(1);
            member.crash().await;
        }
        for _ in 0..2 {
            assert_eq!(counts(&h, &pool).await, (3, 1));
            match pool.start(serve) {
                Err(StartError::TooMany { limit, .. }) => assert_eq!(limit, 3),
                other => panic!("{other:?}"),
            }
            h.advance(seconds(1)).await;
        }
        assert_eq!(counts(&h, &pool).await, (3, 3));
    });
}

#[test]
fn otp_66_a_restart_that_finds_nothing_to_run_is_forgotten() {
    // R13, R5. It is done, of both types, and the pool stops as any other.
    for restart in [Restart::Permanent, Restart::Transient] {
        let (pool, trace) = (Pool::new(), Trace::default());
        let a = Ctl::new("a", &trace);
        let (runs, serves) = (AtomicUsize::new(0), a.member());
        let code = Member::new("a", move |ctx: Context| {
            let is_first = runs.fetch_add(1, Ordering::SeqCst) == 0;
            if !is_first {
                ctx.done();
            }
            let run = is_first.then(|| serves.call(ctx));
            async move {
                match run {
                    Some(run) => run.await,
                    None => perennial::Exit::Returned,
                }
            }
        });
        let code = code.with(move |run| run.restart(restart));
        Harness::run(None, |h| async move {
            h.start(above(&pool));
            h.settled().await;
            let child = pool.start(code.runnable()).expect("it stands");
            h.settled().await;
            a.crash().await;
            h.settled().await;
            assert_eq!(counts(&h, &pool).await, (0, 0));
            assert_eq!(child.ended().await.state, State::Done);
            trace.expect("start a");
            let report = h.stop().await.expect("stopping is no failure");
            assert!(report.stops.is_empty(), "{report}");
        });
    }
}

#[test]
fn otp_109_a_start_that_fails_once_more_is_tried_again() {
    // R9, R13. The death and the failed start use both restarts that the pool allows.
    let intensity = within(2, seconds(60));
    let pool = Pool::builder().children_intensity(intensity).build();
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        pool.start(permanent(&a)).expect("it stands");
        h.settled().await;
        a.fail_starts(1);
        a.crash().await;
        h.settled().await;
        trace.expect("start a, try a, start a");
        assert_eq!(children(&h, "root.pool").await, "1 healthy");
        assert_eq!(node(&h, "root.pool").await.restarts, 0);
        assert_eq!(node(&h, "root.pool").await.budgets[0].left, 0);
    });
}

/// Lets one of two children fail in a pool that allows so many restarts; how it goes on.
fn spent(restarts: u32) {
    let intensity = within(restarts, seconds(60));
    let pool = Pool::builder()
        .children_intensity(intensity)
        .backoff(Backoff::constant(seconds(1)))
        .build();
    let trace = Trace::default();
    let [a, b] = ctls(["a", "b"], &trace);
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let [first, second] = [&a, &b].map(|ctl| pool.start(permanent(ctl)).expect("it stands"));
        h.settled().await;
        trace.expect("start a, start b");
        a.fail_starts(usize::MAX);
        a.crash().await;
        h.idle().await;
        let tries: Vec<_> = (0..restarts).map(|_| "try a").collect();
        trace.expect(&format!("{}, stop b", tries.join(", ")));
        let fallen = node(&h, "root.pool").await;
        assert_eq!(fallen.state, State::Waiting, "it has fallen: {fallen:?}");
        let cause = fallen.last_exit.expect("it fell").cause.clone();
        let Some(Cause::Escalated(child)) = cause else {
            panic!("{cause:?}");
        };
        let chain = child.chain();
        assert!(chain.starts_with("root.pool.1 spent"), "{chain}");
        assert!(chain.ends_with("a cannot start"), "{chain}");
        assert_eq!(counts(&h, &pool).await, (0, 0));
        let refused = pool.start(serve);
        assert!(
            matches!(refused, Err(StartError::Stopped { .. })),
            "{refused:?}"
        );

        h.settled().await;
        assert_eq!((h.now(), counts(&h, &pool).await), (seconds(1), (0, 0)));
        for child in [first, second] {
            assert!(matches!(child.start().await, Err(OrderError::Gone { .. })));
        }
        pool.start(permanent(&b)).expect("it has risen");
        h.settled().await;
        assert_eq!(children(&h, "root.pool").await, "3 healthy");
        let pool = node(&h, "root.pool").await;
        assert_eq!((pool.restarts, pool.budgets[0].left), (1, restarts));
    });
}

#[test]
fn otp_110_a_pool_whose_budget_is_spent_falls_and_rises_empty() {
    // R9, R13. With all that is in it; what was in it does not come back, and its handle does.
    spent(1);
    spent(10);
}

#[test]
fn otp_49_110_a_pool_that_may_not_rise_escalates() {
    // R9, R13. Four attempts, then the sibling stops, the pool falls, and its parent with it.
    let pool = Pool::builder()
        .children_intensity(within(4, seconds(60)))
        .intensity(within(0, seconds(60)))
        .build();
    let trace = Trace::default();
    let [a, b] = ctls(["a", "b"], &trace);
    let sup = Member::new("sup", above(&pool)).with(|run| run.restart(Restart::Temporary));
    Harness::run(None, |h| async move {
        h.start(over(&sup));
        h.settled().await;
        for ctl in [&a, &b] {
            pool.start(permanent(ctl)).expect("it stands");
        }
        h.settled().await;
        a.fail_starts(usize::MAX);
        a.crash().await;
        h.settled().await;
        trace.expect("start a, start b, try a, try a, try a, try a, stop b");
        assert!(has_fallen(&h).await);
        let chain = node(&h, "root.sup")
            .await
            .last_exit
            .expect("it fell")
            .chain();
        assert!(chain.contains("root.sup.pool.1 spent"), "{chain}");
        assert!(chain.ends_with("a cannot start"), "{chain}");
        let refused = pool.start(serve);
        assert!(
            matches!(refused, Err(StartError::Stopped { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn otp_110_a_child_may_choose_to_stay_down_alone() {
    // R9, R13. It is forgotten then, and the pool and the others in it go on.
    let pool = Pool::new();
    let trace = Trace::default();
    let [a, b] = ctls(["a", "b"], &trace);
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let alone = permanent(&a)
            .intensity(within(2, seconds(60)))
            .on_spent(OnSpent::StayDown);
        let child = pool.start(alone).expect("it stands");
        pool.start(permanent(&b)).expect("it stands");
        h.settled().await;
        a.fail_starts(usize::MAX);
        a.crash().await;
        h.settled().await;
        trace.expect("start a, start b, try a, try a");
        assert_eq!(child.ended().await.down, Some(Down::Spent));
        assert_eq!(children(&h, "root.pool").await, "2 healthy");
        assert_eq!(counts(&h, &pool).await, (1, 1));
    });
}

#[test]
fn otp_110_temporary_children_spend_nothing() {
    // R9, R5, R13. They are not started again, however many die.
    let pool = Pool::builder()
        .children_intensity(within(0, seconds(60)))
        .build();
    let deaths = Arc::new(AtomicUsize::new(0));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for _ in 0..20 {
            let deaths = deaths.clone();
            let dies = move |_: Context| async move {
                deaths.fetch_add(1, Ordering::Relaxed);
                Err::<(), _>("reset by peer")
            };
            pool.start(dies).expect("it stands");
        }
        pool.start(serve).expect("it stands");
        h.settled().await;
        h.inject(Fault::kill("root.pool.21"));
        h.settled().await;
        assert_eq!(deaths.load(Ordering::Relaxed), 20);
        assert_eq!(counts(&h, &pool).await, (0, 0));
        let pool = node(&h, "root.pool").await;
        assert_eq!((pool.state, pool.restarts), (State::Healthy, 0));
    });
}
