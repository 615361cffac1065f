//! What is seen of a tree: snapshots, events, panics, and the last resort on standard error.
#![cfg(feature = "testing")]

mod puppet;

use std::panic::AssertUnwindSafe;
use std::process::Command;
use std::time::Duration;

use futures::FutureExt;
use perennial::testing::Harness;
use perennial::{Context, Exit, RunError, Strategy, Supervisor, What};
use puppet::Puppet;
use tokio::time::sleep;

type Root = futures::future::BoxFuture<'static, Result<(), RunError>>;

/// Set for the process that only dies and prints.
const DIES: &str = "PERENNIAL_TEST_DIES";

async fn serve(ctx: Context) {
    ctx.healthy();
    ctx.cancelled().await;
}

fn root_of(child: impl perennial::Runnable + Clone) -> impl Fn(Context) -> Root + Send + Sync {
    move |ctx: Context| {
        let run = ctx.run("child", child.clone());
        Box::pin(async move {
            run?;
            ctx.run("other", serve)?;
            ctx.done();
            Ok(())
        })
    }
}

async fn flaky(ctx: Context) -> anyhow::Result<()> {
    sleep(Duration::from_millis(10)).await;
    anyhow::ensure!(ctx.attempt() > 4, "attempt {}", ctx.attempt());
    serve(ctx).await;
    Ok(())
}

fn text(harness: &Harness) -> String {
    let lines = harness.log().into_iter().map(|event| event.to_string());
    lines.collect::<Vec<_>>().join("\n")
}

/// The log of a tree in which much depends on chance.
fn history(seed: u64) -> String {
    let root = |ctx: Context| async move {
        let group = ctx.group("pair", Strategy::OneForAll);
        group.run("a", flaky).run("b", flaky).start()?;
        ctx.run("c", flaky)?;
        ctx.done();
        Ok::<_, RunError>(())
    };
    Harness::run(Some(seed), |harness| async move {
        harness.start(root);
        harness.settled().await;
        harness.stop().await.expect("stopping is no failure");
        text(&harness)
    })
}

#[test]
fn the_same_seed_gives_the_same_log_to_the_byte() {
    // L7. And another seed another one.
    assert_eq!(history(7), history(7));
    assert_ne!(history(7), history(8));
}

#[test]
fn a_snapshot_displays_as_a_tree() {
    // R17. Each node below its parent, in order of declaration, with its state.
    Harness::run(None, |harness| async move {
        harness.start(root_of(flaky));
        harness.settled().await;
        let snapshot = harness.snapshot().await;
        let text = snapshot.to_string();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines[0].starts_with("root ") && lines[0].contains("done"),
            "{text}"
        );
        assert!(
            lines[1].starts_with("  child ") && lines[1].contains("healthy"),
            "{text}"
        );
        assert!(
            lines[1].contains("attempt 4"),
            "the last exit is missing: {text}"
        );
        assert!(lines[2].starts_with("  other "), "{text}");
    });
}

#[test]
fn the_events_of_a_life_come_in_order() {
    // R17, L3. From the declaration to the stop of the tree.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        child.healthy().await;
        child.die().await;
        harness.wait(child.healthy()).await;
        harness.settled().await;
        harness.stop().await.expect("stopping is no failure");
        let of = |event: &perennial::Event| match event.what {
            What::Declared => "declared",
            What::Starting { .. } => "starting",
            What::Healthy => "healthy",
            What::Exited { .. } => "exited",
            What::Fell { .. } => "fell",
            What::RestartScheduled { .. } => "scheduled",
            What::StartedAgain => "started again",
            What::Stopping { .. } => "stopping",
            _ => "something else",
        };
        let log = harness.log();
        let child = log.iter().filter(|event| event.path == "root.child");
        let seen: Vec<_> = child.map(of).collect();
        let first = [
            "declared",
            "starting",
            "healthy",
            "exited",
            "fell",
            "scheduled",
        ];
        let second = ["starting", "started again", "healthy", "stopping", "exited"];
        assert_eq!(seen, [&first[..], &second[..]].concat());
        let last = log.last().expect("there are events");
        assert!(
            last.path == "root" && matches!(last.what, What::Stopped),
            "{last}"
        );
        assert!(log.windows(2).all(|pair| pair[0].at <= pair[1].at));
    });
}

#[test]
fn a_slow_reader_is_told_how_many_events_it_missed() {
    // R17. The oldest are gone, the others are complete.
    let root = |ctx: Context| async move {
        let pool = ctx.pool("pool")?;
        ctx.healthy();
        for _ in 0..20 {
            sleep(Duration::from_secs(1)).await;
            for _ in 0..100 {
                pool.start(serve)?;
            }
        }
        ctx.done();
        anyhow::Ok(())
    };
    let supervisor = Supervisor::new(root);
    let mut events = supervisor.events();
    Harness::run(None, |harness| async move {
        harness.start_with(supervisor);
        harness.until("root", perennial::State::Done).await;
        harness.stop().await.expect("stopping is no failure");
        let total = harness.log().len() as u64;
        let missed = events
            .next()
            .await
            .expect("more comes")
            .expect_err("it was slow")
            .count;
        let mut read = 0;
        while let Some(event) = events.next().await {
            assert!(event.is_ok());
            read += 1;
        }
        assert!(read >= 4096, "{read}");
        assert_eq!(missed + read, total);
    });
}

#[cfg(feature = "serde")]
#[test]
fn snapshots_and_events_are_json() {
    // R17. With paths and states as text, and times in seconds.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        child.healthy().await;
        child.die().await;
        harness.wait(child.healthy()).await;
        let snapshot = harness.snapshot().await;
        let json = serde_json::to_value(&snapshot).expect("it is data");
        let node = &json["nodes"][1];
        assert_eq!(node["path"], "root.child");
        assert_eq!(node["state"], "healthy");
        assert_eq!(node["restarts"], 1);
        assert!(json["at"].is_f64(), "{json}");
        assert!(
            node["last_exit"].to_string().contains("died on request"),
            "{node}"
        );
        let log = harness.log();
        let died = log
            .iter()
            .find(|event| event.path == "root.child" && matches!(event.what, What::Exited { .. }));
        let json = serde_json::to_value(died.expect("it died")).expect("it is data");
        assert_eq!(json["event"], "exited", "{json}");
        assert_eq!(json["state"], "dead", "{json}");
        assert!(json["at"].is_f64(), "{json}");
    });
}

#[test]
fn a_panic_is_caught_with_its_message_and_its_place() {
    // R18. In the evidence of the exit.
    let (child, obey) = Puppet::new();
    Harness::run(None, |harness| async move {
        harness.start(root_of(obey));
        let number = 41;
        child.tell(move |_| panic!("broken by {number}")).await;
        harness.wait(child.healthy()).await;
        let snapshot = harness.snapshot().await;
        let last = snapshot
            .find("root.child")
            .and_then(|node| node.last_exit.clone());
        let Some(Exit::Panicked(panic)) = last.and_then(|evidence| evidence.exit.clone()) else {
            panic!("{snapshot}");
        };
        assert_eq!(panic.message(), "broken by 41");
        assert!(
            panic
                .location()
                .is_some_and(|at| at.contains("tests/observing.rs:"))
        );
    });
}

#[tokio::test(start_paused = true)]
async fn a_panic_may_be_propagated_to_whoever_runs_the_tree() {
    // R18. The tree is aborted first.
    let (child, obey) = Puppet::new();
    let run = Supervisor::new(root_of(obey)).propagate_panics().run();
    let run = AssertUnwindSafe(run).catch_unwind();
    let (ended, ()) = tokio::join!(run, child.tell(|_| panic!("for the caller")));
    let payload = ended.expect_err("it panics");
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"for the caller"));
}

#[test]
fn the_log_of_a_harness_begins_with_the_declaration_of_the_root() {
    // R17. Nothing happened before it.
    Harness::run(None, |harness| async move {
        harness.start(root_of(serve));
        harness.settled().await;
        let log = harness.log();
        let first = log.first().expect("there are events");
        assert!(
            first.path == "root" && matches!(first.what, What::Declared),
            "{first}"
        );
    });
}

/// Runs the test of this name in a process of its own, which knows that it only dies.
fn die_apart(name: &str) -> String {
    let this = std::env::current_exe().expect("a test is a file");
    let mut process = Command::new(this);
    process
        .args(["--exact", name, "--nocapture"])
        .env(DIES, "1");
    let output = process.output().expect("it starts again");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A tree whose child dies twice, once by an error and once by a panic.
async fn die_twice(reads: impl FnOnce(&Supervisor)) {
    let child = |ctx: Context| async move {
        assert_ne!(ctx.attempt(), 1, "a panic in two\nlines");
        anyhow::ensure!(ctx.attempt() > 2, "an error");
        serve(ctx).await;
        Ok(())
    };
    let supervisor = Supervisor::new(root_of(child));
    reads(&supervisor);
    let tree = supervisor.start();
    tree.settled().await;
    tree.stop().await.expect("stopping is no failure");
}

#[tokio::test(start_paused = true)]
async fn each_death_prints_one_line_when_nobody_reads() {
    // R17, R18. A service never fails in silence; a life without deaths prints nothing.
    if std::env::var_os(DIES).is_some() {
        return die_twice(|_| {}).await;
    }
    let printed = die_apart("each_death_prints_one_line_when_nobody_reads");
    let lines: Vec<_> = printed
        .lines()
        .filter(|line| line.starts_with("perennial: "))
        .collect();
    assert_eq!(lines.len(), 2, "{printed}");
    assert!(
        lines[0].contains("root.child") && lines[0].contains("a panic in two"),
        "{printed}"
    );
    assert!(
        lines[1].contains("root.child") && lines[1].contains("an error"),
        "{printed}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_death_prints_nothing_when_somebody_reads() {
    // R17, R18. The panic hook is silent for what it supervises, too.
    if std::env::var_os(DIES).is_some() {
        let mut kept = None;
        return die_twice(|supervisor| kept = Some(supervisor.events())).await;
    }
    let printed = die_apart("a_death_prints_nothing_when_somebody_reads");
    assert_eq!(printed.trim(), "");
}
