//! Section D: where a spent budget leads.

use perennial::testing::Harness;
use perennial::{Restart, State, Strategy};

use crate::ctl::{Ctl, ctls};
use crate::sup::{STRATEGIES, Sup, children, has_fallen, is_up, left, ms, seconds};
use crate::trace::Trace;

#[test]
fn otp_48_a_spent_budget_stops_the_others_in_reverse() {
    // R9, R10. Who has spent it is not stopped again.
    let trace = Trace::default();
    let [a, b, c] = ctls(["a", "b", "c"], &trace);
    let sup = Sup::new(Strategy::OneForOne).intensity(0, seconds(60));
    let sup = sup.all(&[a, b.clone(), c]);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        b.crash().await;
        h.settled().await;
        trace.expect("stop c, stop a");
        assert!(has_fallen(&h).await);
    });
}

#[test]
fn otp_49_a_child_that_cannot_start_again_spends_the_budget() {
    // R9, R10b. Four attempts, whatever the strategy.
    let lines = [
        "try a, try a, try a, try a, stop b",
        "stop b, try a, try a, try a, try a",
        "stop b, try a, try a, try a, try a",
    ];
    for (strategy, lines) in STRATEGIES.into_iter().zip(lines) {
        let trace = Trace::default();
        let [a, b] = ctls(["a", "b"], &trace);
        let sup = Sup::new(strategy)
            .intensity(4, seconds(60))
            .all(&[a.clone(), b]);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.settled().await;
            trace.take();
            a.fail_starts(usize::MAX);
            a.crash().await;
            h.settled().await;
            trace.expect(lines);
            assert!(has_fallen(&h).await);
        });
    }
}

/// A roomy supervisor above one without a restart to spare, whose only child crashes.
fn below_a_parent(restart: Restart, expected: &'static str, left_above: u32, lines: &str) {
    let trace = Trace::default();
    let leaf = Ctl::new("leaf", &trace);
    let sub = Sup::new(Strategy::OneForOne)
        .intensity(0, seconds(60))
        .run(&leaf);
    let sub = sub.member("sub").with(move |run| run.restart(restart));
    let sup = Sup::new(Strategy::OneForOne).run(&sub);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        leaf.crash().await;
        h.settled().await;
        trace.expect(lines);
        assert_eq!(children(&h, "root.sup").await, expected);
        assert_eq!(left(&h, "root.sup.sub").await, left_above);
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_50_a_permanent_supervisor_that_gave_up_starts_again() {
    // R9, L4. Its code declares its children anew, and one restart is counted above it.
    below_a_parent(Restart::Permanent, "sub healthy", 9, "start leaf");
}

#[test]
fn otp_51_a_transient_supervisor_that_gave_up_starts_again() {
    // R9, R5. However it returns, it is read as dead: no subtree is lost in silence.
    below_a_parent(Restart::Transient, "sub healthy", 9, "start leaf");
}

#[test]
fn otp_52_a_temporary_supervisor_that_gave_up_stays_down() {
    // R9, R5. Nothing is counted.
    below_a_parent(Restart::Temporary, "sub down (failed)", 10, "");
}

#[test]
fn otp_54_a_supervisor_that_cannot_start_again_spends_the_budget_above_it() {
    // R9, R10b. Each of its failed starts is a death there.
    let trace = Trace::default();
    let leaf = Ctl::new("leaf", &trace);
    let sub = Sup::new(Strategy::OneForOne)
        .intensity(0, seconds(60))
        .run(&leaf);
    let sup = Sup::new(Strategy::OneForOne).intensity(3, seconds(60));
    let sup = sup.run(sub.member("sub"));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        leaf.fail_starts(usize::MAX);
        leaf.crash().await;
        h.settled().await;
        trace.expect("try leaf, try leaf, try leaf");
        assert!(has_fallen(&h).await);
    });
}

#[test]
fn otp_55_the_failure_of_the_tree_names_the_child_its_exit_and_the_budget() {
    // R9, R11. The whole chain, down to what the child returned.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne)
        .intensity(1, seconds(60))
        .run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.member("root").runnable());
        h.settled().await;
        a.crash().await;
        h.settled().await;
        a.crash().await;
        let failure = h.stopped().await.expect_err("its budget is spent");
        assert_eq!(
            format!("{failure:?}"),
            "root.a spent the budget of its group, 1 restarts in 60s: \
             root.a failed while healthy: crashed on request"
        );
    });
}

#[test]
fn otp_56_a_slow_stop_makes_no_room_for_restarts() {
    // R9. While all of them stop, no time passes for the budget.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let b = Ctl::new("b", &trace).cleans_up_in(ms(2100));
    let sup = Sup::new(Strategy::OneForAll)
        .intensity(1, seconds(1))
        .run(&a);
    let sup = sup.run(b.with(|run| run.grace(seconds(5))));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        a.crash().await;
        h.settled().await;
        assert_eq!(h.now(), ms(2100));
        assert!(is_up(&h).await);
        a.crash().await;
        h.settled().await;
        trace.expect("start a, start b, ask b, stop b, start a, start b, ask b, stop b");
        assert_eq!(h.state("root.sup").await, Some(State::Down));
        assert!(has_fallen(&h).await);
    });
}
