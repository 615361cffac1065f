//! What the suite of the origin never tested: names, signals and exits.
//!
//! Without a counterpart here: the liquidator (a stop is a phase of the same loop), commands, the
//! gRPC server (see `adapters` for sockets), Prometheus and raw loggers.

use std::sync::Arc;

use crate::puppet::Puppet;
use futures::FutureExt;
use futures::future::BoxFuture;
use perennial::testing::Harness;
use perennial::{
    Context, Evidence, Exit, IntoExit, Name, NameError, RunError, Runnable, Signal, State,
    Strategy, What,
};

/// A root that runs one child, and is done.
fn root_of(
    child: impl Runnable + Clone,
) -> impl Fn(Context) -> BoxFuture<'static, Result<(), RunError>> + Send + Sync {
    move |ctx: Context| {
        let child = child.clone();
        async move {
            ctx.run("child", child)?;
            ctx.done();
            Ok(())
        }
        .boxed()
    }
}

/// How each incarnation at a path returned, and how that was read.
fn exits(harness: &Harness, path: &str) -> Vec<(State, Arc<Evidence>)> {
    let of = |event: perennial::Event| match event.what {
        What::Exited { evidence } if event.path == path => Some((event.state, evidence)),
        _ => None,
    };
    harness.log().into_iter().filter_map(of).collect()
}

#[test]
fn a_name_is_checked_as_a_whole() {
    // R1. The origin took whatever contained one good character.
    let long = "x".repeat(64);
    for good in ["a", "0", "_", "-", "eth0", "dhcp-eth0_1", &long] {
        assert!(Name::parse(good).is_ok(), "{good}");
    }
    let longer = "x".repeat(65);
    for bad in [
        "Upper",
        "a b",
        "/dev/tty0",
        "eth0.100",
        "\n",
        "a\n",
        "é",
        " a",
    ] {
        let error = Name::parse(bad).expect_err(bad);
        assert!(matches!(error, NameError::Character { .. }), "{error}");
        assert!(Name::parse(Name::sanitize(bad).as_str()).is_ok(), "{bad}");
    }
    assert_eq!(Name::parse(""), Err(NameError::Empty));
    assert!(matches!(
        Name::parse(&longer),
        Err(NameError::TooLong { length: 65, .. })
    ));
    assert!(Name::parse(Name::sanitize(&longer).as_str()).is_ok());
    assert!(Name::parse(Name::sanitize("").as_str()).is_ok());
}

#[test]
fn no_child_is_declared_after_healthy() {
    // R3. Not by a child alone, a group or a pool.
    let root = |ctx: Context| async move {
        ctx.healthy();
        let run = ctx.run("late", |_| async {});
        assert!(matches!(run, Err(RunError::TooLate { .. })));
        let group = ctx
            .group("label", Strategy::OneForAll)
            .run("late", |_| async {})
            .start();
        assert!(matches!(group, Err(RunError::TooLate { .. })));
        assert!(matches!(ctx.pool("late"), Err(RunError::TooLate { .. })));
        ctx.done();
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        assert_eq!(harness.snapshot().await.nodes.len(), 1);
        assert_eq!(harness.state("root").await, Some(State::Done));
    });
}

#[test]
fn done_before_healthy_is_legal_and_implies_it() {
    // R4. In the origin it was a panic.
    Harness::run(None, |harness| async move {
        harness.start(root_of(|ctx: Context| async move { ctx.done() }));
        harness.settled().await;
        assert_eq!(harness.state("root.child").await, Some(State::Done));
        let log = harness.log();
        let child = log.iter().filter(|event| event.path == "root.child");
        assert_eq!(
            child
                .filter(|event| matches!(event.what, What::Healthy))
                .count(),
            1
        );
    });
}

#[test]
fn a_signal_said_twice_changes_nothing() {
    // R4. And is no event.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        child.healthy().await;
        child.healthy().await;
        child
            .tell(|ctx| {
                ctx.done();
                None
            })
            .await;
        child
            .tell(|ctx| {
                ctx.done();
                ctx.healthy();
                None
            })
            .await;
        let said = |event: &perennial::Event| match event.what {
            What::Healthy => Some("healthy"),
            What::Finishing => Some("finishing"),
            What::SignalIgnored { .. } => Some("ignored"),
            _ => None,
        };
        harness.until("root.child", State::Finishing).await;
        let log = harness.log();
        let child = log.iter().filter(|event| event.path == "root.child");
        let said: Vec<_> = child.filter_map(said).collect();
        assert_eq!(said, ["healthy", "finishing"]);
    });
}

#[test]
fn a_signal_after_the_stop_was_asked_is_ignored_and_is_an_event() {
    // R4, L10. The exit is read by what was told, not by what was said after it.
    let child = |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        ctx.give_up();
        Err::<(), _>("gave up too late")
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        harness.stop().await.expect("stopping is no failure");
        assert_eq!(exits(&harness, "root.child")[0].0, State::Canceled);
        let ignored = |what: &What| {
            matches!(
                what,
                What::SignalIgnored {
                    signal: Signal::GiveUp
                }
            )
        };
        assert!(harness.log().iter().any(|event| ignored(&event.what)));
    });
}

#[test]
fn returning_while_starting_is_a_death_that_says_so() {
    // R5. Last row of the table.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        child.tell(|_| Some(Exit::Returned)).await;
        harness.wait(child.healthy()).await;
        let (state, evidence) = exits(&harness, "root.child").remove(0);
        assert_eq!(state, State::Dead);
        assert!(
            evidence.to_string().contains("returned while starting"),
            "{evidence}"
        );
    });
}

#[test]
fn returning_while_healthy_is_a_death_that_says_so() {
    // R5. Last row of the table.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        child.healthy().await;
        child.tell(|_| Some(Exit::Returned)).await;
        harness.wait(child.healthy()).await;
        let (state, evidence) = exits(&harness, "root.child").remove(0);
        assert_eq!(state, State::Dead);
        assert!(
            evidence.to_string().contains("returned while healthy"),
            "{evidence}"
        );
    });
}

#[test]
fn returning_ok_when_told_to_stop_is_no_death() {
    // R5. The origin took it for a crash.
    let child = |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        let report = harness.stop().await.expect("stopping is no failure");
        assert!(report.stops.is_empty(), "{report}");
        assert_eq!(exits(&harness, "root.child")[0].0, State::Canceled);
    });
}

#[test]
fn any_error_after_being_told_to_stop_is_a_diagnostic_and_not_a_death() {
    // R5, R11. Decided by what was told, never by the identity of the error.
    let child = |ctx: Context| async move {
        ctx.healthy();
        ctx.cancelled().await;
        let inner = std::io::Error::other("signal: killed");
        Err::<(), _>(anyhow::Error::from(inner).context("the command"))
    };
    Harness::run(None, |harness| async move {
        harness.start(root_of(child));
        harness.settled().await;
        let report = harness.stop().await.expect("stopping is no failure");
        assert_eq!(report.stops.len(), 1, "{report}");
        let evidence = report.stops[0].evidence.as_ref().expect("it returned");
        assert!(
            evidence.chain().contains("signal: killed"),
            "{}",
            evidence.chain()
        );
        assert_eq!(exits(&harness, "root.child")[0].0, State::Canceled);
    });
}

#[test]
fn an_error_after_done_is_a_death() {
    // R5. Done promises a return without one.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        child
            .tell(|ctx| {
                ctx.done();
                Some(Err::<(), _>("late").into_exit())
            })
            .await;
        harness.wait(child.healthy()).await;
        assert_eq!(exits(&harness, "root.child")[0].0, State::Dead);
    });
}

#[test]
fn an_error_of_a_healthy_child_is_a_death_whatever_its_type() {
    // R5. Nobody had told it to stop.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        child.healthy().await;
        child.die().await;
        harness.wait(child.healthy()).await;
        let (state, evidence) = exits(&harness, "root.child").remove(0);
        assert_eq!((state, evidence.state), (State::Dead, State::Healthy));
        assert!(
            evidence.chain().contains("died on request"),
            "{}",
            evidence.chain()
        );
    });
}
