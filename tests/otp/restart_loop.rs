//! Section E: a child that dies again and again, and what can be done about it meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use perennial::testing::Harness;
use perennial::{Backoff, Context, Effect, OrderKind, State, Strategy, Wait};

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{Sup, children, counts, is_up, ms, node, seconds};
use crate::trace::Trace;

const A: &str = "root.sup.a";

fn every_second(ctl: &Ctl) -> Member {
    ctl.with(|run| run.backoff(Backoff::constant(seconds(1))))
}

#[test]
fn otp_57_each_failed_start_counts_and_the_row_may_end_well() {
    // R9. Three attempts use three of four; one more death is allowed, and then none.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne)
        .intensity(4, seconds(60))
        .run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        a.fail_starts(2);
        a.crash().await;
        h.settled().await;
        trace.expect("start a, try a, try a, start a");
        assert_eq!(node(&h, A).await.budgets[0].left, 1);
        a.crash().await;
        h.settled().await;
        assert!(is_up(&h).await);
        a.crash().await;
        h.settled().await;
        trace.expect("start a");
        assert_eq!(h.state("root.sup").await, Some(State::Down));
    });
}

/// Orders something while the only child waits for its next start.
fn in_backoff(kind: OrderKind, expected: &'static str, lines: &str) {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(every_second(&a));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        a.crash().await;
        h.advance(ms(400)).await;
        let waiting = node(&h, A).await;
        assert_eq!(
            (waiting.state, waiting.wait),
            (State::Waiting, Some(Wait::Backoff))
        );
        assert_eq!((waiting.attempt, waiting.due), (2, Some(ms(600))));
        assert_eq!(counts(&h).await, (1, 0));
        let a = h.tree().node(A);
        let order = match kind {
            OrderKind::Start => a.start(),
            OrderKind::Restart => a.restart(),
            OrderKind::Terminate => a.terminate(),
            OrderKind::Remove => a.remove(),
            other => panic!("{other} is none of these"),
        };
        assert_eq!(order.await.expect("it waits"), Effect::Visible);
        h.idle().await;
        assert_eq!(h.now(), ms(400));
        trace.expect(lines);
        h.advance(seconds(10)).await;
        trace.expect("");
        assert_eq!(children(&h, "root.sup").await, expected, "{kind}");
    });
}

#[test]
fn otp_58_what_waits_for_its_restart_shows_it_and_takes_orders() {
    // R2, R8, R16. It starts without delay, or is never started again.
    in_backoff(OrderKind::Start, "a healthy", "start a");
    in_backoff(OrderKind::Restart, "a healthy", "start a");
    in_backoff(OrderKind::Terminate, "a down (terminated)", "");
    in_backoff(OrderKind::Remove, "", "");
}

#[test]
fn otp_60_a_stop_during_the_backoff_ends_at_once() {
    // L2, L9. The pending restart dies with it.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(every_second(&a));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        a.fail_starts(usize::MAX);
        a.crash().await;
        h.advance(ms(2500)).await;
        trace.expect("try a, try a");
        h.tree()
            .node("root.sup")
            .terminate()
            .await
            .expect("it stands");
        assert_eq!(h.now(), ms(2500));
        h.advance(seconds(10)).await;
        trace.expect("");
    });
}

#[test]
fn otp_60_a_stop_during_a_slow_start_ends_within_the_grace() {
    // R10, L9. The start step is asked as any code.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace).starts_in(seconds(100));
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.advance(seconds(50)).await;
        h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), seconds(50));
        trace.expect("start a, stop a");
    });
}

#[test]
fn otp_60_a_stop_gets_through_a_loop_without_a_delay() {
    // L2, R16. The order comes between two starts, and the next one does not come.
    let starts = Arc::new(AtomicUsize::new(0));
    let counted = starts.clone();
    let restless = Member::new("a", move |ctx: Context| {
        let start = counted.fetch_add(1, Ordering::SeqCst);
        async move {
            if start == 0 {
                ctx.healthy();
            }
            if start == 100 {
                drop(ctx.parent().expect("it is not the root").terminate());
            }
            Err::<(), _>("it cannot go on")
        }
    });
    let sup = Sup::new(Strategy::OneForOne)
        .intensity(1_000_000, seconds(60))
        .run(restless);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        assert_eq!(starts.load(Ordering::SeqCst), 101);
        assert_eq!(h.state("root.sup").await, Some(State::Down));
    });
}

#[test]
fn otp_60_a_stop_during_the_start_starts_nobody_else() {
    // L2, R10. Who waits for its turn never starts.
    let trace = Trace::default();
    let [a, b, c] = ctls(["a", "b", "c"], &trace);
    let b = b.starts_in(seconds(5));
    let sup = Sup::new(Strategy::OneForOne).all(&[a, b, c]);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.advance(seconds(1)).await;
        h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), seconds(1));
        trace.expect("start a, start b, stop b, stop a");
    });
}

#[test]
fn otp_65_a_restart_that_finds_nothing_to_run_is_done() {
    // R5, R16. It is not tried again, and an order starts it.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let (runs, serves) = (Arc::new(AtomicUsize::new(0)), a.member());
    let code = move |ctx: Context| {
        let is_second = runs.fetch_add(1, Ordering::SeqCst) == 1;
        let run = (!is_second).then(|| serves.call(ctx.clone()));
        async move {
            match run {
                Some(run) => run.await,
                None => {
                    ctx.done();
                    perennial::Exit::Returned
                }
            }
        }
    };
    let sup = Sup::new(Strategy::OneForOne).run(Member::new("a", code));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        a.crash().await;
        h.settled().await;
        assert_eq!(children(&h, "root.sup").await, "a done");
        assert_eq!(node(&h, A).await.restarts, 1);
        h.tree().node(A).start().await.expect("it is done");
        h.settled().await;
        assert_eq!(children(&h, "root.sup").await, "a healthy");
        trace.expect("start a, start a");
    });
}
