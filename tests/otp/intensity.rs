//! Section D: what a budget of restarts counts.

use std::time::Duration;

use perennial::testing::{Fault, Harness};
use perennial::{Context, Restart, RunError, Strategy, runnable};

use crate::ctl::{Ctl, ctls};
use crate::sup::{STRATEGIES, Sup, has_fallen, is_up, left, ms, seconds, within};
use crate::trace::Trace;

const A: &str = "root.sup.a";

#[test]
fn otp_41_the_death_after_the_last_restart_falls_to_the_parent() {
    // R9. A budget of N allows exactly N restarts.
    for allowed in [0_u32, 1, 3] {
        let trace = Trace::default();
        let a = Ctl::new("a", &trace);
        let sup = Sup::new(Strategy::OneForOne)
            .intensity(allowed, seconds(60))
            .run(&a);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.settled().await;
            trace.take();
            for restarts in 0..allowed {
                assert_eq!(left(&h, A).await, allowed - restarts);
                a.crash().await;
                h.settled().await;
                trace.expect("start a");
                assert!(is_up(&h).await);
            }
            a.crash().await;
            h.settled().await;
            trace.expect("");
            assert!(has_fallen(&h).await);
        });
    }
}

#[test]
fn otp_42_a_death_older_than_the_window_counts_no_more() {
    // R9.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne)
        .intensity(1, seconds(1))
        .run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        for _ in 0..3 {
            a.crash().await;
            h.settled().await;
            assert_eq!(left(&h, A).await, 0);
            h.advance(ms(1001)).await;
            assert_eq!(left(&h, A).await, 1);
        }
        trace.expect("start a, start a, start a, start a");
        assert!(is_up(&h).await);
    });
}

/// Whether a supervisor with one restart a second survives two deaths at this distance.
fn survives(distance: Duration) -> bool {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne)
        .intensity(1, seconds(1))
        .run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        a.crash().await;
        h.settled().await;
        h.advance(distance).await;
        a.crash().await;
        h.settled().await;
        assert_ne!(is_up(&h).await, has_fallen(&h).await);
        is_up(&h).await
    })
}

#[test]
fn otp_43_a_death_as_old_as_the_window_still_counts() {
    // R9. The edge is inclusive and exact to the millisecond.
    assert!(!survives(ms(999)));
    assert!(!survives(ms(1000)));
    assert!(survives(ms(1001)));
}

#[test]
fn otp_44_the_members_of_a_group_share_its_budget() {
    // R9.
    let trace = Trace::default();
    let members = ctls(["a", "b", "c"], &trace);
    let sup = Sup::new(Strategy::OneForOne)
        .intensity(2, seconds(60))
        .all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        for member in &members[..2] {
            member.crash().await;
            h.settled().await;
            assert!(is_up(&h).await);
        }
        members[2].crash().await;
        h.settled().await;
        assert!(has_fallen(&h).await);
    });
}

#[test]
fn otp_44_children_that_were_declared_alone_share_the_budget_of_their_parent() {
    // R9. The parent has it as an option of its own.
    let trace = Trace::default();
    let members = ctls(["a", "b", "c"], &trace);
    let all = members.clone();
    let parent = move |ctx: Context| {
        let all = all.clone();
        async move {
            for member in &all {
                ctx.run(member.member().name, member.member().runnable())?;
            }
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<_, RunError>(())
        }
    };
    let budget = within(2, seconds(60));
    let parent = runnable(parent)
        .children_intensity(budget)
        .restart(Restart::Temporary);
    let root = move |ctx: Context| {
        let run = ctx.run("sup", parent.clone());
        async move {
            run?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        for member in &members[..2] {
            member.crash().await;
            h.settled().await;
            assert!(is_up(&h).await);
        }
        members[2].crash().await;
        h.settled().await;
        assert!(has_fallen(&h).await);
    });
}

/// Whether a supervisor with one restart to spare survives two deaths in one moment.
fn survives_two(strategy: Strategy, killed: [&'static str; 2]) -> bool {
    let trace = Trace::default();
    let members = ctls(["a", "b", "c"], &trace);
    let sup = Sup::new(strategy).intensity(1, seconds(60)).all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        for path in killed {
            h.inject(Fault::kill(path));
        }
        h.settled().await;
        assert_ne!(is_up(&h).await, has_fallen(&h).await);
        is_up(&h).await
    })
}

#[test]
fn otp_44_deaths_that_come_together_count_once_where_they_fall_together() {
    // R9, R6. Who had been told to stop when it died is no death of its own.
    let (first, second) = ("root.sup.a", "root.sup.b");
    assert!(survives_two(Strategy::OneForAll, [first, second]));
    assert!(survives_two(Strategy::OneForAll, [second, first]));
    assert!(survives_two(Strategy::RestForOne, [first, second]));
    assert!(
        !survives_two(Strategy::RestForOne, [second, first]),
        "it does not take the first"
    );
    assert!(!survives_two(Strategy::OneForOne, [first, second]));
}

#[test]
fn otp_45_a_permanent_child_that_only_returns_spends_the_budget_too() {
    // R9, R5. It is read as dead each time.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne)
        .intensity(2, seconds(60))
        .run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        for _ in 0..2 {
            a.finish().await;
            h.settled().await;
            assert!(is_up(&h).await);
        }
        a.finish().await;
        h.settled().await;
        assert!(has_fallen(&h).await);
    });
}

#[test]
fn otp_46_restarts_by_order_are_free() {
    // R9, R16. Whether in one order or in two.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne)
        .intensity(1, seconds(60))
        .run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let a = h.tree().node(A);
        for _ in 0..5 {
            a.terminate().await.expect("it stands");
            a.start().await.expect("it is down");
            a.restart().await.expect("it runs");
        }
        h.settled().await;
        assert_eq!(trace.take().matches("start a").count(), 11);
        assert_eq!(left(&h, A).await, 1);
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_46_a_restart_by_order_takes_the_group_and_is_free() {
    // R16, R6, R9. By the strategy, in reverse and in order.
    let lines = [
        "stop b, start b",
        "stop c, stop b, stop a, start a, start b, start c",
        "stop c, stop b, start b, start c",
    ];
    for (strategy, lines) in STRATEGIES.into_iter().zip(lines) {
        let trace = Trace::default();
        let members = ctls(["a", "b", "c"], &trace);
        let sup = Sup::new(strategy).intensity(0, seconds(60)).all(&members);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.settled().await;
            trace.take();
            h.tree()
                .node("root.sup.b")
                .restart()
                .await
                .expect("it runs");
            h.settled().await;
            trace.expect(lines);
            assert!(is_up(&h).await);
        });
    }
}
