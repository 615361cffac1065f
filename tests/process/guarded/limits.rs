//! Hosts at their limits: without descriptors, without processes, and where numbers come back.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command as System, Stdio};
use std::time::Duration;

use perennial::process::{Command, Ladder, Output, Process, Signal, StartError, Stdin};
use perennial::{Backoff, Context, RunError, State, Supervisor};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::Test;
use crate::common::{PATIENCE, alone, first_number, holds_within, is_alive, runtime, sh, start};
use crate::common::{children, until, up};
use crate::matrix::Owner;
use crate::owner::tell;

pub(crate) const TESTS: &[Test] = &[
    ("c11_without_descriptors_a_start_is_refused", descriptors),
    (
        "without_descriptors_nobody_is_taken_for_dead_who_lives",
        blind,
    ),
    ("c11_without_processes_a_start_is_refused", processes),
    (
        "what_cannot_be_started_now_is_started_after_its_backoff",
        backoff,
    ),
    (
        "c8_a_stranger_with_the_number_of_a_program_is_left_alone",
        strangers,
    ),
    (
        "c14_what_the_service_manager_tells_us_is_for_us",
        environment,
    ),
];

pub(crate) fn play(role: &str) {
    match role {
        "few-descriptors" => starve_of_descriptors(),
        "blind" => stop_blindly(),
        "few-processes" => starve_of_processes(),
        "few-at-first" => starve_at_first(),
        "tree" => starve_a_tree(),
        "numbers" => meet_a_stranger(),
        "environment" => runtime().block_on(show_the_environment()),
        other => panic!("there is no role {other}"),
    }
}

/// Plays a role in a host of its own, at each level that there is, and expects its last word.
fn expect(role: &str, around: &[&str], word: &str) {
    for is_guarded in [false, true] {
        let mut owner = Owner::start(role, is_guarded, around);
        assert_eq!(owner.line(), word, "{role}, guarded: {is_guarded}");
        owner.child.wait().expect("it is ours");
        owner.expect_survivors(&[]);
    }
}

/// All descriptors that were left, but for some.
struct Taken {
    _files: Vec<File>,
}

impl Taken {
    fn all_but(spared: usize) -> Self {
        let open = || File::open("/dev/null").ok();
        let mut taken: Vec<_> = std::iter::from_fn(open).collect();
        taken.truncate(taken.len().saturating_sub(spared));
        Self { _files: taken }
    }
}

fn descriptors() {
    // L1, R17. Typed, no panic, nothing leaked; and the next one works.
    expect("few-descriptors", &["prlimit", "--nofile=64"], "refused");
}

fn starve_of_descriptors() {
    let plans: [fn(Command) -> Command; 4] = [
        |command| command,
        |command| command.stdin(Stdin::Piped),
        |command| command.stdout(Output::Inherit).stderr(Output::Null),
        |command| {
            command
                .stdout(Output::Inherit)
                .stderr(Output::Inherit)
                .stdin(Stdin::Inherit)
        },
    ];
    alone(async || {
        let mut refused = 0;
        for (spared, plan) in (0..16).flat_map(|spared| plans.map(|plan| (spared, plan))) {
            let taken = Taken::all_but(spared);
            // What it starts must be gone, too, when it is refused in the middle.
            let created = plan(sh("sleep 1000 & exec sleep 1000")).create();
            let watch = created.watch();
            match created.start().await {
                Ok(process) => drop(process.kill().await),
                Err(error) => {
                    assert!(is_exhausted(&error), "{error:?} with {spared}");
                    assert!(watch.gone().await.exit.code().is_none());
                    refused += 1;
                }
            }
            drop(taken);
            let is_empty = holds_within(PATIENCE, || children_but_guard().is_empty());
            assert!(is_empty.await, "{:?} with {spared}", children_but_guard());
        }
        assert!(refused > 0);
        start(sh("exit 0")).await.watch().gone().await;
    });
    tell("refused");
}

fn is_exhausted(error: &StartError) -> bool {
    matches!(error, StartError::Exhausted { .. }) && !error.is_permanent()
}

fn children_but_guard() -> Vec<i32> {
    let is_guard = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(b"perennial-guard")
    };
    children()
        .into_iter()
        .filter(|pid| !is_guard(pid))
        .collect()
}

fn blind() {
    // L1, L9. Who cannot be seen is waited for, and killed at the end of the ladder.
    expect("blind", &["prlimit", "--nofile=64"], "killed");
}

fn stop_blindly() {
    alone(async || {
        let deaf = "sh -c 'trap \"\" TERM; echo $$; echo up; while :; do sleep 0.05; done' & wait";
        let ladder = Ladder::new().signal(Signal::TERM, Duration::from_millis(300));
        let process = up(sh(deaf).ladder(ladder)).await;
        let member = first_number(&process).await;
        let taken = Taken::all_but(0);
        let gone = process.stop().await;
        drop(taken);
        assert_eq!(gone.exit.signal(), Some(Signal::TERM), "{gone}");
        assert!(gone.was_killed(), "{gone}");
        until("the member is dead", || !is_alive(member)).await;
    });
    tell("killed");
}

/// Somebody who has no processes but those of the test.
const NOBODY: &str = "--reuid=54321 --regid=54321 --clear-groups";

/// What runs a host as somebody who may have so many processes; none if we may not do that.
fn with_few(limit: &'static str) -> Option<Vec<&'static str>> {
    let who: Vec<_> = ["setpriv"].into_iter().chain(NOBODY.split(' ')).collect();
    let exe = std::env::current_exe().expect("we are a file");
    let mut trial = System::new(who[0]);
    let trial = trial.args(&who[1..]).args(["test", "-x"]).arg(exe).status();
    if !trial.is_ok_and(|status| status.success()) {
        println!("  SKIPPED: this machine does not let us be somebody else");
        return None;
    }
    Some(who.into_iter().chain(["prlimit", limit]).collect())
}

fn processes() {
    // L1, R17. Threads are counted, too: the first start needs two of them.
    let Some(around) = with_few("--nproc=16") else {
        return;
    };
    expect("few-processes", &around, "refused");
    let around = with_few("--nproc=1:16").unwrap();
    let mut owner = Owner::start("few-at-first", false, &around);
    assert_eq!(owner.line(), "refused, then started");
    owner.child.wait().expect("it is ours");
}

fn starve_of_processes() {
    alone(async || {
        for _ in 0..3 {
            let mut naps: Vec<Process> = Vec::new();
            let error = loop {
                match Command::new("sleep").arg("1000").create().start().await {
                    Ok(nap) => naps.push(nap),
                    Err(error) => break error,
                }
                assert!(naps.len() < 16, "there is no limit");
            };
            assert!(is_exhausted(&error), "{error:?}");
            for nap in &naps {
                nap.kill().await;
            }
        }
        start(Command::new("true")).await.watch().gone().await;
    });
    tell("refused");
}

fn starve_at_first() {
    let raise = |current| {
        let limit = getrlimit(Resource::Nproc);
        let maximum = limit.maximum;
        setrlimit(Resource::Nproc, Rlimit { current, maximum }).expect("it is below the maximum");
    };
    runtime().block_on(async {
        let created = Command::new("true").create();
        let error = created
            .start()
            .await
            .expect_err("there is no thread to be had");
        assert!(is_exhausted(&error), "{error:?}");
        raise(Some(8));
        let process = start(Command::new("true")).await;
        assert_eq!(process.watch().gone().await.exit.code(), Some(0));
    });
    tell("refused, then started");
}

fn backoff() {
    // R4, R8. A lack is no reason to give up: later there may be enough.
    expect("tree", &["prlimit", "--nofile=64"], "healthy after a while");
}

fn starve_a_tree() {
    alone(async || {
        let taken = Taken::all_but(0);
        let root = |ctx: Context| async move {
            let nap = Command::new("sleep").arg("1000").runnable();
            ctx.run(
                "nap",
                nap.backoff(Backoff::constant(Duration::from_millis(20))),
            )?;
            ctx.done();
            Ok::<(), RunError>(())
        };
        let tree = Supervisor::new(root).start();
        let nap = async || {
            let snapshot = tree.snapshot().await;
            let nap = snapshot.find("root.nap");
            nap.map(|nap| (nap.state, nap.restarts))
        };
        while nap().await.is_none_or(|(_, restarts)| restarts < 2) {
            tokio::task::yield_now().await;
        }
        drop(taken);
        while nap().await.is_none_or(|(state, _)| state != State::Healthy) {
            tokio::task::yield_now().await;
        }
        tree.stop().await.expect("a stop is no failure");
    });
    tell("healthy after a while");
}

fn strangers() {
    // L10. In a namespace of its own a number comes back when we say so.
    let around = "unshare --map-root-user --pid --fork --kill-child --mount-proc";
    let around: Vec<_> = around.split(' ').collect();
    let trial = "echo 99 > /proc/sys/kernel/ns_last_pid";
    let trial = System::new(around[0])
        .args(&around[1..])
        .args(["sh", "-c", trial])
        .stderr(Stdio::null())
        .status();
    if !trial.is_ok_and(|status| status.success()) {
        println!("  SKIPPED: this machine gives us no numbers of our choice");
        return;
    }
    // Without a guard, which could not clean up: it would end with the namespace.
    let mut owner = Owner::start("numbers", false, &around);
    assert_eq!(owner.line(), "left alone");
    owner.child.wait().expect("it is ours");
    owner.expect_survivors(&[]);
}

fn meet_a_stranger() {
    runtime().block_on(async {
        let process = start(sh("exit 3")).await;
        process.watch().gone().await;
        let number = process.id().pid();
        // The system tells starts apart by hundredths of a second.
        holds_within(Duration::from_millis(30), || false).await;
        let mut stranger = stranger(number);
        process.signal(Signal::KILL).expect_err("it is gone");
        process.pause().expect_err("it is gone");
        assert_eq!(process.kill().await.exit.code(), Some(3));
        assert!(!process.id().is_alive());
        drop(process);
        // The keeper has obeyed the last of this when it has begun and ended another program.
        start(sh("exit 0")).await.watch().gone().await;
        assert!(stranger.try_wait().expect("it is ours").is_none());
        stranger.kill().expect("it is ours");
        stranger.wait().expect("it is ours");
    });
    tell("left alone");
}

/// Somebody else, with this number, who leads a group of the same number.
fn stranger(number: u32) -> Child {
    loop {
        fs::write("/proc/sys/kernel/ns_last_pid", (number - 1).to_string()).expect("we may");
        let mut nap = System::new("sleep");
        let mut child = nap
            .arg("1000")
            .process_group(0)
            .spawn()
            .expect("it is there");
        if child.id() == number {
            return child;
        }
        child.kill().expect("it is ours");
        child.wait().expect("it is ours");
    }
}

fn environment() {
    // L1. The names are a closed list, and what else is there is inherited.
    let ours = [
        "NOTIFY_SOCKET",
        "LISTEN_FDS",
        "LISTEN_PID",
        "LISTEN_FDNAMES",
        "WATCHDOG_USEC",
    ];
    let variables: Vec<_> = ours.iter().map(|name| format!("{name}=1")).collect();
    let mut around = vec!["env", "WATCHDOG_PID=1", "FOR_ALL=1"];
    around.extend(variables.iter().map(String::as_str));
    expect("environment", &around, "FOR_ALL");
}

async fn show_the_environment() {
    let process = start(Command::new("env")).await;
    process.watch().gone().await;
    let text = process.stdout().text();
    let names = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name);
    let told = ["NOTIFY", "LISTEN", "WATCHDOG", "PERENNIAL", "FOR_ALL"];
    let names: Vec<_> = names
        .filter(|name| told.iter().any(|told| name.starts_with(told)))
        .collect();
    tell(&names.join(" "));
}
