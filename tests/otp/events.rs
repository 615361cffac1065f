//! Section L: what is told of it all.

use std::future::pending;

use perennial::testing::{Harness, assert_text};
use perennial::{Context, Restart, Strategy};

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{Sup, seconds};
use crate::trace::Trace;

/// The events from the `from`-th on, without their times and the numbers of incarnations.
fn events(h: &Harness, from: usize) -> String {
    let log = h.log();
    let lines = log[from..]
        .iter()
        .map(|event| format!("{} {}", event.path, event.what));
    lines.collect::<Vec<_>>().join("\n")
}

/// Starts a supervisor, does something to it, and asserts the events that follow from it.
fn follows(sup: &Sup, act: impl AsyncFnOnce(&Harness), expected: &str) {
    let root = sup.root();
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        let from = h.log().len();
        act(&h).await;
        h.settled().await;
        assert_text(events(&h, from), expected);
    });
}

/// A supervisor with one child, of this restart type.
fn one(restart: Restart) -> (Ctl, Sup) {
    let a = Ctl::new("a", &Trace::default());
    let sup = Sup::new(Strategy::OneForOne).run(a.with(move |run| run.restart(restart)));
    (a, sup)
}

#[test]
fn otp_123_a_death_and_its_answer_are_events_in_order() {
    // R17, L3. Its exit first, with the evidence.
    let (a, sup) = one(Restart::Permanent);
    follows(
        &sup,
        async |_| a.crash().await,
        "
        root.sup.a exited: root.sup.a failed while healthy: crashed on request
        root.sup.a fell with group members, 1 in all
        root.sup.a restart scheduled, attempt 2 at 0.000000
        root.sup.a starting, attempt 2
        root.sup.a started again
        root.sup.a healthy
        ",
    );
}

#[test]
fn otp_123_a_spent_budget_is_told_before_what_it_stops() {
    // R17, R9, L3.
    let [a, b] = ctls(["a", "b"], &Trace::default());
    let sup = Sup::new(Strategy::OneForOne).intensity(0, seconds(60));
    let sup = sup.all(&[a.clone(), b]);
    follows(
        &sup,
        async |_| a.crash().await,
        "
        root.sup.a exited: root.sup.a failed while healthy: crashed on request
        root.sup.a down: budget spent
        root.sup.a budget spent: root.sup.a spent the budget of its group, 0 restarts in 60s: \
        root.sup.a failed while healthy: crashed on request
        root.sup.a escalated to root.sup
        root.sup stopping, told by itself (root.sup)
        root.sup.b stopping, told by parent (root.sup)
        root.sup exited: root.sup.a escalated to root.sup: \
        root.sup.a spent the budget of its group, 0 restarts in 60s: \
        root.sup.a failed while healthy: crashed on request
        root.sup down: failed
        root.sup.b exited: root.sup.b returned while stopping
        ",
    );
}

#[test]
fn otp_123_a_failed_start_is_told_with_its_exit() {
    // R17, R10b, L3.
    let [a, b] = ctls(["a", "b"], &Trace::default());
    b.fail_starts(1);
    let sup = Sup::new(Strategy::OneForOne).all(&[a, b]);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let expected = "
            root declared
            root starting, attempt 1
            root.sup declared
            root healthy
            root.sup starting, attempt 1
            root.sup.a declared
            root.sup.b declared
            root.sup.a starting, attempt 1
            root.sup.a healthy
            root.sup.b starting, attempt 1
            root.sup.b exited: root.sup.b failed while starting: b cannot start
            root.sup.b down: start failed
            root.sup.b budget spent: root.sup.b failed while starting: b cannot start
            root.sup.b fell with group members, 2 in all
            root.sup.a stopping, told by group (root.sup.b)
            root.sup.a exited: root.sup.a returned while stopping
            root.sup.a down: start failed
            root.sup.b escalated to root.sup
            root.sup stopping, told by itself (root.sup)
            root.sup exited: root.sup.b escalated to root.sup: \
            root.sup.b failed while starting: b cannot start
            root.sup down: failed
        ";
        assert_text(events(&h, 0), expected);
    });
}

#[test]
fn otp_123_an_abort_is_an_event_of_a_stop() {
    // R17, R10.
    let deaf = Member::new("deaf", |ctx: Context| async move {
        ctx.healthy();
        pending::<()>().await;
    });
    let sup = Sup::new(Strategy::OneForOne).run(deaf);
    follows(
        &sup,
        async |h| drop(h.tree().node("root.sup.deaf").terminate()),
        "
        root.sup.deaf ordered to terminate
        root.sup.deaf stopping, told by order terminate (root.sup.deaf)
        root.sup.deaf aborted
        root.sup.deaf exited: root.sup.deaf was aborted while stopping
        root.sup.deaf down: terminated
        ",
    );
}

#[test]
fn otp_123_the_end_of_a_transient_child_is_no_failure() {
    // R17, R5. It exits, and nothing follows from it.
    let (a, sup) = one(Restart::Transient);
    follows(
        &sup,
        async |_| a.finish().await,
        "
        root.sup.a exited: root.sup.a returned while healthy
        ",
    );
}

#[test]
fn otp_123_the_crash_of_a_temporary_child_is_told_with_its_exit() {
    // R17, L3. It is down, and nothing else happens.
    let (a, sup) = one(Restart::Temporary);
    follows(
        &sup,
        async |_| a.crash().await,
        "
        root.sup.a exited: root.sup.a failed while healthy: crashed on request
        root.sup.a down: failed
        ",
    );
}
