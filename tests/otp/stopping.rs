//! Section F: the stop of the tree.

use std::future::pending;

use perennial::testing::Harness;
use perennial::{Context, Grace, Outcome, Report, Stop, Strategy};

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{Sup, ms, seconds};
use crate::trace::Trace;

/// Those whose stop was not plain, with the rung and the exit: `root.sup.a aborted: was aborted`.
fn stops(report: &Report) -> Vec<String> {
    assert_eq!(report.outcome, Outcome::Stopped);
    let shown = |stop: &Stop| {
        let exit = stop
            .evidence
            .as_ref()
            .and_then(|evidence| evidence.exit.clone());
        let exit = exit.expect("each of them returns");
        match exit.error() {
            Some(error) => format!("{} {}: {error}", stop.path, stop.rung),
            None => format!("{} {}: {exit}", stop.path, stop.rung),
        }
    };
    report.stops.iter().map(shown).collect()
}

#[test]
fn otp_67_members_stop_in_reverse_one_after_another() {
    // R10. The next one is asked when the one before is gone.
    let trace = Trace::default();
    let members = ctls(["a", "b", "c"], &trace).map(|member| member.cleans_up_in(ms(100)));
    let sup = Sup::new(Strategy::OneForOne).all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), ms(300));
        trace.expect("ask c, stop c, ask b, stop b, ask a, stop a");
        assert_eq!(stops(&report), [""; 0]);
    });
}

#[test]
fn otp_68_a_cleanup_within_the_grace_is_plain() {
    // R10. The report does not name it.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace).cleans_up_in(ms(300));
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let report = h.stop().await.expect("stopping is no failure");
        trace.expect("start a, ask a, stop a");
        assert_eq!((h.now(), stops(&report)), (ms(300), vec![]));
    });
}

/// It serves, and does not hear that it is asked to stop.
fn deaf(name: &'static str) -> Member {
    Member::new(name, |ctx: Context| async move {
        ctx.healthy();
        pending::<()>().await;
    })
}

#[test]
fn otp_69_one_that_outlives_its_grace_is_aborted() {
    // R10. And the one before it is stopped as if nothing had been.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(&a).run(deaf("deaf"));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), seconds(1));
        trace.expect("start a, stop a");
        assert_eq!(stops(&report), ["root.sup.deaf aborted: was aborted"]);
    });
}

#[test]
fn otp_70_71_without_grace_no_code_runs_after_the_asking() {
    // R10. Asked and aborted are one step; the sibling has its grace.
    let trace = Trace::default();
    let [a, b] = ctls(["a", "b"], &trace);
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    let sup = sup.run(b.with(|run| run.grace(ms(0))));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), ms(0));
        trace.expect("start a, start b, stop a");
        assert_eq!(stops(&report), ["root.sup.b aborted: was aborted"]);
    });
}

#[test]
fn otp_72_an_infinite_grace_waits_as_long_as_it_takes() {
    // R10, L9. For a leaf, and for what stands below another node, whose own grace is for its code.
    let trace = Trace::default();
    let [a, b] = ctls(["a", "b"], &trace).map(|member| member.cleans_up_in(seconds(1000)));
    let infinite = |ctl: &Ctl| ctl.with(|run| run.grace(Grace::Infinite));
    let sub = Sup::new(Strategy::OneForOne).run(infinite(&b));
    let sup = Sup::new(Strategy::OneForOne)
        .run(infinite(&a))
        .run(sub.member("sub"));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(h.now(), seconds(2000));
        trace.expect("ask b, stop b, ask a, stop a");
        assert_eq!(stops(&report), [""; 0]);
    });
}

#[test]
fn otp_73_a_crash_in_a_cleanup_is_evidence_and_nothing_else() {
    // R10, R11, L2. The stop goes on, and nothing starts again.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let fails = Member::new("fails", |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        Err::<(), _>("the disk is full")
    });
    let panics = Member::new("panics", |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        assert!(!ctx.is_cancelled(), "no such file");
    });
    let sup = Sup::new(Strategy::OneForAll).run(&a).run(fails).run(panics);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let report = h.stop().await.expect("stopping is no failure");
        trace.expect("start a, stop a");
        let stops = stops(&report);
        assert_eq!(stops.len(), 2, "{report}");
        assert!(
            stops[0].starts_with("root.sup.panics asked: panicked at"),
            "{stops:?}"
        );
        assert!(stops[0].ends_with("no such file"), "{stops:?}");
        assert_eq!(stops[1], "root.sup.fails asked: the disk is full");
    });
}

#[test]
fn otp_69_at_the_deadline_of_a_stop_order_ends() {
    // R10, L9. Who stops is aborted, and so is who has not been asked.
    let trace = Trace::default();
    let members = ctls(["a", "b", "c"], &trace).map(|member| member.cleans_up_in(ms(600)));
    let sup = Sup::new(Strategy::OneForOne).all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        let report = h.wait(h.tree().stop_within(seconds(1))).await;
        assert_eq!(h.now(), seconds(1));
        trace.expect("ask c, stop c, ask b");
        let stops = stops(&report.expect("stopping is no failure"));
        assert_eq!(
            stops,
            [
                "root.sup.b aborted: was aborted",
                "root.sup.a aborted: was aborted"
            ]
        );
    });
}
