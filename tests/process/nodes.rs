//! Programs as nodes of the tree.

use std::time::{Duration, Instant};

use perennial::process::{
    Command, Containment, Ladder, Process, Ready, Scope, Signal, containment,
};
use perennial::{
    Backoff, Context, Intensity, OnSpent, Published, Restart, RunError, Rung, State, Strategy,
    Supervisor, Tree, runnable,
};

use rustix::process::{Pid, Signal as System, kill_process};

use crate::common::{alone, is_alive, sh, until};

const SOON: Duration = Duration::from_millis(100);

fn quick() -> Backoff {
    Backoff::constant(Duration::from_millis(10))
}

/// A tree whose root runs what this declares.
fn tree(
    declare: impl Fn(&Context) -> Result<(), RunError> + Clone + Send + Sync + 'static,
) -> Tree {
    let root = move |ctx: Context| {
        let declared = declare(&ctx);
        async move {
            declared?;
            ctx.done();
            Ok::<(), RunError>(())
        }
    };
    Supervisor::new(root).start()
}

async fn state(tree: &Tree, path: &str) -> Option<State> {
    let snapshot = tree.snapshot().await;
    snapshot.find(path).map(|node| node.state)
}

/// Waits until a node is in this state, by its events.
async fn until_state(tree: &Tree, path: &str, wanted: State) {
    let begun = Instant::now();
    while state(tree, path).await != Some(wanted) {
        assert!(
            begun.elapsed() < crate::common::PATIENCE,
            "{path} is not {wanted:?}"
        );
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn last_exit(tree: &Tree, path: &str) -> String {
    let snapshot = tree.snapshot().await;
    let node = snapshot.find(path).expect("it stands");
    let exit = node.last_exit.as_ref().expect("it has exited");
    exit.chain()
}

#[test]
fn a_command_is_a_node_with_one_line() {
    // L1, R4. Healthy when it runs, and gone when the tree has stopped.
    alone(async || {
        let tree = tree(|ctx| ctx.run("nap", sh("exec sleep 1000")).map(drop));
        tree.settled().await;
        let snapshot = tree.snapshot().await;
        let node = snapshot.find("root.nap").unwrap();
        assert_eq!(node.state, State::Healthy);
        let report = tree.stop().await.unwrap();
        assert!(report.stops.is_empty(), "{report}");
        assert!(crate::common::children().is_empty());
    });
}

#[test]
fn a_program_that_is_killed_is_started_again() {
    // L3. Another process, and one restart.
    alone(async || {
        let value = Published::<Process>::new();
        let published = value.clone();
        let tree = tree(move |ctx| {
            let nap = sh("exec sleep 1000").publish(&published);
            ctx.run("nap", nap.runnable().backoff(quick())).map(drop)
        });
        let mut processes = value.watch();
        let first = processes.next().await.unwrap();
        first.signal(Signal::KILL).unwrap();
        let second = processes.next().await.unwrap();
        assert_ne!(first.id(), second.id());
        tree.settled().await;
        let snapshot = tree.snapshot().await;
        assert_eq!(snapshot.find("root.nap").unwrap().restarts, 1);
        assert!(
            last_exit(&tree, "root.nap")
                .await
                .contains("sh ended by SIGKILL")
        );
        tree.stop().await.unwrap();
    });
}

#[test]
fn an_incarnation_has_not_ended_before_its_group_has() {
    // L1. The next one never meets the last: each counts those of its kind when it starts.
    alone(async || {
        let value = Published::<Process>::new();
        let published = value.clone();
        // The lock is held by the grandchild, as a port would be.
        let folder = tempfile::TempDir::new().unwrap();
        let lock = folder.path().join("lock");
        let script = format!(
            "exec 9>{}; flock -n 9 || exit 17; sleep 1000 & echo up; wait",
            lock.display()
        );
        let tree = tree(move |ctx| {
            let holder = sh(&script).publish(&published);
            let holder = holder.ready(Ready::line(|line| &*line.text == "up"));
            let holder = holder.runnable().backoff(Backoff::none());
            ctx.run("holder", holder).map(drop)
        });
        let mut processes = value.watch();
        for _ in 0..10 {
            let process = processes.next().await.unwrap();
            // The leader alone: the grandchild still has the lock.
            kill_one(process.id().pid());
        }
        processes.next().await.unwrap();
        assert!(!last_exit(&tree, "root.holder").await.contains("code 17"));
        let snapshot = tree.snapshot().await;
        assert_eq!(snapshot.find("root.holder").unwrap().restarts, 10);
        tree.stop().await.unwrap();
    });
}

fn kill_one(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("it is one"), System::KILL).expect("it is ours");
}

#[test]
fn what_cannot_heal_gives_up_at_the_first_attempt() {
    // R4, R9. No restart storm, and the siblings run on.
    alone(async || {
        let tree = tree(|ctx| {
            let missing = Command::new("no-such-program").runnable();
            let missing = missing.on_spent(OnSpent::StayDown).backoff(quick());
            ctx.run("missing", missing)?;
            ctx.run("nap", sh("exec sleep 1000")).map(drop)
        });
        tree.settled().await;
        assert_eq!(state(&tree, "root.missing").await, Some(State::Down));
        assert_eq!(state(&tree, "root.nap").await, Some(State::Healthy));
        let snapshot = tree.snapshot().await;
        assert_eq!(snapshot.find("root.missing").unwrap().restarts, 0);
        let exit = last_exit(&tree, "root.missing").await;
        assert!(
            exit.contains("could not start: there is no program no-such-program"),
            "{exit}"
        );
        tree.stop().await.unwrap();
    });
}

#[test]
fn the_containment_of_a_program_is_seen_in_the_snapshot() {
    // Section 6.1: the level in use is visible.
    alone(async || {
        let tree = tree(|ctx| {
            ctx.run("group", Command::new("sleep").arg("1000"))?;
            let leader = Command::new("sleep").arg("1000").scope(Scope::Leader);
            ctx.run("leader", leader).map(drop)
        });
        tree.settled().await;
        let snapshot = tree.snapshot().await;
        let level = containment();
        for (path, level) in [
            ("root.group", level),
            ("root.leader", level.min(Containment::Guard)),
        ] {
            let holds = &snapshot.find(path).unwrap().holds;
            assert_eq!(*holds, [format!("process sleep ({level})")]);
        }
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_deaf_program_is_killed_within_the_ladder_and_the_grace() {
    // R10, L9. The node's grace covers the ladder by itself.
    alone(async || {
        let ladder = Ladder::new().signal(Signal::TERM, SOON * 3);
        let tree = tree(move |ctx| {
            let deaf = sh("trap '' TERM; echo up; while :; do sleep 0.05; done");
            let deaf = deaf.ready(Ready::line(|_| true)).ladder(ladder.clone());
            ctx.run("deaf", deaf).map(drop)
        });
        tree.settled().await;
        let begun = Instant::now();
        let report = tree.stop().await.unwrap();
        assert!(report.stops.is_empty(), "{report}");
        assert!(begun.elapsed() >= SOON * 3);
    });
}

#[test]
fn a_grace_that_is_shorter_than_the_ladder_kills_the_program() {
    // R10, R14. The node is aborted, and its hold is let go when all is gone.
    alone(async || {
        let tree = tree(|ctx| {
            let deaf = sh("trap '' TERM; echo up; while :; do sleep 0.05; done");
            let deaf = deaf.ready(Ready::line(|_| true));
            ctx.run("deaf", deaf.runnable().grace(SOON)).map(drop)
        });
        tree.settled().await;
        let begun = Instant::now();
        let report = tree.stop().await.unwrap();
        assert_eq!(report.stops[0].rung, Rung::Aborted, "{report}");
        assert!(begun.elapsed() < Duration::from_secs(4));
        assert!(crate::common::children().is_empty());
    });
}

#[test]
fn proc_28_restart_types_read_the_exit() {
    // R5. Transient: not after a clean end; permanent: always; temporary: never.
    alone(async || {
        let cases = [
            (Restart::Permanent, "exit 0", true),
            (Restart::Permanent, "exit 1", true),
            (Restart::Transient, "exit 0", false),
            (Restart::Transient, "exit 1", true),
            (Restart::Temporary, "exit 1", false),
        ];
        for (restart, script, again) in cases {
            let tree = tree(move |ctx| {
                let program = sh(script).runnable().restart(restart);
                let hour = Duration::from_secs(3600);
                ctx.run("program", program.backoff(Backoff::constant(hour)))
                    .map(drop)
            });
            let end = match (again, restart) {
                (true, _) => State::Waiting,
                (false, Restart::Temporary) => State::Down,
                (false, _) => State::Done,
            };
            until_state(&tree, "root.program", end).await;
            tree.stop().await.unwrap();
        }
    });
}

#[test]
fn proc_28_what_is_clean_can_be_said() {
    // R5. A program whose code 3 means that it has done its work.
    alone(async || {
        let tree = tree(|ctx| {
            let program = sh("exit 3").clean(|exit| exit.code() == Some(3));
            ctx.run("program", program.runnable().restart(Restart::Transient))
                .map(drop)
        });
        until_state(&tree, "root.program", State::Done).await;
        tree.stop().await.unwrap();
    });
}

#[test]
fn proc_29_a_budget_of_one_restart_starts_twice() {
    // R9. Exactly.
    alone(async || {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("starts");
        let script = format!("echo . >> {}; echo bad >&2; exit 1", file.display());
        let tree = tree(move |ctx| {
            let once = Intensity::new(1, Duration::from_secs(60)).expect("it is valid");
            let program = sh(&script).runnable().intensity(once).backoff(quick());
            ctx.run("program", program.on_spent(OnSpent::StayDown))
                .map(drop)
        });
        until_state(&tree, "root.program", State::Down).await;
        assert_eq!(std::fs::read_to_string(&file).unwrap().lines().count(), 2);
        let exit = last_exit(&tree, "root.program").await;
        assert!(exit.contains("sh exited with code 1: bad"), "{exit}");
        tree.stop().await.unwrap();
    });
}

#[test]
fn proc_26_members_of_a_group_are_gone_before_one_starts_again() {
    // L5. One-for-all: the second has ended, with its group, before the first is back.
    alone(async || {
        let (value, other) = (Published::<Process>::new(), Published::<Process>::new());
        let (published, others) = (value.clone(), other.clone());
        let tree = tree(move |ctx| {
            let first = sh("exec sleep 1000").publish(&published).runnable();
            let second = sh("sleep 1000 & wait").publish(&others).runnable();
            let group = ctx.group("pair", Strategy::OneForAll);
            group
                .run("first", first.backoff(quick()))
                .run("second", second.backoff(quick()))
                .start()
                .map(drop)
        });
        let mut firsts = value.watch();
        let (first, second) = (firsts.next().await.unwrap(), other.get().await.unwrap());
        first.signal(Signal::KILL).unwrap();
        let _again = firsts.next().await.unwrap();
        assert!(second.watch().now().is_some_and(|exit| exit.requested));
        let watch = second.watch();
        let gone = tokio::time::timeout(Duration::ZERO, watch.gone());
        gone.await.expect("it was gone before the first came back");
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_stop_while_it_becomes_ready_goes_by_the_ladder() {
    // R10. A database that recovers is not killed because it is not ready.
    alone(async || {
        let folder = tempfile::TempDir::new().unwrap();
        let file = folder.path().join("saved");
        let script = format!(
            "trap 'echo > {}; exit 0' TERM; echo up >&2; while :; do sleep 0.02; done",
            file.display()
        );
        let tree = tree(move |ctx| {
            let slow = sh(&script).ready(Ready::line(|line| &*line.text == "never"));
            ctx.run("slow", slow).map(drop)
        });
        until("it runs", || !crate::common::children().is_empty()).await;
        until_state(&tree, "root.slow", State::Starting).await;
        // Until it has its trap.
        tokio::time::sleep(SOON * 3).await;
        let report = tree.stop().await.unwrap();
        assert!(report.stops.is_empty(), "{report}");
        assert!(file.exists());
    });
}

#[test]
fn c1_a_stop_leaves_no_grandchild() {
    // L1. A hundred trees of programs, as far as /proc tells.
    alone(async || {
        let tree = tree(|ctx| {
            let pool = ctx.pool("programs")?;
            for _ in 0..100 {
                let program = sh("sleep 4321 & sleep 4321 & wait");
                pool.start(program).expect("it has room");
            }
            Ok(())
        });
        tree.settled().await;
        until("they have their children", || naps().len() == 200).await;
        tree.stop().await.unwrap();
        assert!(naps().is_empty());
    });
}

/// Who naps for that long.
fn naps() -> Vec<i32> {
    let entries = std::fs::read_dir("/proc").expect("it is there").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let naps = pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line == b"sleep\x004321\0" && is_alive(*pid)
    });
    naps.collect()
}

#[test]
fn a_hundred_programs_that_are_killed_at_once_are_all_back() {
    // L3, L8. No lost exit; each is charged to its own node.
    alone(async || {
        let tree = tree(|ctx| {
            for at in 0..100 {
                let nap = sh("exec sleep 5432").runnable().backoff(quick());
                ctx.run(format!("nap-{at}").as_str(), nap)?;
            }
            Ok(())
        });
        tree.settled().await;
        let before = crate::common::children();
        assert_eq!(before.len(), 100);
        for pid in &before {
            kill_one(pid.unsigned_abs());
        }
        until("all are others", || {
            let now = crate::common::children();
            now.len() == 100 && now.is_disjoint(&before)
        })
        .await;
        tree.settled().await;
        let snapshot = tree.snapshot().await;
        let restarts: u64 = snapshot.nodes.iter().map(|node| node.restarts).sum();
        assert_eq!(restarts, 100);
        tree.stop().await.unwrap();
    });
}

#[test]
fn lines_are_told_under_the_path_of_the_node() {
    // R17. To whoever subscribes, with control characters made harmless.
    alone(async || {
        let told = crate::told::Told::default();
        let _listening = told.listen();
        let tree = tree(|ctx| {
            let program = sh("printf 'a\\033b\\n'; echo c >&2; exec sleep 1000");
            ctx.run("speaker", program).map(drop)
        });
        let (mut heard, begun) = (String::new(), Instant::now());
        while !(heard.contains("a\\u{1b}b") && heard.contains(" c ")) {
            assert!(begun.elapsed() < crate::common::PATIENCE, "{heard}");
            tokio::time::sleep(Duration::from_millis(2)).await;
            heard = told.text();
        }
        assert!(heard.contains("path=root.speaker"), "{heard}");
        assert!(heard.contains("containment=process group"), "{heard}");
        tree.stop().await.unwrap();
    });
}

#[test]
fn a_program_can_be_run_inside_other_code() {
    // R14. Its handle is a value, and its drop an end.
    alone(async || {
        let tree = tree(|ctx| {
            let code = runnable(|ctx: Context| async move {
                let process = sh("exec sleep 1000").create().start().await?;
                ctx.healthy();
                ctx.cancelled().await;
                process.stop().await;
                Ok::<(), perennial::process::StartError>(())
            });
            ctx.run("code", code).map(drop)
        });
        tree.settled().await;
        tree.stop().await.unwrap();
    });
}

#[test]
fn what_panics_in_the_code_of_a_user_fails_the_node_and_leaves_nothing() {
    // L1, R4. Whoever is asked: for a line, by a probe, or about the exit.
    alone(async || {
        let line = sh("echo line; exec sleep 1000").ready(Ready::line(|_| panic!("bad line")));
        let probe = Ready::probe(|| -> std::future::Ready<bool> { panic!("bad probe") });
        let probe = sh("exec sleep 1000").ready(probe);
        let clean = sh("sleep 1000 & exit 0").clean(|_| panic!("bad judge"));
        for (command, words) in [
            (line, "bad line"),
            (probe, "bad probe"),
            (clean, "bad judge"),
        ] {
            let tree = tree(move |ctx| {
                let node = command.clone().runnable().restart(Restart::Temporary);
                ctx.run("node", node).map(drop)
            });
            until_state(&tree, "root.node", State::Down).await;
            let exit = last_exit(&tree, "root.node").await;
            assert!(exit.contains(words), "{exit}");
            until("nothing is left", || crate::common::children().is_empty()).await;
            tree.stop().await.unwrap();
        }
    });
}

#[test]
fn a_program_that_cannot_be_published_is_stopped_and_its_node_fails() {
    // R4, L1. Two nodes that were declared to publish the same: one is not the publisher.
    alone(async || {
        let value = Published::<Process>::new();
        let tree = tree(move |ctx| {
            let nap = sh("exec sleep 1000").publish(&value);
            let hour = Backoff::constant(Duration::from_secs(3600));
            ctx.run("first", nap.clone().runnable().backoff(hour))?;
            ctx.run("second", nap.runnable().backoff(hour)).map(drop)
        });
        until_state(&tree, "root.first", State::Waiting).await;
        until_state(&tree, "root.second", State::Healthy).await;
        let exit = last_exit(&tree, "root.first").await;
        assert!(exit.contains("not the publisher"), "{exit}");
        assert_eq!(crate::common::children().len(), 1);
        tree.stop().await.unwrap();
    });
}
