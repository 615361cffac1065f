//! Section A: the start of a supervisor and its members.

use std::sync::Arc;

use perennial::testing::{Fault, Harness};
use perennial::{Cause, Context, Down, Evidence, Exit, Outcome, Restart, State, Strategy};

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{Sup, children, counts, is_up, left, ms, node, over, seconds};
use crate::trace::Trace;

#[test]
fn otp_01_a_supervisor_without_children_serves_and_stops() {
    // R3, R11. A group without members is none.
    Harness::run(None, |h| async move {
        h.start(Sup::new(Strategy::OneForOne).root());
        h.settled().await;
        assert!(is_up(&h).await);
        assert_eq!(counts(&h).await, (0, 0));
        let report = h.stop().await.expect("stopping is no failure");
        assert_eq!(report.outcome, Outcome::Stopped);
        assert!(report.stops.is_empty(), "{report}");
    });
}

#[test]
fn otp_02_children_start_in_the_order_of_their_list() {
    // R10b. Each when the one before it is healthy, whatever their names.
    let trace = Trace::default();
    let names = ["ch7", "ch3", "ch10", "ch2", "ch5"];
    let members = ctls(names, &trace).map(|member| member.starts_in(ms(10)));
    let sup = Sup::new(Strategy::OneForOne).all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        for name in names {
            h.idle().await;
            trace.expect(&format!("start {name}"));
            h.advance(ms(9)).await;
            trace.expect("");
            h.advance(ms(1)).await;
        }
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_03_a_start_is_acknowledged_when_its_step_is_over() {
    // R3, R4. By the handle of the child, and by the supervisor, which waits for it.
    let trace = Trace::default();
    let slow = Ctl::new("slow", &trace).starts_in(ms(100));
    let sup = Sup::new(Strategy::OneForOne).run(&slow);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.advance(ms(99)).await;
        assert_eq!(h.state("root.sup").await, Some(State::Starting));
        assert_eq!(children(&h, "root.sup").await, "slow starting");
        let child = sup.children().remove(0);
        h.wait(child.first_start()).await.expect("it starts");
        assert_eq!(h.now(), ms(100));
        h.idle().await;
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_04_a_supervisor_that_has_nothing_to_run_is_done() {
    // R4, R5. It says so and returns, and nothing has failed.
    let idle = Member::new("sup", |ctx: Context| async move { ctx.done() });
    Harness::run(None, |h| async move {
        h.start(over(&idle));
        h.settled().await;
        let sup = node(&h, "root.sup").await;
        assert_eq!((sup.state, sup.restarts), (State::Done, 0));
        assert_eq!(h.snapshot().await.nodes.len(), 2, "nothing runs below it");
        assert_eq!(h.now(), ms(0));
    });
}

/// The start of a, b, f and c fails at f. Returns what the parent is told of it.
fn fails_at(f: Member, trace: Trace) -> Arc<Evidence> {
    let [a, b, c] = ctls(["a", "b", "c"], &trace);
    let sup = Sup::new(Strategy::OneForOne).all(&[a, b]).run(f).run(&c);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.expect("start a, start b, try f, stop b, stop a");
        assert_eq!(h.now(), ms(0), "nothing is waited for");
        let sup = node(&h, "root.sup").await;
        assert_eq!(sup.down, Some(Down::Failed));
        let evidence = sup.last_exit.expect("it fell");
        match &evidence.cause {
            Some(Cause::Escalated(child)) => child.clone(),
            other => panic!("{other:?}"),
        }
    })
}

#[test]
fn otp_05_a_child_that_cannot_start_fails_the_start() {
    // R10b, R9. It is tried once, who is up stops in reverse, and the parent is told which and why.
    let trace = Trace::default();
    let f = Ctl::new("f", &trace);
    f.fail_starts(1);
    let evidence = fails_at(f.member(), trace);
    assert_eq!(evidence.path, "root.sup.f");
    assert_eq!(
        evidence.chain(),
        "root.sup.f failed while starting: f cannot start"
    );
}

#[test]
fn otp_05_a_parent_that_waits_for_its_child_hears_why_it_cannot_start() {
    // R3, R10b. It may return that error before the failure has escalated to it.
    let trace = Trace::default();
    let [a, f] = ctls(["a", "f"], &trace);
    let a = a.cleans_up_in(ms(100));
    f.fail_starts(1);
    let parent = move |ctx: Context| {
        let group = ctx.group("members", Strategy::OneForOne).in_order();
        let group = group
            .run("a", a.member().runnable())
            .run("f", f.member().runnable());
        async move {
            for child in group.start()? {
                child.healthy().await?;
            }
            anyhow::Ok(())
        }
    };
    let parent = Member::new("sup", parent).with(|run| run.restart(Restart::Temporary));
    Harness::run(None, |h| async move {
        h.start(over(&parent));
        h.settled().await;
        trace.expect("start a, try f, ask a, stop a");
        let sup = node(&h, "root.sup").await;
        assert_eq!(sup.down, Some(Down::Failed));
        let chain = sup.last_exit.expect("it returned").chain();
        let expected = "root.sup failed while starting: root.sup.f is down: \
                        root.sup.f failed while starting: f cannot start";
        assert_eq!(chain, expected);
    });
}

#[test]
fn otp_05_a_child_that_takes_too_long_or_is_killed_fails_the_start() {
    // R10b, R5. The first goes through the ladder before it is read as dead.
    for takes_long in [true, false] {
        let trace = Trace::default();
        let [a, f, c] = ctls(["a", "f", "c"], &trace);
        let f = f.starts_when_told();
        let limited = f.with(|run| run.start_timeout(seconds(3)));
        let sup = Sup::new(Strategy::OneForOne).run(&a).run(limited).run(&c);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.idle().await;
            if !takes_long {
                h.inject(Fault::kill("root.sup.f"));
            }
            h.settled().await;
            let (now, lines, cause) = match takes_long {
                true => (
                    seconds(3),
                    "start a, start f, stop f, stop a",
                    "not healthy within 3s",
                ),
                false => (ms(0), "start a, start f, stop a", "aborted while starting"),
            };
            trace.expect(lines);
            assert_eq!(h.now(), now);
            let chain = node(&h, "root.sup")
                .await
                .last_exit
                .expect("it fell")
                .chain();
            assert!(
                chain.starts_with("root.sup.f escalated to root.sup: root.sup.f"),
                "{chain}"
            );
            assert!(chain.ends_with(cause), "{chain}");
        });
    }
}

#[test]
fn otp_05_a_failed_start_fails_that_of_each_level_above() {
    // R10b, R9. Each stops its own in reverse, the lowest first.
    let trace = Trace::default();
    let [a, b, f] = ctls(["a", "b", "f"], &trace);
    f.fail_starts(1);
    let sub = Sup::new(Strategy::OneForOne).run(&b).run(&f);
    let sup = Sup::new(Strategy::OneForOne).run(&a).run(sub.member("sub"));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.expect("start a, start b, try f, stop b, stop a");
        let chain = node(&h, "root.sup")
            .await
            .last_exit
            .expect("it fell")
            .chain();
        let expected = "root.sup.sub escalated to root.sup: \
                        root.sup.sub.f escalated to root.sup.sub: \
                        root.sup.sub.f failed while starting: f cannot start";
        assert_eq!(chain, expected);
    });
}

#[test]
fn otp_06_a_child_that_panics_in_its_start_fails_the_start() {
    // R10b, R18. As with an error, with the message of the panic.
    let trace = Trace::default();
    let tries = trace.clone();
    let f = Member::new("f", move |ctx: Context| {
        tries.note("try f");
        async move { assert!(ctx.is_cancelled(), "no configuration") }
    });
    let evidence = fails_at(f, trace);
    let Some(Exit::Panicked(panic)) = &evidence.exit else {
        panic!("{evidence}");
    };
    assert_eq!(panic.message(), "no configuration");
}

#[test]
fn otp_13_a_crash_while_a_sibling_starts_does_not_fail_the_start() {
    // R10b, R6. It is answered at once, by the strategy, and counts one.
    for (strategy, lines, healthy) in [
        (Strategy::OneForOne, "start a", ms(100)),
        (Strategy::OneForAll, "stop b, start a, start b", ms(105)),
    ] {
        let trace = Trace::default();
        let a = Ctl::new("a", &trace);
        let b = Ctl::new("b", &trace).starts_in(ms(100));
        let sup = Sup::new(strategy).run(&a).run(&b);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.advance(ms(5)).await;
            trace.expect("start a, start b");
            a.crash().await;
            h.idle().await;
            trace.expect(lines);
            h.settled().await;
            assert_eq!(h.now(), healthy);
            trace.expect("");
            assert!(is_up(&h).await);

            assert_eq!(left(&h, "root.sup.a").await, 9);
        });
    }
}
