//! Sections F and I: children of a pool stop, by orders and with their pool.

use std::future::pending;

use perennial::testing::Harness;
use perennial::{
    Backoff, Context, Down, Effect, Grace, IntoExit, OrderError, Outcome, Pool, Restart, Rung,
    State, once, runnable,
};

use crate::ctl::{Ctl, ctls};
use crate::pooled::{above, above_all, counts};
use crate::serve::serve;
use crate::sup::{children, ms, node, pause, seconds};
use crate::trace::Trace;

/// Serves, and takes this long to clean up.
async fn cleans_up_in(milliseconds: u64, ctx: Context) {
    serve(ctx).await;
    pause(ms(milliseconds)).await;
}

/// Serves, and hears nothing.
async fn deaf(ctx: Context) {
    ctx.healthy();
    pending::<()>().await;
}

#[test]
fn otp_75_children_of_a_pool_stop_together() {
    // R13, R10. Twenty take as long as one.
    let (pool, trace) = (Pool::new(), Trace::default());
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for _ in 0..20 {
            let trace = trace.clone();
            let code = async move |ctx: Context| {
                cleans_up_in(300, ctx).await;
                trace.note("cleaned up");
            };
            pool.start(code).expect("it stands");
        }
        h.settled().await;
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), ms(300));
        assert!(report.stops.is_empty(), "{report}");
        trace.expect(&["cleaned up"; 20].join(", "));
    });
}

#[test]
fn otp_75_one_that_needs_longer_than_its_grace_is_aborted_then() {
    // R10. At its own limit, which holds up none of the others.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let quick = [(); 20].map(|()| {
            let started = pool.start(|ctx| cleans_up_in(300, ctx));
            started.expect("it stands")
        });
        let slow = once(|ctx| cleans_up_in(10_000, ctx)).grace(seconds(2));
        let slow = pool.start_named("slow", slow).expect("it stands");
        h.settled().await;
        let terminated = h.tree().node("root.pool").terminate();
        h.advance(ms(300)).await;
        for child in quick {
            child.ended().await;
        }
        assert_eq!(counts(&h, &pool).await, (1, 1), "the slow one is left");
        assert_eq!(
            h.wait(terminated).await.expect("it stands"),
            Effect::Visible
        );
        assert_eq!(h.now(), seconds(2));
        let exit = slow.ended().await.evidence.expect("it has run").chain();
        assert_eq!(exit, "root.pool.slow was aborted while stopping");
        assert_eq!(node(&h, "root.pool").await.down, Some(Down::Terminated));
    });
}

#[test]
fn otp_76_each_child_stops_by_its_own_grace() {
    // R10, R13. One cleans up however long it takes, one is aborted with the asking.
    let (pool, trace) = (Pool::new(), Trace::default());
    let [patient, brutal] = ctls(["patient", "brutal"], &trace);
    let patient = patient.cleans_up_in(seconds(1000));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let patient = patient.with(|run| run.grace(Grace::Infinite));
        let brutal = brutal.cleans_up_in(ms(1)).with(|run| run.grace(ms(0)));
        for child in [patient, brutal] {
            pool.start_named(child.name, child.runnable())
                .expect("it is free");
        }
        h.settled().await;
        trace.take();
        let stopped = h.stop();
        h.idle().await;
        assert_eq!(children(&h, "root.pool").await, "patient stopping");
        let report = stopped.await.expect("stopping is no failure");
        assert_eq!(h.now(), seconds(1000));
        trace.expect("ask patient, stop patient");
        let [stop] = &report.stops[..] else {
            panic!("{report}");
        };
        assert_eq!(
            (&*stop.path.to_string(), stop.rung),
            ("root.pool.brutal", Rung::Aborted)
        );
    });
}

#[test]
fn otp_76_a_short_grace_aborts_only_who_is_deaf() {
    // R10. Each has a millisecond.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for (name, code) in [("hears", serve as fn(Context) -> _), ("hears-too", serve)] {
            pool.start_named(name, once(code).grace(ms(1)))
                .expect("it is free");
        }
        pool.start_named("deaf", once(deaf).grace(ms(1)))
            .expect("it is free");
        h.settled().await;
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), ms(1));
        let stops = report
            .stops
            .iter()
            .map(|stop| (stop.path.to_string(), stop.rung));
        let stops: Vec<_> = stops.collect();
        assert_eq!(stops, [("root.pool.deaf".to_owned(), Rung::Aborted)]);
    });
}

/// What a child does when it is asked to stop.
#[derive(Clone, Copy, Debug)]
enum Odd {
    Finish,
    Done,
    Restart,
    GiveUp,
    Crash,
    Panic,
}

const ODDS: [Odd; 6] = [
    Odd::Finish,
    Odd::Done,
    Odd::Restart,
    Odd::GiveUp,
    Odd::Crash,
    Odd::Panic,
];

async fn ends_oddly(odd: Odd, ctx: Context) -> perennial::Exit {
    serve(ctx.clone()).await;
    match odd {
        Odd::Finish => {}
        Odd::Done => ctx.done(),
        Odd::Restart => ctx.restart(),
        Odd::GiveUp => ctx.give_up(),
        Odd::Crash => return Err::<(), _>("the disk is full").into_exit(),
        Odd::Panic => panic!("in the cleanup"),
    }
    perennial::Exit::Returned
}

#[test]
fn otp_77_however_children_end_their_pool_stops() {
    // R5, R10, L2. Nobody starts again or escalates; errors and panics are evidence.
    let pool = Pool::new();
    let types = [Restart::Permanent, Restart::Transient, Restart::Temporary];
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for _ in 0..2 {
            let mut started = Vec::new();
            for restart in types {
                for odd in ODDS {
                    let code = runnable(move |ctx| ends_oddly(odd, ctx)).restart(restart);
                    started.push((odd, pool.start(code).expect("it stands")));
                }
            }
            h.settled().await;
            assert_eq!(counts(&h, &pool).await, (18, 18));
            let terminated = h.tree().node("root.pool").terminate();
            assert_eq!(terminated.await.expect("it stands"), Effect::Visible);
            assert_eq!(counts(&h, &pool).await, (0, 0));
            for (odd, child) in started {
                let evidence = child.ended().await.evidence.expect("it has run");
                let is_fault = matches!(odd, Odd::Crash | Odd::Panic);
                let chain = evidence.chain();
                assert_eq!(
                    !evidence.exit.as_ref().expect("it returned").is_ok(),
                    is_fault,
                    "{chain}"
                );
            }
            h.settled().await;
            assert_eq!(h.state("root").await, Some(State::Healthy));
            let again = h.tree().node("root.pool").start();
            assert_eq!(again.await.expect("it is down"), Effect::Visible);
        }
    });
}

#[test]
fn otp_77_the_report_of_a_stop_names_those_that_ended_oddly() {
    // R11, R10. With what they returned; the tree has stopped all the same.
    let pool = Pool::new();
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        for odd in ODDS {
            let code = runnable(move |ctx| ends_oddly(odd, ctx)).restart(Restart::Permanent);
            pool.start(code).expect("it stands");
        }
        h.settled().await;
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        let said = |stop: &perennial::Stop| stop.evidence.as_ref().map(|evidence| evidence.chain());
        let said: Vec<_> = report.stops.iter().filter_map(said).collect();
        assert_eq!(said.len(), 2, "{report}");
        assert_eq!(
            said[0],
            "root.pool.5 failed while stopping: the disk is full"
        );
        assert!(said[1].starts_with("root.pool.6 panicked"), "{}", said[1]);
    });
}

#[test]
fn otp_77_children_that_end_in_the_moment_of_the_stop_are_no_trouble() {
    // R5, L2. Each by itself, while the stop is on its way.
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let (pool, trace) = (Pool::new(), Trace::default());
        let members = ctls(["a", "b", "c", "d"], &trace);
        Harness::run(None, |h| async move {
            h.start(above(&pool));
            h.settled().await;
            for member in &members {
                let later = Backoff::constant(seconds(1));
                let code = member.with(move |run| run.restart(restart).backoff(later));
                pool.start(code.runnable()).expect("it stands");
            }
            h.settled().await;
            trace.take();
            let [a, b, c, d] = &members;
            a.finish().await;
            b.done().await;
            c.crash().await;
            d.panic().await;
            let report = h.stop().await.expect("stopping is no failure");
            assert_eq!(report.outcome, Outcome::Stopped);
            trace.expect("");
            assert_eq!(pool.children(), 0);
        });
    }
}

#[test]
fn otp_111_a_child_is_terminated_by_its_handle() {
    // R16, R13. Asked, and aborted when its grace is over; the others notice nothing.
    let (pool, trace) = (Pool::new(), Trace::default());
    let members = ctls(["hears", "brutal", "stays"], &trace);
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let [hears, brutal, stays] = &members;
        let brutal = brutal.with(|run| run.grace(ms(0)));
        let hears = pool.start(hears.member().runnable()).expect("it stands");
        let brutal = pool.start(brutal.runnable()).expect("it stands");
        let slow = pool.start(once(deaf).grace(ms(50))).expect("it stands");
        pool.start(stays.member().runnable()).expect("it stands");
        h.settled().await;
        trace.take();
        for (child, exit) in [
            (hears, "root.pool.1 returned while stopping"),
            (brutal, "root.pool.2 was aborted while stopping"),
            (slow, "root.pool.3 was aborted while stopping"),
        ] {
            let terminated = h.wait(child.terminate()).await;
            assert_eq!(terminated.expect("it runs"), Effect::Visible);
            let ended = child.ended().await;
            assert_eq!(ended.down, Some(Down::Terminated));
            assert_eq!(ended.evidence.expect("it has run").chain(), exit);
            match child.terminate().await {
                Err(OrderError::Gone { path }) => assert_eq!(&path, child.path()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(h.now(), ms(50));
        trace.expect("stop hears");
        assert_eq!(children(&h, "root.pool").await, "4 healthy");
    });
}

#[test]
fn otp_111_a_permanent_child_that_is_terminated_is_not_started_again() {
    // L2, R16, R13. It is forgotten as any other, running or asked already.
    let (pool, trace) = (Pool::new(), Trace::default());
    let a = Ctl::new("a", &trace).cleans_up_in(ms(300));
    Harness::run(None, |h| async move {
        h.start(above(&pool));
        h.settled().await;
        let code = a.with(|run| run.restart(Restart::Permanent)).runnable();
        let child = pool.start(code).expect("it stands");
        h.settled().await;
        let restarted = child.restart();
        h.advance(ms(100)).await;
        let both = [child.terminate(), child.terminate()];
        let overtaken = h.wait(restarted).await;
        assert!(
            matches!(overtaken, Err(OrderError::Overtaken { .. })),
            "{overtaken:?}"
        );
        for terminated in both {
            assert_eq!(h.wait(terminated).await.expect("it runs"), Effect::Visible);
        }
        h.advance(seconds(60)).await;
        trace.expect("start a, ask a, stop a");
        assert_eq!(counts(&h, &pool).await, (0, 0));
    });
}

#[test]
fn otp_111_an_order_reaches_no_stranger() {
    // R16, L10. Numbers of one pool say nothing in another, and an ended child's belongs to nobody.
    let (one, other) = (Pool::new(), Pool::new());
    Harness::run(None, |h| async move {
        h.start(above_all([("one", &one), ("other", &other)]));
        h.settled().await;
        let ended = one.start(|_: Context| async {}).expect("it stands");
        ended.ended().await;
        other.start(serve).expect("it stands");
        one.start(serve).expect("it stands");
        h.settled().await;
        assert!(matches!(
            ended.terminate().await,
            Err(OrderError::Gone { .. })
        ));
        for path in ["root.one.1", "root.one.3", "root.other.2", "root.one.a"] {
            let node = h.tree().node(path);
            match node.terminate().await {
                Err(OrderError::NotFound { path: found }) => assert_eq!(found, path),
                answer => panic!("{answer:?}"),
            }
        }
        assert_eq!(children(&h, "root.one").await, "2 healthy");
        assert_eq!(children(&h, "root.other").await, "1 healthy");
    });
}
