//! What survives an owner that is killed with SIGKILL, measured on what this machine allows.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use perennial::process::{Containment, containment};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};

use crate::Test;
use crate::common::PATIENCE;
use crate::owner::{MARK, variables};

pub(crate) const TESTS: &[Test] = &[
    ("c2_without_a_guard_all_survive", c2_unguarded),
    ("c2_with_a_guard_who_is_known_dies", c2_guard),
    ("c2_in_a_cgroup_all_die", c2_cgroup),
    ("c3_an_owner_that_is_killed_while_it_starts_programs", c3),
    ("c4_a_guard_that_is_killed_is_replaced", c4),
    ("a_guard_that_is_suspended_holds_nobody_up", suspended),
    ("proc_41_a_host_that_ignores_sigchld_is_refused", proc_41),
    (
        "programs_are_started_where_our_session_is_out_of_sight",
        far_session,
    ),
    (
        "proc_42_a_host_that_reaps_all_loses_exits_and_hangs_nothing",
        proc_42,
    ),
];

/// The owner and all that descends from it, found by a mark in their environments.
pub(crate) struct Owner {
    pub(crate) child: Child,
    mark: String,
    said: BufReader<std::process::ChildStdout>,
}

/// Who survives: the last argument of each.
type Names = BTreeSet<String>;

impl Owner {
    pub(crate) fn start(role: &str, is_guarded: bool, around: &[&str]) -> Self {
        let mark = format!("{role}-{}", std::process::id() as u128 + nanos());
        let exe = std::env::current_exe().expect("we are a file");
        let mut command = match around {
            [program, args @ ..] => {
                let mut command = Command::new(program);
                command.args(args).arg(exe);
                command
            }
            [] => Command::new(exe),
        };
        command.envs(variables(role, &mark, is_guarded));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("it is piped"));
        Self { child, mark, said }
    }

    pub(crate) fn line(&mut self) -> String {
        let time = Timespec::try_from(PATIENCE).expect("it is short");
        let fds = &mut [PollFd::new(self.said.get_ref(), PollFlags::IN)];
        let ready = poll(fds, Some(&time)).expect("it can be polled");
        assert!(ready > 0, "the owner says nothing");
        let mut line = String::new();
        self.said.read_line(&mut line).expect("it is text");
        line.trim_end().to_owned()
    }

    fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    /// Those with the mark, as their numbers and command lines.
    fn marked(&self) -> Vec<(i32, String)> {
        let mark = format!("{MARK}={}", self.mark).into_bytes();
        let entries = fs::read_dir("/proc").expect("it is there").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let marked = pids.filter_map(|pid: i32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
            let mut variables = environment.split(|byte| *byte == 0);
            variables.any(|variable| variable == mark).then_some(())?;
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            Some((pid, line.trim_end().to_owned()))
        });
        marked.collect()
    }

    /// Waits until only these are left, or for ever none but these; then ends them.
    pub(crate) fn expect_survivors(&self, expected: &[&str]) -> Duration {
        let expected: Names = expected.iter().map(|name| (*name).to_owned()).collect();
        let begun = Instant::now();
        loop {
            let left = self.marked();
            let names: Names = left.iter().filter_map(|(_, line)| name(line)).collect();
            let is_settled = names == expected && left.iter().all(|(_, line)| !is_guard(line));
            if is_settled || begun.elapsed() > PATIENCE {
                let took = begun.elapsed();
                for (pid, _) in &left {
                    let pid = Pid::from_raw(*pid).expect("it is positive");
                    let _ = kill_process(pid, Signal::KILL);
                }
                assert!(is_settled, "{left:?} are left, not {expected:?}");
                return took;
            }
            sleep(Duration::from_millis(2));
        }
    }
}

fn nanos() -> u128 {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed();
    since.expect("it is later than 1970").as_nanos()
}

/// What is asked for is `sleep` with a number: 7000 the leader's own, 7001 its child, 7002 in a
/// session of its own, 7003 a daemon.
fn name(line: &str) -> Option<String> {
    line.strip_prefix("sleep ").map(str::to_owned)
}

fn is_guard(line: &str) -> bool {
    line.starts_with("perennial-guard")
}

fn guard(owner: &Owner) -> Option<i32> {
    let marked = owner.marked();
    let guard = marked.iter().find(|(_, line)| is_guard(line));
    guard.map(|(pid, _)| *pid)
}

/// Waits for the guard that comes after this one.
fn expect_another(owner: &Owner, first: i32) {
    let begun = Instant::now();
    while guard(owner).is_none_or(|pid| pid == first) {
        assert!(begun.elapsed() < PATIENCE, "there is no other guard");
        sleep(Duration::from_millis(5));
    }
    println!("  replaced after {:?}", begun.elapsed());
    // It is there before it has been told whom to end.
    sleep(Duration::from_millis(100));
}

/// Hides the control groups from who runs the rest.
const WITHOUT_CGROUP: &str = "
    for at in $(sed -n 's/^[^ ]* [^ ]* [^ ]* [^ ]* \\([^ ]*\\) .* - cgroup2 .*/\\1/p' \
        /proc/self/mountinfo); do umount -l $at; done
    exec \"$0\"";

fn at_the_level_of_a_guard() -> &'static [&'static str] {
    match containment() {
        Containment::Cgroup => &["unshare", "--mount", "sh", "-c", WITHOUT_CGROUP],
        _ => &[],
    }
}

fn c2_unguarded() {
    // What this is all about: SIGKILL leaves no time to do anything.
    let mut owner = Owner::start("family", false, &[]);
    assert_eq!(owner.line(), "up process group");
    owner.kill();
    sleep(Duration::from_millis(300));
    owner.expect_survivors(&["7000", "7001", "7002", "7003"]);
}

fn c2_guard() {
    // The leader, its group and its descendants die; a daemon has left both.
    let mut owner = Owner::start("family", true, at_the_level_of_a_guard());
    assert_eq!(owner.line(), "up guard");
    owner.kill();
    let took = owner.expect_survivors(&["7003"]);
    println!("  the guard took {took:?}");
}

fn c2_cgroup() {
    if containment() < Containment::Cgroup {
        println!("  SKIPPED: this machine gives us no control groups");
        return;
    }
    let mut owner = Owner::start("family", true, &[]);
    assert_eq!(owner.line(), "up cgroup");
    owner.kill();
    let took = owner.expect_survivors(&[]);
    println!("  the guard took {took:?}");
}

fn c3() {
    // In a cgroup there is no moment in which a program is not contained.
    let expects_none = containment() == Containment::Cgroup;
    let mut survivors = 0;
    for round in 0..10 {
        let mut owner = Owner::start("spawning", true, &[]);
        owner.line();
        sleep(Duration::from_micros(3_700 * (round % 10)));
        owner.kill();
        if expects_none {
            owner.expect_survivors(&[]);
        } else {
            sleep(Duration::from_millis(500));
            survivors += owner.marked().len();
            let names: Names = owner
                .marked()
                .iter()
                .filter_map(|(_, line)| name(line))
                .collect();
            let names: Vec<_> = names.iter().map(String::as_str).collect();
            owner.expect_survivors(&names);
        }
    }
    println!("  {survivors} survivors in 10 rounds");
}

fn c4() {
    let mut owner = Owner::start("family", true, &[]);
    let level = owner.line();
    let first = guard(&owner).expect("it has one");
    let pid = Pid::from_raw(first).expect("it is positive");
    kill_process(pid, Signal::KILL).expect("it is ours");
    expect_another(&owner, first);
    owner.kill();
    let daemon: &[&str] = if level == "up cgroup" { &[] } else { &["7003"] };
    owner.expect_survivors(daemon);
}

fn suspended() {
    // What it is told would fill its pipe, and whoever tells it would wait for ever.
    let mut owner = Owner::start("many", true, at_the_level_of_a_guard());
    assert_eq!(owner.line(), "up");
    let first = guard(&owner).expect("it has one");
    let pid = Pid::from_raw(first).expect("it is positive");
    kill_process(pid, Signal::STOP).expect("it is ours");
    writeln!(owner.child.stdin.as_ref().expect("it is piped"), "go").expect("it reads");
    assert_eq!(owner.line(), "done");
    expect_another(&owner, first);
    owner.child.wait().expect("it is ours");
    owner.expect_survivors(&[]);
}

fn proc_41() {
    // The system would reap our children unseen, so nothing is started.
    let exe = std::env::current_exe().expect("we are a file");
    let output = Command::new("env")
        .arg("--ignore-signal=CHLD")
        .arg(exe)
        .envs(variables("ignores-children", "none", false))
        .output()
        .expect("it runs");
    let text = "this process ignores SIGCHLD, so no exit can be seen\n";
    assert_eq!(String::from_utf8_lossy(&output.stdout), text);
}

fn far_session() {
    // As in a container: the session began outside of the namespace, and its number there is 0.
    let around = "unshare --map-root-user --pid --fork --kill-child --mount-proc";
    let around: Vec<_> = around.split(' ').collect();
    let trial = Command::new(around[0])
        .args(&around[1..])
        .arg("true")
        .output();
    if !trial.expect("it is installed").status.success() {
        println!("  SKIPPED: this machine gives us no namespaces");
        return;
    }
    let mut owner = Owner::start("stops-one", false, &around);
    assert_eq!(owner.line(), "session 0, ended by SIGTERM as told");
    owner.child.wait().expect("it is ours");
    owner.expect_survivors(&[]);
}

fn proc_42() {
    let mut owner = Owner::start("reaps-all", false, &[]);
    assert_eq!(owner.line(), "lost or seen 20");
    owner.child.wait().expect("it is ours");
    owner.expect_survivors(&[]);
}
