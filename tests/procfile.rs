//! The daemon of `examples/procfile` as its users meet it: a program with files, signals, exit
//! codes and other programs below it.

#[path = "procfile/bad_input.rs"]
mod bad_input;
#[path = "procfile/clients.rs"]
mod clients;
#[path = "procfile/daemon.rs"]
mod daemon;
#[path = "procfile/forms.rs"]
mod forms;
#[path = "procfile/groups.rs"]
mod groups;
#[path = "procfile/orders.rs"]
mod orders;
#[path = "../benches/examples/program.rs"]
mod program;
#[path = "procfile/real.rs"]
mod real;
#[path = "procfile/reload.rs"]
mod reload;

use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long anything may take that is expected to happen: far longer than it does.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until `condition` holds, which no event of this process tells.
#[track_caller]
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "in vain waited until {what}");
        sleep(Duration::from_millis(5));
    }
}
