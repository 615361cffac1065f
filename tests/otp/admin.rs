//! Section G: orders, and what they answer.

use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::testing::Harness;
use perennial::{
    Context, Down, Effect, HealthyError, OrderError, Outcome, RunError, State, Strategy,
};

use crate::ctl::{Ctl, ctls};
use crate::sup::{Sup, children, is_up, ms, node};
use crate::trace::Trace;

const A: &str = "root.sup.a";

type Root = BoxFuture<'static, anyhow::Result<()>>;

#[test]
fn otp_83_only_what_does_not_run_can_be_started() {
    // R16. One that is down keeps its place, and starts.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let a = h.tree().node(A);
        match a.start().await {
            Err(OrderError::Running { path }) => assert_eq!(path, A),
            other => panic!("{other:?}"),
        }
        a.terminate().await.expect("it stands");
        assert_eq!(a.start().await.expect("it is down"), Effect::Visible);
        h.settled().await;
        trace.expect("start a, stop a, start a");
    });
}

#[test]
fn otp_84_an_order_about_an_unknown_path_finds_nothing() {
    // R16. Whatever the text.
    let sup = Sup::new(Strategy::OneForOne);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        for path in [
            "root.sup.a",
            "root.sup.",
            "root..sup",
            "sup",
            "",
            "ROOT",
            "root.sup.a.b",
        ] {
            let node = h.tree().node(path);
            for order in [
                node.start(),
                node.restart(),
                node.terminate(),
                node.remove(),
            ] {
                match order.await {
                    Err(OrderError::NotFound { path: found }) => assert_eq!(found, path),
                    other => panic!("{path}: {other:?}"),
                }
            }
            assert!(h.snapshot().await.find(path).is_none());
        }
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_85_what_runs_can_be_removed_and_restarted() {
    // R16. It is stopped first; what was removed is neither found nor reached.
    let trace = Trace::default();
    let members = ctls(["a", "b"], &trace);
    let sup = Sup::new(Strategy::OneForOne).all(&members);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        trace.take();
        let [a, b] = ["root.sup.a", "root.sup.b"].map(|path| h.tree().node(path));
        assert_eq!(b.restart().await.expect("it runs"), Effect::Visible);
        h.settled().await;
        trace.expect("stop b, start b");
        assert_eq!(a.remove().await.expect("it stands"), Effect::Visible);
        trace.expect("stop a");
        assert_eq!(children(&h, "root.sup").await, "b healthy");
        assert!(matches!(
            a.restart().await,
            Err(OrderError::NotFound { .. })
        ));
        let handle = sup.children().remove(0);
        assert!(matches!(
            handle.restart().await,
            Err(OrderError::Gone { .. })
        ));
        b.remove().await.expect("it stands");
        assert_eq!(children(&h, "root.sup").await, "");
        assert!(is_up(&h).await);
    });
}

#[test]
fn otp_85_the_name_of_a_removed_child_is_free_while_its_parent_starts() {
    // R16, R3. Once the parent is healthy, its names do not grow any more.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let root = move |ctx: Context| {
        let a = a.member();
        async move {
            let child = ctx.run("a", a.runnable())?;
            child.healthy().await?;
            child.remove().await?;
            ctx.run("a", a.runnable())?.healthy().await?;
            ctx.healthy();
            let late = ctx.run("b", a.runnable());
            assert!(matches!(late, Err(RunError::TooLate { .. })), "{late:?}");
            ctx.cancelled().await;
            anyhow::Ok(())
        }
        .boxed() as Root
    };
    Harness::run(None, |h| async move {
        h.start(root);
        h.settled().await;
        trace.expect("start a, stop a, start a");
        assert_eq!(children(&h, "root").await, "a healthy");
        assert_eq!(node(&h, "root").await.restarts, 0);
    });
}

#[test]
fn otp_89_the_snapshot_follows_a_child() {
    // R17, R16.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace).starts_when_told();
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.idle().await;
        assert_eq!(node(&h, A).await.state, State::Starting);
        a.healthy().await;
        h.settled().await;
        assert_eq!(node(&h, A).await.state, State::Healthy);
        h.tree().node(A).terminate().await.expect("it stands");
        let down = node(&h, A).await;
        assert_eq!(
            (down.state, down.down),
            (State::Down, Some(Down::Terminated))
        );
        h.tree().node(A).remove().await.expect("it stands");
        assert!(h.snapshot().await.find(A).is_none());
    });
}

#[test]
fn otp_92_a_call_on_what_is_gone_is_an_error_and_no_hang() {
    // R16, L10, R3. By path and by handle, of a place and of a tree.
    let trace = Trace::default();
    let a = Ctl::new("a", &trace);
    let sup = Sup::new(Strategy::OneForOne).run(&a);
    Harness::run(None, |h| async move {
        h.start(sup.root());
        h.settled().await;
        let child = sup.children().remove(0);
        h.tree()
            .node("root.sup")
            .terminate()
            .await
            .expect("it stands");
        h.idle().await;
        let path = h.tree().node(A);
        assert!(matches!(
            path.start().await,
            Err(OrderError::NotFound { .. })
        ));
        assert!(matches!(child.start().await, Err(OrderError::Gone { .. })));
        assert!(matches!(
            child.healthy().await,
            Err(HealthyError::Gone { .. })
        ));
        child.ended().await;
        h.stop().await.expect("stopping is no failure");
        assert!(matches!(path.start().await, Err(OrderError::Ended { .. })));
        let gone = child.terminate().await;
        let is_gone = matches!(
            gone,
            Err(OrderError::Ended { .. } | OrderError::Gone { .. })
        );
        assert!(is_gone, "{gone:?}");
        assert!(matches!(
            child.healthy().await,
            Err(HealthyError::Gone { .. })
        ));
    });
}

#[test]
fn otp_93_a_stop_is_over_when_all_is_down() {
    // R16, R11. Of a node and of the tree, which says how it ended.
    for is_of_tree in [false, true] {
        let trace = Trace::default();
        let members = ctls(["a", "b"], &trace).map(|member| member.cleans_up_in(ms(300)));
        let sup = Sup::new(Strategy::OneForOne).all(&members);
        Harness::run(None, |h| async move {
            h.start(sup.root());
            h.settled().await;
            trace.take();
            if is_of_tree {
                let report = h.stop().await.expect("stopping is no failure");
                assert_eq!(report.outcome, Outcome::Stopped);
            } else {
                let stopped = h.tree().node("root.sup").terminate();
                assert_eq!(h.wait(stopped).await.expect("it stands"), Effect::Visible);
            }
            assert_eq!(h.now(), ms(600));
            trace.expect("ask b, stop b, ask a, stop a");
        });
    }
}
