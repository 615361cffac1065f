//! What can be chosen on the command line.

use std::path::PathBuf;

use clap::{Args as Options, Parser, Subcommand};
use perennial::store::Limits;

/// A build cache for the go command, in a folder that several builds may share
///
/// GOCACHEPROG="gocache serve --dir DIR" go build
#[derive(Clone, Debug, Parser)]
#[command(name = "gocache")]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// What is to be done.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Verb {
    /// Speak with the go command over standard input and output
    Serve {
        #[command(flatten)]
        place: Place,
        /// Say on standard error how often what was asked for was there
        #[arg(long)]
        verbose: bool,
    },
    /// Count what is in the cache
    Stat {
        #[command(flatten)]
        place: Place,
    },
    /// Make room down to the limit, beginning with what was used longest ago
    Prune {
        #[command(flatten)]
        place: Place,
    },
    /// Read all that is in the cache, and remove what is corrupt
    Verify {
        #[command(flatten)]
        place: Place,
    },
}

/// Which cache, and how large it may be.
#[derive(Clone, Debug, Options)]
pub(crate) struct Place {
    /// The folder of the cache; made if it is missing
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// How many bytes the cache may take; no limit by default
    #[arg(long, value_name = "BYTES")]
    max_bytes: Option<u64>,
}

impl Place {
    pub(crate) fn limits(&self) -> Limits {
        match self.max_bytes {
            Some(bytes) => Limits::default().bytes_max(bytes),
            None => Limits::default(),
        }
    }
}
