//! What is done in a program's place before it runs.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command as System;
use std::time::Duration;

use perennial::process::{
    Command, Containment, Process, Ready, Scope, Signal, StartError, TerminalSize, containment,
};
use tempfile::TempDir;

use crate::Test;
use crate::common::{alone, first_number, is_alive, run, sh, start, until, up};

pub(crate) const TESTS: &[Test] = &[
    ("proc_19_a_terminal_has_its_size_from_the_start", proc_19),
    ("a_terminal_can_be_resized_and_tells_the_program", resized),
    ("proc_18_all_that_a_terminal_shows_is_read", proc_18),
    ("a_terminal_takes_input_and_its_end", input),
    (
        "proc_23_a_byte_on_the_descriptor_makes_a_program_ready",
        proc_23,
    ),
    ("proc_24_a_mute_descriptor_times_out", proc_24),
    ("a_staged_start_says_what_is_wrong", refusals),
    ("a_staged_program_is_the_same_to_the_system", identity),
    (
        "proc_34_who_has_left_the_group_is_ended_with_its_cgroup",
        proc_34,
    ),
    (
        "who_hides_in_a_cgroup_of_its_own_is_ended_with_the_program",
        nested,
    ),
    ("c20_a_daemon_is_ended_with_its_cgroup", daemon),
    (
        "a_stage_whose_owner_has_died_touches_nobody_elses_descriptors",
        orphaned_stage,
    ),
    ("the_level_is_visible_and_can_be_required", level),
];

const SIZE: TerminalSize = TerminalSize {
    rows: 34,
    columns: 12,
};

async fn shown(script: &str) -> Process {
    let process = start(sh(script).terminal(SIZE)).await;
    process.watch().gone().await;
    process
}

fn proc_19() {
    alone(async || {
        // It is its session's controlling terminal, too: that is what `/dev/tty` means.
        let process = shown("stty size < /dev/tty; test -t 0 && echo yes").await;
        assert_eq!(process.stdout().text(), "34 12\r\nyes\r\n");
    });
}

fn resized() {
    alone(async || {
        let script = "trap 'stty size' WINCH; echo up; while :; do sleep 0.02; done";
        let process = up(sh(script).terminal(SIZE)).await;
        let size = TerminalSize {
            rows: 50,
            columns: 100,
        };
        process.resize(size).unwrap();
        until("it is told", || process.stdout().text().contains("50 100")).await;
        process.kill().await;
        process.resize(size).expect_err("it has ended");
    });
}

fn proc_18() {
    alone(async || {
        for _ in 0..3 {
            let process = shown("seq -s ' ' 200000").await;
            let text = process.stdout().text();
            assert_eq!(text.trim_end().rsplit(' ').next(), Some("200000"));
        }
    });
}

fn input() {
    alone(async || {
        let process = start(sh("stty -echo; echo up; cat").terminal(SIZE)).await;
        until("it is set up", || process.stdout().text().contains("up")).await;
        let stdin = process.stdin().unwrap();
        stdin.write("hello\n").await.unwrap();
        until("it answers", || process.stdout().text().contains("hello")).await;
        stdin.close();
        assert_eq!(process.watch().gone().await.exit.code(), Some(0));
    });
}

fn proc_23() {
    alone(async || {
        let by_descriptor = |script| sh(script).ready(Ready::descriptor());
        let process = start(by_descriptor("sleep 0.05; echo >&3; exec sleep 1000")).await;
        process.kill().await;
        // An end, or a descriptor that is closed, is no sign.
        for script in ["exit 4", "exec 3>&-; exit 4"] {
            let created = by_descriptor(script).create();
            let error = created.start().await.expect_err("it says nothing");
            let text = "sh was not ready when it exited with code 4";
            assert_eq!(error.to_string(), text);
        }
        let created = by_descriptor("exec 3>&-; exec sleep 1000").create();
        let watch = created.watch();
        let error = created.start().await.expect_err("it says nothing");
        assert!(matches!(error, StartError::NotReady { .. }), "{error}");
        assert_eq!(watch.gone().await.exit.signal(), Some(Signal::TERM));
    });
}

fn proc_24() {
    alone(async || {
        let time = Duration::from_millis(200);
        let mute = sh("exec sleep 1000").ready(Ready::descriptor());
        let created = mute.ready_timeout(time).create();
        let error = created.start().await.expect_err("it says nothing");
        assert!(matches!(error, StartError::ReadyTimeout { .. }), "{error}");
    });
}

fn refusals() {
    alone(async || {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("bad-line");
        fs::write(&path, "#!/no/such/shell\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        let bad = Command::new(&path).terminal(SIZE).create();
        let error = bad.start().await.expect_err("it has no interpreter");
        let text = error.to_string();
        assert!(text.ends_with("its interpreter is missing"), "{text}");
        let missing = Command::new("no-such-program").terminal(SIZE).create();
        let error = missing.start().await.expect_err("there is none");
        assert!(
            matches!(error, StartError::ProgramMissing { .. }),
            "{error}"
        );
    });
}

fn identity() {
    alone(async || {
        // Its number, its name, its environment, its descriptors and its group.
        let script = "echo $$ $0; env; ls /proc/$$/fd; cut -d' ' -f5 /proc/$$/stat";
        let named = Command::new("sh").args(["-c", script, "name"]);
        let process = start(named.env_clean().env("ONLY", "this")).await;
        process.watch().gone().await;
        let pid = process.id().pid();
        let text = process.stdout().text();
        assert!(text.starts_with(&format!("{pid} name\n")), "{text}");
        assert!(text.contains("ONLY=this"), "{text}");
        assert!(!text.contains("PERENNIAL"), "{text}");
        assert!(text.ends_with(&format!("\n{pid}\n")), "{text}");
    });
}

fn proc_34() {
    alone(async || {
        let script = "setsid sh -c 'echo $$; echo up; exec sleep 1000' & wait";
        let process = up(sh(script)).await;
        let outside = first_number(&process).await;
        let gone = process.stop().await;
        if containment() == Containment::Cgroup {
            assert!(gone.survivors.is_empty(), "{gone}");
            assert!(!is_alive(outside) && !gone.was_killed());
        } else {
            assert_eq!(gone.survivors.len(), 1, "{gone}");
            run(&format!("kill -KILL {outside}")).await;
            until("it is dead", || !is_alive(outside)).await;
        }
    });
}

fn level() {
    alone(async || {
        let level = containment();
        assert!(level >= Containment::Guard);
        let process = start(sh("exit 0").require(Containment::Guard)).await;
        assert_eq!(process.containment(), level);
        // What a leader leaves is to live on, so nothing kills it by its cgroup.
        let alone = start(sh("exit 0").scope(Scope::Leader)).await;
        assert_eq!(alone.containment(), Containment::Guard);
        process.watch().gone().await;
        alone.watch().gone().await;
        println!("the level of this machine: {level}");
    });
}

/// Makes a group below its own, and puts somebody into it who has left the process group, too.
const NESTED: &str = "
    mount=$(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - cgroup2 .*/\\1/p' \
        /proc/self/mountinfo | head -n 1)
    here=$mount$(sed -n 's/^0:://p' /proc/self/cgroup)
    mkdir -p $here/inner/most
    echo $here >&2
    setsid sh -c 'echo 0 > $0/inner/most/cgroup.procs; echo $$; echo up; exec sleep 1000' $here &
    wait";

fn nested() {
    // L1. A program may be a service that contains programs of its own, as we do.
    if containment() < Containment::Cgroup {
        println!("  SKIPPED: this machine gives us no control groups");
        return;
    }
    alone(async || {
        let process = up(sh(NESTED)).await;
        let inside = first_number(&process).await;
        let gone = process.stop().await;
        assert!(gone.survivors.is_empty() && !is_alive(inside), "{gone}");
        let groups = process.stderr().text();
        let group = std::path::Path::new(groups.trim());
        assert!(group.is_absolute() && !group.exists(), "{groups}");
    });
}

fn daemon() {
    alone(async || {
        let script = "setsid sh -c 'sleep 1000 & echo $!'; echo up; exec sleep 1000";
        let process = up(sh(script)).await;
        let daemon = first_number(&process).await;
        process.stop().await;
        if containment() == Containment::Cgroup {
            assert!(!is_alive(daemon));
        } else {
            run(&format!("kill -KILL {daemon}")).await;
            until("it is dead", || !is_alive(daemon)).await;
        }
    });
}

fn orphaned_stage() {
    // Its parent is another by then, such as the first process of the system.
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("untouched");
    let file = fs::File::create(&path).unwrap();
    let mut other = System::new("sleep")
        .arg("1000")
        .stdout(file)
        .spawn()
        .unwrap();
    let status = System::new("/proc/self/exe")
        .env("PERENNIAL_PROCESS_ROLE", "stage")
        .args([
            &*other.id().to_string(),
            "1",
            "",
            "",
            "",
            "/bin/echo",
            "echo",
        ])
        .status();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(status.unwrap().code(), Some(2));
    assert!(fs::read(&path).unwrap().is_empty());
}
