//! What the origin's suite saw through loggers, metrics and its example: snapshots and events.

use std::sync::Arc;
use std::time::Duration;

use crate::puppet::Puppet;
use perennial::testing::Harness;
use perennial::{Context, RunError, State, Strategy, What};
use tokio::sync::{Notify, Semaphore};
use tokio::time::interval;

fn done(ctx: &Context) -> Option<perennial::Exit> {
    ctx.done();
    Some(perennial::Exit::Returned)
}

async fn states(harness: &Harness, paths: [&str; 3]) -> [Option<State>; 3] {
    let snapshot = harness.snapshot().await;
    paths.map(|path| snapshot.find(path).map(|node| node.state))
}

#[test]
fn a_snapshot_shows_each_step_of_a_life() {
    // R2, R17. Scenario 12; the metrics of the origin are snapshots and events here.
    const PATHS: [&str; 3] = ["root", "root.one", "root.one.two"];
    let step = Arc::new(Notify::new());
    let (one, obey_one) = Puppet::new();
    let (two, obey_two) = Puppet::new();
    let go = step.clone();
    let root = move |ctx: Context| {
        let (step, obey_one, obey_two) = (go.clone(), obey_one.clone(), obey_two.clone());
        async move {
            step.notified().await;
            ctx.run("one", move |ctx: Context| {
                let (obey_one, obey_two) = (obey_one.clone(), obey_two.clone());
                async move {
                    ctx.run("two", obey_two)?;
                    anyhow::Ok(obey_one(ctx).await)
                }
            })?;
            ctx.cancelled().await;
            anyhow::Ok(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        use State::{Done, Healthy, Starting};
        harness.quiet(Duration::from_millis(1)).await;
        assert_eq!(states(&harness, PATHS).await, [Some(Starting), None, None]);
        step.notify_one();
        one.tell(|_| None).await;
        two.healthy().await;
        assert_eq!(
            states(&harness, PATHS).await,
            [Starting, Starting, Healthy].map(Some)
        );
        one.die().await;
        harness.wait(one.healthy()).await;
        let exits: Vec<_> = (harness.log().into_iter())
            .filter(|event| matches!(event.what, What::Exited { .. }))
            .map(|event| (event.path.to_string(), event.state))
            .collect();
        let expected = [("root.one", State::Dead), ("root.one.two", State::Canceled)];
        assert_eq!(
            exits,
            expected.map(|(path, state)| (path.to_owned(), state))
        );
        assert_eq!(
            states(&harness, PATHS).await,
            [Starting, Healthy, Starting].map(Some)
        );
        one.tell(done).await;
        harness.until("root.one", Done).await;
        assert_eq!(
            states(&harness, PATHS).await,
            [Starting, Done, Starting].map(Some)
        );
        two.healthy().await;
        assert_eq!(
            states(&harness, PATHS).await,
            [Starting, Done, Healthy].map(Some)
        );
    });
}

#[test]
fn a_child_that_is_done_leaves_its_parent_running() {
    // R4, R6. Scenario 13.
    let closed = Arc::new(Semaphore::new(1));
    let channel = closed.clone();
    let root = move |ctx: Context| {
        let channel = channel.clone();
        async move {
            ctx.run("child", move |ctx: Context| {
                let channel = channel.clone();
                async move {
                    ctx.healthy();
                    channel.close();
                    ctx.done();
                }
            })?;
            ctx.healthy();
            let mut ticks = interval(Duration::from_secs(1));
            while ctx.until_cancelled(ticks.tick()).await.is_some() {}
            anyhow::Ok(())
        }
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        assert!(closed.is_closed());
        assert_eq!(harness.state("root.child").await, Some(State::Done));
        harness.advance(Duration::from_mins(1)).await;
        assert_eq!(harness.state("root").await, Some(State::Healthy));
    });
}

#[test]
fn a_name_is_taken_once_and_what_happens_there_stands_under_its_path() {
    // R1, R17. Scenario 11; there are no loggers here: events carry the path.
    let root = |ctx: Context| async move {
        ctx.run("foo", |ctx: Context| async move {
            ctx.run("dut", |ctx: Context| async move { ctx.done() })?;
            let again = ctx.run("dut", |_| async {});
            assert!(matches!(again, Err(RunError::NameTaken { .. })));
            ctx.done();
            anyhow::Ok(())
        })?;
        let label = ctx
            .group("foo", Strategy::OneForOne)
            .run("bar", |_| async {})
            .start();
        assert!(matches!(label, Err(RunError::NameTaken { .. })));
        ctx.done();
        anyhow::Ok(())
    };
    Harness::run(None, |harness| async move {
        harness.start(root);
        harness.settled().await;
        let log = harness.log();
        let dut = log.iter().filter(|event| event.path == "root.foo.dut");
        assert!(
            dut.clone()
                .any(|event| matches!(event.what, What::Healthy | What::Finishing))
        );
        assert!(!log.iter().any(|event| event.path == "root.bar"));
    });
}
