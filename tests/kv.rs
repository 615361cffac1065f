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
#[path = "daemons/until.rs"]
mod until;

use until::{PATIENCE, until};
