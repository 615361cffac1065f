//! What can be chosen on the command line.

use std::num::NonZeroUsize;
use std::time::Duration;

use clap::Parser;

/// Plays random worlds to the core of the supervision tree, and checks the laws after each step.
#[derive(Clone, Debug, Parser)]
pub(crate) struct Args {
    /// How long to play; 10 if neither this nor the number of worlds is given
    #[arg(long, value_name = "SECONDS")]
    pub(crate) seconds: Option<u64>,

    /// How many worlds to play
    #[arg(long, value_name = "COUNT")]
    pub(crate) worlds: Option<u64>,

    /// Play this world alone, and print what happens in it
    #[arg(long, value_name = "NUMBER", conflicts_with_all = ["seconds", "worlds", "from"])]
    pub(crate) seed: Option<u64>,

    /// The first world; drawn by default
    #[arg(long, value_name = "NUMBER")]
    pub(crate) from: Option<u64>,

    /// How many threads play
    #[arg(long, value_name = "COUNT")]
    pub(crate) jobs: Option<NonZeroUsize>,

    /// The least number of faults in a world
    #[arg(long, value_name = "COUNT", default_value_t = 200)]
    pub(crate) faults: u64,
}

impl Args {
    pub(crate) fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().ok();
        self.jobs.or_else(cores).map_or(1, NonZeroUsize::get)
    }

    /// How long to play, and how many worlds at most.
    pub(crate) fn amounts(&self) -> (Duration, u64) {
        let seconds = match (self.seconds, self.worlds) {
            (None, None) => 10,
            (None, Some(_)) => u64::MAX,
            (Some(seconds), _) => seconds,
        };
        (
            Duration::from_secs(seconds),
            self.worlds.unwrap_or(u64::MAX),
        )
    }
}
