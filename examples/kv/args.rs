//! What can be chosen on the command line.

use std::{net::SocketAddr, num::NonZeroU64, time::Duration};

use clap::Parser;
use tracing::level_filters::LevelFilter;

use crate::chaos::Part;

/// A key-value daemon that speaks the protocol of Redis and does not die of its parts.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Args {
    /// Where to listen; port 0 takes any that is free
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:6380")]
    pub(crate) listen: SocketAddr,

    /// The most connections at a time; those beyond are closed at once
    #[arg(long, value_name = "COUNT", default_value_t = 10_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_connections: u32,

    /// Close a connection that neither sends nor takes a byte for so long; never by default
    #[arg(long, value_name = "SECONDS")]
    pub(crate) idle_timeout: Option<NonZeroU64>,

    /// Serve connections in bare tasks, to see what the pool costs
    #[arg(long, conflicts_with = "max_connections")]
    pub(crate) bare_connections: bool,

    /// Kill a random part every so many milliseconds
    #[arg(long, value_name = "MS")]
    pub(crate) chaos: Option<NonZeroU64>,

    /// Which parts to kill
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "chaos")]
    #[arg(default_value = "listener,expiry,connection,reporter")]
    pub(crate) chaos_parts: Vec<Part>,

    /// Kill the store too
    #[arg(long, requires = "chaos")]
    pub(crate) chaos_store: bool,

    /// Draw all chance from this number: that of the chaos and that of the backoff
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,

    /// What to log: off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value_t = LevelFilter::INFO)]
    pub(crate) log: LevelFilter,
}

impl Args {
    /// How long a connection may be silent.
    pub(crate) fn idle_timeout(&self) -> Option<Duration> {
        self.idle_timeout
            .map(|seconds| Duration::from_secs(seconds.get()))
    }

    /// How long it is from kill to kill.
    pub(crate) fn chaos_period(&self) -> Option<Duration> {
        self.chaos.map(|ms| Duration::from_millis(ms.get()))
    }

    /// The parts that may be killed, each once.
    pub(crate) fn chaos_parts(&self) -> Vec<Part> {
        let mut parts = self.chaos_parts.clone();
        parts.extend(self.chaos_store.then_some(Part::Store));
        parts.sort_unstable();
        parts.dedup();
        parts
    }
}
