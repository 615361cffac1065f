//! Stopping programs: the ladder, the group, and what is left.

use std::fs;
use std::time::{Duration, Instant};

use perennial::process::{Command, Ladder, Rung, Signal, SignalError, Status, Stdin};
use tokio::time::timeout;

use crate::common::{alone, first_number, is_alive, run, sh, start, until, up};

const SOON: Duration = Duration::from_millis(100);

/// Seconds are never waited for in these tests: what takes so long has failed.
const LONG: Duration = Duration::from_secs(20);

#[test]
fn proc_06_a_program_that_runs_is_ended_by_force_when_told_so() {
    // L9. Nobody else ends it.
    alone(async || {
        let process = start(sh("while true; do sleep 1; done")).await;
        assert!(process.watch().now().is_none());
        let gone = process.kill().await;
        assert_eq!(gone.exit.signal(), Some(Signal::KILL));
        assert!(gone.exit.requested);
        assert_eq!(
            gone.to_string(),
            "ended by SIGKILL as told, killed after 0ns"
        );
    });
}

#[test]
fn proc_25_who_heeds_the_signal_is_not_killed() {
    // R10. And who does not is, after its patience.
    alone(async || {
        let ladder = Ladder::new().signal(Signal::TERM, LONG);
        let process =
            up(sh("trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done").ladder(ladder))
                .await;
        let gone = process.stop().await;
        assert_eq!(gone.exit.code(), Some(0), "{gone}");
        assert!(!gone.was_killed());

        let ladder = Ladder::new().signal(Signal::TERM, SOON);
        let deaf = sh("trap '' TERM; echo up; while :; do sleep 0.05; done").ladder(ladder);
        let gone = up(deaf).await.stop().await;
        assert_eq!(gone.exit.signal(), Some(Signal::KILL));
        assert!(gone.was_killed() && gone.took >= SOON, "{gone}");
    });
}

#[test]
fn proc_31_a_suspended_program_can_be_stopped() {
    // L9. SIGTERM alone would wait until somebody wakes it.
    alone(async || {
        let ladder = Ladder::new().signal(Signal::TERM, LONG);
        let process = start(sh("exec sleep 1000").ladder(ladder)).await;
        process.pause().unwrap();
        until("it is suspended", || {
            matches!(process.status(), Status::Paused)
        })
        .await;
        let gone = process.stop().await;
        assert_eq!(gone.exit.signal(), Some(Signal::TERM), "{gone}");
    });
}

#[test]
fn proc_30_paused_is_not_dead() {
    // L3. No exit is seen until there is one.
    alone(async || {
        let process = start(sh("exec cat").stdin(Stdin::Piped)).await;
        process.pause().unwrap();
        until("it is suspended", || {
            matches!(process.status(), Status::Paused)
        })
        .await;
        assert!(process.watch().now().is_none());
        process.resume().unwrap();
        until("it runs", || matches!(process.status(), Status::Running)).await;
        process.stdin().unwrap().write("on\n").await.unwrap();
        until("it goes on", || process.stdout().text() == "on\n").await;
        process.stdin().unwrap().close();
        assert_eq!(process.watch().gone().await.exit.code(), Some(0));
    });
}

#[test]
fn proc_32_the_report_lists_the_rungs_with_their_times() {
    // L9. Closed input, SIGTERM, SIGKILL, each after its patience.
    alone(async || {
        let ladder = Ladder::new()
            .close_stdin(SOON / 2)
            .signal(Signal::TERM, SOON);
        let deaf = sh("trap '' TERM; echo up; while :; do sleep 0.05; done");
        let process = up(deaf.stdin(Stdin::Piped).ladder(ladder)).await;
        let gone = process.stop().await;
        assert_eq!(gone.exit.signal(), Some(Signal::KILL));
        let rungs: Vec<_> = gone.rungs.iter().map(|taken| taken.rung).collect();
        let signal = Rung::Signal(Signal::TERM);
        assert_eq!(rungs, [Rung::CloseStdin, signal, Rung::Kill]);
        assert!(gone.rungs[2].after >= SOON * 3 / 2);
        assert!(gone.took < Duration::from_secs(5), "{gone}");
    });
}

#[test]
fn proc_50_who_ends_between_two_rungs_is_sent_no_more() {
    // R10. The report says before which rung.
    alone(async || {
        let ladder = Ladder::new().close_stdin(LONG).signal(Signal::TERM, LONG);
        let process = start(sh("exec cat").stdin(Stdin::Piped).ladder(ladder)).await;
        let gone = process.stop().await;
        assert_eq!(gone.exit.code(), Some(0));
        let text = gone.to_string();
        assert!(text.starts_with("exited with code 0 as told, stdin closed after"));
        assert!(text.ends_with(", before rung 2"), "{text}");
    });
}

#[test]
fn a_stop_is_shared_and_the_tighter_deadline_wins() {
    // R11. All who wait get the same report.
    alone(async || {
        let ladder = Ladder::new().signal(Signal::TERM, LONG);
        let deaf = sh("trap '' TERM; echo up; while :; do sleep 0.05; done").ladder(ladder);
        let process = up(deaf).await;
        let begun = Instant::now();
        let (first, second) = tokio::join!(process.stop(), process.stop_within(SOON));
        assert!(begun.elapsed() < LONG);
        assert_eq!(first.rungs, second.rungs);
        assert_eq!(process.stop().await.rungs, first.rungs);
    });
}

#[test]
fn the_whole_group_is_stopped_and_its_last_member_waited_for() {
    // L1. A leader that is dead is no group that is empty.
    alone(async || {
        let ladder = Ladder::new().signal(Signal::TERM, SOON * 3);
        let script = "sh -c 'trap \"\" TERM; echo $$; echo up; \
                      while :; do sleep 0.05; done' & wait";
        let process = up(sh(script).ladder(ladder)).await;
        let deaf = first_number(&process).await;
        let gone = process.stop().await;
        assert_eq!(gone.exit.signal(), Some(Signal::TERM), "{gone}");
        assert!(gone.was_killed() && !is_alive(deaf));
        assert!(gone.took >= SOON * 3);
    });
}

#[test]
fn proc_34_who_has_left_the_group_is_reported() {
    // L9. Below the level of a cgroup it survives, and is named.
    alone(async || {
        let script = "setsid sh -c 'echo $$; echo up; exec sleep 1000' & wait";
        let process = up(sh(script)).await;
        let outside = first_number(&process).await;
        let gone = process.stop().await;
        let survivors: Vec<_> = gone.survivors.iter().map(|id| id.pid()).collect();
        assert_eq!(survivors, [outside.unsigned_abs()], "{gone}");
        // It holds the output open, too.
        assert!(gone.output_cut);
        run(&format!("kill -KILL {outside}")).await;
        until("it is dead", || !is_alive(outside)).await;
    });
}

#[test]
fn c8_no_signal_reaches_who_may_have_the_number_by_now() {
    // L10. After the end there is nobody to be meant.
    alone(async || {
        let process = run("exit 2").await;
        for sent in [process.signal(Signal::KILL), process.pause()] {
            let error = sent.expect_err("it is gone");
            assert!(matches!(&error, SignalError::Ended(exit) if exit.code() == Some(2)));
        }
        let gone = process.stop().await;
        assert!(gone.rungs.is_empty() && !gone.exit.requested, "{gone}");
    });
}

#[test]
fn a_signal_reaches_the_group_and_the_program_may_go_on() {
    // R4. Such as a reload. Not by HUP: under `nohup` a shell may not trap that.
    alone(async || {
        let script = "trap 'echo reloaded' USR1; echo up; while :; do sleep 0.02; done";
        let process = up(sh(script)).await;
        process.signal(Signal::USR1).unwrap();
        until("it has reloaded", || {
            process.stdout().text().contains("reloaded")
        })
        .await;
        process.kill().await;
    });
}

#[test]
fn c20_a_daemon_is_out_of_reach_and_holds_nothing_up() {
    // L9. Its parent has ended, so it cannot be named; what it holds open is read no more.
    alone(async || {
        let script = "setsid sh -c 'sleep 1000 & echo $!'; echo up; exec sleep 1000";
        let process = up(sh(script)).await;
        let daemon = first_number(&process).await;
        let begun = Instant::now();
        let gone = process.stop().await;
        assert!(gone.survivors.is_empty() && gone.output_cut, "{gone}");
        assert!(begun.elapsed() < Duration::from_secs(5) && is_alive(daemon));
        run(&format!("kill -KILL {daemon}")).await;
        until("it is dead", || !is_alive(daemon)).await;
    });
}

#[test]
fn a_zombie_in_the_group_is_not_waited_for() {
    // L9. Its parent is outside of the group and does not reap it, and a signal still finds it.
    alone(async || {
        let code = "import os, time\n\
                    group = os.getpgrp()\n\
                    os.setpgid(0, 0)\n\
                    if os.fork() == 0: os.setpgid(0, group); os._exit(0)\n\
                    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)\n\
                    print(os.getpid(), flush=True); print('up', flush=True)\n\
                    time.sleep(1000)";
        for script in ["python3 -c \"$0\" & wait", "python3 -c \"$0\" & read line"] {
            let script = Command::new("sh")
                .args(["-c", script, code])
                .stdin(Stdin::Piped);
            let process = up(script).await;
            let outside = first_number(&process).await;
            // Once as told, and once by itself.
            process.stdin().unwrap().close();
            let gone = timeout(SOON, process.watch().gone()).await;
            let gone = match gone {
                Ok(gone) => gone,
                Err(_) => process.stop().await,
            };
            assert!(gone.took < Duration::from_secs(3), "{gone}");
            run(&format!("kill -KILL {outside}")).await;
            until("it is dead", || !is_alive(outside)).await;
        }
    });
}

#[test]
fn a_traced_program_ends_when_its_tracer_lets_go_and_costs_nothing_until_then() {
    // L8. The system says at once that it has ended, and tells us how only after the tracer.
    alone(async || {
        let process = start(sh("exec sleep 1000")).await;
        let code = "import ctypes, sys, time\n\
                    seized = ctypes.CDLL(None).ptrace(0x4206, int(sys.argv[1]), None, None) == 0\n\
                    print('up' if seized else 'not allowed', flush=True)\n\
                    time.sleep(1000)";
        let pid = process.id().pid().to_string();
        let tracer = start(Command::new("python3").args(["-c", code, &pid])).await;
        let said = || tracer.stdout().text();
        until("it says something", || said().contains('\n')).await;
        if said() != "up\n" {
            println!("SKIPPED: this machine lets nobody be traced");
            tracer.kill().await;
            process.kill().await;
            return;
        }
        process.signal(Signal::KILL).unwrap();
        let before = keeper_ticks();
        let watch = process.watch();
        let wait = timeout(SOON * 5, watch.exited());
        wait.await.expect_err("its tracer has not let go");
        let ticks = keeper_ticks() - before;
        assert!(ticks < 10, "the keeper has worked for {ticks} of 50 ticks");
        tracer.kill().await;
        assert_eq!(process.watch().exited().await.signal(), Some(Signal::KILL));
    });
}

/// How long the keeper has worked, in hundredths of a second.
fn keeper_ticks() -> u64 {
    let threads = fs::read_dir("/proc/self/task").expect("we may look at ourselves");
    let stats = threads.flatten().map(|thread| thread.path().join("stat"));
    let mut stats = stats.filter_map(|stat| fs::read_to_string(stat).ok());
    let stat = stats.find(|stat| stat.contains("(perennial-keepe)"));
    let fields = stat.as_ref().and_then(|stat| stat.rsplit_once(") "));
    let (_, fields) = fields.expect("it runs");
    let times = fields.split(' ').skip(11).take(2);
    times.filter_map(|time| time.parse::<u64>().ok()).sum()
}
