//! The key-value daemon of `examples/kv` as its users meet it: a process of its own, reached
//! through sockets, signals and what it prints.
//!
//! `KV_CHAOS_SECONDS` sets how long the chaos run takes.

#[path = "kv/abuse.rs"]
mod abuse;
#[path = "kv/chaos.rs"]
mod chaos;
#[path = "kv/client.rs"]
mod client;
#[path = "kv/daemon.rs"]
mod daemon;
#[path = "kv/load.rs"]
mod load;
#[path = "../benches/examples/program.rs"]
mod program;
#[path = "kv/serving.rs"]
mod serving;
#[path = "kv/stopping.rs"]
mod stopping;
#[path = "kv/tools.rs"]
mod tools;

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
