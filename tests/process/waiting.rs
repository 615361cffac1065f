//! Waiting for a program: before its start, after its end, and in between.

use std::time::{Duration, Instant, SystemTime};

use perennial::process::{ExitCause, Signal, StartError, Status};
use tokio::time::timeout;

use crate::common::{alone, run, runtime, sh, start, until};

#[test]
fn proc_01_a_watch_from_before_the_start_sees_the_exit() {
    // L3. Nothing is lost between the two.
    alone(async || {
        let created = sh("exit 7").create();
        let watch = created.watch();
        let process = created.start().await.unwrap();
        assert_eq!(watch.exited().await.code(), Some(7));
        let gone = watch.gone().await;
        assert_eq!(gone.exit.code(), Some(7));
        assert!(!gone.exit.requested && gone.rungs.is_empty());
        assert!(matches!(process.status(), Status::Stopped(exit) if exit.code() == Some(7)));
    });
}

#[test]
fn proc_02_a_watch_from_after_the_end_sees_the_exit_at_once() {
    // L3. The exit is stored, so it can be asked for any number of times.
    alone(async || {
        let process = run("exit 6").await;
        for _ in 0..3 {
            assert_eq!(process.watch().exited().await.code(), Some(6));
            assert_eq!(process.watch().now().and_then(|exit| exit.code()), Some(6));
        }
    });
}

#[test]
fn proc_03_a_wait_that_was_given_up_changes_nothing() {
    // L10. The program runs on, and the next wait sees its end.
    alone(async || {
        let process = start(sh("exec sleep 30")).await;
        let watch = process.watch();
        let wait = timeout(Duration::from_millis(50), watch.exited());
        wait.await.expect_err("it runs");
        assert!(matches!(process.status(), Status::Running));
        process.kill().await;
        for watch in [watch, process.watch()] {
            assert_eq!(watch.exited().await.signal(), Some(Signal::KILL));
        }
    });
}

#[test]
fn proc_07_what_was_never_started_did_not_exit_with_zero() {
    // L3. A deliberate difference to containerd.
    alone(async || {
        let watch = sh("exit 0").create().watch();
        let exit = watch.exited().await;
        let never = matches!(
            exit.cause,
            ExitCause::NeverStarted(StartError::Dropped { .. })
        );
        assert!(never && exit.code().is_none(), "{exit}");
        watch.gone().await;
    });
}

#[test]
fn proc_12_the_shortest_program_has_a_number() {
    // L10. A handle of something that is dead already says who it was.
    alone(async || {
        for _ in 0..20 {
            let process = start(sh("exit 0")).await;
            assert!(process.id().pid() > 0);
        }
    });
}

#[test]
fn proc_13_an_exit_has_its_time() {
    // L3. Evidence.
    alone(async || {
        let before = SystemTime::now();
        let process = run("exit 0").await;
        let exit = process.watch().exited().await;
        assert!(before <= exit.at && exit.at <= SystemTime::now());
    });
}

#[test]
fn proc_48_a_wait_may_be_given_up_a_hundred_times() {
    // L10. Cancel safe.
    alone(async || {
        let process = start(sh("read line; exit 9").stdin(perennial::process::Stdin::Piped)).await;
        let watch = process.watch();
        for _ in 0..100 {
            let wait = timeout(Duration::ZERO, watch.gone());
            wait.await.expect_err("it runs");
        }
        process.stdin().unwrap().close();
        assert_eq!(watch.gone().await.exit.code(), Some(9));
    });
}

#[test]
fn proc_10_an_end_is_told_once_and_in_order() {
    // L3. First the exit, then that all is gone; neither changes afterwards.
    alone(async || {
        let created = sh("exit 0").create();
        let watch = created.watch();
        assert!(watch.now().is_none());
        let _process = created.start().await.unwrap();
        let first = watch.exited().await;
        let gone = watch.gone().await;
        assert_eq!(first.at, gone.exit.at);
        assert_eq!(first.at, watch.exited().await.at);
    });
}

#[test]
fn proc_44_an_end_is_seen_from_another_runtime() {
    // L3. Reaping is tied to no runtime.
    alone(async || {
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let first = runtime();
            let script = sh("read line; exit 4").stdin(perennial::process::Stdin::Piped);
            let process = first.block_on(start(script));
            drop(first);
            process.stdin().unwrap().close();
            let exit = runtime().block_on(process.watch().exited());
            sender.send(exit).unwrap();
        });
        thread.join().unwrap();
        assert_eq!(receiver.recv().unwrap().code(), Some(4));
    });
}

#[test]
fn proc_43_dropping_the_last_handle_kills_and_reaps_all() {
    // L1. Also when the runtime is dropped in the same moment.
    alone(async || {
        let thread = std::thread::spawn(|| {
            let runtime = runtime();
            let script = sh("sleep 1000 & echo $!; wait");
            let process = runtime.block_on(start(script));
            let grandchild = runtime.block_on(crate::common::first_number(&process));
            let watch = process.watch();
            let begun = Instant::now();
            drop(runtime);
            drop(process);
            (watch, grandchild, begun)
        });
        let (watch, grandchild, begun) = thread.join().unwrap();
        let gone = watch.gone().await;
        assert!(gone.exit.requested && gone.was_killed(), "{gone}");
        assert!(begun.elapsed() < Duration::from_secs(1));
        until("the grandchild is dead", || {
            !crate::common::is_alive(grandchild)
        })
        .await;
    });
}

#[test]
fn c9_codes_signals_and_cores_are_told_apart() {
    // L3. No magic numbers: 137 is a code, and SIGKILL is a signal.
    alone(async || {
        for code in [0, 1, 127, 128, 137, 255] {
            let exit = run(&format!("exit {code}")).await.watch().exited().await;
            assert_eq!((exit.code(), exit.signal()), (Some(code), None));
        }
        for (name, signal) in [("KILL", Signal::KILL), ("TERM", Signal::TERM)] {
            let script = format!("ulimit -c 0; kill -{name} $$; sleep 9");
            let exit = run(&script).await.watch().exited().await;
            assert_eq!((exit.code(), exit.signal()), (None, Some(signal)));
            assert!(!exit.requested);
        }
        let exit = run("ulimit -c 0; kill -SEGV $$")
            .await
            .watch()
            .exited()
            .await;
        assert_eq!(exit.to_string(), "ended by SIGSEGV");
    });
}

#[test]
fn c9_a_core_is_told() {
    // L3. Where the system writes one into the working directory, it is there, too.
    alone(async || {
        let pattern = std::fs::read_to_string("/proc/sys/kernel/core_pattern").unwrap();
        if pattern.starts_with(['|', '/']) {
            println!("SKIPPED: this machine puts cores elsewhere");
            return;
        }
        let folder = tempfile::TempDir::new().unwrap();
        let script = "ulimit -c unlimited && kill -SEGV $$";
        let process = start(sh(script).current_dir(folder.path())).await;
        let exit = process.watch().exited().await;
        let has_core = folder.path().read_dir().unwrap().next().is_some();
        let text = if has_core {
            "ended by SIGSEGV, core dumped"
        } else {
            "ended by SIGSEGV"
        };
        assert_eq!(exit.to_string(), text);
        process.watch().gone().await;
    });
}

#[test]
fn c5_a_program_outlives_the_thread_that_started_it() {
    // L3. Nothing ties it to a thread of the runtime, such as one for blocking work.
    alone(async || {
        let thread = std::thread::spawn(|| runtime().block_on(start(sh("exec sleep 1000"))));
        let process = thread.join().unwrap();
        assert!(matches!(process.status(), Status::Running));
        let watch = process.watch();
        let wait = timeout(Duration::from_millis(100), watch.exited());
        wait.await.expect_err("it runs on");
        process.kill().await;
    });
}
