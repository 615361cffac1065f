//! A build cache for the `go` command, in a folder that several builds may share.
//!
//! ```sh
//! cargo build --release --example gocache --features helper,store
//! GOCACHEPROG="target/release/examples/gocache serve --dir /tmp/cache" go build
//! target/release/examples/gocache stat --dir /tmp/cache
//! ```
//!
//! The go command starts it, and it ends with the build. It is killed at any moment without harm:
//! what is in the folder is whole, and verified by its digest.

mod args;
mod cache;
mod waiting;

use std::fmt::Arguments;
use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use perennial::helper::gocache::Listening;
use perennial::helper::{ServeLimits, serve, stdio};
use perennial::store::Store;
use tokio::runtime::Builder;

use crate::args::{Args, Place, Verb};
use crate::cache::Cache;

/// The longest message: a body of three quarters of that.
const MESSAGE_MAX: usize = 2 << 30;

fn main() -> ExitCode {
    let args = Args::parse();
    // One thread talks to the go command; files are looked at by others.
    let runtime = Builder::new_current_thread().enable_all().build();
    let done = runtime.map_err(Into::into).and_then(|runtime| {
        let done = runtime.block_on(run(args.verb));
        // A thread that waits for more input is not waited for.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(verb: Verb) -> anyhow::Result<()> {
    match verb {
        Verb::Serve { place, verbose } => {
            let cache = Cache::new(open(&place).await?);
            let (input, output) = stdio()?;
            let mut limits = ServeLimits::default();
            limits.message_max = MESSAGE_MAX;
            serve(input, output, limits, Listening::default(), |request| {
                cache.answer(request)
            })
            .await?;
            if verbose {
                complain(format_args!("{cache}"));
            }
            Ok(())
        }
        Verb::Stat { place } => {
            let stat = open(&place).await?.stat().await?;
            say(format_args!(
                "{} outputs, {} bytes; {} actions",
                stat.blobs, stat.bytes, stat.actions
            ))
        }
        Verb::Prune { place } => {
            let store = open(&place).await?;
            let spinner = waiting::spinner("making room");
            let pruned = store.prune().await?;
            drop(spinner);
            say(format_args!(
                "{} removed, {} bytes; {} bytes are left",
                pruned.removed, pruned.bytes_removed, pruned.bytes_left
            ))
        }
        Verb::Verify { place } => {
            let store = open(&place).await?;
            let verified = store.verify_with(waiting::bar()).await?;
            let removed = verified.blobs_removed.len() + verified.actions_removed.len();
            say(format_args!(
                "{} outputs and {} actions are sound, {removed} were corrupt and are removed",
                verified.blobs, verified.actions
            ))
        }
    }
}

async fn open(place: &Place) -> anyhow::Result<Store> {
    let store = Store::open(&place.dir, place.limits()).await;
    store.with_context(|| format!("{} cannot be used", place.dir.display()))
}

fn say(what: Arguments<'_>) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{what}").context("standard output cannot be written")
}

/// Says something on standard error, which may be gone: a cache goes on all the same.
fn complain(what: Arguments<'_>) {
    let _ = writeln!(io::stderr(), "gocache: {what}");
}
