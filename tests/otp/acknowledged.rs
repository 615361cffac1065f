//! Section G: starts that somebody waits for.

use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use perennial::testing::Harness;
use perennial::{Context, Effect, FirstStartError, Restart, Scope, State, Strategy};
use tokio::sync::watch;

use crate::ctl::{Ctl, Member};
use crate::sup::{Sup, children, is_up, node, seconds, within};
use crate::trace::Trace;

const A: &str = "root.sup.a";

type Root = BoxFuture<'static, anyhow::Result<()>>;

/// Starts a temporary child that fails, removes it, and starts another one of its name.
fn fails_and_goes(failing: Member, expected: &'static str) {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let said = Arc::new(Mutex::new(String::new()));
    let heard = said.clone();
    let root = move |ctx: Context| {
        let (failing, a, said) = (failing.runnable(), a.member(), said.clone());
        async move {
            let child = ctx.run("a", failing.restart(Restart::Temporary))?;
            match child.first_start().await {
                Err(FirstStartError::Exited { source, .. }) => *said.lock() = source.chain(),
                other => panic!("{other:?}"),
            }
            assert_eq!(child.ended().await.state, State::Down);
            child.remove().await?;
            ctx.run("a", a.runnable())?.first_start().await?;
            ctx.healthy();
            ctx.cancelled().await;
            anyhow::Ok(())
        }
        .boxed() as Root
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        assert_eq!(children(&h, "root").await, "a healthy");
        assert_eq!(node(&h, "root").await.restarts, 0);
        assert!(heard.lock().contains(expected), "{}", heard.lock());
    });
}

#[test]
fn otp_86_a_child_that_cannot_start_says_why_and_frees_its_name() {
    // R3, R16. By an error or a panic.
    let fails = Member::new("a", |_: Context| async { Err::<(), _>("no such host") });
    fails_and_goes(fails, "no such host");
    let panics = |ctx: Context| async move { assert!(ctx.is_cancelled(), "no such table") };
    fails_and_goes(Member::new("a", panics), "no such table");
}

#[test]
fn otp_87_a_start_by_order_that_fails_is_a_death_like_any_other() {
    // R16, R9. The order itself is free, and resolved when the incarnation runs.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let node_a = h.tree().node(A);
        node_a.terminate().await.expect("it stands");
        a.fail_starts(1);
        assert_eq!(node_a.start().await.expect("it is down"), Effect::Visible);
        h.settled().await;
        trace.expect("start a, stop a, try a, start a");
        let a = node(&h, A).await;
        assert_eq!((a.state, a.budgets[0].left), (State::Healthy, 9));
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_87_a_start_by_order_empties_the_window_of_the_node() {
    // R9, R16. That of its group goes on counting.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let own = within(1, seconds(60));
    let sup = Sup::new(Strategy::OneForOne).run(a.with(move |run| run.intensity(own)));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let left = async |scope: Scope| {
            let node = node(&h, A).await;
            let budget = node.budgets.iter().find(|budget| budget.scope == scope);
            budget.expect("it has this budget").left
        };
        a.crash().await;
        h.settled().await;
        assert_eq!((left(Scope::Node).await, left(Scope::Group).await), (0, 9));
        let a = h.tree().node(A);
        a.terminate().await.expect("it stands");
        a.start().await.expect("it is down");
        assert_eq!((left(Scope::Node).await, left(Scope::Group).await), (1, 9));
    });
}

#[test]
fn otp_88_what_a_start_makes_is_there_when_the_child_is_healthy() {
    // R3, R4. After a restart and after an order too.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let (makes, made) = watch::channel(0_u64);
    let obeys = a.member();
    let code = move |ctx: Context| {
        makes.send_replace(ctx.incarnation());
        obeys.call(ctx)
    };
    let sup = Sup::new(Strategy::OneForOne).run(Member::new("a", code));
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let child = sup.children().remove(0);
        let node_a = h.tree().node(A);
        let is_there = async || {
            child.healthy().await.expect("it serves");
            *made.borrow() == node(&h, A).await.incarnation
        };
        assert!(is_there().await);
        a.crash().await;
        assert!(is_there().await);
        node_a.terminate().await.expect("it stands");
        node_a.start().await.expect("it is down");
        assert!(is_there().await);
    });
}
