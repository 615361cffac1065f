//! Requests that cannot be granted: each is an error value that says which and why.

use std::error::Error;

use crate::puppet::Puppet;
use crate::root::root_of;
use perennial::testing::Harness;
use perennial::{
    Context, Down, Exit, IntoExit, RunError, Signal, StartError, State, Strategy, Supervisor, What,
};
use tokio::sync::oneshot;

/// Serves until it is asked to stop.
async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

/// Runs `ask` in a root that is starting, and is done; the paths that stand after it.
fn asked(ask: impl Fn(&Context) + Send + Sync + 'static) -> Vec<String> {
    let root = move |ctx: Context| {
        ask(&ctx);
        async move { ctx.done() }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        assert_eq!(harness.state("root").await, Some(State::Done));
        let snapshot = harness.snapshot().await;
        (snapshot.nodes.iter())
            .map(|node| node.path.to_string())
            .collect()
    })
}

#[test]
fn a_group_with_one_bad_name_is_refused_whole() {
    // R1, R3. Neither its label nor its good members are taken by it.
    let paths = asked(|ctx| {
        let group = ctx.group("label", Strategy::OneForAll).run("good", serve);
        let error = group.run("Bad", serve).start().expect_err("a bad name");
        assert!(matches!(error, RunError::Name { .. }), "{error}");
        let group = ctx.group("label", Strategy::OneForAll).run("good", serve);
        assert_eq!(group.start().expect("all is free").len(), 1);
    });
    assert_eq!(paths, ["root", "root.good"]);
}

#[test]
fn a_group_that_names_a_member_twice_is_refused_whole() {
    // R1, R3. The error says which name.
    let paths = asked(|ctx| {
        let group = ctx.group("label", Strategy::OneForAll).run("twin", serve);
        let error = group.run("twin", serve).start().expect_err("a name twice");
        assert!(matches!(&error, RunError::NameTaken { name, .. } if name.as_str() == "twin"));
        assert!(
            error.to_string().contains("root cannot run twin"),
            "{error}"
        );
    });
    assert_eq!(paths, ["root"]);
}

#[test]
fn a_group_whose_label_is_taken_is_refused_whole() {
    // R1. A label is a name among its node's names.
    let paths = asked(|ctx| {
        ctx.run("child", serve).expect("all is free");
        let start = |label, member| {
            let group = ctx.group(label, Strategy::OneForOne);
            group.run(member, serve).start().map(drop)
        };
        assert!(start("label", "first").is_ok());
        for (label, member) in [("label", "second"), ("child", "second"), ("same", "same")] {
            let refused = start(label, member);
            assert!(
                matches!(refused, Err(RunError::NameTaken { .. })),
                "{label} {refused:?}"
            );
        }
        assert!(matches!(
            ctx.run("label", serve),
            Err(RunError::NameTaken { .. })
        ));
        assert!(matches!(ctx.pool("label"), Err(RunError::NameTaken { .. })));
    });
    assert_eq!(paths, ["root", "root.child", "root.first"]);
}

#[test]
fn a_bad_label_is_refused() {
    // R1. As a bad name is, with the name's error as its source.
    let paths = asked(|ctx| {
        let group = ctx.group("", Strategy::OneForAll).run("child", serve);
        let error = group.start().expect_err("an empty label");
        assert!(
            error
                .source()
                .is_some_and(|source| source.to_string().contains("empty"))
        );
    });
    assert_eq!(paths, ["root"]);
}

#[test]
fn an_incarnation_that_has_returned_declares_nothing() {
    // R3, L10. Even while its children keep it done.
    let (gave, given) = oneshot::channel();
    let gave = parking_lot::Mutex::new(Some(gave));
    let root = move |ctx: Context| {
        let gave = gave.lock().take().expect("it starts once");
        async move {
            ctx.run("child", serve)?;
            ctx.done();
            let _ = gave.send(ctx);
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        let ctx: Context = given.await.expect("it was given");
        harness.settled().await;
        let late = ctx.run("late", serve);
        let refused = matches!(late, Err(RunError::Ended { .. } | RunError::TooLate { .. }));
        assert!(refused, "{late:?}");
        assert_eq!(harness.snapshot().await.nodes.len(), 2);
    });
}

#[test]
fn a_node_that_was_told_to_stop_declares_nothing() {
    // R3, L2. It is refused with an error, and no child starts.
    let (gave, given) = oneshot::channel();
    let gave = parking_lot::Mutex::new(Some(gave));
    let root = move |ctx: Context| {
        let gave = gave.lock().take();
        async move {
            ctx.cancelled().await;
            let _ = gave.map(|gave| gave.send(ctx.run("late", serve).map(drop)));
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.until("root", State::Starting).await;
        harness.stop().await.expect("stopping is no failure");
        let refused = given.await.expect("it was asked");
        assert!(
            matches!(refused, Err(RunError::Stopping { .. })),
            "{refused:?}"
        );
    });
}

#[test]
fn more_children_than_are_allowed_are_refused() {
    // R3. A group that does not fit is refused whole.
    let root = |ctx: Context| async move {
        ctx.run("first", serve)?;
        let group = ctx.group("pair", Strategy::OneForAll);
        let refused = group.run("second", serve).run("third", serve).start();
        assert!(
            matches!(refused, Err(RunError::TooMany { limit: 2, .. })),
            "{refused:?}"
        );
        ctx.run("second", serve)?;
        let refused = ctx.run("third", serve);
        assert!(
            matches!(refused, Err(RunError::TooMany { limit: 2, .. })),
            "{refused:?}"
        );
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start_with(Supervisor::new(root).children_max(2));
        harness.settled().await;
        assert_eq!(harness.snapshot().await.nodes.len(), 3);
    });
}

#[test]
fn a_pool_refuses_more_children_than_are_allowed_until_one_is_forgotten() {
    // R13. Refused is an error value; an end makes room.
    let root = |ctx: Context| async move {
        let pool = ctx.pool("pool")?;
        ctx.healthy();
        tokio::task::yield_now().await;
        let (leave, left) = oneshot::channel::<()>();
        let first = pool
            .start(|_: Context| async move { drop(left.await) })
            .expect("room");
        let _second = pool.start(serve).expect("room");
        let third = pool.start(serve);
        assert!(
            matches!(third, Err(StartError::TooMany { limit: 2, .. })),
            "{third:?}"
        );
        drop(leave);
        first.ended().await;
        assert_eq!(pool.children(), 1);
        pool.start(serve).expect("room again");
        ctx.cancelled().await;
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start_with(Supervisor::new(root).children_max(2));
        harness.until("root.pool.3", State::Healthy).await;
        assert_eq!(harness.snapshot().await.nodes.len(), 4);
    });
}

#[test]
fn give_up_beats_restart_which_beats_done() {
    // R4, R5. Whatever the order in which they are said.
    let (child, obey) = Puppet::new();
    let root = root_of("child", obey);
    Harness::run(None, |harness| async move {
        harness.start(root);
        let planned = |ctx: &Context| {
            ctx.restart();
            ctx.done();
            Some(Exit::Returned)
        };
        child.tell(planned).await;
        harness.wait(child.healthy()).await;
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
        child.die().await;
        let spent = |ctx: &Context| {
            ctx.give_up();
            ctx.restart();
            ctx.done();
            Some(Err::<(), _>("a wrong configuration").into_exit())
        };
        harness.wait(child.tell(spent)).await;
        let failure = harness
            .stopped()
            .await
            .expect_err("the root was escalated to");
        assert!(
            format!("{failure:?}").contains("a wrong configuration"),
            "{failure:?}"
        );
        let gave_up = |what: &What| {
            matches!(
                what,
                What::Down {
                    reason: Down::GaveUp
                }
            )
        };
        assert!(harness.log().iter().any(|event| gave_up(&event.what)));
    });
}

#[test]
fn healthy_after_done_changes_nothing() {
    // R4. Signals do not take a node back.
    let (child, obey) = Puppet::new();
    let root = root_of("child", obey);
    Harness::run(None, |harness| async move {
        harness.start(root);
        child
            .tell(|ctx| {
                ctx.done();
                None
            })
            .await;
        child.healthy().await;
        child
            .tell(|ctx| {
                ctx.done();
                None
            })
            .await;
        assert_eq!(harness.state("root.child").await, Some(State::Finishing));
        child.tell(|_| Some(Exit::Returned)).await;
        harness.until("root.child", State::Done).await;
    });
}

#[test]
fn a_signal_of_an_ended_incarnation_is_ignored_and_is_an_event() {
    // R4, L10. It says which signal, and of which incarnation.
    let (gave, given) = oneshot::channel();
    let gave = parking_lot::Mutex::new(Some(gave));
    let (child, obey) = Puppet::new();
    let keep = std::sync::Arc::new(gave);
    let root = move |ctx: Context| {
        let (obey, keep) = (obey.clone(), keep.clone());
        let run = ctx.run("child", move |ctx: Context| {
            let _ = keep.lock().take().map(|gave| gave.send(ctx.clone()));
            obey(ctx)
        });
        async move {
            run?;
            ctx.done();
            Ok::<_, RunError>(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        let stale: Context = given.await.expect("it was given");
        child.die().await;
        harness.wait(child.healthy()).await;
        stale.done();
        harness.settled().await;
        let log = harness.log();
        let ignored = log.iter().find(|event| {
            matches!(
                event.what,
                What::SignalIgnored {
                    signal: Signal::Done
                }
            )
        });
        assert_eq!(
            ignored.map(|event| event.incarnation),
            Some(stale.incarnation())
        );
        assert_eq!(harness.state("root.child").await, Some(State::Healthy));
    });
}

#[test]
fn a_label_counts_for_no_child() {
    // R1, R3. The limit is one of children.
    let root = |ctx: Context| async move {
        let group = ctx.group("pair", Strategy::OneForAll);
        group.run("first", serve).run("second", serve).start()?;
        let refused = ctx.run("third", serve);
        assert!(
            matches!(refused, Err(RunError::TooMany { limit: 2, .. })),
            "{refused:?}"
        );
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(None, |harness| async move {
        harness.start_with(Supervisor::new(root).children_max(2));
        harness.settled().await;
        assert_eq!(harness.snapshot().await.nodes.len(), 3);
    });
}
