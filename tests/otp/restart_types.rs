//! Section B: which ends are answered by a restart.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use perennial::testing::{Fault, Harness};
use perennial::{
    Backoff, Context, Down, Effect, OrderError, Restart, RunError, State, Strategy, runnable,
};

use crate::ctl::Ctl;
use crate::sup::{STRATEGIES, Sup, children, counts, incarnation, is_up, node};
use crate::trace::Trace;

const A: &str = "root.sup.a";

/// How the only child of a supervisor ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Finish,
    Done,
    Crash,
    Panic,
    Kill,
    Terminate,
}

impl End {
    async fn come(self, h: &Harness, a: &Ctl) {
        match self {
            Self::Finish => a.finish().await,
            Self::Done => a.done().await,
            Self::Crash => a.crash().await,
            Self::Panic => a.panic().await,
            Self::Kill => h.inject(Fault::kill(A)),
            Self::Terminate => {
                let effect = h.tree().node(A).terminate().await;
                assert_eq!(effect.expect("it stands"), Effect::Visible);
            }
        }
        h.settled().await;
    }
}

/// Lets the only child end so, and asserts whether it was started again, and how it looks then.
fn ends(strategy: Strategy, restart: Restart, end: End, expected: &'static str) {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(strategy).run(a.with(move |run| run.restart(restart)));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let first = incarnation(&h, A).await;
        end.come(&h, &a).await;
        let starts_again = expected == "a healthy";
        assert_eq!(
            children(&h, "root.sup").await,
            expected,
            "{restart:?} {end:?}"
        );
        assert_eq!(counts(&h).await, (1, usize::from(starts_again)));
        assert_eq!(incarnation(&h, A).await != first, starts_again);
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_15_a_permanent_child_that_returns_starts_again() {
    // R5. It had not said that it is done.
    ends(
        Strategy::OneForOne,
        Restart::Permanent,
        End::Finish,
        "a healthy",
    );
}

#[test]
fn otp_16_a_permanent_child_says_itself_that_it_is_done_or_wants_a_restart() {
    // R4, R5. What a reason says in OTP, a signal says here; a planned restart is not counted.
    ends(Strategy::OneForOne, Restart::Permanent, End::Done, "a done");
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        a.restart().await;
        h.settled().await;
        trace.expect("start a, start a");
        let a = node(&h, A).await;
        assert_eq!((a.attempt, a.budgets[0].left), (1, 10));
    });
}

#[test]
fn otp_17_a_permanent_child_that_crashes_starts_again() {
    // R5, R18. By an error or a panic.
    ends(
        Strategy::OneForOne,
        Restart::Permanent,
        End::Crash,
        "a healthy",
    );
    ends(
        Strategy::OneForOne,
        Restart::Permanent,
        End::Panic,
        "a healthy",
    );
}

#[test]
fn otp_18_a_permanent_child_that_is_killed_starts_again() {
    // R5. A task that vanishes is an exit.
    ends(
        Strategy::OneForOne,
        Restart::Permanent,
        End::Kill,
        "a healthy",
    );
}

#[test]
fn otp_19_a_transient_child_that_returns_is_done() {
    // R5. It is listed, and does not run.
    ends(
        Strategy::OneForOne,
        Restart::Transient,
        End::Finish,
        "a done",
    );
}

#[test]
fn otp_20_a_transient_child_that_is_done_can_be_started_by_an_order() {
    // R5, R16. And ends again, with a word before its return or without.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(a.with(|run| run.restart(Restart::Transient)));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        for end in [End::Finish, End::Done, End::Finish] {
            end.come(&h, &a).await;
            assert_eq!(children(&h, "root.sup").await, "a done");
            let effect = h.tree().node(A).start().await;
            assert_eq!(effect.expect("it is done"), Effect::Visible);
            h.settled().await;
            assert_eq!(children(&h, "root.sup").await, "a healthy");
        }
        trace.expect("start a, start a, start a, start a");
    });
}

#[test]
fn otp_21_a_transient_child_that_crashes_or_is_killed_starts_again() {
    // R5. Both are deaths.
    for end in [End::Crash, End::Panic, End::Kill] {
        ends(Strategy::OneForOne, Restart::Transient, end, "a healthy");
    }
}

#[test]
fn otp_22_a_temporary_child_never_starts_again() {
    // R5. It is down, with the reason, and its parent goes on.
    for (end, expected) in [
        (End::Finish, "a down (finished)"),
        (End::Done, "a done"),
        (End::Crash, "a down (failed)"),
        (End::Panic, "a down (failed)"),
        (End::Kill, "a down (failed)"),
    ] {
        ends(Strategy::OneForOne, Restart::Temporary, end, expected);
    }
}

/// Whether the order start is taken after this end.
fn starts_by_order(strategy: Strategy, restart: Restart, end: End) -> bool {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(strategy).run(a.with(move |run| run.restart(restart)));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        end.come(&h, &a).await;
        let result = h.tree().node(A).start().await;
        h.settled().await;
        assert_eq!(children(&h, "root.sup").await, "a healthy", "in any case");
        match result {
            Ok(effect) => effect == Effect::Visible,
            Err(OrderError::Running { path }) if path == A => false,
            Err(other) => panic!("{strategy:?} {restart:?} {end:?}: {other}"),
        }
    })
}

#[test]
fn otp_23_what_was_not_started_again_can_be_started() {
    // R5, R16. What was runs already, and the order is refused.
    let ends = [End::Kill, End::Finish, End::Crash, End::Terminate];
    for strategy in STRATEGIES {
        for (restart, can_be_started) in [
            (Restart::Permanent, [false, false, false, true]),
            (Restart::Transient, [false, true, false, true]),
            (Restart::Temporary, [true, true, true, true]),
        ] {
            let starts = ends.map(|end| starts_by_order(strategy, restart, end));
            assert_eq!(starts, can_be_started, "{strategy:?} {restart:?}");
        }
    }
}

/// A root with one child, whose code alone has what it captured.
fn capturing(restart: Restart, a: Ctl) -> (Weak<()>, impl Fn(Context) -> Root + Send + Sync) {
    let captured = Arc::new(());
    let weak = Arc::downgrade(&captured);
    let captured = Mutex::new(Some(captured));
    let root = move |ctx: Context| {
        let captured = captured.lock().take().expect("the root starts once");
        let a = a.member();
        let code = move |ctx: Context| {
            let held = captured.clone();
            let run = a.call(ctx);
            async move {
                let exit = run.await;
                drop(held);
                exit
            }
        };
        let child = runnable(code).restart(restart).backoff(Backoff::none());
        let run = ctx.run("a", child);
        Box::pin(async move {
            run?;
            ctx.healthy();
            ctx.cancelled().await;
            Ok(())
        }) as Root
    };
    (weak, root)
}

type Root = futures::future::BoxFuture<'static, Result<(), RunError>>;

#[test]
fn otp_24_what_a_child_captures_lives_as_long_as_its_place() {
    // R3, R16. Whatever its restart type, since an order may start it again; remove drops it.
    for restart in [Restart::Permanent, Restart::Transient, Restart::Temporary] {
        let trace = Trace::default();
        let a = Ctl::new("a", &trace);
        let (captured, root) = capturing(restart, a.clone());
        Harness::run(None, |h| async move {
            h.start(root);
            h.settled().await;
            a.crash().await;
            h.settled().await;
            let a = node(&h, "root.a").await;
            let stays_down = restart == Restart::Temporary;
            assert_eq!(a.down, stays_down.then_some(Down::Failed));
            assert_eq!(a.state == State::Healthy, !stays_down);
            assert!(captured.upgrade().is_some());
            h.tree().node("root.a").remove().await.expect("it stands");
            h.idle().await;
            assert!(captured.upgrade().is_none(), "{restart:?}");
        });
    }
}
