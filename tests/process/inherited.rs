//! What a program inherits: a closed list.

use nix::sys::signal::{SigSet, SigmaskHow, Signal as System};
use perennial::process::{Command, Signal, Stdin};

use crate::common::{alone, run, sh, start, up};

async fn said(command: Command) -> String {
    let process = start(command).await;
    process.watch().gone().await;
    process.stdout().text()
}

#[test]
fn c14_a_clean_environment_has_nothing_of_ours() {
    // L1. Not even what the shell's own start adds, since `env` is run directly.
    alone(async || {
        let text = said(Command::new("/usr/bin/env").env_clean().env("ONLY", "this")).await;
        assert_eq!(text, "ONLY=this\n");
        // Ours has at least where cargo was found.
        assert!(said(Command::new("env")).await.contains("PATH="));
        let without = said(Command::new("env").env_remove("PATH")).await;
        assert!(!without.lines().any(|line| line.starts_with("PATH=")));
    });
}

#[test]
fn proc_16_no_standard_input_is_at_its_end_and_no_pipe() {
    // R17. Programs misbehave when it is a pipe that nobody writes to.
    alone(async || {
        let text = said(sh("cat; test -p /dev/stdin || echo none")).await;
        assert_eq!(text, "none\n");
        let piped = start(sh("test -p /dev/stdin && echo pipe").stdin(Stdin::Piped)).await;
        piped.watch().gone().await;
        assert_eq!(piped.stdout().text(), "pipe\n");
    });
}

#[test]
fn proc_40_a_signal_that_we_block_is_not_blocked_in_a_program() {
    // L9. Otherwise SIGTERM would be in vain, and each stop end with SIGKILL.
    alone(async || {
        let mut blocked = SigSet::empty();
        blocked.add(System::SIGTERM);
        let before = blocked.thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
        let process = start(sh("exec sleep 30")).await;
        let gone = process.stop().await;
        before.thread_set_mask().unwrap();
        assert_eq!(gone.exit.signal(), Some(Signal::TERM), "{gone}");
        let mask = run("grep SigBlk /proc/self/status").await.stdout().text();
        assert_eq!(mask.trim(), "SigBlk:\t0000000000000000");
    });
}

#[test]
fn c15_a_broken_pipe_ends_a_program_as_elsewhere() {
    // L1. Our runtime ignores SIGPIPE; a program has the disposition that it expects.
    alone(async || {
        let text = run("cat /proc/self/status").await.stdout().text();
        let ours = std::fs::read_to_string("/proc/self/status").unwrap();
        assert_eq!(ignored(&text), ignored(&ours) & !SIGPIPE);
        let text = said(sh("yes | head -n 1")).await;
        assert_eq!(text, "y\n");
    });
}

#[test]
fn c15_directory_and_group_are_as_said() {
    // L1. A group of its own, in our session.
    alone(async || {
        let process = up(sh("pwd; echo up; exec sleep 30").current_dir("/usr")).await;
        let text = process.stdout().text();
        assert_eq!(text, "/usr\nup\n");
        let pid = process.id().pid();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let own = std::fs::read_to_string("/proc/self/stat").unwrap();
        let field = |stat: &str, at: usize| {
            let (_, fields) = stat.rsplit_once(") ").unwrap();
            fields.split(' ').nth(at).unwrap().to_owned()
        };
        assert_eq!(field(&stat, 2), pid.to_string());
        assert_eq!(field(&stat, 3), field(&own, 3));
        process.kill().await;
    });
}

#[test]
fn c15_user_groups_umask_priority_and_limits_are_ours() {
    // L1. What is not in the specification is not changed.
    alone(async || {
        let theirs = run("cat /proc/self/status /proc/self/limits; nice").await;
        let theirs = theirs.stdout().text();
        let files = ["/proc/self/status", "/proc/self/limits"];
        let ours: Vec<_> = files
            .map(|file| std::fs::read_to_string(file).unwrap())
            .into();
        let ours = ours.concat();
        let names = [
            "Uid:",
            "Gid:",
            "Groups:",
            "Umask:",
            "CapEff:",
            "Cpus_allowed:",
            "Max ",
        ];
        let is_kept = |line: &&str| names.iter().any(|name| line.starts_with(name));
        let kept = |text: &str| {
            let lines = text.lines().filter(is_kept);
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert!(kept(&ours).len() > 20, "{ours}");
        assert_eq!(kept(&theirs), kept(&ours));
        let nice = std::process::Command::new("nice").output().unwrap();
        assert_eq!(
            theirs.lines().last(),
            Some(String::from_utf8_lossy(&nice.stdout).trim())
        );
    });
}

const SIGPIPE: u64 = 1 << 12;

fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Those for real time are the C library's own.
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.expect("it is listed") & 0x7fff_ffff
}
