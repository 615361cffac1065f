//! Section C: who falls with whom, and how they rise.

use perennial::testing::Harness;
use perennial::{Restart, Strategy};

use crate::ctl::ctls;
use crate::sup::{Sup, children, counts, incarnation, is_up};
use crate::trace::Trace;

#[test]
fn otp_25_one_for_one_leaves_the_sibling_alone() {
    // R6. It is the same incarnation.
    let trace = Trace::default();
    let [a, b] = ctls(["a", "b"], &trace);
    let sup = Sup::new(Strategy::OneForOne).all(&[a.clone(), b]);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.expect("start a, start b");
        let before = [
            incarnation(&h, "root.sup.a").await,
            incarnation(&h, "root.sup.b").await,
        ];
        a.crash().await;
        h.settled().await;
        trace.expect("start a");
        let after = [
            incarnation(&h, "root.sup.a").await,
            incarnation(&h, "root.sup.b").await,
        ];
        assert_ne!(after[0], before[0]);
        assert_eq!(after[1], before[1]);
        assert_eq!(counts(&h).await, (2, 2));
    });
}

/// Crashes the member at `at`, and asserts what is written until the tree has settled.
fn crash<const N: usize>(strategy: Strategy, names: [&'static str; N], at: usize, lines: &str) {
    let trace = Trace::default();
    let members = ctls(names, &trace);
    let sup = Sup::new(strategy).all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        members[at].crash().await;
        h.settled().await;
        trace.expect(lines);
        assert_eq!(counts(&h).await, (N, N));
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_26_one_for_all_stops_the_sibling_and_starts_both_in_order() {
    // R6, L5, R10b.
    crash(
        Strategy::OneForAll,
        ["a", "b"],
        0,
        "stop b, start a, start b",
    );
}

#[test]
fn otp_27_rest_for_one_takes_those_after_it() {
    // R6, L5, R10b. The one before it is not touched.
    crash(
        Strategy::RestForOne,
        ["a", "b", "c"],
        1,
        "stop c, start b, start c",
    );
}

#[test]
fn otp_28_rest_for_one_stops_in_reverse_and_starts_in_order() {
    // R6, R10, R10b.
    let lines = "stop 5, stop 4, start 3, start 4, start 5";
    crash(Strategy::RestForOne, ["1", "2", "3", "4", "5"], 2, lines);
}

#[test]
fn otp_29_a_temporary_bystander_is_gone_for_good() {
    // R5, R6. It is stopped with the one that fell, and not raised with it.
    for strategy in [Strategy::OneForAll, Strategy::RestForOne] {
        let trace = Trace::default();
        let [p, x] = ctls(["p", "x"], &trace);
        let sup = Sup::new(strategy).run(&p);
        let sup = sup.run(x.with(|run| run.restart(Restart::Temporary)));
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.settled().await;
            trace.expect("start p, start x");
            p.finish().await;
            h.settled().await;
            trace.expect("stop x, start p");
            assert_eq!(
                children(&h, "root.sup").await,
                "p healthy, x down (temporary)"
            );
            p.crash().await;
            h.settled().await;
            trace.expect("start p");
            assert!(is_up(&h).await);
        });
    }
}

#[test]
fn otp_30_the_crash_of_a_temporary_child_takes_nobody() {
    // R6. Only deaths do.
    let trace = Trace::default();
    let [a, b, x] = ctls(["a", "b", "x"], &trace);
    let sup = Sup::new(Strategy::OneForAll).all(&[a, b]);
    let sup = sup.run(x.with(|run| run.restart(Restart::Temporary)));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        x.crash().await;
        h.settled().await;
        trace.expect("");
        assert_eq!(
            children(&h, "root.sup").await,
            "a healthy, b healthy, x down (failed)"
        );
    });
}

#[test]
fn otp_31_the_end_of_a_transient_child_takes_nobody() {
    // R6. Done is no death.
    let trace = Trace::default();
    let [p, t] = ctls(["p", "t"], &trace);
    let sup = Sup::new(Strategy::OneForAll).run(&p);
    let sup = sup.run(t.with(|run| run.restart(Restart::Transient)));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        t.finish().await;
        h.settled().await;
        trace.expect("");
        assert_eq!(children(&h, "root.sup").await, "p healthy, t done");
    });
}

#[test]
fn otp_32_a_fall_raises_who_had_finished_and_not_who_was_terminated() {
    // R6, L2. What an order has stopped, only an order starts.
    let trace = Trace::default();
    let [a, b, c] = ctls(["a", "b", "c"], &trace);
    let sup = Sup::new(Strategy::OneForAll).run(&a);
    let sup = sup
        .run(b.with(|run| run.restart(Restart::Transient)))
        .run(&c);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        b.finish().await;
        let c = h.tree().node("root.sup.c");
        c.terminate().await.expect("it stands");
        trace.expect("start a, start b, start c, stop c");
        a.crash().await;
        h.settled().await;
        trace.expect("start a, start b");
        let expected = "a healthy, b healthy, c down (terminated)";
        assert_eq!(children(&h, "root.sup").await, expected);
        c.start().await.expect("it is down");
        h.settled().await;
        trace.expect("start c");
    });
}

#[test]
fn otp_33_rest_for_one_raises_who_had_finished_after_it() {
    // R6, L2. The one before it that was terminated stays down.
    let trace = Trace::default();
    let [a, b, c, d] = ctls(["a", "b", "c", "d"], &trace);
    let sup = Sup::new(Strategy::RestForOne).all(&[a, b.clone()]);
    let sup = sup
        .run(c.with(|run| run.restart(Restart::Transient)))
        .run(&d);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        h.tree()
            .node("root.sup.a")
            .terminate()
            .await
            .expect("it stands");
        c.finish().await;
        h.settled().await;
        trace.take();
        b.crash().await;
        h.settled().await;
        trace.expect("stop d, start b, start c, start d");
        let expected = "a down (terminated), b healthy, c healthy, d healthy";
        assert_eq!(children(&h, "root.sup").await, expected);
    });
}

/// Crashes one member while the next start of another one is going to fail.
fn crash_and_fail<const N: usize>(
    strategy: Strategy,
    names: [&'static str; N],
    (crashes, fails): (usize, usize),
    lines: &str,
) {
    let trace = Trace::default();
    let members = ctls(names, &trace);
    let sup = Sup::new(strategy).all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        members[fails].fail_starts(1);
        members[crashes].crash().await;
        h.settled().await;
        trace.expect(lines);
        assert_eq!(counts(&h).await, (N, N));
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_35_another_one_that_fails_to_rise_takes_those_that_have() {
    // R6, R10b. Its failed start is a death like any other.
    let lines = "stop b, start a, try b, stop a, start a, start b";
    crash_and_fail(Strategy::OneForAll, ["a", "b"], (0, 1), lines);
}

#[test]
fn otp_36_another_one_that_fails_to_rise_leaves_those_before_it() {
    // R6, R10b.
    let lines = "stop b, start a, try b, start b";
    crash_and_fail(Strategy::RestForOne, ["a", "b"], (0, 1), lines);
}

#[test]
fn otp_37_one_for_all_tries_all_of_them_again() {
    // R6, R10, R10b. Nobody after the one that failed had started.
    let lines = "stop d, stop f, stop a, start a, start b, try f, \
                 stop b, stop a, start a, start b, start f, start d";
    crash_and_fail(Strategy::OneForAll, ["a", "b", "f", "d"], (1, 2), lines);
}

#[test]
fn otp_38_rest_for_one_tries_the_rest_again() {
    // R6, R10, R10b.
    let lines = "stop d, stop f, start b, try f, start f, start d";
    crash_and_fail(Strategy::RestForOne, ["a", "b", "f", "d"], (1, 2), lines);
}
