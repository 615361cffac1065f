//! A key-value daemon that speaks the protocol of Redis and does not die of its parts.
//!
//! ```text
//! root                 binds the socket, declares the others, is done
//!   store              answers batches of commands, one at a time
//!   expiry             removes keys when they are due
//!   reporter           logs the tree at SIGUSR1
//!   connections        a pool
//!     1, 2, ..         one for each client
//!   listener           accepts
//!   chaos              with `--chaos` only: kills the others
//! ```
//!
//! What must outlive the parts, the data and the queue of batches, is in [`keyspace::Keyspace`] and
//! [`store_node::StoreNode`], which `main` makes and every incarnation shares. So a part that is
//! killed loses no more than what it was doing: a write is answered after it has happened, and what
//! is in the queue waits for the next incarnation. Nothing is written to a disk: the end of the
//! process is the end of the data.
//!
//! It runs on Unix:
//!
//! ```sh
//! cargo run --release --example kv -- --chaos 20 --chaos-store
//! redis-benchmark -p 6380 -t set,get,incr -P 16
//! ```

mod args;
mod tree;

mod bare_listener;
mod connection;
mod expiry;
mod keyspace;
mod reporter;
mod socket;
mod store_node;

mod chaos;

mod command;
mod glob;
mod integer;
mod resp;
mod store;

use std::{
    io::{self, IsTerminal, Write},
    sync::Arc,
};

use clap::Parser;
use perennial::{Report, Snapshot};

use crate::{args::Args, tree::Daemon};

/// Runs the daemon until a signal stops it, which is exit code 0, or it fails, which is 1.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    tracing_subscriber::fmt()
        .with_max_level(args.log)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr)
        .init();
    let daemon = Arc::new(Daemon::new(args));
    let tree = Arc::new(daemon.supervisor().start());
    daemon.observe(&tree);
    let report = tree.ended().await?;
    let kills = daemon.kills();
    // Whoever read the standard output may be gone; the report is for nobody else.
    let _ = print(&report, &tree.snapshot().await, kills);
    Ok(())
}

/// Says how the daemon ended, and how often its parts did before.
fn print(report: &Report, last: &Snapshot, kills: u64) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{report}")?;
    writeln!(out, "kills: {kills}")?;
    for node in last.nodes.iter().filter(|node| node.restarts > 0) {
        writeln!(out, "restarts of {}: {}", node.path, node.restarts)?;
    }
    Ok(())
}
