//! Section F: the stop of one node, by an order or with what it stands below.

use perennial::testing::{Fault, Harness};
use perennial::{Backoff, Context, Down, Effect, Restart, Rung, State, Strategy, Told};
use tokio::time::sleep;

use crate::ctl::{Ctl, Member, ctls};
use crate::sup::{Sup, children, incarnation, is_up, ms, node, seconds};
use crate::trace::Trace;

const A: &str = "root.sup.a";

#[test]
fn otp_78_a_child_that_is_terminated_is_asked_and_kept() {
    // R16. The second order is fine, and the sibling notices nothing.
    let trace = Trace::default();
    let members = ctls(["a", "b"], &trace);
    let sup = Sup::new(Strategy::OneForAll).all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        let sibling = incarnation(&h, "root.sup.b").await;
        let a = h.tree().node(A);
        for lines in ["stop a", ""] {
            assert_eq!(a.terminate().await.expect("it stands"), Effect::Visible);
            trace.expect(lines);
            let expected = "a down (terminated), b healthy";
            assert_eq!(children(&h, "root.sup").await, expected);
        }
        h.settled().await;
        assert_eq!(incarnation(&h, "root.sup.b").await, sibling);
        assert!(is_up(&h).await);
    });
}

/// Terminates the only child in the moment in which it ends by itself.
fn terminated_while_it_ends(restart: Restart, crashes: bool, expected: &'static str) {
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let later = Backoff::constant(seconds(1));
    let member = a.with(move |run| run.restart(restart).backoff(later));
    let sup = Sup::new(Strategy::OneForOne).run(member);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        match crashes {
            true => a.crash().await,
            false => a.finish().await,
        }
        let effect = h.tree().node(A).terminate().await;
        assert_eq!(effect.expect("it stands"), Effect::Visible);
        h.settled().await;
        let a = node(&h, A).await;
        assert_eq!(a.down, Some(Down::Terminated));
        assert_eq!(a.last_exit.expect("it returned").chain(), expected);
        trace.expect("start a");
    });
}

#[test]
fn otp_79_a_child_that_ends_while_it_is_terminated_keeps_its_real_exit() {
    // R5, R16, L2. Whoever comes first, it is down and its own exit is known.
    let (crashed, returned) = (
        "root.sup.a failed while healthy: crashed on request",
        "root.sup.a returned while healthy",
    );
    terminated_while_it_ends(Restart::Permanent, true, crashed);
    terminated_while_it_ends(Restart::Transient, true, crashed);
    terminated_while_it_ends(Restart::Permanent, false, returned);
    terminated_while_it_ends(Restart::Transient, false, returned);
    let fails = Member::new("a", |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        sleep(ms(1)).await;
        Err::<(), _>("the disk is full")
    });
    let sup = Sup::new(Strategy::OneForOne).run(fails);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        h.wait(h.tree().node(A).terminate())
            .await
            .expect("it stands");
        let a = node(&h, A).await;
        assert_eq!(a.down, Some(Down::Terminated));
        let chain = a.last_exit.expect("it returned").chain();
        assert_eq!(chain, "root.sup.a failed while stopping: the disk is full");
    });
}

#[test]
fn otp_80_a_slow_stop_blocks_nobody() {
    // R17, R16. It is shown, with whom it was told by and how far it is; others take orders.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace).cleans_up_in(seconds(5));
    let b = Ctl::new("b", &trace);
    let sup = Sup::new(Strategy::OneForOne)
        .run(a.with(|run| run.grace(seconds(10))))
        .run(&b);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let terminated = h.tree().node(A).terminate();
        h.advance(seconds(2)).await;
        let a = node(&h, A).await;
        assert_eq!(
            (a.state, a.since, a.rung),
            (State::Stopping, seconds(2), Rung::Asked)
        );
        let (told, by) = a.told.expect("it was told");
        assert_eq!((told, by.to_string().as_str()), (Told::Terminate, A));
        h.tree()
            .node("root.sup.b")
            .restart()
            .await
            .expect("it runs");
        assert_eq!(h.now(), seconds(2));
        assert_eq!(
            h.wait(terminated).await.expect("it stands"),
            Effect::Visible
        );
        assert_eq!(h.now(), seconds(5));
    });
}

#[test]
fn otp_80_an_order_from_a_stop_path_does_not_wait_for_its_turn() {
    // R10, R16. It comes before the order of stopping; who is asked already waits for no effect.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let notes = trace.clone();
    let orders = Member::new("b", move |ctx: Context| {
        let trace = notes.clone();
        async move {
            ctx.healthy();
            ctx.cancelled().await;
            let sibling = ctx.sibling("a").terminate().await;
            let parent = ctx.parent().expect("it is not the root").terminate().await;
            trace.note(format!("{sibling:?} {parent:?}"));
        }
    });
    let sup = Sup::new(Strategy::OneForOne).run(&a).run(orders);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let effect = h.tree().node("root.sup").terminate().await;
        assert_eq!(effect.expect("it stands"), Effect::Visible);
        trace.expect("start a, stop a, Ok(Accepted) Ok(Accepted)");
    });
}

#[test]
fn otp_80_an_order_from_a_stop_path_waits_for_nobody_that_waits_for_it() {
    // R16. The sibling starts when this one is down, so it is told that this will be done.
    let trace = Trace::default();
    let b = Ctl::new("b", &trace);
    let notes = trace.clone();
    let a = Member::new("a", move |ctx: Context| {
        let trace = notes.clone();
        async move {
            ctx.cancelled().await;
            let sibling = ctx.sibling("b").start().await;
            trace.note(format!("{sibling:?}"));
        }
    });
    let sup = Sup::new(Strategy::OneForOne).run(a).run(&b);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.idle().await;
        h.wait(h.tree().node(A).terminate())
            .await
            .expect("it stands");
        h.idle().await;
        trace.expect("Ok(Accepted), start b");
        assert_eq!(h.now(), ms(0));
    });
}

#[test]
fn otp_82_what_stands_below_a_fall_stops_in_reverse() {
    // R6, R10. At each level.
    let trace = Trace::default();
    let [a, b, c, d] = ctls(["a", "b", "c", "d"], &trace);
    let sub = Sup::new(Strategy::OneForOne).all(&[b, c]);
    let sup = Sup::new(Strategy::OneForOne)
        .run(&a)
        .run(sub.member("sub"))
        .run(&d);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.expect("start a, start b, start c, start d");
        h.inject(Fault::error("root.sup"));
        h.settled().await;
        trace.expect("stop d, stop c, stop b, stop a");
        assert_eq!(node(&h, "root.sup").await.down, Some(Down::Failed));
        assert_eq!(
            children(&h, "root.sup").await,
            "",
            "they are discarded with it"
        );
    });
}
