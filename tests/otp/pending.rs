//! Section E: orders about members of a fall that has not risen yet.

use perennial::testing::Harness;
use perennial::{Backoff, Strategy};

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{Sup, children, incarnation, ms, seconds};
use crate::trace::Trace;

const A: &str = "root.sup.a";

fn every_second(ctl: &Ctl) -> Member {
    ctl.with(|run| run.backoff(Backoff::constant(seconds(1))))
}

#[test]
fn otp_58_a_start_of_any_member_starts_the_whole_fall() {
    // R16, L5. Without delay, and in order.
    for path in ["root.sup.a", "root.sup.f", "root.sup.c"] {
        let trace = Trace::default();
        let [a, f, c] = ctls(["a", "f", "c"], &trace);
        let sup = Sup::new(Strategy::OneForAll)
            .run(&a)
            .run(every_second(&f))
            .run(&c);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.settled().await;
            trace.take();
            f.crash().await;
            h.advance(ms(500)).await;
            trace.expect("stop c, stop a");
            h.tree().node(path).start().await.expect("it waits");
            h.idle().await;
            trace.expect("start a, start f, start c");
            assert_eq!(h.now(), ms(500));
        });
    }
}

#[test]
fn otp_61_those_after_the_one_that_is_terminated_rise_without_it() {
    // R6, R16. They wait with it, and not for it.
    let trace = Trace::default();
    let [a, f, c] = ctls(["a", "f", "c"], &trace);
    let sup = Sup::new(Strategy::RestForOne)
        .run(&a)
        .run(every_second(&f))
        .run(&c);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        let first = incarnation(&h, A).await;
        f.fail_starts(usize::MAX);
        f.crash().await;
        h.advance(ms(1500)).await;
        trace.expect("stop c, try f");
        let expected = "a healthy, f waiting (backoff), c waiting (backoff)";
        assert_eq!(children(&h, "root.sup").await, expected);
        h.tree()
            .node("root.sup.f")
            .terminate()
            .await
            .expect("it stands");
        h.settled().await;
        trace.expect("start c");
        let expected = "a healthy, f down (terminated), c healthy";
        assert_eq!(children(&h, "root.sup").await, expected);
        assert_eq!(incarnation(&h, A).await, first);
    });
}

#[test]
fn otp_62_one_that_was_terminated_comes_back_alone() {
    // R6, R16. The others rise without it, and nobody is in limbo.
    let trace = Trace::default();
    let [a, f, c] = ctls(["a", "f", "c"], &trace);
    let sup = Sup::new(Strategy::OneForAll)
        .run(&a)
        .run(every_second(&f))
        .run(&c);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        f.crash().await;
        h.advance(ms(500)).await;
        trace.expect("stop c, stop a");
        let f = h.tree().node("root.sup.f");
        f.terminate().await.expect("it stands");
        h.settled().await;
        trace.expect("start a, start c");
        f.start().await.expect("it is down");
        h.settled().await;
        trace.expect("start f");
        let expected = "a healthy, f healthy, c healthy";
        assert_eq!(children(&h, "root.sup").await, expected);
    });
}

#[test]
fn otp_62_those_after_one_that_goes_while_it_rises_go_on() {
    // R10b, R16. Their turn comes when it is down or removed.
    for removes in [false, true] {
        let trace = Trace::default();
        let [a, b, c] = ctls(["a", "b", "c"], &trace);
        let b = b.starts_when_told();
        let sup = Sup::new(Strategy::OneForAll).run(&a).run(&b).run(&c);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.idle().await;
            b.healthy().await;
            h.settled().await;
            trace.take();
            a.crash().await;
            h.idle().await;
            trace.expect("stop c, stop b, start a, start b");
            let b = h.tree().node("root.sup.b");
            let order = if removes { b.remove() } else { b.terminate() };
            order.await.expect("it stands");
            h.settled().await;
            trace.expect("stop b, start c");
        });
    }
}

#[test]
fn otp_62_those_after_one_that_was_started_alone_rise_too() {
    // R10b, R16. It is up already when the fall rises, so they need not wait for it.
    let trace = Trace::default();
    let [a, b, c] = ctls(["a", "b", "c"], &trace);
    let sup = Sup::new(Strategy::OneForAll)
        .run(every_second(&a))
        .run(&b)
        .run(&c);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let b = h.tree().node("root.sup.b");
        b.terminate().await.expect("it stands");
        trace.take();
        a.crash().await;
        h.advance(ms(500)).await;
        b.start().await.expect("it is down");
        h.idle().await;
        trace.expect("stop c, start b");
        h.advance(seconds(10)).await;
        trace.expect("start a, start c");
        let expected = "a healthy, b healthy, c healthy";
        assert_eq!(children(&h, "root.sup").await, expected);
    });
}
