//! The owners that are killed, and hosts that are hostile: this binary in other roles.

use std::env;
use std::io::{Write, stdin, stdout};
use std::time::Duration;

use perennial::process::{self, Command, ExitCause, StartError};
use tokio::time::sleep;

use crate::common::{runtime, sh, start, up};
use crate::limits;

const ROLE: &str = "OWNER_ROLE";
const UNGUARDED: &str = "OWNER_UNGUARDED";

/// The variable by which all that descends from an owner is found.
pub(crate) const MARK: &str = "OWNER_MARK";

pub(crate) fn is_unguarded() -> bool {
    env::var_os(UNGUARDED).is_some()
}

pub(crate) fn role() -> Option<String> {
    env::var(ROLE).ok()
}

/// What makes this binary an owner.
pub(crate) fn variables(role: &str, mark: &str, is_guarded: bool) -> Vec<(String, String)> {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut variables = vec![pair(ROLE, role), pair(MARK, mark)];
    variables.extend((!is_guarded).then(|| pair(UNGUARDED, "1")));
    variables
}

/// A leader with a child, one in a session of its own, and a daemon that has forked twice.
const FAMILY: &str = "
    sleep 7001 &
    setsid sleep 7002 &
    setsid sh -c 'sleep 7003 & exit' &
    sleep 0.1
    echo up
    while :; do sleep 7000; done";

pub(crate) fn play(role: &str) {
    let runtime = runtime();
    match role {
        "family" => runtime.block_on(async {
            let _family = up(sh(FAMILY)).await;
            tell(&format!("up {}", process::containment()));
            sleep(Duration::from_secs(60)).await;
        }),
        "spawning" => runtime.block_on(async {
            tell("up");
            let mut all = Vec::new();
            for _ in 0..200 {
                all.push(start(sh("sleep 7001 & exec sleep 7000")).await);
            }
            sleep(Duration::from_secs(60)).await;
        }),
        "many" => runtime.block_on(async {
            start(sh("exit 0")).await.watch().gone().await;
            tell("up");
            stdin()
                .read_line(&mut String::new())
                .expect("somebody writes");
            // The guard is told some forty bytes of each, and its pipe holds 64 KiB.
            for _ in 0..3_000 {
                let process = start(Command::new("true")).await;
                process.watch().gone().await;
            }
            tell("done");
            stdin()
                .read_line(&mut String::new())
                .expect("its end is no error");
        }),
        "ignores-children" => runtime.block_on(async {
            let started = sh("exit 0").create().start().await;
            tell(&started.expect_err("no exit could be seen").to_string());
        }),
        "stops-one" => runtime.block_on(async {
            let process = up(sh(FAMILY)).await;
            let stat = std::fs::read_to_string("/proc/self/stat").expect("we run");
            let session = stat.split(' ').nth(5).expect("it has one").to_owned();
            let gone = process.stop().await;
            tell(&format!("session {session}, {}", gone.exit));
        }),
        "reaps-all" => runtime.block_on(reap_all()),
        other => limits::play(other),
    }
}

/// A host that waits for any child gets ours, too.
async fn reap_all() {
    std::thread::spawn(|| {
        loop {
            let _ = rustix::process::wait(rustix::process::WaitOptions::empty());
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    let (mut lost, mut seen) = (0, 0);
    for _ in 0..20 {
        let created = sh("exit 5").create();
        let watch = created.watch();
        let _started = created.start().await;
        let gone = watch.gone().await;
        match gone.exit.cause {
            ExitCause::Lost(_) | ExitCause::NeverStarted(StartError::Lost { .. }) => lost += 1,
            _ => seen += usize::from(gone.exit.code() == Some(5)),
        }
    }
    tell(&format!("lost or seen {}", lost + seen));
}

pub(crate) fn tell(line: &str) {
    println!("{line}");
    stdout().flush().expect("somebody reads");
}
