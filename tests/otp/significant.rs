//! Section H: children whose own end stops their parent.

use perennial::testing::{Fault, Harness};
use perennial::{Outcome, Restart, Significant, State, Strategy};

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{STRATEGIES, Sup, children, is_up};
use crate::trace::Trace;

/// How a child ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Finish,
    Crash,
    Kill,
    Terminate,
}

const ENDS: [End; 4] = [End::Finish, End::Crash, End::Kill, End::Terminate];

impl End {
    /// Lets `root.sup.a` end so.
    async fn come(self, h: &Harness, a: &Ctl) {
        match self {
            Self::Finish => a.finish().await,
            Self::Crash => a.crash().await,
            Self::Kill => h.inject(Fault::kill("root.sup.a")),
            Self::Terminate => {
                h.tree()
                    .node("root.sup.a")
                    .terminate()
                    .await
                    .expect("it stands");
            }
        }
        h.settled().await;
    }
}

fn choose(ctl: &Ctl, restart: Restart, significant: Significant) -> Member {
    ctl.with(move |run| run.restart(restart).significant(significant))
}

/// Starts a supervisor, lets its child `a` end, and asserts what is written and whether it is up.
fn ends(sup: Sup, (a, end): (&Ctl, End), trace: &Trace, lines: &str, stays_up: bool) {
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        end.come(&h, a).await;
        trace.expect(lines);
        let state = h.state("root.sup").await;
        let expected = if stays_up {
            State::Healthy
        } else {
            State::Done
        };
        assert_eq!(state, Some(expected), "{end:?}");
    });
}

#[test]
fn otp_95_no_end_of_a_child_that_is_not_significant_stops_its_parent() {
    // R10c. Whether it has a significant sibling or not.
    for sibling in [None, Some(Significant::Any), Some(Significant::All)] {
        for restart in [Restart::Temporary, Restart::Transient] {
            for end in ENDS {
                let trace = Trace::default();
                let [a, s] = ctls(["a", "s"], &trace);
                let sup = Sup::new(Strategy::OneForOne);
                let sup = sup.run(a.with(move |run| run.restart(restart)));
                let sup = match sibling {
                    Some(significant) => sup.run(choose(&s, Restart::Transient, significant)),
                    None => sup.run(&s),
                };
                let lines = match (end, restart) {
                    (End::Terminate, _) => "stop a",
                    (End::Crash | End::Kill, Restart::Transient) => "start a",
                    _ => "",
                };
                ends(sup, (&a, end), &trace, lines, true);
            }
        }
    }
}

#[test]
fn otp_96_each_own_end_of_a_temporary_child_stops_its_parent() {
    // R10c, R10. The others stop in reverse; an order is no end of its own.
    for end in ENDS {
        let trace = Trace::default();
        let [a, b, c] = ctls(["a", "b", "c"], &trace);
        let sup = Sup::new(Strategy::OneForOne);
        let sup = sup.run(choose(&a, Restart::Temporary, Significant::Any));
        let sup = sup
            .run(choose(&b, Restart::Temporary, Significant::Any))
            .run(&c);
        let (lines, stays_up) = match end {
            End::Terminate => ("stop a", true),
            End::Finish | End::Crash | End::Kill => ("stop c, stop b", false),
        };
        ends(sup, (&a, end), &trace, lines, stays_up);
    }
}

#[test]
fn otp_97_only_the_return_of_a_transient_child_stops_its_parent() {
    // R10c. Its death is answered by a restart.
    for end in ENDS {
        let trace = Trace::default();
        let [a, b] = ctls(["a", "b"], &trace);
        let sup = Sup::new(Strategy::OneForOne);
        let sup = sup
            .run(choose(&a, Restart::Transient, Significant::Any))
            .run(&b);
        let (lines, stays_up) = match end {
            End::Terminate => ("stop a", true),
            End::Crash | End::Kill => ("start a", true),
            End::Finish => ("stop b", false),
        };
        ends(sup, (&a, end), &trace, lines, stays_up);
    }
}

/// A supervisor of a, c, b and d, of which a and b stop it when both have ended.
fn all_of_two(trace: &Trace) -> (Ctl, Ctl, Sup) {
    let [a, b, c, d] = ctls(["a", "b", "c", "d"], trace);
    let all = |ctl: &Ctl| choose(ctl, Restart::Transient, Significant::All);
    let sup = Sup::new(Strategy::OneForOne).run(all(&a)).run(&c);
    let sup = sup.run(all(&b)).run(&d);
    (a, b, sup)
}

#[test]
fn otp_98_the_end_of_the_last_significant_child_stops_its_parent() {
    // R10c, R10. The rest stop in reverse.
    let trace = Trace::default();
    let (a, b, sup) = all_of_two(&trace);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        a.finish().await;
        h.settled().await;
        trace.expect("");
        assert!(is_up(&h).await);
        b.finish().await;
        h.settled().await;
        trace.expect("stop d, stop c");
        assert_eq!(h.state("root.sup").await, Some(State::Done));
    });
}

#[test]
fn otp_98_an_order_counts_as_an_end_and_is_none_of_its_own() {
    // R10c. Nothing is looked at when it comes, and it is down when another one ends.
    for by_order_first in [true, false] {
        let trace = Trace::default();
        let (a, _, sup) = all_of_two(&trace);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.settled().await;
            let b = h.tree().node("root.sup.b");
            if by_order_first {
                b.terminate().await.expect("it stands");
                a.finish().await;
            } else {
                a.finish().await;
                h.settled().await;
                b.terminate().await.expect("it stands");
            }
            h.settled().await;
            let expected = if by_order_first {
                State::Done
            } else {
                State::Healthy
            };
            assert_eq!(h.state("root.sup").await, Some(expected));
        });
    }
}

#[test]
fn otp_100_the_death_of_a_sibling_is_no_end_of_their_own() {
    // R10c, R6. Nor is that they fall and rise with it.
    let lines = [
        "start m",
        "stop z, stop a, start a, start m, start z",
        "stop z, start m, start z",
    ];
    for (strategy, lines) in STRATEGIES.into_iter().zip(lines) {
        for significant in [Significant::Any, Significant::All] {
            let trace = Trace::default();
            let [a, m, z] = ctls(["a", "m", "z"], &trace);
            let sup = Sup::new(strategy).run(choose(&a, Restart::Transient, significant));
            let sup = sup.run(&m).run(choose(&z, Restart::Transient, significant));
            Harness::run(None, |h| async move {
                h.start(sup.root());
                h.settled().await;
                trace.take();
                m.crash().await;
                h.settled().await;
                trace.expect(lines);
                assert!(is_up(&h).await);
            });
        }
    }
}

#[test]
fn otp_101_an_end_goes_up_as_far_as_it_is_significant() {
    // R10c. Who was stopped by it is done, which is an end of its own.
    for is_significant in [true, false] {
        let trace = Trace::default();
        let c = Ctl::new("c", &trace);
        let b = Sup::new(Strategy::OneForOne);
        let b = b
            .run(choose(&c, Restart::Transient, Significant::Any))
            .member("b");
        let b = b.with(move |run| match is_significant {
            true => run
                .restart(Restart::Transient)
                .significant(Significant::Any),
            false => run.restart(Restart::Transient),
        });
        let sup = Sup::new(Strategy::OneForOne).run(b);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.settled().await;
            c.finish().await;
            h.settled().await;
            if is_significant {
                assert_eq!(h.state("root.sup").await, Some(State::Done));
            } else {
                assert!(is_up(&h).await);
                assert_eq!(children(&h, "root.sup").await, "b done");
            }
        });
    }
}

#[test]
fn otp_103_a_temporary_significant_bystander_is_lost_and_stops_nobody() {
    // R10c, R6. It was stopped by a fall, which does not raise it.
    let trace = Trace::default();
    let [x, p] = ctls(["x", "p"], &trace);
    let sup = Sup::new(Strategy::OneForAll);
    let sup = sup
        .run(choose(&x, Restart::Temporary, Significant::Any))
        .run(&p);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        p.crash().await;
        h.settled().await;
        trace.expect("stop x, start p");
        assert_eq!(
            children(&h, "root.sup").await,
            "x down (temporary), p healthy"
        );
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_101_at_the_root_an_end_finishes_the_tree() {
    // R10c, R11. The rest stop as ever.
    let trace = Trace::default();
    let [a, b] = ctls(["a", "b"], &trace);
    let sup = Sup::new(Strategy::OneForOne);
    let sup = sup
        .run(choose(&a, Restart::Transient, Significant::Any))
        .run(&b);
    Harness::run(None, |h| async move {
        h.start(sup.member("root").runnable());
        h.settled().await;
        a.finish().await;
        let report = h.stopped().await.expect("it has finished");
        assert_eq!(report.outcome, Outcome::Finished);
        trace.expect("start a, start b, stop b");
    });
}
