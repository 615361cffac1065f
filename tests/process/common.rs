//! What all tests with real programs share: they run one at a time, and each leaves nothing.

use std::collections::BTreeSet;
use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use perennial::process::{Command, Process};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// How long anything may take that is expected to happen: far longer than it does.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long a whole test may take.
const HANGS_AFTER: Duration = Duration::from_secs(120);

/// Runs a test while no other does, and sees that it leaves no child, no zombie and no descriptor.
pub(crate) fn alone(test: impl AsyncFnOnce()) {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let runtime = runtime();
    runtime.block_on(async {
        // What is started with the first program stays.
        run("true").await;
        let before = Left::now();
        let test = timeout(HANGS_AFTER, test());
        test.await.expect("the test hangs");
        let mut left = Left::now();
        let is_clean = holds_within(PATIENCE, || {
            left = Left::now();
            left == before
        });
        assert!(is_clean.await, "the test has left {left:?} of {before:?}");
    });
}

pub(crate) fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_all().build().expect("a runtime can be made")
}

/// What a test could leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    descriptors: usize,
    children: BTreeSet<i32>,
}

impl Left {
    fn now() -> Self {
        let open = fs::read_dir("/proc/self/fd").expect("we may look at ourselves");
        Self {
            descriptors: open.count(),
            children: children(),
        }
    }
}

/// Our children, zombies included.
pub(crate) fn children() -> BTreeSet<i32> {
    let threads = fs::read_dir("/proc/self/task").expect("we may look at ourselves");
    let lists = threads.flatten();
    let lists = lists.map(|thread| fs::read_to_string(thread.path().join("children")));
    let lists: String = lists.flatten().collect();
    lists
        .split_whitespace()
        .map(|pid| pid.parse().expect("a number"))
        .collect()
}

/// Waits until `condition` holds, which no event of this process tells.
pub(crate) async fn until(what: &str, condition: impl FnMut() -> bool) {
    let holds = holds_within(PATIENCE, condition).await;
    assert!(holds, "in vain waited until {what}");
}

pub(crate) async fn holds_within(time: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + time;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        sleep(Duration::from_millis(2)).await;
    }
    true
}

/// A shell that runs this script.
pub(crate) fn sh(script: &str) -> Command {
    Command::new("sh").args(["-c", script])
}

pub(crate) async fn start(command: Command) -> Process {
    let created = command.create();
    created.start().await.expect("it can be started")
}

/// Runs a script to its end.
pub(crate) async fn run(script: &str) -> Process {
    let process = start(sh(script)).await;
    process.watch().gone().await;
    process
}

/// Starts a script that says `up` when it is set up.
pub(crate) async fn up(command: Command) -> Process {
    let ready = perennial::process::Ready::line(|line| &*line.text == "up");
    start(command.ready(ready)).await
}

/// Whether this process lives, zombies not counted.
pub(crate) fn is_alive(pid: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map(|(_, fields)| &fields[..1]);
    state.is_some_and(|state| state != "Z" && state != "X")
}

/// The number that the first line of the output is.
pub(crate) async fn first_number(process: &Process) -> i32 {
    let mut number = None;
    until("it has told a number", || {
        let text = process.stdout().text();
        let line = text.lines().next().filter(|_| text.contains('\n'));
        number = line.and_then(|line| line.trim().parse().ok());
        number.is_some()
    })
    .await;
    number.expect("it was waited for")
}
